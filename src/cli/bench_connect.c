/* cli/bench_connect.c: `rill bench connect`: connections one after the other, each from handshake
 * to TIME-WAIT, closed by the client first. The client's ports come round, so that each four-tuple
 * is opened again while TIME-WAIT still remembers it. */
#include "cli/bench.h"
#include "cli/command.h"

#define PORTS 1000
#define FIRST_PORT 20000

/* Handshake, FIN each way, TIME-WAIT at the client; false: the connection did not go that way. */
static bool one_connection(struct bench *bench, uint16_t local_port, rill_handle listener) {
    rill_handle client, server;
    uint8_t byte;
    if (bench_connect_one(bench, local_port, 80, listener, &client, &server))
        return false;
    if (rill_tcp_close(bench->stacks[0], client))
        return false;
    bench_exchange(bench);
    if (rill_tcp_receive(bench->stacks[1], server, &byte, 1) != 0 || /* the end of the stream */
        rill_tcp_close(bench->stacks[1], server))
        return false;
    bench_exchange(bench);
    return true;
}

static bool one_round(const struct bench_options *options, uint64_t count, double *rate) {
    struct bench_hosts hosts = {1500, false, (uint32_t)bench_or(options->buffer, 64 * 1024),
                                options->seed};
    struct bench bench;
    rill_handle listener = 0;
    bool ok = bench_open(&bench, &hosts) == 0 && bench_listen(&bench, 80, &listener) == 0;
    double start = bench_seconds();
    for (uint64_t i = 0; ok && i < count; i++)
        ok = one_connection(&bench, (uint16_t)(FIRST_PORT + i % PORTS), listener);
    *rate = (double)count / (bench_seconds() - start);
    if (ok) {
        struct rill_stack_info client, server;
        rill_stack_get_info(bench.stacks[0], &client);
        rill_stack_get_info(bench.stacks[1], &server);
        ok = client.connections == 0 && server.connections == 0 && server.time_wait == 0 &&
             client.time_wait == (count < PORTS ? count : PORTS);
    }
    return bench_close(&bench) == 0 && ok;
}

bool bench_connect(const struct bench_options *options) {
    uint64_t count = bench_or(options->connections, 100000);
    int rounds = (int)bench_or(options->rounds, 5);
    struct bench_figure rate = {"connect", "handshake to TIME-WAIT", "connections/s of CPU time",
                                "null",    "protocol work",          {0},
                                rounds};
    for (int i = 0; i < rounds; i++)
        if (!one_round(options, count, &rate.rounds[i])) {
            cli_error("a connection did not open, close or wait as it should: this is a bug");
            return false;
        }
    bench_print(&rate, options->json);
    return true;
}
