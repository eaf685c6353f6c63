/* tests/fuzz/packets_test.c: five million hostile packets (issue 2, item 9). Run under ASan and
 * UBSan.
 *
 * A round is a world of two hosts that talk, with connections in every state, parked and half-open
 * SYNs, and listeners of every kind. What one host gets is kept, and then meant to hurt: random
 * bytes, real segments with bits turned over or cut short, and segments aimed at live connections
 * with good checksums and numbers near the right ones; in one piece and in many, with and without
 * the metadata of offloads. After each batch every connection is checked, memory is within its
 * bounds, and each packet has been counted once at least: as received, or under a drop reason.
 *
 *     packets_test [--seed N] [--count N]       two processes share the count */
#include "fuzz/craft.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ROUND 2000u
#define WORKERS 2
#define MEMORY_LIMIT (2u << 20)
#define POOL_LIMIT (16u << 20)

static uint64_t seed = 1, total = 5000000;

/* Aborts the worker with what is needed to repeat it. */
static void die(const struct fuzz *fuzz, const char *what) {
    fprintf(stderr, "packets_test: round %llu, packet %u: %s\n", (unsigned long long)fuzz->round,
            fuzz->packets, what);
    abort();
}

static void count_trace(void *context, const struct rill_trace_record *record) {
    struct fuzz *fuzz = context;
    if (record->kind == RILL_TRACE_RECEIVED)
        fuzz->received++;
    else if (record->kind == RILL_TRACE_DROPPED)
        fuzz->dropped++;
}

static void keep_packet(void *context, int sender, const struct rill_packet *packet,
                        rill_time now) {
    struct fuzz *fuzz = context;
    (void)now;
    if (sender == 0 && fuzz->kept < FUZZ_KEPT) {
        struct fuzz_bytes *kept = &fuzz->corpus[fuzz->kept];
        kept->length = rill_packet_frame(packet, 0, kept->data, sizeof kept->data);
        fuzz->kept += kept->length > 0;
    }
}

static rill_handle listen_on(struct fuzz *fuzz, uint16_t port, bool deferred, bool any_port) {
    struct rill_tcp_listen_config config;
    rill_tcp_listen_config_default(&config);
    config.local.port = port;
    config.backlog = 32;
    config.deferred = deferred;
    config.any_port = any_port;
    rill_handle listener;
    if (rill_tcp_listen(fuzz->test.world.stacks[1], &config, &listener))
        die(fuzz, "listen");
    return listener;
}

static void own(struct fuzz *fuzz, rill_handle handle) {
    if (fuzz->owned < FUZZ_OWNED)
        fuzz->handles[fuzz->owned++] = handle;
    else
        rill_tcp_abort(fuzz->test.world.stacks[1], handle);
}

/* Connections of the target in every state that can be had with a live peer. */
static void open_connections(struct fuzz *fuzz) {
    struct test_world *test = &fuzz->test;
    struct rill_stack *peer = test->world.stacks[0], *target = test->world.stacks[1];
    static const uint8_t text[3000];
    for (int i = 0; i < 8; i++) {
        rill_handle a, b;
        if (test_open_pair(test, fuzz->listeners[0], 80, &a, &b))
            die(fuzz, "open");
        int64_t taken = 0;
        if (i & 1)
            taken = rill_tcp_send(peer, a, text, sizeof text); /* unread at the target */
        if (i & 2)
            rill_tcp_shutdown(peer, a); /* CLOSE-WAIT */
        test_run(test, 100 * RILL_MILLISECOND);
        if (i & 4)
            taken = rill_tcp_send(target, b, text, sizeof text);
        if (i % 3 == 2)
            rill_tcp_shutdown(target, b); /* FIN-WAIT-2, LAST-ACK, TIME-WAIT */
        if (i != 6)
            test_run(test, 100 * RILL_MILLISECOND);
        if (taken < 0 && taken != RILL_ERROR_AGAIN)
            die(fuzz, "send");
        own(fuzz, b);
    }
    for (int i = 0; i < 3; i++) { /* SYN-SENT; FIN-WAIT-1 and data in flight that nobody answers */
        struct rill_tcp_connect_config config;
        rill_tcp_connect_config_default(&config);
        config.remote.address = test->address[0];
        config.remote.port = (uint16_t)(9000 + i);
        rill_handle handle;
        if (rill_tcp_connect(target, &config, &handle))
            die(fuzz, "connect");
        own(fuzz, handle);
    }
    (void)!rill_tcp_send(target, fuzz->handles[0], text, sizeof text);
    rill_tcp_shutdown(target, fuzz->handles[0]);
    (void)!rill_tcp_send(target, fuzz->handles[1], text, sizeof text);
}

static void open_round(struct fuzz *fuzz) {
    struct test_world *test = &fuzz->test;
    test_world_init(test, seed + fuzz->round);
    test->ipv6 = fuzz->round % 2;
    for (int i = 0; i < 2; i++) {
        test->config[i].memory_limit = fuzz->round % 4 == 3 ? MEMORY_LIMIT / 32 : MEMORY_LIMIT;
        test->config[i].time_wait_max = 16;
        test->config[i].connections_max = 64;
        test->config[i].receive_buffer = fuzz->round % 5 == 0 ? 1000 : 200000;
        test->config[i].sack = fuzz->round % 7 != 0;
        test->config[i].timestamps = fuzz->round % 3 != 0;
        test->interface[i].flags =
            fuzz->round % 4 == 0 ? RILL_INTERFACE_GSO | RILL_INTERFACE_CHECKSUM : 0;
    }
    if (fuzz->round % 3 == 1)
        test->interface[1].flags |= RILL_INTERFACE_ACCEPT_ANY;
    test->config[1].trace = count_trace;
    test->config[1].trace_context = fuzz;
    test->world.tap = keep_packet;
    test->world.tap_context = fuzz;
    if (test_world_open(test))
        die(fuzz, "world");
    fuzz->listeners[0] = listen_on(fuzz, 80, false, false);
    fuzz->listeners[1] = listen_on(fuzz, 81, true, false);
    fuzz->listeners[2] = listen_on(fuzz, 0, fuzz->round % 2, true);
    open_connections(fuzz);
}

/* Every connection the target has, the orphans too. */
static void check_all(struct fuzz *fuzz) {
    struct tcp_host *host = fuzz->test.world.stacks[1]->tcp;
    for (uint32_t i = 0; i < slab_end(&host->connections); i++) {
        if (!slab_in_use(&host->connections, i))
            continue;
        const char *broken = rill__connection_check(host, slab_at(&host->connections, i));
        if (broken)
            die(fuzz, broken);
    }
}

static void check_bounds(struct fuzz *fuzz) {
    struct rill_stack_info info;
    struct rill_pool_info pool;
    rill_stack_get_info(fuzz->test.world.stacks[1], &info);
    rill_pool_get_info(fuzz->test.pool, &pool);
    if (info.memory_held > MEMORY_LIMIT)
        die(fuzz, "the budget is exceeded");
    if (pool.bytes_allocated > POOL_LIMIT)
        die(fuzz, "the pool grows");
    if (info.connections > 64 || info.time_wait > 16 || info.half_open > 96)
        die(fuzz, "records grow");
}

/* What an application does: accepts, decides, reads, writes and closes, now and then. */
static void application(struct fuzz *fuzz) {
    struct rill_stack *target = fuzz->test.world.stacks[1];
    struct rill_event events[16];
    while (rill_events(target, events, 16))
        ;
    rill_handle handle;
    for (int i = 0; i < 3; i++)
        if (rill_tcp_accept(target, fuzz->listeners[i], &handle) == 0)
            own(fuzz, handle);
    for (int i = 1; i < 3; i++) {
        struct rill_endpoint local, remote;
        if (rill_tcp_pending(target, fuzz->listeners[i], &handle, &local, &remote))
            continue;
        switch (fuzz_below(fuzz, 4)) {
        case 0:
            rill_tcp_pending_accept(target, handle);
            break;
        case 1:
            rill_tcp_pending_refuse(target, handle);
            break;
        case 2:
            rill_tcp_pending_drop(target, handle);
            break;
        default: /* forgotten: it goes by itself */
            break;
        }
    }
    if (!fuzz->owned)
        return;
    static uint8_t buffer[5000];
    size_t at = fuzz_below(fuzz, fuzz->owned);
    handle = fuzz->handles[at];
    switch (fuzz_below(fuzz, 8)) {
    case 0:
    case 1:
        (void)!rill_tcp_receive(target, handle, buffer, fuzz_below(fuzz, sizeof buffer));
        break;
    case 2:
        (void)!rill_tcp_send(target, handle, buffer, fuzz_below(fuzz, sizeof buffer));
        break;
    case 3:
        rill_tcp_shutdown(target, handle);
        break;
    case 4:
        if (fuzz->owned > 8) {
            (fuzz_below(fuzz, 2) ? rill_tcp_close : rill_tcp_abort)(target, handle);
            fuzz->handles[at] = fuzz->handles[--fuzz->owned];
        }
        break;
    default:
        break;
    }
}

/* A packet that leaves no trace has begun something: a SYN, or an echo request answered. */
static void deliver(struct fuzz *fuzz, struct rill_packet **packets, size_t n) {
    struct rill_stack *target = fuzz->test.world.stacks[1];
    uint64_t before = fuzz->received + fuzz->dropped;
    bool may_be_silent = n == 1 && fuzz_may_be_silent(packets[0]);
    rill_input(target, 0, packets, n, fuzz->test.world.now);
    if (n == 1 && !may_be_silent && fuzz->received + fuzz->dropped == before)
        die(fuzz, "a packet was neither received nor counted as dropped");
}

static void drain(struct fuzz *fuzz) {
    struct rill_packet *packets[64];
    size_t n;
    for (int i = 0; i < 2; i++) {
        while ((n = rill_output(fuzz->test.world.stacks[i], 0, packets, 64, SIZE_MAX,
                                fuzz->test.world.now)) > 0) {
            /* Some of what the target says reaches its peer, whose answers make new states. */
            for (size_t j = 0; j < n; j++)
                if (i == 1 && fuzz_below(fuzz, 8) == 0)
                    rill_input(fuzz->test.world.stacks[0], 0, &packets[j], 1, fuzz->test.world.now);
                else
                    rill_packet_drop(packets[j]);
        }
    }
}

static void run_round(struct fuzz *fuzz, uint32_t count) {
    static const uint64_t jumps[] = {1000,    1000000, 1000000,   2000000,
                                     2000000, 5000000, 100000000, 4000000000};
    open_round(fuzz);
    while (fuzz->packets < count) {
        struct rill_packet *packets[64];
        size_t n = 0, batch = fuzz_below(fuzz, 3) ? 1 : 1 + fuzz_below(fuzz, 64);
        while (n < batch && fuzz->packets < count) {
            packets[n] = fuzz_packet(fuzz);
            fuzz->packets++;
            n += packets[n] != 0;
        }
        deliver(fuzz, packets, n);
        if (fuzz_below(fuzz, 4) == 0)
            fuzz->test.world.now += fuzz_below(fuzz, jumps[fuzz_below(fuzz, 8)]);
        rill_advance(fuzz->test.world.stacks[1], fuzz->test.world.now, 0);
        application(fuzz);
        drain(fuzz);
        check_all(fuzz);
        check_bounds(fuzz);
    }
    struct rill_stack_info info;
    rill_stack_get_info(fuzz->test.world.stacks[1], &info);
    for (int i = 0; i < RILL_DROP_COUNT; i++)
        fuzz->reasons[i] += info.drops[i];
    test_world_close(&fuzz->test);
    if (fuzz->test.memory.live_bytes || fuzz->test.memory.live_blocks)
        die(fuzz, "memory is left behind");
}

/* Rounds number `worker`, `worker` + WORKERS, ...; writes what was counted to `out`. */
static void work(uint64_t worker, int out) {
    static struct fuzz fuzz;
    for (int i = 1; i < 32; i++) /* cmocka would take a crash here for the end of a test */
        signal(i, SIG_DFL);
    uint64_t rounds = (total + ROUND - 1) / ROUND, packets = 0; /* and more in the long ones */
    for (uint64_t round = worker; round < rounds; round += WORKERS) {
        fuzz_begin(&fuzz, seed, round);
        run_round(&fuzz, round % 50 == 7 ? 10 * ROUND : ROUND);
        packets += fuzz.packets;
    }
    uint64_t report[3] = {packets, fuzz.all_received + fuzz.received,
                          fuzz.all_dropped + fuzz.dropped};
    if (write(out, report, sizeof report) != (ssize_t)sizeof report ||
        write(out, fuzz.reasons, sizeof fuzz.reasons) != (ssize_t)sizeof fuzz.reasons)
        _exit(2);
}

static void hostile_packets_are_counted_and_do_no_harm(void **state) {
    (void)state;
    uint64_t sums[3] = {0, 0, 0}, reasons[RILL_DROP_COUNT] = {0};
    pid_t children[WORKERS];
    int pipes[WORKERS][2];
    fflush(stdout);
    for (uint64_t i = 0; i < WORKERS; i++) {
        assert_int_equal(pipe(pipes[i]), 0);
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            work(i, pipes[i][1]);
            _exit(0);
        }
    }
    for (int i = 0; i < WORKERS; i++) {
        uint64_t report[3], part[RILL_DROP_COUNT];
        int status = 0;
        close(pipes[i][1]);
        ssize_t got = read(pipes[i][0], report, sizeof report);
        ssize_t more = got > 0 ? read(pipes[i][0], part, sizeof part) : 0;
        waitpid(children[i], &status, 0);
        assert_int_equal(status, 0);
        assert_int_equal(got, sizeof report);
        assert_int_equal(more, sizeof part);
        for (int j = 0; j < 3; j++)
            sums[j] += report[j];
        for (int j = 0; j < RILL_DROP_COUNT; j++)
            reasons[j] += part[j];
    }
    unsigned kinds = 0;
    for (int j = 1; j < RILL_DROP_COUNT; j++) {
        kinds += reasons[j] > 0;
        print_message("# %12llu %s\n", (unsigned long long)reasons[j],
                      rill_drop_text((enum rill_drop)j));
    }
    print_message("# seed %llu: %llu packets, %llu received, %llu drops of %u kinds\n",
                  (unsigned long long)seed, (unsigned long long)sums[0],
                  (unsigned long long)sums[1], (unsigned long long)sums[2], kinds);
    assert_true(sums[0] >= total);
    assert_true(sums[1] > total / 50); /* enough of it gets past the checksum */
    if (total >= 1000000)
        assert_true(kinds >= 38);
}

int main(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--seed"))
            seed = strtoull(argv[i + 1], 0, 0);
        else if (!strcmp(argv[i], "--count"))
            total = strtoull(argv[i + 1], 0, 0);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_packets_are_counted_and_do_no_harm),
    };
    return cmocka_run_group_tests_name("packets", tests, 0, 0);
}
