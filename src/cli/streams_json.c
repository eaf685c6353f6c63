/* cli/streams_json.c: connections and events as JSON lines. */
#include "cli/streams_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A line on its way out: there is one of each connection, and most of it is numbers. */
struct line {
    FILE *out;
    size_t used;
    char bytes[4096];
};

static void flush(struct line *line) {
    fwrite(line->bytes, 1, line->used, line->out);
    line->used = 0;
}

static void put(struct line *line, const char *text) {
    size_t length = strlen(text);
    if (length > sizeof line->bytes - line->used)
        flush(line);
    if (length > sizeof line->bytes) {
        fputs(text, line->out);
        return;
    }
    memcpy(line->bytes + line->used, text, length);
    line->used += length;
}

static void put_number(struct line *line, uint64_t number) {
    char digits[24], *at = digits + sizeof digits - 1;
    *at = 0;
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    put(line, at);
}

static void put_known(struct line *line, uint64_t number) {
    if (number == STREAMS_UNKNOWN)
        put(line, "null");
    else
        put_number(line, number);
}

/* `before` is the key, with what is around it. */
static void put_text(struct line *line, const char *before, const char *text) {
    put(line, before);
    put(line, "\"");
    put(line, text);
    put(line, "\"");
}

static void put_count(struct line *line, const char *before, uint64_t number) {
    put(line, before);
    put_number(line, number);
}

static void put_pair(struct line *line, const char *before, uint64_t client, uint64_t server) {
    put(line, before);
    put_known(line, client);
    put(line, ",");
    put_known(line, server);
    put(line, "]");
}

static void put_scope(struct line *line, const struct streams *streams, uint64_t number) {
    const struct scope *scope = rill__streams_scope(streams, (uint32_t)number);
    put(line, ",\"scope\":[");
    for (uint32_t i = 0; scope && i < scope->count; i++) {
        put(line, i ? "," : "");
        put_text(line, "{\"kind\":", rill__scope_kind_text(scope->layers[i].kind));
        put_count(line, ",\"id\":", scope->layers[i].number);
        put(line, "}");
    }
    put(line, "]");
}

static void put_rtt(struct line *line, const struct streams_connection *connection) {
    put(line, ",\"rtt\":{\"min\":");
    put_known(line, connection->rtt_min);
    put(line, ",\"median\":");
    put_known(line, connection->rtt_median);
    put(line, ",\"p99\":");
    put_known(line, connection->rtt_p99);
    /* The two halves of the way as the tap sees them: to the server, to the client. */
    put(line, ",\"to_server\":");
    put_known(line, connection->sides[0].rtt_min);
    put(line, ",\"to_client\":");
    put_known(line, connection->sides[1].rtt_min);
    put(line, "}");
}

static void put_state(struct line *line, const char *before, unsigned state, uint64_t number) {
    put_text(line, before, rill__streams_blame_text((enum streams_blame)state));
    put_count(line, ":", number);
}

static void put_blame(struct line *line, const struct streams_connection *connection) {
    put(line, ",\"blame\":{");
    for (unsigned i = 0; i < STREAMS_BLAME_COUNT; i++)
        put_state(line, i ? "," : "", i, connection->blame[i]);
    put(line, "},\"evidence\":{");
    bool any = false;
    for (unsigned i = 0; i < STREAMS_BLAME_COUNT; i++) {
        if (!connection->blame[i])
            continue;
        put_state(line, any ? "," : "", i, connection->evidence[i]);
        any = true;
    }
    put(line, "}");
}

void streams_print_json(FILE *out, const struct streams *streams,
                        const struct streams_connection *connection) {
    char client[RILL_ENDPOINT_TEXT], server[RILL_ENDPOINT_TEXT], id[40], verdict[STREAMS_TEXT];
    const struct streams_side *sides = connection->sides;
    const char *closed_by = streams_closed_by_text(connection->closed_by);
    struct line line;
    line.out = out;
    line.used = 0;
    put_count(&line, "{\"number\":", connection->number);
    put_count(&line, ",\"incarnation\":", connection->incarnation);
    put_scope(&line, streams, connection->scope);
    put_text(&line, ",\"client\":", streams_endpoint_text(connection, 0, client));
    put_text(&line, ",\"server\":", streams_endpoint_text(connection, 1, server));
    put_count(&line, ",\"start\":\"", connection->start);
    put_count(&line, "\",\"duration\":", connection->duration);
    put_count(&line, ",\"first_frame\":", connection->first_frame);
    put_count(&line, ",\"last_frame\":", connection->last_frame);
    put_text(&line, ",\"state\":", rill__streams_state_text((enum streams_state)connection->state));
    put_text(&line, ",\"handshake\":", streams_handshake_text(connection->handshake));
    if (closed_by)
        put_text(&line, ",\"closed_by\":", closed_by);
    else
        put(&line, ",\"closed_by\":null");
#define PUT(name) put_pair(&line, ",\"" #name "\":[", sides[0].name, sides[1].name);
    SIDE_NUMBERS(PUT)
#undef PUT
    put_rtt(&line, connection);
    streams_community_id(connection, id, sizeof id);
    put(&line, connection->sack ? ",\"sack\":true" : ",\"sack\":false");
    put(&line, connection->timestamps ? ",\"timestamps\":true" : ",\"timestamps\":false");
    put_text(&line, ",\"community_id\":", id);
    put_text(&line, ",\"tap\":", streams_tap_text(connection->tap));
    put_count(&line, ",\"rejected_syns\":", connection->rejected_syns);
    put_count(&line, ",\"icmp_errors\":", connection->icmp_errors);
    put_count(&line, ",\"completeness\":", connection->completeness);
    put(&line, connection->given_up ? ",\"given_up\":true" : ",\"given_up\":false");
    put_blame(&line, connection);
    streams_verdict(connection, verdict, sizeof verdict);
    put_text(&line, ",\"verdict\":", verdict);
    put(&line, "}\n");
    flush(&line);
}

void streams_print_event(FILE *out, const struct streams_event *event) {
    fprintf(out,
            "{\"connection\":%" PRIu64 ",\"frame\":%" PRIu64 ",\"time\":\"%" PRIu64
            "\",\"event\":\"%s\",\"from\":\"%s\",\"position\":%" PRIu64 ",\"bytes\":%" PRIu64,
            event->connection, event->frame, event->when, rill__streams_event_text(event->kind),
            event->side ? "server" : "client", event->position, event->length);
    if (event->kind == STREAMS_EVENT_STALL)
        fprintf(out, ",\"duration\":%" PRIu64 ",\"blame\":\"%s\"", event->duration,
                rill__streams_blame_text(event->blame));
    fprintf(out, ",\"evidence\":\"%s\",\"certainty\":\"%s\"}\n",
            rill__streams_evidence_text(event->evidence), event->sure ? "sure" : "likely");
}
