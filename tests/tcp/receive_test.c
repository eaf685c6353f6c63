/* tests/tcp/receive_test.c: bytes arriving: in order, out of order, twice, and what they earn:
 * acknowledgements at once, delayed or duplicate, and SACK blocks (RFC 9293 §3.10.7.4, RFC 5681
 * §4.2, RFC 2018 §4). */
#include "tcp/segment.h"

static void established_data_in_order_is_read_and_acknowledged(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_events(&peer, peer.handle);
    peer_send(&peer, WIRE_ACK | WIRE_PSH, 0, 0, 1460);
    struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 1460, 0);
    assert_int_equal(ack.header.window,
                     65535); /* not scaled: the buffer is larger than the field */
    assert_int_equal(peer_events(&peer, peer.handle), RILL_EVENT_READABLE);
    assert_int_equal(peer_info(&peer).receive_queued, 1460);
    assert_int_equal(peer_read(&peer, 1000), 1000);
    assert_int_equal(peer_read(&peer, 1000), 460);
    uint8_t byte;
    assert_int_equal(rill_tcp_receive(peer.stack, peer.handle, &byte, 1), RILL_ERROR_AGAIN);
    peer_close(&peer);
}

static void established_small_segment_is_acknowledged_after_40_ms(void **state) {
    (void)state;
    struct peer peer;
    struct seen ack;
    peer_init(&peer);
    peer_established(&peer);
    uint32_t at = peer_end_quick_acks(&peer);
    peer_send(&peer, WIRE_ACK, at, 0, 100);
    rill_time arrived = peer.now;
    assert_true(peer_take_within(&peer, RILL_SECOND, &ack));
    assert_int_equal(ack.at - arrived, 40 * RILL_MILLISECOND);
    assert_int_equal(ack.cause, RILL_CAUSE_DELAYED_ACK);
    assert_int_equal(ack.acknowledgement, at + 100);
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

static void established_first_32_segments_are_acknowledged_at_once(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    for (uint32_t i = 0; i < 32; i++) {
        peer_send(&peer, WIRE_ACK, i * 10, 0, 10);
        EXPECT(&peer, WIRE_ACK, 0, i * 10 + 10, 0);
    }
    peer_send(&peer, WIRE_ACK, 320, 0, 10);
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

static void established_every_second_full_segment_is_acknowledged_at_once(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    uint32_t at = peer_end_quick_acks(&peer);
    for (int i = 0; i < 3; i++) {
        peer_send(&peer, WIRE_ACK, at, 0, 1460);
        EXPECT_NONE(&peer);
        peer_send(&peer, WIRE_ACK, at + 1460, 0, 1460);
        at += 2920;
        EXPECT(&peer, WIRE_ACK, 0, at, 0);
    }
    peer_close(&peer);
}

static void established_data_sent_carries_the_acknowledgement(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_established(&peer);
    uint32_t at = peer_end_quick_acks(&peer);
    peer_send(&peer, WIRE_ACK, at, 0, 100);
    EXPECT_NONE(&peer);
    peer_write(&peer, 10);
    EXPECT(&peer, WIRE_ACK, 0, at + 100, 10);
    peer_send(&peer, WIRE_ACK, at + 100, 10, 0);
    assert_false(peer_take_within(&peer, RILL_SECOND, &seen)); /* the delayed one is not needed */
    peer_close(&peer);
}

static void established_out_of_order_each_earns_one_duplicate_ack(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    for (uint32_t i = 1; i <= 3; i++)
        peer_send(&peer, WIRE_ACK, i * 1000, 0, 1000);
    for (int i = 0; i < 3; i++) {
        struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 0, 0);
        assert_int_equal(ack.cause, RILL_CAUSE_DUPLICATE_ACK);
        assert_int_equal(ack.header.window, 65535);
    }
    EXPECT_NONE(&peer);
    assert_int_equal(peer_read(&peer, 1), 0);
    peer_send(&peer, WIRE_ACK, 0, 0, 1000); /* the hole is filled: acknowledged at once */
    EXPECT(&peer, WIRE_ACK, 0, 4000, 0);
    assert_int_equal(peer_read(&peer, 10000), 4000);
    assert_int_equal(peer_info(&peer).duplicate_acks_sent, 3);
    peer_close(&peer);
}

static void established_partly_filled_hole_is_acknowledged_at_once(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    uint32_t at = peer_end_quick_acks(&peer);
    peer_send(&peer, WIRE_ACK, at + 1000, 0, 100);
    EXPECT(&peer, WIRE_ACK, 0, at, 0);
    peer_send(&peer, WIRE_ACK, at, 0, 100); /* RFC 5681 §4.2: all or part of a gap */
    EXPECT(&peer, WIRE_ACK, 0, at + 100, 0);
    peer_close(&peer);
}

static void expect_sack(const struct seen *seen, unsigned count, const uint32_t *edges,
                        rill_seq base) {
    assert_int_equal(seen->header.sack_count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(seen->header.sacks[i].left - base, edges[2 * i]);
        assert_int_equal(seen->header.sacks[i].right - base, edges[2 * i + 1]);
    }
}

static void established_sack_blocks_most_recent_first(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    rill_seq base = peer.iss + 1;
    peer_send(&peer, WIRE_ACK, 2000, 0, 1000);
    struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    expect_sack(&ack, 1, (uint32_t[]){2000, 3000}, base);
    peer_send(&peer, WIRE_ACK, 6000, 0, 1000);
    ack = EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    expect_sack(&ack, 2, (uint32_t[]){6000, 7000, 2000, 3000}, base);
    peer_send(&peer, WIRE_ACK, 4000, 0, 1000);
    ack = EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    expect_sack(&ack, 3, (uint32_t[]){4000, 5000, 6000, 7000, 2000, 3000}, base);
    peer_send(&peer, WIRE_ACK, 3000, 0, 500); /* grows the oldest: it is the latest now */
    ack = EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    expect_sack(&ack, 3, (uint32_t[]){2000, 3500, 4000, 5000, 6000, 7000}, base);
    peer_send(&peer, WIRE_ACK, 8000, 0, 100);
    ack = EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    peer_send(&peer, WIRE_ACK, 9000, 0, 100); /* five ranges: four fit */
    ack = EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    expect_sack(&ack, 4, (uint32_t[]){9000, 9100, 8000, 8100, 2000, 3500, 4000, 5000}, base);
    peer_send(&peer, WIRE_ACK, 0, 0, 2000); /* the first hole is filled */
    ack = EXPECT(&peer, WIRE_ACK, 0, 3500, 0);
    expect_sack(&ack, 4, (uint32_t[]){9000, 9100, 8000, 8100, 4000, 5000, 6000, 7000}, base);
    peer_close(&peer);
}

/* RFC 2883 §4.3: of a segment that partly repeats bytes beyond a hole the first such part is
 * reported, before the range it lies in. */
static void established_part_that_came_twice_beyond_a_hole_is_reported(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    rill_seq base = peer.iss + 1;
    peer_send(&peer, WIRE_ACK, 200, 0, 100);
    EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    peer_send(&peer, WIRE_ACK, 400, 0, 100);
    EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    peer_send(&peer, WIRE_ACK, 150, 0, 300); /* [200, 300) and [400, 450) are there */
    struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    expect_sack(&ack, 2, (uint32_t[]){200, 300, 150, 500}, base);
    peer_send(&peer, WIRE_ACK, 0, 0, 200); /* fills the hole, and repeats its end */
    ack = EXPECT(&peer, WIRE_ACK, 0, 500, 0);
    expect_sack(&ack, 1, (uint32_t[]){150, 200}, base);
    assert_int_equal(peer_read(&peer, SIZE_MAX), 500);
    peer_close(&peer);
}

/* A duplicate ACK says what a delayed one would have said. */
static void established_duplicate_ack_takes_the_delayed_one_with_it(void **state) {
    (void)state;
    struct peer peer;
    struct seen ack;
    peer_init(&peer);
    peer.config.quick_acks = 0;
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 100);
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_ACK, 200, 0, 100);
    EXPECT(&peer, WIRE_ACK, 0, 100, 0);
    assert_false(peer_take_within(&peer, RILL_SECOND, &ack));
    peer_close(&peer);
}

/* Who answers at once will answer again: the ACK goes with it. */
static void established_answered_at_once_delays_from_then_on(void **state) {
    (void)state;
    struct peer peer;
    struct seen ack;
    peer_init(&peer);
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK | WIRE_PSH, 0, 0, 100);
    EXPECT(&peer, WIRE_ACK, 0, 100, 0);
    peer_write(&peer, 10);
    EXPECT(&peer, WIRE_ACK | WIRE_PSH, 0, 100, 10);
    peer_send(&peer, WIRE_ACK | WIRE_PSH, 100, 10, 100);
    EXPECT_NONE(&peer);
    peer_write(&peer, 10);
    EXPECT(&peer, WIRE_ACK | WIRE_PSH, 10, 200, 10);
    peer_send(&peer, WIRE_ACK, 200, 20, 0);
    assert_false(peer_take_within(&peer, RILL_SECOND, &ack));
    peer_close(&peer);
}

static void established_every_second_segment_of_any_size_if_so_configured(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.quick_acks = 0;
    peer.config.ack_every_second = true;
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 1);
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_ACK, 1, 0, 1);
    EXPECT(&peer, WIRE_ACK, 0, 2, 0);
    peer_close(&peer);
}

static void established_sack_with_timestamps_has_three_blocks(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.options |= PEER_TIMESTAMPS;
    peer_established(&peer);
    for (uint32_t i = 1; i <= 5; i++) {
        peer_send(&peer, WIRE_ACK, 1000 * i, 0, 100);
        struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 0, 0);
        assert_int_equal(ack.header.sack_count, i < 3 ? i : 3);
        assert_true(ack.header.has_timestamps);
        assert_int_equal(ack.header.sacks[0].left - peer.iss - 1, 1000 * i);
    }
    peer_close(&peer);
}

static void established_without_sack_agreed_on_no_blocks_are_sent(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.options = PEER_MSS;
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 1000, 0, 100);
    struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(ack.header.sack_count, 0);
    assert_int_equal(ack.header.header_length, 20);
    peer_close(&peer);
}

static void established_overlap_keeps_what_is_there(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    const uint32_t segments[][2] = {{500, 100}, {700, 100}, {550, 200}, {450, 400},
                                    {849, 2},   {900, 100}, {700, 250}, {0, 10},
                                    {5, 100},   {104, 1},   {60, 400}};
    for (size_t i = 0; i < sizeof segments / sizeof *segments; i++)
        peer_send(&peer, WIRE_ACK, segments[i][0], 0, segments[i][1]);
    peer_drain(&peer);
    assert_int_equal(peer_read(&peer, 10000), 1000); /* every byte is verified on the way */
    assert_int_equal(peer_info(&peer).receive_queued, 0);
    peer_close(&peer);
}

static void established_segments_in_any_order_give_the_stream(void **state) {
    (void)state;
    uint32_t seed = 12345;
    for (int round = 0; round < 60; round++) {
        struct peer peer;
        peer_init(&peer);
        peer_established(&peer);
        uint32_t total = 0;
        for (int i = 0; i < 300; i++) {
            seed = seed * 1664525 + 1013904223;
            uint32_t at = (seed >> 8) % 9000;
            seed = seed * 1664525 + 1013904223;
            uint32_t length = 1 + (seed >> 8) % 600;
            peer_send(&peer, WIRE_ACK, at, 0, length);
            if (i % 7 == 0)
                total += (uint32_t)peer_read(&peer, (seed >> 20) % 500);
            if (i % 3 == 0)
                peer_drain(&peer);
        }
        for (uint32_t at = 0; at < 10000; at += 500)
            peer_send(&peer, WIRE_ACK, at, 0, 500);
        peer_drain(&peer);
        total += (uint32_t)peer_read(&peer, SIZE_MAX);
        assert_int_equal(total, 10000);
        peer_drain(&peer);
        peer_close(&peer);
    }
}

static void established_duplicate_is_counted_and_acknowledged(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 100);
    EXPECT(&peer, WIRE_ACK, 0, 100, 0);
    peer_send(&peer, WIRE_ACK, 0, 0, 100);
    struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 100, 0);
    assert_int_equal(ack.cause, RILL_CAUSE_DUPLICATE_ACK);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_DUPLICATE), 1);
    peer_send(&peer, WIRE_ACK, 50, 0, 100); /* half of it is new */
    EXPECT(&peer, WIRE_ACK, 0, 150, 0);
    peer_send(&peer, WIRE_ACK, 200, 0, 10);
    EXPECT(&peer, WIRE_ACK, 0, 150, 0);
    peer_send(&peer, WIRE_ACK, 200, 0, 10); /* again, out of order */
    EXPECT(&peer, WIRE_ACK, 0, 150, 0);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_DUPLICATE), 2);
    assert_int_equal(peer_read(&peer, 1000), 150);
    peer_close(&peer);
}

static void established_bad_checksum_changes_nothing(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    struct inject segment = {.flags = WIRE_ACK, .length = 100, .bad_checksum = true};
    peer_inject(&peer, &segment);
    segment.flags = WIRE_RST;
    peer_inject(&peer, &segment);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_CHECKSUM), 2);
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    assert_int_equal(peer_info(&peer).segments_received, 1); /* the SYN-ACK */
    peer_close(&peer);
}

static void established_no_ack_bit_is_dropped(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_send(&peer, 0, 0, 0, 100);
    peer_send(&peer, WIRE_FIN, 0, 0, 0);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_ACK_MISSING), 2);
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    peer_close(&peer);
}

static void established_window_edge_trims_what_lies_beyond(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.receive_buffer = 2000;
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 1000, 0, 1460); /* 1000 of it fit */
    EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    peer_send(&peer, WIRE_ACK, 0, 0, 1000);
    struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 2000, 0);
    assert_int_equal(ack.header.window, 0);
    assert_int_equal(peer_info(&peer).receive_queued, 2000);
    peer_send(&peer, WIRE_ACK, 2000, 0, 460); /* and the rest is refused */
    ack = EXPECT(&peer, WIRE_ACK, 0, 2000, 0);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_CLOSED_WINDOW), 1);
    peer_send(&peer, WIRE_ACK, 2100, 0, 10);
    EXPECT(&peer, WIRE_ACK, 0, 2000, 0);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_CLOSED_WINDOW), 2);
    assert_int_equal(peer_read(&peer, 5000), 2000);
    peer_close(&peer);
}

static void established_fin_beyond_the_window_edge_is_cut_off(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.receive_buffer = 1000;
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 0, 0, 1200);
    EXPECT(&peer, WIRE_ACK, 0, 1000, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    assert_int_equal(peer_read(&peer, 5000), 1000);
    EXPECT(&peer, WIRE_ACK, 0, 1000, 0); /* the window is open again */
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 1000, 0, 200);
    EXPECT(&peer, WIRE_ACK, 0, 1201, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSE_WAIT);
    peer_close(&peer);
}

static void established_many_small_segments_hold_little_memory(void **state) {
    (void)state;
    struct peer peer;
    struct rill_stack_info info;
    peer_init(&peer);
    peer_established(&peer);
    for (uint32_t i = 0; i < 20000; i++) {
        peer_send(&peer, WIRE_ACK, i, 0, 1);
        peer_drain(&peer);
    }
    rill_stack_get_info(peer.stack, &info);
    assert_true(info.memory_held < 20000 + 80 * 1024); /* not 20,000 blocks of 512 */
    assert_int_equal(peer_read(&peer, SIZE_MAX), 20000);
    rill_stack_get_info(peer.stack, &info);
    assert_int_equal(info.memory_held, 0);
    peer_close(&peer);
}

int receive_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_data_in_order_is_read_and_acknowledged),
        cmocka_unit_test(established_small_segment_is_acknowledged_after_40_ms),
        cmocka_unit_test(established_first_32_segments_are_acknowledged_at_once),
        cmocka_unit_test(established_every_second_full_segment_is_acknowledged_at_once),
        cmocka_unit_test(established_data_sent_carries_the_acknowledgement),
        cmocka_unit_test(established_out_of_order_each_earns_one_duplicate_ack),
        cmocka_unit_test(established_partly_filled_hole_is_acknowledged_at_once),
        cmocka_unit_test(established_sack_blocks_most_recent_first),
        cmocka_unit_test(established_part_that_came_twice_beyond_a_hole_is_reported),
        cmocka_unit_test(established_duplicate_ack_takes_the_delayed_one_with_it),
        cmocka_unit_test(established_answered_at_once_delays_from_then_on),
        cmocka_unit_test(established_every_second_segment_of_any_size_if_so_configured),
        cmocka_unit_test(established_sack_with_timestamps_has_three_blocks),
        cmocka_unit_test(established_without_sack_agreed_on_no_blocks_are_sent),
        cmocka_unit_test(established_overlap_keeps_what_is_there),
        cmocka_unit_test(established_segments_in_any_order_give_the_stream),
        cmocka_unit_test(established_duplicate_is_counted_and_acknowledged),
        cmocka_unit_test(established_bad_checksum_changes_nothing),
        cmocka_unit_test(established_no_ack_bit_is_dropped),
        cmocka_unit_test(established_window_edge_trims_what_lies_beyond),
        cmocka_unit_test(established_fin_beyond_the_window_edge_is_cut_off),
        cmocka_unit_test(established_many_small_segments_hold_little_memory),
    };
    return cmocka_run_group_tests_name("receive", tests, 0, 0);
}
