/* tcp/tcpi.c: a connection in the words and units of the field's struct tcp_info (rill/tcpi.h).
 *
 * Everything here is looked up or worked out when it is asked for; what has to be counted is
 * counted in count.c, limiter.c and rate.c. Sums over the records in flight cost as much as there
 * are records, so nothing but this asks for them. */
#include "tcp/tcp_api.h"

#include <string.h>

#define REORDERING_LEAST 3u /* RFC 5681's DupThresh: what Linux begins with */

static uint8_t state_of(uint8_t state) {
    static const uint8_t states[] = {
        /* in the order of enum rill_tcp_state */
        RILL_TCPI_CLOSE,       RILL_TCPI_LISTEN,    RILL_TCPI_SYN_SENT,  RILL_TCPI_SYN_RECV,
        RILL_TCPI_ESTABLISHED, RILL_TCPI_FIN_WAIT1, RILL_TCPI_FIN_WAIT2, RILL_TCPI_CLOSE_WAIT,
        RILL_TCPI_CLOSING,     RILL_TCPI_LAST_ACK,  RILL_TCPI_CLOSE, /* TIME-WAIT: a record of its
                                                                        own has it */
    };
    return states[state];
}

static uint32_t microseconds(rill_time time) {
    return (uint32_t)RILL_MIN(time / RILL_MICROSECOND, UINT32_MAX);
}

/* What there is before there is a connection. */
static void fill_fresh(const struct tcp_host *host, struct rill_tcpi *out) {
    memset(out, 0, sizeof *out);
    out->tcpi_state = RILL_TCPI_CLOSE;
    out->tcpi_rto = microseconds(host->config.rto_initial);
    out->tcpi_snd_mss = out->tcpi_rcv_mss = 536;
    out->tcpi_snd_ssthresh = RILL_TCPI_SSTHRESH_INFINITE;
    out->tcpi_snd_cwnd = host->config.initial_window;
    out->tcpi_reordering = REORDERING_LEAST;
    out->tcpi_min_rtt = UINT32_MAX;
    out->tcpi_max_pacing_rate = UINT64_MAX;
}

static uint8_t options_of(const struct connection *connection) {
    const struct connection_stats *stats = connection_stats(connection);
    uint8_t options = 0;
    options |= connection->flags & CONNECTION_TIMESTAMPS ? RILL_TCPI_OPT_TIMESTAMPS : 0;
    options |= connection->flags & CONNECTION_SACK ? RILL_TCPI_OPT_SACK : 0;
    options |= connection->flags & CONNECTION_SCALED ? RILL_TCPI_OPT_WSCALE : 0;
    options |= connection->source.owner & ECN_AGREED ? RILL_TCPI_OPT_ECN : 0;
    options |= connection->source.owner & TCP_SYN_DATA ? RILL_TCPI_OPT_SYN_DATA : 0;
    bool seen = connection->source.owner & ECN_AGREED && stats && stats->ect_seen;
    return (uint8_t)(options | (seen ? RILL_TCPI_OPT_ECN_SEEN : 0));
}

/* The last segment, sent again to ask for an ACK: it is not taken for lost. */
static bool is_probe(const struct connection *connection, const struct transmission *record) {
    return connection->active->recovery.probe == PROBE_RESENT &&
           record == connection->active->scoreboard.newest;
}

/* Segments by their state. */
static void fill_flight(const struct connection *connection, struct rill_tcpi *out) {
    const struct transmission *record = connection->active->scoreboard.head;
    for (; record; record = record->next) {
        uint32_t segments = transmission_segments(record, record->end);
        out->tcpi_unacked += segments;
        if (record->flags & TRANSMISSION_SACKED) {
            out->tcpi_sacked += segments;
            continue;
        }
        bool lost = record->flags & TRANSMISSION_LOST;
        bool resent = !lost && record->flags & TRANSMISSION_RESENT;
        out->tcpi_retrans += resent ? segments : 0;
        out->tcpi_lost += lost || (resent && !is_probe(connection, record)) ? segments : 0;
    }
    if (!(connection->flags & CONNECTION_SACK))
        out->tcpi_sacked = connection->active->recovery.reno_sacked / rill__payload_max(connection);
}

static uint8_t congestion_state(const struct connection *connection, const struct rill_tcpi *out) {
    switch (connection->active->recovery.phase) {
    case RECOVERY_TIMEOUT:
        return RILL_TCPI_CA_LOSS;
    case RECOVERY_FAST:
        return RILL_TCPI_CA_RECOVERY;
    case RECOVERY_REDUCING:
        return RILL_TCPI_CA_CWR;
    default:
        return out->tcpi_sacked || out->tcpi_lost ? RILL_TCPI_CA_DISORDER : RILL_TCPI_CA_OPEN;
    }
}

/* What only a connection with something under way has. */
static void fill_active(const struct connection *connection, struct rill_tcpi *out) {
    const struct active *active = connection->active;
    fill_flight(connection, out);
    out->tcpi_ca_state = congestion_state(connection, out);
    out->tcpi_backoff = active->backoff;
    if (connection->snd_wnd == 0 && state_is_synchronized(connection->state))
        out->tcpi_probes = (uint8_t)(active->probing ? active->retries + 1 : 0);
    else
        out->tcpi_retransmits = active->retries;
    if (active->keepalives)
        out->tcpi_probes = active->keepalives;
    out->tcpi_rcv_mss = active->receive_mss;
    out->tcpi_rcv_rtt = active->receive_rtt;
    out->tcpi_rcv_space = active->round_before;
    if (state_is_synchronized(connection->state))
        out->tcpi_notsent_bytes = rill__unsent(connection);
    if (rill__min_rtt(connection))
        out->tcpi_min_rtt = rill__min_rtt(connection);
}

/* In segments; a window that is not a whole number of them lets no more out than these. */
static void fill_congestion(const struct tcp_host *host, const struct connection *connection,
                            struct rill_tcpi *out) {
    struct congestion_recent none = {{0}};
    struct congestion congestion = connection->congestion;
    struct congestion_call call = {.congestion = &congestion,
                                   .recent = &none,
                                   .now = host->core->now,
                                   .mss = rill__payload_max(connection),
                                   .srtt = connection->srtt / 8,
                                   .snd_nxt = connection->snd_nxt,
                                   .paced = host->config.pacing || host->config.bursts};
    if (connection->active)
        call.recent = &connection->active->congestion_recent;
    out->tcpi_snd_cwnd = congestion.cwnd / call.mss;
    if (congestion.ssthresh < CONGESTION_SSTHRESH_INITIAL && congestion.ssthresh)
        out->tcpi_snd_ssthresh = congestion.ssthresh / call.mss;
    if (state_is_synchronized(connection->state))
        out->tcpi_pacing_rate = rill__congestion_of(host, connection)->pacing_rate(&call);
}

static void fill_path(const struct tcp_host *host, const struct connection *connection,
                      struct rill_tcpi *out) {
    const struct ip_interface *interface = connection_interface(host, connection);
    const struct rill_address *remote = &connection->key.remote;
    uint16_t ours = rill__mss_of_interface(host, interface, remote);
    out->tcpi_pmtu = rill__ip_path_mtu(host->ip, interface, remote, IP_VERIFIED);
    bool told = connection->active && connection->active->mss_announced;
    out->tcpi_advmss = told ? connection->active->mss_announced : ours;
    out->tcpi_snd_mss = rill__payload_max(connection);
    out->tcpi_rto = microseconds(rill__rto(host, connection));
    out->tcpi_ato = microseconds(host->config.delayed_ack);
    out->tcpi_rtt = connection->srtt / 8;
    out->tcpi_rttvar = connection->srtt ? connection->rttvar / 4 : 0;
    out->tcpi_snd_wnd = connection->snd_wnd;
    out->tcpi_rcv_wnd = rill__receive_window(connection);
    out->tcpi_rcv_ssthresh = connection->receive_buffer;
    if (connection->flags & CONNECTION_SCALED) {
        out->tcpi_snd_wscale = connection->snd_scale & 15;
        out->tcpi_rcv_wscale = connection->rcv_scale & 15;
    }
}

/* snd_una's way since the beginning. */
static uint64_t bytes_acked(const struct connection *connection, uint64_t bytes_sent) {
    bool syn = !(connection->flags & CONNECTION_PASSIVE);
    bool fin = (connection->flags & CONNECTION_FIN_SENT) != 0;
    uint64_t sent = bytes_sent + syn + fin;
    uint32_t outstanding = connection->snd_nxt - connection->snd_una;
    return connection->mss && sent > outstanding ? sent - outstanding : 0;
}

static void fill_counts(const struct connection *connection, const struct connection_stats *stats,
                        struct rill_tcpi *out) {
    uint64_t sent = count48_get(&stats->bytes_sent), resent = count48_get(&stats->bytes_resent);
    bool opening =
        connection->state == RILL_TCP_SYN_SENT || connection->state == RILL_TCP_SYN_RECEIVED;
    out->tcpi_total_retrans = stats->segments_resent;
    out->tcpi_bytes_acked = opening ? 0 : bytes_acked(connection, sent);
    out->tcpi_bytes_received = count48_get(&stats->bytes_received);
    out->tcpi_bytes_received += (connection->flags & CONNECTION_FIN_RECEIVED) != 0;
    out->tcpi_segs_out = (uint32_t)count48_get(&stats->segments_sent);
    out->tcpi_segs_in = (uint32_t)count48_get(&stats->segments_received);
    out->tcpi_data_segs_in = stats->data_segments_received;
    out->tcpi_data_segs_out = stats->data_segments_sent;
    out->tcpi_delivered = stats->delivered;
    out->tcpi_delivered_ce = stats->delivered_marked;
    out->tcpi_bytes_sent = sent + resent;
    out->tcpi_bytes_retrans = resent;
    out->tcpi_dsack_dups = stats->twice_segments;
    out->tcpi_reord_seen = stats->reorderings;
    out->tcpi_rcv_ooopack = stats->out_of_order_segments;
    out->tcpi_received_ce = stats->marked_segments;
    out->tcpi_total_rto = stats->timeouts;
    out->tcpi_total_rto_recoveries = stats->timeout_episodes;
    out->tcpi_total_rto_time = stats->timeout_ms;
    out->tcpi_reordering = RILL_MAX(stats->reordering, REORDERING_LEAST);
}

static void fill_times(const struct connection_stats *stats, rill_time now, struct rill_tcpi *out) {
    uint32_t ms = (uint32_t)(now / RILL_MILLISECOND);
    uint64_t us[CHRONO_COUNT];
    for (unsigned i = 0; i < CHRONO_COUNT; i++) {
        uint64_t ns = count48_get(&stats->chronos[i]);
        us[i] = (ns + (i == stats->chrono ? now - stats->since : 0)) / RILL_MICROSECOND;
    }
    out->tcpi_last_data_sent = ms - stats->data_sent_ms;
    out->tcpi_last_data_recv = ms - stats->data_received_ms;
    out->tcpi_last_ack_recv = ms - stats->ack_received_ms;
    out->tcpi_busy_time = us[CHRONO_BUSY] + us[CHRONO_RECEIVER_WINDOW] + us[CHRONO_SEND_BUFFER];
    out->tcpi_rwnd_limited = us[CHRONO_RECEIVER_WINDOW];
    out->tcpi_sndbuf_limited = us[CHRONO_SEND_BUFFER];
    out->tcpi_delivery_rate = stats->rate;
    out->tcpi_delivery_rate_app_limited = stats->rate_limited;
}

static void fill_connection(const struct tcp_host *host, const struct connection *connection,
                            struct rill_tcpi *out) {
    out->tcpi_state = state_of(connection->state);
    out->tcpi_options = options_of(connection);
    fill_path(host, connection, out);
    fill_congestion(host, connection, out);
    if (connection->active)
        fill_active(connection, out);
    const struct connection_stats *stats = connection_stats(connection);
    if (stats) {
        fill_counts(connection, stats, out);
        fill_times(stats, host->core->now, out);
    }
}

int rill__tcp_get_tcpi(struct tcp_host *host, rill_handle handle, struct rill_tcpi *out) {
    fill_fresh(host, out);
    const struct listener *listener = rill__listener_by_handle(host, handle);
    const struct connection *connection = listener ? 0 : rill__connection_find(host, handle);
    if (connection)
        fill_connection(host, connection, out);
    if (listener && listener->listening) {
        out->tcpi_state = RILL_TCPI_LISTEN;
        out->tcpi_unacked = listener->accept_count;
        out->tcpi_sacked = listener->backlog - 1; /* Linux's takes one more than it says */
    }
    return connection || listener ? 0 : RILL_ERROR_HANDLE;
}
