/* stack/stack.h: a host put together. */
#ifndef RILL_STACK_STACK_H
#define RILL_STACK_STACK_H

#include "ip/ip.h"

struct rill_stack {
    struct core core;
    struct ip_host ip;
    void *tcp, *udp; /* the states of these transports; null: not part of this host */
};

/* ip_calls.c: events of interfaces. */
rill_handle rill__interface_event(struct event_node *node, void **user);
int rill__interface_user_set(struct rill_stack *stack, rill_handle handle, void *user);

#endif
