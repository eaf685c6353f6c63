/* tcp/recovery.c: what is lost, and when an episode of recovery begins and ends: fast retransmit
 * and NewReno (RFC 5681 §3.2, RFC 6582), and the go-back after a timeout (RFC 6298 §5).
 *
 * It reads ack_summary, marks records of the scoreboard lost, and tells the congestion control once
 * an episode. `inflation` is what the duplicate ACKs of RFC 5681 §3.2 (3, 4) add to the window:
 * segments that have left the network but cannot be seen in the scoreboard without SACK. */
#include "tcp/host.h"

#define DUPLICATES 3 /* RFC 5681 §3.2 */

static void leave(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    active->in_recovery = 0;
    active->inflation = 0;
    active->duplicate_acks = 0;
    host->config.congestion->recovered(&connection->congestion, rill__payload_max(connection),
                                       active->scoreboard.in_flight);
}

/* RFC 6582 §3.2 step 3: the next hole is known to be lost too. */
static void partial(struct tcp_host *host, struct connection *connection,
                    const struct ack_summary *summary) {
    struct active *active = connection->active;
    uint32_t mss = rill__payload_max(connection);
    active->in_recovery = 2;
    if (active->scoreboard.head)
        rill__scoreboard_mark_lost(&active->scoreboard, active->scoreboard.head);
    active->inflation -= RILL_MIN(active->inflation, summary->bytes_acked);
    if (summary->bytes_acked >= mss)
        active->inflation += mss;
    rill__tcp_ready(host, connection);
}

static void enter(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    uint32_t mss = rill__payload_max(connection);
    active->in_recovery = 1;
    active->recover = connection->snd_nxt;
    host->config.congestion->loss(&connection->congestion, mss, active->scoreboard.in_flight,
                                  host->core->now);
    active->inflation = DUPLICATES * mss;
    rill__scoreboard_mark_lost(&active->scoreboard, active->scoreboard.head);
    rill__tcp_ready(host, connection);
}

static void duplicate(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    active->duplicate_acks += active->duplicate_acks < 255;
    if (active->in_recovery) {
        active->inflation += rill__payload_max(connection);
        active->inflation = RILL_MIN(active->inflation, connection->send_buffer);
        rill__tcp_ready(host, connection);
    } else if (active->duplicate_acks == DUPLICATES &&
               seq_gt(connection->snd_una, active->recover)) {
        /* RFC 6582 §3.2 step 2: not for the echo of an earlier episode or of a timeout's resending.
         */
        enter(host, connection);
    }
}

void rill__recovery_acked(struct tcp_host *host, struct connection *connection,
                          const struct ack_summary *summary) {
    struct active *active = connection->active;
    if (!summary->advanced) {
        if (summary->duplicate)
            duplicate(host, connection);
        return;
    }
    active->retries = 0;
    if (!active->in_recovery && seq_gt(connection->snd_una, active->recover))
        active->recover = connection->snd_una - 1; /* never 2^31 behind */
    active->full_until = seq_max(active->full_until, connection->snd_una);
    if (!active->in_recovery) {
        active->duplicate_acks = 0;
        host->config.congestion->acked(&connection->congestion, rill__payload_max(connection),
                                       summary);
    } else if (seq_geq(summary->acknowledgement, active->recover)) {
        leave(host, connection);
    } else {
        partial(host, connection, summary);
    }
}

void rill__recovery_timeout(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    struct transmission *head = active->scoreboard.head;
    if (connection->snd_wnd == 0 && state_is_synchronized(connection->state)) {
        /* The peer's window is shut: this is the persist timer's case (RFC 9293 §3.8.6.1), and says
         * nothing of congestion. */
        active->probing = 1;
        rill__scoreboard_mark_lost(&active->scoreboard, head);
        return;
    }
    bool first = head->times == 1;
    host->config.congestion->timeout(&connection->congestion, rill__payload_max(connection),
                                     active->scoreboard.in_flight, first, host->core->now);
    rill__scoreboard_mark_all_lost(&active->scoreboard);
    active->recover = connection->snd_nxt;
    active->in_recovery = 0;
    active->inflation = 0;
    active->duplicate_acks = 0;
}
