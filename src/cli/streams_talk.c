/* cli/streams_talk.c: see streams_talk.h. Bytes that come twice keep their first value; a second
 * one that differs is kept beside it. */
#include "cli/streams_talk.h"

#include "base/util.h"

#include <string.h>

/* The stretch from the first to the last byte that differ from what is known. */
static void compare(struct talk *talk, const struct streams_segment *segment, uint64_t from,
                    uint64_t to, rill_time at) {
    const uint8_t *said = segment->packet->payload;
    uint64_t first = to, last = from;
    uint8_t side = segment->side;
    for (uint64_t i = from; i < to; i++) {
        if (!talk->known[side][i] || talk->bytes[side][i] == said[i - from])
            continue;
        first = RILL_MIN(first, i);
        last = i + 1;
    }
    if (first >= last || talk->conflict_count == TALK_CONFLICTS)
        return;
    struct talk_conflict *conflict = &talk->conflicts[talk->conflict_count++];
    conflict->side = side;
    conflict->at = at;
    conflict->from = first;
    conflict->length = RILL_MIN(last - first, TALK_CONFLICT_BYTES);
    memcpy(conflict->later, said + (first - from), conflict->length);
}

static void take_turn(struct talk *talk, uint8_t side, uint64_t to, rill_time at) {
    struct talk_turn *last = talk->turn_count ? &talk->turns[talk->turn_count - 1] : 0;
    if (to <= talk->told[side])
        return;
    if (!last || last->side != side) {
        if (talk->turn_count == TALK_TURNS) {
            talk->cut = true;
            return;
        }
        last = &talk->turns[talk->turn_count++];
        *last = (struct talk_turn){side, at, talk->told[side], to};
    }
    last->to = to;
    talk->told[side] = to;
}

void talk_add(struct talk *talk, const struct streams_segment *segment, rill_time at) {
    const struct streams_packet *packet = segment->packet;
    uint8_t side = segment->side;
    if (!packet->length || !segment->known || segment->position < 0)
        return;
    uint64_t from = (uint64_t)segment->position, end = from + packet->length;
    uint64_t to = RILL_MIN(from + packet->captured, TALK_BYTES);
    talk->cut |= end > TALK_BYTES;
    if (from >= to) {
        take_turn(talk, side, RILL_MIN(end, TALK_BYTES), at);
        return;
    }
    compare(talk, segment, from, to, at);
    for (uint64_t i = from; i < to; i++) {
        if (talk->known[side][i])
            continue;
        talk->bytes[side][i] = packet->payload[i - from];
        talk->known[side][i] = true;
    }
    take_turn(talk, side, RILL_MIN(end, TALK_BYTES), at);
}

size_t talk_pieces(const struct talk *talk, struct report_piece pieces[TALK_PIECES]) {
    size_t count = 0;
    for (size_t i = 0; i < talk->turn_count; i++) {
        const struct talk_turn *turn = &talk->turns[i];
        const bool *known = talk->known[turn->side];
        for (uint64_t at = turn->from, next; at < turn->to && count < 2 * TALK_TURNS; at = next) {
            for (next = at + 1; next < turn->to && known[next] == known[at];)
                next++;
            pieces[count++] =
                (struct report_piece){turn->side, known[at] ? REPORT_PIECE_DATA : REPORT_PIECE_GAP,
                                      turn->at,   at,
                                      next - at,  talk->bytes[turn->side] + at,
                                      0};
        }
    }
    for (size_t i = 0; i < talk->conflict_count; i++) {
        const struct talk_conflict *conflict = &talk->conflicts[i];
        pieces[count++] = (struct report_piece){
            conflict->side, REPORT_PIECE_CONFLICT, conflict->at,
            conflict->from, conflict->length,      talk->bytes[conflict->side] + conflict->from,
            conflict->later};
    }
    return count;
}
