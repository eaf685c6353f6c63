/* link/emulator_frame.h: what a path reads in the frames that pass, and the one thing it writes.
 *
 * Frames on a path lie in one run of bytes that belongs to them alone. */
#ifndef RILL_LINK_EMULATOR_FRAME_H
#define RILL_LINK_EMULATOR_FRAME_H

#include <rill/packet.h>

/* The frame's bytes, to be changed. */
uint8_t *rill__frame_bytes(struct rill_packet *packet);

/* Sets CE if the sender is ECN-capable (RFC 3168 §5), and mends the checksum of an IPv4 header.
 * False: it is not capable, or no IP. A frame marked before counts as marked. */
bool rill__frame_mark(struct rill_packet *packet);

/* A TCP segment, as far as the list of losses asks. */
struct frame_segment {
    uint8_t flow[36]; /* addresses, IPv4 ones as in struct rill_address, and ports */
    uint32_t sequence, length;
    bool syn;
};

/* False: no TCP segment, or one that is not all there (a fragment, an extension header). */
bool rill__frame_segment(const struct rill_packet *packet, struct frame_segment *segment);

#endif
