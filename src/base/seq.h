/* base/seq.h: comparison of sequence numbers modulo 2^32 (RFC 9293 §3.4): a is before b when the
 * way from a up to b is shorter than half the space. */
#ifndef RILL_BASE_SEQ_H
#define RILL_BASE_SEQ_H

#include <rill/base.h>

static inline bool seq_lt(rill_seq a, rill_seq b) {
    return (int32_t)(a - b) < 0;
}

static inline bool seq_leq(rill_seq a, rill_seq b) {
    return (int32_t)(a - b) <= 0;
}

static inline bool seq_gt(rill_seq a, rill_seq b) {
    return (int32_t)(a - b) > 0;
}

static inline bool seq_geq(rill_seq a, rill_seq b) {
    return (int32_t)(a - b) >= 0;
}

static inline rill_seq seq_max(rill_seq a, rill_seq b) {
    return seq_gt(a, b) ? a : b;
}

static inline rill_seq seq_min(rill_seq a, rill_seq b) {
    return seq_lt(a, b) ? a : b;
}

#endif
