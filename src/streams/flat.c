/* streams/flat.c: see flat.h. The format is FlatBuffers' internals page:
 *
 *     table    int32 back to its vtable, then the fields, each at a multiple of its size
 *     vtable   uint16 its bytes, uint16 the table's bytes, uint16 for each field: its place in the
 *              table, or 0
 *     vector   uint32 count, then the elements
 *     text     a vector of bytes, with a zero behind */
#include "streams/flat.h"

#include <string.h>

void rill__flat_init(struct flat *flat, const struct rill_allocator *allocator) {
    memset(flat, 0, sizeof *flat);
    flat->allocator = allocator;
}

void rill__flat_fini(struct flat *flat) {
    if (flat->bytes)
        flat->allocator->release(flat->allocator->context, flat->bytes, flat->room);
    rill__flat_init(flat, flat->allocator);
}

/* So many zeros more. */
static bool extend(struct flat *flat, size_t more) {
    if (flat->failed)
        return false;
    if (flat->room - flat->used < more) {
        size_t room = flat->room ? flat->room : 4096;
        while (room - flat->used < more)
            room *= 2;
        uint8_t *bytes = flat->allocator->allocate(flat->allocator->context, room);
        if (!bytes) {
            flat->failed = true;
            return false;
        }
        if (flat->bytes) {
            memcpy(bytes, flat->bytes, flat->used);
            flat->allocator->release(flat->allocator->context, flat->bytes, flat->room);
        }
        flat->bytes = bytes;
        flat->room = room;
    }
    memset(flat->bytes + flat->used, 0, more);
    flat->used += more;
    return true;
}

static size_t rounded(size_t at, size_t multiple) {
    return (at + multiple - 1) / multiple * multiple;
}

void rill__flat_set(struct flat *flat, size_t at, uint64_t value, size_t size) {
    for (size_t i = 0; i < size && !flat->failed; i++)
        flat->bytes[at + i] = (uint8_t)(value >> 8 * i);
}

void rill__flat_lead(struct flat *flat, size_t from, size_t to) {
    rill__flat_set(flat, from, to - from, 4);
}

void rill__flat_begin(struct flat *flat) {
    flat->used = 0;
    extend(flat, 4);
}

size_t rill__flat_table(struct flat *flat, const char *sizes, size_t *at) {
    size_t count = strlen(sizes), vtable = rounded(flat->used, 4);
    size_t table = rounded(vtable + 4 + 2 * count, 4), end = table + 4;
    for (size_t i = 0; i < count; i++) {
        size_t size = (size_t)(sizes[i] - '0');
        at[i] = size ? rounded(end, size) : table;
        end = size ? at[i] + size : end;
    }
    if (!extend(flat, end - flat->used))
        return table;
    rill__flat_set(flat, vtable, 4 + 2 * count, 2);
    rill__flat_set(flat, vtable + 2, end - table, 2);
    for (size_t i = 0; i < count; i++)
        rill__flat_set(flat, vtable + 4 + 2 * i, at[i] - table, 2);
    rill__flat_set(flat, table, table - vtable, 4);
    return table;
}

size_t rill__flat_vector(struct flat *flat, size_t count, size_t size, size_t alignment) {
    size_t at = rounded(flat->used + 4, alignment) - 4;
    if (extend(flat, at + 4 + count * size - flat->used))
        rill__flat_set(flat, at, count, 4);
    return at;
}

size_t rill__flat_text(struct flat *flat, const char *text) {
    size_t length = strlen(text), at = rounded(flat->used, 4);
    if (!extend(flat, at + 4 + length + 1 - flat->used))
        return at;
    rill__flat_set(flat, at, length, 4);
    memcpy(flat->bytes + at + 4, text, length);
    return at;
}
