/* cli/sha256.h: SHA-256 (FIPS 180-4), so that the demo can show a digest without a library. */
#ifndef RILL_CLI_SHA256_H
#define RILL_CLI_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct sha256 {
    uint32_t state[8];
    uint64_t length;
    uint8_t block[64];
};

void cli_sha256_init(struct sha256 *sha);
void cli_sha256_add(struct sha256 *sha, const void *data, size_t length);
/* Writes 64 hexadecimal digits and a zero. */
void cli_sha256_hex(struct sha256 *sha, char out[65]);

#endif
