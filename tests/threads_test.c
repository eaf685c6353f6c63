/* tests/threads_test.c: two threads, a pool and a pair of hosts each, nothing shared (issue 2, item
 * 8). Run under TSan: a global variable anywhere in the library would show. */
#include "world.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 8

struct work {
    uint64_t seed;
    const char *wrong;
    uint64_t finished[ROUNDS]; /* virtual times */
};

static const char *one_round(struct work *work, int round) {
    struct test_world test;
    test_world_init(&test, work->seed + (uint64_t)round);
    test_world_delay(&test, 5 * RILL_MILLISECOND);
    test.ipv6 = round % 2;
    for (int i = 0; i < 2; i++) {
        test.path[i].loss = test.path[i].reorder = test.path[i].corrupt = RILL_CERTAIN / 50;
        test.interface[i].flags = round % 3 ? RILL_INTERFACE_GSO | RILL_INTERFACE_CHECKSUM : 0;
    }
    rill_handle a, b;
    if (test_world_open(&test))
        return "the world did not open";
    if (test_open_pair(&test, test_listen(&test, 1, 80), 80, &a, &b))
        return "no connection";
    const char *wrong = test_transfer(&test, 0, a, b, 300000, 3600 * RILL_SECOND);
    if (!wrong)
        wrong = test_transfer(&test, 1, b, a, 100000, 3600 * RILL_SECOND);
    work->finished[round] = test.world.now;
    test_world_close(&test);
    return !wrong && test.memory.live_bytes ? "memory is left behind" : wrong;
}

static void *run(void *context) {
    struct work *work = context;
    for (int round = 0; round < ROUNDS && !work->wrong; round++)
        work->wrong = one_round(work, round);
    return 0;
}

static void two_threads_with_hosts_of_their_own_share_nothing(void **state) {
    (void)state;
    struct work works[3];
    pthread_t threads[2];
    memset(works, 0, sizeof works);
    works[0].seed = works[1].seed = works[2].seed = 1;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], 0, run, &works[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], 0);
    run(&works[2]);
    for (int i = 0; i < 3; i++)
        assert_null(works[i].wrong);
    /* What another thread does is not felt: three times the same. */
    assert_memory_equal(works[0].finished, works[2].finished, sizeof works[0].finished);
    assert_memory_equal(works[1].finished, works[2].finished, sizeof works[0].finished);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_threads_with_hosts_of_their_own_share_nothing),
    };
    return cmocka_run_group_tests_name("threads", tests, 0, 0);
}
