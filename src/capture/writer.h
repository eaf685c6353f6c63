/* capture/writer.h: packets as pcapng, of any link types: one section, an interface for each, and
 * enhanced packet blocks with nanosecond times. */
#ifndef RILL_CAPTURE_WRITER_H
#define RILL_CAPTURE_WRITER_H

#include <rill/base.h>

#define CAPTURE_WRITER_ROOM 64 /* bytes around a packet, at most; and of the other blocks */

/* Each writes one block into `out` and returns its length. */
size_t rill__capture_write_section(uint8_t *out);
size_t rill__capture_write_interface(uint8_t *out, uint16_t link_type);
/* What stands before a packet's bytes, and what stands behind them. */
size_t rill__capture_write_head(uint8_t *out, uint32_t interface, rill_time when, uint32_t length,
                                uint32_t wire_length);
size_t rill__capture_write_tail(uint8_t *out, uint32_t length);

#endif
