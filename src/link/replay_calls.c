/* link/replay_calls.c: each call of a journal, made again from its numbers. What it returns is of
 * no interest here: the stack's own journal says it, and that is compared.
 *
 * One function a call, in the order of JOURNAL_CALLS (stack/journal.h). */
#include "link/replay.h"

#include "base/util.h"
#include "stack/stack.h"
#include "tcp/congestion.h"
#include <string.h>

static char token; /* stands for every pointer of the application's */

static void *user_of(uint64_t set) {
    return set ? &token : 0;
}

static void keep(struct player *player, int error, const rill_handle *handle) {
    struct replay_stack *at = player->at;
    if (error)
        return;
    if (at->handle_count == REPLAY_HANDLES_MAX)
        memmove(at->handles, at->handles + 1, --at->handle_count * sizeof *at->handles);
    at->handles[at->handle_count++] = *handle;
}

static void forget(struct player *player, rill_handle handle) {
    struct replay_stack *at = player->at;
    for (size_t i = at->handle_count; i-- > 0;)
        if (at->handles[i] == handle) {
            at->handle_count--;
            memmove(at->handles + i, at->handles + i + 1,
                    (at->handle_count - i) * sizeof *at->handles);
            return;
        }
}

/* A congestion control of ours by its first eight letters. */
static const struct rill_congestion_ops *congestion_of(uint64_t name) {
    static const struct rill_congestion_ops *const all[] = {&rill_cubic, &rill_reno,
                                                            &rill_no_congestion};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        uint64_t value = 0;
        for (size_t k = 0; k < 8 && all[i]->name[k]; k++)
            value |= (uint64_t)(uint8_t)all[i]->name[k] << (8 * k);
        if (name == value)
            return all[i];
    }
    return 0;
}

static void play_stack_open(struct player *player, struct journal_values *v) {
    struct rill_stack_config config;
    rill_stack_config_bare(&config);
#define N(field) config.field = journal_next(v);
    JOURNAL_STACK_CONFIG(N)
#undef N
    uint64_t parts = journal_next(v);
    config.ipv4 = parts & JOURNAL_PART_IPV4 ? &rill_ipv4 : 0;
    config.ipv6 = parts & JOURNAL_PART_IPV6 ? &rill_ipv6 : 0;
    config.fragments = parts & JOURNAL_PART_FRAGMENTS ? &rill_fragments : 0;
    config.congestion = congestion_of(journal_next(v));
    bool known = config.congestion;
    for (int i = 0; i < RILL_CONGESTIONS; i++) {
        uint64_t name = journal_next(v);
        config.congestion_more[i] = congestion_of(name);
        known = known && (!name || config.congestion_more[i]);
    }
    for (int i = 0; i < RILL_TRANSPORTS; i++) {
        uint64_t protocol = journal_next(v);
        config.transports[i] = protocol == 6 ? &rill_tcp : protocol == 17 ? &rill_udp : 0;
        for (int k = 0; k < i && protocol; k++)
            known = known && config.transports[k] && config.transports[k] != config.transports[i];
        known = known && (!protocol || config.transports[i]);
    }
    player->at->handle_count = 0;
    if (!known) {
        rill__replay_end(player, RILL_REPLAY_DAMAGED, "a host with parts this program has not");
        return;
    }
    rill__replay_blocks_close(player, player->at);
    int error = rill__replay_open_stack(player, &config);
    if (error == RILL_ERROR_ARGUMENT) /* no journal is written of what is refused at once */
        rill__replay_broken(player);
    else if (error)
        player->at->stack = 0;
}

static void play_stack_configure(struct player *player, struct journal_values *v) {
    struct rill_stack_config config;
    rill_stack_config_bare(&config);
    config.allocator = player->memory; /* and a pool and parts: it could be opened so too */
    config.pool = player->pool;
    config.ipv4 = &rill_ipv4;
    config.congestion = &rill_cubic;
#define N(field) config.field = journal_next(v);
    JOURNAL_STACK_CONFIG(N)
#undef N
    if (rill_stack_configure(player->at->stack, &config))
        rill__replay_broken(player);
}

static void play_stack_close(struct player *player, struct journal_values *v) {
    struct rill_stack *stack = player->at->stack;
    (void)v;
    player->at->stack = 0;
    rill_stack_close(stack);
}

static void play_interface_add(struct player *player, struct journal_values *v) {
    struct rill_interface_config config;
    uint32_t number;
    rill_interface_config_default(&config);
    config.size = journal_next(v) ? sizeof config : 0;
    config.mtu = (uint32_t)journal_next(v);
    config.flags = (uint32_t)journal_next(v);
    uint64_t framing = journal_next(v), mac = journal_next(v);
    config.detection = (uint8_t)journal_next(v);
    config.autoconfigure = journal_next(v) != 0;
    config.framing = framing == 14 ? &rill_ethernet : 0;
    for (int i = 0; i < 6; i++)
        config.mac[i] = (uint8_t)(mac >> (8 * i));
    int error = rill_interface_add(player->at->stack, &config, &number);
    (void)error;
}

static void play_address_add(struct player *player, struct journal_values *v) {
    uint32_t interface = (uint32_t)journal_next(v);
    struct rill_address address = rill__journal_next_address(v);
    int error = rill_address_add(player->at->stack, interface, &address, (uint8_t)journal_next(v));
    (void)error;
}

static void play_route_add(struct player *player, struct journal_values *v) {
    uint32_t interface = (uint32_t)journal_next(v);
    struct rill_address prefix = rill__journal_next_address(v);
    uint8_t length = (uint8_t)journal_next(v);
    struct rill_address gateway = rill__journal_next_address(v);
    int error = rill_route_add(player->at->stack, interface, &prefix, length, &gateway);
    (void)error;
}

static void tell(struct player *player, const struct rill_packet *packet, int outbound,
                 rill_time now) {
    if (player->config->packet)
        player->config->packet(player->config->context, player->call.stack, packet, outbound, now);
}

/* An array for what a call gives or takes; null: there is no such call. */
static void *array(struct player *player, uint64_t count, size_t size) {
    if (count <= REPLAY_ARRAY_MAX)
        return rill__replay_scratch(player, count * size);
    rill__replay_broken(player);
    return 0;
}

static void play_input(struct player *player, struct journal_values *v) {
    uint32_t interface = (uint32_t)journal_next(v);
    uint64_t count = journal_next(v), made = 0;
    rill_time now = journal_next(v);
    struct rill_packet **packets = (struct rill_packet **)array(player, count, sizeof *packets);
    struct journal_record record;
    while (packets && made < count && rill__replay_argument(player, JOURNAL_PACKET_IN, &record) &&
           (packets[made] = rill__replay_packet(player, &record)))
        made++;
    if (!packets || made < count) {
        rill__replay_broken(player);
        for (uint64_t i = 0; packets && i < made; i++)
            rill_packet_drop(packets[i]);
        return;
    }
    for (uint64_t i = 0; i < count; i++)
        tell(player, packets[i], 0, now);
    player->result->packets_in += count;
    rill_input(player->at->stack, interface, packets, (size_t)count, now);
}

static void play_advance(struct player *player, struct journal_values *v) {
    rill_time now = journal_next(v);
    rill_advance(player->at->stack, now, journal_size_back(journal_next(v)));
}

static void play_output(struct player *player, struct journal_values *v) {
    uint32_t interface = (uint32_t)journal_next(v);
    uint64_t max = journal_next(v);
    size_t frames_max = journal_size_back(journal_next(v));
    rill_time now = journal_next(v);
    struct rill_packet **packets = (struct rill_packet **)array(player, max, sizeof *packets);
    if (!packets)
        return;
    size_t n = rill_output(player->at->stack, interface, packets, (size_t)max, frames_max, now);
    player->result->packets_out += n;
    for (size_t i = 0; i < n; i++) {
        tell(player, packets[i], 1, now);
        rill_packet_drop(packets[i]);
    }
}

static void play_events(struct player *player, struct journal_values *v) {
    uint64_t max = journal_next(v);
    struct rill_event *events = (struct rill_event *)array(player, max, sizeof *events);
    if (events)
        rill_events(player->at->stack, events, (size_t)max);
}

static void play_user_set(struct player *player, struct journal_values *v) {
    rill_handle handle = journal_next(v);
    rill_user_set(player->at->stack, handle, user_of(journal_next(v)));
}

static void play_link_set(struct player *player, struct journal_values *v) {
    uint32_t interface = (uint32_t)journal_next(v);
    rill_link_set(player->at->stack, interface, journal_next(v) != 0);
}

static void play_address_remove(struct player *player, struct journal_values *v) {
    uint32_t interface = (uint32_t)journal_next(v);
    struct rill_address address = rill__journal_next_address(v);
    rill_address_remove(player->at->stack, interface, &address);
}

static void play_route_remove(struct player *player, struct journal_values *v) {
    uint32_t interface = (uint32_t)journal_next(v);
    struct rill_address prefix = rill__journal_next_address(v);
    uint8_t length = (uint8_t)journal_next(v);
    struct rill_address gateway = rill__journal_next_address(v);
    rill_route_remove(player->at->stack, interface, &prefix, length, &gateway);
}

static void play_group_join(struct player *player, struct journal_values *v) {
    uint32_t interface = (uint32_t)journal_next(v);
    struct rill_address group = rill__journal_next_address(v);
    int error = rill_group_join(player->at->stack, interface, &group);
    (void)error;
}

static void play_group_leave(struct player *player, struct journal_values *v) {
    uint32_t interface = (uint32_t)journal_next(v);
    struct rill_address group = rill__journal_next_address(v);
    rill_group_leave(player->at->stack, interface, &group);
}

static void play_route_get(struct player *player, struct journal_values *v) {
    struct rill_endpoint remote = rill__journal_next_endpoint(v);
    struct rill_endpoint local = rill__journal_next_endpoint(v);
    struct rill_route_info info;
    int error = rill_route_get(player->at->stack, &remote, &local, &info);
    (void)error;
}

static void play_tcp_listen(struct player *player, struct journal_values *v) {
    struct rill_tcp_listen_config config;
    rill_handle handle;
    rill_tcp_listen_config_default(&config);
    config.size = journal_next(v) ? sizeof config : 0;
    config.user = user_of(journal_next(v));
#define N(field) config.field = journal_next(v);
#define E(field) config.field = rill__journal_next_endpoint(v);
    JOURNAL_LISTEN_CONFIG(N, E)
    keep(player, rill_tcp_listen(player->at->stack, &config, &handle), &handle);
}

static void play_tcp_accept(struct player *player, struct journal_values *v) {
    rill_handle handle;
    keep(player, rill_tcp_accept(player->at->stack, journal_next(v), &handle), &handle);
}

static void play_tcp_pending(struct player *player, struct journal_values *v) {
    rill_handle handle;
    struct rill_endpoint local, remote;
    int error = rill_tcp_pending(player->at->stack, journal_next(v), &handle, &local, &remote);
    (void)error;
}

static void play_tcp_pending_accept(struct player *player, struct journal_values *v) {
    rill_tcp_pending_accept(player->at->stack, journal_next(v));
}

static void play_tcp_pending_refuse(struct player *player, struct journal_values *v) {
    rill_tcp_pending_refuse(player->at->stack, journal_next(v));
}

static void play_tcp_pending_drop(struct player *player, struct journal_values *v) {
    rill_tcp_pending_drop(player->at->stack, journal_next(v));
}

static void play_tcp_connect(struct player *player, struct journal_values *v) {
    struct rill_tcp_connect_config config;
    rill_handle handle;
    rill_tcp_connect_config_default(&config);
    config.size = journal_next(v) ? sizeof config : 0;
    config.user = user_of(journal_next(v));
    JOURNAL_CONNECT_CONFIG(N, E)
    keep(player, rill_tcp_connect(player->at->stack, &config, &handle), &handle);
}

static void play_tcp_bind(struct player *player, struct journal_values *v) {
    struct rill_tcp_bind_config config;
    rill_handle handle;
    rill_tcp_bind_config_default(&config);
    config.size = journal_next(v) ? sizeof config : 0;
    config.user = user_of(journal_next(v));
    JOURNAL_BIND_CONFIG(N, E)
    keep(player, rill_tcp_bind(player->at->stack, &config, &handle), &handle);
}

static void play_tcp_bound_listen(struct player *player, struct journal_values *v) {
    rill_handle handle = journal_next(v);
    int error = rill_tcp_bound_listen(player->at->stack, handle, (uint32_t)journal_next(v));
    (void)error;
}

static void play_tcp_shutdown_read(struct player *player, struct journal_values *v) {
    rill_tcp_shutdown_read(player->at->stack, journal_next(v));
}

static void play_tcp_fast_open_set(struct player *player, struct journal_values *v) {
    rill_handle handle = journal_next(v);
    rill_tcp_fast_open_set(player->at->stack, handle, (uint32_t)journal_next(v));
}

static void play_tcp_fast_open_keys(struct player *player, struct journal_values *v) {
    rill_handle handle = journal_next(v);
    uint32_t count = (uint32_t)journal_next(v);
    uint8_t keys[32];
    for (int i = 0; i < 4; i++) {
        uint64_t half = journal_next(v);
        for (int k = 0; k < 8; k++)
            keys[8 * i + k] = (uint8_t)(half >> (8 * k));
    }
    int error = rill_tcp_fast_open_keys(player->at->stack, handle, keys, count);
    (void)error;
}

/* What was offered: the bytes that were taken, and behind them anything. */
static const uint8_t *offered(struct player *player, uint64_t length) {
    struct journal_record record;
    uint8_t *bytes = (uint8_t *)rill__replay_scratch(player, length);
    if (bytes && rill__replay_data(player, &record))
        memcpy(bytes, record.body, RILL_MIN(record.length, (size_t)length));
    return bytes;
}

static void play_tcp_send(struct player *player, struct journal_values *v) {
    rill_handle handle = journal_next(v);
    uint64_t length = journal_next(v);
    const uint8_t *bytes = offered(player, length);
    int64_t taken = bytes ? rill_tcp_send(player->at->stack, handle, bytes, (size_t)length) : 0;
    (void)taken;
}

static void play_tcp_send_more(struct player *player, struct journal_values *v) {
    rill_handle handle = journal_next(v);
    uint64_t length = journal_next(v);
    const uint8_t *bytes = offered(player, length);
    int64_t taken =
        bytes ? rill_tcp_send_more(player->at->stack, handle, bytes, (size_t)length) : 0;
    (void)taken;
}

/* Slice number `i` of those offered by reference; false: the replay has ended. */
static bool make_slice(struct player *player, struct rill_slice *slice) {
    struct journal_record record, data;
    uint64_t v[3];
    if (!rill__replay_argument(player, JOURNAL_SLICE, &record))
        return false;
    rill__journal_values(&record, v, 3);
    uint64_t capacity = v[1] ? v[0] : v[2]; /* wrapped: charged with the slice alone */
    if (v[0] > capacity)
        return false;
    slice->block = rill__replay_block(player, capacity, v[1] != 0);
    if (!slice->block)
        return false;
    slice->data = rill_block_data(slice->block);
    slice->length = (size_t)v[0];
    if (rill__replay_data(player, &data))
        memcpy(rill_block_data(slice->block), data.body, RILL_MIN(data.length, slice->length));
    return true;
}

static void play_tcp_send_slices(struct player *player, struct journal_values *v) {
    rill_handle handle = journal_next(v);
    uint64_t count = journal_next(v), made = 0;
    struct rill_slice *slices = (struct rill_slice *)array(player, count, sizeof *slices);
    while (slices && made < count && make_slice(player, &slices[made]))
        made++;
    int64_t taken = 0;
    if (slices && made == count)
        taken = rill_tcp_send_slices(player->at->stack, handle, slices, (size_t)count);
    else
        rill__replay_broken(player);
    for (uint64_t i = taken > 0 ? (uint64_t)taken : 0; i < made; i++)
        rill_block_drop(slices[i].block);
}

static void play_tcp_receive(struct player *player, struct journal_values *v) {
    rill_handle handle = journal_next(v);
    uint64_t length = journal_next(v);
    void *data = rill__replay_scratch(player, length);
    int64_t got = data ? rill_tcp_receive(player->at->stack, handle, data, (size_t)length) : 0;
    (void)got;
}

static void play_tcp_receive_slices(struct player *player, struct journal_values *v) {
    rill_handle handle = journal_next(v);
    uint64_t max = journal_next(v);
    struct rill_slice *slices = (struct rill_slice *)array(player, max, sizeof *slices);
    int64_t got =
        slices ? rill_tcp_receive_slices(player->at->stack, handle, slices, (size_t)max) : 0;
    for (int64_t i = 0; i < got; i++)
        rill_block_drop(slices[i].block);
}

static void play_tcp_shutdown(struct player *player, struct journal_values *v) {
    rill_tcp_shutdown(player->at->stack, journal_next(v));
}

static void play_tcp_close(struct player *player, struct journal_values *v) {
    rill_handle handle = journal_next(v);
    forget(player, handle);
    rill_tcp_close(player->at->stack, handle);
}

static void play_tcp_abort(struct player *player, struct journal_values *v) {
    rill_handle handle = journal_next(v);
    forget(player, handle);
    rill_tcp_abort(player->at->stack, handle);
}

static void play_tcp_set_option(struct player *player, struct journal_values *v) {
    rill_handle handle = journal_next(v);
    enum rill_tcp_option option = (enum rill_tcp_option)(journal_next(v) & 0x7fffffff);
    rill_tcp_set_option(player->at->stack, handle, option, (uint32_t)journal_next(v));
}

static void play_udp_open(struct player *player, struct journal_values *v) {
    struct rill_udp_config config;
    rill_handle handle;
    rill_udp_config_default(&config);
    config.size = journal_next(v) ? sizeof config : 0;
    config.user = user_of(journal_next(v));
    JOURNAL_UDP_CONFIG(N, E)
    keep(player, rill_udp_open(player->at->stack, &config, &handle), &handle);
}

static void play_udp_send(struct player *player, struct journal_values *v) {
    rill_handle handle = journal_next(v);
    uint64_t length = journal_next(v);
    bool has_message = journal_next(v) != 0;
    struct rill_udp_message message;
#define M(field) message.field = (uint8_t)journal_next(v);
#define F(field) message.field = rill__journal_next_endpoint(v);
    JOURNAL_UDP_MESSAGE(M, F)
#undef M
#undef F
#undef N
#undef E
    const uint8_t *bytes = offered(player, length);
    int64_t taken = 0;
    if (bytes)
        taken = rill_udp_send(player->at->stack, handle, bytes, (size_t)length,
                              has_message ? &message : 0);
    (void)taken;
}

static void play_udp_receive(struct player *player, struct journal_values *v) {
    rill_handle handle = journal_next(v);
    uint64_t length = journal_next(v);
    struct rill_udp_message message;
    void *data = rill__replay_scratch(player, length);
    int64_t got = 0;
    if (data)
        got = rill_udp_receive(player->at->stack, handle, data, (size_t)length,
                               journal_next(v) ? &message : 0);
    (void)got;
}

static void play_udp_connect(struct player *player, struct journal_values *v) {
    rill_handle handle = journal_next(v);
    bool somebody = journal_next(v) != 0;
    struct rill_endpoint remote = rill__journal_next_endpoint(v);
    int error = rill_udp_connect(player->at->stack, handle, somebody ? &remote : 0);
    (void)error;
}

static void play_udp_take_error(struct player *player, struct journal_values *v) {
    int error = rill_udp_take_error(player->at->stack, journal_next(v));
    (void)error;
}

static void play_udp_set_option(struct player *player, struct journal_values *v) {
    rill_handle handle = journal_next(v);
    enum rill_udp_option option = (enum rill_udp_option)(journal_next(v) & 0x7fffffff);
    rill_udp_set_option(player->at->stack, handle, option, (uint32_t)journal_next(v));
}

static void play_udp_close(struct player *player, struct journal_values *v) {
    rill_handle handle = journal_next(v);
    forget(player, handle);
    rill_udp_close(player->at->stack, handle);
}

static const struct {
    const char *name;
    void (*play)(struct player *player, struct journal_values *values);
    uint8_t number;
} calls[] = {
#define CALL(number, name) {"rill_" #name, play_##name, number},
    JOURNAL_CALLS(CALL)
#undef CALL
};

enum { CALLS = sizeof calls / sizeof *calls };

static size_t find_call(uint8_t number) {
    size_t i = 0;
    while (i < CALLS && calls[i].number != number)
        i++;
    return i;
}

const char *rill__replay_call_name(uint8_t kind) {
    size_t i = find_call(kind);
    return i < CALLS ? calls[i].name : 0;
}

void rill__replay_call(struct player *player) {
    struct journal_values values = {.count = 0};
    rill__journal_values(&player->call, values.list, JOURNAL_VALUES_MAX);
    calls[find_call(player->call.kind)].play(player, &values);
}
