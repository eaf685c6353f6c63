/* tests/fuzz/build.h: IP packets as bytes, with lengths and checksums made right. */
#ifndef TESTS_FUZZ_BUILD_H
#define TESTS_FUZZ_BUILD_H

#include <rill/base.h>

/* Writes an IP header of the family of `to`, for `length` bytes behind it, which it returns. */
uint8_t *build_ip(uint8_t *data, const struct rill_address *from, const struct rill_address *to,
                  uint8_t protocol, size_t length);

/* Where the transport header begins, or 0 if there is none to be seen. */
size_t build_transport_at(const uint8_t *data, size_t length);

/* Makes lengths and checksums right, as far as there are headers: IPv4's, and those of TCP, UDP,
 * ICMP and IGMP. */
void build_finish(uint8_t *data, size_t length);

#endif
