/* The thinnest whole way: two hosts in one process, a memory link, handshake, 1 MB, FIN; and the
 * same bytes twice for the same seed. */
#include "world.h"

#include "base/siphash.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct digest {
    uint64_t value;
    uint64_t bytes;
};

static bool absorb(void *context, const uint8_t *data, size_t length) {
    struct digest *digest = context;
    struct siphash_key key = {digest->value, digest->bytes};
    digest->value = rill__siphash(&key, data, length);
    digest->bytes += length;
    return true;
}

static void tap(void *context, int sender, const struct rill_packet *packet, rill_time now) {
    assert_true(rill_capture_packet(packet, now, sender, absorb, context));
}

/* Carries 1 MB and returns the digest of the capture of everything sent. */
static struct digest run(uint64_t seed, uint8_t fill, bool ipv6) {
    struct digest digest = {0, 0};
    struct test_world test;
    test_world_init(&test, seed);
    test.memory.fill = fill;
    test.ipv6 = ipv6;
    test.world.tap = tap;
    test.world.tap_context = &digest;
    assert_int_equal(test_world_open(&test), 0);
    rill_handle listener = test_listen(&test, 1, 80), a, b;
    assert_int_equal(test_open_pair(&test, listener, 80, &a, &b), 0);
    assert_null(test_transfer(&test, 0, a, b, 1 << 20, 10 * RILL_SECOND));
    assert_null(test_transfer(&test, 1, b, a, 1000, 10 * RILL_SECOND));
    test_run(&test, RILL_SECOND);
    assert_int_equal(test_state(&test, 0, a), RILL_TCP_TIME_WAIT);
    assert_int_equal(test_state(&test, 1, b), RILL_TCP_CLOSED);
    test_world_close(&test);
    assert_int_equal(test.memory.live_bytes, 0);
    return digest;
}

static void a_megabyte_crosses_and_nothing_is_left_behind(void **state) {
    (void)state;
    assert_true(run(1, 0xa5, false).bytes > 1 << 20);
    assert_true(run(1, 0xa5, true).bytes > 1 << 20);
}

static void same_seed_same_bytes_on_the_wire(void **state) {
    (void)state;
    struct digest first = run(7, 0x00, false), second = run(7, 0xff, false);
    assert_int_equal(first.value, second.value);
    assert_int_equal(first.bytes, second.bytes);
    assert_int_not_equal(first.value, run(8, 0x00, false).value);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_megabyte_crosses_and_nothing_is_left_behind),
        cmocka_unit_test(same_seed_same_bytes_on_the_wire),
    };
    return cmocka_run_group_tests_name("skeleton", tests, 0, 0);
}
