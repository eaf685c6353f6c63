/* tcp/ports.c: ephemeral ports (RFC 6056).
 *
 * Double hash (§3.3.4): the place to start depends on the remote socket and a key, and a counter,
 * one of many, moves on with each choice, by a random step (§3.3.5), so that an observer of one
 * destination learns nothing about the others nor about the next port. From there every port is
 * tried in turn. A four-tuple in TIME-WAIT is passed over until nothing else is left. */
#include "tcp/host.h"

#include <string.h>

#define STEP_MAX 4096

static uint64_t mix(const struct tcp_host *host, const struct tcp_key *key, uint8_t salt) {
    uint8_t bytes[35];
    memcpy(bytes, key, 32);
    bytes[32] = (uint8_t)key->remote_port;
    bytes[33] = (uint8_t)(key->remote_port >> 8);
    bytes[34] = salt;
    return rill__siphash(&host->port_key, bytes, sizeof bytes);
}

static bool search(struct tcp_host *host, struct tcp_key *key, uint32_t start, uint32_t count,
                   bool take_time_wait) {
    for (uint32_t i = 0; i < count; i++) {
        key->local_port = (uint16_t)(host->config.port_first + (start + i) % count);
        uint32_t value = rill__demux_find(host, key);
        if (value == TCP_NOT_FOUND ||
            (take_time_wait && value >> TCP_KIND_SHIFT == TCP_KIND_TIME_WAIT))
            return true;
    }
    return false;
}

int rill__port_choose(struct tcp_host *host, struct tcp_key *key) {
    uint32_t count = (uint32_t)(host->config.port_last - host->config.port_first) + 1;
    uint32_t *counter = &host->port_counters[mix(host, key, 1) % TCP_PORT_TABLE];
    *counter += 1 + (uint32_t)rill__random_below(&host->core->random, STEP_MAX);
    uint32_t start = (uint32_t)((mix(host, key, 0) + *counter) % count);
    if (search(host, key, start, count, false) || search(host, key, start, count, true))
        return 0;
    return RILL_ERROR_ADDRESS_NOT_AVAILABLE;
}
