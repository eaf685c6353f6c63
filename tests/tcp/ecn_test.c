/* tests/tcp/ecn_test.c: explicit congestion notification (RFC 3168) by hand. */
#include "tcp/loss.h"

#include "tcp/host.h"

enum { NOT_ECT = 0, ECT_0 = 2, CE = 3, ECE = WIRE_ECE, CWR = WIRE_CWR };

static void open_asking(struct peer *peer) {
    loss_init(peer);
    peer->config.ecn = RILL_ECN_ASK;
    peer_open(peer);
    struct rill_tcp_connect_config config;
    struct seen syn;
    rill_tcp_connect_config_default(&config);
    config.local.port = peer->local_port;
    config.remote.address = peer->remote;
    config.remote.port = peer->remote_port;
    assert_int_equal(rill_tcp_connect(peer->stack, &config, &peer->handle), 0);
    assert_true(peer_take(peer, &syn));
    assert_int_equal(syn.header.flags, WIRE_SYN | ECE | CWR); /* §6.1.1 */
    assert_int_equal(syn.traffic_class, NOT_ECT);
}

static void open_agreed(struct peer *peer) {
    open_asking(peer);
    peer_wait(peer, RTT);
    peer_send(peer, WIRE_SYN | WIRE_ACK | ECE, (uint32_t)-1, 0, 0);
    struct seen seen = EXPECT(peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(seen.traffic_class, NOT_ECT); /* §6.1.4: pure ACKs are not ECT */
    assert_true(peer_info(peer).ecn);
}

static void send_marked(struct peer *peer, uint32_t at, uint32_t flags) {
    struct inject segment = {.flags = (uint8_t)(WIRE_ACK | flags),
                             .sequence = at,
                             .length = 100,
                             .traffic_class = flags & CWR ? ECT_0 : CE};
    peer_inject(peer, &segment);
}

static void syn_sent_only_ece_alone_agrees(void **state) {
    (void)state;
    static const struct {
        unsigned flags;
        bool agreed;
    } answers[] = {{ECE, true}, {0, false}, {ECE | CWR, false}, {CWR, false}};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct peer peer;
        struct seen seen;
        open_asking(&peer);
        peer_send(&peer, WIRE_SYN | WIRE_ACK | answers[i].flags, (uint32_t)-1, 0, 0);
        peer_drain(&peer);
        assert_int_equal(peer_info(&peer).ecn, answers[i].agreed);
        peer_write(&peer, MSS);
        assert_true(peer_take(&peer, &seen));
        assert_int_equal(seen.traffic_class, answers[i].agreed ? ECT_0 : NOT_ECT);
        peer_close(&peer);
    }
}

/* §6.1.1.1: the second SYN does not ask, and its answer agrees to nothing. */
static void syn_sent_second_syn_does_not_ask(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_asking(&peer);
    assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen));
    assert_int_equal(seen.header.flags, WIRE_SYN);
    peer_send(&peer, WIRE_SYN | WIRE_ACK | ECE, (uint32_t)-1, 0, 0);
    peer_drain(&peer);
    assert_false(peer_info(&peer).ecn);
    peer_close(&peer);
}

static void listen_syn_that_asks_is_answered_as_configured(void **state) {
    (void)state;
    static const struct {
        uint8_t config;
        unsigned asks, answer;
    } cases[] = {{RILL_ECN_ANSWER, ECE | CWR, ECE},
                 {RILL_ECN_ASK, ECE | CWR, ECE},
                 {RILL_ECN_OFF, ECE | CWR, 0},
                 {RILL_ECN_ANSWER, 0, 0},
                 {RILL_ECN_ANSWER, ECE, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer peer;
        struct seen seen;
        loss_init(&peer);
        peer.config.ecn = cases[i].config;
        peer_listen(&peer);
        peer_send(&peer, WIRE_SYN | cases[i].asks, (uint32_t)-1, 0, 0);
        seen = EXPECT(&peer, WIRE_SYN | WIRE_ACK | cases[i].answer, (uint32_t)-1, 0, 0);
        assert_int_equal(seen.traffic_class, NOT_ECT);
        peer_send(&peer, WIRE_ACK, 0, 0, 0);
        assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), 0);
        assert_int_equal(peer_info(&peer).ecn, cases[i].answer != 0);
        peer_write(&peer, MSS);
        assert_true(peer_take(&peer, &seen));
        assert_int_equal(seen.traffic_class, cases[i].answer ? ECT_0 : NOT_ECT);
        peer_close(&peer);
    }
}

/* §6.1.3: ECE on everything from the mark until CWR. */
static void established_mark_is_echoed_until_cwr(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_agreed(&peer);
    send_marked(&peer, 0, 0);
    assert_true(peer_take(&peer, &seen));
    assert_int_equal(seen.header.flags & ECE, ECE);
    for (uint32_t i = 1; i < 4; i++) { /* not marked, and still */
        peer_send(&peer, WIRE_ACK, 100 * i, 0, 100);
        assert_true(peer_take(&peer, &seen));
        assert_int_equal(seen.header.flags & ECE, ECE);
    }
    peer_write(&peer, MSS);
    assert_true(peer_take(&peer, &seen));
    assert_int_equal(seen.header.flags & ECE, ECE); /* data too */
    send_marked(&peer, 400, CWR);
    peer_drain(&peer);
    peer_send(&peer, WIRE_ACK, 500, 0, 100);
    assert_true(peer_take_within(&peer, RILL_SECOND, &seen));
    assert_int_equal(seen.header.flags & ECE, 0);
    peer_close(&peer);
}

/* A mark on the segment that brings CWR is a new one. */
static void established_mark_on_cwr_is_echoed_anew(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_agreed(&peer);
    send_marked(&peer, 0, 0);
    peer_drain(&peer);
    struct inject segment = {
        .flags = WIRE_ACK | CWR, .sequence = 100, .length = 100, .traffic_class = CE};
    peer_inject(&peer, &segment);
    assert_true(peer_take(&peer, &seen));
    assert_int_equal(seen.header.flags & ECE, ECE);
    peer_close(&peer);
}

/* §6.1.2: one reduction a window of data, however many ECEs; CWR with the first new segment. The
 * ACK of the last byte of the old window is of the old window. */
static void established_ece_reduces_once_a_window(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_agreed(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    loss_flight(&peer, 200, 10);
    unsigned cwrs = 0;
    for (uint32_t i = 1; i <= 10; i++) {
        peer_send(&peer, WIRE_ACK | ECE, 0, i * MSS, 0);
        assert_int_equal(peer_info(&peer).ssthresh, 5 * MSS);
        while (peer_take(&peer, &seen)) {
            assert_int_equal((seen.header.flags & CWR) != 0, cwrs == 0);
            assert_true(seen.sequence >= 10 * MSS);
            cwrs += (seen.header.flags & CWR) != 0;
        }
    }
    assert_int_equal(cwrs, 1);
    assert_int_equal(peer_info(&peer).cwnd, 5 * MSS);
    assert_int_equal(peer_info(&peer).segments_resent, 0);
    /* An ACK of what was sent after it, marked: the next window has met a queue too. */
    peer_wait(&peer, RTT);
    peer_send(&peer, WIRE_ACK | ECE, 0, 11 * MSS, 0);
    assert_true(peer_info(&peer).ssthresh < 5 * MSS);
    peer_close(&peer);
}

/* §6.1.5: what is sent again is not ECT and says no CWR. */
static void recovery_resending_is_neither_ect_nor_cwr(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_agreed(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    loss_flight(&peer, 12, 10);
    struct inject segment = {.flags = WIRE_ACK | ECE, .sacks = {segments(1, 4)}};
    peer_inject(&peer, &segment);
    unsigned resent = 0, cwrs = 0; /* §6.1.2: CWR for whatever reason the window was reduced */
    while (peer_take(&peer, &seen)) {
        bool again = seen.sequence < 10 * MSS;
        resent += again;
        cwrs += (seen.header.flags & CWR) != 0;
        assert_int_equal(seen.traffic_class, again ? NOT_ECT : ECT_0);
        assert_false(again && seen.header.flags & CWR);
    }
    assert_int_equal(resent, 1);
    for (uint32_t i = 4; i < 10 && !cwrs; i++) {
        sack(&peer, 0, 1, i + 1);
        while (peer_take(&peer, &seen)) {
            cwrs += (seen.header.flags & CWR) != 0;
            assert_true(seen.sequence >= 10 * MSS);
        }
    }
    assert_int_equal(cwrs, 1);
    /* The peer's ECE of before CWR reduces no second time when the episode is over. */
    peer_send(&peer, WIRE_ACK | ECE, 0, 10 * MSS, 0);
    assert_int_equal(peer_info(&peer).ssthresh, 5 * MSS);
    peer_close(&peer);
}

static void established_probe_that_is_a_resending_is_not_ect(void **state) {
    (void)state;
    struct peer peer;
    open_agreed(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    peer_write(&peer, 3 * MSS);
    assert_int_equal(peer_drain(&peer), 3);
    struct seen seen = EXPECT_AFTER(&peer, 2 * RTT, 2, RILL_CAUSE_TAIL_PROBE);
    assert_int_equal(seen.traffic_class, NOT_ECT);
    peer_close(&peer);
}

/* The story of the FIN that went too early: CWR goes with one segment, so a super-segment is cut;
 * its FIN must not stand where the cut is. */
static void fin_wait_1_cwr_cuts_the_super_segment_and_not_the_stream(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_init(&peer);
    peer.config.ecn = RILL_ECN_ASK;
    peer.interface.flags = RILL_INTERFACE_GSO | RILL_INTERFACE_CHECKSUM;
    peer.frames_max = 64;
    peer_syn_sent(&peer);
    peer_wait(&peer, RTT);
    peer_send(&peer, WIRE_SYN | WIRE_ACK | ECE, (uint32_t)-1, 0, 0);
    peer_drain(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    loss_flight(&peer, 10, 10);
    peer_send(&peer, WIRE_ACK | ECE, 0, 10 * MSS, 0);
    assert_int_equal(peer_write(&peer, 3 * MSS), 3 * MSS);
    assert_int_equal(rill_tcp_shutdown(peer.stack, peer.handle), 0);
    uint32_t at = 10 * MSS, fins = 0, cwrs = 0;
    for (int i = 0; i < 20 && at < 13 * MSS + 1; i++) {
        assert_true(peer_take_within(&peer, RILL_SECOND, &seen));
        if (seen.sequence != at)
            continue;
        cwrs += (seen.header.flags & CWR) != 0;
        at += seen.length + (seen.header.flags & WIRE_FIN ? 1 : 0);
        fins += (seen.header.flags & WIRE_FIN) != 0;
        assert_true(!fins || at == 13 * MSS + 1);
        peer_send(&peer, WIRE_ACK, 0, at, 0);
    }
    assert_int_equal(at, 13 * MSS + 1);
    assert_int_equal(fins, 1);
    assert_int_equal(cwrs, 1);
    peer_close(&peer);
}

int ecn_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syn_sent_only_ece_alone_agrees),
        cmocka_unit_test(syn_sent_second_syn_does_not_ask),
        cmocka_unit_test(listen_syn_that_asks_is_answered_as_configured),
        cmocka_unit_test(established_mark_is_echoed_until_cwr),
        cmocka_unit_test(established_mark_on_cwr_is_echoed_anew),
        cmocka_unit_test(established_ece_reduces_once_a_window),
        cmocka_unit_test(recovery_resending_is_neither_ect_nor_cwr),
        cmocka_unit_test(established_probe_that_is_a_resending_is_not_ect),
        cmocka_unit_test(fin_wait_1_cwr_cuts_the_super_segment_and_not_the_stream),
    };
    return cmocka_run_group_tests_name("ecn", tests, 0, 0);
}
