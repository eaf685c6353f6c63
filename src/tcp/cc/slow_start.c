/* tcp/cc/slow_start.c: see slow_start.h. */
#include "tcp/cc/slow_start.h"

#include "base/seq.h"
#include "base/util.h"

/* RFC 9406 §4.3 */
#define MIN_RTT_THRESH 4000u
#define MAX_RTT_THRESH 16000u
#define MIN_RTT_DIVISOR 8u
#define N_RTT_SAMPLE 8u
#define CSS_GROWTH_DIVISOR 4u
#define CSS_ROUNDS 5u
#define L_UNPACED 8u

static void next_round(struct slow_start *state, rill_seq snd_nxt) {
    state->window_end = snd_nxt;
    state->last_min = state->current_min;
    state->current_min = 0;
    state->samples = 0;
    state->first_acked = 0;
    state->delivered = 0;
    state->was_full = false;
}

/* Whether the round so far says that the window is all that the path holds. */
static bool is_full(const struct congestion_call *call, struct slow_start *state,
                    const struct ack_summary *summary) {
    if (summary->rack_rtt == RILL_TIME_NEVER)
        return state->was_full;
    if (!state->first_acked) {
        state->first_acked = summary->now;
        state->first_sent = summary->rack_sent_at;
        return false;
    }
    state->delivered += summary->delivered;
    rill_time acked = summary->now - state->first_acked;
    rill_time sent =
        summary->rack_sent_at > state->first_sent ? summary->rack_sent_at - state->first_sent : 0;
    if (state->samples >= N_RTT_SAMPLE)
        state->was_full = acked > sent + sent / 4 && summary->min_rtt &&
                          (uint64_t)call->congestion->cwnd * acked >=
                              (uint64_t)state->delivered * summary->min_rtt * RILL_MICROSECOND;
    return state->was_full;
}

static void sample(struct slow_start *state, rill_time rtt) {
    if (rtt == RILL_TIME_NEVER)
        return;
    uint32_t us = (uint32_t)RILL_MIN(rtt / RILL_MICROSECOND, UINT32_MAX / 2);
    us = RILL_MAX(us, 1);
    state->current_min = state->current_min ? RILL_MIN(state->current_min, us) : us;
    state->samples += state->samples < UINT16_MAX;
}

/* RFC 9406 §4.2: does the delay say that the queue at the bottleneck grows? */
static void judge(struct slow_start *state) {
    if (state->samples < N_RTT_SAMPLE || !state->last_min)
        return;
    if (state->css_baseline) {
        if (state->current_min < state->css_baseline) { /* it was not the queue: go on */
            state->css_baseline = 0;
            state->css_rounds = 0;
            state->css = false;
        }
        return;
    }
    uint32_t threshold = RILL_MIN(state->last_min / MIN_RTT_DIVISOR, MAX_RTT_THRESH);
    threshold = RILL_MAX(threshold, MIN_RTT_THRESH);
    if (state->current_min >= state->last_min + threshold) {
        state->css_baseline = state->current_min;
        state->css = true;
    }
}

/* Only the first slow start: later ones know where to stop (RFC 9406 §4.3). True: it is over. */
static bool hystart(const struct congestion_call *call, struct slow_start *state,
                    const struct ack_summary *summary) {
    if (!state->begun) {
        state->begun = true;
        state->window_end = call->snd_nxt;
    }
    sample(state, summary->rtt);
    bool full = is_full(call, state, summary);
    judge(state);
    state->css |= full;
    if (seq_lt(summary->acknowledgement, state->window_end))
        return false;
    if (!state->css_baseline && !full && state->samples >= N_RTT_SAMPLE)
        state->css = false; /* the path holds more than it seemed */
    state->css_rounds = state->css ? state->css_rounds + 1 : 0; /* a part of a round counts */
    next_round(state, call->snd_nxt);
    return state->css_rounds >= CSS_ROUNDS;
}

uint32_t rill__slow_start(const struct congestion_call *call, struct slow_start *state,
                          const struct ack_summary *summary) {
    struct congestion *congestion = call->congestion;
    /* DEVIATION: RFC 5681 §3.1 counts at most SMSS an ACK; an ACK of a super-segment stands for
     * many, so all bytes it acknowledges count, up to RFC 9406's L: no limit where a pacer spreads
     * what the window lets go. */
    uint32_t grown =
        call->paced ? summary->bytes_acked : RILL_MIN(summary->bytes_acked, L_UNPACED * call->mss);
    if (congestion->ssthresh == CONGESTION_SSTHRESH_INITIAL) {
        if (hystart(call, state, summary)) {
            congestion->ssthresh = congestion->cwnd;
            return summary->bytes_acked;
        }
        if (state->css)
            grown /= CSS_GROWTH_DIVISOR;
    }
    uint32_t room = RILL_MIN(congestion->ssthresh, CONGESTION_WINDOW_MAX) - congestion->cwnd;
    congestion->cwnd += RILL_MIN(grown, room);
    return grown > room ? grown - room : 0;
}
