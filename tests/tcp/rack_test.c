/* tests/tcp/rack_test.c: loss told by time (RFC 8985 §6): what is lost and when, the reordering
 * window in numbers, its timer, and the mistakes others have made with it (notes.md 1 to 6). */
#include "tcp/loss.h"

#include "tcp/host.h"

static struct recovery *recovery_of(struct peer *peer) {
    return &loss_connection(peer)->active->recovery;
}

static struct scoreboard *board_of(struct peer *peer) {
    return &loss_connection(peer)->active->scoreboard;
}

/* One segment each millisecond. */
static void write_spaced(struct peer *peer, uint32_t count) {
    struct seen seen;
    for (uint32_t i = 0; i < count; i++) {
        peer_write(peer, MSS);
        assert_true(peer_take(peer, &seen));
        peer_wait(peer, RILL_MILLISECOND);
    }
}

/* A loss, found by the SACKs of three others, and repaired. */
static void episode(struct peer *peer, uint32_t *at) {
    uint32_t first = *at;
    loss_flight(peer, 6, 6);
    sack(peer, first, first + 1, first + 5);
    EXPECT_SEGMENT(peer, first, RILL_CAUSE_RACK);
    EXPECT_NONE(peer);
    peer_wait(peer, RTT);
    *at += 6;
    ack(peer, *at);
}

static void open_wide(struct peer *peer) {
    loss_init(peer);
    peer->config.congestion = &rill_no_congestion;
    loss_established(peer);
}

static void established_third_sack_marks_what_was_sent_before(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 10, 10);
    sack(&peer, 0, 5, 6);
    sack(&peer, 0, 5, 7);
    assert_int_equal(board_of(&peer)->lost, 0); /* the window is a quarter of the RTT yet */
    sack(&peer, 0, 5, 8);
    assert_int_equal(board_of(&peer)->lost, 5 * MSS);
    assert_int_equal(board_of(&peer)->in_flight, 2 * MSS);
    peer_close(&peer);
}

/* All of one burst have one time: what ends before is before. */
static void established_segments_of_one_time_are_told_apart_by_number(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 10, 10);
    sack(&peer, 0, 5, 6);
    peer_wait(&peer, RTT);
    assert_int_equal(board_of(&peer)->lost + peer_info(&peer).in_flight, 9 * MSS);
    struct transmission *record = board_of(&peer)->tail;
    assert_true(transmission_in_flight(record)); /* 6 to 9 are not before 5 */
    assert_int_equal(transmission_span(record), MSS);
    for (int i = 0; i < 4; i++, record = record->previous)
        assert_true(transmission_in_flight(record));
    peer_close(&peer);
}

/* Pitfall 5: the timer waits for the last of those that are late, and then all are lost at once. */
static void established_reordering_timer_waits_for_the_last(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    rill_time begin = peer.now;
    write_spaced(&peer, 6);
    peer_wait(&peer, RTT - RILL_MILLISECOND);
    sack(&peer, 0, 5, 6);
    rill_time due = begin + 4 * RILL_MILLISECOND + RTT + RTT / 4;
    assert_int_equal(recovery_of(&peer)->reorder_at, due);
    EXPECT_AFTER(&peer, due - peer.now, 0, RILL_CAUSE_RACK);
    assert_int_equal(board_of(&peer)->lost + board_of(&peer)->in_flight, 5 * MSS);
    assert_int_equal(recovery_of(&peer)->reorder_at, RILL_TIME_NEVER);
    peer_close(&peer);
}

/* The other half of it: nothing is late any more, nothing is armed. */
static void established_ack_of_what_was_late_stops_the_reordering_timer(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 6, 6);
    sack(&peer, 0, 5, 6);
    assert_int_not_equal(recovery_of(&peer)->reorder_at, RILL_TIME_NEVER);
    ack(&peer, 6);
    assert_int_equal(recovery_of(&peer)->reorder_at, RILL_TIME_NEVER);
    peer_wait(&peer, RILL_SECOND);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_info(&peer).segments_resent, 0);
    peer_close(&peer);
}

/* Pitfalls 3 and 10: nothing is marked twice, and a resending that is lost leaves the flight. */
static void recovery_counts_stay_whole(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_wide(&peer);
    loss_flight(&peer, 40, 40);
    uint32_t resent = 0;
    for (uint32_t i = 11; i <= 40; i++) {
        sack(&peer, 0, 10, i);
        struct scoreboard *board = board_of(&peer);
        assert_int_equal(board->sacked, (i - 10) * MSS);
        assert_int_equal(board->in_flight + board->lost + board->sacked, 40 * MSS);
        while (peer_take(&peer, &seen))
            resent++;
        peer_wait(&peer, RILL_MILLISECOND);
    }
    assert_int_equal(resent, 10); /* each of the ten once */
    assert_int_equal(board_of(&peer)->in_flight, 10 * MSS);
    assert_int_equal(board_of(&peer)->lost, 0);
    /* The second resending arrives; the first, sent before it, is lost once more. */
    peer_wait(&peer, RTT);
    peer_sack(&peer, 0, segments(9, 10), segments(0, 0), segments(0, 0));
    EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
    struct scoreboard *board = board_of(&peer);
    assert_int_equal(board->in_flight + board->lost, 9 * MSS);
    assert_int_equal(peer_info(&peer).timeouts, 0);
    peer_close(&peer);
}

/* Pitfall 6: a resending fills the hole below what was SACKed, which is no reordering. */
static void recovery_resent_segment_is_no_sign_of_reordering(void **state) {
    (void)state;
    struct peer peer;
    uint32_t at = 0;
    open_wide(&peer);
    episode(&peer, &at);
    assert_false(recovery_of(&peer)->reordering_seen);
    loss_flight(&peer, 6, 6);
    sack(&peer, at, at + 1, at + 3);
    ack(&peer, at + 3); /* nobody has sent that again */
    assert_true(recovery_of(&peer)->reordering_seen);
    peer_close(&peer);
}

/* Blocks of one ACK: what it tells of first is not later than what it tells of then. */
static void established_blocks_of_one_ack_are_no_sign_of_reordering(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 10, 10);
    peer_sack(&peer, 0, segments(7, 8), segments(4, 5), segments(1, 2));
    assert_false(recovery_of(&peer)->reordering_seen);
    peer_close(&peer);
}

/* The story of the test that never ended: over a link without delay what was sent again was taken
 * for lost with each ACK, since something of a later number had been delivered that was sent at the
 * same moment, and went again at once. */
static void established_resent_in_the_same_tick_is_not_lost_again(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    peer_write(&peer, 10 * MSS);
    assert_int_equal(peer_drain(&peer), 10);
    sack(&peer, 0, 1, 9); /* no time has passed */
    EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
    for (int i = 0; i < 3; i++) {
        sack(&peer, 0, 1, 10);
        EXPECT_NONE(&peer);
    }
    peer_close(&peer);
}

static rill_time window_of(struct peer *peer) {
    return rill__rack_window(loss_host(peer), loss_connection(peer));
}

/* A clock of 10 ms says late of what is up to a tick in time. */
static void established_coarse_clock_waits_a_tick_longer(void **state) {
    (void)state;
    struct peer peer;
    open_wide(&peer);
    loss_flight(&peer, 6, 6);
    assert_int_equal(window_of(&peer), RTT / 4);
    rill_time rto = rill__rto(loss_host(&peer), loss_connection(&peer));
    loss_host(&peer)->config.clock_resolution = 10 * RILL_MILLISECOND;
    assert_int_equal(window_of(&peer), RTT / 4 + 10 * RILL_MILLISECOND);
    assert_int_equal(rill__rto(loss_host(&peer), loss_connection(&peer)), rto);
    loss_host(&peer)->config.clock_resolution = RILL_SECOND; /* RFC 6298 §2.3: max(G, K*RTTVAR) */
    assert_int_equal(rill__rto(loss_host(&peer), loss_connection(&peer)), RTT + RILL_SECOND);
    peer_close(&peer);
}

/* RFC 8985 §6.2, step 4, in numbers. */
static void established_reordering_window_grows_a_quarter_a_round(void **state) {
    (void)state;
    struct peer peer;
    open_wide(&peer);
    uint32_t at = 0;
    loss_flight(&peer, 6, 6);
    assert_int_equal(window_of(&peer), RTT / 4); /* fewer than three SACKed */
    sack(&peer, 0, 1, 3);
    assert_int_equal(window_of(&peer), RTT / 4);
    sack(&peer, 0, 1, 4);
    assert_int_equal(window_of(&peer), 0); /* no reordering has been seen */
    EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
    ack(&peer, at = 6);
    loss_flight(&peer, 6, 6);
    sack(&peer, 6, 7, 9);
    ack(&peer, at = 9); /* reordering */
    sack(&peer, 9, 10, 12);
    assert_int_equal(window_of(&peer), RTT / 4);
    ack(&peer, at = 12);
    for (unsigned round = 2; round < 7; round++) {
        loss_flight(&peer, 6, 6);
        dsack(&peer, at + 3, at, 0, 0);
        dsack(&peer, at + 4, at + 1, 0, 0); /* of the same round */
        rill_time window = RTT / 4 * round;
        assert_int_equal(window_of(&peer), window < RTT ? window : RTT); /* SRTT */
        ack(&peer, at += 6);
        assert_int_equal(recovery_of(&peer)->window_factor, round);
    }
    peer_close(&peer);
}

/* It persists for sixteen episodes without a DSACK, and then is what it was. */
static void established_reordering_window_lasts_for_sixteen_episodes(void **state) {
    (void)state;
    struct peer peer;
    open_wide(&peer);
    uint32_t at = 0;
    loss_flight(&peer, 6, 6);
    dsack(&peer, 3, 1, 0, 0);
    ack(&peer, at = 6);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(recovery_of(&peer)->window_factor, 2);
        episode(&peer, &at);
    }
    assert_int_equal(recovery_of(&peer)->window_factor, 1);
    peer_close(&peer);
}

/* Pitfall 4: the path has become longer. Within two spans of a minute that is known. */
static void established_smallest_rtt_is_forgotten_in_time(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 1, 1);
    ack(&peer, 1);
    assert_int_equal(peer_info(&peer).min_rtt, RTT);
    uint32_t at = 1;
    for (rill_time begin = peer.now; peer.now - begin < 125 * RILL_SECOND;) {
        peer_write(&peer, MSS);
        peer_drain(&peer);
        peer_wait(&peer, 2 * RTT);
        if (peer.now - begin < 55 * RILL_SECOND)
            assert_int_equal(peer_info(&peer).min_rtt, RTT);
        ack(&peer, ++at);
        peer_drain(&peer); /* probes */
    }
    assert_int_equal(peer_info(&peer).min_rtt, 2 * RTT);
    peer_close(&peer);
}

/* Pitfall 2: whose ACK is it, the original's or the resending's? Told by timestamps in their own
 * unit and modulo 2^32: the clock wraps between the two. */
static void recovery_ambiguous_ack_is_told_by_its_timestamp(void **state) {
    (void)state;
    for (int original = 0; original < 2; original++) {
        struct peer peer;
        loss_init(&peer);
        peer.options |= PEER_TIMESTAMPS;
        loss_established(&peer);
        struct connection *connection = loss_connection(&peer);
        uint32_t clock = rill__timestamp_now(loss_host(&peer), connection->ts_offset);
        connection->ts_offset -= clock + 50; /* at 0xffffffce now */
        loss_flight(&peer, 10, 10);
        uint32_t before = peer.tsecr;
        assert_true(before >= 0xffffff00u);
        sack(&peer, 0, 1, 5);
        rill_time resent = peer.now;
        EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
        assert_true(peer.tsecr < 0x100);
        peer_drain(&peer);
        peer_wait(&peer, RTT);
        if (original)
            peer.tsecr = before;
        sack(&peer, 1, 1, 5);
        ack(&peer, 5);
        assert_int_equal(recovery_of(&peer)->rack_sent_at == resent, !original);
        peer_close(&peer);
    }
}

/* Without timestamps: an ACK sooner than the path can bring it is the original's. */
static void recovery_ack_sooner_than_the_smallest_rtt_is_the_originals(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 10, 10);
    sack(&peer, 0, 1, 5);
    rill_time resent = peer.now;
    EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
    peer_wait(&peer, RTT / 2);
    ack(&peer, 5);
    assert_true(recovery_of(&peer)->rack_sent_at < resent);
    peer_close(&peer);
}

/* A resending is judged like all else: by what was sent after it. */
static void recovery_lost_resending_is_found_without_a_timeout(void **state) {
    (void)state;
    struct peer peer;
    open_wide(&peer);
    loss_flight(&peer, 6, 6);
    sack(&peer, 0, 1, 6);
    EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
    EXPECT_NONE(&peer);
    peer_wait(&peer, RILL_MILLISECOND);
    loss_flight(&peer, 1, 1);
    sack(&peer, 0, 1, 7);
    EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
    assert_int_equal(peer_info(&peer).timeouts, 0);
    peer_close(&peer);
}

/* RFC 8985 §6.3: at a timeout the head is lost, and what has had its time; what was sent a moment
 * ago is not. */
static void timeout_marks_the_head_and_what_has_had_its_time(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 20);
    loss_flight(&peer, 1, 1);
    ack(&peer, 1); /* RACK.rtt; RTO 250 ms */
    rill_time begin = peer.now;
    loss_flight(&peer, 5, 5);
    peer_wait(&peer, 90 * RILL_MILLISECOND);
    peer_write(&peer, 5 * MSS);
    assert_int_equal(peer_drain(&peer), 5);
    recovery_of(&peer)->probe_allowed = false; /* it would go in the timeout's place */
    EXPECT_AFTER(&peer, begin + 250 * RILL_MILLISECOND - peer.now, 1, RILL_CAUSE_RTO);
    EXPECT_NONE(&peer);
    assert_int_equal(board_of(&peer)->lost, 4 * MSS);
    assert_int_equal(board_of(&peer)->in_flight, 6 * MSS);
    assert_int_equal(peer_info(&peer).cwnd, 6 * MSS); /* one more than what is in flight */
    peer_close(&peer);
}

/* A clock that has not moved between sending and the ACK (a tick of milliseconds, a link within
 * the host): loss is found all the same. */
static void established_loss_on_a_path_without_delay_is_found(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    peer_write(&peer, 10 * MSS);
    assert_int_equal(peer_drain(&peer), 10);
    sack(&peer, 0, 1, 4);
    EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
    peer_close(&peer);
}

int rack_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_third_sack_marks_what_was_sent_before),
        cmocka_unit_test(established_segments_of_one_time_are_told_apart_by_number),
        cmocka_unit_test(established_reordering_timer_waits_for_the_last),
        cmocka_unit_test(established_ack_of_what_was_late_stops_the_reordering_timer),
        cmocka_unit_test(recovery_counts_stay_whole),
        cmocka_unit_test(recovery_resent_segment_is_no_sign_of_reordering),
        cmocka_unit_test(established_blocks_of_one_ack_are_no_sign_of_reordering),
        cmocka_unit_test(established_resent_in_the_same_tick_is_not_lost_again),
        cmocka_unit_test(established_coarse_clock_waits_a_tick_longer),
        cmocka_unit_test(established_reordering_window_grows_a_quarter_a_round),
        cmocka_unit_test(established_reordering_window_lasts_for_sixteen_episodes),
        cmocka_unit_test(established_smallest_rtt_is_forgotten_in_time),
        cmocka_unit_test(recovery_ambiguous_ack_is_told_by_its_timestamp),
        cmocka_unit_test(recovery_ack_sooner_than_the_smallest_rtt_is_the_originals),
        cmocka_unit_test(recovery_lost_resending_is_found_without_a_timeout),
        cmocka_unit_test(timeout_marks_the_head_and_what_has_had_its_time),
        cmocka_unit_test(established_loss_on_a_path_without_delay_is_found),
    };
    return cmocka_run_group_tests_name("rack", tests, 0, 0);
}
