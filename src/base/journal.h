/* base/journal.h: the format of a journal: records, written as they happen, and read back without
 * trust.
 *
 *     file    = "rilljrnl" version(1) zero(7), then records of any number of stacks
 *     record  = kind(1) stack(1) length(varint) body(length) check(4)
 *     body    = varints, then bytes where the kind has any
 *
 * All little-endian. A varint has seven bits a byte, lowest first, the top bit set on all but the
 * last. `stack` tells stacks that share a file apart. `check` is the low half of the digest of all
 * the records of this stack up to and with this one, so that nothing can be changed or taken away
 * unseen, but for the end. */
#ifndef RILL_BASE_JOURNAL_H
#define RILL_BASE_JOURNAL_H

#include "base/digest.h"
#include <rill/packet.h>

#define JOURNAL_HEADER 16
#define JOURNAL_VERSION 1
#define JOURNAL_VALUES_MAX 128 /* varints in a record */
#define JOURNAL_ROOM 12        /* kind, stack, length */

struct journal_writer {
    void (*write)(void *context, const void *bytes, size_t length);
    void (*ended)(void *context); /* a record is whole; null but in a replay */
    void *context;
    struct digest chain;
    uint8_t stack, kind;
    size_t used; /* of buffer */
    uint8_t buffer[JOURNAL_ROOM + 10 * JOURNAL_VALUES_MAX];
};

/* Begin a record, put values into it, end it with bytes (or none). */
void rill__journal_begin(struct journal_writer *writer, uint8_t kind);
void rill__journal_put(struct journal_writer *writer, uint64_t value);
void rill__journal_put_signed(struct journal_writer *writer, int64_t value);
void rill__journal_end(struct journal_writer *writer, const struct rill_slice *bytes, size_t count);

struct journal_record {
    const uint8_t *start, *body, *check, *next; /* in the file */
    size_t length;                              /* of the body */
    uint8_t kind, stack;
};

enum journal_read {
    JOURNAL_READ,      /* one record */
    JOURNAL_ENDED,     /* no more, and no less */
    JOURNAL_TRUNCATED, /* the last record is not whole */
    JOURNAL_DAMAGED,   /* no record begins here */
};
/* Reads the record at `at`. */
enum journal_read rill__journal_read(const uint8_t *at, const uint8_t *end,
                                     struct journal_record *record);

/* Takes a varint from `*at`; false: there is none. */
bool rill__journal_take(const uint8_t **at, const uint8_t *end, uint64_t *value);

/* Up to `max` varints from a body; those that are not there are 0. Returns where the bytes begin.
 */
const uint8_t *rill__journal_values(const struct journal_record *record, uint64_t *values,
                                    size_t max);

/* Whether `check` is right, given the digest of what this stack wrote before; moves it on. */
bool rill__journal_check(struct digest *chain, const struct journal_record *record);

static inline int64_t journal_signed(uint64_t value) {
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

/* Sizes that mean "without limit" do so whatever a size_t is. */
static inline uint64_t journal_size(size_t size) {
    return size == SIZE_MAX ? UINT64_MAX : size;
}

static inline size_t journal_size_back(uint64_t value) {
    return value > SIZE_MAX ? SIZE_MAX : (size_t)value;
}

#endif
