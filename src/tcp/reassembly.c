/* tcp/reassembly.c: bytes that came too early.
 *
 *      rcv_nxt        range              range
 *        |   hole   [piece|piece]  hole  [piece]
 *
 * Ranges ascend, are disjoint and never touch; the pieces of a range are contiguous. New bytes are
 * cut to the holes they fill: what is already there stays. A search starts at the range changed
 * last, because segments come in runs, and at the first, because retransmissions come there. */
#include "tcp/reassembly.h"

#include "base/seq.h"
#include "base/util.h"
#include "wire/tcp.h"
#include <string.h>

/* Everything that placing bytes needs to know of where they come from. */
struct source {
    struct core *core;
    struct receive_slabs *slabs;
    struct receive_queue *queue;
    const struct rill_packet *packet;
    uint32_t from;     /* offset in the packet ... */
    rill_seq sequence; /* ... of this sequence number */
};

static void free_piece(struct core *core, struct receive_slabs *slabs, struct receive_queue *queue,
                       struct receive_piece *piece) {
    rill__receive_discharge(core, queue, piece->charge);
    rill__slab_close(&slabs->pieces, piece->index);
}

/* Takes the range out of the order of changes. */
static void forget(struct receive_queue *queue, struct receive_range *range) {
    if (range->newer)
        range->newer->older = range->older;
    else
        queue->newest = range->older;
    if (range->older)
        range->older->newer = range->newer;
}

/* It is the one last changed now; where it stands in no order yet, `newer` is itself. */
static void touch(struct receive_queue *queue, struct receive_range *range) {
    if (queue->newest == range)
        return;
    if (range->newer != range)
        forget(queue, range);
    range->newer = 0;
    range->older = queue->newest;
    if (range->older)
        range->older->newer = range;
    queue->newest = range;
}

static void unlink_range(struct receive_slabs *slabs, struct receive_queue *queue,
                         struct receive_range *range) {
    if (range->previous)
        range->previous->next = range->next;
    else
        queue->ranges = range->next;
    if (range->next)
        range->next->previous = range->previous;
    else
        queue->ranges_last = range->previous;
    forget(queue, range);
    queue->range_count--;
    rill__slab_close(&slabs->ranges, range->index);
}

void rill__reassembly_drop_last(struct core *core, struct receive_slabs *slabs,
                                struct receive_queue *queue) {
    struct receive_range *range = queue->ranges_last;
    queue->out_of_order -= range->right - range->left;
    while (range->first) {
        struct receive_piece *piece = range->first;
        range->first = piece->next;
        rill_block_drop(piece->slice.block);
        free_piece(core, slabs, queue, piece);
    }
    unlink_range(slabs, queue, range);
}

/* The last quarter of the budget is for bytes in order. */
static bool within_share(const struct core *core, size_t bytes) {
    return core->memory_held + bytes <= core->memory_limit - core->memory_limit / 4;
}

/* The part's bytes in a block we may keep: its own with a hold, or a copy. */
static bool keep(const struct source *source, const struct rill_slice *part, struct rill_slice *out,
                 uint32_t *charge) {
    struct core *core = source->core;
    if (source->queue->held >
        4 * ((uint64_t)source->queue->bytes + source->queue->out_of_order) + 65536)
        return false; /* small pieces in large blocks: not more than they are worth */
    bool hold =
        part->block && rill__receive_may_hold(core, source->queue, part->block, part->length);
    struct rill_block *block = part->block;
    if (!hold) {
        if (!within_share(core, part->length))
            return false;
        block = rill_block_open(core->pool, part->length);
        if (!block)
            return false;
    }
    if (!within_share(core, rill_block_capacity(block))) {
        if (!hold)
            rill_block_drop(block);
        return false;
    }
    if (hold) {
        rill_block_hold(block);
        *out = *part;
    } else {
        memcpy(rill_block_data(block), part->data, part->length);
        core->bytes_copied += part->length;
        out->data = rill_block_data(block);
        out->length = part->length;
        out->block = block;
    }
    *charge = (uint32_t)rill_block_capacity(block);
    rill__receive_charge(core, source->queue, *charge);
    return true;
}

/* Pieces for [left, right), chained; returns how far it got. */
static rill_seq make_pieces(const struct source *source, rill_seq left, rill_seq right,
                            struct receive_piece **first, struct receive_piece **last) {
    *first = *last = 0;
    while (left != right) {
        struct rill_slice part;
        if (!rill__packet_part(source->packet, source->from + (left - source->sequence),
                               right - left, &part))
            break;
        uint32_t index;
        struct receive_piece *piece =
            (struct receive_piece *)rill__slab_open(&source->slabs->pieces, &index);
        if (!piece)
            break;
        piece->index = index;
        if (!keep(source, &part, &piece->slice, &piece->charge)) {
            rill__slab_close(&source->slabs->pieces, index);
            break;
        }
        if (*last)
            (*last)->next = piece;
        else
            *first = piece;
        *last = piece;
        left += (uint32_t)part.length;
        source->queue->out_of_order += (uint32_t)part.length;
    }
    return left;
}

/* The first range that ends at or after `left`, or null: all end before it. */
static struct receive_range *find(const struct receive_queue *queue, rill_seq left) {
    if (queue->ranges_last && seq_gt(left, queue->ranges_last->right))
        return 0;
    struct receive_range *first = queue->ranges, *range = queue->newest;
    while (range && seq_gt(range->left, left)) { /* back from there, or on from the first */
        if (!first || seq_geq(first->right, left))
            return first;
        first = first->next;
        range = range->previous;
    }
    while (range && seq_lt(range->right, left))
        range = range->next;
    return range;
}

bool rill__reassembly_overlap(const struct receive_queue *queue, rill_seq sequence, uint32_t length,
                              rill_seq *left, rill_seq *right) {
    const struct receive_range *range = queue->ranges ? find(queue, sequence) : 0;
    if (range && range->right == sequence) /* it ends where the bytes begin */
        range = range->next;
    if (!range || !seq_lt(range->left, sequence + length))
        return false;
    *left = seq_max(range->left, sequence);
    *right = seq_lt(range->right, sequence + length) ? range->right : sequence + length;
    return true;
}

static enum rill_drop open_range(const struct source *source, struct receive_range *before,
                                 rill_seq left, rill_seq right) {
    struct receive_queue *queue = source->queue;
    if (queue->range_count >= RECEIVE_RANGES_MAX)
        return RILL_DROP_TCP_RANGES;
    uint32_t index;
    struct receive_range *range =
        (struct receive_range *)rill__slab_open(&source->slabs->ranges, &index);
    if (!range)
        return RILL_DROP_NO_MEMORY;
    range->index = index;
    range->left = left;
    range->right = make_pieces(source, left, right, &range->first, &range->last);
    if (range->right == left) {
        rill__slab_close(&source->slabs->ranges, index);
        return RILL_DROP_TCP_PRESSURE;
    }
    range->next = before;
    range->previous = before ? before->previous : queue->ranges_last;
    if (range->previous)
        range->previous->next = range;
    else
        queue->ranges = range;
    if (before)
        before->previous = range;
    else
        queue->ranges_last = range;
    queue->range_count++;
    range->newer = range;
    touch(queue, range);
    return range->right == right ? RILL_DROP_NONE : RILL_DROP_TCP_PRESSURE;
}

/* Fills [left, range->left) in front of the range, wholly or not at all. */
static bool extend_left(const struct source *source, struct receive_range *range, rill_seq left) {
    struct receive_piece *first, *last;
    rill_seq reached = make_pieces(source, left, range->left, &first, &last);
    if (reached != range->left) {
        source->queue->out_of_order -= reached - left;
        while (first) {
            struct receive_piece *piece = first;
            first = piece->next;
            rill_block_drop(piece->slice.block);
            free_piece(source->core, source->slabs, source->queue, piece);
        }
        return false;
    }
    last->next = range->first;
    range->first = first;
    range->left = left;
    return true;
}

/* Fills what [.., right) has beyond the range, joining the ranges met on the way. */
static bool extend_right(const struct source *source, struct receive_range *range, rill_seq right) {
    while (seq_lt(range->right, right) || (range->next && range->next->left == range->right)) {
        struct receive_range *next = range->next;
        rill_seq limit = next && seq_lt(next->left, right) ? next->left : right;
        if (seq_lt(range->right, limit)) {
            struct receive_piece *first, *last;
            rill_seq reached = make_pieces(source, range->right, limit, &first, &last);
            if (first) {
                range->last->next = first;
                range->last = last;
                range->right = reached;
            }
            if (reached != limit)
                return false;
        }
        if (next && next->left == range->right) {
            range->last->next = next->first;
            range->last = next->last;
            range->right = next->right;
            next->first = 0;
            unlink_range(source->slabs, source->queue, next);
        }
    }
    return true;
}

enum rill_drop rill__reassembly_add(struct core *core, struct receive_slabs *slabs,
                                    struct receive_queue *queue, const struct rill_packet *packet,
                                    uint32_t from, uint32_t length, rill_seq sequence) {
    struct source source = {core, slabs, queue, packet, from, sequence};
    rill_seq right = sequence + length;
    struct receive_range *range = find(queue, sequence);
    if (!range || seq_gt(range->left, right))
        return open_range(&source, range, sequence, right);
    if (seq_geq(sequence, range->left) && seq_leq(right, range->right)) {
        touch(queue, range); /* RFC 2018 §4: the latest segment's range comes first */
        return RILL_DROP_TCP_DUPLICATE;
    }
    touch(queue, range);
    if (seq_lt(sequence, range->left) && !extend_left(&source, range, sequence))
        return RILL_DROP_TCP_PRESSURE;
    return extend_right(&source, range, right) ? RILL_DROP_NONE : RILL_DROP_TCP_PRESSURE;
}

/* Moves the pieces of the first range that lie at or beyond rcv_nxt; false when memory ends. */
static bool drain_range(struct core *core, struct receive_slabs *slabs, struct receive_queue *queue,
                        struct receive_range *range, rill_seq *rcv_nxt) {
    while (range->first) {
        struct receive_piece *piece = range->first;
        uint32_t length = (uint32_t)piece->slice.length;
        uint32_t skip = RILL_MIN(*rcv_nxt - range->left, length);
        struct rill_slice slice = {piece->slice.data + skip, length - skip, piece->slice.block};
        if (slice.length == 0) {
            rill_block_drop(slice.block);
            rill__receive_discharge(core, queue, piece->charge);
        } else if (!rill__receive_push(core, queue, slice, piece->charge)) {
            return false;
        }
        *rcv_nxt += length - skip;
        range->left += length;
        range->first = piece->next;
        queue->out_of_order -= length;
        rill__slab_close(&slabs->pieces, piece->index);
    }
    return true;
}

void rill__reassembly_drain(struct core *core, struct receive_slabs *slabs,
                            struct receive_queue *queue, rill_seq *rcv_nxt) {
    while (queue->ranges && seq_leq(queue->ranges->left, *rcv_nxt)) {
        struct receive_range *range = queue->ranges;
        if (!drain_range(core, slabs, queue, range, rcv_nxt)) {
            /* No memory for a slot: what is left was never acknowledged, so it may go. */
            while (queue->ranges)
                rill__reassembly_drop_last(core, slabs, queue);
            return;
        }
        unlink_range(slabs, queue, range);
    }
}

unsigned rill__reassembly_sacks(const struct receive_queue *queue, struct wire_sack *sacks,
                                unsigned max) {
    unsigned count = 0;
    for (const struct receive_range *range = queue->newest; range && count < max;
         range = range->older) {
        sacks[count].left = range->left;
        sacks[count++].right = range->right;
    }
    return count;
}
