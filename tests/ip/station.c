/* tests/ip/station.c: see station.h. */
#include "ip/station.h"

#include "base/bytes.h"
#include "base/checksum.h"

void station_init(struct station *station) {
    memset(station, 0, sizeof *station);
    station->memory.fill = 0xa5;
    station->now = RILL_SECOND;
    rill_stack_config_default(&station->config);
    station->config.seed[0] = 1;
    station->config.check = true;
    rill_interface_config_default(&station->interface);
    station->interface.framing = &rill_ethernet;
    station->interface.mac[0] = 2;
    station->interface.mac[5] = 1;
    station->interface.detection = RILL_DETECTION_OFF;
    station->local4 = rill_address_ipv4(10, 0, 0, 1);
    station->local6 = address("fd00::1");
}

void station_open(struct station *station) {
    uint32_t number;
    station->allocator = test_allocator(&station->memory);
    station->pool = rill_pool_open(&station->allocator, 0);
    assert_non_null(station->pool);
    station->config.allocator = station->allocator;
    station->config.pool = station->pool;
    assert_int_equal(rill_stack_open(&station->config, &station->stack), 0);
    assert_int_equal(rill_advance(station->stack, station->now, 0), 0);
    assert_int_equal(rill_interface_add(station->stack, &station->interface, &number), 0);
    if (!rill_address_is_any(&station->local4))
        assert_int_equal(rill_address_add(station->stack, 0, &station->local4, 24), 0);
    if (!rill_address_is_any(&station->local6))
        assert_int_equal(rill_address_add(station->stack, 0, &station->local6, 64), 0);
    struct rill_udp_config config;
    rill_udp_config_default(&config);
    config.local.port = STATION_PORT;
    assert_int_equal(rill_udp_open(station->stack, &config, &station->socket), 0);
    station_drain(station); /* it tells of its addresses */
}

void station_close(struct station *station) {
    rill_stack_close(station->stack);
    rill_pool_close(station->pool);
    assert_int_equal(station->memory.live_bytes, 0);
}

struct rill_address address(const char *text) {
    struct rill_address address;
    assert_int_equal(rill_address_parse(text, &address), 0);
    return address;
}

uint64_t station_drops(const struct station *station, enum rill_drop drop) {
    struct rill_stack_info info;
    rill_stack_get_info(station->stack, &info);
    return info.drops[drop];
}

struct ip_interface *station_link(const struct station *station) {
    return station->stack->ip.interfaces[0];
}

void station_input(struct station *station, const uint8_t *frame, size_t length) {
    struct rill_packet *packet = rill_packet_open(station->pool);
    struct rill_block *block = rill_block_open(station->pool, length);
    assert_non_null(packet);
    assert_non_null(block);
    memcpy(rill_block_data(block), frame, length);
    struct rill_slice slice = {rill_block_data(block), length, block};
    assert_int_equal(rill_packet_append(packet, slice), 0);
    rill_input(station->stack, 0, &packet, 1, station->now);
}

static size_t write_ip(const struct packet *packet, uint8_t *out) {
    struct rill_address source = address(packet->source), to = address(packet->destination);
    uint8_t hop_limit = packet->hop_limit ? packet->hop_limit : 64;
    if (rill_address_is_ipv4(&to)) {
        static const uint8_t head[20] = {0x45};
        memcpy(out, head, 20);
        bytes_put16(out + 2, (uint32_t)packet->length + 20);
        out[8] = hop_limit;
        out[9] = packet->protocol;
        memcpy(out + 12, source.bytes + 12, 4);
        memcpy(out + 16, to.bytes + 12, 4);
        rill__checksum_store(out + 10,
                             (uint16_t)~rill__checksum_fold(rill__checksum_add(0, out, 20)));
        return 20;
    }
    memset(out, 0, 8);
    out[0] = 0x60;
    bytes_put16(out + 4, (uint32_t)packet->length);
    out[6] = packet->protocol;
    out[7] = hop_limit;
    memcpy(out + 8, source.bytes, 16);
    memcpy(out + 24, to.bytes, 16);
    return 40;
}

void station_packet(struct station *station, const struct packet *packet) {
    static uint8_t frame[70000];
    struct rill_address to = address(packet->destination);
    bool ipv4 = rill_address_is_ipv4(&to);
    const uint8_t head[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, packet->mac};
    memcpy(frame, head, 14);
    if (packet->to_all)
        memset(frame, 0xff, 6);
    else if (to.bytes[0] == 0xff && !ipv4)
        frame[0] = frame[1] = 0x33;
    bytes_put16(frame + 12, ipv4 ? 0x800 : 0x86dd);
    size_t header = 14 + write_ip(packet, frame + 14);
    memcpy(frame + header, packet->data, packet->length);
    station_input(station, frame, header + packet->length);
}

void station_icmp(struct station *station, struct packet packet, uint8_t *message) {
    struct rill_address to = address(packet.destination), from = address(packet.source);
    uint8_t pseudo[32];
    bool ipv4 = rill_address_is_ipv4(&to);
    packet.protocol = ipv4 ? 1 : 58;
    packet.hop_limit = packet.hop_limit ? packet.hop_limit : 255;
    packet.data = message;
    memcpy(pseudo, from.bytes, 16);
    memcpy(pseudo + 16, to.bytes, 16);
    uint64_t sum =
        ipv4 ? 0 : rill__checksum_pseudo(pseudo, sizeof pseudo, 58, (uint32_t)packet.length);
    message[2] = message[3] = 0;
    sum = rill__checksum_add(sum, message, packet.length);
    rill__checksum_store(message + 2, (uint16_t)~rill__checksum_fold(sum));
    station_packet(station, &packet);
}

bool station_take(struct station *station, struct frame *frame) {
    struct rill_packet *packet;
    rill_advance(station->stack, station->now, 0);
    if (!rill_output(station->stack, 0, &packet, 1, 1, station->now))
        return false;
    frame->length = packet->length;
    rill_packet_flatten(packet, frame->bytes);
    rill_packet_drop(packet);
    return true;
}

bool station_take_icmp6(struct station *station, uint8_t type, struct frame *frame) {
    while (station_take(station, frame))
        if (bytes_get16(frame->bytes + 12) == 0x86dd && frame->bytes[20] == 58 &&
            frame->bytes[54] == type)
            return true;
    return false;
}

size_t station_drain(struct station *station) {
    struct rill_packet *packet;
    size_t count = 0;
    rill_advance(station->stack, station->now, 0);
    for (; rill_output(station->stack, 0, &packet, 1, 1, station->now); count++)
        rill_packet_drop(packet);
    return count;
}

void station_wait(struct station *station, rill_time time) {
    rill_time end = station->now + time;
    for (;;) {
        station_drain(station);
        rill_time next = rill_deadline(station->stack);
        if (next > end)
            break;
        station->now = next;
        rill_advance(station->stack, station->now, 0);
    }
    station->now = end;
    rill_advance(station->stack, station->now, 0);
}

uint32_t station_events(struct station *station) {
    struct rill_event event;
    uint32_t bits = 0;
    while (rill_events(station->stack, &event, 1))
        if (event.handle == rill_interface_handle(station->stack, 0))
            bits |= event.bits;
    return bits;
}

void station_answer(struct station *station, const char *who, uint8_t mac) {
    struct rill_address whose = address(who);
    struct neighbour *neighbour = rill__neighbour_find(station_link(station), &whose, true);
    const uint8_t bytes[6] = {2, 0, 0, 0, 0, mac};
    assert_non_null(neighbour);
    rill__neighbour_learn(neighbour, bytes, true, true);
}

int64_t station_send_to(struct station *station, const char *to, size_t length) {
    static const uint8_t data[65507];
    struct rill_udp_message message = {.remote = {address(to), 9}};
    return rill_udp_send(station->stack, station->socket, data, length, &message);
}
