/* wire/ipv6.h: the IPv6 header (RFC 8200 §3) and the pseudo-header's sum (§8.1). */
#ifndef RILL_WIRE_IPV6_H
#define RILL_WIRE_IPV6_H

#include <rill/trace.h>

#define WIRE_IPV6_HEADER 40

struct wire_ipv6 {
    uint8_t source[16], destination[16];
    uint32_t flow_label; /* 20 bits */
    uint16_t payload_length;
    uint8_t traffic_class, next_header, hop_limit;
};

/* Checks the header in `data` (of `length` bytes, all that came). Returns 0 or why not. */
enum rill_drop rill__ipv6_parse(const uint8_t *data, size_t length, struct wire_ipv6 *out);

/* Writes 40 bytes. */
void rill__ipv6_emit(const struct wire_ipv6 *header, uint8_t *out);

uint64_t rill__ipv6_pseudo_sum(const uint8_t source[16], const uint8_t destination[16],
                               uint8_t protocol, uint32_t length);

#endif
