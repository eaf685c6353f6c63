/* tests/fuzz/segments_messages.c: what is no segment: ICMP errors, ARP, neighbour discovery, router
 * advertisements, MLD and IGMP. See segments.h. */
#include "fuzz/segments.h"

#include "base/bytes.h"
#include "fuzz/build.h"
#include "wire/ethernet.h"
#include <string.h>

/* Kinds that mean something to a connection, and any other. */
static void put_kind(struct run *run, uint8_t *icmp, bool ipv4, uint8_t how) {
    static const uint8_t kinds4[][2] = {{3, 0}, {3, 1}, {3, 2},  {3, 3},
                                        {3, 4}, {3, 4}, {3, 13}, {11, 0}};
    static const uint8_t kinds6[][2] = {{1, 0}, {1, 1}, {1, 3}, {1, 4},
                                        {2, 0}, {2, 0}, {3, 0}, {4, 1}};
    static const uint16_t sizes[] = {0, 68, 296, 552, 1280, 1300, 1400, 65535};
    uint8_t which = input_8(&run->input);
    memcpy(icmp, ipv4 ? kinds4[which & 7] : kinds6[which & 7], 2);
    if (how & 2) {
        icmp[0] = input_8(&run->input);
        icmp[1] = input_8(&run->input);
    }
    bytes_put32(icmp + 4, which & 64 ? input_16(&run->input) : sizes[which >> 3 & 7]);
}

void segments_error(struct run *run, uint8_t how) {
    uint8_t bytes[SEGMENTS_BYTES];
    struct aim aim;
    if (!segments_take_aim(run, &aim))
        return;
    bool ipv4 = rill_address_is_ipv4(&aim.key.local);
    size_t header = ipv4 ? 20 : 40;
    struct rill_address from = aim.key.remote;
    if (how & 1)
        from.bytes[15] ^= 5; /* a router on the way */
    uint8_t *icmp = build_ip(bytes + WIRE_ETHERNET_HEADER, &from, &aim.key.local, ipv4 ? 1 : 58,
                             8 + header + 20);
    memset(icmp, 0, 8);
    put_kind(run, icmp, ipv4, how);
    uint8_t *tcp = build_ip(icmp + 8, &aim.key.local, &aim.key.remote, 6, 1000);
    memset(tcp, 0, 20);
    bytes_put16(tcp, aim.key.local_port);
    bytes_put16(tcp + 2, aim.key.remote_port);
    bytes_put32(tcp + 4, segments_near(run, aim.snd_una, aim.flight));
    build_finish(icmp + 8, header + 20);
    size_t length = (size_t)(tcp + 20 - bytes) - WIRE_ETHERNET_HEADER;
    if (how & 4)
        length -= input_8(&run->input) % 40u;
    build_finish(bytes + WIRE_ETHERNET_HEADER, length);
    segments_send_ip(run, bytes, length, how & 1, false);
}

static void send_arp(struct run *run, uint8_t how) {
    uint8_t bytes[WIRE_ETHERNET_HEADER + WIRE_ARP_LENGTH];
    struct wire_arp arp = {.reply = how & 1};
    uint8_t who = input_8(&run->input);
    memcpy(arp.sender_mac, segments_macs[0], 6);
    arp.sender_mac[5] = (uint8_t)(1 + (who & 3));
    memcpy(arp.target_mac, segments_macs[1], 6);
    memcpy(arp.sender, run->test.address[who >> 2 & 1].bytes + 12, 4);
    memcpy(arp.target, run->test.address[who >> 3 & 1].bytes + 12, 4);
    arp.sender[3] = (uint8_t)(arp.sender[3] + (who >> 4 & 3));
    rill__ethernet_emit(bytes, segments_macs[1], arp.sender_mac, WIRE_TYPE_ARP);
    rill__arp_emit(&arp, bytes + WIRE_ETHERNET_HEADER);
    segments_deliver(run, bytes, sizeof bytes, how & 1, false);
}

/* A prefix, or the address of a host or router, that may be known. */
static void put_address(struct run *run, uint8_t *out, uint8_t which) {
    static const uint8_t router[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    if (which & 4)
        memcpy(out, router, 16);
    else
        memcpy(out, run->test.address[which & 1].bytes, 16);
    out[7] = (uint8_t)(out[7] + (which >> 3 & 7));
    if (which & 64)
        memset(out + 8, 0, 8);
}

/* One option of neighbour discovery, whole; returns its length. */
static size_t put_ndp_option(struct run *run, uint8_t *out) {
    static const uint8_t kinds[] = {1, 2, 3, 3, 5, 14, 24, 24};
    static const uint8_t sizes[] = {1, 1, 4, 4, 1, 1, 3, 2};
    static const uint32_t times[] = {0, 1, 3, 600, 7200, 100000, 0x7fffffff, 0xffffffff};
    uint8_t how = input_8(&run->input), more = input_8(&run->input);
    uint8_t kind = kinds[how & 7];
    size_t length = sizes[how & 7] * (size_t)8;
    memset(out, 0, length);
    out[0] = kind;
    out[1] = how & 128 ? more : (uint8_t)(length / 8);
    if (kind <= 2 || kind == 14) {
        memcpy(out + 2, segments_macs[0], 6);
        out[7] = more;
    } else if (kind == 5) {
        bytes_put32(out + 4, how & 8 ? input_16(&run->input) : 1280);
    } else if (kind == 3) {
        out[2] = how & 8 ? more : 64;
        out[3] = how & 16 ? 0xc0 : more;
        bytes_put32(out + 4, times[more & 7]);
        bytes_put32(out + 8, times[more >> 3 & 7]);
        put_address(run, out + 16, 64 | (more >> 3 & 0x38));
    } else {
        out[2] = how & 8 ? more : 48;
        out[3] = more & 0x18;
        bytes_put32(out + 4, times[more & 7]);
        if (length > 16)
            put_address(run, out + 8, 64 | (more >> 3 & 0x38));
        else
            out[8] = 0xfd;
    }
    return length;
}

/* The fixed part of a message of this type; returns its length. */
static size_t put_ndp_head(struct run *run, uint8_t *out, uint8_t type) {
    uint8_t which = input_8(&run->input);
    memset(out, 0, 40);
    out[0] = type;
    if (type == 133)
        return 8;
    if (type == 134) {
        static const uint16_t lifetimes[] = {0, 1, 1800, 9000};
        out[4] = which & 1 ? 64 : 0;
        out[5] = which & 0x18;
        bytes_put16(out + 6, lifetimes[which >> 1 & 3]);
        bytes_put32(out + 8, which & 32 ? 1000 : 0);
        bytes_put32(out + 12, which & 64 ? 100 : 0);
        return 16;
    }
    out[4] = type == 136 ? (uint8_t)(which << 5) : 0;
    put_address(run, out + 8, which >> 3);
    if (type != 137)
        return 24;
    put_address(run, out + 24, input_8(&run->input));
    return 40;
}

/* MLD and IGMP: the input's own bytes behind the type. */
static size_t put_membership(struct run *run, uint8_t *out, bool ipv4) {
    static const uint8_t kinds[] = {130, 131, 132, 143}, kinds4[] = {0x11, 0x12, 0x16, 0x22};
    uint8_t which = input_8(&run->input);
    size_t length = ipv4 ? 8u + (which >> 4) : 24u + (which >> 4) * 4u, given = length - 4;
    const uint8_t *body = input_bytes(&run->input, &given);
    memset(out, 0, length);
    out[0] = ipv4 ? kinds4[which & 3] : kinds[which & 3];
    out[1] = ipv4 ? (uint8_t)(which << 1) : 0;
    memcpy(out + 4, body, given);
    if (which & 4) /* a general query */
        memset(out + 4 + (ipv4 ? 0 : 4), 0, ipv4 ? 4 : 16);
    return length;
}

void segments_neighbour(struct run *run, uint8_t how) {
    static const uint8_t types[] = {133, 134, 135, 136, 137, 134, 137, 130};
    static const struct rill_address all = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    uint8_t bytes[SEGMENTS_BYTES], message[400];
    uint8_t type = types[input_8(&run->input) & 7];
    struct rill_address from = {{0xfe, 0x80}}, to = run->test.address[1];
    if (how & 1 && run->ethernet && !run->test.ipv6) {
        send_arp(run, how >> 1);
        return;
    }
    bool ipv4 = !run->test.ipv6;
    from.bytes[15] = 1;
    if (how & 2 || ipv4)
        from = run->test.address[0];
    if (how & 4)
        to = ipv4 ? rill_address_ipv4(224, 0, 0, 1) : all;
    size_t length =
        type == 130 || ipv4 ? put_membership(run, message, ipv4) : put_ndp_head(run, message, type);
    uint8_t tail = input_8(&run->input);
    for (unsigned options = type == 130 || ipv4 ? 0 : tail % 4; options-- > 0;)
        length += put_ndp_option(run, message + length);
    memset(message + length, 1, 8);
    if ((tail & 0xc0) == 0xc0) /* the last option is not all there, or there is a part of another */
        length = tail & 32 ? length + (tail >> 2 & 7) : length - (tail >> 2 & 7);
    uint8_t *ip = bytes + WIRE_ETHERNET_HEADER;
    memcpy(build_ip(ip, &from, &to, ipv4 ? 2 : 58, length), message, length);
    ip[ipv4 ? 8 : 7] = ipv4 || type == 130 ? 1 : 255;
    length += ipv4 ? 20 : 40;
    build_finish(ip, length);
    segments_send_ip(run, bytes, length, how >> 3, false);
}
