/* tests/interop/tunnel.c: see tunnel.h. */
#include "tunnel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DEVICE "rill0"

static int tunnel = -1;

static bool request(unsigned long code, struct ifreq *ifreq) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && !ioctl(fd, code, ifreq);
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool set_address(unsigned long code, const char *text) {
    struct ifreq ifreq = {.ifr_name = DEVICE};
    struct sockaddr_in in = {.sin_family = AF_INET};
    inet_pton(AF_INET, text, &in.sin_addr);
    memcpy(&ifreq.ifr_addr, &in, sizeof in);
    return request(code, &ifreq);
}

static bool bring_up(const char *device) {
    struct ifreq ifreq = {.ifr_flags = IFF_UP | IFF_RUNNING};
    snprintf(ifreq.ifr_name, sizeof ifreq.ifr_name, "%s", device);
    return request(SIOCSIFFLAGS, &ifreq);
}

bool tunnel_mtu(unsigned mtu) {
    struct ifreq ifreq = {.ifr_name = DEVICE, .ifr_mtu = (int)mtu};
    return request(SIOCSIFMTU, &ifreq);
}

const char *tunnel_open(void) {
    struct ifreq ifreq = {.ifr_name = DEVICE, .ifr_flags = IFF_TUN | IFF_NO_PI};
    if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
        return "no network namespace can be made";
    tunnel = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tunnel < 0 || ioctl(tunnel, TUNSETIFF, &ifreq))
        return "no TUN device can be made";
    if (!bring_up("lo") || !set_address(SIOCSIFADDR, "10.77.0.1") ||
        !set_address(SIOCSIFNETMASK, "255.255.255.0") || !bring_up(DEVICE))
        return "the TUN device cannot be set up";
    return 0;
}

bool tunnel_sysctl(const char *name, int value) {
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", name);
    FILE *file = fopen(path, "w");
    bool ok = file && fprintf(file, "%d", value) > 0;
    return file && !fclose(file) && ok;
}

void tunnel_put(const void *packet, size_t length) {
    ssize_t put = write(tunnel, packet, length);
    (void)put; /* a full device drops, as any link */
}

size_t tunnel_get(void *packet, size_t room) {
    ssize_t got = read(tunnel, packet, room);
    return got > 0 ? (size_t)got : 0;
}

bool tunnel_wait(unsigned milliseconds) {
    struct pollfd one = {tunnel, POLLIN, 0};
    return poll(&one, 1, (int)milliseconds) > 0;
}

uint64_t tunnel_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}
