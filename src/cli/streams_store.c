/* cli/streams_store.c: see streams_store.h. Most of a connection's numbers are 0 or small: a row is
 * what each of them is, in two bits, and then those that are neither nothing nor unknown, in 32 or
 * 64 bits. But for four of nothing in a row, which are common, no branch depends on which they are,
 * since that is another matter each time. */
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
    size_t room = store->paged.size / sizeof *store->rows;
    if (store->count < room)
        return true;
    if (!paged_grow(&store->paged, (room ? 2 * room : 1024) * sizeof *store->rows))
        return false;
    store->rows = store->paged.at;
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
        if (i + 4 <= WORDS && !(words[i] | words[i + 1] | words[i + 2] | words[i + 3])) {
            *kinds++ = 0;
            i += 4;
            continue;
        }
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

/* Each number is given once, and almost all are: a place for each of them, and the rows are put
 * there. False: they are too far apart, or there is no room. */
static bool sort_by_place(struct store *store, uint64_t lowest, uint64_t highest) {
    struct paged places = {0};
    uint64_t span = highest - lowest + 1;
    if (span > 4 * (uint64_t)store->count || !paged_grow(&places, span * sizeof(uint64_t)))
        return false;
    uint64_t *offsets = places.at;
    memset(offsets, 0, span * sizeof *offsets);
    for (size_t i = 0; i < store->count; i++)
        offsets[store->rows[i].number - lowest] = store->rows[i].offset + 1;
    size_t count = 0;
    for (uint64_t i = 0; i < span; i++)
        if (offsets[i])
            store->rows[count++] = (struct store_row){lowest + i, offsets[i] - 1};
    paged_free(&places);
    return true;
}

void store_sort(struct store *store) {
    uint64_t lowest = UINT64_MAX, highest = 0;
    bool sorted = true;
    if (store->map)
        return;
    for (size_t i = 0; i < store->count; i++) {
        uint64_t number = store->rows[i].number;
        sorted &= number >= highest;
        lowest = number < lowest ? number : lowest;
        highest = number > highest ? number : highest;
    }
    if (!sorted && !sort_by_place(store, lowest, highest))
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
    paged_free(&store->paged);
    if (store->spill)
        fclose(store->spill);
}
