/* rill/tcp.h: TCP connections and listeners of a stack. No call blocks; none calls back. */
#ifndef RILL_TCP_H
#define RILL_TCP_H

#include <rill/base.h>
#include <rill/packet.h>
#include <rill/stack.h>

#ifdef __cplusplus
extern "C" {
#endif

/* RFC 9293 §3.3.2 */
enum rill_tcp_state {
    RILL_TCP_CLOSED,
    RILL_TCP_LISTEN,
    RILL_TCP_SYN_SENT,
    RILL_TCP_SYN_RECEIVED,
    RILL_TCP_ESTABLISHED,
    RILL_TCP_FIN_WAIT_1,
    RILL_TCP_FIN_WAIT_2,
    RILL_TCP_CLOSE_WAIT,
    RILL_TCP_CLOSING,
    RILL_TCP_LAST_ACK,
    RILL_TCP_TIME_WAIT,
};
RILL_API const char *rill_tcp_state_text(enum rill_tcp_state state);

struct rill_tcp_listen_config {
    size_t size;
    struct rill_endpoint local; /* address any: all of ours, both families */
    uint32_t backlog;           /* half-open and not yet accepted connections; default 4096 */
    bool deferred;              /* a SYN waits for the application's word (RILL_EVENT_SYN) */
    bool any_port;              /* takes every port no other listener has; local.port is ignored */
    uint8_t family;             /* enum rill_family: whose SYNs, where the address is any */
    uint32_t fast_open;         /* as rill_tcp_fast_open_set; default 0 */
    void *user;
};
RILL_API void rill_tcp_listen_config_default(struct rill_tcp_listen_config *config);

/* Passive open. Returns 0, RILL_ERROR_ARGUMENT, RILL_ERROR_ADDRESS_IN_USE,
 * RILL_ERROR_ADDRESS_NOT_AVAILABLE (not an address of ours), RILL_ERROR_STATE (no TCP in this
 * host), RILL_ERROR_LIMIT (65,536 listeners) or RILL_ERROR_MEMORY. */
RILL_API RILL_MUST_CHECK int rill_tcp_listen(struct rill_stack *stack,
                                             const struct rill_tcp_listen_config *config,
                                             rill_handle *out);

/* Takes the oldest connection of a listener. Returns 0, RILL_ERROR_AGAIN or RILL_ERROR_HANDLE. */
RILL_API RILL_MUST_CHECK int rill_tcp_accept(struct rill_stack *stack, rill_handle listener,
                                             rill_handle *out);

/* The oldest SYN a deferred listener has parked. It stays parked until one of the three calls
 * below, or for the time a SYN-ACK would be resent. Returns 0, RILL_ERROR_AGAIN or
 * RILL_ERROR_HANDLE. */
RILL_API RILL_MUST_CHECK int rill_tcp_pending(struct rill_stack *stack, rill_handle listener,
                                              rill_handle *out, struct rill_endpoint *local,
                                              struct rill_endpoint *remote);
/* Answers it with SYN-ACK, RST, or nothing. Return 0 or RILL_ERROR_HANDLE (it went away). */
RILL_API int rill_tcp_pending_accept(struct rill_stack *stack, rill_handle pending);
RILL_API int rill_tcp_pending_refuse(struct rill_stack *stack, rill_handle pending);
RILL_API int rill_tcp_pending_drop(struct rill_stack *stack, rill_handle pending);

/* Fast Open (RFC 7413): bytes that came with the SYN can be read, and an answer sent, before the
 * handshake ends. Whoever turns it on must bear that such bytes come twice (§6.1). Up to
 * `pending_max` connections may be in that state (and up to the backlog); 0 turns it off. Returns 0
 * or RILL_ERROR_HANDLE. */
RILL_API int rill_tcp_fast_open_set(struct rill_stack *stack, rill_handle listener,
                                    uint32_t pending_max);

/* The keys cookies are made with, 16 bytes each: of the host (`listener` 0), whose first one is
 * random, or of one listener (`count` 0: the host's again). The first of two makes cookies, both
 * are believed: so a key is replaced without refusing anybody. Returns 0, RILL_ERROR_ARGUMENT (more
 * than 2, or none for the host) or RILL_ERROR_HANDLE. */
RILL_API RILL_MUST_CHECK int rill_tcp_fast_open_keys(struct rill_stack *stack, rill_handle listener,
                                                     const uint8_t *keys, uint32_t count);

/* What the two have set: `keys` has room for two. Returns how many, or RILL_ERROR_HANDLE. */
RILL_API RILL_MUST_CHECK int rill_tcp_fast_open_get(struct rill_stack *stack, rill_handle listener,
                                                    uint32_t *pending_max, uint8_t keys[32]);

/* Of an active open: the SYN asks for a cookie, or shows it and carries bytes (RFC 7413). Only for
 * what may arrive twice (§6.1). */
enum rill_fast_open {
    RILL_FAST_OPEN_NEVER = 0,
    RILL_FAST_OPEN_TRY = 1, /* what rill_tcp_send is given before the next rill_output */
    /* The SYN waits for rill_tcp_send, if it may carry bytes at all (rill_tcp_info.syn_held); a
     * length of 0 lets it go without. */
    RILL_FAST_OPEN_HOLD = 2,
    RILL_FAST_OPEN_UNASKED = 4, /* or-ed: bytes without a cookie */
    RILL_FAST_OPEN_ALL = 7,
};

struct rill_tcp_connect_config {
    size_t size;
    struct rill_endpoint local; /* address any: chosen; port 0: a random one (RFC 6056) */
    struct rill_endpoint remote;
    uint32_t receive_buffer; /* bytes, fixed; 0: as the stack's config says */
    uint8_t fast_open;       /* enum rill_fast_open */
    void *user;
};
RILL_API void rill_tcp_connect_config_default(struct rill_tcp_connect_config *config);

/* Active open; RILL_EVENT_CONNECTED or RILL_EVENT_ERROR follows. Returns 0, RILL_ERROR_ARGUMENT,
 * RILL_ERROR_NO_ROUTE, RILL_ERROR_ADDRESS_IN_USE (that four-tuple is), RILL_ERROR_LIMIT,
 * RILL_ERROR_ADDRESS_NOT_AVAILABLE (local address not ours, or its ports to that remote socket are
 * used up) or RILL_ERROR_MEMORY. */
RILL_API RILL_MUST_CHECK int rill_tcp_connect(struct rill_stack *stack,
                                              const struct rill_tcp_connect_config *config,
                                              rill_handle *out);

/* Queues bytes, copying them. Returns how many (maybe fewer than asked), or RILL_ERROR_AGAIN (no
 * room; RILL_EVENT_WRITABLE follows), RILL_ERROR_CLOSED (after rill_tcp_shutdown),
 * RILL_ERROR_STATE (not connected yet), RILL_ERROR_HANDLE, or the error the connection ended with.
 * Before the SYN of a Fast Open has gone it takes as many as the SYN can carry. */
RILL_API RILL_MUST_CHECK int64_t rill_tcp_send(struct rill_stack *stack, rill_handle connection,
                                               const void *data, size_t length);

/* As rill_tcp_send, and more is to follow at once: a short segment at the end of these bytes waits
 * for it. It goes without when something is acknowledged, or after 200 ms and a round trip. */
RILL_API RILL_MUST_CHECK int64_t rill_tcp_send_more(struct rill_stack *stack,
                                                    rill_handle connection, const void *data,
                                                    size_t length);

/* The same as the first by reference: takes over the holds of the slices it takes. Returns the
 * number of slices taken, whole ones only, or an error as above, or RILL_ERROR_LIMIT: the first is
 * longer than 2^30 bytes or more than the stack's memory limit will ever let in. */
RILL_API RILL_MUST_CHECK int64_t rill_tcp_send_slices(struct rill_stack *stack,
                                                      rill_handle connection,
                                                      const struct rill_slice *slices,
                                                      size_t count);

/* Reads bytes in order, copying them. Returns how many, 0 at the end of the stream (the peer's
 * FIN), or RILL_ERROR_AGAIN, RILL_ERROR_HANDLE, RILL_ERROR_ARGUMENT (length 0), or the error the
 * connection ended with. */
RILL_API RILL_MUST_CHECK int64_t rill_tcp_receive(struct rill_stack *stack, rill_handle connection,
                                                  void *data, size_t length);

/* The same by reference: fills up to `max` slices whose holds become the caller's. Returns the
 * number of slices, 0 at the end of the stream, or an error as above. */
RILL_API RILL_MUST_CHECK int64_t rill_tcp_receive_slices(struct rill_stack *stack,
                                                         rill_handle connection,
                                                         struct rill_slice *slices, size_t max);

/* Half-close: FIN after all that was queued. Returns 0, RILL_ERROR_STATE, RILL_ERROR_HANDLE, or
 * RILL_ERROR_MEMORY (of a connection long idle: try again). */
RILL_API int rill_tcp_shutdown(struct rill_stack *stack, rill_handle connection);

/* Gives up the handle of a connection, listener or parked SYN. A connection is closed in both
 * directions: what is queued is still sent, then FIN; if received bytes were left unread, or more
 * arrive, the peer gets RST (RFC 2525 §2.17). Returns 0 or RILL_ERROR_HANDLE. */
RILL_API int rill_tcp_close(struct rill_stack *stack, rill_handle handle);

/* Gives up the handle, drops what is queued and sends RST. Returns 0 or RILL_ERROR_HANDLE. */
RILL_API int rill_tcp_abort(struct rill_stack *stack, rill_handle connection);

enum rill_tcp_option {
    RILL_TCP_OPTION_NODELAY,   /* 1: Nagle's algorithm off */
    RILL_TCP_OPTION_KEEPALIVE, /* 1: probes on an idle connection */
    /* bytes; from then on it does not follow the path. The window takes it as it can. */
    RILL_TCP_OPTION_RECEIVE_BUFFER,
    RILL_TCP_OPTION_SEND_BUFFER,        /* the same */
    RILL_TCP_OPTION_KEEPALIVE_IDLE,     /* seconds, 1 … 65535; 0: the stack's */
    RILL_TCP_OPTION_KEEPALIVE_INTERVAL, /* seconds, 1 … 65535; 0: the stack's */
    RILL_TCP_OPTION_KEEPALIVE_COUNT,    /* probes, 1 … 255; 0: the stack's */
    RILL_TCP_OPTION_HOP_LIMIT,          /* 1 … 255; 0: 64 */
    RILL_TCP_OPTION_TRAFFIC_CLASS,      /* DSCP and ECN, 0 … 255 */
    /* bytes, 88 … 65535: segments are no larger; lowers only. Of a listener: what its SYN-ACKs
     * announce; those already answered stay. */
    RILL_TCP_OPTION_MSS,
    /* 1: only full segments are sent. A short one goes when it is 0 again, when the connection is
     * shut down, when NODELAY is set anew, or when it has waited for 200 ms and a round trip. */
    RILL_TCP_OPTION_CORK,
    /* ms that bytes may stay unacknowledged, or unsent because the window is shut, before the
     * connection is given up (RFC 9293 §3.9.1.8): then it, and not the number of retries, decides.
     * It counts from the first resending or probe, as in Linux. A keepalive's probes too may go
     * unanswered so long. 0: the stack's retries. */
    RILL_TCP_OPTION_USER_TIMEOUT,
    RILL_TCP_OPTION_SYN_RETRIES, /* 1 … 127; 0: the stack's */
    /* Seconds that a closed connection may wait for the peer's FIN; 0: the stack's; UINT32_MAX: it
     * does not wait. */
    RILL_TCP_OPTION_FIN_WAIT_2,
    RILL_TCP_OPTION_WINDOW_CLAMP, /* bytes: the window offered is no larger; 0: the buffer's */
    RILL_TCP_OPTION_QUICK_ACKS,   /* 1: acknowledge at once for a while; 0: delay from now on */
    /* 1: the last byte queued up to now is urgent, and the peer is told so (RFC 9293 §3.8.5). RFC
     * 6093 advises new protocols against it. */
    RILL_TCP_OPTION_URGENT,
    RILL_TCP_OPTION_CONGESTION, /* 0: the stack's; n: number n - 1 of its congestion_more */
    /* Bytes queued and not yet sent at which nothing more is taken; there is room again, and
     * RILL_EVENT_WRITABLE, below half of it. So what is written last does not wait behind a whole
     * send buffer. A call that begins below it is taken as far as the buffer goes. 0: no such. */
    RILL_TCP_OPTION_UNSENT_LOW,
    /* Seconds, up to 1,966,020 (beyond 32,767 in whole minutes, rounded up): the peer is told that
     * its user timeout should be this, and may tell the same (RFC 5482). From then on, unless
     * USER_TIMEOUT is set, the connection is given up after the larger of both, within the limits
     * of the stack's config. Set before rill_output has sent the SYN it goes with that too. 0:
     * nothing is told, nor heard. */
    RILL_TCP_OPTION_USER_TIMEOUT_OFFER,
};
/* Returns 0, RILL_ERROR_ARGUMENT, RILL_ERROR_HANDLE or RILL_ERROR_MEMORY. */
RILL_API int rill_tcp_set_option(struct rill_stack *stack, rill_handle connection,
                                 enum rill_tcp_option option, uint32_t value);

/* What holds a connection: each nanosecond of its age is charged to exactly one of these. */
#define RILL_LIMITERS(X)                                                                           \
    X(RILL_LIMITER_HANDSHAKE, "handshake")             /* it is not established yet */             \
    X(RILL_LIMITER_APPLICATION, "application")         /* there is nothing to send */              \
    X(RILL_LIMITER_RECEIVER_WINDOW, "receiver_window") /* the peer takes no more for now */        \
    X(RILL_LIMITER_SLOW_START, "slow_start")           /* cwnd, below ssthresh */                  \
    X(RILL_LIMITER_AVOIDANCE, "avoidance")             /* cwnd, at or above ssthresh */            \
    X(RILL_LIMITER_PACING, "pacing")                   /* the pacer spreads the window */          \
    X(RILL_LIMITER_SEND_BUFFER, "send_buffer")         /* it is full, and all of it is sent */     \
    X(RILL_LIMITER_RECOVERY, "recovery")               /* loss is repaired */                      \
    X(RILL_LIMITER_RTO, "rto")                         /* after a retransmission timeout */        \
    X(RILL_LIMITER_PERSIST, "persist")                 /* the peer's window is shut */             \
    X(RILL_LIMITER_CLOSING, "closing")                 /* our FIN is sent */

enum rill_limiter {
#define RILL_LIMITER_ENUM(name, text) name,
    RILL_LIMITERS(RILL_LIMITER_ENUM)
#undef RILL_LIMITER_ENUM
        RILL_LIMITER_COUNT
};
RILL_API const char *rill_limiter_name(enum rill_limiter limiter);

struct rill_tcp_info {
    size_t size;
    enum rill_tcp_state state;
    int error; /* why it ended: 0 or an enum rill_error */
    struct rill_endpoint local, remote;
    uint16_t mss; /* largest segment we send */
    bool timestamps, sack, window_scaling, ecn;
    bool syn_data; /* bytes came or went with a SYN, and were taken (RFC 7413) */
    bool syn_held; /* our SYN waits for bytes */
    uint32_t cwnd, ssthresh, in_flight, send_window, receive_window; /* bytes */
    rill_time rtt, rtt_variance, rto;
    rill_time min_rtt;                    /* of the last minute or two; 0: not known */
    uint32_t send_queued, receive_queued; /* bytes */
    uint32_t send_unsent;                 /* bytes of the former that were never sent */
    /* Bytes to be read before the one that the peer's urgent pointer means (it is read like any
     * other, RFC 6093 §6); more than receive_queued: it has not come yet; UINT32_MAX: none. */
    uint32_t urgent_after;
    uint32_t send_buffer, receive_buffer; /* bytes there may be */
    /* Without progress for so long it is given up; 0: the number of retries decides. */
    rill_time user_timeout;
    uint32_t user_timeout_heard; /* s, what the peer has offered last; 0: nothing (RFC 5482) */
    /* 0 when the stack keeps no statistics; segments are counted as on the wire */
    uint64_t bytes_sent, bytes_received, bytes_resent;
    uint64_t segments_sent, segments_received, segments_resent;
    uint64_t duplicate_acks_sent, timeouts;
    uint64_t limited_ns[RILL_LIMITER_COUNT]; /* by enum rill_limiter; the sum is its age */
};
/* Returns 0 or RILL_ERROR_HANDLE. */
RILL_API RILL_MUST_CHECK int rill_tcp_get_info(struct rill_stack *stack, rill_handle connection,
                                               struct rill_tcp_info *info);

struct rill_tcp_bind_config {
    size_t size;
    struct rill_endpoint local; /* address any: all of ours; port 0: a random free one */
    uint8_t family;             /* enum rill_family, where the address is any */
    bool reuse;                 /* may share with others that say so, while none of them listens */
    bool foreign;               /* the address need not be ours (yet) */
    void *user;
};
RILL_API void rill_tcp_bind_config_default(struct rill_tcp_bind_config *config);

/* Takes a local socket without listening there yet. Unlike with rill_tcp_listen, "any" and one
 * address at the same port exclude each other. The handle is a listener's: rill_tcp_accept says
 * RILL_ERROR_AGAIN, rill_tcp_close gives it back. Returns 0, RILL_ERROR_ARGUMENT,
 * RILL_ERROR_ADDRESS_IN_USE, RILL_ERROR_ADDRESS_NOT_AVAILABLE (not an address of ours, or no port
 * is left), RILL_ERROR_STATE (no TCP in this host), RILL_ERROR_LIMIT or RILL_ERROR_MEMORY. */
RILL_API RILL_MUST_CHECK int rill_tcp_bind(struct rill_stack *stack,
                                           const struct rill_tcp_bind_config *config,
                                           rill_handle *out);

/* Listens where the handle is bound; of a listener it changes the backlog. Returns 0,
 * RILL_ERROR_ADDRESS_IN_USE (somebody it shares with listens), RILL_ERROR_ARGUMENT (backlog 0) or
 * RILL_ERROR_HANDLE. */
RILL_API RILL_MUST_CHECK int rill_tcp_bound_listen(struct rill_stack *stack, rill_handle bound,
                                                   uint32_t backlog);

/* Where a listener or a bound handle is. Returns 0 or RILL_ERROR_HANDLE. */
RILL_API RILL_MUST_CHECK int rill_tcp_bound_local(struct rill_stack *stack, rill_handle bound,
                                                  struct rill_endpoint *out);

/* The application reads no more than what is there: then reading says 0. What arrives is taken all
 * the same, until rill_tcp_shutdown too has been called: then it resets the connection (RFC 1122
 * §4.2.2.13). The peer is told nothing. Returns 0, RILL_ERROR_STATE or RILL_ERROR_HANDLE. */
RILL_API int rill_tcp_shutdown_read(struct rill_stack *stack, rill_handle connection);

/* Copies bytes as rill_tcp_receive does, but they stay to be read. Returns the same. */
RILL_API RILL_MUST_CHECK int64_t rill_tcp_peek(struct rill_stack *stack, rill_handle connection,
                                               void *data, size_t length);

/* Verifies every invariant of a connection. Returns null, or the one that is broken. */
RILL_API const char *rill_tcp_check(struct rill_stack *stack, rill_handle connection);

#ifdef __cplusplus
}
#endif
#endif
