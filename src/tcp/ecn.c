/* tcp/ecn.c: explicit congestion notification (RFC 3168): routers mark instead of dropping.
 *
 * Both ends agree in the handshake: ECE and CWR in the SYN, ECE alone in the SYN-ACK (§6.1.1). Then
 * new data go out as ECT(0); a CE mark is answered with ECE on all that is sent until CWR comes; an
 * ECE makes the sender reduce once a window and say CWR with the next new data. The state lies in
 * ip_source.owner, since an idle connection must keep it. */
#include "tcp/host.h"

#define ECT_0 2u /* RFC 3168 §5 */
#define CE 3u

/* §6.1.1.1: a first SYN that gets no answer may have met somebody who drops those that ask. */
uint8_t rill__ecn_ask(const struct tcp_host *host, struct connection *connection) {
    connection->source.owner &= (uint8_t)~ECN_ASKED;
    if (host->config.ecn != RILL_ECN_ASK || connection->active->retries)
        return 0;
    connection->source.owner |= ECN_ASKED;
    return WIRE_ECE | WIRE_CWR;
}

bool rill__ecn_asked(const struct tcp_segment *segment) {
    return (segment->header.flags & (WIRE_ECE | WIRE_CWR)) == (WIRE_ECE | WIRE_CWR);
}

/* §6.1.1: both bits in a SYN-ACK are those of a peer that reflects what it does not know. */
bool rill__ecn_agreed(const struct tcp_host *host, const struct connection *connection,
                      const struct tcp_segment *segment) {
    if (!(segment->header.flags & WIRE_ACK))
        return host->config.ecn && rill__ecn_asked(segment);
    return connection->source.owner & ECN_ASKED &&
           (segment->header.flags & (WIRE_ECE | WIRE_CWR)) == WIRE_ECE;
}

void rill__ecn_received(struct connection *connection, const struct tcp_segment *segment) {
    uint8_t *state = &connection->source.owner;
    if (!(*state & ECN_AGREED))
        return;
    if (segment->flags & WIRE_CWR) /* §6.1.3 */
        *state &= (uint8_t)~ECN_ECHO;
    if ((segment->datagram->traffic_class & 3u) == CE && segment->payload)
        *state |= ECN_ECHO;
}

uint8_t rill__ecn_flags(const struct connection *connection, const struct plan *plan) {
    uint8_t state = connection->source.owner, flags = 0;
    if (!(state & ECN_AGREED) || plan->flags & (WIRE_SYN | WIRE_RST))
        return 0;
    if (state & ECN_ECHO)
        flags |= WIRE_ECE;
    if (state & ECN_REDUCED && plan->length && !plan->record) /* §6.1.2: on new data only */
        flags |= WIRE_CWR;
    return flags;
}

/* §6.1.4 to §6.1.6: neither pure ACKs nor resendings nor window probes. */
uint8_t rill__ecn_class(const struct connection *connection, const struct plan *plan) {
    uint8_t traffic_class = connection->traffic_class;
    if (!(connection->source.owner & ECN_AGREED) || !plan->length || plan->record ||
        plan->cause == RILL_CAUSE_WINDOW_PROBE)
        return traffic_class;
    return (uint8_t)((traffic_class & ~3u) | ECT_0);
}
