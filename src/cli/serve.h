/* cli/serve.h: what a request of `rill serve` is answered with. */
#ifndef RILL_CLI_SERVE_H
#define RILL_CLI_SERVE_H

#include <microhttpd.h>

/* Answers one request for a path below the directory `root`. */
enum MHD_Result serve_answer(int root, struct MHD_Connection *connection, const char *url,
                             const char *method);

/* The page that lists a directory; takes over `directory`. Null when out of memory. */
struct MHD_Response *serve_listing(int directory, const char *url);

/* The MIME type of a file name. */
const char *serve_type(const char *name);

#endif
