/* tests/tcp/window_test.c: the window we advertise: no silly steps, no retreat, scaling without
 * rounding away a promise, and the updates that tell of room (RFC 9293 §3.8.6, RFC 7323 §2.4). */
#include "tcp/segment.h"

static void established_small_reads_open_no_silly_window(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.receive_buffer = 4000;
    peer_established(&peer);
    for (uint32_t at = 0; at < 4000; at += 1000) {
        peer_send(&peer, WIRE_ACK, at, 0, 1000);
        struct seen ack = EXPECT(&peer, WIRE_ACK, 0, at + 1000, 0);
        assert_int_equal(ack.header.window, 3000 - at);
    }
    for (int i = 0; i < 19; i++) { /* 1900 bytes: less than half of the buffer */
        peer_read(&peer, 100);
        EXPECT_NONE(&peer);
    }
    peer_read(&peer, 100);
    struct seen update = EXPECT(&peer, WIRE_ACK, 0, 4000, 0);
    assert_int_equal(update.header.window, 2000);
    assert_int_equal(update.cause, RILL_CAUSE_WINDOW_UPDATE);
    peer_close(&peer);
}

static void established_window_edge_stays_until_a_step_is_worthwhile(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.receive_buffer = 10000;
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 1000);
    peer_read(&peer, 500); /* 9,500 are free and 9,000 promised: no full segment more */
    struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 1000, 0);
    assert_int_equal(ack.header.window, 9000);
    peer_send(&peer, WIRE_ACK, 1000, 0, 1000);
    peer_read(&peer, 1500);
    ack = EXPECT(&peer, WIRE_ACK, 0, 2000, 0);
    assert_int_equal(ack.header.window, 10000);
    peer_close(&peer);
}

static void
established_right_edge_moves_back_by_rounding_at_most_and_promises_are_kept(void **state) {
    (void)state;
    uint32_t seed = 99;
    for (int round = 0; round < 40; round++) {
        struct peer peer;
        struct seen seen;
        peer_init(&peer);
        peer.options |= PEER_SCALE | (round & 1 ? PEER_TIMESTAMPS : 0);
        peer.config.receive_buffer = 70001 + (uint32_t)round * 30001; /* odd, scaled by 1 to 5 */
        peer_established(&peer);
        assert_true(peer_info(&peer).window_scaling);
        unsigned scale = 0;
        while (peer.config.receive_buffer >> scale > 65535)
            scale++;
        uint32_t edge = 0, next = 0;
        for (int i = 0; i < 400; i++) {
            seed = seed * 1664525 + 1013904223;
            uint32_t length = 1 + (seed >> 10) % 1440;
            if (next + length > edge && edge)
                length = edge - next < length ? edge - next : length;
            if (length) {
                peer_send(&peer, WIRE_ACK, next, 0, length);
                next += length;
            }
            if (seed >> 30 == 0)
                peer_read(&peer, (seed >> 8) % 9000);
            if (seed >> 29 == 7)
                rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_RECEIVE_BUFFER,
                                    1000 + (seed >> 8) % 200000);
            while (peer_take_within(&peer, RILL_MILLISECOND, &seen)) {
                uint32_t right = seen.acknowledgement + ((uint32_t)seen.header.window << scale);
                assert_true((int32_t)(right + (1u << scale) - edge) > 0);
                edge = (int32_t)(right - edge) > 0 ? right : edge;
            }
        }
        assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_CLOSED_WINDOW), 0);
        assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_SEQUENCE), 0); /* every promise was kept */
        peer_read(&peer, SIZE_MAX);
        assert_int_equal(peer.read, next);
        peer_close(&peer);
    }
}

static void established_window_of_one_byte_moves_a_stream(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer.config.receive_buffer = 1;
    peer_established(&peer);
    for (uint32_t i = 0; i < 50; i++) {
        peer_send(&peer, WIRE_ACK, i, 0, 1);
        assert_true(peer_take_within(&peer, RILL_SECOND, &seen));
        assert_int_equal(seen.header.window, 0);
        assert_int_equal(peer_read(&peer, 10), 1);
        assert_true(peer_take(&peer, &seen)); /* the update */
        assert_int_equal(seen.header.window, 1);
    }
    peer_close(&peer);
}

static void established_zero_window_still_takes_acks_and_rst(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.receive_buffer = 1000;
    peer_established(&peer);
    peer_write(&peer, 100);
    EXPECT(&peer, WIRE_ACK, 0, 0, 100);
    peer_send(&peer, WIRE_ACK, 0, 0, 1000);
    EXPECT(&peer, WIRE_ACK, 100, 1000, 0);
    peer_send(&peer, WIRE_ACK, 1000, 100, 5); /* the data is refused, its ACK is not */
    EXPECT(&peer, WIRE_ACK, 100, 1000, 0);
    assert_int_equal(peer_info(&peer).in_flight, 0);
    peer_send(&peer, WIRE_RST, 1000, 0, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
    assert_int_equal(peer_read(&peer, 5000), 1000); /* what was received can still be read */
    peer_close(&peer);
}

static void established_fin_behind_a_zero_window_waits_for_the_reader(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.receive_buffer = 1000;
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 1000);
    EXPECT(&peer, WIRE_ACK, 0, 1000, 0);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 1000, 0, 10);
    EXPECT(&peer, WIRE_ACK, 0, 1000, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    peer_read(&peer, 5000);
    EXPECT(&peer, WIRE_ACK, 0, 1000, 0);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 1000, 0, 10);
    EXPECT(&peer, WIRE_ACK, 0, 1011, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSE_WAIT);
    peer_close(&peer);
}

static void established_buffer_enlarged_the_window_follows(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.receive_buffer = 2000;
    peer_established(&peer);
    assert_int_equal(
        rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_RECEIVE_BUFFER, 50000), 0);
    peer_send(&peer, WIRE_ACK, 0, 0, 100);
    struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 100, 0);
    assert_int_equal(ack.header.window, 49900);
    assert_int_equal(
        rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_RECEIVE_BUFFER, 0),
        RILL_ERROR_ARGUMENT);
    peer_close(&peer);
}

int window_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_small_reads_open_no_silly_window),
        cmocka_unit_test(established_window_edge_stays_until_a_step_is_worthwhile),
        cmocka_unit_test(
            established_right_edge_moves_back_by_rounding_at_most_and_promises_are_kept),
        cmocka_unit_test(established_window_of_one_byte_moves_a_stream),
        cmocka_unit_test(established_zero_window_still_takes_acks_and_rst),
        cmocka_unit_test(established_fin_behind_a_zero_window_waits_for_the_reader),
        cmocka_unit_test(established_buffer_enlarged_the_window_follows),
    };
    return cmocka_run_group_tests_name("window", tests, 0, 0);
}
