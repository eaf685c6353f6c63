/* tcp/timers.c: every timer of a connection. The interface is what happened, never "set timer X".
 *
 * Eight deadlines, one entry in the wheel:
 *   retransmission  while something is in flight (RFC 6298 §5)
 *   persist         while data waits, nothing is in flight and the window is too small (RFC 9293
 *                   §3.8.6.1), or a short segment is held back
 *   reordering      until what is late is taken for lost (RFC 8985 §6.2; rack.c)
 *   probe           until the tail of a flight is asked for (RFC 8985 §7.2; probe.c)
 *   release         until the pacer lets the next packet go (pacer.c)
 *   delayed ACK     while in-order bytes are not acknowledged (RFC 9293 §3.8.6.3)
 *   retry           output or a writer had no memory
 *   keepalive       RFC 9293 §3.8.4; or the end of an orphan's FIN-WAIT-2
 * The entry stands at the earliest of them or before; when it fires, each deadline is looked at.
 * What happens when nothing is under way is idle.c's. */
#include "tcp/host.h"

#define CORK_TIME (200 * RILL_MILLISECOND)

/* A timer that comes round while nothing moves stands at the user timeout, if that is sooner. */
static rill_time not_beyond(const struct tcp_host *host, const struct connection *connection,
                            rill_time at) {
    rill_time limit = rill__user_timeout(host, connection);
    return limit ? RILL_MIN(at, connection->active->stalled_since + limit) : at;
}

static rill_time retransmission_deadline(const struct tcp_host *host,
                                         const struct connection *connection) {
    const struct active *active = connection->active;
    rill_time at = host->core->now + rill__rto(host, connection);
    return active->retries || active->probing ? not_beyond(host, connection, at) : at;
}

void rill__timers_sent(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    active->persist_at = RILL_TIME_NEVER;
    /* RFC 6298 §5.1: only if it is not running */
    if (active->rto_at == RILL_TIME_NEVER)
        active->rto_at = retransmission_deadline(host, connection);
}

/* What the timer watches has a new beginning when it is the first that goes again. */
void rill__timers_resent(struct tcp_host *host, struct connection *connection, bool first) {
    if (first)
        connection->active->rto_at = RILL_TIME_NEVER;
    rill__timers_sent(host, connection);
}

/* RFC 6298 §5.2 and §5.3. */
void rill__timers_acked(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    active->moved_at = host->core->now;
    active->rto_at =
        active->scoreboard.head ? host->core->now + rill__rto(host, connection) : RILL_TIME_NEVER;
}

void rill__timers_ack_delayed(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    if (active->ack_at == RILL_TIME_NEVER)
        active->ack_at = host->core->now + host->config.delayed_ack;
}

void rill__timers_ack_sent(struct connection *connection) {
    connection->active->ack_at = RILL_TIME_NEVER;
    connection->active->unacked = 0;
}

void rill__timers_blocked(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    if (active->persist_at != RILL_TIME_NEVER)
        return;
    rill_time wait = rill__rto(host, connection);
    if (rill__held_by_cork(connection)) /* what an acknowledgement may take, and a little */
        wait = CORK_TIME + rill__round_trip(connection) * RILL_MICROSECOND;
    active->persist_at = host->core->now + wait;
    if (active->probing)
        active->persist_at = not_beyond(host, connection, active->persist_at);
}

/* What was sent into a shut window, probes above all, was not kept there: it goes again at once. */
void rill__timers_window_opened(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    active->persist_at = RILL_TIME_NEVER;
    active->backoff = active->retries = 0;
    if (active->scoreboard.head && active->probing) {
        rill__recovery_resend_all(connection);
        active->rto_at = host->core->now + rill__rto(host, connection);
    }
    active->probing = 0;
}

void rill__timers_segment_accepted(struct tcp_host *host, struct connection *connection) {
    connection->receive_time = (uint32_t)(host->core->now / RILL_SECOND);
    if (connection->flags & CONNECTION_KEEPALIVE && !(connection->flags & CONNECTION_ORPHAN)) {
        connection->keepalive_at = host->core->now + keepalive_idle(host, connection);
        if (connection->active)
            connection->active->keepalives = 0;
    }
}

void rill__timers_orphaned_in_fin_wait_2(struct tcp_host *host, struct connection *connection) {
    const struct extra *extra = rill__extra(host, connection);
    rill_time wait = host->config.fin_wait_2;
    if (extra && extra->fin_wait_2)
        wait = extra->fin_wait_2 == EXTRA_NO_FIN_WAIT_2 ? 0 : extra->fin_wait_2 * RILL_SECOND;
    connection->keepalive_at = host->core->now + wait;
    rill__timers_file(host, connection);
}

void rill__timers_stopped(struct tcp_host *host, struct connection *connection) {
    rill__wheel_disarm(&host->core->wheel, &connection->timer.entry);
    connection->keepalive_at = RILL_TIME_NEVER;
    struct active *active = connection->active;
    rill__idle_leave(host, connection);
    if (active) {
        active->rto_at = active->persist_at = active->ack_at = active->retry_at = RILL_TIME_NEVER;
        active->recovery.reorder_at = active->recovery.probe_at = RILL_TIME_NEVER;
        active->release_at = RILL_TIME_NEVER;
    }
}

/* The earliest of what watches the bytes under way. */
static rill_time flight_deadline(const struct active *active) {
    rill_time next = RILL_MIN(active->rto_at, active->release_at);
    next = RILL_MIN(next, active->recovery.reorder_at);
    return RILL_MIN(next, active->recovery.probe_at);
}

void rill__timers_file(struct tcp_host *host, struct connection *connection) {
    rill_time next = connection->keepalive_at;
    struct active *active = connection->active;
    if (active && rill__connection_is_quiet(connection)) {
        /* The entry stands where the last retransmission would have been: taken out now, while its
         * neighbours in the wheel are in the caches, it costs less than coming up for nothing. */
        if (wheel_is_armed(&connection->timer.entry))
            rill__wheel_disarm(&host->core->wheel, &connection->timer.entry);
        active->retry_at = active->release_at = RILL_TIME_NEVER;
        active->recovery.reorder_at = active->recovery.probe_at = RILL_TIME_NEVER;
        rill__idle_quiet(host, connection);
    } else if (active) {
        next = RILL_MIN(next, flight_deadline(active));
        next = RILL_MIN(next, active->persist_at);
        next = RILL_MIN(next, active->ack_at);
        next = RILL_MIN(next, active->retry_at);
    }
    if (next != RILL_TIME_NEVER)
        rill__wheel_arm(&host->core->wheel, &connection->timer.entry, next);
}

static uint8_t retry_limit(const struct tcp_host *host, const struct connection *connection) {
    const struct extra *extra = rill__extra(host, connection);
    if (connection->state == RILL_TCP_SYN_SENT)
        return extra && extra->syn_retries ? extra->syn_retries : host->config.syn_retries;
    if (connection->state == RILL_TCP_SYN_RECEIVED)
        return host->config.syn_ack_retries;
    return host->config.data_retries;
}

/* A timer has found the window shut. */
void rill__timers_probing(const struct tcp_host *host, struct connection *connection) {
    if (!connection->active->probing)
        connection->active->stalled_since = host->core->now;
    connection->active->probing = 1;
}

/* RFC 9293 §3.8.3, R2, and §3.9.1.8: has nothing moved for too long? The user timeout takes the
 * place of the number of retries, but for a SYN, which has both. */
static bool is_given_up(const struct tcp_host *host, const struct connection *connection) {
    const struct active *active = connection->active;
    rill_time limit = rill__user_timeout(host, connection);
    bool stalled = active->retries || active->probing;
    if (limit && stalled && host->core->now - active->stalled_since >= limit)
        return true;
    if (limit && state_is_synchronized(connection->state))
        return false;
    uint8_t retries = retry_limit(host, connection);
    return retries != 255 && active->retries >= retries;
}

/* RFC 6298 §5.4 to §5.6. False: the connection is given up (RFC 9293 §3.8.3, R2).
 * DEVIATION: its R1, at which IP is to be told that the route may be dead, is not there: neighbours
 * are asked by themselves whether they are (RFC 4861 §7.3.3), and routes follow them. */
static bool retransmission_expired(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    active->rto_at = RILL_TIME_NEVER;
    if (!active->scoreboard.head)
        return true;
    if (is_given_up(host, connection)) {
        rill__connection_reset(host, connection, RILL_CAUSE_RST_TIMEOUT, RILL_ERROR_TIMED_OUT);
        return false;
    }
    if (!active->retries && !active->probing) {
        active->stalled_since = host->core->now;
        rill__limiter_timeout(host, connection);
    }
    active->retries += active->retries < 254;
    active->backoff += active->backoff < 20;
    rill__count_timeout(host, connection);
    rill__fast_open_timeout(host, connection);
    rill__pmtud_timeout(host, connection);
    rill__user_timeout_expired(host, connection);
    rill__recovery_timeout(host, connection);
    active->rto_at = retransmission_deadline(host, connection);
    rill__tcp_ready(host, connection);
    return true;
}

/* False: the connection is given up. */
static bool persist_expired(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    active->persist_at = RILL_TIME_NEVER;
    if (rill__held_by_cork(connection)) {
        rill__output_flush(connection);
        rill__tcp_ready(host, connection);
        return true;
    }
    if (active->probing && is_given_up(host, connection)) {
        rill__connection_reset(host, connection, RILL_CAUSE_RST_TIMEOUT, RILL_ERROR_TIMED_OUT);
        return false;
    }
    active->backoff += active->backoff < 20;
    rill__timers_probing(host, connection);
    connection->owes |= OWES_PROBE;
    rill__tcp_ready(host, connection);
    return true;
}

/* RFC 9293 §3.8.4: so many probes, or for so long, without an answer. */
static bool keepalive_unanswered(const struct tcp_host *host, const struct connection *connection) {
    uint8_t sent = connection->active->keepalives, limit = connection->keepalive_count;
    rill_time most = rill__user_timeout(host, connection);
    if (!most)
        return sent >= (limit ? limit : host->config.keepalive_count);
    return sent &&
           keepalive_idle(host, connection) + sent * keepalive_interval(host, connection) >= most;
}

/* False: the connection is gone. */
static bool keepalive_expired(struct tcp_host *host, struct connection *connection) {
    connection->keepalive_at = RILL_TIME_NEVER;
    if (connection->flags & CONNECTION_ORPHAN) {
        rill__connection_end(host, connection, RILL_OK);
        return false;
    }
    connection->keepalive_at = host->core->now + keepalive_interval(host, connection);
    if (!rill__connection_activate(host, connection) || connection->active->scoreboard.head)
        return true; /* what is in flight asks the same question */
    if (keepalive_unanswered(host, connection)) {
        rill__connection_reset(host, connection, RILL_CAUSE_RST_TIMEOUT, RILL_ERROR_TIMED_OUT);
        return false;
    }
    connection->active->keepalives++;
    connection->owes |= OWES_KEEPALIVE;
    rill__tcp_ready(host, connection);
    return true;
}

static void flight_expired(struct tcp_host *host, struct connection *connection, rill_time now) {
    struct active *active = connection->active;
    if (active->recovery.reorder_at <= now)
        rill__recovery_reordered(host, connection);
    if (active->recovery.probe_at <= now)
        rill__probe_expired(host, connection);
    if (active->release_at <= now) {
        active->release_at = RILL_TIME_NEVER;
        rill__tcp_ready(host, connection);
    }
}

static bool active_expired(struct tcp_host *host, struct connection *connection, rill_time now) {
    struct active *active = connection->active;
    flight_expired(host, connection, now);
    if (active->rto_at <= now && !retransmission_expired(host, connection))
        return false;
    if (active->persist_at <= now && !persist_expired(host, connection))
        return false;
    if (active->ack_at <= now) {
        active->ack_at = RILL_TIME_NEVER;
        connection->owes |= OWES_ACK | OWES_DELAYED;
        rill__tcp_ready(host, connection);
    }
    if (active->retry_at <= now) {
        active->retry_at = RILL_TIME_NEVER;
        rill__tell_writer(host, connection);
        rill__tcp_ready(host, connection);
    }
    return true;
}

void rill__timers_expired(void *context, struct core_timer *timer) {
    struct tcp_host *host = (struct tcp_host *)context;
    struct connection *connection = RILL_CONTAINER(timer, struct connection, timer);
    rill_time now = host->core->now;
    if (connection->keepalive_at <= now && !keepalive_expired(host, connection))
        return;
    if (connection->active && !active_expired(host, connection, now))
        return;
    rill__limiter_update(host, connection);
    rill__timers_file(host, connection);
    rill__connection_verify(host, connection);
}
