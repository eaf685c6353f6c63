/* streams/history.c: where in the source the data segments of late lie, so that bytes which come
 * again can be compared with the first ones. One ring for all connections, so its size is
 * bounded; the segments of one direction are linked through it, the newest first. */
#include "streams/connection.h"

#include <string.h>

enum {
    HISTORY = 1 << 18, /* segments, at most: 10 MiB */
    SHARE = 8,         /* of the memory there may be */
    STEPS_MAX = 4096,  /* looked at for one that came again */
    COMPARE_MAX = 65536,
};

struct history_entry {
    uint64_t offset;
    uint64_t before; /* place of the direction's segment before; 0: none */
    uint32_t stream; /* number of the connection, and side */
    uint32_t sequence, length;
    uint32_t spare;
};

static uint32_t stream_number(const struct connection *connection, uint8_t side) {
    return (uint32_t)connection->number * 2 + side;
}

bool rill__history_knows(const struct streams *streams, uint64_t place) {
    return place && streams->history && streams->history_next - place < streams->history_size;
}

static bool open_ring(struct streams *streams) {
    uint64_t most = streams->config.memory_max ? streams->config.memory_max / SHARE : UINT64_MAX;
    uint32_t size = HISTORY;
    while (size > 1 && size * sizeof *streams->history > most)
        size /= 2;
    streams->history = rill__streams_allocate(streams, size * sizeof *streams->history);
    streams->history_size = size;
    return streams->history;
}

void rill__history_add(struct streams *streams, struct connection *connection, uint8_t side,
                       const struct streams_packet *packet, uint64_t from) {
    if (!streams->config.read || packet->offset == STREAMS_NOWHERE)
        return;
    if (!streams->history && !open_ring(streams))
        return;
    uint64_t place = ++streams->history_next;
    struct history_entry *entry = &streams->history[place % streams->history_size];
    entry->offset = packet->offset;
    entry->before = connection->active->history[side];
    entry->stream = stream_number(connection, side);
    entry->sequence = (uint32_t)from;
    entry->length = packet->captured;
    connection->active->history[side] = place;
}

/* Bytes of both that differ, of those not yet compared. */
static uint64_t compare(const uint8_t *now, const uint8_t *then, uint32_t length, uint8_t *done,
                        uint32_t at, uint64_t *compared) {
    uint64_t differ = 0;
    for (uint32_t i = 0; i < length; i++) {
        uint8_t bit = (uint8_t)(1u << (at + i) % 8), *byte = &done[(at + i) / 8];
        if (*byte & bit)
            continue;
        *byte |= bit;
        ++*compared;
        differ += now[i] != then[i];
    }
    return differ;
}

void rill__history_compare(struct streams *streams, struct connection *connection, uint8_t side,
                           const struct streams_packet *packet, uint64_t from, uint64_t resent) {
    uint8_t done[COMPARE_MAX / 8];
    struct stream_counts *counts = &connection->active->counts[side];
    uint64_t place = connection->active->history[side], differ = 0, compared = 0;
    uint32_t length = packet->captured < COMPARE_MAX ? packet->captured : COMPARE_MAX;
    memset(done, 0, (length + 7) / 8);
    for (unsigned i = 0; i < STEPS_MAX && place && compared < length; i++) {
        if (!rill__history_knows(streams, place))
            break;
        const struct history_entry *entry = &streams->history[place % streams->history_size];
        if (entry->stream != stream_number(connection, side))
            break;
        place = entry->before;
        int64_t distance = (int32_t)(entry->sequence - (uint32_t)from);
        int64_t start = distance > 0 ? distance : 0, end = distance + entry->length;
        if (end > length)
            end = length;
        if (start >= end)
            continue;
        uint32_t bytes = (uint32_t)(end - start);
        const uint8_t *then = streams->config.read(
            streams->config.context, entry->offset + (uint64_t)(start - distance), bytes);
        if (then)
            differ +=
                compare(packet->payload + start, then, bytes, done, (uint32_t)start, &compared);
    }
    counts->conflicting_bytes += differ;
    counts->uncompared_bytes += resent > compared ? resent - compared : 0;
    if (!differ)
        return;
    struct streams_event event = {0};
    event.kind = STREAMS_EVENT_CONFLICT;
    event.evidence = STREAMS_EVIDENCE_BYTES;
    event.sure = true;
    event.side = side;
    event.position = from - connection->streams[side].first;
    event.length = differ;
    event.frame = packet->frame;
    event.when = packet->when;
    rill__event_tell(streams, connection, &event);
}

void rill__history_fini(struct streams *streams) {
    if (streams->history)
        rill__streams_release(streams, streams->history,
                              streams->history_size * sizeof *streams->history);
    streams->history = 0;
}
