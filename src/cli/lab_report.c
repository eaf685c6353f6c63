/* cli/lab_report.c: see lab_report.h. */
#include "cli/lab_report.h"

#include "base/util.h"
#include "cli/allocator.h"
#include "cli/text.h"
#include <string.h>

#define FIN 1u
#define SYN 2u
#define RST 4u
#define ACK 16u
#define POINTS 16000u /* of a line, shared by the flows */

bool lab_report_open(struct lab *lab, int argc, char **argv) {
    size_t size = 1;
    lab->report = calloc(1, sizeof *lab->report);
    for (int i = 1; i < argc; i++)
        size += strlen(argv[i]) + 1;
    char *at = lab->report ? malloc(size) : 0;
    if (!at) {
        cli_error("out of memory for the report");
        return false;
    }
    lab->report->asked = at;
    *at = '\0';
    for (int i = 1; i < argc; i++) {
        strcat(at, i > 1 ? " " : "");
        strcat(at, argv[i]);
    }
    return true;
}

void lab_report_close(struct lab *lab) {
    struct lab_report *report = lab->report;
    if (!report)
        return;
    for (size_t i = 0; i < report->count; i++) {
        for (size_t k = 0; k < LAB_LINES; k++)
            report_recorder_fini(&report->told[i]->lines[k]);
        report_strip_fini(&report->told[i]->strip);
        free(report->told[i]);
    }
    free(report->asked);
    free(report);
    lab->report = 0;
}

/* The end whose view is told. */
static int teller(const struct lab *lab) {
    return lab->ends[lab->sender].host ? lab->sender : !lab->sender;
}

static bool sends(const struct lab *lab) {
    return lab->ends[lab->sender].host;
}

/* Since the run began. */
static rill_time since(const struct lab *lab) {
    return lab->world.now - lab->started;
}

static struct lab_told *follow(struct lab *lab, const struct lab_flow *flow) {
    struct lab_report *report = lab->report;
    struct rill_allocator allocator = cli_allocator();
    size_t max = POINTS / (size_t)RILL_MIN(lab->flows, LAB_TOLD);
    struct lab_told *told = calloc(1, sizeof *told);
    if (!told) {
        report->failed = true;
        return 0;
    }
    told->flow = flow;
    told->looked = flow->opened;
    for (size_t i = 0; i < LAB_LINES; i++)
        report_recorder_init(&told->lines[i], &allocator, max, i <= LAB_PROBE);
    report_strip_init(&told->strip, &allocator, max);
    report->told[report->count++] = told;
    return told;
}

static struct lab_told *told_of(struct lab *lab, rill_handle handle) {
    struct lab_report *report = lab->report;
    int end = teller(lab);
    for (size_t i = 0; handle && i < report->count; i++) {
        size_t k = (report->last + i) % report->count;
        if (report->told[k]->flow->handles[end] == handle) {
            report->last = k;
            return report->told[k];
        }
    }
    return 0;
}

static void push(struct lab_told *told, enum lab_line line, rill_time at, uint64_t low,
                 uint64_t high) {
    report_recorder_push(&told->lines[line], (struct report_point){at, low, high, 0, 0});
}

/* For lines: only where the value is another. */
static void level(struct lab_told *told, enum lab_line line, rill_time at, uint64_t value) {
    struct report_recorder *recorder = &told->lines[line];
    if (!recorder->count || recorder->points[recorder->count - 1].low != value)
        push(told, line, at, value, value);
}

/* ---- the connection's own figures ---- */

void lab_report_look(struct lab *lab, const struct lab_flow *flow,
                     const struct rill_tcp_info *info) {
    struct lab_told *told = 0;
    rill_time now = since(lab);
    for (size_t i = 0; lab->report && i < lab->report->count; i++)
        if (lab->report->told[i]->flow == flow)
            told = lab->report->told[i];
    if (!told)
        return;
    rill_time at = told->looked - lab->started;
    for (size_t i = 0; i < RILL_LIMITER_COUNT; i++) {
        rill_time passed = info->limited_ns[i] - told->limited[i];
        report_strip_push(&told->strip, (struct report_span){at, at + passed, (uint32_t)i});
        told->limited[i] = info->limited_ns[i];
        at += passed;
    }
    told->looked = at + lab->started;
    rill_time shortest =
        info->min_rtt ? info->min_rtt : told->info.min_rtt; /* forgotten at the end */
    told->info = *info;
    told->info.min_rtt = shortest;
    if (!sends(lab) || info->state < RILL_TCP_ESTABLISHED)
        return;
    level(told, LAB_CWND, now, info->cwnd);
    if (info->ssthresh < UINT32_C(1) << 30)
        level(told, LAB_SSTHRESH, now, info->ssthresh);
    level(told, LAB_IN_FLIGHT, now, info->in_flight);
    level(told, LAB_WINDOW, now, info->send_window);
    level(told, LAB_EDGE, now, told->acked + info->send_window);
    if (info->rtt)
        level(told, LAB_SRTT, now, info->rtt);
}

void lab_report_step(struct lab *lab) {
    struct lab_report *report = lab->report;
    if (!report || lab->sender < 0)
        return;
    while (report->count < LAB_TOLD && report->count < lab->count &&
           follow(lab, &lab->list[report->count]))
        continue;
    for (size_t i = 0; i < report->count; i++) {
        const struct lab_flow *flow = report->told[i]->flow;
        struct rill_tcp_info info;
        rill_handle handle = flow->handles[teller(lab)];
        if (handle && rill_tcp_get_info(lab->world.stacks[teller(lab)], handle, &info) == 0)
            lab_report_look(lab, flow, &info);
    }
}

/* ---- the ladder ---- */

static struct lab_rung *rung(struct lab_told *told, rill_time at, uint32_t direction,
                             enum report_step kind) {
    if (told->rung_count == LAB_RUNGS) {
        told->untold++;
        return 0;
    }
    struct lab_rung *it = &told->rungs[told->rung_count++];
    it->rung = (struct report_rung){at, direction, kind, it->text, 0};
    it->last = at;
    return it;
}

/* One line for what came since the last one and is as it should be. */
static void fold(struct lab_told *told, rill_time at) {
    struct lab_rung *it = told->quiet ? rung(told, at, 0, REPORT_STEP_FOLD) : 0;
    if (it)
        snprintf(it->text, sizeof it->text, "%llu packet%s, nothing odd",
                 (unsigned long long)told->quiet, told->quiet == 1 ? "" : "s");
    told->quiet = 0;
}

static bool repeats(enum rill_cause cause) {
    return cause == RILL_CAUSE_FAST_RETRANSMIT || cause == RILL_CAUSE_PARTIAL_ACK ||
           cause == RILL_CAUSE_RACK || cause == RILL_CAUSE_RTO || cause == RILL_CAUSE_TAIL_PROBE ||
           cause == RILL_CAUSE_SYN_RESENT || cause == RILL_CAUSE_SYN_ACK_RESENT ||
           cause == RILL_CAUSE_WINDOW_PROBE;
}

/* Repeated segments of one cause and one round trip are one line. */
static void tell_repeat(struct lab_told *told, const struct rill_trace_record *record, rill_time at,
                        uint32_t direction) {
    struct lab_rung *last = told->rung_count ? &told->rungs[told->rung_count - 1] : 0;
    rill_time near = RILL_MAX(told->info.rtt, RILL_MILLISECOND);
    char size[32];
    if (!last || last->rung.kind != REPORT_STEP_BAD || last->cause != record->cause ||
        at - last->last > near) {
        fold(told, at);
        last = rung(told, at, direction, REPORT_STEP_BAD);
    }
    if (!last)
        return;
    last->cause = record->cause;
    last->last = at;
    last->count++;
    last->bytes += record->length;
    cli_size_text(last->bytes, size, sizeof size);
    if (last->count == 1)
        snprintf(last->text, sizeof last->text, "%s, %s", rill_cause_text(record->cause), size);
    else
        snprintf(last->text, sizeof last->text, "%llu times %s, %s",
                 (unsigned long long)last->count, rill_cause_text(record->cause), size);
}

static void tell(struct lab *lab, struct lab_told *told, const struct rill_trace_record *record) {
    rill_time at = record->now - lab->started;
    bool sent = record->kind == RILL_TRACE_SENT;
    uint32_t direction = (uint32_t)(sent ? teller(lab) : !teller(lab));
    struct lab_rung *it;
    told->packets++;
    if (sent && repeats(record->cause)) {
        tell_repeat(told, record, at, direction);
        return;
    }
    if (!(record->flags & (SYN | FIN | RST))) {
        told->quiet++;
        return;
    }
    fold(told, at);
    it = rung(told, at, direction, record->flags & RST ? REPORT_STEP_BAD : REPORT_STEP_PLAIN);
    if (!it)
        return;
    snprintf(it->text, sizeof it->text, "%s%s%s%s", record->flags & SYN ? "SYN" : "",
             record->flags & FIN ? "FIN" : "", record->flags & RST ? "RST" : "",
             record->flags & SYN && record->flags & ACK ? "-ACK" : "");
    if (record->length)
        snprintf(it->text + strlen(it->text), 32, " with %u B", record->length);
}

/* ---- segments ---- */

/* A sequence number as the offset in the stream, which is longer than the numbers go. */
static uint64_t offset_of(const struct lab_told *told, rill_seq sequence) {
    rill_seq near = told->first + (rill_seq)told->highest;
    int32_t apart = (int32_t)(sequence - near);
    return apart < 0 && told->highest < (uint64_t) - (int64_t)apart
               ? 0
               : told->highest + (uint64_t)(int64_t)apart;
}

static enum lab_line line_of(enum rill_cause cause, bool again) {
    if (cause == RILL_CAUSE_TAIL_PROBE || cause == RILL_CAUSE_WINDOW_PROBE)
        return LAB_PROBE;
    if (cause == RILL_CAUSE_RTO)
        return LAB_TIMEOUT;
    return again ? LAB_RESENT : LAB_SENT;
}

static void data(struct lab *lab, struct lab_told *told, const struct rill_trace_record *record) {
    rill_time at = record->now - lab->started;
    uint64_t from = offset_of(told, record->sequence), to = from + record->length;
    bool again = from < told->highest;
    push(told, line_of(record->cause, again), at, from, to);
    told->highest = RILL_MAX(told->highest, to);
    if (!sends(lab))
        return;
    level(told, LAB_IN_FLIGHT, at, (uint64_t)record->in_flight + record->length);
    if (again)
        report_timer_again(&told->timer, from, to);
    else
        report_timer_sent(&told->timer, from, to, at);
}

static void acknowledgement(struct lab *lab, struct lab_told *told,
                            const struct rill_trace_record *record) {
    rill_time at = record->now - lab->started;
    uint64_t acked = RILL_MIN(offset_of(told, record->acknowledgement), told->highest);
    if (acked <= told->acked && told->lines[LAB_ACKED].count)
        return;
    told->acked = acked;
    push(told, LAB_ACKED, at, acked, acked);
    rill_time trip = sends(lab) ? report_timer_acked(&told->timer, acked, at) : 0;
    if (trip)
        push(told, LAB_RTT, at, trip, trip);
}

void lab_report_record(struct lab *lab, int end, const struct rill_trace_record *record) {
    struct lab_told *told;
    if (end != teller(lab) || record->kind > RILL_TRACE_RECEIVED ||
        !(told = told_of(lab, record->handle)))
        return;
    bool sent = record->kind == RILL_TRACE_SENT, of_data = sent == sends(lab);
    tell(lab, told, record);
    if (of_data && !told->numbered && (record->flags & SYN || record->length)) {
        told->numbered = true;
        told->first = record->sequence + (record->flags & SYN ? 1 : 0);
    }
    if (of_data && record->length && told->numbered)
        data(lab, told, record);
    if (!of_data && record->flags & ACK && told->numbered)
        acknowledgement(lab, told, record);
}
