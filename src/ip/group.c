/* ip/group.c: the multicast groups of an interface: who is in, how often. What routers are told is
 * the framing's affair (membership.c). */
#include "base/address.h"
#include "ip/ip.h"
#include <string.h>

#define GROUPS_MAX 256 /* an interface */

static struct ip_group *find(const struct ip_interface *interface,
                             const struct rill_address *address) {
    struct ip_group *group = interface->groups;
    while (group && !rill_address_equal(&group->address, address))
        group = group->next;
    return group;
}

static bool is_multicast(const struct rill_address *address) {
    return rill__address_is_group(address) &&
           !(rill_address_is_ipv4(address) && address->bytes[12] == 255);
}

int rill__ip_group_join(struct ip_host *host, uint32_t number, const struct rill_address *address) {
    if (number >= host->interface_count || !is_multicast(address))
        return RILL_ERROR_ARGUMENT;
    struct ip_interface *interface = host->interfaces[number];
    struct ip_group *group = find(interface, address);
    if (group && group->users == UINT32_MAX)
        return RILL_ERROR_LIMIT;
    if (!group) {
        if (interface->group_count == GROUPS_MAX)
            return RILL_ERROR_LIMIT;
        group = (struct ip_group *)rill__core_allocate(host->core, sizeof *group);
        if (!group)
            return RILL_ERROR_MEMORY;
        memset(group, 0, sizeof *group);
        group->address = *address;
        group->next = interface->groups;
        interface->groups = group;
        interface->group_count++;
    }
    if (group->users++ == 0 && interface->framing)
        interface->framing->group_changed(interface, group);
    return 0;
}

int rill__ip_group_leave(struct ip_host *host, uint32_t number,
                         const struct rill_address *address) {
    if (number >= host->interface_count)
        return RILL_ERROR_ARGUMENT;
    struct ip_interface *interface = host->interfaces[number];
    struct ip_group *group = find(interface, address);
    if (!group || !group->users)
        return RILL_ERROR_ARGUMENT;
    if (--group->users)
        return 0;
    if (interface->framing)
        interface->framing->group_changed(interface, group); /* forgets it when all is said */
    else
        rill__ip_group_forget(interface, group);
    return 0;
}

void rill__ip_group_forget(struct ip_interface *interface, struct ip_group *group) {
    struct ip_group **at = &interface->groups;
    while (*at != group)
        at = &(*at)->next;
    *at = group->next;
    interface->group_count--;
    rill__core_release(interface->host->core, group, sizeof *group);
}

/* All nodes, all hosts, the group in which an own address is asked for (RFC 4291 §2.8), and those
 * that were joined. */
bool rill__ip_group_ours(const struct ip_interface *interface, const struct rill_address *group) {
    static const uint8_t all_nodes[16] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    static const uint8_t solicited[13] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
    static const uint8_t everybody[4] = {255, 255, 255, 255}, all_hosts[4] = {224, 0, 0, 1};
    const struct ip_group *joined = find(interface, group);
    if (joined && joined->users)
        return true;
    if (rill_address_is_ipv4(group))
        return memcmp(group->bytes + 12, everybody, 4) == 0 ||
               memcmp(group->bytes + 12, all_hosts, 4) == 0;
    if (memcmp(group->bytes, all_nodes, 16) == 0)
        return true;
    if (memcmp(group->bytes, solicited, 13) != 0)
        return false;
    for (uint32_t i = 0; i < interface->address_count; i++)
        if (memcmp(group->bytes + 13, interface->addresses[i]->address.bytes + 13, 3) == 0)
            return true;
    return false;
}
