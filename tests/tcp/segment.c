/* tests/tcp/segment.c: see segment.h. */
#include "tcp/segment.h"

#include "base/checksum.h"
#include "wire/ipv4.h"

static void trace(void *context, const struct rill_trace_record *record) {
    struct peer *peer = context;
    if (record->kind == RILL_TRACE_DROPPED)
        peer->last_drop = *record;
    peer->traced_sent += record->kind == RILL_TRACE_SENT;
}

void peer_init(struct peer *peer) {
    memset(peer, 0, sizeof *peer);
    peer->memory.fill = 0xa5;
    rill_pool_config_default(&peer->pool_config);
    rill_stack_config_default(&peer->config);
    peer->config.pacing = false; /* time stands still between hand-written segments */
    peer->config.receive_buffer = peer->config.send_buffer = 1u << 20; /* they stay as they are */
    peer->config.seed[0] = 42;
    peer->config.trace = trace;
    peer->config.trace_context = peer;
    rill_interface_config_default(&peer->interface);
    peer->local = rill_address_ipv4(10, 0, 0, 1);
    peer->remote = rill_address_ipv4(10, 0, 0, 2);
    peer->local_port = OWN_PORT;
    peer->remote_port = PEER_PORT;
    peer->options = PEER_MSS | PEER_SACK;
    peer->mss = 1460;
    peer->window = 65535;
    peer->iss = 0xfffffc00; /* the peer's stream wraps early */
    peer->tsval = 0x7ffffff0;
    peer->now = RILL_SECOND;
    peer->frames_max = 1;
}

void peer_open(struct peer *peer) {
    uint32_t number;
    peer->allocator = test_allocator(&peer->memory);
    peer->pool = rill_pool_open(&peer->allocator, &peer->pool_config);
    assert_non_null(peer->pool);
    peer->config.allocator = peer->allocator;
    peer->config.pool = peer->pool;
    assert_int_equal(rill_stack_open(&peer->config, &peer->stack), 0);
    assert_int_equal(rill_interface_add(peer->stack, &peer->interface, &number), 0);
    assert_int_equal(rill_address_add(peer->stack, number, &peer->local, 24), 0);
    rill_advance(peer->stack, peer->now, 0);
}

void peer_close(struct peer *peer) {
    rill_packet_drop(peer->packet);
    peer->packet = 0;
    rill_stack_close(peer->stack);
    rill_pool_close(peer->pool);
    assert_int_equal(peer->memory.live_blocks, 0);
    assert_int_equal(peer->memory.live_bytes, 0);
}

static void check(struct peer *peer) {
    const char *broken = peer->handle ? rill_tcp_check(peer->stack, peer->handle) : 0;
    if (broken)
        fail_msg("invariant broken: %s", broken);
}

void peer_send_bytes(struct peer *peer, const uint8_t *data, size_t length) {
    struct rill_packet *packet = rill_packet_open(peer->pool);
    struct rill_block *block = rill_block_open(peer->pool, length ? length : 1);
    assert_true(packet && block);
    if (length)
        memcpy(rill_block_data(block), data, length);
    struct rill_slice slice = {rill_block_data(block), length, block};
    assert_int_equal(rill_packet_append(packet, slice), 0);
    rill_input(peer->stack, 0, &packet, 1, peer->now);
    check(peer);
}

static void write_frame(struct peer *peer, struct wire_tcp *header, uint32_t data_at,
                        uint32_t length, const struct inject *segment) {
    static uint8_t frame[65536];
    size_t headers = WIRE_IPV4_HEADER + rill__wire_tcp_emit(header, frame + WIRE_IPV4_HEADER);
    uint32_t tcp = (uint32_t)(headers - WIRE_IPV4_HEADER) + length;
    struct wire_ipv4 ip = {.total_length = (uint16_t)(headers + length), .ttl = 64, .protocol = 6};
    ip.traffic_class = segment ? segment->traffic_class : 0;
    memcpy(ip.source, peer->remote.bytes + 12, 4);
    memcpy(ip.destination, peer->local.bytes + 12, 4);
    rill__ipv4_emit(&ip, frame);
    for (uint32_t i = 0; i < length; i++)
        frame[headers + i] = test_byte(PEER_STREAM, data_at + i);
    uint64_t sum = rill__ipv4_pseudo_sum(ip.source, ip.destination, 6, tcp);
    uint16_t folded = rill__checksum_fold(rill__checksum_add(sum, frame + WIRE_IPV4_HEADER, tcp));
    rill__checksum_store(frame + WIRE_IPV4_HEADER + 16, (uint16_t)~folded);
    frame[WIRE_IPV4_HEADER + 16] ^= segment && segment->bad_checksum;
    peer_send_bytes(peer, frame, headers + length);
}

void peer_send_raw(struct peer *peer, struct wire_tcp *header, uint32_t length) {
    write_frame(peer, header, 0, length, 0);
}

void peer_inject(struct peer *peer, const struct inject *segment) {
    struct wire_tcp header = {
        .source_port = peer->remote_port,
        .destination_port = peer->local_port,
        .sequence = peer->iss + 1 + segment->sequence,
        .flags = segment->flags,
        .window = peer->window,
        .user_timeout = peer->user_timeout,
        .mss = segment->options & PEER_MSS ? peer->mss : 0,
        .sack_permitted = (segment->options & PEER_SACK) != 0,
        .has_window_scale = (segment->options & PEER_SCALE) != 0,
        .window_scale = peer->scale,
        .has_timestamps = peer->timestamps || segment->options & PEER_TIMESTAMPS,
        .timestamp_value = peer->tsval,
        .timestamp_echo = peer->tsecr,
    };
    if (segment->flags & WIRE_ACK)
        header.acknowledgement = peer->own_iss + 1 + segment->acknowledgement;
    for (; header.sack_count < 4 &&
           segment->sacks[header.sack_count].left != segment->sacks[header.sack_count].right;
         header.sack_count++) {
        const struct block *block = &segment->sacks[header.sack_count];
        header.sacks[header.sack_count].left = peer->own_iss + 1 + block->left;
        header.sacks[header.sack_count].right = peer->own_iss + 1 + block->right;
    }
    write_frame(peer, &header, segment->sequence, segment->length, segment);
}

void peer_sack(struct peer *peer, uint32_t acknowledgement, struct block first, struct block second,
               struct block third) {
    struct inject segment = {
        .flags = WIRE_ACK, .acknowledgement = acknowledgement, .sacks = {first, second, third}};
    peer_inject(peer, &segment);
}

void peer_send(struct peer *peer, unsigned flags, uint32_t sequence, uint32_t acknowledgement,
               uint32_t length) {
    struct inject segment = {.flags = (uint8_t)flags,
                             .sequence = sequence,
                             .acknowledgement = acknowledgement,
                             .length = length,
                             .options = flags & WIRE_SYN ? peer->options : 0};
    peer_inject(peer, &segment);
}

static void parse(struct peer *peer, const uint8_t *frame, size_t length, struct seen *seen) {
    struct wire_ipv4 ip;
    assert_int_equal(rill__ipv4_parse(frame, length, &ip), 0);
    assert_int_equal(ip.total_length, length);
    assert_true(ip.dont_fragment);
    assert_true(length <= peer->interface.mtu);
    const uint8_t *tcp = frame + ip.header_length;
    uint32_t rest = (uint32_t)length - ip.header_length;
    uint64_t sum = rill__ipv4_pseudo_sum(ip.source, ip.destination, 6, rest);
    assert_int_equal(rill__checksum_fold(rill__checksum_add(sum, tcp, rest)), 0xffff);
    assert_int_equal(rill__wire_tcp_parse(tcp, rest, &seen->header), 0);
    seen->source = rill_address_ipv4(ip.source[0], ip.source[1], ip.source[2], ip.source[3]);
    seen->destination = rill_address_ipv4(ip.destination[0], ip.destination[1], ip.destination[2],
                                          ip.destination[3]);
    seen->frame = length;
    seen->traffic_class = ip.traffic_class;
    for (unsigned i = 0; i < seen->header.sack_count; i++) {
        seen->sacks[i].left = seen->header.sacks[i].left - peer->iss - 1;
        seen->sacks[i].right = seen->header.sacks[i].right - peer->iss - 1;
    }
    seen->length = rest - seen->header.header_length;
    seen->acknowledgement = seen->header.acknowledgement - peer->iss - 1;
    if (seen->header.flags & WIRE_SYN)
        peer->own_iss = seen->header.sequence;
    if (seen->header.has_timestamps)
        peer->tsecr = seen->header.timestamp_value;
    seen->sequence = seen->header.sequence - peer->own_iss - 1;
    uint32_t first = seen->sequence + (seen->header.flags & WIRE_SYN ? 1 : 0);
    for (uint32_t i = 0; i < seen->length; i++)
        assert_int_equal(tcp[seen->header.header_length + i], test_byte(OWN_STREAM, first + i));
}

bool peer_take(struct peer *peer, struct seen *seen) {
    static uint8_t frame[65536];
    if (!peer->packet) {
        peer->frame = 0;
        if (!rill_output(peer->stack, 0, &peer->packet, 1, peer->frames_max, peer->now))
            return false;
    }
    uint32_t frames = rill_packet_frames(peer->packet);
    memset(seen, 0, sizeof *seen);
    assert_in_range(frames, 1, peer->frames_max);
    size_t length = rill_packet_frame(peer->packet, peer->frame, frame, sizeof frame);
    seen->cause = (enum rill_cause)peer->packet->cause;
    seen->at = peer->now;
    if (++peer->frame == frames) {
        rill_packet_drop(peer->packet);
        peer->packet = 0;
    }
    parse(peer, frame, length, seen);
    check(peer);
    return true;
}

bool peer_take_within(struct peer *peer, rill_time limit, struct seen *seen) {
    rill_time until = peer->now + limit;
    while (!peer_take(peer, seen)) {
        rill_time next = rill_deadline(peer->stack);
        if (next > until) {
            peer->now = until;
            rill_advance(peer->stack, until, 0);
            return false;
        }
        peer->now = next > peer->now ? next : peer->now;
        rill_advance(peer->stack, peer->now, 0);
        check(peer);
    }
    return true;
}

size_t peer_drain(struct peer *peer) {
    struct seen seen;
    size_t count = 0;
    while (peer_take(peer, &seen))
        count++;
    return count;
}

void peer_wait(struct peer *peer, rill_time time) {
    rill_time until = peer->now + time;
    for (;;) {
        rill_time next = rill_deadline(peer->stack);
        if (next <= peer->now) /* output waits, and that is not our business */
            next = peer->now + RILL_MILLISECOND;
        peer->now = next < until ? next : until;
        rill_advance(peer->stack, peer->now, 0);
        check(peer);
        if (peer->now == until)
            return;
    }
}

size_t peer_write(struct peer *peer, size_t length) {
    uint8_t *data = malloc(length);
    for (size_t i = 0; i < length; i++)
        data[i] = test_byte(OWN_STREAM, peer->written + i);
    int64_t taken = rill_tcp_send(peer->stack, peer->handle, data, length);
    free(data);
    if (taken == RILL_ERROR_AGAIN)
        return 0;
    assert_true(taken >= 0);
    peer->written += (uint64_t)taken;
    check(peer);
    return (size_t)taken;
}

size_t peer_read(struct peer *peer, size_t most) {
    uint8_t data[4096];
    size_t total = 0;
    while (total < most) {
        size_t ask = most - total < sizeof data ? most - total : sizeof data;
        int64_t n = rill_tcp_receive(peer->stack, peer->handle, data, ask);
        if (n <= 0)
            break;
        for (int64_t i = 0; i < n; i++)
            assert_int_equal(data[i], test_byte(PEER_STREAM, peer->read + (uint64_t)i));
        peer->read += (uint64_t)n;
        total += (size_t)n;
    }
    check(peer);
    return total;
}

struct rill_tcp_info peer_info(struct peer *peer) {
    struct rill_tcp_info info;
    memset(&info, 0, sizeof info);
    assert_int_equal(rill_tcp_get_info(peer->stack, peer->handle, &info), 0);
    return info;
}

enum rill_tcp_state peer_state(struct peer *peer) {
    return peer_info(peer).state;
}

uint64_t peer_drops(struct peer *peer, enum rill_drop drop) {
    struct rill_stack_info info;
    rill_stack_get_info(peer->stack, &info);
    return info.drops[drop];
}

uint32_t peer_events(struct peer *peer, rill_handle handle) {
    struct rill_event event;
    uint32_t bits = 0;
    while (rill_events(peer->stack, &event, 1))
        if (event.handle == handle)
            bits |= event.bits;
    return bits;
}

uint32_t peer_end_quick_acks(struct peer *peer) {
    uint32_t i = 0;
    for (; i < 32; i++) {
        peer_send(peer, WIRE_ACK, i, (uint32_t)peer->written, 1);
        peer_drain(peer);
    }
    peer_read(peer, SIZE_MAX);
    peer_drain(peer);
    return i;
}

struct seen expect_at(struct peer *peer, unsigned flags, uint32_t sequence,
                      uint32_t acknowledgement, uint32_t length, const char *file, int line) {
    struct seen seen;
    if (!peer_take(peer, &seen)) {
        print_error("%s:%d: nothing is sent\n", file, line);
        _fail(file, line);
    }
    bool same_ack = !(flags & WIRE_ACK) || seen.acknowledgement == acknowledgement;
    unsigned mask = (unsigned)~WIRE_PSH; /* pushed or not is another test's business */
    if ((seen.header.flags & mask) != (flags & mask) || seen.sequence != sequence || !same_ack ||
        seen.length != length) {
        print_error("sent: flags %#x sequence %d acknowledgement %d length %u (%s)\n",
                    seen.header.flags, (int)seen.sequence, (int)seen.acknowledgement, seen.length,
                    rill_cause_text(seen.cause));
        print_error("want: flags %#x sequence %d acknowledgement %d length %u\n", flags,
                    (int)sequence, (int)acknowledgement, length);
        _fail(file, line);
    }
    return seen;
}

void expect_none_at(struct peer *peer, const char *file, int line) {
    struct seen seen;
    if (!peer_take(peer, &seen))
        return;
    print_error("sent: flags %#x sequence %d acknowledgement %d length %u (%s), want nothing\n",
                seen.header.flags, (int)seen.sequence, (int)seen.acknowledgement, seen.length,
                rill_cause_text(seen.cause));
    _fail(file, line);
}
