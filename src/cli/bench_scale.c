/* cli/bench_scale.c: `rill bench scale`: a message of 64 bytes and its answer among N established
 * connections, N growing tenfold.
 *
 * Three figures a round, one after the other so that they meet the same machine: a connection that
 * is alone in its two hosts, one that is used all the time among N, and random ones among N. What
 * differs is what the caches no longer hold. Handles to be used are drawn beforehand: how the
 * application finds its own is not measured. What the random ones leave behind (delayed ACKs,
 * timers, the way back to idleness) runs before the next figure and is told as one of its own. */
#include "cli/bench.h"
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scale {
    struct bench alone, many;
    struct bench_pair only;
    struct bench_pair *pairs, *drawn;
    uint64_t count, seed;
};

/* Nanoseconds a round trip, over `count` of them; the pairs are taken from `pairs` in turn, or it
 * is always the first. Negative: a message did not arrive. */
static double measure(struct bench *bench, const struct bench_pair *pairs, uint64_t count,
                      bool in_turn) {
    uint8_t message[64] = {0};
    double start = bench_seconds();
    for (uint64_t i = 0; i < count; i++)
        if (!bench_round_trip(bench, &pairs[in_turn ? i : 0], message, sizeof message))
            return -1;
    return (bench_seconds() - start) * 1e9 / (double)count;
}

static void draw(struct scale *scale, uint64_t connections) {
    for (uint64_t i = 0; i < scale->count; i++)
        scale->drawn[i] = scale->pairs[bench_random(&scale->seed) % connections];
}

static bool measure_all(struct scale *scale, uint64_t connections, int rounds, bool json) {
    char variant[80];
    snprintf(variant, sizeof variant, "%llu connections", (unsigned long long)connections);
    struct bench_figure figures[] = {
        {"alone", variant, "ns a round trip", "null", "protocol work", {0}, rounds},
        {"hot", variant, "ns a round trip", "null", "protocol work", {0}, rounds},
        {"random", variant, "ns a round trip", "null", "cache misses", {0}, rounds},
        {"after", variant, "ns a round trip", "null", "timers and delayed ACKs", {0}, rounds},
        {"hot", variant, "of alone", "1.1", "asked", {0}, rounds},
        {"random", variant, "ns more than hot", "600", "asked", {0}, rounds},
    };
    const struct bench_pair *hot = &scale->pairs[connections / 2];
    for (int i = 0; i < rounds; i++) {
        draw(scale, connections);
        double ns[4];
        ns[0] = measure(&scale->alone, &scale->only, scale->count, false);
        ns[1] = measure(&scale->many, hot, scale->count, false);
        bench_settle(&scale->many);
        ns[2] = measure(&scale->many, scale->drawn, scale->count, true);
        ns[3] = bench_seconds();
        bench_settle(&scale->many);
        ns[3] = (bench_seconds() - ns[3]) * 1e9 / (double)scale->count;
        for (int k = 0; k < 4; k++) {
            if (ns[k] < 0)
                return false;
            figures[k].rounds[i] = ns[k];
        }
        figures[4].rounds[i] = ns[1] / ns[0];
        figures[5].rounds[i] = ns[2] - ns[1];
    }
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        bench_print(&figures[i], json);
    return true;
}

static const char *grow_and_measure(struct scale *scale, const struct bench_hosts *hosts,
                                    uint64_t connections, int rounds, bool json) {
    if (bench_open(&scale->alone, hosts) || bench_open(&scale->many, hosts))
        return "out of memory";
    if (bench_connect_many(&scale->alone, &scale->only, 0, 1))
        return "a connection did not open";
    uint64_t open = 0;
    for (uint64_t next = 1;; next = next * 10 < connections ? next * 10 : connections) {
        /* a port has its listener only while connections are made: a port begun is left */
        if (bench_connect_many(&scale->many, scale->pairs, open, next))
            return "a connection did not open";
        open = next;
        bench_settle(&scale->many);
        if (!measure_all(scale, open, rounds, json))
            return "a message did not arrive: this is a bug";
        if (open == connections)
            return 0;
    }
}

bool bench_scale(const struct bench_options *options) {
    uint64_t connections = bench_or(options->connections, 1000000);
    struct bench_hosts hosts = {1500, false, (uint32_t)bench_or(options->buffer, 64 * 1024),
                                options->seed};
    struct scale scale;
    memset(&scale, 0, sizeof scale);
    scale.seed = options->seed;
    scale.count = bench_or(options->count, 200000);
    scale.pairs = calloc(connections, sizeof *scale.pairs);
    scale.drawn = calloc(scale.count, sizeof *scale.drawn);
    const char *wrong = "out of memory";
    if (scale.pairs && scale.drawn)
        wrong = grow_and_measure(&scale, &hosts, connections, (int)bench_or(options->rounds, 5),
                                 options->json);
    uint64_t left = bench_close(&scale.alone) + bench_close(&scale.many);
    free(scale.pairs);
    free(scale.drawn);
    if (!wrong && left)
        wrong = "memory was not given back: this is a bug";
    if (wrong)
        cli_error("%s", wrong);
    return !wrong;
}
