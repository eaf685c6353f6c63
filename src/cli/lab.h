/* cli/lab.h: a path between two ends, the flows over it, and what is learnt of both.
 *
 * End 0 is a, end 1 is b; direction 0 leads from a to b. An end is a rill host in this process or a
 * link, behind which there is a kernel with its programs. Two hosts live in virtual time
 * (lab_virtual.c), otherwise time is real (lab_real.c); flows (lab_flow.c) know no difference. */
#ifndef RILL_CLI_LAB_H
#define RILL_CLI_LAB_H

#include "cli/command.h"
#include "link/histogram.h"
#include "link/journal_file.h"
#include "link/link.h"

#include <rill/emulator.h>
#include <rill/rill.h>
#include <stdio.h>

#define LAB_ADDRESSES 4
#define LAB_PORT 9 /* discard, RFC 863 */

/* What was asked of one direction. */
struct lab_path {
    struct rill_path_config config;
    uint64_t queue_thousandths;  /* of the bandwidth-delay product; 0: config.queue counts */
    const char *list, *schedule; /* files */
    uint64_t *ordinals;          /* read from `list` */
    struct rill_path_change *changes;
};

/* An option of a path, as it was given for a to b, b to a, and both. */
struct lab_option {
    struct cli_directed directed;
    bool (*parse)(struct lab_path *path, const char *text);
    const char *texts[3]; /* by enum cli_direction */
};
#define LAB_OPTIONS 12

struct lab_flow;
struct lab_report;

/* What the stack's events of a connection lead back to. */
struct lab_side {
    struct lab_flow *flow;
    int end;
};

struct lab_flow {
    struct lab *lab;
    struct lab_side sides[2];
    rill_handle handles[2]; /* 0: not ours, or not yet, or given up */
    bool done[2];           /* that end has given its handle up */
    bool eof[2];            /* … has read to the end of its stream */
    bool shut;              /* the sender has queued its last byte */
    bool complete, failed;
    int error; /* why it failed, or 0 */
    rill_time opened, completed;
    uint64_t sent, received;
    struct rill_endpoint sockets[2]; /* by end */
    struct rill_tcp_info info;       /* of the sender, or the receiver where that alone is ours */
};

struct lab_end {
    const char *spec; /* "host" or "tun:NAME" … */
    bool host;
    struct link_prefix addresses[LAB_ADDRESSES];
    size_t address_count;
    rill_handle listener;
};

/* Whose trace it is. */
struct lab_tracer {
    struct lab *lab;
    int end;
};

struct lab {
    /* asked for */
    struct lab_end ends[2];
    struct lab_option options[LAB_OPTIONS];
    struct lab_path paths[2];
    uint64_t flows, bytes, listen_port, seed, buffer;
    rill_time time; /* senders stop after so long; 0: they do not */
    const char *sender_name, *congestion_name, *capture_name, *trace_name, *journal_name;
    const char *report_name;
    struct rill_endpoint connect; /* port 0: not given */
    bool bytes_given, seed_given, json;
    /* the world */
    const struct rill_congestion_ops *congestion;
    bool ecn;
    int opener, sender; /* ends; -1: there is no host */
    bool real;          /* time is real */
    struct rill_pool *pool;
    struct rill_virtual world;  /* stacks (null for links), paths, the time */
    struct rill_block *pattern; /* what flows carry */
    rill_time started, stop_at;
    bool stopped; /* senders send no more */
    FILE *capture, *trace;
    struct journal_file journal;
    bool capture_failed;
    uint64_t wall_offset; /* added to times in the capture */
    /* what came of it */
    struct lab_flow *list;
    uint64_t count, over; /* of `list`: in use, and at their end */
    uint32_t *closing;    /* flows that have sent all: who waits for the last ACK */
    uint64_t closing_count;
    uint32_t *by_port;        /* both are hosts: the opener's port -> flow + 1 */
    struct histogram late[2]; /* real time: how late frames came out of each path, ns */
    uint64_t latest[2];
    uint64_t unread[2];  /* … frames the kernel had no room for before each path, … */
    uint64_t refused[2]; /* … and those the device behind it did not take */
    uint64_t cpu_us;     /* used by the run */
    bool interrupted;
    struct lab_report *report;    /* null: none was asked for */
    struct lab_tracer tracers[2]; /* by end */
};

/* lab_path.c */
void lab_path_options(struct lab *lab);
/* Puts together what was given for each direction; reads the files. An exit code; errors told. */
int lab_path_resolve(struct lab *lab);

/* lab_files.c: both return an exit code, errors told. */
int lab_read_list(struct lab_path *path);
int lab_read_schedule(struct lab_path *path);

/* lab_world.c: pool, hosts, paths, files. Returns an exit code, errors told. `links` by end, null
 * for a host; null: both are. */
int lab_world_open(struct lab *lab, struct link *const links[2]);
/* False: a file is not whole, and that has been told. */
bool lab_world_close(struct lab *lab);
/* What hosts, and devices made here, have as their MTU; 0: none was asked for. */
uint32_t lab_mtu(const struct lab *lab);
/* A packet on its way into the path from that end. */
void lab_world_tap(void *lab, int from, const struct rill_packet *packet, rill_time now);

/* lab_flow.c */
int lab_flows_open(struct lab *lab);  /* begins; returns 0 or an enum rill_error */
void lab_flows_run(struct lab *lab);  /* tells events, and does what can be done */
void lab_flows_stop(struct lab *lab); /* the time is over: no more is sent */
bool lab_flows_over(const struct lab *lab);
void lab_flows_close(struct lab *lab); /* gives up what is not over */

/* Run to the end: exit codes. */
int lab_virtual_run(struct lab *lab);
int lab_real_run(struct lab *lab);

/* lab_print.c */
void lab_print(const struct lab *lab);
/* Lines about one flow, one direction of the path; whether all went well. */
void lab_print_flow(FILE *out, const struct lab *lab, uint64_t number);
void lab_print_path(FILE *out, const struct lab *lab, int way);
uint64_t lab_took(const struct lab_flow *flow);    /* ns; 0: it is not complete */
uint64_t lab_goodput(const struct lab_flow *flow); /* bit/s */
void lab_print_json(const struct lab *lab);
bool lab_ok(const struct lab *lab);

/* lab_report.c: what --report shows, gathered while flows run. All do nothing where none was asked
 * for, but the first: false, and it has been told why. */
bool lab_report_open(struct lab *lab, int argc, char **argv);
void lab_report_step(struct lab *lab);
void lab_report_look(struct lab *lab, const struct lab_flow *flow,
                     const struct rill_tcp_info *info);
void lab_report_record(struct lab *lab, int end, const struct rill_trace_record *record);
void lab_report_close(struct lab *lab);
/* lab_report_page.c: writes the page. False: it could not, and that has been told. */
bool lab_report_write(const struct lab *lab);

#endif
