/* link/trace_json.h: what happens in a stack, a line of JSON each. */
#ifndef RILL_LINK_TRACE_JSON_H
#define RILL_LINK_TRACE_JSON_H

#include <rill/rill.h>
#include <stdio.h>

/* A trace function; `file` is a FILE *. */
void trace_json(void *file, const struct rill_trace_record *record);

#endif
