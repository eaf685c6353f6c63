/* tcp/undo.c: an episode of recovery that was for nothing, and how it is taken back.
 *
 * Three witnesses say that nothing was lost:
 *   - timestamps: the ACK that moves over what was resent echoes a time from before the resending
 *     (the Eifel detection, RFC 3522);
 *   - DSACK: the peer reports each resent byte as having come twice (RFC 3708);
 *   - F-RTO: after a timeout, data that were sent before it and never again are acknowledged (RFC
 *     5682 §3.1).
 * Then the congestion state from before the episode comes back whole, CUBIC's curve included (RFC
 * 9438 §4.9), and what was taken for lost is in flight after all. */
#include "tcp/host.h"

#include <string.h>

void rill__undo_begin(struct connection *connection) {
    struct recovery *recovery = &connection->active->recovery;
    recovery->undo_congestion = connection->congestion;
    memcpy(&recovery->undo_recent, &connection->active->congestion_recent,
           sizeof recovery->undo_recent);
    if (recovery->phase == RECOVERY_REDUCING) /* that is for something else, and stays */
        recovery->undo_congestion.cwnd = connection->congestion.ssthresh;
    recovery->undo_una = connection->snd_una;
    recovery->undo_resent = 0;
    recovery->undo_stamped = false;
    recovery->undo_possible = true;
}

void rill__undo_resent(struct connection *connection, uint32_t span, uint32_t timestamp) {
    struct recovery *recovery = &connection->active->recovery;
    if (!recovery->undo_possible)
        return;
    recovery->undo_resent += span;
    if (!recovery->undo_stamped)
        recovery->undo_timestamp = timestamp;
    recovery->undo_stamped = true;
}

bool rill__undo_dsack(struct connection *connection, const struct ack_summary *summary) {
    struct recovery *recovery = &connection->active->recovery;
    uint32_t span = summary->dsack_right - summary->dsack_left;
    if (!span || !recovery->undo_possible || !recovery->undo_resent ||
        seq_lt(summary->dsack_left, recovery->undo_una))
        return false;
    recovery->undo_resent -= RILL_MIN(span, recovery->undo_resent);
    return recovery->undo_resent == 0;
}

bool rill__undo_echo(const struct connection *connection, const struct ack_summary *summary) {
    const struct recovery *recovery = &connection->active->recovery;
    return recovery->undo_possible && recovery->undo_stamped && summary->echoed &&
           summary->advanced && summary->resent_acked &&
           (int32_t)(summary->echo - recovery->undo_timestamp) < 0;
}

/* RFC 5682 §3.1, steps 2 and 3; a peer's SACKs say what it has. True: the timeout was for nothing.
 *
 * The first ACK that advances says nothing by itself: what it covers beyond the resending may have
 * waited behind the hole that this has filled.
 *
 * DEVIATION: a SACK before it, of what was sent before the timeout and not again, is a witness as
 * in step 3: what brings it was on its way when the timer came round. */
bool rill__undo_forward(struct connection *connection, const struct ack_summary *summary) {
    struct recovery *recovery = &connection->active->recovery;
    bool original = summary->original && recovery->undo_possible;
    if (recovery->forward == FORWARD_FIRST && summary->advanced) { /* step 2 */
        bool more =
            seq_lt(summary->acknowledgement, recovery->recover) && rill__may_send_new(connection);
        recovery->forward = more ? FORWARD_NEW : FORWARD_NONE;
        return false;
    }
    if (recovery->forward == FORWARD_NEW &&
        (summary->advanced || summary->sacked || summary->duplicate)) { /* step 3 */
        recovery->forward = FORWARD_NONE;
        return original && seq_leq(summary->fack, recovery->recover);
    }
    return recovery->forward == FORWARD_FIRST && original;
}

void rill__undo(struct connection *connection) {
    struct active *active = connection->active;
    struct recovery *recovery = &active->recovery;
    rill__scoreboard_unmark_lost(&active->scoreboard);
    if (recovery->phase == RECOVERY_FAST ||
        connection->congestion.cwnd < recovery->undo_congestion.cwnd) {
        connection->congestion = recovery->undo_congestion;
        memcpy(&active->congestion_recent, &recovery->undo_recent, sizeof recovery->undo_recent);
    }
    recovery->phase = RECOVERY_OPEN;
    recovery->forward = FORWARD_NONE;
    recovery->undo_possible = false;
    active->backoff = 0;
    recovery->paced_until = recovery->pace_at = 0; /* of the rate of before it was taken back */
}
