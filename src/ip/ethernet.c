/* ip/ethernet.c: Ethernet as the framing of an interface: which frames are for us, which protocol,
 * and to whom a packet goes: the destination itself where it is on the link, else the gateway of
 * the longest route. */
#include "wire/ethernet.h"
#include "base/address.h"
#include "base/bytes.h"
#include "ip/neighbour.h"
#include "packet/segment.h"
#include <string.h>

/* Takes the link header off; the packet has it in one piece. */
static void strip(struct rill_packet *packet) {
    if (packet->header_length >= WIRE_ETHERNET_HEADER) {
        packet->header_offset = (uint16_t)(packet->header_offset + WIRE_ETHERNET_HEADER);
        packet->header_length = (uint16_t)(packet->header_length - WIRE_ETHERNET_HEADER);
    } else {
        packet->slices[0].data += WIRE_ETHERNET_HEADER;
        packet->slices[0].length -= WIRE_ETHERNET_HEADER;
    }
    packet->length -= WIRE_ETHERNET_HEADER;
    packet->link_length = 0;
}

static enum rill_drop input(struct ip_interface *interface, struct rill_packet *packet,
                            bool *is_ip) {
    size_t contiguous;
    const uint8_t *frame = rill__packet_head(packet, &contiguous);
    *is_ip = false;
    if (contiguous < WIRE_ETHERNET_HEADER || packet->length < WIRE_ETHERNET_HEADER)
        return RILL_DROP_TRUNCATED;
    if (!(frame[0] & 1) && memcmp(frame, interface->mac, 6) != 0)
        return RILL_DROP_ETHERNET_NOT_OURS;
    uint16_t type = bytes_get16(frame + 12);
    strip(packet);
    switch (type) {
    case WIRE_TYPE_ARP:
        return rill__arp_input(interface, frame + WIRE_ETHERNET_HEADER,
                               contiguous - WIRE_ETHERNET_HEADER);
    case WIRE_TYPE_IPV4:
    case WIRE_TYPE_IPV6:
        *is_ip = true;
        return RILL_DROP_NONE;
    default:
        return RILL_DROP_ETHERNET_TYPE;
    }
}

static struct rill_packet *output(struct ip_interface *interface, struct rill_packet *packet) {
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const uint8_t *header = packet->headroom + packet->header_offset;
    struct rill_address to = {{0}}, hop;
    if (header[0] >> 4 == 4)
        to = rill__address_from_ipv4(header + 16);
    else
        memcpy(to.bytes, header + 24, 16);
    if (rill__address_is_group(&to)) {
        uint8_t group[6] = {0x33, 0x33}; /* RFC 2464 §7 */
        memcpy(group + 2, to.bytes + 12, 4);
        if (rill_address_is_ipv4(&to)) { /* RFC 1112 §6.4 */
            static const uint8_t prefix[3] = {1, 0, 0x5e};
            memcpy(group, prefix, 3);
            group[3] = to.bytes[13] & 0x7f;
            memcpy(group + 4, to.bytes + 14, 2);
        }
        bool all = rill_address_is_ipv4(&to) && to.bytes[12] == 255;
        rill__ethernet_frame(interface, packet, all ? broadcast : group,
                             rill_address_is_ipv4(&to) ? WIRE_TYPE_IPV4 : WIRE_TYPE_IPV6);
        return packet;
    }
    if (rill__ip_next_hop(interface, &to, &hop))
        return rill__neighbour_send(interface, &hop, packet);
    rill__core_drop(interface->host->core, RILL_DROP_NO_ROUTE);
    rill_packet_drop(packet);
    return 0;
}

const struct rill_framing_ops rill_ethernet = {
    .header_length = WIRE_ETHERNET_HEADER,
    .input = input,
    .output = output,
    .neighbour_message = rill__ndp_input,
    .fini = rill__neighbours_fini,
};
