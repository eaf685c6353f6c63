/* cli/streams_list.c: `rill streams FILE list`: a line a connection, and above them why there are
 * as many as there are. */
#include "cli/streams.h"
#include "cli/streams_summary.h"

#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct order {
    size_t row;
    uint64_t key;
    uint64_t number;
};

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

static int by_key(const void *a, const void *b) {
    const struct order *one = a, *other = b;
    if (one->key != other->key)
        return one->key > other->key ? -1 : 1;
    return (one->number > other->number) - (one->number < other->number);
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

/* The rows wanted, in the order wanted; null: out of memory, or the key is none. */
static struct order *select_rows(struct streams_run *run, size_t *count,
                                 struct streams_summary *summary) {
    const struct streams_options *options = run->options;
    struct streams_connection connection;
    struct order *list = malloc((run->store.count + 1) * sizeof *list);
    if (!list) {
        cli_error("out of memory");
        return 0;
    }
    *count = 0;
    bool known = summary->connections;
    for (size_t i = 0; known && i < run->store.count; i++)
        list[(*count)++] = (struct order){i, 0, run->store.rows[i].number};
    for (size_t i = 0; !known && i < run->store.count; i++) {
        if (!store_get(&run->store, i, &connection) || !streams_wanted(options, &connection))
            continue;
        streams_summary_add(summary, &connection);
        list[*count] = (struct order){i, 0, connection.number};
        if (options->sort && !streams_sort_key(options->sort, &connection, &list[*count].key)) {
            cli_error("'%s' is no key to sort by; see --help", options->sort);
            free(list);
            return 0;
        }
        ++*count;
    }
    if (options->sort)
        qsort(list, *count, sizeof *list, by_key);
    return list;
}

int streams_list(const struct streams_options *options) {
    struct streams_run run = {0};
    struct streams_summary summary = {0};
    struct streams_connection connection;
    char line[STREAMS_LINE];
    if (options->interface)
        return streams_live(options);
    run.options = options;
    run.context = &summary;
    run.connection = wants_all(options) ? on_connection : 0;
    int code = streams_pass(&run);
    size_t count = 0;
    if (code == CLI_DONE || code == CLI_PARTIAL) {
        struct order *list = select_rows(&run, &count, &summary);
        if (!list)
            code = CLI_USAGE;
        uint64_t shown = options->limit < count ? options->limit : count;
        if (list && !options->json) {
            print_summary(&summary);
            if (count)
                puts(streams_list_head(line));
        }
        for (uint64_t i = 0; list && i < shown; i++) {
            if (!store_get(&run.store, list[i].row, &connection))
                continue;
            if (options->json)
                streams_print_json(stdout, run.streams, &connection);
            else
                puts(streams_list_line(run.streams, &connection, summary.start, line));
        }
        if (list && !options->json && shown < count)
            printf("... %llu more\n", (unsigned long long)(count - shown));
        free(list);
        code = streams_fail_code(options, &run, code);
    }
    streams_run_close(&run);
    return code;
}
