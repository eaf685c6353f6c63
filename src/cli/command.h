/* cli/command.h: the subcommands, exit codes, and how values are written on the command line. */
#ifndef RILL_CLI_COMMAND_H
#define RILL_CLI_COMMAND_H

#include <rill/base.h>

/* Exit codes of every command. */
enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,  /* what was asked for did not succeed */
    CLI_USAGE = 2,   /* the words are off */
    CLI_MISSING = 3, /* the machine lacks something: device, permission, library */
    CLI_FAIL_IF = 4, /* a --fail-if was true */
    CLI_PARTIAL = 5, /* input damaged, the answer is partial */
};

/* name, one line of help */
#define CLI_COMMANDS(X)                                                                            \
    X(demo, "two hosts over an emulated path: connections opened, used, closed, and one re-used")  \
    X(serve, "a web server over a TUN device: DIR --link tun:NAME")                                \
    X(get, "fetch URLs over a TUN device: URL... --link tun:NAME")                                 \
    X(nc, "standard input and output over TCP or UDP: HOST PORT, or --listen PORT")                \
    X(lab, "a path between two ends, rill or real programs: rate, delay, loss, queue")             \
    X(bench, "how fast the stack is in memory")                                                    \
    X(streams, "the connections in a capture, followed and explained: FILE...")                    \
    X(replay, "a run recorded with --journal FILE, again: rill replay FILE")                       \
    X(script, "scripts in the packetdrill language against rill, in virtual time")

#define CLI_DECLARE(name, text) int command_##name(int argc, char **argv);
CLI_COMMANDS(CLI_DECLARE)
#undef CLI_DECLARE

/* An error: "rill demo: TEXT", one line on standard error. */
void cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Values. Each returns false if the text is not one: sizes ("64K" = 65,536, "1M" = 2^20), rates in
 * bit/s
 * ("10M" = 10^7), times ("20ms", "1.5s", "10us"), probabilities ("2%", "0.02") in parts of 10^9,
 * numbers. */
bool cli_parse_size(const char *text, uint64_t *out);
bool cli_parse_rate(const char *text, uint64_t *out);
bool cli_parse_time(const char *text, rill_time *out);
bool cli_parse_probability(const char *text, uint32_t *out);
bool cli_parse_number(const char *text, uint64_t *out);

/* One option of a command. `kind` says what `value` points to. */
enum cli_kind {
    CLI_FLAG,        /* bool */
    CLI_SIZE,        /* uint64_t */
    CLI_RATE,        /* uint64_t */
    CLI_TIME,        /* rill_time */
    CLI_PROBABILITY, /* uint32_t, parts of 10^9 */
    CLI_NUMBER,      /* uint64_t */
    CLI_TEXT,        /* const char * */
    CLI_CALL,        /* bool (*)(void *context, const char *text): for what may come often */
    CLI_DIRECTED,    /* struct cli_directed: of a path, for both directions, or for one of them with
                        -ab or -ba behind the option's name */
};
enum cli_direction { CLI_A_TO_B, CLI_B_TO_A, CLI_BOTH_WAYS };
struct cli_directed {
    bool (*take)(struct cli_directed *directed, enum cli_direction direction, const char *text);
    const char *expected; /* "a rate in bit/s such as 10M" */
};
struct cli_option {
    const char *name; /* "--loss" or "-o" */
    enum cli_kind kind;
    void *value;
    const char *argument; /* "P", for the help; null for flags */
    const char *help;
    bool (*call)(void *context, const char *text); /* CLI_CALL: gets `value` as context */
};

/* Reads options; words that are none go to `words` (at most `max`), "--" ends options. Prints help
 * for
 * --help. Returns the number of words, or -1 - exit code when the command is to end at once. */
int cli_parse(int argc, char **argv, const char *usage, const struct cli_option *options,
              size_t option_count, const char **words, int max);

#endif
