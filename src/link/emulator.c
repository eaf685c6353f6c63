/* link/emulator.c: a network path in one direction. See rill/emulator.h.
 *
 *   packet -> frames -> [mtu] -> [loss, burst] -> [rate and queue, ECN mark] -> delay, jitter, held
 * back
 *          -> [corrupt] -> (twice?) -> heap ordered by arrival -> out
 *
 * Loss comes before the queue, so that what is asked for is what is lost whatever the rate.
 * Integers only: the same on every machine. */
#include <rill/emulator.h>

#include "base/checksum.h"
#include "base/random.h"
#include "base/util.h"
#include "packet/segment.h"
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
    struct random random;
    struct flight *heap;
    size_t count, capacity;
    uint64_t entered;
    rill_time free_at;       /* when the rate has let go of all that has entered */
    uint64_t rate_remainder; /* of that time, in 1/rate ns */
    rill_time last_arrival;  /* of frames in order */
    uint32_t burst_left;
    struct rill_path_info info;
};

void rill_path_config_default(struct rill_path_config *config) {
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
    config->queue = 1u << 20;
    config->corrupt_bits = 1;
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
    uint64_t seed[2] = {config->seed, 0x72696c6c70617468u};
    rill__random_init(&path->random, seed);
    if (!path->config.reorder_by)
        path->config.reorder_by = RILL_MAX(config->delay / 2, RILL_MILLISECOND);
    return path;
}

void rill_path_close(struct rill_path *path) {
    for (size_t i = 0; i < path->count; i++)
        rill_packet_drop(path->heap[i].packet);
    if (path->heap)
        path->allocator.release(path->allocator.context, path->heap,
                                path->capacity * sizeof *path->heap);
    path->allocator.release(path->allocator.context, path, sizeof *path);
}

void rill_path_get_info(const struct rill_path *path, struct rill_path_info *info) {
    *info = path->info;
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

static struct rill_packet *copy_packet(struct rill_path *path, const struct rill_packet *from) {
    return frame_packet(path, from, 0);
}

static bool is_lost(struct rill_path *path) {
    if (path->burst_left) {
        path->burst_left--;
        return true;
    }
    if (happens(path, path->config.burst)) {
        uint32_t mean = RILL_MAX(path->config.burst_length, 1);
        path->burst_left = (uint32_t)rill__random_below(&path->random, 2 * mean - 1);
        return true;
    }
    return happens(path, path->config.loss);
}

/* CE on a frame whose sender is ECN-capable (RFC 3168 §5). */
static void mark(struct rill_path *path, struct rill_packet *packet) {
    if (packet->length < packet->link_length + 40u)
        return;
    uint8_t *data = (uint8_t *)(uintptr_t)packet->slices[0].data; /* the block is ours alone */
    data += packet->link_length;
    bool ipv4 = data[0] >> 4 == 4;
    unsigned ecn = ipv4 ? data[1] & 3u : data[1] >> 4 & 3u;
    if (ecn == 0 || ecn == 3)
        return;
    path->info.marked++;
    data[1] |= ipv4 ? 3 : 0x30;
    if (ipv4) {
        data[10] = data[11] = 0;
        uint16_t sum = rill__checksum_fold(rill__checksum_add(0, data, (data[0] & 15u) * 4));
        rill__checksum_store(data + 10, (uint16_t)~sum);
    }
}

/* Passes the frame through the rate's queue: false, it does not fit. `now` becomes its departure.
 */
static bool transmit(struct rill_path *path, struct rill_packet *packet, rill_time *now) {
    uint64_t rate = path->config.rate;
    if (!rate)
        return true;
    rill_time start = RILL_MAX(path->free_at, *now);
    uint64_t waiting_ns = start - *now;
    uint64_t limit_ns = path->config.queue * 8 > UINT64_MAX / RILL_SECOND
                            ? RILL_TIME_NEVER
                            : path->config.queue * 8 * RILL_SECOND / rate;
    uint64_t bits = (uint64_t)packet->length * 8 * RILL_SECOND;
    if (path->free_at <= *now)
        path->rate_remainder = 0;
    if (waiting_ns && waiting_ns + bits / rate > limit_ns)
        return false;
    uint64_t waiting_bytes = waiting_ns / 1000 * (rate / 1000) / 8000 + packet->length;
    path->info.queue_max = RILL_MAX(path->info.queue_max, waiting_bytes);
    if (path->config.ecn_threshold && waiting_bytes > path->config.ecn_threshold)
        mark(path, packet);
    bits += path->rate_remainder;
    path->rate_remainder = bits % rate;
    path->free_at = start + bits / rate;
    *now = path->free_at;
    return true;
}

static void corrupt(struct rill_path *path, struct rill_packet *packet) {
    uint8_t *data = (uint8_t *)(uintptr_t)packet->slices[0].data;
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
        path->info.reordered++;
        return arrival + 1 + rill__random_below(&path->random, config->reorder_by);
    }
    path->last_arrival = RILL_MAX(path->last_arrival, arrival);
    return path->last_arrival;
}

static void send_frame(struct rill_path *path, struct rill_packet *packet, rill_time now) {
    path->info.frames_in++;
    path->info.bytes_in += packet->length;
    if (path->config.mtu && packet->length - packet->link_length > path->config.mtu) {
        path->info.mtu_dropped++;
        rill_packet_drop(packet);
        return;
    }
    if (is_lost(path)) {
        path->info.lost++;
        rill_packet_drop(packet);
        return;
    }
    if (!transmit(path, packet, &now)) {
        path->info.queue_dropped++;
        rill_packet_drop(packet);
        return;
    }
    if (happens(path, path->config.duplicate)) {
        struct rill_packet *copy = copy_packet(path, packet);
        path->info.duplicated++;
        if (copy)
            push(path, copy, arrival_of(path, now));
    }
    if (happens(path, path->config.corrupt))
        corrupt(path, packet);
    push(path, packet, arrival_of(path, now));
}

void rill_path_send(struct rill_path *path, struct rill_packet *packet, rill_time now) {
    uint32_t frames = rill_packet_frames(packet);
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
    return path->count ? path->heap[0].arrival : RILL_TIME_NEVER;
}

size_t rill_path_receive(struct rill_path *path, struct rill_packet **packets, size_t max,
                         rill_time now) {
    size_t n = 0;
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
