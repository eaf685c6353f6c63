/* base/util.h: the few macros the house allows. */
#ifndef RILL_BASE_UTIL_H
#define RILL_BASE_UTIL_H

#include <rill/base.h>

#define RILL_MIN(a, b) ((a) < (b) ? (a) : (b))
#define RILL_MAX(a, b) ((a) > (b) ? (a) : (b))
#define RILL_CONTAINER(pointer, type, member)                                                      \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
