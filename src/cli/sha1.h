/* cli/sha1.h: SHA-1 (FIPS 180-4 §6.1) of a short message: community IDs are made of it. */
#ifndef RILL_CLI_SHA1_H
#define RILL_CLI_SHA1_H

#include <stddef.h>
#include <stdint.h>

/* At most 55 bytes: one block. */
void cli_sha1(const uint8_t *data, size_t length, uint8_t out[20]);

#endif
