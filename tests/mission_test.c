/* tests/mission_test.c: what this project is for, a sentence a test: sockets, connections told
 * apart by their four-tuples, ports, refusal, use again, initial numbers, wrap, MSS, endings. */
#include "world.h"

#include "wire/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct rill_tcp_info info_of(struct test_world *test, int host, rill_handle handle) {
    struct rill_tcp_info info;
    memset(&info, 0, sizeof info);
    assert_int_equal(rill_tcp_get_info(test->world.stacks[host], handle, &info), 0);
    return info;
}

static struct rill_stack_info stack_of(struct test_world *test, int host) {
    struct rill_stack_info info;
    rill_stack_get_info(test->world.stacks[host], &info);
    return info;
}

/* Connects from `local` (null: chosen) without driving the world. */
static int connect_from(struct test_world *test, const struct rill_address *local,
                        uint16_t local_port, uint16_t port, rill_handle *out) {
    struct rill_tcp_connect_config config;
    rill_tcp_connect_config_default(&config);
    if (local)
        config.local.address = *local;
    config.local.port = local_port;
    config.remote.address = test->address[1];
    config.remote.port = port;
    return rill_tcp_connect(test->world.stacks[0], &config, out);
}

static void finish(struct test_world *test) {
    test_world_close(test);
    assert_int_equal(test->memory.live_bytes, 0);
}

static void a_socket_is_there_before_any_connection(void **state) {
    (void)state;
    struct test_world test;
    rill_handle a, b, none;
    test_world_init(&test, 1);
    assert_int_equal(test_world_open(&test), 0);
    rill_handle listener = test_listen(&test, 1, 80);
    assert_true(listener != 0);
    test_run(&test, 100 * RILL_SECOND); /* and stays, with nobody there */
    assert_int_equal(stack_of(&test, 1).listeners, 1);
    assert_int_equal(stack_of(&test, 1).connections, 0);
    assert_int_equal(rill_tcp_accept(test.world.stacks[1], listener, &none), RILL_ERROR_AGAIN);
    assert_int_equal(test_open_pair(&test, listener, 80, &a, &b), 0);
    assert_true(b != listener); /* a connection is another thing than the socket */
    assert_int_equal(stack_of(&test, 1).connections, 1);
    assert_int_equal(stack_of(&test, 1).listeners, 1);
    finish(&test);
}

static void one_listening_socket_many_connections_told_apart_by_the_four_tuple(void **state) {
    (void)state;
    enum { MANY = 300 };
    struct test_world test;
    static rill_handle a[MANY], b[MANY];
    test_world_init(&test, 2);
    assert_int_equal(test_world_open(&test), 0);
    struct rill_address second = rill_address_ipv4(10, 0, 0, 77);
    assert_int_equal(rill_address_add(test.world.stacks[0], 0, &second, 24), 0);
    rill_handle listener = test_listen(&test, 1, 80);
    for (int i = 0; i < MANY; i++) { /* the same local port from two addresses: two four-tuples */
        uint16_t port = (uint16_t)(5000 + i / 2);
        assert_int_equal(connect_from(&test, i & 1 ? &second : &test.address[0], port, 80, &a[i]),
                         0);
        test_run(&test, RILL_SECOND);
        assert_int_equal(rill_tcp_accept(test.world.stacks[1], listener, &b[i]), 0);
    }
    for (int i = 0; i < MANY; i++) { /* each says its number; and each is heard at the right end */
        int32_t word = i * 31;
        assert_int_equal(rill_tcp_send(test.world.stacks[0], a[i], &word, 4), 4);
        word = -i;
        assert_int_equal(rill_tcp_send(test.world.stacks[1], b[i], &word, 4), 4);
    }
    test_run(&test, RILL_SECOND);
    for (int i = 0; i < MANY; i++) {
        int32_t word = 0;
        assert_int_equal(rill_tcp_receive(test.world.stacks[1], b[i], &word, 4), 4);
        assert_int_equal(word, i * 31);
        assert_int_equal(rill_tcp_receive(test.world.stacks[0], a[i], &word, 4), 4);
        assert_int_equal(word, -i);
        struct rill_tcp_info client = info_of(&test, 0, a[i]), server = info_of(&test, 1, b[i]);
        assert_int_equal(server.local.port, 80);
        assert_int_equal(server.remote.port, client.local.port);
        assert_true(rill_address_equal(&server.remote.address, &client.local.address));
    }
    assert_int_equal(stack_of(&test, 1).connections, MANY);
    finish(&test);
}

static void port_0_gives_a_random_port(void **state) {
    (void)state;
    enum { MANY = 2000 };
    struct test_world test;
    static rill_handle handles[MANY];
    static uint32_t ports[MANY];
    test_world_init(&test, 3);
    assert_int_equal(test_world_open(&test), 0);
    int buckets[16] = {0}, rising = 0, neighbours = 0, equal = 0;
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(test_connect(&test, 0, 80, &handles[i]), 0);
        ports[i] = info_of(&test, 0, handles[i]).local.port;
        assert_in_range(ports[i], 1024, 65535);
        buckets[(ports[i] - 1024) * 16 / 64512]++;
        for (int k = 0; k < i; k++)
            equal += ports[k] == ports[i];
        if (i && ports[i] > ports[i - 1])
            rising++;
        if (i && (ports[i] - ports[i - 1] == 1 || ports[i - 1] - ports[i] == 1))
            neighbours++;
    }
    assert_int_equal(equal, 0); /* one four-tuple, one connection */
    double chi = 0;
    for (int i = 0; i < 16; i++)
        chi += (buckets[i] - MANY / 16.0) * (buckets[i] - MANY / 16.0) / (MANY / 16.0);
    assert_true(chi < 44); /* 15 degrees of freedom: one in 10,000 */
    assert_in_range(rising, MANY / 2 - 150, MANY / 2 + 150);
    assert_true(neighbours < 5);
    finish(&test);
}

static void six_connections_to_one_server_have_no_consecutive_ports(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct test_world test;
        uint32_t ports[6];
        test_world_init(&test, seed);
        assert_int_equal(test_world_open(&test), 0);
        int consecutive = 0;
        for (int i = 0; i < 6; i++) {
            rill_handle handle;
            assert_int_equal(test_connect(&test, 0, 80, &handle), 0);
            ports[i] = info_of(&test, 0, handle).local.port;
            consecutive += i && ports[i] == ports[i - 1] + 1;
        }
        assert_true(consecutive <= 1); /* by chance once in 60,000 */
        finish(&test);
    }
}

static void refusal_where_nothing_listens(void **state) {
    (void)state;
    struct test_world test;
    rill_handle handle;
    test_world_init(&test, 4);
    test_world_delay(&test, 20 * RILL_MILLISECOND);
    assert_int_equal(test_world_open(&test), 0);
    test_listen(&test, 1, 80);
    rill_time from = test.world.now;
    assert_int_equal(test_connect(&test, 0, 81, &handle), 0);
    test_run(&test, 41 * RILL_MILLISECOND); /* one round trip: at once, not by a time-out */
    struct rill_tcp_info info = info_of(&test, 0, handle);
    assert_int_equal(info.state, RILL_TCP_CLOSED);
    assert_int_equal(info.error, RILL_ERROR_REFUSED);
    assert_string_equal(rill_error_text(info.error), "connection refused");
    assert_true(rill_ready(test.world.stacks[0], handle) & RILL_EVENT_ERROR);
    assert_true(test.world.now - from < 50 * RILL_MILLISECOND);
    finish(&test);
}

/* Uses up all ports to one server socket, from one address and then from a second one. */
static void use_up(uint16_t first, uint16_t last) {
    struct test_world test;
    uint32_t count = (uint32_t)(last - first) + 1;
    rill_handle handle;
    uint8_t *used = calloc(65536, 1);
    test_world_init(&test, 5);
    test.memory.fill = 0;
    test.config[0].port_first = first;
    test.config[0].port_last = last;
    test.config[0].statistics = false;
    assert_int_equal(test_world_open(&test), 0);
    struct rill_address second = rill_address_ipv4(10, 0, 0, 3);
    assert_int_equal(rill_address_add(test.world.stacks[0], 0, &second, 24), 0);
    for (int address = 0; address < 2; address++) {
        const struct rill_address *local = address ? &second : &test.address[0];
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(connect_from(&test, local, 0, 80, &handle), 0);
            uint16_t port = info_of(&test, 0, handle).local.port;
            assert_in_range(port, first, last);
            used[port]++;
        }
        int error = connect_from(&test, local, 0, 80, &handle);
        assert_int_equal(error, RILL_ERROR_ADDRESS_NOT_AVAILABLE);
        assert_string_equal(rill_error_text(error), "address or port not available");
        assert_int_equal(connect_from(&test, local, 0, 81, &handle), 0); /* another socket: free */
    }
    for (uint32_t port = first; port <= last; port++)
        assert_int_equal(used[port], 2);
    assert_int_equal(stack_of(&test, 0).connections, 2 * count + 2);
    assert_int_equal(rill_tcp_close(test.world.stacks[0], handle), 0);
    finish(&test);
    free(used);
}

static void the_ports_of_one_address_used_up_is_address_not_available(void **state) {
    (void)state;
    use_up(4000, 4009);
    use_up(7, 7);
}

static void all_64512_ports_of_one_address_can_be_used_and_a_second_gives_as_many(void **state) {
    (void)state;
    use_up(1024, 65535);
}

/* Opens, exchanges a little, closes from side `first`, and opens the same four-tuple at once. */
static void again_at_once(int first) {
    struct test_world test;
    rill_handle pair[2], again[2];
    test_world_init(&test, 6);
    test_world_delay(&test, 5 * RILL_MILLISECOND);
    assert_int_equal(test_world_open(&test), 0);
    rill_handle listener = test_listen(&test, 1, 80);
    assert_int_equal(test_connect(&test, 4321, 80, &pair[0]), 0);
    test_run(&test, RILL_SECOND);
    assert_int_equal(rill_tcp_accept(test.world.stacks[1], listener, &pair[1]), 0);
    assert_null(test_transfer(&test, first, pair[first], pair[!first], 100000, RILL_SECOND * 10));
    assert_null(test_transfer(&test, !first, pair[!first], pair[first], 50, RILL_SECOND * 10));
    test_run(&test, 100 * RILL_MILLISECOND);
    assert_int_equal(test_state(&test, first, pair[first]), RILL_TCP_TIME_WAIT);
    assert_int_equal(test_state(&test, !first, pair[!first]), RILL_TCP_CLOSED);
    assert_int_equal(stack_of(&test, first).time_wait, 1);
    assert_int_equal(test_connect(&test, 4321, 80, &again[0]), 0);
    test_run(&test, RILL_SECOND / 2);
    assert_int_equal(rill_tcp_accept(test.world.stacks[1], listener, &again[1]), 0);
    assert_true(again[0] != pair[0] && again[1] != pair[1]); /* another connection */
    assert_int_equal(info_of(&test, 0, again[0]).local.port, 4321);
    assert_int_equal(stack_of(&test, first).time_wait, 0);
    assert_null(test_transfer(&test, 0, again[0], again[1], 1000, RILL_SECOND * 10));
    finish(&test);
}

static void a_four_tuple_is_used_again_at_once_after_the_client_closed_first(void **state) {
    (void)state;
    again_at_once(0);
}

static void a_four_tuple_is_used_again_at_once_after_the_server_closed_first(void **state) {
    (void)state;
    again_at_once(1);
}

/* --- initial sequence numbers: taken from the SYNs on the wire --- */

struct isn_tap {
    uint32_t isn[4096];
    uint32_t count;
};

static void isn_tap(void *context, int sender, const struct rill_packet *packet, rill_time now) {
    struct isn_tap *tap = context;
    uint8_t frame[2000];
    struct wire_tcp tcp;
    (void)now;
    size_t length = rill_packet_frame(packet, 0, frame, sizeof frame);
    if (sender || rill__wire_tcp_parse(frame + 20, length - 20, &tcp) || !(tcp.flags & WIRE_SYN))
        return;
    if (tap->count < 4096)
        tap->isn[tap->count++] = tcp.sequence;
}

static void isns_are_not_predictable_from_other_four_tuples_isns(void **state) {
    (void)state;
    static struct isn_tap tap;
    struct test_world test;
    rill_handle handle;
    memset(&tap, 0, sizeof tap);
    test_world_init(&test, 7);
    test.world.tap = isn_tap;
    test.world.tap_context = &tap;
    assert_int_equal(test_world_open(&test), 0);
    for (uint16_t i = 0; i < 2000; i++)
        assert_int_equal(test_connect(&test, (uint16_t)(10000 + i), 80, &handle), 0);
    rill_virtual_step(&test.world, RILL_TIME_NEVER); /* all at one instant */
    assert_int_equal(tap.count, 2000);
    int buckets[16] = {0}, bits[32] = {0}, small = 0;
    for (uint32_t i = 1; i < tap.count; i++) { /* of neighbouring ports: the differences */
        uint32_t difference = tap.isn[i] - tap.isn[i - 1];
        buckets[difference >> 28]++;
        for (int bit = 0; bit < 32; bit++)
            bits[bit] += difference >> bit & 1;
        small += difference + 100000 < 200000;
    }
    double chi = 0;
    for (int i = 0; i < 16; i++)
        chi += (buckets[i] - 1999 / 16.0) * (buckets[i] - 1999 / 16.0) / (1999 / 16.0);
    assert_true(chi < 44);
    for (int bit = 0; bit < 32; bit++)
        assert_in_range(bits[bit], 1000 - 110, 1000 + 110); /* 4.9 sigma */
    assert_true(small < 4);
    finish(&test);
}

static void isns_of_one_four_tuple_rise_with_the_time(void **state) {
    (void)state;
    static struct isn_tap tap;
    struct test_world test;
    rill_handle handle;
    memset(&tap, 0, sizeof tap);
    test_world_init(&test, 8);
    test.world.tap = isn_tap;
    test.world.tap_context = &tap;
    assert_int_equal(test_world_open(&test), 0);
    for (int i = 0; i < 50; i++) {
        rill_advance(test.world.stacks[0], test.world.now,
                     0); /* the stack's clock is its caller's */
        assert_int_equal(test_connect(&test, 4000, 80, &handle), 0); /* refused each time */
        test_run(&test, RILL_SECOND);
        assert_int_equal(rill_tcp_close(test.world.stacks[0], handle), 0);
    }
    assert_int_equal(tap.count, 50);
    for (uint32_t i = 1; i < tap.count; i++)
        assert_int_equal(tap.isn[i] - tap.isn[i - 1], 250000); /* RFC 6528 §3: 4 us a tick */
    finish(&test);
}

/* --- the wrap: the tap learns the initial numbers, the time puts them just below 2^32 --- */

struct wrap_tap {
    uint32_t first[2], last[2];
    bool seen[2], wrapped[2];
};

static void wrap_tap(void *context, int sender, const struct rill_packet *packet, rill_time now) {
    struct wrap_tap *tap = context;
    uint8_t frame[2000];
    struct wire_tcp tcp;
    (void)now;
    size_t length = rill_packet_frame(packet, 0, frame, sizeof frame);
    assert_int_equal(rill__wire_tcp_parse(frame + 20, length - 20, &tcp), 0);
    if (tcp.flags & WIRE_SYN) {
        tap->first[sender] = tap->last[sender] = tcp.sequence;
        tap->seen[sender] = true;
    }
    if (tap->last[sender] > 0xf0000000 && tcp.sequence < 0x10000000)
        tap->wrapped[sender] = true;
    tap->last[sender] = tcp.sequence;
}

static void the_sequence_space_wraps_in_both_directions(void **state) {
    (void)state;
    bool wrapped[2] = {false, false};
    for (int direction = 0; direction < 2; direction++) {
        rill_time start = 0;
        for (int attempt = 0; attempt < 2; attempt++) { /* first to learn, then to wrap */
            struct wrap_tap tap;
            struct test_world test;
            rill_handle a, b;
            memset(&tap, 0, sizeof tap);
            test_world_init(&test, 9);
            test.path[0].loss = test.path[1].loss = attempt ? 30000000 : 0; /* 3 % */
            test_world_delay(&test, RILL_MILLISECOND);
            test.world.tap = wrap_tap;
            test.world.tap_context = &tap;
            assert_int_equal(test_world_open(&test), 0);
            test.world.now = start;
            for (int host = 0; host < 2; host++)
                rill_advance(test.world.stacks[host], start, 0);
            rill_handle listener = test_listen(&test, 1, 80);
            assert_int_equal(test_connect(&test, 4000, 80, &a), 0);
            rill_time until = test.world.now + 100 * RILL_SECOND;
            while (rill_tcp_accept(test.world.stacks[1], listener, &b))
                assert_true(rill_virtual_step(&test.world, until));
            if (attempt) {
                assert_null(test_transfer(&test, direction, direction ? b : a, direction ? a : b,
                                          1 << 20, 100 * RILL_SECOND));
                wrapped[direction] = tap.wrapped[direction];
            }
            /* M ticks every 4 us: in so many ticks the number stands 200,000 before the wrap. */
            start = (rill_time)(0u - 200000u - tap.first[direction]) * 4 * RILL_MICROSECOND;
            finish(&test);
        }
    }
    assert_true(wrapped[0]);
    assert_true(wrapped[1]);
}

/* --- MSS --- */

struct size_tap {
    uint32_t largest[2];
};

static void size_tap(void *context, int sender, const struct rill_packet *packet, rill_time now) {
    struct size_tap *tap = context;
    static uint8_t frame[70000];
    (void)now;
    for (uint32_t i = 0; i < rill_packet_frames(packet); i++) {
        uint32_t length = (uint32_t)rill_packet_frame(packet, i, frame, sizeof frame);
        if (length > tap->largest[sender])
            tap->largest[sender] = length;
    }
}

static void the_mss_is_honoured_both_ways(void **state) {
    (void)state;
    const uint32_t mtus[][2] = {{1500, 576}, {576, 1500}, {9000, 1400}, {296, 65535}, {68, 1500}};
    for (int kind = 0; kind < 4; kind++) { /* timestamps or not, super-segments or not */
        for (size_t i = 0; i < sizeof mtus / sizeof *mtus; i++) {
            struct size_tap tap = {{0, 0}};
            struct test_world test;
            rill_handle a, b;
            test_world_init(&test, 10);
            for (int host = 0; host < 2; host++) {
                test.interface[host].mtu = mtus[i][host];
                test.config[host].timestamps = kind & 1;
                if (kind & 2)
                    test.interface[host].flags = RILL_INTERFACE_CHECKSUM | RILL_INTERFACE_GSO;
            }
            test.world.tap = size_tap;
            test.world.tap_context = &tap;
            assert_int_equal(test_world_open(&test), 0);
            rill_handle listener = test_listen(&test, 1, 80);
            assert_int_equal(test_open_pair(&test, listener, 80, &a, &b), 0);
            assert_null(test_transfer(&test, 0, a, b, 200000, 100 * RILL_SECOND));
            assert_null(test_transfer(&test, 1, b, a, 200000, 100 * RILL_SECOND));
            uint32_t smaller = mtus[i][0] < mtus[i][1] ? mtus[i][0] : mtus[i][1];
            assert_int_equal(tap.largest[0], smaller); /* never larger, and as large as may be */
            assert_int_equal(tap.largest[1], smaller);
            finish(&test);
        }
    }
}

/* --- endings --- */

static void either_side_closes_first(void **state) {
    (void)state;
    for (int first = 0; first < 2; first++) {
        struct test_world test;
        rill_handle pair[2];
        test_world_init(&test, 11);
        test_world_delay(&test, RILL_MILLISECOND);
        assert_int_equal(test_world_open(&test), 0);
        rill_handle listener = test_listen(&test, 1, 80);
        assert_int_equal(test_open_pair(&test, listener, 80, &pair[0], &pair[1]), 0);
        assert_int_equal(rill_tcp_close(test.world.stacks[first], pair[first]), 0);
        test_run(&test, 100 * RILL_MILLISECOND);
        assert_int_equal(test_state(&test, !first, pair[!first]), RILL_TCP_CLOSE_WAIT);
        uint8_t byte;
        assert_int_equal(rill_tcp_receive(test.world.stacks[!first], pair[!first], &byte, 1), 0);
        assert_int_equal(rill_tcp_close(test.world.stacks[!first], pair[!first]), 0);
        test_run(&test, 100 * RILL_MILLISECOND);
        assert_int_equal(stack_of(&test, first).time_wait, 1); /* who closes first waits */
        assert_int_equal(stack_of(&test, !first).time_wait, 0);
        assert_int_equal(stack_of(&test, 0).connections + stack_of(&test, 1).connections, 0);
        test_run(&test, 61 * RILL_SECOND);
        assert_int_equal(stack_of(&test, first).time_wait, 0);
        finish(&test);
    }
}

static void half_close_with_data_still_flowing(void **state) {
    (void)state;
    for (int first = 0; first < 2; first++) {
        struct test_world test;
        rill_handle pair[2];
        test_world_init(&test, 12);
        test.path[0].loss = test.path[1].loss = 20000000; /* 2 % */
        test_world_delay(&test, RILL_MILLISECOND);
        assert_int_equal(test_world_open(&test), 0);
        rill_handle listener = test_listen(&test, 1, 80);
        assert_int_equal(test_open_pair(&test, listener, 80, &pair[0], &pair[1]), 0);
        assert_int_equal(rill_tcp_shutdown(test.world.stacks[first], pair[first]), 0);
        test_run(&test, 2 * RILL_SECOND);
        assert_int_equal(test_state(&test, first, pair[first]), RILL_TCP_FIN_WAIT_2);
        assert_null(test_transfer(&test, !first, pair[!first], pair[first], 1 << 20,
                                  100 * RILL_SECOND)); /* a megabyte after our FIN */
        test_run(&test, 20 * RILL_SECOND);
        assert_int_equal(test_state(&test, first, pair[first]), RILL_TCP_TIME_WAIT);
        assert_int_equal(test_state(&test, !first, pair[!first]), RILL_TCP_CLOSED);
        finish(&test);
    }
}

static void both_close_at_once(void **state) {
    (void)state;
    struct test_world test;
    rill_handle a, b;
    test_world_init(&test, 13);
    test_world_delay(&test, 10 * RILL_MILLISECOND);
    assert_int_equal(test_world_open(&test), 0);
    rill_handle listener = test_listen(&test, 1, 80);
    assert_int_equal(test_open_pair(&test, listener, 80, &a, &b), 0);
    test_run(&test, 100 * RILL_MILLISECOND);
    assert_int_equal(rill_tcp_shutdown(test.world.stacks[0], a), 0);
    assert_int_equal(rill_tcp_shutdown(test.world.stacks[1], b), 0);
    test_run(&test, 15 * RILL_MILLISECOND);
    assert_int_equal(test_state(&test, 0, a), RILL_TCP_CLOSING);
    assert_int_equal(test_state(&test, 1, b), RILL_TCP_CLOSING);
    test_run(&test, 100 * RILL_MILLISECOND);
    assert_int_equal(test_state(&test, 0, a), RILL_TCP_TIME_WAIT);
    assert_int_equal(test_state(&test, 1, b), RILL_TCP_TIME_WAIT);
    test_run(&test, 61 * RILL_SECOND);
    assert_int_equal(stack_of(&test, 0).time_wait + stack_of(&test, 1).time_wait, 0);
    finish(&test);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_is_there_before_any_connection),
        cmocka_unit_test(one_listening_socket_many_connections_told_apart_by_the_four_tuple),
        cmocka_unit_test(port_0_gives_a_random_port),
        cmocka_unit_test(six_connections_to_one_server_have_no_consecutive_ports),
        cmocka_unit_test(refusal_where_nothing_listens),
        cmocka_unit_test(the_ports_of_one_address_used_up_is_address_not_available),
        cmocka_unit_test(all_64512_ports_of_one_address_can_be_used_and_a_second_gives_as_many),
        cmocka_unit_test(a_four_tuple_is_used_again_at_once_after_the_client_closed_first),
        cmocka_unit_test(a_four_tuple_is_used_again_at_once_after_the_server_closed_first),
        cmocka_unit_test(isns_are_not_predictable_from_other_four_tuples_isns),
        cmocka_unit_test(isns_of_one_four_tuple_rise_with_the_time),
        cmocka_unit_test(the_sequence_space_wraps_in_both_directions),
        cmocka_unit_test(the_mss_is_honoured_both_ways),
        cmocka_unit_test(either_side_closes_first),
        cmocka_unit_test(half_close_with_data_still_flowing),
        cmocka_unit_test(both_close_at_once),
    };
    return cmocka_run_group_tests_name("mission", tests, 0, 0);
}
