/* tcp/cc/slow_start.h: HyStart++ (RFC 9406): slow start that leaves before it overshoots, for every
 * algorithm that begins with one.
 *
 * Rounds are told by sequence numbers. When the smallest RTT of a round is clearly above that of
 * the round before, growth goes on at a quarter of its speed (conservative slow start); if the RTT
 * does not come down again within five rounds, slow start is over.
 *
 * DEVIATION: RFC 9406 has the delay as the only sign. A window that doubles fills a queue of one
 * bandwidth-delay product before the smallest RTT of a round has moved, so there is a second one:
 * what a round delivers comes in more slowly than it was sent, which gives the rate of the
 * bottleneck, and the window is no smaller than that rate for the smallest RTT: the path is full.
 * It too leads to conservative slow start only, and out of it again if a later round says
 * otherwise. */
#ifndef RILL_TCP_CC_SLOW_START_H
#define RILL_TCP_CC_SLOW_START_H

#include "tcp/congestion.h"

/* RFC 9406 §4.2; RTTs in us, 0: none yet. All 0 is the beginning. */
struct slow_start {
    rill_time first_acked, first_sent; /* the first of this round, with a sample; 0: none yet */
    rill_seq window_end;
    uint32_t last_min, current_min;
    uint32_t css_baseline; /* while the delay is the reason for CSS; else 0 */
    uint32_t delivered;    /* bytes, after the first of this round */
    uint16_t samples;
    uint8_t css_rounds;
    bool begun;
    bool css;      /* conservative slow start */
    bool was_full; /* at the last look in this round */
};

/* Grows cwnd for what the ACK says; cwnd < ssthresh. Gives the bytes that slow start had no use
 * for, having reached ssthresh. */
uint32_t rill__slow_start(const struct congestion_call *call, struct slow_start *state,
                          const struct ack_summary *summary);

#endif
