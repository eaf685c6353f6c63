/* ip/interface.c: the interfaces of a host: added, up and down, what becomes of them told. */
#include "base/address.h"
#include "base/util.h"
#include "ip/ip.h"
#include <string.h>

#define ADDRESSES_MAX (IP_INTERFACES_MAX * 4096)
#define DESTINATIONS_MAX 1025

void rill_interface_config_default(struct rill_interface_config *config) {
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
    config->mtu = 1500;
}

void rill__ip_init(struct ip_host *host, const struct rill_stack_config *config) {
    struct random *random = &host->core->random;
    host->networks[0] = config->ipv4;
    host->networks[1] = config->ipv6;
    host->fragments = config->fragments;
    host->key.k0 = rill__random_next(random);
    host->key.k1 = rill__random_next(random);
    host->secret.k0 = config->address_secret[0];
    host->secret.k1 = config->address_secret[1];
    if (!host->secret.k0 && !host->secret.k1) {
        host->secret.k0 = rill__random_next(random);
        host->secret.k1 = rill__random_next(random);
    }
    const struct rill_allocator *allocator = &host->core->allocator;
    rill__slab_init(&host->addresses, allocator, sizeof(struct ip_address), ADDRESSES_MAX);
    rill__slab_init(&host->destination_slab, allocator, sizeof(struct ip_destination),
                    DESTINATIONS_MAX);
    rill__hash_init(&host->owned, allocator);
    rill__hash_init(&host->destination_hash, allocator);
}

static bool config_ok(const struct rill_interface_config *config) {
    return config->size == sizeof *config && config->mtu >= 68 && config->mtu <= 65535 &&
           !(config->framing && config->mac[0] & 1) && config->detection <= RILL_DETECTION_OFF &&
           !(config->autoconfigure && (!config->framing || config->mtu < 1280));
}

int rill__ip_interface_add(struct ip_host *host, const struct rill_interface_config *config,
                           uint32_t *index) {
    if (!config_ok(config) || (config->autoconfigure && !host->networks[1]))
        return RILL_ERROR_ARGUMENT;
    if (host->interface_count == IP_INTERFACES_MAX)
        return RILL_ERROR_LIMIT;
    struct ip_interface *interface =
        (struct ip_interface *)rill__core_allocate(host->core, sizeof *interface);
    if (!interface)
        return RILL_ERROR_MEMORY;
    memset(interface, 0, sizeof *interface);
    interface->host = host;
    interface->index = host->interface_count;
    interface->mtu = config->mtu;
    interface->flags = config->flags;
    interface->framing = config->framing;
    interface->detection = config->detection;
    interface->autoconfigure = config->autoconfigure;
    interface->up = true;
    interface->event.kind = HANDLE_INTERFACE;
    memcpy(interface->mac, config->mac, sizeof interface->mac);
    interface->ready_end = &interface->ready_head;
    *index = host->interface_count;
    host->interfaces[host->interface_count++] = interface;
    if (interface->framing)
        interface->framing->link_changed(interface);
    return 0;
}

static void drop_replies(struct ip_interface *interface) {
    while (interface->replies_head) {
        struct rill_packet *packet = interface->replies_head;
        interface->replies_head = packet->next;
        rill_packet_drop(packet);
    }
    interface->replies_tail = 0;
    interface->replies = interface->echo_replies = 0;
}

int rill__ip_link_set(struct ip_host *host, uint32_t number, bool up) {
    if (number >= host->interface_count)
        return RILL_ERROR_ARGUMENT;
    struct ip_interface *interface = host->interfaces[number];
    if (interface->up == up)
        return 0;
    interface->up = up;
    if (!up)
        drop_replies(interface);
    if (interface->framing)
        interface->framing->link_changed(interface);
    for (uint32_t i = 0; up && interface->framing && i < interface->address_count; i++) {
        struct ip_address *own = interface->addresses[i];
        own->step = 0;
        if (own->state != RILL_ADDRESS_DEPRECATED) /* RFC 4862 §5.4: a new link, perhaps */
            interface->framing->address_check(own);
        rill__ip_address_file(host, own);
    }
    rill__ip_raise(interface, up ? RILL_EVENT_LINK_UP : RILL_EVENT_LINK_DOWN);
    return 0;
}

void rill__ip_raise(struct ip_interface *interface, uint32_t bits) {
    rill__event_raise(interface->host->core, &interface->event, bits);
}

void rill__ip_fini(struct ip_host *host) {
    if (host->fragments)
        host->fragments->fini(host);
    for (uint32_t i = 0; i < host->interface_count; i++) {
        struct ip_interface *interface = host->interfaces[i];
        interface->up = false; /* nobody is told of anything any more */
        while (interface->address_count)
            rill__ip_address_free(host, interface->addresses[interface->address_count - 1]);
        if (interface->framing)
            interface->framing->fini(interface);
        while (interface->ready_head) /* their owners outlive the interface */
            rill__ip_source_remove(host, interface->ready_head);
        drop_replies(interface);
        while (interface->groups)
            rill__ip_group_forget(interface, interface->groups);
        rill__event_cancel(host->core, &interface->event);
        rill__core_release(host->core, interface->addresses,
                           interface->address_capacity * sizeof *interface->addresses);
        rill__core_release(host->core, interface, sizeof *interface);
    }
    host->interface_count = 0;
    rill__ip_destinations_fini(host);
    rill__slab_fini(&host->addresses);
    rill__hash_fini(&host->owned);
    rill__core_release(host->core, host->routes, host->route_capacity * sizeof *host->routes);
}

const struct rill_network_ops *rill__ip_network(const struct ip_host *host,
                                                const struct rill_address *address) {
    return host->networks[rill_address_is_ipv4(address) ? 0 : 1];
}

uint32_t rill__ip_interface_mtu(const struct ip_interface *interface, bool ipv4) {
    return !ipv4 && interface->mtu_said ? interface->mtu_said : interface->mtu;
}

uint32_t rill__ip_flow_label(const struct ip_host *host, const struct rill_address *source,
                             const struct rill_address *destination, uint32_t ports) {
    uint64_t hash = host->key.k0 ^ ports;
    for (int i = 0; i < 32; i += 8) { /* multiply and mix, keyed: cheap, and not to be guessed */
        const uint8_t *bytes = i < 16 ? source->bytes + i : destination->bytes + (i - 16);
        uint64_t word = 0;
        for (int k = 0; k < 8; k++)
            word = word << 8 | bytes[k];
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15) + host->key.k1;
        hash ^= hash >> 29;
    }
    uint32_t label = (uint32_t)(hash >> 20) & 0xfffff;
    return label ? label : 1; /* 0 means that there is none */
}
