/* base/checksum.h: the Internet checksum (RFC 1071), summed in 64 bits and folded once at the end.
 *
 * A partial sum is native-endian over 16-bit words, kept in 64 bits; `checksum_add` may be chained
 * as long as every piece but the last has an even length; `checksum_add_at` takes any piece, told
 * whether it begins at an odd offset. */
#ifndef RILL_BASE_CHECKSUM_H
#define RILL_BASE_CHECKSUM_H

#include <rill/base.h>

uint64_t rill__checksum_add(uint64_t sum, const uint8_t *data, size_t length);
uint64_t rill__checksum_add_at(uint64_t sum, const uint8_t *data, size_t length, size_t offset);

/* The pseudo-header of either family: both addresses, which lie one behind the other in either
 * header, then protocol and length (RFC 9293 §3.1, RFC 8200 §8.1). */
uint64_t rill__checksum_pseudo(const uint8_t *addresses, size_t length_of_both, uint8_t protocol,
                               uint32_t length);

/* Folds to 16 bits, not inverted, in the byte order of the data: store it with checksum_store. */
uint16_t rill__checksum_fold(uint64_t sum);

/* Writes a folded sum (inverted by the caller where it should be) as it lies in memory. */
void rill__checksum_store(uint8_t *out, uint16_t folded);

#endif
