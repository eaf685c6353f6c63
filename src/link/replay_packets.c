/* link/replay_packets.c: packets and blocks as a journal describes them.
 *
 * A block keeps its number for as long as the stack may know it: bytes that follow others in the
 * same block are joined to them. The table drops those which nobody else holds any more. */
#include "link/replay.h"

#include "base/util.h"
#include <string.h>

#define SLOTS_MIN 64u

/* Stands before the bytes of a block. */
struct bytes {
    struct player *player;
    size_t size;
};

static void release_bytes(void *context) {
    struct bytes *bytes = (struct bytes *)context;
    bytes->player->memory.release(bytes->player->memory.context, bytes, bytes->size);
}

struct rill_block *rill__replay_block(struct player *player, uint64_t capacity, bool wrapped) {
    struct bytes *bytes = 0;
    const size_t head = (sizeof *bytes + 15) & ~(size_t)15;
    if (capacity <= SIZE_MAX - head)
        bytes = (struct bytes *)player->memory.allocate(player->memory.context,
                                                        head + (size_t)capacity);
    struct rill_block *block = 0;
    if (bytes) {
        struct bytes whose = {player, head + (size_t)capacity};
        *bytes = whose;
        block = rill_block_wrap(player->pool, (uint8_t *)bytes + head, (size_t)capacity,
                                release_bytes, bytes);
    }
    if (block) {
        block->wrapped = wrapped;
        return block;
    }
    if (bytes)
        release_bytes(bytes);
    player->exhausted = true;
    rill__replay_end(player, RILL_REPLAY_MEMORY, "");
    return 0;
}

static struct replay_block *slot_of(struct replay_block *slots, size_t count, uint64_t serial) {
    size_t i = (size_t)(serial * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (count - 1);
    while (slots[i].serial && slots[i].serial != serial)
        i = (i + 1) & (count - 1);
    return &slots[i];
}

/* A table with at least as many free slots as it has blocks that somebody else holds. */
static bool make_room(struct player *player, struct replay_stack *stack) {
    if (stack->block_slots && stack->blocks_used < stack->block_slots / 2)
        return true;
    size_t live = 0, slots = SLOTS_MIN;
    for (size_t i = 0; i < stack->block_slots; i++)
        live += stack->blocks[i].serial && stack->blocks[i].block->holds > 1;
    while (slots < 4 * live)
        slots *= 2;
    struct replay_block *fresh = (struct replay_block *)player->memory.allocate(
        player->memory.context, slots * sizeof *fresh);
    if (!fresh)
        return false;
    memset(fresh, 0, slots * sizeof *fresh);
    for (size_t i = 0; i < stack->block_slots; i++) {
        struct replay_block *old = &stack->blocks[i];
        if (old->serial && old->block->holds > 1)
            *slot_of(fresh, slots, old->serial) = *old;
        else if (old->serial)
            rill_block_drop(old->block);
    }
    if (stack->blocks)
        player->memory.release(player->memory.context, stack->blocks,
                               stack->block_slots * sizeof *stack->blocks);
    stack->blocks = fresh;
    stack->block_slots = slots;
    stack->blocks_used = live;
    return true;
}

void rill__replay_blocks_close(struct player *player, struct replay_stack *stack) {
    for (size_t i = 0; i < stack->block_slots; i++)
        if (stack->blocks[i].serial)
            rill_block_drop(stack->blocks[i].block);
    if (stack->blocks)
        player->memory.release(player->memory.context, stack->blocks,
                               stack->block_slots * sizeof *stack->blocks);
    stack->blocks = 0;
    stack->block_slots = stack->blocks_used = 0;
}

/* The block of that number, held by the table; null: no memory. */
static struct rill_block *block_of(struct player *player, uint64_t serial, uint64_t capacity,
                                   bool wrapped) {
    struct replay_stack *stack = player->at;
    if (!make_room(player, stack)) {
        rill__replay_end(player, RILL_REPLAY_MEMORY, "");
        return 0;
    }
    struct replay_block *slot = slot_of(stack->blocks, stack->block_slots, serial);
    if (slot->serial && slot->block->capacity == capacity && slot->block->wrapped == wrapped)
        return slot->block;
    struct rill_block *block = rill__replay_block(player, capacity, wrapped);
    if (!block)
        return 0;
    if (slot->serial)
        rill_block_drop(slot->block);
    else
        stack->blocks_used++;
    block->serial = slot->serial = serial;
    slot->block = block;
    return block;
}

enum { SERIAL, WRAPPED, CAPACITY, OFFSET, LENGTH, PER_SLICE };

static bool add_slice(struct player *player, struct rill_packet *packet, const uint64_t *v,
                      const uint8_t **bytes, const uint8_t *end) {
    if (!v[SERIAL] || v[LENGTH] > (uint64_t)(end - *bytes) || v[CAPACITY] < v[LENGTH] ||
        v[OFFSET] > v[CAPACITY] - v[LENGTH])
        return false;
    struct rill_block *block = block_of(player, v[SERIAL], v[CAPACITY], v[WRAPPED] != 0);
    if (!block)
        return false;
    uint8_t *data = block->data + v[OFFSET];
    memcpy(data, *bytes, (size_t)v[LENGTH]);
    *bytes += v[LENGTH];
    rill_block_hold(block);
    struct rill_slice slice = {data, (size_t)v[LENGTH], block};
    return rill_packet_append(packet, slice) == 0;
}

struct rill_packet *rill__replay_packet(struct player *player,
                                        const struct journal_record *record) {
    uint64_t v[10 + RILL_PACKET_SLICES * PER_SLICE];
    const uint8_t *end = record->body + record->length;
    rill__journal_values(record, v, 10);
    if (v[9] > RILL_PACKET_SLICES || v[7] > RILL_PACKET_HEADROOM ||
        v[8] > RILL_PACKET_HEADROOM - v[7])
        return 0;
    const uint8_t *bytes = rill__journal_values(record, v, 10 + (size_t)v[9] * PER_SLICE);
    struct rill_packet *packet = rill_packet_open(player->pool);
    if (!packet || v[8] > (uint64_t)(end - bytes)) {
        rill_packet_drop(packet);
        return 0;
    }
    packet->arrival = v[0] - 1;
    packet->gso_size = (uint16_t)v[1];
    packet->checksum_start = (uint16_t)v[2];
    packet->checksum_offset = (uint16_t)v[3];
    packet->flags = (uint8_t)v[4];
    packet->cause = (uint8_t)v[5];
    packet->link_length = (uint8_t)v[6];
    packet->header_offset = (uint16_t)v[7];
    packet->header_length = (uint16_t)v[8];
    packet->length = packet->header_length;
    memcpy(packet->headroom + packet->header_offset, bytes, packet->header_length);
    bytes += packet->header_length;
    for (size_t i = 0; i < v[9]; i++) {
        if (!add_slice(player, packet, v + 10 + i * PER_SLICE, &bytes, end)) {
            rill_packet_drop(packet);
            return 0;
        }
    }
    return packet;
}
