/* tcp/close.c: a connection ends: shutdown, close, abort, reset, TIME-WAIT (RFC 9293 §3.10.4,
 * §3.10.5).
 *
 * "Ending" takes a connection out of the protocol: out of the table, its timers and send queue
 * gone. The record stays while the application has the handle, with what it may still read; without
 * a handle it is freed at once. */
#include "tcp/host.h"
#include "tcp/tcp_api.h"

static void free_active(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    if (!active)
        return;
    rill__idle_leave(host, connection);
    rill__send_queue_fini(host->core, &active->send);
    rill__receive_queue_fini(host->core, &host->receive, &active->receive);
    rill__scoreboard_fini(&active->scoreboard, &host->transmissions);
    rill__slab_close(&host->actives, active->index);
    connection->active = 0;
}

void rill__connection_free(struct tcp_host *host, struct connection *connection) {
    free_active(host, connection);
    rill__extra_free(host, connection);
    rill__event_cancel(host->core, &connection->event);
    host->orphans -= (connection->choices & CHOICE_CLOSED) != 0;
    rill__slab_close(&host->connections, connection->index);
}

/* Nothing is in it that matters once the connection has ended: only unread bytes do. */
void rill__connection_reduce(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    if (!active)
        return;
    rill__send_queue_fini(host->core, &active->send);
    rill__scoreboard_fini(&active->scoreboard, &host->transmissions);
    if (!active->receive.bytes && !(connection->flags & CONNECTION_QUEUED))
        free_active(host, connection);
}

void rill__connection_end(struct tcp_host *host, struct connection *connection, int error) {
    if (connection->flags & CONNECTION_IN_DEMUX) {
        rill__demux_remove(host, connection->tag, TCP_KIND_CONNECTION, connection->index);
        connection->flags &= (uint16_t)~CONNECTION_IN_DEMUX;
    } else if (connection->state != RILL_TCP_CLOSED) {
        return; /* it has ended before */
    }
    rill__limiter_stop(host, connection);
    rill__timers_stopped(host, connection);
    rill__fast_open_settled(host, connection, false);
    rill__sharing_end(host, connection);
    rill__ip_source_remove(host->ip, &connection->source);
    connection->state = RILL_TCP_CLOSED;
    connection->owes = 0;
    connection->error = (int8_t)error;
    if (connection->flags & CONNECTION_ORPHAN) {
        rill__connection_free(host, connection);
        return;
    }
    rill__connection_reduce(host, connection);
    rill__connection_raise(
        host, connection, RILL_EVENT_CLOSED | RILL_EVENT_READABLE | (error ? RILL_EVENT_ERROR : 0));
}

/* What is still owed goes at once: after this the time-wait record answers for us. */
static void acknowledge_now(struct tcp_host *host, struct connection *connection) {
    struct tcp_control control = {
        .key = &connection->key,
        .sequence = connection->snd_nxt,
        .acknowledgement = connection->rcv_nxt,
        .window = rill__window_advertise(host, connection),
        .flags = WIRE_ACK,
        .timestamps = (connection->flags & CONNECTION_TIMESTAMPS) != 0,
        .timestamp_value = rill__timestamp_now(host, connection->ts_offset),
        .timestamp_echo = connection->ts_recent,
        .cause = RILL_CAUSE_ACK,
    };
    rill__tcp_control(host, connection_interface(host, connection), &control);
}

void rill__connection_time_wait(struct tcp_host *host, struct connection *connection) {
    if (connection->flags & CONNECTION_IN_DEMUX) {
        rill__demux_remove(host, connection->tag, TCP_KIND_CONNECTION, connection->index);
        connection->flags &= (uint16_t)~CONNECTION_IN_DEMUX;
    }
    if (connection->owes & OWES_ACK)
        acknowledge_now(host, connection);
    /* Without memory for the record the four-tuple is free at once: RFC 1337's risk, not a leak. */
    (void)rill__time_wait_start(host, connection);
    rill__limiter_stop(host, connection);
    rill__timers_stopped(host, connection);
    rill__sharing_end(host, connection);
    rill__ip_source_remove(host->ip, &connection->source);
    connection->state = RILL_TCP_TIME_WAIT;
    connection->owes = 0;
    if (connection->flags & CONNECTION_ORPHAN) {
        rill__connection_free(host, connection);
        return;
    }
    rill__connection_reduce(host, connection);
    rill__connection_raise(host, connection, RILL_EVENT_CLOSED);
}

void rill__connection_reset(struct tcp_host *host, struct connection *connection,
                            enum rill_cause cause, int error) {
    struct ip_interface *interface = connection_interface(host, connection);
    struct tcp_control control = {
        .key = &connection->key,
        .sequence = rill__empty_sequence(connection),
        .acknowledgement = connection->rcv_nxt,
        .flags = WIRE_RST | WIRE_ACK,
        .timestamps = (connection->flags & CONNECTION_TIMESTAMPS) != 0,
        .timestamp_value = rill__timestamp_now(host, connection->ts_offset),
        .timestamp_echo = connection->ts_recent,
        .cause = cause,
    };
    bool sent_nothing = connection->state == RILL_TCP_SYN_SENT;
    if (!sent_nothing) /* RFC 9293 §3.10.5: in SYN-SENT there is nobody to reset */
        rill__tcp_control(host, interface, &control);
    rill__connection_end(host, connection, error);
}

void rill__connection_shrink(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    if (!active || active->send.bytes || active->receive.bytes || active->receive.ranges ||
        active->scoreboard.head || active->debt_count || active->unacked ||
        connection->flags & CONNECTION_QUEUED || connection->owes ||
        connection->state < RILL_TCP_ESTABLISHED || fin_is_owed(connection))
        return;
    free_active(host, connection);
}

int rill__tcp_shutdown(struct tcp_host *host, rill_handle handle) {
    struct connection *connection = rill__connection_find(host, handle);
    if (!connection)
        return RILL_ERROR_HANDLE;
    if (connection->state != RILL_TCP_ESTABLISHED && connection->state != RILL_TCP_CLOSE_WAIT &&
        connection->state != RILL_TCP_SYN_SENT && connection->state != RILL_TCP_SYN_RECEIVED)
        return RILL_ERROR_STATE;
    if (connection->flags & CONNECTION_SHUTDOWN)
        return 0;
    if (!rill__connection_activate(host, connection))
        return RILL_ERROR_MEMORY;
    connection->flags |= CONNECTION_SHUTDOWN;
    rill__tcp_ready(host, connection);
    return 0;
}

static void close_connection(struct tcp_host *host, struct connection *connection) {
    rill__event_cancel(host->core, &connection->event);
    if (!(connection->flags & CONNECTION_IN_DEMUX)) { /* it has ended before */
        rill__connection_free(host, connection);
        return;
    }
    connection->flags |= CONNECTION_ORPHAN;
    connection->keepalive_at = RILL_TIME_NEVER; /* it has another meaning from now on */
    bool unread = connection->active && connection->active->receive.bytes;
    if (connection->state == RILL_TCP_SYN_SENT) {
        rill__connection_end(host, connection, RILL_ERROR_ABORTED);
        return;
    }
    /* RFC 2525 §2.17: bytes that nobody will read must not look as if they had been. */
    if (unread || !rill__connection_activate(host, connection)) {
        rill__connection_reset(host, connection, RILL_CAUSE_RST_UNREAD, RILL_ERROR_ABORTED);
        return;
    }
    if (host->orphans >= host->config.orphans_max) {
        rill__connection_reset(host, connection, RILL_CAUSE_RST_ORPHANS, RILL_ERROR_ABORTED);
        return;
    }
    host->orphans++;
    connection->choices |= CHOICE_CLOSED;
    connection->flags |= CONNECTION_SHUTDOWN;
    if (connection->state == RILL_TCP_FIN_WAIT_2)
        rill__timers_orphaned_in_fin_wait_2(host, connection);
    rill__tcp_ready(host, connection);
}

int rill__tcp_close(struct tcp_host *host, rill_handle handle) {
    struct connection *connection = rill__connection_find(host, handle);
    if (!connection)
        return RILL_ERROR_HANDLE;
    close_connection(host, connection);
    return 0;
}

int rill__tcp_abort(struct tcp_host *host, rill_handle handle) {
    struct connection *connection = rill__connection_find(host, handle);
    if (!connection)
        return RILL_ERROR_HANDLE;
    rill__event_cancel(host->core, &connection->event);
    if (!(connection->flags & CONNECTION_IN_DEMUX)) {
        rill__connection_free(host, connection);
        return 0;
    }
    connection->flags |= CONNECTION_ORPHAN;
    rill__connection_reset(host, connection, RILL_CAUSE_RST_ABORT, RILL_ERROR_ABORTED);
    return 0;
}

int rill__tcp_shutdown_read(struct tcp_host *host, rill_handle handle) {
    struct connection *connection = rill__connection_find(host, handle);
    if (!connection)
        return RILL_ERROR_HANDLE;
    if (!state_is_synchronized(connection->state) && connection->state != RILL_TCP_SYN_RECEIVED)
        return RILL_ERROR_STATE;
    connection->flags |= CONNECTION_DEAF;
    return 0;
}
