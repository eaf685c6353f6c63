/* tests/socket/fast_open_test.c: Fast Open through sockets (RFC 7413): what each call returns in
 * each situation is what Linux returns. One host, the peer is hand-written segments. */
#include "tcp/opening.h"

#include <rill/socket.h>

#define FASTOPEN RILL_IPPROTO_TCP, RILL_TCP_FASTOPEN
#define CONNECT RILL_IPPROTO_TCP, RILL_TCP_FASTOPEN_CONNECT
#define KEY RILL_IPPROTO_TCP, RILL_TCP_FASTOPEN_KEY
#define NO_COOKIE RILL_IPPROTO_TCP, RILL_TCP_FASTOPEN_NO_COOKIE

struct bench {
    struct peer peer;
    struct rill_sockets *sockets;
    struct rill_endpoint to;
    uint8_t data[5000];
};

static void open_bench(struct bench *bench, uint16_t fast_open) {
    memset(bench, 0, sizeof *bench);
    peer_init(&bench->peer);
    bench->peer.config.fast_open = fast_open;
    peer_open(&bench->peer);
    struct rill_sockets_config config;
    rill_sockets_config_default(&config);
    config.allocator = bench->peer.allocator;
    config.first = 3;
    assert_int_equal(rill_sockets_open(bench->peer.stack, &config, &bench->sockets), 0);
    bench->to.address = bench->peer.remote;
    bench->to.port = bench->peer.remote_port;
    for (size_t i = 0; i < sizeof bench->data; i++)
        bench->data[i] = test_byte(OWN_STREAM, i);
}

static void close_bench(struct bench *bench) {
    rill_sockets_close(bench->sockets);
    peer_close(&bench->peer);
}

static int open_one(struct bench *bench) {
    int fd = rill_socket(bench->sockets, RILL_AF_INET, RILL_SOCK_STREAM, 0);
    assert_true(fd >= 3);
    return fd;
}

static int set(struct bench *bench, int fd, int level, int option, int value) {
    return rill_setsockopt(bench->sockets, fd, level, option, &value, sizeof value);
}

static int64_t send_to(struct bench *bench, int fd, size_t length, int flags) {
    return rill_sendto(bench->sockets, fd, bench->data, length, flags, &bench->to);
}

static struct seen take_syn(struct bench *bench, uint32_t length) {
    struct seen seen;
    assert_true(peer_take(&bench->peer, &seen));
    assert_int_equal(seen.header.flags, WIRE_SYN);
    assert_int_equal(seen.length, length);
    bench->peer.local_port = seen.header.source_port;
    return seen;
}

static void answer(struct bench *bench, uint32_t acknowledgement) {
    static const uint8_t cookie[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct peer *peer = &bench->peer;
    struct wire_tcp header = {.source_port = peer->remote_port,
                              .destination_port = peer->local_port,
                              .sequence = peer->iss,
                              .acknowledgement = peer->own_iss + 1 + acknowledgement,
                              .flags = WIRE_SYN | WIRE_ACK,
                              .window = peer->window,
                              .mss = 1460,
                              .has_fast_open = true,
                              .cookie_length = 8};
    memcpy(header.cookie, cookie, sizeof cookie);
    peer_send_raw(peer, &header, 0);
}

/* A first connection has been made: the cookie is known. */
static void learn(struct bench *bench) {
    int fd = open_one(bench);
    assert_int_equal(send_to(bench, fd, 1000, RILL_MSG_FASTOPEN), -RILL_EINPROGRESS);
    assert_true(take_syn(bench, 0).header.has_fast_open);
    assert_int_equal(send_to(bench, fd, 1000, RILL_MSG_FASTOPEN), -RILL_EALREADY);
    assert_int_equal(rill_send(bench->sockets, fd, bench->data, 1000, 0), -RILL_EAGAIN);
    answer(bench, 0);
    peer_drain(&bench->peer);
    rill_socket_close(bench->sockets, fd);
    peer_drain(&bench->peer);
}

static void sendto_connects_and_sends_in_one(void **state) {
    (void)state;
    struct bench bench;
    open_bench(&bench, RILL_FAST_OPEN_CONNECT);
    learn(&bench);
    int fd = open_one(&bench);
    assert_int_equal(send_to(&bench, fd, 2000, RILL_MSG_FASTOPEN), 1420);
    take_syn(&bench, 1420);
    assert_int_equal(send_to(&bench, fd, 2000, RILL_MSG_FASTOPEN), -RILL_EALREADY);
    assert_int_equal(rill_connect(bench.sockets, fd, &bench.to), -RILL_EALREADY);
    assert_int_equal(rill_send(bench.sockets, fd, bench.data, 1000, 0), -RILL_EAGAIN);
    answer(&bench, 1420);
    peer_drain(&bench.peer);
    assert_int_equal(rill_send(bench.sockets, fd, bench.data + 1420, 1000, 0), 1000);
    EXPECT(&bench.peer, WIRE_ACK, 1420, 0, 1000);
    assert_int_equal(rill_connect(bench.sockets, fd, &bench.to), 0);
    assert_int_equal(send_to(&bench, fd, 1, RILL_MSG_FASTOPEN), -RILL_EISCONN);
    close_bench(&bench);
}

static void sendto_of_nothing_is_a_connect(void **state) {
    (void)state;
    struct bench bench;
    open_bench(&bench, RILL_FAST_OPEN_CONNECT);
    learn(&bench);
    int fd = open_one(&bench);
    assert_int_equal(send_to(&bench, fd, 0, RILL_MSG_FASTOPEN), -RILL_EINPROGRESS);
    assert_int_equal(take_syn(&bench, 0).header.cookie_length, 8);
    close_bench(&bench);
}

static void host_without_it_refuses(void **state) {
    (void)state;
    struct bench bench;
    open_bench(&bench, RILL_FAST_OPEN_LISTEN);
    int fd = open_one(&bench);
    assert_int_equal(send_to(&bench, fd, 10, RILL_MSG_FASTOPEN), -RILL_EOPNOTSUPP);
    assert_int_equal(set(&bench, fd, CONNECT, 1), -RILL_EOPNOTSUPP);
    EXPECT_NONE(&bench.peer);
    close_bench(&bench);
}

static void refused_syn_tells_the_next_call(void **state) {
    (void)state;
    struct bench bench;
    open_bench(&bench, RILL_FAST_OPEN_CONNECT);
    learn(&bench);
    int fd = open_one(&bench);
    assert_int_equal(send_to(&bench, fd, 2000, RILL_MSG_FASTOPEN), 1420);
    take_syn(&bench, 1420);
    peer_send(&bench.peer, WIRE_RST | WIRE_ACK, (uint32_t)-1, 0, 0);
    assert_int_equal(rill_send(bench.sockets, fd, bench.data, 10, 0), -RILL_ECONNREFUSED);
    close_bench(&bench);
}

static void connect_waits_for_the_first_bytes(void **state) {
    (void)state;
    struct bench bench;
    open_bench(&bench, RILL_FAST_OPEN_CONNECT);
    int fd = open_one(&bench); /* no cookie yet: as ever */
    assert_int_equal(set(&bench, fd, CONNECT, 1), 0);
    assert_int_equal(rill_connect(bench.sockets, fd, &bench.to), -RILL_EINPROGRESS);
    take_syn(&bench, 0);
    assert_int_equal(set(&bench, fd, CONNECT, 1), -RILL_EINVAL);
    rill_socket_close(bench.sockets, fd);
    learn(&bench);
    fd = open_one(&bench);
    assert_int_equal(set(&bench, fd, CONNECT, 1), 0);
    assert_int_equal(rill_connect(bench.sockets, fd, &bench.to), 0);
    assert_int_equal(rill_connect(bench.sockets, fd, &bench.to), -RILL_EISCONN);
    assert_true(rill_poll_one(bench.sockets, fd) & RILL_POLLOUT);
    EXPECT_NONE(&bench.peer);
    assert_int_equal(rill_send(bench.sockets, fd, bench.data, 2000, 0), 1420);
    take_syn(&bench, 1420);
    assert_false(rill_poll_one(bench.sockets, fd) & RILL_POLLOUT);
    answer(&bench, 1420);
    assert_true(rill_poll_one(bench.sockets, fd) & RILL_POLLOUT);
    peer_drain(&bench.peer);
    fd = open_one(&bench);
    assert_int_equal(set(&bench, fd, CONNECT, 1), 0);
    assert_int_equal(rill_connect(bench.sockets, fd, &bench.to), 0);
    assert_int_equal(rill_send(bench.sockets, fd, bench.data, 0, 0), -RILL_EINPROGRESS);
    take_syn(&bench, 0);
    fd = open_one(&bench); /* and one that is never used */
    assert_int_equal(set(&bench, fd, CONNECT, 1), 0);
    assert_int_equal(rill_connect(bench.sockets, fd, &bench.to), 0);
    assert_int_equal(send_to(&bench, fd, 1000, RILL_MSG_FASTOPEN), 1000);
    take_syn(&bench, 1000);
    fd = open_one(&bench);
    assert_int_equal(set(&bench, fd, CONNECT, 1), 0);
    assert_int_equal(rill_connect(bench.sockets, fd, &bench.to), 0);
    assert_int_equal(rill_socket_close(bench.sockets, fd), 0);
    EXPECT_NONE(&bench.peer);
    close_bench(&bench);
}

static void bytes_go_without_a_cookie_where_the_application_says_so(void **state) {
    (void)state;
    struct bench bench;
    open_bench(&bench, RILL_FAST_OPEN_CONNECT);
    int fd = open_one(&bench);
    assert_int_equal(set(&bench, fd, NO_COOKIE, 2), -RILL_EINVAL);
    assert_int_equal(set(&bench, fd, NO_COOKIE, 1), 0);
    assert_int_equal(send_to(&bench, fd, 100, RILL_MSG_FASTOPEN), 100);
    assert_false(take_syn(&bench, 100).header.has_fast_open);
    close_bench(&bench);
}

/* Asks the listener for a cookie, shows it, with bytes. */
static void knock(struct bench *bench, uint32_t acknowledged) {
    struct peer *peer = &bench->peer;
    struct wire_tcp header = {.source_port = peer->remote_port,
                              .destination_port = OWN_PORT,
                              .sequence = peer->iss,
                              .flags = WIRE_SYN,
                              .window = peer->window,
                              .has_fast_open = true};
    peer->local_port = OWN_PORT;
    peer_send_raw(peer, &header, 0);
    struct seen seen = EXPECT(peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_send(peer, WIRE_RST, 0, 0, 0);
    header.cookie_length = seen.header.cookie_length;
    memcpy(header.cookie, seen.header.cookie, 8);
    peer_send_raw(peer, &header, 10);
    EXPECT(peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, acknowledged, 0);
}

static int listen_here(struct bench *bench) {
    struct rill_endpoint here = {{{0}}, OWN_PORT, 0};
    int fd = open_one(bench);
    assert_int_equal(rill_bind(bench->sockets, fd, &here), 0);
    return fd;
}

static void listener_takes_bytes_before_the_handshake_ends(void **state) {
    (void)state;
    struct bench bench;
    uint8_t data[100];
    for (unsigned before = 0; before < 2; before++) {
        open_bench(&bench, RILL_FAST_OPEN_LISTEN);
        int fd = listen_here(&bench), value = 0;
        size_t length = sizeof value;
        if (before)
            assert_int_equal(set(&bench, fd, FASTOPEN, 5), 0);
        assert_int_equal(rill_listen(bench.sockets, fd, 5), 0);
        if (!before)
            assert_int_equal(set(&bench, fd, FASTOPEN, 5), 0);
        assert_int_equal(rill_getsockopt(bench.sockets, fd, FASTOPEN, &value, &length), 0);
        assert_int_equal(value, 5);
        knock(&bench, 10);
        int child = rill_accept(bench.sockets, fd, 0);
        assert_true(child > 0);
        assert_true(rill_poll_one(bench.sockets, child) & RILL_POLLIN);
        assert_true(rill_poll_one(bench.sockets, child) & RILL_POLLOUT);
        assert_int_equal(rill_recv(bench.sockets, child, data, sizeof data, 0), 10);
        assert_int_equal(rill_recv(bench.sockets, child, data, sizeof data, 0), -RILL_EAGAIN);
        assert_int_equal(rill_send(bench.sockets, child, bench.data, 100, 0), 100);
        EXPECT(&bench.peer, WIRE_ACK, 0, 10, 100);
        peer_send(&bench.peer, WIRE_RST, 10, 0, 0);
        assert_int_equal(rill_send(bench.sockets, child, bench.data, 100, 0), -RILL_ECONNRESET);
        close_bench(&bench);
    }
}

static void listener_that_has_not_asked_takes_none(void **state) {
    (void)state;
    struct bench bench;
    open_bench(&bench, RILL_FAST_OPEN_LISTEN);
    int fd = listen_here(&bench);
    assert_int_equal(rill_listen(bench.sockets, fd, 5), 0);
    knock(&bench, 0);
    assert_int_equal(rill_accept(bench.sockets, fd, 0), -RILL_EAGAIN);
    assert_int_equal(set(&bench, fd, FASTOPEN, -1), -RILL_EINVAL);
    close_bench(&bench);
}

static void keys_are_set_and_read(void **state) {
    (void)state;
    struct bench bench;
    uint8_t keys[32], got[32];
    size_t length = sizeof got;
    open_bench(&bench, RILL_FAST_OPEN_LISTEN);
    for (size_t i = 0; i < sizeof keys; i++)
        keys[i] = (uint8_t)(i * 7);
    int fd = listen_here(&bench);
    assert_int_equal(rill_getsockopt(bench.sockets, fd, KEY, got, &length), 0);
    assert_int_equal(length, 16); /* the host's */
    assert_int_equal(rill_setsockopt(bench.sockets, fd, KEY, keys, 15), -RILL_EINVAL);
    assert_int_equal(rill_setsockopt(bench.sockets, fd, KEY, keys, 32), 0);
    assert_int_equal(rill_listen(bench.sockets, fd, 5), 0);
    length = sizeof got;
    assert_int_equal(rill_getsockopt(bench.sockets, fd, KEY, got, &length), 0);
    assert_int_equal(length, 32);
    assert_memory_equal(got, keys, 32);
    assert_int_equal(rill_setsockopt(bench.sockets, fd, KEY, keys + 16, 16), 0);
    length = sizeof got;
    assert_int_equal(rill_getsockopt(bench.sockets, fd, KEY, got, &length), 0);
    assert_int_equal(length, 16);
    assert_memory_equal(got, keys + 16, 16);
    close_bench(&bench);
}

int fast_open_socket_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sendto_connects_and_sends_in_one),
        cmocka_unit_test(sendto_of_nothing_is_a_connect),
        cmocka_unit_test(host_without_it_refuses),
        cmocka_unit_test(refused_syn_tells_the_next_call),
        cmocka_unit_test(connect_waits_for_the_first_bytes),
        cmocka_unit_test(bytes_go_without_a_cookie_where_the_application_says_so),
        cmocka_unit_test(listener_takes_bytes_before_the_handshake_ends),
        cmocka_unit_test(listener_that_has_not_asked_takes_none),
        cmocka_unit_test(keys_are_set_and_read),
    };
    return cmocka_run_group_tests_name("Fast Open, sockets", tests, 0, 0);
}
