/* cli/get.h: parts of `rill get`: where a transfer's bytes go, and how far it is. */
#ifndef RILL_CLI_GET_H
#define RILL_CLI_GET_H

#include "link/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the bytes of one transfer go. A file is written as NAME.part and gets its name when it is
 * whole, so that what has the name is whole. Standard output is written without blocking, because
 * a TCP that waits for a pager is deaf: bytes it does not take at once are kept. */
struct get_output {
    int fd;            /* -1: not opened yet */
    char *name, *part; /* null: standard output, or a device that is written to directly */
    bool direct;       /* it can block: watched */
    char *kept;
    size_t kept_from, kept_length;
    int error; /* errno of a write that failed */
    uint64_t written;
};

/* `name` null: standard output. Returns false with errno. */
bool get_output_open(struct get_output *output, const char *name);
/* 1: taken, 0: not now (call get_output_flush when it can be written to), -1: failed, see `error`.
 */
int get_output_write(struct get_output *output, const char *data, size_t length);
int get_output_flush(struct get_output *output);
/* Nothing more comes. `whole`: the file gets its name. Returns false with errno. */
bool get_output_close(struct get_output *output, bool whole);

/* A bar on a terminal. */
struct get_progress {
    bool shown;
    rill_time started, drawn_at;
};
void get_progress_draw(struct get_progress *progress, uint64_t done, uint64_t total, rill_time now);
void get_progress_clear(struct get_progress *progress);

#endif
