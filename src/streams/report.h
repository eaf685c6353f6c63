/* streams/report.h: one HTML page about connections: what it is made of, and writing it.
 *
 * The page is one file that loads nothing. Its sentence, map of time, table, blame bars, ladders
 * and streams are HTML and are read without script; charts are drawn from numbers in the page by
 * the script in it. Whatever the count of connections and of points, it stays below
 * REPORT_BYTES_MAX: the ones with the most seconds to blame are told in full, all of them as a
 * density map.
 *
 * Both `rill streams report` (what a capture shows) and `rill lab --report` (what a run did) fill
 * the same structs; the words are the caller's, so that page and terminal say the same. No I/O and
 * no memory of its own: text goes to the caller's sink in pieces. Times are nanoseconds from the
 * begin of what is told. */
#ifndef RILL_STREAMS_REPORT_H
#define RILL_STREAMS_REPORT_H

#include <rill/base.h>

#define REPORT_BYTES_MAX 2000000u
#define REPORT_STATES 16u
#define REPORT_COLUMNS 10u
#define REPORT_ROWS 300u     /* connections in table and map */
#define REPORT_LANES 50u     /* rows of the map */
#define REPORT_DETAILS 50u   /* connections with charts, ladder and streams */
#define REPORT_POINTS 60000u /* of all charts together */
#define REPORT_TEXT 400u     /* bytes of a text in the page; a longer one ends early */

/* Colours that people with any colour vision tell apart; some have a pattern too. */
enum report_hue {
    REPORT_GREY,
    REPORT_PALE,
    REPORT_FAINT,
    REPORT_SKY,
    REPORT_BLUE,
    REPORT_YELLOW,
    REPORT_ORANGE,
    REPORT_RED, /* striped */
    REPORT_PINK,
    REPORT_GREEN,
    REPORT_BLACK, /* striped */
    REPORT_BROWN, /* striped */
    REPORT_VOID,  /* hatched: not known */
    REPORT_HUES,
};

/* What a connection can be in at a time. */
struct report_state {
    const char *name;  /* as in JSON: "network_loss" */
    const char *words; /* "network: loss" */
    enum report_hue hue;
    bool blamed; /* time in it counts as lost: connections are ordered by it */
};

struct report_span {
    rill_time from, to;
    uint32_t state;
};

enum report_unit { REPORT_COUNT, REPORT_BYTES, REPORT_TIME, REPORT_RATE };

struct report_column {
    const char *title; /* "resent" */
    const char *hint;  /* what it counts, a sentence */
    enum report_unit unit;
    bool rare; /* left out where no connection has any */
};

#define REPORT_NO_VALUE UINT64_MAX /* in a column: nothing is known */

struct report_connection {
    uint64_t number;
    uint64_t lane;               /* the same for all lives of one four-tuple */
    uint64_t incarnation;        /* which life of it, from 1 */
    const char *client, *server; /* "10.0.0.1:4000" */
    const char *outcome;         /* "closed by the client" */
    const char *verdict;         /* one sentence */
    rill_time start, duration;
    bool told;                        /* there are details of it */
    uint64_t packets;                 /* how much there is to draw */
    uint64_t values[REPORT_COLUMNS];  /* by the report's columns */
    uint64_t state_ns[REPORT_STATES]; /* by the report's states; the sum is the duration */
};

/* A point of a chart, or a bar from `low` to `high`. */
struct report_point {
    rill_time at;
    uint64_t low, high;
    uint64_t frame; /* in the capture; 0: none */
    uint64_t note;  /* why it is called so: of the report's notes, counted from 1; 0: none */
};

enum report_mark {
    REPORT_STEPS, /* holds until the next point */
    REPORT_LIMIT, /* steps, dashed; what is far above all else does not stretch the picture */
    REPORT_LINE,
    REPORT_BARS,
    REPORT_DOTS,
    REPORT_RATES, /* bytes so far: drawn as bytes a time, in bit/s */
    REPORT_SPANS, /* bars that are nothing out of the way, drawn thin and behind the others */
};

struct report_series {
    const char *name;
    const char *note; /* what a mark of it means, for who points at it; may be null */
    enum report_mark mark;
    enum report_hue hue;
    const struct report_point *points; /* in the order of time */
    size_t count;
};

struct report_chart {
    const char *title;
    enum report_unit unit;
    const struct report_series *series;
    size_t count;
};

struct report_fact {
    const char *name;
    const char *values[2]; /* by direction; the second null: one for both */
};

enum report_step { REPORT_STEP_PLAIN, REPORT_STEP_BAD, REPORT_STEP_ODD, REPORT_STEP_FOLD };

/* A row of the ladder: a packet, or many folded to a line. */
struct report_rung {
    rill_time at;
    uint32_t direction; /* 0: from the client */
    enum report_step kind;
    const char *text; /* "SYN", "1,204 packets, nothing odd" */
    uint64_t frame;   /* 0: none */
};

enum report_piece_kind { REPORT_PIECE_DATA, REPORT_PIECE_GAP, REPORT_PIECE_CONFLICT };

/* A piece of the conversation. */
struct report_piece {
    uint32_t direction;
    enum report_piece_kind kind;
    rill_time at;
    uint64_t offset, length; /* in the stream of its direction */
    const uint8_t *data;     /* of DATA and CONFLICT; `length` bytes */
    const uint8_t *other;    /* CONFLICT: what a later segment said of the same bytes */
};

struct report_detail {
    const struct report_span *spans; /* in the order of time */
    size_t span_count;
    const struct report_chart *charts;
    size_t chart_count;
    const struct report_fact *facts;
    size_t fact_count;
    const struct report_rung *ladder;
    size_t rung_count;
    const struct report_piece *pieces;
    size_t piece_count;
    bool pieces_cut; /* there is more than is given */
};

struct report {
    const char *program;       /* "rill lab" */
    const char *subject;       /* the file's name, or how the run was asked for */
    const char *sentence;      /* what there is to know, in one */
    const char *lead;          /* what else is to be known first; may be empty or null */
    const char *noun, *nouns;  /* "connection", "connections" */
    const char *numbered_from; /* … of lanes: "four-tuple" */
    const char *ends[2];       /* "client", "server" */
    const char *follow;       /* what prints a whole stream: "rill streams follow"; null: nothing */
    const char *const *notes; /* what points may have to tell */
    size_t note_count;
    const char *const *remarks; /* sentences, such as that the capture is cut */
    size_t remark_count;
    const struct report_fact *facts; /* of the whole, in one value */
    size_t fact_count;
    const struct report_state *states;
    size_t state_count;
    const struct report_column *columns;
    size_t column_count;
    rill_time duration;
    size_t count; /* connections, in the order of their start */
    void *context;
    /* What is given lives until the next call of the same function. Details are asked for twice,
     * and only of connections that are told; false: there are none after all. */
    void (*connection)(void *context, size_t index, struct report_connection *out);
    bool (*detail)(void *context, size_t index, struct report_detail *out);
};

/* What the page is dressed with: text, not terminated. */
struct report_asset {
    const uint8_t *data;
    size_t length;
};
struct report_assets {
    struct report_asset style, script, chart_style, chart_script, chart_licence;
};

/* Takes a piece of the page. False: it could not, and no more is offered. */
typedef bool (*report_sink)(void *context, const uint8_t *data, size_t length);

/* Writes the page. False: the sink refused. */
bool report_write(const struct report *report, const struct report_assets *assets, report_sink sink,
                  void *context);

/* Leaves at most `max` of the points, in place, with the lowest and the highest of each stretch of
 * time among them; bars that fall together become one. Returns how many are left. `max` is 4 or
 * more. */
size_t report_thin(struct report_point *points, size_t count, size_t max, bool bars);

/* Points as they come, of which no more than a bound is kept. */
struct report_recorder {
    struct rill_allocator allocator;
    struct report_point *points;
    size_t count, capacity, max;
    bool bars, failed; /* failed: memory ran out, later points are missing */
};
void report_recorder_init(struct report_recorder *recorder, const struct rill_allocator *allocator,
                          size_t max, bool bars);
void report_recorder_push(struct report_recorder *recorder, struct report_point point);
void report_recorder_fini(struct report_recorder *recorder);

/* Round trips: when bytes were sent, and when they are acknowledged. Holds so many segments on
 * their way; those beyond are not timed. */
#define REPORT_TIMED 256u
struct report_timer {
    struct {
        uint64_t from, to; /* bytes of the stream */
        rill_time sent;    /* 0: sent again, so that its acknowledgement says nothing */
    } segments[REPORT_TIMED];
    size_t first, count;
};
void report_timer_sent(struct report_timer *timer, uint64_t from, uint64_t to, rill_time at);
/* Karn's rule: what is sent twice is not timed. */
void report_timer_again(struct report_timer *timer, uint64_t from, uint64_t to);
/* Everything below `acked` has arrived. Returns the round trip of the newest of it; 0: none is
 * known. An acknowledgement that ends a hole says how long that took, not how far the peer is. */
rill_time report_timer_acked(struct report_timer *timer, uint64_t acked, rill_time at);

/* The same for states over time: what is shorter than can be seen is taken in by its neighbours
 * when there are too many. */
struct report_strip {
    struct rill_allocator allocator;
    struct report_span *spans;
    size_t count, capacity, max;
    bool failed;
};
void report_strip_init(struct report_strip *strip, const struct rill_allocator *allocator,
                       size_t max);
/* `span.from` is where the last one ended; the same state again makes that longer. */
void report_strip_push(struct report_strip *strip, struct report_span span);
/* Says of the latest `amount` of time in the state `from` that it was `to`. */
void report_strip_relabel(struct report_strip *strip, uint32_t from, uint32_t to, rill_time amount);
void report_strip_fini(struct report_strip *strip);

#endif
