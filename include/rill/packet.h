/* rill/packet.h: packets, the blocks their bytes lie in, and the pool that owns both.
 *
 * A pool belongs to one thread and outlives every packet and block taken from it. Blocks are
 * counted by holds; the last hold dropped returns the block to its pool. A packet is a header
 * (inside the packet) and slices of blocks; it has one owner. */
#ifndef RILL_PACKET_H
#define RILL_PACKET_H

#include <rill/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rill_pool;
struct rill_block;

struct rill_pool_config {
    size_t size; /* sizeof of this struct */
    /* The most bytes of blocks the pool will ask the allocator for. Default 1 GiB. */
    uint64_t bytes_max;
    /* Of what has come back, so many bytes stay for the next, or as many as are out if that is
     * more; the rest goes to the allocator. Default 1 MiB. */
    uint64_t bytes_kept;
    /* Packets set aside for segments without data (ACK, RST …). Default 64. */
    uint32_t reserve_packets;
};

RILL_API void rill_pool_config_default(struct rill_pool_config *config);

/* Opens a pool; `config` may be null. The allocator is copied. Null when out of memory. */
RILL_API struct rill_pool *rill_pool_open(const struct rill_allocator *allocator,
                                          const struct rill_pool_config *config);

/* Closes the pool: frees at once what is at home, the rest (and the pool) as the last comes back.
 */
RILL_API void rill_pool_close(struct rill_pool *pool);

struct rill_pool_info {
    uint64_t bytes_allocated; /* blocks and packets obtained from the allocator */
    uint64_t blocks_out;      /* blocks now held by somebody */
    uint64_t packets_out;     /* packets now held by somebody */
};
RILL_API void rill_pool_get_info(const struct rill_pool *pool, struct rill_pool_info *info);

/* A writable block of at least `capacity` bytes with one hold. Null when out of memory. */
RILL_API struct rill_block *rill_block_open(struct rill_pool *pool, size_t capacity);

/* A block around bytes of the application's. `release` runs when the last hold goes: the bytes may
 * be changed or freed only then. It is a leaf callback. Null when out of memory. */
RILL_API struct rill_block *rill_block_wrap(struct rill_pool *pool, const void *data, size_t length,
                                            void (*release)(void *context), void *context);

RILL_API uint8_t *rill_block_data(struct rill_block *block);
RILL_API size_t rill_block_capacity(const struct rill_block *block);
RILL_API void rill_block_hold(struct rill_block *block);
RILL_API void rill_block_drop(struct rill_block *block);

/* A run of bytes in a block. Whoever has a slice has one hold on its block. */
struct rill_slice {
    const uint8_t *data;
    size_t length;
    struct rill_block *block;
};

#define RILL_PACKET_HEADROOM 160 /* bytes for the headers of an outgoing packet */
#define RILL_PACKET_SLICES 18

enum rill_packet_flag {
    /* The transport checksum field holds only the pseudo-header's sum: a link with checksum offload
     * finishes it from `checksum_start`, storing at `checksum_start + checksum_offset`. */
    RILL_PACKET_CHECKSUM_PARTIAL = 1,
    /* The link vouches for the transport checksum. */
    RILL_PACKET_CHECKSUM_VERIFIED = 2,
};

/* One packet, or one super-segment: when `gso_size` is not 0 the payload is cut on the wire into
 * pieces of at most `gso_size` bytes, each with a copy of the headers. */
struct rill_packet {
    struct rill_packet *next; /* for the present owner's use */
    struct rill_pool *pool;
    rill_time arrival;        /* when it arrived, RILL_TIME_NEVER: use the `now` of the call */
    uint32_t length;          /* all bytes, headers included */
    uint16_t gso_size;        /* 0 or the payload bytes of each segment */
    uint16_t checksum_start;  /* from the network header */
    uint16_t checksum_offset; /* from checksum_start */
    uint16_t header_offset;   /* where the header begins in `headroom` */
    uint16_t header_length;   /* bytes of header in `headroom`; 0 for arriving packets */
    uint8_t flags;            /* enum rill_packet_flag */
    uint8_t cause;            /* enum rill_cause, of packets a stack emitted */
    uint8_t slice_count;
    uint8_t link_length; /* bytes of link header before the network header; 0 on raw IP links */
    uint8_t reserved[2];
    uint8_t headroom[RILL_PACKET_HEADROOM];
    struct rill_slice slices[RILL_PACKET_SLICES];
};

/* An empty packet. Null when out of memory. */
RILL_API struct rill_packet *rill_packet_open(struct rill_pool *pool);

/* Adds a slice to the packet's end, taking over one hold on its block. Returns 0, or
 * RILL_ERROR_LIMIT when the packet has RILL_PACKET_SLICES slices (the hold stays the caller's). */
RILL_API RILL_MUST_CHECK int rill_packet_append(struct rill_packet *packet,
                                                struct rill_slice slice);

/* Gives up a packet and its holds. Null is fine. */
RILL_API void rill_packet_drop(struct rill_packet *packet);

/* Copies the whole packet to `out` (`packet->length` bytes), finishing a partial checksum. */
RILL_API void rill_packet_flatten(const struct rill_packet *packet, uint8_t *out);

/* How many frames the packet is on a wire: 1, or the number of pieces of a super-segment. */
RILL_API uint32_t rill_packet_frames(const struct rill_packet *packet);

/* Writes frame number `index` of the packet as a wire would carry it (segmentation done, checksums
 * finished) to `out`, of `capacity` bytes. Returns its length, or 0 when there is no such frame or
 * it does not fit. */
RILL_API size_t rill_packet_frame(const struct rill_packet *packet, uint32_t index, uint8_t *out,
                                  size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
