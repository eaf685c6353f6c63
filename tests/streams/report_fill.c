/* tests/streams/report_fill.c: see report_fill.h. */
#include "streams/report_fill.h"

#include <stdio.h>
#include <string.h>

#define STATES 11u
#define POINTS_MAX 200000u
#define SPANS 5000u
#define RUNGS 400u
#define PIECES_MAX 400u

static uint64_t mixed(uint64_t x) { /* splitmix64 */
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void connection(void *context, size_t index, struct report_connection *out) {
    static char client[64], server[64];
    const struct report_fill *fill = context;
    uint64_t random = mixed(index);
    memset(out, 0, sizeof *out);
    out->number = index;
    out->lane = index / fill->lives;
    out->incarnation = index % fill->lives + 1;
    snprintf(client, sizeof client, "10.%u.%u.%u:%u", (unsigned)(out->lane >> 16 & 255),
             (unsigned)(out->lane >> 8 & 255), (unsigned)(out->lane & 255),
             (unsigned)(20000 + out->lane % 40000));
    snprintf(server, sizeof server, "192.0.2.%u:443", (unsigned)(out->lane % 9));
    out->client = client;
    out->server = server;
    out->outcome = "closed by the client";
    out->verdict = fill->text;
    out->start = index * RILL_MILLISECOND;
    out->told = true;
    out->packets = 2 * fill->points;
    for (size_t i = 0; i < 6; i++)
        out->values[i] = mixed(random + i) >> 44;
    for (size_t i = 0; i < STATES; i++) {
        out->state_ns[i] =
            mixed(random + 100 + i) % (i == index % STATES ? RILL_SECOND : RILL_MILLISECOND);
        out->duration += out->state_ns[i];
    }
}

static size_t fill_points(struct report_point *points, size_t count, rill_time start,
                          rill_time duration) {
    uint64_t low = 1;
    for (size_t i = 0; i < count; i++) {
        uint64_t random = mixed(i);
        low += random % 3000;
        points[i] = (struct report_point){start + duration / count * i, low, low + random % 1448,
                                          3 * i + 1, random % 7 ? 0 : 1};
    }
    return count;
}

static bool detail(void *context, size_t index, struct report_detail *out) {
    static struct report_point points[POINTS_MAX];
    static struct report_span spans[SPANS];
    static struct report_rung rungs[RUNGS];
    static struct report_series series[12];
    static struct report_piece pieces[PIECES_MAX];
    static uint8_t data[900];
    static const struct report_fact facts[] = {{"largest segment", {"1460 B", "1448 B"}},
                                               {"round trip", {"40.0 ms", 0}}};
    static struct report_chart charts[] = {{"Sequence, client → server", REPORT_BYTES, series, 6},
                                           {"Bytes in flight", REPORT_BYTES, series + 6, 6}};
    const struct report_fill *fill = context;
    struct report_connection it;
    connection(context, index, &it);
    memset(out, 0, sizeof *out);
    memset(data, '"', sizeof data);
    size_t count = fill_points(points, fill->points, it.start, it.duration);
    for (size_t i = 0; i < 12; i++)
        series[i] = (struct report_series){
            "a line with " FILL_HOSTILE,        FILL_HOSTILE, (enum report_mark)(i % 6),
            (enum report_hue)(i % REPORT_HUES), points,       count};
    for (size_t i = 0; i < SPANS; i++)
        spans[i] =
            (struct report_span){it.start + it.duration / SPANS * i,
                                 it.start + it.duration / SPANS * (i + 1), (uint32_t)(i % STATES)};
    for (size_t i = 0; i < RUNGS; i++)
        rungs[i] = (struct report_rung){it.start + it.duration / RUNGS * i, i & 1,
                                        (enum report_step)(i % 4), fill->text, i};
    for (size_t i = 0; i < fill->pieces; i++)
        pieces[i] = (struct report_piece){
            i & 1, (enum report_piece_kind)(i % 3), it.start, i * sizeof data, sizeof data, data,
            data};
    *out = (struct report_detail){spans, SPANS,  charts,       2,   facts, 2, rungs,
                                  RUNGS, pieces, fill->pieces, true};
    return true;
}

void report_fill(const struct report_fill *fill, struct report *out) {
    static const struct report_state states[STATES] = {
        {"handshake", "handshake", REPORT_GREY, false},
        {"client_application", "client's application", REPORT_SKY, true},
        {"server_application", "server's application", REPORT_BLUE, true},
        {"sender_window", "sender's window", REPORT_YELLOW, true},
        {"receiver_window", "receiver's window", REPORT_ORANGE, true},
        {"network_loss", "network: loss", REPORT_RED, true},
        {"network_queue", "network: queue", REPORT_PINK, true},
        {"network_distance", "network: distance", REPORT_GREEN, true},
        {"closing", "closing", REPORT_PALE, false},
        {"idle", "idle", REPORT_FAINT, false},
        {"unknown", "not known", REPORT_VOID, true},
    };
    static const struct report_column columns[] = {
        {"to server", "bytes from the client", REPORT_BYTES, false},
        {"to client", "bytes from the server", REPORT_BYTES, false},
        {"resent", "segments", REPORT_COUNT, false},
        {"lost", "segments", REPORT_COUNT, false},
        {"missing", "bytes", REPORT_BYTES, false},
        {"rtt", "median", REPORT_TIME, false},
    };
    static const char *const notes[] = {"a note with " FILL_HOSTILE};
    *out = (struct report){.program = "report_fill",
                           .subject = "made up " FILL_HOSTILE,
                           .sentence = fill->text,
                           .noun = "connection",
                           .nouns = "connections",
                           .numbered_from = "four-tuple",
                           .ends = {"client", "server"},
                           .follow = "rill streams follow",
                           .notes = notes,
                           .note_count = 1,
                           .states = states,
                           .state_count = STATES,
                           .columns = columns,
                           .column_count = 6,
                           .duration = fill->count * RILL_MILLISECOND + 2 * RILL_SECOND,
                           .count = fill->count,
                           .context = (void *)(uintptr_t)fill,
                           .connection = connection,
                           .detail = detail};
}
