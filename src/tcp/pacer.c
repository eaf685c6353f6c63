/* tcp/pacer.c: when the next packet may go, so that a window is spread over its round trip.
 *
 * As many bytes as an ACK has delivered go at once: what has left the network makes room for them.
 * (Were they held back too, a flow would lose its place between those of others that are not paced:
 * beside an unpaced one it got a third of a bottleneck.) What goes beyond that is paced: growth, a
 * window after a pause, a repaired loss's. The congestion control gives a rate, and each such
 * packet moves the moment at which the next may go by the time it takes at that rate; a pause may
 * be made up for by a burst of BURST segments (an initial window's, RFC 6928), no more. A
 * super-segment is as long as what the rate sends in a millisecond, so that no queue sees more at
 * once than it would have to take anyhow.
 *
 * ACKs and probes are not held back, nor is what nothing else would bring an ACK for; and over a
 * path so short that no timer is fine enough nothing is. */
#include "tcp/host.h"

#define BURST 10u
#define PIECE RILL_MILLISECOND
#define RTT_MIN 200u /* us; below it a window is gone before a timer could have come round */

/* Bytes a second; 0: no pacing. */
static uint64_t rate_of(const struct tcp_host *host, struct connection *connection) {
    if (connection->srtt < 8 * RTT_MIN || !host->config.pacing)
        return 0;
    struct congestion_call call = rill__congestion_call(host, connection);
    return rill__congestion_of(host, connection)->pacing_rate(&call);
}

/* Time for so many bytes. */
static rill_time span_at(uint64_t bytes, uint64_t rate) {
    return bytes * RILL_SECOND / rate;
}

bool rill__pacer_holds(const struct tcp_host *host, const struct connection *connection) {
    const struct recovery *recovery = &connection->active->recovery;
    return recovery->pace_at > host->core->now &&
           recovery->pace_credit < rill__payload_max(connection);
}

void rill__pacer_acked(struct connection *connection, uint32_t delivered) {
    uint32_t *credit = &connection->active->recovery.pace_credit;
    uint32_t most = RILL_MAX(delivered, BURST * rill__payload_max(connection));
    *credit = *credit < most - delivered ? *credit + delivered : most;
}

uint32_t rill__pacer_piece(const struct tcp_host *host, struct connection *connection) {
    uint64_t rate = rate_of(host, connection);
    return rate ? (uint32_t)RILL_MIN(rate / (RILL_SECOND / PIECE), UINT32_MAX) : UINT32_MAX;
}

void rill__pacer_sent(const struct tcp_host *host, struct connection *connection, uint32_t bytes) {
    uint64_t rate = rate_of(host, connection);
    struct recovery *recovery = &connection->active->recovery;
    uint32_t granted = RILL_MIN(bytes, recovery->pace_credit);
    recovery->pace_credit -= granted;
    bytes -= granted;
    if (!rate || !bytes)
        return;
    rill_time burst = span_at(BURST * rill__payload_max(connection), rate);
    recovery->paced_until = RILL_MAX(recovery->paced_until, host->core->now) + span_at(bytes, rate);
    recovery->pace_at = recovery->paced_until > burst ? recovery->paced_until - burst : 0;
}
