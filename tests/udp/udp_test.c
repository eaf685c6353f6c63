/* UDP between two hosts, with the IP below it: fragments and reassembly, ICMP errors and their
 * limits. */
#include "world.h"

#include "base/bytes.h"
#include <rill/udp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static rill_handle open_socket(struct test_world *test, int host, uint16_t port,
                               uint16_t remote_port) {
    struct rill_udp_config config;
    rill_udp_config_default(&config);
    config.local.port = port;
    if (remote_port) {
        config.remote.address = test->address[!host];
        config.remote.port = remote_port;
    }
    rill_handle handle = 0;
    assert_int_equal(rill_udp_open(test->world.stacks[host], &config, &handle), 0);
    return handle;
}

static void start(struct test_world *test, bool ipv6, uint64_t seed) {
    test_world_init(test, seed);
    test->ipv6 = ipv6;
    test_world_delay(test, RILL_MILLISECOND);
}

static uint64_t drops(struct test_world *test, int host, enum rill_drop drop) {
    struct rill_stack_info info;
    rill_stack_get_info(test->world.stacks[host], &info);
    return info.drops[drop];
}

static void finish(struct test_world *test) {
    test_world_close(test);
    assert_int_equal(test->memory.live_bytes, 0);
}

/* Sends `length` bytes from host 0 to host 1, and says what host 1 receives (or its error). */
static int64_t carry(struct test_world *test, rill_handle from, rill_handle to, size_t length) {
    static uint8_t out[65536], in[65536];
    struct rill_udp_message message;
    for (size_t i = 0; i < length; i++)
        out[i] = test_byte(length, i);
    memset(in, 0, sizeof in);
    assert_int_equal(rill_udp_send(test->world.stacks[0], from, out, length, 0), length);
    test_run(test, 100 * RILL_MILLISECOND);
    int64_t n = rill_udp_receive(test->world.stacks[1], to, in, sizeof in, &message);
    if (n >= 0) {
        assert_memory_equal(in, out, (size_t)n);
        assert_true(rill_address_equal(&message.remote.address, &test->address[0]));
        assert_true(rill_address_equal(&message.local.address, &test->address[1]));
    }
    return n;
}

static void datagrams_of_every_size_arrive_whole(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 7, 8, 1000, 1472, 1473, 2000, 9000, 65000, 65507};
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct test_world test;
        start(&test, ipv6, 1);
        assert_int_equal(test_world_open(&test), 0);
        rill_handle a = open_socket(&test, 0, 0, 5000), b = open_socket(&test, 1, 5000, 0);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            assert_int_equal(carry(&test, a, b, sizes[i]), sizes[i]);
        assert_int_equal(rill_udp_send(test.world.stacks[0], a, "", 65508, 0), RILL_ERROR_ARGUMENT);
        finish(&test);
    }
}

static void fragments_survive_reordering_and_duplication(void **state) {
    (void)state;
    struct test_world test;
    start(&test, false, 2);
    test.path[0].reorder = RILL_CERTAIN / 2;
    test.path[0].duplicate = RILL_CERTAIN / 3;
    assert_int_equal(test_world_open(&test), 0);
    rill_handle a = open_socket(&test, 0, 0, 5000), b = open_socket(&test, 1, 5000, 0);
    for (int i = 0; i < 20; i++) {
        int64_t n = carry(&test, a, b, 20000);
        assert_int_equal(n, 20000);
        uint8_t rest[16];
        while (rill_udp_receive(test.world.stacks[1], b, rest, sizeof rest, 0) >= 0)
            ; /* a datagram twice on the way is one twice received: UDP promises nothing else */
    }
    finish(&test);
}

static void a_lost_fragment_loses_the_datagram_and_its_memory_comes_back(void **state) {
    (void)state;
    struct test_world test;
    start(&test, true, 3);
    test.path[0].loss = RILL_CERTAIN / 5;
    assert_int_equal(test_world_open(&test), 0);
    rill_handle a = open_socket(&test, 0, 0, 5000), b = open_socket(&test, 1, 5000, 0);
    int lost = 0;
    for (int i = 0; i < 50; i++)
        lost += carry(&test, a, b, 10000) < 0;
    assert_in_range(lost, 20, 50);
    struct rill_stack_info info;
    rill_stack_get_info(test.world.stacks[1], &info);
    assert_true(info.memory_held > 0);
    test_run(&test, 31 * RILL_SECOND);
    rill_stack_get_info(test.world.stacks[1], &info);
    assert_int_equal(info.memory_held, 0);
    assert_true(drops(&test, 1, RILL_DROP_IP_REASSEMBLY_TIMEOUT) > 0);
    assert_true(drops(&test, 0, RILL_DROP_ICMP_IGNORED) > 0); /* he was told */
    finish(&test);
}

/* Puts a hand-made IPv4 fragment into host 1. */
static void inject(struct test_world *test, uint16_t id, uint16_t offset, uint16_t length,
                   bool more) {
    struct rill_packet *packet = rill_packet_open(test->pool);
    struct rill_block *block = rill_block_open(test->pool, 20u + length);
    uint8_t *p = rill_block_data(block);
    memset(p, 0, 20u + length);
    p[0] = 0x45;
    bytes_put16(p + 2, 20u + length);
    bytes_put16(p + 4, id);
    bytes_put16(p + 6, (more ? 0x2000u : 0) | offset / 8u);
    p[8] = 64;
    p[9] = 17;
    memcpy(p + 12, test->address[0].bytes + 12, 4);
    memcpy(p + 16, test->address[1].bytes + 12, 4);
    uint32_t sum = 0;
    for (int i = 0; i < 20; i += 2)
        sum += bytes_get16(p + i);
    sum = (sum & 0xffff) + (sum >> 16);
    bytes_put16(p + 10, ~(sum + (sum >> 16)) & 0xffff);
    if (offset == 0 && length >= 8) {
        bytes_put16(p + 20, 9);
        bytes_put16(p + 22, 5000);
        bytes_put16(p + 24, 64);
    }
    struct rill_slice slice = {p, 20u + length, block};
    assert_int_equal(rill_packet_append(packet, slice), 0);
    rill_input(test->world.stacks[1], 0, &packet, 1, test->world.now);
}

static void overlapping_fragments_give_the_datagram_up(void **state) {
    (void)state;
    struct test_world test;
    start(&test, false, 4);
    assert_int_equal(test_world_open(&test), 0);
    rill_handle b = open_socket(&test, 1, 5000, 0);
    uint8_t in[100];
    inject(&test, 1, 0, 32, true);
    inject(&test, 1, 0, 32, true); /* an exact repetition is no overlap */
    assert_int_equal(drops(&test, 1, RILL_DROP_IP_FRAGMENT_OVERLAP), 0);
    inject(&test, 1, 32, 32, false);
    assert_int_equal(rill_udp_receive(test.world.stacks[1], b, in, sizeof in, 0), 56);
    inject(&test, 2, 0, 32, true);
    inject(&test, 2, 24, 40, false);
    assert_int_equal(drops(&test, 1, RILL_DROP_IP_FRAGMENT_OVERLAP), 1);
    inject(&test, 2, 32, 32, false); /* what is left of it completes nothing */
    assert_int_equal(rill_udp_receive(test.world.stacks[1], b, in, sizeof in, 0), RILL_ERROR_AGAIN);
    inject(&test, 3, 64, 16, false);
    inject(&test, 3, 96, 16, false); /* two ends */
    assert_int_equal(drops(&test, 1, RILL_DROP_IP_FRAGMENT_OVERLAP), 2);
    inject(&test, 4, 8, 13, true); /* not a multiple of eight */
    assert_int_equal(drops(&test, 1, RILL_DROP_IP_FRAGMENT_OVERLAP), 3);
    finish(&test);
}

static void a_flood_of_fragments_stays_within_its_bounds(void **state) {
    (void)state;
    struct test_world test;
    start(&test, false, 5);
    assert_int_equal(test_world_open(&test), 0);
    struct rill_stack_info info;
    for (unsigned i = 0; i < 20000; i++) {
        inject(&test, (uint16_t)i, 8 * (uint16_t)(i % 1000 + 1), 1400, true);
        rill_stack_get_info(test.world.stacks[1], &info);
        assert_true(info.memory_held <= (4u << 20) + 4096);
    }
    test_run(&test, 31 * RILL_SECOND);
    rill_stack_get_info(test.world.stacks[1], &info);
    assert_int_equal(info.memory_held, 0);
    finish(&test);
}

static void a_closed_port_is_told_to_a_connected_socket_only(void **state) {
    (void)state;
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct test_world test;
        start(&test, ipv6, 6);
        assert_int_equal(test_world_open(&test), 0);
        rill_handle connected = open_socket(&test, 0, 0, 7), other = open_socket(&test, 0, 0, 0);
        struct rill_udp_message to = {.remote = {test.address[1], 7}};
        uint8_t byte = 0;
        assert_int_equal(rill_udp_send(test.world.stacks[0], other, &byte, 1, &to), 1);
        assert_int_equal(rill_udp_send(test.world.stacks[0], connected, &byte, 1, 0), 1);
        test_run(&test, RILL_SECOND);
        assert_true(rill_ready(test.world.stacks[0], connected) & RILL_EVENT_ERROR);
        assert_int_equal(rill_udp_receive(test.world.stacks[0], connected, &byte, 1, 0),
                         RILL_ERROR_REFUSED);
        assert_int_equal(rill_udp_receive(test.world.stacks[0], connected, &byte, 1, 0),
                         RILL_ERROR_AGAIN);
        assert_int_equal(rill_udp_receive(test.world.stacks[0], other, &byte, 1, 0),
                         RILL_ERROR_AGAIN);
        assert_int_equal(drops(&test, 1, RILL_DROP_UDP_NO_SOCKET), 2);
        finish(&test);
    }
}

/* Story: over a direct link the quoted packet lies in another block than the ICMP header, and the
 * error was taken for one without a quote. */
static void an_error_is_understood_over_a_direct_link_too(void **state) {
    (void)state;
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct test_world test;
        test_world_init(&test, 6);
        test.ipv6 = ipv6;
        assert_int_equal(test_world_open(&test), 0);
        rill_handle a = open_socket(&test, 0, 0, 7);
        assert_int_equal(rill_udp_send(test.world.stacks[0], a, "x", 1, 0), 1);
        test_run(&test, RILL_SECOND);
        assert_int_equal(rill_udp_take_error(test.world.stacks[0], a), RILL_ERROR_REFUSED);
        assert_int_equal(rill_udp_take_error(test.world.stacks[0], a), 0);
        finish(&test);
    }
}

static void icmp_errors_are_limited(void **state) {
    (void)state;
    struct test_world test;
    start(&test, false, 7);
    assert_int_equal(test_world_open(&test), 0);
    rill_handle a = open_socket(&test, 0, 0, 0);
    struct rill_udp_message to = {.remote = {test.address[1], 7}};
    for (int i = 0; i < 100; i++)
        assert_int_equal(rill_udp_send(test.world.stacks[0], a, "x", 1, &to), 1);
    test_run(&test, 10 * RILL_MILLISECOND);
    uint64_t limited = drops(&test, 1, RILL_DROP_ICMP_LIMITED);
    assert_in_range(limited, 100 - 14, 100 - 6);
    test_run(&test, RILL_SECOND);
    assert_int_equal(rill_udp_send(test.world.stacks[0], a, "x", 1, &to), 1);
    test_run(&test, RILL_SECOND);
    assert_int_equal(drops(&test, 1, RILL_DROP_ICMP_LIMITED), limited);
    finish(&test);
}

static void the_most_particular_socket_gets_the_datagram(void **state) {
    (void)state;
    struct test_world test;
    start(&test, false, 8);
    assert_int_equal(test_world_open(&test), 0);
    rill_handle any = open_socket(&test, 1, 5000, 0), exact = open_socket(&test, 1, 5000, 4000);
    rill_handle friend = open_socket(&test, 0, 4000, 0), stranger = open_socket(&test, 0, 4001, 0);
    struct rill_udp_message to = {.remote = {test.address[1], 5000}};
    struct rill_udp_message got;
    uint8_t in[8];
    assert_int_equal(rill_udp_send(test.world.stacks[0], friend, "f", 1, &to), 1);
    assert_int_equal(rill_udp_send(test.world.stacks[0], stranger, "s", 1, &to), 1);
    test_run(&test, RILL_SECOND);
    assert_int_equal(rill_udp_receive(test.world.stacks[1], exact, in, 8, &got), 1);
    assert_int_equal(in[0], 'f');
    assert_int_equal(got.remote.port, 4000);
    assert_int_equal(rill_udp_receive(test.world.stacks[1], any, in, 8, &got), 1);
    assert_int_equal(in[0], 's');
    assert_int_equal(rill_udp_receive(test.world.stacks[1], any, in, 8, 0), RILL_ERROR_AGAIN);
    struct rill_udp_config config;
    rill_udp_config_default(&config);
    config.local.port = 5000;
    rill_handle second;
    assert_int_equal(rill_udp_open(test.world.stacks[1], &config, &second),
                     RILL_ERROR_ADDRESS_IN_USE);
    assert_int_equal(rill_udp_close(test.world.stacks[1], any), 0);
    assert_int_equal(rill_udp_open(test.world.stacks[1], &config, &second), 0);
    assert_int_equal(rill_udp_receive(test.world.stacks[1], any, in, 8, 0), RILL_ERROR_HANDLE);
    finish(&test);
}

static void the_source_address_can_be_chosen_and_is_told(void **state) {
    (void)state;
    struct test_world test;
    start(&test, false, 9);
    assert_int_equal(test_world_open(&test), 0);
    struct rill_address second = rill_address_ipv4(10, 0, 0, 77),
                        foreign = rill_address_ipv4(9, 9, 9, 9);
    assert_int_equal(rill_address_add(test.world.stacks[0], 0, &second, 24), 0);
    rill_handle a = open_socket(&test, 0, 0, 0), b = open_socket(&test, 1, 5000, 0);
    struct rill_udp_message to = {.remote = {test.address[1], 5000},
                                  .local = {second, 0},
                                  .hop_limit = 3,
                                  .traffic_class = 0xb8};
    struct rill_udp_message got;
    uint8_t in[8];
    assert_int_equal(rill_udp_send(test.world.stacks[0], a, "x", 1, &to), 1);
    to.local.address = foreign;
    assert_int_equal(rill_udp_send(test.world.stacks[0], a, "x", 1, &to),
                     RILL_ERROR_ADDRESS_NOT_AVAILABLE);
    test_run(&test, RILL_SECOND);
    assert_int_equal(rill_udp_receive(test.world.stacks[1], b, in, 8, &got), 1);
    assert_true(rill_address_equal(&got.remote.address, &second));
    assert_int_equal(got.hop_limit, 3);
    assert_int_equal(got.traffic_class, 0xb8);
    finish(&test);
}

static void full_buffers_refuse_and_tell_when_there_is_room(void **state) {
    (void)state;
    struct test_world test;
    start(&test, false, 10);
    assert_int_equal(test_world_open(&test), 0);
    rill_handle a = open_socket(&test, 0, 0, 5000), b = open_socket(&test, 1, 5000, 0);
    static uint8_t big[60000];
    int64_t n;
    int sent = 0;
    while ((n = rill_udp_send(test.world.stacks[0], a, big, sizeof big, 0)) > 0)
        sent++;
    assert_int_equal(n, RILL_ERROR_AGAIN);
    assert_in_range(sent, 3, 5);
    struct rill_event event;
    test_run(&test, RILL_SECOND);
    assert_int_equal(rill_events(test.world.stacks[0], &event, 1), 1);
    assert_true(event.handle == a && event.bits & RILL_EVENT_WRITABLE);
    for (int i = 0; i < 10; i++) {
        (void)!rill_udp_send(test.world.stacks[0], a, big, sizeof big, 0);
        test_run(&test, RILL_SECOND);
    }
    assert_true(drops(&test, 1, RILL_DROP_UDP_QUEUE_FULL) > 0);
    assert_int_equal(rill_udp_receive(test.world.stacks[1], b, big, 10, 0), sizeof big);
    finish(&test);
}

/* The parts that are there are quoted as they came, whatever memory looks like by then. */
/* Story: of several sockets at one port only the first heard the group they all had joined. */
static void each_socket_hears_its_group(void **state) {
    (void)state;
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct test_world test;
        struct rill_udp_message to = {.remote = {rill_address_ipv4(239, 1, 2, 3), 5000}};
        struct rill_udp_config config;
        rill_handle sockets[4];
        uint8_t in;
        start(&test, ipv6, 9);
        assert_int_equal(test_world_open(&test), 0);
        if (ipv6)
            assert_int_equal(rill_address_parse("ff05::7", &to.remote.address), 0);
        assert_int_equal(rill_group_join(test.world.stacks[1], 0, &to.remote.address), 0);
        rill_udp_config_default(&config);
        config.local.port = 5000;
        config.reuse = config.exclusive = true;
        for (int i = 0; i < 4; i++) {
            config.local.address = (struct rill_address){{0}};
            if (i == 2)
                config.local.address = to.remote.address;
            if (i == 3) /* not the group's */
                config.local.address = test.address[1];
            assert_int_equal(rill_udp_open(test.world.stacks[1], &config, &sockets[i]), 0);
        }
        rill_handle a = open_socket(&test, 0, 0, 0);
        assert_int_equal(rill_udp_send(test.world.stacks[0], a, "x", 1, &to), 1);
        test_run(&test, RILL_SECOND);
        for (int i = 0; i < 4; i++)
            assert_int_equal(rill_udp_receive(test.world.stacks[1], sockets[i], &in, 1, 0),
                             i < 3 ? 1 : RILL_ERROR_AGAIN);
        finish(&test);
    }
}

/* Story: who sent a datagram and closed the socket had sent nothing, where a kernel's is on its way
 * once sent. */
static void a_datagram_sent_before_close_goes_out(void **state) {
    (void)state;
    struct test_world test;
    uint8_t in[3000];
    start(&test, false, 10);
    assert_int_equal(test_world_open(&test), 0);
    rill_handle b = open_socket(&test, 1, 5000, 0);
    for (int i = 0; i < 10; i++) {
        rill_handle a = open_socket(&test, 0, 4000, 5000);
        assert_int_equal(rill_udp_send(test.world.stacks[0], a, in, sizeof in, 0), sizeof in);
        assert_int_equal(rill_udp_close(test.world.stacks[0], a), 0);
        assert_int_equal(rill_udp_close(test.world.stacks[0], a), RILL_ERROR_HANDLE);
    }
    test_run(&test, RILL_SECOND);
    for (int i = 0; i < 10; i++)
        assert_int_equal(rill_udp_receive(test.world.stacks[1], b, in, sizeof in, 0), sizeof in);
    struct rill_stack_info info;
    rill_stack_get_info(test.world.stacks[0], &info);
    for (int down = 0; down < 2; down++) { /* and with what waits the host can be closed */
        rill_handle a = open_socket(&test, 0, 4000, 5000);
        assert_int_equal(rill_udp_send(test.world.stacks[0], a, in, sizeof in, 0), sizeof in);
        assert_int_equal(rill_link_set(test.world.stacks[0], 0, !down), 0);
        assert_int_equal(rill_udp_close(test.world.stacks[0], a), 0);
    }
    finish(&test);
}

/* The budget was asked for the datagram's bytes, and charged with the block they lie in. */
static void a_datagram_whose_block_is_beyond_the_budget_is_dropped(void **state) {
    (void)state;
    struct test_world test;
    struct rill_stack_info info;
    start(&test, false, 40);
    test.config[1].memory_limit = 10000;
    assert_int_equal(test_world_open(&test), 0);
    rill_handle to = open_socket(&test, 1, 7, 0), from = open_socket(&test, 0, 0, 7);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(rill_udp_send(test.world.stacks[0], from, "x", 1, 0), 1);
        test_run(&test, 100 * RILL_MILLISECOND);
        rill_stack_get_info(test.world.stacks[1], &info);
        assert_in_range(info.memory_held, 1, 10000);
    }
    assert_true(drops(&test, 1, RILL_DROP_UDP_QUEUE_FULL) > 0);
    uint8_t byte;
    assert_int_equal(rill_udp_receive(test.world.stacks[1], to, &byte, 1, 0), 1);
    assert_int_equal(byte, 'x');
    finish(&test);
}

static void fragments_missing_for_too_long_are_told_to_who_sent_the_first(void **state) {
    (void)state;
    for (int first = 0; first < 2; first++) {
        struct test_world test;
        start(&test, false, 12);
        assert_int_equal(test_world_open(&test), 0);
        inject(&test, 7, first ? 0 : 16, 16, true);
        test_run(&test, 29 * RILL_SECOND);
        assert_int_equal(drops(&test, 1, RILL_DROP_IP_REASSEMBLY_TIMEOUT), 0);
        test_run(&test, 2 * RILL_SECOND);
        assert_int_equal(drops(&test, 1, RILL_DROP_IP_REASSEMBLY_TIMEOUT), 1);
        assert_int_equal(drops(&test, 0, RILL_DROP_ICMP_IGNORED), first);
        finish(&test);
    }
}

/* The interface went first, and the socket then took itself out of its list. */
static void a_host_with_a_datagram_to_send_can_be_closed(void **state) {
    (void)state;
    struct test_world test;
    start(&test, false, 12);
    assert_int_equal(test_world_open(&test), 0);
    rill_handle a = open_socket(&test, 0, 0, 5000), b = open_socket(&test, 0, 0, 5000);
    assert_int_equal(rill_udp_send(test.world.stacks[0], a, "a", 1, 0), 1);
    assert_int_equal(rill_udp_send(test.world.stacks[0], b, "b", 1, 0), 1);
    finish(&test);
}

/* TCP went first, and the socket then took itself out of a list of what had gone. */
static void a_host_with_news_of_both_transports_can_be_closed(void **state) {
    (void)state;
    struct test_world test;
    start(&test, false, 13);
    assert_int_equal(test_world_open(&test), 0);
    rill_handle a = open_socket(&test, 0, 0, 5000), b = open_socket(&test, 1, 5000, 0), c;
    assert_true(test_listen(&test, 1, 80) && b);
    assert_int_equal(test_connect(&test, 0, 80, &c), 0);
    test_run(&test, RILL_SECOND); /* the listener has news, then the socket */
    assert_int_equal(rill_udp_send(test.world.stacks[0], a, "a", 1, 0), 1);
    test_run(&test, RILL_SECOND);
    finish(&test);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams_of_every_size_arrive_whole),
        cmocka_unit_test(fragments_survive_reordering_and_duplication),
        cmocka_unit_test(a_lost_fragment_loses_the_datagram_and_its_memory_comes_back),
        cmocka_unit_test(overlapping_fragments_give_the_datagram_up),
        cmocka_unit_test(a_flood_of_fragments_stays_within_its_bounds),
        cmocka_unit_test(a_closed_port_is_told_to_a_connected_socket_only),
        cmocka_unit_test(an_error_is_understood_over_a_direct_link_too),
        cmocka_unit_test(icmp_errors_are_limited),
        cmocka_unit_test(the_most_particular_socket_gets_the_datagram),
        cmocka_unit_test(the_source_address_can_be_chosen_and_is_told),
        cmocka_unit_test(full_buffers_refuse_and_tell_when_there_is_room),
        cmocka_unit_test(each_socket_hears_its_group),
        cmocka_unit_test(a_datagram_sent_before_close_goes_out),
        cmocka_unit_test(a_datagram_whose_block_is_beyond_the_budget_is_dropped),
        cmocka_unit_test(fragments_missing_for_too_long_are_told_to_who_sent_the_first),
        cmocka_unit_test(a_host_with_a_datagram_to_send_can_be_closed),
        cmocka_unit_test(a_host_with_news_of_both_transports_can_be_closed),
    };
    return cmocka_run_group_tests_name("udp", tests, 0, 0);
}
