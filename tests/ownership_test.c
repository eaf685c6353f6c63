/* tests/ownership_test.c: who owns each byte, and when (docs/architecture.md, table 1), and what
 * happens when memory ends (issue 2, item 8). Run under ASan. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct test_world *open_world(uint64_t seed, rill_handle *a, rill_handle *b) {
    static struct test_world test;
    test_world_init(&test, seed);
    test_world_buffers(&test, 1u << 20);
    assert_int_equal(test_world_open(&test), 0);
    rill_handle listener = test_listen(&test, 1, 80);
    assert_int_equal(test_open_pair(&test, listener, 80, a, b), 0);
    return &test;
}

static void expect_bytes(const struct rill_slice *slice, uint64_t from) {
    for (size_t i = 0; i < slice->length; i++)
        assert_int_equal(slice->data[i], test_byte(1, from + i));
}

/* Fills the sender's queue with `bytes` of stream 1. */
static void send_bytes(struct test_world *test, rill_handle handle, size_t bytes) {
    uint8_t *data = malloc(bytes);
    assert_non_null(data);
    for (size_t i = 0; i < bytes; i++)
        data[i] = test_byte(1, i);
    assert_int_equal(rill_tcp_send(test->world.stacks[0], handle, data, bytes), bytes);
    free(data);
}

static void reader_keeps_slices_beyond_stack_and_pool(void **state) {
    (void)state;
    rill_handle a, b;
    struct test_world *test = open_world(1, &a, &b);
    send_bytes(test, a, 100000);
    test_run(test, RILL_SECOND);
    struct rill_slice held[2];
    int64_t n = rill_tcp_receive_slices(test->world.stacks[1], b, held, 2);
    assert_int_equal(n, 2);
    /* The sender's stack goes first, while the peer's queue still holds its blocks. */
    rill_stack_close(test->world.stacks[0]);
    uint64_t at = 0;
    for (int64_t i = 0; i < n; i++) {
        expect_bytes(&held[i], at);
        at += held[i].length;
    }
    struct rill_slice late;
    assert_int_equal(rill_tcp_receive_slices(test->world.stacks[1], b, &late, 1), 1);
    expect_bytes(&late, at);
    rill_stack_close(test->world.stacks[1]);
    rill_pool_close(test->pool);
    /* Everything is closed; the slices are the reader's as long as he wants. */
    at = 0;
    for (int64_t i = 0; i < n; i++) {
        expect_bytes(&held[i], at);
        at += held[i].length;
        rill_block_drop(held[i].block);
    }
    expect_bytes(&late, at);
    assert_true(test->memory.live_bytes > 0);
    rill_block_drop(late.block);
    assert_int_equal(test->memory.live_bytes, 0);
}

static void closing_the_reader_first_leaves_the_sender_whole(void **state) {
    (void)state;
    rill_handle a, b;
    struct test_world *test = open_world(2, &a, &b);
    send_bytes(test, a, 100000);
    test_run(test, RILL_SECOND);
    struct rill_slice held;
    assert_int_equal(rill_tcp_receive_slices(test->world.stacks[1], b, &held, 1), 1);
    rill_stack_close(test->world.stacks[1]);
    send_bytes(test, a, 1000);
    assert_null(rill_tcp_check(test->world.stacks[0], a));
    struct rill_packet *packet;
    assert_int_equal(rill_output(test->world.stacks[0], 0, &packet, 1, SIZE_MAX, test->world.now),
                     1);
    rill_stack_close(test->world.stacks[0]);
    /* A packet in the caller's hands outlives its stack too. */
    uint8_t *flat = malloc(packet->length);
    rill_packet_flatten(packet, flat);
    free(flat);
    rill_packet_drop(packet);
    expect_bytes(&held, 0);
    rill_block_drop(held.block);
    rill_pool_close(test->pool);
    assert_int_equal(test->memory.live_bytes, 0);
}

static void count_release(void *context) {
    (*(int *)context)++;
}

static void wrapped_block_is_released_with_its_last_hold_not_when_acknowledged(void **state) {
    (void)state;
    static uint8_t bytes[5000];
    int released = 0;
    rill_handle a, b;
    struct test_world *test = open_world(3, &a, &b);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = test_byte(1, i);
    struct rill_block *block =
        rill_block_wrap(test->pool, bytes, sizeof bytes, count_release, &released);
    assert_non_null(block);
    struct rill_slice slice = {bytes, sizeof bytes, block};
    assert_int_equal(rill_tcp_send_slices(test->world.stacks[0], a, &slice, 1), 1);
    test_run(test, RILL_SECOND);
    struct rill_tcp_info info;
    assert_int_equal(rill_tcp_get_info(test->world.stacks[0], a, &info), 0);
    assert_int_equal(info.send_queued, 0); /* acknowledged ... */
    assert_int_equal(info.in_flight, 0);
    assert_int_equal(released, 0); /* ... but the peer's reader has not come yet */
    struct rill_slice held[8];
    int64_t n = rill_tcp_receive_slices(test->world.stacks[1], b, held, 8);
    assert_true(n >= 1);
    rill_stack_close(test->world.stacks[0]);
    rill_stack_close(test->world.stacks[1]);
    uint64_t at = 0;
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(released, 0);
        expect_bytes(&held[i], at);
        at += held[i].length;
        rill_block_drop(held[i].block);
    }
    assert_int_equal(at, sizeof bytes);
    assert_int_equal(released, 1);
    rill_pool_close(test->pool);
    assert_int_equal(test->memory.live_bytes, 0);
}

static void closing_a_connection_releases_what_it_had_not_sent(void **state) {
    (void)state;
    static uint8_t bytes[200000];
    int released = 0;
    rill_handle a, b;
    struct test_world *test = open_world(4, &a, &b);
    struct rill_block *block =
        rill_block_wrap(test->pool, bytes, sizeof bytes, count_release, &released);
    struct rill_slice slice = {bytes, sizeof bytes, block};
    assert_int_equal(rill_tcp_send_slices(test->world.stacks[0], a, &slice, 1), 1);
    rill_tcp_abort(test->world.stacks[0], a);
    assert_int_equal(released, 1);
    test_world_close(test);
    assert_int_equal(test->memory.live_bytes, 0);
}

static void slices_not_taken_stay_the_callers(void **state) {
    (void)state;
    static uint8_t bytes[600000];
    int released = 0;
    rill_handle a, b;
    struct test_world *test = open_world(5, &a, &b);
    struct rill_slice slices[3];
    for (int i = 0; i < 3; i++) {
        struct rill_block *block =
            rill_block_wrap(test->pool, bytes, sizeof bytes, count_release, &released);
        slices[i] = (struct rill_slice){bytes, sizeof bytes, block};
    }
    /* The send buffer is 1 MiB: one fits, the next does not. */
    assert_int_equal(rill_tcp_send_slices(test->world.stacks[0], a, slices, 3), 1);
    rill_tcp_abort(test->world.stacks[0], a);
    assert_int_equal(released, 1);
    rill_block_drop(slices[1].block);
    rill_block_drop(slices[2].block);
    assert_int_equal(released, 3);
    test_world_close(test);
}

/* A fragment that waits for the others has a timer, maybe beside a connection's in the wheel: what
 * goes first must not leave the other a dead neighbour. */
static void closing_a_host_with_a_fragment_waiting_among_its_timers(void **state) {
    (void)state;
    rill_handle a, b;
    static struct test_world test;
    test_world_init(&test, 10);
    test.config[0].time_wait = 30 * RILL_SECOND; /* as long as a fragment waits */
    assert_int_equal(test_world_open(&test), 0);
    assert_int_equal(test_open_pair(&test, test_listen(&test, 1, 80), 80, &a, &b), 0);
    rill_tcp_close(test.world.stacks[0], a);
    test_run(&test, RILL_MILLISECOND);
    rill_tcp_close(test.world.stacks[1], b);
    test_run(&test, RILL_MILLISECOND);
    static const uint8_t fragment[28] = {0x45, 0,    0,  28, 0, 1, 0x20, 0, 64, 17,
                                         0x46, 0xce, 10, 0,  0, 2, 10,   0, 0,  1};
    struct rill_packet *packet = rill_packet_open(test.pool);
    struct rill_block *block = rill_block_open(test.pool, sizeof fragment);
    memcpy(rill_block_data(block), fragment, sizeof fragment);
    struct rill_slice slice = {rill_block_data(block), sizeof fragment, block};
    assert_int_equal(rill_packet_append(packet, slice), 0);
    rill_input(test.world.stacks[0], 0, &packet, 1, test.world.now);
    struct rill_pool_info info;
    rill_pool_get_info(test.pool, &info);
    assert_int_equal(info.packets_out, 1); /* it waits */
    test_world_close(&test);
    assert_int_equal(test.memory.live_bytes, 0);
}

/* ---- every allocation fails once ---- */

/* What a run with a failing allocation may end with. */
static bool is_clean(int error) {
    return error == RILL_ERROR_MEMORY || error == RILL_ERROR_TIMED_OUT;
}

/* 100 segments each way with loss, on paths, to the end. Returns an error or 0. */
static int run_with(struct test_world *test, uint64_t fail_at, bool by_reference) {
    test_world_init(test, 6);
    test->memory.fail_at = fail_at;
    test_world_delay(test, 10 * RILL_MILLISECOND);
    for (int i = 0; i < 2; i++) {
        test->path[i].loss = RILL_CERTAIN / 30;
        test->path[i].reorder = RILL_CERTAIN / 10;
        if (by_reference)
            test->interface[i].flags = RILL_INTERFACE_GSO | RILL_INTERFACE_CHECKSUM;
    }
    int error = test_world_open(test);
    rill_handle a, b;
    rill_handle listener = error ? 0 : test_listen(test, 1, 80);
    if (!error && !listener)
        error = RILL_ERROR_MEMORY;
    if (!error)
        error = test_open_pair(test, listener, 80, &a, &b);
    if (!error) {
        assert_null(test_transfer(test, 0, a, b, 150000, 3600 * RILL_SECOND));
        assert_null(test_transfer(test, 1, b, a, 150000, 3600 * RILL_SECOND));
        rill_tcp_close(test->world.stacks[0], a);
        rill_tcp_close(test->world.stacks[1], b);
        test_run(test, 600 * RILL_SECOND);
        struct rill_stack_info info;
        for (int i = 0; i < 2; i++) {
            rill_stack_get_info(test->world.stacks[i], &info);
            assert_int_equal(info.connections, 0);
            assert_int_equal(info.memory_held, 0);
        }
    }
    test_world_close(test);
    assert_int_equal(test->memory.live_bytes, 0);
    assert_int_equal(test->memory.live_blocks, 0);
    return error;
}

static void fail_each(bool by_reference) {
    static struct test_world test;
    unsigned refused = 0, survived = 0;
    for (uint64_t n = 1;; n++) {
        int error = run_with(&test, n, by_reference);
        if (!test.memory.failed) {
            assert_int_equal(error, 0);
            break;
        }
        if (error && !is_clean(error))
            print_error("allocation %llu: %s\n", (unsigned long long)n, rill_error_text(error));
        assert_true(!error || is_clean(error));
        refused += error != 0;
        survived += error == 0;
        assert_true(n < 20000);
    }
    print_message("# each of %u allocations failed once: %u refused cleanly, %u survived\n",
                  refused + survived, refused, survived);
    assert_true(refused > 10 && survived > 50);
}

static void every_allocation_may_fail_once(void **state) {
    (void)state;
    fail_each(false);
}

static void every_allocation_may_fail_once_with_super_segments(void **state) {
    (void)state;
    fail_each(true);
}

/* ---- memory gone for good, then back ---- */

struct switched {
    struct test_memory memory;
    bool off;
};

static void *switched_allocate(void *context, size_t size) {
    struct switched *s = context;
    struct rill_allocator inner = test_allocator(&s->memory);
    return s->off ? 0 : inner.allocate(inner.context, size);
}

static void switched_release(void *context, void *memory, size_t size) {
    struct switched *s = context;
    struct rill_allocator inner = test_allocator(&s->memory);
    inner.release(inner.context, memory, size);
}

static void open_switched(struct test_world *test, struct switched *s, uint64_t seed) {
    memset(s, 0, sizeof *s);
    struct rill_allocator allocator = {s, switched_allocate, switched_release};
    test->allocator = allocator;
    test->pool = rill_pool_open(&allocator, 0);
    for (int i = 0; i < 2; i++) {
        uint32_t number;
        test->config[i].allocator = allocator;
        test->config[i].pool = test->pool;
        assert_int_equal(rill_stack_open(&test->config[i], &test->world.stacks[i]), 0);
        assert_int_equal(rill_interface_add(test->world.stacks[i], &test->interface[i], &number),
                         0);
        test->address[i] = rill_address_ipv4(10, 0, 0, (uint8_t)(i + 1));
        assert_int_equal(rill_address_add(test->world.stacks[i], 0, &test->address[i], 24), 0);
        test->path[i].seed = seed * 2 + (uint64_t)i;
        test->world.paths[i] = rill_path_open(&allocator, test->pool, &test->path[i]);
    }
}

/* The allocator gives nothing for ten seconds in the middle of a transfer: it waits, then ends. */
static void transfer_outlives_ten_seconds_without_memory(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        static struct test_world test;
        static struct switched s;
        test_world_init(&test, seed);
        test_world_delay(&test, 20 * RILL_MILLISECOND);
        test_world_buffers(&test, 1u << 20);
        test.path[0].loss = test.path[1].loss = RILL_CERTAIN / 50;
        open_switched(&test, &s, seed);
        rill_handle listener = test_listen(&test, 1, 80), a, b;
        assert_int_equal(test_open_pair(&test, listener, 80, &a, &b), 0);
        send_bytes(&test, a, 900000);
        test_run(&test, seed * 13 * RILL_MILLISECOND);
        s.off = true;
        test_run(&test, 10 * RILL_SECOND);
        s.off = false;
        uint64_t got = 0;
        static uint8_t buffer[65536];
        rill_time limit = test.world.now + 600 * RILL_SECOND;
        rill_tcp_shutdown(test.world.stacks[0], a);
        for (;;) {
            int64_t n = rill_tcp_receive(test.world.stacks[1], b, buffer, sizeof buffer);
            if (n == 0)
                break;
            for (int64_t i = 0; i < n; i++)
                assert_int_equal(buffer[i], test_byte(1, got + (uint64_t)i));
            got += n > 0 ? (uint64_t)n : 0;
            assert_null(rill_tcp_check(test.world.stacks[0], a));
            assert_null(rill_tcp_check(test.world.stacks[1], b));
            if (n < 0)
                assert_true(rill_virtual_step(&test.world, limit));
        }
        assert_int_equal(got, 900000);
        test_world_close(&test);
        assert_int_equal(s.memory.live_bytes, 0);
    }
}

/* A connection idle for nearly a second is told to send its FIN, and the caller takes a while to
 * ask for output: the FIN must not be forgotten with the idle part. */
static void fin_asked_of_an_idle_connection_is_sent_even_if_output_comes_late(void **state) {
    (void)state;
    for (int by_close = 0; by_close < 2; by_close++) {
        rill_handle a, b;
        struct test_world *test = open_world(7, &a, &b);
        test_run(test, 990 * RILL_MILLISECOND);
        if (by_close)
            rill_tcp_close(test->world.stacks[0], a);
        else
            rill_tcp_shutdown(test->world.stacks[0], a);
        test->world.now += 3 * RILL_SECOND;
        rill_advance(test->world.stacks[0], test->world.now, 0);
        test_run(test, RILL_SECOND);
        assert_int_equal(test_state(test, 1, b), RILL_TCP_CLOSE_WAIT);
        test_world_close(test);
    }
}

/* The same when it is memory that the FIN waits for: more connections end at once than there are
 * records for what is in flight. */
static void fin_that_had_no_memory_is_sent_later(void **state) {
    (void)state;
    enum { MANY = 300 };
    static struct test_world test;
    static struct switched s;
    rill_handle a[MANY], b[MANY];
    test_world_init(&test, 8);
    test_world_delay(&test, 10 * RILL_MILLISECOND);
    open_switched(&test, &s, 8);
    rill_handle listener = test_listen(&test, 1, 80);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(test_connect(&test, 0, 80, &a[i]), 0);
        if (i % 60 == 59) /* so that no more records are ever needed at once */
            test_run(&test, 50 * RILL_MILLISECOND);
    }
    test_run(&test, 300 * RILL_MILLISECOND);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(rill_tcp_accept(test.world.stacks[1], listener, &b[i]), 0);
    for (int i = 0; i < MANY; i++) /* unread, it keeps the active part */
        assert_int_equal(rill_tcp_send(test.world.stacks[1], b[i], "x", 1), 1);
    test_run(&test, 100 * RILL_MILLISECOND);
    s.off = true;
    for (int i = 0; i < MANY; i++)
        assert_int_equal(rill_tcp_shutdown(test.world.stacks[0], a[i]), 0);
    rill_virtual_step(&test.world, test.world.now);
    int waiting = 0;
    for (int i = 0; i < MANY; i++)
        waiting += test_state(&test, 0, a[i]) == RILL_TCP_ESTABLISHED;
    assert_true(waiting > 10);
    test_run(&test, 5 * RILL_SECOND);
    s.off = false;
    test_run(&test, 20 * RILL_SECOND);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(test_state(&test, 1, b[i]), RILL_TCP_CLOSE_WAIT);
    test_world_close(&test);
    assert_int_equal(s.memory.live_bytes, 0);
}

/* ---- how often a byte is copied ---- */

static double copied_per_byte(uint32_t flags, bool by_reference) {
    static struct test_world test;
    test_world_init(&test, 9);
    test.interface[0].flags = test.interface[1].flags = flags;
    assert_int_equal(test_world_open(&test), 0);
    rill_handle listener = test_listen(&test, 1, 80), a, b;
    assert_int_equal(test_open_pair(&test, listener, 80, &a, &b), 0);
    uint64_t sent = 0, got = 0;
    static uint8_t buffer[16384];
    while (got < 8000000 || got < sent) {
        if (by_reference && sent < 8000000) {
            struct rill_block *block = rill_block_open(test.pool, sizeof buffer);
            struct rill_slice slice = {rill_block_data(block), sizeof buffer, block};
            memset(rill_block_data(block), 1, sizeof buffer);
            if (rill_tcp_send_slices(test.world.stacks[0], a, &slice, 1) == 1)
                sent += sizeof buffer;
            else
                rill_block_drop(block);
        } else if (sent < 8000000) {
            int64_t n = rill_tcp_send(test.world.stacks[0], a, buffer, sizeof buffer);
            sent += n > 0 ? (uint64_t)n : 0;
        }
        struct rill_slice slice;
        if (by_reference) {
            while (rill_tcp_receive_slices(test.world.stacks[1], b, &slice, 1) == 1) {
                got += slice.length;
                rill_block_drop(slice.block);
            }
        } else {
            int64_t n;
            while ((n = rill_tcp_receive(test.world.stacks[1], b, buffer, sizeof buffer)) > 0)
                got += (uint64_t)n;
        }
        rill_virtual_step(&test.world, test.world.now + RILL_SECOND);
    }
    struct rill_stack_info info[2];
    for (int i = 0; i < 2; i++)
        rill_stack_get_info(test.world.stacks[i], &info[i]);
    test_world_close(&test);
    assert_int_equal(test.memory.live_bytes, 0);
    return (double)(info[0].bytes_copied + info[1].bytes_copied) / (double)got;
}

static void a_byte_is_copied_twice_at_most_and_by_reference_once(void **state) {
    (void)state;
    static const uint32_t flags[] = {0, RILL_INTERFACE_GSO | RILL_INTERFACE_CHECKSUM};
    for (int i = 0; i < 2; i++) {
        double copying = copied_per_byte(flags[i], false);
        double reference = copied_per_byte(flags[i], true);
        print_message("# %s: %.3f copies a byte, %.3f by reference\n",
                      i ? "super-segments" : "MTU 1500", copying, reference);
        assert_true(copying <= 2.0);
        assert_true(reference <= 1.0);
        assert_true(copying >= 1.0); /* the counter counts */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_keeps_slices_beyond_stack_and_pool),
        cmocka_unit_test(closing_the_reader_first_leaves_the_sender_whole),
        cmocka_unit_test(wrapped_block_is_released_with_its_last_hold_not_when_acknowledged),
        cmocka_unit_test(closing_a_connection_releases_what_it_had_not_sent),
        cmocka_unit_test(slices_not_taken_stay_the_callers),
        cmocka_unit_test(closing_a_host_with_a_fragment_waiting_among_its_timers),
        cmocka_unit_test(every_allocation_may_fail_once),
        cmocka_unit_test(every_allocation_may_fail_once_with_super_segments),
        cmocka_unit_test(transfer_outlives_ten_seconds_without_memory),
        cmocka_unit_test(fin_asked_of_an_idle_connection_is_sent_even_if_output_comes_late),
        cmocka_unit_test(fin_that_had_no_memory_is_sent_later),
        cmocka_unit_test(a_byte_is_copied_twice_at_most_and_by_reference_once),
    };
    return cmocka_run_group_tests_name("ownership", tests, 0, 0);
}
