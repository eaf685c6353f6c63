/* cli/streams_follow.c: `follow N`: the bytes of a connection in order.
 *
 * Of bytes that came more than once one copy stays. A host that has passed bytes on to its
 * application does not take them back, so "linux", "windows" and "bsd" choose only among bytes that
 * waited behind a hole; "first" and "last" choose always. Unless told otherwise it is as Linux
 * does. Missing bytes are left out of raw output, and named in
 * --holes. */
#include "cli/streams.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PIECES_MAX = 1 << 21, HEX_COLUMNS = 16, BATCH = 256 };

struct piece {
    uint64_t from; /* position */
    uint64_t frame;
    uint64_t offset; /* in the source, or of `copies` with the top bit set */
    uint32_t length;
};
#define IN_COPIES (UINT64_C(1) << 63)

struct half {
    struct piece *pieces; /* sorted, disjoint */
    size_t count, room;
    uint64_t first; /* position of the stream's first byte */
    bool known, has_cut;
    uint64_t written; /* position up to which it has been written */
    bool begun;
};

struct follow {
    struct streams_run run;
    enum streams_overlap overlap;
    struct half halves[2];
    uint8_t *copies;
    size_t copies_used, copies_room;
    FILE *holes;
    uint64_t hole_count, hole_bytes;
    uint64_t conflicts;
    struct iovec batch[BATCH]; /* raw: what is to be written next, where it lies */
    int batched;
    bool failed;
    int wanted;      /* side, or -1: both */
    uint8_t speaker; /* side of the last bytes written; 2: none */
};

static bool copy_payload(struct follow *follow, const struct streams_packet *packet,
                         struct piece *piece) {
    if (follow->copies_room - follow->copies_used < packet->captured) {
        size_t room = 2 * follow->copies_room + packet->captured + 65536;
        uint8_t *copies = realloc(follow->copies, room);
        if (!copies)
            return false;
        follow->copies = copies;
        follow->copies_room = room;
    }
    memcpy(follow->copies + follow->copies_used, packet->payload, packet->captured);
    piece->offset = IN_COPIES | follow->copies_used;
    follow->copies_used += packet->captured;
    return true;
}

static bool insert(struct half *half, size_t place, const struct piece *piece) {
    if (half->count == half->room) {
        size_t room = half->room ? 2 * half->room : 256;
        struct piece *pieces = realloc(half->pieces, room * sizeof *pieces);
        if (!pieces)
            return false;
        half->pieces = pieces;
        half->room = room;
    }
    memmove(half->pieces + place + 1, half->pieces + place,
            (half->count - place) * sizeof *half->pieces);
    half->pieces[place] = *piece;
    half->count++;
    return true;
}

/* The first piece that ends behind a position. */
static size_t find(const struct half *half, uint64_t position) {
    size_t low = 0, high = half->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct piece *piece = &half->pieces[middle];
        if (piece->from + piece->length <= position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Where the bytes from the beginning on end without a hole: what the host has passed on. */
static uint64_t passed_on(const struct half *half) {
    uint64_t end = half->first;
    for (size_t i = 0; i < half->count && half->pieces[i].from <= end; i++)
        end = half->pieces[i].from + half->pieces[i].length;
    return end;
}

/* Whether the new copy replaces the old one where both have bytes; the rules are those that Novak
 * and Sturges found in these systems. */
static bool replaces(enum streams_overlap overlap, const struct piece *old,
                     const struct piece *new) {
    uint64_t old_end = old->from + old->length, new_end = new->from + new->length;
    switch (overlap) {
    case OVERLAP_LAST:
        return true;
    case OVERLAP_LINUX:
        return new->from < old->from || (new->from == old->from &&new_end > old_end);
    case OVERLAP_WINDOWS:
        return new->from < old->from &&new_end > old_end;
    case OVERLAP_BSD:
        return new->from < old->from;
    default:
        return false;
    }
}

static struct piece part(const struct piece *piece, uint64_t from, uint64_t to) {
    struct piece result = *piece;
    result.from = from;
    result.offset += from - piece->from;
    result.length = (uint32_t)(to - from);
    return result;
}

/* Takes [from, to) out of the pieces. */
static bool remove_range(struct half *half, uint64_t from, uint64_t to) {
    size_t at = find(half, from);
    while (at < half->count && half->pieces[at].from < to) {
        struct piece old = half->pieces[at];
        uint64_t end = old.from + old.length;
        memmove(half->pieces + at, half->pieces + at + 1,
                (half->count - at - 1) * sizeof *half->pieces);
        half->count--;
        struct piece left = part(&old, old.from, from > old.from ? from : old.from);
        struct piece right = part(&old, to < end ? to : end, end);
        if (left.length && !insert(half, at++, &left))
            return false;
        if (right.length && !insert(half, at++, &right))
            return false;
    }
    return true;
}

static bool fill_gaps(struct half *half, const struct piece *piece) {
    uint64_t at = piece->from, end = piece->from + piece->length;
    while (at < end) {
        size_t next = find(half, at);
        uint64_t until =
            next < half->count && half->pieces[next].from < end ? half->pieces[next].from : end;
        if (until > at) {
            struct piece fresh = part(piece, at, until);
            if (!insert(half, next, &fresh))
                return false;
            at = until;
        } else {
            at = half->pieces[next].from + half->pieces[next].length;
        }
    }
    return true;
}

static bool add(struct follow *follow, struct half *half, struct piece piece) {
    size_t at = find(half, piece.from);
    bool alone = at == half->count || half->pieces[at].from >= piece.from + piece.length;
    if (alone)
        return insert(half, at, &piece);
    if (follow->overlap != OVERLAP_FIRST) {
        uint64_t done = follow->overlap == OVERLAP_LAST ? 0 : passed_on(half);
        struct piece whole = piece;
        for (size_t i = at; i < half->count && half->pieces[i].from < whole.from + whole.length;) {
            struct piece old = half->pieces[i];
            uint64_t from = old.from > whole.from ? old.from : whole.from;
            uint64_t to = old.from + old.length;
            to = to < whole.from + whole.length ? to : whole.from + whole.length;
            from = from > done ? from : done;
            if (from < to && replaces(follow->overlap, &old, &whole)) {
                if (!remove_range(half, from, to))
                    return false;
                i = find(half, to);
            } else {
                i++;
            }
        }
    }
    return fill_gaps(half, &piece);
}

static const uint8_t *bytes_of(struct follow *follow, const struct piece *piece) {
    if (piece->offset & IN_COPIES)
        return follow->copies + (piece->offset & ~IN_COPIES);
    return capture_files_again(&follow->run.files, piece->offset, piece->length);
}

static void print_hex(const uint8_t *bytes, uint32_t length, uint64_t position, unsigned side) {
    for (uint32_t at = 0; at < length; at += HEX_COLUMNS) {
        printf("%s%08" PRIx64 " ", side ? "    " : "", position + at);
        for (uint32_t i = 0; i < HEX_COLUMNS; i++) {
            if (at + i < length)
                printf(" %02x", bytes[at + i]);
            else
                printf("   ");
        }
        printf("  ");
        for (uint32_t i = 0; i < HEX_COLUMNS && at + i < length; i++)
            putchar(bytes[at + i] >= 32 && bytes[at + i] < 127 ? bytes[at + i] : '.');
        putchar('\n');
    }
}

static void print_text(const uint8_t *bytes, uint32_t length) {
    for (uint32_t i = 0; i < length; i++) {
        uint8_t byte = bytes[i];
        putchar(byte == '\n' || byte == '\t' || (byte >= 32 && byte < 127) ? byte
                : byte == '\r'                                             ? ' '
                                                                           : '.');
    }
}

static void tell_hole(struct follow *follow, unsigned side, uint64_t from, uint64_t to) {
    const struct half *half = &follow->halves[side];
    follow->hole_count++;
    follow->hole_bytes += to - from;
    if (follow->holes)
        fprintf(follow->holes, "{\"from\":\"%s\",\"position\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n",
                side ? "server" : "client", from - half->first, to - from);
    const struct streams_options *options = follow->run.options;
    if (!options->raw && !options->json)
        printf("\n[%" PRIu64 " bytes are not in the capture]\n", to - from);
}

static void print_json_piece(unsigned side, uint64_t position, const struct piece *piece,
                             const uint8_t *bytes) {
    printf("{\"from\":\"%s\",\"position\":%" PRIu64 ",\"frame\":%" PRIu64 ",\"hex\":\"",
           side ? "server" : "client", position, piece->frame);
    for (uint32_t i = 0; i < piece->length; i++)
        printf("%02x", bytes[i]);
    printf("\"}\n");
}

static void flush_batch(struct follow *follow) {
    struct iovec *at = follow->batch;
    int left = follow->batched;
    while (left && !follow->failed) {
        ssize_t done = writev(STDOUT_FILENO, at, left);
        if (done < 0 && errno == EINTR)
            continue;
        follow->failed = done < 0;
        for (; left && !follow->failed && (size_t)done >= at->iov_len; at++, left--)
            done -= (ssize_t)at->iov_len;
        if (left && !follow->failed) {
            at->iov_base = (uint8_t *)at->iov_base + done;
            at->iov_len -= (size_t)done;
        }
    }
    follow->batched = 0;
}

/* The bytes are not copied: they stay where they are until all is written. */
static void write_raw(struct follow *follow, const uint8_t *bytes, uint32_t length) {
    if (follow->batched == BATCH)
        flush_batch(follow);
    follow->batch[follow->batched++] = (struct iovec){(void *)(uintptr_t)bytes, length};
}

static void write_piece(struct follow *follow, unsigned side, const struct piece *piece) {
    struct half *half = &follow->halves[side];
    const struct streams_options *options = follow->run.options;
    const uint8_t *bytes = bytes_of(follow, piece);
    if (!half->begun)
        half->written = half->first;
    half->begun = true;
    if (piece->from > half->written)
        tell_hole(follow, side, half->written, piece->from);
    half->written = piece->from + piece->length;
    if (!bytes) {
        follow->failed = true;
        return;
    }
    if (options->raw) {
        write_raw(follow, bytes, piece->length);
        return;
    }
    if (options->json) {
        print_json_piece(side, piece->from - half->first, piece, bytes);
        return;
    }
    if (follow->speaker != side)
        printf("%s---- %s, frame %" PRIu64 "\n", follow->speaker < 2 ? "\n" : "",
               side ? "server" : "client", piece->frame);
    follow->speaker = (uint8_t)side;
    if (options->hex)
        print_hex(bytes, piece->length, piece->from - half->first, side);
    else
        print_text(bytes, piece->length);
}

/* Both halves, as they were delivered: a piece is delivered when all before it are there. */
static void write_all(struct follow *follow) {
    size_t at[2] = {0, 0};
    uint64_t delivered[2] = {0, 0};
    for (;;) {
        int next = -1;
        uint64_t when[2] = {UINT64_MAX, UINT64_MAX};
        for (int side = 0; side < 2; side++) {
            const struct half *half = &follow->halves[side];
            if (at[side] == half->count || (follow->wanted >= 0 && follow->wanted != side))
                continue;
            uint64_t frame = half->pieces[at[side]].frame;
            when[side] = frame > delivered[side] ? frame : delivered[side];
            if (next < 0 || when[side] < when[next])
                next = side;
        }
        if (next < 0)
            break;
        delivered[next] = when[next];
        write_piece(follow, (unsigned)next, &follow->halves[next].pieces[at[next]++]);
    }
    flush_batch(follow);
    for (int side = 0; side < 2; side++)
        follow->halves[side].count = 0;
}

static void take_segment(void *context, const struct streams_segment *segment) {
    struct follow *follow = context;
    const struct streams_packet *packet = segment->packet;
    struct half *half = &follow->halves[segment->side];
    if (segment->connection != follow->run.options->number || segment->second_sighting ||
        packet->flags & WIRE_RST)
        return;
    if (segment->known) {
        half->first = half->known && half->first < segment->first && !segment->begins
                          ? half->first
                          : segment->first;
        half->known = true;
    }
    if (!packet->length || segment->labels & UINT32_C(1) << STREAMS_EVENT_KEEPALIVE)
        return;
    struct piece piece = {segment->from, packet->frame, packet->offset, packet->captured};
    bool again = packet->offset != STREAMS_NOWHERE && follow->run.files.count &&
                 follow->run.files.files[follow->run.files.current].source.map;
    uint64_t least = segment->begins ? segment->first : 0;
    if (!packet->captured)
        return;
    if (!again && !copy_payload(follow, packet, &piece)) {
        follow->failed = true;
        return;
    }
    if (piece.from < least) {
        if (piece.from + piece.length <= least)
            return;
        piece = part(&piece, least, piece.from + piece.length);
    }
    if (half->begun && piece.from < half->written) { /* written already */
        if (piece.from + piece.length <= half->written)
            return;
        piece = part(&piece, half->written, piece.from + piece.length);
    }
    if (!add(follow, half, piece))
        follow->failed = true;
    if (half->count >= PIECES_MAX)
        write_all(follow);
}

/* Bytes at the end that were acknowledged, or cut off, and are not there. */
static void close_halves(struct follow *follow, const struct streams_connection *connection) {
    for (unsigned side = 0; side < 2; side++) {
        struct half *half = &follow->halves[side];
        const struct streams_side *counts = &connection->sides[side];
        if (follow->wanted >= 0 && follow->wanted != (int)side)
            continue;
        if (!half->begun)
            half->written = half->first;
        uint64_t end = half->first + counts->bytes + counts->missing_bytes + counts->lost_bytes;
        if (half->known && half->written < end)
            tell_hole(follow, side, half->written, end);
    }
}

static bool parse(struct follow *follow, const struct streams_options *options) {
    static const char *const overlaps[] = {"first", "last", "linux", "windows", "bsd"};
    follow->wanted = -1;
    follow->speaker = 2;
    follow->overlap = OVERLAP_LINUX;
    if (options->from) {
        follow->wanted = strcmp(options->from, "client") == 0   ? 0
                         : strcmp(options->from, "server") == 0 ? 1
                                                                : -2;
        if (follow->wanted == -2) {
            cli_error("'%s' is no side: --from client or --from server", options->from);
            return false;
        }
    }
    for (unsigned i = 0; options->overlap; i++) {
        if (i == sizeof overlaps / sizeof *overlaps) {
            cli_error("'%s' is no way to take overlaps: first, last, linux, windows or bsd",
                      options->overlap);
            return false;
        }
        follow->overlap = (enum streams_overlap)i;
        if (strcmp(options->overlap, overlaps[i]) == 0)
            break;
    }
    if (!options->holes)
        return true;
    follow->holes = fopen(options->holes, "w");
    if (!follow->holes)
        cli_error("cannot write %s: %s; give --holes a path that can be written", options->holes,
                  strerror(errno));
    return follow->holes;
}

int streams_follow(const struct streams_options *options) {
    struct follow follow = {0};
    struct streams_connection connection;
    if (!parse(&follow, options))
        return CLI_USAGE;
    follow.run.options = options;
    follow.run.context = &follow;
    follow.run.segment = take_segment;
    int code = streams_pass(&follow.run);
    if (code == CLI_DONE || code == CLI_PARTIAL) {
        if (streams_connection_get(&follow.run, options->number, &connection)) {
            write_all(&follow);
            close_halves(&follow, &connection);
            uint64_t conflicts =
                connection.sides[0].conflicting_bytes + connection.sides[1].conflicting_bytes;
            if (conflicts)
                cli_error("%" PRIu64
                          " bytes were sent again with other contents; --overlap chooses "
                          "which stay",
                          conflicts);
            if (follow.hole_count)
                cli_error("%" PRIu64 " bytes in %" PRIu64 " places are not in the capture",
                          follow.hole_bytes, follow.hole_count);
        } else {
            code = CLI_FAILED;
        }
    }
    if (follow.holes && fclose(follow.holes))
        follow.failed = true;
    if (fflush(stdout) || ferror(stdout) || follow.failed) {
        cli_error("the stream is not whole: memory or the place it is written to ran out");
        code = CLI_FAILED;
    }
    free(follow.copies);
    for (unsigned side = 0; side < 2; side++)
        free(follow.halves[side].pieces);
    streams_run_close(&follow.run);
    return code;
}
