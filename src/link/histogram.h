/* link/histogram.h: how often values occurred, in buckets of a sixteenth of their power of two: a
 * quantile is off by a thirty-second at most, and exact below 32. */
#ifndef RILL_LINK_HISTOGRAM_H
#define RILL_LINK_HISTOGRAM_H

#include <rill/base.h>

#define HISTOGRAM_BUCKETS 976 /* 16 for 0 … 15, then 16 for each power of two up to 2^63 */

struct histogram {
    uint64_t count;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void rill__histogram_add(struct histogram *histogram, uint64_t value);

/* The value that `parts` of `whole` of all do not exceed; 0 when there is none. */
uint64_t rill__histogram_quantile(const struct histogram *histogram, uint64_t parts,
                                  uint64_t whole);

#endif
