/* tests/tcp/requirement_test.c: requirements of RFC 9293 and faults of RFC 2525 that no other test
 * would notice; tests/requirements.txt has them all. */
#include "tcp/segment.h"

/* RFC 9293 §3.9.1.1, MUST-46. */
static void connect_to_a_group_is_an_argument_error(void **state) {
    (void)state;
    static const char *const groups[] = {"224.0.0.1", "239.1.2.3", "ff02::1"};
    struct peer peer;
    peer_init(&peer);
    peer_open(&peer);
    for (size_t i = 0; i < 3; i++) {
        struct rill_tcp_connect_config config;
        rill_handle handle;
        rill_tcp_connect_config_default(&config);
        assert_int_equal(rill_address_parse(groups[i], &config.remote.address), 0);
        config.remote.port = 80;
        assert_int_equal(rill_tcp_connect(peer.stack, &config, &handle), RILL_ERROR_ARGUMENT);
    }
    peer_close(&peer);
}

/* RFC 9293 §3.9.2.3, MUST-57: no word, not even a RST. */
static void syn_to_a_group_or_broadcast_is_dropped(void **state) {
    (void)state;
    const struct rill_address addresses[] = {rill_address_ipv4(224, 0, 0, 1),
                                             rill_address_ipv4(255, 255, 255, 255),
                                             rill_address_ipv4(10, 0, 0, 255)};
    struct peer peer;
    peer_init(&peer);
    peer_listen(&peer);
    struct rill_address own = peer.local;
    for (size_t i = 0; i < 3; i++) {
        peer.local = addresses[i];
        peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
        EXPECT_NONE(&peer);
    }
    peer.local = own;
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    struct seen seen;
    assert_true(peer_take(&peer, &seen));
    peer_close(&peer);
}

/* RFC 9293 §3.5.3, SHLD-2. */
static void rst_with_data_resets_all_the_same(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_send(&peer, WIRE_RST | WIRE_ACK, 0, 0, 300);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
    assert_int_equal(peer_info(&peer).error, RILL_ERROR_RESET);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_info(&peer).receive_queued, 0);
    peer_close(&peer);
}

/* RFC 2525 §2.4: what is sent again is what was sent, also when the segments are cut anew. */
static void bytes_sent_again_are_the_same_however_they_are_cut(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer.options &= ~(unsigned)PEER_SACK;
    peer_established(&peer);
    for (int i = 0; i < 30; i++) /* each byte is compared as it is taken */
        peer_write(&peer, 333);
    peer_drain(&peer);
    assert_int_equal(rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_MSS, 500), 0);
    uint32_t acked = 0, all = 30 * 333;
    for (int i = 0; i < 200 && acked < all; i++) {
        assert_true(peer_take_within(&peer, 10 * RILL_SECOND, &seen));
        if (seen.sequence == acked)
            acked = seen.sequence + seen.length;
        peer_send(&peer, WIRE_ACK, 0, acked, 0);
    }
    assert_int_equal(acked, all);
    peer_close(&peer);
}

/* RFC 2525 §2.5: data above the sequence number expected is not thrown away with a retransmission
 * that covers it. */
static void early_data_are_not_asked_for_again(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_established(&peer);
    for (uint32_t i = 1; i < 10; i++)
        peer_send(&peer, WIRE_ACK, i * 1000, 0, 1000);
    peer_drain(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 500);
    assert_true(peer_take(&peer, &seen));
    assert_int_equal(seen.acknowledgement, 500);
    peer_send(&peer, WIRE_ACK, 500, 0, 500);
    assert_true(peer_take(&peer, &seen));
    assert_int_equal(seen.acknowledgement, 10000);
    peer_close(&peer);
}

/* RFC 2525 §2.12: a window that shuts while data are in flight is probed with what was in flight,
 * and neither that nor its timer ends the connection while the peer answers. */
static void window_shut_on_data_in_flight_is_no_deadlock(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer.config.data_retries = 3;
    peer_established(&peer);
    peer_write(&peer, 5000);
    peer_drain(&peer);
    peer.window = 0;
    peer_send(&peer, WIRE_ACK, 0, 1460, 0); /* the rest did not fit */
    for (int i = 0; i < 10; i++) {
        assert_true(peer_take_within(&peer, 200 * RILL_SECOND, &seen));
        assert_int_equal(seen.sequence, 1460);
        peer_send(&peer, WIRE_ACK, 0, 1460, 0);
    }
    peer.window = 10000;
    peer_send(&peer, WIRE_ACK, 0, 1460, 0);
    uint32_t next = 1460;
    while (peer_take_within(&peer, RILL_SECOND, &seen) && next < 5000) {
        if (seen.sequence <= next && seen.sequence + seen.length > next)
            next = seen.sequence + seen.length;
        peer_send(&peer, WIRE_ACK, 0, next, 0);
    }
    assert_int_equal(next, 5000);
    peer_close(&peer);
}

int requirement_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_to_a_group_is_an_argument_error),
        cmocka_unit_test(syn_to_a_group_or_broadcast_is_dropped),
        cmocka_unit_test(rst_with_data_resets_all_the_same),
        cmocka_unit_test(bytes_sent_again_are_the_same_however_they_are_cut),
        cmocka_unit_test(early_data_are_not_asked_for_again),
        cmocka_unit_test(window_shut_on_data_in_flight_is_no_deadlock),
    };
    return cmocka_run_group_tests_name("requirement", tests, 0, 0);
}
