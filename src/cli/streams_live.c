/* cli/streams_live.c: `rill streams -i IF`: the list of what passes an interface.
 *
 * On a terminal a screen, drawn anew every second: connections at hand and those of the past that
 * are worth most, and what the kernel dropped; at the end the list. Elsewhere a line a connection
 * as it ends, the rest at the end, and the sum. Of connections that are over LISTED are kept for
 * the screen and its list, the largest by --sort, or by bytes; the others are counted. */
#include "cli/streams.h"
#include "cli/streams_summary.h"
#include "cli/streams_top.h"

#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { LISTED = 1024, SCREEN_HEAD = 4, DRAWING_SHARE = 20 };

struct entry {
    bool over;
    struct streams_connection connection;
};

struct kept { /* the largest */
    struct top top;
    struct entry *entries; /* by their place in it */
};

struct live_list {
    struct streams_run run;
    struct streams_summary summary; /* of those that are over */
    struct kept past, shown;
    const char *sort;
    bool screen, headed;
    uint64_t open, past_others;
    rill_time drawn_at, drawing_took;
    uint64_t drawn_frames, drawn_bytes;
};

/* False: something is left out for it, or it is. */
static bool keep(struct kept *kept, uint64_t key, const struct entry *entry) {
    bool full = kept->top.count == kept->top.most;
    size_t at = top_add(&kept->top, (struct top_entry){key, entry->connection.number, SIZE_MAX});
    if (at != SIZE_MAX)
        kept->entries[at] = *entry;
    return !full;
}

static int by_number(const void *a, const void *b) {
    const struct top_entry *one = a, *other = b;
    return (one->number > other->number) - (one->number < other->number);
}

/* Of those kept, in the order of the heap, or sorted. */
static const struct entry *nth(const struct kept *kept, size_t index) {
    return &kept->entries[top_entries(&kept->top)[index].at];
}

static rill_time monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (rill_time)now.tv_sec * RILL_SECOND + (rill_time)now.tv_nsec;
}

/* Elsewhere than on a terminal. */
static void print_line(struct live_list *list, const struct streams_connection *connection) {
    char line[STREAMS_LINE];
    if (list->run.options->json) {
        streams_print_json(stdout, list->run.streams, connection);
        return;
    }
    if (!list->headed)
        puts(streams_list_head(line));
    list->headed = true;
    puts(streams_list_line(list->run.streams, connection, list->run.live.first, line));
}

static uint64_t key_of(const struct live_list *list, const struct streams_connection *connection) {
    uint64_t key = 0;
    streams_sort_key(list->sort, connection, &key);
    return key;
}

static void on_connection(void *context, const struct streams_connection *connection) {
    struct live_list *list = context;
    streams_summary_add(&list->summary, connection);
    if (!list->screen) {
        print_line(list, connection);
        return;
    }
    struct entry entry = {true, *connection};
    list->past_others += !keep(&list->past, key_of(list, connection), &entry);
}

static void on_glance(void *context, const struct streams_connection *connection) {
    struct live_list *list = context;
    if (!streams_wanted(list->run.options, connection))
        return;
    list->open++;
    struct entry entry = {false, *connection};
    keep(&list->shown, key_of(list, connection), &entry);
}

/* A line of the screen, cut off where that ends. */
static void draw_line(const char *line, unsigned columns) {
    printf("%.*s\033[K\n", (int)columns, line);
}

static void draw_figures(const struct live_list *list, rill_time now, unsigned columns) {
    const struct capture_live *live = &list->run.live;
    char line[STREAMS_LINE], time[32], rate[32];
    uint64_t ns = list->drawn_at ? now - list->drawn_at : now - live->began;
    double seconds = ns ? (double)ns / 1e9 : 1;
    double packets = (double)(live->frames - list->drawn_frames) / seconds;
    double bits = (double)(live->bytes - list->drawn_bytes) * 8 / seconds;
    snprintf(line, sizeof line, "%s for %s: %llu packets, %.0f packets/s, %s",
             live->config.sniff.interface, cli_time_text(now - live->began, time, sizeof time),
             (unsigned long long)live->frames, packets,
             cli_rate_text((uint64_t)bits, rate, sizeof rate));
    draw_line(line, columns);
    snprintf(
        line, sizeof line,
        "%llu connections at hand, %llu over; dropped by the kernel: %llu, put away early: %llu",
        (unsigned long long)list->open, (unsigned long long)list->summary.connections,
        (unsigned long long)live->counts.dropped,
        (unsigned long long)list->run.totals.connections_given_up);
    draw_line(line, columns);
}

static void draw(struct live_list *list, rill_time now) {
    struct winsize size = {0};
    char line[STREAMS_LINE];
    unsigned rows = 24, columns = 80;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col) {
        rows = size.ws_row;
        columns = size.ws_col;
    }
    struct top *top = &list->shown.top;
    top->count = 0;
    top->most = rows > SCREEN_HEAD + 1 ? rows - SCREEN_HEAD - 1 : 1;
    top->most = top->most < LISTED ? top->most : LISTED;
    if (list->run.options->limit < top->most)
        top->most = (size_t)list->run.options->limit;
    list->open = 0;
    rill__streams_glance(list->run.streams, list, on_glance);
    for (size_t i = 0; i < list->past.top.count; i++) {
        const struct entry *entry = nth(&list->past, i);
        keep(&list->shown, key_of(list, &entry->connection), entry);
    }
    rill__streams_totals(list->run.streams, &list->run.totals);
    fputs(list->drawn_at ? "\033[H" : "\033[H\033[2J", stdout);
    draw_figures(list, now, columns);
    draw_line("", columns);
    draw_line(streams_list_head(line), columns);
    top_sort(top);
    for (size_t i = 0; i < top->count; i++)
        draw_line(streams_list_line(list->run.streams, &nth(&list->shown, i)->connection,
                                    list->run.live.first, line),
                  columns);
    fputs("\033[J", stdout);
    fflush(stdout);
}

/* Drawing looks at each connection: of very many less often, so that it takes a small share. */
static bool on_tick(void *context) {
    struct live_list *list = context;
    rill_time now = monotonic(), pause = DRAWING_SHARE * list->drawing_took;
    if (!list->screen || now - list->drawn_at < (pause > RILL_SECOND ? pause : RILL_SECOND))
        return true;
    draw(list, now);
    list->drawn_at = now;
    list->drawn_frames = list->run.live.frames;
    list->drawn_bytes = list->run.live.bytes;
    list->drawing_took = monotonic() - now;
    return true;
}

static void print_end(struct live_list *list) {
    const struct streams_options *options = list->run.options;
    char text[2 * STREAMS_TEXT], line[STREAMS_LINE];
    if (options->json)
        return;
    if (list->drawn_at)
        fputs("\033[H\033[J", stdout);
    else if (list->headed)
        putchar('\n');
    streams_summary_figures(&list->summary, text, sizeof text);
    puts(list->summary.connections ? text : "No TCP connection passed.");
    streams_summary_reason(&list->summary, true, text, sizeof text);
    if (*text)
        puts(text);
    struct top *top = &list->past.top;
    if (!top->count)
        return;
    printf("\n%s\n", streams_list_head(line));
    if (options->sort)
        top_sort(top);
    else
        qsort(top_entries(top), top->count, sizeof *top_entries(top), by_number);
    size_t shown = options->limit < top->count ? (size_t)options->limit : top->count;
    for (size_t i = 0; i < shown; i++)
        puts(streams_list_line(list->run.streams, &nth(&list->past, i)->connection,
                               list->run.live.first, line));
    if (list->past_others + top->count > shown)
        printf("... %llu more\n", (unsigned long long)(list->past_others + top->count - shown));
}

int streams_live(const struct streams_options *options) {
    struct live_list list = {0};
    struct streams_connection none = {0};
    uint64_t key;
    list.run.options = options;
    list.run.context = &list;
    list.run.connection = on_connection;
    list.run.tick = on_tick;
    list.sort = options->sort ? options->sort : "bytes";
    list.screen = isatty(STDOUT_FILENO) && !options->json;
    list.past.top.most = LISTED;
    if (!streams_sort_key(list.sort, &none, &key)) {
        cli_error("'%s' is no key to sort by; see --help", list.sort);
        return CLI_USAGE;
    }
    if (list.screen) {
        list.past.entries = calloc(LISTED, sizeof *list.past.entries);
        list.shown.entries = calloc(LISTED, sizeof *list.shown.entries);
    }
    int code = CLI_MISSING;
    if (list.screen && !(list.past.entries && list.shown.entries)) {
        cli_error("out of memory");
    } else {
        code = streams_pass(&list.run);
        if (code == CLI_DONE || code == CLI_PARTIAL) {
            print_end(&list);
            code = streams_fail_code(options, &list.run, code);
        }
    }
    free(list.past.entries);
    free(list.shown.entries);
    top_fini(&list.past.top);
    top_fini(&list.shown.top);
    streams_run_close(&list.run);
    return code;
}
