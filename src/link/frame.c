/* link/frame.c: see frame.h. */
#include "link/frame.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/util.h"
#include "packet/segment.h"
#include <rill/stack.h>
#include <string.h>

bool frame_room_open(struct frame_room *room, struct rill_pool *pool, struct virtio_net_hdr *header,
                     struct iovec parts[FRAME_IN_PARTS]) {
    if (!room->small)
        room->small = rill_block_open(pool, FRAME_SMALL);
    if (!room->large)
        room->large = rill_block_open(pool, FRAME_LARGE);
    if (!room->small || !room->large)
        return false;
    parts[0] = (struct iovec){header, sizeof *header};
    parts[1] = (struct iovec){rill_block_data(room->small), FRAME_SMALL};
    parts[2] = (struct iovec){rill_block_data(room->large), FRAME_LARGE};
    return true;
}

void frame_room_close(struct frame_room *room) {
    if (room->small)
        rill_block_drop(room->small);
    if (room->large)
        rill_block_drop(room->large);
    room->small = room->large = 0;
}

void frame_room_give(struct frame_room *room, struct rill_packet *packet, size_t length) {
    size_t first = RILL_MIN(length, (size_t)FRAME_SMALL);
    struct rill_slice slices[2] = {{rill_block_data(room->small), first, room->small},
                                   {rill_block_data(room->large), length - first, room->large}};
    int error = rill_packet_append(packet, slices[0]);
    room->small = 0;
    if (length > first) {
        error = rill_packet_append(packet, slices[1]);
        room->large = 0;
    }
    (void)error; /* two slices always fit */
}

#define GSO_UDP_L4 5 /* VIRTIO 1.2 §5.1.6; older headers do not name it */

enum frame_kind frame_take_header(const struct virtio_net_hdr *header, struct rill_packet *packet) {
    unsigned type = header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
    enum frame_kind kind = FRAME_PACKET;
    if (type != VIRTIO_NET_HDR_GSO_NONE) {
        if (type == GSO_UDP_L4)
            kind = FRAME_DATAGRAMS;
        else if (type != VIRTIO_NET_HDR_GSO_TCPV4 && type != VIRTIO_NET_HDR_GSO_TCPV6)
            return FRAME_SENSELESS;
        if (header->gso_size == 0 || !(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
            return FRAME_SENSELESS;
        packet->gso_size = header->gso_size;
    }
    if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
        if (header->csum_start < packet->link_length ||
            (uint32_t)header->csum_start + header->csum_offset + 2 > packet->length)
            return FRAME_SENSELESS;
        packet->flags |= RILL_PACKET_CHECKSUM_PARTIAL;
        packet->checksum_start = (uint16_t)(header->csum_start - packet->link_length);
        packet->checksum_offset = header->csum_offset;
    } else if (header->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
        packet->flags |= RILL_PACKET_CHECKSUM_VERIFIED;
    }
    return kind;
}

#define UDP_HEADER 8

/* The lengths and sums of piece `index`, an IP packet of `length` bytes whose UDP header lies at
 * `transport`. The UDP checksum is left to be finished. */
static void fix_headers(uint8_t *ip, size_t transport, size_t length, uint32_t index) {
    uint32_t udp_length = (uint32_t)(length - transport);
    uint64_t sum;
    if (ip[0] >> 4 == 4) {
        bytes_put16(ip + 2, (uint32_t)length);
        bytes_put16(ip + 4, bytes_get16(ip + 4) + index);
        bytes_put16(ip + 10, 0);
        uint16_t header = rill__checksum_fold(rill__checksum_add(0, ip, transport));
        rill__checksum_store(ip + 10, (uint16_t)~header);
        sum = rill__checksum_pseudo(ip + 12, 8, 17, udp_length);
    } else {
        bytes_put16(ip + 4, (uint32_t)length - 40);
        sum = rill__checksum_pseudo(ip + 8, 32, 17, udp_length);
    }
    bytes_put16(ip + transport + 4, udp_length);
    rill__checksum_store(ip + transport + 6, rill__checksum_fold(sum));
}

/* Piece `index` with `payload` bytes from `offset`, behind a copy of the headers. */
static struct rill_packet *cut(const struct rill_packet *whole, size_t headers, size_t offset,
                               size_t payload, uint32_t index) {
    size_t length = headers + payload;
    struct rill_block *block = rill_block_open(whole->pool, length);
    struct rill_packet *piece = rill_packet_open(whole->pool);
    if (!block || !piece) {
        if (block)
            rill_block_drop(block);
        rill_packet_drop(piece);
        return 0;
    }
    uint8_t *data = rill_block_data(block);
    rill__packet_copy(whole, 0, data, headers);
    rill__packet_copy(whole, headers + offset, data + headers, payload);
    fix_headers(data + whole->link_length, whole->checksum_start, length - whole->link_length,
                index);
    int error = rill_packet_append(piece, (struct rill_slice){data, length, block});
    (void)error; /* one slice always fits */
    piece->arrival = whole->arrival;
    piece->link_length = whole->link_length;
    piece->flags = whole->flags;
    piece->checksum_start = whole->checksum_start;
    piece->checksum_offset = whole->checksum_offset;
    return piece;
}

struct rill_packet *frame_split(struct rill_packet *packet) {
    size_t transport = packet->checksum_start;
    size_t headers = packet->link_length + transport + UDP_HEADER;
    struct rill_packet *first = 0, **end = &first;
    uint8_t version = 0;
    if (packet->length > packet->link_length)
        rill__packet_copy(packet, packet->link_length, &version, 1);
    size_t least = version >> 4 == 4 ? 20 : 40;
    if (packet->length >= headers && transport >= least && packet->checksum_offset == 6) {
        size_t payload = packet->length - headers;
        uint32_t index = 0;
        for (size_t at = 0; at < payload; at += packet->gso_size) {
            size_t part = RILL_MIN(payload - at, (size_t)packet->gso_size);
            struct rill_packet *piece = cut(packet, headers, at, part, index++);
            if (!piece)
                break;
            *end = piece;
            end = &piece->next;
        }
    }
    rill_packet_drop(packet);
    return first;
}

static void describe(const struct rill_packet *packet, uint32_t flags,
                     struct virtio_net_hdr *header) {
    memset(header, 0, sizeof *header);
    if (!(flags & RILL_INTERFACE_CHECKSUM))
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

int frame_gather(const struct rill_packet *packet, uint32_t flags, struct virtio_net_hdr *header,
                 struct iovec parts[FRAME_OUT_PARTS]) {
    int count = 0;
    describe(packet, flags, header);
    parts[count++] = (struct iovec){header, sizeof *header};
    if (packet->header_length)
        parts[count++] = (struct iovec){
            (void *)(uintptr_t)(packet->headroom + packet->header_offset), packet->header_length};
    for (int i = 0; i < packet->slice_count; i++)
        parts[count++] =
            (struct iovec){(void *)(uintptr_t)packet->slices[i].data, packet->slices[i].length};
    return count;
}
