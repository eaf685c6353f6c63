/* cli/streams.h: what the parts of `rill streams` share. */
#ifndef RILL_CLI_STREAMS_H
#define RILL_CLI_STREAMS_H

#include "cli/capture_file.h"
#include "cli/command.h"
#include "cli/streams_store.h"
#include "streams/streams.h"

enum streams_overlap {
    OVERLAP_FIRST,
    OVERLAP_LAST,
    OVERLAP_LINUX,
    OVERLAP_WINDOWS,
    OVERLAP_BSD,
};

struct streams_options {
    const char *verb;
    const char *paths[CAPTURE_FILES_MAX];
    size_t path_count;
    uint64_t number; /* of show, follow, why, ladder, cut; STREAMS_UNKNOWN: none was given */
    bool json, hex, raw, csv, arrow, packets, no_index;
    const char *from, *holes, *overlap, *output, *sort, *shard;
    const char *address, *state, *blame;
    uint64_t port, limit, memory, awake;
    rill_time idle;
    const char *interface; /* live: in place of files */
    const char *filter, *write;
    uint64_t buffer, snap_length, count;
    rill_time duration;
    struct fail_if {
        char name[32];
        int compare; /* -1 <, 1 >, with = : -2, 2 */
        double value;
        bool percent;
    } fail_if[8];
    size_t fail_count;
};

/* What --fail-if is about, of all connections wanted. */
struct streams_sums {
    double segments, bytes, connections;
    double resent, lost, repaired, reordered, missing, spurious, reset, refused, attempted;
    double zero_windows, conflicting;
};

/* One pass over the files, or over what passes an interface. */
struct streams_run {
    const struct streams_options *options;
    struct capture_files files;
    struct capture_live live; /* if there is an interface: then nothing is stored */
    struct streams_sums sums; /* the same: of the connections handed out */
    struct streams *streams;
    struct store store;
    struct streams_totals totals;
    /* Where no index is written either, only the first so many connections by number are kept; 0:
     * all are. */
    uint64_t first_only;
    bool quiet; /* no progress bar */
    bool said;  /* a pass before has told what is wrong with the files */
    const struct streams_connection
        *only; /* the pass is over one connection, known from an index */
    /* What a verb wants to see while the pass runs; any may be null. */
    void *context;
    void (*segment)(void *context, const struct streams_segment *segment);
    void (*event)(void *context, const struct streams_event *event);
    void (*frame)(void *context, const struct streams_frame *frame); /* before its segment */
    /* Of each connection wanted, in the order in which they end; not called for those of an index.
     */
    void (*connection)(void *context, const struct streams_connection *connection);
    bool (*tick)(void *context); /* live: now and then; false: enough */
};

/* Runs the pass to its end. CLI_DONE, CLI_PARTIAL (said on standard error), or why nothing came of
 * it.
 */
int streams_pass(struct streams_run *run);
void streams_run_close(struct streams_run *run);
/* The connection of that number; false: there is none, and the error is printed. */
bool streams_connection_get(struct streams_run *run, uint64_t number,
                            struct streams_connection *connection);

/* streams_options.c: as cli_parse. */
int streams_parse(int argc, char **argv, struct streams_options *options, const char **words,
                  int max);

/* The verbs; each returns the exit code. */
int streams_list(const struct streams_options *options);
int streams_live(const struct streams_options *options); /* list, of an interface */
int streams_show(const struct streams_options *options);
int streams_why(const struct streams_options *options);
int streams_follow(const struct streams_options *options);
int streams_ladder(const struct streams_options *options);
int streams_export(const struct streams_options *options);
int streams_cut(const struct streams_options *options);
int streams_report(const struct streams_options *options);
int streams_events(const struct streams_options *options);

/* streams_list.c: its lines. `since`: when the first connection began. */
#define STREAMS_LINE 640
const char *streams_list_head(char out[STREAMS_LINE]);
const char *streams_list_line(const struct streams *streams,
                              const struct streams_connection *connection, rill_time since,
                              char out[STREAMS_LINE]);
/* What the list is sorted by, the largest first; false: there is no such key. */
bool streams_sort_key(const char *name, const struct streams_connection *connection, uint64_t *key);

/* streams_text.c */
#define STREAMS_TEXT 512
/* "10.0.0.1:80" */
char *streams_endpoint_text(const struct streams_connection *connection, unsigned side, char *out);
/* "vlan 10, vxlan 77"; empty without a scope. */
void streams_scope_text(const struct streams *streams, uint64_t number, char *out, size_t size);
const char *streams_handshake_text(uint64_t handshake);
const char *streams_closed_by_text(uint64_t closed_by); /* null: nobody */
const char *streams_tap_text(uint64_t tap);
/* What held it longest; STREAMS_BLAME_COUNT: nothing did. */
enum streams_blame streams_worst(const struct streams_connection *connection);
/* One sentence: what held it, for how long, and the frame that shows it. */
void streams_verdict(const struct streams_connection *connection, char *out, size_t size);
void streams_community_id(const struct streams_connection *connection, char *out, size_t size);
/* The name of a state of §7 in words a person uses: "the server's application". */
const char *streams_blame_words(enum streams_blame blame);

/* streams_json.c: one object, one line. */
void streams_print_json(FILE *out, const struct streams *streams,
                        const struct streams_connection *connection);
void streams_print_event(FILE *out, const struct streams_event *event);

/* streams_filter.c */
bool streams_wanted(const struct streams_options *options,
                    const struct streams_connection *connection);
/* The same of one packet: by address and port alone. */
bool streams_packet_wanted(const struct streams_options *options,
                           const struct streams_packet *packet);
void streams_sum_up(struct streams_sums *sums, const struct streams_connection *connection);
bool streams_parse_fail_if(struct streams_options *options, const char *text);
/* CLI_FAIL_IF if one holds, else `code`. */
int streams_fail_code(const struct streams_options *options, struct streams_run *run, int code);

#endif
