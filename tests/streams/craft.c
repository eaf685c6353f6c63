/* tests/streams/craft.c: see craft.h. */
#include "streams/craft.h"

#include "base/bytes.h"

static void *allocate(void *context, size_t size) {
    (void)context;
    return malloc(size);
}

static void release(void *context, void *memory, size_t size) {
    (void)context;
    (void)size;
    free(memory);
}

struct rill_allocator craft_allocator(void) {
    return (struct rill_allocator){0, allocate, release};
}

struct craft *craft_new(void) {
    struct craft *craft = calloc(1, sizeof *craft);
    assert_non_null(craft);
    craft->now = 1700000000 * RILL_SECOND;
    craft->config.allocator = craft_allocator();
    craft->config.seed[0] = 1;
    return craft;
}

struct craft_flow craft_flow(void) {
    return (struct craft_flow){{1000, 5000000}, {40000, 80}, {1, 2}, 0, 0, {100, 7000}};
}

static uint8_t *put_options(uint8_t *p, const struct craft_segment *segment) {
    if (segment->mss) {
        *p++ = 2;
        *p++ = 4;
        bytes_put16(p, segment->mss);
        p += 2;
    }
    if (segment->scale > 0 || (segment->scale == 0 && segment->flags & SYN)) {
        memcpy(p, "\1\3\3", 3);
        p[3] = (uint8_t)segment->scale;
        p += 4;
    }
    if (segment->sack_permitted) {
        memcpy(p, "\1\1\4\2", 4);
        p += 4;
    }
    if (segment->timestamp) {
        memcpy(p, "\1\1\10\12", 4);
        bytes_put32(p + 4, segment->timestamp);
        bytes_put32(p + 8, segment->echo);
        p += 12;
    }
    return p;
}

static uint8_t *put_sacks(uint8_t *p, const struct craft_segment *segment, uint32_t isn) {
    if (!segment->sack_count)
        return p;
    memcpy(p, "\1\1\5", 3);
    p[3] = (uint8_t)(2 + 8 * segment->sack_count);
    for (unsigned i = 0; i < segment->sack_count; i++) {
        bytes_put32(p + 4 + 8 * i, isn + segment->sacks[i].left);
        bytes_put32(p + 8 + 8 * i, isn + segment->sacks[i].right);
    }
    return p + 4 + 8 * segment->sack_count;
}

static uint8_t *put_ethernet(uint8_t *p, uint16_t vlan) {
    memset(p, 2, 12);
    p += 12;
    if (vlan) {
        bytes_put16(p, 0x8100);
        bytes_put16(p + 2, vlan);
        p += 4;
    }
    bytes_put16(p, 0x0800);
    return p + 2;
}

static void put_ipv4(uint8_t *ip, const struct craft_flow *flow,
                     const struct craft_segment *segment, unsigned total, unsigned id) {
    memset(ip, 0, 20);
    ip[0] = 0x45;
    bytes_put16(ip + 2, total);
    bytes_put16(ip + 4, id);
    ip[6] = 0x40;
    ip[8] = (uint8_t)(segment->ttl ? segment->ttl : 64);
    ip[9] = 6;
    memcpy(ip + 12, (uint8_t[]){10, 0, 0, flow->hosts[segment->side]}, 4);
    memcpy(ip + 16, (uint8_t[]){10, 0, 0, flow->hosts[!segment->side]}, 4);
}

uint64_t craft_frame(struct craft *craft, rill_time after, uint16_t link_type, const uint8_t *bytes,
                     uint32_t length) {
    assert_true(craft->count < CRAFT_FRAMES && length <= CRAFT_FRAME);
    struct streams_frame *frame = &craft->frames[craft->count];
    memcpy(craft->bytes[craft->count], bytes, length);
    craft->now += after;
    *frame = (struct streams_frame){
        craft->bytes[craft->count], length, length,    craft->now, craft->count + 1,
        craft->count * CRAFT_FRAME, 0,      link_type, 0};
    craft->count++;
    return frame->number;
}

uint64_t craft_add(struct craft *craft, struct craft_flow *flow, rill_time after,
                   struct craft_segment segment) {
    uint8_t bytes[CRAFT_FRAME] = {0};
    uint8_t *ip = put_ethernet(bytes, flow->vlan), *tcp = ip + 20;
    uint8_t *end = put_options(tcp + 20, &segment);
    end = put_sacks(end, &segment, flow->isn[!segment.side]);
    bytes_put16(tcp, flow->ports[segment.side]);
    bytes_put16(tcp + 2, flow->ports[!segment.side]);
    bytes_put32(tcp + 4, flow->isn[segment.side] + segment.seq);
    if (segment.flags & ACK)
        bytes_put32(tcp + 8, flow->isn[!segment.side] + segment.ack);
    tcp[12] = (uint8_t)((end - tcp) / 4 << 4);
    tcp[13] = (uint8_t)segment.flags;
    bytes_put16(tcp + 14, segment.window == CRAFT_ZERO ? 0
                          : segment.window             ? segment.window
                                                       : 65535);
    for (unsigned i = 0; i < segment.length; i++)
        end[i] = segment.fill ? (uint8_t)segment.fill : (uint8_t)('a' + (segment.seq + i) % 23);
    unsigned id = segment.id ? segment.id : flow->id[segment.side]++;
    put_ipv4(ip, flow, &segment, (unsigned)(end - ip) + segment.length, id);
    uint64_t number = craft_frame(craft, after, CAPTURE_LINK_ETHERNET, bytes,
                                  (uint32_t)(end - bytes) + segment.length);
    craft->frames[number - 1].interface = flow->interface;
    return number;
}

void craft_handshake(struct craft *craft, struct craft_flow *flow) {
    struct craft_segment syn = {.side = CLIENT, .flags = SYN, .mss = 1460, .scale = 7};
    struct craft_segment answer = {
        .side = SERVER, .flags = SYN | ACK, .ack = 1, .mss = 1460, .scale = 7};
    craft_add(craft, flow, RILL_MILLISECOND, syn);
    craft_add(craft, flow, 10 * RILL_MILLISECOND, answer);
    craft_add(craft, flow, RILL_MILLISECOND,
              (struct craft_segment){.side = CLIENT, .flags = ACK, .seq = 1, .ack = 1});
}

void craft_close(struct craft *craft, struct craft_flow *flow, uint32_t sent, uint32_t received) {
    struct craft_segment first = {
        .side = CLIENT, .flags = FIN | ACK, .seq = sent + 1, .ack = received + 1};
    struct craft_segment second = {
        .side = SERVER, .flags = FIN | ACK, .seq = received + 1, .ack = sent + 2};
    craft_add(craft, flow, RILL_MILLISECOND, first);
    craft_add(craft, flow, 10 * RILL_MILLISECOND, second);
    craft_add(
        craft, flow, RILL_MILLISECOND,
        (struct craft_segment){.side = CLIENT, .flags = ACK, .seq = sent + 2, .ack = received + 2});
}

static void on_connection(void *context, const struct streams_connection *connection) {
    struct craft *craft = context;
    if (craft->result_count < CRAFT_RESULTS)
        craft->results[craft->result_count] = *connection;
    craft->result_count++;
}

static void on_event(void *context, const struct streams_event *event) {
    struct craft *craft = context;
    if (craft->event_count < CRAFT_EVENTS)
        craft->events[craft->event_count++] = *event;
}

static const uint8_t *read_again(void *context, uint64_t offset, uint32_t length) {
    struct craft *craft = context;
    assert_true(offset / CRAFT_FRAME < craft->count &&
                offset % CRAFT_FRAME + length <= CRAFT_FRAME);
    return craft->bytes[offset / CRAFT_FRAME] + offset % CRAFT_FRAME;
}

static int by_number(const void *a, const void *b) {
    const struct streams_connection *one = a, *other = b;
    return (one->number > other->number) - (one->number < other->number);
}

static void run_once(struct craft *craft) {
    struct streams *streams = rill__streams_open(&craft->config);
    assert_non_null(streams);
    for (size_t i = 0; i < craft->count; i++)
        rill__streams_frame(streams, &craft->frames[i]);
    rill__streams_totals(streams, &craft->totals);
    rill__streams_finish(streams);
    rill__streams_close(streams);
    if (craft->result_count <= CRAFT_RESULTS)
        qsort(craft->results, craft->result_count, sizeof *craft->results, by_number);
}

/* The same when each connection is packed after each of its packets. */
static void check_asleep(struct craft *craft) {
    static struct streams_connection awake[CRAFT_RESULTS];
    struct streams_totals totals = craft->totals;
    size_t results = craft->result_count, events = craft->event_count;
    struct streams_event *before = malloc(sizeof craft->events);
    assert_non_null(before);
    memcpy(awake, craft->results, sizeof awake);
    memcpy(before, craft->events, sizeof craft->events);
    craft->result_count = craft->event_count = 0;
    craft->config.awake_max = STREAMS_AWAKE_NONE;
    run_once(craft);
    assert_int_equal(craft->result_count, results);
    if (results <= CRAFT_RESULTS)
        assert_memory_equal(craft->results, awake, results * sizeof *awake);
    assert_int_equal(craft->event_count, events);
    memcpy(craft->events, before, sizeof craft->events);
    free(before);
    craft->totals = totals;
}

void craft_run(struct craft *craft) {
    craft->config.context = craft;
    craft->config.connection = on_connection;
    craft->config.event = on_event;
    craft->config.read = read_again;
    run_once(craft);
    craft_check_accounts(craft);
    if (!craft->config.awake_max && !craft->config.memory_max)
        check_asleep(craft);
}

size_t craft_events(const struct craft *craft, enum streams_event_kind kind) {
    size_t count = 0;
    for (size_t i = 0; i < craft->event_count; i++)
        count += craft->events[i].kind == kind;
    return count;
}

void craft_check_accounts(const struct craft *craft) {
    for (size_t i = 0; i < craft->result_count && i < CRAFT_RESULTS; i++) {
        const struct streams_connection *connection = &craft->results[i];
        uint64_t sum = 0;
        for (unsigned j = 0; j < STREAMS_BLAME_COUNT; j++)
            sum += connection->blame[j];
        assert_int_equal(sum, connection->duration);
        for (unsigned j = 0; j < 2; j++) {
            const struct streams_side *side = &connection->sides[j];
            assert_true(side->spurious_segments <= side->resent_segments);
            assert_true(side->resent_segments <= side->data_segments);
        }
    }
}

static void put32_little(uint8_t *p, uint32_t value) {
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

size_t craft_pcap(const struct craft *craft, uint8_t *out, size_t room) {
    static const uint32_t header[] = {0xa1b23c4d, 2 | 4 << 16, 0, 0, 65535, CAPTURE_LINK_ETHERNET};
    size_t used = 24;
    for (unsigned i = 0; i < 6; i++)
        put32_little(out + 4 * i, header[i]);
    for (size_t i = 0; i < craft->count; i++) {
        const struct streams_frame *frame = &craft->frames[i];
        assert_true(used + 16 + frame->length <= room);
        put32_little(out + used, (uint32_t)(frame->when / RILL_SECOND));
        put32_little(out + used + 4, (uint32_t)(frame->when % RILL_SECOND));
        put32_little(out + used + 8, frame->length);
        put32_little(out + used + 12, frame->wire_length);
        memcpy(out + used + 16, frame->data, frame->length);
        used += 16 + frame->length;
    }
    return used;
}

int craft_close_test(void **state) {
    free(*state);
    *state = 0;
    return 0;
}
