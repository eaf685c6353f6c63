/* cli/demo.h: what the demo runs, what it learns, and how that is told. */
#ifndef RILL_CLI_DEMO_H
#define RILL_CLI_DEMO_H

#include "cli/sha256.h"
#include "link/journal_file.h"

#include <rill/emulator.h>
#include <rill/rill.h>
#include <stdio.h>

/* One connection, both ends of it. */
struct demo_connection {
    struct rill_endpoint local, remote; /* as the client sees them */
    unsigned incarnation;
    rill_handle client, server;
    bool client_closes; /* who closes first */
    bool client_done, server_done, failed;
    int error;
    rill_seq isn; /* the client's */
    uint64_t sent, received, segments_sent, segments_resent;
    uint64_t generator; /* state of the bytes the server makes */
    struct sha256 sent_sha, received_sha;
    char sent_hex[65], received_hex[65];
    rill_time opened, finished, rtt;
};

struct demo {
    /* asked for */
    uint64_t connections, bytes, seed, rate;
    rill_time rtt;
    uint32_t loss, reorder;
    const char *capture, *journal;
    bool json;
    /* the world */
    struct rill_pool *pool;
    struct rill_virtual world;
    struct rill_address address[2];
    rill_handle listener;
    FILE *file;
    struct journal_file journal_file;
    bool capture_failed;
    /* what came of it */
    struct demo_connection *list;            /* connections + 1 */
    uint64_t count;                          /* in use */
    uint32_t by_port[65536];                 /* client's port -> number of its latest connection */
    uint64_t limited_ns[RILL_LIMITER_COUNT]; /* what held the servers, of all connections */
    double wall_seconds;
    bool ok;
};

void demo_print_table(const struct demo *demo);
void demo_print_json(const struct demo *demo);

#endif
