/* tests/tcp/pmtud_test.c: the largest segment a path takes, found out with the help of routers and
 * without: black holes, the search upwards, and what is no sign of congestion. */
#include "tcp/loss.h"

enum { LINK = 1460, BASE = 1024 };

static void open_wide(struct peer *peer, uint8_t probing, uint16_t window) {
    loss_init(peer);
    peer->mss = LINK;
    peer->config.mtu_probing = probing;
    peer->config.initial_window = window;
    peer_syn_sent(peer);
    peer_wait(peer, RTT);
    peer_send(peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_drain(peer);
    peer_send(peer, WIRE_ACK, 0, 0, 0);
}

/* The peer behind a path that drops what is larger than `most` bytes of payload and says nothing.
 * Runs until `end` is acknowledged; each round trip is RTT. Returns the largest that arrived. */
static uint32_t run_black_hole(struct peer *peer, uint32_t most, uint32_t end) {
    static uint8_t got[2u << 20];
    memset(got, 0, end);
    uint32_t next = 0, largest = 0;
    for (int round = 0; next < end; round++) {
        struct seen seen;
        struct block newest = {0, 0};
        bool any = false;
        assert_in_range(round, 0, 2000);
        if (!peer_take_within(peer, 200 * RILL_SECOND, &seen))
            fail();
        do {
            any = true;
            if (seen.length > most)
                continue;
            largest = seen.length > largest ? seen.length : largest;
            memset(got + seen.sequence, 1, seen.length);
            newest.left = seen.sequence;
            newest.right = seen.sequence + seen.length;
            while (next < end && got[next])
                next++;
            if (newest.right > next) {
                while (newest.left > next + 1 && got[newest.left - 1])
                    newest.left--;
                struct block none = {0, 0};
                peer_sack(peer, next, newest, none, none);
            }
        } while (peer_take(peer, &seen));
        assert_true(any);
        peer_wait(peer, RTT);
        peer_send(peer, WIRE_ACK, 0, next, 0);
    }
    return largest;
}

static void established_black_hole_is_found_after_timeouts_and_measured(void **state) {
    (void)state;
    struct peer peer;
    open_wide(&peer, RILL_MTU_PROBING_BLACK_HOLE, 10);
    size_t length = peer_write(&peer, 1u << 20);
    uint32_t largest = run_black_hole(&peer, 1300, (uint32_t)length);
    assert_in_range(largest, 1300 - 8, 1300);
    assert_in_range(peer.now, 0, 30 * RILL_SECOND);
    /* Probes that were lost did not count as congestion: the window has grown beyond the base's. */
    assert_true(peer_info(&peer).cwnd > 12 * BASE);
    peer_close(&peer);
}

/* The base may be too large as well. */
static void established_black_hole_smaller_than_the_base_is_found_too(void **state) {
    (void)state;
    struct peer peer;
    open_wide(&peer, RILL_MTU_PROBING_BLACK_HOLE, 10);
    size_t length = peer_write(&peer, 100000);
    assert_in_range(run_black_hole(&peer, 300, (uint32_t)length), 256, 300);
    peer_close(&peer);
}

static void established_without_probing_a_black_hole_is_for_ever(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_wide(&peer, RILL_MTU_PROBING_OFF, 10);
    peer_write(&peer, 4 * LINK);
    while (peer_state(&peer) == RILL_TCP_ESTABLISHED) {
        if (!peer_take_within(&peer, 300 * RILL_SECOND, &seen))
            break;
        assert_true(seen.length == LINK || seen.cause == RILL_CAUSE_RST_TIMEOUT);
    }
    assert_int_equal(peer_info(&peer).error, RILL_ERROR_TIMED_OUT);
    peer_close(&peer);
}

/* Small segments that vanish say nothing of the size. */
static void established_small_segments_lost_are_no_black_hole(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_wide(&peer, RILL_MTU_PROBING_BLACK_HOLE, 10);
    peer_write(&peer, 100);
    for (int i = 0; i < 6; i++)
        assert_true(peer_take_within(&peer, 100 * RILL_SECOND, &seen));
    assert_int_equal(peer_info(&peer).mss, LINK);
    peer_close(&peer);
}

static void established_always_probing_goes_up_from_the_base(void **state) {
    (void)state;
    struct peer peer;
    open_wide(&peer, RILL_MTU_PROBING_ALWAYS, 20);
    assert_int_equal(peer_info(&peer).mss, BASE);
    peer_write(&peer, 20 * BASE);
    struct seen seen = EXPECT(&peer, WIRE_ACK, 0, 0, (BASE + LINK) / 2);
    assert_int_equal(seen.cause, RILL_CAUSE_MTU_PROBE);
    EXPECT(&peer, WIRE_ACK, (BASE + LINK) / 2, 0, BASE);
    while (peer_take(&peer, &seen))
        assert_true(seen.length <= BASE); /* one at a time */
    peer_send(&peer, WIRE_ACK, 0, (BASE + LINK) / 2, 0);
    assert_int_equal(peer_info(&peer).mss, (BASE + LINK) / 2);
    peer_close(&peer);
}

static void established_lost_probe_goes_again_in_pieces_and_the_window_stays(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    uint32_t probe = (BASE + LINK) / 2;
    open_wide(&peer, RILL_MTU_PROBING_ALWAYS, 20);
    peer_write(&peer, 20 * BASE);
    uint32_t end = 0;
    while (peer_take(&peer, &seen))
        end = seen.sequence + seen.length;
    assert_true(end > 10 * BASE);
    uint32_t cwnd = peer_info(&peer).cwnd;
    peer_wait(&peer, RTT);
    struct block behind = {probe, probe + 5 * BASE}, none = {0, 0};
    peer_sack(&peer, 0, behind, none, none);
    assert_true(peer_info(&peer).cwnd >= cwnd);
    seen = EXPECT(&peer, WIRE_ACK, 0, 0, BASE);
    assert_int_equal(seen.cause, RILL_CAUSE_TOO_BIG);
    seen = EXPECT(&peer, WIRE_ACK | WIRE_PSH, BASE, 0, probe - BASE);
    assert_int_equal(seen.cause, RILL_CAUSE_TOO_BIG);
    while (peer_take(&peer, &seen))
        end = seen.sequence + seen.length;
    peer_send(&peer, WIRE_ACK, 0, end, 0);
    peer_write(&peer, 20 * BASE);
    assert_true(peer_take(&peer, &seen)); /* next: half the way up to what was too large */
    assert_int_equal(seen.length, (BASE + probe - 1) / 2);
    assert_int_equal(seen.cause, RILL_CAUSE_MTU_PROBE);
    peer_drain(&peer);
    peer_close(&peer);
}

static void send_too_big(struct peer *peer, uint16_t mtu, uint32_t sequence) {
    uint8_t packet[20 + 8 + 20 + 8] = {0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1};
    const uint8_t *from = peer->remote.bytes + 12, *to = peer->local.bytes + 12;
    memcpy(packet + 12, from, 4);
    memcpy(packet + 16, to, 4);
    uint8_t *icmp = packet + 20, *quote = icmp + 8;
    icmp[0] = 3;
    icmp[1] = 4;
    icmp[6] = (uint8_t)(mtu >> 8);
    icmp[7] = (uint8_t)mtu;
    quote[0] = 0x45;
    quote[2] = 1500 >> 8;
    quote[3] = 1500 & 255;
    quote[6] = 0x40;
    quote[8] = 64;
    quote[9] = 6;
    memcpy(quote + 12, to, 4);
    memcpy(quote + 16, from, 4);
    uint32_t number = peer->own_iss + 1 + sequence;
    uint8_t ports[8] = {(uint8_t)(peer->local_port >> 8),
                        (uint8_t)peer->local_port,
                        (uint8_t)(peer->remote_port >> 8),
                        (uint8_t)peer->remote_port,
                        (uint8_t)(number >> 24),
                        (uint8_t)(number >> 16),
                        (uint8_t)(number >> 8),
                        (uint8_t)number};
    memcpy(quote + 20, ports, 8);
    for (int part = 0; part < 2; part++) { /* checksums: of the ICMP message, of the IP header */
        uint8_t *at = part ? packet : icmp;
        size_t length = part ? 20 : 36, field = part ? 10 : 2;
        uint32_t sum = 0;
        for (size_t i = 0; i < length; i += 2)
            sum += (uint32_t)at[i] << 8 | at[i + 1];
        while (sum >> 16)
            sum = (sum & 0xffff) + (sum >> 16);
        at[field] = (uint8_t)(~sum >> 8);
        at[field + 1] = (uint8_t)~sum;
    }
    peer_send_bytes(peer, packet, sizeof packet);
}

static void established_router_lowers_the_size_and_ten_minutes_raise_it(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_wide(&peer, RILL_MTU_PROBING_BLACK_HOLE, 10);
    peer_write(&peer, 2 * LINK);
    peer_drain(&peer);
    uint32_t cwnd = peer_info(&peer).cwnd;
    send_too_big(&peer, 1200, 5 * LINK); /* of nothing in flight: RFC 5927 §4.1 */
    assert_int_equal(peer_info(&peer).mss, LINK);
    send_too_big(&peer, 1200, 0);
    assert_int_equal(peer_info(&peer).mss, 1160);
    assert_int_equal(peer_info(&peer).cwnd, cwnd);
    seen = EXPECT(&peer, WIRE_ACK, 0, 0, 1160);
    assert_int_equal(seen.cause, RILL_CAUSE_TOO_BIG);
    peer_drain(&peer);
    peer_send(&peer, WIRE_ACK, 0, 2 * LINK, 0);
    send_too_big(&peer, 1000, 0); /* acknowledged by now */
    assert_int_equal(peer_info(&peer).mss, 1160);
    peer_wait(&peer, 601 * RILL_SECOND);
    peer_write(&peer, LINK);
    assert_true(peer_take(&peer, &seen));
    assert_int_equal(seen.length, LINK); /* RFC 1191 §6.3 */
    peer_close(&peer);
}

/* RFC 5927 §7.2: who guesses a number in flight could make every segment a small one. Once
 * segments of a size have arrived, only a path that no longer takes them bears such a message out.
 */
static void established_too_big_of_what_arrives_is_not_believed(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_wide(&peer, RILL_MTU_PROBING_OFF, 10);
    peer_write(&peer, 2 * LINK);
    peer_drain(&peer);
    peer_send(&peer, WIRE_ACK, 0, 2 * LINK, 0);
    peer_write(&peer, 2 * LINK);
    peer_drain(&peer);
    send_too_big(&peer, 600, 2 * LINK);
    send_too_big(&peer, 500, 3 * LINK);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_info(&peer).mss, LINK);
    peer_send(&peer, WIRE_ACK, 0, 4 * LINK, 0); /* so it was not */
    peer_write(&peer, LINK);
    peer_drain(&peer); /* lost, and so is what goes again */
    assert_true(peer_take_within(&peer, 2 * RILL_SECOND, &seen));
    assert_int_equal(seen.length, LINK);
    assert_true(peer_take_within(&peer, 2 * RILL_SECOND, &seen));
    assert_int_equal(seen.length, LINK);
    peer_close(&peer);
}

static void established_too_big_is_believed_when_nothing_moves(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_wide(&peer, RILL_MTU_PROBING_OFF, 10);
    peer_write(&peer, 2 * LINK);
    peer_drain(&peer);
    peer_send(&peer, WIRE_ACK, 0, 2 * LINK, 0);
    peer_write(&peer, 2 * LINK);
    peer_drain(&peer);
    uint32_t cwnd = peer_info(&peer).cwnd;
    send_too_big(&peer, 1200, 2 * LINK);
    EXPECT_NONE(&peer);
    assert_true(peer_take_within(&peer, 2 * RILL_SECOND, &seen)); /* the tail loss probe's time */
    assert_int_equal(seen.cause, RILL_CAUSE_TOO_BIG);
    assert_int_equal(seen.sequence, 2 * LINK);
    assert_int_equal(seen.length, 1160);
    assert_int_equal(peer_info(&peer).cwnd, cwnd);
    peer_drain(&peer);
    /* Of that size none has arrived: a narrower part of the path is believed at once. */
    send_too_big(&peer, 1000, 2 * LINK);
    seen = EXPECT(&peer, WIRE_ACK, 2 * LINK, 0, 960);
    assert_int_equal(seen.cause, RILL_CAUSE_TOO_BIG);
    peer_close(&peer);
}

int pmtud_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_black_hole_is_found_after_timeouts_and_measured),
        cmocka_unit_test(established_black_hole_smaller_than_the_base_is_found_too),
        cmocka_unit_test(established_without_probing_a_black_hole_is_for_ever),
        cmocka_unit_test(established_small_segments_lost_are_no_black_hole),
        cmocka_unit_test(established_always_probing_goes_up_from_the_base),
        cmocka_unit_test(established_lost_probe_goes_again_in_pieces_and_the_window_stays),
        cmocka_unit_test(established_router_lowers_the_size_and_ten_minutes_raise_it),
        cmocka_unit_test(established_too_big_of_what_arrives_is_not_believed),
        cmocka_unit_test(established_too_big_is_believed_when_nothing_moves),
    };
    return cmocka_run_group_tests_name("pmtud", tests, 0, 0);
}
