/* streams/report_thin.h: fewer points that draw the same picture.
 *
 * Time is cut into stretches. Of each the lowest and the highest point stay, in their order, so
 * that a line drawn through what is left has the same outline; bars of a stretch become one. */
#ifndef RILL_STREAMS_REPORT_THIN_H
#define RILL_STREAMS_REPORT_THIN_H

#include "streams/report.h"

struct report_thinner {
    rill_time first, width;
    uint64_t stretch;
    bool bars;
    size_t held; /* points of this stretch seen */
    struct report_point lowest, highest;
};

/* For points from `first` to `last`, of which at most `max` are to be left (0: all). */
void report_thinner_init(struct report_thinner *thinner, rill_time first, rill_time last,
                         size_t max, bool bars);
/* Takes the next point; returns how many of `out` (at most 2) are to be drawn now. */
size_t report_thinner_take(struct report_thinner *thinner, const struct report_point *point,
                           struct report_point out[2]);
/* After the last point. */
size_t report_thinner_end(struct report_thinner *thinner, struct report_point out[2]);

#endif
