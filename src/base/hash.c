/* base/hash.c: see hash.h. */
#include "base/hash.h"

#include "base/assert.h"
#include <string.h>

#define SLOTS_MIN 64u
#define MOVES                                                                                      \
    4u /* old slots looked at in each insertion and removal: growth ends before the next */

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
}

static bool table_open(struct hash *hash, struct hash_table *table, uint32_t slots) {
    size_t bytes = (size_t)slots * sizeof *table->slots;
    table->slots = (struct hash_slot *)hash->allocator->allocate(hash->allocator->context, bytes);
    if (!table->slots)
        return false;
    memset(table->slots, 0, bytes);
    table->mask = slots - 1;
    table->used = 0;
    return true;
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
    if (!hash->now.slots)
        return table_open(hash, &hash->now, SLOTS_MIN);
    uint32_t slots = hash->now.mask + 1;
    if (hash->now.used + hash->old.used < slots - slots / 4)
        return true;
    while (hash->old.slots) /* cannot be far: see MOVES */
        move_some(hash);
    struct hash_table larger;
    if (slots > UINT32_MAX / 2 / sizeof *larger.slots || !table_open(hash, &larger, slots * 2))
        return hash->now.used + 1 < slots; /* longer runs are better than none */
    hash->old = hash->now;
    hash->now = larger;
    hash->moved = 0;
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
