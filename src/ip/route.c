/* ip/route.c: where a packet goes: the routes of a host, and the first hop on a link.
 *
 * One table, the longest prefix first, among equals the preferred (RFC 4191 §3.2), then the first
 * that came: the first match is the answer, unless its gateway is silent and another of the same
 * prefix is not (RFC 4861 §6.3.6). Prefixes of own addresses stand in it, counted, as do the
 * application's routes and those routers have advertised. A point-to-point link reaches everything:
 * without any route a raw IP interface is taken. */
#include "base/address.h"
#include "ip/ip.h"
#include <string.h>

static bool same(const struct ip_route *a, const struct ip_route *b) {
    return a->bits == b->bits && a->interface == b->interface && a->origin == b->origin &&
           rill_address_equal(&a->gateway, &b->gateway) &&
           rill__address_in_prefix(&a->prefix, &b->prefix, a->bits) &&
           rill_address_is_ipv4(&a->prefix) == rill_address_is_ipv4(&b->prefix);
}

static struct ip_route *find_same(struct ip_host *host, const struct ip_route *wanted) {
    for (uint32_t i = 0; i < host->route_count; i++)
        if (same(&host->routes[i], wanted))
            return &host->routes[i];
    return 0;
}

bool rill__ip_route_known(struct ip_host *host, const struct ip_route *route) {
    return find_same(host, route) != 0;
}

static int make_room(struct ip_host *host) {
    if (host->route_count < host->route_capacity)
        return 0;
    if (host->route_count == IP_ROUTES_MAX)
        return RILL_ERROR_LIMIT;
    uint32_t capacity = host->route_capacity ? host->route_capacity * 2 : 8;
    struct ip_route *larger =
        (struct ip_route *)rill__core_allocate(host->core, capacity * sizeof *larger);
    if (!larger)
        return RILL_ERROR_MEMORY;
    if (host->route_count)
        memcpy(larger, host->routes, host->route_count * sizeof *larger);
    rill__core_release(host->core, host->routes, host->route_capacity * sizeof *larger);
    host->routes = larger;
    host->route_capacity = capacity;
    return 0;
}

/* What the order of the table goes by: the prefix, then the preference. */
static int rank(const struct ip_route *route) {
    return route->bits * 4 + route->preference;
}

int rill__ip_route_add(struct ip_host *host, const struct ip_route *route) {
    struct ip_route *known = find_same(host, route);
    if (known && route->origin == IP_ROUTE_CONNECTED) {
        known->users++;
        return 0;
    }
    if (known && route->preference == known->preference) {
        known->until = route->until;
        return 0;
    }
    if (known)
        rill__ip_route_remove(host, known);
    int error = make_room(host);
    if (error)
        return error;
    uint32_t at = host->route_count++;
    for (; at > 0 && rank(&host->routes[at - 1]) < rank(route); at--)
        host->routes[at] = host->routes[at - 1];
    host->routes[at] = *route;
    host->routes[at].users = 1;
    return 0;
}

int rill__ip_route_remove(struct ip_host *host, const struct ip_route *route) {
    struct ip_route *known = find_same(host, route);
    if (!known)
        return RILL_ERROR_ARGUMENT;
    if (--known->users)
        return 0;
    uint32_t at = (uint32_t)(known - host->routes);
    host->route_count--;
    memmove(known, known + 1, (host->route_count - at) * sizeof *known);
    return 0;
}

static bool matches(const struct ip_host *host, const struct ip_route *route,
                    const struct rill_address *remote) {
    return host->interfaces[route->interface]->up && route->until > host->core->now &&
           rill_address_is_ipv4(&route->prefix) == rill_address_is_ipv4(remote) &&
           rill__address_in_prefix(remote, &route->prefix, route->bits);
}

/* The best route to `remote`, of those by `interface` (null: by any). */
static const struct ip_route *find_route(const struct ip_host *host,
                                         const struct rill_address *remote,
                                         const struct ip_interface *interface) {
    const struct ip_route *best = 0;
    for (uint32_t i = 0; i < host->route_count; i++) {
        const struct ip_route *route = &host->routes[i];
        if (best && route->bits < best->bits)
            break;
        if ((interface && route->interface != interface->index) || !matches(host, route, remote))
            continue;
        if (!route->silent)
            return route;
        if (!best)
            best = route;
    }
    return best;
}

void rill__ip_route_silent(struct ip_interface *interface, const struct rill_address *gateway,
                           bool silent) {
    struct ip_host *host = interface->host;
    bool some = false;
    if (!silent && !host->route_silent)
        return;
    for (uint32_t i = 0; i < host->route_count; i++) {
        struct ip_route *route = &host->routes[i];
        if (route->interface == interface->index && rill_address_equal(&route->gateway, gateway))
            route->silent = silent;
        some = some || route->silent;
    }
    host->route_silent = some;
}

bool rill__ip_next_hop(struct ip_interface *interface, const struct rill_address *remote,
                       struct rill_address *hop) {
    struct ip_host *host = interface->host;
    const struct ip_destination *known =
        host->newest ? rill__ip_destination(host, remote, false) : 0;
    *hop = *remote;
    if (rill__address_is_link_local(remote) || rill__address_is_group(remote))
        return true;
    if (known && known->until > host->core->now && known->interface == interface->index &&
        !rill_address_is_any(&known->hop)) {
        *hop = known->hop;
        return true;
    }
    const struct ip_route *route = find_route(host, remote, interface);
    if (!route)
        return !interface->framing;
    if (!rill_address_is_any(&route->gateway))
        *hop = route->gateway;
    return true;
}

static bool has_family(const struct ip_interface *interface, bool ipv4) {
    for (uint32_t i = 0; i < interface->address_count; i++)
        if (rill_address_is_ipv4(&interface->addresses[i]->address) == ipv4 &&
            address_usable(interface->addresses[i]))
            return true;
    return false;
}

/* A zone says it; a destination that means something on one link, or a group, goes by the first
 * link that has addresses of the family. */
static struct ip_interface *by_zone(struct ip_host *host, const struct rill_endpoint *remote) {
    if (remote->zone)
        return remote->zone <= host->interface_count ? host->interfaces[remote->zone - 1] : 0;
    bool ipv4 = rill_address_is_ipv4(&remote->address);
    for (int round = 0; round < 2; round++) { /* links with neighbours first */
        for (uint32_t i = 0; i < host->interface_count; i++) {
            struct ip_interface *interface = host->interfaces[i];
            if (interface->up && !(interface->flags & RILL_INTERFACE_LOOPBACK) &&
                (round || interface->framing) && has_family(interface, ipv4))
                return interface;
        }
    }
    return 0;
}

/* Who reaches everything: the raw interface that has the local address, else the first. */
static struct ip_interface *point_to_point(struct ip_host *host, const struct ip_address *local,
                                           bool ipv4) {
    if (local && !local->interface->framing && local->interface->up)
        return local->interface;
    for (uint32_t i = 0; i < host->interface_count; i++) {
        struct ip_interface *interface = host->interfaces[i];
        if (!interface->framing && interface->up && !(interface->flags & RILL_INTERFACE_LOOPBACK) &&
            has_family(interface, ipv4))
            return interface;
    }
    return 0;
}

/* Packets to ourselves go by the host's own interface, if it has one. */
static struct ip_interface *loopback(struct ip_host *host, const struct rill_address *remote) {
    if (!rill__address_is_loopback(remote) && !rill__ip_address_owned(host, 0, remote))
        return 0;
    for (uint32_t i = 0; i < host->interface_count; i++)
        if (host->interfaces[i]->flags & RILL_INTERFACE_LOOPBACK && host->interfaces[i]->up)
            return host->interfaces[i];
    return 0;
}

static struct ip_interface *choose_interface(struct ip_host *host,
                                             const struct rill_endpoint *remote,
                                             const struct ip_address *local) {
    const struct rill_address *address = &remote->address;
    struct ip_interface *own = loopback(host, address);
    if (own)
        return own;
    const struct ip_route *route;
    if (remote->zone || rill__address_is_link_local(address))
        return by_zone(host, remote);
    if (rill__address_is_group(address)) {
        route = rill_address_is_ipv4(address) ? find_route(host, address, 0) : 0;
        return route ? host->interfaces[route->interface] : by_zone(host, remote);
    }
    route = find_route(host, address, 0);
    if (route)
        return host->interfaces[route->interface];
    return point_to_point(host, local, rill_address_is_ipv4(address));
}

int rill__ip_path(struct ip_host *host, const struct rill_endpoint *remote,
                  const struct rill_endpoint *local, struct ip_path *out) {
    const struct ip_address *own = 0;
    const struct rill_address *address = &remote->address;
    if (!rill__ip_network(host, address))
        return RILL_ERROR_NO_ROUTE;
    if (!rill_address_is_any(&local->address)) {
        uint16_t zone = local->zone ? local->zone : remote->zone;
        const struct ip_interface *at =
            zone && zone <= host->interface_count ? host->interfaces[zone - 1] : 0;
        own = rill__ip_address_owned(host, at, &local->address);
        if (!own || rill_address_is_ipv4(&local->address) != rill_address_is_ipv4(address))
            return RILL_ERROR_ADDRESS_NOT_AVAILABLE;
    }
    struct ip_interface *interface = choose_interface(host, remote, own);
    if (own && !remote->zone && rill__address_is_link_local(address) &&
        rill__address_is_link_local(&own->address))
        interface = own->interface; /* both speak of the same link */
    if (!interface)
        return RILL_ERROR_NO_ROUTE;
    struct rill_address hop;
    if (!rill__ip_next_hop(interface, address, &hop))
        hop = *address;
    if (!own && interface->flags & RILL_INTERFACE_LOOPBACK) /* as itself */
        own = rill__ip_address_owned(host, 0, address);
    if (!own)
        own = rill__ip_select(host, interface, address, &hop);
    if (!own)
        return RILL_ERROR_NO_ROUTE;
    /* RFC 4007 §9: a link-local source does not leave its link. */
    if (rill__address_is_link_local(&own->address) && own->interface != interface)
        return RILL_ERROR_ADDRESS_NOT_AVAILABLE;
    out->interface = interface;
    out->source = own->address;
    return 0;
}
