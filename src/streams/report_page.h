/* streams/report_page.h: what the parts of a page share while it is written. */
#ifndef RILL_STREAMS_REPORT_PAGE_H
#define RILL_STREAMS_REPORT_PAGE_H

#include "streams/report_writer.h"

/* A connection that has a row. Ordered by blame, the most first. */
struct report_row {
    size_t index;
    rill_time blame;
    bool told; /* there is a section for it */
};

struct report_page {
    const struct report *report;
    struct report_writer writer;
    struct report_row rows[REPORT_ROWS];
    size_t row_count, detail_count;   /* details: rows that are told */
    uint64_t state_ns[REPORT_STATES]; /* of all connections */
    bool shown[REPORT_COLUMNS];
    uint64_t asset_bytes;           /* written after the details */
    uint64_t needs[REPORT_DETAILS]; /* points each detail could use, in the rows' order */
};

/* report_map.c: a row for each four-tuple, its lives on it; and how all of them lie, if there are
 * more than are shown. */
void report_write_map(struct report_page *page);
void report_write_density(struct report_page *page);
/* The states of one connection over time, `fineness` steps wide; without a detail (null) in the
 * colour of the state it was in for longest. */
void report_write_strip(struct report_page *page, const struct report_connection *it,
                        const struct report_detail *detail, uint64_t fineness);

/* report_table.c */
void report_write_table(struct report_page *page);
/* The bar of states, and, if `listed`, what it is made of in words, the longest first. */
void report_write_bar(struct report_page *page, const uint64_t state_ns[REPORT_STATES],
                      bool listed);

/* report_detail.c: each row that is told: charts, facts, ladder, streams. */
void report_write_details(struct report_page *page);

/* report_chart.c: the numbers of a detail's charts, at most about `points` of them. */
void report_write_charts(struct report_page *page, const struct report_connection *connection,
                         const struct report_detail *detail, uint64_t points);

/* The sum. */
uint64_t report_total(const uint64_t state_ns[REPORT_STATES]);

/* report_chart.c: what points may have to tell. */
void report_write_notes(struct report_page *page);

/* The most that each of `needs` may have, so that all together have no more than `total`. */
uint64_t report_level(const uint64_t *needs, size_t count, uint64_t total);

/* Class of a colour: "h3". */
void report_put_hue(struct report_writer *writer, enum report_hue hue);

#endif
