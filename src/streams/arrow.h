/* streams/arrow.h: a table as Apache Arrow: rows in, bytes out, in the IPC file format or the IPC
 * stream format.
 *
 * Rows are gathered column by column and leave as a record batch when there are ARROW_ROWS_MAX of
 * them or ARROW_BATCH_BYTES: memory stays within that, and 24 bytes a batch for the footer, however
 * long the table. All numbers are signed: not every reader knows the others. */
#ifndef RILL_STREAMS_ARROW_H
#define RILL_STREAMS_ARROW_H

#include <rill/base.h>

#define ARROW_ROWS_MAX 65536u
#define ARROW_BATCH_BYTES ((size_t)16 << 20)

enum arrow_type {
    ARROW_INT16,
    ARROW_INT32,
    ARROW_INT64,
    ARROW_TIME, /* nanoseconds since 1970, UTC, without a zone */
    ARROW_BOOL,
    ARROW_TEXT, /* UTF-8 */
};

struct arrow_column {
    const char *name;
    enum arrow_type type;
    bool nullable;
};

struct arrow_cell {
    uint64_t number;  /* all but text; two's complement */
    const char *text; /* ends with a zero */
    bool null;        /* only where the column is nullable */
};

struct arrow_config {
    struct rill_allocator allocator;
    const struct arrow_column *columns; /* stay as long as the writer */
    size_t count;
    const char *table; /* its name and version, such as "packets 1": kept in the schema */
    bool stream;       /* else a file, with its footer */
    void *context;
    bool (*write)(void *context, const uint8_t *bytes, size_t length);
};

struct arrow_writer;

/* Null without memory. */
struct arrow_writer *rill__arrow_open(const struct arrow_config *config);
/* One cell a column. False: memory is out, or `write` has failed; then nothing more is written. */
bool rill__arrow_row(struct arrow_writer *writer, const struct arrow_cell *cells);
/* What is gathered leaves as a batch, though it may be a small one. */
bool rill__arrow_flush(struct arrow_writer *writer);
/* The last batch, and the end. False: the whole is not whole. */
bool rill__arrow_finish(struct arrow_writer *writer);
void rill__arrow_close(struct arrow_writer *writer);

#endif
