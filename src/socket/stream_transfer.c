/* socket/stream_transfer.c: bytes of a TCP socket, in and out. What a state answers when there is
 * nothing to move stands in one place each. */
#include "socket/socket.h"

#include "base/util.h"

static bool is_opening(enum rill_tcp_state state) {
    return state == RILL_TCP_SYN_SENT || state == RILL_TCP_SYN_RECEIVED;
}

/* While the connection opens, the stack knows whether it may carry bytes (RFC 7413). */
static int cannot_send(struct sock *sock, enum rill_tcp_state state) {
    bool open = state == RILL_TCP_ESTABLISHED || state == RILL_TCP_CLOSE_WAIT || is_opening(state);
    if (open && !sock->error && !(sock->shutdown & SHUTDOWN_WRITE))
        return 0;
    int error = rill__sock_take_error(sock);
    if (error)
        return error;
    return -RILL_EPIPE;
}

static int errno_of(int error) {
    if (error == RILL_ERROR_MEMORY)
        return -RILL_ENOBUFS;
    return error == RILL_ERROR_STATE ? -RILL_EAGAIN : rill__errno(error);
}

static int64_t send_pieces(struct rill_sockets *sockets, struct sock *sock,
                           const struct rill_message *message, bool more_follows) {
    int64_t done = 0;
    size_t left = rill__iovec_length(message);
    for (size_t i = 0; i < message->iov_count; i++) {
        const struct rill_iovec *piece = &message->iov[i];
        if (!piece->length)
            continue;
        left -= piece->length;
        bool more = left || more_follows;
        int64_t n =
            more ? rill_tcp_send_more(sockets->stack, sock->handle, piece->base, piece->length)
                 : rill_tcp_send(sockets->stack, sock->handle, piece->base, piece->length);
        if (n < 0 && !done)
            return errno_of((int)n);
        done += n > 0 ? n : 0;
        if (n < 0 || (size_t)n < piece->length)
            break;
    }
    return done;
}

/* Bytes before there is a connection: the SYN carries them (RFC 7413), or nothing does. A SYN that
 * waits for bytes goes without when there are none. */
static int64_t send_early(struct rill_sockets *sockets, struct sock *sock,
                          const struct rill_message *message, int flags) {
    bool held = rill__fast_open_is_held(sockets, sock);
    int64_t done = send_pieces(sockets, sock, message, flags & RILL_MSG_MORE);
    if (done != 0 && done != -RILL_EAGAIN)
        return done;
    if (held)
        (void)!rill_tcp_send(sockets->stack, sock->handle, "", 0);
    return held || flags & RILL_MSG_FASTOPEN ? -RILL_EINPROGRESS : -RILL_EAGAIN;
}

int64_t rill__stream_send(struct rill_sockets *sockets, struct sock *sock,
                          const struct rill_message *message, int flags) {
    enum rill_tcp_state state = rill__stream_sync(sockets, sock);
    if (flags & RILL_MSG_FASTOPEN) {
        int error = rill__fast_open_connect(sockets, sock, message->name);
        if (error && error != -RILL_EINPROGRESS)
            return error;
        state = rill__stream_sync(sockets, sock);
    }
    int error = cannot_send(sock, state);
    if (error)
        return error;
    if (is_opening(state))
        return send_early(sockets, sock, message, flags);
    int64_t done = send_pieces(sockets, sock, message, flags & RILL_MSG_MORE);
    if (flags & RILL_MSG_OOB && done > 0) /* the last byte of it that was taken */
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
