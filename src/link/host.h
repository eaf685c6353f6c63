/* link/host.h: a host in the world: a stack, its pool, a link, and the loop that drives them.
 *
 * A round: sleep until a descriptor is ready or the stack wants to be called; take up to 64 frames;
 * run timers; tell events; send all there is, or as much as the link takes. Everything happens in
 * one thread. A link that vanishes stops the loop as a signal does, and host_close says so. */
#ifndef RILL_LINK_HOST_H
#define RILL_LINK_HOST_H

#include "link/journal_file.h"
#include "link/link.h"
#include "link/loop.h"

#include <rill/rill.h>
#include <stdio.h>

/* Whoever gets events of a handle: rill_user_set is given one. It may give up its own handle in the
 * callback, not that of another. */
struct host_target {
    void (*on_event)(struct host_target *target, const struct rill_event *event);
};

#define HOST_ADDRESSES 16
#define HOST_BATCH 64

struct host_config {
    const char *link; /* "tun:NAME", "tap:NAME" or "packet:INTERFACE" */
    uint8_t mac[6];   /* ours on an Ethernet; all zero: a random one */
    struct link_prefix addresses[HOST_ADDRESSES], peers[HOST_ADDRESSES];
    size_t address_count, peer_count; /* 0: the defaults */
    bool autoconfigure;               /* IPv6 addresses and routers as the link has them */
    struct rill_address gateway;      /* all zero: none */
    uint64_t mtu;                     /* 0: 1500, or the device's own */
    uint64_t seed;
    void (*notice)(const char *line);      /* told what becomes of the interface; may be null */
    bool seeded;                           /* else the seed is the system's */
    const char *capture, *trace, *journal; /* files, or null */
};

struct host {
    struct loop loop;
    struct loop_watch link_watch;
    struct link *link;
    struct rill_packet *unsent[HOST_BATCH]; /* taken from the stack, and the link was full … */
    size_t unsent_count, unsent_at;         /* … after so many of them */
    struct rill_pool *pool;
    struct rill_stack *stack;
    struct link_prefix addresses[HOST_ADDRESSES];
    size_t address_count;
    struct host_target interface;     /* what becomes of it */
    void (*notice)(const char *line); /* told what becomes of the interface; null: nobody */
    bool down;                        /* as the stack was told */
    rill_time now;
    bool readable; /* the link has frames for us */
    bool full;     /* … takes none of ours for now */
    FILE *capture, *trace;
    struct journal_file journal;
    const char *capture_name, *trace_name;
    bool capture_failed;
    uint64_t wall_offset; /* CLOCK_REALTIME - CLOCK_MONOTONIC at the start, for captures */
    uint64_t rounds;
};

/* Returns false with `error` filled; nothing is left open then. */
bool host_open(struct host *host, const struct host_config *config, struct link_error *error);

/* Ends it: nothing more is sent. False with `error` filled if the link has vanished, or the capture
 * or trace is not whole. */
bool host_close(struct host *host, struct link_error *error);

/* For a host that finds its addresses itself: rounds until one may be used beyond the link, at most
 * `patience`; notes those there are. False: none came. */
bool host_await_address(struct host *host, rill_time patience);

/* One round; sleeps until `until` at the longest. */
void host_round(struct host *host, rill_time until);

/* Sends what waits. */
void host_flush(struct host *host);

/* Rounds until no connection is left (TIME-WAIT aside) or `patience` is over, so that what was
 * closed is also seen to be closed. Returns false if it was over, or a signal came. */
bool host_drain(struct host *host, rill_time patience);

/* The address of that family, or null. */
const struct rill_address *host_address(const struct host *host, bool ipv4);

#endif
