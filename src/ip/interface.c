/* ip/interface.c: interfaces and their addresses, which of them a packet leaves by, and from where.
 *
 * A route is the interface whose address shares the longest prefix with the destination; without
 * one, the first interface that has an address of the family (a point-to-point link reaches
 * everything). */
#include "base/address.h"
#include "base/util.h"
#include "ip/ip.h"
#include <string.h>

#define ADDRESSES_MAX 4096

void rill_interface_config_default(struct rill_interface_config *config) {
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
    config->mtu = 1500;
}

int rill__ip_interface_add(struct ip_host *host, const struct rill_interface_config *config,
                           uint32_t *index) {
    if (config->size != sizeof *config || config->mtu < 68 || config->mtu > 65535)
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

bool rill__ip_route(struct ip_host *host, const struct rill_address *remote,
                    struct ip_interface **interface, struct rill_address *source) {
    bool ipv4 = rill_address_is_ipv4(remote);
    int best = -1;
    for (uint32_t i = 0; i < host->interface_count; i++) {
        struct ip_interface *at = host->interfaces[i];
        for (uint32_t k = 0; k < at->address_count; k++) {
            const struct ip_address *own = &at->addresses[k];
            if (rill_address_is_ipv4(&own->address) != ipv4)
                continue;
            int bits = rill__address_in_prefix(remote, &own->address, own->prefix_bits)
                           ? own->prefix_bits
                           : 0;
            if (bits > best) {
                best = bits;
                *interface = at;
                *source = own->address;
            }
        }
    }
    return best >= 0;
}

const struct rill_network_ops *rill__ip_network(const struct ip_host *host,
                                                const struct rill_address *address) {
    return host->networks[rill_address_is_ipv4(address) ? 0 : 1];
}
