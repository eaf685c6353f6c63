/* ip/autoconf.c: a host that finds its way alone: it makes a link-local address, asks for routers,
 * and takes what they advertise (RFC 4861 §6.3, RFC 4862 §5.5, RFC 4191, RFC 7217, RFC 7559).
 *
 *   solicitation    133 | option 1: our link address
 *   advertisement   134 | hop limit | M O prf | lifetime | reachable | retransmit | options:
 *                   1 link address, 3 prefix, 5 MTU, 24 route
 *
 * Bounds: AUTOMATIC_MAX addresses and LEARNT_MAX routes an interface, whatever is advertised.
 * Without `autoconfigure` in the interface's config nothing here runs. */
#include "ip/neighbour.h"

#include "base/address.h"
#include "base/bytes.h"
#include "base/util.h"
#include <string.h>

enum {
    ROUTER_SOLICITATION = 133,
    PREFIX = 3,
    MTU = 5,
    ROUTE = 24,
    ON_LINK = 0x80,
    AUTONOMOUS = 0x40,
    HEADER = 16, /* of an advertisement */
    AUTOMATIC_MAX = 16,
    LEARNT_MAX = 32,
    COLLISIONS_MAX = 3, /* RFC 7217 §7: IDGEN_RETRIES */
    /* RFC 3756 §4.2.7: a forged advertisement may not keep packets on the link, nor leave
     * neighbours no time to answer. */
    HOP_LIMIT_MIN = 32,
    RETRANSMIT_MIN = 100, /* ms */
};
#define FIRST_INTERVAL (4 * RILL_SECOND) /* RFC 4861 §10, RFC 7559 §2 */
#define LAST_INTERVAL (3600 * RILL_SECOND)
#define TWO_HOURS (7200 * RILL_SECOND) /* RFC 4862 §5.5.3 (e) */

struct ip_autoconf {
    struct core_timer timer; /* at the earlier of the two */
    struct ip_interface *interface;
    rill_time ask_at, purge_at;
    rill_time interval; /* between questions; 0: none asked yet */
    bool has_router;
};

/* ---- addresses ---- */

/* RFC 7217 §5: the same link, prefix and secret give the same identifier. */
static struct rill_address make_address(const struct ip_interface *interface,
                                        const struct rill_address *prefix, uint8_t collisions) {
    struct rill_address address = *prefix;
    uint8_t input[16];
    memcpy(input, prefix->bytes, 8);
    memcpy(input + 8, interface->mac, 6);
    input[14] = (uint8_t)interface->index;
    for (;; collisions++) {
        input[15] = collisions;
        uint64_t identifier = rill__siphash(&interface->host->secret, input, sizeof input);
        for (int i = 0; i < 8; i++)
            address.bytes[8 + i] = (uint8_t)(identifier >> (56 - 8 * i));
        /* RFC 5453 §4: reserved identifiers */
        if (identifier && identifier >> 7 != UINT64_C(0xfdffffffffffff80) >> 7 &&
            identifier >> 24 != UINT64_C(0x02005eff))
            return address;
    }
}

static int add_address(struct ip_interface *interface, const struct rill_address *prefix,
                       uint8_t collisions, rill_time preferred_until, rill_time valid_until) {
    uint32_t automatic = 0;
    for (uint32_t i = 0; i < interface->address_count; i++)
        automatic += interface->addresses[i]->automatic;
    if (automatic >= AUTOMATIC_MAX)
        return RILL_ERROR_LIMIT;
    struct ip_address_config config = {make_address(interface, prefix, collisions),
                                       64,
                                       true,
                                       collisions,
                                       preferred_until,
                                       valid_until};
    int error = rill__ip_address_add(interface->host, interface->index, &config);
    struct ip_address *own =
        error ? 0 : rill__ip_address_owned(interface->host, interface, &config.address);
    if (own)
        rill__ip_raise(interface, RILL_EVENT_ADDRESS_GAINED);
    return error;
}

void rill__autoconf_collision(struct ip_address *own) {
    struct ip_interface *interface = own->interface;
    struct rill_address prefix = own->address;
    rill_time preferred = own->preferred_until, valid = own->valid_until;
    uint8_t collisions = (uint8_t)(own->collisions + 1);
    memset(prefix.bytes + 8, 0, 8);
    if (collisions >= COLLISIONS_MAX) {
        rill__ip_address_file(interface->host, own); /* it stays, to be seen as a duplicate */
        return;
    }
    rill__ip_address_free(interface->host, own);
    int error = add_address(interface, &prefix, collisions, preferred, valid);
    (void)error; /* without memory the next advertisement tries again */
}

static void make_link_local(struct ip_interface *interface) {
    static const struct rill_address prefix = {{0xfe, 0x80}};
    for (uint32_t i = 0; i < interface->address_count; i++)
        if (rill__address_is_link_local(&interface->addresses[i]->address))
            return;
    int error = add_address(interface, &prefix, 0, RILL_TIME_NEVER, RILL_TIME_NEVER);
    (void)error; /* tried again with the next question */
}

/* ---- routes ---- */

static struct ip_route learnt(const struct ip_interface *interface) {
    struct ip_route route;
    memset(&route, 0, sizeof route);
    route.interface = (uint8_t)interface->index;
    route.origin = IP_ROUTE_LEARNT;
    return route;
}

static bool is_learnt(const struct ip_route *route, const struct ip_interface *interface) {
    return route->origin == IP_ROUTE_LEARNT && route->interface == interface->index;
}

static void learn_route(struct ip_interface *interface, const struct ip_route *route,
                        rill_time lifetime) {
    struct ip_host *host = interface->host;
    uint32_t count = 0;
    if (!lifetime) {
        rill__ip_route_remove(host, route);
        return;
    }
    for (uint32_t i = 0; i < host->route_count; i++)
        count += is_learnt(&host->routes[i], interface);
    struct ip_route timed = *route;
    timed.until = lifetime == RILL_TIME_NEVER ? lifetime : host->core->now + lifetime;
    /* What is known is refreshed however full the table is: else who has filled it has also ended
     * what was there before him. */
    bool room = count < LEARNT_MAX || rill__ip_route_known(host, route);
    int error = room ? rill__ip_route_add(host, &timed) : (int)RILL_ERROR_LIMIT;
    if (error)
        rill__core_drop(host->core, RILL_DROP_ROUTER_LIMIT);
}

/* ---- asking ---- */

static void file(struct ip_autoconf *state) {
    struct core *core = state->interface->host->core;
    rill_time next = RILL_MIN(state->ask_at, state->purge_at);
    rill__wheel_disarm(&core->wheel, &state->timer.entry);
    if (next != RILL_TIME_NEVER)
        rill__wheel_arm(&core->wheel, &state->timer.entry, next);
}

/* Looks over the learnt routes: takes away what has run out (or all), notes the next end, and tells
 * of the first router found and the last one lost. */
static void review(struct ip_autoconf *state, bool all) {
    struct ip_host *host = state->interface->host;
    bool router = false;
    state->purge_at = RILL_TIME_NEVER;
    for (uint32_t i = host->route_count; i-- > 0;) {
        struct ip_route *route = &host->routes[i];
        if (!is_learnt(route, state->interface))
            continue;
        if (all || route->until <= host->core->now) {
            rill__ip_route_remove(host, route);
            continue;
        }
        state->purge_at = RILL_MIN(state->purge_at, route->until);
        router = router || route->bits == 0;
    }
    if (router != state->has_router)
        rill__ip_raise(state->interface, router ? RILL_EVENT_ROUTER_FOUND : RILL_EVENT_ROUTER_LOST);
    if (state->has_router && !router && state->interface->up) { /* whoever is left may answer */
        state->interval = 0;
        state->ask_at = host->core->now + rill__random_below(&host->core->random, RILL_SECOND);
    }
    state->has_router = router;
}

static void ask(struct ip_autoconf *state) {
    static const struct rill_address all_routers = {
        {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};
    struct ip_interface *interface = state->interface;
    struct core *core = interface->host->core;
    struct rill_address none = {{0}};
    const struct ip_address *own =
        rill__ip_select(interface->host, interface, &all_routers, &all_routers);
    uint8_t mac[6], message[16] = {ROUTER_SOLICITATION};
    rill__ndp_group_mac(&all_routers, mac);
    message[8] = NDP_SOURCE_LINK;
    message[9] = 1;
    memcpy(message + 10, interface->mac, 6);
    bool whole = own && own->state != RILL_ADDRESS_OPTIMISTIC; /* RFC 4429 §3.2, RFC 4861 §4.1 */
    make_link_local(interface);
    rill__ndp_send(interface, own ? &own->address : &none, &all_routers, mac, message,
                   whole ? 16 : 8);
    state->interval =
        state->interval ? RILL_MIN(2 * state->interval, LAST_INTERVAL) : FIRST_INTERVAL;
    /* RFC 7559 §2: a tenth more or less, so that hosts do not ask in step */
    state->ask_at = core->now + state->interval * 9 / 10 +
                    rill__random_below(&core->random, state->interval / 5);
}

static void expired(void *context, struct core_timer *timer) {
    struct ip_autoconf *state = RILL_CONTAINER(timer, struct ip_autoconf, timer);
    (void)context;
    rill_time now = state->interface->host->core->now;
    if (state->purge_at <= now)
        review(state, false);
    if (state->ask_at <= now)
        ask(state);
    file(state);
}

void rill__autoconf_link_changed(struct ip_interface *interface) {
    struct ip_host *host = interface->host;
    struct ip_autoconf *state = interface->autoconf;
    if (!interface->autoconfigure)
        return;
    if (!state) {
        state = (struct ip_autoconf *)rill__core_allocate(host->core, sizeof *state);
        if (!state)
            return; /* no memory: the host has the addresses it is given */
        memset(state, 0, sizeof *state);
        state->interface = interface;
        state->timer.expire = expired;
        interface->autoconf = state;
    }
    state->interval = 0;
    state->ask_at = RILL_TIME_NEVER;
    if (interface->up) {
        make_link_local(interface);
        state->ask_at = host->core->now + rill__random_below(&host->core->random, RILL_SECOND);
    }
    if (!interface->up) { /* what was said of this link may not be true of the next */
        interface->mtu_said = interface->hop_limit_said = 0;
        interface->reachable_said = interface->retransmit_said = 0;
    }
    review(state, !interface->up);
    file(state);
}

void rill__autoconf_fini(struct ip_interface *interface) {
    if (!interface->autoconf)
        return;
    rill__wheel_disarm(&interface->host->core->wheel, &interface->autoconf->timer.entry);
    rill__core_release(interface->host->core, interface->autoconf, sizeof *interface->autoconf);
    interface->autoconf = 0;
}

void rill__autoconf_not_router(struct ip_interface *interface, const struct rill_address *address) {
    struct ip_autoconf *state = interface->autoconf;
    if (!state)
        return;
    struct ip_host *host = interface->host;
    for (uint32_t i = host->route_count; i-- > 0;)
        if (is_learnt(&host->routes[i], interface) &&
            rill_address_equal(&host->routes[i].gateway, address))
            rill__ip_route_remove(host, &host->routes[i]);
    review(state, false);
    file(state);
}

/* ---- listening ---- */

static rill_time seconds(uint32_t value) {
    return value == UINT32_MAX ? RILL_TIME_NEVER : value * RILL_SECOND;
}

static rill_time until(const struct core *core, rill_time lifetime) {
    return lifetime == RILL_TIME_NEVER ? lifetime : core->now + lifetime;
}

/* RFC 4191 §2.1: 01 high, 00 medium, 11 low; 10 is reserved, and means medium. */
static int8_t preference(uint8_t flags) {
    unsigned bits = flags >> 3 & 3;
    return bits == 1 ? 1 : bits == 3 ? -1 : 0;
}

/* RFC 4862 §5.5.3 (e): a forged advertisement may not end an address at once. */
static void refresh(struct ip_address *own, rill_time preferred, rill_time valid) {
    struct core *core = own->interface->host->core;
    rill_time left =
        own->valid_until == RILL_TIME_NEVER ? own->valid_until : own->valid_until - core->now;
    if (valid > TWO_HOURS || valid > left)
        own->valid_until = until(core, valid);
    else if (left > TWO_HOURS)
        own->valid_until = core->now + TWO_HOURS;
    own->preferred_until = until(core, preferred);
    if (own->state == RILL_ADDRESS_PREFERRED || own->state == RILL_ADDRESS_DEPRECATED)
        own->state = preferred ? RILL_ADDRESS_PREFERRED : RILL_ADDRESS_DEPRECATED;
    rill__ip_address_file(own->interface->host, own);
}

static void autonomous(struct ip_interface *interface, const struct rill_address *prefix,
                       rill_time preferred, rill_time valid) {
    struct core *core = interface->host->core;
    bool known = false;
    for (uint32_t i = 0; i < interface->address_count; i++) {
        struct ip_address *own = interface->addresses[i];
        if (!own->automatic || !rill__address_in_prefix(&own->address, prefix, 64))
            continue;
        known = true;
        refresh(own, preferred, valid);
    }
    if (known || !valid)
        return;
    if (add_address(interface, prefix, 0, until(core, preferred), until(core, valid)))
        rill__core_drop(core, RILL_DROP_ROUTER_LIMIT);
}

static void take_prefix(struct ip_interface *interface, const uint8_t *option) {
    rill_time valid = seconds(bytes_get32(option + 4));
    rill_time preferred = seconds(bytes_get32(option + 8));
    struct ip_route route = learnt(interface);
    uint8_t bits = option[2];
    if (option[1] != 4 || bits > 128)
        return;
    memcpy(route.prefix.bytes, option + 16, 16);
    if (rill__address_is_link_local(&route.prefix) || rill__address_is_group(&route.prefix) ||
        rill_address_is_ipv4(&route.prefix))
        return;
    if (option[3] & ON_LINK && bits) {
        route.bits = bits;
        learn_route(interface, &route, valid);
    }
    memset(route.prefix.bytes + 8, 0, 8);
    if (option[3] & AUTONOMOUS && bits == 64 && preferred <= valid)
        autonomous(interface, &route.prefix, preferred, valid);
}

/* RFC 4191 §2.3 */
static void take_route(struct ip_interface *interface, const struct rill_address *router,
                       const uint8_t *option) {
    struct ip_route route = learnt(interface);
    uint8_t bits = option[2];
    if (bits > 128 || option[1] > 3 || option[1] < (bits > 64 ? 3 : bits > 0 ? 2 : 1))
        return;
    memcpy(route.prefix.bytes, option + 8, (size_t)(option[1] - 1) * 8);
    for (unsigned i = bits; i < 128; i++) /* what lies behind the prefix is not part of it */
        route.prefix.bytes[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
    route.bits = bits;
    route.gateway = *router;
    route.preference = preference(option[3]);
    if ((option[3] >> 3 & 3) != 2 && !rill_address_is_ipv4(&route.prefix))
        learn_route(interface, &route, seconds(bytes_get32(option + 4)));
}

static void take_options(struct ip_interface *interface, const struct rill_address *router,
                         const uint8_t *option, size_t length) {
    while (length > 0) {
        size_t size = (size_t)option[1] * 8;
        uint32_t mtu = option[0] == MTU ? bytes_get32(option + 4) : 0;
        if (option[0] == PREFIX && size >= 32)
            take_prefix(interface, option);
        else if (option[0] == ROUTE)
            take_route(interface, router, option);
        else if (mtu >= 1280 && mtu <= interface->mtu) /* RFC 4861 §6.3.4 */
            interface->mtu_said = mtu;
        length -= size;
        option += size;
    }
}

/* RFC 4861 §6.3.4 */
enum rill_drop rill__autoconf_input(struct ip_interface *interface,
                                    const struct ip_datagram *datagram) {
    const uint8_t *message = datagram->data;
    struct ip_autoconf *state = interface->autoconf;
    if (!rill__address_is_link_local(&datagram->source))
        return RILL_DROP_NDP_INVALID;
    if (!state)
        return RILL_DROP_ICMP_IGNORED;
    const uint8_t *link =
        rill__ndp_option(message + HEADER, datagram->length - HEADER, NDP_SOURCE_LINK);
    struct neighbour *neighbour = link && link[1] == 1 && !(link[2] & 1)
                                      ? rill__neighbour_find(interface, &datagram->source, true)
                                      : 0;
    if (neighbour)
        rill__neighbour_learn(neighbour, link + 2, false, true);
    if (message[4] >= HOP_LIMIT_MIN)
        interface->hop_limit_said = message[4];
    if (bytes_get32(message + 8) && bytes_get32(message + 8) <= 3600000) /* an hour, §6.2.1 */
        interface->reachable_said = bytes_get32(message + 8) * RILL_MILLISECOND;
    if (bytes_get32(message + 12) >= RETRANSMIT_MIN && bytes_get32(message + 12) <= 60000)
        interface->retransmit_said = bytes_get32(message + 12) * RILL_MILLISECOND;
    struct ip_route route = learnt(interface);
    route.gateway = datagram->source;
    route.preference = preference(message[5]);
    learn_route(interface, &route, bytes_get16(message + 6) * RILL_SECOND);
    take_options(interface, &datagram->source, message + HEADER, datagram->length - HEADER);
    if (bytes_get16(message + 6)) /* RFC 7559 §2: a router has answered, no more questions */
        state->ask_at = RILL_TIME_NEVER;
    review(state, false);
    file(state);
    return RILL_DROP_NONE;
}
