/* tcp/transfer.c: SEND and RECEIVE of RFC 9293 §3.10.2 and §3.10.3, by copy and by reference. */
#include "tcp/tcp_api.h"

/* 0 if bytes may be queued now, or why not. */
static int check_send(struct tcp_host *host, struct connection *connection) {
    if (connection->error)
        return connection->error;
    if (connection->flags & CONNECTION_SHUTDOWN || !(connection->flags & CONNECTION_IN_DEMUX))
        return RILL_ERROR_CLOSED;
    if (connection->state != RILL_TCP_ESTABLISHED && connection->state != RILL_TCP_CLOSE_WAIT &&
        !connection_is_early(connection))
        return RILL_ERROR_STATE;
    if (!rill__connection_activate(host, connection))
        return RILL_ERROR_MEMORY;
    return 0;
}

/* Not the send buffer but memory has stopped the writer: no acknowledgement may ever come to wake
 * it. */
static void await_memory(struct tcp_host *host, struct connection *connection) {
    connection->active->retry_at = host->core->now + 10 * RILL_MILLISECOND;
    rill__timers_file(host, connection);
}

static void queued(struct tcp_host *host, struct connection *connection) {
    rill__tcp_ready(host, connection);
    rill__limiter_update(host, connection);
    rill__timers_file(host, connection);
    rill__connection_verify(host, connection);
}

/* RFC 7413 §4.2.2: bytes for the SYN. */
static int64_t send_with_syn(struct tcp_host *host, struct connection *connection,
                             const uint8_t *data, size_t length) {
    size_t room = rill__fast_open_room(host, connection);
    size_t taken =
        rill__send_queue_copy(host->core, &connection->active->send, data, RILL_MIN(length, room));
    if (!length || taken)
        rill__fast_open_release(host, connection);
    return taken || !length ? (int64_t)taken : (int64_t)RILL_ERROR_AGAIN;
}

/* Whether a short segment at the end waits for what follows. */
static void note_more(struct active *active, bool more) {
    active->more = active->more_holds = more;
}

int64_t rill__tcp_send(struct tcp_host *host, rill_handle handle, const void *data, size_t length,
                       bool more) {
    struct connection *connection = rill__connection_find(host, handle);
    if (!connection)
        return RILL_ERROR_HANDLE;
    if (rill__fast_open_may_queue(connection))
        return send_with_syn(host, connection, (const uint8_t *)data, length);
    int error = check_send(host, connection);
    if (error)
        return error;
    size_t room = rill__send_room(host, connection);
    size_t taken = rill__send_queue_copy(host->core, &connection->active->send,
                                         (const uint8_t *)data, RILL_MIN(length, room));
    if (taken < length ||
        !rill__send_room(host, connection)) /* full: who asks rill_ready waits too */
        connection->flags |= CONNECTION_WANTS_WRITE;
    if (taken < RILL_MIN(length, room))
        await_memory(host, connection);
    note_more(connection->active, more && taken == length);
    if (taken)
        queued(host, connection);
    else
        rill__limiter_update(host, connection);
    return taken || !length ? (int64_t)taken : (int64_t)RILL_ERROR_AGAIN;
}

#define SLICE_MAX (1u << 30)

/* A slice larger than the whole buffer goes in alone. */
static bool fits(const struct tcp_host *host, const struct connection *connection, size_t length) {
    return length <= rill__send_room(host, connection) ||
           (!connection->active->send.bytes && length <= SLICE_MAX);
}

/* Not now nor ever, however long one waits. */
static bool never_fits(const struct tcp_host *host, const struct rill_slice *slice) {
    return slice->length > SLICE_MAX ||
           rill__send_queue_charge(slice) > host->core->memory_limit / 2;
}

int64_t rill__tcp_send_slices(struct tcp_host *host, rill_handle handle,
                              const struct rill_slice *slices, size_t count) {
    struct connection *connection = rill__connection_find(host, handle);
    if (!connection)
        return RILL_ERROR_HANDLE;
    int error = check_send(host, connection);
    if (error)
        return error;
    size_t taken = 0;
    if (count && never_fits(host, &slices[0]))
        return RILL_ERROR_LIMIT;
    while (taken < count && fits(host, connection, slices[taken].length) &&
           (slices[taken].length == 0 ||
            rill__send_queue_slice(host->core, &connection->active->send, slices[taken]))) {
        if (slices[taken].length == 0)
            rill_block_drop(slices[taken].block);
        taken++;
    }
    if (taken < count || !rill__send_room(host, connection))
        connection->flags |= CONNECTION_WANTS_WRITE;
    if (taken < count && fits(host, connection, slices[taken].length))
        await_memory(host, connection);
    note_more(connection->active, false);
    if (taken)
        queued(host, connection);
    else
        rill__limiter_update(host, connection);
    return taken || !count ? (int64_t)taken : (int64_t)RILL_ERROR_AGAIN;
}

/* What reading says when there is nothing to read. */
static int nothing_to_read(const struct connection *connection) {
    if (connection->flags & (CONNECTION_FIN_RECEIVED | CONNECTION_DEAF))
        return 0;
    if (connection->error)
        return connection->error;
    return connection->flags & CONNECTION_IN_DEMUX ? RILL_ERROR_AGAIN : RILL_ERROR_CLOSED;
}

/* The reader has made room: the window may be worth telling about. */
static void consumed(struct tcp_host *host, struct connection *connection, size_t bytes) {
    rill__buffers_read(host, connection, bytes);
    if (rill__window_update_due(host, connection)) {
        connection->owes |= OWES_WINDOW_UPDATE;
        rill__tcp_ready(host, connection);
    }
    if (connection->flags & CONNECTION_IN_DEMUX)
        rill__timers_file(host, connection);
    rill__connection_verify(host, connection);
}

int64_t rill__tcp_receive(struct tcp_host *host, rill_handle handle, void *data, size_t length) {
    struct connection *connection = rill__connection_find(host, handle);
    if (!connection)
        return RILL_ERROR_HANDLE;
    if (!length) /* 0 would mean the end of the stream */
        return RILL_ERROR_ARGUMENT;
    if (!connection->active || !connection->active->receive.bytes)
        return nothing_to_read(connection);
    size_t n =
        rill__receive_queue_read(host->core, &connection->active->receive, (uint8_t *)data, length);
    consumed(host, connection, n);
    return (int64_t)n;
}

int64_t rill__tcp_receive_slices(struct tcp_host *host, rill_handle handle,
                                 struct rill_slice *slices, size_t max) {
    struct connection *connection = rill__connection_find(host, handle);
    if (!connection)
        return RILL_ERROR_HANDLE;
    if (!max)
        return RILL_ERROR_ARGUMENT;
    if (!connection->active || !connection->active->receive.bytes)
        return nothing_to_read(connection);
    size_t n = 0, bytes = 0;
    while (n < max &&
           rill__receive_queue_take(host->core, &connection->active->receive, &slices[n]))
        bytes += slices[n++].length;
    consumed(host, connection, bytes);
    return (int64_t)n;
}

int64_t rill__tcp_peek(struct tcp_host *host, rill_handle handle, void *data, size_t length) {
    struct connection *connection = rill__connection_find(host, handle);
    if (!connection)
        return RILL_ERROR_HANDLE;
    if (!length)
        return RILL_ERROR_ARGUMENT;
    if (!connection->active || !connection->active->receive.bytes)
        return nothing_to_read(connection);
    size_t n = rill__receive_queue_peek(&connection->active->receive, (uint8_t *)data, length);
    host->core->bytes_copied += n;
    return (int64_t)n;
}
