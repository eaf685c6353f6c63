/* tests/tcp/rtt_test.c: RFC 6298 in sequences: SRTT, RTTVAR and their order, the RTO, its back-off
 * and what ends it, Karn's algorithm with and without timestamps. */
#include "tcp/loss.h"

#include <math.h>

#include "tcp/host.h"

/* A peer for whom no probe is sent. */
static void open_without_sack(struct peer *peer, unsigned options) {
    loss_init(peer);
    peer->options &= ~(unsigned)PEER_SACK;
    peer->options |= options;
    loss_established(peer);
}

/* A segment that is acknowledged after that time. */
static void exchange(struct peer *peer, rill_time rtt) {
    peer_write(peer, MSS);
    assert_int_equal(peer_drain(peer), 1);
    peer_wait(peer, rtt);
    peer_send(peer, WIRE_ACK, 0, (uint32_t)peer->written, 0);
}

/* §2.2 and §2.3; the variation is computed first, with the old average (pitfall 26). The stack
 * counts in 1/8 and 1/4 us: what it cuts off is below 2 us each time. */
static void established_rtt_samples_move_both_averages(void **state) {
    (void)state;
    static const uint32_t samples[] = {200, 100, 50, 400, 90, 100, 100, 130, 1000, 60};
    struct peer peer;
    open_without_sack(&peer, 0);
    double srtt = 100e3, rttvar = 50e3; /* of the handshake */
    assert_int_equal(peer_info(&peer).rtt_variance, RTT / 2);
    assert_int_equal(peer_info(&peer).rto, 3 * RTT);
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        double sample = samples[i] * 1e3;
        peer_write(&peer, MSS);
        assert_int_equal(peer_drain(&peer), 1);
        if (samples[i] * RILL_MILLISECOND >= peer_info(&peer).rto)
            continue; /* would time out */
        peer_wait(&peer, samples[i] * RILL_MILLISECOND);
        peer_send(&peer, WIRE_ACK, 0, (uint32_t)peer.written, 0);
        rttvar = 0.75 * rttvar + 0.25 * fabs(srtt - sample);
        srtt = 0.875 * srtt + 0.125 * sample;
        struct rill_tcp_info info = peer_info(&peer);
        assert_true(fabs((double)info.rtt / 1e3 - srtt) < 10);
        assert_true(fabs((double)info.rtt_variance / 1e3 - rttvar) < 20);
        double rto = srtt + 4 * rttvar < 200e3 ? 200e3 : srtt + 4 * rttvar;
        assert_true(fabs((double)info.rto / 1e3 - rto) < 100);
    }
    peer_close(&peer);
}

/* §2.4 with a floor that can be set, and §2.5. */
static void established_rto_keeps_its_floor_and_its_ceiling(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer.options &= ~(unsigned)PEER_SACK;
    peer.config.rto_min = RILL_SECOND;
    peer.config.rto_max = 3 * RILL_SECOND;
    loss_established(&peer);
    assert_int_equal(peer_info(&peer).rto, RILL_SECOND);
    peer_write(&peer, MSS);
    assert_int_equal(peer_drain(&peer), 1);
    EXPECT_AFTER(&peer, RILL_SECOND, 0, RILL_CAUSE_RTO);
    EXPECT_AFTER(&peer, 2 * RILL_SECOND, 0, RILL_CAUSE_RTO);
    EXPECT_AFTER(&peer, 3 * RILL_SECOND, 0, RILL_CAUSE_RTO);
    EXPECT_AFTER(&peer, 3 * RILL_SECOND, 0, RILL_CAUSE_RTO);
    peer_close(&peer);
}

/* §5.5: doubled with each; and Karn (pitfall 25): the ACK of what was sent twice is no sample and
 * leaves the back-off, until a sample comes. */
static void timeout_back_off_lasts_until_there_is_a_sample(void **state) {
    (void)state;
    struct peer peer;
    open_without_sack(&peer, 0);
    peer_write(&peer, MSS);
    assert_int_equal(peer_drain(&peer), 1);
    EXPECT_AFTER(&peer, 3 * RTT, 0, RILL_CAUSE_RTO);
    EXPECT_AFTER(&peer, 6 * RTT, 0, RILL_CAUSE_RTO);
    EXPECT_AFTER(&peer, 12 * RTT, 0, RILL_CAUSE_RTO);
    peer_wait(&peer, RTT / 5);
    ack(&peer, 1);
    assert_int_equal(peer_info(&peer).rtt, RTT);
    assert_int_equal(peer_info(&peer).rto, 24 * RTT);
    exchange(&peer, RTT);
    assert_int_equal(peer_info(&peer).rto, RTT + 4 * RTT / 2 * 3 / 4);
    peer_close(&peer);
}

/* With timestamps the ACK of a resending is a sample: of the resending's own time. */
static void timeout_ack_with_an_echo_is_a_sample(void **state) {
    (void)state;
    struct peer peer;
    open_without_sack(&peer, PEER_TIMESTAMPS);
    peer_write(&peer, MSS);
    assert_int_equal(peer_drain(&peer), 1);
    EXPECT_AFTER(&peer, 3 * RTT, 0, RILL_CAUSE_RTO);
    peer_wait(&peer, 2 * RTT);
    ack(&peer, 1);
    assert_int_equal(peer_info(&peer).rtt, (7 * RTT + 2 * RTT) / 8);
    assert_true(peer_info(&peer).rto < 4 * RTT);
    peer_close(&peer);
}

/* RFC 7323 §4.1: an echo counts only if something new is acknowledged (pitfall 25). */
static void established_echo_without_progress_is_no_sample(void **state) {
    (void)state;
    struct peer peer;
    open_without_sack(&peer, PEER_TIMESTAMPS);
    loss_flight(&peer, 5, 5);
    ack(&peer, 1);
    rill_time rtt = peer_info(&peer).rtt;
    for (int i = 0; i < 5; i++) {
        peer_wait(&peer, 5 * RILL_MILLISECOND);
        peer_send(&peer, WIRE_ACK, (uint32_t)i * 10, MSS, 10); /* the peer's data */
        peer_drain(&peer);
    }
    assert_int_equal(peer_info(&peer).rtt, rtt);
    peer_close(&peer);
}

/* An echo of long ago, or of the future, is no RTT of minutes. */
static void established_absurd_echo_is_no_sample(void **state) {
    (void)state;
    struct peer peer;
    open_without_sack(&peer, PEER_TIMESTAMPS);
    peer_write(&peer, MSS);
    assert_int_equal(peer_drain(&peer), 1);
    EXPECT_AFTER(&peer, 3 * RTT, 0, RILL_CAUSE_RTO);
    peer_wait(&peer, RTT);
    peer.tsecr += 100000;
    ack(&peer, 1);
    assert_int_equal(peer_info(&peer).rtt, RTT);
    peer_close(&peer);
}

/* §5.1 to §5.3: sending does not move it, an ACK that advances does, the last ACK ends it. */
static void established_timer_counts_from_the_last_ack_that_advanced(void **state) {
    (void)state;
    struct peer peer;
    open_without_sack(&peer, 0);
    loss_flight(&peer, 3, 3);
    ack(&peer, 1);
    rill_time begin = peer.now, rto = peer_info(&peer).rto;
    peer_wait(&peer, RTT);
    peer_write(&peer, MSS);
    assert_int_equal(peer_drain(&peer), 1);
    EXPECT_AFTER(&peer, begin + rto - peer.now, 1, RILL_CAUSE_RTO);
    ack(&peer, 4);
    peer_wait(&peer, 10 * RILL_SECOND);
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

/* §5.7: a SYN that was sent twice leaves no sample, and 3 s to begin with. */
static void established_after_a_resent_syn_begins_at_three_seconds(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_init(&peer);
    peer.options &= ~(unsigned)PEER_SACK;
    peer_syn_sent(&peer);
    assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen));
    peer_send(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_drain(&peer);
    assert_int_equal(peer_info(&peer).rtt, 0);
    assert_int_equal(peer_info(&peer).cwnd, 10 * MSS); /* RFC 6928 §2 */
    assert_true(peer_info(&peer).ssthresh > 1000 * MSS);
    peer_write(&peer, MSS);
    assert_int_equal(peer_drain(&peer), 1);
    EXPECT_AFTER(&peer, 3 * RILL_SECOND, 0, RILL_CAUSE_RTO);
    peer_close(&peer);
}

int rtt_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_rtt_samples_move_both_averages),
        cmocka_unit_test(established_rto_keeps_its_floor_and_its_ceiling),
        cmocka_unit_test(timeout_back_off_lasts_until_there_is_a_sample),
        cmocka_unit_test(timeout_ack_with_an_echo_is_a_sample),
        cmocka_unit_test(established_echo_without_progress_is_no_sample),
        cmocka_unit_test(established_absurd_echo_is_no_sample),
        cmocka_unit_test(established_timer_counts_from_the_last_ack_that_advanced),
        cmocka_unit_test(established_after_a_resent_syn_begins_at_three_seconds),
    };
    return cmocka_run_group_tests_name("rtt", tests, 0, 0);
}
