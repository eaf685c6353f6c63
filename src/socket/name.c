/* socket/name.c: addresses a socket is given and tells. Both families are one kind of address here
 * (IPv4 as IPv4-mapped); what a socket takes depends on its family and on RILL_IPV6_V6ONLY. */
#include "socket/socket.h"
#include <string.h>

uint8_t rill__sock_family(const struct sock *sock) {
    if (sock->family == RILL_AF_INET)
        return RILL_FAMILY_IPV4;
    return sock->options[SLOT_V6ONLY] ? RILL_FAMILY_IPV6 : RILL_FAMILY_BOTH;
}

int rill__sock_check_remote(const struct sock *sock, const struct rill_endpoint *remote) {
    bool any = rill_address_is_any(&remote->address);
    bool ipv4 = rill_address_is_ipv4(&remote->address);
    if (sock->family == RILL_AF_INET)
        return ipv4 || any ? 0 : -RILL_EAFNOSUPPORT;
    return ipv4 && sock->options[SLOT_V6ONLY] ? -RILL_ENETUNREACH : 0;
}

struct rill_endpoint rill__sock_remote(const struct sock *sock, const struct rill_endpoint *given) {
    struct rill_endpoint remote = *given;
    if (!rill_address_is_any(&given->address))
        return remote;
    if (sock->family == RILL_AF_INET || rill_address_is_ipv4(&given->address)) {
        remote.address = rill_address_ipv4(127, 0, 0, 1);
    } else {
        memset(&remote.address, 0, sizeof remote.address);
        remote.address.bytes[15] = 1;
    }
    return remote;
}

int rill_bind(struct rill_sockets *sockets, int fd, const struct rill_endpoint *local) {
    struct sock *sock = rill__sock_at(sockets, fd);
    if (!sock)
        return -RILL_EBADF;
    if (!local)
        return -RILL_EFAULT;
    bool ipv4 = rill_address_is_ipv4(&local->address);
    if (sock->family == RILL_AF_INET && !ipv4 && !rill_address_is_any(&local->address))
        return -RILL_EAFNOSUPPORT;
    if (sock->family == RILL_AF_INET6 && ipv4 && sock->options[SLOT_V6ONLY])
        return -RILL_EINVAL;
    uint8_t family =
        sock->family == RILL_AF_INET6 && ipv4 ? (uint8_t)RILL_FAMILY_IPV4 : rill__sock_family(sock);
    return sock->stream ? rill__stream_bind(sockets, sock, local, family)
                        : rill__datagram_bind(sockets, sock, local, family);
}

int rill_getsockname(struct rill_sockets *sockets, int fd, struct rill_endpoint *out) {
    const struct sock *sock = rill__sock_at(sockets, fd);
    if (!sock)
        return -RILL_EBADF;
    struct rill_tcp_info tcp;
    struct rill_udp_info udp;
    *out = sock->asked;
    if (sock->handle && sock->stream && !rill_tcp_get_info(sockets->stack, sock->handle, &tcp))
        *out = tcp.local;
    if (sock->handle && !sock->stream && !rill_udp_get_info(sockets->stack, sock->handle, &udp))
        *out = udp.local;
    return 0;
}

int rill_getpeername(struct rill_sockets *sockets, int fd, struct rill_endpoint *out) {
    struct sock *sock = rill__sock_at(sockets, fd);
    if (!sock)
        return -RILL_EBADF;
    struct rill_tcp_info tcp;
    struct rill_udp_info udp;
    if (!sock->stream) {
        if (!sock->handle || rill_udp_get_info(sockets->stack, sock->handle, &udp) ||
            !udp.remote.port)
            return -RILL_ENOTCONN;
        *out = udp.remote;
        return 0;
    }
    enum rill_tcp_state state = rill__stream_sync(sockets, sock);
    if (state == RILL_TCP_CLOSED || state == RILL_TCP_LISTEN || state == RILL_TCP_SYN_SENT ||
        rill_tcp_get_info(sockets->stack, sock->handle, &tcp))
        return -RILL_ENOTCONN;
    *out = tcp.remote;
    return 0;
}
