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
    bool live;     /* also of an interface */
} verbs[] = {
    {"list", streams_list, false, true},      {"show", streams_show, true, false},
    {"why", streams_why, true, false},        {"follow", streams_follow, true, false},
    {"ladder", streams_ladder, true, false},  {"cut", streams_cut, true, false},
    {"export", streams_export, false, true},  {"events", streams_events, false, true},
    {"report", streams_report, false, false},
};
#define VERBS (sizeof verbs / sizeof *verbs)

/* Of a capture all connections are kept until the pass is over; of an interface none is. */
static void on_connection(void *context, const struct streams_connection *connection) {
    struct streams_run *run = context;
    if (!run->files.live && (!run->first_only || connection->number < run->first_only))
        store_add(&run->store, connection);
    else if (streams_wanted(run->options, connection))
        streams_sum_up(&run->sums, connection);
    if (run->connection && streams_wanted(run->options, connection))
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

/* Of an interface: a connection that ended is told soon, though a late packet of it then is
 * another. */
#define LIVE_KEPT_CLOSED (2 * RILL_SECOND)

static bool open_analysis(struct streams_run *run) {
    struct streams_config config = {0};
    config.allocator = cli_allocator();
    config.seed[0] =
        0x7269006c6c000001; /* a capture's author cannot see which shard of the table */
    config.seed[1] = (uint64_t)getpid() * 0x9e3779b97f4a7c15;
    config.memory_max = run->options->memory;
    uint64_t awake = run->options->awake;
    if (awake != STREAMS_UNKNOWN)
        config.awake_max =
            awake && awake < STREAMS_AWAKE_NONE ? (uint32_t)awake : STREAMS_AWAKE_NONE;
    config.idle_split = run->options->idle;
    config.kept_closed = run->files.live ? LIVE_KEPT_CLOSED : 0;
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
    config.frames_stay = !run->files.live; /* until `moves` is called */
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

/* The same of an interface. */
static void warn_live(const struct capture_live *live) {
    if (live->partial)
        cli_error("%s; the answer is partial", live->fault);
    if (live->counts.dropped)
        cli_error("%llu packets were dropped: the kernel's buffer was full; --buffer makes it "
                  "larger, --filter and --snaplen need less of it",
                  (unsigned long long)live->counts.dropped);
    if (live->counts.interface)
        cli_error("%llu packets were dropped by the interface itself",
                  (unsigned long long)live->counts.interface);
}

static int end_pass(struct streams_run *run) {
    const struct capture_live *live = run->files.live;
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
    if (live)
        warn_live(live);
    if (capture_files_unusable(&run->files) ||
        (capture_files_partial(&run->files) && !run->totals.frames))
        return CLI_FAILED;
    bool partial = capture_files_partial(&run->files) || run->totals.connections_given_up ||
                   run->totals.out_of_memory || run->totals.holes_given_up ||
                   (live && live->counts.dropped);
    return partial ? CLI_PARTIAL : CLI_DONE;
}

static bool on_tick(void *context, bool idle, rill_time now) {
    struct streams_run *run = context;
    if (idle)
        rill__streams_advance(run->streams, now);
    fflush(stdout);
    return !ferror(stdout) && (!run->tick || run->tick(run->context));
}

static int open_input(struct streams_run *run) {
    const struct streams_options *options = run->options;
    if (!options->interface)
        return capture_files_open(&run->files, options->paths, options->path_count) ? CLI_DONE
                                                                                    : CLI_FAILED;
    memset(&run->files, 0, sizeof run->files);
    struct capture_live_config config = {0};
    config.sniff.interface = options->interface;
    config.sniff.filter = options->filter;
    config.sniff.buffer = options->buffer;
    config.sniff.snap_length = options->snap_length;
    config.write = options->write;
    config.count = options->count;
    config.duration = options->duration;
    int code = capture_live_open(&run->live, &config);
    run->files.live = &run->live;
    run->live.context = run;
    run->live.tick = on_tick;
    return code;
}

int streams_pass(struct streams_run *run) {
    struct streams_frame frame;
    int opened = open_input(run);
    if (opened != CLI_DONE || !open_analysis(run))
        return opened != CLI_DONE ? opened : CLI_FAILED;
    bool watches = run->segment || run->event || run->frame || run->files.live;
    if ((!watches || run->options->number != STREAMS_UNKNOWN) && streams_index_open(run))
        return watches ? pass_over_one(run) : CLI_DONE;
    if (streams_index_is_possible(run))
        run->first_only = 0;
    bool progress = !run->quiet && !run->files.live && isatty(2);
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
    if (run->files.live)
        capture_live_close(&run->live);
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
    return CLI_DONE;
}

/* A verb may take what has ended with a capture; of an interface there is no end to wait for. */
static int check_live(const struct streams_options *options, size_t verb) {
    if (!options->interface) {
        if (options->path_count)
            return CLI_DONE;
        cli_error("which capture? rill streams FILE, or -i INTERFACE; - is standard input");
        return CLI_USAGE;
    }
    if (options->path_count) {
        cli_error("-i %s or files, not both; %s is a file", options->interface, options->paths[0]);
        return CLI_USAGE;
    }
    if (verbs[verb].live)
        return CLI_DONE;
    cli_error("-i goes with list, events and export; keep the packets with -w FILE.pcapng, and "
              "then rill streams FILE.pcapng %s",
              verbs[verb].name);
    return CLI_USAGE;
}

int command_streams(int argc, char **argv) {
    struct streams_options options;
    const char *words[CAPTURE_FILES_MAX + 3];
    int count = streams_parse(argc, argv, &options, words, CAPTURE_FILES_MAX + 3);
    if (count < 0)
        return -1 - count;
    size_t verb;
    int code = sort_words(&options, words, count, &verb);
    if (code == CLI_DONE)
        code = check_live(&options, verb);
    if (code != CLI_DONE)
        return code;
    options.verb = verbs[verb].name;
    return verbs[verb].run(&options);
}
