/* cli/streams_json.c: connections and events as JSON lines. */
#include "cli/streams_table.h"

#include <inttypes.h>
#include <stdio.h>

static void print_number(FILE *out, uint64_t number) {
    if (number == STREAMS_UNKNOWN)
        fputs("null", out);
    else
        fprintf(out, "%" PRIu64, number);
}

static void print_pair(FILE *out, const char *key, uint64_t client, uint64_t server) {
    fprintf(out, ",\"%s\":[", key);
    print_number(out, client);
    fputc(',', out);
    print_number(out, server);
    fputc(']', out);
}

static void print_scope(FILE *out, const struct streams *streams, uint64_t number) {
    const struct scope *scope = rill__streams_scope(streams, (uint32_t)number);
    fputs(",\"scope\":[", out);
    for (uint32_t i = 0; scope && i < scope->count; i++)
        fprintf(out, "%s{\"kind\":\"%s\",\"id\":%" PRIu32 "}", i ? "," : "",
                rill__scope_kind_text(scope->layers[i].kind), scope->layers[i].number);
    fputc(']', out);
}

static void print_rtt(FILE *out, const struct streams_connection *connection) {
    fputs(",\"rtt\":{\"min\":", out);
    print_number(out, connection->rtt_min);
    fputs(",\"median\":", out);
    print_number(out, connection->rtt_median);
    fputs(",\"p99\":", out);
    print_number(out, connection->rtt_p99);
    /* The two halves of the way as the tap sees them: to the server, to the client. */
    fputs(",\"to_server\":", out);
    print_number(out, connection->sides[0].rtt_min);
    fputs(",\"to_client\":", out);
    print_number(out, connection->sides[1].rtt_min);
    fputc('}', out);
}

static void print_blame(FILE *out, const struct streams_connection *connection) {
    fputs(",\"blame\":{", out);
    for (unsigned i = 0; i < STREAMS_BLAME_COUNT; i++)
        fprintf(out, "%s\"%s\":%" PRIu64, i ? "," : "",
                rill__streams_blame_text((enum streams_blame)i), connection->blame[i]);
    fputs("},\"evidence\":{", out);
    bool any = false;
    for (unsigned i = 0; i < STREAMS_BLAME_COUNT; i++) {
        if (!connection->blame[i])
            continue;
        fprintf(out, "%s\"%s\":%" PRIu64, any ? "," : "",
                rill__streams_blame_text((enum streams_blame)i), connection->evidence[i]);
        any = true;
    }
    fputc('}', out);
}

void streams_print_json(FILE *out, const struct streams *streams,
                        const struct streams_connection *connection) {
    char client[RILL_ENDPOINT_TEXT], server[RILL_ENDPOINT_TEXT], id[40], verdict[STREAMS_TEXT];
    const struct streams_side *sides = connection->sides;
    const char *closed_by = streams_closed_by_text(connection->closed_by);
    fprintf(out, "{\"number\":%" PRIu64 ",\"incarnation\":%" PRIu64, connection->number,
            connection->incarnation);
    print_scope(out, streams, connection->scope);
    fprintf(out,
            ",\"client\":\"%s\",\"server\":\"%s\",\"start\":\"%" PRIu64 "\",\"duration\":%" PRIu64
            ",\"first_frame\":%" PRIu64 ",\"last_frame\":%" PRIu64,
            streams_endpoint_text(connection, 0, client),
            streams_endpoint_text(connection, 1, server), connection->start, connection->duration,
            connection->first_frame, connection->last_frame);
    fprintf(out, ",\"state\":\"%s\",\"handshake\":\"%s\",\"closed_by\":%s%s%s",
            rill__streams_state_text((enum streams_state)connection->state),
            streams_handshake_text(connection->handshake), closed_by ? "\"" : "",
            closed_by ? closed_by : "null", closed_by ? "\"" : "");
#define PRINT(name) print_pair(out, #name, sides[0].name, sides[1].name);
    SIDE_NUMBERS(PRINT)
#undef PRINT
    print_rtt(out, connection);
    streams_community_id(connection, id, sizeof id);
    fprintf(out,
            ",\"sack\":%s,\"timestamps\":%s,\"community_id\":\"%s\",\"tap\":\"%s\","
            "\"rejected_syns\":%" PRIu64 ",\"icmp_errors\":%" PRIu64 ",\"completeness\":%" PRIu64
            ",\"given_up\":%s",
            connection->sack ? "true" : "false", connection->timestamps ? "true" : "false", id,
            streams_tap_text(connection->tap), connection->rejected_syns, connection->icmp_errors,
            connection->completeness, connection->given_up ? "true" : "false");
    print_blame(out, connection);
    streams_verdict(connection, verdict, sizeof verdict);
    fprintf(out, ",\"verdict\":\"%s\"}\n", verdict);
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
