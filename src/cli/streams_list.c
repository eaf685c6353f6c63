/* cli/streams_list.c: `rill streams FILE list`: a line a connection, and above them why there are
 * as many as there are. */
#include "cli/streams.h"
#include "cli/streams_summary.h"
#include "cli/streams_top.h"

#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t total(const struct streams_connection *connection, size_t offset) {
    uint64_t values[2];
    for (unsigned i = 0; i < 2; i++)
        memcpy(&values[i], (const char *)&connection->sides[i] + offset, sizeof values[i]);
    return values[0] + values[1];
}
#define TOTAL(connection, member) total(connection, offsetof(struct streams_side, member))

bool streams_sort_key(const char *name, const struct streams_connection *connection,
                      uint64_t *key) {
    if (strcmp(name, "number") == 0)
        *key = 0;
    else if (strcmp(name, "start") == 0)
        *key = ~connection->start;
    else if (strcmp(name, "duration") == 0)
        *key = connection->duration;
    else if (strcmp(name, "bytes") == 0)
        *key = TOTAL(connection, bytes);
    else if (strcmp(name, "packets") == 0)
        *key = TOTAL(connection, packets);
    else if (strcmp(name, "resent") == 0)
        *key = TOTAL(connection, resent_segments);
    else if (strcmp(name, "lost") == 0)
        *key = TOTAL(connection, lost_segments) + TOTAL(connection, repaired_segments);
    else if (strcmp(name, "rtt") == 0)
        *key = connection->rtt_min == STREAMS_UNKNOWN ? 0 : connection->rtt_min;
    else {
        for (unsigned i = 0; i < STREAMS_BLAME_COUNT; i++) {
            const char *text = rill__streams_blame_text((enum streams_blame)i);
            const char *end = strrchr(text, '_');
            if (strcmp(text, name) == 0 || (end && strcmp(end + 1, name) == 0)) {
                *key = connection->blame[i];
                return true;
            }
        }
        return false;
    }
    return true;
}

static void print_summary(const struct streams_summary *summary) {
    char figures[STREAMS_TEXT], reason[2 * STREAMS_TEXT];
    streams_summary_figures(summary, figures, sizeof figures);
    streams_summary_reason(summary, true, reason, sizeof reason);
    printf("%s\n", figures);
    if (*reason)
        printf("%s\n", reason);
    if (summary->connections)
        putchar('\n');
}

const char *streams_list_head(char out[STREAMS_LINE]) {
    snprintf(out, STREAMS_LINE, "%6s %4s  %-21s    %-21s %9s %9s  %-10s %9s %9s %6s %5s  %s",
             "number", "life", "client", "server", "start", "lasted", "state", "sent", "received",
             "resent", "lost", "held longest by");
    return out;
}

const char *streams_list_line(const struct streams *streams,
                              const struct streams_connection *connection, rill_time since,
                              char out[STREAMS_LINE]) {
    char client[RILL_ENDPOINT_TEXT], server[RILL_ENDPOINT_TEXT], start[32], lasted[32], sent[32],
        received[32], held[64] = "-", scope[96];
    enum streams_blame worst = streams_worst(connection);
    if (worst < STREAMS_BLAME_COUNT && connection->duration)
        snprintf(held, sizeof held, "%s %llu %%", streams_blame_words(worst),
                 (unsigned long long)((double)connection->blame[worst] * 100 /
                                      (double)connection->duration));
    streams_scope_text(streams, connection->scope, scope, sizeof scope);
    snprintf(out, STREAMS_LINE,
             "%6llu %4llu  %-21s -> %-21s %9s %9s  %-10s %9s %9s %6llu %5llu  %s%s%s%s%s",
             (unsigned long long)connection->number, (unsigned long long)connection->incarnation,
             streams_endpoint_text(connection, 0, client),
             streams_endpoint_text(connection, 1, server),
             cli_time_text(connection->start - since, start, sizeof start),
             cli_time_text(connection->duration, lasted, sizeof lasted),
             rill__streams_state_text((enum streams_state)connection->state),
             cli_size_text(connection->sides[0].bytes, sent, sizeof sent),
             cli_size_text(connection->sides[1].bytes, received, sizeof received),
             (unsigned long long)TOTAL(connection, resent_segments),
             (unsigned long long)(TOTAL(connection, lost_segments) +
                                  TOTAL(connection, repaired_segments)),
             held, scope[0] ? "  (" : "", scope, scope[0] ? ")" : "",
             connection->given_up ? "  (put away early)" : "");
    return out;
}

static void on_connection(void *context, const struct streams_connection *connection) {
    streams_summary_add(context, connection);
}

/* All of them, by number, which the pass has summed up already. */
static bool wants_all(const struct streams_options *options) {
    return !options->sort && !options->address && options->port == STREAMS_UNKNOWN &&
           !options->state && !options->blame;
}

enum { GAPS = 1024 }; /* numbers that no connection has in the end are far fewer */

/* A list as it is printed. */
struct list {
    struct streams_run run;
    struct streams_summary summary;
    struct top top; /* sorted: the rows that are shown; else those of the store are, in order */
    uint64_t wanted, shown;
};

/* Sums up the connections wanted, unless the pass has done so, and chooses those to be shown. */
static int choose(struct list *list) {
    const struct streams_options *options = list->run.options;
    struct store *store = &list->run.store;
    struct streams_connection connection;
    bool known = list->summary.connections;
    list->wanted = list->summary.connections;
    list->top.most = options->limit < store->count ? (size_t)options->limit : store->count;
    for (size_t i = 0; !known && i < store->count; i++) {
        struct top_entry entry = {0, 0, i};
        if (!store_get(store, i, &connection) || !streams_wanted(options, &connection))
            continue;
        streams_summary_add(&list->summary, &connection);
        list->wanted++;
        entry.number = connection.number;
        if (options->sort && !streams_sort_key(options->sort, &connection, &entry.key)) {
            cli_error("'%s' is no key to sort by; see --help", options->sort);
            return CLI_USAGE;
        }
        if (options->sort)
            top_add(&list->top, entry);
    }
    if (list->top.failed) {
        cli_error("out of memory; --limit sorts fewer");
        return CLI_MISSING;
    }
    top_sort(&list->top);
    return CLI_DONE;
}

static void print_row(struct list *list, size_t row) {
    struct streams_connection connection;
    char line[STREAMS_LINE];
    if (!store_get(&list->run.store, row, &connection) ||
        !streams_wanted(list->run.options, &connection))
        return;
    list->shown++;
    if (list->run.options->json)
        streams_print_json(stdout, list->run.streams, &connection);
    else
        puts(streams_list_line(list->run.streams, &connection, list->summary.start, line));
}

static void print_list(struct list *list) {
    const struct streams_options *options = list->run.options;
    char line[STREAMS_LINE];
    if (!options->json) {
        print_summary(&list->summary);
        if (list->wanted)
            puts(streams_list_head(line));
    }
    for (size_t i = 0; options->sort && i < list->top.count; i++)
        print_row(list, top_entries(&list->top)[i].at);
    for (size_t i = 0; !options->sort && i < list->run.store.count && list->shown < options->limit;
         i++)
        print_row(list, i);
    if (!options->json && list->shown < list->wanted)
        printf("... %llu more\n", (unsigned long long)(list->wanted - list->shown));
}

int streams_list(const struct streams_options *options) {
    struct list list = {0};
    if (options->interface)
        return streams_live(options);
    list.run.options = options;
    list.run.context = &list.summary;
    list.run.connection = wants_all(options) ? on_connection : 0;
    if (wants_all(options) && !options->fail_count && options->limit < STREAMS_UNKNOWN - GAPS)
        list.run.first_only = options->limit + GAPS;
    int code = streams_pass(&list.run);
    if (code == CLI_DONE || code == CLI_PARTIAL) {
        int chosen = choose(&list);
        if (chosen == CLI_DONE)
            print_list(&list);
        code = chosen == CLI_DONE ? streams_fail_code(options, &list.run, code) : chosen;
    }
    top_fini(&list.top);
    streams_run_close(&list.run);
    return code;
}
