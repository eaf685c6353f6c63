/* streams/decap.h: from a frame to the TCP segment in it: link layers, VLANs, tunnels, IP with its
 * options and extension headers, fragments.
 *
 * Link layers: Ethernet, Linux cooked v1 and v2, raw IP, null and loop, PPP. Around IP: 802.1Q,
 * 802.1ad, MPLS, PPPoE. Tunnels: IP in IP (RFC 2003, RFC 2473), GRE (RFC 2784, RFC 2890) with
 * Ethernet or IP inside, VXLAN (RFC 7348), Geneve (RFC 8926), GTP-U. */
#ifndef RILL_STREAMS_DECAP_H
#define RILL_STREAMS_DECAP_H

#include "streams/fragment.h"
#include "streams/packet.h"
#include "streams/scope.h"

/* What became of a frame. */
enum decap_result {
    DECAP_TCP,      /* a segment */
    DECAP_ICMP,     /* an ICMP error that quotes a segment */
    DECAP_OTHER,    /* not TCP */
    DECAP_FRAGMENT, /* kept until the datagram is whole */
    DECAP_CUT,      /* cut off before the end of the TCP header */
    DECAP_BAD,      /* headers contradict each other */
    DECAP_LINK,     /* a link layer that is not known */
    DECAP_COUNT,
};

struct decap {
    struct scopes scopes;
    struct fragments fragments;
    struct scope scope; /* around the frame at hand */
    const struct streams_frame *frame;
    uint32_t depth;   /* headers passed */
    bool reassembled; /* the payload does not lie in the frame */
    uint64_t results[DECAP_COUNT];
    uint64_t short_frames; /* payload cut off by the snap length */
    uint64_t jumbo_frames; /* longer than any link: offload */
};

void rill__decap_init(struct decap *decap, const struct rill_allocator *allocator);
void rill__decap_fini(struct decap *decap);

/* Takes a frame apart. The packet is filled for DECAP_TCP and DECAP_ICMP. */
enum decap_result rill__decap(struct decap *decap, const struct streams_frame *frame,
                              struct streams_packet *packet);

/* Bytes of a packet at hand, with what is missing at its end. For decap.c, tunnel.c and segment.c.
 */
struct decap_view {
    const uint8_t *data;
    uint32_t captured, length; /* bytes there; bytes as sent */
};

/* IP of either version begins here. */
enum decap_result rill__decap_ip(struct decap *decap, struct decap_view view,
                                 struct streams_packet *packet);
/* What an EtherType says begins here. */
enum decap_result rill__decap_type(struct decap *decap, uint16_t type, struct decap_view view,
                                   struct streams_packet *packet);
enum decap_result rill__decap_ethernet(struct decap *decap, struct decap_view view,
                                       struct streams_packet *packet);
enum decap_result rill__decap_gre(struct decap *decap, struct decap_view view, uint64_t ends,
                                  struct streams_packet *packet);
enum decap_result rill__decap_udp(struct decap *decap, struct decap_view view,
                                  struct streams_packet *packet);
/* `quoted`: by an ICMP error, so that eight bytes are enough. */
enum decap_result rill__decap_tcp(struct decap *decap, struct decap_view view, bool quoted,
                                  struct streams_packet *packet);
enum decap_result rill__decap_icmp(struct decap *decap, struct decap_view view, bool ipv6,
                                   struct streams_packet *packet);

/* Moves the view on; false: the header is not all there. */
static inline bool decap_skip(struct decap_view *view, uint32_t bytes) {
    if (view->captured < bytes)
        return false;
    view->data += bytes;
    view->captured -= bytes;
    view->length -= bytes;
    return true;
}

#endif
