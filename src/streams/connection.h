/* streams/connection.h: what is remembered of a connection while it may still change, and of the
 * analysis as a whole. Internal to this folder.
 *
 * Positions are sequence numbers without their wrap: 64 bits whose lower half is the number on the
 * wire. The first one of a side lies at 2^32 and more, so that there is room below it. */
#ifndef RILL_STREAMS_CONNECTION_H
#define RILL_STREAMS_CONNECTION_H

#include "base/hash.h"
#include "base/siphash.h"
#include "base/slab.h"
#include "streams/decap.h"
#include "streams/shelf.h"
#include "streams/streams.h"

enum stream_bits {
    STREAM_SYN = 1, /* its SYN was seen, so `first` is its first byte */
    STREAM_FIN = 2, /* `next` is where the FIN lies */
    STREAM_FIN_ACKED = 4,
    STREAM_KNOWN = 8,      /* first and next mean something */
    STREAM_ACK_KNOWN = 16, /* the other side has acknowledged something */
    STREAM_RST = 32,
    STREAM_TIMESTAMPS = 64, /* `timestamp` means something */
    STREAM_ISN = 128,       /* `first` - 1 is the ISN, told by its SYN or by the answer to it */
};

/* One direction: what one side sent. */
struct stream {
    uint64_t first, next; /* positions of its first byte, and behind its last */
    uint64_t acked;       /* highest acknowledgement by the other side */
    rill_time sample_at;  /* an RTT is being measured since; 0: none */
    uint32_t sample_end, sample_timestamp;
    uint32_t window;    /* what this side offers the other, bytes */
    uint32_t timestamp; /* newest TSval */
    uint32_t packets;
    uint32_t rtt_min; /* tap to the other side and back, ns; 0: not measured */
    uint16_t mss, identification;
    uint8_t bits; /* enum stream_bits */
    uint8_t scale;
    int8_t id_order; /* how far its IP ids are known to rise one by one */
    bool has_scale;
};

enum connection_bits {
    CONNECTION_ESTABLISHED = 1, /* data may flow */
    CONNECTION_TENTATIVE = 2,   /* a SYN where an older incarnation is still open */
    CONNECTION_ALIAS = 4,       /* this key is another scope's name for `older` */
    CONNECTION_SACK = 8,
    CONNECTION_TIMESTAMPS = 16,
    CONNECTION_FLIPPED = 32, /* the client is the higher endpoint of the key */
    CONNECTION_REFUSED = 64,
    CONNECTION_REJECTED = 128,
    CONNECTION_GUESSED = 256, /* which side is the client is not certain */
    CONNECTION_SIMULTANEOUS = 512,
    CONNECTION_SYN_ACK = 1024,
    CONNECTION_FINISHED_ACK = 2048, /* the handshake's third segment was seen */
    CONNECTION_GIVEN_UP = 4096,
    CONNECTION_IPV6 = 8192,
    CONNECTION_REPLACED = 16384, /* a later life of its key is established */
};

/* Both endpoints, the lower one first, so that both ways find the same. */
struct connection_key {
    struct rill_address addresses[2];
    uint16_t ports[2];
    uint32_t scope;
};

#define KEY_WORDS (sizeof(struct connection_key) / sizeof(uint32_t))

struct active;

struct connection {
    struct connection_key key;
    struct stream streams[2]; /* client, server */
    struct active *active;    /* what only busy connections need; null: none yet */
    rill_time start, last;
    uint64_t handshake_rtt; /* both halves; 0: not measured */
    uint64_t first_frame, last_frame, first_record;
    uint64_t number;
    uint64_t handshake_ns, silent_ns; /* blame while there is no active part */
    uint32_t index, older;            /* in the slab; older incarnation of the key, or SLAB_NONE */
    uint32_t hash;
    uint32_t incarnation;
    uint16_t bits;     /* enum connection_bits */
    uint8_t closed_by; /* enum streams_closed_by */
    uint8_t rejected_syns, icmp_errors;
    uint8_t completeness; /* as Wireshark counts it */
    bool scale_offered;   /* the SYN had a window scale */
    bool heard;           /* since the hand that puts connections to sleep came by. asleep.c */
};

#define HOLES_MAX 256 /* a direction */

struct hole {
    uint64_t from, to;
    uint64_t network_ns; /* what the network had been charged with when it showed */
    rill_time when;
    uint64_t frame;
    uint32_t timestamp; /* of the segment after it */
    uint16_t identification;
    bool complained; /* a duplicate ACK or SACK since */
    bool has_timestamp;
};

#define RESENT_RECENT 8

struct stream_counts {
    uint64_t resent_bytes, missing_bytes, lost_bytes, conflicting_bytes, uncompared_bytes;
    uint64_t payload_bytes, cut_bytes, holes_given_up;
    uint32_t data_segments, resent_segments, spurious_segments, repaired_segments;
    uint32_t reordered_segments, duplicate_sightings;
    uint32_t zero_windows, window_probes, keepalives, syn_bytes;
    uint32_t window_max;
    uint64_t flight_max;
};

/* RTTs by buckets: four an octave, from 1 us on. Most connections have few, whose buckets are
 * listed; then a histogram takes over. */
#define RTT_BUCKETS 96
#define RTT_FIRST 15
struct rtt_histogram {
    uint16_t buckets[RTT_BUCKETS];
};
struct rtt_samples {
    struct rtt_histogram *histogram;
    uint8_t count; /* of those listed */
    uint8_t first[RTT_FIRST];
};

struct resent {
    uint64_t from, to;
    bool spurious;
};

/* How a side sends, for the account of blame. */
struct sender {
    uint64_t recover;   /* a loss is being repaired until this is acknowledged; 0: none */
    uint64_t round_end; /* when this is acknowledged a round trip is over */
    uint32_t round_flight,
        round_before;    /* the most in flight in this round, and in the one before */
    uint32_t echo_acked; /* lower half of what its peer had acknowledged when the timed echo left */
    uint32_t flight_echo; /* in flight as the sender sees it, by that echo */
    uint32_t rtt;         /* latest of its packets to their answers, ns */
    uint32_t dup_acks;
    uint32_t last_length;
    rill_time data_at, acked_at;
    rill_time heard_at;    /* a bare ACK came, of whatever */
    rill_time repaired_at; /* the sender knows that the loss is repaired */
    uint32_t needed;       /* segments sent again in this repair, and not known to be for nothing */
    bool echo_known;       /* echo_acked means something */
    bool probed;           /* bytes were sent again … */
    uint32_t probed_end;   /* … up to here (lower half), and not acknowledged so far yet */
    int8_t clocked;        /* > 0: sends when ACKs come; < 0: when its application has something */
    uint32_t tentative_ns_hi, tentative_ns_lo; /* charged to the network since the last progress */
    uint64_t short_end;  /* behind the last new segment that was not a full one */
    uint64_t acked_then; /* what was acknowledged when it last sent new bytes */
    uint64_t paused_ns;  /* … since its last new bytes */
    bool pushed;         /* those had PSH: that was all it had (RFC 9293 §3.9.1.2) */
    int8_t push_pauses;  /* > 0: what ACKs let it send mostly follows such a one */
};

struct active {
    struct stream_counts counts[2];
    struct rtt_samples rtts[2];
    struct sender senders[2];
    struct resent *resent[2]; /* the last RESENT_RECENT; null: none yet */
    struct hole *holes[2];
    uint16_t hole_count[2], hole_room[2];
    uint8_t resent_at[2];
    uint8_t last_data_side; /* 2: none sent yet */
    bool in_zero_window[2];
    uint64_t history[2]; /* place of the newest data segment in the history; 0: none */
    uint64_t blame[STREAMS_BLAME_COUNT];
    uint64_t evidence[STREAMS_BLAME_COUNT];
    uint64_t longest[STREAMS_BLAME_COUNT];
    uint64_t wait_ns, wait_frame; /* silence nobody has been blamed for yet */
};

struct sighting;
struct history_entry;
struct closed;
struct life;

/* A segment that waits for its turn while the caches fetch what it will need. */
struct prepared {
    struct streams_packet packet;
    struct connection_key key;
    uint64_t sum;
    uint32_t hash;
    bool lower; /* the source is the lower endpoint of the key */
};
#define AHEAD 8

struct streams {
    struct streams_config config;
    struct rill_allocator counted; /* the config's, with every byte counted */
    struct decap decap;
    struct siphash_key key;
    uint64_t multipliers[KEY_WORDS + 1];
    struct hash index; /* of the newest incarnation of each key */
    struct slab connections;
    uint64_t next_number;
    uint32_t hand;      /* of the clock that looks for connections to put away */
    struct shelf shelf; /* connections that sleep. asleep.c */
    uint32_t awake_max, sleep_hand, shelf_hand;
    struct sighting *sightings;
    uint32_t mirrored; /* what speaks for a tap that shows all twice. sighting.c */
    struct history_entry *history;
    uint64_t history_next; /* places are counted from 1 */
    uint32_t history_size;
    struct closed *closed;
    uint64_t closed_first, closed_end;
    rill_time closed_stays; /* the first one goes no sooner than after this */
    struct life *lives;     /* of four-tuples, up to what is put away. lives.c */
    uint32_t life_sets, lives_noted;
    uint64_t memory;
    struct streams_totals totals;
    struct prepared ahead[AHEAD];
    uint64_t ahead_first, ahead_end;
    uint32_t labels;         /* of the segment at hand */
    rill_time newest, epoch; /* time of the latest packet so far, and of the first one */
};

/* streams.c */
void *rill__streams_allocate(struct streams *streams, size_t size);
void rill__streams_release(struct streams *streams, void *memory, size_t size);
void rill__event_tell(struct streams *streams, const struct connection *connection,
                      struct streams_event *event);
/* finish.c. Null when there is no memory: then only the least is remembered. */
struct active *rill__streams_active(struct streams *streams, struct connection *connection);
void rill__streams_release_active(struct streams *streams, struct connection *connection);

/* lookup.c: which connection a packet belongs to, a new one if need be; `*side` is who sent it.
 * Null: it is no connection's, or memory is out. */
struct connection *rill__streams_lookup(struct streams *streams, const struct prepared *prepared,
                                        uint8_t *side);
/* The same, of one that is there already; nothing is opened or changed. */
struct connection *rill__streams_find(struct streams *streams, const struct streams_packet *packet,
                                      uint8_t *side);
/* Both ways have one key; true: the source is the lower endpoint. */
bool rill__streams_key(const struct streams_packet *packet, struct connection_key *key);
uint32_t rill__streams_hash(const struct streams *streams, const struct connection_key *key);
struct connection *rill__streams_newest(struct streams *streams, const struct connection_key *key,
                                        uint32_t hash);
/* Another scope's name for a connection. */
void rill__streams_alias(struct streams *streams, const struct connection_key *key, uint32_t hash,
                         struct connection *connection);

/* finish.c: hands out its account, and frees it. */
void rill__streams_put_away(struct streams *streams, struct connection *connection);
void rill__streams_put_all_away(struct streams *streams);
void rill__streams_make_room(struct streams *streams);
void rill__streams_hand_out(struct streams *streams, struct connection *connection);
/* Holes, and what was sent again. */
void rill__streams_release_parts(struct streams *streams, struct active *active);
/* The account without those. */
void rill__streams_release_account(struct streams *streams, struct connection *connection);

/* lives.c: of a key whose newest connection is put away, how many it has had; 0: not known. */
void rill__lives_fini(struct streams *streams);
void rill__lives_note(struct streams *streams, const struct connection_key *key, uint32_t hash,
                      uint32_t lives);
uint32_t rill__lives_before(const struct streams *streams, const struct connection_key *key,
                            uint32_t hash);
void rill__lives_prefetch(const struct streams *streams, uint32_t hash);

/* asleep.c. Values of the index with this bit are of connections that sleep. */
#define ASLEEP (UINT32_C(1) << 31)
void rill__asleep_init(struct streams *streams);
bool rill__asleep_is(const struct streams *streams, uint32_t value,
                     const struct connection_key *key);
void rill__asleep_prefetch(const struct streams *streams, uint32_t value);
/* Null: there is no memory, and it sleeps on. */
struct connection *rill__asleep_wake(struct streams *streams, uint32_t value);
/* While too many are awake: a few looks for one that may sleep. */
void rill__asleep_some(struct streams *streams);
/* A copy of each. */
void rill__asleep_each(const struct streams *streams, void *context,
                       void (*each)(void *context, const struct connection *connection));
/* One of them is put away; false: none sleeps. */
bool rill__asleep_put_away(struct streams *streams, bool given_up);

/* closed.c */
void rill__closed_add(struct streams *streams, struct connection *connection);
/* The first one goes, if it has been kept long enough. */
bool rill__closed_expire(struct streams *streams, rill_time now);
void rill__closed_fini(struct streams *streams);

/* take.c */
void rill__streams_take(struct streams *streams, struct connection *connection, uint8_t side,
                        const struct streams_packet *packet);

/* Its numbers without the wrap, as far as they are known. */
void rill__segment_numbers(struct streams_segment *segment, const struct connection *connection);

/* ranges.c: data of a side: what was seen before, what fills a hole. */
struct ranges_result {
    uint64_t fresh, resent, filled; /* bytes */
    struct hole hole;               /* the first hole it filled, or opened */
    bool opened;
    bool before; /* what it filled lies before the first byte that was known */
};
void rill__ranges_add(struct streams *streams, struct connection *connection, uint8_t side,
                      const struct streams_packet *packet, uint64_t from, uint64_t to,
                      struct ranges_result *result);
/* The stream begins there, as its SYN tells late; what lies between has not been seen. */
void rill__ranges_begin(struct streams *streams, struct connection *connection, uint8_t side,
                        const struct streams_packet *packet, uint64_t first);
/* Bytes acknowledged that were never seen leave a hole too. */
void rill__ranges_extend(struct streams *streams, struct connection *connection, uint8_t side,
                         const struct streams_packet *packet, uint64_t to);

/* labels.c */
void rill__labels_data(struct streams *streams, struct connection *connection, uint8_t side,
                       const struct streams_packet *packet, uint64_t from, uint64_t to,
                       const struct ranges_result *ranges);
void rill__labels_dsack(struct streams *streams, struct connection *connection, uint8_t side,
                        const struct streams_packet *packet);
void rill__labels_spurious(struct streams *streams, struct connection *connection, uint8_t side,
                           struct resent *resent, enum streams_evidence evidence, uint64_t frame,
                           rill_time when);

/* sighting.c: whether the packet was seen before, and where. `sum` is over all that is the same
 * then.
 */
uint64_t rill__sighting_sum(const struct streams_packet *packet);
bool rill__sighting_init(struct streams *streams);
void rill__sighting_prefetch(const struct streams *streams, uint64_t sum);
bool rill__sighting_check(struct streams *streams, const struct streams_packet *packet,
                          uint64_t sum, enum streams_evidence *evidence, uint32_t *scope);
void rill__sighting_fini(struct streams *streams);

/* history.c */
bool rill__history_knows(const struct streams *streams, uint64_t place);
void rill__history_fini(struct streams *streams);
void rill__history_add(struct streams *streams, struct connection *connection, uint8_t side,
                       const struct streams_packet *packet, uint64_t from);
void rill__history_compare(struct streams *streams, struct connection *connection, uint8_t side,
                           const struct streams_packet *packet, uint64_t from, uint64_t resent);

/* rtt.c */
void rill__rtt_packet(struct streams *streams, struct connection *connection, uint8_t side,
                      const struct streams_packet *packet, uint64_t end, bool resent);
struct rtt_quantiles {
    uint64_t median, p99; /* ns; STREAMS_UNKNOWN: nothing was measured */
};
struct rtt_quantiles rill__rtt_quantiles(const struct rtt_samples *samples);

/* blame.c: charges the time up to this packet, whose labels are known, before it is applied. */
void rill__blame_charge(struct connection *connection, uint8_t side,
                        const struct streams_packet *packet, bool resent);
/* A hole was filled by a repair: the network's time since then was spent on the loss. */
void rill__blame_repaired(struct connection *connection, uint64_t network_before);
/* Whether bytes sent again are a probe of the tail (RFC 8985 §7): the last ones, and nobody has
 * complained. Only if they were lost is it a loss, and then more follow. */
bool rill__blame_is_probe(const struct connection *connection, uint8_t side,
                          const struct streams_packet *packet);
/* A segment sent again was not needed: if none was, the repair is over (RFC 4015, RFC 3708). */
void rill__blame_spurious(struct connection *connection, uint8_t side);
/* After it is applied. */
void rill__blame_packet(struct connection *connection, uint8_t side,
                        const struct streams_packet *packet, uint64_t acked_before,
                        uint64_t next_before, bool resent);
void rill__blame_finish(struct connection *connection);

/* Tells the caches of something that will be needed soon. */
static inline void prefetch_lines(const void *at, size_t size) {
    enum { LINE = 64 };
    for (size_t i = 0; i < size; i += LINE)
        __builtin_prefetch((const uint8_t *)at + i);
}

static inline uint64_t seq_unwrap(rill_seq seq, uint64_t near) {
    return near + (uint64_t)(int64_t)(int32_t)(seq - (uint32_t)near);
}

/* A first position: with room below. */
static inline uint64_t seq_begin(rill_seq seq) {
    return (UINT64_C(1) << 32) + seq;
}

/* Without a branch: what it is nobody can foretell. */
static inline uint64_t stream_outstanding(const struct stream *stream) {
    uint64_t end = stream->next + (stream->bits & STREAM_FIN) / STREAM_FIN;
    uint64_t acked_known = 0 - (uint64_t)((stream->bits & STREAM_ACK_KNOWN) / STREAM_ACK_KNOWN);
    uint64_t acked = (stream->acked & acked_known) | (stream->first & ~acked_known);
    uint64_t any = ((stream->bits & STREAM_KNOWN) / STREAM_KNOWN) & (end > acked);
    return (end - acked) & (0 - any);
}

static inline bool connection_is_over(const struct connection *connection) {
    const struct stream *streams = connection->streams;
    return (streams[0].bits & streams[1].bits & STREAM_FIN) ||
           ((streams[0].bits | streams[1].bits) & STREAM_RST) ||
           (connection->bits & (CONNECTION_REFUSED | CONNECTION_REJECTED | CONNECTION_REPLACED));
}

#endif
