/* tests/planted_test.c: a fault planted into the send queue, found by random runs, is there again
 * in the replay of its journal alone; and a program without a fault differs from the journal of one
 * that has it where the fault first shows.
 *
 * The linker puts this file's functions in the place of the real ones (--wrap), so the faults are
 * in this program only. */
#include "sim/mixed.h"
#include "tcp/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum { NONE, BYTE_LOST, UPDATE_LATE } planted;

void __real_rill__send_queue_acked(struct core *core, struct send_queue *queue, rill_seq sequence);
void __wrap_rill__send_queue_acked(struct core *core, struct send_queue *queue, rill_seq sequence);

/* Now and then an acknowledgement within a block counts one byte too many. */
void __wrap_rill__send_queue_acked(struct core *core, struct send_queue *queue, rill_seq sequence) {
    uint32_t acked = sequence - queue->first;
    __real_rill__send_queue_acked(core, queue, sequence);
    if (planted == BYTE_LOST && acked % 61 == 5 && queue->bytes > 100)
        queue->bytes--;
}

bool __real_rill__window_update_due(const struct tcp_host *host,
                                    const struct connection *connection);
bool __wrap_rill__window_update_due(const struct tcp_host *host,
                                    const struct connection *connection);

/* Breaks no invariant: the peer only waits longer. */
bool __wrap_rill__window_update_due(const struct tcp_host *host,
                                    const struct connection *connection) {
    return planted != UPDATE_LATE && __real_rill__window_update_due(host, connection);
}

/* The first random run that a broken invariant ends; its journal is the caller's. */
static uint64_t find(struct test_journal *journal, struct mixed_result *result) {
    for (uint64_t seed = 1; seed < 500; seed++) {
        memset(journal, 0, sizeof *journal);
        mixed_run(seed, 600, journal, result);
        if (result->broken)
            return seed;
        test_journal_close(journal);
    }
    return 0;
}

struct found {
    const char *broken;
    unsigned count;
    int host;
};

static void look(void *context, const struct rill_replay_stack *at) {
    struct found *found = context;
    for (size_t i = 0; i < at->handle_count; i++) {
        const char *broken = rill_tcp_check(at->stack, at->handles[i]);
        if (broken) {
            found->broken = broken;
            found->host = at->number;
            found->count++;
        }
    }
}

/* Runs the journal until its two stacks are closed, and looks at them before. */
static void replay(const struct test_journal *journal, struct found *found,
                   struct rill_replay_result *result) {
    struct test_memory memory = {.fill = 0x33};
    struct rill_replay_config config;
    rill_replay_config_default(&config);
    config.allocator = test_allocator(&memory);
    config.context = found;
    config.at_end = look;
    memset(found, 0, sizeof *found);
    assert_int_equal(rill_journal_replay(journal->bytes, journal->length, &config, result), 0);
    assert_int_equal(memory.live_bytes, 0);
}

static void a_planted_fault_is_reproduced_from_its_journal_alone(void **state) {
    (void)state;
    struct test_journal journal;
    struct mixed_result soak;
    struct found found;
    struct rill_replay_result result;
    planted = BYTE_LOST;
    uint64_t seed = find(&journal, &soak);
    assert_int_not_equal(seed, 0);
    print_message("# seed %llu broke after %llu steps: %s\n", (unsigned long long)seed,
                  (unsigned long long)soak.steps, soak.broken);

    /* Without the last calls, which close the hosts, the replay ends where the fault was found. */
    size_t whole = journal.length;
    journal.length = soak.journal_length;
    replay(&journal, &found, &result);
    assert_int_equal(result.end, RILL_REPLAY_DONE);
    assert_non_null(found.broken);
    assert_string_equal(found.broken, soak.broken);
    assert_int_equal(found.host, soak.host);
    journal.length = whole;
    test_journal_close(&journal);
}

static void a_program_without_the_fault_differs_where_it_shows(void **state) {
    (void)state;
    struct mixed_result soak;
    struct found found;
    struct rill_replay_result result = {0};
    unsigned differ = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct test_journal journal = {0};
        planted = UPDATE_LATE;
        mixed_run(seed, 600, &journal, &soak);
        assert_null(soak.broken);
        replay(&journal, &found, &result);
        assert_int_equal(result.end, RILL_REPLAY_DONE);
        planted = NONE;
        replay(&journal, &found, &result);
        if (result.end == RILL_REPLAY_MISMATCH && !differ++)
            print_message("# seed %llu, call %llu, %s: %s\n", (unsigned long long)seed,
                          (unsigned long long)result.calls, result.call, result.what);
        assert_true(result.end == RILL_REPLAY_DONE || (result.what[0] && result.call));
        test_journal_close(&journal);
    }
    assert_true(differ > 0);
}

/* For a program without the fault to be judged by: --write FILE. */
static int write_one(const char *name) {
    struct test_journal journal = {0};
    struct mixed_result result;
    planted = UPDATE_LATE;
    mixed_run(1, 600, &journal, &result);
    bool ok = test_journal_save(&journal, name);
    test_journal_close(&journal);
    return !ok;
}

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "--write"))
        return write_one(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_planted_fault_is_reproduced_from_its_journal_alone),
        cmocka_unit_test(a_program_without_the_fault_differs_where_it_shows),
    };
    return cmocka_run_group_tests_name("planted", tests, 0, 0);
}
