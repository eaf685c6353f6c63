/* tests/plugin/driver_calls.c: the functions of rill/socket.h that the interpreter calls, as calls
 * of the interface. Descriptors do not block: the interpreter tries again by itself. */
#include "plugin/driver.h"

#include "link/sockaddr.h"
#include <rill/rill.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define SO driver_so.userdata

/* Which family a descriptor is of, by its number. */
static int domains[1024];

static int domain_of(int fd) {
    return fd >= 0 && fd < 1024 && domains[fd] ? domains[fd] : AF_INET;
}

static int note(int fd, int domain) {
    if (fd >= 0 && fd < 1024)
        domains[fd] = domain;
    if (fd >= 0)
        driver_so.fcntl(SO, fd, F_SETFL, O_NONBLOCK);
    return (int)driver_result(fd);
}

int rill_socket(struct rill_sockets *sockets, int family, int type, int protocol) {
    (void)sockets;
    return note(driver_so.socket(SO, family, type & ~SOCK_NONBLOCK, protocol), family);
}

static socklen_t address_of(int fd, const struct rill_endpoint *endpoint,
                            struct sockaddr_storage *out) {
    return sockaddr_from_endpoint(endpoint, domain_of(fd), out);
}

int rill_bind(struct rill_sockets *sockets, int fd, const struct rill_endpoint *local) {
    struct sockaddr_storage address;
    (void)sockets;
    socklen_t length = address_of(fd, local, &address);
    return (int)driver_result(driver_so.bind(SO, fd, (struct sockaddr *)&address, length));
}

int rill_listen(struct rill_sockets *sockets, int fd, int backlog) {
    (void)sockets;
    return (int)driver_result(driver_so.listen(SO, fd, backlog));
}

int rill_accept(struct rill_sockets *sockets, int fd, struct rill_endpoint *peer) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    (void)sockets;
    int accepted = driver_so.accept(SO, fd, (struct sockaddr *)&address, &length);
    if (accepted < 0)
        return -errno;
    if (sockaddr_to_endpoint((struct sockaddr *)&address, length, peer))
        return -EINVAL;
    return note(accepted, domain_of(fd));
}

int rill_connect(struct rill_sockets *sockets, int fd, const struct rill_endpoint *remote) {
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof address;
    (void)sockets;
    if (remote)
        length = address_of(fd, remote, &address);
    return (int)driver_result(driver_so.connect(SO, fd, (struct sockaddr *)&address, length));
}

int64_t rill_send(struct rill_sockets *sockets, int fd, const void *data, size_t length,
                  int flags) {
    (void)sockets;
    return driver_result(flags ? driver_so.send(SO, fd, data, length, flags)
                               : driver_so.write(SO, fd, data, length));
}

int64_t rill_sendto(struct rill_sockets *sockets, int fd, const void *data, size_t length,
                    int flags, const struct rill_endpoint *to) {
    struct sockaddr_storage address;
    (void)sockets;
    socklen_t used = address_of(fd, to, &address);
    return driver_result(
        driver_so.sendto(SO, fd, data, length, flags, (struct sockaddr *)&address, used));
}

int64_t rill_recv(struct rill_sockets *sockets, int fd, void *data, size_t length, int flags) {
    (void)sockets;
    return driver_result(flags ? driver_so.recv(SO, fd, data, length, flags)
                               : driver_so.read(SO, fd, data, length));
}

int64_t rill_recvmsg(struct rill_sockets *sockets, int fd, struct rill_message *message,
                     int flags) {
    struct iovec iov[64];
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr native = {.msg_iov = iov,
                            .msg_iovlen = message->iov_count,
                            .msg_control = &control,
                            .msg_controllen = sizeof control};
    (void)sockets;
    for (size_t i = 0; i < message->iov_count && i < 64; i++)
        iov[i] = (struct iovec){message->iov[i].base, message->iov[i].length};
    int64_t result = driver_result(driver_so.recvmsg(SO, fd, &native, flags));
    message->flags = native.msg_flags;
    if (message->ancillary)
        message->ancillary->present = 0;
    if (result >= 0 && message->ancillary && native.msg_controllen) {
        message->ancillary->present = RILL_ANCILLARY_INQ;
        memcpy(&message->ancillary->inq, CMSG_DATA(&control.header), sizeof(int));
    }
    return result;
}

int64_t rill_sendmsg(struct rill_sockets *sockets, int fd, const struct rill_message *message,
                     int flags) {
    struct iovec iov[64];
    struct msghdr native = {.msg_iov = iov, .msg_iovlen = message->iov_count};
    struct sockaddr_storage address;
    (void)sockets;
    for (size_t i = 0; i < message->iov_count && i < 64; i++)
        iov[i] = (struct iovec){message->iov[i].base, message->iov[i].length};
    if (message->name) {
        native.msg_namelen = address_of(fd, message->name, &address);
        native.msg_name = &address;
    }
    return driver_result(driver_so.sendmsg(SO, fd, &native, flags));
}

int rill_shutdown(struct rill_sockets *sockets, int fd, int how) {
    (void)sockets;
    return (int)driver_result(driver_so.shutdown(SO, fd, how));
}

int rill_socket_close(struct rill_sockets *sockets, int fd) {
    (void)sockets;
    return (int)driver_result(driver_so.close(SO, fd));
}

int rill_setsockopt(struct rill_sockets *sockets, int fd, int level, int option, const void *value,
                    size_t length) {
    (void)sockets;
    return (int)driver_result(
        driver_so.setsockopt(SO, fd, level, option, value, (socklen_t)length));
}

/* What packetdrill's assertions ask goes the way that they go: by the function preloaded. */
int rill_getsockopt(struct rill_sockets *sockets, int fd, int level, int option, void *value,
                    size_t *length) {
    socklen_t room = (socklen_t)*length;
    (void)sockets;
    int result = level == IPPROTO_TCP && option == TCP_INFO
                     ? driver_getsockopt(fd, level, option, value, &room)
                     : driver_so.getsockopt(SO, fd, level, option, value, &room);
    *length = room;
    return (int)driver_result(result);
}

int rill_ioctl(struct rill_sockets *sockets, int fd, unsigned long request, int *value) {
    (void)sockets;
    return (int)driver_result(driver_so.ioctl(SO, fd, request, value));
}

rill_handle rill_socket_handle(struct rill_sockets *sockets, int fd) {
    (void)sockets;
    return (rill_handle)fd;
}

/* Lines of what sockstat would print that hold both words. */
static uint32_t lines_with(const char *owner, const char *state) {
    char path[sizeof driver_settings + 16], line[100];
    uint32_t count = 0;
    snprintf(path, sizeof path, "%s.sockets", driver_settings);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        count += strstr(line, owner) && strstr(line, state);
    if (file)
        fclose(file);
    return count;
}

/* The state alone, which is all that the interpreter asks for. TCP_INFO calls TIME-WAIT closed. */
int rill_tcp_get_info(struct rill_stack *stack, rill_handle connection, struct rill_tcp_info *out) {
    static const uint8_t states[] = {
        [1] = RILL_TCP_ESTABLISHED, [2] = RILL_TCP_SYN_SENT,   [3] = RILL_TCP_SYN_RECEIVED,
        [4] = RILL_TCP_FIN_WAIT_1,  [5] = RILL_TCP_FIN_WAIT_2, [6] = RILL_TCP_TIME_WAIT,
        [7] = RILL_TCP_CLOSED,      [8] = RILL_TCP_CLOSE_WAIT, [9] = RILL_TCP_LAST_ACK,
        [10] = RILL_TCP_LISTEN,     [11] = RILL_TCP_CLOSING,
    };
    struct rill_tcpi info = {0};
    size_t length = sizeof info;
    (void)stack;
    int error = rill_getsockopt(0, (int)connection, IPPROTO_TCP, TCP_INFO, &info, &length);
    if (!error && info.tcpi_state < sizeof states)
        out->state = states[info.tcpi_state];
    if (out->state == RILL_TCP_CLOSED && lines_with("packetdrill", "TIME_WAIT"))
        out->state = RILL_TCP_TIME_WAIT;
    return error;
}

/* Those without a descriptor; a descriptor's that waits is counted twice by who asks, and taken
 * off. */
void rill_stack_get_info(const struct rill_stack *stack, struct rill_stack_info *out) {
    (void)stack;
    memset(out, 0, sizeof *out);
    out->half_open = lines_with("? ?", "SYN_RCVD");
    out->time_wait = lines_with("", "TIME_WAIT");
}

size_t rill_events(struct rill_stack *stack, struct rill_event *events, size_t count) {
    (void)stack;
    (void)events;
    (void)count;
    return 0;
}

int rill_socket_of(struct rill_sockets *sockets, const struct rill_event *event) {
    (void)sockets;
    (void)event;
    return -EBADF;
}
