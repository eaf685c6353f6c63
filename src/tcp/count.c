/* tcp/count.c: what a connection has done, counted where it does it. All of it lies in
 * connection_stats; a host that keeps none counts nothing. What the counts mean is tcpi's (tcpi.c)
 * and rill_tcp_info's (info.c). */
#include "tcp/host.h"

static uint32_t milliseconds(const struct tcp_host *host) {
    return (uint32_t)(host->core->now / RILL_MILLISECOND);
}

void rill__count_established(const struct tcp_host *host, struct connection *connection) {
    struct connection_stats *stats = connection_stats(connection);
    if (!stats)
        return;
    stats->delivered = 1; /* our SYN */
    stats->data_sent_ms = stats->data_received_ms = stats->ack_received_ms = milliseconds(host);
}

void rill__count_sent(const struct tcp_host *host, struct connection *connection,
                      const struct plan *plan, const struct rill_packet *packet) {
    struct connection_stats *stats = connection_stats(connection);
    if (!stats)
        return;
    uint32_t frames = packet->gso_size ? rill_packet_frames(packet) : 1;
    count48_add(&stats->segments_sent, frames);
    if (plan->length) {
        stats->data_segments_sent += frames;
        stats->data_sent_ms = milliseconds(host);
    }
    if (plan->record) {
        stats->segments_resent += frames;
        count48_add(&stats->bytes_resent, plan->length);
    } else {
        count48_add(&stats->bytes_sent, plan->length);
    }
}

void rill__count_received(struct connection *connection, const struct tcp_segment *segment) {
    struct connection_stats *stats = connection_stats(connection);
    if (!stats)
        return;
    unsigned ecn = segment->datagram->traffic_class & 3u;
    count48_add(&stats->segments_received, segment->segments);
    stats->data_segments_received += segment->payload ? segment->segments : 0;
    stats->marked_segments += ecn == 3 ? segment->segments : 0;
    stats->ect_seen |= ecn != 0;
}

/* Bytes have come: so many of them are in order now. */
void rill__count_text(const struct tcp_host *host, struct connection *connection,
                      const struct tcp_segment *segment, uint32_t bytes) {
    struct connection_stats *stats = connection_stats(connection);
    if (!stats)
        return;
    count48_add(&stats->bytes_received, bytes);
    stats->data_received_ms = milliseconds(host);
    if (segment->sequence != connection->rcv_nxt - bytes)
        stats->out_of_order_segments += segment->segments;
}

void rill__count_acked(const struct tcp_host *host, struct connection *connection,
                       const struct ack_summary *summary) {
    struct connection_stats *stats = connection_stats(connection);
    if (!stats)
        return;
    uint32_t mss = rill__payload_max(connection),
             twice = summary->dsack_right - summary->dsack_left;
    bool sack = (connection->flags & CONNECTION_SACK) != 0;
    uint32_t delivered = sack ? summary->delivered_segments : (summary->delivered + mss - 1) / mss;
    stats->ack_received_ms = milliseconds(host);
    stats->delivered += delivered;
    stats->delivered_marked += summary->ece ? delivered : 0;
    stats->twice_segments += (twice + mss - 1) / mss;
    stats->reorderings += summary->reordered;
    uint32_t reordering = RILL_MIN(summary->reordering, 300); /* Linux's bound */
    stats->reordering = (uint16_t)RILL_MAX(stats->reordering, reordering);
}

void rill__count_timeout(const struct tcp_host *host, struct connection *connection) {
    struct connection_stats *stats = connection_stats(connection);
    if (!stats)
        return;
    stats->timeouts += stats->timeouts < UINT16_MAX;
    if (connection->active->retries == 1)
        connection->active->timeout_since = host->core->now;
}

/* An ACK has come after timeouts. */
void rill__count_timeout_over(const struct tcp_host *host, struct connection *connection) {
    struct connection_stats *stats = connection_stats(connection);
    if (!stats || !connection->active->retries)
        return;
    rill_time since = host->core->now - connection->active->timeout_since;
    stats->timeout_episodes += stats->timeout_episodes < UINT16_MAX;
    stats->timeout_ms += (uint32_t)(since / RILL_MILLISECOND);
}
