/* link/loop.h: the epoll loop: sleep until a descriptor is ready or a moment has come.
 *
 * A watch lies inside whatever it watches for; it may be removed, and freed, from any callback.
 * Sleeps are exact to some microseconds (epoll_pwait2, timer slack 1), because timers of a TCP are
 * not to be rounded to milliseconds. SIGINT, SIGTERM and SIGHUP end in `stopped`; SIGPIPE is
 * ignored. */
#ifndef RILL_LINK_LOOP_H
#define RILL_LINK_LOOP_H

#include <rill/base.h>
#include <sys/epoll.h>

struct loop_watch {
    int fd;
    void (*on_ready)(struct loop_watch *watch, uint32_t events); /* EPOLL… bits */
};

#define LOOP_BATCH 64

struct loop {
    int epoll;
    struct loop_watch signals;
    struct epoll_event ready[LOOP_BATCH]; /* what the present round found */
    int count, at;                        /* … and how far it has been told */
    int stopped;                          /* the signal that asked us to end, or 0 */
};

/* Returns 0 or an errno. Blocks those three in the calling thread: open the loop before any
 * other thread. */
int loop_open(struct loop *loop);
void loop_close(struct loop *loop);

/* Watches `watch->fd`. Returns 0 or an errno. */
int loop_add(struct loop *loop, struct loop_watch *watch, uint32_t events);
int loop_set(struct loop *loop, struct loop_watch *watch, uint32_t events);
/* Before the descriptor is closed. What the present round still had for it is forgotten. */
void loop_remove(struct loop *loop, struct loop_watch *watch);

/* Sleeps until something is ready or `until` has come, and tells every watch that is ready. */
void loop_wait(struct loop *loop, rill_time until);

/* CLOCK_MONOTONIC. */
rill_time loop_now(void);

#endif
