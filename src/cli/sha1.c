/* cli/sha1.c: see sha1.h. */
#include "cli/sha1.h"

#include "base/bytes.h"

#include <string.h>

static uint32_t rotate(uint32_t value, unsigned bits) {
    return value << bits | value >> (32 - bits);
}

static uint32_t mix(unsigned round, uint32_t b, uint32_t c, uint32_t d) {
    if (round < 20)
        return ((b & c) | (~b & d)) + 0x5a827999u;
    if (round < 40)
        return (b ^ c ^ d) + 0x6ed9eba1u;
    if (round < 60)
        return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu;
    return (b ^ c ^ d) + 0xca62c1d6u;
}

void cli_sha1(const uint8_t *data, size_t length, uint8_t out[20]) {
    static const uint32_t start[5] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u,
                                      0xc3d2e1f0u};
    uint8_t block[64] = {0};
    uint32_t words[80], state[5];
    memcpy(block, data, length);
    block[length] = 0x80;
    bytes_put32(block + 60, (uint32_t)length * 8);
    for (unsigned i = 0; i < 16; i++)
        words[i] = bytes_get32(block + 4 * i);
    for (unsigned i = 16; i < 80; i++)
        words[i] = rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    memcpy(state, start, sizeof state);
    for (unsigned i = 0; i < 80; i++) {
        uint32_t next =
            rotate(state[0], 5) + mix(i, state[1], state[2], state[3]) + state[4] + words[i];
        state[4] = state[3];
        state[3] = state[2];
        state[2] = rotate(state[1], 30);
        state[1] = state[0];
        state[0] = next;
    }
    for (unsigned i = 0; i < 5; i++)
        bytes_put32(out + 4 * i, start[i] + state[i]);
}
