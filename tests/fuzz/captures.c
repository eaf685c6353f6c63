/* tests/fuzz/captures.c: captures taken apart: the bytes of a file as they are, or segments made of
 * them that fit together often enough to get far. Each account must be whole, each packet counted
 * once, and memory within its bound. */
#include "fuzz/harness.h"

#include "base/bytes.h"
#include "capture/reader.h"
#include "streams/streams.h"

#include <stdlib.h>
#include <string.h>

const char fuzz_target[] = "captures";

enum { FRAME = 128, MEMORY = 4 << 20, SLACK = 2 << 20 };

struct run {
    struct streams *streams;
    const uint8_t *bytes; /* the source of all offsets */
    size_t length;
    uint64_t packets; /* in the accounts */
    uint64_t segments;
    uint64_t frames;
};

static void *allocate(void *context, size_t size) {
    (void)context;
    return malloc(size);
}

static void release(void *context, void *memory, size_t size) {
    (void)context;
    (void)size;
    free(memory);
}

static void on_connection(void *context, const struct streams_connection *connection) {
    struct run *run = context;
    uint64_t sum = 0;
    for (unsigned i = 0; i < STREAMS_BLAME_COUNT; i++)
        sum += connection->blame[i];
    FUZZ_REQUIRE(sum == connection->duration);
    for (unsigned i = 0; i < 2; i++) {
        const struct streams_side *side = &connection->sides[i];
        FUZZ_REQUIRE(side->spurious_segments <= side->resent_segments);
        FUZZ_REQUIRE(side->resent_segments <= side->data_segments);
        FUZZ_REQUIRE(side->conflicting_bytes + side->uncompared_bytes <= side->payload_bytes * 2);
        FUZZ_REQUIRE(side->bytes < UINT64_C(1) << 48); /* no count has gone below 0 */
        run->packets += side->packets;
    }
}

static void on_event(void *context, const struct streams_event *event) {
    (void)context;
    FUZZ_REQUIRE(event->kind < STREAMS_EVENT_COUNT && event->evidence < STREAMS_EVIDENCE_COUNT);
}

static void on_segment(void *context, const struct streams_segment *segment) {
    struct run *run = context;
    FUZZ_REQUIRE(segment->packet->captured <= segment->packet->length);
    run->segments++;
}

static const uint8_t *read_again(void *context, uint64_t offset, uint32_t length) {
    struct run *run = context;
    FUZZ_REQUIRE(offset <= run->length && length <= run->length - offset);
    return run->bytes + offset;
}

static void begin(struct run *run, uint8_t choices) {
    struct streams_config config;
    memset(&config, 0, sizeof config);
    config.allocator = (struct rill_allocator){0, allocate, release};
    config.memory_max = MEMORY;
    config.frames_stay = choices & 1;
    config.context = run;
    config.connection = on_connection;
    config.event = choices & 2 ? on_event : 0;
    config.segment = choices & 4 ? on_segment : 0;
    config.read = choices & 8 ? 0 : read_again;
    config.idle_split = choices & 16 ? RILL_SECOND : 0;
    config.awake_max = choices & 32 ? STREAMS_AWAKE_NONE : 0;
    run->streams = rill__streams_open(&config);
    FUZZ_REQUIRE(run->streams);
}

static void end(struct run *run) {
    struct streams_totals totals;
    rill__streams_finish(run->streams);
    rill__streams_totals(run->streams, &totals);
    FUZZ_REQUIRE(totals.tcp_packets == run->packets);
    FUZZ_REQUIRE(totals.memory < MEMORY + SLACK + ((size_t)24 << 20)); /* tables of fixed size */
    rill__streams_close(run->streams);
}

/* The bytes are a file. */
static void take_file(struct run *run, const uint8_t *bytes, size_t length) {
    struct rill_allocator allocator = {0, allocate, release};
    struct capture_reader reader;
    struct capture_record record;
    size_t used;
    memset(&record, 0, sizeof record);
    rill__capture_reader_init(&reader, &allocator);
    run->bytes = bytes;
    run->length = length;
    while (rill__capture_read(&reader, bytes + reader.offset, length - (size_t)reader.offset,
                              &record, &used) == CAPTURE_RECORD) {
        struct streams_frame frame = {record.data,      record.length,    record.wire_length,
                                      record.when,      ++run->frames,    record.data_offset,
                                      record.interface, record.link_type, 0};
        rill__streams_frame(run->streams, &frame);
    }
    FUZZ_REQUIRE(reader.offset <= length);
    rill__capture_reader_fini(&reader);
}

/* Two four-tuples; numbers near those of before; each frame is 14 + 20 + 32 bytes and a little. */
static void put_segment(struct fuzz_input *input, uint8_t *bytes, uint32_t next[2][2]) {
    uint8_t what = input_8(input), *ip = bytes + 14, *tcp = ip + 20;
    unsigned flow = what & 1, side = what >> 1 & 1, length = input_below(input, 40);
    memset(bytes, 0, FRAME);
    bytes_put16(bytes + 12, 0x0800);
    ip[0] = 0x45;
    bytes_put16(ip + 2, 52 + length);
    bytes_put16(ip + 4, what & 4 ? input_8(input) : next[flow][side] >> 4);
    ip[8] = what & 8 ? 63 : 64;
    ip[9] = 6;
    bytes_put32(ip + 12, 0x0a000001 + side);
    bytes_put32(ip + 16, 0x0a000001 + !side);
    bytes_put16(tcp, 1000 + (side ? 0 : flow + 1));
    bytes_put16(tcp + 2, 1000 + (side ? flow + 1 : 0));
    uint32_t seq =
        next[flow][side] - (what & 16 ? input_8(input) : 0) + (what & 32 ? input_8(input) : 0);
    uint32_t ack = next[flow][!side] - (what & 64 ? input_8(input) : 0);
    if (what & 128) { /* anything */
        seq = input_32(input);
        ack = input_32(input);
    }
    bytes_put32(tcp + 4, seq);
    bytes_put32(tcp + 8, ack);
    tcp[12] = 8 << 4;
    tcp[13] = input_8(input) & 31;
    bytes_put16(tcp + 14, input_below(input, 3) * 500);
    bytes_put32(tcp + 20, input_8(input) & 1 ? 0x0101050a : 0x0101080a); /* SACK, or timestamps */
    bytes_put32(tcp + 24, ack + input_8(input));
    bytes_put32(tcp + 28, ack + input_8(input) + 50);
    memset(tcp + 32, input_8(input), length);
    uint32_t after = seq + length + (tcp[13] & 3 ? 1 : 0);
    if (what & 128 || (int32_t)(after - next[flow][side]) > 0)
        next[flow][side] = after;
}

static void take_segments(struct run *run, struct fuzz_input *input) {
    static uint8_t bytes[1024][FRAME];
    uint32_t next[2][2] = {{100, 0xfffffff0u}, {7, 9000}};
    rill_time now = RILL_SECOND;
    run->bytes = bytes[0];
    run->length = sizeof bytes;
    for (unsigned i = 0; i < 1024 && !input_done(input); i++) {
        put_segment(input, bytes[i], next);
        now += (rill_time)input_8(input) * input_8(input) * 1000;
        struct streams_frame frame = {bytes[i],
                                      FRAME,
                                      FRAME,
                                      now,
                                      ++run->frames,
                                      i * FRAME,
                                      input_8(input) & 1,
                                      CAPTURE_LINK_ETHERNET,
                                      0};
        rill__streams_frame(run->streams, &frame);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct run run;
    memset(&run, 0, sizeof run);
    if (!size)
        return 0;
    begin(&run, data[0]);
    if (data[0] & 32) {
        struct fuzz_input input = {data + 1, data + size};
        take_segments(&run, &input);
    } else {
        take_file(&run, data + 1, size - 1);
    }
    end(&run);
    return 0;
}
