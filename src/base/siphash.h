/* base/siphash.h: SipHash-2-4, a keyed hash that a peer who does not know the key cannot steer
 * (Aumasson and Bernstein, 2012; RFC 6528 §3 and RFC 6056 §3.3.3 ask for such a function). */
#ifndef RILL_BASE_SIPHASH_H
#define RILL_BASE_SIPHASH_H

#include <rill/base.h>

struct siphash_key {
    uint64_t k0, k1;
};

uint64_t rill__siphash(const struct siphash_key *key, const uint8_t *data, size_t length);

#endif
