/* script/arena.h: memory that a script takes piece by piece and gives back as a whole. */
#ifndef RILL_SCRIPT_ARENA_H
#define RILL_SCRIPT_ARENA_H

#include <rill/base.h>

struct arena_chunk;
struct arena {
    struct rill_allocator allocator;
    struct arena_chunk *chunks;
};

/* Zeroed and aligned for any type; null when out of memory. */
void *arena_new(struct arena *arena, size_t size);
/* A copy of the bytes with a zero behind it; null when out of memory. */
char *arena_string(struct arena *arena, const char *bytes, size_t length);
void arena_release(struct arena *arena);

#endif
