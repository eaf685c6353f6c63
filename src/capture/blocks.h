/* capture/blocks.h: reading pcapng's blocks; for reader.c alone. */
#ifndef RILL_CAPTURE_BLOCKS_H
#define RILL_CAPTURE_BLOCKS_H

#include "capture/reader.h"

#define CAPTURE_BLOCK_SECTION 0x0a0d0d0au

static inline uint32_t capture_get32(const struct capture_reader *reader, const uint8_t *p) {
    return reader->swapped
               ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
               : capture_little32(p);
}

static inline uint16_t capture_get16(const struct capture_reader *reader, const uint8_t *p) {
    return (uint16_t)(reader->swapped ? p[0] << 8 | p[1] : p[1] << 8 | p[0]);
}

/* CAPTURE_RECORD: it is there now. */
enum capture_status rill__capture_add_interface(struct capture_reader *reader,
                                                const struct capture_interface *interface);

enum capture_status rill__capture_read_blocks(struct capture_reader *reader, const uint8_t *bytes,
                                              size_t length, struct capture_record *record,
                                              size_t *used);

#endif
