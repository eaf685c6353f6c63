/* base/random.c: see random.h. */
#include "base/random.h"

void rill__random_init(struct random *random, const uint64_t seed[2]) {
    random->key.k0 = seed[0];
    random->key.k1 = seed[1];
    random->counter = 0;
}

uint64_t rill__random_next(struct random *random) {
    uint64_t counter = random->counter++;
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(counter >> (8 * i));
    return rill__siphash(&random->key, bytes, sizeof bytes);
}

uint64_t rill__random_below(struct random *random, uint64_t limit) {
    uint64_t rest = (0 - limit) % limit; /* 2^64 mod limit: values below it would be favoured */
    uint64_t value;
    do {
        value = rill__random_next(random);
    } while (value < rest);
    return value % limit;
}
