/* cli/main.c: the command: which subcommand. */
#include "cli/command.h"

#include <rill/base.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *text;
} commands[] = {
#define COMMAND(name, text) {#name, command_##name, text},
    CLI_COMMANDS(COMMAND)
#undef COMMAND
};
#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static void usage(FILE *out) {
    fprintf(out, "usage: rill COMMAND [options]; rill COMMAND --help tells more\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].text);
    fprintf(out, "  %-8s print the version\n", "version");
}

int main(int argc, char **argv) {
    if (argc < 2) {
        usage(stderr);
        return CLI_USAGE;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0) {
        printf("rill %s\n", RILL_VERSION);
        return CLI_DONE;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return CLI_DONE;
    }
    fprintf(stderr, "rill: no command '%s'; rill --help lists them\n", argv[1]);
    return CLI_USAGE;
}
