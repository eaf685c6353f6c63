/* tcp/receive_queue.c: the in-order half of the receive queue; reassembly.c has the other. */
#include "tcp/receive_queue.h"

#include "base/seq.h"
#include "base/util.h"
#include "tcp/reassembly.h"
#include <string.h>

#define SLACK                                                                                      \
    (64u * 1024) /* bytes a queue may hold beyond its data before small payload is copied */
#define BLOCK_SMALL 2048u
#define BLOCK_LARGE 16384u
#define RING_MIN 8u

static struct receive_slot *slot_at(const struct receive_queue *queue, uint32_t i) {
    return &queue->ring[(queue->head + i) & queue->mask];
}

void rill__receive_charge(struct core *core, struct receive_queue *queue, uint32_t charge) {
    core->memory_held += charge;
    queue->held += charge;
}

void rill__receive_discharge(struct core *core, struct receive_queue *queue, uint32_t charge) {
    core->memory_held -= charge;
    queue->held -= charge;
}

void rill__receive_queue_fini(struct core *core, struct receive_slabs *slabs,
                              struct receive_queue *queue) {
    for (uint32_t i = 0; i < queue->count; i++) {
        rill__receive_discharge(core, queue, slot_at(queue, i)->charge);
        rill_block_drop(slot_at(queue, i)->slice.block);
    }
    while (queue->ranges)
        rill__reassembly_drop_last(core, slabs, queue);
    if (queue->ring)
        rill__core_release(core, queue->ring, ((size_t)queue->mask + 1) * sizeof *queue->ring);
    memset(queue, 0, sizeof *queue);
}

static bool make_room(struct core *core, struct receive_queue *queue) {
    uint32_t slots = queue->ring ? queue->mask + 1 : 0;
    if (queue->count < slots)
        return true;
    uint32_t larger = slots ? slots * 2 : RING_MIN;
    struct receive_slot *ring =
        (struct receive_slot *)rill__core_allocate(core, larger * sizeof *ring);
    if (!ring)
        return false;
    for (uint32_t i = 0; i < queue->count; i++)
        ring[i] = *slot_at(queue, i);
    rill__core_release(core, queue->ring, slots * sizeof *ring);
    queue->ring = ring;
    queue->mask = larger - 1;
    queue->head = 0;
    return true;
}

/* Takes over the slice's hold. */
bool rill__receive_push(struct core *core, struct receive_queue *queue, struct rill_slice slice,
                        uint32_t charge) {
    if (!make_room(core, queue))
        return false;
    struct receive_slot *slot = slot_at(queue, queue->count++);
    slot->slice = slice;
    slot->charge = charge;
    queue->bytes += (uint32_t)slice.length;
    queue->tail_open = false;
    return true;
}

static bool within_budget(const struct core *core, size_t bytes) {
    return core->memory_held + bytes <= core->memory_limit;
}

/* Whether the payload may stay in the block it came in. */
bool rill__receive_may_hold(const struct core *core, const struct receive_queue *queue,
                            const struct rill_block *block, size_t length) {
    size_t capacity = rill_block_capacity(block);
    if (length >= capacity / 4)
        return true;
    bool pressed = core->memory_held > core->memory_limit / 2;
    return !pressed && queue->held + capacity <= queue->bytes + queue->out_of_order + SLACK;
}

/* Copies bytes behind the last ones, into the open block or a new one. Returns how many. */
static size_t copy_in(struct core *core, struct receive_queue *queue, const uint8_t *data,
                      size_t length) {
    struct receive_slot *tail = queue->count ? slot_at(queue, queue->count - 1) : 0;
    size_t room =
        tail && queue->tail_open ? rill_block_capacity(tail->slice.block) - queue->tail_at : 0;
    if (!room) {
        size_t size = length <= BLOCK_SMALL ? BLOCK_SMALL : BLOCK_LARGE;
        if (!within_budget(core, size))
            return 0;
        struct rill_block *block = rill_block_open(core->pool, size);
        if (!block)
            return 0;
        uint32_t charge = (uint32_t)rill_block_capacity(block);
        struct rill_slice slice = {rill_block_data(block), 0, block};
        if (!rill__receive_push(core, queue, slice, charge)) {
            rill_block_drop(block);
            return 0;
        }
        rill__receive_charge(core, queue, charge);
        queue->tail_open = true;
        queue->tail_at = 0;
        room = rill_block_capacity(block);
        tail = slot_at(queue, queue->count - 1);
    }
    size_t part = RILL_MIN(room, length);
    memcpy(rill_block_data(tail->slice.block) + queue->tail_at, data, part);
    queue->tail_at += (uint32_t)part;
    tail->slice.length += part;
    queue->bytes += (uint32_t)part;
    core->bytes_copied += part;
    return part;
}

/* Bytes that follow the last slice in the same block only make it longer. */
static bool extends_tail(struct receive_queue *queue, const struct rill_slice *part) {
    if (!queue->count || queue->tail_open)
        return false;
    struct receive_slot *tail = slot_at(queue, queue->count - 1);
    if (tail->slice.block != part->block || tail->slice.data + tail->slice.length != part->data)
        return false;
    tail->slice.length += part->length;
    queue->bytes += (uint32_t)part->length;
    return true;
}

/* Appends a part that lies in order; returns how many bytes were kept. */
static size_t append(struct core *core, struct receive_queue *queue,
                     const struct rill_slice *part) {
    if (extends_tail(queue, part))
        return part->length;
    if (part->block && rill__receive_may_hold(core, queue, part->block, part->length)) {
        uint32_t charge = (uint32_t)rill_block_capacity(part->block);
        if (!within_budget(core, charge) || !rill__receive_push(core, queue, *part, charge))
            return 0;
        rill__receive_charge(core, queue, charge);
        rill_block_hold(part->block);
        return part->length;
    }
    size_t done = 0;
    while (done < part->length) {
        size_t n = copy_in(core, queue, part->data + done, part->length - done);
        if (!n)
            break;
        done += n;
    }
    return done;
}

bool rill__packet_part(const struct rill_packet *packet, uint32_t from, uint32_t length,
                       struct rill_slice *part) {
    if (from < packet->header_length) { /* bytes inside the packet can only be copied */
        part->data = packet->headroom + packet->header_offset + from;
        part->length = RILL_MIN(length, packet->header_length - from);
        part->block = 0;
        return true;
    }
    from -= packet->header_length;
    for (int i = 0; i < packet->slice_count; i++) {
        const struct rill_slice *slice = &packet->slices[i];
        if (from < slice->length) {
            part->data = slice->data + from;
            part->length = RILL_MIN(length, slice->length - from);
            part->block = slice->block;
            return true;
        }
        from -= (uint32_t)slice->length;
    }
    return false;
}

/* Takes in-order bytes part by part, giving up out-of-order data if the budget asks for it. */
static uint32_t take_in_order(struct core *core, struct receive_slabs *slabs,
                              struct receive_queue *queue, const struct rill_packet *packet,
                              uint32_t from, uint32_t length, bool *evicted) {
    uint32_t done = 0;
    while (done < length) {
        struct rill_slice part;
        if (!rill__packet_part(packet, from + done, length - done, &part))
            break;
        size_t kept = append(core, queue, &part);
        done += (uint32_t)kept;
        if (kept == part.length)
            continue;
        if (!queue->ranges)
            break;
        *evicted = true;
        rill__reassembly_drop_last(core, slabs, queue);
    }
    return done;
}

enum rill_drop rill__receive_queue_add(struct core *core, struct receive_slabs *slabs,
                                       struct receive_queue *queue,
                                       const struct rill_packet *packet, uint32_t from,
                                       uint32_t length, rill_seq sequence, rill_seq *rcv_nxt) {
    if (sequence != *rcv_nxt)
        return rill__reassembly_add(core, slabs, queue, packet, from, length, sequence);
    bool evicted = false;
    uint32_t taken = take_in_order(core, slabs, queue, packet, from, length, &evicted);
    *rcv_nxt += taken;
    rill__reassembly_drain(core, slabs, queue, rcv_nxt);
    if (taken < length)
        return RILL_DROP_TCP_PRESSURE;
    return evicted ? RILL_DROP_TCP_EVICTED : RILL_DROP_NONE;
}

static void pop(struct core *core, struct receive_queue *queue) {
    rill__receive_discharge(core, queue, slot_at(queue, 0)->charge);
    queue->head = (queue->head + 1) & queue->mask;
    queue->count--;
    if (!queue->count)
        queue->tail_open = false;
}

size_t rill__receive_queue_read(struct core *core, struct receive_queue *queue, uint8_t *out,
                                size_t length) {
    size_t done = 0;
    while (done < length && queue->count) {
        struct receive_slot *slot = slot_at(queue, 0);
        size_t part = RILL_MIN(slot->slice.length, length - done);
        memcpy(out + done, slot->slice.data, part);
        slot->slice.data += part;
        slot->slice.length -= part;
        queue->bytes -= (uint32_t)part;
        done += part;
        if (slot->slice.length == 0) {
            struct rill_block *block = slot->slice.block;
            pop(core, queue);
            rill_block_drop(block);
        }
    }
    core->bytes_copied += done;
    return done;
}

size_t rill__receive_queue_peek(const struct receive_queue *queue, uint8_t *out, size_t length) {
    size_t done = 0;
    for (uint32_t i = 0; i < queue->count && done < length; i++) {
        const struct rill_slice *slice = &slot_at(queue, i)->slice;
        size_t part = RILL_MIN(slice->length, length - done);
        memcpy(out + done, slice->data, part);
        done += part;
    }
    return done;
}

bool rill__receive_queue_take(struct core *core, struct receive_queue *queue,
                              struct rill_slice *out) {
    if (!queue->count)
        return false;
    *out = slot_at(queue, 0)->slice;
    queue->bytes -= (uint32_t)out->length;
    pop(core, queue);
    return true;
}
