/* capture/blocks.c: pcapng (draft-ietf-opsawg-pcapng): a file is a row of blocks, each with its
 * length before and behind. A section header sets the byte order and forgets the interfaces. Blocks
 * of kinds that hold no packet are passed over. */
#include "capture/blocks.h"

#include <string.h>

enum {
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET_OLD = 2,
    BLOCK_PACKET_SIMPLE = 3,
    BLOCK_PACKET = 6,
    OPTION_END = 0,
    OPTION_FLAGS = 2,
    OPTION_TSRESOL = 9,
    OPTION_TSOFFSET = 14,
    RESOLUTION_MICRO = 6,
    RESOLUTION_BINARY = 0x80,
    BLOCK_EMPTY = 12, /* type and both lengths */
};
#define BYTE_ORDER_MAGIC 0x1a2b3c4du

struct block {
    uint32_t type, length; /* the whole block's */
    const uint8_t *body;
    size_t body_length;
};

static enum capture_status damaged(struct capture_reader *reader, const char *reason) {
    reader->reason = reason;
    return CAPTURE_DAMAGED;
}

static enum capture_status more(struct capture_reader *reader, size_t needed) {
    reader->needed = needed;
    return CAPTURE_MORE;
}

enum capture_status rill__capture_add_interface(struct capture_reader *reader,
                                                const struct capture_interface *interface) {
    if (reader->interface_count == CAPTURE_INTERFACES_MAX)
        return damaged(reader, "more than 65536 interfaces");
    if (reader->interface_count == reader->interface_room) {
        uint32_t room = reader->interface_room ? 2 * reader->interface_room : 4;
        struct capture_interface *grown = (struct capture_interface *)reader->allocator->allocate(
            reader->allocator->context, room * sizeof *reader->interfaces);
        if (!grown)
            return CAPTURE_NO_MEMORY;
        if (reader->interface_count)
            memcpy(grown, reader->interfaces, reader->interface_count * sizeof *grown);
        uint32_t count = reader->interface_count;
        rill__capture_reader_fini(reader);
        reader->interfaces = grown;
        reader->interface_room = room;
        reader->interface_count = count;
    }
    reader->interfaces[reader->interface_count++] = *interface;
    return CAPTURE_RECORD;
}

/* The value of an option, or null; `at` is where the options begin. */
static const uint8_t *find_option(const struct capture_reader *reader, const uint8_t *at,
                                  const uint8_t *end, unsigned wanted, unsigned wanted_length) {
    while (end - at >= 4) {
        unsigned code = capture_get16(reader, at), length = capture_get16(reader, at + 2);
        at += 4;
        if (code == OPTION_END || (size_t)(end - at) < length)
            return 0;
        if (code == wanted && length >= wanted_length)
            return at;
        size_t padded = (length + 3u) & ~(size_t)3;
        if ((size_t)(end - at) < padded)
            return 0;
        at += padded;
    }
    return 0;
}

static enum capture_status read_interface(struct capture_reader *reader,
                                          const struct block *block) {
    if (block->body_length < 8)
        return damaged(reader, "an interface block is too short");
    const uint8_t *end = block->body + block->body_length;
    struct capture_interface interface = {0, 0, RESOLUTION_MICRO, 0};
    interface.link_type = capture_get16(reader, block->body);
    interface.snap_length = capture_get32(reader, block->body + 4);
    const uint8_t *option = find_option(reader, block->body + 8, end, OPTION_TSRESOL, 1);
    if (option)
        interface.resolution = *option;
    option = find_option(reader, block->body + 8, end, OPTION_TSOFFSET, 8);
    if (option) {
        uint64_t first = capture_get32(reader, option), second = capture_get32(reader, option + 4);
        interface.seconds =
            (int64_t)(reader->swapped ? first << 32 | second : second << 32 | first);
    }
    return rill__capture_add_interface(reader, &interface);
}

/* A count of units since 1970 as nanoseconds; what does not fit is cut off, not trapped. */
static rill_time to_nanoseconds(const struct capture_interface *interface, uint64_t units) {
    unsigned power = interface->resolution & 0x7fu;
    uint64_t ns;
    if (interface->resolution & RESOLUTION_BINARY) {
        uint64_t whole = power < 64 ? units >> power : 0;
        uint64_t part = power < 64 ? units & ((UINT64_C(1) << power) - 1) : units;
        if (power > 32) { /* the product below stays within 64 bits */
            part = power - 32 < 64 ? part >> (power - 32) : 0;
            power = 32;
        }
        ns = whole * RILL_SECOND + (part * RILL_SECOND >> power);
    } else {
        ns = units;
        for (unsigned i = power; i < 9; i++)
            ns *= 10;
        for (unsigned i = 9; i < power && ns; i++)
            ns /= 10;
    }
    return ns + (uint64_t)interface->seconds * RILL_SECOND;
}

static enum capture_status set_data(struct capture_reader *reader, const struct block *block,
                                    size_t header, uint32_t captured, uint32_t wire,
                                    struct capture_record *record) {
    if (block->body_length < header || block->body_length - header < captured)
        return damaged(reader, "a packet is longer than its block");
    record->data = block->body + header;
    record->length = captured;
    record->wire_length = wire < captured ? captured : wire;
    record->offset = reader->offset;
    record->data_offset = reader->offset + 8 + header;
    record->outbound = -1;
    return CAPTURE_RECORD;
}

static enum capture_status set_interface(struct capture_reader *reader, uint32_t number,
                                         struct capture_record *record) {
    if (number >= reader->interface_count - reader->section_interfaces)
        return damaged(reader, "a packet of an interface that no block has described");
    record->interface = reader->section_interfaces + number;
    record->link_type = reader->interfaces[record->interface].link_type;
    return CAPTURE_RECORD;
}

/* Enhanced packet blocks, and the older ones, which differ in the interface's number only. */
static enum capture_status read_packet(struct capture_reader *reader, const struct block *block,
                                       struct capture_record *record) {
    if (block->body_length < 20)
        return damaged(reader, "a packet block is too short");
    uint32_t number = block->type == BLOCK_PACKET ? capture_get32(reader, block->body)
                                                  : capture_get16(reader, block->body);
    enum capture_status status = set_interface(reader, number, record);
    if (status != CAPTURE_RECORD)
        return status;
    uint64_t units = (uint64_t)capture_get32(reader, block->body + 4) << 32 |
                     capture_get32(reader, block->body + 8);
    record->when = to_nanoseconds(&reader->interfaces[record->interface], units);
    uint32_t captured = capture_get32(reader, block->body + 12);
    status = set_data(reader, block, 20, captured, capture_get32(reader, block->body + 16), record);
    if (status != CAPTURE_RECORD)
        return status;
    size_t padded = ((size_t)captured + 3) & ~(size_t)3;
    if (block->body_length - 20 <= padded)
        return CAPTURE_RECORD;
    const uint8_t *flags = find_option(reader, record->data + padded,
                                       block->body + block->body_length, OPTION_FLAGS, 4);
    if (flags) {
        uint32_t way = capture_get32(reader, flags) & 3;
        record->outbound = way == 2 ? 1 : way == 1 ? 0 : -1;
    }
    return CAPTURE_RECORD;
}

/* Simple packet blocks have no time: each gets that of the packet before. */
static enum capture_status read_simple(struct capture_reader *reader, const struct block *block,
                                       struct capture_record *record) {
    if (block->body_length < 4)
        return damaged(reader, "a packet block is too short");
    enum capture_status status = set_interface(reader, 0, record);
    if (status != CAPTURE_RECORD)
        return status;
    uint32_t wire = capture_get32(reader, block->body);
    uint32_t snap = reader->interfaces[record->interface].snap_length, captured = wire;
    if (snap && captured > snap)
        captured = snap;
    if (captured > block->body_length - 4)
        captured = (uint32_t)(block->body_length - 4);
    return set_data(reader, block, 4, captured, wire, record);
}

/* Finds the block at the reader's place; section headers set the byte order first. */
static enum capture_status frame_block(struct capture_reader *reader, const uint8_t *bytes,
                                       size_t length, struct block *block) {
    if (length < BLOCK_EMPTY)
        return more(reader, BLOCK_EMPTY);
    block->type = capture_get32(reader, bytes);
    if (block->type == CAPTURE_BLOCK_SECTION) {
        reader->swapped = false;
        if (capture_get32(reader, bytes + 8) != BYTE_ORDER_MAGIC) {
            reader->swapped = true;
            if (capture_get32(reader, bytes + 8) != BYTE_ORDER_MAGIC)
                return damaged(reader, "a section without its byte order");
        }
    }
    block->length = capture_get32(reader, bytes + 4);
    if (block->length < BLOCK_EMPTY || block->length % 4)
        return damaged(reader, "a block's length is none");
    if (block->length > CAPTURE_BLOCK_MAX)
        return damaged(reader, "a block's length is out of all bounds");
    if (length < block->length)
        return more(reader, block->length);
    if (capture_get32(reader, bytes + block->length - 4) != block->length)
        return damaged(reader, "a block's two lengths differ");
    block->body = bytes + 8;
    block->body_length = block->length - BLOCK_EMPTY;
    return CAPTURE_RECORD;
}

enum capture_status rill__capture_read_blocks(struct capture_reader *reader, const uint8_t *bytes,
                                              size_t length, struct capture_record *record,
                                              size_t *used) {
    *used = 0;
    for (;;) {
        struct block block;
        enum capture_status status = frame_block(reader, bytes + *used, length - *used, &block);
        if (status != CAPTURE_RECORD)
            return status;
        bool packet = true;
        if (block.type == BLOCK_PACKET || block.type == BLOCK_PACKET_OLD) {
            status = read_packet(reader, &block, record);
        } else if (block.type == BLOCK_PACKET_SIMPLE) {
            status = read_simple(reader, &block, record);
        } else {
            packet = false;
            if (block.type == CAPTURE_BLOCK_SECTION)
                reader->section_interfaces = reader->interface_count;
            else if (block.type == BLOCK_INTERFACE)
                status = read_interface(reader, &block);
        }
        if (status != CAPTURE_RECORD)
            return status;
        *used += block.length;
        reader->offset += block.length;
        if (packet)
            return CAPTURE_RECORD;
    }
}
