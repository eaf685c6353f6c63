/* tests/tcp/handshake_test.c: opening, actively, passively and both at once, and what the two SYNs
 * agree on (RFC 9293 §3.5, §3.7.1, RFC 7323 §2.2, RFC 2018 §2). */
#include "tcp/segment.h"

static void closed_open_offers_every_option(void **state) {
    (void)state;
    struct peer peer;
    struct seen syn;
    peer_init(&peer);
    peer_open(&peer);
    struct rill_tcp_connect_config config;
    rill_tcp_connect_config_default(&config);
    config.remote.address = peer.remote;
    config.remote.port = 4000;
    assert_int_equal(rill_tcp_connect(peer.stack, &config, &peer.handle), 0);
    assert_true(peer_take(&peer, &syn));
    assert_int_equal(syn.cause, RILL_CAUSE_SYN);
    assert_int_equal(syn.header.mss, 1460);
    assert_true(syn.header.sack_permitted && syn.header.has_timestamps);
    assert_true(syn.header.has_window_scale);
    assert_int_equal(syn.header.window_scale, 5); /* 1 MiB >> 5 fits 16 bits, >> 4 does not */
    assert_int_equal(syn.header.window, 65535);
    assert_int_equal(syn.header.timestamp_echo, 0);
    assert_int_equal(syn.header.header_length, 40);
    peer_close(&peer);
}

static void closed_open_with_options_off_offers_the_mss_alone(void **state) {
    (void)state;
    struct peer peer;
    struct seen syn;
    peer_init(&peer);
    peer.config.sack = peer.config.timestamps = peer.config.window_scaling = false;
    peer.config.receive_buffer = 5000;
    peer_open(&peer);
    struct rill_tcp_connect_config config;
    rill_tcp_connect_config_default(&config);
    config.remote.address = peer.remote;
    config.remote.port = 4000;
    assert_int_equal(rill_tcp_connect(peer.stack, &config, &peer.handle), 0);
    assert_true(peer_take(&peer, &syn));
    assert_int_equal(syn.header.header_length, 24); /* the MSS alone */
    assert_int_equal(syn.header.window, 5000);
    peer_close(&peer);
}

static void syn_sent_syn_ack_establishes_and_tells_the_application(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_syn_sent(&peer);
    uint8_t byte = 0;
    assert_int_equal(rill_tcp_send(peer.stack, peer.handle, &byte, 1), RILL_ERROR_STATE);
    assert_int_equal(rill_ready(peer.stack, peer.handle), 0);
    peer_send(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(ack.cause, RILL_CAUSE_ACK);
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    assert_int_equal(peer_events(&peer, peer.handle), RILL_EVENT_CONNECTED | RILL_EVENT_WRITABLE);
    struct rill_tcp_info info = peer_info(&peer);
    assert_true(info.sack && !info.timestamps && !info.window_scaling);
    assert_int_equal(info.mss, 1460);
    assert_int_equal(info.send_window, 65535);
    peer_close(&peer);
}

static void syn_sent_all_options_answered_are_agreed_on(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.options = PEER_MSS | PEER_SACK | PEER_TIMESTAMPS | PEER_SCALE;
    peer.scale = 7;
    peer.window = 1000;
    peer_syn_sent(&peer);
    peer_send(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    assert_true(ack.header.has_timestamps);
    assert_int_equal(ack.header.timestamp_echo, peer.tsval);
    assert_int_equal(ack.header.window, (1 << 20) >> 5);
    struct rill_tcp_info info = peer_info(&peer);
    assert_true(info.sack && info.timestamps && info.window_scaling);
    assert_int_equal(info.mss, 1448);
    assert_int_equal(info.send_window, 1000); /* of a SYN: never scaled */
    peer.timestamps = true;
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(peer_info(&peer).send_window, 1000 << 7);
    peer_close(&peer);
}

static void syn_sent_answer_without_mss_means_536(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.options = 0;
    peer_established(&peer);
    struct rill_tcp_info info = peer_info(&peer);
    assert_int_equal(info.mss, 536); /* RFC 9293 §3.7.1, MUST-15 */
    assert_false(info.sack);
    peer_write(&peer, 1000);
    EXPECT(&peer, WIRE_ACK, 0, 0, 536);
    peer_close(&peer);
}

static void syn_sent_scale_above_14_counts_as_14(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.options |= PEER_SCALE;
    peer.scale = 15;
    peer.window = 3;
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(peer_info(&peer).send_window, 3 << 14); /* RFC 7323 §2.3 */
    peer_close(&peer);
}

static void syn_sent_ack_of_something_else_is_reset(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_syn_sent(&peer);
    for (int i = 0; i < 2; i++) { /* one too low (erratum 3300: strictly), one too high */
        uint32_t wrong = i ? 1 : (uint32_t)-1;
        peer_send(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, wrong, 0);
        struct seen rst = EXPECT(&peer, WIRE_RST, wrong, 0, 0);
        assert_int_equal(rst.cause, RILL_CAUSE_RST_BAD_ACK);
        assert_int_equal(peer_state(&peer), RILL_TCP_SYN_SENT);
    }
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_SYN_BAD_ACK), 2);
    peer_send(&peer, WIRE_RST | WIRE_ACK, 0, 1, 0); /* a bad one is not answered */
    EXPECT_NONE(&peer);
    assert_int_equal(peer_state(&peer), RILL_TCP_SYN_SENT);
    peer_close(&peer);
}

static void syn_sent_rst_with_good_ack_refuses(void **state) {
    (void)state;
    struct peer peer;
    uint8_t byte;
    peer_init(&peer);
    peer_syn_sent(&peer);
    peer_send(&peer, WIRE_RST | WIRE_ACK, 12345, 0, 0); /* erratum 8167: any sequence number */
    EXPECT_NONE(&peer);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
    assert_int_equal(peer_info(&peer).error, RILL_ERROR_REFUSED);
    assert_int_equal(peer_events(&peer, peer.handle),
                     RILL_EVENT_CLOSED | RILL_EVENT_READABLE | RILL_EVENT_ERROR);
    assert_int_equal(rill_tcp_receive(peer.stack, peer.handle, &byte, 1), RILL_ERROR_REFUSED);
    assert_int_equal(rill_tcp_send(peer.stack, peer.handle, &byte, 1), RILL_ERROR_REFUSED);
    peer_close(&peer);
}

static void syn_sent_rst_without_ack_is_ignored(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_syn_sent(&peer);
    peer_send(&peer, WIRE_RST, 0, 0, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_SYN_SENT);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_RST_IN_SYN_SENT), 1);
    peer_close(&peer);
}

static void syn_sent_segment_without_syn_is_ignored(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_syn_sent(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 10);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_state(&peer), RILL_TCP_SYN_SENT);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_NOTHING_IN_SYN_SENT), 1);
    peer_close(&peer);
}

static void syn_sent_close_leaves_without_a_word(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_syn_sent(&peer);
    assert_int_equal(rill_tcp_close(peer.stack, peer.handle), 0);
    assert_int_equal(rill_tcp_close(peer.stack, peer.handle), RILL_ERROR_HANDLE);
    peer.handle = 0;
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0); /* the late answer */
    EXPECT(&peer, WIRE_RST, 0, 0, 0);
    peer_close(&peer);
}

static void syn_sent_shutdown_sends_fin_once_established(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_syn_sent(&peer);
    assert_int_equal(rill_tcp_shutdown(peer.stack, peer.handle), 0);
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    EXPECT(&peer, WIRE_FIN | WIRE_ACK, 0, 0, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_FIN_WAIT_1);
    peer_close(&peer);
}

static void syn_sent_syn_opens_simultaneously(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_syn_received(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    EXPECT_NONE(&peer); /* a bare ACK draws none */
    assert_int_equal(peer_events(&peer, peer.handle), RILL_EVENT_CONNECTED | RILL_EVENT_WRITABLE);
    peer_send(&peer, WIRE_ACK, 0, 0, 100);
    assert_int_equal(peer_read(&peer, 1000), 100);
    peer_write(&peer, 50);
    EXPECT(&peer, WIRE_ACK, 0, 100, 50);
    peer_close(&peer);
}

static void syn_received_syn_ack_of_both_establishes(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_syn_received(&peer);
    peer_send(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0); /* RFC 9293 figure 7, line 6 */
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

static void syn_received_bad_ack_is_reset(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_syn_received(&peer);
    peer_send(&peer, WIRE_ACK, 0, 77, 0);
    EXPECT(&peer, WIRE_RST, 77, 0, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_SYN_RECEIVED);
    peer_close(&peer);
}

static void syn_received_rst_refuses(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_syn_received(&peer);
    peer_send(&peer, WIRE_RST, 0, 0, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
    assert_int_equal(peer_info(&peer).error, RILL_ERROR_REFUSED);
    peer_close(&peer);
}

static void syn_received_unanswered_is_given_up_after_its_retries(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_syn_received(&peer);
    rill_time before = peer.now;
    for (int i = 0; i < 5; i++) { /* 1, 2, 4, 8, 16 s */
        assert_true(peer_take_within(&peer, 100 * RILL_SECOND, &seen));
        assert_int_equal(seen.header.flags, WIRE_SYN | WIRE_ACK);
        assert_int_equal(seen.at - before, RILL_SECOND << i);
        before = seen.at;
    }
    assert_true(peer_take_within(&peer, 100 * RILL_SECOND, &seen));
    assert_int_equal(seen.header.flags & WIRE_RST, WIRE_RST);
    assert_int_equal(peer_info(&peer).error, RILL_ERROR_TIMED_OUT);
    peer_close(&peer);
}

static void half_open_syn_ack_echoes_what_was_offered(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    for (unsigned options = 0; options < 16; options++) {
        peer_init(&peer);
        peer.options = options;
        peer_listen(&peer);
        peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
        assert_true(peer_take(&peer, &seen));
        assert_int_equal(seen.header.flags, WIRE_SYN | WIRE_ACK);
        assert_int_equal(seen.acknowledgement, 0);
        assert_int_equal(seen.cause, RILL_CAUSE_SYN_ACK);
        assert_int_equal(seen.header.mss, 1460);
        assert_int_equal(seen.header.sack_permitted, (options & PEER_SACK) != 0);
        assert_int_equal(seen.header.has_timestamps, (options & PEER_TIMESTAMPS) != 0);
        assert_int_equal(seen.header.has_window_scale, (options & PEER_SCALE) != 0);
        if (options & PEER_TIMESTAMPS)
            assert_int_equal(seen.header.timestamp_echo, peer.tsval);
        assert_int_equal(seen.header.window, 65535);
        peer_close(&peer);
    }
}

static void half_open_ack_becomes_a_connection_to_accept(void **state) {
    (void)state;
    struct peer peer;
    rill_handle none;
    peer_init(&peer);
    peer_half_open(&peer);
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &none), RILL_ERROR_AGAIN);
    assert_int_equal(peer_events(&peer, peer.listener), 0);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(peer_events(&peer, peer.listener), RILL_EVENT_ACCEPTABLE);
    assert_int_equal(rill_ready(peer.stack, peer.listener), RILL_EVENT_ACCEPTABLE);
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), 0);
    assert_int_equal(rill_ready(peer.stack, peer.listener), 0);
    struct rill_tcp_info info = peer_info(&peer);
    assert_int_equal(info.local.port, OWN_PORT);
    assert_int_equal(info.remote.port, PEER_PORT);
    assert_true(rill_address_equal(&info.remote.address, &peer.remote));
    peer_close(&peer);
}

static void half_open_ack_with_data_and_fin_is_taken_whole(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_half_open(&peer);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 0, 0, 300);
    EXPECT(&peer, WIRE_ACK, 0, 301, 0);
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), 0);
    uint32_t bits = peer_events(&peer, peer.handle); /* what came before it had a handle */
    assert_true(bits & RILL_EVENT_READABLE && bits & RILL_EVENT_PEER_CLOSED);
    assert_int_equal(peer_read(&peer, 1000), 300);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSE_WAIT);
    peer_close(&peer);
}

static void half_open_repeated_syn_gets_the_syn_ack_again(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_half_open(&peer);
    rill_seq iss = peer.own_iss;
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    assert_int_equal(peer.own_iss, iss);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_DUPLICATE), 1);
    peer_close(&peer);
}

static void half_open_unanswered_is_resent_five_times_then_dropped(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    struct rill_stack_info info;
    peer_init(&peer);
    peer_half_open(&peer);
    rill_time before = peer.now;
    for (int i = 0; i < 5; i++) {
        assert_true(peer_take_within(&peer, 100 * RILL_SECOND, &seen));
        assert_int_equal(seen.cause, RILL_CAUSE_SYN_ACK_RESENT);
        assert_int_equal(seen.at - before, RILL_SECOND << i);
        before = seen.at;
    }
    rill_stack_get_info(peer.stack, &info);
    assert_int_equal(info.half_open, 1);
    assert_false(peer_take_within(&peer, 32 * RILL_SECOND, &seen));
    rill_stack_get_info(peer.stack, &info);
    assert_int_equal(info.half_open, 0);
    assert_int_equal(rill_deadline(peer.stack), RILL_TIME_NEVER);
    peer_send(&peer, WIRE_ACK, 0, 0, 0); /* too late */
    EXPECT(&peer, WIRE_RST, 0, 0, 0);
    peer_close(&peer);
}

static void half_open_rst_frees_it_only_with_the_exact_number(void **state) {
    (void)state;
    struct peer peer;
    struct rill_stack_info info;
    peer_init(&peer);
    peer_half_open(&peer);
    peer_send(&peer, WIRE_RST, 5, 0, 0);
    rill_stack_get_info(peer.stack, &info);
    assert_int_equal(info.half_open, 1);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_RST_CHALLENGED), 1);
    EXPECT(&peer, WIRE_ACK, 0, 0, 0); /* the challenge */
    peer_send(&peer, WIRE_RST, 0, 0, 0);
    rill_stack_get_info(peer.stack, &info);
    assert_int_equal(info.half_open, 0);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_HALF_OPEN_RST), 1);
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

static void closed_host_configured_anew_opens_by_the_new_settings(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_open(&peer);
    struct rill_stack_config config = peer.config;
    config.size--;
    assert_int_equal(rill_stack_configure(peer.stack, &config), RILL_ERROR_ARGUMENT);
    config = peer.config;
    config.sack = config.timestamps = false;
    assert_int_equal(rill_stack_configure(peer.stack, &config), 0);
    struct rill_tcp_connect_config connect;
    struct seen syn;
    rill_tcp_connect_config_default(&connect);
    connect.remote.address = peer.remote;
    connect.remote.port = PEER_PORT;
    assert_int_equal(rill_tcp_connect(peer.stack, &connect, &peer.handle), 0);
    assert_true(peer_take(&peer, &syn));
    assert_false(syn.header.sack_permitted || syn.header.has_timestamps);
    assert_true(syn.header.has_window_scale);
    peer_close(&peer);
}

static void half_open_wrong_ack_is_reset_and_the_record_stays(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_half_open(&peer);
    peer_send(&peer, WIRE_ACK, 0, 5, 0);
    EXPECT(&peer, WIRE_RST, 5, 0, 0);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), 0);
    peer_close(&peer);
}

static void half_open_out_of_window_segment_is_answered_not_taken(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_half_open(&peer);
    peer_send(&peer, WIRE_ACK, 70000, 0, 10);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_SEQUENCE), 1);
    EXPECT(&peer, WIRE_ACK, 0, 0, 0); /* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>, no second SYN */
    rill_handle none;
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &none), RILL_ERROR_AGAIN);
    peer_close(&peer);
}

/* Found by comparison with a kernel: it begins before the window and ends in it. */
static void half_open_segment_that_reaches_into_the_window_is_taken(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_half_open(&peer);
    peer_send(&peer, WIRE_ACK, (uint32_t)-1, 0, 100);
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), 0);
    assert_int_equal(peer_info(&peer).receive_queued, 99);
    peer_drain(&peer);
    peer_close(&peer);
}

/* RFC 9293 §3.10.7.2, fourth: dropped. Found by comparison with a kernel. */
static void listen_segment_with_neither_syn_nor_ack_is_not_answered(void **state) {
    (void)state;
    static const uint8_t flags[] = {0, WIRE_FIN, WIRE_PSH, WIRE_URG};
    struct peer peer;
    peer_init(&peer);
    peer_listen(&peer);
    for (size_t i = 0; i < sizeof flags; i++) {
        peer_send(&peer, flags[i], 0, 0, 0);
        EXPECT_NONE(&peer);
    }
    peer_close(&peer);
}

int handshake_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_open_offers_every_option),
        cmocka_unit_test(closed_open_with_options_off_offers_the_mss_alone),
        cmocka_unit_test(syn_sent_syn_ack_establishes_and_tells_the_application),
        cmocka_unit_test(syn_sent_all_options_answered_are_agreed_on),
        cmocka_unit_test(syn_sent_answer_without_mss_means_536),
        cmocka_unit_test(syn_sent_scale_above_14_counts_as_14),
        cmocka_unit_test(syn_sent_ack_of_something_else_is_reset),
        cmocka_unit_test(syn_sent_rst_with_good_ack_refuses),
        cmocka_unit_test(syn_sent_rst_without_ack_is_ignored),
        cmocka_unit_test(syn_sent_segment_without_syn_is_ignored),
        cmocka_unit_test(syn_sent_close_leaves_without_a_word),
        cmocka_unit_test(syn_sent_shutdown_sends_fin_once_established),
        cmocka_unit_test(syn_sent_syn_opens_simultaneously),
        cmocka_unit_test(syn_received_syn_ack_of_both_establishes),
        cmocka_unit_test(syn_received_bad_ack_is_reset),
        cmocka_unit_test(syn_received_rst_refuses),
        cmocka_unit_test(syn_received_unanswered_is_given_up_after_its_retries),
        cmocka_unit_test(half_open_syn_ack_echoes_what_was_offered),
        cmocka_unit_test(half_open_ack_becomes_a_connection_to_accept),
        cmocka_unit_test(half_open_ack_with_data_and_fin_is_taken_whole),
        cmocka_unit_test(half_open_repeated_syn_gets_the_syn_ack_again),
        cmocka_unit_test(half_open_unanswered_is_resent_five_times_then_dropped),
        cmocka_unit_test(half_open_rst_frees_it_only_with_the_exact_number),
        cmocka_unit_test(closed_host_configured_anew_opens_by_the_new_settings),
        cmocka_unit_test(half_open_wrong_ack_is_reset_and_the_record_stays),
        cmocka_unit_test(half_open_out_of_window_segment_is_answered_not_taken),
        cmocka_unit_test(half_open_segment_that_reaches_into_the_window_is_taken),
        cmocka_unit_test(listen_segment_with_neither_syn_nor_ack_is_not_answered),
    };
    return cmocka_run_group_tests_name("handshake", tests, 0, 0);
}
