/* tcp/tune.c: what the application may change about one connection.
 *
 * What every segment asks for lies in the connection itself. The rest, which few applications
 * touch, lies in a record of its own (struct extra) that is made when it is first asked for: an
 * idle connection that nobody has tuned does not pay for it. */
#include "tcp/tcp_api.h"

static void set_flag(struct connection *connection, uint16_t flag, bool on) {
    connection->flags &= (uint16_t)~flag;
    connection->flags |= on ? flag : 0;
}

static void set_choice(struct connection *connection, uint8_t choice, bool on) {
    connection->choices &= (uint8_t)~choice;
    connection->choices |= on ? choice : 0;
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
        {0, 1},                /* NODELAY */
        {0, 1},                /* KEEPALIVE */
        {1, 1u << 30},         /* RECEIVE_BUFFER */
        {1, 1u << 30},         /* SEND_BUFFER */
        {0, 65535},            /* KEEPALIVE_IDLE */
        {0, 65535},            /* KEEPALIVE_INTERVAL */
        {0, 255},              /* KEEPALIVE_COUNT */
        {0, 255},              /* HOP_LIMIT */
        {0, 255},              /* TRAFFIC_CLASS */
        {88, 65535},           /* MSS */
        {0, 1},                /* CORK */
        {0, INT32_MAX},        /* USER_TIMEOUT */
        {0, 127},              /* SYN_RETRIES */
        {0, UINT32_MAX},       /* FIN_WAIT_2 */
        {0, 1u << 30},         /* WINDOW_CLAMP */
        {0, 1},                /* QUICK_ACKS */
        {1, 1},                /* URGENT */
        {0, RILL_CONGESTIONS}, /* CONGESTION */
        {0, UINT32_MAX},       /* UNSENT_LOW */
        {0, 32767 * 60},       /* USER_TIMEOUT_OFFER */
    };
    return (unsigned)option < sizeof ranges / sizeof *ranges && value >= ranges[option].least &&
           value <= ranges[option].most;
}

struct extra *rill__extra_open(struct tcp_host *host, struct connection *connection) {
    struct extra *extra = (struct extra *)rill__extra(host, connection);
    if (extra)
        return extra;
    uint32_t index;
    extra = (struct extra *)rill__slab_open(&host->extras, &index);
    if (extra)
        connection->extra = index;
    return extra;
}

const struct extra *rill__extra(const struct tcp_host *host, const struct connection *connection) {
    return connection->extra == SLAB_NONE
               ? 0
               : (const struct extra *)slab_at(&host->extras, connection->extra);
}

void rill__extra_free(struct tcp_host *host, struct connection *connection) {
    if (connection->extra != SLAB_NONE)
        rill__slab_close(&host->extras, connection->extra);
    connection->extra = SLAB_NONE;
}

const struct rill_congestion_ops *rill__congestion_of(const struct tcp_host *host,
                                                      const struct connection *connection) {
    const struct extra *extra = rill__extra(host, connection);
    return extra && extra->congestion ? extra->congestion : host->config.congestion;
}

/* The new one begins with the window that the old one has reached. */
static int set_congestion(struct tcp_host *host, struct connection *connection, struct extra *extra,
                          uint32_t number) {
    const struct rill_congestion_ops *ops =
        number ? host->config.congestion_more[number - 1] : host->config.congestion;
    if (!ops)
        return RILL_ERROR_ARGUMENT;
    if (ops == rill__congestion_of(host, connection))
        return 0;
    extra->congestion = ops;
    if (!state_is_synchronized(connection->state) || !connection->mss)
        return 0; /* it begins when the connection does */
    if (!rill__connection_activate(host, connection))
        return RILL_ERROR_MEMORY;
    struct congestion before = connection->congestion;
    struct congestion_call call = rill__congestion_call(host, connection);
    ops->open(&call, before.cwnd);
    connection->congestion.ssthresh = before.ssthresh;
    connection->active->recovery.undo_possible = false; /* to a state that means nothing now */
    return 0;
}

/* Acknowledging at once from now on, what is being delayed too; or delaying. */
static void set_quick_acks(struct tcp_host *host, struct connection *connection, bool on) {
    if (!rill__connection_activate(host, connection))
        return;
    connection->active->quick_acks = on ? QUICK_ACKS : 0;
    if (on && connection->active->ack_at != RILL_TIME_NEVER)
        connection->owes |= OWES_ACK;
}

static int apply_tuning(struct tcp_host *host, struct connection *connection,
                        enum rill_tcp_option option, uint32_t value) {
    struct extra *extra = rill__extra_open(host, connection);
    if (!extra)
        return RILL_ERROR_MEMORY;
    switch (option) {
    case RILL_TCP_OPTION_USER_TIMEOUT:
        extra->user_timeout = value;
        return 0;
    case RILL_TCP_OPTION_SYN_RETRIES:
        extra->syn_retries = (uint8_t)value;
        return 0;
    case RILL_TCP_OPTION_FIN_WAIT_2:
        extra->fin_wait_2 = value;
        return 0;
    case RILL_TCP_OPTION_WINDOW_CLAMP:
        extra->window_clamp = value;
        return 0;
    case RILL_TCP_OPTION_UNSENT_LOW:
        extra->unsent_low = value;
        set_choice(connection, CHOICE_UNSENT, value);
        rill__tell_writer(host, connection);
        return 0;
    case RILL_TCP_OPTION_USER_TIMEOUT_OFFER:
        return rill__user_timeout_offer(host, connection, value);
    default: /* RILL_TCP_OPTION_CONGESTION */
        return set_congestion(host, connection, extra, value);
    }
}

static int apply(struct tcp_host *host, struct connection *connection, enum rill_tcp_option option,
                 uint32_t value) {
    switch (option) {
    case RILL_TCP_OPTION_NODELAY:
        set_flag(connection, CONNECTION_NODELAY, value);
        if (value && connection->active)
            rill__output_flush(connection);
        return 0;
    case RILL_TCP_OPTION_CORK:
        set_choice(connection, CHOICE_CORK, value);
        return 0;
    case RILL_TCP_OPTION_RECEIVE_BUFFER:
        connection->receive_buffer = value;
        set_choice(connection, CHOICE_RECEIVE_BUFFER, true);
        return 0;
    case RILL_TCP_OPTION_SEND_BUFFER:
        connection->send_buffer = value;
        set_choice(connection, CHOICE_SEND_BUFFER, true);
        return 0;
    case RILL_TCP_OPTION_HOP_LIMIT:
        connection->hop_limit = (uint8_t)value;
        return 0;
    case RILL_TCP_OPTION_TRAFFIC_CLASS:
        connection->traffic_class = (uint8_t)value;
        return 0;
    case RILL_TCP_OPTION_MSS:
        lower_mss(connection, value);
        return 0;
    case RILL_TCP_OPTION_URGENT:
        if (connection->active && connection->active->send.bytes)
            rill__urgent_mark(connection);
        return 0;
    case RILL_TCP_OPTION_QUICK_ACKS:
        set_quick_acks(host, connection, value);
        return 0;
    default:
        if (option >= RILL_TCP_OPTION_USER_TIMEOUT)
            return apply_tuning(host, connection, option, value);
        set_keepalive(host, connection, option, value);
        return 0;
    }
}

int rill__tcp_set_option(struct tcp_host *host, rill_handle handle, enum rill_tcp_option option,
                         uint32_t value) {
    struct connection *connection = rill__connection_find(host, handle);
    struct listener *listener = connection ? 0 : rill__listener_by_handle(host, handle);
    if (!connection && (!listener || option != RILL_TCP_OPTION_MSS))
        return RILL_ERROR_HANDLE;
    if (!option_ok(option, value))
        return RILL_ERROR_ARGUMENT;
    if (listener) {
        listener->mss_most = (uint16_t)value;
        return 0;
    }
    int error = apply(host, connection, option, value);
    if (error)
        return error;
    if (rill__window_update_due(host, connection) && rill__connection_activate(host, connection))
        connection->owes |= OWES_WINDOW_UPDATE;
    rill__tell_writer(host, connection);
    rill__tcp_ready(host, connection);
    if (connection->flags & CONNECTION_IN_DEMUX)
        rill__timers_file(host, connection);
    return 0;
}
