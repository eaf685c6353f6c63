/* streams/report_chart.c: the numbers of a detail's charts, as JSON for the page's script.
 *
 *     {"tick":1000,"end":2500000,"charts":[{"title":"…","unit":"bytes","series":[
 *         {"name":"…","note":"…","mark":"bars","hue":7,"thin":false,"p":[…]}]}]}
 *
 * Times are in units of `tick` ns. `p` holds the points one after the other, each number as the
 * difference to that of the point before: time and value of lines; of bars and dots time, lower
 * end, height, frame, and how many frames back the evidence is. */
#include "streams/report_page.h"

#include "streams/report_thin.h"

#define TICKS_MAX 100000000u
#define SERIES_MAX 64u

static const char *const marks[] = {"steps", "limit", "line", "bars", "dots", "rates", "spans"};
static const char *const units[] = {"count", "bytes", "time", "rate"};

/* A string of JSON in a script element: no "<" ends it. */
static void put_string(struct report_writer *writer, const char *text) {
    report_put(writer, "\"");
    for (const char *at = text ? text : ""; *at; at++) {
        if (*at == '"' || *at == '\\')
            report_put_bytes(writer, (const uint8_t *)"\\", 1);
        if ((unsigned char)*at < ' ')
            report_put(writer, " ");
        else if (*at == '<')
            report_put(writer, "\\u003c");
        else
            report_put_bytes(writer, (const uint8_t *)at, 1);
    }
    report_put(writer, "\"");
}

void report_write_notes(struct report_page *page) {
    struct report_writer *writer = &page->writer;
    report_put(writer, "<script type=\"application/json\" id=\"notes\">[");
    for (size_t i = 0; i < page->report->note_count; i++) {
        report_put(writer, i ? "," : "");
        put_string(writer, page->report->notes[i]);
    }
    report_put(writer, "]</script>\n");
}

struct drawing {
    struct report_writer *writer;
    rill_time start, tick;
    bool wide; /* bars and dots: five numbers a point */
    const char *comma;
    int64_t at, low, frame; /* of the point before */
};

static void put_point(struct drawing *drawing, const struct report_point *point) {
    struct report_writer *writer = drawing->writer;
    rill_time since = point->at > drawing->start ? point->at - drawing->start : 0;
    int64_t at = (int64_t)(since / drawing->tick), low = (int64_t)point->low;
    report_put(writer, drawing->comma);
    report_put_signed(writer, at - drawing->at);
    report_put(writer, ",");
    report_put_signed(writer, low - drawing->low);
    if (drawing->wide) {
        int64_t frame = (int64_t)point->frame;
        report_put(writer, ",%u,", point->high - point->low);
        report_put_signed(writer, frame - drawing->frame);
        report_put(writer, ",%u", point->note);
        drawing->frame = frame;
    }
    drawing->at = at;
    drawing->low = low;
    drawing->comma = ",";
}

static bool is_bars(enum report_mark mark) {
    return mark == REPORT_BARS || mark == REPORT_SPANS;
}

static void write_points(struct drawing *drawing, const struct report_series *series, size_t most) {
    struct report_thinner thinner;
    struct report_point out[2];
    if (!series->count)
        return;
    report_thinner_init(&thinner, series->points[0].at, series->points[series->count - 1].at,
                        series->count > most ? most : 0, is_bars(series->mark));
    for (size_t i = 0; i <= series->count; i++) {
        size_t drawn = i < series->count ? report_thinner_take(&thinner, &series->points[i], out)
                                         : report_thinner_end(&thinner, out);
        for (size_t k = 0; k < drawn; k++)
            put_point(drawing, &out[k]);
    }
}

static void write_series(struct report_page *page, const struct report_connection *it,
                         const struct report_series *series, rill_time tick, size_t most) {
    struct report_writer *writer = &page->writer;
    struct drawing drawing = {.writer = writer, .start = it->start, .tick = tick, .comma = ""};
    drawing.wide = is_bars(series->mark) || series->mark == REPORT_DOTS;
    report_put(writer, "{\"name\":");
    put_string(writer, series->name);
    report_put(writer, ",\"note\":");
    put_string(writer, series->note);
    report_put(writer, ",\"mark\":\"%s\",\"hue\":%u,\"thin\":%s,\"p\":[", marks[series->mark],
               (uint64_t)series->hue, series->count > most ? "true" : "false");
    write_points(&drawing, series, most);
    report_put(writer, "]}");
}

void report_write_charts(struct report_page *page, const struct report_connection *it,
                         const struct report_detail *detail, uint64_t points) {
    struct report_writer *writer = &page->writer;
    uint64_t needs[SERIES_MAX], tick = 1;
    size_t count = 0;
    while (it->duration / tick > TICKS_MAX)
        tick *= 10;
    for (size_t i = 0; i < detail->chart_count; i++)
        for (size_t k = 0; k < detail->charts[i].count && count < SERIES_MAX; k++)
            needs[count++] = detail->charts[i].series[k].count;
    uint64_t most = report_level(needs, count, points);
    report_put(writer,
               "<script type=\"application/json\" data-of=\"c%u\">{\"tick\":%u,\"end\":%u,"
               "\"charts\":[",
               it->number, tick, it->duration / tick);
    for (size_t i = 0; i < detail->chart_count; i++) {
        const struct report_chart *chart = &detail->charts[i];
        report_put(writer, i ? ",\n{\"title\":" : "{\"title\":");
        put_string(writer, chart->title);
        report_put(writer, ",\"unit\":\"%s\",\"series\":[", units[chart->unit]);
        for (size_t k = 0; k < chart->count; k++) {
            report_put(writer, k ? ",\n" : "\n");
            write_series(page, it, &chart->series[k], tick, (size_t)(most < 4 ? 4 : most));
        }
        report_put(writer, "]}");
    }
    report_put(writer, "]}</script>\n");
}
