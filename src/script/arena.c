/* script/arena.c: memory in chunks. */
#include "script/arena.h"

#include "base/util.h"

#include <string.h>

#define CHUNK 16384

struct arena_chunk {
    struct arena_chunk *next;
    size_t size, used;
    _Alignas(16) uint8_t bytes[];
};

void *arena_new(struct arena *arena, size_t size) {
    struct arena_chunk *chunk = arena->chunks;
    if (size > SIZE_MAX / 2)
        return 0;
    size = (size + 15) & ~(size_t)15;
    if (!chunk || chunk->size - chunk->used < size) {
        size_t room = RILL_MAX(size, (size_t)CHUNK);
        chunk = arena->allocator.allocate(arena->allocator.context, sizeof *chunk + room);
        if (!chunk)
            return 0;
        *chunk = (struct arena_chunk){.next = arena->chunks, .size = room};
        arena->chunks = chunk;
    }
    void *memory = chunk->bytes + chunk->used;
    chunk->used += size;
    memset(memory, 0, size);
    return memory;
}

char *arena_string(struct arena *arena, const char *bytes, size_t length) {
    char *copy = arena_new(arena, length + 1);
    if (copy && length)
        memcpy(copy, bytes, length);
    return copy;
}

void arena_release(struct arena *arena) {
    while (arena->chunks) {
        struct arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        arena->allocator.release(arena->allocator.context, chunk, sizeof *chunk + chunk->size);
    }
}
