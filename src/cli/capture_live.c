/* cli/capture_live.c: see capture_live.h. */
#include "cli/capture_live.h"

#include "capture/writer.h"
#include "cli/command.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOK_AT_CLOCK = 32 }; /* packets */
/* For so long what passed before the end may still be on its way from the kernel, and this is how
 * long we try to catch up with what is there. */
#define LAST_ARRIVES (150 * RILL_MILLISECOND)
#define LAST_TAKEN (2 * RILL_SECOND)

static volatile sig_atomic_t stopped;

static void on_stop(int number) {
    (void)number;
    stopped = 1;
}

static rill_time clock_now(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (rill_time)now.tv_sec * RILL_SECOND + (rill_time)now.tv_nsec;
}

/* A second SIGINT ends it the hard way. A pipe that nobody reads any more ends it too, but in
 * order. */
static void watch_signals(void) {
    struct sigaction action = {.sa_handler = on_stop, .sa_flags = (int)SA_RESETHAND};
    stopped = 0;
    sigaction(SIGINT, &action, 0);
    sigaction(SIGTERM, &action, 0);
    signal(SIGPIPE, SIG_IGN);
}

static void put(struct capture_live *live, const uint8_t *bytes, size_t length) {
    if (live->out && fwrite(bytes, 1, length, live->out) != length && !live->fault[0]) {
        snprintf(live->fault, sizeof live->fault, "%s is not whole: %s", live->config.write,
                 strerror(errno));
        live->partial = true;
    }
}

static bool open_file(struct capture_live *live) {
    uint8_t block[CAPTURE_WRITER_ROOM];
    if (!live->config.write)
        return true;
    live->out = fopen(live->config.write, "wb");
    if (!live->out) {
        cli_error("cannot write %s: %s; give -w a path that can be written", live->config.write,
                  strerror(errno));
        return false;
    }
    put(live, block, rill__capture_write_section(block));
    put(live, block, rill__capture_write_interface(block, sniff_link_type(live->sniff)));
    return true;
}

int capture_live_open(struct capture_live *live, const struct capture_live_config *config) {
    struct link_error error;
    memset(live, 0, sizeof *live);
    live->config = *config;
    live->sniff = sniff_open(&config->sniff, &error);
    if (!live->sniff) {
        cli_error("%s", error.text);
        return error.fault == LINK_ASKED ? CLI_USAGE : CLI_MISSING;
    }
    live->kept = malloc(LIVE_KEPT);
    if (!live->kept) {
        cli_error("out of memory");
        return CLI_MISSING;
    }
    if (!open_file(live))
        return CLI_FAILED;
    watch_signals();
    live->began = live->ticked_at = clock_now(CLOCK_MONOTONIC);
    fprintf(stderr, "listening on %s\n", config->sniff.interface); /* what passes now is seen */
    return CLI_DONE;
}

void capture_live_close(struct capture_live *live) {
    if (live->out)
        fclose(live->out);
    sniff_close(live->sniff);
    free(live->kept);
    memset(live, 0, sizeof *live);
}

static void begin_end(struct capture_live *live, rill_time now) {
    if (live->ending)
        return;
    live->ending = true;
    live->ended_at = now;
    live->last_wanted = clock_now(CLOCK_REALTIME);
}

/* False: it is over. `idle`: nothing waits. */
static bool look_at_clock(struct capture_live *live, bool idle) {
    rill_time now = clock_now(CLOCK_MONOTONIC);
    if (stopped || (live->config.duration && now - live->began >= live->config.duration))
        begin_end(live, now);
    if (live->ending && now - live->ended_at >= (idle ? LAST_ARRIVES : LAST_TAKEN))
        return false;
    if (now - live->ticked_at < LIVE_TICK)
        return true;
    live->ticked_at = now;
    sniff_count(live->sniff, &live->counts);
    return !live->tick || live->tick(live->context, idle, clock_now(CLOCK_REALTIME));
}

/* How long to wait for a packet. */
static rill_time patience(const struct capture_live *live) {
    rill_time now = clock_now(CLOCK_MONOTONIC), until = live->ticked_at + LIVE_TICK;
    if (live->config.duration && live->began + live->config.duration < until)
        until = live->began + live->config.duration;
    if (live->ending)
        until = live->ended_at + LAST_ARRIVES;
    return until > now ? until - now : 0;
}

/* Copies a packet to where the last ones are kept, in one piece. */
static void keep(struct capture_live *live, struct streams_frame *frame,
                 const struct capture_record *record) {
    size_t at = (size_t)(live->kept_end % LIVE_KEPT), length = record->length;
    if (length > LIVE_KEPT - at) {
        live->kept_end += LIVE_KEPT - at;
        at = 0;
    }
    if (length)
        memcpy(live->kept + at, record->data, length);
    frame->data = live->kept + at;
    frame->offset = live->kept_end;
    live->kept_end += length;
}

const uint8_t *capture_live_again(const struct capture_live *live, uint64_t offset, size_t length) {
    size_t at = (size_t)(offset % LIVE_KEPT);
    if (offset + LIVE_KEPT < live->kept_end || offset + length > live->kept_end ||
        length > LIVE_KEPT - at)
        return 0;
    return live->kept + at;
}

static void take(struct capture_live *live, struct streams_frame *frame,
                 const struct capture_record *record) {
    uint8_t block[CAPTURE_WRITER_ROOM];
    memset(frame, 0, sizeof *frame);
    keep(live, frame, record);
    frame->length = record->length;
    frame->wire_length = record->wire_length;
    frame->when = record->when;
    frame->number = ++live->frames;
    frame->link_type = record->link_type;
    live->bytes += record->wire_length;
    if (live->frames == 1)
        live->first = record->when;
    if (!live->out)
        return;
    put(live, block,
        rill__capture_write_head(block, 0, record->when, record->length, record->wire_length));
    put(live, frame->data, frame->length);
    put(live, block, rill__capture_write_tail(block, record->length));
}

/* What it came to: what the kernel dropped, and whether the file is whole. */
static bool end(struct capture_live *live) {
    sniff_count(live->sniff, &live->counts);
    if (live->out) {
        if (fclose(live->out) && !live->fault[0]) {
            snprintf(live->fault, sizeof live->fault, "%s is not whole: %s", live->config.write,
                     strerror(errno));
            live->partial = true;
        }
        live->out = 0;
    }
    return false;
}

bool capture_live_next(struct capture_live *live, struct streams_frame *frame) {
    struct capture_record record;
    if (live->frames % LOOK_AT_CLOCK == LOOK_AT_CLOCK - 1 && !look_at_clock(live, false))
        return end(live);
    while (live->frames < live->config.count && !live->fault[0]) {
        switch (sniff_next(live->sniff, &record)) {
        case SNIFF_RECORD:
            if (live->ending && record.when > live->last_wanted)
                return end(live);
            take(live, frame, &record);
            return true;
        case SNIFF_GONE:
            snprintf(live->fault, sizeof live->fault, "%s", sniff_fault(live->sniff));
            live->partial = true;
            break;
        case SNIFF_NOTHING:
            if (!look_at_clock(live, true))
                return end(live);
            sniff_wait(live->sniff, patience(live));
            break;
        }
    }
    return end(live);
}
