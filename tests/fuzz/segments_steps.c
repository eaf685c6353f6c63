/* tests/fuzz/segments_steps.c: see segments.h. */
#include "fuzz/segments.h"

#include "base/bytes.h"
#include "fuzz/build.h"
#include "stack/stack.h"
#include "tcp/host.h"
#include "wire/ethernet.h"
#include <string.h>

const uint8_t segments_macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};

/* An IP packet at bytes + 14, sent as the link has it. */
void segments_send_ip(struct run *run, uint8_t *bytes, size_t length, uint8_t shape,
                      bool must_count) {
    uint8_t *ip = bytes + WIRE_ETHERNET_HEADER;
    if (!run->ethernet) {
        segments_deliver(run, ip, length, shape, must_count);
        return;
    }
    rill__ethernet_emit(bytes, segments_macs[1], segments_macs[0],
                        ip[0] >> 4 == 4 ? WIRE_TYPE_IPV4 : WIRE_TYPE_IPV6);
    segments_deliver(run, bytes, length + WIRE_ETHERNET_HEADER, shape, must_count);
}

static const void *some_object(const struct slab *slab, uint32_t wanted) {
    uint32_t slots = slab_end(slab);
    for (uint32_t i = 0; i < slots; i++)
        if (slab_in_use(slab, (i + wanted) % slots))
            return slab_at(slab, (i + wanted) % slots);
    return 0;
}

/* A record of host 1 and its numbers: mostly a connection. False: there is none. */
bool segments_take_aim(struct run *run, struct aim *aim) {
    struct tcp_host *host = run->test.world.stacks[1]->tcp;
    uint8_t which = input_8(&run->input);
    memset(aim, 0, sizeof *aim);
    const struct time_wait *old = which >> 5 == 6 ? some_object(&host->time_waits, which) : 0;
    if (old) {
        *aim = (struct aim){.key = old->key,
                            .rcv_nxt = old->rcv_nxt,
                            .snd_una = old->snd_nxt,
                            .window = old->window,
                            .ts_recent = old->ts_recent,
                            .timestamps = old->timestamps};
        return true;
    }
    const struct half_open *half = which >> 5 == 7 ? some_object(&host->half_opens, which) : 0;
    if (half) {
        *aim = (struct aim){.key = half->key,
                            .rcv_nxt = half->irs + 1,
                            .snd_una = half->iss,
                            .window = 65535,
                            .flight = 1,
                            .ts_recent = half->ts_recent,
                            .timestamps = half->flags & CONNECTION_TIMESTAMPS};
        return true;
    }
    const struct connection *connection = some_object(&host->connections, which);
    if (!connection)
        return false;
    *aim = (struct aim){.key = connection->key,
                        .rcv_nxt = connection->rcv_nxt,
                        .snd_una = connection->snd_una,
                        .window = connection->rcv_adv - connection->rcv_nxt,
                        .flight = connection->snd_nxt - connection->snd_una,
                        .ts_recent = connection->ts_recent,
                        .timestamps = connection->flags & CONNECTION_TIMESTAMPS};
    return true;
}

/* A number near one that means something: one byte says which way and how far. */
uint32_t segments_near(struct run *run, uint32_t number, uint32_t reach) {
    uint8_t how = input_8(&run->input);
    uint32_t small = how & 15;
    switch (how >> 4) {
    case 0:
    case 1:
    case 2:
    case 3:
        return number + small;
    case 4:
    case 5:
        return number - small;
    case 6:
    case 7:
        return number + small * 1448;
    case 8:
        return number - small * 1448;
    case 9:
        return number + reach - small;
    case 10:
        return number + reach + small;
    case 11:
        return number + reach / 16 * small;
    case 12:
        return number + (small << 27);
    case 13:
        return number + (small << 12);
    case 14:
        return number + input_16(&run->input);
    default:
        return input_32(&run->input);
    }
}

static size_t put_options(struct run *run, uint8_t *out, const struct aim *aim) {
    static const uint8_t stamps[] = {1, 1, 8, 10}, syn[] = {2, 4, 5, 180, 4, 2, 1, 1, 1, 3, 3, 7};
    uint8_t how = input_8(&run->input);
    size_t length = 0;
    if (aim && (how & 1) == !aim->timestamps) {
        memcpy(out, stamps, sizeof stamps);
        bytes_put32(out + 4,
                    aim->ts_recent + (how & 2 ? input_8(&run->input) : 0u) - (how & 4 ? 100 : 0));
        bytes_put32(out + 8, how & 4 ? input_32(&run->input) : 0);
        length = 12;
    }
    if (how & 8) {
        memcpy(out + length, syn, sizeof syn);
        bytes_put16(out + length + 2, how & 16 ? input_16(&run->input) : 536);
        out[length + 11] = how >> 4;
        length += sizeof syn;
    }
    if (how & 32 && aim && length <= 24) {
        unsigned blocks = how & 64 && length <= 12 ? 2 : 1;
        memcpy(out + length, (uint8_t[]){1, 1, 5, (uint8_t)(2 + 8 * blocks)}, 4);
        for (unsigned i = 0; i < blocks; i++) {
            bytes_put32(out + length + 4 + 8 * i, segments_near(run, aim->snd_una, aim->flight));
            bytes_put32(out + length + 8 + 8 * i, segments_near(run, aim->snd_una, aim->flight));
        }
        length += 4 + 8 * blocks;
    }
    if (how & 128)
        while (length < 40 && !input_done(&run->input))
            for (int i = 0; i < 4; i++)
                out[length++] = input_8(&run->input);
    return length;
}

static uint8_t some_flags(struct run *run) {
    static const uint8_t usual[] = {WIRE_ACK,
                                    WIRE_ACK | WIRE_PSH,
                                    WIRE_ACK,
                                    WIRE_ACK,
                                    WIRE_ACK | WIRE_FIN,
                                    WIRE_SYN,
                                    WIRE_SYN | WIRE_ACK,
                                    WIRE_RST,
                                    WIRE_RST | WIRE_ACK,
                                    WIRE_FIN,
                                    0,
                                    WIRE_ACK | WIRE_URG,
                                    WIRE_ACK | WIRE_ECE};
    uint8_t which = input_8(&run->input);
    return which < 160 ? usual[which % sizeof usual] : which;
}

/* All bytes of all streams follow from their sequence number: whatever overlaps agrees, and who
 * reads a byte that belongs elsewhere sees it. */
static void fill(uint8_t *out, rill_seq sequence, size_t length) {
    for (size_t i = 0; i < length; i++)
        out[i] = test_byte(1, (rill_seq)(sequence + i));
}

/* Finishes a segment whose header begins at `tcp` and has its numbers, and sends it. */
static void send_segment(struct run *run, uint8_t *bytes, uint8_t *tcp, const uint8_t *options,
                         size_t option_bytes, size_t payload, uint8_t how) {
    uint8_t *ip = bytes + WIRE_ETHERNET_HEADER;
    size_t length = (size_t)(tcp - ip) + 20 + option_bytes + payload;
    tcp[12] = (uint8_t)((20 + option_bytes) / 4 << 4);
    memcpy(tcp + 20, options, option_bytes);
    fill(tcp + 20 + option_bytes, bytes_get32(tcp + 4) + (tcp[13] & WIRE_SYN ? 1u : 0u), payload);
    build_finish(ip, length);
    uint8_t shape = (uint8_t)(length > 200 ? how & 7 : how & 1);
    segments_send_ip(run, bytes, length, shape, !(tcp[13] & WIRE_SYN));
}

void segments_aimed(struct run *run, uint8_t how) {
    static const uint16_t lengths[] = {0, 1, 2, 100, 536, 1000, 1400, 8};
    uint8_t bytes[SEGMENTS_BYTES], options[80];
    struct aim aim;
    if (!segments_take_aim(run, &aim))
        return;
    uint8_t size = input_8(&run->input);
    size_t payload = size & 128 ? lengths[size & 7] : size & 64 ? size & 63 : 0;
    size_t option_bytes = put_options(run, options, &aim);
    uint8_t *tcp = build_ip(bytes + WIRE_ETHERNET_HEADER, &aim.key.remote, &aim.key.local, 6,
                            20 + option_bytes + payload);
    memset(tcp, 0, 20);
    bytes_put16(tcp, aim.key.remote_port);
    bytes_put16(tcp + 2, aim.key.local_port);
    bytes_put32(tcp + 4, segments_near(run, aim.rcv_nxt, aim.window));
    bytes_put32(tcp + 8, segments_near(run, aim.snd_una, aim.flight));
    tcp[13] = some_flags(run);
    bytes_put16(tcp + 14, size & 32 ? input_16(&run->input) : size & 16 ? 0 : 60000);
    send_segment(run, bytes, tcp, options, option_bytes, payload, how);
}

void segments_syn(struct run *run, uint8_t how) {
    static const uint16_t ports[] = {80, 81, 82, 7};
    uint8_t bytes[SEGMENTS_BYTES], options[80];
    struct rill_address from = run->test.address[0];
    size_t option_bytes = put_options(run, options, 0);
    from.bytes[15] = (uint8_t)(from.bytes[15] + (how & 8 ? 4 : 0));
    uint8_t *tcp =
        build_ip(bytes + WIRE_ETHERNET_HEADER, &from, &run->test.address[1], 6, 20 + option_bytes);
    memset(tcp, 0, 20);
    bytes_put16(tcp, 4000u + input_8(&run->input) % 32u);
    bytes_put16(tcp + 2, ports[how & 3]);
    bytes_put32(tcp + 4, how & 4 ? input_32(&run->input) : 1000);
    bytes_put32(tcp + 8, input_8(&run->input));
    tcp[13] = how & 8 ? some_flags(run) : WIRE_SYN;
    bytes_put16(tcp + 14, 60000);
    send_segment(run, bytes, tcp, options, option_bytes, 0, how);
}

void segments_replay(struct run *run, uint8_t how) {
    const struct kept *kept = &run->kept[input_8(&run->input) % SEGMENTS_KEPT];
    uint8_t bytes[SEGMENTS_BYTES];
    size_t length = kept->length, link = run->ethernet ? WIRE_ETHERNET_HEADER : 0;
    if (!length)
        return;
    memcpy(bytes, kept->bytes, length);
    run->tainted |= (how >> 4 & 3) != 0; /* its bytes may be wrong, or its number */
    for (unsigned changes = how >> 4 & 3; changes-- > 0;)
        bytes[input_8(&run->input) % length] = input_8(&run->input);
    if (how & 64)
        length = input_below(&run->input, (uint32_t)length + 1);
    if (how & 128 && length > link)
        build_finish(bytes + link, length - link);
    segments_deliver(run, bytes, length, (uint8_t)(length > 200 ? how & 7 : how & 1), false);
}

void segments_raw(struct run *run, uint8_t how) {
    uint8_t bytes[SEGMENTS_BYTES];
    size_t length = input_8(&run->input) * (how & 1 ? 4u : 1u);
    const uint8_t *given = input_bytes(&run->input, &length);
    memcpy(bytes + WIRE_ETHERNET_HEADER, given, length);
    uint8_t *ip = bytes + WIRE_ETHERNET_HEADER;
    if (how & 2 && length >= 40) { /* from the peer to us, whatever it is */
        uint8_t protocol = ip[run->test.ipv6 ? 6 : 9];
        uint8_t rest[4] = {ip[4], ip[5], ip[6], ip[7]};
        size_t header = run->test.ipv6 ? 40 : 20;
        build_ip(ip, &run->test.address[0], &run->test.address[1], protocol, length - header);
        if (!run->test.ipv6)
            memcpy(ip + 4, rest, 4); /* fragments */
    }
    if (how & 4)
        build_finish(ip, length);
    run->tainted |= (how & 4) != 0;
    if (how & 8 && run->ethernet)
        segments_deliver(run, ip, length, 0, false);
    else
        segments_send_ip(run, bytes, length, (uint8_t)(length > 200 ? how & 7 : how & 1), false);
}

void segments_network(struct run *run, uint8_t how) {
    int host = how & 1;
    struct rill_stack *stack = run->test.world.stacks[host];
    struct rill_address own = run->test.address[host], gateway = run->test.address[!host];
    struct rill_address group = rill_address_ipv4(224, 0, 1, input_8(&run->input) & 3);
    struct rill_address far = own;
    bool ipv4 = rill_address_is_ipv4(&own);
    int error = 0;
    if (!ipv4)
        memcpy(group.bytes, (uint8_t[]){0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 12);
    far.bytes[ipv4 ? 13 : 1] ^= 1;
    switch (how >> 1) {
    case 0:
        rill_link_set(stack, 0, false);
        break;
    case 1:
        rill_link_set(stack, 0, true);
        break;
    case 2:
        rill_address_remove(stack, 0, &own);
        break;
    case 3:
        error = rill_address_add(stack, 0, &own, ipv4 ? 24 : 64);
        break;
    case 4:
        error = rill_group_join(stack, 0, &group);
        break;
    case 5:
        rill_group_leave(stack, 0, &group);
        break;
    case 6:
        error = rill_route_add(stack, 0, &far, ipv4 ? 16 : 32, &gateway);
        break;
    default:
        rill_route_remove(stack, 0, &far, ipv4 ? 16 : 32, &gateway);
        break;
    }
    FUZZ_REQUIRE(error == 0 || (error <= RILL_ERROR_MEMORY && error >= RILL_ERROR_UNREACHABLE));
}

static void decide(struct run *run, uint8_t how) {
    struct rill_stack *stack = run->test.world.stacks[1];
    struct rill_endpoint local, remote;
    rill_handle handle;
    if (rill_tcp_pending(stack, run->listeners[1][1], &handle, &local, &remote))
        return;
    if (how % 3 == 0)
        rill_tcp_pending_accept(stack, handle);
    else if (how % 3 == 1)
        rill_tcp_pending_refuse(stack, handle);
    else
        rill_tcp_pending_drop(stack, handle);
}

static void connect_one(struct run *run, int host) {
    struct rill_tcp_connect_config config;
    rill_handle handle;
    uint8_t how = input_8(&run->input);
    rill_tcp_connect_config_default(&config);
    config.remote.address = run->test.address[!host];
    config.remote.port = (uint16_t)(80 + how % 4);
    config.local.port = how & 16 ? (uint16_t)(1000 + (how >> 5)) : 0;
    if (rill_tcp_connect(run->test.world.stacks[host], &config, &handle) == 0)
        segments_own(run, host, handle);
}

static void set_option(struct run *run, struct rill_stack *stack, rill_handle handle) {
    uint8_t which = input_8(&run->input);
    uint32_t value = input_16(&run->input);
    rill_tcp_set_option(stack, handle, (enum rill_tcp_option)(which % 10),
                        which & 128 ? value * 64 : value);
}

/* The sequence number of the next byte that is written, or of the next that is read. */
static rill_seq write_at(const struct connection *connection) {
    const struct active *active = connection->active;
    return active ? active->send.first + active->send.bytes : connection->snd_nxt;
}

static rill_seq read_at(const struct connection *connection) {
    bool fin = connection->flags & CONNECTION_FIN_RECEIVED;
    return connection->rcv_nxt - fin - (connection->active ? connection->active->receive.bytes : 0);
}

/* By copy, or by reference: then the stack takes some of the slices. */
static int64_t send_some(struct run *run, int host, rill_handle handle, size_t size, bool copy) {
    static uint8_t text[SEGMENTS_TEXT];
    struct rill_stack *stack = run->test.world.stacks[host];
    const struct connection *connection = rill__connection_find(stack->tcp, handle);
    rill_seq at = connection ? write_at(connection) : 0;
    struct rill_slice slices[8];
    size_t count = 0;
    if (copy) {
        fill(text, at, size);
        return rill_tcp_send(stack, handle, text, size);
    }
    size = size % 140 ? size : size / 140; /* many small ones fill a packet's slices */
    for (; count < 8; count++, at += (rill_seq)size) {
        struct rill_block *block = rill_block_open(run->test.pool, size);
        if (!block)
            break;
        fill(rill_block_data(block), at, size);
        slices[count] = (struct rill_slice){rill_block_data(block), size, block};
    }
    int64_t taken = rill_tcp_send_slices(stack, handle, slices, count);
    for (size_t i = taken > 0 ? (size_t)taken : 0; i < count; i++)
        rill_block_drop(slices[i].block);
    return taken;
}

static void check_read(const struct run *run, rill_seq at, const uint8_t *data, size_t length) {
    for (size_t i = 0; i < length && !run->tainted; i++)
        FUZZ_REQUIRE(data[i] == test_byte(1, (rill_seq)(at + i)));
}

/* By copy, by looking, or by reference. */
static int64_t receive_some(struct run *run, int host, rill_handle handle, size_t size,
                            unsigned how) {
    static uint8_t text[SEGMENTS_TEXT];
    struct rill_stack *stack = run->test.world.stacks[host];
    struct connection *connection = rill__connection_find(stack->tcp, handle);
    rill_seq at = connection ? read_at(connection) : 0;
    bool known = connection && !(connection->flags & CONNECTION_DEAF);
    struct rill_slice slices[8];
    int64_t n = how == 0   ? rill_tcp_receive(stack, handle, text, size)
                : how == 1 ? rill_tcp_peek(stack, handle, text, size)
                           : rill_tcp_receive_slices(stack, handle, slices, size % 8 + 1);
    if (how < 2) {
        check_read(run, at, text, known && n > 0 ? (size_t)n : 0);
        return n;
    }
    for (int64_t i = 0; i < n; i++) {
        if (known)
            check_read(run, at, slices[i].data, slices[i].length);
        at += (rill_seq)slices[i].length;
        rill_block_drop(slices[i].block);
    }
    return n;
}

void segments_application(struct run *run, int host, uint8_t how) {
    static uint8_t text[SEGMENTS_TEXT];
    struct rill_stack *stack = run->test.world.stacks[host];
    struct rill_event events[8];
    struct rill_udp_message message = {.remote = {run->test.address[!host], 7, 0}};
    uint32_t size = input_8(&run->input) * 70u;
    unsigned owned = run->owned[host], at = owned ? input_8(&run->input) % owned : 0;
    rill_handle handle = owned ? run->handles[host][at] : 0;
    int64_t n = 0;
    switch (how) {
    case 0:
        connect_one(run, host);
        break;
    case 1:
    case 2:
        for (int i = 0; i < 3; i++)
            if (rill_tcp_accept(stack, run->listeners[host][i], &handle) == 0)
                segments_own(run, host, handle);
        break;
    case 3:
    case 4:
    case 5:
        n = send_some(run, host, handle, size, how < 5);
        break;
    case 6:
    case 7:
        n = receive_some(run, host, handle, size + 1, how == 6 ? 0 : 1 + size % 4 / 2);
        break;
    case 8:
        rill_tcp_shutdown(stack, handle);
        break;
    case 9:
    case 10:
        (how == 9 ? rill_tcp_close : rill_tcp_abort)(stack, handle);
        if (owned)
            run->handles[host][at] = run->handles[host][--run->owned[host]];
        break;
    case 11:
        set_option(run, stack, handle);
        break;
    case 12:
        decide(run, (uint8_t)size);
        break;
    case 13:
        n = rill_udp_send(stack, run->udp[host], text, size, &message);
        n = rill_udp_receive(stack, run->udp[host], text, size, &message);
        break;
    case 14:
        rill_tcp_shutdown_read(stack, handle);
        break;
    default:
        rill_events(stack, events, 8);
        break;
    }
    FUZZ_REQUIRE(n >= RILL_ERROR_UNREACHABLE && n <= (int64_t)sizeof text);
}
