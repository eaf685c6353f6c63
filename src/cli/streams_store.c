/* cli/streams_store.c: see streams_store.h. Most of a connection's numbers are 0 or small: a row is
 * the length of each in bytes, two lengths a byte, and then those bytes, the lowest first.
 * "Unknown", all ones, has a length of its own and no bytes. */
#include "cli/streams_store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define WORDS (sizeof(struct streams_connection) / sizeof(uint64_t))
#define LENGTHS ((WORDS + 1) / 2)
#define ROW_MAX (LENGTHS + WORDS * 8)
#define IN_MEMORY ((size_t)32 << 20)

_Static_assert(sizeof(struct streams_connection) % sizeof(uint64_t) == 0,
               "a connection is a row of numbers");

enum { UNKNOWN_LENGTH = 15 };

static uint64_t get_word(const uint8_t *at, unsigned length) {
    uint64_t word = 0;
    for (unsigned i = 0; i < length; i++)
        word |= (uint64_t)at[i] << 8 * i;
    return word;
}

static bool reserve(struct store *store) {
    if (store->room - store->used >= ROW_MAX)
        return true;
    if (store->used >= IN_MEMORY) {
        if (!store->spill)
            store->spill = tmpfile();
        if (!store->spill || fseek(store->spill, 0, SEEK_END) ||
            fwrite(store->bytes, 1, store->used, store->spill) != store->used)
            return false;
        store->spilled += store->used;
        store->used = 0;
        return true;
    }
    size_t room = store->room ? 2 * store->room : 65536;
    uint8_t *bytes = realloc(store->bytes, room + ROW_MAX);
    if (!bytes)
        return false;
    store->bytes = bytes;
    store->room = room + ROW_MAX;
    return true;
}

static bool reserve_row(struct store *store) {
    if (store->count < store->rows_room)
        return true;
    size_t room = store->rows_room ? 2 * store->rows_room : 1024;
    struct store_row *rows = realloc(store->rows, room * sizeof *rows);
    if (!rows)
        return false;
    store->rows = rows;
    store->rows_room = room;
    return true;
}

void store_add(struct store *store, const struct streams_connection *connection) {
    uint64_t words[WORDS];
    if (store->failed || !reserve(store) || !reserve_row(store)) {
        store->failed = true;
        return;
    }
    store->rows[store->count++] =
        (struct store_row){connection->number, store->spilled + store->used};
    memcpy(words, connection, sizeof words);
    uint8_t *lengths = store->bytes + store->used, *at = lengths + LENGTHS;
    memset(lengths, 0, LENGTHS);
    for (size_t i = 0; i < WORDS; i++) {
        unsigned length = 0;
        if (words[i] == STREAMS_UNKNOWN)
            length = UNKNOWN_LENGTH;
        else
            for (uint64_t word = words[i]; word; word >>= 8, length++)
                *at++ = (uint8_t)word;
        lengths[i / 2] |= (uint8_t)(length << (i % 2 * 4));
    }
    store->used = (size_t)(at - store->bytes);
}

static int by_number(const void *a, const void *b) {
    const struct store_row *one = a, *other = b;
    return (one->number > other->number) - (one->number < other->number);
}

void store_sort(struct store *store) {
    if (store->count && !store->map)
        qsort(store->rows, store->count, sizeof *store->rows, by_number);
}

bool store_get(struct store *store, size_t index, struct streams_connection *connection) {
    uint8_t row[ROW_MAX];
    uint64_t words[WORDS], offset = store->rows[index].offset;
    const uint8_t *at = row, *end = row + sizeof row;
    if (offset < store->spilled) {
        memset(row, 0, sizeof row);
        if (fseek(store->spill, (long)offset, SEEK_SET) || !fread(row, 1, sizeof row, store->spill))
            return false;
    } else {
        at = store->bytes + (offset - store->spilled);
        end = store->bytes + store->used;
    }
    const uint8_t *lengths = at;
    if ((size_t)(end - at) < LENGTHS)
        return false;
    at += LENGTHS;
    memset(words, 0, sizeof words);
    for (size_t i = 0; i < WORDS; i++) {
        unsigned length = lengths[i / 2] >> (i % 2 * 4) & 15;
        if (!length)
            continue;
        if (length == UNKNOWN_LENGTH) {
            words[i] = STREAMS_UNKNOWN;
            continue;
        }
        if (length > 8 || (size_t)(end - at) < length)
            return false;
        words[i] = get_word(at, length);
        at += length;
    }
    memcpy(connection, words, sizeof words);
    return true;
}

void store_fini(struct store *store) {
    if (store->map) {
        munmap(store->map, store->map_size);
        return;
    }
    free(store->bytes);
    free(store->rows);
    if (store->spill)
        fclose(store->spill);
}
