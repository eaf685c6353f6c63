/* cli/bench_world.c: two hosts in memory for `rill bench`: no link, no system call, virtual time.
 * What crosses is handed over by reference, as packets are between threads of one process. */
#include "cli/bench.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SERVER_PORT 80

struct journal_file bench_journal;

double bench_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* splitmix64 */
uint64_t bench_random(uint64_t *seed) {
    uint64_t x = *seed += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t bench_memory(const struct bench *bench) {
    uint64_t sum = 0;
    for (int i = 0; i < BENCH_OWNERS; i++)
        sum += bench->bytes[i];
    return sum;
}

static void *allocate(void *context, size_t size) {
    struct bench_account *from = context;
    void *memory = malloc(size);
    if (!memory)
        return 0;
    from->bench->bytes[from->owner] += size;
    uint64_t all = bench_memory(from->bench);
    if (all > from->bench->bytes_most)
        from->bench->bytes_most = all;
    return memory;
}

static void release(void *context, void *memory, size_t size) {
    struct bench_account *from = context;
    from->bench->bytes[from->owner] -= size;
    free(memory);
}

static struct rill_allocator allocator(struct bench *bench, enum bench_owner owner) {
    bench->accounts[owner] = (struct bench_account){bench, owner};
    return (struct rill_allocator){&bench->accounts[owner], allocate, release};
}

static int open_host(struct bench *bench, const struct bench_hosts *hosts, int i) {
    struct rill_stack_config config;
    rill_stack_config_default(&config);
    config.allocator = allocator(bench, (enum bench_owner)i);
    config.pool = bench->pool;
    config.seed[0] = hosts->seed;
    config.seed[1] = (uint64_t)i;
    journal_file_attach(&bench_journal, &config, (uint8_t)i);
    config.receive_buffer = config.send_buffer = hosts->buffer;
    struct rill_interface_config interface;
    rill_interface_config_default(&interface);
    interface.mtu = hosts->mtu;
    interface.flags = hosts->offload ? RILL_INTERFACE_CHECKSUM | RILL_INTERFACE_GSO : 0;
    uint32_t number;
    int error = rill_stack_open(&config, &bench->stacks[i]);
    if (!error)
        error = rill_interface_add(bench->stacks[i], &interface, &number);
    struct rill_address address = rill_address_ipv4(10, 0, 0, (uint8_t)(i + 1));
    if (!error)
        error = rill_address_add(bench->stacks[i], 0, &address, 24);
    return error;
}

int bench_open(struct bench *bench, const struct bench_hosts *hosts) {
    memset(bench, 0, sizeof *bench);
    struct rill_allocator memory = allocator(bench, BENCH_POOL);
    bench->pool = rill_pool_open(&memory, 0);
    if (!bench->pool)
        return RILL_ERROR_MEMORY;
    int error = open_host(bench, hosts, 0);
    return error ? error : open_host(bench, hosts, 1);
}

uint64_t bench_close(struct bench *bench) {
    for (int i = 0; i < 2; i++)
        if (bench->stacks[i])
            rill_stack_close(bench->stacks[i]);
    if (bench->pool)
        rill_pool_close(bench->pool);
    return bench_memory(bench);
}

static void hand_over(struct bench *bench) {
    struct rill_packet *packets[64];
    size_t n, total;
    do {
        total = 0;
        for (int from = 0; from < 2; from++) {
            while ((n = rill_output(bench->stacks[from], 0, packets, 64, SIZE_MAX, bench->now)) >
                   0) {
                rill_input(bench->stacks[!from], 0, packets, n, bench->now);
                total += n;
            }
        }
    } while (total);
}

static void run_timers(struct bench *bench) {
    for (int i = 0; i < 2; i++)
        if (rill_deadline(bench->stacks[i]) <= bench->now)
            rill_advance(bench->stacks[i], bench->now, 0);
}

void bench_exchange(struct bench *bench) {
    hand_over(bench);
    bench->now += RILL_MICROSECOND;
    run_timers(bench);
}

void bench_settle(struct bench *bench) {
    for (;;) {
        hand_over(bench);
        rill_time a = rill_deadline(bench->stacks[0]), b = rill_deadline(bench->stacks[1]);
        rill_time next = a < b ? a : b;
        if (next == RILL_TIME_NEVER)
            return;
        bench->now = next > bench->now ? next : bench->now + 1;
        run_timers(bench);
    }
}

int bench_listen(struct bench *bench, uint16_t port, rill_handle *listener) {
    struct rill_tcp_listen_config listen;
    rill_tcp_listen_config_default(&listen);
    listen.local.port = port;
    return rill_tcp_listen(bench->stacks[1], &listen, listener);
}

int bench_connect_one(struct bench *bench, uint16_t local_port, uint16_t port, rill_handle listener,
                      rill_handle *client, rill_handle *server) {
    struct rill_tcp_connect_config connect;
    rill_tcp_connect_config_default(&connect);
    connect.local.port = local_port;
    connect.remote.address = rill_address_ipv4(10, 0, 0, 2);
    connect.remote.port = port;
    int error = rill_tcp_connect(bench->stacks[0], &connect, client);
    for (int i = 0; !error && i < 100; i++) {
        bench_exchange(bench);
        if (rill_tcp_accept(bench->stacks[1], listener, server) == 0)
            return 0;
    }
    return error ? error : RILL_ERROR_TIMED_OUT;
}

int bench_connect_many(struct bench *bench, struct bench_pair *pairs, uint64_t from, uint64_t to) {
    int error = 0;
    while (!error && from < to) {
        uint16_t port = (uint16_t)(SERVER_PORT + from / BENCH_PER_PORT);
        uint64_t end = (from / BENCH_PER_PORT + 1) * BENCH_PER_PORT;
        rill_handle listener;
        error = bench_listen(bench, port, &listener);
        if (error)
            return error;
        for (; !error && from < to && from < end; from++)
            error = bench_connect_one(bench, 0, port, listener, &pairs[from].client,
                                      &pairs[from].server);
        rill_tcp_close(bench->stacks[1], listener);
        for (struct rill_event event; rill_events(bench->stacks[1], &event, 1);) {
        }
    }
    return error;
}

bool bench_round_trip(struct bench *bench, const struct bench_pair *pair, uint8_t *message,
                      size_t length) {
    int64_t want = (int64_t)length;
    struct rill_stack *client = bench->stacks[0], *server = bench->stacks[1];
    if (rill_tcp_send(client, pair->client, message, length) != want)
        return false;
    bench_exchange(bench);
    if (rill_tcp_receive(server, pair->server, message, length) != want ||
        rill_tcp_send(server, pair->server, message, length) != want)
        return false;
    bench_exchange(bench);
    return rill_tcp_receive(client, pair->client, message, length) == want;
}
