/* tcp/info.c: what a connection is and has done, and its options. */
#include "tcp/tcp_api.h"

#include <string.h>

const char *rill_tcp_state_text(enum rill_tcp_state state) {
    static const char *const texts[] = {"closed",      "listen",     "syn-sent",   "syn-received",
                                        "established", "fin-wait-1", "fin-wait-2", "close-wait",
                                        "closing",     "last-ack",   "time-wait"};
    return (unsigned)state < sizeof texts / sizeof *texts ? texts[state] : "unknown state";
}

static void fill_stats(const struct connection_stats *stats, struct rill_tcp_info *info) {
    info->bytes_sent = stats->bytes_sent;
    info->bytes_received = stats->bytes_received;
    info->bytes_resent = stats->bytes_resent;
    info->segments_sent = stats->segments_sent;
    info->segments_received = stats->segments_received;
    info->segments_resent = stats->segments_resent;
    info->packets_sent = stats->packets_sent;
    info->duplicate_acks_sent = stats->duplicate_acks_sent;
    info->timeouts = stats->timeouts;
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
    info->mss = (uint16_t)rill__payload_max(connection);
    info->timestamps = (connection->flags & CONNECTION_TIMESTAMPS) != 0;
    info->sack = (connection->flags & CONNECTION_SACK) != 0;
    info->window_scaling = (connection->flags & CONNECTION_SCALED) != 0;
    info->cwnd = connection->congestion.cwnd;
    info->ssthresh = connection->congestion.ssthresh;
    info->send_window = connection->snd_wnd;
    info->receive_window = rill__receive_window(connection);
    info->rtt = (rill_time)connection->srtt * RILL_MICROSECOND / 8;
    info->rtt_variance = (rill_time)connection->rttvar * RILL_MICROSECOND / 4;
    info->rto = rill__rto(host, connection);
    if (connection->active) {
        info->in_flight = connection->active->scoreboard.in_flight;
        info->send_queued = connection->active->send.bytes;
        info->receive_queued = connection->active->receive.bytes;
    }
    const struct connection_stats *stats = connection_stats(connection);
    if (stats)
        fill_stats(stats, info);
    return 0;
}

int rill__tcp_set_option(struct tcp_host *host, rill_handle handle, enum rill_tcp_option option,
                         uint32_t value) {
    struct connection *connection = rill__connection_find(host, handle);
    if (!connection)
        return RILL_ERROR_HANDLE;
    uint16_t flag = option == RILL_TCP_OPTION_NODELAY ? CONNECTION_NODELAY : CONNECTION_KEEPALIVE;
    switch (option) {
    case RILL_TCP_OPTION_NODELAY:
    case RILL_TCP_OPTION_KEEPALIVE:
        if (value > 1)
            return RILL_ERROR_ARGUMENT;
        connection->flags &= (uint16_t)~flag;
        connection->flags |= value ? flag : 0;
        if (option == RILL_TCP_OPTION_KEEPALIVE) {
            connection->keepalive_at = RILL_TIME_NEVER;
            if (state_is_synchronized(connection->state))
                rill__timers_segment_accepted(host, connection);
        }
        break;
    case RILL_TCP_OPTION_RECEIVE_BUFFER:
    case RILL_TCP_OPTION_SEND_BUFFER:
        if (value == 0 || value > 1u << 30)
            return RILL_ERROR_ARGUMENT;
        if (option == RILL_TCP_OPTION_RECEIVE_BUFFER)
            connection->receive_buffer = value;
        else
            connection->send_buffer = value;
        break;
    default:
        return RILL_ERROR_ARGUMENT;
    }
    if (rill__window_update_due(connection) && rill__connection_activate(host, connection))
        connection->owes |= OWES_WINDOW_UPDATE;
    rill__tell_writer(host, connection);
    rill__tcp_ready(host, connection);
    if (connection->flags & CONNECTION_IN_DEMUX)
        rill__timers_file(host, connection);
    return 0;
}
