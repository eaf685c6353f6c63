/* tests/base/checksum_test.c: the checksum against one that adds 16-bit words one by one. */
#include "base/base_test.h"

#include "base/checksum.h"

/* RFC 1071 §1, word by word, in network order; the result as two bytes. */
static uint16_t naive(const uint8_t *data, size_t length) {
    uint32_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        sum += i & 1 ? data[i] : (uint32_t)data[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}

static uint16_t as_network(uint16_t folded) {
    uint8_t bytes[2];
    rill__checksum_store(bytes, folded);
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void fill(uint8_t *data, size_t length, int kind) {
    uint64_t seed = 88172645463325252u;
    for (size_t i = 0; i < length; i++)
        data[i] = kind == 0 ? 0xff : kind == 1 ? 0 : (uint8_t)test_next(&seed);
}

static void checksum_every_length_and_alignment_equals_the_naive_one(void **state) {
    (void)state;
    static uint8_t data[700];
    for (int kind = 0; kind < 3; kind++) {
        fill(data, sizeof data, kind);
        for (size_t at = 0; at < 9; at++)
            for (size_t length = 0; length < 600; length++)
                assert_int_equal(
                    as_network(rill__checksum_fold(rill__checksum_add(0, data + at, length))),
                    naive(data + at, length));
    }
}

static void checksum_of_64_kib_of_ones_loses_no_carry(void **state) {
    (void)state;
    uint8_t *data = malloc(1 << 20);
    memset(data, 0xff, 1 << 20);
    for (size_t length = (1 << 20) - 70; length <= 1 << 20; length++)
        assert_int_equal(as_network(rill__checksum_fold(rill__checksum_add(0, data, length))),
                         naive(data, length));
    free(data);
}

static void checksum_of_odd_pieces_chained_equals_the_whole(void **state) {
    (void)state;
    static uint8_t data[2000];
    uint64_t seed = 1234567;
    fill(data, sizeof data, 2);
    for (int round = 0; round < 2000; round++) {
        size_t length = test_next(&seed) % sizeof data, at = 0;
        uint64_t sum = 0;
        while (at < length) {
            size_t part = 1 + test_next(&seed) % 97;
            part = part < length - at ? part : length - at;
            sum = rill__checksum_add_at(sum, data + at, part, at);
            at += part;
        }
        assert_int_equal(as_network(rill__checksum_fold(sum)), naive(data, length));
    }
}

static void checksum_stored_makes_the_whole_all_ones(void **state) {
    (void)state;
    uint8_t data[40];
    uint64_t seed = 99;
    for (int round = 0; round < 1000; round++) {
        for (size_t i = 0; i < sizeof data; i++)
            data[i] = (uint8_t)test_next(&seed);
        data[10] = data[11] = 0;
        uint16_t sum = rill__checksum_fold(rill__checksum_add(0, data, sizeof data));
        rill__checksum_store(data + 10, (uint16_t)~sum);
        assert_int_equal(rill__checksum_fold(rill__checksum_add(0, data, sizeof data)), 0xffff);
        data[round % 40] ^= 1; /* and one bit turned over is seen */
        assert_int_not_equal(rill__checksum_fold(rill__checksum_add(0, data, sizeof data)), 0xffff);
    }
}

int checksum_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksum_every_length_and_alignment_equals_the_naive_one),
        cmocka_unit_test(checksum_of_64_kib_of_ones_loses_no_carry),
        cmocka_unit_test(checksum_of_odd_pieces_chained_equals_the_whole),
        cmocka_unit_test(checksum_stored_makes_the_whole_all_ones),
    };
    return cmocka_run_group_tests_name("checksum", tests, 0, 0);
}
