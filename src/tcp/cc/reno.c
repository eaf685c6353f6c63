/* tcp/cc/reno.c: slow start, congestion avoidance and the reactions to loss of RFC 5681 (with the
 * bounds of RFC 6582 §3.2 at the end of recovery). private_words[0]: bytes acked since the last
 * increase. */
#include "tcp/congestion.h"

#include "base/util.h"
#include <rill/stack.h>

static void open(struct congestion *congestion, uint32_t mss, uint32_t initial_window) {
    (void)mss;
    congestion->cwnd = initial_window;
    congestion->ssthresh = UINT32_MAX / 2; /* RFC 5681 §3.1: arbitrarily high */
    congestion->private_words[0] = 0;
}

static void acked(struct congestion *congestion, uint32_t mss, const struct ack_summary *summary) {
    if (!summary->cwnd_limited) /* RFC 7661 §4.1: a window not used says nothing about the path */
        return;
    if (congestion->cwnd < congestion->ssthresh) {
        /* DEVIATION: RFC 5681 §3.1 counts at most SMSS an ACK; an ACK of a super-segment stands for
         * many, so all bytes it acknowledges count (RFC 3465 with L unbounded), as Linux does. */
        uint32_t room = congestion->ssthresh - congestion->cwnd;
        congestion->cwnd += RILL_MIN(summary->bytes_acked, room);
        return;
    }
    uint32_t *counted = &congestion->private_words[0]; /* RFC 5681 §3.1, as RFC 3465 §2.1 counts */
    *counted += RILL_MIN(summary->bytes_acked, congestion->cwnd);
    if (*counted >= congestion->cwnd) {
        *counted -= congestion->cwnd;
        congestion->cwnd += mss;
    }
}

static uint32_t half(uint32_t in_flight, uint32_t mss) {
    return RILL_MAX(in_flight / 2, 2 * mss); /* RFC 5681 §3.1 (4) */
}

static void loss(struct congestion *congestion, uint32_t mss, uint32_t in_flight, rill_time now) {
    (void)now;
    congestion->ssthresh = half(in_flight, mss);
    congestion->cwnd = congestion->ssthresh;
    congestion->private_words[0] = 0;
}

static void timeout(struct congestion *congestion, uint32_t mss, uint32_t in_flight, bool first,
                    rill_time now) {
    (void)now;
    if (first) /* RFC 5681 §3.1: a segment already resent leaves ssthresh alone */
        congestion->ssthresh = half(in_flight, mss);
    congestion->cwnd = mss; /* the loss window */
    congestion->private_words[0] = 0;
}

static void recovered(struct congestion *congestion, uint32_t mss, uint32_t in_flight) {
    /* RFC 6582 §3.2 step 3, first choice: no burst when little is in flight. */
    uint32_t bound = RILL_MAX(in_flight, mss) + mss;
    congestion->cwnd = RILL_MIN(congestion->ssthresh, bound);
}

const struct rill_congestion_ops rill_reno = {
    .name = "reno",
    .open = open,
    .acked = acked,
    .loss = loss,
    .timeout = timeout,
    .recovered = recovered,
};
