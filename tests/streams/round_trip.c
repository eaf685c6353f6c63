/* tests/streams/round_trip.c: see round_trip.h. */
#include "streams/round_trip.h"

#include "base/random.h"
#include "base/util.h"
#include "capture/reader.h"
#include <stdlib.h>
#include <string.h>

enum {
    PORT = 9,
    BATCH = 16,
    FRAME_MAX = 2048,
    LONGEST_S = 200, /* of virtual time */
};

static void see(struct round_trip *run, enum round_trip_tap tap, const struct rill_packet *packet,
                rill_time now) {
    struct round_trip_capture *capture = &run->captures[tap];
    for (uint32_t i = 0; i < rill_packet_frames(packet); i++) {
        uint8_t buffer[FRAME_MAX];
        size_t length = rill_packet_frame(packet, i, buffer, sizeof buffer);
        if (capture->count == capture->room) {
            capture->room = capture->room ? 2 * capture->room : 1024;
            capture->frames = realloc(capture->frames, capture->room * sizeof *capture->frames);
            capture->bytes = realloc(capture->bytes, capture->room * sizeof *capture->bytes);
        }
        uint8_t *copy = malloc(length ? length : 1);
        if (!capture->frames || !capture->bytes || !copy)
            abort();
        memcpy(copy, buffer, length);
        capture->bytes[capture->count] = copy;
        struct streams_frame *frame = &capture->frames[capture->count++];
        memset(frame, 0, sizeof *frame);
        frame->data = copy;
        frame->length = frame->wire_length = (uint32_t)length;
        frame->when = ROUND_TRIP_EPOCH + now;
        frame->link_type = CAPTURE_LINK_RAW;
        frame->number = capture->count;
        frame->offset = STREAMS_NOWHERE;
    }
}

static struct round_trip_flow *flow_of(struct round_trip *run, uint16_t port) {
    for (unsigned i = run->connected; i-- > 0;) /* the newest life of a four-tuple */
        if (run->flows[i].port == port)
            return &run->flows[i];
    return 0;
}

static uint64_t below(struct random *random, uint64_t limit) {
    return rill__random_below(random, limit);
}

static bool one_in(struct random *random, uint64_t n) {
    return below(random, n) == 0;
}

static void choose_faults(struct random *random, struct rill_path_config *path) {
    if (one_in(random, 3))
        path->loss = (uint32_t)below(random, RILL_CERTAIN / 40);
    if (one_in(random, 6)) {
        path->burst = (uint32_t)below(random, RILL_CERTAIN / 200);
        path->burst_length = 2 + (uint32_t)below(random, 5);
    }
    if (one_in(random, 6))
        path->reorder = (uint32_t)below(random, RILL_CERTAIN / 50);
    if (one_in(random, 8))
        path->duplicate = (uint32_t)below(random, RILL_CERTAIN / 100);
    if (one_in(random, 4))
        path->jitter = below(random, path->delay / 4 + 1);
}

static void choose_path(struct round_trip *run, struct random *random,
                        struct rill_path_config second[2]) {
    struct test_world *test = &run->test;
    rill_time delay = (1 + below(random, 1u << below(random, 8))) * RILL_MILLISECOND / 2;
    uint64_t rate = (1 + below(random, 100)) * 1000000;
    rill_time before = delay * below(random, 9) / 8;
    bool clean = one_in(random, 3);
    run->rtt = 2 * delay;
    test->with_path = true;
    for (int i = 0; i < 2; i++) {
        rill_path_config_default(&second[i]);
        second[i].seed = run->seed * 4 + 3 + (uint64_t)i;
        test->path[i].delay = before;
        second[i].delay = delay - before;
        if (!one_in(random, 4)) {
            second[i].rate = rate;
            second[i].queue =
                8000 + rate / 8 * (run->rtt / 1000) / 1000000 * (1 + below(random, 24)) / 8;
            if (one_in(random, 5))
                second[i].ecn_threshold = second[i].queue / 2;
        }
        if (!clean)
            choose_faults(random, one_in(random, 2) ? &test->path[i] : &second[i]);
    }
}

static void choose_hosts(struct round_trip *run, struct random *random) {
    struct test_world *test = &run->test;
    bool small = one_in(random, 5), plain = one_in(random, 6), ecn = one_in(random, 4);
    for (int i = 0; i < 2; i++) {
        struct rill_stack_config *config = &test->config[i];
        config->check = false;
        config->timestamps = !plain;
        config->sack = !one_in(random, 8);
        config->statistics = true;
        config->ecn = ecn ? RILL_ECN_ASK : RILL_ECN_ANSWER;
        config->receive_buffer = small ? 4096u << below(random, 5) : 1u << 20;
        config->send_buffer = one_in(random, 5) ? 8192u << below(random, 5) : 1u << 20;
        config->time_wait = RILL_MILLISECOND;
    }
    test->ipv6 = one_in(random, 3);
    switch (below(random, 4)) {
    case 0: /* an application that has a little now and then */
        run->write_size = 100 + (uint32_t)below(random, 20000);
        run->write_pause = (1000 + below(random, 60000)) * RILL_MICROSECOND;
        break;
    case 1: /* … that reads slowly */
        run->read_size = 1000 + (uint32_t)below(random, 30000);
        run->read_pause = (1000 + below(random, 30000)) * RILL_MICROSECOND;
        break;
    case 2:
        run->idle_pause = one_in(random, 2) ? below(random, 3 * RILL_SECOND) : 0;
        break;
    default:
        break;
    }
}

static void choose_flows(struct round_trip *run, struct random *random) {
    unsigned count = one_in(random, 2) ? 1 : 1 + (unsigned)below(random, ROUND_TRIP_FLOWS);
    run->reuse = count > 1 && one_in(random, 3);
    run->flow_count = count;
    for (unsigned i = 0; i < count; i++) {
        struct round_trip_flow *flow = &run->flows[i];
        flow->port = (uint16_t)(40000 + (run->reuse ? 0 : i));
        flow->sender = (int)below(random, 2);
        flow->bytes = 1 + below(random, 1000u << below(random, 11));
        flow->after = run->reuse ? 0 : below(random, 200) * RILL_MILLISECOND;
    }
}

static const char *open_run(struct round_trip *run, uint64_t seed) {
    const uint64_t key[2] = {seed, 4711};
    struct random random;
    struct rill_path_config second[2];
    memset(run, 0, sizeof *run);
    run->seed = seed;
    rill__random_init(&random, key);
    test_world_init(&run->test, seed);
    choose_path(run, &random, second);
    choose_hosts(run, &random);
    choose_flows(run, &random);
    int error = test_world_open(&run->test);
    for (int i = 0; i < 2 && !error; i++) {
        run->second[i] = rill_path_open(&run->test.allocator, run->test.pool, &second[i]);
        error = run->second[i] ? 0 : RILL_ERROR_MEMORY;
    }
    if (error)
        return rill_error_text(error);
    run->listener = test_listen(&run->test, 1, PORT);
    return run->listener ? 0 : "no listener";
}

/* Notes what both ends know of a connection while they know it. */
static void note(struct round_trip *run, struct round_trip_flow *flow) {
    for (int host = 0; host < 2; host++) {
        struct rill_tcp_info info;
        if (flow->handle[host] &&
            !rill_tcp_get_info(run->test.world.stacks[host], flow->handle[host], &info))
            flow->info[host] = info;
        else
            continue;
        uint64_t age = 0;
        for (unsigned i = 0; i < RILL_LIMITER_COUNT; i++)
            age += info.limited_ns[i];
        if (!flow->born[host])
            flow->born[host] = run->test.world.now - age;
    }
}

static void write_some(struct round_trip *run, struct round_trip_flow *flow) {
    static uint8_t bytes[65536];
    int host = flow->sender;
    struct rill_stack *stack = run->test.world.stacks[host];
    rill_time now = run->test.world.now;
    while (flow->sent < flow->bytes && now >= flow->next_write) {
        uint64_t left = flow->bytes - flow->sent;
        size_t wanted = (size_t)RILL_MIN(left, run->write_size ? run->write_size : sizeof bytes);
        int64_t taken = rill_tcp_send(stack, flow->handle[host], bytes, wanted);
        if (taken <= 0)
            return;
        flow->sent += (uint64_t)taken;
        flow->next_write = run->write_pause ? now + run->write_pause : 0;
        if (run->idle_pause && flow->sent > flow->bytes / 2 &&
            flow->sent - (uint64_t)taken <= flow->bytes / 2)
            flow->next_write = now + run->idle_pause;
    }
    if (flow->sent == flow->bytes && !flow->shut[host])
        flow->shut[host] = !rill_tcp_shutdown(stack, flow->handle[host]);
}

static void read_some(struct round_trip *run, struct round_trip_flow *flow) {
    static uint8_t bytes[65536];
    int host = !flow->sender;
    struct rill_stack *stack = run->test.world.stacks[host];
    rill_time now = run->test.world.now;
    while (!flow->done[host] && now >= flow->next_read) {
        int64_t n = rill_tcp_receive(stack, flow->handle[host], bytes,
                                     run->read_size ? run->read_size : sizeof bytes);
        if (n == RILL_ERROR_AGAIN || n == RILL_ERROR_STATE)
            return;
        if (n <= 0) {
            flow->shut[host] = true;
            flow->done[host] = true;
            rill_tcp_shutdown(stack, flow->handle[host]);
            return;
        }
        flow->received += (uint64_t)n;
        flow->next_read = run->read_pause ? now + run->read_pause : 0;
    }
}

/* Both sides have said and heard all. */
static bool is_over(const struct round_trip *run, const struct round_trip_flow *flow) {
    for (int host = 0; host < 2; host++) {
        enum rill_tcp_state state = flow->info[host].state;
        struct rill_tcp_info info;
        bool gone = !flow->handle[host] ||
                    rill_tcp_get_info(run->test.world.stacks[host], flow->handle[host], &info) != 0;
        if (!gone && state != RILL_TCP_CLOSED && state != RILL_TCP_TIME_WAIT)
            return false;
    }
    return flow->handle[1] != 0;
}

static void accept_all(struct round_trip *run) {
    rill_handle handle;
    while (!rill_tcp_accept(run->test.world.stacks[1], run->listener, &handle)) {
        struct rill_tcp_info info;
        struct round_trip_flow *flow = 0;
        if (!rill_tcp_get_info(run->test.world.stacks[1], handle, &info))
            flow = flow_of(run, info.remote.port);
        if (flow)
            flow->handle[1] = handle;
    }
}

static int connect_due(struct round_trip *run) {
    rill_time now = run->test.world.now;
    while (run->connected < run->flow_count) {
        struct round_trip_flow *flow = &run->flows[run->connected];
        if (run->reuse && run->connected && !run->flows[run->connected - 1].known)
            return 0;
        if (!flow->after && run->reuse && run->connected)
            flow->after = now + 50 * RILL_MILLISECOND;
        if (now < flow->after && run->connected)
            return 0;
        rill_advance(run->test.world.stacks[0], now, 0);
        run->connected++;
        int error = test_connect(&run->test, flow->port, PORT, &flow->handle[0]);
        if (error)
            return error;
    }
    return 0;
}

static void close_over(struct round_trip *run, struct round_trip_flow *flow) {
    if (flow->known || !is_over(run, flow))
        return;
    flow->known = true;
    for (int host = 0; host < 2; host++)
        rill_tcp_close(run->test.world.stacks[host], flow->handle[host]);
}

/* When an application or a connect is due; never: none. */
static rill_time next_act(const struct round_trip *run) {
    rill_time now = run->test.world.now, next = RILL_TIME_NEVER;
    for (unsigned i = 0; i < run->flow_count; i++) {
        const struct round_trip_flow *flow = &run->flows[i];
        const rill_time times[] = {flow->next_write, flow->next_read,
                                   i == run->connected ? flow->after : 0};
        for (unsigned j = 0; j < 3 && !flow->known; j++)
            if (times[j] > now)
                next = RILL_MIN(next, times[j]);
    }
    return next;
}

static void flush(struct round_trip *run, int from) {
    struct rill_packet *packets[BATCH];
    size_t n;
    struct rill_virtual *world = &run->test.world;
    while ((n = rill_output(world->stacks[from], 0, packets, BATCH, SIZE_MAX, world->now)) > 0)
        for (size_t i = 0; i < n; i++) {
            see(run, from ? TAP_SERVER : TAP_CLIENT, packets[i], world->now);
            rill_path_send(world->paths[from], packets[i], world->now);
        }
}

static void deliver(struct round_trip *run, int from) {
    struct rill_packet *packet;
    struct rill_virtual *world = &run->test.world;
    while (rill_path_receive(world->paths[from], &packet, 1, world->now)) {
        see(run, TAP_MIDDLE, packet, world->now);
        rill_path_send(run->second[from], packet, world->now);
    }
    while (rill_path_receive(run->second[from], &packet, 1, world->now)) {
        see(run, from ? TAP_CLIENT : TAP_SERVER, packet, world->now);
        rill_input(world->stacks[!from], 0, &packet, 1, world->now);
    }
}

static bool step(struct round_trip *run) {
    struct rill_virtual *world = &run->test.world;
    rill_time next = next_act(run);
    for (int i = 0; i < 2; i++)
        flush(run, i);
    for (int i = 0; i < 2; i++) {
        next = RILL_MIN(next, rill_deadline(world->stacks[i]));
        next = RILL_MIN(next, rill_path_next(world->paths[i]));
        next = RILL_MIN(next, rill_path_next(run->second[i]));
    }
    if (next == RILL_TIME_NEVER || next > LONGEST_S * RILL_SECOND)
        return false;
    world->now = RILL_MAX(world->now, next);
    for (int i = 0; i < 2; i++)
        deliver(run, i);
    for (int i = 0; i < 2; i++)
        rill_advance(world->stacks[i], world->now, 0);
    return true;
}

const char *round_trip_run(struct round_trip *run, uint64_t seed) {
    const char *wrong = open_run(run, seed);
    struct rill_event events[32];
    while (!wrong) {
        unsigned over = 0;
        accept_all(run);
        for (int i = 0; i < 2; i++)
            while (rill_events(run->test.world.stacks[i], events, 32))
                ;
        for (unsigned i = 0; i < run->connected; i++) {
            struct round_trip_flow *flow = &run->flows[i];
            if (flow->known) {
                over++;
                continue;
            }
            if (flow->handle[flow->sender])
                write_some(run, flow);
            if (flow->handle[!flow->sender])
                read_some(run, flow);
            note(run, flow);
            close_over(run, flow);
            over += flow->known;
        }
        if (connect_due(run))
            return "connect failed";
        /* Beyond the end of the last one: what is still on its way is in the capture too. */
        if (!step(run))
            return over == run->flow_count ? 0 : "nothing moves any more";
    }
    return wrong;
}

void round_trip_tell(const struct round_trip *run, FILE *out) {
    const struct test_world *test = &run->test;
    fprintf(out,
            "# seed %llu: rtt %.1f ms, %u flows%s, write %u every %.0f ms, read %u every %.0f ms, "
            "pause %.0f ms, buffers %u %u, loss %.4f %.4f\n",
            (unsigned long long)run->seed, (double)run->rtt / 1e6, run->flow_count,
            run->reuse ? " of one four-tuple" : "", run->write_size, (double)run->write_pause / 1e6,
            run->read_size, (double)run->read_pause / 1e6, (double)run->idle_pause / 1e6,
            test->config[0].send_buffer, test->config[0].receive_buffer, test->path[0].loss / 1e9,
            test->path[1].loss / 1e9);
}

void round_trip_close(struct round_trip *run) {
    for (int i = 0; i < TAPS; i++) {
        struct round_trip_capture *capture = &run->captures[i];
        for (size_t j = 0; j < capture->count; j++)
            free(capture->bytes[j]);
        free(capture->frames);
        free(capture->bytes);
    }
    for (int i = 0; i < 2; i++)
        if (run->second[i])
            rill_path_close(run->second[i]);
    test_world_close(&run->test);
}
