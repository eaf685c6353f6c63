/* base/slab.h: objects of one size, named by a 32-bit index that stays valid while they live.
 *
 * Objects lie in chunks that never move, 64-byte aligned, so a pointer stays valid too. Free
 * objects are taken last in, first out, for warm caches. Chunks are given back only by slab_fini.
 * Each slot keeps a generation, raised when it is freed: an index with its generation names one
 * object for ever. */
#ifndef RILL_BASE_SLAB_H
#define RILL_BASE_SLAB_H

#include <rill/base.h>

#define SLAB_CHUNK 64 /* objects in a chunk */
#define SLAB_NONE UINT32_MAX

struct slab {
    const struct rill_allocator *allocator;
    uint8_t **chunks;     /* aligned object memory */
    void **raw;           /* what the allocator gave */
    uint32_t *next;       /* free list; SLAB_NONE ends it, an object in use points to itself */
    uint32_t *generation; /* of each slot, from 1 */
    uint32_t object_size;
    uint32_t chunk_count, chunk_capacity;
    uint32_t free_head;
    uint32_t used, used_max;
};

void rill__slab_init(struct slab *slab, const struct rill_allocator *allocator,
                     uint32_t object_size, uint32_t used_max);
void rill__slab_fini(struct slab *slab);

/* A zeroed object, or null (no memory, or used_max reached). */
void *rill__slab_open(struct slab *slab, uint32_t *index);
void rill__slab_close(struct slab *slab, uint32_t index);

static inline void *slab_at(const struct slab *slab, uint32_t index) {
    return slab->chunks[index / SLAB_CHUNK] + (size_t)(index % SLAB_CHUNK) * slab->object_size;
}

/* The object in use at that index and generation, or null. */
void *rill__slab_find(const struct slab *slab, uint32_t index, uint32_t generation);

#endif
