/* tcp/module.c: TCP as a transport of a host: opening, closing, and the table the stack reaches it
 * by. */
#include "tcp/tcp_api.h"

#include <string.h>

static void init_keys(struct tcp_host *host) {
    struct siphash_key *keys[] = {&host->hash_key, &host->isn_key, &host->port_key,
                                  &host->timestamp_key};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        keys[i]->k0 = rill__random_next(&host->core->random);
        keys[i]->k1 = rill__random_next(&host->core->random);
    }
    for (int i = 0; i < TCP_PORT_TABLE; i++) /* RFC 6056 §3.3.4: random to begin with */
        host->port_counters[i] = (uint32_t)rill__random_next(&host->core->random);
    host->fast_open_keys.key[0].k0 = rill__random_next(&host->core->random);
    host->fast_open_keys.key[0].k1 = rill__random_next(&host->core->random);
    host->fast_open_keys.count = 1;
}

static void *open(struct core *core, struct ip_host *ip, const struct rill_stack_config *config,
                  uint8_t index) {
    struct tcp_host *host = (struct tcp_host *)rill__core_allocate(core, sizeof *host);
    if (!host)
        return 0;
    memset(host, 0, sizeof *host);
    host->core = core;
    host->ip = ip;
    host->config = *config;
    host->transport = index;
    host->any_port = SLAB_NONE;
    host->time_wait_oldest = host->time_wait_newest = SLAB_NONE;
    host->shared_oldest = host->shared_newest = SLAB_NONE;
    const struct rill_allocator *allocator = &core->allocator;
    uint32_t most = TCP_INDEX_MASK;
    rill__slab_init(&host->connections, allocator, sizeof(struct connection), most);
    if (config->statistics)
        rill__slab_tails(&host->connections, sizeof(struct connection_stats));
    rill__slab_init(&host->actives, allocator, sizeof(struct active), most);
    rill__slab_init(&host->listeners, allocator, sizeof(struct listener), TCP_LISTENERS_MAX);
    rill__slab_init(&host->half_opens, allocator, sizeof(struct half_open), most);
    rill__slab_init(&host->shared, allocator, sizeof(struct shared), most);
    rill__hash_init(&host->shared_hash, allocator);
    rill__slab_init(&host->time_waits, allocator, sizeof(struct time_wait), most);
    rill__slab_init(&host->transmissions, allocator, sizeof(struct transmission), most);
    rill__slab_init(&host->extras, allocator, sizeof(struct extra), most);
    rill__slab_init(&host->receive.pieces, allocator, sizeof(struct receive_piece), most);
    rill__slab_init(&host->receive.ranges, allocator, sizeof(struct receive_range), most);
    rill__hash_init(&host->demux, allocator);
    rill__hash_init(&host->ports, allocator);
    rill__idle_init(host);
    init_keys(host);
    return host;
}

/* What a connection is made of stays: it began with it. */
static void configure(void *transport, const struct rill_stack_config *config) {
    struct tcp_host *host = (struct tcp_host *)transport;
    const struct rill_congestion_ops *congestion = host->config.congestion;
    bool statistics = host->config.statistics;
    host->config = *config;
    host->config.congestion = congestion;
    host->config.statistics = statistics;
}

/* Every connection gives back its blocks; tables and slabs go as wholes. */
static void close(void *transport) {
    struct tcp_host *host = (struct tcp_host *)transport;
    for (uint32_t i = 0; i < slab_end(&host->connections); i++)
        if (slab_in_use(&host->connections, i))
            rill__connection_free(host, (struct connection *)slab_at(&host->connections, i));
    struct slab *slabs[] = {&host->connections,   &host->actives, &host->listeners,
                            &host->half_opens,    &host->shared,  &host->time_waits,
                            &host->transmissions, &host->extras,  &host->receive.pieces,
                            &host->receive.ranges};
    for (size_t i = 0; i < sizeof slabs / sizeof *slabs; i++)
        rill__slab_fini(slabs[i]);
    rill__hash_fini(&host->shared_hash);
    rill__hash_fini(&host->demux);
    rill__hash_fini(&host->ports);
    rill__core_release(host->core, host, sizeof *host);
}

static void info(void *transport, struct rill_stack_info *out) {
    const struct tcp_host *host = (const struct tcp_host *)transport;
    out->connections = host->connections.used;
    out->listeners = host->listeners.used;
    out->half_open = host->half_opens.used;
    out->time_wait = host->time_waits.used;
    out->syn_cookies_sent = host->cookies_sent;
    out->syn_cookies_accepted = host->cookies_accepted;
}

static rill_handle event(void *transport, struct event_node *node, void **user) {
    struct tcp_host *host = (struct tcp_host *)transport;
    if (node->kind == HANDLE_CONNECTION) {
        struct connection *connection = RILL_CONTAINER(node, struct connection, event);
        *user = connection->user;
        return rill__connection_handle(host, connection);
    }
    if (node->kind == HANDLE_LISTENER) {
        struct listener *listener = RILL_CONTAINER(node, struct listener, event);
        *user = listener->user;
        return handle_make(HANDLE_LISTENER, listener->index,
                           slab_generation(&host->listeners, listener->index));
    }
    return 0;
}

static int user_set(void *transport, rill_handle handle, void *user) {
    struct tcp_host *host = (struct tcp_host *)transport;
    struct connection *connection = rill__connection_find(host, handle);
    if (connection) {
        connection->user = user;
        return 0;
    }
    struct listener *listener =
        handle_get_kind(handle) == HANDLE_LISTENER
            ? rill__listener_at(host, handle_index(handle), handle_generation(handle))
            : 0;
    if (!listener)
        return RILL_ERROR_HANDLE;
    listener->user = user;
    return 0;
}

const struct rill_transport_ops rill_tcp = {
    .protocol = 6,
    .handle_kinds = 1 << HANDLE_CONNECTION | 1 << HANDLE_LISTENER | 1 << HANDLE_HALF_OPEN,
    .open = open,
    .close = close,
    .configure = configure,
    .input = rill__tcp_input,
    .error = rill__tcp_error,
    .output = rill__tcp_output,
    .info = info,
    .event = event,
    .ready = rill__tcp_ready_bits,
    .user_set = user_set,
};
