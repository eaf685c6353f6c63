/* ip/input.c: a packet in: which family, is it whole, is it for us, which transport.
 *
 * Every packet ends in exactly one place: with a transport, with ICMP, or counted as dropped. */
#include "base/address.h"
#include "ip/icmp.h"
#include "packet/segment.h"
#include <string.h>

static bool is_ours(struct ip_host *host, struct ip_interface *interface,
                    struct ip_datagram *datagram) {
    const struct rill_address *address = &datagram->destination;
    if (rill__ip_address_owned(host, interface, address))
        return true;
    if (interface->flags & RILL_INTERFACE_LOOPBACK && rill__address_is_loopback(address))
        return true;
    if (rill__address_is_group(address) || rill__ip_is_broadcast(interface, address)) {
        datagram->to_group = true;
        return rill__ip_is_broadcast(interface, address) || rill__ip_group_ours(interface, address);
    }
    return interface->flags & RILL_INTERFACE_ACCEPT_ANY && !rill_address_is_any(address) &&
           !rill__address_is_loopback(address);
}

/* RFC 4862 §5.4.2: who makes sure that an address is free has none to ask from. */
static bool is_detection(const struct ip_datagram *datagram) {
    return datagram->protocol == 58 && datagram->network->version == 6 && datagram->contiguous &&
           datagram->data[0] == 135 && datagram->interface->framing &&
           rill_address_is_any(&datagram->source);
}

/* A neighbour's message may come from an address that we have too: that is what it is about. */
static bool is_conflict(const struct ip_datagram *datagram) {
    return datagram->protocol == 58 && datagram->network->version == 6 && datagram->contiguous &&
           datagram->data[0] == 136 && datagram->interface->framing;
}

/* RFC 1122 §3.2.1.3: no group, no broadcast, no unspecified, no loopback address; and nobody else
 * has ours. An answer to a broadcast address would go to everybody. */
static bool source_ok(struct ip_host *host, const struct ip_datagram *datagram) {
    const struct rill_address *source = &datagram->source;
    if (rill__address_is_group(source) || rill__ip_is_broadcast(datagram->interface, source))
        return false;
    if (rill_address_is_any(source))
        return is_detection(datagram);
    if (is_conflict(datagram))
        return true;
    if (datagram->interface->flags & RILL_INTERFACE_LOOPBACK)
        return rill__address_is_loopback(source) ||
               rill__ip_address_find(host, datagram->interface, source);
    return !rill__address_is_loopback(source) &&
           !rill__ip_address_owned(host, datagram->interface, source);
}

static enum rill_drop dispatch(struct ip_host *host, struct ip_datagram *datagram,
                               bool frame_to_group) {
    if (!is_ours(host, datagram->interface, datagram))
        return RILL_DROP_IP_NOT_OURS;
    if (!source_ok(host, datagram))
        return RILL_DROP_IP_SOURCE;
    /* RFC 1122 §3.3.6: a frame to all with a packet to one; §3.2.2, RFC 4443 §2.4 (e.4): at the
     * least no error answers it. */
    if (frame_to_group && datagram->network->version == 4 && !datagram->to_group)
        return RILL_DROP_IP_NOT_OURS;
    datagram->to_group = datagram->to_group || frame_to_group;
    if (!datagram->is_fragment)
        rill__ip_deliver(host, datagram);
    else if (host->fragments)
        host->fragments->reassemble(host, datagram);
    else
        return RILL_DROP_IP_FRAGMENT;
    return RILL_DROP_NONE;
}

void rill__ip_deliver(struct ip_host *host, struct ip_datagram *datagram) {
    if (datagram->protocol == datagram->network->icmp_protocol) {
        datagram->network->icmp_input(host, datagram);
        return;
    }
    if (datagram->protocol == 2 && datagram->interface->framing && datagram->contiguous) {
        if (rill__icmp_checksum_ok(datagram)) /* IGMP's is made as ICMP's */
            datagram->interface->framing->neighbour_message(datagram->interface, datagram);
        else
            rill__core_drop(host->core, RILL_DROP_ICMP_CHECKSUM);
        return;
    }
    for (int i = 0; i < RILL_TRANSPORTS && host->transports[i].ops; i++) {
        if (host->transports[i].ops->protocol == datagram->protocol) {
            host->transports[i].ops->input(host->transports[i].state, datagram);
            return;
        }
    }
    rill__core_drop(host->core, RILL_DROP_IP_PROTOCOL);
    rill__icmp_unreachable(host, datagram, IP_ERROR_PROTOCOL);
}

static enum rill_drop input(struct ip_host *host, struct ip_interface *interface,
                            struct rill_packet *packet) {
    if (!interface->up)
        return RILL_DROP_LINK_DOWN;
    bool to_group = false;
    if (interface->framing) {
        bool is_ip;
        enum rill_drop refused = interface->framing->input(interface, packet, &is_ip, &to_group);
        if (refused || !is_ip)
            return refused;
    }
    size_t contiguous;
    const uint8_t *head = rill__packet_head(packet, &contiguous);
    if (contiguous == 0)
        return RILL_DROP_TRUNCATED;
    unsigned version = head[0] >> 4;
    const struct rill_network_ops *network = 0;
    if (version == 4 || version == 6)
        network = host->networks[version == 4 ? 0 : 1];
    if (!network)
        return RILL_DROP_IP_VERSION;
    struct ip_datagram datagram = {.packet = packet, .interface = interface, .network = network};
    enum rill_drop drop = network->parse(head, contiguous, packet->length, &datagram);
    if (drop && datagram.problem && is_ours(host, interface, &datagram) &&
        source_ok(host, &datagram))
        rill__icmp_unreachable(host, &datagram, IP_ERROR_PARAMETER);
    if (drop)
        return drop;
    datagram.data = head + datagram.header_length;
    datagram.contiguous = contiguous - datagram.header_length;
    if (datagram.contiguous > datagram.length) /* padding behind the datagram */
        datagram.contiguous = datagram.length;
    return dispatch(host, &datagram, to_group);
}

void rill__ip_input(struct ip_host *host, struct ip_interface *interface,
                    struct rill_packet *packet) {
    interface->packets_in += rill_packet_frames(packet);
    enum rill_drop drop = input(host, interface, packet);
    if (drop)
        rill__core_drop(host->core, drop);
    rill_packet_drop(packet);
}
