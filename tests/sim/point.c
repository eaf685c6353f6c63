/* tests/sim/point.c: see point.h. */
#include "sim/point.h"

#include <stdio.h>
#include <string.h>

#define BYTES_MAX 1000000u
#define STEPS_MAX 3000000u

struct end {
    int host;
    rill_handle handle;
    uint64_t to_send, sent, to_read, got;
    bool shut, ended, closed;
    uint8_t next[8192]; /* what is to be sent next, from next_at on */
    uint64_t next_at;
};

struct run {
    const struct point *point;
    struct point_result *result;
    struct test_world test;
    struct end ends[2];
    rill_handle listener;
    rill_time read_at; /* lazy readers: when they look again */
};

uint64_t point_bytes(const struct point *point) {
    uint64_t windows = 200u * (uint64_t)point->window;
    return windows < BYTES_MAX ? windows : BYTES_MAX;
}

uint32_t point_loss(const struct point *point) {
    uint64_t arrives = RILL_CERTAIN - point->loss, one = RILL_CERTAIN;
    uint64_t burst = (uint64_t)point->burst * (point->burst_length ? point->burst_length : 1);
    arrives = arrives * (one - (burst < one ? burst : one)) / one;
    arrives = arrives * (one - point->corrupt) / one;
    return (uint32_t)(one - arrives);
}

static rill_time lazy_interval(const struct point *point) {
    return 2 * point->rtt + 300 * RILL_MILLISECOND;
}

/* Rounds the transfer needs if each moves one segment, or one window if that is less, times what a
 * round may cost: a round trip; with loss, timeouts; with bursts, which are counted in frames,
 * timeouts backed off until a burst is used up. Generous: it is there to end what is stuck. */
rill_time point_time_limit(const struct point *point) {
    uint64_t unit = point->mtu < 700 ? 160 : point->mtu < 1400 ? 500 : 1000;
    if (unit > point->window)
        unit = point->window;
    uint64_t rounds = point_bytes(point) / unit + 50;
    uint32_t loss = point_loss(point) / (RILL_CERTAIN / 100);
    rill_time round = point->rtt + 50 * RILL_MILLISECOND;
    if (loss || point->reorder)
        round += (2 * point->rtt + RILL_SECOND) * (1 + loss * loss / 10);
    if (point->burst)
        round += point->burst_length > 4 ? 25 * (RILL_SECOND + point->rtt) : RILL_SECOND / 4;
    if (point->lazy)
        round += 2 * lazy_interval(point);
    rill_time limit = 2400 * RILL_SECOND + rounds * round;
    if (point->rate)
        limit += point_bytes(point) * 8 * 20 * RILL_SECOND / point->rate;
    return limit;
}

void point_describe(const struct point *point, char *text, size_t size) {
    snprintf(text, size,
             "seed=%llu loss=%g%% burst=%g%%x%u reorder=%g%% dup=%g%% corrupt=%g%%x%u rtt=%gms "
             "rate=%llu mtu=%u window=%u %s%s%s%s%s%s batch=%u %s",
             (unsigned long long)point->seed, point->loss / 1e7, point->burst / 1e7,
             point->burst_length, point->reorder / 1e7, point->duplicate / 1e7,
             point->corrupt / 1e7, point->corrupt_bits, (double)point->rtt / 1e6,
             (unsigned long long)point->rate, point->mtu, point->window,
             point->ipv6 ? "ipv6" : "ipv4", point->gso ? " gso" : "", point->plain ? " plain" : "",
             point->lazy ? " lazy" : "", point->orphan ? " orphan" : "",
             point->default_limits ? " limits" : "", point->batch,
             point->direction == POINT_CLIENT_SENDS   ? "client-sends"
             : point->direction == POINT_SERVER_SENDS ? "server-sends"
                                                      : "both-send");
}

/* Sees each packet on its way out. */
static void tap(void *context, int sender, const struct rill_packet *packet, rill_time now) {
    struct point_result *result = context;
    (void)sender;
    (void)now;
    uint32_t frames = rill_packet_frames(packet);
    result->segments += frames;
    switch (packet->cause) {
    case RILL_CAUSE_RTO:
        result->timeout_resent += frames;
        /* fall through */
    case RILL_CAUSE_FAST_RETRANSMIT:
    case RILL_CAUSE_PARTIAL_ACK:
    case RILL_CAUSE_RACK:
    case RILL_CAUSE_TAIL_PROBE:
    case RILL_CAUSE_SYN_RESENT:
    case RILL_CAUSE_SYN_ACK_RESENT:
        result->resent += frames;
        break;
    default:
        break;
    }
}

static void configure(struct run *run) {
    const struct point *point = run->point;
    struct test_world *test = &run->test;
    test_world_init(test, point->seed);
    test->ipv6 = point->ipv6;
    test->journal = point->journal;
    test->with_path = true;
    test->world.batch = point->batch;
    test->world.tap = tap;
    test->world.tap_context = run->result;
    for (int i = 0; i < 2; i++) {
        struct rill_stack_config *config = &test->config[i];
        config->receive_buffer = point->window;
        config->timestamps = config->sack = config->window_scaling = !point->plain;
        if (!point->default_limits)
            config->syn_retries = config->syn_ack_retries = config->data_retries = 255;
        test->interface[i].mtu = point->mtu;
        test->interface[i].flags = point->gso ? RILL_INTERFACE_GSO | RILL_INTERFACE_CHECKSUM : 0;
        struct rill_path_config *path = &test->path[i];
        path->rate = point->rate;
        path->delay = i ? point->rtt - point->rtt / 2 : point->rtt / 2;
        path->loss = point->loss;
        path->burst = point->burst;
        path->burst_length = point->burst_length;
        path->reorder = point->reorder;
        path->duplicate = point->duplicate;
        path->corrupt = point->corrupt;
        path->corrupt_bits = point->corrupt_bits ? point->corrupt_bits : 1;
        path->mtu = point->mtu;
    }
}

static void fill(uint8_t *out, uint64_t stream, uint64_t from, size_t length) {
    for (size_t i = 0; i < length; i++)
        out[i] = test_byte(stream, from + i);
}

static const char *send_more(struct run *run, struct end *end) {
    struct rill_stack *stack = run->test.world.stacks[end->host];
    while (end->sent < end->to_send) {
        uint64_t left = end->to_send - end->sent;
        size_t n = left < sizeof end->next ? (size_t)left : sizeof end->next;
        if (end->next_at != end->sent || !end->sent) /* else it was refused: the same again */
            fill(end->next, run->point->seed + (uint64_t)end->host, end->sent, n);
        end->next_at = end->sent;
        int64_t taken = rill_tcp_send(stack, end->handle, end->next, n);
        if (taken == RILL_ERROR_AGAIN || taken == RILL_ERROR_STATE)
            return 0;
        if (taken < 0)
            return rill_error_text((int)taken);
        end->sent += (uint64_t)taken;
        if ((size_t)taken < n)
            return 0;
    }
    /* Who has nothing to say waits for the other to end. */
    if (!end->shut && (end->to_send || end->ended)) {
        int error = rill_tcp_shutdown(stack, end->handle);
        if (error == RILL_ERROR_STATE)
            return 0;
        if (error)
            return rill_error_text(error);
        end->shut = true;
    }
    return 0;
}

static const char *read_more(struct run *run, struct end *end) {
    struct rill_stack *stack = run->test.world.stacks[end->host];
    uint8_t buffer[8192], expected[8192];
    while (!end->ended) {
        int64_t n = rill_tcp_receive(stack, end->handle, buffer, sizeof buffer);
        if (n == RILL_ERROR_AGAIN)
            return 0;
        if (n < 0)
            return rill_error_text((int)n);
        end->ended = n == 0;
        if (end->ended)
            break;
        fill(expected, run->point->seed + (uint64_t)!end->host, end->got, (size_t)n);
        end->got += (uint64_t)n;
        if (memcmp(buffer, expected, (size_t)n) != 0 || end->got > end->to_read) {
            run->result->wrong = true;
            return "a byte is wrong";
        }
    }
    if (end->got != end->to_read) {
        run->result->wrong = true;
        return "the stream ended early";
    }
    return 0;
}

static const char *serve_end(struct run *run, struct end *end, bool reads) {
    if (end->closed || !end->handle)
        return 0;
    const char *wrong = rill_tcp_check(run->test.world.stacks[end->host], end->handle);
    if (!wrong)
        wrong = send_more(run, end);
    if (!wrong && reads)
        wrong = read_more(run, end);
    if (!wrong)
        wrong = rill_tcp_check(run->test.world.stacks[end->host], end->handle);
    if (wrong)
        return wrong;
    bool leaves = run->point->orphan && end->to_send && !end->to_read && end->shut;
    if (leaves || (end->shut && end->ended)) {
        if (rill_tcp_close(run->test.world.stacks[end->host], end->handle))
            return "close failed";
        end->closed = true;
    }
    return 0;
}

static uint32_t connections(struct run *run) {
    struct rill_stack_info info[2];
    for (int i = 0; i < 2; i++)
        rill_stack_get_info(run->test.world.stacks[i], &info[i]);
    return info[0].connections + info[1].connections + info[0].half_open + info[1].half_open;
}

static void drain_events(struct run *run) {
    struct rill_event events[16];
    for (int i = 0; i < 2; i++)
        while (rill_events(run->test.world.stacks[i], events, 16))
            ;
}

/* Lets the world go on until the limit or a lazy reader's next look. */
static const char *step(struct run *run, rill_time limit) {
    bool lazy = run->point->lazy;
    rill_time until = lazy && run->read_at < limit ? run->read_at : limit;
    if (++run->result->steps > STEPS_MAX)
        return "too many steps";
    if (rill_virtual_step(&run->test.world, until))
        return 0;
    return run->test.world.now >= limit || !lazy ? "nothing moves any more" : 0;
}

static const char *transfer(struct run *run) {
    rill_time limit = point_time_limit(run->point);
    for (;;) {
        if (!run->ends[1].handle && !run->ends[1].closed)
            (void)!rill_tcp_accept(run->test.world.stacks[1], run->listener, &run->ends[1].handle);
        bool reads = !run->point->lazy || run->test.world.now >= run->read_at;
        if (reads)
            run->read_at = run->test.world.now + lazy_interval(run->point);
        for (int i = 0; i < 2; i++) {
            const char *wrong = serve_end(run, &run->ends[i], reads);
            if (wrong)
                return wrong;
        }
        drain_events(run);
        if (run->ends[0].closed && run->ends[1].closed && !connections(run)) {
            run->result->time = run->test.world.now;
            return 0;
        }
        const char *wrong = step(run, limit);
        if (wrong)
            return wrong;
    }
}

/* Lets what a retry limit ended on one side end on the other; then nothing may be left. */
static const char *finish(struct run *run) {
    for (int i = 0; i < 2; i++)
        if (run->ends[i].handle && !run->ends[i].closed)
            rill_tcp_abort(run->test.world.stacks[i], run->ends[i].handle);
    test_world_close(&run->test);
    if (run->test.memory.live_bytes || run->test.memory.live_blocks)
        return "memory is left behind";
    return 0;
}

/* A retry limit was reached: one side says so, or has gone without the other's hearing of it. */
static bool is_giving_up(struct run *run, const char *text) {
    struct rill_stack_info info[2];
    for (int i = 0; i < 2; i++)
        rill_stack_get_info(run->test.world.stacks[i], &info[i]);
    bool alone =
        !(info[0].connections + info[0].half_open) || !(info[1].connections + info[1].half_open);
    return !strcmp(text, rill_error_text(RILL_ERROR_TIMED_OUT)) ||
           !strcmp(text, rill_error_text(RILL_ERROR_RESET)) || (alone && strstr(text, "moves"));
}

void point_run(const struct point *point, struct point_result *result) {
    struct run run;
    memset(&run, 0, sizeof run);
    memset(result, 0, sizeof *result);
    run.point = point;
    run.result = result;
    configure(&run);
    const char *wrong = test_world_open(&run.test) ? "the world did not open" : 0;
    uint64_t bytes = result->bytes = point_bytes(point);
    if (!wrong) {
        run.listener = test_listen(&run.test, 1, 80);
        for (int i = 0; i < 2; i++) {
            run.ends[i].host = i;
            if (point->direction == POINT_BOTH_SEND || (int)point->direction == i)
                run.ends[i].to_send = run.ends[!i].to_read = bytes;
        }
        if (test_connect(&run.test, 0, 80, &run.ends[0].handle))
            wrong = "connect failed";
        else
            wrong = transfer(&run);
    }
    result->gave_up = wrong && point->default_limits && is_giving_up(&run, wrong);
    rill_time now = run.test.world.now;
    const char *left = finish(&run);
    if (left && !wrong)
        wrong = left;
    result->done = !wrong;
    if (wrong)
        snprintf(result->message, sizeof result->message,
                 "%s (t=%.3fs, client sent %llu read %llu, server sent %llu read %llu)", wrong,
                 (double)now / 1e9, (unsigned long long)run.ends[0].sent,
                 (unsigned long long)run.ends[0].got, (unsigned long long)run.ends[1].sent,
                 (unsigned long long)run.ends[1].got);
}
