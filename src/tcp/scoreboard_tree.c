/* tcp/scoreboard_tree.c: the scoreboard's tree: a treap over the records in the order of sequence.
 *
 * Each node knows whether a record below it is lost, so the first lost one is found going down.
 * Priorities are a hash of the slab index: no peer chooses them, and the same run has the same
 * tree. Inserting behind the last record, which is what sending does, costs about two rotations. */
#include "tcp/scoreboard.h"

#include "base/seq.h"

static uint32_t priority(const struct transmission *record) {
    uint32_t x = record->index * 0x9e3779b1u; /* murmur3's last steps */
    x = (x ^ x >> 16) * 0x85ebca6bu;
    return x ^ x >> 13;
}

static bool lost_below(const struct transmission *record) {
    return record && record->flags & TRANSMISSION_LOST_BELOW;
}

/* Looks anew whether something is lost below; true if that has changed. */
static bool refresh(struct transmission *record) {
    bool lost =
        record->flags & TRANSMISSION_LOST || lost_below(record->left) || lost_below(record->right);
    if (lost == lost_below(record))
        return false;
    record->flags ^= TRANSMISSION_LOST_BELOW;
    return true;
}

void rill__tree_changed(struct transmission *record) {
    while (record && refresh(record))
        record = record->parent;
}

static void replace(struct scoreboard *board, struct transmission *record,
                    struct transmission *by) {
    struct transmission *parent = record->parent;
    if (!parent)
        board->root = by;
    else if (parent->left == record)
        parent->left = by;
    else
        parent->right = by;
    if (by)
        by->parent = parent;
}

/* The record takes its parent's place. */
static void rotate(struct scoreboard *board, struct transmission *record) {
    struct transmission *parent = record->parent;
    replace(board, parent, record);
    if (parent->left == record) {
        parent->left = record->right;
        if (record->right)
            record->right->parent = parent;
        record->right = parent;
    } else {
        parent->right = record->left;
        if (record->left)
            record->left->parent = parent;
        record->left = parent;
    }
    parent->parent = record;
    refresh(parent);
    refresh(record);
}

void rill__tree_insert(struct scoreboard *board, struct transmission *record) {
    struct transmission *before = record->previous;
    record->left = record->right = record->parent = 0;
    record->flags &= (uint8_t)~TRANSMISSION_LOST_BELOW;
    if (!board->root) {
        board->root = record;
    } else if (before && !before->right) {
        before->right = record;
        record->parent = before;
    } else { /* then the next one has nothing on its left */
        record->next->left = record;
        record->parent = record->next;
    }
    rill__tree_changed(record);
    while (record->parent && priority(record->parent) < priority(record))
        rotate(board, record);
}

void rill__tree_remove(struct scoreboard *board, struct transmission *record) {
    while (record->left && record->right)
        rotate(board,
               priority(record->left) < priority(record->right) ? record->right : record->left);
    struct transmission *parent = record->parent;
    replace(board, record, record->left ? record->left : record->right);
    rill__tree_changed(parent);
}

void rill__tree_make(struct scoreboard *board) {
    if (board->root)
        return;
    for (struct transmission *record = board->head; record; record = record->next)
        rill__tree_insert(board, record);
}

struct transmission *rill__tree_find(const struct scoreboard *board, rill_seq sequence) {
    struct transmission *record = board->root;
    while (record && (seq_lt(sequence, record->sequence) || seq_geq(sequence, record->end)))
        record = seq_lt(sequence, record->sequence) ? record->left : record->right;
    return record;
}

struct transmission *rill__scoreboard_first_lost(const struct scoreboard *board) {
    struct transmission *record = board->lost ? board->root : 0;
    while (record) {
        if (lost_below(record->left))
            record = record->left;
        else if (record->flags & TRANSMISSION_LOST)
            break;
        else
            record = record->right;
    }
    return record;
}
