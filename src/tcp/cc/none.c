/* tcp/cc/none.c: no congestion control: the peer's window alone bounds what is in flight. For links
 * that nobody else uses, such as two hosts in one process; a network it would ruin. */
#include "tcp/congestion.h"
#include <rill/stack.h>
#include <string.h>

static void open(const struct congestion_call *call, uint32_t initial_window) {
    (void)initial_window;
    memset(call->congestion, 0, sizeof *call->congestion);
    call->congestion->cwnd = call->congestion->ssthresh = CONGESTION_WINDOW_MAX;
}

static void acked(const struct congestion_call *call, const struct ack_summary *summary) {
    (void)call;
    (void)summary;
}

static void reduce(const struct congestion_call *call, enum congestion_reason reason,
                   uint32_t flight) {
    (void)reason;
    (void)flight;
    call->congestion->ssthresh = CONGESTION_WINDOW_MAX;
}

static uint64_t pacing_rate(const struct congestion_call *call) {
    (void)call;
    return 0;
}

const struct rill_congestion_ops rill_no_congestion = {
    .name = "none",
    .open = open,
    .acked = acked,
    .reduce = reduce,
    .pacing_rate = pacing_rate,
};
