/* cli/capture_live.h: the frames of an interface as they pass, to whoever reads those of files.
 *
 * They end by SIGINT or SIGTERM, after a number or a time, when the interface goes, or when what is
 * written of them cannot be. All that passed before a signal or the time is still handed out. Of
 * what has passed the last LIVE_KEPT bytes can be read again. */
#ifndef RILL_CLI_CAPTURE_LIVE_H
#define RILL_CLI_CAPTURE_LIVE_H

#include "link/sniff.h"
#include "streams/packet.h"

#include <stdio.h>

#define LIVE_KEPT ((size_t)16 << 20)
#define LIVE_TICK (200 * RILL_MILLISECOND)

struct capture_live_config {
    struct sniff_config sniff;
    const char *write;  /* also into this file, as pcapng; null: no */
    uint64_t count;     /* ends after so many packets; UINT64_MAX: never */
    rill_time duration; /* ends after that time; 0: never */
};

struct capture_live {
    struct capture_live_config config;
    struct sniff *sniff;
    FILE *out;
    uint8_t *kept;
    uint64_t kept_end; /* bytes that ever were in it */
    uint64_t frames, bytes;
    rill_time first;            /* when the first packet passed */
    rill_time began, ticked_at; /* monotonic */
    bool ending;
    rill_time ended_at, last_wanted; /* monotonic; when packets passed that are still wanted */
    struct sniff_counts counts;      /* as of the last tick */
    bool partial;
    char fault[320]; /* what ended it, if nobody wanted it to end */
    /* About every LIVE_TICK, whether packets come or not. `idle`: all that has passed was handed
     * out, and it is `now` on the clock that packets are stamped with. False: enough. May be null.
     */
    void *context;
    bool (*tick)(void *context, bool idle, rill_time now);
};

/* CLI_DONE, or the exit code; then the error is printed. */
int capture_live_open(struct capture_live *live, const struct capture_live_config *config);
void capture_live_close(struct capture_live *live);

/* Waits for the next frame; false: it is over. */
bool capture_live_next(struct capture_live *live, struct streams_frame *frame);
const uint8_t *capture_live_again(const struct capture_live *live, uint64_t offset, size_t length);

#endif
