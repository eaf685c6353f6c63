/* ip/arp.c: ARP (RFC 826): asking, answering, learning. An entry is made only from what is
 * addressed to us, and changed by whatever its owner says; answers to our own questions prove
 * reachability. */
#include "ip/neighbour.h"

#include "base/address.h"
#include "packet/pool.h"
#include "wire/ethernet.h"
#include <string.h>

static void send(struct ip_interface *interface, const struct wire_arp *arp,
                 const uint8_t destination[6]) {
    struct rill_packet *packet = rill__packet_open_control(interface->host->core->pool);
    if (!packet) {
        rill__core_drop(interface->host->core, RILL_DROP_NO_MEMORY);
        return;
    }
    packet->header_offset -= WIRE_ARP_LENGTH;
    packet->header_length = WIRE_ARP_LENGTH;
    packet->length = WIRE_ARP_LENGTH;
    packet->cause = RILL_CAUSE_NEIGHBOUR;
    rill__arp_emit(arp, packet->headroom + packet->header_offset);
    rill__ethernet_frame(interface, packet, destination, WIRE_TYPE_ARP);
    rill__ip_reply(interface->host, interface, packet, false);
}

void rill__arp_ask(struct ip_interface *interface, const struct rill_address *address,
                   const uint8_t *mac) {
    static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const struct rill_address *own = rill__interface_address(interface, true, address);
    if (!own)
        return;
    struct wire_arp arp = {.reply = false};
    memcpy(arp.sender_mac, interface->mac, 6);
    memcpy(arp.sender, own->bytes + 12, 4);
    memcpy(arp.target, address->bytes + 12, 4);
    send(interface, &arp, mac ? mac : everybody);
}

static bool is_own(const struct ip_interface *interface, const struct rill_address *address) {
    for (uint32_t i = 0; i < interface->address_count; i++)
        if (rill_address_equal(&interface->addresses[i].address, address))
            return true;
    return false;
}

enum rill_drop rill__arp_input(struct ip_interface *interface, const uint8_t *data, size_t length) {
    struct wire_arp arp;
    enum rill_drop drop = rill__arp_parse(data, length, &arp);
    if (drop)
        return drop;
    struct rill_address sender = rill__address_from_ipv4(arp.sender);
    struct rill_address target = rill__address_from_ipv4(arp.target);
    bool for_us = is_own(interface, &target);
    if (is_own(interface, &sender)) /* RFC 5227 §2.4: somebody else uses our address */
        return memcmp(arp.sender_mac, interface->mac, 6) ? RILL_DROP_ADDRESS_CONFLICT
                                                         : RILL_DROP_NONE;
    if (!rill_address_is_any(&sender) && !rill__address_is_group(&sender)) {
        struct neighbour *neighbour = rill__neighbour_find(interface, &sender, for_us);
        bool asked = neighbour && neighbour->probes > 0 && arp.reply && for_us;
        if (neighbour)
            rill__neighbour_learn(neighbour, arp.sender_mac, asked, true);
    }
    if (!for_us || arp.reply)
        return RILL_DROP_NONE;
    struct wire_arp answer = {.reply = true};
    memcpy(answer.sender_mac, interface->mac, 6);
    memcpy(answer.sender, arp.target, 4);
    memcpy(answer.target_mac, arp.sender_mac, 6);
    memcpy(answer.target, arp.sender, 4);
    send(interface, &answer, arp.sender_mac);
    return RILL_DROP_NONE;
}
