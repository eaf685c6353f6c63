/* streams/tunnel.c: GRE, VXLAN, Geneve, GTP-U, and ICMP errors, which carry a packet too; see
 * decap.h. */
#include "streams/decap.h"

#include "base/bytes.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"

#include <string.h>

enum {
    GRE_CHECKSUM = 0x8000,
    GRE_ROUTING = 0x4000,
    GRE_KEY = 0x2000,
    GRE_SEQUENCE = 0x1000,
    GRE_VERSION = 7,
    TYPE_ETHERNET_IN_GRE = 0x6558,
    TYPE_ERSPAN_2 = 0x88be,
    TYPE_ERSPAN_3 = 0x22eb,
    PORT_VXLAN = 4789,
    PORT_VXLAN_LINUX = 8472, /* Linux before the assignment, and still its default */
    PORT_GENEVE = 6081,
    PORT_GTP_USER = 2152,
};

/* RFC 2784, with the key and sequence of RFC 2890; version 1 is PPTP's and is not followed. */
enum decap_result rill__decap_gre(struct decap *decap, struct decap_view view, uint64_t ends,
                                  struct streams_packet *packet) {
    if (view.captured < 4)
        return DECAP_CUT;
    unsigned flags = bytes_get16(view.data), type = bytes_get16(view.data + 2);
    if (flags & (GRE_ROUTING | GRE_VERSION))
        return DECAP_OTHER;
    uint32_t length = 4, key = 0;
    length += flags & GRE_CHECKSUM ? 4 : 0;
    if (flags & GRE_KEY) {
        if (view.captured < length + 4)
            return DECAP_CUT;
        key = bytes_get32(view.data + length);
        length += 4;
    }
    length += flags & GRE_SEQUENCE ? 4 : 0;
    if (!decap_skip(&view, length))
        return DECAP_CUT;
    /* A mirror of somebody's port: both ways come through one tunnel, and it sets nothing apart. */
    if (type == TYPE_ERSPAN_2 || type == TYPE_ERSPAN_3) {
        uint32_t header = type == TYPE_ERSPAN_3 ? 12 : flags & GRE_SEQUENCE ? 8 : 0;
        return decap_skip(&view, header) ? rill__decap_ethernet(decap, view, packet) : DECAP_CUT;
    }
    scope_push(&decap->scope, SCOPE_GRE, key, flags & GRE_KEY ? 0 : ends);
    if (type == TYPE_ETHERNET_IN_GRE)
        return rill__decap_ethernet(decap, view, packet);
    return rill__decap_type(decap, (uint16_t)type, view, packet);
}

static enum decap_result vxlan(struct decap *decap, struct decap_view view,
                               struct streams_packet *packet) {
    const uint8_t *header = view.data;
    if (!decap_skip(&view, 8))
        return DECAP_CUT;
    if (!(header[0] & 8)) /* RFC 7348 §5: the I flag */
        return DECAP_OTHER;
    scope_push(&decap->scope, SCOPE_VXLAN, bytes_get32(header + 4) >> 8, 0);
    return rill__decap_ethernet(decap, view, packet);
}

/* RFC 8926 §3.4 */
static enum decap_result geneve(struct decap *decap, struct decap_view view,
                                struct streams_packet *packet) {
    const uint8_t *header = view.data;
    if (view.captured < 8 || !decap_skip(&view, 8 + (header[0] & 63u) * 4))
        return DECAP_CUT;
    unsigned type = bytes_get16(header + 2);
    if (header[0] >> 6)
        return DECAP_OTHER;
    scope_push(&decap->scope, SCOPE_GENEVE, bytes_get32(header + 4) >> 8, 0);
    if (type == TYPE_ETHERNET_IN_GRE)
        return rill__decap_ethernet(decap, view, packet);
    return rill__decap_type(decap, (uint16_t)type, view, packet);
}

/* GTP version 1, message 255 (a packet). The two ways have numbers of their own, so they say
 * nothing.
 */
static enum decap_result gtp(struct decap *decap, struct decap_view view,
                             struct streams_packet *packet) {
    const uint8_t *header = view.data;
    if (!decap_skip(&view, 8))
        return DECAP_CUT;
    if (header[0] >> 5 != 1 || header[1] != 255)
        return DECAP_OTHER;
    if (header[0] & 7) {
        const uint8_t *more = view.data;
        if (!decap_skip(&view, 4))
            return DECAP_CUT;
        uint8_t next = header[0] & 4 ? more[3] : 0;
        while (next) {
            const uint8_t *extension = view.data;
            if (!view.captured || !extension[0] || !decap_skip(&view, extension[0] * 4u))
                return DECAP_CUT;
            next = extension[extension[0] * 4u - 1];
        }
    }
    scope_push(&decap->scope, SCOPE_GTP, 0, 0);
    return rill__decap_ip(decap, view, packet);
}

enum decap_result rill__decap_udp(struct decap *decap, struct decap_view view,
                                  struct streams_packet *packet) {
    const uint8_t *header = view.data;
    if (!decap_skip(&view, 8))
        return DECAP_OTHER;
    switch (bytes_get16(header + 2)) {
    case PORT_VXLAN:
    case PORT_VXLAN_LINUX:
        return vxlan(decap, view, packet);
    case PORT_GENEVE:
        return geneve(decap, view, packet);
    case PORT_GTP_USER:
        return gtp(decap, view, packet);
    default:
        return DECAP_OTHER;
    }
}

static bool is_error(uint8_t type, bool ipv6) {
    if (ipv6)
        return type >= 1 && type <= 4; /* RFC 4443 §2.1 */
    return type == 3 || type == 4 || type == 11 || type == 12;
}

/* The ports of what an error quotes; it may be a fragment, which then need not be the first. */
enum decap_result rill__decap_icmp(struct decap *decap, struct decap_view view, bool ipv6,
                                   struct streams_packet *packet) {
    const uint8_t *header = view.data;
    if (!decap_skip(&view, 8) || !is_error(header[0], ipv6) || !view.captured)
        return DECAP_OTHER;
    const uint8_t *quoted = view.data;
    uint32_t quoted_header = quoted[0] >> 4 == 6 ? 40 : (quoted[0] & 15u) * 4;
    if (quoted_header < WIRE_IPV4_HEADER || !decap_skip(&view, quoted_header))
        return DECAP_OTHER;
    if (quoted[0] >> 4 == 4) {
        if (quoted[9] != WIRE_PROTOCOL_TCP || bytes_get16(quoted + 6) & 0x1fff)
            return DECAP_OTHER;
        memset(packet->source.bytes, 0, 10);
        packet->source.bytes[10] = packet->source.bytes[11] = 0xff;
        packet->destination = packet->source;
        memcpy(packet->source.bytes + 12, quoted + 12, 4);
        memcpy(packet->destination.bytes + 12, quoted + 16, 4);
    } else if (quoted[0] >> 4 == 6 && quoted[6] == WIRE_PROTOCOL_TCP) {
        memcpy(packet->source.bytes, quoted + 8, 16);
        memcpy(packet->destination.bytes, quoted + 24, 16);
    } else {
        return DECAP_OTHER;
    }
    packet->icmp = true;
    packet->icmp_type = header[0];
    packet->icmp_code = header[1];
    packet->ipv6 = ipv6;
    return rill__decap_tcp(decap, view, true, packet) == DECAP_TCP ? DECAP_ICMP : DECAP_OTHER;
}
