/* cli/bench.h: what the measurements of `rill bench` share: two hosts in memory, their memory
 * counted at the allocator, and figures of several rounds. */
#ifndef RILL_CLI_BENCH_H
#define RILL_CLI_BENCH_H

#include "link/journal_file.h"
#include <rill/rill.h>

/* What the user asks for. */
struct bench_options {
    uint64_t rounds, bytes, count, connections, buffer, seed; /* UINT64_MAX: the default */
    bool json;
};
#define BENCH_DEFAULT UINT64_MAX
#define BENCH_ROUNDS_MAX 101

static inline uint64_t bench_or(uint64_t asked, uint64_t otherwise) {
    return asked == BENCH_DEFAULT ? otherwise : asked;
}

/* One measurement a file. Each prints its figures and returns false after an error it has told. */
bool bench_bulk(const struct bench_options *options);
bool bench_rpc(const struct bench_options *options);
bool bench_connect(const struct bench_options *options);
bool bench_idle(const struct bench_options *options);
bool bench_scale(const struct bench_options *options);

extern struct journal_file bench_journal; /* of --journal; both hosts of every round */

/* bench_world.c: two hosts joined by nothing but function calls, both in this process. */
struct bench_hosts {
    uint32_t mtu;
    bool offload; /* no checksum computed, super-segments: as on a link with offloads */
    uint32_t buffer;
    uint64_t seed;
};

enum bench_owner { BENCH_CLIENT, BENCH_SERVER, BENCH_POOL, BENCH_OWNERS };

/* Whose memory an allocator counts. */
struct bench_account {
    struct bench *bench;
    enum bench_owner owner;
};

struct bench {
    uint64_t bytes[BENCH_OWNERS]; /* asked of the allocator and not given back */
    uint64_t bytes_most;          /* the most it was in all */
    struct bench_account accounts[BENCH_OWNERS];
    struct rill_pool *pool;
    struct rill_stack *stacks[2];
    rill_time now;
};

/* Two hosts with an interface and an address each, and nothing else. Returns 0 or an error. */
int bench_open(struct bench *bench, const struct bench_hosts *hosts);
/* Returns the bytes that were not given back. */
uint64_t bench_close(struct bench *bench);
uint64_t bench_memory(const struct bench *bench);

/* Everything that waits crosses, until nothing does; then time moves by a microsecond. */
void bench_exchange(struct bench *bench);
/* Time moves from deadline to deadline until nothing will happen any more. */
void bench_settle(struct bench *bench);

int bench_listen(struct bench *bench, uint16_t port, rill_handle *listener);
/* `local_port` 0: the stack chooses. */
int bench_connect_one(struct bench *bench, uint16_t local_port, uint16_t port, rill_handle listener,
                      rill_handle *client, rill_handle *server);

struct bench_pair {
    rill_handle client, server;
};
/* Many connections: a port of the server's takes no more than BENCH_PER_PORT of them, so that
 * ephemeral ports do not run out. Opens those from `from` to `to`. */
#define BENCH_PER_PORT 50000
int bench_connect_many(struct bench *bench, struct bench_pair *pairs, uint64_t from, uint64_t to);

/* A request and its answer of `length` bytes; false: a message did not arrive whole. */
bool bench_round_trip(struct bench *bench, const struct bench_pair *pair, uint8_t *message,
                      size_t length);

/* CPU time of this process. */
double bench_seconds(void);
uint64_t bench_random(uint64_t *seed);

/* bench_figure.c: one result, of several rounds. */
struct bench_figure {
    const char *name, *variant, *unit;
    const char *limit, *limited_by; /* a number as text, or "null" */
    double rounds[BENCH_ROUNDS_MAX];
    int count;
};
/* Prints the median and what it lies between. */
void bench_print(struct bench_figure *figure, bool json);

#endif
