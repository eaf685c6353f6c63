/* cli/streams_index.h: what one pass over a large capture has found, kept in a file beside it
 * (FILE.rill-index), so that the next command need not read it all. It names size and time of the
 * capture; if they have changed it is not used. */
#ifndef RILL_CLI_STREAMS_INDEX_H
#define RILL_CLI_STREAMS_INDEX_H

#include "cli/streams.h"

#define INDEX_FROM ((uint64_t)64 << 20) /* smaller captures are read faster than it is worth */

/* Opens the index of the run's capture: its rows become the store's, its scopes the analysis'.
 * False: there is none that fits. */
bool streams_index_open(struct streams_run *run);

/* Whether an index can tell of this run at all: of one plain file, large enough. */
bool streams_index_is_possible(const struct streams_run *run);

/* Writes it, if the pass was one that an index may tell of; failing is no error. */
void streams_index_write(struct streams_run *run);

#endif
