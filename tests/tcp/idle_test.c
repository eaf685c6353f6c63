/* tests/tcp/idle_test.c: an idle connection gives its active part back after a second, and
 * everything still works from there (docs/architecture.md, table 2). */
#include "stack/stack.h"
#include "tcp/host.h"
#include "tcp/segment.h"
#include "world.h"

static uint32_t actives(const struct peer *peer) {
    const struct tcp_host *host = peer->stack->tcp;
    return host->actives.used;
}

/* Established, with some data having gone both ways, and shrunk. */
static void idle(struct peer *peer, unsigned options) {
    peer_init(peer);
    peer->options = options;
    peer_established(peer);
    peer_write(peer, 300);
    peer_send(peer, WIRE_ACK, 0, 0, 200);
    peer_drain(peer);
    peer_send(peer, WIRE_ACK, 200, 300, 0);
    assert_int_equal(peer_read(peer, 500), 200);
    peer_drain(peer);
    assert_int_equal(actives(peer), 1);
    peer_wait(peer, RILL_SECOND - RILL_MILLISECOND);
    assert_int_equal(actives(peer), 1);
    peer_wait(peer, RILL_SECOND); /* an older timer that comes up meanwhile counts as traffic */
    assert_int_equal(actives(peer), 0);
    assert_int_equal(rill_deadline(peer->stack), RILL_TIME_NEVER);
    assert_int_equal(peer_state(peer), RILL_TCP_ESTABLISHED);
}

static void idle_data_flows_both_ways_again(void **state) {
    (void)state;
    for (unsigned options = 0; options < 16; options++) {
        struct peer peer;
        idle(&peer, options);
        peer_write(&peer, 100);
        EXPECT(&peer, WIRE_ACK, 300, 200, 100);
        peer_send(&peer, WIRE_ACK, 200, 400, 50);
        assert_int_equal(peer_read(&peer, 500), 50);
        peer_wait(&peer, 3 * RILL_SECOND);
        EXPECT(&peer, WIRE_ACK, 400, 250, 0);
        peer_send(&peer, WIRE_ACK, 250, 400, 1400);
        peer_send(&peer, WIRE_ACK, 1650, 400, 1400);
        EXPECT(&peer, WIRE_ACK, 400, 3050, 0);
        assert_int_equal(peer_read(&peer, 5000), 2800);
        peer_close(&peer);
    }
}

static void idle_keepalive_of_either_side_is_answered(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    idle(&peer, PEER_MSS);
    peer_send(&peer, WIRE_ACK, 199, 300, 0);
    EXPECT(&peer, WIRE_ACK, 300, 200, 0);
    assert_int_equal(rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_KEEPALIVE, 1), 0);
    for (int i = 0; i < 3; i++) {
        assert_true(peer_take_within(&peer, 7201 * RILL_SECOND, &seen));
        assert_int_equal(seen.cause, RILL_CAUSE_KEEPALIVE);
        assert_int_equal(seen.sequence, 299);
        peer_send(&peer, WIRE_ACK, 200, 300, 0);
        assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    }
    peer_wait(&peer, 2 * RILL_SECOND);
    assert_int_equal(actives(&peer), 0);
    peer_close(&peer);
}

static void idle_fin_of_either_side_closes(void **state) {
    (void)state;
    struct peer peer;
    idle(&peer, PEER_MSS);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 200, 300, 0);
    EXPECT(&peer, WIRE_ACK, 300, 201, 0);
    peer_wait(&peer, 5 * RILL_SECOND); /* idle again, half closed */
    assert_int_equal(actives(&peer), 0);
    rill_tcp_shutdown(peer.stack, peer.handle);
    EXPECT(&peer, WIRE_ACK | WIRE_FIN, 300, 201, 0);
    peer_send(&peer, WIRE_ACK, 201, 301, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
    peer_close(&peer);

    idle(&peer, PEER_MSS);
    rill_tcp_shutdown(peer.stack, peer.handle);
    EXPECT(&peer, WIRE_ACK | WIRE_FIN, 300, 200, 0);
    peer_send(&peer, WIRE_ACK, 200, 301, 0);
    peer_wait(&peer, 5 * RILL_SECOND); /* idle in FIN-WAIT-2 */
    assert_int_equal(actives(&peer), 0);
    peer_send(&peer, WIRE_ACK, 200, 301, 10);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 210, 301, 10);
    EXPECT(&peer, WIRE_ACK, 301, 221, 0);
    assert_int_equal(peer_read(&peer, 100), 20);
    assert_int_equal(peer_state(&peer), RILL_TCP_TIME_WAIT);
    peer_close(&peer);
}

static void idle_rst_and_challenges_work(void **state) {
    (void)state;
    struct peer peer;
    idle(&peer, PEER_MSS);
    peer_send(&peer, WIRE_RST, 201, 0, 0);
    EXPECT(&peer, WIRE_ACK, 300, 200, 0);
    peer_send(&peer, WIRE_RST, 200, 0, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
    assert_int_equal(actives(&peer), 0);
    peer_close(&peer);
}

static void idle_congestion_window_and_rtt_are_remembered(void **state) {
    (void)state;
    struct peer peer;
    idle(&peer, PEER_MSS);
    struct rill_tcp_info before = peer_info(&peer);
    assert_int_equal(before.cwnd, 14600);
    peer_write(&peer, 100000);
    assert_int_equal(peer_drain(&peer), 10);
    assert_int_equal(peer_info(&peer).rto, before.rto);
    peer_close(&peer);
}

static void idle_not_while_data_is_unread_or_missing(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 10);
    peer_drain(&peer);
    peer_wait(&peer, 10 * RILL_SECOND);
    assert_int_equal(actives(&peer), 1);
    peer_read(&peer, 10);
    peer_send(&peer, WIRE_ACK, 20, 0, 10);
    peer_drain(&peer);
    peer_wait(&peer, 10 * RILL_SECOND);
    assert_int_equal(actives(&peer), 1);
    peer_send(&peer, WIRE_ACK, 10, 0, 10);
    assert_int_equal(peer_read(&peer, 100), 20);
    peer_drain(&peer);
    peer_wait(&peer, 10 * RILL_SECOND);
    assert_int_equal(actives(&peer), 0);
    peer_close(&peer);
}

static void idle_not_yet_accepted_costs_no_wakeups(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_half_open(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    peer_wait(&peer, 3 * RILL_SECOND);
    assert_int_equal(rill_deadline(peer.stack), RILL_TIME_NEVER);
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), 0);
    peer_wait(&peer, 3 * RILL_SECOND);
    assert_int_equal(actives(&peer), 0);
    peer_close(&peer);
}

static const struct tcp_host *tcp_of(struct test_world *test, int host) {
    return test->world.stacks[host]->tcp;
}

/* Of a thousand that fall quiet within a second 64 active parts stay, those of the latest; a
 * request on any of them, long quiet or not, is answered. */
static void idle_only_64_quiet_active_parts_stay(void **state) {
    (void)state;
    enum { CONNECTIONS = 1000 };
    static rill_handle a[CONNECTIONS], b[CONNECTIONS];
    struct test_world test;
    uint8_t message[64] = {0};
    test_world_init(&test, 1);
    assert_int_equal(test_world_open(&test), 0);
    rill_handle listener = test_listen(&test, 1, 80);
    for (int i = 0; i < CONNECTIONS; i++)
        assert_int_equal(test_open_pair(&test, listener, 80, &a[i], &b[i]), 0);
    test_run(&test, 10 * RILL_SECOND);
    for (int host = 0; host < 2; host++)
        assert_int_equal(tcp_of(&test, host)->actives.used, 0);
    for (int round = 0; round < 3 * CONNECTIONS; round++) {
        int i = round * 7 % CONNECTIONS;
        assert_int_equal(rill_tcp_send(test.world.stacks[0], a[i], message, 64), 64);
        test_run(&test, 10 * RILL_MICROSECOND);
        assert_int_equal(rill_tcp_receive(test.world.stacks[1], b[i], message, 64), 64);
        assert_int_equal(rill_tcp_send(test.world.stacks[1], b[i], message, 64), 64);
        test_run(&test, 10 * RILL_MICROSECOND);
        assert_int_equal(rill_tcp_receive(test.world.stacks[0], a[i], message, 64), 64);
        for (int host = 0; host < 2; host++) {
            assert_true(tcp_of(&test, host)->actives.used <= 64 + 1);
            assert_true(round < 400 || tcp_of(&test, host)->actives.used >= 64);
            assert_non_null(
                ((struct connection *)slab_at(&tcp_of(&test, host)->connections, (uint32_t)i))
                    ->active);
        }
    }
    test_run(&test, 10 * RILL_SECOND);
    for (int host = 0; host < 2; host++) {
        assert_int_equal(tcp_of(&test, host)->actives.used, 0);
        assert_int_equal(rill_deadline(test.world.stacks[host]), RILL_TIME_NEVER);
    }
    test_world_close(&test);
}

/* The answer to a lone request was acknowledged by a timer, 40 ms later. */
static void idle_a_lone_answer_is_acknowledged_at_once(void **state) {
    (void)state;
    struct peer peer;
    idle(&peer, PEER_MSS);
    peer_write(&peer, 100);
    EXPECT(&peer, WIRE_ACK, 300, 200, 100);
    peer_send(&peer, WIRE_ACK, 200, 400, 100);
    EXPECT(&peer, WIRE_ACK, 400, 300, 0);
    assert_int_equal(peer_read(&peer, 500), 100);
    peer_close(&peer);
}

int idle_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_data_flows_both_ways_again),
        cmocka_unit_test(idle_keepalive_of_either_side_is_answered),
        cmocka_unit_test(idle_fin_of_either_side_closes),
        cmocka_unit_test(idle_rst_and_challenges_work),
        cmocka_unit_test(idle_congestion_window_and_rtt_are_remembered),
        cmocka_unit_test(idle_not_while_data_is_unread_or_missing),
        cmocka_unit_test(idle_not_yet_accepted_costs_no_wakeups),
        cmocka_unit_test(idle_only_64_quiet_active_parts_stay),
        cmocka_unit_test(idle_a_lone_answer_is_acknowledged_at_once),
    };
    return cmocka_run_group_tests_name("idle", tests, 0, 0);
}
