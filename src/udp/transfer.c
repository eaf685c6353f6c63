/* udp/transfer.c: datagrams in and out.
 *
 * In: length and checksum are verified before a socket is looked up; a copy of the payload waits in
 * the socket, charged to its buffer and to the stack's budget. Out: the datagram is built at once,
 * cut into fragments if it must be, and waits until the interface takes it; all fragments or none.
 */
#include "udp/udp.h"

#include "base/address.h"
#include "base/bytes.h"
#include "base/checksum.h"
#include "base/util.h"
#include "ip/icmp.h"
#include "packet/pool.h"
#include "packet/segment.h"
#include <string.h>

/* RFC 768: 0 means that no checksum was made; RFC 8200 §8.1 forbids that for IPv6. */
static bool checksum_ok(const struct ip_datagram *datagram, uint32_t length) {
    if (datagram->packet->flags & (RILL_PACKET_CHECKSUM_PARTIAL | RILL_PACKET_CHECKSUM_VERIFIED))
        return true;
    if (bytes_get16(datagram->data + 6) == 0)
        return datagram->network->version == 4;
    struct ip_datagram cut = *datagram;
    cut.length = length;
    uint64_t sum = datagram->network->pseudo_sum(&cut);
    uint8_t chunk[2048];
    for (uint32_t at = 0; at < length; at += sizeof chunk) {
        uint32_t part = RILL_MIN(length - at, (uint32_t)sizeof chunk);
        rill__packet_copy(datagram->packet, datagram->header_length + at, chunk, part);
        sum = rill__checksum_add(sum, chunk, part);
    }
    return rill__checksum_fold(sum) == 0xffff;
}

static struct udp_waiting *keep(struct udp_host *host, const struct ip_datagram *datagram,
                                uint32_t length) {
    uint32_t index;
    struct udp_waiting *waiting = (struct udp_waiting *)rill__slab_open(&host->waiting, &index);
    uint8_t *data;
    struct rill_packet *packet = rill__packet_open_filled(host->core->pool, length, &data);
    if (!waiting || !packet) {
        rill_packet_drop(packet);
        if (waiting)
            rill__slab_close(&host->waiting, index);
        return 0;
    }
    rill__packet_copy(datagram->packet, datagram->header_length + UDP_HEADER, data, length);
    waiting->index = index;
    waiting->packet = packet;
    waiting->length = length;
    waiting->charge = (uint32_t)rill_block_capacity(packet->slices[0].block);
    return waiting;
}

static enum rill_drop queue(struct udp_host *host, struct udp_socket *socket,
                            const struct ip_datagram *datagram, const struct rill_endpoint *local,
                            const struct rill_endpoint *remote, uint32_t length) {
    if (socket->receive_queued + length > socket->receive_buffer ||
        host->core->memory_held + length > host->core->memory_limit) {
        socket->dropped++;
        return RILL_DROP_UDP_QUEUE_FULL;
    }
    struct udp_waiting *waiting = keep(host, datagram, length);
    if (!waiting)
        return RILL_DROP_NO_MEMORY;
    if (host->core->memory_held + waiting->charge > host->core->memory_limit) { /* of the block */
        rill_packet_drop(waiting->packet);
        rill__slab_close(&host->waiting, waiting->index);
        socket->dropped++;
        return RILL_DROP_UDP_QUEUE_FULL;
    }
    waiting->message.local = *local;
    waiting->message.remote = *remote;
    waiting->message.local.zone = ip_zone(&local->address, datagram->interface->index);
    waiting->message.remote.zone = ip_zone(&remote->address, datagram->interface->index);
    waiting->message.hop_limit = datagram->hop_limit;
    waiting->message.traffic_class = datagram->traffic_class;
    if (socket->waiting_tail)
        socket->waiting_tail->next = waiting;
    else
        socket->waiting_head = waiting;
    socket->waiting_tail = waiting;
    socket->receive_queued += waiting->charge;
    host->core->memory_held += waiting->charge;
    socket->received++;
    rill__event_raise(host->core, &socket->event, RILL_EVENT_READABLE);
    return RILL_DROP_NONE;
}

/* Where the sender is, if his address says so only on his link. */
static uint16_t zone_of(const struct ip_datagram *datagram) {
    bool one_link = rill__address_is_link_local(&datagram->source);
    return one_link ? (uint16_t)(datagram->interface->index + 1) : 0;
}

/* A datagram on its way to each of the sockets that hear its group (RFC 1122 §4.1.3.6). */
struct delivery {
    struct udp_host *host;
    const struct ip_datagram *datagram;
    struct rill_endpoint local, remote;
    uint32_t length;
    enum rill_drop drop;
};

static void deliver_copy(void *context, struct udp_socket *socket) {
    struct delivery *delivery = (struct delivery *)context;
    delivery->drop = queue(delivery->host, socket, delivery->datagram, &delivery->local,
                           &delivery->remote, delivery->length);
    if (delivery->drop)
        rill__core_drop(delivery->host->core, delivery->drop);
    delivery->drop = RILL_DROP_NONE;
}

static enum rill_drop input(struct udp_host *host, struct ip_datagram *datagram) {
    if (datagram->contiguous < UDP_HEADER)
        return RILL_DROP_TRUNCATED;
    uint32_t length = bytes_get16(datagram->data + 4);
    if (length < UDP_HEADER || length > datagram->length)
        return RILL_DROP_UDP_LENGTH;
    if (!checksum_ok(datagram, length))
        return RILL_DROP_UDP_CHECKSUM;
    struct rill_endpoint remote = {datagram->source, bytes_get16(datagram->data),
                                   zone_of(datagram)};
    struct rill_endpoint local = {datagram->destination, bytes_get16(datagram->data + 2),
                                  remote.zone};
    if (datagram->to_group) {
        struct delivery delivery = {
            host, datagram, local, remote, length - UDP_HEADER, RILL_DROP_UDP_NO_SOCKET};
        if (local.port)
            rill__udp_each(host, &local, &remote, deliver_copy, &delivery);
        return delivery.drop;
    }
    struct udp_socket *socket = local.port ? rill__udp_lookup(host, &local, &remote) : 0;
    if (!socket) {
        rill__icmp_unreachable(host->ip, datagram, IP_ERROR_PORT);
        return RILL_DROP_UDP_NO_SOCKET;
    }
    return queue(host, socket, datagram, &local, &remote, length - UDP_HEADER);
}

void rill__udp_input(void *transport, struct ip_datagram *datagram) {
    struct udp_host *host = (struct udp_host *)transport;
    enum rill_drop drop = input(host, datagram);
    if (drop)
        rill__core_drop(host->core, drop);
}

/* RFC 1122 §4.1.3.3: an ICMP error is for the socket that sent the datagram; only a connected one
 * is told, as on other systems: an unconnected one could not tell which of its datagrams it was. */
void rill__udp_error(void *transport, const struct ip_error *error) {
    struct udp_host *host = (struct udp_host *)transport;
    struct rill_endpoint local = {error->local, bytes_get16(error->quoted), 0};
    struct rill_endpoint remote = {error->remote, bytes_get16(error->quoted + 2), 0};
    struct udp_socket *socket = rill__udp_lookup(host, &local, &remote);
    if (socket && error->kind == IP_ERROR_TOO_BIG)
        rill__ip_path_mtu_set(host->ip, &error->remote, error->mtu, IP_CLAIMED);
    if (!socket || !socket->remote.port || error->kind == IP_ERROR_TOO_BIG)
        return;
    if (error->kind == IP_ERROR_REDIRECT) {
        rill__ip_redirected(error);
        return;
    }
    socket->error = error->kind == IP_ERROR_HOST ? RILL_ERROR_UNREACHABLE : RILL_ERROR_REFUSED;
    rill__event_raise(host->core, &socket->event, RILL_EVENT_READABLE | RILL_EVENT_ERROR);
}

static int take_error(struct udp_socket *socket) {
    int error = socket->error;
    socket->error = 0;
    return error;
}

int rill__udp_take_error(struct udp_host *host, rill_handle handle) {
    struct udp_socket *socket = rill__udp_find(host, handle);
    return socket ? take_error(socket) : RILL_ERROR_HANDLE;
}

static int64_t copy_out(struct udp_host *host, const struct udp_waiting *waiting, void *data,
                        size_t length, struct rill_udp_message *message) {
    size_t part = RILL_MIN(length, (size_t)waiting->length);
    if (part)
        memcpy(data, waiting->packet->slices[0].data, part);
    host->core->bytes_copied += part;
    if (message)
        *message = waiting->message;
    return waiting->length;
}

int64_t rill__udp_peek(struct udp_host *host, rill_handle handle, void *data, size_t length,
                       struct rill_udp_message *message) {
    struct udp_socket *socket = rill__udp_find(host, handle);
    if (!socket)
        return RILL_ERROR_HANDLE;
    if (!socket->waiting_head)
        return socket->error ? socket->error : RILL_ERROR_AGAIN;
    return copy_out(host, socket->waiting_head, data, length, message);
}

int64_t rill__udp_receive(struct udp_host *host, rill_handle handle, void *data, size_t length,
                          struct rill_udp_message *message) {
    struct udp_socket *socket = rill__udp_find(host, handle);
    if (!socket)
        return RILL_ERROR_HANDLE;
    struct udp_waiting *waiting = socket->waiting_head;
    if (!waiting)
        return socket->error ? take_error(socket) : RILL_ERROR_AGAIN;
    int64_t whole = copy_out(host, waiting, data, length, message);
    socket->waiting_head = waiting->next;
    if (!waiting->next)
        socket->waiting_tail = 0;
    socket->receive_queued -= waiting->charge;
    host->core->memory_held -= waiting->charge;
    rill_packet_drop(waiting->packet);
    rill__slab_close(&host->waiting, waiting->index);
    return whole;
}

/* Who sends to whom, by which interface. */
struct way {
    struct rill_endpoint local, remote;
    struct ip_interface *interface;
};

static int find_way(struct udp_host *host, const struct udp_socket *socket,
                    const struct rill_udp_message *message, struct way *way) {
    way->remote = message && message->remote.port ? message->remote : socket->remote;
    way->local = socket->local;
    if (message && !rill_address_is_any(&message->local.address))
        way->local.address = message->local.address;
    if (!way->remote.port || rill_address_is_any(&way->remote.address))
        return RILL_ERROR_ARGUMENT;
    struct rill_endpoint from = way->local;
    if (rill__address_is_group(&from.address)) /* bound to a group: that is no source */
        memset(&from.address, 0, sizeof from.address);
    struct ip_path path;
    int error = rill__ip_path(host->ip, &way->remote, &from, &path);
    if (error)
        return error;
    way->interface = path.interface;
    way->local.address = path.source;
    return 0;
}

/* RFC 1112 §6.1: what goes to a group stays on the link if nothing else is said. */
static uint8_t hop_limit(const struct rill_udp_message *message, const struct rill_address *to) {
    if (message && message->hop_limit)
        return message->hop_limit;
    return rill__address_is_group(to) ? 1 : 0;
}

/* Header and payload as one packet, or a list of fragments; null: no memory. */
static struct rill_packet *build(struct udp_host *host, const struct way *way, const void *data,
                                 size_t length, const struct rill_udp_message *message) {
    uint8_t *bytes;
    struct rill_packet *packet = rill__packet_open_filled(host->core->pool, length, &bytes);
    if (!packet)
        return 0;
    if (length)
        memcpy(bytes, data, length);
    host->core->bytes_copied += length;
    packet->header_offset -= UDP_HEADER;
    packet->header_length = UDP_HEADER;
    packet->length += UDP_HEADER;
    packet->cause = RILL_CAUSE_DATAGRAM;
    uint8_t *header = packet->headroom + packet->header_offset;
    bytes_put16(header, way->local.port);
    bytes_put16(header + 2, way->remote.port);
    bytes_put16(header + 4, (uint32_t)length + UDP_HEADER);
    bytes_put16(header + 6, 0);
    uint32_t mtu = rill__ip_path_mtu(host->ip, way->interface, &way->remote.address, IP_CLAIMED);
    uint32_t ports = (uint32_t)way->local.port << 16 | way->remote.port;
    struct ip_send send = {.source = &way->local.address,
                           .destination = &way->remote.address,
                           .interface = way->interface,
                           .mtu = mtu,
                           .checksum_offset = 6,
                           .protocol = 17,
                           .traffic_class = message ? message->traffic_class : (uint8_t)0,
                           .hop_limit = hop_limit(message, &way->remote.address),
                           .flow_label = rill__ip_flow_label(host->ip, &way->local.address,
                                                             &way->remote.address, ports),
                           .pseudo_header = true}; /* whole, it is atomic: RFC 6864 §4.1 */
    rill__ip_finish(host->ip, packet, &send);
    header = packet->headroom + packet->header_offset + packet->header_length - UDP_HEADER;
    if (!(packet->flags & RILL_PACKET_CHECKSUM_PARTIAL) && bytes_get16(header + 6) == 0)
        bytes_put16(header + 6, 0xffff); /* RFC 768: a sum of 0 goes as all ones */
    return rill__ip_fit(host->ip, packet, mtu);
}

int64_t rill__udp_send(struct udp_host *host, rill_handle handle, const void *data, size_t length,
                       const struct rill_udp_message *message) {
    struct udp_socket *socket = rill__udp_find(host, handle);
    struct way way;
    if (!socket)
        return RILL_ERROR_HANDLE;
    if (socket->error)
        return take_error(socket);
    if (length > RILL_UDP_PAYLOAD_MAX)
        return RILL_ERROR_ARGUMENT;
    int error = find_way(host, socket, message, &way);
    if (error)
        return error;
    /* A socket stands in one interface's ready list at a time. */
    bool elsewhere = socket->sending_head && socket->source.interface != way.interface->index;
    if (elsewhere || (socket->send_queued && socket->send_queued + length > socket->send_buffer)) {
        socket->wants_write = true;
        return RILL_ERROR_AGAIN;
    }
    struct rill_packet *packet = build(host, &way, data, length, message);
    if (!packet)
        return RILL_ERROR_MEMORY;
    if (socket->sending_tail)
        socket->sending_tail->next = packet;
    else
        socket->sending_head = packet;
    for (; packet; packet = packet->next) {
        socket->sending_tail = packet;
        socket->send_queued += packet->length;
    }
    socket->wants_write |= socket->send_queued >= socket->send_buffer;
    socket->sent++;
    socket->source.interface = (uint8_t)way.interface->index;
    rill__ip_source_ready(host->ip, &socket->source);
    return (int64_t)length;
}

struct rill_packet *rill__udp_output(void *transport, struct ip_source *source, size_t frames_max) {
    struct udp_host *host = (struct udp_host *)transport;
    struct udp_socket *socket = RILL_CONTAINER(source, struct udp_socket, source);
    struct rill_packet *packet = socket->sending_head;
    (void)frames_max; /* each is one frame */
    if (!packet)
        return 0;
    socket->sending_head = packet->next;
    if (!packet->next)
        socket->sending_tail = 0;
    packet->next = 0;
    socket->send_queued -= packet->length;
    if (socket->closed) {
        if (!socket->sending_head)
            rill__udp_free(host, socket);
        return packet;
    }
    if (socket->wants_write && socket->send_queued <= socket->send_buffer / 2) {
        socket->wants_write = false;
        rill__event_raise(host->core, &socket->event, RILL_EVENT_WRITABLE);
    }
    return packet;
}
