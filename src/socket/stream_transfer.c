/* socket/stream_transfer.c: bytes of a TCP socket, in and out. What a state answers when there is
 * nothing to move stands in one place each. */
#include "socket/socket.h"

#include "base/util.h"

static int cannot_send(struct sock *sock, enum rill_tcp_state state) {
    bool open = state == RILL_TCP_ESTABLISHED || state == RILL_TCP_CLOSE_WAIT;
    if (open && !sock->error && !(sock->shutdown & SHUTDOWN_WRITE))
        return 0;
    int error = rill__sock_take_error(sock);
    if (error)
        return error;
    bool opening = state == RILL_TCP_SYN_SENT || state == RILL_TCP_SYN_RECEIVED;
    return opening ? -RILL_EAGAIN : -RILL_EPIPE;
}

int64_t rill__stream_send(struct rill_sockets *sockets, struct sock *sock,
                          const struct rill_message *message, int flags) {
    enum rill_tcp_state state = rill__stream_sync(sockets, sock);
    int error = cannot_send(sock, state);
    if (error)
        return error;
    int64_t done = 0;
    for (size_t i = 0; i < message->iov_count; i++) {
        const struct rill_iovec *piece = &message->iov[i];
        if (!piece->length)
            continue;
        int64_t n = rill_tcp_send(sockets->stack, sock->handle, piece->base, piece->length);
        if (n < 0 && !done)
            return n == RILL_ERROR_MEMORY ? -RILL_ENOBUFS : rill__errno((int)n);
        done += n > 0 ? n : 0;
        if (n < 0 || (size_t)n < piece->length)
            break;
    }
    if (flags & RILL_MSG_OOB && done) /* the last byte of it that was taken */
        (void)rill_tcp_set_option(sockets->stack, sock->handle, RILL_TCP_OPTION_URGENT, 1);
    return done;
}

static size_t queued(struct rill_sockets *sockets, const struct sock *sock) {
    struct rill_tcp_info info;
    if (!sock->handle || rill_tcp_get_info(sockets->stack, sock->handle, &info))
        return 0;
    return info.receive_queued;
}

/* The same, but no further than up to an urgent byte: reading stops once at the mark. */
static size_t readable(struct rill_sockets *sockets, const struct sock *sock) {
    struct rill_tcp_info info;
    if (!sock->handle || rill_tcp_get_info(sockets->stack, sock->handle, &info))
        return 0;
    return info.urgent_after ? RILL_MIN(info.receive_queued, info.urgent_after)
                             : info.receive_queued;
}

/* What is left to read, told beside what was (RILL_TCP_INQ). After the peer's FIN it is never 0, so
 * that a reader who stops at 0 does not miss the end. */
static void tell_left(struct rill_sockets *sockets, const struct sock *sock,
                      struct rill_message *message) {
    if (!message->ancillary || !sock->options[SLOT_INQ])
        return;
    size_t left = queued(sockets, sock);
    bool ended = sock->handle && rill_ready(sockets->stack, sock->handle) & RILL_EVENT_PEER_CLOSED;
    message->ancillary->inq = (int)(left || !ended ? left : 1);
    message->ancillary->present |= RILL_ANCILLARY_INQ;
}

/* Throws bytes away, as many as there are of `length`. */
static int64_t discard(struct rill_sockets *sockets, struct sock *sock, size_t length) {
    uint8_t scratch[2048];
    size_t done = 0;
    while (done < length) {
        int64_t n = rill_tcp_receive(sockets->stack, sock->handle, scratch,
                                     RILL_MIN(length - done, sizeof scratch));
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return (int64_t)done;
}

/* Looks at `length` bytes, which are there, through all pieces. */
static int64_t peek(struct rill_sockets *sockets, struct sock *sock,
                    const struct rill_message *message, size_t length) {
    if (message->iov_count == 1)
        return rill_tcp_peek(sockets->stack, sock->handle, message->iov[0].base, length);
    const struct rill_allocator *allocator = &sockets->allocator;
    uint8_t *flat = (uint8_t *)allocator->allocate(allocator->context, length);
    if (!flat)
        return -RILL_ENOMEM;
    int64_t n = rill_tcp_peek(sockets->stack, sock->handle, flat, length);
    if (n > 0)
        rill__iovec_scatter(message, flat, (size_t)n);
    allocator->release(allocator->context, flat, length);
    return n;
}

/* Reads `length` bytes, which are there, into all pieces. */
static int64_t read_pieces(struct rill_sockets *sockets, struct sock *sock,
                           const struct rill_message *message, size_t length) {
    size_t done = 0;
    for (size_t i = 0; i < message->iov_count && done < length; i++) {
        const struct rill_iovec *piece = &message->iov[i];
        size_t most = RILL_MIN(piece->length, length - done);
        int64_t n = most ? rill_tcp_receive(sockets->stack, sock->handle, piece->base, most) : 0;
        done += n > 0 ? (size_t)n : 0;
        if (n < (int64_t)most)
            break;
    }
    return (int64_t)done;
}

static int64_t nothing_to_read(struct rill_sockets *sockets, struct sock *sock,
                               enum rill_tcp_state state) {
    if (sock->handle && rill_ready(sockets->stack, sock->handle) & RILL_EVENT_PEER_CLOSED)
        return 0; /* the end of the stream, before any error: the pending one stays */
    int error = rill__sock_take_error(sock);
    if (error || sock->shutdown & SHUTDOWN_READ)
        return error;
    return state == RILL_TCP_CLOSED ? -RILL_ENOTCONN : -RILL_EAGAIN;
}

int64_t rill__stream_receive(struct rill_sockets *sockets, struct sock *sock,
                             struct rill_message *message, int flags) {
    static const struct rill_endpoint nobody = {{{0}}, 0, 0};
    enum rill_tcp_state state = rill__stream_sync(sockets, sock);
    if (message->name)
        *message->name = nobody;
    if (state == RILL_TCP_LISTEN)
        return -RILL_ENOTCONN;
    if (flags & RILL_MSG_OOB)
        return -RILL_EINVAL;
    size_t there = readable(sockets, sock);
    size_t length = RILL_MIN(rill__iovec_length(message), there);
    if (!there)
        return nothing_to_read(sockets, sock, state);
    if (!length)
        return 0;
    if (flags & RILL_MSG_PEEK)
        return flags & RILL_MSG_TRUNC ? (int64_t)length : peek(sockets, sock, message, length);
    int64_t got = flags & RILL_MSG_TRUNC ? discard(sockets, sock, length)
                                         : read_pieces(sockets, sock, message, length);
    tell_left(sockets, sock, message);
    return got;
}
