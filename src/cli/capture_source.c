/* cli/capture_source.c: see capture_source.h. */
#include "cli/capture_source.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEEK = 65536, PIECE = 1 << 20 };

/* A mapped file that somebody cuts off while it is read. */
static void on_bus_error(int number) {
    static const char text[] = "rill streams: the file became shorter while it was read\n";
    (void)number;
    if (write(2, text, sizeof text - 1) < 0)
        _exit(1);
    _exit(1);
}

static bool fail(struct capture_source *source, const char *what) {
    snprintf(source->fault, sizeof source->fault, "%s", what);
    return false;
}

static bool map_file(struct capture_source *source, size_t size) {
    void *map = mmap(0, size, PROT_READ, MAP_PRIVATE, source->fd, 0);
    if (map == MAP_FAILED)
        return false;
    struct sigaction action = {.sa_handler = on_bus_error};
    sigaction(SIGBUS, &action, 0);
    source->map = map;
    return true;
}

/* Reads the first bytes, which say whether they are packed. */
static bool open_stream(struct capture_source *source) {
    source->room = 2 * SOURCE_KEPT + ((size_t)17 << 20);
    source->buffer = malloc(source->room);
    if (!source->buffer)
        return fail(source, "out of memory");
    while (source->held < 4) {
        ssize_t got = read(source->fd, source->buffer + source->held, PEEK - source->held);
        if (got < 0)
            return fail(source, strerror(errno));
        if (got == 0)
            break;
        source->held += (size_t)got;
    }
    source->consumed = source->held;
    if (!capture_packing(source->buffer, source->held))
        return true;
    source->unpacker = capture_unpacker_open(source->buffer, source->held, source->fd,
                                             source->fault, sizeof source->fault);
    source->held = 0;
    return source->unpacker;
}

bool capture_source_open(struct capture_source *source, const char *path) {
    struct stat stat;
    uint8_t first[4];
    memset(source, 0, sizeof *source);
    source->path = path;
    source->fd = strcmp(path, "-") == 0 ? 0 : open(path, O_RDONLY | O_CLOEXEC);
    if (source->fd < 0 || fstat(source->fd, &stat) < 0)
        return fail(source, strerror(errno));
    if (S_ISDIR(stat.st_mode))
        return fail(source, "it is a directory");
    if (!S_ISREG(stat.st_mode))
        return open_stream(source);
    source->size = (uint64_t)stat.st_size;
    ssize_t got = pread(source->fd, first, sizeof first, 0);
    if (got < 0)
        return fail(source, strerror(errno));
    if (capture_packing(first, (size_t)got) || !source->size ||
        lseek(source->fd, 0, SEEK_CUR) != 0 || !map_file(source, (size_t)source->size))
        return open_stream(source);
    posix_fadvise(source->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    source->room = 2 * PIECE;
    source->buffer = malloc(source->room);
    return source->buffer || fail(source, "out of memory");
}

void capture_source_close(struct capture_source *source) {
    if (source->map)
        munmap((void *)(uintptr_t)source->map, (size_t)source->size);
    free(source->buffer);
    capture_unpacker_close(source->unpacker);
    if (source->fd > 0)
        close(source->fd);
    source->fd = -1;
}

static bool read_on(struct capture_source *source) {
    uint8_t *at = source->buffer + source->held;
    size_t room = source->room - source->held;
    long got;
    if (source->unpacker) {
        got = capture_unpack(source->unpacker, at, room, &source->consumed, source->fault,
                             sizeof source->fault);
    } else {
        got = read(source->fd, at, room < PIECE ? room : PIECE);
        if (got < 0)
            snprintf(source->fault, sizeof source->fault, "cannot be read: %s", strerror(errno));
        source->consumed += got > 0 ? (uint64_t)got : 0;
    }
    if (got <= 0)
        source->ended = true;
    else
        source->held += (size_t)got;
    return got > 0;
}

/* Throws away what lies before `keep`, and more than SOURCE_KEPT back. */
static void slide(struct capture_source *source, uint64_t keep) {
    uint64_t end = source->start + source->held;
    uint64_t from = end > SOURCE_KEPT ? end - SOURCE_KEPT : 0;
    if (from > keep)
        from = keep;
    if (from <= source->start)
        return;
    if (source->moves)
        source->moves(source->context);
    size_t gone = (size_t)(from - source->start);
    memmove(source->buffer, source->buffer + gone, source->held - gone);
    source->held -= gone;
    source->start = from;
}

/* The bytes of a plain file from `offset` on move to the front, and more are read behind them. */
static void read_plain(struct capture_source *source, uint64_t offset, size_t wanted) {
    uint64_t end = source->start + source->held;
    bool within = offset >= source->start && offset <= end;
    if (source->moves)
        source->moves(source->context);
    source->held = within ? (size_t)(end - offset) : 0;
    if (source->held)
        memmove(source->buffer, source->buffer + (offset - source->start), source->held);
    source->start = offset;
    source->ended = false;
    if (wanted > source->room) {
        uint8_t *larger = realloc(source->buffer, wanted + PIECE);
        if (!larger) {
            source->ended = true;
            fail(source, "out of memory");
            return;
        }
        source->buffer = larger;
        source->room = wanted + PIECE;
    }
    while (source->held < wanted && !source->ended) {
        size_t room = source->room - source->held;
        ssize_t got = pread(source->fd, source->buffer + source->held, room < PIECE ? room : PIECE,
                            (off_t)(offset + source->held));
        if (got < 0)
            snprintf(source->fault, sizeof source->fault, "cannot be read: %s", strerror(errno));
        if (got <= 0)
            source->ended = true;
        else
            source->held += (size_t)got;
    }
}

const uint8_t *capture_source_get(struct capture_source *source, uint64_t offset, size_t wanted,
                                  uint64_t keep, size_t *length) {
    if (source->map) {
        uint64_t end = source->start + source->held;
        bool there = offset >= source->start && offset <= end;
        if (!there || (end - offset < wanted && !source->ended))
            read_plain(source, offset, wanted);
        source->consumed = offset;
    }
    while (source->start + source->held < offset + wanted && !source->ended) {
        if (source->room - source->held < PIECE)
            slide(source, keep);
        if (source->room == source->held) { /* what must be kept fills it */
            source->ended = true;
            fail(source, "packets lie too far out of order");
        } else {
            read_on(source);
        }
    }
    *length = source->held - (size_t)(offset - source->start);
    return source->buffer + (offset - source->start);
}

const uint8_t *capture_source_again(const struct capture_source *source, uint64_t offset,
                                    size_t length) {
    if (source->map)
        return offset <= source->size && length <= source->size - offset ? source->map + offset : 0;
    if (offset < source->start || offset + length > source->start + source->held)
        return 0;
    return source->buffer + (offset - source->start);
}
