/* tcp/congestion.h: the seam of congestion control: events in, window out. Integers only.
 *
 * An algorithm reads ack_summary and writes cwnd and ssthresh; it never sees a segment or a timer.
 * Loss recovery (recovery.c) decides what is lost and when an episode begins and ends. */
#ifndef RILL_TCP_CONGESTION_H
#define RILL_TCP_CONGESTION_H

#include "tcp/ack_summary.h"

/* Lies in the warm part of a connection: it survives idleness. */
struct congestion {
    uint32_t cwnd, ssthresh;   /* bytes */
    uint32_t private_words[5]; /* the algorithm's own */
};

struct rill_congestion_ops {
    const char *name;
    /* A new connection; `initial_window` in bytes. */
    void (*open)(struct congestion *congestion, uint32_t mss, uint32_t initial_window);
    /* snd_una moved outside of recovery. */
    void (*acked)(struct congestion *congestion, uint32_t mss, const struct ack_summary *summary);
    /* A loss was found without a timeout; once an episode. */
    void (*loss)(struct congestion *congestion, uint32_t mss, uint32_t in_flight, rill_time now);
    /* The retransmission timer expired; `first` is false for the same segment again. */
    void (*timeout)(struct congestion *congestion, uint32_t mss, uint32_t in_flight, bool first,
                    rill_time now);
    /* Recovery is over. */
    void (*recovered)(struct congestion *congestion, uint32_t mss, uint32_t in_flight);
};

#endif
