/* tests/streams/report_fill.h: reports about made-up connections: as many as wanted, as much of
 * each as there may be, and text in which HTML would see more than text. */
#ifndef RILL_TESTS_REPORT_FILL_H
#define RILL_TESTS_REPORT_FILL_H

#include "streams/report.h"

#define FILL_HOSTILE "</script><script>hostile()</script>\"'&<b>"

struct report_fill {
    size_t count;     /* connections */
    size_t points;    /* of each line */
    size_t lives;     /* connections of a four-tuple, one after the other */
    size_t pieces;    /* of a conversation, of 900 bytes each that all need escaping */
    const char *text; /* of every verdict */
};

/* `out` is about them; both live on while it is written. */
void report_fill(const struct report_fill *fill, struct report *out);

#endif
