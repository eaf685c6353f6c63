/* tcp/congestion.h: the seam of congestion control: events in, window and pacing rate out. Integers
 * only.
 *
 * An algorithm reads ack_summary and writes cwnd and ssthresh; it never sees a segment or a timer.
 * Loss recovery (recovery.c) decides what is lost, when an episode begins and ends, and moves cwnd
 * while one lasts (RFC 9937); the algorithm says to where. */
#ifndef RILL_TCP_CONGESTION_H
#define RILL_TCP_CONGESTION_H

#include "tcp/ack_summary.h"

#define CONGESTION_SSTHRESH_INITIAL (UINT32_MAX / 2) /* RFC 5681 §3.1: arbitrarily high */
#define CONGESTION_WINDOW_MAX (1u << 30) /* the largest window there is, RFC 7323 §2.3 */

/* Lies in the warm part of a connection: it survives idleness. */
struct congestion {
    uint32_t cwnd, ssthresh; /* bytes */
    uint32_t kept[5];        /* the algorithm's own */
};

/* Lies in the active part: all 0 when a connection begins, or begins again after a pause. */
struct congestion_recent {
    uint64_t words[12]; /* the algorithm's own */
};

/* What an algorithm works on, and what it may know of the path. */
struct congestion_call {
    struct congestion *congestion;
    struct congestion_recent *recent;
    rill_time now;
    uint32_t mss;  /* bytes of payload */
    uint32_t srtt; /* us; 0: not known */
    rill_seq snd_nxt;
    bool paced;
};

enum congestion_reason {
    CONGESTION_LOSS,          /* found without a timeout; once an episode */
    CONGESTION_ECE,           /* a router has marked (RFC 3168 §6.1.2) */
    CONGESTION_TIMEOUT,       /* the retransmission timer has expired */
    CONGESTION_TIMEOUT_AGAIN, /* … for the same segment once more */
};

struct rill_congestion_ops {
    const char *name;
    /* A new connection; `initial_window` in bytes. */
    void (*open)(const struct congestion_call *call, uint32_t initial_window);
    /* Something was delivered, outside of recovery (or after a timeout). */
    void (*acked)(const struct congestion_call *call, const struct ack_summary *summary);
    /* Congestion: ssthresh becomes what cwnd is to be at the end of the episode. `flight` is what
     * was outstanding, in sequence numbers. */
    void (*reduce)(const struct congestion_call *call, enum congestion_reason reason,
                   uint32_t flight);
    /* Bytes a second to send at; 0: as fast as the window lets. */
    uint64_t (*pacing_rate)(const struct congestion_call *call);
};

/* The rate of an algorithm that is a window alone: a window each round trip and a share more, so
 * that the window and not the pacer decides (percent, in slow start and beyond it). */
static inline uint64_t congestion_window_rate(const struct congestion_call *call) {
    const struct congestion *congestion = call->congestion;
    if (!call->srtt)
        return 0;
    uint32_t percent = congestion->cwnd < congestion->ssthresh ? 200 : 120;
    return (uint64_t)congestion->cwnd * 10000 * percent / call->srtt;
}

#endif
