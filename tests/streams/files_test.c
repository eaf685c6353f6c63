/* tests/streams/files_test.c: capture files of every kind, whole, cut off at every length, and with
 * every byte changed: never a fault, and what comes before the damage is read. */
#include "streams/streams_test.h"

#include "capture/writer.h"

enum { ROOM = 1 << 16 };

struct file {
    uint8_t bytes[ROOM];
    size_t length;
};

struct outcome {
    enum capture_status end;
    size_t records, bytes;
    rill_time last;
    uint64_t offset;
};

/* Reads all, `step` bytes at a time. */
static struct outcome read_all(const uint8_t *bytes, size_t length, size_t step) {
    struct outcome outcome = {CAPTURE_MORE, 0, 0, 0, 0};
    struct rill_allocator allocator = craft_allocator();
    struct capture_reader reader;
    struct capture_record record = {0};
    size_t used, there = step < length ? step : length;
    rill__capture_reader_init(&reader, &allocator);
    for (;;) {
        size_t at = (size_t)reader.offset;
        outcome.end = rill__capture_read(&reader, bytes + at, there - at, &record, &used);
        assert_int_equal(at + used, reader.offset);
        assert_true(at + used <= there);
        if (outcome.end == CAPTURE_RECORD) {
            assert_true(record.data >= bytes && record.data + record.length <= bytes + there);
            assert_true(record.wire_length >= record.length);
            assert_ptr_equal(record.data, bytes + record.data_offset);
            outcome.records++;
            outcome.bytes += record.length;
            outcome.last = record.when;
        } else if (outcome.end == CAPTURE_MORE && there < length) {
            there = there + step < length ? there + step : length;
        } else {
            break;
        }
    }
    outcome.offset = reader.offset;
    rill__capture_reader_fini(&reader);
    return outcome;
}

static void put(struct file *file, uint64_t value, unsigned bytes, bool big) {
    for (unsigned i = 0; i < bytes; i++)
        file->bytes[file->length++] = (uint8_t)(value >> 8 * (big ? bytes - 1 - i : i));
}

static void make_pcap(struct file *file, uint32_t magic, bool big) {
    file->length = 0;
    put(file, magic, 4, big);
    put(file, 2, 2, big);
    put(file, 4, 2, big);
    put(file, 0, 8, big);
    put(file, 65535, 4, big);
    put(file, 1, 4, big);
    for (unsigned i = 1; i <= 3; i++) {
        put(file, 1000 + i, 4, big);
        put(file, 500, 4, big);
        put(file, 10 * i, 4, big);
        put(file, 20 * i, 4, big);
        if (magic == 0xa1b2cd34)
            put(file, 0, 8, big);
        for (unsigned j = 0; j < 10 * i; j++)
            put(file, j, 1, big);
    }
}

static void pcap_of_every_kind_is_read(void **state) {
    static const uint32_t magics[] = {0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34};
    static struct file file;
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        make_pcap(&file, magics[i / 2], i % 2);
        for (size_t step = 1; step < 200; step += 13) {
            struct outcome outcome = read_all(file.bytes, file.length, step);
            assert_int_equal(outcome.end, CAPTURE_MORE);
            assert_int_equal(outcome.offset, file.length);
            assert_int_equal(outcome.records, 3);
            assert_int_equal(outcome.bytes, 60);
            assert_int_equal(outcome.last, 1003 * RILL_SECOND + (i / 2 == 1 ? 500 : 500000));
        }
    }
}

static void block(struct file *file, uint32_t type, const uint8_t *body, size_t length, bool big) {
    size_t padded = (length + 3) & ~(size_t)3;
    put(file, type, 4, big);
    put(file, padded + 12, 4, big);
    memcpy(file->bytes + file->length, body, length);
    memset(file->bytes + file->length + length, 0, padded - length);
    file->length += padded;
    put(file, padded + 12, 4, big);
}

static void section(struct file *file, bool big) {
    struct file body = {.length = 0};
    put(&body, 0x1a2b3c4d, 4, big);
    put(&body, 1, 2, big);
    put(&body, 0, 2, big);
    put(&body, UINT64_MAX, 8, big);
    block(file, 0x0a0d0d0a, body.bytes, body.length, big);
}

/* `offset` seconds are added to its times if not 0. */
static void interface(struct file *file, unsigned resolution, uint64_t offset, uint32_t snap,
                      bool big) {
    struct file body = {.length = 0};
    put(&body, 1, 4, big);
    body.length = 0;
    put(&body, 1, 2, big);
    put(&body, 0, 2, big);
    put(&body, snap, 4, big);
    put(&body, 9, 2, big);
    put(&body, 1, 2, big);
    put(&body, resolution, 1, big);
    put(&body, 0, 3, big);
    if (offset) {
        put(&body, 14, 2, big);
        put(&body, 8, 2, big);
        put(&body, offset, 8, big);
    }
    put(&body, 0, 4, big);
    block(file, 1, body.bytes, body.length, big);
}

static void packet(struct file *file, uint32_t number, uint64_t time, unsigned length, bool big) {
    struct file body = {.length = 0};
    put(&body, number, 4, big);
    put(&body, time >> 32, 4, big);
    put(&body, time & UINT32_MAX, 4, big);
    put(&body, length, 4, big);
    put(&body, length + 5, 4, big);
    body.length += length;
    block(file, 6, body.bytes, body.length, big);
}

static void pcapng_with_clocks_of_every_kind_is_read(void **state) {
    static struct file file;
    static const struct {
        unsigned resolution;
        uint64_t offset, time;
        rill_time wanted;
    } clocks[] = {
        {6, 0, UINT64_C(1700000000123456), UINT64_C(1700000000123456000)},
        {9, 0, UINT64_C(1700000000123456789), UINT64_C(1700000000123456789)},
        {3, 0, UINT64_C(1700000000123), UINT64_C(1700000000123000000)},
        {0, 0, UINT64_C(1700000000), UINT64_C(1700000000000000000)},
        {12, 0, UINT64_C(5000000000001999), UINT64_C(5000000000001)},
        {0x80 | 10, 0, UINT64_C(1700000000) << 10 | 512, UINT64_C(1700000000500000000)},
        {0x80 | 40, 0, UINT64_C(70000) << 40 | UINT64_C(1) << 39, UINT64_C(70000500000000)},
        {6, 1700000000, 123456, UINT64_C(1700000000123456000)},
    };
    (void)state;
    for (unsigned big = 0; big < 2; big++) {
        for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
            file.length = 0;
            section(&file, big);
            interface(&file, clocks[i].resolution, clocks[i].offset, 0, big);
            block(&file, 0xbad, (const uint8_t *)"unknown", 7, big);
            packet(&file, 0, clocks[i].time, 33, big);
            struct outcome outcome = read_all(file.bytes, file.length, 7);
            assert_int_equal(outcome.end, CAPTURE_MORE);
            assert_int_equal(outcome.records, 1);
            assert_int_equal(outcome.bytes, 33);
            assert_true(outcome.last == clocks[i].wanted);
        }
    }
}

static void sections_have_interfaces_of_their_own(void **state) {
    static struct file file;
    (void)state;
    file.length = 0;
    section(&file, false);
    interface(&file, 6, 0, 0, false);
    interface(&file, 9, 0, 0, false);
    packet(&file, 1, 77, 10, false);
    section(&file, true);
    interface(&file, 6, 0, 0, true);
    packet(&file, 0, 78, 10, true);
    packet(&file, 1, 79, 10, true); /* of the first section */
    struct outcome outcome = read_all(file.bytes, file.length, 1000);
    assert_int_equal(outcome.records, 2);
    assert_int_equal(outcome.last, 78000);
    assert_int_equal(outcome.end, CAPTURE_DAMAGED);
}

static void simple_packets_end_at_the_snap_length(void **state) {
    static struct file file;
    struct file body = {.length = 0};
    (void)state;
    file.length = 0;
    section(&file, false);
    interface(&file, 6, 0, 40, false);
    put(&body, 1000, 4, false);
    body.length += 40;
    block(&file, 3, body.bytes, body.length, false);
    struct outcome outcome = read_all(file.bytes, file.length, 1000);
    assert_int_equal(outcome.records, 1);
    assert_int_equal(outcome.bytes, 40);
}

static void what_is_written_is_read(void **state) {
    static struct file file;
    (void)state;
    file.length = rill__capture_write_section(file.bytes);
    file.length += rill__capture_write_interface(file.bytes + file.length, 113);
    for (uint32_t length = 0; length < 9; length++) {
        file.length += rill__capture_write_head(file.bytes + file.length, 0, 1234567890123456789u,
                                                length, length);
        file.length += length;
        file.length += rill__capture_write_tail(file.bytes + file.length, length);
    }
    struct outcome outcome = read_all(file.bytes, file.length, 5);
    assert_int_equal(outcome.records, 9);
    assert_int_equal(outcome.bytes, 36);
    assert_int_equal(outcome.offset, file.length);
    assert_true(outcome.last == 1234567890123456789u);
}

/* A small capture of each format. */
static void make(struct file *file, unsigned kind) {
    struct craft *craft = craft_new();
    struct craft_flow flow = craft_flow();
    craft_handshake(craft, &flow);
    craft_add(craft, &flow, 1000,
              (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 30});
    craft_close(craft, &flow, 30, 0);
    file->length = craft_pcap(craft, file->bytes, ROOM);
    if (kind == 1) {
        file->length = 0;
        section(file, false);
        interface(file, 9, 0, 0, false);
        for (size_t i = 0; i < craft->count; i++) {
            file->length +=
                rill__capture_write_head(file->bytes + file->length, 0, craft->frames[i].when,
                                         craft->frames[i].length, craft->frames[i].length);
            memcpy(file->bytes + file->length, craft->bytes[i], craft->frames[i].length);
            file->length += craft->frames[i].length;
            file->length +=
                rill__capture_write_tail(file->bytes + file->length, craft->frames[i].length);
        }
    }
    free(craft);
}

/* Reads a file and analyses it; checks the accounts. Returns how many connections there are. */
static size_t analyse(const uint8_t *bytes, size_t length) {
    struct craft *craft = craft_new();
    struct capture_reader reader;
    struct capture_record record = {0};
    struct rill_allocator allocator = craft_allocator();
    size_t used;
    rill__capture_reader_init(&reader, &allocator);
    while (rill__capture_read(&reader, bytes + reader.offset, length - (size_t)reader.offset,
                              &record, &used) == CAPTURE_RECORD) {
        if (record.length > CRAFT_FRAME || craft->count == CRAFT_FRAMES)
            break;
        craft->now = record.when;
        craft_frame(craft, 0, record.link_type, record.data, record.length);
        craft->frames[craft->count - 1].wire_length = record.wire_length;
    }
    rill__capture_reader_fini(&reader);
    craft_run(craft);
    size_t count = craft->result_count;
    free(craft);
    return count;
}

static void a_file_cut_off_anywhere_is_read_up_to_there(void **state) {
    static struct file file;
    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        size_t before = 0;
        make(&file, kind);
        for (size_t length = 0; length <= file.length; length++) {
            uint8_t *copy = malloc(length ? length : 1);
            memcpy(copy, file.bytes, length);
            struct outcome outcome = read_all(copy, length, 64);
            assert_int_equal(outcome.end, CAPTURE_MORE);
            assert_true(outcome.records >= before && outcome.records <= before + 1);
            before = outcome.records;
            free(copy);
        }
        assert_int_equal(before, 7);
        assert_int_equal(analyse(file.bytes, file.length), 1);
    }
}

static void every_bit_of_a_file_may_be_wrong(void **state) {
    static struct file file;
    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        make(&file, kind);
        for (size_t at = 0; at < file.length; at++) {
            for (unsigned flip = 1; flip < 256; flip <<= 1) {
                uint8_t *copy = malloc(file.length);
                memcpy(copy, file.bytes, file.length);
                copy[at] ^= (uint8_t)flip;
                struct outcome outcome = read_all(copy, file.length, file.length);
                assert_true(outcome.records <= 7);
                if (flip == 1 || flip == 128)
                    assert_true(analyse(copy, file.length) <= 7);
                free(copy);
            }
        }
    }
}

const struct CMUnitTest files_tests[] = {
    STREAMS_TEST(pcap_of_every_kind_is_read),
    STREAMS_TEST(pcapng_with_clocks_of_every_kind_is_read),
    STREAMS_TEST(sections_have_interfaces_of_their_own),
    STREAMS_TEST(simple_packets_end_at_the_snap_length),
    STREAMS_TEST(what_is_written_is_read),
    STREAMS_TEST(a_file_cut_off_anywhere_is_read_up_to_there),
    STREAMS_TEST(every_bit_of_a_file_may_be_wrong),
};
const size_t files_test_count = sizeof files_tests / sizeof *files_tests;
