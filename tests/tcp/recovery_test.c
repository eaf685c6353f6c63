/* tests/tcp/recovery_test.c: loss and the congestion window: slow start and avoidance in numbers,
 * fast retransmit, NewReno's partial ACKs, the guard after a timeout (RFC 5681, RFC 6582). */
#include "tcp/segment.h"

enum { MSS = 1000 };

/* A peer without SACK: what RFC 5681 and RFC 6582 are for. */
static void open_with(struct peer *peer) {
    peer_init(peer);
    peer->config.congestion = &rill_reno;
    peer->options &= ~(unsigned)PEER_SACK;
    peer->mss = MSS;
    peer->options |= PEER_SCALE;
    peer->scale = 7;
    peer_established(peer);
    peer_send(peer, WIRE_ACK, 0, 0, 0);
}

static void expect_segments(struct peer *peer, uint32_t first, uint32_t count,
                            enum rill_cause cause) {
    for (uint32_t i = 0; i < count; i++) {
        struct seen seen = EXPECT(peer, WIRE_ACK, (first + i) * MSS, 0, MSS);
        assert_int_equal(seen.cause, cause);
    }
}

static void established_slow_start_doubles_in_a_round_trip(void **state) {
    (void)state;
    struct peer peer;
    open_with(&peer);
    peer_write(&peer, 900 * MSS);
    uint32_t acked = 0, window = 10;
    for (int round = 0; round < 5; round++) {
        assert_int_equal(peer_info(&peer).cwnd, window * MSS);
        expect_segments(&peer, acked, window, RILL_CAUSE_DATA);
        EXPECT_NONE(&peer);
        for (uint32_t i = 0; i < window; i += 2) /* an ACK for every second segment */
            peer_send(&peer, WIRE_ACK, 0, (acked + i + 2) * MSS, 0);
        acked += window;
        window *= 2;
    }
    peer_close(&peer);
}

static void established_window_not_used_does_not_grow(void **state) {
    (void)state;
    struct peer peer;
    open_with(&peer);
    for (int i = 0; i < 50; i++) {
        peer_write(&peer, 2 * MSS);
        assert_int_equal(peer_drain(&peer), 2);
        peer_send(&peer, WIRE_ACK, 0, (uint32_t)peer.written, 0);
    }
    assert_int_equal(peer_info(&peer).cwnd, 10 * MSS); /* RFC 7661 §4.1 */
    peer_close(&peer);
}

static void established_third_duplicate_ack_resends_the_first_segment(void **state) {
    (void)state;
    struct peer peer;
    open_with(&peer);
    peer_write(&peer, 100 * MSS);
    expect_segments(&peer, 0, 10, RILL_CAUSE_DATA);
    for (uint32_t i = 0; i < 2; i++) { /* limited transmit, RFC 3042 */
        peer_send(&peer, WIRE_ACK, 0, 0, 0);
        expect_segments(&peer, 10 + i, 1, RILL_CAUSE_DATA);
        EXPECT_NONE(&peer);
    }
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    expect_segments(&peer, 0, 1, RILL_CAUSE_FAST_RETRANSMIT);
    EXPECT_NONE(&peer);
    struct rill_tcp_info info = peer_info(&peer);
    assert_int_equal(info.ssthresh, 5 * MSS); /* RFC 5681 §3.2 (2): half of what was in flight */
    /* RFC 9937: for every second one that arrives, one goes; two have gone by limited transmit. */
    uint32_t next = 12;
    for (int i = 0; i < 4; i++) {
        peer_send(&peer, WIRE_ACK, 0, 0, 0);
        if (i % 2 == 1)
            expect_segments(&peer, next++, 1, RILL_CAUSE_DATA);
        EXPECT_NONE(&peer);
    }
    peer_send(&peer, WIRE_ACK, 0, 12 * MSS, 0); /* everything from before the loss has come */
    info = peer_info(&peer);
    assert_int_equal(info.cwnd, 5 * MSS); /* RFC 9937 §6.4 */
    assert_int_equal(info.segments_resent, 1);
    peer_close(&peer);
}

static void established_duplicate_with_other_window_is_no_duplicate(void **state) {
    (void)state;
    struct peer peer;
    open_with(&peer);
    peer_write(&peer, 100 * MSS);
    assert_int_equal(peer_drain(&peer), 10);
    for (int i = 0; i < 8; i++) {
        peer.window--;
        peer_send(&peer, WIRE_ACK, 0, 0, 0); /* RFC 5681 §2 (e): a window update */
    }
    for (int i = 0; i < 8; i++)
        peer_send(&peer, WIRE_ACK, (uint32_t)i * 10, 0, 10); /* (b): data */
    assert_int_equal(peer_info(&peer).segments_resent, 0);
    assert_int_equal(peer_info(&peer).cwnd, 10 * MSS);
    peer_close(&peer);
}

static void established_partial_ack_resends_the_next_hole(void **state) {
    (void)state;
    struct peer peer;
    open_with(&peer);
    peer_write(&peer, 10 * MSS);
    expect_segments(&peer, 0, 10, RILL_CAUSE_DATA);
    for (int i = 0; i < 3; i++) /* 0, 3 and 5 are lost */
        peer_send(&peer, WIRE_ACK, 0, 0, 0);
    expect_segments(&peer, 0, 1, RILL_CAUSE_FAST_RETRANSMIT);
    peer_send(&peer, WIRE_ACK, 0, 3 * MSS, 0);
    expect_segments(&peer, 3, 1, RILL_CAUSE_PARTIAL_ACK); /* RFC 6582 §3.2 (3) */
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_ACK, 0, 5 * MSS, 0);
    expect_segments(&peer, 5, 1, RILL_CAUSE_PARTIAL_ACK);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_info(&peer).ssthresh, 5 * MSS); /* reduced once for all three */
    peer_send(&peer, WIRE_ACK, 0, 10 * MSS, 0);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_info(&peer).segments_resent, 3);
    assert_int_equal(peer_info(&peer).timeouts, 0);
    peer_close(&peer);
}

static void established_timeout_sends_all_again_from_one_segment(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_with(&peer);
    peer_write(&peer, 10 * MSS);
    assert_int_equal(peer_drain(&peer), 10);
    assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen));
    assert_int_equal(seen.cause, RILL_CAUSE_RTO);
    assert_int_equal(seen.sequence, 0);
    EXPECT_NONE(&peer);
    struct rill_tcp_info info = peer_info(&peer);
    assert_int_equal(info.cwnd, MSS); /* RFC 5681 §3.1: the loss window */
    assert_int_equal(info.ssthresh, 5 * MSS);
    peer_send(&peer, WIRE_ACK, 0, MSS, 0);
    expect_segments(&peer, 1, 2, RILL_CAUSE_RTO); /* slow start again */
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_ACK, 0, 10 * MSS, 0); /* the rest had arrived */
    EXPECT_NONE(&peer);
    assert_int_equal(peer_info(&peer).segments_resent, 3);
    peer_close(&peer);
}

static void established_second_timeout_leaves_ssthresh_alone(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_with(&peer);
    peer_write(&peer, 10 * MSS);
    assert_int_equal(peer_drain(&peer), 10);
    for (int i = 0; i < 3; i++) {
        assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen));
        assert_int_equal(peer_info(&peer).ssthresh, 5 * MSS); /* RFC 5681 §3.1 */
    }
    peer_close(&peer);
}

static void established_duplicates_after_a_timeout_begin_no_recovery(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_with(&peer);
    peer_write(&peer, 20 * MSS);
    assert_int_equal(peer_drain(&peer), 10);
    assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen));
    peer_send(&peer, WIRE_ACK, 0, 3 * MSS, 0);
    peer_drain(&peer);
    for (int i = 0; i < 5; i++) /* echoes of what was sent twice: RFC 6582 §3.2 step 2 */
        peer_send(&peer, WIRE_ACK, 0, 3 * MSS, 0);
    while (peer_take(&peer, &seen))
        assert_int_not_equal(seen.cause, RILL_CAUSE_FAST_RETRANSMIT);
    assert_int_equal(peer_info(&peer).ssthresh, 5 * MSS);
    peer_close(&peer);
}

static void established_avoidance_adds_one_segment_in_a_round_trip(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_with(&peer);
    peer_write(&peer, 10 * MSS);
    peer_drain(&peer);
    assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen)); /* ssthresh 5 */
    peer_send(&peer, WIRE_ACK, 0, 10 * MSS, 0);
    uint32_t acked = 10, cwnd = peer_info(&peer).cwnd;
    assert_int_equal(cwnd, 5 * MSS); /* slow start goes up to it and no further */
    peer_write(&peer, 900 * MSS);
    for (int round = 0; round < 8; round++) {
        uint32_t n = (uint32_t)peer_drain(&peer);
        assert_int_equal(n, cwnd / MSS);
        for (uint32_t i = 0; i < n; i++)
            peer_send(&peer, WIRE_ACK, 0, ++acked * MSS, 0);
        cwnd += MSS; /* RFC 5681 §3.1 */
        assert_int_equal(peer_info(&peer).cwnd, cwnd);
    }
    peer_close(&peer);
}

static void established_loss_of_everything_is_survived(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_with(&peer);
    peer_write(&peer, 200 * MSS);
    rill_tcp_shutdown(peer.stack, peer.handle);
    uint32_t next = 0, seed = 7, end = 200 * MSS + 1;
    int steps = 0;
    for (; next < end && steps < 20000; steps++) { /* the peer keeps what comes in order only */
        assert_true(peer_take_within(&peer, 200 * RILL_SECOND, &seen));
        seed = seed * 1664525 + 1013904223;
        if (seed >> 30 == 0) /* every fourth is lost */
            continue;
        if (seen.sequence == next)
            next += seen.length + (seen.header.flags & WIRE_FIN ? 1 : 0);
        peer_send(&peer, WIRE_ACK, 0, next, 0);
    }
    assert_int_equal(next, end);
    assert_int_equal(peer_state(&peer), RILL_TCP_FIN_WAIT_2);
    peer_close(&peer);
}

/* The story of the stream that ended early: after a pause of an RTO the first super-segment is cut
 * to the initial window (RFC 5681 §4.1); its FIN must not stand where the cut is. */
static void established_restart_cuts_the_super_segment_and_not_the_stream(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer.config.congestion = &rill_reno;
    peer.interface.flags = RILL_INTERFACE_GSO | RILL_INTERFACE_CHECKSUM;
    peer.frames_max = 64;
    peer.mss = MSS;
    peer.options |= PEER_SCALE;
    peer.scale = 7;
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    uint32_t at = 0;
    for (int round = 0; round < 4; round++) {
        uint32_t count = peer_info(&peer).cwnd / MSS;
        peer_write(&peer, (size_t)count * MSS);
        assert_int_equal(peer_drain(&peer), count);
        peer_send(&peer, WIRE_ACK, 0, at += count * MSS, 0);
    }
    assert_true(peer_info(&peer).cwnd > 30 * MSS);
    peer_wait(&peer, 500 * RILL_MILLISECOND);
    peer_write(&peer, 30 * MSS);
    assert_int_equal(rill_tcp_shutdown(peer.stack, peer.handle), 0);
    uint32_t end = at + 30 * MSS;
    for (int i = 0; i < 10; i++) { /* the initial window, and no end of the stream in it */
        assert_true(peer_take(&peer, &seen));
        assert_int_equal(seen.sequence, at);
        assert_int_equal(seen.header.flags & WIRE_FIN, 0);
        at += seen.length;
    }
    EXPECT_NONE(&peer);
    for (int round = 0; round < 3; round++) {
        peer_send(&peer, WIRE_ACK, 0, at, 0);
        while (peer_take(&peer, &seen))
            at = seen.sequence + seen.length + (seen.header.flags & WIRE_FIN ? 1 : 0);
    }
    assert_int_equal(at, end + 1);
    peer_close(&peer);
}

int recovery_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_slow_start_doubles_in_a_round_trip),
        cmocka_unit_test(established_window_not_used_does_not_grow),
        cmocka_unit_test(established_third_duplicate_ack_resends_the_first_segment),
        cmocka_unit_test(established_duplicate_with_other_window_is_no_duplicate),
        cmocka_unit_test(established_partial_ack_resends_the_next_hole),
        cmocka_unit_test(established_timeout_sends_all_again_from_one_segment),
        cmocka_unit_test(established_second_timeout_leaves_ssthresh_alone),
        cmocka_unit_test(established_duplicates_after_a_timeout_begin_no_recovery),
        cmocka_unit_test(established_avoidance_adds_one_segment_in_a_round_trip),
        cmocka_unit_test(established_loss_of_everything_is_survived),
        cmocka_unit_test(established_restart_cuts_the_super_segment_and_not_the_stream),
    };
    return cmocka_run_group_tests_name("recovery", tests, 0, 0);
}
