/* script/sysctl.c: keys of Linux's and FreeBSD's, and the fields of a host's config they mean. */
#include "script/sysctl.h"

#include "base/util.h"
#include "script/text.h"

#include <string.h>

/* Up to three whole numbers; what is no number ends it. */
static unsigned numbers(const char *text, uint64_t out[3]) {
    unsigned count = 0;
    while (count < 3) {
        while (*text == ' ' || *text == '\t' || *text == '"' || *text == ',' || *text == '\'')
            text++;
        unsigned base = text_begins(text, "0x") ? 16 : 10;
        text += base == 16 ? 2 : 0;
        const char *digits = "0123456789abcdef", *found, *begin = text;
        out[count] = 0;
        for (; *text && (found = strchr(digits, *text)) && found - digits < (int)base; text++)
            out[count] =
                RILL_MIN(out[count], (uint64_t)1 << 40) * base + (uint64_t)(found - digits);
        if (text == begin)
            break;
        count++;
    }
    return count;
}

static uint8_t octet(uint64_t number) {
    return (uint8_t)RILL_MIN(number, 254u);
}

#define KEY(name, statement)                                                                       \
    static void set_##name(struct rill_stack_config *config, const uint64_t value[3]) {            \
        statement;                                                                                 \
    }
KEY(timestamps, config->timestamps = value[0] != 0)
KEY(sack, config->sack = value[0] != 0)
KEY(scaling, config->window_scaling = value[0] != 0)
KEY(receive_memory,
    if (value[2]) config->receive_buffer_max = (uint32_t)RILL_MIN(value[2], (uint64_t)1 << 30))
KEY(send_memory,
    if (value[2]) config->send_buffer_max = (uint32_t)RILL_MIN(value[2], (uint64_t)1 << 30);
    if (value[1]) config->send_buffer_min = (uint32_t)RILL_MIN(value[1], config->send_buffer_max))
KEY(rfc1323, config->timestamps = config->window_scaling = value[0] != 0)
KEY(syn_retries, config->syn_retries = octet(value[0]))
KEY(syn_ack_retries, config->syn_ack_retries = octet(value[0]))
KEY(data_retries, config->data_retries = octet(value[0]))
KEY(fin_timeout, config->fin_wait_2 = value[0] * RILL_SECOND)
KEY(keep_idle, config->keepalive_idle = RILL_MAX(value[0], 1u) * RILL_SECOND)
KEY(keep_interval, config->keepalive_interval = RILL_MAX(value[0], 1u) * RILL_SECOND)
KEY(keep_idle_ms, config->keepalive_idle = RILL_MAX(value[0], 1u) * RILL_MILLISECOND)
KEY(keep_interval_ms, config->keepalive_interval = RILL_MAX(value[0], 1u) * RILL_MILLISECOND)
KEY(keep_count, config->keepalive_count = octet(RILL_MAX(value[0], 1u)))
KEY(delayed_ack, config->delayed_ack = value[0] * RILL_MILLISECOND)
KEY(rto_initial, config->rto_initial = RILL_MAX(value[0], 1u) * RILL_MILLISECOND)
KEY(rto_min, config->rto_min = RILL_MAX(value[0], 1u) * RILL_MILLISECOND)
KEY(fast_open, config->fast_open = (uint16_t)((value[0] & 0x7fff) |
                                              (config->fast_open & RILL_FAST_OPEN_TRUSTING)))
KEY(fast_open_trust, config->fast_open &= (uint16_t)~RILL_FAST_OPEN_TRUSTING;
    config->fast_open |= value[0] ? 0 : RILL_FAST_OPEN_TRUSTING)
KEY(segment_life, config->time_wait = 2 * value[0] * RILL_MILLISECOND)
#undef KEY

/* 0 never, 1 asks, 2 answers: the same number means the same on both systems. */
static void set_ecn(struct rill_stack_config *config, const uint64_t value[3]) {
    static const uint8_t meanings[] = {RILL_ECN_OFF, RILL_ECN_ASK, RILL_ECN_ANSWER};
    config->ecn = meanings[RILL_MIN(value[0], 2u)];
}

static const struct {
    const char *key;
    void (*set)(struct rill_stack_config *config, const uint64_t value[3]);
} keys[] = {
    {"net.ipv4.tcp_timestamps", set_timestamps},
    {"net.ipv4.tcp_sack", set_sack},
    {"net.ipv4.tcp_window_scaling", set_scaling},
    {"net.ipv4.tcp_ecn", set_ecn},
    {"net.ipv4.tcp_fastopen", set_fast_open},
    {"net.ipv4.tcp_fastopen_blackhole_timeout_sec", set_fast_open_trust},
    {"net.ipv4.tcp_rmem", set_receive_memory},
    {"net.ipv4.tcp_wmem", set_send_memory},
    {"net.ipv4.tcp_syn_retries", set_syn_retries},
    {"net.ipv4.tcp_synack_retries", set_syn_ack_retries},
    {"net.ipv4.tcp_retries2", set_data_retries},
    {"net.ipv4.tcp_fin_timeout", set_fin_timeout},
    {"net.ipv4.tcp_keepalive_time", set_keep_idle},
    {"net.ipv4.tcp_keepalive_intvl", set_keep_interval},
    {"net.ipv4.tcp_keepalive_probes", set_keep_count},
    {"net.inet.tcp.rfc1323", set_rfc1323},
    {"net.inet.tcp.sack.enable", set_sack},
    {"net.inet.tcp.ecn.enable", set_ecn},
    {"net.inet.tcp.delacktime", set_delayed_ack},
    {"net.inet.tcp.rexmit_initial", set_rto_initial},
    {"net.inet.tcp.rexmit_min", set_rto_min},
    {"net.inet.tcp.msl", set_segment_life},
    {"net.inet.tcp.keepidle", set_keep_idle_ms},
    {"net.inet.tcp.keepintvl", set_keep_interval_ms},
    {"net.inet.tcp.keepcnt", set_keep_count},
};

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One or two keys as Linux writes them: four groups of eight digits, each a number whose lowest
 * byte comes first. */
static bool set_fast_open_key(struct world *world, const char *text) {
    unsigned digits = 0;
    memset(world->fast_open_keys, 0, sizeof world->fast_open_keys);
    for (; *text && digits < 64; text++) {
        int digit = hex_digit(*text);
        unsigned byte = digits / 8 * 4 + 3 - digits % 8 / 2;
        if (digit < 0)
            continue;
        world->fast_open_keys[byte] |= (uint8_t)(digits % 2 ? digit : digit << 4);
        digits++;
    }
    world->fast_open_key_count = digits / 32;
    return digits == 32 || digits == 64;
}

bool sysctl_set(struct world *world, const char *key, const char *value) {
    char name[100];
    struct text text;
    uint64_t number[3] = {0};
    text_init(&text, name, sizeof name);
    if (text_begins(key, "/proc/sys/"))
        key += 10;
    bool slashes = strchr(key, '/') != 0;
    for (; *key; key++)
        text_add_bytes(&text, slashes && *key == '/' ? "." : key, 1);
    if (text_begins(name, "net.inet.")) { /* a script for FreeBSD, which has no quick beginning */
        world->config.quick_acks = 0;
        world->config.ack_every_second = true;
    }
    if (text_equal(name, "net.ipv4.tcp_fastopen_key"))
        return set_fast_open_key(world, value);
    if (!numbers(value, number))
        return false;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (text_equal(keys[i].key, name)) {
            keys[i].set(&world->config, number);
            return true;
        }
    return false;
}
