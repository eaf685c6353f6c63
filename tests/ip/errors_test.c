/* ICMP errors, both ways: what may not be answered, whom an error reaches, what it may change. */
#include "base/bytes.h"
#include "ip/icmp_error.h"
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

int errors_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_from_a_broadcast_address_is_not_answered),
        cmocka_unit_test(what_comes_in_a_broadcast_frame_for_one_is_not_answered),
    };
    return cmocka_run_group_tests_name("errors", tests, 0, 0);
}
