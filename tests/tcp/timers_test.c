/* tests/tcp/timers_test.c: each timer of docs/architecture.md, table 4: what sets it, when it
 * fires, what clears it; and the numbers of RFC 6298. */
#include "tcp/segment.h"

static void syn_sent_unanswered_is_resent_six_times_then_given_up(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_syn_sent(&peer);
    rill_time before = peer.now;
    for (int i = 0; i < 6; i++) { /* 1, 2, 4, 8, 16, 32 s */
        assert_true(peer_take_within(&peer, 200 * RILL_SECOND, &seen));
        assert_int_equal(seen.at - before, RILL_SECOND << i);
        assert_int_equal(seen.cause, RILL_CAUSE_SYN_RESENT);
        assert_int_equal(seen.header.flags, WIRE_SYN);
        before = seen.at;
    }
    assert_false(peer_take_within(&peer, 64 * RILL_SECOND - 1, &seen));
    assert_int_equal(peer_state(&peer), RILL_TCP_SYN_SENT);
    assert_false(peer_take_within(&peer, 1, &seen)); /* and no RST: nobody is there */
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
    assert_int_equal(peer_info(&peer).error, RILL_ERROR_TIMED_OUT);
    assert_int_equal(peer_info(&peer).timeouts, 6);
    peer_close(&peer);
}

static void established_data_unanswered_backs_off_15_times_then_resets(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer.config.rto_min = RILL_SECOND;    /* RFC 6298 §2.4 to the letter */
    peer.options &= ~(unsigned)PEER_SACK; /* else a probe comes first */
    peer_established(&peer);
    peer_write(&peer, 100);
    EXPECT(&peer, WIRE_ACK, 0, 0, 100);
    rill_time before = peer.now, step = RILL_SECOND;
    for (int i = 0; i < 15; i++) {
        assert_true(peer_take_within(&peer, 200 * RILL_SECOND, &seen));
        assert_int_equal(seen.at - before, step);
        assert_int_equal(seen.cause, RILL_CAUSE_RTO);
        assert_int_equal(seen.length, 100);
        before = seen.at;
        step = step * 2 > 120 * RILL_SECOND ? 120 * RILL_SECOND : step * 2;
    }
    assert_true(peer_take_within(&peer, 200 * RILL_SECOND, &seen));
    assert_int_equal(seen.at - before, step);
    assert_int_equal(seen.cause, RILL_CAUSE_RST_TIMEOUT);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
    assert_int_equal(peer_info(&peer).error, RILL_ERROR_TIMED_OUT);
    assert_int_equal(peer_info(&peer).segments_resent, 15);
    peer_close(&peer);
}

static void established_retries_255_never_give_up(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer.config.data_retries = 255;
    peer_established(&peer);
    peer_write(&peer, 100);
    for (int i = 0; i < 600; i++)
        assert_true(peer_take_within(&peer, 200 * RILL_SECOND, &seen));
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    peer_close(&peer);
}

/* Sends a segment and acknowledges it `rtt` later. */
static void round_trip(struct peer *peer, rill_time rtt) {
    peer_write(peer, 100);
    assert_int_equal(peer_drain(peer), 1);
    peer_wait(peer, rtt);
    peer_send(peer, WIRE_ACK, 0, (uint32_t)peer->written, 0);
}

static void established_rtt_follows_rfc_6298(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_syn_sent(&peer);
    peer_wait(&peer, 80 * RILL_MILLISECOND);
    peer_send(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_drain(&peer);
    struct rill_tcp_info info = peer_info(&peer);
    assert_int_equal(info.rtt, 80 * RILL_MILLISECOND); /* §2.2: SRTT = R, RTTVAR = R / 2 */
    assert_int_equal(info.rtt_variance, 40 * RILL_MILLISECOND);
    assert_int_equal(info.rto, 240 * RILL_MILLISECOND);
    round_trip(&peer, 160 * RILL_MILLISECOND);
    info = peer_info(&peer);
    assert_int_equal(info.rtt_variance, 50 * RILL_MILLISECOND); /* §2.3: 30 + 20 */
    assert_int_equal(info.rtt, 90 * RILL_MILLISECOND);          /* 70 + 20 */
    assert_int_equal(info.rto, 290 * RILL_MILLISECOND);
    round_trip(&peer, 90 * RILL_MILLISECOND);
    info = peer_info(&peer);
    assert_int_equal(info.rtt_variance, 37500 * RILL_MICROSECOND);
    assert_int_equal(info.rtt, 90 * RILL_MILLISECOND);
    assert_int_equal(info.rto, 240 * RILL_MILLISECOND);
    for (int i = 0; i < 40; i++)
        round_trip(&peer, 90 * RILL_MILLISECOND);
    assert_int_equal(peer_info(&peer).rto, 200 * RILL_MILLISECOND); /* the floor */
    peer_close(&peer);
}

static void established_resent_segment_gives_no_sample_without_timestamps(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_established(&peer);
    round_trip(&peer, 100 * RILL_MILLISECOND);
    rill_time rtt = peer_info(&peer).rtt;
    peer_write(&peer, 100);
    peer_drain(&peer);
    assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen));
    peer_wait(&peer, RILL_MILLISECOND);
    peer_send(&peer, WIRE_ACK, 0, 200, 0);
    assert_int_equal(peer_info(&peer).rtt, rtt); /* Karn: RFC 6298 §3 */
    peer_close(&peer);
}

static void established_resent_segment_gives_a_sample_by_its_timestamp(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer.options |= PEER_TIMESTAMPS;
    peer_established(&peer);
    round_trip(&peer, 100 * RILL_MILLISECOND);
    struct rill_tcp_info before = peer_info(&peer);
    rill_time sent = peer.now;
    peer_write(&peer, 100);
    peer_drain(&peer);
    uint32_t first = peer.tsecr;
    assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen));
    assert_true(seen.header.timestamp_value != first);
    peer.tsecr = first; /* it is the first one that arrived, late */
    peer_wait(&peer, 50 * RILL_MILLISECOND);
    rill_time rtt = peer.now - sent;
    peer_send(&peer, WIRE_ACK, 0, 200, 0);
    struct rill_tcp_info after = peer_info(&peer);
    rill_time want = before.rtt - before.rtt / 8 + rtt / 8;
    assert_true(after.rtt + RILL_MILLISECOND > want && after.rtt < want + RILL_MILLISECOND);
    peer_close(&peer);
}

static void established_ack_restarts_the_timer_for_what_is_left(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer.options &= ~(unsigned)PEER_SACK; /* else a probe comes first */
    peer_established(&peer);
    peer_write(&peer, 2920);
    assert_int_equal(peer_drain(&peer), 2);
    peer_wait(&peer, 150 * RILL_MILLISECOND);
    peer_send(&peer, WIRE_ACK, 0, 1460, 0);
    rill_time from = peer.now, rto = peer_info(&peer).rto;
    assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen)); /* RFC 6298 §5.3 */
    assert_int_equal(seen.at - from, rto);
    assert_int_equal(seen.sequence, 1460);
    peer_close(&peer);
}

static void established_all_acknowledged_stops_the_timer(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_established(&peer);
    round_trip(&peer, RILL_MILLISECOND);
    assert_false(peer_take_within(&peer, 1000 * RILL_SECOND, &seen)); /* RFC 6298 §5.2 */
    assert_int_equal(peer_info(&peer).timeouts, 0);
    assert_int_equal(rill_deadline(peer.stack), RILL_TIME_NEVER);
    peer_close(&peer);
}

static void established_keepalive_probes_then_gives_up(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_established(&peer);
    assert_int_equal(rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_KEEPALIVE, 1), 0);
    rill_time from = peer.now;
    assert_true(peer_take_within(&peer, 7201 * RILL_SECOND, &seen));
    assert_int_equal(seen.at - from, 7200 * RILL_SECOND);
    assert_int_equal(seen.cause, RILL_CAUSE_KEEPALIVE);
    assert_int_equal(seen.sequence, (uint32_t)-1);
    assert_int_equal(seen.length, 0);
    peer_send(&peer, WIRE_ACK, 0, 0, 0); /* the peer lives */
    from = peer.now;
    for (int i = 0; i < 9; i++) {
        assert_true(peer_take_within(&peer, 7201 * RILL_SECOND, &seen));
        assert_int_equal(seen.at - from, (i ? 75 : 7200) * RILL_SECOND);
        assert_int_equal(seen.cause, RILL_CAUSE_KEEPALIVE);
        from = seen.at;
    }
    assert_true(peer_take_within(&peer, 7201 * RILL_SECOND, &seen));
    assert_int_equal(seen.cause, RILL_CAUSE_RST_TIMEOUT);
    assert_int_equal(seen.at - from, 75 * RILL_SECOND);
    assert_int_equal(peer_info(&peer).error, RILL_ERROR_TIMED_OUT);
    peer_close(&peer);
}

static void established_keepalive_switched_off_is_silent(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_established(&peer);
    assert_false(peer_take_within(&peer, 20000 * RILL_SECOND, &seen)); /* off by default */
    rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_KEEPALIVE, 1);
    rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_KEEPALIVE, 0);
    assert_false(peer_take_within(&peer, 20000 * RILL_SECOND, &seen));
    assert_int_equal(rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_KEEPALIVE, 2),
                     RILL_ERROR_ARGUMENT);
    peer_close(&peer);
}

static void advance_budget_runs_so_many_timers_and_no_more(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_listen(&peer);
    for (uint16_t i = 1; i <= 10; i++) {
        peer.remote_port = i;
        peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
        assert_int_equal(peer_drain(&peer), 1);
    }
    peer.now += RILL_SECOND;
    assert_int_equal(rill_advance(peer.stack, peer.now, 4), 4);
    assert_int_equal(peer_drain(&peer), 4);
    assert_int_equal(rill_deadline(peer.stack), peer.now);
    assert_int_equal(rill_advance(peer.stack, peer.now, 0), 6);
    assert_int_equal(peer_drain(&peer), 6);
    peer_close(&peer);
}

static void clock_running_back_is_clamped_and_counted(void **state) {
    (void)state;
    struct peer peer;
    struct rill_stack_info info;
    peer_init(&peer);
    peer_established(&peer);
    rill_advance(peer.stack, peer.now - RILL_SECOND, 0);
    rill_advance(peer.stack, 0, 0);
    rill_stack_get_info(peer.stack, &info);
    assert_int_equal(info.clock_backwards, 2);
    peer_send(&peer, WIRE_ACK, 0, 0, 10);
    EXPECT(&peer, WIRE_ACK, 0, 10, 0);
    peer_close(&peer);
}

int timer_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syn_sent_unanswered_is_resent_six_times_then_given_up),
        cmocka_unit_test(established_data_unanswered_backs_off_15_times_then_resets),
        cmocka_unit_test(established_retries_255_never_give_up),
        cmocka_unit_test(established_rtt_follows_rfc_6298),
        cmocka_unit_test(established_resent_segment_gives_no_sample_without_timestamps),
        cmocka_unit_test(established_resent_segment_gives_a_sample_by_its_timestamp),
        cmocka_unit_test(established_ack_restarts_the_timer_for_what_is_left),
        cmocka_unit_test(established_all_acknowledged_stops_the_timer),
        cmocka_unit_test(established_keepalive_probes_then_gives_up),
        cmocka_unit_test(established_keepalive_switched_off_is_silent),
        cmocka_unit_test(advance_budget_runs_so_many_timers_and_no_more),
        cmocka_unit_test(clock_running_back_is_clamped_and_counted),
    };
    return cmocka_run_group_tests_name("timers", tests, 0, 0);
}
