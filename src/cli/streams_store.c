/* cli/streams_store.c: see streams_store.h. Most of a connection's numbers are 0 or small: a row is
 * what each of them is, in two bits, and then those that are neither nothing nor unknown, in 32 or
 * 64 bits. No branch depends on which they are, since that is another matter each time. */
#include "cli/streams_store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define WORDS (sizeof(struct streams_connection) / sizeof(uint64_t))
#define KINDS ((WORDS + 3) / 4)           /* bytes */
#define ROW_MAX (KINDS + (WORDS + 1) * 8) /* a word is written and read whole */
#define IN_MEMORY ((size_t)48 << 20)

enum kind { NOTHING, UNKNOWN, SHORT, LONG };
static const uint8_t bytes_of[] = {0, 0, 4, 8};
static const uint64_t mask_of[] = {0, 0, UINT32_MAX, UINT64_MAX};
static const uint64_t ones_of[] = {0, UINT64_MAX, 0, 0};

_Static_assert(sizeof(struct streams_connection) % sizeof(uint64_t) == 0,
               "a connection is a row of numbers");

static unsigned kind_of(uint64_t word) {
    return word ? SHORT + (word > UINT32_MAX) : NOTHING;
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
    uint8_t *kinds = store->bytes + store->used, *at = kinds + KINDS;
    for (size_t i = 0; i < WORDS;) {
        unsigned four = 0;
        for (size_t end = i + 4 < WORDS ? i + 4 : WORDS, shift = 0; i < end; i++, shift += 2) {
            uint64_t word = words[i];
            unsigned kind = word == STREAMS_UNKNOWN ? UNKNOWN : kind_of(word);
            uint32_t halves[2] = {(uint32_t)word, (uint32_t)(word >> 32)};
            memcpy(at, halves, sizeof halves);
            at += bytes_of[kind];
            four |= kind << shift;
        }
        *kinds++ = (uint8_t)four;
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
    const uint8_t *kinds = at;
    if (end - at < (ptrdiff_t)KINDS)
        return false;
    at += KINDS;
    for (size_t i = 0; i < WORDS; i++) {
        unsigned kind = kinds[i / 4] >> i % 4 * 2 & 3;
        uint32_t halves[2] = {0, 0};
        if (end - at >= (ptrdiff_t)sizeof halves)
            memcpy(halves, at, sizeof halves);
        else if (end - at >= bytes_of[kind])
            memcpy(halves, at, bytes_of[kind]);
        else
            return false;
        uint64_t word = (uint64_t)halves[1] << 32 | halves[0];
        words[i] = (word & mask_of[kind]) | ones_of[kind];
        at += bytes_of[kind];
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
