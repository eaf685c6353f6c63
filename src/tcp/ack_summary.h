/* tcp/ack_summary.h: all that one arriving acknowledgement said, filled once while it is processed.
 *
 * It is the only thing that lies between ACK processing on one side and loss detection and
 * congestion control on the other: neither looks at the segment. */
#ifndef RILL_TCP_ACK_SUMMARY_H
#define RILL_TCP_ACK_SUMMARY_H

#include <rill/base.h>

struct ack_summary {
    rill_time now; /* arrival of the segment */
    rill_time rtt; /* a sample, or RILL_TIME_NEVER */
    rill_seq acknowledgement;
    uint32_t bytes_acked;      /* how far snd_una moved, SYN and FIN not counted */
    uint32_t in_flight_before; /* bytes, before this ACK */
    uint32_t in_flight;        /* bytes, after it */
    bool advanced;             /* snd_una moved */
    bool duplicate;            /* a duplicate ACK (RFC 5681 §2) */
    bool cwnd_limited;         /* what it acknowledges was sent while the window was in full use */
    bool in_recovery;          /* before this ACK */
};

#endif
