/* tests/tcp/slow_start_test.c: HyStart++ (RFC 9406) in numbers: rounds, samples, thresholds, and
 * the conservative slow start between. RTTs in us. */
#include "tcp/cc/slow_start.h"
#include "tcp/loss.h"

struct start {
    struct congestion congestion;
    struct congestion_call call;
    struct slow_start state;
    struct ack_summary summary;
};

static void start_open(struct start *start, bool paced) {
    memset(start, 0, sizeof *start);
    start->congestion.cwnd = 10 * MSS;
    start->congestion.ssthresh = CONGESTION_SSTHRESH_INITIAL;
    start->call =
        (struct congestion_call){.congestion = &start->congestion, .mss = MSS, .paced = paced};
    start->call.snd_nxt = 10 * MSS;
}

/* One ACK of `bytes` with a sample (0: without). What it lets out is sent at once. */
static void start_acked(struct start *start, uint32_t bytes, uint32_t rtt) {
    start->summary.bytes_acked = bytes;
    start->summary.acknowledgement += bytes;
    start->summary.rtt = rtt ? rtt * RILL_MICROSECOND : RILL_TIME_NEVER;
    start->summary.rack_rtt = RILL_TIME_NEVER; /* nothing to tell a rate from */
    rill__slow_start(&start->call, &start->state, &start->summary);
    start->call.snd_nxt = start->summary.acknowledgement + start->congestion.cwnd;
}

/* A round of `acks` ACKs, all of what was out when it began. Returns by how much cwnd grew. */
static uint32_t start_round(struct start *start, uint32_t acks, uint32_t rtt) {
    uint32_t out = start->call.snd_nxt - start->summary.acknowledgement;
    uint32_t before = start->congestion.cwnd;
    for (uint32_t i = 0; i < acks; i++)
        start_acked(start, i + 1 < acks ? out / acks : out - out / acks * (acks - 1), rtt);
    return start->congestion.cwnd - before;
}

static bool is_conservative(const struct start *start) {
    return start->state.css;
}

/* §4.2: an eighth of the last round's minimum, but 4 ms to 16 ms; at the threshold itself. */
static void slow_start_threshold_is_an_eighth_within_bounds(void **state) {
    (void)state;
    static const struct {
        uint32_t rtt, threshold;
    } cases[] = {{1000, 4000},    {8000, 4000},    {32000, 4000},  {64000, 8000},
                 {100000, 12500}, {128000, 16000}, {300000, 16000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (uint32_t below = 0; below < 2; below++) {
            struct start start;
            start_open(&start, true);
            start_round(&start, 10, cases[i].rtt);
            start_round(&start, 10, cases[i].rtt + cases[i].threshold - below);
            assert_int_equal(is_conservative(&start), !below);
        }
    }
}

/* It takes eight samples of a round, the smallest of which counts (pitfalls 19 and 20). */
static void slow_start_fewer_than_eight_samples_say_nothing(void **state) {
    (void)state;
    struct start start;
    start_open(&start, true);
    start_round(&start, 10, 100000);
    for (int i = 0; i < 7; i++) {
        start_acked(&start, MSS, 200000);
        assert_false(is_conservative(&start));
    }
    start_acked(&start, MSS, 0); /* an ACK without a sample is none */
    assert_false(is_conservative(&start));
    start_acked(&start, MSS, 200000);
    assert_true(is_conservative(&start));

    start_open(&start, true);
    start_round(&start, 10, 100000);
    for (int i = 0; i < 10; i++)
        start_acked(&start, MSS, i == 3 ? 100000 : 200000);
    assert_false(is_conservative(&start));
}

/* A round ends with the ACK of what was sent when it began, not after so many ACKs. */
static void slow_start_rounds_are_told_by_sequence_numbers(void **state) {
    (void)state;
    struct start start;
    start_open(&start, true);
    start_acked(&start, 5 * MSS, 50000); /* the first round began with this one's snd_nxt */
    rill_seq end = start.state.window_end;
    assert_int_equal(end, 10 * MSS);
    start_acked(&start, 5 * MSS - 1, 50000);
    assert_int_equal(start.state.window_end, end);
    start_acked(&start, 1, 50000);
    assert_int_not_equal(start.state.window_end, end);
    assert_int_equal(start.state.last_min, 50000);
    assert_int_equal(start.state.samples, 0);
}

/* Standard: all that is acknowledged; conservative: a quarter of it. */
static void slow_start_conservative_growth_is_a_quarter(void **state) {
    (void)state;
    struct start start;
    start_open(&start, true);
    assert_int_equal(start_round(&start, 10, 100000), 10 * MSS);
    for (int i = 0; i < 8; i++)
        start_acked(&start, MSS, 150000);
    assert_true(is_conservative(&start));
    uint32_t before = start.congestion.cwnd;
    for (int i = 0; i < 8; i++)
        start_acked(&start, MSS, 150000);
    assert_int_equal(start.congestion.cwnd - before, 2 * MSS);
}

/* A flight of `count` segments, sent `sent` us apart, whose ACKs come `acked` us apart, over a path
 * with a round trip of 20 ms. */
static void start_flight(struct start *start, uint32_t count, uint32_t sent, uint32_t acked) {
    start->summary.min_rtt = 20000;
    for (uint32_t i = 0; i < count; i++) {
        start->summary.now = RILL_SECOND + i * acked * RILL_MICROSECOND;
        start->summary.rack_sent_at = RILL_SECOND / 2 + i * sent * RILL_MICROSECOND;
        start->summary.rack_rtt = 20 * RILL_MILLISECOND;
        start->summary.rtt = 20 * RILL_MILLISECOND;
        start->summary.delivered = start->summary.bytes_acked = MSS;
        start->summary.acknowledgement += MSS;
        rill__slow_start(&start->call, &start->state, &start->summary);
    }
}

/* Ten segments sent at once, answered 1.2 ms apart: that bottleneck holds 16 in a round trip, and
 * the window is 18 by the ninth. Of one ten times as fast it is a small part. */
static void slow_start_slows_down_when_the_rate_says_the_path_is_full(void **state) {
    (void)state;
    struct start start;
    start_open(&start, true);
    start_flight(&start, 9, 0, 1200);
    assert_true(is_conservative(&start));
    start_open(&start, true);
    start_flight(&start, 9, 0, 120);
    assert_false(is_conservative(&start));
}

/* The pacer spreads a window over half a round trip; ACKs as far apart say nothing of the path. */
static void slow_start_takes_its_own_pacing_for_no_bottleneck(void **state) {
    (void)state;
    struct start start;
    start_open(&start, true);
    start_flight(&start, 9, 1200, 1200);
    assert_false(is_conservative(&start));
}

/* Five rounds, the one in which it began counted as one; then ssthresh is cwnd. */
static void slow_start_ends_after_five_conservative_rounds(void **state) {
    (void)state;
    struct start start;
    start_open(&start, true);
    start_round(&start, 20, 100000);
    for (int round = 1; round <= 5; round++) {
        assert_true(start.congestion.ssthresh == CONGESTION_SSTHRESH_INITIAL);
        start_round(&start, 20, 150000);
    }
    assert_int_equal(start.congestion.ssthresh, start.congestion.cwnd);
}

/* The delay was no queue: it comes down again, below what it was when growth slowed down. */
static void slow_start_goes_on_when_the_rtt_comes_down(void **state) {
    (void)state;
    struct start start;
    start_open(&start, true);
    start_round(&start, 20, 100000);
    start_round(&start, 20, 150000);
    start_round(&start, 20, 150000); /* as high as it was: conservative */
    assert_true(is_conservative(&start));
    while (start.state.samples < 7)
        start_acked(&start, MSS, 149000);
    assert_true(is_conservative(&start)); /* eight samples here too */
    start_acked(&start, MSS, 149000);
    assert_false(is_conservative(&start));
    assert_int_equal(start.state.css_rounds, 0);
    uint32_t before = start.congestion.cwnd;
    start_acked(&start, MSS, 149000);
    assert_int_equal(start.congestion.cwnd - before, MSS);
    for (int round = 0; round < 3; round++) /* rounds are counted anew */
        start_round(&start, 20, 200000 + 30000 * (uint32_t)round);
    assert_true(start.congestion.ssthresh == CONGESTION_SSTHRESH_INITIAL);
}

/* §4.3: L is 8 segments an ACK without pacing, and there is no limit with it. */
static void slow_start_without_pacing_grows_by_eight_segments_an_ack(void **state) {
    (void)state;
    for (int paced = 0; paced < 2; paced++) {
        struct start start;
        start_open(&start, paced);
        start_acked(&start, 10 * MSS, 100000);
        assert_int_equal(start.congestion.cwnd, (paced ? 20 : 18) * MSS);
    }
}

/* RFC 7661 §4.3: more than half of the window was in flight, so it grows, to twice that much. */
static void established_half_used_window_grows_to_twice_what_was_used(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 5, 5);
    ack(&peer, 2);
    ack(&peer, 5);
    assert_int_equal(peer_info(&peer).cwnd, 10 * MSS); /* half of it: it stays */
    loss_flight(&peer, 6, 6);
    ack(&peer, 7);
    assert_int_equal(peer_info(&peer).cwnd, 12 * MSS);
    ack(&peer, 11);
    assert_int_equal(peer_info(&peer).cwnd, 12 * MSS);
    peer_close(&peer);
}

/* After a loss the place to stop is known: no HyStart++ (§4.3), and ssthresh is not passed. */
static void slow_start_after_a_loss_goes_to_ssthresh(void **state) {
    (void)state;
    struct start start;
    start_open(&start, true);
    start.congestion.ssthresh = 33 * MSS;
    start_round(&start, 10, 100000);
    start.summary.bytes_acked = 20 * MSS;
    start.summary.acknowledgement += 20 * MSS;
    start.summary.rtt = 200000 * RILL_MICROSECOND;
    uint32_t left = rill__slow_start(&start.call, &start.state, &start.summary);
    assert_int_equal(start.congestion.cwnd, 33 * MSS);
    assert_int_equal(left, 7 * MSS); /* is avoidance's */
    assert_false(is_conservative(&start));
}

/* Pitfall 21: a loss in slow start reduces; ssthresh = cwnd is for HyStart++'s own exit. */
static void slow_start_loss_is_still_a_loss(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer.config.congestion = &rill_cubic;
    loss_established(&peer);
    loss_flight(&peer, 10, 10);
    sack(&peer, 0, 1, 10);
    assert_int_equal(peer_info(&peer).ssthresh, 7 * MSS);
    peer_close(&peer);
}

int slow_start_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_start_threshold_is_an_eighth_within_bounds),
        cmocka_unit_test(slow_start_fewer_than_eight_samples_say_nothing),
        cmocka_unit_test(slow_start_rounds_are_told_by_sequence_numbers),
        cmocka_unit_test(slow_start_conservative_growth_is_a_quarter),
        cmocka_unit_test(slow_start_slows_down_when_the_rate_says_the_path_is_full),
        cmocka_unit_test(slow_start_takes_its_own_pacing_for_no_bottleneck),
        cmocka_unit_test(slow_start_ends_after_five_conservative_rounds),
        cmocka_unit_test(slow_start_goes_on_when_the_rtt_comes_down),
        cmocka_unit_test(slow_start_without_pacing_grows_by_eight_segments_an_ack),
        cmocka_unit_test(established_half_used_window_grows_to_twice_what_was_used),
        cmocka_unit_test(slow_start_after_a_loss_goes_to_ssthresh),
        cmocka_unit_test(slow_start_loss_is_still_a_loss),
    };
    return cmocka_run_group_tests_name("slow start", tests, 0, 0);
}
