/* tcp/rtt.c: round-trip time and retransmission timeout (RFC 6298 §2).
 *
 * srtt is kept as microseconds * 8 and rttvar as microseconds * 4, so that the gains 1/8 and 1/4
 * are shifts. Several samples a round trip would make rttvar collapse (RFC 7323 appendix G); one is
 * taken for each ACK that advances, which delayed ACKs thin out, and the floor covers the rest. */
#include "tcp/host.h"

void rill__rtt_sample(const struct tcp_host *host, struct connection *connection, rill_time rtt) {
    if (host->core->woke_at && host->core->now - host->core->woke_at < rtt)
        return; /* it holds the time in which we slept, and says nothing of the path */
    rill_time limit = 500 * RILL_SECOND; /* what the fields hold */
    uint32_t us = (uint32_t)(RILL_MIN(rtt, limit) / RILL_MICROSECOND);
    us = RILL_MAX(us, 1);
    connection->active->backoff = 0; /* RFC 6298 §5: back-off lasts until there is a sample */
    if (connection->srtt == 0) {     /* RFC 6298 §2.2 */
        connection->srtt = us * 8;
        connection->rttvar = us * 2;
        return;
    }
    /* RFC 6298 §2.3: the variation first, with the old average. */
    uint32_t average = connection->srtt / 8;
    uint32_t deviation = us > average ? us - average : average - us;
    connection->rttvar = connection->rttvar - connection->rttvar / 4 + deviation;
    connection->srtt = connection->srtt - connection->srtt / 8 + us;
    connection->srtt = RILL_MAX(connection->srtt, 1);
}

/* RFC 6298 §5.7: with a SYN sent again, and so without a sample, data begins at 3 s. Until there is
 * a sample rttvar keeps that, in us. */
void rill__rtt_syn_resent(struct connection *connection) {
    if (!connection->srtt)
        connection->rttvar = 3000000;
}

rill_time rill__rto(const struct tcp_host *host, const struct connection *connection) {
    const struct rill_stack_config *config = &host->config;
    rill_time rto = config->rto_initial;
    if (connection->srtt) {
        rill_time variation = RILL_MAX(connection->rttvar, 1) * RILL_MICROSECOND; /* K = 4 */
        variation = RILL_MAX(variation, config->clock_resolution);                /* G */
        rto = connection->srtt / 8 * RILL_MICROSECOND + variation;
        /* DEVIATION: RFC 6298 §2.4 wants a floor of 1 s; 200 ms as in Linux and FreeBSD, because a
         * delayed ACK is far shorter than when the rule was written. */
        rto = RILL_MAX(rto, config->rto_min);
    } else {
        rto = RILL_MAX(rto, connection->rttvar * RILL_MICROSECOND);
    }
    unsigned backoff = connection->active ? connection->active->backoff : 0;
    for (; backoff && rto < config->rto_max; backoff--) /* RFC 6298 §5.5 */
        rto *= 2;
    return RILL_MIN(rto, config->rto_max);
}
