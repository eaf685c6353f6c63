/* streams/lives.c: how many lives a four-tuple has had whose newest connection is put away, so that
 * the next one is told as the how manyth it is.
 *
 * A table of sets of four: a fingerprint of the key with the scope around it, and a number. What is
 * not there begins at one again; where a set is full, what was noted longest ago goes. */
#include "streams/connection.h"

#include <string.h>

enum {
    SET = 4,
    SETS_MAX = 1 << 16, /* 4 MiB */
    SHARE = 16,         /* of the memory there may be */
};

struct life {
    uint64_t fingerprint; /* 0: nothing here */
    uint32_t lives;
    uint32_t noted; /* when, as a count */
};

/* The key's hash, which chooses the set, and another one. */
static uint64_t fingerprint_of(const struct streams *streams, const struct connection_key *key,
                               uint32_t hash) {
    uint32_t words[KEY_WORDS];
    uint64_t sum = streams->multipliers[0];
    memcpy(words, key, sizeof words);
    for (unsigned i = 0; i < KEY_WORDS; i++)
        sum += streams->multipliers[KEY_WORDS - i] * words[i];
    return (uint64_t)hash << 32 | (uint32_t)(sum >> 32) | 1;
}

static struct life *set_of(const struct streams *streams, uint32_t hash) {
    return &streams->lives[(size_t)(hash & (streams->life_sets - 1)) * SET];
}

void rill__lives_prefetch(const struct streams *streams, uint32_t hash) {
    if (streams->lives)
        __builtin_prefetch(set_of(streams, hash));
}

static bool open_table(struct streams *streams) {
    uint64_t most = streams->config.memory_max ? streams->config.memory_max / SHARE : UINT64_MAX;
    uint32_t sets = SETS_MAX;
    while (sets > 1 && sets * SET * sizeof *streams->lives > most)
        sets /= 2;
    streams->lives = rill__streams_allocate(streams, sets * SET * sizeof *streams->lives);
    if (!streams->lives)
        return false;
    memset(streams->lives, 0, sets * SET * sizeof *streams->lives);
    streams->life_sets = sets;
    return true;
}

void rill__lives_fini(struct streams *streams) {
    if (streams->lives)
        rill__streams_release(streams, streams->lives,
                              streams->life_sets * SET * sizeof *streams->lives);
    streams->lives = 0;
}

void rill__lives_note(struct streams *streams, const struct connection_key *key, uint32_t hash,
                      uint32_t lives) {
    if (!streams->lives && !open_table(streams))
        return;
    uint64_t fingerprint = fingerprint_of(streams, key, hash);
    struct life *set = set_of(streams, hash), *place = set;
    for (unsigned i = 0; i < SET; i++) {
        if (set[i].fingerprint == fingerprint && set[i].lives > lives)
            return; /* an older one goes after a newer one */
        if (set[i].fingerprint == fingerprint || !set[i].fingerprint) {
            place = &set[i];
            break;
        }
        if ((int32_t)(set[i].noted - place->noted) < 0)
            place = &set[i];
    }
    *place = (struct life){fingerprint, lives, streams->lives_noted++};
}

uint32_t rill__lives_before(const struct streams *streams, const struct connection_key *key,
                            uint32_t hash) {
    if (!streams->lives)
        return 0;
    uint64_t fingerprint = fingerprint_of(streams, key, hash);
    const struct life *set = set_of(streams, hash);
    for (unsigned i = 0; i < SET; i++)
        if (set[i].fingerprint == fingerprint)
            return set[i].lives;
    return 0;
}
