/* cli/bench_bulk.c: `rill bench bulk`: one connection at full speed, in four variants; payload a
 * second of CPU time, and bytes copied per byte delivered. */
#include "cli/bench.h"
#include "cli/command.h"

#define BLOCK 65536

struct variant {
    const char *name;
    bool offload, by_reference;
};

static void nothing(void *context) {
    (void)context;
}

/* Sends what fits, by copy or by reference to bytes that stay. */
static int64_t send_some(struct bench *bench, rill_handle client, bool by_reference,
                         const uint8_t *source) {
    int64_t sent = 0, n;
    if (!by_reference) {
        while ((n = rill_tcp_send(bench->stacks[0], client, source, BLOCK)) > 0)
            sent += n;
        return sent;
    }
    for (;;) {
        struct rill_block *block = rill_block_wrap(bench->pool, source, BLOCK, nothing, 0);
        if (!block)
            return sent;
        struct rill_slice slice = {source, BLOCK, block};
        n = rill_tcp_send_slices(bench->stacks[0], client, &slice, 1);
        if (n != 1) {
            rill_block_drop(block);
            return sent;
        }
        sent += BLOCK;
    }
}

static int64_t receive_some(struct bench *bench, rill_handle server, bool by_reference,
                            uint8_t *buffer) {
    int64_t got = 0, n;
    if (!by_reference) {
        while ((n = rill_tcp_receive(bench->stacks[1], server, buffer, BLOCK)) > 0)
            got += n;
        return got;
    }
    struct rill_slice slices[32];
    while ((n = rill_tcp_receive_slices(bench->stacks[1], server, slices, 32)) > 0) {
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
        rill_stack_get_info(bench->stacks[i], &info[i]);
    return info[0].bytes_copied + info[1].bytes_copied;
}

/* One round: Gbit/s of CPU time, and copies of each byte. False: it stalled. */
static bool one_round(const struct variant *variant, const struct bench_options *options,
                      uint64_t bytes, double *gbits, double *copies) {
    static uint8_t source[BLOCK], buffer[BLOCK];
    struct bench_hosts hosts = {1500, variant->offload,
                                (uint32_t)bench_or(options->buffer, 256 * 1024), options->seed};
    struct bench bench;
    struct bench_pair pair;
    uint64_t got = 0, idle = 0;
    bool ok = bench_open(&bench, &hosts) == 0 && bench_connect_many(&bench, &pair, 0, 1) == 0;
    double start = bench_seconds();
    uint64_t before = ok ? copied(&bench) : 0;
    while (ok && got < bytes) {
        int64_t sent = send_some(&bench, pair.client, variant->by_reference, source);
        bench_exchange(&bench);
        int64_t n = receive_some(&bench, pair.server, variant->by_reference, buffer);
        got += (uint64_t)n;
        idle = sent || n ? 0 : idle + 1;
        ok = idle < 10 * RILL_SECOND / RILL_MICROSECOND;
    }
    double seconds = bench_seconds() - start;
    if (ok) {
        *gbits = (double)got * 8e-9 / seconds;
        *copies = (double)(copied(&bench) - before) / (double)got;
    }
    return bench_close(&bench) == 0 && ok;
}

bool bench_bulk(const struct bench_options *options) {
    static const struct variant variants[] = {
        {"mtu 1500, copy", false, false},
        {"mtu 1500, by reference", false, true},
        {"offload 64K, copy", true, false},
        {"offload 64K, by reference", true, true},
    };
    uint64_t bytes = bench_or(options->bytes, 256u << 20);
    int rounds = (int)bench_or(options->rounds, 5);
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        const struct variant *variant = &variants[v];
        struct bench_figure rate = {
            "bulk", variant->name, "Gbit/s of CPU time", "null", "checksum and copy", {0}, rounds};
        struct bench_figure copies = {
            "copies", variant->name, "bytes/byte", variant->by_reference ? "1.0" : "2.0",
            "design", {0},           rounds};
        for (int i = 0; i < rounds; i++)
            if (!one_round(variant, options, bytes, &rate.rounds[i], &copies.rounds[i])) {
                cli_error("the transfer stalled in variant %s: this is a bug", variant->name);
                return false;
            }
        bench_print(&rate, options->json);
        bench_print(&copies, options->json);
    }
    return true;
}
