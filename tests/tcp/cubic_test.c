/* tests/tcp/cubic_test.c: CUBIC (RFC 9438) in numbers: its integers against the RFC's formulas in
 * double precision, and each rule of growing and reducing on its own. */
#include "tcp/cc/cubic.h"
#include "tcp/loss.h"

#include <math.h>

#include "tcp/congestion.h"

/* RFC 9438 §4.2, in segments and seconds. */
static double window_of(double t, double k, double w_max) {
    return 0.4 * (t - k) * (t - k) * (t - k) + w_max;
}

static uint32_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

static void cube_root_is_the_largest_below(void **state) {
    (void)state;
    uint64_t seed = 1;
    for (uint64_t i = 0; i < 200000; i++) {
        uint64_t x = i < 5000 ? i
                              : ((uint64_t)next_random(&seed) << 31 | next_random(&seed)) >>
                                    next_random(&seed) % 60;
        if (x >= (uint64_t)1 << 63)
            continue;
        uint64_t root = rill__cubic_root(x);
        assert_true(root * root * root <= x);
        assert_true((root + 1) * (root + 1) * (root + 1) > x);
    }
}

/* K is a cube root of ticks of 125 us, rounded down: it is never late, and early by a tick and
 * what the division by the segment size has cut off: below 1 of at least 2.5 10^9 * 512 / mss. */
static void k_is_the_rfcs_within_a_tick(void **state) {
    (void)state;
    uint64_t seed = 2;
    for (int i = 0; i < 200000; i++) {
        uint32_t mss = 200 + next_random(&seed) % 8800;
        uint32_t w_max = next_random(&seed) >> (1 + next_random(&seed) % 14);
        w_max = w_max % (1u << 30) + 2 * mss;
        uint32_t epoch = (uint32_t)(w_max * (0.2 + 0.8 * (next_random(&seed) % 1000) / 1000));
        double exact = cbrt((double)(w_max - epoch) / mss / 0.4) * 8000; /* ticks */
        double k = rill__cubic_k(w_max, epoch, mss);
        assert_true(k <= exact + 1e-6 * exact && k >= exact - 1 - 1e-6 * exact);
    }
    assert_int_equal(rill__cubic_k(1000, 1000, 100), 0); /* pitfall 15 */
    assert_int_equal(rill__cubic_k(1000, 2000, 100), 0);
}

/* The curve for K as the integers have it: what the divisions cut off is below 1.28 10^6 of 1.28
 * 10^12 times the segment, and one byte. Beyond 131 s from K it is flat, and beyond 2^30 bytes. */
static void curve_is_the_rfcs_within_two_bytes(void **state) {
    (void)state;
    uint64_t seed = 3;
    unsigned concave = 0, convex = 0;
    for (int i = 0; i < 400000; i++) {
        uint32_t mss = 200 + next_random(&seed) % 8800;
        uint32_t w_max = next_random(&seed) % (1u << (14 + next_random(&seed) % 16)) + 2 * mss;
        uint32_t k = rill__cubic_k(w_max, (uint32_t)(w_max * 0.7), mss);
        uint64_t t = next_random(&seed) % (4 * k + 80000);
        double exact = window_of((double)t / 8000, k / 8000.0, (double)w_max / mss) * mss;
        if (fabs((double)t - k) > 1 << 20 || exact > 1 << 30)
            continue;
        exact = exact < 0 ? 0 : exact;
        double window = rill__cubic_window(t, k, w_max, mss);
        if (fabs(window - exact) > 2)
            fail_msg("t %g s, K %g s, W_max %u, mss %u: %.0f, want %.1f", (double)t / 8000,
                     k / 8000.0, w_max, mss, window, exact);
        concave += t < k;
        convex += t > k;
    }
    assert_true(concave > 10000 && convex > 10000);
    assert_int_equal(rill__cubic_window(1u << 30, 0, 1u << 29, 1460), 1u << 30);
    assert_int_equal(rill__cubic_window(0, 1u << 24, 1000, 1460), 0);
}

/* A flow of its own: no connection, the algorithm alone. */
struct flow {
    struct congestion congestion;
    struct congestion_recent recent;
    struct congestion_call call;
    struct ack_summary summary;
    uint32_t mss;
};

static void flow_open(struct flow *flow, uint32_t mss, uint32_t window, rill_time rtt) {
    memset(flow, 0, sizeof *flow);
    flow->mss = mss;
    flow->call = (struct congestion_call){.congestion = &flow->congestion,
                                          .recent = &flow->recent,
                                          .now = RILL_SECOND,
                                          .mss = mss,
                                          .srtt = (uint32_t)(rtt / RILL_MICROSECOND),
                                          .paced = true};
    rill_cubic.open(&flow->call, window);
    flow->summary = (struct ack_summary){.rtt = RILL_TIME_NEVER, .cwnd_limited = true};
}

static void flow_acked(struct flow *flow, uint32_t bytes) {
    flow->summary.now = flow->call.now;
    flow->summary.bytes_acked = bytes;
    flow->summary.acknowledgement += bytes;
    flow->call.snd_nxt = flow->summary.acknowledgement + flow->congestion.cwnd;
    rill_cubic.acked(&flow->call, &flow->summary);
}

/* A loss, and the end of its recovery. */
static void flow_lose(struct flow *flow) {
    rill_cubic.reduce(&flow->call, CONGESTION_LOSS, flow->congestion.cwnd);
    flow->congestion.cwnd = flow->congestion.ssthresh;
}

/* A round trip in which all of the window is acknowledged, `step` bytes an ACK. */
static void flow_round(struct flow *flow, uint32_t step) {
    rill_time rtt = flow->call.srtt * RILL_MICROSECOND, begin = flow->call.now;
    uint32_t window = flow->congestion.cwnd;
    for (uint32_t done = 0; done < window; done += step) {
        flow->call.now = begin + rtt * done / window;
        flow_acked(flow, step < window - done ? step : window - done);
    }
    flow->call.now = begin + rtt;
}

/* After a loss at `window` bytes the window follows the greater of the cubic and the RFC's W_est,
 * one round trip ahead of the first (§4.4) and as fast as the ACKs allow. */
static void avoidance_window_follows_the_curve(void **state) {
    (void)state;
    static const rill_time rtts[] = {10 * RILL_MILLISECOND, 100 * RILL_MILLISECOND,
                                     300 * RILL_MILLISECOND};
    static const uint32_t windows[] = {50, 500, 5000};
    for (int i = 0; i < 9; i++) {
        struct flow flow;
        rill_time rtt = rtts[i % 3];
        uint32_t mss = 1000, step = 2 * mss;
        flow_open(&flow, mss, windows[i / 3] * mss, rtt);
        flow_lose(&flow);
        assert_int_equal(flow.congestion.ssthresh, windows[i / 3] * mss / 10 * 7);
        double w_max = windows[i / 3], epoch = w_max * 0.7, w_est = epoch, cwnd = epoch;
        double k = cbrt((w_max - epoch) / 0.4), seconds = (double)rtt / 1e9, t = 0;
        while (t < 1.6 * k + 2) {
            uint32_t window = flow.congestion.cwnd;
            flow_round(&flow, step);
            for (double done = 0; done < window; done += step) { /* the RFC, ACK by ACK */
                double now = t + seconds * done / window, n = step / (double)mss;
                if (done + step > window)
                    n = (window - done) / mss;
                w_est += (w_est >= w_max ? 1 : 9.0 / 17) * n / cwnd;
                double target = window_of(now + seconds, k, w_max);
                target = target > 1.5 * cwnd ? 1.5 * cwnd : target < cwnd ? cwnd : target;
                cwnd += (target - cwnd) / cwnd * n;
                if (window_of(now, k, w_max) < w_est && cwnd < w_est)
                    cwnd = w_est;
            }
            t += seconds;
            double is = (double)flow.congestion.cwnd / mss;
            if (fabs(is - cwnd) > 0.005 * cwnd + 0.1)
                fail_msg("t %g of K %g, W_max %g, RTT %g: cwnd %g, want %g", t, k, w_max, seconds,
                         is, cwnd);
        }
        assert_true(flow.congestion.cwnd > windows[i / 3] * mss);
    }
}

/* Pitfall 16: an ACK of 64 segments grows the window as 64 ACKs of one do, within the share that
 * the window itself grows meanwhile. */
static void avoidance_stretch_acks_grow_as_much(void **state) {
    (void)state;
    uint32_t grown[2];
    for (int stretch = 0; stretch < 2; stretch++) {
        struct flow flow;
        flow_open(&flow, 1000, 400 * 1000, RTT);
        flow_lose(&flow);
        uint32_t before = flow.congestion.cwnd;
        for (int i = 0; i < 20; i++)
            flow_round(&flow, stretch ? 64 * 1000 : 1000);
        grown[stretch] = flow.congestion.cwnd - before;
    }
    assert_true(grown[0] > 60 * 1000);
    assert_in_range(grown[1], grown[0] - grown[0] / 50, grown[0] + grown[0] / 50);
}

/* §4.3: below W_max Reno with alpha 9/17, from there with 1. A path so short that the cubic is
 * slower than both. */
static void avoidance_estimate_changes_its_slope_at_the_old_window(void **state) {
    (void)state;
    struct flow flow;
    flow_open(&flow, 1000, 40 * 1000, RILL_MILLISECOND);
    flow_lose(&flow);
    uint32_t before = flow.congestion.cwnd; /* 28 */
    int rounds = 0;
    for (; flow.congestion.cwnd < 40 * 1000; rounds++)
        flow_round(&flow, 1000);
    /* 12 segments at 9/17 a round trip: 22.7 rounds */
    assert_in_range(rounds, 22, 24);
    before = flow.congestion.cwnd;
    for (int i = 0; i < 10; i++)
        flow_round(&flow, 1000);
    assert_in_range(flow.congestion.cwnd - before, 9800, 10200);
}

/* §4.4: never more than half a window a round trip, however steep the curve. */
static void avoidance_grows_by_half_in_a_round_trip_at_most(void **state) {
    (void)state;
    struct flow flow;
    flow_open(&flow, 1000, 10 * 1000, 300 * RILL_MILLISECOND);
    flow_lose(&flow);
    for (int i = 0; i < 60; i++) {
        uint32_t before = flow.congestion.cwnd;
        flow_round(&flow, 1000);
        assert_true(flow.congestion.cwnd <= before * 1.66); /* e^0.5: compounded ACK by ACK */
    }
    uint32_t before = flow.congestion.cwnd;
    flow.call.now += 20 * RILL_SECOND; /* a silence the flow knows nothing of */
    flow_acked(&flow, 1000);
    assert_true(flow.congestion.cwnd - before <= 500 + 1);
}

/* §4.7: a flow that has lost before it was back leaves more room. */
static void reduction_below_the_old_window_converges_fast(void **state) {
    (void)state;
    struct flow flow;
    flow_open(&flow, 1000, 100 * 1000, RTT);
    flow_lose(&flow);
    assert_int_equal(flow.congestion.kept[0], 100 * 1000); /* W_max */
    assert_int_equal(flow.congestion.cwnd, 70 * 1000);
    flow_lose(&flow);
    assert_int_equal(flow.congestion.kept[0], 70 * 1000 * 17 / 20);
    assert_int_equal(flow.congestion.cwnd, 49 * 1000);
    flow.congestion.cwnd = 90 * 1000;
    flow_lose(&flow);
    assert_int_equal(flow.congestion.kept[0], 90 * 1000); /* it was beyond it: none */
    flow.congestion.cwnd = 2500;
    flow_lose(&flow);
    assert_int_equal(flow.congestion.cwnd, 2000); /* two segments at least */
}

/* Pitfalls 17: time in which the window was not used is not part of t. */
static void avoidance_unused_time_does_not_count(void **state) {
    (void)state;
    uint32_t grown[4];
    for (int pause = 0; pause < 4; pause++) {
        struct flow flow;
        flow_open(&flow, 1000, 200 * 1000, RTT);
        flow_lose(&flow);
        for (int i = 0; i < 5; i++)
            flow_round(&flow, 1000);
        if (pause == 1) { /* the application gives little for 20 s */
            flow.summary.cwnd_limited = false;
            for (int i = 0; i < 200; i++) {
                flow.call.now += RTT;
                flow_acked(&flow, 2000);
            }
            flow.summary.cwnd_limited = true;
        } else if (pause > 1) { /* all is acknowledged, then nothing; once, or several times */
            for (int i = 0; i < (pause == 2 ? 1 : 5); i++) {
                flow.summary.acknowledgement += 1000;
                flow.summary.bytes_acked = 1000;
                flow.call.snd_nxt = flow.summary.acknowledgement;
                rill_cubic.acked(&flow.call, &flow.summary);
                flow.call.now += (pause == 2 ? 20 : 4) * RILL_SECOND;
            }
        }
        uint32_t before = flow.congestion.cwnd;
        for (int i = 0; i < 5; i++)
            flow_round(&flow, 1000);
        grown[pause] = flow.congestion.cwnd - before;
        if (grown[pause] > 2 * grown[0])
            fail_msg("pause %d: grown by %u, without it by %u", pause, grown[pause], grown[0]);
    }
}

/* After a pause the window begins small and comes back by slow start (RFC 5681 §4.1). Where that
 * ends a stage begins: the estimate of the one before, which stood higher, is no step up. */
static void restart_after_a_pause_begins_a_stage_of_its_own(void **state) {
    (void)state;
    struct flow flow;
    flow_open(&flow, 1000, 40 * 1000, RILL_MILLISECOND);
    flow_lose(&flow);
    while (flow.congestion.cwnd < 36 * 1000)
        flow_round(&flow, 1000);
    flow.congestion.ssthresh = 27 * 1000;
    flow.congestion.cwnd = 10 * 1000;
    flow.call.now += RILL_SECOND;
    while (flow.congestion.cwnd < 27 * 1000)
        flow_round(&flow, 1000);
    assert_true(flow.congestion.cwnd < 29 * 1000);
    uint32_t before = flow.congestion.cwnd;
    flow_round(&flow, 1000);
    assert_true(flow.congestion.cwnd - before <= 1000);
}

/* §4.8: after a timeout slow start goes to ssthresh, and avoidance begins there with K = 0. */
static void timeout_avoidance_begins_at_its_own_maximum(void **state) {
    (void)state;
    struct flow flow;
    flow_open(&flow, 1000, 100 * 1000, 3 * RTT);
    flow_lose(&flow);
    flow.congestion.cwnd = 100 * 1000;
    rill_cubic.reduce(&flow.call, CONGESTION_TIMEOUT, 100 * 1000);
    assert_int_equal(flow.congestion.ssthresh, 70 * 1000);
    rill_cubic.reduce(&flow.call, CONGESTION_TIMEOUT_AGAIN, 1000); /* pitfall 18 */
    assert_int_equal(flow.congestion.ssthresh, 70 * 1000);
    flow.congestion.cwnd = 1000;
    while (flow.congestion.cwnd < 70 * 1000)
        flow_round(&flow, 1000);
    uint32_t begin = flow.congestion.cwnd;
    rill_time at = flow.call.now;
    for (int i = 0; i < 30; i++)
        flow_round(&flow, 1000);
    /* Convex at once: W(t) = C t^3 + begin, a round trip ahead at most and two behind. */
    double t = (double)(flow.call.now - at) / 1e9;
    assert_true(flow.congestion.cwnd <= begin + 0.4 * pow(t + 0.3, 3) * 1000 + 1000);
    assert_true(flow.congestion.cwnd >= begin + 0.4 * pow(t - 0.6, 3) * 1000 - 1000);
}

/* A quarter of a gigabyte and beyond, to the largest window there is: growth stays a share of the
 * window, and no product or divisor overflows. */
static void avoidance_of_the_largest_windows_is_steady(void **state) {
    (void)state;
    for (int i = 0; i < 40; i++) {
        struct flow flow;
        uint32_t window = (200u << 20) + (uint32_t)i * ((20u << 20) + 12345);
        if (i >= 36) /* 17 times that is just above a multiple of 2^32 */
            window = (uint32_t)((((uint64_t)(i - 35) << 32) + 16) / 17) + 100;
        flow_open(&flow, 1460, window, RTT);
        flow_lose(&flow);
        flow.congestion.cwnd = window;
        for (int round = 0; round < 4; round++) {
            uint32_t before = flow.congestion.cwnd;
            flow_round(&flow, 64 * 1460);
            assert_true(flow.congestion.cwnd >= before);
            assert_true(flow.congestion.cwnd <= CONGESTION_WINDOW_MAX);
            if (flow.congestion.cwnd - before > 20 * 1460) /* Reno's one, and a young cubic's */
                fail_msg("%u grows to %u in a round trip", before, flow.congestion.cwnd);
        }
    }
}

int cubic_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cube_root_is_the_largest_below),
        cmocka_unit_test(k_is_the_rfcs_within_a_tick),
        cmocka_unit_test(curve_is_the_rfcs_within_two_bytes),
        cmocka_unit_test(avoidance_window_follows_the_curve),
        cmocka_unit_test(avoidance_stretch_acks_grow_as_much),
        cmocka_unit_test(avoidance_estimate_changes_its_slope_at_the_old_window),
        cmocka_unit_test(avoidance_grows_by_half_in_a_round_trip_at_most),
        cmocka_unit_test(reduction_below_the_old_window_converges_fast),
        cmocka_unit_test(avoidance_unused_time_does_not_count),
        cmocka_unit_test(restart_after_a_pause_begins_a_stage_of_its_own),
        cmocka_unit_test(timeout_avoidance_begins_at_its_own_maximum),
        cmocka_unit_test(avoidance_of_the_largest_windows_is_steady),
    };
    return cmocka_run_group_tests_name("cubic", tests, 0, 0);
}
