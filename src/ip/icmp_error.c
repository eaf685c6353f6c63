/* ip/icmp_error.c: ICMP errors, in and out (RFC 792, RFC 4443 §3, RFC 1122 §3.2.2).
 *
 * In: the quoted header must be that of a packet we could have sent (our address in it); what it
 * means for a socket is the transport's to judge by the quoted ports and numbers. Out: never about
 * an error, a fragment, or a packet to or from a group (RFC 1122 §3.2.2, RFC 4443 §2.4 (e)); within
 * a bucket a destination, chosen by a keyed hash that changes. */
#include "ip/icmp_error.h"

#include "base/address.h"
#include "base/bytes.h"
#include "base/util.h"
#include "ip/icmp.h"
#include "packet/pool.h"
#include "packet/segment.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include <string.h>

enum {
    HEADER = 8,
    V4_UNREACHABLE = 3,
    V4_REDIRECT = 5,
    V4_TIME = 11,
    V4_PARAMETER = 12,
    V6_UNREACHABLE = 1,
    V6_TOO_BIG = 2,
    V6_TIME = 3,
    V6_PARAMETER = 4,
    V6_ERRORS = 128, /* types below are errors */
    V6_ECHO_REPLY = 129,
    FRAGMENT = 44,
    TOKENS_LEAST = 6, /* in a bucket that is full */
    TOKENS_SPREAD = 9,
    TOKENS_MEAN = 10,
    V4_QUOTE_MAX = 576 - 20 - HEADER,  /* RFC 1812 §4.3.2.3 */
    V6_QUOTE_MAX = 1280 - 40 - HEADER, /* RFC 4443 §3.1 */
};
#define TOKEN_TIME (100 * RILL_MILLISECOND)
#define SHUFFLE_TIME (10 * RILL_SECOND)

static bool kind_of_v4(const uint8_t *message, struct ip_error *error) {
    if (message[0] == V4_TIME || message[0] == V4_PARAMETER) { /* RFC 1122 §3.2.2.4, §3.2.2.5 */
        error->kind = IP_ERROR_HOST;
        return message[0] == V4_PARAMETER || message[1] == 0; /* 1: of one datagram's fragments */
    }
    if (message[0] != V4_UNREACHABLE)
        return false;
    switch (message[1]) {
    case 2:
        error->kind = IP_ERROR_PROTOCOL;
        return true;
    case 3:
        error->kind = IP_ERROR_PORT;
        return true;
    case 4:
        error->kind = IP_ERROR_TOO_BIG;
        error->mtu = bytes_get16(message + 6); /* RFC 1191 §4 */
        return true;
    default:
        error->kind = IP_ERROR_HOST;
        return message[1] <= 13;
    }
}

static bool kind_of_v6(const uint8_t *message, struct ip_error *error) {
    if (message[0] == V6_TOO_BIG) {
        error->kind = IP_ERROR_TOO_BIG;
        error->mtu = bytes_get32(message + 4);
        return true;
    }
    bool port = message[0] == V6_UNREACHABLE && message[1] == 4;
    bool protocol = message[0] == V6_PARAMETER && message[1] == 1;
    error->kind = port ? IP_ERROR_PORT : protocol ? IP_ERROR_PROTOCOL : IP_ERROR_HOST;
    return message[0] == V6_UNREACHABLE || (message[0] == V6_TIME && message[1] == 0) ||
           message[0] == V6_PARAMETER;
}

/* The header of the packet the error is about: it may be cut short behind the first transport
 * bytes. */
static bool read_quote(const uint8_t *quote, size_t length, bool ipv4, struct ip_error *error) {
    size_t header = WIRE_IPV6_HEADER;
    if (ipv4) {
        if (length < WIRE_IPV4_HEADER || quote[0] >> 4 != 4)
            return false;
        header = (size_t)(quote[0] & 15) * 4;
        error->protocol = quote[9];
        error->local = rill__address_from_ipv4(quote + 12);
        error->remote = rill__address_from_ipv4(quote + 16);
        if (header < WIRE_IPV4_HEADER || bytes_get16(quote + 6) & 0x1fff)
            return false; /* of a later fragment: no ports in it */
    } else {
        if (length < WIRE_IPV6_HEADER || quote[0] >> 4 != 6)
            return false;
        error->protocol = quote[6];
        memcpy(error->local.bytes, quote + 8, 16);
        memcpy(error->remote.bytes, quote + 24, 16);
        if (error->protocol == FRAGMENT && length >= header + 8) { /* the one extension we send */
            error->protocol = quote[header];
            if (bytes_get16(quote + header + 2) & 0xfff8)
                return false;
            header += 8;
        }
    }
    if (length < header + 8)
        return false;
    error->quoted = quote + header;
    error->quoted_length = length - header;
    return true;
}

static bool tell_transport(struct ip_host *host, const struct ip_error *error) {
    for (int i = 0; i < RILL_TRANSPORTS && host->transports[i].ops; i++) {
        const struct rill_transport_ops *ops = host->transports[i].ops;
        if (ops->protocol != error->protocol || !ops->error)
            continue;
        ops->error(host->transports[i].state, error);
        return true;
    }
    return false;
}

/* RFC 1122 §3.2.2.2: another first hop for the destination of the packet quoted.
 *
 * DEVIATION: only about what a transport knows it has sent: IPv4 has no hop limit to tell a
 * neighbour by, and whoever knows our gateway's address could send our traffic anywhere. */
static enum rill_drop redirected(const struct ip_datagram *datagram, const uint8_t *data,
                                 size_t length) {
    struct ip_error error = {.kind = IP_ERROR_REDIRECT, .interface = datagram->interface};
    if (!datagram->interface->framing ||
        !read_quote(data + HEADER, length - HEADER, true, &error) ||
        !rill__ip_address_owned(datagram->interface->host, datagram->interface, &error.local))
        return RILL_DROP_ICMP_IGNORED;
    struct rill_address hop = rill__address_from_ipv4(data + 4);
    struct rill_address further;
    /* It must be on this link: a host that is reached without a gateway. */
    if (rill_address_is_any(&hop) || !rill__ip_next_hop(datagram->interface, &hop, &further) ||
        !rill_address_equal(&hop, &further))
        return RILL_DROP_ICMP_REDIRECT;
    error.from = &datagram->source;
    error.hop = &hop;
    return tell_transport(datagram->interface->host, &error) ? RILL_DROP_NONE
                                                             : RILL_DROP_ICMP_IGNORED;
}

/* Of a packet that never was on a wire the quote lies apart from the header: what is looked at is
 * copied together. */
enum rill_drop rill__icmp_error_input(struct ip_host *host, const struct ip_datagram *datagram) {
    struct ip_error error = {.interface = datagram->interface};
    uint8_t data[HEADER + 60 + 60]; /* both headers at their longest */
    size_t length = RILL_MIN((size_t)datagram->length, sizeof data);
    rill__packet_copy(datagram->packet, datagram->header_length, data, length);
    bool ipv4 = datagram->network->version == 4;
    if (ipv4 && data[0] == V4_REDIRECT)
        return redirected(datagram, data, length);
    if (!(ipv4 ? kind_of_v4(data, &error) : kind_of_v6(data, &error)))
        return RILL_DROP_ICMP_IGNORED;
    if (!read_quote(data + HEADER, length - HEADER, ipv4, &error) ||
        !rill_address_equal(&error.local, &datagram->destination))
        return RILL_DROP_ICMP_IGNORED;
    if (error.protocol == WIRE_PROTOCOL_ICMPV6 && error.kind == IP_ERROR_TOO_BIG &&
        error.quoted[0] == V6_ECHO_REPLY) {
        rill__ip_path_mtu_set(host, &error.remote, error.mtu, IP_CLAIMED);
        return RILL_DROP_NONE;
    }
    return tell_transport(host, &error) ? RILL_DROP_NONE : RILL_DROP_ICMP_IGNORED;
}

void rill__icmp_undelivered(struct ip_interface *interface, const struct rill_packet *packet) {
    struct ip_error error = {.kind = IP_ERROR_HOST, .interface = interface};
    uint8_t data[60 + 60];
    size_t length = RILL_MIN((size_t)packet->length, sizeof data);
    rill__packet_copy(packet, 0, data, length);
    if (read_quote(data, length, data[0] >> 4 == 4, &error))
        (void)tell_transport(interface->host, &error);
}

/* Who shares a bucket with whom changes every ten seconds. */
static void shuffle(struct ip_host *host) {
    struct ip_limiter *limiter = &host->limiter;
    memset(limiter->buckets, 0, sizeof limiter->buckets);
    limiter->key.k0 = rill__random_next(&host->core->random);
    limiter->key.k1 = rill__random_next(&host->core->random);
    limiter->shuffle_at = host->core->now + SHUFFLE_TIME;
}

/* Takes a token of the destination's bucket: about ten at once, ten a second. How many exactly is
 * left to chance, so that one more or less tells nobody whether another has had one: a stranger who
 * counted his own answers learned which ports were open to others (CVE-2020-25705). */
static bool allowed(struct ip_host *host, const struct rill_address *to) {
    struct ip_limiter *limiter = &host->limiter;
    struct random *random = &host->core->random;
    rill_time now = host->core->now;
    if (now >= limiter->shuffle_at)
        shuffle(host);
    uint64_t hash = rill__siphash(&limiter->key, to->bytes, sizeof to->bytes);
    struct ip_bucket *bucket = &limiter->buckets[hash % IP_BUCKETS];
    uint64_t more = (now - bucket->filled_at) / TOKEN_TIME;
    if (bucket->filled_at == 0 || more >= TOKENS_MEAN) {
        bucket->tokens = TOKENS_LEAST + (uint32_t)rill__random_below(random, TOKENS_SPREAD);
        bucket->filled_at = now;
        more = 0;
    }
    bucket->filled_at += more * TOKEN_TIME;
    for (; more && bucket->tokens < TOKENS_MEAN; more--)
        bucket->tokens += (uint32_t)rill__random_below(random, 3);
    if (bucket->tokens == 0)
        return false;
    bucket->tokens--;
    return true;
}

/* What an error of ours says. */
struct verdict {
    uint8_t type, code;
    uint32_t pointer; /* the word behind the checksum */
};

static struct verdict verdict_of(const struct ip_datagram *datagram, enum ip_error_kind kind) {
    static const struct {
        struct verdict v4, v6;
    } table[] = {
        {{3, 1, 0}, {1, 3, 0}},  /* IP_ERROR_HOST */
        {{3, 2, 0}, {4, 1, 0}},  /* IP_ERROR_PROTOCOL: RFC 4443 §3.4, an unknown next header */
        {{3, 3, 0}, {1, 4, 0}},  /* IP_ERROR_PORT */
        {{3, 4, 0}, {2, 0, 0}},  /* IP_ERROR_TOO_BIG: routers say it, we do not */
        {{11, 1, 0}, {3, 1, 0}}, /* IP_ERROR_FRAGMENTS */
        {{12, 0, 0}, {4, 0, 0}}, /* IP_ERROR_PARAMETER */
    };
    struct verdict verdict = datagram->network->version == 4 ? table[kind].v4 : table[kind].v6;
    if (kind == IP_ERROR_PROTOCOL)
        verdict.pointer = datagram->protocol_at; /* 0 for IPv4 */
    if (kind == IP_ERROR_PARAMETER) {
        verdict.code = (uint8_t)(datagram->problem - 1);
        verdict.pointer = datagram->problem_at;
    }
    return verdict;
}

static bool may_answer(const struct ip_datagram *datagram, enum ip_error_kind kind) {
    bool v6_error = datagram->protocol == WIRE_PROTOCOL_ICMPV6 && datagram->contiguous &&
                    datagram->data[0] < V6_ERRORS;
    /* RFC 4443 §2.4 (e.3): of an option that must be told of, even to who sends to a group */
    bool group_ok = !datagram->to_group || kind == IP_ERROR_PARAMETER;
    bool part_ok =
        !datagram->is_fragment || kind == IP_ERROR_FRAGMENTS || kind == IP_ERROR_PARAMETER;
    return part_ok && !v6_error && group_ok &&
           (datagram->network->version == 6 || datagram->protocol != WIRE_PROTOCOL_ICMP);
}

void rill__icmp_unreachable(struct ip_host *host, const struct ip_datagram *datagram,
                            enum ip_error_kind kind) {
    bool ipv4 = datagram->network->version == 4;
    const struct ip_address *own =
        datagram->to_group
            ? rill__ip_select(host, datagram->interface, &datagram->source, &datagram->source)
            : 0;
    if (!may_answer(datagram, kind) || (datagram->to_group && !own))
        return;
    if (!allowed(host, &datagram->source)) {
        rill__core_drop(host->core, RILL_DROP_ICMP_LIMITED);
        return;
    }
    uint32_t quote = datagram->header_length + datagram->length;
    quote = RILL_MIN(quote, (uint32_t)(ipv4 ? V4_QUOTE_MAX : V6_QUOTE_MAX));
    uint8_t *data;
    struct rill_packet *packet = rill__packet_open_filled(host->core->pool, quote, &data);
    if (!packet)
        return;
    rill__packet_copy(datagram->packet, 0, data, quote);
    packet->header_offset -= HEADER;
    packet->header_length = HEADER;
    packet->length += HEADER;
    packet->cause = RILL_CAUSE_ICMP_ERROR;
    uint8_t *header = packet->headroom + packet->header_offset;
    memset(header, 0, HEADER);
    struct verdict verdict = verdict_of(datagram, kind);
    header[0] = verdict.type;
    header[1] = verdict.code;
    bytes_put32(header + 4, verdict.pointer);
    struct ip_send send = {.source = own ? &own->address : &datagram->destination,
                           .destination = &datagram->source,
                           .interface = datagram->interface,
                           .checksum_offset = 2,
                           .protocol = (uint8_t)(ipv4 ? WIRE_PROTOCOL_ICMP : WIRE_PROTOCOL_ICMPV6),
                           .pseudo_header = !ipv4};
    rill__ip_finish(host, packet, &send);
    rill__ip_reply(host, datagram->interface, packet, false);
}
