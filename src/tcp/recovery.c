/* tcp/recovery.c: what an ACK or a timeout means for what is in flight: when an episode of recovery
 * begins and ends, and how cwnd moves while it lasts.
 *
 * Theory of operation. Of each ACK rack.c first says what is lost (of a peer without SACK, the
 * count of duplicate ACKs does: RFC 5681 §3.2, RFC 6582). The phase says what that means:
 *
 *                loss            a timeout           all from before it is acknowledged
 *   OPEN      -> FAST, reduce    -> TIMEOUT, reduce
 *   REDUCING  -> FAST            -> TIMEOUT          -> OPEN    (cwnd comes down after an ECE)
 *   FAST      (once more if a    -> TIMEOUT          -> OPEN
 *              resending is lost)
 *   TIMEOUT   (slow start)       (back off)          -> OPEN
 *
 * While FAST or REDUCING lasts, proportional rate reduction (RFC 9937) lets out a share of what
 * arrives, so that cwnd comes down to the ssthresh of the congestion control without a pause and
 * without a burst. undo.c says when an episode was for nothing. */
#include "tcp/host.h"

#define DUPLICATES 3 /* RFC 5681 §3.2 */

void rill__recovery_init(struct connection *connection) {
    struct recovery *recovery = &connection->active->recovery;
    recovery->recover = connection->snd_una - 1;
    recovery->phase = RECOVERY_OPEN;
    recovery->probe_allowed = true;
    recovery->probe_at = RILL_TIME_NEVER;
    recovery->min_rtt[0] = connection->srtt / 8;
    rill__rack_init(connection);
}

/* RFC 5681 §4.1: there is no ACK clock, and the path may have changed. The way back to where it was
 * is short. */
void rill__recovery_rested(const struct tcp_host *host, struct connection *connection) {
    struct congestion *congestion = &connection->congestion;
    uint32_t restart = rill__initial_window(host, connection);
    if (congestion->cwnd <= restart)
        return;
    congestion->ssthresh = RILL_MAX(congestion->ssthresh, congestion->cwnd / 4 * 3);
    congestion->cwnd = restart;
}

void rill__recovery_resend_all(struct connection *connection) {
    struct active *active = connection->active;
    rill__scoreboard_mark_all_lost(&active->scoreboard);
    active->recovery.recover = connection->snd_nxt;
    active->recovery.probe = PROBE_NONE;
}

uint32_t rill__in_flight(const struct connection *connection) {
    const struct active *active = connection->active;
    uint32_t left = active->recovery.reno_sacked;
    uint32_t in_flight = active->scoreboard.in_flight;
    return in_flight > left ? in_flight - left : 0;
}

struct congestion_call rill__congestion_call(const struct tcp_host *host,
                                             struct connection *connection) {
    struct congestion_call call = {
        .congestion = &connection->congestion,
        .recent = &connection->active->congestion_recent,
        .now = host->core->now,
        .mss = rill__payload_max(connection),
        .srtt = connection->srtt / 8,
        .snd_nxt = connection->snd_nxt,
        .paced = host->config.pacing || host->config.bursts,
    };
    return call;
}

/* PRR moves cwnd down to ssthresh. */
static bool is_reducing(const struct recovery *recovery) {
    return recovery->phase == RECOVERY_FAST || recovery->phase == RECOVERY_REDUCING;
}

/* To reduce once more means from where cwnd was going, not from what PRR has made of it at this
 * moment. */
static void arrive(struct connection *connection) {
    if (is_reducing(&connection->active->recovery))
        connection->congestion.cwnd = connection->congestion.ssthresh;
}

static void reduce(struct tcp_host *host, struct connection *connection,
                   enum congestion_reason reason, uint32_t flight) {
    struct congestion_call call = rill__congestion_call(host, connection);
    rill__congestion_of(host, connection)->reduce(&call, reason, flight);
    connection->active->recovery.reduced_at = host->core->now;
    if (connection->source.owner & ECN_AGREED) /* RFC 3168 §6.1.2: for whatever reason */
        connection->source.owner |= ECN_REDUCED;
}

/* RFC 9937 §6.1: RecoverFS. */
static uint32_t recover_flight(const struct connection *connection,
                               const struct ack_summary *summary) {
    const struct active *active = connection->active;
    uint32_t have = active->scoreboard.sacked + active->recovery.reno_sacked;
    return connection->snd_nxt - connection->snd_una - have + summary->delivered;
}

/* RFC 9937 §6.1. */
static void begin_reduction(struct tcp_host *host, struct connection *connection,
                            enum congestion_reason reason, const struct ack_summary *summary) {
    struct recovery *recovery = &connection->active->recovery;
    recovery->prr_flight = RILL_MAX(recover_flight(connection, summary), 1);
    recovery->prr_delivered = recovery->prr_out = 0;
    recovery->recover = connection->snd_nxt;
    recovery->probe = PROBE_NONE;
    reduce(host, connection, reason,
           connection->snd_nxt - connection->snd_una + summary->bytes_acked);
}

/* RFC 9937 §6.2; where in flight is ssthresh, §8's first example (ACK 19) goes by the share, and so
 * does this. DEVIATION: §6.2 itself has "greater than". What is let out is rounded up to a segment
 * where it is a share of what has been delivered, which evens out, and not where it is all of it.
 */
static void proportional(struct connection *connection, const struct ack_summary *summary) {
    struct recovery *recovery = &connection->active->recovery;
    struct congestion *congestion = &connection->congestion;
    uint32_t mss = rill__payload_max(connection), ssthresh = congestion->ssthresh;
    if (!summary->delivered)
        return;
    recovery->prr_delivered += summary->delivered;
    uint32_t in_flight = rill__in_flight(connection), room = 0;
    if (in_flight >= ssthresh) {
        uint64_t share = ((uint64_t)recovery->prr_delivered * ssthresh + recovery->prr_flight - 1) /
                         recovery->prr_flight;
        if (share > recovery->prr_out)
            room = (uint32_t)(share - recovery->prr_out + mss - 1) / mss * mss;
    } else {
        if (recovery->prr_delivered > recovery->prr_out)
            room = recovery->prr_delivered - recovery->prr_out;
        room = RILL_MAX(room, summary->delivered);
        if (summary->advanced && !summary->newly_lost) { /* SafeACK */
            room += mss;
            /* A segment more for each such ACK: also for those of before that the pacer has yet to
             * let go. Where nothing is paced both are the same. */
            if (congestion->cwnd > in_flight)
                room = RILL_MAX(room, congestion->cwnd + mss - in_flight);
        }
        room = RILL_MIN(room, ssthresh - in_flight);
    }
    /* The first resending waits for nothing, nor does that of a partial ACK (RFC 6582 §3.2). */
    bool partial = !(connection->flags & CONNECTION_SACK) && summary->newly_lost;
    if ((recovery->prr_out == 0 || partial) && room < mss)
        room = mss;
    congestion->cwnd = in_flight + room;
}

void rill__recovery_sent(struct connection *connection, uint32_t span) {
    struct recovery *recovery = &connection->active->recovery;
    if (is_reducing(recovery))
        recovery->prr_out += span;
}

/* Everything from before the episode is acknowledged. */
static void leave(struct connection *connection) {
    struct recovery *recovery = &connection->active->recovery;
    if (is_reducing(recovery)) /* RFC 9937 §6.4; the pacer spreads what that lets go */
        connection->congestion.cwnd = connection->congestion.ssthresh;
    if (recovery->phase != RECOVERY_REDUCING)
        rill__rack_recovered(connection);
    recovery->phase = RECOVERY_OPEN;
    recovery->forward = FORWARD_NONE;
    recovery->reno_sacked = 0;
    recovery->duplicate_acks = 0;
}

/* A peer without SACK: each duplicate ACK stands for a segment that has left the network (RFC 9937
 * §6.2, RFC 6582). */
static void count_duplicates(struct connection *connection, struct ack_summary *summary) {
    struct recovery *recovery = &connection->active->recovery;
    uint32_t mss = rill__payload_max(connection);
    if (connection->flags & CONNECTION_SACK)
        return;
    if (summary->advanced) {
        /* The first of it was missing; the duplicates have told of the rest. */
        uint32_t known = summary->delivered > mss ? summary->delivered - mss : 0;
        known = RILL_MIN(known, recovery->reno_sacked);
        recovery->reno_sacked -= known;
        summary->delivered -= known;
        if (recovery->phase <= RECOVERY_REDUCING) {
            recovery->duplicate_acks = 0;
            recovery->reno_sacked = 0;
        }
    } else if (summary->duplicate) {
        recovery->duplicate_acks += recovery->duplicate_acks < 255;
        summary->delivered = RILL_MIN(mss, rill__in_flight(connection));
        recovery->reno_sacked += summary->delivered;
    }
}

/* RFC 5681 §3.2 and RFC 6582 §3.2 for a peer without SACK. */
static void detect_by_duplicates(struct tcp_host *host, struct connection *connection,
                                 struct ack_summary *summary) {
    struct active *active = connection->active;
    struct recovery *recovery = &active->recovery;
    struct transmission *head = active->scoreboard.head;
    if (!head || head->flags & TRANSMISSION_LOST)
        return;
    bool partial = summary->advanced && recovery->phase == RECOVERY_FAST;
    /* Step 2: not for the echo of an earlier episode or of a timeout's resending; where cwnd comes
     * down for a mark nothing has been sent again. */
    bool news =
        recovery->phase == RECOVERY_REDUCING ||
        (recovery->phase == RECOVERY_OPEN && seq_gt(connection->snd_una, recovery->recover));
    bool third = !summary->advanced && news && recovery->duplicate_acks >= DUPLICATES;
    if (!partial && !third)
        return;
    /* One segment is missing; if there is no memory to say so, all of the super-segment is. */
    if (head->segment && transmission_span(head) > head->segment)
        (void)rill__scoreboard_split(&active->scoreboard, &host->transmissions, head,
                                     head->sequence + head->segment);
    summary->newly_lost = transmission_span(head);
    rill__scoreboard_mark_lost(&active->scoreboard, head);
}

static void detect(struct tcp_host *host, struct connection *connection,
                   struct ack_summary *summary) {
    if (connection->flags & CONNECTION_SACK)
        rill__rack_detect(host, connection, summary);
    else
        detect_by_duplicates(host, connection, summary);
}

/* Ends the episode this ACK ends, or takes it back. */
static void end_episode(struct connection *connection, const struct ack_summary *summary) {
    struct recovery *recovery = &connection->active->recovery;
    bool spurious = rill__undo_dsack(connection, summary);
    if (recovery->phase >= RECOVERY_FAST)
        spurious |= rill__undo_echo(connection, summary);
    if (recovery->phase == RECOVERY_TIMEOUT)
        spurious |= rill__undo_forward(connection, summary);
    /* Nothing had to be resent: it was all late. */
    bool over = recovery->phase != RECOVERY_OPEN && summary->advanced &&
                seq_geq(summary->acknowledgement, recovery->recover);
    spurious |= over && recovery->phase >= RECOVERY_FAST && recovery->undo_possible &&
                !recovery->undo_stamped;
    if (spurious) {
        if (recovery->phase >= RECOVERY_FAST)
            rill__rack_recovered(connection);
        rill__undo(connection);
    } else if (over) {
        leave(connection);
    }
}

/* What loss detection has found begins an episode, or makes the present one worse. */
static void begin_episode(struct tcp_host *host, struct connection *connection,
                          const struct ack_summary *summary) {
    struct recovery *recovery = &connection->active->recovery;
    if (!summary->newly_lost)
        return;
    if (recovery->phase == RECOVERY_OPEN || recovery->phase == RECOVERY_REDUCING) {
        bool open = recovery->phase == RECOVERY_OPEN;
        rill__undo_begin(connection);
        recovery->phase = RECOVERY_FAST;
        if (open)
            begin_reduction(host, connection, CONGESTION_LOSS, summary);
        recovery->recover = connection->snd_nxt;
    } else if (recovery->phase == RECOVERY_FAST && summary->resent_lost) {
        arrive(connection);
        begin_reduction(host, connection, CONGESTION_LOSS, summary); /* RFC 5681 §4.3 */
    }
}

/* Congestion without loss: a router's mark, or a loss that a probe has repaired. True: cwnd is
 * down already, since nothing is under way that PRR could let it follow. */
static bool begin_reducing(struct tcp_host *host, struct connection *connection,
                           enum congestion_reason reason, const struct ack_summary *summary) {
    struct recovery *recovery = &connection->active->recovery;
    if (recovery->phase != RECOVERY_OPEN)
        return false;
    recovery->phase = RECOVERY_REDUCING;
    recovery->undo_possible = false;
    begin_reduction(host, connection, reason, summary);
    if (connection->snd_una != connection->snd_nxt)
        return false;
    leave(connection);
    return true;
}

/* cwnd after this ACK; one that has ended an episode has set it. */
static void move_window(struct tcp_host *host, struct connection *connection,
                        const struct ack_summary *summary, bool ended) {
    struct recovery *recovery = &connection->active->recovery;
    if (ended)
        return;
    if (is_reducing(recovery)) {
        proportional(connection, summary);
    } else if (summary->bytes_acked) {
        struct congestion_call call = rill__congestion_call(host, connection);
        rill__congestion_of(host, connection)->acked(&call, summary);
    }
}

void rill__recovery_acked(struct tcp_host *host, struct connection *connection,
                          struct ack_summary *summary) {
    struct active *active = connection->active;
    struct recovery *recovery = &active->recovery;
    count_duplicates(connection, summary);
    rill__rack_acked(connection, summary);
    bool repaired = rill__probe_acked(connection, summary);
    if (summary->advanced) {
        rill__count_timeout_over(host, connection);
        active->retries = 0;
        active->full_until = seq_max(active->full_until, connection->snd_una);
        active->small_until = seq_max(active->small_until, connection->snd_una);
        active->flight_until = seq_max(active->flight_until, connection->snd_una);
    }
    bool reducing = is_reducing(recovery);
    end_episode(connection, summary);
    bool ended = reducing && recovery->phase == RECOVERY_OPEN;
    if (recovery->phase == RECOVERY_OPEN && seq_gt(connection->snd_una, recovery->recover))
        recovery->recover = connection->snd_una - 1; /* never 2^31 behind */
    detect(host, connection, summary);
    rill__pmtud_lost(host, connection, summary);
    begin_episode(host, connection, summary);
    if (repaired)
        ended |= begin_reducing(host, connection, CONGESTION_LOSS, summary);
    if (summary->ece && seq_gt(connection->snd_una, recovery->recover))
        ended |= begin_reducing(host, connection, CONGESTION_ECE, summary);
    move_window(host, connection, summary, ended);
    rill__pacer_acked(connection, summary->delivered);
    rill__rate_acked(connection, summary);
    rill__count_acked(host, connection, summary);
    if (summary->delivered || summary->newly_lost)
        rill__tcp_ready(host, connection);
    rill__probe_schedule(host, connection);
}

/* The reordering window of something has ended: no ACK says so. */
void rill__recovery_reordered(struct tcp_host *host, struct connection *connection) {
    struct ack_summary summary = {.now = host->core->now, .rack_rtt = RILL_TIME_NEVER};
    struct congestion *congestion = &connection->congestion;
    bool open = connection->active->recovery.phase == RECOVERY_OPEN;
    rill__rack_detect(host, connection, &summary);
    rill__pmtud_lost(host, connection, &summary);
    begin_episode(host, connection, &summary);
    if (!summary.newly_lost) {
        rill__tcp_ready(host, connection);
        return;
    }
    uint32_t one = rill__in_flight(connection) + rill__payload_max(connection);
    congestion->cwnd = open ? one : RILL_MAX(congestion->cwnd, one); /* RFC 9937 §6.2: forced */
    rill__tcp_ready(host, connection);
}

void rill__recovery_timeout(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    struct recovery *recovery = &active->recovery;
    struct transmission *head = active->scoreboard.head;
    if (connection->snd_wnd == 0 && state_is_synchronized(connection->state)) {
        /* The peer's window is shut: this is the persist timer's case (RFC 9293 §3.8.6.1), and says
         * nothing of congestion. */
        rill__timers_probing(host, connection);
        rill__scoreboard_mark_lost(&active->scoreboard, head);
        return;
    }
    if (head->flags & TRANSMISSION_SACKED)
        rill__scoreboard_renege(&active->scoreboard);
    bool fresh = recovery->phase <= RECOVERY_REDUCING;
    bool again = active->retries > 1;
    uint32_t flight = connection->snd_nxt - connection->snd_una;
    arrive(connection);
    if (fresh)
        rill__undo_begin(connection);
    if (again)
        reduce(host, connection, CONGESTION_TIMEOUT_AGAIN, flight);
    else if (fresh || head->sent_at >= recovery->reduced_at)
        reduce(host, connection, CONGESTION_TIMEOUT, flight);
    if (connection->flags & CONNECTION_SACK)
        rill__rack_timeout(host, connection);
    else
        rill__scoreboard_mark_all_lost(&active->scoreboard);
    recovery->reno_sacked = 0;
    recovery->duplicate_acks = 0;
    recovery->probe = PROBE_NONE;
    recovery->phase = RECOVERY_TIMEOUT;
    recovery->recover = connection->snd_nxt;
    /* RFC 5682 §3.1: not when other losses are being repaired. */
    recovery->forward =
        (fresh || again) && connection->flags & CONNECTION_SACK ? FORWARD_FIRST : FORWARD_NONE;
    /* The loss window (RFC 5681 §3.1), beyond what is taken to be in flight still. */
    connection->congestion.cwnd = active->scoreboard.in_flight + rill__payload_max(connection);
}
