/* link/tun.c: frames through /dev/net/tun. See tun.h. */
#include "link/tun.h"

#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int open_device(struct link_error *error) {
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
        link_error_set(error, LINK_MACHINE,
                       "this machine has no /dev/net/tun; load the kernel's module (modprobe tun)");
    else
        link_error_set(error, LINK_MACHINE, "cannot open /dev/net/tun: %s; run as root",
                       strerror(errno));
    return -1;
}

static bool attach_failed(const struct tun *tun, int cause, bool existed,
                          struct link_error *error) {
    if (cause == EBUSY)
        link_error_set(error, LINK_MACHINE,
                       "device %s is in use by another program; name another one", tun->link.name);
    else if (existed && cause == EINVAL)
        link_error_set(error, LINK_MACHINE,
                       "device %s exists and is no %s device; name another one", tun->link.name,
                       tun->tap ? "TAP" : "TUN");
    else if (cause == EPERM)
        link_error_set(error, LINK_MACHINE,
                       "may not use device %s; run as root, or let root make one for you: ip "
                       "tuntap add %s mode %s user NAME",
                       tun->link.name, tun->link.name, tun->tap ? "tap" : "tun");
    else
        link_error_set(error, LINK_MACHINE, "cannot use device %s: %s", tun->link.name,
                       strerror(cause));
    return false;
}

static bool attach(struct tun *tun, struct link_error *error) {
    short kind = tun->tap ? IFF_TAP : IFF_TUN;
    struct ifreq request = {.ifr_flags = (short)(kind | IFF_NO_PI | IFF_VNET_HDR)};
    bool existed = if_nametoindex(tun->link.name) != 0;
    memcpy(request.ifr_name, tun->link.name, sizeof tun->link.name);
    int failed = ioctl(tun->link.fd, TUNSETIFF, &request);
    if (failed && errno == EINVAL && existed) { /* perhaps it was made with many queues */
        request.ifr_flags = (short)(request.ifr_flags | IFF_MULTI_QUEUE);
        failed = ioctl(tun->link.fd, TUNSETIFF, &request);
    }
    if (failed)
        return attach_failed(tun, errno, existed, error);
    memcpy(tun->link.name, request.ifr_name, sizeof tun->link.name);
    tun->made = !existed;
    return true;
}

/* Asks for what spares both sides work; a device that gives none works too, more slowly. */
static void set_offloads(struct tun *tun) {
    int size = sizeof(struct virtio_net_hdr);
    unsigned all = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
    if (ioctl(tun->link.fd, TUNSETVNETHDRSZ, &size))
        return;
    if (ioctl(tun->link.fd, TUNSETOFFLOAD, all | TUN_F_TSO_ECN) == 0 ||
        ioctl(tun->link.fd, TUNSETOFFLOAD, all) == 0)
        tun->link.flags = RILL_INTERFACE_CHECKSUM | RILL_INTERFACE_GSO;
}

static void tun_close(struct link *link) {
    struct tun *tun = RILL_CONTAINER(link, struct tun, link);
    frame_room_close(&tun->room);
    if (link->fd >= 0) {
        if (!tun->made) /* whoever uses it next finds it as we did */
            ioctl(link->fd, TUNSETOFFLOAD, 0);
        close(link->fd);
    }
    free(tun);
}

static struct link *open_kind(const struct link_config *config, bool tap,
                              struct link_error *error) {
    struct tun *tun = calloc(1, sizeof *tun);
    if (!tun) {
        link_error_set(error, LINK_FAILED, "out of memory");
        return 0;
    }
    tun->link.ops = &tun_ops;
    tun->link.fd = -1;
    tun->tap = tap;
    if (link_take_name(&tun->link, config->link, error)) {
        tun->link.fd = open_device(error);
        if (tun->link.fd >= 0 && attach(tun, error)) {
            set_offloads(tun);
            if (tun_setup(tun, config, error))
                return &tun->link;
        }
    }
    tun_close(&tun->link);
    return 0;
}

struct link *tun_open(const struct link_config *config, struct link_error *error) {
    return open_kind(config, false, error);
}

struct link *tap_open(const struct link_config *config, struct link_error *error) {
    return open_kind(config, true, error);
}

/* Nobody brings back a device that was deleted; EBADFD is what it answers from then on. */
static void judge(struct tun *tun, int cause) {
    if (cause != EBADFD || tun->link.gone)
        return;
    tun->link.gone = true;
    link_error_set(&tun->link.error, LINK_FAILED, "device %s was deleted while rill used it",
                   tun->link.name);
}

/* 1: a packet; 0: a frame that was no use; -1: nothing waits, or no memory to take it. */
static int receive_one(struct tun *tun, struct rill_pool *pool, struct rill_packet **out) {
    struct virtio_net_hdr header;
    struct iovec parts[FRAME_IN_PARTS];
    struct rill_packet *packet = rill_packet_open(pool);
    if (!packet || !frame_room_open(&tun->room, pool, &header, parts)) {
        rill_packet_drop(packet);
        return -1;
    }
    ssize_t n = readv(tun->link.fd, parts, FRAME_IN_PARTS);
    if (n < (ssize_t)sizeof header) {
        rill_packet_drop(packet);
        if (n < 0)
            judge(tun, errno);
        return n < 0 ? -1 : 0;
    }
    frame_room_give(&tun->room, packet, (size_t)n - sizeof header);
    tun->link.frames_in++;
    tun->link.bytes_in += packet->length;
    packet->link_length = tun->tap ? FRAME_ETHERNET : 0;
    if (frame_take_header(&header, packet) != FRAME_PACKET) { /* nothing else was asked for */
        tun->link.malformed++;
        rill_packet_drop(packet);
        return 0;
    }
    *out = packet;
    return 1;
}

static size_t tun_receive(struct link *link, struct rill_pool *pool, struct rill_packet **packets,
                          size_t max) {
    struct tun *tun = RILL_CONTAINER(link, struct tun, link);
    size_t count = 0;
    for (size_t tries = 0; tries < max; tries++) {
        int got = receive_one(tun, pool, &packets[count]);
        if (got < 0)
            break;
        count += (size_t)got;
    }
    return count;
}

/* A device has a queue of its own and says nothing when it is full: this link never is. */
static size_t tun_send(struct link *link, struct rill_packet *const *packets, size_t count) {
    struct tun *tun = RILL_CONTAINER(link, struct tun, link);
    for (size_t i = 0; i < count; i++) {
        struct virtio_net_hdr header;
        struct iovec parts[FRAME_OUT_PARTS];
        int used = frame_gather(packets[i], link->flags, &header, parts);
        if (writev(link->fd, parts, used) < 0) {
            link->send_error = errno;
            link->refused++;
            judge(tun, errno);
        } else {
            link->frames_out++;
            link->bytes_out += packets[i]->length;
        }
    }
    return count;
}

const struct link_ops tun_ops = {.receive = tun_receive, .send = tun_send, .close = tun_close};
