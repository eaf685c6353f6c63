/* tests/world.c: see world.h. */
#include "world.h"

#include <stdlib.h>
#include <string.h>

static void *allocate(void *context, size_t size) {
    struct test_memory *memory = context;
    if (++memory->calls == memory->fail_at) {
        memory->failed = true;
        return 0;
    }
    void *p = malloc(size);
    if (!p)
        return 0;
    memset(p, memory->fill, size);
    memory->live_bytes += size;
    memory->live_blocks++;
    if (memory->live_bytes > memory->peak_bytes)
        memory->peak_bytes = memory->live_bytes;
    return p;
}

static void release(void *context, void *p, size_t size) {
    struct test_memory *memory = context;
    memory->live_bytes -= size;
    memory->live_blocks--;
    memset(p, 0xdd, size);
    free(p);
}

struct rill_allocator test_allocator(struct test_memory *memory) {
    struct rill_allocator allocator = {memory, allocate, release};
    return allocator;
}

static void journal_write(void *context, const void *bytes, size_t length) {
    struct test_journal *journal = context;
    if (journal->file) {
        fwrite(bytes, 1, length, journal->file);
        return;
    }
    if (journal->length + length > journal->capacity) {
        journal->capacity = 2 * (journal->length + length);
        journal->bytes = realloc(journal->bytes, journal->capacity);
        if (!journal->bytes)
            abort();
    }
    memcpy(journal->bytes + journal->length, bytes, length);
    journal->length += length;
}

void test_journal_attach(struct test_journal *journal, struct rill_stack_config *config, int host) {
    uint8_t head[RILL_JOURNAL_HEADER];
    if (!journal->length && !(journal->file && ftell(journal->file) > 0))
        journal_write(journal, head, rill_journal_begin(head));
    config->journal = journal_write;
    config->journal_context = journal;
    config->journal_number = (uint8_t)host;
}

bool test_journal_save(const struct test_journal *journal, const char *name) {
    FILE *file = fopen(name, "wb");
    bool ok = file && fwrite(journal->bytes, 1, journal->length, file) == journal->length;
    return file && fclose(file) == 0 && ok;
}

void test_journal_close(struct test_journal *journal) {
    if (journal->file)
        fclose(journal->file);
    free(journal->bytes);
    memset(journal, 0, sizeof *journal);
}

void test_journal_replay(const struct test_journal *journal, struct rill_replay_result *result) {
    static struct test_memory memory = {.fill = 0x5a};
    struct rill_replay_config config;
    rill_replay_config_default(&config);
    config.allocator = test_allocator(&memory);
    if (rill_journal_replay(journal->bytes, journal->length, &config, result))
        abort();
    if (memory.live_bytes || memory.live_blocks)
        abort(); /* a replay keeps nothing */
}

void test_world_init(struct test_world *test, uint64_t seed) {
    memset(test, 0, sizeof *test);
    test->memory.fill = 0xa5;
    for (int i = 0; i < 2; i++) {
        rill_stack_config_default(&test->config[i]);
        test->config[i].seed[0] = seed;
        test->config[i].seed[1] = (uint64_t)i + 1;
        test->config[i].check = true;
        rill_interface_config_default(&test->interface[i]);
        rill_path_config_default(&test->path[i]);
        test->path[i].seed = seed * 2 + (uint64_t)i;
    }
}

void test_world_delay(struct test_world *test, rill_time one_way) {
    test->with_path = true;
    test->path[0].delay = test->path[1].delay = one_way;
}

void test_world_buffers(struct test_world *test, uint32_t bytes) {
    for (int i = 0; i < 2; i++)
        test->config[i].receive_buffer = test->config[i].send_buffer = bytes;
}

static int open_world(struct test_world *test) {
    test->pool = rill_pool_open(&test->allocator, test->pool_config);
    if (!test->pool)
        return RILL_ERROR_MEMORY;
    for (int i = 0; i < 2; i++) {
        test->config[i].allocator = test->allocator;
        test->config[i].pool = test->pool;
        if (test->journal)
            test_journal_attach(test->journal, &test->config[i], i);
        int error = rill_stack_open(&test->config[i], &test->world.stacks[i]);
        uint32_t number;
        if (!error)
            error = rill_interface_add(test->world.stacks[i], &test->interface[i], &number);
        test->address[i] = rill_address_ipv4(10, 0, 0, (uint8_t)(i + 1));
        if (test->ipv6 && !error)
            error = rill_address_parse(i ? "fd00::2" : "fd00::1", &test->address[i]);
        if (!error)
            error =
                rill_address_add(test->world.stacks[i], 0, &test->address[i], test->ipv6 ? 64 : 24);
        if (!error && test->with_path) {
            test->world.paths[i] = rill_path_open(&test->allocator, test->pool, &test->path[i]);
            if (!test->world.paths[i])
                error = RILL_ERROR_MEMORY;
        }
        if (error)
            return error;
    }
    return 0;
}

int test_world_open_with(struct test_world *test, void *(*allocate_with)(void *, size_t),
                         void (*release_with)(void *, void *, size_t), void *context,
                         struct rill_allocator *inner) {
    *inner = test_allocator(&test->memory);
    test->allocator = (struct rill_allocator){context, allocate_with, release_with};
    return open_world(test);
}

int test_world_open(struct test_world *test) {
    test->allocator = test_allocator(&test->memory);
    return open_world(test);
}

void test_world_close(struct test_world *test) {
    for (int i = 0; i < 2; i++) {
        if (test->world.paths[i])
            rill_path_close(test->world.paths[i]);
        if (test->world.stacks[i])
            rill_stack_close(test->world.stacks[i]);
    }
    if (test->pool)
        rill_pool_close(test->pool);
    memset(&test->world, 0, sizeof test->world);
    test->pool = 0;
}

rill_handle test_listen(struct test_world *test, int host, uint16_t port) {
    struct rill_tcp_listen_config config;
    rill_tcp_listen_config_default(&config);
    config.local.port = port;
    rill_handle listener = 0;
    return rill_tcp_listen(test->world.stacks[host], &config, &listener) ? 0 : listener;
}

int test_connect(struct test_world *test, uint16_t local_port, uint16_t port, rill_handle *out) {
    struct rill_tcp_connect_config config;
    rill_tcp_connect_config_default(&config);
    config.local.port = local_port;
    config.remote.address = test->address[1];
    config.remote.port = port;
    return rill_tcp_connect(test->world.stacks[0], &config, out);
}

int test_open_pair(struct test_world *test, rill_handle listener, uint16_t port, rill_handle *a,
                   rill_handle *b) {
    int error = test_connect(test, 0, port, a);
    rill_time limit = test->world.now + 1000 * RILL_SECOND;
    while (!error) {
        error = rill_tcp_accept(test->world.stacks[1], listener, b);
        if (!error)
            return 0;
        if (error == RILL_ERROR_AGAIN)
            error = rill_virtual_step(&test->world, limit) ? 0 : RILL_ERROR_TIMED_OUT;
    }
    return error;
}

void test_run(struct test_world *test, rill_time time) {
    rill_time limit = test->world.now + time;
    while (rill_virtual_step(&test->world, limit))
        ;
}

enum rill_tcp_state test_state(struct test_world *test, int host, rill_handle handle) {
    struct rill_tcp_info info;
    return rill_tcp_get_info(test->world.stacks[host], handle, &info) ? RILL_TCP_CLOSED
                                                                      : info.state;
}

uint8_t test_byte(uint64_t stream, uint64_t i) {
    uint64_t x = (i / 8 + 1) * 0x9e3779b97f4a7c15u ^ stream * 0xbf58476d1ce4e5b9u;
    x ^= x >> 29;
    x *= 0x94d049bb133111ebu;
    return (uint8_t)(x >> (8 * (i % 8)));
}

static const char *pump_send(struct test_world *test, int from, rill_handle handle, uint64_t bytes,
                             uint64_t *sent, bool *shut) {
    uint8_t buffer[4096];
    while (*sent < bytes) {
        size_t n = bytes - *sent < sizeof buffer ? (size_t)(bytes - *sent) : sizeof buffer;
        for (size_t i = 0; i < n; i++)
            buffer[i] = test_byte(bytes, *sent + i);
        int64_t taken = rill_tcp_send(test->world.stacks[from], handle, buffer, n);
        if (taken == RILL_ERROR_AGAIN || taken == RILL_ERROR_STATE)
            return 0;
        if (taken < 0)
            return rill_error_text((int)taken);
        *sent += (uint64_t)taken;
    }
    if (!*shut) {
        *shut = true;
        if (rill_tcp_shutdown(test->world.stacks[from], handle))
            return "shutdown failed";
    }
    return 0;
}

static const char *pump_receive(struct test_world *test, int to, rill_handle handle, uint64_t bytes,
                                uint64_t *got, bool *ended) {
    uint8_t buffer[4096];
    for (;;) {
        int64_t n = rill_tcp_receive(test->world.stacks[to], handle, buffer, sizeof buffer);
        if (n == RILL_ERROR_AGAIN)
            return 0;
        if (n < 0)
            return rill_error_text((int)n);
        if (n == 0) {
            *ended = true;
            return *got == bytes ? 0 : "the stream ended early";
        }
        for (int64_t i = 0; i < n; i++)
            if (buffer[i] != test_byte(bytes, *got + (uint64_t)i))
                return "a byte is wrong";
        *got += (uint64_t)n;
    }
}

const char *test_transfer(struct test_world *test, int from, rill_handle sender,
                          rill_handle receiver, uint64_t bytes, rill_time limit) {
    uint64_t sent = 0, got = 0;
    bool shut = false, ended = false;
    rill_time until = test->world.now + limit;
    while (!ended) {
        const char *wrong = pump_send(test, from, sender, bytes, &sent, &shut);
        if (!wrong)
            wrong = pump_receive(test, !from, receiver, bytes, &got, &ended);
        if (wrong)
            return wrong;
        struct rill_event events[16];
        for (int i = 0; i < 2; i++)
            while (rill_events(test->world.stacks[i], events, 16))
                ;
        wrong = rill_tcp_check(test->world.stacks[from], sender);
        if (!wrong)
            wrong = rill_tcp_check(test->world.stacks[!from], receiver);
        if (wrong)
            return wrong;
        if (!ended && !rill_virtual_step(&test->world, until))
            return "nothing moves any more";
    }
    return 0;
}
