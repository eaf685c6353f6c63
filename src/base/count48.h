/* base/count48.h: a counter in six bytes, for records of which there are a million. It stops at
 * 2^48 - 1: 281 TB, or 78 hours in nanoseconds. */
#ifndef RILL_BASE_COUNT48_H
#define RILL_BASE_COUNT48_H

#include <stdint.h>
#include <string.h>

struct count48 {
    uint8_t bytes[6]; /* in the machine's order, the lower four first */
};

static inline uint64_t count48_get(const struct count48 *count) {
    uint32_t low;
    uint16_t high;
    memcpy(&low, count->bytes, 4);
    memcpy(&high, count->bytes + 4, 2);
    return (uint64_t)high << 32 | low;
}

static inline void count48_add(struct count48 *count, uint64_t more) {
    uint64_t most = (UINT64_C(1) << 48) - 1, value = count48_get(count);
    value = more < most - value ? value + more : most;
    uint32_t low = (uint32_t)value;
    uint16_t high = (uint16_t)(value >> 32);
    memcpy(count->bytes, &low, 4);
    memcpy(count->bytes + 4, &high, 2);
}

#endif
