/* tests/world.h: two hosts on a path in virtual time, and an allocator that counts and can fail. */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include <rill/emulator.h>
#include <rill/rill.h>
#include <stdio.h>

/* Memory with a balance; `fail_at` makes the n-th allocation (from 1) fail, 0 none; `fill` is what
 * fresh memory holds. */
struct test_memory {
    uint64_t calls, fail_at, live_bytes, live_blocks, peak_bytes;
    uint8_t fill;
    bool failed;
};
struct rill_allocator test_allocator(struct test_memory *memory);

/* A journal in memory, or in a file that a crash leaves whole. All zero: an empty one. */
struct test_journal {
    FILE *file;
    uint8_t *bytes;
    size_t length, capacity;
};
/* Has the stack write there. */
void test_journal_attach(struct test_journal *journal, struct rill_stack_config *config, int host);
/* Writes it to a file: false if that failed. */
bool test_journal_save(const struct test_journal *journal, const char *name);
void test_journal_close(struct test_journal *journal);
/* Replays it. */
void test_journal_replay(const struct test_journal *journal, struct rill_replay_result *result);

struct test_world {
    struct test_memory memory;
    struct rill_allocator allocator;
    const struct rill_pool_config *pool_config; /* may be null */
    struct rill_pool *pool;
    struct rill_stack_config config[2];
    struct rill_interface_config interface[2];
    struct rill_path_config path[2];
    bool with_path;
    bool ipv6;
    struct rill_virtual world;
    struct rill_address address[2];
    struct test_journal *journal; /* of both hosts; may be null */
};

/* Fills in defaults: 10.0.0.1 and 10.0.0.2, MTU 1500, direct links. Change fields, then open. */
void test_world_init(struct test_world *test, uint64_t seed);
/* Returns 0 or the error of whatever failed first. */
int test_world_open(struct test_world *test);
/* The same with an allocator around the world's, which is given in `inner`. */
int test_world_open_with(struct test_world *test, void *(*allocate)(void *, size_t),
                         void (*release)(void *, void *, size_t), void *context,
                         struct rill_allocator *inner);
void test_world_close(struct test_world *test);

/* Sets both directions' one-way delay and puts a path between the hosts. */
void test_world_delay(struct test_world *test, rill_time one_way);

/* Buffers of both hosts that stay as they are, whatever the path: before test_world_open. */
void test_world_buffers(struct test_world *test, uint32_t bytes);

rill_handle test_listen(struct test_world *test, int host, uint16_t port);
/* Connects from host 0 to host 1 without driving the world. */
int test_connect(struct test_world *test, uint16_t local_port, uint16_t port, rill_handle *out);
/* Opens a connection from host 0 to a listener of host 1, driving the world. Returns 0 or an error.
 */
int test_open_pair(struct test_world *test, rill_handle listener, uint16_t port, rill_handle *a,
                   rill_handle *b);
/* Runs until nothing happens any more or `time` has passed. */
void test_run(struct test_world *test, rill_time time);
enum rill_tcp_state test_state(struct test_world *test, int host, rill_handle handle);

/* Byte `i` of the test stream number `stream`. */
uint8_t test_byte(uint64_t stream, uint64_t i);

/* Moves `bytes` from host `from`'s handle to the other's, verifying each; then the sender shuts
 * down and the reader reads to the end. Gives up after `limit` of virtual time. Returns null or
 * what went wrong. */
const char *test_transfer(struct test_world *test, int from, rill_handle sender,
                          rill_handle receiver, uint64_t bytes, rill_time limit);

#endif
