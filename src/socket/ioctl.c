/* socket/ioctl.c: what is queued, in both directions, and where the urgent byte is. */
#include "socket/socket.h"

/* Our FIN stands behind the last byte and has a number as soon as it is asked for: as in Linux it
 * counts as a byte until it is acknowledged. */
static int fin_counts(const struct sock *sock, enum rill_tcp_state state, bool unsent) {
    bool waits = state == RILL_TCP_ESTABLISHED || state == RILL_TCP_CLOSE_WAIT;
    bool sent =
        state == RILL_TCP_FIN_WAIT_1 || state == RILL_TCP_CLOSING || state == RILL_TCP_LAST_ACK;
    return sock->shutdown & SHUTDOWN_WRITE && (waits || (sent && !unsent));
}

static int stream_ioctl(struct rill_sockets *sockets, struct sock *sock, unsigned long request,
                        int *value) {
    struct rill_tcp_info info = {.urgent_after = UINT32_MAX};
    enum rill_tcp_state state = rill__stream_sync(sockets, sock);
    if (state == RILL_TCP_LISTEN && request != RILL_SIOCATMARK)
        return -RILL_EINVAL;
    if (sock->handle && rill_tcp_get_info(sockets->stack, sock->handle, &info))
        return -RILL_EBADF;
    switch (request) {
    case RILL_SIOCATMARK:
        *value = info.urgent_after == 0;
        return 0;
    case RILL_SIOCINQ:
        *value = (int)info.receive_queued;
        return 0;
    case RILL_SIOCOUTQ:
        *value = (int)info.send_queued + fin_counts(sock, state, false);
        return 0;
    case RILL_SIOCOUTQNSD:
        *value = (int)info.send_unsent + fin_counts(sock, state, true);
        return 0;
    default:
        return -RILL_ENOTTY;
    }
}

static int datagram_ioctl(struct rill_sockets *sockets, struct sock *sock, unsigned long request,
                          int *value) {
    struct rill_message message = {.iov_count = 0};
    if (request != RILL_SIOCINQ && request != RILL_SIOCOUTQ)
        return -RILL_ENOTTY;
    *value = 0;
    if (request == RILL_SIOCINQ) { /* the length of the first, which stays */
        int64_t n = rill__datagram_receive(sockets, sock, &message, RILL_MSG_PEEK | RILL_MSG_TRUNC);
        *value = n > 0 ? (int)n : 0;
    }
    return 0;
}

int rill_ioctl(struct rill_sockets *sockets, int fd, unsigned long request, int *value) {
    struct sock *sock = rill__sock_at(sockets, fd);
    if (!sock)
        return -RILL_EBADF;
    if (!value)
        return -RILL_EFAULT;
    return sock->stream ? stream_ioctl(sockets, sock, request, value)
                        : datagram_ioctl(sockets, sock, request, value);
}
