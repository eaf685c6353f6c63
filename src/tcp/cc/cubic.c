/* tcp/cc/cubic.c: CUBIC (RFC 9438), with HyStart++ (RFC 9406) as its slow start.
 *
 * Windows are bytes; C is 0.4 segments/s^3, so the cube is taken of microseconds and scaled by the
 * segment's size. What an increase leaves behind the point waits in a remainder, so that small
 * increases are not lost.
 *
 * DEVIATION: RFC 9438 §4.6 reduces from flight_size and allows cwnd where cwnd cannot grow beyond
 * what is used: acked() is told of that (`cwnd_limited`), so cwnd is used, and a connection whose
 * application pauses is not thrown back further than one that does not. */
#include "tcp/cc/cubic.h"

#include "base/util.h"
#include "tcp/cc/slow_start.h"
#include <rill/stack.h>
#include <string.h>

/* In congestion.kept: what a pause must not forget. */
enum { W_MAX, CWND_PRIOR };

/* In congestion_recent. */
struct cubic {
    struct slow_start slow_start;
    rill_time epoch; /* when the present avoidance began, pauses taken out; 0: not yet */
    rill_time last;  /* the last ACK of avoidance */
    uint32_t k;      /* ms */
    uint32_t w_est;  /* bytes */
    bool drained;    /* at the last ACK nothing was under way any more */
    uint64_t est_remainder, cwnd_remainder;
};
_Static_assert(sizeof(struct cubic) <= sizeof(struct congestion_recent), "congestion.h");

static struct cubic *cubic_of(const struct congestion_call *call) {
    return (struct cubic *)(void *)call->recent;
}

uint32_t rill__cubic_root(uint64_t x) {
    uint64_t root = 0;
    for (int bit = 20; bit >= 0; bit--) {
        uint64_t more = root | (uint64_t)1 << bit;
        if (more * more * more <= x)
            root = more;
    }
    return (uint32_t)root;
}

uint32_t rill__cubic_k(uint32_t w_max, uint32_t epoch, uint32_t mss) {
    if (w_max <= epoch)
        return 0;
    uint64_t ms3 = (uint64_t)(w_max - epoch) * 2500000000u / mss;    /* 1/C is 2.5 s^3 a segment */
    return rill__cubic_root(RILL_MIN(ms3, (uint64_t)1 << 54) * 512); /* 8 ticks a ms */
}

uint32_t rill__cubic_window(uint64_t t, uint32_t k, uint32_t w_max, uint32_t mss) {
    uint64_t distance = t > k ? t - k : k - t;
    distance = RILL_MIN(distance, 1u << 20); /* 131 s: its cube has 60 bits */
    /* C mss (d / 8000)^3 = mss d^3 / 1.28 10^12 */
    uint64_t bytes = distance * distance * distance / 1280000u * mss / 1000000u;
    if (t < k)
        return w_max > bytes ? (uint32_t)(w_max - bytes) : 0;
    return (uint32_t)RILL_MIN(w_max + bytes, CONGESTION_WINDOW_MAX);
}

static void open(const struct congestion_call *call, uint32_t initial_window) {
    memset(call->congestion, 0, sizeof *call->congestion);
    memset(call->recent, 0, sizeof *call->recent);
    call->congestion->cwnd = initial_window;
    call->congestion->ssthresh = CONGESTION_SSTHRESH_INITIAL;
}

/* A stage of avoidance begins: RFC 9438 §4.2, and §4.8 and §4.10 where W_max is not known. */
static void begin_epoch(const struct congestion_call *call, struct cubic *cubic) {
    struct congestion *congestion = call->congestion;
    uint32_t cwnd = congestion->cwnd;
    cubic->epoch = RILL_MAX(call->now, 1);
    cubic->w_est = cwnd;
    cubic->est_remainder = cubic->cwnd_remainder = 0;
    if (congestion->kept[W_MAX] <= cwnd)
        congestion->kept[W_MAX] = cwnd;
    if (!congestion->kept[CWND_PRIOR])
        congestion->kept[CWND_PRIOR] = cwnd;
    cubic->k = rill__cubic_k(congestion->kept[W_MAX], cwnd, call->mss);
}

/* value += numerator / divisor, the rest kept for the next time. */
static void add_share(uint32_t *value, uint64_t numerator, uint64_t divisor, uint64_t *remainder) {
    numerator += *remainder;
    *value += (uint32_t)RILL_MIN(numerator / divisor, CONGESTION_WINDOW_MAX - *value);
    *remainder = numerator % divisor;
}

/* RFC 9438 §4.3, figure 4: alpha is 9/17 for beta 0.7, and 1 once cwnd_prior is reached. */
static void grow_estimate(const struct congestion_call *call, struct cubic *cubic, uint32_t acked) {
    const struct congestion *congestion = call->congestion;
    bool reached = cubic->w_est >= congestion->kept[CWND_PRIOR];
    uint64_t share = (uint64_t)acked * call->mss * (reached ? 17 : 9);
    add_share(&cubic->w_est, share, (uint64_t)17 * congestion->cwnd, &cubic->est_remainder);
}

/* §4.2, §5.8: time in which the window was not used is not part of t: all since the last ACK where
 * this one says so; where nothing was under way, all but the round trip that has ended the pause.
 */
static void take_out_pause(const struct congestion_call *call, struct cubic *cubic, bool used) {
    rill_time pause = call->now - cubic->last, rtt = call->srtt * RILL_MICROSECOND;
    if (used)
        pause = cubic->drained && pause > rtt ? pause - rtt : 0;
    if (cubic->epoch)
        cubic->epoch += pause;
    cubic->last = call->now;
}

static void avoidance(const struct congestion_call *call, struct cubic *cubic, uint32_t acked) {
    struct congestion *congestion = call->congestion;
    uint32_t w_max = congestion->kept[W_MAX], cwnd = congestion->cwnd;
    if (!cubic->epoch) {
        begin_epoch(call, cubic);
        w_max = congestion->kept[W_MAX];
    }
    uint64_t t = (call->now - cubic->epoch) / CUBIC_TICK;
    uint64_t rtt = call->srtt * RILL_MICROSECOND / CUBIC_TICK;
    acked = RILL_MIN(acked, cwnd);
    grow_estimate(call, cubic, acked);
    uint32_t target = rill__cubic_window(t + rtt, cubic->k, w_max, call->mss);
    target = RILL_MIN(target, cwnd + cwnd / 2);
    if (target > cwnd) /* §4.4, §4.5 */
        add_share(&congestion->cwnd, (uint64_t)(target - cwnd) * acked, cwnd,
                  &cubic->cwnd_remainder);
    if (rill__cubic_window(t, cubic->k, w_max, call->mss) < cubic->w_est) /* §4.3 */
        congestion->cwnd = RILL_MAX(congestion->cwnd, cubic->w_est);
}

static void acked(const struct congestion_call *call, const struct ack_summary *summary) {
    struct cubic *cubic = cubic_of(call);
    uint32_t left = summary->bytes_acked;
    take_out_pause(call, cubic, summary->cwnd_limited);
    cubic->drained = summary->acknowledgement == call->snd_nxt;
    if (!summary->cwnd_limited) /* §5.8: it says nothing about the path */
        return;
    if (call->congestion->cwnd < call->congestion->ssthresh) {
        cubic->epoch = 0; /* where this ends a stage of avoidance begins */
        left = rill__slow_start(call, &cubic->slow_start, summary);
    }
    if (left && call->congestion->cwnd >= call->congestion->ssthresh)
        avoidance(call, cubic, left);
}

/* §4.6 and §4.7. */
static void reduce(const struct congestion_call *call, enum congestion_reason reason,
                   uint32_t flight) {
    struct congestion *congestion = call->congestion;
    struct cubic *cubic = cubic_of(call);
    (void)flight;
    cubic->epoch = 0;
    if (reason == CONGESTION_TIMEOUT_AGAIN) /* RFC 5681 §3.1: ssthresh stays */
        return;
    uint32_t cwnd = congestion->cwnd;
    congestion->kept[CWND_PRIOR] = cwnd;
    /* Less than last time: somebody else needs room (fast convergence). */
    congestion->kept[W_MAX] =
        cwnd < congestion->kept[W_MAX] ? (uint32_t)((uint64_t)cwnd * 17 / 20) : cwnd;
    congestion->ssthresh = (uint32_t)((uint64_t)cwnd * 7 / 10);
    congestion->ssthresh = RILL_MAX(congestion->ssthresh, 2 * call->mss);
    if (reason == CONGESTION_TIMEOUT) /* §4.8: K = 0, and W_max the window avoidance begins with */
        congestion->kept[W_MAX] = 0;
}

const struct rill_congestion_ops rill_cubic = {
    .name = "cubic",
    .open = open,
    .acked = acked,
    .reduce = reduce,
    .pacing_rate = congestion_window_rate,
};
