/* tests/sim/buffers_test.c: the suite `buffers`: buffers that follow the path, in virtual time: no
 * sender is held up by them, small paths keep small ones, and all of them stay within the budget.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LARGE = 32 << 20 };

/* One flow from host 0 to host 1, whose reader takes what is there as soon as it is. */
struct flow {
    struct test_world test;
    rill_handle from, to;
    uint64_t read;
    uint8_t data[65536];
};

static void flow_init(struct flow *flow, uint64_t rate, rill_time rtt) {
    memset(flow, 0, sizeof *flow);
    test_world_init(&flow->test, 5);
    test_world_delay(&flow->test, rtt / 2);
    for (int i = 0; i < 2; i++) {
        flow->test.config[i].check = false;
        flow->test.path[i].rate = rate;
        flow->test.interface[i].flags = RILL_INTERFACE_GSO | RILL_INTERFACE_CHECKSUM;
    }
}

static void flow_open(struct flow *flow) {
    assert_int_equal(test_world_open(&flow->test), 0);
    rill_handle listener = test_listen(&flow->test, 1, 80);
    assert_int_equal(test_open_pair(&flow->test, listener, 80, &flow->from, &flow->to), 0);
}

static struct rill_tcp_info info_of(struct flow *flow, int host) {
    struct rill_tcp_info info;
    rill_handle handle = host ? flow->to : flow->from;
    rill_advance(flow->test.world.stacks[host], flow->test.world.now, 0);
    assert_int_equal(rill_tcp_get_info(flow->test.world.stacks[host], handle, &info), 0);
    return info;
}

static void flow_close(struct flow *flow) {
    test_world_close(&flow->test);
    assert_int_equal(flow->test.memory.live_blocks, 0);
}

static void write_all(struct flow *flow) {
    struct rill_stack *stack = flow->test.world.stacks[0];
    while (rill_tcp_send(stack, flow->from, flow->data, sizeof flow->data) > 0)
        ;
}

static void read_all(struct flow *flow) {
    int64_t n;
    struct rill_stack *stack = flow->test.world.stacks[1];
    while ((n = rill_tcp_receive(stack, flow->to, flow->data, sizeof flow->data)) > 0)
        flow->read += (uint64_t)n;
}

/* Both applications act on what they are told. */
static void run(struct flow *flow, rill_time time) {
    rill_time until = flow->test.world.now + time;
    write_all(flow);
    while (rill_virtual_step(&flow->test.world, until)) {
        struct rill_event events[4];
        while (rill_events(flow->test.world.stacks[0], events, 4))
            write_all(flow);
        while (rill_events(flow->test.world.stacks[1], events, 4))
            read_all(flow);
    }
}

struct path {
    uint64_t mbits;
    uint32_t rtt; /* us */
    uint32_t seconds;
    bool stamped; /* with timestamps */
};

static uint64_t path_bdp(const struct path *path) {
    return path->mbits * path->rtt / 8;
}

/* A queue of one bandwidth-delay product, but room for a few segments. */
static uint64_t path_queue(const struct path *path) {
    return path_bdp(path) > 30000 ? path_bdp(path) : 30000;
}

/* Bytes read in the path's time; buffer 0: they follow. */
static uint64_t throughput(struct flow *flow, const struct path *path, uint32_t buffer,
                           rill_time rtt) {
    flow_init(flow, path->mbits * 1000000, rtt);
    flow->test.path[0].queue = path_queue(path);
    for (int i = 0; i < 2; i++)
        flow->test.config[i].timestamps = path->stamped;
    test_world_buffers(&flow->test, buffer);
    flow_open(flow);
    run(flow, path->seconds * RILL_SECOND);
    return flow->read;
}

/* Story: where all of a window came at once, at the very end of a round, it counted for the round
 * before; the buffer grew a round trip late, and a round trip was lost waiting for it. */
static void windows_that_come_at_once_do_not_wait_for_the_receiver(void **state) {
    (void)state;
    static struct flow flow;
    flow_init(&flow, 0, 40 * RILL_MILLISECOND);
    test_world_buffers(&flow.test, 0);
    flow.test.config[0].send_buffer = 4u << 20;
    flow_open(&flow);
    run(&flow, 280 * RILL_MILLISECOND); /* seven rounds of slow start */
    struct rill_tcp_info sender = info_of(&flow, 0);
    assert_true(sender.cwnd > 256 << 10);
    assert_int_equal(sender.limited_ns[RILL_LIMITER_RECEIVER_WINDOW], 0);
    flow_close(&flow);
}

static void buffers_that_follow_reach_what_large_ones_reach(void **state) {
    (void)state;
    static const struct path paths[] = {
        {1, 1000, 10, true},     {1, 50000, 20, true},    {1, 600000, 60, true},
        {10, 100, 5, true},      {10, 20000, 10, true},   {10, 200000, 20, true},
        {100, 100, 2, true},     {100, 1000, 2, true},    {100, 30000, 5, true},
        {100, 100000, 10, true}, {100, 200000, 8, true},  {1000, 50, 1, true},
        {1000, 1000, 1, true},   {1000, 5000, 1, true},   {1000, 20000, 2, true},
        {10000, 50, 1, true},    {10, 20000, 10, false},  {100, 100, 2, false},
        {100, 30000, 5, false},  {100, 200000, 8, false}, {1000, 50, 1, false},
    };
    static struct flow flow;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const struct path *path = &paths[i];
        rill_time rtt = path->rtt * RILL_MICROSECOND;
        uint64_t fixed = throughput(&flow, path, LARGE, rtt);
        flow_close(&flow);
        uint64_t tuned = throughput(&flow, path, 0, rtt);
        struct rill_tcp_info sender = info_of(&flow, 0), receiver = info_of(&flow, 1);
        double waited = (double)(sender.limited_ns[RILL_LIMITER_RECEIVER_WINDOW] +
                                 sender.limited_ns[RILL_LIMITER_SEND_BUFFER]);
        printf(
            "# %5u Mbit/s, %6.2f ms%s, BDP %4u KiB: %6.2f Mbit/s, %5.1f %% of what large buffers "
            "give; receive buffer %4u KiB, send buffer %4u KiB; %4.1f %% of the time on them\n",
            (unsigned)path->mbits, path->rtt / 1e3, path->stamped ? "" : " unstamped",
            (unsigned)(path_bdp(path) >> 10), (double)tuned * 8 / 1e6 / path->seconds,
            (double)tuned * 100 / (double)fixed, receiver.receive_buffer >> 10,
            sender.send_buffer >> 10, waited / 1e7 / path->seconds);
        uint64_t holds = path_bdp(path) + path_queue(path);
        assert_true((double)tuned >= 0.95 * (double)fixed);
        assert_true(receiver.receive_buffer <= 6 * holds || receiver.receive_buffer <= 256 << 10);
        assert_true(sender.send_buffer <= 4 * holds || sender.send_buffer <= 128 << 10);
        flow_close(&flow);
    }
}

/* The reader is slow, the path is not: a large buffer would only hold old bytes. */
static void reader_slower_than_the_path_keeps_a_small_buffer(void **state) {
    (void)state;
    static struct flow flow;
    enum { PER_READING = 2000 }; /* each 10 ms: 200 kB a second */
    flow_init(&flow, 1000000000, 10 * RILL_MILLISECOND);
    flow_open(&flow);
    for (int i = 0; i < 500; i++) {
        write_all(&flow);
        test_run(&flow.test, 10 * RILL_MILLISECOND);
        int64_t n = rill_tcp_receive(flow.test.world.stacks[1], flow.to, flow.data, PER_READING);
        assert_true(n >= 0 || n == RILL_ERROR_AGAIN);
    }
    assert_int_equal(info_of(&flow, 1).receive_buffer, 128 << 10);
    assert_true(info_of(&flow, 1).receive_queued <= 128 << 10);
    flow_close(&flow);
}

/* Losses make a reader wait and then read much at once: that is no larger path. */
static void holes_filled_do_not_make_a_buffer_larger(void **state) {
    (void)state;
    static struct flow flow;
    uint32_t buffers[2];
    for (int lossy = 0; lossy < 2; lossy++) {
        flow_init(&flow, 100000000, 20 * RILL_MILLISECOND);
        flow.test.path[0].loss = lossy ? RILL_CERTAIN / 5000 : 0;
        flow.test.path[0].queue = 250000;
        flow_open(&flow);
        run(&flow, 10 * RILL_SECOND);
        buffers[lossy] = info_of(&flow, 1).receive_buffer;
        flow_close(&flow);
    }
    printf(
        "# receive buffer after 10 s at 100 Mbit/s, 20 ms: %u KiB, with 0.02 %% of loss %u KiB\n",
        buffers[0] >> 10, buffers[1] >> 10);
    assert_true(buffers[1] <= buffers[0] + buffers[0] / 2);
}

static uint64_t read_each(struct flow *flow, const rill_handle *handles, int count) {
    uint64_t got = 0;
    for (int i = 0; i < count; i++) {
        int64_t n =
            rill_tcp_receive(flow->test.world.stacks[1], handles[i], flow->data, sizeof flow->data);
        assert_true(n > 0 || n == RILL_ERROR_AGAIN);
        got += n > 0 ? (uint64_t)n : 0;
    }
    return got;
}

static struct rill_stack_info stack_of(struct flow *flow, int host) {
    struct rill_stack_info info;
    rill_stack_get_info(flow->test.world.stacks[host], &info);
    return info;
}

/* Twenty megabytes for a host that may hold eight, and whose readers sleep. */
static void ten_thousand_connections_stay_within_the_budget(void **state) {
    (void)state;
    enum { COUNT = 10000, EACH = 2000, BUDGET = 8 << 20 };
    static struct flow flow;
    static rill_handle from[COUNT], to[COUNT];
    flow_init(&flow, 0, 2 * RILL_MILLISECOND);
    flow.test.config[1].memory_limit = BUDGET;
    assert_int_equal(test_world_open(&flow.test), 0);
    rill_handle listener = test_listen(&flow.test, 1, 80);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(test_open_pair(&flow.test, listener, 80, &from[i], &to[i]), 0);
    uint64_t most = 0;
    for (int i = 0; i < COUNT; i++) {
        struct rill_stack *stack = flow.test.world.stacks[0];
        assert_int_equal(rill_tcp_send(stack, from[i], flow.data, EACH), EACH);
        if (i % 10 == 0)
            test_run(&flow.test, 100 * RILL_MICROSECOND);
        most = stack_of(&flow, 1).memory_held > most ? stack_of(&flow, 1).memory_held : most;
        assert_true(most <= BUDGET);
    }
    test_run(&flow.test, RILL_SECOND);
    assert_true(stack_of(&flow, 1).memory_held > BUDGET / 2);
    uint64_t got = 0, asked = (uint64_t)COUNT * EACH;
    rill_time slept = flow.test.world.now;
    while (got < asked && flow.test.world.now < slept + 60 * RILL_SECOND) {
        got += read_each(&flow, to, COUNT);
        test_run(&flow.test, 200 * RILL_MILLISECOND);
        assert_true(stack_of(&flow, 1).memory_held <= BUDGET);
    }
    printf("# 10,000 connections: %u KiB held at most of %u; all read %.1f s after the readers "
           "woke, %u segments refused\n",
           (unsigned)(most >> 10), BUDGET >> 10, (double)(flow.test.world.now - slept) / 1e9,
           (unsigned)stack_of(&flow, 1).drops[RILL_DROP_TCP_PRESSURE]);
    assert_int_equal(got, asked);
    flow_close(&flow);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_slower_than_the_path_keeps_a_small_buffer),
        cmocka_unit_test(holes_filled_do_not_make_a_buffer_larger),
        cmocka_unit_test(ten_thousand_connections_stay_within_the_budget),
        cmocka_unit_test(windows_that_come_at_once_do_not_wait_for_the_receiver),
        cmocka_unit_test(buffers_that_follow_reach_what_large_ones_reach),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
