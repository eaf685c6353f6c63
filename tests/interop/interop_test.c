/* tests/interop/interop_test.c: rill and the kernel's TCP, each as client and as server, with what
 * the kernel offers switched on and off by its sysctls: what the handshake agreed on is the same in
 * both ends' words, and 300,000 bytes cross each way. Keepalive, linger, urgent data; a path that
 * becomes narrow, with a router that says so and without. */
#include "tunnel.h"

#include "../world.h"
#include <rill/tcpi.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PORT = 7000, BULK = 300000, TRIES = 8000 };

static struct {
    struct test_memory memory;
    struct rill_allocator allocator;
    struct rill_pool *pool;
    struct rill_stack *stack;
    rill_time begin, now;
    size_t narrow;    /* packets of rill's longer than this vanish; 0: none */
    bool router;      /* and somebody says so */
    rill_handle ours; /* rill's end */
    int theirs;       /* the kernel's */
} host;

static const char *why_not;

static int open_world(void **state) {
    (void)state;
    why_not = tunnel_open();
    return 0;
}

static struct rill_endpoint endpoint(uint8_t last, uint16_t port) {
    struct rill_endpoint at = {rill_address_ipv4(10, 77, 0, last), port, 0};
    return at;
}

static void host_open(void (*change)(struct rill_stack_config *)) {
    struct rill_stack_config config;
    struct rill_interface_config interface;
    uint32_t number;
    memset(&host, 0, sizeof host);
    host.theirs = -1;
    host.allocator = test_allocator(&host.memory);
    host.pool = rill_pool_open(&host.allocator, 0);
    rill_stack_config_default(&config);
    config.allocator = host.allocator;
    config.pool = host.pool;
    config.seed[0] = tunnel_now(); /* other ports and numbers than the last host's */
    config.check = true;
    config.mtu_probing = RILL_MTU_PROBING_BLACK_HOLE;
    if (change)
        change(&config);
    rill_interface_config_default(&interface);
    interface.mtu = 1500;
    struct rill_address address = rill_address_ipv4(10, 77, 0, 2);
    host.begin = tunnel_now();
    assert_int_equal(rill_stack_open(&config, &host.stack), 0);
    assert_int_equal(rill_interface_add(host.stack, &interface, &number), 0);
    assert_int_equal(rill_address_add(host.stack, number, &address, 24), 0);
}

static void host_close(void) {
    if (host.theirs >= 0)
        close(host.theirs);
    rill_stack_close(host.stack);
    rill_pool_close(host.pool);
    assert_int_equal(host.memory.live_bytes, 0);
}

static uint16_t checksum(const uint8_t *data, size_t length) {
    uint32_t sum = 0;
    for (size_t i = 0; i < length; i += 2)
        sum += (uint32_t)data[i] << 8 | data[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void arrive(const uint8_t *packet, size_t length) {
    struct rill_packet *in = rill_packet_open(host.pool);
    struct rill_block *block = rill_block_open(host.pool, length);
    assert_true(in && block);
    memcpy(rill_block_data(block), packet, length);
    struct rill_slice slice = {rill_block_data(block), length, block};
    assert_int_equal(rill_packet_append(in, slice), 0);
    (void)rill_input(host.stack, 0, &in, 1, host.now);
}

/* The router on the way says that the packet was too big for it. */
static void say_too_big(const uint8_t *packet) {
    uint8_t error[56] = {0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1};
    memcpy(error + 12, "\x0a\x4d\x00\x01\x0a\x4d\x00\x02", 8);
    error[20] = 3;
    error[21] = 4;
    error[26] = (uint8_t)(host.narrow >> 8);
    error[27] = (uint8_t)host.narrow;
    memcpy(error + 28, packet, 28);
    uint16_t sum = checksum(error, 20);
    error[10] = (uint8_t)(sum >> 8);
    error[11] = (uint8_t)sum;
    sum = checksum(error + 20, 36);
    error[22] = (uint8_t)(sum >> 8);
    error[23] = (uint8_t)sum;
    arrive(error, sizeof error);
}

static void leave(struct rill_packet *out) {
    static uint8_t bytes[65536];
    size_t length = out->length;
    rill_packet_flatten(out, bytes);
    rill_packet_drop(out);
    if (!host.narrow || length <= host.narrow)
        tunnel_put(bytes, length);
    else if (host.router)
        say_too_big(bytes);
}

/* One round of the loop: what is there goes in and out, and a millisecond at most passes. */
static void turn(void) {
    static uint8_t bytes[65536];
    struct rill_packet *packets[64];
    struct rill_event events[64];
    size_t n;
    (void)tunnel_wait(1);
    host.now = tunnel_now() - host.begin;
    while ((n = tunnel_get(bytes, sizeof bytes)) > 0)
        arrive(bytes, n);
    (void)rill_advance(host.stack, host.now, 0);
    while ((n = rill_output(host.stack, 0, packets, 64, SIZE_MAX, host.now)) > 0)
        for (size_t i = 0; i < n; i++)
            leave(packets[i]);
    while (rill_events(host.stack, events, 64))
        ;
}

static int kernel_socket(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    return fd;
}

static struct sockaddr_in kernel_address(uint8_t last, uint16_t port) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    in.sin_addr.s_addr = htonl(0x0a4d0000u | last);
    return in;
}

static void connect_rill(void) {
    static uint16_t port = PORT;
    struct sockaddr_in at = kernel_address(1, ++port);
    struct rill_tcp_connect_config config;
    int listener = kernel_socket();
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 5), 0);
    rill_tcp_connect_config_default(&config);
    config.remote = endpoint(1, port);
    assert_int_equal(rill_tcp_connect(host.stack, &config, &host.ours), 0);
    for (int i = 0; i < TRIES && host.theirs < 0; i++) {
        turn();
        host.theirs = accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
    }
    close(listener);
}

static void connect_kernel(void) {
    struct rill_tcp_listen_config config;
    rill_handle listener;
    struct sockaddr_in to = kernel_address(2, PORT);
    rill_tcp_listen_config_default(&config);
    config.local = endpoint(2, PORT);
    assert_int_equal(rill_tcp_listen(host.stack, &config, &listener), 0);
    host.theirs = kernel_socket();
    assert_int_equal(connect(host.theirs, (struct sockaddr *)&to, sizeof to), -1);
    for (int i = 0; i < TRIES && rill_tcp_accept(host.stack, listener, &host.ours); i++)
        turn();
}

static void connect_by(bool rill_opens) {
    rill_opens ? connect_rill() : connect_kernel();
    assert_true(host.ours && host.theirs >= 0);
    for (int i = 0; i < 20; i++)
        turn();
}

/* Both ways at once; every byte is looked at. */
static void exchange(size_t length) {
    static uint8_t out[4096], in[4096];
    size_t sent[2] = {0, 0}, got[2] = {0, 0}; /* by rill, by the kernel */
    for (int i = 0; i < 20 * TRIES && (got[0] < length || got[1] < length); i++) {
        for (int side = 0; side < 2; side++) {
            size_t part = length - sent[side] < sizeof out ? length - sent[side] : sizeof out;
            for (size_t k = 0; k < part; k++)
                out[k] = test_byte((uint64_t)side, sent[side] + k);
            int64_t n = !part  ? 0
                        : side ? send(host.theirs, out, part, MSG_NOSIGNAL)
                               : rill_tcp_send(host.stack, host.ours, out, part);
            sent[side] += n > 0 ? (size_t)n : 0;
            n = side ? recv(host.theirs, in, sizeof in, 0)
                     : rill_tcp_receive(host.stack, host.ours, in, sizeof in);
            for (int64_t k = 0; k < n; k++)
                assert_int_equal(in[k], test_byte((uint64_t)!side, got[side] + (size_t)k));
            got[side] += n > 0 ? (size_t)n : 0;
        }
        turn();
    }
    assert_int_equal(got[0], length);
    assert_int_equal(got[1], length);
    for (int i = 0; i < 60; i++) /* the last ACK may be a delayed one */
        turn();
}

static struct rill_tcpi kernel_tcpi(void) {
    struct rill_tcpi info;
    socklen_t length = sizeof info;
    memset(&info, 0, sizeof info);
    assert_int_equal(getsockopt(host.theirs, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    return info;
}

static struct rill_tcpi rill_tcpi(void) {
    struct rill_tcpi info;
    assert_int_equal(rill_tcp_get_tcpi(host.stack, host.ours, &info), 0);
    return info;
}

/* What `ss -tio` says of the kernel's end. */
static bool ss_says(const char *word) {
    struct sockaddr_in local;
    socklen_t length = sizeof local;
    char command[160], line[1024], all[4096] = " ";
    assert_int_equal(getsockname(host.theirs, (struct sockaddr *)&local, &length), 0);
    snprintf(command, sizeof command, "ss -tinoH sport = :%d 2> /dev/null", ntohs(local.sin_port));
    FILE *ss = popen(command, "r");
    while (ss && fgets(line, sizeof line, ss) && strlen(all) + strlen(line) + 2 < sizeof all)
        strcat(all, line);
    if (ss)
        pclose(ss);
    char wanted[64];
    snprintf(wanted, sizeof wanted, " %s", word);
    for (char *at = all; *at; at++)
        if (*at == '\n' || *at == '\t')
            *at = ' ';
    return strstr(all, wanted) != 0;
}

static void normal_sysctls(void) {
    (void)tunnel_sysctl("tcp_timestamps", 1);
    (void)tunnel_sysctl("tcp_sack", 1);
    (void)tunnel_sysctl("tcp_window_scaling", 1);
    (void)tunnel_sysctl("tcp_ecn", 0);
}

static void ask_ecn(struct rill_stack_config *config) {
    config->ecn = RILL_ECN_ASK;
}

struct offer {
    const char *sysctl;
    int value;
    uint8_t options;  /* enum rill_tcpi_option that both must then say, of the four */
    const char *word; /* that ss says, or with a ! does not say */
};

static void agree_on(const struct offer *offer) {
    uint8_t four =
        RILL_TCPI_OPT_TIMESTAMPS | RILL_TCPI_OPT_SACK | RILL_TCPI_OPT_WSCALE | RILL_TCPI_OPT_ECN;
    if (!tunnel_sysctl(offer->sysctl, offer->value)) {
        printf("# the kernel has no %s=%d\n", offer->sysctl, offer->value);
        return;
    }
    for (int rill_opens = 0; rill_opens < 2; rill_opens++) {
        host_open(ask_ecn);
        connect_by(rill_opens);
        exchange(BULK);
        struct rill_tcpi kernel = kernel_tcpi(), rill = rill_tcpi();
        assert_int_equal(rill.tcpi_options & four, offer->options);
        assert_int_equal(kernel.tcpi_options & four, offer->options);
        assert_int_equal(rill.tcpi_snd_wscale, kernel.tcpi_rcv_wscale);
        assert_int_equal(rill.tcpi_rcv_wscale, kernel.tcpi_snd_wscale);
        assert_int_equal(rill.tcpi_snd_mss, kernel.tcpi_snd_mss);
        assert_int_equal(rill.tcpi_bytes_received, BULK);
        assert_int_equal(rill.tcpi_bytes_acked, kernel.tcpi_bytes_received + (rill_opens != 0));
        assert_int_equal(ss_says(offer->word + (offer->word[0] == '!')), offer->word[0] != '!');
        host_close();
    }
    normal_sysctls();
}

static void both_agree_on_what_the_kernel_offers(void **state) {
    (void)state;
    static const struct offer offers[] = {
        {"tcp_timestamps", 1, 1 | 2 | 4, "ts"},
        {"tcp_timestamps", 0, 2 | 4, "!ts"},
        {"tcp_sack", 0, 1 | 4, "!sack"},
        {"tcp_sack", 1, 1 | 2 | 4, "sack"},
        {"tcp_window_scaling", 0, 1 | 2, "!wscale:"},
        {"tcp_ecn", 1, 1 | 2 | 4 | 8, "ecn"},
        {"tcp_ecn", 0, 1 | 2 | 4, "!ecn"},
    };
    if (why_not) {
        printf("# skipped: %s\n", why_not);
        skip();
    }
    normal_sysctls();
    for (size_t i = 0; i < sizeof offers / sizeof *offers; i++)
        agree_on(&offers[i]);
}

/* A kernel that offers AccECN meets one that knows RFC 3168 alone: ECN all the same, or none, but
 * never a connection that hangs. */
static void kernel_that_offers_accecn_is_understood(void **state) {
    (void)state;
    if (why_not || !tunnel_sysctl("tcp_ecn", 3)) {
        printf("# skipped: %s\n", why_not ? why_not : "the kernel has no AccECN");
        skip();
    }
    for (int rill_opens = 0; rill_opens < 2; rill_opens++) {
        host_open(ask_ecn);
        connect_by(rill_opens);
        exchange(BULK);
        assert_int_equal(rill_tcpi().tcpi_options & RILL_TCPI_OPT_ECN,
                         kernel_tcpi().tcpi_options & RILL_TCPI_OPT_ECN);
        host_close();
    }
    normal_sysctls();
}

static void keepalives_are_answered_both_ways(void **state) {
    (void)state;
    int one = 1;
    if (why_not)
        skip();
    host_open(0);
    connect_by(true);
    assert_int_equal(setsockopt(host.theirs, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one), 0);
    assert_int_equal(setsockopt(host.theirs, IPPROTO_TCP, TCP_KEEPIDLE, &one, sizeof one), 0);
    assert_int_equal(setsockopt(host.theirs, IPPROTO_TCP, TCP_KEEPINTVL, &one, sizeof one), 0);
    assert_int_equal(rill_tcp_set_option(host.stack, host.ours, RILL_TCP_OPTION_KEEPALIVE_IDLE, 1),
                     0);
    assert_int_equal(rill_tcp_set_option(host.stack, host.ours, RILL_TCP_OPTION_KEEPALIVE_COUNT, 1),
                     0);
    assert_int_equal(rill_tcp_set_option(host.stack, host.ours, RILL_TCP_OPTION_KEEPALIVE, 1), 0);
    uint32_t before = rill_tcpi().tcpi_segs_in;
    rill_time until = tunnel_now() + 3500 * RILL_MILLISECOND;
    while (tunnel_now() < until)
        turn();
    assert_true(rill_tcpi().tcpi_segs_in >= before + 2);
    assert_int_equal(rill_tcpi().tcpi_state, RILL_TCPI_ESTABLISHED);
    assert_int_equal(kernel_tcpi().tcpi_state, RILL_TCPI_ESTABLISHED);
    assert_int_equal(kernel_tcpi().tcpi_probes, 0);
    host_close();
}

static void linger_of_0_resets_both_ways(void **state) {
    (void)state;
    struct linger linger = {1, 0};
    uint8_t byte;
    if (why_not)
        skip();
    host_open(0);
    connect_by(true);
    assert_int_equal(setsockopt(host.theirs, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    close(host.theirs);
    host.theirs = -1;
    for (int i = 0; i < TRIES && rill_tcpi().tcpi_state != RILL_TCPI_CLOSE; i++)
        turn();
    assert_int_equal(rill_tcp_receive(host.stack, host.ours, &byte, 1), RILL_ERROR_RESET);
    host_close();
    host_open(0);
    connect_by(false);
    assert_int_equal(rill_tcp_abort(host.stack, host.ours), 0);
    ssize_t n = -1;
    for (int i = 0; i < TRIES && n < 0; i++) {
        turn();
        n = recv(host.theirs, &byte, 1, 0);
        if (n < 0 && errno == ECONNRESET)
            break;
    }
    assert_int_equal(n, -1);
    assert_int_equal(errno, ECONNRESET);
    host_close();
}

static void urgent_byte_is_marked_both_ways(void **state) {
    (void)state;
    uint8_t bytes[16];
    int mark = 0;
    if (why_not)
        skip();
    host_open(0);
    connect_by(true);
    assert_int_equal(send(host.theirs, "abcd", 4, MSG_OOB), 4);
    struct rill_tcp_info info = {.receive_queued = 0};
    for (int i = 0; i < TRIES && info.receive_queued < 4; i++) {
        turn();
        assert_int_equal(rill_tcp_get_info(host.stack, host.ours, &info), 0);
    }
    assert_int_equal(info.urgent_after, 3); /* d */
    assert_int_equal(rill_tcp_send(host.stack, host.ours, "wxyz", 4), 4);
    assert_int_equal(rill_tcp_set_option(host.stack, host.ours, RILL_TCP_OPTION_URGENT, 1), 0);
    ssize_t n = -1;
    for (int i = 0; i < TRIES && n < 0; i++) {
        turn();
        n = recv(host.theirs, bytes, 1, MSG_OOB);
    }
    assert_int_equal(n, 1);
    assert_int_equal(bytes[0], 'z');
    assert_int_equal(recv(host.theirs, bytes, sizeof bytes, 0), 3);
    assert_int_equal(ioctl(host.theirs, SIOCATMARK, &mark), 0);
    assert_int_equal(mark, 1);
    host_close();
}

static void path_becomes_narrow(bool router) {
    host_open(0);
    connect_by(true);
    exchange(BULK);
    host.narrow = 1200;
    host.router = router;
    static uint8_t bytes[4096];
    size_t sent = 0, got = 0;
    while (sent < BULK) {
        int64_t n = rill_tcp_send(host.stack, host.ours, bytes, sizeof bytes);
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    rill_time until = tunnel_now() + 30 * RILL_SECOND;
    while (got < sent && tunnel_now() < until) {
        turn();
        ssize_t n = recv(host.theirs, bytes, sizeof bytes, 0);
        got += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(got, sent);
    assert_in_range(rill_tcpi().tcpi_snd_mss, 1024, 1200 - 40 - 12);
    host_close();
}

static void path_that_becomes_narrow_is_followed_with_icmp(void **state) {
    (void)state;
    if (why_not)
        skip();
    path_becomes_narrow(true);
}

static void path_that_becomes_narrow_is_followed_without_icmp(void **state) {
    (void)state;
    if (why_not)
        skip();
    path_becomes_narrow(false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_agree_on_what_the_kernel_offers),
        cmocka_unit_test(kernel_that_offers_accecn_is_understood),
        cmocka_unit_test(keepalives_are_answered_both_ways),
        cmocka_unit_test(linger_of_0_resets_both_ways),
        cmocka_unit_test(urgent_byte_is_marked_both_ways),
        cmocka_unit_test(path_that_becomes_narrow_is_followed_with_icmp),
        cmocka_unit_test(path_that_becomes_narrow_is_followed_without_icmp),
    };
    return cmocka_run_group_tests_name("interop", tests, open_world, 0);
}
