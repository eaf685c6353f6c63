/* link/emulator_loss.h: which frames a path loses: by chance, in bursts, or by a list.
 *
 * The list names segments by their ordinal among the first transmissions of their flow, counted
 * from 1. A flow is one direction of a four-tuple, from one SYN to the next. A segment is a first
 * transmission when its first byte lies beyond all that the flow has sent before; so what a sender
 * repeats passes, and two senders that cut their bytes alike lose the same ones, however they
 * recover.
 *
 * Chance has a generator of its own: what is lost depends on the seed and on how many frames came,
 * not on what else the path does. */
#ifndef RILL_LINK_EMULATOR_LOSS_H
#define RILL_LINK_EMULATOR_LOSS_H

#include "base/hash.h"
#include "base/random.h"
#include "link/emulator_frame.h"

#include <rill/emulator.h>

struct listed_flow {
    uint8_t key[36];
    rill_seq end;   /* behind the last byte sent */
    uint64_t count; /* first transmissions */
    bool hashed;    /* else there was no memory, and nobody finds it */
};

struct path_loss {
    struct rill_allocator allocator;
    struct random random;
    uint32_t burst_left;
    uint64_t *list;
    size_t list_count;
    struct hash hash; /* of flows */
    struct listed_flow *flows;
    uint32_t flow_count, flow_capacity;
    uint32_t flow_next; /* when all are in use: whose place the next takes */
};

enum path_fate { FATE_PASSES, FATE_LOST, FATE_LISTED };

/* The list is copied. False: no memory. */
bool rill__path_loss_init(struct path_loss *loss, const struct rill_allocator *allocator,
                          const struct rill_path_config *config);
void rill__path_loss_fini(struct path_loss *loss);

/* To be asked once for each frame. */
enum path_fate rill__path_loss_of(struct path_loss *loss, const struct rill_path_config *config,
                                  const struct rill_packet *packet);

#endif
