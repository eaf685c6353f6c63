/* tests/amalgamation/cmocka.h: as much of cmocka as the tests use that run where cmocka is not:
 * for other processors. A failed assertion ends the test it stands in. */
#ifndef TESTS_AMALGAMATION_CMOCKA_H
#define TESTS_AMALGAMATION_CMOCKA_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

static jmp_buf small_cmocka_failed;

static inline void small_cmocka_check(bool good, const char *text, const char *file, int line) {
    if (good)
        return;
    printf("# %s:%d: %s\n", file, line, text);
    longjmp(small_cmocka_failed, 1);
}

#define assert_true(x) small_cmocka_check((x) ? true : false, #x, __FILE__, __LINE__)
#define assert_false(x) assert_true(!(x))
#define assert_null(x) assert_true((x) == 0)
#define assert_non_null(x) assert_true((x) != 0)
#define assert_int_equal(a, b)                                                                     \
    small_cmocka_check((uint64_t)(a) == (uint64_t)(b), #a " == " #b, __FILE__, __LINE__)
#define assert_int_not_equal(a, b)                                                                 \
    small_cmocka_check((uint64_t)(a) != (uint64_t)(b), #a " != " #b, __FILE__, __LINE__)
#define assert_in_range(x, least, most)                                                            \
    small_cmocka_check((uint64_t)(x) >= (uint64_t)(least) && (uint64_t)(x) <= (uint64_t)(most),    \
                       #x " from " #least " to " #most, __FILE__, __LINE__)
#define assert_memory_equal(a, b, size) assert_int_equal(memcmp((a), (b), (size)), 0)
#define assert_string_equal(a, b) assert_int_equal(strcmp((a), (b)), 0)
#define print_message(...) printf(__VA_ARGS__)
#define print_error(...) printf(__VA_ARGS__)

#define cmocka_unit_test(function)                                                                 \
    { #function, function }
#define cmocka_run_group_tests_name(name, tests, set_up, tear_down)                                \
    small_cmocka_run(name, tests, sizeof(tests) / sizeof *(tests))

static inline int small_cmocka_run(const char *name, const struct CMUnitTest *tests, size_t count) {
    /* longjmp leaves these alone: they lie in memory */
    static size_t i;
    static int failed;
    for (i = 0; i < count; i++) {
        void *state = 0;
        bool good = setjmp(small_cmocka_failed) == 0;
        if (good)
            tests[i].run(&state);
        printf("%s %s: %s\n", good ? "passed" : "failed", name, tests[i].name);
        failed += !good;
    }
    printf("%s: %zu tests, %d failed\n", name, count, failed);
    return failed;
}

#endif
