/* tests/sim/trace_tool.c: a seeded simulation of two hosts, as a pcapng on standard output.
 *
 *     trace_tool [SEED [FILL [BATCH]]]
 *
 * Several connections over a path with every fault, both families, both ends sending, closed from
 * either side, one aborted, and one opened again with the four-tuple of the first. FILL is what
 * fresh memory holds, BATCH how many packets are handed over at a time. Only the public interface
 * is used: whatever is not determined by the seed shows as a difference between two captures. */
#include <rill/emulator.h>
#include <rill/rill.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 6
#define BYTES 60000u

static int fill;
static uint64_t allocations;

static void *allocate(void *context, size_t size) {
    (void)context;
    /* Addresses differ from run to run: an odd one is thrown in between now and then. */
    void *decoy = ++allocations % 3 == (unsigned)fill % 3 ? malloc(17 + size / 2) : 0;
    void *memory = malloc(size);
    if (memory)
        memset(memory, fill, size);
    free(decoy);
    return memory;
}

static void release(void *context, void *memory, size_t size) {
    (void)context;
    memset(memory, ~fill, size);
    free(memory);
}

struct connection {
    rill_handle handle[2]; /* by host */
    uint32_t sent[2], got[2];
    bool shut[2], done[2];
};

struct simulation {
    struct rill_virtual world;
    struct rill_address address[2][2]; /* by host and family */
    struct connection connections[CONNECTIONS + 1];
    rill_handle listener;
    unsigned opened, accepted;
};

static void check(int result, const char *what) {
    if (result < 0) {
        fprintf(stderr, "trace_tool: %s: %s\n", what, rill_error_text(result));
        exit(1);
    }
}

static bool write_block(void *context, const uint8_t *data, size_t length) {
    return fwrite(data, 1, length, context) == length;
}

static void tap(void *context, int sender, const struct rill_packet *packet, rill_time now) {
    if (!rill_capture_packet(packet, now, sender, write_block, context))
        exit(1);
}

static void open_host(struct simulation *s, int i, const struct rill_allocator *allocator,
                      struct rill_pool *pool, uint64_t seed) {
    struct rill_stack_config config;
    rill_stack_config_default(&config);
    config.allocator = *allocator;
    config.pool = pool;
    config.seed[0] = seed;
    config.seed[1] = (uint64_t)i;
    config.receive_buffer = i ? 20000 : 300000;
    check(rill_stack_open(&config, &s->world.stacks[i]), "open");
    struct rill_interface_config interface;
    rill_interface_config_default(&interface);
    interface.flags = i ? 0 : RILL_INTERFACE_GSO | RILL_INTERFACE_CHECKSUM;
    uint32_t number;
    check(rill_interface_add(s->world.stacks[i], &interface, &number), "interface");
    s->address[i][0] = rill_address_ipv4(10, 1, 0, (uint8_t)(i + 1));
    check(rill_address_parse(i ? "fd00::2" : "fd00::1", &s->address[i][1]), "address");
    for (int family = 0; family < 2; family++)
        check(rill_address_add(s->world.stacks[i], 0, &s->address[i][family], family ? 64 : 24),
              "address");
    struct rill_path_config path;
    rill_path_config_default(&path);
    path.seed = seed ^ (uint64_t)(i + 1);
    path.rate = 20000000;
    path.queue = 60000;
    path.delay = 5 * RILL_MILLISECOND;
    path.jitter = RILL_MILLISECOND;
    path.loss = RILL_CERTAIN / 50;
    path.burst = RILL_CERTAIN / 1000;
    path.burst_length = 3;
    path.reorder = path.duplicate = path.corrupt = RILL_CERTAIN / 100;
    static const uint64_t list[] = {2, 9, 17};
    static const struct rill_path_change changes[] = {
        {300 * RILL_MILLISECOND, RILL_PATH_RATE, 2000000},
        {600 * RILL_MILLISECOND, RILL_PATH_DELAY, 2 * RILL_MILLISECOND},
        {600 * RILL_MILLISECOND, RILL_PATH_RATE, 30000000},
    };
    path.loss_list = list;
    path.loss_list_count = sizeof list / sizeof *list;
    path.schedule = changes;
    path.schedule_count = sizeof changes / sizeof *changes;
    path.codel = true;
    path.codel_target = RILL_MILLISECOND;
    path.codel_interval = 10 * RILL_MILLISECOND;
    s->world.paths[i] = rill_path_open(allocator, pool, &path);
    if (!s->world.paths[i])
        check(RILL_ERROR_MEMORY, "path");
}

static void connect_one(struct simulation *s, uint16_t port) {
    struct rill_tcp_connect_config config;
    rill_tcp_connect_config_default(&config);
    int family = s->opened % 2;
    config.local.port = port;
    config.remote.address = s->address[1][family];
    config.remote.port = 80;
    check(rill_tcp_connect(s->world.stacks[0], &config, &s->connections[s->opened].handle[0]),
          "connect");
    s->opened++;
}

/* The connection an accepted handle belongs to, by its remote port: the same order each run. */
static void accept_all(struct simulation *s) {
    rill_handle handle;
    while (rill_tcp_accept(s->world.stacks[1], s->listener, &handle) == 0) {
        struct rill_tcp_info theirs, ours;
        check(rill_tcp_get_info(s->world.stacks[1], handle, &theirs), "info");
        for (unsigned i = 0; i < s->opened; i++) {
            struct connection *c = &s->connections[i];
            if (!c->handle[1] && !c->done[0] &&
                !rill_tcp_get_info(s->world.stacks[0], c->handle[0], &ours) &&
                ours.local.port == theirs.remote.port)
                c->handle[1] = handle;
        }
        s->accepted++;
    }
}

/* Sends and reads what can be; closes when both directions are through. */
static void serve(struct simulation *s, unsigned number, int host) {
    struct connection *c = &s->connections[number];
    struct rill_stack *stack = s->world.stacks[host];
    uint8_t buffer[3000];
    if (c->done[host] || !c->handle[host])
        return;
    memset(buffer, (int)(number * 16 + (unsigned)host), sizeof buffer);
    uint32_t left = BYTES - c->sent[host];
    int64_t n = left ? rill_tcp_send(stack, c->handle[host], buffer,
                                     left < sizeof buffer ? left : sizeof buffer)
                     : 0;
    if (n > 0)
        c->sent[host] += (uint32_t)n;
    if (c->sent[host] == BYTES && !c->shut[host] && (number + (unsigned)host) % 2 == 0)
        c->shut[host] = rill_tcp_shutdown(stack, c->handle[host]) == 0;
    bool ended = false;
    while ((n = rill_tcp_receive(stack, c->handle[host], buffer, sizeof buffer)) > 0)
        c->got[host] += (uint32_t)n;
    ended = n == 0 || (n < 0 && n != RILL_ERROR_AGAIN);
    bool abort = number == 3 && c->got[host] > BYTES / 2;
    if (abort)
        rill_tcp_abort(stack, c->handle[host]);
    else if (ended && c->sent[host] == BYTES)
        rill_tcp_close(stack, c->handle[host]);
    c->done[host] = abort || (ended && (n < 0 || c->sent[host] == BYTES));
}

static bool all_done(const struct simulation *s) {
    for (unsigned i = 0; i < s->opened; i++)
        if (!s->connections[i].done[0] || !s->connections[i].done[1])
            return s->connections[i].done[0] && !s->connections[i].handle[1];
    return s->opened > CONNECTIONS;
}

static void simulate(struct simulation *s) {
    for (unsigned steps = 0; steps < 200000 && !all_done(s); steps++) {
        if (s->opened < CONNECTIONS && steps % 40 == 0)
            connect_one(s, s->opened ? 0 : 5555);
        if (s->opened == CONNECTIONS && s->connections[0].done[0] && s->connections[0].done[1])
            connect_one(s, 5555); /* the four-tuple of the first, once more */
        accept_all(s);
        for (unsigned i = 0; i < s->opened; i++)
            for (int host = 0; host < 2; host++)
                serve(s, i, host);
        struct rill_event events[16];
        for (int i = 0; i < 2; i++)
            while (rill_events(s->world.stacks[i], events, 16))
                ;
        rill_virtual_step(&s->world, s->world.now + 20 * RILL_MILLISECOND);
    }
}

int main(int argc, char **argv) {
    static struct simulation s;
    uint64_t seed = argc > 1 ? strtoull(argv[1], 0, 0) : 1;
    fill = argc > 2 ? (int)strtol(argv[2], 0, 0) : 0;
    s.world.batch = argc > 3 ? strtoul(argv[3], 0, 0) : 0;
    struct rill_allocator allocator = {0, allocate, release};
    struct rill_pool *pool = rill_pool_open(&allocator, 0);
    if (!pool)
        check(RILL_ERROR_MEMORY, "pool");
    for (int i = 0; i < 2; i++)
        open_host(&s, i, &allocator, pool, seed);
    uint8_t header[RILL_CAPTURE_OVERHEAD];
    if (!write_block(stdout, header, rill_capture_begin(header)))
        return 1;
    s.world.tap = tap;
    s.world.tap_context = stdout;
    struct rill_tcp_listen_config listen;
    rill_tcp_listen_config_default(&listen);
    listen.local.port = 80;
    check(rill_tcp_listen(s.world.stacks[1], &listen, &s.listener), "listen");
    simulate(&s);
    for (int i = 0; i < 2; i++) {
        rill_path_close(s.world.paths[i]);
        rill_stack_close(s.world.stacks[i]);
    }
    rill_pool_close(pool);
    for (unsigned i = 0; i < s.opened; i++)
        fprintf(stderr, "%u: %u and %u bytes, %s\n", i, s.connections[i].got[0],
                s.connections[i].got[1],
                s.connections[i].done[0] && s.connections[i].done[1] ? "closed" : "open");
    return fflush(stdout) || !all_done(&s);
}
