/* wire/ipv4.c: see ipv4.h. */
#include "wire/ipv4.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include <string.h>

enum rill_drop rill__ipv4_parse(const uint8_t *data, size_t length, struct wire_ipv4 *out) {
    if (length < WIRE_IPV4_HEADER)
        return RILL_DROP_TRUNCATED;
    if (data[0] >> 4 != 4)
        return RILL_DROP_IP_VERSION;
    out->header_length = (uint8_t)((data[0] & 15) * 4);
    if (out->header_length < WIRE_IPV4_HEADER || out->header_length > length)
        return RILL_DROP_IP_HEADER_LENGTH;
    out->total_length = bytes_get16(data + 2);
    if (out->total_length < out->header_length || out->total_length > length)
        return RILL_DROP_IP_TOTAL_LENGTH;
    if (rill__checksum_fold(rill__checksum_add(0, data, out->header_length)) != 0xffff)
        return RILL_DROP_IP_CHECKSUM;
    out->traffic_class = data[1];
    out->identification = bytes_get16(data + 4);
    uint16_t fragment = bytes_get16(data + 6);
    out->dont_fragment = fragment >> 14 & 1;
    out->more_fragments = fragment >> 13 & 1;
    out->fragment_offset = (uint16_t)((fragment & 0x1fff) * 8u);
    out->ttl = data[8];
    out->protocol = data[9];
    memcpy(out->source, data + 12, 4);
    memcpy(out->destination, data + 16, 4);
    return RILL_DROP_NONE;
}

void rill__ipv4_emit(const struct wire_ipv4 *header, uint8_t *out) {
    out[0] = 0x45;
    out[1] = header->traffic_class;
    bytes_put16(out + 2, header->total_length);
    bytes_put16(out + 4, header->identification);
    bytes_put16(out + 6, (header->dont_fragment ? 0x4000u : 0) |
                             (header->more_fragments ? 0x2000u : 0) | header->fragment_offset / 8u);
    out[8] = header->ttl;
    out[9] = header->protocol;
    bytes_put16(out + 10, 0);
    memcpy(out + 12, header->source, 4);
    memcpy(out + 16, header->destination, 4);
    uint16_t sum = rill__checksum_fold(rill__checksum_add(0, out, WIRE_IPV4_HEADER));
    rill__checksum_store(out + 10, (uint16_t)~sum);
}

uint64_t rill__ipv4_pseudo_sum(const uint8_t source[4], const uint8_t destination[4],
                               uint8_t protocol, uint32_t length) {
    uint8_t addresses[8];
    memcpy(addresses, source, 4);
    memcpy(addresses + 4, destination, 4);
    return rill__checksum_pseudo(addresses, sizeof addresses, protocol, length);
}
