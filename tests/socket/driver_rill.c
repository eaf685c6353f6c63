/* tests/socket/driver_rill.c: rill on its loopback, in virtual time. */
#include "driver.h"

#include "../world.h"
#include <string.h>

static struct {
    struct test_memory memory;
    struct rill_allocator allocator;
    struct rill_pool *pool;
    struct rill_stack *stack;
    struct rill_sockets *sockets;
    rill_time now;
} host;

static bool add_address(const char *text, uint8_t prefix) {
    struct rill_address address;
    return !rill_address_parse(text, &address) &&
           !rill_address_add(host.stack, 0, &address, prefix);
}

static void begin(void) {
    static uint64_t seed;
    struct rill_stack_config config;
    struct rill_interface_config interface;
    struct rill_sockets_config sockets;
    uint32_t number;
    memset(&host, 0, sizeof host);
    host.allocator = test_allocator(&host.memory);
    host.pool = rill_pool_open(&host.allocator, 0);
    rill_stack_config_default(&config);
    config.allocator = host.allocator;
    config.pool = host.pool;
    config.seed[0] = ++seed;
    config.check = true;
    config.syn_retries = 1; /* as the kernel is told */
    rill_interface_config_default(&interface);
    interface.mtu = 65535;
    interface.flags = RILL_INTERFACE_LOOPBACK;
    rill_sockets_config_default(&sockets);
    sockets.allocator = host.allocator;
    sockets.first = 3;
    if (rill_stack_open(&config, &host.stack) ||
        rill_interface_add(host.stack, &interface, &number) || !add_address("127.0.0.1", 8) ||
        !add_address("::1", 128) || rill_sockets_open(host.stack, &sockets, &host.sockets))
        host.sockets = 0;
}

static void end(void) {
    rill_sockets_close(host.sockets);
    rill_stack_close(host.stack);
    rill_pool_close(host.pool);
}

static void flush(void) {
    struct rill_packet *packets[64];
    size_t n;
    while ((n = rill_output(host.stack, 0, packets, 64, SIZE_MAX, host.now)) > 0)
        rill_input(host.stack, 0, packets, n, host.now);
}

static void wait(unsigned milliseconds) {
    rill_time until = host.now + milliseconds * RILL_MILLISECOND;
    struct rill_event events[64];
    flush();
    while (rill_deadline(host.stack) <= until) {
        host.now = rill_deadline(host.stack);
        rill_advance(host.stack, host.now, 0);
        flush();
        while (rill_events(host.stack, events, 64))
            ;
    }
    host.now = until;
    rill_advance(host.stack, host.now, 0);
}

static int do_socket(int family, int type, int protocol) {
    return rill_socket(host.sockets, family, type, protocol);
}

static int do_close(int fd) {
    return rill_socket_close(host.sockets, fd);
}

static int do_bind(int fd, int family, const struct rill_endpoint *local) {
    (void)family;
    return rill_bind(host.sockets, fd, local);
}

static int do_listen(int fd, int backlog) {
    return rill_listen(host.sockets, fd, backlog);
}

static int do_accept(int fd, struct rill_endpoint *peer) {
    return rill_accept(host.sockets, fd, peer);
}

static int do_connect(int fd, int family, const struct rill_endpoint *remote) {
    (void)family;
    return rill_connect(host.sockets, fd, remote);
}

static int do_shutdown(int fd, int how) {
    return rill_shutdown(host.sockets, fd, how);
}

static int64_t do_sendto(int fd, const void *data, size_t length, int flags, int family,
                         const struct rill_endpoint *to) {
    (void)family;
    return rill_sendto(host.sockets, fd, data, length, flags, to);
}

static int64_t do_recvfrom(int fd, void *data, size_t length, int flags,
                           struct rill_endpoint *from) {
    return rill_recvfrom(host.sockets, fd, data, length, flags, from);
}

static int do_getsockname(int fd, struct rill_endpoint *out) {
    return rill_getsockname(host.sockets, fd, out);
}

static int do_getpeername(int fd, struct rill_endpoint *out) {
    return rill_getpeername(host.sockets, fd, out);
}

static int do_setsockopt(int fd, int level, int option, const void *value, size_t length) {
    return rill_setsockopt(host.sockets, fd, level, option, value, length);
}

static int do_getsockopt(int fd, int level, int option, void *value, size_t *length) {
    return rill_getsockopt(host.sockets, fd, level, option, value, length);
}

static int do_ioctl(int fd, unsigned long request, int *value) {
    return rill_ioctl(host.sockets, fd, request, value);
}

static int do_poll(int fd, int events) {
    struct rill_pollfd one = {fd, (short)events, 0};
    (void)rill_poll(host.sockets, &one, 1);
    return one.revents;
}

const struct driver rill_driver = {
    "rill",        begin,         end,         wait,           do_socket,
    do_close,      do_bind,       do_listen,   do_accept,      do_connect,
    do_shutdown,   do_sendto,     do_recvfrom, do_getsockname, do_getpeername,
    do_setsockopt, do_getsockopt, do_ioctl,    do_poll};
