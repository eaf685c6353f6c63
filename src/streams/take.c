/* streams/take.c: a segment that is a connection's: what it says of the handshake, of bytes sent
 * and acknowledged, of windows, and of the end. */
#include "streams/connection.h"

struct taken {
    uint64_t from, to; /* positions of its payload */
    bool data, resent, repaired;
    uint64_t network_before; /* repaired: what the network had been charged with at the loss */
    uint64_t acked_before, next_before;
};

static void tell(struct streams *streams, struct connection *connection, uint8_t side,
                 const struct streams_packet *packet, enum streams_event_kind kind,
                 enum streams_evidence evidence, uint64_t position) {
    streams->labels |= UINT32_C(1) << kind;
    if (!streams->config.event)
        return;
    const struct stream *stream = &connection->streams[side];
    struct streams_event event = {0};
    event.kind = kind;
    event.evidence = evidence;
    event.sure = true;
    event.side = side;
    event.position = position > stream->first ? position - stream->first : 0;
    event.length = packet->length;
    event.frame = packet->frame;
    event.when = packet->when;
    rill__event_tell(streams, connection, &event);
}

static void know(struct stream *stream, uint64_t first) {
    stream->first = stream->next = first;
    stream->bits |= STREAM_KNOWN;
}

static void take_options(struct connection *connection, uint8_t side,
                         const struct streams_packet *packet) {
    struct stream *mine = &connection->streams[side], *other = &connection->streams[!side];
    mine->mss = packet->mss ? packet->mss : 536; /* RFC 9293 §3.7.1 */
    mine->scale = packet->has_window_scale ? packet->window_scale : 0;
    mine->has_scale = true;
    bool answer = packet->flags & WIRE_ACK;
    if (!answer) { /* offered; negotiated when the answer has it too */
        connection->bits &= (uint16_t) ~(CONNECTION_SACK | CONNECTION_TIMESTAMPS);
        connection->bits |= (uint16_t)((packet->sack_permitted ? CONNECTION_SACK : 0) |
                                       (packet->has_timestamps ? CONNECTION_TIMESTAMPS : 0));
        return;
    }
    /* RFC 7323 §2.2: scaled only if both offered it. */
    if (other->has_scale &&
        (!packet->has_window_scale || !(other->scale || connection->scale_offered)))
        mine->scale = other->scale = 0;
    if (!packet->sack_permitted)
        connection->bits &= (uint16_t)~CONNECTION_SACK;
    if (!packet->has_timestamps)
        connection->bits &= (uint16_t)~CONNECTION_TIMESTAMPS;
    if (!(other->bits & STREAM_SYN)) /* the answer implies what was offered (RFC 7323 §2.2) */
        connection->bits |= (uint16_t)((packet->sack_permitted ? CONNECTION_SACK : 0) |
                                       (packet->has_timestamps ? CONNECTION_TIMESTAMPS : 0));
}

static void take_syn(struct streams *streams, struct connection *connection, uint8_t side,
                     const struct streams_packet *packet) {
    struct stream *mine = &connection->streams[side], *other = &connection->streams[!side];
    bool ack = packet->flags & WIRE_ACK;
    if (mine->bits & STREAM_SYN) {
        if ((rill_seq)mine->first - 1 != packet->sequence && mine->next == mine->first &&
            !(connection->bits & CONNECTION_ESTABLISHED)) {
            /* Two answers to one SYN: the client's acknowledgement will tell; until then the newer.
             */
            know(mine, seq_begin(packet->sequence + 1));
        }
        tell(streams, connection, side, packet, STREAMS_EVENT_SYN_RESENT, STREAMS_EVIDENCE_BYTES,
             mine->first);
    } else if (!(mine->bits & STREAM_KNOWN)) {
        know(mine, seq_begin(packet->sequence + 1));
    } else {
        rill__ranges_begin(streams, connection, side, packet,
                           seq_unwrap(packet->sequence + 1, mine->first));
    }
    mine->bits |= STREAM_SYN | STREAM_ISN;
    if (ack) {
        connection->bits |= CONNECTION_SYN_ACK;
        connection->bits &= (uint16_t)~CONNECTION_TENTATIVE;
        if (!(other->bits & STREAM_KNOWN)) { /* its SYN was not seen yet */
            know(other, seq_begin(packet->acknowledgement));
            other->bits |= STREAM_ISN;
        }
    } else if (other->bits & STREAM_SYN && !(connection->bits & CONNECTION_SYN_ACK)) {
        connection->bits |= CONNECTION_SIMULTANEOUS;
    }
    if (!ack)
        connection->scale_offered = packet->has_window_scale;
    take_options(connection, side, packet);
    connection->bits &= (uint16_t)~CONNECTION_GUESSED;
}

/* What a SYN alone has led to. */
static void take_answer(struct connection *connection, uint8_t side,
                        const struct streams_packet *packet, bool lone_syn) {
    struct stream *mine = &connection->streams[side], *other = &connection->streams[!side];
    if (connection->bits & CONNECTION_ESTABLISHED || packet->flags & WIRE_SYN)
        return;
    if (packet->flags & WIRE_RST) {
        if (!(connection->bits & CONNECTION_SYN_ACK) && other->bits & STREAM_SYN)
            connection->bits |= CONNECTION_REFUSED;
        connection->bits &= (uint16_t)~CONNECTION_TENTATIVE;
        return;
    }
    if (lone_syn && !(packet->flags & WIRE_FIN) && !packet->length &&
        packet->acknowledgement != (rill_seq)other->first) {
        connection->bits |= CONNECTION_REJECTED;
        return;
    }
    if (packet->flags & WIRE_ACK && connection->bits & CONNECTION_SYN_ACK &&
        mine->bits & STREAM_ISN && other->bits & STREAM_SYN &&
        (rill_seq)mine->first == packet->sequence)
        connection->bits |= CONNECTION_FINISHED_ACK;
    connection->bits |= CONNECTION_ESTABLISHED;
    connection->bits &= (uint16_t)~CONNECTION_TENTATIVE;
}

static void take_ack(struct streams *streams, struct connection *connection, uint8_t side,
                     const struct streams_packet *packet) {
    struct stream *other = &connection->streams[!side];
    rill_seq ack = packet->acknowledgement;
    if (!(packet->flags & WIRE_ACK) || packet->flags & WIRE_RST)
        return;
    if (!(other->bits & STREAM_KNOWN))
        know(other, seq_begin(ack));
    uint64_t position = seq_unwrap(ack, other->next);
    uint64_t end = other->next + (other->bits & STREAM_FIN ? 1 : 0);
    if (position > end && !(other->bits & STREAM_FIN) && !(packet->flags & WIRE_SYN)) {
        if (position - end > UINT64_C(1) << 30)
            return;
        rill__ranges_extend(streams, connection, (uint8_t)!side, packet, position);
    } else if (position > end) {
        return;
    }
    if (other->bits & STREAM_FIN && position > other->next)
        other->bits |= STREAM_FIN_ACKED;
    if (other->bits & STREAM_ACK_KNOWN && position <= other->acked)
        return;
    if (!(other->bits & STREAM_ACK_KNOWN) && position < other->first)
        return; /* a connection caught in its middle */
    other->acked = position;
    other->bits |= STREAM_ACK_KNOWN;
}

static void mark_complaints(struct connection *connection, uint8_t side,
                            const struct streams_packet *packet, uint64_t acked_before) {
    struct active *active = connection->active;
    uint8_t other = (uint8_t)!side;
    if (!active || !active->hole_count[other] || packet->length ||
        connection->streams[other].acked != acked_before)
        return;
    for (unsigned i = 0; i < active->hole_count[other]; i++)
        active->holes[other][i].complained = true;
}

static void take_window(struct streams *streams, struct connection *connection, uint8_t side,
                        const struct streams_packet *packet) {
    struct stream *mine = &connection->streams[side];
    if (packet->flags & WIRE_RST)
        return;
    unsigned scale = packet->flags & WIRE_SYN ? 0 : mine->scale; /* RFC 7323 §2.2 */
    mine->window = (uint32_t)packet->window << scale;
    bool zero = !packet->window && !(packet->flags & (WIRE_SYN | WIRE_FIN));
    struct active *active = zero ? rill__streams_active(streams, connection) : connection->active;
    if (!active)
        return;
    if (zero && !active->in_zero_window[side]) {
        active->counts[side].zero_windows++;
        tell(streams, connection, side, packet, STREAMS_EVENT_ZERO_WINDOW, STREAMS_EVIDENCE_HEADERS,
             mine->next);
    }
    active->in_zero_window[side] = zero;
    if (mine->window > active->counts[side].window_max)
        active->counts[side].window_max = mine->window;
}

/* A segment that carries nothing new on purpose: to ask whether the other side is there, or whether
 * its window is open (RFC 9293 §3.8.4, §3.8.6.1). Some send one byte, some none, one byte back. */
static bool take_probe(struct streams *streams, struct connection *connection, uint8_t side,
                       const struct streams_packet *packet, uint64_t from) {
    const struct stream *mine = &connection->streams[side], *other = &connection->streams[!side];
    if (packet->length > 1 || packet->flags & (WIRE_SYN | WIRE_FIN | WIRE_RST) ||
        !(packet->flags & WIRE_ACK) || !(mine->bits & STREAM_KNOWN) ||
        !(connection->bits & CONNECTION_ESTABLISHED))
        return false;
    struct active *active = connection->active;
    bool closed = active && active->in_zero_window[!side];
    uint64_t acked = mine->bits & STREAM_ACK_KNOWN ? mine->acked : mine->first;
    /* Where the other side is not in the capture, no ACK tells that the byte had arrived; but
     * nobody sends the last byte of a longer segment again. */
    bool part = !(mine->bits & STREAM_ACK_KNOWN) && active && active->senders[side].last_length > 1;
    bool back = from + 1 == mine->next && (acked >= mine->next || part);
    bool probe = closed && (back || (packet->length == 1 && from >= acked) ||
                            (!packet->length && from + 1 == acked));
    if (!probe && !back)
        return false;
    /* One byte that was the last one sent, sent again before its acknowledgement, is no keepalive.
     */
    if (!probe && packet->length == 1 && other->bits & STREAM_FIN)
        return false;
    active = rill__streams_active(streams, connection);
    if (!active)
        return false;
    struct stream_counts *counts = &active->counts[side];
    *(probe ? &counts->window_probes : &counts->keepalives) += 1;
    tell(streams, connection, side, packet,
         probe ? STREAMS_EVENT_WINDOW_PROBE : STREAMS_EVENT_KEEPALIVE,
         probe ? STREAMS_EVIDENCE_WINDOW_CLOSED : STREAMS_EVIDENCE_HEADERS, from);
    return back || !packet->length; /* a probe with a new byte is data too */
}

static void take_data(struct streams *streams, struct connection *connection, uint8_t side,
                      const struct streams_packet *packet, struct taken *taken) {
    struct stream *mine = &connection->streams[side];
    struct active *active = rill__streams_active(streams, connection);
    if (!active)
        return;
    struct ranges_result ranges = {0};
    struct stream_counts *counts = &active->counts[side];
    counts->data_segments++;
    counts->payload_bytes += packet->length;
    counts->cut_bytes += packet->length - packet->captured;
    if (packet->flags & WIRE_SYN)
        counts->syn_bytes = packet->length;
    if (taken->from == mine->next) { /* the usual case */
        mine->next = taken->to;
    } else {
        rill__ranges_add(streams, connection, side, packet, taken->from, taken->to, &ranges);
        rill__labels_data(streams, connection, side, packet, taken->from, taken->to, &ranges);
        taken->resent = ranges.resent != 0;
        taken->repaired = streams->labels & UINT32_C(1) << STREAMS_EVENT_REPAIRED;
        taken->network_before = ranges.hole.network_ns;
    }
    rill__history_add(streams, connection, side, packet, taken->from);
}

static void take_fin(struct streams *streams, struct connection *connection, uint8_t side,
                     const struct streams_packet *packet, uint64_t end) {
    struct stream *mine = &connection->streams[side], *other = &connection->streams[!side];
    if (packet->flags & WIRE_RST) {
        if (!((mine->bits | other->bits) & STREAM_RST) &&
            !(mine->bits & other->bits & STREAM_FIN_ACKED))
            connection->closed_by =
                (uint8_t)(side ? STREAMS_RESET_BY_SERVER : STREAMS_RESET_BY_CLIENT);
        mine->bits |= STREAM_RST;
        return;
    }
    if (!(packet->flags & WIRE_FIN))
        return;
    if (mine->bits & STREAM_FIN) {
        tell(streams, connection, side, packet, STREAMS_EVENT_FIN_RESENT, STREAMS_EVIDENCE_BYTES,
             end);
        return;
    }
    if (end > mine->next) /* what came before it is not in the capture */
        rill__ranges_extend(streams, connection, side, packet, end);
    if (end < mine->next)
        return;
    mine->bits |= STREAM_FIN;
    if (mine->bits & STREAM_ACK_KNOWN && mine->acked > mine->next)
        mine->bits |= STREAM_FIN_ACKED;
    if (!(other->bits & STREAM_FIN))
        connection->closed_by =
            (uint8_t)(side ? STREAMS_CLOSED_BY_SERVER : STREAMS_CLOSED_BY_CLIENT);
    else if (stream_outstanding(other) && packet->acknowledgement != (rill_seq)other->next + 1)
        connection->closed_by = STREAMS_CLOSED_BY_BOTH; /* neither had heard of the other's */
}

/* Linux and others number a connection's packets one by one, which tells what was sent first. */
static void take_id(struct stream *mine, const struct streams_packet *packet) {
    uint16_t step = (uint16_t)(packet->identification - mine->identification);
    if (packet->flags & WIRE_SYN) /* often has an id of another kind */
        return;
    if (!mine->identification && !packet->ipv6) {
        mine->identification = packet->identification;
        return;
    }
    if (!packet->ipv6 && packet->identification && step && step < 64)
        mine->id_order = (int8_t)(mine->id_order < 32 ? mine->id_order + 1 : 32);
    else if ((int16_t)step > 0 || (int16_t)step < -512 || packet->ipv6 || !packet->identification)
        mine->id_order = (int8_t)(mine->id_order > -32 ? mine->id_order - 4 : -32);
    if (mine->id_order < 4 || (int16_t)step > 0)
        mine->identification = packet->identification;
}

static void take_numbers(struct streams *streams, struct connection *connection, uint8_t side,
                         const struct streams_packet *packet, struct taken *taken) {
    struct stream *mine = &connection->streams[side];
    bool syn = packet->flags & WIRE_SYN;
    rill_seq sequence = packet->sequence + (syn ? 1 : 0);
    if (!(mine->bits & STREAM_KNOWN) && !(packet->flags & WIRE_RST))
        know(mine, seq_begin(sequence));
    taken->next_before = mine->next;
    taken->acked_before = connection->streams[!side].acked;
    taken->from = seq_unwrap(sequence, mine->next);
    taken->to = taken->from + packet->length;
    if (packet->flags &
        WIRE_RST) /* its payload is a message, not part of the stream (RFC 9293 §3.5.3) */
        return;
    bool probe = take_probe(streams, connection, side, packet, taken->from);
    if (packet->length && !probe) {
        taken->data = true;
        take_data(streams, connection, side, packet, taken);
    }
    take_id(mine, packet);
}

/* After the time before this packet is charged, which must not know the round trip it ends. */
static void take_times(struct streams *streams, struct connection *connection, uint8_t side,
                       const struct streams_packet *packet, const struct taken *taken) {
    struct stream *mine = &connection->streams[side];
    if (packet->flags & WIRE_RST)
        return;
    rill__rtt_packet(streams, connection, side, packet,
                     taken->to + (packet->flags & WIRE_FIN ? 1 : 0),
                     taken->resent || streams->labels);
    if (packet->has_timestamps && (!(mine->bits & STREAM_TIMESTAMPS) ||
                                   (int32_t)(packet->timestamp_value - mine->timestamp) > 0)) {
        mine->timestamp = packet->timestamp_value;
        mine->bits |= STREAM_TIMESTAMPS;
    }
}

/* What Wireshark's tcp.completeness is made of: 1 SYN, 2 SYN/ACK, 4 ACK, 8 data, 16 FIN, 32 RST. */
static uint8_t completeness_of(const struct streams_packet *packet) {
    /* By ACK, and by RST, SYN and FIN, the three lowest flags. */
    static const uint8_t by_flags[2][8] = {{0, 16, 1, 17, 32, 48, 33, 49},
                                           {4, 20, 2, 18, 36, 52, 34, 50}};
    return (uint8_t)(by_flags[packet->flags / WIRE_ACK & 1][packet->flags & 7] |
                     (packet->length > 0) << 3);
}

static void tell_stall(struct streams *streams, struct connection *connection, uint8_t side,
                       const struct streams_packet *packet, const uint64_t *before) {
    const struct active *active = connection->active;
    uint64_t ns = packet->when > connection->last ? packet->when - connection->last : 0;
    uint64_t rtt = (uint64_t)connection->streams[0].rtt_min + connection->streams[1].rtt_min;
    if (!streams->config.event || !active || ns < 2 * rtt || ns < 10 * RILL_MILLISECOND)
        return;
    struct streams_event event = {0};
    event.kind = STREAMS_EVENT_STALL;
    event.evidence = STREAMS_EVIDENCE_HEADERS;
    event.side = side;
    event.frame = packet->frame;
    event.when = connection->last;
    event.duration = ns;
    uint64_t most = 0;
    event.blame = STREAMS_BLAME_IDLE;
    for (unsigned i = 0; i < STREAMS_BLAME_COUNT; i++) {
        if (active->blame[i] > before[i] && active->blame[i] - before[i] > most) {
            most = active->blame[i] - before[i];
            event.blame = (enum streams_blame)i;
        }
    }
    rill__event_tell(streams, connection, &event);
}

void rill__segment_numbers(struct streams_segment *segment, const struct connection *connection) {
    const struct streams_packet *packet = segment->packet;
    const struct stream *mine = &connection->streams[segment->side];
    const struct stream *other = &connection->streams[!segment->side];
    segment->sequence_known = mine->bits & STREAM_KNOWN;
    segment->acknowledgement_known = packet->flags & WIRE_ACK && other->bits & STREAM_KNOWN;
    if (segment->sequence_known)
        segment->sequence = seq_unwrap(packet->sequence, mine->next);
    if (segment->acknowledgement_known)
        segment->acknowledgement = seq_unwrap(packet->acknowledgement, other->next);
}

/* A FIN alone that was sent before and that nobody has acknowledged. */
static bool is_fin_again(const struct stream *mine, const struct streams_packet *packet) {
    return packet->flags & WIRE_FIN && !packet->length &&
           (mine->bits & (STREAM_FIN | STREAM_FIN_ACKED)) == STREAM_FIN &&
           packet->sequence == (rill_seq)mine->next;
}

void rill__streams_take(struct streams *streams, struct connection *connection, uint8_t side,
                        const struct streams_packet *packet) {
    struct taken taken = {0};
    uint64_t before[STREAMS_BLAME_COUNT];
    bool watched = streams->config.event && connection->active;
    streams->labels = 0;
    connection->streams[side].packets++;
    connection->completeness |= completeness_of(packet);
    if (packet->length || packet->flags & (WIRE_FIN | WIRE_RST))
        rill__streams_active(streams, connection);
    for (unsigned i = 0; watched && i < STREAMS_BLAME_COUNT; i++)
        before[i] = connection->active->blame[i];
    bool lone_syn = !(connection->bits & CONNECTION_ESTABLISHED) &&
                    connection->streams[!side].bits & STREAM_SYN &&
                    !(connection->streams[side].bits & STREAM_KNOWN);
    if (packet->flags & WIRE_SYN)
        take_syn(streams, connection, side, packet);
    uint64_t outstanding_next = connection->streams[side].next;
    take_numbers(streams, connection, side, packet, &taken);
    /* The time before is charged as things were then, but with what is known of this packet now. */
    uint64_t next_now = connection->streams[side].next;
    connection->streams[side].next = outstanding_next;
    bool loss = taken.resent && !rill__blame_is_probe(connection, side, packet);
    loss |= is_fin_again(&connection->streams[side], packet);
    rill__blame_charge(connection, side, packet, loss);
    if (taken.repaired && connection->active)
        rill__blame_repaired(connection, taken.network_before);
    connection->streams[side].next = next_now;
    take_times(streams, connection, side, packet, &taken);
    take_answer(connection, side, packet, lone_syn);
    take_ack(streams, connection, side, packet);
    mark_complaints(connection, side, packet, taken.acked_before);
    if (packet->sack_count)
        rill__labels_dsack(streams, connection, side, packet);
    rill__blame_packet(connection, side, packet, taken.acked_before, taken.next_before,
                       taken.resent);
    take_fin(streams, connection, side, packet, taken.to);
    take_window(streams, connection, side, packet);
    if (watched)
        tell_stall(streams, connection, side, packet, before);
    if (packet->when > connection->last)
        connection->last = packet->when;
    if (packet->frame > connection->last_frame)
        connection->last_frame = packet->frame;
    if (!streams->config.segment)
        return;
    const struct stream *mine = &connection->streams[side], *other = &connection->streams[!side];
    struct streams_segment segment = {0};
    segment.connection = connection->number;
    segment.side = side;
    segment.packet = packet;
    segment.position = (int64_t)(taken.from - mine->first);
    segment.from = taken.from;
    segment.first = mine->first;
    segment.known = mine->bits & STREAM_KNOWN;
    segment.begins = mine->bits & STREAM_ISN;
    segment.acked = (int64_t)(seq_unwrap(packet->acknowledgement, other->next) - other->first);
    segment.window = mine->window;
    rill__segment_numbers(&segment, connection);
    segment.labels = streams->labels;
    segment.blame = connection->active ? connection->active->blame : 0;
    streams->config.segment(streams->config.context, &segment);
}
