/* tests/tcp/hold_test.c: small segments that wait: Nagle's algorithm (RFC 9293 §3.7.4), TCP_CORK,
 * MSG_MORE, and what lets them go. */
#include "tcp/segment.h"

static void option(struct peer *peer, enum rill_tcp_option option, uint32_t value) {
    assert_int_equal(rill_tcp_set_option(peer->stack, peer->handle, option, value), 0);
}

/* As peer_write, and more is to follow. */
static void write_more(struct peer *peer, size_t length) {
    uint8_t data[8192];
    for (size_t i = 0; i < length; i++)
        data[i] = test_byte(OWN_STREAM, peer->written + i);
    assert_int_equal(rill_tcp_send_more(peer->stack, peer->handle, data, length), length);
    peer->written += length;
}

/* An RTT of 10 ms is known. */
static void measured(struct peer *peer) {
    peer_init(peer);
    peer_established(peer);
    peer_write(peer, 1);
    EXPECT(peer, WIRE_ACK, 0, 0, 1);
    peer_wait(peer, 10 * RILL_MILLISECOND);
    peer_send(peer, WIRE_ACK, 0, 1, 0);
}

/* 200 ms and a round trip, which is kept in whole us. */
static rill_time held_for(struct peer *peer) {
    rill_time rtt = peer_info(peer).rtt;
    assert_in_range(rtt, 1, 10 * RILL_MILLISECOND);
    return 200 * RILL_MILLISECOND + rtt / RILL_MICROSECOND * RILL_MICROSECOND;
}

static void corked_full_segments_go_and_the_rest_waits(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    option(&peer, RILL_TCP_OPTION_CORK, 1);
    peer_write(&peer, 100);
    EXPECT_NONE(&peer);
    peer_write(&peer, 3000);
    EXPECT(&peer, WIRE_ACK, 0, 0, 1460);
    EXPECT(&peer, WIRE_ACK, 1460, 0, 1460);
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_ACK, 0, 2920, 0); /* nothing in flight: Nagle would let it go */
    EXPECT_NONE(&peer);
    option(&peer, RILL_TCP_OPTION_CORK, 0);
    struct seen seen = EXPECT(&peer, WIRE_ACK, 2920, 0, 180);
    assert_true(seen.header.flags & WIRE_PSH);
    peer_close(&peer);
}

static void corked_rest_goes_after_200_ms_and_a_round_trip(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    measured(&peer);
    option(&peer, RILL_TCP_OPTION_CORK, 1);
    for (int i = 0; i < 3; i++) { /* each time: it is no timeout that backs off */
        rill_time from = peer.now;
        uint32_t at = (uint32_t)peer.written;
        peer_write(&peer, 100);
        assert_true(peer_take_within(&peer, RILL_SECOND, &seen));
        assert_int_equal(seen.at - from, held_for(&peer));
        assert_int_equal(seen.sequence, at);
        assert_int_equal(seen.length, 100);
        assert_int_equal(seen.cause, RILL_CAUSE_DATA);
        peer_wait(&peer, 10 * RILL_MILLISECOND);
        peer_send(&peer, WIRE_ACK, 0, at + 100, 0);
    }
    assert_int_equal(peer_info(&peer).timeouts, 0);
    peer_close(&peer);
}

static void corked_nodelay_set_anew_lets_go_what_is_queued(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    option(&peer, RILL_TCP_OPTION_NODELAY, 1);
    option(&peer, RILL_TCP_OPTION_CORK, 1);
    peer_write(&peer, 100); /* the cork is the stronger */
    EXPECT_NONE(&peer);
    option(&peer, RILL_TCP_OPTION_NODELAY, 1);
    EXPECT(&peer, WIRE_ACK, 0, 0, 100);
    peer_write(&peer, 50);
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

static void corked_shutdown_and_close_let_it_go_with_the_fin(void **state) {
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        struct peer peer;
        peer_init(&peer);
        peer_established(&peer);
        option(&peer, RILL_TCP_OPTION_CORK, 1);
        peer_write(&peer, 100);
        EXPECT_NONE(&peer);
        if (closed)
            assert_int_equal(rill_tcp_close(peer.stack, peer.handle), 0);
        else
            assert_int_equal(rill_tcp_shutdown(peer.stack, peer.handle), 0);
        peer.handle = closed ? 0 : peer.handle;
        EXPECT(&peer, WIRE_ACK | WIRE_FIN, 0, 0, 100);
        peer_close(&peer);
    }
}

static void corked_data_wait_through_an_idle_minute_in_a_shut_window(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    measured(&peer);
    option(&peer, RILL_TCP_OPTION_CORK, 1);
    peer.window = 0;
    peer_send(&peer, WIRE_ACK, 0, 1, 0);
    peer_write(&peer, 100);
    unsigned probes = 0;
    for (rill_time end = peer.now + 60 * RILL_SECOND; peer.now < end; probes++) {
        if (!peer_take_within(&peer, end - peer.now, &seen))
            break;
        assert_int_equal(seen.cause, RILL_CAUSE_WINDOW_PROBE);
        peer_send(&peer, WIRE_ACK, 0, 1, 0);
    }
    assert_in_range(probes, 3, 20);
    peer.window = 1000;
    peer_send(&peer, WIRE_ACK, 0, 1, 0);
    uint32_t next = 1;
    while (next < 101 && peer_take_within(&peer, RILL_SECOND, &seen)) {
        assert_int_equal(seen.sequence, next);
        next += seen.length;
    }
    assert_int_equal(next, 101);
    peer_close(&peer);
}

static void more_holds_a_short_segment_until_the_rest_is_there(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    option(&peer, RILL_TCP_OPTION_NODELAY, 1);
    write_more(&peer, 100);
    write_more(&peer, 200);
    EXPECT_NONE(&peer);
    peer_write(&peer, 5);
    struct seen seen = EXPECT(&peer, WIRE_ACK, 0, 0, 305);
    assert_true(seen.header.flags & WIRE_PSH);
    write_more(&peer, 1500); /* a full one does not wait */
    seen = EXPECT(&peer, WIRE_ACK, 305, 0, 1460);
    assert_false(seen.header.flags & WIRE_PSH);
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_ACK, 0, 305, 0); /* and the rest no longer than until this */
    seen = EXPECT(&peer, WIRE_ACK, 1765, 0, 40);
    assert_false(seen.header.flags & WIRE_PSH);
    peer_close(&peer);
}

static void more_that_never_comes_is_waited_for_200_ms_and_a_round_trip(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    measured(&peer);
    rill_time from = peer.now;
    write_more(&peer, 40);
    assert_true(peer_take_within(&peer, RILL_SECOND, &seen));
    assert_int_equal(seen.at - from, held_for(&peer));
    assert_int_equal(seen.length, 40);
    assert_true(seen.header.flags & WIRE_PSH);
    peer_close(&peer);
}

static void more_is_over_with_a_write_that_did_not_fit(void **state) {
    (void)state;
    struct peer peer;
    uint8_t data[2000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = test_byte(OWN_STREAM, i);
    peer_init(&peer);
    peer.config.send_buffer = 1000;
    peer_established(&peer);
    assert_int_equal(rill_tcp_send_more(peer.stack, peer.handle, data, 2000), 1000);
    struct seen seen;
    assert_true(peer_take(&peer, &seen)); /* the buffer is full: nothing can follow */
    assert_int_equal(seen.length, 1000);
    peer_close(&peer);
}

static void nagle_holds_while_something_is_in_flight_and_no_longer(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_write(&peer, 10);
    EXPECT(&peer, WIRE_ACK, 0, 0, 10);
    for (int i = 0; i < 20; i++)
        peer_write(&peer, 10);
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_ACK, 0, 10, 0);
    EXPECT(&peer, WIRE_ACK, 10, 0, 200);
    peer_write(&peer, 1500);
    EXPECT(&peer, WIRE_ACK, 210, 0, 1460); /* a full segment needs no permission */
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

int hold_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(corked_full_segments_go_and_the_rest_waits),
        cmocka_unit_test(corked_rest_goes_after_200_ms_and_a_round_trip),
        cmocka_unit_test(corked_nodelay_set_anew_lets_go_what_is_queued),
        cmocka_unit_test(corked_shutdown_and_close_let_it_go_with_the_fin),
        cmocka_unit_test(corked_data_wait_through_an_idle_minute_in_a_shut_window),
        cmocka_unit_test(more_holds_a_short_segment_until_the_rest_is_there),
        cmocka_unit_test(more_that_never_comes_is_waited_for_200_ms_and_a_round_trip),
        cmocka_unit_test(more_is_over_with_a_write_that_did_not_fit),
        cmocka_unit_test(nagle_holds_while_something_is_in_flight_and_no_longer),
    };
    return cmocka_run_group_tests_name("hold", tests, 0, 0);
}
