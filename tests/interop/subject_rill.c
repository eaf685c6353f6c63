/* tests/interop/subject_rill.c: rill under test, a fresh host for each sequence, in virtual time.
 */
#include "sequence.h"

#include "../world.h"
#include <string.h>

static struct {
    struct test_memory memory;
    struct rill_allocator allocator;
    struct rill_pool *pool;
    struct rill_stack *stack;
    rill_handle listener, connection;
    rill_time now;
    bool closed; /* by the application */
} host;

static bool open_host(uint16_t window) {
    struct rill_stack_config config;
    struct rill_interface_config interface;
    struct rill_address address = rill_address_ipv4(10, 77, 0, 1);
    uint32_t number;
    static uint64_t seed;
    memset(&host, 0, sizeof host);
    host.allocator = test_allocator(&host.memory);
    host.pool = rill_pool_open(&host.allocator, 0);
    host.now = 3600 * RILL_SECOND;
    rill_stack_config_default(&config);
    config.allocator = host.allocator;
    config.pool = host.pool;
    config.seed[0] = ++seed;
    config.check = true;
    config.nagle = false; /* as the kernel is told; its own is Minshall's variant */
    config.receive_buffer = window;
    config.rto_initial = RILL_SECOND;
    rill_interface_config_default(&interface);
    interface.mtu = 1500;
    return !rill_stack_open(&config, &host.stack) &&
           !rill_interface_add(host.stack, &interface, &number) &&
           !rill_address_add(host.stack, number, &address, 24);
}

static bool begin(const struct sequence *sequence, uint8_t peer, uint16_t peer_port) {
    struct rill_tcp_listen_config listen;
    struct rill_tcp_connect_config connect;
    if (!open_host(sequence->window))
        return false;
    rill_tcp_listen_config_default(&listen);
    listen.local.port = OWN_PORT;
    rill_tcp_connect_config_default(&connect);
    connect.remote.address = rill_address_ipv4(10, 77, 0, peer);
    connect.remote.port = peer_port;
    if (sequence->begin == BEGIN_SYN_SENT)
        return !rill_tcp_connect(host.stack, &connect, &host.connection);
    return !rill_tcp_listen(host.stack, &listen, &host.listener);
}

static void put(const void *packet, size_t length) {
    struct rill_packet *in = rill_packet_open(host.pool);
    struct rill_block *block = rill_block_open(host.pool, length);
    struct rill_slice slice = {rill_block_data(block), length, block};
    memcpy(rill_block_data(block), packet, length);
    if (rill_packet_append(in, slice))
        return;
    host.now += RILL_MILLISECOND / 10;
    (void)rill_input(host.stack, 0, &in, 1, host.now);
    if (!host.connection && host.listener)
        if (rill_tcp_accept(host.stack, host.listener, &host.connection))
            host.connection = 0;
}

static size_t get(void *packet, size_t room) {
    struct rill_packet *out;
    (void)room;
    if (!rill_output(host.stack, 0, &out, 1, SIZE_MAX, host.now))
        return 0;
    size_t length = out->length;
    rill_packet_flatten(out, packet);
    rill_packet_drop(out);
    return length;
}

static void call(const struct step *step) {
    static uint8_t bytes[4096];
    int64_t n = 0;
    if (!host.connection || host.closed)
        return;
    if (step->kind == STEP_WRITE)
        n = rill_tcp_send(host.stack, host.connection, bytes, step->length);
    else if (step->kind == STEP_READ)
        n = rill_tcp_receive(host.stack, host.connection, bytes, step->length);
    else if (step->kind == STEP_SHUTDOWN)
        n = rill_tcp_shutdown(host.stack, host.connection);
    (void)n;
    if (step->kind != STEP_CLOSE)
        return;
    (void)rill_tcp_close(host.stack, host.connection);
    host.closed = true;
}

static void info(struct rill_tcpi *out) {
    if (!host.connection || host.closed || rill_tcp_get_tcpi(host.stack, host.connection, out)) {
        memset(out, 0, sizeof *out);
        out->tcpi_state = RILL_TCPI_CLOSE;
    }
}

static void end(void) {
    rill_stack_close(host.stack);
    rill_pool_close(host.pool);
    host.stack = 0;
}

static size_t get_or_none(void *packet, size_t room) {
    return host.stack ? get(packet, room) : 0;
}

const struct subject rill_subject = {"rill", begin, put, get_or_none, call, info, end};
