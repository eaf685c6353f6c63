/* The socket layer on two hosts with a path between: bytes by the million, datagrams to a group,
 * what happens without memory; and addresses as the kernel writes them. */
#include "link/sockaddr.h"
#include "world.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <rill/socket.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct pair {
    struct test_world test;
    struct rill_sockets *sockets[2];
    bool ipv6;
};

static int open_pair(struct pair *pair, uint64_t seed) {
    test_world_init(&pair->test, seed);
    pair->test.ipv6 = pair->ipv6;
    test_world_delay(&pair->test, 5 * RILL_MILLISECOND);
    pair->test.path[0].loss = RILL_CERTAIN / 100;
    int error = test_world_open(&pair->test);
    for (int i = 0; i < 2 && !error; i++) {
        struct rill_sockets_config config;
        rill_sockets_config_default(&config);
        config.allocator = pair->test.allocator;
        error = rill_sockets_open(pair->test.world.stacks[i], &config, &pair->sockets[i]);
    }
    return error;
}

static void close_pair(struct pair *pair) {
    for (int i = 0; i < 2; i++)
        if (pair->sockets[i])
            rill_sockets_close(pair->sockets[i]);
    test_world_close(&pair->test);
    assert_int_equal(pair->test.memory.live_bytes, 0);
}

static bool step(struct pair *pair) {
    return rill_virtual_step(&pair->test.world, pair->test.world.now + 200 * RILL_SECOND);
}

/* A connected pair of descriptors, from host 0 to host 1; the listener is closed again. */
static int connect_pair(struct pair *pair, int *a, int *b) {
    struct rill_endpoint to = {pair->test.address[1], 80, 0}, here = {{{0}}, 80, 0}, peer;
    int listener = rill_socket(pair->sockets[1], RILL_AF_INET, RILL_SOCK_STREAM, 0);
    *a = rill_socket(pair->sockets[0], RILL_AF_INET, RILL_SOCK_STREAM, 0);
    if (listener < 0 || *a < 0)
        return -1;
    int error = rill_bind(pair->sockets[1], listener, &here);
    error = error ? error : rill_listen(pair->sockets[1], listener, 5);
    error = error ? error : rill_connect(pair->sockets[0], *a, &to);
    if (error != -RILL_EINPROGRESS)
        return error ? error : -1;
    while ((*b = rill_accept(pair->sockets[1], listener, &peer)) == -RILL_EAGAIN)
        if (!step(pair))
            return -1;
    rill_socket_close(pair->sockets[1], listener);
    return *b < 0 ? *b : 0;
}

static void megabytes_cross_both_ways_in_pieces_of_any_size(void **state) {
    (void)state;
    struct pair pair = {.sockets = {0, 0}};
    enum { BYTES = 3000000 };
    int fd[2];
    uint64_t sent[2] = {0, 0}, got[2] = {0, 0};
    assert_int_equal(open_pair(&pair, 1), 0);
    assert_int_equal(connect_pair(&pair, &fd[0], &fd[1]), 0);
    uint32_t odd = 1;
    while (got[0] < BYTES || got[1] < BYTES) {
        for (int i = 0; i < 2; i++) {
            uint8_t data[9000], seen[9000];
            odd = odd * 1103515245 + 12345;
            size_t n = 1 + odd % sizeof data;
            for (size_t k = 0; k < n; k++)
                data[k] = test_byte((uint64_t)i, sent[i] + k);
            if (sent[i] < BYTES) {
                int64_t taken = rill_send(pair.sockets[i], fd[i], data, n, 0);
                assert_true(taken > 0 || taken == -RILL_EAGAIN);
                sent[i] += taken > 0 ? (uint64_t)taken : 0;
            }
            int64_t looked = rill_recv(pair.sockets[i], fd[i], seen, n, RILL_MSG_PEEK);
            int64_t read = rill_recv(pair.sockets[i], fd[i], data, n, 0);
            assert_int_equal(looked, read);
            assert_true(read > 0 || read == -RILL_EAGAIN);
            for (int64_t k = 0; k < read; k++) {
                assert_int_equal(data[k], test_byte((uint64_t)!i, got[i]++));
                assert_int_equal(data[k], seen[k]);
            }
        }
        step(&pair);
    }
    close_pair(&pair);
}

static void a_datagram_to_a_group_reaches_who_has_joined(void **state) {
    (void)state;
    struct pair pair = {.sockets = {0, 0}};
    assert_int_equal(open_pair(&pair, 2), 0);
    pair.test.path[0].loss = 0;
    struct rill_endpoint here = {{{0}}, 7000, 0},
                         group = {rill_address_ipv4(239, 1, 2, 3), 7000, 0};
    int to = rill_socket(pair.sockets[1], RILL_AF_INET, RILL_SOCK_DGRAM, 0);
    int from = rill_socket(pair.sockets[0], RILL_AF_INET, RILL_SOCK_DGRAM, 0);
    assert_int_equal(rill_bind(pair.sockets[1], to, &here), 0);
    uint8_t byte = 7;
    for (int round = 0; round < 3; round++) { /* before, as a member, after */
        if (round == 1)
            assert_int_equal(rill_group_join(pair.test.world.stacks[1], 0, &group.address), 0);
        if (round == 2)
            assert_int_equal(rill_group_leave(pair.test.world.stacks[1], 0, &group.address), 0);
        assert_int_equal(rill_sendto(pair.sockets[0], from, &byte, 1, 0, &group), 1);
        test_run(&pair.test, RILL_SECOND);
        assert_int_equal(rill_recv(pair.sockets[1], to, &byte, 1, 0),
                         round == 1 ? 1 : -RILL_EAGAIN);
    }
    close_pair(&pair);
}

/* By the socket's own options: it is in the group as long as it is open. */
static void a_socket_joins_and_leaves_groups(void **state) {
    (void)state;
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct pair pair = {.sockets = {0, 0}};
        pair.ipv6 = ipv6;
        assert_int_equal(open_pair(&pair, 2), 0);
        pair.test.path[0].loss = 0;
        int family = ipv6 ? RILL_AF_INET6 : RILL_AF_INET;
        int level = ipv6 ? RILL_IPPROTO_IPV6 : RILL_IPPROTO_IP;
        int add = ipv6 ? RILL_IPV6_ADD_MEMBERSHIP : RILL_IP_ADD_MEMBERSHIP;
        int drop = add + 1, on = 1;
        struct rill_endpoint here = {{{0}}, 7000, 0},
                             group = {rill_address_ipv4(239, 1, 2, 3), 7000, 0};
        if (ipv6)
            assert_int_equal(rill_address_parse("ff05::7", &group.address), 0);
        struct rill_sockets *there = pair.sockets[1];
        int to = rill_socket(there, family, RILL_SOCK_DGRAM, 0);
        int other = rill_socket(there, family, RILL_SOCK_DGRAM, 0);
        int stream = rill_socket(there, family, RILL_SOCK_STREAM, 0);
        int from = rill_socket(pair.sockets[0], family, RILL_SOCK_DGRAM, 0);
        const int both[] = {to, other};
        for (int i = 0; i < 2; i++) {
            assert_int_equal(
                rill_setsockopt(there, both[i], RILL_SOL_SOCKET, RILL_SO_REUSEADDR, &on, sizeof on),
                0);
            assert_int_equal(rill_bind(there, both[i], &here), 0);
        }
        struct rill_membership wanted = {group.address, 0}, none = {pair.test.address[0], 0};
        struct rill_membership nowhere = {group.address, 9};
#define SET(fd, option, value) rill_setsockopt(there, fd, level, option, &(value), sizeof(value))
        assert_int_equal(SET(stream, add, wanted), -RILL_EPROTO);
        assert_int_equal(SET(to, add, none), -RILL_EINVAL);
        assert_int_equal(SET(to, add, on), -RILL_EINVAL);
        assert_int_equal(SET(to, add, nowhere), -RILL_ENODEV);
        assert_int_equal(SET(to, drop, wanted), -RILL_EADDRNOTAVAIL);
        assert_int_equal(SET(to, add, wanted), 0);
        assert_int_equal(SET(to, add, wanted), -RILL_EADDRINUSE);
        assert_int_equal(SET(other, add, wanted), 0);
        assert_int_equal(rill_socket_close(there, to), 0);
        for (int round = 0; round < 2; round++) {
            uint8_t byte = 7;
            assert_int_equal(rill_sendto(pair.sockets[0], from, &byte, 1, 0, &group), 1);
            test_run(&pair.test, RILL_SECOND);
            assert_int_equal(rill_recv(there, other, &byte, 1, 0), round ? -RILL_EAGAIN : 1);
            if (!round)
                assert_int_equal(SET(other, drop, wanted), 0);
        }
        for (int i = 0; i <= 20; i++) {
            wanted.group.bytes[14] = (uint8_t)(i + 10);
            assert_int_equal(SET(other, add, wanted), i < 20 ? 0 : -RILL_ENOBUFS);
        }
#undef SET
        close_pair(&pair);
    }
}

static void without_memory_each_call_says_so_and_nothing_is_lost(void **state) {
    (void)state;
    uint64_t calls = 0;
    for (uint64_t fail_at = 1; fail_at <= calls + 1; fail_at++) {
        struct pair pair = {.sockets = {0, 0}};
        int fd[2];
        test_world_init(&pair.test, 3);
        int error = open_pair(&pair, 3);
        uint64_t before = pair.test.memory.calls;
        assert_int_equal(error, 0);
        pair.test.memory.fail_at = before + fail_at;
        if (connect_pair(&pair, &fd[0], &fd[1]) == 0) {
            uint8_t data[3000] = {0};
            struct rill_iovec parts[2] = {{data, 1000}, {data + 1000, 2000}};
            struct rill_message message = {.iov = parts, .iov_count = 2};
            int64_t n = rill_sendmsg(pair.sockets[0], fd[0], &message, 0);
            assert_true(n > 0 || n == -RILL_ENOBUFS || n == -RILL_ENOMEM || n == -RILL_EAGAIN);
            test_run(&pair.test, RILL_SECOND);
            n = rill_recvmsg(pair.sockets[1], fd[1], &message, RILL_MSG_PEEK);
            assert_true(n > 0 || n == -RILL_ENOBUFS || n == -RILL_ENOMEM || n == -RILL_EAGAIN);
        }
        if (fail_at == 1)
            calls = pair.test.memory.calls - before;
        close_pair(&pair);
    }
    assert_true(calls > 5);
}

static void an_endpoint_is_what_the_kernel_writes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int family;
        uint16_t zone;
    } cases[] = {{"192.0.2.7", AF_INET, 0},
                 {"2001:db8::1", AF_INET6, 0},
                 {"fe80::1", AF_INET6, 3},
                 {"192.0.2.7", AF_INET6, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rill_endpoint endpoint = {.port = 8080, .zone = cases[i].zone}, back;
        struct sockaddr_storage storage;
        char text[64];
        assert_int_equal(rill_address_parse(cases[i].text, &endpoint.address), 0);
        socklen_t length = sockaddr_from_endpoint(&endpoint, cases[i].family, &storage);
        const struct sockaddr_in *in = (const struct sockaddr_in *)&storage;
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&storage;
        bool ipv4 = cases[i].family == AF_INET;
        assert_int_equal(length, ipv4 ? sizeof *in : sizeof *in6);
        assert_int_equal(ntohs(ipv4 ? in->sin_port : in6->sin6_port), 8080);
        assert_non_null(inet_ntop(
            cases[i].family, ipv4 ? (const void *)&in->sin_addr : (const void *)&in6->sin6_addr,
            text, sizeof text));
        bool mapped = !ipv4 && rill_address_is_ipv4(&endpoint.address);
        assert_string_equal(mapped ? strrchr(text, ':') + 1 : text, cases[i].text);
        assert_int_equal(sockaddr_to_endpoint((struct sockaddr *)&storage, length, &back), 0);
        assert_true(rill_address_equal(&back.address, &endpoint.address));
        assert_int_equal(back.port, 8080);
        assert_int_equal(back.zone, cases[i].zone);
        assert_int_equal(sockaddr_to_endpoint((struct sockaddr *)&storage, length - 1, &back),
                         RILL_ERROR_ARGUMENT);
    }
    struct rill_endpoint ipv6 = {.port = 1};
    struct sockaddr_storage storage;
    ipv6.address.bytes[15] = 1;
    assert_int_equal(sockaddr_from_endpoint(&ipv6, AF_INET, &storage), 0);
    storage.ss_family = AF_UNIX;
    assert_int_equal(sockaddr_to_endpoint((struct sockaddr *)&storage, sizeof storage, &ipv6),
                     RILL_ERROR_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(megabytes_cross_both_ways_in_pieces_of_any_size),
        cmocka_unit_test(a_datagram_to_a_group_reaches_who_has_joined),
        cmocka_unit_test(a_socket_joins_and_leaves_groups),
        cmocka_unit_test(without_memory_each_call_says_so_and_nothing_is_lost),
        cmocka_unit_test(an_endpoint_is_what_the_kernel_writes),
    };
    return cmocka_run_group_tests_name("socket", tests, 0, 0);
}
