/* streams/ranges.c: which bytes of a side the capture has shown. All from `first` to `next` were,
 * but for a sorted list of holes; so an undamaged stream costs nothing. */
#include "streams/connection.h"

#include <string.h>

/* The oldest hole is given up: it is what it is now. */
static void forget_oldest(struct streams *streams, struct connection *connection, uint8_t side) {
    struct active *active = connection->active;
    struct stream_counts *counts = &active->counts[side];
    struct hole *oldest = &active->holes[side][0];
    if (connection->streams[side].acked >= oldest->to)
        counts->missing_bytes += oldest->to - oldest->from;
    else
        counts->lost_bytes += oldest->to - oldest->from;
    counts->holes_given_up++;
    streams->totals.holes_given_up++;
    active->hole_count[side]--;
    memmove(oldest, oldest + 1, active->hole_count[side] * sizeof *oldest);
}

static bool grow(struct streams *streams, struct active *active, uint8_t side) {
    unsigned room = active->hole_room[side] ? 4u * active->hole_room[side] : 4u;
    struct hole *holes = rill__streams_allocate(streams, room * sizeof *holes);
    if (!holes)
        return false;
    if (active->hole_room[side]) {
        memcpy(holes, active->holes[side], active->hole_count[side] * sizeof *holes);
        rill__streams_release(streams, active->holes[side],
                              active->hole_room[side] * sizeof *holes);
    }
    active->holes[side] = holes;
    active->hole_room[side] = (uint16_t)room;
    return true;
}

/* Puts a hole at that place of the list. */
static void insert(struct streams *streams, struct connection *connection, uint8_t side,
                   unsigned place, const struct hole *hole) {
    struct active *active = connection->active;
    if (active->hole_count[side] == HOLES_MAX) {
        if (place == 0) { /* itself the oldest */
            active->counts[side].missing_bytes += hole->to - hole->from;
            active->counts[side].holes_given_up++;
            streams->totals.holes_given_up++;
            return;
        }
        forget_oldest(streams, connection, side);
        place--;
    }
    if (active->hole_count[side] == active->hole_room[side] && !grow(streams, active, side)) {
        active->counts[side].missing_bytes += hole->to - hole->from;
        streams->totals.holes_given_up++;
        return;
    }
    struct hole *list = active->holes[side];
    memmove(list + place + 1, list + place, (active->hole_count[side] - place) * sizeof *list);
    list[place] = *hole;
    active->hole_count[side]++;
}

static void describe(struct hole *hole, uint64_t from, uint64_t to,
                     const struct streams_packet *packet) {
    *hole = (struct hole){0};
    hole->from = from;
    hole->to = to;
    hole->when = packet->when;
    hole->frame = packet->frame;
    hole->timestamp = packet->timestamp_value;
    hole->has_timestamp = packet->has_timestamps;
    hole->identification = packet->identification;
}

/* Takes [from, to) out of the holes; returns how many bytes of it they held. */
static uint64_t fill(struct streams *streams, struct connection *connection, uint8_t side,
                     uint64_t from, uint64_t to, struct ranges_result *result) {
    struct active *active = connection->active;
    uint64_t filled = 0;
    for (unsigned i = 0; i < active->hole_count[side];) {
        struct hole *hole = &active->holes[side][i];
        if (hole->to <= from) {
            i++;
            continue;
        }
        if (hole->from >= to)
            break;
        if (!filled)
            result->hole = *hole;
        uint64_t start = hole->from > from ? hole->from : from, end = hole->to < to ? hole->to : to;
        filled += end - start;
        if (start == hole->from && end == hole->to) {
            active->hole_count[side]--;
            memmove(hole, hole + 1, (active->hole_count[side] - i) * sizeof *hole);
        } else if (start == hole->from) {
            hole->from = end;
            i++;
        } else if (end == hole->to) {
            hole->to = start;
            i++;
        } else {
            struct hole rest = *hole;
            rest.from = end;
            hole->to = start;
            insert(streams, connection, side, i + 1, &rest);
            break;
        }
    }
    return filled;
}

/* Before the first byte known of a connection whose beginning is not in the capture. */
static void extend_back(struct streams *streams, struct connection *connection, uint8_t side,
                        const struct streams_packet *packet, uint64_t from, uint64_t to,
                        struct ranges_result *result) {
    struct stream *stream = &connection->streams[side];
    if (to < stream->first) {
        struct hole hole;
        describe(&hole, to, stream->first, packet);
        insert(streams, connection, side, 0, &hole);
    }
    result->filled += (to < stream->first ? to : stream->first) - from;
    result->before = true;
    stream->first = from;
}

void rill__ranges_add(struct streams *streams, struct connection *connection, uint8_t side,
                      const struct streams_packet *packet, uint64_t from, uint64_t to,
                      struct ranges_result *result) {
    struct stream *stream = &connection->streams[side];
    *result = (struct ranges_result){0};
    if (from < stream->first && !(stream->bits & STREAM_ISN)) {
        extend_back(streams, connection, side, packet, from, to, result);
        from = from + result->filled;
    } else if (from < stream->first) { /* below the first byte there is none: a probe, or a fault */
        from = stream->first;
    }
    if (from >= to)
        return;
    if (from < stream->next) {
        uint64_t end = to < stream->next ? to : stream->next;
        uint64_t filled = connection->active->hole_count[side]
                              ? fill(streams, connection, side, from, end, result)
                              : 0;
        result->resent = end - from - filled;
        result->filled += filled;
        from = end;
    } else if (from > stream->next) {
        describe(&result->hole, stream->next, from, packet);
        result->hole.network_ns = connection->active->blame[STREAMS_BLAME_DISTANCE] +
                                  connection->active->blame[STREAMS_BLAME_QUEUE];
        result->opened = true;
        insert(streams, connection, side, connection->active->hole_count[side], &result->hole);
    }
    if (to > from)
        result->fresh = to - from;
    if (to > stream->next)
        stream->next = to;
}

void rill__ranges_extend(struct streams *streams, struct connection *connection, uint8_t side,
                         const struct streams_packet *packet, uint64_t to) {
    struct stream *stream = &connection->streams[side];
    struct hole hole;
    if (!rill__streams_active(streams, connection))
        return;
    describe(&hole, stream->next, to, packet);
    hole.has_timestamp = false; /* the packet is the other side's */
    hole.identification = 0;
    insert(streams, connection, side, connection->active->hole_count[side], &hole);
    stream->next = to;
}

void rill__ranges_begin(struct streams *streams, struct connection *connection, uint8_t side,
                        const struct streams_packet *packet, uint64_t first) {
    struct stream *stream = &connection->streams[side];
    struct hole hole;
    if (first >= stream->first || stream->first - first > UINT64_C(1) << 30 ||
        !rill__streams_active(streams, connection))
        return;
    describe(&hole, first, stream->first, packet);
    insert(streams, connection, side, 0, &hole);
    stream->first = first;
}
