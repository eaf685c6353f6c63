/* tests/tcp/fast_open_active_test.c: Fast Open, the active side (RFC 7413 §4.1.3, §4.2.1): asking,
 * showing, bytes in the SYN and what becomes of them, and who is not tried again. */
#include "tcp/opening.h"

static const uint8_t cookie[16] = {0xab, 0xcd, 0x12, 0x34, 5,  6,  7,  8,
                                   9,    10,   11,   12,   13, 14, 15, 16};

static int connect(struct peer *peer, uint8_t fast_open) {
    struct rill_tcp_connect_config config;
    rill_tcp_connect_config_default(&config);
    config.local.port = ++peer->local_port;
    config.remote.address = peer->remote;
    config.remote.port = peer->remote_port;
    config.fast_open = fast_open;
    peer->written = peer->read = 0;
    return rill_tcp_connect(peer->stack, &config, &peer->handle);
}

static int64_t give(struct peer *peer, size_t length) {
    uint8_t data[5000];
    for (size_t i = 0; i < length; i++)
        data[i] = test_byte(OWN_STREAM, i);
    int64_t n = rill_tcp_send(peer->stack, peer->handle, data, length);
    peer->written = n > 0 ? (uint64_t)n : 0;
    return n;
}

/* The answer to the SYN, with a cookie of so many bytes (0: without the option). */
static void answer(struct peer *peer, uint32_t acknowledgement, uint8_t length, bool older) {
    struct wire_tcp header = {.source_port = peer->remote_port,
                              .destination_port = peer->local_port,
                              .sequence = peer->iss,
                              .acknowledgement = peer->own_iss + 1 + acknowledgement,
                              .flags = WIRE_SYN | WIRE_ACK,
                              .window = peer->window,
                              .mss = peer->mss,
                              .sack_permitted = true,
                              .has_fast_open = length != 0,
                              .fast_open_experimental = older,
                              .cookie_length = length};
    memcpy(header.cookie, cookie, length);
    peer_send_raw(peer, &header, 0);
}

/* A SYN-ACK has come: the rest of a short life. */
static void finish(struct peer *peer) {
    assert_int_equal(rill_tcp_abort(peer->stack, peer->handle), 0);
    peer->handle = 0;
    peer_drain(peer);
}

/* A host that knows the server's cookie. */
static void learn(struct peer *peer, uint8_t length, bool older) {
    assert_int_equal(connect(peer, RILL_FAST_OPEN_TRY), 0);
    assert_int_equal(give(peer, 10), RILL_ERROR_STATE); /* nothing goes with this one */
    struct seen syn = EXPECT(peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    assert_true(syn.header.has_fast_open);
    assert_int_equal(syn.header.cookie_length, 0);
    answer(peer, 0, length, older);
    EXPECT(peer, WIRE_ACK, 0, 0, 0);
    finish(peer);
}

static void open_knowing(struct peer *peer, uint8_t length, bool older) {
    peer_init(peer);
    peer_open(peer);
    learn(peer, length, older);
}

static void closed_open_asks_shows_and_carries(void **state) {
    (void)state;
    for (unsigned older = 0; older < 2; older++) {
        for (uint8_t length = 4; length <= 16; length += 2) {
            struct peer peer;
            open_knowing(&peer, length, older);
            assert_int_equal(connect(&peer, RILL_FAST_OPEN_TRY), 0);
            assert_int_equal(give(&peer, 1000), 1000);
            struct seen syn = EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 1000 /* and their bytes */);
            assert_int_equal(syn.header.cookie_length, length);
            assert_int_equal(syn.header.fast_open_experimental, older);
            assert_memory_equal(syn.header.cookie, cookie, length);
            assert_int_equal(give(&peer, 10), RILL_ERROR_STATE); /* the SYN has gone */
            answer(&peer, 1000, 0, false);
            EXPECT(&peer, WIRE_ACK, 1000, 0, 0);
            EXPECT_NONE(&peer);
            assert_true(peer_info(&peer).syn_data);
            assert_int_equal(peer_info(&peer).send_queued, 0);
            peer_close(&peer);
        }
    }
}

static void closed_open_without_asking_for_it_is_a_plain_one(void **state) {
    (void)state;
    struct peer peer;
    open_knowing(&peer, 8, false);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_NEVER), 0);
    assert_int_equal(give(&peer, 10), RILL_ERROR_STATE);
    assert_false(EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 0).header.has_fast_open);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_ALL + 1), RILL_ERROR_ARGUMENT);
    peer_close(&peer);
}

static void closed_host_without_it_sends_plain_syns(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.fast_open = RILL_FAST_OPEN_LISTEN;
    peer_open(&peer);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_TRY), 0);
    assert_false(EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 0).header.has_fast_open);
    peer_close(&peer);
}

/* The server's MSS of the last time bounds it, as far as it is known, and all options have room. */
static void syn_carries_as_much_as_a_segment_to_this_server_holds(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.mss = 940;
    peer_open(&peer);
    learn(&peer, 16, false);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_TRY), 0);
    assert_int_equal(give(&peer, 2000), 900);
    struct seen syn = EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 900);
    assert_true(syn.frame <= 980);
    peer.mss = 10000; /* never more than the path takes */
    answer(&peer, 900, 0, false);
    finish(&peer);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_TRY), 0);
    assert_int_equal(give(&peer, 2000), 1420);
    assert_int_equal(EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 1420).frame, 1500);
    finish(&peer);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_TRY), 0);
    assert_int_equal(rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_MSS, 1040), 0);
    assert_int_equal(give(&peer, 2000), 1000);
    peer_close(&peer);
}

static void syn_sent_bytes_not_taken_follow_the_first_ack(void **state) {
    (void)state;
    struct peer peer;
    open_knowing(&peer, 8, false);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_TRY), 0);
    assert_int_equal(give(&peer, 1000), 1000);
    EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 1000);
    answer(&peer, 0, 8, false);
    EXPECT(&peer, WIRE_ACK, 0, 0, 1000);
    EXPECT_NONE(&peer);
    assert_false(peer_info(&peer).syn_data);
    assert_int_equal(peer_info(&peer).cwnd, 14600); /* says nothing of congestion */
    peer_send(&peer, WIRE_ACK, 0, 1000, 0);
    assert_int_equal(peer_info(&peer).in_flight, 0);
    peer_close(&peer);
}

static void syn_sent_bytes_taken_in_part_are_completed(void **state) {
    (void)state;
    struct peer peer;
    open_knowing(&peer, 8, false);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_TRY), 0);
    assert_int_equal(give(&peer, 1000), 1000);
    EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 1000);
    answer(&peer, 300, 0, false);
    EXPECT(&peer, WIRE_ACK, 300, 0, 700);
    assert_true(peer_info(&peer).syn_data);
    peer_close(&peer);
}

static void syn_sent_lost_goes_again_plain_and_the_bytes_after_it(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_knowing(&peer, 8, false);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_TRY), 0);
    assert_int_equal(give(&peer, 1000), 1000);
    EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 1000);
    assert_true(peer_take_within(&peer, RILL_SECOND, &seen));
    assert_int_equal(seen.header.flags, WIRE_SYN);
    assert_int_equal(seen.length, 0);
    assert_false(seen.header.has_fast_open);
    answer(&peer, 0, 0, false);
    EXPECT(&peer, WIRE_ACK, 0, 0, 1000);
    peer_send(&peer, WIRE_ACK, 0, 1000, 0);
    assert_int_equal(peer_info(&peer).send_queued, 0);
    peer_close(&peer);
}

/* The first SYN has arrived after all, and its bytes with it. */
static void syn_sent_late_answer_to_the_first_syn_counts(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_knowing(&peer, 8, false);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_TRY), 0);
    assert_int_equal(give(&peer, 1000), 1000);
    EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 1000);
    assert_true(peer_take_within(&peer, RILL_SECOND, &seen));
    answer(&peer, 1000, 0, false);
    EXPECT(&peer, WIRE_ACK, 1000, 0, 0);
    EXPECT_NONE(&peer);
    assert_true(peer_info(&peer).syn_data);
    peer_close(&peer);
}

static void syn_sent_reset_refuses(void **state) {
    (void)state;
    struct peer peer;
    open_knowing(&peer, 8, false);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_TRY), 0);
    assert_int_equal(give(&peer, 1000), 1000);
    EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 1000);
    peer_send(&peer, WIRE_RST | WIRE_ACK, (uint32_t)-1, 0, 0); /* of the SYN, not of the bytes */
    assert_int_equal(peer_info(&peer).error, RILL_ERROR_REFUSED);
    peer_close(&peer);
}

static void syn_sent_bytes_of_the_syn_ack_are_read(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_syn_sent(&peer);
    peer_send(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_close(&peer);
    peer_init(&peer);
    peer_syn_sent(&peer);
    struct wire_tcp header = {.source_port = peer.remote_port,
                              .destination_port = peer.local_port,
                              .sequence = peer.iss,
                              .acknowledgement = peer.own_iss + 1,
                              .flags = WIRE_SYN | WIRE_ACK,
                              .window = peer.window};
    peer_send_raw(&peer, &header, 20);
    EXPECT(&peer, WIRE_ACK, 0, 20, 0);
    EXPECT_NONE(&peer);
    uint8_t data[100];
    assert_int_equal(rill_tcp_receive(peer.stack, peer.handle, data, sizeof data), 20);
    peer_close(&peer);
}

static void held_syn_waits_for_bytes(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_knowing(&peer, 8, false);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_HOLD), 0);
    assert_false(peer_take_within(&peer, 100 * RILL_SECOND, &seen));
    assert_true(peer_info(&peer).syn_held);
    assert_true(rill_ready(peer.stack, peer.handle) & RILL_EVENT_WRITABLE);
    assert_int_equal(give(&peer, 500), 500);
    assert_false(peer_info(&peer).syn_held);
    EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 500);
    finish(&peer);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_HOLD), 0);
    assert_int_equal(give(&peer, 0), 0); /* it goes without */
    struct seen syn = EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    assert_int_equal(syn.header.cookie_length, 8);
    finish(&peer);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_HOLD), 0);
    assert_int_equal(rill_tcp_close(peer.stack, peer.handle), 0);
    peer.handle = 0;
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

static void held_syn_without_a_cookie_does_not_wait(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_open(&peer);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_HOLD), 0);
    assert_false(peer_info(&peer).syn_held);
    assert_true(EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 0).header.has_fast_open);
    peer_close(&peer);
}

static void unasked_syn_carries_without_the_option_and_learns_no_cookie(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_open(&peer);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_TRY | RILL_FAST_OPEN_UNASKED), 0);
    assert_int_equal(give(&peer, 2000), 1420);
    assert_false(EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 1420).header.has_fast_open);
    answer(&peer, 1420, 8, false); /* not asked for: not kept */
    finish(&peer);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_TRY), 0);
    struct seen syn = EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    assert_true(syn.header.has_fast_open);
    assert_int_equal(syn.header.cookie_length, 0);
    peer_close(&peer);
}

static void lose_one(struct peer *peer) {
    struct seen seen;
    assert_int_equal(connect(peer, RILL_FAST_OPEN_TRY), 0);
    assert_int_equal(give(peer, 100), 100);
    EXPECT(peer, WIRE_SYN, (uint32_t)-1, 0, 100);
    assert_true(peer_take_within(peer, RILL_SECOND, &seen));
    answer(peer, 0, 0, false);
    finish(peer);
}

static bool tries(struct peer *peer) {
    struct seen seen;
    assert_int_equal(connect(peer, RILL_FAST_OPEN_TRY), 0);
    assert_true(peer_take(peer, &seen));
    bool tried = seen.header.has_fast_open;
    finish(peer);
    return tried;
}

/* RFC 7413 §4.1.3.1: a minute after the second failure in a row, two after the third. */
static void server_that_swallows_such_syns_is_asked_plainly_for_a_while(void **state) {
    (void)state;
    struct peer peer;
    open_knowing(&peer, 8, false);
    lose_one(&peer);
    assert_true(tries(&peer)); /* once may be chance */
    lose_one(&peer);
    assert_false(tries(&peer));
    peer_wait(&peer, 59 * RILL_SECOND);
    assert_false(tries(&peer));
    peer_wait(&peer, RILL_SECOND);
    assert_true(tries(&peer));
    lose_one(&peer);
    peer_wait(&peer, 119 * RILL_SECOND);
    assert_false(tries(&peer));
    peer_wait(&peer, RILL_SECOND);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_TRY), 0);
    assert_int_equal(give(&peer, 100), 100);
    EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 100);
    answer(&peer, 100, 0, false); /* taken: all is forgiven */
    finish(&peer);
    lose_one(&peer);
    assert_true(tries(&peer));
    peer_close(&peer);
}

/* RFC 7413 §7.1: the SYN and its bytes arrive, and nothing after them. */
static void server_behind_a_black_hole_is_asked_plainly_for_a_while(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    open_knowing(&peer, 8, false);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_TRY), 0);
    assert_int_equal(give(&peer, 100), 100);
    EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 100);
    answer(&peer, 100, 0, false);
    EXPECT(&peer, WIRE_ACK, 100, 0, 0);
    assert_int_equal(peer_write(&peer, 1000), 1000);
    EXPECT(&peer, WIRE_ACK, 100, 0, 1000);
    for (int i = 0; i < 4; i++) { /* the tail's probe, and timeouts */
        assert_true(peer_take_within(&peer, 10 * RILL_SECOND, &seen));
        peer_drain(&peer);
    }
    finish(&peer);
    assert_false(tries(&peer));
    peer_close(&peer);
}

static void table_of_servers_is_bounded_and_forgets_the_least_used(void **state) {
    (void)state;
    struct peer peer;
    open_knowing(&peer, 8, false); /* 10.0.0.2 */
    for (unsigned i = 0; i < 1100; i++) {
        if (i % 500 == 0) {
            peer.remote = rill_address_ipv4(10, 0, 0, 2);
            assert_true(tries(&peer)); /* used: it stays */
        }
        peer.remote = rill_address_ipv4(10, 0, 1, 0);
        peer.remote.bytes[14] = (uint8_t)(1 + i / 250);
        peer.remote.bytes[15] = (uint8_t)(1 + i % 250);
        struct rill_address all = rill_address_ipv4(10, 0, 0, 0), none = {{0}};
        if (!i)
            assert_int_equal(rill_route_add(peer.stack, 0, &all, 8, &none), 0);
        learn(&peer, 8, false);
    }
    peer.remote = rill_address_ipv4(10, 0, 0, 2);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_TRY), 0);
    assert_int_equal(give(&peer, 10), 10);
    EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 10);
    finish(&peer);
    peer.remote = rill_address_ipv4(10, 0, 1, 1);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_TRY), 0);
    assert_int_equal(give(&peer, 10), RILL_ERROR_STATE);
    peer_close(&peer);
}

static void simultaneous_open_with_bytes_in_both_syns_is_established(void **state) {
    (void)state;
    struct peer peer;
    open_knowing(&peer, 8, false);
    assert_int_equal(connect(&peer, RILL_FAST_OPEN_TRY), 0);
    assert_int_equal(give(&peer, 1000), 1000);
    EXPECT(&peer, WIRE_SYN, (uint32_t)-1, 0, 1000);
    struct wire_tcp header = {.source_port = peer.remote_port,
                              .destination_port = peer.local_port,
                              .sequence = peer.iss,
                              .flags = WIRE_SYN,
                              .window = peer.window,
                              .mss = 1460,
                              .sack_permitted = true};
    peer_send_raw(&peer, &header, 500);
    assert_false(EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0).header.has_fast_open);
    answer(&peer, 1000, 0, false);
    EXPECT(&peer, WIRE_ACK, 1000, 0, 0);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    peer_send(&peer, WIRE_ACK, 0, 1000, 500);
    assert_int_equal(peer_read(&peer, 1000), 500);
    peer_close(&peer);
}

int fast_open_active_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_open_asks_shows_and_carries),
        cmocka_unit_test(closed_open_without_asking_for_it_is_a_plain_one),
        cmocka_unit_test(closed_host_without_it_sends_plain_syns),
        cmocka_unit_test(syn_carries_as_much_as_a_segment_to_this_server_holds),
        cmocka_unit_test(syn_sent_bytes_not_taken_follow_the_first_ack),
        cmocka_unit_test(syn_sent_bytes_taken_in_part_are_completed),
        cmocka_unit_test(syn_sent_lost_goes_again_plain_and_the_bytes_after_it),
        cmocka_unit_test(syn_sent_late_answer_to_the_first_syn_counts),
        cmocka_unit_test(syn_sent_reset_refuses),
        cmocka_unit_test(syn_sent_bytes_of_the_syn_ack_are_read),
        cmocka_unit_test(held_syn_waits_for_bytes),
        cmocka_unit_test(held_syn_without_a_cookie_does_not_wait),
        cmocka_unit_test(unasked_syn_carries_without_the_option_and_learns_no_cookie),
        cmocka_unit_test(server_that_swallows_such_syns_is_asked_plainly_for_a_while),
        cmocka_unit_test(server_behind_a_black_hole_is_asked_plainly_for_a_while),
        cmocka_unit_test(table_of_servers_is_bounded_and_forgets_the_least_used),
        cmocka_unit_test(simultaneous_open_with_bytes_in_both_syns_is_established),
    };
    return cmocka_run_group_tests_name("Fast Open, active", tests, 0, 0);
}
