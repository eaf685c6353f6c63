/* tcp/ack_summary.h: all that one arriving acknowledgement said, filled once while it is processed.
 *
 * It is the only thing that lies between ACK processing on one side and loss detection and
 * congestion control on the other: neither looks at the segment. */
#ifndef RILL_TCP_ACK_SUMMARY_H
#define RILL_TCP_ACK_SUMMARY_H

#include "tcp/rate.h"

struct ack_summary {
    rill_time now; /* arrival of the segment */
    rill_time rtt; /* a sample for RFC 6298, or RILL_TIME_NEVER */
    /* The transmission sent last among those it newly acknowledges or SACKs and whose sample is
     * beyond doubt (RFC 8985 §6.2, step 2); `rack_rtt` RILL_TIME_NEVER: there is none. */
    rill_time rack_sent_at, rack_rtt;
    rill_seq rack_end;
    rill_seq fack;            /* the highest number delivered so far, RFC 8985 §6.2 step 3 */
    rill_seq acknowledgement; /* SEG.ACK */
    rill_seq dsack_left, dsack_right; /* what came twice (RFC 2883); equal: nothing did */
    rill_seq recover;                 /* recovery.h, before this ACK */
    uint32_t echo;                    /* TSecr, if `echoed` */
    uint32_t min_rtt;                 /* us, before this ACK */
    uint32_t bytes_acked;             /* how far snd_una moved, SYN and FIN not counted */
    uint32_t delivered;          /* sequence numbers it newly acknowledges or SACKs (RFC 9937) */
    uint32_t delivered_segments; /* the same in segments, of a peer with SACK */
    uint32_t largest;            /* bytes of the largest segment among those snd_una moved over */
    uint32_t reordering; /* segments that something never resent was behind its successors; most */
    uint32_t newly_lost; /* sequence numbers loss detection has given up because of it */
    struct rate_sample rate;
    bool advanced;     /* snd_una moved */
    bool duplicate;    /* a duplicate ACK (RFC 5681 §2) */
    bool repeated;     /* so, but without blocks, and maybe of nothing in flight */
    bool cwnd_limited; /* what it acknowledges was sent while the window was in full use */
    bool echoed;       /* it has a timestamp to compare with */
    bool ece;          /* RFC 3168 §6.1.2 */
    bool sacked;       /* it SACKed something new */
    bool reordered;    /* something never resent was delivered behind its successors */
    bool resent_acked; /* snd_una moved over something that had been resent */
    bool original;     /* something never resent, of before the episode, was delivered */
    bool resent_lost;  /* a retransmission of after the last reduction is given up */
};

#endif
