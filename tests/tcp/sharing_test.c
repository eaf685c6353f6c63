/* tests/tcp/sharing_test.c: what one connection leaves to the next between the same two addresses
 * (RFC 9040 §5, temporal sharing; `share_paths`). */
#include "tcp/loss.h"

#include "tcp/host.h"

#define UNKNOWN INT32_MAX /* of ssthresh: nothing has lowered it */

/* One more connection of the same stack, to peer->remote; the SYN is answered after `rtt`, and goes
 * `again` times more before. */
static void connect_more(struct peer *peer, rill_time rtt, int again) {
    struct rill_tcp_connect_config config;
    struct seen seen;
    rill_tcp_connect_config_default(&config);
    config.local.port = ++peer->local_port;
    config.remote.address = peer->remote;
    config.remote.port = peer->remote_port;
    peer->read = peer->written = 0;
    assert_int_equal(rill_tcp_connect(peer->stack, &config, &peer->handle), 0);
    assert_true(peer_take(peer, &seen));
    for (; again; again--)
        assert_true(peer_take_within(peer, 10 * RILL_SECOND, &seen));
    peer_wait(peer, rtt);
    peer_send(peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_drain(peer);
    peer_send(peer, WIRE_ACK, 0, 0, 0);
}

/* A loss lowers ssthresh; then both ends close. Returns what it was lowered to. */
static uint32_t lose_and_close(struct peer *peer) {
    loss_flight(peer, 10, 10);
    for (uint32_t i = 2; i <= 10; i++)
        sack(peer, 0, 1, i);
    peer_drain(peer);
    peer_wait(peer, RTT);
    ack(peer, 10);
    uint32_t ssthresh = peer_info(peer).ssthresh;
    assert_int_not_equal(ssthresh, UNKNOWN);
    assert_int_equal(rill_tcp_close(peer->stack, peer->handle), 0);
    peer_drain(peer);
    peer_send(peer, WIRE_FIN | WIRE_ACK, 0, 10 * MSS + 1, 0);
    peer_drain(peer);
    return ssthresh;
}

static void open_sharing(struct peer *peer, bool shares) {
    loss_init(peer);
    peer->config.initial_window = 10;
    peer->config.share_paths = shares;
    peer->config.pacing = false;
    loss_established(peer);
}

static void nothing_is_shared_unless_it_is_asked_for(void **state) {
    (void)state;
    struct peer peer;
    open_sharing(&peer, false);
    lose_and_close(&peer);
    connect_more(&peer, RTT, 0);
    assert_int_equal(peer_info(&peer).ssthresh, UNKNOWN);
    assert_int_equal(loss_host(&peer)->shared.used, 0);
    peer_close(&peer);
}

static void the_next_one_begins_with_threshold_and_round_trip(void **state) {
    (void)state;
    struct peer peer;
    open_sharing(&peer, true);
    uint32_t ssthresh = lose_and_close(&peer);
    connect_more(&peer, RTT, 0);
    assert_int_equal(peer_info(&peer).ssthresh, ssthresh);
    assert_int_equal(peer_info(&peer).cwnd, 10 * MSS); /* the window is not: RFC 6928 */
    /* A SYN sent again gives no sample (Karn): the last one's does, instead of three seconds. */
    connect_more(&peer, 50 * RILL_MILLISECOND, 1);
    assert_in_range(peer_info(&peer).rtt, 50 * RILL_MILLISECOND, RTT);
    assert_true(peer_info(&peer).rto <= RILL_SECOND);
    peer_close(&peer);
}

static void another_address_knows_nothing_of_it(void **state) {
    (void)state;
    struct peer peer;
    open_sharing(&peer, true);
    lose_and_close(&peer);
    peer.remote.bytes[15]++;
    connect_more(&peer, RTT, 0);
    assert_int_equal(peer_info(&peer).ssthresh, UNKNOWN);
    peer_close(&peer);
}

static void after_ten_minutes_it_is_another_path(void **state) {
    (void)state;
    struct peer peer;
    open_sharing(&peer, true);
    lose_and_close(&peer);
    peer_wait(&peer, 601 * RILL_SECOND);
    connect_more(&peer, RTT, 0);
    assert_int_equal(peer_info(&peer).ssthresh, UNKNOWN);
    peer_close(&peer);
}

/* 1,024 pairs are remembered; who was used last stays. */
static void table_is_bounded_and_the_oldest_goes_first(void **state) {
    (void)state;
    struct peer peer;
    open_sharing(&peer, true);
    uint32_t ssthresh = lose_and_close(&peer);
    struct rill_address first = peer.remote;
    for (int i = 1; i <= 1500; i++) {
        peer.remote = rill_address_ipv4(10, 9, (uint8_t)(i / 250), (uint8_t)(1 + i % 250));
        connect_more(&peer, RTT, 0);
        assert_int_equal(rill_tcp_abort(peer.stack, peer.handle), 0);
        peer_drain(&peer);
        if (i % 100)
            continue;
        peer.remote = first;
        connect_more(&peer, RTT, 0);
        assert_int_equal(peer_info(&peer).ssthresh, ssthresh);
        assert_int_equal(rill_tcp_abort(peer.stack, peer.handle), 0);
        peer_drain(&peer);
    }
    assert_int_equal(loss_host(&peer)->shared.used, 1024);
    struct tcp_key key = {.local = peer.local, .remote = rill_address_ipv4(10, 9, 0, 2)};
    assert_null(rill__shared(loss_host(&peer), &key, false)); /* the first of those */
    key.remote = rill_address_ipv4(10, 9, 6, 1);
    assert_non_null(rill__shared(loss_host(&peer), &key, false));
    peer_close(&peer);
}

/* Whoever connects to us could fill the table with addresses. */
static void passive_opens_leave_no_entry(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer.config.share_paths = true;
    peer_accepted(&peer);
    peer_write(&peer, MSS);
    peer_drain(&peer);
    ack(&peer, 1);
    assert_int_equal(rill_tcp_abort(peer.stack, peer.handle), 0);
    peer_drain(&peer);
    assert_int_equal(loss_host(&peer)->shared.used, 0);
    peer_close(&peer);
}

int sharing_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_shared_unless_it_is_asked_for),
        cmocka_unit_test(the_next_one_begins_with_threshold_and_round_trip),
        cmocka_unit_test(another_address_knows_nothing_of_it),
        cmocka_unit_test(after_ten_minutes_it_is_another_path),
        cmocka_unit_test(table_is_bounded_and_the_oldest_goes_first),
        cmocka_unit_test(passive_opens_leave_no_entry),
    };
    return cmocka_run_group_tests_name("sharing", tests, 0, 0);
}
