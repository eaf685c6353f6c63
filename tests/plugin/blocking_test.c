/* tests/plugin/blocking_test.c: librill-packetdrill.so as packetdrill's two threads use it: a call
 * that blocks sleeps in the kernel, returns when it can, and is stamped with that moment, however
 * soon the main thread goes on. */
#include "plugin/packetdrill.h"

#include "base/bytes.h"
#include "wire/tcp.h"

#include <rill/rill.h>

#include <setjmp.h>
#include <stdarg.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static struct packetdrill_interface so;
static void (*init)(const char *flags, struct packetdrill_interface *interface);
static int (*preloaded)(int fd, int level, int option, void *value, socklen_t *length);

static long long now(void) {
    struct timeval time;
    so.gettimeofday(so.userdata, &time, 0);
    return time.tv_sec * 1000000ll + time.tv_usec;
}

static uint32_t sum_of(const uint8_t *at, size_t length, uint32_t sum) {
    for (size_t i = 0; i + 1 < length; i += 2)
        sum += (uint32_t)(at[i] << 8 | at[i + 1]);
    return length % 2 ? sum + (uint32_t)(at[length - 1] << 8) : sum;
}

static void put_sum(uint8_t *at, uint32_t sum) {
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    bytes_put16(at, (uint16_t)~sum);
}

/* From 192.0.2.1:40000 to 192.168.0.1:8080. */
static void arrives(uint8_t flags, uint32_t sequence, uint32_t acknowledgement, uint32_t length) {
    uint8_t packet[2000] = {0x45}, *tcp = packet + 20;
    uint32_t all = 40 + length;
    bytes_put16(packet + 2, (uint16_t)all);
    packet[8] = 64;
    packet[9] = 6;
    inet_pton(AF_INET, "192.0.2.1", packet + 12);
    inet_pton(AF_INET, "192.168.0.1", packet + 16);
    put_sum(packet + 10, sum_of(packet, 20, 0));
    bytes_put16(tcp, 40000);
    bytes_put16(tcp + 2, 8080);
    bytes_put32(tcp + 4, sequence);
    bytes_put32(tcp + 8, acknowledgement);
    tcp[12] = 5 << 4;
    tcp[13] = flags;
    bytes_put16(tcp + 14, 65535);
    put_sum(tcp + 16, sum_of(tcp, 20 + length, sum_of(packet + 12, 8, 6 + 20 + length)));
    assert_int_equal(so.netdev_send(so.userdata, packet, all), 0);
}

/* The next segment that leaves: its flags, and its sequence number; -1: none will come. */
static int leaves(uint32_t *sequence, long long *when) {
    uint8_t packet[65536];
    size_t length = sizeof packet;
    assert_int_equal(so.netdev_receive(so.userdata, packet, &length, when), 0);
    if (!length)
        return -1;
    *sequence = bytes_get32(packet + 24);
    return packet[33];
}

static struct sockaddr_in address(const char *text, uint16_t port) {
    struct sockaddr_in out = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, text, &out.sin_addr);
    return out;
}

static int listening(void) {
    struct sockaddr_in local = address("192.168.0.1", 8080);
    int fd = so.socket(so.userdata, AF_INET, SOCK_STREAM, IPPROTO_TCP);
    assert_true(fd >= 0);
    assert_int_equal(so.bind(so.userdata, fd, (struct sockaddr *)&local, sizeof local), 0);
    assert_int_equal(so.listen(so.userdata, fd, 1), 0);
    return fd;
}

/* What packetdrill's second thread does. */
struct call {
    pthread_t thread;
    int fd;
    ssize_t (*run)(struct call *call);
    ssize_t result;
    long long returned;
    volatile pid_t tid;
    struct sockaddr_in peer;
    char data[4000];
};

static void *second_thread(void *context) {
    struct call *call = context;
    call->tid = (pid_t)syscall(SYS_gettid);
    call->result = call->run(call);
    call->returned = now();
    return 0;
}

/* Starts it and waits, as packetdrill does, until the kernel says that it sleeps. */
static void begin(struct call *call) {
    char path[64], line[256] = "";
    pthread_create(&call->thread, 0, second_thread, call);
    while (!call->tid)
        usleep(100);
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)call->tid);
    for (int i = 0; i < 5000; i++) {
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        char *read_line = fgets(line, sizeof line, file);
        fclose(file);
        if (read_line && strstr(line, ") S"))
            return;
        usleep(1000);
    }
    fail_msg("it does not sleep: %s", line);
}

static ssize_t accept_it(struct call *call) {
    socklen_t length = sizeof call->peer;
    return so.accept(so.userdata, call->fd, (struct sockaddr *)&call->peer, &length);
}

static ssize_t read_it(struct call *call) {
    return so.read(so.userdata, call->fd, call->data, sizeof call->data);
}

static ssize_t poll_it(struct call *call) {
    struct pollfd one = {call->fd, POLLIN, 0};
    return so.poll(so.userdata, &one, 1, 50);
}

static ssize_t write_it(struct call *call) {
    static char much[1 << 20];
    return so.write(so.userdata, call->fd, much, sizeof much);
}

/* A connection accepted by a call that blocks; returns its descriptor. */
static int accepted(int listener, uint32_t *iss) {
    struct call call = {.fd = listener, .run = accept_it};
    long long when;
    begin(&call);
    arrives(WIRE_SYN, 1000, 0, 0);
    assert_int_equal(leaves(iss, &when), WIRE_SYN | WIRE_ACK);
    so.usleep(so.userdata, 10000);
    long long before = now();
    arrives(WIRE_ACK, 1001, *iss + 1, 0);
    so.usleep(so.userdata, 1000000); /* the clock waits for the stamp */
    pthread_join(call.thread, 0);
    assert_true(call.result >= 0);
    assert_in_range(call.returned - before, 0, 100);
    assert_int_equal(call.peer.sin_family, AF_INET);
    assert_int_equal(ntohs(call.peer.sin_port), 40000);
    return (int)call.result;
}

static int open_one(void **state) {
    (void)state;
    memset(&so, 0, sizeof so);
    init(0, &so);
    return 0;
}

static int close_one(void **state) {
    (void)state;
    so.free(so.userdata);
    return 0;
}

static void accept_sleeps_and_is_stamped_when_the_handshake_ends(void **state) {
    (void)state;
    uint32_t iss;
    int listener = listening(), fd = accepted(listener, &iss);
    struct tcp_info info;
    socklen_t length = sizeof info;
    assert_int_equal(preloaded(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    assert_int_equal(info.tcpi_state, 1);
    assert_int_equal(close(fd), 0); /* by packetdrill itself */
    assert_int_equal(close(listener), 0);
}

static void read_returns_what_arrives(void **state) {
    (void)state;
    uint32_t iss;
    int listener = listening(), fd = accepted(listener, &iss);
    struct call call = {.fd = fd, .run = read_it};
    begin(&call);
    so.usleep(so.userdata, 20000);
    long long before = now();
    arrives(WIRE_ACK, 1001, iss + 1, 700);
    so.usleep(so.userdata, 300000);
    pthread_join(call.thread, 0);
    assert_int_equal(call.result, 700);
    assert_in_range(call.returned - before, 0, 100);
    assert_int_equal(so.close(so.userdata, fd), 0);
    assert_int_equal(so.close(so.userdata, listener), 0);
}

static void poll_gives_up_in_virtual_time(void **state) {
    (void)state;
    struct call call = {.fd = listening(), .run = poll_it};
    begin(&call);
    long long before = now();
    so.usleep(so.userdata, 400000);
    pthread_join(call.thread, 0);
    assert_int_equal(call.result, 0);
    assert_in_range(call.returned - before, 49000, 51000);
}

static void write_that_blocks_takes_all_of_it(void **state) {
    (void)state;
    uint32_t iss, sequence, highest;
    long long when;
    int listener = listening(), fd = accepted(listener, &iss);
    struct call call = {.fd = fd, .run = write_it};
    begin(&call);
    highest = iss + 1;
    while (!call.returned) { /* each segment is acknowledged as it comes */
        if (leaves(&sequence, &when) < 0)
            break;
        uint32_t end = sequence + 1460;
        if ((int32_t)(end - highest) > 0)
            highest = end;
        arrives(WIRE_ACK, 1001, highest, 0);
    }
    pthread_join(call.thread, 0);
    assert_int_equal(call.result, 1 << 20);
}

static void unanswered_syn_is_sent_again_and_ends_without_real_time(void **state) {
    (void)state;
    struct sockaddr_in remote = address("192.0.2.1", 8080);
    uint32_t sequence;
    long long first, second;
    int fd = so.socket(so.userdata, AF_INET, SOCK_STREAM, IPPROTO_TCP);
    so.fcntl(so.userdata, fd, F_SETFL, O_RDWR | O_NONBLOCK);
    assert_int_equal(so.connect(so.userdata, fd, (struct sockaddr *)&remote, sizeof remote), -1);
    assert_int_equal(leaves(&sequence, &first), WIRE_SYN);
    assert_int_equal(leaves(&sequence, &second), WIRE_SYN);
    assert_in_range(second - first, 995000, 1030000);
    while (leaves(&sequence, &second) >= 0) /* until it is given up */
        assert_true(second - first < 1000000000ll);
    char byte;
    assert_int_equal(so.read(so.userdata, fd, &byte, 1), -1);
}

/* Several scripts may be run by one process. */
static void each_script_has_a_host_of_its_own(void **state) {
    for (int i = 0; i < 3; i++) {
        uint32_t iss;
        accepted(listening(), &iss);
        so.free(so.userdata);
        open_one(state);
    }
}

int main(void) {
    void *object = dlopen(RILL_PLUGIN, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE | RTLD_DEEPBIND);
    if (!object) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    *(void **)&init = dlsym(object, "packetdrill_interface_init");
    *(void **)&preloaded = dlsym(object, "getsockopt");
#define WITH(test) cmocka_unit_test_setup_teardown(test, open_one, close_one)
    const struct CMUnitTest tests[] = {
        WITH(accept_sleeps_and_is_stamped_when_the_handshake_ends),
        WITH(read_returns_what_arrives),
        WITH(poll_gives_up_in_virtual_time),
        WITH(write_that_blocks_takes_all_of_it),
        WITH(unanswered_syn_is_sent_again_and_ends_without_real_time),
        WITH(each_script_has_a_host_of_its_own),
    };
    return cmocka_run_group_tests_name("packetdrill", tests, 0, 0);
}
