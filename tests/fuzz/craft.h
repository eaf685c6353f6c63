/* tests/fuzz/craft.h: packets that are meant to hurt, and the world they go to. */
#ifndef TESTS_FUZZ_CRAFT_H
#define TESTS_FUZZ_CRAFT_H

#include "base/random.h"
#include "stack/stack.h"
#include "tcp/host.h"
#include "world.h"

#define FUZZ_KEPT 64
#define FUZZ_OWNED 48
#define FUZZ_BYTES 2048

struct fuzz_bytes {
    size_t length;
    uint8_t data[FUZZ_BYTES];
};

struct fuzz {
    struct test_world test; /* host 1 is the target */
    uint64_t state;         /* of the generator */
    uint64_t round;
    uint32_t packets;
    rill_handle listeners[3], handles[FUZZ_OWNED];
    size_t owned, kept;
    struct fuzz_bytes corpus[FUZZ_KEPT]; /* real segments to the target */
    uint64_t received, dropped;          /* in this round */
    uint64_t all_received, all_dropped;  /* in those before */
    uint64_t reasons[RILL_DROP_COUNT];
};

void fuzz_begin(struct fuzz *fuzz, uint64_t seed, uint64_t round);
uint64_t fuzz_random(struct fuzz *fuzz);
/* 0 ... limit - 1 */
uint32_t fuzz_below(struct fuzz *fuzz, uint64_t limit);

/* The next packet; null when the pool has none. */
struct rill_packet *fuzz_packet(struct fuzz *fuzz);

/* Whether the target may take it without a word: it has a SYN, is a fragment, or may be an
 * echo request. */
bool fuzz_may_be_silent(const struct rill_packet *packet);

#endif
