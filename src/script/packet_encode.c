/* script/packet_encode.c: from a script's packet to bytes: TCP (RFC 9293 §3.1) in IPv4 or IPv6, and
 * ICMP errors (RFC 792, RFC 4443). */
#include "script/packet.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/util.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"
#include <string.h>

#define QUOTE_DATA 64 /* bytes of TCP header and data in an ICMP error */

static size_t option_emit(const struct script_option *option, uint8_t *out) {
    size_t length = 2;
    out[0] = option->kind;
    switch (option->kind) {
    case SCRIPT_OPTION_EOL:
    case SCRIPT_OPTION_NOP:
        return 1;
    case SCRIPT_OPTION_SACK_OK:
        break;
    case SCRIPT_OPTION_MSS:
        bytes_put16(out + 2, option->value);
        length = 4;
        break;
    case SCRIPT_OPTION_WSCALE:
        out[2] = (uint8_t)option->value;
        length = 3;
        break;
    case SCRIPT_OPTION_TS:
        bytes_put32(out + 2, option->value);
        bytes_put32(out + 6, option->echo);
        length = 10;
        break;
    case SCRIPT_OPTION_SACK:
        for (unsigned i = 0; i < option->range_count; i++, length += 8) {
            bytes_put32(out + length, option->ranges[i][0]);
            bytes_put32(out + length + 4, option->ranges[i][1]);
        }
        break;
    default:
        memcpy(out + 2, option->data, option->length);
        length = 2u + option->length;
        break;
    }
    out[1] = (uint8_t)length;
    return length;
}

/* Returns the bytes of options, or 41: too many. */
static size_t options_emit(const struct script_packet *packet, uint8_t out[WIRE_TCP_HEADER_MAX]) {
    uint8_t one[SCRIPT_OPTION_DATA + 2];
    size_t total = 0;
    for (unsigned i = 0; i < packet->option_count; i++) {
        size_t length = option_emit(&packet->options[i], one);
        if (total + length > 40)
            return 41;
        memcpy(out + total, one, length);
        total += length;
    }
    return total;
}

/* Header and zeros; checksum 0. */
static size_t tcp_emit(const struct script_packet *packet, const struct packet_path *path,
                       uint8_t *out, const char **why) {
    size_t options = options_emit(packet, out + WIRE_TCP_HEADER);
    *why = options > 40  ? "more than 40 bytes of TCP options"
           : options % 4 ? "the TCP options are not a multiple of 4 bytes: add nop or eol"
                         : 0;
    if (*why)
        return 0;
    size_t header = WIRE_TCP_HEADER + options;
    bytes_put16(out, path->from_port);
    bytes_put16(out + 2, path->to_port);
    bytes_put32(out + 4, packet->sequence);
    bytes_put32(out + 8, packet->acknowledgement);
    out[12] = (uint8_t)(header / 4 << 4 | (packet->flags & SCRIPT_FLAG_AE ? 1 : 0));
    out[13] = (uint8_t)packet->flags;
    bytes_put16(out + 14, packet->window);
    bytes_put16(out + 16, 0);
    bytes_put16(out + 18, packet->urgent);
    memset(out + header, 0, packet->length);
    return header + packet->length;
}

static void finish(uint8_t *transport, size_t length, uint64_t sum, size_t at) {
    uint16_t folded = rill__checksum_fold(rill__checksum_add(sum, transport, length));
    rill__checksum_store(transport + at, (uint16_t)~folded);
}

static uint64_t pseudo_sum(const struct packet_path *path, uint8_t protocol, size_t length) {
    if (path->ipv4)
        return rill__ipv4_pseudo_sum(path->from.bytes + 12, path->to.bytes + 12, protocol,
                                     (uint32_t)length);
    return rill__ipv6_pseudo_sum(path->from.bytes, path->to.bytes, protocol, (uint32_t)length);
}

static size_t ip_header_length(bool ipv4) {
    return ipv4 ? WIRE_IPV4_HEADER : WIRE_IPV6_HEADER;
}

static void ip_emit(const struct script_packet *packet, const struct packet_path *path,
                    uint8_t protocol, size_t length, uint8_t *out) {
    uint8_t class = (uint8_t)(packet->tos >= 0 ? packet->tos : 0);
    if (packet->ecn != SCRIPT_ECN_UNSAID)
        class = (uint8_t)((class & 0xfc) |
                          (packet->ecn == SCRIPT_ECN_ECT ? SCRIPT_ECN_ECT0 : packet->ecn));
    uint8_t ttl = (uint8_t)(packet->ttl >= 0 ? packet->ttl : 64);
    if (path->ipv4) {
        struct wire_ipv4 ip = {.total_length = (uint16_t)(WIRE_IPV4_HEADER + length),
                               .traffic_class = class,
                               .ttl = ttl,
                               .protocol = protocol,
                               .dont_fragment = true};
        memcpy(ip.source, path->from.bytes + 12, 4);
        memcpy(ip.destination, path->to.bytes + 12, 4);
        rill__ipv4_emit(&ip, out);
        return;
    }
    struct wire_ipv6 ip = {.flow_label = packet->flow_label > 0 ? (uint32_t)packet->flow_label : 0,
                           .payload_length = (uint16_t)length,
                           .traffic_class = class,
                           .next_header = protocol,
                           .hop_limit = ttl};
    memcpy(ip.source, path->from.bytes, 16);
    memcpy(ip.destination, path->to.bytes, 16);
    rill__ipv6_emit(&ip, out);
}

struct icmp_name {
    const char *type, *code;
    uint8_t numbers[2][2]; /* by family, IPv4 first: type, code; 255: not in this family */
};

static const struct icmp_name icmp_names[] = {
    {"unreachable", "net_unreachable", {{3, 0}, {1, 0}}},
    {"unreachable", "no_route", {{3, 0}, {1, 0}}},
    {"unreachable", "host_unreachable", {{3, 1}, {1, 3}}},
    {"unreachable", "addr_unreachable", {{3, 1}, {1, 3}}},
    {"unreachable", "address_unreachable", {{3, 1}, {1, 3}}},
    {"unreachable", "protocol_unreachable", {{3, 2}, {255, 0}}},
    {"unreachable", "port_unreachable", {{3, 3}, {1, 4}}},
    {"unreachable", "frag_needed", {{3, 4}, {2, 0}}},
    {"unreachable", "source_route_failed", {{3, 5}, {255, 0}}},
    {"unreachable", "net_unknown", {{3, 6}, {255, 0}}},
    {"unreachable", "host_unknown", {{3, 7}, {255, 0}}},
    {"unreachable", "source_host_isolated", {{3, 8}, {255, 0}}},
    {"unreachable", "net_prohibited", {{3, 9}, {1, 1}}},
    {"unreachable", "admin_prohibited", {{3, 13}, {1, 1}}},
    {"unreachable", "host_prohibited", {{3, 10}, {1, 1}}},
    {"unreachable", "beyond_scope", {{255, 0}, {1, 2}}},
    {"unreachable", "not_neighbour", {{255, 0}, {1, 2}}},
    {"unreachable", "net_unreachable_for_tos", {{3, 11}, {255, 0}}},
    {"unreachable", "host_unreachable_for_tos", {{3, 12}, {255, 0}}},
    {"unreachable", "packet_filtered", {{3, 13}, {1, 1}}},
    {"unreachable", "communication_prohibited", {{3, 13}, {1, 1}}},
    {"unreachable", "precedence_violation", {{3, 14}, {255, 0}}},
    {"unreachable", "precedence_cutoff", {{3, 15}, {255, 0}}},
    {"unreachable", "policy_fail", {{255, 0}, {1, 5}}},
    {"unreachable", "reject_route", {{255, 0}, {1, 6}}},
    {"packet_too_big", 0, {{3, 4}, {2, 0}}},
    {"source_quench", 0, {{4, 0}, {255, 0}}},
    {"time_exceeded", "exceeded_in_transit", {{11, 0}, {3, 0}}},
    {"time_exceeded", "reassembly_time_exceeded", {{11, 1}, {3, 1}}},
    {"parameter_problem", 0, {{12, 0}, {4, 0}}},
    {"redirect", 0, {{5, 0}, {255, 0}}},
};

static int small_number(const char *word) {
    int number = 0;
    for (; *word >= '0' && *word <= '9' && number < 256; word++)
        number = number * 10 + (*word - '0');
    return *word || number > 255 ? -1 : number;
}

static bool icmp_find(const struct script_packet *packet, bool ipv4, uint8_t out[2]) {
    const char *type = packet->icmp_words[0], *code = packet->icmp_words[1];
    int number = code ? small_number(code) : 0, kind = small_number(type);
    if (text_equal(type, "dest_unreachable") || text_equal(type, "destination_unreachable"))
        type = "unreachable";
    for (size_t i = 0; i < sizeof icmp_names / sizeof *icmp_names; i++) {
        const struct icmp_name *name = &icmp_names[i];
        if (!text_equal(name->type, type) || name->numbers[!ipv4][0] == 255)
            continue;
        out[0] = name->numbers[!ipv4][0];
        out[1] = number >= 0 ? (uint8_t)number : name->numbers[!ipv4][1];
        if (number >= 0 || !name->code || text_equal(name->code, code))
            return true;
    }
    out[0] = (uint8_t)kind;
    out[1] = (uint8_t)number;
    return kind >= 0 && number >= 0;
}

/* The error's header, then the head of the segment it is about. */
static size_t icmp_emit(const struct script_packet *packet, const struct packet_path *path,
                        uint8_t *out, const char **why) {
    struct packet_path back = {path->to, path->from, path->to_port, path->from_port, path->ipv4};
    struct script_packet quoted = {.ecn = SCRIPT_ECN_UNSAID,
                                   .tos = -1,
                                   .ttl = -1,
                                   .flow_label = -1,
                                   .flags = WIRE_ACK,
                                   .sequence = packet->quote_sequence,
                                   .length = RILL_MIN(packet->quote_length, QUOTE_DATA)};
    size_t ip = ip_header_length(path->ipv4);
    uint8_t *inner = out + 8;
    memset(out, 0, 8);
    if (!icmp_find(packet, path->ipv4, out)) {
        *why = "no such ICMP type or code in this family";
        return 0;
    }
    bool too_big = path->ipv4 ? out[0] == 3 && out[1] == 4 : out[0] == 2;
    if (too_big && path->ipv4)
        bytes_put16(out + 6, packet->icmp_mtu);
    else if (too_big)
        bytes_put32(out + 4, packet->icmp_mtu);
    size_t length = tcp_emit(&quoted, &back, inner + ip, why);
    size_t whole = WIRE_TCP_HEADER + packet->quote_length; /* as the segment was */
    finish(inner + ip, length, pseudo_sum(&back, WIRE_PROTOCOL_TCP, length), 16);
    ip_emit(&quoted, &back, WIRE_PROTOCOL_TCP, whole, inner);
    length += 8 + ip;
    finish(out, length, path->ipv4 ? 0 : pseudo_sum(path, WIRE_PROTOCOL_ICMPV6, length), 2);
    return length;
}

size_t packet_encode(const struct script_packet *packet, const struct packet_path *path,
                     uint8_t *out, const char **why) {
    size_t ip = ip_header_length(path->ipv4);
    uint8_t protocol = WIRE_PROTOCOL_TCP;
    *why = "longer than an IP packet can be";
    if (packet->length + ip + WIRE_TCP_HEADER_MAX > PACKET_MAX)
        return 0;
    if (packet->icmp) {
        size_t length = icmp_emit(packet, path, out + ip, why);
        if (!length)
            return 0;
        protocol = path->ipv4 ? WIRE_PROTOCOL_ICMP : WIRE_PROTOCOL_ICMPV6;
        ip_emit(packet, path, protocol, length, out);
        return ip + length;
    }
    size_t length = tcp_emit(packet, path, out + ip, why);
    if (!length)
        return 0;
    finish(out + ip, length, pseudo_sum(path, protocol, length), 16);
    ip_emit(packet, path, protocol, length, out);
    return ip + length;
}
