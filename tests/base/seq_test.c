/* tests/base/seq_test.c: comparison modulo 2^32 (RFC 9293 §3.4). */
#include "base/base_test.h"

#include "base/seq.h"

static const rill_seq bases[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 12345};

static void seq_order_holds_across_the_wrap(void **state) {
    (void)state;
    const uint32_t steps[] = {1, 2, 1000, 0x7ffffffe, 0x7fffffff};
    for (size_t b = 0; b < sizeof bases / sizeof *bases; b++) {
        for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
            rill_seq a = bases[b], c = a + steps[s];
            assert_true(seq_lt(a, c) && seq_leq(a, c) && seq_gt(c, a) && seq_geq(c, a));
            assert_false(seq_lt(c, a) || seq_leq(c, a) || seq_gt(a, c) || seq_geq(a, c));
            assert_int_equal(seq_max(a, c), c);
            assert_int_equal(seq_max(c, a), c);
            assert_int_equal(seq_min(a, c), a);
            assert_int_equal(seq_min(c, a), a);
        }
    }
}

static void seq_equal_is_neither_before_nor_after(void **state) {
    (void)state;
    for (size_t b = 0; b < sizeof bases / sizeof *bases; b++) {
        rill_seq a = bases[b];
        assert_true(seq_leq(a, a) && seq_geq(a, a));
        assert_false(seq_lt(a, a) || seq_gt(a, a));
    }
}

int seq_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seq_order_holds_across_the_wrap),
        cmocka_unit_test(seq_equal_is_neither_before_nor_after),
    };
    return cmocka_run_group_tests_name("seq", tests, 0, 0);
}
