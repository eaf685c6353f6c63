/* script/info.c: what the statements of a script may ask about the tested connection: tcpi_… as in
 * Linux's struct tcp_info, in its units (segments, microseconds, milliseconds), and constants. */
#include "script/run.h"

#include "base/util.h"

static const struct {
    const char *name;
    int64_t value;
} constants[] = {
    {"TCP_ESTABLISHED", 1},    {"TCP_SYN_SENT", 2},        {"TCP_SYN_RECV", 3},
    {"TCP_FIN_WAIT1", 4},      {"TCP_FIN_WAIT2", 5},       {"TCP_TIME_WAIT", 6},
    {"TCP_CLOSE", 7},          {"TCP_CLOSE_WAIT", 8},      {"TCP_LAST_ACK", 9},
    {"TCP_LISTEN", 10},        {"TCP_CLOSING", 11},        {"TCP_CA_Open", 0},
    {"TCP_CA_Disorder", 1},    {"TCP_CA_CWR", 2},          {"TCP_CA_Recovery", 3},
    {"TCP_CA_Loss", 4},        {"TCPI_OPT_TIMESTAMPS", 1}, {"TCPI_OPT_SACK", 2},
    {"TCPI_OPT_WSCALE", 4},    {"TCPI_OPT_ECN", 8},        {"TCPI_OPT_ECN_SEEN", 16},
    {"TCPI_OPT_SYN_DATA", 32},
};

/* Linux's numbers of the states. */
static int64_t state_number(enum rill_tcp_state state) {
    static const uint8_t numbers[] = {7, 10, 2, 3, 1, 4, 5, 8, 11, 9, 6};
    return (unsigned)state < sizeof numbers ? numbers[state] : 7;
}

static int64_t segments(uint64_t bytes, const struct rill_tcp_info *info) {
    return info->mss ? (int64_t)(bytes / info->mss) : 0;
}

static int64_t options_of(const struct rill_tcp_info *info) {
    return (info->timestamps ? 1 : 0) | (info->sack ? 2 : 0) | (info->window_scaling ? 4 : 0) |
           (info->ecn ? 8 : 0);
}

#define TCPI(name, expression)                                                                     \
    static int64_t get_##name(const struct rill_tcp_info *info) {                                  \
        return (int64_t)(expression);                                                              \
    }
TCPI(state, state_number(info->state))
TCPI(options, options_of(info))
TCPI(snd_cwnd, segments(info->cwnd, info))
TCPI(snd_mss, info->mss)
TCPI(rtt, info->rtt / RILL_MICROSECOND)
TCPI(rttvar, info->rtt_variance / RILL_MICROSECOND)
TCPI(rto, info->rto / RILL_MICROSECOND)
TCPI(min_rtt, info->min_rtt / RILL_MICROSECOND)
TCPI(unacked, (info->in_flight + info->mss - 1) / RILL_MAX(info->mss, 1))
TCPI(snd_wnd, info->send_window)
TCPI(rcv_wnd, info->receive_window)
TCPI(bytes_sent, info->bytes_sent)
TCPI(bytes_received, info->bytes_received)
TCPI(bytes_retrans, info->bytes_resent)
TCPI(segs_out, info->segments_sent)
TCPI(segs_in, info->segments_received)
TCPI(total_retrans, info->segments_resent)
#undef TCPI

static int64_t get_snd_ssthresh(const struct rill_tcp_info *info) {
    const int64_t infinite = 0x7fffffff;
    return info->ssthresh >= 0x7fffffff ? infinite : segments(info->ssthresh, info);
}

static const struct {
    const char *name;
    int64_t (*get)(const struct rill_tcp_info *info);
} fields[] = {
    {"tcpi_state", get_state},
    {"tcpi_options", get_options},
    {"tcpi_snd_cwnd", get_snd_cwnd},
    {"tcpi_snd_ssthresh", get_snd_ssthresh},
    {"tcpi_snd_mss", get_snd_mss},
    {"tcpi_rtt", get_rtt},
    {"tcpi_rttvar", get_rttvar},
    {"tcpi_rto", get_rto},
    {"tcpi_min_rtt", get_min_rtt},
    {"tcpi_unacked", get_unacked},
    {"tcpi_snd_wnd", get_snd_wnd},
    {"tcpi_rcv_wnd", get_rcv_wnd},
    {"tcpi_bytes_sent", get_bytes_sent},
    {"tcpi_bytes_received", get_bytes_received},
    {"tcpi_bytes_retrans", get_bytes_retrans},
    {"tcpi_segs_out", get_segs_out},
    {"tcpi_segs_in", get_segs_in},
    {"tcpi_total_retrans", get_total_retrans},
};

bool info_lookup(void *context, const char *name, int64_t *value) {
    struct run *run = context;
    struct rill_tcp_info info = {.size = sizeof info};
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (text_equal(constants[i].name, name)) {
            *value = constants[i].value;
            return true;
        }
    if (!run->tested || run->tested->fd < 0 || !run->world.sockets)
        return false;
    rill_handle handle = rill_socket_handle(run->world.sockets, run->tested->fd);
    if (handle && rill_tcp_get_info(run->world.stack, handle, &info))
        info.state = RILL_TCP_CLOSED;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (text_equal(fields[i].name, name)) {
            *value = fields[i].get(&info);
            return true;
        }
    return false;
}
