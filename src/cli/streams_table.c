/* cli/streams_table.c: see streams_table.h. */
#include "cli/streams_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS(table) (sizeof(table) / sizeof *(table))

static const struct arrow_column connection_columns[] = {
    {"number", ARROW_INT64, false},
    {"incarnation", ARROW_INT64, false},
    {"scope", ARROW_TEXT, false},
    {"client", ARROW_TEXT, false},
    {"server", ARROW_TEXT, false},
    {"start", ARROW_TIME, false},
    {"duration", ARROW_INT64, false},
    {"first_frame", ARROW_INT64, false},
    {"last_frame", ARROW_INT64, false},
    {"state", ARROW_TEXT, false},
    {"handshake", ARROW_TEXT, false},
    {"closed_by", ARROW_TEXT, true},
#define PAIR(name) {"client_" #name, ARROW_INT64, true}, {"server_" #name, ARROW_INT64, true},
    SIDE_NUMBERS(PAIR)
#undef PAIR
        {"rtt_min", ARROW_INT64, true},
    {"rtt_median", ARROW_INT64, true},
    {"rtt_p99", ARROW_INT64, true},
    {"sack", ARROW_BOOL, false},
    {"timestamps", ARROW_BOOL, false},
    {"community_id", ARROW_TEXT, false},
    {"tap", ARROW_TEXT, false},
#define BLAME(name, text) {"blame_" text, ARROW_INT64, false},
    STREAMS_BLAMES(BLAME)
#undef BLAME
        {"verdict", ARROW_TEXT, false},
};

static const struct arrow_column packet_columns[] = {
    {"connection", ARROW_INT64, false},
    {"frame", ARROW_INT64, false},
    {"time", ARROW_TIME, false},
    {"interface", ARROW_INT32, false},
    {"from_client", ARROW_BOOL, false},
    {"seq", ARROW_INT64, true}, /* without the wrap: its lower 32 bits are the segment's */
    {"ack", ARROW_INT64, true},
    {"position", ARROW_INT64, true}, /* in the stream, from 0 */
    {"acked", ARROW_INT64, true},
    {"length", ARROW_INT32, false},
    {"captured", ARROW_INT32, false},
    {"flags", ARROW_INT16, false},
    {"window", ARROW_INT64, true},
    {"window_field", ARROW_INT32, false},
    {"ttl", ARROW_INT16, false},
    {"identification", ARROW_INT32, true},
    {"mss", ARROW_INT32, true},
    {"window_scale", ARROW_INT16, true},
    {"sack_blocks", ARROW_INT16, false},
    {"timestamp_value", ARROW_INT64, true},
    {"timestamp_echo", ARROW_INT64, true},
#define LABEL(name, text) {text, ARROW_BOOL, false},
    PACKET_LABELS(LABEL)
#undef LABEL
};

const struct table streams_table_connections = {"connections 1", connection_columns,
                                                COLUMNS(connection_columns)};
const struct table streams_table_packets = {"packets 1", packet_columns, COLUMNS(packet_columns)};

_Static_assert(COLUMNS(connection_columns) <= TABLE_COLUMNS_MAX, "a row has room for each column");
_Static_assert(COLUMNS(packet_columns) <= TABLE_COLUMNS_MAX, "a row has room for each column");

static void add_number(struct table_row *row, uint64_t number) {
    row->cells[row->count++] = (struct arrow_cell){number, 0, number == STREAMS_UNKNOWN};
}

static void add_text(struct table_row *row, const char *text) {
    row->cells[row->count++] = (struct arrow_cell){0, text, !text};
}

/* A number that is there only sometimes; it may be negative. */
static void add_signed(struct table_row *row, bool there, int64_t number) {
    row->cells[row->count++] = (struct arrow_cell){(uint64_t)number, 0, !there};
}

void streams_row_connection(struct table_row *row, const struct streams *streams,
                            const struct streams_connection *connection) {
    const struct streams_side *sides = connection->sides;
    row->count = 0;
    streams_scope_text(streams, connection->scope, row->scope, sizeof row->scope);
    streams_community_id(connection, row->id, sizeof row->id);
    streams_verdict(connection, row->verdict, sizeof row->verdict);
    add_number(row, connection->number);
    add_number(row, connection->incarnation);
    add_text(row, row->scope);
    add_text(row, streams_endpoint_text(connection, 0, row->client));
    add_text(row, streams_endpoint_text(connection, 1, row->server));
    add_number(row, connection->start);
    add_number(row, connection->duration);
    add_number(row, connection->first_frame);
    add_number(row, connection->last_frame);
    add_text(row, rill__streams_state_text((enum streams_state)connection->state));
    add_text(row, streams_handshake_text(connection->handshake));
    add_text(row, streams_closed_by_text(connection->closed_by));
#define PAIR(name)                                                                                 \
    add_number(row, sides[0].name);                                                                \
    add_number(row, sides[1].name);
    SIDE_NUMBERS(PAIR)
#undef PAIR
    add_number(row, connection->rtt_min);
    add_number(row, connection->rtt_median);
    add_number(row, connection->rtt_p99);
    add_number(row, connection->sack);
    add_number(row, connection->timestamps);
    add_text(row, row->id);
    add_text(row, streams_tap_text(connection->tap));
    for (unsigned i = 0; i < STREAMS_BLAME_COUNT; i++)
        add_number(row, connection->blame[i]);
    add_text(row, row->verdict);
}

void streams_row_packet(struct table_row *row, const struct streams_segment *segment) {
    const struct streams_packet *packet = segment->packet;
    bool syn = packet->flags & WIRE_SYN, first = !segment->second_sighting;
    bool known = segment->sequence_known, answers = segment->acknowledgement_known;
    row->count = 0;
    add_number(row, segment->connection);
    add_number(row, packet->frame);
    add_number(row, packet->when);
    add_number(row, packet->interface);
    add_number(row, segment->side == 0);
    add_signed(row, known, (int64_t)segment->sequence);
    add_signed(row, answers, (int64_t)segment->acknowledgement);
    add_signed(row, known && first, segment->position);
    add_signed(row, answers && first, segment->acked);
    add_number(row, packet->length);
    add_number(row, packet->captured);
    add_number(row, packet->flags);
    add_signed(row, first && !(packet->flags & WIRE_RST), (int64_t)segment->window);
    add_number(row, packet->window);
    add_number(row, packet->ttl);
    add_signed(row, !packet->ipv6, packet->identification);
    add_signed(row, syn && packet->mss, packet->mss);
    add_signed(row, syn && packet->has_window_scale, packet->window_scale);
    add_number(row, packet->sack_count);
    add_signed(row, packet->has_timestamps, packet->timestamp_value);
    add_signed(row, packet->has_timestamps, packet->timestamp_echo);
#define LABEL(name, text) add_number(row, segment->labels >> STREAMS_EVENT_##name & 1);
    PACKET_LABELS(LABEL)
#undef LABEL
}

void streams_print_csv_header(FILE *out, const struct table *table) {
    for (size_t i = 0; i < table->count; i++)
        fprintf(out, "%s%s", i ? "," : "", table->columns[i].name);
    fputs("\r\n", out); /* RFC 4180 §2 */
}

/* What may have commas or spaces in it: no text of ours has quotes. */
static bool is_quoted(const struct arrow_column *column) {
    return strcmp(column->name, "scope") == 0 || strcmp(column->name, "verdict") == 0;
}

void streams_print_csv(FILE *out, const struct table *table, const struct table_row *row) {
    for (size_t i = 0; i < table->count; i++) {
        const struct arrow_cell *cell = &row->cells[i];
        const char *quote = is_quoted(&table->columns[i]) ? "\"" : "";
        if (i)
            fputc(',', out);
        if (cell->null)
            continue;
        if (table->columns[i].type == ARROW_TEXT)
            fprintf(out, "%s%s%s", quote, cell->text, quote);
        else if (table->columns[i].type == ARROW_BOOL)
            fputs(cell->number ? "true" : "false", out);
        else
            fprintf(out, "%" PRId64, (int64_t)cell->number);
    }
    fputs("\r\n", out);
}
