/* script/info.c: what the statements of a script may ask about the tested connection: the fields of
 * struct tcp_info by their names and in their units, as rill's TCP_INFO gives them, and constants.
 */
#include "script/run.h"

#include <rill/tcpi.h>
#include <string.h>

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

#define FIELD(name)                                                                                \
    { #name, offsetof(struct rill_tcpi, name), sizeof((struct rill_tcpi *)0)->name }
static const struct {
    const char *name;
    size_t offset, size;
} fields[] = {
    FIELD(tcpi_state),
    FIELD(tcpi_ca_state),
    FIELD(tcpi_retransmits),
    FIELD(tcpi_probes),
    FIELD(tcpi_backoff),
    FIELD(tcpi_options),
    FIELD(tcpi_rto),
    FIELD(tcpi_ato),
    FIELD(tcpi_snd_mss),
    FIELD(tcpi_rcv_mss),
    FIELD(tcpi_unacked),
    FIELD(tcpi_sacked),
    FIELD(tcpi_lost),
    FIELD(tcpi_retrans),
    FIELD(tcpi_fackets),
    FIELD(tcpi_last_data_sent),
    FIELD(tcpi_last_ack_sent),
    FIELD(tcpi_last_data_recv),
    FIELD(tcpi_last_ack_recv),
    FIELD(tcpi_pmtu),
    FIELD(tcpi_rcv_ssthresh),
    FIELD(tcpi_rtt),
    FIELD(tcpi_rttvar),
    FIELD(tcpi_snd_ssthresh),
    FIELD(tcpi_snd_cwnd),
    FIELD(tcpi_advmss),
    FIELD(tcpi_reordering),
    FIELD(tcpi_rcv_rtt),
    FIELD(tcpi_rcv_space),
    FIELD(tcpi_total_retrans),
    FIELD(tcpi_pacing_rate),
    FIELD(tcpi_max_pacing_rate),
    FIELD(tcpi_bytes_acked),
    FIELD(tcpi_bytes_received),
    FIELD(tcpi_segs_out),
    FIELD(tcpi_segs_in),
    FIELD(tcpi_notsent_bytes),
    FIELD(tcpi_min_rtt),
    FIELD(tcpi_data_segs_in),
    FIELD(tcpi_data_segs_out),
    FIELD(tcpi_delivery_rate),
    FIELD(tcpi_busy_time),
    FIELD(tcpi_rwnd_limited),
    FIELD(tcpi_sndbuf_limited),
    FIELD(tcpi_delivered),
    FIELD(tcpi_delivered_ce),
    FIELD(tcpi_bytes_sent),
    FIELD(tcpi_bytes_retrans),
    FIELD(tcpi_dsack_dups),
    FIELD(tcpi_reord_seen),
    FIELD(tcpi_rcv_ooopack),
    FIELD(tcpi_snd_wnd),
    FIELD(tcpi_rcv_wnd),
    FIELD(tcpi_rehash),
    FIELD(tcpi_total_rto),
    FIELD(tcpi_total_rto_recoveries),
    FIELD(tcpi_total_rto_time),
    FIELD(tcpi_received_ce),
    FIELD(tcpi_delivered_e1_bytes),
    FIELD(tcpi_delivered_e0_bytes),
    FIELD(tcpi_delivered_ce_bytes),
    FIELD(tcpi_received_e1_bytes),
    FIELD(tcpi_received_e0_bytes),
    FIELD(tcpi_received_ce_bytes),
    FIELD(tcpi_accecn_fail_mode),
    FIELD(tcpi_accecn_opt_seen),
};
#undef FIELD

static int64_t field(const struct rill_tcpi *info, size_t offset, size_t size) {
    const uint8_t *at = (const uint8_t *)info + offset;
    uint64_t large;
    uint32_t usual;
    uint16_t small;
    switch (size) {
    case 8:
        memcpy(&large, at, sizeof large);
        return (int64_t)large;
    case 4:
        memcpy(&usual, at, sizeof usual);
        return usual;
    case 2:
        memcpy(&small, at, sizeof small);
        return small;
    default:
        return *at;
    }
}

static bool info_of(struct run *run, struct rill_tcpi *info) {
    size_t length = sizeof *info;
    return run->tested && run->tested->fd >= 0 && run->world.sockets &&
           rill_getsockopt(run->world.sockets, run->tested->fd, RILL_IPPROTO_TCP, RILL_TCP_INFO,
                           info, &length) == 0;
}

/* The fields of a few bits. */
static bool bits(const struct rill_tcpi *info, const char *name, int64_t *value) {
    if (text_equal(name, "tcpi_snd_wscale"))
        *value = info->tcpi_snd_wscale;
    else if (text_equal(name, "tcpi_rcv_wscale"))
        *value = info->tcpi_rcv_wscale;
    else if (text_equal(name, "tcpi_delivery_rate_app_limited"))
        *value = info->tcpi_delivery_rate_app_limited;
    else if (text_equal(name, "tcpi_fastopen_client_fail"))
        *value = info->tcpi_fastopen_client_fail;
    else
        return false;
    return true;
}

bool info_lookup(void *context, const char *name, int64_t *value) {
    struct rill_tcpi info;
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (text_equal(constants[i].name, name)) {
            *value = constants[i].value;
            return true;
        }
    if (!text_begins(name, "tcpi_") || !info_of(context, &info))
        return false;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (text_equal(fields[i].name, name)) {
            *value = field(&info, fields[i].offset, fields[i].size);
            return true;
        }
    return bits(&info, name, value);
}
