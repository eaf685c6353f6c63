/* tcp/pmtud.c: how large a segment the path takes (RFC 1191, RFC 8201; RFC 4821 and RFC 8899 where
 * nobody tells).
 *
 * Theory of operation. A connection begins with what its own link takes. A router that says "too
 * big" about a packet in flight lowers that, and after ten minutes it is tried anew (RFC 1191
 * §6.3). Where segments as large as those of now have arrived the word of somebody who may be
 * anybody is not enough (RFC 5927 §7.2): it is kept until a timer finds that nothing moves, and
 * forgotten when what it speaks of is acknowledged. Where such messages are dropped on the way full
 * segments vanish and small ones arrive: a black hole. Several timeouts in a row of a segment
 * larger than the base size are taken for one. Then the segment size becomes the base, halves if
 * timeouts go on for long, and a search begins: between what has arrived and what may not, the size
 * in the middle is tried with a segment of new data. When it is acknowledged, it is the segment
 * size from now on; when it alone is lost, that says nothing of congestion (RFC 4821 §7.6) and it
 * goes again in smaller pieces. The search rests where both ends are close, and goes up again after
 * ten minutes (RFC 8899 §5.3).
 *
 * Sizes are as connection->mss: payload and options. What is kept lies in struct extra: only a
 * connection that has met a narrow path, or is told to search from the beginning, has one. */
#include "tcp/host.h"

#define TIMEOUTS_OF_A_HOLE 3u
/* To halve the base takes more: many where segments of the present size have arrived. (A path that
 * loses a third of all has such rows of timeouts by chance, and small segments make more of them.)
 */
#define TIMEOUTS_AT_BASE 6u
#define TIMEOUTS_AT_PROVEN_BASE 12u
#define CLOSE_ENOUGH 8u  /* bytes */
#define WINDOW_LEAST 11u /* segments: a lost probe must be told of by what comes after it */
#define BEHIND_LEAST 4u  /* segments of new data that follow it */

static uint32_t seconds(const struct tcp_host *host) {
    return (uint32_t)(host->core->now / RILL_SECOND);
}

/* Payload as a size with options. */
static uint16_t size_of(const struct connection *connection, uint32_t payload) {
    return (uint16_t)(payload + connection->mss - rill__payload_max(connection));
}

/* The record with what the size was before the path had its say; null: no memory. */
static struct extra *search_open(struct tcp_host *host, struct connection *connection) {
    struct extra *extra = rill__extra_open(host, connection);
    if (extra && !extra->mss_limit)
        extra->mss_limit = connection->mss;
    return extra;
}

/* The largest size that has arrived is the base's, or is taken to be; the limit may or may not. */
static void begin_search(struct tcp_host *host, struct connection *connection,
                         struct extra *extra) {
    uint16_t base = size_of(connection, host->config.mtu_base);
    extra->search_high = connection->mss;
    extra->search_low = RILL_MIN(base, connection->mss);
    extra->searching = true;
    extra->lowered_at = seconds(host);
}

void rill__pmtud_established(struct tcp_host *host, struct connection *connection) {
    struct extra *extra =
        host->config.mtu_probing == RILL_MTU_PROBING_ALWAYS ? search_open(host, connection) : 0;
    if (!extra)
        return;
    begin_search(host, connection, extra);
    connection->mss = extra->search_low;
}

static void believe(struct tcp_host *host, struct connection *connection, uint32_t mtu) {
    const struct ip_interface *interface = connection_interface(host, connection);
    rill__ip_path_mtu_set(host->ip, &connection->key.remote, mtu, IP_VERIFIED);
    uint16_t mss = rill__mss_of_path(host, interface, &connection->key.remote);
    bool smaller = mss < connection->mss;
    struct extra *extra = search_open(host, connection);
    if (extra) {
        extra->search_high = RILL_MIN(extra->search_high, mss);
        extra->search_low = RILL_MIN(extra->search_low, mss);
        extra->lowered_at = seconds(host);
        extra->doubted_mtu = 0;
    }
    if (!smaller)
        return;
    connection->mss = mss;
    connection->choices &= (uint8_t)~FULL_ARRIVED;
    rill__recovery_resend_all(connection);
    rill__tcp_ready(host, connection);
}

void rill__pmtud_too_big(struct tcp_host *host, struct connection *connection, uint32_t mtu,
                         rill_seq number) {
    if (!(connection->choices & FULL_ARRIVED) ||
        rill__mss_of_mtu(host, mtu, &connection->key.remote) >= connection->mss) {
        believe(host, connection, mtu);
        return;
    }
    struct extra *extra = search_open(host, connection);
    if (!extra || extra->doubted_mtu)
        return; /* the first one stands */
    extra->doubted_mtu = (uint16_t)RILL_MIN(mtu, 65535);
    extra->doubted_at = number;
}

bool rill__pmtud_stalled(struct tcp_host *host, struct connection *connection) {
    const struct extra *extra = rill__extra(host, connection);
    if (!extra || !extra->doubted_mtu)
        return false;
    believe(host, connection, extra->doubted_mtu);
    return true;
}

/* After a timeout. Smaller yet while they go on: the base was too large too. */
void rill__pmtud_timeout(struct tcp_host *host, struct connection *connection) {
    const struct active *active = connection->active;
    struct extra *extra = (struct extra *)rill__extra(host, connection);
    if (extra)
        extra->probe_size = 0; /* inconclusive: other things are lost as well */
    if (rill__pmtud_stalled(host, connection))
        return;
    const struct transmission *head = active->scoreboard.head;
    if (host->config.mtu_probing == RILL_MTU_PROBING_OFF || connection->snd_wnd == 0 ||
        !state_is_synchronized(connection->state) || active->retries < TIMEOUTS_OF_A_HOLE)
        return;
    uint32_t least = RILL_MAX(host->config.mtu_floor, 8u), payload = rill__payload_max(connection);
    if (transmission_span(head) <= RILL_MIN(host->config.mtu_base, payload / 2) || payload <= least)
        return;
    extra = search_open(host, connection);
    if (!extra)
        return;
    unsigned most = extra->low_arrived ? TIMEOUTS_AT_PROVEN_BASE : TIMEOUTS_AT_BASE;
    if (extra->searching && active->retries < most)
        return;
    extra->low_arrived = false;
    if (!extra->searching) {
        begin_search(host, connection, extra);
    } else {
        uint32_t low = size_of(connection, 0);
        low = RILL_MIN((extra->search_low - low) / 2, host->config.mtu_base);
        extra->search_low = size_of(connection, RILL_MAX(low, least));
    }
    connection->mss = RILL_MIN(connection->mss, extra->search_low);
}

/* Ten minutes have passed: the path may be wider by now. */
static void look_again(struct tcp_host *host, struct connection *connection, struct extra *extra) {
    rill_time since = (rill_time)(seconds(host) - extra->lowered_at) * RILL_SECOND;
    if (since < host->config.mtu_interval || connection->mss >= extra->mss_limit)
        return;
    uint16_t path =
        rill__mss_of_path(host, connection_interface(host, connection), &connection->key.remote);
    uint16_t high = RILL_MIN(path, extra->mss_limit);
    extra->lowered_at = seconds(host);
    if (extra->searching) {
        extra->search_high = RILL_MAX(high, connection->mss);
    } else if (high > connection->mss) { /* a router has told before, and will again */
        connection->mss = high;
        connection->choices &= (uint8_t)~FULL_ARRIVED;
    }
}

/* Nothing else is going on that a lost probe could be mistaken for. */
static bool is_calm(const struct connection *connection) {
    const struct active *active = connection->active;
    return active->recovery.phase == RECOVERY_OPEN && active->recovery.probe == PROBE_NONE &&
           !active->scoreboard.lost && !active->scoreboard.sacked && !active->receive.ranges;
}

bool rill__pmtud_plan(struct tcp_host *host, struct connection *connection, struct plan *plan) {
    struct extra *extra = (struct extra *)rill__extra(host, connection);
    if (!extra || !extra->mss_limit)
        return false;
    look_again(host, connection, extra);
    if (!extra->searching || extra->probe_size || !is_calm(connection) ||
        extra->search_high < extra->search_low + CLOSE_ENOUGH)
        return false;
    uint16_t size = (uint16_t)((extra->search_high + extra->search_low) / 2);
    uint32_t payload = rill__payload_max(connection);
    uint32_t length = payload + size - connection->mss, needed = length + BEHIND_LEAST * payload;
    if (size <= connection->mss || rill__unsent(connection) < needed ||
        rill__window_from(connection, connection->snd_nxt) < needed ||
        connection->congestion.cwnd < WINDOW_LEAST * payload ||
        rill__congestion_room(connection) < length || rill__pacer_holds(host, connection))
        return false;
    plan->sequence = connection->snd_nxt;
    plan->length = length;
    plan->flags = WIRE_ACK;
    plan->cause = RILL_CAUSE_MTU_PROBE;
    plan->mtu_probe = true;
    return true;
}

void rill__pmtud_sent(struct tcp_host *host, struct connection *connection,
                      const struct plan *plan) {
    struct extra *extra = (struct extra *)rill__extra(host, connection);
    if (!extra || !(plan->mtu_probe || extra->probe_size))
        return;
    if (plan->mtu_probe) {
        extra->probe_size = size_of(connection, plan->length);
        extra->probe_start = plan->sequence;
        extra->probe_end = plan->sequence + plan->length;
    } else if (plan->record && seq_lt(plan->sequence, extra->probe_end)) {
        extra->probe_size = 0; /* something is sent again: inconclusive */
    }
}

void rill__pmtud_acked(struct tcp_host *host, struct connection *connection,
                       const struct ack_summary *summary) {
    struct extra *extra = (struct extra *)rill__extra(host, connection);
    if (summary->largest >= rill__payload_max(connection))
        connection->choices |= FULL_ARRIVED;
    if (extra && extra->doubted_mtu && seq_gt(connection->snd_una, extra->doubted_at))
        extra->doubted_mtu = 0;
    if (extra && extra->searching && connection->mss <= extra->search_low)
        extra->low_arrived = true;
    if (!extra || !extra->probe_size || seq_lt(connection->snd_una, extra->probe_end))
        return;
    extra->search_low = connection->mss = extra->probe_size;
    extra->lowered_at = seconds(host);
    extra->probe_size = 0;
}

void rill__pmtud_lost(struct tcp_host *host, struct connection *connection,
                      struct ack_summary *summary) {
    struct extra *extra = (struct extra *)rill__extra(host, connection);
    const struct transmission *head = connection->active->scoreboard.head;
    if (!extra || !extra->probe_size || !head || !(head->flags & TRANSMISSION_LOST) ||
        head->sequence != extra->probe_start || head->end != extra->probe_end ||
        summary->newly_lost != transmission_span(head))
        return;
    extra->search_high = (uint16_t)(extra->probe_size - 1);
    extra->lowered_at = seconds(host);
    extra->probe_size = 0;
    summary->newly_lost = 0;
    /* What is lost makes room for itself: the window was not the reason. */
    connection->congestion.cwnd += rill__payload_max(connection);
}
