/* streams/labels.c: what a data segment that is not simply the next one is, and why.
 *
 * Bytes seen before are sent again, and that is certain. A segment that fills a hole came late
 * (reordered) or is sent again because its first copy was lost before the tap (repaired); the
 * evidence is asked in an order from certain to likely: what was acknowledged before it came was
 * not lost; the sender's clock and IP ids tell what was sent first; a repair cannot come sooner
 * than a round trip after the hole; and a receiver with a hole complains of it. */
#include "streams/connection.h"

#include <string.h>

enum {
    ORDER_SURE = 4,                /* so many ids one behind the other */
    RTT_UNKNOWN = 3 * 1000 * 1000, /* ns: taken for half a round trip when none was measured */
    DUP_ACKS = 3,                  /* RFC 5681 §3.2 */
};

struct judgement {
    bool reordered, sure;
    enum streams_evidence evidence;
};

static void tell(struct streams *streams, struct connection *connection, uint8_t side,
                 const struct streams_packet *packet, enum streams_event_kind kind,
                 enum streams_evidence evidence, bool sure, uint64_t from, uint64_t length) {
    streams->labels |= UINT32_C(1) << kind;
    if (!streams->config.event)
        return;
    struct streams_event event = {0};
    event.kind = kind;
    event.evidence = evidence;
    event.sure = sure;
    event.side = side;
    event.position = from - connection->streams[side].first;
    event.length = length;
    event.frame = packet->frame;
    event.when = packet->when;
    rill__event_tell(streams, connection, &event);
}

static uint64_t half_round_trip(const struct connection *connection) {
    uint64_t rtt = (uint64_t)connection->streams[0].rtt_min + connection->streams[1].rtt_min;
    return rtt ? rtt / 2 : RTT_UNKNOWN;
}

static struct judgement judge_fill(const struct connection *connection, uint8_t side,
                                   const struct streams_packet *packet, const struct hole *hole) {
    const struct stream *stream = &connection->streams[side];
    if (stream->bits & STREAM_ACK_KNOWN && stream->acked >= hole->to)
        return (struct judgement){true, true, STREAMS_EVIDENCE_ACKED_BEFORE};
    if (hole->has_timestamp && packet->has_timestamps &&
        packet->timestamp_value != hole->timestamp) {
        bool older = (int32_t)(packet->timestamp_value - hole->timestamp) < 0;
        return (struct judgement){older, true,
                                  older ? STREAMS_EVIDENCE_TIMESTAMP_OLDER
                                        : STREAMS_EVIDENCE_TIMESTAMP_NEWER};
    }
    if (stream->id_order >= ORDER_SURE && packet->identification != hole->identification) {
        bool older = (int16_t)(packet->identification - hole->identification) < 0;
        return (struct judgement){older, true,
                                  older ? STREAMS_EVIDENCE_ID_OLDER : STREAMS_EVIDENCE_ID_NEWER};
    }
    if (packet->when - hole->when < half_round_trip(connection))
        return (struct judgement){true, false, STREAMS_EVIDENCE_TOO_SOON};
    if (!hole->complained)
        return (struct judgement){true, false, STREAMS_EVIDENCE_NO_COMPLAINT};
    return (struct judgement){false, false, STREAMS_EVIDENCE_COMPLAINT};
}

void rill__labels_spurious(struct streams *streams, struct connection *connection, uint8_t side,
                           struct resent *resent, enum streams_evidence evidence, uint64_t frame,
                           rill_time when) {
    if (resent->spurious)
        return;
    resent->spurious = true;
    connection->active->counts[side].spurious_segments++;
    rill__blame_spurious(connection, side);
    struct streams_event event = {0};
    event.kind = STREAMS_EVENT_SPURIOUS;
    event.evidence = evidence;
    event.sure = true;
    event.side = side;
    event.position = resent->from - connection->streams[side].first;
    event.length = resent->to - resent->from;
    event.frame = frame;
    event.when = when;
    rill__event_tell(streams, connection, &event);
}

/* Where the next segment sent again is noted; null: no memory. */
static struct resent *note_resent(struct streams *streams, struct active *active, uint8_t side) {
    size_t size = RESENT_RECENT * sizeof *active->resent[side];
    if (!active->resent[side]) {
        active->resent[side] = rill__streams_allocate(streams, size);
        if (!active->resent[side]) {
            streams->totals.out_of_memory++;
            return 0;
        }
        memset(active->resent[side], 0, size);
    }
    return &active->resent[side][active->resent_at[side]++ % RESENT_RECENT];
}

static void count_resent(struct streams *streams, struct connection *connection, uint8_t side,
                         const struct streams_packet *packet, uint64_t from, uint64_t to,
                         uint64_t bytes) {
    struct active *active = connection->active;
    const struct stream *stream = &connection->streams[side];
    struct resent unnoted, *place = note_resent(streams, active, side);
    if (!place)
        place = &unnoted;
    *place = (struct resent){from, to, false};
    active->counts[side].resent_segments++;
    active->counts[side].resent_bytes += bytes;
    tell(streams, connection, side, packet, STREAMS_EVENT_RESENT, STREAMS_EVIDENCE_BYTES, true,
         from, bytes);
    if (stream->bits & STREAM_ACK_KNOWN && stream->acked >= to) {
        streams->labels |= UINT32_C(1) << STREAMS_EVENT_SPURIOUS;
        rill__labels_spurious(streams, connection, side, place, STREAMS_EVIDENCE_ACKED_BEFORE,
                              packet->frame, packet->when);
    }
    rill__history_compare(streams, connection, side, packet, from, bytes);
}

void rill__labels_data(struct streams *streams, struct connection *connection, uint8_t side,
                       const struct streams_packet *packet, uint64_t from, uint64_t to,
                       const struct ranges_result *ranges) {
    struct stream_counts *counts = &connection->active->counts[side];
    if (ranges->resent)
        count_resent(streams, connection, side, packet, from, to, ranges->resent);
    if (ranges->opened)
        tell(streams, connection, side, packet, STREAMS_EVENT_HOLE, STREAMS_EVIDENCE_HEADERS, true,
             ranges->hole.from, ranges->hole.to - ranges->hole.from);
    if (!ranges->filled || ranges->before)
        return;
    struct judgement judgement = judge_fill(connection, side, packet, &ranges->hole);
    if (judgement.reordered)
        counts->reordered_segments++;
    else
        counts->repaired_segments++;
    tell(streams, connection, side, packet,
         judgement.reordered ? STREAMS_EVENT_REORDERED : STREAMS_EVENT_REPAIRED, judgement.evidence,
         judgement.sure, from, ranges->filled);
}

/* A first SACK block below the acknowledgement, or within the second, tells of bytes that came
 * twice (RFC 2883 §4). */
void rill__labels_dsack(struct streams *streams, struct connection *connection, uint8_t side,
                        const struct streams_packet *packet) {
    const struct wire_sack *first = &packet->sacks[0], *second = &packet->sacks[1];
    bool below = (int32_t)(first->right - packet->acknowledgement) <= 0;
    bool within = packet->sack_count > 1 && (int32_t)(first->left - second->left) >= 0 &&
                  (int32_t)(first->right - second->right) <= 0;
    uint8_t other = (uint8_t)!side; /* whose bytes they are */
    if ((!below && !within) || !connection->active || !connection->active->resent[other])
        return;
    for (unsigned i = 0; i < RESENT_RECENT; i++) {
        struct resent *resent = &connection->active->resent[other][i];
        if (resent->to > resent->from && (int32_t)((uint32_t)resent->from - first->right) < 0 &&
            (int32_t)((uint32_t)resent->to - first->left) > 0)
            rill__labels_spurious(streams, connection, other, resent, STREAMS_EVIDENCE_DSACK,
                                  packet->frame, packet->when);
    }
}
