/* cli/demo.c: `rill demo`: two hosts over an emulated path in virtual time.
 *
 * Like a browser, the client opens N connections to one port of the server and fetches SIZE bytes
 * over each; half are closed by the client first, half by the server. Then one more connection is
 * opened at once from a port used before. Every byte is hashed where it is made and where it
 * arrives. Each frame is counted where a wire would carry it, by the tap that also feeds the
 * capture. */
#include "cli/demo.h"

#include "base/bytes.h"
#include "cli/allocator.h"
#include "cli/command.h"
#include "packet/segment.h"
#include <string.h>
#include <time.h>

#define SERVER_PORT 19 /* character generator, RFC 864: bytes without a form */
#define CHUNK 16384
#define TIME_LIMIT (24 * 3600 * RILL_SECOND)

static bool write_capture(void *context, const uint8_t *data, size_t length) {
    return fwrite(data, 1, length, context) == length;
}

static bool is_resent(enum rill_cause cause) {
    return cause == RILL_CAUSE_SYN_RESENT || cause == RILL_CAUSE_SYN_ACK_RESENT ||
           cause == RILL_CAUSE_FAST_RETRANSMIT || cause == RILL_CAUSE_PARTIAL_ACK ||
           cause == RILL_CAUSE_RTO || cause == RILL_CAUSE_RACK;
}

/* Which connection a frame belongs to: by the client's port; the latest that has it. */
static struct demo_connection *owner(struct demo *demo, uint16_t client_port) {
    uint32_t number = demo->by_port[client_port];
    return number ? &demo->list[number - 1] : 0;
}

static void tap(void *context, int sender, const struct rill_packet *packet, rill_time now) {
    struct demo *demo = context;
    uint8_t head[40];
    rill__packet_copy(packet, 0, head, sizeof head);
    const uint8_t *tcp = head + 20;
    struct demo_connection *connection = owner(demo, bytes_get16(sender == 0 ? tcp : tcp + 2));
    uint32_t frames = rill_packet_frames(packet);
    if (connection) {
        connection->segments_sent += frames;
        if (is_resent((enum rill_cause)packet->cause))
            connection->segments_resent += frames;
        if (sender == 0 && packet->cause == RILL_CAUSE_SYN)
            connection->isn = bytes_get32(tcp + 4);
    }
    if (demo->file && !rill_capture_packet(packet, now, sender, write_capture, demo->file))
        demo->capture_failed = true;
}

static int open_world(struct demo *demo) {
    struct rill_allocator allocator = cli_allocator();
    demo->pool = rill_pool_open(&allocator, 0);
    if (!demo->pool)
        return RILL_ERROR_MEMORY;
    for (int i = 0; i < 2; i++) {
        struct rill_stack_config config;
        rill_stack_config_default(&config);
        config.allocator = allocator;
        config.pool = demo->pool;
        config.seed[0] = demo->seed;
        config.seed[1] = (uint64_t)i;
        journal_file_attach(&demo->journal_file, &config, (uint8_t)i);
        struct rill_interface_config interface;
        rill_interface_config_default(&interface);
        interface.flags = RILL_INTERFACE_CHECKSUM | RILL_INTERFACE_GSO;
        struct rill_path_config path;
        rill_path_config_default(&path);
        path.seed = demo->seed * 2 + (uint64_t)i;
        path.delay = demo->rtt / 2;
        path.rate = demo->rate;
        path.loss = demo->loss;
        path.reorder = demo->reorder;
        uint32_t number;
        demo->address[i] = rill_address_ipv4(10, 77, 0, (uint8_t)(i + 1));
        int error = rill_stack_open(&config, &demo->world.stacks[i]);
        if (!error)
            error = rill_interface_add(demo->world.stacks[i], &interface, &number);
        if (!error)
            error = rill_address_add(demo->world.stacks[i], 0, &demo->address[i], 24);
        if (error)
            return error;
        demo->world.paths[i] = rill_path_open(&allocator, demo->pool, &path);
        if (!demo->world.paths[i])
            return RILL_ERROR_MEMORY;
    }
    demo->world.tap = tap;
    demo->world.tap_context = demo;
    struct rill_tcp_listen_config listen;
    rill_tcp_listen_config_default(&listen);
    listen.local.port = SERVER_PORT;
    listen.backlog = UINT32_MAX;
    return rill_tcp_listen(demo->world.stacks[1], &listen, &demo->listener);
}

static void close_world(struct demo *demo) {
    for (int i = 0; i < 2; i++) {
        if (demo->world.paths[i])
            rill_path_close(demo->world.paths[i]);
        if (demo->world.stacks[i])
            rill_stack_close(demo->world.stacks[i]);
    }
    if (demo->pool)
        rill_pool_close(demo->pool);
}

/* Adds the next connection; `port` 0: any. Returns 0 or an error. */
static int open_connection(struct demo *demo, uint16_t port, unsigned incarnation) {
    struct rill_tcp_connect_config config;
    rill_tcp_connect_config_default(&config);
    config.local.address = demo->address[0];
    config.local.port = port;
    config.remote.address = demo->address[1];
    config.remote.port = SERVER_PORT;
    struct demo_connection *connection = &demo->list[demo->count];
    memset(connection, 0, sizeof *connection);
    connection->incarnation = incarnation;
    connection->client_closes = demo->count % 2 == 0;
    connection->generator = demo->seed + demo->count * 0x9e3779b97f4a7c15u;
    connection->opened = demo->world.now;
    cli_sha256_init(&connection->sent_sha);
    cli_sha256_init(&connection->received_sha);
    config.user = connection;
    int error = rill_tcp_connect(demo->world.stacks[0], &config, &connection->client);
    if (error)
        return error;
    struct rill_tcp_info info;
    error = rill_tcp_get_info(demo->world.stacks[0], connection->client, &info);
    connection->local = info.local;
    connection->remote = info.remote;
    demo->count++;
    demo->by_port[connection->local.port] = (uint32_t)demo->count;
    return error;
}

static void fail(struct demo_connection *connection, int64_t error) {
    if (!connection->failed)
        connection->error = (int)error;
    connection->failed = true;
}

static void make_bytes(struct demo_connection *connection, uint8_t *out, size_t length) {
    for (size_t i = 0; i < length; i += 8) {
        connection->generator += 0x9e3779b97f4a7c15u; /* splitmix64 */
        uint64_t x = connection->generator;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
        x = (x ^ x >> 27) * 0x94d049bb133111ebu;
        x ^= x >> 31;
        for (size_t k = 0; k < 8 && i + k < length; k++)
            out[i + k] = (uint8_t)(x >> (8 * k));
    }
}

/* The server sends what is left, by reference: each block is made, hashed, and given away. */
static void serve(struct demo *demo, struct demo_connection *connection) {
    struct rill_stack *stack = demo->world.stacks[1];
    uint64_t waiting = demo->bytes - connection->sent;
    while (waiting && rill_ready(stack, connection->server) & RILL_EVENT_WRITABLE) {
        size_t length = waiting < CHUNK ? (size_t)waiting : CHUNK;
        struct rill_block *block = rill_block_open(demo->pool, length);
        if (!block) {
            fail(connection, RILL_ERROR_MEMORY);
            return;
        }
        struct demo_connection before = *connection;
        make_bytes(connection, rill_block_data(block), length);
        cli_sha256_add(&connection->sent_sha, rill_block_data(block), length);
        struct rill_slice slice = {rill_block_data(block), length, block};
        int64_t taken = rill_tcp_send_slices(stack, connection->server, &slice, 1);
        if (taken != 1) {
            rill_block_drop(block);
            *connection = before;
            if (taken < 0 && taken != RILL_ERROR_AGAIN)
                fail(connection, taken);
            return;
        }
        connection->sent += length;
        waiting -= length;
    }
    if (!waiting && !connection->client_closes)
        rill_tcp_shutdown(stack, connection->server);
}

/* The server's end: it serves, and closes when the client has. */
static void run_server(struct demo *demo, struct demo_connection *connection) {
    struct rill_stack *stack = demo->world.stacks[1];
    uint8_t byte;
    if (!connection->server || connection->server_done)
        return;
    serve(demo, connection);
    int64_t n = rill_tcp_receive(stack, connection->server, &byte, 1);
    if (n == RILL_ERROR_AGAIN)
        return;
    if (n != 0)
        fail(connection, n < 0 ? n : RILL_ERROR_STATE);
    struct rill_tcp_info info;
    if (rill_tcp_get_info(stack, connection->server, &info) == 0)
        for (int i = 0; i < RILL_LIMITER_COUNT; i++)
            demo->limited_ns[i] += info.limited_ns[i];
    rill_tcp_close(stack, connection->server);
    connection->server_done = true;
}

static void finish_client(struct demo *demo, struct demo_connection *connection) {
    struct rill_stack *stack = demo->world.stacks[0];
    struct rill_tcp_info info;
    if (rill_tcp_get_info(stack, connection->client, &info) == 0)
        connection->rtt = info.rtt;
    rill_tcp_close(stack, connection->client);
    connection->client_done = true;
    connection->finished = demo->world.now;
}

/* The client's end: it reads; closes at the last byte, or when the server has closed. */
static void run_client(struct demo *demo, struct demo_connection *connection) {
    struct rill_stack *stack = demo->world.stacks[0];
    static uint8_t buffer[65536];
    while (!connection->client_done) {
        if (connection->client_closes && connection->received == demo->bytes &&
            connection->server) {
            finish_client(demo, connection);
            return;
        }
        int64_t n = rill_tcp_receive(stack, connection->client, buffer, sizeof buffer);
        if (n == RILL_ERROR_AGAIN)
            return;
        if (n <= 0) {
            if (n < 0)
                fail(connection, n);
            finish_client(demo, connection);
            return;
        }
        cli_sha256_add(&connection->received_sha, buffer, (size_t)n);
        connection->received += (uint64_t)n;
    }
}

static void accept_all(struct demo *demo) {
    rill_handle handle;
    while (rill_tcp_accept(demo->world.stacks[1], demo->listener, &handle) == 0) {
        struct rill_tcp_info info;
        struct demo_connection *connection = 0;
        if (rill_tcp_get_info(demo->world.stacks[1], handle, &info) == 0)
            connection = owner(demo, info.remote.port);
        if (!connection) {
            rill_tcp_abort(demo->world.stacks[1], handle);
            continue;
        }
        connection->server = handle;
        rill_user_set(demo->world.stacks[1], handle, connection);
        run_client(demo, connection); /* with nothing to fetch, this is the moment to close */
    }
}

/* Drives the world until every connection opened so far is done, and what is under way has arrived.
 */
static void run_world(struct demo *demo) {
    bool more = true;
    while (more) {
        struct rill_event events[64];
        size_t n;
        accept_all(demo);
        for (int host = 0; host < 2; host++)
            while ((n = rill_events(demo->world.stacks[host], events, 64)) > 0)
                for (size_t i = 0; i < n; i++)
                    if (events[i].user && host == 0)
                        run_client(demo, events[i].user);
                    else if (events[i].user)
                        run_server(demo, events[i].user);
        struct rill_stack_info info;
        rill_stack_get_info(demo->world.stacks[0], &info);
        bool idle = info.connections == 0; /* every connection has ended, on both sides */
        rill_stack_get_info(demo->world.stacks[1], &info);
        if (idle && info.connections == 0)
            break;
        more = rill_virtual_step(&demo->world, TIME_LIMIT);
    }
}

static void judge(struct demo *demo) {
    demo->ok = demo->count == demo->connections + 1;
    for (uint64_t i = 0; i < demo->count; i++) {
        struct demo_connection *connection = &demo->list[i];
        cli_sha256_hex(&connection->sent_sha, connection->sent_hex);
        cli_sha256_hex(&connection->received_sha, connection->received_hex);
        bool equal = connection->received == demo->bytes &&
                     strcmp(connection->sent_hex, connection->received_hex) == 0;
        connection->failed = connection->failed || !connection->client_done || !equal;
        demo->ok = demo->ok && !connection->failed;
    }
}

static int run_demo(struct demo *demo) {
    int error = open_world(demo);
    for (uint64_t i = 0; !error && i < demo->connections; i++)
        error = open_connection(demo, 0, 1);
    if (!error) {
        run_world(demo);
        error = open_connection(demo, demo->list[0].local.port, 2);
    }
    if (!error)
        run_world(demo);
    judge(demo);
    return error;
}

static bool open_capture(struct demo *demo) {
    uint8_t head[RILL_CAPTURE_OVERHEAD];
    if (!demo->capture)
        return true;
    demo->file = fopen(demo->capture, "wb");
    if (demo->file && fwrite(head, rill_capture_begin(head), 1, demo->file) == 1)
        return true;
    cli_error("cannot write %s; give --capture a path that can be written", demo->capture);
    return false;
}

static bool open_journal(struct demo *demo) {
    if (!demo->journal || journal_file_open(&demo->journal_file, demo->journal))
        return true;
    cli_error("cannot write %s; give --journal a path that can be written", demo->journal);
    return false;
}

static bool close_files(struct demo *demo) {
    if (!journal_file_close(&demo->journal_file)) {
        cli_error("the journal %s is not whole: writing it failed; is the disk full?",
                  demo->journal);
        return false;
    }
    if (demo->file && (fclose(demo->file) || demo->capture_failed)) {
        cli_error("the capture %s is not whole: writing it failed; is the disk full?",
                  demo->capture);
        return false;
    }
    return true;
}

static int run_and_tell(struct demo *demo) {
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (!open_capture(demo) || !open_journal(demo))
        return CLI_FAILED;
    int error = run_demo(demo);
    close_world(demo);
    clock_gettime(CLOCK_MONOTONIC, &end);
    demo->wall_seconds =
        (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) * 1e-9;
    bool captured = close_files(demo);
    if (error)
        cli_error("%s", rill_error_text(error));
    if (demo->json)
        demo_print_json(demo);
    else
        demo_print_table(demo);
    return demo->ok && captured && !error ? CLI_DONE : CLI_FAILED;
}

int command_demo(int argc, char **argv) {
    static struct demo demo; /* zero, and too large for a stack */
    demo =
        (struct demo){.connections = 6, .bytes = 1u << 20, .seed = 1, .rtt = 40 * RILL_MILLISECOND};
    const struct cli_option options[] = {
        {"--connections", CLI_NUMBER, &demo.connections, "N", "connections to open at once (6)", 0},
        {"--bytes", CLI_SIZE, &demo.bytes, "SIZE", "to fetch over each (1M)", 0},
        {"--rtt", CLI_TIME, &demo.rtt, "T", "round-trip time of the path (40ms)", 0},
        {"--loss", CLI_PROBABILITY, &demo.loss, "P", "of each frame, both ways (0)", 0},
        {"--reorder", CLI_PROBABILITY, &demo.reorder, "P", "of each frame to be held back (0)", 0},
        {"--rate", CLI_RATE, &demo.rate, "R", "bit/s each way, 0 without limit (0)", 0},
        {"--seed", CLI_NUMBER, &demo.seed, "N", "same seed, same run (1)", 0},
        {"--capture", CLI_TEXT, &demo.capture, "FILE", "write every frame as pcapng", 0},
        {"--journal", CLI_TEXT, &demo.journal, "FILE", "record every call: see rill replay", 0},
        {"--json", CLI_FLAG, &demo.json, 0, "one JSON object instead of the table", 0},
    };
    int words = cli_parse(argc, argv, "rill demo [options]", options,
                          sizeof options / sizeof *options, 0, 0);
    if (words < 0)
        return -1 - words;
    if (demo.connections < 1 || demo.connections > 60000) {
        cli_error("--connections must be 1 to 60000: one address has no more ports");
        return CLI_USAGE;
    }
    demo.list = calloc(demo.connections + 1, sizeof *demo.list);
    if (!demo.list) {
        cli_error("out of memory for %llu connections; ask for fewer",
                  (unsigned long long)demo.connections);
        return CLI_MISSING;
    }
    int status = run_and_tell(&demo);
    free(demo.list);
    return status;
}
