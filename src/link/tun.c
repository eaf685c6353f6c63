/* link/tun.c: frames through /dev/net/tun. See tun.h.
 *
 * Each frame is preceded by a struct virtio_net_hdr of ten bytes: whether the transport checksum is
 * finished, and the size of the pieces of a super-segment. What the header
 * says is believed only as far as it fits the frame; its offsets count from the frame's first byte,
 * the packet's from the network header.
 *
 * A frame is read into a small block and, as far as it is longer, a large one; a block that stays
 * empty serves the next frame. So an ACK does not hold 68 KiB. */
#include "link/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define SMALL 2048
#define LARGE 69632
#define ETHERNET 14
_Static_assert(sizeof(struct virtio_net_hdr) == 10, "the size TUN is told");

void link_error_set(struct link_error *error, enum link_fault fault, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    error->fault = fault;
}

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
                       "device %s is in use by another program; name another one", tun->name);
    else if (existed && cause == EINVAL)
        link_error_set(error, LINK_MACHINE,
                       "device %s exists and is no %s device; name another one", tun->name,
                       tun->tap ? "TAP" : "TUN");
    else if (cause == EPERM)
        link_error_set(error, LINK_MACHINE,
                       "may not use device %s; run as root, or let root make one for you: ip "
                       "tuntap add %s mode %s user NAME",
                       tun->name, tun->name, tun->tap ? "tap" : "tun");
    else
        link_error_set(error, LINK_MACHINE, "cannot use device %s: %s", tun->name, strerror(cause));
    return false;
}

static bool attach(struct tun *tun, struct link_error *error) {
    short kind = tun->tap ? IFF_TAP : IFF_TUN;
    struct ifreq request = {.ifr_flags = (short)(kind | IFF_NO_PI | IFF_VNET_HDR)};
    bool existed = if_nametoindex(tun->name) != 0;
    memcpy(request.ifr_name, tun->name, sizeof tun->name);
    int failed = ioctl(tun->fd, TUNSETIFF, &request);
    if (failed && errno == EINVAL && existed) { /* perhaps it was made with many queues */
        request.ifr_flags = (short)(request.ifr_flags | IFF_MULTI_QUEUE);
        failed = ioctl(tun->fd, TUNSETIFF, &request);
    }
    if (failed)
        return attach_failed(tun, errno, existed, error);
    memcpy(tun->name, request.ifr_name, sizeof tun->name);
    tun->made = !existed;
    return true;
}

/* Asks for what spares both sides work; a device that gives none works too, more slowly. */
static void set_offloads(struct tun *tun) {
    int size = sizeof(struct virtio_net_hdr);
    unsigned all = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
    if (ioctl(tun->fd, TUNSETVNETHDRSZ, &size))
        return;
    if (ioctl(tun->fd, TUNSETOFFLOAD, all | TUN_F_TSO_ECN) == 0 ||
        ioctl(tun->fd, TUNSETOFFLOAD, all) == 0)
        tun->flags = RILL_INTERFACE_CHECKSUM | RILL_INTERFACE_GSO;
}

bool tun_open(struct tun *tun, const struct tun_config *config, struct link_error *error) {
    memset(tun, 0, sizeof *tun);
    tun->fd = -1;
    if (!config->name[0] || strlen(config->name) >= sizeof tun->name || strchr(config->name, '/')) {
        link_error_set(error, LINK_ASKED,
                       "'%s' is no name of a device: 1 to 15 characters, as in "
                       "--link tun:rill0",
                       config->name);
        return false;
    }
    strcpy(tun->name, config->name);
    tun->tap = config->tap;
    tun->fd = open_device(error);
    if (tun->fd < 0)
        return false;
    if (attach(tun, error)) {
        set_offloads(tun);
        if (tun_setup(tun, config, error))
            return true;
    }
    tun_close(tun);
    return false;
}

void tun_close(struct tun *tun) {
    if (tun->small)
        rill_block_drop(tun->small);
    if (tun->large)
        rill_block_drop(tun->large);
    tun->small = tun->large = 0;
    if (tun->fd >= 0) {
        if (!tun->made) /* whoever uses it next finds it as we did */
            ioctl(tun->fd, TUNSETOFFLOAD, 0);
        close(tun->fd);
    }
    tun->fd = -1;
}

/* What the offload header says, as far as it can be true of this packet. */
static bool take_header(const struct virtio_net_hdr *header, struct rill_packet *packet) {
    unsigned type = header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
    if (type != VIRTIO_NET_HDR_GSO_NONE) {
        if ((type != VIRTIO_NET_HDR_GSO_TCPV4 && type != VIRTIO_NET_HDR_GSO_TCPV6) ||
            header->gso_size == 0 || !(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
            return false;
        packet->gso_size = header->gso_size;
    }
    if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
        if (header->csum_start < packet->link_length ||
            (uint32_t)header->csum_start + header->csum_offset + 2 > packet->length)
            return false;
        packet->flags |= RILL_PACKET_CHECKSUM_PARTIAL;
        packet->checksum_start = (uint16_t)(header->csum_start - packet->link_length);
        packet->checksum_offset = header->csum_offset;
    } else if (header->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
        packet->flags |= RILL_PACKET_CHECKSUM_VERIFIED;
    }
    return true;
}

/* Hands the filled blocks to the packet. */
static void fill(struct tun *tun, struct rill_packet *packet, size_t length) {
    size_t first = length < SMALL ? length : SMALL;
    struct rill_slice slices[2] = {{rill_block_data(tun->small), first, tun->small},
                                   {rill_block_data(tun->large), length - first, tun->large}};
    int error = rill_packet_append(packet, slices[0]);
    tun->small = 0;
    if (length > first) {
        error = rill_packet_append(packet, slices[1]);
        tun->large = 0;
    }
    (void)error; /* two slices always fit */
}

/* 1: a packet; 0: a frame that was no use; -1: nothing waits, or no memory to take it. */
static int receive_one(struct tun *tun, struct rill_pool *pool, struct rill_packet **out) {
    struct virtio_net_hdr header;
    if (!tun->small)
        tun->small = rill_block_open(pool, SMALL);
    if (!tun->large)
        tun->large = rill_block_open(pool, LARGE);
    struct rill_packet *packet = rill_packet_open(pool);
    if (!tun->small || !tun->large || !packet) {
        rill_packet_drop(packet);
        return -1;
    }
    struct iovec parts[3] = {{&header, sizeof header},
                             {rill_block_data(tun->small), SMALL},
                             {rill_block_data(tun->large), LARGE}};
    ssize_t n = readv(tun->fd, parts, 3);
    if (n < (ssize_t)sizeof header) {
        rill_packet_drop(packet);
        return n < 0 ? -1 : 0;
    }
    fill(tun, packet, (size_t)n - sizeof header);
    tun->frames_in++;
    tun->bytes_in += packet->length;
    packet->link_length = tun->tap ? ETHERNET : 0;
    if (!take_header(&header, packet)) {
        tun->malformed++;
        rill_packet_drop(packet);
        return 0;
    }
    *out = packet;
    return 1;
}

size_t tun_receive(struct tun *tun, struct rill_pool *pool, struct rill_packet **packets,
                   size_t max) {
    size_t count = 0;
    for (size_t tries = 0; tries < max; tries++) {
        int got = receive_one(tun, pool, &packets[count]);
        if (got < 0)
            break;
        count += (size_t)got;
    }
    return count;
}

static void describe(const struct tun *tun, const struct rill_packet *packet,
                     struct virtio_net_hdr *header) {
    memset(header, 0, sizeof *header);
    if (!(tun->flags & RILL_INTERFACE_CHECKSUM))
        return;
    if (packet->flags & RILL_PACKET_CHECKSUM_PARTIAL) {
        header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        header->csum_start = (uint16_t)(packet->link_length + packet->checksum_start);
        header->csum_offset = packet->checksum_offset;
    }
    if (!packet->gso_size || packet->length - packet->header_length <= packet->gso_size)
        return;
    const uint8_t *head = packet->headroom + packet->header_offset + packet->link_length;
    bool congestion = head[packet->checksum_start + 13] & 0x80; /* CWR: RFC 3168 §6.1.2 */
    header->gso_type = head[0] >> 4 == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
    header->gso_type |= congestion ? VIRTIO_NET_HDR_GSO_ECN : 0;
    header->gso_size = packet->gso_size;
    header->hdr_len = packet->header_length;
}

void tun_send(struct tun *tun, const struct rill_packet *packet) {
    struct virtio_net_hdr header;
    struct iovec parts[RILL_PACKET_SLICES + 2];
    int count = 0;
    describe(tun, packet, &header);
    parts[count++] = (struct iovec){&header, sizeof header};
    if (packet->header_length)
        parts[count++] = (struct iovec){(void *)(packet->headroom + packet->header_offset),
                                        packet->header_length};
    for (int i = 0; i < packet->slice_count; i++)
        parts[count++] =
            (struct iovec){(void *)(uintptr_t)packet->slices[i].data, packet->slices[i].length};
    if (writev(tun->fd, parts, count) < 0) {
        tun->send_error = errno;
        tun->refused++;
        return;
    }
    tun->frames_out++;
    tun->bytes_out += packet->length;
}
