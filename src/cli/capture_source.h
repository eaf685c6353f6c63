/* cli/capture_source.h: where a capture's bytes come from: a file, gzip or zstd around one,
 * standard input. It is read piece by piece into one buffer that stays in the cache, which costs a
 * third of touching a file's pages where they are mapped. A plain file is mapped too, so that all
 * of it can be read again; of a stream the last bytes are kept. */
#ifndef RILL_CLI_CAPTURE_SOURCE_H
#define RILL_CLI_CAPTURE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOURCE_KEPT ((size_t)16 << 20) /* bytes of a stream that can be read again */

struct capture_source {
    const char *path;
    int fd;
    const uint8_t *map; /* the whole of a plain file, for what is read again; or null */
    uint64_t size;      /* of the file as it lies on the disk; 0: a stream */
    uint64_t consumed;  /* bytes taken from the file, for a progress bar */
    uint8_t *buffer;
    size_t room, held; /* bytes */
    uint64_t start;    /* offset of the buffer's first byte */
    bool ended;
    void (*moves)(void *context); /* called before what was given moves or goes; or null */
    void *context;
    char fault[160]; /* what went wrong: reading, unpacking */
    struct capture_unpacker *unpacker;
};

/* "-" is standard input. False: `fault` says why. */
bool capture_source_open(struct capture_source *source, const char *path);
void capture_source_close(struct capture_source *source);

/* The bytes from `offset` on: at least `wanted` of them, if the source has as many; `*length` is
 * how many there are. `keep`: the lowest offset of a stream that must stay readable. What an
 * earlier call gave is gone if `moves` was called. */
const uint8_t *capture_source_get(struct capture_source *source, uint64_t offset, size_t wanted,
                                  uint64_t keep, size_t *length);

/* Bytes already read, or null if they are gone. */
const uint8_t *capture_source_again(const struct capture_source *source, uint64_t offset,
                                    size_t length);

/* cli/capture_unpack.c */
struct capture_unpacker;
/* What the first bytes of a file say it is packed with; null: nothing. */
const char *capture_packing(const uint8_t *bytes, size_t length);
struct capture_unpacker *capture_unpacker_open(const uint8_t *bytes, size_t length, int fd,
                                               char *fault, size_t fault_size);
/* Unpacks up to `room` bytes; 0: the end; -1: `fault`. `*consumed` counts bytes of the file. */
long capture_unpack(struct capture_unpacker *unpacker, uint8_t *out, size_t room,
                    uint64_t *consumed, char *fault, size_t fault_size);
void capture_unpacker_close(struct capture_unpacker *unpacker);

#endif
