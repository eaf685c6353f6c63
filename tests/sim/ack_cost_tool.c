/* tests/sim/ack_cost_tool.c: what an ACK costs with so many segments in flight: tests/ack_cost.sh
 * counts the instructions of `measured`.
 *
 *     ack_cost_tool PATTERN SEGMENTS ACKS      prints how many ACKs were measured
 *
 * PATTERN  order   nothing is lost, every second segment is acknowledged
 *          head    the first is lost, and the SACK block behind it grows
 *          half    every second is lost: three SACK blocks, of the latest
 * Flights of SEGMENTS are sent and acknowledged as long as it takes. */
#include "base/util.h"
#include "tcp/segment.h"
#include "wire/ipv4.h"

enum { MSS = 1000 };

/* What is counted, and nothing else. */
__attribute__((noipa)) static void measured(struct peer *peer, struct rill_packet *packet) {
    rill_input(peer->stack, 0, &packet, 1, peer->now);
}

static struct rill_packet *packet_of(struct peer *peer, struct wire_tcp *header) {
    uint8_t frame[128];
    size_t length = WIRE_IPV4_HEADER + rill__wire_tcp_emit(header, frame + WIRE_IPV4_HEADER);
    struct wire_ipv4 ip = {.total_length = (uint16_t)length, .ttl = 64, .protocol = 6};
    memcpy(ip.source, peer->remote.bytes + 12, 4);
    memcpy(ip.destination, peer->local.bytes + 12, 4);
    rill__ipv4_emit(&ip, frame);
    struct rill_packet *packet = rill_packet_open(peer->pool);
    struct rill_block *block = rill_block_open(peer->pool, length);
    assert_true(packet && block);
    memcpy(rill_block_data(block), frame, length);
    struct rill_slice slice = {rill_block_data(block), length, block};
    assert_int_equal(rill_packet_append(packet, slice), 0);
    packet->flags |= RILL_PACKET_CHECKSUM_VERIFIED;
    return packet;
}

/* An ACK of all before segment `number`, and SACK blocks of segments [left, right). */
static void acknowledge(struct peer *peer, uint32_t number, const uint32_t (*blocks)[2],
                        unsigned count, bool counted) {
    rill_seq base = peer->own_iss + 1;
    struct wire_tcp header = {.source_port = peer->remote_port,
                              .destination_port = peer->local_port,
                              .sequence = peer->iss + 1,
                              .acknowledgement = base + number * MSS,
                              .flags = WIRE_ACK,
                              .window = peer->window,
                              .sack_count = (uint8_t)count};
    for (unsigned i = 0; i < count; i++)
        header.sacks[i] = (struct wire_sack){base + blocks[i][0] * MSS, base + blocks[i][1] * MSS};
    struct rill_packet *packet = packet_of(peer, &header);
    if (counted)
        measured(peer, packet);
    else
        rill_input(peer->stack, 0, &packet, 1, peer->now);
}

static void drain(struct peer *peer) {
    struct rill_packet *packet;
    while (rill_output(peer->stack, 0, &packet, 1, 1, peer->now))
        rill_packet_drop(packet);
}

static void send_flight(struct peer *peer, uint32_t segments) {
    static uint8_t bytes[MSS];
    for (uint32_t i = 0; i < segments; i++) {
        assert_int_equal(rill_tcp_send(peer->stack, peer->handle, bytes, MSS), MSS);
        drain(peer);
    }
}

/* Acknowledges the flight that begins at segment `first`; gives how many ACKs were counted. */
static uint32_t answer_flight(struct peer *peer, const char *pattern, uint32_t first,
                              uint32_t segments, uint32_t most) {
    uint32_t acks = 0;
    for (uint32_t i = 2; i <= segments && acks < most; i += 2, acks++) {
        peer->now += 10 * RILL_MICROSECOND;
        if (strcmp(pattern, "order") == 0) {
            acknowledge(peer, first + i, 0, 0, true);
        } else if (strcmp(pattern, "head") == 0) {
            const uint32_t block[1][2] = {{first + 1, first + i}};
            acknowledge(peer, first, block, 1, true);
        } else {
            const uint32_t blocks[3][2] = {{first + i - 1, first + i},
                                           {first + i - 3, first + i - 2},
                                           {first + i - 5, first + i - 4}};
            acknowledge(peer, first, blocks, RILL_MIN(i / 2, 3), true);
        }
        drain(peer);
    }
    acknowledge(peer, first + segments, 0, 0, false);
    drain(peer);
    return acks;
}

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    uint32_t segments = (uint32_t)atoi(argv[2]), wanted = (uint32_t)atoi(argv[3]);
    uint32_t first = 0, done = 0;
    struct peer peer;
    peer_init(&peer);
    peer.mss = MSS;
    peer.options |= PEER_SCALE;
    peer.scale = 14;
    peer.window = 65535;
    peer.config.congestion = &rill_no_congestion;
    peer.config.send_buffer = 1u << 29;
    peer.config.memory_limit = UINT64_C(1) << 40;
    peer.pool_config.bytes_max = UINT64_C(1) << 40;
    peer_established(&peer);
    acknowledge(&peer, 0, 0, 0, false);
    while (done < wanted) {
        send_flight(&peer, segments);
        assert_int_equal(peer_info(&peer).in_flight, segments * MSS);
        done += answer_flight(&peer, argv[1], first, segments, wanted - done);
        first += segments;
    }
    printf("%u\n", done);
    peer_close(&peer);
    return 0;
}
