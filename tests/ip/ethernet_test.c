/* Hosts on an Ethernet, in virtual time: ARP, neighbour discovery, gateways, and what a hostile
 * neighbour may try. */
#include "world.h"

#include "base/bytes.h"
#include "ip/neighbour.h"
#include "stack/stack.h"
#include <rill/udp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};

/* Two hosts whose links are Ethernets; change fields, then open. */
static void start(struct test_world *test, bool ipv6, uint64_t seed) {
    test_world_init(test, seed);
    test->ipv6 = ipv6;
    test_world_delay(test, RILL_MILLISECOND);
    for (int i = 0; i < 2; i++) {
        test->interface[i].framing = &rill_ethernet;
        memcpy(test->interface[i].mac, macs[i], 6);
    }
}

static void finish(struct test_world *test) {
    test_world_close(test);
    assert_int_equal(test->memory.live_bytes, 0);
}

static uint64_t drops(struct test_world *test, int host, enum rill_drop drop) {
    struct rill_stack_info info;
    rill_stack_get_info(test->world.stacks[host], &info);
    return info.drops[drop];
}

static struct neighbour *neighbour_of(struct test_world *test, int host) {
    struct ip_interface *interface = test->world.stacks[host]->ip.interfaces[0];
    return rill__neighbour_find(interface, &test->address[!host], false);
}

static void a_connection_runs_over_ethernet(void **state) {
    (void)state;
    for (int variant = 0; variant < 8; variant++) {
        struct test_world test;
        start(&test, variant & 1, 1);
        if (variant & 2) /* super-segments, cut on entering the path */
            test.interface[0].flags = test.interface[1].flags =
                RILL_INTERFACE_GSO | RILL_INTERFACE_CHECKSUM;
        if (variant & 4)
            test.path[0].loss = test.path[1].loss = RILL_CERTAIN / 50;
        assert_int_equal(test_world_open(&test), 0);
        rill_handle listener = test_listen(&test, 1, 80), a, b;
        assert_int_equal(test_open_pair(&test, listener, 80, &a, &b), 0);
        assert_null(test_transfer(&test, 0, a, b, 300000, 100 * RILL_SECOND));
        assert_null(test_transfer(&test, 1, b, a, 300000, 100 * RILL_SECOND));
        assert_int_equal(drops(&test, 1, RILL_DROP_TCP_CHECKSUM), 0);
        finish(&test);
    }
}

static void a_lost_question_is_asked_again(void **state) {
    (void)state;
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct test_world test;
        start(&test, ipv6, 2);
        test.path[1].delay =
            1500 * RILL_MILLISECOND; /* the answer comes after the second question */
        assert_int_equal(test_world_open(&test), 0);
        rill_handle listener = test_listen(&test, 1, 80), a, b;
        assert_int_equal(test_open_pair(&test, listener, 80, &a, &b), 0);
        assert_int_equal(neighbour_of(&test, 0)->state, NEIGHBOUR_REACHABLE);
        finish(&test);
    }
}

static void a_silent_neighbour_is_given_up_after_three_questions(void **state) {
    (void)state;
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct test_world test;
        start(&test, ipv6, 3);
        test.path[0].loss = test.path[1].loss = RILL_CERTAIN; /* announcements are lost too */
        assert_int_equal(test_world_open(&test), 0);
        rill_handle a;
        assert_int_equal(test_connect(&test, 0, 80, &a), 0);
        test_run(&test, 2900 * RILL_MILLISECOND);
        assert_int_equal(neighbour_of(&test, 0)->probes, 3);
        assert_int_equal(drops(&test, 0, RILL_DROP_NEIGHBOUR_SILENT), 0);
        test_run(&test, 200 * RILL_MILLISECOND);
        assert_int_equal(drops(&test, 0, RILL_DROP_NEIGHBOUR_SILENT),
                         2); /* the SYN and its repetition */
        finish(&test);
    }
}

/* The fragments of one datagram were more than could wait for a neighbour, so it never came whole.
 */
static void the_first_datagram_to_a_neighbour_may_be_as_large_as_any(void **state) {
    static uint8_t sent[RILL_UDP_PAYLOAD_MAX], got[sizeof sent];
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        struct test_world test;
        struct rill_udp_config config;
        rill_handle from, to;
        start(&test, variant & 1, 12);
        if (variant & 2)
            test.interface[0].mtu = test.interface[1].mtu = 1280;
        assert_int_equal(test_world_open(&test), 0);
        rill_udp_config_default(&config);
        config.local.port = 7;
        assert_int_equal(rill_udp_open(test.world.stacks[1], &config, &to), 0);
        config.local.port = 0;
        config.remote = (struct rill_endpoint){test.address[1], 7, 0};
        assert_int_equal(rill_udp_open(test.world.stacks[0], &config, &from), 0);
        memset(sent, 'x', sizeof sent);
        assert_int_equal(rill_udp_send(test.world.stacks[0], from, sent, sizeof sent, 0),
                         sizeof sent);
        test_run(&test, 5 * RILL_SECOND); /* an IPv6 address is checked first */
        assert_int_equal(rill_udp_receive(test.world.stacks[1], to, got, sizeof got, 0),
                         sizeof sent);
        assert_memory_equal(got, sent, sizeof sent);
        assert_int_equal(drops(&test, 0, RILL_DROP_NEIGHBOUR_QUEUE_FULL), 0);
        finish(&test);
    }
}

static void a_neighbour_goes_stale_is_probed_and_stays(void **state) {
    (void)state;
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct test_world test;
        start(&test, ipv6, 4);
        assert_int_equal(test_world_open(&test), 0);
        rill_handle listener = test_listen(&test, 1, 80), a, b;
        assert_int_equal(test_open_pair(&test, listener, 80, &a, &b), 0);
        test_run(&test, 50 * RILL_SECOND);
        assert_int_equal(neighbour_of(&test, 0)->state, NEIGHBOUR_STALE);
        assert_int_equal(rill_tcp_send(test.world.stacks[0], a, "x", 1), 1);
        test_run(&test, RILL_SECOND);
        assert_int_equal(neighbour_of(&test, 0)->state, NEIGHBOUR_DELAY);
        test_run(&test, 5 * RILL_SECOND);
        assert_int_equal(neighbour_of(&test, 0)->state, NEIGHBOUR_REACHABLE);
        finish(&test);
    }
}

/* Puts a frame into host 0. */
static void inject(struct test_world *test, const uint8_t *frame, size_t length) {
    struct rill_packet *packet = rill_packet_open(test->pool);
    struct rill_block *block = rill_block_open(test->pool, length);
    memcpy(rill_block_data(block), frame, length);
    struct rill_slice slice = {rill_block_data(block), length, block};
    assert_int_equal(rill_packet_append(packet, slice), 0);
    rill_input(test->world.stacks[0], 0, &packet, 1, test->world.now);
}

static void inject_arp(struct test_world *test, bool reply, const uint8_t sender_mac[6],
                       const uint8_t sender[4], const uint8_t target[4]) {
    uint8_t frame[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,
                         9,    8,    6,    0,    1,    8,    0, 6, 4, 0, reply ? 2 : 1};
    memcpy(frame + 22, sender_mac, 6);
    memcpy(frame + 28, sender, 4);
    memcpy(frame + 38, target, 4);
    inject(test, frame, sizeof frame);
}

static void a_neighbour_s_new_link_address_is_learnt_under_a_live_connection(void **state) {
    (void)state;
    struct test_world test;
    start(&test, false, 5);
    assert_int_equal(test_world_open(&test), 0);
    rill_handle listener = test_listen(&test, 1, 80), a, b;
    assert_int_equal(test_open_pair(&test, listener, 80, &a, &b), 0);
    static const uint8_t fresh[6] = {2, 0, 0, 0, 0, 0x22};
    memcpy(test.world.stacks[1]->ip.interfaces[0]->mac, fresh, 6);
    inject_arp(&test, true, fresh, test.address[1].bytes + 12, test.address[1].bytes + 12);
    assert_memory_equal(neighbour_of(&test, 0)->mac, fresh, 6);
    assert_null(test_transfer(&test, 0, a, b, 100000, 10 * RILL_SECOND));
    finish(&test);
}

static void what_is_not_for_us_makes_no_entry(void **state) {
    (void)state;
    struct test_world test;
    start(&test, false, 6);
    assert_int_equal(test_world_open(&test), 0);
    static const uint8_t other[4] = {10, 0, 0, 9}, third[4] = {10, 0, 0, 8},
                         mac[6] = {2, 0, 0, 0, 0, 9};
    struct rill_address him = rill_address_ipv4(10, 0, 0, 9);
    struct ip_interface *interface = test.world.stacks[0]->ip.interfaces[0];
    inject_arp(&test, false, mac, other, third);
    assert_null(rill__neighbour_find(interface, &him, false));
    inject_arp(&test, false, mac, other, test.address[0].bytes + 12);
    assert_non_null(rill__neighbour_find(interface, &him, false));
    assert_int_equal(rill__neighbour_find(interface, &him, false)->state, NEIGHBOUR_STALE);
    finish(&test);
}

static void somebody_with_our_address_is_noticed_and_not_believed(void **state) {
    (void)state;
    struct test_world test;
    start(&test, false, 7);
    assert_int_equal(test_world_open(&test), 0);
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
    inject_arp(&test, true, mac, test.address[0].bytes + 12, test.address[0].bytes + 12);
    assert_int_equal(drops(&test, 0, RILL_DROP_ADDRESS_CONFLICT), 1);
    finish(&test);
}

static void malformed_link_messages_are_counted(void **state) {
    (void)state;
    struct test_world test;
    start(&test, false, 8);
    assert_int_equal(test_world_open(&test), 0);
    uint8_t frame[42] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 6};
    inject(&test, frame, sizeof frame);
    assert_int_equal(drops(&test, 0, RILL_DROP_ARP_MALFORMED), 1);
    inject(&test, frame, 20);
    assert_int_equal(drops(&test, 0, RILL_DROP_TRUNCATED), 1);
    inject(&test, frame, 13);
    assert_int_equal(drops(&test, 0, RILL_DROP_TRUNCATED), 2);
    frame[12] = 0x88;
    inject(&test, frame, sizeof frame);
    assert_int_equal(drops(&test, 0, RILL_DROP_ETHERNET_TYPE), 1);
    frame[5] = 77;
    inject(&test, frame, sizeof frame);
    assert_int_equal(drops(&test, 0, RILL_DROP_ETHERNET_NOT_OURS), 1);
    finish(&test);
}

/* A neighbour solicitation for host 0 with this hop limit and source, checksum made. */
static size_t solicitation(struct test_world *test, uint8_t hop_limit, bool from_nobody,
                           uint8_t *frame) {
    memset(frame, 0, 86);
    static const uint8_t head[14] = {0x33, 0x33, 0xff, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x86, 0xdd};
    memcpy(frame, head, 14);
    uint8_t *ip = frame + 14, *icmp = ip + 40;
    ip[0] = 0x60;
    size_t length = from_nobody ? 24 : 32;
    bytes_put16(ip + 4, (uint32_t)length);
    ip[6] = 58;
    ip[7] = hop_limit;
    struct rill_address source;
    assert_int_equal(rill_address_parse("fd00::9", &source), 0);
    if (!from_nobody)
        memcpy(ip + 8, source.bytes, 16);
    static const uint8_t group[16] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 1};
    memcpy(ip + 24, group, 16);
    icmp[0] = 135;
    memcpy(icmp + 8, test->address[0].bytes, 16);
    icmp[24] = 1;
    icmp[25] = 1;
    memcpy(icmp + 26, frame + 6, 6);
    uint64_t sum = (uint64_t)length + 58;
    for (size_t i = 0; i < 32; i += 2)
        sum += bytes_get16(ip + 8 + i);
    for (size_t i = 0; i < length; i += 2)
        sum += bytes_get16(icmp + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    bytes_put16(icmp + 2, ~(uint32_t)sum & 0xffff);
    return 14 + 40 + length;
}

static void neighbour_discovery_needs_hop_limit_255_and_answers_detection(void **state) {
    (void)state;
    struct test_world test;
    uint8_t frame[86];
    start(&test, true, 9);
    assert_int_equal(test_world_open(&test), 0);
    test_run(&test, 5 * RILL_SECOND); /* its own questions are asked */
    struct rill_packet *answer;
    struct rill_stack *stack = test.world.stacks[0];
    inject(&test, frame, solicitation(&test, 254, false, frame));
    assert_int_equal(drops(&test, 0, RILL_DROP_NDP_INVALID), 1);
    assert_int_equal(rill_output(stack, 0, &answer, 1, 1, 0), 0);
    inject(&test, frame, solicitation(&test, 255, false, frame));
    assert_int_equal(rill_output(stack, 0, &answer, 1, 1, 0), 1);
    uint8_t bytes[200];
    rill_packet_flatten(answer, bytes);
    assert_int_equal(bytes[5], 9); /* to him alone */
    assert_int_equal(bytes[14 + 40], 136);
    assert_int_equal(bytes[14 + 40 + 4], 0x60); /* solicited, override */
    rill_packet_drop(answer);
    inject(&test, frame, solicitation(&test, 255, true, frame));
    assert_int_equal(rill_output(stack, 0, &answer, 1, 1, 0), 1);
    rill_packet_flatten(answer, bytes);
    assert_int_equal(bytes[0], 0x33); /* to all: he has no address yet */
    assert_int_equal(bytes[14 + 40 + 4], 0x20);
    rill_packet_drop(answer);
    frame[60]++; /* the checksum no longer holds */
    inject(&test, frame, 78);
    assert_int_equal(drops(&test, 0, RILL_DROP_ICMP_CHECKSUM), 1);
    finish(&test);
}

static void next_frame(struct rill_stack *stack, uint8_t *bytes, rill_time now) {
    struct rill_packet *packet;
    assert_int_equal(rill_output(stack, 0, &packet, 1, 1, now), 1);
    rill_packet_flatten(packet, bytes);
    rill_packet_drop(packet);
}

static void far_addresses_go_to_the_gateway_of_the_longest_route(void **state) {
    (void)state;
    struct test_world test;
    start(&test, false, 10);
    assert_int_equal(test_world_open(&test), 0);
    struct rill_stack *stack = test.world.stacks[0];
    struct rill_address any = {{0}}, far = rill_address_ipv4(192, 0, 2, 0);
    struct rill_address one = rill_address_ipv4(10, 0, 0, 254),
                        two = rill_address_ipv4(10, 0, 0, 253);
    static const struct {
        uint8_t to[4], hop[4];
    } cases[] = {{{8, 8, 8, 8}, {10, 0, 0, 254}},
                 {{192, 0, 2, 7}, {10, 0, 0, 253}},
                 {{192, 0, 3, 7}, {10, 0, 0, 254}},
                 {{10, 0, 0, 7}, {10, 0, 0, 7}}};
    struct rill_udp_config config;
    rill_handle socket;
    rill_udp_config_default(&config);
    assert_int_equal(rill_udp_open(stack, &config, &socket), 0);
    struct rill_udp_message message = {.remote = {rill_address_ipv4(8, 8, 8, 8), 53}};
    assert_int_equal(rill_udp_send(stack, socket, "x", 1, &message), RILL_ERROR_NO_ROUTE);
    assert_int_equal(rill_route_add(stack, 0, &any, 0, &one), 0);
    assert_int_equal(rill_route_add(stack, 0, &far, 24, &two), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t *to = cases[i].to;
        message.remote.address = rill_address_ipv4(to[0], to[1], to[2], to[3]);
        assert_int_equal(rill_udp_send(stack, socket, "x", 1, &message), 1);
        uint8_t bytes[64];
        next_frame(stack, bytes, test.world.now);
        while (memcmp(bytes + 38, test.address[0].bytes + 12, 4) == 0)
            next_frame(stack, bytes, test.world.now); /* our own address is told of first */
        assert_int_equal(bytes[12] << 8 | bytes[13], 0x0806);
        assert_memory_equal(bytes + 38, cases[i].hop, 4); /* who is asked for */
        test_run(&test, 4 * RILL_SECOND);                 /* nobody answers: the entry goes */
    }
    finish(&test);
}

static void a_scan_of_the_network_pushes_out_entries_and_nothing_else(void **state) {
    (void)state;
    struct test_world test;
    start(&test, false, 11);
    test.path[0].loss = RILL_CERTAIN;
    assert_int_equal(test_world_open(&test), 0);
    struct rill_stack *stack = test.world.stacks[0];
    struct rill_address wide = rill_address_ipv4(10, 1, 0, 1);
    assert_int_equal(rill_address_add(stack, 0, &wide, 16), 0);
    struct rill_udp_config config;
    rill_handle socket;
    rill_udp_config_default(&config);
    assert_int_equal(rill_udp_open(stack, &config, &socket), 0);
    for (unsigned i = 2; i < 5000; i++) {
        struct rill_udp_message message = {
            .remote = {rill_address_ipv4(10, 1, (uint8_t)(i >> 8), (uint8_t)i), 9}};
        assert_int_equal(rill_udp_send(stack, socket, "x", 1, &message), 1);
        test_run(&test, RILL_MICROSECOND);
        assert_true(stack->ip.interfaces[0]->neighbours->slab.used <= NEIGHBOURS_MAX);
    }
    test_run(&test, 10 * RILL_SECOND);
    assert_int_equal(stack->ip.interfaces[0]->neighbours->slab.used, 0);
    assert_int_equal(drops(&test, 0, RILL_DROP_NEIGHBOUR_SILENT), 4998);
    finish(&test);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_runs_over_ethernet),
        cmocka_unit_test(a_lost_question_is_asked_again),
        cmocka_unit_test(a_silent_neighbour_is_given_up_after_three_questions),
        cmocka_unit_test(the_first_datagram_to_a_neighbour_may_be_as_large_as_any),
        cmocka_unit_test(a_neighbour_goes_stale_is_probed_and_stays),
        cmocka_unit_test(a_neighbour_s_new_link_address_is_learnt_under_a_live_connection),
        cmocka_unit_test(what_is_not_for_us_makes_no_entry),
        cmocka_unit_test(somebody_with_our_address_is_noticed_and_not_believed),
        cmocka_unit_test(malformed_link_messages_are_counted),
        cmocka_unit_test(neighbour_discovery_needs_hop_limit_255_and_answers_detection),
        cmocka_unit_test(far_addresses_go_to_the_gateway_of_the_longest_route),
        cmocka_unit_test(a_scan_of_the_network_pushes_out_entries_and_nothing_else),
    };
    return cmocka_run_group_tests_name("ethernet", tests, 0, 0);
}
