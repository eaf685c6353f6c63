/* tests/tcp/limiter_test.c: what held the connection: each of the eleven states built by hand, and
 * the account's sum, which is the connection's age at every moment. */
#include "tcp/loss.h"

#define MS RILL_MILLISECOND

static uint64_t sum_of(const struct rill_tcp_info *info) {
    uint64_t sum = 0;
    for (int i = 0; i < RILL_LIMITER_COUNT; i++)
        sum += info->limited_ns[i];
    return sum;
}

/* While `time` passes all of it is charged to `limiter`, and to nothing else. */
static void expect_charged_at(struct peer *peer, enum rill_limiter limiter, rill_time time,
                              int line) {
    struct rill_tcp_info before = peer_info(peer), after;
    rill_time begin = peer->now;
    peer_wait(peer, time);
    after = peer_info(peer);
    for (int i = 0; i < RILL_LIMITER_COUNT; i++) {
        uint64_t charged = after.limited_ns[i] - before.limited_ns[i];
        if (charged != (i == (int)limiter ? peer->now - begin : 0)) {
            print_error("%s: %llu us, want %s\n", rill_limiter_name((enum rill_limiter)i),
                        (unsigned long long)charged / 1000, rill_limiter_name(limiter));
            _fail(__FILE__, line);
        }
    }
}
#define EXPECT_CHARGED(peer, limiter, time) expect_charged_at(peer, limiter, time, __LINE__)

static void syn_sent_is_charged_to_the_handshake(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer_syn_sent(&peer);
    EXPECT_CHARGED(&peer, RILL_LIMITER_HANDSHAKE, 30 * MS);
    peer_send(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_drain(&peer);
    EXPECT_CHARGED(&peer, RILL_LIMITER_APPLICATION, 30 * MS);
    peer_close(&peer);
}

/* In a passive open the account begins with the record, when the handshake is over. */
static void accepted_account_is_its_age(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer_half_open(&peer);
    peer_wait(&peer, 30 * MS);
    rill_time begin = peer.now;
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), 0);
    EXPECT_CHARGED(&peer, RILL_LIMITER_APPLICATION, 30 * MS);
    struct rill_tcp_info info = peer_info(&peer);
    assert_int_equal(sum_of(&info), peer.now - begin);
    peer_close(&peer);
}

static void established_with_nothing_to_send_is_charged_to_the_application(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    EXPECT_CHARGED(&peer, RILL_LIMITER_APPLICATION, 5 * RILL_SECOND); /* idle, active part gone */
    peer_write(&peer, 3 * MSS);
    peer_drain(&peer);
    EXPECT_CHARGED(&peer, RILL_LIMITER_APPLICATION, 50 * MS); /* all is under way */
    ack(&peer, 3);
    peer_write(&peer, 10);
    assert_int_equal(peer_drain(&peer), 1);
    peer_write(&peer, 10); /* Nagle's algorithm waits for more of it */
    EXPECT_NONE(&peer);
    EXPECT_CHARGED(&peer, RILL_LIMITER_APPLICATION, 50 * MS);
    peer_close(&peer);
}

static void established_full_peer_window_is_charged_to_the_receiver(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer.scale = 0;
    peer.window = 3 * MSS + 10;
    loss_established(&peer);
    peer_write(&peer, 20 * MSS);
    assert_int_equal(peer_drain(&peer), 3);
    EXPECT_CHARGED(&peer, RILL_LIMITER_RECEIVER_WINDOW, 50 * MS);
    peer_close(&peer);
}

static void established_full_window_is_charged_to_its_phase(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    peer_write(&peer, 200 * MSS);
    assert_int_equal(peer_drain(&peer), 10);
    EXPECT_CHARGED(&peer, RILL_LIMITER_SLOW_START, RTT);
    sack(&peer, 0, 1, 10);
    peer_drain(&peer);
    EXPECT_CHARGED(&peer, RILL_LIMITER_RECOVERY, RTT);
    ack(&peer, 10);
    assert_true(peer_drain(&peer) > 0);
    assert_int_equal(peer_info(&peer).cwnd, peer_info(&peer).ssthresh);
    EXPECT_CHARGED(&peer, RILL_LIMITER_AVOIDANCE, RTT);
    peer_close(&peer);
}

static void established_paced_window_is_charged_to_the_pacer(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer.config.pacing = true;
    peer.config.initial_window = 40;
    loss_established(&peer);
    peer_write(&peer, 200 * MSS);
    /* 40 may go: 10 at once, the others at 200 % of a window in 100 ms */
    assert_int_equal(peer_drain(&peer), 10 + 1);
    EXPECT_CHARGED(&peer, RILL_LIMITER_PACING, MS);
    uint32_t sent = 11;
    for (struct seen seen; sent < 40; sent++)
        assert_true(peer_take_within(&peer, 2 * MS, &seen));
    EXPECT_NONE(&peer);
    EXPECT_CHARGED(&peer, RILL_LIMITER_SLOW_START, 10 * MS);
    peer_close(&peer);
}

/* The story of the third of a bottleneck: what ACKs have delivered goes at once, one for one; only
 * what goes beyond it is paced. 30 are answered in one, of a window that was in full use. */
static void established_pacer_holds_no_more_than_growth(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_init(&peer);
    peer.config.pacing = true;
    peer.config.initial_window = 30;
    loss_established(&peer);
    peer_write(&peer, 200 * MSS);
    for (int i = 0; i < 30; i++)
        assert_true(peer_take_within(&peer, 3 * MS, &seen));
    EXPECT_NONE(&peer);
    peer_wait(&peer, RTT);
    ack(&peer, 30);
    assert_int_equal(peer_drain(&peer), 30 + 10 + 1);
    peer_close(&peer);
}

static void established_full_send_buffer_is_charged_to_it(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer.config.send_buffer = 5 * MSS;
    loss_established(&peer);
    assert_int_equal(peer_write(&peer, 9 * MSS), 5 * MSS);
    assert_int_equal(peer_write(&peer, 4 * MSS), 0);
    assert_int_equal(peer_drain(&peer), 5);
    EXPECT_CHARGED(&peer, RILL_LIMITER_SEND_BUFFER, 50 * MS);
    peer_close(&peer);
}

static void timeout_is_charged_to_it_until_it_is_repaired(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_open(&peer, 10);
    peer_write(&peer, 3 * MSS);
    peer_drain(&peer);
    do {
        assert_true(peer_take_within(&peer, RILL_SECOND, &seen));
    } while (seen.cause != RILL_CAUSE_RTO);
    EXPECT_CHARGED(&peer, RILL_LIMITER_RTO, 50 * MS);
    ack(&peer, 1);
    peer_drain(&peer);
    EXPECT_CHARGED(&peer, RILL_LIMITER_RTO, 50 * MS);
    ack(&peer, 3);
    EXPECT_CHARGED(&peer, RILL_LIMITER_APPLICATION, 50 * MS);
    peer_close(&peer);
}

static void established_shut_window_is_charged_to_persist(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    peer.window = 0;
    ack(&peer, 0);
    peer_write(&peer, 3 * MSS);
    EXPECT_NONE(&peer);
    EXPECT_CHARGED(&peer, RILL_LIMITER_PERSIST, 50 * MS);
    peer_close(&peer);
}

/* From the FIN on; what the peer has yet to say is not the application's doing. */
static void closing_states_are_charged_to_closing(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer_fin_wait_1(&peer);
    EXPECT_NONE(&peer);
    EXPECT_CHARGED(&peer, RILL_LIMITER_CLOSING, 50 * MS);
    peer_send(&peer, WIRE_ACK, 0, 1, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_FIN_WAIT_2);
    EXPECT_CHARGED(&peer, RILL_LIMITER_CLOSING, 50 * MS);
    peer_close(&peer);
}

/* What has ended ages no more. */
static void closed_account_stands_still(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer_established(&peer);
    rill_time begin = peer.now;
    peer_wait(&peer, 50 * MS);
    peer_send(&peer, WIRE_RST | WIRE_ACK, 0, 0, 0);
    struct rill_tcp_info info = peer_info(&peer);
    assert_int_equal(sum_of(&info), peer.now - begin);
    peer_wait(&peer, 50 * MS);
    info = peer_info(&peer);
    assert_int_equal(sum_of(&info), 50 * MS);
    peer_close(&peer);
}

/* A peer that does this and that: at every moment the sum is the age. */
static void established_account_is_its_age_at_every_moment(void **state) {
    (void)state;
    uint64_t seed = 5;
    for (int run = 0; run < 20; run++) {
        struct peer peer;
        loss_init(&peer);
        peer.config.pacing = run % 2;
        peer.config.send_buffer = 30 * MSS;
        rill_time begin = peer.now;
        loss_established(&peer);
        uint32_t next = 0, sent = 0;
        for (int step = 0; step < 400; step++) {
            struct seen seen;
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            uint32_t dice = (uint32_t)(seed >> 33) % 12;
            if (dice < 3)
                peer_write(&peer, (size_t)(1 + (seed >> 40) % 20) * MSS);
            if (dice >= 2 && dice < 8)
                while (peer_take(&peer, &seen))
                    sent = seen.sequence + seen.length > sent ? seen.sequence + seen.length : sent;
            if (dice >= 7 && dice < 10 && sent >= next + MSS)
                ack(&peer,
                    (next += (1 + (uint32_t)(seed >> 45) % ((sent - next) / MSS)) * MSS) / MSS);
            if (dice == 10 && sent > next + MSS)
                sack(&peer, next / MSS, next / MSS + 1, sent / MSS);
            peer.window = dice == 11 ? 0 : 65535;
            if (dice == 11 || dice == 0)
                ack(&peer, next / MSS);
            peer_wait(&peer, (seed >> 50) % 40 * MS + 1);
            struct rill_tcp_info info = peer_info(&peer);
            assert_int_equal(sum_of(&info), peer.now - begin);
        }
        peer_close(&peer);
    }
}

/* Story: of a lost tail `rill lab` showed 200 ms of "slow start" and a moment of "rto": nobody can
 * know better before the timer comes round, but then it is clear what the silence was for. */
static void silence_before_a_timeout_is_the_timeouts(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_init(&peer);
    peer.options &= ~(unsigned)PEER_SACK; /* no tail loss probe */
    loss_established(&peer);
    peer_wait(&peer, 30 * MS);
    uint64_t before = peer_info(&peer).limited_ns[RILL_LIMITER_APPLICATION];
    peer_write(&peer, MSS);
    peer_drain(&peer); /* lost */
    rill_time sent = peer.now;
    assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen));
    assert_int_equal(seen.cause, RILL_CAUSE_RTO);
    struct rill_tcp_info info = peer_info(&peer);
    assert_int_equal(info.limited_ns[RILL_LIMITER_RTO], peer.now - sent);
    assert_int_equal(info.limited_ns[RILL_LIMITER_APPLICATION], before);
    assert_int_equal(info.limited_ns[RILL_LIMITER_SLOW_START], 0);
    peer_close(&peer);
}

int limiter_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syn_sent_is_charged_to_the_handshake),
        cmocka_unit_test(accepted_account_is_its_age),
        cmocka_unit_test(established_with_nothing_to_send_is_charged_to_the_application),
        cmocka_unit_test(established_full_peer_window_is_charged_to_the_receiver),
        cmocka_unit_test(established_full_window_is_charged_to_its_phase),
        cmocka_unit_test(established_paced_window_is_charged_to_the_pacer),
        cmocka_unit_test(established_pacer_holds_no_more_than_growth),
        cmocka_unit_test(established_full_send_buffer_is_charged_to_it),
        cmocka_unit_test(silence_before_a_timeout_is_the_timeouts),
        cmocka_unit_test(timeout_is_charged_to_it_until_it_is_repaired),
        cmocka_unit_test(established_shut_window_is_charged_to_persist),
        cmocka_unit_test(closing_states_are_charged_to_closing),
        cmocka_unit_test(closed_account_stands_still),
        cmocka_unit_test(established_account_is_its_age_at_every_moment),
    };
    return cmocka_run_group_tests_name("limiter", tests, 0, 0);
}
