/* cli/capture_file.h: frames of one or more capture files, in the order of time.
 *
 * A file with one interface is taken as it stands. Where a file has several, their packets may be
 * interleaved in blocks; and several files are several places; then the earliest of those in sight
 * comes first. In place of files there may be an interface. */
#ifndef RILL_CLI_CAPTURE_FILE_H
#define RILL_CLI_CAPTURE_FILE_H

#include "capture/reader.h"
#include "cli/capture_live.h"
#include "cli/capture_source.h"
#include "streams/packet.h"

#define CAPTURE_FILES_MAX 64

struct capture_file {
    struct capture_source source;
    struct capture_reader reader;
    struct capture_record record;
    uint64_t frames;
    uint64_t needed_from;    /* lowest offset of the frames read ahead, or lower */
    uint32_t interface_base; /* of this file among all */
    bool ended, partial;
    char fault[256];      /* what ended it early */
    struct pending *heap; /* frames read ahead, the earliest first */
    size_t heap_count, heap_room;
};

struct capture_files {
    struct capture_file *files;
    size_t count;
    uint64_t frames;
    struct rill_allocator allocator;
    size_t current;            /* the file of the frame at hand */
    struct capture_live *live; /* the interface in place of files, which is the caller's; or null */
};

/* False: the error is printed. */
bool capture_files_open(struct capture_files *files, const char *const *paths, size_t count);
void capture_files_close(struct capture_files *files);

/* The next frame; false: no more. The frame's offset names the file too. */
bool capture_files_next(struct capture_files *files, struct streams_frame *frame);

/* Goes on with the record at that offset, which is the frame of that number. False: not in this
 * kind of file. */
bool capture_files_jump(struct capture_files *files, uint64_t record, uint64_t frame);

/* Bytes at such an offset; null: gone. For streams_config.read. */
const uint8_t *capture_files_again(void *files, uint64_t offset, uint32_t length);

/* Whether a file ended early, or was damaged; each is told once on standard error. */
bool capture_files_partial(const struct capture_files *files);
/* Whether not even its beginning could be read. */
bool capture_files_unusable(const struct capture_files *files);

/* Parts of 1,000 that have been read; -1: not known. */
int capture_files_progress(const struct capture_files *files);

#endif
