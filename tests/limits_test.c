/* tests/limits_test.c: every limit is reached, and what happens there is what docs/architecture.md,
 * table 3, says: counted, bounded, and the rest goes on. */
#include "tcp/segment.h"

#include "base/checksum.h"
#include "ip/ip.h"
#include "stack/stack.h"
#include "tcp/host.h"
#include "wire/ipv4.h"

static struct rill_stack_info stack_info(struct peer *peer) {
    struct rill_stack_info info;
    rill_stack_get_info(peer->stack, &info);
    return info;
}

static void reply_ring_full_drops_and_counts(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_open(&peer);
    for (uint16_t i = 1; i <= 300; i++) {
        struct wire_tcp syn = {.source_port = i, .destination_port = 9, .flags = WIRE_SYN};
        peer_send_raw(&peer, &syn, 0);
    }
    assert_int_equal(peer_drops(&peer, RILL_DROP_REPLY_RING_FULL), 300 - 256);
    struct seen seen;
    for (uint16_t i = 1; i <= 256; i++) { /* the oldest are kept, in order */
        assert_true(peer_take(&peer, &seen));
        assert_int_equal(seen.header.destination_port, i);
    }
    EXPECT_NONE(&peer);
    struct wire_tcp syn = {.source_port = 1, .destination_port = 9, .flags = WIRE_SYN};
    peer_send_raw(&peer, &syn, 0);
    assert_int_equal(peer_drain(&peer), 1);
    peer_close(&peer);
}

static void send_echo(struct peer *peer, uint16_t number) {
    uint8_t frame[60] = {0};
    struct wire_ipv4 ip = {.total_length = 60, .ttl = 64, .protocol = WIRE_PROTOCOL_ICMP};
    memcpy(ip.source, peer->remote.bytes + 12, 4);
    memcpy(ip.destination, peer->local.bytes + 12, 4);
    rill__ipv4_emit(&ip, frame);
    frame[20] = 8;
    frame[26] = (uint8_t)(number >> 8);
    frame[27] = (uint8_t)number;
    rill__checksum_store(frame + 22,
                         (uint16_t)~rill__checksum_fold(rill__checksum_add(0, frame + 20, 40)));
    peer_send_bytes(peer, frame, sizeof frame);
}

static size_t drain_any(struct peer *peer) {
    struct rill_packet *packet;
    size_t count = 0;
    for (; rill_output(peer->stack, 0, &packet, 1, 1, peer->now); count++)
        rill_packet_drop(packet);
    return count;
}

static void echo_replies_leave_room_for_the_rest_of_the_ring(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_open(&peer);
    for (uint16_t i = 0; i < 100; i++)
        send_echo(&peer, i);
    assert_int_equal(peer_drops(&peer, RILL_DROP_REPLY_RING_FULL), 100 - IP_ECHO_REPLIES_MAX);
    for (uint16_t i = 1; i <= 256 - IP_ECHO_REPLIES_MAX; i++) {
        struct wire_tcp syn = {.source_port = i, .destination_port = 9, .flags = WIRE_SYN};
        peer_send_raw(&peer, &syn, 0);
    }
    assert_int_equal(peer_drops(&peer, RILL_DROP_REPLY_RING_FULL), 100 - IP_ECHO_REPLIES_MAX);
    assert_int_equal(drain_any(&peer), 256);
    send_echo(&peer, 7); /* and there is room again */
    assert_int_equal(drain_any(&peer), 1);
    peer_close(&peer);
}

static void debts_of_one_number_are_counted_to_255(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    for (uint32_t i = 0; i < 300; i++) /* out of order, each of them new */
        peer_send(&peer, WIRE_ACK, 1000 + i * 10, 0, 10);
    assert_int_equal(peer_drain(&peer), 255);
    peer_close(&peer);
}

static void debts_of_many_numbers_are_four_and_the_last_absorbs(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_established(&peer);
    for (uint32_t i = 0; i < 8; i++) { /* in order, then a duplicate of it: eight numbers */
        peer_send(&peer, WIRE_ACK, i * 10, 0, 10);
        peer_send(&peer, WIRE_ACK, i * 10, 0, 10);
    }
    const uint32_t want[] = {10, 20, 30, 40, 40, 40, 40, 40, 80};
    for (int i = 0; i < 9; i++) {
        assert_true(peer_take(&peer, &seen));
        assert_int_equal(seen.acknowledgement, want[i]);
    }
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

static void holes_are_2048_at_most(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.options |= PEER_SCALE; /* so that our window is large too */
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    for (uint32_t i = 1; i <= RECEIVE_RANGES_MAX + 10; i++) {
        peer_send(&peer, WIRE_ACK, i * 121, 0, 120);
        peer_drain(&peer);
    }
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_RANGES), 10);
    peer_send(&peer, WIRE_ACK, 120, 0, 1); /* joins the first range: no further one */
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_RANGES), 10);
    for (uint32_t i = 0; i <= RECEIVE_RANGES_MAX + 10; i++) {
        peer_send(&peer, WIRE_ACK, i * 121, 0, 121);
        peer_drain(&peer);
    }
    assert_int_equal(peer_read(&peer, SIZE_MAX), (RECEIVE_RANGES_MAX + 11) * 121);
    peer_close(&peer);
}

static void tiny_pieces_hold_four_times_their_worth_at_most(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    for (uint32_t i = 1; i < 500; i++) {
        peer_send(&peer, WIRE_ACK, i * 100, 0, 1);
        peer_drain(&peer);
        assert_true(stack_info(&peer).memory_held <= 4 * i + 65536 + 512);
    }
    assert_true(peer_drops(&peer, RILL_DROP_TCP_PRESSURE) > 300);
    peer_close(&peer);
}

static void budget_spent_drops_in_window_data_and_the_edge_stays(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.memory_limit = 100000;
    peer_established(&peer);
    uint32_t at = 0, edge = 0;
    while (!peer_drops(&peer, RILL_DROP_TCP_PRESSURE)) {
        peer_send(&peer, WIRE_ACK, at, 0, 1460);
        at = peer_info(&peer).receive_queued;
        struct seen seen;
        while (peer_take(&peer, &seen)) {
            uint32_t right = seen.acknowledgement + seen.header.window;
            assert_true((int32_t)(right - edge) >= 0); /* the promise is not taken back */
            edge = right;
        }
        assert_true(stack_info(&peer).memory_held <= 100000);
    }
    assert_true(at >= 50000 && at < 100000);
    assert_true(peer_info(&peer).receive_window > 0);
    assert_int_equal(peer_read(&peer, SIZE_MAX), at);
    peer_send(&peer, WIRE_ACK, at, 0, 1460); /* sent again, it is taken */
    assert_int_equal(peer_read(&peer, SIZE_MAX), 1460);
    peer_close(&peer);
}

/* The budget was asked for the bytes of a piece, and charged with the block they were copied to. */
static void budget_spent_by_early_pieces_counts_their_blocks(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.memory_limit = 10000;
    peer_established(&peer);
    for (uint32_t i = 1; i < 40; i++) {
        peer_send(&peer, WIRE_ACK, 200 * i, 0, 100);
        peer_drain(&peer);
        assert_in_range(stack_info(&peer).memory_held, 1, 10000);
    }
    assert_true(peer_drops(&peer, RILL_DROP_TCP_PRESSURE) > 0);
    peer_close(&peer);
}

static void budget_spent_the_segment_that_fills_the_hole_evicts_the_rest(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.memory_limit = 60000;
    peer_established(&peer);
    enum { EARLY = 20 * 1460 };
    uint32_t at = EARLY, next = 0;
    while (!peer_drops(&peer, RILL_DROP_TCP_PRESSURE)) {
        peer_send(&peer, WIRE_ACK, at, 0, 1460);
        at += 1460;
        peer_drain(&peer);
        assert_true(stack_info(&peer).memory_held <= 45000); /* a quarter is for what is in order */
    }
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_EVICTED), 0);
    for (; next < EARLY && !peer_drops(&peer, RILL_DROP_TCP_EVICTED); next += 1460) {
        peer_send(&peer, WIRE_ACK, next, 0, 1460);
        peer_drain(&peer);
        assert_int_equal(peer_info(&peer).receive_queued, next + 1460); /* it was taken */
        assert_true(stack_info(&peer).memory_held <= 60000);
    }
    assert_true(peer_drops(&peer, RILL_DROP_TCP_EVICTED) > 0);
    peer_drain(&peer);
    for (; next < at; next = (uint32_t)peer.read) { /* and all comes in the end */
        peer_read(&peer, SIZE_MAX);
        next = (uint32_t)peer.read;
        peer_send(&peer, WIRE_ACK, next, 0, 1460);
        peer_drain(&peer);
    }
    peer_close(&peer);
}

static void budget_spent_by_senders_leaves_half_for_receiving(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.memory_limit = 200000;
    peer_established(&peer);
    size_t taken = peer_write(&peer, 500000);
    assert_true(taken > 50000 && taken <= 100000);
    assert_true(stack_info(&peer).memory_held <= 100000);
    peer_send(&peer, WIRE_ACK, 0, 0, 1460);
    assert_int_equal(peer_read(&peer, 5000), 1460);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_PRESSURE), 0);
    peer_close(&peer);
}

/* Takes every packet and block the pool will give; they are chained. */
static struct rill_packet *exhaust(struct rill_pool *pool) {
    struct rill_packet *all = 0, *packet;
    while ((packet = rill_packet_open(pool))) {
        packet->next = all;
        all = packet;
    }
    return all;
}

static void release_all(struct rill_packet *packets) {
    while (packets) {
        struct rill_packet *next = packets->next;
        rill_packet_drop(packets);
        packets = next;
    }
}

static void pool_exhausted_acks_still_go_out_from_the_reserve(void **state) {
    (void)state;
    for (int data_waits = 0; data_waits < 2; data_waits++) {
        struct peer peer;
        peer_init(&peer);
        peer.pool_config.bytes_max = 400000;
        peer_established(&peer);
        peer_send(&peer, WIRE_ACK, 0, 0, 1000); /* an ACK is owed … */
        if (data_waits)
            peer_write(&peer, 5000); /* … and data would carry it, could it be sent */
        struct rill_packet *all = exhaust(peer.pool);
        EXPECT(&peer, WIRE_ACK, 0, 1000, 0);
        EXPECT_NONE(&peer);
        release_all(all);
        struct seen seen;
        if (data_waits) { /* it tries again by itself */
            assert_true(peer_take_within(&peer, 20 * RILL_MILLISECOND, &seen));
            assert_int_equal(seen.length, 1460);
        }
        peer_drain(&peer);
        peer_close(&peer);
    }
}

static void time_wait_max_the_oldest_goes_first(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.time_wait_max = 3;
    peer_listen(&peer);
    for (uint16_t i = 1; i <= 5; i++) {
        peer.remote_port = i;
        peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
        EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
        peer_send(&peer, WIRE_ACK, 0, 0, 0);
        assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), 0);
        assert_int_equal(rill_tcp_close(peer.stack, peer.handle), 0);
        peer.handle = 0;
        EXPECT(&peer, WIRE_ACK | WIRE_FIN, 0, 0, 0);
        peer_send(&peer, WIRE_ACK | WIRE_FIN, 0, 1, 0);
        EXPECT(&peer, WIRE_ACK, 1, 1, 0);
        assert_int_equal(stack_info(&peer).time_wait, i < 3 ? i : 3);
    }
    for (uint16_t i = 1; i <= 5; i++) {
        struct seen seen;
        peer.remote_port = i;
        peer_send(&peer, WIRE_ACK | WIRE_FIN, 0, 1, 0);
        assert_true(peer_take(&peer, &seen));
        assert_int_equal(seen.header.flags & WIRE_RST, i <= 2 ? WIRE_RST : 0);
    }
    peer_close(&peer);
}

static void connections_max_refuses_the_next(void **state) {
    (void)state;
    struct peer peer;
    rill_handle handle;
    struct rill_tcp_connect_config config;
    peer_init(&peer);
    peer.config.connections_max = 2;
    peer_accepted(&peer); /* one */
    rill_tcp_connect_config_default(&config);
    config.remote.address = peer.remote;
    config.remote.port = 9;
    assert_int_equal(rill_tcp_connect(peer.stack, &config, &handle), 0); /* two */
    rill_handle third;
    assert_int_equal(rill_tcp_connect(peer.stack, &config, &third), RILL_ERROR_LIMIT);
    peer_drain(&peer);
    peer.remote_port++;
    rill_handle first = peer.handle;
    peer.handle = 0;
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_send(&peer, WIRE_ACK, 0, 0, 0); /* stays half-open */
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_BACKLOG_FULL), 1);
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &third), RILL_ERROR_AGAIN);
    assert_int_equal(rill_tcp_abort(peer.stack, first), 0);
    assert_int_equal(peer_drain(&peer), 1);
    peer_send(&peer, WIRE_ACK, 0, 0, 0); /* and becomes a connection once there is room */
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &third), 0);
    peer_close(&peer);
}

static void interfaces_are_32_and_addresses_4096(void **state) {
    (void)state;
    struct peer peer;
    uint32_t number;
    peer_init(&peer);
    peer_open(&peer);
    for (uint32_t i = 1; i < IP_INTERFACES_MAX; i++) {
        assert_int_equal(rill_interface_add(peer.stack, &peer.interface, &number), 0);
        assert_int_equal(number, i);
    }
    assert_int_equal(rill_interface_add(peer.stack, &peer.interface, &number), RILL_ERROR_LIMIT);
    int error = 0;
    uint32_t count = 1;
    for (; !error; count++) {
        struct rill_address address =
            rill_address_ipv4(10, 1, (uint8_t)(count >> 8), (uint8_t)count);
        error = rill_address_add(peer.stack, 0, &address, 16);
    }
    assert_int_equal(error, RILL_ERROR_LIMIT);
    assert_int_equal(count - 1, 4096);
    peer_close(&peer);
}

static void listeners_are_65536(void **state) {
    (void)state;
    struct peer peer;
    rill_handle listener = 0, another;
    peer_init(&peer);
    peer_open(&peer);
    struct rill_address second = rill_address_ipv4(10, 0, 0, 77);
    assert_int_equal(rill_address_add(peer.stack, 0, &second, 24), 0);
    struct rill_tcp_listen_config config;
    rill_tcp_listen_config_default(&config);
    for (uint32_t port = 1; port <= 65536; port++) {
        config.local.address = port < 65536 ? peer.local : second;
        config.local.port = (uint16_t)(port < 65536 ? port : 1);
        assert_int_equal(rill_tcp_listen(peer.stack, &config, &listener), 0);
    }
    config.local.port = 2;
    assert_int_equal(rill_tcp_listen(peer.stack, &config, &another), RILL_ERROR_LIMIT);
    peer.local_port = 40000; /* and each of them listens */
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    assert_int_equal(rill_tcp_close(peer.stack, listener), 0);
    assert_int_equal(rill_tcp_listen(peer.stack, &config, &another), 0);
    peer_close(&peer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reply_ring_full_drops_and_counts),
        cmocka_unit_test(echo_replies_leave_room_for_the_rest_of_the_ring),
        cmocka_unit_test(debts_of_one_number_are_counted_to_255),
        cmocka_unit_test(debts_of_many_numbers_are_four_and_the_last_absorbs),
        cmocka_unit_test(holes_are_2048_at_most),
        cmocka_unit_test(tiny_pieces_hold_four_times_their_worth_at_most),
        cmocka_unit_test(budget_spent_drops_in_window_data_and_the_edge_stays),
        cmocka_unit_test(budget_spent_by_early_pieces_counts_their_blocks),
        cmocka_unit_test(budget_spent_the_segment_that_fills_the_hole_evicts_the_rest),
        cmocka_unit_test(budget_spent_by_senders_leaves_half_for_receiving),
        cmocka_unit_test(pool_exhausted_acks_still_go_out_from_the_reserve),
        cmocka_unit_test(time_wait_max_the_oldest_goes_first),
        cmocka_unit_test(connections_max_refuses_the_next),
        cmocka_unit_test(interfaces_are_32_and_addresses_4096),
        cmocka_unit_test(listeners_are_65536),
    };
    return cmocka_run_group_tests_name("limits", tests, 0, 0);
}
