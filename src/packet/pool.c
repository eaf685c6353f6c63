/* packet/pool.c: blocks and packets, recycled last in, first out. See rill/packet.h.
 *
 * Invariants: blocks_out and packets_out count what is not at home; a closing pool has nothing at
 * home and goes when both reach 0. What comes back stays at home for the next, but never more than
 * is out, beyond a fixed amount: a burst that has passed does not keep its memory. */
#include "packet/pool.h"

#include "base/assert.h"
#include "base/util.h"
#include <string.h>

static const size_t class_capacity[POOL_CLASSES] = {512, 2048, 16384, 69632};
#define BLOCK_HEADER 64
_Static_assert(sizeof(struct rill_block) <= BLOCK_HEADER, "a block's header has its own line");

void rill_pool_config_default(struct rill_pool_config *config) {
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
    config->bytes_max = UINT64_C(1) << 30;
    config->bytes_kept = 1u << 20;
    config->reserve_packets = 64;
}

static void give_back(struct rill_pool *pool, void *memory, size_t size) {
    pool->bytes_allocated -= size;
    pool->allocator.release(pool->allocator.context, memory, size);
}

static void leave_home(struct rill_pool *pool, void *memory, size_t size) {
    pool->bytes_home -= size;
    give_back(pool, memory, size);
}

/* What is at home goes back to the allocator, the largest first, until so much is left. */
static void trim(struct rill_pool *pool, uint64_t keep) {
    for (int i = POOL_CLASSES - 1; i >= 0; i--) {
        while (pool->home[i] && pool->bytes_home > keep) {
            struct rill_block *block = pool->home[i];
            pool->home[i] = block->next;
            leave_home(pool, block, BLOCK_HEADER + block->capacity);
        }
    }
    while (pool->packets_home && pool->bytes_home > keep) {
        struct rill_packet *packet = pool->packets_home;
        pool->packets_home = packet->next;
        leave_home(pool, packet, sizeof *packet);
    }
}

/* Something of that size comes back: whether it stays. Less is out then, so less may be at home. */
static bool may_stay(struct rill_pool *pool, size_t size) {
    uint64_t out = pool->bytes_allocated - pool->bytes_home - size;
    uint64_t keep = RILL_MAX(pool->bytes_kept, out);
    if (pool->bytes_home + size <= keep)
        return true;
    trim(pool, keep);
    return false;
}

static void *allocate(struct rill_pool *pool, size_t size) {
    if (size > pool->bytes_max)
        return 0;
    /* What is at home in one class must not keep another from growing. */
    uint64_t out = pool->bytes_allocated - pool->bytes_home;
    if (pool->bytes_allocated + size > pool->bytes_max)
        trim(pool, out + size < pool->bytes_max ? pool->bytes_max - out - size : 0);
    if (pool->bytes_allocated + size > pool->bytes_max)
        return 0;
    void *memory = pool->allocator.allocate(pool->allocator.context, size);
    if (memory)
        pool->bytes_allocated += size;
    return memory;
}

struct rill_pool *rill_pool_open(const struct rill_allocator *allocator,
                                 const struct rill_pool_config *config) {
    struct rill_pool_config defaults;
    if (!config) {
        rill_pool_config_default(&defaults);
        config = &defaults;
    }
    struct rill_pool *pool =
        (struct rill_pool *)allocator->allocate(allocator->context, sizeof *pool);
    if (!pool)
        return 0;
    memset(pool, 0, sizeof *pool);
    pool->allocator = *allocator;
    pool->bytes_max = config->bytes_max;
    pool->bytes_kept = config->bytes_kept;
    pool->reserve_wanted = config->reserve_packets;
    while (pool->reserve_count < pool->reserve_wanted) {
        struct rill_packet *packet = (struct rill_packet *)allocate(pool, sizeof *packet);
        if (!packet) {
            rill_pool_close(pool);
            return 0;
        }
        packet->next = pool->reserve;
        pool->reserve = packet;
        pool->reserve_count++;
    }
    return pool;
}

static void free_if_done(struct rill_pool *pool) {
    if (pool->closing && pool->blocks_out == 0 && pool->packets_out == 0) {
        RILL_ASSERT(pool->bytes_allocated == 0);
        struct rill_allocator allocator = pool->allocator;
        allocator.release(allocator.context, pool, sizeof *pool);
    }
}

static void free_packets(struct rill_pool *pool, struct rill_packet **list) {
    while (*list) {
        struct rill_packet *packet = *list;
        *list = packet->next;
        give_back(pool, packet, sizeof *packet);
    }
}

void rill_pool_close(struct rill_pool *pool) {
    for (int i = 0; i < POOL_CLASSES; i++) {
        while (pool->home[i]) {
            struct rill_block *block = pool->home[i];
            pool->home[i] = block->next;
            leave_home(pool, block, BLOCK_HEADER + block->capacity);
        }
    }
    free_packets(pool, &pool->packets_home);
    free_packets(pool, &pool->reserve);
    pool->closing = true;
    free_if_done(pool);
}

void rill_pool_get_info(const struct rill_pool *pool, struct rill_pool_info *info) {
    info->bytes_allocated = pool->bytes_allocated;
    info->blocks_out = pool->blocks_out;
    info->packets_out = pool->packets_out;
}

static struct rill_block *block_start(struct rill_pool *pool, struct rill_block *block,
                                      uint8_t size_class, size_t capacity) {
    memset(block, 0, sizeof *block);
    block->pool = pool;
    block->serial = ++pool->serial;
    block->data = (uint8_t *)block + BLOCK_HEADER;
    block->capacity = capacity;
    block->holds = 1;
    block->size_class = size_class;
    pool->blocks_out++;
    return block;
}

/* Counts a request. False: it is to fail. */
static bool request(struct rill_pool *pool) {
    struct pool_watch *watch = pool->watch;
    if (!watch)
        return true;
    watch->requests++;
    if (!watch->refuse || !watch->refuse(watch))
        return true;
    watch->failed(watch);
    return false;
}

/* What came of a request that was let through. */
static void *answer(struct rill_pool *pool, void *memory) {
    if (!memory && pool->watch)
        pool->watch->failed(pool->watch);
    return memory;
}

static struct rill_block *block_find(struct rill_pool *pool, size_t capacity) {
    if (capacity > SIZE_MAX - BLOCK_HEADER)
        return 0;
    uint8_t size_class = 0;
    while (size_class < POOL_CLASSES && class_capacity[size_class] < capacity)
        size_class++;
    if (size_class < POOL_CLASSES) {
        capacity = class_capacity[size_class];
        struct rill_block *block = pool->home[size_class];
        if (block) {
            pool->home[size_class] = block->next;
            pool->bytes_home -= BLOCK_HEADER + capacity;
            return block_start(pool, block, size_class, capacity);
        }
    }
    struct rill_block *block = (struct rill_block *)allocate(pool, BLOCK_HEADER + capacity);
    return block ? block_start(pool, block, size_class, capacity) : 0;
}

struct rill_block *rill_block_open(struct rill_pool *pool, size_t capacity) {
    return request(pool) ? (struct rill_block *)answer(pool, block_find(pool, capacity)) : 0;
}

struct rill_block *rill_block_wrap(struct rill_pool *pool, const void *data, size_t length,
                                   void (*release)(void *context), void *context) {
    struct rill_block *block = rill_block_open(pool, 0);
    if (!block)
        return 0;
    block->data =
        (uint8_t *)(uintptr_t)data; /* only ever read: nobody appends to a wrapped block */
    block->capacity = length;
    block->wrapped = true;
    block->release = release;
    block->context = context;
    return block;
}

uint8_t *rill_block_data(struct rill_block *block) {
    return block->data;
}

size_t rill_block_capacity(const struct rill_block *block) {
    return block->capacity;
}

void rill_block_hold(struct rill_block *block) {
    RILL_ASSERT(block->holds > 0 && block->holds < UINT32_MAX);
    block->holds++;
}

void rill_block_drop(struct rill_block *block) {
    RILL_ASSERT(block->holds > 0);
    if (--block->holds > 0)
        return;
    struct rill_pool *pool = block->pool;
    if (block->release)
        block->release(block->context);
    if (block->size_class < POOL_CLASSES)
        block->capacity = class_capacity[block->size_class];
    pool->blocks_out--;
    size_t size = BLOCK_HEADER + block->capacity;
    if (block->size_class == POOL_CLASSES || pool->closing || !may_stay(pool, size)) {
        give_back(pool, block, size);
        free_if_done(pool);
        return;
    }
    pool->bytes_home += size;
    block->next = pool->home[block->size_class];
    pool->home[block->size_class] = block;
}

/* Leaves `headroom` and `slices` as they are: they are written before they are read. */
static struct rill_packet *packet_start(struct rill_pool *pool, struct rill_packet *packet) {
    memset(packet, 0, offsetof(struct rill_packet, headroom));
    packet->pool = pool;
    packet->arrival = RILL_TIME_NEVER;
    packet->header_offset = RILL_PACKET_HEADROOM;
    pool->packets_out++;
    return packet;
}

struct rill_packet *rill_packet_open(struct rill_pool *pool) {
    if (!request(pool))
        return 0;
    struct rill_packet *packet = pool->packets_home;
    if (packet) {
        pool->packets_home = packet->next;
        pool->bytes_home -= sizeof *packet;
    } else {
        packet = (struct rill_packet *)allocate(pool, sizeof *packet);
    }
    return (struct rill_packet *)answer(pool, packet ? packet_start(pool, packet) : 0);
}

struct rill_packet *rill__packet_open_filled(struct rill_pool *pool, size_t length,
                                             uint8_t **data) {
    struct rill_packet *packet = rill_packet_open(pool);
    struct rill_block *block = rill_block_open(pool, length);
    if (!packet || !block) {
        rill_packet_drop(packet);
        if (block)
            rill_block_drop(block);
        return 0;
    }
    *data = block->data;
    struct rill_slice slice = {block->data, length, block};
    packet->slices[packet->slice_count++] = slice;
    packet->length += (uint32_t)length;
    return packet;
}

struct rill_packet *rill__packet_open_control(struct rill_pool *pool) {
    struct rill_packet *packet = rill_packet_open(pool);
    if (packet || !request(pool))
        return packet;
    packet = pool->reserve;
    if (packet) {
        pool->reserve = packet->next;
        pool->reserve_count--;
    } else if (pool->watch && pool->watch->refuse) {
        packet = (struct rill_packet *)allocate(
            pool, sizeof *packet); /* who says what is to fail has no need of one */
    }
    return (struct rill_packet *)answer(pool, packet ? packet_start(pool, packet) : 0);
}

int rill_packet_append(struct rill_packet *packet, struct rill_slice slice) {
    if (packet->slice_count == RILL_PACKET_SLICES)
        return RILL_ERROR_LIMIT;
    packet->slices[packet->slice_count++] = slice;
    packet->length += (uint32_t)slice.length;
    return 0;
}

void rill_packet_drop(struct rill_packet *packet) {
    if (!packet)
        return;
    struct rill_pool *pool = packet->pool;
    for (int i = 0; i < packet->slice_count; i++)
        rill_block_drop(packet->slices[i].block);
    pool->packets_out--;
    if (pool->closing) {
        give_back(pool, packet, sizeof *packet);
        free_if_done(pool);
    } else if (pool->reserve_count < pool->reserve_wanted) {
        packet->next = pool->reserve;
        pool->reserve = packet;
        pool->reserve_count++;
    } else if (may_stay(pool, sizeof *packet)) {
        packet->next = pool->packets_home;
        pool->packets_home = packet;
        pool->bytes_home += sizeof *packet;
    } else {
        give_back(pool, packet, sizeof *packet);
    }
}
