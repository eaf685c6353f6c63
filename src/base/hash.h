/* base/hash.h: a set of 32-bit values found by a keyed 64-bit hash of something of the caller's.
 *
 * Open addressing with linear probing; a removed entry closes its gap (no tombstones). It grows at
 * 3/4 full into a second table of twice the size, to which a few entries move with every later
 * insertion and removal; a lookup asks both. The second table is obtained ahead of time, at 5/8,
 * and cleared a few slots at an insertion. So no single call pays for all. The caller compares
 * candidates himself. */
#ifndef RILL_BASE_HASH_H
#define RILL_BASE_HASH_H

#include <rill/base.h>

struct hash_slot {
    uint32_t tag;   /* low half of the hash */
    uint32_t value; /* + 1; 0 is empty */
};

struct hash_table {
    struct hash_slot *slots;
    uint32_t mask;
    uint32_t used;
};

struct hash {
    const struct rill_allocator *allocator;
    struct hash_table now, old; /* old: being moved from, or empty */
    uint32_t moved;             /* slots of old already moved */
    struct hash_table next;     /* being cleared, or empty; nothing is in it */
    uint32_t cleared;           /* slots of next already clear */
};

typedef bool (*hash_equal)(const void *context, uint32_t value, const void *key);

void rill__hash_init(struct hash *hash, const struct rill_allocator *allocator);
void rill__hash_fini(struct hash *hash);

/* Returns false when out of memory. The value must be below UINT32_MAX and not yet in the set. */
bool rill__hash_insert(struct hash *hash, uint32_t tag, uint32_t value);

/* The value is in the set under that tag. */
void rill__hash_remove(struct hash *hash, uint32_t tag, uint32_t value);

/* Another value in the place of one; false: the old one is not there. */
bool rill__hash_replace(struct hash *hash, uint32_t tag, uint32_t value, uint32_t other);

/* The first value with this tag for which `equal` says yes; false if none. */
bool rill__hash_find(const struct hash *hash, uint32_t tag, hash_equal equal, const void *context,
                     const void *key, uint32_t *value);

/* The same for a caller that compares in line: each value with this tag, one after the other. */
struct hash_cursor {
    const struct hash *hash;
    const struct hash_table *table;
    uint32_t tag, at;
};

static inline struct hash_cursor hash_look(const struct hash *hash, uint32_t tag) {
    struct hash_cursor cursor = {hash, &hash->now, tag, tag & hash->now.mask};
    return cursor;
}

static inline bool hash_next(struct hash_cursor *cursor, uint32_t *value) {
    for (;;) {
        const struct hash_table *table = cursor->table;
        while (table->slots && table->slots[cursor->at].value) {
            const struct hash_slot *slot = &table->slots[cursor->at];
            cursor->at = (cursor->at + 1) & table->mask;
            *value = slot->value - 1;
            if (slot->tag == cursor->tag)
                return true;
        }
        if (table == &cursor->hash->old)
            return false;
        cursor->table = &cursor->hash->old;
        cursor->at = cursor->tag & cursor->hash->old.mask;
    }
}

/* Tells the caches that this tag will be looked for. */
static inline void hash_prefetch(const struct hash *hash, uint32_t tag) {
    if (hash->now.slots)
        __builtin_prefetch(&hash->now.slots[tag & hash->now.mask]);
}

/* Likely what will be found under this tag, nothing compared; false: likely nothing. */
static inline bool hash_peek(const struct hash *hash, uint32_t tag, uint32_t *value) {
    if (!hash->now.slots)
        return false;
    const struct hash_slot *slot = &hash->now.slots[tag & hash->now.mask];
    *value = slot->value - 1;
    return slot->value && slot->tag == tag;
}

static inline uint32_t hash_count(const struct hash *hash) {
    return hash->now.used + hash->old.used;
}

#endif
