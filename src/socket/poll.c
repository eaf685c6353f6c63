/* socket/poll.c: what is true of a descriptor now, in the bits and with the meanings that Linux
 * gives them. */
#include "socket/socket.h"

#define READABLE (RILL_POLLIN | RILL_POLLRDNORM)
#define WRITABLE (RILL_POLLOUT | RILL_POLLWRNORM)

/* Enough to read (RILL_SO_RCVLOWAT), and whether an urgent byte is among it. */
static int queue_bits(struct rill_sockets *sockets, const struct sock *sock, uint32_t ready) {
    struct rill_tcp_info info;
    if (!(ready & RILL_EVENT_READABLE) || rill_tcp_get_info(sockets->stack, sock->handle, &info))
        return 0;
    bool ended = info.state == RILL_TCP_CLOSED || ready & RILL_EVENT_PEER_CLOSED ||
                 sock->shutdown & SHUTDOWN_READ;
    bool enough = (int64_t)info.receive_queued >= sock->options[SLOT_RCVLOWAT];
    int bits = info.urgent_after < info.receive_queued ? RILL_POLLPRI : 0;
    return bits | (ended || enough ? READABLE : 0);
}

static int stream_bits(struct rill_sockets *sockets, struct sock *sock) {
    enum rill_tcp_state state = rill__stream_sync(sockets, sock);
    uint32_t ready = sock->handle ? rill_ready(sockets->stack, sock->handle) : 0;
    int bits = 0;
    if (state == RILL_TCP_LISTEN)
        return rill_ready(sockets->stack, sock->bound) & RILL_EVENT_ACCEPTABLE ? READABLE : 0;
    if (sock->shutdown == SHUTDOWN_BOTH || state == RILL_TCP_CLOSED)
        bits |= RILL_POLLHUP;
    if (sock->shutdown & SHUTDOWN_READ)
        bits |= READABLE | RILL_POLLRDHUP;
    if (state != RILL_TCP_SYN_SENT && state != RILL_TCP_SYN_RECEIVED) {
        bool room = state == RILL_TCP_CLOSED || ready & RILL_EVENT_WRITABLE;
        if (state != RILL_TCP_CLOSED)
            bits |= queue_bits(sockets, sock, ready);
        if (sock->shutdown & SHUTDOWN_WRITE || room)
            bits |= WRITABLE;
    } else if (ready &
               RILL_EVENT_WRITABLE) /* the SYN waits for bytes, or theirs has brought some */
        bits |= WRITABLE;
    if (state == RILL_TCP_SYN_RECEIVED && ready & RILL_EVENT_READABLE)
        bits |= READABLE;
    return bits | (sock->error ? RILL_POLLERR : 0);
}

static int datagram_bits(struct rill_sockets *sockets, struct sock *sock) {
    struct rill_udp_info info;
    rill__datagram_sync(sockets, sock);
    bool opened = sock->handle && !rill_udp_get_info(sockets->stack, sock->handle, &info);
    int bits = sock->error ? RILL_POLLERR : 0;
    if (sock->shutdown == SHUTDOWN_BOTH)
        bits |= RILL_POLLHUP;
    if (sock->shutdown & SHUTDOWN_READ)
        bits |= READABLE | RILL_POLLRDHUP;
    if (opened && info.receive_queued)
        bits |= READABLE;
    if (!opened || rill_ready(sockets->stack, sock->handle) & RILL_EVENT_WRITABLE)
        bits |= WRITABLE | RILL_POLLWRBAND;
    return bits;
}

int rill_poll_one(struct rill_sockets *sockets, int fd) {
    struct sock *sock = rill__sock_at(sockets, fd);
    if (!sock)
        return RILL_POLLNVAL;
    return sock->stream ? stream_bits(sockets, sock) : datagram_bits(sockets, sock);
}

int rill_poll(struct rill_sockets *sockets, struct rill_pollfd *fds, size_t count) {
    int found = 0;
    for (size_t i = 0; i < count; i++) {
        fds[i].revents = 0;
        if (fds[i].fd < 0) /* left out, as POSIX says */
            continue;
        int always = RILL_POLLERR | RILL_POLLHUP | RILL_POLLNVAL;
        fds[i].revents = (short)(rill_poll_one(sockets, fds[i].fd) & (fds[i].events | always));
        found += fds[i].revents != 0;
    }
    return found;
}
