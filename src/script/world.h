/* script/world.h: the host under test: a stack with one interface, its sockets, a clock that moves
 * only when told, and what the stack has sent so far, with the time of each packet.
 *
 * The stack is opened when it is first used, so that what a script sets before counts from the
 * beginning. */
#ifndef RILL_SCRIPT_WORLD_H
#define RILL_SCRIPT_WORLD_H

#include "script/program.h"

#include <rill/rill.h>

/* A packet the stack sent. */
struct sent {
    struct sent *next;
    const void *stimulus; /* world.stimulus when it was sent */
    rill_time at;         /* since the script began */
    uint8_t cause;
    uint32_t length;
    uint8_t bytes[];
};

struct world {
    struct rill_allocator allocator;
    struct rill_pool *pool;
    struct rill_stack *stack; /* null until it is needed */
    struct rill_sockets *sockets;
    struct rill_stack_config config;
    struct rill_interface_config interface;
    uint8_t fast_open_keys[32]; /* for cookies; the host has one of its own if there is none */
    unsigned fast_open_key_count;
    struct rill_address local, remote;
    bool ipv4;
    rill_time now;        /* since the script began */
    bool wants_packet;    /* time goes on for a packet to be sent */
    const void *stimulus; /* the event that is happening; null: time goes on */
    struct sent *sent, **sent_last;
};

/* What the program says of addresses and the link. False: `*why` says what is wrong. */
bool world_init(struct world *world, const struct rill_allocator *allocator,
                const struct script_program *program, uint64_t seed, const char **why);
void world_close(struct world *world);

/* Opens the stack if it is not open. Returns 0 or an enum rill_error. */
int world_open(struct world *world);

/* `config` has changed: the stack does as it says from now on, if it is open already. Returns 0 or
 * an enum rill_error. */
int world_configure(struct world *world);

/* Takes what the stack sends now. Returns how many packets it took. */
size_t world_flush(struct world *world);

/* A packet arrives. Returns 0 or RILL_ERROR_MEMORY. */
int world_input(struct world *world, const uint8_t *bytes, size_t length);

/* The clock goes on to the next thing the stack wants to do, or to `until`. Returns whether there
 * was such a thing. */
bool world_advance(struct world *world, rill_time until);

/* Gives up the oldest packet that was sent. */
void world_drop_sent(struct world *world);

#endif
