/* bridge/names.h: names to addresses by the system's resolver, without stopping the loop: each
 * lookup has a thread for as long as it takes, and its answer comes back through a pipe. */
#ifndef RILL_BRIDGE_NAMES_H
#define RILL_BRIDGE_NAMES_H

#include "link/loop.h"

#define NAMES_ADDRESSES 8

struct names {
    struct loop *loop;
    struct loop_watch watch; /* where answers come out … */
    int write_end;           /* … and where threads put them in */
    size_t outstanding;
};

struct names_lookup;

/* `count` addresses, IPv6 ones first, none of them twice; 0: `error` says why. */
typedef void (*names_answer)(void *context, const struct rill_address *addresses, size_t count,
                             const char *error);

/* Returns 0 or an errno. */
int names_open(struct names *names, struct loop *loop);
/* Lookups under way are left to themselves: their answers go nowhere. */
void names_close(struct names *names);

/* Null when there is no memory or thread. */
struct names_lookup *names_ask(struct names *names, const char *name, names_answer answer,
                               void *context);
/* The answer is not wanted any more. */
void names_cancel(struct names_lookup *lookup);

#endif
