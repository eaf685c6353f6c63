/* cli/bench.c: `rill bench`: how fast and how small the stack is, both ends in one process, no
 * system call in the path. Rates are of CPU time. Absolute figures depend on the machine; compare
 * only runs made side by side. Each measurement has a file of its own. */
#include "cli/bench.h"
#include "cli/command.h"

#include <string.h>

static const struct {
    const char *name;
    bool (*run)(const struct bench_options *options);
} measurements[] = {
    {"bulk", bench_bulk}, {"rpc", bench_rpc},     {"connect", bench_connect},
    {"idle", bench_idle}, {"scale", bench_scale},
};

/* What is not asked for is in its range. */
static bool in_range(uint64_t value, uint64_t least, uint64_t most) {
    return value == BENCH_DEFAULT || (value >= least && value <= most);
}

static bool check(const struct bench_options *options) {
    if (!in_range(options->rounds, 1, BENCH_ROUNDS_MAX))
        cli_error("--rounds must be 1 to %d", BENCH_ROUNDS_MAX);
    else if (!in_range(options->bytes, 1, UINT64_C(1) << 50))
        cli_error("--bytes must be at least 1");
    else if (!in_range(options->count, 1, 100000000))
        cli_error("--count must be 1 to 100000000");
    else if (!in_range(options->connections, 1, 10000000))
        cli_error("--connections must be 1 to 10000000");
    else if (!in_range(options->buffer, 4096, 1u << 30))
        cli_error("--buffer must be 4K to 1G");
    else
        return true;
    return false;
}

static int run(bool (*measure)(const struct bench_options *options),
               const struct bench_options *options, const char *file) {
    if (file && !journal_file_open(&bench_journal, file)) {
        cli_error("cannot write %s; give --journal a path that can be written", file);
        return CLI_FAILED;
    }
    bool ok = measure(options);
    if (!journal_file_close(&bench_journal)) {
        cli_error("the journal %s is not whole: writing it failed; is the disk full?", file);
        return CLI_FAILED;
    }
    return ok ? CLI_DONE : CLI_FAILED;
}

int command_bench(int argc, char **argv) {
    struct bench_options asked = {
        BENCH_DEFAULT, BENCH_DEFAULT, BENCH_DEFAULT, BENCH_DEFAULT, BENCH_DEFAULT, 1, false};
    const char *what, *file = 0;
    const struct cli_option options[] = {
        {"--rounds", CLI_NUMBER, &asked.rounds, "N", "of each variant; the median is told (5)", 0},
        {"--bytes", CLI_SIZE, &asked.bytes, "SIZE",
         "bulk: moved in a round (256M); idle: moved each way (64K)", 0},
        {"--count", CLI_NUMBER, &asked.count, "N",
         "rpc, scale: round trips in a round (100000, 200000)", 0},
        {"--connections", CLI_NUMBER, &asked.connections, "N",
         "connect: in a round (100000); idle: held (100000); scale: up to (1000000)", 0},
        {"--buffer", CLI_SIZE, &asked.buffer, "SIZE", "of each direction (64K or 256K)", 0},
        {"--seed", CLI_NUMBER, &asked.seed, "N", "of the hosts and of what is drawn (1)", 0},
        {"--journal", CLI_TEXT, &file, "FILE", "record every call: see rill replay", 0},
        {"--json", CLI_FLAG, &asked.json, 0, "one JSON object a line", 0},
    };
    int words = cli_parse(argc, argv, "rill bench bulk|rpc|connect|idle|scale [options]", options,
                          sizeof options / sizeof *options, &what, 1);
    if (words < 0)
        return -1 - words;
    if (!check(&asked))
        return CLI_USAGE;
    for (size_t i = 0; words == 1 && i < sizeof measurements / sizeof *measurements; i++)
        if (strcmp(what, measurements[i].name) == 0)
            return run(measurements[i].run, &asked, file);
    cli_error("say which: rill bench bulk, rpc, connect, idle or scale");
    return CLI_USAGE;
}
