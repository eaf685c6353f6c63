/* tests/tcp/send_test.c: bytes leaving: segments cut by MSS, window and congestion window, Nagle's
 * algorithm, the sender's half of silly windows, the send buffer, and the persist timer (RFC 9293
 * §3.7.4, §3.8.6). */
#include "tcp/segment.h"

static void established_write_is_cut_into_segments_of_the_mss(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer.mss = 1000;
    peer_established(&peer);
    assert_int_equal(peer_write(&peer, 2500), 2500);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(peer_take(&peer, &seen));
        assert_int_equal(seen.sequence, i * 1000);
        assert_int_equal(seen.length, i < 2 ? 1000 : 500);
        assert_int_equal(seen.header.flags, i < 2 ? WIRE_ACK : WIRE_ACK | WIRE_PSH);
        assert_int_equal(seen.cause, RILL_CAUSE_DATA);
    }
    assert_int_equal(peer_write(&peer, 100), 100);
    EXPECT_NONE(&peer); /* Nagle: one small segment is in flight already */
    peer_send(&peer, WIRE_ACK, 0, 2000, 0);
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_ACK, 0, 2500, 0);
    assert_true(peer_take(&peer, &seen));
    assert_int_equal(seen.length, 100);
    assert_int_equal(seen.header.flags, WIRE_ACK | WIRE_PSH);
    EXPECT_NONE(&peer);
    struct rill_tcp_info info = peer_info(&peer);
    assert_int_equal(info.bytes_sent, 2600);
    assert_int_equal(info.in_flight, 100);
    assert_int_equal(info.send_queued, 100);
    peer_close(&peer);
}

static void established_nagle_holds_a_small_segment_until_the_ack(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_write(&peer, 10);
    EXPECT(&peer, WIRE_ACK, 0, 0, 10);
    peer_write(&peer, 10);
    peer_write(&peer, 10);
    EXPECT_NONE(&peer);
    peer_write(&peer, 1460); /* a full one need not wait; its tail does */
    EXPECT(&peer, WIRE_ACK, 10, 0, 1460);
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_ACK, 0, 1470, 0);
    EXPECT(&peer, WIRE_ACK, 1470, 0, 20);
    peer_close(&peer);
}

/* One small segment a round trip: the end of a large write is it, and what is written behind it
 * waits. */
static void established_end_of_a_large_write_does_not_wait_for_its_beginning(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_write(&peer, 1560);
    EXPECT(&peer, WIRE_ACK, 0, 0, 1460);
    EXPECT(&peer, WIRE_ACK | WIRE_PSH, 1460, 0, 100);
    peer_write(&peer, 50);
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_ACK, 0, 1460, 0); /* not yet that of the small one */
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_ACK, 0, 1560, 0);
    EXPECT(&peer, WIRE_ACK | WIRE_PSH, 1560, 0, 50);
    peer_close(&peer);
}

static void established_nodelay_sends_small_segments_at_once(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_write(&peer, 10);
    EXPECT(&peer, WIRE_ACK, 0, 0, 10);
    peer_write(&peer, 10);
    EXPECT_NONE(&peer);
    assert_int_equal(rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_NODELAY, 1), 0);
    EXPECT(&peer, WIRE_ACK, 10, 0, 10); /* switching it off lets go what waits */
    peer_write(&peer, 5);
    EXPECT(&peer, WIRE_ACK, 20, 0, 5);
    peer_close(&peer);
}

static void established_shutdown_lets_the_small_rest_go(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_write(&peer, 10);
    EXPECT(&peer, WIRE_ACK, 0, 0, 10);
    peer_write(&peer, 10);
    EXPECT_NONE(&peer);
    assert_int_equal(rill_tcp_shutdown(peer.stack, peer.handle), 0);
    EXPECT(&peer, WIRE_ACK | WIRE_FIN, 10, 0, 10);
    uint8_t byte = 0;
    assert_int_equal(rill_tcp_send(peer.stack, peer.handle, &byte, 1), RILL_ERROR_CLOSED);
    peer_close(&peer);
}

static void established_initial_window_is_ten_segments(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_write(&peer, 100000);
    for (uint32_t i = 0; i < 10; i++)
        EXPECT(&peer, WIRE_ACK, i * 1460, 0, 1460);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_info(&peer).in_flight, 14600);
    peer_close(&peer);
}

static void established_window_of_the_peer_is_never_exceeded(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.window = 4000;
    peer_established(&peer);
    peer_write(&peer, 100000);
    EXPECT(&peer, WIRE_ACK, 0, 0, 1460);
    EXPECT(&peer, WIRE_ACK, 1460, 0, 1460);
    EXPECT_NONE(&peer); /* 1080 bytes of window are left: less than a segment */
    peer_send(&peer, WIRE_ACK, 0, 2920, 0);
    EXPECT(&peer, WIRE_ACK, 2920, 0, 1460);
    EXPECT(&peer, WIRE_ACK, 4380, 0, 1460);
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

static void established_half_of_the_largest_window_is_worth_a_segment(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.window = 1000;
    peer_established(&peer);
    peer_write(&peer, 5000);
    EXPECT(&peer, WIRE_ACK, 0, 0,
           1000); /* RFC 9293 §3.8.6.2.1 (3): nothing in flight, half of it */
    peer.window = 500;
    peer_send(&peer, WIRE_ACK, 0, 1000, 0);
    EXPECT(&peer, WIRE_ACK, 1000, 0, 500);
    peer.window = 499;
    peer_send(&peer, WIRE_ACK, 0, 1500, 0);
    EXPECT_NONE(&peer); /* a silly window */
    peer_close(&peer);
}

static void established_silly_window_is_used_when_the_timer_says_so(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_established(&peer);
    peer.window = 10;
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    peer_write(&peer, 5000);
    EXPECT_NONE(&peer);
    rill_time from = peer.now;
    assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen));
    assert_int_equal(seen.length, 10); /* (4): the override timeout */
    assert_int_equal(seen.cause, RILL_CAUSE_WINDOW_PROBE);
    assert_int_equal(seen.at - from, 200 * RILL_MILLISECOND); /* the RTO at its floor */
    peer_close(&peer);
}

static void established_send_buffer_full_is_again_then_writable(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.send_buffer = 3000;
    peer_established(&peer);
    peer_events(&peer, peer.handle);
    assert_int_equal(peer_write(&peer, 5000), 3000);
    assert_int_equal(peer_write(&peer, 5000), 0);
    assert_false(rill_ready(peer.stack, peer.handle) & RILL_EVENT_WRITABLE);
    peer_drain(&peer);
    assert_int_equal(peer_events(&peer, peer.handle), 0);
    peer_send(&peer, WIRE_ACK, 0, 500, 0); /* too little to wake the writer */
    assert_int_equal(peer_events(&peer, peer.handle), 0);
    peer_send(&peer, WIRE_ACK, 0, 1460, 0);
    assert_int_equal(peer_events(&peer, peer.handle), RILL_EVENT_WRITABLE);
    assert_int_equal(peer_write(&peer, 5000), 1460);
    peer_close(&peer);
}

static int releases;
static void released(void *context) {
    releases += context == &releases;
}

static void established_slices_are_released_when_acknowledged_and_not_before(void **state) {
    (void)state;
    struct peer peer;
    static uint8_t data[3000];
    peer_init(&peer);
    peer_established(&peer);
    releases = 0;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = test_byte(OWN_STREAM, i);
    struct rill_slice slices[3];
    for (int i = 0; i < 3; i++) {
        slices[i].data = data + 1000 * i;
        slices[i].length = 1000;
        slices[i].block = rill_block_wrap(peer.pool, slices[i].data, 1000, released, &releases);
    }
    assert_int_equal(rill_tcp_send_slices(peer.stack, peer.handle, slices, 3), 3);
    EXPECT(&peer, WIRE_ACK, 0, 0, 1460); /* across the border of two slices */
    EXPECT(&peer, WIRE_ACK, 1460, 0, 1460);
    EXPECT(&peer, WIRE_ACK, 2920, 0, 80);
    EXPECT_NONE(&peer);
    assert_int_equal(releases, 0);
    peer_send(&peer, WIRE_ACK, 0, 1999, 0);
    assert_int_equal(releases, 1);
    peer_send(&peer, WIRE_ACK, 0, 2920, 0);
    assert_int_equal(releases, 2);
    peer_send(&peer, WIRE_ACK, 0, 3000, 0);
    assert_int_equal(releases, 3);
    struct rill_stack_info info;
    rill_stack_get_info(peer.stack, &info);
    assert_int_equal(info.bytes_copied, 0);
    peer_close(&peer);
}

static void established_slices_many_and_tiny_are_sent_in_full(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    static uint8_t data[100];
    peer_init(&peer);
    peer_established(&peer);
    releases = 0;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = test_byte(OWN_STREAM, i);
    for (int i = 0; i < 100; i++) {
        struct rill_slice slice = {data + i, 1,
                                   rill_block_wrap(peer.pool, data + i, 1, released, &releases)};
        assert_int_equal(rill_tcp_send_slices(peer.stack, peer.handle, &slice, 1), 1);
    }
    rill_tcp_shutdown(peer.stack, peer.handle);
    uint32_t at = 0;
    bool fin = false;
    while (peer_take(&peer, &seen)) { /* more slices than a packet has: several packets */
        assert_int_equal(seen.sequence, at);
        assert_true(seen.length <= RILL_PACKET_SLICES);
        at += seen.length;
        fin |= (seen.header.flags & WIRE_FIN) != 0;
    }
    assert_int_equal(at, 100);
    assert_true(fin);
    peer_send(&peer, WIRE_ACK, 0, 101, 0);
    assert_int_equal(releases, 100);
    peer_close(&peer);
}

/* --- the peer's window is shut: RFC 9293 §3.8.6.1 --- */

static void established_zero_window_is_probed_with_back_off_and_never_given_up(void **state) {
    (void)state;
    struct peer peer;
    struct seen probe;
    peer_init(&peer);
    peer_established(&peer);
    peer.window = 0;
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    peer_write(&peer, 1000);
    EXPECT_NONE(&peer);
    rill_time before = peer.now, step = 200 * RILL_MILLISECOND;
    for (int i = 0; i < 30; i++) { /* far beyond 15 retries: the peer answers each */
        assert_true(peer_take_within(&peer, 121 * RILL_SECOND, &probe));
        assert_int_equal(probe.sequence, 0);
        assert_int_equal(probe.length, 1);
        assert_int_equal(probe.cause, RILL_CAUSE_WINDOW_PROBE);
        assert_int_equal(probe.at - before, step);
        before = probe.at;
        step = step * 2 > 120 * RILL_SECOND ? 120 * RILL_SECOND : step * 2;
        EXPECT_NONE(&peer);
        peer_send(&peer, WIRE_ACK, 0, 0, 0);
        EXPECT_NONE(&peer);
    }
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    peer_close(&peer);
}

static void established_zero_window_unanswered_is_given_up(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer.config.data_retries = 4;
    peer_established(&peer);
    peer.window = 0;
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    peer_write(&peer, 1000);
    for (int i = 0; i < 5; i++) {
        assert_true(peer_take_within(&peer, 121 * RILL_SECOND, &seen));
        assert_int_equal(seen.cause, RILL_CAUSE_WINDOW_PROBE);
    }
    assert_true(peer_take_within(&peer, 121 * RILL_SECOND, &seen));
    assert_int_equal(seen.cause, RILL_CAUSE_RST_TIMEOUT);
    assert_int_equal(peer_info(&peer).error, RILL_ERROR_TIMED_OUT);
    peer_close(&peer);
}

static void established_window_opens_the_data_goes_at_once(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    for (int accepted = 0; accepted < 2; accepted++) { /* was the probe's byte taken? */
        peer_init(&peer);
        peer_established(&peer);
        peer.window = 0;
        peer_send(&peer, WIRE_ACK, 0, 0, 0);
        peer_write(&peer, 2000);
        assert_true(peer_take_within(&peer, 2 * RILL_SECOND, &seen));
        assert_true(peer_take_within(&peer, 2 * RILL_SECOND, &seen));
        peer.window = 60000;
        peer_send(&peer, WIRE_ACK, 0, (uint32_t)accepted, 0);
        uint32_t at = (uint32_t)accepted;
        while (at < 2000 && peer_take_within(&peer, RILL_MILLISECOND, &seen)) {
            assert_int_equal(seen.sequence, at);
            at += seen.length;
            peer_send(&peer, WIRE_ACK, 0, at, 0);
        }
        assert_int_equal(at, 2000);
        assert_int_equal(peer_info(&peer).send_queued, 0);
        peer_close(&peer);
    }
}

static void established_lost_window_update_is_found_by_the_probe(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_established(&peer);
    peer.window = 0;
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    peer_write(&peer, 1000);
    assert_true(peer_take_within(&peer, RILL_SECOND, &seen)); /* the probe: taken this time */
    peer.window = 30000;
    peer_send(&peer, WIRE_ACK, 0, 1, 0);
    EXPECT(&peer, WIRE_ACK, 1, 0, 999);
    peer_close(&peer);
}

static void established_shrinking_window_holds_back_what_does_not_fit_any_more(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer.window = 14600;
    peer_established(&peer);
    peer_write(&peer, 30000);
    assert_int_equal(peer_drain(&peer), 10);
    peer.window = 0; /* RFC 9293 §3.8.6: discouraged, and to be survived */
    peer_send(&peer, WIRE_ACK, 0, 2920, 0);
    EXPECT_NONE(&peer);
    assert_true(peer_take_within(&peer, 2 * RILL_SECOND, &seen));
    assert_int_equal(seen.sequence, 2920);
    assert_int_equal(seen.length, 1);
    peer.window = 60000;
    peer_send(&peer, WIRE_ACK, 0, 2920, 0);
    uint32_t at = 2920;
    while (at < 30000 && peer_take_within(&peer, 5 * RILL_SECOND, &seen)) {
        if (seen.sequence == at)
            at += seen.length;
        peer_send(&peer, WIRE_ACK, 0, at, 0);
    }
    assert_int_equal(at, 30000);
    peer_close(&peer);
}

static void established_acks_keep_within_the_peers_shut_window(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_established(&peer);
    peer.window = 0;
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    peer_write(&peer, 1000);
    assert_true(peer_take_within(&peer, RILL_SECOND, &seen)); /* one byte beyond the window */
    peer_send(&peer, WIRE_ACK, 0, 0, 500); /* refused; and the peer sends data of its own */
    EXPECT(&peer, WIRE_ACK, 0, 500, 0);    /* a number beyond its window would not be acceptable */
    peer_close(&peer);
}

/* The numbers kept for Nagle's algorithm began at 0, whatever the ISN: for half of all connections
 * a last small piece waited for a small one that had never been sent. */
static void established_first_write_ends_in_a_small_piece_whatever_the_isn(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 16; seed++) {
        struct peer peer;
        peer_init(&peer);
        peer.config.seed[0] = seed;
        peer_established(&peer);
        assert_int_equal(peer_write(&peer, 2000), 2000);
        EXPECT(&peer, WIRE_ACK, 0, 0, 1460);
        EXPECT(&peer, WIRE_ACK, 1460, 0, 540);
        peer_close(&peer);
    }
}

int send_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_first_write_ends_in_a_small_piece_whatever_the_isn),
        cmocka_unit_test(established_write_is_cut_into_segments_of_the_mss),
        cmocka_unit_test(established_nagle_holds_a_small_segment_until_the_ack),
        cmocka_unit_test(established_end_of_a_large_write_does_not_wait_for_its_beginning),
        cmocka_unit_test(established_nodelay_sends_small_segments_at_once),
        cmocka_unit_test(established_shutdown_lets_the_small_rest_go),
        cmocka_unit_test(established_initial_window_is_ten_segments),
        cmocka_unit_test(established_window_of_the_peer_is_never_exceeded),
        cmocka_unit_test(established_half_of_the_largest_window_is_worth_a_segment),
        cmocka_unit_test(established_silly_window_is_used_when_the_timer_says_so),
        cmocka_unit_test(established_send_buffer_full_is_again_then_writable),
        cmocka_unit_test(established_slices_are_released_when_acknowledged_and_not_before),
        cmocka_unit_test(established_slices_many_and_tiny_are_sent_in_full),
        cmocka_unit_test(established_zero_window_is_probed_with_back_off_and_never_given_up),
        cmocka_unit_test(established_zero_window_unanswered_is_given_up),
        cmocka_unit_test(established_window_opens_the_data_goes_at_once),
        cmocka_unit_test(established_lost_window_update_is_found_by_the_probe),
        cmocka_unit_test(established_shrinking_window_holds_back_what_does_not_fit_any_more),
        cmocka_unit_test(established_acks_keep_within_the_peers_shut_window),
    };
    return cmocka_run_group_tests_name("send", tests, 0, 0);
}
