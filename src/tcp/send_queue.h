/* tcp/send_queue.h: the bytes the application gave us and the peer has not acknowledged.
 *
 * A ring of chunks, each a run of bytes in a block, found by sequence number through bisection.
 * Copied bytes are appended to the last block while it has room; slices by reference stand as they
 * came. The stack's budget is charged with each chunk's block. Invariants: chunks are contiguous
 * from `first` on and sum to `bytes`. */
#ifndef RILL_TCP_SEND_QUEUE_H
#define RILL_TCP_SEND_QUEUE_H

#include "base/core.h"

struct send_chunk {
    const uint8_t *data;
    struct rill_block *block;
    uint32_t length;
    rill_seq sequence;
    uint32_t charge; /* to the budget: the block, or of an application's block the slice */
};

struct send_queue {
    struct send_chunk *ring;
    uint32_t mask, head, count;
    uint32_t bytes;
    rill_seq first;   /* sequence number of the first byte */
    uint32_t tail_at; /* bytes used in the last block */
    bool tail_open;   /* the last block is ours and may be appended to */
};

void rill__send_queue_fini(struct core *core, struct send_queue *queue);

/* Copies up to `length` bytes in. Returns how many: fewer only when memory or budget end. */
size_t rill__send_queue_copy(struct core *core, struct send_queue *queue, const uint8_t *data,
                             size_t length);

/* What a slice would be charged. */
uint32_t rill__send_queue_charge(const struct rill_slice *slice);

/* Takes over one slice with its hold; false when memory or budget end (the hold stays the
 * caller's). */
bool rill__send_queue_slice(struct core *core, struct send_queue *queue, struct rill_slice slice);

/* Drops everything before `sequence`. */
void rill__send_queue_acked(struct core *core, struct send_queue *queue, rill_seq sequence);

/* Appends the bytes from `sequence` on to the packet, each slice with a hold of its own. Returns
 * how many of `length` fitted into the packet's slices. */
uint32_t rill__send_queue_read(const struct send_queue *queue, rill_seq sequence, uint32_t length,
                               struct rill_packet *packet);

#endif
