/* base/slab.c: see slab.h. */
#include "base/slab.h"

#include "base/assert.h"
#include "base/util.h"
#include <string.h>

#define ALIGN 64

void rill__slab_init(struct slab *slab, const struct rill_allocator *allocator,
                     uint32_t object_size, uint32_t used_max) {
    memset(slab, 0, sizeof *slab);
    slab->allocator = allocator;
    slab->object_size = (uint32_t)slab_object_step(object_size);
    slab->used_max = used_max;
    slab->open_first = slab->open_last = slab->gone_first = SLAB_NONE;
}

void rill__slab_tails(struct slab *slab, uint32_t tail_size) {
    slab->tail_size = (uint32_t)slab_tail_step(tail_size);
}

static size_t chunk_bytes(const struct slab *slab) {
    size_t each = (size_t)slab->object_size + slab->tail_size;
    return each * SLAB_CHUNK + sizeof(struct slab_chunk) + ALIGN;
}

static void release(const struct slab *slab, void *memory, size_t size) {
    if (memory)
        slab->allocator->release(slab->allocator->context, memory, size);
}

static void release_arrays(struct slab *slab) {
    release(slab, slab->chunks, slab->chunk_capacity * sizeof *slab->chunks);
    release(slab, slab->gone, slab->chunk_capacity * sizeof *slab->gone);
}

void rill__slab_fini(struct slab *slab) {
    for (uint32_t i = 0; i < slab->chunk_count; i++)
        if (slab->chunks[i])
            release(slab, slab_chunk_at(slab, i)->raw, chunk_bytes(slab));
    release_arrays(slab);
    uint32_t tail_size = slab->tail_size;
    rill__slab_init(slab, slab->allocator, slab->object_size, slab->used_max);
    slab->tail_size = tail_size;
}

/* The two arrays grow together or not at all. */
static bool grow_arrays(struct slab *slab) {
    struct slab fresh = *slab;
    fresh.chunk_capacity = slab->chunk_capacity ? slab->chunk_capacity * 2 : 4;
    void *(*allocate)(void *, size_t) = slab->allocator->allocate;
    void *context = slab->allocator->context;
    fresh.chunks = (uint8_t **)allocate(context, fresh.chunk_capacity * sizeof *fresh.chunks);
    fresh.gone = (struct slab_gone *)allocate(context, fresh.chunk_capacity * sizeof *fresh.gone);
    if (!fresh.chunks || !fresh.gone) {
        release_arrays(&fresh);
        return false;
    }
    if (slab->chunk_count) {
        memcpy(fresh.chunks, slab->chunks, slab->chunk_count * sizeof *fresh.chunks);
        memcpy(fresh.gone, slab->gone, slab->chunk_count * sizeof *fresh.gone);
    }
    release_arrays(slab);
    *slab = fresh;
    return true;
}

/* Chunks with free objects: those to be used first at the front. */
static void list_put_first(struct slab *slab, uint32_t number) {
    struct slab_chunk *chunk = slab_chunk_at(slab, number);
    chunk->before = SLAB_NONE;
    chunk->after = slab->open_first;
    if (slab->open_first != SLAB_NONE)
        slab_chunk_at(slab, slab->open_first)->before = number;
    else
        slab->open_last = number;
    slab->open_first = number;
}

static void list_put_last(struct slab *slab, uint32_t number) {
    struct slab_chunk *chunk = slab_chunk_at(slab, number);
    chunk->after = SLAB_NONE;
    chunk->before = slab->open_last;
    if (slab->open_last != SLAB_NONE)
        slab_chunk_at(slab, slab->open_last)->after = number;
    else
        slab->open_first = number;
    slab->open_last = number;
}

static void list_take(struct slab *slab, uint32_t number) {
    struct slab_chunk *chunk = slab_chunk_at(slab, number);
    if (chunk->before != SLAB_NONE)
        slab_chunk_at(slab, chunk->before)->after = chunk->after;
    else
        slab->open_first = chunk->after;
    if (chunk->after != SLAB_NONE)
        slab_chunk_at(slab, chunk->after)->before = chunk->before;
    else
        slab->open_last = chunk->before;
}

/* A chunk number without memory: one given back before, or a new one. */
static uint32_t choose_number(struct slab *slab) {
    if (slab->gone_first != SLAB_NONE)
        return slab->gone_first;
    if (slab->chunk_count == slab->chunk_capacity && !grow_arrays(slab))
        return SLAB_NONE;
    struct slab_gone *fresh = &slab->gone[slab->chunk_count];
    fresh->generation = 0;
    fresh->next = SLAB_NONE;
    return slab->chunk_count;
}

static bool add_chunk(struct slab *slab) {
    uint32_t number = choose_number(slab);
    if (number == SLAB_NONE)
        return false;
    void *raw = slab->allocator->allocate(slab->allocator->context, chunk_bytes(slab));
    if (!raw)
        return false;
    if (number == slab->chunk_count)
        slab->chunk_count++;
    else
        slab->gone_first = slab->gone[number].next;
    slab->chunks[number] = (uint8_t *)(((uintptr_t)raw + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
    struct slab_chunk *chunk = slab_chunk_at(slab, number);
    chunk->raw = raw;
    chunk->used = 0;
    chunk->free_head = 0;
    for (uint8_t i = 0; i < SLAB_CHUNK; i++) {
        chunk->generation[i] = slab->gone[number].generation;
        chunk->next[i] = (uint8_t)(i + 1);
    }
    list_put_last(slab, number);
    slab->has_empty = true;
    return true;
}

static void give_back(struct slab *slab, uint32_t number) {
    const struct slab_chunk *chunk = slab_chunk_at(slab, number);
    struct slab_gone gone = {0, slab->gone_first};
    for (int i = 0; i < SLAB_CHUNK; i++)
        gone.generation = RILL_MAX(gone.generation, chunk->generation[i]);
    slab->gone[number] = gone;
    slab->gone_first = number;
    release(slab, chunk->raw, chunk_bytes(slab));
    slab->chunks[number] = 0;
}

void *rill__slab_open(struct slab *slab, uint32_t *index) {
    if (slab->used >= slab->used_max)
        return 0;
    if (slab->open_first == SLAB_NONE && !add_chunk(slab))
        return 0;
    uint32_t number = slab->open_first;
    struct slab_chunk *chunk = slab_chunk_at(slab, number);
    uint8_t i = chunk->free_head;
    chunk->free_head = chunk->next[i];
    chunk->generation[i]++;
    if (chunk->used++ == 0)
        slab->has_empty = false;
    if (chunk->used == SLAB_CHUNK)
        list_take(slab, number);
    slab->used++;
    *index = number * SLAB_CHUNK + i;
    void *object = slab_at(slab, *index);
    memset(object, 0, slab->object_size);
    if (slab->tail_size)
        memset(slab_tail(object, *index, slab->object_size, slab->tail_size), 0, slab->tail_size);
    return object;
}

void rill__slab_close(struct slab *slab, uint32_t index) {
    uint32_t number = index / SLAB_CHUNK;
    struct slab_chunk *chunk = slab_chunk_at(slab, number);
    uint8_t i = (uint8_t)(index % SLAB_CHUNK);
    RILL_ASSERT(chunk->generation[i] % 2 == 1);
    chunk->generation[i]++;
    chunk->next[i] = chunk->free_head;
    chunk->free_head = i;
    slab->used--;
    if (chunk->used-- == SLAB_CHUNK)
        list_put_first(slab, number);
    if (chunk->used)
        return;
    list_take(slab, number);
    if (slab->has_empty)
        give_back(slab, number);
    else
        list_put_last(slab, number);
    slab->has_empty = true;
}

void *rill__slab_find(const struct slab *slab, uint32_t index, uint32_t generation) {
    if (index >= slab_end(slab) || !slab->chunks[index / SLAB_CHUNK] || generation % 2 == 0 ||
        slab_generation(slab, index) != generation)
        return 0;
    return slab_at(slab, index);
}
