/* tests/packet/packet_test.c: pools, blocks and holds; super-segments cut into frames; pcapng. */
#include "base/base_test.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "packet/pool.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"
#include <rill/capture.h>

struct fixture {
    struct test_memory memory;
    struct rill_allocator allocator;
    struct rill_pool *pool;
};

static void open_pool(struct fixture *f, const struct rill_pool_config *config) {
    memset(f, 0, sizeof *f);
    f->memory.fill = 0xa5;
    f->allocator = test_allocator(&f->memory);
    f->pool = rill_pool_open(&f->allocator, config);
    assert_non_null(f->pool);
}

static struct rill_pool_info pool_info(const struct fixture *f) {
    struct rill_pool_info info;
    rill_pool_get_info(f->pool, &info);
    return info;
}

static void pool_blocks_and_packets_are_used_again(void **state) {
    (void)state;
    struct fixture f;
    open_pool(&f, 0);
    struct rill_packet *kept = rill_packet_open(f.pool); /* the reserve stays whole meanwhile */
    rill_packet_drop(kept);
    const size_t sizes[] = {1, 512, 513, 2048, 2049, 16384, 69632};
    for (int round = 0; round < 3; round++) {
        uint64_t calls = f.memory.calls;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct rill_block *block = rill_block_open(f.pool, sizes[i]);
            assert_true(rill_block_capacity(block) >= sizes[i]);
            memset(rill_block_data(block), 1, rill_block_capacity(block));
            rill_block_drop(block);
            rill_packet_drop(rill_packet_open(f.pool));
        }
        if (round)
            assert_int_equal(f.memory.calls, calls); /* nothing is asked of the allocator */
    }
    assert_int_equal(pool_info(&f).blocks_out, 0);
    assert_int_equal(pool_info(&f).packets_out, 0);
    struct rill_block *huge = rill_block_open(f.pool, 100000); /* of its own size: not kept */
    uint64_t before = pool_info(&f).bytes_allocated;
    rill_block_drop(huge);
    assert_true(pool_info(&f).bytes_allocated + 100000 <= before);
    rill_pool_close(f.pool);
    assert_int_equal(f.memory.live_bytes, 0);
}

/* A burst leaves no more behind than the pool is to keep; while as much is out, its worth stays. */
static void pool_gives_back_what_a_burst_has_needed(void **state) {
    (void)state;
    struct fixture f;
    static struct rill_block *blocks[4000];
    static struct rill_packet *packets[4000];
    const size_t sizes[] = {512, 2048, 16384, 60000};
    struct rill_pool_config config;
    rill_pool_config_default(&config);
    config.bytes_kept = 1u << 20;
    open_pool(&f, &config);
    uint64_t empty = pool_info(&f).bytes_allocated;
    for (int i = 0; i < 4000; i++) {
        assert_non_null(blocks[i] = rill_block_open(f.pool, sizes[i % 4]));
        assert_non_null(packets[i] = rill_packet_open(f.pool));
    }
    uint64_t all = pool_info(&f).bytes_allocated;
    for (int i = 0; i < 2000; i++)
        rill_block_drop(blocks[i]);
    assert_true(pool_info(&f).bytes_allocated > all - (1u << 20)); /* the next burst is near */
    for (int i = 2000; i < 4000; i++)
        rill_block_drop(blocks[i]);
    for (int i = 0; i < 4000; i++)
        rill_packet_drop(packets[i]);
    assert_true(pool_info(&f).bytes_allocated <= empty + (1u << 20));
    assert_int_equal(f.memory.live_bytes - pool_info(&f).bytes_allocated, sizeof *f.pool);
    rill_pool_close(f.pool);
    assert_int_equal(f.memory.live_bytes, 0);
}

static void pool_limit_is_not_exceeded(void **state) {
    (void)state;
    struct fixture f;
    struct rill_pool_config config;
    struct rill_block *blocks[100];
    int count = 0;
    rill_pool_config_default(&config);
    config.bytes_max = 190000;
    config.reserve_packets = 4;
    open_pool(&f, &config);
    while ((blocks[count] = rill_block_open(f.pool, 16384)))
        count++;
    assert_int_equal(count, 11);
    assert_true(pool_info(&f).bytes_allocated <= 190000);
    assert_null(rill_block_open(f.pool, SIZE_MAX / 2));
    rill_block_drop(blocks[--count]);
    assert_non_null(blocks[count++] = rill_block_open(f.pool, 16000));
    while (count)
        rill_block_drop(blocks[--count]);
    rill_pool_close(f.pool);
    assert_int_equal(f.memory.live_bytes, 0);
}

static void pool_reserve_serves_control_packets_alone(void **state) {
    (void)state;
    struct fixture f;
    struct rill_pool_config config;
    struct rill_packet *packets[8], *data;
    rill_pool_config_default(&config);
    config.reserve_packets = 4;
    config.bytes_max = 4 * sizeof(struct rill_packet) + 100;
    open_pool(&f, &config);
    assert_null(rill_packet_open(f.pool));
    for (int i = 0; i < 4; i++)
        assert_non_null(packets[i] = rill__packet_open_control(f.pool));
    assert_null(rill__packet_open_control(f.pool));
    rill_packet_drop(packets[0]);
    data = rill_packet_open(f.pool); /* what comes back fills the reserve first */
    assert_null(data);
    assert_non_null(packets[0] = rill__packet_open_control(f.pool));
    for (int i = 0; i < 4; i++)
        rill_packet_drop(packets[i]);
    rill_pool_close(f.pool);
    assert_int_equal(f.memory.live_bytes, 0);
}

static void pool_closed_with_blocks_out_goes_with_the_last(void **state) {
    (void)state;
    struct fixture f;
    open_pool(&f, 0);
    struct rill_block *a = rill_block_open(f.pool, 100), *b = rill_block_open(f.pool, 100000);
    struct rill_packet *packet = rill_packet_open(f.pool);
    rill_block_hold(a);
    rill_pool_close(f.pool);
    assert_true(f.memory.live_blocks >= 4);
    memset(rill_block_data(a), 7, 100); /* still ours */
    rill_block_drop(b);
    rill_packet_drop(packet);
    rill_block_drop(a);
    assert_int_equal(f.memory.live_blocks, 2); /* the block and the pool */
    rill_block_drop(a);
    assert_int_equal(f.memory.live_bytes, 0);
}

static int released;
static void on_release(void *context) {
    released += *(int *)context;
}

static void wrapped_block_is_released_with_the_last_hold(void **state) {
    (void)state;
    struct fixture f;
    int one = 1;
    static const uint8_t data[5000] = {1};
    open_pool(&f, 0);
    released = 0;
    struct rill_block *block = rill_block_wrap(f.pool, data, sizeof data, on_release, &one);
    assert_ptr_equal(rill_block_data(block), data);
    assert_int_equal(rill_block_capacity(block), sizeof data);
    struct rill_packet *packet = rill_packet_open(f.pool);
    for (int i = 0; i < 3; i++) {
        struct rill_slice slice = {data + i, 10, block};
        rill_block_hold(block);
        assert_int_equal(rill_packet_append(packet, slice), 0);
    }
    rill_block_drop(block);
    assert_int_equal(released, 0);
    rill_packet_drop(packet);
    assert_int_equal(released, 1);
    struct rill_block *next = rill_block_open(f.pool, 1); /* the shell is used again, as new */
    assert_int_equal(rill_block_capacity(next), 512);
    rill_block_drop(next);
    assert_int_equal(released, 1);
    rill_pool_close(f.pool);
    assert_int_equal(f.memory.live_bytes, 0);
}

static void packet_takes_18_slices_and_no_more(void **state) {
    (void)state;
    struct fixture f;
    open_pool(&f, 0);
    struct rill_packet *packet = rill_packet_open(f.pool);
    struct rill_block *block = rill_block_open(f.pool, 100);
    struct rill_slice slice = {rill_block_data(block), 3, block};
    for (int i = 0; i < RILL_PACKET_SLICES; i++) {
        rill_block_hold(block);
        assert_int_equal(rill_packet_append(packet, slice), 0);
    }
    assert_int_equal(packet->length, 54);
    assert_int_equal(rill_packet_append(packet, slice), RILL_ERROR_LIMIT);
    rill_packet_drop(packet);
    assert_int_equal(pool_info(&f).blocks_out, 1); /* the refused hold stayed ours */
    rill_block_drop(block);
    rill_pool_close(f.pool);
    assert_int_equal(f.memory.live_bytes, 0);
}

/* A super-segment: headers in the packet, payload in slices of odd lengths. */
static struct rill_packet *super(struct fixture *f, bool ipv6, uint32_t payload, uint16_t gso,
                                 uint8_t flags, bool sack) {
    struct rill_packet *packet = rill_packet_open(f->pool);
    uint8_t header[120];
    struct wire_tcp tcp = {.source_port = 1000,
                           .destination_port = 80,
                           .sequence = 0xfffff000,
                           .acknowledgement = 77,
                           .window = 500,
                           .flags = flags,
                           .has_timestamps = true,
                           .timestamp_value = 5,
                           .sack_count = sack,
                           .sacks = {{1, 2}}};
    size_t ip = ipv6 ? WIRE_IPV6_HEADER : WIRE_IPV4_HEADER;
    size_t length = ip + rill__wire_tcp_emit(&tcp, header + ip);
    uint32_t rest = (uint32_t)(length - ip) + payload;
    uint64_t sum;
    if (ipv6) {
        struct wire_ipv6 h = {.payload_length = (uint16_t)rest, .next_header = 6, .hop_limit = 64};
        h.source[15] = 1;
        h.destination[15] = 2;
        rill__ipv6_emit(&h, header);
        sum = rill__ipv6_pseudo_sum(h.source, h.destination, 6, rest);
    } else {
        struct wire_ipv4 h = {.total_length = (uint16_t)(ip + rest),
                              .identification = 0xfffe,
                              .ttl = 64,
                              .protocol = 6,
                              .source = {10, 0, 0, 1},
                              .destination = {10, 0, 0, 2}};
        rill__ipv4_emit(&h, header);
        sum = rill__ipv4_pseudo_sum(h.source, h.destination, 6, rest);
    }
    rill__checksum_store(header + ip + 16, rill__checksum_fold(sum));
    packet->header_offset = (uint16_t)(RILL_PACKET_HEADROOM - length);
    packet->header_length = (uint16_t)length;
    packet->length = (uint32_t)length;
    memcpy(packet->headroom + packet->header_offset, header, length);
    packet->flags = RILL_PACKET_CHECKSUM_PARTIAL;
    packet->checksum_start = (uint16_t)ip;
    packet->checksum_offset = 16;
    packet->gso_size = gso;
    uint32_t at = 0;
    for (uint32_t part = 4999; at < payload; part = payload - at) {
        part = part < payload - at ? part : payload - at;
        struct rill_block *block = rill_block_open(f->pool, part);
        for (uint32_t i = 0; i < part; i++)
            rill_block_data(block)[i] = test_byte(9, at + i);
        struct rill_slice slice = {rill_block_data(block), part, block};
        assert_int_equal(rill_packet_append(packet, slice), 0);
        at += part;
    }
    return packet;
}

static void check_frame(const uint8_t *frame, size_t length, bool ipv6, uint32_t index,
                        uint32_t offset, uint32_t payload, uint8_t flags) {
    struct wire_tcp tcp;
    size_t ip = ipv6 ? WIRE_IPV6_HEADER : WIRE_IPV4_HEADER;
    uint32_t rest = (uint32_t)(length - ip);
    uint64_t sum;
    if (ipv6) {
        struct wire_ipv6 h;
        assert_int_equal(rill__ipv6_parse(frame, length, &h), 0);
        assert_int_equal(h.payload_length, rest);
        sum = rill__ipv6_pseudo_sum(h.source, h.destination, 6, rest);
    } else {
        struct wire_ipv4 h;
        assert_int_equal(rill__ipv4_parse(frame, length, &h), 0); /* its checksum with it */
        assert_int_equal(h.total_length, length);
        assert_int_equal(h.identification, (uint16_t)(0xfffe + index));
        sum = rill__ipv4_pseudo_sum(h.source, h.destination, 6, rest);
    }
    assert_int_equal(rill__checksum_fold(rill__checksum_add(sum, frame + ip, rest)), 0xffff);
    assert_int_equal(rill__wire_tcp_parse(frame + ip, rest, &tcp), 0);
    assert_int_equal(tcp.sequence, 0xfffff000u + offset);
    assert_int_equal(tcp.acknowledgement, 77);
    assert_int_equal(tcp.flags, flags);
    assert_int_equal(tcp.timestamp_value, 5);
    assert_int_equal(rest - tcp.header_length, payload);
    for (uint32_t i = 0; i < payload; i++)
        assert_int_equal(frame[ip + tcp.header_length + i], test_byte(9, offset + i));
}

static void super_segment_is_cut_into_valid_frames(void **state) {
    (void)state;
    static uint8_t frame[70000];
    const uint32_t payloads[] = {1, 1447, 1448, 1449, 2896, 10000, 64000};
    const uint8_t all = WIRE_ACK | WIRE_FIN | WIRE_PSH | WIRE_CWR | WIRE_ECE;
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
            struct fixture f;
            open_pool(&f, 0);
            uint32_t payload = payloads[i], frames = (payload + 1447) / 1448;
            struct rill_packet *packet = super(&f, ipv6, payload, 1448, all, i & 1);
            assert_int_equal(rill_packet_frames(packet), frames);
            for (uint32_t k = 0; k < frames; k++) {
                uint32_t offset = k * 1448;
                uint32_t part = payload - offset < 1448 ? payload - offset : 1448;
                uint8_t flags = all;
                if (k > 0)
                    flags &= (uint8_t)~WIRE_CWR; /* RFC 3168 §6.1.2: on the first alone */
                if (k + 1 < frames)
                    flags &= (uint8_t) ~(WIRE_FIN | WIRE_PSH);
                size_t length = rill_packet_frame(packet, k, frame, sizeof frame);
                assert_true(length > part);
                check_frame(frame, length, ipv6, k, offset, part, flags);
                assert_int_equal(rill_packet_frame(packet, k, frame, length - 1), 0);
            }
            assert_int_equal(rill_packet_frame(packet, frames, frame, sizeof frame), 0);
            rill_packet_drop(packet);
            rill_pool_close(f.pool);
            assert_int_equal(f.memory.live_bytes, 0);
        }
    }
}

static void flatten_finishes_the_checksum(void **state) {
    (void)state;
    static uint8_t bytes[70000];
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct fixture f;
        open_pool(&f, 0);
        struct rill_packet *packet = super(&f, ipv6, 5001, 0, WIRE_ACK, false);
        rill_packet_flatten(packet, bytes);
        check_frame(bytes, packet->length, ipv6, 0, 0, 5001, WIRE_ACK);
        rill_packet_drop(packet);
        rill_pool_close(f.pool);
    }
}

static void frames_of_what_is_no_super_segment_is_one(void **state) {
    (void)state;
    struct fixture f;
    open_pool(&f, 0);
    struct rill_packet *packet = rill_packet_open(f.pool);
    packet->gso_size = 10; /* says so, but has no headers */
    assert_int_equal(rill_packet_frames(packet), 1);
    struct rill_block *block = rill_block_open(f.pool, 64);
    for (unsigned first = 0; first < 256; first++) { /* nor have random bytes any that fit */
        memset(rill_block_data(block), (int)first, 64);
        rill_block_hold(block);
        struct rill_packet *odd = rill_packet_open(f.pool);
        struct rill_slice slice = {rill_block_data(block), 30, block};
        assert_int_equal(rill_packet_append(odd, slice), 0);
        odd->gso_size = 1;
        assert_int_equal(rill_packet_frames(odd), 1);
        rill_packet_drop(odd);
    }
    rill_block_drop(block);
    rill_packet_drop(packet);
    rill_pool_close(f.pool);
    assert_int_equal(f.memory.live_bytes, 0);
}

/* --- pcapng, parsed back --- */

static uint32_t little32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static unsigned little16(const uint8_t *p) {
    return (unsigned)p[0] | (unsigned)p[1] << 8;
}

/* The block's type; its length is checked at both ends. */
static uint32_t block_type(const uint8_t *block, size_t length) {
    assert_int_equal(length % 4, 0);
    assert_int_equal(little32(block + 4), length);
    assert_int_equal(little32(block + length - 4), length);
    return little32(block);
}

static void pcapng_begin_is_a_section_and_an_interface(void **state) {
    (void)state;
    uint8_t out[RILL_CAPTURE_OVERHEAD];
    size_t length = rill_capture_begin(out);
    assert_true(length <= RILL_CAPTURE_OVERHEAD);
    uint32_t section = little32(out + 4);
    assert_int_equal(block_type(out, section), 0x0a0d0d0a);
    assert_int_equal(little32(out + 8), 0x1a2b3c4d);
    assert_int_equal(little16(out + 12), 1);
    assert_int_equal(block_type(out + section, length - section), 1);
    assert_int_equal(little16(out + section + 8), 101); /* LINKTYPE_RAW */
    assert_int_equal(little16(out + section + 16), 9);  /* if_tsresol … */
    assert_int_equal(out[section + 20], 9);             /* … nanoseconds */
}

static void pcapng_frames_are_read_back_with_comment_and_direction(void **state) {
    (void)state;
    static uint8_t out[2000], frame[1500];
    char long_comment[400];
    memset(long_comment, 'x', sizeof long_comment - 1);
    long_comment[399] = 0;
    const char *const comments[] = {0, "", "a", "new data", long_comment};
    for (size_t length = 0; length < 1500; length += 37) {
        for (int outbound = -1; outbound <= 1; outbound++) {
            for (int c = 0; c < 5; c++) {
                for (size_t i = 0; i < length; i++)
                    frame[i] = (uint8_t)(i * 7);
                rill_time when = UINT64_C(0x123456789abcdef0) + length;
                memset(out, 0xee, sizeof out);
                size_t n = rill_capture_frame(out, frame, length, when, outbound, comments[c]);
                assert_true(n <= length + RILL_CAPTURE_OVERHEAD);
                assert_int_equal(out[n], 0xee);
                assert_int_equal(block_type(out, n), 6);
                assert_true(((rill_time)little32(out + 12) << 32 | little32(out + 16)) == when);
                assert_int_equal(little32(out + 20), length);
                assert_int_equal(little32(out + 24), length);
                assert_memory_equal(out + 28, frame, length);
                const uint8_t *p = out + 28 + (length + 3) / 4 * 4;
                int flags = -1;
                size_t text = 0;
                bool has_text = false;
                for (; little16(p); p += 4 + (little16(p + 2) + 3) / 4 * 4) {
                    if (little16(p) == 1) {
                        has_text = true;
                        text = little16(p + 2);
                        assert_memory_equal(p + 4, comments[c], text);
                    } else {
                        assert_int_equal(little16(p), 2);
                        flags = (int)little32(p + 4);
                    }
                }
                assert_ptr_equal(p + 8, out + n); /* the end of options, then the length */
                assert_int_equal(has_text, comments[c] != 0);
                if (c)
                    assert_int_equal(text, strlen(comments[c]) < 160 ? strlen(comments[c]) : 160);
                assert_int_equal(flags, outbound < 0 ? -1 : outbound ? 2 : 1);
            }
        }
    }
}

struct sink {
    unsigned blocks, stop;
    size_t bytes;
};

static bool to_sink(void *context, const uint8_t *data, size_t length) {
    struct sink *sink = context;
    assert_int_equal(block_type(data, length), 6);
    uint32_t captured = little32(data + 20);
    static uint8_t frame[2000];
    memcpy(frame, data + 28, captured);
    check_frame(frame, captured, false, sink->blocks, sink->blocks * 1448, 1448, WIRE_ACK);
    sink->blocks++;
    sink->bytes += captured;
    return sink->blocks != sink->stop;
}

static void pcapng_packet_is_captured_as_a_wire_carries_it(void **state) {
    (void)state;
    struct fixture f;
    open_pool(&f, 0);
    struct rill_packet *packet = super(&f, false, 10 * 1448, 1448, WIRE_ACK, false);
    packet->cause = RILL_CAUSE_DATA;
    struct sink sink = {0};
    assert_true(rill_capture_packet(packet, 5, 1, to_sink, &sink));
    assert_int_equal(sink.blocks, 10);
    assert_int_equal(sink.bytes, 10 * 1500);
    struct sink stopped = {.stop = 3};
    assert_false(rill_capture_packet(packet, 5, 1, to_sink, &stopped));
    assert_int_equal(stopped.blocks, 3);
    rill_packet_drop(packet);
    assert_int_equal(pool_info(&f).blocks_out, 0);
    rill_pool_close(f.pool);
    assert_int_equal(f.memory.live_bytes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_blocks_and_packets_are_used_again),
        cmocka_unit_test(pool_gives_back_what_a_burst_has_needed),
        cmocka_unit_test(pool_limit_is_not_exceeded),
        cmocka_unit_test(pool_reserve_serves_control_packets_alone),
        cmocka_unit_test(pool_closed_with_blocks_out_goes_with_the_last),
        cmocka_unit_test(wrapped_block_is_released_with_the_last_hold),
        cmocka_unit_test(packet_takes_18_slices_and_no_more),
        cmocka_unit_test(super_segment_is_cut_into_valid_frames),
        cmocka_unit_test(flatten_finishes_the_checksum),
        cmocka_unit_test(frames_of_what_is_no_super_segment_is_one),
        cmocka_unit_test(pcapng_begin_is_a_section_and_an_interface),
        cmocka_unit_test(pcapng_frames_are_read_back_with_comment_and_direction),
        cmocka_unit_test(pcapng_packet_is_captured_as_a_wire_carries_it),
    };
    return cmocka_run_group_tests_name("packet", tests, 0, 0);
}
