/* tests/tcp/icmp_test.c: what ICMP errors do to a connection, and what they must not (RFC 9293
 * §3.9.2.2, RFC 5461, RFC 5927). */
#include "tcp/segment.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "wire/ipv4.h"

enum { QUENCH = 4, UNREACHABLE = 3, TIME_EXCEEDED = 11, PARAMETER = 12 };

/* From a router, about a segment of the stack's that began at `sequence`. */
static void error_about(struct peer *peer, uint8_t type, uint8_t code, uint32_t sequence,
                        uint16_t mtu) {
    uint8_t frame[WIRE_IPV4_HEADER + 8 + WIRE_IPV4_HEADER + 8] = {0};
    uint8_t *icmp = frame + WIRE_IPV4_HEADER, *quoted = icmp + 8;
    struct rill_address router = rill_address_ipv4(10, 0, 0, 254);
    struct wire_ipv4 outer = {.total_length = sizeof frame, .ttl = 64, .protocol = 1};
    struct wire_ipv4 inner = {.total_length = 1500, .ttl = 60, .protocol = 6};
    memcpy(outer.source, router.bytes + 12, 4);
    memcpy(outer.destination, peer->local.bytes + 12, 4);
    memcpy(inner.source, peer->local.bytes + 12, 4);
    memcpy(inner.destination, peer->remote.bytes + 12, 4);
    rill__ipv4_emit(&outer, frame);
    icmp[0] = type;
    icmp[1] = code;
    bytes_put16(icmp + 6, mtu);
    rill__ipv4_emit(&inner, quoted);
    bytes_put16(quoted + 20, peer->local_port);
    bytes_put16(quoted + 22, peer->remote_port);
    bytes_put32(quoted + 24, peer->own_iss + 1 + sequence);
    uint64_t sum = rill__checksum_add(0, icmp, sizeof frame - WIRE_IPV4_HEADER);
    rill__checksum_store(icmp + 2, (uint16_t)~rill__checksum_fold(sum));
    peer_send_bytes(peer, frame, sizeof frame);
}

/* MUST-55, MUST-56: soft errors, and hard ones too, end no connection that is established. */
static void established_no_error_ends_the_connection(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_write(&peer, 1000);
    EXPECT(&peer, WIRE_ACK, 0, 0, 1000);
    uint32_t cwnd = peer_info(&peer).cwnd;
    for (uint8_t code = 0; code < 16; code++)
        if (code != 4)
            error_about(&peer, UNREACHABLE, code, 0, 0);
    for (uint8_t code = 0; code < 2; code++) {
        error_about(&peer, TIME_EXCEEDED, code, 0, 0);
        error_about(&peer, PARAMETER, code, 0, 0);
        error_about(&peer, QUENCH, code, 0, 0); /* RFC 6633: not even slower */
    }
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    assert_int_equal(peer_info(&peer).cwnd, cwnd);
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_ACK, 0, 1000, 0);
    assert_int_equal(peer_info(&peer).in_flight, 0);
    peer_close(&peer);
}

static void syn_sent_unreachable_ends_the_attempt(void **state) {
    (void)state;
    static const struct {
        uint8_t type, code;
        int error;
    } cases[] = {
        {UNREACHABLE, 1, RILL_ERROR_UNREACHABLE},
        {UNREACHABLE, 3, RILL_ERROR_REFUSED},
        {QUENCH, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct peer peer;
        peer_init(&peer);
        peer_syn_sent(&peer);
        error_about(&peer, cases[i].type, cases[i].code, (uint32_t)-1, 0);
        assert_int_equal(peer_info(&peer).error, cases[i].error);
        assert_int_equal(peer_state(&peer), cases[i].error ? RILL_TCP_CLOSED : RILL_TCP_SYN_SENT);
        peer_close(&peer);
    }
}

/* RFC 5927 §4.1: who has not seen our segments does not know their numbers. */
static void error_about_what_is_not_in_flight_is_ignored(void **state) {
    (void)state;
    static const uint32_t numbers[] = {(uint32_t)-1, 999, 2000, 2001, 0x7fffffff, 0x80000000};
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_write(&peer, 1000);
    EXPECT(&peer, WIRE_ACK, 0, 0, 1000);
    peer_send(&peer, WIRE_ACK, 0, 1000, 0);
    peer_write(&peer, 1000);
    EXPECT(&peer, WIRE_ACK, 1000, 0, 1000);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        error_about(&peer, UNREACHABLE, 4, numbers[i], 600);
        EXPECT_NONE(&peer);
        assert_int_equal(peer_info(&peer).mss, 1460);
    }
    struct peer opening;
    peer_init(&opening);
    peer_syn_sent(&opening);
    error_about(&opening, UNREACHABLE, 3, 0, 0);
    assert_int_equal(peer_state(&opening), RILL_TCP_SYN_SENT);
    peer_close(&opening);
    peer_close(&peer);
}

static void established_too_big_is_cut_and_sent_again(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_write(&peer, 2000);
    EXPECT(&peer, WIRE_ACK, 0, 0, 1460);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    error_about(&peer, UNREACHABLE, 4, 0, 1000);
    assert_int_equal(peer_info(&peer).mss, 960);
    EXPECT(&peer, WIRE_ACK, 0, 0, 960);
    peer_send(&peer, WIRE_ACK, 0, 960, 0);
    EXPECT(&peer, WIRE_ACK, 960, 0, 500);
    peer_send(&peer, WIRE_ACK, 0, 1460, 0);
    EXPECT(&peer, WIRE_ACK, 1460, 0, 540);
    peer_close(&peer);
}

int icmp_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_no_error_ends_the_connection),
        cmocka_unit_test(syn_sent_unreachable_ends_the_attempt),
        cmocka_unit_test(error_about_what_is_not_in_flight_is_ignored),
        cmocka_unit_test(established_too_big_is_cut_and_sent_again),
    };
    return cmocka_run_group_tests_name("icmp", tests, 0, 0);
}
