/* tcp/demux.c: from a four-tuple to what has it: a connection, a half-open record or a time-wait
 * record. The table is keyed, so that a peer cannot choose ports that collide. */
#include "tcp/host.h"

#include <string.h>

static const struct tcp_key *key_of(const struct tcp_host *host, uint32_t value) {
    uint32_t index = value & TCP_INDEX_MASK;
    switch (value >> TCP_KIND_SHIFT) {
    case TCP_KIND_CONNECTION:
        return &((struct connection *)slab_at(&host->connections, index))->key;
    case TCP_KIND_HALF_OPEN:
        return &((struct half_open *)slab_at(&host->half_opens, index))->key;
    default:
        return &((struct time_wait *)slab_at(&host->time_waits, index))->key;
    }
}

/* Of a million records the one that is meant is in no cache: all its lines are fetched at once, not
 * each when it is first needed. */
static bool equal(const void *context, uint32_t value, const void *key) {
    const struct tcp_host *host = (const struct tcp_host *)context;
    if (value >> TCP_KIND_SHIFT == TCP_KIND_CONNECTION)
        slab_prefetch(&host->connections, value & TCP_INDEX_MASK);
    return memcmp(key_of(host, value), key, sizeof(struct tcp_key)) == 0;
}

/* Ports are hashed as numbers of a fixed byte order: the same table on every machine. */
uint32_t rill__demux_tag(const struct tcp_host *host, const struct tcp_key *key) {
    uint8_t bytes[36]; /* without the zone: few connections differ by that alone */
    memcpy(bytes, key, 32);
    bytes[32] = (uint8_t)key->local_port;
    bytes[33] = (uint8_t)(key->local_port >> 8);
    bytes[34] = (uint8_t)key->remote_port;
    bytes[35] = (uint8_t)(key->remote_port >> 8);
    return (uint32_t)rill__siphash(&host->hash_key, bytes, sizeof bytes);
}

uint32_t rill__demux_find(const struct tcp_host *host, const struct tcp_key *key) {
    uint32_t value;
    if (!rill__hash_find(&host->demux, rill__demux_tag(host, key), equal, host, key, &value))
        return TCP_NOT_FOUND;
    return value;
}

bool rill__demux_insert(struct tcp_host *host, uint32_t tag, enum tcp_kind kind, uint32_t index) {
    return rill__hash_insert(&host->demux, tag, (uint32_t)kind << TCP_KIND_SHIFT | index);
}

void rill__demux_remove(struct tcp_host *host, uint32_t tag, enum tcp_kind kind, uint32_t index) {
    rill__hash_remove(&host->demux, tag, (uint32_t)kind << TCP_KIND_SHIFT | index);
}
