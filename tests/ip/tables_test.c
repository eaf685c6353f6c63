/* Tables that are full: what a stranger or the application can fill, and what goes on. */
#include "base/bytes.h"
#include "ip/station.h"

/* Story: 1,400 bytes asked for from a thousand addresses that do not exist wait in a thousand
 * queues for a neighbour that will not answer: 176 MB, for 64 packets an address. */
static void what_waits_for_neighbours_is_bounded_in_all(void **state) {
    (void)state;
    struct station station;
    station_init(&station);
    station_open(&station);
    struct rill_address wide = rill_address_ipv4(10, 1, 0, 1);
    assert_int_equal(rill_address_add(station.stack, 0, &wide, 16), 0);
    struct rill_pool_info pool;
    for (int round = 0; round < 8; round++) {
        for (int i = 2; i < 1002; i++) {
            uint8_t echo[1400] = {8};
            char source[20];
            snprintf(source, sizeof source, "10.1.%d.%d", i / 250, i % 250 + 1);
            station_icmp(&station,
                         (struct packet){source, "10.1.0.1", .mac = 9, .length = sizeof echo},
                         echo);
            station_drain(&station);
        }
        rill_pool_get_info(station.pool, &pool);
        assert_true(pool.bytes_allocated < 2 * NEIGHBOUR_PENDING_BYTES);
    }
    assert_true(station_link(&station)->neighbours->pending_bytes > NEIGHBOUR_PENDING_BYTES / 2);
    station_answer(&station, "10.0.0.9", 9); /* and a neighbour that is there is not kept waiting */
    assert_int_equal(station_send_to(&station, "10.0.0.9", 100), 100);
    assert_int_equal(station_drain(&station), 1);
    station_wait(&station, 5 * RILL_SECOND);
    assert_int_equal(station_link(&station)->neighbours->pending_bytes, 0);
    station_close(&station);
}

static void routes_are_1024_and_the_rest_goes_on(void **state) {
    (void)state;
    struct station station;
    station_init(&station);
    station_open(&station);
    struct rill_address gateway = rill_address_ipv4(10, 0, 0, 254), prefix;
    uint32_t count = station.stack->ip.route_count;
    int error = 0;
    for (; !error; count++) {
        prefix = rill_address_ipv4(20, (uint8_t)(count >> 8), (uint8_t)count, 0);
        error = rill_route_add(station.stack, 0, &prefix, 24, &gateway);
    }
    assert_int_equal(error, RILL_ERROR_LIMIT);
    assert_int_equal(count - 1, IP_ROUTES_MAX);
    struct rill_address own = rill_address_ipv4(10, 9, 0, 1);
    assert_int_equal(rill_address_add(station.stack, 0, &own, 24), RILL_ERROR_LIMIT);
    struct rill_route_info info;
    struct rill_endpoint far = {rill_address_ipv4(20, 3, 200, 7), 1, 0}, any = {{{0}}, 0, 0};
    assert_int_equal(rill_route_get(station.stack, &far, &any, &info), 0);
    assert_true(rill_address_equal(&info.hop, &gateway));
    prefix = rill_address_ipv4(20, 0, 200, 0);
    assert_int_equal(rill_route_remove(station.stack, 0, &prefix, 24, &gateway), 0);
    assert_int_equal(rill_address_add(station.stack, 0, &own, 24), 0);
    station_close(&station);
}

static void groups_are_256_an_interface(void **state) {
    (void)state;
    struct station station;
    station_init(&station);
    station_open(&station);
    struct rill_address group = address("ff05::1:0");
    int error = 0, count = 0;
    for (; !error; count++) {
        group.bytes[14] = (uint8_t)(count >> 8);
        group.bytes[15] = (uint8_t)count;
        error = rill_group_join(station.stack, 0, &group);
    }
    assert_int_equal(error, RILL_ERROR_LIMIT);
    assert_int_equal(count - 1, 256);
    station_wait(&station, 5 * RILL_SECOND); /* all of them are told */
    group.bytes[14] = group.bytes[15] = 0;
    assert_int_equal(rill_group_leave(station.stack, 0, &group), 0);
    station_wait(&station, 5 * RILL_SECOND);
    assert_int_equal(rill_group_join(station.stack, 0, &group), 0);
    station_close(&station);
}

/* Events are bits of their handle: however much happens, a handle waits once. */
static void events_of_a_handle_are_one_however_often(void **state) {
    (void)state;
    struct station station;
    station_init(&station);
    station_open(&station);
    struct rill_event events[8];
    while (rill_events(station.stack, events, 8))
        ;
    for (int i = 0; i < 10000; i++) {
        static const uint8_t datagram[] = {0, 9, STATION_PORT >> 8, STATION_PORT & 255, 0, 8, 0, 0};
        struct packet packet = {"10.0.0.9", "10.0.0.1",       17,
                                .mac = 9,   .data = datagram, .length = 8};
        station_packet(&station, &packet);
        assert_int_equal(rill_link_set(station.stack, 0, false), 0);
        assert_int_equal(rill_link_set(station.stack, 0, true), 0);
    }
    assert_true(station_drops(&station, RILL_DROP_UDP_QUEUE_FULL) > 0);
    assert_int_equal(rill_events(station.stack, events, 8), 2);
    assert_int_equal(rill_events(station.stack, events, 8), 0);
    station_close(&station);
}

/* Issue 3: overlapping guests are more stacks, so an empty one may not cost much. */
static void an_empty_stack_takes_no_more_than_64_kib(void **state) {
    (void)state;
    struct test_memory memory = {.fill = 0x5a};
    struct rill_allocator allocator = test_allocator(&memory);
    struct rill_pool *pool = rill_pool_open(&allocator, 0);
    uint64_t before = memory.live_bytes;
    struct rill_stack_config config;
    struct rill_interface_config interface;
    struct rill_stack *stack;
    uint32_t number;
    rill_stack_config_default(&config);
    config.allocator = allocator;
    config.pool = pool;
    config.seed[0] = 1;
    assert_int_equal(rill_stack_open(&config, &stack), 0);
    rill_interface_config_default(&interface);
    interface.framing = &rill_ethernet;
    interface.mac[0] = 2;
    interface.autoconfigure = true;
    assert_int_equal(rill_interface_add(stack, &interface, &number), 0);
    struct rill_address own = rill_address_ipv4(10, 0, 0, 1);
    assert_int_equal(rill_address_add(stack, 0, &own, 24), 0);
    assert_true(memory.live_bytes - before <= 32768); /* stacks may share a pool … */
    assert_true(memory.live_bytes <= 65536);          /* … or have one each */
    rill_stack_close(stack);
    rill_pool_close(pool);
    assert_int_equal(memory.live_bytes, 0);
}

int tables_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_for_neighbours_is_bounded_in_all),
        cmocka_unit_test(routes_are_1024_and_the_rest_goes_on),
        cmocka_unit_test(groups_are_256_an_interface),
        cmocka_unit_test(events_of_a_handle_are_one_however_often),
        cmocka_unit_test(an_empty_stack_takes_no_more_than_64_kib),
    };
    return cmocka_run_group_tests_name("tables", tests, 0, 0);
}
