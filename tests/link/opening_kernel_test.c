/* tests/link/opening_kernel_test.c: handshakes with the kernel over a TUN device, in a network
 * namespace that this process makes for itself: Fast Open in both roles (RFC 7413), and SYN cookies
 * with what the kernel's SYN may offer (RFC 4987). Skipped by name without root or TUN. */
#include "link/link.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE (10 * RILL_SECOND)

struct bench {
    struct test_memory memory;
    struct rill_allocator allocator;
    struct rill_pool *pool;
    struct rill_stack_config config;
    struct rill_stack *stack;
    struct link *tun;
    int fd, listener; /* the kernel's */
    rill_handle own, own_listener;
};

static rill_time now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (rill_time)at.tv_sec * RILL_SECOND + (rill_time)at.tv_nsec;
}

static bool sysctl(const char *name, int value) {
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", name);
    FILE *file = fopen(path, "w");
    bool ok = file && fprintf(file, "%d\n", value) > 0;
    return file && fclose(file) == 0 && ok;
}

static void init(struct bench *bench) {
    memset(bench, 0, sizeof *bench);
    bench->fd = bench->listener = -1;
    bench->allocator = test_allocator(&bench->memory);
    bench->pool = rill_pool_open(&bench->allocator, 0);
    assert_non_null(bench->pool);
    rill_stack_config_default(&bench->config);
    bench->config.allocator = bench->allocator;
    bench->config.pool = bench->pool;
    bench->config.seed[0] = now();
}

static void open_bench(struct bench *bench) {
    struct link_error error;
    struct link_prefix peer = {rill_address_ipv4(10, 77, 0, 1), 24};
    struct link_config config = {.link = "tun:rill0", .peers = &peer, .peer_count = 1};
    struct rill_interface_config interface;
    struct rill_address own = rill_address_ipv4(10, 77, 0, 2);
    uint32_t number;
    bench->tun = link_open(&config, &error);
    if (!bench->tun)
        fail_msg("%s", error.text);
    rill_interface_config_default(&interface);
    interface.mtu = bench->tun->mtu;
    interface.flags = bench->tun->flags;
    assert_int_equal(rill_stack_open(&bench->config, &bench->stack), 0);
    assert_int_equal(rill_interface_add(bench->stack, &interface, &number), 0);
    assert_int_equal(rill_address_add(bench->stack, number, &own, 24), 0);
}

static void close_bench(struct bench *bench) {
    if (bench->fd >= 0)
        close(bench->fd);
    if (bench->listener >= 0)
        close(bench->listener);
    rill_stack_close(bench->stack);
    bench->tun->ops->close(bench->tun);
    rill_pool_close(bench->pool);
    assert_int_equal(bench->memory.live_bytes, 0);
}

/* Carries what waits, both ways, and rests a millisecond if nothing does. */
static void pump(struct bench *bench) {
    struct rill_packet *packets[64];
    struct pollfd wait = {.fd = bench->tun->fd, .events = POLLIN};
    (void)poll(&wait, 1, 1);
    size_t n = bench->tun->ops->receive(bench->tun, bench->pool, packets, 64);
    rill_input(bench->stack, 0, packets, n, now());
    rill_advance(bench->stack, now(), 0);
    while ((n = rill_output(bench->stack, 0, packets, 64, SIZE_MAX, now())) > 0) {
        size_t sent = bench->tun->ops->send(bench->tun, packets, n);
        assert_int_equal(sent, n);
        for (size_t i = 0; i < n; i++)
            rill_packet_drop(packets[i]);
    }
}

static struct rill_tcp_info own_info(struct bench *bench) {
    struct rill_tcp_info info;
    memset(&info, 0, sizeof info);
    assert_int_equal(rill_tcp_get_info(bench->stack, bench->own, &info), 0);
    return info;
}

static struct tcp_info kernel_info(int fd) {
    struct tcp_info info;
    socklen_t length = sizeof info;
    memset(&info, 0, sizeof info);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    return info;
}

static int kernel_socket(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    return fd;
}

static struct sockaddr_in kernel_name(const char *address, uint16_t port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, address, &name.sin_addr);
    return name;
}

static void kernel_listen(struct bench *bench) {
    struct sockaddr_in name = kernel_name("10.77.0.1", 80);
    int pending = 5;
    bench->listener = kernel_socket();
    assert_int_equal(bind(bench->listener, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(
        setsockopt(bench->listener, IPPROTO_TCP, TCP_FASTOPEN, &pending, sizeof pending), 0);
    assert_int_equal(listen(bench->listener, 5), 0);
}

static void own_listen(struct bench *bench) {
    struct rill_tcp_listen_config config;
    rill_tcp_listen_config_default(&config);
    config.local.port = 80;
    config.fast_open = 5;
    assert_int_equal(rill_tcp_listen(bench->stack, &config, &bench->own_listener), 0);
}

/* Until the kernel has accepted, and read `length` bytes. */
static void kernel_takes(struct bench *bench, size_t length) {
    char data[4096];
    size_t got = 0;
    rill_time until = now() + PATIENCE;
    while ((bench->fd = accept4(bench->listener, 0, 0, SOCK_NONBLOCK)) < 0) {
        assert_true(now() < until);
        pump(bench);
    }
    while (got < length) {
        ssize_t n = recv(bench->fd, data, sizeof data, 0);
        for (ssize_t i = 0; i < n; i++)
            assert_int_equal((uint8_t)data[i], test_byte(1, got + (size_t)i));
        got += n > 0 ? (size_t)n : 0;
        assert_true(now() < until);
        pump(bench);
    }
}

static void own_takes(struct bench *bench, size_t length) {
    uint8_t data[4096];
    size_t got = 0;
    rill_time until = now() + PATIENCE;
    while (rill_tcp_accept(bench->stack, bench->own_listener, &bench->own)) {
        assert_true(now() < until);
        pump(bench);
    }
    while (got < length) {
        int64_t n = rill_tcp_receive(bench->stack, bench->own, data, sizeof data);
        for (int64_t i = 0; i < n; i++)
            assert_int_equal(data[i], test_byte(1, got + (size_t)i));
        got += n > 0 ? (size_t)n : 0;
        assert_true(now() < until);
        pump(bench);
    }
}

static void fill(uint8_t *data, size_t length) {
    for (size_t i = 0; i < length; i++)
        data[i] = test_byte(1, i);
}

static void own_connect(struct bench *bench, size_t length, int64_t want) {
    struct rill_tcp_connect_config config;
    uint8_t data[2000];
    fill(data, sizeof data);
    rill_tcp_connect_config_default(&config);
    config.remote.address = rill_address_ipv4(10, 77, 0, 1);
    config.remote.port = 80;
    config.fast_open = RILL_FAST_OPEN_TRY;
    rill_advance(bench->stack, now(), 0);
    assert_int_equal(rill_tcp_connect(bench->stack, &config, &bench->own), 0);
    assert_int_equal(rill_tcp_send(bench->stack, bench->own, data, length), want);
}

static void rill_opens_fast_to_the_kernel(void **state) {
    (void)state;
    struct bench bench;
    init(&bench);
    open_bench(&bench);
    kernel_listen(&bench);
    own_connect(&bench, 1000, RILL_ERROR_STATE); /* asks for a cookie */
    kernel_takes(&bench, 0);
    for (int i = 0; i < 20 && own_info(&bench).state != RILL_TCP_ESTABLISHED; i++)
        pump(&bench);
    assert_false(own_info(&bench).syn_data);
    close(bench.fd);
    assert_int_equal(rill_tcp_close(bench.stack, bench.own), 0);
    own_connect(&bench, 1000, 1000);
    kernel_takes(&bench, 1000);
    assert_true(own_info(&bench).syn_data);
    assert_true(kernel_info(bench.fd).tcpi_options & TCPI_OPT_SYN_DATA);
    close_bench(&bench);
}

static int kernel_opens_fast(struct bench *bench, size_t length) {
    struct sockaddr_in name = kernel_name("10.77.0.2", 80);
    uint8_t data[2000];
    fill(data, sizeof data);
    bench->fd = kernel_socket();
    ssize_t n =
        sendto(bench->fd, data, length, MSG_FASTOPEN, (struct sockaddr *)&name, sizeof name);
    return n < 0 ? -errno : (int)n;
}

static void kernel_opens_fast_to_rill(void **state) {
    (void)state;
    struct bench bench;
    init(&bench);
    open_bench(&bench);
    own_listen(&bench);
    assert_int_equal(kernel_opens_fast(&bench, 1000), -EINPROGRESS);
    own_takes(&bench, 0);
    assert_false(own_info(&bench).syn_data);
    close(bench.fd);
    rill_tcp_close(bench.stack, bench.own);
    assert_int_equal(kernel_opens_fast(&bench, 1000), 1000);
    own_takes(&bench, 1000);
    assert_true(own_info(&bench).syn_data);
    for (int i = 0; i < 100 && kernel_info(bench.fd).tcpi_state != 1; i++)
        pump(&bench);
    assert_true(kernel_info(bench.fd).tcpi_options & TCPI_OPT_SYN_DATA);
    close_bench(&bench);
}

/* The cookie the kernel has is another host's: its bytes come after the handshake, and it learns.
 * Then the key is replaced under its hands: the old cookie is still good, and it learns anew. */
static void kernel_learns_a_new_key_without_being_refused(void **state) {
    (void)state;
    struct bench bench;
    uint8_t keys[32], present[32];
    uint32_t most;
    init(&bench);
    open_bench(&bench);
    own_listen(&bench);
    assert_int_equal(kernel_opens_fast(&bench, 100), 100);
    own_takes(&bench, 100);
    assert_false(own_info(&bench).syn_data);
    close(bench.fd);
    assert_int_equal(rill_tcp_fast_open_get(bench.stack, 0, &most, present), 1);
    memset(keys, 0x5a, 16);
    memcpy(keys + 16, present, 16);
    for (uint32_t count = 2; count >= 1; count--) { /* the new one first; then it alone */
        rill_tcp_close(bench.stack, bench.own);
        assert_int_equal(rill_tcp_fast_open_keys(bench.stack, 0, keys, count), 0);
        assert_int_equal(kernel_opens_fast(&bench, 100), 100);
        own_takes(&bench, 100);
        assert_true(own_info(&bench).syn_data);
        for (int i = 0; i < 100 && kernel_info(bench.fd).tcpi_state != 1; i++)
            pump(&bench);
        if (count == 2)
            close(bench.fd);
    }
    close_bench(&bench);
}

static void cookie(int timestamps, int sack, int scaling, int ecn) {
    struct bench bench;
    struct sockaddr_in name = kernel_name("10.77.0.2", 80);
    static uint8_t data[100000];
    size_t sent = 0;
    assert_true(sysctl("tcp_timestamps", timestamps) && sysctl("tcp_sack", sack) &&
                sysctl("tcp_window_scaling", scaling) && sysctl("tcp_ecn", ecn));
    fill(data, sizeof data);
    init(&bench);
    bench.config.syn_cookies = RILL_SYN_COOKIES_ALWAYS;
    open_bench(&bench);
    own_listen(&bench);
    bench.fd = kernel_socket();
    assert_int_equal(connect(bench.fd, (struct sockaddr *)&name, sizeof name), -1);
    assert_int_equal(errno, EINPROGRESS);
    own_takes(&bench, 0);
    struct tcp_info kernel = kernel_info(bench.fd);
    struct rill_tcp_info own = own_info(&bench);
    assert_int_equal(own.timestamps, timestamps);
    assert_int_equal((kernel.tcpi_options & TCPI_OPT_TIMESTAMPS) != 0, timestamps);
    assert_int_equal(own.sack, sack);
    assert_int_equal((kernel.tcpi_options & TCPI_OPT_SACK) != 0, sack);
    assert_int_equal(own.window_scaling, scaling);
    assert_int_equal((kernel.tcpi_options & TCPI_OPT_WSCALE) != 0, scaling);
    bool marked = ecn && timestamps; /* else there is nowhere to keep it */
    assert_int_equal(own.ecn, marked);
    assert_int_equal((kernel.tcpi_options & TCPI_OPT_ECN) != 0, marked);
    rill_time until = now() + PATIENCE;
    size_t got = 0;
    while (got < sizeof data) {
        uint8_t seen[8192];
        ssize_t n = sent < sizeof data ? send(bench.fd, data + sent, sizeof data - sent, 0) : 0;
        sent += n > 0 ? (size_t)n : 0;
        int64_t m = rill_tcp_receive(bench.stack, bench.own, seen, sizeof seen);
        if (m > 0) {
            assert_memory_equal(seen, data + got, (size_t)m);
            got += (size_t)m;
        }
        assert_true(now() < until);
        pump(&bench);
    }
    struct rill_stack_info info;
    rill_stack_get_info(bench.stack, &info);
    assert_int_equal(info.syn_cookies_accepted, 1);
    close_bench(&bench);
}

static void kernel_connects_by_cookie_with_each_option_on_and_off(void **state) {
    (void)state;
    for (int i = 0; i < 16; i++)
        cookie(i & 1, i >> 1 & 1, i >> 2 & 1, i >> 3 & 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rill_opens_fast_to_the_kernel),
        cmocka_unit_test(kernel_opens_fast_to_rill),
        cmocka_unit_test(kernel_learns_a_new_key_without_being_refused),
        cmocka_unit_test(kernel_connects_by_cookie_with_each_option_on_and_off),
    };
    int device = open("/dev/net/tun", O_RDWR);
    if (device < 0 || unshare(CLONE_NEWNET) || !sysctl("tcp_fastopen", 3)) {
        printf(
            "1..1\nok 1 - handshakes with the kernel # SKIP needs root, /dev/net/tun and a network "
            "namespace\n");
        return 0;
    }
    close(device);
    return cmocka_run_group_tests_name("handshakes with the kernel", tests, 0, 0);
}
