/* tcp/receive_queue.h: bytes received: in order and unread, and out of order.
 *
 * In order: a ring of slices. Out of order: ranges, each a list of pieces, ascending and disjoint,
 * none touching the next; the most recently changed come first in SACK (RFC 2018 §4). Payload stays
 * in the block it arrived in, unless the block is large and the payload small: then it is copied,
 * so that small messages cannot hold much memory. The stack's budget is charged with every block
 * held.
 *
 * Bounds: RANGES_MAX holes; the budget, of which out-of-order data leaves a quarter. It may be
 * given up (it was never acknowledged), the furthest first, to make room for what fills the hole.
 */
#ifndef RILL_TCP_RECEIVE_QUEUE_H
#define RILL_TCP_RECEIVE_QUEUE_H

#include "base/core.h"
#include "base/slab.h"

#define RECEIVE_RANGES_MAX 2048

struct receive_piece {
    struct receive_piece *next;
    struct rill_slice slice;
    uint32_t charge;
    uint32_t index; /* in its slab */
};

struct receive_range {
    struct receive_range *next, *previous; /* by sequence */
    struct receive_range *older, *newer;   /* by when it was last changed */
    struct receive_piece *first, *last;
    rill_seq left, right;
    uint32_t index; /* in its slab */
};

struct receive_slot {
    struct rill_slice slice;
    uint32_t charge;
};

struct receive_queue {
    struct receive_slot *ring;
    uint32_t mask, head, count;
    uint32_t bytes;   /* in order, unread */
    uint64_t held;    /* bytes charged, both kinds */
    uint32_t tail_at; /* bytes used in the last block, if it is a copy of ours */
    bool tail_open;
    struct receive_range *ranges, *ranges_last; /* by sequence */
    struct receive_range *newest;               /* the one last changed */
    uint32_t range_count;
    uint32_t out_of_order; /* bytes */
};

struct receive_slabs {
    struct slab pieces, ranges;
};

void rill__receive_queue_fini(struct core *core, struct receive_slabs *slabs,
                              struct receive_queue *queue);

/* Takes `length` bytes of the packet from offset `from` on; they begin at `sequence`, which is not
 * before `rcv_nxt`. Moves rcv_nxt over all that is in order now. Returns RILL_DROP_NONE, or why the
 * bytes (or a part of them) were not kept. */
enum rill_drop rill__receive_queue_add(struct core *core, struct receive_slabs *slabs,
                                       struct receive_queue *queue,
                                       const struct rill_packet *packet, uint32_t from,
                                       uint32_t length, rill_seq sequence, rill_seq *rcv_nxt);

size_t rill__receive_queue_read(struct core *core, struct receive_queue *queue, uint8_t *out,
                                size_t length);
/* The same, but the bytes stay. */
size_t rill__receive_queue_peek(const struct receive_queue *queue, uint8_t *out, size_t length);
/* Takes the first slice out, with its hold. */
bool rill__receive_queue_take(struct core *core, struct receive_queue *queue,
                              struct rill_slice *out);

#endif
