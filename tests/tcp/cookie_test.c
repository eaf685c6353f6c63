/* tests/tcp/cookie_test.c: SYN cookies (RFC 4987 §3.6): what they keep, how long they are believed,
 * who is not believed, and that nothing is remembered meanwhile. */
#include "tcp/opening.h"

static struct rill_stack_info stack_info(struct peer *peer) {
    struct rill_stack_info info;
    rill_stack_get_info(peer->stack, &info);
    return info;
}

/* Every SYN is answered by a cookie. */
static void init(struct peer *peer, unsigned options) {
    peer_init(peer);
    peer->config.syn_cookies = RILL_SYN_COOKIES_ALWAYS;
    peer->options = options;
}

/* The SYN is answered, and nothing is kept of it. */
static struct seen take_cookie(struct peer *peer) {
    peer_send(peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    peer->timestamps = (peer->options & PEER_TIMESTAMPS) != 0;
    struct seen seen = EXPECT(peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    assert_int_equal(seen.cause, RILL_CAUSE_SYN_COOKIE);
    struct rill_stack_info info = stack_info(peer);
    assert_int_equal(info.half_open, 0);
    assert_int_equal(info.connections, 0);
    return seen;
}

static void accept_one(struct peer *peer) {
    assert_int_equal(rill_tcp_accept(peer->stack, peer->listener, &peer->handle), 0);
    assert_int_equal(peer_state(peer), RILL_TCP_ESTABLISHED);
}

static void listen_full_backlog_is_answered_by_a_cookie_and_the_ack_is_let_in(void **state) {
    (void)state;
    struct peer peer;
    struct rill_tcp_listen_config config;
    peer_init(&peer);
    peer_open(&peer);
    rill_tcp_listen_config_default(&config);
    config.local.port = peer.local_port;
    config.backlog = 1;
    assert_int_equal(rill_tcp_listen(peer.stack, &config, &peer.listener), 0);
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0); /* this one has the record */
    assert_int_equal(peer_drain(&peer), 1);
    assert_int_equal(stack_info(&peer).half_open, 1);
    peer.remote_port++;
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    struct seen seen = EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    assert_int_equal(seen.cause, RILL_CAUSE_SYN_COOKIE);
    assert_int_equal(stack_info(&peer).half_open, 1);
    peer_send(&peer, WIRE_ACK, 0, 0, 100); /* the first ACK, with data: they are not lost */
    accept_one(&peer);
    EXPECT(&peer, WIRE_ACK, 0, 100, 0);
    assert_int_equal(peer_read(&peer, 1000), 100);
    assert_int_equal(stack_info(&peer).syn_cookies_sent, 1);
    assert_int_equal(stack_info(&peer).syn_cookies_accepted, 1);
    peer_close(&peer);
}

static void listen_full_accept_queue_drops_the_syn_and_the_late_ack(void **state) {
    (void)state;
    struct peer peer;
    struct rill_tcp_listen_config config;
    init(&peer, PEER_MSS);
    peer_open(&peer);
    rill_tcp_listen_config_default(&config);
    config.local.port = peer.local_port;
    config.backlog = 1;
    assert_int_equal(rill_tcp_listen(peer.stack, &config, &peer.listener), 0);
    take_cookie(&peer);
    rill_seq first = peer.own_iss;
    peer.remote_port++;
    take_cookie(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 0); /* the second is quicker */
    peer.remote_port--;
    peer.own_iss = first;
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    EXPECT_NONE(&peer); /* no RST: its data will bring it in again */
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_BACKLOG_FULL), 2);
    accept_one(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 10);
    accept_one(&peer);
    assert_int_equal(peer_read(&peer, 100), 10);
    peer_close(&peer);
}

static void listen_cookies_off_a_full_backlog_is_silent(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.syn_cookies = RILL_SYN_COOKIES_OFF;
    peer.config.half_open_max = 1;
    peer_half_open(&peer);
    peer.remote_port++;
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_BACKLOG_FULL), 1);
    peer_close(&peer);
}

static void listen_limit_of_all_records_makes_cookies_too(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.half_open_max = 1;
    peer_half_open(&peer);
    peer.remote_port++;
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    assert_int_equal(EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0).cause,
                     RILL_CAUSE_SYN_COOKIE);
    assert_int_equal(stack_info(&peer).half_open, 1);
    peer_close(&peer);
}

static void listen_deferred_makes_no_cookies(void **state) {
    (void)state;
    struct peer peer;
    struct rill_tcp_listen_config config;
    init(&peer, PEER_MSS);
    peer_open(&peer);
    rill_tcp_listen_config_default(&config);
    config.local.port = peer.local_port;
    config.deferred = true;
    assert_int_equal(rill_tcp_listen(peer.stack, &config, &peer.listener), 0);
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT_NONE(&peer);
    assert_int_equal(stack_info(&peer).half_open, 1);
    peer_close(&peer);
}

/* With timestamps nothing is rounded but the MSS. */
static void cookie_keeps_scale_sack_and_ecn_in_the_timestamp(void **state) {
    (void)state;
    for (unsigned scale = 0; scale <= 15; scale++) { /* 15: none */
        for (unsigned sack = 0; sack < 2; sack++) {
            struct peer peer;
            init(&peer, PEER_MSS | PEER_TIMESTAMPS | (scale < 15 ? PEER_SCALE : 0) |
                            (sack ? PEER_SACK : 0));
            peer.scale = (uint8_t)scale;
            peer_listen(&peer);
            unsigned ecn = scale & 1 ? WIRE_ECE | WIRE_CWR : 0;
            peer_send(&peer, WIRE_SYN | ecn, (uint32_t)-1, 0, 0);
            peer.timestamps = true;
            unsigned answer = ecn ? WIRE_ECE : 0;
            struct seen seen = EXPECT(&peer, WIRE_SYN | WIRE_ACK | answer, (uint32_t)-1, 0, 0);
            assert_true(seen.header.has_timestamps);
            assert_int_equal(seen.header.has_window_scale, scale < 15);
            assert_int_equal(seen.header.sack_permitted, sack);
            peer.window = 1000;
            peer_send(&peer, WIRE_ACK, 0, 0, 0);
            accept_one(&peer);
            struct rill_tcp_info info = peer_info(&peer);
            assert_true(info.timestamps);
            assert_int_equal(info.sack, sack);
            assert_int_equal(info.window_scaling, scale < 15);
            assert_int_equal(info.send_window, 1000u << (scale < 15 ? scale : 0));
            assert_int_equal(info.ecn, ecn != 0);
            peer_close(&peer);
        }
    }
}

static void cookie_without_timestamps_keeps_sack_and_a_scale_rounded_down(void **state) {
    (void)state;
    static const uint8_t want[] = {0, 0, 2, 2, 4, 4, 6, 7, 8, 8, 10, 10, 10, 10, 10};
    for (unsigned scale = 0; scale <= 15; scale++) {
        for (unsigned sack = 0; sack < 2; sack++) {
            struct peer peer;
            init(&peer, PEER_MSS | (scale < 15 ? PEER_SCALE : 0) | (sack ? PEER_SACK : 0));
            peer.scale = (uint8_t)scale;
            peer_listen(&peer);
            take_cookie(&peer);
            peer.window = 1000;
            peer_send(&peer, WIRE_ACK, 0, 0, 0);
            accept_one(&peer);
            struct rill_tcp_info info = peer_info(&peer);
            assert_false(info.timestamps);
            assert_int_equal(info.sack, sack);
            assert_int_equal(info.window_scaling, scale < 15);
            assert_int_equal(info.send_window, 1000u << (scale < 15 ? want[scale] : 0));
            peer_close(&peer);
        }
    }
}

static void cookie_keeps_the_mss_rounded_down_and_never_up(void **state) {
    (void)state;
    static const struct {
        uint16_t said, kept; /* 0: the option is absent, which means 536 */
    } cases[] = {{0, 536},     {64, 64},     {535, 64},    {536, 536},   {1219, 536},
                 {1220, 1220}, {1400, 1400}, {1459, 1440}, {1460, 1460}, {65535, 1460}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer peer;
        init(&peer, cases[i].said ? PEER_MSS : 0);
        peer.mss = cases[i].said;
        peer_listen(&peer);
        take_cookie(&peer);
        peer_send(&peer, WIRE_ACK, 0, 0, 0);
        accept_one(&peer);
        assert_int_equal(peer_info(&peer).mss, cases[i].kept);
        peer_close(&peer);
    }
}

/* Half the epochs' seconds apart, so that a cookie is made late in its epoch too. */
static void cookie_is_good_for_an_epoch_and_not_for_three(void **state) {
    (void)state;
    for (unsigned begin = 0; begin < 4; begin++) {
        for (unsigned age = 0; age <= 4; age++) {
            struct peer peer;
            init(&peer, PEER_MSS);
            peer.now = (64 + begin * 21) * RILL_SECOND;
            peer_listen(&peer);
            take_cookie(&peer);
            peer_wait(&peer, age * 48 * RILL_SECOND);
            peer_send(&peer, WIRE_ACK, 0, 0, 0);
            if (age * 48 <= 64)
                accept_one(&peer);
            if (age * 48 >= 128) {
                EXPECT(&peer, WIRE_RST, 0, 0, 0);
                assert_int_equal(stack_info(&peer).connections, 0);
            }
            peer_close(&peer);
        }
    }
}

/* Whatever of it is changed. */
static void cookie_changed_is_reset(void **state) {
    (void)state;
    struct peer peer;
    init(&peer, PEER_MSS);
    peer_listen(&peer);
    take_cookie(&peer);
    for (int bit = 0; bit < 32; bit++) {
        peer_send(&peer, WIRE_ACK, 0, 1u << bit, 0);
        EXPECT(&peer, WIRE_RST, 1u << bit, 0, 0);
        peer_send(&peer, WIRE_ACK, 1u << bit, 0, 0); /* the peer's own number */
        EXPECT(&peer, WIRE_RST, 0, 0, 0);
    }
    peer.remote_port++;
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    EXPECT(&peer, WIRE_RST, 0, 0, 0);
    peer.remote_port--;
    assert_int_equal(stack_info(&peer).connections, 0);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(stack_info(&peer).connections, 1);
    peer_close(&peer);
}

/* What the timestamp tells is covered by the cookie too. */
static void cookie_with_another_timestamp_is_reset(void **state) {
    (void)state;
    struct peer peer;
    init(&peer, PEER_MSS | PEER_TIMESTAMPS | PEER_SACK);
    peer_listen(&peer);
    take_cookie(&peer);
    uint32_t echo = peer.tsecr;
    for (int bit = 0; bit < 6; bit++) {
        peer.tsecr = echo ^ 1u << bit;
        peer_send(&peer, WIRE_ACK, 0, 0, 0);
        EXPECT(&peer, WIRE_RST, 0, 0, 0);
    }
    peer.tsecr = echo;
    peer.timestamps = false;
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    EXPECT(&peer, WIRE_RST, 0, 0, 0);
    peer.timestamps = true;
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(stack_info(&peer).connections, 1);
    peer_close(&peer);
}

static void cookie_timestamp_is_not_ahead_of_the_clock(void **state) {
    (void)state;
    for (unsigned ms = 0; ms < 128; ms += 7) {
        struct peer peer;
        init(&peer, PEER_MSS | PEER_TIMESTAMPS | PEER_SACK | PEER_SCALE);
        peer.now += ms * RILL_MILLISECOND;
        peer_listen(&peer);
        struct seen cookie = take_cookie(&peer);
        peer_send(&peer, WIRE_ACK, 0, 0, 1);
        accept_one(&peer);
        struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 1, 0);
        int32_t later = (int32_t)(ack.header.timestamp_value - cookie.header.timestamp_value);
        assert_in_range(later, 0, 63);
        peer_close(&peer);
    }
}

/* A host that has sent none believes none: not even one it would have made. */
static void listen_stray_ack_is_reset_where_no_cookie_was_sent(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_listen(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    EXPECT(&peer, WIRE_RST, 0, 0, 0);
    assert_int_equal(stack_info(&peer).syn_cookies_accepted, 0);
    peer_close(&peer);
}

static void cookie_ack_with_fin_opens_and_closes(void **state) {
    (void)state;
    struct peer peer;
    init(&peer, PEER_MSS);
    peer_listen(&peer);
    take_cookie(&peer);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 0, 0, 10);
    EXPECT(&peer, WIRE_ACK, 0, 11, 0);
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSE_WAIT);
    assert_int_equal(peer_read(&peer, 100), 10);
    peer_close(&peer);
}

static void time_wait_full_backlog_makes_no_cookie_for_its_four_tuple(void **state) {
    (void)state;
    struct peer peer;
    struct rill_tcp_listen_config config;
    peer_init(&peer);
    peer_time_wait(&peer);
    rill_tcp_listen_config_default(&config);
    config.local.port = peer.local_port;
    config.backlog = 1;
    assert_int_equal(rill_tcp_listen(peer.stack, &config, &peer.listener), 0);
    peer.remote_port++;
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    assert_int_equal(peer_drain(&peer), 1);
    peer.remote_port--;
    peer_send(&peer, WIRE_SYN, 1000, 0, 0);
    EXPECT_NONE(&peer);
    assert_int_equal(stack_info(&peer).time_wait, 1);
    peer_close(&peer);
}

int cookie_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listen_full_backlog_is_answered_by_a_cookie_and_the_ack_is_let_in),
        cmocka_unit_test(listen_full_accept_queue_drops_the_syn_and_the_late_ack),
        cmocka_unit_test(listen_cookies_off_a_full_backlog_is_silent),
        cmocka_unit_test(listen_limit_of_all_records_makes_cookies_too),
        cmocka_unit_test(listen_deferred_makes_no_cookies),
        cmocka_unit_test(cookie_keeps_scale_sack_and_ecn_in_the_timestamp),
        cmocka_unit_test(cookie_without_timestamps_keeps_sack_and_a_scale_rounded_down),
        cmocka_unit_test(cookie_keeps_the_mss_rounded_down_and_never_up),
        cmocka_unit_test(cookie_is_good_for_an_epoch_and_not_for_three),
        cmocka_unit_test(cookie_changed_is_reset),
        cmocka_unit_test(cookie_with_another_timestamp_is_reset),
        cmocka_unit_test(cookie_timestamp_is_not_ahead_of_the_clock),
        cmocka_unit_test(listen_stray_ack_is_reset_where_no_cookie_was_sent),
        cmocka_unit_test(cookie_ack_with_fin_opens_and_closes),
        cmocka_unit_test(time_wait_full_backlog_makes_no_cookie_for_its_four_tuple),
    };
    return cmocka_run_group_tests_name("SYN cookies", tests, 0, 0);
}
