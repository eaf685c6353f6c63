/* wire/ipv6.c: see ipv6.h. */
#include "wire/ipv6.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include <string.h>

enum rill_drop rill__ipv6_parse(const uint8_t *data, size_t length, struct wire_ipv6 *out) {
    if (length < WIRE_IPV6_HEADER)
        return RILL_DROP_TRUNCATED;
    uint32_t first = bytes_get32(data);
    if (first >> 28 != 6)
        return RILL_DROP_IP_VERSION;
    out->traffic_class = (uint8_t)(first >> 20);
    out->flow_label = first & 0xfffff;
    out->payload_length = bytes_get16(data + 4);
    if ((size_t)out->payload_length + WIRE_IPV6_HEADER > length)
        return RILL_DROP_IP_TOTAL_LENGTH;
    out->next_header = data[6];
    out->hop_limit = data[7];
    memcpy(out->source, data + 8, 16);
    memcpy(out->destination, data + 24, 16);
    return RILL_DROP_NONE;
}

void rill__ipv6_emit(const struct wire_ipv6 *header, uint8_t *out) {
    bytes_put32(out, 6u << 28 | (uint32_t)header->traffic_class << 20 | header->flow_label);
    bytes_put16(out + 4, header->payload_length);
    out[6] = header->next_header;
    out[7] = header->hop_limit;
    memcpy(out + 8, header->source, 16);
    memcpy(out + 24, header->destination, 16);
}

uint64_t rill__ipv6_pseudo_sum(const uint8_t source[16], const uint8_t destination[16],
                               uint8_t protocol, uint32_t length) {
    uint8_t addresses[32];
    memcpy(addresses, source, 16);
    memcpy(addresses + 16, destination, 16);
    return rill__checksum_pseudo(addresses, sizeof addresses, protocol, length);
}
