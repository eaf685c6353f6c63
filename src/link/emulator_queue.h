/* link/emulator_queue.h: frames that wait for the rate, first in, first out, and CoDel over them
 * (RFC 8289): which of them go, which are marked, which are dropped.
 *
 * The queue joins frames by `next`, and keeps in `arrival` when each came. */
#ifndef RILL_LINK_EMULATOR_QUEUE_H
#define RILL_LINK_EMULATOR_QUEUE_H

#include <rill/packet.h>

struct path_queue {
    struct rill_packet *first, *last;
    uint64_t bytes;
    uint32_t largest; /* bytes of the largest frame ever put here */
};

void rill__path_queue_put(struct path_queue *queue, struct rill_packet *packet, rill_time now);
/* The first, or null. */
struct rill_packet *rill__path_queue_take(struct path_queue *queue);

struct codel {
    rill_time target, interval;
    rill_time
        first_above; /* when the delay will have been too long for an interval; 0: it is not */
    rill_time drop_next;
    uint32_t count, last_count; /* drops of this dropping state, and of the last */
    bool dropping;
    uint64_t dropped, marked; /* in all */
};

/* The frame that leaves the queue at `now`, or null: none is left. Those before it that go too
 * late are dropped, or the one that leaves is marked where its sender is ECN-capable. */
struct rill_packet *rill__codel_take(struct codel *codel, struct path_queue *queue, rill_time now);

/* When the next drop is due after one at `at`: at + interval / sqrt(count), rounded down to a
 * nanosecond (RFC 8289 §5.6). */
rill_time rill__codel_next(const struct codel *codel, rill_time at, uint32_t count);

#endif
