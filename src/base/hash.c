/* base/hash.c: see hash.h. */
#include "base/hash.h"

#include "base/assert.h"
#include <string.h>

#define SLOTS_MIN 64u
#define MOVES                                                                                      \
    4u /* old slots looked at in each insertion and removal: growth ends before the next */

#define CLEARS 32u /* slots cleared in each insertion: twice what is needed to be done in time */

void rill__hash_init(struct hash *hash, const struct rill_allocator *allocator) {
    memset(hash, 0, sizeof *hash);
    hash->allocator = allocator;
}

static void table_free(struct hash *hash, struct hash_table *table) {
    if (table->slots)
        hash->allocator->release(hash->allocator->context, table->slots,
                                 ((size_t)table->mask + 1) * sizeof *table->slots);
    memset(table, 0, sizeof *table);
}

void rill__hash_fini(struct hash *hash) {
    table_free(hash, &hash->now);
    table_free(hash, &hash->old);
    table_free(hash, &hash->next);
}

static bool next_open(struct hash *hash, uint32_t slots) {
    if (slots > UINT32_MAX / 2 / sizeof *hash->next.slots)
        return false;
    size_t bytes = (size_t)slots * sizeof *hash->next.slots;
    hash->next.slots =
        (struct hash_slot *)hash->allocator->allocate(hash->allocator->context, bytes);
    if (!hash->next.slots)
        return false;
    hash->next.mask = slots - 1;
    hash->cleared = 0;
    return true;
}

static void next_clear(struct hash *hash, uint32_t count) {
    uint32_t left = hash->next.mask + 1 - hash->cleared;
    count = count < left ? count : left;
    memset(hash->next.slots + hash->cleared, 0, count * sizeof *hash->next.slots);
    hash->cleared += count;
}

/* The next table takes over; what there was becomes the old one. */
static void next_begin(struct hash *hash) {
    next_clear(hash, UINT32_MAX);
    hash->old = hash->now;
    hash->now = hash->next;
    hash->moved = 0;
    memset(&hash->next, 0, sizeof hash->next);
}

static void table_put(struct hash_table *table, uint32_t tag, uint32_t stored) {
    uint32_t i = tag & table->mask;
    while (table->slots[i].value)
        i = (i + 1) & table->mask;
    table->slots[i].tag = tag;
    table->slots[i].value = stored;
    table->used++;
}

/* Empties slot i and draws later entries of the run back, so that no lookup meets a gap. */
static void table_close_gap(struct hash_table *table, uint32_t i) {
    uint32_t j = i;
    table->used--;
    for (;;) {
        table->slots[i].value = 0;
        for (;;) {
            j = (j + 1) & table->mask;
            if (!table->slots[j].value)
                return;
            uint32_t home = table->slots[j].tag & table->mask;
            if (((j - home) & table->mask) >= ((j - i) & table->mask))
                break;
        }
        table->slots[i] = table->slots[j];
        i = j;
    }
}

/* Entries are taken from the old table by closing gaps from its front, so a run never breaks: slot
 * `moved` is emptied as often as it fills again. */
static void move_some(struct hash *hash) {
    if (!hash->old.slots)
        return;
    for (uint32_t n = 0; n < MOVES && hash->old.used; n++) {
        struct hash_slot slot = hash->old.slots[hash->moved & hash->old.mask];
        if (slot.value) {
            table_put(&hash->now, slot.tag, slot.value);
            table_close_gap(&hash->old, hash->moved & hash->old.mask);
        } else {
            hash->moved++;
        }
    }
    if (!hash->old.used)
        table_free(hash, &hash->old);
}

static bool make_room(struct hash *hash) {
    uint32_t slots = hash->now.slots ? hash->now.mask + 1 : 0;
    uint32_t used = hash->now.used + hash->old.used;
    bool full = used >= slots - slots / 4;
    if (hash->next.slots)
        next_clear(hash, CLEARS);
    else if (!full && !hash->old.slots && used >= slots / 8 * 5)
        (void)next_open(hash, slots * 2); /* without memory now: again when it must be */
    if (!full)
        return true;
    while (hash->old.slots) /* cannot be far: see MOVES */
        move_some(hash);
    if (!hash->next.slots && !next_open(hash, slots ? slots * 2 : SLOTS_MIN))
        return hash->now.used + 1 < slots; /* longer runs are better than none */
    next_begin(hash);
    return true;
}

bool rill__hash_insert(struct hash *hash, uint32_t tag, uint32_t value) {
    if (!make_room(hash))
        return false;
    move_some(hash);
    table_put(&hash->now, tag, value + 1);
    return true;
}

static bool table_find_value(const struct hash_table *table, uint32_t tag, uint32_t stored,
                             uint32_t *at) {
    if (!table->slots)
        return false;
    for (uint32_t i = tag & table->mask; table->slots[i].value; i = (i + 1) & table->mask) {
        if (table->slots[i].value == stored && table->slots[i].tag == tag) {
            *at = i;
            return true;
        }
    }
    return false;
}

void rill__hash_remove(struct hash *hash, uint32_t tag, uint32_t value) {
    uint32_t at = 0;
    if (table_find_value(&hash->now, tag, value + 1, &at)) {
        table_close_gap(&hash->now, at);
    } else {
        bool found = table_find_value(&hash->old, tag, value + 1, &at);
        RILL_ASSERT(found);
        table_close_gap(&hash->old, at);
        if (!hash->old.used)
            table_free(hash, &hash->old);
    }
    move_some(hash);
}

bool rill__hash_replace(struct hash *hash, uint32_t tag, uint32_t value, uint32_t other) {
    uint32_t at = 0;
    struct hash_table *table = &hash->now;
    if (!table_find_value(table, tag, value + 1, &at)) {
        table = &hash->old;
        if (!table_find_value(table, tag, value + 1, &at))
            return false;
    }
    table->slots[at].value = other + 1;
    return true;
}

static bool table_find(const struct hash_table *table, uint32_t tag, hash_equal equal,
                       const void *context, const void *key, uint32_t *value) {
    if (!table->slots)
        return false;
    for (uint32_t i = tag & table->mask; table->slots[i].value; i = (i + 1) & table->mask) {
        if (table->slots[i].tag == tag && equal(context, table->slots[i].value - 1, key)) {
            *value = table->slots[i].value - 1;
            return true;
        }
    }
    return false;
}

bool rill__hash_find(const struct hash *hash, uint32_t tag, hash_equal equal, const void *context,
                     const void *key, uint32_t *value) {
    return table_find(&hash->now, tag, equal, context, key, value) ||
           table_find(&hash->old, tag, equal, context, key, value);
}
