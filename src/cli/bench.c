/* cli/bench.c: `rill bench bulk` and `rill bench rpc`: the stack in memory, both ends in one
 * process, no system call in the path. What is printed: a rate of CPU time for each variant, and
 * bytes copied per byte delivered. Absolute figures depend on the machine; compare only runs made
 * side by side. */
#include "cli/allocator.h"
#include "cli/command.h"
#include "link/journal_file.h"

#include <rill/emulator.h>
#include <rill/rill.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ROUNDS_MAX 101
#define BLOCK 65536

static struct journal_file journal; /* of --journal; both hosts of every round */

struct bench {
    struct rill_pool *pool;
    struct rill_virtual world;
    rill_handle client, server;
};

struct variant {
    const char *name;
    uint32_t mtu;
    bool offload; /* no checksum computed, super-segments: as on a link with offloads */
    bool by_reference;
};

/* One result, of several rounds. */
struct figure {
    const char *name, *variant, *unit;
    double rounds[ROUNDS_MAX];
    int count;
};

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int open_host(struct bench *bench, const struct variant *variant, int i) {
    struct rill_stack_config config;
    rill_stack_config_default(&config);
    config.allocator = cli_allocator();
    config.pool = bench->pool;
    config.seed[0] = 1;
    config.seed[1] = (uint64_t)i;
    journal_file_attach(&journal, &config, (uint8_t)i);
    config.receive_buffer = config.send_buffer = 256 * 1024;
    struct rill_interface_config interface;
    rill_interface_config_default(&interface);
    interface.mtu = variant->mtu;
    interface.flags = variant->offload ? RILL_INTERFACE_CHECKSUM | RILL_INTERFACE_GSO : 0;
    uint32_t number;
    int error = rill_stack_open(&config, &bench->world.stacks[i]);
    if (!error)
        error = rill_interface_add(bench->world.stacks[i], &interface, &number);
    struct rill_address address = rill_address_ipv4(10, 0, 0, (uint8_t)(i + 1));
    if (!error)
        error = rill_address_add(bench->world.stacks[i], 0, &address, 24);
    return error;
}

/* Everything that waits crosses, until nothing does; then time moves by a microsecond. */
static void exchange(struct bench *bench) {
    struct rill_packet *packets[64];
    size_t n, total;
    do {
        total = 0;
        for (int from = 0; from < 2; from++) {
            while ((n = rill_output(bench->world.stacks[from], 0, packets, 64, SIZE_MAX,
                                    bench->world.now)) > 0) {
                rill_input(bench->world.stacks[!from], 0, packets, n, bench->world.now);
                total += n;
            }
        }
    } while (total);
    bench->world.now += RILL_MICROSECOND;
    for (int i = 0; i < 2; i++)
        if (rill_deadline(bench->world.stacks[i]) <= bench->world.now)
            rill_advance(bench->world.stacks[i], bench->world.now, 0);
}

static int connect_hosts(struct bench *bench) {
    struct rill_tcp_listen_config listen;
    struct rill_tcp_connect_config connect;
    rill_handle listener;
    rill_tcp_listen_config_default(&listen);
    listen.local.port = 80;
    rill_tcp_connect_config_default(&connect);
    connect.remote.address = rill_address_ipv4(10, 0, 0, 2);
    connect.remote.port = 80;
    int error = rill_tcp_listen(bench->world.stacks[1], &listen, &listener);
    if (!error)
        error = rill_tcp_connect(bench->world.stacks[0], &connect, &bench->client);
    for (int i = 0; !error && i < 100; i++) {
        exchange(bench);
        if (rill_tcp_accept(bench->world.stacks[1], listener, &bench->server) == 0)
            return 0;
    }
    return error ? error : RILL_ERROR_TIMED_OUT;
}

static int bench_open(struct bench *bench, const struct variant *variant) {
    struct rill_allocator allocator = cli_allocator();
    memset(bench, 0, sizeof *bench);
    bench->pool = rill_pool_open(&allocator, 0);
    if (!bench->pool)
        return RILL_ERROR_MEMORY;
    int error = open_host(bench, variant, 0);
    if (!error)
        error = open_host(bench, variant, 1);
    return error ? error : connect_hosts(bench);
}

static void bench_close(struct bench *bench) {
    for (int i = 0; i < 2; i++)
        if (bench->world.stacks[i])
            rill_stack_close(bench->world.stacks[i]);
    if (bench->pool)
        rill_pool_close(bench->pool);
}

static void nothing(void *context) {
    (void)context;
}

/* Sends what fits, by copy or by reference to bytes that stay. */
static int64_t send_some(struct bench *bench, const struct variant *variant,
                         const uint8_t *source) {
    int64_t sent = 0, n;
    if (!variant->by_reference) {
        while ((n = rill_tcp_send(bench->world.stacks[0], bench->client, source, BLOCK)) > 0)
            sent += n;
        return sent;
    }
    for (;;) {
        struct rill_block *block = rill_block_wrap(bench->pool, source, BLOCK, nothing, 0);
        if (!block)
            return sent;
        struct rill_slice slice = {source, BLOCK, block};
        n = rill_tcp_send_slices(bench->world.stacks[0], bench->client, &slice, 1);
        if (n != 1) {
            rill_block_drop(block);
            return sent;
        }
        sent += BLOCK;
    }
}

static int64_t receive_some(struct bench *bench, const struct variant *variant, uint8_t *buffer) {
    int64_t got = 0, n;
    if (!variant->by_reference) {
        while ((n = rill_tcp_receive(bench->world.stacks[1], bench->server, buffer, BLOCK)) > 0)
            got += n;
        return got;
    }
    struct rill_slice slices[32];
    while ((n = rill_tcp_receive_slices(bench->world.stacks[1], bench->server, slices, 32)) > 0) {
        for (int64_t i = 0; i < n; i++) {
            got += (int64_t)slices[i].length;
            rill_block_drop(slices[i].block);
        }
    }
    return got;
}

static uint64_t copied(struct bench *bench) {
    struct rill_stack_info info[2];
    for (int i = 0; i < 2; i++)
        rill_stack_get_info(bench->world.stacks[i], &info[i]);
    return info[0].bytes_copied + info[1].bytes_copied;
}

/* One round of bulk: Gbit/s of CPU time, and copies of each byte. False: it stalled. */
static bool bulk_round(const struct variant *variant, uint64_t bytes, double *gbits,
                       double *copies) {
    static uint8_t source[BLOCK], buffer[BLOCK];
    struct bench bench;
    uint64_t got = 0, idle = 0;
    bool ok = bench_open(&bench, variant) == 0;
    double start = cpu_seconds();
    uint64_t before = ok ? copied(&bench) : 0;
    while (ok && got < bytes) {
        int64_t sent = send_some(&bench, variant, source);
        exchange(&bench);
        int64_t n = receive_some(&bench, variant, buffer);
        got += (uint64_t)n;
        idle = sent || n ? 0 : idle + 1;
        ok = idle < 10 * RILL_SECOND / RILL_MICROSECOND;
    }
    double seconds = cpu_seconds() - start;
    if (ok) {
        *gbits = (double)got * 8e-9 / seconds;
        *copies = (double)(copied(&bench) - before) / (double)got;
    }
    bench_close(&bench);
    return ok;
}

/* One round of ping-pong of 64 bytes: round trips per second of CPU time. */
static bool rpc_round(const struct variant *variant, uint64_t count, double *rate) {
    struct bench bench;
    uint8_t message[64] = {0};
    bool ok = bench_open(&bench, variant) == 0;
    if (ok) {
        rill_tcp_set_option(bench.world.stacks[0], bench.client, RILL_TCP_OPTION_NODELAY, 1);
        rill_tcp_set_option(bench.world.stacks[1], bench.server, RILL_TCP_OPTION_NODELAY, 1);
    }
    double start = cpu_seconds();
    for (uint64_t i = 0; ok && i < count; i++) {
        ok = rill_tcp_send(bench.world.stacks[0], bench.client, message, sizeof message) ==
             sizeof message;
        exchange(&bench);
        ok = ok && rill_tcp_receive(bench.world.stacks[1], bench.server, message, sizeof message) ==
                       sizeof message;
        ok = ok && rill_tcp_send(bench.world.stacks[1], bench.server, message, sizeof message) ==
                       sizeof message;
        exchange(&bench);
        ok = ok && rill_tcp_receive(bench.world.stacks[0], bench.client, message, sizeof message) ==
                       sizeof message;
    }
    *rate = (double)count / (cpu_seconds() - start);
    bench_close(&bench);
    return ok;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_figure(struct figure *figure, bool json, const char *limit,
                         const char *limited_by) {
    qsort(figure->rounds, (size_t)figure->count, sizeof *figure->rounds, by_value);
    double median = figure->rounds[figure->count / 2];
    double least = figure->rounds[0], most = figure->rounds[figure->count - 1];
    if (json)
        printf("{\"name\":\"%s\",\"variant\":\"%s\",\"unit\":\"%s\",\"median\":%.6g,\"min\":%.6g,"
               "\"max\":%.6g,\"rounds\":%d,\"limit\":%s,\"limited_by\":\"%s\"}\n",
               figure->name, figure->variant, figure->unit, median, least, most, figure->count,
               limit, limited_by);
    else
        printf("%-12s %-28s %12.4g %-22s (%.4g to %.4g, %d rounds)\n", figure->name,
               figure->variant, median, figure->unit, least, most, figure->count);
}

static bool run_bulk(uint64_t bytes, int rounds, bool json) {
    static const struct variant variants[] = {
        {"mtu 1500, copy", 1500, false, false},
        {"mtu 1500, by reference", 1500, false, true},
        {"offload 64K, copy", 1500, true, false},
        {"offload 64K, by reference", 1500, true, true},
    };
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        struct figure rate = {"bulk", variants[v].name, "Gbit/s of CPU time", {0}, rounds};
        struct figure copies = {"copies", variants[v].name, "bytes/byte", {0}, rounds};
        for (int i = 0; i < rounds; i++)
            if (!bulk_round(&variants[v], bytes, &rate.rounds[i], &copies.rounds[i])) {
                cli_error("the transfer stalled in variant %s: this is a bug", variants[v].name);
                return false;
            }
        print_figure(&rate, json, "null", "checksum and copy");
        print_figure(&copies, json, variants[v].by_reference ? "1.0" : "2.0", "design");
    }
    return true;
}

static bool run_rpc(uint64_t count, int rounds, bool json) {
    static const struct variant variant = {"64 bytes", 1500, false, false};
    struct figure rate = {"rpc", variant.name, "round trips/s of CPU time", {0}, rounds};
    for (int i = 0; i < rounds; i++)
        if (!rpc_round(&variant, count, &rate.rounds[i])) {
            cli_error("a message did not arrive: this is a bug");
            return false;
        }
    print_figure(&rate, json, "null", "protocol work");
    return true;
}

int command_bench(int argc, char **argv) {
    uint64_t rounds = 5, bytes = 256u << 20, count = 100000;
    bool json = false;
    const char *what, *file = 0;
    const struct cli_option options[] = {
        {"--rounds", CLI_NUMBER, &rounds, "N", "of each variant; the median is told (5)", 0},
        {"--bytes", CLI_SIZE, &bytes, "SIZE", "moved in a round of bulk (256M)", 0},
        {"--count", CLI_NUMBER, &count, "N", "round trips in a round of rpc (100000)", 0},
        {"--journal", CLI_TEXT, &file, "FILE", "record every call: see rill replay", 0},
        {"--json", CLI_FLAG, &json, 0, "one JSON object a line", 0},
    };
    int words = cli_parse(argc, argv, "rill bench bulk|rpc [options]", options,
                          sizeof options / sizeof *options, &what, 1);
    if (words < 0)
        return -1 - words;
    if (rounds < 1 || rounds > ROUNDS_MAX || !bytes || !count) {
        cli_error("--rounds must be 1 to %d, --bytes and --count at least 1", ROUNDS_MAX);
        return CLI_USAGE;
    }
    bool bulk = words == 1 && strcmp(what, "bulk") == 0;
    if (!bulk && (words != 1 || strcmp(what, "rpc") != 0)) {
        cli_error("say which: rill bench bulk, or rill bench rpc");
        return CLI_USAGE;
    }
    if (file && !journal_file_open(&journal, file)) {
        cli_error("cannot write %s; give --journal a path that can be written", file);
        return CLI_FAILED;
    }
    bool ok = bulk ? run_bulk(bytes, (int)rounds, json) : run_rpc(count, (int)rounds, json);
    if (!journal_file_close(&journal)) {
        cli_error("the journal %s is not whole: writing it failed; is the disk full?", file);
        return CLI_FAILED;
    }
    return ok ? CLI_DONE : CLI_FAILED;
}
