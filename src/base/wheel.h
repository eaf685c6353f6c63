/* base/wheel.h: a hierarchical timing wheel.
 *
 * Nine levels of 64 slots cover 2^54 ticks of 1,024 ns: all of 64-bit time. An entry carries its
 * exact deadline and never fires early. Filing, removing and firing cost O(1) amortised; nothing is
 * paid for entries that are not due. Entries with the same tick fire in the order they were filed.
 *
 * wheel_arm only moves an entry to an EARLIER slot: with a later deadline it stays where it is,
 * comes up too early, and its owner files it again (that is what "lazily re-armed" means). */
#ifndef RILL_BASE_WHEEL_H
#define RILL_BASE_WHEEL_H

#include <rill/base.h>

#define WHEEL_LEVELS 9
#define WHEEL_SLOTS 64
#define WHEEL_TICK_BITS 10

struct wheel_link {
    struct wheel_link *next, *previous; /* null when not filed */
};

struct wheel_entry {
    struct wheel_link link; /* first: a link that is no slot's is an entry */
    rill_time deadline;     /* where it is filed: not later than its owner wants */
};

struct wheel {
    rill_time now;
    uint64_t tick;                   /* the next tick not yet run: every entry's tick is >= it */
    uint64_t occupied[WHEEL_LEVELS]; /* one bit a slot */
    struct wheel_link slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void rill__wheel_init(struct wheel *wheel, rill_time now);

/* Files the entry at `deadline` unless it is filed earlier already. */
void rill__wheel_arm(struct wheel *wheel, struct wheel_entry *entry, rill_time deadline);
void rill__wheel_disarm(struct wheel *wheel, struct wheel_entry *entry);

/* Takes one entry whose deadline is not after `now` out of the wheel; null when there is none. Call
 * it until it returns null; entries armed meanwhile are seen too. */
struct wheel_entry *rill__wheel_pop(struct wheel *wheel, rill_time now);

/* Not later than the earliest deadline, and exact unless more than a handful of entries share a
 * slot of a high level. RILL_TIME_NEVER when empty. */
rill_time rill__wheel_next(const struct wheel *wheel);

static inline bool wheel_is_armed(const struct wheel_entry *entry) {
    return entry->link.next != 0;
}

#endif
