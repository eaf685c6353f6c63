/* ip/ndp.c: neighbour solicitation and advertisement (RFC 4861 §7): asking, answering, learning.
 *
 *   solicitation   type 135 | target | option 1: the asker's link address
 *   advertisement  type 136 | R S O flags | target | option 2: the target's link address
 *
 * A message counts only with hop limit 255 (it has crossed no router) and code 0. */
#include "ip/neighbour.h"

#include "base/address.h"
#include "base/bytes.h"
#include "packet/pool.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include <string.h>

enum {
    SOLICITATION = 135,
    ADVERTISEMENT = 136,
    SOURCE_LINK = 1,
    TARGET_LINK = 2,
    HEADER = 24, /* ICMP header, flags and target */
    OPTION = 8,
    SOLICITED = 0x40,
    OVERRIDE = 0x20,
};

/* RFC 4291 §2.7.1, and RFC 2464 §7 for its frame. */
static struct rill_address solicited_node(const struct rill_address *address) {
    struct rill_address group = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff}};
    memcpy(group.bytes + 13, address->bytes + 13, 3);
    return group;
}

static void send(struct ip_interface *interface, const struct rill_address *source,
                 const struct rill_address *destination, const uint8_t *mac,
                 const uint8_t message[HEADER + OPTION]) {
    struct rill_packet *packet = rill__packet_open_control(interface->host->core->pool);
    if (!packet) {
        rill__core_drop(interface->host->core, RILL_DROP_NO_MEMORY);
        return;
    }
    packet->header_offset -= HEADER + OPTION;
    packet->header_length = HEADER + OPTION;
    packet->length = HEADER + OPTION;
    packet->cause = RILL_CAUSE_NEIGHBOUR;
    memcpy(packet->headroom + packet->header_offset, message, HEADER + OPTION);
    struct ip_send how = {.source = source,
                          .destination = destination,
                          .interface = interface,
                          .checksum_offset = 2,
                          .protocol = WIRE_PROTOCOL_ICMPV6,
                          .hop_limit = 255,
                          .pseudo_header = true};
    rill__ip_finish(interface->host, packet, &how);
    rill__ethernet_frame(interface, packet, mac, WIRE_TYPE_IPV6);
    rill__ip_reply(interface->host, interface, packet, false);
}

void rill__ndp_ask(struct ip_interface *interface, const struct rill_address *address,
                   const uint8_t *mac) {
    const struct rill_address *own = rill__interface_address(interface, false, address);
    if (!own)
        return;
    struct rill_address group = solicited_node(address);
    uint8_t group_mac[6] = {0x33, 0x33};
    memcpy(group_mac + 2, group.bytes + 12, 4);
    uint8_t message[HEADER + OPTION] = {SOLICITATION};
    memcpy(message + 8, address->bytes, 16);
    message[HEADER] = SOURCE_LINK;
    message[HEADER + 1] = 1;
    memcpy(message + HEADER + 2, interface->mac, 6);
    send(interface, own, mac ? address : &group, mac ? mac : group_mac, message);
}

/* The link address in an option of this kind; null if there is none. False: the options are
 * malformed. */
static bool find_option(const uint8_t *options, size_t length, uint8_t kind, const uint8_t **mac) {
    *mac = 0;
    while (length > 0) {
        if (length < 8 || options[1] == 0 || (size_t)options[1] * 8 > length)
            return false; /* RFC 4861 §4.6: length 0 makes the message void */
        if (options[0] == kind && options[1] == 1 && !(options[2] & 1))
            *mac = options + 2;
        length -= (size_t)options[1] * 8;
        options += (size_t)options[1] * 8;
    }
    return true;
}

static const struct rill_address *own_address(const struct ip_interface *interface,
                                              const uint8_t *bytes) {
    for (uint32_t i = 0; i < interface->address_count; i++)
        if (memcmp(interface->addresses[i].address.bytes, bytes, 16) == 0)
            return &interface->addresses[i].address;
    return 0;
}

/* RFC 4861 §7.2.3 and §7.2.4. */
static enum rill_drop solicited(struct ip_interface *interface, const struct ip_datagram *datagram,
                                const uint8_t *mac) {
    const struct rill_address *own = own_address(interface, datagram->data + 8);
    bool detection = rill_address_is_any(&datagram->source); /* duplicate address detection */
    if (!own)
        return RILL_DROP_IP_NOT_OURS;
    uint8_t message[HEADER + OPTION] = {ADVERTISEMENT};
    message[4] = OVERRIDE | (detection ? 0 : SOLICITED);
    memcpy(message + 8, own->bytes, 16);
    message[HEADER] = TARGET_LINK;
    message[HEADER + 1] = 1;
    memcpy(message + HEADER + 2, interface->mac, 6);
    if (detection) {
        static const struct rill_address all_nodes = {{0xff, 2, [15] = 1}};
        static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
        send(interface, own, &all_nodes, all_nodes_mac, message);
        return RILL_DROP_NONE;
    }
    struct neighbour *neighbour = rill__neighbour_find(interface, &datagram->source, mac != 0);
    if (neighbour && mac)
        rill__neighbour_learn(neighbour, mac, false, true);
    const uint8_t *to = mac ? mac : neighbour ? neighbour->mac : 0;
    if (to)
        send(interface, own, &datagram->source, to, message);
    return RILL_DROP_NONE;
}

/* RFC 4861 §7.2.5: only what we have asked about is learnt. */
static enum rill_drop advertised(struct ip_interface *interface, const struct ip_datagram *datagram,
                                 const uint8_t *mac) {
    struct rill_address target;
    uint8_t flags = datagram->data[4];
    memcpy(target.bytes, datagram->data + 8, 16);
    if (own_address(interface, target.bytes))
        return RILL_DROP_ADDRESS_CONFLICT;
    struct neighbour *neighbour = rill__neighbour_find(interface, &target, false);
    if (!neighbour)
        return RILL_DROP_ICMP_IGNORED;
    if (!mac && neighbour->state == NEIGHBOUR_INCOMPLETE)
        return RILL_DROP_ICMP_IGNORED;
    rill__neighbour_learn(neighbour, mac ? mac : neighbour->mac, (flags & SOLICITED) != 0,
                          (flags & OVERRIDE) != 0);
    return RILL_DROP_NONE;
}

static enum rill_drop input(struct ip_interface *interface, const struct ip_datagram *datagram) {
    uint8_t type = datagram->data[0];
    if (type != SOLICITATION && type != ADVERTISEMENT)
        return RILL_DROP_ICMP_IGNORED;
    if (datagram->contiguous < HEADER || datagram->contiguous < datagram->length)
        return RILL_DROP_TRUNCATED;
    struct rill_address target;
    memcpy(target.bytes, datagram->data + 8, 16);
    const uint8_t *mac;
    if (datagram->hop_limit != 255 || datagram->data[1] != 0 || rill__address_is_group(&target) ||
        !find_option(datagram->data + HEADER, datagram->length - HEADER,
                     type == SOLICITATION ? SOURCE_LINK : TARGET_LINK, &mac))
        return RILL_DROP_NDP_INVALID;
    return type == SOLICITATION ? solicited(interface, datagram, mac)
                                : advertised(interface, datagram, mac);
}

void rill__ndp_input(struct ip_interface *interface, struct ip_datagram *datagram) {
    enum rill_drop drop = input(interface, datagram);
    if (drop)
        rill__core_drop(interface->host->core, drop);
}
