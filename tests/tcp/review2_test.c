/* tests/tcp/review2_test.c: the host's side of the review: memory and limits, slices, IPv6, a host
 * without TCP, and arguments that cannot be meant. */
#include "tcp/review.h"

#include "wire/ipv6.h"

/* --- memory --- */

/* Each early byte lay in a block of its own, 512 times its size: 40 KB of them were the budget of
 * 16 MiB, and no other connection could receive or send. */
static void one_connections_early_bytes_do_not_take_the_hosts_budget(void **state) {
    (void)state;
    struct peer first, second;
    peer_init(&first);
    first.config.memory_limit = 4u << 20;
    peer_accepted(&first);
    accept_second(&second, &first);
    peer_send(&second, WIRE_ACK, 1000, 0, 1000);
    EXPECT(&second, WIRE_ACK, 0, 0, 0);
    for (uint32_t i = 0; i < 10000; i++) {
        peer_send(&first, WIRE_ACK, 1 + i, 0, 1);
        if (i % 64 == 0)
            peer_drain(&first);
    }
    peer_drain(&first);
    assert_true(stack_info(&first).memory_held < first.config.memory_limit / 8);
    peer_send(&second, WIRE_ACK, 0, 0, 1000);
    EXPECT(&second, WIRE_ACK, 0, 2000, 0);
    assert_int_equal(peer_read(&second, SIZE_MAX), 2000);
    assert_int_equal(peer_write(&second, 100), 100);
    EXPECT(&second, WIRE_ACK, 0, 2000, 100);
    peer_send(&first, WIRE_ACK, 0, 0, 1); /* and the hole of the first can be filled, too */
    peer_drain(&first);
    assert_true(peer_read(&first, SIZE_MAX) > 1);
    peer_close(&first);
}

/* AGAIN says that WRITABLE follows. It followed only the acknowledgement of one's own data, and a
 * writer whom others have left no memory has none. */
static void again_for_want_of_memory_is_followed_by_writable(void **state) {
    (void)state;
    struct peer first, second;
    static uint8_t data[100];
    peer_init(&first);
    first.config.memory_limit = 1u << 20;
    first.window = 0;
    peer_accepted(&first);
    assert_in_range(peer_write(&first, 2000000), 500000, 1u << 19);
    first.window = 65535;
    accept_second(&second, &first);
    peer_events(&second, second.handle);
    struct rill_slice slice = {data, sizeof data, rill_block_wrap(first.pool, data, 100, 0, 0)};
    assert_int_equal(peer_write(&second, 100), 0);
    assert_int_equal(rill_tcp_send_slices(second.stack, second.handle, &slice, 1),
                     RILL_ERROR_AGAIN);
    rill_block_drop(slice.block);
    assert_true(rill_deadline(second.stack) < RILL_TIME_NEVER);
    assert_false(writes_within(&second, 100, 10500 * RILL_MILLISECOND)); /* nothing has changed */
    first.now = second.now;
    assert_int_equal(rill_tcp_abort(first.stack, first.handle), 0);
    first.handle = 0;
    peer_drain(&first);
    assert_true(writes_within(&second, 100, 100 * RILL_MILLISECOND));
    EXPECT(&second, WIRE_ACK, 0, 0, 100);
    peer_close(&first);
}

/* The same of a slice alone, and of memory that the pool has not. */
static void again_of_a_slice_and_of_an_empty_pool_is_followed_by_writable(void **state) {
    (void)state;
    struct peer peer;
    static struct rill_block *held[1000];
    int count = 0;
    peer_init(&peer);
    peer.pool_config.bytes_max = 1u << 20;
    peer_accepted(&peer);
    peer_events(&peer, peer.handle);
    while ((held[count] = rill_block_open(peer.pool, 2048)))
        count++;
    assert_int_equal(peer_write(&peer, 100), 0);
    assert_false(writes_within(&peer, 100, 1500 * RILL_MILLISECOND));
    while (count)
        rill_block_drop(held[--count]);
    assert_true(writes_within(&peer, 100, 100 * RILL_MILLISECOND));
    EXPECT(&peer, WIRE_ACK, 0, 0, 100);
    peer_close(&peer);
}

/* A slice of which the budget could never take more was refused with AGAIN, for ever. */
static void slice_beyond_half_the_memory_limit_is_limit(void **state) {
    (void)state;
    struct peer peer;
    static uint8_t data[100]; /* nobody looks beyond them */
    peer_init(&peer);
    peer.config.memory_limit = 64u << 20;
    peer_accepted(&peer);
    struct rill_block *block = rill_block_wrap(peer.pool, data, SIZE_MAX, 0, 0);
    const uint64_t lengths[] = {(32u << 20) + 1, 64u << 20, (1u << 30) + 1, (UINT64_C(1) << 32) + 1,
                                SIZE_MAX / 2};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct rill_slice slices[2] = {{data, (size_t)lengths[i], block}, {data, 100, block}};
        assert_int_equal(rill_tcp_send_slices(peer.stack, peer.handle, slices, 2),
                         RILL_ERROR_LIMIT);
        struct rill_slice turned[2] = {slices[1], slices[0]}; /* the first of them goes */
        rill_block_hold(block);
        assert_int_equal(rill_tcp_send_slices(peer.stack, peer.handle, turned, 2), 1);
    }
    assert_int_equal(peer_info(&peer).send_queued, 500);
    rill_tcp_abort(peer.stack, peer.handle);
    peer.handle = 0;
    peer_drain(&peer);
    rill_block_drop(block);
    peer_close(&peer);
}

/* A file in one block, sent piece by piece, was charged once for each piece. */
static void wrapped_block_in_slices_is_charged_by_slice(void **state) {
    (void)state;
    struct peer peer;
    static uint8_t data[1u << 20];
    peer_init(&peer);
    peer.config.memory_limit = 4u << 20; /* half: twice the block */
    peer.config.send_buffer = sizeof data;
    peer_accepted(&peer);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = test_byte(OWN_STREAM, i);
    struct rill_block *block = rill_block_wrap(peer.pool, data, sizeof data, 0, 0);
    for (uint32_t at = 0; at < sizeof data; at += 65536) {
        struct rill_slice slice = {data + at, 65536, block};
        rill_block_hold(block);
        assert_int_equal(rill_tcp_send_slices(peer.stack, peer.handle, &slice, 1), 1);
        assert_int_equal(stack_info(&peer).memory_held, at + 65536);
    }
    rill_block_drop(block);
    struct seen seen;
    for (uint32_t at = 0; at < sizeof data;) {
        while (peer_take(&peer, &seen))
            at += seen.length;
        peer_send(&peer, WIRE_ACK, 0, at, 0);
        assert_int_equal(stack_info(&peer).memory_held, (sizeof data - at + 65535) / 65536 * 65536);
    }
    assert_int_equal(stack_info(&peer).memory_held, 0);
    peer_close(&peer);
}

/* --- slices --- */

/* Takes one packet, of whatever size, and verifies its frames; returns its bytes. 0: none. */
static uint32_t take_full_frames(struct peer *peer, uint32_t at, uint32_t total) {
    static uint8_t frame[65536];
    struct rill_packet *packet;
    uint32_t bytes = 0;
    if (!rill_output(peer->stack, 0, &packet, 1, SIZE_MAX, peer->now))
        return 0;
    for (uint32_t i = 0; i < rill_packet_frames(packet); i++) {
        struct wire_tcp header;
        size_t length = rill_packet_frame(packet, i, frame, sizeof frame);
        assert_int_equal(rill__wire_tcp_parse(frame + 20, length - 20, &header), 0);
        assert_int_equal(header.sequence, peer->own_iss + 1 + at + bytes);
        uint32_t payload = (uint32_t)length - 20 - header.header_length;
        for (uint32_t k = 0; k < payload; k++)
            assert_int_equal(frame[20 + header.header_length + k],
                             test_byte(OWN_STREAM, at + bytes + k));
        bytes += payload;
        assert_true(payload == 1460 || at + bytes == total);
    }
    rill_packet_drop(packet);
    return bytes;
}

/* A packet has 18 slices: what was left over of them beyond whole segments went as a short one, in
 * mid-stream. (Slices so tiny that 18 do not fill one segment still go as they come.) */
static void slices_of(uint32_t flags, uint32_t size) {
    struct peer peer;
    const uint32_t total = 57001;
    peer_init(&peer);
    peer.interface.flags = flags;
    peer.config.initial_window = 20;
    peer_accepted(&peer);
    for (uint32_t at = 0; at < total;) {
        uint32_t length = total - at < size ? total - at : size;
        struct rill_block *block = rill_block_open(peer.pool, length);
        struct rill_slice slice = {rill_block_data(block), length, block};
        for (uint32_t i = 0; i < length; i++)
            rill_block_data(block)[i] = test_byte(OWN_STREAM, at + i);
        assert_int_equal(rill_tcp_send_slices(peer.stack, peer.handle, &slice, 1), 1);
        at += length;
    }
    for (uint32_t at = 0, got; at < total;) {
        uint32_t before = at;
        while ((got = take_full_frames(&peer, at, total)))
            at += got;
        assert_true(at > before);
        peer_send(&peer, WIRE_ACK, 0, at, 0);
    }
    assert_int_equal(peer_info(&peer).send_queued, 0);
    peer_close(&peer);
}

static void slices_that_run_out_make_no_short_segment_mid_stream(void **state) {
    (void)state;
    const uint32_t sizes[] = {86, 100, 146, 365, 500, 999, 1000, 1459, 1460, 1461, 3000, 4097};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        slices_of(0, sizes[i]);
        slices_of(RILL_INTERFACE_GSO, sizes[i]);
        slices_of(RILL_INTERFACE_GSO | RILL_INTERFACE_CHECKSUM, sizes[i]);
    }
}

/* --- an MSS nobody has named --- */

static void inject_v6(struct peer *peer, const struct rill_address *from, struct wire_tcp *header) {
    uint8_t frame[WIRE_IPV6_HEADER + WIRE_TCP_HEADER_MAX];
    size_t length = rill__wire_tcp_emit(header, frame + WIRE_IPV6_HEADER);
    struct wire_ipv6 ip = {.payload_length = (uint16_t)length, .next_header = 6, .hop_limit = 64};
    memcpy(ip.source, from->bytes, 16);
    memcpy(ip.destination, peer->local.bytes, 16);
    rill__ipv6_emit(&ip, frame);
    struct rill_packet *packet = rill_packet_open(peer->pool);
    struct rill_block *block = rill_block_open(peer->pool, sizeof frame);
    memcpy(rill_block_data(block), frame, WIRE_IPV6_HEADER + length);
    struct rill_slice slice = {rill_block_data(block), WIRE_IPV6_HEADER + length, block};
    assert_int_equal(rill_packet_append(packet, slice), 0);
    packet->flags = RILL_PACKET_CHECKSUM_VERIFIED;
    rill_input(peer->stack, 0, &packet, 1, peer->now);
}

static struct wire_tcp take_v6(struct peer *peer) {
    uint8_t frame[1500];
    struct wire_tcp header;
    struct rill_packet *packet;
    assert_int_equal(rill_output(peer->stack, 0, &packet, 1, 1, peer->now), 1);
    size_t length = rill_packet_frame(packet, 0, frame, sizeof frame);
    rill_packet_drop(packet);
    assert_int_equal(
        rill__wire_tcp_parse(frame + WIRE_IPV6_HEADER, length - WIRE_IPV6_HEADER, &header), 0);
    return header;
}

static void open_v6(struct peer *peer, struct rill_address *remote) {
    peer_init(peer);
    assert_int_equal(rill_address_parse("fd00::1", &peer->local), 0);
    assert_int_equal(rill_address_parse("fd00::2", remote), 0);
    peer_listen(peer);
}

/* RFC 9293 §3.7.1, MUST-15: 536 is what IPv4 says. */
static void ipv6_syn_without_mss_means_1220(void **state) {
    (void)state;
    struct peer peer;
    struct rill_address remote;
    open_v6(&peer, &remote);
    struct wire_tcp syn = {.source_port = PEER_PORT,
                           .destination_port = OWN_PORT,
                           .sequence = 1000,
                           .flags = WIRE_SYN,
                           .window = 65535};
    inject_v6(&peer, &remote, &syn);
    struct wire_tcp answer = take_v6(&peer);
    assert_int_equal(answer.flags, WIRE_SYN | WIRE_ACK);
    assert_int_equal(answer.mss, 1440);
    syn.flags = WIRE_ACK;
    syn.sequence++;
    syn.acknowledgement = answer.sequence + 1;
    inject_v6(&peer, &remote, &syn);
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), 0);
    assert_int_equal(peer_info(&peer).mss, 1220);
    peer_close(&peer);
}

static void ipv6_syn_ack_without_mss_means_1220(void **state) {
    (void)state;
    struct peer peer;
    struct rill_tcp_connect_config config;
    rill_tcp_connect_config_default(&config);
    open_v6(&peer, &config.remote.address);
    config.remote.port = PEER_PORT;
    assert_int_equal(rill_tcp_connect(peer.stack, &config, &peer.handle), 0);
    struct wire_tcp syn = take_v6(&peer);
    struct wire_tcp answer = {.source_port = PEER_PORT,
                              .destination_port = syn.source_port,
                              .sequence = 1000,
                              .acknowledgement = syn.sequence + 1,
                              .flags = WIRE_SYN | WIRE_ACK,
                              .window = 65535};
    inject_v6(&peer, &config.remote.address, &answer);
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    assert_int_equal(peer_info(&peer).mss, 1220);
    peer_close(&peer);
}

static void ipv4_syn_without_mss_means_536(void **state) {
    (void)state;
    struct peer peer;
    for (int passive = 0; passive < 2; passive++) {
        peer_init(&peer);
        peer.options = 0;
        passive ? peer_accepted(&peer) : peer_established(&peer);
        assert_int_equal(peer_info(&peer).mss, 536);
        peer_close(&peer);
    }
}

/* --- TIME-WAIT --- */

/* The record was given up first, and only then was it seen that there was no room for what it made
 * way for. */
static void time_wait_survives_a_syn_for_a_full_backlog(void **state) {
    (void)state;
    struct peer peer;
    struct rill_tcp_listen_config config;
    peer_init(&peer);
    peer_time_wait(&peer);
    rill_tcp_listen_config_default(&config);
    config.local.port = OWN_PORT;
    config.backlog = 1;
    assert_int_equal(rill_tcp_listen(peer.stack, &config, &peer.listener), 0);
    struct peer other = peer;
    other.remote_port++;
    peer_send(&other, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT(&other, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_send(&peer, WIRE_SYN, 100000, 0, 0);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_BACKLOG_FULL), 1);
    EXPECT_NONE(&peer);
    assert_int_equal(stack_info(&peer).time_wait, 1);
    peer_send(&peer, WIRE_FIN | WIRE_ACK, 0, 1, 0); /* it still knows what to say */
    EXPECT(&peer, WIRE_ACK, 1, 1, 0);
    peer_send(&other, WIRE_RST, 0, 0, 0);
    peer_send(&peer, WIRE_SYN, 100000, 0, 0); /* and gives way when there is room */
    struct seen answer;
    assert_true(peer_take(&peer, &answer));
    assert_int_equal(answer.header.flags, WIRE_SYN | WIRE_ACK);
    assert_int_equal(stack_info(&peer).time_wait, 0);
    assert_int_equal(stack_info(&peer).half_open, 1);
    peer_close(&peer);
}

static void time_wait_survives_a_connect_beyond_connections_max(void **state) {
    (void)state;
    struct peer peer;
    struct rill_tcp_connect_config config;
    rill_handle handle;
    peer_init(&peer);
    peer.config.connections_max = 1;
    peer_fin_wait_2(&peer);
    peer_send(&peer, WIRE_FIN | WIRE_ACK, 0, 1, 0);
    EXPECT(&peer, WIRE_ACK, 1, 1, 0);
    rill_tcp_connect_config_default(&config);
    config.local.port = OWN_PORT;
    config.remote.address = peer.remote;
    config.remote.port = PEER_PORT;
    assert_int_equal(stack_info(&peer).time_wait, 1);
    assert_int_equal(rill_tcp_connect(peer.stack, &config, &handle), RILL_ERROR_LIMIT);
    assert_int_equal(stack_info(&peer).time_wait, 1);
    assert_int_equal(rill_tcp_close(peer.stack, peer.handle),
                     0); /* the handle was the one there is */
    peer.handle = 0;
    assert_int_equal(rill_tcp_connect(peer.stack, &config, &handle), 0);
    assert_int_equal(stack_info(&peer).time_wait, 0);
    peer_close(&peer);
}

/* --- arguments --- */

/* RILL_TIME_NEVER was added to the present, and the sum had just passed. */
static void times_of_never_are_refused(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    struct rill_allocator allocator = test_allocator(&peer.memory);
    struct rill_pool *pool = rill_pool_open(&allocator, 0);
    rill_time *const fields[] = {
        &peer.config.rto_initial,    &peer.config.rto_min,
        &peer.config.rto_max,        &peer.config.delayed_ack,
        &peer.config.time_wait,      &peer.config.fin_wait_2,
        &peer.config.keepalive_idle, &peer.config.keepalive_interval,
    };
    const rill_time bad[] = {RILL_TIME_NEVER, RILL_TIME_NEVER - 1, (RILL_TIME_NEVER / 2) + 1};
    peer.config.allocator = allocator;
    peer.config.pool = pool;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        rill_time good = *fields[i];
        for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
            *fields[i] = bad[k];
            assert_int_equal(rill_stack_open(&peer.config, &peer.stack), RILL_ERROR_ARGUMENT);
        }
        *fields[i] = good;
    }
    assert_int_equal(rill_stack_open(&peer.config, &peer.stack), 0);
    rill_stack_close(peer.stack);
    rill_pool_close(pool);
    assert_int_equal(peer.memory.live_bytes, 0);
}

/* 0 is the end of the stream, and that it is not. */
static void receive_of_length_0_is_an_argument_error(void **state) {
    (void)state;
    struct peer peer;
    uint8_t byte;
    struct rill_slice slice;
    peer_init(&peer);
    peer_established(&peer);
    for (int i = 0; i < 3; i++) { /* nothing there, bytes waiting, the end of the stream */
        assert_int_equal(rill_tcp_receive(peer.stack, peer.handle, &byte, 0), RILL_ERROR_ARGUMENT);
        assert_int_equal(rill_tcp_receive_slices(peer.stack, peer.handle, &slice, 0),
                         RILL_ERROR_ARGUMENT);
        if (i == 0)
            peer_send(&peer, WIRE_FIN | WIRE_ACK, 0, 0, 10);
        else
            assert_int_equal(peer_read(&peer, SIZE_MAX), i == 1 ? 10 : 0);
    }
    assert_int_equal(rill_tcp_receive(peer.stack, peer.handle, &byte, 1), 0);
    peer_close(&peer);
}

/* Every call went through a null pointer. */
static void host_without_tcp_says_so(void **state) {
    (void)state;
    struct peer peer;
    uint8_t byte = 0;
    struct rill_slice slice = {0};
    struct rill_tcp_info info;
    struct rill_endpoint local, remote;
    rill_handle out = 0;
    struct rill_tcp_listen_config listen;
    struct rill_tcp_connect_config connect;
    peer_init(&peer);
    memset(peer.config.transports, 0, sizeof peer.config.transports);
    peer_open(&peer);
    rill_tcp_listen_config_default(&listen);
    listen.local.port = 1;
    rill_tcp_connect_config_default(&connect);
    connect.remote.address = peer.remote;
    connect.remote.port = 1;
    assert_int_equal(rill_tcp_listen(peer.stack, &listen, &out), RILL_ERROR_STATE);
    assert_int_equal(rill_tcp_connect(peer.stack, &connect, &out), RILL_ERROR_STATE);
    for (uint64_t bits = 0; bits < 16; bits++) { /* of every kind */
        rill_handle h = (rill_handle)(bits << 60 | 1);
        assert_int_equal(rill_tcp_accept(peer.stack, h, &out), RILL_ERROR_HANDLE);
        assert_int_equal(rill_tcp_pending(peer.stack, h, &out, &local, &remote), RILL_ERROR_HANDLE);
        assert_int_equal(rill_tcp_pending_accept(peer.stack, h), RILL_ERROR_HANDLE);
        assert_int_equal(rill_tcp_pending_refuse(peer.stack, h), RILL_ERROR_HANDLE);
        assert_int_equal(rill_tcp_pending_drop(peer.stack, h), RILL_ERROR_HANDLE);
        assert_int_equal(rill_tcp_send(peer.stack, h, &byte, 1), RILL_ERROR_HANDLE);
        assert_int_equal(rill_tcp_send_slices(peer.stack, h, &slice, 1), RILL_ERROR_HANDLE);
        assert_int_equal(rill_tcp_receive(peer.stack, h, &byte, 1), RILL_ERROR_HANDLE);
        assert_int_equal(rill_tcp_receive_slices(peer.stack, h, &slice, 1), RILL_ERROR_HANDLE);
        assert_int_equal(rill_tcp_shutdown(peer.stack, h), RILL_ERROR_HANDLE);
        assert_int_equal(rill_tcp_abort(peer.stack, h), RILL_ERROR_HANDLE);
        assert_int_equal(rill_tcp_set_option(peer.stack, h, RILL_TCP_OPTION_NODELAY, 1),
                         RILL_ERROR_HANDLE);
        assert_int_equal(rill_tcp_get_info(peer.stack, h, &info), RILL_ERROR_HANDLE);
        assert_int_equal(rill_tcp_close(peer.stack, h), RILL_ERROR_HANDLE);
        assert_int_equal(rill_user_set(peer.stack, h, &peer), RILL_ERROR_HANDLE);
        assert_int_equal(rill_ready(peer.stack, h), 0);
        (void)rill_tcp_check(peer.stack, h);
    }
    peer_send(&peer, WIRE_SYN, 0, 0, 0);
    struct rill_stack_info counts = stack_info(&peer);
    assert_int_equal(counts.connections + counts.listeners + counts.half_open + counts.time_wait,
                     0);
    peer_close(&peer);
}

/* Whoever fills the buffer exactly and then asks rill_ready, instead of sending in vain, hears of
 * room too. */
static void buffer_filled_exactly_is_followed_by_writable(void **state) {
    (void)state;
    struct test_world test;
    test_world_init(&test, 30);
    test_world_delay(&test, RILL_MILLISECOND);
    test.config[0].send_buffer = 8192;
    assert_int_equal(test_world_open(&test), 0);
    rill_handle listener = test_listen(&test, 1, 80), a, b;
    assert_int_equal(test_open_pair(&test, listener, 80, &a, &b), 0);
    struct rill_stack *stack = test.world.stacks[0];
    struct rill_event event;
    static uint8_t bytes[8192];
    while (rill_events(stack, &event, 1))
        ;
    assert_int_equal(rill_tcp_send(stack, a, bytes, sizeof bytes), sizeof bytes);
    assert_false(rill_ready(stack, a) & RILL_EVENT_WRITABLE);
    test_run(&test, RILL_SECOND);
    assert_true(rill_ready(stack, a) & RILL_EVENT_WRITABLE);
    assert_int_equal(rill_events(stack, &event, 1), 1);
    assert_true(event.handle == a && event.bits & RILL_EVENT_WRITABLE);
    test_world_close(&test);
    assert_int_equal(test.memory.live_bytes, 0);
}

int review2_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_connections_early_bytes_do_not_take_the_hosts_budget),
        cmocka_unit_test(again_for_want_of_memory_is_followed_by_writable),
        cmocka_unit_test(again_of_a_slice_and_of_an_empty_pool_is_followed_by_writable),
        cmocka_unit_test(buffer_filled_exactly_is_followed_by_writable),
        cmocka_unit_test(slice_beyond_half_the_memory_limit_is_limit),
        cmocka_unit_test(wrapped_block_in_slices_is_charged_by_slice),
        cmocka_unit_test(slices_that_run_out_make_no_short_segment_mid_stream),
        cmocka_unit_test(ipv6_syn_without_mss_means_1220),
        cmocka_unit_test(ipv6_syn_ack_without_mss_means_1220),
        cmocka_unit_test(ipv4_syn_without_mss_means_536),
        cmocka_unit_test(time_wait_survives_a_syn_for_a_full_backlog),
        cmocka_unit_test(time_wait_survives_a_connect_beyond_connections_max),
        cmocka_unit_test(times_of_never_are_refused),
        cmocka_unit_test(receive_of_length_0_is_an_argument_error),
        cmocka_unit_test(host_without_tcp_says_so),
    };
    return cmocka_run_group_tests_name("review2", tests, 0, 0);
}
