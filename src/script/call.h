/* script/call.h: the application's calls.
 *
 * A call is tried; if it would block and may, it is tried again whenever something has happened,
 * until it has a result. Each call's function fills `result`, or says that it waits. */
#ifndef RILL_SCRIPT_CALL_H
#define RILL_SCRIPT_CALL_H

#include "script/run.h"

struct call {
    struct run *run;
    const struct script_event *event;
    const struct script_value *arguments[8];
    struct run_descriptor *descriptor; /* of the first argument, where it is one */
    int fd;                            /* rill's */
    int64_t result;                    /* or an errno, negated */
    bool waits;                        /* it would block; try again */
    bool begun;                        /* it has been tried before */
    bool opening;                      /* a write that waits for its connection */
    uint64_t progress;                 /* bytes of a blocking write that are gone */
    rill_time until;                   /* poll and epoll_wait give up then */
    rill_time due;                     /* when the script lets it return; of those that block */
    const char *wrong;                 /* what else differs from the script, or null */
    char detail[160];
};

/* Tries it again. Returns whether it has returned. */
bool call_try(struct call *call);
/* Until when a blocking call may return. */
rill_time call_deadline(const struct call *call);
/* It has not returned in time. */
void call_overdue(struct call *call);

/* For the functions. */
struct call_function {
    const char *name;
    unsigned arguments_min, arguments_max;
    bool descriptor; /* the first argument is one */
    void (*run)(struct call *call);
};
extern const struct call_function call_socket_functions[], call_data_functions[],
    call_option_functions[], call_poll_functions[]; /* each ends with a null name */

int64_t call_number(const struct call *call, unsigned argument, int64_t otherwise);
/* A member of a struct by its name, or null. */
const struct script_value *value_field(const struct script_value *value, const char *name);
/* Notes that an argument the call fills in is not as the script says. */
void call_differs(struct call *call, const char *what, int64_t expected, int64_t came);
/* An error (negated errno) that means "not now": waits, or returns it if the call may not block.
 * Anything else is the result. */
void call_result_or_wait(struct call *call, int64_t result, bool dont_wait);

/* Something happened to rill's descriptor (call_poll.c): epoll tells it once. */
void poll_news(struct run *run, int fd);
/* The descriptor is gone. */
void poll_forget(struct run *run, int fd);

#endif
