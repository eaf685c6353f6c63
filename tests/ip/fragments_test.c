/* Fragments that are meant to hurt, and those that are merely rare. */
#include "base/bytes.h"
#include "base/checksum.h"
#include "ip/station.h"

/* The datagram that most tests cut: UDP from port 9 to the station's socket, `length` bytes in all,
 * behind `extension` (8 bytes of destination options) if asked. */
static size_t write_datagram(uint8_t *out, size_t length, bool extension) {
    static const uint8_t options[8] = {17, 0, 1, 4};
    size_t at = extension ? sizeof options : 0;
    struct rill_address from = address("fd00::9"), to = address("fd00::1");
    uint8_t pseudo[32];
    memcpy(out, options, at);
    for (size_t i = 8; i < length; i++)
        out[at + i] = (uint8_t)i;
    bytes_put16(out + at, 9);
    bytes_put16(out + at + 2, STATION_PORT);
    bytes_put16(out + at + 4, (uint32_t)length);
    bytes_put16(out + at + 6, 0);
    memcpy(pseudo, from.bytes, 16);
    memcpy(pseudo + 16, to.bytes, 16);
    uint64_t sum = rill__checksum_pseudo(pseudo, sizeof pseudo, 17, (uint32_t)length);
    sum = rill__checksum_add(sum, out + at, length);
    rill__checksum_store(out + at + 6, (uint16_t)~rill__checksum_fold(sum));
    return at + length;
}

/* One IPv6 fragment with these bytes; `next`: what the whole begins with. */
static void send_part(struct station *station, uint8_t next, uint32_t id, size_t offset, bool more,
                      const uint8_t *data, size_t length) {
    static uint8_t bytes[66000];
    bytes[0] = next;
    bytes[1] = 0;
    bytes_put16(bytes + 2, (uint32_t)offset | more);
    bytes_put32(bytes + 4, id);
    memcpy(bytes + 8, data, length);
    struct packet packet = {"fd00::9", "fd00::1",     44,
                            .mac = 9,  .data = bytes, .length = 8 + length};
    station_packet(station, &packet);
}

static int64_t receive(struct station *station) {
    static uint8_t in[66000];
    return rill_udp_receive(station->stack, station->socket, in, sizeof in, 0);
}

/* Story: fragments held up to 4 MiB whatever the stack's budget was, so that a few of them kept a
 * small stack from receiving anything for 30 seconds. */
static void fragments_take_an_eighth_of_a_small_budget(void **state) {
    (void)state;
    static const uint8_t data[1400];
    struct rill_stack_info info;
    struct station station;
    uint8_t whole[108];
    station_init(&station);
    station.config.memory_limit = 400000;
    station_open(&station);
    for (uint32_t i = 0; i < 1000; i++) {
        send_part(&station, 17, i, 0, true, data, sizeof data);
        rill_stack_get_info(station.stack, &info);
        assert_true(info.memory_held <= 50000);
    }
    assert_true(info.memory_held > 40000);
    struct packet packet = {"fd00::9", "fd00::1", 17, .mac = 9, .data = whole};
    packet.length = write_datagram(whole, 108, false);
    for (int i = 0; i < 400; i++) /* as much as the socket takes */
        station_packet(&station, &packet);
    rill_stack_get_info(station.stack, &info);
    assert_true(info.memory_held > 200000);
    assert_int_equal(receive(&station), 100);
    station_close(&station);
}

/* Story: of a fragmented datagram what followed the fragment header was taken for the transport. */
static void headers_behind_the_fragment_header_are_read(void **state) {
    (void)state;
    struct station station;
    uint8_t whole[3000];
    station_init(&station);
    station_open(&station);
    size_t length = write_datagram(whole, 2000, true);
    send_part(&station, 60, 1, 1000, false, whole + 1000, length - 1000);
    send_part(&station, 60, 1, 0, true, whole, 1000);
    assert_int_equal(receive(&station), 1992);
    whole[2] = 0xbf; /* an option that must be told of, in a datagram that came in parts */
    whole[3] = 2;
    whole[4] = whole[5] = 0;
    whole[6] = 1;
    whole[7] = 0;
    station_answer(&station, "fd00::9", 9);
    station_drain(&station);
    send_part(&station, 60, 2, 0, true, whole, 1000);
    send_part(&station, 60, 2, 1000, false, whole + 1000, length - 1000);
    struct frame frame;
    assert_true(station_take_icmp6(&station, 4, &frame));
    assert_int_equal(frame.bytes[55], 2);
    assert_int_equal(bytes_get32(frame.bytes + 58), 42);
    assert_int_equal(receive(&station), RILL_ERROR_AGAIN);
    station_close(&station);
}

static void a_fragment_of_a_fragment_is_nothing(void **state) {
    (void)state;
    struct station station;
    uint8_t inner[1008];
    station_init(&station);
    station_open(&station);
    static const uint8_t head[8] = {17, 0, 0, 1, 0, 0, 0, 7};
    memcpy(inner, head, 8);
    write_datagram(inner + 8, 1000, false);
    send_part(&station, 44, 1, 0, true, inner, 800);
    send_part(&station, 44, 1, 800, false, inner + 800, sizeof inner - 800);
    assert_int_equal(station_drops(&station, RILL_DROP_IP_EXTENSION), 1);
    assert_int_equal(receive(&station), RILL_ERROR_AGAIN);
    station_close(&station);
}

/* RFC 6946 §4: whatever fragments of its identification are there. */
static void an_atomic_fragment_meets_no_others(void **state) {
    (void)state;
    struct station station;
    uint8_t whole[1000];
    station_init(&station);
    station_open(&station);
    size_t length = write_datagram(whole, 1000, false);
    send_part(&station, 17, 5, 0, true, whole, 496);
    send_part(&station, 17, 5, 0, false, whole, length);
    assert_int_equal(receive(&station), 992);
    send_part(&station, 17, 5, 496, false, whole + 496, length - 496);
    assert_int_equal(receive(&station), 992);
    station_close(&station);
}

/* RFC 8200 §4.5: who sends what cannot be is told where. */
static void impossible_fragments_are_told_of(void **state) {
    (void)state;
    static const uint8_t data[1000];
    struct frame frame;
    struct station station;
    station_init(&station);
    station_open(&station);
    station_answer(&station, "fd00::9", 9);
    station_drain(&station);
    send_part(&station, 17, 1, 0, true, data, 13);
    assert_true(station_take_icmp6(&station, 4, &frame));
    assert_int_equal(frame.bytes[55], 0);
    assert_int_equal(bytes_get32(frame.bytes + 58), 4);
    send_part(&station, 17, 1, 65528, false, data, 8);
    assert_true(station_take_icmp6(&station, 4, &frame));
    assert_int_equal(bytes_get32(frame.bytes + 58), 42);
    assert_int_equal(station_drops(&station, RILL_DROP_IP_FRAGMENT_OVERLAP), 2);
    station_close(&station);
}

static void the_largest_datagram_there_is_arrives(void **state) {
    (void)state;
    static uint8_t whole[65535];
    struct station station;
    station_init(&station);
    station_open(&station);
    size_t length = write_datagram(whole, sizeof whole, false);
    for (size_t at = 0; at < length; at += 1448)
        send_part(&station, 17, 1, at, at + 1448 < length, whole + at,
                  at + 1448 < length ? 1448 : length - at);
    assert_int_equal(receive(&station), 65527);
    station_close(&station);
}

/* RFC 8200 §4: what is done with each header a stranger may put before a datagram. */
static void extension_headers_are_walked_or_refused(void **state) {
    (void)state;
    enum { TAKEN = -1, SILENT = -2 }; /* else the code of a parameter problem … */
    static const struct {
        uint8_t first; /* the kind of the first header */
        uint8_t bytes[32], length;
        int8_t code;
        uint8_t pointer; /* … and where it points */
        bool to_group;
    } cases[] = {
        {0, {17, 0, 1, 4}, 8, TAKEN, 0, false},             /* PadN */
        {0, {17, 0, 0, 0, 0, 0, 0, 0}, 8, TAKEN, 0, false}, /* Pad1 */
        {60, {17, 0, 0x1e, 4}, 8, TAKEN, 0, false},         /* unknown: pass over */
        {60, {17, 0, 0x5e, 4}, 8, SILENT, 0, false},        /* unknown: drop */
        {60, {17, 0, 0x9e, 4}, 8, 2, 42, false},            /* unknown: drop and tell */
        {60, {17, 0, 0x9e, 4}, 8, 2, 42, true},             /* even who sends to a group */
        {0, {17, 0, 0xde, 4}, 8, 2, 42, false},             /* unknown: tell, … */
        {0, {17, 0, 0xde, 4}, 8, SILENT, 0, true},          /* … but not of a group */
        {0, {17, 0, 0xc2, 4, 0, 1, 0, 0}, 8, 2, 42, false}, /* jumbo */
        {60, {17, 0, 1, 5}, 8, SILENT, 0, false},           /* an option too long for it */
        {60, {17, 1, 1, 4}, 8, TAKEN, 0, false},            /* twice as long: see below */
        {60, {17, 200}, 8, SILENT, 0, false},               /* longer than the packet */
        {43, {17, 0, 0, 0}, 8, TAKEN, 0, false},            /* routing, nothing left */
        {43, {17, 0, 0, 1}, 8, 0, 42, false},               /* type 0, RFC 5095 */
        {43, {17, 0, 4, 1}, 8, 0, 42, false},               /* any other */
        {60, {0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4}, 16, SILENT, 0, false}, /* hop-by-hop second */
        {60, {59, 0, 1, 4}, 8, SILENT, 0, false},                          /* nothing follows */
        {51, {17, 4}, 24, 1, 6, false},       /* AH: not ours to know */
        {50, {0}, 16, 1, 6, false},           /* ESP */
        {60, {99, 0, 1, 4}, 8, 1, 40, false}, /* no such protocol */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct station station;
        struct frame frame;
        uint8_t bytes[200] = {0};
        struct rill_address group = address("ff05::7");
        station_init(&station);
        station_open(&station);
        station_answer(&station, "fd00::9", 9);
        assert_int_equal(rill_group_join(station.stack, 0, &group), 0);
        station_wait(&station, 4 * RILL_SECOND);
        memcpy(bytes, cases[i].bytes, cases[i].length);
        size_t header = cases[i].length + (cases[i].bytes[1] == 1 ? 8u : 0u);
        size_t length = header + write_datagram(bytes + header, 100, false);
        struct packet packet = {"fd00::9",      cases[i].to_group ? "ff05::7" : "fd00::1",
                                cases[i].first, .mac = 9,
                                .data = bytes,  .length = length};
        station_packet(&station, &packet);
        int64_t received = receive(&station);
        assert_int_equal(received, cases[i].code == TAKEN ? 92 : RILL_ERROR_AGAIN);
        bool told = station_take_icmp6(&station, 4, &frame);
        assert_int_equal(told, cases[i].code >= 0);
        if (told) {
            assert_int_equal(frame.bytes[55], cases[i].code);
            assert_int_equal(bytes_get32(frame.bytes + 58), cases[i].pointer);
        }
        station_close(&station);
    }
}

static void headers_without_end_are_not_walked(void **state) {
    (void)state;
    struct station station;
    uint8_t bytes[1400];
    station_init(&station);
    station_open(&station);
    for (size_t count = 1; count <= 100; count++) {
        for (size_t i = 0; i < count; i++) {
            const uint8_t header[8] = {i + 1 < count ? 60 : 17, 0, 1, 4};
            memcpy(bytes + 8 * i, header, 8);
        }
        struct packet packet = {"fd00::9", "fd00::1", 60, .mac = 9, .data = bytes};
        packet.length = 8 * count + write_datagram(bytes + 8 * count, 100, false);
        station_packet(&station, &packet);
        assert_int_equal(receive(&station), count < 8 ? 92 : RILL_ERROR_AGAIN);
    }
    station_close(&station);
}

int fragments_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragments_take_an_eighth_of_a_small_budget),
        cmocka_unit_test(headers_behind_the_fragment_header_are_read),
        cmocka_unit_test(a_fragment_of_a_fragment_is_nothing),
        cmocka_unit_test(an_atomic_fragment_meets_no_others),
        cmocka_unit_test(impossible_fragments_are_told_of),
        cmocka_unit_test(the_largest_datagram_there_is_arrives),
        cmocka_unit_test(extension_headers_are_walked_or_refused),
        cmocka_unit_test(headers_without_end_are_not_walked),
    };
    return cmocka_run_group_tests_name("fragments", tests, 0, 0);
}
