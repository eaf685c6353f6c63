/* tests/tcp/undo_test.c: episodes that were for nothing: timestamps (RFC 3522, RFC 4015), DSACK
 * (RFC 3708) and F-RTO (RFC 5682) tell, and what was reduced comes back whole. */
#include "tcp/loss.h"

#include "tcp/host.h"

static void open_stamped(struct peer *peer) {
    loss_init(peer);
    peer->options |= PEER_TIMESTAMPS;
    loss_established(peer);
}

static uint8_t phase_of(struct peer *peer) {
    return loss_connection(peer)->active->recovery.phase;
}

static void expect_restored(struct peer *peer, uint32_t cwnd) {
    assert_int_equal(phase_of(peer), RECOVERY_OPEN);
    assert_int_equal(peer_info(peer).cwnd, cwnd * MSS);
    assert_true(peer_info(peer).ssthresh > 1000 * MSS);
    assert_int_equal(loss_connection(peer)->active->scoreboard.lost, 0);
}

static void recovery_echo_of_before_the_resending_takes_it_back(void **state) {
    (void)state;
    struct peer peer;
    open_stamped(&peer);
    loss_flight(&peer, 10, 10);
    uint32_t before = peer.tsecr;
    sack(&peer, 0, 1, 4);
    EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
    assert_int_equal(peer_info(&peer).ssthresh, 5 * MSS);
    peer_wait(&peer, RTT / 10);
    peer.tsecr = before; /* the original was only late */
    ack(&peer, 4);
    expect_restored(&peer, 10);
    peer_close(&peer);
}

static void recovery_echo_of_the_resending_takes_nothing_back(void **state) {
    (void)state;
    struct peer peer;
    open_stamped(&peer);
    loss_flight(&peer, 10, 10);
    sack(&peer, 0, 1, 4);
    EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
    peer_wait(&peer, RTT);
    ack(&peer, 4);
    assert_int_equal(phase_of(&peer), RECOVERY_FAST);
    ack(&peer, 10);
    assert_int_equal(peer_info(&peer).ssthresh, 5 * MSS);
    assert_int_equal(peer_info(&peer).cwnd, 5 * MSS);
    peer_close(&peer);
}

static void recovery_report_of_all_that_was_resent_takes_it_back(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 10, 10);
    sack(&peer, 0, 1, 4);
    EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
    peer_wait(&peer, RTT / 10);
    ack(&peer, 4);
    peer_wait(&peer, RTT);
    assert_int_equal(phase_of(&peer), RECOVERY_FAST);
    dsack(&peer, 4, 0, 0, 0);
    expect_restored(&peer, 10);
    peer_close(&peer);
}

/* The report comes with the last ACK of a round trip: when the episode is over. */
static void established_report_after_the_episode_takes_it_back(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 10, 10);
    sack(&peer, 0, 1, 4);
    EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
    ack(&peer, 10);
    assert_int_equal(phase_of(&peer), RECOVERY_OPEN);
    assert_int_equal(peer_info(&peer).cwnd, 5 * MSS);
    dsack(&peer, 10, 0, 0, 0);
    expect_restored(&peer, 10);
    peer_close(&peer);
}

static void recovery_report_of_one_of_two_takes_nothing_back(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 20);
    loss_flight(&peer, 20, 20);
    sack(&peer, 0, 2, 8);
    EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
    EXPECT_SEGMENT(&peer, 1, RILL_CAUSE_RACK);
    peer_wait(&peer, RTT);
    ack(&peer, 8);
    dsack(&peer, 8, 0, 0, 0); /* 0 was late, 1 was lost */
    assert_int_equal(phase_of(&peer), RECOVERY_FAST);
    ack(&peer, 20);
    assert_int_equal(peer_info(&peer).cwnd, 10 * MSS);
    dsack(&peer, 20, 1, 0, 0); /* no: both were late */
    expect_restored(&peer, 20);
    peer_close(&peer);
}

/* A report of what was sent before the episode is none of its resendings. */
static void recovery_report_of_older_bytes_takes_nothing_back(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 10, 10);
    ack(&peer, 5);
    sack(&peer, 5, 6, 9);
    EXPECT_SEGMENT(&peer, 5, RILL_CAUSE_RACK);
    dsack(&peer, 5, 2, 6, 9);
    assert_int_equal(phase_of(&peer), RECOVERY_FAST);
    peer_close(&peer);
}

/* All comes before anything could be sent again. */
static void recovery_that_had_nothing_to_resend_is_taken_back(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 10, 10);
    sack(&peer, 0, 1, 4);
    assert_int_equal(phase_of(&peer), RECOVERY_FAST);
    ack(&peer, 10);
    assert_true(peer_info(&peer).ssthresh > 1000 * MSS);
    assert_int_equal(phase_of(&peer), RECOVERY_OPEN);
    peer_close(&peer);
}

/* A router's mark has reduced the window; a loss of the same moment was none. The mark stays. */
static void reducing_spurious_loss_does_not_take_the_mark_back(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer.config.ecn = RILL_ECN_ASK;
    peer_syn_sent(&peer);
    peer_wait(&peer, RTT);
    peer_send(&peer, WIRE_SYN | WIRE_ACK | WIRE_ECE, (uint32_t)-1, 0, 0);
    assert_int_equal(peer_drain(&peer), 1);
    loss_flight(&peer, 10, 10);
    peer_send(&peer, WIRE_ACK | WIRE_ECE, 0, MSS, 0);
    assert_int_equal(phase_of(&peer), RECOVERY_REDUCING);
    assert_int_equal(peer_info(&peer).ssthresh, 5 * MSS);
    sack(&peer, 1, 2, 5);
    EXPECT_SEGMENT(&peer, 1, RILL_CAUSE_RACK);
    peer_wait(&peer, RTT / 10);
    ack(&peer, 5);
    dsack(&peer, 5, 1, 0, 0);
    ack(&peer, 10);
    assert_int_equal(peer_info(&peer).ssthresh, 5 * MSS);
    assert_true(peer_info(&peer).cwnd <= 6 * MSS);
    peer_close(&peer);
}

/* Ten in flight, one more as a probe; then the timeout, and 0 goes again. */
static void time_out(struct peer *peer, uint32_t written) {
    struct seen seen;
    peer_write(peer, written);
    assert_int_equal(peer_drain(peer), 10);
    assert_true(peer_take_within(peer, RILL_SECOND, &seen));
    assert_int_equal(seen.cause, RILL_CAUSE_TAIL_PROBE);
    EXPECT_AFTER(peer, 3 * RTT, 0, RILL_CAUSE_RTO);
    EXPECT_NONE(peer);
    assert_int_equal(peer_info(peer).cwnd, MSS);
    peer_wait(peer, RTT / 10);
}

static void timeout_echo_of_before_takes_it_back(void **state) {
    (void)state;
    struct peer peer;
    open_stamped(&peer);
    peer_write(&peer, 30 * MSS);
    peer_drain(&peer);
    uint32_t before = peer.tsecr;
    struct seen seen;
    do {
        assert_true(peer_take_within(&peer, RILL_SECOND, &seen));
    } while (seen.cause != RILL_CAUSE_RTO);
    peer.tsecr = before;
    ack(&peer, 1);
    assert_int_equal(phase_of(&peer), RECOVERY_OPEN);
    assert_int_equal(peer_info(&peer).cwnd, 11 * MSS); /* and it has grown by the ACK */
    assert_int_equal(peer_info(&peer).segments_resent, 1);
    while (peer_take(&peer, &seen))
        assert_int_equal(seen.cause, RILL_CAUSE_DATA);
    /* The back-off is over with it. */
    assert_true(peer_info(&peer).rto < 2 * RILL_SECOND);
    peer_close(&peer);
}

/* RFC 5682 §3.1: 2 (b), new data; 3 (b), data that went before the timeout are acknowledged. */
static void timeout_forward_ack_of_what_was_never_resent_takes_it_back(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    time_out(&peer, 30 * MSS);
    ack(&peer, 1);
    assert_int_equal(phase_of(&peer), RECOVERY_TIMEOUT); /* it may be the resending's */
    EXPECT_SEGMENT(&peer, 11, RILL_CAUSE_DATA);
    EXPECT_SEGMENT(&peer, 12, RILL_CAUSE_DATA);
    EXPECT_NONE(&peer);
    ack(&peer, 2);
    assert_int_equal(phase_of(&peer), RECOVERY_OPEN);
    assert_true(peer_info(&peer).cwnd >= 10 * MSS);
    assert_true(peer_info(&peer).ssthresh > 1000 * MSS);
    struct seen seen;
    while (peer_take(&peer, &seen))
        assert_int_equal(seen.cause, RILL_CAUSE_DATA);
    assert_int_equal(peer_info(&peer).segments_resent, 1);
    peer_close(&peer);
}

/* The same by a SACK. */
static void timeout_forward_sack_of_what_was_never_resent_takes_it_back(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    time_out(&peer, 30 * MSS);
    ack(&peer, 1);
    assert_int_equal(peer_drain(&peer), 2);
    sack(&peer, 1, 4, 5);
    assert_int_equal(phase_of(&peer), RECOVERY_OPEN);
    peer_close(&peer);
}

/* 3 (a): a duplicate that says nothing new, or a SACK of the new data: it was lost. */
static void timeout_forward_duplicate_goes_on_resending(void **state) {
    (void)state;
    for (int with_sack = 0; with_sack < 2; with_sack++) {
        struct peer peer;
        loss_open(&peer, 10);
        time_out(&peer, 30 * MSS);
        ack(&peer, 1);
        assert_int_equal(peer_drain(&peer), 2);
        if (!with_sack) {
            ack(&peer, 1);
            EXPECT_NONE(&peer);   /* the window is full of the new data */
            sack(&peer, 1, 4, 5); /* too late to be a sign */
        }
        sack(&peer, 1, 11, 12);
        EXPECT_SEGMENT(&peer, 1, RILL_CAUSE_RTO);
        assert_int_equal(phase_of(&peer), RECOVERY_TIMEOUT);
        assert_int_equal(peer_info(&peer).ssthresh, 5 * MSS);
        peer_close(&peer);
    }
}

/* 3 (a) again: what the ACK tells of reaches beyond what there was at the timeout: the old data in
 * it may have waited behind the hole. */
static void timeout_forward_sack_of_old_and_new_goes_on_resending(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    time_out(&peer, 30 * MSS);
    ack(&peer, 1);
    assert_int_equal(peer_drain(&peer), 2);
    sack(&peer, 1, 5, 12);
    assert_int_equal(phase_of(&peer), RECOVERY_TIMEOUT);
    EXPECT_SEGMENT(&peer, 1, RILL_CAUSE_RTO);
    peer_close(&peer);
}

/* 2 (a): one ACK covers all there was: the resending may have filled the only hole. */
static void timeout_first_ack_of_everything_takes_nothing_back(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    time_out(&peer, 10 * MSS);
    ack(&peer, 10);
    assert_int_equal(peer_info(&peer).ssthresh, 5 * MSS);
    assert_int_equal(phase_of(&peer), RECOVERY_OPEN);
    peer_close(&peer);
}

/* 0 was lost, 1 to 4 had come and their ACKs were lost, the rest was lost: the first ACK covers
 * data never sent again, and that is no sign: they waited behind the hole (2 (b)). What the new
 * data bring is (3 (a)). */
static void timeout_first_ack_over_a_filled_hole_takes_nothing_back(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    time_out(&peer, 40 * MSS);
    ack(&peer, 5);
    assert_int_equal(phase_of(&peer), RECOVERY_TIMEOUT);
    EXPECT_SEGMENT(&peer, 11, RILL_CAUSE_DATA);
    assert_true(peer_drain(&peer) <= 4);
    peer_wait(&peer, RTT);
    sack(&peer, 5, 11, 12);
    assert_int_equal(phase_of(&peer), RECOVERY_TIMEOUT);
    EXPECT_SEGMENT(&peer, 5, RILL_CAUSE_RTO);
    assert_int_equal(peer_info(&peer).ssthresh, 5 * MSS);
    peer_close(&peer);
}

/* Nothing new to send: resending goes on (2 (b)). */
static void timeout_without_new_data_goes_on_resending(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    time_out(&peer, 10 * MSS);
    ack(&peer, 1);
    EXPECT_SEGMENT(&peer, 1, RILL_CAUSE_RTO);
    EXPECT_SEGMENT(&peer, 2, RILL_CAUSE_RTO);
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

/* The new data are a crumb that a cork holds back: not a reason to send nothing at all
 * until the next timeout. */
static void timeout_with_a_crumb_of_new_data_goes_on_resending(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    time_out(&peer, 9 * MSS + 50); /* a small segment is in flight */
    assert_int_equal(peer_write(&peer, 100), 100);
    EXPECT_NONE(&peer);
    ack(&peer, 1);
    EXPECT_SEGMENT(&peer, 1, RILL_CAUSE_RTO);
    peer_close(&peer);
}

/* Pitfall 22: not while other losses are being repaired. */
static void recovery_timeout_is_not_watched_by_f_rto(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_open(&peer, 10);
    loss_flight(&peer, 30, 10);
    sack(&peer, 0, 1, 4);
    EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
    peer_drain(&peer);
    assert_true(peer_take_within(&peer, RILL_SECOND, &seen));
    assert_int_equal(seen.cause, RILL_CAUSE_RTO);
    assert_int_equal(loss_connection(&peer)->active->recovery.forward, FORWARD_NONE);
    ack(&peer, 4);
    EXPECT_SEGMENT(&peer, 4, RILL_CAUSE_RTO);
    ack(&peer, 6);
    assert_int_equal(phase_of(&peer), RECOVERY_TIMEOUT);
    peer_close(&peer);
}

/* RFC 9438 §4.9: the whole of CUBIC's state comes back, not the window alone. */
static void recovery_taken_back_restores_all_of_cubic(void **state) {
    (void)state;
    struct peer peer;
    uint32_t at = 0;
    loss_init(&peer);
    peer.config.congestion = &rill_cubic;
    peer.config.initial_window = 20;
    loss_established(&peer);
    loss_flight(&peer, 20, 20); /* a loss, and avoidance after it */
    sack(&peer, 0, 1, 20);
    peer_drain(&peer);
    peer_wait(&peer, RTT);
    ack(&peer, at = 20);
    peer_write(&peer, 2000 * MSS);
    for (int i = 0; i < 8; i++) {
        uint32_t sent = (uint32_t)peer_drain(&peer);
        peer_wait(&peer, RTT);
        for (uint32_t last = at + sent; at < last;)
            ack(&peer, ++at);
    }
    uint32_t sent = (uint32_t)peer_drain(&peer);
    struct connection *connection = loss_connection(&peer);
    struct congestion congestion = connection->congestion;
    struct congestion_recent recent = connection->active->congestion_recent;
    peer_wait(&peer, RTT);
    sack(&peer, at, at + 1, at + 6);
    assert_int_equal(phase_of(&peer), RECOVERY_FAST);
    assert_int_equal(peer_drain(&peer) > 0, 1);
    assert_memory_not_equal(&connection->congestion, &congestion, sizeof congestion);
    peer_wait(&peer, RTT / 10);
    uint32_t resent = (uint32_t)peer_info(&peer).segments_resent;
    assert_int_equal(resent, 2);
    dsack(&peer, at + sent, at, 0, 0);
    assert_int_equal(phase_of(&peer), RECOVERY_OPEN);
    assert_memory_equal(&connection->congestion, &congestion, sizeof congestion);
    assert_memory_equal(&connection->active->congestion_recent, &recent, sizeof recent);
    peer_close(&peer);
}

int undo_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recovery_echo_of_before_the_resending_takes_it_back),
        cmocka_unit_test(recovery_echo_of_the_resending_takes_nothing_back),
        cmocka_unit_test(recovery_report_of_all_that_was_resent_takes_it_back),
        cmocka_unit_test(established_report_after_the_episode_takes_it_back),
        cmocka_unit_test(recovery_report_of_one_of_two_takes_nothing_back),
        cmocka_unit_test(recovery_report_of_older_bytes_takes_nothing_back),
        cmocka_unit_test(recovery_that_had_nothing_to_resend_is_taken_back),
        cmocka_unit_test(reducing_spurious_loss_does_not_take_the_mark_back),
        cmocka_unit_test(timeout_echo_of_before_takes_it_back),
        cmocka_unit_test(timeout_forward_ack_of_what_was_never_resent_takes_it_back),
        cmocka_unit_test(timeout_forward_sack_of_what_was_never_resent_takes_it_back),
        cmocka_unit_test(timeout_forward_duplicate_goes_on_resending),
        cmocka_unit_test(timeout_forward_sack_of_old_and_new_goes_on_resending),
        cmocka_unit_test(timeout_first_ack_of_everything_takes_nothing_back),
        cmocka_unit_test(timeout_first_ack_over_a_filled_hole_takes_nothing_back),
        cmocka_unit_test(timeout_without_new_data_goes_on_resending),
        cmocka_unit_test(timeout_with_a_crumb_of_new_data_goes_on_resending),
        cmocka_unit_test(recovery_timeout_is_not_watched_by_f_rto),
        cmocka_unit_test(recovery_taken_back_restores_all_of_cubic),
    };
    return cmocka_run_group_tests_name("undo", tests, 0, 0);
}
