/* cli/streams_export.c: `export`: a row a connection, or a row a packet, as CSV, JSON lines or
 * Arrow. */
#include "cli/streams_table.h"

#include "cli/allocator.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct export {
    struct streams_run run;
    const struct table *table;
    FILE *out;
    struct arrow_writer *arrow;
    struct table_row row;
    bool begun;
    bool failed; /* writing did, or memory ran out */
};

static bool write_arrow(void *context, const uint8_t *bytes, size_t length) {
    return fwrite(bytes, 1, length, context) == length;
}

/* A file has a footer, by which its readers find their way; a pipe's reader wants none. */
static bool open_arrow(struct export *export) {
    struct stat stat;
    struct arrow_config config = {0};
    config.allocator = cli_allocator();
    config.columns = export->table->columns;
    config.count = export->table->count;
    config.table = export->table->name;
    config.stream = fstat(fileno(export->out), &stat) || !S_ISREG(stat.st_mode);
    config.context = export->out;
    config.write = write_arrow;
    export->arrow = rill__arrow_open(&config);
    return export->arrow;
}

/* What stands before the rows. It waits for the first one, so that nothing is written about a
 * capture that cannot be read. */
static void put_head(struct export *export) {
    if (export->begun)
        return;
    export->begun = true;
    if (export->run.options->arrow)
        export->failed = !open_arrow(export);
    else if (!export->run.options->json)
        streams_print_csv_header(export->out, export->table);
}

static void put_row(struct export *export) {
    put_head(export);
    if (export->run.options->arrow)
        export->failed = export->failed || !rill__arrow_row(export->arrow, export->row.cells);
    else
        streams_print_csv(export->out, export->table, &export->row);
}

static void put_packet(void *context, const struct streams_segment *segment) {
    struct export *export = context;
    if (export->failed || !streams_packet_wanted(export->run.options, segment->packet))
        return;
    streams_row_packet(&export->row, segment);
    put_row(export);
}

static void put_connection(struct export *export, const struct streams_connection *connection) {
    if (!streams_wanted(export->run.options, connection))
        return;
    if (export->run.options->json) {
        streams_print_json(export->out, export->run.streams, connection);
        return;
    }
    streams_row_connection(&export->row, export->run.streams, connection);
    put_row(export);
}

static int begin(struct export *export, const struct streams_options *options) {
    if (options->json + options->csv + options->arrow > 1) {
        cli_error("--json, --csv or --arrow: a table has one form");
        return CLI_USAGE;
    }
    if (options->packets && (options->json || options->state || options->blame)) {
        cli_error(options->json ? "--packets goes with --csv or --arrow; for JSON there is ladder N"
                                : "--state and --blame choose connections, which a packet does "
                                  "not know; --packets takes --address and --port");
        return CLI_USAGE;
    }
    export->table = options->packets ? &streams_table_packets : &streams_table_connections;
    export->out = options->output ? fopen(options->output, "wb") : stdout;
    if (!export->out) {
        cli_error("cannot write %s: %s; give -o a path that can be written", options->output,
                  strerror(errno));
        return CLI_FAILED;
    }
    if (options->arrow && isatty(fileno(export->out))) {
        cli_error("Arrow is nothing for a terminal; give -o FILE, or a pipe");
        return CLI_USAGE;
    }
    return CLI_DONE;
}

static int end(struct export *export, int code) {
    bool failed = export->failed || (export->arrow && !rill__arrow_finish(export->arrow));
    if (export->arrow)
        rill__arrow_close(export->arrow);
    failed = ferror(export->out) || failed;
    if ((export->out != stdout ? fclose(export->out) : fflush(export->out)) || failed) {
        cli_error("the table is not whole: writing it failed; is the disk full?");
        return CLI_FAILED;
    }
    return code;
}

int streams_export(const struct streams_options *options) {
    struct export export = {0};
    struct streams_connection connection;
    export.run.options = options;
    int code = begin(&export, options);
    if (code != CLI_DONE) {
        if (export.out && export.out != stdout)
            fclose(export.out);
        return code;
    }
    if (options->packets) {
        export.run.context = &export;
        export.run.segment = put_packet;
    }
    code = streams_pass(&export.run);
    if (code == CLI_DONE || code == CLI_PARTIAL) {
        for (size_t i = 0; !options->packets && i < export.run.store.count; i++)
            if (store_get(&export.run.store, i, &connection))
                put_connection(&export, &connection);
        put_head(&export);
        code = streams_fail_code(options, &export.run, code);
    }
    code = end(&export, code);
    streams_run_close(&export.run);
    return code;
}
