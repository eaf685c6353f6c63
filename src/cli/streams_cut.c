/* cli/streams_cut.c: `cut N -o FILE.pcapng`: the frames of one connection as a capture of their
 * own.
 *
 * Which frames are its is known only when it is over, and a fragment's only when all have come: so
 * the file is read twice. */
#include "cli/streams.h"

#include "capture/writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cut {
    struct streams_run run;
    uint64_t *frames; /* numbers */
    size_t count, room;
    bool failed;
    FILE *out;
    struct known {
        uint32_t interface;
        uint16_t link_type;
    } * interfaces;
    uint32_t interface_count;
};

static void add(struct cut *cut, uint64_t frame) {
    if (cut->count == cut->room) {
        size_t room = cut->room ? 2 * cut->room : 1024;
        uint64_t *frames = realloc(cut->frames, room * sizeof *frames);
        if (!frames) {
            cut->failed = true;
            return;
        }
        cut->frames = frames;
        cut->room = room;
    }
    cut->frames[cut->count++] = frame;
}

static void take_segment(void *context, const struct streams_segment *segment) {
    struct cut *cut = context;
    uint32_t count;
    if (segment->connection != cut->run.options->number)
        return;
    const uint64_t *fragments = rill__streams_fragment_frames(cut->run.streams, &count);
    for (uint32_t i = 0; i < count; i++)
        add(cut, fragments[i]);
    if (!count)
        add(cut, segment->packet->frame);
}

static void take_event(void *context, const struct streams_event *event) {
    struct cut *cut = context;
    if (event->connection == cut->run.options->number &&
        (event->kind == STREAMS_EVENT_ICMP_ERROR || event->kind == STREAMS_EVENT_REJECTED_SYN))
        add(cut, event->frame);
}

static int by_value(const void *a, const void *b) {
    const uint64_t *one = a, *other = b;
    return (*one > *other) - (*one < *other);
}

static bool put(struct cut *cut, const uint8_t *bytes, size_t length) {
    cut->failed = cut->failed || fwrite(bytes, 1, length, cut->out) != length;
    return !cut->failed;
}

/* The number of a frame's interface in the file written. */
static uint32_t interface_of(struct cut *cut, const struct streams_frame *frame) {
    uint8_t block[CAPTURE_WRITER_ROOM];
    for (uint32_t i = 0; i < cut->interface_count; i++)
        if (cut->interfaces[i].interface == frame->interface &&
            cut->interfaces[i].link_type == frame->link_type)
            return i;
    struct known *grown =
        realloc(cut->interfaces, (cut->interface_count + 1) * sizeof *cut->interfaces);
    if (!grown) {
        cut->failed = true;
        return 0;
    }
    cut->interfaces = grown;
    grown[cut->interface_count] = (struct known){frame->interface, frame->link_type};
    put(cut, block, rill__capture_write_interface(block, frame->link_type));
    return cut->interface_count++;
}

static void write_frame(struct cut *cut, const struct streams_frame *frame) {
    uint8_t block[CAPTURE_WRITER_ROOM];
    if (!bsearch(&frame->number, cut->frames, cut->count, sizeof *cut->frames, by_value))
        return;
    uint32_t interface = interface_of(cut, frame);
    put(cut, block,
        rill__capture_write_head(block, interface, frame->when, frame->length, frame->wire_length));
    put(cut, frame->data, frame->length);
    put(cut, block, rill__capture_write_tail(block, frame->length));
}

static int write_all(struct cut *cut, const struct streams_options *options) {
    struct capture_files files;
    struct streams_frame frame;
    uint8_t block[CAPTURE_WRITER_ROOM];
    cut->out = fopen(options->output, "wb");
    if (!cut->out) {
        cli_error("cannot write %s: %s; give -o a path that can be written", options->output,
                  strerror(errno));
        return CLI_FAILED;
    }
    qsort(cut->frames, cut->count, sizeof *cut->frames, by_value);
    bool opened = capture_files_open(&files, options->paths, options->path_count);
    put(cut, block, rill__capture_write_section(block));
    while (opened && !cut->failed && capture_files_next(&files, &frame))
        write_frame(cut, &frame);
    capture_files_close(&files);
    if (fclose(cut->out) || cut->failed) {
        cli_error("%s is not whole: writing it failed; is the disk full?", options->output);
        return CLI_FAILED;
    }
    return opened ? CLI_DONE : CLI_FAILED;
}

int streams_cut(const struct streams_options *options) {
    struct cut cut = {0};
    struct streams_connection connection;
    if (!options->output) {
        cli_error("cut needs -o FILE.pcapng");
        return CLI_USAGE;
    }
    for (size_t i = 0; i < options->path_count; i++) {
        if (strcmp(options->paths[i], "-") != 0)
            continue;
        cli_error("cut reads the capture twice, and standard input cannot be; give it a file");
        return CLI_USAGE;
    }
    cut.run.options = options;
    cut.run.context = &cut;
    cut.run.segment = take_segment;
    cut.run.event = take_event;
    int code = streams_pass(&cut.run);
    if ((code == CLI_DONE || code == CLI_PARTIAL)) {
        if (!streams_connection_get(&cut.run, options->number, &connection)) {
            code = CLI_FAILED;
        } else {
            int written = write_all(&cut, options);
            code = written == CLI_DONE ? code : written;
        }
    }
    free(cut.frames);
    free(cut.interfaces);
    streams_run_close(&cut.run);
    return code;
}
