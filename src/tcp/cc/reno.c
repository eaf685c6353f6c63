/* tcp/cc/reno.c: slow start, congestion avoidance and the reactions to loss of RFC 5681. Its slow
 * start is HyStart++'s (RFC 9406), like that of every algorithm here. */
#include "base/util.h"
#include "tcp/cc/slow_start.h"
#include <rill/stack.h>
#include <string.h>

/* In congestion_recent. */
struct reno {
    struct slow_start slow_start;
    uint32_t counted; /* bytes acked since the last increase */
};
_Static_assert(sizeof(struct reno) <= sizeof(struct congestion_recent), "congestion.h");

static void open(const struct congestion_call *call, uint32_t initial_window) {
    memset(call->congestion, 0, sizeof *call->congestion);
    memset(call->recent, 0, sizeof *call->recent);
    call->congestion->cwnd = initial_window;
    call->congestion->ssthresh = CONGESTION_SSTHRESH_INITIAL;
}

static void acked(const struct congestion_call *call, const struct ack_summary *summary) {
    struct congestion *congestion = call->congestion;
    struct reno *reno = (struct reno *)(void *)call->recent;
    if (!summary->cwnd_limited) /* RFC 7661 §4.1: a window not used says nothing about the path */
        return;
    uint32_t left = summary->bytes_acked;
    if (congestion->cwnd < congestion->ssthresh)
        left = rill__slow_start(call, &reno->slow_start, summary);
    if (!left || congestion->cwnd < congestion->ssthresh)
        return;
    reno->counted += RILL_MIN(left, congestion->cwnd); /* RFC 5681 §3.1, as RFC 3465 §2.1 counts */
    if (reno->counted >= congestion->cwnd) {
        reno->counted -= congestion->cwnd;
        congestion->cwnd = RILL_MIN(congestion->cwnd + call->mss, CONGESTION_WINDOW_MAX);
    }
}

static void reduce(const struct congestion_call *call, enum congestion_reason reason,
                   uint32_t flight) {
    struct congestion *congestion = call->congestion;
    ((struct reno *)(void *)call->recent)->counted = 0;
    if (reason == CONGESTION_TIMEOUT_AGAIN) /* RFC 5681 §3.1: ssthresh stays */
        return;
    /* RFC 5681 §3.1 (4). What limited transmit has sent beyond cwnd does not count. */
    uint32_t half = RILL_MIN(flight, congestion->cwnd) / 2;
    congestion->ssthresh = RILL_MAX(half, 2 * call->mss);
}

const struct rill_congestion_ops rill_reno = {
    .name = "reno",
    .open = open,
    .acked = acked,
    .reduce = reduce,
    .pacing_rate = congestion_window_rate,
};
