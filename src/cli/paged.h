/* cli/paged.h: memory for an array that may become very long: beyond 16 MiB it lies in a temporary
 * file, which the system writes out when memory is short, and needs none of its own. */
#ifndef RILL_CLI_PAGED_H
#define RILL_CLI_PAGED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct paged {
    void *at;
    size_t size; /* bytes */
    FILE *file;  /* null: on the heap */
};

/* Makes it larger; what is in it stays, and what comes is of any content. False: there is neither
 * memory nor room in the temporary directory, and nothing has changed. */
bool paged_grow(struct paged *paged, size_t size);
void paged_free(struct paged *paged);

#endif
