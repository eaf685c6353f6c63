/* cli/options.c: options and values of the command line; errors in one line. */
#include "cli/command.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *command_name = "rill";

void cli_error(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "rill %s: ", command_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

/* A decimal number with an optional fraction, and what follows it. */
static bool parse_decimal(const char *text, double *value, const char **rest) {
    char *end;
    if (!((*text >= '0' && *text <= '9') || *text == '.'))
        return false;
    errno = 0;
    *value = strtod(text, &end);
    *rest = end;
    return end != text && errno == 0 && isfinite(*value);
}

struct unit {
    const char *name;
    double factor;
};

static bool parse_units(const char *text, const struct unit *units, size_t count, double limit,
                        uint64_t *out) {
    double value;
    const char *rest;
    if (!parse_decimal(text, &value, &rest))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rest, units[i].name) == 0) {
            value = value * units[i].factor + 0.5;
            if (value > limit)
                return false;
            *out = (uint64_t)value;
            return true;
        }
    }
    return false;
}

bool cli_parse_size(const char *text, uint64_t *out) {
    static const struct unit units[] = {
        {"", 1}, {"K", 1024.0}, {"M", 1048576.0}, {"G", 1073741824.0}, {"T", 1099511627776.0}};
    return parse_units(text, units, 5, 1e18, out);
}

bool cli_parse_rate(const char *text, uint64_t *out) {
    static const struct unit units[] = {{"", 1}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}};
    return parse_units(text, units, 4, 1e13, out);
}

bool cli_parse_time(const char *text, rill_time *out) {
    static const struct unit units[] = {{"ns", 1},  {"us", 1e3}, {"ms", 1e6},
                                        {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
    uint64_t value;
    if (strcmp(text, "0") == 0) {
        *out = 0;
        return true;
    }
    if (!parse_units(text, units, 6, 9e18, &value))
        return false;
    *out = value;
    return true;
}

bool cli_parse_probability(const char *text, uint32_t *out) {
    static const struct unit units[] = {{"", 1e9}, {"%", 1e7}};
    uint64_t value;
    if (!parse_units(text, units, 2, 1e9 + 0.5, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

bool cli_parse_number(const char *text, uint64_t *out) {
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 0);
    return *end == '\0' && errno == 0;
}

static bool take_value(const struct cli_option *option, enum cli_direction direction,
                       const char *text) {
    struct cli_directed *directed = option->value;
    switch (option->kind) {
    case CLI_SIZE:
        return cli_parse_size(text, option->value);
    case CLI_RATE:
        return cli_parse_rate(text, option->value);
    case CLI_TIME:
        return cli_parse_time(text, option->value);
    case CLI_PROBABILITY:
        return cli_parse_probability(text, option->value);
    case CLI_NUMBER:
        return cli_parse_number(text, option->value);
    case CLI_TEXT:
        *(const char **)option->value = text;
        return true;
    case CLI_CALL:
        return option->call(option->value, text);
    case CLI_DIRECTED:
        return directed->take(directed, direction, text);
    default:
        return false;
    }
}

static const char *kind_text(const struct cli_option *option) {
    switch (option->kind) {
    case CLI_SIZE:
        return "a size such as 64K or 1M";
    case CLI_RATE:
        return "a rate in bit/s such as 10M";
    case CLI_TIME:
        return "a time such as 20ms or 1.5s";
    case CLI_PROBABILITY:
        return "a probability such as 2% or 0.02";
    case CLI_NUMBER:
        return "a number";
    case CLI_DIRECTED:
        return ((const struct cli_directed *)option->value)->expected;
    default:
        return "a value of its kind (see --help)";
    }
}

static void print_help(const char *usage, const struct cli_option *options, size_t count) {
    printf("usage: %s\n", usage);
    for (size_t i = 0; i < count; i++) {
        char left[40];
        snprintf(left, sizeof left, "%s%s%s", options[i].name, options[i].argument ? " " : "",
                 options[i].argument ? options[i].argument : "");
        printf("  %-24s %s\n", left, options[i].help);
    }
}

static const struct cli_option *find_exactly(const struct cli_option *options, size_t count,
                                             const char *word, size_t length) {
    for (size_t i = 0; i < count; i++)
        if (strlen(options[i].name) == length && memcmp(options[i].name, word, length) == 0)
            return &options[i];
    return 0;
}

/* The option, and of one that may have it, the direction. */
static const struct cli_option *find(const struct cli_option *options, size_t count,
                                     const char *word, size_t length,
                                     enum cli_direction *direction) {
    const struct cli_option *option = find_exactly(options, count, word, length);
    *direction = CLI_BOTH_WAYS;
    if (option || length < 3)
        return option;
    const char *end = word + length - 3;
    if (memcmp(end, "-ab", 3) == 0)
        *direction = CLI_A_TO_B;
    else if (memcmp(end, "-ba", 3) == 0)
        *direction = CLI_B_TO_A;
    else
        return 0;
    option = find_exactly(options, count, word, length - 3);
    return option && option->kind == CLI_DIRECTED ? option : 0;
}

/* One option at argv[*at]; false: it is wrong, and has been said to be. */
static bool parse_one(int argc, char **argv, int *at, const struct cli_option *options,
                      size_t count) {
    const char *word = argv[*at];
    const char *equals = word[1] == '-' ? strchr(word, '=') : 0;
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    enum cli_direction direction;
    const struct cli_option *option = find(options, count, word, length, &direction);
    if (!option) {
        cli_error("no option '%.*s'; see rill %s --help", (int)length, word, command_name);
        return false;
    }
    if (option->kind == CLI_FLAG) {
        if (equals)
            cli_error("%s takes no value", option->name);
        *(bool *)option->value = true;
        return !equals;
    }
    const char *value = equals ? equals + 1 : 0;
    if (!value && *at + 1 < argc)
        value = argv[++*at];
    if (!value) {
        cli_error("%.*s needs a value: %s", (int)length, word, kind_text(option));
        return false;
    }
    if (take_value(option, direction, value))
        return true;
    cli_error("'%s' is no value for %.*s: %s is expected", value, (int)length, word,
              kind_text(option));
    return false;
}

int cli_parse(int argc, char **argv, const char *usage, const struct cli_option *options,
              size_t option_count, const char **words, int max) {
    int count = 0;
    bool only_words = false;
    command_name = argv[0];
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (!only_words && strcmp(word, "--") == 0) {
            only_words = true;
        } else if (!only_words && strcmp(word, "--help") == 0) {
            print_help(usage, options, option_count);
            return -1 - CLI_DONE;
        } else if (!only_words && word[0] == '-' && word[1]) {
            if (!parse_one(argc, argv, &i, options, option_count))
                return -1 - CLI_USAGE;
        } else if (count == max) {
            cli_error("'%s' is one word too many; usage: %s", word, usage);
            return -1 - CLI_USAGE;
        } else {
            words[count++] = word;
        }
    }
    return count;
}
