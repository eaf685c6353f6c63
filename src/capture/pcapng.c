/* capture/pcapng.c: pcapng blocks as bytes (draft-ietf-opsawg-pcapng): one section, one interface
 * of raw IP (LINKTYPE_RAW) with nanosecond times, enhanced packet blocks with direction and
 * comment.
 *
 * Everything is written little-endian, so that a file does not depend on the machine that made it.
 */
#include <rill/capture.h>

#include <string.h>

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    LINKTYPE_RAW = 101,
    OPTION_END = 0,
    OPTION_COMMENT = 1,
    OPTION_FLAGS = 2,  /* epb_flags */
    OPTION_TSRESOL = 9 /* if_tsresol */
};

static uint8_t *put16(uint8_t *p, unsigned value) {
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
    return p + 2;
}

static uint8_t *put32(uint8_t *p, uint32_t value) {
    return put16(put16(p, value & 0xffff), value >> 16);
}

static uint8_t *put_padded(uint8_t *p, const void *data, size_t length) {
    memcpy(p, data, length);
    size_t padding = (4 - length % 4) % 4;
    memset(p + length, 0, padding);
    return p + length + padding;
}

static uint8_t *put_option(uint8_t *p, unsigned code, const void *data, size_t length) {
    return put_padded(put16(put16(p, code), (unsigned)length), data, length);
}

/* Writes the block's length at its front and at its end. */
static size_t finish(uint8_t *block, uint8_t *p) {
    size_t length = (size_t)(p - block) + 4;
    put32(block + 4, (uint32_t)length);
    put32(p, (uint32_t)length);
    return length;
}

size_t rill_capture_begin(uint8_t *out) {
    uint8_t *p = put32(out, BLOCK_SECTION) + 4;
    p = put32(p, 0x1a2b3c4d); /* byte order */
    p = put16(put16(p, 1), 0);
    p = put32(put32(p, 0xffffffff), 0xffffffff); /* section length not said */
    size_t section = finish(out, p);

    uint8_t *interface = out + section;
    p = put32(interface, BLOCK_INTERFACE) + 4;
    p = put16(put16(p, LINKTYPE_RAW), 0);
    p = put32(p, 0); /* no snap length */
    uint8_t nanoseconds = 9;
    p = put_option(p, OPTION_TSRESOL, &nanoseconds, 1);
    p = put_option(p, OPTION_END, &nanoseconds, 0);
    return section + finish(interface, p);
}

size_t rill_capture_frame(uint8_t *out, const uint8_t *frame, size_t length, rill_time when,
                          int outbound, const char *comment) {
    uint8_t *p = put32(out, BLOCK_PACKET) + 4;
    p = put32(p, 0); /* interface */
    p = put32(put32(p, (uint32_t)(when >> 32)), (uint32_t)when);
    p = put32(put32(p, (uint32_t)length), (uint32_t)length);
    p = put_padded(p, frame, length);
    if (comment) {
        size_t text = strlen(comment);
        p = put_option(p, OPTION_COMMENT, comment, text < 160 ? text : 160);
    }
    if (outbound >= 0) {
        uint8_t flags[4] = {(uint8_t)(outbound ? 2 : 1), 0, 0, 0};
        p = put_option(p, OPTION_FLAGS, flags, 4);
    }
    p = put_option(p, OPTION_END, "", 0);
    return finish(out, p);
}
