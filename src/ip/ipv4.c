/* ip/ipv4.c: IPv4 as a table of operations. What TCP sends is never fragmented (DF set, RFC 1191
 * §3), so its identification need not be unique (RFC 6864 §4.1). */
#include "wire/ipv4.h"
#include "base/address.h"
#include "ip/icmp.h"
#include <string.h>

static enum rill_drop parse(const uint8_t *data, size_t contiguous, size_t length,
                            struct ip_datagram *out) {
    struct wire_ipv4 header;
    if (contiguous < WIRE_IPV4_HEADER || (size_t)(data[0] & 15) * 4 > contiguous)
        return RILL_DROP_TRUNCATED;
    enum rill_drop drop = rill__ipv4_parse(data, length, &header);
    if (drop)
        return drop;
    out->is_fragment = header.more_fragments || header.fragment_offset;
    out->more_fragments = header.more_fragments;
    out->fragment_offset = header.fragment_offset;
    out->fragment_id = header.identification;
    out->source = rill__address_from_ipv4(header.source);
    out->destination = rill__address_from_ipv4(header.destination);
    out->header_length = header.header_length;
    out->length = header.total_length - header.header_length;
    out->protocol = header.protocol;
    out->traffic_class = header.traffic_class;
    out->hop_limit = header.ttl;
    return RILL_DROP_NONE;
}

static void emit(const struct ip_datagram *datagram, uint8_t *out) {
    struct wire_ipv4 header = {.total_length = (uint16_t)(datagram->length + WIRE_IPV4_HEADER),
                               .identification = (uint16_t)datagram->fragment_id,
                               .fragment_offset = datagram->fragment_offset,
                               .traffic_class = datagram->traffic_class,
                               .ttl = datagram->hop_limit,
                               .protocol = datagram->protocol,
                               .dont_fragment = datagram->dont_fragment,
                               .more_fragments = datagram->more_fragments};
    memcpy(header.source, datagram->source.bytes + 12, 4);
    memcpy(header.destination, datagram->destination.bytes + 12, 4);
    rill__ipv4_emit(&header, out);
}

static uint64_t pseudo_sum(const struct ip_datagram *datagram) {
    return rill__ipv4_pseudo_sum(datagram->source.bytes + 12, datagram->destination.bytes + 12,
                                 datagram->protocol, datagram->length);
}

static void icmp_input(struct ip_host *host, struct ip_datagram *datagram) {
    rill__icmp_message(host, datagram, 8, 0); /* RFC 792: echo, echo reply */
}

const struct rill_network_ops rill_ipv4 = {
    .version = 4,
    .header_length = WIRE_IPV4_HEADER,
    .parse = parse,
    .emit = emit,
    .pseudo_sum = pseudo_sum,
    .icmp_protocol = WIRE_PROTOCOL_ICMP,
    .icmp_input = icmp_input,
};
