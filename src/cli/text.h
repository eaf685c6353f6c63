/* cli/text.h: quantities as people read them. Each writes into `out`, of `size` bytes, and returns
 * it. */
#ifndef RILL_CLI_TEXT_H
#define RILL_CLI_TEXT_H

#include <rill/base.h>

const char *cli_size_text(uint64_t bytes, char *out, size_t size);     /* "1.0 MiB" */
const char *cli_time_text(rill_time time, char *out, size_t size);     /* "40.0 ms" */
const char *cli_rate_text(uint64_t bit_per_s, char *out, size_t size); /* "9.55 Mbit/s" */

#endif
