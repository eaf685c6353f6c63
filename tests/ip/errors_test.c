/* ICMP errors, both ways: what may not be answered, whom an error reaches, what it may change. */
#include "base/bytes.h"
#include "base/checksum.h"
#include "ip/station.h"

/* Story: an echo request from 10.0.0.255 was answered, to the broadcast address of the link: every
 * station there got what one stranger had asked for. */
static void what_comes_from_a_broadcast_address_is_not_answered(void **state) {
    (void)state;
    struct station station;
    station_init(&station);
    station_open(&station);
    static const char *const sources[] = {"10.0.0.255", "255.255.255.255", "224.0.0.1", "0.0.0.0"};
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        uint8_t echo[40] = {8};
        station_icmp(&station,
                     (struct packet){sources[i], "10.0.0.1", .mac = 9, .length = sizeof echo},
                     echo);
        assert_int_equal(station_drops(&station, RILL_DROP_IP_SOURCE), i + 1);
        assert_int_equal(station_drain(&station), 0);
    }
    station_close(&station);
}

/* Story: who sends to everybody on the link, but writes our address into the packet, got errors and
 * a connection refused. RFC 1122 §3.2.2 and §3.3.6, RFC 4443 §2.4 (e.4) */
static void what_comes_in_a_broadcast_frame_for_one_is_not_answered(void **state) {
    (void)state;
    static const uint8_t datagram[] = {0, 9, 0, 7, 0, 8, 0, 0}; /* UDP to a closed port */
    struct station station;
    station_init(&station);
    station_open(&station);
    station_answer(&station, "10.0.0.9", 9);
    station_answer(&station, "fd00::9", 9);
    station_drain(&station);
    struct packet four = {"10.0.0.9", "10.0.0.1", 17, .mac = 9, .data = datagram, .length = 8};
    station_packet(&station, &four);
    assert_int_equal(station_drain(&station), 1); /* as it should be, frame and packet to us */
    four.to_all = true;
    station_packet(&station, &four);
    assert_int_equal(station_drain(&station), 0);
    struct packet six = {"fd00::9", "fd00::1", 99, .mac = 9, .data = datagram, .length = 8};
    station_packet(&station, &six);
    assert_int_equal(station_drain(&station), 1);
    six.to_all = true;
    station_packet(&station, &six);
    assert_int_equal(station_drain(&station), 0);
    station_close(&station);
}

/* An ICMPv6 error from the router that quotes `quote`. */
static void send_error6(struct station *station, uint8_t type, uint8_t code, uint32_t word,
                        const uint8_t *quote, size_t length) {
    uint8_t message[1300] = {type, code};
    bytes_put32(message + 4, word);
    memcpy(message + 8, quote, length);
    station_icmp(
        station,
        (struct packet){"fd00::fe", "fd00::1", .mac = 0xfe, .length = 8 + length, .hop_limit = 64},
        message);
}

static uint32_t path_mtu(struct station *station, const char *to, enum ip_trust trust) {
    struct rill_address remote = address(to);
    return rill__ip_path_mtu(&station->stack->ip, station_link(station), &remote, trust);
}

/* A packet from the station's UDP socket, as an error would quote it. */
static size_t write_quote(const char *to, uint8_t *out) {
    struct rill_address from = address("fd00::1"), remote = address(to);
    memset(out, 0, 48);
    out[0] = 0x60;
    out[5] = 8;
    out[6] = 17;
    memcpy(out + 8, from.bytes, 16);
    memcpy(out + 24, remote.bytes, 16);
    bytes_put16(out + 40, STATION_PORT);
    bytes_put16(out + 42, 9);
    bytes_put16(out + 44, 8);
    return 48;
}

/* Story: an error about a datagram from any UDP port that is in use narrowed the path of every
 * connection to that host: the sequence number that TCP asks for was not needed. */
static void a_claim_about_a_datagram_does_not_narrow_connections(void **state) {
    (void)state;
    struct station station;
    uint8_t quote[48];
    station_init(&station);
    station_open(&station);
    send_error6(&station, 2, 0, 1300, quote, write_quote("fd00::9", quote));
    assert_int_equal(path_mtu(&station, "fd00::9", IP_CLAIMED), 1300);
    assert_int_equal(path_mtu(&station, "fd00::9", IP_VERIFIED), 1500);
    station_answer(&station, "fd00::9", 9);
    assert_int_equal(station_send_to(&station, "fd00::9", 1400), 1400);
    assert_int_equal(station_drain(&station), 2);
    struct rill_endpoint remote = {address("fd00::9"), 80, 0};
    struct rill_tcp_connect_config config;
    rill_handle handle;
    rill_tcp_connect_config_default(&config);
    config.remote = remote;
    assert_int_equal(rill_tcp_connect(station.stack, &config, &handle), 0);
    struct frame syn;
    assert_true(station_take(&station, &syn));
    assert_int_equal(bytes_get16(syn.bytes + 14 + 40 + 22), 1440); /* its MSS */
    station_wait(&station, 601 * RILL_SECOND);
    assert_int_equal(path_mtu(&station, "fd00::9", IP_CLAIMED), 1500);
    station_close(&station);
}

/* Story: RFC 8201 §4 discards it; here it passed for 1,280. */
static void a_path_narrower_than_ipv6_allows_is_not_believed(void **state) {
    (void)state;
    struct station station;
    uint8_t quote[48];
    station_init(&station);
    station_open(&station);
    send_error6(&station, 2, 0, 1279, quote, write_quote("fd00::9", quote));
    assert_int_equal(path_mtu(&station, "fd00::9", IP_CLAIMED), 1500);
    send_error6(&station, 2, 0, 1280, quote, write_quote("fd00::9", quote));
    assert_int_equal(path_mtu(&station, "fd00::9", IP_CLAIMED), 1280);
    station_close(&station);
}

/* Story: a datagram in fragments is quoted with its fragment header, and that was taken for a
 * transport nobody has: no large datagram ever came through a narrow path. */
static void an_error_about_a_fragment_reaches_the_path(void **state) {
    (void)state;
    struct station station;
    struct frame frame;
    station_init(&station);
    station_open(&station);
    station_answer(&station, "fd00::9", 9);
    assert_int_equal(station_send_to(&station, "fd00::9", 3000), 3000);
    assert_true(station_take(&station, &frame));
    assert_int_equal(frame.bytes[20], 44);
    send_error6(&station, 2, 0, 1280, frame.bytes + 14, 1232);
    assert_int_equal(path_mtu(&station, "fd00::9", IP_CLAIMED), 1280);
    uint8_t echo[3000] = {128}; /* and so do our answers to those who ask for much */
    station_drain(&station);
    station_answer(&station, "fd00::8", 8);
    station_icmp(&station, (struct packet){"fd00::8", "fd00::1", .mac = 8, .length = sizeof echo},
                 echo);
    assert_true(station_take(&station, &frame));
    send_error6(&station, 2, 0, 1280, frame.bytes + 14, 1232);
    assert_int_equal(path_mtu(&station, "fd00::8", IP_CLAIMED), 1280);
    station_close(&station);
}

/* Who is told of many paths can fill a table of 1,024, and the oldest go. */
static void narrow_paths_are_1024_the_oldest_go(void **state) {
    (void)state;
    struct station station;
    uint8_t quote[48];
    station_init(&station);
    station_open(&station);
    for (int i = 1; i <= 3000; i++) {
        char text[20];
        snprintf(text, sizeof text, "fd00::%x", 0x1000 + i);
        send_error6(&station, 2, 0, 1300, quote, write_quote(text, quote));
        assert_true(station.stack->ip.destination_slab.used <= 1024);
    }
    assert_int_equal(path_mtu(&station, "fd00::1001", IP_CLAIMED), 1500);
    assert_int_equal(path_mtu(&station, "fd00::1bb8", IP_CLAIMED), 1300);
    station_close(&station);
}

/* Story: one counter numbered the fragments to all, so that who asked twice knew how many others
 * had been sent in between, and could guess theirs. */
static void identifications_tell_nothing_of_others(void **state) {
    (void)state;
    struct station station;
    struct frame frame;
    uint32_t before[2], after[2];
    static const char *const whom[] = {"10.0.0.9", "fd00::9"};
    static const char *const others[] = {"10.0.0.8", "fd00::8"};
    station_init(&station);
    station_open(&station);
    for (int i = 0; i < 2; i++) {
        station_answer(&station, whom[i], 9);
        station_answer(&station, others[i], 8);
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2; i++) {
            assert_int_equal(station_send_to(&station, whom[i], 2000), 2000);
            assert_true(station_take(&station, &frame));
            (round ? after : before)[i] =
                i ? bytes_get32(frame.bytes + 58) : bytes_get16(frame.bytes + 18);
            for (int k = 0; k < 20 + i; k++)
                assert_int_equal(station_send_to(&station, others[i], 2000), 2000);
            station_drain(&station);
        }
    }
    assert_int_equal((uint16_t)(after[0] - before[0]), 1);
    assert_int_equal(after[1] - before[1], 1);
    assert_int_equal(station_send_to(&station, whom[0], 100), 100);
    assert_true(station_take(&station, &frame));
    assert_int_equal(frame.bytes[20], 0x40); /* atomic: no router cuts it (RFC 6864 §4.1) */
    station_close(&station);
}

/* Sends datagrams to a closed port from there, and says how many errors come back. */
static unsigned provoke(struct station *station, const char *from, unsigned count) {
    static const uint8_t datagram[] = {0, 9, 0, 7, 0, 8, 0, 0};
    struct packet packet = {from, "10.0.0.1", 17, .mac = 0xfe, .data = datagram, .length = 8};
    for (unsigned i = 0; i < count; i++)
        station_packet(station, &packet);
    return (unsigned)station_drain(station);
}

#define STRANGERS 300 /* some five a bucket: hardly ever is there one that none of them shares */

/* Who of them gets no error just after another has had all of his: he shares the bucket. */
static unsigned sharers(struct station *station, bool shares[STRANGERS]) {
    unsigned count = 0;
    provoke(station, "192.0.2.1", 30);
    for (int i = 0; i < STRANGERS; i++) {
        char from[20];
        snprintf(from, sizeof from, "198.51.%d.%d", i / 200, i % 200 + 1);
        shares[i] = provoke(station, from, 1) == 0;
        count += shares[i];
    }
    return count;
}

/* Story: the buckets were as full for all and shared by the same for ever, so that a stranger with
 * a few addresses found one that shares another's, and by it saw how many errors that one got. */
static void errors_to_others_cannot_be_counted(void **state) {
    (void)state;
    struct station station;
    static const struct rill_address any = {{0}};
    struct rill_address gateway = rill_address_ipv4(10, 0, 0, 254);
    station_init(&station);
    station_open(&station);
    assert_int_equal(rill_route_add(station.stack, 0, &any, 0, &gateway), 0);
    unsigned seen[40] = {0}, kinds = 0;
    for (int i = 0; i < 40; i++) {
        station_answer(&station, "10.0.0.254", 0xfe);
        unsigned count = provoke(&station, "192.0.2.1", 40);
        assert_in_range(count, 6, 14);
        kinds += seen[count]++ == 0;
        station_wait(&station, 2 * RILL_SECOND);
    }
    assert_true(kinds >= 7);
    bool first[STRANGERS], second[STRANGERS];
    station_answer(&station, "10.0.0.254", 0xfe);
    unsigned before = sharers(&station, first);
    station_wait(&station, 11 * RILL_SECOND);
    station_answer(&station, "10.0.0.254", 0xfe);
    unsigned after = sharers(&station, second);
    assert_in_range(before + after, 1, 40); /* of 100 each: a few share, some other time others */
    assert_memory_not_equal(first, second, sizeof first);
    unsigned ten_seconds = 0; /* and yet there is a limit */
    for (int i = 0; i < 1000; i++) {
        station_wait(&station, 10 * RILL_MILLISECOND);
        station_answer(&station, "10.0.0.254", 0xfe);
        ten_seconds += provoke(&station, "192.0.2.1", 1);
    }
    assert_in_range(ten_seconds, 80, 150);
    station_close(&station);
}

/* Story: a socket connected to fe80::9 on one link took what another fe80::9, on another link, had
 * sent. RFC 4007 §6 */
static void a_neighbour_of_the_same_name_on_another_link_is_another(void **state) {
    (void)state;
    struct station station;
    uint32_t second;
    station_init(&station);
    station_open(&station);
    struct rill_address own = address("fe80::1");
    assert_int_equal(rill_interface_add(station.stack, &station.interface, &second), 0);
    assert_int_equal(rill_address_add(station.stack, 0, &own, 64), 0);
    assert_int_equal(rill_address_add(station.stack, second, &own, 64), 0);
    rill_handle sockets[2];
    for (uint16_t i = 0; i < 2; i++) {
        struct rill_udp_config config;
        rill_udp_config_default(&config);
        config.local.port = 7;
        config.remote = (struct rill_endpoint){address("fe80::9"), 9, (uint16_t)(2 - i)};
        assert_int_equal(rill_udp_open(station.stack, &config, &sockets[i]), 0);
    }
    uint8_t datagram[9] = {0, 9, 0, 7, 0, 9, 0, 0, 'x'}, in;
    struct rill_address from = address("fe80::9");
    uint8_t pseudo[32];
    memcpy(pseudo, from.bytes, 16);
    memcpy(pseudo + 16, own.bytes, 16);
    uint64_t sum = rill__checksum_add(rill__checksum_pseudo(pseudo, 32, 17, 9), datagram, 9);
    rill__checksum_store(datagram + 6, (uint16_t)~rill__checksum_fold(sum));
    struct packet packet = {"fe80::9", "fe80::1", 17, .mac = 9, .data = datagram, .length = 9};
    station_packet(&station, &packet); /* on the first link, which the second socket names */
    assert_int_equal(rill_udp_receive(station.stack, sockets[0], &in, 1, 0), RILL_ERROR_AGAIN);
    assert_int_equal(rill_udp_receive(station.stack, sockets[1], &in, 1, 0), 1);
    station_close(&station);
}

int errors_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_from_a_broadcast_address_is_not_answered),
        cmocka_unit_test(what_comes_in_a_broadcast_frame_for_one_is_not_answered),
        cmocka_unit_test(a_claim_about_a_datagram_does_not_narrow_connections),
        cmocka_unit_test(a_path_narrower_than_ipv6_allows_is_not_believed),
        cmocka_unit_test(an_error_about_a_fragment_reaches_the_path),
        cmocka_unit_test(narrow_paths_are_1024_the_oldest_go),
        cmocka_unit_test(identifications_tell_nothing_of_others),
        cmocka_unit_test(errors_to_others_cannot_be_counted),
        cmocka_unit_test(a_neighbour_of_the_same_name_on_another_link_is_another),
    };
    return cmocka_run_group_tests_name("errors", tests, 0, 0);
}
