/* tests/tcp/fast_open_test.c: Fast Open, the passive side (RFC 7413 §4.2): cookies and keys, bytes
 * of a SYN that are read before the handshake ends, the limit of those pending, and resets. */
#include "tcp/opening.h"

#include "base/checksum.h"
#include "wire/ipv4.h"

enum form { NONE, STANDARD, OLDER };

static const uint8_t key[16] = {0xa1, 0xa1, 0xa1, 0xa1, 0xb2, 0xb2, 0xb2, 0xb2,
                                0xc3, 0xc3, 0xc3, 0xc3, 0xd4, 0xd4, 0xd4, 0xd4};

static void init(struct peer *peer) {
    peer_init(peer);
    peer->options = PEER_MSS | PEER_SACK;
}

/* A listener for up to `most` pending ones, backlog 10, whose host has the key above. */
static void listen(struct peer *peer, uint32_t most) {
    struct rill_tcp_listen_config config;
    peer_open(peer);
    rill_tcp_listen_config_default(&config);
    config.local.port = peer->local_port;
    config.backlog = 10;
    config.fast_open = most;
    assert_int_equal(rill_tcp_listen(peer->stack, &config, &peer->listener), 0);
    assert_int_equal(rill_tcp_fast_open_keys(peer->stack, 0, key, 1), 0);
}

/* A SYN with the option and so many bytes. */
static void send_syn(struct peer *peer, enum form form, const uint8_t *cookie, uint8_t length,
                     uint32_t bytes) {
    struct wire_tcp header = {.source_port = peer->remote_port,
                              .destination_port = peer->local_port,
                              .sequence = peer->iss,
                              .flags = WIRE_SYN,
                              .window = peer->window,
                              .mss = peer->mss,
                              .sack_permitted = true,
                              .has_fast_open = form != NONE,
                              .fast_open_experimental = form == OLDER,
                              .cookie_length = length};
    if (length)
        memcpy(header.cookie, cookie, length);
    peer_send_raw(peer, &header, bytes);
}

/* The cookie this listener gives the peer. */
static struct seen ask(struct peer *peer, enum form form) {
    send_syn(peer, form, 0, 0, 0);
    struct seen seen = EXPECT(peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_send(peer, WIRE_RST, 0, 0, 0);
    return seen;
}

static struct rill_stack_info stack_info(struct peer *peer) {
    struct rill_stack_info info;
    rill_stack_get_info(peer->stack, &info);
    return info;
}

static void accept_one(struct peer *peer) {
    assert_int_equal(rill_tcp_accept(peer->stack, peer->listener, &peer->handle), 0);
}

/* The values are those of Linux under this key, between these addresses. */
static void listen_cookie_is_the_one_linux_makes(void **state) {
    (void)state;
    static const uint8_t want[] = {0x30, 0x21, 0xb9, 0xd8, 0x89, 0x01, 0x7e, 0xeb};
    struct peer peer;
    init(&peer);
    peer.local = rill_address_ipv4(192, 168, 0, 1);
    peer.remote = rill_address_ipv4(192, 0, 2, 1);
    listen(&peer, 1);
    struct rill_address any = rill_address_ipv4(0, 0, 0, 0), none = {{0}};
    assert_int_equal(rill_route_add(peer.stack, 0, &any, 0, &none), 0);
    for (enum form form = STANDARD; form <= OLDER; form++) {
        struct seen seen = ask(&peer, form);
        assert_true(seen.header.has_fast_open);
        assert_int_equal(seen.header.fast_open_experimental, form == OLDER);
        assert_int_equal(seen.header.cookie_length, sizeof want);
        assert_memory_equal(seen.header.cookie, want, sizeof want);
    }
    peer_close(&peer);
}

static void listen_without_being_asked_to_ignores_the_option(void **state) {
    (void)state;
    struct peer peer;
    init(&peer);
    listen(&peer, 1);
    struct seen cookie = ask(&peer, STANDARD);
    assert_int_equal(rill_tcp_fast_open_set(peer.stack, peer.listener, 0), 0);
    assert_false(ask(&peer, STANDARD).header.has_fast_open);
    send_syn(&peer, STANDARD, cookie.header.cookie, 8, 10);
    assert_false(EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0).header.has_fast_open);
    assert_int_equal(stack_info(&peer).half_open, 1);
    peer_close(&peer);
}

static void listen_host_without_it_ignores_the_option(void **state) {
    (void)state;
    struct peer peer;
    init(&peer);
    peer.config.fast_open = 0;
    listen(&peer, 1);
    assert_false(ask(&peer, STANDARD).header.has_fast_open);
    peer_close(&peer);
}

static void listen_every_listener_may_need_not_ask(void **state) {
    (void)state;
    struct peer peer;
    init(&peer);
    peer.config.fast_open |= RILL_FAST_OPEN_EVERY_LISTENER;
    listen(&peer, 0);
    assert_true(ask(&peer, STANDARD).header.has_fast_open);
    peer_close(&peer);
}

static void listen_good_cookie_opens_at_once(void **state) {
    (void)state;
    struct peer peer;
    init(&peer);
    listen(&peer, 1);
    struct seen cookie = ask(&peer, STANDARD);
    send_syn(&peer, STANDARD, cookie.header.cookie, 8, 10);
    struct seen answer = EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 10, 0);
    assert_false(answer.header.has_fast_open);
    accept_one(&peer);
    assert_int_equal(peer_state(&peer), RILL_TCP_SYN_RECEIVED);
    assert_true(rill_ready(peer.stack, peer.handle) & RILL_EVENT_READABLE);
    assert_true(rill_ready(peer.stack, peer.handle) & RILL_EVENT_WRITABLE);
    assert_int_equal(peer_read(&peer, 100), 10);
    assert_true(peer_info(&peer).syn_data);
    assert_int_equal(peer_write(&peer, 4000), 4000); /* the answer, before the handshake ends */
    EXPECT(&peer, WIRE_ACK, 0, 10, 1460);
    EXPECT(&peer, WIRE_ACK, 1460, 10, 1460);
    EXPECT(&peer, WIRE_ACK, 2920, 10, 1080);
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_ACK, 10, 1460, 0); /* of the SYN-ACK, and of a part of it */
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    peer_send(&peer, WIRE_ACK, 10, 4000, 20);
    assert_int_equal(peer_read(&peer, 100), 20);
    peer_wait(&peer, peer.config.delayed_ack); /* who answers may answer this too */
    EXPECT(&peer, WIRE_ACK, 4000, 30, 0);
    assert_int_equal(peer_info(&peer).send_queued, 0);
    peer_close(&peer);
}

static void listen_good_cookie_without_bytes_opens_at_once_too(void **state) {
    (void)state;
    struct peer peer;
    init(&peer);
    listen(&peer, 1);
    struct seen cookie = ask(&peer, OLDER);
    send_syn(&peer, OLDER, cookie.header.cookie, 8, 0);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    accept_one(&peer);
    assert_false(peer_info(&peer).syn_data);
    assert_int_equal(peer_write(&peer, 100), 100);
    EXPECT(&peer, WIRE_ACK, 0, 0, 100);
    peer_send(&peer, WIRE_ACK, 0, 0, 10);
    assert_int_equal(peer_read(&peer, 100), 10);
    peer_close(&peer);
}

static void listen_bad_cookie_is_an_ordinary_syn_and_gets_a_good_one(void **state) {
    (void)state;
    static const uint8_t wrong[16] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct peer peer;
    init(&peer);
    listen(&peer, 1);
    struct seen cookie = ask(&peer, STANDARD);
    for (uint8_t length = 4; length <= 16; length += 2) {
        send_syn(&peer, STANDARD, wrong, length, 10);
        struct seen seen =
            EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0); /* not the bytes */
        assert_memory_equal(seen.header.cookie, cookie.header.cookie, 8);
        assert_int_equal(stack_info(&peer).connections, 0);
        peer_send(&peer, WIRE_RST, 0, 0, 0);
    }
    peer.remote = rill_address_ipv4(10, 0, 0, 3); /* a good one, but of somebody else */
    send_syn(&peer, STANDARD, cookie.header.cookie, 8, 10);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_close(&peer);
}

/* RFC 7413 §4.1.1: odd, too short and too long ones mean nothing. */
static void listen_option_of_a_wrong_length_is_ignored(void **state) {
    (void)state;
    for (unsigned length = 0; length <= 20; length++) {
        struct peer peer;
        init(&peer);
        listen(&peer, 1);
        uint8_t frame[80] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6}, *tcp = frame + 20;
        uint8_t header = (uint8_t)((20 + 2 + length + 3) / 4 * 4);
        frame[3] = (uint8_t)(20 + header);
        memcpy(frame + 12, peer.remote.bytes + 12, 4);
        memcpy(frame + 16, peer.local.bytes + 12, 4);
        uint64_t sum = rill__checksum_add(0, frame, 20);
        rill__checksum_store(frame + 10, (uint16_t)~rill__checksum_fold(sum));
        tcp[1] = 9;
        tcp[3] = OWN_PORT;
        tcp[12] = (uint8_t)(header / 4 << 4);
        tcp[13] = WIRE_SYN;
        tcp[20] = 34;
        tcp[21] = (uint8_t)(2 + length);
        sum = rill__ipv4_pseudo_sum(frame + 12, frame + 16, 6, header);
        sum = rill__checksum_add(sum, tcp, header);
        rill__checksum_store(tcp + 16, (uint16_t)~rill__checksum_fold(sum));
        peer_send_bytes(&peer, frame, 20u + header);
        struct seen seen;
        assert_true(peer_take(&peer, &seen));
        bool good = length == 0 || (length >= 4 && length <= 16 && length % 2 == 0);
        assert_int_equal(seen.header.has_fast_open, good);
        peer_close(&peer);
    }
}

static void listen_second_key_is_believed_and_replaced(void **state) {
    (void)state;
    uint8_t keys[32];
    struct peer peer;
    init(&peer);
    listen(&peer, 2);
    struct seen old = ask(&peer, STANDARD);
    memset(keys, 7, 16);
    memcpy(keys + 16, key, 16);
    assert_int_equal(rill_tcp_fast_open_keys(peer.stack, 0, keys, 2), 0);
    send_syn(&peer, STANDARD, old.header.cookie, 8, 10);
    struct seen answer = EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 10, 0);
    assert_true(answer.header.has_fast_open); /* the new one */
    assert_memory_not_equal(answer.header.cookie, old.header.cookie, 8);
    peer_send(&peer, WIRE_ACK, 10, 0, 0);
    peer.remote_port++;
    send_syn(&peer, STANDARD, answer.header.cookie, 8, 10);
    answer = EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 10, 0);
    assert_false(answer.header.has_fast_open);
    assert_int_equal(rill_tcp_fast_open_keys(peer.stack, 0, keys, 1), 0); /* the old one is gone */
    peer_send(&peer, WIRE_ACK, 10, 0, 0);
    peer.remote_port++;
    send_syn(&peer, STANDARD, old.header.cookie, 8, 10);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_close(&peer);
}

static void listen_key_of_its_own_goes_before_the_hosts(void **state) {
    (void)state;
    uint8_t own[16], got[32];
    uint32_t most;
    struct peer peer;
    init(&peer);
    listen(&peer, 3);
    struct seen hosts = ask(&peer, STANDARD);
    memset(own, 9, sizeof own);
    assert_int_equal(rill_tcp_fast_open_keys(peer.stack, peer.listener, own, 1), 0);
    struct seen listeners = ask(&peer, STANDARD);
    assert_memory_not_equal(hosts.header.cookie, listeners.header.cookie, 8);
    assert_int_equal(rill_tcp_fast_open_get(peer.stack, peer.listener, &most, got), 1);
    assert_int_equal(most, 3);
    assert_memory_equal(got, own, 16);
    assert_int_equal(rill_tcp_fast_open_keys(peer.stack, peer.listener, 0, 0), 0);
    assert_int_equal(rill_tcp_fast_open_get(peer.stack, peer.listener, &most, got), 1);
    assert_memory_equal(got, key, 16);
    assert_int_equal(rill_tcp_fast_open_keys(peer.stack, 0, key, 3), RILL_ERROR_ARGUMENT);
    assert_int_equal(rill_tcp_fast_open_keys(peer.stack, 0, key, 0), RILL_ERROR_ARGUMENT);
    assert_int_equal(rill_tcp_fast_open_keys(peer.stack, 1234, key, 1), RILL_ERROR_HANDLE);
    peer_close(&peer);
}

static void listen_pending_limit_is_kept_and_freed_by_the_handshakes_end(void **state) {
    (void)state;
    struct peer peer;
    init(&peer);
    listen(&peer, 2);
    struct seen cookie = ask(&peer, STANDARD);
    for (uint16_t i = 1; i <= 2; i++) {
        peer.remote_port = i;
        send_syn(&peer, STANDARD, cookie.header.cookie, 8, 10);
        EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 10, 0);
    }
    rill_seq second = peer.own_iss;
    peer.remote_port = 3;
    send_syn(&peer, STANDARD, cookie.header.cookie, 8, 10);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0); /* an ordinary one */
    peer_send(&peer, WIRE_RST, 0, 0, 0);
    accept_one(&peer); /* being accepted does not end the handshake */
    peer.remote_port = 4;
    send_syn(&peer, STANDARD, cookie.header.cookie, 8, 10);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_send(&peer, WIRE_RST, 0, 0, 0);
    peer.remote_port = 2;
    peer.own_iss = second;
    peer_send(&peer, WIRE_ACK, 10, 0, 0);
    peer.remote_port = 5;
    send_syn(&peer, STANDARD, cookie.header.cookie, 8, 10);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 10, 0);
    peer_close(&peer);
}

/* RFC 7413 §5.1: else who has a cookie could open and reset for ever. */
static void listen_pending_reset_counts_for_a_while(void **state) {
    (void)state;
    struct peer peer;
    init(&peer);
    listen(&peer, 1);
    struct seen cookie = ask(&peer, STANDARD);
    send_syn(&peer, STANDARD, cookie.header.cookie, 8, 10);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 10, 0);
    peer_send(&peer, WIRE_RST, 10, 0, 0);
    peer.remote_port++;
    send_syn(&peer, STANDARD, cookie.header.cookie, 8, 10);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_send(&peer, WIRE_RST, 0, 0, 0);
    peer_wait(&peer, 120 * RILL_SECOND);
    send_syn(&peer, STANDARD, cookie.header.cookie, 8, 10);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 10, 0);
    peer_send(&peer, WIRE_ACK, 10, 0, 0); /* a whole handshake frees its place at once */
    peer.remote_port++;
    send_syn(&peer, STANDARD, cookie.header.cookie, 8, 10);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 10, 0);
    peer_close(&peer);
}

static void early_reset_after_accept_leaves_the_bytes(void **state) {
    (void)state;
    struct peer peer;
    init(&peer);
    listen(&peer, 1);
    struct seen cookie = ask(&peer, STANDARD);
    send_syn(&peer, STANDARD, cookie.header.cookie, 8, 10);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 10, 0);
    accept_one(&peer);
    peer_send(&peer, WIRE_RST, 10, 0, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
    assert_int_equal(peer_info(&peer).error, RILL_ERROR_RESET);
    assert_int_equal(peer_read(&peer, 100), 10);
    peer_close(&peer);
}

static void early_repeated_syn_is_answered_again(void **state) {
    (void)state;
    struct peer peer;
    init(&peer);
    listen(&peer, 1);
    struct seen cookie = ask(&peer, STANDARD);
    send_syn(&peer, STANDARD, cookie.header.cookie, 8, 10);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 10, 0);
    send_syn(&peer, NONE, 0, 0, 0); /* as a client does when the answer was lost */
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 10, 0);
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_ACK, 10, 0, 0);
    accept_one(&peer);
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    assert_int_equal(peer_read(&peer, 100), 10);
    peer_close(&peer);
}

static void early_unanswered_sends_the_syn_ack_again_and_gives_up(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    init(&peer);
    listen(&peer, 1);
    struct seen cookie = ask(&peer, STANDARD);
    send_syn(&peer, STANDARD, cookie.header.cookie, 8, 10);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 10, 0);
    accept_one(&peer);
    assert_int_equal(peer_write(&peer, 100), 100);
    EXPECT(&peer, WIRE_ACK, 0, 10, 100);
    for (unsigned i = 0; i < peer.config.syn_ack_retries; i++) {
        assert_true(peer_take_within(&peer, 200 * RILL_SECOND, &seen));
        assert_int_equal(seen.header.flags, WIRE_SYN | WIRE_ACK);
        assert_false(seen.header.has_fast_open); /* RFC 7413 §4.2.2 */
        peer_drain(&peer);
    }
    peer_wait(&peer, 200 * RILL_SECOND);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
    assert_int_equal(peer_info(&peer).error, RILL_ERROR_TIMED_OUT);
    peer_close(&peer);
}

static void early_closed_sends_its_fin_after_the_handshake(void **state) {
    (void)state;
    struct peer peer;
    init(&peer);
    listen(&peer, 1);
    struct seen cookie = ask(&peer, STANDARD);
    send_syn(&peer, STANDARD, cookie.header.cookie, 8, 10);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 10, 0);
    accept_one(&peer);
    assert_int_equal(peer_read(&peer, 100), 10);
    assert_int_equal(peer_write(&peer, 100), 100);
    assert_int_equal(rill_tcp_close(peer.stack, peer.handle), 0);
    peer.handle = 0;
    EXPECT(&peer, WIRE_ACK, 0, 10, 100);
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_ACK, 10, 100, 0);
    EXPECT(&peer, WIRE_FIN | WIRE_ACK, 100, 10, 0);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 10, 101, 0);
    EXPECT(&peer, WIRE_ACK, 101, 11, 0);
    assert_int_equal(stack_info(&peer).time_wait, 1);
    peer_close(&peer);
}

static void early_closed_with_unread_bytes_resets(void **state) {
    (void)state;
    struct peer peer;
    init(&peer);
    listen(&peer, 1);
    struct seen cookie = ask(&peer, STANDARD);
    send_syn(&peer, STANDARD, cookie.header.cookie, 8, 10);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 10, 0);
    accept_one(&peer);
    assert_int_equal(rill_tcp_close(peer.stack, peer.handle), 0);
    peer.handle = 0;
    EXPECT(&peer, WIRE_RST | WIRE_ACK, 0, 10, 0);
    peer_close(&peer);
}

static void early_listener_closed_resets(void **state) {
    (void)state;
    struct peer peer;
    init(&peer);
    listen(&peer, 1);
    struct seen cookie = ask(&peer, STANDARD);
    send_syn(&peer, STANDARD, cookie.header.cookie, 8, 10);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 10, 0);
    assert_int_equal(rill_tcp_close(peer.stack, peer.listener), 0);
    EXPECT(&peer, WIRE_RST | WIRE_ACK, 0, 10, 0);
    assert_int_equal(stack_info(&peer).connections, 0);
    peer_close(&peer);
}

static void listen_syn_longer_than_the_buffer_is_taken_in_part(void **state) {
    (void)state;
    struct peer peer;
    init(&peer);
    peer.config.receive_buffer = 100;
    listen(&peer, 1);
    struct seen cookie = ask(&peer, STANDARD);
    send_syn(&peer, STANDARD, cookie.header.cookie, 8, 1000);
    struct seen answer = EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 100, 0);
    assert_int_equal(answer.header.window, 0);
    accept_one(&peer);
    assert_int_equal(peer_read(&peer, 1000), 100);
    peer_close(&peer);
}

static void listen_unasked_takes_bytes_without_a_cookie(void **state) {
    (void)state;
    struct peer peer;
    init(&peer);
    peer.config.fast_open |= RILL_FAST_OPEN_LISTEN_UNASKED;
    listen(&peer, 1);
    send_syn(&peer, NONE, 0, 0, 10);
    EXPECT(&peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 10, 0);
    accept_one(&peer);
    assert_int_equal(peer_read(&peer, 100), 10);
    peer_close(&peer);
}

int fast_open_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listen_cookie_is_the_one_linux_makes),
        cmocka_unit_test(listen_without_being_asked_to_ignores_the_option),
        cmocka_unit_test(listen_host_without_it_ignores_the_option),
        cmocka_unit_test(listen_every_listener_may_need_not_ask),
        cmocka_unit_test(listen_good_cookie_opens_at_once),
        cmocka_unit_test(listen_good_cookie_without_bytes_opens_at_once_too),
        cmocka_unit_test(listen_bad_cookie_is_an_ordinary_syn_and_gets_a_good_one),
        cmocka_unit_test(listen_option_of_a_wrong_length_is_ignored),
        cmocka_unit_test(listen_second_key_is_believed_and_replaced),
        cmocka_unit_test(listen_key_of_its_own_goes_before_the_hosts),
        cmocka_unit_test(listen_pending_limit_is_kept_and_freed_by_the_handshakes_end),
        cmocka_unit_test(listen_pending_reset_counts_for_a_while),
        cmocka_unit_test(early_reset_after_accept_leaves_the_bytes),
        cmocka_unit_test(early_repeated_syn_is_answered_again),
        cmocka_unit_test(early_unanswered_sends_the_syn_ack_again_and_gives_up),
        cmocka_unit_test(early_closed_sends_its_fin_after_the_handshake),
        cmocka_unit_test(early_closed_with_unread_bytes_resets),
        cmocka_unit_test(early_listener_closed_resets),
        cmocka_unit_test(listen_syn_longer_than_the_buffer_is_taken_in_part),
        cmocka_unit_test(listen_unasked_takes_bytes_without_a_cookie),
    };
    return cmocka_run_group_tests_name("Fast Open, passive", tests, 0, 0);
}
