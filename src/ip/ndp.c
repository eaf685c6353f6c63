/* ip/ndp.c: neighbour discovery (RFC 4861): asking, answering, learning, redirects.
 *
 *   solicitation   135 | target | option 1: the asker's link address, or 14: a nonce (RFC 7527)
 *   advertisement  136 | R S O flags | target | option 2: the target's link address
 *   redirect       137 | target | destination | option 2
 *
 * A message counts only with hop limit 255 (it has crossed no router), code 0 and whole options. */
#include "ip/neighbour.h"

#include "base/address.h"
#include "base/bytes.h"
#include "packet/pool.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include <string.h>

enum {
    QUERY = 130,
    REPORTS_END = 132,
    ROUTER_SOLICITATION = 133,
    ROUTER_ADVERTISEMENT = 134,
    SOLICITATION = 135,
    ADVERTISEMENT = 136,
    REDIRECT = 137,
    NONCE = 14,
    HEADER = 24, /* ICMP header, flags and target */
    OPTION = 8,
    ROUTER = 0x80,
    SOLICITED = 0x40,
    OVERRIDE = 0x20,
};

/* RFC 4291 §2.7.1 */
static struct rill_address solicited_node(const struct rill_address *address) {
    struct rill_address group = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff}};
    memcpy(group.bytes + 13, address->bytes + 13, 3);
    return group;
}

void rill__ndp_group_mac(const struct rill_address *group, uint8_t mac[6]) {
    mac[0] = mac[1] = 0x33;
    memcpy(mac + 2, group->bytes + 12, 4);
}

void rill__ndp_send(struct ip_interface *interface, const struct rill_address *source,
                    const struct rill_address *destination, const uint8_t *mac,
                    const uint8_t *message, size_t length) {
    struct rill_packet *packet = rill__packet_open_control(interface->host->core->pool);
    if (!packet) {
        rill__core_drop(interface->host->core, RILL_DROP_NO_MEMORY);
        return;
    }
    packet->header_offset = (uint16_t)(packet->header_offset - length);
    packet->header_length = (uint16_t)length;
    packet->length = (uint32_t)length;
    packet->cause = RILL_CAUSE_NEIGHBOUR;
    memcpy(packet->headroom + packet->header_offset, message, length);
    struct ip_send how = {.source = source,
                          .destination = destination,
                          .interface = interface,
                          .checksum_offset = 2,
                          .protocol = WIRE_PROTOCOL_ICMPV6,
                          .hop_limit = 255,
                          .pseudo_header = true};
    rill__ip_finish(interface->host, packet, &how);
    if (mac)
        rill__ethernet_frame(interface, packet, mac, WIRE_TYPE_IPV6);
    rill__ip_reply(interface->host, interface, packet, false);
}

static void put_link_option(uint8_t *out, uint8_t kind, const struct ip_interface *interface) {
    out[0] = kind;
    out[1] = 1;
    memcpy(out + 2, interface->mac, 6);
}

void rill__ndp_ask(struct ip_interface *interface, const struct rill_address *address,
                   const uint8_t *mac) {
    const struct ip_address *own = rill__ip_select(interface->host, interface, address, address);
    if (!own)
        return;
    struct rill_address group = solicited_node(address);
    uint8_t group_mac[6];
    rill__ndp_group_mac(&group, group_mac);
    uint8_t message[HEADER + OPTION] = {SOLICITATION};
    memcpy(message + 8, address->bytes, 16);
    put_link_option(message + HEADER, NDP_SOURCE_LINK, interface);
    /* DEVIATION: RFC 4429 §3.2 has an optimistic address not say where it is. Others then do not
     * answer at all, and the first packet would wait for the end of detection. */
    rill__ndp_send(interface, &own->address, mac ? address : &group, mac ? mac : group_mac, message,
                   sizeof message);
}

void rill__ndp_detect(const struct ip_address *own) {
    static const struct rill_address nobody = {{0}};
    struct rill_address group = solicited_node(&own->address);
    uint8_t mac[6], message[HEADER + OPTION] = {SOLICITATION};
    rill__ndp_group_mac(&group, mac);
    memcpy(message + 8, own->address.bytes, 16);
    message[HEADER] = NONCE;
    message[HEADER + 1] = 1;
    for (int i = 0; i < 6; i++)
        message[HEADER + 2 + i] = (uint8_t)(own->nonce >> (8 * i));
    rill__ndp_send(own->interface, &nobody, &group, mac, message, sizeof message);
}

/* RFC 4861 §4.6: an option of length 0 makes the message void. */
static bool options_ok(const uint8_t *options, size_t length) {
    while (length > 0) {
        if (length < OPTION || options[1] == 0 || (size_t)options[1] * 8 > length)
            return false;
        length -= (size_t)options[1] * 8;
        options += (size_t)options[1] * 8;
    }
    return true;
}

const uint8_t *rill__ndp_option(const uint8_t *options, size_t length, uint8_t kind) {
    while (length > 0) {
        if (options[0] == kind)
            return options;
        length -= (size_t)options[1] * 8;
        options += (size_t)options[1] * 8;
    }
    return 0;
}

/* The link address in an option of this kind; null if there is none, or it is a group's. */
static const uint8_t *link_option(const struct ip_datagram *datagram, size_t header, uint8_t kind) {
    const uint8_t *option =
        rill__ndp_option(datagram->data + header, datagram->length - header, kind);
    return option && option[1] == 1 && !(option[2] & 1) ? option + 2 : 0;
}

static struct ip_address *find_own(struct ip_interface *interface, const uint8_t *bytes) {
    struct rill_address target;
    memcpy(target.bytes, bytes, 16);
    struct ip_address *own = rill__ip_address_find(interface->host, interface, &target);
    return own && own->interface == interface ? own : 0;
}

/* RFC 7527 §4.2: our own question, come back by a loop in the link. */
static bool is_own_nonce(const struct ip_address *own, const struct ip_datagram *datagram) {
    const uint8_t *option =
        rill__ndp_option(datagram->data + HEADER, datagram->length - HEADER, NONCE);
    if (!option || option[1] != 1)
        return false;
    for (int i = 0; i < 6; i++)
        if (option[2 + i] != (uint8_t)(own->nonce >> (8 * i)))
            return false;
    return true;
}

static void advertise(const struct ip_address *own, const struct rill_address *to,
                      const uint8_t *mac, uint8_t flags) {
    uint8_t message[HEADER + OPTION] = {ADVERTISEMENT};
    bool optimistic = own->state == RILL_ADDRESS_OPTIMISTIC; /* RFC 4429 §3.3 */
    message[4] = flags | (optimistic ? 0 : OVERRIDE);
    memcpy(message + 8, own->address.bytes, 16);
    put_link_option(message + HEADER, NDP_TARGET_LINK, own->interface);
    rill__ndp_send(own->interface, &own->address, to, mac, message, sizeof message);
}

static const struct rill_address all_nodes = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};

/* RFC 4861 §7.2.6: who had this address at another link address learns of it. */
void rill__ndp_announce(const struct ip_address *own) {
    advertise(own, &all_nodes, all_nodes_mac, 0);
}

/* RFC 4862 §5.4.3: somebody asks whether the address is free. */
static enum rill_drop detected(struct ip_address *own, const struct ip_datagram *datagram) {
    struct rill_address group = solicited_node(&own->address);
    if (!rill_address_equal(&datagram->destination, &group) ||
        rill__ndp_option(datagram->data + HEADER, datagram->length - HEADER, NDP_SOURCE_LINK))
        return RILL_DROP_NDP_INVALID; /* RFC 4861 §7.1.1 */
    if (own->state == RILL_ADDRESS_TENTATIVE) {
        if (is_own_nonce(own, datagram))
            return RILL_DROP_ICMP_IGNORED;
        rill__detection_conflict(own);
        return RILL_DROP_ADDRESS_CONFLICT;
    }
    if (own->state == RILL_ADDRESS_OPTIMISTIC && is_own_nonce(own, datagram))
        return RILL_DROP_ICMP_IGNORED;
    advertise(own, &all_nodes, all_nodes_mac, 0);
    return RILL_DROP_NONE;
}

/* RFC 4861 §7.2.3 and §7.2.4. */
static enum rill_drop solicited(struct ip_interface *interface,
                                const struct ip_datagram *datagram) {
    struct ip_address *own = find_own(interface, datagram->data + 8);
    const uint8_t *mac = link_option(datagram, HEADER, NDP_SOURCE_LINK);
    if (!own || own->state == RILL_ADDRESS_DUPLICATE)
        return RILL_DROP_IP_NOT_OURS;
    if (rill_address_is_any(&datagram->source))
        return detected(own, datagram);
    if (!address_usable(own))
        return RILL_DROP_ICMP_IGNORED; /* RFC 4862 §5.4.3: to a tentative one nobody answers */
    struct neighbour *neighbour = rill__neighbour_find(interface, &datagram->source, true);
    if (neighbour && mac)
        rill__neighbour_learn(neighbour, mac, false, true);
    /* He who asks from an optimistic address does not say where he is: that is asked first. */
    bool unknown = !mac && (!neighbour || neighbour->state == NEIGHBOUR_INCOMPLETE);
    advertise(own, &datagram->source, unknown ? 0 : mac ? mac : neighbour->mac, SOLICITED);
    return RILL_DROP_NONE;
}

/* RFC 4861 §7.2.5: only what we have asked about is learnt. */
static enum rill_drop advertised(struct ip_interface *interface,
                                 const struct ip_datagram *datagram) {
    struct rill_address target;
    uint8_t flags = datagram->data[4];
    const uint8_t *mac = link_option(datagram, HEADER, NDP_TARGET_LINK);
    memcpy(target.bytes, datagram->data + 8, 16);
    struct ip_address *own = find_own(interface, target.bytes);
    if (flags & SOLICITED && rill__address_is_group(&datagram->destination))
        return RILL_DROP_NDP_INVALID; /* RFC 4861 §7.1.2 */
    if (own) {
        if (mac && memcmp(mac, interface->mac, 6) == 0)
            return RILL_DROP_ICMP_IGNORED; /* our own words */
        rill__detection_conflict(own);
        return RILL_DROP_ADDRESS_CONFLICT;
    }
    struct neighbour *neighbour = rill__neighbour_find(interface, &target, false);
    if (!neighbour)
        return RILL_DROP_ICMP_IGNORED;
    bool incomplete = neighbour->state == NEIGHBOUR_INCOMPLETE;
    if (!mac && incomplete)
        return RILL_DROP_ICMP_IGNORED;
    bool believed = incomplete || flags & OVERRIDE || !mac || !memcmp(mac, neighbour->mac, 6);
    if (believed && !(flags & ROUTER)) /* RFC 4861 §7.2.5: else nothing of the entry changes */
        rill__autoconf_not_router(interface, &target);
    rill__neighbour_learn(neighbour, mac ? mac : neighbour->mac, (flags & SOLICITED) != 0,
                          (flags & OVERRIDE) != 0);
    return RILL_DROP_NONE;
}

/* RFC 4861 §8.1 and §8.3 */
static enum rill_drop redirected(struct ip_interface *interface,
                                 const struct ip_datagram *datagram) {
    struct rill_address target, remote;
    if (datagram->length < HEADER + 16 || !rill__address_is_link_local(&datagram->source) ||
        !options_ok(datagram->data + HEADER + 16, datagram->length - HEADER - 16))
        return RILL_DROP_NDP_INVALID;
    memcpy(target.bytes, datagram->data + 8, 16);
    memcpy(remote.bytes, datagram->data + HEADER, 16);
    if (!rill__address_is_link_local(&target) && !rill_address_equal(&target, &remote))
        return RILL_DROP_NDP_INVALID;
    enum rill_drop drop = rill__ip_redirect(interface, &datagram->source, &remote, &target);
    const uint8_t *mac = link_option(datagram, HEADER + 16, NDP_TARGET_LINK);
    struct neighbour *neighbour = drop || !mac ? 0 : rill__neighbour_find(interface, &target, true);
    if (neighbour)
        rill__neighbour_learn(neighbour, mac, false, true);
    return drop;
}

static enum rill_drop dispatch(struct ip_interface *interface, struct ip_datagram *datagram) {
    uint8_t type = datagram->data[0];
    size_t header = type == ROUTER_SOLICITATION ? 8 : type == ROUTER_ADVERTISEMENT ? 16 : HEADER;
    if (datagram->contiguous < header || datagram->contiguous < datagram->length)
        return RILL_DROP_TRUNCATED;
    if (datagram->hop_limit != 255 || datagram->data[1] != 0)
        return RILL_DROP_NDP_INVALID;
    if (type == REDIRECT)
        return redirected(interface, datagram);
    if (!options_ok(datagram->data + header, datagram->length - header))
        return RILL_DROP_NDP_INVALID;
    if (type == ROUTER_ADVERTISEMENT)
        return rill__autoconf_input(interface, datagram);
    if (type == ROUTER_SOLICITATION)
        return RILL_DROP_ICMP_IGNORED; /* we are no router */
    struct rill_address target;
    memcpy(target.bytes, datagram->data + 8, 16);
    if (rill__address_is_group(&target))
        return RILL_DROP_NDP_INVALID;
    return type == SOLICITATION ? solicited(interface, datagram) : advertised(interface, datagram);
}

void rill__ndp_input(struct ip_interface *interface, struct ip_datagram *datagram) {
    uint8_t type = datagram->data[0];
    bool membership =
        datagram->protocol != WIRE_PROTOCOL_ICMPV6 || (type >= QUERY && type <= REPORTS_END);
    enum rill_drop drop =
        membership ? rill__membership_input(interface, datagram) : dispatch(interface, datagram);
    if (drop)
        rill__core_drop(interface->host->core, drop);
}
