/* tests/sim/tail_test.c: the suite `tails`: what lost ends, reordering and delay cost, in round
 * trips, between two hosts in virtual time. */
#include "sim/wire.h"

#include "stack/stack.h"
#include "tcp/congestion.h"
#include "tcp/host.h"
#include <stdio.h>

#define RTT (100 * RILL_MILLISECOND)
#define DELAYED_ACK (40 * RILL_MILLISECOND)

enum { SEGMENT = 1448 };

struct losses {
    uint64_t from, count; /* ordinals of data frames of host 0 */
};

static rill_time lose(struct wire *wire, const struct wire_frame *frame) {
    const struct losses *losses = wire->context;
    bool lost = frame->sender == 0 && frame->payload && frame->ordinal >= losses->from &&
                frame->ordinal < losses->from + losses->count;
    return lost ? RILL_TIME_NEVER : frame->now + wire->delay;
}

/* Ten segments of which the last `count` are lost; how long from the first transmission of the
 * last until all is acknowledged. */
static rill_time lose_last(uint64_t count, bool warm, bool fin) {
    static struct wire wire;
    struct losses losses = {0, 0};
    wire_init(&wire, RTT / 2);
    wire_open(&wire, lose);
    wire.context = &losses;
    for (int i = 0; warm && i < 6; i++) { /* a connection that has been in use */
        wire_write(&wire, 0, 10 * SEGMENT);
        wire_until_acked(&wire, RILL_SECOND);
    }
    losses.from = wire.data_frames[0] + 10 - count;
    losses.count = count;
    rill_time begin = wire.test.world.now;
    assert_int_equal(wire_write(&wire, 0, 10 * SEGMENT), 10 * SEGMENT);
    if (fin)
        assert_int_equal(rill_tcp_shutdown(wire.test.world.stacks[0], wire.ends[0]), 0);
    rill_time end = wire_until_acked(&wire, 20 * RILL_SECOND);
    assert_int_equal(wire_info(&wire, 0).timeouts, 0);
    assert_int_equal(wire.read[1], (warm ? 70 : 10) * SEGMENT);
    wire_close(&wire);
    return end - begin;
}

/* The probe two round trips after the segment, its ACK a round trip later: 3 RTT, and the peer may
 * delay that ACK. */
static void tail_last_of_ten_is_repaired_in_three_round_trips(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        rill_time time = lose_last(1, i & 1, i & 2);
        printf("# last 1 of 10 lost%s%s: %.2f RTT\n", i & 1 ? ", warm" : "", i & 2 ? ", FIN" : "",
               (double)time / RTT);
        assert_in_range(time, 3 * RTT, 3 * RTT + DELAYED_ACK);
    }
}

/* The probe's ACK (3 RTT) tells of k - 1 lost segments with nothing in flight. PRR (RFC 9937 §6.2)
 * lets out one on that ACK, which does not advance, and on each that does what it delivers and one
 * more. The segments of one round trip arrive at one time here and have one ACK, so a round trip
 * takes 1, 2, 3, … segments: n = k - 1 need the least r with 1 + … + r >= n, and the whole 3 + r.
 */
static rill_time prr_time(uint64_t k) {
    rill_time rounds = 0;
    for (uint64_t sent = 0; sent < k - 1;)
        sent += ++rounds;
    return (3 + rounds) * RTT;
}

static void tail_last_k_of_ten_are_repaired_as_prr_allows(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        for (uint64_t k = 2; k < 10; k++) {
            rill_time time = lose_last(k, i & 1, i & 2);
            printf("# last %u of 10 lost%s%s: %.2f RTT\n", (unsigned)k, i & 1 ? ", warm" : "",
                   i & 2 ? ", FIN" : "", (double)time / RTT);
            assert_in_range(time, prr_time(k), prr_time(k) + DELAYED_ACK);
        }
    }
}

static struct recovery *recovery_of(struct wire *wire) {
    struct tcp_host *host = (struct tcp_host *)wire->test.world.stacks[0]->tcp;
    return &rill__connection_find(host, wire->ends[0])->active->recovery;
}

struct reorder {
    rill_time most; /* a frame is late by 0 … most */
    uint32_t every;
    uint64_t seed;
};

static rill_time displace(struct wire *wire, const struct wire_frame *frame) {
    struct reorder *reorder = wire->context;
    rill_time at = frame->now + wire->delay;
    if (frame->sender == 0 && frame->payload && frame->ordinal % reorder->every == 7) {
        reorder->seed = reorder->seed * 6364136223846793005u + 1442695040888963407u;
        at += (reorder->seed >> 33) % reorder->most;
    }
    return at;
}

/* A stream of a minute of which each so manieth segment is late. Nothing is lost, so whatever is
 * sent again is so for nothing. */
static void reorder(rill_time most, uint32_t every, bool stamped, uint64_t *resent,
                    uint64_t *resent_after) {
    static struct wire wire;
    struct reorder reorder = {most, every, 1};
    wire_init(&wire, RTT / 2);
    wire.test.config[0].timestamps = stamped;
    wire.test.config[1].receive_buffer = 60 * SEGMENT;
    wire.test.config[0].check = wire.test.config[1].check = false;
    wire_open(&wire, displace);
    wire.context = &reorder;
    uint64_t at_first = 0, at_adaptation = 0;
    rill_time first = RILL_TIME_NEVER, adapted = RILL_TIME_NEVER; /* what is marked goes yet */
    while (wire.test.world.now < 60 * RILL_SECOND) {
        wire_write(&wire, 0, 1 << 20);
        wire_step(&wire, 60 * RILL_SECOND);
        wire_read(&wire, 1);
        rill_time now = wire.test.world.now;
        const struct recovery *recovery = recovery_of(&wire);
        if (first == RILL_TIME_NEVER && recovery->window_factor > 1)
            first = now + RTT;
        if (adapted == RILL_TIME_NEVER && recovery->reordering_seen &&
            recovery->window_factor >= 4 * most / RTT)
            adapted = now + RTT;
        at_first = now < first ? wire.resent[0] : at_first;
        at_adaptation = now < adapted ? wire.resent[0] : at_adaptation;
    }
    *resent = at_adaptation;
    *resent_after = wire.resent[0] - at_adaptation;
    printf("# %s: one in %u late by up to %.2f RTT: of %u %u sent again until first "
           "adapted, %u until wholly, then %u; %.1f Mbit/s\n",
           stamped ? "timestamps" : "none", every, (double)most / RTT,
           (unsigned)wire.data_frames[0], (unsigned)at_first, (unsigned)*resent,
           (unsigned)*resent_after, (double)wire.read[1] * 8 / 60e6);
    assert_int_equal(wire_info(&wire, 0).timeouts, 0);
    wire_close(&wire);
}

static void reordering_by_up_to_a_round_trip_is_learned(void **state) {
    (void)state;
    uint64_t resent, after;
    for (int i = 0; i < 8; i++) {
        rill_time most = RTT / 4 << (i / 2 % 2 ? 2 : 0);
        reorder(most, i < 4 ? 50 : 13, i % 2, &resent, &after);
        assert_int_equal(after, 0);
    }
}

#define SPIKE_AT (5 * RILL_SECOND)
#define SPIKE (3 * RILL_SECOND)

/* What is sent in the spike arrives when it is over, in its order. */
static rill_time hold(struct wire *wire, const struct wire_frame *frame) {
    rill_time at = frame->now + wire->delay;
    if (frame->sender == 0 && frame->now >= SPIKE_AT && frame->now < SPIKE_AT + SPIKE)
        at = SPIKE_AT + SPIKE + wire->delay + (frame->now - SPIKE_AT) / 1000;
    return at;
}

static void spike(bool stamped, bool paced, const struct rill_congestion_ops *congestion) {
    static struct wire wire;
    wire_init(&wire, RTT / 2);
    wire.test.config[0].timestamps = stamped;
    wire.test.config[0].pacing = paced;
    wire.test.config[0].congestion = congestion;
    wire.test.config[1].receive_buffer = 100 * SEGMENT;
    wire_open(&wire, hold);
    struct rill_tcp_info before = {0};
    rill_time undone = 0, back = 0, full = 0;
    unsigned phase = RECOVERY_OPEN;
    while (!full) {
        wire_write(&wire, 0, 1 << 20);
        assert_true(wire_step(&wire, 20 * RILL_SECOND));
        wire_read(&wire, 1);
        rill_time now = wire.test.world.now;
        struct rill_tcp_info info = wire_info(&wire, 0);
        unsigned is = recovery_of(&wire)->phase;
        if (now < SPIKE_AT)
            before = info;
        if (phase == RECOVERY_TIMEOUT && is == RECOVERY_OPEN)
            undone = now;
        phase = is;
        if (undone && !back && info.cwnd >= before.cwnd)
            back = now;
        if (undone && info.in_flight >= before.in_flight / 10 * 9)
            full = now;
    }
    uint64_t read = wire.read[1];
    for (rill_time until = wire.test.world.now + RILL_SECOND; wire_step(&wire, until);) {
        wire_write(&wire, 0, 1 << 20);
        wire_read(&wire, 1);
    }
    double rounds =
        (double)(wire.read[1] - read) / (100 * SEGMENT); /* windows in ten round trips */
    printf("# spike of 3 s, %s, %s, %s: %u timeouts, %u sent again, undone %.2f RTT after its end, "
           "cwnd back %.2f RTT after that, in flight %.2f, windows in the next 10 RTT %.2f\n",
           stamped ? "timestamps" : "none", paced ? "paced" : "not paced", congestion->name,
           (unsigned)wire_info(&wire, 0).timeouts, (unsigned)wire.resent[0],
           (double)undone / RTT - (double)(SPIKE_AT + SPIKE) / RTT, (double)(back - undone) / RTT,
           (double)(full - undone) / RTT, rounds);
    assert_true(rounds > 7.5);
    assert_true(wire_info(&wire, 0).timeouts >= 1);
    assert_true(back - undone <= RTT);
    assert_true(full - undone <= RTT);
    wire_close(&wire);
}

static void spike_of_three_seconds_is_taken_back(void **state) {
    (void)state;
    for (int i = 0; i < 8; i++)
        spike(i & 1, i & 2, i & 4 ? &rill_reno : &rill_cubic);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tail_last_of_ten_is_repaired_in_three_round_trips),
        cmocka_unit_test(tail_last_k_of_ten_are_repaired_as_prr_allows),
        cmocka_unit_test(reordering_by_up_to_a_round_trip_is_learned),
        cmocka_unit_test(spike_of_three_seconds_is_taken_back),
    };
    return cmocka_run_group_tests_name("tails", tests, 0, 0);
}
