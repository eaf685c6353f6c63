/* stack/stack.h: a host put together. */
#ifndef RILL_STACK_STACK_H
#define RILL_STACK_STACK_H

#include "ip/ip.h"

struct rill_stack {
    struct core core;
    struct ip_host ip;
    void *tcp, *udp; /* the states of these transports; null: not part of this host */
};

#endif
