/* cli/lab_print.c: what came of a lab, for people or as one JSON object. */
#include "cli/lab.h"

#include "base/util.h"
#include "cli/limiter_bar.h"
#include "cli/text.h"

/* name in JSON, member of struct rill_path_info, words */
#define LAB_DROPS(X)                                                                               \
    X(loss, lost, "by chance")                                                                     \
    X(list, listed, "by the list")                                                                 \
    X(queue, queue_dropped, "at the full queue")                                                   \
    X(codel, codel_dropped, "by codel")                                                            \
    X(policer, policed, "by the policer")                                                          \
    X(mtu, mtu_dropped, "as too long")                                                             \
    X(no_memory, no_memory, "for want of memory")

uint64_t lab_took(const struct lab_flow *flow) {
    return flow->complete ? flow->completed - flow->opened : 0;
}

/* bit/s */
uint64_t lab_goodput(const struct lab_flow *flow) {
    uint64_t us = lab_took(flow) / 1000;
    if (!us)
        return 0;
    return flow->received < UINT64_MAX / 8000000
               ? flow->received * 8000000 / us
               : (uint64_t)((double)flow->received * 8e6 / (double)us);
}

bool lab_ok(const struct lab *lab) {
    for (uint64_t i = 0; i < lab->count; i++)
        if (lab->list[i].failed || !lab->list[i].complete)
            return false;
    return lab->sender < 0 || lab->count == lab->flows || lab->stopped;
}

void lab_print_flow(FILE *out, const struct lab *lab, uint64_t number) {
    const struct lab_flow *flow = &lab->list[number];
    char a[RILL_ENDPOINT_TEXT], b[RILL_ENDPOINT_TEXT], size[32], time[32], rate[32];
    bool forth = lab->sender == 0;
    fprintf(out, "flow %llu  %s %s %s  ", (unsigned long long)number + 1,
            rill_endpoint_format(&flow->sockets[0], a), forth ? "->" : "<-",
            rill_endpoint_format(&flow->sockets[1], b));
    cli_size_text(flow->received, size, sizeof size);
    if (!flow->complete || flow->failed) {
        fprintf(out, "%s, then it failed%s%s\n", size, flow->error ? ": " : "",
                flow->error ? rill_error_text(flow->error) : "");
        return;
    }
    fprintf(out, "%s in %s, %s", size, cli_time_text(lab_took(flow), time, sizeof time),
            cli_rate_text(lab_goodput(flow), rate, sizeof rate));
    if (lab->ends[lab->sender].host)
        fprintf(out, ", %llu resent", (unsigned long long)flow->info.segments_resent);
    fprintf(out, "\n");
}

static void print_late(FILE *out, const struct lab *lab, int way) {
    const struct histogram *late = &lab->late[way];
    if (lab->unread[way])
        fprintf(out, "        %llu more came that the kernel had no room for\n",
                (unsigned long long)lab->unread[way]);
    if (lab->refused[way])
        fprintf(out, "        %llu were not taken by the device at the end\n",
                (unsigned long long)lab->refused[way]);
    fprintf(out,
            "        handed over late by %.1f us in the median, %.1f us at p99, %.1f us at most\n",
            (double)rill__histogram_quantile(late, 1, 2) / 1e3,
            (double)rill__histogram_quantile(late, 99, 100) / 1e3, (double)lab->latest[way] / 1e3);
}

void lab_print_path(FILE *out, const struct lab *lab, int way) {
    struct rill_path_info info;
    char most[32], median[32];
    const char *comma = "; dropped";
    rill_path_get_info(lab->world.paths[way], &info);
    fprintf(out, "%s  %llu frames in, %llu out; queue %s at most, %s in the median",
            way ? "b to a" : "a to b", (unsigned long long)info.frames_in,
            (unsigned long long)info.frames_out, cli_size_text(info.queue_max, most, sizeof most),
            cli_size_text(info.queue_median, median, sizeof median));
#define LAB_DROP_PRINT(name, member, words)                                                        \
    if (info.member) {                                                                             \
        fprintf(out, "%s %llu %s", comma, (unsigned long long)info.member, words);                 \
        comma = ",";                                                                               \
    }
    LAB_DROPS(LAB_DROP_PRINT)
#undef LAB_DROP_PRINT
    if (info.marked)
        fprintf(out, "; marked %llu", (unsigned long long)info.marked);
    fprintf(out, "\n");
    if (lab->real)
        print_late(out, lab, way);
}

void lab_print(const struct lab *lab) {
    char time[32];
    rill_time passed = lab->world.now - lab->started;
    for (uint64_t i = 0; i < lab->count; i++) {
        const struct lab_flow *flow = &lab->list[i];
        lab_print_flow(stdout, lab, i);
        if (lab->ends[lab->sender].host && flow->complete && !flow->failed)
            cli_limiter_bar("        ", flow->info.limited_ns);
    }
    for (int way = 0; way < 2; way++)
        lab_print_path(stdout, lab, way);
    cli_time_text(passed, time, sizeof time);
    if (lab->real)
        printf("%s of real time, %.1f %% of a processor\n", time,
               passed ? (double)lab->cpu_us * 1e5 / (double)passed : 0.0);
    else
        printf("%s of virtual time; seed %llu\n", time, (unsigned long long)lab->seed);
}

static void json_flow(const struct lab *lab, const struct lab_flow *flow) {
    char a[RILL_ENDPOINT_TEXT], b[RILL_ENDPOINT_TEXT];
    bool complete = flow->complete && !flow->failed;
    printf("{\"ok\":%s,\"a\":\"%s\",\"b\":\"%s\",\"sender\":\"%c\",\"bytes\":%llu,"
           "\"completion_ns\":",
           complete ? "true" : "false", rill_endpoint_format(&flow->sockets[0], a),
           rill_endpoint_format(&flow->sockets[1], b), 'a' + lab->sender,
           (unsigned long long)flow->received);
    printf(complete ? "%llu" : "null", (unsigned long long)lab_took(flow));
    printf(",\"goodput_bps\":%llu,\"resent_segments\":", (unsigned long long)lab_goodput(flow));
    printf(lab->ends[lab->sender].host ? "%llu" : "null",
           (unsigned long long)flow->info.segments_resent);
    printf(",\"limiter\":{");
    const char *comma = "";
#define LAB_LIMITER(name, text)                                                                    \
    printf("%s\"%s\":%llu", comma, text, (unsigned long long)flow->info.limited_ns[name]);         \
    comma = ",";
    RILL_LIMITERS(LAB_LIMITER)
#undef LAB_LIMITER
    printf("}}");
}

static void json_path(const struct lab *lab, int way) {
    struct rill_path_info info;
    const char *comma = "";
    rill_path_get_info(lab->world.paths[way], &info);
    printf("{\"from\":\"%c\",\"to\":\"%c\",\"frames_in\":%llu,\"frames_out\":%llu,"
           "\"bytes_in\":%llu,\"bytes_out\":%llu,\"queue_bytes\":{\"max\":%llu,\"median\":%llu},"
           "\"drops\":{",
           'a' + way, 'b' - way, (unsigned long long)info.frames_in,
           (unsigned long long)info.frames_out, (unsigned long long)info.bytes_in,
           (unsigned long long)info.bytes_out, (unsigned long long)info.queue_max,
           (unsigned long long)info.queue_median);
#define LAB_DROP_JSON(name, member, words)                                                         \
    printf("%s\"%s\":%llu", comma, #name, (unsigned long long)info.member);                        \
    comma = ",";
    LAB_DROPS(LAB_DROP_JSON)
#undef LAB_DROP_JSON
    printf("},\"marked\":%llu,\"duplicated\":%llu,\"corrupted\":%llu,\"reordered\":%llu",
           (unsigned long long)info.marked, (unsigned long long)info.duplicated,
           (unsigned long long)info.corrupted, (unsigned long long)info.reordered);
    if (lab->real)
        printf(",\"lateness_ns\":{\"median\":%llu,\"p99\":%llu,\"max\":%llu},"
               "\"unread\":%llu,\"refused\":%llu",
               (unsigned long long)rill__histogram_quantile(&lab->late[way], 1, 2),
               (unsigned long long)rill__histogram_quantile(&lab->late[way], 99, 100),
               (unsigned long long)lab->latest[way], (unsigned long long)lab->unread[way],
               (unsigned long long)lab->refused[way]);
    printf("}");
}

void lab_print_json(const struct lab *lab) {
    printf("{\"ok\":%s,\"real_time\":%s,\"seed\":%llu,\"congestion\":\"%s\",\"time_ns\":%llu,",
           lab_ok(lab) ? "true" : "false", lab->real ? "true" : "false",
           (unsigned long long)lab->seed, lab->congestion_name,
           (unsigned long long)(lab->world.now - lab->started));
    if (lab->real)
        printf("\"cpu_ns\":%llu,", (unsigned long long)lab->cpu_us * 1000);
    printf("\"flows\":[");
    for (uint64_t i = 0; i < lab->count; i++) {
        printf(i ? "," : "");
        json_flow(lab, &lab->list[i]);
    }
    printf("],\"paths\":[");
    json_path(lab, 0);
    printf(",");
    json_path(lab, 1);
    printf("]}\n");
}
