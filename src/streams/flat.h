/* streams/flat.h: FlatBuffers written from front to back, as much as Arrow's metadata needs:
 * tables, vectors, texts. Little-endian, whatever the machine.
 *
 * An offset in a FlatBuffer leads forward, so a table is written before what it leads to, and its
 * offsets are set when that is there. Positions are bytes from the beginning, which the caller lays
 * at a multiple of 8. After memory has run out nothing more is written, and `failed` says so. */
#ifndef RILL_STREAMS_FLAT_H
#define RILL_STREAMS_FLAT_H

#include <rill/base.h>

struct flat {
    const struct rill_allocator *allocator;
    uint8_t *bytes;
    size_t used, room;
    bool failed;
};

void rill__flat_init(struct flat *flat, const struct rill_allocator *allocator);
void rill__flat_fini(struct flat *flat);

/* Begins anew, with room for the offset of the root. */
void rill__flat_begin(struct flat *flat);

/* A table of zeros with its vtable. `sizes` has a digit a field: the bytes of its value, 0 for one
 * that is left out; `at` gets where each lies. Returns the table's position. */
size_t rill__flat_table(struct flat *flat, const char *sizes, size_t *at);
/* A vector of zeros; its first element lies 4 bytes behind the position returned. `alignment` is 4
 * or 8. */
size_t rill__flat_vector(struct flat *flat, size_t count, size_t size, size_t alignment);
size_t rill__flat_text(struct flat *flat, const char *text);

void rill__flat_set(struct flat *flat, size_t at, uint64_t value, size_t size);
/* The offset at `from` leads to `to`. */
void rill__flat_lead(struct flat *flat, size_t from, size_t to);

#endif
