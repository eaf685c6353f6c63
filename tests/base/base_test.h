/* tests/base/base_test.h: what every file of this suite needs, and the groups. */
#ifndef TESTS_BASE_BASE_TEST_H
#define TESTS_BASE_BASE_TEST_H

#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A generator of the tests' own, so that no tested one makes the tests' choices. */
static inline uint64_t test_next(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

int seq_tests(void);
int checksum_tests(void);
int siphash_tests(void);
int random_tests(void);
int slab_tests(void);
int hash_tests(void);
int wheel_tests(void);
int address_tests(void);

#endif
