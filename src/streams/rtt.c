/* streams/rtt.c: round trips as the tap sees them: from a packet of one side to the first one of
 * the other that answers it. The two halves together are the whole path's.
 *
 * A packet is answered by the acknowledgement of its last byte, if it was sent once (RFC 6298 §3),
 * or by the echo of its timestamp (RFC 7323 §4), which works for bare ACKs too: so that a tap
 * beside the receiver sees the way to the sender. One packet is timed at once in each direction. */
#include "streams/connection.h"

#include <string.h>

enum { SAMPLE_TOO_OLD_S = 60 };

static unsigned bucket_of(uint64_t ns) {
    uint64_t us = ns / 1000;
    if (us < 4)
        return (unsigned)us;
    unsigned octave = 61 - (unsigned)__builtin_clzll(us); /* us >> octave is 4 to 7 */
    unsigned bucket = octave * 4 + (unsigned)(us >> octave);
    return bucket < RTT_BUCKETS ? bucket : RTT_BUCKETS - 1;
}

/* The middle of a bucket. */
static uint64_t bucket_value(unsigned bucket) {
    if (bucket < 4)
        return bucket * 1000u + 500;
    unsigned octave = (bucket - 4) / 4, part = 4 + (bucket - 4) % 4;
    return (((uint64_t)part << octave) * 1000) + ((UINT64_C(500)) << octave);
}

/* Of `total` in order the how manyth, from 1, ends `part` in `of`. */
static uint64_t rank(uint64_t total, uint32_t part, uint32_t of) {
    return (total * part + of - 1) / of;
}

static void listed_quantiles(const struct rtt_samples *samples, struct rtt_quantiles *out) {
    uint8_t sorted[RTT_FIRST];
    for (unsigned i = 0; i < samples->count; i++) {
        unsigned at = i;
        for (; at && sorted[at - 1] > samples->first[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = samples->first[i];
    }
    out->median = bucket_value(sorted[rank(samples->count, 1, 2) - 1]);
    out->p99 = bucket_value(sorted[rank(samples->count, 99, 100) - 1]);
}

static uint64_t quantile(const struct rtt_histogram *histogram, uint64_t wanted) {
    uint64_t seen = 0;
    for (unsigned i = 0; i < RTT_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= wanted)
            return bucket_value(i);
    }
    return bucket_value(RTT_BUCKETS - 1);
}

struct rtt_quantiles rill__rtt_quantiles(const struct rtt_samples *samples) {
    struct rtt_quantiles out = {STREAMS_UNKNOWN, STREAMS_UNKNOWN};
    const struct rtt_histogram *histogram = samples->histogram;
    uint64_t total = samples->count;
    for (unsigned i = 0; histogram && i < RTT_BUCKETS; i++)
        total += histogram->buckets[i];
    if (histogram && total) {
        out.median = quantile(histogram, rank(total, 1, 2));
        out.p99 = quantile(histogram, rank(total, 99, 100));
    } else if (total) {
        listed_quantiles(samples, &out);
    }
    return out;
}

static struct rtt_histogram *open_histogram(struct streams *streams, struct rtt_samples *samples) {
    struct rtt_histogram *histogram = rill__streams_allocate(streams, sizeof *histogram);
    if (!histogram) {
        streams->totals.out_of_memory++;
        return 0;
    }
    memset(histogram, 0, sizeof *histogram);
    for (unsigned i = 0; i < samples->count; i++)
        histogram->buckets[samples->first[i]]++;
    samples->count = 0;
    return samples->histogram = histogram;
}

static void record(struct streams *streams, struct rtt_samples *samples, uint64_t ns) {
    unsigned bucket = bucket_of(ns);
    struct rtt_histogram *histogram = samples->histogram;
    if (!histogram && samples->count < RTT_FIRST) {
        samples->first[samples->count++] = (uint8_t)bucket;
        return;
    }
    if (!histogram && !(histogram = open_histogram(streams, samples)))
        return;
    if (histogram->buckets[bucket] == UINT16_MAX)
        for (unsigned i = 0; i < RTT_BUCKETS; i++)
            histogram->buckets[i] /= 2;
    histogram->buckets[bucket]++;
}

/* `side` sent what was timed. */
static void sample(struct streams *streams, struct connection *connection, uint8_t side,
                   uint64_t ns, bool echo) {
    struct stream *stream = &connection->streams[side];
    uint32_t capped = ns > UINT32_MAX ? UINT32_MAX : ns ? (uint32_t)ns : 1;
    if (!stream->rtt_min || capped < stream->rtt_min)
        stream->rtt_min = capped;
    struct active *active = connection->active;
    if (!active)
        return;
    record(streams, &active->rtts[side], ns);
    active->senders[side].rtt = capped;
    /* What the other side has in flight when it answers the ACK that was timed. */
    struct sender *other = &active->senders[!side];
    uint32_t flight = (uint32_t)connection->streams[!side].next - other->echo_acked;
    if (echo && other->echo_known && flight < UINT32_C(1) << 30)
        other->flight_echo = flight;
    other->echo_known = false;
}

static bool answers(const struct stream *timed, const struct streams_packet *packet, bool *echo) {
    /* Both are worked out, since which it is nobody can foretell. */
    bool acked = (timed->sample_end != 0) & ((packet->flags & WIRE_ACK) != 0) &
                 ((int32_t)(packet->acknowledgement - timed->sample_end) >= 0);
    *echo = packet->has_timestamps & (packet->timestamp_echo != 0) &
            (timed->sample_timestamp != 0) &
            ((int32_t)(packet->timestamp_echo - timed->sample_timestamp) >= 0);
    return *echo | acked;
}

static void start(struct connection *connection, uint8_t side, const struct streams_packet *packet,
                  uint64_t end, bool consumes) {
    struct stream *stream = &connection->streams[side];
    /* An echo times the first packet with a timestamp; it must not be a clock tick old. */
    bool fresh = packet->has_timestamps && (!(stream->bits & STREAM_TIMESTAMPS) ||
                                            packet->timestamp_value != stream->timestamp);
    if (!fresh && !consumes)
        return;
    stream->sample_at = packet->when ? packet->when : 1;
    stream->sample_end = consumes ? (uint32_t)end : 0;
    stream->sample_timestamp = fresh ? packet->timestamp_value : 0;
    if (!connection->active)
        return;
    struct sender *other = &connection->active->senders[!side];
    other->echo_acked = packet->acknowledgement;
    other->echo_known = (packet->flags & (WIRE_ACK | WIRE_SYN)) == WIRE_ACK;
}

/* A bare ACK is answered only when the other side has something to send: a sample that ends a
 * silence of that side, and is far longer than the others, has measured the silence. */
static bool is_silence(const struct connection *connection, uint8_t side, uint64_t ns, bool echo,
                       rill_time now) {
    const struct active *active = connection->active;
    const struct stream *timed = &connection->streams[!side];
    if (!active || !echo || timed->sample_end)
        return false;
    const struct sender *answering = &active->senders[side];
    uint64_t usual = active->senders[!side].rtt ? active->senders[!side].rtt : timed->rtt_min;
    return answering->data_at && now - answering->data_at > ns / 2 && ns > 2 * usual;
}

void rill__rtt_packet(struct streams *streams, struct connection *connection, uint8_t side,
                      const struct streams_packet *packet, uint64_t end, bool resent) {
    struct stream *mine = &connection->streams[side], *other = &connection->streams[!side];
    bool echo, consumes = packet->length || packet->flags & (WIRE_SYN | WIRE_FIN);
    if (other->sample_at && packet->when >= other->sample_at && answers(other, packet, &echo)) {
        uint64_t ns = packet->when - other->sample_at;
        if (ns < SAMPLE_TOO_OLD_S * RILL_SECOND &&
            !is_silence(connection, side, ns, echo, packet->when))
            sample(streams, connection, (uint8_t)!side, ns, echo);
        other->sample_at = 0;
    }
    if (resent && mine->sample_end && (int32_t)(mine->sample_end - (uint32_t)end) <= 0)
        mine->sample_at = 0; /* whichever is acknowledged is not known */
    if (mine->sample_at && packet->when > mine->sample_at + SAMPLE_TOO_OLD_S * RILL_SECOND)
        mine->sample_at = 0;
    if (mine->sample_at && consumes && !mine->sample_end)
        mine->sample_at = 0; /* of a bare ACK, whose answer may wait for this one's */
    if (!mine->sample_at && !resent)
        start(connection, side, packet, end, consumes);
}
