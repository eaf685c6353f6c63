/* cli/streams_report.c: `report -o FILE.html`: the page of a capture.
 *
 * Two passes. The first tells all connections apart; the second follows those that are told in
 * full, the ones with the most seconds to blame, whose numbers are now known. */
#include "cli/streams.h"

#include "base/util.h"
#include "cli/report_assets.h"
#include "cli/streams_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINTS 24000u /* of a line, shared by the connections followed */
#define POINTS_MAX 6000u

static uint64_t blame_of(const struct streams_connection *connection) {
    uint64_t blame = 0;
    for (unsigned i = 0; i < STREAMS_BLAME_COUNT; i++)
        if (streams_report_blamed((enum streams_blame)i))
            blame += connection->blame[i];
    return blame;
}

/* Puts one among those followed, if it has more to blame than the least of them. */
static void choose(struct streams_report *report, const struct streams_connection *connection) {
    struct streams_choice choice = {connection->number, blame_of(connection), 0};
    size_t at = report->chosen_count;
    if (at == REPORT_DETAILS && report->chosen[at - 1].blame >= choice.blame)
        return;
    if (at < REPORT_DETAILS)
        report->chosen_count++;
    else
        at--;
    for (; at && report->chosen[at - 1].blame < choice.blame; at--)
        report->chosen[at] = report->chosen[at - 1];
    report->chosen[at] = choice;
}

static int by_number(const void *a, const void *b) {
    const struct streams_choice *one = a, *other = b;
    return (one->number > other->number) - (one->number < other->number);
}

struct told *streams_report_told(const struct streams_report *report, uint64_t number) {
    struct streams_choice key = {number, 0, 0};
    const struct streams_choice *found =
        bsearch(&key, report->chosen, report->chosen_count, sizeof key, by_number);
    return found ? found->told : 0;
}

static bool wanted(struct streams_report *report) {
    struct streams_run *run = &report->run;
    if (!paged_grow(&report->rows_memory, (run->store.count + 1) * sizeof *report->rows)) {
        cli_error("out of memory");
        return false;
    }
    report->rows = report->rows_memory.at;
    for (size_t i = 0; i < run->store.count; i++) {
        struct streams_connection connection;
        if (!store_get(&run->store, i, &connection) || !streams_wanted(run->options, &connection))
            continue;
        streams_summary_add(&report->summary, &connection);
        for (unsigned k = 0; k < STREAMS_BLAME_COUNT; k++)
            report->blame[k] += connection.blame[k];
        report->rows[report->row_count++] = i;
        choose(report, &connection);
    }
    qsort(report->chosen, report->chosen_count, sizeof *report->chosen, by_number);
    return true;
}

static bool follow_chosen(struct streams_report *report) {
    size_t points = POINTS / RILL_MAX(report->chosen_count, 1u);
    points = RILL_MIN(points, POINTS_MAX);
    for (size_t i = 0; i < report->chosen_count; i++) {
        struct streams_choice *choice = &report->chosen[i];
        struct streams_connection connection;
        if (!streams_connection_get(&report->run, choice->number, &connection))
            return false;
        choice->told = malloc(sizeof *choice->told);
        if (!choice->told || !told_init(choice->told, &connection, report->summary.start, points)) {
            cli_error("out of memory");
            return false;
        }
    }
    return true;
}

static void take_segment(void *context, const struct streams_segment *segment) {
    struct told *told = streams_report_told(context, segment->connection);
    if (told)
        told_segment(told, segment);
}

static void take_event(void *context, const struct streams_event *event) {
    struct told *told = streams_report_told(context, event->connection);
    if (told)
        told_event(told, event);
}

/* The second pass. What was wrong with the files has been said in the first. */
static bool look_again(struct streams_report *report) {
    struct streams_run again = {0};
    again.options = report->run.options;
    again.context = report;
    again.segment = take_segment;
    again.event = take_event;
    again.said = true;
    int code = streams_pass(&again);
    bool ok = code == CLI_DONE || code == CLI_PARTIAL;
    report->run.totals = again.totals; /* the first pass has none where an index stood in for it */
    streams_run_close(&again);
    for (size_t i = 0; i < report->chosen_count; i++)
        report->short_of_memory |= !told_finish(report->chosen[i].told);
    return ok;
}

static bool sink(void *file, const uint8_t *data, size_t length) {
    return fwrite(data, 1, length, file) == length;
}

static bool write_page(struct streams_report *report) {
    const char *name = report->run.options->output;
    FILE *file = strcmp(name, "-") == 0 ? stdout : fopen(name, "we");
    if (!file) {
        cli_error("cannot write %s: %s; give -o a path that can be written", name, strerror(errno));
        return false;
    }
    bool ok = streams_report_page(report, sink, file);
    ok &= (file == stdout ? fflush(file) : fclose(file)) == 0;
    if (!ok)
        cli_error("the report %s is not whole: writing it failed; is the disk full?", name);
    return ok;
}

static bool sensible(const struct streams_options *options) {
    if (!options->output) {
        cli_error("where to? rill streams FILE report -o FILE.html");
        return false;
    }
    for (size_t i = 0; i < options->path_count; i++)
        if (strcmp(options->paths[i], "-") == 0) {
            cli_error(
                "report reads a capture twice, which standard input does not allow: give a file");
            return false;
        }
    return true;
}

int streams_report(const struct streams_options *options) {
    static struct streams_report report; /* zero, and large */
    if (!sensible(options))
        return CLI_USAGE;
    if (!cli_report_assets())
        return CLI_MISSING;
    report.run.options = options;
    int code = streams_pass(&report.run);
    report.partial = code == CLI_PARTIAL;
    if ((code == CLI_DONE || code == CLI_PARTIAL) && (!wanted(&report) || !follow_chosen(&report) ||
                                                      !look_again(&report) || !write_page(&report)))
        code = CLI_FAILED;
    if (code == CLI_DONE || code == CLI_PARTIAL)
        code = streams_fail_code(options, &report.run, code);
    for (size_t i = 0; i < report.chosen_count; i++) {
        if (report.chosen[i].told)
            told_fini(report.chosen[i].told);
        free(report.chosen[i].told);
    }
    paged_free(&report.rows_memory);
    streams_run_close(&report.run);
    return code;
}
