/* tcp/open.c: a connection comes to be: its record, its active part, active open, and the moment it
 * is established. RFC 9293 §3.10.1. */
#include "base/address.h"
#include "tcp/tcp_api.h"

#include <string.h>

struct connection *rill__connection_open(struct tcp_host *host, const struct tcp_key *key,
                                         struct ip_interface *interface) {
    uint32_t index;
    struct connection *connection =
        (struct connection *)rill__slab_open(&host->connections, &index);
    if (!connection)
        return 0;
    connection->index = index;
    connection->key = *key;
    connection->source.interface = (uint8_t)interface->index;
    connection->source.transport = host->transport;
    connection->source.kind = TCP_KIND_CONNECTION;
    connection->event.kind = HANDLE_CONNECTION;
    connection->timer.expire = rill__timers_expired;
    connection->extra = SLAB_NONE;
    rill__buffers_open(host, connection);
    connection->keepalive_at = RILL_TIME_NEVER;
    if (!host->config.nagle)
        connection->flags |= CONNECTION_NODELAY;
    if (host->config.statistics)
        connection->flags |= CONNECTION_COUNTED;
    struct connection_stats *stats = connection_stats(connection);
    if (stats) {
        stats->opened_at = stats->since = host->core->now; /* the handshake limits */
        stats->chrono = CHRONO_NONE;
    }
    connection->tag = rill__demux_tag(host, key);
    if (!rill__connection_activate(host, connection) ||
        !rill__demux_insert(host, connection->tag, TCP_KIND_CONNECTION, connection->index)) {
        rill__connection_free(host, connection);
        return 0;
    }
    connection->flags |= CONNECTION_IN_DEMUX;
    return connection;
}

bool rill__connection_activate(struct tcp_host *host, struct connection *connection) {
    if (connection->active)
        return true;
    uint32_t index;
    struct active *active = (struct active *)rill__slab_open(&host->actives, &index);
    if (!active)
        return false;
    active->index = index;
    active->rto_at = active->persist_at = active->ack_at = active->retry_at = RILL_TIME_NEVER;
    active->release_at = RILL_TIME_NEVER;
    bool fin = (connection->flags & CONNECTION_FIN_SENT) != 0; /* its number is not a byte's */
    active->send.first = connection->snd_nxt - fin;
    active->full_until = active->small_until = active->flight_until = connection->snd_una;
    active->flushed = active->send.first;
    active->receive_mss = 536;
    /* A peer that begins, or begins again after a pause, wants to hear of each segment: its window
     * is small, and of a lone answer the ACK would only come later, when the caches have forgotten.
     */
    active->quick_acks = host->config.quick_acks;
    if (connection->mss) /* what is full is not larger than what we may send ourselves */
        active->receive_mss = RILL_MIN(536, rill__payload_max(connection));
    connection->active = active;
    rill__recovery_init(connection);
    if (state_is_synchronized(connection->state) && connection->srtt &&
        rill__rto(host, connection) <= RILL_SECOND) /* idle.c has taken it for idle so long */
        rill__recovery_rested(host, connection);
    return true;
}

rill_handle rill__connection_handle(const struct tcp_host *host,
                                    const struct connection *connection) {
    return handle_make(HANDLE_CONNECTION, connection->index,
                       slab_generation(&host->connections, connection->index));
}

struct connection *rill__connection_find(const struct tcp_host *host, rill_handle handle) {
    if (handle_get_kind(handle) != HANDLE_CONNECTION)
        return 0;
    slab_prefetch(&host->connections, handle_index(handle));
    struct connection *connection = (struct connection *)rill__slab_find(
        &host->connections, handle_index(handle), handle_generation(handle));
    if (!connection || connection->flags & (CONNECTION_ORPHAN | CONNECTION_QUEUED))
        return 0;
    return connection;
}

uint32_t rill__initial_window(const struct tcp_host *host, const struct connection *connection) {
    return host->config.initial_window * rill__payload_max(connection);
}

void rill__connection_begin(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    active->full_until = active->small_until = active->flight_until = connection->snd_una;
    active->flight_most = 0;
    active->flushed = active->send.first;
    active->receive_mss = RILL_MIN(536, rill__payload_max(connection));
    rill__recovery_init(connection);
    rill__pmtud_established(host, connection);
    struct congestion_call call = rill__congestion_call(host, connection);
    rill__congestion_of(host, connection)->open(&call, rill__initial_window(host, connection));
    rill__sharing_begin(host, connection);
}

void rill__connection_established(struct tcp_host *host, struct connection *connection) {
    bool early = connection_is_early(connection);
    connection->state = RILL_TCP_ESTABLISHED;
    if (connection->active->retries)
        rill__rtt_syn_resent(connection);
    connection->active->retries = connection->active->backoff = 0;
    if (early)
        rill__fast_open_settled(host, connection, false);
    else
        rill__connection_begin(host, connection);
    rill__timers_segment_accepted(host, connection);
    rill__count_established(host, connection);
}

/* Local address, interface and port of an active open.
 * DEVIATION: RFC 9293 §3.9.2.1 lets the application give a source route, and has one received
 * reversed: neither is sent, since networks drop such packets and attackers like them. */
static int choose_local(struct tcp_host *host, const struct rill_tcp_connect_config *config,
                        struct tcp_key *key, struct ip_interface **interface) {
    struct ip_path path;
    int error = rill__ip_path(host->ip, &config->remote, &config->local, &path);
    if (error)
        return error;
    *interface = path.interface;
    key->remote = config->remote.address;
    key->remote_port = config->remote.port;
    key->local = path.source;
    key->zone = rill__tcp_zone(path.interface, key);
    key->local_port = config->local.port;
    return key->local_port ? 0 : rill__port_choose(host, key);
}

/* A four-tuple our own TIME-WAIT remembers may be opened again: with an ISN beyond all it has used,
 * so that the peer, in whatever state, takes the SYN for new. */
static int claim(struct tcp_host *host, const struct tcp_key *key, rill_seq *iss,
                 struct time_wait **old) {
    *iss = rill__isn(host, key);
    uint32_t value = rill__demux_find(host, key);
    if (value == TCP_NOT_FOUND)
        return 0;
    if (value >> TCP_KIND_SHIFT != TCP_KIND_TIME_WAIT)
        return RILL_ERROR_ADDRESS_IN_USE;
    *old = (struct time_wait *)slab_at(&host->time_waits, value & TCP_INDEX_MASK);
    *iss = seq_max(*iss, (*old)->snd_nxt + TIME_WAIT_GAP);
    return 0;
}

static void start(struct tcp_host *host, struct connection *connection, rill_seq iss,
                  uint8_t fast_open) {
    struct active *active = connection->active;
    connection->state = RILL_TCP_SYN_SENT;
    connection->snd_una = connection->snd_nxt = iss;
    active->iss = iss;
    active->send.first = iss + 1;
    connection->mss =
        rill__mss_of_path(host, connection_interface(host, connection), &connection->key.remote);
    bool fixed = (connection->choices & CHOICE_RECEIVE_BUFFER) != 0;
    connection->rcv_scale = rill__receive_scale(host, fixed ? connection->receive_buffer
                                                            : rill__receive_buffer_most(host));
    connection->ts_offset = rill__timestamp_offset(host, &connection->key);
    connection->congestion.cwnd = connection->mss;
    rill__user_timeout_opened(host, connection, 0);
    rill__fast_open_begin(host, connection, fast_open);
    if (!(active->fast_open & FAST_OPEN_HELD))
        rill__tcp_ready(host, connection);
}

int rill__tcp_connect(struct tcp_host *host, const struct rill_tcp_connect_config *config,
                      rill_handle *out) {
    if (config->size != sizeof *config || config->remote.port == 0 ||
        rill_address_is_any(&config->remote.address) ||
        rill__address_is_group(&config->remote.address) || config->receive_buffer > 1u << 30 ||
        config->fast_open > RILL_FAST_OPEN_ALL)
        return RILL_ERROR_ARGUMENT;
    struct tcp_key key;
    struct ip_interface *interface = 0;
    rill_seq iss;
    struct time_wait *old = 0;
    int error = choose_local(host, config, &key, &interface);
    if (!error)
        error = claim(host, &key, &iss, &old);
    if (error)
        return error;
    if (host->connections.used >= host->config.connections_max)
        return RILL_ERROR_LIMIT;
    struct connection *connection = rill__connection_open(host, &key, interface);
    if (!connection)
        return RILL_ERROR_MEMORY;
    if (old)
        rill__time_wait_free(host, old);
    if (config->receive_buffer) {
        connection->receive_buffer = config->receive_buffer;
        connection->choices |= CHOICE_RECEIVE_BUFFER;
    }
    connection->user = config->user;
    start(host, connection, iss, config->fast_open);
    *out = rill__connection_handle(host, connection);
    return 0;
}
