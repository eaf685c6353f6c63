/* tcp/rack.c: what is lost, told by time: RACK (RFC 8985 §6).
 *
 * Theory of operation. A network that delivers in order delivers what was sent first first. So when
 * something has been delivered, what was sent before it and has not been is lost, or late: it gets
 * the reordering window's time to come, and is given up then. Time is that of sending, not the
 * order of bytes, so retransmissions are judged like everything else.
 *
 * The reordering window is nothing until the path has shown that it reorders, then a quarter of the
 * smallest RTT, and a quarter more for each round in which the peer has reported bytes that came
 * twice (DSACK): we had given them up too early. Never more than an SRTT.
 *
 * Records in flight stand in a list by time of sending, so those to look at are at its beginning.
 * The timer for those that are not late enough yet is set for the last of them, as the RFC has it;
 * where there are many, for the latest that it could be. */
#include "tcp/host.h"

#define DUPLICATE_THRESHOLD 3           /* RFC 5681 §3.2's DupThresh */
#define MIN_RTT_SPAN (60 * RILL_SECOND) /* a smaller RTT is remembered so long, twice at most */
#define PERSIST 16                      /* RFC 8985 §6.2, step 4 */
#define LOOK_MAX 32                     /* records looked at for the timer's sake */

uint32_t rill__min_rtt(const struct connection *connection) {
    const struct recovery *recovery = &connection->active->recovery;
    uint32_t now = recovery->min_rtt[0], before = recovery->min_rtt[1];
    return now && before ? RILL_MIN(now, before) : RILL_MAX(now, before);
}

static void sample_min_rtt(struct recovery *recovery, rill_time now, rill_time rtt) {
    if (now - recovery->min_since >= MIN_RTT_SPAN) {
        recovery->min_rtt[1] = recovery->min_rtt[0];
        recovery->min_rtt[0] = 0;
        recovery->min_since = now;
    }
    uint32_t us = (uint32_t)RILL_MIN(rtt / RILL_MICROSECOND, UINT32_MAX / 2);
    us = RILL_MAX(us, 1);
    if (!recovery->min_rtt[0] || us < recovery->min_rtt[0])
        recovery->min_rtt[0] = us;
}

void rill__rack_init(struct connection *connection) {
    struct recovery *recovery = &connection->active->recovery;
    recovery->fack = connection->snd_una;
    recovery->rack_end = connection->snd_una;
    recovery->window_factor = 1;
    recovery->reorder_at = RILL_TIME_NEVER;
}

/* RFC 8985 §6.2, step 4. */
static void adapt_window(struct connection *connection, const struct ack_summary *summary) {
    struct recovery *recovery = &connection->active->recovery;
    if (recovery->in_dsack_round && seq_geq(connection->snd_una, recovery->dsack_round))
        recovery->in_dsack_round = false;
    if (recovery->in_dsack_round || summary->dsack_left == summary->dsack_right)
        return;
    recovery->in_dsack_round = true;
    recovery->dsack_round = connection->snd_nxt;
    recovery->window_factor += recovery->window_factor < 255;
    recovery->window_persist = PERSIST;
}

/* The rest of step 4: an episode without DSACK has ended. */
void rill__rack_recovered(struct connection *connection) {
    struct recovery *recovery = &connection->active->recovery;
    if (recovery->window_persist && --recovery->window_persist == 0)
        recovery->window_factor = 1;
}

/* Beyond RFC 8985's: what a coarse clock makes look early may be in time by a tick. */
rill_time rill__rack_window(const struct tcp_host *host, const struct connection *connection) {
    const struct active *active = connection->active;
    const struct recovery *recovery = &active->recovery;
    if (!recovery->reordering_seen && (recovery->phase >= RECOVERY_FAST ||
                                       active->scoreboard.sacked_segments >= DUPLICATE_THRESHOLD))
        return 0;
    uint64_t window = (uint64_t)rill__min_rtt(connection) * recovery->window_factor / 4;
    return RILL_MIN(window, connection->srtt / 8) * RILL_MICROSECOND +
           host->config.clock_resolution;
}

void rill__rack_acked(struct connection *connection, const struct ack_summary *summary) {
    struct recovery *recovery = &connection->active->recovery;
    if (summary->rtt != RILL_TIME_NEVER) /* step 1 */
        sample_min_rtt(recovery, summary->now, summary->rtt);
    if (summary->rack_rtt != RILL_TIME_NEVER) { /* step 2 */
        recovery->rack_rtt = summary->rack_rtt;
        if (summary->rack_sent_at > recovery->rack_sent_at ||
            (summary->rack_sent_at == recovery->rack_sent_at &&
             seq_gt(summary->rack_end, recovery->rack_end))) {
            recovery->rack_sent_at = summary->rack_sent_at;
            recovery->rack_end = summary->rack_end;
        }
    }
    recovery->fack = summary->fack; /* step 3 */
    recovery->reordering_seen |= summary->reordered;
    adapt_window(connection, summary);
}

/* Of two sent in the same tick the order of bytes decides (RACK_sent_after), but not of what was
 * sent again: that goes before what is new, whatever its number. Where a round trip is shorter than
 * a tick it would be lost with each ACK, and go again at once, for ever. */
static bool sent_before(const struct transmission *record, const struct recovery *recovery) {
    return record->sent_at < recovery->rack_sent_at ||
           (record->sent_at == recovery->rack_sent_at && !(record->flags & TRANSMISSION_RESENT) &&
            seq_lt(record->end, recovery->rack_end));
}

/* Loss detection takes it for lost: RFC 5681 §4.3 counts a lost retransmission once more. */
static void give_up(struct connection *connection, struct transmission *record,
                    struct ack_summary *summary) {
    struct active *active = connection->active;
    summary->newly_lost += transmission_span(record);
    if (record->flags & TRANSMISSION_RESENT && record->sent_at >= active->recovery.reduced_at)
        summary->resent_lost = true;
    rill__scoreboard_mark_lost(&active->scoreboard, record);
}

void rill__rack_detect(const struct tcp_host *host, struct connection *connection,
                       struct ack_summary *summary) {
    struct active *active = connection->active;
    struct recovery *recovery = &active->recovery;
    rill_time wait = recovery->rack_rtt + rill__rack_window(host, connection);
    recovery->reorder_at = RILL_TIME_NEVER;
    struct transmission *record = active->scoreboard.oldest;
    while (record && sent_before(record, recovery) && record->sent_at + wait <= summary->now) {
        give_up(connection, record, summary);
        record = active->scoreboard.oldest;
    }
    for (unsigned i = 0; record && sent_before(record, recovery); i++) {
        recovery->reorder_at = (i < LOOK_MAX ? record->sent_at : recovery->rack_sent_at) + wait;
        record = i < LOOK_MAX ? record->later : 0;
    }
}

/* RFC 8985 §6.3: only what has had its time. */
void rill__rack_timeout(const struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    struct recovery *recovery = &active->recovery;
    rill_time wait = recovery->rack_rtt + rill__rack_window(host, connection);
    struct transmission *head = active->scoreboard.head;
    rill__scoreboard_mark_lost(&active->scoreboard, head);
    while (active->scoreboard.oldest &&
           active->scoreboard.oldest->sent_at + wait <= host->core->now)
        rill__scoreboard_mark_lost(&active->scoreboard, active->scoreboard.oldest);
    recovery->reorder_at = RILL_TIME_NEVER;
}
