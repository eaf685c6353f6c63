/* tests/sim/batch_test.c: the same packets in batches of 1 and of 64 give the same stream and the
 * same duplicate ACKs (issue 2, item 7; design.md section 3: input sends nothing, but it may owe).
 */
#include "base/random.h"
#include "sim/point.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAMES_MAX 800
#define STREAM 300000u
#define MTU 576 /* so that 64 frames do not fill the first window of 64 KiB */

struct frames {
    uint8_t *data[FRAMES_MAX];
    size_t length[FRAMES_MAX];
    size_t count;
};

/* The receiving stack sees these, in this order, whatever the batches are. */
static void keep(void *context, int sender, const struct rill_packet *packet, rill_time now) {
    struct frames *frames = context;
    (void)now;
    if (sender != 0 || frames->count == FRAMES_MAX)
        return;
    uint8_t *data = malloc(packet->length);
    rill_packet_flatten(packet, data);
    frames->data[frames->count] = data;
    frames->length[frames->count++] = packet->length;
}

/* What a sender sends for STREAM bytes; the receiver is the same in every run, handshake and all.
 */
static void record(struct frames *frames, bool timestamps) {
    struct test_world test;
    test_world_init(&test, 11);
    test_world_buffers(&test, 1u << 20);
    test.world.tap = keep;
    test.world.tap_context = frames;
    test.config[0].timestamps = timestamps;
    test.interface[0].mtu = MTU;
    assert_int_equal(test_world_open(&test), 0);
    rill_handle a, b;
    assert_int_equal(test_open_pair(&test, test_listen(&test, 1, 80), 80, &a, &b), 0);
    assert_null(test_transfer(&test, 0, a, b, STREAM, 60 * RILL_SECOND));
    test_world_close(&test);
}

/* After the handshake's two: shuffled within a reach, some lost (and so at the end), some twice. */
static void disturb(struct frames *frames, uint64_t seed) {
    struct random random;
    rill__random_init(&random, (uint64_t[]){seed, 1});
    for (size_t i = 2; i + 1 < frames->count; i++) {
        size_t reach = rill__random_below(&random, 8) == 0 ? 40 : 2;
        size_t j = i + (size_t)rill__random_below(&random, reach);
        if (j >= frames->count || rill__random_below(&random, 3))
            continue;
        uint8_t *data = frames->data[i];
        size_t length = frames->length[i];
        frames->data[i] = frames->data[j];
        frames->length[i] = frames->length[j];
        frames->data[j] = data;
        frames->length[j] = length;
    }
}

struct outcome {
    uint64_t stream, duplicate_acks, drops;
    uint32_t acks; /* pure ACKs that repeat the number before */
};

static struct rill_packet *packet_of(struct test_world *test, const struct frames *frames,
                                     size_t i) {
    struct rill_packet *packet = rill_packet_open(test->pool);
    struct rill_block *block = rill_block_open(test->pool, frames->length[i]);
    assert_true(packet && block);
    memcpy(rill_block_data(block), frames->data[i], frames->length[i]);
    struct rill_slice slice = {rill_block_data(block), frames->length[i], block};
    assert_int_equal(rill_packet_append(packet, slice), 0);
    return packet;
}

/* Answers in the order they come; counts those that say a number again. */
static void take_answers(struct test_world *test, uint32_t *last, struct outcome *outcome) {
    struct rill_packet *packets[64];
    size_t n;
    while ((n = rill_output(test->world.stacks[1], 0, packets, 64, SIZE_MAX, test->world.now)) > 0)
        for (size_t i = 0; i < n; i++) {
            uint8_t *flat = malloc(packets[i]->length);
            rill_packet_flatten(packets[i], flat);
            uint32_t number = (uint32_t)flat[28] << 24 | (uint32_t)flat[29] << 16 |
                              (uint32_t)flat[30] << 8 | flat[31];
            outcome->acks += number == *last && packets[i]->cause == RILL_CAUSE_DUPLICATE_ACK;
            *last = number;
            free(flat);
            rill_packet_drop(packets[i]);
        }
}

static void read_all(struct test_world *test, rill_handle handle, struct outcome *outcome) {
    uint8_t buffer[4096];
    int64_t n;
    while ((n = rill_tcp_receive(test->world.stacks[1], handle, buffer, sizeof buffer)) > 0)
        for (int64_t i = 0; i < n; i++)
            assert_int_equal(buffer[i], test_byte(STREAM, outcome->stream++));
}

/* One receiving host, fed with the frames; no time passes, nothing is lost. */
static struct outcome replay(const struct frames *frames, size_t batch) {
    struct outcome outcome = {0, 0, 0, 0};
    struct test_world test;
    test_world_init(&test, 11);
    test_world_buffers(&test, 1u << 20);
    assert_int_equal(test_world_open(&test), 0);
    rill_handle listener = test_listen(&test, 1, 80), handle = 0;
    uint32_t last = 0;
    struct rill_packet *packets[64];
    for (size_t i = 0; i < frames->count;) {
        size_t n = 0;
        size_t most = i < 2 ? 1 : batch; /* SYN and ACK wait for each other */
        while (n < most && i < frames->count)
            packets[n++] = packet_of(&test, frames, i++);
        rill_input(test.world.stacks[1], 0, packets, n, test.world.now);
        if (!handle)
            (void)!rill_tcp_accept(test.world.stacks[1], listener, &handle);
        else
            assert_null(rill_tcp_check(test.world.stacks[1], handle));
        take_answers(&test, &last, &outcome);
    }
    assert_true(handle != 0);
    read_all(&test, handle, &outcome);
    struct rill_tcp_info info;
    struct rill_stack_info all;
    assert_int_equal(rill_tcp_get_info(test.world.stacks[1], handle, &info), 0);
    rill_stack_get_info(test.world.stacks[1], &all);
    outcome.duplicate_acks = info.duplicate_acks_sent;
    for (int i = 1; i < RILL_DROP_COUNT; i++)
        outcome.drops += all.drops[i];
    test_world_close(&test);
    assert_int_equal(test.memory.live_bytes, 0);
    return outcome;
}

static void batches_of_1_and_64_give_the_same_stream_and_duplicate_acks(void **state) {
    (void)state;
    uint64_t duplicates = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct frames frames = {.count = 0};
        record(&frames, seed % 2);
        assert_true(frames.count > 500 && frames.count < FRAMES_MAX);
        disturb(&frames, seed);
        struct outcome one = replay(&frames, 1), many = replay(&frames, 64);
        assert_int_equal(one.stream, STREAM);
        assert_int_equal(many.stream, one.stream);
        assert_int_equal(many.duplicate_acks, one.duplicate_acks);
        assert_int_equal(many.drops, one.drops);
        duplicates += one.duplicate_acks;
        for (size_t i = 0; i < frames.count; i++)
            free(frames.data[i]);
    }
    print_message("# %llu duplicate ACKs in 40 runs, each the same in batches of 1 and of 64\n",
                  (unsigned long long)duplicates);
    assert_true(duplicates > 1000);
}

/* Three segments behind a hole in one batch still make three duplicate ACKs on the wire. */
static void three_segments_behind_a_hole_in_one_batch_make_three_duplicate_acks(void **state) {
    (void)state;
    struct frames frames = {.count = 0};
    record(&frames, true);
    struct outcome before = {0, 0, 0, 0}, outcome = {0, 0, 0, 0};
    struct test_world test;
    test_world_init(&test, 11);
    test_world_buffers(&test, 1u << 20);
    assert_int_equal(test_world_open(&test), 0);
    test_listen(&test, 1, 80);
    uint32_t last = 0;
    struct rill_packet *packets[3];
    for (size_t i = 0; i < 3; i++) { /* SYN, ACK, first data */
        packets[0] = packet_of(&test, &frames, i);
        rill_input(test.world.stacks[1], 0, packets, 1, 0);
        take_answers(&test, &last, &before);
    }
    for (size_t i = 0; i < 3; i++) /* the fourth frame is missing */
        packets[i] = packet_of(&test, &frames, 4 + i);
    rill_input(test.world.stacks[1], 0, packets, 3, 0);
    take_answers(&test, &last, &outcome);
    assert_int_equal(outcome.acks, 3);
    test_world_close(&test);
    for (size_t i = 0; i < frames.count; i++)
        free(frames.data[i]);
}

/* Whole simulations: how packets are handed over changes when things happen, not what arrives. */
static void whole_simulations_carry_the_same_stream_whatever_the_batch(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct point point = {.seed = seed,
                              .loss = RILL_CERTAIN / 50,
                              .reorder = RILL_CERTAIN / 20,
                              .duplicate = RILL_CERTAIN / 50,
                              .rtt = 20 * RILL_MILLISECOND,
                              .mtu = 1500,
                              .window = 100000,
                              .direction = POINT_BOTH_SEND};
        static const uint32_t batches[] = {1, 2, 64};
        for (int i = 0; i < 3; i++) {
            struct point_result result;
            point.batch = batches[i];
            point_run(&point, &result);
            if (!result.done)
                print_error("# seed %llu, batch %u: %s\n", (unsigned long long)seed, point.batch,
                            result.message);
            assert_true(result.done);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_of_1_and_64_give_the_same_stream_and_duplicate_acks),
        cmocka_unit_test(three_segments_behind_a_hole_in_one_batch_make_three_duplicate_acks),
        cmocka_unit_test(whole_simulations_carry_the_same_stream_whatever_the_batch),
    };
    return cmocka_run_group_tests_name("batch", tests, 0, 0);
}
