/* cli/streams_summary.h: what all connections have in common: how many, how much, and why there are
 * as many as there are. */
#ifndef RILL_CLI_STREAMS_SUMMARY_H
#define RILL_CLI_STREAMS_SUMMARY_H

#include "streams/streams.h"

#include <stddef.h>

struct streams_summary {
    uint64_t connections, packets, bytes, resent, lost, start, end;
    uint64_t reused; /* connections whose four-tuple had been used before */
    uint64_t most_lives;
    struct streams_connection busiest; /* the last life of the four-tuple used most often */
    uint64_t parallel; /* connections of the first client to the first server's port */
    bool one_pair;     /* all of them are */
    struct streams_connection first;
};

void streams_summary_add(struct streams_summary *summary,
                         const struct streams_connection *connection);
/* "6 connections, 758 packets, 753.8 KiB in 5.3 ms" */
void streams_summary_figures(const struct streams_summary *summary, char *out, size_t size);
/* Sentences, or nothing if there is nothing to explain; with what a `column` of a table tells. */
void streams_summary_reason(const struct streams_summary *summary, bool column, char *out,
                            size_t size);

#endif
