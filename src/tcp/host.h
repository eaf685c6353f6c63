/* tcp/host.h: the TCP of one host, and what its files offer each other.
 *
 * Everything with a four-tuple stands in one table, `demux`, under one of three kinds; listeners
 * stand in `ports`. A function named after a file below belongs to that file. */
#ifndef RILL_TCP_HOST_H
#define RILL_TCP_HOST_H

#include "base/hash.h"
#include "base/seq.h"
#include "base/util.h"
#include "tcp/connection.h"
#include "tcp/extra.h"
#include "wire/tcp.h"

/* What a value in `demux` names: kind in the upper bits, slab index below. Also ip_source.kind. */
enum tcp_kind { TCP_KIND_CONNECTION = 0, TCP_KIND_HALF_OPEN = 1, TCP_KIND_TIME_WAIT = 2 };
#define TCP_KIND_SHIFT 28
#define TCP_INDEX_MASK ((1u << TCP_KIND_SHIFT) - 1)
#define TCP_NOT_FOUND UINT32_MAX

#define TCP_LISTENERS_MAX 65536u
#define TCP_PORT_TABLE 256 /* RFC 6056 §3.3.4 */

#define FAST_OPEN_COOKIE 8 /* bytes of a cookie of ours */
#define FAST_OPEN_KEYS 2

struct fast_open_keys {
    struct siphash_key key[FAST_OPEN_KEYS]; /* the first makes cookies, both are believed */
    uint8_t count;
};

/* In which form of the option the peer is given a cookie. */
enum fast_open_form { FAST_OPEN_NONE, FAST_OPEN_STANDARD, FAST_OPEN_EXPERIMENTAL };

/* A listener's pending Fast Open connections. fast_open.c */
struct fast_open_queue {
    struct fast_open_keys keys; /* count 0: the host's */
    uint32_t max;               /* 0: it has not asked for any */
    uint32_t pending;           /* whose handshake has not ended */
    uint32_t resets[2];    /* those reset meanwhile: of the present span of time and the last */
    rill_time reset_since; /* when the present one began */
};

struct listener {
    struct rill_endpoint local;
    uint32_t index;
    uint32_t backlog, half_open, accept_count;
    struct connection *accept_head, *accept_tail;
    struct half_open *parked_head, *parked_tail;
    struct fast_open_queue fast_open;
    struct event_node event;
    void *user;
    uint8_t family;          /* enum rill_family, where the address is any */
    bool deferred, any_port; /* listen.c */
    bool listening;          /* else only bound */
    bool reuse;              /* may share its port while nobody listens there */
    uint16_t mss_most;       /* its SYN-ACKs announce no more; 0: the interface's. tune.c */
};
_Static_assert(sizeof(struct listener) <= 256, "docs/architecture.md, table 2");

/* What a SYN leaves behind until its handshake ends. */
struct half_open {
    struct ip_source source;
    struct core_timer timer;
    struct tcp_key key;
    uint32_t index, tag, listener, listener_generation;
    rill_seq iss, irs;
    uint32_t ts_recent, ts_offset;
    uint32_t window;       /* the peer's, not scaled: in its SYN */
    uint16_t mss_most;     /* the listener's */
    uint16_t user_timeout; /* the peer's offer, as in its option */
    rill_time sent_at;     /* our SYN-ACK; 0: not yet, or more than once */
    struct challenge_limit challenges;
    struct half_open *next, *previous; /* in the listener's list of parked ones */
    uint16_t mss;                      /* the peer's */
    uint8_t snd_scale, rcv_scale;
    uint8_t flags; /* enum connection_flag: the options agreed on */
    uint8_t retries;
    uint8_t fast_open; /* enum fast_open_form: the SYN-ACK gives a cookie */
    bool parked, owes_syn_ack, resent;
    bool kept; /* in the table: not of a SYN cookie */
};
_Static_assert(sizeof(struct half_open) <= 192, "docs/architecture.md, table 2");

/* How far beyond the old connection's last number the next one of the same four-tuple begins. */
#define TIME_WAIT_GAP (65536u + 2)

/* What remains of a closed connection for TIME-WAIT. */
struct time_wait {
    struct core_timer timer;
    struct tcp_key key;
    uint32_t index, tag;
    rill_seq snd_nxt, rcv_nxt;
    uint32_t ts_recent, ts_offset;
    struct challenge_limit challenges;
    uint16_t window; /* as last advertised, on the wire */
    uint8_t interface;
    bool timestamps;
    uint32_t older, newer; /* by age; SLAB_NONE ends */
};
_Static_assert(sizeof(struct time_wait) <= 128, "docs/architecture.md, table 2");

/* What connections between two addresses leave to later ones. sharing.c */
struct shared {
    struct rill_address local, remote;
    uint16_t zone;
    uint16_t mss;          /* of its last SYN-ACK to a SYN that tried Fast Open; 0: none */
    uint32_t index;        /* in its slab */
    uint32_t older, newer; /* by use; SLAB_NONE ends */
    uint8_t cookie[WIRE_COOKIE_MAX];
    uint8_t cookie_length; /* 0: none known */
    uint8_t failures;      /* of Fast Open, in a row */
    bool experimental;     /* the cookie came in the option's older form */
    rill_time failed_at;
    uint32_t srtt, rttvar, ssthresh; /* as in struct connection; srtt 0: not known */
    rill_time measured_at;
};
_Static_assert(sizeof(struct shared) <= 128, "docs/architecture.md, table 2");

/* What SYN cookies are made with for a time. syn_cookie.c */
struct cookie_secret {
    struct siphash_key key;
    uint64_t epoch; /* 0: none yet */
};

struct plan;

struct tcp_host {
    struct core *core;
    struct ip_host *ip;
    struct rill_stack_config config;
    uint8_t transport; /* our index in the IP host */
    struct slab connections, actives, listeners, half_opens, time_waits, transmissions, extras;
    struct receive_slabs receive;
    struct hash demux, ports;
    uint32_t any_port; /* slab index of the listener for any port, or SLAB_NONE */
    uint32_t time_wait_oldest, time_wait_newest;
    struct connection *quiet_first, *quiet_last; /* idle.c */
    uint32_t quiet_count;
    uint32_t orphans; /* connections with CHOICE_CLOSED. close.c */
    struct core_timer quiet_timer;
    struct siphash_key hash_key, isn_key, port_key, timestamp_key;
    struct cookie_secret cookie_secrets[2]; /* by the parity of their epochs */
    uint64_t cookies_sent, cookies_accepted;
    struct fast_open_keys fast_open_keys;
    struct slab shared;
    struct hash shared_hash;
    uint32_t shared_oldest, shared_newest;
    uint32_t port_counters[TCP_PORT_TABLE];
};

/* One segment on its way in, header parsed and checksum verified. Sequence and payload are trimmed
 * to the window as the steps go on. */
struct tcp_segment {
    struct wire_tcp header;
    const struct ip_datagram *datagram;
    struct tcp_key key; /* as seen from here */
    rill_time arrival;
    rill_seq sequence;   /* of the first byte that is left (or of the SYN) */
    uint32_t payload;    /* bytes left */
    uint32_t payload_at; /* offset of the first in the packet */
    uint32_t segments;   /* as on the wire */
    uint32_t repeated;   /* bytes before `sequence` that had come before */
    bool nothing_left;   /* all of it had come before, or is beyond a shut window */
    uint8_t flags;       /* enum wire_tcp_flag, as trimmed */
};

/* demux.c */
uint32_t rill__demux_find(const struct tcp_host *host, const struct tcp_key *key);
/* What a key is filed under; it may be kept. */
uint32_t rill__demux_tag(const struct tcp_host *host, const struct tcp_key *key);
bool rill__demux_insert(struct tcp_host *host, uint32_t tag, enum tcp_kind kind, uint32_t index);
void rill__demux_remove(struct tcp_host *host, uint32_t tag, enum tcp_kind kind, uint32_t index);

/* What tells connections to one link-local address on two links apart; 0 for others. input.c */
uint16_t rill__tcp_zone(const struct ip_interface *interface, const struct tcp_key *key);

/* isn.c */
rill_seq rill__isn(const struct tcp_host *host, const struct tcp_key *key);
uint32_t rill__timestamp_offset(const struct tcp_host *host, const struct tcp_key *key);
/* Our timestamp clock: 1 ms a tick (RFC 7323 §5.4). */
uint32_t rill__timestamp_now(const struct tcp_host *host, uint32_t offset);

/* ports.c: fills in key->local_port. 0 or RILL_ERROR_ADDRESS_NOT_AVAILABLE. */
int rill__port_choose(struct tcp_host *host, struct tcp_key *key);

/* options.c: what a SYN offers, and what came of both sides' offers. */
uint16_t rill__mss_of_interface(const struct tcp_host *host, const struct ip_interface *interface,
                                const struct rill_address *remote);
uint16_t rill__mss_of_mtu(const struct tcp_host *host, uint32_t mtu,
                          const struct rill_address *remote);
/* The same of what the path is known to take: for what we send (RFC 8201 §4). */
uint16_t rill__mss_of_path(const struct tcp_host *host, const struct ip_interface *interface,
                           const struct rill_address *remote);
/* What a SYN without the option means. */
uint16_t rill__mss_default(const struct rill_address *remote);
uint8_t rill__receive_scale(const struct tcp_host *host, uint32_t receive_buffer_max);
/* The payload of a full segment, options counted (RFC 6691). */
uint32_t rill__payload_max(const struct connection *connection);

/* open.c */
struct connection *rill__connection_open(struct tcp_host *host, const struct tcp_key *key,
                                         struct ip_interface *interface);
bool rill__connection_activate(struct tcp_host *host, struct connection *connection);
/* Congestion control and loss recovery from their beginning. */
void rill__connection_begin(struct tcp_host *host, struct connection *connection);
void rill__connection_established(struct tcp_host *host, struct connection *connection);
/* RFC 6928, bytes. */
uint32_t rill__initial_window(const struct tcp_host *host, const struct connection *connection);
rill_handle rill__connection_handle(const struct tcp_host *host,
                                    const struct connection *connection);
/* The connection the application means, or null. */
struct connection *rill__connection_find(const struct tcp_host *host, rill_handle handle);

/* A peer that begins, or begins again after a pause, wants to hear of each segment: its window is
 * small, and of a lone answer the ACK would only come later, when the caches have forgotten. */
#define QUICK_ACKS 32

/* tune.c */
/* What the application has changed, or null. */
const struct extra *rill__extra(const struct tcp_host *host, const struct connection *connection);
/* The same, made if there is none; null: no memory. */
struct extra *rill__extra_open(struct tcp_host *host, struct connection *connection);
void rill__extra_free(struct tcp_host *host, struct connection *connection);
const struct rill_congestion_ops *rill__congestion_of(const struct tcp_host *host,
                                                      const struct connection *connection);

/* user_timeout.c */
/* How long nothing may move before a connection is given up; 0: the retries count. */
rill_time rill__user_timeout(const struct tcp_host *host, const struct connection *connection);
uint32_t rill__user_timeout_heard(const struct tcp_host *host, const struct connection *connection);
/* 0 or RILL_ERROR_MEMORY. */
int rill__user_timeout_offer(struct tcp_host *host, struct connection *connection,
                             uint32_t seconds);
/* What the host offers for every connection; `heard`: in the peer's SYN. */
void rill__user_timeout_opened(struct tcp_host *host, struct connection *connection,
                               uint16_t heard);
void rill__user_timeout_received(struct tcp_host *host, struct connection *connection,
                                 uint16_t value);
void rill__user_timeout_expired(const struct tcp_host *host, struct connection *connection);
void rill__user_timeout_syn(const struct tcp_host *host, const struct connection *connection,
                            struct wire_tcp *header);
uint16_t rill__user_timeout_of_listener(const struct tcp_host *host);
void rill__user_timeout_emit(struct tcp_host *host, struct connection *connection,
                             struct plan *plan, struct wire_tcp *header);

/* close.c */
/* The connection leaves the protocol: queues go, the handle stays if the application has it. */
void rill__connection_end(struct tcp_host *host, struct connection *connection, int error);
/* Frees the record and all that hangs on it; it stands in no table and no queue. */
void rill__connection_free(struct tcp_host *host, struct connection *connection);
/* Of one that has ended, only unread bytes are kept. */
void rill__connection_reduce(struct tcp_host *host, struct connection *connection);
void rill__connection_time_wait(struct tcp_host *host, struct connection *connection);
void rill__connection_reset(struct tcp_host *host, struct connection *connection,
                            enum rill_cause cause, int error);
/* Frees the active part if nothing is in it. */
void rill__connection_shrink(struct tcp_host *host, struct connection *connection);

/* bind.c: who has a local port. */
/* What a claim to a local socket asks for. */
struct port_claim {
    struct rill_endpoint local; /* port 0: a random free one is filled in */
    uint8_t family;             /* enum rill_family, where the address is any */
    bool reuse, foreign;        /* rill_tcp_bind_config */
    bool overlap; /* "any" and one address exclude each other; else only equal ones do */
    uint32_t self;
};
/* 0, RILL_ERROR_ADDRESS_IN_USE or RILL_ERROR_ADDRESS_NOT_AVAILABLE; settles `local`. */
int rill__port_claim(struct tcp_host *host, struct port_claim *claim);
/* A record for what was claimed. */
struct listener *rill__listener_open(struct tcp_host *host, const struct port_claim *claim);
void rill__listener_free(struct tcp_host *host, struct listener *listener);
/* The one listening exactly there, for a peer of that family; or null. */
struct listener *rill__listener_lookup(struct tcp_host *host, const struct rill_address *address,
                                       uint16_t port, uint8_t family);
struct listener *rill__listener_by_handle(struct tcp_host *host, rill_handle handle);
rill_handle rill__listener_handle(const struct tcp_host *host, const struct listener *listener);

/* listen.c */
struct listener *rill__listener_find(struct tcp_host *host, const struct tcp_key *key);
struct listener *rill__listener_at(struct tcp_host *host, uint32_t index, uint32_t generation);
void rill__listener_input(struct tcp_host *host, struct listener *listener,
                          struct tcp_segment *segment);
bool rill__listener_is_full(const struct tcp_host *host, const struct listener *listener);
/* A SYN: gives the record it has left, or null. */
struct half_open *rill__listener_syn(struct tcp_host *host, struct listener *listener,
                                     struct tcp_segment *segment);
void rill__listener_queue(struct tcp_host *host, struct listener *listener,
                          struct connection *connection);
void rill__listener_unqueue(struct tcp_host *host, struct connection *connection);

/* half_open.c */
void rill__half_open_input(struct tcp_host *host, struct half_open *half,
                           struct tcp_segment *segment);
struct half_open *rill__half_open_start(struct tcp_host *host, struct listener *listener,
                                        const struct tcp_segment *segment);
void rill__half_open_free(struct tcp_host *host, struct half_open *half);
/* What our SYN-ACK and the peer's SYN agree on, our number apart. */
void rill__half_open_fill(const struct tcp_host *host, struct half_open *half,
                          const struct tcp_segment *segment);
void rill__half_open_inherit(struct tcp_host *host, struct connection *connection,
                             const struct half_open *half);
struct wire_tcp rill__half_open_syn_ack(const struct tcp_host *host, const struct half_open *half,
                                        const struct ip_interface *interface);
/* The handshake's ACK has come: the record becomes a connection, and the segment goes on to it. */
void rill__half_open_establish(struct tcp_host *host, struct listener *listener,
                               struct half_open *half, struct tcp_segment *segment);
struct rill_packet *rill__half_open_output(struct tcp_host *host, struct half_open *half);
struct half_open *rill__half_open_find(struct tcp_host *host, rill_handle handle);
void rill__half_open_unpark(struct tcp_host *host, struct half_open *half);
void rill__half_open_answer(struct tcp_host *host, struct half_open *half);
rill_handle rill__half_open_handle(const struct tcp_host *host, const struct half_open *half);

/* syn_cookie.c */
/* Answers a SYN, and remembers nothing. */
void rill__syn_cookie_send(struct tcp_host *host, const struct tcp_segment *segment);
/* The ACK of such an answer: fills in the record there would have been. */
bool rill__syn_cookie_recall(struct tcp_host *host, const struct tcp_segment *segment,
                             struct half_open *half);

/* sharing.c */
struct shared *rill__shared(struct tcp_host *host, const struct tcp_key *key, bool make);
void rill__sharing_begin(struct tcp_host *host, struct connection *connection);
void rill__sharing_end(struct tcp_host *host, const struct connection *connection);

/* fast_open.c */
/* A SYN that may open a connection at once. False: it is one like any other. */
bool rill__fast_open_syn(struct tcp_host *host, struct listener *listener,
                         struct tcp_segment *segment);
/* Whether that other SYN is given a cookie: enum fast_open_form. */
uint8_t rill__fast_open_answer(const struct tcp_host *host, struct listener *listener,
                               const struct tcp_segment *segment);
/* Adds it to a SYN-ACK. False: there is none to give. */
bool rill__fast_open_cookie(struct tcp_host *host, const struct half_open *half,
                            struct wire_tcp *header);
bool rill__fast_open_cookie_again(struct tcp_host *host, const struct connection *connection,
                                  struct wire_tcp *header);
/* The connection is pending no more, if it was. */
void rill__fast_open_settled(struct tcp_host *host, struct connection *connection, bool reset);

/* fast_open_active.c */
/* `wanted`: enum rill_fast_open. */
void rill__fast_open_begin(struct tcp_host *host, struct connection *connection, uint8_t wanted);
/* In SYN-SENT: the SYN has not gone, and may carry bytes. */
bool rill__fast_open_may_queue(const struct connection *connection);
/* How many more. */
uint32_t rill__fast_open_room(struct tcp_host *host, const struct connection *connection);
/* The SYN waits no longer. */
void rill__fast_open_release(struct tcp_host *host, struct connection *connection);
void rill__fast_open_option(struct tcp_host *host, const struct connection *connection,
                            struct wire_tcp *header);
/* What the answer to our SYN says of it. */
void rill__fast_open_learn(struct tcp_host *host, struct connection *connection,
                           const struct tcp_segment *segment);
/* The retransmission timer has expired. */
void rill__fast_open_timeout(struct tcp_host *host, struct connection *connection);

/* time_wait.c */
bool rill__time_wait_start(struct tcp_host *host, const struct connection *connection);
void rill__time_wait_free(struct tcp_host *host, struct time_wait *record);
void rill__time_wait_input(struct tcp_host *host, struct time_wait *record,
                           struct tcp_segment *segment);

/* input.c */
void rill__tcp_input(void *transport, struct ip_datagram *datagram);
void rill__tcp_segment_arrives(struct tcp_host *host, struct connection *connection,
                               struct tcp_segment *segment);
void rill__tcp_no_socket(struct tcp_host *host, struct tcp_segment *segment);
void rill__tcp_drop(struct tcp_host *host, const struct connection *connection,
                    const struct tcp_segment *segment, enum rill_drop drop);
/* Tells the trace of a segment that is taken. */
void rill__tcp_received(struct tcp_host *host, const struct connection *connection,
                        const struct tcp_segment *segment);
/* Sequence numbers the segment occupies: payload, SYN, FIN. */
static inline uint32_t segment_span(const struct tcp_segment *segment) {
    return segment->payload + (segment->flags & WIRE_SYN ? 1 : 0) +
           (segment->flags & WIRE_FIN ? 1 : 0);
}
/* Owes an ACK of its own, not merged with others. */
void rill__owe_ack(struct tcp_host *host, struct connection *connection, enum rill_cause cause);
/* The same, and it says that [left, right) came twice (RFC 2883). */
void rill__owe_dsack(struct tcp_host *host, struct connection *connection, rill_seq left,
                     rill_seq right);
/* The same as the first, but only so many in a time. */
void rill__owe_limited(struct tcp_host *host, struct connection *connection, enum rill_cause cause);
void rill__owe_challenge(struct tcp_host *host, struct connection *connection);

/* challenge.c: whether one more may go; counts it. */
bool rill__challenge_allowed(const struct tcp_host *host, struct challenge_limit *limit);

/* input_syn.c: RFC 9293 §3.10.7.3 */
void rill__input_syn_sent(struct tcp_host *host, struct connection *connection,
                          struct tcp_segment *segment);

/* input_text.c: what of a SYN's segment comes after the SYN (RFC 9293 §3.10.7.3, fourth). */
void rill__input_behind_syn(struct tcp_host *host, struct connection *connection,
                            struct tcp_segment *segment);

/* input_ack.c: RFC 9293 §3.10.7.4, fifth. False: the segment goes no further. */
bool rill__input_ack(struct tcp_host *host, struct connection *connection,
                     struct tcp_segment *segment);
/* WRITABLE for a writer who has met a full buffer, once a good part of it is free. */
void rill__tell_writer(struct tcp_host *host, struct connection *connection);

/* input_icmp.c */
void rill__tcp_error(void *transport, const struct ip_error *error);

/* input_sack.c: the SACK blocks of an ACK. */
void rill__input_sack(struct tcp_host *host, struct connection *connection,
                      const struct tcp_segment *segment, struct ack_summary *summary);

/* input_text.c: seventh and eighth. False: the connection is gone. */
bool rill__input_text(struct tcp_host *host, struct connection *connection,
                      struct tcp_segment *segment);
bool rill__input_fin(struct tcp_host *host, struct connection *connection,
                     struct tcp_segment *segment);

/* recovery.c: what an ACK and a timeout mean for what is in flight. */
void rill__recovery_init(struct connection *connection);
void rill__recovery_acked(struct tcp_host *host, struct connection *connection,
                          struct ack_summary *summary);
void rill__recovery_timeout(struct tcp_host *host, struct connection *connection);
/* The reordering window of something has ended. */
void rill__recovery_reordered(struct tcp_host *host, struct connection *connection);
/* So many sequence numbers have been sent, new or again. */
void rill__recovery_sent(struct connection *connection, uint32_t span);
/* Nothing has been sent for longer than an RTO. */
void rill__recovery_rested(const struct tcp_host *host, struct connection *connection);
/* What is in flight will not arrive, and that says nothing of congestion: all of it goes again. */
void rill__recovery_resend_all(struct connection *connection);
/* Sequence numbers taken to be in flight. */
uint32_t rill__in_flight(const struct connection *connection);
struct congestion_call rill__congestion_call(const struct tcp_host *host,
                                             struct connection *connection);

/* rack.c: RFC 8985 §6 */
void rill__rack_init(struct connection *connection);
uint32_t rill__min_rtt(const struct connection *connection); /* us; 0: none known */
rill_time rill__rack_window(const struct tcp_host *host, const struct connection *connection);
void rill__rack_acked(struct connection *connection, const struct ack_summary *summary);
void rill__rack_detect(const struct tcp_host *host, struct connection *connection,
                       struct ack_summary *summary);
void rill__rack_timeout(const struct tcp_host *host, struct connection *connection);
void rill__rack_recovered(struct connection *connection);

/* probe.c: RFC 8985 §7 */
void rill__probe_schedule(struct tcp_host *host, struct connection *connection);
void rill__probe_expired(struct tcp_host *host, struct connection *connection);
void rill__probe_sent(struct connection *connection, bool resent);
bool rill__probe_acked(struct connection *connection, const struct ack_summary *summary);

/* undo.c: was the episode for nothing? */
void rill__undo_begin(struct connection *connection);
void rill__undo_resent(struct connection *connection, uint32_t span, uint32_t timestamp);
bool rill__undo_dsack(struct connection *connection, const struct ack_summary *summary);
bool rill__undo_echo(const struct connection *connection, const struct ack_summary *summary);
bool rill__undo_forward(struct connection *connection, const struct ack_summary *summary);
void rill__undo(struct connection *connection);

/* pacer.c */
void rill__pacer_acked(struct connection *connection, uint32_t delivered);
bool rill__pacer_holds(const struct tcp_host *host, const struct connection *connection);
/* How long a super-segment may be, bytes. */
uint32_t rill__pacer_piece(const struct tcp_host *host, struct connection *connection);
void rill__pacer_sent(const struct tcp_host *host, struct connection *connection, uint32_t bytes);

/* limiter.c: charges the time since the last call, and looks anew at what holds the connection. */
void rill__limiter_update(const struct tcp_host *host, struct connection *connection);
/* The retransmission timer has come round for the first time. */
void rill__limiter_timeout(const struct tcp_host *host, struct connection *connection);
void rill__limiter_stop(const struct tcp_host *host, struct connection *connection);
void rill__limiter_read(const struct connection_stats *stats, rill_time now,
                        uint64_t ns[RILL_LIMITER_COUNT]);

/* rate.c */
/* What goes with a transmission that is sent now. */
struct rate_mark rill__rate_sent(struct connection *connection, rill_time now);
void rill__rate_application_limited(struct connection *connection);
void rill__rate_acked(struct connection *connection, const struct ack_summary *summary);

/* count.c */
struct plan;
void rill__count_established(const struct tcp_host *host, struct connection *connection);
void rill__count_sent(const struct tcp_host *host, struct connection *connection,
                      const struct plan *plan, const struct rill_packet *packet);
void rill__count_received(struct connection *connection, const struct tcp_segment *segment);
void rill__count_text(const struct tcp_host *host, struct connection *connection,
                      const struct tcp_segment *segment, uint32_t bytes);
void rill__count_acked(const struct tcp_host *host, struct connection *connection,
                       const struct ack_summary *summary);
void rill__count_timeout(const struct tcp_host *host, struct connection *connection);
void rill__count_timeout_over(const struct tcp_host *host, struct connection *connection);

/* rtt.c: RFC 6298 */
void rill__rtt_sample(const struct tcp_host *host, struct connection *connection, rill_time rtt);
void rill__rtt_syn_resent(struct connection *connection);
rill_time rill__rto(const struct tcp_host *host, const struct connection *connection);

/* pmtud.c */
void rill__pmtud_established(struct tcp_host *host, struct connection *connection);
/* A router says that no more than `mss` passes. */
/* A router says so of what begins at `number`, which is in flight. */
void rill__pmtud_too_big(struct tcp_host *host, struct connection *connection, uint32_t mtu,
                         rill_seq number);
/* A timer has found that nothing moves. True: all goes again in smaller segments, since a router
 * has said that they are too large. */
bool rill__pmtud_stalled(struct tcp_host *host, struct connection *connection);
void rill__pmtud_timeout(struct tcp_host *host, struct connection *connection);
/* A larger segment of new data is to be tried now. */
bool rill__pmtud_plan(struct tcp_host *host, struct connection *connection, struct plan *plan);
void rill__pmtud_sent(struct tcp_host *host, struct connection *connection,
                      const struct plan *plan);
void rill__pmtud_acked(struct tcp_host *host, struct connection *connection,
                       const struct ack_summary *summary);
/* Loss detection has found something: if it is the probe alone, it is no loss. */
void rill__pmtud_lost(struct tcp_host *host, struct connection *connection,
                      struct ack_summary *summary);

/* urgent.c */
void rill__urgent_received(struct tcp_host *host, struct connection *connection,
                           const struct tcp_segment *segment);
/* Bytes to be read before the urgent one; UINT32_MAX: there is none. */
uint32_t rill__urgent_after(const struct connection *connection);
/* The last byte queued is urgent. */
void rill__urgent_mark(struct connection *connection);
/* What the segment says of it; a super-segment becomes one segment. */
void rill__urgent_emit(struct connection *connection, struct plan *plan, struct wire_tcp *header);

/* window.c */
uint32_t rill__receive_window(const struct connection *connection);
/* Bytes the buffer takes beyond rcv_nxt, promised or not. */
uint32_t rill__receive_space(const struct connection *connection);
/* The window field of a SYN. */
uint16_t rill__window_of_syn(const struct tcp_host *host, const struct connection *connection);
/* The window field of the next segment; moves rcv_adv. */
uint16_t rill__window_advertise(const struct tcp_host *host, struct connection *connection);
/* Whether the window has opened by enough to say so (RFC 9293 §3.8.6.2.2). */
bool rill__window_update_due(const struct tcp_host *host, const struct connection *connection);

/* buffers.c: the sizes of both buffers. */
/* Of a new connection's receive buffer: what it begins with, and what it may become. */
uint32_t rill__receive_buffer_initial(const struct tcp_host *host);
uint32_t rill__receive_buffer_most(const struct tcp_host *host);
void rill__buffers_open(const struct tcp_host *host, struct connection *connection);
/* The handshake took a round trip. */
void rill__buffers_handshake(struct connection *connection, rill_time rtt);
/* us; 0: not known to either direction. */
uint32_t rill__round_trip(const struct connection *connection);
/* A segment with data has come, and is not counted yet: does a round of reading begin with it? */
void rill__buffers_round(const struct tcp_host *host, struct connection *connection);
/* Bytes have come in order. */
void rill__buffers_arrived(const struct tcp_host *host, struct connection *connection,
                           const struct tcp_segment *segment);
/* The application has read so many. */
void rill__buffers_read(const struct tcp_host *host, struct connection *connection, size_t bytes);
/* The peer has acknowledged some. */
void rill__buffers_acked(const struct tcp_host *host, struct connection *connection);

/* timers.c: its interface is what happened. */
void rill__timers_sent(struct tcp_host *host, struct connection *connection);
void rill__timers_resent(struct tcp_host *host, struct connection *connection, bool first);
void rill__timers_acked(struct tcp_host *host, struct connection *connection);
void rill__timers_ack_delayed(struct tcp_host *host, struct connection *connection);
void rill__timers_ack_sent(struct connection *connection);
/* Nothing is in flight, and what waits does not go: for the window's sake, or a cork's. */
void rill__timers_blocked(struct tcp_host *host, struct connection *connection);
void rill__timers_probing(const struct tcp_host *host, struct connection *connection);
void rill__timers_window_opened(struct tcp_host *host, struct connection *connection);
void rill__timers_segment_accepted(struct tcp_host *host, struct connection *connection);
void rill__timers_orphaned_in_fin_wait_2(struct tcp_host *host, struct connection *connection);
void rill__timers_stopped(struct tcp_host *host, struct connection *connection);
/* Files the wheel entry at the earliest deadline; after any of the above. */
void rill__timers_file(struct tcp_host *host, struct connection *connection);
void rill__timers_expired(void *context, struct core_timer *timer);

/* idle.c: active parts that nothing needs. */
void rill__idle_init(struct tcp_host *host);
bool rill__connection_is_quiet(const struct connection *connection);
/* Nothing is under way any more. Another connection's active part may go for it. */
void rill__idle_quiet(struct tcp_host *host, struct connection *connection);
void rill__idle_leave(struct tcp_host *host, struct connection *connection);

/* output.c: what may be sent now, and why. */
struct plan {
    rill_seq sequence;
    uint32_t length;                  /* payload */
    uint8_t flags;                    /* enum wire_tcp_flag */
    uint8_t cause;                    /* enum rill_cause */
    bool probe;                       /* a tail loss probe */
    bool cwr;                         /* it says CWR. emit.c */
    bool mtu_probe;                   /* one segment larger than others. pmtud.c */
    struct transmission *record;      /* it lies in: being sent again; or null */
    rill_seq dsack_left, dsack_right; /* to be reported (RFC 2883); equal: nothing */
};
/* Less of it after all: then what came after its last byte is not in it. */
static inline void plan_shorten(struct plan *plan, uint32_t length) {
    if (length >= plan->length)
        return;
    plan->length = length;
    plan->mtu_probe = false;
    plan->flags &= (uint8_t) ~(WIRE_FIN | WIRE_PSH);
}
struct rill_packet *rill__tcp_output(void *transport, struct ip_source *source, size_t frames_max);
void rill__tcp_ready(struct tcp_host *host, struct connection *connection);
/* There are new data, and neither the peer's window nor Nagle's algorithm holds them back. */
bool rill__may_send_new(const struct connection *connection);
/* The number of a segment without data: snd_nxt, unless a probe or a shrunk window has taken that
 * beyond what the peer would accept. */
rill_seq rill__empty_sequence(const struct connection *connection);
/* What is queued goes now, full segments or not. */
void rill__output_flush(struct connection *connection);
/* A short segment waits because the application wants no such, and for no other reason. */
bool rill__held_by_cork(const struct connection *connection);
/* Bytes in the queue that have never been sent. */
uint32_t rill__unsent(const struct connection *connection);
/* The peer's window seen from `sequence`. */
uint32_t rill__window_from(const struct connection *connection, rill_seq sequence);
/* Bytes that the congestion window lets out now. */
uint32_t rill__congestion_room(const struct connection *connection);

/* ecn.c: RFC 3168; the flags and the traffic class of what is sent. */
/* What our SYN says of it. */
uint8_t rill__ecn_ask(const struct tcp_host *host, struct connection *connection);
/* Whether a SYN asks for it, and whether that or a SYN-ACK settles it. */
bool rill__ecn_asked(const struct tcp_segment *segment);
bool rill__ecn_agreed(const struct tcp_host *host, const struct connection *connection,
                      const struct tcp_segment *segment);
void rill__ecn_received(struct connection *connection, const struct tcp_segment *segment);
uint8_t rill__ecn_flags(const struct connection *connection, const struct plan *plan);
uint8_t rill__ecn_class(const struct connection *connection, const struct plan *plan);

/* emit.c */
struct rill_packet *rill__tcp_emit(struct tcp_host *host, struct connection *connection,
                                   struct plan *plan, rill_seq acknowledgement);
/* A segment without data that belongs to no connection: written at once, queued on the interface.
 */
struct tcp_control {
    const struct tcp_key *key; /* local is the sender */
    rill_seq sequence, acknowledgement;
    uint16_t window;
    uint8_t flags;
    bool timestamps;
    uint32_t timestamp_value, timestamp_echo;
    enum rill_cause cause;
};
void rill__tcp_control(struct tcp_host *host, struct ip_interface *interface,
                       const struct tcp_control *control);
/* The same of a whole header. */
void rill__tcp_reply(struct tcp_host *host, struct ip_interface *interface, struct wire_tcp *header,
                     const struct tcp_key *key, enum rill_cause cause);
struct rill_packet *rill__tcp_write(struct tcp_host *host, struct rill_packet *packet,
                                    struct wire_tcp *header, const struct tcp_key *key,
                                    struct ip_interface *interface, enum rill_cause cause,
                                    const struct connection *connection, uint8_t traffic_class);

/* check.c: null, or the invariant that is broken. */
const char *rill__connection_check(const struct tcp_host *host,
                                   const struct connection *connection);
/* Asserts them, if the config asks for it. Ends every call that touches a connection. */
void rill__connection_verify(const struct tcp_host *host, const struct connection *connection);

/* ready.c */
/* Bytes the send buffer still takes. */
uint32_t rill__send_room(const struct tcp_host *host, const struct connection *connection);
/* News for the application, if it has the handle. */
void rill__connection_raise(struct tcp_host *host, struct connection *connection, uint32_t bits);
uint32_t rill__tcp_ready_bits(void *transport, rill_handle handle);

static inline struct ip_interface *connection_interface(const struct tcp_host *host,
                                                        const struct connection *connection) {
    return host->ip->interfaces[connection->source.interface];
}

/* Seconds between keepalive probes, kept beside the event because the record is full: when the
 * first is due, and each other. 0: the stack's. */
static inline rill_time keepalive_idle(const struct tcp_host *host,
                                       const struct connection *connection) {
    uint16_t seconds = connection->event.owner[0];
    return seconds ? seconds * RILL_SECOND : host->config.keepalive_idle;
}

static inline rill_time keepalive_interval(const struct tcp_host *host,
                                           const struct connection *connection) {
    uint16_t seconds = connection->event.owner[1];
    return seconds ? seconds * RILL_SECOND : host->config.keepalive_interval;
}

/* Asked for and not sent yet: for lack of memory, or because output has not been called. */
static inline bool fin_is_owed(const struct connection *connection) {
    return (connection->flags & (CONNECTION_SHUTDOWN | CONNECTION_FIN_SENT)) == CONNECTION_SHUTDOWN;
}

/* SYN-RECEIVED, and the application may send already (RFC 7413 §4.2.2). */
static inline bool connection_is_early(const struct connection *connection) {
    return connection->state == RILL_TCP_SYN_RECEIVED && connection->active &&
           connection->active->fast_open & FAST_OPEN_EARLY;
}

/* RFC 9293 §3.10.7.4, sixth and seventh: the peer's FIN has come, or is not waited for. */
static inline bool state_is_past_text(uint8_t state) {
    return state != RILL_TCP_ESTABLISHED && state != RILL_TCP_FIN_WAIT_1 &&
           state != RILL_TCP_FIN_WAIT_2;
}

/* RFC 9293 §3.3.2: both sides know each other's numbers. */
static inline bool state_is_synchronized(uint8_t state) {
    return state >= RILL_TCP_ESTABLISHED;
}

#endif
