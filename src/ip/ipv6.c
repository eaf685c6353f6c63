/* ip/ipv6.c: IPv6 as a table of operations. No extension header is taken yet. */
#include "wire/ipv6.h"
#include "ip/icmp.h"
#include "wire/ipv4.h"
#include <string.h>

enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, NO_NEXT = 59, DESTINATION = 60 };

static enum rill_drop parse(const uint8_t *data, size_t contiguous, size_t length,
                            struct ip_datagram *out) {
    struct wire_ipv6 header;
    if (contiguous < WIRE_IPV6_HEADER)
        return RILL_DROP_TRUNCATED;
    enum rill_drop drop = rill__ipv6_parse(data, length, &header);
    if (drop)
        return drop;
    switch (header.next_header) {
    case FRAGMENT:
        return RILL_DROP_IP_FRAGMENT;
    case HOP_BY_HOP:
    case ROUTING:
    case NO_NEXT:
    case DESTINATION:
        return RILL_DROP_IP_EXTENSION;
    default:
        break;
    }
    memcpy(out->source.bytes, header.source, 16);
    memcpy(out->destination.bytes, header.destination, 16);
    /* RFC 4291 §2.5.5.2: a mapped address is not for the wire; taken, it would pass as IPv4. */
    if (rill_address_is_ipv4(&out->source) || rill_address_is_ipv4(&out->destination))
        return RILL_DROP_IP_SOURCE;
    out->header_length = WIRE_IPV6_HEADER;
    out->length = header.payload_length;
    out->protocol = header.next_header;
    out->traffic_class = header.traffic_class;
    out->hop_limit = header.hop_limit;
    return RILL_DROP_NONE;
}

static void emit(const struct ip_datagram *datagram, uint8_t *out) {
    struct wire_ipv6 header = {.payload_length = (uint16_t)datagram->length,
                               .traffic_class = datagram->traffic_class,
                               .next_header = datagram->protocol,
                               .hop_limit = datagram->hop_limit};
    memcpy(header.source, datagram->source.bytes, 16);
    memcpy(header.destination, datagram->destination.bytes, 16);
    rill__ipv6_emit(&header, out);
}

static uint64_t pseudo_sum(const struct ip_datagram *datagram) {
    return rill__ipv6_pseudo_sum(datagram->source.bytes, datagram->destination.bytes,
                                 datagram->protocol, datagram->length);
}

const struct rill_network_ops rill_ipv6 = {
    .version = 6,
    .header_length = WIRE_IPV6_HEADER,
    .parse = parse,
    .emit = emit,
    .pseudo_sum = pseudo_sum,
    .icmp_protocol = WIRE_PROTOCOL_ICMPV6,
    .icmp_input = rill__icmpv6_input,
};
