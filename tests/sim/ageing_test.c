/* Time in all its forms, in virtual time: idle months, a clock near its middle, every level of the
 * wheel, a suspended machine, steps of zero. */
#include "tcp/segment.h"

#define HOUR (3600 * RILL_SECOND)
#define DAY (24 * HOUR)

static void open_at(struct test_world *test, rill_time start, rill_handle *a, rill_handle *b) {
    assert_int_equal(test_world_open(test), 0);
    test->world.now = start;
    rill_handle listener = test_listen(test, 1, 80);
    assert_int_equal(test_open_pair(test, listener, 80, a, b), 0);
}

static void close_world(struct test_world *test) {
    test_world_close(test);
    assert_int_equal(test->memory.live_bytes, 0);
}

/* Moves some bytes and leaves the connection open. */
static void carry(struct test_world *test, int from, rill_handle sender, rill_handle receiver,
                  size_t bytes) {
    uint8_t buffer[2000];
    size_t sent = 0, got = 0;
    rill_time until = test->world.now + 300 * RILL_SECOND;
    memset(buffer, 'x', sizeof buffer);
    while (got < bytes) {
        size_t part = bytes - sent < sizeof buffer ? bytes - sent : sizeof buffer;
        int64_t n = part ? rill_tcp_send(test->world.stacks[from], sender, buffer, part) : 0;
        assert_true(n >= 0 || n == RILL_ERROR_AGAIN);
        sent += n > 0 ? (size_t)n : 0;
        n = rill_tcp_receive(test->world.stacks[!from], receiver, buffer, sizeof buffer);
        assert_true(n > 0 || n == RILL_ERROR_AGAIN);
        got += n > 0 ? (size_t)n : 0;
        if (n < 0)
            assert_true(rill_virtual_step(&test->world, until));
    }
}

/* 32 bits of milliseconds wrap after 49.7 days, and half of them pass in 24.9. */
static void idle_months_and_the_connection_still_carries(void **state) {
    (void)state;
    static const double days[] = {1, 23.9, 24.1, 24.8, 24.9, 30, 49.6, 49.8, 74.5, 75, 100};
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        for (int variant = 0; variant < 4; variant++) {
            struct test_world test;
            rill_handle a, b;
            test_world_init(&test, i);
            test_world_delay(&test, 10 * RILL_MILLISECOND);
            test.config[0].timestamps = !(variant & 1);
            open_at(&test, 0, &a, &b);
            carry(&test, 0, a, b, 5000);
            if (variant & 2) { /* probes all the while */
                assert_int_equal(
                    rill_tcp_set_option(test.world.stacks[0], a, RILL_TCP_OPTION_KEEPALIVE, 1), 0);
            }
            test_run(&test, (rill_time)(days[i] * 24) * HOUR);
            assert_int_equal(test_state(&test, 0, a), RILL_TCP_ESTABLISHED);
            carry(&test, 1, b, a, 5000);
            assert_null(test_transfer(&test, 0, a, b, 100000, 100 * RILL_SECOND));
            close_world(&test);
        }
    }
}

/* What came last was noted in milliseconds, in 32 bits: after 50 idle days it seemed to have come
 * just now, and a peer whose timestamps tick every 2 ms, half their way round, was not believed. */
static void a_peer_with_a_slow_clock_is_believed_after_fifty_idle_days(void **state) {
    (void)state;
    static const uint32_t ticks_ms[] = {1, 2, 4, 10, 100};
    for (size_t i = 0; i < sizeof ticks_ms / sizeof *ticks_ms; i++) {
        for (uint32_t idle = 10; idle <= 130; idle += 5) {
            struct peer peer;
            peer_init(&peer);
            peer.options |= PEER_TIMESTAMPS;
            peer.tsval = 1000;
            peer_established(&peer);
            peer_wait(&peer, idle * DAY);
            peer_drain(&peer);
            peer.tsval += (uint32_t)(idle * DAY / RILL_MILLISECOND / ticks_ms[i]);
            peer_send(&peer, WIRE_ACK, 0, 0, 100);
            assert_int_equal(peer_read(&peer, 1000), 100);
            assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_PAWS), 0);
            peer_close(&peer);
        }
    }
}

static void a_clock_near_two_to_the_sixty_third_is_a_clock_like_any_other(void **state) {
    (void)state;
    static const rill_time around[] = {0, 1, 1000, RILL_SECOND, 10 * RILL_SECOND, 100 * DAY};
    for (size_t i = 0; i < 2 * (sizeof around / sizeof *around); i++) {
        rill_time middle = UINT64_C(1) << 63;
        rill_time start = i & 1 ? middle + around[i / 2] : middle - around[i / 2];
        struct test_world test;
        rill_handle a, b;
        test_world_init(&test, i);
        test_world_delay(&test, 20 * RILL_MILLISECOND);
        test.path[0].loss = test.path[1].loss = RILL_CERTAIN / 50;
        open_at(&test, start, &a, &b);
        rill_time began = test.world.now;
        assert_null(test_transfer(&test, 0, a, b, 500000, 200 * RILL_SECOND));
        assert_null(test_transfer(&test, 1, b, a, 1, 200 * RILL_SECOND));
        assert_true(test.world.now - began < 200 * RILL_SECOND);
        test_run(&test, 300 * RILL_SECOND); /* TIME-WAIT ends */
        struct rill_stack_info info;
        for (int host = 0; host < 2; host++) {
            rill_stack_get_info(test.world.stacks[host], &info);
            assert_int_equal(info.time_wait, 0);
            assert_int_equal(info.clock_backwards, 0);
        }
        close_world(&test);
    }
}

/* A keepalive due after each power of two of nanoseconds lies on each level of the wheel in turn.
 */
static void a_timer_of_any_length_is_exact(void **state) {
    (void)state;
    for (int bits = 24; bits <= 61; bits++) {
        for (int odd = -1; odd <= 1; odd++) {
            struct test_world test;
            rill_handle a, b;
            rill_time idle = (UINT64_C(1) << bits) + (rill_time)(odd * 12345);
            test_world_init(&test, (uint64_t)bits);
            test.config[0].keepalive_idle = idle;
            open_at(&test, 777, &a, &b);
            carry(&test, 1, b, a, 100);
            test_run(&test, RILL_MILLISECOND);
            rill_advance(test.world.stacks[0], test.world.now, 0);
            assert_int_equal(
                rill_tcp_set_option(test.world.stacks[0], a, RILL_TCP_OPTION_KEEPALIVE, 1), 0);
            rill_time due = test.world.now + idle;
            struct rill_tcp_info before, after;
            test_run(&test, idle - 1);
            assert_int_equal(rill_tcp_get_info(test.world.stacks[1], b, &before), 0);
            assert_int_equal(test.world.now, due - 1);
            test_run(&test, 1);
            assert_int_equal(rill_tcp_get_info(test.world.stacks[1], b, &after), 0);
            assert_true(after.segments_received > before.segments_received);
            close_world(&test);
        }
    }
}

/* Both sleep, in the middle of everything: nobody is called for an hour, then time has passed. */
static void a_machine_suspended_for_an_hour_goes_on_where_it_was(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct test_world test;
        rill_handle a, b;
        test_world_init(&test, seed);
        test_world_delay(&test, 30 * RILL_MILLISECOND);
        test.path[0].loss = RILL_CERTAIN / 30;
        open_at(&test, 0, &a, &b);
        carry(&test, 0, a, b, 10000 + 10000 * seed);
        uint8_t more[5000] = {0};
        assert_true(rill_tcp_send(test.world.stacks[0], a, more, sizeof more) > 0);
        test_run(&test, 10 * RILL_MILLISECOND);
        test.world.now += HOUR;
        for (int host = 0; host < 2; host++)
            rill_advance(test.world.stacks[host], test.world.now, 0);
        rill_time woken = test.world.now;
        uint8_t got[6000];
        size_t total = 0;
        while (total < sizeof more) {
            int64_t n = rill_tcp_receive(test.world.stacks[1], b, got, sizeof got);
            total += n > 0 ? (size_t)n : 0;
            if (n < 0)
                assert_true(rill_virtual_step(&test.world, woken + 10 * RILL_SECOND));
        }
        assert_null(test_transfer(&test, 1, b, a, 100000, 100 * RILL_SECOND));
        close_world(&test);
    }
}

/* One side sleeps, the other knocks: after the hour the next knock is answered. */
static void a_peer_suspended_for_an_hour_is_waited_for(void **state) {
    (void)state;
    struct test_world test;
    rill_handle a, b;
    test_world_init(&test, 3);
    test_world_delay(&test, 30 * RILL_MILLISECOND);
    test.config[0].data_retries = 255;
    open_at(&test, 0, &a, &b);
    carry(&test, 0, a, b, 10000);
    rill_time wakes = test.world.now + HOUR;
    uint8_t data[100] = {0};
    assert_int_equal(rill_tcp_send(test.world.stacks[0], a, data, sizeof data), sizeof data);
    int knocks = 0;
    while (test.world.now < wakes) {
        struct rill_packet *packet;
        bool any = false;
        while (rill_output(test.world.stacks[0], 0, &packet, 1, 1, test.world.now)) {
            any = true;
            rill_packet_drop(packet);
        }
        knocks += any;
        test.world.now = rill_deadline(test.world.stacks[0]);
        rill_advance(test.world.stacks[0], test.world.now, 0);
    }
    assert_in_range(knocks, 20, 60); /* every two minutes at the end */
    rill_time woken = test.world.now;
    while (rill_tcp_receive(test.world.stacks[1], b, data, sizeof data) != sizeof data)
        assert_true(rill_virtual_step(&test.world, woken + 121 * RILL_SECOND));
    assert_null(test_transfer(&test, 1, b, a, 100000, 100 * RILL_SECOND));
    close_world(&test);
}

/* The same moment told again and again changes nothing: same bytes at the same times. */
static void steps_of_zero_change_nothing(void **state) {
    (void)state;
    rill_time ended[2];
    struct rill_tcp_info info[2];
    for (int repeated = 0; repeated < 2; repeated++) {
        struct test_world test;
        rill_handle a, b;
        test_world_init(&test, 5);
        test_world_delay(&test, 15 * RILL_MILLISECOND);
        test.path[0].loss = test.path[1].loss = RILL_CERTAIN / 20;
        open_at(&test, 0, &a, &b);
        uint8_t data[3000] = {0};
        for (int i = 0; i < 2000; i++) {
            int64_t n = rill_tcp_send(test.world.stacks[0], a, data, sizeof data);
            n += rill_tcp_receive(test.world.stacks[1], b, data, sizeof data);
            (void)n;
            rill_virtual_step(&test.world, test.world.now + RILL_SECOND);
            for (int k = 0; repeated && k < 30; k++) {
                rill_advance(test.world.stacks[k & 1], test.world.now, 0);
                rill_input(test.world.stacks[k & 1], 0, 0, 0, test.world.now);
                rill_advance(test.world.stacks[k & 1], test.world.now - (k % 3 == 0), 1);
            }
        }
        ended[repeated] = test.world.now;
        assert_int_equal(rill_tcp_get_info(test.world.stacks[0], a, &info[repeated]), 0);
        struct rill_stack_info counters;
        rill_stack_get_info(test.world.stacks[0], &counters);
        assert_true(repeated == (counters.clock_backwards > 0));
        close_world(&test);
    }
    assert_int_equal(ended[0], ended[1]);
    assert_int_equal(info[0].bytes_sent, info[1].bytes_sent);
    assert_int_equal(info[0].segments_resent, info[1].segments_resent);
    assert_int_equal(info[0].timeouts, info[1].timeouts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_months_and_the_connection_still_carries),
        cmocka_unit_test(a_peer_with_a_slow_clock_is_believed_after_fifty_idle_days),
        cmocka_unit_test(a_clock_near_two_to_the_sixty_third_is_a_clock_like_any_other),
        cmocka_unit_test(a_timer_of_any_length_is_exact),
        cmocka_unit_test(a_machine_suspended_for_an_hour_goes_on_where_it_was),
        cmocka_unit_test(a_peer_suspended_for_an_hour_is_waited_for),
        cmocka_unit_test(steps_of_zero_change_nothing),
    };
    return cmocka_run_group_tests_name("ageing", tests, 0, 0);
}
