/* cli/capture_unpack.c: gzip by zlib, zstd by libzstd; where a library was not there when rill was
 * built, the error says so. */
#include "cli/capture_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef RILL_WITH_GZIP
#include <zlib.h>
#endif
#ifdef RILL_WITH_ZSTD
#include <zstd.h>
#endif

enum { INPUT = 256 * 1024 };

struct capture_unpacker {
    int fd;
    bool zstd, file_ended, inside; /* inside: a member or frame has begun and not ended */
    uint8_t input[INPUT];
    size_t at, held;
#ifdef RILL_WITH_GZIP
    z_stream gzip;
#endif
#ifdef RILL_WITH_ZSTD
    ZSTD_DStream *stream;
#endif
};

const char *capture_packing(const uint8_t *bytes, size_t length) {
    if (length >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b)
        return "gzip";
    if (length >= 4 && memcmp(bytes, "\x28\xb5\x2f\xfd", 4) == 0)
        return "zstd";
    return 0;
}

static bool begin(struct capture_unpacker *unpacker, char *fault, size_t fault_size) {
#ifdef RILL_WITH_GZIP
    if (!unpacker->zstd && inflateInit2(&unpacker->gzip, 15 + 32) == Z_OK)
        return true;
#endif
#ifdef RILL_WITH_ZSTD
    if (unpacker->zstd && (unpacker->stream = ZSTD_createDStream()))
        return true;
#endif
    snprintf(fault, fault_size, "packed with %s, and rill was built without %s; unpack it first",
             unpacker->zstd ? "zstd" : "gzip", unpacker->zstd ? "libzstd-dev" : "zlib1g-dev");
    return false;
}

struct capture_unpacker *capture_unpacker_open(const uint8_t *bytes, size_t length, int fd,
                                               char *fault, size_t fault_size) {
    struct capture_unpacker *unpacker = calloc(1, sizeof *unpacker);
    if (!unpacker || length > INPUT) {
        snprintf(fault, fault_size, "out of memory");
        free(unpacker);
        return 0;
    }
    unpacker->fd = fd;
    unpacker->zstd = strcmp(capture_packing(bytes, length), "zstd") == 0;
    memcpy(unpacker->input, bytes, length);
    unpacker->held = length;
    if (begin(unpacker, fault, fault_size))
        return unpacker;
    free(unpacker);
    return 0;
}

void capture_unpacker_close(struct capture_unpacker *unpacker) {
    if (!unpacker)
        return;
#ifdef RILL_WITH_GZIP
    if (!unpacker->zstd)
        inflateEnd(&unpacker->gzip);
#endif
#ifdef RILL_WITH_ZSTD
    if (unpacker->zstd)
        ZSTD_freeDStream(unpacker->stream);
#endif
    free(unpacker);
}

/* More of the file; false: reading failed. */
static bool refill(struct capture_unpacker *unpacker, uint64_t *consumed, char *fault,
                   size_t fault_size) {
    if (unpacker->at < unpacker->held || unpacker->file_ended)
        return true;
    ssize_t got = read(unpacker->fd, unpacker->input, INPUT);
    if (got < 0) {
        snprintf(fault, fault_size, "cannot be read: %s", strerror(errno));
        return false;
    }
    unpacker->at = 0;
    unpacker->held = (size_t)got;
    unpacker->file_ended = got == 0;
    *consumed += (uint64_t)got;
    return true;
}

/* One step; -1: damaged. */
static long step(struct capture_unpacker *unpacker, uint8_t *out, size_t room) {
#ifdef RILL_WITH_GZIP
    if (!unpacker->zstd) {
        z_stream *gzip = &unpacker->gzip;
        gzip->next_in = unpacker->input + unpacker->at;
        gzip->avail_in = (uInt)(unpacker->held - unpacker->at);
        gzip->next_out = out;
        gzip->avail_out = (uInt)room;
        unpacker->inside = true;
        int status = inflate(gzip, Z_NO_FLUSH);
        unpacker->at = unpacker->held - gzip->avail_in;
        if (status == Z_STREAM_END) { /* another member may follow (RFC 1952 §2.2) */
            unpacker->inside = false;
            inflateReset(gzip);
        } else if (status != Z_OK && status != Z_BUF_ERROR) {
            return -1;
        }
        return (long)(room - gzip->avail_out);
    }
#endif
#ifdef RILL_WITH_ZSTD
    if (unpacker->zstd) {
        ZSTD_inBuffer input = {unpacker->input, unpacker->held, unpacker->at};
        ZSTD_outBuffer output = {out, room, 0};
        size_t status = ZSTD_decompressStream(unpacker->stream, &output, &input);
        unpacker->at = input.pos;
        unpacker->inside = status != 0;
        return ZSTD_isError(status) ? -1 : (long)output.pos;
    }
#endif
    (void)out;
    (void)room;
    return -1;
}

long capture_unpack(struct capture_unpacker *unpacker, uint8_t *out, size_t room,
                    uint64_t *consumed, char *fault, size_t fault_size) {
    const char *name = unpacker->zstd ? "zstd" : "gzip";
    if (room > 1 << 24)
        room = 1 << 24;
    for (;;) {
        if (!refill(unpacker, consumed, fault, fault_size))
            return -1;
        bool nothing = unpacker->at == unpacker->held;
        if (nothing && !unpacker->inside)
            return 0;
        long got = step(unpacker, out, room);
        if (got < 0) {
            snprintf(fault, fault_size, "its %s is damaged near byte %llu", name,
                     (unsigned long long)*consumed);
            return -1;
        }
        if (got > 0)
            return got;
        if (nothing) {
            snprintf(fault, fault_size, "its %s is cut off", name);
            return -1;
        }
    }
}
