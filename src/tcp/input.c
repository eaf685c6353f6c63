/* tcp/input.c: a segment arrives: RFC 9293 §3.10.7.
 *
 * Theory of operation. A segment is parsed and its checksum verified before anything is looked up:
 * what is not whole changes nothing. Then it is given to what has its four-tuple (connection,
 * half-open record, time-wait record), else to a listener, else answered with RST (§3.10.7.1).
 *
 * For a connection the steps of §3.10.7.4 follow in their order, one function each: sequence (with
 * RFC 7323's PAWS before it), RST (RFC 5961 §3), SYN (RFC 5961 §4), ACK (input_ack.c), urgent
 * pointer (urgent.c), text and FIN (input_text.c). A step says whether the segment goes on. Nothing
 * is sent here: a step leaves marks and debts, which output.c pays. Security (third) has no state
 * of ours to change. */
#include "tcp/host.h"

#include "base/address.h"
#include "base/checksum.h"
#include <string.h>

uint16_t rill__tcp_zone(const struct ip_interface *interface, const struct tcp_key *key) {
    bool one_link = rill__address_is_link_local(&key->remote);
    return one_link ? (uint16_t)(interface->index + 1) : 0;
}

#define PAWS_LIMIT (24u * 24 * 3600) /* seconds, RFC 7323 §5.5 */

void rill__tcp_drop(struct tcp_host *host, const struct connection *connection,
                    const struct tcp_segment *segment, enum rill_drop drop) {
    host->core->drops[drop]++;
    if (!host->core->trace)
        return;
    struct rill_trace_record record = {
        .kind = RILL_TRACE_DROPPED,
        .drop = drop,
        .handle = connection ? rill__connection_handle(host, connection) : 0,
        .local = {segment->key.local, segment->key.local_port},
        .remote = {segment->key.remote, segment->key.remote_port},
        .sequence = segment->header.sequence,
        .acknowledgement = segment->header.acknowledgement,
        .length = segment->datagram->length - segment->header.header_length,
        .window = segment->header.window,
        .flags = segment->header.flags,
        .state = connection ? connection->state : (uint8_t)RILL_TCP_CLOSED,
    };
    rill__core_trace(host->core, &record);
}

void rill__tcp_received(struct tcp_host *host, const struct connection *connection,
                        const struct tcp_segment *segment) {
    if (!host->core->trace)
        return;
    struct rill_trace_record record = {
        .kind = RILL_TRACE_RECEIVED,
        .handle = rill__connection_handle(host, connection),
        .local = {segment->key.local, segment->key.local_port},
        .remote = {segment->key.remote, segment->key.remote_port},
        .sequence = segment->sequence,
        .acknowledgement = segment->header.acknowledgement,
        .length = segment->payload,
        .window = segment->header.window,
        .flags = segment->flags,
        .state = connection->state,
        .cwnd = connection->congestion.cwnd,
        .ssthresh = connection->congestion.ssthresh,
    };
    rill__core_trace(host->core, &record);
}

static bool checksum_ok(const struct ip_datagram *datagram) {
    const struct rill_packet *packet = datagram->packet;
    if (packet->flags & (RILL_PACKET_CHECKSUM_PARTIAL | RILL_PACKET_CHECKSUM_VERIFIED))
        return true; /* it never crossed a wire, or the link has looked */
    uint64_t sum = datagram->network->pseudo_sum(datagram);
    uint32_t offset = 0;
    struct rill_slice part;
    size_t headroom = packet->header_length;
    while (offset < datagram->length) {
        uint32_t at = datagram->header_length + offset, left = datagram->length - offset;
        if (at < headroom) {
            part.data = packet->headroom + packet->header_offset + at;
            part.length = RILL_MIN(left, headroom - at);
        } else {
            uint32_t from = at - (uint32_t)headroom;
            int i = 0;
            while (from >= packet->slices[i].length)
                from -= (uint32_t)packet->slices[i++].length;
            part.data = packet->slices[i].data + from;
            part.length = RILL_MIN(left, packet->slices[i].length - from);
        }
        sum = rill__checksum_add_at(sum, part.data, part.length, offset);
        offset += (uint32_t)part.length;
    }
    return rill__checksum_fold(sum) == 0xffff;
}

static enum rill_drop read_segment(struct tcp_host *host, struct ip_datagram *datagram,
                                   struct tcp_segment *segment) {
    enum rill_drop drop =
        rill__wire_tcp_parse(datagram->data, datagram->contiguous, &segment->header);
    if (drop != RILL_DROP_NONE && drop != RILL_DROP_TCP_OPTIONS)
        return drop;
    if (!checksum_ok(datagram))
        return RILL_DROP_TCP_CHECKSUM;
    if (drop)
        return drop;
    if (segment->header.source_port == 0 || segment->header.destination_port == 0)
        return RILL_DROP_TCP_PORT_ZERO;
    if (datagram->to_group) /* RFC 1122 §4.2.3.10, MUST-57 */
        return RILL_DROP_TO_GROUP;
    segment->datagram = datagram;
    segment->key.local = datagram->destination;
    segment->key.remote = datagram->source;
    segment->key.local_port = segment->header.destination_port;
    segment->key.remote_port = segment->header.source_port;
    segment->key.zone = rill__tcp_zone(datagram->interface, &segment->key);
    segment->arrival =
        datagram->packet->arrival < host->core->now ? datagram->packet->arrival : host->core->now;
    segment->sequence = segment->header.sequence;
    segment->payload = datagram->length - segment->header.header_length;
    segment->payload_at = datagram->header_length + segment->header.header_length;
    segment->segments = datagram->packet->gso_size ? rill_packet_frames(datagram->packet) : 1;
    segment->repeated = 0;
    segment->nothing_left = false;
    segment->flags = segment->header.flags;
    return RILL_DROP_NONE;
}

void rill__tcp_input(void *transport, struct ip_datagram *datagram) {
    struct tcp_host *host = (struct tcp_host *)transport;
    struct tcp_segment segment;
    enum rill_drop drop = read_segment(host, datagram, &segment);
    if (drop) {
        rill__core_drop(host->core, drop);
        return;
    }
    uint32_t value = rill__demux_find(host, &segment.key);
    if (value == TCP_NOT_FOUND) {
        struct listener *listener = rill__listener_find(host, &segment.key);
        if (listener)
            rill__listener_input(host, listener, &segment);
        else
            rill__tcp_no_socket(host, &segment);
        return;
    }
    uint32_t index = value & TCP_INDEX_MASK;
    switch (value >> TCP_KIND_SHIFT) {
    case TCP_KIND_CONNECTION:
        rill__tcp_segment_arrives(host, (struct connection *)slab_at(&host->connections, index),
                                  &segment);
        break;
    case TCP_KIND_HALF_OPEN:
        rill__half_open_input(host, (struct half_open *)slab_at(&host->half_opens, index),
                              &segment);
        break;
    default:
        rill__time_wait_input(host, (struct time_wait *)slab_at(&host->time_waits, index),
                              &segment);
        break;
    }
}

/* RFC 9293 §3.10.7.1: all data is discarded; anything but an RST is answered by one. */
void rill__tcp_no_socket(struct tcp_host *host, struct tcp_segment *segment) {
    if (segment->flags & WIRE_RST) {
        rill__tcp_drop(host, 0, segment, RILL_DROP_TCP_RST_NO_SOCKET);
        return;
    }
    rill__tcp_drop(host, 0, segment, RILL_DROP_TCP_NO_SOCKET);
    struct tcp_control control = {
        .key = &segment->key, .flags = WIRE_RST, .cause = RILL_CAUSE_RST_NO_SOCKET};
    if (segment->flags & WIRE_ACK) {
        control.sequence = segment->header.acknowledgement;
    } else {
        control.flags |= WIRE_ACK;
        control.acknowledgement = segment->sequence + segment_span(segment);
    }
    rill__tcp_control(host, segment->datagram->interface, &control);
}

static void owe(struct tcp_host *host, struct connection *connection, const struct ack_debt *debt) {
    if (!rill__connection_activate(host, connection))
        return;
    struct active *active = connection->active;
    struct ack_debt *last = active->debt_count ? &active->debts[active->debt_count - 1] : 0;
    bool same = last && last->acknowledgement == debt->acknowledgement &&
                last->cause == debt->cause && last->dsack_left == debt->dsack_left &&
                last->dsack_right == debt->dsack_right;
    if (same || active->debt_count == TCP_DEBTS) /* the latter: maybe one report fewer */
        last->count += last->count < 255;
    else
        active->debts[active->debt_count++] = *debt;
    rill__tcp_ready(host, connection);
}

void rill__owe_ack(struct tcp_host *host, struct connection *connection, enum rill_cause cause) {
    struct ack_debt debt = {
        .acknowledgement = connection->rcv_nxt, .count = 1, .cause = (uint8_t)cause};
    owe(host, connection, &debt);
}

void rill__owe_dsack(struct tcp_host *host, struct connection *connection, rill_seq left,
                     rill_seq right) {
    struct ack_debt debt = {.acknowledgement = connection->rcv_nxt,
                            .dsack_left = left,
                            .dsack_right = right,
                            .count = 1,
                            .cause = RILL_CAUSE_DUPLICATE_ACK};
    owe(host, connection, &debt);
}

void rill__owe_limited(struct tcp_host *host, struct connection *connection,
                       enum rill_cause cause) {
    if (rill__connection_activate(host, connection) &&
        rill__challenge_allowed(host, &connection->active->challenges))
        rill__owe_ack(host, connection, cause);
}

void rill__owe_challenge(struct tcp_host *host, struct connection *connection) {
    rill__owe_limited(host, connection, RILL_CAUSE_CHALLENGE_ACK);
}

/* A refused segment is answered, so that a peer out of step learns where we are. But it may itself
 * be such an answer, or somebody guesses numbers: a limit keeps two from talking for ever. */
static void answer_refused(struct tcp_host *host, struct connection *connection,
                           const struct tcp_segment *segment) {
    bool text = segment->payload || segment->flags & WIRE_FIN;
    rill__owe_limited(host, connection, text ? RILL_CAUSE_DUPLICATE_ACK : RILL_CAUSE_CHALLENGE_ACK);
}

/* RFC 7323 §5.3 R1; R2 is check_sequence. */
static bool check_timestamp(struct tcp_host *host, struct connection *connection,
                            struct tcp_segment *segment) {
    if (!(connection->flags & CONNECTION_TIMESTAMPS))
        return true;
    if (!segment->header.has_timestamps) {
        if (segment->flags & WIRE_RST)
            return true;
        rill__tcp_drop(host, connection, segment, RILL_DROP_TCP_TIMESTAMP_MISSING);
        return false;
    }
    uint32_t now = (uint32_t)(host->core->now / RILL_SECOND);
    bool stale = now - connection->receive_time > PAWS_LIMIT;
    bool older = (int32_t)(segment->header.timestamp_value - connection->ts_recent) < 0;
    if (older && !stale && !(segment->flags & WIRE_RST)) {
        rill__tcp_drop(host, connection, segment, RILL_DROP_TCP_PAWS);
        answer_refused(host, connection, segment);
        return false;
    }
    return true;
}

/* R3: the timestamp of a segment that reaches back to the last ACK is the one to echo, once R2 has
 * taken it. Of a wholly old one too: it is sent again because our ACK was lost, and the answer must
 * not make a round trip of all the time since the first (RFC 7323 appendix H). */
static void remember_timestamp(struct connection *connection, const struct tcp_segment *segment) {
    rill_seq last = connection->last_ack_sent;
    if (connection->flags & CONNECTION_TIMESTAMPS && segment->header.has_timestamps &&
        seq_leq(segment->header.sequence, last) && !(segment->flags & WIRE_RST))
        connection->ts_recent = segment->header.timestamp_value;
}

/* First step: RFC 9293 §3.10.7.4, table 6, but for two cases in which only the ACK is of use.
 * DEVIATION: a segment without data may stand at the window's right edge, and one whose data are
 * all old is taken and trimmed to nothing, as BSD and Linux do. By the letter two ends that have
 * both filled the other's window drop each other's ACKs, and neither ever moves again. */
static bool acceptable(const struct connection *connection, const struct tcp_segment *segment) {
    uint32_t window = rill__receive_window(connection);
    uint32_t span = segment_span(segment);
    rill_seq first = segment->sequence, next = connection->rcv_nxt;
    if (segment->flags & WIRE_RST) /* RFC 5961 §3.2: outside of the window it draws nothing */
        return first - next < RILL_MAX(window, 1);
    if (span == 0) /* no window: valid ACKs are let in, also from behind a probe's byte */
        return first - next <= RILL_MAX(window, 1);
    if (seq_leq(first + span, next))
        return state_is_synchronized(connection->state) && segment->flags & WIRE_ACK &&
               !(segment->flags & (WIRE_SYN | WIRE_RST)) &&
               next - first <= RILL_MAX(connection->receive_buffer, 65535);
    if (window == 0)
        return first == next && !(segment->flags & WIRE_SYN); /* the ACK in it still counts */
    return first - next < window || first + span - 1 - next < window ||
           (seq_lt(first, next) && seq_gt(first + span, next + window));
}

/* RCV.WND is what the buffer takes; without window scale the field can promise less of it. An RST
 * in the rest is within the window all the same, and draws a challenge (RFC 5961 §3.2). */
static bool reset_within_buffer(const struct connection *connection,
                                const struct tcp_segment *segment) {
    return segment->flags & WIRE_RST && connection->rcv_scale == 0 &&
           segment->sequence - connection->rcv_nxt < rill__receive_space(connection);
}

static bool check_sequence(struct tcp_host *host, struct connection *connection,
                           struct tcp_segment *segment) {
    if (acceptable(connection, segment) || reset_within_buffer(connection, segment))
        return true;
    rill__tcp_drop(host, connection, segment,
                   rill__receive_window(connection) ? RILL_DROP_TCP_SEQUENCE
                                                    : RILL_DROP_TCP_CLOSED_WINDOW);
    if (!(segment->flags & WIRE_RST))
        answer_refused(host, connection, segment);
    return false;
}

/* Cuts what lies before rcv_nxt and beyond the window: "it could be tailored" (§3.10.7.4). */
static void trim(struct tcp_host *host, struct connection *connection,
                 struct tcp_segment *segment) {
    if (segment->flags & WIRE_SYN)
        return; /* the SYN step deals with it */
    rill_seq next = connection->rcv_nxt;
    if (seq_lt(segment->sequence, next)) {
        uint32_t cut = RILL_MIN(next - segment->sequence, segment->payload);
        bool repeats = segment_span(segment) > 0;
        segment->sequence += cut;
        segment->payload -= cut;
        segment->payload_at += cut;
        segment->repeated = cut;
        if (segment->flags & WIRE_FIN && seq_lt(segment->sequence, next))
            segment->flags &= (uint8_t)~WIRE_FIN; /* received before */
        if (repeats && segment_span(segment) == 0) {
            rill__tcp_drop(host, connection, segment, RILL_DROP_TCP_DUPLICATE);
            segment->nothing_left = true;
        }
    }
    uint32_t room = rill__receive_window(connection) - (segment->sequence - next);
    if (segment->payload > room) {
        segment->payload = room;
        segment->flags &= (uint8_t)~WIRE_FIN;
        if (room == 0) {
            rill__tcp_drop(host, connection, segment, RILL_DROP_TCP_CLOSED_WINDOW);
            segment->nothing_left = true;
        }
    } else if (segment->payload == room && segment->flags & WIRE_FIN &&
               rill__receive_window(connection) == 0) {
        segment->flags &= (uint8_t)~WIRE_FIN;
        segment->nothing_left = true;
    }
}

/* Second step, with RFC 5961 §3.2: only the exact sequence number resets. */
static bool check_rst(struct tcp_host *host, struct connection *connection,
                      struct tcp_segment *segment) {
    if (!(segment->flags & WIRE_RST))
        return true;
    if (segment->header.sequence != connection->rcv_nxt) {
        rill__tcp_drop(host, connection, segment, RILL_DROP_TCP_RST_CHALLENGED);
        rill__owe_challenge(host, connection);
        return false;
    }
    rill__tcp_received(host, connection, segment);
    /* Also while closing: what has not been acknowledged may not have arrived, and who asks hears
     * it. */
    bool active_open = !(connection->flags & CONNECTION_PASSIVE);
    int error = connection->state == RILL_TCP_SYN_RECEIVED && active_open ? RILL_ERROR_REFUSED
                                                                          : RILL_ERROR_RESET;
    rill__fast_open_settled(host, connection, true);
    rill__connection_end(host, connection, error);
    return false;
}

/* The SYN-ACK goes once more. */
static void answer_again(struct tcp_host *host, struct connection *connection) {
    struct scoreboard *board = &connection->active->scoreboard;
    if (board->head && !(board->head->flags & TRANSMISSION_LOST))
        rill__scoreboard_mark_lost(board, board->head);
    rill__tcp_ready(host, connection);
    rill__timers_file(host, connection);
}

/* Fourth step, with RFC 5961 §4.2: in a synchronized state a SYN is only challenged. */
static bool check_syn(struct tcp_host *host, struct connection *connection,
                      struct tcp_segment *segment) {
    if (!(segment->flags & WIRE_SYN))
        return true;
    /* A simultaneous open repeats our peer's SYN, maybe with its ACK: that is no intruder. */
    if (connection->state == RILL_TCP_SYN_RECEIVED && segment->flags & WIRE_ACK &&
        segment->header.sequence == connection->active->irs) {
        segment->flags &= (uint8_t)~WIRE_SYN;
        segment->sequence++;
        trim(host, connection, segment);
        return true;
    }
    if (connection_is_early(connection) && !(segment->flags & WIRE_ACK) &&
        segment->header.sequence == connection->active->irs) {
        rill__tcp_drop(host, connection, segment, RILL_DROP_TCP_DUPLICATE);
        answer_again(host, connection); /* our SYN-ACK was lost */
        return false;
    }
    rill__tcp_drop(host, connection, segment, RILL_DROP_TCP_SYN_CHALLENGED);
    rill__owe_challenge(host, connection);
    return false;
}

void rill__tcp_segment_arrives(struct tcp_host *host, struct connection *connection,
                               struct tcp_segment *segment) {
    rill__count_received(connection, segment);
    if (connection->state == RILL_TCP_SYN_SENT) {
        rill__input_syn_sent(host, connection, segment);
        return;
    }
    if (!check_timestamp(host, connection, segment))
        return;
    bool bad_ack =
        segment->flags & WIRE_ACK && segment->header.acknowledgement != connection->snd_nxt;
    bool repeats_syn = connection->state == RILL_TCP_SYN_RECEIVED && !bad_ack &&
                       (segment->flags & (WIRE_SYN | WIRE_RST)) == WIRE_SYN;
    if (!repeats_syn && !check_sequence(host, connection, segment)) /* first */
        return;
    trim(host, connection, segment);
    if (!check_rst(host, connection, segment)) /* second */
        return;
    if (!check_syn(host, connection, segment)) /* fourth */
        return;
    rill__tcp_received(host, connection, segment);
    if (!(segment->flags & WIRE_ACK)) { /* fifth */
        rill__tcp_drop(host, connection, segment, RILL_DROP_TCP_ACK_MISSING);
        return;
    }
    if (!rill__connection_activate(host, connection)) {
        rill__tcp_drop(host, connection, segment, RILL_DROP_NO_MEMORY);
        return;
    }
    if (!rill__input_ack(host, connection, segment))
        return;
    remember_timestamp(connection, segment);
    rill__ecn_received(connection, segment);
    rill__timers_segment_accepted(host, connection);
    if (segment->header.user_timeout)
        rill__user_timeout_received(host, connection, segment->header.user_timeout);
    rill__urgent_received(host, connection, segment); /* sixth */
    if (segment->nothing_left) /* nothing new: say again what we have (RFC 2883 §4) */
        rill__owe_dsack(host, connection, segment->sequence - segment->repeated, segment->sequence);
    if (segment->payload && !rill__input_text(host, connection, segment)) /* seventh */
        return;
    if (!rill__input_fin(host, connection, segment)) /* eighth */
        return;
    rill__limiter_update(host, connection);
    rill__timers_file(host, connection);
    rill__connection_verify(host, connection);
}
