/* tests/tcp/attack_exhaustion_test.c: a peer who has a connection and means ill: splits and invents
 * acknowledgements, lies in SACK blocks, sends single bytes, leaves holes, never reads. */
#include "tcp/attacks.h"

static uint64_t random_of(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void open_established(struct peer *peer) {
    peer_init(peer);
    peer->config.trace = 0;
    peer_established(peer);
}

/* Savage et al. 1999: the window grows by bytes, not by ACKs (RFC 3465 §2.1). */
static void ack_splitting_gains_nothing(void **state) {
    (void)state;
    uint32_t cwnd[2];
    for (unsigned split = 0; split < 2; split++) {
        struct peer peer;
        open_established(&peer);
        peer_write(&peer, 14600);
        peer_drain(&peer);
        for (uint32_t at = split ? 1 : 1460; at <= 14600; at += split ? 1 : 1460)
            peer_send(&peer, WIRE_ACK, 0, at, 0);
        cwnd[split] = peer_info(&peer).cwnd;
        peer_close(&peer);
    }
    print_message("# cwnd after 10 ACKs %u, after 14,600 of one byte each %u\n", cwnd[0], cwnd[1]);
    assert_in_range(cwnd[1], 0, cwnd[0]);
}

static void optimistic_acks_gain_nothing_and_draw_ten_answers(void **state) {
    (void)state;
    struct peer peer;
    open_established(&peer);
    peer_write(&peer, 14600);
    peer_drain(&peer);
    uint32_t before = peer_info(&peer).cwnd;
    size_t answers = 0;
    for (uint32_t i = 1; i <= 100000; i++) {
        peer_send(&peer, WIRE_ACK, 0, 14600 + i * 1460, 0);
        answers += peer_drain(&peer);
    }
    print_message("# 100,000 ACKs of what was never sent: cwnd %u, then %u; %zu answers\n", before,
                  peer_info(&peer).cwnd, answers);
    assert_int_equal(peer_info(&peer).cwnd, before);
    assert_int_equal(answers, 10);
    assert_int_equal(peer_info(&peer).send_queued, 14600);
    peer_close(&peer);
}

/* Blocks of any numbers, four each: memory is bounded by what is in flight, and so is the cost. */
static void lying_sack_blocks_stay_within_the_flight(void **state) {
    (void)state;
    enum { ACKS = 100000, FLIGHT = 14600 };
    struct peer peer;
    uint64_t random = 42;
    open_established(&peer);
    peer_write(&peer, FLIGHT);
    peer_drain(&peer);
    uint64_t held = peer.memory.live_bytes, peak = held, begin = attack_clock_ns();
    for (unsigned i = 0; i < ACKS; i++) {
        struct block b[3];
        for (unsigned k = 0; k < 3; k++) {
            bool near = random_of(&random) & 1;
            uint32_t left = (uint32_t)(random_of(&random) % (near ? FLIGHT : UINT32_MAX));
            b[k].left = left;
            b[k].right = left + (uint32_t)(random_of(&random) % 3000) - 500;
        }
        peer_sack(&peer, 0, b[0], b[1], b[2]);
        peer_drain(&peer);
        peak = peer.memory.live_bytes > peak ? peer.memory.live_bytes : peak;
    }
    print_message("# %u lying SACKs: memory %llu bytes, at most %llu; %llu ns each\n", ACKS,
                  (unsigned long long)held, (unsigned long long)peak,
                  (unsigned long long)((attack_clock_ns() - begin) / ACKS));
    assert_true(peak < held + 64 * 1024);
    assert_int_equal(peer_info(&peer).send_queued, FLIGHT); /* a SACK frees nothing */
    peer_send(&peer, WIRE_ACK, 0, FLIGHT, 0);
    assert_int_equal(peer_info(&peer).in_flight, 0);
    peer_close(&peer);
}

/* As many blocks as a scoreboard can tell apart: every second segment of a large flight. */
static void exploding_sack_blocks_cost_the_same_at_the_end(void **state) {
    (void)state;
    enum { SEGMENTS = 4000 };
    struct peer peer;
    peer_init(&peer);
    peer.config.trace = 0;
    peer.config.initial_window = SEGMENTS;
    peer.options |= PEER_SCALE;
    peer.scale = 14;
    peer_established(&peer);
    assert_int_equal(
        rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_SEND_BUFFER, 1 << 24), 0);
    peer_send(&peer, WIRE_ACK, 0, 0, 0); /* the window, scaled */
    uint32_t payload = peer_info(&peer).mss;
    assert_int_equal(peer_write(&peer, SEGMENTS * payload), SEGMENTS * payload);
    peer_drain(&peer);
    uint64_t ns[2] = {0, 0};
    rill_handle handle = peer.handle;
    peer.handle = 0; /* its invariants are not looked at meanwhile: that is not what is timed */
    for (uint32_t i = 1; i < SEGMENTS - 200; i += 2) {
        struct block none = {0, 0}, one = {i * payload, (i + 1) * payload};
        uint64_t begin = attack_clock_ns();
        peer_sack(&peer, 0, one, none, none);
        ns[i > SEGMENTS / 2] += attack_clock_ns() - begin;
        peer_drain(&peer);
    }
    print_message(
        "# %u single SACK blocks: %llu ns each in the first half, %llu in the second; %llu KiB\n",
        (SEGMENTS - 200) / 2, (unsigned long long)ns[0] / (SEGMENTS / 4),
        (unsigned long long)ns[1] / (SEGMENTS / 4),
        (unsigned long long)peer.memory.live_bytes / 1024);
    assert_true(peer.memory.live_bytes < SEGMENTS * (2048 + 256));
    peer.handle = handle;
    peer_send(&peer, WIRE_ACK, 0, SEGMENTS * payload, 0);
    assert_int_equal(peer_info(&peer).send_queued, 0);
    peer_close(&peer);
}

/* A megabyte in single bytes which nobody reads: they are copied together. */
static void single_bytes_unread_cost_no_more_than_their_buffer(void **state) {
    (void)state;
    struct peer peer;
    open_established(&peer);
    uint64_t before = peer.memory.live_bytes, begin = attack_clock_ns();
    uint32_t at = 0;
    for (; at < 1000000 && peer_info(&peer).receive_window; at++) {
        peer_send(&peer, WIRE_ACK, at, 0, 1);
        peer_drain(&peer);
    }
    struct rill_tcp_info info = peer_info(&peer);
    uint64_t held = peer.memory.live_bytes - before;
    print_message("# %u single bytes, %u unread: %llu KiB, %llu ns each\n", at, info.receive_queued,
                  (unsigned long long)held / 1024,
                  (unsigned long long)((attack_clock_ns() - begin) / at));
    assert_true(held < 2u * info.receive_queued + (1u << 20));
    assert_int_equal(peer_read(&peer, SIZE_MAX), info.receive_queued);
    peer_close(&peer);
}

/* Every second byte: the number of holes has a limit, and what is kept is bounded. */
static void gaps_by_the_thousand_are_bounded(void **state) {
    (void)state;
    struct peer peer;
    open_established(&peer);
    uint64_t before = peer.memory.live_bytes, ns[2] = {0, 0};
    enum { GAPS = 30000 };
    rill_handle handle = peer.handle;
    peer.handle = 0;
    for (uint32_t i = 0; i < GAPS; i++) {
        uint64_t begin = attack_clock_ns();
        peer_send(&peer, WIRE_ACK, 1 + 2 * i, 0, 1);
        ns[i >= GAPS / 2] += attack_clock_ns() - begin;
        peer_drain(&peer);
    }
    peer.handle = handle;
    uint64_t held = peer.memory.live_bytes - before;
    uint64_t refused = peer_drops(&peer, RILL_DROP_TCP_RANGES) +
                       peer_drops(&peer, RILL_DROP_TCP_PRESSURE); /* too many, or too much memory */
    print_message(
        "# %u gaps: %llu KiB, %llu refused, %llu ns each in the first half, %llu in the second\n",
        GAPS, (unsigned long long)held / 1024, (unsigned long long)refused,
        (unsigned long long)ns[0] / (GAPS / 2), (unsigned long long)ns[1] / (GAPS / 2));
    assert_true(held < 2u << 20);
    assert_true(refused > 0);
    peer_send(&peer, WIRE_ACK, 0, 0, 1); /* the first hole is filled: it goes on */
    assert_int_equal(peer_read(&peer, 10), 2);
    peer_close(&peer);
}

/* A window of one byte: no more than a probe's worth of packets. */
static void window_of_one_byte_is_not_filled_byte_by_byte(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_established(&peer);
    peer.window = 1;
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    peer_write(&peer, 10000);
    unsigned segments = 0;
    uint32_t at = 0;
    rill_time until = peer.now + 60 * RILL_SECOND;
    while (peer.now < until && peer_take_within(&peer, until - peer.now, &seen)) {
        segments++;
        if (seen.sequence + seen.length - at < 0x80000000u)
            at = seen.sequence + seen.length;
        peer_send(&peer, WIRE_ACK, 0, at, 0); /* and opens the next byte at once */
    }
    print_message("# a window of one byte: %u segments and %u bytes in a minute\n", segments, at);
    assert_in_range(segments, 1, 400);
    peer_close(&peer);
}

static void peer_that_never_reads_costs_its_buffer_and_few_probes(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_established(&peer);
    size_t written = 0, n;
    peer.window = 0;
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    while ((n = peer_write(&peer, 100000)) > 0)
        written += n;
    uint64_t held = peer.memory.live_bytes;
    unsigned probes = 0;
    rill_time until = peer.now + 3600 * RILL_SECOND;
    while (peer.now < until && peer_take_within(&peer, until - peer.now, &seen)) {
        probes++;
        peer_send(&peer, WIRE_ACK, 0, 0, 0);
    }
    print_message("# an hour without a window: %zu bytes written, %llu KiB held, %u probes\n",
                  written, (unsigned long long)held / 1024, probes);
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED); /* RFC 9293 §3.8.6.1 */
    assert_in_range(probes, 10, 100);
    assert_true(peer.memory.live_bytes <= held + 4096);
    peer_close(&peer);
}

int exhaustion_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ack_splitting_gains_nothing),
        cmocka_unit_test(optimistic_acks_gain_nothing_and_draw_ten_answers),
        cmocka_unit_test(lying_sack_blocks_stay_within_the_flight),
        cmocka_unit_test(exploding_sack_blocks_cost_the_same_at_the_end),
        cmocka_unit_test(single_bytes_unread_cost_no_more_than_their_buffer),
        cmocka_unit_test(gaps_by_the_thousand_are_bounded),
        cmocka_unit_test(window_of_one_byte_is_not_filled_byte_by_byte),
        cmocka_unit_test(peer_that_never_reads_costs_its_buffer_and_few_probes),
    };
    return cmocka_run_group_tests_name("exhaustion", tests, 0, 0);
}
