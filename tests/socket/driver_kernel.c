/* tests/socket/driver_kernel.c: the kernel's sockets over the loopback of a network namespace that
 * this process makes for itself and that goes with it. */
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint8_t opened[1024]; /* descriptors of the present scenario */

static bool write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    bool ok = file && fputs(text, file) >= 0;
    return file && !fclose(file) && ok;
}

/* A new namespace with its loopback up; why not, or null. */
static const char *make_world(int flags) {
    struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    if (unshare(flags))
        return "no network namespace can be made";
    int fd = socket(AF_INET, SOCK_DGRAM, 0), fd6 = socket(AF_INET6, SOCK_DGRAM, 0);
    int got = ioctl(fd, SIOCSIFFLAGS, &up);
    close(fd);
    close(fd6);
    if (got || fd6 < 0)
        return "the namespace's loopback cannot be set up";
    /* One retry: an attempt to connect ends after 3 s, as rill's does. */
    if (!write_file("/proc/sys/net/ipv4/tcp_syn_retries", "1"))
        return "the namespace's /proc/sys is not to be written";
    (void)write_file("/proc/sys/net/ipv4/tcp_syn_linear_timeouts", "0"); /* since Linux 6.5 */
    return 0;
}

/* What the last scenario has left in TIME-WAIT stays behind in its namespace. */
static void begin(void) {
    memset(opened, 0, sizeof opened);
    if (make_world(CLONE_NEWNET))
        abort();
}

static void end(void) {
    for (int fd = 0; fd < (int)sizeof opened; fd++)
        if (opened[fd])
            close(fd);
}

static void wait(unsigned milliseconds) {
    struct timespec time = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    while (nanosleep(&time, &time) && errno == EINTR)
        ;
}

static int result(int value) {
    return value < 0 ? -errno : value;
}

static int note(int fd) {
    if (fd >= 0 && fd < (int)sizeof opened)
        opened[fd] = 1;
    return result(fd);
}

static socklen_t to_sockaddr(const struct rill_endpoint *endpoint, int family,
                             struct sockaddr_storage *out) {
    memset(out, 0, sizeof *out);
    if (family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(endpoint->port);
        memcpy(&in->sin_addr, endpoint->address.bytes + 12, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(endpoint->port);
    memcpy(&in6->sin6_addr, endpoint->address.bytes, 16);
    return sizeof *in6;
}

static void from_sockaddr(const struct sockaddr_storage *from, socklen_t length,
                          struct rill_endpoint *out) {
    memset(out, 0, sizeof *out);
    if (length && from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        const uint8_t *bytes = (const uint8_t *)&in->sin_addr;
        if (in->sin_addr.s_addr)
            out->address = rill_address_ipv4(bytes[0], bytes[1], bytes[2], bytes[3]);
        out->port = ntohs(in->sin_port);
    } else if (length && from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
        memcpy(out->address.bytes, &in6->sin6_addr, 16);
        out->port = ntohs(in6->sin6_port);
    }
}

static int do_socket(int family, int type, int protocol) {
    return note(socket(family, type | SOCK_NONBLOCK, protocol));
}

static int do_close(int fd) {
    if (fd >= 0 && fd < (int)sizeof opened)
        opened[fd] = 0;
    return result(close(fd));
}

static int do_bind(int fd, int family, const struct rill_endpoint *local) {
    struct sockaddr_storage address;
    socklen_t length = to_sockaddr(local, family, &address);
    return result(bind(fd, (struct sockaddr *)&address, length));
}

static int do_listen(int fd, int backlog) {
    return result(listen(fd, backlog));
}

static int do_accept(int fd, struct rill_endpoint *peer) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int got = note(accept4(fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK));
    if (got >= 0 && peer)
        from_sockaddr(&address, length, peer);
    return got;
}

static int do_connect(int fd, int family, const struct rill_endpoint *remote) {
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof address;
    if (remote)
        length = to_sockaddr(remote, family, &address);
    return result(connect(fd, (struct sockaddr *)&address, length));
}

static int do_shutdown(int fd, int how) {
    return result(shutdown(fd, how));
}

static int64_t do_sendto(int fd, const void *data, size_t length, int flags, int family,
                         const struct rill_endpoint *to) {
    struct sockaddr_storage address;
    socklen_t size = to ? to_sockaddr(to, family, &address) : 0;
    return result((int)sendto(fd, data, length, flags | MSG_NOSIGNAL,
                              to ? (struct sockaddr *)&address : 0, size));
}

static int64_t do_recvfrom(int fd, void *data, size_t length, int flags,
                           struct rill_endpoint *from) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    ssize_t n = recvfrom(fd, data, length, flags, (struct sockaddr *)&address, &size);
    if (n >= 0 && from)
        from_sockaddr(&address, size, from);
    return result((int)n);
}

static int do_getsockname(int fd, struct rill_endpoint *out) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int got = getsockname(fd, (struct sockaddr *)&address, &length);
    if (!got)
        from_sockaddr(&address, length, out);
    return result(got);
}

static int do_getpeername(int fd, struct rill_endpoint *out) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int got = getpeername(fd, (struct sockaddr *)&address, &length);
    if (!got)
        from_sockaddr(&address, length, out);
    return result(got);
}

static int do_setsockopt(int fd, int level, int option, const void *value, size_t length) {
    return result(setsockopt(fd, level, option, value, (socklen_t)length));
}

static int do_getsockopt(int fd, int level, int option, void *value, size_t *length) {
    socklen_t room = (socklen_t)*length;
    int got = getsockopt(fd, level, option, value, &room);
    *length = room;
    return result(got);
}

static int do_ioctl(int fd, unsigned long request, int *value) {
    return result(ioctl(fd, request, value));
}

static int do_poll(int fd, int events) {
    struct pollfd one = {fd, (short)events, 0};
    (void)poll(&one, 1, 0);
    return one.revents;
}

static const struct driver driver = {
    "kernel",      begin,         end,         wait,           do_socket,
    do_close,      do_bind,       do_listen,   do_accept,      do_connect,
    do_shutdown,   do_sendto,     do_recvfrom, do_getsockname, do_getpeername,
    do_setsockopt, do_getsockopt, do_ioctl,    do_poll};

const struct driver *kernel_driver(const char **why) {
    *why = make_world(CLONE_NEWNET);
    if (*why)
        *why = make_world(CLONE_NEWUSER | CLONE_NEWNET);
    return *why ? 0 : &driver;
}
