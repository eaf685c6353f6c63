/* tcp/input_syn.c: a segment arrives in SYN-SENT: RFC 9293 §3.10.7.3, and the simultaneous open. */
#include "tcp/host.h"

/* What the peer's SYN says, against what ours offered. */
static void negotiate(struct tcp_host *host, struct connection *connection,
                      const struct tcp_segment *segment) {
    const struct wire_tcp *header = &segment->header;
    uint16_t peer = header->mss ? header->mss : rill__mss_default(&connection->key.remote);
    connection->mss = RILL_MIN(connection->mss, peer);
    if (header->has_window_scale && host->config.window_scaling) {
        connection->flags |= CONNECTION_SCALED;
        connection->snd_scale = header->window_scale;
    } else {
        connection->snd_scale = connection->rcv_scale = 0; /* RFC 7323 §2.2: both or neither */
    }
    if (header->has_timestamps && host->config.timestamps) {
        connection->flags |= CONNECTION_TIMESTAMPS;
        connection->ts_recent = header->timestamp_value;
    }
    if (header->sack_permitted && host->config.sack)
        connection->flags |= CONNECTION_SACK;
    if (rill__ecn_agreed(host, connection, segment))
        connection->source.owner |= ECN_AGREED;
}

/* RFC 7413 §4.2.2: the bytes the SYN has carried were taken, or they go at once with the first ACK.
 */
static void settle_carried(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    if (!(active->fast_open & FAST_OPEN_CARRIED))
        return;
    rill_seq first = active->send.first;
    if (seq_gt(connection->snd_una, first)) {
        connection->source.owner |= TCP_SYN_DATA;
        rill__send_queue_acked(host->core, &active->send, connection->snd_una);
    }
    if (active->scoreboard.head)
        rill__recovery_resend_all(connection);
}

static void take_syn(struct tcp_host *host, struct connection *connection,
                     const struct tcp_segment *segment) {
    negotiate(host, connection, segment);
    connection->active->irs = segment->sequence;
    connection->rcv_nxt = connection->last_ack_sent = segment->sequence + 1;
    connection->rcv_adv = connection->rcv_nxt + rill__window_of_syn(host, connection);
    connection->snd_wnd = segment->header.window; /* of a SYN: never scaled */
    connection->snd_wnd_max = RILL_MAX(connection->snd_wnd_max, connection->snd_wnd);
    connection->snd_wl1 = segment->sequence;
    rill__user_timeout_received(host, connection, segment->header.user_timeout);
}

static void established(struct tcp_host *host, struct connection *connection,
                        struct tcp_segment *segment) {
    struct active *active = connection->active;
    struct ack_summary summary = {.now = segment->arrival,
                                  .rtt = RILL_TIME_NEVER,
                                  .rack_rtt = RILL_TIME_NEVER,
                                  .fack = connection->snd_una};
    rill__scoreboard_acked(&active->scoreboard, &host->transmissions,
                           segment->header.acknowledgement, &summary);
    connection->snd_una = segment->header.acknowledgement;
    if (!summary.resent_acked)
        rill__rtt_sample(host, connection, summary.rtt);
    rill__timers_acked(host, connection);
    rill__fast_open_learn(host, connection, segment);
    rill__connection_established(host, connection);
    if (connection->srtt)
        rill__buffers_handshake(connection, connection->srtt / 8 * RILL_MICROSECOND);
    settle_carried(host, connection);
    connection->owes |= OWES_ACK;
    rill__connection_raise(host, connection, RILL_EVENT_CONNECTED | RILL_EVENT_WRITABLE);
    rill__input_behind_syn(host, connection, segment);
    rill__tcp_ready(host, connection);
    rill__limiter_update(host, connection);
    rill__timers_file(host, connection);
}

/* Both opened at once: our SYN is sent again, now with an ACK of theirs (RFC 9293 §3.5, figure 7).
 */
static void simultaneous(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    connection->state = RILL_TCP_SYN_RECEIVED;
    if (active->scoreboard.head)
        rill__scoreboard_mark_lost(&active->scoreboard, active->scoreboard.head);
    rill__tcp_ready(host, connection);
    rill__timers_file(host, connection);
}

void rill__input_syn_sent(struct tcp_host *host, struct connection *connection,
                          struct tcp_segment *segment) {
    bool acks = (segment->flags & WIRE_ACK) != 0;
    rill_seq number = segment->header.acknowledgement;
    /* First: our SYN is acknowledged, or the segment is an old one. */
    if (acks && (seq_leq(number, connection->snd_una) || seq_gt(number, connection->snd_nxt))) {
        rill__tcp_drop(host, connection, segment, RILL_DROP_TCP_SYN_BAD_ACK);
        if (segment->flags & WIRE_RST)
            return;
        struct tcp_control control = {.key = &connection->key,
                                      .sequence = number,
                                      .flags = WIRE_RST,
                                      .cause = RILL_CAUSE_RST_BAD_ACK};
        rill__tcp_control(host, segment->datagram->interface, &control);
        return;
    }
    if (segment->flags & WIRE_RST) { /* second; erratum 8167: rcv_nxt means nothing here */
        if (acks) {
            rill__tcp_received(host, connection, segment);
            rill__connection_end(host, connection, RILL_ERROR_REFUSED);
        } else {
            rill__tcp_drop(host, connection, segment, RILL_DROP_TCP_RST_IN_SYN_SENT);
        }
        return;
    }
    if (!(segment->flags & WIRE_SYN)) { /* fifth */
        rill__tcp_drop(host, connection, segment, RILL_DROP_TCP_NOTHING_IN_SYN_SENT);
        return;
    }
    rill__tcp_received(host, connection, segment);
    take_syn(host, connection, segment); /* fourth */
    if (acks)
        established(host, connection, segment);
    else
        simultaneous(host, connection);
}
