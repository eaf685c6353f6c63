/* socket/membership.c: the groups a datagram socket has joined. The stack's groups are the
 * interface's and count who is in; here stands what this socket has to leave again. */
#include "socket/socket.h"

#include "base/address.h"
#include <string.h>

#define MEMBERSHIPS_MAX 20 /* a socket, as elsewhere */

struct sock_membership {
    struct sock_membership *next;
    struct rill_membership joined; /* its interface settled: never 0 */
};

bool rill__membership_option(int level, int option) {
    return (level == RILL_IPPROTO_IP &&
            (option == RILL_IP_ADD_MEMBERSHIP || option == RILL_IP_DROP_MEMBERSHIP)) ||
           (level == RILL_IPPROTO_IPV6 &&
            (option == RILL_IPV6_ADD_MEMBERSHIP || option == RILL_IPV6_DROP_MEMBERSHIP));
}

/* The interface that a route leads to the group by. */
static bool settle(struct rill_sockets *sockets, struct rill_membership *wanted) {
    static const struct rill_endpoint any = {{{0}}, 0, 0};
    struct rill_endpoint group = {wanted->group, 1, 0};
    struct rill_route_info info;
    if (wanted->interface)
        return rill_interface_handle(sockets->stack, wanted->interface - 1) != 0;
    if (rill_route_get(sockets->stack, &group, &any, &info))
        return false;
    wanted->interface = info.interface + 1;
    return true;
}

static struct sock_membership **place_of(struct sock *sock, const struct rill_membership *wanted,
                                         size_t *count) {
    struct sock_membership **at = &sock->memberships;
    for (*count = 0; *at; at = &(*at)->next, (*count)++)
        if ((*at)->joined.interface == wanted->interface &&
            rill_address_equal(&(*at)->joined.group, &wanted->group))
            break;
    return at;
}

static int join(struct rill_sockets *sockets, struct sock *sock,
                const struct rill_membership *wanted) {
    const struct rill_allocator *allocator = &sockets->allocator;
    size_t count;
    struct sock_membership **at = place_of(sock, wanted, &count);
    if (*at)
        return -RILL_EADDRINUSE;
    if (count == MEMBERSHIPS_MAX)
        return -RILL_ENOBUFS;
    struct sock_membership *fresh =
        (struct sock_membership *)allocator->allocate(allocator->context, sizeof *fresh);
    if (!fresh)
        return -RILL_ENOMEM;
    int error = rill_group_join(sockets->stack, wanted->interface - 1, &wanted->group);
    if (error) {
        allocator->release(allocator->context, fresh, sizeof *fresh);
        return error == RILL_ERROR_LIMIT ? -RILL_ENOBUFS : rill__errno(error);
    }
    fresh->next = 0;
    fresh->joined = *wanted;
    *at = fresh;
    return 0;
}

static void leave(struct rill_sockets *sockets, struct sock_membership **at) {
    struct sock_membership *gone = *at;
    *at = gone->next;
    (void)rill_group_leave(sockets->stack, gone->joined.interface - 1, &gone->joined.group);
    sockets->allocator.release(sockets->allocator.context, gone, sizeof *gone);
}

int rill__membership_set(struct rill_sockets *sockets, struct sock *sock, int option,
                         const void *value, size_t length) {
    bool ipv4 = option == RILL_IP_ADD_MEMBERSHIP || option == RILL_IP_DROP_MEMBERSHIP;
    bool joins = option == RILL_IP_ADD_MEMBERSHIP || option == RILL_IPV6_ADD_MEMBERSHIP;
    struct rill_membership wanted;
    if (!ipv4 && sock->family != RILL_AF_INET6)
        return -RILL_ENOPROTOOPT;
    if (sock->stream)
        return -RILL_EPROTO;
    if (length < sizeof wanted)
        return -RILL_EINVAL;
    if (!value)
        return -RILL_EFAULT;
    memcpy(&wanted, value, sizeof wanted);
    if (!rill__address_is_group(&wanted.group) || rill_address_is_ipv4(&wanted.group) != ipv4 ||
        (ipv4 && wanted.group.bytes[12] == 255)) /* broadcast */
        return -RILL_EINVAL;
    if (!settle(sockets, &wanted))
        return -RILL_ENODEV;
    if (joins)
        return join(sockets, sock, &wanted);
    size_t count;
    struct sock_membership **at = place_of(sock, &wanted, &count);
    if (!*at)
        return -RILL_EADDRNOTAVAIL;
    leave(sockets, at);
    return 0;
}

void rill__memberships_drop(struct rill_sockets *sockets, struct sock *sock) {
    while (sock->memberships)
        leave(sockets, &sock->memberships);
}
