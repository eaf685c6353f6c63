/* link/packet.c: frames of an Ethernet interface through an AF_PACKET socket.
 *
 * rill is a station of its own on the interface's wire, beside the kernel: it has a link address
 * that is not the interface's, so the kernel takes none of its frames, and the interface is
 * promiscuous as long as rill runs. What the kernel itself sends by this interface goes to the wire
 * and is not seen here, nor does the kernel see what rill sends: the two reach each other only by
 * way of the wire (a switch, or the other end of a veth pair).
 *
 * A frame carries the offload header of frame.h. From a veth's peer, or an interface that merges
 * what it receives, come super-segments and unfinished checksums; the kernel cuts and finishes what
 * goes out. A filter in the kernel lets through what is for us or for a group. A frame of a VLAN is
 * not ours; the kernel takes such a tag out of the frame, so the filter has to look for it. Tag 0
 * is only a priority (IEEE 802.1Q). */
#include "link/frame.h"
#include "link/link.h"

#include "base/bytes.h"
#include "base/util.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 32
#define QUEUE_BYTES (8 << 20) /* asked of the kernel, which gives an ordinary user less */

struct packet_link {
    struct link link;
    int index;                  /* of the interface; names may change */
    struct rill_packet *pieces; /* of a frame that was several datagrams, not yet handed over */
    struct frame_room rooms[BATCH];
};

static bool open_failed(const struct link *link, const char *what, int cause,
                        struct link_error *error) {
    link_error_set(error, LINK_MACHINE, "cannot use interface %s: %s: %s", link->name, what,
                   strerror(cause));
    return false;
}

static bool open_socket(struct link *link, struct link_error *error) {
    /* Protocol 0: nothing arrives until the filter stands. */
    link->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd >= 0)
        return true;
    if (errno == EPERM || errno == EACCES)
        link_error_set(error, LINK_MACHINE,
                       "packet sockets need CAP_NET_RAW; run as root, or in a network of your own: "
                       "unshare -Urn");
    else
        open_failed(link, "no packet socket", errno, error);
    return false;
}

/* Is it there, up, and an Ethernet? And how large are its packets? */
static bool look_at_interface(struct packet_link *packet, const struct link_config *config,
                              struct link_error *error) {
    struct link *link = &packet->link;
    struct ifreq request = {0};
    packet->index = (int)if_nametoindex(link->name);
    if (!packet->index) {
        link_error_set(error, LINK_MACHINE,
                       "there is no interface %s; 'ip link' shows those there are", link->name);
        return false;
    }
    memcpy(request.ifr_name, link->name, sizeof link->name);
    int cause = link_device_call(SIOCGIFHWADDR, &request);
    if (cause)
        return open_failed(link, "its kind", cause, error);
    if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
        link_error_set(error, LINK_ASKED, "interface %s is no Ethernet; packet: needs one",
                       link->name);
        return false;
    }
    cause = link_device_call(SIOCGIFMTU, &request);
    if (cause)
        return open_failed(link, "its MTU", cause, error);
    uint32_t mtu = (uint32_t)request.ifr_mtu;
    if (config->mtu > mtu) {
        link_error_set(error, LINK_ASKED,
                       "interface %s has an MTU of %u; ask for no larger --mtu, or: ip link set %s "
                       "mtu %u",
                       link->name, mtu, link->name, config->mtu);
        return false;
    }
    link->mtu = config->mtu ? config->mtu : RILL_MIN(mtu, 65535u);
    cause = link_device_call(SIOCGIFFLAGS, &request);
    if (!cause && request.ifr_flags & IFF_UP)
        return true;
    link_error_set(error, LINK_MACHINE, "interface %s is down; ip link set %s up", link->name,
                   link->name);
    return false;
}

/* Lets through frames to `mac` and to groups which belong to no VLAN; with `whole` those to
 * everybody else, too. */
static int set_filter(int fd, const uint8_t mac[6], bool whole) {
    const uint32_t ancillary = (uint32_t)SKF_AD_OFF;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ancillary + SKF_AD_VLAN_TAG_PRESENT),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, ancillary + SKF_AD_VLAN_TAG),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0xfff, 7, 0),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, whole ? UINT32_MAX : 1, 4, whole ? 4 : 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, bytes_get32(mac + 2), 0, 3),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, bytes_get16(mac), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) ? errno : 0;
}

/* A queue as long as we may have: what does not fit into it is lost. */
static void ask_for_queue(int fd, int forced, int usual) {
    int size = QUEUE_BYTES;
    if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, usual, &size, sizeof size);
}

static bool set_options(struct packet_link *packet, const struct link_config *config,
                        struct link_error *error) {
    struct link *link = &packet->link;
    int fd = link->fd, on = 1;
    struct packet_mreq promiscuous = {.mr_ifindex = packet->index, .mr_type = PACKET_MR_PROMISC};
    struct sockaddr_ll where = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = packet->index};
    if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on))
        return open_failed(link, "offloads", errno, error);
    if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on))
        return open_failed(link, "only what arrives (Linux 4.20 and later)", errno, error);
    int cause = set_filter(fd, config->mac, config->whole);
    if (cause)
        return open_failed(link, "filter", cause, error);
    ask_for_queue(fd, SO_RCVBUFFORCE, SO_RCVBUF);
    ask_for_queue(fd, SO_SNDBUFFORCE, SO_SNDBUF);
    if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous))
        return open_failed(link, "promiscuous mode", errno, error);
    if (bind(fd, (struct sockaddr *)&where, sizeof where))
        return open_failed(link, "bind", errno, error);
    link->flags = RILL_INTERFACE_CHECKSUM | RILL_INTERFACE_GSO;
    return true;
}

static void packet_count(struct link *link) {
    struct tpacket_stats statistics;
    socklen_t length = sizeof statistics;
    if (getsockopt(link->fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &length) == 0)
        link->lost += statistics.tp_drops; /* since it was last asked */
}

static void packet_close(struct link *link) {
    struct packet_link *packet = RILL_CONTAINER(link, struct packet_link, link);
    for (size_t i = 0; i < BATCH; i++)
        frame_room_close(&packet->rooms[i]);
    while (packet->pieces) {
        struct rill_packet *piece = packet->pieces;
        packet->pieces = piece->next;
        rill_packet_drop(piece);
    }
    if (link->fd >= 0)
        close(link->fd);
    free(packet);
}

/* Is the interface still there? While it is down the socket waits; the kernel puts it back to work
 * when the interface is up again. */
static void look_after(struct packet_link *packet) {
    struct ifreq request = {.ifr_ifindex = packet->index};
    struct link *link = &packet->link;
    if (link->gone || link_device_call(SIOCGIFNAME, &request) != ENODEV)
        return;
    link->gone = true;
    link_error_set(&link->error, LINK_FAILED, "interface %s was deleted while rill used it",
                   link->name);
}

static void judge(struct packet_link *packet, int cause) {
    if (cause == ENETDOWN || cause == ENXIO) {
        packet->link.down = true;
        look_after(packet);
    }
}

/* Hands over what is left of split frames. */
static size_t take_pieces(struct packet_link *packet, struct rill_packet **packets, size_t max) {
    size_t count = 0;
    while (packet->pieces && count < max) {
        packets[count] = packet->pieces;
        packet->pieces = packets[count]->next;
        packets[count++]->next = 0;
    }
    packet->link.waiting = packet->pieces != 0;
    return count;
}

static void split(struct packet_link *packet, struct rill_packet *frame) {
    struct rill_packet **end = &packet->pieces;
    while (*end)
        end = &(*end)->next;
    *end = frame_split(frame);
    if (!*end)
        packet->link.malformed++;
}

/* Makes packets of `count` frames that lie in the rooms. Returns how many there are to give. */
static size_t take_frames(struct packet_link *packet, const struct mmsghdr *messages,
                          const struct virtio_net_hdr *headers, size_t count,
                          struct rill_pool *pool, struct rill_packet **packets) {
    struct link *link = &packet->link;
    size_t given = 0;
    for (size_t i = 0; i < count; i++) {
        struct rill_packet *frame = rill_packet_open(pool);
        if (!frame)
            break; /* no memory: lost, as on a wire */
        if (messages[i].msg_hdr.msg_flags & MSG_TRUNC || messages[i].msg_len < sizeof *headers) {
            link->malformed++;
            rill_packet_drop(frame);
            continue;
        }
        frame_room_give(&packet->rooms[i], frame, messages[i].msg_len - sizeof *headers);
        frame->link_length = FRAME_ETHERNET;
        link->frames_in++;
        link->bytes_in += frame->length;
        switch (frame_take_header(&headers[i], frame)) {
        case FRAME_PACKET:
            packets[given++] = frame;
            break;
        case FRAME_DATAGRAMS:
            split(packet, frame);
            break;
        default:
            link->malformed++;
            rill_packet_drop(frame);
        }
    }
    return given;
}

/* One system call. Returns how many frames it brought, or -1 if none wait. */
static int receive_batch(struct packet_link *packet, struct rill_pool *pool,
                         struct mmsghdr messages[BATCH], struct virtio_net_hdr headers[BATCH],
                         size_t max) {
    struct iovec parts[BATCH][FRAME_IN_PARTS];
    size_t room = 0;
    memset(messages, 0, BATCH * sizeof *messages);
    for (; room < RILL_MIN(max, (size_t)BATCH); room++) {
        if (!frame_room_open(&packet->rooms[room], pool, &headers[room], parts[room]))
            break;
        messages[room].msg_hdr.msg_iov = parts[room];
        messages[room].msg_hdr.msg_iovlen = FRAME_IN_PARTS;
    }
    if (!room)
        return -1;
    int got = recvmmsg(packet->link.fd, messages, (unsigned)room, MSG_DONTWAIT, 0);
    if (got >= 0) {
        packet->link.down = false;
        return got;
    }
    if (errno == EINVAL) { /* a frame whose offloads the header cannot say: the kernel dropped it */
        packet->link.malformed++;
        return 0;
    }
    judge(packet, errno);
    return -1;
}

static size_t packet_receive(struct link *link, struct rill_pool *pool,
                             struct rill_packet **packets, size_t max) {
    struct packet_link *packet = RILL_CONTAINER(link, struct packet_link, link);
    struct mmsghdr messages[BATCH];
    struct virtio_net_hdr headers[BATCH];
    size_t count = take_pieces(packet, packets, max);
    if (link->down)
        look_after(packet);
    while (count < max && !link->waiting) {
        int got = receive_batch(packet, pool, messages, headers, max - count);
        if (got < 0)
            break;
        count += take_frames(packet, messages, headers, (size_t)got, pool, packets + count);
        count += take_pieces(packet, packets + count, max - count);
        if (got > 0 && got < BATCH)
            break;
    }
    return count;
}

/* Full (0), refused and so done with (1). */
static size_t send_failed(struct packet_link *packet, int cause) {
    if (cause == EAGAIN)
        return 0;
    packet->link.send_error = cause;
    packet->link.refused++;
    judge(packet, cause);
    return 1;
}

static size_t packet_send(struct link *link, struct rill_packet *const *packets, size_t count) {
    struct packet_link *packet = RILL_CONTAINER(link, struct packet_link, link);
    struct virtio_net_hdr headers[BATCH];
    struct iovec parts[BATCH][FRAME_OUT_PARTS];
    struct mmsghdr messages[BATCH];
    size_t done = 0;
    while (done < count) {
        size_t batch = RILL_MIN(count - done, (size_t)BATCH);
        memset(messages, 0, batch * sizeof *messages);
        for (size_t i = 0; i < batch; i++) {
            messages[i].msg_hdr.msg_iovlen =
                (size_t)frame_gather(packets[done + i], link->flags, &headers[i], parts[i]);
            messages[i].msg_hdr.msg_iov = parts[i];
        }
        int sent = sendmmsg(link->fd, messages, (unsigned)batch, MSG_DONTWAIT);
        size_t failed = sent > 0 ? 0 : send_failed(packet, errno);
        for (int i = 0; i < sent; i++)
            link->bytes_out += packets[done + (size_t)i]->length;
        link->frames_out += sent > 0 ? (uint64_t)sent : 0;
        done += failed + (sent > 0 ? (size_t)sent : 0);
        if (sent <= 0 && !failed)
            break;
    }
    return done;
}

static const struct link_ops packet_ops = {packet_receive, packet_send, packet_count, packet_close};

struct link *packet_open(const struct link_config *config, struct link_error *error) {
    struct packet_link *packet = calloc(1, sizeof *packet);
    if (!packet) {
        link_error_set(error, LINK_FAILED, "out of memory");
        return 0;
    }
    packet->link.ops = &packet_ops;
    packet->link.fd = -1;
    if (link_take_name(&packet->link, config->link, error) && open_socket(&packet->link, error) &&
        look_at_interface(packet, config, error) && set_options(packet, config, error))
        return &packet->link;
    packet_close(&packet->link);
    return 0;
}
