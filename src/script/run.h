/* script/run.h: a script while it runs. Used by the files that run one kind of event each. */
#ifndef RILL_SCRIPT_RUN_H
#define RILL_SCRIPT_RUN_H

#include "script/connection.h"
#include "script/expression.h"
#include "script/world.h"

#define RUN_TOLERANCE (4 * RILL_MILLISECOND)
#define RUN_DESCRIPTORS 256

struct run_epoll; /* call_poll.c */
struct call;      /* call.h */

/* A descriptor as the script numbers it. */
struct run_descriptor {
    int script; /* its number in the script */
    int fd;     /* rill's, or -1: an epoll descriptor */
    bool nonblocking;
    struct run_epoll *epoll;
};

struct run {
    const struct script_config *config;
    struct script_result *result;
    struct script_program program;
    struct arena arena;
    struct world world;
    struct run_descriptor descriptors[RUN_DESCRIPTORS]; /* those in use come first */
    unsigned descriptor_count;
    struct script_connection *connections, *tested; /* latest first; the one under test */
    uint16_t next_port;
    struct call *waiting; /* a blocking call that has not returned yet */
    struct expression_scope scope;
    rill_time before; /* when the event before happened */
    uint8_t *scratch; /* PACKET_MAX bytes */
    bool failed;
};

/* Notes why the script fails, as one text made of the pieces (up to a null). Returns false. */
bool run_fail(struct run *run, unsigned line, ...);
bool run_fail_text(struct run *run, unsigned line, const char *what);
/* What happens, for --verbose. */
void run_tell(struct run *run, const char *line);

/* Takes what the stack sends, tells what happened to sockets, tries the call that waits; until
 * nothing more happens. */
void run_settle(struct run *run);
/* Virtual time goes on to `until`, or until the stack sends something if `for_packet`. */
void run_advance(struct run *run, rill_time until, bool for_packet);

/* Earliest and latest time at which the event may happen, with tolerance. */
void run_window(const struct run *run, const struct script_event *event, rill_time *earliest,
                rill_time *latest);
/* The tolerance at a time, seen from the event before. */
rill_time run_tolerance(const struct run *run, rill_time at);

bool run_relaxed(const struct run *run, unsigned relax);

/* One kind of event each; false: the script has failed. */
bool run_inbound(struct run *run, const struct script_event *event);
bool run_outbound(struct run *run, const struct script_event *event);
bool run_call(struct run *run, const struct script_event *event);
bool run_shell(struct run *run, const struct script_event *event);
bool run_code(struct run *run, const struct script_event *event);

/* Nothing may be left of what the stack has sent on the tested connection, but for bare ACKs and
 * what the last packet that arrives, or the last close, has called forth. */
bool run_nothing_left(struct run *run, unsigned line);
/* Forgets it. */
void run_forget_sent(struct run *run);

/* The connection of a descriptor, or a new one that becomes the tested one; null: no memory. */
struct script_connection *run_connection_of(struct run *run, int fd);
struct script_connection *run_connection_open(struct run *run, int fd, bool passive);

/* By the script's number; null: none is open. */
struct run_descriptor *run_descriptor(struct run *run, int64_t script);
bool run_descriptor_add(struct run *run, int64_t script, int fd, struct run_epoll *epoll);
void run_descriptor_remove(struct run *run, struct run_descriptor *descriptor);

/* Names of numbers about the tested connection (info.c). */
bool info_lookup(void *run, const char *name, int64_t *value);

#endif
