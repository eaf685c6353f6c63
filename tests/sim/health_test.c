/* tests/sim/health_test.c: the suite `health`: flows of CUBIC on one bottleneck in virtual time:
 * do they share it, fill it, and survive what a bottleneck does? */
#include "stack/stack.h"
#include "tcp/host.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FLOWS_MAX = 32 };

struct bottleneck {
    struct test_world test;
    rill_handle listener, from[FLOWS_MAX], to[FLOWS_MAX];
    uint64_t read[FLOWS_MAX];
    unsigned flows;
    rill_time next_look;
    uint8_t data[65536];
};

static void bottleneck_init(struct bottleneck *b, unsigned flows, uint64_t rate, rill_time rtt,
                            uint64_t queue) {
    memset(b, 0, sizeof *b);
    test_world_init(&b->test, 7);
    b->flows = flows;
    b->test.with_path = true;
    for (int i = 0; i < 2; i++) {
        b->test.path[i].delay = rtt / 2;
        b->test.config[i].check = false;
        b->test.config[i].receive_buffer = b->test.config[i].send_buffer = 4u << 20;
    }
    b->test.path[0].rate = rate;
    b->test.path[0].queue = queue;
}

static void bottleneck_open(struct bottleneck *b) {
    assert_int_equal(test_world_open(&b->test), 0);
    b->listener = test_listen(&b->test, 1, 80);
    for (unsigned i = 0; i < b->flows; i++)
        assert_int_equal(test_open_pair(&b->test, b->listener, 80, &b->from[i], &b->to[i]), 0);
}

static void bottleneck_close(struct bottleneck *b) {
    test_world_close(&b->test);
    assert_int_equal(b->test.memory.live_blocks, 0);
}

static void serve(struct bottleneck *b, unsigned flow) {
    int64_t n;
    while (rill_tcp_send(b->test.world.stacks[0], b->from[flow], b->data, sizeof b->data) > 0)
        ;
    while ((n = rill_tcp_receive(b->test.world.stacks[1], b->to[flow], b->data, sizeof b->data)) >
           0)
        b->read[flow] += (uint64_t)n;
}

static void check_account(struct bottleneck *b, unsigned flow) {
    struct rill_tcp_info info;
    uint64_t sum = 0;
    rill_advance(b->test.world.stacks[0], b->test.world.now, 0);
    assert_int_equal(rill_tcp_get_info(b->test.world.stacks[0], b->from[flow], &info), 0);
    for (int i = 0; i < RILL_LIMITER_COUNT; i++)
        sum += info.limited_ns[i];
    assert_true(sum <= b->test.world.now);
    assert_true(flow > 0 || sum == b->test.world.now); /* the first began with the world */
}

/* The applications look once a millisecond: buffers are larger than what a millisecond moves. */
static void run(struct bottleneck *b, rill_time until) {
    while (b->test.world.now < until) {
        struct rill_event events[16];
        for (unsigned i = 0; i < b->flows; i++)
            serve(b, i);
        for (int i = 0; i < 2; i++)
            while (rill_events(b->test.world.stacks[i], events, 16))
                ;
        rill_time next = b->test.world.now + RILL_MILLISECOND;
        while (rill_virtual_step(&b->test.world, next < until ? next : until))
            ;
    }
}

static struct rill_path_info path_info(const struct bottleneck *b) {
    struct rill_path_info info;
    rill_path_get_info(b->test.world.paths[0], &info);
    return info;
}

/* Jain's index of what each has got. */
static double jain(const struct bottleneck *b) {
    double sum = 0, squares = 0;
    for (unsigned i = 0; i < b->flows; i++) {
        sum += (double)b->read[i];
        squares += (double)b->read[i] * (double)b->read[i];
    }
    return sum * sum / (b->flows * squares);
}

static void flows_on_one_bottleneck_share_it(void **state) {
    (void)state;
    static const struct {
        unsigned flows;
        uint64_t rate; /* Mbit/s */
        rill_time rtt; /* ms */
    } cases[] = {{2, 20, 20},  {2, 100, 40},  {8, 50, 40},
                 {8, 100, 20}, {32, 100, 40}, {32, 200, 20}};
    static struct bottleneck b;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t rate = cases[i].rate * 1000000;
        rill_time rtt = cases[i].rtt * RILL_MILLISECOND;
        uint64_t bdp = rate / 8 * cases[i].rtt / 1000;
        bottleneck_init(&b, cases[i].flows, rate, rtt, bdp);
        bottleneck_open(&b);
        rill_time begin = b.test.world.now;
        uint64_t out = path_info(&b).bytes_out;
        run(&b, begin + 60 * RILL_SECOND);
        struct rill_path_info info = path_info(&b);
        double use = (double)(info.bytes_out - out) * 8 / 60 / (double)rate;
        uint64_t least = UINT64_MAX, most = 0;
        for (unsigned f = 0; f < b.flows; f++) {
            least = b.read[f] < least ? b.read[f] : least;
            most = b.read[f] > most ? b.read[f] : most;
            check_account(&b, f);
        }
        printf("# %2u flows, %3u Mbit/s, %2u ms, 1 BDP of queue: Jain %.3f, least %.2f and most "
               "%.2f of the share, used %.1f %%, %.2f %% dropped\n",
               b.flows, (unsigned)cases[i].rate, (unsigned)cases[i].rtt, jain(&b),
               (double)least * b.flows * 8 / 60 / (double)rate,
               (double)most * b.flows * 8 / 60 / (double)rate, use * 100,
               (double)info.queue_dropped * 100 / (double)info.frames_in);
        assert_true(jain(&b) >= 0.95);
        assert_true(use >= 0.95);
        bottleneck_close(&b);
    }
}

static void one_flow_fills_a_bottleneck_with_a_bdp_of_queue(void **state) {
    (void)state;
    static struct bottleneck b;
    static const uint32_t rates[] = {10, 100, 1000}, rtts[] = {1, 20, 100, 300};
    for (int i = 0; i < 11; i++) { /* without 1 Gbit/s at 300 ms, which is a long test */
        uint64_t rate = rates[i / 4] * UINT64_C(1000000);
        rill_time rtt = rtts[i % 4] * RILL_MILLISECOND;
        uint64_t bdp = rate / 8 * rtts[i % 4] / 1000;
        bottleneck_init(&b, 1, rate, rtt, bdp > 6000 ? bdp : 6000);
        for (int h = 0; h < 2; h++)
            b.test.config[h].receive_buffer = b.test.config[h].send_buffer = 64u << 20;
        bottleneck_open(&b);
        uint64_t out = path_info(&b).bytes_out;
        rill_time begin = b.test.world.now, time = (i < 8 ? 60 : 30) * RILL_SECOND;
        run(&b, begin + time);
        double use =
            (double)(path_info(&b).bytes_out - out) * 8 / ((double)time / 1e9) / (double)rate;
        printf("# 1 flow, %4u Mbit/s, %3u ms, 1 BDP of queue: used %.1f %%\n", rates[i / 4],
               rtts[i % 4], use * 100);
        assert_true(use >= 0.95);
        check_account(&b, 0);
        bottleneck_close(&b);
    }
}

/* As large as a window can be (RFC 7323 §2.3): 65535 * 2^14 bytes, at 300 ms 28.6 Gbit/s. */
static void one_flow_fills_a_gigabyte(void **state) {
    (void)state;
    static struct bottleneck b;
    struct rill_pool_config pool;
    rill_time rtt = 300 * RILL_MILLISECOND;
    uint64_t bdp = UINT64_C(1) << 30, rate = bdp * 8 * 10 / 3;
    rill_pool_config_default(&pool);
    pool.bytes_max = 16 * bdp;
    bottleneck_init(&b, 1, rate, rtt, bdp);
    b.test.pool_config = &pool;
    for (int h = 0; h < 2; h++) {
        b.test.config[h].receive_buffer = 1u << 30;
        b.test.config[h].send_buffer = 1u << 30;
        b.test.config[h].memory_limit = 8 * bdp;
        b.test.interface[h].mtu = 9000;
    }
    bottleneck_open(&b);
    rill_time begin = b.test.world.now, filled = 0;
    uint64_t out = 0;
    struct rill_tcp_info info = {0};
    while (!filled) {
        assert_true(b.test.world.now < begin + 30 * RILL_SECOND);
        run(&b, b.test.world.now + 10 * RILL_MILLISECOND);
        assert_int_equal(rill_tcp_get_info(b.test.world.stacks[0], b.from[0], &info), 0);
        if (info.in_flight >= bdp / 100 * 99)
            filled = b.test.world.now;
    }
    run(&b, filled + rtt);
    out = path_info(&b).bytes_out;
    run(&b, filled + 3 * rtt);
    double use = (double)(path_info(&b).bytes_out - out) * 8 / 0.6 / (double)rate;
    assert_int_equal(rill_tcp_get_info(b.test.world.stacks[0], b.from[0], &info), 0);
    printf("# 1 GiB in flight after %.1f RTT, then used %.1f %%, %u resent\n",
           (double)(filled - begin) / (double)rtt, use * 100, (unsigned)info.segments_resent);
    assert_true(use >= 0.95);
    assert_int_equal(info.timeouts, 0);
    bottleneck_close(&b);
}

/* Every other of two thousand segments of one window is lost. */
static void one_flow_repairs_a_thousand_losses_of_one_window(void **state) {
    (void)state;
    enum { LOSSES = 1000, FIRST = 40000, SEGMENT = 1448 };
    static struct bottleneck b;
    static uint64_t list[LOSSES];
    rill_time rtt = 100 * RILL_MILLISECOND, begin = 0, end = 0;
    for (uint64_t i = 0; i < LOSSES; i++)
        list[i] = FIRST + 2 * i;
    bottleneck_init(&b, 1, 1000 * UINT64_C(1000000), rtt, 12500000);
    for (int h = 0; h < 2; h++)
        b.test.config[h].receive_buffer = b.test.config[h].send_buffer = 8u << 20;
    b.test.path[0].loss_list = list;
    b.test.path[0].loss_list_count = LOSSES;
    bottleneck_open(&b);
    while (!end) {
        assert_true(b.test.world.now < 20 * RILL_SECOND);
        run(&b, b.test.world.now + RILL_MILLISECOND);
        if (!begin && b.read[0] >= (uint64_t)(FIRST - 1) * SEGMENT)
            begin = b.test.world.now;
        if (b.read[0] >= (uint64_t)(FIRST + 2 * LOSSES) * SEGMENT)
            end = b.test.world.now;
    }
    struct rill_tcp_info info;
    assert_int_equal(rill_tcp_get_info(b.test.world.stacks[0], b.from[0], &info), 0);
    printf("# 1000 losses in one window repaired %.2f RTT after the first, %u sent again, %u "
           "timeouts\n",
           (double)(end - begin) / (double)rtt, (unsigned)info.segments_resent,
           (unsigned)info.timeouts);
    assert_int_equal(path_info(&b).listed, LOSSES);
    assert_int_equal(info.timeouts, 0);
    assert_int_equal(info.segments_resent, LOSSES);
    assert_true(end - begin < 3 * rtt);
    bottleneck_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flows_on_one_bottleneck_share_it),
        cmocka_unit_test(one_flow_fills_a_bottleneck_with_a_bdp_of_queue),
        cmocka_unit_test(one_flow_fills_a_gigabyte),
        cmocka_unit_test(one_flow_repairs_a_thousand_losses_of_one_window),
    };
    if (getenv("ONLY"))
        cmocka_set_test_filter(getenv("ONLY"));
    return cmocka_run_group_tests_name("health", tests, 0, 0);
}
