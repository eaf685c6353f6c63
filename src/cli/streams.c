/* cli/streams.c: `rill streams`: the connections in a capture. Options, the verbs, and the pass
 * over the files that all of them make. */
#include "cli/streams.h"

#include "cli/allocator.h"
#include "cli/streams_index.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    int (*run)(const struct streams_options *options);
    bool numbered; /* about one connection */
} verbs[] = {
    {"list", streams_list, false},     {"show", streams_show, true},
    {"why", streams_why, true},        {"follow", streams_follow, true},
    {"ladder", streams_ladder, true},  {"cut", streams_cut, true},
    {"export", streams_export, false}, {"events", streams_events, false},
    {"report", streams_report, false},
};
#define VERBS (sizeof verbs / sizeof *verbs)

static void on_connection(void *context, const struct streams_connection *connection) {
    struct streams_run *run = context;
    store_add(&run->store, connection);
    if (run->connection)
        run->connection(run->context, connection);
}

static void on_segment(void *context, const struct streams_segment *segment) {
    struct streams_run *run = context;
    run->segment(run->context, segment);
}

static void on_event(void *context, const struct streams_event *event) {
    struct streams_run *run = context;
    run->event(run->context, event);
}

static const uint8_t *read_again(void *context, uint64_t offset, uint32_t length) {
    struct streams_run *run = context;
    return capture_files_again(&run->files, offset, length);
}

static void settle(void *context) {
    struct streams_run *run = context;
    if (run->streams)
        rill__streams_settle(run->streams);
}

static void show_progress(const struct streams_run *run, bool end) {
    int done = capture_files_progress(&run->files);
    if (end)
        fprintf(stderr, "\r%60s\r", "");
    else if (done >= 0)
        fprintf(stderr, "\r%3d %%  %llu packets", done / 10, (unsigned long long)run->files.frames);
    else
        fprintf(stderr, "\r%llu packets", (unsigned long long)run->files.frames);
    fflush(stderr);
}

static bool parse_shard(const char *text, struct streams_config *config) {
    unsigned shard, shards;
    char rest;
    if (sscanf(text, "%u/%u%c", &shard, &shards, &rest) != 2 || !shards || shard >= shards)
        return false;
    config->shard = shard;
    config->shards = shards;
    return true;
}

static bool open_analysis(struct streams_run *run) {
    struct streams_config config = {0};
    config.allocator = cli_allocator();
    config.seed[0] =
        0x7269006c6c000001; /* a capture's author cannot see which shard of the table */
    config.seed[1] = (uint64_t)getpid() * 0x9e3779b97f4a7c15;
    config.memory_max = run->options->memory;
    config.idle_split = run->options->idle;
    config.context = run;
    config.connection = run->only ? 0 : on_connection;
    config.event = run->event ? on_event : 0;
    config.segment = run->segment ? on_segment : 0;
    config.read = read_again;
    config.only = run->only;
    if (run->options->shard && !parse_shard(run->options->shard, &config)) {
        cli_error("'%s' is no shard: I/N is expected, I from 0 to N - 1", run->options->shard);
        return false;
    }
    config.frames_stay = true; /* until `moves` is called */
    for (size_t i = 0; i < run->files.count; i++) {
        run->files.files[i].source.moves = settle;
        run->files.files[i].source.context = run;
    }
    run->streams = rill__streams_open(&config);
    if (!run->streams)
        cli_error("out of memory");
    return run->streams;
}

/* One connection found in the index: the pass begins with its first frame and ends with its last.
 */
static int pass_over_one(struct streams_run *run) {
    struct streams_frame frame;
    struct streams_connection only;
    rill__streams_close(run->streams);
    run->streams = 0;
    if (!streams_connection_get(run, run->options->number, &only))
        return CLI_FAILED;
    run->only = &only;
    bool ok =
        open_analysis(run) && capture_files_jump(&run->files, only.first_record, only.first_frame);
    while (ok && capture_files_next(&run->files, &frame) && frame.number <= only.last_frame) {
        if (run->frame)
            run->frame(run->context, &frame);
        rill__streams_frame(run->streams, &frame);
    }
    run->only = 0;
    if (!ok)
        return CLI_FAILED;
    rill__streams_finish(run->streams);
    return CLI_DONE;
}

/* What was left out, so that no answer looks more complete than it is. */
static void warn(const struct streams_run *run) {
    const struct streams_totals *totals = &run->totals;
    if (totals->unknown_link)
        cli_error("%llu frames are of a link layer that is not known and were passed over",
                  (unsigned long long)totals->unknown_link);
    if (totals->connections_given_up)
        cli_error("%llu connections were put away early to stay within --memory; later packets of "
                  "theirs count as new ones",
                  (unsigned long long)totals->connections_given_up);
    if (totals->holes_given_up)
        cli_error("%llu holes were given up because a stream had too many at once",
                  (unsigned long long)totals->holes_given_up);
    if (totals->out_of_memory)
        cli_error("memory ran out %llu times; counts are too low",
                  (unsigned long long)totals->out_of_memory);
    if (totals->fragments_given_up + totals->fragments_waiting)
        cli_error("%llu fragmented datagrams never became whole",
                  (unsigned long long)(totals->fragments_given_up + totals->fragments_waiting));
}

static int end_pass(struct streams_run *run) {
    rill__streams_finish(run->streams);
    rill__streams_totals(run->streams, &run->totals);
    store_sort(&run->store);
    for (size_t i = 0; i < run->files.count; i++)
        if (run->files.files[i].partial && !run->said)
            cli_error("%s: %s%s", run->options->paths[i], run->files.files[i].fault,
                      run->totals.frames ? "; the answer is partial" : "");
    if (run->store.failed) {
        cli_error("the list does not fit into memory and the temporary directory; use --shard");
        return CLI_MISSING;
    }
    if (!run->said)
        warn(run);
    if (capture_files_unusable(&run->files) ||
        (capture_files_partial(&run->files) && !run->totals.frames))
        return CLI_FAILED;
    bool partial = capture_files_partial(&run->files) || run->totals.connections_given_up ||
                   run->totals.out_of_memory || run->totals.holes_given_up;
    return partial ? CLI_PARTIAL : CLI_DONE;
}

int streams_pass(struct streams_run *run) {
    struct streams_frame frame;
    if (!capture_files_open(&run->files, run->options->paths, run->options->path_count) ||
        !open_analysis(run))
        return CLI_FAILED;
    bool watches = run->segment || run->event || run->frame;
    if ((!watches || run->options->number != STREAMS_UNKNOWN) && streams_index_open(run))
        return watches ? pass_over_one(run) : CLI_DONE;
    bool progress = !run->quiet && isatty(2);
    while (capture_files_next(&run->files, &frame)) {
        if (run->frame)
            run->frame(run->context, &frame);
        rill__streams_frame(run->streams, &frame);
        if (progress && run->files.frames % (1 << 18) == 0)
            show_progress(run, false);
    }
    if (progress && run->files.frames >= 1 << 18)
        show_progress(run, true);
    int code = end_pass(run);
    if (code == CLI_DONE)
        streams_index_write(run);
    return code;
}

void streams_run_close(struct streams_run *run) {
    if (run->streams)
        rill__streams_close(run->streams);
    capture_files_close(&run->files);
    store_fini(&run->store);
}

bool streams_connection_get(struct streams_run *run, uint64_t number,
                            struct streams_connection *connection) {
    size_t low = 0, high = run->store.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (run->store.rows[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < run->store.count && run->store.rows[low].number == number &&
        store_get(&run->store, low, connection))
        return true;
    if (run->store.count)
        cli_error("no connection %llu; there are %zu, from %llu to %llu",
                  (unsigned long long)number, run->store.count,
                  (unsigned long long)run->store.rows[0].number,
                  (unsigned long long)run->store.rows[run->store.count - 1].number);
    else
        cli_error("no connection %llu: the capture has none", (unsigned long long)number);
    return false;
}

static bool take_fail_if(void *options, const char *text) {
    return streams_parse_fail_if(options, text);
}

static size_t find_verb(const char *word) {
    for (size_t i = 0; i < VERBS; i++)
        if (strcmp(word, verbs[i].name) == 0)
            return i;
    return VERBS;
}

/* A verb may stand anywhere, its number behind it; every other word is a file. */
static int sort_words(struct streams_options *options, const char **words, int count,
                      size_t *verb) {
    *verb = VERBS;
    for (int i = 0; i < count; i++) {
        size_t found = *verb == VERBS ? find_verb(words[i]) : VERBS;
        if (found == VERBS) {
            if (options->path_count == CAPTURE_FILES_MAX) {
                cli_error("more than %d files; join them first", CAPTURE_FILES_MAX);
                return CLI_USAGE;
            }
            options->paths[options->path_count++] = words[i];
            continue;
        }
        *verb = found;
        if (!verbs[found].numbered)
            continue;
        if (i + 1 == count || !cli_parse_number(words[i + 1], &options->number)) {
            cli_error("%s which connection? rill streams FILE %s N; list gives the numbers",
                      verbs[found].name, verbs[found].name);
            return CLI_USAGE;
        }
        i++;
    }
    if (*verb == VERBS)
        *verb = 0;
    if (options->path_count)
        return CLI_DONE;
    cli_error("which capture? rill streams FILE; - is standard input");
    return CLI_USAGE;
}

int command_streams(int argc, char **argv) {
    struct streams_options options = {0};
    const char *words[CAPTURE_FILES_MAX + 3];
    options.number = STREAMS_UNKNOWN;
    options.memory = UINT64_C(4) << 30;
    options.port = options.limit = STREAMS_UNKNOWN;
    const struct cli_option list[] = {
        {"--json", CLI_FLAG, &options.json, 0, "JSON lines instead of text", 0},
        {"--sort", CLI_TEXT, &options.sort, "KEY",
         "list: by number, start, duration, bytes, packets, resent, lost, rtt or a state of blame",
         0},
        {"--limit", CLI_NUMBER, &options.limit, "N", "list: only so many", 0},
        {"--address", CLI_TEXT, &options.address, "A", "list: only connections of this address", 0},
        {"--port", CLI_NUMBER, &options.port, "P", "list: only connections of this port", 0},
        {"--state", CLI_TEXT, &options.state, "S",
         "list: attempted, refused, rejected, open, closing, closed, reset, midstream", 0},
        {"--blame", CLI_TEXT, &options.blame, "B",
         "list: only those held longest by B: loss, queue, …", 0},
        {"--from", CLI_TEXT, &options.from, "SIDE", "follow: only what client or server sent", 0},
        {"--hex", CLI_FLAG, &options.hex, 0, "follow: as hexadecimal", 0},
        {"--raw", CLI_FLAG, &options.raw, 0, "follow: the bytes as they are, and nothing else", 0},
        {"--holes", CLI_TEXT, &options.holes, "FILE", "follow: writes where bytes are missing", 0},
        {"--overlap", CLI_TEXT, &options.overlap, "HOW",
         "follow: whose bytes stay: linux (default), windows, bsd, first, last", 0},
        {"-o", CLI_TEXT, &options.output, "FILE", "cut, export, report: where to write", 0},
        {"--csv", CLI_FLAG, &options.csv, 0, "export: a table with commas, as it does anyway", 0},
        {"--arrow", CLI_FLAG, &options.arrow, 0, "export: an Apache Arrow table", 0},
        {"--packets", CLI_FLAG, &options.packets, 0, "export: a row a packet, not a connection", 0},
        {"--shard", CLI_TEXT, &options.shard, "I/N", "only the I-th of N parts of the connections",
         0},
        {"--memory", CLI_SIZE, &options.memory, "SIZE", "for connections at once (4G); 0: no limit",
         0},
        {"--no-index", CLI_FLAG, &options.no_index, 0, "neither use nor write FILE.rill-index", 0},
        {"--idle", CLI_TIME, &options.idle, "T", "a silence of T ends a connection", 0},
        {"--fail-if", CLI_CALL, &options, "WHAT", "exit code 4 if WHAT holds, such as 'resent>1%'",
         take_fail_if},
    };
    int count =
        cli_parse(argc, argv,
                  "rill streams FILE... [list | show N | why N | follow N | ladder N | cut N | "
                  "events | export | report] [options]",
                  list, sizeof list / sizeof *list, words, CAPTURE_FILES_MAX + 3);
    if (count < 0)
        return -1 - count;
    size_t verb;
    int code = sort_words(&options, words, count, &verb);
    if (code != CLI_DONE)
        return code;
    options.verb = verbs[verb].name;
    return verbs[verb].run(&options);
}
