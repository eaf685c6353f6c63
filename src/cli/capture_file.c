/* cli/capture_file.c: see capture_file.h. */
#include "cli/capture_file.h"

#include "cli/allocator.h"
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OFFSET_BITS = 56, AHEAD = 8192, READ_AT_LEAST = 65536 };

/* A frame read ahead. Its data is found again by its offset. */
struct pending {
    rill_time when;
    uint64_t number, data_offset, offset;
    uint32_t length, wire_length, interface;
    uint16_t link_type;
};

static bool before(const struct pending *a, const struct pending *b) {
    return a->when != b->when ? a->when < b->when : a->number < b->number;
}

static bool push(struct capture_file *file, const struct pending *pending) {
    if (file->heap_count == file->heap_room) {
        size_t room = file->heap_room ? 2 * file->heap_room : 64;
        struct pending *heap = realloc(file->heap, room * sizeof *heap);
        if (!heap)
            return false;
        file->heap = heap;
        file->heap_room = room;
    }
    size_t at = file->heap_count++;
    for (; at && before(pending, &file->heap[(at - 1) / 2]); at = (at - 1) / 2)
        file->heap[at] = file->heap[(at - 1) / 2];
    file->heap[at] = *pending;
    return true;
}

static struct pending pop(struct capture_file *file) {
    struct pending top = file->heap[0], last = file->heap[--file->heap_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= file->heap_count)
            break;
        if (child + 1 < file->heap_count && before(&file->heap[child + 1], &file->heap[child]))
            child++;
        if (!before(&file->heap[child], &last))
            break;
        file->heap[at] = file->heap[child];
        at = child;
    }
    if (file->heap_count)
        file->heap[at] = last;
    return top;
}

static void end_file(struct capture_file *file, const char *what) {
    file->ended = true;
    if (!what)
        return;
    file->partial = true;
    snprintf(file->fault, sizeof file->fault, "%s at byte %llu, after %llu packets", what,
             (unsigned long long)file->reader.offset, (unsigned long long)file->frames);
}

/* An offset below which no frame read ahead lies; looked for now and then. */
static uint64_t needed_from(struct capture_file *file) {
    if (!file->heap_count)
        return file->reader.offset;
    if (file->frames % 256 == 0 || !file->needed_from) {
        file->needed_from = file->reader.offset;
        for (size_t i = 0; i < file->heap_count; i++)
            if (file->heap[i].offset < file->needed_from)
                file->needed_from = file->heap[i].offset;
    }
    return file->needed_from;
}

static bool short_of_bytes(struct capture_file *file, size_t length) {
    if (!file->source.ended)
        return true; /* there may be more */
    if (file->source.fault[0])
        end_file(file, file->source.fault);
    else if (file->reader.offset == 0 && length == 0)
        end_file(file, "the file is empty: it ends");
    else
        end_file(file, length ? "the file is cut off: its last record is not whole" : 0);
    return false;
}

/* Reads one record; false: there are no more. */
static bool read_record(struct capture_file *file) {
    size_t wanted = READ_AT_LEAST;
    while (!file->ended) {
        size_t length, used;
        uint64_t keep = file->source.map ? 0 : needed_from(file);
        const uint8_t *bytes =
            capture_source_get(&file->source, file->reader.offset, wanted, keep, &length);
        switch (rill__capture_read(&file->reader, bytes, length, &file->record, &used)) {
        case CAPTURE_RECORD:
            file->frames++;
            return true;
        case CAPTURE_MORE:
            if (file->reader.needed > length - used && short_of_bytes(file, length - used)) {
                wanted = file->reader.needed > wanted ? file->reader.needed : wanted;
                continue;
            }
            if (!file->ended) /* blocks without packets were passed over: there is more behind them
                               */
                continue;
            break;
        case CAPTURE_DAMAGED:
            end_file(file, file->reader.reason);
            break;
        case CAPTURE_FOREIGN:
            end_file(file, "it is neither pcap nor pcapng: unknown magic number");
            break;
        case CAPTURE_NO_MEMORY:
            end_file(file, "out of memory");
            break;
        }
    }
    return false;
}

static bool read_ahead(struct capture_file *file) {
    if (!read_record(file))
        return false;
    const struct capture_record *record = &file->record;
    struct pending pending = {record->when,      file->frames,     record->data_offset,
                              record->offset,    record->length,   record->wire_length,
                              record->interface, record->link_type};
    return push(file, &pending);
}

/* As many frames as time may be out of order by, or one. */
static void fill(struct capture_file *file) {
    while (!file->ended) {
        bool several = file->reader.interface_count > 1;
        bool far = file->heap_count && !file->source.map &&
                   file->reader.offset - file->heap[0].offset > SOURCE_KEPT / 2;
        if (file->heap_count >= (several && !far ? AHEAD : 1) || !read_ahead(file))
            return;
    }
}

bool capture_files_open(struct capture_files *files, const char *const *paths, size_t count) {
    memset(files, 0, sizeof *files);
    files->allocator = cli_allocator();
    files->files = calloc(count, sizeof *files->files);
    if (!files->files) {
        cli_error("out of memory");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct capture_file *file = &files->files[files->count++];
        rill__capture_reader_init(&file->reader, &files->allocator);
        file->interface_base = (uint32_t)i * CAPTURE_INTERFACES_MAX;
        if (!capture_source_open(&file->source, paths[i])) {
            cli_error("cannot read %s: %s", paths[i], file->source.fault);
            return false;
        }
    }
    return true;
}

bool capture_files_jump(struct capture_files *files, uint64_t record, uint64_t frame) {
    struct capture_file *file = &files->files[0];
    if (files->count != 1 || !file->source.map || !read_record(file) ||
        file->reader.interface_count != 1 || record >= file->source.size)
        return false;
    file->reader.offset = record;
    file->frames = files->frames = frame - 1;
    return true;
}

void capture_files_close(struct capture_files *files) {
    for (size_t i = 0; i < files->count; i++) {
        rill__capture_reader_fini(&files->files[i].reader);
        capture_source_close(&files->files[i].source);
        free(files->files[i].heap);
    }
    free(files->files);
    files->files = 0;
}

static void give(struct capture_files *files, size_t index, const struct pending *pending,
                 const uint8_t *data, struct streams_frame *frame) {
    files->current = index;
    files->frames++;
    frame->data = data;
    frame->length = pending->length;
    frame->wire_length = pending->wire_length;
    frame->when = pending->when;
    frame->number = files->count == 1 ? pending->number : files->frames;
    frame->offset = (uint64_t)index << OFFSET_BITS | pending->data_offset;
    frame->record = pending->offset;
    frame->interface = files->files[index].interface_base + pending->interface;
    frame->link_type = pending->link_type;
}

/* The next record, where it lies whole in what was read of a plain file. */
static bool read_quickly(struct capture_file *file) {
    struct capture_source *source = &file->source;
    uint64_t at = file->reader.offset - source->start;
    if (!source->map || file->ended || at > source->held ||
        !capture_read_usual(&file->reader, source->buffer + at, source->held - (size_t)at,
                            &file->record))
        return false;
    source->consumed = file->reader.offset;
    file->frames++;
    return true;
}

/* One file with one interface: nothing is to be sorted. */
static bool next_direct(struct capture_files *files, struct streams_frame *frame) {
    struct capture_file *file = &files->files[0];
    if (!read_quickly(file) && !read_record(file))
        return false;
    const struct capture_record *record = &file->record;
    files->frames++;
    frame->data = record->data;
    frame->length = record->length;
    frame->wire_length = record->wire_length;
    frame->when = record->when;
    frame->number = file->frames;
    frame->offset = record->data_offset;
    frame->record = record->offset;
    frame->interface = record->interface;
    frame->link_type = record->link_type;
    return true;
}

bool capture_files_next(struct capture_files *files, struct streams_frame *frame) {
    if (files->live) {
        bool there = capture_live_next(files->live, frame);
        files->frames = files->live->frames;
        return there;
    }
    struct capture_file *first = &files->files[0];
    if (files->count == 1 && first->reader.interface_count == 1 && !first->heap_count)
        return next_direct(files, frame);
    size_t best = files->count;
    for (size_t i = 0; i < files->count; i++) {
        fill(&files->files[i]);
        if (files->files[i].heap_count &&
            (best == files->count ||
             files->files[i].heap[0].when < files->files[best].heap[0].when))
            best = i;
    }
    if (best == files->count)
        return false;
    struct pending pending = pop(&files->files[best]);
    const uint8_t *data =
        capture_source_again(&files->files[best].source, pending.data_offset, pending.length);
    if (!data) /* cannot be: needed_from keeps it */
        return false;
    give(files, best, &pending, data, frame);
    return true;
}

const uint8_t *capture_files_again(void *context, uint64_t offset, uint32_t length) {
    const struct capture_files *files = context;
    if (files->live)
        return capture_live_again(files->live, offset, length);
    size_t index = (size_t)(offset >> OFFSET_BITS);
    if (index >= files->count)
        return 0;
    return capture_source_again(&files->files[index].source,
                                offset & ((UINT64_C(1) << OFFSET_BITS) - 1), length);
}

bool capture_files_partial(const struct capture_files *files) {
    if (files->live)
        return files->live->partial;
    for (size_t i = 0; i < files->count; i++)
        if (files->files[i].partial)
            return true;
    return false;
}

bool capture_files_unusable(const struct capture_files *files) {
    for (size_t i = 0; i < files->count; i++)
        if (files->files[i].partial && !files->files[i].reader.format)
            return true;
    return false;
}

int capture_files_progress(const struct capture_files *files) {
    uint64_t done = 0, all = 0;
    for (size_t i = 0; i < files->count; i++) {
        const struct capture_source *source = &files->files[i].source;
        if (!source->size)
            return -1;
        done += source->consumed;
        all += source->size;
    }
    return all ? (int)(done * 1000 / all) : -1;
}
