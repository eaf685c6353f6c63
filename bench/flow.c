/* bench/flow.c: one TCP transfer between two kernels, or a kernel and rill, for bench/recovery.
 *
 *   flow receive PORT                    takes one connection, reads to its end, closes
 *   flow send ADDRESS PORT BYTES CC      sends so many bytes; prints the nanoseconds from the
 *                                        connect to the end of the peer's stream, and how many
 *                                        segments were sent again
 *
 *   flow sink PORT SECONDS               takes one connection; prints how many bytes came in that
 * time flow source ADDRESS PORT SECONDS CC  sends for so long
 *
 * CC names the congestion control; there is no default, since kernels differ in theirs. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what) {
    fprintf(stderr, "flow: ");
    perror(what);
    exit(1);
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int accept_one(uint16_t port) {
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&local, sizeof local) || listen(listener, 8))
        die("listen");
    int fd = accept(listener, 0, 0);
    if (fd < 0)
        die("accept");
    return fd;
}

static int connect_to(const char *address, uint16_t port, const char *cc) {
    struct sockaddr_in remote = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, address, &remote.sin_addr);
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, cc, (socklen_t)strlen(cc)))
        die(cc);
    if (connect(fd, (struct sockaddr *)&remote, sizeof remote))
        die("connect");
    return fd;
}

static int receive_one(uint16_t port) {
    static char buffer[1 << 18];
    int fd = accept_one(port);
    ssize_t n;
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        ;
    if (n < 0)
        die("read");
    close(fd);
    return 0;
}

static int send_one(const char *address, uint16_t port, uint64_t bytes, const char *cc) {
    static char buffer[1 << 18];
    uint64_t begin = now();
    int fd = connect_to(address, port, cc);
    while (bytes) {
        ssize_t n = write(fd, buffer, bytes < sizeof buffer ? bytes : sizeof buffer);
        if (n < 0)
            die("write");
        bytes -= (uint64_t)n;
    }
    shutdown(fd, SHUT_WR);
    if (read(fd, buffer, 1) != 0)
        die("read");
    uint64_t end = now();
    struct tcp_info info;
    socklen_t length = sizeof info;
    memset(&info, 0, sizeof info);
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
    printf("%llu %u\n", (unsigned long long)(end - begin), info.tcpi_total_retrans);
    return 0;
}

static int sink(uint16_t port, uint64_t seconds) {
    static char buffer[1 << 18];
    int fd = accept_one(port);
    uint64_t end = now() + seconds * 1000000000u, bytes = 0;
    while (now() < end) {
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n <= 0)
            break;
        bytes += (uint64_t)n;
    }
    printf("%llu\n", (unsigned long long)bytes);
    return 0;
}

static int source(const char *address, uint16_t port, uint64_t seconds, const char *cc) {
    static char buffer[1 << 16];
    int fd = connect_to(address, port, cc);
    uint64_t end = now() + seconds * 1000000000u;
    signal(SIGPIPE, SIG_IGN);
    while (now() < end && write(fd, buffer, sizeof buffer) > 0)
        ;
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "sink") == 0)
        return sink((uint16_t)atoi(argv[2]), strtoull(argv[3], 0, 10));
    if (argc == 6 && strcmp(argv[1], "source") == 0)
        return source(argv[2], (uint16_t)atoi(argv[3]), strtoull(argv[4], 0, 10), argv[5]);
    if (argc == 3 && strcmp(argv[1], "receive") == 0)
        return receive_one((uint16_t)atoi(argv[2]));
    if (argc == 6 && strcmp(argv[1], "send") == 0)
        return send_one(argv[2], (uint16_t)atoi(argv[3]), strtoull(argv[4], 0, 10), argv[5]);
    fprintf(stderr, "usage: flow receive PORT | send ADDRESS PORT BYTES CC | sink PORT SECONDS | "
                    "source ADDRESS PORT SECONDS CC\n");
    return 2;
}
