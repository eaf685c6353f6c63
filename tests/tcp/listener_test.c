/* tests/tcp/listener_test.c: listeners: who gets a SYN, the backlog, closing, refusal, and
 * interfaces that accept any address (RFC 9293 §3.10.7.1, §3.10.7.2). */
#include "tcp/segment.h"

static rill_handle listen_on(struct peer *peer, struct rill_address address, uint16_t port,
                             int want) {
    struct rill_tcp_listen_config config;
    rill_tcp_listen_config_default(&config);
    config.local.address = address;
    config.local.port = port;
    rill_handle handle = 0;
    assert_int_equal(rill_tcp_listen(peer->stack, &config, &handle), want);
    return handle;
}

static struct rill_stack_info stack_info(struct peer *peer) {
    struct rill_stack_info info;
    rill_stack_get_info(peer->stack, &info);
    return info;
}

static void closed_syn_is_refused_with_its_number_acknowledged(void **state) {
    (void)state;
    struct peer peer;
    struct seen rst;
    peer_init(&peer);
    peer_open(&peer);
    struct wire_tcp syn = {.source_port = 9,
                           .destination_port = 99,
                           .sequence = 0xffffffff,
                           .acknowledgement = 77, /* means nothing without the bit */
                           .flags = WIRE_SYN};
    peer_send_raw(&peer, &syn, 10);
    assert_true(peer_take(&peer, &rst));
    assert_int_equal(rst.header.flags, WIRE_RST | WIRE_ACK);
    assert_int_equal(rst.header.sequence, 0);
    assert_int_equal(rst.header.acknowledgement, 10); /* SYN and 10 bytes, wrapped */
    assert_int_equal(rst.header.window, 0);
    assert_int_equal(rst.header.source_port, 99);
    assert_int_equal(rst.header.destination_port, 9);
    assert_int_equal(rst.cause, RILL_CAUSE_RST_NO_SOCKET);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_NO_SOCKET), 1);
    peer_close(&peer);
}

static void closed_ack_is_reset_at_its_acknowledgement(void **state) {
    (void)state;
    struct peer peer;
    struct seen rst;
    peer_init(&peer);
    peer_open(&peer);
    struct wire_tcp ack = {.source_port = 9,
                           .destination_port = 99,
                           .sequence = 5,
                           .acknowledgement = 1234567,
                           .flags = WIRE_ACK | WIRE_FIN};
    peer_send_raw(&peer, &ack, 0);
    assert_true(peer_take(&peer, &rst));
    assert_int_equal(rst.header.flags, WIRE_RST);
    assert_int_equal(rst.header.sequence, 1234567);
    assert_int_equal(rst.header.acknowledgement, 0);
    peer_close(&peer);
}

static void closed_fin_without_ack_is_acknowledged_by_the_rst(void **state) {
    (void)state;
    struct peer peer;
    struct seen rst;
    peer_init(&peer);
    peer_open(&peer);
    struct wire_tcp fin = {
        .source_port = 9, .destination_port = 99, .sequence = 100, .flags = WIRE_FIN};
    peer_send_raw(&peer, &fin, 3);
    assert_true(peer_take(&peer, &rst));
    assert_int_equal(rst.header.flags, WIRE_RST | WIRE_ACK);
    assert_int_equal(rst.header.acknowledgement, 104);
    peer_close(&peer);
}

static void closed_rst_is_never_answered(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_listen(&peer);
    const uint8_t flags[] = {WIRE_RST, WIRE_RST | WIRE_ACK, WIRE_RST | WIRE_SYN,
                             WIRE_RST | WIRE_FIN | WIRE_ACK};
    for (size_t i = 0; i < sizeof flags; i++) {
        for (uint16_t port = 80; port < 82; port++) { /* a listener's, and nobody's */
            struct wire_tcp rst = {.source_port = 9, .destination_port = port, .flags = flags[i]};
            peer_send_raw(&peer, &rst, 4);
            EXPECT_NONE(&peer);
        }
    }
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_RST_NO_SOCKET), 8);
    peer_close(&peer);
}

static void listen_ack_is_reset(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_listen(&peer);
    peer_send(&peer, WIRE_ACK, 0, 50, 0);
    EXPECT(&peer, WIRE_RST, 50, 0, 0);
    peer_send(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 60, 0);
    EXPECT(&peer, WIRE_RST, 60, 0, 0);
    assert_int_equal(stack_info(&peer).half_open, 0);
    peer_close(&peer);
}

/* RFC 9293 §3.10.7.2, fourth: what is neither RST, ACK nor SYN is dropped without a word; so is a
 * SYN that would close what it opens. */
static void listen_segment_that_opens_nothing_is_dropped(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_listen(&peer);
    peer_send(&peer, WIRE_FIN, 0, 0, 3);
    peer_send(&peer, 0, 0, 0, 3);
    peer_send(&peer, WIRE_SYN | WIRE_FIN, (uint32_t)-1, 0, 0);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_NOTHING_IN_LISTEN), 3);
    assert_int_equal(stack_info(&peer).half_open, 0);
    peer_close(&peer);
}

static void listen_with_an_mss_announces_it(void **state) {
    (void)state;
    struct peer peer;
    struct seen answer;
    peer_init(&peer);
    peer_listen(&peer);
    assert_int_equal(rill_tcp_set_option(peer.stack, peer.listener, RILL_TCP_OPTION_MSS, 1100), 0);
    assert_int_equal(rill_tcp_set_option(peer.stack, peer.listener, RILL_TCP_OPTION_NODELAY, 1),
                     RILL_ERROR_HANDLE);
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    assert_true(peer_take(&peer, &answer));
    assert_int_equal(answer.header.mss, 1100);
    peer_close(&peer);
}

static void listen_own_address_goes_before_any_address(void **state) {
    (void)state;
    struct peer peer;
    struct rill_address any = {{0}}, elsewhere = rill_address_ipv4(10, 9, 9, 9);
    peer_init(&peer);
    peer_open(&peer);
    struct rill_address second = rill_address_ipv4(10, 0, 0, 9);
    assert_int_equal(rill_address_add(peer.stack, 0, &second, 24), 0);
    rill_handle wide = listen_on(&peer, any, 80, 0);
    rill_handle own = listen_on(&peer, peer.local, 80, 0);
    listen_on(&peer, any, 80, RILL_ERROR_ADDRESS_IN_USE);
    listen_on(&peer, peer.local, 80, RILL_ERROR_ADDRESS_IN_USE);
    listen_on(&peer, elsewhere, 80, RILL_ERROR_ADDRESS_NOT_AVAILABLE);
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(rill_tcp_accept(peer.stack, wide, &peer.handle), RILL_ERROR_AGAIN);
    assert_int_equal(rill_tcp_accept(peer.stack, own, &peer.handle), 0);
    peer.local = second;
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(rill_tcp_accept(peer.stack, wide, &peer.handle), 0);
    peer_close(&peer);
}

static void listen_port_0_gets_a_free_random_port(void **state) {
    (void)state;
    struct peer peer;
    struct rill_address any = {{0}};
    peer_init(&peer);
    peer.config.port_first = 3000;
    peer.config.port_last = 3009;
    peer_open(&peer);
    for (int i = 0; i < 10; i++)
        listen_on(&peer, any, 0, 0);
    listen_on(&peer, any, 0, RILL_ERROR_ADDRESS_NOT_AVAILABLE);
    for (uint16_t port = 3000; port < 3010; port++) /* each of them is one of the ten */
        listen_on(&peer, any, port, RILL_ERROR_ADDRESS_IN_USE);
    peer_close(&peer);
}

static void listen_bad_config_is_an_argument_error(void **state) {
    (void)state;
    struct peer peer;
    struct rill_tcp_listen_config config;
    rill_handle handle;
    peer_init(&peer);
    peer_open(&peer);
    rill_tcp_listen_config_default(&config);
    config.backlog = 0;
    assert_int_equal(rill_tcp_listen(peer.stack, &config, &handle), RILL_ERROR_ARGUMENT);
    config.backlog = 1;
    config.size--;
    assert_int_equal(rill_tcp_listen(peer.stack, &config, &handle), RILL_ERROR_ARGUMENT);
    peer_close(&peer);
}

static void listen_backlog_full_drops_the_syn_until_there_is_room(void **state) {
    (void)state;
    struct peer peer;
    struct rill_tcp_listen_config config;
    rill_handle handle;
    peer_init(&peer);
    peer.config.syn_cookies = RILL_SYN_COOKIES_OFF;
    peer_open(&peer);
    rill_tcp_listen_config_default(&config);
    config.local.port = 80;
    config.backlog = 2;
    assert_int_equal(rill_tcp_listen(peer.stack, &config, &peer.listener), 0);
    peer.remote_port = 1; /* one half-open, one waiting to be accepted: both count */
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer.remote_port = 2;
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    peer.remote_port = 3;
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_BACKLOG_FULL), 1);
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &handle), 0);
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0); /* the peer tries again */
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_close(&peer);
}

static void listen_connections_are_accepted_in_the_order_they_were_made(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_listen(&peer);
    for (uint16_t i = 1; i <= 5; i++) {
        peer.remote_port = i;
        peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
        EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
        peer_send(&peer, WIRE_ACK, 0, 0, 0);
    }
    peer.remote_port = 3; /* the one in the middle is reset before it is accepted */
    peer_send(&peer, WIRE_RST, 0, 0, 0);
    for (uint16_t i = 1; i <= 5; i++) {
        assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), 0);
        assert_int_equal(peer_info(&peer).remote.port, i);
        assert_int_equal(peer_info(&peer).error, i == 3 ? RILL_ERROR_RESET : 0);
    }
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), RILL_ERROR_AGAIN);
    assert_int_equal(stack_info(&peer).connections, 5);
    peer.handle = 0;
    peer_close(&peer);
}

/* A connection that has ended stays in the queue: its bytes were sent, and can be read. */
static void listen_reset_before_accept_leaves_the_bytes_to_be_read(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_half_open(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 10);
    peer_send(&peer, WIRE_RST, 10, 0, 0);
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
    assert_int_equal(peer_info(&peer).error, RILL_ERROR_RESET);
    assert_int_equal(peer_read(&peer, 100), 10);
    assert_int_equal(rill_tcp_close(peer.stack, peer.handle), 0);
    assert_int_equal(stack_info(&peer).connections, 0);
    peer.handle = 0;
    peer_close(&peer);
}

static void listen_close_frees_what_has_ended_in_the_queue(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_half_open(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 10);
    peer_drain(&peer);
    peer_send(&peer, WIRE_RST, 10, 0, 0);
    assert_int_equal(rill_tcp_close(peer.stack, peer.listener), 0);
    EXPECT_NONE(&peer);
    assert_int_equal(stack_info(&peer).connections, 0);
    peer_close(&peer);
}

static void listen_close_resets_what_waits_to_be_accepted(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_half_open(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(rill_tcp_close(peer.stack, peer.listener), 0);
    struct seen rst = EXPECT(&peer, WIRE_RST | WIRE_ACK, 0, 0, 0);
    assert_int_equal(rst.cause, RILL_CAUSE_RST_ABORT);
    assert_int_equal(stack_info(&peer).connections, 0);
    assert_int_equal(stack_info(&peer).listeners, 0);
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), RILL_ERROR_HANDLE);
    peer_close(&peer);
}

static void half_open_listener_closed_the_ack_is_reset(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_half_open(&peer);
    assert_int_equal(rill_tcp_close(peer.stack, peer.listener), 0);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    EXPECT(&peer, WIRE_RST, 0, 0, 0);
    assert_int_equal(stack_info(&peer).half_open, 0);
    assert_false(peer_take_within(&peer, 100 * RILL_SECOND, &seen));
    peer_close(&peer);
}

static void half_open_listener_closed_the_record_goes_with_its_timer(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_half_open(&peer);
    assert_int_equal(rill_tcp_close(peer.stack, peer.listener), 0);
    assert_false(peer_take_within(&peer, 100 * RILL_SECOND, &seen));
    assert_int_equal(stack_info(&peer).half_open, 0);
    peer_close(&peer);
}

static void listen_any_port_takes_what_no_other_listener_has(void **state) {
    (void)state;
    struct peer peer;
    struct rill_tcp_listen_config config;
    rill_handle all, other, handle;
    peer_init(&peer);
    peer_listen(&peer);
    rill_tcp_listen_config_default(&config);
    config.any_port = true;
    assert_int_equal(rill_tcp_listen(peer.stack, &config, &all), 0);
    assert_int_equal(rill_tcp_listen(peer.stack, &config, &other), RILL_ERROR_ADDRESS_IN_USE);
    for (int i = 0; i < 2; i++) {
        peer.local_port = i ? 54321 : 80;
        peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
        EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
        peer_send(&peer, WIRE_ACK, 0, 0, 0);
        assert_int_equal(rill_tcp_accept(peer.stack, i ? all : peer.listener, &handle), 0);
    }
    peer.handle = handle;
    assert_int_equal(peer_info(&peer).local.port, 54321);
    assert_int_equal(rill_tcp_close(peer.stack, all), 0);
    peer.handle = 0;
    peer.local_port = 54322;
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT(&peer, WIRE_RST | WIRE_ACK, (uint32_t)-1 - peer.own_iss, 0, 0);
    peer_close(&peer);
}

static void listen_accept_any_interface_takes_every_address(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_listen(&peer);
    struct rill_address own = peer.local;
    peer.local = rill_address_ipv4(93, 184, 216, 34);
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_drops(&peer, RILL_DROP_IP_NOT_OURS), 1);
    peer.local = own;
    peer_close(&peer);

    peer_init(&peer);
    peer.interface.flags = RILL_INTERFACE_ACCEPT_ANY;
    peer_listen(&peer);
    peer.local = rill_address_ipv4(93, 184, 216, 34);
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    struct seen answer = EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    assert_true(rill_address_equal(&answer.source, &peer.local));
    peer_send(&peer, WIRE_ACK, 0, 0, 20);
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), 0);
    struct rill_tcp_info info = peer_info(&peer);
    assert_true(rill_address_equal(&info.local.address, &peer.local));
    assert_int_equal(peer_read(&peer, 100), 20);
    peer.local = rill_address_ipv4(224, 0, 0, 1); /* but no group */
    peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TO_GROUP), 1);
    peer_close(&peer);
}

int listener_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_syn_is_refused_with_its_number_acknowledged),
        cmocka_unit_test(closed_ack_is_reset_at_its_acknowledgement),
        cmocka_unit_test(closed_fin_without_ack_is_acknowledged_by_the_rst),
        cmocka_unit_test(closed_rst_is_never_answered),
        cmocka_unit_test(listen_ack_is_reset),
        cmocka_unit_test(listen_segment_that_opens_nothing_is_dropped),
        cmocka_unit_test(listen_with_an_mss_announces_it),
        cmocka_unit_test(listen_own_address_goes_before_any_address),
        cmocka_unit_test(listen_port_0_gets_a_free_random_port),
        cmocka_unit_test(listen_bad_config_is_an_argument_error),
        cmocka_unit_test(listen_backlog_full_drops_the_syn_until_there_is_room),
        cmocka_unit_test(listen_connections_are_accepted_in_the_order_they_were_made),
        cmocka_unit_test(listen_reset_before_accept_leaves_the_bytes_to_be_read),
        cmocka_unit_test(listen_close_frees_what_has_ended_in_the_queue),
        cmocka_unit_test(listen_close_resets_what_waits_to_be_accepted),
        cmocka_unit_test(half_open_listener_closed_the_ack_is_reset),
        cmocka_unit_test(half_open_listener_closed_the_record_goes_with_its_timer),
        cmocka_unit_test(listen_any_port_takes_what_no_other_listener_has),
        cmocka_unit_test(listen_accept_any_interface_takes_every_address),
    };
    return cmocka_run_group_tests_name("listener", tests, 0, 0);
}
