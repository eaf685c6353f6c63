/* tests/tcp/user_timeout_test.c: both ends tell each other how long they keep a connection on which
 * nothing moves (RFC 5482). */
#include "tcp/loss.h"

enum { MINUTES = 0x8000 };

static void offer(struct peer *peer, uint32_t seconds) {
    assert_int_equal(
        rill_tcp_set_option(peer->stack, peer->handle, RILL_TCP_OPTION_USER_TIMEOUT_OFFER, seconds),
        0);
}

static rill_time in_effect(struct peer *peer) {
    return peer_info(peer).user_timeout;
}

static void nothing_is_told_nor_heard_unless_it_is_enabled(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer.user_timeout = 300;
    loss_established(&peer);
    peer_write(&peer, MSS);
    assert_int_equal(EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_DATA).header.user_timeout, 0);
    ack(&peer, 1);
    assert_int_equal(in_effect(&peer), 0);
    assert_int_equal(peer_info(&peer).user_timeout_heard, 0);
    peer_close(&peer);
}

static void active_open_tells_in_the_syn_and_in_the_first_ack(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_init(&peer);
    peer.config.user_timeout_offer = 200;
    peer_open(&peer);
    struct rill_tcp_connect_config config;
    rill_tcp_connect_config_default(&config);
    config.remote = (struct rill_endpoint){.address = peer.remote, .port = peer.remote_port};
    config.local.port = peer.local_port;
    assert_int_equal(rill_tcp_connect(peer.stack, &config, &peer.handle), 0);
    assert_true(peer_take(&peer, &seen));
    assert_int_equal(seen.header.user_timeout, 200);
    assert_int_equal(in_effect(&peer), 0); /* §3.3: not before it is synchronized */
    peer.user_timeout = 600;
    peer_send(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    assert_int_equal(EXPECT(&peer, WIRE_ACK, 0, 0, 0).header.user_timeout, 200);
    assert_int_equal(in_effect(&peer), 600 * RILL_SECOND);
    peer_write(&peer, MSS); /* once is enough */
    assert_int_equal(EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_DATA).header.user_timeout, 0);
    peer_close(&peer);
}

static void passive_open_answers_in_the_syn_ack_and_knows_the_syns(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_init(&peer);
    peer.config.user_timeout_offer = 40000; /* more than seconds can say */
    peer.user_timeout = MINUTES | 2;
    peer_listen(&peer);
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    assert_true(peer_take(&peer, &seen));
    assert_int_equal(seen.header.user_timeout, MINUTES | 667);
    peer.user_timeout = 0;
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), 0);
    assert_int_equal(peer_info(&peer).user_timeout_heard, 120);
    assert_int_equal(in_effect(&peer), 3600 * RILL_SECOND); /* U_LIMIT */
    peer_write(&peer, MSS);
    assert_true(peer_take(&peer, &seen)); /* §3: the first segment that is no SYN */
    assert_int_equal(seen.header.user_timeout, MINUTES | 667);
    peer_close(&peer);
}

static void the_larger_of_both_counts_within_the_limits(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    offer(&peer, 5);
    EXPECT(&peer, WIRE_ACK, 0, 0, 0);                      /* told at once */
    assert_int_equal(in_effect(&peer), 100 * RILL_SECOND); /* L_LIMIT */
    peer.user_timeout = 150;
    ack(&peer, 0);
    assert_int_equal(in_effect(&peer), 150 * RILL_SECOND);
    offer(&peer, 400);
    assert_int_equal(EXPECT(&peer, WIRE_ACK, 0, 0, 0).header.user_timeout, 400);
    assert_int_equal(in_effect(&peer), 400 * RILL_SECOND);
    peer.user_timeout = MINUTES | 32767;
    ack(&peer, 0);
    assert_int_equal(peer_info(&peer).user_timeout_heard, 32767 * 60);
    assert_int_equal(in_effect(&peer), 3600 * RILL_SECOND); /* U_LIMIT */
    peer.user_timeout = MINUTES; /* §3.4: 0 is ignored, in either unit */
    ack(&peer, 0);
    assert_int_equal(peer_info(&peer).user_timeout_heard, 32767 * 60);
    offer(&peer, 0);
    assert_int_equal(in_effect(&peer), 0);
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

/* §3.1: it must not be overridden, but the application is told. */
static void what_the_application_sets_is_not_changed_by_the_peer(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    assert_int_equal(
        rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_USER_TIMEOUT, 7000), 0);
    offer(&peer, 7);
    EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    peer.user_timeout = 900;
    ack(&peer, 0);
    assert_int_equal(in_effect(&peer), 7 * RILL_SECOND);
    assert_int_equal(peer_info(&peer).user_timeout_heard, 900);
    peer_close(&peer);
}

static void a_connection_lives_as_long_as_was_agreed_on(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_init(&peer);
    peer.config.data_retries = 2;
    loss_established(&peer);
    offer(&peer, 120);
    peer.user_timeout = 300;
    ack(&peer, 0);
    peer_write(&peer, MSS);
    rill_time first = 0;
    while (peer_state(&peer) != RILL_TCP_CLOSED) {
        assert_true(peer_take_within(&peer, 300 * RILL_SECOND, &seen));
        if (!first && seen.cause == RILL_CAUSE_RTO)
            first = seen.at;
    }
    assert_in_range(peer.now - first, 300 * RILL_SECOND, 300 * RILL_SECOND + RILL_SECOND / 100);
    peer_close(&peer);
}

/* §3.2: the option may be lost with what carried it. */
static void after_a_timeout_it_is_told_again_with_what_is_new(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_open(&peer, 10);
    peer_write(&peer, MSS);
    peer_drain(&peer);
    ack(&peer, 1);
    offer(&peer, 200);
    peer_drain(&peer); /* lost */
    peer_write(&peer, MSS);
    do
        assert_true(peer_take_within(&peer, 10 * RILL_SECOND, &seen));
    while (seen.cause != RILL_CAUSE_RTO);
    assert_int_equal(seen.header.user_timeout, 0); /* what goes again keeps its form */
    ack(&peer, 2);
    peer_write(&peer, MSS);
    assert_true(peer_take(&peer, &seen));
    assert_int_equal(seen.header.user_timeout, 200);
    peer_close(&peer);
}

static void a_full_segment_gives_it_room(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    offer(&peer, 200);
    peer_write(&peer, 3 * MSS);
    struct seen first = EXPECT(&peer, WIRE_ACK, 0, 0, MSS - 4);
    assert_int_equal(first.header.user_timeout, 200);
    EXPECT(&peer, WIRE_ACK, MSS - 4, 0, MSS);
    peer_close(&peer);
}

/* 40 bytes of options: MSS, SACK permitted, timestamps, window scale, and a cookie of 16 bytes. */
static void a_syn_without_room_goes_without_it(void **state) {
    (void)state;
    uint8_t bytes[WIRE_TCP_HEADER_MAX];
    struct wire_tcp read;
    struct wire_tcp header = {.flags = WIRE_SYN,
                              .mss = 1460,
                              .user_timeout = 200,
                              .has_window_scale = true,
                              .has_timestamps = true,
                              .sack_permitted = true,
                              .has_fast_open = true,
                              .cookie_length = 16};
    size_t length = rill__wire_tcp_emit(&header, bytes);
    assert_int_equal(rill__wire_tcp_parse(bytes, length, &read), 0);
    assert_int_equal(read.cookie_length, 16);
    assert_int_equal(read.user_timeout, 0);
    header.cookie_length = 8;
    length = rill__wire_tcp_emit(&header, bytes);
    assert_int_equal(rill__wire_tcp_parse(bytes, length, &read), 0);
    assert_int_equal(read.user_timeout, 200);
}

int user_timeout_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_told_nor_heard_unless_it_is_enabled),
        cmocka_unit_test(active_open_tells_in_the_syn_and_in_the_first_ack),
        cmocka_unit_test(passive_open_answers_in_the_syn_ack_and_knows_the_syns),
        cmocka_unit_test(the_larger_of_both_counts_within_the_limits),
        cmocka_unit_test(what_the_application_sets_is_not_changed_by_the_peer),
        cmocka_unit_test(a_connection_lives_as_long_as_was_agreed_on),
        cmocka_unit_test(after_a_timeout_it_is_told_again_with_what_is_new),
        cmocka_unit_test(a_full_segment_gives_it_room),
        cmocka_unit_test(a_syn_without_room_goes_without_it),
    };
    return cmocka_run_group_tests_name("user_timeout", tests, 0, 0);
}
