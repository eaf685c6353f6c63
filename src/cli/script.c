/* cli/script.c: `rill script FILE…`: scripts in the packetdrill language against rill, in virtual
 * time. One line a script, PASS or FAIL, and how many of each; exit code 0 if all passed. */
#include "script/script.h"
#include "cli/allocator.h"
#include "cli/command.h"
#include "cli/text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX 65536
#define DEFINES_MAX 64
#define SOURCE_MAX (16u << 20)

struct options {
    const char **files;
    struct script_define defines[DEFINES_MAX];
    char *define_texts[DEFINES_MAX];
    size_t define_count;
    uint32_t relax;
    const char *family;
    uint64_t seed;
    bool verbose, json, shims;
    uint64_t passed, failed;
};

/* NAME or NAME=VALUE. */
static bool take_define(void *context, const char *text) {
    struct options *options = context;
    if (options->define_count == DEFINES_MAX || !*text || *text == '=')
        return false;
    char *copy = strdup(text);
    if (!copy)
        return false;
    char *equal = strchr(copy, '=');
    if (equal)
        *equal = 0;
    options->define_texts[options->define_count] = copy;
    options->defines[options->define_count++] = (struct script_define){copy, equal ? equal + 1 : 0};
    return true;
}

static bool take_relax(void *context, const char *text) {
    static const char *const names[] = {
#define NAME(name, text) text,
        SCRIPT_RELAXES(NAME)
#undef NAME
    };
    struct options *options = context;
    while (*text) {
        size_t length = strcspn(text, ","), i = 0;
        while (i < SCRIPT_RELAX_COUNT &&
               !(strlen(names[i]) == length && strncmp(names[i], text, length) == 0))
            i++;
        if (i == SCRIPT_RELAX_COUNT)
            return false;
        options->relax |= 1u << i;
        text += length + (text[length] == ',');
    }
    return true;
}

static bool take_family(void *context, const char *text) {
    struct options *options = context;
    options->family = text;
    return strcmp(text, "ipv4") == 0 || strcmp(text, "ipv6") == 0 ||
           strcmp(text, "ipv4-mapped-ipv6") == 0;
}

/* The file's bytes, to be freed; null and an error. */
static char *read_source(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    char *source = malloc(SOURCE_MAX + 1);
    errno = file ? 0 : errno;
    *length = file && source ? fread(source, 1, SOURCE_MAX + 1, file) : 0;
    int error = errno ? errno : *length > SOURCE_MAX ? EFBIG : 0;
    if (file && ferror(file) && !error)
        error = EIO;
    if (file)
        fclose(file);
    if (!error && source)
        return source;
    free(source);
    cli_error("cannot read %s: %s", path, strerror(error ? error : ENOMEM));
    return 0;
}

static void tell(void *context, const char *line) {
    (void)context;
    printf("  %s\n", line);
}

static void print_json_text(const char *text) {
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < ' ')
            printf("\\u%04x", (unsigned char)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

static void print_result(const struct options *options, const char *path,
                         const struct script_result *result) {
    if (options->json) {
        printf("{\"path\":");
        print_json_text(path);
        printf(",\"passed\":%s,\"line\":%u,\"what\":", result->passed ? "true" : "false",
               result->line);
        print_json_text(result->what);
        printf(",\"events\":%u,\"seconds\":%.6f}\n", result->events, (double)result->time / 1e9);
    } else if (result->passed) {
        printf("PASS %s\n", path);
    } else {
        printf("FAIL %s:%u: %s\n", path, result->line, result->what);
    }
}

static bool run_file(struct options *options, const char *path) {
    struct script_result result;
    struct script_config config = {.allocator = cli_allocator(),
                                   .defines = options->defines,
                                   .define_count = options->define_count,
                                   .relax = options->relax,
                                   .family = options->family,
                                   .seed = options->seed};
    char *source = read_source(path, &config.length);
    if (!source)
        return false;
    config.source = source;
    config.tell = options->verbose && !options->json ? tell : 0;
    script_run(&config, &result);
    print_result(options, path, &result);
    options->passed += result.passed;
    options->failed += !result.passed;
    free(source);
    return true;
}

static int run_files(struct options *options, int count) {
    bool readable = true;
    for (int i = 0; i < count; i++)
        readable &= run_file(options, options->files[i]);
    if (options->json)
        printf("{\"passed\":%llu,\"failed\":%llu}\n", (unsigned long long)options->passed,
               (unsigned long long)options->failed);
    else
        printf("%llu passed, %llu failed\n", (unsigned long long)options->passed,
               (unsigned long long)options->failed);
    if (fflush(stdout)) {
        cli_error("cannot write the results: %s", strerror(errno));
        return CLI_FAILED;
    }
    return readable && !options->failed ? CLI_DONE : CLI_FAILED;
}

/* They lie beside the command where it was built, and in share/rill where it is installed. */
static int print_shims(void) {
    static const char *const beside[] = {"shims", "../share/rill/shims"};
    char command[PATH_MAX], path[2 * PATH_MAX], real[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", command, sizeof command - 1);
    command[length < 0 ? 0 : length] = '\0';
    char *slash = strrchr(command, '/');
    for (size_t i = 0; slash && i < sizeof beside / sizeof *beside; i++) {
        snprintf(path, sizeof path, "%.*s/%s", (int)(slash - command), command, beside[i]);
        if (realpath(path, real)) {
            puts(real);
            return CLI_DONE;
        }
    }
    cli_error("the programs are not installed: make install puts them into share/rill/shims");
    return CLI_MISSING;
}

int command_script(int argc, char **argv) {
    struct options options = {.seed = 1};
    const struct cli_option list[] = {
        {"--define", CLI_CALL, &options, "NAME", "read #ifdef NAME; NAME=VALUE puts VALUE for it",
         take_define},
        {"--relax", CLI_CALL, &options, "LIST",
         "of order, window, times, push, options, rest: may differ", take_relax},
        {"--ip-version", CLI_CALL, &options, "V",
         "ipv4, ipv6 or ipv4-mapped-ipv6, where a script does not say (ipv4)", take_family},
        {"--seed", CLI_NUMBER, &options.seed, "N", "of the host's random numbers (1)", 0},
        {"--verbose", CLI_FLAG, &options.verbose, 0, "print what happens, with times", 0},
        {"--json", CLI_FLAG, &options.json, 0, "a JSON object a line and not text", 0},
        {"--shims", CLI_FLAG, &options.shims, 0,
         "say where the programs are that stand for sysctl and the like under packetdrill", 0},
    };
    options.files = malloc(FILES_MAX * sizeof *options.files);
    if (!options.files) {
        cli_error("out of memory");
        return CLI_MISSING;
    }
    int count = cli_parse(argc, argv,
                          "rill script FILE... [options]\n"
                          "example: rill script tests/script/handshake.pkt",
                          list, sizeof list / sizeof *list, options.files, FILES_MAX);
    int code = count < 0 ? -1 - count : CLI_USAGE;
    if (count >= 0 && options.shims)
        code = print_shims();
    else if (count == 0)
        cli_error("which scripts? rill script FILE...");
    else if (count > 0)
        code = run_files(&options, count);
    for (size_t i = 0; i < options.define_count; i++)
        free(options.define_texts[i]);
    free(options.files);
    return code;
}
