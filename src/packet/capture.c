/* packet/capture.c: every frame of a packet into a capture, as a wire would carry it. */
#include <rill/capture.h>
#include <rill/trace.h>

#include "packet/pool.h"

bool rill_capture_packet(const struct rill_packet *packet, rill_time when, int outbound,
                         bool (*write)(void *context, const uint8_t *data, size_t length),
                         void *context) {
    const size_t frame_max = 65535 + 64;
    struct rill_block *block = rill_block_open(packet->pool, 2 * frame_max + RILL_CAPTURE_OVERHEAD);
    if (!block)
        return false;
    uint8_t *frame = block->data, *out = frame + frame_max;
    const char *comment = packet->cause ? rill_cause_text((enum rill_cause)packet->cause) : 0;
    bool ok = true;
    for (uint32_t i = 0; ok && i < rill_packet_frames(packet); i++) {
        size_t length = rill_packet_frame(packet, i, frame, frame_max);
        size_t link = packet->link_length; /* the file's link type is raw IP */
        if (!link || (length > link && (frame[link] >> 4 == 4 || frame[link] >> 4 == 6)))
            ok = write(
                context, out,
                rill_capture_frame(out, frame + link, length - link, when, outbound, comment));
    }
    rill_block_drop(block);
    return ok;
}
