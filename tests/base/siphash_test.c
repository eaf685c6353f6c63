/* tests/base/siphash_test.c: SipHash-2-4 against its authors' vectors: key 00 01 … 0f, input of n
 * bytes 00 01 … n-1. And the generator built on it. */
#include "base/base_test.h"

#include "base/random.h"

static void siphash_equals_the_authors_vectors(void **state) {
    (void)state;
    const struct {
        size_t length;
        uint64_t hash;
    } vectors[] = {
        {0, 0x726fdb47dd0e0e31},  {1, 0x74f839c593dc67fd}, {2, 0x0d6c8009d9a94f5a},
        {3, 0x85676696d7fb7e2d},  {4, 0xcf2794e0277187b7}, {5, 0x18765564cd99a68d},
        {6, 0xcbc9466e58fee3ce},  {7, 0xab0200f58b01d137}, {8, 0x93f5f5799a932462},
        {15, 0xa129ca6149be45e5},
    };
    struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    uint8_t input[64];
    for (int i = 0; i < 64; i++)
        input[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        assert_true(rill__siphash(&key, input, vectors[i].length) == vectors[i].hash);
}

static void siphash_depends_on_every_bit_of_key_and_input(void **state) {
    (void)state;
    struct siphash_key key = {1, 2};
    uint8_t input[37] = {0};
    uint64_t seen[400];
    size_t count = 0;
    for (int bit = 0; bit < 128; bit++) {
        struct siphash_key other = key;
        *(bit < 64 ? &other.k0 : &other.k1) ^= UINT64_C(1) << bit % 64;
        seen[count++] = rill__siphash(&other, input, sizeof input);
    }
    for (size_t bit = 0; bit < 8 * sizeof input - 32; bit++) {
        input[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (count < 400)
            seen[count++] = rill__siphash(&key, input, sizeof input);
        input[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            assert_true(seen[i] != seen[k]);
}

int siphash_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_equals_the_authors_vectors),
        cmocka_unit_test(siphash_depends_on_every_bit_of_key_and_input),
    };
    return cmocka_run_group_tests_name("siphash", tests, 0, 0);
}

static void random_below_stays_below_and_reaches_every_value(void **state) {
    (void)state;
    struct random random;
    const uint64_t seed[2] = {1, 2};
    rill__random_init(&random, seed);
    for (uint64_t limit = 1; limit < 40; limit++) {
        uint64_t seen = 0;
        for (int i = 0; i < 1000; i++) {
            uint64_t value = rill__random_below(&random, limit);
            assert_true(value < limit);
            seen |= UINT64_C(1) << value;
        }
        assert_true(seen == (UINT64_C(1) << limit) - 1);
    }
    assert_true(rill__random_below(&random, 1) == 0);
}

static void random_below_has_no_bias(void **state) {
    (void)state;
    struct random random;
    const uint64_t seed[2] = {3, 4};
    rill__random_init(&random, seed);
    /* 3 * 2^62: taken modulo, the first quarter of the values would come twice as often. */
    uint64_t limit = UINT64_C(3) << 62;
    int low = 0, rounds = 30000;
    for (int i = 0; i < rounds; i++)
        low += rill__random_below(&random, limit) < limit / 3;
    assert_in_range(low, 9600, 10400); /* 10,000 ± 4.9 sigma; with the bias 15,000 */
    int buckets[10] = {0};
    for (int i = 0; i < 100000; i++)
        buckets[rill__random_below(&random, 10)]++;
    double chi = 0;
    for (int i = 0; i < 10; i++)
        chi += (buckets[i] - 10000.0) * (buckets[i] - 10000.0) / 10000.0;
    assert_true(chi < 33); /* 9 degrees of freedom, one in 10,000 */
}

static void random_same_seed_same_numbers(void **state) {
    (void)state;
    struct random a, b, c;
    const uint64_t seed[2] = {5, 6}, other[2] = {5, 7};
    rill__random_init(&a, seed);
    rill__random_init(&b, seed);
    rill__random_init(&c, other);
    int equal = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t value = rill__random_next(&a);
        assert_true(value == rill__random_next(&b));
        equal += value == rill__random_next(&c);
    }
    assert_int_equal(equal, 0);
}

int random_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_below_stays_below_and_reaches_every_value),
        cmocka_unit_test(random_below_has_no_bias),
        cmocka_unit_test(random_same_seed_same_numbers),
    };
    return cmocka_run_group_tests_name("random", tests, 0, 0);
}
