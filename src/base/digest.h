/* base/digest.h: a 64-bit sum of bytes that come in any number of parts; the same on every machine.
 *
 * It finds damage and differences, and stops no forger. A change within one aligned word of eight
 * bytes always changes it: each step is one-to-one. SipHash would do the same at half the speed. */
#ifndef RILL_BASE_DIGEST_H
#define RILL_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

struct digest {
    uint64_t state, word, length; /* `word`: the bytes not yet absorbed, length % 8 of them */
};

/* All zero is a digest of nothing. */
void rill__digest_add(struct digest *digest, const uint8_t *data, size_t length);

/* The sum of all bytes so far; more may follow. */
uint64_t rill__digest_sum(const struct digest *digest);

#endif
