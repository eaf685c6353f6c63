/* tcp/cc/cubic.h: the arithmetic of CUBIC's curve, for cubic.c and its tests. */
#ifndef RILL_TCP_CC_CUBIC_H
#define RILL_TCP_CC_CUBIC_H

#include <rill/base.h>

/* The cube root, rounded down. */
uint32_t rill__cubic_root(uint64_t x);

#define CUBIC_TICK (125 * RILL_MICROSECOND) /* of all times below */

/* RFC 9438 §4.2, figure 2: how long from the beginning of avoidance at `epoch` bytes to `w_max`. */
uint32_t rill__cubic_k(uint32_t w_max, uint32_t epoch, uint32_t mss);

/* RFC 9438 §4.2, figure 1: the window, bytes, `t` after the beginning. */
uint32_t rill__cubic_window(uint64_t t, uint32_t k, uint32_t w_max, uint32_t mss);

#endif
