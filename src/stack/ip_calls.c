/* stack/ip_calls.c: the public calls about links, addresses, routes and groups. */
#include "base/address.h"
#include "base/util.h"
#include "stack/stack.h"

#include <string.h>

int rill_interface_add(struct rill_stack *stack, const struct rill_interface_config *config,
                       uint32_t *interface) {
    if (stack->journal)
        rill__journal_interface_add(stack->journal, config);
    int error = rill__ip_interface_add(&stack->ip, config, interface);
    const uint64_t number = stack->journal && !error ? *interface : 0;
    if (stack->journal)
        rill__journal_return(stack->journal, error, &number, 1);
    return error;
}

rill_handle rill_interface_handle(const struct rill_stack *stack, uint32_t interface) {
    return interface < stack->ip.interface_count ? handle_make(HANDLE_INTERFACE, interface, 1) : 0;
}

rill_handle rill__interface_event(struct event_node *node, void **user) {
    struct ip_interface *interface = RILL_CONTAINER(node, struct ip_interface, event);
    *user = interface->user;
    return handle_make(HANDLE_INTERFACE, interface->index, 1);
}

int rill__interface_user_set(struct rill_stack *stack, rill_handle handle, void *user) {
    uint32_t index = handle_index(handle);
    if (index >= stack->ip.interface_count || handle_generation(handle) != 1)
        return RILL_ERROR_HANDLE;
    stack->ip.interfaces[index]->user = user;
    return 0;
}

int rill_link_set(struct rill_stack *stack, uint32_t interface, bool up) {
    journal_called(stack, JOURNAL_link_set, interface, up, 0);
    return (int)journal_returned(stack, rill__ip_link_set(&stack->ip, interface, up));
}

int rill_address_add(struct rill_stack *stack, uint32_t interface,
                     const struct rill_address *address, uint8_t prefix_length) {
    struct ip_address_config config;
    memset(&config, 0, sizeof config);
    config.address = *address;
    config.prefix_length = prefix_length;
    config.preferred_until = config.valid_until = RILL_TIME_NEVER;
    if (stack->journal)
        rill__journal_prefix(stack->journal, JOURNAL_address_add, interface, address, prefix_length,
                             0);
    return (int)journal_returned(stack, rill__ip_address_add(&stack->ip, interface, &config));
}

int rill_address_remove(struct rill_stack *stack, uint32_t interface,
                        const struct rill_address *address) {
    if (stack->journal)
        rill__journal_prefix(stack->journal, JOURNAL_address_remove, interface, address, 0, 0);
    return (int)journal_returned(stack, rill__ip_address_remove(&stack->ip, interface, address));
}

int rill_address_get(const struct rill_stack *stack, uint32_t interface, uint32_t index,
                     struct rill_address_info *info) {
    if (interface >= stack->ip.interface_count ||
        index >= stack->ip.interfaces[interface]->address_count)
        return RILL_ERROR_ARGUMENT;
    const struct ip_address *own = stack->ip.interfaces[interface]->addresses[index];
    memset(info, 0, sizeof *info);
    info->size = sizeof *info;
    info->address = own->address;
    info->prefix_length =
        (uint8_t)(own->prefix_bits - (rill_address_is_ipv4(&own->address) ? 96 : 0));
    info->state = (enum rill_address_state)own->state;
    info->automatic = own->automatic;
    info->preferred_until = own->preferred_until;
    info->valid_until = own->valid_until;
    return 0;
}

/* The family of a default route is that of its gateway, or of its prefix. */
static bool make_route(const struct rill_stack *stack, uint32_t interface,
                       const struct rill_address *prefix, uint8_t prefix_length,
                       const struct rill_address *gateway, struct ip_route *route) {
    bool on_link = rill_address_is_any(gateway);
    bool ipv4 = rill_address_is_ipv4(on_link ? prefix : gateway);
    if (interface >= stack->ip.interface_count || prefix_length > (ipv4 ? 32 : 128) ||
        rill__address_is_group(gateway) || (prefix_length && rill_address_is_ipv4(prefix) != ipv4))
        return false;
    memset(route, 0, sizeof *route);
    route->prefix = prefix_length || on_link ? *prefix : *gateway;
    for (unsigned i = prefix_length + (ipv4 ? 96u : 0); i < 128; i++)
        route->prefix.bytes[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
    if (!on_link)
        route->gateway = *gateway;
    route->until = RILL_TIME_NEVER;
    route->bits = (uint8_t)(prefix_length + (ipv4 ? 96 : 0));
    route->interface = (uint8_t)interface;
    route->origin = IP_ROUTE_STATIC;
    return true;
}

int rill_route_add(struct rill_stack *stack, uint32_t interface, const struct rill_address *prefix,
                   uint8_t prefix_length, const struct rill_address *gateway) {
    struct ip_route route;
    if (stack->journal)
        rill__journal_prefix(stack->journal, JOURNAL_route_add, interface, prefix, prefix_length,
                             gateway);
    bool ok = make_route(stack, interface, prefix, prefix_length, gateway, &route);
    return (int)journal_returned(stack, ok ? rill__ip_route_add(&stack->ip, &route)
                                           : (int)RILL_ERROR_ARGUMENT);
}

int rill_route_remove(struct rill_stack *stack, uint32_t interface,
                      const struct rill_address *prefix, uint8_t prefix_length,
                      const struct rill_address *gateway) {
    struct ip_route route;
    if (stack->journal)
        rill__journal_prefix(stack->journal, JOURNAL_route_remove, interface, prefix, prefix_length,
                             gateway);
    bool ok = make_route(stack, interface, prefix, prefix_length, gateway, &route);
    return (int)journal_returned(stack, ok ? rill__ip_route_remove(&stack->ip, &route)
                                           : (int)RILL_ERROR_ARGUMENT);
}

int rill_route_get(struct rill_stack *stack, const struct rill_endpoint *remote,
                   const struct rill_endpoint *local, struct rill_route_info *info) {
    struct ip_path path;
    if (stack->journal) /* it is asked for, and so younger than others: that decides who goes */
        rill__journal_route_get(stack->journal, remote, local);
    int error = rill__ip_path(&stack->ip, remote, local, &path);
    journal_returned(stack, error);
    if (error)
        return error;
    memset(info, 0, sizeof *info);
    info->size = sizeof *info;
    info->interface = path.interface->index;
    info->source = path.source;
    if (!rill__ip_next_hop(path.interface, &remote->address, &info->hop))
        info->hop = remote->address;
    info->mtu = rill__ip_path_mtu(&stack->ip, path.interface, &remote->address, IP_VERIFIED);
    return 0;
}

int rill_group_join(struct rill_stack *stack, uint32_t interface,
                    const struct rill_address *group) {
    if (stack->journal)
        rill__journal_prefix(stack->journal, JOURNAL_group_join, interface, group, 0, 0);
    return (int)journal_returned(stack, rill__ip_group_join(&stack->ip, interface, group));
}

int rill_group_leave(struct rill_stack *stack, uint32_t interface,
                     const struct rill_address *group) {
    if (stack->journal)
        rill__journal_prefix(stack->journal, JOURNAL_group_leave, interface, group, 0, 0);
    return (int)journal_returned(stack, rill__ip_group_leave(&stack->ip, interface, group));
}
