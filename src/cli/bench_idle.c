/* cli/bench_idle.c: `rill bench idle`: what an established connection that nobody uses costs.
 *
 * Every connection is opened, moves so many bytes each way, and then time passes until no timer is
 * left. Counted is all that the two stacks and their pool have asked of the allocator and not given
 * back: records, bookkeeping of slabs, hash slots, statistics, packets and blocks at home. Told for
 * each of the two ends of a connection. */
#include "cli/bench.h"
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 65536

/* `bytes` from one host to the other; false: it stalled. */
static bool move(struct bench *bench, int from, rill_handle sender, rill_handle receiver,
                 uint64_t bytes) {
    static uint8_t source[BLOCK], buffer[BLOCK];
    uint64_t sent = 0, got = 0;
    for (int idle = 0; got < bytes; idle++) {
        size_t left = bytes - sent < BLOCK ? (size_t)(bytes - sent) : BLOCK;
        int64_t n = left ? rill_tcp_send(bench->stacks[from], sender, source, left) : 0;
        if (n > 0)
            sent += (uint64_t)n;
        bench_exchange(bench);
        while ((n = rill_tcp_receive(bench->stacks[!from], receiver, buffer, BLOCK)) > 0) {
            got += (uint64_t)n;
            idle = 0;
        }
        if (idle > 100000)
            return false;
    }
    return true;
}

struct result {
    uint64_t empty; /* bytes of a host and its pool before the first connection */
    uint64_t most;  /* while every connection was in use */
    uint64_t idle;
    bool all_established;
};

static bool all_established(const struct bench *bench, uint64_t connections) {
    for (int i = 0; i < 2; i++) {
        struct rill_stack_info info;
        rill_stack_get_info(bench->stacks[i], &info);
        if (info.connections != connections || info.half_open || info.time_wait || info.memory_held)
            return false;
    }
    return true;
}

static const char *measure(struct bench *bench, const struct bench_hosts *hosts,
                           struct bench_pair *pairs, uint64_t connections, uint64_t bytes,
                           struct result *result) {
    if (bench_open(bench, hosts))
        return "out of memory";
    result->empty = bench->bytes[BENCH_CLIENT] + bench->bytes[BENCH_POOL];
    if (bench_connect_many(bench, pairs, 0, connections))
        return "a connection did not open";
    for (uint64_t i = 0; i < connections; i++)
        if (!move(bench, 0, pairs[i].client, pairs[i].server, bytes) ||
            !move(bench, 1, pairs[i].server, pairs[i].client, bytes))
            return "a transfer stalled: this is a bug";
    bench_settle(bench);
    result->idle = bench_memory(bench);
    result->most = bench->bytes_most;
    if (!all_established(bench, connections))
        return "a connection is not as it was left: this is a bug";
    return 0;
}

bool bench_idle(const struct bench_options *options) {
    uint64_t connections = bench_or(options->connections, 100000);
    uint64_t bytes = bench_or(options->bytes, 65536);
    struct bench_hosts hosts = {1500, false, (uint32_t)bench_or(options->buffer, 256 * 1024),
                                options->seed};
    struct bench_pair *pairs = calloc(connections, sizeof *pairs);
    struct bench bench;
    struct result result = {0};
    memset(&bench, 0, sizeof bench);
    const char *wrong =
        pairs ? measure(&bench, &hosts, pairs, connections, bytes, &result) : "out of memory";
    uint64_t left = bench_close(&bench);
    free(pairs);
    if (!wrong && left)
        wrong = "memory was not given back: this is a bug";
    if (wrong) {
        cli_error("%s", wrong);
        return false;
    }
    char variant[80];
    snprintf(variant, sizeof variant, "%llu connections", (unsigned long long)connections);
    double ends = 2.0 * (double)connections;
    struct bench_figure figures[] = {
        {"idle", variant, "bytes an end", "512", "asked", {(double)result.idle / ends}, 1},
        {"in use",
         variant,
         "bytes an end, at most",
         "null",
         "queues",
         {(double)result.most / ends},
         1},
        {"empty", "a host and its pool", "bytes", "65536", "asked", {(double)result.empty}, 1},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        bench_print(&figures[i], options->json);
    return true;
}
