/* tcp/limiter.c: what holds a connection, each nanosecond of its age charged to one cause.
 *
 * The state is looked at when something has happened: after a segment, a timer, a call, and when
 * output has nothing more to send. The time since the last look is charged to what was found then;
 * but the silence that ends with a retransmission timeout, in which nobody could know better, is
 * the timeout's.
 * So the account's sum is the age, and there is no remainder. It lies with the statistics and
 * survives idleness; a host that keeps none has no account. */
#include "tcp/host.h"

/* Where a limiter's time is kept; the application's is what is left. */
static unsigned slot_of(unsigned limiter) {
    return limiter < RILL_LIMITER_APPLICATION ? limiter : limiter - 1;
}

/* There are bytes to send, and they do not go: why not? */
static enum rill_limiter held_back(const struct tcp_host *host, const struct connection *connection,
                                   uint32_t waiting) {
    const struct active *active = connection->active;
    uint32_t wanted = RILL_MIN(waiting, rill__payload_max(connection));
    if (connection->snd_wnd == 0 ||
        (active->persist_at != RILL_TIME_NEVER && !rill__held_by_cork(connection)))
        return RILL_LIMITER_PERSIST;
    if (rill__window_from(connection, connection->snd_nxt) < wanted)
        return RILL_LIMITER_RECEIVER_WINDOW;
    if (rill__congestion_room(connection) < wanted && active->scoreboard.head)
        return connection->congestion.cwnd < connection->congestion.ssthresh
                   ? RILL_LIMITER_SLOW_START
                   : RILL_LIMITER_AVOIDANCE;
    if (rill__pacer_holds(host, connection))
        return RILL_LIMITER_PACING;
    return RILL_LIMITER_APPLICATION; /* Nagle's algorithm, or a cork, waits for a full segment of it
                                      */
}

static enum rill_limiter limiter_of(const struct tcp_host *host,
                                    const struct connection *connection) {
    const struct active *active = connection->active;
    if (!state_is_synchronized(connection->state))
        return RILL_LIMITER_HANDSHAKE;
    if (active && active->scoreboard.head) {
        if (active->recovery.phase == RECOVERY_TIMEOUT)
            return RILL_LIMITER_RTO;
        if (active->recovery.phase == RECOVERY_FAST || active->scoreboard.lost)
            return RILL_LIMITER_RECOVERY;
    }
    if (connection->flags & CONNECTION_FIN_SENT)
        return RILL_LIMITER_CLOSING;
    uint32_t waiting = active ? rill__unsent(connection) : 0;
    if (waiting)
        return held_back(host, connection, waiting);
    if (active && active->send.bytes && connection->flags & CONNECTION_WANTS_WRITE)
        return RILL_LIMITER_SEND_BUFFER;
    return RILL_LIMITER_APPLICATION;
}

/* The same in tcpi's words: is it the peer's window, or our send buffer, while the congestion
 * window has room; or is something queued or in flight at all? Only where the limiter may be one of
 * these does it take a closer look. */
static enum sender_chrono chrono_of(const struct connection *connection,
                                    enum rill_limiter limiter) {
    const struct active *active = connection->active;
    if (!active || limiter == RILL_LIMITER_HANDSHAKE ||
        (!active->send.bytes && !active->scoreboard.head))
        return CHRONO_NONE;
    if (limiter == RILL_LIMITER_APPLICATION || limiter == RILL_LIMITER_SLOW_START ||
        limiter == RILL_LIMITER_AVOIDANCE || limiter == RILL_LIMITER_PACING)
        return CHRONO_BUSY;
    uint32_t waiting = rill__unsent(connection), payload = rill__payload_max(connection);
    bool room = rill__congestion_room(connection) >= payload;
    if (room && waiting &&
        rill__window_from(connection, connection->snd_nxt) < RILL_MIN(waiting, payload))
        return CHRONO_RECEIVER_WINDOW;
    if (room && !waiting && connection->flags & CONNECTION_WANTS_WRITE)
        return CHRONO_SEND_BUFFER;
    return CHRONO_BUSY;
}

/* The time since the last change goes to the present limiter and the present chrono. */
static void charge(struct connection_stats *stats, rill_time now) {
    if (stats->limiter != RILL_LIMITER_APPLICATION)
        count48_add(&stats->limited[slot_of(stats->limiter)], now - stats->since);
    if (stats->chrono != CHRONO_NONE)
        count48_add(&stats->chronos[stats->chrono], now - stats->since);
    stats->since = now;
}

void rill__limiter_stop(const struct tcp_host *host, struct connection *connection) {
    struct connection_stats *stats = connection_stats(connection);
    if (!stats || stats->limiter == RILL_LIMITER_COUNT)
        return;
    charge(stats, host->core->now);
    stats->limiter = RILL_LIMITER_COUNT;
    stats->chrono = CHRONO_NONE;
}

void rill__limiter_update(const struct tcp_host *host, struct connection *connection) {
    struct connection_stats *stats = connection_stats(connection);
    if (!stats || stats->limiter == RILL_LIMITER_COUNT)
        return;
    enum rill_limiter limiter = limiter_of(host, connection);
    enum sender_chrono chrono = chrono_of(connection, limiter);
    if (limiter == stats->limiter && chrono == stats->chrono)
        return;
    charge(stats, host->core->now);
    stats->limiter = (unsigned)limiter & 15;
    stats->chrono = (unsigned)chrono & 3;
}

void rill__limiter_timeout(const struct tcp_host *host, struct connection *connection) {
    struct connection_stats *stats = connection_stats(connection);
    if (!stats || stats->limiter == RILL_LIMITER_COUNT ||
        stats->limiter == RILL_LIMITER_HANDSHAKE || stats->limiter == RILL_LIMITER_PERSIST)
        return;
    rill_time now = host->core->now, since = RILL_MAX(stats->since, connection->active->moved_at);
    if (since >= now)
        return;
    charge(stats, since);
    stats->limiter = RILL_LIMITER_RTO;
    charge(stats, now);
}

void rill__limiter_read(const struct connection_stats *stats, rill_time now,
                        uint64_t ns[RILL_LIMITER_COUNT]) {
    bool ended = stats->limiter == RILL_LIMITER_COUNT;
    uint64_t left = (ended ? stats->since : now) - stats->opened_at;
    for (unsigned i = 0; i < RILL_LIMITER_COUNT; i++) {
        if (i == RILL_LIMITER_APPLICATION)
            continue;
        ns[i] = count48_get(&stats->limited[slot_of(i)]);
        if (i == stats->limiter)
            ns[i] += now - stats->since;
        left -= ns[i];
    }
    ns[RILL_LIMITER_APPLICATION] = left;
}
