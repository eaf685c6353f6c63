/* tcp/recovery.h: what loss recovery remembers of a connection while it is active. */
#ifndef RILL_TCP_RECOVERY_H
#define RILL_TCP_RECOVERY_H

#include "tcp/congestion.h"

enum recovery_phase {
    RECOVERY_OPEN,     /* nothing is known to be lost */
    RECOVERY_REDUCING, /* a router has marked, or a probe repaired: cwnd comes down, nothing is lost
                        */
    RECOVERY_FAST,     /* loss found by ACKs (RFC 9937) */
    RECOVERY_TIMEOUT,  /* loss found by the retransmission timer: slow start (RFC 6298) */
};

enum recovery_probe {
    PROBE_NONE,
    PROBE_DUE,    /* the timer has expired: output sends one */
    PROBE_NEW,    /* new data are under way as a probe */
    PROBE_RESENT, /* the last segment is, again */
};

enum recovery_forward {
    FORWARD_NONE,
    FORWARD_FIRST, /* a timeout's resending is under way */
    FORWARD_NEW,   /* it is acknowledged: new data go before what is taken for lost */
};

struct recovery {
    /* rack.c: RFC 8985 §5.3 */
    rill_time rack_sent_at, rack_rtt; /* RACK.xmit_ts, RACK.rtt; the first is 0: none yet */
    rill_time reorder_at;             /* when the reordering window of something ends, or NEVER */
    rill_time min_since;              /* when the present one of the two below began */
    rill_seq rack_end;                /* RACK.end_seq */
    rill_seq fack;
    rill_seq dsack_round;   /* while `in_dsack_round` */
    uint32_t min_rtt[2];    /* us, of the present and the last span of time; 0: none */
    uint8_t window_factor;  /* RACK.reo_wnd_mult */
    uint8_t window_persist; /* RACK.reo_wnd_persist */
    bool reordering_seen, in_dsack_round;

    /* probe.c: RFC 8985 §7 */
    uint8_t probe;      /* enum recovery_probe */
    bool probe_allowed; /* an RTT sample has come since the last one */
    rill_seq probe_end; /* TLP.end_seq */
    rill_time probe_at; /* when the last probe timer ends, or NEVER */

    /* recovery.c: the episode */
    uint8_t phase;                               /* enum recovery_phase */
    uint8_t duplicate_acks;                      /* RFC 5681 §3.2, of a peer without SACK */
    uint32_t reno_sacked;                        /* bytes its duplicate ACKs stand for */
    rill_seq recover;                            /* snd_nxt when the episode began */
    rill_time reduced_at;                        /* when cwnd was last reduced */
    uint32_t prr_delivered, prr_out, prr_flight; /* RFC 9937 §6.1; prr_flight is RecoverFS */

    /* undo.c: what it was before the episode */
    struct congestion undo_congestion;
    struct congestion_recent undo_recent;
    rill_seq undo_una;       /* snd_una when it began */
    uint32_t undo_resent;    /* sequence numbers resent in it and not reported twice by the peer */
    uint32_t undo_timestamp; /* our TSval of the first resending */
    bool undo_possible, undo_stamped;
    uint8_t forward; /* enum recovery_forward: F-RTO (RFC 5682) watches the ACKs after a timeout */

    /* pacer.c */
    rill_time paced_until; /* when all that was sent would have gone at the pacer's rate */
    uint32_t pace_credit;  /* bytes that ACKs have made room for, and that may go at once */
    rill_time pace_at;     /* when the next packet may go */
};

#endif
