/* capture/reader.h: packets out of the bytes of a capture file: pcap (either byte order; micro- and
 * nanoseconds; the longer record header of 0xa1b2cd34) and pcapng (sections, interfaces with their
 * link types and clocks, enhanced, simple and old packet blocks).
 *
 * The caller brings bytes, from the reader's place on, as many as it has; nothing in them is
 * trusted. A record's data lies within those bytes and is not copied. */
#ifndef RILL_CAPTURE_READER_H
#define RILL_CAPTURE_READER_H

#include <rill/base.h>

/* The longest packet that is read; what claims to be longer is damage. */
#define CAPTURE_LENGTH_MAX (16u << 20)
/* The longest pcapng block: a packet with its options. */
#define CAPTURE_BLOCK_MAX (CAPTURE_LENGTH_MAX + (1u << 20))
#define CAPTURE_INTERFACES_MAX 65536u

/* LINKTYPE_ values of the tcpdump project's list. */
enum capture_link_type {
    CAPTURE_LINK_NULL = 0,
    CAPTURE_LINK_ETHERNET = 1,
    CAPTURE_LINK_PPP = 9,
    CAPTURE_LINK_RAW_OLD = 12,
    CAPTURE_LINK_RAW_BSD = 14,
    CAPTURE_LINK_PPP_HDLC = 50,
    CAPTURE_LINK_RAW = 101,
    CAPTURE_LINK_LOOP = 108,
    CAPTURE_LINK_SLL = 113,
    CAPTURE_LINK_IPV4 = 228,
    CAPTURE_LINK_IPV6 = 229,
    CAPTURE_LINK_SLL2 = 276,
};

struct capture_record {
    const uint8_t *data;
    uint32_t length;      /* bytes in the file */
    uint32_t wire_length; /* bytes the packet had; not less than `length` */
    rill_time when;       /* since 1970 */
    uint64_t offset;      /* of the record in the file */
    uint64_t data_offset; /* of `data` */
    uint32_t interface;   /* counted over all sections */
    uint16_t link_type;
    int8_t outbound; /* 1 out, 0 in, -1 not said */
};

struct capture_interface {
    int64_t seconds; /* added to every time */
    uint16_t link_type;
    uint8_t resolution;   /* a power of 10, or with the top bit one of 2 */
    uint32_t snap_length; /* 0: no limit */
};

enum capture_status {
    CAPTURE_RECORD,  /* one packet */
    CAPTURE_MORE,    /* no whole one: `needed` bytes must be there from the reader's place on */
    CAPTURE_DAMAGED, /* no packet can be read from here on: `reason` */
    CAPTURE_FOREIGN, /* the file is neither pcap nor pcapng */
    CAPTURE_NO_MEMORY,
};

struct capture_reader {
    const struct rill_allocator *allocator;
    uint64_t offset;    /* the reader's place: bytes taken so far */
    size_t needed;      /* after CAPTURE_MORE */
    const char *reason; /* after CAPTURE_DAMAGED */
    struct capture_interface *interfaces;
    uint32_t interface_count, interface_room;
    uint32_t section_interfaces; /* the number of the section's first interface */
    uint8_t format;              /* 0: not known yet */
    bool swapped;                /* most significant byte first */
    bool usual;                  /* capture_read_usual may be asked */
    uint8_t record_header;       /* pcap: bytes */
    uint32_t fraction_ns;        /* pcap: what a unit of the second field is */
};

static inline uint32_t capture_little32(const uint8_t *p) {
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

void rill__capture_reader_init(struct capture_reader *reader,
                               const struct rill_allocator *allocator);
void rill__capture_reader_fini(struct capture_reader *reader);

/* Reads on: `bytes` begins at the reader's place, and `*used` of them are taken. */
enum capture_status rill__capture_read(struct capture_reader *reader, const uint8_t *bytes,
                                       size_t length, struct capture_record *record, size_t *used);

/* The same of most records: pcap's, in the usual order of bytes. False: nothing is taken, and the
 * other will tell what there is. */
static inline bool capture_read_usual(struct capture_reader *reader, const uint8_t *bytes,
                                      size_t length, struct capture_record *record) {
    enum { HEADER = 16 };
    if (!reader->usual || length < HEADER)
        return false;
    uint32_t seconds = capture_little32(bytes), fraction = capture_little32(bytes + 4);
    uint32_t captured = capture_little32(bytes + 8), wire = capture_little32(bytes + 12);
    if (captured > CAPTURE_LENGTH_MAX || length - HEADER < captured)
        return false;
    record->data = bytes + HEADER;
    record->length = captured;
    record->wire_length = wire < captured ? captured : wire;
    record->when = seconds * RILL_SECOND + (uint64_t)fraction * reader->fraction_ns;
    record->offset = reader->offset;
    record->data_offset = reader->offset + HEADER;
    record->interface = 0;
    record->link_type = reader->interfaces[0].link_type;
    record->outbound = -1;
    reader->offset += HEADER + captured;
    return true;
}

#endif
