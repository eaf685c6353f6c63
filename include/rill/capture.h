/* rill/capture.h: packets as a pcapng file, as bytes; what writes them anywhere is the caller's. */
#ifndef RILL_CAPTURE_H
#define RILL_CAPTURE_H

#include <rill/base.h>
#include <rill/packet.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The most bytes one block of ours takes for a frame of `length` bytes with a comment. */
#define RILL_CAPTURE_OVERHEAD 256

/* Section header and one interface description (raw IP, nanoseconds). Returns the bytes written, at
 * most RILL_CAPTURE_OVERHEAD. */
RILL_API size_t rill_capture_begin(uint8_t *out);

/* One frame, network header first, as a wire carries it. `comment` may be null; `outbound`: 1 out,
 * 0 in, -1 not said. `out` has room for length + RILL_CAPTURE_OVERHEAD. Returns the bytes written.
 */
RILL_API size_t rill_capture_frame(uint8_t *out, const uint8_t *frame, size_t length,
                                   rill_time when, int outbound, const char *comment);

/* Every frame of a packet, segmented and with finished checksums, with its cause as the comment if
 * it has one. `write` gets each block in turn and returns false to stop. Returns false if it did.
 */
RILL_API bool rill_capture_packet(const struct rill_packet *packet, rill_time when, int outbound,
                                  bool (*write)(void *context, const uint8_t *data, size_t length),
                                  void *context);

#ifdef __cplusplus
}
#endif
#endif
