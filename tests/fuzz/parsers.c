/* tests/fuzz/parsers.c: everything that makes sense of bytes, without connections: the first byte
 * says which parser the rest is for. What it accepts must be consistent with what it was given, and
 * come back the same when it is written and read again. */
#include "base/bytes.h"
#include "base/journal.h"
#include "bridge/socks5_message.h"
#include "cli/command.h"
#include "fuzz/build.h"
#include "fuzz/harness.h"
#include "ip/ip.h"
#include "link/frame.h"
#include "link/sockaddr.h"
#include "packet/segment.h"
#include "wire/ethernet.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <rill/capture.h>
#include <stdlib.h>
#include <string.h>

const char fuzz_target[] = "parsers";

#define JOURNAL_MEMORY (16u << 20)

/* What is accepted is not accepted when it ends early, and nobody looks beyond its end. Returns
 * where it would have been: null is right. */
static const uint8_t *accepted_short(bool (*accepts)(const uint8_t *data, size_t size),
                                     const uint8_t *data, size_t whole) {
    for (size_t size = 0; size < whole; size++) {
        uint8_t *copy = malloc(size ? size : 1);
        if (!copy)
            return 0;
        memcpy(copy, data, size);
        bool accepted = accepts(copy, size);
        free(copy);
        if (accepted)
            return data + size;
    }
    return 0;
}

static bool accepts_arp(const uint8_t *data, size_t size) {
    struct wire_arp message;
    return rill__arp_parse(data, size, &message) == 0;
}

static bool accepts_ipv4(const uint8_t *data, size_t size) {
    struct wire_ipv4 header;
    return rill__ipv4_parse(data, size, &header) == 0;
}

static bool accepts_ipv6(const uint8_t *data, size_t size) {
    struct wire_ipv6 header;
    return rill__ipv6_parse(data, size, &header) == 0;
}

static bool accepts_tcp(const uint8_t *data, size_t size) {
    struct wire_tcp header;
    return rill__wire_tcp_parse(data, size, &header) == 0;
}

static void arp(const uint8_t *data, size_t size) {
    struct wire_arp message;
    uint8_t out[WIRE_ARP_LENGTH];
    if (rill__arp_parse(data, size, &message))
        return;
    FUZZ_REQUIRE(size >= WIRE_ARP_LENGTH);
    FUZZ_REQUIRE(!accepted_short(accepts_arp, data, WIRE_ARP_LENGTH));
    rill__arp_emit(&message, out);
    FUZZ_REQUIRE(memcmp(out, data, sizeof out) == 0);
}

static void ipv4(const uint8_t *data, size_t size) {
    struct wire_ipv4 header, again;
    uint8_t out[WIRE_IPV4_HEADER];
    if (rill__ipv4_parse(data, size, &header))
        return;
    FUZZ_REQUIRE(header.header_length >= WIRE_IPV4_HEADER);
    FUZZ_REQUIRE(header.header_length <= header.total_length && header.total_length <= size);
    FUZZ_REQUIRE(!accepted_short(accepts_ipv4, data, header.header_length));
    rill__ipv4_emit(&header, out);
    FUZZ_REQUIRE(memcmp(out + 12, data + 12, 8) == 0 && memcmp(out + 1, data + 1, 5) == 0);
    FUZZ_REQUIRE(out[6] == (data[6] & 0x7f) && memcmp(out + 7, data + 7, 3) == 0);
    if (header.total_length > sizeof out)
        return;
    FUZZ_REQUIRE(rill__ipv4_parse(out, sizeof out, &again) == 0);
    FUZZ_REQUIRE(again.total_length == header.total_length && again.protocol == header.protocol);
}

static void ipv6(const uint8_t *data, size_t size) {
    struct wire_ipv6 header;
    uint8_t out[WIRE_IPV6_HEADER];
    if (rill__ipv6_parse(data, size, &header))
        return;
    FUZZ_REQUIRE((size_t)header.payload_length + WIRE_IPV6_HEADER <= size);
    FUZZ_REQUIRE(!accepted_short(accepts_ipv6, data, WIRE_IPV6_HEADER));
    rill__ipv6_emit(&header, out);
    FUZZ_REQUIRE(memcmp(out, data, sizeof out) == 0);
}

static void same_options(const struct wire_tcp *a, const struct wire_tcp *b) {
    bool syn = a->flags & WIRE_SYN;
    unsigned room = a->has_timestamps ? 3 : 4;
    FUZZ_REQUIRE(a->has_timestamps == b->has_timestamps);
    FUZZ_REQUIRE(a->timestamp_value == b->timestamp_value);
    FUZZ_REQUIRE(a->timestamp_echo == b->timestamp_echo);
    FUZZ_REQUIRE(a->user_timeout == b->user_timeout);
    FUZZ_REQUIRE(a->mss == b->mss && a->sack_permitted == b->sack_permitted);
    FUZZ_REQUIRE(a->has_window_scale == b->has_window_scale);
    FUZZ_REQUIRE(a->window_scale == b->window_scale && a->window_scale <= 14);
    if (syn)
        return;
    FUZZ_REQUIRE(b->sack_count == (a->sack_count < room ? a->sack_count : room));
    for (unsigned i = 0; i < b->sack_count; i++)
        FUZZ_REQUIRE(a->sacks[i].left == b->sacks[i].left &&
                     a->sacks[i].right == b->sacks[i].right);
}

static void tcp(const uint8_t *data, size_t size) {
    struct wire_tcp header, again;
    uint8_t out[WIRE_TCP_HEADER_MAX];
    if (rill__wire_tcp_parse(data, size, &header))
        return;
    FUZZ_REQUIRE(header.header_length >= WIRE_TCP_HEADER && header.header_length <= size);
    FUZZ_REQUIRE(header.sack_count <= WIRE_SACK_MAX);
    FUZZ_REQUIRE(!accepted_short(accepts_tcp, data, header.header_length));
    struct wire_tcp copy = header;
    size_t length = rill__wire_tcp_emit(&copy, out);
    FUZZ_REQUIRE(length % 4 == 0 && length <= sizeof out && length == copy.header_length);
    if (!(header.flags & WIRE_SYN))
        FUZZ_REQUIRE(length == rill__tcp_header_length(&header));
    FUZZ_REQUIRE(rill__wire_tcp_parse(out, length, &again) == 0);
    FUZZ_REQUIRE(memcmp(out, data, 12) == 0 && memcmp(out + 13, data + 13, 3) == 0);
    FUZZ_REQUIRE(memcmp(out + 18, data + 18, 2) == 0);
    same_options(&header, &again);
}

/* The network's own parser, which sees only the first `contiguous` bytes of the packet. */
static void network(const struct rill_network_ops *ops, const uint8_t *data, size_t size) {
    if (size < 1)
        return;
    size_t beyond = (size_t)data[0] * 8; /* bytes in slices that it must not read */
    struct ip_datagram datagram = {.network = ops};
    uint8_t out[64];
    data++;
    size--;
    enum rill_drop drop = ops->parse(data, size, size + beyond, &datagram);
    FUZZ_REQUIRE(drop || datagram.header_length <= size);
    FUZZ_REQUIRE(drop || datagram.header_length + datagram.length <= size + beyond);
    FUZZ_REQUIRE(!datagram.problem || (drop && datagram.problem_at < size));
    if (drop)
        return;
    FUZZ_REQUIRE(!datagram.is_fragment || datagram.more_fragments || datagram.fragment_offset);
    datagram.length = datagram.length > 64 ? 64 : datagram.length;
    ops->emit(&datagram, out);
    struct ip_datagram again = {.network = ops};
    size_t header = ops->header_length + (datagram.is_fragment ? ops->fragment_header : 0u);
    FUZZ_REQUIRE(ops->parse(out, header, header + datagram.length, &again) == 0 ||
                 datagram.protocol == 59 || datagram.protocol == 0 || datagram.protocol == 43 ||
                 datagram.protocol == 44 || datagram.protocol == 60);
    FUZZ_REQUIRE(rill_address_equal(&again.source, &datagram.source));
    FUZZ_REQUIRE(again.fragment_offset == datagram.fragment_offset);
    FUZZ_REQUIRE(again.more_fragments == datagram.more_fragments);
}

/* Leading zeros are taken here and refused there. */
static bool has_leading_zero(const char *text) {
    for (const char *p = text; *p; p++)
        if (*p == '0' && p[1] >= '0' && p[1] <= '9' && (p == text || p[-1] == '.' || p[-1] == ':'))
            return true;
    return false;
}

static void address_text(const uint8_t *data, size_t size) {
    char text[128], back[RILL_ADDRESS_TEXT], end_text[RILL_ENDPOINT_TEXT];
    struct rill_address address, again, theirs = {{0}};
    if (size >= sizeof text)
        return;
    memcpy(text, data, size);
    text[size] = '\0';
    uint8_t quad[4];
    bool known = inet_pton(AF_INET6, text, theirs.bytes) == 1;
    if (!known && inet_pton(AF_INET, text, quad) == 1) {
        known = true;
        theirs = rill__address_from_ipv4(quad);
    }
    bool ours = rill_address_parse(text, &address) == 0;
    FUZZ_REQUIRE(ours || !known);
    FUZZ_REQUIRE(!ours || known || has_leading_zero(text));
    FUZZ_REQUIRE(!ours || !known || rill_address_equal(&address, &theirs));
    if (!ours && size == 18) /* any sixteen bytes have a text */
        memcpy(address.bytes, data + 2, 16);
    else if (!ours)
        return;
    rill_address_format(&address, back);
    FUZZ_REQUIRE(strlen(back) < sizeof back);
    FUZZ_REQUIRE(rill_address_parse(back, &again) == 0 && rill_address_equal(&address, &again));
    FUZZ_REQUIRE(inet_pton(strchr(back, ':') ? AF_INET6 : AF_INET, back, theirs.bytes) == 1);
    struct rill_endpoint endpoint = {address, (uint16_t)(size * 4099), 0};
    FUZZ_REQUIRE(strlen(rill_endpoint_format(&endpoint, end_text)) < sizeof end_text);
}

static void socket_address(const uint8_t *data, size_t size) {
    struct rill_endpoint endpoint, again;
    struct sockaddr_storage storage;
    sa_family_t family;
    if (sockaddr_to_endpoint((const struct sockaddr *)(const void *)data, (socklen_t)size,
                             &endpoint))
        return;
    memcpy(&family, data, sizeof family);
    socklen_t length = sockaddr_from_endpoint(&endpoint, family, &storage);
    FUZZ_REQUIRE(length && length <= size);
    FUZZ_REQUIRE(sockaddr_to_endpoint((struct sockaddr *)&storage, length, &again) == 0);
    FUZZ_REQUIRE(rill_address_equal(&endpoint.address, &again.address));
    FUZZ_REQUIRE(endpoint.port == again.port && endpoint.zone == again.zone);
}

static void replay(const uint8_t *data, size_t size, bool ignore_checks) {
    struct test_memory memory = {.fill = 0x77};
    struct rill_replay_config config;
    struct rill_replay_result result;
    rill_replay_config_default(&config);
    config.allocator = test_allocator(&memory);
    config.ignore_checks = ignore_checks;
    config.memory_max = JOURNAL_MEMORY;
    if (rill_journal_replay(data, size, &config, &result) == 0) {
        FUZZ_REQUIRE(result.end < RILL_REPLAY_END_COUNT && result.offset <= size);
        FUZZ_REQUIRE(strlen(result.what) < sizeof result.what);
    }
    FUZZ_REQUIRE(memory.live_bytes == 0 && memory.live_blocks == 0);
    FUZZ_REQUIRE(memory.peak_bytes <= JOURNAL_MEMORY);
}

/* Records behind a header, their checks not looked at. */
static void replay_records(const uint8_t *data, size_t size) {
    uint8_t *bytes = malloc(RILL_JOURNAL_HEADER + size);
    if (!bytes)
        return;
    rill_journal_begin(bytes);
    memcpy(bytes + RILL_JOURNAL_HEADER, data, size);
    replay(bytes, RILL_JOURNAL_HEADER + size, true);
    free(bytes);
}

static void journal_records(const uint8_t *data, size_t size) {
    const uint8_t *at = data, *end = data + size;
    struct journal_record record;
    struct digest chain = {0};
    uint64_t values[JOURNAL_VALUES_MAX];
    while (at < end && rill__journal_read(at, end, &record) == JOURNAL_READ) {
        FUZZ_REQUIRE(record.start == at && record.body > at && record.next > record.body);
        FUZZ_REQUIRE(record.body + record.length == record.check && record.next <= end);
        const uint8_t *bytes = rill__journal_values(&record, values, JOURNAL_VALUES_MAX);
        FUZZ_REQUIRE(bytes >= record.body && bytes <= record.check);
        (void)rill__journal_check(&chain, &record);
        at = record.next;
    }
}

static void socks5(const uint8_t *data, size_t size) {
    char name[SOCKS5_NAME_MAX] = "";
    uint16_t port;
    enum socks5_reply reply;
    bool acceptable;
    int used = socks5_parse_greeting(data, size, &acceptable);
    FUZZ_REQUIRE(used <= (int)size && used >= -1);
    used = socks5_parse_request(data, size, name, &port, &reply);
    FUZZ_REQUIRE(used <= (int)size && used >= -1);
    if (used > 0 && reply == SOCKS5_SUCCEEDED) {
        struct rill_address address;
        uint8_t out[SOCKS5_ANSWER_MAX];
        FUZZ_REQUIRE(memchr(name, '\0', sizeof name));
        if (data[3] == 3) { /* the name is what was asked for, all of it */
            FUZZ_REQUIRE(strlen(name) == data[4]);
            return;
        }
        FUZZ_REQUIRE(rill_address_parse(name, &address) == 0);
        struct rill_endpoint endpoint = {address, port, 0};
        size_t length = socks5_answer(SOCKS5_SUCCEEDED, &endpoint, out);
        if (data[3] == 1 || !rill_address_is_ipv4(&address))
            FUZZ_REQUIRE((int)length == used && memcmp(out + 3, data + 3, length - 3) == 0);
    }
}

/* Every frame of a packet; together they have all its payload. */
static void cut_into_frames(const struct rill_packet *packet) {
    static uint8_t frame[70000];
    uint32_t count = rill_packet_frames(packet);
    size_t total = 0;
    FUZZ_REQUIRE(count >= 1);
    for (uint32_t i = 0; i < count && i < 3; i++) {
        size_t length = rill_packet_frame(packet, i, frame, sizeof frame);
        FUZZ_REQUIRE(length <= packet->length);
        total += length;
    }
    FUZZ_REQUIRE(count > 1 || total == packet->length);
    FUZZ_REQUIRE(rill_packet_frame(packet, count, frame, sizeof frame) == 0);
}

static bool count_bytes(void *context, const uint8_t *data, size_t length) {
    FUZZ_REQUIRE(length % 4 == 0 && length >= 12);
    uint32_t said = (uint32_t)bytes_get64_little(data) & 0;
    for (int i = 3; i >= 0; i--)
        said = said << 8 | data[4 + i];
    FUZZ_REQUIRE(said == length && memcmp(data + 4, data + length - 4, 4) == 0);
    ++*(uint32_t *)context;
    return true;
}

/* A frame with an offload header, as a link takes it from the kernel; and as a capture of it. */
static void virtio(const uint8_t *data, size_t size) {
    struct virtio_net_hdr header;
    struct test_memory memory = {.fill = 0x77};
    struct rill_allocator allocator = test_allocator(&memory);
    struct rill_pool *pool = rill_pool_open(&allocator, 0);
    if (size < sizeof header + 2)
        size = 0;
    if (size) {
        memcpy(&header, data, sizeof header);
        struct rill_packet *packet =
            fuzz_packet_of(pool, data + sizeof header + 2, size - sizeof header - 2, data[10] & 7);
        packet->link_length = data[11] & 1 && packet->length >= 14 ? 14 : 0;
        uint32_t length = packet->length, pieces = 0;
        enum frame_kind kind = frame_take_header(&header, packet);
        if (kind == FRAME_DATAGRAMS)
            packet = frame_split(packet);
        else if (kind == FRAME_SENSELESS)
            packet->flags = 0, packet->gso_size = 0;
        while (packet) {
            struct rill_packet *next = kind == FRAME_DATAGRAMS ? packet->next : 0;
            uint32_t blocks = 0;
            FUZZ_REQUIRE(packet->length <= length && ++pieces <= length + 1);
            if (!packet->link_length && kind != FRAME_SENSELESS) {
                cut_into_frames(packet);
                FUZZ_REQUIRE(rill_capture_packet(packet, 5, 0, count_bytes, &blocks));
                FUZZ_REQUIRE(blocks == rill_packet_frames(packet));
            }
            rill_packet_drop(packet);
            packet = next;
        }
    }
    rill_pool_close(pool);
    FUZZ_REQUIRE(memory.live_bytes == 0);
}

static void command_values(const uint8_t *data, size_t size) {
    char text[64];
    uint64_t number = 0;
    uint32_t part = 0;
    rill_time time = 0;
    if (size >= sizeof text)
        return;
    memcpy(text, data, size);
    text[size] = '\0';
    FUZZ_REQUIRE(!cli_parse_size(text, &number) || number <= UINT64_C(1000000000000000000));
    FUZZ_REQUIRE(!cli_parse_rate(text, &number) || number <= UINT64_C(10000000000000));
    FUZZ_REQUIRE(!cli_parse_probability(text, &part) || part <= RILL_CERTAIN);
    FUZZ_REQUIRE(!cli_parse_time(text, &time) || time <= UINT64_C(9000000000000000000));
    if (cli_parse_number(text, &number)) {
        char back[32];
        uint64_t again;
        snprintf(back, sizeof back, "%llu", (unsigned long long)number);
        FUZZ_REQUIRE(cli_parse_number(back, &again) && again == number);
    }
}

/* Packets to a host without connections: length, packet, length, packet … */
static void host(const uint8_t *data, size_t size, bool ethernet) {
    struct fuzz_input input = {data, data + size};
    struct test_world test;
    struct rill_packet *out[64];
    rill_handle udp;
    test_world_init(&test, 1);
    uint8_t how = input_8(&input);
    test.ipv6 = how & 1;
    test.config[1].memory_limit = 1u << 20;
    test.journal = fuzz_journal_begin();
    for (int i = 0; i < 2; i++) {
        test.interface[i].framing = ethernet ? &rill_ethernet : 0;
        test.interface[i].autoconfigure = ethernet && how & 2;
        test.interface[i].flags = how & 4 ? RILL_INTERFACE_ACCEPT_ANY : 0;
        memcpy(test.interface[i].mac, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)(i + 1)}, 6);
    }
    FUZZ_REQUIRE(test_world_open(&test) == 0);
    struct rill_stack *stack = test.world.stacks[1];
    struct rill_udp_config config;
    rill_udp_config_default(&config);
    config.local.port = 7;
    FUZZ_REQUIRE(rill_udp_open(stack, &config, &udp) == 0 && test_listen(&test, 1, 80));
    while (!input_done(&input)) {
        uint8_t shape = input_8(&input), packet_bytes[2048];
        size_t length = input_16(&input) % sizeof packet_bytes;
        const uint8_t *bytes = input_bytes(&input, &length);
        memcpy(packet_bytes, bytes, length);
        size_t link = ethernet ? 14 : 0;
        if (shape & 8 && length > link)
            build_finish(packet_bytes + link, length - link);
        struct rill_packet *packet = fuzz_packet_of(test.pool, packet_bytes, length, shape & 7);
        FUZZ_REQUIRE(packet);
        rill_input(stack, 0, &packet, 1, test.world.now);
        test.world.now += shape & 16 ? RILL_SECOND : 1000;
        rill_advance(stack, test.world.now, 0);
        size_t n = rill_output(stack, 0, out, 64, SIZE_MAX, test.world.now);
        for (size_t i = 0; i < n; i++)
            rill_packet_drop(out[i]);
        struct rill_stack_info info;
        rill_stack_get_info(stack, &info);
        FUZZ_REQUIRE(info.memory_held <= 6u << 20);
    }
    test_world_close(&test);
    FUZZ_REQUIRE(test.memory.live_bytes == 0 && test.memory.live_blocks == 0);
}

/* The same bytes with lengths and checksums made right. */
static void finished(void (*parse)(const uint8_t *data, size_t size), const uint8_t *data,
                     size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return;
    memcpy(copy, data, size);
    build_finish(copy, size);
    parse(copy, size);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const simple[])(const uint8_t *data, size_t size) = {
        arp,          ipv4,           ipv6,           tcp,
        address_text, socket_address, replay_records, journal_records,
        socks5,       virtio,         command_values};
    enum { SIMPLE = sizeof simple / sizeof *simple };
    if (!size)
        return 0;
    /* The rest as a piece of memory of its own, so that its ends are seen and it is aligned. */
    uint8_t which = data[0], *bytes = malloc(size - 1 ? size - 1 : 1);
    if (!bytes)
        return 0;
    memcpy(bytes, data + 1, --size);
    if (which < SIMPLE)
        simple[which](bytes, size);
    else if (which == SIMPLE)
        network(&rill_ipv4, bytes, size);
    else if (which == SIMPLE + 1)
        network(&rill_ipv6, bytes, size);
    else if (which == SIMPLE + 2)
        replay(bytes, size, false);
    else if (which == SIMPLE + 3)
        finished(ipv4, bytes, size);
    else if (which == SIMPLE + 4 || which == SIMPLE + 5)
        host(bytes, size, which == SIMPLE + 5);
    free(bytes);
    return 0;
}
