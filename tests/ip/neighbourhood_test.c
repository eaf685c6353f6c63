/* Neighbours and first hops: answers, conflicts, redirects, and those that do not answer; groups
 * and who asks for them. */
#include "base/bytes.h"
#include "base/checksum.h"
#include "ip/station.h"

enum { TARGET = 8, HEADER = 24 };

/* A message of neighbour discovery about `target`; an option with `mac` if that is not 0. */
static size_t write_message(uint8_t *out, uint8_t type, uint8_t flags, const char *target,
                            uint8_t option, uint8_t mac) {
    struct rill_address about = address(target);
    memset(out, 0, HEADER + 8);
    out[0] = type;
    out[4] = flags;
    memcpy(out + TARGET, about.bytes, 16);
    if (!mac)
        return HEADER;
    const uint8_t link[8] = {option, 1, 2, 0, 0, 0, 0, mac};
    memcpy(out + HEADER, link, 8);
    return HEADER + 8;
}

static void advertise(struct station *station, const char *from, const char *to, uint8_t flags,
                      const char *target, uint8_t mac) {
    uint8_t message[HEADER + 8];
    size_t length = write_message(message, 136, flags, target, 2, mac);
    station_icmp(station, (struct packet){from, to, .mac = mac, .length = length}, message);
}

static struct neighbour *find(struct station *station, const char *who) {
    struct rill_address whose = address(who);
    return rill__neighbour_find(station_link(station), &whose, false);
}

/* Story: nobody answered for the address, and connect went on asking for two minutes. */
static void who_sends_to_a_silent_neighbour_is_told(void **state) {
    (void)state;
    static const char *const whom[] = {"10.0.0.77", "fd00::77"};
    for (int i = 0; i < 2; i++) {
        struct station station;
        struct rill_tcp_connect_config config;
        struct rill_tcp_info info;
        rill_handle connection, socket;
        station_init(&station);
        station_open(&station);
        rill_tcp_connect_config_default(&config);
        config.remote.address = address(whom[i]);
        config.remote.port = 80;
        assert_int_equal(rill_tcp_connect(station.stack, &config, &connection), 0);
        struct rill_udp_config udp;
        rill_udp_config_default(&udp);
        udp.remote = config.remote;
        assert_int_equal(rill_udp_open(station.stack, &udp, &socket), 0);
        assert_int_equal(rill_udp_send(station.stack, socket, "x", 1, 0), 1);
        station_wait(&station, 2900 * RILL_MILLISECOND);
        assert_int_equal(rill_tcp_get_info(station.stack, connection, &info), 0);
        assert_int_equal(info.state, RILL_TCP_SYN_SENT);
        station_wait(&station, 200 * RILL_MILLISECOND);
        assert_int_equal(rill_tcp_get_info(station.stack, connection, &info), 0);
        assert_int_equal(info.state, RILL_TCP_CLOSED);
        assert_int_equal(info.error, RILL_ERROR_UNREACHABLE);
        assert_int_equal(rill_udp_take_error(station.stack, socket), RILL_ERROR_UNREACHABLE);
        station_close(&station);
    }
}

static struct rill_address hop_to(struct station *station, const char *to) {
    struct rill_endpoint remote = {address(to), 1, 0}, any = {{{0}}, 0, 0};
    struct rill_route_info info;
    assert_int_equal(rill_route_get(station->stack, &remote, &any, &info), 0);
    return info.hop;
}

static void expect_hop(struct station *station, const char *to, const char *hop) {
    struct rill_address is = hop_to(station, to), wanted = address(hop);
    assert_memory_equal(&is, &wanted, sizeof is);
}

static void add_gateway(struct station *station, const char *text) {
    static const struct rill_address any = {{0}};
    struct rill_address gateway = address(text);
    assert_int_equal(rill_route_add(station->stack, 0, &any, 0, &gateway), 0);
}

static void redirect6(struct station *station, const char *from, uint8_t hop_limit,
                      const char *remote, const char *target) {
    uint8_t message[HEADER + 16];
    struct rill_address far = address(remote);
    write_message(message, 137, 0, target, 0, 0);
    memcpy(message + HEADER, far.bytes, 16);
    station_icmp(station,
                 (struct packet){from, "fd00::1", .hop_limit = hop_limit, .mac = 0xfe,
                                 .length = sizeof message},
                 message);
}

static void a_redirect_counts_from_the_first_hop_alone(void **state) {
    (void)state;
    struct station station;
    station_init(&station);
    station_open(&station);
    struct rill_address own = address("fe80::1");
    assert_int_equal(rill_address_add(station.stack, 0, &own, 64), 0);
    add_gateway(&station, "fe80::fe");
    redirect6(&station, "fe80::fd", 255, "2001:db8::1", "fe80::9"); /* another router */
    expect_hop(&station, "2001:db8::1", "fe80::fe");
    redirect6(&station, "fd00::fe", 255, "2001:db8::1", "fe80::9"); /* not link-local */
    redirect6(&station, "fe80::fe", 254, "2001:db8::1", "fe80::9"); /* from afar */
    redirect6(&station, "fe80::fe", 255, "2001:db8::1", "fd00::9"); /* to no router */
    redirect6(&station, "fe80::fe", 255, "2001:db8::1", "fe80::1"); /* to ourselves */
    redirect6(&station, "fe80::fe", 255, "ff0e::1", "fe80::9");     /* of a group */
    expect_hop(&station, "2001:db8::1", "fe80::fe");
    redirect6(&station, "fe80::fe", 255, "2001:db8::1", "fe80::9");
    expect_hop(&station, "2001:db8::1", "fe80::9");
    expect_hop(&station, "2001:db8::2", "fe80::fe");
    redirect6(&station, "fe80::fe", 255, "2001:db8::1", "fe80::8"); /* no longer its first hop */
    expect_hop(&station, "2001:db8::1", "fe80::9");
    redirect6(&station, "fe80::9", 255, "2001:db8::1", "2001:db8::1"); /* it is on the link */
    expect_hop(&station, "2001:db8::1", "2001:db8::1");
    station_wait(&station, 601 * RILL_SECOND);
    expect_hop(&station, "2001:db8::1", "fe80::fe");
    station_close(&station);
}

/* Story: who was redirected to a router that did not answer sent there for ten minutes. */
static void a_redirect_to_nobody_is_given_up(void **state) {
    (void)state;
    struct station station;
    station_init(&station);
    station_open(&station);
    struct rill_address own = address("fe80::1");
    assert_int_equal(rill_address_add(station.stack, 0, &own, 64), 0);
    add_gateway(&station, "fe80::fe");
    station_answer(&station, "fe80::fe", 0xfe);
    redirect6(&station, "fe80::fe", 255, "2001:db8::1", "fe80::9");
    assert_int_equal(station_send_to(&station, "2001:db8::1", 10), 10);
    station_wait(&station, 4 * RILL_SECOND);
    expect_hop(&station, "2001:db8::1", "fe80::fe");
    station_close(&station);
}

/* Story: IPv4 says nothing of how far a redirect has come, so that anybody who knew the gateway's
 * address could send our traffic to a host of his choice. */
static void an_ipv4_redirect_must_be_about_something_sent(void **state) {
    (void)state;
    struct station station;
    struct rill_tcp_connect_config config;
    rill_handle connection;
    struct frame syn;
    station_init(&station);
    station_open(&station);
    add_gateway(&station, "10.0.0.254");
    station_answer(&station, "10.0.0.254", 0xfe);
    station_drain(&station);
    rill_tcp_connect_config_default(&config);
    config.remote.address = address("192.0.2.1");
    config.remote.port = 80;
    assert_int_equal(rill_tcp_connect(station.stack, &config, &connection), 0);
    assert_true(station_take(&station, &syn));
    for (int round = 0; round < 2; round++) {
        uint8_t message[36] = {5, 1, 0, 0, 10, 0, 0, 9};
        memcpy(message + 8, syn.bytes + 14, 28);
        message[35] ^= round == 0; /* the sequence number */
        station_icmp(&station, (struct packet){"10.0.0.254", "10.0.0.1", .mac = 0xfe, .length = 36},
                     message);
        expect_hop(&station, "192.0.2.1", round ? "10.0.0.9" : "10.0.0.254");
    }
    station_close(&station);
}

/* Story: a router that had once been silent was not asked again while another answered. */
static void a_router_that_speaks_again_is_used_again(void **state) {
    (void)state;
    struct station station;
    station_init(&station);
    station_open(&station);
    add_gateway(&station, "10.0.0.254");
    add_gateway(&station, "10.0.0.253");
    station_answer(&station, "10.0.0.253", 0xfd);
    assert_int_equal(station_send_to(&station, "192.0.2.1", 10), 10);
    station_wait(&station, 4 * RILL_SECOND); /* the first does not answer */
    expect_hop(&station, "192.0.2.1", "10.0.0.253");
    uint8_t question[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,  0xfe, 8, 6,
                            0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0,  0,    0, 0xfe,
                            10,   0,    0,    254,  0,    0,    0, 0, 0, 0, 10, 0,    0, 1};
    station_input(&station, question, sizeof question);
    expect_hop(&station, "192.0.2.1", "10.0.0.254");
    station_close(&station);
}

static void advertisements_are_taken_as_rfc_4861_says(void **state) {
    (void)state;
    struct station station;
    station_init(&station);
    station_open(&station);
    advertise(&station, "fd00::9", "fd00::1", 0x60, "fd00::9", 9); /* nobody has asked */
    assert_null(find(&station, "fd00::9"));
    station_answer(&station, "fd00::9", 9);
    advertise(&station, "fd00::9", "fd00::1", 0x40, "fd00::9", 8); /* another, no override */
    assert_int_equal(find(&station, "fd00::9")->state, NEIGHBOUR_STALE);
    assert_int_equal(find(&station, "fd00::9")->mac[5], 9);
    advertise(&station, "fd00::9", "fd00::1", 0x60, "fd00::9", 8);
    assert_int_equal(find(&station, "fd00::9")->state, NEIGHBOUR_REACHABLE);
    assert_int_equal(find(&station, "fd00::9")->mac[5], 8);
    advertise(&station, "fd00::9", "ff02::1", 0x20, "fd00::9", 7); /* unasked */
    assert_int_equal(find(&station, "fd00::9")->state, NEIGHBOUR_STALE);
    assert_int_equal(find(&station, "fd00::9")->mac[5], 7);
    assert_int_equal(station_drops(&station, RILL_DROP_NDP_INVALID), 0);
    advertise(&station, "fd00::9", "ff02::1", 0x60, "fd00::9", 6); /* to all, and solicited */
    assert_int_equal(station_drops(&station, RILL_DROP_NDP_INVALID), 1);
    advertise(&station, "ff02::1", "fd00::1", 0x60, "fd00::9", 6);
    advertise(&station, "::", "fd00::1", 0x60, "fd00::9", 6);
    assert_int_equal(station_drops(&station, RILL_DROP_IP_SOURCE), 2);
    assert_int_equal(find(&station, "fd00::9")->mac[5], 7);
    station_close(&station);
}

/* RFC 4861 §7.1.1: who asks from no address asks the group, and says no link address. */
static void questions_from_nobody_are_well_formed_or_nothing(void **state) {
    (void)state;
    struct station station;
    struct frame frame;
    uint8_t message[HEADER + 8];
    station_init(&station);
    station_open(&station);
    size_t length = write_message(message, 135, 0, "fd00::1", 1, 9);
    station_icmp(&station, (struct packet){"::", "ff02::1:ff00:1", .mac = 9, .length = length},
                 message);
    length = write_message(message, 135, 0, "fd00::1", 0, 0);
    station_icmp(&station, (struct packet){"::", "fd00::1", .mac = 9, .length = length}, message);
    assert_int_equal(station_drops(&station, RILL_DROP_NDP_INVALID), 2);
    assert_false(station_take_icmp6(&station, 136, &frame));
    station_icmp(&station, (struct packet){"::", "ff02::1:ff00:1", .mac = 9, .length = length},
                 message);
    assert_true(station_take_icmp6(&station, 136, &frame));
    station_close(&station);
}

static int state_of(struct station *station, uint32_t number) {
    struct rill_address_info info;
    assert_int_equal(rill_address_get(station->stack, 0, number, &info), 0);
    return (int)info.state;
}

static void detection_believes_others_and_not_its_own_echo(void **state) {
    (void)state;
    for (int variant = 0; variant < 3; variant++) {
        struct station station;
        struct frame asked;
        station_init(&station);
        station.interface.detection = RILL_DETECTION_STRICT;
        station.local4 = (struct rill_address){{0}};
        station_open(&station);
        assert_int_equal(state_of(&station, 0), RILL_ADDRESS_TENTATIVE);
        while (!station_take_icmp6(&station, 135, &asked))
            station.now += 10 * RILL_MILLISECOND;
        if (variant == 0) { /* a loop in the link: RFC 7527 */
            station_input(&station, asked.bytes, asked.length);
        } else if (variant == 1) { /* another who wants it too */
            uint8_t message[HEADER + 8];
            size_t length = write_message(message, 135, 0, "fd00::1", 0, 0);
            station_icmp(&station,
                         (struct packet){"::", "ff02::1:ff00:1", .mac = 9, .length = length},
                         message);
        } else {
            advertise(&station, "fd00::1", "ff02::1", 0x20, "fd00::1", 9);
        }
        station_wait(&station, 2 * RILL_SECOND);
        uint32_t events = station_events(&station);
        if (variant == 0) {
            assert_int_equal(state_of(&station, 0), RILL_ADDRESS_PREFERRED);
            assert_true(events & RILL_EVENT_ADDRESS_GAINED);
        } else {
            assert_int_equal(state_of(&station, 0), RILL_ADDRESS_DUPLICATE);
            assert_true(events & RILL_EVENT_ADDRESS_DUPLICATE);
            uint8_t echo[16] = {128};
            station_icmp(&station, (struct packet){"fd00::9", "fd00::1", .mac = 9, .length = 16},
                         echo);
            assert_int_equal(station_drops(&station, RILL_DROP_IP_NOT_OURS), 1);
        }
        station_close(&station);
    }
}

/* RFC 5227 §2.4: an address in use is defended, at most every ten seconds. */
static void an_ipv4_address_is_defended_and_kept(void **state) {
    (void)state;
    struct station station;
    uint8_t claim[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,  9, 8, 6,
                         0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0,  0, 0, 9,
                         10,   0,    0,    1,    0,    0,    0, 0, 0, 0, 10, 0, 0, 1};
    station_init(&station);
    station_open(&station);
    for (int i = 0; i < 5; i++)
        station_input(&station, claim, sizeof claim);
    assert_int_equal(station_drain(&station), 1);
    assert_true(station_events(&station) & RILL_EVENT_ADDRESS_DUPLICATE);
    assert_int_equal(state_of(&station, 0), RILL_ADDRESS_PREFERRED);
    station_wait(&station, 11 * RILL_SECOND);
    station_input(&station, claim, sizeof claim);
    assert_int_equal(station_drain(&station), 1);
    station_close(&station);
}

/* The records of the next MLDv2 report; 0: none is sent within the time. */
static size_t records(struct station *station, rill_time within, uint8_t *kind) {
    struct rill_packet *packet;
    rill_time end = station->now + within;
    for (;;) {
        rill_advance(station->stack, station->now, 0);
        while (rill_output(station->stack, 0, &packet, 1, 1, station->now)) {
            uint8_t bytes[1500];
            rill_packet_flatten(packet, bytes);
            rill_packet_drop(packet);
            if (bytes[20] == 0 && bytes[54] == 58 && bytes[62] == 143) {
                *kind = bytes[70];
                return bytes_get16(bytes + 68);
            }
        }
        rill_time next = rill_deadline(station->stack);
        if (next > end)
            return 0;
        station->now = next;
    }
}

static void query(struct station *station, const char *from, bool alert, const char *group) {
    uint8_t bytes[8 + 28] = {58, 0, 5, 2, 0, 0, 1, 0, 130, 0, 0, 0, 0, 100};
    struct rill_address asked = address(group), source = address(from), to = address("ff02::1");
    uint8_t pseudo[32];
    memcpy(bytes + 16, asked.bytes, 16);
    if (!alert)
        bytes[2] = 1; /* PadN */
    memcpy(pseudo, source.bytes, 16);
    memcpy(pseudo + 16, to.bytes, 16);
    uint64_t sum = rill__checksum_pseudo(pseudo, 32, 58, 28);
    sum = rill__checksum_add(sum, bytes + 8, 28);
    rill__checksum_store(bytes + 10, (uint16_t)~rill__checksum_fold(sum));
    struct packet packet = {
        from, "ff02::1", 0, 1, .mac = 0xfe, .data = bytes, .length = sizeof bytes};
    station_packet(station, &packet);
}

static void routers_are_told_of_groups_twice_and_when_they_ask(void **state) {
    (void)state;
    struct station station;
    uint8_t kind;
    station_init(&station);
    station_open(&station);
    assert_int_equal(records(&station, 2 * RILL_SECOND, &kind), 1); /* of our address, again */
    assert_int_equal(kind, 4);
    assert_int_equal(records(&station, 10 * RILL_SECOND, &kind), 0);
    struct rill_address group = address("ff05::7");
    assert_int_equal(rill_group_join(station.stack, 0, &group), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(records(&station, 2 * RILL_SECOND, &kind), 1);
        assert_int_equal(kind, 4);
    }
    query(&station, "fe80::fe", true, "::");
    assert_int_equal(records(&station, 2 * RILL_SECOND, &kind), 2);
    assert_int_equal(kind, 2);
    query(&station, "fe80::fe", true, "ff05::7");
    assert_int_equal(records(&station, 2 * RILL_SECOND, &kind), 1);
    query(&station, "fe80::fe", true, "ff05::8");  /* not ours */
    query(&station, "fe80::fe", false, "ff05::7"); /* RFC 3810 §6.2: no router alert */
    query(&station, "fd00::fe", true, "ff05::7");  /* not link-local */
    assert_int_equal(records(&station, 2 * RILL_SECOND, &kind), 0);
    assert_int_equal(rill_group_leave(station.stack, 0, &group), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(records(&station, 2 * RILL_SECOND, &kind), 1);
        assert_int_equal(kind, 3);
    }
    assert_int_equal(records(&station, 10 * RILL_SECOND, &kind), 0);
    struct rill_address twin = address("fd01::1"); /* asked for in the same group */
    assert_int_equal(rill_address_add(station.stack, 0, &twin, 64), 0);
    while (records(&station, 2 * RILL_SECOND, &kind))
        ;
    assert_int_equal(rill_address_remove(station.stack, 0, &twin), 0);
    assert_int_equal(records(&station, 2 * RILL_SECOND, &kind), 0);
    assert_int_equal(rill_address_remove(station.stack, 0, &station.local6), 0);
    assert_int_equal(records(&station, 2 * RILL_SECOND, &kind), 1);
    assert_int_equal(kind, 3);
    station_close(&station);
}

int neighbourhood_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_sends_to_a_silent_neighbour_is_told),
        cmocka_unit_test(a_redirect_counts_from_the_first_hop_alone),
        cmocka_unit_test(a_redirect_to_nobody_is_given_up),
        cmocka_unit_test(an_ipv4_redirect_must_be_about_something_sent),
        cmocka_unit_test(a_router_that_speaks_again_is_used_again),
        cmocka_unit_test(advertisements_are_taken_as_rfc_4861_says),
        cmocka_unit_test(questions_from_nobody_are_well_formed_or_nothing),
        cmocka_unit_test(detection_believes_others_and_not_its_own_echo),
        cmocka_unit_test(an_ipv4_address_is_defended_and_kept),
        cmocka_unit_test(routers_are_told_of_groups_twice_and_when_they_ask),
    };
    return cmocka_run_group_tests_name("neighbourhood", tests, 0, 0);
}
