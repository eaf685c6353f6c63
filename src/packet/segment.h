/* packet/segment.h: reading the bytes of a packet wherever they lie. */
#ifndef RILL_PACKET_SEGMENT_H
#define RILL_PACKET_SEGMENT_H

#include <rill/packet.h>

/* Copies `length` bytes from offset `from` of the packet; it has that many. */
void rill__packet_copy(const struct rill_packet *packet, size_t from, uint8_t *out, size_t length);

/* The first run of contiguous bytes, where all headers must lie. */
const uint8_t *rill__packet_head(const struct rill_packet *packet, size_t *length);

#endif
