/* tests/streams/round_trip.h: a random run of two hosts in virtual time, captured at the client's
 * end, in the middle and at the server's end, and what the stacks themselves know of it.
 *
 * Each direction is two paths one behind the other; all faults are on the first or on the second,
 * so that the middle sees them before or behind itself. */
#ifndef TESTS_STREAMS_ROUND_TRIP_H
#define TESTS_STREAMS_ROUND_TRIP_H

#include "streams/streams.h"
#include "world.h"

enum round_trip_tap { TAP_CLIENT, TAP_MIDDLE, TAP_SERVER, TAPS };

#define ROUND_TRIP_FLOWS 6
#define ROUND_TRIP_EPOCH (1700000000 * RILL_SECOND)

/* One connection, as its stacks know it. Numbers by host: 0 opens, 1 listens. */
struct round_trip_flow {
    uint16_t port; /* of the client */
    rill_handle handle[2];
    int sender;
    uint64_t bytes, sent, received;
    bool shut[2], done[2], known; /* `known`: `info` is of its end */
    rill_time next_write, next_read, after;
    rill_time born[2]; /* when an end began its account */
    struct rill_tcp_info info[2];
};

struct round_trip_capture {
    struct streams_frame *frames;
    uint8_t **bytes;
    size_t count, room;
};

struct round_trip {
    uint64_t seed;
    struct test_world test;
    struct rill_path *second[2]; /* behind the middle */
    struct round_trip_flow flows[ROUND_TRIP_FLOWS];
    unsigned flow_count, connected;
    rill_handle listener;
    rill_time rtt; /* of the path when it is empty */
    uint32_t write_size, read_size;
    rill_time write_pause, read_pause, idle_pause;
    bool reuse; /* one four-tuple, again and again */
    struct round_trip_capture captures[TAPS];
};

/* Runs it; the captures and accounts are filled. Null, or what went wrong. */
const char *round_trip_run(struct round_trip *run, uint64_t seed);
/* The same choices in words. */
void round_trip_tell(const struct round_trip *run, FILE *out);
void round_trip_close(struct round_trip *run);

#endif
