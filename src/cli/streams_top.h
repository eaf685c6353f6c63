/* cli/streams_top.h: the largest of many by a key; of equal keys those with the lower number. */
#ifndef RILL_CLI_STREAMS_TOP_H
#define RILL_CLI_STREAMS_TOP_H

#include "cli/paged.h"

#include <stdint.h>

struct top_entry {
    uint64_t key, number;
    size_t at; /* of the caller */
};

/* A heap, the least first, until top_sort. */
struct top {
    struct paged memory;
    size_t count, most;
    bool failed; /* for want of memory */
};

static inline struct top_entry *top_entries(const struct top *top) {
    return top->memory.at;
}

/* Takes it, maybe in place of the least, or leaves it out. `at` SIZE_MAX: the place is ours to
 * give, from 0 to most - 1, and that of the one left out is given again. Returns the place, or
 * SIZE_MAX: it is left out. */
size_t top_add(struct top *top, struct top_entry entry);
/* The largest first. Afterwards only to be read, or emptied by setting `count` to 0. */
void top_sort(struct top *top);
void top_fini(struct top *top);

#endif
