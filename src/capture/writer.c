/* capture/writer.c: see writer.h. Everything is little-endian. */
#include "capture/writer.h"

#include "capture/blocks.h"

static uint8_t *put32(uint8_t *p, uint32_t value) {
    for (int i = 0; i < 4; i++)
        *p++ = (uint8_t)(value >> 8 * i);
    return p;
}

size_t rill__capture_write_section(uint8_t *out) {
    uint8_t *p = put32(put32(out, CAPTURE_BLOCK_SECTION), 28);
    p = put32(put32(p, 0x1a2b3c4d), 1);          /* byte order; version 1.0 */
    p = put32(put32(p, UINT32_MAX), UINT32_MAX); /* length not said */
    return (size_t)(put32(p, 28) - out);
}

size_t rill__capture_write_interface(uint8_t *out, uint16_t link_type) {
    uint8_t *p = put32(put32(out, 1), 32);
    p = put32(put32(p, link_type), 0);
    p = put32(p, 9 | 1 << 16); /* if_tsresol, one byte: */
    p = put32(put32(p, 9), 0); /* nanoseconds; the end of the options */
    return (size_t)(put32(p, 32) - out);
}

size_t rill__capture_write_head(uint8_t *out, uint32_t interface, rill_time when, uint32_t length,
                                uint32_t wire_length) {
    uint8_t *p = put32(put32(out, 6), 32 + ((length + 3) & ~3u));
    p = put32(p, interface);
    p = put32(put32(p, (uint32_t)(when >> 32)), (uint32_t)when);
    return (size_t)(put32(put32(p, length), wire_length) - out);
}

size_t rill__capture_write_tail(uint8_t *out, uint32_t length) {
    uint8_t *p = out;
    for (; length % 4; length++)
        *p++ = 0;
    return (size_t)(put32(p, 32 + length) - out);
}
