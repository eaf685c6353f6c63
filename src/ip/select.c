/* ip/select.c: which of our addresses a packet leaves from.
 *
 * IPv6: the rules of RFC 6724 §5, each candidate against the best so far. Candidates are the
 * addresses of the outgoing interface for a destination that means something on one link only, else
 * those of all interfaces. Rules 4 (home addresses) and 7 (temporary addresses) have nothing to
 * compare here. Where no rule decides, the address that came last stays, as elsewhere.
 *
 * IPv4 has no such rules: of the outgoing interface's addresses the one whose prefix is the route
 * (the longest that holds the destination), or the first whose prefix holds the gateway, else its
 * first, else the first of any interface: as other systems do. */
#include "base/address.h"
#include "base/util.h"
#include "ip/ip.h"

enum { SCOPE_LINK = 2, SCOPE_SITE = 5, SCOPE_GLOBAL = 14 };

/* RFC 6724 §3.1 */
static int scope_of(const struct rill_address *address) {
    if (address->bytes[0] == 0xff)
        return address->bytes[1] & 15;
    if (rill__address_is_link_local(address) || rill__address_is_loopback(address))
        return SCOPE_LINK;
    return address->bytes[0] == 0xfe && address->bytes[1] >= 0xc0 ? SCOPE_SITE : SCOPE_GLOBAL;
}

/* RFC 6724 §2.1, the default policy table; of the labels only equality matters. */
static int label_of(const struct rill_address *address) {
    static const struct {
        struct rill_address prefix;
        uint8_t bits;
        int8_t label;
    } table[] = {
        {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, 128, 0}, /* ::1 */
        {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}}, 96, 4},
        {{{0}}, 96, 3},
        {{{0x20, 0x01}}, 32, 5},  /* Teredo */
        {{{0x20, 0x02}}, 16, 2},  /* 6to4 */
        {{{0x3f, 0xfe}}, 16, 12}, /* 6bone */
        {{{0xfe, 0xc0}}, 10, 11}, /* site-local */
        {{{0xfc}}, 7, 13},        /* unique local */
        {{{0}}, 0, 1},
    };
    size_t i = 0;
    while (!rill__address_in_prefix(address, &table[i].prefix, table[i].bits))
        i++;
    return table[i].label;
}

struct choice {
    const struct ip_interface *interface;
    const struct rill_address *remote;
    const struct ip_address *best;
};

static bool deprecated(const struct ip_address *own) {
    return own->state == RILL_ADDRESS_DEPRECATED;
}

/* Positive: `a` is the better one, negative: `b` is, 0: the rule does not decide. */
static int by_scope(const struct ip_address *a, const struct ip_address *b,
                    const struct rill_address *remote) {
    int scope_a = scope_of(&a->address), scope_b = scope_of(&b->address), to = scope_of(remote);
    if (scope_a == scope_b)
        return 0;
    if (scope_a < scope_b)
        return scope_a < to ? -1 : 1;
    return scope_b < to ? 1 : -1;
}

static int common(const struct ip_address *own, const struct rill_address *remote) {
    unsigned bits = rill__address_common_bits(&own->address, remote);
    return (int)RILL_MIN(bits, (unsigned)own->prefix_bits); /* RFC 6724 §2.2 */
}

static bool better(const struct choice *choice, const struct ip_address *a) {
    const struct ip_address *b = choice->best;
    const struct rill_address *remote = choice->remote;
    int verdicts[] = {
        (int)rill_address_equal(&a->address, remote) -
            (int)rill_address_equal(&b->address, remote),                               /* rule 1 */
        by_scope(a, b, remote),                                                         /* rule 2 */
        (int)deprecated(b) - (int)deprecated(a),                                        /* rule 3 */
        (int)(a->interface == choice->interface) - (b->interface == choice->interface), /* rule 5 */
        (int)(label_of(&a->address) == label_of(remote)) -
            (label_of(&b->address) == label_of(remote)), /* rule 6 */
        common(a, remote) - common(b, remote),           /* rule 8 */
    };
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
        if (verdicts[i])
            return verdicts[i] > 0;
    return false;
}

static void consider(struct choice *choice, const struct ip_interface *interface) {
    for (uint32_t i = interface->address_count; i-- > 0;) {
        const struct ip_address *own = interface->addresses[i];
        if (!rill_address_is_ipv4(&own->address) && address_usable(own) &&
            (!choice->best || better(choice, own)))
            choice->best = own;
    }
}

static const struct ip_address *first_ipv4(const struct ip_interface *interface,
                                           const struct rill_address *hop, bool direct) {
    const struct ip_address *best = 0;
    int best_bits = -1; /* of the prefix, if it holds the first hop */
    bool best_deprecated = false;
    for (uint32_t i = 0; i < interface->address_count; i++) {
        const struct ip_address *own = interface->addresses[i];
        if (!rill_address_is_ipv4(&own->address) || !address_usable(own))
            continue;
        bool holds = rill__address_in_prefix(hop, &own->address, own->prefix_bits);
        int bits = holds ? (direct ? own->prefix_bits : 0) : -1;
        if (!best || (best_deprecated && !deprecated(own)) || bits > best_bits) {
            best = own;
            best_bits = bits;
            best_deprecated = deprecated(own);
        }
    }
    return best;
}

const struct ip_address *rill__ip_select(const struct ip_host *host,
                                         const struct ip_interface *interface,
                                         const struct rill_address *remote,
                                         const struct rill_address *hop) {
    if (rill_address_is_ipv4(remote)) {
        bool direct = rill_address_equal(hop, remote);
        const struct ip_address *own = first_ipv4(interface, hop, direct);
        for (uint32_t i = 0; !own && i < host->interface_count; i++)
            if (!(host->interfaces[i]->flags & RILL_INTERFACE_LOOPBACK))
                own = first_ipv4(host->interfaces[i], hop, direct);
        return own;
    }
    struct choice choice = {interface, remote, 0};
    consider(&choice, interface);
    bool one_link = rill__address_is_link_local(remote) || remote->bytes[0] == 0xff;
    for (uint32_t i = 0; !one_link && i < host->interface_count; i++)
        if (host->interfaces[i] != interface)
            consider(&choice, host->interfaces[i]);
    return choice.best;
}
