/* cli/streams_report_page.c: the page of a capture: what was gathered, in the terminal's words. */
#include "cli/streams_report.h"

#include "base/util.h"
#include "cli/report_assets.h"
#include "cli/text.h"

#include <stdio.h>
#include <string.h>

#define FACTS 40u
#define TEXT 160u

static const struct {
    enum report_hue hue;
    bool blamed;
} looks[] = {
    {REPORT_GREY, true},   /* handshake */
    {REPORT_SKY, false},   /* the client's application: a person who thinks is not to blame */
    {REPORT_BLUE, true},   /* the server's application */
    {REPORT_YELLOW, true}, /* the sender's window */
    {REPORT_ORANGE, true}, /* the receiver */
    {REPORT_RED, true},    /* loss */
    {REPORT_PINK, true},   /* queue */
    {REPORT_GREEN, true},  /* distance */
    {REPORT_PALE, false},  /* closing */
    {REPORT_FAINT, false}, /* idle */
    {REPORT_VOID, false},  /* unknown */
};
_Static_assert(sizeof looks / sizeof *looks == STREAMS_BLAME_COUNT, "a colour each");
_Static_assert(STREAMS_BLAME_COUNT <= REPORT_STATES, "a state each");

bool streams_report_blamed(enum streams_blame blame) {
    return looks[blame].blamed;
}

static const struct {
    enum told_line line;
    const char *name, *note;
    enum report_mark mark;
    enum report_hue hue;
} sequence_lines[] = {
    {TOLD_DATA, "data", "a segment, from its first byte to its last", REPORT_BARS, REPORT_BLUE},
    {TOLD_RESENT, "resent", "sent again", REPORT_BARS, REPORT_RED},
    {TOLD_SPURIOUS, "resent, not needed", "sent again, though it had arrived", REPORT_BARS,
     REPORT_BROWN},
    {TOLD_REPAIRED, "repaired", "fills a hole: the first copy was lost before the tap", REPORT_BARS,
     REPORT_ORANGE},
    {TOLD_REORDERED, "reordered", "came late, and was not sent again", REPORT_BARS, REPORT_PINK},
    {TOLD_PROBE, "probe or keepalive", "asks whether the other side is there", REPORT_BARS,
     REPORT_GREY},
    {TOLD_MISSING, "not in the capture", "bytes that were never seen", REPORT_BARS, REPORT_BLACK},
    {TOLD_SACK, "SACK", "arrived beyond a hole, as the receiver says", REPORT_SPANS, REPORT_YELLOW},
    {TOLD_ACKED, "acknowledged", "", REPORT_STEPS, REPORT_GREEN},
    {TOLD_EDGE, "end of the window", "what the receiver allows", REPORT_LIMIT, REPORT_ORANGE},
};
#define SEQUENCE_LINES (sizeof sequence_lines / sizeof *sequence_lines)
#define SERIES (2 * SEQUENCE_LINES + 8)

/* What the page's callbacks give out, which must live until they are called again. */
struct page {
    struct streams_report *report;
    char client[RILL_ENDPOINT_TEXT], server[RILL_ENDPOINT_TEXT + 100];
    char verdict[STREAMS_TEXT], outcome[TEXT];
    struct report_series series[SERIES];
    size_t series_count;
    struct report_chart charts[5];
    size_t chart_count;
    struct report_fact facts[FACTS];
    size_t fact_count;
    char values[FACTS][2][TEXT];
    struct report_rung rungs[TOLD_RUNGS];
    struct report_piece pieces[TALK_PIECES];
};

/* The same for both ways of a four-tuple in its scope. */
static uint64_t lane_of(const struct streams_connection *connection) {
    uint64_t words[2][3], hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (unsigned i = 0; i < 2; i++) {
        words[i][0] = connection->addresses[i][0];
        words[i][1] = connection->addresses[i][1];
        words[i][2] = connection->sides[i].port;
    }
    unsigned low = memcmp(words[0], words[1], sizeof *words) > 0;
    for (unsigned i = 0; i < 2; i++)
        for (const uint8_t *at = (const uint8_t *)words[low ^ i], *end = at + sizeof *words;
             at < end;)
            hash = (hash ^ *at++) * 0x100000001b3u;
    return (hash ^ connection->scope) * 0x100000001b3u;
}

static uint64_t both(const struct streams_connection *connection, size_t offset) {
    uint64_t values[2];
    for (unsigned i = 0; i < 2; i++)
        memcpy(&values[i], (const char *)&connection->sides[i] + offset, sizeof values[i]);
    return values[0] + values[1];
}
#define BOTH(connection, member) both(connection, offsetof(struct streams_side, member))

static void say_outcome(struct page *page, const struct streams_connection *connection) {
    const char *state = rill__streams_state_text((enum streams_state)connection->state);
    const char *by = streams_closed_by_text(connection->closed_by);
    bool sided = by && connection->state != STREAMS_STATE_REFUSED;
    snprintf(page->outcome, sizeof page->outcome, "%s%s%s", state, sided ? " by " : "",
             !sided                             ? ""
             : strncmp(by, "reset_by_", 9) == 0 ? by + 9
                                                : by);
}

static void connection(void *context, size_t index, struct report_connection *out) {
    struct page *page = context;
    struct streams_report *report = page->report;
    struct streams_connection it;
    char scope[96];
    memset(out, 0, sizeof *out);
    if (!store_get(&report->run.store, report->rows[index], &it))
        memset(&it, 0, sizeof it);
    streams_scope_text(report->run.streams, it.scope, scope, sizeof scope);
    streams_endpoint_text(&it, 0, page->client);
    streams_endpoint_text(&it, 1, page->server);
    if (scope[0])
        snprintf(page->server + strlen(page->server), 100, " in %.90s", scope);
    streams_verdict(&it, page->verdict, sizeof page->verdict);
    say_outcome(page, &it);
    out->number = it.number;
    out->lane = lane_of(&it);
    out->incarnation = it.incarnation;
    out->client = page->client;
    out->server = page->server;
    out->outcome = page->outcome;
    out->verdict = page->verdict;
    out->start = it.start - report->summary.start;
    out->duration = it.duration;
    out->told = streams_report_told(report, it.number);
    out->packets = BOTH(&it, packets);
    out->values[0] = it.sides[0].bytes;
    out->values[1] = it.sides[1].bytes;
    out->values[2] = BOTH(&it, resent_segments);
    out->values[3] = BOTH(&it, lost_segments) + BOTH(&it, repaired_segments);
    out->values[4] = BOTH(&it, missing_bytes);
    out->values[5] = it.rtt_median;
    memcpy(out->state_ns, it.blame, sizeof it.blame);
}

/* ---- charts ---- */

static void add_series(struct page *page, const struct told_side *side, enum told_line line,
                       struct report_series series) {
    const struct report_recorder *from = &side->lines[line];
    struct report_chart *chart = &page->charts[page->chart_count];
    if (!from->count || page->series_count == SERIES)
        return;
    if (!chart->count)
        chart->series = &page->series[page->series_count];
    series.points = from->points;
    series.count = from->count;
    page->series[page->series_count++] = series;
    chart->count++;
}

static void begin_chart(struct page *page, const char *title, enum report_unit unit) {
    page->charts[page->chart_count] = (struct report_chart){title, unit, 0, 0};
}

static void end_chart(struct page *page) {
    page->chart_count += page->charts[page->chart_count].count > 0;
}

static void add_sequence(struct page *page, const struct told *told, unsigned side) {
    begin_chart(page, side ? "Sequence, server → client" : "Sequence, client → server",
                REPORT_BYTES);
    for (size_t i = 0; i < SEQUENCE_LINES; i++)
        add_series(page, &told->sides[side], sequence_lines[i].line,
                   (struct report_series){sequence_lines[i].name, sequence_lines[i].note,
                                          sequence_lines[i].mark, sequence_lines[i].hue, 0, 0});
    end_chart(page);
}

static void fill_charts(struct page *page, const struct told *told) {
    const struct streams_side *sides = told->connection.sides;
    unsigned main =
        sides[1].data_segments > sides[0].data_segments ||
        (sides[1].data_segments == sides[0].data_segments && sides[1].bytes > sides[0].bytes);
    page->series_count = page->chart_count = 0;
    if (!told->sides[main].highest && !told->sides[!main].highest)
        return; /* nothing was said: there is nothing to draw */
    add_sequence(page, told, main);
    if (sides[!main].data_segments > 3)
        add_sequence(page, told, !main);
    begin_chart(page, main ? "In flight, server → client" : "In flight, client → server",
                REPORT_BYTES);
    add_series(page, &told->sides[main], TOLD_FLIGHT,
               (struct report_series){"in flight, as the tap sees it", "", REPORT_STEPS,
                                      REPORT_BLUE, 0, 0});
    add_series(page, &told->sides[main], TOLD_WINDOW,
               (struct report_series){"receiver's window", "", REPORT_LIMIT, REPORT_ORANGE, 0, 0});
    end_chart(page);
    begin_chart(page, "Round trip from the tap", REPORT_TIME);
    add_series(page, &told->sides[0], TOLD_TRIP,
               (struct report_series){"to the server and back",
                                      "from a segment to its acknowledgement", REPORT_DOTS,
                                      REPORT_BLUE, 0, 0});
    add_series(page, &told->sides[1], TOLD_TRIP,
               (struct report_series){"to the client and back",
                                      "from a segment to its acknowledgement", REPORT_DOTS,
                                      REPORT_ORANGE, 0, 0});
    end_chart(page);
    begin_chart(page, "Throughput", REPORT_RATE);
    add_series(page, &told->sides[0], TOLD_BYTES,
               (struct report_series){"client → server", "", REPORT_RATES, REPORT_BLUE, 0, 0});
    add_series(page, &told->sides[1], TOLD_BYTES,
               (struct report_series){"server → client", "", REPORT_RATES, REPORT_ORANGE, 0, 0});
    end_chart(page);
}

/* ---- facts ---- */

static char *fact(struct page *page, const char *name) {
    size_t at = page->fact_count < FACTS - 1 ? page->fact_count++ : FACTS - 1;
    page->facts[at] = (struct report_fact){name, {page->values[at][0], 0}};
    return page->values[at][0];
}

static void fact_of_sides(struct page *page, const char *name, uint64_t client, uint64_t server) {
    uint64_t values[2] = {client, server};
    if ((!client && !server) || page->fact_count == FACTS)
        return;
    struct report_fact *out = &page->facts[page->fact_count];
    out->name = name;
    for (unsigned i = 0; i < 2; i++) {
        char *text = page->values[page->fact_count][i];
        out->values[i] = text;
        if (values[i] == STREAMS_UNKNOWN)
            snprintf(text, TEXT, "not known");
        else
            snprintf(text, TEXT, "%llu", (unsigned long long)values[i]);
    }
    page->fact_count++;
}

static void fill_common_facts(struct page *page, const struct streams_connection *it) {
    char least[32], median[32], most[32];
    snprintf(fact(page, "handshake"), TEXT, "%s in the capture",
             it->handshake == STREAMS_HANDSHAKE_NONE ? "not"
                                                     : streams_handshake_text(it->handshake));
    snprintf(fact(page, "frames"), TEXT, "%llu to %llu", (unsigned long long)it->first_frame,
             (unsigned long long)it->last_frame);
    if (it->rtt_min != STREAMS_UNKNOWN)
        snprintf(fact(page, "round trip"), TEXT, "%s at least, %s in the median, %s at p99",
                 cli_time_text(it->rtt_min, least, sizeof least),
                 cli_time_text(it->rtt_median, median, sizeof median),
                 cli_time_text(it->rtt_p99, most, sizeof most));
    if (it->tap != STREAMS_TAP_UNKNOWN)
        snprintf(fact(page, "where the tap stands"), TEXT, "%s%s",
                 it->tap == STREAMS_TAP_MIDDLE ? "between both" : "near the ",
                 it->tap == STREAMS_TAP_MIDDLE ? "" : streams_tap_text(it->tap));
    snprintf(fact(page, "options agreed on"), TEXT, "%s%s%s", it->sack ? "SACK" : "",
             it->sack && it->timestamps ? ", " : "",
             it->timestamps ? "timestamps"
             : it->sack     ? ""
                            : "neither SACK nor timestamps");
    snprintf(fact(page, "life of its four-tuple"), TEXT, "%llu",
             (unsigned long long)it->incarnation);
    streams_community_id(it, fact(page, "community id"), TEXT);
    if (it->rejected_syns)
        snprintf(fact(page, "rejected SYNs"), TEXT, "%llu", (unsigned long long)it->rejected_syns);
    if (it->icmp_errors)
        snprintf(fact(page, "ICMP errors"), TEXT, "%llu", (unsigned long long)it->icmp_errors);
    if (it->given_up)
        snprintf(fact(page, "put away early"), TEXT,
                 "memory was short: later packets are not in it");
}

static void fill_facts(struct page *page, const struct streams_connection *it) {
    const struct streams_side *a = &it->sides[0], *b = &it->sides[1];
    page->fact_count = 0;
    fill_common_facts(page, it);
#define SIDE(name, member) fact_of_sides(page, name, a->member, b->member)
    SIDE("packets", packets);
    SIDE("bytes of the stream", bytes);
    SIDE("resent segments", resent_segments);
    SIDE("resent bytes", resent_bytes);
    SIDE("… not needed", spurious_segments);
    SIDE("… lost behind the tap", lost_segments);
    SIDE("repaired before the tap", repaired_segments);
    SIDE("reordered segments", reordered_segments);
    SIDE("second sightings", duplicate_sightings);
    SIDE("missing bytes", missing_bytes);
    SIDE("lost bytes", lost_bytes);
    SIDE("conflicting bytes", conflicting_bytes);
    SIDE("cut off bytes", cut_bytes);
    SIDE("zero windows", zero_windows);
    SIDE("window probes", window_probes);
    SIDE("keepalives", keepalives);
    SIDE("MSS", mss);
    SIDE("window scale", window_scale);
    SIDE("ISN", isn);
    SIDE("bytes in the SYN", syn_bytes);
    SIDE("largest window", window_max);
    SIDE("most in flight", flight_max);
#undef SIDE
}

static bool detail(void *context, size_t index, struct report_detail *out) {
    struct page *page = context;
    struct streams_report *report = page->report;
    struct streams_connection it;
    struct told *told = store_get(&report->run.store, report->rows[index], &it)
                            ? streams_report_told(report, it.number)
                            : 0;
    memset(out, 0, sizeof *out);
    if (!told)
        return false;
    fill_charts(page, told);
    fill_facts(page, &it);
    for (size_t i = 0; i < told->rung_count; i++)
        page->rungs[i] = told->rungs[i].rung;
    *out = (struct report_detail){.spans = told->strip.spans,
                                  .span_count = told->strip.count,
                                  .charts = page->charts,
                                  .chart_count = page->chart_count,
                                  .facts = page->facts,
                                  .fact_count = page->fact_count,
                                  .ladder = page->rungs,
                                  .rung_count = told->rung_count,
                                  .pieces = page->pieces,
                                  .piece_count = talk_pieces(&told->talk, page->pieces),
                                  .pieces_cut = told->talk.cut};
    return true;
}

/* ---- of the whole ---- */

/* The heading and what follows it. */
static void say_sentences(struct streams_report *report, char *sentence, char *lead, size_t size) {
    char reason[2 * STREAMS_TEXT], time[32];
    struct streams_connection only;
    uint64_t all = 0;
    unsigned most = 0;
    *lead = 0;
    streams_summary_reason(&report->summary, false, reason, sizeof reason);
    streams_summary_figures(&report->summary, sentence, size);
    if (report->row_count == 1 && store_get(&report->run.store, report->rows[0], &only)) {
        streams_verdict(&only, sentence, size);
        return;
    }
    if (*reason) {
        char *rest = strchr(reason, '\n');
        if (rest)
            *rest++ = 0;
        snprintf(sentence, size, "%s", reason);
        snprintf(lead, size, "%s ", rest ? rest : "");
    }
    for (unsigned i = 0; i < STREAMS_BLAME_COUNT; i++) {
        all += report->blame[i];
        if (report->blame[i] > report->blame[most])
            most = i;
    }
    if (all)
        snprintf(lead + strlen(lead), size - strlen(lead),
                 "What held them longest: %s, %s, %.3g %% of their time.",
                 streams_blame_words((enum streams_blame)most),
                 cli_time_text(report->blame[most], time, sizeof time),
                 (double)report->blame[most] * 100 / (double)all);
}

#define REMARKS 8u
static size_t say_remarks(const struct streams_report *report, char texts[REMARKS][TEXT],
                          const char *remarks[REMARKS]) {
    const struct streams_totals *totals = &report->run.totals;
    const struct {
        uint64_t count;
        const char *format;
    } all[REMARKS] = {
        {report->partial,
         "A file is damaged or cut, so that this is about what could be read (%llu)."},
        {totals->cut_payloads,
         "%llu packets were not kept whole (snap length): bytes of theirs are missing."},
        {totals->offload_frames,
         "%llu frames are longer than any on the wire: the capture was made above segmentation "
         "offload, and a frame stands for several segments."},
        {totals->clock_steps, "The clock of the capture ran back %llu times."},
        {totals->unknown_link,
         "%llu frames are of a link layer that is not known and were passed over."},
        {totals->fragments_given_up + totals->fragments_waiting,
         "%llu fragmented datagrams never became whole."},
        {totals->connections_given_up,
         "%llu connections were put away early to stay within --memory."},
        {report->short_of_memory, "Memory ran out (%llu): not all charts reach to the end."},
    };
    size_t count = 0;
    for (size_t i = 0; i < REMARKS; i++) {
        if (!all[i].count)
            continue;
        snprintf(texts[count], TEXT, all[i].format, (unsigned long long)all[i].count);
        remarks[count] = texts[count];
        count++;
    }
    return count;
}

static void fill_report(struct page *page, struct report *out, struct report_state *states) {
    static const struct report_column columns[] = {
        {"sent", "different bytes of the client's stream", REPORT_BYTES, false},
        {"received", "different bytes of the server's stream", REPORT_BYTES, false},
        {"resent", "segments with bytes seen before", REPORT_COUNT, false},
        {"lost", "segments lost behind or before the tap", REPORT_COUNT, false},
        {"missing", "bytes acknowledged and not in the capture", REPORT_BYTES, true},
        {"round trip", "in the median", REPORT_TIME, false},
    };
    struct streams_report *report = page->report;
    for (unsigned i = 0; i < STREAMS_BLAME_COUNT; i++)
        states[i] = (struct report_state){rill__streams_blame_text((enum streams_blame)i),
                                          streams_blame_words((enum streams_blame)i), looks[i].hue,
                                          looks[i].blamed};
    *out = (struct report){.program = "rill streams",
                           .subject = report->run.options->paths[0],
                           .noun = "connection",
                           .nouns = "connections",
                           .numbered_from = "four-tuple",
                           .ends = {"client", "server"},
                           .follow = "rill streams FILE follow",
                           .states = states,
                           .state_count = STREAMS_BLAME_COUNT,
                           .columns = columns,
                           .column_count = sizeof columns / sizeof *columns,
                           .duration = report->summary.end - report->summary.start,
                           .count = report->row_count,
                           .context = page,
                           .connection = connection,
                           .detail = detail};
    out->notes = told_notes(&out->note_count);
}

bool streams_report_page(struct streams_report *report, report_sink sink, void *context) {
    static struct page page; /* large */
    struct report out;
    struct report_state states[STREAMS_BLAME_COUNT];
    char sentence[2 * STREAMS_TEXT], lead[2 * STREAMS_TEXT], figures[STREAMS_TEXT], files[32];
    char texts[REMARKS][TEXT];
    const char *remarks[REMARKS];
    page.report = report;
    fill_report(&page, &out, states);
    say_sentences(report, sentence, lead, sizeof sentence);
    streams_summary_figures(&report->summary, figures, sizeof figures);
    snprintf(files, sizeof files, "%zu files", report->run.options->path_count);
    struct report_fact facts[2];
    if (strcmp(figures, sentence) != 0)
        facts[out.fact_count++] = (struct report_fact){"", {figures, 0}};
    if (report->run.options->path_count > 1)
        facts[out.fact_count++] = (struct report_fact){"from", {files, 0}};
    out.sentence = sentence;
    out.lead = lead;
    out.facts = facts;
    out.remarks = remarks;
    out.remark_count = say_remarks(report, texts, remarks);
    return report_write(&out, cli_report_assets(), sink, context);
}
