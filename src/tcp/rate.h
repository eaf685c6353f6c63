/* tcp/rate.h: how fast the path delivers: what is kept to measure it. rate.c
 *
 * Times are microseconds of the stack's clock, cut to 32 bits: of what is in flight, so they never
 * lie further apart than an hour. */
#ifndef RILL_TCP_RATE_H
#define RILL_TCP_RATE_H

#include <rill/base.h>

/* Of a connection. */
struct rate {
    uint32_t delivered;     /* bytes the peer has acknowledged or SACKed; it wraps around */
    uint32_t delivered_us;  /* when the last of them was */
    uint32_t first_us;      /* when what began the present interval of sending was sent */
    uint32_t limited_until; /* `delivered` at the end of what is in flight and was all there was
                             * to send; 0: there was more */
};

/* Of a transmission: the same when it was sent. */
struct rate_mark {
    uint32_t delivered, delivered_us, first_us;
};

/* What an ACK tells: of the transmission sent last of those it delivers. */
struct rate_sample {
    struct rate_mark mark;
    uint32_t sent_us; /* when that one was sent */
    bool valid, limited;
};

#endif
