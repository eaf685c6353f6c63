/* streams/report_record.c: what a page shows, noted as it happens and within a bound: points, which
 * are thinned when there are twice as many as are wanted, states over time, round trips. */
#include "streams/report_thin.h"

#include <string.h>

#define ROOM_FIRST 64u

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

static bool grow_strip(struct report_strip *strip) {
    if (strip->count < strip->capacity)
        return true;
    void *more = grown(&strip->allocator, strip->spans, sizeof *strip->spans, strip->count,
                       &strip->capacity);
    if (more)
        strip->spans = more;
    else
        strip->failed = true;
    return more;
}

void report_strip_push(struct report_strip *strip, struct report_span span) {
    struct report_span *last = strip->count ? &strip->spans[strip->count - 1] : 0;
    if (span.from == span.to)
        return;
    if (last && last->state == span.state) {
        last->to = span.to;
        return;
    }
    if (strip->count >= 2 * strip->max) {
        rill_time all = last->to - strip->spans[0].from;
        for (rill_time shortest = all / (64 * strip->max) + 1; strip->count > strip->max;
             shortest *= 2)
            strip->count = absorb(strip->spans, strip->count, shortest);
    }
    if (grow_strip(strip))
        strip->spans[strip->count++] = span;
}

/* The part of a span from `at` on becomes one of its own. */
static bool split(struct report_strip *strip, size_t index, rill_time at) {
    if (!grow_strip(strip))
        return false;
    memmove(&strip->spans[index + 1], &strip->spans[index],
            (strip->count - index) * sizeof *strip->spans);
    strip->count++;
    strip->spans[index].to = strip->spans[index + 1].from = at;
    return true;
}

void report_strip_relabel(struct report_strip *strip, uint32_t from, uint32_t to,
                          rill_time amount) {
    for (size_t i = strip->count; i-- > 0 && amount;) {
        rill_time length = strip->spans[i].to - strip->spans[i].from;
        if (strip->spans[i].state != from)
            continue;
        if (length > amount) {
            if (!split(strip, i, strip->spans[i].to - amount))
                return;
            i++;
            length = amount;
        }
        strip->spans[i].state = to;
        amount -= length;
    }
}

void report_strip_fini(struct report_strip *strip) {
    if (strip->spans)
        strip->allocator.release(strip->allocator.context, strip->spans,
                                 strip->capacity * sizeof *strip->spans);
    strip->spans = 0;
    strip->count = strip->capacity = 0;
}

void report_timer_sent(struct report_timer *timer, uint64_t from, uint64_t to, rill_time at) {
    if (timer->count == REPORT_TIMED)
        return;
    size_t place = (timer->first + timer->count++) % REPORT_TIMED;
    timer->segments[place].from = from;
    timer->segments[place].to = to;
    timer->segments[place].sent = at;
}

void report_timer_again(struct report_timer *timer, uint64_t from, uint64_t to) {
    for (size_t i = 0; i < timer->count; i++) {
        size_t place = (timer->first + i) % REPORT_TIMED;
        if (timer->segments[place].from < to && from < timer->segments[place].to)
            timer->segments[place].sent = 0;
    }
}

rill_time report_timer_acked(struct report_timer *timer, uint64_t acked, rill_time at) {
    rill_time sent = 0;
    bool known = true;
    while (timer->count && timer->segments[timer->first].to <= acked) {
        sent = timer->segments[timer->first].sent;
        known &= sent != 0;
        timer->first = (timer->first + 1) % REPORT_TIMED;
        timer->count--;
    }
    return sent && known && at > sent ? at - sent : 0;
}
