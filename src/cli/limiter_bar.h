/* cli/limiter_bar.h: what held a connection, as a bar. */
#ifndef RILL_CLI_LIMITER_BAR_H
#define RILL_CLI_LIMITER_BAR_H

#include <rill/tcp.h>

/* Prints one line on standard output: INDENT, a bar whose parts are as long as the times, and the
 * limiters by name, the longest first. Nothing if all are 0. */
void cli_limiter_bar(const char *indent, const uint64_t ns[RILL_LIMITER_COUNT]);

#endif
