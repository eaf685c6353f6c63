/* streams/report.c: the page from its head to its end, and which connections are told in full.
 *
 * What a reader needs first stands first and needs no script: the sentence, where the time went,
 * the map. The policy in the head forbids the page to load anything. */
#include "streams/report_page.h"

#include <string.h>

/* Puts a connection among the rows, if it has more to blame than the least of them. */
static void rank(struct report_page *page, size_t index, rill_time blame) {
    size_t at = page->row_count;
    if (page->row_count == REPORT_ROWS && page->rows[REPORT_ROWS - 1].blame >= blame)
        return;
    if (page->row_count < REPORT_ROWS)
        page->row_count++;
    else
        at--;
    while (at && page->rows[at - 1].blame < blame)
        at--;
    memmove(&page->rows[at + 1], &page->rows[at], (page->row_count - 1 - at) * sizeof *page->rows);
    page->rows[at] = (struct report_row){index, blame, false};
}

static void choose(struct report_page *page) {
    const struct report *report = page->report;
    for (size_t i = 0; i < report->count; i++) {
        struct report_connection connection;
        rill_time blame = 0;
        report->connection(report->context, i, &connection);
        for (size_t k = 0; k < report->state_count; k++) {
            page->state_ns[k] += connection.state_ns[k];
            if (report->states[k].blamed)
                blame += connection.state_ns[k];
        }
        for (size_t k = 0; k < report->column_count; k++)
            page->shown[k] |= !report->columns[k].rare ||
                              (connection.values[k] && connection.values[k] != REPORT_NO_VALUE);
        rank(page, i, blame);
    }
    for (size_t i = 0; i < page->row_count && page->detail_count < REPORT_DETAILS; i++) {
        struct report_connection connection;
        report->connection(report->context, page->rows[i].index, &connection);
        page->rows[i].told = connection.told;
        if (connection.told)
            page->needs[page->detail_count++] = connection.packets * 6;
    }
}

uint64_t report_level(const uint64_t *needs, size_t count, uint64_t total) {
    uint64_t low = 0, high = total;
    while (low < high) {
        uint64_t level = low + (high - low + 1) / 2, sum = 0;
        for (size_t i = 0; i < count; i++)
            sum += needs[i] < level ? needs[i] : level;
        if (sum <= total)
            low = level;
        else
            high = level - 1;
    }
    return low;
}

void report_put_hue(struct report_writer *writer, enum report_hue hue) {
    report_put(writer, "h%u", (uint64_t)hue);
}

static void put_asset(struct report_writer *writer, const char *open,
                      const struct report_asset *asset, const char *close) {
    report_put(writer, open);
    report_put_bytes(writer, asset->data, asset->length);
    report_put(writer, close);
}

static void head(struct report_page *page, const struct report_assets *assets) {
    struct report_writer *writer = &page->writer;
    report_put(writer,
               "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
               "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
               "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:\">\n"
               "<link rel=\"icon\" href=\"data:,\">\n<title>%s · %s</title>\n",
               page->report->subject, page->report->program);
    put_asset(writer, "<style>", &assets->chart_style, "</style>\n");
    put_asset(writer, "<style>\n", &assets->style, "</style>\n</head>\n");
}

static void write_facts(struct report_page *page) {
    struct report_writer *writer = &page->writer;
    const struct report *report = page->report;
    report_put(writer, "<ul class=\"facts\">");
    for (size_t i = 0; i < report->fact_count; i++)
        report_put(writer, "<li>%s <b>%s</b></li>", report->facts[i].name,
                   report->facts[i].values[0]);
    report_put(writer, "</ul>\n");
}

/* No line ends between a number and its unit. */
static void write_sentence(struct report_writer *writer, const char *text) {
    for (char last = 0; *text; last = *text++) {
        char one[2] = {*text, '\0'};
        bool holds = *text == ' ' && ((last >= '0' && last <= '9') || text[1] == '%');
        report_put(writer, holds ? "&nbsp;" : "%s", one);
    }
}

static void opening(struct report_page *page) {
    struct report_writer *writer = &page->writer;
    const struct report *report = page->report;
    report_put(writer, "<body>\n<header>\n<p class=\"from\"><b>%s</b> <span>%s</span></p>\n<h1>",
               report->program, report->subject);
    write_sentence(writer, report->sentence);
    report_put(writer, "</h1>\n");
    if (report->lead && *report->lead) {
        report_put(writer, "<p class=\"lead\">");
        write_sentence(writer, report->lead);
        report_put(writer, "</p>\n");
    }
    write_facts(page);
    for (size_t i = 0; i < report->remark_count; i++)
        report_put(writer, "<p class=\"remark\">%s</p>\n", report->remarks[i]);
    report_put(writer, "</header>\n<main>\n<section aria-labelledby=\"time\">\n"
                       "<h2 id=\"time\">Where the time went</h2>\n");
    if (report->count > 1)
        report_put(
            writer,
            "<p class=\"hint\">All %g %s together: %t of them, each moment counted once.</p>\n",
            (uint64_t)report->count, report->nouns, report_total(page->state_ns));
    report_write_bar(page, page->state_ns, true);
    report_put(writer, "</section>\n");
}

bool report_write(const struct report *report, const struct report_assets *assets, report_sink sink,
                  void *context) {
    struct report_page page;
    memset(&page, 0, sizeof page);
    page.report = report;
    page.writer.sink = sink;
    page.writer.context = context;
    page.asset_bytes =
        assets->chart_licence.length + assets->chart_script.length + assets->script.length + 1024;
    choose(&page);
    head(&page, assets);
    opening(&page);
    report_write_density(&page);
    report_write_map(&page);
    report_write_table(&page);
    report_write_details(&page);
    report_put(&page.writer,
               "</main>\n<footer><p>Written by %s. This file loads nothing: it can be "
               "kept, sent and read anywhere.</p></footer>\n<!--\nuPlot: ",
               report->program);
    put_asset(&page.writer, "", &assets->chart_licence, "-->\n");
    put_asset(&page.writer, "<script>", &assets->chart_script, "</script>\n");
    put_asset(&page.writer, "<script>\n", &assets->script, "</script>\n</body>\n</html>\n");
    report_flush(&page.writer);
    return !page.writer.failed;
}
