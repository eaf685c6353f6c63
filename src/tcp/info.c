/* tcp/info.c: what a connection is and has done, and its options. */
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
    if (connection->active) {
        info->in_flight = rill__in_flight(connection);
        info->min_rtt = rill__min_rtt(connection) * RILL_MICROSECOND;
        info->send_queued = connection->active->send.bytes;
        info->receive_queued = connection->active->receive.bytes;
    }
    const struct connection_stats *stats = connection_stats(connection);
    if (stats)
        fill_stats(stats, host->core->now, info);
    return 0;
}

static void set_flag(struct connection *connection, uint16_t flag, bool on) {
    connection->flags &= (uint16_t)~flag;
    connection->flags |= on ? flag : 0;
}

/* Segments already queued as larger ones are cut again when they are sent. */
static void lower_mss(struct connection *connection, uint32_t mss) {
    if (mss < connection->mss)
        connection->mss = (uint16_t)mss;
}

static void set_keepalive(struct tcp_host *host, struct connection *connection,
                          enum rill_tcp_option option, uint32_t value) {
    if (option == RILL_TCP_OPTION_KEEPALIVE)
        set_flag(connection, CONNECTION_KEEPALIVE, value);
    else if (option == RILL_TCP_OPTION_KEEPALIVE_COUNT)
        connection->keepalive_count = (uint8_t)value;
    else
        connection->event.owner[option == RILL_TCP_OPTION_KEEPALIVE_INTERVAL] = (uint16_t)value;
    connection->keepalive_at = RILL_TIME_NEVER;
    if (state_is_synchronized(connection->state) && connection->flags & CONNECTION_IN_DEMUX)
        rill__timers_segment_accepted(host, connection);
}

/* The range of each option's value. */
static bool option_ok(enum rill_tcp_option option, uint32_t value) {
    static const struct {
        uint32_t least, most;
    } ranges[] = {
        /* in the order of enum rill_tcp_option */
        {0, 1},        /* NODELAY */
        {0, 1},        /* KEEPALIVE */
        {1, 1u << 30}, /* RECEIVE_BUFFER */
        {1, 1u << 30}, /* SEND_BUFFER */
        {0, 65535},    /* KEEPALIVE_IDLE */
        {0, 65535},    /* KEEPALIVE_INTERVAL */
        {0, 255},      /* KEEPALIVE_COUNT */
        {0, 255},      /* HOP_LIMIT */
        {0, 255},      /* TRAFFIC_CLASS */
        {88, 65535},   /* MSS */
        {0, 1},        /* CORK */
    };
    return (unsigned)option < sizeof ranges / sizeof *ranges && value >= ranges[option].least &&
           value <= ranges[option].most;
}

static void apply(struct tcp_host *host, struct connection *connection, enum rill_tcp_option option,
                  uint32_t value) {
    switch (option) {
    case RILL_TCP_OPTION_NODELAY:
        set_flag(connection, CONNECTION_NODELAY, value);
        if (value && connection->active)
            rill__output_flush(connection);
        break;
    case RILL_TCP_OPTION_CORK:
        connection->choices &= (uint8_t)~CHOICE_CORK;
        connection->choices |= value ? CHOICE_CORK : 0;
        break;
    case RILL_TCP_OPTION_RECEIVE_BUFFER:
        connection->receive_buffer = value;
        connection->choices |= CHOICE_RECEIVE_BUFFER;
        break;
    case RILL_TCP_OPTION_SEND_BUFFER:
        connection->send_buffer = value;
        connection->choices |= CHOICE_SEND_BUFFER;
        break;
    case RILL_TCP_OPTION_HOP_LIMIT:
        connection->hop_limit = (uint8_t)value;
        break;
    case RILL_TCP_OPTION_TRAFFIC_CLASS:
        connection->traffic_class = (uint8_t)value;
        break;
    case RILL_TCP_OPTION_MSS:
        lower_mss(connection, value);
        break;
    default:
        set_keepalive(host, connection, option, value);
        break;
    }
}

int rill__tcp_set_option(struct tcp_host *host, rill_handle handle, enum rill_tcp_option option,
                         uint32_t value) {
    struct connection *connection = rill__connection_find(host, handle);
    if (!connection)
        return RILL_ERROR_HANDLE;
    if (!option_ok(option, value))
        return RILL_ERROR_ARGUMENT;
    apply(host, connection, option, value);
    if (rill__window_update_due(host, connection) && rill__connection_activate(host, connection))
        connection->owes |= OWES_WINDOW_UPDATE;
    rill__tell_writer(host, connection);
    rill__tcp_ready(host, connection);
    if (connection->flags & CONNECTION_IN_DEMUX)
        rill__timers_file(host, connection);
    return 0;
}
