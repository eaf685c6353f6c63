/* tcp/info.c: what a connection is and has done. */
#include "tcp/tcp_api.h"

#include <string.h>

const char *rill_tcp_state_text(enum rill_tcp_state state) {
    static const char *const texts[] = {"closed",      "listen",     "syn-sent",   "syn-received",
                                        "established", "fin-wait-1", "fin-wait-2", "close-wait",
                                        "closing",     "last-ack",   "time-wait"};
    return (unsigned)state < sizeof texts / sizeof *texts ? texts[state] : "unknown state";
}

static void fill_stats(const struct connection_stats *stats, rill_time now,
                       struct rill_tcp_info *info) {
    info->bytes_sent = count48_get(&stats->bytes_sent);
    info->bytes_received = count48_get(&stats->bytes_received);
    info->bytes_resent = count48_get(&stats->bytes_resent);
    info->segments_sent = count48_get(&stats->segments_sent);
    info->segments_received = count48_get(&stats->segments_received);
    info->segments_resent = stats->segments_resent;
    info->duplicate_acks_sent = stats->duplicate_acks_sent;
    info->timeouts = stats->timeouts;
    rill__limiter_read(stats, now, info->limited_ns);
}

const char *rill_limiter_name(enum rill_limiter limiter) {
    static const char *const names[] = {
#define NAME(name, text) text,
        RILL_LIMITERS(NAME)
#undef NAME
    };
    return (unsigned)limiter < RILL_LIMITER_COUNT ? names[limiter] : "unknown limiter";
}

int rill__tcp_get_info(struct tcp_host *host, rill_handle handle, struct rill_tcp_info *info) {
    struct connection *connection = rill__connection_find(host, handle);
    if (!connection)
        return RILL_ERROR_HANDLE;
    memset(info, 0, sizeof *info);
    info->size = sizeof *info;
    info->state = (enum rill_tcp_state)connection->state;
    info->error = connection->error;
    info->local.address = connection->key.local;
    info->local.port = connection->key.local_port;
    info->local.zone = info->remote.zone = connection->key.zone;
    info->remote.address = connection->key.remote;
    info->remote.port = connection->key.remote_port;
    info->local.zone = ip_zone(&info->local.address, connection->source.interface);
    info->remote.zone = ip_zone(&info->remote.address, connection->source.interface);
    info->mss = (uint16_t)rill__payload_max(connection);
    info->timestamps = (connection->flags & CONNECTION_TIMESTAMPS) != 0;
    info->sack = (connection->flags & CONNECTION_SACK) != 0;
    info->ecn = (connection->source.owner & ECN_AGREED) != 0;
    info->syn_data = (connection->source.owner & TCP_SYN_DATA) != 0;
    info->syn_held = connection->active && connection->active->fast_open & FAST_OPEN_HELD;
    info->window_scaling = (connection->flags & CONNECTION_SCALED) != 0;
    info->cwnd = connection->congestion.cwnd;
    info->ssthresh = connection->congestion.ssthresh;
    info->send_window = connection->snd_wnd;
    info->receive_window = rill__receive_window(connection);
    info->receive_buffer = connection->receive_buffer;
    info->send_buffer = connection->send_buffer;
    info->rtt = (rill_time)connection->srtt * RILL_MICROSECOND / 8;
    info->rtt_variance = (rill_time)connection->rttvar * RILL_MICROSECOND / 4;
    info->rto = rill__rto(host, connection);
    info->user_timeout = rill__user_timeout(host, connection);
    info->user_timeout_heard = rill__user_timeout_heard(host, connection);
    info->urgent_after = rill__urgent_after(connection);
    if (connection->active) {
        info->in_flight = rill__in_flight(connection);
        info->min_rtt = rill__min_rtt(connection) * RILL_MICROSECOND;
        info->send_queued = connection->active->send.bytes;
        info->send_unsent = state_is_synchronized(connection->state) ? rill__unsent(connection) : 0;
        info->receive_queued = connection->active->receive.bytes;
    }
    const struct connection_stats *stats = connection_stats(connection);
    if (stats)
        fill_stats(stats, host->core->now, info);
    return 0;
}
