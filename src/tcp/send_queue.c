/* tcp/send_queue.c: see send_queue.h. */
#include "tcp/send_queue.h"

#include "base/assert.h"
#include "base/util.h"
#include "packet/pool.h"
#include <string.h>

#define BLOCK_SMALL 2048u
#define BLOCK_LARGE 16384u
#define RING_MIN 8u
#define RING_MAX 65536u

static struct send_chunk *chunk_at(const struct send_queue *queue, uint32_t i) {
    return &queue->ring[(queue->head + i) & queue->mask];
}

/* Senders may take half the budget: what peers do not read must not keep us from receiving. */
static bool within_budget(const struct core *core, size_t bytes) {
    return core->memory_held + bytes <= core->memory_limit / 2;
}

void rill__send_queue_fini(struct core *core, struct send_queue *queue) {
    for (uint32_t i = 0; i < queue->count; i++) {
        core->memory_held -= chunk_at(queue, i)->charge;
        rill_block_drop(chunk_at(queue, i)->block);
    }
    if (queue->ring)
        rill__core_release(core, queue->ring, ((size_t)queue->mask + 1) * sizeof *queue->ring);
    memset(queue, 0, sizeof *queue);
}

static bool make_room(struct core *core, struct send_queue *queue) {
    uint32_t slots = queue->ring ? queue->mask + 1 : 0;
    if (queue->count < slots)
        return true;
    uint32_t larger = slots ? slots * 2 : RING_MIN;
    if (larger > RING_MAX)
        return false;
    struct send_chunk *ring = (struct send_chunk *)rill__core_allocate(core, larger * sizeof *ring);
    if (!ring)
        return false;
    for (uint32_t i = 0; i < queue->count; i++)
        ring[i] = *chunk_at(queue, i);
    rill__core_release(core, queue->ring, slots * sizeof *ring);
    queue->ring = ring;
    queue->mask = larger - 1;
    queue->head = 0;
    return true;
}

static void push(struct core *core, struct send_queue *queue, const uint8_t *data, size_t length,
                 struct rill_block *block, uint32_t charge) {
    struct send_chunk *chunk = chunk_at(queue, queue->count++);
    chunk->data = data;
    chunk->block = block;
    chunk->length = (uint32_t)length;
    chunk->sequence = queue->first + queue->bytes;
    queue->bytes += (uint32_t)length;
    chunk->charge = charge;
    core->memory_held += charge;
}

/* Room left in the last block, if it is ours to write to. */
static size_t tail_room(const struct send_queue *queue) {
    if (!queue->tail_open || !queue->count)
        return 0;
    return rill_block_capacity(chunk_at(queue, queue->count - 1)->block) - queue->tail_at;
}

static bool open_block(struct core *core, struct send_queue *queue, size_t wanted) {
    size_t size = wanted <= BLOCK_SMALL ? BLOCK_SMALL : BLOCK_LARGE;
    if (!within_budget(core, size) || !make_room(core, queue))
        return false;
    struct rill_block *block = rill_block_open(core->pool, size);
    if (!block)
        return false;
    push(core, queue, rill_block_data(block), 0, block, (uint32_t)rill_block_capacity(block));
    queue->tail_open = true;
    queue->tail_at = 0;
    return true;
}

size_t rill__send_queue_copy(struct core *core, struct send_queue *queue, const uint8_t *data,
                             size_t length) {
    size_t done = 0;
    while (done < length) {
        size_t room = tail_room(queue);
        if (!room) {
            if (!open_block(core, queue, length - done))
                break;
            continue;
        }
        struct send_chunk *tail = chunk_at(queue, queue->count - 1);
        size_t part = RILL_MIN(room, length - done);
        memcpy(rill_block_data(tail->block) + queue->tail_at, data + done, part);
        queue->tail_at += (uint32_t)part;
        tail->length += (uint32_t)part;
        queue->bytes += (uint32_t)part;
        done += part;
    }
    core->bytes_copied += done;
    return done;
}

uint32_t rill__send_queue_charge(const struct rill_slice *slice) {
    return (uint32_t)(slice->block->wrapped ? slice->length : rill_block_capacity(slice->block));
}

bool rill__send_queue_slice(struct core *core, struct send_queue *queue, struct rill_slice slice) {
    uint32_t charge = rill__send_queue_charge(&slice);
    if (!within_budget(core, charge) || !make_room(core, queue))
        return false;
    push(core, queue, slice.data, slice.length, slice.block, charge);
    queue->tail_open = false;
    return true;
}

void rill__send_queue_acked(struct core *core, struct send_queue *queue, rill_seq sequence) {
    uint32_t acked = sequence - queue->first;
    RILL_ASSERT(acked <= queue->bytes);
    queue->first = sequence;
    queue->bytes -= acked;
    while (acked) {
        struct send_chunk *chunk = chunk_at(queue, 0);
        if (acked < chunk->length) {
            chunk->data += acked;
            chunk->sequence += acked;
            chunk->length -= acked;
            return;
        }
        acked -= chunk->length;
        core->memory_held -= chunk->charge;
        rill_block_drop(chunk->block);
        queue->head = (queue->head + 1) & queue->mask;
        queue->count--;
    }
}

/* The chunk that holds `sequence`; the caller knows that there is one. */
static uint32_t find(const struct send_queue *queue, rill_seq sequence) {
    uint32_t low = 0, high = queue->count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if ((int32_t)(sequence - chunk_at(queue, middle)->sequence) >= 0)
            low = middle;
        else
            high = middle;
    }
    return low;
}

uint32_t rill__send_queue_read(const struct send_queue *queue, rill_seq sequence, uint32_t length,
                               struct rill_packet *packet) {
    uint32_t done = 0;
    RILL_ASSERT(sequence - queue->first + length <= queue->bytes);
    for (uint32_t i = length ? find(queue, sequence) : 0; done < length; i++) {
        const struct send_chunk *chunk = chunk_at(queue, i);
        uint32_t skip = sequence + done - chunk->sequence;
        uint32_t part = RILL_MIN(chunk->length - skip, length - done);
        if (!part)
            continue;
        struct rill_slice slice = {chunk->data + skip, part, chunk->block};
        if (rill_packet_append(packet, slice))
            break;
        rill_block_hold(chunk->block);
        done += part;
    }
    return done;
}
