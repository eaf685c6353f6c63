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

static enum rill_drop input(struct ip_interface *interface, struct rill_packet *packet, bool *is_ip,
                            bool *to_group) {
    size_t contiguous;
    const uint8_t *frame = rill__packet_head(packet, &contiguous);
    *is_ip = false;
    if (contiguous < WIRE_ETHERNET_HEADER || packet->length < WIRE_ETHERNET_HEADER)
        return RILL_DROP_TRUNCATED;
    if (!(frame[0] & 1) && memcmp(frame, interface->mac, 6) != 0)
        return RILL_DROP_ETHERNET_NOT_OURS;
    *to_group = frame[0] & 1;
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

/* RFC 1112 §6.4, RFC 2464 §7 */
static void group_mac(const struct rill_address *group, uint8_t mac[6]) {
    static const uint8_t prefix[3] = {1, 0, 0x5e};
    rill__ndp_group_mac(group, mac);
    if (!rill_address_is_ipv4(group))
        return;
    memcpy(mac, prefix, 3);
    mac[3] = group->bytes[13] & 0x7f;
    memcpy(mac + 4, group->bytes + 14, 2);
}

static struct rill_packet *output(struct ip_interface *interface, struct rill_packet *packet) {
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const uint8_t *header = packet->headroom + packet->header_offset;
    struct rill_address to = {{0}}, hop;
    if (header[0] >> 4 == 4)
        to = rill__address_from_ipv4(header + 16);
    else
        memcpy(to.bytes, header + 24, 16);
    bool ipv4 = rill_address_is_ipv4(&to);
    if (ipv4 && (to.bytes[12] == 255 || rill__ip_is_broadcast(interface, &to))) {
        rill__ethernet_frame(interface, packet, broadcast, WIRE_TYPE_IPV4);
        return packet;
    }
    if (rill__address_is_group(&to)) {
        uint8_t group[6];
        group_mac(&to, group);
        rill__ethernet_frame(interface, packet, group, ipv4 ? WIRE_TYPE_IPV4 : WIRE_TYPE_IPV6);
        return packet;
    }
    if (rill__ip_next_hop(interface, &to, &hop))
        return rill__neighbour_send(interface, &hop, packet);
    rill__core_drop(interface->host->core, RILL_DROP_NO_ROUTE);
    rill_packet_drop(packet);
    return 0;
}

static void link_changed(struct ip_interface *interface) {
    if (!interface->up) /* another link, perhaps, with other neighbours */
        rill__neighbours_fini(interface);
    rill__autoconf_link_changed(interface);
    rill__membership_link_changed(interface);
}

static void fini(struct ip_interface *interface) {
    rill__neighbours_fini(interface);
    rill__autoconf_fini(interface);
    rill__membership_fini(interface);
}

const struct rill_framing_ops rill_ethernet = {
    .header_length = WIRE_ETHERNET_HEADER,
    .link_changed = link_changed,
    .input = input,
    .output = output,
    .neighbour_message = rill__ndp_input,
    .address_check = rill__detection_step,
    .address_gone = rill__membership_address_gone,
    .group_changed = rill__membership_changed,
    .fini = fini,
};
