/* tcp/input_text.c: the seventh and eighth steps of RFC 9293 §3.10.7.4: the segment's bytes and its
 * FIN, and what acknowledgement they earn.
 *
 * In-order bytes: at once when it is the second full segment, when they fill (part of) a hole, in
 * the first segments of a connection, or when a FIN ends them; else after the delayed-ACK time
 * (§3.8.6.3). Bytes out of order: one duplicate ACK each (RFC 5681 §4.2). */
#include "tcp/host.h"
#include "tcp/reassembly.h"

static void acknowledge_now(struct tcp_host *host, struct connection *connection) {
    connection->owes |= OWES_ACK;
    rill__tcp_ready(host, connection);
}

static void acknowledge(struct tcp_host *host, struct connection *connection, uint32_t bytes,
                        const struct tcp_segment *segment, bool filled_hole) {
    struct active *active = connection->active;
    uint32_t largest = segment->datagram->packet->gso_size ? segment->datagram->packet->gso_size
                                                           : segment->payload;
    active->receive_mss = RILL_MAX(active->receive_mss, largest);
    active->unacked += bytes;
    if (active->quick_acks) {
        active->quick_acks--;
        acknowledge_now(host, connection);
    } else if (filled_hole || active->receive.ranges ||
               active->unacked >= 2 * active->receive_mss ||
               (host->config.ack_every_second && active->ack_at != RILL_TIME_NEVER)) {
        acknowledge_now(host, connection);
    } else {
        rill__timers_ack_delayed(host, connection);
    }
}

bool rill__input_text(struct tcp_host *host, struct connection *connection,
                      struct tcp_segment *segment) {
    if (state_is_past_text(connection->state) && connection->state != RILL_TCP_SYN_RECEIVED)
        return true;
    bool deaf = connection->flags & CONNECTION_DEAF && connection->state != RILL_TCP_ESTABLISHED;
    if (connection->flags & CONNECTION_ORPHAN || deaf) { /* RFC 1122 §4.2.2.13: nobody reads it */
        struct tcp_control control = {
            .key = &connection->key, /* <SEQ=SEG.ACK>: as if nobody were there */
            .sequence = segment->header.acknowledgement,
            .flags = WIRE_RST,
            .cause = RILL_CAUSE_RST_UNREAD};
        rill__tcp_drop(host, connection, segment, RILL_DROP_TCP_AFTER_CLOSE);
        rill__tcp_control(host, connection_interface(host, connection), &control);
        rill__connection_end(host, connection, deaf ? RILL_ERROR_RESET : RILL_ERROR_ABORTED);
        return false;
    }
    struct active *active = connection->active;
    active->received_at = host->core->now;
    rill_seq before = connection->rcv_nxt;
    uint32_t holes = active->receive.range_count;
    rill__buffers_round(host, connection);
    rill_seq twice_left = 0, twice_right = 0; /* bytes that lie beyond a hole, and come again */
    bool twice = rill__reassembly_overlap(&active->receive, segment->sequence, segment->payload,
                                          &twice_left, &twice_right);
    enum rill_drop drop = rill__receive_queue_add(
        host->core, &host->receive, &active->receive, segment->datagram->packet,
        segment->payload_at, segment->payload, segment->sequence, &connection->rcv_nxt);
    if (drop)
        rill__tcp_drop(host, connection, segment, drop);
    uint32_t bytes = connection->rcv_nxt - before;
    rill__count_text(host, connection, segment, bytes);
    if (drop == RILL_DROP_TCP_DUPLICATE) { /* RFC 2883 §4: it lies within what is there */
        rill__owe_dsack(host, connection, segment->sequence, segment->sequence + segment->payload);
        return true;
    }
    if (segment->repeated) /* RFC 2883 §4.2: the part of it that came twice */
        rill__owe_dsack(host, connection, segment->sequence - segment->repeated, segment->sequence);
    else if (twice && !drop) /* §4.3: the first such part, before the range it lies in */
        rill__owe_dsack(host, connection, twice_left, twice_right);
    else if (bytes == 0)
        rill__owe_ack(host, connection, RILL_CAUSE_DUPLICATE_ACK);
    if (bytes == 0)
        return true;
    rill__buffers_arrived(host, connection, segment);
    if (!segment->repeated && (!twice || drop))
        acknowledge(host, connection, bytes, segment, active->receive.range_count != holes);
    rill__connection_raise(host, connection, RILL_EVENT_READABLE);
    return true;
}

/* The report of what came twice, owed for the FIN's own segment, acknowledges the FIN too. */
static bool said_with_report(struct connection *connection) {
    struct active *active = connection->active;
    struct ack_debt *last = active->debt_count ? &active->debts[active->debt_count - 1] : 0;
    if (!last || last->dsack_left == last->dsack_right || last->count != 1 ||
        last->acknowledgement + 1 != connection->rcv_nxt)
        return false;
    last->acknowledgement = connection->rcv_nxt;
    return true;
}

/* A FIN may come ahead of bytes that are missing: its place is remembered. */
bool rill__input_fin(struct tcp_host *host, struct connection *connection,
                     struct tcp_segment *segment) {
    if (connection->flags & CONNECTION_FIN_RECEIVED)
        return true;
    struct active *active = connection->active;
    if (connection->flags & CONNECTION_FIN_SEEN && seq_gt(connection->rcv_nxt, active->fin_at))
        connection->flags &=
            (uint16_t)~CONNECTION_FIN_SEEN; /* bytes have come across it: it was none */
    if (segment->flags & WIRE_FIN) {
        rill_seq at = segment->sequence + segment->payload;
        /* Of two the earlier counts: nobody can keep a stream open with one far ahead. */
        if (!(connection->flags & CONNECTION_FIN_SEEN) || seq_lt(at, active->fin_at))
            active->fin_at = at;
        connection->flags |= CONNECTION_FIN_SEEN;
        if (connection->rcv_nxt != active->fin_at && segment->payload == 0)
            rill__owe_ack(host, connection, RILL_CAUSE_DUPLICATE_ACK);
    }
    if (!(connection->flags & CONNECTION_FIN_SEEN) || connection->rcv_nxt != active->fin_at)
        return true;
    connection->rcv_nxt++;
    while (active->receive.ranges) /* bytes beyond the end: no sender of sense has sent them */
        rill__reassembly_drop_last(host->core, &host->receive, &active->receive);
    if (seq_lt(connection->rcv_adv, connection->rcv_nxt))
        connection->rcv_adv = connection->rcv_nxt;
    connection->flags |= CONNECTION_FIN_RECEIVED;
    if (connection->state == RILL_TCP_FIN_WAIT_2 || !said_with_report(connection))
        acknowledge_now(host, connection);
    rill__connection_raise(host, connection, RILL_EVENT_READABLE | RILL_EVENT_PEER_CLOSED);
    switch (connection->state) {
    case RILL_TCP_ESTABLISHED:
        connection->state = RILL_TCP_CLOSE_WAIT;
        break;
    case RILL_TCP_FIN_WAIT_1: /* were our FIN acknowledged, the fifth step would have moved on */
        connection->state = RILL_TCP_CLOSING;
        break;
    case RILL_TCP_FIN_WAIT_2: /* what is owed for this FIN goes with it */
        rill__connection_time_wait(host, connection);
        return false;
    default:
        break;
    }
    return true;
}

/* The FIN of a SYN-ACK is left for later: it comes again. */
void rill__input_behind_syn(struct tcp_host *host, struct connection *connection,
                            struct tcp_segment *segment) {
    segment->sequence++;
    segment->flags &= (uint8_t) ~(WIRE_SYN | WIRE_FIN);
    segment->payload = RILL_MIN(segment->payload, rill__receive_window(connection));
    if (segment->payload)
        (void)rill__input_text(host, connection, segment);
}
