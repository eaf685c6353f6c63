/* base/slab.c: see slab.h. */
#include "base/slab.h"

#include "base/assert.h"
#include <string.h>

#define ALIGN 64

void rill__slab_init(struct slab *slab, const struct rill_allocator *allocator,
                     uint32_t object_size, uint32_t used_max) {
    memset(slab, 0, sizeof *slab);
    slab->allocator = allocator;
    slab->object_size = (object_size + 15) & ~15u;
    slab->used_max = used_max;
    slab->free_head = SLAB_NONE;
}

static size_t chunk_bytes(const struct slab *slab) {
    return (size_t)slab->object_size * SLAB_CHUNK + ALIGN;
}

static void release(struct slab *slab, void *memory, size_t size) {
    if (memory)
        slab->allocator->release(slab->allocator->context, memory, size);
}

static void release_arrays(struct slab *slab) {
    size_t slots = (size_t)slab->chunk_capacity * SLAB_CHUNK;
    release(slab, slab->chunks, slab->chunk_capacity * sizeof *slab->chunks);
    release(slab, slab->raw, slab->chunk_capacity * sizeof *slab->raw);
    release(slab, slab->next, slots * sizeof *slab->next);
    release(slab, slab->generation, slots * sizeof *slab->generation);
}

void rill__slab_fini(struct slab *slab) {
    for (uint32_t i = 0; i < slab->chunk_count; i++)
        release(slab, slab->raw[i], chunk_bytes(slab));
    release_arrays(slab);
    memset(slab, 0, sizeof *slab);
    slab->free_head = SLAB_NONE;
}

/* The four arrays grow together or not at all. */
static bool grow_arrays(struct slab *slab) {
    struct slab fresh = *slab;
    fresh.chunk_capacity = slab->chunk_capacity ? slab->chunk_capacity * 2 : 4;
    size_t slots = (size_t)fresh.chunk_capacity * SLAB_CHUNK;
    void *(*allocate)(void *, size_t) = slab->allocator->allocate;
    void *context = slab->allocator->context;
    fresh.chunks = (uint8_t **)allocate(context, fresh.chunk_capacity * sizeof *fresh.chunks);
    fresh.raw = (void **)allocate(context, fresh.chunk_capacity * sizeof *fresh.raw);
    fresh.next = (uint32_t *)allocate(context, slots * sizeof *fresh.next);
    fresh.generation = (uint32_t *)allocate(context, slots * sizeof *fresh.generation);
    if (!fresh.chunks || !fresh.raw || !fresh.next || !fresh.generation) {
        release_arrays(&fresh);
        return false;
    }
    size_t old = slab->chunk_count;
    if (old) {
        memcpy(fresh.chunks, slab->chunks, old * sizeof *fresh.chunks);
        memcpy(fresh.raw, slab->raw, old * sizeof *fresh.raw);
        memcpy(fresh.next, slab->next, old * SLAB_CHUNK * sizeof *fresh.next);
        memcpy(fresh.generation, slab->generation, old * SLAB_CHUNK * sizeof *fresh.generation);
    }
    release_arrays(slab);
    *slab = fresh;
    return true;
}

static bool add_chunk(struct slab *slab) {
    if (slab->chunk_count == slab->chunk_capacity && !grow_arrays(slab))
        return false;
    void *raw = slab->allocator->allocate(slab->allocator->context, chunk_bytes(slab));
    if (!raw)
        return false;
    uint32_t chunk = slab->chunk_count++;
    slab->raw[chunk] = raw;
    slab->chunks[chunk] = (uint8_t *)(((uintptr_t)raw + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
    for (uint32_t i = SLAB_CHUNK; i-- > 0;) {
        uint32_t index = chunk * SLAB_CHUNK + i;
        slab->generation[index] = 1;
        slab->next[index] = slab->free_head;
        slab->free_head = index;
    }
    return true;
}

void *rill__slab_open(struct slab *slab, uint32_t *index) {
    if (slab->used >= slab->used_max)
        return 0;
    if (slab->free_head == SLAB_NONE && !add_chunk(slab))
        return 0;
    uint32_t i = slab->free_head;
    slab->free_head = slab->next[i];
    slab->next[i] = i;
    slab->used++;
    *index = i;
    void *object = slab_at(slab, i);
    memset(object, 0, slab->object_size);
    return object;
}

void rill__slab_close(struct slab *slab, uint32_t index) {
    RILL_ASSERT(slab->next[index] == index);
    slab->generation[index]++;
    if (slab->generation[index] == 0)
        slab->generation[index] = 1;
    slab->next[index] = slab->free_head;
    slab->free_head = index;
    slab->used--;
}

void *rill__slab_find(const struct slab *slab, uint32_t index, uint32_t generation) {
    if (index / SLAB_CHUNK >= slab->chunk_count || slab->next[index] != index ||
        slab->generation[index] != generation)
        return 0;
    return slab_at(slab, index);
}
