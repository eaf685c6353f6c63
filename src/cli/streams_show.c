/* cli/streams_show.c: `show N`, `why N`, `events` and `export`: one connection's facts, the
 * evidence behind its verdict, all events, and tables. */
#include "cli/streams.h"

#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS_KEPT = 4096, EVENTS_SHOWN = 40 };

/* The events of one connection; of many only the first are kept, but all are counted. */
struct watch {
    uint64_t number;
    struct streams_event *list;
    size_t count, room;
    uint64_t counts[STREAMS_EVENT_COUNT][2];
};

static void keep_event(void *context, const struct streams_event *event) {
    struct watch *watch = context;
    if (event->connection != watch->number)
        return;
    watch->counts[event->kind][event->side]++;
    if (watch->count == EVENTS_KEPT)
        return;
    if (watch->count == watch->room) {
        size_t room = watch->room ? 2 * watch->room : 64;
        struct streams_event *list = realloc(watch->list, room * sizeof *list);
        if (!list)
            return;
        watch->list = list;
        watch->room = room;
    }
    watch->list[watch->count++] = *event;
}

static const char *bar(uint64_t part, uint64_t whole, char out[41]) {
    size_t length = whole ? (size_t)((double)part * 40 / (double)whole + 0.5) : 0;
    memset(out, '#', length > 40 ? 40 : length);
    out[length > 40 ? 40 : length] = 0;
    return out;
}

static void print_blame(const struct streams_connection *connection) {
    char line[41], time[32];
    for (unsigned i = 0; i < STREAMS_BLAME_COUNT; i++) {
        if (!connection->blame[i])
            continue;
        printf("  %-24s %9s %5.1f %%  %s\n", streams_blame_words((enum streams_blame)i),
               cli_time_text(connection->blame[i], time, sizeof time),
               (double)connection->blame[i] * 100 / (double)connection->duration,
               bar(connection->blame[i], connection->duration, line));
    }
}

static void print_number(const char *name, uint64_t client, uint64_t server) {
    char texts[2][24];
    uint64_t values[2] = {client, server};
    if (!client && !server)
        return;
    for (unsigned i = 0; i < 2; i++)
        snprintf(texts[i], sizeof texts[i], "%llu", (unsigned long long)values[i]);
    printf("  %-24s %12s %12s\n", name, client == STREAMS_UNKNOWN ? "unknown" : texts[0],
           server == STREAMS_UNKNOWN ? "unknown" : texts[1]);
}

static void print_rtt(const struct streams_connection *connection) {
    char least[32], median[32], most[32];
    if (connection->rtt_min == STREAMS_UNKNOWN)
        return;
    printf("round trip: %s at least, %s in the median, %s at p99; the tap stands %s%s\n",
           cli_time_text(connection->rtt_min, least, sizeof least),
           cli_time_text(connection->rtt_median, median, sizeof median),
           cli_time_text(connection->rtt_p99, most, sizeof most),
           connection->tap == STREAMS_TAP_MIDDLE    ? "between both"
           : connection->tap == STREAMS_TAP_UNKNOWN ? "somewhere"
                                                    : "near the ",
           connection->tap == STREAMS_TAP_CLIENT   ? "client"
           : connection->tap == STREAMS_TAP_SERVER ? "server"
                                                   : "");
}

static void print_connection(const struct streams_run *run,
                             const struct streams_connection *connection) {
    char client[RILL_ENDPOINT_TEXT], server[RILL_ENDPOINT_TEXT], time[32], scope[96],
        verdict[STREAMS_TEXT];
    const struct streams_side *a = &connection->sides[0], *b = &connection->sides[1];
    const char *closed_by = streams_closed_by_text(connection->closed_by);
    streams_verdict(connection, verdict, sizeof verdict);
    streams_scope_text(run->streams, connection->scope, scope, sizeof scope);
    printf("Connection %llu: %s\n\n", (unsigned long long)connection->number, verdict);
    printf("%s -> %s%s%s; life %llu of these addresses and ports\n",
           streams_endpoint_text(connection, 0, client),
           streams_endpoint_text(connection, 1, server), scope[0] ? " in " : "", scope,
           (unsigned long long)connection->incarnation);
    printf("%s%s%s; frames %llu to %llu, %s; the handshake is %s in the capture\n",
           rill__streams_state_text((enum streams_state)connection->state),
           closed_by ? ", by " : "", closed_by ? closed_by : "",
           (unsigned long long)connection->first_frame, (unsigned long long)connection->last_frame,
           cli_time_text(connection->duration, time, sizeof time),
           connection->handshake == STREAMS_HANDSHAKE_NONE
               ? "not"
               : streams_handshake_text(connection->handshake));
    print_rtt(connection);
    printf("SACK %s, timestamps %s\n", connection->sack ? "yes" : "no",
           connection->timestamps ? "yes" : "no");
    if (connection->given_up)
        printf("It was put away early because memory was short: later packets are not in it.\n");
    printf("\n  %-24s %12s %12s\n", "", "client", "server");
#define SIDE(name, member) print_number(name, a->member, b->member)
    SIDE("packets", packets);
    SIDE("bytes of the stream", bytes);
    SIDE("resent segments", resent_segments);
    SIDE("resent bytes", resent_bytes);
    SIDE("  not needed", spurious_segments);
    SIDE("  lost behind the tap", lost_segments);
    SIDE("repaired before the tap", repaired_segments);
    SIDE("reordered segments", reordered_segments);
    SIDE("second sightings", duplicate_sightings);
    SIDE("missing bytes", missing_bytes);
    SIDE("lost bytes", lost_bytes);
    SIDE("conflicting bytes", conflicting_bytes);
    SIDE("not compared bytes", uncompared_bytes);
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
    if (connection->rejected_syns)
        printf("  %llu SYN with other numbers came and was rejected\n",
               (unsigned long long)connection->rejected_syns);
    if (connection->icmp_errors)
        printf("  %llu ICMP errors quote it\n", (unsigned long long)connection->icmp_errors);
    if (connection->duration) {
        printf("\nwhat held it:\n");
        print_blame(connection);
    }
}

static int pass_for_one(struct streams_run *run, struct watch *watch,
                        struct streams_connection *connection) {
    watch->number = run->options->number;
    run->context = watch;
    run->event = keep_event;
    int code = streams_pass(run);
    if (code != CLI_DONE && code != CLI_PARTIAL)
        return code;
    return streams_connection_get(run, watch->number, connection) ? code : CLI_FAILED;
}

static void print_event(const struct streams_event *event, rill_time start) {
    char when[32], took[32];
    cli_time_text(event->when > start ? event->when - start : 0, when, sizeof when);
    printf("  %9s  frame %-8llu %-15s", when, (unsigned long long)event->frame,
           rill__streams_event_text(event->kind));
    if (event->kind == STREAMS_EVENT_STALL)
        printf(" %s: %s\n", cli_time_text(event->duration, took, sizeof took),
               streams_blame_words(event->blame));
    else
        printf(" %s bytes %llu to %llu: %s (%s)\n", event->side ? "server's" : "client's",
               (unsigned long long)event->position,
               (unsigned long long)(event->position + event->length),
               rill__streams_evidence_text(event->evidence), event->sure ? "sure" : "likely");
}

static int show(const struct streams_options *options, bool why) {
    struct streams_run run = {0};
    struct watch watch = {0};
    struct streams_connection connection;
    char verdict[STREAMS_TEXT];
    run.options = options;
    int code = pass_for_one(&run, &watch, &connection);
    if (code == CLI_DONE || code == CLI_PARTIAL) {
        if (options->json) {
            streams_print_json(stdout, run.streams, &connection);
            for (size_t i = 0; why && i < watch.count; i++)
                streams_print_event(stdout, &watch.list[i]);
        } else if (why) {
            streams_verdict(&connection, verdict, sizeof verdict);
            printf("Connection %llu: %s\n\n", (unsigned long long)connection.number, verdict);
            print_blame(&connection);
            printf("\nevidence:\n");
            for (size_t i = 0; i < watch.count && i < EVENTS_SHOWN; i++)
                print_event(&watch.list[i], connection.start);
            if (watch.count > EVENTS_SHOWN)
                printf("  ... and more: rill streams FILE events --json\n");
            else if (!watch.count)
                printf("  nothing was lost, sent again, late or silent\n");
        } else {
            print_connection(&run, &connection);
        }
        code = streams_fail_code(options, &run, code);
    }
    free(watch.list);
    streams_run_close(&run);
    return code;
}

int streams_show(const struct streams_options *options) {
    return show(options, false);
}

int streams_why(const struct streams_options *options) {
    return show(options, true);
}

static void write_event(void *context, const struct streams_event *event) {
    streams_print_event(context, event);
}

int streams_events(const struct streams_options *options) {
    struct streams_run run = {0};
    run.options = options;
    run.event = write_event;
    run.context = stdout;
    run.quiet = true;
    int code = streams_pass(&run);
    streams_run_close(&run);
    return code;
}
