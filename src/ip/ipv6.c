/* ip/ipv6.c: IPv6 as a table of operations. Extension headers are walked (RFC 8200 §4): options of
 * unknown kinds are passed over or refuse the packet as their upper bits say, a fragment header is
 * read, a routing header with segments left is refused (we are no router; type 0 is banned by RFC
 * 5095). */
#include "wire/ipv6.h"
#include "base/bytes.h"
#include "ip/icmp.h"
#include "wire/ipv4.h"
#include <string.h>

enum {
    HOP_BY_HOP = 0,
    ROUTING = 43,
    FRAGMENT = 44,
    NO_NEXT = 59,
    DESTINATION = 60,
    EXTENSIONS_MAX = 8,
    FRAGMENT_HEADER = 8
};

/* What an error would have to say; the sender of an error is not told of one (RFC 4443 §2.4 (e)).
 */
static enum rill_drop refuse(struct ip_datagram *out, unsigned code, uint32_t at, bool of_error) {
    if (!of_error) {
        out->problem = (uint8_t)(code + 1);
        out->problem_at = at;
    }
    return RILL_DROP_IP_EXTENSION;
}

/* RFC 8200 §4.2: the two upper bits of an unknown option's kind: 0 means pass over, 1 drop, 2 and 3
 * drop and say so, 3 not to who sends to groups. Options lie at data + at, up to `end`. */
static enum rill_drop check_options(const uint8_t *data, uint32_t at, uint32_t end, bool of_error,
                                    struct ip_datagram *out) {
    while (at < end) {
        uint8_t kind = data[at];
        if (kind == 0) { /* Pad1 */
            at++;
            continue;
        }
        if (end - at < 2 || data[at + 1] + 2u > end - at)
            return RILL_DROP_IP_EXTENSION;
        bool known = kind == 1 || kind == 5; /* PadN, router alert */
        out->router_alert = out->router_alert || kind == 5;
        if (!known && kind >> 6 == 1)
            return RILL_DROP_IP_EXTENSION;
        if (!known && kind >> 6 > 1)
            return refuse(out, 2, at,
                          of_error || (kind >> 6 == 3 && out->destination.bytes[0] == 0xff));
        at += data[at + 1] + 2u;
    }
    return RILL_DROP_NONE;
}

static void read_fragment(const uint8_t *header, struct ip_datagram *out) {
    uint16_t field = bytes_get16(header + 2);
    out->fragment_offset = field & 0xfff8;
    out->more_fragments = field & 1;
    out->fragment_id = bytes_get32(header + 4);
    /* RFC 6946 §4: an atomic fragment is a whole datagram, and meets no others. */
    out->is_fragment = out->fragment_offset || out->more_fragments;
}

/* Walks from the header of kind `next` at data + *at on. A part of a datagram ends the walk: what
 * follows its fragment header is data. */
static enum rill_drop walk(const uint8_t *data, size_t contiguous, uint8_t next, uint32_t *at,
                           struct ip_datagram *out) {
    out->protocol_at = 6;
    for (int i = 0; i < EXTENSIONS_MAX; i++) {
        if (next != HOP_BY_HOP && next != ROUTING && next != FRAGMENT && next != DESTINATION) {
            out->protocol = next;
            return next == NO_NEXT ? RILL_DROP_IP_EXTENSION : RILL_DROP_NONE;
        }
        if (next == HOP_BY_HOP && i > 0)
            return RILL_DROP_IP_EXTENSION; /* RFC 8200 §4.1: only first */
        const uint8_t *header = data + *at;
        if (contiguous < *at + FRAGMENT_HEADER)
            return RILL_DROP_TRUNCATED;
        size_t length = next == FRAGMENT ? (size_t)FRAGMENT_HEADER : ((size_t)header[1] + 1) * 8;
        if (contiguous < *at + length)
            return RILL_DROP_TRUNCATED;
        *at += (uint32_t)length;
        uint32_t begin = *at - (uint32_t)length;
        bool of_error = header[0] == WIRE_PROTOCOL_ICMPV6 && contiguous > *at && data[*at] < 128;
        if (next == ROUTING && header[3] != 0) /* RFC 8200 §4.4: it points to the kind */
            return refuse(out, 0, begin + 2, of_error);
        enum rill_drop drop = RILL_DROP_NONE;
        if (next == HOP_BY_HOP || next == DESTINATION)
            drop = check_options(data, begin + 2, *at, of_error, out);
        if (drop)
            return drop;
        if (next == FRAGMENT) {
            read_fragment(header, out);
            if (out->is_fragment) {
                out->protocol = header[0];
                return RILL_DROP_NONE;
            }
        }
        out->protocol_at = begin;
        next = header[0];
    }
    return RILL_DROP_IP_EXTENSION;
}

static enum rill_drop parse(const uint8_t *data, size_t contiguous, size_t length,
                            struct ip_datagram *out) {
    struct wire_ipv6 header;
    if (contiguous < WIRE_IPV6_HEADER)
        return RILL_DROP_TRUNCATED;
    enum rill_drop drop = rill__ipv6_parse(data, length, &header);
    if (drop)
        return drop;
    uint32_t at = WIRE_IPV6_HEADER, end = WIRE_IPV6_HEADER + header.payload_length;
    memcpy(out->source.bytes, header.source, 16);
    memcpy(out->destination.bytes, header.destination, 16);
    /* RFC 4291 §2.5.5.2: a mapped address is not for the wire; taken, it would pass as IPv4. */
    if (rill_address_is_ipv4(&out->source) || rill_address_is_ipv4(&out->destination))
        return RILL_DROP_IP_SOURCE;
    out->traffic_class = header.traffic_class;
    out->hop_limit = header.hop_limit;
    out->flow_label = header.flow_label;
    drop = walk(data, contiguous < end ? contiguous : end, header.next_header, &at, out);
    out->header_length = drop ? WIRE_IPV6_HEADER : at;
    out->length = end - out->header_length;
    return drop;
}

static void emit(const struct ip_datagram *datagram, uint8_t *out) {
    uint32_t extension = datagram->is_fragment ? FRAGMENT_HEADER : 0;
    struct wire_ipv6 header = {.flow_label = datagram->flow_label,
                               .payload_length = (uint16_t)(datagram->length + extension),
                               .traffic_class = datagram->traffic_class,
                               .next_header =
                                   (uint8_t)(extension ? (int)FRAGMENT : datagram->protocol),
                               .hop_limit = datagram->hop_limit};
    memcpy(header.source, datagram->source.bytes, 16);
    memcpy(header.destination, datagram->destination.bytes, 16);
    rill__ipv6_emit(&header, out);
    if (!extension)
        return;
    out[WIRE_IPV6_HEADER] = datagram->protocol;
    out[WIRE_IPV6_HEADER + 1] = 0;
    bytes_put16(out + WIRE_IPV6_HEADER + 2,
                datagram->fragment_offset | (datagram->more_fragments ? 1u : 0));
    bytes_put32(out + WIRE_IPV6_HEADER + 4, datagram->fragment_id);
}

static uint64_t pseudo_sum(const struct ip_datagram *datagram) {
    return rill__ipv6_pseudo_sum(datagram->source.bytes, datagram->destination.bytes,
                                 datagram->protocol, datagram->length);
}

static void icmp_input(struct ip_host *host, struct ip_datagram *datagram) {
    uint8_t type = datagram->contiguous ? datagram->data[0] : 0;
    const struct rill_framing_ops *framing = datagram->interface->framing;
    if (framing && type >= 130 && type <= 137) { /* RFC 4861 §4, RFC 3810 §5 */
        if (rill__icmp_checksum_ok(datagram))
            framing->neighbour_message(datagram->interface, datagram);
        else
            rill__core_drop(host->core, RILL_DROP_ICMP_CHECKSUM);
        return;
    }
    rill__icmp_message(host, datagram, 128, 129); /* RFC 4443 §4.1, §4.2 */
}

const struct rill_network_ops rill_ipv6 = {
    .version = 6,
    .header_length = WIRE_IPV6_HEADER,
    .parse = parse,
    .emit = emit,
    .pseudo_sum = pseudo_sum,
    .fragment_header = FRAGMENT_HEADER,
    .icmp_protocol = WIRE_PROTOCOL_ICMPV6,
    .icmp_input = icmp_input,
};
