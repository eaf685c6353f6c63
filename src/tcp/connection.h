/* tcp/connection.h: the state of one connection.
 *
 * Three parts, by how long they are needed. `struct connection` is what an idle connection must
 * remember: a hot half that every segment touches and a warm half, 256 bytes in all, four-tuple and
 * timer included. `struct active` exists while anything is queued, in flight or out of order, and
 * for a while after. `struct connection_stats` counts; it is the connection's tail in the slab, or
 * nowhere if the config switches it off.
 *
 * Names are RFC 9293 §3.3.1's where it has one. */
#ifndef RILL_TCP_CONNECTION_H
#define RILL_TCP_CONNECTION_H

#include "base/count48.h"
#include "ip/ip.h"
#include "tcp/rate.h"
#include "tcp/receive_queue.h"
#include "tcp/recovery.h"
#include "tcp/scoreboard.h"
#include "tcp/send_queue.h"
#include <rill/tcp.h>

/* A pair of sockets: what names a connection. No padding: it is hashed as bytes. */
struct tcp_key {
    struct rill_address local, remote;
    uint16_t local_port, remote_port;
    uint16_t zone; /* of link-local addresses: interface + 1; else 0 */
};
_Static_assert(sizeof(struct tcp_key) == 38, "compared as bytes");

enum connection_flag {
    CONNECTION_TIMESTAMPS = 1u << 0, /* agreed on, RFC 7323 §3.2 */
    CONNECTION_SACK = 1u << 1,       /* the peer takes SACK, RFC 2018 §2 */
    CONNECTION_SCALED = 1u << 2,     /* agreed on, RFC 7323 §2 */
    CONNECTION_NODELAY = 1u << 3,    /* Nagle's algorithm off */
    CONNECTION_KEEPALIVE = 1u << 4,
    CONNECTION_ORPHAN = 1u << 5,       /* the application has given up the handle */
    CONNECTION_SHUTDOWN = 1u << 6,     /* FIN follows the last queued byte */
    CONNECTION_FIN_SENT = 1u << 7,     /* it has a sequence number */
    CONNECTION_FIN_RECEIVED = 1u << 8, /* in order */
    CONNECTION_PASSIVE = 1u << 9,      /* opened by a SYN of the peer's */
    CONNECTION_QUEUED = 1u << 10,      /* waits in a listener's accept queue */
    CONNECTION_WANTS_WRITE = 1u << 11, /* the application met a full send buffer */
    CONNECTION_IN_DEMUX = 1u << 12,
    CONNECTION_FIN_SEEN = 1u << 13, /* maybe ahead of bytes that are missing */
    CONNECTION_COUNTED = 1u << 14,  /* statistics lie behind it */
    CONNECTION_DEAF = 1u << 15,     /* the application reads no more than what is there */
};

/* What output has to look for, beside the queues. */
enum connection_owes {
    OWES_ACK = 1, /* at once */
    OWES_WINDOW_UPDATE = 2,
    OWES_PROBE = 4, /* the persist timer expired */
    OWES_KEEPALIVE = 8,
    OWES_DELAYED = 16, /* the delayed-ACK timer expired */
};

/* What the application has asked for beside the flags. */
enum connection_choice {
    CHOICE_RECEIVE_BUFFER = 1, /* it stays as it is: buffers.c */
    CHOICE_SEND_BUFFER = 2,
    CHOICE_CLOSED = 8, /* it has closed, and is counted while there is something to send: close.c */
    CHOICE_CORK = 4,   /* only full segments, for the time being: output.c */
    CHOICE_UNSENT = 16, /* extra->unsent_low stops the writer: ready.c */
    FULL_ARRIVED = 32,  /* no choice: a segment as large as they are now has arrived. pmtud.c */
};

/* Of an active part: Fast Open, while the connection opens. fast_open.c, fast_open_active.c */
enum fast_open_flag {
    FAST_OPEN_EARLY = 1,     /* passive, pending: in use before the handshake ends */
    FAST_OPEN_TRIED = 2,     /* active: the application wants it */
    FAST_OPEN_OFFERED = 4,   /* the SYN has the option */
    FAST_OPEN_MAY_CARRY = 8, /* the SYN may carry bytes */
    FAST_OPEN_HELD = 16,     /* the SYN waits for them */
    FAST_OPEN_CARRIED = 32,  /* it has carried some */
};

/* How many challenge ACKs have gone in the present interval (RFC 5961 §7). challenge.c */
struct challenge_limit {
    uint32_t since; /* ms */
    uint8_t sent;
};

enum urgent_flag {
    URGENT_RECEIVED = 1, /* the peer has said which byte is */
    URGENT_SENDING = 2,  /* one of ours is not acknowledged */
};

#define TCP_DEBTS 4

/* Acknowledgements to be sent once each, with the number they had when they were owed. */
struct ack_debt {
    rill_seq acknowledgement;
    rill_seq dsack_left, dsack_right; /* what came twice (RFC 2883); equal: nothing did */
    uint8_t count;
    uint8_t cause; /* enum rill_cause */
};

struct active {
    struct send_queue send;
    struct receive_queue receive;
    struct scoreboard scoreboard;
    struct recovery recovery;
    struct congestion_recent congestion_recent;

    rill_time rto_at;        /* retransmission; RILL_TIME_NEVER: off. timers.c */
    rill_time persist_at;    /* timers.c */
    rill_time ack_at;        /* delayed ACK. timers.c */
    rill_time release_at;    /* when the pacer lets the next packet go, if one waits. output.c */
    rill_time retry_at;      /* there was no memory: look again. timers.c */
    rill_time sent_at;       /* the last bytes. output.c */
    rill_time received_at;   /* the last bytes; 0: none yet. input_text.c */
    rill_time quiet_until;   /* when this part may go. idle.c */
    rill_time moved_at;      /* the last new bytes went, or were acknowledged. limiter.c */
    rill_time stalled_since; /* when a timer came round and nothing had moved. timers.c */
    rill_time timeout_since; /* when the first timeout of those in a row was. count.c */

    struct rate rate;

    rill_time round_at;     /* when the present round of reading began. buffers.c */
    rill_time measured_at;  /* when what is below was noted */
    uint32_t measured;      /* an echo, or the right edge promised, that ends a round trip */
    uint32_t receive_rtt;   /* us, as the receiver sees it; 0: not known */
    uint32_t round_read;    /* bytes read in the present round */
    rill_seq round_arrived; /* a count of those that had arrived when it began */
    uint32_t round_before;  /* bytes read in the last one, and arrived in it */

    rill_seq iss, irs;
    rill_seq full_until;    /* snd_nxt when the congestion window was last in full use. output.c */
    rill_seq flight_until;  /* snd_nxt when the most was in flight, of the present window … */
    uint32_t flight_most;   /* … and how much that was, bytes. output.c */
    rill_seq small_until;   /* snd_nxt behind the last segment that was not full. output.c */
    rill_seq flushed;       /* up to here nothing waits for a full segment. output.c */
    rill_seq fin_at;        /* sequence number of the peer's FIN, once seen. input_text.c */
    rill_seq urgent_byte;   /* of the peer's. urgent.c */
    rill_seq snd_up;        /* RFC 9293 §3.3.1: behind the urgent byte of ours. urgent.c */
    uint32_t unacked;       /* bytes received in order and not acknowledged. input_text.c */
    uint16_t mss_announced; /* in our SYN; 0: not known any more. output.c, half_open.c */
    uint32_t receive_mss;   /* largest payload seen, to tell full segments. input_text.c */
    uint8_t retries;        /* expiries without progress. timers.c */
    uint8_t backoff;        /* RTO is doubled so often. timers.c */
    uint8_t quick_acks;     /* segments still to be acknowledged at once. input_text.c */
    struct challenge_limit challenges;
    bool more;       /* the last bytes queued are followed by others, so was said. transfer.c */
    bool more_holds; /* and a short segment still waits for them */
    uint8_t probing; /* a timer has sent into the shut window */
    uint8_t debt_count;
    uint8_t urgent;                /* enum urgent_flag */
    uint8_t keepalives;            /* probes without answer. timers.c */
    uint8_t fast_open;             /* enum fast_open_flag */
    uint8_t fast_open_form;        /* enum fast_open_form: the SYN-ACK gives a cookie */
    uint32_t fast_open_generation; /* of the listener */
    struct ack_debt debts[TCP_DEBTS];
    uint32_t listener;                  /* slab index of the listener whose queue it stands in */
    struct connection *next, *previous; /* in the listener's queue, or among the quiet. idle.c */
    bool quiet_listed;
    uint32_t index; /* in its slab */
};
_Static_assert(sizeof(struct active) <= 896, "docs/architecture.md, table 2");

/* Of an ip_source's owner: bytes came or went with a SYN and were taken (RFC 7413). */
#define TCP_SYN_DATA 16u

/* Of an ip_source's owner: explicit congestion notification. ecn.c */
enum ecn_flag {
    ECN_AGREED = 1,  /* in the handshake */
    ECN_ECHO = 2,    /* a mark has come: ECE until CWR comes */
    ECN_REDUCED = 4, /* an ECE has come: CWR is to be said */
    ECN_ASKED = 8,   /* our SYN has asked */
};

/* What a sender with something queued or in flight is doing; in the words of tcpi. limiter.c */
enum sender_chrono {
    CHRONO_BUSY,
    CHRONO_RECEIVER_WINDOW,
    CHRONO_SEND_BUFFER,
    CHRONO_NONE, /* nothing is queued, nor in flight */
    CHRONO_COUNT = CHRONO_NONE
};

struct connection_stats {
    rill_time since; /* up to then all time is charged. limiter.c */
    rill_time opened_at;
    uint32_t segments_resent, duplicate_acks_sent;
    /* Segments. count.c */
    uint32_t data_segments_sent, data_segments_received, out_of_order_segments, marked_segments;
    uint32_t delivered, delivered_marked; /* acknowledged or SACKed; the latter with ECE */
    uint32_t twice_segments;              /* as the peer's DSACKs say */
    uint32_t reorderings;                 /* times that reordering was seen */
    uint32_t data_sent_ms, data_received_ms, ack_received_ms; /* when the last one was. count.c */
    uint32_t timeout_ms;                                      /* in episodes of timeout. count.c */
    uint32_t rate;       /* of delivery, bytes a second, that or more; 0: not known. rate.c */
    uint16_t reordering; /* segments, the farthest; 0: none was seen */
    uint16_t timeouts, timeout_episodes;
    uint8_t limiter : 4; /* enum rill_limiter, or RILL_LIMITER_COUNT: it has ended */
    uint8_t chrono : 2;  /* enum sender_chrono */
    /* The rate is of a time in which the application had nothing to send. */
    uint8_t rate_limited : 1;
    uint8_t ect_seen : 1; /* a packet that could have been marked has come */
    struct count48 bytes_sent, bytes_received, bytes_resent;
    struct count48 segments_sent, segments_received;
    /* ns of each limiter, up to 78 hours; the application's is what is left of the age. */
    struct count48 limited[RILL_LIMITER_COUNT - 1];
    struct count48 chronos[CHRONO_COUNT]; /* ns of each */
};
_Static_assert(sizeof(struct connection_stats) <= 192, "docs/architecture.md, table 2");

struct connection {
    /* hot: what every segment touches */
    struct ip_source source;
    struct tcp_key key;
    uint16_t mss;           /* the most payload and options the peer takes, RFC 6691 */
    uint32_t index;         /* in its slab */
    rill_seq snd_una;       /* oldest not acknowledged */
    rill_seq snd_nxt;       /* next to send for the first time */
    uint32_t snd_wnd;       /* bytes, as the peer last said, scaled */
    rill_seq snd_wl1;       /* sequence number of that segment */
    rill_seq rcv_nxt;       /* next expected */
    rill_seq rcv_adv;       /* right edge of what we have promised; never moves back */
    rill_seq last_ack_sent; /* RFC 7323 §4.3 */
    uint32_t ts_recent;     /* RFC 7323 §4.3 */
    uint32_t ts_offset;     /* of our timestamps, by pair of addresses */
    uint8_t snd_scale, rcv_scale;
    uint16_t flags;          /* enum connection_flag */
    uint8_t state;           /* enum rill_tcp_state */
    uint8_t owes;            /* enum connection_owes */
    int8_t error;            /* enum rill_error: why it ended */
    uint8_t hop_limit;       /* of what we send; 0: 64. info.c */
    uint8_t traffic_class;   /* of what we send. info.c */
    uint8_t keepalive_count; /* 0: the stack's. info.c */
    uint8_t choices;         /* enum connection_choice */
    uint32_t tag;            /* the key's hash. demux.c */
    struct active *active;   /* may be null while idle */

    /* warm */
    struct core_timer timer; /* filed at the earliest deadline of all. timers.c */
    struct event_node event;
    void *user;
    rill_time keepalive_at; /* keepalive, or the end of an orphan's FIN-WAIT-2. timers.c */
    struct congestion congestion;
    uint32_t srtt;                        /* us * 8, 0: no sample yet. rtt.c */
    uint32_t rttvar;                      /* us * 4; of a resent SYN's RTO while srtt is 0. rtt.c */
    uint32_t receive_buffer, send_buffer; /* bytes. buffers.c */
    uint32_t snd_wnd_max;                 /* largest window seen, RFC 9293 §3.8.6.2.1 */
    uint32_t receive_time;                /* s, when the last segment was accepted */
    uint32_t extra;                       /* slab index, or SLAB_NONE. tune.c */
};
_Static_assert(offsetof(struct connection, timer) <= 128, "the hot half: two cache lines");
_Static_assert(sizeof(struct connection) <= 256, "docs/architecture.md, table 2");

/* Null: none are kept. */
static inline struct connection_stats *connection_stats(const struct connection *connection) {
    if (!(connection->flags & CONNECTION_COUNTED))
        return 0;
    return (struct connection_stats *)slab_tail(connection, connection->index, sizeof *connection,
                                                sizeof(struct connection_stats));
}

#endif
