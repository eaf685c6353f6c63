/* tests/tcp/time_wait_test.c: TIME-WAIT and the four-tuple used again (RFC 9293 §3.10.7.4, RFC
 * 1337, RFC 6191), and the idle connection (docs/architecture.md, table 2). */
#include "tcp/segment.h"

static struct rill_stack_info stack_info(struct peer *peer) {
    struct rill_stack_info info;
    rill_stack_get_info(peer->stack, &info);
    return info;
}

static void listen_here(struct peer *peer) {
    struct rill_tcp_listen_config config;
    rill_tcp_listen_config_default(&config);
    config.local.port = peer->local_port;
    assert_int_equal(rill_tcp_listen(peer->stack, &config, &peer->listener), 0);
}

static void time_wait_repeated_fin_is_acknowledged_and_begins_anew(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_time_wait(&peer);
    peer_wait(&peer, 59 * RILL_SECOND);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 0, 1, 0);
    struct seen ack = EXPECT(&peer, WIRE_ACK, 1, 1, 0);
    assert_int_equal(ack.cause, RILL_CAUSE_TIME_WAIT_ACK);
    peer_wait(&peer, 60 * RILL_SECOND - 1);
    assert_int_equal(stack_info(&peer).time_wait, 1);
    peer_wait(&peer, 1);
    assert_int_equal(stack_info(&peer).time_wait, 0);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 0, 1, 0);
    EXPECT(&peer, WIRE_RST, 1, 0, 0);
    peer_close(&peer);
}

static void time_wait_lasts_60_seconds(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_time_wait(&peer);
    peer_wait(&peer, 60 * RILL_SECOND - 1);
    assert_int_equal(stack_info(&peer).time_wait, 1);
    peer_wait(&peer, 1);
    assert_int_equal(stack_info(&peer).time_wait, 0);
    assert_int_equal(rill_deadline(peer.stack), RILL_TIME_NEVER);
    peer_close(&peer);
}

static void time_wait_rst_is_ignored(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_time_wait(&peer);
    peer_send(&peer, WIRE_RST, 1, 0, 0); /* RFC 1337 §3 */
    peer_send(&peer, WIRE_RST | WIRE_ACK, 1, 1, 0);
    EXPECT_NONE(&peer);
    assert_int_equal(stack_info(&peer).time_wait, 1);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_TIME_WAIT_RST), 2);
    peer_close(&peer);
}

static void time_wait_old_data_is_acknowledged_and_a_good_ack_is_not(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_time_wait(&peer);
    peer_send(&peer, WIRE_ACK, 1, 1, 0);
    EXPECT_NONE(&peer); /* else two ends in TIME-WAIT would talk for ever */
    peer_send(&peer, WIRE_ACK, 0, 1, 1);
    EXPECT(&peer, WIRE_ACK, 1, 1, 0);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_TIME_WAIT), 2);
    peer_close(&peer);
}

static void time_wait_syn_with_higher_number_opens(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_time_wait(&peer);
    listen_here(&peer);
    rill_seq before = peer.own_iss;
    peer_send(&peer, WIRE_SYN, 1, 0, 0); /* rcv_nxt itself: not higher, MAY-2 */
    assert_int_equal(stack_info(&peer).time_wait, 1);
    peer_drain(&peer);
    struct seen seen;
    peer_send(&peer, WIRE_SYN, 2, 0, 0);
    assert_true(peer_take(&peer, &seen));
    assert_int_equal(seen.header.flags, WIRE_SYN | WIRE_ACK);
    assert_true((int32_t)(seen.header.sequence - before) > 65536);
    assert_int_equal(stack_info(&peer).time_wait, 0);
    assert_int_equal(stack_info(&peer).half_open, 1);
    peer_close(&peer);
}

static void time_wait_old_syn_is_refused_with_an_ack(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_time_wait(&peer);
    listen_here(&peer);
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0); /* the old one, late */
    EXPECT(&peer, WIRE_ACK, 1, 1, 0);
    peer_send(&peer, WIRE_SYN | WIRE_ACK, 1000, 1, 0);
    EXPECT(&peer, WIRE_ACK, 1, 1, 0);
    assert_int_equal(stack_info(&peer).time_wait, 1);
    assert_int_equal(stack_info(&peer).half_open, 0);
    peer_close(&peer);
}

static void time_wait_syn_with_later_timestamp_opens_whatever_its_number(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.options |= PEER_TIMESTAMPS;
    peer_time_wait(&peer);
    listen_here(&peer);
    peer.tsval -= 1; /* RFC 6191 §2: an earlier timestamp, though a higher number */
    peer_send(&peer, WIRE_SYN, 100000, 0, 0);
    EXPECT(&peer, WIRE_ACK, 1, 1, 0);
    peer.tsval += 2;
    peer_send(&peer, WIRE_SYN, (uint32_t)-100000, 0, 0);
    assert_int_equal(peer_drain(&peer), 1);
    assert_int_equal(stack_info(&peer).half_open, 1);
    peer_close(&peer);
}

static void time_wait_syn_without_a_listener_is_not_let_in(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_time_wait(&peer);
    peer_send(&peer, WIRE_SYN, 1000, 0, 0);
    EXPECT(&peer, WIRE_ACK, 1, 1, 0);
    assert_int_equal(stack_info(&peer).time_wait, 1);
    peer_close(&peer);
}

static void time_wait_ack_keeps_the_timestamp_clock_running(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.options |= PEER_TIMESTAMPS;
    peer_time_wait(&peer);
    uint32_t last = peer.tsecr;
    peer_wait(&peer, RILL_SECOND);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 0, 1, 0);
    struct seen ack = EXPECT(&peer, WIRE_ACK, 1, 1, 0);
    assert_true(ack.header.has_timestamps);
    assert_int_equal(ack.header.timestamp_value - last, 1000);
    assert_int_equal(ack.header.timestamp_echo, peer.tsval);
    peer_close(&peer);
}

static void time_wait_connect_again_begins_beyond_the_old_numbers(void **state) {
    (void)state;
    struct peer peer;
    struct seen syn;
    peer_init(&peer);
    peer_time_wait(&peer);
    struct rill_tcp_connect_config config;
    rill_tcp_connect_config_default(&config);
    config.local.port = peer.local_port;
    config.remote.address = peer.remote;
    config.remote.port = peer.remote_port;
    rill_seq last = peer.own_iss + 2;
    assert_int_equal(rill_tcp_connect(peer.stack, &config, &peer.handle), 0);
    assert_true(peer_take(&peer, &syn));
    assert_true((int32_t)(syn.header.sequence - last) >= 65536 + 2);
    assert_int_equal(stack_info(&peer).time_wait, 0);
    rill_handle second;
    assert_int_equal(rill_tcp_connect(peer.stack, &config, &second), RILL_ERROR_ADDRESS_IN_USE);
    peer_close(&peer);
}

int time_wait_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_wait_repeated_fin_is_acknowledged_and_begins_anew),
        cmocka_unit_test(time_wait_lasts_60_seconds),
        cmocka_unit_test(time_wait_rst_is_ignored),
        cmocka_unit_test(time_wait_old_data_is_acknowledged_and_a_good_ack_is_not),
        cmocka_unit_test(time_wait_syn_with_higher_number_opens),
        cmocka_unit_test(time_wait_old_syn_is_refused_with_an_ack),
        cmocka_unit_test(time_wait_syn_with_later_timestamp_opens_whatever_its_number),
        cmocka_unit_test(time_wait_syn_without_a_listener_is_not_let_in),
        cmocka_unit_test(time_wait_ack_keeps_the_timestamp_clock_running),
        cmocka_unit_test(time_wait_connect_again_begins_beyond_the_old_numbers),
    };
    return cmocka_run_group_tests_name("time_wait", tests, 0, 0);
}
