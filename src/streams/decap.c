/* streams/decap.c: link layers and IP; see decap.h. */
#include "streams/decap.h"

#include "base/bytes.h"
#include "capture/reader.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"

#include <string.h>

enum {
    TYPE_VLAN = 0x8100,
    TYPE_VLAN_OUTER = 0x88a8,
    TYPE_VLAN_OLD = 0x9100,
    TYPE_MPLS = 0x8847,
    TYPE_MPLS_MULTICAST = 0x8848,
    TYPE_PPPOE = 0x8864,
    PPP_IPV4 = 0x21,
    PPP_IPV6 = 0x57,
    PROTOCOL_HOP_BY_HOP = 0,
    PROTOCOL_IPIP = 4,
    PROTOCOL_IPV6 = 41,
    PROTOCOL_ROUTING = 43,
    PROTOCOL_FRAGMENT = 44,
    PROTOCOL_GRE = 47,
    PROTOCOL_AUTHENTICATION = 51,
    PROTOCOL_DESTINATION = 60,
    DEPTH_MAX = 32,
    LINK_LARGEST = 9300, /* no frame on a wire is longer */
};

void rill__decap_init(struct decap *decap, const struct rill_allocator *allocator) {
    memset(decap, 0, sizeof *decap);
    rill__scopes_init(&decap->scopes, allocator);
    rill__fragments_init(&decap->fragments, allocator);
}

void rill__decap_fini(struct decap *decap) {
    rill__scopes_fini(&decap->scopes);
    rill__fragments_fini(&decap->fragments);
}

static void set_ipv4(struct rill_address *address, const uint8_t *bytes) {
    memset(address->bytes, 0, 10);
    address->bytes[10] = address->bytes[11] = 0xff;
    memcpy(address->bytes + 12, bytes, 4);
}

/* A sum over both addresses that is the same for both ways. */
static uint64_t sum_ends(const uint8_t *a, const uint8_t *b, unsigned length) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < length; i += 4) {
        uint64_t one = bytes_get32(a + i), other = bytes_get32(b + i);
        sum = sum * UINT64_C(0x9e3779b97f4a7c15) + (one + other) + ((one ^ other) << 33);
    }
    return sum | 1;
}

static enum decap_result inside_ip(struct decap *decap, uint8_t protocol, struct decap_view view,
                                   uint64_t ends, struct streams_packet *packet) {
    switch (protocol) {
    case WIRE_PROTOCOL_TCP:
        return rill__decap_tcp(decap, view, false, packet);
    case WIRE_PROTOCOL_UDP:
        return rill__decap_udp(decap, view, packet);
    case WIRE_PROTOCOL_ICMP:
    case WIRE_PROTOCOL_ICMPV6:
        return rill__decap_icmp(decap, view, protocol == WIRE_PROTOCOL_ICMPV6, packet);
    case PROTOCOL_IPIP:
    case PROTOCOL_IPV6:
        scope_push(&decap->scope, SCOPE_IPIP, 0, ends);
        return rill__decap_ip(decap, view, packet);
    case PROTOCOL_GRE:
        return rill__decap_gre(decap, view, ends, packet);
    default:
        return DECAP_OTHER;
    }
}

/* A fragment; goes on when the datagram is whole. */
static enum decap_result take_fragment(struct decap *decap, struct fragment *fragment,
                                       struct decap_view view, uint64_t ends,
                                       struct streams_packet *packet) {
    fragment->data = view.data;
    fragment->length = view.length;
    fragment->captured = view.captured;
    fragment->frame = decap->frame->number;
    fragment->when = decap->frame->when;
    fragment->key.scope = rill__scopes_find(&decap->scopes, &decap->scope);
    struct decap_view whole;
    if (!rill__fragments_add(&decap->fragments, fragment, &whole.data, &whole.length))
        return DECAP_FRAGMENT;
    whole.captured = whole.length;
    decap->reassembled = true;
    return inside_ip(decap, (uint8_t)fragment->key.protocol, whole, ends, packet);
}

static enum decap_result ipv4(struct decap *decap, struct decap_view view,
                              struct streams_packet *packet) {
    const uint8_t *header = view.data;
    if (view.captured < WIRE_IPV4_HEADER)
        return DECAP_CUT;
    uint32_t header_length = (header[0] & 15u) * 4, total = bytes_get16(header + 2);
    if (total == 0) /* not filled in yet when the frame was to be segmented by the device */
        total = view.length;
    if (header_length < WIRE_IPV4_HEADER || total < header_length)
        return DECAP_BAD;
    if (view.length > total)
        view.length = total; /* what follows is padding */
    if (view.captured > view.length)
        view.captured = view.length;
    if (!decap_skip(&view, header_length))
        return DECAP_CUT;
    set_ipv4(&packet->source, header + 12);
    set_ipv4(&packet->destination, header + 16);
    packet->identification = bytes_get16(header + 4);
    packet->ttl = header[8];
    packet->ipv6 = false;
    unsigned fragment_field = bytes_get16(header + 6);
    if (!(fragment_field & 0x3fff))
        return header[9] == WIRE_PROTOCOL_TCP
                   ? rill__decap_tcp(decap, view, false, packet)
                   : inside_ip(decap, header[9], view, sum_ends(header + 12, header + 16, 4),
                               packet);
    struct fragment fragment;
    memset(&fragment, 0, sizeof fragment);
    memcpy(fragment.key.source, packet->source.bytes, 16);
    memcpy(fragment.key.destination, packet->destination.bytes, 16);
    fragment.key.identification = packet->identification;
    fragment.key.protocol = header[9];
    fragment.offset = (fragment_field & 0x1fff) * 8;
    fragment.more = fragment_field & 0x2000;
    return take_fragment(decap, &fragment, view, sum_ends(header + 12, header + 16, 4), packet);
}

static enum decap_result ipv6_fragment(struct decap *decap, struct decap_view view,
                                       const uint8_t *header, struct streams_packet *packet) {
    struct fragment fragment;
    uint64_t ends = sum_ends(packet->source.bytes, packet->destination.bytes, 16);
    memset(&fragment, 0, sizeof fragment);
    unsigned field = bytes_get16(header + 2);
    if (!(field & 0xfff9)) /* an atomic fragment (RFC 6946) */
        return inside_ip(decap, header[0], view, ends, packet);
    memcpy(fragment.key.source, packet->source.bytes, 16);
    memcpy(fragment.key.destination, packet->destination.bytes, 16);
    fragment.key.identification = bytes_get32(header + 4);
    fragment.key.protocol = header[0];
    fragment.offset = field & 0xfff8;
    fragment.more = field & 1;
    return take_fragment(decap, &fragment, view, ends, packet);
}

/* Passes over the extension headers (RFC 8200 §4). */
static enum decap_result ipv6_inside(struct decap *decap, uint8_t next, struct decap_view view,
                                     struct streams_packet *packet) {
    for (unsigned i = 0; i < DEPTH_MAX; i++) {
        const uint8_t *header = view.data;
        switch (next) {
        case PROTOCOL_HOP_BY_HOP:
        case PROTOCOL_ROUTING:
        case PROTOCOL_DESTINATION:
            if (view.captured < 8 || !decap_skip(&view, 8 + header[1] * 8u))
                return DECAP_CUT;
            break;
        case PROTOCOL_AUTHENTICATION:
            if (view.captured < 8 || !decap_skip(&view, 8 + header[1] * 4u))
                return DECAP_CUT;
            break;
        case PROTOCOL_FRAGMENT:
            if (!decap_skip(&view, 8))
                return DECAP_CUT;
            return ipv6_fragment(decap, view, header, packet);
        default:
            return inside_ip(decap, next, view,
                             sum_ends(packet->source.bytes, packet->destination.bytes, 16), packet);
        }
        next = header[0];
    }
    return DECAP_BAD;
}

static enum decap_result ipv6(struct decap *decap, struct decap_view view,
                              struct streams_packet *packet) {
    const uint8_t *header = view.data;
    if (!decap_skip(&view, 40))
        return DECAP_CUT;
    uint32_t length = bytes_get16(header + 4);
    if (length) { /* 0: a jumbogram (RFC 2675), or to be segmented by the device */
        if (view.length > length)
            view.length = length;
        if (view.captured > view.length)
            view.captured = view.length;
    }
    memcpy(packet->source.bytes, header + 8, 16);
    memcpy(packet->destination.bytes, header + 24, 16);
    packet->identification = 0;
    packet->ttl = header[7];
    packet->ipv6 = true;
    return ipv6_inside(decap, header[6], view, packet);
}

enum decap_result rill__decap_ip(struct decap *decap, struct decap_view view,
                                 struct streams_packet *packet) {
    if (++decap->depth > DEPTH_MAX)
        return DECAP_BAD;
    if (!view.captured)
        return DECAP_CUT;
    switch (view.data[0] >> 4) {
    case 4:
        return ipv4(decap, view, packet);
    case 6:
        return ipv6(decap, view, packet);
    default:
        return DECAP_OTHER;
    }
}

static enum decap_result ppp(struct decap *decap, struct decap_view view,
                             struct streams_packet *packet) {
    if (view.captured >= 2 && view.data[0] == 0xff && view.data[1] == 3)
        decap_skip(&view, 2); /* address and control, as in HDLC */
    if (!view.captured)
        return DECAP_CUT;
    bool compressed = view.data[0] & 1; /* protocol field compression (RFC 1661 §6.5) */
    if (!compressed && view.captured < 2)
        return DECAP_CUT;
    unsigned protocol = compressed ? view.data[0] : bytes_get16(view.data);
    decap_skip(&view, compressed ? 1 : 2);
    return protocol == PPP_IPV4 || protocol == PPP_IPV6 ? rill__decap_ip(decap, view, packet)
                                                        : DECAP_OTHER;
}

/* A stack of labels, the last marked; IP below it, or a pseudowire, which is not followed. */
static enum decap_result mpls(struct decap *decap, struct decap_view view,
                              struct streams_packet *packet) {
    bool last = false;
    while (!last) {
        if (view.captured < 4)
            return DECAP_CUT;
        last = view.data[2] & 1;
        decap_skip(&view, 4);
    }
    return rill__decap_ip(decap, view, packet);
}

enum decap_result rill__decap_type(struct decap *decap, uint16_t type, struct decap_view view,
                                   struct streams_packet *packet) {
    for (unsigned i = 0; i < DEPTH_MAX; i++) {
        switch (type) {
        case WIRE_TYPE_IPV4:
        case WIRE_TYPE_IPV6:
            return rill__decap_ip(decap, view, packet);
        case TYPE_VLAN:
        case TYPE_VLAN_OUTER:
        case TYPE_VLAN_OLD:
            if (view.captured < 4)
                return DECAP_CUT;
            if (bytes_get16(view.data) & 0xfff) /* 0: a priority only */
                scope_push(&decap->scope, SCOPE_VLAN, bytes_get16(view.data) & 0xfff, 0);
            type = bytes_get16(view.data + 2);
            decap_skip(&view, 4);
            break;
        case TYPE_MPLS:
        case TYPE_MPLS_MULTICAST:
            return mpls(decap, view, packet);
        case TYPE_PPPOE:
            if (view.captured < 6)
                return DECAP_CUT;
            scope_push(&decap->scope, SCOPE_PPPOE, bytes_get16(view.data + 2), 0);
            decap_skip(&view, 6);
            return ppp(decap, view, packet);
        default:
            return DECAP_OTHER;
        }
    }
    return DECAP_BAD;
}

enum decap_result rill__decap_ethernet(struct decap *decap, struct decap_view view,
                                       struct streams_packet *packet) {
    const uint8_t *header = view.data;
    if (!decap_skip(&view, WIRE_ETHERNET_HEADER))
        return DECAP_CUT;
    return rill__decap_type(decap, bytes_get16(header + 12), view, packet);
}

/* The family in the order of the machine that captured, whose numbers for IPv6 differ: the IP
 * version says it as well. */
static enum decap_result null_link(struct decap *decap, struct decap_view view,
                                   struct streams_packet *packet) {
    return decap_skip(&view, 4) ? rill__decap_ip(decap, view, packet) : DECAP_CUT;
}

static enum decap_result cooked(struct decap *decap, struct decap_view view, uint32_t type_at,
                                uint32_t header_length, struct streams_packet *packet) {
    const uint8_t *header = view.data;
    if (!decap_skip(&view, header_length))
        return DECAP_CUT;
    return rill__decap_type(decap, bytes_get16(header + type_at), view, packet);
}

static enum decap_result link_layer(struct decap *decap, const struct streams_frame *frame,
                                    struct streams_packet *packet) {
    struct decap_view view = {frame->data, frame->length, frame->wire_length};
    switch (frame->link_type) {
    case CAPTURE_LINK_ETHERNET:
        return rill__decap_ethernet(decap, view, packet);
    case CAPTURE_LINK_SLL:
        return cooked(decap, view, 14, 16, packet);
    case CAPTURE_LINK_SLL2:
        return cooked(decap, view, 0, 20, packet);
    case CAPTURE_LINK_RAW:
    case CAPTURE_LINK_RAW_OLD:
    case CAPTURE_LINK_RAW_BSD:
    case CAPTURE_LINK_IPV4:
    case CAPTURE_LINK_IPV6:
        return rill__decap_ip(decap, view, packet);
    case CAPTURE_LINK_NULL:
    case CAPTURE_LINK_LOOP:
        return null_link(decap, view, packet);
    case CAPTURE_LINK_PPP:
    case CAPTURE_LINK_PPP_HDLC:
        return ppp(decap, view, packet);
    default:
        return DECAP_LINK;
    }
}

/* Ethernet with IPv4 alone inside, as almost all of them are: the same by a shorter way. */
static enum decap_result outermost(struct decap *decap, const struct streams_frame *frame,
                                   struct streams_packet *packet) {
    if (frame->link_type != CAPTURE_LINK_ETHERNET ||
        frame->length < WIRE_ETHERNET_HEADER + WIRE_IPV4_HEADER ||
        bytes_get16(frame->data + 12) != WIRE_TYPE_IPV4 ||
        frame->data[WIRE_ETHERNET_HEADER] >> 4 != 4)
        return link_layer(decap, frame, packet);
    decap->depth = 1;
    struct decap_view view = {frame->data + WIRE_ETHERNET_HEADER,
                              frame->length - WIRE_ETHERNET_HEADER,
                              frame->wire_length - WIRE_ETHERNET_HEADER};
    return ipv4(decap, view, packet);
}

enum decap_result rill__decap(struct decap *decap, const struct streams_frame *frame,
                              struct streams_packet *packet) {
    decap->frame = frame;
    decap->depth = 0;
    decap->reassembled = false;
    if (decap->scope.count)
        memset(&decap->scope, 0, sizeof decap->scope);
    packet->when = frame->when;
    packet->frame = frame->number;
    packet->record = frame->record;
    packet->interface = frame->interface;
    packet->icmp = false;
    enum decap_result result = outermost(decap, frame, packet);
    decap->results[result]++;
    if (result != DECAP_TCP && result != DECAP_ICMP)
        return result;
    packet->scope =
        decap->scope.count ? rill__scopes_find(&decap->scopes, &decap->scope) : SCOPE_NONE;
    bool in_frame = !decap->reassembled && frame->offset != STREAMS_NOWHERE;
    packet->offset =
        in_frame ? frame->offset + (uint64_t)(packet->payload - frame->data) : STREAMS_NOWHERE;
    decap->short_frames += packet->captured < packet->length;
    decap->jumbo_frames += frame->wire_length > LINK_LARGEST;
    return result;
}
