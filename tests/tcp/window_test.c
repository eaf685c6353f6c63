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

static void auto_buffer(struct peer *peer) {
    peer_init(peer);
    peer->config.receive_buffer = peer->config.send_buffer = 0;
    peer->options |= PEER_SCALE;
}

static void closed_open_offers_the_scale_of_the_largest_buffer(void **state) {
    (void)state;
    static const struct {
        uint32_t max, scale;
    } cases[] = {{128 << 10, 2}, {1 << 20, 5}, {6 << 20, 7}, {1 << 30, 14}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer peer;
        struct seen seen;
        auto_buffer(&peer);
        peer.config.memory_limit = UINT64_C(1) << 40;
        peer.config.receive_buffer_max = cases[i].max;
        peer_open(&peer);
        struct rill_tcp_connect_config config;
        rill_tcp_connect_config_default(&config);
        config.remote.address = peer.remote;
        config.remote.port = 9;
        assert_int_equal(rill_tcp_connect(peer.stack, &config, &peer.handle), 0);
        assert_true(peer_take(&peer, &seen));
        assert_int_equal(seen.header.window_scale, cases[i].scale);
        peer_close(&peer);
    }
}

/* What a reader takes in a round trip doubles, and doubles again: the buffer is ahead of it. */
static void established_buffer_grows_with_what_is_read_in_a_round_trip(void **state) {
    (void)state;
    for (int fixed = 0; fixed < 2; fixed++) {
        struct peer peer;
        auto_buffer(&peer);
        peer_accepted(&peer);
        if (fixed)
            assert_int_equal(rill_tcp_set_option(peer.stack, peer.handle,
                                                 RILL_TCP_OPTION_RECEIVE_BUFFER, 128 << 10),
                             0);
        uint32_t at = 0;
        for (uint32_t round = 14600; round <= 16 * 14600; round *= 2) {
            peer_wait(&peer, 100 * RILL_MILLISECOND);
            for (uint32_t sent = 0; sent < round; sent += 1460, at += 1460) {
                peer_send(&peer, WIRE_ACK, at, 0, 1460);
                peer_read(&peer, SIZE_MAX);
                peer_drain(&peer);
            }
            struct rill_tcp_info info = peer_info(&peer);
            uint32_t least = 4 * round - 8760 > 128 << 10 ? 4 * round - 8760 : 128 << 10;
            assert_true(fixed ? info.receive_buffer == 128 << 10 : info.receive_buffer >= least);
            assert_true(fixed || info.receive_window + 2 * 1460 >= 2 * round);
        }
        assert_int_equal(peer.read, at);
        assert_true(peer_info(&peer).receive_buffer <= 6 * 16 * 14600);
        peer_close(&peer);
    }
}

static void established_buffer_of_one_who_does_not_read_stays(void **state) {
    (void)state;
    struct peer peer;
    auto_buffer(&peer);
    peer_accepted(&peer);
    for (uint32_t at = 0; at < 60 * 1460; at += 1460) {
        peer_wait(&peer, RILL_MILLISECOND);
        peer_send(&peer, WIRE_ACK, at, 0, 1460);
        peer_drain(&peer);
    }
    assert_int_equal(peer_info(&peer).receive_buffer, 128 << 10);
    peer_close(&peer);
}

/* Memory is short from three quarters of the budget on, and until half of it is free. */
static void established_memory_short_promises_little_and_takes_nothing_back(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.options |= PEER_SCALE;
    peer.config.receive_buffer = 300000;
    peer.config.memory_limit = 400000;
    peer_established(&peer);
    uint32_t at = 0, edge = 0, held_back = 0;
    for (int i = 0; i < 190 && at < edge + 1460; i++, at += 1460) {
        struct seen seen;
        peer_send(&peer, WIRE_ACK, at, 0, 1460);
        while (peer_take(&peer, &seen)) {
            struct rill_stack_info stack;
            rill_stack_get_info(peer.stack, &stack);
            uint32_t right = seen.acknowledgement + ((uint32_t)seen.header.window << 3);
            assert_true((int32_t)(right + 8 - edge) > 0);
            if (edge && stack.memory_held > 300000) {
                assert_true(right <= edge + 8);
                held_back++;
            }
            edge = right > edge ? right : edge;
        }
    }
    assert_true(held_back > 10);
    uint32_t promised = edge;
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_CLOSED_WINDOW), 0);
    assert_int_equal(peer_read(&peer, SIZE_MAX), at); /* all within the promise was taken */
    peer_drain(&peer);
    peer_send(&peer, WIRE_ACK, at, 0, 1460);
    struct seen seen;
    assert_true(peer_take_within(&peer, RILL_SECOND, &seen));
    edge = seen.acknowledgement + ((uint32_t)seen.header.window << 3);
    assert_true(edge > promised + 250000); /* there is room again */
    peer_close(&peer);
}

static void established_send_buffer_is_twice_the_congestion_window(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    auto_buffer(&peer);
    peer.scale = 7;
    peer.config.send_buffer_max = 500000;
    peer_established(&peer);
    uint32_t acked = 0;
    assert_int_equal(peer_write(&peer, 1 << 20), 64 << 10);
    for (int round = 0; round < 40; round++) {
        while (peer_take(&peer, &seen))
            acked = seen.sequence + seen.length;
        peer_wait(&peer, 20 * RILL_MILLISECOND);
        peer_send(&peer, WIRE_ACK, 0, acked, 0);
        struct rill_tcp_info info = peer_info(&peer);
        uint32_t wanted = 2 * info.cwnd < 64 << 10 ? 64 << 10 : 2 * info.cwnd;
        assert_int_equal(info.send_buffer, wanted < 500000 ? wanted : 500000);
        peer_write(&peer, 1 << 20);
        assert_int_equal(peer_info(&peer).send_queued, info.send_buffer);
    }
    assert_int_equal(peer_info(&peer).send_buffer, 500000);
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
        cmocka_unit_test(closed_open_offers_the_scale_of_the_largest_buffer),
        cmocka_unit_test(established_buffer_grows_with_what_is_read_in_a_round_trip),
        cmocka_unit_test(established_buffer_of_one_who_does_not_read_stays),
        cmocka_unit_test(established_memory_short_promises_little_and_takes_nothing_back),
        cmocka_unit_test(established_send_buffer_is_twice_the_congestion_window),
    };
    return cmocka_run_group_tests_name("window", tests, 0, 0);
}
