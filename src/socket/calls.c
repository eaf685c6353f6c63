/* socket/calls.c: the calls that both kinds of socket have: each finds the socket and passes on. */
#include "socket/socket.h"

static int check_kind(int family, int type, int protocol) {
    if (family != RILL_AF_INET && family != RILL_AF_INET6)
        return -RILL_EAFNOSUPPORT;
    if (type < 0 || type > 10)
        return -RILL_EINVAL;
    if (type != RILL_SOCK_STREAM && type != RILL_SOCK_DGRAM)
        return -RILL_ESOCKTNOSUPPORT;
    int own = type == RILL_SOCK_STREAM ? RILL_IPPROTO_TCP : RILL_IPPROTO_UDP;
    return protocol && protocol != own ? -RILL_EPROTONOSUPPORT : 0;
}

int rill_socket(struct rill_sockets *sockets, int family, int type, int protocol) {
    type &= ~(RILL_SOCK_NONBLOCK | RILL_SOCK_CLOEXEC);
    int error = check_kind(family, type, protocol);
    struct sock *sock = error ? 0 : rill__sock_open(sockets, &error);
    if (!sock)
        return error;
    sock->family = (uint8_t)family;
    sock->stream = type == RILL_SOCK_STREAM;
    rill__options_init(sock);
    return sock->fd;
}

int rill_socket_close(struct rill_sockets *sockets, int fd) {
    struct sock *sock = rill__sock_at(sockets, fd);
    if (!sock)
        return -RILL_EBADF;
    if (sock->stream)
        rill__stream_close(sockets, sock);
    else if (sock->handle)
        (void)rill_udp_close(sockets->stack, sock->handle);
    rill__memberships_drop(sockets, sock);
    rill__sock_free(sockets, sock);
    return 0;
}

int rill_connect(struct rill_sockets *sockets, int fd, const struct rill_endpoint *remote) {
    struct sock *sock = rill__sock_at(sockets, fd);
    if (!sock)
        return -RILL_EBADF;
    return sock->stream ? rill__stream_connect(sockets, sock, remote)
                        : rill__datagram_connect(sockets, sock, remote);
}

int rill_shutdown(struct rill_sockets *sockets, int fd, int how) {
    struct sock *sock = rill__sock_at(sockets, fd);
    if (!sock)
        return -RILL_EBADF;
    if (how < RILL_SHUT_RD || how > RILL_SHUT_RDWR)
        return -RILL_EINVAL;
    return sock->stream ? rill__stream_shutdown(sockets, sock, how)
                        : rill__datagram_shutdown(sockets, sock, how);
}

int64_t rill_sendmsg(struct rill_sockets *sockets, int fd, const struct rill_message *message,
                     int flags) {
    struct sock *sock = rill__sock_at(sockets, fd);
    if (!sock)
        return -RILL_EBADF;
    if (!message || rill__iovec_length(message) == SIZE_MAX)
        return -RILL_EFAULT;
    return sock->stream ? rill__stream_send(sockets, sock, message, flags)
                        : rill__datagram_send(sockets, sock, message, flags);
}

int64_t rill_recvmsg(struct rill_sockets *sockets, int fd, struct rill_message *message,
                     int flags) {
    struct sock *sock = rill__sock_at(sockets, fd);
    if (!sock)
        return -RILL_EBADF;
    if (!message || rill__iovec_length(message) == SIZE_MAX)
        return -RILL_EFAULT;
    message->flags = 0;
    if (message->ancillary)
        message->ancillary->present = 0;
    return sock->stream ? rill__stream_receive(sockets, sock, message, flags)
                        : rill__datagram_receive(sockets, sock, message, flags);
}

int64_t rill_sendto(struct rill_sockets *sockets, int fd, const void *data, size_t length,
                    int flags, const struct rill_endpoint *to) {
    struct rill_endpoint name;
    struct rill_iovec piece = {(void *)(uintptr_t)data, length};
    struct rill_message message = {.iov = &piece, .iov_count = 1};
    if (to) {
        name = *to;
        message.name = &name;
    }
    return rill_sendmsg(sockets, fd, &message, flags);
}

int64_t rill_send(struct rill_sockets *sockets, int fd, const void *data, size_t length,
                  int flags) {
    return rill_sendto(sockets, fd, data, length, flags, 0);
}

int64_t rill_recvfrom(struct rill_sockets *sockets, int fd, void *data, size_t length, int flags,
                      struct rill_endpoint *from) {
    struct rill_iovec piece = {data, length};
    struct rill_message message = {.name = from, .iov = &piece, .iov_count = 1};
    return rill_recvmsg(sockets, fd, &message, flags);
}

int64_t rill_recv(struct rill_sockets *sockets, int fd, void *data, size_t length, int flags) {
    return rill_recvfrom(sockets, fd, data, length, flags, 0);
}
