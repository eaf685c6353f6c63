/* tests/sim/mixed.c: see mixed.h. */
#include "sim/mixed.h"

#include "base/random.h"
#include <stdlib.h>
#include <string.h>

#define HANDLES 24

struct mixed {
    struct test_world test;
    struct random random;
    struct mixed_result *result;
    struct rill_allocator memory; /* the world's, failing now and then */
    uint32_t fail_one_in;         /* 0: never */
    struct handles {
        rill_handle list[HANDLES];
        unsigned count;
    } tcp[2], pending[2], udp[2];
    rill_handle listeners[2][3]; /* plain, deferred, any port */
};

static uint64_t below(struct mixed *m, uint64_t limit) {
    return rill__random_below(&m->random, limit);
}

static bool one_in(struct mixed *m, uint64_t n) {
    return below(m, n) == 0;
}

static void *allocate(void *context, size_t size) {
    struct mixed *m = context;
    if (m->fail_one_in && one_in(m, m->fail_one_in)) {
        m->result->failures++;
        return 0;
    }
    return m->memory.allocate(m->memory.context, size);
}

static void release(void *context, void *memory, size_t size) {
    struct mixed *m = context;
    m->memory.release(m->memory.context, memory, size);
}

static void add(struct mixed *m, struct handles *handles, rill_handle handle) {
    if (handles->count < HANDLES)
        handles->list[handles->count++] = handle;
    else
        handles->list[below(m, HANDLES)] = handle; /* the other one is left alone from now on */
}

/* One of them, sometimes one that is no more. */
static rill_handle any(struct mixed *m, const struct handles *handles) {
    if (!handles->count || one_in(m, 50))
        return below(m, UINT64_MAX);
    return handles->list[below(m, handles->count)];
}

static void forget(struct handles *handles, rill_handle handle) {
    for (unsigned i = 0; i < handles->count; i++)
        if (handles->list[i] == handle)
            handles->list[i] = handles->list[--handles->count];
}

static void configure(struct mixed *m, uint64_t seed) {
    struct test_world *test = &m->test;
    static const uint32_t mtus[] = {1280, 1500, 1500, 9000};
    bool ethernet = one_in(m, 3), plain = one_in(m, 4);
    uint32_t mtu = mtus[below(m, 4)];
    test_world_init(test, seed);
    test->ipv6 = one_in(m, 2);
    if (one_in(m, 4))
        mtu = test->ipv6 ? mtu : 296;
    if (!one_in(m, 4))
        test_world_delay(test, below(m, 50 * RILL_MILLISECOND));
    test->world.batch = one_in(m, 2) ? 1 + below(m, 8) : 0;
    for (int i = 0; i < 2; i++) {
        struct rill_stack_config *config = &test->config[i];
        config->check = false; /* what breaks is to be told, not to end the program */
        config->timestamps = config->sack = config->window_scaling = !plain;
        config->receive_buffer = one_in(m, 3) ? 0 : 1u << (8 + below(m, 13));
        config->send_buffer = one_in(m, 3) ? 0 : 1u << (8 + below(m, 13));
        config->nagle = one_in(m, 2);
        config->statistics = one_in(m, 2);
        config->time_wait = below(m, 20) * RILL_SECOND;
        config->keepalive_idle = RILL_SECOND;
        config->memory_limit = one_in(m, 3) ? 100000 : 64u << 20;
        test->interface[i].mtu = mtu;
        test->interface[i].flags = one_in(m, 3) ? RILL_INTERFACE_GSO | RILL_INTERFACE_CHECKSUM : 0;
        test->interface[i].framing = ethernet ? &rill_ethernet : 0;
        memcpy(test->interface[i].mac, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(i + 1)}, 6);
        struct rill_path_config *path = &test->path[i];
        path->loss = one_in(m, 2) ? (uint32_t)below(m, RILL_CERTAIN / 5) : 0;
        path->reorder = one_in(m, 3) ? RILL_CERTAIN / 10 : 0;
        path->duplicate = one_in(m, 4) ? RILL_CERTAIN / 20 : 0;
        path->corrupt = one_in(m, 3) ? RILL_CERTAIN / 20 : 0;
        path->corrupt_bits = one_in(m, 2) ? 1 : 30;
    }
}

static void listen_all(struct mixed *m, int host) {
    for (int kind = 0; kind < 3; kind++) {
        struct rill_tcp_listen_config config;
        rill_tcp_listen_config_default(&config);
        config.local.port = (uint16_t)(80 + kind);
        config.deferred = kind == 1;
        config.any_port = kind == 2;
        config.backlog = 1 + (uint32_t)below(m, 10);
        config.fast_open = (uint32_t)below(m, 3);
        config.user = one_in(m, 2) ? m : 0;
        if (rill_tcp_listen(m->test.world.stacks[host], &config, &m->listeners[host][kind]))
            m->listeners[host][kind] = 0;
    }
}

static void connect_one(struct mixed *m, int host) {
    struct rill_tcp_connect_config config;
    rill_handle handle;
    rill_tcp_connect_config_default(&config);
    config.remote.address = m->test.address[!host];
    config.remote.port = (uint16_t)(80 + below(m, 4));
    config.local.port = one_in(m, 4) ? (uint16_t)(1000 + below(m, 4)) : 0;
    config.user = one_in(m, 2) ? m : 0;
    config.fast_open = (uint8_t)below(m, RILL_FAST_OPEN_ALL + 1);
    if (rill_tcp_connect(m->test.world.stacks[host], &config, &handle) == 0)
        add(m, &m->tcp[host], handle);
}

static void serve_listener(struct mixed *m, int host) {
    struct rill_stack *stack = m->test.world.stacks[host];
    rill_handle handle, listener = m->listeners[host][below(m, 3)];
    struct rill_endpoint local, remote;
    if (rill_tcp_accept(stack, listener, &handle) == 0)
        add(m, &m->tcp[host], handle);
    if (rill_tcp_pending(stack, listener, &handle, &local, &remote) == 0)
        add(m, &m->pending[host], handle);
    handle = any(m, &m->pending[host]);
    forget(&m->pending[host], handle);
    switch (below(m, 4)) {
    case 0:
        rill_tcp_pending_refuse(stack, handle);
        break;
    case 1:
        rill_tcp_pending_drop(stack, handle);
        break;
    default:
        rill_tcp_pending_accept(stack, handle);
        break;
    }
}

static uint8_t bytes[70000];

static void send_slices(struct mixed *m, int host, rill_handle handle) {
    struct rill_slice slices[4];
    size_t count = 0, wanted = 1 + below(m, 4);
    while (count < wanted) {
        size_t length = below(m, 3000);
        struct rill_block *block = one_in(m, 2) ? rill_block_wrap(m->test.pool, bytes, length, 0, 0)
                                                : rill_block_open(m->test.pool, length);
        if (!block)
            break;
        if (rill_block_data(block) != bytes)
            memset(rill_block_data(block), (int)count, length);
        slices[count++] = (struct rill_slice){rill_block_data(block), length, block};
    }
    int64_t taken = rill_tcp_send_slices(m->test.world.stacks[host], handle, slices, count);
    for (size_t i = taken > 0 ? (size_t)taken : 0; i < count; i++)
        rill_block_drop(slices[i].block);
}

static void read_some(struct mixed *m, int host, rill_handle handle) {
    struct rill_stack *stack = m->test.world.stacks[host];
    static uint8_t to[70000];
    struct rill_slice slices[8];
    if (one_in(m, 2)) {
        int64_t n = rill_tcp_receive(stack, handle, to, 1 + below(m, sizeof to - 1));
        (void)n;
        return;
    }
    int64_t n = rill_tcp_receive_slices(stack, handle, slices, 1 + below(m, 8));
    for (int64_t i = 0; i < n; i++)
        rill_block_drop(slices[i].block);
}

static void end_one(struct mixed *m, int host, rill_handle handle) {
    struct rill_stack *stack = m->test.world.stacks[host];
    switch (below(m, 4)) {
    case 0:
        rill_tcp_abort(stack, handle);
        forget(&m->tcp[host], handle);
        break;
    case 1:
        rill_tcp_close(stack, handle);
        forget(&m->tcp[host], handle);
        break;
    default:
        rill_tcp_shutdown(stack, handle);
        break;
    }
}

static void udp_some(struct mixed *m, int host) {
    struct rill_stack *stack = m->test.world.stacks[host];
    struct handles *own = &m->udp[host];
    struct rill_udp_message message = {.remote = {m->test.address[!host], 5000, 0}};
    static uint8_t to[70000];
    if (own->count < 2 || one_in(m, 10)) {
        struct rill_udp_config config;
        rill_handle handle;
        rill_udp_config_default(&config);
        config.local.port = one_in(m, 2) ? 5000 : 0;
        config.remote = one_in(m, 2) ? message.remote : config.remote;
        if (rill_udp_open(stack, &config, &handle) == 0)
            add(m, own, handle);
    }
    rill_handle handle = any(m, own);
    size_t length = one_in(m, 3) ? below(m, 66000) : below(m, 500);
    int64_t n = rill_udp_send(stack, handle, bytes, length, one_in(m, 2) ? &message : 0);
    n = rill_udp_receive(stack, any(m, own), to, below(m, sizeof to), one_in(m, 2) ? &message : 0);
    (void)n;
    if (one_in(m, 20)) {
        rill_udp_close(stack, handle);
        forget(own, handle);
    }
}

/* Links, addresses, routes and groups come and go under what is going on. */
static void network_some(struct mixed *m, int host) {
    struct rill_stack *stack = m->test.world.stacks[host];
    struct rill_address group = rill_address_ipv4(224, 0, 1, (uint8_t)below(m, 4));
    struct rill_address own = m->test.address[host], nobody = {{0}};
    struct rill_endpoint to = {m->test.address[!host], 80, 0}, any_local = {{{0}}, 0, 0};
    struct rill_route_info info;
    int error = 0;
    switch (below(m, 6)) {
    case 0:
        rill_link_set(stack, 0, !one_in(m, 4));
        break;
    case 1:
        error = rill_group_join(stack, 0, &group);
        break;
    case 2:
        rill_group_leave(stack, 0, &group);
        break;
    case 3:
        own.bytes[14] ^= 1;
        error = rill_route_add(stack, 0, &own, 128 - 96 - 8, &nobody);
        rill_route_remove(stack, 0, &own, (uint8_t)(24 + below(m, 2)), &nobody);
        break;
    case 4:
        if (one_in(m, 3))
            rill_address_remove(stack, 0, &own);
        error = rill_address_add(stack, 0, &own, rill_address_is_ipv4(&own) ? 24 : 64);
        break;
    default:
        error = rill_route_get(stack, &to, &any_local, &info);
        break;
    }
    (void)error;
}

/* What sockets of the common kind ask for: bound first, listening or connected later. */
static void bind_some(struct mixed *m, int host) {
    struct rill_stack *stack = m->test.world.stacks[host];
    struct rill_tcp_bind_config config;
    struct rill_endpoint to = {m->test.address[!host], 5000, 0};
    rill_handle handle = any(m, &m->udp[host]);
    rill_tcp_bind_config_default(&config);
    config.local.port = one_in(m, 2) ? (uint16_t)(6000 + below(m, 3)) : 0;
    config.reuse = one_in(m, 2);
    int error = rill_udp_connect(stack, handle, &to);
    error = rill_udp_take_error(stack, handle);
    rill_udp_set_option(stack, handle, (enum rill_udp_option)below(m, 3), (uint32_t)below(m, 9000));
    rill_tcp_shutdown_read(stack, any(m, &m->tcp[host]));
    uint8_t keys[32];
    memset(keys, (int)below(m, 256), sizeof keys);
    rill_tcp_fast_open_set(stack, any(m, &m->tcp[host]), (uint32_t)below(m, 5));
    if (one_in(m, 4))
        error = rill_tcp_fast_open_keys(stack, 0, keys, 1 + (uint32_t)below(m, 2));
    struct rill_stack_config behaviour = m->test.config[host];
    behaviour.delayed_ack = below(m, 100) * RILL_MILLISECOND;
    behaviour.nagle = one_in(m, 2);
    if (one_in(m, 8))
        error = rill_stack_configure(stack, &behaviour);
    if (rill_tcp_bind(stack, &config, &handle) == 0) {
        error = rill_tcp_bound_listen(stack, handle, (uint32_t)below(m, 3));
        rill_tcp_close(stack, handle);
    }
    (void)error;
}

static void act(struct mixed *m, int host) {
    struct rill_stack *stack = m->test.world.stacks[host];
    struct rill_event events[8];
    rill_handle handle = any(m, &m->tcp[host]);
    int64_t n;
    switch (below(m, 16)) {
    case 0:
        connect_one(m, host);
        break;
    case 1:
    case 2:
        serve_listener(m, host);
        break;
    case 3:
        send_slices(m, host, handle);
        break;
    case 4:
        if (one_in(m, 3))
            end_one(m, host, handle);
        break;
    case 5:
        udp_some(m, host);
        break;
    case 6:
        rill_tcp_set_option(stack, handle, (enum rill_tcp_option)below(m, 5),
                            (uint32_t)below(m, 100000));
        break;
    case 7:
        if (one_in(m, 2))
            network_some(m, host);
        if (one_in(m, 4))
            bind_some(m, host);
        rill_user_set(stack, handle, one_in(m, 2) ? m : 0);
        break;
    case 8:
    case 9:
        rill_events(stack, events, 1 + below(m, 8));
        break;
    case 10:
    case 11:
    case 12:
        read_some(m, host, handle);
        break;
    default:
        n = below(m, 20000);
        n = one_in(m, 4) ? rill_tcp_send_more(stack, handle, bytes, (size_t)n)
                         : rill_tcp_send(stack, handle, bytes, (size_t)n);
        (void)n;
        break;
    }
    for (unsigned i = 0; i < m->tcp[host].count && !m->result->broken; i++) {
        m->result->broken = rill_tcp_check(stack, m->tcp[host].list[i]);
        m->result->host = host;
    }
}

void mixed_run(uint64_t seed, uint32_t steps, struct test_journal *journal,
               struct mixed_result *result) {
    static struct mixed mixed;
    struct mixed *m = &mixed;
    const uint64_t key[2] = {seed, 77};
    memset(m, 0, sizeof *m);
    memset(result, 0, sizeof *result);
    m->result = result;
    rill__random_init(&m->random, key);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = test_byte(seed, i);
    configure(m, seed);
    m->test.journal = journal;
    bool failing = one_in(m, 2);
    int error = test_world_open_with(&m->test, allocate, release, m, &m->memory);
    for (int host = 0; host < 2 && !error; host++) {
        struct rill_address gateway = m->test.address[!host], far = m->test.address[host];
        far.bytes[12] ^= 1;
        error = rill_route_add(m->test.world.stacks[host], 0, &far, 24, &gateway);
        listen_all(m, host);
    }
    m->fail_one_in = failing ? 20 + (uint32_t)below(m, 200) : 0;
    for (uint32_t i = 0; i < steps && !error && !result->broken; i++) {
        result->steps++;
        act(m, (int)below(m, 2));
        if (one_in(m, 2))
            for (uint64_t k = below(m, 4); k-- > 0;)
                rill_virtual_step(&m->test.world, m->test.world.now + below(m, RILL_SECOND));
    }
    m->fail_one_in = 0;
    result->journal_length = journal ? journal->length : 0;
    test_world_close(&m->test);
}
