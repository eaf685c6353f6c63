/* tcp/probe.c: the tail loss probe (RFC 8985 §7): when the last segments of a flight are lost no
 * ACK tells of it, so after two round trips one segment is sent to get an ACK that does.
 *
 * DEVIATION: RFC 8985 §7.2 counts the two round trips from the last ACK that advanced. Here they
 * count from when the last segment was sent, so a flight whose other ACKs come in is not probed
 * later for it; a quarter of a round trip always lies between such an ACK and the probe. And a lone
 * segment's ACK, which the peer may delay, is due a round trip and that delay after it: the probe
 * waits for half a round trip more than that, where two are not enough, and not for two more. */
#include "tcp/host.h"

/* Something is in flight that nobody has said anything of, and no other timer asks sooner. */
static bool wanted(const struct connection *connection) {
    const struct active *active = connection->active;
    const struct recovery *recovery = &active->recovery;
    const struct transmission *head = active->scoreboard.head;
    if (head && head->flags & TRANSMISSION_FIN && transmission_span(head) == 1)
        return false; /* a FIN alone has no segment behind it that could tell of it */
    return connection->flags & CONNECTION_SACK && state_is_synchronized(connection->state) &&
           active->scoreboard.newest && !active->scoreboard.sacked && !active->scoreboard.lost &&
           recovery->phase <= RECOVERY_REDUCING && recovery->probe == PROBE_NONE &&
           recovery->probe_allowed && connection->snd_wnd > 0;
}

void rill__probe_schedule(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    struct recovery *recovery = &active->recovery;
    recovery->probe_at = RILL_TIME_NEVER;
    if (!wanted(connection))
        return;
    rill_time srtt = connection->srtt * RILL_MICROSECOND / 8;
    rill_time wait = srtt ? 2 * srtt : RILL_SECOND;
    if (srtt && active->scoreboard.in_flight <= rill__payload_max(connection))
        wait = RILL_MAX(wait, srtt + srtt / 2 + host->config.peer_delayed_ack);
    recovery->probe_at =
        RILL_MAX(active->scoreboard.newest->sent_at + wait, host->core->now + srtt / 4);
    recovery->probe_at = RILL_MIN(recovery->probe_at, active->rto_at);
}

/* RFC 8985 §7.3. Output finds PROBE_DUE and sends. */
void rill__probe_expired(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    struct recovery *recovery = &active->recovery;
    recovery->probe_at = RILL_TIME_NEVER;
    if (!wanted(connection))
        return;
    if (rill__pmtud_stalled(host, connection)) /* that is what it will ask for */
        return;
    recovery->probe = PROBE_DUE;
    active->rto_at = host->core->now + rill__rto(host, connection);
    rill__tcp_ready(host, connection);
}

void rill__probe_sent(struct connection *connection, bool resent) {
    struct recovery *recovery = &connection->active->recovery;
    recovery->probe = resent ? PROBE_RESENT : PROBE_NEW;
    recovery->probe_allowed = false;
    recovery->probe_end = connection->snd_nxt;
}

/* RFC 8985 §7.4.2. True: the probe has repaired a loss that nothing else will tell of. */
bool rill__probe_acked(struct connection *connection, const struct ack_summary *summary) {
    struct recovery *recovery = &connection->active->recovery;
    if (summary->rtt != RILL_TIME_NEVER)
        recovery->probe_allowed = true;
    if (recovery->probe == PROBE_DUE && summary->delivered)
        recovery->probe = PROBE_NONE; /* the ACK was faster than our output */
    if (recovery->probe <= PROBE_DUE || seq_lt(summary->acknowledgement, recovery->probe_end))
        return false;
    bool resent = recovery->probe == PROBE_RESENT;
    bool twice =
        summary->dsack_left != summary->dsack_right && summary->dsack_right == recovery->probe_end;
    if (!resent || twice || summary->repeated) {
        recovery->probe = PROBE_NONE; /* of new data; case 1; case 2 */
        return false;
    }
    if (summary->acknowledgement == recovery->probe_end)
        return false; /* the original's ACK or the probe's: the next one will tell */
    recovery->probe = PROBE_NONE;
    return true;
}
