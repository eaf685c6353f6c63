/* tests/bulk_test.c: 10 GiB over one connection: the sequence space wraps twice, and every byte is
 * looked at. By reference both ways, over a memory link that takes super-segments. Built as a
 * release. The stream is blocks of 4 KiB, each 512 times a number that its place in the stream
 * gives. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PIECE = 4096, CHUNK = 1 << 16 };
#define TOTAL (UINT64_C(10) << 30)

static uint64_t number(uint64_t piece) {
    return (piece + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

struct stream {
    struct test_world test;
    rill_handle a, b;
    uint64_t sent, received;
};

/* One chunk more from the sender; false: the send buffer is full. */
static bool send_chunk(struct stream *s) {
    struct rill_block *block = rill_block_open(s->test.pool, CHUNK);
    assert_non_null(block);
    for (uint64_t piece = 0; piece < CHUNK / PIECE; piece++) {
        uint64_t value = number(s->sent / PIECE + piece);
        uint64_t *to = (uint64_t *)(void *)(rill_block_data(block) + piece * PIECE);
        for (int i = 0; i < PIECE / 8; i++)
            to[i] = value;
    }
    struct rill_slice slice = {rill_block_data(block), CHUNK, block};
    int64_t taken = rill_tcp_send_slices(s->test.world.stacks[0], s->a, &slice, 1);
    if (taken == 1) {
        s->sent += CHUNK;
        return true;
    }
    assert_int_equal(taken, RILL_ERROR_AGAIN);
    rill_block_drop(block);
    return false;
}

static bool slice_ok(uint64_t at, const uint8_t *data, size_t length) {
    uint64_t wrong = 0;
    while (length) {
        uint64_t value = number(at / PIECE);
        size_t part = PIECE - at % PIECE < length ? (size_t)(PIECE - at % PIECE) : length;
        size_t i = 0;
        for (; i < part && (at + i) % 8; i++)
            wrong |= data[i] ^ (uint8_t)(value >> 8 * ((at + i) % 8));
        for (; i + 8 <= part; i += 8) {
            uint64_t word;
            memcpy(&word, data + i, 8);
            wrong |= word ^ value;
        }
        for (; i < part; i++)
            wrong |= data[i] ^ (uint8_t)(value >> 8 * ((at + i) % 8));
        at += part;
        data += part;
        length -= part;
    }
    return wrong == 0;
}

static void receive_all(struct stream *s) {
    struct rill_slice slices[64];
    int64_t n;
    while ((n = rill_tcp_receive_slices(s->test.world.stacks[1], s->b, slices, 64)) > 0) {
        for (int64_t i = 0; i < n; i++) {
            assert_true(slice_ok(s->received, slices[i].data, slices[i].length));
            s->received += slices[i].length;
            rill_block_drop(slices[i].block);
        }
    }
    assert_int_equal(n, RILL_ERROR_AGAIN);
}

static void ten_gib_cross_one_connection_and_every_byte_is_right(void **state) {
    (void)state;
    static struct stream s;
    test_world_init(&s.test, 10);
    s.test.memory.fill = 0;
    for (int host = 0; host < 2; host++) {
        s.test.interface[host].flags = RILL_INTERFACE_CHECKSUM | RILL_INTERFACE_GSO;
        s.test.config[host].receive_buffer = 4 << 20;
        s.test.config[host].send_buffer = 4 << 20;
    }
    assert_int_equal(test_world_open(&s.test), 0);
    rill_handle listener = test_listen(&s.test, 1, 80);
    assert_int_equal(test_open_pair(&s.test, listener, 80, &s.a, &s.b), 0);
    while (s.received < TOTAL) {
        while (s.sent < TOTAL && send_chunk(&s))
            ;
        assert_true(rill_virtual_step(&s.test.world, RILL_TIME_NEVER));
        receive_all(&s);
        struct rill_event events[8];
        for (int host = 0; host < 2; host++)
            while (rill_events(s.test.world.stacks[host], events, 8))
                ;
    }
    assert_true(s.received == TOTAL);
    struct rill_tcp_info info;
    struct rill_stack_info stack;
    assert_int_equal(rill_tcp_get_info(s.test.world.stacks[1], s.b, &info), 0);
    assert_true(info.bytes_received == TOTAL);
    assert_null(rill_tcp_check(s.test.world.stacks[0], s.a));
    assert_null(rill_tcp_check(s.test.world.stacks[1], s.b));
    rill_stack_get_info(s.test.world.stacks[0], &stack);
    assert_int_equal(stack.bytes_copied, 0); /* by reference */
    rill_stack_get_info(s.test.world.stacks[1], &stack);
    assert_true(stack.bytes_copied < TOTAL / 4); /* small ends of large blocks alone */
    assert_true(s.test.memory.peak_bytes < 64 << 20);
    test_world_close(&s.test);
    assert_int_equal(s.test.memory.live_bytes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_gib_cross_one_connection_and_every_byte_is_right),
    };
    return cmocka_run_group_tests_name("bulk10g", tests, 0, 0);
}
