/* tcp/scoreboard.h: one record for each transmission in flight, in the order of sequence numbers.
 *
 * A record covers what one packet carried, a super-segment included; it is split where only a part
 * of it is acknowledged or resent, and each part keeps its history. snd_nxt never moves back: what
 * a timeout gives up is marked lost here and sent again from here.
 *
 * Invariants: records are contiguous from snd_una to snd_nxt; in_flight is the sum over records
 * that are not lost, in sequence numbers. */
#ifndef RILL_TCP_SCOREBOARD_H
#define RILL_TCP_SCOREBOARD_H

#include "base/slab.h"

enum transmission_flag {
    TRANSMISSION_LOST = 1,   /* to be sent again */
    TRANSMISSION_RESENT = 2, /* has been, at least once: Karn's algorithm, RFC 6298 §3 */
    TRANSMISSION_SYN = 4,
    TRANSMISSION_FIN = 8, /* the last sequence number is the FIN's */
};

struct transmission {
    struct transmission *next, *previous; /* by sequence */
    rill_time sent_at;                    /* the latest time */
    rill_seq sequence, end;
    uint32_t index;     /* in the slab */
    uint32_t timestamp; /* our TSval of the latest time */
    uint8_t flags;      /* enum transmission_flag */
    uint8_t times;      /* how often sent, at most 255 */
};
_Static_assert(sizeof(struct transmission) <= 64, "docs/architecture.md, table 2");

struct scoreboard {
    struct transmission *head, *tail;
    struct transmission *lost; /* the first lost one, or null */
    uint32_t in_flight;
    uint32_t count;
};

/* Adds a record behind the last. Null when out of memory. */
struct transmission *rill__scoreboard_add(struct scoreboard *board, struct slab *slab,
                                          rill_seq sequence, rill_seq end, uint8_t flags,
                                          rill_time now, uint32_t timestamp);

/* Cuts the record so that it ends at `at`; the rest becomes a record behind it. False: no memory.
 */
bool rill__scoreboard_split(struct scoreboard *board, struct slab *slab,
                            struct transmission *record, rill_seq at);

/* The record has been sent again. */
void rill__scoreboard_resent(struct scoreboard *board, struct transmission *record, rill_time now,
                             uint32_t timestamp);

void rill__scoreboard_mark_lost(struct scoreboard *board, struct transmission *record);
void rill__scoreboard_mark_all_lost(struct scoreboard *board);

/* Removes what lies before `acknowledgement`. Gives the time of the youngest record it covers that
 * was sent only once (RILL_TIME_NEVER: none, so no RTT sample). */
rill_time rill__scoreboard_acked(struct scoreboard *board, struct slab *slab,
                                 rill_seq acknowledgement);

void rill__scoreboard_fini(struct scoreboard *board, struct slab *slab);

#endif
