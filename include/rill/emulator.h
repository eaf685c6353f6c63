/* rill/emulator.h: a network path in one direction, and two hosts joined by two of them in virtual
 * time.
 *
 * A path is deterministic: the same seed and the same packets at the same times give the same
 * arrivals. Packets are segmented and their checksums finished as they enter: nothing but frames is
 * on a path. */
#ifndef RILL_EMULATOR_H
#define RILL_EMULATOR_H

#include <rill/base.h>
#include <rill/packet.h>
#include <rill/stack.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Probabilities are in parts of 10^9. */
#define RILL_CERTAIN 1000000000u

/* What may change while a path is in use: name, type, member of struct rill_path_config. */
#define RILL_PATH_FIELDS(X)                                                                        \
    X(RATE, uint64_t, rate)                                                                        \
    X(QUEUE, uint64_t, queue)                                                                      \
    X(DELAY, rill_time, delay)                                                                     \
    X(JITTER, rill_time, jitter)                                                                   \
    X(LOSS, uint32_t, loss)                                                                        \
    X(BURST, uint32_t, burst)                                                                      \
    X(BURST_LENGTH, uint32_t, burst_length)                                                        \
    X(REORDER, uint32_t, reorder)                                                                  \
    X(REORDER_BY, rill_time, reorder_by)                                                           \
    X(DUPLICATE, uint32_t, duplicate)                                                              \
    X(CORRUPT, uint32_t, corrupt)                                                                  \
    X(MTU, uint32_t, mtu)                                                                          \
    X(ECN_THRESHOLD, uint64_t, ecn_threshold)                                                      \
    X(POLICER, uint64_t, policer)

enum rill_path_field {
#define RILL_PATH_FIELD_ENUM(name, type, member) RILL_PATH_##name,
    RILL_PATH_FIELDS(RILL_PATH_FIELD_ENUM)
#undef RILL_PATH_FIELD_ENUM
        RILL_PATH_FIELD_COUNT
};

/* From `at` on the field has that value. A frame that has left the queue by then, or is leaving it,
 * goes as before. */
struct rill_path_change {
    rill_time at; /* of the clock that is passed in */
    enum rill_path_field field;
    uint64_t value; /* in the member's unit */
};

struct rill_path_config {
    size_t size;
    uint64_t seed;
    uint64_t rate;         /* bit/s; 0: without limit */
    uint64_t queue;        /* bytes that may wait for the rate; beyond: dropped. Default 1 MiB */
    rill_time delay;       /* one way */
    rill_time jitter;      /* added: uniform in 0 … jitter; keeps the order */
    uint32_t loss;         /* probability of each frame */
    uint32_t burst;        /* probability that a burst of loss begins at a frame … */
    uint32_t burst_length; /* … of so many frames on average */
    /* Segments that are lost, ascending: each number is an ordinal among the first transmissions of
     * data of a TCP flow (one direction of a four-tuple, since its SYN), counted from 1. What is
     * sent again passes. Copied by rill_path_open. */
    const uint64_t *loss_list;
    size_t loss_list_count;
    uint32_t reorder;      /* probability of a frame to be held back by … */
    rill_time reorder_by;  /* … uniform in 0 … reorder_by beyond its time; 0: half the delay, at
                              least 1 ms */
    uint32_t duplicate;    /* probability of a second copy */
    uint32_t corrupt;      /* probability that one bit is turned over */
    uint32_t corrupt_bits; /* bits turned over in a corrupted frame; default 1 */
    uint32_t mtu;          /* longer frames are dropped; 0: no limit */
    uint64_t
        ecn_threshold; /* bytes waiting beyond which ECN-capable frames are marked CE; 0: never */
    /* CoDel (RFC 8289) over the queue: marks frames of ECN-capable senders, drops others. */
    bool codel;
    rill_time codel_target, codel_interval; /* defaults 5 ms and 100 ms; at most 4 s */
    /* A token bucket before the queue: what goes beyond so many bit/s, after a burst of so many
     * bytes (at most 2^31 - 1), is dropped. 0: none. */
    uint64_t policer;
    uint64_t policer_burst; /* default 64 KiB */
    /* In order of time; copied by rill_path_open. */
    const struct rill_path_change *schedule;
    size_t schedule_count;
};
RILL_API void rill_path_config_default(struct rill_path_config *config);

struct rill_path;

/* `allocator` is copied; `pool` outlives the path. Null when out of memory. */
RILL_API struct rill_path *rill_path_open(const struct rill_allocator *allocator,
                                          struct rill_pool *pool,
                                          const struct rill_path_config *config);
RILL_API void rill_path_close(struct rill_path *path);

/* A packet enters the path; it is consumed. */
RILL_API void rill_path_send(struct rill_path *path, struct rill_packet *packet, rill_time now);

/* When to ask rill_path_receive next: no frame comes out before, and mostly one does then.
 * RILL_TIME_NEVER: none is under way. */
RILL_API rill_time rill_path_next(const struct rill_path *path);

/* Takes frames that have come out by `now`, in order of arrival, `arrival` set. Returns how many.
 */
RILL_API size_t rill_path_receive(struct rill_path *path, struct rill_packet **packets, size_t max,
                                  rill_time now);

struct rill_path_info {
    uint64_t frames_in, frames_out, bytes_in, bytes_out;
    /* Dropped: by chance, by the list, at the full queue, by CoDel, by the policer, as too long,
     * and for want of memory. */
    uint64_t lost, listed, queue_dropped, codel_dropped, policed, mtu_dropped, no_memory;
    uint64_t duplicated, corrupted, reordered, marked;
    /* Bytes in the queue (with what is left of the frame that is leaving it): the most there ever
     * were, and what the median frame found there as it came, to within 4 %. */
    uint64_t queue_max, queue_median;
};
RILL_API void rill_path_get_info(const struct rill_path *path, struct rill_path_info *info);

/* Two hosts, interface 0 of each, joined by a path each way, or directly where `path` is null. */
struct rill_virtual {
    struct rill_stack *stacks[2];
    struct rill_path *paths[2]; /* [0] from stacks[0] to stacks[1]; may be null */
    rill_time now;
    size_t batch; /* packets handed over at a time; 0: 64 */
    /* Sees each packet a host sends, before it enters the path. May be null. */
    void (*tap)(void *context, int sender, const struct rill_packet *packet, rill_time now);
    void *tap_context;
};

/* Hands over what waits, then moves the time to whatever happens next and lets it happen; stops at
 * `until`. Returns false when nothing will ever happen by itself, or `until` is reached. */
RILL_API bool rill_virtual_step(struct rill_virtual *world, rill_time until);

#ifdef __cplusplus
}
#endif
#endif
