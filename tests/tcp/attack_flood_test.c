/* tests/tcp/attack_flood_test.c: SYNs by the million from addresses that never answer (RFC 4987).
 */
#include "tcp/attacks.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "wire/ipv4.h"

#define SYNS 10000000u
#define BATCH 64u
#define CLIENT_EVERY 1000000u

struct flood {
    struct peer peer;
    uint64_t random;
    uint64_t answers;
};

static uint64_t next_random(struct flood *flood) {
    flood->random ^= flood->random << 13;
    flood->random ^= flood->random >> 7;
    flood->random ^= flood->random << 17;
    return flood->random;
}

/* A SYN as Linux sends it, from anywhere: 60 bytes. The link vouches for its checksum. */
static struct rill_packet *make_syn(struct flood *flood) {
    static const uint8_t options[20] = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0,
                                        0, 1, 0, 0,   0, 0, 1, 3,  3, 7};
    struct rill_packet *packet = rill_packet_open(flood->peer.pool);
    struct rill_block *block = rill_block_open(flood->peer.pool, 60);
    assert_true(packet && block);
    uint8_t *frame = rill_block_data(block), *tcp = frame + WIRE_IPV4_HEADER;
    uint64_t random = next_random(flood);
    struct wire_ipv4 ip = {.total_length = 60, .ttl = 64, .protocol = 6};
    bytes_put32(ip.source, 0x0b000000u | (uint32_t)(random >> 8 & 0xffffff)); /* 11.0.0.0/8 */
    memcpy(ip.destination, flood->peer.local.bytes + 12, 4);
    rill__ipv4_emit(&ip, frame);
    memset(tcp, 0, 20);
    bytes_put16(tcp, (uint16_t)(1 + (random >> 32 & 0x7fff)));
    bytes_put16(tcp + 2, OWN_PORT);
    bytes_put32(tcp + 4, (uint32_t)(random >> 16));
    tcp[12] = 40 / 4 << 4;
    tcp[13] = WIRE_SYN;
    bytes_put16(tcp + 14, 64240);
    memcpy(tcp + 20, options, sizeof options);
    struct rill_slice slice = {frame, 60, block};
    assert_int_equal(rill_packet_append(packet, slice), 0);
    packet->flags |= RILL_PACKET_CHECKSUM_VERIFIED;
    return packet;
}

static void take_all(struct flood *flood) {
    struct rill_packet *packets[BATCH];
    size_t n;
    while ((n = rill_output(flood->peer.stack, 0, packets, BATCH, SIZE_MAX, flood->peer.now)) > 0)
        for (size_t i = 0; i < n; i++, flood->answers++)
            rill_packet_drop(packets[i]);
}

/* Somebody who answers: connects, says something, is heard. */
static void serve_client(struct flood *flood, uint16_t port) {
    struct peer *peer = &flood->peer;
    peer->remote_port = port;
    peer->read = 0;
    peer_send(peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT(peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_send(peer, WIRE_ACK, 0, 0, 100);
    assert_int_equal(rill_tcp_accept(peer->stack, peer->listener, &peer->handle), 0);
    assert_int_equal(peer_read(peer, 1000), 100);
    EXPECT(peer, WIRE_ACK, 0, 100, 0);
    assert_int_equal(rill_tcp_abort(peer->stack, peer->handle), 0);
    peer->handle = 0;
    take_all(flood);
}

/* A million a second: the records time out meanwhile, and are taken up again. */
static void ten_million_syns_leave_memory_within_bounds_and_clients_connecting(void **state) {
    (void)state;
    struct flood flood = {.random = 88172645463325252u};
    struct peer *peer = &flood.peer;
    struct rill_stack_info info;
    struct rill_address any = {{0}};
    peer_init(peer);
    peer->config.trace = 0;
    peer_listen(peer);
    struct rill_address all = rill_address_ipv4(0, 0, 0, 0);
    assert_int_equal(rill_route_add(peer->stack, 0, &all, 0, &any), 0);
    uint64_t begin = attack_clock_ns();
    for (uint32_t sent = 0; sent < SYNS; sent += BATCH) {
        struct rill_packet *packets[BATCH];
        for (unsigned i = 0; i < BATCH; i++)
            packets[i] = make_syn(&flood);
        peer->now += BATCH * RILL_MICROSECOND;
        rill_input(peer->stack, 0, packets, BATCH, peer->now);
        rill_advance(peer->stack, peer->now, 0);
        take_all(&flood);
        if (sent % CLIENT_EVERY < BATCH)
            serve_client(&flood, (uint16_t)(40000 + sent / CLIENT_EVERY));
    }
    uint64_t ns = attack_clock_ns() - begin;
    rill_stack_get_info(peer->stack, &info);
    print_message(
        "# %u SYNs: %llu cookies, %u records, %llu answers, peak memory %llu KiB, %llu ns a "
        "SYN with its making\n",
        SYNS, (unsigned long long)info.syn_cookies_sent, info.half_open,
        (unsigned long long)flood.answers, (unsigned long long)peer->memory.peak_bytes / 1024,
        (unsigned long long)(ns / SYNS));
    assert_int_equal(info.half_open, 4096); /* the backlog, and no more */
    assert_true(info.syn_cookies_sent > SYNS - SYNS / 100);
    assert_true(peer->memory.peak_bytes < 8u << 20); /* the budget is 512 MiB */
    assert_true(info.memory_held < 1u << 20);
    peer_close(peer);
}

/* ACKs nobody has asked for cost a look, and open nothing. */
static void million_guessed_acks_open_nothing(void **state) {
    (void)state;
    enum { ACKS = 1000000 };
    struct flood flood = {.random = 1234567};
    struct peer *peer = &flood.peer;
    struct rill_stack_info info;
    peer_init(peer);
    peer->config.trace = 0;
    peer->config.syn_cookies = RILL_SYN_COOKIES_ALWAYS;
    peer_listen(peer);
    peer_send(peer, WIRE_SYN, (uint32_t)-1, 0, 0); /* cookies are being sent, and believed */
    take_all(&flood);
    uint64_t begin = attack_clock_ns();
    for (uint32_t i = 0; i < ACKS; i++) {
        uint64_t random = next_random(&flood);
        peer_send(peer, WIRE_ACK, (uint32_t)random, (uint32_t)(random >> 32), 0);
        take_all(&flood);
    }
    rill_stack_get_info(peer->stack, &info);
    print_message("# %u guessed ACKs: %llu believed, %llu RSTs, %llu ns an ACK with its making\n",
                  ACKS, (unsigned long long)info.syn_cookies_accepted,
                  (unsigned long long)flood.answers - 1,
                  (unsigned long long)((attack_clock_ns() - begin) / ACKS));
    assert_true(info.syn_cookies_accepted <=
                1); /* 2^-24 each, or better: 0.06 are to be expected */
    peer_close(peer);
}

int flood_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_million_syns_leave_memory_within_bounds_and_clients_connecting),
        cmocka_unit_test(million_guessed_acks_open_nothing),
    };
    return cmocka_run_group_tests_name("floods", tests, 0, 0);
}
