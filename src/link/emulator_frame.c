/* link/emulator_frame.c: see emulator_frame.h. */
#include "link/emulator_frame.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"
#include <string.h>

uint8_t *rill__frame_bytes(struct rill_packet *packet) {
    return (uint8_t *)(uintptr_t)packet->slices[0].data;
}

/* Where the IP header lies, with at least its fixed part; 0: there is none. */
static const uint8_t *ip_header(const struct rill_packet *packet, size_t *length) {
    const uint8_t *data = packet->slices[0].data;
    size_t link = packet->link_length;
    if (packet->length < link + WIRE_IPV4_HEADER)
        return 0;
    if (link >= WIRE_ETHERNET_HEADER) {
        uint16_t type = bytes_get16(data + link - 2);
        if (type != WIRE_TYPE_IPV4 && type != WIRE_TYPE_IPV6)
            return 0;
    }
    *length = packet->length - link;
    data += link;
    size_t least = data[0] >> 4 == 4   ? WIRE_IPV4_HEADER
                   : data[0] >> 4 == 6 ? WIRE_IPV6_HEADER
                                       : SIZE_MAX;
    return *length >= least ? data : 0;
}

bool rill__frame_mark(struct rill_packet *packet) {
    size_t length;
    const uint8_t *header = ip_header(packet, &length);
    if (!header)
        return false;
    uint8_t *data = rill__frame_bytes(packet) + packet->link_length;
    bool ipv4 = data[0] >> 4 == 4;
    unsigned ecn = ipv4 ? data[1] & 3u : data[1] >> 4 & 3u;
    if (ecn == 0)
        return false;
    data[1] |= ipv4 ? 3 : 0x30;
    size_t header_length = (data[0] & 15u) * 4u;
    if (ipv4 && header_length >= WIRE_IPV4_HEADER && header_length <= length) {
        data[10] = data[11] = 0;
        uint16_t sum = rill__checksum_fold(rill__checksum_add(0, data, header_length));
        rill__checksum_store(data + 10, (uint16_t)~sum);
    }
    return true;
}

/* The transport header of a TCP segment and the bytes from there on; 0: it is none. */
static const uint8_t *tcp_header(const uint8_t *ip, size_t *length, uint8_t flow[36]) {
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    size_t header, total;
    if (ip[0] >> 4 == 4) {
        header = (size_t)(ip[0] & 15) * 4;
        total = bytes_get16(ip + 2);
        if (ip[9] != WIRE_PROTOCOL_TCP || bytes_get16(ip + 6) & 0x3fff) /* a fragment */
            return 0;
        for (int i = 0; i < 2; i++) {
            memcpy(flow + 16 * i, mapped, sizeof mapped);
            memcpy(flow + 16 * i + 12, ip + 12 + 4 * i, 4);
        }
    } else {
        header = WIRE_IPV6_HEADER;
        total = header + bytes_get16(ip + 4);
        if (ip[6] != WIRE_PROTOCOL_TCP)
            return 0;
        memcpy(flow, ip + 8, 32);
    }
    if (header < WIRE_IPV4_HEADER || total > *length || total < header + WIRE_TCP_HEADER)
        return 0;
    *length = total - header;
    return ip + header;
}

bool rill__frame_segment(const struct rill_packet *packet, struct frame_segment *segment) {
    size_t length = 0;
    const uint8_t *ip = ip_header(packet, &length);
    const uint8_t *tcp = ip ? tcp_header(ip, &length, segment->flow) : 0;
    if (!tcp)
        return false;
    size_t header = (size_t)(tcp[12] >> 4) * 4;
    if (header < WIRE_TCP_HEADER || header > length)
        return false;
    memcpy(segment->flow + 32, tcp, 4);
    segment->sequence = bytes_get32(tcp + 4);
    segment->length = (uint32_t)(length - header);
    segment->syn = (tcp[13] & WIRE_SYN) != 0;
    return true;
}
