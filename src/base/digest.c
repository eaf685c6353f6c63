/* base/digest.c: see digest.h. */
#include "base/digest.h"

#include "base/bytes.h"

#define MULTIPLIER UINT64_C(0xd6e8feb86659fd93) /* odd: multiplying by it is one-to-one */

static inline uint64_t absorb(uint64_t state, uint64_t word) {
    state = (state ^ word) * MULTIPLIER;
    return state ^ state >> 32;
}

void rill__digest_add(struct digest *digest, const uint8_t *data, size_t length) {
    unsigned filled = digest->length % 8;
    digest->length += length;
    while (filled && length) {
        digest->word |= (uint64_t)*data++ << (8 * filled);
        length--;
        filled = (filled + 1) % 8;
        if (!filled) {
            digest->state = absorb(digest->state, digest->word);
            digest->word = 0;
        }
    }
    for (; length >= 8; length -= 8, data += 8)
        digest->state = absorb(digest->state, bytes_get64_little(data));
    for (size_t i = 0; i < length; i++)
        digest->word |= (uint64_t)data[i] << (8 * i);
}

uint64_t rill__digest_sum(const struct digest *digest) {
    return absorb(absorb(digest->state, digest->word), digest->length);
}
