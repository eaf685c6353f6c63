/* cli/lab_files.c: the files a path may be given: ordinals of segments to lose, and changes in
 * time.
 *
 * A list is numbers, separated by blanks or ends of line; a schedule is lines of TIME key=value…
 * In both, # begins a comment. */
#include "cli/lab.h"

#include "base/util.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE 1024

/* Calls `take` for each line without its comment. Returns an exit code, errors told. */
static int each_line(const char *name, struct lab_path *path,
                     int (*take)(struct lab_path *path, const char *name, int number, char *line)) {
    char line[LINE];
    int number = 0, code = CLI_DONE;
    FILE *file = fopen(name, "re");
    if (!file) {
        cli_error("cannot read %s: %s", name, strerror(errno));
        return CLI_FAILED;
    }
    while (!code && fgets(line, sizeof line, file)) {
        number++;
        if (!strchr(line, '\n') && !feof(file)) {
            cli_error("%s:%d: a line is longer than %d bytes", name, number, LINE - 2);
            code = CLI_USAGE;
            break;
        }
        line[strcspn(line, "#\r\n")] = '\0';
        code = take(path, name, number, line);
    }
    if (!code && ferror(file)) {
        cli_error("cannot read %s: %s", name, strerror(errno));
        code = CLI_FAILED;
    }
    fclose(file);
    return code;
}

/* Room for one more of `size` bytes, which grows at each power of two; null: no memory, told. */
static void *grown(void *array, size_t count, size_t size) {
    if (count & (count - 1))
        return array;
    void *larger = realloc(array, RILL_MAX(2 * count, (size_t)1) * size);
    if (!larger)
        cli_error("out of memory for a file of so many lines");
    return larger;
}

static int take_ordinals(struct lab_path *path, const char *name, int number, char *line) {
    char *rest = 0;
    for (char *word = strtok_r(line, " \t", &rest); word; word = strtok_r(0, " \t", &rest)) {
        uint64_t ordinal;
        if (!cli_parse_number(word, &ordinal) || !ordinal) {
            cli_error("%s:%d: '%s' is no ordinal: numbers from 1 are expected", name, number, word);
            return CLI_USAGE;
        }
        uint64_t *list = grown(path->ordinals, path->config.loss_list_count, sizeof *list);
        if (!list)
            return CLI_FAILED;
        path->ordinals = list;
        list[path->config.loss_list_count++] = ordinal;
    }
    return CLI_DONE;
}

static int compare(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

int lab_read_list(struct lab_path *path) {
    int code = each_line(path->list, path, take_ordinals);
    if (path->ordinals)
        qsort(path->ordinals, path->config.loss_list_count, sizeof *path->ordinals, compare);
    path->config.loss_list = path->ordinals;
    return code;
}

static bool value_of(enum rill_path_field field, const char *text, uint64_t *value) {
    uint32_t chance;
    switch (field) {
    case RILL_PATH_RATE:
    case RILL_PATH_POLICER:
        return cli_parse_rate(text, value);
    case RILL_PATH_DELAY:
    case RILL_PATH_JITTER:
    case RILL_PATH_REORDER_BY:
        return cli_parse_time(text, value) && *value <= 3600 * RILL_SECOND;
    case RILL_PATH_QUEUE:
    case RILL_PATH_ECN_THRESHOLD:
        return cli_parse_size(text, value) && *value <= UINT32_MAX;
    case RILL_PATH_MTU:
    case RILL_PATH_BURST_LENGTH:
        return cli_parse_number(text, value) && *value <= UINT32_MAX;
    default:
        if (!cli_parse_probability(text, &chance))
            return false;
        *value = chance;
        return true;
    }
}

/* Names in a schedule: those of the options. */
static const struct {
    const char *name;
    enum rill_path_field field;
    int second; /* what may follow a colon, or -1 */
} names[] = {
    {"rate", RILL_PATH_RATE, -1},
    {"queue", RILL_PATH_QUEUE, -1},
    {"delay", RILL_PATH_DELAY, -1},
    {"jitter", RILL_PATH_JITTER, -1},
    {"loss", RILL_PATH_LOSS, -1},
    {"burst", RILL_PATH_BURST, RILL_PATH_BURST_LENGTH},
    {"reorder", RILL_PATH_REORDER, RILL_PATH_REORDER_BY},
    {"duplicate", RILL_PATH_DUPLICATE, -1},
    {"corrupt", RILL_PATH_CORRUPT, -1},
    {"mtu", RILL_PATH_MTU, -1},
    {"ecn", RILL_PATH_ECN_THRESHOLD, -1},
    {"policer", RILL_PATH_POLICER, -1},
};

/* One change, at time 0. Returns how many fields it sets, 0: it is none. */
static size_t parse_change(const char *text, struct rill_path_change changes[2]) {
    const char *equals = strchr(text, '=');
    for (size_t i = 0; equals && i < sizeof names / sizeof *names; i++) {
        char value[64];
        if (strlen(names[i].name) != (size_t)(equals - text) ||
            memcmp(names[i].name, text, (size_t)(equals - text)) != 0)
            continue;
        if (strlen(equals + 1) >= sizeof value)
            return 0;
        strcpy(value, equals + 1);
        char *second = names[i].second < 0 ? 0 : strchr(value, ':');
        if (second)
            *second++ = '\0';
        changes[0] = (struct rill_path_change){0, names[i].field, 0};
        if (!value_of(names[i].field, value, &changes[0].value))
            return 0;
        if (!second)
            return 1;
        changes[1] = (struct rill_path_change){0, (enum rill_path_field)names[i].second, 0};
        return value_of(changes[1].field, second, &changes[1].value) ? 2 : 0;
    }
    return 0;
}

static int add_change(struct lab_path *path, const struct rill_path_change *change) {
    struct rill_path_change *list = grown(path->changes, path->config.schedule_count, sizeof *list);
    if (!list)
        return CLI_FAILED;
    path->changes = list;
    list[path->config.schedule_count++] = *change;
    return CLI_DONE;
}

static int take_changes(struct lab_path *path, const char *name, int number, char *line) {
    char *rest = 0, *word = strtok_r(line, " \t", &rest);
    size_t before = path->config.schedule_count;
    rill_time at;
    if (!word)
        return CLI_DONE;
    if (!cli_parse_time(word, &at)) {
        cli_error("%s:%d: '%s' is no time: a line is TIME key=value..., such as 2s rate=5M", name,
                  number, word);
        return CLI_USAGE;
    }
    if (before && path->changes[before - 1].at > at) {
        cli_error("%s:%d: %s is earlier than the line before it", name, number, word);
        return CLI_USAGE;
    }
    while ((word = strtok_r(0, " \t", &rest)) != 0) {
        struct rill_path_change changes[2];
        size_t count = parse_change(word, changes);
        if (!count) {
            cli_error(
                "%s:%d: '%s' is no change: key=value is expected, such as rate=5M, delay=30ms "
                "or loss=1%%",
                name, number, word);
            return CLI_USAGE;
        }
        for (size_t i = 0; i < count; i++) {
            changes[i].at = at;
            int code = add_change(path, &changes[i]);
            if (code)
                return code;
        }
    }
    return CLI_DONE;
}

int lab_read_schedule(struct lab_path *path) {
    int code = each_line(path->schedule, path, take_changes);
    path->config.schedule = path->changes;
    return code;
}
