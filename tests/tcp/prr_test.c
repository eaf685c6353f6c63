/* tests/tcp/prr_test.c: proportional rate reduction (RFC 9937), step by step: the RFC's two
 * examples, ACKs split into crumbs, the end of an episode, and peers without SACK. */
#include "tcp/loss.h"

#include "tcp/host.h"

/* In the RFC's examples, in segments. */
static void expect_state(struct peer *peer, unsigned step, uint32_t cwnd, uint32_t in_flight) {
    struct rill_tcp_info info = peer_info(peer);
    if (info.cwnd != cwnd * MSS || info.in_flight != in_flight * MSS)
        fail_msg("ACK %u: cwnd %u, in flight %u; want %u, %u", step, info.cwnd, info.in_flight,
                 cwnd * MSS, in_flight * MSS);
}

/* 20 segments have been sent, then each ACK comes a millisecond after the one before. */
static void open_twenty(struct peer *peer) {
    loss_open(peer, 20);
    loss_flight(peer, 200, 20);
}

/* RFC 9937 §8, the first example: segment 0 is lost. */
static void recovery_one_loss_of_twenty_follows_the_rfc(void **state) {
    (void)state;
    static const uint8_t cwnd[] = {20, 20, 19, 18, 18, 17, 17, 16, 16, 15, 15,
                                   14, 14, 13, 13, 12, 12, 11, 11, 10, 10, 10};
    static const uint8_t in_flight[] = {19, 19, 18, 18, 17, 17, 16, 16, 15, 15, 14,
                                        14, 13, 13, 12, 12, 11, 11, 10, 10, 9,  9};
    struct peer peer;
    struct seen seen;
    open_twenty(&peer);
    uint32_t resent = 0;
    rill_time begin = peer.now;
    for (unsigned i = 1; i <= 22; i++) {
        if (i == 20) /* the limited transmits' */
            peer_wait(&peer, begin + RTT - peer.now);
        if (i < 22)
            sack(&peer, 0, 1, i + 1);
        else
            ack(&peer, 22);
        expect_state(&peer, i, cwnd[i - 1], in_flight[i - 1]);
        assert_int_equal(peer_info(&peer).ssthresh == 10 * MSS, i >= 3);
        while (peer_take(&peer, &seen)) {
            resent += seen.cause == RILL_CAUSE_RACK;
            assert_true(seen.cause != RILL_CAUSE_RACK || (seen.sequence == 0 && i == 3));
        }
        peer_wait(&peer, RILL_MILLISECOND);
    }
    assert_int_equal(resent, 1);
    assert_int_equal(peer_info(&peer).timeouts, 0);
    peer_close(&peer);
}

/* The second example: the first fifteen are lost. */
static void recovery_fifteen_losses_of_twenty_follow_the_rfc(void **state) {
    (void)state;
    static const uint8_t cwnd[] = {20, 20, 5, 5, 5}, in_flight[] = {19, 19, 4, 4, 4};
    struct peer peer;
    open_twenty(&peer);
    for (unsigned i = 0; i < 5; i++) {
        sack(&peer, 0, 15, 16 + i);
        expect_state(&peer, i + 1, cwnd[i], in_flight[i]);
        if (i < 2)
            EXPECT_SEGMENT(&peer, 20 + i, RILL_CAUSE_DATA);
        else
            EXPECT_SEGMENT(&peer, i - 2, RILL_CAUSE_RACK);
        EXPECT_NONE(&peer);
        peer_wait(&peer, RILL_MILLISECOND);
    }
    peer_close(&peer);
}

/* An ACK cut into crumbs: each that advances is worth a segment more (RFC 9937 §6.2), and still
 * nothing goes beyond ssthresh. */
static void recovery_split_acks_stay_below_ssthresh(void **state) {
    (void)state;
    uint32_t sent[2];
    for (int split = 0; split < 2; split++) {
        struct peer peer;
        loss_open(&peer, 20);
        loss_flight(&peer, 200, 20);
        sack(&peer, 0, 17, 20); /* 3 of 20, the rest is lost: in flight is 0 */
        assert_int_equal(peer_info(&peer).ssthresh, 10 * MSS);
        sent[split] = (uint32_t)peer_drain(&peer);
        peer_wait(&peer, RTT);
        uint32_t step = split ? 50 : MSS;
        for (uint32_t at = step; at <= MSS; at += step) {
            peer_sack(&peer, at, segments(17, 20), segments(0, 0), segments(0, 0));
            sent[split] += (uint32_t)peer_drain(&peer);
            assert_true(peer_info(&peer).in_flight <= 10 * MSS);
        }
        peer_close(&peer);
    }
    assert_in_range(sent[1], sent[0], 10 + 1); /* one of them has arrived meanwhile */
}

/* In flight above ssthresh: what has been delivered lets out its share, at no moment more. */
static void recovery_share_is_let_out_as_it_is_delivered(void **state) {
    (void)state;
    struct peer peer;
    open_twenty(&peer);
    sack(&peer, 0, 1, 4);
    uint32_t out = (uint32_t)peer_drain(&peer);
    assert_int_equal(out, 2); /* three of twenty have come: 1.5 */
    for (uint32_t at = 4; at < 12; at++) {
        sack(&peer, 0, 1, at + 1);
        out += (uint32_t)peer_drain(&peer);
        assert_int_equal(out, (at * 10 + 19) / 20);
    }
    peer_close(&peer);
}

/* The largest windows there are: no product overflows (pitfall 13). */
static void recovery_of_a_gigabyte_window_has_no_overflow(void **state) {
    (void)state;
    struct peer peer;
    open_twenty(&peer);
    struct connection *connection = loss_connection(&peer);
    sack(&peer, 0, 1, 4);
    struct recovery *recovery = &connection->active->recovery;
    assert_int_equal(recovery->phase, RECOVERY_FAST);
    peer_drain(&peer);
    uint32_t flight = rill__in_flight(connection);
    recovery->prr_flight = 1u << 30; /* a share: all of it but MSS has been delivered */
    recovery->prr_delivered = (1u << 30) - MSS;
    recovery->prr_out = 9 * MSS;
    sack(&peer, 0, 4, 5);
    assert_int_equal(connection->congestion.cwnd, flight);
    peer_drain(&peer);
    recovery->prr_delivered = (1u << 29) - MSS; /* below ssthresh: all that was not sent again */
    recovery->prr_out = 1u << 28;
    connection->congestion.ssthresh = 1u << 29;
    flight = rill__in_flight(connection);
    sack(&peer, 0, 5, 6);
    assert_int_equal(connection->congestion.cwnd, flight - MSS + (1u << 28));
    peer_close(&peer);
}

/* However the episode went, cwnd is ssthresh when it ends. */
static void recovery_end_sets_cwnd_to_ssthresh(void **state) {
    (void)state;
    for (uint32_t lost = 1; lost <= 15; lost += 7) {
        struct peer peer;
        open_twenty(&peer);
        sack(&peer, 0, lost, 20);
        peer_drain(&peer);
        peer_wait(&peer, RTT);
        for (uint32_t i = 1; i < lost; i++) {
            sack(&peer, i, lost, 20);
            peer_drain(&peer);
        }
        struct rill_tcp_info info = peer_info(&peer);
        assert_true(info.cwnd <= 10 * MSS);
        ack(&peer, 20);
        info = peer_info(&peer);
        assert_int_equal(info.ssthresh, 10 * MSS);
        assert_int_equal(info.cwnd, 10 * MSS); /* the ACK that ends it grows nothing */
        peer_close(&peer);
    }
}

/* A retransmission that is lost too: from the window of before, not from what PRR has left of it
 * at this moment (pitfall 14). 20 -> 10 -> 5. */
static void recovery_loss_of_a_retransmission_halves_the_target_not_the_moment(void **state) {
    (void)state;
    struct peer peer;
    open_twenty(&peer);
    sack(&peer, 0, 15, 18);
    EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
    assert_int_equal(peer_info(&peer).ssthresh, 10 * MSS);
    peer_wait(&peer, RILL_MILLISECOND);
    sack(&peer, 0, 15, 19);
    peer_drain(&peer);
    assert_true(peer_info(&peer).cwnd < 10 * MSS); /* slow start reduction bound */
    peer_wait(&peer, RTT);
    /* The second resending arrives, the first does not. */
    peer_sack(&peer, 0, segments(1, 2), segments(15, 19), segments(0, 0));
    assert_int_equal(peer_info(&peer).ssthresh, 5 * MSS);
    peer_close(&peer);
}

/* The same where the timer finds it. */
static void recovery_timeout_of_a_retransmission_halves_the_target_not_the_moment(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_twenty(&peer);
    sack(&peer, 0, 15, 18);
    assert_int_equal(peer_drain(&peer), 3);
    assert_true(peer_info(&peer).cwnd < 10 * MSS);
    assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen));
    assert_int_equal(seen.cause, RILL_CAUSE_RTO);
    assert_int_equal(peer_info(&peer).ssthresh, 5 * MSS);
    peer_close(&peer);
}

/* Loss that the reordering timer finds: no ACK, so one segment goes, and then what ACKs let out. */
static void recovery_begun_by_the_timer_lets_out_one_segment(void **state) {
    (void)state;
    struct peer peer;
    open_twenty(&peer);
    sack(&peer, 0, 12, 13);
    EXPECT_SEGMENT(&peer, 20, RILL_CAUSE_DATA);
    EXPECT_NONE(&peer);
    EXPECT_AFTER(&peer, RTT / 4, 0, RILL_CAUSE_RACK);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_info(&peer).in_flight, 9 * MSS); /* 13 to 20, and 0 */
    sack(&peer, 0, 12, 15);
    EXPECT_SEGMENT(&peer, 1, RILL_CAUSE_RACK);
    EXPECT_SEGMENT(&peer, 2, RILL_CAUSE_RACK);
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

/* The story of the recovery that did not grow: ACKs come in a burst, the pacer lets out a segment
 * now and then, and each ACK took back what the one before had granted. 10 ACKs that advance let
 * out 20 segments, at whatever rate. */
static void recovery_paced_keeps_what_acks_have_granted(void **state) {
    (void)state;
    for (int paced = 0; paced < 2; paced++) {
        struct peer peer;
        struct seen seen;
        loss_init(&peer);
        peer.config.pacing = paced;
        peer.config.initial_window = 80;
        loss_established(&peer);
        peer_write(&peer, 80 * MSS);
        for (int i = 0; i < 80; i++)
            assert_true(peer_take_within(&peer, RTT, &seen));
        peer_wait(&peer, 2 * RTT);
        sack(&peer, 0, 70, 80);
        uint32_t first = 0, sent = 0;
        while (first < 10 && peer_take_within(&peer, RTT, &seen))
            first += seen.cause == RILL_CAUSE_RACK;
        assert_int_equal(first, 10);
        peer_wait(&peer, RTT);
        for (uint32_t i = 1; i <= 10; i++) {
            sack(&peer, i, 70, 80);
            sent += (uint32_t)peer_drain(&peer);
        }
        assert_true(paced ? sent < 20 : sent == 20);
        while (peer_take_within(&peer, RTT, &seen) && seen.cause == RILL_CAUSE_RACK)
            sent++;
        assert_int_equal(sent, 20);
        peer_close(&peer);
    }
}

static void open_without_sack(struct peer *peer, uint16_t window) {
    loss_init(peer);
    peer->options &= ~(unsigned)PEER_SACK;
    peer->config.initial_window = window;
    loss_established(peer);
}

/* Example 1 with duplicate ACKs instead of SACKs: the same numbers. */
static void recovery_without_sack_follows_the_rfc_too(void **state) {
    (void)state;
    static const uint8_t cwnd[] = {20, 20, 19, 18, 18, 17, 17, 16, 16, 15, 15,
                                   14, 14, 13, 13, 12, 12, 11, 11, 10, 10, 10};
    static const uint8_t in_flight[] = {19, 19, 18, 18, 17, 17, 16, 16, 15, 15, 14,
                                        14, 13, 13, 12, 12, 11, 11, 10, 10, 9,  9};
    struct peer peer;
    open_without_sack(&peer, 20);
    loss_flight(&peer, 200, 20);
    for (unsigned i = 1; i <= 22; i++) {
        ack(&peer, i < 22 ? 0 : 22);
        expect_state(&peer, i, cwnd[i - 1], in_flight[i - 1]);
        peer_drain(&peer);
    }
    peer_close(&peer);
}

/* A peer that sends more duplicates than there are segments: each stands for one in flight, and
 * when all of them have been told of, further ones are worth nothing (RFC 9937 §13). */
static void recovery_duplicates_beyond_the_flight_open_nothing(void **state) {
    (void)state;
    struct peer peer;
    open_without_sack(&peer, 10);
    loss_flight(&peer, 10, 10);
    for (int i = 0; i < 9; i++)
        ack(&peer, 0);
    peer_drain(&peer);
    ack(&peer, 1); /* a partial ACK: 1 goes again; all the rest has been reported */
    peer_drain(&peer);
    struct active *active = loss_connection(&peer)->active;
    uint32_t delivered = active->recovery.prr_delivered;
    for (int i = 0; i < 200; i++) {
        ack(&peer, 1);
        assert_true(active->recovery.reno_sacked <= active->scoreboard.in_flight);
    }
    assert_true(active->recovery.prr_delivered <= delivered + MSS);
    assert_true(peer_info(&peer).cwnd <= 5 * MSS);
    peer_close(&peer);
}

/* While cwnd comes down for a mark, three duplicates with progress between them are reordering,
 * and three in a row are a loss. */
static void reducing_duplicates_with_progress_between_are_no_loss(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer.options &= ~(unsigned)PEER_SACK;
    peer.config.ecn = RILL_ECN_ASK;
    peer.config.initial_window = 20;
    peer_syn_sent(&peer);
    peer_wait(&peer, RTT);
    peer_send(&peer, WIRE_SYN | WIRE_ACK | WIRE_ECE, (uint32_t)-1, 0, 0);
    peer_drain(&peer);
    ack(&peer, 0);
    loss_flight(&peer, 20, 20);
    peer_send(&peer, WIRE_ACK | WIRE_ECE, 0, MSS, 0);
    assert_int_equal(peer_info(&peer).ssthresh, 10 * MSS);
    for (uint32_t i = 1; i < 9; i++) {
        ack(&peer, i);
        ack(&peer, i + 1);
    }
    assert_int_equal(peer_drain(&peer), 0);
    assert_int_equal(peer_info(&peer).segments_resent, 0);
    for (int i = 0; i < 3; i++)
        ack(&peer, 9);
    EXPECT_SEGMENT(&peer, 9, RILL_CAUSE_FAST_RETRANSMIT);
    assert_int_equal(peer_info(&peer).ssthresh, 10 * MSS); /* reduced once for both */
    peer_close(&peer);
}

int prr_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recovery_one_loss_of_twenty_follows_the_rfc),
        cmocka_unit_test(recovery_fifteen_losses_of_twenty_follow_the_rfc),
        cmocka_unit_test(recovery_split_acks_stay_below_ssthresh),
        cmocka_unit_test(recovery_share_is_let_out_as_it_is_delivered),
        cmocka_unit_test(recovery_of_a_gigabyte_window_has_no_overflow),
        cmocka_unit_test(recovery_end_sets_cwnd_to_ssthresh),
        cmocka_unit_test(recovery_loss_of_a_retransmission_halves_the_target_not_the_moment),
        cmocka_unit_test(recovery_timeout_of_a_retransmission_halves_the_target_not_the_moment),
        cmocka_unit_test(recovery_begun_by_the_timer_lets_out_one_segment),
        cmocka_unit_test(recovery_paced_keeps_what_acks_have_granted),
        cmocka_unit_test(recovery_without_sack_follows_the_rfc_too),
        cmocka_unit_test(recovery_duplicates_beyond_the_flight_open_nothing),
        cmocka_unit_test(reducing_duplicates_with_progress_between_are_no_loss),
    };
    return cmocka_run_group_tests_name("prr", tests, 0, 0);
}
