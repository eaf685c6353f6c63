/* streams/report_thin.c: see report_thin.h. */
#include "streams/report_thin.h"

#include "base/util.h"
#include <string.h>

void report_thinner_init(struct report_thinner *thinner, rill_time first, rill_time last,
                         size_t max, bool bars) {
    size_t stretches = bars ? max : max / 2;
    memset(thinner, 0, sizeof *thinner);
    thinner->first = first;
    thinner->bars = bars;
    thinner->width = stretches ? (last - first) / stretches + 1 : 0;
}

size_t report_thinner_end(struct report_thinner *thinner, struct report_point out[2]) {
    size_t held = thinner->held;
    thinner->held = 0;
    if (held == 0)
        return 0;
    if (held == 1 || thinner->bars) {
        out[0] = thinner->lowest;
        return 1;
    }
    bool rises = thinner->lowest.at <= thinner->highest.at;
    out[0] = rises ? thinner->lowest : thinner->highest;
    out[1] = rises ? thinner->highest : thinner->lowest;
    return 2;
}

size_t report_thinner_take(struct report_thinner *thinner, const struct report_point *point,
                           struct report_point out[2]) {
    if (!thinner->width) {
        out[0] = *point;
        return 1;
    }
    uint64_t stretch = (point->at - thinner->first) / thinner->width;
    size_t drawn = stretch != thinner->stretch ? report_thinner_end(thinner, out) : 0;
    thinner->stretch = stretch;
    if (!thinner->held++) {
        thinner->lowest = thinner->highest = *point;
    } else if (thinner->bars) {
        thinner->lowest.low = RILL_MIN(thinner->lowest.low, point->low);
        thinner->lowest.high = RILL_MAX(thinner->lowest.high, point->high);
    } else {
        if (point->low < thinner->lowest.low)
            thinner->lowest = *point;
        if (point->high >= thinner->highest.high)
            thinner->highest = *point;
    }
    return drawn;
}

size_t report_thin(struct report_point *points, size_t count, size_t max, bool bars) {
    struct report_thinner thinner;
    struct report_point out[2];
    size_t left = 0;
    if (count <= max)
        return count;
    report_thinner_init(&thinner, points[0].at, points[count - 1].at, max, bars);
    for (size_t i = 0; i <= count; i++) {
        size_t drawn = i < count ? report_thinner_take(&thinner, &points[i], out)
                                 : report_thinner_end(&thinner, out);
        for (size_t k = 0; k < drawn; k++)
            points[left++] = out[k];
    }
    return left;
}
