/* cli/allocator.h: the C library's memory as an allocator for stacks and pools. */
#ifndef RILL_CLI_ALLOCATOR_H
#define RILL_CLI_ALLOCATOR_H

#include <rill/base.h>
#include <stdlib.h>

static inline void *cli_allocate(void *context, size_t size) {
    (void)context;
    return malloc(size);
}

static inline void cli_release(void *context, void *memory, size_t size) {
    (void)context;
    (void)size;
    free(memory);
}

static inline struct rill_allocator cli_allocator(void) {
    struct rill_allocator allocator = {0, cli_allocate, cli_release};
    return allocator;
}

#endif
