/* base/journal.c: see journal.h. */
#include "base/journal.h"

#include "base/assert.h"
#include <rill/journal.h>
#include <string.h>

size_t rill_journal_begin(uint8_t *out) {
    memset(out, 0, JOURNAL_HEADER);
    memcpy(out, "rilljrnl", 8);
    out[8] = JOURNAL_VERSION;
    return JOURNAL_HEADER;
}

static size_t put_varint(uint8_t *out, uint64_t value) {
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        out[n++] = (uint8_t)(value | 0x80);
    out[n++] = (uint8_t)value;
    return n;
}

void rill__journal_begin(struct journal_writer *writer, uint8_t kind) {
    writer->kind = kind;
    writer->used = JOURNAL_ROOM;
}

void rill__journal_put(struct journal_writer *writer, uint64_t value) {
    RILL_ASSERT(writer->used + 10 <= sizeof writer->buffer);
    writer->used += put_varint(writer->buffer + writer->used, value);
}

void rill__journal_put_signed(struct journal_writer *writer, int64_t value) {
    rill__journal_put(writer, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

static void give(struct journal_writer *writer, const uint8_t *bytes, size_t length) {
    if (!length)
        return;
    rill__digest_add(&writer->chain, bytes, length);
    writer->write(writer->context, bytes, length);
}

void rill__journal_end(struct journal_writer *writer, const struct rill_slice *bytes,
                       size_t count) {
    size_t length = writer->used - JOURNAL_ROOM;
    for (size_t i = 0; i < count; i++)
        length += bytes[i].length;
    uint8_t head[JOURNAL_ROOM] = {writer->kind, writer->stack};
    size_t n = 2 + put_varint(head + 2, length);
    uint8_t *start = writer->buffer + JOURNAL_ROOM - n;
    memcpy(start, head, n);
    give(writer, start, writer->used - (JOURNAL_ROOM - n));
    for (size_t i = 0; i < count; i++)
        give(writer, bytes[i].data, bytes[i].length);
    uint64_t sum = rill__digest_sum(&writer->chain);
    uint8_t check[4] = {(uint8_t)sum, (uint8_t)(sum >> 8), (uint8_t)(sum >> 16),
                        (uint8_t)(sum >> 24)};
    writer->write(writer->context, check, sizeof check);
    if (writer->ended)
        writer->ended(writer->context);
}

bool rill__journal_take(const uint8_t **at, const uint8_t *end, uint64_t *value) {
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        if (shift == 63 && byte > 1)
            return false;
        result |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *value = result;
            return true;
        }
    }
    return false;
}

enum journal_read rill__journal_read(const uint8_t *at, const uint8_t *end,
                                     struct journal_record *record) {
    if (at == end)
        return JOURNAL_ENDED;
    if (end - at < 2)
        return JOURNAL_TRUNCATED;
    uint64_t length;
    const uint8_t *body = at + 2;
    if (!rill__journal_take(&body, end, &length))
        return body == end ? JOURNAL_TRUNCATED : JOURNAL_DAMAGED;
    if (length > (uint64_t)(end - body) || (uint64_t)(end - body) - length < 4)
        return JOURNAL_TRUNCATED;
    record->start = at;
    record->body = body;
    record->check = body + length;
    record->next = body + length + 4;
    record->length = (size_t)length;
    record->kind = at[0];
    record->stack = at[1];
    return JOURNAL_READ;
}

const uint8_t *rill__journal_values(const struct journal_record *record, uint64_t *values,
                                    size_t max) {
    const uint8_t *at = record->body, *end = record->body + record->length;
    memset(values, 0, max * sizeof *values);
    for (size_t i = 0; i < max && rill__journal_take(&at, end, &values[i]); i++)
        ;
    return at;
}

bool rill__journal_check(struct digest *chain, const struct journal_record *record) {
    rill__digest_add(chain, record->start, (size_t)(record->check - record->start));
    uint64_t sum = rill__digest_sum(chain);
    for (int i = 0; i < 4; i++)
        if (record->check[i] != (uint8_t)(sum >> (8 * i)))
            return false;
    return true;
}
