/* tests/fuzz/reassembly.c: IP fragments put together again (ip/reassembly.c), against a model that
 * keeps every datagram as 64 KiB of bytes and as many flags. What is delivered, what is held and
 * what is counted must be the same. */
#include "base/bytes.h"
#include "fuzz/build.h"
#include "fuzz/harness.h"
#include "ip/ip.h"
#include "packet/segment.h"
#include "stack/stack.h"

#include <stdlib.h>
#include <string.h>

const char fuzz_target[] = "reassembly";

#define SETS 256
#define PARTS 256
#define HELD (4u << 20)
#define LIFETIME (30 * RILL_SECOND)
#define LONGEST 65535u
#define PROTOCOL 253 /* for experiments (RFC 3692): the harness is its transport */

struct part {
    uint32_t offset, length, charge;
};

struct datagram { /* incomplete */
    struct rill_address source;
    uint32_t id;
    rill_time until;
    uint32_t total, count, bytes; /* total 0: its end has not come */
    struct part parts[PARTS];
    uint8_t there[65536], data[65536];
};

struct run {
    struct fuzz_input input;
    struct test_memory memory;
    struct rill_allocator allocator;
    struct rill_pool *pool, *scales;
    struct rill_stack *stack;
    struct rill_address own;
    rill_time now;
    bool ipv6;
    struct datagram *list[SETS]; /* the oldest first */
    uint32_t count, held;
    uint64_t overlaps, too_many, timeouts;
    uint32_t delivered; /* bytes, and what they are: */
    uint32_t deliveries, expected_deliveries;
    uint8_t bytes[65536];
    struct rill_address from;
};

/* The transport: keeps what it is given. */
static struct run *current;

static void *transport_open(struct core *core, struct ip_host *ip,
                            const struct rill_stack_config *config, uint8_t index) {
    (void)core;
    (void)ip;
    (void)config;
    (void)index;
    return current;
}

static void transport_close(void *transport) {
    (void)transport;
}

static void transport_input(void *transport, struct ip_datagram *datagram) {
    struct run *run = transport;
    run->deliveries++;
    run->delivered = datagram->length;
    run->from = datagram->source;
    FUZZ_REQUIRE(datagram->length <= sizeof run->bytes && !datagram->is_fragment);
    FUZZ_REQUIRE(datagram->contiguous <= datagram->length);
    FUZZ_REQUIRE(datagram->packet->length >= datagram->header_length + datagram->length);
    rill__packet_copy(datagram->packet, datagram->header_length, run->bytes, datagram->length);
    FUZZ_REQUIRE(memcmp(run->bytes, datagram->data, datagram->contiguous) == 0);
}

static const struct rill_transport_ops transport = {
    .protocol = PROTOCOL,
    .open = transport_open,
    .close = transport_close,
    .input = transport_input,
};

static void open_run(struct run *run) {
    struct rill_stack_config config;
    struct rill_interface_config interface;
    uint32_t number;
    run->allocator = test_allocator(&run->memory);
    run->pool = rill_pool_open(&run->allocator, 0);
    run->scales = rill_pool_open(&run->allocator, 0);
    rill_stack_config_default(&config);
    config.allocator = run->allocator;
    config.pool = run->pool;
    config.seed[0] = 1;
    config.memory_limit = 1u << 30;
    config.transports[0] = &transport;
    config.transports[1] = 0;
    rill_interface_config_default(&interface);
    interface.mtu = 65535;
    FUZZ_REQUIRE(rill_stack_open(&config, &run->stack) == 0);
    FUZZ_REQUIRE(rill_interface_add(run->stack, &interface, &number) == 0);
    run->own = rill_address_ipv4(10, 0, 0, 1);
    if (run->ipv6)
        FUZZ_REQUIRE(rill_address_parse("fd00::1", &run->own) == 0);
    FUZZ_REQUIRE(rill_address_add(run->stack, 0, &run->own, run->ipv6 ? 64 : 24) == 0);
}

static void model_drop(struct run *run, uint32_t at) {
    struct datagram *datagram = run->list[at];
    for (uint32_t i = 0; i < datagram->count; i++)
        run->held -= datagram->parts[i].charge;
    free(datagram);
    run->count--;
    memmove(run->list + at, run->list + at + 1, (run->count - at) * sizeof *run->list);
}

static uint32_t model_find(struct run *run, const struct rill_address *source, uint32_t id) {
    uint32_t at = 0;
    while (at < run->count &&
           (run->list[at]->id != id || !rill_address_equal(&run->list[at]->source, source)))
        at++;
    if (at < run->count)
        return at;
    if (run->count == SETS) {
        model_drop(run, 0);
        at--;
    }
    struct datagram *datagram = calloc(1, sizeof *datagram);
    FUZZ_REQUIRE(datagram);
    datagram->source = *source;
    datagram->id = id;
    datagram->until = run->now + LIFETIME;
    run->list[run->count++] = datagram;
    return at;
}

/* What a block for so many bytes, and its packet, count for. */
static uint32_t charge_of(struct run *run, uint32_t length) {
    struct rill_block *block = rill_block_open(run->scales, length);
    FUZZ_REQUIRE(block);
    uint32_t capacity = (uint32_t)rill_block_capacity(block);
    rill_block_drop(block);
    return capacity + 768;
}

/* Whether there can be such a fragment: an IPv4 datagram has its header in its 65,535 bytes. */
static bool possible(const struct run *run, uint32_t offset, uint32_t length, bool more) {
    uint32_t end = offset + length;
    return length && end <= (run->ipv6 ? LONGEST : LONGEST - 20) && !(more && length % 8);
}

/* Whether a fragment contradicts those before it about the end. */
static bool contradicts(const struct datagram *datagram, uint32_t end, bool more) {
    uint32_t last = 0;
    for (uint32_t i = 0; i < datagram->count; i++)
        if (datagram->parts[i].offset + datagram->parts[i].length > last)
            last = datagram->parts[i].offset + datagram->parts[i].length;
    if (more)
        return datagram->total && end >= datagram->total;
    return datagram->total ? datagram->total != end : last > end;
}

static void model_fragment(struct run *run, const struct rill_address *source, uint32_t id,
                           uint32_t offset, uint32_t length, bool more, const uint8_t *data) {
    if (!possible(run, offset, length, more)) {
        run->overlaps++;
        return;
    }
    uint32_t at = model_find(run, source, id);
    struct datagram *datagram = run->list[at];
    bool overlaps = contradicts(datagram, offset + length, more);
    for (uint32_t i = 0; i < datagram->count && !overlaps; i++)
        if (datagram->parts[i].offset == offset && datagram->parts[i].length == length)
            return; /* it is there already */
    for (uint32_t i = offset; i < offset + length && !overlaps; i++)
        overlaps = datagram->there[i];
    if (overlaps || datagram->count == PARTS) {
        run->overlaps += overlaps;
        run->too_many += !overlaps;
        model_drop(run, at);
        return;
    }
    uint32_t charge = charge_of(run, length);
    datagram->parts[datagram->count++] = (struct part){offset, length, charge};
    run->held += charge;
    memset(datagram->there + offset, 1, length);
    memcpy(datagram->data + offset, data, length);
    datagram->bytes += length;
    datagram->total = more ? datagram->total : offset + length;
    if (datagram->total && !memchr(datagram->there, 0, datagram->total)) {
        run->expected_deliveries++;
        FUZZ_REQUIRE(run->deliveries == run->expected_deliveries);
        FUZZ_REQUIRE(run->delivered == datagram->total);
        FUZZ_REQUIRE(memcmp(run->bytes, datagram->data, datagram->total) == 0);
        FUZZ_REQUIRE(rill_address_equal(&run->from, &datagram->source));
        model_drop(run, at);
    }
    while (run->held > HELD)
        model_drop(run, 0);
}

static void fragment(struct run *run) {
    static uint8_t packet_bytes[70000], payload[70000];
    uint8_t who = input_8(&run->input), how = input_8(&run->input);
    uint32_t id = input_8(&run->input), scale = how & 4 ? 32 : 1;
    uint32_t offset = input_8(&run->input) * 8u * scale, length = input_8(&run->input);
    bool more = how & 1;
    length = how & 2 ? length * 8 * scale : length;
    id |= how & 128 ? (uint32_t)(who >> 4) << 8 : 0;
    struct rill_address source = run->own;
    source.bytes[15] = (uint8_t)(2 + who % 4);
    if (length > 65535u - 60)
        length = 65535u - 60;
    memset(payload, id * 31 + length + run->expected_deliveries, length);
    if (length)
        payload[0] = how;
    size_t extra = run->ipv6 ? 8 : 0;
    uint8_t *behind = build_ip(packet_bytes, &source, &run->own, PROTOCOL, extra + length);
    if (run->ipv6) {
        packet_bytes[6] = 44;
        behind[0] = PROTOCOL;
        behind[1] = 0;
        bytes_put16(behind + 2, offset | more);
        bytes_put32(behind + 4, id);
    } else {
        bytes_put16(packet_bytes + 4, id);
        bytes_put16(packet_bytes + 6, offset / 8 | (more ? 0x2000u : 0));
    }
    memcpy(behind + extra, payload, length);
    size_t size = (size_t)(behind - packet_bytes) + extra + length;
    build_finish(packet_bytes, size);
    bool whole = !offset && !more;
    memset(packet_bytes + size, 0, 4); /* what an Ethernet pads with is no part of it */
    struct rill_packet *packet =
        fuzz_packet_of(run->pool, packet_bytes, size + (how & 8 ? 4 : 0),
                       (uint8_t)(size > 200 ? how >> 4 & 7 : how >> 4 & 1));
    FUZZ_REQUIRE(packet);
    rill_input(run->stack, 0, &packet, 1, run->now);
    if (whole)
        run->expected_deliveries++;
    else
        model_fragment(run, &source, id, offset, length, more, payload);
}

static void pass_time(struct run *run) {
    static const uint64_t steps[] = {1, 1000, 999999999, 5000000000, 29999999999, 30000000000};
    struct rill_packet *out[64];
    size_t n;
    run->now += steps[input_below(&run->input, 6)];
    rill_advance(run->stack, run->now, 0);
    while ((n = rill_output(run->stack, 0, out, 64, SIZE_MAX, run->now)) > 0)
        while (n)
            rill_packet_drop(out[--n]);
    for (uint32_t i = run->count; i-- > 0;) {
        if (run->list[i]->until <= run->now) {
            run->timeouts++;
            model_drop(run, i);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct run run;
    struct rill_stack_info info;
    memset(&run, 0, sizeof run);
    run.input = (struct fuzz_input){data, data + size};
    run.ipv6 = input_8(&run.input) & 1;
    current = &run;
    open_run(&run);
    while (!input_done(&run.input)) {
        if (*run.input.at == 0xff)
            pass_time((input_8(&run.input), &run));
        else
            fragment(&run);
        rill_stack_get_info(run.stack, &info);
        FUZZ_REQUIRE(run.deliveries == run.expected_deliveries);
        FUZZ_REQUIRE(info.memory_held == run.held && run.held <= HELD);
        FUZZ_REQUIRE(info.drops[RILL_DROP_IP_FRAGMENT_OVERLAP] == run.overlaps);
        FUZZ_REQUIRE(info.drops[RILL_DROP_IP_FRAGMENT] == run.too_many);
        FUZZ_REQUIRE(info.drops[RILL_DROP_IP_REASSEMBLY_TIMEOUT] == run.timeouts);
    }
    while (run.count)
        model_drop(&run, 0);
    rill_stack_close(run.stack);
    rill_pool_close(run.pool);
    rill_pool_close(run.scales);
    FUZZ_REQUIRE(run.memory.live_bytes == 0 && run.memory.live_blocks == 0);
    return 0;
}
