/* ip/arp.c: ARP (RFC 826): asking, answering, learning. An entry is made only from what is
 * addressed to us, and changed by whatever its owner says; answers to our own questions prove
 * reachability. Conflicts are for detection.c (RFC 5227). */
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

static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

void rill__arp_ask(struct ip_interface *interface, const struct rill_address *address,
                   const uint8_t *mac) {
    const struct ip_address *own = rill__ip_select(interface->host, interface, address, address);
    if (!own)
        return;
    struct wire_arp arp = {.reply = false};
    memcpy(arp.sender_mac, interface->mac, 6);
    memcpy(arp.sender, own->address.bytes + 12, 4);
    memcpy(arp.target, address->bytes + 12, 4);
    send(interface, &arp, mac ? mac : everybody);
}

void rill__arp_tell(struct ip_interface *interface, const struct rill_address *address,
                    bool probe) {
    struct wire_arp arp = {.reply = false};
    memcpy(arp.sender_mac, interface->mac, 6);
    if (!probe)
        memcpy(arp.sender, address->bytes + 12, 4);
    memcpy(arp.target, address->bytes + 12, 4);
    send(interface, &arp, everybody);
}

static struct ip_address *find_own(struct ip_interface *interface,
                                   const struct rill_address *address) {
    struct ip_address *own = rill__ip_address_find(interface->host, interface, address);
    return own && own->interface == interface ? own : 0;
}

/* RFC 5227 §2.1.1 and §2.4: somebody else sends from our address, or is about to take one that we
 * are about to take. */
static bool is_conflict(struct ip_interface *interface, const struct wire_arp *arp) {
    if (memcmp(arp->sender_mac, interface->mac, 6) == 0)
        return false;
    struct rill_address sender = rill__address_from_ipv4(arp->sender);
    struct rill_address target = rill__address_from_ipv4(arp->target);
    struct ip_address *own = find_own(interface, &sender);
    if (!own && !arp->reply && rill_address_is_any(&sender)) {
        own = find_own(interface, &target);
        if (own && own->state != RILL_ADDRESS_TENTATIVE)
            own = 0; /* it is in use: the answer says so */
    }
    if (!own || own->state == RILL_ADDRESS_DUPLICATE)
        return false;
    rill__detection_conflict(own);
    return true;
}

static void answer(struct ip_interface *interface, const struct wire_arp *question) {
    struct wire_arp arp = {.reply = true};
    memcpy(arp.sender_mac, interface->mac, 6);
    memcpy(arp.sender, question->target, 4);
    memcpy(arp.target_mac, question->sender_mac, 6);
    memcpy(arp.target, question->sender, 4);
    send(interface, &arp, question->sender_mac);
}

enum rill_drop rill__arp_input(struct ip_interface *interface, const uint8_t *data, size_t length) {
    struct wire_arp arp;
    enum rill_drop drop = rill__arp_parse(data, length, &arp);
    if (drop)
        return drop;
    if (is_conflict(interface, &arp))
        return RILL_DROP_ADDRESS_CONFLICT;
    struct rill_address sender = rill__address_from_ipv4(arp.sender);
    struct rill_address target = rill__address_from_ipv4(arp.target);
    if (find_own(interface, &sender)) /* our own, come back */
        return RILL_DROP_NONE;
    const struct ip_address *own = find_own(interface, &target);
    bool for_us = own && address_usable(own);
    if (!rill_address_is_any(&sender) && !rill__address_is_group(&sender)) {
        struct neighbour *neighbour = rill__neighbour_find(interface, &sender, for_us);
        bool asked = neighbour && neighbour->probes > 0 && arp.reply && for_us;
        if (neighbour)
            rill__neighbour_learn(neighbour, arp.sender_mac, asked, true);
    }
    if (for_us && !arp.reply)
        answer(interface, &arp);
    return RILL_DROP_NONE;
}
