/* cli/streams_options.c: the options of `rill streams`. */
#include "cli/streams.h"

#include <string.h>

enum { OPTIONS_MAX = 40, MEMORY_LEAST = 1 << 20 };

struct option_list {
    struct cli_option options[OPTIONS_MAX];
    size_t count;
};

static bool take_fail_if(void *options, const char *text) {
    return streams_parse_fail_if(options, text);
}

static void add(struct option_list *list, const struct cli_option *options, size_t count) {
    memcpy(list->options + list->count, options, count * sizeof *options);
    list->count += count;
}

static void add_choice(struct option_list *list, struct streams_options *options) {
    const struct cli_option some[] = {
        {"--json", CLI_FLAG, &options->json, 0, "JSON lines instead of text", 0},
        {"--sort", CLI_TEXT, &options->sort, "KEY",
         "list: by number, start, duration, bytes, packets, resent, lost, rtt or a state of blame",
         0},
        {"--limit", CLI_NUMBER, &options->limit, "N", "list: only so many", 0},
        {"--address", CLI_TEXT, &options->address, "A", "list: only connections of this address",
         0},
        {"--port", CLI_NUMBER, &options->port, "P", "list: only connections of this port", 0},
        {"--state", CLI_TEXT, &options->state, "S",
         "list: attempted, refused, rejected, open, closing, closed, reset, midstream", 0},
        {"--blame", CLI_TEXT, &options->blame, "B",
         "list: only those held longest by B: loss, queue, …", 0},
        {"--shard", CLI_TEXT, &options->shard, "I/N", "only the I-th of N parts of the connections",
         0},
        {"--memory", CLI_SIZE, &options->memory, "SIZE",
         "for connections at once (4G; of an interface 256M); 0: no limit", 0},
        {"--awake", CLI_NUMBER, &options->awake, "N",
         "connections that are not packed while they are silent (32768)", 0},
        {"--no-index", CLI_FLAG, &options->no_index, 0, "neither use nor write FILE.rill-index", 0},
        {"--idle", CLI_TIME, &options->idle, "T", "a silence of T ends a connection", 0},
        {"--fail-if", CLI_CALL, options, "WHAT", "exit code 4 if WHAT holds, such as 'resent>1%'",
         take_fail_if},
    };
    add(list, some, sizeof some / sizeof *some);
}

static void add_output(struct option_list *list, struct streams_options *options) {
    const struct cli_option some[] = {
        {"--from", CLI_TEXT, &options->from, "SIDE", "follow: only what client or server sent", 0},
        {"--hex", CLI_FLAG, &options->hex, 0, "follow: as hexadecimal", 0},
        {"--raw", CLI_FLAG, &options->raw, 0, "follow: the bytes as they are, and nothing else", 0},
        {"--holes", CLI_TEXT, &options->holes, "FILE", "follow: writes where bytes are missing", 0},
        {"--overlap", CLI_TEXT, &options->overlap, "HOW",
         "follow: whose bytes stay: linux (default), windows, bsd, first, last", 0},
        {"-o", CLI_TEXT, &options->output, "FILE", "cut, export, report: where to write", 0},
        {"--csv", CLI_FLAG, &options->csv, 0, "export: a table with commas, as it does anyway", 0},
        {"--arrow", CLI_FLAG, &options->arrow, 0, "export: an Apache Arrow table", 0},
        {"--packets", CLI_FLAG, &options->packets, 0, "export: a row a packet, not a connection",
         0},
    };
    add(list, some, sizeof some / sizeof *some);
}

static void add_live(struct option_list *list, struct streams_options *options) {
    const struct cli_option some[] = {
        {"-i", CLI_TEXT, &options->interface, "IF",
         "what passes this interface, in place of files; until SIGINT", 0},
        {"--filter", CLI_TEXT, &options->filter, "EXPR", "-i: only packets as pcap-filter(7) says",
         0},
        {"--count", CLI_NUMBER, &options->count, "N", "-i: ends after N packets", 0},
        {"--duration", CLI_TIME, &options->duration, "T", "-i: ends after T", 0},
        {"-w", CLI_TEXT, &options->write, "FILE", "-i: keeps the packets as FILE.pcapng", 0},
        {"--buffer", CLI_SIZE, &options->buffer, "SIZE", "-i: of the kernel, for packets (2M)", 0},
        {"--snaplen", CLI_SIZE, &options->snap_length, "N",
         "-i: only so many bytes of each packet (256K)", 0},
    };
    add(list, some, sizeof some / sizeof *some);
}

static bool is_sensible(struct streams_options *options) {
    bool live = options->filter || options->write || options->duration || options->buffer ||
                options->snap_length || options->count != STREAMS_UNKNOWN;
    if (live && !options->interface) {
        cli_error("--filter, --count, --duration, -w, --buffer and --snaplen are for an interface: "
                  "-i IF");
        return false;
    }
    if (!options->count) {
        cli_error("--count 0 is nothing");
        return false;
    }
    if (options->memory && options->memory < MEMORY_LEAST) {
        cli_error("--memory is too little: 1M at least, or 0 for no limit");
        return false;
    }
    if (options->memory == STREAMS_UNKNOWN)
        options->memory = options->interface ? UINT64_C(256) << 20 : UINT64_C(4) << 30;
    return true;
}

int streams_parse(int argc, char **argv, struct streams_options *options, const char **words,
                  int max) {
    struct option_list list = {0};
    memset(options, 0, sizeof *options);
    options->number = options->port = options->limit = STREAMS_UNKNOWN;
    options->memory = options->count = options->awake = STREAMS_UNKNOWN;
    add_choice(&list, options);
    add_output(&list, options);
    add_live(&list, options);
    int count =
        cli_parse(argc, argv,
                  "rill streams FILE...|-i IF [list | show N | why N | follow N | ladder N | "
                  "cut N | events | export | report] [options]",
                  list.options, list.count, words, max);
    if (count >= 0 && !is_sensible(options))
        return -1 - CLI_USAGE;
    return count;
}
