/* tests/sim/point.h: one point of the path grid: a path, two hosts and a transfer, in virtual time.
 */
#ifndef TESTS_SIM_POINT_H
#define TESTS_SIM_POINT_H

#include "world.h"

/* Who sends. */
enum point_direction { POINT_CLIENT_SENDS, POINT_SERVER_SENDS, POINT_BOTH_SEND, POINT_DIRECTIONS };

struct point {
    uint64_t seed;
    uint32_t loss, burst, burst_length, reorder, duplicate, corrupt; /* parts of 10^9 */
    uint32_t corrupt_bits;
    rill_time rtt;
    uint64_t rate;
    uint32_t mtu, window;
    bool ipv6, gso, plain; /* plain: neither timestamps nor SACK nor window scaling */
    bool lazy;             /* the readers read now and then, all at once */
    bool orphan;           /* who has sent all closes at once, and does not wait for the peer */
    bool default_limits;   /* retries; otherwise for ever */
    uint32_t batch;
    enum point_direction direction;
    struct test_journal *journal; /* of both hosts; may be null */
};

struct point_result {
    bool done;    /* all bytes exact, both closed, nothing left behind */
    bool gave_up; /* a retry limit ended it */
    bool wrong;   /* a byte was not the one sent */
    char message[160];
    rill_time time; /* when both had closed */
    uint64_t bytes, steps, segments;
    uint64_t resent, timeout_resent; /* segments; the latter after a timeout */
};

/* Bytes each sender sends: min(1 MB, 200 windows). */
uint64_t point_bytes(const struct point *point);

/* The share of frames that do not arrive whole, in parts of 10^9. */
uint32_t point_loss(const struct point *point);

/* Far more virtual time than the transfer should need. */
rill_time point_time_limit(const struct point *point);

void point_describe(const struct point *point, char *text, size_t size);
void point_run(const struct point *point, struct point_result *result);

#endif
