/* cli/streams_table.h: tables of what was found: which columns they have, and rows as CSV or Arrow.
 * One table has a row a connection, another a row a packet. */
#ifndef RILL_CLI_STREAMS_TABLE_H
#define RILL_CLI_STREAMS_TABLE_H

#include "cli/streams.h"
#include "streams/arrow.h"

/* Member of struct streams_side: the numbers that both sides have. */
#define SIDE_NUMBERS(X)                                                                            \
    X(packets)                                                                                     \
    X(bytes)                                                                                       \
    X(payload_bytes)                                                                               \
    X(data_segments)                                                                               \
    X(resent_segments)                                                                             \
    X(resent_bytes)                                                                                \
    X(spurious_segments)                                                                           \
    X(repaired_segments)                                                                           \
    X(lost_segments)                                                                               \
    X(lost_bytes)                                                                                  \
    X(reordered_segments)                                                                          \
    X(duplicate_sightings)                                                                         \
    X(missing_bytes)                                                                               \
    X(conflicting_bytes)                                                                           \
    X(uncompared_bytes)                                                                            \
    X(cut_bytes)                                                                                   \
    X(zero_windows)                                                                                \
    X(window_probes)                                                                               \
    X(keepalives)                                                                                  \
    X(mss)                                                                                         \
    X(window_scale)                                                                                \
    X(isn)                                                                                         \
    X(syn_bytes)                                                                                   \
    X(window_max)                                                                                  \
    X(flight_max)

/* Labels a packet may have, as enum streams_event_kind: each is a column. */
#define PACKET_LABELS(X)                                                                           \
    X(RESENT, "resent")                                                                            \
    X(SPURIOUS, "spurious")                                                                        \
    X(REORDERED, "reordered")                                                                      \
    X(REPAIRED, "repaired")                                                                        \
    X(HOLE, "hole")                                                                                \
    X(SECOND_SIGHTING, "second_sighting")                                                          \
    X(ZERO_WINDOW, "zero_window")                                                                  \
    X(WINDOW_PROBE, "window_probe")                                                                \
    X(KEEPALIVE, "keepalive")                                                                      \
    X(SYN_RESENT, "syn_resent")                                                                    \
    X(FIN_RESENT, "fin_resent")

#define TABLE_COLUMNS_MAX 96

struct table {
    const char *name; /* and version */
    const struct arrow_column *columns;
    size_t count;
};
extern const struct table streams_table_connections, streams_table_packets;

/* A row, and the texts its cells lead to. */
struct table_row {
    struct arrow_cell cells[TABLE_COLUMNS_MAX];
    size_t count;
    char client[RILL_ENDPOINT_TEXT], server[RILL_ENDPOINT_TEXT], id[40];
    char scope[STREAMS_TEXT], verdict[STREAMS_TEXT];
};
void streams_row_connection(struct table_row *row, const struct streams *streams,
                            const struct streams_connection *connection);
void streams_row_packet(struct table_row *row, const struct streams_segment *segment);

void streams_print_csv_header(FILE *out, const struct table *table);
void streams_print_csv(FILE *out, const struct table *table, const struct table_row *row);

#endif
