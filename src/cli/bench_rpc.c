/* cli/bench_rpc.c: `rill bench rpc`: a message of 64 bytes and its answer, one after the other on
 * one connection; round trips a second of CPU time. */
#include "cli/bench.h"
#include "cli/command.h"

static bool one_round(const struct bench_options *options, uint64_t count, double *rate) {
    struct bench_hosts hosts = {1500, false, (uint32_t)bench_or(options->buffer, 256 * 1024),
                                options->seed};
    struct bench bench;
    struct bench_pair pair;
    uint8_t message[64] = {0};
    bool ok = bench_open(&bench, &hosts) == 0 && bench_connect_many(&bench, &pair, 0, 1) == 0;
    if (ok) {
        rill_tcp_set_option(bench.stacks[0], pair.client, RILL_TCP_OPTION_NODELAY, 1);
        rill_tcp_set_option(bench.stacks[1], pair.server, RILL_TCP_OPTION_NODELAY, 1);
    }
    double start = bench_seconds();
    for (uint64_t i = 0; ok && i < count; i++)
        ok = bench_round_trip(&bench, &pair, message, sizeof message);
    *rate = (double)count / (bench_seconds() - start);
    return bench_close(&bench) == 0 && ok;
}

bool bench_rpc(const struct bench_options *options) {
    uint64_t count = bench_or(options->count, 100000);
    int rounds = (int)bench_or(options->rounds, 5);
    struct bench_figure rate = {
        "rpc", "64 bytes", "round trips/s of CPU time", "null", "protocol work", {0}, rounds};
    for (int i = 0; i < rounds; i++)
        if (!one_round(options, count, &rate.rounds[i])) {
            cli_error("a message did not arrive: this is a bug");
            return false;
        }
    bench_print(&rate, options->json);
    return true;
}
