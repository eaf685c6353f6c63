/* base/slab.h: objects of one size, named by a 32-bit index that stays valid while they live.
 *
 * Objects lie in chunks that do not move, 64-byte aligned, so a pointer stays valid too. An object
 * comes from the chunk that was full last, so that others run empty; a chunk whose last object goes
 * is given back to the allocator, but for one a slab keeps. What a burst has needed does not stay.
 *
 * An object may have a tail: bytes that belong to it and lie behind all objects of its chunk, so
 * that what is looked at often keeps its place in the cache lines.
 *
 * Each index has a generation, raised when it is taken and when it is freed, odd while it is in
 * use: an index with its generation names one object for ever, also across chunks given back. */
#ifndef RILL_BASE_SLAB_H
#define RILL_BASE_SLAB_H

#include <rill/base.h>

#define SLAB_CHUNK 32 /* objects in a chunk */
#define SLAB_NONE UINT32_MAX

/* Behind a chunk's objects. */
struct slab_chunk {
    uint32_t generation[SLAB_CHUNK];
    uint8_t next[SLAB_CHUNK]; /* free list */
    uint8_t free_head;        /* SLAB_CHUNK ends the list */
    uint8_t used;
    uint32_t before, after; /* chunks with free objects: chunk numbers, SLAB_NONE ends */
    void *raw;              /* what the allocator gave */
};

/* What is remembered of a chunk number without memory. */
struct slab_gone {
    uint32_t generation; /* not lower than any its indices had */
    uint32_t next;
};

struct slab {
    const struct rill_allocator *allocator;
    uint8_t **chunks; /* aligned object memory; null: given back */
    struct slab_gone *gone;
    uint32_t object_size, tail_size;
    uint32_t chunk_count, chunk_capacity;
    uint32_t open_first, open_last; /* chunks with free objects; an empty one is the last */
    uint32_t gone_first;
    uint32_t used, used_max;
    bool has_empty;
};

void rill__slab_init(struct slab *slab, const struct rill_allocator *allocator,
                     uint32_t object_size, uint32_t used_max);
/* Objects get tails of so many bytes. Before the first is opened. */
void rill__slab_tails(struct slab *slab, uint32_t tail_size);
void rill__slab_fini(struct slab *slab);

/* A zeroed object, or null (no memory, or used_max reached). */
void *rill__slab_open(struct slab *slab, uint32_t *index);
void rill__slab_close(struct slab *slab, uint32_t index);

static inline void *slab_at(const struct slab *slab, uint32_t index) {
    return slab->chunks[index / SLAB_CHUNK] + (size_t)(index % SLAB_CHUNK) * slab->object_size;
}

static inline struct slab_chunk *slab_chunk_at(const struct slab *slab, uint32_t chunk) {
    size_t each = (size_t)slab->object_size + slab->tail_size;
    return (struct slab_chunk *)(slab->chunks[chunk] + SLAB_CHUNK * each);
}

/* What is between the beginnings of two objects, and of two tails. */
static inline size_t slab_object_step(size_t size) {
    return (size + 15) & ~(size_t)15;
}

static inline size_t slab_tail_step(size_t size) {
    return (size + 7) & ~(size_t)7;
}

/* The tail of an object, by its index and the sizes of both as they were asked for. */
static inline void *slab_tail(const void *object, uint32_t index, size_t object_size,
                              size_t tail_size) {
    object_size = slab_object_step(object_size);
    tail_size = slab_tail_step(tail_size);
    uint8_t *first = (uint8_t *)(uintptr_t)object - index % SLAB_CHUNK * object_size;
    return first + SLAB_CHUNK * object_size + index % SLAB_CHUNK * tail_size;
}

/* Tells the caches that an object (of an index that may be anything) will be used, and its tail. */
static inline void slab_prefetch(const struct slab *slab, uint32_t index) {
    if (index / SLAB_CHUNK >= slab->chunk_count || !slab->chunks[index / SLAB_CHUNK])
        return;
    const uint8_t *object = (const uint8_t *)slab_at(slab, index);
    const uint8_t *tail = slab->chunks[index / SLAB_CHUNK] +
                          (size_t)SLAB_CHUNK * slab->object_size +
                          (size_t)(index % SLAB_CHUNK) * slab->tail_size;
    __builtin_prefetch(&slab_chunk_at(slab, index / SLAB_CHUNK)->generation[index % SLAB_CHUNK]);
    for (uint32_t i = 0; i < slab->object_size; i += 64)
        __builtin_prefetch(object + i);
    for (uint32_t i = 0; i < slab->tail_size; i += 64)
        __builtin_prefetch(tail + i);
}

/* Of an object in use. */
static inline uint32_t slab_generation(const struct slab *slab, uint32_t index) {
    return slab_chunk_at(slab, index / SLAB_CHUNK)->generation[index % SLAB_CHUNK];
}

/* All indices lie below it. */
static inline uint32_t slab_end(const struct slab *slab) {
    return slab->chunk_count * SLAB_CHUNK;
}

/* Whether there is memory at an index below slab_end, of an object in use or not. */
static inline bool slab_has_memory(const struct slab *slab, uint32_t index) {
    return slab->chunks[index / SLAB_CHUNK];
}

/* Whether an index below slab_end is in use. */
static inline bool slab_in_use(const struct slab *slab, uint32_t index) {
    return slab->chunks[index / SLAB_CHUNK] && slab_generation(slab, index) % 2 == 1;
}

/* The object in use at that index and generation, or null. */
void *rill__slab_find(const struct slab *slab, uint32_t index, uint32_t generation);

#endif
