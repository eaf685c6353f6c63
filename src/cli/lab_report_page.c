/* cli/lab_report_page.c: the page of a run: what lab_report.c gathered, in the terminal's words. */
#include "cli/lab_report.h"

#include "base/util.h"
#include "cli/report_assets.h"
#include "cli/text.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FACTS 12
#define TEXT 128

static const struct {
    const char *words;
    enum report_hue hue;
    bool blamed;
} looks[] = {
    {"handshake", REPORT_GREY, false},
    {"application", REPORT_SKY, false},
    {"receiver window", REPORT_ORANGE, true},
    {"slow start", REPORT_GREEN, true},
    {"avoidance", REPORT_PINK, true},
    {"pacing", REPORT_YELLOW, true},
    {"send buffer", REPORT_BLUE, true},
    {"recovery", REPORT_RED, true},
    {"rto", REPORT_BLACK, true},
    {"persist", REPORT_BROWN, true},
    {"closing", REPORT_PALE, false},
};
_Static_assert(sizeof looks / sizeof *looks == RILL_LIMITER_COUNT, "a colour each");
_Static_assert(RILL_LIMITER_COUNT <= REPORT_STATES, "a state each");

static const struct {
    enum lab_line line;
    const char *name, *note;
    enum report_mark mark;
    enum report_hue hue;
} lines[] = {
    {LAB_SENT, "new data", "a segment, from its first byte to its last", REPORT_BARS, REPORT_BLUE},
    {LAB_RESENT, "resent", "sent again: it was found lost", REPORT_BARS, REPORT_RED},
    {LAB_TIMEOUT, "after a timeout", "sent again, since no acknowledgement came", REPORT_BARS,
     REPORT_BLACK},
    {LAB_PROBE, "probe", "sent to draw an acknowledgement", REPORT_BARS, REPORT_ORANGE},
    {LAB_ACKED, "acknowledged", "", REPORT_STEPS, REPORT_GREEN},
    {LAB_EDGE, "end of the window", "what the receiver allows", REPORT_LIMIT, REPORT_ORANGE},
    {LAB_IN_FLIGHT, "in flight", "", REPORT_STEPS, REPORT_BLUE},
    {LAB_CWND, "congestion window", "", REPORT_STEPS, REPORT_PINK},
    {LAB_SSTHRESH, "ssthresh", "", REPORT_LIMIT, REPORT_GREY},
    {LAB_WINDOW, "receiver's window", "", REPORT_LIMIT, REPORT_ORANGE},
    {LAB_RTT, "round trip of a segment", "from sent to acknowledged", REPORT_DOTS, REPORT_SKY},
    {LAB_SRTT, "srtt", "", REPORT_STEPS, REPORT_RED},
    {LAB_ACKED, "acknowledged per second", "", REPORT_RATES, REPORT_GREEN},
};
#define LINES (sizeof lines / sizeof *lines)

static const struct {
    const char *title;
    enum report_unit unit;
    size_t first, count; /* of `lines` */
} charts[] = {
    {"Sequence", REPORT_BYTES, 0, 6},
    {"Windows and bytes in flight", REPORT_BYTES, 6, 4},
    {"Round trip", REPORT_TIME, 10, 2},
    {"Throughput", REPORT_RATE, 12, 1},
};
#define CHARTS (sizeof charts / sizeof *charts)

/* What the page's callbacks give out, which must live until they are called again. */
struct lab_page {
    const struct lab *lab;
    char client[RILL_ENDPOINT_TEXT], server[RILL_ENDPOINT_TEXT];
    char verdict[4 * TEXT], outcome[TEXT];
    struct report_series series[LINES];
    struct report_chart charts[CHARTS];
    struct report_fact facts[FACTS];
    char values[FACTS][TEXT];
    struct report_rung rungs[LAB_RUNGS + 1];
    char untold[TEXT];
};

static uint64_t age_of(const uint64_t ns[RILL_LIMITER_COUNT]) {
    uint64_t age = 0;
    for (size_t i = 0; i < RILL_LIMITER_COUNT; i++)
        age += ns[i];
    return age;
}

static size_t longest(const uint64_t ns[RILL_LIMITER_COUNT]) {
    size_t best = 0;
    for (size_t i = 1; i < RILL_LIMITER_COUNT; i++)
        if (ns[i] > ns[best])
            best = i;
    return best;
}

/* "8.0 MiB in 11.69 s, 5.74 Mbit/s, 30 resent; avoidance 88.2 % of the time" */
static void say_verdict(struct lab_page *page, const struct lab_flow *flow) {
    char size[32], time[32], rate[32];
    char *at = page->verdict, *end = at + sizeof page->verdict;
    uint64_t age = age_of(flow->info.limited_ns);
    size_t most = longest(flow->info.limited_ns);
    cli_size_text(flow->received, size, sizeof size);
    if (!flow->complete || flow->failed) {
        snprintf(at, (size_t)(end - at), "%s, then it failed%s%s", size, flow->error ? ": " : "",
                 flow->error ? rill_error_text(flow->error) : "");
        return;
    }
    at += snprintf(at, (size_t)(end - at), "%s in %s, %s", size,
                   cli_time_text(lab_took(flow), time, sizeof time),
                   cli_rate_text(lab_goodput(flow), rate, sizeof rate));
    if (page->lab->ends[page->lab->sender].host)
        at += snprintf(at, (size_t)(end - at), ", %llu resent",
                       (unsigned long long)flow->info.segments_resent);
    if (age)
        snprintf(at, (size_t)(end - at), "; %s %.3g %% of the time", looks[most].words,
                 (double)flow->info.limited_ns[most] * 100 / (double)age);
}

static void connection(void *context, size_t index, struct report_connection *out) {
    struct lab_page *page = context;
    const struct lab *lab = page->lab;
    const struct lab_flow *flow = &lab->list[index];
    memset(out, 0, sizeof *out);
    out->number = index + 1;
    out->lane = index;
    out->incarnation = 1;
    out->client = rill_endpoint_format(&flow->sockets[0], page->client);
    out->server = rill_endpoint_format(&flow->sockets[1], page->server);
    say_verdict(page, flow);
    out->verdict = page->verdict;
    out->outcome = flow->failed ? "failed" : flow->complete ? "complete" : "not complete";
    out->start = flow->opened - lab->started;
    out->duration = age_of(flow->info.limited_ns);
    if (!out->duration)
        out->duration = lab_took(flow);
    out->told = index < lab->report->count;
    out->packets = flow->info.segments_sent + flow->info.segments_received;
    out->values[0] = flow->received;
    out->values[1] = flow->complete ? lab_took(flow) : REPORT_NO_VALUE;
    out->values[2] = flow->complete ? lab_goodput(flow) : REPORT_NO_VALUE;
    out->values[3] = lab->ends[lab->sender].host ? flow->info.segments_resent : REPORT_NO_VALUE;
    memcpy(out->state_ns, flow->info.limited_ns, sizeof flow->info.limited_ns);
}

static void fill_charts(struct lab_page *page, const struct lab_told *told,
                        struct report_detail *out) {
    size_t series = 0;
    for (size_t i = 0; i < CHARTS; i++) {
        struct report_chart *chart = &page->charts[out->chart_count];
        *chart = (struct report_chart){charts[i].title, charts[i].unit, page->series + series, 0};
        for (size_t k = charts[i].first; k < charts[i].first + charts[i].count; k++) {
            const struct report_recorder *from = &told->lines[lines[k].line];
            if (!from->count)
                continue;
            page->series[series++] =
                (struct report_series){lines[k].name, lines[k].note, lines[k].mark,
                                       lines[k].hue,  from->points,  from->count};
            chart->count++;
        }
        out->chart_count += chart->count > 0;
    }
    out->charts = page->charts;
}

static char *fact(struct lab_page *page, struct report_detail *out, const char *name) {
    char *value = page->values[out->fact_count];
    page->facts[out->fact_count++] = (struct report_fact){name, {value, 0}};
    return value;
}

static void fill_facts(struct lab_page *page, const struct lab_told *told,
                       struct report_detail *out) {
    const struct rill_tcp_info *info = &told->info;
    char size[32], time[32];
    out->facts = page->facts;
    snprintf(fact(page, out, "congestion control"), TEXT, "%s%s", page->lab->congestion_name,
             info->ecn ? ", with ECN" : "");
    snprintf(fact(page, out, "largest segment"), TEXT, "%u B", info->mss);
    snprintf(fact(page, out, "options agreed on"), TEXT, "%s%s%s", info->sack ? "SACK " : "",
             info->timestamps ? "timestamps " : "", info->window_scaling ? "window scale" : "");
    snprintf(fact(page, out, "shortest round trip"), TEXT, "%s",
             info->min_rtt ? cli_time_text(info->min_rtt, time, sizeof time) : "not known");
    snprintf(fact(page, out, "segments sent"), TEXT, "%llu, %s of data",
             (unsigned long long)info->segments_sent,
             cli_size_text(info->bytes_sent, size, sizeof size));
    snprintf(fact(page, out, "resent"), TEXT, "%llu segments, %s",
             (unsigned long long)info->segments_resent,
             cli_size_text(info->bytes_resent, size, sizeof size));
    snprintf(fact(page, out, "timeouts"), TEXT, "%llu", (unsigned long long)info->timeouts);
    snprintf(fact(page, out, "segments received"), TEXT, "%llu",
             (unsigned long long)info->segments_received);
}

static bool detail(void *context, size_t index, struct report_detail *out) {
    struct lab_page *page = context;
    const struct lab_report *report = page->lab->report;
    const struct lab_told *told = 0;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < report->count; i++)
        if (report->told[i]->flow == &page->lab->list[index])
            told = report->told[i];
    if (!told)
        return false;
    out->spans = told->strip.spans;
    out->span_count = told->strip.count;
    fill_charts(page, told, out);
    fill_facts(page, told, out);
    for (size_t i = 0; i < told->rung_count; i++)
        page->rungs[i] = told->rungs[i].rung;
    out->ladder = page->rungs;
    out->rung_count = told->rung_count;
    if (told->untold && told->rung_count) {
        snprintf(page->untold, sizeof page->untold, "%llu lines more",
                 (unsigned long long)told->untold);
        page->rungs[out->rung_count++] = (struct report_rung){
            told->rungs[told->rung_count - 1].last, 0, REPORT_STEP_FOLD, page->untold, 0};
    }
    return true;
}

/* ---- of all flows ---- */

/* The heading, and what follows it. */
static void say_sentences(const struct lab *lab, char *sentence, char *lead, size_t size) {
    uint64_t bytes = 0, resent = 0, ns[RILL_LIMITER_COUNT] = {0};
    char carried[32], time[32];
    for (uint64_t i = 0; i < lab->count; i++) {
        const struct lab_flow *flow = &lab->list[i];
        bytes += flow->received;
        resent += flow->info.segments_resent;
        for (size_t k = 0; k < RILL_LIMITER_COUNT; k++)
            ns[k] += flow->info.limited_ns[k];
    }
    uint64_t age = age_of(ns);
    size_t most = longest(ns);
    snprintf(sentence, size, "%llu flow%s carried %s from %c to %c in %s.",
             (unsigned long long)lab->count, lab->count == 1 ? "" : "s",
             cli_size_text(bytes, carried, sizeof carried), 'a' + lab->sender, 'b' - lab->sender,
             cli_time_text(lab->world.now - lab->started, time, sizeof time));
    int n = age ? snprintf(lead, size, "What held %s longest: %s, %.3g %% of the time. ",
                           lab->count == 1 ? "it" : "them", looks[most].words,
                           (double)ns[most] * 100 / (double)age)
                : 0;
    snprintf(lead + n, size - (size_t)n,
             resent == 0   ? "Nothing was sent again."
             : resent == 1 ? "%llu segment was sent again."
                           : "%llu segments were sent again.",
             (unsigned long long)resent);
}

/* A direction of the path as the terminal has it, on one line and without its name. */
static char *path_text(const struct lab *lab, int way) {
    char *text = 0;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return 0;
    lab_print_path(out, lab, way);
    if (fclose(out) != 0 || length < 9)
        return text;
    for (char *at = text; *at; at++)
        if (*at == '\n')
            *at = at[1] ? ';' : '\0';
    memmove(text, text + 8, strlen(text + 8) + 1);
    return text;
}

static bool sink(void *file, const uint8_t *data, size_t length) {
    return fwrite(data, 1, length, file) == length;
}

static bool write_file(const struct lab *lab, const struct report *report) {
    const struct report_assets *assets = cli_report_assets();
    FILE *file = assets ? fopen(lab->report_name, "we") : 0;
    if (assets && !file)
        cli_error("cannot write %s: %s; give --report a path that can be written", lab->report_name,
                  strerror(errno));
    if (!file)
        return false;
    bool ok = report_write(report, assets, sink, file);
    ok &= fclose(file) == 0;
    if (!ok)
        cli_error("the report %s is not whole: writing it failed; is the disk full?",
                  lab->report_name);
    return ok;
}

static bool recorded(const struct lab *lab) {
    bool failed = lab->report->failed;
    for (size_t i = 0; i < lab->report->count; i++) {
        failed |= lab->report->told[i]->strip.failed;
        for (size_t k = 0; k < LAB_LINES; k++)
            failed |= lab->report->told[i]->lines[k].failed;
    }
    return !failed;
}

static void fill_report(const struct lab *lab, struct lab_page *page, struct report *out,
                        struct report_state *states) {
    static const struct report_column columns[] = {
        {"carried", "bytes the receiver read", REPORT_BYTES, false},
        {"took", "from the first SYN to the last byte read", REPORT_TIME, false},
        {"goodput", "bytes read in that time", REPORT_RATE, false},
        {"resent", "segments sent again", REPORT_COUNT, false},
    };
    for (size_t i = 0; i < RILL_LIMITER_COUNT; i++)
        states[i] = (struct report_state){rill_limiter_name((enum rill_limiter)i), looks[i].words,
                                          looks[i].hue, looks[i].blamed};
    *out = (struct report){.program = "rill lab",
                           .subject = lab->report->asked,
                           .noun = "flow",
                           .nouns = "flows",
                           .numbered_from = "four-tuple",
                           .ends = {"a", "b"},
                           .states = states,
                           .state_count = RILL_LIMITER_COUNT,
                           .columns = columns,
                           .column_count = sizeof columns / sizeof *columns,
                           .duration = lab->world.now - lab->started,
                           .count = (size_t)lab->count,
                           .context = page,
                           .connection = connection,
                           .detail = detail};
}

bool lab_report_write(const struct lab *lab) {
    struct lab_page page = {.lab = lab};
    struct report report;
    struct report_state states[RILL_LIMITER_COUNT];
    char sentence[2 * TEXT], lead[2 * TEXT], time[32], run[TEXT];
    char *paths[2] = {path_text(lab, 0), path_text(lab, 1)};
    static const char *const short_of_memory = "Memory ran out while the flows were followed: the "
                                               "charts do not reach to the end.";
    fill_report(lab, &page, &report, states);
    say_sentences(lab, sentence, lead, sizeof sentence);
    cli_time_text(report.duration, time, sizeof time);
    snprintf(run, sizeof run, "%s of %s time", time, lab->real ? "real" : "virtual");
    struct report_fact facts[] = {
        {"run", {run, 0}},
        {"congestion control", {lab->congestion_name, 0}},
        {"a to b", {paths[0] ? paths[0] : "", 0}},
        {"b to a", {paths[1] ? paths[1] : "", 0}},
    };
    report.sentence = sentence;
    report.lead = lead;
    report.facts = facts;
    report.fact_count = sizeof facts / sizeof *facts;
    report.remarks = &short_of_memory;
    report.remark_count = !recorded(lab);
    bool ok = write_file(lab, &report);
    free(paths[0]);
    free(paths[1]);
    return ok;
}
