/* capture/reader.c: see reader.h. pcap here, pcapng's blocks in blocks.c. */
#include "capture/reader.h"

#include "capture/blocks.h"

#include <string.h>

enum { FORMAT_UNKNOWN, FORMAT_PCAP, FORMAT_PCAPNG };
enum {
    PCAP_HEADER = 24,
    PCAP_RECORD = 16,
    PCAP_RECORD_MODIFIED = 24,
};
#define MAGIC_MICRO 0xa1b2c3d4u
#define MAGIC_NANO 0xa1b23c4du
#define MAGIC_MODIFIED 0xa1b2cd34u

void rill__capture_reader_init(struct capture_reader *reader,
                               const struct rill_allocator *allocator) {
    memset(reader, 0, sizeof *reader);
    reader->allocator = allocator;
}

void rill__capture_reader_fini(struct capture_reader *reader) {
    if (reader->interfaces)
        reader->allocator->release(reader->allocator->context, reader->interfaces,
                                   reader->interface_room * sizeof *reader->interfaces);
    reader->interfaces = 0;
}

static enum capture_status more(struct capture_reader *reader, size_t needed) {
    reader->needed = needed;
    return CAPTURE_MORE;
}

static bool pcap_magic(struct capture_reader *reader, uint32_t magic) {
    reader->record_header = magic == MAGIC_MODIFIED ? PCAP_RECORD_MODIFIED : PCAP_RECORD;
    reader->fraction_ns = magic == MAGIC_NANO ? 1 : 1000;
    return magic == MAGIC_MICRO || magic == MAGIC_NANO || magic == MAGIC_MODIFIED;
}

static enum capture_status begin_pcap(struct capture_reader *reader, const uint8_t *bytes,
                                      size_t length, size_t *used) {
    if (length < PCAP_HEADER)
        return more(reader, PCAP_HEADER);
    struct capture_interface interface = {0, 0, 0, 0};
    interface.snap_length = capture_get32(reader, bytes + 16);
    /* The upper bits tell of a frame check sequence behind each packet; IP's length ends before it.
     */
    interface.link_type = (uint16_t)capture_get32(reader, bytes + 20);
    reader->format = FORMAT_PCAP;
    reader->usual = !reader->swapped && reader->record_header == PCAP_RECORD;
    *used = PCAP_HEADER;
    reader->offset = PCAP_HEADER;
    return rill__capture_add_interface(reader, &interface);
}

static enum capture_status begin(struct capture_reader *reader, const uint8_t *bytes, size_t length,
                                 size_t *used) {
    if (length < 4)
        return more(reader, 4);
    reader->swapped = false;
    uint32_t magic = capture_get32(reader, bytes);
    if (pcap_magic(reader, magic))
        return begin_pcap(reader, bytes, length, used);
    if (magic == CAPTURE_BLOCK_SECTION) {
        reader->format = FORMAT_PCAPNG;
        return CAPTURE_RECORD;
    }
    reader->swapped = true;
    if (pcap_magic(reader, capture_get32(reader, bytes)))
        return begin_pcap(reader, bytes, length, used);
    return CAPTURE_FOREIGN;
}

static enum capture_status read_pcap(struct capture_reader *reader, const uint8_t *bytes,
                                     size_t length, struct capture_record *record, size_t *used) {
    size_t header = reader->record_header;
    if (length < header)
        return more(reader, header);
    uint32_t captured = capture_get32(reader, bytes + 8);
    if (captured > CAPTURE_LENGTH_MAX) {
        reader->reason = "a packet's length is out of all bounds";
        return CAPTURE_DAMAGED;
    }
    if (length - header < captured)
        return more(reader, header + captured);
    uint32_t wire = capture_get32(reader, bytes + 12);
    record->data = bytes + header;
    record->length = captured;
    record->wire_length = wire < captured ? captured : wire;
    record->when = (uint64_t)capture_get32(reader, bytes) * RILL_SECOND +
                   (uint64_t)capture_get32(reader, bytes + 4) * reader->fraction_ns;
    record->offset = reader->offset;
    record->data_offset = reader->offset + header;
    record->interface = 0;
    record->link_type = reader->interfaces[0].link_type;
    record->outbound = -1;
    *used += header + captured;
    reader->offset += header + captured;
    return CAPTURE_RECORD;
}

enum capture_status rill__capture_read(struct capture_reader *reader, const uint8_t *bytes,
                                       size_t length, struct capture_record *record, size_t *used) {
    *used = 0;
    if (reader->format == FORMAT_UNKNOWN) {
        enum capture_status status = begin(reader, bytes, length, used);
        if (status != CAPTURE_RECORD)
            return status;
    }
    if (reader->format == FORMAT_PCAP)
        return read_pcap(reader, bytes + *used, length - *used, record, used);
    return rill__capture_read_blocks(reader, bytes, length, record, used);
}
