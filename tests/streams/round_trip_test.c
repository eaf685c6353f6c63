/* tests/streams/round_trip_test.c: random runs of two hosts, captured at three places and taken
 * apart again: what the analyser finds must be what the stacks know of themselves.
 *
 *     round_trip_test            300 runs
 *     round_trip_test N          N runs
 *     round_trip_test seed N     that run alone, with every flow's account
 *     round_trip_test write N TAP FILE [MISSING]
 *                                its capture at the client's end (0), in the middle (1) or at the
 *                                server's end (2), as a pcap file; of MISSING frames one is not in
 * it
 *
 * A connection's account of what held it is compared in the words of both: what the stack calls by
 * eleven names the packets show as seven. */
#include "streams/round_trip.h"

#include "base/random.h"
#include "base/util.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RESULTS 64

/* What both accounts can be told in. */
#define KINDS(X)                                                                                   \
    X(HANDSHAKE, "handshake")                                                                      \
    X(APPLICATION, "application")                                                                  \
    X(SENDER, "sender")                                                                            \
    X(RECEIVER, "receiver")                                                                        \
    X(LOSS, "loss")                                                                                \
    X(NETWORK, "network")                                                                          \
    X(CLOSING, "closing")
enum kind {
#define KIND_ENUM(name, text) KIND_##name,
    KINDS(KIND_ENUM)
#undef KIND_ENUM
        KIND_COUNT
};
static const char *const kind_names[] = {
#define KIND_NAME(name, text) text,
    KINDS(KIND_NAME)
#undef KIND_NAME
};

struct tally {
    uint64_t runs, captures, flows, judged, within;
    uint64_t blame_runs, runs_within;
    uint64_t wrong_counts;
    uint64_t wrong[KIND_COUNT][KIND_COUNT];  /* ns: [what it was][what was said] */
    uint64_t failed[KIND_COUNT][KIND_COUNT]; /* flows, by their largest error */
    bool loud;
};

struct analysis {
    struct streams_connection results[RESULTS];
    size_t count;
};

static void *allocate(void *context, size_t size) {
    (void)context;
    return malloc(size);
}

static void release(void *context, void *memory, size_t size) {
    (void)context;
    (void)size;
    free(memory);
}

static void on_connection(void *context, const struct streams_connection *connection) {
    struct analysis *analysis = context;
    if (analysis->count < RESULTS)
        analysis->results[analysis->count] = *connection;
    analysis->count++;
}

/* `missing`: of so many frames one is not in the capture, handshakes aside; 0: all are. */
static void analyse(const struct round_trip *run, enum round_trip_tap tap, uint32_t missing,
                    struct analysis *analysis) {
    const struct round_trip_capture *capture = &run->captures[tap];
    const uint64_t key[2] = {run->seed, tap};
    struct streams_config config = {0};
    struct random random;
    rill__random_init(&random, key);
    analysis->count = 0;
    config.allocator = (struct rill_allocator){0, allocate, release};
    config.context = analysis;
    config.connection = on_connection;
    config.awake_max = run->seed % 2 ? STREAMS_AWAKE_NONE : 0; /* which must not matter */
    struct streams *streams = rill__streams_open(&config);
    if (!streams)
        abort();
    for (size_t i = 0; i < capture->count; i++)
        if (!missing || rill__random_below(&random, missing))
            rill__streams_frame(streams, &capture->frames[i]);
    rill__streams_finish(streams);
    rill__streams_close(streams);
}

/* Whose connection it is: they begin in the order in which they were opened. */
static const struct streams_connection *find(const struct analysis *analysis,
                                             const struct round_trip *run, unsigned flow) {
    uint64_t life = 1;
    for (unsigned i = 0; i < flow; i++)
        life += run->flows[i].port == run->flows[flow].port;
    for (size_t i = 0; i < analysis->count && i < RESULTS; i++)
        if (analysis->results[i].sides[0].port == run->flows[flow].port &&
            analysis->results[i].incarnation == life)
            return &analysis->results[i];
    return 0;
}

static void complain(struct tally *tally, const struct round_trip *run, const char *what,
                     enum round_trip_tap tap, uint64_t told, uint64_t true_one) {
    static const char *const taps[] = {"client", "middle", "server"};
    tally->wrong_counts++;
    printf("# %s at the %s's end: %" PRIu64 " told, %" PRIu64 " in truth; alone: "
           "round_trip_test seed %" PRIu64 "\n",
           what, taps[tap], told, true_one, run->seed);
}

static void truth_of(const struct round_trip_flow *flow, const struct streams_connection *told,
                     uint64_t kinds[KIND_COUNT]) {
    static const enum kind from[RILL_LIMITER_COUNT] = {
        [RILL_LIMITER_HANDSHAKE] = KIND_HANDSHAKE,
        [RILL_LIMITER_APPLICATION] = KIND_APPLICATION,
        [RILL_LIMITER_RECEIVER_WINDOW] = KIND_RECEIVER,
        [RILL_LIMITER_SLOW_START] = KIND_NETWORK,
        [RILL_LIMITER_AVOIDANCE] = KIND_NETWORK,
        [RILL_LIMITER_PACING] = KIND_SENDER,
        [RILL_LIMITER_SEND_BUFFER] = KIND_SENDER,
        [RILL_LIMITER_RECOVERY] = KIND_LOSS,
        [RILL_LIMITER_RTO] = KIND_LOSS,
        [RILL_LIMITER_PERSIST] = KIND_RECEIVER,
        [RILL_LIMITER_CLOSING] = KIND_CLOSING,
    };
    const uint64_t *limited = flow->info[flow->sender].limited_ns;
    uint64_t sum = 0;
    memset(kinds, 0, KIND_COUNT * sizeof *kinds);
    for (unsigned i = 0; i < RILL_LIMITER_COUNT; i++)
        if (from[i] != KIND_CLOSING)
            kinds[from[i]] += limited[i], sum += limited[i];
    /* Before a listener's end has an account it is shaking hands. */
    rill_time start = told->start - ROUND_TRIP_EPOCH, born = flow->born[flow->sender];
    uint64_t before = born > start ? born - start : 0;
    kinds[KIND_HANDSHAKE] += before;
    sum += before;
    /* What comes when the stack has forgotten it is closing too. */
    kinds[KIND_CLOSING] = told->duration > sum ? told->duration - sum : 0;
}

static void told_of(const struct round_trip_flow *flow, const struct streams_connection *told,
                    uint64_t kinds[KIND_COUNT]) {
    enum streams_blame own = flow->sender ? STREAMS_BLAME_SERVER : STREAMS_BLAME_CLIENT;
    memset(kinds, 0, KIND_COUNT * sizeof *kinds);
    kinds[KIND_HANDSHAKE] = told->blame[STREAMS_BLAME_HANDSHAKE];
    kinds[KIND_APPLICATION] = told->blame[own] + told->blame[STREAMS_BLAME_IDLE];
    kinds[KIND_SENDER] = told->blame[STREAMS_BLAME_SENDER_WINDOW];
    kinds[KIND_RECEIVER] = told->blame[STREAMS_BLAME_RECEIVER_WINDOW];
    kinds[KIND_LOSS] = told->blame[STREAMS_BLAME_LOSS];
    kinds[KIND_NETWORK] = told->blame[STREAMS_BLAME_QUEUE] + told->blame[STREAMS_BLAME_DISTANCE];
    kinds[KIND_CLOSING] = told->blame[STREAMS_BLAME_CLOSING];
}

static void print_kinds(const char *what, const uint64_t kinds[KIND_COUNT]) {
    printf("#   %s:", what);
    for (unsigned i = 0; i < KIND_COUNT; i++)
        printf(" %s %.1f", kind_names[i], (double)kinds[i] / 1e6);
    printf(" ms\n");
}

/* Of what was said too much of, the share of each that was said too little of. */
static bool judge_flow(struct tally *tally, const struct round_trip *run,
                       const struct round_trip_flow *flow, const struct streams_connection *told) {
    uint64_t truth[KIND_COUNT], said[KIND_COUNT], over = 0, most = 0, least = 0;
    uint64_t allowed = RILL_MAX(told->duration / 20, 2 * run->rtt);
    unsigned worst = 0, instead = 0;
    bool within = true;
    truth_of(flow, told, truth);
    told_of(flow, told, said);
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        uint64_t differs = truth[i] > said[i] ? truth[i] - said[i] : said[i] - truth[i];
        within &= differs <= allowed;
        over += said[i] > truth[i] ? said[i] - truth[i] : 0;
        if (truth[i] > said[i] && differs > most)
            most = differs, worst = i;
        if (said[i] > truth[i] && differs > least)
            least = differs, instead = i;
    }
    for (unsigned i = 0; i < KIND_COUNT; i++)
        for (unsigned j = 0; j < KIND_COUNT && over; j++)
            if (truth[i] > said[i] && said[j] > truth[j])
                tally->wrong[i][j] += (uint64_t)((double)(truth[i] - said[i]) *
                                                 (double)(said[j] - truth[j]) / (double)over);
    tally->judged++;
    tally->within += within;
    if (!within) {
        tally->failed[worst][instead]++;
        printf("# %s said to be %s; alone: round_trip_test seed %" PRIu64 "\n", kind_names[worst],
               kind_names[instead], run->seed);
    }
    if (tally->loud) {
        printf("# port %u, host %d sends %" PRIu64 " bytes: %s\n", flow->port, flow->sender,
               flow->bytes, within ? "within" : "NOT within");
        print_kinds("truth", truth);
        print_kinds("told ", said);
        printf("#   slow start %.1f avoidance %.1f pacing %.1f buffer %.1f\n",
               (double)flow->info[flow->sender].limited_ns[RILL_LIMITER_SLOW_START] / 1e6,
               (double)flow->info[flow->sender].limited_ns[RILL_LIMITER_AVOIDANCE] / 1e6,
               (double)flow->info[flow->sender].limited_ns[RILL_LIMITER_PACING] / 1e6,
               (double)flow->info[flow->sender].limited_ns[RILL_LIMITER_SEND_BUFFER] / 1e6);
    }
    return within;
}

/* Everything is in this capture. */
static void compare_whole(struct tally *tally, const struct round_trip *run,
                          enum round_trip_tap tap, const struct analysis *analysis) {
    bool within = true, judged = false;
    for (unsigned i = 0; i < run->flow_count; i++) {
        const struct round_trip_flow *flow = &run->flows[i];
        const struct streams_connection *told = find(analysis, run, i);
        if (!told)
            continue; /* the number has been complained of */
        const struct streams_side *side = &told->sides[flow->sender];
        bool beside = tap == (flow->sender ? TAP_SERVER : TAP_CLIENT);
        if (side->bytes != flow->bytes)
            complain(tally, run, "bytes", tap, side->bytes, flow->bytes);
        if (side->missing_bytes || side->lost_bytes)
            complain(tally, run, "bytes missing or lost", tap,
                     side->missing_bytes + side->lost_bytes, 0);
        if (!beside)
            continue;
        uint64_t resent = flow->info[flow->sender].bytes_resent;
        if (side->resent_bytes != resent)
            complain(tally, run, "bytes resent", tap, side->resent_bytes, resent);
        if (side->reordered_segments || side->repaired_segments)
            complain(tally, run, "reordered or repaired beside the sender", tap,
                     side->reordered_segments + side->repaired_segments, 0);
        within &= judge_flow(tally, run, flow, told);
        judged = true;
    }
    tally->blame_runs += judged;
    tally->runs_within += judged && within;
}

static void one_run(struct tally *tally, uint64_t seed) {
    static struct round_trip run;
    static struct analysis analysis;
    const char *wrong = round_trip_run(&run, seed);
    tally->runs++;
    if (tally->loud)
        round_trip_tell(&run, stdout);
    if (wrong) {
        tally->wrong_counts++;
        printf("# %s; alone: round_trip_test seed %" PRIu64 "\n", wrong, seed);
    }
    for (unsigned tap = 0; tap < TAPS && !wrong; tap++) {
        static const uint32_t shares[] = {0, 200, 20};
        for (unsigned i = 0; i < 3; i++) {
            analyse(&run, tap, shares[i], &analysis);
            tally->captures++;
            if (analysis.count != run.flow_count)
                complain(tally, &run,
                         shares[i] ? "connections, with packets missing," : "connections", tap,
                         analysis.count, run.flow_count);
            if (!shares[i])
                compare_whole(tally, &run, tap, &analysis);
        }
    }
    round_trip_close(&run);
}

static void put32(FILE *out, uint32_t value) {
    for (int i = 0; i < 4; i++)
        fputc((int)(value >> 8 * i & 255), out);
}

/* A capture as a pcap file (nanoseconds, raw IP). Nonzero: it could not be written. */
static int write_capture(uint64_t seed, enum round_trip_tap tap, const char *name,
                         uint32_t missing) {
    static const uint32_t header[] = {0xa1b23c4d, 2 | 4 << 16, 0, 0, 65535, 101};
    static struct round_trip run;
    const uint64_t key[2] = {seed, tap};
    struct random random;
    FILE *out = fopen(name, "wb");
    rill__random_init(&random, key);
    if (!out || round_trip_run(&run, seed))
        return 1;
    for (unsigned i = 0; i < 6; i++)
        put32(out, header[i]);
    for (size_t i = 0; i < run.captures[tap].count; i++) {
        const struct streams_frame *frame = &run.captures[tap].frames[i];
        if (missing && !rill__random_below(&random, missing))
            continue;
        put32(out, (uint32_t)(frame->when / RILL_SECOND));
        put32(out, (uint32_t)(frame->when % RILL_SECOND));
        put32(out, frame->length);
        put32(out, frame->wire_length);
        fwrite(frame->data, 1, frame->length, out);
    }
    round_trip_close(&run);
    return fclose(out) != 0;
}

static void print_matrix(const struct tally *tally) {
    printf("# seconds (and flows not within) that were one thing and were said to be another\n");
    for (unsigned i = 0; i < KIND_COUNT; i++)
        for (unsigned j = 0; j < KIND_COUNT; j++)
            if (tally->wrong[i][j] > 10 * RILL_MILLISECOND || tally->failed[i][j])
                printf("#   %-12s said to be %-12s %9.2f s %5" PRIu64 " flows\n", kind_names[i],
                       kind_names[j], (double)tally->wrong[i][j] / 1e9, tally->failed[i][j]);
}

/* What packets cannot tell, and what a later look might mend, is in docs/streams.md. */
#define WITHIN_PERCENT 95

static bool report(const struct tally *tally) {
    bool whole = !tally->wrong_counts;
    bool blamed =
        tally->blame_runs && tally->runs_within * 100 >= tally->blame_runs * WITHIN_PERCENT;
    printf("%s 1 - connections, bytes, bytes resent are the stacks' own\n",
           whole ? "ok" : "not ok");
    printf("%s 2 - what held them is, within the tolerance, for %d of 100 runs\n",
           blamed ? "ok" : "not ok", WITHIN_PERCENT);
    puts("1..2");
    return whole && blamed;
}

int main(int argc, char **argv) {
    static struct tally tally;
    uint64_t runs = 300;
    if ((argc == 5 || argc == 6) && !strcmp(argv[1], "write"))
        return write_capture(strtoull(argv[2], 0, 10),
                             (enum round_trip_tap)(strtoul(argv[3], 0, 10) % TAPS), argv[4],
                             argc == 6 ? (uint32_t)strtoul(argv[5], 0, 10) : 0);
    if (argc == 3 && !strcmp(argv[1], "seed")) {
        tally.loud = true;
        one_run(&tally, strtoull(argv[2], 0, 10));
    } else {
        runs = argc > 1 ? strtoull(argv[1], 0, 10) : runs;
        for (uint64_t seed = 1; seed <= runs; seed++)
            one_run(&tally, seed);
    }
    print_matrix(&tally);
    printf("# %" PRIu64 " runs, %" PRIu64 " captures, %" PRIu64 " of %" PRIu64
           " flows within, %" PRIu64 " of %" PRIu64 " runs\n",
           tally.runs, tally.captures, tally.within, tally.judged, tally.runs_within,
           tally.blame_runs);
    return !report(&tally);
}
