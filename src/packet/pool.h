/* packet/pool.h: what the stack knows of pools and blocks beyond the public interface. */
#ifndef RILL_PACKET_POOL_H
#define RILL_PACKET_POOL_H

#include <rill/packet.h>

/* Blocks come in classes, so that a returned one serves the next that asks. */
#define POOL_CLASSES 4

struct rill_block {
    struct rill_pool *pool;
    struct rill_block *next; /* at home */
    uint64_t serial;         /* the pool's blocks in the order they were opened */
    uint8_t *data;
    size_t capacity;
    uint32_t holds;
    bool wrapped;       /* around bytes of the application's */
    uint8_t size_class; /* POOL_CLASSES: of its own size, given back to the allocator */
    void (*release)(void *context);
    void *context;
};

/* Who numbers the requests a stack makes of its pool while one of its calls runs (stack/journal.h).
 */
struct pool_watch {
    uint64_t requests;
    bool (*refuse)(struct pool_watch *watch); /* whether this one must fail; may be null */
    void (*failed)(struct pool_watch *watch); /* this one did */
};

struct rill_pool {
    struct rill_allocator allocator;
    struct pool_watch *watch; /* null: nobody counts */
    uint64_t serial;          /* blocks opened */
    uint64_t bytes_max, bytes_kept;
    uint64_t bytes_allocated, bytes_home; /* home: without the reserve */
    uint64_t blocks_out, packets_out;
    struct rill_block *home[POOL_CLASSES];
    struct rill_packet *packets_home, *reserve;
    uint32_t reserve_count, reserve_wanted;
    bool closing;
};

/* A packet with one slice of `length` bytes, to be written at `*data`. Null when out of memory. */
struct rill_packet *rill__packet_open_filled(struct rill_pool *pool, size_t length, uint8_t **data);

/* A packet for a segment without data: from the reserve if nothing else is left. */
struct rill_packet *rill__packet_open_control(struct rill_pool *pool);

#endif
