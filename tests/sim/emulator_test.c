/* tests/sim/emulator_test.c: the emulated path does what it is asked (issue 2, item 10).
 *
 * Shares are measured over 10^6 frames. One of them is as good as a binomial count is: of n frames
 * a share p has a standard deviation of sqrt(p (1-p) / n), which is 0.3 % of p at p = 10 % and 1 %
 * of p at p = 1 %. So "within 1 %" is a bound of more than three deviations for 10 % and above;
 * for 1 % the bound is four deviations, 4 %. What has no randomness in it is exact. */
#include <rill/emulator.h>

#include "link/histogram.h"
#include "world.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAMES 1000000u
#define PERCENT (RILL_CERTAIN / 100)

struct bench {
    struct test_memory memory;
    struct rill_allocator allocator;
    struct rill_pool *pool;
    struct rill_path_config config;
    struct rill_path *path;
    struct rill_path_info info;
    uint64_t arrived;
};

static void init(struct bench *bench) {
    memset(bench, 0, sizeof *bench);
    bench->allocator = test_allocator(&bench->memory);
    bench->pool = rill_pool_open(&bench->allocator, 0);
    assert_non_null(bench->pool);
    rill_path_config_default(&bench->config);
    bench->config.seed = 42;
}

static void start(struct bench *bench) {
    bench->path = rill_path_open(&bench->allocator, bench->pool, &bench->config);
    assert_non_null(bench->path);
}

static void fini(struct bench *bench) {
    rill_path_close(bench->path);
    rill_pool_close(bench->pool);
    assert_int_equal(bench->memory.live_bytes, 0);
}

/* An IPv4 frame that carries its number behind the header. */
static void send_frame(struct bench *bench, uint32_t number, size_t length, uint8_t tos,
                       rill_time now) {
    struct rill_packet *packet = rill_packet_open(bench->pool);
    struct rill_block *block = rill_block_open(bench->pool, length);
    assert_true(packet && block);
    uint8_t *data = rill_block_data(block);
    memset(data, 0, length);
    data[0] = 0x45;
    data[1] = tos;
    memcpy(data + 20, &number, sizeof number);
    struct rill_slice slice = {data, length, block};
    assert_int_equal(rill_packet_append(packet, slice), 0);
    rill_path_send(bench->path, packet, now);
}

static uint32_t number_of(const struct rill_packet *packet) {
    uint32_t number;
    memcpy(&number, packet->slices[0].data + 20, sizeof number);
    return number;
}

typedef void (*seen)(struct bench *bench, const struct rill_packet *packet, void *context);

static void receive(struct bench *bench, rill_time now, seen each, void *context) {
    struct rill_packet *packets[64];
    size_t n;
    while ((n = rill_path_receive(bench->path, packets, 64, now)) > 0) {
        for (size_t i = 0; i < n; i++) {
            bench->arrived++;
            if (each)
                each(bench, packets[i], context);
            rill_packet_drop(packets[i]);
        }
    }
}

/* A million frames, one each `gap`; then all that is under way. */
static void run(struct bench *bench, size_t length, rill_time gap, seen each, void *context) {
    for (uint32_t i = 0; i < FRAMES; i++) {
        send_frame(bench, i, length, 0, i * gap);
        receive(bench, i * gap, each, context);
    }
    receive(bench, RILL_TIME_NEVER - 1, each, context);
    rill_path_get_info(bench->path, &bench->info);
    assert_int_equal(bench->info.frames_in, FRAMES);
    assert_int_equal(bench->info.frames_out, bench->arrived);
}

/* |value - wanted| <= wanted * parts / 1000 */
static void near(uint64_t value, uint64_t wanted, uint64_t parts) {
    uint64_t off = value > wanted ? value - wanted : wanted - value;
    if (off * 1000 > wanted * parts)
        print_error("# %llu instead of %llu\n", (unsigned long long)value,
                    (unsigned long long)wanted);
    assert_true(off * 1000 <= wanted * parts);
}

static void loss_is_what_was_asked(void **state) {
    (void)state;
    static const struct {
        uint32_t percent;
        uint64_t parts;
    } cases[] = {{1, 40}, {10, 10}, {30, 10}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench bench;
        init(&bench);
        bench.config.loss = cases[i].percent * PERCENT;
        start(&bench);
        run(&bench, 64, 1000, 0, 0);
        near(bench.info.lost, FRAMES / 100 * cases[i].percent, cases[i].parts);
        assert_int_equal(bench.arrived + bench.info.lost, FRAMES);
        fini(&bench);
    }
}

struct bursts {
    uint32_t expected; /* number of the next frame if none is lost */
    uint64_t count, lost, longest;
};

static void see_bursts(struct bench *bench, const struct rill_packet *packet, void *context) {
    struct bursts *bursts = context;
    (void)bench;
    uint32_t gap = number_of(packet) - bursts->expected;
    bursts->expected = number_of(packet) + 1;
    bursts->count += gap > 0;
    bursts->lost += gap;
    bursts->longest = gap > bursts->longest ? gap : bursts->longest;
}

/* 5,000 bursts of mean 6, uniform in 1 to 11 (deviation 3.2): their mean has a deviation of 0.75 %;
 * two in a row that touch, one in a hundred, look like one. */
static void bursts_have_the_mean_length_asked(void **state) {
    (void)state;
    struct bench bench;
    struct bursts bursts = {0, 0, 0, 0};
    init(&bench);
    bench.config.burst = PERCENT / 2;
    bench.config.burst_length = 6;
    start(&bench);
    run(&bench, 64, 1000, see_bursts, &bursts);
    near(bursts.lost * 1000 / bursts.count, 6000, 30);
    near(bursts.count, FRAMES / 200 * 100 / 103, 60); /* none begins inside another */
    assert_true(bursts.longest >= 11);
    fini(&bench);
}

struct delays {
    rill_time gap, sum, least, most;
    uint32_t last;
    uint64_t late; /* frames that came after one sent later */
};

static void see_delays(struct bench *bench, const struct rill_packet *packet, void *context) {
    struct delays *delays = context;
    (void)bench;
    rill_time delay = packet->arrival - number_of(packet) * delays->gap;
    delays->sum += delay;
    delays->least = delay < delays->least ? delay : delays->least;
    delays->most = delay > delays->most ? delay : delays->most;
    if (number_of(packet) < delays->last)
        delays->late++;
    else
        delays->last = number_of(packet);
}

static void delay_is_exact(void **state) {
    (void)state;
    struct bench bench;
    struct delays delays = {1000, 0, RILL_TIME_NEVER, 0, 0, 0};
    init(&bench);
    bench.config.delay = 12345678;
    start(&bench);
    run(&bench, 64, delays.gap, see_delays, &delays);
    assert_int_equal(delays.least, 12345678);
    assert_int_equal(delays.most, 12345678);
    fini(&bench);
}

/* Frames far enough apart that keeping the order costs nothing. */
static void jitter_is_uniform_and_keeps_the_order(void **state) {
    (void)state;
    struct bench bench;
    struct delays delays = {20 * RILL_MILLISECOND, 0, RILL_TIME_NEVER, 0, 0, 0};
    init(&bench);
    bench.config.delay = 10 * RILL_MILLISECOND;
    bench.config.jitter = 8 * RILL_MILLISECOND;
    start(&bench);
    run(&bench, 64, delays.gap, see_delays, &delays);
    near(delays.sum / FRAMES, 14 * RILL_MILLISECOND, 1);
    near(delays.least, 10 * RILL_MILLISECOND, 1);
    near(delays.most, 18 * RILL_MILLISECOND, 1);
    fini(&bench);

    delays = (struct delays){1000, 0, RILL_TIME_NEVER, 0, 0, 0};
    init(&bench);
    bench.config.jitter = RILL_MILLISECOND;
    start(&bench);
    run(&bench, 64, delays.gap, see_delays, &delays);
    assert_int_equal(delays.late, 0);
    fini(&bench);
}

static void reordered_share_is_what_was_asked(void **state) {
    (void)state;
    struct bench bench;
    struct delays delays = {1000, 0, RILL_TIME_NEVER, 0, 0, 0};
    init(&bench);
    bench.config.delay = 5 * RILL_MILLISECOND;
    bench.config.reorder = 10 * PERCENT;
    bench.config.reorder_by = 3 * RILL_MILLISECOND;
    start(&bench);
    run(&bench, 64, delays.gap, see_delays, &delays);
    near(bench.info.reordered, FRAMES / 10, 10);
    /* Held back by less than a gap, one in 3,000, a frame overtakes nobody. */
    near(delays.late, FRAMES / 10, 11);
    assert_int_equal(delays.least, 5 * RILL_MILLISECOND);
    assert_true(delays.most <= 8 * RILL_MILLISECOND + 1);
    assert_int_equal(bench.arrived, FRAMES);
    fini(&bench);
}

static void duplicated_share_is_what_was_asked(void **state) {
    (void)state;
    struct bench bench;
    init(&bench);
    bench.config.duplicate = 10 * PERCENT;
    start(&bench);
    run(&bench, 64, 1000, 0, 0);
    near(bench.info.duplicated, FRAMES / 10, 10);
    assert_int_equal(bench.arrived, FRAMES + bench.info.duplicated);
    fini(&bench);
}

struct damage {
    uint64_t frames[9]; /* by number of bits turned over */
    uint64_t where[64]; /* by byte */
};

static void see_damage(struct bench *bench, const struct rill_packet *packet, void *context) {
    struct damage *damage = context;
    (void)bench;
    unsigned bits = 0;
    for (size_t i = 0; i < 64; i++) {
        uint8_t expected = i == 0 ? 0x45 : 0, got = packet->slices[0].data[i];
        if (i >= 20 && i < 24)
            continue; /* the number */
        for (unsigned b = (unsigned)(got ^ expected); b; b &= b - 1) {
            bits++;
            damage->where[i]++;
        }
    }
    damage->frames[bits < 8 ? bits : 8]++;
}

static void corruption_turns_one_bit_over_anywhere(void **state) {
    (void)state;
    struct bench bench;
    static struct damage damage;
    memset(&damage, 0, sizeof damage);
    init(&bench);
    bench.config.corrupt = 10 * PERCENT;
    start(&bench);
    run(&bench, 64, 1000, see_damage, &damage);
    near(bench.info.corrupted, FRAMES / 10, 10);
    near(damage.frames[1], FRAMES / 10 * 60 / 64, 12); /* four bytes are not looked at */
    for (unsigned i = 2; i <= 8; i++)
        assert_int_equal(damage.frames[i], 0);
    for (unsigned i = 0; i < 64; i++)
        if (i < 20 || i >= 24)
            near(damage.where[i], FRAMES / 10 / 64, 120); /* 1,562 each: a deviation is 2.5 % */
    fini(&bench);
}

/* Frames are offered a little faster than they go: the queue grows, and the last one's departure
 * tells the rate. */
static void rate_is_what_was_asked(void **state) {
    (void)state;
    static const uint64_t rates[] = {7, 1000000, 33333333, UINT64_C(10000000000)};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct bench bench;
        struct delays delays = {0, 0, RILL_TIME_NEVER, 0, 0, 0};
        uint32_t frames = rates[i] < 1000 ? 1000 : FRAMES;
        init(&bench);
        bench.config.rate = rates[i];
        bench.config.queue = UINT64_C(1) << 40;
        start(&bench);
        rill_time gap = (rill_time)(950e9 / (double)rates[i]);
        for (uint32_t n = 0; n < frames; n++) {
            send_frame(&bench, n, 125, 0, n * gap);
            receive(&bench, n * gap, see_delays, &delays);
        }
        receive(&bench, RILL_TIME_NEVER - 1, see_delays, &delays);
        assert_int_equal(bench.arrived, frames);
        /* with a gap of 0 a delay is the time of arrival */
        near(delays.most, (uint64_t)(frames * 1000.0 / (double)rates[i] * 1e9), 1);
        fini(&bench);
    }
}

/* Twice the rate is offered: half gets through, and none waits longer than the queue is. */
static void full_queue_drops_what_does_not_fit(void **state) {
    (void)state;
    struct bench bench;
    struct delays delays = {500000, 0, RILL_TIME_NEVER, 0, 0, 0};
    init(&bench);
    bench.config.rate = 1000000; /* a frame of 125 bytes takes 1 ms */
    bench.config.queue = 12500;
    start(&bench);
    run(&bench, 125, delays.gap, see_delays, &delays);
    near(bench.arrived, FRAMES / 2, 10);
    assert_int_equal(bench.arrived + bench.info.queue_dropped, FRAMES);
    near(delays.most, 100 * RILL_MILLISECOND, 10);
    assert_true(bench.info.queue_max <= 12500 + 125);
    fini(&bench);
}

struct marks {
    uint64_t by_field[4];
};

static void see_marks(struct bench *bench, const struct rill_packet *packet, void *context) {
    struct marks *marks = context;
    (void)bench;
    marks->by_field[packet->slices[0].data[1] & 3]++;
}

static void long_queue_marks_only_who_is_capable(void **state) {
    (void)state;
    struct bench bench;
    struct marks marks = {{0}};
    init(&bench);
    bench.config.rate = 1000000;
    bench.config.ecn_threshold = 5000;
    start(&bench);
    for (uint32_t i = 0; i < 100; i++) /* 40 frames of 125 bytes lie below the threshold */
        send_frame(&bench, i, 125, i % 2 ? 2 : 0, 0);
    receive(&bench, RILL_TIME_NEVER - 1, see_marks, &marks);
    rill_path_get_info(bench.path, &bench.info);
    assert_int_equal(marks.by_field[0], 50);
    assert_int_equal(marks.by_field[2], 20);
    assert_int_equal(marks.by_field[3], 30);
    assert_int_equal(bench.info.marked, 30);
    fini(&bench);
}

static void longer_than_the_mtu_is_dropped(void **state) {
    (void)state;
    struct bench bench;
    init(&bench);
    bench.config.mtu = 1000;
    start(&bench);
    for (uint32_t i = 0; i < 100; i++)
        send_frame(&bench, i, 951 + i, 0, 0);
    receive(&bench, RILL_TIME_NEVER - 1, 0, 0);
    rill_path_get_info(bench.path, &bench.info);
    assert_int_equal(bench.arrived, 50);
    assert_int_equal(bench.info.mtu_dropped, 50);
    fini(&bench);
}

struct drops {
    uint32_t expected, count;
    rill_time when[128]; /* a frame was dropped when the one behind it left */
};

/* A frame of 125 bytes takes 1 ms to leave, and one that is dropped takes no time. */
static void see_drops(struct bench *bench, const struct rill_packet *packet, void *context) {
    struct drops *drops = context;
    (void)bench;
    for (; drops->expected < number_of(packet); drops->expected++) {
        assert_true(drops->count < 128);
        drops->when[drops->count++] = packet->arrival / RILL_MILLISECOND - 1;
    }
    drops->expected++;
}

static void flood(struct bench *bench, uint32_t from, uint8_t tos, rill_time now) {
    for (uint32_t i = 0; i < 1000; i++)
        send_frame(bench, from + i, 125, tos, now);
}

/* A thousand frames at once. The one that leaves at 5 ms is the first to have waited for the
 * target; an interval later, at 105 ms, the first is dropped, and the next is due at 205. From then
 * on the times between are 100 ms / sqrt(2, 3, 4 …) = 70.710, 57.735,
 * 50, 44.721, 40.824, 37.796, 35.355, 33.333 ms: due at 275.710, 333.445, 383.445, 428.167,
 * 468.991, 506.788, 542.143, 575.476; and a frame leaves each millisecond. */
static void codel_drops_by_the_control_law(void **state) {
    static const rill_time worked[] = {105, 205, 276, 334, 384, 429, 469, 507, 543, 576};
    (void)state;
    struct bench bench;
    struct drops drops = {0, 0, {0}};
    init(&bench);
    bench.config.rate = 1000000;
    bench.config.codel = true;
    start(&bench);
    flood(&bench, 0, 0, 0);
    receive(&bench, RILL_TIME_NEVER - 1, see_drops, &drops);
    rill_path_get_info(bench.path, &bench.info);
    assert_int_equal(bench.info.codel_dropped, drops.count);
    assert_int_equal(bench.info.marked, 0);
    assert_int_equal(bench.arrived + drops.count, 1000);
    for (size_t i = 0; i < sizeof worked / sizeof *worked; i++)
        assert_int_equal(drops.when[i], worked[i]);
    fini(&bench);
}

/* The first state drops 26 frames, the last at 969 ms, when the queue ends. The second begins at
 * 1,105 ms, less than 16 intervals later: it goes on with 26 - 1 = 25, and 100 ms / sqrt(25, 26,
 * 27, 28) = 20, 19.611, 19.245, 18.898: due at 1,125, 1,144.611, 1,163.856 and 1,182.754. */
static void codel_goes_on_where_it_was(void **state) {
    static const rill_time worked[] = {1105, 1125, 1145, 1164, 1183};
    (void)state;
    struct bench bench;
    struct drops drops = {0, 0, {0}};
    init(&bench);
    bench.config.rate = 1000000;
    bench.config.codel = true;
    start(&bench);
    flood(&bench, 0, 0, 0);
    receive(&bench, 1000 * RILL_MILLISECOND - 1, see_drops, &drops);
    uint32_t first = drops.count;
    assert_int_equal(first, 26);
    assert_int_equal(drops.when[25], 969);
    flood(&bench, 1000, 0, 1000 * RILL_MILLISECOND);
    receive(&bench, RILL_TIME_NEVER - 1, see_drops, &drops);
    for (size_t i = 0; i < sizeof worked / sizeof *worked; i++)
        assert_int_equal(drops.when[first + i], worked[i]);
    fini(&bench);
}

static void see_marked(struct bench *bench, const struct rill_packet *packet, void *context) {
    struct drops *drops = context;
    (void)bench;
    if ((packet->slices[0].data[1] & 3) == 3)
        drops->when[drops->count++] = packet->arrival / RILL_MILLISECOND - 1;
}

static void codel_marks_who_is_capable(void **state) {
    static const rill_time worked[] = {105, 205, 276, 334, 384, 429};
    (void)state;
    struct bench bench;
    struct drops drops = {0, 0, {0}};
    init(&bench);
    bench.config.rate = 1000000;
    bench.config.codel = true;
    start(&bench);
    flood(&bench, 0, 2, 0);
    receive(&bench, RILL_TIME_NEVER - 1, see_marked, &drops);
    rill_path_get_info(bench.path, &bench.info);
    assert_int_equal(bench.arrived, 1000);
    assert_int_equal(bench.info.codel_dropped, 0);
    assert_int_equal(bench.info.marked, drops.count);
    for (size_t i = 0; i < sizeof worked / sizeof *worked; i++)
        assert_int_equal(drops.when[i], worked[i]);
    fini(&bench);
}

static void codel_leaves_a_short_queue_alone(void **state) {
    (void)state;
    struct bench bench;
    init(&bench);
    bench.config.rate = 1000000;
    bench.config.codel = true;
    start(&bench);
    for (uint32_t i = 0; i < 5000; i++) { /* four wait at a time: 4 ms */
        send_frame(&bench, i, 125, 0, i / 5 * 5 * RILL_MILLISECOND);
        receive(&bench, i / 5 * 5 * RILL_MILLISECOND, 0, 0);
    }
    receive(&bench, RILL_TIME_NEVER - 1, 0, 0);
    assert_int_equal(bench.arrived, 5000);
    fini(&bench);
}

/* Twice the rate is offered, for 500 s; the burst at the beginning is one part in a thousand. */
static void policer_lets_its_rate_through_without_delay(void **state) {
    (void)state;
    struct bench bench;
    struct delays delays = {500000, 0, RILL_TIME_NEVER, 0, 0, 0};
    init(&bench);
    bench.config.policer = 1000000;
    start(&bench);
    run(&bench, 125, delays.gap, see_delays, &delays);
    near(bench.arrived * 125 * 8, 500 * bench.config.policer, 10);
    assert_int_equal(bench.arrived + bench.info.policed, FRAMES);
    assert_int_equal(delays.most, 0);
    fini(&bench);

    init(&bench); /* all at once: the burst and no more */
    bench.config.policer = 1000000;
    bench.config.policer_burst = 12500;
    start(&bench);
    flood(&bench, 0, 0, RILL_SECOND);
    receive(&bench, RILL_SECOND, 0, 0);
    assert_int_equal(bench.arrived, 100);
    fini(&bench);
}

/* An IPv4 TCP segment of one of several flows. True: it came through. */
static bool passes(struct bench *bench, uint8_t flow, uint32_t sequence, size_t length, bool syn) {
    struct rill_packet *packet = rill_packet_open(bench->pool), *out;
    struct rill_block *block = rill_block_open(bench->pool, 40 + length);
    assert_true(packet && block);
    uint8_t *data = rill_block_data(block);
    memset(data, 0, 40 + length);
    data[0] = 0x45;
    data[2] = (uint8_t)((40 + length) >> 8);
    data[3] = (uint8_t)(40 + length);
    data[9] = 6;
    data[21] = flow;
    for (int i = 0; i < 4; i++)
        data[24 + i] = (uint8_t)(sequence >> (24 - 8 * i));
    data[32] = 5 << 4;
    data[33] = syn ? 2 : 16;
    struct rill_slice slice = {data, 40 + length, block};
    assert_int_equal(rill_packet_append(packet, slice), 0);
    rill_path_send(bench->path, packet, 0);
    size_t n = rill_path_receive(bench->path, &out, 1, 0);
    if (n)
        rill_packet_drop(out);
    return n == 1;
}

static void listed_segments_are_lost_once(void **state) {
    static const uint64_t list[] = {1, 3, 4};
    (void)state;
    struct bench bench;
    init(&bench);
    bench.config.loss_list = list;
    bench.config.loss_list_count = 3;
    start(&bench);
    uint32_t base = UINT32_MAX - 150; /* the numbers wrap on the way */
    for (int life = 0; life < 2; life++) {
        assert_true(passes(&bench, 1, base - 1, 0, true));
        assert_true(passes(&bench, 1, base - 1, 0, true)); /* a SYN sent again */
        assert_true(passes(&bench, 1, base, 0, false));    /* an ACK is no data */
        assert_false(passes(&bench, 1, base, 100, false));
        assert_true(passes(&bench, 1, base + 100, 100, false));
        assert_true(passes(&bench, 1, base, 100, false)); /* again */
        assert_false(passes(&bench, 1, base + 200, 100, false));
        assert_true(passes(&bench, 2, 7, 100, false) == (life > 0)); /* another flow's first */
        assert_true(passes(&bench, 1, base + 150, 150, false));      /* begins with what was sent */
        assert_false(passes(&bench, 1, base + 300, 100, false));
        assert_true(passes(&bench, 1, base + 300, 200, false)); /* old bytes and new ones */
        assert_true(passes(&bench, 1, base + 500, 100, false)); /* the fifth */
        base += 12345;
    }
    rill_path_get_info(bench.path, &bench.info);
    assert_int_equal(bench.info.listed, 7);
    assert_int_equal(bench.info.lost, 0);
    fini(&bench);
}

/* More flows than are kept: the oldest are forgotten, and nothing else goes wrong. */
static void list_outlives_many_flows(void **state) {
    static const uint64_t list[] = {2};
    (void)state;
    struct bench bench;
    init(&bench);
    bench.config.loss_list = list;
    bench.config.loss_list_count = 1;
    start(&bench);
    for (uint32_t i = 0; i < 70000; i++) {
        struct rill_packet *packet = rill_packet_open(bench.pool), *out;
        struct rill_block *block = rill_block_open(bench.pool, 41);
        assert_true(packet && block);
        uint8_t *data = rill_block_data(block);
        memset(data, 0, 41);
        data[0] = 0x45;
        data[3] = 41;
        data[9] = 6;
        memcpy(data + 12, &i, 4);
        data[32] = 5 << 4;
        struct rill_slice slice = {data, 41, block};
        assert_int_equal(rill_packet_append(packet, slice), 0);
        rill_path_send(bench.path, packet, 0);
        assert_int_equal(rill_path_receive(bench.path, &out, 1, 0), 1);
        rill_packet_drop(out);
    }
    assert_true(bench.memory.live_bytes < 10000000);
    fini(&bench);
}

static void schedule_changes_the_path_in_time(void **state) {
    static const struct rill_path_change changes[] = {
        {10 * RILL_MILLISECOND, RILL_PATH_RATE, 2000000},
        {20 * RILL_MILLISECOND, RILL_PATH_DELAY, 50 * RILL_MILLISECOND},
        {30 * RILL_MILLISECOND, RILL_PATH_LOSS, RILL_CERTAIN},
        {40 * RILL_MILLISECOND, RILL_PATH_LOSS, 0},
        {40 * RILL_MILLISECOND, RILL_PATH_DELAY, 0},
        {40 * RILL_MILLISECOND, RILL_PATH_RATE, 0},
    };
    (void)state;
    for (int eager = 0; eager < 2; eager++) { /* however often it is looked after */
        struct bench bench;
        struct rill_packet *out;
        init(&bench);
        bench.config.rate = 1000000;
        bench.config.schedule = changes;
        bench.config.schedule_count = sizeof changes / sizeof *changes;
        start(&bench);
        /* Ten leave at 1 ms each, the rest at half of that, the last at 25 ms; those that leave the
         * queue from 20 ms on arrive 50 ms later. */
        for (uint32_t i = 0; i < 40; i++)
            send_frame(&bench, i, 125, 0, 0);
        for (uint32_t i = 0; i < 40; i++) {
            rill_time want = (i < 10 ? 2 * (i + 1) : 20 + i - 9) * (RILL_MILLISECOND / 2);
            if (i >= 30)
                want += 50 * RILL_MILLISECOND;
            if (eager)
                while (rill_path_next(bench.path) < want)
                    assert_int_equal(
                        rill_path_receive(bench.path, &out, 1, rill_path_next(bench.path)), 0);
            assert_int_equal(rill_path_receive(bench.path, &out, 1, want - 1), 0);
            assert_true(rill_path_next(bench.path) <= want);
            assert_int_equal(rill_path_receive(bench.path, &out, 1, want), 1);
            assert_int_equal(out->arrival, want);
            assert_int_equal(number_of(out), i);
            rill_packet_drop(out);
        }
        fini(&bench);

        init(&bench);
        bench.config.schedule = changes;
        bench.config.schedule_count = sizeof changes / sizeof *changes;
        start(&bench);
        for (uint32_t i = 0; i < 60; i++)
            send_frame(&bench, i, 125, 0, i * RILL_MILLISECOND);
        receive(&bench, RILL_TIME_NEVER - 1, 0, 0);
        rill_path_get_info(bench.path, &bench.info);
        assert_int_equal(bench.info.lost, 10);
        fini(&bench);
    }
}

/* Three of four frames find an empty queue, one finds what the one before it has left of itself;
 * then the other way round. */
static void queue_median_is_of_what_frames_find(void **state) {
    (void)state;
    struct bench bench;
    init(&bench);
    bench.config.rate = 1000000;
    start(&bench);
    for (uint32_t i = 0; i < 1000; i++)
        send_frame(&bench, i, 125, 0, i * 10 * RILL_MILLISECOND);
    for (uint32_t i = 0; i < 400; i++)
        send_frame(&bench, i, 125, 0, 20 * RILL_SECOND);
    rill_path_get_info(bench.path, &bench.info);
    assert_int_equal(bench.info.queue_median, 0);
    assert_int_equal(bench.info.queue_max, 400 * 125);
    fini(&bench);

    init(&bench);
    bench.config.rate = 1000000;
    start(&bench);
    for (uint32_t i = 0; i < 1000; i++) /* finds 0, 125, … 124,875 */
        send_frame(&bench, i, 125, 0, 0);
    rill_path_get_info(bench.path, &bench.info);
    near(bench.info.queue_median, 62500, 40);
    assert_int_equal(bench.info.queue_max, 125000);
    fini(&bench);
}

static void histogram_is_right_to_a_thirty_second(void **state) {
    (void)state;
    static struct histogram histogram;
    for (uint64_t value = 0; value < UINT64_MAX / 2; value += 1 + value / 7) {
        memset(&histogram, 0, sizeof histogram);
        rill__histogram_add(&histogram, value);
        uint64_t told = rill__histogram_quantile(&histogram, 1, 2);
        uint64_t off = told > value ? told - value : value - told;
        assert_true(value < 32 ? off == 0 : off <= value / 32 + 1);
    }
    memset(&histogram, 0, sizeof histogram);
    assert_int_equal(rill__histogram_quantile(&histogram, 1, 2), 0);
    for (uint64_t value = 1; value <= 10; value++)
        rill__histogram_add(&histogram, value);
    assert_int_equal(rill__histogram_quantile(&histogram, 1, 2), 5);
    assert_int_equal(rill__histogram_quantile(&histogram, 99, 100), 10);
    assert_int_equal(rill__histogram_quantile(&histogram, 0, 1), 1);
}

/* Each allocation fails once: no path, or frames counted as gone for want of memory; no leak. */
static void without_memory_nothing_breaks(void **state) {
    static const uint64_t list[] = {2, 5};
    static const struct rill_path_change change = {1, RILL_PATH_LOSS, 0};
    (void)state;
    uint64_t failed_opens = 0, gone = 0, fail_at = 1;
    for (bool failed = true; failed; fail_at++) {
        struct bench bench;
        init(&bench);
        bench.config.loss_list = list;
        bench.config.loss_list_count = 2;
        bench.config.schedule = &change;
        bench.config.schedule_count = 1;
        bench.memory.fail_at = bench.memory.calls + fail_at;
        bench.path = rill_path_open(&bench.allocator, bench.pool, &bench.config);
        failed_opens += !bench.path;
        for (uint32_t flow = 0; bench.path && flow < 40; flow++) {
            for (uint32_t i = 0; i < 3; i++) {
                struct rill_packet *packet = rill_packet_open(bench.pool);
                struct rill_block *block = rill_block_open(bench.pool, 41);
                uint8_t *data = block ? rill_block_data(block) : 0;
                struct rill_slice slice = {data, 41, block};
                if (!packet || !block || rill_packet_append(packet, slice)) {
                    rill_packet_drop(packet);
                    if (block)
                        rill_block_drop(block);
                    continue;
                }
                memset(data, 0, 41);
                data[0] = 0x45;
                data[3] = 41;
                data[9] = 6;
                data[21] = (uint8_t)flow;
                data[27] = (uint8_t)i;
                data[32] = 5 << 4;
                rill_path_send(bench.path, packet, flow);
            }
        }
        failed = bench.memory.failed;
        if (bench.path) {
            rill_path_get_info(bench.path, &bench.info);
            gone += bench.info.no_memory;
            assert_int_equal(bench.info.listed, failed ? bench.info.listed : 40);
            rill_path_close(bench.path);
        }
        rill_pool_close(bench.pool);
        assert_int_equal(bench.memory.live_bytes, 0);
    }
    assert_int_equal(failed_opens, 3);
    assert_true(gone > 0);
    assert_true(fail_at > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_is_what_was_asked),
        cmocka_unit_test(bursts_have_the_mean_length_asked),
        cmocka_unit_test(delay_is_exact),
        cmocka_unit_test(jitter_is_uniform_and_keeps_the_order),
        cmocka_unit_test(reordered_share_is_what_was_asked),
        cmocka_unit_test(duplicated_share_is_what_was_asked),
        cmocka_unit_test(corruption_turns_one_bit_over_anywhere),
        cmocka_unit_test(rate_is_what_was_asked),
        cmocka_unit_test(full_queue_drops_what_does_not_fit),
        cmocka_unit_test(long_queue_marks_only_who_is_capable),
        cmocka_unit_test(longer_than_the_mtu_is_dropped),
        cmocka_unit_test(codel_drops_by_the_control_law),
        cmocka_unit_test(codel_goes_on_where_it_was),
        cmocka_unit_test(codel_marks_who_is_capable),
        cmocka_unit_test(codel_leaves_a_short_queue_alone),
        cmocka_unit_test(policer_lets_its_rate_through_without_delay),
        cmocka_unit_test(listed_segments_are_lost_once),
        cmocka_unit_test(list_outlives_many_flows),
        cmocka_unit_test(schedule_changes_the_path_in_time),
        cmocka_unit_test(queue_median_is_of_what_frames_find),
        cmocka_unit_test(without_memory_nothing_breaks),
        cmocka_unit_test(histogram_is_right_to_a_thirty_second),
    };
    return cmocka_run_group_tests_name("emulator", tests, 0, 0);
}
