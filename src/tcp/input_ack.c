/* tcp/input_ack.c: the fifth step of RFC 9293 §3.10.7.4: the ACK field.
 *
 * It moves snd_una and the send window, fills one ack_summary for recovery.c and the congestion
 * control, and takes the closing states onward when our FIN is acknowledged. */
#include "tcp/host.h"

static uint32_t scaled_window(const struct connection *connection,
                              const struct tcp_segment *segment) {
    if (segment->header.flags & WIRE_SYN) /* RFC 7323 §2.2: never scaled in a SYN */
        return segment->header.window;
    return (uint32_t)segment->header.window << connection->snd_scale;
}

/* §3.10.7.4: SND.WL1 guards against old segments. (SND.WL2 is not needed: an acknowledgement that
 * gets here is never below snd_una, and every update so far came from one at or below it.) */
static void update_window(struct tcp_host *host, struct connection *connection,
                          const struct tcp_segment *segment) {
    if (seq_lt(segment->header.sequence, connection->snd_wl1))
        return;
    uint32_t before = connection->snd_wnd, window = scaled_window(connection, segment);
    connection->snd_wl1 = segment->header.sequence;
    connection->snd_wnd = window;
    connection->snd_wnd_max = RILL_MAX(connection->snd_wnd_max, window);
    if (window > before) {
        if (before == 0)
            rill__timers_window_opened(host, connection);
        rill__tcp_ready(host, connection);
    }
}

/* SYN-RECEIVED of a simultaneous open: our SYN must be acknowledged first of all. */
static bool leave_syn_received(struct tcp_host *host, struct connection *connection,
                               struct tcp_segment *segment) {
    struct active *active = connection->active;
    rill_seq number = segment->header.acknowledgement;
    if (seq_leq(number, connection->snd_una) || seq_gt(number, connection->snd_nxt)) {
        rill__tcp_no_socket(host, segment); /* <SEQ=SEG.ACK><CTL=RST> */
        return false;
    }
    rill__connection_established(host, connection);
    connection->snd_wnd = scaled_window(connection, segment);
    connection->snd_wl1 = segment->header.sequence;
    if (segment->header.flags & WIRE_SYN) /* it came twice: our answer to the first may be lost */
        rill__owe_dsack(host, connection, active->irs, active->irs + 1);
    rill__connection_raise(host, connection, RILL_EVENT_CONNECTED | RILL_EVENT_WRITABLE);
    rill__tcp_ready(host, connection);
    return true;
}

/* RFC 5681 §2, outstanding data apart: nothing in the segment (as it came, not as trimmed), the
 * same number, the same window. With no window it answers a probe, and says nothing of loss. */
static bool is_repeated(const struct connection *connection, const struct tcp_segment *segment) {
    bool bare = segment->datagram->length == segment->header.header_length &&
                !(segment->header.flags & (WIRE_SYN | WIRE_FIN));
    return bare && connection->snd_wnd > 0 &&
           segment->header.acknowledgement == connection->snd_una &&
           scaled_window(connection, segment) == connection->snd_wnd;
}

static void sample_rtt(struct tcp_host *host, struct connection *connection,
                       const struct tcp_segment *segment, struct ack_summary *summary) {
    if (summary->rtt == RILL_TIME_NEVER && summary->advanced && summary->echoed) {
        /* RFC 7323 §4.1: only because snd_una has moved. A tick says no more than a tick. */
        uint32_t ms =
            rill__timestamp_now(host, connection->ts_offset) - segment->header.timestamp_echo;
        if (ms < 600000)
            rill__rtt_sample(host, connection, RILL_MAX(ms, 1) * RILL_MILLISECOND);
    } else if (summary->rtt != RILL_TIME_NEVER) {
        rill__rtt_sample(host, connection, summary->rtt);
    }
}

/* Everything up to `number` has arrived: queue, records, clock. */
static void advance(struct tcp_host *host, struct connection *connection,
                    const struct tcp_segment *segment, struct ack_summary *summary) {
    struct active *active = connection->active;
    rill_seq number = segment->header.acknowledgement;
    rill_seq stream_end = active->send.first + active->send.bytes;
    rill__scoreboard_acked(&active->scoreboard, &host->transmissions, number, summary);
    if (summary->resent_acked) /* RFC 6298 §3: what was resent, or waited behind it, is no sample */
        summary->rtt = RILL_TIME_NEVER;
    rill_seq data_acked = seq_min(number, stream_end);
    if (seq_gt(data_acked, active->send.first)) {
        summary->bytes_acked = data_acked - active->send.first;
        rill__send_queue_acked(host->core, &active->send, data_acked);
    }
    connection->snd_una = number;
    active->more_holds = false; /* what was to follow at once has had its time */
    summary->advanced = true;
}

/* Our FIN is acknowledged: the closing states move on. False: the connection is gone. */
static bool fin_acked(struct tcp_host *host, struct connection *connection) {
    switch (connection->state) {
    case RILL_TCP_FIN_WAIT_1:
        connection->state = RILL_TCP_FIN_WAIT_2;
        if (connection->flags & CONNECTION_ORPHAN)
            rill__timers_orphaned_in_fin_wait_2(host, connection);
        return true;
    case RILL_TCP_CLOSING:
        rill__connection_time_wait(host, connection);
        return false;
    case RILL_TCP_LAST_ACK:
        rill__connection_end(host, connection, RILL_OK);
        return false;
    default:
        return true;
    }
}

/* The ACK lies outside of what may be: RFC 9293 §3.10.7.4 and RFC 5961 §5.2. */
static bool check_range(struct tcp_host *host, struct connection *connection,
                        struct tcp_segment *segment) {
    rill_seq number = segment->header.acknowledgement;
    if (seq_gt(number, connection->snd_nxt)) {
        rill__tcp_drop(host, connection, segment, RILL_DROP_TCP_ACK_FUTURE);
        rill__owe_challenge(host, connection);
        return false;
    }
    uint32_t back = RILL_MAX(connection->snd_wnd_max, 65535);
    if (seq_lt(number, connection->snd_una - back)) {
        rill__tcp_drop(host, connection, segment, RILL_DROP_TCP_ACK_OLD);
        rill__owe_challenge(host, connection);
        return false;
    }
    return true;
}

/* Whether the window was the limit of what is acknowledged now. In slow start it is enough that
 * more than half of it was in flight (RFC 7661 §4.3: validated): so it grows to twice what is used.
 */
static bool uses_window(const struct connection *connection) {
    const struct congestion *congestion = &connection->congestion;
    const struct active *active = connection->active;
    return seq_lt(connection->snd_una, active->full_until) ||
           (congestion->cwnd < congestion->ssthresh && congestion->cwnd / 2 < active->flight_most);
}

static struct ack_summary summarize(const struct connection *connection,
                                    const struct tcp_segment *segment) {
    const struct recovery *recovery = &connection->active->recovery;
    bool repeated = is_repeated(connection, segment);
    struct ack_summary summary = {
        .now = segment->arrival,
        .rtt = RILL_TIME_NEVER,
        .rack_sent_at = recovery->rack_sent_at,
        .rack_rtt = RILL_TIME_NEVER,
        .rack_end = recovery->rack_end,
        .fack = recovery->fack,
        .acknowledgement = segment->header.acknowledgement,
        .recover = recovery->recover,
        .echo = segment->header.timestamp_echo,
        .min_rtt = rill__min_rtt(connection),
        .duplicate = repeated && connection->active->scoreboard.head,
        .repeated = repeated && !segment->header.sack_count,
        .cwnd_limited = uses_window(connection),
        .echoed = connection->flags & CONNECTION_TIMESTAMPS && segment->header.timestamp_echo,
        .ece = connection->source.owner & ECN_AGREED && segment->flags & WIRE_ECE,
    };
    return summary;
}

bool rill__input_ack(struct tcp_host *host, struct connection *connection,
                     struct tcp_segment *segment) {
    if (connection->state == RILL_TCP_SYN_RECEIVED &&
        !leave_syn_received(host, connection, segment))
        return false;
    if (!check_range(host, connection, segment))
        return false;
    struct active *active = connection->active;
    rill_seq number = segment->header.acknowledgement;
    struct ack_summary summary = summarize(connection, segment);
    bool sacks = connection->flags & CONNECTION_SACK && segment->header.sack_count;
    if (seq_lt(number, connection->snd_una)) { /* overtaken by a later ACK; its data counts … */
        if (sacks) {                           /* … and what it says of other bytes */
            rill__input_sack(host, connection, segment, &summary);
            rill__recovery_acked(host, connection, &summary);
            rill__tcp_ready(host, connection);
        }
        return true;
    }
    if (seq_gt(number, connection->snd_una))
        advance(host, connection, segment, &summary);
    if (summary.advanced)
        rill__pmtud_acked(host, connection, &summary);
    if (sacks)
        rill__input_sack(host, connection, segment, &summary);
    sample_rtt(host, connection, segment, &summary);
    if (summary.advanced)
        rill__timers_acked(host, connection);
    /* RFC 9293 §3.8.6.1: a window may stay shut as long as the peer says so; for ever only while
     * there is an application that may give up. */
    else if (connection->snd_wnd == 0 && !(connection->flags & CONNECTION_ORPHAN))
        active->retries = 0;
    rill__recovery_acked(host, connection, &summary);
    rill__buffers_acked(host, connection);
    update_window(host, connection, segment);
    if (summary.advanced) {
        rill__tell_writer(host, connection);
        rill__tcp_ready(host, connection);
        if (connection->flags & CONNECTION_FIN_SENT && connection->snd_una == connection->snd_nxt)
            return fin_acked(host, connection);
    }
    return true;
}
