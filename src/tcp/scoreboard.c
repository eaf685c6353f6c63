/* tcp/scoreboard.c: see scoreboard.h. */
#include "tcp/scoreboard.h"

#include "base/seq.h"

static uint32_t span(const struct transmission *record) {
    return record->end - record->sequence;
}

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
}

struct transmission *rill__scoreboard_add(struct scoreboard *board, struct slab *slab,
                                          rill_seq sequence, rill_seq end, uint8_t flags,
                                          rill_time now, uint32_t timestamp) {
    uint32_t index;
    struct transmission *record = (struct transmission *)rill__slab_open(slab, &index);
    if (!record)
        return 0;
    record->index = index;
    record->sequence = sequence;
    record->end = end;
    record->flags = flags;
    record->sent_at = now;
    record->timestamp = timestamp;
    record->times = 1;
    link_behind(board, record, board->tail);
    board->in_flight += span(record);
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
    return true;
}

/* The next lost record from `from` on. */
static struct transmission *next_lost(struct transmission *from) {
    while (from && !(from->flags & TRANSMISSION_LOST))
        from = from->next;
    return from;
}

void rill__scoreboard_resent(struct scoreboard *board, struct transmission *record, rill_time now,
                             uint32_t timestamp) {
    if (record->flags & TRANSMISSION_LOST) {
        record->flags &= (uint8_t)~TRANSMISSION_LOST;
        board->in_flight += span(record);
        if (board->lost == record)
            board->lost = next_lost(record->next);
    }
    record->flags |= TRANSMISSION_RESENT;
    record->sent_at = now;
    record->timestamp = timestamp;
    if (record->times < 255)
        record->times++;
}

void rill__scoreboard_mark_lost(struct scoreboard *board, struct transmission *record) {
    if (record->flags & TRANSMISSION_LOST)
        return;
    record->flags |= TRANSMISSION_LOST;
    board->in_flight -= span(record);
    if (!board->lost || seq_lt(record->sequence, board->lost->sequence))
        board->lost = record;
}

void rill__scoreboard_mark_all_lost(struct scoreboard *board) {
    for (struct transmission *record = board->head; record; record = record->next)
        record->flags |= TRANSMISSION_LOST;
    board->in_flight = 0;
    board->lost = board->head;
}

static void remove_head(struct scoreboard *board, struct slab *slab) {
    struct transmission *record = board->head;
    if (!(record->flags & TRANSMISSION_LOST))
        board->in_flight -= span(record);
    board->head = record->next;
    if (record->next)
        record->next->previous = 0;
    else
        board->tail = 0;
    if (board->lost == record)
        board->lost = next_lost(record->next);
    board->count--;
    rill__slab_close(slab, record->index);
}

rill_time rill__scoreboard_acked(struct scoreboard *board, struct slab *slab,
                                 rill_seq acknowledgement) {
    rill_time sent_at = RILL_TIME_NEVER;
    bool ambiguous = false; /* RFC 6298 §3: what was resent, or waited behind it, gives no sample */
    while (board->head && seq_lt(board->head->sequence, acknowledgement)) {
        struct transmission *record = board->head;
        ambiguous |= (record->flags & TRANSMISSION_RESENT) != 0;
        sent_at = record->sent_at;
        if (seq_gt(record->end, acknowledgement)) {
            if (!(record->flags & TRANSMISSION_LOST))
                board->in_flight -= acknowledgement - record->sequence;
            record->sequence = acknowledgement;
            record->flags &= (uint8_t)~TRANSMISSION_SYN;
            break;
        }
        remove_head(board, slab);
    }
    return ambiguous ? RILL_TIME_NEVER : sent_at;
}

void rill__scoreboard_fini(struct scoreboard *board, struct slab *slab) {
    while (board->head)
        remove_head(board, slab);
}
