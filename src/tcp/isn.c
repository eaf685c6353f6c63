/* tcp/isn.c: initial sequence numbers and timestamp offsets (RFC 6528 §3, RFC 7323 §7.1).
 *
 * ISN = M + F(four-tuple, key): M ticks every 4 us, so one four-tuple's numbers rise with time, and
 * F makes them unpredictable from any other four-tuple's. The timestamp offset depends on the two
 * addresses only: successive connections of a pair see one rising clock, which RFC 6191 §2 needs.
 */
#include "tcp/host.h"

#include <string.h>

rill_seq rill__isn(const struct tcp_host *host, const struct tcp_key *key) {
    uint8_t bytes[36];
    memcpy(bytes, key, 32);
    bytes[32] = (uint8_t)key->local_port;
    bytes[33] = (uint8_t)(key->local_port >> 8);
    bytes[34] = (uint8_t)key->remote_port;
    bytes[35] = (uint8_t)(key->remote_port >> 8);
    uint32_t m = (uint32_t)(host->core->now / (4 * RILL_MICROSECOND));
    return m + (uint32_t)rill__siphash(&host->isn_key, bytes, sizeof bytes);
}

uint32_t rill__timestamp_offset(const struct tcp_host *host, const struct tcp_key *key) {
    uint8_t bytes[32];
    memcpy(bytes, key, sizeof bytes);
    return (uint32_t)rill__siphash(&host->timestamp_key, bytes, sizeof bytes);
}

uint32_t rill__timestamp_now(const struct tcp_host *host, uint32_t offset) {
    return (uint32_t)(host->core->now / RILL_MILLISECOND) + offset;
}
