/* base/checksum.c: RFC 1071 §2(B): the sum is independent of byte order, so words are added as they
 * lie, and §2(C): carries are collected and folded at the end. */
#include "base/checksum.h"

#include <string.h>

/* Adds with the carry brought round, so that any length of data may be summed. */
static inline uint64_t add_carry(uint64_t sum, uint64_t value) {
    sum += value;
    return sum + (sum < value);
}

static uint64_t load64(const uint8_t *p) {
    uint64_t value;
    memcpy(&value, p, 8);
    return value;
}

/* 64 bytes a round in four independent chains of 32-bit halves: compilers make vector code of it.
 */
static uint64_t add_blocks(uint64_t sum, const uint8_t *data, size_t blocks) {
    uint64_t lane[8] = {0};
    for (size_t i = 0; i < blocks; i++, data += 64) {
        for (int k = 0; k < 8; k++) {
            uint64_t word = load64(data + 8 * k);
            lane[k] += (word & 0xffffffffu) + (word >> 32);
        }
    }
    for (int k = 0; k < 8; k++)
        sum = add_carry(sum, lane[k]);
    return sum;
}

/* The last 1 to 7 bytes as a word, zeroes behind them. */
static uint64_t load_rest(const uint8_t *p, size_t length) {
    uint8_t last[8] = {0};
    if (length & 4)
        memcpy(last, p, 4);
    if (length & 2)
        memcpy(last + (length & 4), p + (length & 4), 2);
    if (length & 1)
        last[length - 1] = p[length - 1];
    return load64(last);
}

/* Where the vector code above is worth its beginning and end. */
#define BLOCKS_FROM 256u

uint64_t rill__checksum_add(uint64_t sum, const uint8_t *data, size_t length) {
    if (length >= BLOCKS_FROM) {
        sum = add_blocks(sum, data, length / 64);
        data += length & ~(size_t)63;
        length &= 63;
    }
    uint64_t low = 0, high = 0; /* of few words: they do not run over */
    for (; length >= 8; data += 8, length -= 8) {
        uint64_t word = load64(data);
        low += word & 0xffffffffu;
        high += word >> 32;
    }
    if (length) {
        uint64_t word = load_rest(data, length);
        low += word & 0xffffffffu;
        high += word >> 32;
    }
    return add_carry(add_carry(sum, low), high);
}

uint16_t rill__checksum_fold(uint64_t sum) {
    sum = (sum & 0xffffffffu) + (sum >> 32);
    sum = (sum & 0xffffffffu) + (sum >> 32);
    uint32_t half = (uint32_t)(sum & 0xffff) + (uint32_t)(sum >> 16);
    half = (half & 0xffff) + (half >> 16);
    return (uint16_t)((half & 0xffff) + (half >> 16));
}

uint64_t rill__checksum_add_at(uint64_t sum, const uint8_t *data, size_t length, size_t offset) {
    if (!(offset & 1))
        return rill__checksum_add(sum, data, length);
    /* A piece at an odd offset contributes with its bytes exchanged (RFC 1071 §2(A)). */
    uint16_t piece = rill__checksum_fold(rill__checksum_add(0, data, length));
    return add_carry(sum, (uint16_t)(piece << 8 | piece >> 8));
}

uint64_t rill__checksum_pseudo(const uint8_t *addresses, size_t length_of_both, uint8_t protocol,
                               uint32_t length) {
    uint8_t rest[8] = {(uint8_t)(length >> 24),
                       (uint8_t)(length >> 16),
                       (uint8_t)(length >> 8),
                       (uint8_t)length,
                       0,
                       0,
                       0,
                       protocol};
    return rill__checksum_add(rill__checksum_add(0, addresses, length_of_both), rest, sizeof rest);
}

void rill__checksum_store(uint8_t *out, uint16_t folded) {
    memcpy(out, &folded, 2);
}
