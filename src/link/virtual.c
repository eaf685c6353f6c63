/* link/virtual.c: two hosts in virtual time: the loop every simulation uses. */
#include <rill/emulator.h>

#include "base/util.h"

#define BATCH_MAX 64

static size_t batch_of(const struct rill_virtual *world) {
    return world->batch && world->batch < BATCH_MAX ? world->batch : BATCH_MAX;
}

/* Everything host `from` has to send; returns how many packets. */
static size_t flush(struct rill_virtual *world, int from) {
    struct rill_packet *packets[BATCH_MAX];
    size_t n, total = 0;
    while ((n = rill_output(world->stacks[from], 0, packets, batch_of(world), SIZE_MAX,
                            world->now)) > 0) {
        total += n;
        for (size_t i = 0; i < n && world->tap; i++)
            world->tap(world->tap_context, from, packets[i], world->now);
        if (!world->paths[from]) {
            rill_input(world->stacks[!from], 0, packets, n, world->now);
            continue;
        }
        for (size_t i = 0; i < n; i++)
            rill_path_send(world->paths[from], packets[i], world->now);
    }
    return total;
}

static void deliver(struct rill_virtual *world, int from) {
    struct rill_packet *packets[BATCH_MAX];
    size_t n;
    if (!world->paths[from])
        return;
    while ((n = rill_path_receive(world->paths[from], packets, batch_of(world), world->now)) > 0)
        rill_input(world->stacks[!from], 0, packets, n, world->now);
}

static rill_time next_time(const struct rill_virtual *world) {
    rill_time next = RILL_TIME_NEVER;
    for (int i = 0; i < 2; i++) {
        next = RILL_MIN(next, rill_deadline(world->stacks[i]));
        if (world->paths[i])
            next = RILL_MIN(next, rill_path_next(world->paths[i]));
    }
    return next;
}

bool rill_virtual_step(struct rill_virtual *world, rill_time until) {
    /* With direct links an answer may call forth an answer: the events between belong to the
     * caller. */
    if (flush(world, 0) + flush(world, 1) > 0 && (!world->paths[0] || !world->paths[1]))
        return true;
    rill_time next = next_time(world);
    if (next == RILL_TIME_NEVER || next > until) {
        if (until != RILL_TIME_NEVER)
            world->now = RILL_MAX(world->now, until);
        return false;
    }
    world->now = RILL_MAX(world->now, next);
    for (int i = 0; i < 2; i++)
        deliver(world, i);
    for (int i = 0; i < 2; i++)
        rill_advance(world->stacks[i], world->now, 0);
    return true;
}
