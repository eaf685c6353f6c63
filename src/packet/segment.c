/* packet/segment.c: what a packet is on a wire: super-segments cut into frames, checksums finished.
 *
 * A super-segment is IPv4 or IPv6 without extension headers, then TCP. Each piece gets a copy of
 * the headers with its own lengths, identification, sequence number and checksum; FIN and PSH stay
 * on the last piece, CWR on the first (RFC 3168 §6.1.2). */
#include "packet/segment.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/util.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"
#include <string.h>

/* Copies `length` bytes from offset `from` of the packet; it has that many. */
void rill__packet_copy(const struct rill_packet *packet, size_t from, uint8_t *out, size_t length) {
    if (from < packet->header_length) {
        size_t part = RILL_MIN(length, packet->header_length - from);
        memcpy(out, packet->headroom + packet->header_offset + from, part);
        out += part;
        length -= part;
        from = 0;
    } else {
        from -= packet->header_length;
    }
    for (int i = 0; length > 0 && i < packet->slice_count; i++) {
        const struct rill_slice *slice = &packet->slices[i];
        if (from >= slice->length) {
            from -= slice->length;
            continue;
        }
        size_t part = RILL_MIN(length, slice->length - from);
        memcpy(out, slice->data + from, part);
        out += part;
        length -= part;
        from = 0;
    }
}

const uint8_t *rill__packet_head(const struct rill_packet *packet, size_t *length) {
    if (packet->header_length) {
        *length = packet->header_length;
        return packet->headroom + packet->header_offset;
    }
    *length = packet->slice_count ? packet->slices[0].length : 0;
    return packet->slice_count ? packet->slices[0].data : 0;
}

/* The bytes of IP and TCP header of a super-segment, behind its link header; 0 if it is none. */
static size_t headers_length(const struct rill_packet *packet, size_t *transport) {
    size_t have;
    const uint8_t *head = rill__packet_head(packet, &have);
    if (have < packet->link_length + (size_t)WIRE_IPV4_HEADER)
        return 0;
    head += packet->link_length;
    have -= packet->link_length;
    if (head[0] >> 4 == 4 && head[9] == WIRE_PROTOCOL_TCP)
        *transport = (size_t)(head[0] & 15) * 4;
    else if (head[0] >> 4 == 6 && head[6] == WIRE_PROTOCOL_TCP)
        *transport = WIRE_IPV6_HEADER;
    else
        return 0;
    if (*transport < WIRE_IPV4_HEADER || have < *transport + WIRE_TCP_HEADER)
        return 0;
    size_t length = *transport + (size_t)(head[*transport + 12] >> 4) * 4;
    if (length < *transport + WIRE_TCP_HEADER || length > have ||
        length > packet->length - packet->link_length)
        return 0;
    return length;
}

uint32_t rill_packet_frames(const struct rill_packet *packet) {
    size_t transport, headers;
    if (!packet->gso_size || (headers = headers_length(packet, &transport)) == 0)
        return 1;
    size_t payload = packet->length - packet->link_length - headers;
    return payload <= packet->gso_size
               ? 1
               : (uint32_t)((payload + packet->gso_size - 1) / packet->gso_size);
}

void rill_packet_flatten(const struct rill_packet *packet, uint8_t *out) {
    rill__packet_copy(packet, 0, out, packet->length);
    size_t start = packet->link_length + packet->checksum_start,
           at = start + packet->checksum_offset;
    if (!(packet->flags & RILL_PACKET_CHECKSUM_PARTIAL) || at + 2 > packet->length)
        return;
    uint16_t sum = rill__checksum_fold(rill__checksum_add(0, out + start, packet->length - start));
    rill__checksum_store(out + at, (uint16_t)~sum);
}

/* Rewrites the copied headers of piece `index`, whose payload begins at `offset` of the whole. */
static void fix_headers(uint8_t *out, size_t transport, size_t length, uint32_t index,
                        size_t offset, bool last) {
    uint32_t transport_length = (uint32_t)(length - transport);
    uint64_t sum;
    if (out[0] >> 4 == 4) {
        bytes_put16(out + 2, (uint32_t)length);
        bytes_put16(out + 4, bytes_get16(out + 4) + index);
        bytes_put16(out + 10, 0);
        uint16_t header = rill__checksum_fold(rill__checksum_add(0, out, transport));
        rill__checksum_store(out + 10, (uint16_t)~header);
        sum = rill__checksum_pseudo(out + 12, 8, WIRE_PROTOCOL_TCP, transport_length);
    } else {
        bytes_put16(out + 4, (uint32_t)(length - WIRE_IPV6_HEADER));
        sum = rill__checksum_pseudo(out + 8, 32, WIRE_PROTOCOL_TCP, transport_length);
    }
    uint8_t *tcp = out + transport;
    bytes_put32(tcp + 4, bytes_get32(tcp + 4) + (uint32_t)offset);
    if (index > 0)
        tcp[13] &= (uint8_t)~WIRE_CWR;
    if (!last)
        tcp[13] &= (uint8_t) ~(WIRE_FIN | WIRE_PSH);
    bytes_put16(tcp + 16, 0);
    sum = rill__checksum_fold(rill__checksum_add(sum, tcp, transport_length));
    rill__checksum_store(tcp + 16, (uint16_t)~sum);
}

size_t rill_packet_frame(const struct rill_packet *packet, uint32_t index, uint8_t *out,
                         size_t capacity) {
    uint32_t frames = rill_packet_frames(packet);
    if (index >= frames)
        return 0;
    if (frames == 1) {
        if (packet->length > capacity)
            return 0;
        rill_packet_flatten(packet, out);
        return packet->length;
    }
    size_t link = packet->link_length;
    size_t transport = 0, headers = headers_length(packet, &transport);
    size_t offset = (size_t)index * packet->gso_size;
    size_t payload = RILL_MIN(packet->gso_size, packet->length - link - headers - offset);
    if (link + headers + payload > capacity)
        return 0;
    rill__packet_copy(packet, 0, out, link + headers);
    rill__packet_copy(packet, link + headers + offset, out + link + headers, payload);
    fix_headers(out + link, transport, headers + payload, index, offset, index + 1 == frames);
    return link + headers + payload;
}
