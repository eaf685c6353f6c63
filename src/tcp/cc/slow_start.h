/* tcp/cc/slow_start.h: HyStart++ (RFC 9406): slow start that leaves before it overshoots, for every
 * algorithm that begins with one.
 *
 * Rounds are told by sequence numbers. When the smallest RTT of a round is clearly above that of
 * the round before, growth goes on at a quarter of its speed (conservative slow start); if the RTT
 * does not come down again within five rounds, slow start is over. */
#ifndef RILL_TCP_CC_SLOW_START_H
#define RILL_TCP_CC_SLOW_START_H

#include "tcp/congestion.h"

/* RFC 9406 §4.2; RTTs in us, 0: none yet. All 0 is the beginning. */
struct slow_start {
    rill_seq window_end;
    uint32_t last_min, current_min;
    uint32_t css_baseline; /* 0: standard slow start */
    uint16_t samples;
    uint8_t css_rounds;
    bool begun;
};

/* Grows cwnd for what the ACK says; cwnd < ssthresh. Gives the bytes that slow start had no use
 * for, having reached ssthresh. */
uint32_t rill__slow_start(const struct congestion_call *call, struct slow_start *state,
                          const struct ack_summary *summary);

#endif
