/* tcp/ports.c: ephemeral ports (RFC 6056).
 *
 * As in double hash (§3.3.4) a counter, one of many, moves on with each choice, and which one
 * depends on a keyed hash of the two addresses and the remote port. But the counter's value is not
 * added to an offset: it goes through a keyed permutation of the port range. So successive ports
 * look random to an observer, and still each comes once before any comes again
 * (docs/decisions/0001-ephemeral-ports.md). A four-tuple in TIME-WAIT is passed over until nothing
 * else is left. */
#include "tcp/host.h"

#include <string.h>

static uint64_t mix(const struct tcp_host *host, const struct tcp_key *key, uint8_t salt) {
    uint8_t bytes[35];
    memcpy(bytes, key, 32);
    bytes[32] = (uint8_t)key->remote_port;
    bytes[33] = (uint8_t)(key->remote_port >> 8);
    bytes[34] = salt;
    return rill__siphash(&host->port_key, bytes, sizeof bytes);
}

/* A permutation of 16 bits: four Feistel rounds on halves of 8. */
static uint32_t permute16(uint64_t key, uint32_t value) {
    uint32_t left = value >> 8, right = value & 0xff;
    for (unsigned round = 0; round < 4; round++) {
        uint64_t x = (key ^ (right * 4u + round)) * UINT64_C(0x9e3779b97f4a7c15);
        x ^= x >> 29;
        x *= UINT64_C(0xbf58476d1ce4e5b9);
        uint32_t next = left ^ (uint32_t)(x >> 56);
        left = right;
        right = next;
    }
    return left << 8 | right;
}

/* A permutation of 0 ... count - 1: values outside are permuted again until they fall inside. */
static uint32_t permute(uint64_t key, uint32_t value, uint32_t count) {
    do
        value = permute16(key, value);
    while (value >= count);
    return value;
}

static bool search(struct tcp_host *host, struct tcp_key *key, uint32_t start, uint32_t count,
                   bool take_time_wait) {
    uint64_t secret = mix(host, key, 0);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = permute(secret, (start + i) % count, count);
        key->local_port = (uint16_t)(host->config.port_first + at);
        uint32_t value = rill__demux_find(host, key);
        if (value == TCP_NOT_FOUND ||
            (take_time_wait && value >> TCP_KIND_SHIFT == TCP_KIND_TIME_WAIT))
            return true;
    }
    return false;
}

int rill__port_choose(struct tcp_host *host, struct tcp_key *key) {
    uint32_t count = (uint32_t)(host->config.port_last - host->config.port_first) + 1;
    uint32_t start = host->port_counters[mix(host, key, 1) % TCP_PORT_TABLE]++;
    if (search(host, key, start, count, false) || search(host, key, start, count, true))
        return 0;
    return RILL_ERROR_ADDRESS_NOT_AVAILABLE;
}
