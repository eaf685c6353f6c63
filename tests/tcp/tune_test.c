/* tests/tcp/tune_test.c: what an application changes about a connection: user timeout, retries,
 * how long a closed one waits, window clamp, quick ACKs, congestion control; and urgent data. */
#include "tcp/loss.h"

#define MS RILL_MILLISECOND

static void tune(struct peer *peer, enum rill_tcp_option option, uint32_t value) {
    assert_int_equal(rill_tcp_set_option(peer->stack, peer->handle, option, value), 0);
}

/* Lets the stack resend into nothing; returns how long after `from`, or after the first timeout if
 * that is 0, the connection was given up. */
static rill_time given_up_after(struct peer *peer, rill_time from) {
    struct seen seen;
    while (peer_state(peer) != RILL_TCP_CLOSED) {
        assert_true(peer_take_within(peer, 300 * RILL_SECOND, &seen));
        if (!from && seen.cause == RILL_CAUSE_RTO)
            from = seen.at;
    }
    assert_int_equal(peer_info(peer).error, RILL_ERROR_TIMED_OUT);
    return peer->now - from;
}

static void established_user_timeout_gives_up_when_it_says(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    tune(&peer, RILL_TCP_OPTION_USER_TIMEOUT, 7000);
    peer_write(&peer, MSS);
    assert_in_range(given_up_after(&peer, 0), 7000 * MS, 7010 * MS);
    peer_close(&peer);
}

/* It takes the place of the retries in both directions: 15 would last 900 s and more. */
static void established_long_user_timeout_outlasts_the_retries(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer.config.data_retries = 2;
    loss_established(&peer);
    tune(&peer, RILL_TCP_OPTION_USER_TIMEOUT, 60000);
    peer_write(&peer, MSS);
    assert_in_range(given_up_after(&peer, 0), 60000 * MS, 60010 * MS);
    peer_close(&peer);
}

static void established_progress_begins_the_user_timeout_anew(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_open(&peer, 10);
    tune(&peer, RILL_TCP_OPTION_USER_TIMEOUT, 3000);
    peer_write(&peer, 4 * MSS);
    peer_drain(&peer);
    for (uint32_t i = 1; i < 4; i++) { /* each 2 s one more arrives */
        rill_time begin = peer.now;
        while (peer.now - begin < 2000 * MS)
            if (!peer_take_within(&peer, 100 * MS, &seen))
                continue;
        ack(&peer, i);
        assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    }
    peer_close(&peer);
}

/* RFC 9293 §3.8.6.1 lets a window stay shut for as long as the peer answers; the user timeout is
 * the application's word that it does not want to wait so long. */
static void established_shut_window_is_given_up_after_the_user_timeout(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_init(&peer);
    peer.config.data_retries = 3;
    loss_established(&peer);
    tune(&peer, RILL_TCP_OPTION_USER_TIMEOUT, 20000);
    peer.window = 0;
    ack(&peer, 0);
    peer_write(&peer, MSS);
    assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen));
    rill_time begin = peer.now; /* the first probe */
    while (peer_state(&peer) != RILL_TCP_CLOSED) {
        ack(&peer, 0); /* each probe is answered */
        assert_true(peer_take_within(&peer, 100 * RILL_SECOND, &seen));
    }
    assert_in_range(peer.now - begin, 20000 * MS, 20010 * MS);
    peer_close(&peer);
}

static void established_keepalive_goes_by_the_user_timeout(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    tune(&peer, RILL_TCP_OPTION_KEEPALIVE_IDLE, 10);
    tune(&peer, RILL_TCP_OPTION_KEEPALIVE_INTERVAL, 2);
    tune(&peer, RILL_TCP_OPTION_KEEPALIVE_COUNT, 100);
    tune(&peer, RILL_TCP_OPTION_KEEPALIVE, 1);
    tune(&peer, RILL_TCP_OPTION_USER_TIMEOUT, 15000);
    rill_time begin = peer.now;
    assert_int_equal(given_up_after(&peer, begin), 16 * RILL_SECOND); /* probes: 10, 12, 14 */
    peer_close(&peer);
}

static void syn_sent_retries_are_the_sockets(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_init(&peer);
    peer_syn_sent(&peer);
    tune(&peer, RILL_TCP_OPTION_SYN_RETRIES, 2);
    rill_time begin = peer.now;
    for (int i = 0; i < 2; i++)
        assert_true(peer_take_within(&peer, 10 * RILL_SECOND, &seen));
    peer_wait(&peer, 10 * RILL_SECOND);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
    assert_int_equal(peer_info(&peer).limited_ns[RILL_LIMITER_HANDSHAKE], 7 * RILL_SECOND);
    (void)begin;
    peer_close(&peer);
}

static void fin_wait_2_of_an_orphan_lasts_as_long_as_was_asked_for(void **state) {
    (void)state;
    static const struct {
        uint32_t value;
        rill_time lives, gone;
    } cases[] = {{0, 59 * RILL_SECOND, 61 * RILL_SECOND},
                 {5, 4 * RILL_SECOND, 6 * RILL_SECOND},
                 {UINT32_MAX, 0, MS}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer peer;
        struct rill_stack_info info;
        loss_open(&peer, 10);
        tune(&peer, RILL_TCP_OPTION_FIN_WAIT_2, cases[i].value);
        rill_tcp_close(peer.stack, peer.handle);
        peer.handle = 0;
        peer_drain(&peer);
        peer_send(&peer, WIRE_ACK, 0, 1, 0);
        if (cases[i].lives) {
            peer_wait(&peer, cases[i].lives);
            rill_stack_get_info(peer.stack, &info);
            assert_int_equal(info.connections, 1);
        }
        peer_wait(&peer, cases[i].gone - cases[i].lives);
        rill_stack_get_info(peer.stack, &info);
        assert_int_equal(info.connections, 0);
        peer_close(&peer);
    }
}

static void established_window_is_clamped(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_init(&peer);
    peer_syn_sent(&peer);
    tune(&peer, RILL_TCP_OPTION_WINDOW_CLAMP, 70000);
    peer_send(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_drain(&peer);
    uint32_t at = 0, most = 0;
    for (int i = 0; i < 200; i++, at += MSS) {
        peer_send(&peer, WIRE_ACK, at, 0, MSS);
        assert_int_equal(peer_read(&peer, MSS), MSS);
        while (peer_take(&peer, &seen)) {
            uint32_t window = (uint32_t)seen.header.window << 5;
            most = window > most ? window : most;
        }
    }
    assert_in_range(most, 65536, 70000); /* without it: up to 1 MiB */
    peer_close(&peer);
}

/* A window once shut did not open again, since no step was as large as a segment (found by the
 * fuzzer of socket calls). */
static void clamp_below_a_segment_still_opens_the_window(uint32_t clamp) {
    struct peer peer;
    struct seen seen;
    loss_init(&peer);
    peer.config.receive_buffer = 60000; /* no scale */
    loss_established(&peer);
    tune(&peer, RILL_TCP_OPTION_WINDOW_CLAMP, clamp);
    uint32_t at = 0, window = UINT32_MAX;
    for (int i = 0; i < 400 && window; i++) { /* until what was promised before is used up */
        peer_send(&peer, WIRE_ACK, at, 0, MSS);
        peer_wait(&peer, RTT);
        while (peer_take(&peer, &seen)) {
            window = seen.header.window;
            at = seen.acknowledgement;
        }
    }
    assert_int_equal(window, 0);
    while (peer_read(&peer, MSS))
        continue;
    peer_wait(&peer, RTT);
    while (peer_take(&peer, &seen))
        window = seen.header.window;
    assert_in_range(window, 1, clamp);
    peer_close(&peer);
}

static void established_clamp_below_a_segment_still_opens_the_window(void **state) {
    (void)state;
    clamp_below_a_segment_still_opens_the_window(MSS - 100);
    clamp_below_a_segment_still_opens_the_window(7);
}

static void established_quick_ack_pays_what_is_delayed(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    uint32_t at = peer_end_quick_acks(&peer);
    peer_send(&peer, WIRE_ACK, at, 0, 100);
    EXPECT_NONE(&peer);
    tune(&peer, RILL_TCP_OPTION_QUICK_ACKS, 1);
    EXPECT(&peer, WIRE_ACK, 0, at + 100, 0);
    peer_send(&peer, WIRE_ACK, at + 100, 0, 100);
    EXPECT(&peer, WIRE_ACK, 0, at + 200, 0);
    tune(&peer, RILL_TCP_OPTION_QUICK_ACKS, 0);
    peer_send(&peer, WIRE_ACK, at + 200, 0, 100);
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

/* A new congestion control begins with the window the old one has reached. */
static void established_congestion_control_is_changed_on_the_way(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer.config.congestion_more[0] = &rill_no_congestion;
    peer.config.initial_window = 4;
    loss_established(&peer);
    loss_flight(&peer, 100, 4);
    ack(&peer, 4);
    assert_int_equal(peer_info(&peer).cwnd, 8 * MSS);
    assert_int_equal(peer_drain(&peer), 8);
    assert_int_equal(rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_CONGESTION, 2),
                     RILL_ERROR_ARGUMENT); /* there is no such one */
    tune(&peer, RILL_TCP_OPTION_CONGESTION, 1);
    peer_wait(&peer, RTT);
    assert_int_equal(peer_drain(&peer), 88); /* it knows no window but the peer's */
    tune(&peer, RILL_TCP_OPTION_CONGESTION, 0);
    ack(&peer, 100);
    peer_write(&peer, MSS);
    assert_int_equal(peer_drain(&peer), 1);
    peer_close(&peer);
}

static uint32_t urgent_after(struct peer *peer) {
    return peer_info(peer).urgent_after;
}

static void send_urgent(struct peer *peer, uint32_t at, uint32_t length, uint16_t pointer) {
    struct wire_tcp header = {.source_port = peer->remote_port,
                              .destination_port = peer->local_port,
                              .sequence = peer->iss + 1 + at,
                              .acknowledgement = peer->own_iss + 1,
                              .window = peer->window,
                              .flags = WIRE_ACK | WIRE_URG,
                              .urgent = pointer};
    peer_send_raw(peer, &header, length);
}

static void established_urgent_byte_is_told_and_read_in_line(void **state) {
    (void)state;
    struct peer peer;
    uint8_t bytes[200];
    loss_open(&peer, 10);
    peer_events(&peer, peer.handle);
    assert_int_equal(urgent_after(&peer), UINT32_MAX);
    send_urgent(&peer, 0, 100, 150); /* RFC 9293 §3.8.5: it may lie ahead */
    assert_true(peer_events(&peer, peer.handle) & RILL_EVENT_URGENT);
    assert_int_equal(urgent_after(&peer), 149);
    assert_int_equal(rill_tcp_receive(peer.stack, peer.handle, bytes, sizeof bytes), 100);
    assert_int_equal(urgent_after(&peer), 49);
    send_urgent(&peer, 100, 100, 50);
    assert_int_equal(urgent_after(&peer), 49);
    assert_int_equal(rill_tcp_receive(peer.stack, peer.handle, bytes, 49), 49);
    assert_int_equal(urgent_after(&peer), 0); /* at the mark */
    assert_int_equal(rill_tcp_receive(peer.stack, peer.handle, bytes, 1), 1);
    assert_int_equal(urgent_after(&peer), UINT32_MAX);
    send_urgent(&peer, 200, 10, 5);
    send_urgent(&peer, 210, 10, 3); /* a later one takes its place, an earlier one does not */
    assert_int_equal(urgent_after(&peer), 50 + 12);
    send_urgent(&peer, 220, 10, 0);
    assert_int_equal(urgent_after(&peer), 50 + 20);
    send_urgent(&peer, 200, 10, 2); /* old */
    assert_int_equal(urgent_after(&peer), 50 + 20);
    peer_close(&peer);
}

static void established_last_byte_is_sent_urgent(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    tune(&peer, RILL_TCP_OPTION_URGENT, 1); /* nothing is queued: nothing is urgent */
    peer_write(&peer, 2 * MSS + 10);
    tune(&peer, RILL_TCP_OPTION_URGENT, 1);
    tune(&peer, RILL_TCP_OPTION_NODELAY, 1);
    struct seen seen = EXPECT(&peer, WIRE_ACK | WIRE_URG, 0, 0, MSS);
    assert_int_equal(seen.header.urgent, 2 * MSS + 10);
    seen = EXPECT(&peer, WIRE_ACK | WIRE_URG, MSS, 0, MSS);
    assert_int_equal(seen.header.urgent, MSS + 10);
    seen = EXPECT(&peer, WIRE_ACK | WIRE_PSH | WIRE_URG, 2 * MSS, 0, 10);
    assert_int_equal(seen.header.urgent, 10);
    peer_write(&peer, 10);
    EXPECT(&peer, WIRE_ACK | WIRE_PSH, 2 * MSS + 10, 0, 10); /* behind it */
    peer_send(&peer, WIRE_ACK, 0, 2 * MSS + 20, 0);
    peer_write(&peer, 10);
    EXPECT(&peer, WIRE_ACK | WIRE_PSH, 2 * MSS + 20, 0, 10);
    peer_close(&peer);
}

/* The pointer has 16 bits: of what lies further ahead it says as much as it can. */
static void established_urgent_byte_far_ahead_is_told_as_far_as_it_goes(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 4);
    peer_write(&peer, 100 * MSS);
    tune(&peer, RILL_TCP_OPTION_URGENT, 1);
    struct seen seen = EXPECT(&peer, WIRE_ACK | WIRE_URG, 0, 0, MSS);
    assert_int_equal(seen.header.urgent, 65535);
    peer_drain(&peer);
    peer_close(&peer);
}

static void established_shut_window_tells_of_urgent_bytes_all_the_same(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    loss_established(&peer);
    peer.window = 0;
    ack(&peer, 0);
    peer_write(&peer, 10);
    tune(&peer, RILL_TCP_OPTION_URGENT, 1);
    struct seen seen = EXPECT(&peer, WIRE_ACK | WIRE_URG, 0, 0, 0);
    assert_int_equal(seen.header.urgent, 10);
    peer_close(&peer);
}

/* As TCP_NOTSENT_LOWAT: what is written last does not wait behind a whole send buffer. */
static void established_unsent_bytes_stop_the_writer_until_half_of_them_are_gone(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_open(&peer, 10);
    tune(&peer, RILL_TCP_OPTION_UNSENT_LOW, 4 * MSS);
    peer_events(&peer, peer.handle);
    /* A call that begins below the mark is taken whole. */
    assert_int_equal(peer_write(&peer, 16 * MSS), 16 * MSS);
    assert_int_equal(peer_write(&peer, 1), 0);
    peer_drain(&peer); /* a window of ten: six wait */
    assert_int_equal(peer_write(&peer, 1), 0);
    assert_false(rill_ready(peer.stack, peer.handle) & RILL_EVENT_WRITABLE);
    peer_wait(&peer, RTT);
    ack(&peer, 2); /* slow start: four more go, two wait, which is not below half */
    peer_drain(&peer);
    assert_false(peer_events(&peer, peer.handle) & RILL_EVENT_WRITABLE);
    assert_false(rill_ready(peer.stack, peer.handle) & RILL_EVENT_WRITABLE);
    ack(&peer, 3);
    while (peer_take_within(&peer, 0, &seen))
        continue;
    assert_true(peer_events(&peer, peer.handle) & RILL_EVENT_WRITABLE);
    assert_true(rill_ready(peer.stack, peer.handle) & RILL_EVENT_WRITABLE);
    tune(&peer, RILL_TCP_OPTION_UNSENT_LOW, 0);
    assert_int_equal(peer_write(&peer, 20 * MSS), 20 * MSS);
    assert_int_equal(peer_write(&peer, 20 * MSS), 20 * MSS);
    peer_close(&peer);
}

int tune_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_user_timeout_gives_up_when_it_says),
        cmocka_unit_test(established_long_user_timeout_outlasts_the_retries),
        cmocka_unit_test(established_progress_begins_the_user_timeout_anew),
        cmocka_unit_test(established_shut_window_is_given_up_after_the_user_timeout),
        cmocka_unit_test(established_keepalive_goes_by_the_user_timeout),
        cmocka_unit_test(syn_sent_retries_are_the_sockets),
        cmocka_unit_test(fin_wait_2_of_an_orphan_lasts_as_long_as_was_asked_for),
        cmocka_unit_test(established_window_is_clamped),
        cmocka_unit_test(established_clamp_below_a_segment_still_opens_the_window),
        cmocka_unit_test(established_quick_ack_pays_what_is_delayed),
        cmocka_unit_test(established_congestion_control_is_changed_on_the_way),
        cmocka_unit_test(established_unsent_bytes_stop_the_writer_until_half_of_them_are_gone),
        cmocka_unit_test(established_urgent_byte_is_told_and_read_in_line),
        cmocka_unit_test(established_last_byte_is_sent_urgent),
        cmocka_unit_test(established_urgent_byte_far_ahead_is_told_as_far_as_it_goes),
        cmocka_unit_test(established_shut_window_tells_of_urgent_bytes_all_the_same),
    };
    return cmocka_run_group_tests_name("tune", tests, 0, 0);
}
