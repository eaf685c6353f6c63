/* tcp/scoreboard.c: see scoreboard.h. */
#include "tcp/scoreboard.h"

#include "base/seq.h"
#include "base/util.h"

#define TREE_MAKES 64u /* records from which on there is a tree in any case … */
#define TREE_KEEPS 32u /* … and below which it goes */

static void link_behind(struct scoreboard *board, struct transmission *record,
                        struct transmission *before) {
    record->previous = before;
    record->next = before ? before->next : board->head;
    if (record->next)
        record->next->previous = record;
    else
        board->tail = record;
    if (before)
        before->next = record;
    else
        board->head = record;
    board->count++;
    if (board->root)
        rill__tree_insert(board, record);
}

/* Takes the record out of all but the list by time, and frees it. */
static void free_record(struct scoreboard *board, struct slab *slab, struct transmission *record) {
    if (board->root)
        rill__tree_remove(board, record);
    if (record->previous)
        record->previous->next = record->next;
    else
        board->head = record->next;
    if (record->next)
        record->next->previous = record->previous;
    else
        board->tail = record->previous;
    board->count--;
    rill__slab_close(slab, record->index);
}

/* Behind `earlier` in the list by time; null: in front. */
static void time_insert(struct scoreboard *board, struct transmission *record,
                        struct transmission *earlier) {
    record->earlier = earlier;
    record->later = earlier ? earlier->later : board->oldest;
    if (record->later)
        record->later->earlier = record;
    else
        board->newest = record;
    if (earlier)
        earlier->later = record;
    else
        board->oldest = record;
}

static void time_remove(struct scoreboard *board, struct transmission *record) {
    if (record->earlier)
        record->earlier->later = record->later;
    else
        board->oldest = record->later;
    if (record->later)
        record->later->earlier = record->earlier;
    else
        board->newest = record->earlier;
}

/* Something has been SACKed or lost: there is a tree, for a window of data at least. */
static void need_tree(struct scoreboard *board) {
    rill__tree_make(board);
    board->tree_until = board->tail->end;
}

static void stamp(struct transmission *record, const struct sending *sending) {
    record->sent_at = sending->now;
    record->timestamp = sending->timestamp;
    record->segment = sending->segment;
    record->rate = sending->rate;
    record->flags &= (uint8_t)~TRANSMISSION_LIMITED;
    record->flags |= sending->flags & TRANSMISSION_LIMITED;
    record->times += record->times < 255;
}

struct transmission *rill__scoreboard_add(struct scoreboard *board, struct slab *slab,
                                          const struct sending *sending) {
    uint32_t index;
    struct transmission *record = (struct transmission *)rill__slab_open(slab, &index);
    if (!record)
        return 0;
    record->index = index;
    record->sequence = sending->sequence;
    record->end = sending->end;
    record->flags = sending->flags;
    stamp(record, sending);
    link_behind(board, record, board->tail);
    if (board->count == TREE_MAKES)
        rill__tree_make(board);
    time_insert(board, record, board->newest);
    board->in_flight += transmission_span(record);
    return record;
}

bool rill__scoreboard_split(struct scoreboard *board, struct slab *slab,
                            struct transmission *record, rill_seq at) {
    uint32_t index;
    struct transmission *rest = (struct transmission *)rill__slab_open(slab, &index);
    if (!rest)
        return false;
    *rest = *record;
    rest->index = index;
    rest->sequence = at;
    rest->flags &= (uint8_t)~TRANSMISSION_SYN;
    record->end = at;
    record->flags &= (uint8_t)~TRANSMISSION_FIN;
    link_behind(board, rest, record);
    if (transmission_in_flight(rest))
        time_insert(board, rest, record);
    return true;
}

void rill__scoreboard_resent(struct scoreboard *board, struct transmission *record,
                             const struct sending *sending) {
    if (record->flags & TRANSMISSION_LOST) {
        record->flags &= (uint8_t)~TRANSMISSION_LOST;
        board->lost -= transmission_span(record);
        board->in_flight += transmission_span(record);
        rill__tree_changed(record);
    } else if (transmission_in_flight(record)) {
        time_remove(board, record);
    } else {
        return; /* the peer has it: nothing is known better by sending it again */
    }
    record->flags |= TRANSMISSION_RESENT;
    stamp(record, sending);
    time_insert(board, record, board->newest);
}

void rill__scoreboard_mark_lost(struct scoreboard *board, struct transmission *record) {
    if (!transmission_in_flight(record))
        return;
    need_tree(board);
    time_remove(board, record);
    record->flags |= TRANSMISSION_LOST;
    board->in_flight -= transmission_span(record);
    board->lost += transmission_span(record);
    rill__tree_changed(record);
}

void rill__scoreboard_mark_all_lost(struct scoreboard *board) {
    while (board->oldest)
        rill__scoreboard_mark_lost(board, board->oldest);
}

void rill__scoreboard_unmark_lost(struct scoreboard *board) {
    /* What was sent once was sent in this order, before what has been sent again. */
    for (struct transmission *record = board->tail; record; record = record->previous) {
        if (!(record->flags & TRANSMISSION_LOST))
            continue;
        record->flags &= (uint8_t)~TRANSMISSION_LOST;
        rill__tree_changed(record);
        board->lost -= transmission_span(record);
        board->in_flight += transmission_span(record);
        struct transmission *earlier = 0, *later = board->oldest;
        while (later && later->sent_at < record->sent_at) {
            earlier = later;
            later = later->later;
        }
        time_insert(board, record, earlier);
    }
}

void rill__scoreboard_renege(struct scoreboard *board) {
    for (struct transmission *record = board->head; record; record = record->next) {
        if (!(record->flags & TRANSMISSION_SACKED))
            continue;
        record->flags &= (uint8_t)~TRANSMISSION_SACKED;
        record->flags |= TRANSMISSION_LOST;
        board->sacked -= transmission_span(record);
        board->lost += transmission_span(record);
        rill__tree_changed(record);
    }
    board->sacked_segments = 0;
}

/* RFC 8985 §6.2, steps 2 and 3: the peer has what lies between the record's begin and `end`.
 *
 * DEVIATION: step 2 compares the echoed timestamp whatever the ACK says. Of a segment out of order
 * no peer echoes the timestamp (RFC 7323 §4.3), so for a SACK the comparison would refuse each
 * resending, and with it what a tail loss probe was sent for; there the RTT alone decides. */
static void deliver(struct ack_summary *summary, const struct transmission *record, rill_seq end,
                    bool in_order) {
    bool resent = record->flags & TRANSMISSION_RESENT;
    rill_time rtt = summary->now > record->sent_at ? summary->now - record->sent_at : 0;
    summary->delivered += end - record->sequence;
    summary->delivered_segments += transmission_segments(record, end);
    rill__rate_delivered(summary, record);
    if (seq_gt(end, summary->fack)) {
        summary->fack = end;
    } else if (seq_lt(end, summary->fack) && !resent) {
        uint32_t behind = summary->fack - record->sequence, segment = RILL_MAX(record->segment, 1);
        summary->reordered = true;
        summary->reordering = RILL_MAX(summary->reordering, (behind + segment - 1) / segment);
    }
    summary->original |= !resent && seq_leq(end, summary->recover);
    bool earlier = in_order && summary->echoed && (int32_t)(summary->echo - record->timestamp) < 0;
    if (resent && (earlier || rtt < summary->min_rtt * RILL_MICROSECOND))
        return; /* it may well be an earlier sending that has arrived */
    bool later = record->sent_at > summary->rack_sent_at ||
                 (record->sent_at == summary->rack_sent_at && seq_gt(end, summary->rack_end));
    if (summary->rack_rtt == RILL_TIME_NEVER || later) {
        summary->rack_rtt = rtt;
        summary->rack_sent_at = record->sent_at;
        summary->rack_end = end;
    }
    if (!resent) /* RFC 6298 §3 */
        summary->rtt = RILL_MIN(summary->rtt, rtt);
}

/* The span of the record leaves the sum of its state; in flight it leaves the list by time too. */
static void leave_state(struct scoreboard *board, struct transmission *record) {
    if (record->flags & TRANSMISSION_SACKED) {
        board->sacked -= transmission_span(record);
    } else if (record->flags & TRANSMISSION_LOST) {
        board->lost -= transmission_span(record);
        record->flags &= (uint8_t)~TRANSMISSION_LOST;
        rill__tree_changed(record);
    } else {
        board->in_flight -= transmission_span(record);
        time_remove(board, record);
    }
}

static void trim_head(struct scoreboard *board, rill_seq acknowledgement) {
    struct transmission *record = board->head;
    uint32_t cut = acknowledgement - record->sequence;
    if (record->flags & TRANSMISSION_SACKED)
        board->sacked -= cut;
    else if (record->flags & TRANSMISSION_LOST)
        board->lost -= cut;
    else
        board->in_flight -= cut;
    record->sequence = acknowledgement;
    record->flags &= (uint8_t)~TRANSMISSION_SYN;
}

void rill__scoreboard_acked(struct scoreboard *board, struct slab *slab, rill_seq acknowledgement,
                            struct ack_summary *summary) {
    while (board->head && seq_lt(board->head->sequence, acknowledgement)) {
        struct transmission *record = board->head;
        rill_seq end = seq_min(record->end, acknowledgement);
        uint32_t segment = RILL_MIN(record->segment, end - record->sequence);
        summary->largest = RILL_MAX(summary->largest, segment);
        summary->resent_acked |= (record->flags & TRANSMISSION_RESENT) != 0;
        if (!(record->flags & TRANSMISSION_SACKED))
            deliver(summary, record, end, true);
        if (end != record->end) {
            trim_head(board, end);
            break;
        }
        leave_state(board, record);
        free_record(board, slab, record);
    }
    if (!board->sacked)
        board->sacked_segments = 0;
    if (board->root && !board->sacked && !board->lost && board->count < TREE_KEEPS &&
        (!board->head || seq_geq(acknowledgement, board->tree_until)))
        board->root = 0;
}

/* Cuts the record to what of it lies within [left, right), in whole segments; null: nothing does,
 * or there is no memory to note it. A FIN goes with the bytes before it: peers that keep bytes only
 * leave its number out. */
static struct transmission *cut_out(struct scoreboard *board, struct slab *slab,
                                    struct transmission *record, rill_seq left, rill_seq right) {
    uint32_t segment = RILL_MAX(record->segment, 1);
    uint32_t first = 0, last = transmission_span(record);
    rill_seq data_end = record->end - (record->flags & TRANSMISSION_FIN ? 1 : 0);
    if (seq_gt(left, record->sequence))
        first = (left - record->sequence + segment - 1) / segment * segment;
    if (seq_lt(right, data_end))
        last = (right - record->sequence) / segment * segment;
    if (first >= last)
        return 0;
    rill_seq sequence = record->sequence;
    if (last != transmission_span(record) &&
        !rill__scoreboard_split(board, slab, record, sequence + last))
        return 0;
    if (first && !rill__scoreboard_split(board, slab, record, sequence + first))
        return 0;
    return first ? record->next : record;
}

/* Joins a SACKed record with the one behind it. */
static void join_next(struct scoreboard *board, struct slab *slab, struct transmission *record) {
    struct transmission *next = record->next;
    record->end = next->end;
    record->flags |= next->flags & (TRANSMISSION_RESENT | TRANSMISSION_FIN);
    free_record(board, slab, next);
}

/* Marks one record SACKed; gives the run of SACKed ones it is part of. */
static struct transmission *sack(struct scoreboard *board, struct slab *slab,
                                 struct transmission *record, struct ack_summary *summary) {
    uint32_t segment = RILL_MAX(record->segment, 1);
    deliver(summary, record, record->end, false);
    summary->sacked = true;
    leave_state(board, record);
    record->flags |= TRANSMISSION_SACKED;
    board->sacked += transmission_span(record);
    board->sacked_segments += (transmission_span(record) + segment - 1) / segment;
    if (record->next && record->next->flags & TRANSMISSION_SACKED)
        join_next(board, slab, record);
    if (record->previous && record->previous->flags & TRANSMISSION_SACKED) {
        record = record->previous;
        join_next(board, slab, record);
    }
    return record;
}

void rill__scoreboard_sacked(struct scoreboard *board, struct slab *slab, rill_seq left,
                             rill_seq right, struct ack_summary *summary) {
    if (!board->head)
        return;
    need_tree(board);
    struct transmission *record = rill__tree_find(board, left);
    while (record && seq_lt(record->sequence, right)) {
        struct transmission *part = 0;
        if (!(record->flags & TRANSMISSION_SACKED))
            part = cut_out(board, slab, record, left, right);
        if (part)
            record = sack(board, slab, part, summary);
        record = record->next;
    }
}

void rill__scoreboard_fini(struct scoreboard *board, struct slab *slab) {
    while (board->head) {
        leave_state(board, board->head);
        free_record(board, slab, board->head);
    }
    board->root = 0;
}
