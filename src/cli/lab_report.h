/* cli/lab_report.h: what `rill lab --report` remembers of its flows while they run.
 *
 * Two sources: the trace of the end that sends (or, where that is no host of ours, of the one that
 * receives) tells segments and acknowledgements; the connection's own figures, looked at after each
 * step, tell windows and what limits it. All of it is bounded, however long the run. */
#ifndef RILL_CLI_LAB_REPORT_H
#define RILL_CLI_LAB_REPORT_H

#include "cli/lab.h"
#include "streams/report.h"

#define LAB_TOLD 50u  /* flows that are followed */
#define LAB_RUNGS 64u /* of a ladder */

enum lab_line {
    LAB_SENT,
    LAB_RESENT,
    LAB_TIMEOUT,
    LAB_PROBE,
    LAB_ACKED,
    LAB_EDGE, /* of the peer's window */
    LAB_CWND,
    LAB_SSTHRESH,
    LAB_IN_FLIGHT,
    LAB_WINDOW,
    LAB_RTT,
    LAB_SRTT,
    LAB_LINES
};

struct lab_rung {
    struct report_rung rung;
    enum rill_cause cause;
    uint64_t count, bytes;
    rill_time last;
    char text[96];
};

struct lab_told {
    const struct lab_flow *flow;
    struct report_recorder lines[LAB_LINES];
    struct report_strip strip;
    uint64_t limited[RILL_LIMITER_COUNT];
    rill_time looked;        /* when `limited` was */
    uint64_t highest, acked; /* of the stream of data */
    rill_seq first;          /* sequence number of its first byte */
    bool numbered;           /* `first` is known */
    struct report_timer timer;
    struct lab_rung rungs[LAB_RUNGS];
    size_t rung_count;
    uint64_t quiet;            /* packets since the last rung that are nothing to tell */
    uint64_t untold;           /* rungs there was no room for */
    uint64_t packets;          /* sent and received */
    struct rill_tcp_info info; /* as last looked at */
};

struct lab_report {
    struct lab_told *told[LAB_TOLD];
    size_t count, last; /* `last`: whose record came last */
    char *asked;        /* the words of the command */
    bool failed;        /* memory ran out */
};

#endif
