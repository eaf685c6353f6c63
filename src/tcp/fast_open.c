/* tcp/fast_open.c: Fast Open, the passive side (RFC 7413 §4.2): keys, cookies, and the SYN whose
 * data the application gets before the handshake ends.
 *
 * A cookie is the SipHash-2-4 of the client's and the server's address under a secret key, as Linux
 * makes it, so that hosts of both kinds can serve one address. There may be two keys: the first
 * makes cookies, both are believed, and who shows one of the second is given a new one.
 *
 * A SYN with a good cookie becomes a connection in SYN-RECEIVED at once: it stands in the accept
 * queue, and both sides may send. Until the handshake's ACK it is pending, and a listener has room
 * for only so many (§5.1); one that is reset while pending counts for a minute or two more, so that
 * an attacker who has a cookie cannot use the room again and again. */
#include "tcp/tcp_api.h"

#include "base/bytes.h"
#include <string.h>

#define RESET_COUNTS_FOR (60 * RILL_SECOND)

static const struct fast_open_keys *keys_of(const struct tcp_host *host,
                                            const struct listener *listener) {
    return listener->fast_open.keys.count ? &listener->fast_open.keys : &host->fast_open_keys;
}

static void make_cookie(const struct siphash_key *key, const struct tcp_key *pair,
                        uint8_t cookie[FAST_OPEN_COOKIE]) {
    uint8_t bytes[32];
    bool ipv4 = rill_address_is_ipv4(&pair->remote);
    size_t skip = ipv4 ? 12 : 0, length = 16 - skip;
    memcpy(bytes, pair->remote.bytes + skip, length);
    memcpy(bytes + length, pair->local.bytes + skip, length);
    uint64_t hash = rill__siphash(key, bytes, 2 * length);
    for (int i = 0; i < FAST_OPEN_COOKIE; i++)
        cookie[i] = (uint8_t)(hash >> (8 * i));
}

/* Which of the keys has made the SYN's cookie: 0 the present one, 1 the other; -1: neither. */
static int judge(const struct fast_open_keys *keys, const struct tcp_segment *segment) {
    uint8_t cookie[FAST_OPEN_COOKIE];
    for (int i = 0; i < keys->count && segment->header.cookie_length == sizeof cookie; i++) {
        make_cookie(&keys->key[i], &segment->key, cookie);
        uint8_t difference = 0; /* compared in full: how long it takes tells nothing */
        for (size_t k = 0; k < sizeof cookie; k++)
            difference |= (uint8_t)(cookie[k] ^ segment->header.cookie[k]);
        if (!difference)
            return i;
    }
    return -1;
}

/* Those reset while pending grow old by whole spans of time. */
static uint32_t recent_resets(const struct tcp_host *host, struct fast_open_queue *queue) {
    rill_time spans = (host->core->now - queue->reset_since) / RESET_COUNTS_FOR;
    if (spans) {
        queue->resets[1] = spans == 1 ? queue->resets[0] : 0;
        queue->resets[0] = 0;
        queue->reset_since += spans * RESET_COUNTS_FOR;
    }
    return queue->resets[0] + queue->resets[1];
}

static uint32_t pending_max(const struct tcp_host *host, const struct listener *listener) {
    if (listener->fast_open.max || !(host->config.fast_open & RILL_FAST_OPEN_EVERY_LISTENER))
        return RILL_MIN(listener->fast_open.max, listener->backlog);
    return listener->backlog;
}

/* RFC 7413 §4.2: beyond the limit, and where nobody has asked for it, the option means nothing. */
static bool is_open(const struct tcp_host *host, struct listener *listener) {
    struct fast_open_queue *queue = &listener->fast_open;
    return host->config.fast_open & RILL_FAST_OPEN_LISTEN && !listener->deferred &&
           queue->pending + recent_resets(host, queue) < pending_max(host, listener);
}

bool rill__fast_open_cookie(struct tcp_host *host, const struct half_open *half,
                            struct wire_tcp *header) {
    const struct listener *listener =
        rill__listener_at(host, half->listener, half->listener_generation);
    if (!half->fast_open || !listener)
        return false;
    header->has_fast_open = true;
    header->fast_open_experimental = half->fast_open == FAST_OPEN_EXPERIMENTAL;
    header->cookie_length = FAST_OPEN_COOKIE;
    make_cookie(&keys_of(host, listener)->key[0], &half->key, header->cookie);
    return true;
}

static enum fast_open_form form_of(const struct tcp_segment *segment) {
    return segment->header.fast_open_experimental ? FAST_OPEN_EXPERIMENTAL : FAST_OPEN_STANDARD;
}

uint8_t rill__fast_open_answer(const struct tcp_host *host, struct listener *listener,
                               const struct tcp_segment *segment) {
    if (!segment->header.has_fast_open || !is_open(host, listener))
        return FAST_OPEN_NONE;
    return (uint8_t)form_of(segment);
}

/* A connection in SYN-RECEIVED, which both applications may already use. */
static struct connection *open_early(struct tcp_host *host, struct listener *listener,
                                     const struct tcp_segment *segment, enum fast_open_form form) {
    struct half_open half;
    memset(&half, 0, sizeof half);
    rill__half_open_fill(host, &half, segment);
    half.iss = rill__isn(host, &half.key);
    half.mss_most = listener->mss_most;
    struct connection *connection =
        rill__connection_open(host, &half.key, segment->datagram->interface);
    if (!connection)
        return 0;
    rill__half_open_inherit(host, connection, &half);
    struct active *active = connection->active;
    connection->snd_una = connection->snd_nxt = half.iss;
    connection->state = RILL_TCP_SYN_RECEIVED;
    active->fast_open = FAST_OPEN_EARLY;
    active->fast_open_form = (uint8_t)form;
    active->fast_open_generation = slab_generation(&host->listeners, listener->index);
    rill__connection_begin(host, connection);
    listener->fast_open.pending++;
    rill__listener_queue(host, listener, connection);
    return connection;
}

bool rill__fast_open_syn(struct tcp_host *host, struct listener *listener,
                         struct tcp_segment *segment) {
    uint16_t config = host->config.fast_open;
    bool offers = segment->header.has_fast_open, unasked = config & RILL_FAST_OPEN_LISTEN_UNASKED;
    if (!(offers || (unasked && segment->payload)) || !is_open(host, listener) ||
        host->connections.used >= host->config.connections_max)
        return false;
    int key = judge(keys_of(host, listener), segment);
    bool believed = key >= 0 || (unasked && segment->payload);
    if (!believed)
        return false;
    struct connection *connection =
        open_early(host, listener, segment, key > 0 ? form_of(segment) : FAST_OPEN_NONE);
    if (!connection)
        return false; /* as a SYN without the option */
    if (segment->payload)
        connection->source.owner |= TCP_SYN_DATA;
    rill__input_behind_syn(host, connection, segment);
    rill__tcp_ready(host, connection);
    rill__timers_file(host, connection);
    return true;
}

bool rill__fast_open_cookie_again(struct tcp_host *host, const struct connection *connection,
                                  struct wire_tcp *header) {
    const struct active *active = connection->active;
    struct half_open half = {.key = connection->key,
                             .listener = active->listener,
                             .listener_generation = active->fast_open_generation,
                             .fast_open = active->fast_open_form};
    return rill__fast_open_cookie(host, &half, header);
}

void rill__fast_open_settled(struct tcp_host *host, struct connection *connection, bool reset) {
    struct active *active = connection->active;
    if (!active || !(active->fast_open & FAST_OPEN_EARLY))
        return;
    active->fast_open &= (uint8_t)~FAST_OPEN_EARLY;
    struct listener *listener =
        rill__listener_at(host, active->listener, active->fast_open_generation);
    if (!listener)
        return;
    listener->fast_open.pending--;
    if (!reset)
        return;
    (void)recent_resets(host, &listener->fast_open);
    if (listener->fast_open.resets[0] < UINT32_MAX / 4)
        listener->fast_open.resets[0]++;
}

int rill__tcp_fast_open_set(struct tcp_host *host, rill_handle handle, uint32_t most) {
    struct listener *listener = rill__listener_by_handle(host, handle);
    if (!listener)
        return RILL_ERROR_HANDLE;
    listener->fast_open.max = most;
    return 0;
}

int rill__tcp_fast_open_keys(struct tcp_host *host, rill_handle handle, const uint64_t *halves,
                             uint32_t count) {
    struct listener *listener = rill__listener_by_handle(host, handle);
    if (handle && !listener)
        return RILL_ERROR_HANDLE;
    if (count > FAST_OPEN_KEYS || (!count && !handle))
        return RILL_ERROR_ARGUMENT;
    struct fast_open_keys *keys = listener ? &listener->fast_open.keys : &host->fast_open_keys;
    for (uint32_t i = 0; i < count; i++) {
        keys->key[i].k0 = halves[2 * i];
        keys->key[i].k1 = halves[2 * i + 1];
    }
    keys->count = (uint8_t)count;
    return 0;
}

int rill__tcp_fast_open_get(struct tcp_host *host, rill_handle handle, uint32_t *most,
                            uint8_t keys[32]) {
    const struct listener *listener = rill__listener_by_handle(host, handle);
    if (handle && !listener)
        return RILL_ERROR_HANDLE;
    const struct fast_open_keys *present =
        listener ? keys_of(host, listener) : &host->fast_open_keys;
    *most = listener ? listener->fast_open.max : 0;
    for (int i = 0; i < present->count; i++)
        for (int k = 0; k < 8; k++) {
            keys[16 * i + k] = (uint8_t)(present->key[i].k0 >> (8 * k));
            keys[16 * i + 8 + k] = (uint8_t)(present->key[i].k1 >> (8 * k));
        }
    return present->count;
}
