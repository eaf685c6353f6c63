/* wire/ipv4.h: the IPv4 header (RFC 791 §3.1) and the pseudo-header's sum. */
#ifndef RILL_WIRE_IPV4_H
#define RILL_WIRE_IPV4_H

#include <rill/trace.h>

#define WIRE_IPV4_HEADER 20
#define WIRE_PROTOCOL_ICMP 1
#define WIRE_PROTOCOL_TCP 6
#define WIRE_PROTOCOL_UDP 17
#define WIRE_PROTOCOL_ICMPV6 58

struct wire_ipv4 {
    uint8_t source[4], destination[4];
    uint16_t total_length, identification;
    uint16_t fragment_offset; /* bytes */
    uint8_t header_length;    /* bytes */
    uint8_t traffic_class;    /* DSCP and ECN */
    uint8_t ttl, protocol;
    bool dont_fragment, more_fragments;
};

/* Checks the header in `data` (of `length` bytes, all that came). Returns 0 or why not. */
enum rill_drop rill__ipv4_parse(const uint8_t *data, size_t length, struct wire_ipv4 *out);

/* Writes 20 bytes, with the checksum. `header_length` is ignored: there are no options. */
void rill__ipv4_emit(const struct wire_ipv4 *header, uint8_t *out);

/* Sum over the pseudo-header (RFC 9293 §3.1), to be continued over the transport's bytes. */
uint64_t rill__ipv4_pseudo_sum(const uint8_t source[4], const uint8_t destination[4],
                               uint8_t protocol, uint32_t length);

#endif
