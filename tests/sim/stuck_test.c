/* tests/sim/stuck_test.c: connections that once came to a halt, or nearly so, each by its story. */
#include "sim/point.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_within(const struct point *point, rill_time limit) {
    struct point_result result;
    point_run(point, &result);
    if (!result.done || result.time > limit)
        print_error("# %s; %.3f s\n", result.message, (double)result.time / 1e9);
    assert_true(result.done);
    assert_true(result.time <= limit);
}

/* Both sides have filled the other's window of one byte and sent a FIN or a probe beyond it. All
 * they say then lies outside of that window, or repeats what is there: by the letter of RFC 9293
 * each drops the other's acknowledgements for ever (found by the path grid, without any loss). */
static void two_ends_beyond_each_others_window_still_hear_each_other(void **state) {
    (void)state;
    struct point point = {.rtt = 10 * RILL_MILLISECOND,
                          .mtu = 1500,
                          .window = 1,
                          .batch = 64,
                          .lazy = true,
                          .direction = POINT_BOTH_SEND};
    for (point.seed = 1; point.seed <= 10; point.seed++) {
        for (int i = 0; i < 4; i++) {
            point.plain = i & 1;
            point.orphan = i & 2;
            expect_within(&point, 200 * (2 * 320 + 250) * RILL_MILLISECOND);
        }
    }
}

/* Takes all that a host has to say; keeps only what carries data, or only what does not. */
static size_t output(struct test_world *test, int host, struct rill_packet **kept, bool data) {
    struct rill_packet *packets[64];
    size_t n = rill_output(test->world.stacks[host], 0, packets, 64, SIZE_MAX, 0), count = 0;
    for (size_t i = 0; i < n; i++) {
        if ((packets[i]->slice_count > 0) == data)
            kept[count++] = packets[i];
        else
            rill_packet_drop(packets[i]);
    }
    return count;
}

/* The peer has used up our window, and one segment of it is lost: what it says without data stands
 * at the window's right edge, and is the only news of what we have sent. */
static void ack_at_the_right_edge_of_a_full_window_counts(void **state) {
    (void)state;
    enum { WINDOW = 10 * 1448 };
    static const uint8_t bytes[WINDOW];
    static struct test_world test;
    test_world_init(&test, 1);
    test.config[1].receive_buffer = WINDOW;
    test.config[0].sack = false; /* else what is lost goes again, and carries the ACK */
    assert_int_equal(test_world_open(&test), 0);
    rill_handle a, b;
    assert_int_equal(test_open_pair(&test, test_listen(&test, 1, 80), 80, &a, &b), 0);
    assert_int_equal(rill_tcp_send(test.world.stacks[0], a, bytes, WINDOW), WINDOW);
    struct rill_packet *packets[64];
    assert_int_equal(output(&test, 0, packets, true), 10);
    rill_packet_drop(packets[0]);
    rill_input(test.world.stacks[1], 0, packets + 1, 9, 0);
    assert_int_equal(rill_tcp_send(test.world.stacks[1], b, bytes, 1000), 1000);
    assert_int_equal(output(&test, 1, packets, true), 1); /* the duplicate ACKs are lost */
    rill_input(test.world.stacks[0], 0, packets, 1, 0);
    assert_int_equal(output(&test, 0, packets, false), 1);
    rill_input(test.world.stacks[1], 0, packets, 1, 0);
    struct rill_tcp_info info;
    assert_int_equal(rill_tcp_get_info(test.world.stacks[1], b, &info), 0);
    assert_int_equal(info.in_flight, 0);
    assert_int_equal(info.send_queued, 0);
    test_world_close(&test);
}

/* An acknowledgement is lost and the segment comes again: the answer has to echo the second one's
 * timestamp, or all the time since the first counts as a round trip, and the timeout grows with
 * each loss up to its ceiling (1 MB at 20 % loss took four hours instead of three minutes). */
static void lost_acknowledgements_do_not_blow_up_the_timeout(void **state) {
    (void)state;
    struct point point = {.rtt = 100 * RILL_MILLISECOND,
                          .loss = RILL_CERTAIN / 5,
                          .mtu = 1500,
                          .window = 1u << 20,
                          .batch = 64};
    for (point.seed = 1; point.seed <= 10; point.seed++)
        expect_within(&point, 600 * RILL_SECOND);
}

/* A reader that has gone to sleep, and a writer of single bytes. The window field counts in steps
 * of 2^scale and is rounded up, so as not to take a promise back; were each rounding a new promise,
 * the window would never shut. */
static void sleeping_reader_holds_no_more_than_its_buffer(void **state) {
    (void)state;
    enum { BUFFER = 300000, SCALE = 3 };
    static struct test_world test;
    static const uint8_t bytes[BUFFER];
    test_world_init(&test, 1);
    test.config[0].send_buffer = 2 * BUFFER;
    test.config[1].receive_buffer = BUFFER;
    assert_int_equal(test_world_open(&test), 0);
    rill_handle a, b;
    assert_int_equal(test_open_pair(&test, test_listen(&test, 1, 80), 80, &a, &b), 0);
    assert_int_equal(rill_tcp_set_option(test.world.stacks[0], a, RILL_TCP_OPTION_NODELAY, 1), 0);
    assert_int_equal(rill_tcp_send(test.world.stacks[0], a, bytes, BUFFER - 50), BUFFER - 50);
    test_run(&test, RILL_SECOND);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(rill_tcp_send(test.world.stacks[0], a, bytes, 1), 1);
        test_run(&test, 50 * RILL_MILLISECOND);
        assert_null(rill_tcp_check(test.world.stacks[1], b));
    }
    struct rill_tcp_info info;
    assert_int_equal(rill_tcp_get_info(test.world.stacks[1], b, &info), 0);
    assert_true(info.receive_queued > BUFFER - 50);
    assert_true(info.receive_queued < BUFFER + (1 << SCALE));
    /* It wakes up, and all of it comes. */
    static uint8_t buffer[4096];
    uint64_t got = 0;
    rill_time limit = test.world.now + 1000 * RILL_SECOND;
    while (got < BUFFER - 50 + 3000) {
        int64_t n = rill_tcp_receive(test.world.stacks[1], b, buffer, sizeof buffer);
        got += n > 0 ? (uint64_t)n : 0;
        if (n == RILL_ERROR_AGAIN)
            assert_true(rill_virtual_step(&test.world, limit));
    }
    test_world_close(&test);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_ends_beyond_each_others_window_still_hear_each_other),
        cmocka_unit_test(ack_at_the_right_edge_of_a_full_window_counts),
        cmocka_unit_test(lost_acknowledgements_do_not_blow_up_the_timeout),
        cmocka_unit_test(sleeping_reader_holds_no_more_than_its_buffer),
    };
    return cmocka_run_group_tests_name("stuck", tests, 0, 0);
}
