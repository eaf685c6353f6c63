/* base/random.h: a keyed generator: SipHash of a counter. Unpredictable to who does not know the
 * seed, and the same on every machine for the same seed. */
#ifndef RILL_BASE_RANDOM_H
#define RILL_BASE_RANDOM_H

#include "base/siphash.h"

struct random {
    struct siphash_key key;
    uint64_t counter;
};

void rill__random_init(struct random *random, const uint64_t seed[2]);
uint64_t rill__random_next(struct random *random);

/* Uniform in 0 … limit - 1, without bias; limit is not 0. */
uint64_t rill__random_below(struct random *random, uint64_t limit);

#endif
