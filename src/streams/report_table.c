/* streams/report_table.c: the bar of states, and the table of connections. */
#include "streams/report_page.h"

/* The next state by length after `last`; -1: there is none. */
static int next_longest(const uint64_t ns[REPORT_STATES], int last) {
    int best = -1;
    for (int i = 0; i < (int)REPORT_STATES; i++) {
        bool after = last < 0 || ns[i] < ns[last] || (ns[i] == ns[last] && i > last);
        if (ns[i] && after && (best < 0 || ns[i] > ns[best]))
            best = i;
    }
    return best;
}

uint64_t report_total(const uint64_t state_ns[REPORT_STATES]) {
    uint64_t total = 0;
    for (size_t i = 0; i < REPORT_STATES; i++)
        total += state_ns[i];
    return total;
}

/* `whole`: each part with its words; else only what is wide enough to be seen. */
static void write_parts(struct report_page *page, const uint64_t ns[REPORT_STATES], uint64_t total,
                        bool whole) {
    struct report_writer *writer = &page->writer;
    for (size_t i = 0; i < page->report->state_count; i++) {
        const struct report_state *state = &page->report->states[i];
        uint64_t share = report_share(ns[i], total, 1000);
        if (!ns[i] || (!whole && share < 5))
            continue;
        report_put(writer, "<i class=\"");
        report_put_hue(writer, state->hue);
        report_put(writer, "\" style=\"flex-grow:%u\"", share ? share : 1);
        if (whole) {
            report_put(writer, " title=\"%s: %t, ", state->words, ns[i]);
            report_put_percent(writer, ns[i], total);
            report_put(writer, "\"");
        }
        report_put(writer, whole && share >= 90 ? "><span>%s</span></i>" : "></i>", state->words);
    }
}

/* For who cannot see it: what the bar says, the longest `most` of it. */
static void write_spoken(struct report_page *page, const uint64_t ns[REPORT_STATES], uint64_t total,
                         unsigned most) {
    const char *comma = "";
    for (int i = next_longest(ns, -1); i >= 0 && most; i = next_longest(ns, i), most--) {
        report_put(&page->writer, "%s%s ", comma, page->report->states[i].words);
        report_put_percent(&page->writer, ns[i], total);
        comma = ", ";
    }
}

void report_write_bar(struct report_page *page, const uint64_t ns[REPORT_STATES], bool listed) {
    struct report_writer *writer = &page->writer;
    uint64_t total = report_total(ns);
    if (!total) {
        report_put(writer, "<div class=\"bar empty\"></div>\n");
        return;
    }
    report_put(writer, listed ? "<div class=\"bar big\" role=\"img\" aria-label=\""
                              : "<div class=\"bar\" role=\"img\" aria-label=\"");
    write_spoken(page, ns, total, listed ? REPORT_STATES : 2);
    report_put(writer, "\">");
    write_parts(page, ns, total, listed);
    report_put(writer, "</div>\n");
    if (!listed)
        return;
    report_put(writer, "<ul class=\"legend\">");
    for (int i = next_longest(ns, -1); i >= 0; i = next_longest(ns, i)) {
        report_put(writer, "<li><i class=\"");
        report_put_hue(writer, page->report->states[i].hue);
        report_put(writer, "\"></i>%s <b>%t</b> <span>", page->report->states[i].words, ns[i]);
        report_put_percent(writer, ns[i], total);
        report_put(writer, "</span></li>");
    }
    report_put(writer, "</ul>\n");
}

static void heading(struct report_page *page) {
    struct report_writer *writer = &page->writer;
    const struct report *report = page->report;
    report_put(writer,
               "<thead><tr><th class=\"n\" scope=\"col\">#</th><th scope=\"col\">%s → %s</th>"
               "<th class=\"n\" scope=\"col\">start</th><th class=\"n\" scope=\"col\">lasted</th>",
               report->ends[0], report->ends[1]);
    for (size_t i = 0; i < report->column_count; i++)
        if (page->shown[i])
            report_put(writer, "<th class=\"n\" scope=\"col\" title=\"%s\">%s</th>",
                       report->columns[i].hint, report->columns[i].title);
    report_put(writer,
               "<th scope=\"col\" class=\"where\">where its time went</th>"
               "<th class=\"n\" scope=\"col\" aria-sort=\"descending\" title=\"Seconds in states "
               "that somebody is to blame for\">blame</th></tr></thead>\n");
}

/* A cell with what it is sorted by. */
static void cell(struct report_page *page, uint64_t value, enum report_unit unit) {
    report_put(&page->writer, "<td class=\"n%s\" data-v=\"%u\">", value ? "" : " zero",
               value == REPORT_NO_VALUE ? UINT64_C(0) : value);
    report_put_value(&page->writer, value, unit);
    report_put(&page->writer, "</td>");
}

static void write_row(struct report_page *page, size_t rank) {
    struct report_writer *writer = &page->writer;
    const struct report *report = page->report;
    struct report_connection it;
    report->connection(report->context, page->rows[rank].index, &it);
    report_put(writer, rank >= 20 ? "<tr class=\"more\">" : "<tr>");
    report_put(writer, "<td class=\"n\" data-v=\"%u\">", it.number);
    report_put(writer, page->rows[rank].told ? "<a href=\"#c%u\">%u</a></td>" : "%u</td>",
               it.number, it.number);
    report_put(writer, "<td class=\"who\"><b>%s</b> → <b>%s</b>", it.client, it.server);
    if (it.incarnation > 1)
        report_put(writer, " <em title=\"life %u of this %s\">%u</em>", it.incarnation,
                   report->numbered_from, it.incarnation);
    report_put(writer, "<small>%s%s%s</small></td>", it.outcome, *it.outcome ? ". " : "",
               it.verdict);
    cell(page, it.start, REPORT_TIME);
    cell(page, it.duration, REPORT_TIME);
    for (size_t i = 0; i < report->column_count; i++)
        if (page->shown[i])
            cell(page, it.values[i], report->columns[i].unit);
    report_put(writer, "<td class=\"where\">");
    report_write_bar(page, it.state_ns, false);
    report_put(writer, "</td>");
    cell(page, page->rows[rank].blame, REPORT_TIME);
    report_put(writer, "</tr>\n");
}

void report_write_table(struct report_page *page) {
    struct report_writer *writer = &page->writer;
    const struct report *report = page->report;
    if (report->count < 2) /* it is told in full */
        return;
    report_put(writer, "<section aria-labelledby=\"all\">\n<h2 id=\"all\">");
    if (report->count > page->row_count)
        report_put(writer, "The %g %s with the most to blame, of %g</h2>\n",
                   (uint64_t)page->row_count, report->nouns, (uint64_t)report->count);
    else
        report_put(writer, "The %g %s</h2>\n", (uint64_t)report->count, report->nouns);
    if (page->row_count > 20)
        report_put(writer,
                   "<input type=\"checkbox\" id=\"more\"><label for=\"more\">show all %g rows"
                   "</label>\n",
                   (uint64_t)page->row_count);
    report_put(writer,
               "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"table of %s\">"
               "<table class=\"list\">\n",
               report->nouns);
    heading(page);
    report_put(writer, "<tbody>\n");
    for (size_t i = 0; i < page->row_count; i++)
        write_row(page, i);
    report_put(writer, "</tbody></table></div>\n</section>\n");
}
