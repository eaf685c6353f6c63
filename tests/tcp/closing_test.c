/* tests/tcp/closing_test.c: the ways to an end: half-close, close, simultaneous close, FIN early or
 * with data, data after close, abort (RFC 9293 §3.6, §3.10.4, RFC 2525 §2.17). */
#include "tcp/segment.h"

static struct rill_stack_info stack_info(struct peer *peer) {
    struct rill_stack_info info;
    rill_stack_get_info(peer->stack, &info);
    return info;
}

static void fin_wait_2_data_still_flows_in(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_fin_wait_2(&peer);
    peer_send(&peer, WIRE_ACK, 0, 1, 1000);
    EXPECT(&peer, WIRE_ACK, 1, 1000, 0);
    assert_int_equal(peer_read(&peer, 5000), 1000);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 1000, 1, 500);
    EXPECT(&peer, WIRE_ACK, 1, 1501, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_TIME_WAIT);
    assert_int_equal(peer_read(&peer, 5000), 500); /* what is unread outlives the protocol */
    uint8_t byte;
    assert_int_equal(rill_tcp_receive(peer.stack, peer.handle, &byte, 1), 0);
    peer_close(&peer);
}

static void fin_wait_1_data_and_ack_of_fin_in_one(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_fin_wait_1(&peer);
    peer_send(&peer, WIRE_ACK, 0, 1, 10);
    EXPECT(&peer, WIRE_ACK, 1, 10, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_FIN_WAIT_2);
    peer_close(&peer);
}

static void fin_wait_1_fin_with_ack_of_ours_goes_to_time_wait(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_fin_wait_1(&peer);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 0, 1, 0);
    EXPECT(&peer, WIRE_ACK, 1, 1, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_TIME_WAIT);
    assert_int_equal(stack_info(&peer).time_wait, 1);
    peer_close(&peer);
}

static void fin_wait_1_fin_is_resent_until_acknowledged(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_fin_wait_1(&peer);
    for (int i = 0; i < 3; i++) {
        assert_true(peer_take_within(&peer, 10 * RILL_SECOND, &seen));
        assert_int_equal(seen.header.flags, WIRE_FIN | WIRE_ACK);
        assert_int_equal(seen.sequence, 0);
        assert_int_equal(seen.cause, RILL_CAUSE_RTO);
    }
    peer_close(&peer);
}

static void close_wait_data_still_flows_out(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_close_wait(&peer);
    uint8_t byte;
    assert_int_equal(rill_tcp_receive(peer.stack, peer.handle, &byte, 1), 0);
    assert_int_equal(peer_write(&peer, 3000), 3000);
    EXPECT(&peer, WIRE_ACK, 0, 1, 1460);
    EXPECT(&peer, WIRE_ACK, 1460, 1, 1460);
    peer_send(&peer, WIRE_ACK, 1, 2920, 0);
    EXPECT(&peer, WIRE_ACK, 2920, 1, 80);
    assert_int_equal(rill_tcp_shutdown(peer.stack, peer.handle), 0);
    EXPECT(&peer, WIRE_ACK | WIRE_FIN, 3000, 1, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_LAST_ACK);
    peer_send(&peer, WIRE_ACK, 1, 3001, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
    assert_int_equal(peer_info(&peer).error, 0);
    assert_int_equal(rill_deadline(peer.stack), RILL_TIME_NEVER);
    peer_close(&peer);
}

static void close_wait_repeated_fin_is_acknowledged_again(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_close_wait(&peer);
    for (int i = 0; i < 3; i++) {
        peer_send(&peer, WIRE_ACK | WIRE_FIN, 0, 0, 0);
        EXPECT(&peer, WIRE_ACK, 0, 1, 0);
    }
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSE_WAIT);
    peer_close(&peer);
}

static void close_wait_text_after_fin_is_not_taken(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_close_wait(&peer);
    peer_send(&peer, WIRE_ACK, 1, 0, 100);
    peer_drain(&peer);
    assert_int_equal(peer_info(&peer).receive_queued, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSE_WAIT);
    peer_close(&peer);
}

static void closing_ack_goes_to_time_wait(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_closing(&peer);
    peer_send(&peer, WIRE_ACK, 1, 0, 0); /* not of our FIN */
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSING);
    peer_send(&peer, WIRE_ACK, 1, 1, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_TIME_WAIT);
    assert_int_equal(stack_info(&peer).time_wait, 1);
    peer_close(&peer);
}

static void closing_fin_is_resent_when_lost(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_closing(&peer);
    assert_true(peer_take_within(&peer, 2 * RILL_SECOND, &seen));
    assert_int_equal(seen.header.flags, WIRE_FIN | WIRE_ACK);
    assert_int_equal(seen.acknowledgement, 1);
    peer_close(&peer);
}

static void last_ack_ack_closes(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_last_ack(&peer);
    peer_send(&peer, WIRE_ACK, 1, 1, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
    assert_int_equal(peer_info(&peer).error, 0);
    assert_int_equal(stack_info(&peer).time_wait, 0);
    peer_send(&peer, WIRE_ACK, 1, 1, 0); /* the four-tuple is free */
    EXPECT(&peer, WIRE_RST, 1, 0, 0);
    peer_close(&peer);
}

/* The FIN, or bytes before it, may not have arrived: who asks is told. */
static void last_ack_rst_closes_and_is_told(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_last_ack(&peer);
    peer_send(&peer, WIRE_RST, 1, 0, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
    assert_int_equal(peer_info(&peer).error, RILL_ERROR_RESET);
    peer_close(&peer);
}

static void established_fin_ahead_of_missing_data_waits_for_it(void **state) {
    (void)state;
    struct peer peer;
    for (int with_data = 0; with_data < 2; with_data++) {
        peer_init(&peer);
        peer_established(&peer);
        uint32_t length = with_data ? 100 : 0;
        peer_send(&peer, WIRE_ACK | WIRE_FIN, 500, 0, length);
        EXPECT(&peer, WIRE_ACK, 0, 0, 0);
        EXPECT_NONE(&peer);
        assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
        peer_wait(&peer, 5 * RILL_SECOND); /* nor is it forgotten when the connection is idle */
        peer_send(&peer, WIRE_ACK, 0, 0, 500);
        EXPECT(&peer, WIRE_ACK, 0, 501 + length, 0);
        assert_int_equal(peer_state(&peer), RILL_TCP_CLOSE_WAIT);
        assert_int_equal(peer_read(&peer, 5000), 500 + length);
        peer_close(&peer);
    }
}

static void established_fin_with_data_is_one_step(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_events(&peer, peer.handle);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 0, 0, 100);
    EXPECT(&peer, WIRE_ACK, 0, 101, 0);
    assert_int_equal(peer_events(&peer, peer.handle), RILL_EVENT_READABLE | RILL_EVENT_PEER_CLOSED);
    assert_int_equal(peer_read(&peer, 1000), 100);
    uint8_t byte;
    assert_int_equal(rill_tcp_receive(peer.stack, peer.handle, &byte, 1), 0);
    peer_close(&peer);
}

static void established_fin_after_data_received_before_is_taken(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 100);
    peer_drain(&peer);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 0, 0, 100); /* the same bytes, and now the FIN */
    peer_drain(&peer);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSE_WAIT);
    assert_int_equal(peer_read(&peer, 1000), 100);
    peer_close(&peer);
}

static void established_shutdown_sends_fin_behind_the_last_byte(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.window = 1000;
    peer_established(&peer);
    peer_write(&peer, 1000);
    assert_int_equal(rill_tcp_shutdown(peer.stack, peer.handle), 0);
    assert_int_equal(rill_tcp_shutdown(peer.stack, peer.handle), 0); /* once is enough */
    EXPECT(&peer, WIRE_ACK, 0, 0, 1000);
    EXPECT(&peer, WIRE_ACK | WIRE_FIN, 1000, 0, 0); /* the FIN takes no room of the window */
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_ACK, 0, 1001, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_FIN_WAIT_2);
    assert_int_equal(rill_tcp_shutdown(peer.stack, peer.handle), RILL_ERROR_STATE);
    peer_close(&peer);
}

static void established_close_sends_the_queue_then_fin_then_vanishes(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_write(&peer, 2000);
    assert_int_equal(rill_tcp_close(peer.stack, peer.handle), 0);
    assert_int_equal(rill_ready(peer.stack, peer.handle), 0);
    peer.handle = 0;
    EXPECT(&peer, WIRE_ACK, 0, 0, 1460);
    EXPECT(&peer, WIRE_ACK | WIRE_FIN, 1460, 0, 540);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 0, 2001, 0);
    EXPECT(&peer, WIRE_ACK, 2001, 1, 0);
    assert_int_equal(stack_info(&peer).connections, 0);
    assert_int_equal(stack_info(&peer).time_wait, 1);
    peer_close(&peer);
}

static void established_close_with_unread_data_resets(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 100);
    peer_drain(&peer);
    assert_int_equal(peer_read(&peer, 99), 99);
    assert_int_equal(rill_tcp_close(peer.stack, peer.handle), 0);
    peer.handle = 0;
    struct seen rst = EXPECT(&peer, WIRE_RST | WIRE_ACK, 0, 100, 0);
    assert_int_equal(rst.cause, RILL_CAUSE_RST_UNREAD);
    assert_int_equal(stack_info(&peer).connections, 0);
    peer_close(&peer);
}

static void fin_wait_data_after_close_resets(void **state) {
    (void)state;
    for (int acked = 0; acked < 2; acked++) { /* FIN-WAIT-1 and FIN-WAIT-2 */
        struct peer peer;
        peer_init(&peer);
        peer_established(&peer);
        assert_int_equal(rill_tcp_close(peer.stack, peer.handle), 0);
        peer.handle = 0;
        EXPECT(&peer, WIRE_ACK | WIRE_FIN, 0, 0, 0);
        if (acked)
            peer_send(&peer, WIRE_ACK, 0, 1, 0);
        EXPECT_NONE(&peer);
        peer_send(&peer, WIRE_ACK, 0, (uint32_t)acked, 10);
        struct seen rst = EXPECT(&peer, WIRE_RST, (uint32_t)acked, 0, 0); /* at SEG.ACK */
        assert_int_equal(rst.cause, RILL_CAUSE_RST_UNREAD);
        assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_AFTER_CLOSE), 1);
        assert_int_equal(stack_info(&peer).connections, 0);
        peer_close(&peer);
    }
}

/* The story of the FIN far ahead: it came first, and the real one, in order, was then not looked
 * at; the stream never ended. Found by comparison with a kernel. */
static void established_fin_in_order_counts_though_one_far_ahead_came_first(void **state) {
    (void)state;
    struct peer peer;
    uint8_t byte;
    peer_init(&peer);
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 1000, 0, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 0, 0, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSE_WAIT);
    assert_int_equal(rill_tcp_receive(peer.stack, peer.handle, &byte, 1), 0);
    peer_drain(&peer);
    peer_close(&peer);
}

static void established_abort_resets_and_drops_the_queue(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_write(&peer, 100000);
    assert_int_equal(peer_drain(&peer), 10);
    assert_int_equal(rill_tcp_abort(peer.stack, peer.handle), 0);
    assert_int_equal(rill_tcp_abort(peer.stack, peer.handle), RILL_ERROR_HANDLE);
    peer.handle = 0;
    struct seen rst = EXPECT(&peer, WIRE_RST | WIRE_ACK, 14600, 0, 0);
    assert_int_equal(rst.cause, RILL_CAUSE_RST_ABORT);
    assert_int_equal(stack_info(&peer).memory_held, 0);
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

static void fin_wait_2_orphan_goes_after_60_seconds(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    for (int late = 0; late < 2; late++) { /* closed before or after our FIN was acknowledged */
        peer_init(&peer);
        if (late) {
            peer_fin_wait_2(&peer);
            peer_wait(&peer, 100 * RILL_SECOND); /* while the application holds it: for ever */
            assert_int_equal(peer_state(&peer), RILL_TCP_FIN_WAIT_2);
        } else {
            peer_fin_wait_1(&peer);
        }
        assert_int_equal(rill_tcp_close(peer.stack, peer.handle), 0);
        peer.handle = 0;
        if (!late)
            peer_send(&peer, WIRE_ACK, 0, 1, 0);
        assert_false(peer_take_within(&peer, 60 * RILL_SECOND - 1, &seen));
        assert_int_equal(stack_info(&peer).connections, 1);
        assert_false(peer_take_within(&peer, 1, &seen));
        assert_int_equal(stack_info(&peer).connections, 0);
        peer_close(&peer);
    }
}

static void fin_wait_2_orphan_fin_ends_in_time_wait(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_fin_wait_2(&peer);
    assert_int_equal(rill_tcp_close(peer.stack, peer.handle), 0);
    peer.handle = 0;
    peer_wait(&peer, 30 * RILL_SECOND); /* its active part is gone by now */
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 0, 1, 0);
    EXPECT(&peer, WIRE_ACK, 1, 1, 0);
    assert_int_equal(stack_info(&peer).connections, 0);
    assert_int_equal(stack_info(&peer).time_wait, 1);
    peer_close(&peer);
}

static void opened(struct peer *peer, uint16_t port) {
    struct wire_tcp header = {.source_port = port,
                              .destination_port = OWN_PORT,
                              .sequence = 1000,
                              .flags = WIRE_SYN,
                              .window = 0, /* nothing can be sent */
                              .mss = 1460};
    struct seen seen;
    peer_send_raw(peer, &header, 0);
    assert_true(peer_take(peer, &seen));
    header.sequence = 1001;
    header.acknowledgement = seen.header.sequence + 1;
    header.flags = WIRE_ACK;
    header.mss = 0;
    peer_send_raw(peer, &header, 0);
    assert_int_equal(rill_tcp_accept(peer->stack, peer->listener, &peer->handle), 0);
}

/* Closed connections that a peer keeps from finishing are no longer anybody's: there are only so
 * many, and each of them ends in time. */
static void orphans_beyond_the_limit_are_reset(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer.config.orphans_max = 3;
    peer.config.data_retries = 4;
    peer_listen(&peer);
    for (uint16_t i = 0; i < 5; i++) {
        opened(&peer, (uint16_t)(5000 + i));
        assert_int_equal(rill_tcp_close(peer.stack, peer.handle), 0);
        peer.handle = 0;
        assert_true(peer_take(&peer, &seen)); /* its FIN is never acknowledged */
        assert_int_equal(seen.header.flags, i < 3 ? WIRE_FIN | WIRE_ACK : WIRE_RST | WIRE_ACK);
        assert_int_equal(seen.cause, i < 3 ? RILL_CAUSE_FIN : RILL_CAUSE_RST_ORPHANS);
    }
    for (rill_time end = peer.now + 300 * RILL_SECOND; peer.now < end;)
        if (!peer_take_within(&peer, end - peer.now, &seen))
            break;
    struct rill_stack_info info;
    rill_stack_get_info(peer.stack, &info);
    assert_int_equal(info.connections, 0);
    opened(&peer, 6000); /* and there is room for others again */
    assert_int_equal(rill_tcp_close(peer.stack, peer.handle), 0);
    peer.handle = 0;
    assert_true(peer_take(&peer, &seen));
    assert_int_equal(seen.header.flags, WIRE_FIN | WIRE_ACK);
    peer_close(&peer);
}

/* A probe had taken snd_nxt beyond the peer's window: a RST there is one that nobody takes. */
static void abort_behind_a_shut_window_resets_where_the_peer_is(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_established(&peer);
    peer.window = 0;
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    peer_write(&peer, 100);
    assert_true(peer_take_within(&peer, 2 * RILL_SECOND, &seen));
    assert_int_equal(seen.length, 1);
    assert_int_equal(rill_tcp_abort(peer.stack, peer.handle), 0);
    peer.handle = 0;
    EXPECT(&peer, WIRE_RST | WIRE_ACK, 0, 0, 0);
    peer_close(&peer);
}

int closing_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fin_wait_2_data_still_flows_in),
        cmocka_unit_test(fin_wait_1_data_and_ack_of_fin_in_one),
        cmocka_unit_test(fin_wait_1_fin_with_ack_of_ours_goes_to_time_wait),
        cmocka_unit_test(fin_wait_1_fin_is_resent_until_acknowledged),
        cmocka_unit_test(close_wait_data_still_flows_out),
        cmocka_unit_test(close_wait_repeated_fin_is_acknowledged_again),
        cmocka_unit_test(close_wait_text_after_fin_is_not_taken),
        cmocka_unit_test(closing_ack_goes_to_time_wait),
        cmocka_unit_test(closing_fin_is_resent_when_lost),
        cmocka_unit_test(last_ack_ack_closes),
        cmocka_unit_test(last_ack_rst_closes_and_is_told),
        cmocka_unit_test(established_fin_ahead_of_missing_data_waits_for_it),
        cmocka_unit_test(established_fin_with_data_is_one_step),
        cmocka_unit_test(established_fin_after_data_received_before_is_taken),
        cmocka_unit_test(established_shutdown_sends_fin_behind_the_last_byte),
        cmocka_unit_test(established_close_sends_the_queue_then_fin_then_vanishes),
        cmocka_unit_test(established_close_with_unread_data_resets),
        cmocka_unit_test(fin_wait_data_after_close_resets),
        cmocka_unit_test(established_fin_in_order_counts_though_one_far_ahead_came_first),
        cmocka_unit_test(established_abort_resets_and_drops_the_queue),
        cmocka_unit_test(fin_wait_2_orphan_goes_after_60_seconds),
        cmocka_unit_test(fin_wait_2_orphan_fin_ends_in_time_wait),
        cmocka_unit_test(orphans_beyond_the_limit_are_reset),
        cmocka_unit_test(abort_behind_a_shut_window_resets_where_the_peer_is),
    };
    return cmocka_run_group_tests_name("closing", tests, 0, 0);
}
