/* cli/streams_talk.h: the beginning of what the two sides of a connection said, in turns. */
#ifndef RILL_CLI_STREAMS_TALK_H
#define RILL_CLI_STREAMS_TALK_H

#include "streams/report.h"
#include "streams/streams.h"

#define TALK_BYTES 6000u /* of each side */
#define TALK_TURNS 64u
#define TALK_PIECES (2 * TALK_TURNS + 2 * TALK_CONFLICTS)
#define TALK_CONFLICTS 4u
#define TALK_CONFLICT_BYTES 256u

struct talk_turn {
    uint8_t side;
    rill_time at;
    uint64_t from, to; /* in the side's stream */
};

struct talk_conflict {
    uint8_t side;
    rill_time at;
    uint64_t from, length;
    uint8_t later[TALK_CONFLICT_BYTES];
};

struct talk {
    uint8_t bytes[2][TALK_BYTES];
    bool known[2][TALK_BYTES];
    uint64_t told[2]; /* how far the turns of each side reach */
    struct talk_turn turns[TALK_TURNS];
    size_t turn_count;
    struct talk_conflict conflicts[TALK_CONFLICTS];
    size_t conflict_count;
    bool cut; /* more was said */
};

/* Payload at a position of a side's stream. */
void talk_add(struct talk *talk, const struct streams_segment *segment, rill_time at);
/* What was said, as pieces; returns how many, at most TALK_PIECES. */
size_t talk_pieces(const struct talk *talk, struct report_piece pieces[TALK_PIECES]);

#endif
