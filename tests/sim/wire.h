/* tests/sim/wire.h: two hosts in virtual time on a wire whose every frame's fate the test decides:
 * when it arrives, or never. Host 0 has connected to host 1. */
#ifndef TESTS_SIM_WIRE_H
#define TESTS_SIM_WIRE_H

#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WIRE_FRAMES = 16384 };

/* A frame about to be sent. */
struct wire_frame {
    int sender;
    uint32_t payload;  /* bytes of data */
    uint64_t ordinal;  /* of the sender's frames with data, sent again or not, from 0 */
    uint64_t first_at; /* the offset of its first byte in the stream */
    bool again;        /* it begins before the sender's highest byte so far */
    rill_time now;
};

struct wire {
    struct test_world test;
    rill_handle listener, ends[2];
    rill_time delay; /* one way */
    /* When the frame arrives; RILL_TIME_NEVER: it does not. May be null: after `delay`. */
    rill_time (*fate)(struct wire *wire, const struct wire_frame *frame);
    void *context;
    uint64_t written[2], read[2]; /* bytes by the applications */
    uint64_t data_frames[2], resent[2];
    uint32_t base[2], highest[2]; /* sequence numbers: of the first byte, after the last */
    bool begun[2];
    struct {
        struct rill_packet *packet;
        rill_time at;
    } queue[2][WIRE_FRAMES]; /* by time of arrival */
    uint32_t count[2];
};

/* Defaults: 1500 bytes, `delay` one way. Change wire->test.config, then open. */
void wire_init(struct wire *wire, rill_time delay);
/* Opens the world and the connection; the handshake meets no fate. */
void wire_open(struct wire *wire, rill_time (*fate)(struct wire *, const struct wire_frame *));
void wire_close(struct wire *wire);
/* Lets what happens next happen; false: `until` is reached. */
bool wire_step(struct wire *wire, rill_time until);
void wire_run(struct wire *wire, rill_time time);
/* The application of that end: writes as much as fits, up to `bytes`; reads and verifies all. */
uint64_t wire_write(struct wire *wire, int end, uint64_t bytes);
void wire_read(struct wire *wire, int end);
struct rill_tcp_info wire_info(struct wire *wire, int end);
/* Lets time pass until all that host 0 has written is acknowledged; returns when. Host 1 reads. */
rill_time wire_until_acked(struct wire *wire, rill_time limit);

#endif
