/* link/frame.h: frames as the kernel hands them over and takes them, the same through TUN, TAP and
 * AF_PACKET: preceded by a struct virtio_net_hdr of ten bytes, which says whether the transport
 * checksum is finished, and the size of the pieces of a super-segment.
 *
 * What the header says is believed only as far as it fits the frame; its offsets count from the
 * frame's first byte, the packet's from the network header. */
#ifndef RILL_LINK_FRAME_H
#define RILL_LINK_FRAME_H

#include <linux/virtio_net.h>
#include <rill/packet.h>
#include <sys/uio.h>

#define FRAME_SMALL 2048
#define FRAME_LARGE 69632
#define FRAME_ETHERNET 14
_Static_assert(sizeof(struct virtio_net_hdr) == 10, "the size the kernel is told");

/* Where the next frame goes: a small block and, as far as it is longer, a large one; a block that
 * stays empty serves the next frame. So an ACK does not hold 68 KiB. */
struct frame_room {
    struct rill_block *small, *large;
};

#define FRAME_IN_PARTS 3
#define FRAME_OUT_PARTS (RILL_PACKET_SLICES + 2)

/* Makes room, and says where a read puts header and frame. False: no memory. */
bool frame_room_open(struct frame_room *room, struct rill_pool *pool, struct virtio_net_hdr *header,
                     struct iovec parts[FRAME_IN_PARTS]);
void frame_room_close(struct frame_room *room);

/* Hands the blocks that a frame of `length` bytes has filled to the packet. */
void frame_room_give(struct frame_room *room, struct rill_packet *packet, size_t length);

enum frame_kind {
    FRAME_SENSELESS, /* a header that cannot be true */
    FRAME_PACKET,    /* a packet, or a super-segment of TCP's */
    FRAME_DATAGRAMS, /* several UDP datagrams in one, cut by frame_split */
};

/* What the offload header says, as far as it can be true of this packet. */
enum frame_kind frame_take_header(const struct virtio_net_hdr *header, struct rill_packet *packet);

/* Cuts FRAME_DATAGRAMS into the packets it stands for, joined by `next`; it is consumed. Null if
 * there is no memory, or it is not what it says. */
struct rill_packet *frame_split(struct rill_packet *packet);

/* Header and pieces of an outgoing packet; `flags` are the link's. Returns how many parts. */
int frame_gather(const struct rill_packet *packet, uint32_t flags, struct virtio_net_hdr *header,
                 struct iovec parts[FRAME_OUT_PARTS]);

#endif
