/* tests/journal_test.c: what a journal's reader makes of journals that are cut off, damaged or
 * meant to hurt. Run under ASan. */
#include "base/journal.h"
#include "base/random.h"
#include "sim/mixed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MUTATIONS 10000

static struct test_journal record(uint64_t seed, uint32_t steps) {
    struct test_journal journal = {0};
    struct mixed_result result;
    mixed_run(seed, steps, &journal, &result);
    assert_null(result.broken);
    return journal;
}

/* Replays; nothing may be left of it. Returns what rill_journal_replay does. */
static int replay(const uint8_t *bytes, size_t length, bool ignore_checks, uint64_t memory_max,
                  struct rill_replay_result *result) {
    struct test_memory memory = {.fill = 0x77};
    struct rill_replay_config config;
    rill_replay_config_default(&config);
    config.allocator = test_allocator(&memory);
    config.ignore_checks = ignore_checks;
    config.memory_max = memory_max;
    int error = rill_journal_replay(bytes, length, &config, result);
    assert_int_equal(memory.live_bytes, 0);
    assert_int_equal(memory.live_blocks, 0);
    assert_in_range(memory.peak_bytes, 0, memory_max);
    return error;
}

static void a_digest_does_not_see_where_parts_meet(void **state) {
    (void)state;
    uint8_t bytes[257];
    const uint64_t key[2] = {1, 2};
    struct random random;
    rill__random_init(&random, key);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = test_byte(3, i);
    for (size_t length = 0; length <= sizeof bytes; length++) {
        struct digest whole = {0}, parts = {0};
        rill__digest_add(&whole, bytes, length);
        for (size_t at = 0; at < length;) {
            size_t n = 1 + (size_t)rill__random_below(&random, 20);
            n = n < length - at ? n : length - at;
            rill__digest_add(&parts, bytes + at, n);
            at += n;
        }
        assert_true(rill__digest_sum(&whole) == rill__digest_sum(&parts));
        for (size_t i = 0; i < length; i++) {
            struct digest other = {0};
            bytes[i] ^= 1;
            rill__digest_add(&other, bytes, length);
            bytes[i] ^= 1;
            assert_true(rill__digest_sum(&other) != rill__digest_sum(&whole));
        }
    }
}

static void every_number_is_read_as_it_was_written(void **state) {
    (void)state;
    struct rill_slice out = {0};
    static uint8_t bytes[2000];
    for (int bit = 0; bit < 64; bit++) {
        for (int more = -1; more < 2; more++) {
            struct test_journal journal = {0};
            uint64_t value = (UINT64_C(1) << bit) + (uint64_t)more, back;
            struct rill_stack_config sink = {0};
            test_journal_attach(&journal, &sink, 0);
            struct journal_writer writer = {.write = sink.journal, .context = &journal};
            rill__journal_begin(&writer, 9);
            rill__journal_put(&writer, value);
            rill__journal_put_signed(&writer, (int64_t)value);
            out = (struct rill_slice){bytes, (size_t)bit * 30, 0};
            rill__journal_end(&writer, &out, 1);
            struct journal_record read;
            const uint8_t *at = journal.bytes + RILL_JOURNAL_HEADER;
            const uint8_t *end = journal.bytes + journal.length;
            struct digest chain = {0};
            assert_int_equal(rill__journal_read(at, end, &read), JOURNAL_READ);
            assert_true(rill__journal_check(&chain, &read));
            assert_true(read.next == end && read.kind == 9);
            at = read.body;
            assert_true(rill__journal_take(&at, read.check, &back) && back == value);
            assert_true(rill__journal_take(&at, read.check, &back));
            assert_true(journal_signed(back) == (int64_t)value);
            assert_int_equal(read.check - at, bit * 30);
            test_journal_close(&journal);
        }
    }
}

static void a_journal_cut_off_anywhere_is_right_as_far_as_it_goes(void **state) {
    (void)state;
    struct test_journal journal = record(4, 12);
    struct rill_replay_result result;
    uint64_t calls = 0;
    print_message("# %zu bytes\n", journal.length);
    for (size_t length = 0; length <= journal.length; length++) {
        uint8_t *cut = malloc(length ? length : 1); /* so that ASan sees a step beyond */
        assert_non_null(cut);
        memcpy(cut, journal.bytes, length);
        int error = replay(cut, length, false, 1u << 30, &result);
        free(cut);
        if (length < RILL_JOURNAL_HEADER) {
            assert_int_equal(error, RILL_ERROR_ARGUMENT);
            continue;
        }
        assert_int_equal(error, 0);
        if (result.end != RILL_REPLAY_DONE)
            assert_int_equal(result.end, RILL_REPLAY_TRUNCATED);
        assert_true(result.calls >= calls || result.calls + 1 >= calls);
        calls = result.calls;
    }
    assert_int_equal(result.end, RILL_REPLAY_DONE);
    test_journal_close(&journal);
}

static void a_changed_byte_is_seen(void **state) {
    (void)state;
    struct test_journal journal = record(7, 40);
    struct rill_replay_result result;
    const uint64_t key[2] = {5, 5};
    struct random random;
    unsigned ends[RILL_REPLAY_END_COUNT] = {0};
    rill__random_init(&random, key);
    print_message("# %zu bytes\n", journal.length);
    for (int i = 0; i < MUTATIONS; i++) {
        size_t at = (size_t)rill__random_below(&random, journal.length);
        uint8_t flip = (uint8_t)(1 + rill__random_below(&random, 255));
        journal.bytes[at] ^= flip;
        if (replay(journal.bytes, journal.length, false, 1u << 30, &result) == 0) {
            assert_int_not_equal(result.end, RILL_REPLAY_DONE);
            ends[result.end]++;
        } else {
            assert_in_range(at, 0, RILL_JOURNAL_HEADER - 1);
        }
        journal.bytes[at] ^= flip;
    }
    for (int end = 0; end < RILL_REPLAY_END_COUNT; end++)
        print_message("# %u: %s\n", ends[end], rill_replay_end_text((enum rill_replay_end)end));
    test_journal_close(&journal);
}

/* Bytes changed, runs of them doubled and taken out. */
static size_t mutate(struct random *random, uint8_t *bytes, size_t length, size_t capacity) {
    for (uint64_t n = 1 + rill__random_below(random, 4); n-- > 0;) {
        size_t at =
            RILL_JOURNAL_HEADER + (size_t)rill__random_below(random, length - RILL_JOURNAL_HEADER);
        size_t run = 1 + (size_t)rill__random_below(random, 100);
        switch (rill__random_below(random, 8)) {
        case 0:
            if (length + run <= capacity && at + run <= length) {
                memmove(bytes + at + run, bytes + at, length - at);
                length += run;
            }
            break;
        case 1:
            if (at + run < length) {
                memmove(bytes + at, bytes + at + run, length - at - run);
                length -= run;
            }
            break;
        case 2:
            bytes[at] = (uint8_t)(rill__random_below(random, 2) ? 0xff : 0);
            break;
        default:
            bytes[at] ^= (uint8_t)(1u << rill__random_below(random, 8));
            break;
        }
    }
    return length;
}

/* With the checks ignored, false numbers reach the calls. */
static void false_journals_do_no_harm(void **state) {
    (void)state;
    struct rill_replay_result result;
    const uint64_t key[2] = {6, 6};
    struct random random;
    unsigned ends[RILL_REPLAY_END_COUNT] = {0};
    uint64_t calls = 0;
    rill__random_init(&random, key);
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct test_journal journal = record(seed, 60);
        size_t capacity = journal.length + 400;
        uint8_t *bytes = malloc(capacity);
        assert_non_null(bytes);
        for (int i = 0; i < MUTATIONS / 50; i++) {
            memcpy(bytes, journal.bytes, journal.length);
            size_t length = mutate(&random, bytes, journal.length, capacity);
            if (replay(bytes, length, true, 64u << 20, &result) == 0) {
                ends[result.end]++;
                calls += result.calls;
            }
        }
        free(bytes);
        test_journal_close(&journal);
    }
    for (int end = 0; end < RILL_REPLAY_END_COUNT; end++)
        print_message("# %u: %s\n", ends[end], rill_replay_end_text((enum rill_replay_end)end));
    print_message("# %llu calls\n", (unsigned long long)calls);
    assert_true(ends[RILL_REPLAY_MISMATCH] > 0 && ends[RILL_REPLAY_DAMAGED] > 0);
}

static void what_is_no_journal_is_refused(void **state) {
    (void)state;
    struct rill_replay_result result;
    uint8_t bytes[64] = {0};
    assert_int_equal(replay(bytes, 0, false, 1u << 20, &result), RILL_ERROR_ARGUMENT);
    assert_int_equal(replay(bytes, 64, false, 1u << 20, &result), RILL_ERROR_ARGUMENT);
    size_t length = rill_journal_begin(bytes);
    assert_int_equal(length, RILL_JOURNAL_HEADER);
    assert_int_equal(replay(bytes, length, false, 1u << 20, &result), 0);
    assert_int_equal(result.end, RILL_REPLAY_DONE);
    assert_int_equal(result.calls, 0);
    memset(bytes + length, 0xff, sizeof bytes - length); /* a length without an end */
    assert_int_equal(replay(bytes, sizeof bytes, false, 1u << 20, &result), 0);
    assert_int_equal(result.end, RILL_REPLAY_DAMAGED);
    bytes[8] = 99; /* another version */
    assert_int_equal(replay(bytes, length, false, 1u << 20, &result), RILL_ERROR_ARGUMENT);
}

static void a_replay_stays_within_its_memory(void **state) {
    (void)state;
    struct test_journal journal = record(3, 200);
    struct rill_replay_result result;
    assert_int_equal(replay(journal.bytes, journal.length, false, 10, &result), RILL_ERROR_MEMORY);
    for (uint64_t most = 2000; most < 200000; most *= 2) {
        int error = replay(journal.bytes, journal.length, false, most, &result);
        assert_true(error == 0 && result.end == RILL_REPLAY_MEMORY);
    }
    assert_int_equal(replay(journal.bytes, journal.length, false, 1u << 30, &result), 0);
    assert_int_equal(result.end, RILL_REPLAY_DONE);
    test_journal_close(&journal);
}

static void count_stacks(void *context, const struct rill_replay_stack *at) {
    (void)at;
    ++*(unsigned *)context;
}

static void a_replay_stops_at_a_time(void **state) {
    (void)state;
    struct test_journal journal = record(3, 300);
    struct test_memory memory = {0};
    struct rill_replay_config config;
    struct rill_replay_result whole, part;
    unsigned stacks = 0;
    rill_replay_config_default(&config);
    config.allocator = test_allocator(&memory);
    config.context = &stacks;
    config.at_end = count_stacks;
    assert_int_equal(rill_journal_replay(journal.bytes, journal.length, &config, &whole), 0);
    assert_int_equal(stacks, 0); /* all were closed */
    config.until = whole.last / 2;
    assert_int_equal(rill_journal_replay(journal.bytes, journal.length, &config, &part), 0);
    assert_int_equal(part.end, RILL_REPLAY_UNTIL);
    assert_int_equal(stacks, 2);
    assert_true(part.last <= config.until && part.calls < whole.calls);
    test_journal_close(&journal);
}

static void a_host_without_memory_for_its_journal_does_not_open(void **state) {
    (void)state;
    struct test_journal journal = {0};
    struct test_world test;
    test_world_init(&test, 1);
    test.journal = &journal;
    for (uint64_t n = 1;; n++) {
        test.memory = (struct test_memory){.fail_at = n};
        int error = test_world_open(&test);
        bool failed = test.memory.failed;
        test_world_close(&test);
        assert_int_equal(test.memory.live_bytes, 0);
        assert_int_equal(error, failed ? RILL_ERROR_MEMORY : 0);
        if (!failed)
            break;
    }
    struct rill_replay_result result;
    test_journal_replay(&journal, &result);
    assert_int_equal(result.end, RILL_REPLAY_DONE);
    assert_true(result.requests_failed > 0);
    test_journal_close(&journal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digest_does_not_see_where_parts_meet),
        cmocka_unit_test(every_number_is_read_as_it_was_written),
        cmocka_unit_test(a_journal_cut_off_anywhere_is_right_as_far_as_it_goes),
        cmocka_unit_test(a_changed_byte_is_seen),
        cmocka_unit_test(false_journals_do_no_harm),
        cmocka_unit_test(what_is_no_journal_is_refused),
        cmocka_unit_test(a_replay_stays_within_its_memory),
        cmocka_unit_test(a_replay_stops_at_a_time),
        cmocka_unit_test(a_host_without_memory_for_its_journal_does_not_open),
    };
    return cmocka_run_group_tests_name("journal", tests, 0, 0);
}
