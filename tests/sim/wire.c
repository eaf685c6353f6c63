/* tests/sim/wire.c: see wire.h. */
#include "sim/wire.h"

void wire_init(struct wire *wire, rill_time delay) {
    memset(wire, 0, sizeof *wire);
    test_world_init(&wire->test, 1);
    wire->delay = delay;
}

static uint32_t get32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void insert(struct wire *wire, int sender, struct rill_packet *packet, rill_time at) {
    uint32_t i = wire->count[sender]++;
    assert_true(i < WIRE_FRAMES);
    for (; i > 0 && wire->queue[sender][i - 1].at > at; i--)
        wire->queue[sender][i] = wire->queue[sender][i - 1];
    wire->queue[sender][i].packet = packet;
    wire->queue[sender][i].at = at;
}

static void send(struct wire *wire, int sender, struct rill_packet *packet) {
    uint8_t head[2048];
    rill_time now = wire->test.world.now, at = now + wire->delay;
    struct wire_frame frame = {.sender = sender, .now = now};
    assert_true(rill_packet_frame(packet, 0, head, sizeof head) <= sizeof head);
    uint32_t headers = 20 + (uint32_t)(head[32] >> 4) * 4;
    uint32_t total = (uint32_t)head[2] << 8 | head[3], sequence = get32(head + 24);
    frame.payload = total - headers;
    if (head[33] & 2) { /* the SYN */
        wire->base[sender] = wire->highest[sender] = sequence + 1;
        wire->begun[sender] = true;
    }
    if (frame.payload) {
        frame.ordinal = wire->data_frames[sender]++;
        frame.first_at = sequence - wire->base[sender];
        frame.again = (int32_t)(sequence - wire->highest[sender]) < 0;
        wire->resent[sender] += frame.again;
        if (!frame.again)
            wire->highest[sender] = sequence + frame.payload;
    }
    if (wire->fate)
        at = wire->fate(wire, &frame);
    if (at == RILL_TIME_NEVER)
        rill_packet_drop(packet);
    else
        insert(wire, sender, packet, at);
}

static void flush(struct wire *wire) {
    struct rill_packet *packet;
    for (int i = 0; i < 2; i++)
        while (rill_output(wire->test.world.stacks[i], 0, &packet, 1, 1, wire->test.world.now))
            send(wire, i, packet);
}

bool wire_step(struct wire *wire, rill_time until) {
    struct rill_virtual *world = &wire->test.world;
    flush(wire);
    rill_time next = until;
    for (int i = 0; i < 2; i++) {
        rill_time deadline = rill_deadline(world->stacks[i]);
        next = deadline < next ? deadline : next;
        if (wire->count[i] && wire->queue[i][0].at < next)
            next = wire->queue[i][0].at;
    }
    world->now = next > world->now ? next : world->now;
    for (int i = 0; i < 2; i++) {
        while (wire->count[i] && wire->queue[i][0].at <= world->now) {
            struct rill_packet *packet = wire->queue[i][0].packet;
            memmove(&wire->queue[i][0], &wire->queue[i][1],
                    --wire->count[i] * sizeof wire->queue[i][0]);
            packet->arrival = world->now;
            rill_input(world->stacks[!i], 0, &packet, 1, world->now);
        }
        rill_advance(world->stacks[i], world->now, 0);
    }
    for (int i = 0; i < 2; i++) {
        const char *broken =
            wire->ends[i] ? rill_tcp_check(world->stacks[i], wire->ends[i]) : (const char *)0;
        if (broken)
            fail_msg("invariant broken: %s", broken);
    }
    return world->now < until;
}

void wire_run(struct wire *wire, rill_time time) {
    rill_time until = wire->test.world.now + time;
    while (wire_step(wire, until))
        wire_read(wire, 1);
    wire_read(wire, 1);
}

void wire_open(struct wire *wire, rill_time (*fate)(struct wire *, const struct wire_frame *)) {
    assert_int_equal(test_world_open(&wire->test), 0);
    wire->listener = test_listen(&wire->test, 1, 80);
    assert_int_equal(test_connect(&wire->test, 0, 80, &wire->ends[0]), 0);
    while (rill_tcp_accept(wire->test.world.stacks[1], wire->listener, &wire->ends[1]))
        assert_true(wire_step(wire, 100 * RILL_SECOND));
    wire->fate = fate;
}

void wire_close(struct wire *wire) {
    for (int i = 0; i < 2; i++)
        while (wire->count[i])
            rill_packet_drop(wire->queue[i][--wire->count[i]].packet);
    test_world_close(&wire->test);
    assert_int_equal(wire->test.memory.live_blocks, 0);
}

uint64_t wire_write(struct wire *wire, int end, uint64_t bytes) {
    uint8_t data[8192];
    uint64_t done = 0;
    while (done < bytes) {
        size_t n = bytes - done < sizeof data ? (size_t)(bytes - done) : sizeof data;
        for (size_t i = 0; i < n; i++)
            data[i] = test_byte((uint64_t)end, wire->written[end] + i);
        int64_t taken = rill_tcp_send(wire->test.world.stacks[end], wire->ends[end], data, n);
        if (taken == RILL_ERROR_AGAIN)
            break;
        assert_true(taken > 0);
        done += (uint64_t)taken;
        wire->written[end] += (uint64_t)taken;
    }
    return done;
}

void wire_read(struct wire *wire, int end) {
    uint8_t data[8192];
    int64_t n;
    while ((n = rill_tcp_receive(wire->test.world.stacks[end], wire->ends[end], data,
                                 sizeof data)) > 0)
        for (int64_t i = 0; i < n; i++)
            if (data[i] != test_byte((uint64_t)!end, wire->read[end]++))
                fail_msg("a byte is wrong");
}

struct rill_tcp_info wire_info(struct wire *wire, int end) {
    struct rill_tcp_info info;
    assert_int_equal(rill_tcp_get_info(wire->test.world.stacks[end], wire->ends[end], &info), 0);
    return info;
}

rill_time wire_until_acked(struct wire *wire, rill_time limit) {
    rill_time until = wire->test.world.now + limit;
    while (wire_info(wire, 0).send_queued || wire_info(wire, 0).in_flight) {
        assert_true(wire_step(wire, until));
        wire_read(wire, 1);
    }
    return wire->test.world.now;
}
