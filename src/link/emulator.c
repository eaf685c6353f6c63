/* link/emulator.c: a network path in one direction. See rill/emulator.h.
 *
 *   packet -> frames -> [mtu] -> [loss] -> [policer] -> queue, rate, [ECN mark, CoDel]
 *          -> delay, jitter, held back -> [corrupt] -> (twice?) -> heap ordered by arrival -> out
 *
 * Loss comes before the queue, so that what is asked for is what is lost whatever the rate.
 * Integers only: the same on every machine.
 *
 * Nothing happens inside between two calls, and nothing is lost by that: each call first brings the
 * path up to its `now`, frame by frame as they leave the queue, and change by change as the
 * schedule has them. What happens does not depend on how often that is done. */
#include <rill/emulator.h>

#include "base/random.h"
#include "base/util.h"
#include "link/emulator_frame.h"
#include "link/emulator_loss.h"
#include "link/emulator_queue.h"
#include "link/histogram.h"
#include <string.h>

struct flight {
    rill_time arrival;
    uint64_t order; /* of entering: ties keep it */
    struct rill_packet *packet;
};

struct rill_path {
    struct rill_allocator allocator;
    struct rill_pool *pool;
    struct rill_path_config config;
    struct path_loss loss;
    struct random random; /* of what befalls frames behind the queue */
    struct path_queue queue;
    struct codel codel;
    struct rill_path_change *schedule;
    size_t schedule_at;
    struct flight *heap;
    size_t count, capacity;
    uint64_t entered;
    rill_time free_at;       /* when the rate lets go of the frame that is leaving the queue … */
    uint64_t leaving_rate;   /* … at that rate */
    uint64_t rate_remainder; /* of that time, in 1/rate ns */
    rill_time last_arrival;  /* of frames in order */
    rill_time tokens_at;     /* the policer's tokens were … */
    uint64_t tokens;         /* … so many, in bits a billion parts each */
    struct histogram found;  /* bytes in the queue as frames came */
    struct rill_path_info info;
};

void rill_path_config_default(struct rill_path_config *config) {
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
    config->queue = 1u << 20;
    config->corrupt_bits = 1;
    config->codel_target = 5 * RILL_MILLISECOND;
    config->codel_interval = 100 * RILL_MILLISECOND;
    config->policer_burst = 1u << 16;
}

/* The most tokens there may be. */
static uint64_t bucket_of(const struct rill_path_config *config) {
    return RILL_MIN(config->policer_burst, (uint64_t)INT32_MAX) * 8 * RILL_SECOND;
}

static bool copy_schedule(struct rill_path *path, const struct rill_path_config *config) {
    size_t size = config->schedule_count * sizeof *path->schedule;
    if (!size)
        return true;
    path->schedule =
        (struct rill_path_change *)path->allocator.allocate(path->allocator.context, size);
    if (path->schedule)
        memcpy(path->schedule, config->schedule, size);
    return path->schedule;
}

struct rill_path *rill_path_open(const struct rill_allocator *allocator, struct rill_pool *pool,
                                 const struct rill_path_config *config) {
    struct rill_path *path =
        (struct rill_path *)allocator->allocate(allocator->context, sizeof *path);
    if (!path)
        return 0;
    memset(path, 0, sizeof *path);
    path->allocator = *allocator;
    path->pool = pool;
    path->config = *config;
    uint64_t seed[2] = {config->seed, 0x72696c6c66617465u};
    rill__random_init(&path->random, seed);
    path->codel.target = config->codel_target;
    path->codel.interval = config->codel_interval;
    path->tokens = bucket_of(config);
    bool ok = rill__path_loss_init(&path->loss, allocator, config);
    if (ok && copy_schedule(path, config))
        return path;
    rill_path_close(path);
    return 0;
}

void rill_path_close(struct rill_path *path) {
    struct rill_allocator allocator = path->allocator;
    struct rill_packet *packet;
    for (size_t i = 0; i < path->count; i++)
        rill_packet_drop(path->heap[i].packet);
    while ((packet = rill__path_queue_take(&path->queue)) != 0)
        rill_packet_drop(packet);
    if (path->heap)
        allocator.release(allocator.context, path->heap, path->capacity * sizeof *path->heap);
    if (path->schedule)
        allocator.release(allocator.context, path->schedule,
                          path->config.schedule_count * sizeof *path->schedule);
    rill__path_loss_fini(&path->loss);
    allocator.release(allocator.context, path, sizeof *path);
}

void rill_path_get_info(const struct rill_path *path, struct rill_path_info *info) {
    *info = path->info;
    info->marked += path->codel.marked;
    info->codel_dropped = path->codel.dropped;
    info->queue_median = rill__histogram_quantile(&path->found, 1, 2);
}

static bool happens(struct rill_path *path, uint32_t probability) {
    return probability && rill__random_below(&path->random, RILL_CERTAIN) < probability;
}

static bool before(const struct flight *a, const struct flight *b) {
    return a->arrival != b->arrival ? a->arrival < b->arrival : a->order < b->order;
}

static bool grow(struct rill_path *path) {
    size_t capacity = path->capacity ? path->capacity * 2 : 64;
    struct flight *heap =
        (struct flight *)path->allocator.allocate(path->allocator.context, capacity * sizeof *heap);
    if (!heap)
        return false;
    if (path->heap) {
        memcpy(heap, path->heap, path->count * sizeof *heap);
        path->allocator.release(path->allocator.context, path->heap, path->capacity * sizeof *heap);
    }
    path->heap = heap;
    path->capacity = capacity;
    return true;
}

/* Consumes the packet. */
static void push(struct rill_path *path, struct rill_packet *packet, rill_time arrival) {
    if (path->count == path->capacity && !grow(path)) {
        path->info.no_memory++;
        rill_packet_drop(packet);
        return;
    }
    struct flight flight = {arrival, path->entered++, packet};
    size_t i = path->count++;
    while (i > 0 && before(&flight, &path->heap[(i - 1) / 2])) {
        path->heap[i] = path->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    path->heap[i] = flight;
}

static struct rill_packet *pop(struct rill_path *path) {
    struct rill_packet *packet = path->heap[0].packet;
    struct flight last = path->heap[--path->count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= path->count)
            break;
        if (child + 1 < path->count && before(&path->heap[child + 1], &path->heap[child]))
            child++;
        if (!before(&path->heap[child], &last))
            break;
        path->heap[i] = path->heap[child];
        i = child;
    }
    path->heap[i] = last;
    return packet;
}

/* A packet of one frame's bytes in one block. */
static struct rill_packet *frame_packet(struct rill_path *path, const struct rill_packet *from,
                                        uint32_t index) {
    size_t most = from->gso_size ? RILL_MIN(from->length, from->gso_size + 120u) : from->length;
    struct rill_packet *packet = rill_packet_open(path->pool);
    struct rill_block *block = rill_block_open(path->pool, most);
    size_t length = 0;
    if (packet && block)
        length = rill_packet_frame(from, index, rill_block_data(block), most);
    struct rill_slice slice = {block ? rill_block_data(block) : 0, length, block};
    if (!length || rill_packet_append(packet, slice)) {
        rill_packet_drop(packet);
        if (block)
            rill_block_drop(block);
        return 0;
    }
    packet->link_length = from->link_length;
    return packet;
}

/* Within the policer's rate? */
static bool conforms(struct rill_path *path, const struct rill_packet *packet, rill_time now) {
    uint64_t bucket = bucket_of(&path->config), rate = path->config.policer;
    uint64_t need = (uint64_t)packet->length * 8 * RILL_SECOND;
    rill_time passed = now - path->tokens_at;
    path->tokens_at = now;
    if (!rate)
        return true;
    if (passed > bucket / rate || passed * rate > bucket - path->tokens)
        path->tokens = bucket;
    else
        path->tokens += passed * rate;
    if (path->tokens < need)
        return false;
    path->tokens -= need;
    return true;
}

static void corrupt(struct rill_path *path, struct rill_packet *packet) {
    uint8_t *data = rill__frame_bytes(packet);
    path->info.corrupted++;
    for (uint32_t i = 0; i < path->config.corrupt_bits; i++) {
        uint64_t bit = rill__random_below(&path->random, (uint64_t)packet->length * 8);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static rill_time arrival_of(struct rill_path *path, rill_time departure) {
    const struct rill_path_config *config = &path->config;
    rill_time arrival = departure + config->delay;
    if (config->jitter)
        arrival += rill__random_below(&path->random, config->jitter + 1);
    if (happens(path, config->reorder)) {
        rill_time by =
            config->reorder_by ? config->reorder_by : RILL_MAX(config->delay / 2, RILL_MILLISECOND);
        path->info.reordered++;
        return arrival + 1 + rill__random_below(&path->random, by);
    }
    path->last_arrival = RILL_MAX(path->last_arrival, arrival);
    return path->last_arrival;
}

/* The frame is out of the queue and on its way. */
static void leave(struct rill_path *path, struct rill_packet *packet, rill_time departure) {
    if (happens(path, path->config.duplicate)) {
        struct rill_packet *copy = frame_packet(path, packet, 0);
        path->info.duplicated++;
        if (copy)
            push(path, copy, arrival_of(path, departure));
    }
    if (happens(path, path->config.corrupt))
        corrupt(path, packet);
    push(path, packet, arrival_of(path, departure));
}

/* How long the rate takes for a frame that begins to leave at `start`; `remainder` in and out. */
static rill_time duration(const struct rill_path *path, const struct rill_packet *packet,
                          rill_time start, uint64_t *remainder) {
    uint64_t rate = path->config.rate;
    if (!rate || start > path->free_at || rate != path->leaving_rate)
        *remainder = 0;
    if (!rate)
        return 0;
    uint64_t bits = (uint64_t)packet->length * 8 * RILL_SECOND + *remainder;
    *remainder = bits % rate;
    return bits / rate;
}

/* Lets frames leave the queue whose turn comes by `until`. */
static void drain(struct rill_path *path, rill_time until) {
    while (path->queue.first) {
        rill_time start = RILL_MAX(path->free_at, path->queue.first->arrival);
        if (start > until)
            return;
        struct rill_packet *packet = path->config.codel
                                         ? rill__codel_take(&path->codel, &path->queue, start)
                                         : rill__path_queue_take(&path->queue);
        if (!packet)
            return;
        path->free_at = start + duration(path, packet, start, &path->rate_remainder);
        path->leaving_rate = path->config.rate;
        leave(path, packet, path->free_at);
    }
}

static void apply(struct rill_path_config *config, const struct rill_path_change *change) {
    switch (change->field) {
#define RILL_PATH_APPLY(name, type, member)                                                        \
    case RILL_PATH_##name:                                                                         \
        config->member = (type)change->value;                                                      \
        break;
        RILL_PATH_FIELDS(RILL_PATH_APPLY)
#undef RILL_PATH_APPLY
    default:
        break;
    }
}

/* Brings the path up to `now`. */
static void catch_up(struct rill_path *path, rill_time now) {
    while (path->schedule_at < path->config.schedule_count &&
           path->schedule[path->schedule_at].at <= now) {
        const struct rill_path_change *change = &path->schedule[path->schedule_at++];
        if (change->at)
            drain(path, change->at - 1);
        apply(&path->config, change);
    }
    drain(path, now);
}

/* Bytes in the queue, with what is left of the frame that is leaving it. */
static uint64_t waiting(const struct rill_path *path, rill_time now) {
    if (path->free_at <= now)
        return path->queue.bytes;
    return path->queue.bytes + (path->free_at - now) * path->leaving_rate / (8 * RILL_SECOND);
}

static void enqueue(struct rill_path *path, struct rill_packet *packet, rill_time now) {
    uint64_t before = waiting(path, now), after = before + packet->length;
    rill__histogram_add(&path->found, before);
    if (path->config.rate && before && after > path->config.queue) {
        path->info.queue_dropped++;
        rill_packet_drop(packet);
        return;
    }
    path->info.queue_max = RILL_MAX(path->info.queue_max, path->config.rate ? after : before);
    if (path->config.ecn_threshold && after > path->config.ecn_threshold)
        path->info.marked += rill__frame_mark(packet);
    rill__path_queue_put(&path->queue, packet, now);
    drain(path, now);
}

static void send_frame(struct rill_path *path, struct rill_packet *packet, rill_time now) {
    uint64_t *dropped = 0;
    path->info.frames_in++;
    path->info.bytes_in += packet->length;
    if (path->config.mtu && packet->length - packet->link_length > path->config.mtu) {
        dropped = &path->info.mtu_dropped;
    } else {
        enum path_fate fate = rill__path_loss_of(&path->loss, &path->config, packet);
        if (fate != FATE_PASSES)
            dropped = fate == FATE_LISTED ? &path->info.listed : &path->info.lost;
        else if (!conforms(path, packet, now))
            dropped = &path->info.policed;
    }
    if (!dropped) {
        enqueue(path, packet, now);
        return;
    }
    ++*dropped;
    rill_packet_drop(packet);
}

void rill_path_send(struct rill_path *path, struct rill_packet *packet, rill_time now) {
    uint32_t frames = rill_packet_frames(packet);
    catch_up(path, now);
    for (uint32_t i = 0; i < frames; i++) {
        struct rill_packet *frame = frame_packet(path, packet, i);
        if (frame)
            send_frame(path, frame, now);
        else
            path->info.no_memory++;
    }
    rill_packet_drop(packet);
}

rill_time rill_path_next(const struct rill_path *path) {
    rill_time next = path->count ? path->heap[0].arrival : RILL_TIME_NEVER;
    const struct rill_packet *first = path->queue.first;
    if (!first)
        return next;
    /* The first to leave arrives no earlier than this, unless a change comes before. */
    uint64_t remainder = path->rate_remainder;
    rill_time start = RILL_MAX(path->free_at, first->arrival), bound = start + path->config.delay;
    if (!path->config.codel) /* which may drop it and let a shorter one go */
        bound += duration(path, first, start, &remainder);
    if (path->schedule_at < path->config.schedule_count)
        bound = RILL_MIN(bound, path->schedule[path->schedule_at].at);
    return RILL_MIN(next, bound);
}

size_t rill_path_receive(struct rill_path *path, struct rill_packet **packets, size_t max,
                         rill_time now) {
    size_t n = 0;
    catch_up(path, now);
    while (n < max && path->count && path->heap[0].arrival <= now) {
        rill_time arrival = path->heap[0].arrival;
        packets[n] = pop(path);
        packets[n]->arrival = arrival;
        path->info.frames_out++;
        path->info.bytes_out += packets[n]->length;
        n++;
    }
    return n;
}
