/* ip/icmp.c: ICMP in, for both families: echo is answered, errors go to icmp_error.c. A reply is a
 * copy of the request with type and addresses turned round; it waits in the interface's reply ring,
 * in fragments if it is longer than the link takes. */
#include "ip/icmp.h"

#include "base/checksum.h"
#include "ip/icmp_error.h"
#include "packet/pool.h"
#include "packet/segment.h"
#include "wire/ipv4.h"

enum { HEADER = 8 };

bool rill__icmp_checksum_ok(const struct ip_datagram *datagram) {
    bool pseudo = datagram->protocol == WIRE_PROTOCOL_ICMPV6;
    if (datagram->packet->flags & (RILL_PACKET_CHECKSUM_PARTIAL | RILL_PACKET_CHECKSUM_VERIFIED))
        return true;
    uint64_t sum = pseudo ? datagram->network->pseudo_sum(datagram) : 0;
    size_t left = datagram->length, skip = datagram->header_length, offset = 0;
    const struct rill_packet *packet = datagram->packet;
    for (int i = -1; i < packet->slice_count && left; i++) {
        const uint8_t *data =
            i < 0 ? packet->headroom + packet->header_offset : packet->slices[i].data;
        size_t length = i < 0 ? packet->header_length : packet->slices[i].length;
        if (skip >= length) {
            skip -= length;
            continue;
        }
        size_t part = length - skip < left ? length - skip : left;
        sum = rill__checksum_add_at(sum, data + skip, part, offset);
        offset += part;
        left -= part;
        skip = 0;
    }
    return rill__checksum_fold(sum) == 0xffff;
}

/* RFC 4443 §4.2: who asks a group is answered from an address of our own; who asks everybody over
 * IPv4 is not (RFC 1122 §3.2.2.6). Null: nobody answers. */
static const struct rill_address *echo_source(struct ip_host *host,
                                              const struct ip_datagram *datagram) {
    if (!datagram->to_group)
        return &datagram->destination;
    if (datagram->network->version == 4)
        return 0;
    const struct ip_address *own =
        rill__ip_select(host, datagram->interface, &datagram->source, &datagram->source);
    return own ? &own->address : 0;
}

static enum rill_drop echo(struct ip_host *host, struct ip_datagram *datagram, uint8_t reply_type) {
    const struct rill_address *source = echo_source(host, datagram);
    if (!source)
        return RILL_DROP_TO_GROUP;
    uint8_t *data;
    size_t rest = datagram->length - HEADER;
    struct rill_packet *packet = rill__packet_open_filled(host->core->pool, rest, &data);
    if (!packet)
        return RILL_DROP_NO_MEMORY;
    rill__packet_copy(datagram->packet, datagram->header_length + HEADER, data, rest);
    /* The ICMP header goes to the headroom, where ip_finish expects a transport header. */
    packet->header_offset -= HEADER;
    packet->header_length = HEADER;
    packet->length += HEADER;
    uint8_t *header = packet->headroom + packet->header_offset;
    for (int i = 0; i < HEADER; i++)
        header[i] = i < 4 ? 0 : datagram->data[i];
    header[0] = reply_type;
    packet->cause = RILL_CAUSE_ECHO_REPLY;
    uint32_t mtu = rill__ip_path_mtu(host, datagram->interface, &datagram->source, IP_CLAIMED);
    struct ip_send send = {.source = source,
                           .destination = &datagram->source,
                           .interface = datagram->interface,
                           .mtu = mtu,
                           .checksum_offset = 2,
                           .protocol = datagram->protocol,
                           .pseudo_header = datagram->protocol == WIRE_PROTOCOL_ICMPV6,
                           .may_fragment = true};
    rill__ip_finish(host, packet, &send);
    packet = rill__ip_fit(host, packet, mtu);
    while (packet) {
        struct rill_packet *next = packet->next;
        rill__ip_reply(host, datagram->interface, packet, true);
        packet = next;
    }
    return RILL_DROP_NONE;
}

void rill__icmp_message(struct ip_host *host, struct ip_datagram *datagram, uint8_t request,
                        uint8_t reply) {
    enum rill_drop drop = RILL_DROP_NONE;
    if (datagram->contiguous < HEADER)
        drop = RILL_DROP_TRUNCATED;
    else if (!rill__icmp_checksum_ok(datagram))
        drop = RILL_DROP_ICMP_CHECKSUM;
    else if (datagram->data[0] == request && datagram->data[1] == 0)
        drop = echo(host, datagram, reply);
    else
        drop = rill__icmp_error_input(host, datagram);
    if (drop)
        rill__core_drop(host->core, drop);
}
