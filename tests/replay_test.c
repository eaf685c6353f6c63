/* tests/replay_test.c: a thousand journals of random runs, each played again bit for bit. */
#include "sim/grid.h"
#include "sim/mixed.h"
#include "stack/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POINTS 400
#define MIXED 600
#define STEPS 600

static uint64_t seen[256]; /* records of each kind */

static void count_kinds(const struct test_journal *journal) {
    struct journal_record record;
    const uint8_t *at = journal->bytes + RILL_JOURNAL_HEADER,
                  *end = journal->bytes + journal->length;
    for (; rill__journal_read(at, end, &record) == JOURNAL_READ; at = record.next)
        seen[record.kind]++;
}

/* Plays it; gives 1 and says so if it is not the same. */
static unsigned replay(struct test_journal *journal, const char *what, uint64_t number,
                       struct rill_replay_result *total) {
    struct rill_replay_result result;
    test_journal_replay(journal, &result);
    count_kinds(journal);
    total->calls += result.calls;
    total->packets_in += result.packets_in;
    total->requests_failed += result.requests_failed;
    if (result.end == RILL_REPLAY_DONE)
        return 0;
    print_message("# %s %llu: %s: %s; call %llu (%s of stack %u), byte %llu of %zu\n", what,
                  (unsigned long long)number, rill_replay_end_text(result.end), result.what,
                  (unsigned long long)result.calls, result.call, result.number,
                  (unsigned long long)result.offset, journal->length);
    return 1;
}

static struct point *points(void) {
    static struct point list[POINTS];
    grid_points(list, POINTS, 5);
    for (size_t i = 0; i < POINTS; i++)
        list[i].default_limits = i % 2;
    return list;
}

static void journals_of_the_grid_are_played_bit_for_bit(void **state) {
    (void)state;
    struct rill_replay_result total = {0};
    struct point *list = points();
    unsigned failed = 0;
    for (size_t i = 0; i < POINTS; i++) {
        struct test_journal journal = {0};
        struct point_result result;
        list[i].journal = &journal;
        point_run(&list[i], &result);
        failed += replay(&journal, "point", i, &total);
        test_journal_close(&journal);
    }
    print_message("# %d points: %llu calls, %llu packets\n", POINTS,
                  (unsigned long long)total.calls, (unsigned long long)total.packets_in);
    assert_int_equal(failed, 0);
}

static void journals_of_anything_are_played_bit_for_bit(void **state) {
    (void)state;
    struct rill_replay_result total = {0};
    unsigned failed = 0;
    for (uint64_t seed = 1; seed <= MIXED; seed++) {
        struct test_journal journal = {0};
        struct mixed_result result;
        mixed_run(seed, STEPS, &journal, &result);
        if (result.broken)
            print_message("# seed %llu: %s\n", (unsigned long long)seed, result.broken);
        failed += result.broken || replay(&journal, "seed", seed, &total);
        test_journal_close(&journal);
    }
    print_message("# %d mixed runs: %llu calls, %llu packets, %llu requests for memory failed\n",
                  MIXED, (unsigned long long)total.calls, (unsigned long long)total.packets_in,
                  (unsigned long long)total.requests_failed);
    assert_int_equal(failed, 0);
    assert_true(total.requests_failed > MIXED);
}

/* Otherwise a call could be recorded wrongly, and nobody would see. */
static void every_kind_of_call_was_among_them(void **state) {
    (void)state;
    unsigned missing = 0;
#define LOOK(number, name)                                                                         \
    if (!seen[number]) {                                                                           \
        print_message("# never called: rill_%s\n", #name);                                         \
        missing++;                                                                                 \
    }
    JOURNAL_CALLS(LOOK)
#undef LOOK
    for (int kind = JOURNAL_RESULT; kind <= JOURNAL_DATA; kind++)
        missing += !seen[kind];
    assert_int_equal(missing, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(journals_of_the_grid_are_played_bit_for_bit),
        cmocka_unit_test(journals_of_anything_are_played_bit_for_bit),
        cmocka_unit_test(every_kind_of_call_was_among_them),
    };
    return cmocka_run_group_tests_name("replay", tests, 0, 0);
}
