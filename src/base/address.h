/* base/address.h: questions about addresses that the core asks often. */
#ifndef RILL_BASE_ADDRESS_H
#define RILL_BASE_ADDRESS_H

#include <rill/base.h>

/* Multicast of either family, or IPv4 broadcast: never a TCP peer (RFC 1122 §4.2.3.10). */
bool rill__address_is_group(const struct rill_address *address);

/* 127.0.0.0/8 or ::1: never on a wire (RFC 1122 §3.2.1.3 (g), RFC 4291 §2.5.3). */
bool rill__address_is_loopback(const struct rill_address *address);

/* fe80::/10: means something on one link only (RFC 4291 §2.5.6). */
bool rill__address_is_link_local(const struct rill_address *address);

/* How many of the first bits (of 128) two addresses share. */
unsigned rill__address_common_bits(const struct rill_address *a, const struct rill_address *b);

/* Whether the first `bits` bits (of 128) are equal. */
bool rill__address_in_prefix(const struct rill_address *address, const struct rill_address *prefix,
                             unsigned bits);

/* enum rill_family: what a socket bound there speaks; `family` says so for the address "any". */
uint8_t rill__address_family(const struct rill_address *address, uint8_t family);

/* Whether a socket at `a` and one at `b` would both be meant by some address. */
bool rill__address_overlaps(const struct rill_address *a, uint8_t family_a,
                            const struct rill_address *b, uint8_t family_b);

struct rill_address rill__address_from_ipv4(const uint8_t *bytes);

#endif
