/* tests/tcp/deferred_test.c: deferred listeners: a SYN is parked until the application accepts,
 * refuses or drops it (docs/architecture.md, table 2). */
#include "tcp/segment.h"

static struct rill_stack_info stack_info(struct peer *peer) {
    struct rill_stack_info info;
    rill_stack_get_info(peer->stack, &info);
    return info;
}

/* A SYN is parked; returns its handle. */
static rill_handle park(struct peer *peer) {
    struct rill_tcp_listen_config config;
    struct rill_endpoint local, remote;
    rill_handle pending = 0;
    memset(&local, 0xff, sizeof local);
    memset(&remote, 0xff, sizeof remote);
    peer_init(peer);
    peer_open(peer);
    rill_tcp_listen_config_default(&config);
    config.local.port = 80;
    config.deferred = true;
    assert_int_equal(rill_tcp_listen(peer->stack, &config, &peer->listener), 0);
    assert_int_equal(rill_tcp_pending(peer->stack, peer->listener, &pending, &local, &remote),
                     RILL_ERROR_AGAIN);
    peer_send(peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT_NONE(peer);
    assert_int_equal(peer_events(peer, peer->listener), RILL_EVENT_SYN);
    assert_int_equal(rill_ready(peer->stack, peer->listener), RILL_EVENT_SYN);
    assert_int_equal(rill_tcp_pending(peer->stack, peer->listener, &pending, &local, &remote), 0);
    assert_true(rill_address_equal(&local.address, &peer->local));
    assert_true(rill_address_equal(&remote.address, &peer->remote));
    assert_int_equal(local.port, 80);
    assert_int_equal(remote.port, PEER_PORT);
    assert_int_equal(local.zone, 0); /* said, not left as it was */
    assert_int_equal(remote.zone, 0);
    assert_int_equal(rill_ready(peer->stack, peer->listener), 0);
    return pending;
}

static void parked_accept_answers_and_connects(void **state) {
    (void)state;
    struct peer peer;
    rill_handle pending = park(&peer);
    assert_int_equal(rill_tcp_pending_accept(peer.stack, pending), 0);
    assert_int_equal(rill_tcp_pending_accept(peer.stack, pending), RILL_ERROR_HANDLE);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_send(&peer, WIRE_ACK, 0, 0, 7);
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), 0);
    assert_int_equal(peer_read(&peer, 100), 7);
    peer_close(&peer);
}

static void parked_refuse_resets(void **state) {
    (void)state;
    struct peer peer;
    struct seen rst;
    rill_handle pending = park(&peer);
    assert_int_equal(rill_tcp_pending_refuse(peer.stack, pending), 0);
    assert_int_equal(rill_tcp_pending_refuse(peer.stack, pending), RILL_ERROR_HANDLE);
    assert_true(peer_take(&peer, &rst));
    assert_int_equal(rst.header.flags, WIRE_RST | WIRE_ACK);
    assert_int_equal(rst.acknowledgement, 0);
    assert_int_equal(rst.header.sequence, 0);
    assert_int_equal(rst.cause, RILL_CAUSE_RST_REFUSED);
    assert_int_equal(stack_info(&peer).half_open, 0);
    peer_close(&peer);
}

static void parked_drop_says_nothing_and_a_repeated_syn_is_parked_anew(void **state) {
    (void)state;
    struct peer peer;
    rill_handle pending = park(&peer);
    assert_int_equal(rill_tcp_pending_drop(peer.stack, pending), 0);
    EXPECT_NONE(&peer);
    assert_int_equal(stack_info(&peer).half_open, 0);
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    assert_int_equal(peer_events(&peer, peer.listener), RILL_EVENT_SYN);
    peer_close(&peer);
}

static void parked_close_of_the_handle_drops(void **state) {
    (void)state;
    struct peer peer;
    rill_handle pending = park(&peer);
    assert_int_equal(rill_tcp_close(peer.stack, pending), 0);
    EXPECT_NONE(&peer);
    assert_int_equal(stack_info(&peer).half_open, 0);
    peer_close(&peer);
}

static void parked_repeated_syn_and_ack_are_not_answered(void **state) {
    (void)state;
    struct peer peer;
    rill_handle pending = park(&peer);
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_PARKED), 1);
    peer_send(&peer, WIRE_ACK, 0, 0, 0); /* an ACK of what was never sent */
    EXPECT_NONE(&peer);
    assert_int_equal(peer_events(&peer, peer.listener), 0);
    assert_int_equal(rill_tcp_pending_accept(peer.stack, pending), 0);
    peer_close(&peer);
}

static void parked_rst_takes_it_away(void **state) {
    (void)state;
    struct peer peer;
    rill_handle pending = park(&peer);
    peer_send(&peer, WIRE_RST, 0, 0, 0);
    assert_int_equal(rill_tcp_pending_accept(peer.stack, pending), RILL_ERROR_HANDLE);
    assert_int_equal(stack_info(&peer).half_open, 0);
    peer_close(&peer);
}

static void parked_undecided_goes_when_a_syn_ack_would_have_gone(void **state) {
    (void)state;
    struct peer peer;
    rill_handle pending = park(&peer);
    peer_wait(&peer, 62 * RILL_SECOND); /* 1 + 2 + 4 + 8 + 16 + 32 s, less one */
    assert_int_equal(stack_info(&peer).half_open, 1);
    peer_wait(&peer, RILL_SECOND);
    assert_int_equal(stack_info(&peer).half_open, 0);
    assert_int_equal(rill_tcp_pending_accept(peer.stack, pending), RILL_ERROR_HANDLE);
    assert_int_equal(rill_tcp_pending_refuse(peer.stack, pending), RILL_ERROR_HANDLE);
    assert_int_equal(rill_tcp_pending_drop(peer.stack, pending), RILL_ERROR_HANDLE);
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

static void parked_listener_closed_takes_all_with_it(void **state) {
    (void)state;
    struct peer peer;
    rill_handle pending = park(&peer), next;
    struct rill_endpoint local, remote;
    peer.remote_port = 4001;
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0); /* one more, not given out yet */
    assert_int_equal(rill_tcp_close(peer.stack, peer.listener), 0);
    assert_int_equal(rill_tcp_pending(peer.stack, peer.listener, &next, &local, &remote),
                     RILL_ERROR_HANDLE);
    rill_tcp_pending_accept(peer.stack, pending);
    peer_wait(&peer, 64 * RILL_SECOND);
    peer_drain(&peer);
    assert_int_equal(stack_info(&peer).half_open, 0);
    assert_int_equal(stack_info(&peer).connections, 0);
    peer_close(&peer);
}

static void parked_in_order_oldest_first(void **state) {
    (void)state;
    struct peer peer;
    struct rill_endpoint local, remote;
    rill_handle pending;
    park(&peer);
    for (uint16_t i = 1; i <= 4; i++) {
        peer.remote_port = i;
        peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    }
    peer.remote_port = 2;
    peer_send(&peer, WIRE_RST, 0, 0, 0); /* leaves the middle of the list */
    const uint16_t want[] = {1, 3, 4};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rill_tcp_pending(peer.stack, peer.listener, &pending, &local, &remote), 0);
        assert_int_equal(remote.port, want[i]);
    }
    assert_int_equal(rill_tcp_pending(peer.stack, peer.listener, &pending, &local, &remote),
                     RILL_ERROR_AGAIN);
    peer_close(&peer);
}

static void parked_accepted_late_the_syn_ack_is_resent_after_one_second(void **state) {
    (void)state;
    const rill_time waits[] = {900 * RILL_MILLISECOND, 10 * RILL_SECOND};
    for (int i = 0; i < 2; i++) { /* its old timer stands 100 ms ahead, and 5 s ahead */
        struct peer peer;
        struct seen seen;
        rill_handle pending = park(&peer);
        peer_wait(&peer, waits[i]);
        assert_int_equal(rill_tcp_pending_accept(peer.stack, pending), 0);
        EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
        rill_time sent = peer.now;
        assert_true(peer_take_within(&peer, 100 * RILL_SECOND, &seen));
        assert_int_equal(seen.cause, RILL_CAUSE_SYN_ACK_RESENT);
        assert_int_equal(seen.at - sent, RILL_SECOND);
        peer_close(&peer);
    }
}

int deferred_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parked_accept_answers_and_connects),
        cmocka_unit_test(parked_refuse_resets),
        cmocka_unit_test(parked_drop_says_nothing_and_a_repeated_syn_is_parked_anew),
        cmocka_unit_test(parked_close_of_the_handle_drops),
        cmocka_unit_test(parked_repeated_syn_and_ack_are_not_answered),
        cmocka_unit_test(parked_rst_takes_it_away),
        cmocka_unit_test(parked_undecided_goes_when_a_syn_ack_would_have_gone),
        cmocka_unit_test(parked_listener_closed_takes_all_with_it),
        cmocka_unit_test(parked_in_order_oldest_first),
        cmocka_unit_test(parked_accepted_late_the_syn_ack_is_resent_after_one_second),
    };
    return cmocka_run_group_tests_name("deferred", tests, 0, 0);
}
