/* tcp/rate.c: how fast the path delivers: the delivery rate of draft-ietf-ccwg-bbr-04 §4.1.
 *
 * Each transmission notes how many bytes had been delivered when it was sent, and when the last of
 * them was. When it is delivered itself, the difference is what was delivered meanwhile. The time
 * is the longer one of two: that of the ACKs, and that in which those bytes were sent; so neither
 * ACKs that come in a bunch nor a burst of sending makes the rate too high. A sample of less than
 * the smallest round trip is none. The rate told is the last of a time in which the path was the
 * limit, or a higher one of a time in which the application was. */
#include "tcp/host.h"

static uint32_t microseconds(rill_time time) {
    return (uint32_t)(time / RILL_MICROSECOND);
}

struct rate_mark rill__rate_sent(struct connection *connection, rill_time now) {
    struct rate *rate = &connection->active->rate;
    if (!connection->active->scoreboard.in_flight)
        rate->first_us = rate->delivered_us = microseconds(now);
    struct rate_mark mark = {rate->delivered, rate->delivered_us, rate->first_us};
    return mark;
}

/* Nothing more is there to be sent, though the window would let it go: what is in flight measures
 * the application. */
void rill__rate_application_limited(struct connection *connection) {
    struct active *active = connection->active;
    active->rate.limited_until = active->rate.delivered + active->scoreboard.in_flight;
    active->rate.limited_until += !active->rate.limited_until; /* 0 says that there is none */
}

void rill__rate_delivered(struct ack_summary *summary, const struct transmission *record) {
    struct rate_sample *sample = &summary->rate;
    uint32_t sent_us = microseconds(record->sent_at);
    if (sample->valid && (int32_t)(sent_us - sample->sent_us) < 0)
        return;
    sample->valid = true;
    sample->sent_us = sent_us;
    sample->mark = record->rate;
    sample->limited = (record->flags & TRANSMISSION_LIMITED) != 0;
}

static void keep(struct connection_stats *stats, uint32_t bytes, uint32_t us, bool limited) {
    uint32_t rate = (uint32_t)RILL_MIN((uint64_t)bytes * 1000000 / us, UINT32_MAX);
    if (limited && rate < stats->rate)
        return;
    stats->rate = rate;
    stats->rate_limited = limited;
}

void rill__rate_acked(struct connection *connection, const struct ack_summary *summary) {
    struct rate *rate = &connection->active->rate;
    const struct rate_sample *sample = &summary->rate;
    if (!summary->delivered)
        return;
    rate->delivered += summary->delivered;
    rate->delivered_us = microseconds(summary->now);
    if (rate->limited_until && (int32_t)(rate->delivered - rate->limited_until) > 0)
        rate->limited_until = 0;
    struct connection_stats *stats = connection_stats(connection);
    if (!sample->valid || !stats)
        return;
    rate->first_us = sample->sent_us;
    uint32_t sending = sample->sent_us - sample->mark.first_us;
    uint32_t acking = rate->delivered_us - sample->mark.delivered_us;
    uint32_t us = RILL_MAX(sending, acking);
    if (us && us >= rill__min_rtt(connection))
        keep(stats, rate->delivered - sample->mark.delivered, us, sample->limited);
}
