/* tests/fuzz/segments.c: two hosts that talk, and between them whatever the input makes of it:
 * segments with numbers near the right ones, real ones changed or kept back, errors that quote live
 * connections, neighbours that lie, time that passes, applications that call. After each step every
 * connection is checked, memory is within its bounds, and a segment has been counted as received or
 * under a drop reason. */
#include "fuzz/segments.h"

#include "stack/stack.h"
#include "tcp/host.h"
#include <string.h>

const char fuzz_target[] = "segments";

#define CONNECTIONS_MAX 64
#define TIME_WAIT_MAX 3
#define POOL_LIMIT (24u << 20)

static void count_trace(void *context, const struct rill_trace_record *record) {
    struct run *run = context;
    run->counted += record->kind == RILL_TRACE_RECEIVED || record->kind == RILL_TRACE_DROPPED;
}

void segments_own(struct run *run, int host, rill_handle handle) {
    if (run->owned[host] < SEGMENTS_HANDLES)
        run->handles[host][run->owned[host]++] = handle;
    else
        rill_tcp_abort(run->test.world.stacks[host], handle);
}

static rill_handle listen_on(struct run *run, int host, uint16_t port, bool deferred) {
    struct rill_tcp_listen_config config;
    rill_handle listener;
    rill_tcp_listen_config_default(&config);
    config.local.port = port;
    config.backlog = 8;
    config.deferred = deferred;
    config.any_port = !port;
    FUZZ_REQUIRE(rill_tcp_listen(run->test.world.stacks[host], &config, &listener) == 0);
    return listener;
}

static void configure(struct run *run) {
    static const uint32_t buffers[] = {1000, 20000, 200000, 5000000};
    struct test_world *test = &run->test;
    uint8_t how = input_8(&run->input), more = input_8(&run->input);
    test_world_init(test, how);
    test->ipv6 = how & 1;
    run->ethernet = how & 2;
    for (int i = 0; i < 2; i++) {
        struct rill_stack_config *config = &test->config[i];
        config->memory_limit = how & 4 ? 60000 : 2u << 20;
        config->receive_buffer = buffers[how >> 3 & 3];
        config->sack = !(how & 32);
        config->timestamps = how & 64;
        config->window_scaling = !(how & 128);
        config->connections_max = CONNECTIONS_MAX;
        config->time_wait_max = TIME_WAIT_MAX;
        config->keepalive_idle = config->keepalive_interval = RILL_SECOND;
        config->keepalive_count = 2;
        config->data_retries = 3;
        config->nagle = more & 1;
        config->statistics = more & 2;
        struct rill_interface_config *interface = &test->interface[i];
        interface->mtu = more & 4 ? 1280 : 1500;
        interface->flags = more & 8 ? RILL_INTERFACE_GSO | RILL_INTERFACE_CHECKSUM : 0;
        interface->framing = run->ethernet ? &rill_ethernet : 0;
        interface->detection =
            run->ethernet && more & 16 ? RILL_DETECTION_OPTIMISTIC : RILL_DETECTION_OFF;
        interface->autoconfigure = run->ethernet && more & 32;
        memcpy(interface->mac, segments_macs[i], 6);
    }
    if (more & 64)
        test->interface[1].flags |= RILL_INTERFACE_ACCEPT_ANY;
    test->config[1].trace = count_trace;
    test->config[1].trace_context = run;
    test->journal = fuzz_journal_begin();
}

/* A connection, open or in one of the states it ends in. False: there are no more. */
static bool open_pair(struct run *run, unsigned state) {
    struct test_world *test = &run->test;
    rill_handle a, b;
    if (test_open_pair(test, run->listeners[1][0], 80, &a, &b))
        return false;
    segments_own(run, 0, a);
    segments_own(run, 1, b);
    if (state == 1) /* the peer has shut down: CLOSE-WAIT */
        rill_tcp_shutdown(test->world.stacks[0], a);
    if (state >= 2) /* both have: TIME-WAIT, or FIN-WAIT-2 */
        rill_tcp_shutdown(test->world.stacks[1], b);
    test_run(test, 100 * RILL_MILLISECOND);
    if (state == 2)
        rill_tcp_shutdown(test->world.stacks[0], a);
    test_run(test, 100 * RILL_MILLISECOND);
    return true;
}

static void open_run(struct run *run) {
    configure(run);
    FUZZ_REQUIRE(test_world_open(&run->test) == 0);
    run->listeners[0][0] = listen_on(run, 0, 80, false);
    run->listeners[1][0] = listen_on(run, 1, 80, false);
    run->listeners[1][1] = listen_on(run, 1, 81, true);
    run->listeners[1][2] = listen_on(run, 1, 0, false);
    for (int i = 0; i < 2; i++) {
        struct rill_udp_config config;
        rill_udp_config_default(&config);
        config.local.port = 7;
        config.receive_buffer = 5000;
        FUZZ_REQUIRE(rill_udp_open(run->test.world.stacks[i], &config, &run->udp[i]) == 0);
    }
    uint8_t pairs = input_8(&run->input);
    if (run->test.interface[0].detection == RILL_DETECTION_STRICT && !(pairs & 64))
        test_run(&run->test, 10 * RILL_SECOND); /* else the addresses are not ours yet */
    for (unsigned i = 0; i < pairs % 4u && open_pair(run, pairs >> (2 + 2 * i) & 3); i++)
        ;
}

/* What a host says of itself is possible. */
static void check_answers(struct run *run, int host) {
    struct rill_stack *stack = run->test.world.stacks[host];
    const struct rill_endpoint to = {run->test.address[!host], 80, 0}, any = {{{0}}, 0, 0};
    struct rill_address_info address;
    struct rill_route_info route;
    for (uint32_t i = 0; rill_address_get(stack, 0, i, &address) == 0; i++)
        FUZZ_REQUIRE(address.prefix_length <= (rill_address_is_ipv4(&address.address) ? 32 : 128));
    int error = rill_route_get(stack, &to, &any, &route);
    FUZZ_REQUIRE(!error || error == RILL_ERROR_NO_ROUTE ||
                 error == RILL_ERROR_ADDRESS_NOT_AVAILABLE);
    FUZZ_REQUIRE(error || (route.interface == 0 && route.mtu >= 68 && route.mtu <= 1500));
}

/* Every connection of both hosts, those of no application too. */
static void check(struct run *run) {
    for (int i = 0; i < 2; i++) {
        struct rill_stack *stack = run->test.world.stacks[i];
        struct tcp_host *host = stack->tcp;
        for (uint32_t k = 0; k < slab_end(&host->connections); k++) {
            const char *broken = slab_in_use(&host->connections, k)
                                     ? rill__connection_check(host, slab_at(&host->connections, k))
                                     : 0;
            if (broken)
                fuzz_fail(broken, __FILE__, __LINE__);
        }
        struct rill_stack_info info;
        rill_stack_get_info(stack, &info);
        FUZZ_REQUIRE(info.memory_held <= run->test.config[i].memory_limit);
        FUZZ_REQUIRE(info.connections <= CONNECTIONS_MAX && info.time_wait <= TIME_WAIT_MAX);
        FUZZ_REQUIRE(info.half_open <= 24 && info.clock_backwards == 0);
    }
    struct rill_pool_info pool;
    rill_pool_get_info(run->test.pool, &pool);
    FUZZ_REQUIRE(pool.bytes_allocated <= POOL_LIMIT);
}

void segments_deliver(struct run *run, const uint8_t *bytes, size_t length, uint8_t shape,
                      bool must_count) {
    uint64_t before = run->counted;
    struct rill_packet *packet = fuzz_packet_of(run->test.pool, bytes, length, shape);
    if (!packet)
        return;
    rill_input(run->test.world.stacks[1], 0, &packet, 1, run->test.world.now);
    FUZZ_REQUIRE(!must_count || run->counted > before);
}

/* What waits goes out: each packet arrives, is lost, or is kept to come later or never. */
static void exchange(struct run *run, uint8_t lost) {
    struct rill_packet *packets[16];
    for (int from = 0; from < 2; from++) {
        size_t n =
            rill_output(run->test.world.stacks[from], 0, packets, 16, 64, run->test.world.now);
        for (size_t i = 0; i < n; i++) {
            struct kept *kept = &run->kept[run->kept_at % SEGMENTS_KEPT];
            size_t length = rill_packet_frame(packets[i], 0, kept->bytes, sizeof kept->bytes);
            if (from == 0 && length) {
                kept->length = length;
                run->kept_at++;
            }
            if (lost >> (i % 8) & 1)
                rill_packet_drop(packets[i]);
            else
                rill_input(run->test.world.stacks[!from], 0, &packets[i], 1, run->test.world.now);
        }
    }
}

static void pass_time(struct run *run, uint8_t how) {
    if (how >= 192) { /* soon there will be no memory, once */
        run->test.memory.fail_at = run->test.memory.calls + 1 + how % 32;
        return;
    }
    static const uint64_t steps[] = {1000,       1000000,    40000000,    200000000,
                                     1000000000, 3000000000, 61000000000, 600000000000};
    run->test.world.now += steps[how & 7] * ((how >> 3 & 3) + 1u);
    for (int i = 0; i < 2; i++)
        rill_advance(run->test.world.stacks[i], run->test.world.now, how & 32 ? 1 : 0);
}

static void one_step(struct run *run) {
    uint8_t what = input_8(&run->input);
    switch (what % 16) {
    case 0:
    case 1:
        segments_replay(run, what);
        break;
    case 2:
        exchange(run, input_8(&run->input));
        break;
    case 3:
        exchange(run, 0);
        break;
    case 4:
        pass_time(run, input_8(&run->input));
        break;
    case 5:
        segments_application(run, 0, what >> 4);
        break;
    case 6:
        segments_application(run, 1, what >> 4);
        break;
    case 7:
        segments_network(run, what >> 4);
        check_answers(run, what >> 4 & 1);
        break;
    case 8:
        segments_error(run, what >> 4);
        break;
    case 9:
        segments_neighbour(run, what >> 4);
        break;
    case 10:
        segments_raw(run, what >> 4);
        break;
    case 11:
        segments_syn(run, what >> 4);
        break;
    default:
        segments_aimed(run, what >> 4);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct run run;
    memset(&run, 0, sizeof run);
    run.input = (struct fuzz_input){data, data + size};
    open_run(&run);
    while (!input_done(&run.input)) {
        one_step(&run);
        check(&run);
    }
    for (int i = 0; i < 20; i++) { /* what is under way comes to an end, or to its timers */
        exchange(&run, 0);
        pass_time(&run, (uint8_t)(i % 8));
        check(&run);
    }
    bool again = size % 64 == 0; /* some are played again */
    test_world_close(&run.test);
    FUZZ_REQUIRE(run.test.memory.live_bytes == 0 && run.test.memory.live_blocks == 0);
    if (again)
        fuzz_journal_replay();
    return 0;
}
