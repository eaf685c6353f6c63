/* base/wheel.c: see wheel.h.
 *
 * An entry whose tick differs from the wheel's first in the 6-bit digit number L lies on level L,
 * in the slot of that digit. When the wheel's tick enters that slot, its entries are filed anew on
 * lower levels. So all entries of a level come after all entries of the levels below it. */
#include "base/wheel.h"

#include "base/util.h"
#include <string.h>

static void list_init(struct wheel_link *head) {
    head->next = head->previous = head;
}

static bool list_is_empty(const struct wheel_link *head) {
    return head->next == head;
}

static void list_push(struct wheel_link *head, struct wheel_link *link) {
    link->previous = head->previous;
    link->next = head;
    head->previous->next = link;
    head->previous = link;
}

static void list_take(struct wheel_link *link) {
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->next = link->previous = 0;
}

static struct wheel_entry *entry_of(const struct wheel_link *link) {
    return (struct wheel_entry *)(uintptr_t)link;
}

static int bit_first(uint64_t bits) {
    return __builtin_ctzll(bits);
}

static uint64_t tick_of(rill_time deadline) {
    return deadline >> WHEEL_TICK_BITS;
}

void rill__wheel_init(struct wheel *wheel, rill_time now) {
    memset(wheel, 0, sizeof *wheel);
    wheel->now = now;
    wheel->tick = tick_of(now);
    for (int level = 0; level < WHEEL_LEVELS; level++)
        for (int slot = 0; slot < WHEEL_SLOTS; slot++)
            list_init(&wheel->slots[level][slot]);
}

static void file(struct wheel *wheel, struct wheel_entry *entry) {
    uint64_t tick = tick_of(entry->deadline);
    if (tick < wheel->tick)
        tick = wheel->tick;
    uint64_t differs = tick ^ wheel->tick;
    int level = differs ? (63 - __builtin_clzll(differs)) / 6 : 0;
    int slot = (int)(tick >> (6 * level)) & (WHEEL_SLOTS - 1);
    list_push(&wheel->slots[level][slot], &entry->link);
    wheel->occupied[level] |= UINT64_C(1) << slot;
}

void rill__wheel_arm(struct wheel *wheel, struct wheel_entry *entry, rill_time deadline) {
    if (entry->link.next) {
        if (entry->deadline <= deadline)
            return;
        list_take(&entry->link);
    }
    entry->deadline = deadline;
    file(wheel, entry);
}

/* The occupied bit of a slot that runs empty here stays set; pop and next clear it when they meet
 * it. */
void rill__wheel_disarm(struct wheel *wheel, struct wheel_entry *entry) {
    (void)wheel;
    if (entry->link.next)
        list_take(&entry->link);
}

/* The lowest level with an occupied slot, and the slot; -1 when the wheel is empty. Slots before
 * the wheel's own digit cannot be occupied: what lay there would be in the past. */
static int first_slot(struct wheel *wheel, int *slot) {
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        while (wheel->occupied[level]) {
            int s = bit_first(wheel->occupied[level]);
            if (!list_is_empty(&wheel->slots[level][s])) {
                *slot = s;
                return level;
            }
            wheel->occupied[level] &= ~(UINT64_C(1) << s);
        }
    }
    return -1;
}

/* The first tick of a slot, as seen from the wheel's present tick. */
static uint64_t slot_tick(const struct wheel *wheel, int level, int slot) {
    uint64_t above = level == WHEEL_LEVELS - 1 ? 0 : wheel->tick >> (6 * (level + 1));
    return (above << 6 | (uint64_t)slot) << (6 * level);
}

/* Moves the wheel to the slot and its entries one or more levels down, or to the due list. */
static void open_slot(struct wheel *wheel, int level, int slot) {
    struct wheel_link *head = &wheel->slots[level][slot];
    uint64_t tick = slot_tick(wheel, level, slot);
    if (tick > wheel->tick)
        wheel->tick = tick;
    wheel->occupied[level] &= ~(UINT64_C(1) << slot);
    struct wheel_link moving;
    list_init(&moving);
    while (!list_is_empty(head)) {
        struct wheel_entry *entry = entry_of(head->next);
        list_take(&entry->link);
        list_push(&moving, &entry->link);
    }
    while (!list_is_empty(&moving)) {
        struct wheel_entry *entry = entry_of(moving.next);
        list_take(&entry->link);
        file(wheel, entry);
    }
}

struct wheel_entry *rill__wheel_pop(struct wheel *wheel, rill_time now) {
    if (now > wheel->now)
        wheel->now = now;
    uint64_t last = tick_of(wheel->now);
    int slot = 0;
    for (;;) {
        int level = first_slot(wheel, &slot);
        if (level < 0 || slot_tick(wheel, level, slot) > last)
            break;
        if (level > 0) {
            open_slot(wheel, level, slot);
            continue;
        }
        uint64_t tick = slot_tick(wheel, 0, slot);
        if (tick > wheel->tick)
            wheel->tick = tick;
        struct wheel_link *head = &wheel->slots[0][slot];
        for (struct wheel_link *at = head->next; at != head; at = at->next) {
            if (entry_of(at)->deadline <= wheel->now) {
                list_take(at);
                return entry_of(at);
            }
        }
        break; /* this tick is the present one, and its rest lies a few hundred ns ahead */
    }
    if (last > wheel->tick) {
        /* Nothing lies between: move on, so that filing stays on low levels. Crossing into a new
         * slot of a higher level is safe only if that slot is empty, which the loop has shown. */
        wheel->tick = last;
    }
    return 0;
}

rill_time rill__wheel_next(const struct wheel *wheel) {
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        uint64_t bits = wheel->occupied[level];
        for (; bits; bits &= bits - 1) {
            int slot = bit_first(bits);
            const struct wheel_link *head = &wheel->slots[level][slot];
            if (list_is_empty(head))
                continue;
            rill_time best = RILL_TIME_NEVER;
            int looked = 0;
            for (const struct wheel_link *at = head->next; at != head; at = at->next) {
                if (entry_of(at)->deadline < best)
                    best = entry_of(at)->deadline;
                /* On level 0 a bound would lie at the present tick, and whoever waits for it would
                 * not move: there it is exact. */
                if (level > 0 && ++looked == 8 && at->next != head)
                    return RILL_MIN(best, slot_tick(wheel, level, slot) << WHEEL_TICK_BITS);
            }
            return best;
        }
    }
    return RILL_TIME_NEVER;
}
