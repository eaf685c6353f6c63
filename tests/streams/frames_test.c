/* tests/streams/frames_test.c: one segment behind every link layer and tunnel, cut off at every
 * length; fragments. */
#include "streams/streams_test.h"

#include "base/bytes.h"
#include "streams/decap.h"

static struct decap decap;
static struct rill_allocator allocator;

static void open_decap(void) {
    allocator = craft_allocator();
    rill__decap_init(&decap, &allocator);
}

/* The IPv4 packet that each test puts something around: 100 bytes of payload. */
static uint32_t segment(uint8_t out[200]) {
    struct craft *craft = craft_new();
    struct craft_flow flow = craft_flow();
    craft_add(
        craft, &flow, 0,
        (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 100, .timestamp = 7});
    uint32_t length = craft->frames[0].length - 14;
    memcpy(out, craft->bytes[0] + 14, length);
    free(craft);
    return length;
}

static enum decap_result take(uint16_t link_type, const uint8_t *bytes, uint32_t length,
                              struct streams_packet *packet) {
    struct streams_frame frame = {bytes, length, length, 1, 1, 0, 0, link_type, 0};
    return rill__decap(&decap, &frame, packet);
}

struct layer {
    const char *name;
    uint16_t link_type;
    const char *head;
    size_t length;
    const char *scope;
};
#define LAYER(name, type, head, scope)                                                             \
    { name, type, head, sizeof head - 1, scope }
#define MACS "\1\1\1\1\1\1\2\2\2\2\2\2"
#define OUTER(protocol)                                                                            \
    "\x45\0\0\0\0\1\0\0\x40" protocol                                                              \
    "\0\0\300\250\0\1\300\250\0\2" /* length 0: as long as it is */
#define UDP(port) "\x30\x39" port "\0\0\0\0"

static const struct layer layers[] = {
    LAYER("raw", 101, "", ""),
    LAYER("raw of OpenBSD", 14, "", ""),
    LAYER("IPv4", 228, "", ""),
    LAYER("Ethernet", 1, MACS "\10\0", ""),
    LAYER("802.1Q", 1, MACS "\x81\0\0\12\10\0", "vlan"),
    LAYER("802.1ad", 1, MACS "\x88\xa8\0\24\x81\0\0\12\10\0", "vlan vlan"),
    LAYER("priority tag", 1, MACS "\x81\0\xe0\0\10\0", ""),
    LAYER("MPLS", 1, MACS "\x88\x47\0\1\0\x40\0\2\1\x40", ""),
    LAYER("PPPoE", 1, MACS "\x88\x64\x11\0\0\5\0\0\0\x21", "pppoe"),
    LAYER("null", 0, "\2\0\0\0", ""),
    LAYER("loop", 108, "\0\0\0\2", ""),
    LAYER("cooked", 113, "\0\0\0\1\0\6\1\1\1\1\1\1\0\0\10\0", ""),
    LAYER("cooked v2", 276, "\10\0\0\0\0\0\0\1\0\1\0\6\1\1\1\1\1\1\0\0", ""),
    LAYER("PPP", 9, "\xff\3\0\x21", ""),
    LAYER("PPP, short", 9, "\x21", ""),
    LAYER("IP in IP", 101, OUTER("\4"), "ipip"),
    LAYER("GRE", 101, OUTER("\x2f") "\0\0\10\0", "gre"),
    LAYER("GRE with a key", 101, OUTER("\x2f") "\x20\0\10\0\0\0\0\7", "gre"),
    LAYER("GRE, Ethernet inside", 101, OUTER("\x2f") "\0\0\x65\x58" MACS "\10\0", "gre"),
    LAYER("ERSPAN", 101, OUTER("\x2f") "\x10\0\x88\xbe\0\0\0\1\0\0\0\0\0\0\0\0" MACS "\10\0", ""),
    LAYER("VXLAN", 101, OUTER("\x11") UDP("\x12\xb5") "\10\0\0\0\0\0\x4d\0" MACS "\10\0", "vxlan"),
    LAYER("Geneve", 101,
          OUTER("\x11") UDP("\x17\xc1") "\1\0\x65\x58\0\0\x4d\0\1\2\3\4" MACS "\10\0", "geneve"),
    LAYER("GTP-U", 101, OUTER("\x11") UDP("\x08\x68") "\x30\xff\0\0\0\0\0\1", "gtp"),
    LAYER("IPv6 around", 101,
          "\x60\0\0\0\0\0\4\x40"
          "0123456789abcdef"
          "0123456789abcdeg",
          "ipip"),
};

static void scope_kinds(uint32_t number, char *out) {
    const struct scope *scope = rill__scopes_at(&decap.scopes, number);
    *out = 0;
    for (uint32_t i = 0; scope && i < scope->count; i++) {
        strcat(out, i ? " " : "");
        strcat(out, rill__scope_kind_text(scope->layers[i].kind));
    }
}

static void a_segment_is_found_behind_every_layer(void **state) {
    (void)state;
    open_decap();
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        uint8_t bytes[400];
        char scope[64];
        struct streams_packet packet;
        memcpy(bytes, layers[i].head, layers[i].length);
        uint32_t length = (uint32_t)layers[i].length + segment(bytes + layers[i].length);
        if (take(layers[i].link_type, bytes, length, &packet) != DECAP_TCP)
            fail_msg("%s: no segment", layers[i].name);
        assert_int_equal(packet.source_port, 40000);
        assert_int_equal(packet.length, 100);
        assert_int_equal(packet.captured, 100);
        assert_int_equal(packet.timestamp_value, 7);
        assert_ptr_equal(packet.payload, bytes + length - 100);
        assert_int_equal(packet.offset, length - 100);
        scope_kinds(packet.scope, scope);
        assert_string_equal(scope, layers[i].scope);
        for (uint32_t cut = 0; cut < length; cut++) {
            uint8_t *copy = malloc(cut ? cut : 1); /* so that a read behind it is noticed */
            memcpy(copy, bytes, cut);
            struct streams_frame frame = {copy, cut, length, 1, 1, 0, 0, layers[i].link_type, 0};
            enum decap_result result = rill__decap(&decap, &frame, &packet);
            if (cut >= length - 100) {
                assert_int_equal(result, DECAP_TCP);
                assert_int_equal(packet.length, 100);
                assert_int_equal(packet.captured, cut - (length - 100));
            }
            free(copy);
        }
    }
    rill__decap_fini(&decap);
}

static void every_changed_byte_is_survived(void **state) {
    (void)state;
    open_decap();
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        uint8_t bytes[400];
        memcpy(bytes, layers[i].head, layers[i].length);
        uint32_t length = (uint32_t)layers[i].length + segment(bytes + layers[i].length);
        for (uint32_t at = 0; at < length; at++) {
            for (unsigned flip = 1; flip < 256; flip <<= 1) {
                uint8_t *copy = malloc(length);
                struct streams_packet packet = {0};
                memcpy(copy, bytes, length);
                copy[at] ^= (uint8_t)flip;
                enum decap_result result = take(layers[i].link_type, copy, length, &packet);
                assert_true(result < DECAP_COUNT);
                if (result == DECAP_TCP && !decap.reassembled)
                    assert_true(packet.payload >= copy &&
                                packet.payload + packet.captured <= copy + length);
                free(copy);
            }
        }
    }
    rill__decap_fini(&decap);
}

static void extension_headers_of_ipv6_are_passed_over(void **state) {
    static const uint8_t head[] = "\x60\0\0\0\0\0\0\x40"
                                  "0123456789abcdef"
                                  "0123456789abcdeg"   /* hop-by-hop */
                                  "\x2b\0\1\4\0\0\0\0" /* routing */
                                  "\x3c\0\0\0\0\0\0\0" /* destination */
                                  "\x06\0\1\4\0\0\0\0";
    uint8_t bytes[400], ip[200];
    struct streams_packet packet;
    (void)state;
    open_decap();
    uint32_t length = segment(ip) - 20;
    memcpy(bytes, head, 64);
    memcpy(bytes + 64, ip + 20, length);
    assert_int_equal(take(CAPTURE_LINK_RAW, bytes, 64 + length, &packet), DECAP_TCP);
    assert_true(packet.ipv6);
    assert_int_equal(packet.length, 100);
    rill__decap_fini(&decap);
}

/* Two fragments of the packet, the second from `split` on; IPv4. */
static uint32_t fragment(uint8_t *out, const uint8_t *ip, uint32_t length, uint32_t from,
                         uint32_t to) {
    memcpy(out, ip, 20);
    memcpy(out + 20, ip + 20 + from, to - from);
    bytes_put16(out + 2, 20 + to - from);
    bytes_put16(out + 6, from / 8 | (to < length - 20 ? 0x2000u : 0u));
    return 20 + to - from;
}

static void fragments_in_any_order_are_put_together(void **state) {
    uint8_t ip[200], bytes[3][200];
    uint32_t lengths[3], length = segment(ip);
    static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                          {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    (void)state;
    open_decap();
    for (unsigned i = 0; i < 6; i++) {
        struct streams_packet packet;
        bytes_put16(ip + 4, 77 + i);
        lengths[0] = fragment(bytes[0], ip, length, 0, 48);
        lengths[1] = fragment(bytes[1], ip, length, 48, 96);
        lengths[2] = fragment(bytes[2], ip, length, 96, length - 20);
        for (unsigned j = 0; j < 3; j++) {
            unsigned one = orders[i][j];
            enum decap_result result = take(CAPTURE_LINK_RAW, bytes[one], lengths[one], &packet);
            assert_int_equal(result, j < 2 ? DECAP_FRAGMENT : DECAP_TCP);
        }
        assert_int_equal(packet.length, 100);
        assert_int_equal(packet.captured, 100);
        assert_memory_equal(packet.payload, ip + length - 100, 100);
        assert_int_equal(packet.offset, STREAMS_NOWHERE);
        assert_int_equal(decap.fragments.frame_count, 3);
    }
    rill__decap_fini(&decap);
}

static void fragments_without_end_stay_within_bounds(void **state) {
    uint8_t ip[200], bytes[200];
    uint32_t length = segment(ip);
    struct streams_packet packet;
    (void)state;
    open_decap();
    for (uint32_t i = 0; i < 5000; i++) {
        memcpy(ip + 12, &i, 4);
        uint32_t part = fragment(bytes, ip, length, 0, 48);
        assert_int_equal(take(CAPTURE_LINK_RAW, bytes, part, &packet), DECAP_FRAGMENT);
    }
    assert_int_equal(rill__fragments_waiting(&decap.fragments), FRAGMENT_DATAGRAMS_MAX);
    assert_int_equal(decap.fragments.given_up, 5000 - FRAGMENT_DATAGRAMS_MAX);
    rill__decap_fini(&decap);
}

static void a_frame_of_offload_is_as_long_as_it_is(void **state) {
    static uint8_t bytes[70000];
    struct streams_packet packet;
    (void)state;
    open_decap();
    uint32_t head = segment(bytes) - 100;
    bytes_put16(bytes + 2, 0); /* what a device fills in later */
    assert_int_equal(take(CAPTURE_LINK_RAW, bytes, head + 60000, &packet), DECAP_TCP);
    assert_int_equal(packet.length, 60000);
    rill__decap_fini(&decap);
}

static void scopes_without_number_share_one(void **state) {
    struct scopes scopes;
    struct scope scope = {0};
    (void)state;
    allocator = craft_allocator();
    rill__scopes_init(&scopes, &allocator);
    scope_push(&scope, SCOPE_VXLAN, 0, 0);
    for (uint32_t i = 0; i < SCOPES_MAX + 10; i++) {
        scope.layers[0].number = i;
        assert_int_equal(rill__scopes_find(&scopes, &scope), i < SCOPES_MAX ? i + 1 : SCOPE_OTHERS);
    }
    assert_null(rill__scopes_at(&scopes, SCOPE_OTHERS));
    rill__scopes_fini(&scopes);
}

const struct CMUnitTest frames_tests[] = {
    STREAMS_TEST(a_segment_is_found_behind_every_layer),
    STREAMS_TEST(every_changed_byte_is_survived),
    STREAMS_TEST(extension_headers_of_ipv6_are_passed_over),
    STREAMS_TEST(fragments_in_any_order_are_put_together),
    STREAMS_TEST(fragments_without_end_stay_within_bounds),
    STREAMS_TEST(a_frame_of_offload_is_as_long_as_it_is),
    STREAMS_TEST(scopes_without_number_share_one),
};
const size_t frames_test_count = sizeof frames_tests / sizeof *frames_tests;
