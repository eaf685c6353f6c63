/* cli/streams_index.c: see streams_index.h.
 *
 *     header, then scopes, then the store's bytes, then its rows, each 8-byte aligned; in the order
 * of the machine, which the header's magic tells. What it says is checked against the file's size
 *     before it is used. */
#include "cli/streams_index.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define INDEX_MAGIC UINT64_C(0x726c696e64657803)
enum { INDEX_PATH = 4096 };

struct index_header {
    uint64_t magic, version; /* version: of the rows, by their size */
    uint64_t capture_size, capture_seconds, capture_nanoseconds;
    uint64_t scopes, bytes, rows; /* counts */
    uint64_t frames, tcp_packets;
};

static uint64_t aligned(uint64_t size) {
    return (size + 7) & ~UINT64_C(7);
}

/* Whether an index can tell of this run at all. */
static bool is_possible(const struct streams_run *run, char path[INDEX_PATH]) {
    const struct streams_options *options = run->options;
    if (options->no_index || options->path_count != 1 || options->shard || options->idle ||
        run->files.count != 1 || !run->files.files[0].source.map ||
        run->files.files[0].source.size < INDEX_FROM || strcmp(options->paths[0], "-") == 0)
        return false;
    int length = snprintf(path, INDEX_PATH, "%s.rill-index", options->paths[0]);
    return length > 0 && length < INDEX_PATH - 32;
}

static bool describe(const struct streams_run *run, struct index_header *header) {
    struct stat stat;
    memset(header, 0, sizeof *header);
    if (fstat(run->files.files[0].source.fd, &stat))
        return false;
    header->magic = INDEX_MAGIC;
    header->version = sizeof(struct streams_connection);
    header->capture_size = (uint64_t)stat.st_size;
    header->capture_seconds = (uint64_t)stat.st_mtim.tv_sec;
    header->capture_nanoseconds = (uint64_t)stat.st_mtim.tv_nsec;
    return true;
}

static bool fits(const struct index_header *header, const struct index_header *wanted,
                 uint64_t size) {
    if (header->magic != wanted->magic || header->version != wanted->version ||
        header->capture_size != wanted->capture_size ||
        header->capture_seconds != wanted->capture_seconds ||
        header->capture_nanoseconds != wanted->capture_nanoseconds)
        return false;
    if (header->scopes > SCOPES_MAX || header->bytes > size || header->rows > size / 16)
        return false;
    return sizeof *header + header->scopes * sizeof(struct scope) + aligned(header->bytes) +
               header->rows * sizeof(struct store_row) ==
           size;
}

static void take_index(struct streams_run *run, uint8_t *map, size_t size) {
    const struct index_header *header = (const void *)map;
    uint8_t *at = map + sizeof *header;
    for (uint64_t i = 0; i < header->scopes; i++, at += sizeof(struct scope))
        rill__streams_scope_put(run->streams, (const void *)at);
    run->store.map = map;
    run->store.map_size = size;
    run->store.bytes = at;
    run->store.used = header->bytes;
    run->store.rows = (void *)(at + aligned(header->bytes));
    run->store.count = header->rows;
    run->totals.frames = header->frames;
    run->totals.tcp_packets = header->tcp_packets;
}

static bool rows_are_sound(const struct store *store) {
    for (size_t i = 0; i < store->count; i++)
        if (store->rows[i].offset >= store->used)
            return false;
    return true;
}

bool streams_index_is_possible(const struct streams_run *run) {
    char path[INDEX_PATH];
    return is_possible(run, path);
}

bool streams_index_open(struct streams_run *run) {
    char path[INDEX_PATH];
    struct index_header wanted;
    struct stat stat;
    if (!is_possible(run, path) || !describe(run, &wanted))
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    void *map = MAP_FAILED;
    size_t size = 0;
    if (fstat(fd, &stat) == 0 && (uint64_t)stat.st_size >= sizeof wanted) {
        size = (size_t)stat.st_size;
        map = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    }
    close(fd);
    if (map == MAP_FAILED)
        return false;
    if (fits(map, &wanted, size)) {
        take_index(run, map, size);
        if (rows_are_sound(&run->store))
            return true;
        memset(&run->store, 0, sizeof run->store);
    }
    munmap(map, size);
    return false;
}

static bool write_parts(const struct streams_run *run, const struct index_header *header,
                        FILE *file) {
    static const uint8_t nothing[8];
    const struct store *store = &run->store;
    size_t padding = (size_t)(aligned(header->bytes) - header->bytes);
    bool ok = fwrite(header, sizeof *header, 1, file) == 1;
    for (uint32_t i = 1; ok && i <= header->scopes; i++)
        ok = fwrite(rill__streams_scope(run->streams, i), sizeof(struct scope), 1, file) == 1;
    return ok && fwrite(store->bytes, 1, store->used, file) == store->used &&
           fwrite(nothing, 1, padding, file) == padding &&
           fwrite(store->rows, sizeof *store->rows, store->count, file) == store->count;
}

void streams_index_write(struct streams_run *run) {
    char path[INDEX_PATH], fresh[INDEX_PATH + 16];
    struct index_header header;
    const struct store *store = &run->store;
    if (store->map || store->spill || !is_possible(run, path) || !describe(run, &header) ||
        run->files.files[0].reader.interface_count != 1)
        return;
    while (header.scopes < SCOPES_MAX &&
           rill__streams_scope(run->streams, (uint32_t)header.scopes + 1))
        header.scopes++;
    header.bytes = store->used;
    header.rows = store->count;
    header.frames = run->totals.frames;
    header.tcp_packets = run->totals.tcp_packets;
    snprintf(fresh, sizeof fresh, "%s.%ld", path, (long)getpid());
    FILE *file = fopen(fresh, "wb");
    if (!file)
        return;
    bool ok = write_parts(run, &header, file);
    if (fclose(file) || !ok || rename(fresh, path))
        unlink(fresh);
}
