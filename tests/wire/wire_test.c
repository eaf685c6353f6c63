/* tests/wire/wire_test.c: the codecs: what is written is read back, and every malformed header has
 * its reason. */
#include "base/base_test.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"

static void ipv4_emitted_header_is_read_back(void **state) {
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 2000; i++) {
        uint64_t r = test_next(&seed);
        struct wire_ipv4 in = {.total_length = (uint16_t)(20 + r % 1480),
                               .identification = (uint16_t)(r >> 16),
                               .fragment_offset = (uint16_t)((r >> 32 & 0x1fff) * 8),
                               .traffic_class = (uint8_t)(r >> 45),
                               .ttl = (uint8_t)(r >> 53),
                               .protocol = (uint8_t)(r >> 56),
                               .dont_fragment = r & 1,
                               .more_fragments = r >> 1 & 1};
        memcpy(in.source, &r, 4);
        memcpy(in.destination, (uint8_t *)&r + 4, 4);
        uint8_t bytes[1500] = {0};
        struct wire_ipv4 out;
        rill__ipv4_emit(&in, bytes);
        assert_int_equal(rill__ipv4_parse(bytes, sizeof bytes, &out), RILL_DROP_NONE);
        assert_int_equal(out.total_length, in.total_length);
        assert_int_equal(out.identification, in.identification);
        assert_int_equal(out.fragment_offset, in.fragment_offset);
        assert_int_equal(out.header_length, 20);
        assert_int_equal(out.traffic_class, in.traffic_class);
        assert_int_equal(out.ttl, in.ttl);
        assert_int_equal(out.protocol, in.protocol);
        assert_int_equal(out.dont_fragment, in.dont_fragment);
        assert_int_equal(out.more_fragments, in.more_fragments);
        assert_memory_equal(out.source, in.source, 4);
        assert_memory_equal(out.destination, in.destination, 4);
    }
}

static void ipv4_seal(uint8_t *bytes) {
    size_t length = (size_t)(bytes[0] & 15) * 4;
    bytes_put16(bytes + 10, 0);
    rill__checksum_store(bytes + 10,
                         (uint16_t)~rill__checksum_fold(rill__checksum_add(0, bytes, length)));
}

static void ipv4_each_fault_has_its_reason(void **state) {
    (void)state;
    uint8_t good[60] = {0}, bad[60];
    struct wire_ipv4 header = {.total_length = 60, .ttl = 1, .protocol = 6}, out;
    rill__ipv4_emit(&header, good);
    assert_int_equal(rill__ipv4_parse(good, 60, &out), RILL_DROP_NONE);
    for (size_t length = 0; length < 20; length++)
        assert_int_equal(rill__ipv4_parse(good, length, &out), RILL_DROP_TRUNCATED);
    for (size_t length = 20; length < 60; length++)
        assert_int_equal(rill__ipv4_parse(good, length, &out), RILL_DROP_IP_TOTAL_LENGTH);
    for (unsigned first = 0; first < 256; first++) {
        memcpy(bad, good, 60);
        bad[0] = (uint8_t)first;
        ipv4_seal(bad);
        enum rill_drop want = RILL_DROP_NONE;
        if (first >> 4 != 4)
            want = RILL_DROP_IP_VERSION;
        else if ((first & 15) < 5)
            want = RILL_DROP_IP_HEADER_LENGTH;
        assert_int_equal(rill__ipv4_parse(bad, 60, &out), want);
    }
    memcpy(bad, good, 60);
    bad[0] = 0x4f; /* a header of 60 bytes in 59 */
    assert_int_equal(rill__ipv4_parse(bad, 59, &out), RILL_DROP_IP_HEADER_LENGTH);
    memcpy(bad, good, 60);
    bytes_put16(bad + 2, 19);
    ipv4_seal(bad);
    assert_int_equal(rill__ipv4_parse(bad, 60, &out), RILL_DROP_IP_TOTAL_LENGTH);
    for (int bit = 0; bit < 160; bit++) { /* any one bit turned over */
        memcpy(bad, good, 60);
        bad[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        assert_int_not_equal(rill__ipv4_parse(bad, 60, &out), RILL_DROP_NONE);
        if (bit >= 32)
            assert_int_equal(rill__ipv4_parse(bad, 60, &out), RILL_DROP_IP_CHECKSUM);
    }
}

static void ipv6_emitted_header_is_read_back(void **state) {
    (void)state;
    uint64_t seed = 2;
    for (int i = 0; i < 2000; i++) {
        uint64_t r = test_next(&seed);
        struct wire_ipv6 in = {.flow_label = (uint32_t)r & 0xfffff,
                               .payload_length = (uint16_t)(r >> 20) % 1400,
                               .traffic_class = (uint8_t)(r >> 36),
                               .next_header = (uint8_t)(r >> 44),
                               .hop_limit = (uint8_t)(r >> 52)};
        for (int k = 0; k < 16; k++) {
            in.source[k] = (uint8_t)test_next(&seed);
            in.destination[k] = (uint8_t)test_next(&seed);
        }
        uint8_t bytes[1500] = {0};
        struct wire_ipv6 out;
        rill__ipv6_emit(&in, bytes);
        assert_int_equal(rill__ipv6_parse(bytes, sizeof bytes, &out), RILL_DROP_NONE);
        assert_int_equal(out.flow_label, in.flow_label);
        assert_int_equal(out.payload_length, in.payload_length);
        assert_int_equal(out.traffic_class, in.traffic_class);
        assert_int_equal(out.next_header, in.next_header);
        assert_int_equal(out.hop_limit, in.hop_limit);
        assert_memory_equal(out.source, in.source, 16);
        assert_memory_equal(out.destination, in.destination, 16);
    }
}

static void ipv6_each_fault_has_its_reason(void **state) {
    (void)state;
    uint8_t bytes[60] = {0};
    struct wire_ipv6 header = {.payload_length = 20, .next_header = 6}, out;
    rill__ipv6_emit(&header, bytes);
    assert_int_equal(rill__ipv6_parse(bytes, 60, &out), RILL_DROP_NONE);
    for (size_t length = 0; length < 40; length++)
        assert_int_equal(rill__ipv6_parse(bytes, length, &out), RILL_DROP_TRUNCATED);
    for (size_t length = 40; length < 60; length++)
        assert_int_equal(rill__ipv6_parse(bytes, length, &out), RILL_DROP_IP_TOTAL_LENGTH);
    for (unsigned version = 0; version < 16; version++) {
        bytes[0] = (uint8_t)(version << 4);
        assert_int_equal(rill__ipv6_parse(bytes, 60, &out),
                         version == 6 ? RILL_DROP_NONE : RILL_DROP_IP_VERSION);
    }
}

static void pseudo_sums_are_those_of_the_pseudo_headers_written_out(void **state) {
    (void)state;
    const uint8_t a[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    const uint8_t b[16] = {200, 2, 30, 4, 50, 6, 70, 8, 90, 1, 11, 1, 13, 1, 15, 1};
    uint8_t four[12] = {1, 2, 3, 4, 200, 2, 30, 4, 0, 6, 0x12, 0x34};
    assert_int_equal(rill__checksum_fold(rill__ipv4_pseudo_sum(a, b, 6, 0x1234)),
                     rill__checksum_fold(rill__checksum_add(0, four, 12)));
    uint8_t six[40] = {0};
    memcpy(six, a, 16);
    memcpy(six + 16, b, 16);
    bytes_put32(six + 32, 0x12345);
    six[39] = 58;
    assert_int_equal(rill__checksum_fold(rill__ipv6_pseudo_sum(a, b, 58, 0x12345)),
                     rill__checksum_fold(rill__checksum_add(0, six, 40)));
}

static void random_header(uint64_t *seed, bool syn, struct wire_tcp *in) {
    uint64_t r = test_next(seed);
    memset(in, 0, sizeof *in);
    in->source_port = (uint16_t)r;
    in->destination_port = (uint16_t)(r >> 16);
    in->sequence = (uint32_t)test_next(seed);
    in->acknowledgement = (uint32_t)test_next(seed);
    in->window = (uint16_t)(r >> 32);
    in->urgent = (uint16_t)(r >> 48);
    in->flags = (uint8_t)(test_next(seed) & ~(uint64_t)WIRE_SYN) | (syn ? WIRE_SYN : 0);
    in->has_timestamps = test_next(seed) & 1;
    if (in->has_timestamps) {
        in->timestamp_value = (uint32_t)test_next(seed);
        in->timestamp_echo = (uint32_t)test_next(seed);
    }
    in->user_timeout = r >> 20 & 1 ? (uint16_t)(r >> 21) : 0;
    if (syn) {
        in->mss = r & 1 ? (uint16_t)(1 + (r >> 8) % 65535) : 0;
        in->has_window_scale = r >> 1 & 1;
        in->window_scale = in->has_window_scale ? (uint8_t)((r >> 3) % 15) : 0;
        in->sack_permitted = r >> 2 & 1;
        return;
    }
    in->sack_count =
        (uint8_t)(r % ((in->has_timestamps ? 4u : 5u) - (in->has_timestamps && in->user_timeout)));
    for (int i = 0; i < in->sack_count; i++) {
        in->sacks[i].left = (uint32_t)test_next(seed);
        in->sacks[i].right = (uint32_t)test_next(seed);
    }
}

static void tcp_emitted_header_is_read_back(void **state) {
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 20000; i++) {
        struct wire_tcp in, out;
        uint8_t bytes[WIRE_TCP_HEADER_MAX];
        random_header(&seed, i & 1, &in);
        size_t length = rill__wire_tcp_emit(&in, bytes);
        assert_true(length % 4 == 0 && length <= WIRE_TCP_HEADER_MAX);
        if (!(i & 1))
            assert_int_equal(length, rill__tcp_header_length(&in));
        assert_int_equal(rill__wire_tcp_parse(bytes, length, &out), RILL_DROP_NONE);
        assert_int_equal(out.header_length, length);
        assert_int_equal(out.source_port, in.source_port);
        assert_int_equal(out.destination_port, in.destination_port);
        assert_int_equal(out.sequence, in.sequence);
        assert_int_equal(out.acknowledgement, in.acknowledgement);
        assert_int_equal(out.window, in.window);
        assert_int_equal(out.urgent, in.urgent);
        assert_int_equal(out.flags, in.flags);
        assert_int_equal(out.mss, in.mss);
        assert_int_equal(out.user_timeout, in.user_timeout);
        assert_int_equal(out.has_window_scale, in.has_window_scale);
        assert_int_equal(out.window_scale, in.window_scale);
        assert_int_equal(out.sack_permitted, in.sack_permitted);
        assert_int_equal(out.has_timestamps, in.has_timestamps);
        assert_int_equal(out.timestamp_value, in.timestamp_value);
        assert_int_equal(out.timestamp_echo, in.timestamp_echo);
        assert_int_equal(out.sack_count, in.sack_count);
        assert_memory_equal(out.sacks, in.sacks, in.sack_count * sizeof *in.sacks);
    }
}

/* A header with these option bytes, padded with END. */
static enum rill_drop parse_options(unsigned flags, const uint8_t *options, size_t length,
                                    struct wire_tcp *out) {
    uint8_t bytes[WIRE_TCP_HEADER_MAX] = {0};
    size_t padded = (length + 3) / 4 * 4;
    bytes[12] = (uint8_t)((20 + padded) / 4 << 4);
    bytes[13] = (uint8_t)flags;
    memcpy(bytes + 20, options, length);
    return rill__wire_tcp_parse(bytes, 20 + padded, out);
}

static void tcp_option_lengths_that_lead_astray_are_refused(void **state) {
    (void)state;
    struct wire_tcp out;
    const struct {
        size_t length;
        uint8_t bytes[8];
    } bad[] = {
        {4, {1, 1, 1, 2}},               /* the kind is the last byte */
        {4, {2, 0, 5, 180}},             /* length 0: would never end */
        {4, {2, 1, 5, 180}},             /* shorter than itself */
        {4, {2, 5, 5, 180}},             /* beyond the header */
        {4, {99, 255, 0, 0}},            /* an unknown one, too */
        {8, {1, 1, 8, 10, 0, 0, 0, 0}},  /* timestamps cut short */
        {8, {2, 4, 5, 180, 4, 2, 3, 3}}, /* good ones before it */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(parse_options(WIRE_SYN, bad[i].bytes, bad[i].length, &out),
                         RILL_DROP_TCP_OPTIONS);
}

static void tcp_known_options_of_wrong_length_are_passed_over(void **state) {
    (void)state;
    struct wire_tcp out;
    const uint8_t options[] = {2, 3,
                               5, /* mss */ 3,
                               4, 1,
                               1, /* scale */ 4,
                               3, 0, /* sackOK */
                               8, 9,
                               0, 0,
                               0, 0,
                               0, 0,
                               0, /* timestamps */
                               5, 9,
                               0, 0,
                               0, 0,
                               0, 0,
                               0, /* sack */ 253,
                               4, 1,
                               2, 3,
                               3, 7};
    assert_int_equal(parse_options(WIRE_SYN, options, sizeof options, &out), RILL_DROP_NONE);
    assert_int_equal(out.mss, 0);
    assert_false(out.sack_permitted || out.has_timestamps);
    assert_int_equal(out.sack_count, 0);
    assert_true(out.has_window_scale); /* the last one, behind an unknown one, is whole */
    assert_int_equal(out.window_scale, 7);
}

static void tcp_syn_options_count_in_a_syn_only(void **state) {
    (void)state;
    struct wire_tcp out;
    const uint8_t options[] = {2, 4, 5, 180, 4, 2, 3, 3, 7};
    assert_int_equal(parse_options(WIRE_ACK, options, sizeof options, &out), RILL_DROP_NONE);
    assert_int_equal(out.mss, 0);
    assert_false(out.sack_permitted || out.has_window_scale);
    assert_int_equal(parse_options(WIRE_SYN, options, sizeof options, &out), RILL_DROP_NONE);
    assert_int_equal(out.mss, 1460);
    assert_true(out.sack_permitted && out.has_window_scale);
}

static void tcp_end_of_options_ends_them(void **state) {
    (void)state;
    struct wire_tcp out;
    const uint8_t options[] = {1, 0, 2, 0, 2, 4, 5, 180};
    assert_int_equal(parse_options(WIRE_SYN, options, sizeof options, &out), RILL_DROP_NONE);
    assert_int_equal(out.mss, 0);
}

static void tcp_each_header_fault_has_its_reason(void **state) {
    (void)state;
    struct wire_tcp out;
    uint8_t bytes[60] = {0};
    for (size_t length = 0; length < 20; length++)
        assert_int_equal(rill__wire_tcp_parse(bytes, length, &out), RILL_DROP_TRUNCATED);
    for (unsigned words = 0; words < 16; words++) {
        bytes[12] = (uint8_t)(words << 4);
        for (size_t length = 20; length <= 60; length++)
            assert_int_equal(rill__wire_tcp_parse(bytes, length, &out),
                             words < 5 || words * 4 > length ? RILL_DROP_TCP_HEADER_LENGTH
                                                             : RILL_DROP_NONE);
    }
}

static void tcp_random_bytes_never_read_beyond_their_end(void **state) {
    (void)state;
    uint64_t seed = 11;
    for (int i = 0; i < 200000; i++) {
        size_t length = test_next(&seed) % 61;
        uint8_t *bytes = malloc(length ? length : 1); /* ASan watches its end */
        for (size_t k = 0; k < length; k++)
            bytes[k] = (uint8_t)test_next(&seed);
        if (length > 12 && i & 1)
            bytes[12] = (uint8_t)(length / 4 << 4);
        struct wire_tcp out;
        struct wire_ipv4 four;
        struct wire_ipv6 six;
        enum rill_drop drop = rill__wire_tcp_parse(bytes, length, &out);
        assert_true(drop == RILL_DROP_NONE || drop == RILL_DROP_TRUNCATED ||
                    drop == RILL_DROP_TCP_HEADER_LENGTH || drop == RILL_DROP_TCP_OPTIONS);
        if (drop == RILL_DROP_NONE)
            assert_true(out.sack_count <= WIRE_SACK_MAX && out.window_scale <= 14 &&
                        out.header_length <= length);
        assert_true(rill__ipv4_parse(bytes, length, &four) < RILL_DROP_COUNT);
        assert_true(rill__ipv6_parse(bytes, length, &six) < RILL_DROP_COUNT);
        free(bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_emitted_header_is_read_back),
        cmocka_unit_test(ipv4_each_fault_has_its_reason),
        cmocka_unit_test(ipv6_emitted_header_is_read_back),
        cmocka_unit_test(ipv6_each_fault_has_its_reason),
        cmocka_unit_test(pseudo_sums_are_those_of_the_pseudo_headers_written_out),
        cmocka_unit_test(tcp_emitted_header_is_read_back),
        cmocka_unit_test(tcp_option_lengths_that_lead_astray_are_refused),
        cmocka_unit_test(tcp_known_options_of_wrong_length_are_passed_over),
        cmocka_unit_test(tcp_syn_options_count_in_a_syn_only),
        cmocka_unit_test(tcp_end_of_options_ends_them),
        cmocka_unit_test(tcp_each_header_fault_has_its_reason),
        cmocka_unit_test(tcp_random_bytes_never_read_beyond_their_end),
    };
    return cmocka_run_group_tests_name("wire", tests, 0, 0);
}
