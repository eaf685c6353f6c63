/* streams/report_thin.c: see report_thin.h; and the recorders, which thin what they hold when it
 * reaches twice their bound. */
#include "streams/report_thin.h"

#include "base/util.h"
#include <string.h>

#define ROOM_FIRST 64u

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

/* Room for one more of `size` bytes each; null: there is none. */
static void *grown(const struct rill_allocator *allocator, void *old, size_t size, size_t count,
                   size_t *capacity) {
    size_t room = *capacity ? *capacity * 2 : ROOM_FIRST;
    void *more = allocator->allocate(allocator->context, room * size);
    if (!more)
        return 0;
    if (old) {
        memcpy(more, old, count * size);
        allocator->release(allocator->context, old, *capacity * size);
    }
    *capacity = room;
    return more;
}

void report_recorder_init(struct report_recorder *recorder, const struct rill_allocator *allocator,
                          size_t max, bool bars) {
    memset(recorder, 0, sizeof *recorder);
    recorder->allocator = *allocator;
    recorder->max = max;
    recorder->bars = bars;
}

void report_recorder_push(struct report_recorder *recorder, struct report_point point) {
    if (recorder->count == 2 * recorder->max)
        recorder->count =
            report_thin(recorder->points, recorder->count, recorder->max, recorder->bars);
    if (recorder->count == recorder->capacity) {
        void *more = grown(&recorder->allocator, recorder->points, sizeof point, recorder->count,
                           &recorder->capacity);
        if (!more) {
            recorder->failed = true;
            return;
        }
        recorder->points = more;
    }
    recorder->points[recorder->count++] = point;
}

void report_recorder_fini(struct report_recorder *recorder) {
    if (recorder->points)
        recorder->allocator.release(recorder->allocator.context, recorder->points,
                                    recorder->capacity * sizeof *recorder->points);
    recorder->points = 0;
    recorder->count = recorder->capacity = 0;
}

void report_strip_init(struct report_strip *strip, const struct rill_allocator *allocator,
                       size_t max) {
    memset(strip, 0, sizeof *strip);
    strip->allocator = *allocator;
    strip->max = max;
}

/* Spans shorter than `shortest` become part of the one before them. */
static size_t absorb(struct report_span *spans, size_t count, rill_time shortest) {
    size_t left = 1;
    for (size_t i = 1; i < count; i++) {
        struct report_span *last = &spans[left - 1];
        if (spans[i].to - spans[i].from < shortest || spans[i].state == last->state)
            last->to = spans[i].to;
        else
            spans[left++] = spans[i];
    }
    return left;
}

void report_strip_push(struct report_strip *strip, struct report_span span) {
    struct report_span *last = strip->count ? &strip->spans[strip->count - 1] : 0;
    if (span.from == span.to)
        return;
    if (last && last->state == span.state) {
        last->to = span.to;
        return;
    }
    if (strip->count == 2 * strip->max) {
        rill_time all = last->to - strip->spans[0].from;
        for (rill_time shortest = all / (64 * strip->max) + 1; strip->count > strip->max;
             shortest *= 2)
            strip->count = absorb(strip->spans, strip->count, shortest);
    }
    if (strip->count == strip->capacity) {
        void *more =
            grown(&strip->allocator, strip->spans, sizeof span, strip->count, &strip->capacity);
        if (!more) {
            strip->failed = true;
            return;
        }
        strip->spans = more;
    }
    strip->spans[strip->count++] = span;
}

void report_strip_fini(struct report_strip *strip) {
    if (strip->spans)
        strip->allocator.release(strip->allocator.context, strip->spans,
                                 strip->capacity * sizeof *strip->spans);
    strip->spans = 0;
    strip->count = strip->capacity = 0;
}
