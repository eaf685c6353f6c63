/* link/histogram.c: see histogram.h. */
#include "link/histogram.h"

static unsigned bucket_of(uint64_t value) {
    if (value < 16)
        return (unsigned)value;
    unsigned power = 63u - (unsigned)__builtin_clzll(value);
    return (power - 3) * 16 + (unsigned)(value >> (power - 4) & 15);
}

/* The middle of a bucket. */
static uint64_t value_of(unsigned bucket) {
    if (bucket < 16)
        return bucket;
    unsigned shift = bucket / 16 - 1;
    return ((uint64_t)(16 + bucket % 16) << shift) + ((UINT64_C(1) << shift) - 1) / 2;
}

void rill__histogram_add(struct histogram *histogram, uint64_t value) {
    histogram->count++;
    histogram->buckets[bucket_of(value)]++;
}

uint64_t rill__histogram_quantile(const struct histogram *histogram, uint64_t parts,
                                  uint64_t whole) {
    uint64_t seen = 0;
    /* Rounded up without the product of count and parts, which might not fit. */
    uint64_t wanted =
        histogram->count / whole * parts + (histogram->count % whole * parts + whole - 1) / whole;
    if (!histogram->count)
        return 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen && seen >= wanted)
            return value_of(i);
    }
    return value_of(HISTOGRAM_BUCKETS - 1);
}
