/* cli/streams_report.h: what the parts of `rill streams report` share: which connections it is
 * about, and those that are told in full. */
#ifndef RILL_CLI_STREAMS_REPORT_H
#define RILL_CLI_STREAMS_REPORT_H

#include "cli/streams.h"
#include "cli/streams_summary.h"
#include "cli/streams_told.h"

struct streams_choice {
    uint64_t number, blame;
    struct told *told;
};

struct streams_report {
    struct streams_run run; /* the first pass, with all connections */
    struct streams_summary summary;
    size_t *rows; /* of the store: the connections wanted; in `rows_memory` */
    struct paged rows_memory;
    size_t row_count;
    uint64_t blame[STREAMS_BLAME_COUNT];          /* of all of them */
    struct streams_choice chosen[REPORT_DETAILS]; /* by number */
    size_t chosen_count;
    bool partial, short_of_memory;
};

/* Null: it is not told in full. */
struct told *streams_report_told(const struct streams_report *report, uint64_t number);

/* streams_report_page.c. False: the sink refused. */
bool streams_report_page(struct streams_report *report, report_sink sink, void *context);
/* Whether time in it counts as lost. */
bool streams_report_blamed(enum streams_blame blame);

#endif
