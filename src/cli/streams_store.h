/* cli/streams_store.h: connections that are over, as rows of numbers: in memory as long as they are
 * few, then in temporary files. */
#ifndef RILL_CLI_STREAMS_STORE_H
#define RILL_CLI_STREAMS_STORE_H

#include "cli/paged.h"
#include "streams/streams.h"

#include <stdio.h>

struct store_row {
    uint64_t number, offset; /* of the connection; in the store */
};

struct store {
    uint8_t *bytes; /* what is not yet in the file */
    size_t used, room;
    FILE *spill;
    uint64_t spilled;
    struct store_row *rows; /* in `paged`, or of an index file */
    struct paged paged;
    size_t count;
    bool failed;
    void *map; /* of an index file, in which bytes and rows then lie */
    size_t map_size;
};

void store_add(struct store *store, const struct streams_connection *connection);
/* Puts the rows into the order of the connections' numbers. */
void store_sort(struct store *store);
/* Reads row `index`. False: it cannot be read. */
bool store_get(struct store *store, size_t index, struct streams_connection *connection);
void store_fini(struct store *store);

#endif
