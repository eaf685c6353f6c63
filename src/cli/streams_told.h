/* cli/streams_told.h: what the report shows of one connection, gathered while its packets pass:
 * lines of its charts, its states over time, its ladder and the beginning of what was said. All of
 * it is bounded, however long the connection. */
#ifndef RILL_CLI_STREAMS_TOLD_H
#define RILL_CLI_STREAMS_TOLD_H

#include "cli/streams_talk.h"
#include "streams/report.h"
#include "streams/streams.h"

#define TOLD_RUNGS 80u

enum told_line {
    TOLD_DATA,
    TOLD_RESENT,
    TOLD_SPURIOUS,
    TOLD_REPAIRED,
    TOLD_REORDERED,
    TOLD_PROBE,
    TOLD_MISSING,
    TOLD_SACK,
    TOLD_BARS, /* the lines before are bars */
    TOLD_ACKED = TOLD_BARS,
    TOLD_EDGE,
    TOLD_FLIGHT,
    TOLD_WINDOW,
    TOLD_TRIP,
    TOLD_BYTES,
    TOLD_LINES
};

struct told_side {
    struct report_recorder lines[TOLD_LINES];
    struct report_timer timer;
    uint64_t highest, acked, window; /* of its stream, of it, offered to it */
    bool spoken;                     /* its first data has come */
};

struct told_rung {
    struct report_rung rung;
    char text[128];
};

struct told {
    struct streams_connection connection; /* as it was at its end */
    struct told_side sides[2];
    struct report_strip strip;
    uint64_t blame[STREAMS_BLAME_COUNT]; /* the account so far */
    rill_time since, last;               /* the connection's start; of the last packet */
    bool begun;
    uint64_t event_frame, event_note; /* the latest label, and why it was given */
    struct told_rung rungs[TOLD_RUNGS];
    size_t rung_count;
    uint64_t skipped, skipped_bytes, folded[STREAMS_EVENT_COUNT], untold;
    struct talk talk;
};

/* Times of the page count from `since`. False: out of memory. */
bool told_init(struct told *told, const struct streams_connection *connection, rill_time since,
               size_t points);
void told_segment(struct told *told, const struct streams_segment *segment);
void told_event(struct told *told, const struct streams_event *event);
/* After the last packet. False: memory ran out on the way. */
bool told_finish(struct told *told);
void told_fini(struct told *told);

/* The notes that points refer to: "the bytes were seen before (sure)". */
const char *const *told_notes(size_t *count);

#endif
