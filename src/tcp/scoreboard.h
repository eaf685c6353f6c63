/* tcp/scoreboard.h: one record for each transmission that is not cumulatively acknowledged.
 *
 * Theory of operation. A record covers what one packet carried, a super-segment included. It is
 * split where only a part of it is acknowledged, lost or sent again, on the boundaries of its
 * segments, and each part keeps the history; neighbours that the peer has both SACKed become one
 * record again. snd_nxt never moves back: what is given up is marked lost here and sent again from
 * here.
 *
 * A record is in one of three states: in flight, SACKed, or lost (its latest sending is taken for
 * lost; to be sent again). It stands
 *
 *   by sequence   in the list head … tail, all of them;
 *   by time       in the list oldest … newest, those in flight, by when they were last sent;
 *   in a tree     over the same order as the first list, to find a sequence number and the first
 *                 lost record. It is a treap whose priorities are a hash of the slab index. Of a
 *                 few records it is made only when a SACK or a loss asks for it, and forgotten when
 *                 a window of data has passed since; of many there always is one.
 *
 * So the cost of an ACK depends on what it says, not on what is in flight.
 *
 * Invariants (check.c): records are contiguous from snd_una to snd_nxt; in_flight, sacked and lost
 * are sums over the records' states, in sequence numbers; the list by time ascends. */
#ifndef RILL_TCP_SCOREBOARD_H
#define RILL_TCP_SCOREBOARD_H

#include "base/slab.h"
#include "base/util.h"
#include "tcp/ack_summary.h"

enum transmission_flag {
    TRANSMISSION_LOST = 1,   /* the latest sending is taken for lost */
    TRANSMISSION_RESENT = 2, /* has been, at least once: Karn's algorithm, RFC 6298 §3 */
    TRANSMISSION_SYN = 4,
    TRANSMISSION_FIN = 8,         /* the last sequence number is the FIN's */
    TRANSMISSION_SACKED = 16,     /* the peer has it, and may yet forget it (RFC 2018 §8) */
    TRANSMISSION_LOST_BELOW = 32, /* this one, or one below it in the tree, is lost */
    TRANSMISSION_LIMITED = 64,    /* sent when the application had no more to send. rate.c */
};

struct transmission {
    struct transmission *next, *previous;       /* by sequence */
    struct transmission *later, *earlier;       /* by time, while in flight */
    struct transmission *left, *right, *parent; /* in the tree, if there is one */
    rill_time sent_at;                          /* the latest time */
    rill_seq sequence, end;
    uint32_t index;     /* in the slab */
    uint32_t timestamp; /* our TSval of the latest time */
    uint16_t segment;   /* payload of each of its segments; the last may be shorter */
    uint8_t flags;      /* enum transmission_flag */
    uint8_t times;      /* how often sent, at most 255 */
    struct rate_mark rate;
};
_Static_assert(sizeof(struct transmission) <= 96, "docs/architecture.md, table 2");

struct scoreboard {
    struct transmission *head, *tail;     /* by sequence */
    struct transmission *oldest, *newest; /* by time, those in flight */
    struct transmission *root;            /* of the tree; null while there is none */
    rill_seq tree_until;                  /* once this is acknowledged the tree may go */
    uint32_t in_flight, sacked, lost;     /* sequence numbers */
    uint32_t sacked_segments;             /* SACKed since nothing was, RFC 8985 §3.3.2 */
    uint32_t count;
};

/* What a packet is about to carry. */
struct sending {
    rill_time now;
    rill_seq sequence, end;
    uint32_t timestamp;
    struct rate_mark rate;
    uint16_t segment;
    uint8_t flags; /* TRANSMISSION_SYN, TRANSMISSION_FIN, TRANSMISSION_LIMITED */
};

/* Adds a record behind the last. Null when out of memory. */
struct transmission *rill__scoreboard_add(struct scoreboard *board, struct slab *slab,
                                          const struct sending *sending);

/* Cuts the record so that it ends at `at`; the rest becomes a record behind it. False: no memory.
 */
bool rill__scoreboard_split(struct scoreboard *board, struct slab *slab,
                            struct transmission *record, rill_seq at);

/* The record has been sent again. */
void rill__scoreboard_resent(struct scoreboard *board, struct transmission *record,
                             const struct sending *sending);

void rill__scoreboard_mark_lost(struct scoreboard *board, struct transmission *record);
/* All that is in flight. */
void rill__scoreboard_mark_all_lost(struct scoreboard *board);
/* What was taken for lost and has not been sent again is in flight after all. */
void rill__scoreboard_unmark_lost(struct scoreboard *board);
/* The peer has forgotten what it had SACKed (RFC 2018 §8): all of it is lost. */
void rill__scoreboard_renege(struct scoreboard *board);

/* The first lost record, or null. */
struct transmission *rill__scoreboard_first_lost(const struct scoreboard *board);

/* Removes what lies before `acknowledgement`, and notes in the summary what that delivers. */
void rill__scoreboard_acked(struct scoreboard *board, struct slab *slab, rill_seq acknowledgement,
                            struct ack_summary *summary);

/* The peer has [left, right); what is new in that is noted in the summary. */
void rill__scoreboard_sacked(struct scoreboard *board, struct slab *slab, rill_seq left,
                             rill_seq right, struct ack_summary *summary);

void rill__scoreboard_fini(struct scoreboard *board, struct slab *slab);

/* scoreboard_tree.c */
void rill__tree_make(struct scoreboard *board);
/* Behind `before` in the list by sequence, where it stands already. */
void rill__tree_insert(struct scoreboard *board, struct transmission *record);
void rill__tree_remove(struct scoreboard *board, struct transmission *record);
/* The record that holds `sequence`, or null. */
struct transmission *rill__tree_find(const struct scoreboard *board, rill_seq sequence);
/* TRANSMISSION_LOST of the record has changed. */
void rill__tree_changed(struct transmission *record);

/* rate.c: the record is delivered. */
void rill__rate_delivered(struct ack_summary *summary, const struct transmission *record);

static inline uint32_t transmission_span(const struct transmission *record) {
    return record->end - record->sequence;
}

/* Segments it takes up to `end`; a FIN rides on the last of them, if there is one. */
static inline uint32_t transmission_segments(const struct transmission *record, rill_seq end) {
    uint32_t span = end - record->sequence, segment = RILL_MAX(record->segment, 1);
    bool rides = record->flags & TRANSMISSION_FIN && end == record->end && span > 1;
    return (span - rides + segment - 1) / segment;
}

static inline bool transmission_in_flight(const struct transmission *record) {
    return !(record->flags & (TRANSMISSION_LOST | TRANSMISSION_SACKED));
}

#endif
