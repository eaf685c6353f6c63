/* ip/output.c: a packet out: debts first, then the ready sources in turn (deficit round robin).
 *
 * A source keeps its place at the head until it has sent IP_QUANTUM bytes, then goes to the end
 * with what it overdrew; one that has nothing to send leaves the list. */
#include "base/address.h"
#include "base/checksum.h"
#include "base/util.h"
#include "ip/ip.h"
#include <string.h>

struct rill_packet *rill__ip_fit(struct ip_host *host, struct rill_packet *packet, uint32_t mtu) {
    if (packet->length <= mtu)
        return packet;
    if (host->fragments)
        return host->fragments->cut(host, packet, mtu);
    rill_packet_drop(packet);
    return 0;
}

void rill__ip_source_ready(struct ip_host *host, struct ip_source *source) {
    if (source->where)
        return;
    struct ip_interface *interface = host->interfaces[source->interface];
    source->next = 0;
    source->where = interface->ready_end;
    *interface->ready_end = source;
    interface->ready_end = &source->next;
}

void rill__ip_source_remove(struct ip_host *host, struct ip_source *source) {
    if (!source->where)
        return;
    *source->where = source->next;
    if (source->next)
        source->next->where = source->where;
    else
        host->interfaces[source->interface]->ready_end = source->where;
    source->next = 0;
    source->where = 0;
}

void rill__ip_reply(struct ip_host *host, struct ip_interface *interface,
                    struct rill_packet *packet, bool echo) {
    if (interface->replies >= IP_REPLIES_MAX ||
        (echo && interface->echo_replies >= IP_ECHO_REPLIES_MAX)) {
        rill__core_drop(host->core, RILL_DROP_REPLY_RING_FULL);
        rill_packet_drop(packet);
        return;
    }
    packet->next = 0;
    if (interface->replies_tail)
        interface->replies_tail->next = packet;
    else
        interface->replies_head = packet;
    interface->replies_tail = packet;
    interface->replies++;
    interface->echo_replies += echo;
}

static struct rill_packet *pop_reply(struct ip_interface *interface) {
    struct rill_packet *packet = interface->replies_head;
    interface->replies_head = packet->next;
    if (!packet->next)
        interface->replies_tail = 0;
    packet->next = 0;
    interface->replies--;
    if (packet->cause == RILL_CAUSE_ECHO_REPLY && !packet->link_length)
        interface->echo_replies--; /* with a link header it was counted before it waited for its
                                      neighbour */
    return packet;
}

static struct rill_packet *pop_source(struct ip_host *host, struct ip_interface *interface,
                                      size_t frames_max) {
    while (interface->ready_head) {
        struct ip_source *source = interface->ready_head;
        void *state = host->transports[source->transport].state;
        struct rill_packet *packet =
            host->transports[source->transport].ops->output(state, source, frames_max);
        if (interface->ready_head != source) { /* output has ended the source itself */
            if (packet)
                return packet;
            continue;
        }
        if (!packet) {
            source->sent = 0;
            rill__ip_source_remove(host, source);
            continue;
        }
        source->sent += packet->length;
        if (source->sent >= IP_QUANTUM) {
            source->sent -= IP_QUANTUM;
            rill__ip_source_remove(host, source);
            rill__ip_source_ready(host, source);
        }
        return packet;
    }
    return 0;
}

/* An address that was taken away is no source any more, whoever still holds to it. Looked for only
 * where one has been. */
static bool source_is_lost(struct ip_host *host, struct ip_interface *interface,
                           const struct rill_packet *packet) {
    if (!host->addresses_lost || interface->flags & RILL_INTERFACE_ACCEPT_ANY ||
        packet->link_length)
        return false;
    const uint8_t *header = packet->headroom + packet->header_offset;
    struct rill_address source;
    if (header[0] >> 4 == 4)
        source = rill__address_from_ipv4(header + 12);
    else
        memcpy(source.bytes, header + 8, 16);
    return !rill_address_is_any(&source) && !rill__address_is_loopback(&source) &&
           !rill__ip_address_owned(host, interface, &source);
}

static struct rill_packet *next_packet(struct ip_host *host, struct ip_interface *interface,
                                       size_t frames_max) {
    while (interface->up) {
        struct rill_packet *packet = interface->replies_head
                                         ? pop_reply(interface)
                                         : pop_source(host, interface, frames_max);
        if (packet && source_is_lost(host, interface, packet)) {
            rill__core_drop(host->core, RILL_DROP_SOURCE_LOST);
            rill_packet_drop(packet);
            continue;
        }
        if (!packet || !interface->framing || packet->link_length)
            return packet;
        packet = interface->framing->output(interface, packet);
        if (packet)
            return packet;
    }
    return 0;
}

size_t rill__ip_output(struct ip_host *host, struct ip_interface *interface,
                       struct rill_packet **packets, size_t max, size_t frames_max) {
    size_t count = 0, frames = 0;
    while (count < max && frames < frames_max) {
        struct rill_packet *packet = next_packet(host, interface, frames_max - frames);
        if (!packet)
            break;
        size_t n = packet->gso_size ? rill_packet_frames(packet) : 1;
        frames += n;
        interface->packets_out += n;
        packets[count++] = packet;
    }
    return count;
}

/* The sum over the packet from its header's offset `from` on. */
static uint64_t sum_packet(const struct rill_packet *packet, uint64_t sum, size_t from) {
    const uint8_t *header = packet->headroom + packet->header_offset;
    size_t offset = packet->header_length - from;
    sum = rill__checksum_add(sum, header + from, offset);
    for (int i = 0; i < packet->slice_count; i++) {
        const struct rill_slice *slice = &packet->slices[i];
        sum = rill__checksum_add_at(sum, slice->data, slice->length, offset);
        offset += slice->length;
    }
    return sum;
}

uint32_t rill__ip_identification(struct ip_host *host, const struct rill_address *source,
                                 const struct rill_address *destination) {
    uint8_t pair[32];
    memcpy(pair, source->bytes, 16);
    memcpy(pair + 16, destination->bytes, 16);
    uint64_t hash = rill__siphash(&host->key, pair, sizeof pair);
    return (uint32_t)hash + host->identifications[(hash >> 32) % IP_IDENTIFICATIONS]++;
}

void rill__ip_finish(struct ip_host *host, struct rill_packet *packet, const struct ip_send *send) {
    const struct rill_network_ops *network = rill__ip_network(host, send->destination);
    uint8_t said = network->version == 6 ? send->interface->hop_limit_said : 0;
    struct ip_datagram datagram = {.source = *send->source,
                                   .destination = *send->destination,
                                   .length = packet->length,
                                   .dont_fragment = !send->may_fragment,
                                   .flow_label = send->flow_label,
                                   .protocol = send->protocol,
                                   .traffic_class = send->traffic_class,
                                   .hop_limit = send->hop_limit ? send->hop_limit
                                                : said          ? said
                                                                : (uint8_t)64};
    if (send->may_fragment && network->version == 4) /* IPv6 says it when it is cut */
        datagram.fragment_id = rill__ip_identification(host, send->source, send->destination);
    size_t transport = network->header_length;
    packet->header_offset = (uint16_t)(packet->header_offset - transport);
    packet->header_length = (uint16_t)(packet->header_length + transport);
    packet->length += (uint32_t)transport;
    uint8_t *header = packet->headroom + packet->header_offset;
    network->emit(&datagram, header);
    if (send->checksum_offset == UINT16_MAX)
        return;
    uint8_t *field = header + transport + send->checksum_offset;
    uint64_t sum = send->pseudo_header ? network->pseudo_sum(&datagram) : 0;
    uint32_t mtu =
        send->mtu ? send->mtu : rill__ip_interface_mtu(send->interface, network->version == 4);
    bool whole = packet->length <= mtu || packet->gso_size;
    if (send->interface->flags & RILL_INTERFACE_CHECKSUM && send->pseudo_header && whole) {
        packet->flags |= RILL_PACKET_CHECKSUM_PARTIAL;
        packet->checksum_start = (uint16_t)transport;
        packet->checksum_offset = send->checksum_offset;
        rill__checksum_store(field, rill__checksum_fold(sum));
        return;
    }
    uint16_t folded = rill__checksum_fold(sum_packet(packet, sum, transport));
    rill__checksum_store(field, (uint16_t)~folded);
}
