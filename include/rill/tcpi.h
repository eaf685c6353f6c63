/* rill/tcpi.h: the state of a TCP connection in the field's words: struct tcp_info as Linux 6.18
 * has it, name by name and byte by byte, so that a program that reads the one reads the other.
 *
 * Segments where Linux counts packets, microseconds unless a field says otherwise, and the same
 * values of the enumerations. What rill has no counterpart of is 0, and is marked so. */
#ifndef RILL_TCPI_H
#define RILL_TCPI_H

#include <rill/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rill_stack;

enum rill_tcpi_state {
    RILL_TCPI_ESTABLISHED = 1,
    RILL_TCPI_SYN_SENT,
    RILL_TCPI_SYN_RECV,
    RILL_TCPI_FIN_WAIT1,
    RILL_TCPI_FIN_WAIT2,
    RILL_TCPI_TIME_WAIT, /* of a record of its own: the connection's handle says CLOSE by then */
    RILL_TCPI_CLOSE,
    RILL_TCPI_CLOSE_WAIT,
    RILL_TCPI_LAST_ACK,
    RILL_TCPI_LISTEN,
    RILL_TCPI_CLOSING,
};

enum rill_tcpi_ca_state {
    RILL_TCPI_CA_OPEN,
    RILL_TCPI_CA_DISORDER, /* something is SACKed, lost or sent twice, and nothing is reduced */
    RILL_TCPI_CA_CWR,      /* cwnd comes down, and nothing is lost */
    RILL_TCPI_CA_RECOVERY, /* loss found by ACKs */
    RILL_TCPI_CA_LOSS,     /* loss found by the retransmission timer */
};

enum rill_tcpi_option {
    RILL_TCPI_OPT_TIMESTAMPS = 1,
    RILL_TCPI_OPT_SACK = 2,
    RILL_TCPI_OPT_WSCALE = 4,
    RILL_TCPI_OPT_ECN = 8,       /* agreed on */
    RILL_TCPI_OPT_ECN_SEEN = 16, /* a packet with ECT has come */
    RILL_TCPI_OPT_SYN_DATA = 32, /* data in our SYN were acknowledged, or the peer's taken */
};

#define RILL_TCPI_SSTHRESH_INFINITE 0x7fffffffu

struct rill_tcpi {
    uint8_t tcpi_state;       /* enum rill_tcpi_state */
    uint8_t tcpi_ca_state;    /* enum rill_tcpi_ca_state */
    uint8_t tcpi_retransmits; /* timeouts in a row */
    uint8_t tcpi_probes;      /* of a shut window or a silent peer, not answered */
    uint8_t tcpi_backoff;     /* how often the timeout is doubled */
    uint8_t tcpi_options;     /* enum rill_tcpi_option */
    uint8_t tcpi_snd_wscale : 4, tcpi_rcv_wscale : 4;
    uint8_t tcpi_delivery_rate_app_limited : 1, tcpi_fastopen_client_fail : 2;

    uint32_t tcpi_rto;
    uint32_t tcpi_ato;                   /* how long an ACK may be delayed */
    uint32_t tcpi_snd_mss, tcpi_rcv_mss; /* bytes of payload */

    uint32_t tcpi_unacked; /* segments sent and not acknowledged; LISTEN: waiting to be accepted */
    uint32_t tcpi_sacked;  /* LISTEN: the backlog less one */
    uint32_t tcpi_lost;    /* taken for lost; also when sent again, until acknowledged */
    uint32_t tcpi_retrans; /* sent again and in flight */
    uint32_t tcpi_fackets; /* 0, as in Linux */

    uint32_t tcpi_last_data_sent; /* ms ago; the next three too */
    uint32_t tcpi_last_ack_sent;  /* 0, as in Linux */
    uint32_t tcpi_last_data_recv;
    uint32_t tcpi_last_ack_recv;

    uint32_t tcpi_pmtu;         /* bytes */
    uint32_t tcpi_rcv_ssthresh; /* bytes the window may grow to */
    uint32_t tcpi_rtt, tcpi_rttvar;
    uint32_t tcpi_snd_ssthresh; /* segments, or RILL_TCPI_SSTHRESH_INFINITE */
    uint32_t tcpi_snd_cwnd;     /* segments */
    uint32_t tcpi_advmss;       /* bytes: what we have announced */
    uint32_t tcpi_reordering;   /* segments: the farthest seen, at least 3 */

    uint32_t tcpi_rcv_rtt;   /* the receiver's estimate; 0: none */
    uint32_t tcpi_rcv_space; /* bytes */

    uint32_t tcpi_total_retrans; /* segments */

    uint64_t tcpi_pacing_rate;     /* bytes a second */
    uint64_t tcpi_max_pacing_rate; /* no limit is set: all ones */
    uint64_t tcpi_bytes_acked;     /* SYN (of an active open) and FIN count one each */
    uint64_t tcpi_bytes_received;  /* in order; FIN counts one */
    uint32_t tcpi_segs_out, tcpi_segs_in;

    uint32_t tcpi_notsent_bytes;
    uint32_t tcpi_min_rtt; /* of the last minutes; all ones: not known */
    uint32_t tcpi_data_segs_in, tcpi_data_segs_out;

    uint64_t tcpi_delivery_rate; /* bytes a second */

    uint64_t tcpi_busy_time; /* something was queued or in flight; the next two are a part of it */
    uint64_t tcpi_rwnd_limited;
    uint64_t tcpi_sndbuf_limited;

    uint32_t tcpi_delivered; /* segments, resent ones and SYN included */
    uint32_t tcpi_delivered_ce;

    uint64_t tcpi_bytes_sent; /* payload, resent bytes included */
    uint64_t tcpi_bytes_retrans;
    uint32_t tcpi_dsack_dups; /* segments that the peer says came twice */
    uint32_t tcpi_reord_seen; /* events */
    uint32_t tcpi_rcv_ooopack;
    uint32_t tcpi_snd_wnd; /* bytes; the next too */
    uint32_t tcpi_rcv_wnd;
    uint32_t tcpi_rehash; /* 0: no path is chosen by hash here */

    uint16_t tcpi_total_rto;
    uint16_t tcpi_total_rto_recoveries;
    uint32_t tcpi_total_rto_time; /* ms in them, of those that have ended */

    uint32_t tcpi_received_ce; /* segments */
    /* Of AccECN, which rill does not speak: 0. */
    uint32_t tcpi_delivered_e1_bytes, tcpi_delivered_e0_bytes, tcpi_delivered_ce_bytes;
    uint32_t tcpi_received_e1_bytes, tcpi_received_e0_bytes, tcpi_received_ce_bytes;
    uint16_t tcpi_accecn_fail_mode, tcpi_accecn_opt_seen;
};

/* Of a connection, a listener or a bound handle. What counts since the beginning is 0 when the
 * stack keeps no statistics. Returns 0 or RILL_ERROR_HANDLE: then `out` is what it is of a socket
 * that is neither. */
RILL_API RILL_MUST_CHECK int rill_tcp_get_tcpi(struct rill_stack *stack, rill_handle handle,
                                               struct rill_tcpi *out);

#ifdef __cplusplus
}
#endif
#endif
