/* script/packet_decode.c: from bytes that rill sent to a script's packet. Every checksum is
 * verified: what leaves here would be on a wire. */
#include "script/packet.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/util.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"
#include <string.h>

static bool option_read(struct script_option *option, const uint8_t *data, size_t length) {
    switch (option->kind) {
    case SCRIPT_OPTION_SACK_OK:
        return length == 0;
    case SCRIPT_OPTION_MSS:
        option->value = length == 2 ? bytes_get16(data) : 0;
        return length == 2;
    case SCRIPT_OPTION_WSCALE:
        option->value = length == 1 ? data[0] : 0;
        return length == 1;
    case SCRIPT_OPTION_TS:
        if (length != 8)
            return false;
        option->value = bytes_get32(data);
        option->echo = bytes_get32(data + 4);
        return true;
    case SCRIPT_OPTION_SACK:
        if (length % 8 || length > 32)
            return false;
        for (size_t i = 0; i < length / 8; i++) {
            option->ranges[i][0] = bytes_get32(data + 8 * i);
            option->ranges[i][1] = bytes_get32(data + 8 * i + 4);
        }
        option->range_count = (uint8_t)(length / 8);
        return true;
    default:
        memcpy(option->data, data, length);
        option->length = (uint8_t)length;
        option->has_data = length > 0;
        return true;
    }
}

static bool options_read(const uint8_t *data, size_t length, struct script_packet *packet) {
    for (size_t at = 0; at < length;) {
        struct script_option *option = &packet->options[packet->option_count++];
        option->kind = data[at];
        if (option->kind <= SCRIPT_OPTION_NOP) {
            at++;
            continue;
        }
        if (at + 2 > length || data[at + 1] < 2 || at + data[at + 1] > length ||
            !option_read(option, data + at + 2, data[at + 1] - 2u))
            return false;
        at += data[at + 1];
    }
    return true;
}

static bool zeros(const uint8_t *data, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (data[i])
            return false;
    return true;
}

static bool tcp_read(const uint8_t *data, size_t length, struct script_packet *packet,
                     struct packet_path *path) {
    size_t header = length >= WIRE_TCP_HEADER ? (size_t)(data[12] >> 4) * 4 : 0;
    if (header < WIRE_TCP_HEADER || header > length)
        return false;
    path->from_port = bytes_get16(data);
    path->to_port = bytes_get16(data + 2);
    packet->sequence = bytes_get32(data + 4);
    packet->acknowledgement = bytes_get32(data + 8);
    packet->flags = (uint16_t)(data[13] | (data[12] & 1 ? SCRIPT_FLAG_AE : 0));
    packet->window = bytes_get16(data + 14);
    packet->urgent = bytes_get16(data + 18);
    packet->length = (uint32_t)(length - header);
    packet->has_ack = (packet->flags & WIRE_ACK) != 0;
    packet->has_window = true;
    packet->has_urgent = (packet->flags & WIRE_URG) != 0;
    packet->zeros = zeros(data + header, length - header);
    return options_read(data + WIRE_TCP_HEADER, header - WIRE_TCP_HEADER, packet);
}

static size_t ip_read(const uint8_t *bytes, size_t length, struct script_packet *packet,
                      struct packet_path *path, uint8_t *protocol, size_t *payload) {
    struct wire_ipv4 v4;
    struct wire_ipv6 v6;
    path->ipv4 = length && bytes[0] >> 4 == 4;
    if (path->ipv4) {
        if (rill__ipv4_parse(bytes, length, &v4) || v4.more_fragments || v4.fragment_offset)
            return 0;
        path->from = rill_address_ipv4(v4.source[0], v4.source[1], v4.source[2], v4.source[3]);
        path->to = rill_address_ipv4(v4.destination[0], v4.destination[1], v4.destination[2],
                                     v4.destination[3]);
        packet->tos = v4.traffic_class;
        packet->ttl = v4.ttl;
        packet->flow_label = -1;
        *protocol = v4.protocol;
        *payload = (size_t)v4.total_length - v4.header_length;
        return v4.header_length;
    }
    if (rill__ipv6_parse(bytes, length, &v6))
        return 0;
    memcpy(path->from.bytes, v6.source, 16);
    memcpy(path->to.bytes, v6.destination, 16);
    packet->tos = v6.traffic_class;
    packet->ttl = v6.hop_limit;
    packet->flow_label = (int32_t)v6.flow_label;
    *protocol = v6.next_header;
    *payload = v6.payload_length;
    return WIRE_IPV6_HEADER;
}

bool packet_decode(const uint8_t *bytes, size_t length, struct script_packet *packet,
                   struct packet_path *path, const char **why) {
    uint8_t protocol = 0;
    size_t payload = 0;
    memset(packet, 0, sizeof *packet);
    memset(path, 0, sizeof *path);
    size_t at = ip_read(bytes, length, packet, path, &protocol, &payload);
    packet->ecn = (int8_t)(packet->tos & 3);
    *why = "an IP packet that is not right";
    if (!at || at + payload > length)
        return false;
    *why = protocol == WIRE_PROTOCOL_ICMP || protocol == WIRE_PROTOCOL_ICMPV6
               ? "an ICMP message"
               : "a packet that is not TCP";
    if (protocol != WIRE_PROTOCOL_TCP)
        return false;
    uint64_t sum = path->ipv4 ? rill__ipv4_pseudo_sum(path->from.bytes + 12, path->to.bytes + 12,
                                                      protocol, (uint32_t)payload)
                              : rill__ipv6_pseudo_sum(path->from.bytes, path->to.bytes, protocol,
                                                      (uint32_t)payload);
    *why = "a TCP segment whose checksum is wrong";
    if (rill__checksum_fold(rill__checksum_add(sum, bytes + at, payload)) != 0xffff)
        return false;
    *why = "a TCP segment whose header is not right";
    return tcp_read(bytes + at, payload, packet, path);
}
