/* tcp/sharing.c: what one connection leaves to the next between the same two addresses (RFC 9040
 * §5, temporal sharing).
 *
 * Always: what Fast Open needs (RFC 7413 §4.1.3): the server's cookie, its MSS, and how often it
 * has failed; fast_open_active.c reads and writes that. Where the config says so, the path's round
 * trip and slow start threshold too. That is off by default: it makes a connection's behaviour
 * depend on others', and an old threshold holds a new connection back for longer than it takes slow
 * start to find a better one.
 *
 * Bounds: SHARED_MAX entries, the least recently used goes first. Only active opens make one, so no
 * peer can fill the table. */
#include "tcp/host.h"

#include <string.h>

#define SHARED_MAX 1024u
#define MEASURED_FOR (600 * RILL_SECOND) /* a path measured longer ago is another one */

/* Two addresses, and the link between them if they are link-local. */
struct pair {
    const struct rill_address *local, *remote;
    uint16_t zone;
};

static uint32_t tag(const struct tcp_host *host, const struct pair *pair) {
    uint8_t bytes[34];
    memcpy(bytes, pair->local->bytes, 16);
    memcpy(bytes + 16, pair->remote->bytes, 16);
    bytes[32] = (uint8_t)pair->zone;
    bytes[33] = (uint8_t)(pair->zone >> 8);
    return (uint32_t)rill__siphash(&host->hash_key, bytes, sizeof bytes);
}

static struct shared *at(const struct tcp_host *host, uint32_t index) {
    return (struct shared *)slab_at(&host->shared, index);
}

static bool equal(const void *context, uint32_t value, const void *key) {
    const struct pair *pair = (const struct pair *)key;
    const struct shared *shared = at((const struct tcp_host *)context, value);
    return rill_address_equal(&shared->remote, pair->remote) &&
           rill_address_equal(&shared->local, pair->local) && shared->zone == pair->zone;
}

static void unlink_use(struct tcp_host *host, struct shared *shared) {
    if (shared->older != SLAB_NONE)
        at(host, shared->older)->newer = shared->newer;
    else
        host->shared_oldest = shared->newer;
    if (shared->newer != SLAB_NONE)
        at(host, shared->newer)->older = shared->older;
    else
        host->shared_newest = shared->older;
}

static void link_use(struct tcp_host *host, struct shared *shared) {
    shared->newer = SLAB_NONE;
    shared->older = host->shared_newest;
    if (shared->older != SLAB_NONE)
        at(host, shared->older)->newer = shared->index;
    else
        host->shared_oldest = shared->index;
    host->shared_newest = shared->index;
}

static void forget(struct tcp_host *host, struct shared *shared) {
    struct pair pair = {&shared->local, &shared->remote, shared->zone};
    rill__hash_remove(&host->shared_hash, tag(host, &pair), shared->index);
    unlink_use(host, shared);
    rill__slab_close(&host->shared, shared->index);
}

static struct shared *make_entry(struct tcp_host *host, const struct pair *pair) {
    uint32_t index;
    if (host->shared.used >= SHARED_MAX)
        forget(host, at(host, host->shared_oldest));
    struct shared *shared = (struct shared *)rill__slab_open(&host->shared, &index);
    if (!shared)
        return 0;
    if (!rill__hash_insert(&host->shared_hash, tag(host, pair), index)) {
        rill__slab_close(&host->shared, index);
        return 0;
    }
    shared->index = index;
    shared->local = *pair->local;
    shared->remote = *pair->remote;
    shared->zone = pair->zone;
    link_use(host, shared);
    return shared;
}

struct shared *rill__shared(struct tcp_host *host, const struct tcp_key *key, bool make) {
    struct pair pair = {&key->local, &key->remote, key->zone};
    uint32_t index;
    if (!rill__hash_find(&host->shared_hash, tag(host, &pair), equal, host, &pair, &index))
        return make ? make_entry(host, &pair) : 0;
    struct shared *shared = at(host, index);
    unlink_use(host, shared);
    link_use(host, shared);
    return shared;
}

void rill__sharing_begin(struct tcp_host *host, struct connection *connection) {
    if (!host->config.share_paths)
        return;
    const struct shared *shared = rill__shared(host, &connection->key, false);
    if (!shared || !shared->srtt || host->core->now - shared->measured_at > MEASURED_FOR)
        return;
    if (!connection->srtt) { /* RFC 9040 §5.1: a first guess, which samples correct */
        connection->srtt = shared->srtt;
        connection->rttvar = shared->rttvar;
    }
    connection->congestion.ssthresh = RILL_MIN(connection->congestion.ssthresh, shared->ssthresh);
}

void rill__sharing_end(struct tcp_host *host, const struct connection *connection) {
    bool passive = (connection->flags & CONNECTION_PASSIVE) != 0;
    if (!host->config.share_paths || !connection->srtt)
        return;
    struct shared *shared = rill__shared(host, &connection->key, !passive);
    if (!shared)
        return;
    shared->srtt = connection->srtt;
    shared->rttvar = connection->rttvar;
    shared->ssthresh = connection->congestion.ssthresh;
    shared->measured_at = host->core->now;
}
