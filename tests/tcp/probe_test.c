/* tests/tcp/probe_test.c: the tail loss probe (RFC 8985 §7): when, what, how often, and what its
 * ACK means. After the handshake SRTT is 100 ms, RTTVAR 50 ms, the RTO 300 ms. */
#include "tcp/loss.h"

#include "tcp/host.h"

#define RTO (3 * RTT)

static void established_probe_comes_two_round_trips_after_the_last_segment(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    peer_write(&peer, 10 * MSS);
    assert_int_equal(peer_drain(&peer), 10);
    EXPECT_AFTER(&peer, 2 * RTT, 9, RILL_CAUSE_TAIL_PROBE); /* the last, again */
    EXPECT_NONE(&peer);
    /* One at a time, and then the RTO counts from the probe (§7.3). */
    EXPECT_AFTER(&peer, RTO, 0, RILL_CAUSE_RTO);
    peer_close(&peer);
}

/* The peer may wait for a second segment before it acknowledges, if that is longer. */
static void established_probe_of_a_lone_segment_waits_for_the_delayed_ack(void **state) {
    (void)state;
    for (int slow = 0; slow < 2; slow++) {
        struct peer peer;
        loss_init(&peer);
        peer.config.peer_delayed_ack = (slow ? 120 : 40) * RILL_MILLISECOND;
        loss_established(&peer);
        peer_write(&peer, MSS);
        assert_int_equal(peer_drain(&peer), 1);
        EXPECT_AFTER(&peer, slow ? RTT + RTT / 2 + peer.config.peer_delayed_ack : 2 * RTT, 0,
                     RILL_CAUSE_TAIL_PROBE);
        peer_close(&peer);
    }
}

/* Of the super-segment it is the last segment that goes again, not all of it. */
static void established_probe_of_a_super_segment_is_its_last_segment(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_init(&peer);
    peer.interface.flags = RILL_INTERFACE_GSO | RILL_INTERFACE_CHECKSUM;
    peer.frames_max = 64;
    loss_established(&peer);
    peer_write(&peer, 7 * MSS + 300);
    assert_int_equal(peer_drain(&peer), 8);
    assert_int_equal(loss_connection(&peer)->active->scoreboard.count, 1);
    assert_true(peer_take_within(&peer, RILL_SECOND, &seen));
    assert_int_equal(seen.cause, RILL_CAUSE_TAIL_PROBE);
    assert_int_equal(seen.sequence, 7 * MSS);
    assert_int_equal(seen.length, 300);
    EXPECT_NONE(&peer);
    /* Its ACK tells of the rest (§7.4.1): two round trips are beyond any reordering window. */
    peer_wait(&peer, RTT);
    peer_sack(&peer, 0, (struct block){7 * MSS, 7 * MSS + 300}, segments(0, 0), segments(0, 0));
    EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
    assert_int_equal(peer_info(&peer).timeouts, 0);
    peer_close(&peer);
}

/* The story of the probe that nobody believed: its SACK carries the timestamp of the last segment
 * in order (RFC 7323 §4.3), not its own. It tells of the loss before it all the same. */
static void established_probe_sacked_with_an_old_timestamp_tells_of_the_loss(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer.options |= PEER_TIMESTAMPS;
    loss_established(&peer);
    peer_write(&peer, 10 * MSS);
    assert_int_equal(peer_drain(&peer), 10);
    uint32_t in_order = peer.tsecr;
    peer_wait(&peer, RTT);
    ack(&peer, 8);
    EXPECT_AFTER(&peer, RTT, 9, RILL_CAUSE_TAIL_PROBE);
    peer_wait(&peer, RTT);
    peer.tsecr = in_order;
    sack(&peer, 8, 9, 10);
    EXPECT_SEGMENT(&peer, 8, RILL_CAUSE_RACK);
    assert_int_equal(peer_info(&peer).timeouts, 0);
    peer_close(&peer);
}

static void established_probe_prefers_new_data(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    peer_write(&peer, 20 * MSS);
    assert_int_equal(peer_drain(&peer), 10);
    EXPECT_AFTER(&peer, 2 * RTT, 10, RILL_CAUSE_TAIL_PROBE);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_info(&peer).in_flight, 11 * MSS); /* one more than cwnd */
    assert_int_equal(peer_info(&peer).segments_resent, 0);
    peer_close(&peer);
}

static void established_probe_without_an_rtt_comes_after_a_second(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_init(&peer);
    peer_syn_sent(&peer);
    assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen)); /* the SYN, again */
    peer_send(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_drain(&peer);
    assert_int_equal(peer_info(&peer).rtt, 0);
    peer_write(&peer, 3 * MSS);
    assert_int_equal(peer_drain(&peer), 3);
    EXPECT_AFTER(&peer, RILL_SECOND, 2, RILL_CAUSE_TAIL_PROBE);
    peer_close(&peer);
}

/* Where the RTO would come first the probe takes its place, and the RTO begins anew. */
static void established_probe_is_never_later_than_the_timeout(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    for (uint32_t i = 0; i < 40; i++) {
        loss_flight(&peer, 1, 1);
        ack(&peer, i + 1);
    }
    assert_int_equal(peer_info(&peer).rto, 200 * RILL_MILLISECOND);
    peer_write(&peer, MSS);
    assert_int_equal(peer_drain(&peer), 1);
    EXPECT_AFTER(&peer, 200 * RILL_MILLISECOND, 40, RILL_CAUSE_TAIL_PROBE);
    EXPECT_AFTER(&peer, 200 * RILL_MILLISECOND, 40, RILL_CAUSE_RTO);
    peer_close(&peer);
}

/* Pitfall 9: what is sent later moves the probe, not the RTO, in whose place it goes then. */
static void established_later_segments_do_not_delay_the_timeout(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    rill_time begin = peer.now;
    loss_flight(&peer, 1, 1);
    peer_wait(&peer, RTT / 2);
    peer_write(&peer, MSS);
    assert_int_equal(peer_drain(&peer), 1);
    EXPECT_AFTER(&peer, begin + RTO - peer.now, 1, RILL_CAUSE_TAIL_PROBE);
    peer_close(&peer);
}

/* The gate: after a probe that was a resending there is no other before an RTT sample. */
static void established_no_second_probe_before_an_rtt_sample(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    peer_write(&peer, 3 * MSS);
    peer_drain(&peer);
    EXPECT_AFTER(&peer, 2 * RTT, 2, RILL_CAUSE_TAIL_PROBE);
    peer_wait(&peer, RTT);
    ack(&peer, 3); /* Karn: no sample */
    dsack(&peer, 3, 2, 0, 0);
    peer_write(&peer, 3 * MSS);
    assert_int_equal(peer_drain(&peer), 3);
    EXPECT_AFTER(&peer, RTO, 3, RILL_CAUSE_RTO);
    peer_wait(&peer, RTT);
    ack(&peer, 6);
    loss_flight(&peer, 1, 1);
    ack(&peer, 7); /* a sample */
    peer_write(&peer, 2 * MSS);
    assert_int_equal(peer_drain(&peer), 2);
    struct seen seen;
    assert_true(peer_take_within(&peer, RILL_SECOND, &seen));
    assert_int_equal(seen.cause, RILL_CAUSE_TAIL_PROBE);
    peer_close(&peer);
}

/* One at a time: also when samples come in while the first is under way (§7.3, first condition). */
static void established_no_second_probe_while_the_first_is_under_way(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_open(&peer, 10);
    peer_write(&peer, 11 * MSS);
    assert_int_equal(peer_drain(&peer), 10);
    EXPECT_AFTER(&peer, 2 * RTT, 10, RILL_CAUSE_TAIL_PROBE); /* new data */
    ack(&peer, 5);
    EXPECT_NONE(&peer);
    assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen));
    assert_int_equal(seen.cause, RILL_CAUSE_RTO);
    assert_int_equal(seen.sequence, 5 * MSS);
    peer_close(&peer);
}

/* Pitfall 8: a probe's resending is no sample for Karn's algorithm. */
static void established_probe_ack_is_no_rtt_sample(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    peer_write(&peer, 3 * MSS);
    peer_drain(&peer);
    EXPECT_AFTER(&peer, 2 * RTT, 2, RILL_CAUSE_TAIL_PROBE);
    peer_wait(&peer, RTT / 10);
    ack(&peer, 3);
    assert_int_equal(peer_info(&peer).rtt, RTT);
    peer_close(&peer);
}

static void established_no_probe_into_a_shut_window(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_open(&peer, 10);
    loss_flight(&peer, 5, 5);
    peer.window = 0;
    ack(&peer, 2);
    rill_time begin = peer.now;
    assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen));
    assert_int_not_equal(seen.cause, RILL_CAUSE_TAIL_PROBE);
    assert_int_equal(seen.at - begin, peer_info(&peer).rto / 2); /* it has been backed off since */
    peer_close(&peer);
}

/* Pitfall 7: a FIN alone is not probed for, and its RTO is not put off by a probe that is none. */
static void fin_wait_1_lone_fin_is_resent_after_the_rto(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_open(&peer, 10);
    assert_int_equal(rill_tcp_shutdown(peer.stack, peer.handle), 0);
    EXPECT(&peer, WIRE_FIN | WIRE_ACK, 0, 0, 0);
    rill_time begin = peer.now;
    assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen));
    assert_int_equal(seen.at - begin, RTO);
    assert_int_equal(seen.cause, RILL_CAUSE_RTO);
    assert_int_equal(seen.header.flags & WIRE_FIN, WIRE_FIN);
    peer_close(&peer);
}

static void fin_wait_1_probe_of_data_and_fin_carries_both(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_open(&peer, 10);
    peer_write(&peer, 2 * MSS + 400);
    assert_int_equal(rill_tcp_shutdown(peer.stack, peer.handle), 0);
    assert_int_equal(peer_drain(&peer), 3);
    assert_true(peer_take_within(&peer, RILL_SECOND, &seen));
    assert_int_equal(seen.cause, RILL_CAUSE_TAIL_PROBE);
    assert_int_equal(seen.sequence, 2 * MSS);
    assert_int_equal(seen.length, 400);
    assert_int_equal(seen.header.flags & WIRE_FIN, WIRE_FIN);
    peer_close(&peer);
}

static void fin_wait_1_probe_before_a_lone_fin_is_the_last_data(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    peer_write(&peer, 3 * MSS);
    assert_int_equal(peer_drain(&peer), 3);
    assert_int_equal(rill_tcp_shutdown(peer.stack, peer.handle), 0);
    EXPECT(&peer, WIRE_FIN | WIRE_ACK, 3 * MSS, 0, 0);
    EXPECT_AFTER(&peer, 2 * RTT, 2, RILL_CAUSE_TAIL_PROBE);
    peer_close(&peer);
}

/* The timer has come round, and before anything was sent the ACKs are there: no probe. */
static void established_ack_before_the_probe_goes_out_takes_it_back(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    peer_write(&peer, 10 * MSS);
    assert_int_equal(peer_drain(&peer), 10);
    peer_wait(&peer, 2 * RTT);
    ack(&peer, 5);
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

/* 10 segments, the last is probed for; the ACK of all of them comes. */
static void open_probed(struct peer *peer, const struct rill_congestion_ops *congestion) {
    loss_init(peer);
    peer->config.congestion = congestion;
    loss_established(peer);
    peer_write(peer, 10 * MSS);
    assert_int_equal(peer_drain(peer), 10);
    EXPECT_AFTER(peer, 2 * RTT, 9, RILL_CAUSE_TAIL_PROBE);
    peer_wait(peer, RTT);
    ack(peer, 10);
}

/* Then new data go and come: has there been a congestion response? */
static bool is_reduced(struct peer *peer, uint32_t count) {
    loss_flight(peer, count, count);
    ack(peer, 11);
    bool reduced = peer_info(peer).ssthresh < 100 * MSS;
    ack(peer, 10 + count);
    return reduced;
}

/* RFC 8985 §7.4.2. */
static void established_probe_that_came_twice_is_no_congestion(void **state) {
    (void)state;
    struct peer peer;
    open_probed(&peer, &rill_reno);
    dsack(&peer, 10, 9, 0, 0); /* case 1 */
    assert_false(is_reduced(&peer, 5));
    peer_close(&peer);
}

static void established_duplicate_ack_of_a_probe_is_no_congestion(void **state) {
    (void)state;
    struct peer peer;
    open_probed(&peer, &rill_reno);
    ack(&peer, 10); /* case 2: of a peer that does not report */
    assert_false(is_reduced(&peer, 5));
    peer_close(&peer);
}

static void established_probe_that_repaired_is_congestion(void **state) {
    (void)state;
    struct peer peer;
    open_probed(&peer, &rill_reno);
    assert_true(is_reduced(&peer, 8));
    assert_int_equal(peer_info(&peer).ssthresh, 4 * MSS); /* of 8 in flight */
    assert_int_equal(peer_info(&peer).cwnd, 4 * MSS);
    peer_close(&peer);
}

/* Nothing is in flight when that is known: the window is what it is reduced to, not what PRR lets
 * out of nothing. */
static void established_reduction_with_nothing_in_flight_is_no_collapse(void **state) {
    (void)state;
    struct peer peer;
    open_probed(&peer, &rill_cubic);
    uint32_t cwnd = peer_info(&peer).cwnd;
    loss_flight(&peer, 1, 1);
    ack(&peer, 11);
    assert_int_equal(peer_info(&peer).ssthresh, cwnd * 7 / 10);
    assert_int_equal(peer_info(&peer).cwnd, cwnd * 7 / 10);
    assert_int_equal(loss_connection(&peer)->active->recovery.phase, RECOVERY_OPEN);
    peer_close(&peer);
}

int probe_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_probe_comes_two_round_trips_after_the_last_segment),
        cmocka_unit_test(established_probe_of_a_lone_segment_waits_for_the_delayed_ack),
        cmocka_unit_test(established_probe_of_a_super_segment_is_its_last_segment),
        cmocka_unit_test(established_probe_sacked_with_an_old_timestamp_tells_of_the_loss),
        cmocka_unit_test(established_probe_prefers_new_data),
        cmocka_unit_test(established_probe_without_an_rtt_comes_after_a_second),
        cmocka_unit_test(established_probe_is_never_later_than_the_timeout),
        cmocka_unit_test(established_later_segments_do_not_delay_the_timeout),
        cmocka_unit_test(established_no_second_probe_before_an_rtt_sample),
        cmocka_unit_test(established_no_second_probe_while_the_first_is_under_way),
        cmocka_unit_test(established_probe_ack_is_no_rtt_sample),
        cmocka_unit_test(established_no_probe_into_a_shut_window),
        cmocka_unit_test(fin_wait_1_lone_fin_is_resent_after_the_rto),
        cmocka_unit_test(fin_wait_1_probe_of_data_and_fin_carries_both),
        cmocka_unit_test(fin_wait_1_probe_before_a_lone_fin_is_the_last_data),
        cmocka_unit_test(established_ack_before_the_probe_goes_out_takes_it_back),
        cmocka_unit_test(established_probe_that_came_twice_is_no_congestion),
        cmocka_unit_test(established_duplicate_ack_of_a_probe_is_no_congestion),
        cmocka_unit_test(established_probe_that_repaired_is_congestion),
        cmocka_unit_test(established_reduction_with_nothing_in_flight_is_no_collapse),
    };
    return cmocka_run_group_tests_name("probe", tests, 0, 0);
}
