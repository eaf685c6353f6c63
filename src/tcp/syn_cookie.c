/* tcp/syn_cookie.c: a handshake without a record (RFC 4987 §3.6): what the SYN said travels to the
 * peer and back.
 *
 * The number of our SYN-ACK is the cookie:
 *
 *      31                            8  7     5 4 3   1  0
 *     +--------------------------------+-------+-+-----+--+
 *     |  MAC                           | scale |S| MSS | e|     all but the MAC below a mask of it
 *     +--------------------------------+-------+-+-----+--+
 *
 * e is the parity of the epoch whose secret made it; MSS is a step of mss_steps. To a peer without
 * timestamps the middle bits are its window scale (a step of scale_steps) and whether it takes
 * SACK. One with timestamps gives us back six bits more, the lowest of our TSval: the exact scale,
 * SACK and ECN; then the middle bits belong to the MAC. Either way the MAC covers everything that
 * is told, the four-tuple and the peer's number.
 *
 * A secret makes cookies for EPOCH and is believed for one more, so a cookie is good for one to two
 * of them. It is made when it is first needed: a host that sends no cookies believes none, and an
 * ACK out of nowhere costs it nothing. */
#include "tcp/host.h"

#include <string.h>

#define EPOCH (64 * RILL_SECOND)
#define STAMP_BITS 6u
#define STAMP_MASK ((1u << STAMP_BITS) - 1)
#define STAMP_NO_SCALE 15u
#define STAMP_SACK 16u
#define STAMP_ECN 32u

/* Rounding goes down, which is safe of both: 536 and 1220 are what a SYN without the option means
 * (RFC 9293 §3.7.1), the others are common ones. */
static const uint16_t mss_steps[8] = {64, 536, 1220, 1360, 1400, 1440, 1460, 8940};
#define NO_SCALE 255
static const uint8_t scale_steps[8] = {NO_SCALE, 0, 2, 4, 6, 7, 8, 10};

static uint64_t epoch_of(const struct tcp_host *host) {
    return host->core->now / EPOCH + 1; /* 0: a secret not made yet */
}

static uint32_t mac(const struct cookie_secret *secret, const struct tcp_key *key, rill_seq irs,
                    uint8_t told, bool stamped, uint32_t stamp) {
    uint8_t bytes[44];
    memcpy(bytes, key, 32);
    for (int i = 0; i < 2; i++) {
        bytes[32 + i] = (uint8_t)(key->local_port >> (8 * i));
        bytes[34 + i] = (uint8_t)(key->remote_port >> (8 * i));
        bytes[36 + i] = (uint8_t)(key->zone >> (8 * i));
    }
    for (int i = 0; i < 4; i++)
        bytes[38 + i] = (uint8_t)(irs >> (8 * i));
    bytes[42] = told;
    bytes[43] = (uint8_t)(stamp | (stamped ? 128 : 0));
    return (uint32_t)rill__siphash(&secret->key, bytes, sizeof bytes);
}

/* The cookie that tells `told`: four bits with timestamps, else eight. */
static rill_seq make(const struct cookie_secret *secret, const struct tcp_key *key, rill_seq irs,
                     uint8_t told, bool stamped, uint32_t stamp) {
    uint32_t hidden =
        mac(secret, key, irs, 0, stamped, 0) ^ told; /* so that they look random too */
    uint32_t below = stamped ? 15 : 255;
    return (mac(secret, key, irs, told, stamped, stamp) & ~below) | (hidden & below);
}

static uint8_t mss_step(uint16_t mss) {
    uint8_t step = 0;
    while (step < 7 && mss_steps[step + 1] <= mss)
        step++;
    return step;
}

static uint8_t scale_step(const struct half_open *half) {
    uint8_t step = 1;
    if (!(half->flags & CONNECTION_SCALED))
        return 0;
    while (step < 7 && scale_steps[step + 1] <= half->snd_scale)
        step++;
    return step;
}

static uint32_t stamp_of(const struct half_open *half) {
    uint32_t stamp = half->flags & CONNECTION_SCALED ? half->snd_scale : STAMP_NO_SCALE;
    stamp |= half->flags & CONNECTION_SACK ? STAMP_SACK : 0;
    return stamp | (half->source.owner & ECN_AGREED ? STAMP_ECN : 0);
}

static struct cookie_secret *present_secret(struct tcp_host *host) {
    uint64_t epoch = epoch_of(host);
    struct cookie_secret *secret = &host->cookie_secrets[epoch & 1];
    if (secret->epoch != epoch) {
        secret->key.k0 = rill__random_next(&host->core->random);
        secret->key.k1 = rill__random_next(&host->core->random);
        secret->epoch = epoch;
    }
    return secret;
}

/* The latest time not after now that ends in these bits: RFC 7323 §5.4 wants the clock to rise, and
 * what the connection says next is not below it. */
static uint32_t stamped_time(const struct tcp_host *host, const struct half_open *half,
                             uint32_t stamp) {
    uint32_t now = rill__timestamp_now(host, half->ts_offset);
    uint32_t value = (now & ~STAMP_MASK) | stamp;
    return (int32_t)(value - now) > 0 ? value - STAMP_MASK - 1 : value;
}

void rill__syn_cookie_send(struct tcp_host *host, const struct tcp_segment *segment) {
    struct half_open half;
    memset(&half, 0, sizeof half);
    rill__half_open_fill(host, &half, segment);
    bool stamped = (half.flags & CONNECTION_TIMESTAMPS) != 0;
    if (!stamped) /* nowhere to keep it */
        half.source.owner = 0;
    const struct cookie_secret *secret = present_secret(host);
    uint16_t mss = half.mss ? half.mss : rill__mss_default(&half.key.remote);
    uint8_t told = (uint8_t)((secret->epoch & 1) | mss_step(mss) << 1);
    uint32_t stamp = stamped ? stamp_of(&half) : 0;
    if (!stamped)
        told |= (uint8_t)((half.flags & CONNECTION_SACK ? 16 : 0) | scale_step(&half) << 5);
    half.iss = make(secret, &half.key, half.irs, told, stamped, stamp);
    struct ip_interface *interface = segment->datagram->interface;
    struct wire_tcp header = rill__half_open_syn_ack(host, &half, interface);
    if (stamped)
        header.timestamp_value = stamped_time(host, &half, stamp);
    host->cookies_sent++;
    rill__tcp_reply(host, interface, &header, &half.key, RILL_CAUSE_SYN_COOKIE);
}

/* What was told, if this secret has made the cookie; else false. */
static bool check(const struct cookie_secret *secret, const struct half_open *half, bool stamped,
                  uint32_t stamp, uint8_t *told) {
    uint32_t below = stamped ? 15 : 255;
    *told = (uint8_t)((half->iss ^ mac(secret, &half->key, half->irs, 0, stamped, 0)) & below);
    return (*told & 1) == (secret->epoch & 1) &&
           make(secret, &half->key, half->irs, *told, stamped, stamp) == half->iss;
}

static void remember(struct tcp_host *host, struct half_open *half,
                     const struct tcp_segment *segment, bool stamped, uint8_t told) {
    uint8_t scale = scale_steps[told >> 5];
    bool sack = (told & 16) != 0;
    half->mss = mss_steps[told >> 1 & 7];
    if (stamped) {
        uint32_t stamp = segment->header.timestamp_echo & STAMP_MASK;
        scale = (stamp & 15) == STAMP_NO_SCALE ? NO_SCALE : stamp & 15;
        sack = (stamp & STAMP_SACK) != 0;
        half->source.owner = stamp & STAMP_ECN ? ECN_AGREED : 0;
        half->flags |= CONNECTION_TIMESTAMPS;
        half->ts_recent = segment->header.timestamp_value;
    }
    if (scale != NO_SCALE) {
        half->flags |= CONNECTION_SCALED;
        half->snd_scale = scale;
        half->rcv_scale = rill__receive_scale(host, rill__receive_buffer_most(host));
    }
    half->flags |= sack ? CONNECTION_SACK : 0;
    half->ts_offset = rill__timestamp_offset(host, &half->key);
    half->window = segment->header.window;
}

bool rill__syn_cookie_recall(struct tcp_host *host, const struct tcp_segment *segment,
                             struct half_open *half) {
    uint64_t epoch = epoch_of(host);
    bool stamped = segment->header.has_timestamps && host->config.timestamps;
    uint32_t stamp = stamped ? segment->header.timestamp_echo & STAMP_MASK : 0;
    memset(half, 0, sizeof *half);
    half->key = segment->key;
    half->iss = segment->header.acknowledgement - 1;
    half->irs = segment->sequence - 1;
    for (int i = 0; i < 2; i++) {
        const struct cookie_secret *secret = &host->cookie_secrets[i];
        uint8_t told;
        if (!secret->epoch || secret->epoch + 1 < epoch ||
            !check(secret, half, stamped, stamp, &told))
            continue;
        half->source.interface = (uint8_t)segment->datagram->interface->index;
        remember(host, half, segment, stamped, told);
        host->cookies_accepted++;
        return true;
    }
    return false;
}
