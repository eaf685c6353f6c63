/* ip/interface.c: interfaces and their addresses, which of them a packet leaves by, and from where.
 *
 * A route is the interface whose address shares the longest prefix with the destination; without
 * one, the first interface that has an address of the family (a point-to-point link reaches
 * everything). */
#include "base/address.h"
#include "base/util.h"
#include "ip/neighbour.h"
#include <string.h>

#define ADDRESSES_MAX 4096

void rill_interface_config_default(struct rill_interface_config *config) {
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
    config->mtu = 1500;
}

int rill__ip_interface_add(struct ip_host *host, const struct rill_interface_config *config,
                           uint32_t *index) {
    if (config->size != sizeof *config || config->mtu < 68 || config->mtu > 65535 ||
        (config->framing && config->mac[0] & 1))
        return RILL_ERROR_ARGUMENT;
    if (host->interface_count == IP_INTERFACES_MAX)
        return RILL_ERROR_LIMIT;
    struct ip_interface *interface = rill__core_allocate(host->core, sizeof *interface);
    if (!interface)
        return RILL_ERROR_MEMORY;
    memset(interface, 0, sizeof *interface);
    interface->host = host;
    interface->index = host->interface_count;
    interface->mtu = config->mtu;
    interface->flags = config->flags;
    interface->framing = config->framing;
    memcpy(interface->mac, config->mac, sizeof interface->mac);
    interface->ready_end = &interface->ready_head;
    *index = host->interface_count;
    host->interfaces[host->interface_count++] = interface;
    return 0;
}

static int grow(struct ip_host *host, struct ip_interface *interface) {
    uint32_t capacity = interface->address_capacity ? interface->address_capacity * 2 : 4;
    if (capacity > ADDRESSES_MAX)
        return RILL_ERROR_LIMIT;
    struct ip_address *larger = rill__core_allocate(host->core, capacity * sizeof *larger);
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

int rill__ip_address_add(struct ip_host *host, uint32_t interface,
                         const struct rill_address *address, uint8_t prefix_length) {
    bool ipv4 = rill_address_is_ipv4(address);
    if (interface >= host->interface_count || prefix_length > (ipv4 ? 32 : 128) ||
        rill_address_is_any(address) || rill__address_is_group(address) ||
        !rill__ip_network(host, address))
        return RILL_ERROR_ARGUMENT;
    struct ip_interface *to = host->interfaces[interface];
    if (!ipv4 && to->mtu < 1280) /* RFC 8200 §5 */
        return RILL_ERROR_ARGUMENT;
    if (rill__ip_address_owner(host, address))
        return RILL_ERROR_ADDRESS_IN_USE;
    if (to->address_count == to->address_capacity) {
        int error = grow(host, to);
        if (error)
            return error;
    }
    struct ip_address *entry = &to->addresses[to->address_count++];
    entry->address = *address;
    entry->prefix_bits = (uint8_t)(prefix_length + (ipv4 ? 96 : 0));
    return 0;
}

void rill__ip_fini(struct ip_host *host) {
    if (host->fragments)
        host->fragments->fini(host);
    for (uint32_t i = 0; i < host->interface_count; i++) {
        struct ip_interface *interface = host->interfaces[i];
        if (interface->framing)
            interface->framing->fini(interface);
        while (interface->replies_head) {
            struct rill_packet *packet = interface->replies_head;
            interface->replies_head = packet->next;
            rill_packet_drop(packet);
        }
        rill__core_release(host->core, interface->addresses,
                           interface->address_capacity * sizeof *interface->addresses);
        rill__core_release(host->core, interface, sizeof *interface);
    }
    host->interface_count = 0;
}

struct ip_interface *rill__ip_address_owner(struct ip_host *host,
                                            const struct rill_address *address) {
    for (uint32_t i = 0; i < host->interface_count; i++) {
        struct ip_interface *interface = host->interfaces[i];
        for (uint32_t k = 0; k < interface->address_count; k++)
            if (rill_address_equal(&interface->addresses[k].address, address))
                return interface;
    }
    return 0;
}

int rill__ip_route_add(struct ip_host *host, uint32_t interface, const struct rill_address *prefix,
                       uint8_t prefix_length, const struct rill_address *gateway) {
    bool ipv4 = rill_address_is_ipv4(gateway);
    if (interface >= host->interface_count || prefix_length > (ipv4 ? 32 : 128) ||
        rill_address_is_any(gateway) || rill__address_is_group(gateway) ||
        (prefix_length && rill_address_is_ipv4(prefix) != ipv4))
        return RILL_ERROR_ARGUMENT;
    if (host->route_count == IP_ROUTES_MAX)
        return RILL_ERROR_LIMIT;
    struct ip_route *route = &host->routes[host->route_count++];
    route->prefix =
        prefix_length ? *prefix : *gateway; /* any address of the family has a /0 in common */
    route->gateway = *gateway;
    route->bits = (uint8_t)(prefix_length + (ipv4 ? 96 : 0));
    route->interface = (uint8_t)interface;
    return 0;
}

/* How long a prefix of this interface's addresses holds `remote`; -1: none does. */
static int connected_bits(const struct ip_interface *interface, const struct rill_address *remote) {
    int best = -1;
    for (uint32_t k = 0; k < interface->address_count; k++) {
        const struct ip_address *own = &interface->addresses[k];
        if (own->prefix_bits > best &&
            rill__address_in_prefix(remote, &own->address, own->prefix_bits) &&
            rill_address_is_ipv4(&own->address) == rill_address_is_ipv4(remote))
            best = own->prefix_bits;
    }
    return best;
}

/* The longest route to `remote`, of those by `interface` (or any, if that is null). */
static const struct ip_route *find_route(const struct ip_host *host,
                                         const struct rill_address *remote,
                                         const struct ip_interface *interface) {
    const struct ip_route *best = 0;
    for (uint32_t i = 0; i < host->route_count; i++) {
        const struct ip_route *route = &host->routes[i];
        if ((!interface || route->interface == interface->index) &&
            rill_address_is_ipv4(&route->gateway) == rill_address_is_ipv4(remote) &&
            rill__address_in_prefix(remote, &route->prefix, route->bits) &&
            (!best || route->bits > best->bits))
            best = route;
    }
    return best;
}

bool rill__ip_next_hop(const struct ip_interface *interface, const struct rill_address *remote,
                       struct rill_address *hop) {
    const struct ip_route *route = find_route(interface->host, remote, interface);
    if (route && connected_bits(interface, remote) < route->bits)
        *hop = route->gateway;
    else if (connected_bits(interface, remote) >= 0)
        *hop = *remote;
    else
        return false;
    return true;
}

const struct rill_address *rill__interface_address(const struct ip_interface *interface, bool ipv4,
                                                   const struct rill_address *towards) {
    const struct rill_address *best = 0;
    bool best_shares = false;
    for (uint32_t k = 0; k < interface->address_count; k++) {
        const struct ip_address *own = &interface->addresses[k];
        if (rill_address_is_ipv4(&own->address) != ipv4)
            continue;
        bool shares = rill__address_in_prefix(towards, &own->address, own->prefix_bits);
        if (!best || (shares && !best_shares)) {
            best = &own->address;
            best_shares = shares;
        }
    }
    return best;
}

/* The interface that a packet to `remote` leaves by: of the longest connected prefix or route;
 * without any, the first raw IP interface that speaks the family, because a point-to-point link
 * reaches everything. */
static struct ip_interface *choose_interface(struct ip_host *host,
                                             const struct rill_address *remote) {
    const struct ip_route *route = find_route(host, remote, 0);
    struct ip_interface *best = route ? host->interfaces[route->interface] : 0;
    int bits = route ? route->bits : -1;
    for (uint32_t i = 0; i < host->interface_count; i++) {
        int connected = connected_bits(host->interfaces[i], remote);
        if (connected > bits) {
            bits = connected;
            best = host->interfaces[i];
        }
    }
    bool ipv4 = rill_address_is_ipv4(remote);
    for (uint32_t i = 0; !best && i < host->interface_count; i++)
        if (!host->interfaces[i]->framing &&
            rill__interface_address(host->interfaces[i], ipv4, remote))
            best = host->interfaces[i];
    return best;
}

bool rill__ip_route(struct ip_host *host, const struct rill_address *remote,
                    struct ip_interface **interface, struct rill_address *source) {
    struct ip_interface *best = choose_interface(host, remote);
    const struct rill_address *own =
        best ? rill__interface_address(best, rill_address_is_ipv4(remote), remote) : 0;
    if (!own)
        return false;
    *interface = best;
    *source = *own;
    return true;
}

const struct rill_network_ops *rill__ip_network(const struct ip_host *host,
                                                const struct rill_address *address) {
    return host->networks[rill_address_is_ipv4(address) ? 0 : 1];
}
