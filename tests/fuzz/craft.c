/* tests/fuzz/craft.c: see craft.h. */
#include "fuzz/craft.h"

#include "base/bytes.h"
#include "fuzz/build.h"
#include "packet/segment.h"
#include <string.h>

uint64_t fuzz_random(struct fuzz *fuzz) { /* splitmix64 */
    uint64_t x = fuzz->state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

uint32_t fuzz_below(struct fuzz *fuzz, uint64_t limit) {
    return (uint32_t)((fuzz_random(fuzz) >> 32) * limit >> 32);
}

void fuzz_begin(struct fuzz *fuzz, uint64_t seed, uint64_t round) {
    fuzz->all_received += fuzz->received;
    fuzz->all_dropped += fuzz->dropped;
    fuzz->received = fuzz->dropped = 0;
    fuzz->state = seed * 0x2545f4914f6cdd1du + round * 0x9e3779b97f4a7c15u;
    fuzz->round = round;
    fuzz->packets = 0;
    fuzz->owned = fuzz->kept = 0;
}

static void finish(struct fuzz_bytes *bytes) {
    build_finish(bytes->data, bytes->length);
}

static void random_bytes(struct fuzz *fuzz, struct fuzz_bytes *bytes) {
    bytes->length = fuzz_below(fuzz, fuzz_below(fuzz, 4) ? 120 : 1500);
    for (size_t i = 0; i < bytes->length; i++)
        bytes->data[i] = (uint8_t)fuzz_random(fuzz);
    if (bytes->length && fuzz_below(fuzz, 4))
        bytes->data[0] = fuzz_below(fuzz, 2) ? 0x45 : 0x60;
}

static void turn_bits(struct fuzz *fuzz, struct fuzz_bytes *bytes, uint32_t most) {
    for (uint32_t n = 1 + fuzz_below(fuzz, most); n > 0 && bytes->length; n--) {
        /* Headers are where it hurts. */
        size_t reach = fuzz_below(fuzz, 4) && bytes->length > 72 ? 72 : bytes->length;
        bytes->data[fuzz_below(fuzz, reach)] ^= (uint8_t)(1u << fuzz_below(fuzz, 8));
    }
}

static void take_kept(struct fuzz *fuzz, struct fuzz_bytes *bytes) {
    const struct fuzz_bytes *kept = &fuzz->corpus[fuzz_below(fuzz, fuzz->kept)];
    bytes->length = kept->length;
    memcpy(bytes->data, kept->data, kept->length);
}

/* IP header from `from` to `to`, `length` bytes behind it; returns where they begin. */
static uint8_t *put_ip(struct fuzz_bytes *bytes, const struct rill_address *from,
                       const struct rill_address *to, uint8_t protocol, size_t length) {
    bytes->length = (rill_address_is_ipv4(to) ? 20u : 40u) + length;
    return build_ip(bytes->data, from, to, protocol, length);
}

/* A number near one that means something. */
static uint32_t near(struct fuzz *fuzz, uint32_t number, uint32_t reach) {
    static const int32_t steps[] = {0, 0, 0, 0, 1, -1, 2, -2, 100, -100, 1448, -1448};
    switch (fuzz_below(fuzz, 8)) {
    case 0:
        return number + fuzz_below(fuzz, reach ? reach : 1);
    case 1:
        return number + reach + (uint32_t)steps[fuzz_below(fuzz, 12)];
    case 2:
        return fuzz_below(fuzz, 16) ? number - fuzz_below(fuzz, 70000)
                                    : (uint32_t)fuzz_random(fuzz);
    default:
        return number + (uint32_t)steps[fuzz_below(fuzz, 12)];
    }
}

static size_t put_options(struct fuzz *fuzz, uint8_t *out, const struct connection *connection) {
    size_t length = 0;
    if (connection && connection->flags & CONNECTION_TIMESTAMPS && fuzz_below(fuzz, 16)) {
        static const uint8_t head[] = {1, 1, 8, 10};
        memcpy(out, head, 4);
        bytes_put32(out + 4, near(fuzz, connection->ts_recent, 10));
        bytes_put32(out + 8, (uint32_t)fuzz_random(fuzz));
        length = 12;
    }
    switch (fuzz_below(fuzz, 12)) {
    case 0: /* anything at all */
        while (length < 40 && fuzz_below(fuzz, 8))
            for (int i = 0; i < 4; i++)
                out[length++] = (uint8_t)fuzz_random(fuzz);
        break;
    case 1: /* what a SYN has */
        if (length <= 28) {
            static const uint8_t syn[] = {2, 4, 5, 180, 4, 2, 1, 1, 1, 3, 3, 7};
            memcpy(out + length, syn, sizeof syn);
            bytes_put16(out + length + 2, fuzz_below(fuzz, 65536));
            out[length + 11] = (uint8_t)fuzz_below(fuzz, 20);
            length += 12;
        }
        break;
    case 2: /* SACK */
        if (length <= 28 && connection) {
            static const uint8_t head[] = {1, 1, 5, 10};
            memcpy(out + length, head, 4);
            bytes_put32(out + length + 4, near(fuzz, connection->snd_una, 3000));
            bytes_put32(out + length + 8, near(fuzz, connection->snd_nxt, 3000));
            length += 12;
        }
        break;
    default:
        break;
    }
    return length;
}

static uint8_t some_flags(struct fuzz *fuzz) {
    static const uint8_t usual[] = {WIRE_ACK, WIRE_ACK, WIRE_ACK | WIRE_PSH, WIRE_ACK};
    static const uint8_t rare[] = {
        WIRE_SYN, WIRE_SYN | WIRE_ACK, WIRE_RST, WIRE_ACK | WIRE_FIN, WIRE_RST | WIRE_ACK, WIRE_FIN,
        0,        WIRE_ACK | 0x20};
    uint32_t which = fuzz_below(fuzz, 120); /* an RST ends what could have been hurt more */
    if (which == 0)
        return (uint8_t)fuzz_random(fuzz);
    return which <= 8 ? rare[which - 1] : usual[which % 4];
}

/* Some connection's record of the target, or null. */
static const struct connection *some_connection(struct fuzz *fuzz) {
    struct tcp_host *host = fuzz->test.world.stacks[1]->tcp;
    uint32_t slots = slab_end(&host->connections);
    for (int i = 0; i < 20 && slots; i++) {
        uint32_t at = fuzz_below(fuzz, fuzz_below(fuzz, 2) && slots > 16 ? 16 : slots);
        if (slab_in_use(&host->connections, at))
            return slab_at(&host->connections, at);
    }
    return 0;
}

/* A segment with a good checksum: to a live connection, or a SYN to a listener. */
static void aimed(struct fuzz *fuzz, struct fuzz_bytes *bytes) {
    const struct connection *connection = fuzz_below(fuzz, 12) ? some_connection(fuzz) : 0;
    uint8_t options[80];
    size_t option_bytes = put_options(fuzz, options, connection);
    option_bytes = option_bytes > 40 ? 40 : option_bytes;
    size_t payload = fuzz_below(fuzz, 3) ? 0 : fuzz_below(fuzz, fuzz_below(fuzz, 2) ? 20 : 1400);
    const struct rill_address *from = connection ? &connection->key.remote : fuzz->test.address;
    const struct rill_address *to = connection ? &connection->key.local : fuzz->test.address + 1;
    uint8_t *tcp = put_ip(bytes, from, to, 6, 20 + option_bytes + payload);
    memset(tcp, 0, 20);
    if (connection) {
        uint32_t window = connection->rcv_adv - connection->rcv_nxt;
        bytes_put16(tcp, connection->key.remote_port);
        bytes_put16(tcp + 2, connection->key.local_port);
        bytes_put32(tcp + 4, near(fuzz, connection->rcv_nxt, window));
        bytes_put32(tcp + 8,
                    near(fuzz, connection->snd_una, connection->snd_nxt - connection->snd_una));
        tcp[13] = some_flags(fuzz);
    } else {
        static const uint16_t ports[] = {80, 81, 81, 7777};
        bytes_put16(tcp, fuzz_below(fuzz, 2000));
        bytes_put16(tcp + 2, ports[fuzz_below(fuzz, 4)]);
        bytes_put32(tcp + 4, (uint32_t)fuzz_random(fuzz));
        tcp[13] = fuzz_below(fuzz, 4) ? WIRE_SYN : some_flags(fuzz);
    }
    tcp[12] = (uint8_t)((20 + option_bytes) / 4 << 4);
    bytes_put16(tcp + 14, fuzz_below(fuzz, 4) ? fuzz_below(fuzz, 65536) : fuzz_below(fuzz, 3));
    memcpy(tcp + 20, options, option_bytes);
    memset(tcp + 20 + option_bytes, (int)fuzz_random(fuzz), payload);
    finish(bytes);
}

/* ICMP of any type, or a protocol nobody has, sometimes to or from somewhere odd. */
static void other_protocol(struct fuzz *fuzz, struct fuzz_bytes *bytes) {
    struct rill_address from = fuzz->test.address[0], to = fuzz->test.address[1];
    uint8_t icmp = rill_address_is_ipv4(&to) ? 1 : 58;
    if (fuzz_below(fuzz, 4) == 0)
        (fuzz_below(fuzz, 2) ? &from : &to)->bytes[12 + fuzz_below(fuzz, 4)] =
            (uint8_t)fuzz_random(fuzz);
    const uint8_t protocols[] = {icmp, icmp, 17, (uint8_t)fuzz_random(fuzz)};
    uint8_t protocol = protocols[fuzz_below(fuzz, 4)];
    size_t length = 8 + fuzz_below(fuzz, 100);
    uint8_t *data = put_ip(bytes, &from, &to, protocol, length < 20 ? 20 : length);
    for (size_t i = 0; i < length; i++)
        data[i] = (uint8_t)fuzz_random(fuzz);
    if (protocol == 17) {
        bytes_put16(data + 4, (uint32_t)(fuzz_below(fuzz, 8) ? length : fuzz_random(fuzz)));
    } else if (fuzz_below(fuzz, 2)) {
        data[0] = icmp == 1 ? 8 : 128;
        data[1] = 0;
    }
    finish(bytes);
    if (fuzz_below(fuzz, 8) == 0)
        data[7] ^= 1;
}

static void craft(struct fuzz *fuzz, struct fuzz_bytes *bytes) {
    switch (fuzz_below(fuzz, 16)) {
    case 0:
        random_bytes(fuzz, bytes);
        break;
    case 1:
        take_kept(fuzz, bytes);
        turn_bits(fuzz, bytes, 8);
        break;
    case 2:
    case 3:
        take_kept(fuzz, bytes);
        turn_bits(fuzz, bytes, 8);
        finish(bytes);
        break;
    case 4:
        take_kept(fuzz, bytes);
        bytes->length = fuzz_below(fuzz, bytes->length + 1);
        if (fuzz_below(fuzz, 2))
            finish(bytes);
        break;
    case 5:
        other_protocol(fuzz, bytes);
        break;
    case 6:
        aimed(fuzz, bytes);
        turn_bits(fuzz, bytes, 2);
        break;
    case 7:
        aimed(fuzz, bytes);
        if (fuzz_below(fuzz, 4) == 0)
            bytes->length = fuzz_below(fuzz, bytes->length + 1);
        break;
    default:
        aimed(fuzz, bytes);
        break;
    }
}

/* The length of the next slice; the first one mostly has the headers whole. */
static size_t cut(struct fuzz *fuzz, size_t at, size_t left) {
    size_t most = fuzz_below(fuzz, 2) || left < 70 ? left : 70;
    size_t least = at == 0 && most > 100 && fuzz_below(fuzz, 8) ? 100 : 0;
    return least + fuzz_below(fuzz, most - least + 1);
}

/* The bytes as slices: one, or many with odd cuts; the first part maybe inside the packet. */
static bool lay_out(struct fuzz *fuzz, const struct fuzz_bytes *bytes, struct rill_packet *packet) {
    size_t at = 0;
    if (fuzz_below(fuzz, 8) == 0) {
        size_t head = fuzz_below(fuzz, 4) ? 80 : fuzz_below(fuzz, RILL_PACKET_HEADROOM + 1);
        at = head < bytes->length ? head : bytes->length;
        packet->header_offset = (uint16_t)(RILL_PACKET_HEADROOM - at);
        packet->header_length = (uint16_t)at;
        packet->length = (uint32_t)at;
        memcpy(packet->headroom + packet->header_offset, bytes->data, at);
    }
    bool whole = fuzz_below(fuzz, 3) > 0;
    while (at < bytes->length) {
        size_t left = bytes->length - at, part = left;
        if (!whole && packet->slice_count + 1 < RILL_PACKET_SLICES)
            part = cut(fuzz, at, left);
        /* Exactly as large as the bytes where the pool allows it, so that ASan sees the end. */
        struct rill_block *block = rill_block_open(fuzz->test.pool, part);
        if (!block)
            return false;
        struct rill_slice slice = {rill_block_data(block), part, block};
        memcpy(rill_block_data(block), bytes->data + at, part);
        if (rill_packet_append(packet, slice)) {
            rill_block_drop(block);
            return false;
        }
        at += part;
    }
    return true;
}

static void add_metadata(struct fuzz *fuzz, struct rill_packet *packet) {
    if (fuzz_below(fuzz, 4) == 0)
        packet->arrival = fuzz->test.world.now - fuzz_below(fuzz, 1000);
    switch (fuzz_below(fuzz, 16)) {
    case 0:
        packet->gso_size = (uint16_t)fuzz_below(fuzz, fuzz_below(fuzz, 2) ? 1500 : 65536);
        break;
    case 1:
        packet->flags = RILL_PACKET_CHECKSUM_PARTIAL;
        packet->checksum_start = (uint16_t)fuzz_random(fuzz);
        packet->checksum_offset = (uint16_t)fuzz_random(fuzz);
        break;
    case 2:
        packet->flags = RILL_PACKET_CHECKSUM_VERIFIED;
        packet->gso_size = (uint16_t)fuzz_below(fuzz, 1500);
        break;
    default:
        break;
    }
}

struct rill_packet *fuzz_packet(struct fuzz *fuzz) {
    struct fuzz_bytes bytes;
    craft(fuzz, &bytes);
    struct rill_packet *packet = rill_packet_open(fuzz->test.pool);
    if (!packet)
        return 0;
    if (!lay_out(fuzz, &bytes, packet)) {
        rill_packet_drop(packet);
        return 0;
    }
    add_metadata(fuzz, packet);
    return packet;
}

bool fuzz_may_be_silent(const struct rill_packet *packet) {
    struct fuzz_bytes bytes;
    bytes.length = packet->length < 120 ? packet->length : 120;
    rill__packet_copy(packet, 0, bytes.data, bytes.length);
    size_t at = build_transport_at(bytes.data, bytes.length);
    if (!at)
        return bytes.length >= 28; /* an echo request may be that short */
    bool ipv4 = bytes.data[0] >> 4 == 4;
    uint8_t protocol = ipv4 ? bytes.data[9] : bytes.data[6];
    if (ipv4 ? (bytes_get16(bytes.data + 6) & 0x3fff) != 0 : protocol == 44)
        return true; /* a fragment waits for the others */
    if (protocol == 6)
        return (bytes.data[at + 13] & WIRE_SYN) != 0;
    return protocol == 1 || protocol == 58;
}
