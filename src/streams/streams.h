/* streams/streams.h: packets of a capture in, connections out: told apart, measured, and with every
 * nanosecond charged to what held them. The interface of this folder.
 *
 * The caller brings frames in the order of time, and gets each connection once, when it can no
 * longer change: at its end and a while after, when memory is short, or when the input ends. Memory
 * is bounded by the config; what is given up for it is counted. */
#ifndef RILL_STREAMS_STREAMS_H
#define RILL_STREAMS_STREAMS_H

#include "streams/packet.h"
#include "streams/scope.h"

/* name in JSON: what held a connection. */
#define STREAMS_BLAMES(X)                                                                          \
    X(HANDSHAKE, "handshake")                                                                      \
    X(CLIENT, "client_application")                                                                \
    X(SERVER, "server_application")                                                                \
    X(SENDER_WINDOW, "sender_window")                                                              \
    X(RECEIVER_WINDOW, "receiver_window")                                                          \
    X(LOSS, "network_loss")                                                                        \
    X(QUEUE, "network_queue")                                                                      \
    X(DISTANCE, "network_distance")                                                                \
    X(CLOSING, "closing")                                                                          \
    X(IDLE, "idle")                                                                                \
    X(UNKNOWN, "unknown")

enum streams_blame {
#define STREAMS_BLAME_ENUM(name, text) STREAMS_BLAME_##name,
    STREAMS_BLAMES(STREAMS_BLAME_ENUM)
#undef STREAMS_BLAME_ENUM
        STREAMS_BLAME_COUNT
};
const char *rill__streams_blame_text(enum streams_blame blame);

#define STREAMS_STATES(X)                                                                          \
    X(ATTEMPTED, "attempted") /* a SYN, and no answer */                                           \
    X(REFUSED, "refused")     /* answered with RST */                                              \
    X(REJECTED, "rejected")   /* answered with an ACK of something else */                         \
    X(OPEN, "open")                                                                                \
    X(CLOSING, "closing") /* one FIN */                                                            \
    X(CLOSED, "closed")   /* a FIN from each side */                                               \
    X(RESET, "reset")                                                                              \
    X(MIDSTREAM, "midstream") /* open, and its beginning is not in the capture */

enum streams_state {
#define STREAMS_STATE_ENUM(name, text) STREAMS_STATE_##name,
    STREAMS_STATES(STREAMS_STATE_ENUM)
#undef STREAMS_STATE_ENUM
        STREAMS_STATE_COUNT
};
const char *rill__streams_state_text(enum streams_state state);

enum streams_handshake {
    STREAMS_HANDSHAKE_NONE,
    STREAMS_HANDSHAKE_PARTLY,
    STREAMS_HANDSHAKE_WHOLE
};
enum streams_closed_by {
    STREAMS_CLOSED_BY_NOBODY,
    STREAMS_CLOSED_BY_CLIENT,
    STREAMS_CLOSED_BY_SERVER,
    STREAMS_CLOSED_BY_BOTH,
    STREAMS_RESET_BY_CLIENT,
    STREAMS_RESET_BY_SERVER,
};
enum streams_tap {
    STREAMS_TAP_UNKNOWN,
    STREAMS_TAP_CLIENT,
    STREAMS_TAP_SERVER,
    STREAMS_TAP_MIDDLE
};

#define STREAMS_UNKNOWN UINT64_MAX /* a number that is not in the capture */

/* What one side sent. Every member is a uint64_t, so that a connection can be kept as a row of
 * them.
 */
struct streams_side {
    uint64_t port;
    uint64_t packets;
    uint64_t bytes;         /* different bytes of the stream that are in the capture */
    uint64_t payload_bytes; /* with those that came more than once */
    uint64_t data_segments;
    uint64_t resent_segments, resent_bytes; /* bytes seen before */
    uint64_t spurious_segments;             /* of these, those whose bytes had already arrived */
    uint64_t repaired_segments;             /* fill a hole that was a loss before the tap */
    uint64_t lost_segments;                 /* passed the tap, did not arrive, were sent again */
    uint64_t lost_bytes;                    /* never acknowledged */
    uint64_t reordered_segments;
    uint64_t duplicate_sightings; /* the same packet once more, at another place or mirrored */
    uint64_t missing_bytes;       /* acknowledged, and not in the capture */
    uint64_t conflicting_bytes;   /* sent again with other contents */
    uint64_t uncompared_bytes;    /* sent again, and the first copy could not be read any more */
    uint64_t zero_windows, window_probes, keepalives;
    uint64_t cut_bytes;              /* not in the file because packets were cut off */
    uint64_t mss, window_scale, isn; /* STREAMS_UNKNOWN without its SYN */
    uint64_t syn_bytes;              /* bytes its SYN carried (RFC 7413) */
    uint64_t rtt_min;                /* from its packets at the tap to their answers; or unknown */
    uint64_t window_max;
    uint64_t flight_max;     /* bytes sent and not acknowledged, as the tap sees it */
    uint64_t given_up_holes; /* holes forgotten because there were too many */
};

struct streams_connection {
    uint64_t number;      /* from 0, in the order in which they begin */
    uint64_t incarnation; /* the how manyth of its four-tuple, from 1 */
    uint64_t scope;
    uint64_t addresses[2][2]; /* of client and server: the 16 bytes of each */
    uint64_t start, duration;
    uint64_t first_frame, last_frame;
    uint64_t first_record; /* streams_frame.record of the first */
    uint64_t state;        /* enum streams_state */
    uint64_t handshake;    /* enum streams_handshake */
    uint64_t closed_by;    /* enum streams_closed_by */
    uint64_t tap;          /* enum streams_tap */
    uint64_t sack, timestamps, ipv6;
    uint64_t rejected_syns, icmp_errors;
    uint64_t given_up;     /* ended because memory was short, not because it was over */
    uint64_t completeness; /* Wireshark's: SYN 1, SYN/ACK 2, ACK 4, data 8, FIN 16, RST 32 */
    uint64_t rtt_min, rtt_median, rtt_p99; /* of the whole path; or unknown */
    uint64_t handshake_rtt;
    uint64_t blame[STREAMS_BLAME_COUNT];    /* ns; their sum is the duration */
    uint64_t evidence[STREAMS_BLAME_COUNT]; /* the frame before the longest time in each, or 0 */
    struct streams_side sides[2];           /* client, server */
};

/* Things that happened, for who asks about one connection. */
#define STREAMS_EVENTS(X)                                                                          \
    X(RESENT, "resent")       /* bytes seen before; `other` is not known */                        \
    X(SPURIOUS, "spurious")   /* these had arrived the first time */                               \
    X(REORDERED, "reordered") /* came late, was not sent again */                                  \
    X(REPAIRED, "repaired")   /* fills a hole: it was lost before the tap */                       \
    X(HOLE, "hole")           /* bytes left out, so far */                                         \
    X(MISSING, "missing")     /* acknowledged, never in the capture */                             \
    X(LOST, "lost")           /* never in the capture, never acknowledged */                       \
    X(SECOND_SIGHTING, "second_sighting")                                                          \
    X(CONFLICT, "conflict")                                                                        \
    X(ZERO_WINDOW, "zero_window")                                                                  \
    X(WINDOW_PROBE, "window_probe")                                                                \
    X(KEEPALIVE, "keepalive")                                                                      \
    X(REJECTED_SYN, "rejected_syn")                                                                \
    X(SYN_RESENT, "syn_resent")                                                                    \
    X(FIN_RESENT, "fin_resent")                                                                    \
    X(ICMP_ERROR, "icmp_error")                                                                    \
    X(STALL, "stall") /* silence of more than 2 RTT and 10 ms, with what held it */

enum streams_event_kind {
#define STREAMS_EVENT_ENUM(name, text) STREAMS_EVENT_##name,
    STREAMS_EVENTS(STREAMS_EVENT_ENUM)
#undef STREAMS_EVENT_ENUM
        STREAMS_EVENT_COUNT
};
const char *rill__streams_event_text(enum streams_event_kind kind);

/* Why a label was given. */
#define STREAMS_EVIDENCES(X)                                                                       \
    X(BYTES, "the bytes were seen before")                                                         \
    X(TIMESTAMP_OLDER, "its timestamp is older than that of the segment after the hole")           \
    X(TIMESTAMP_NEWER, "its timestamp is newer than that of the segment after the hole")           \
    X(ID_OLDER, "its IP id comes before that of the segment after the hole")                       \
    X(ID_NEWER, "its IP id comes after that of the segment after the hole")                        \
    X(TOO_SOON, "it came sooner than half a round trip after the hole showed")                     \
    X(NO_COMPLAINT, "the receiver had not complained of the hole")                                 \
    X(COMPLAINT, "the receiver had complained of the hole")                                        \
    X(ACKED_BEFORE, "it was acknowledged before it came")                                          \
    X(DSACK, "the receiver said it came twice (DSACK)")                                            \
    X(ACKED, "acknowledged")                                                                       \
    X(NEVER_ACKED, "never acknowledged")                                                           \
    X(OTHER_PLACE, "the same packet on another interface, VLAN or hop")                            \
    X(SAME_PLACE, "the same packet within a millisecond")                                          \
    X(WINDOW_CLOSED, "the receiver's window was closed")                                           \
    X(HEADERS, "by its headers")

enum streams_evidence {
#define STREAMS_EVIDENCE_ENUM(name, text) STREAMS_EVIDENCE_##name,
    STREAMS_EVIDENCES(STREAMS_EVIDENCE_ENUM)
#undef STREAMS_EVIDENCE_ENUM
        STREAMS_EVIDENCE_COUNT
};
const char *rill__streams_evidence_text(enum streams_evidence evidence);

struct streams_event {
    uint64_t connection; /* its number */
    uint64_t frame;
    rill_time when;
    enum streams_event_kind kind;
    enum streams_evidence evidence;
    bool sure;                 /* else likely */
    uint8_t side;              /* who sent the bytes it is about: 0 client, 1 server */
    uint64_t position, length; /* in the stream, from 0; bytes */
    uint64_t duration;         /* STALL: ns */
    enum streams_blame blame;  /* STALL */
};

/* A segment of a connection, as it was taken. */
struct streams_segment {
    uint64_t connection;
    uint8_t side;
    const struct streams_packet *packet;
    int64_t position; /* of the payload in the side's stream; the first byte is 0 */
    uint64_t from,
        first;       /* the same without the wrap: of its payload, and of the first byte known */
    bool known;      /* `first` means something */
    bool begins;     /* nothing comes before `first` */
    int64_t acked;   /* position in the other side's stream that it acknowledges */
    uint64_t window; /* bytes it offers, scaled if the scale is known */
    bool second_sighting;
    /* Of the segment itself and of its acknowledgement, without the wrap: the lower halves are the
     * numbers on the wire. */
    uint64_t sequence, acknowledgement;
    bool sequence_known, acknowledgement_known;
    uint32_t labels; /* bit per enum streams_event_kind that this segment was given */
    const uint64_t
        *blame; /* the account up to here, which later packets may correct; null: none yet */
};

#define STREAMS_AWAKE_NONE UINT32_MAX
struct streams_config {
    struct rill_allocator allocator;
    uint64_t seed[2];      /* keys the hash tables; nothing else depends on it */
    uint64_t memory_max;   /* bytes for open and closed connections; 0: no bound */
    uint32_t awake_max;    /* connections that are not packed while they are silent; 0: 32,768;
                            * STREAMS_AWAKE_NONE */
    rill_time idle_split;  /* a connection silent for so long is over; 0: never */
    rill_time kept_closed; /* what is over is kept for late packets; 0: 60 s */
    bool frames_stay;      /* a frame's bytes stay until rill__streams_settle: faster */
    const struct streams_connection
        *only;              /* of these two endpoints alone; its number comes first */
    uint32_t shard, shards; /* only connections whose hash falls there; shards 0: all */
    void *context;
    /* Each connection, once. */
    void (*connection)(void *context, const struct streams_connection *connection);
    /* May be null. */
    void (*event)(void *context, const struct streams_event *event);
    void (*segment)(void *context, const struct streams_segment *segment);
    /* `length` bytes at `offset` of the source, valid until the next call; null: not to be had. May
     * be null: then what is sent again cannot be compared. */
    const uint8_t *(*read)(void *context, uint64_t offset, uint32_t length);
};

struct streams_totals {
    uint64_t frames, tcp_packets, connections;
    uint64_t not_tcp, unknown_link, bad_headers, cut_headers;
    uint64_t fragments, fragments_given_up, fragments_waiting;
    uint64_t cut_payloads, offload_frames, clock_steps;
    uint64_t connections_given_up, holes_given_up, out_of_memory;
    uint64_t icmp_errors, other_shards;
    uint64_t memory; /* bytes held */
};

struct streams;

/* Null without memory. */
struct streams *rill__streams_open(const struct streams_config *config);
void rill__streams_close(struct streams *streams);

void rill__streams_frame(struct streams *streams, const struct streams_frame *frame);
/* It is `now`, and all that passed before was brought: what has been over for long enough is handed
 * out though no packet comes. */
void rill__streams_advance(struct streams *streams, rill_time now);
/* Each connection that was not handed out yet, as it stands: time since its last packet is
 * nobody's, and its holes are not judged. */
void rill__streams_glance(const struct streams *streams, void *context,
                          void (*each)(void *context, const struct streams_connection *connection));
/* Before bytes of frames go that were promised to stay. */
void rill__streams_settle(struct streams *streams);
/* The input has ended: hands out every connection left, in the order of their numbers. */
void rill__streams_finish(struct streams *streams);

void rill__streams_totals(const struct streams *streams, struct streams_totals *totals);
const struct scope *rill__streams_scope(const struct streams *streams, uint32_t number);

/* Gives the next number to a scope: so that those of an earlier run mean the same. */
void rill__streams_scope_put(struct streams *streams, const struct scope *scope);

/* How many datagrams' frames the packet at hand was put together from, and which. */
const uint64_t *rill__streams_fragment_frames(const struct streams *streams, uint32_t *count);

#endif
