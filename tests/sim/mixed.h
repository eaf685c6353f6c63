/* tests/sim/mixed.h: two hosts that do anything: every public call, in any order, on any handle,
 * over any path, with memory that fails. What comes of it is of no interest; that nothing breaks
 * is, and that it can be played again. */
#ifndef TESTS_SIM_MIXED_H
#define TESTS_SIM_MIXED_H

#include "world.h"

struct mixed_result {
    const char *broken; /* the invariant that was found broken, or null */
    int host;           /* whose */
    uint64_t steps;
    uint64_t failures;     /* of memory */
    size_t journal_length; /* before the hosts are closed */
};

/* One run; the same for the same seed. */
void mixed_run(uint64_t seed, uint32_t steps, struct test_journal *journal,
               struct mixed_result *result);

#endif
