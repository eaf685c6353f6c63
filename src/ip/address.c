/* ip/address.c: the addresses of a host: given, found, aged, taken away.
 *
 * Each stands in one table of the host, found by its value (a link-local one also by its
 * interface), and in its interface's list, in the order they came. Its timer runs at the earliest
 * of: the next step of detection (the framing's affair), the end of its preferred and of its valid
 * lifetime (RFC 4862 §5.5.4). The prefix of an address given by hand is a connected route. */
#include "base/address.h"
#include "base/util.h"
#include "ip/ip.h"
#include <string.h>

#define ADDRESSES_MAX 4096 /* an interface */

struct wanted {
    const struct ip_interface *interface; /* null: any */
    const struct rill_address *address;
};

/* Asked for each packet, so it is cheap; keyed all the same. Nobody but us puts entries in. */
static uint32_t tag(const struct ip_host *host, const struct rill_address *address) {
    uint64_t words[2];
    memcpy(words, address->bytes, sizeof words);
    uint64_t hash = (words[0] ^ host->key.k0) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 32 ^ words[1] ^ host->key.k1) * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(hash >> 32);
}

static bool equal(const void *context, uint32_t value, const void *key) {
    const struct ip_host *host = (const struct ip_host *)context;
    const struct wanted *wanted = (const struct wanted *)key;
    const struct ip_address *own = (const struct ip_address *)slab_at(&host->addresses, value);
    return rill_address_equal(&own->address, wanted->address) &&
           (!wanted->interface || own->interface == wanted->interface ||
            !rill__address_is_link_local(wanted->address));
}

struct ip_address *rill__ip_address_find(struct ip_host *host, const struct ip_interface *interface,
                                         const struct rill_address *address) {
    struct wanted wanted = {interface, address};
    uint32_t index;
    if (!rill__hash_find(&host->owned, tag(host, address), equal, host, &wanted, &index))
        return 0;
    return (struct ip_address *)slab_at(&host->addresses, index);
}

struct ip_address *rill__ip_address_owned(struct ip_host *host,
                                          const struct ip_interface *interface,
                                          const struct rill_address *address) {
    struct ip_address *own = rill__ip_address_find(host, interface, address);
    return own && address_usable(own) ? own : 0;
}

bool rill__ip_is_broadcast(const struct ip_interface *interface,
                           const struct rill_address *address) {
    if (!rill_address_is_ipv4(address))
        return false;
    for (uint32_t i = 0; i < interface->address_count; i++) {
        const struct ip_address *own = interface->addresses[i];
        unsigned host_bits = 128u - own->prefix_bits;
        if (host_bits < 2 || host_bits > 31 || !rill_address_is_ipv4(&own->address) ||
            !rill__address_in_prefix(address, &own->address, own->prefix_bits))
            continue;
        uint32_t ones = 0;
        for (int k = 12; k < 16; k++)
            ones = ones << 8 | address->bytes[k];
        if ((ones | ~((UINT32_C(1) << host_bits) - 1)) == UINT32_MAX)
            return true;
    }
    return false;
}

void rill__ip_address_file(struct ip_host *host, struct ip_address *own) {
    rill_time next = RILL_MIN(own->check_at, own->valid_until);
    if (own->preferred_until > host->core->now) /* else it is deprecated already */
        next = RILL_MIN(next, own->preferred_until);
    rill__wheel_disarm(&host->core->wheel, &own->timer.entry);
    if (next != RILL_TIME_NEVER)
        rill__wheel_arm(&host->core->wheel, &own->timer.entry, next);
}

static void expired(void *context, struct core_timer *timer) {
    struct ip_address *own = RILL_CONTAINER(timer, struct ip_address, timer);
    struct ip_host *host = own->interface->host;
    (void)context;
    if (own->valid_until <= host->core->now) {
        rill__ip_address_free(host, own);
        return;
    }
    if (own->check_at <= host->core->now) {
        own->check_at = RILL_TIME_NEVER;
        own->interface->framing->address_check(own);
    }
    if (own->preferred_until <= host->core->now && own->state == RILL_ADDRESS_PREFERRED)
        own->state = RILL_ADDRESS_DEPRECATED;
    rill__ip_address_file(host, own);
}

static bool is_ours_to_have(const struct ip_interface *interface,
                            const struct rill_address *address) {
    if (rill_address_is_any(address) || rill__address_is_group(address))
        return false;
    /* RFC 1122 §3.2.1.3 (g): never outside the host */
    return !rill__address_is_loopback(address) || interface->flags & RILL_INTERFACE_LOOPBACK;
}

static int make_room(struct ip_host *host, struct ip_interface *interface) {
    if (interface->address_count < interface->address_capacity)
        return 0;
    uint32_t capacity = interface->address_capacity ? interface->address_capacity * 2 : 4;
    if (capacity > ADDRESSES_MAX)
        return RILL_ERROR_LIMIT;
    struct ip_address **larger =
        (struct ip_address **)rill__core_allocate(host->core, capacity * sizeof *larger);
    if (!larger)
        return RILL_ERROR_MEMORY;
    if (interface->address_count)
        memcpy(larger, interface->addresses, interface->address_count * sizeof *larger);
    rill__core_release(host->core, interface->addresses,
                       interface->address_capacity * sizeof *larger);
    interface->addresses = larger;
    interface->address_capacity = capacity;
    return 0;
}

/* The route that an address given by hand brings; false: it brings none. */
static bool connected_route(const struct ip_address *own, struct ip_route *route) {
    memset(route, 0, sizeof *route);
    route->prefix = own->address;
    route->until = RILL_TIME_NEVER;
    route->bits = own->prefix_bits;
    route->interface = (uint8_t)own->interface->index;
    route->origin = IP_ROUTE_CONNECTED;
    return !own->automatic && own->prefix_bits < 128;
}

/* A record that stands in the host's table, or null. */
static struct ip_address *open_record(struct ip_host *host, const struct rill_address *address) {
    uint32_t index;
    struct ip_address *own = (struct ip_address *)rill__slab_open(&host->addresses, &index);
    if (!own)
        return 0;
    own->index = index;
    own->address = *address;
    own->timer.expire = expired;
    if (rill__hash_insert(&host->owned, tag(host, address), index))
        return own;
    rill__slab_close(&host->addresses, index);
    return 0;
}

static void close_record(struct ip_host *host, struct ip_address *own) {
    rill__wheel_disarm(&host->core->wheel, &own->timer.entry);
    rill__hash_remove(&host->owned, tag(host, &own->address), own->index);
    rill__slab_close(&host->addresses, own->index);
}

static void begin(struct ip_host *host, struct ip_address *own) {
    struct ip_interface *interface = own->interface;
    own->state = RILL_ADDRESS_PREFERRED;
    if (interface->framing && interface->up)
        interface->framing->address_check(own);
    if (own->preferred_until <= host->core->now && own->state == RILL_ADDRESS_PREFERRED)
        own->state = RILL_ADDRESS_DEPRECATED;
    rill__ip_address_file(host, own);
}

int rill__ip_address_add(struct ip_host *host, uint32_t number,
                         const struct ip_address_config *config) {
    bool ipv4 = rill_address_is_ipv4(&config->address);
    if (number >= host->interface_count || config->prefix_length > (ipv4 ? 32 : 128) ||
        !rill__ip_network(host, &config->address) ||
        !is_ours_to_have(host->interfaces[number], &config->address))
        return RILL_ERROR_ARGUMENT;
    struct ip_interface *interface = host->interfaces[number];
    if (!ipv4 && interface->mtu < 1280) /* RFC 8200 §5 */
        return RILL_ERROR_ARGUMENT;
    if (rill__ip_address_find(host, interface, &config->address))
        return RILL_ERROR_ADDRESS_IN_USE;
    int error = make_room(host, interface);
    if (error)
        return error;
    struct ip_address *own = open_record(host, &config->address);
    if (!own)
        return RILL_ERROR_MEMORY;
    own->interface = interface;
    own->prefix_bits = (uint8_t)(config->prefix_length + (ipv4 ? 96 : 0));
    own->automatic = config->automatic;
    own->collisions = config->collisions;
    own->check_at = RILL_TIME_NEVER;
    own->preferred_until = config->preferred_until;
    own->valid_until = config->valid_until;
    struct ip_route route;
    error = connected_route(own, &route) ? rill__ip_route_add(host, &route) : 0;
    if (error) {
        close_record(host, own);
        return error;
    }
    interface->addresses[interface->address_count++] = own;
    begin(host, own);
    return 0;
}

void rill__ip_address_free(struct ip_host *host, struct ip_address *own) {
    struct ip_interface *interface = own->interface;
    struct ip_route route;
    uint32_t at = 0;
    while (interface->addresses[at] != own)
        at++;
    interface->address_count--;
    memmove(interface->addresses + at, interface->addresses + at + 1,
            (interface->address_count - at) * sizeof(struct ip_address *));
    if (connected_route(own, &route))
        rill__ip_route_remove(host, &route);
    host->addresses_lost++;
    if (address_usable(own))
        rill__ip_raise(interface, RILL_EVENT_ADDRESS_LOST);
    struct rill_address gone = own->address;
    close_record(host, own);
    if (interface->framing)
        interface->framing->address_gone(interface, &gone);
}

int rill__ip_address_remove(struct ip_host *host, uint32_t interface,
                            const struct rill_address *address) {
    if (interface >= host->interface_count)
        return RILL_ERROR_ADDRESS_NOT_AVAILABLE;
    struct ip_address *own = rill__ip_address_find(host, host->interfaces[interface], address);
    if (!own || own->interface != host->interfaces[interface])
        return RILL_ERROR_ADDRESS_NOT_AVAILABLE;
    rill__ip_address_free(host, own);
    return 0;
}
