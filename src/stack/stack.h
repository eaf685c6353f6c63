/* stack/stack.h: a host put together. */
#ifndef RILL_STACK_STACK_H
#define RILL_STACK_STACK_H

#include "ip/ip.h"
#include "stack/journal.h"

struct rill_stack {
    struct core core;
    struct ip_host ip;
    void *tcp, *udp;         /* the states of these transports; null: not part of this host */
    struct journal *journal; /* null: the calls are not recorded */
};

/* ip_calls.c: events of interfaces. */
rill_handle rill__interface_event(struct event_node *node, void **user);
int rill__interface_user_set(struct rill_stack *stack, rill_handle handle, void *user);
/* At the beginning of a call, and around what it returns: see stack/journal.h. */
static inline void journal_called(struct rill_stack *stack, enum journal_call call, uint64_t a,
                                  uint64_t b, uint64_t c) {
    const uint64_t values[] = {a, b, c};
    if (stack->journal)
        rill__journal_call(stack->journal, call, values, 3);
}

static inline int64_t journal_returned(struct rill_stack *stack, int64_t result) {
    if (stack->journal)
        rill__journal_return(stack->journal, result, 0, 0);
    return result;
}

static inline int journal_returned_handle(struct rill_stack *stack, int error,
                                          const rill_handle *handle) {
    const uint64_t value = stack->journal && !error ? *handle : 0;
    if (stack->journal)
        rill__journal_return(stack->journal, error, &value, 1);
    return error;
}

#endif
