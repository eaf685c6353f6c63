/* wire/tcp.c: see tcp.h. */
#include "wire/tcp.h"

#include "base/bytes.h"
#include "base/util.h"
#include <string.h>

enum option_kind {
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_MSS = 2,
    OPTION_WINDOW_SCALE = 3,
    OPTION_SACK_PERMITTED = 4,
    OPTION_SACK = 5,
    OPTION_TIMESTAMPS = 8,
    OPTION_USER_TIMEOUT = 28,
    OPTION_FAST_OPEN = 34,
    OPTION_EXPERIMENT = 254, /* RFC 6994: a number of 16 bits says which */
};

#define EXPERIMENT_FAST_OPEN 0xf989u /* RFC 7413 §9 */

/* RFC 7413 §4.1.1: none, or 4 to 16 bytes, an even number. */
static void parse_cookie(const uint8_t *cookie, size_t length, bool experimental,
                         struct wire_tcp *out) {
    if (!(out->flags & WIRE_SYN) || length % 2 || length == 2 || length > WIRE_COOKIE_MAX)
        return;
    out->has_fast_open = true;
    out->fast_open_experimental = experimental;
    out->cookie_length = (uint8_t)length;
    memcpy(out->cookie, cookie, length);
}

static void parse_sack(const uint8_t *option, size_t length, struct wire_tcp *out) {
    size_t count = (length - 2) / 8;
    out->sack_count = (uint8_t)RILL_MIN(count, WIRE_SACK_MAX);
    for (size_t i = 0; i < out->sack_count; i++) {
        out->sacks[i].left = bytes_get32(option + 2 + 8 * i);
        out->sacks[i].right = bytes_get32(option + 6 + 8 * i);
    }
}

/* A known option of a wrong length is passed over like an unknown one (RFC 9293 §3.1, MUST-6). */
static void parse_option(const uint8_t *option, size_t length, struct wire_tcp *out) {
    switch (option[0]) {
    case OPTION_MSS:
        if (length == 4 && out->flags & WIRE_SYN)
            out->mss = bytes_get16(option + 2);
        break;
    case OPTION_WINDOW_SCALE:
        if (length == 3 && out->flags & WIRE_SYN) {
            out->has_window_scale = true;
            out->window_scale = RILL_MIN(option[2], 14); /* RFC 7323 §2.3 */
        }
        break;
    case OPTION_SACK_PERMITTED:
        if (length == 2 && out->flags & WIRE_SYN)
            out->sack_permitted = true;
        break;
    case OPTION_SACK:
        if (length >= 10 && (length - 2) % 8 == 0)
            parse_sack(option, length, out);
        break;
    case OPTION_TIMESTAMPS:
        if (length == 10) {
            out->has_timestamps = true;
            out->timestamp_value = bytes_get32(option + 2);
            out->timestamp_echo = bytes_get32(option + 6);
        }
        break;
    case OPTION_USER_TIMEOUT:
        if (length == 4)
            out->user_timeout = bytes_get16(option + 2);
        break;
    case OPTION_FAST_OPEN:
        parse_cookie(option + 2, length - 2, false, out);
        break;
    case OPTION_EXPERIMENT:
        if (length >= 4 && bytes_get16(option + 2) == EXPERIMENT_FAST_OPEN && !out->has_fast_open)
            parse_cookie(option + 4, length - 4, true, out);
        break;
    default:
        break;
    }
}

static enum rill_drop parse_options(const uint8_t *options, size_t length, struct wire_tcp *out) {
    while (length > 0) {
        if (options[0] == OPTION_END)
            break;
        if (options[0] == OPTION_NOP) {
            options++;
            length--;
            continue;
        }
        if (length < 2 || options[1] < 2 || options[1] > length)
            return RILL_DROP_TCP_OPTIONS; /* RFC 9293 §3.1, MUST-7: illegal lengths are survived */
        parse_option(options, options[1], out);
        length -= options[1];
        options += options[1];
    }
    return RILL_DROP_NONE;
}

enum rill_drop rill__wire_tcp_parse(const uint8_t *data, size_t length, struct wire_tcp *out) {
    if (length < WIRE_TCP_HEADER)
        return RILL_DROP_TRUNCATED;
    size_t header_length = (size_t)(data[12] >> 4) * 4;
    if (header_length < WIRE_TCP_HEADER || header_length > length)
        return RILL_DROP_TCP_HEADER_LENGTH;
    out->source_port = bytes_get16(data);
    out->destination_port = bytes_get16(data + 2);
    out->sequence = bytes_get32(data + 4);
    out->acknowledgement = bytes_get32(data + 8);
    out->header_length = (uint8_t)header_length;
    out->flags = data[13];
    out->window = bytes_get16(data + 14);
    out->urgent = bytes_get16(data + 18);
    out->sack_count = 0;
    out->mss = out->user_timeout = 0;
    out->window_scale = 0;
    out->has_window_scale = out->has_timestamps = out->sack_permitted = false;
    out->timestamp_value = out->timestamp_echo = 0;
    out->has_fast_open = out->fast_open_experimental = false;
    out->cookie_length = 0;
    return parse_options(data + WIRE_TCP_HEADER, header_length - WIRE_TCP_HEADER, out);
}

static uint8_t *emit_timestamps(const struct wire_tcp *header, uint8_t *p, bool padded) {
    if (padded) {
        *p++ = OPTION_NOP;
        *p++ = OPTION_NOP;
    }
    *p++ = OPTION_TIMESTAMPS;
    *p++ = 10;
    bytes_put32(p, header->timestamp_value);
    bytes_put32(p + 4, header->timestamp_echo);
    return p + 8;
}

static uint8_t *emit_fast_open(const struct wire_tcp *header, uint8_t *p) {
    uint8_t length = header->cookie_length;
    if (header->fast_open_experimental) {
        *p++ = OPTION_EXPERIMENT;
        *p++ = (uint8_t)(4 + length);
        bytes_put16(p, EXPERIMENT_FAST_OPEN);
        p += 2;
    } else {
        *p++ = OPTION_FAST_OPEN;
        *p++ = (uint8_t)(2 + length);
    }
    memcpy(p, header->cookie, length);
    p += length;
    unsigned whole = length + (header->fast_open_experimental ? 4u : 2u);
    for (; whole % 4; whole++)
        *p++ = OPTION_NOP;
    return p;
}

static uint8_t *emit_user_timeout(const struct wire_tcp *header, uint8_t *p) {
    *p++ = OPTION_USER_TIMEOUT;
    *p++ = 4;
    bytes_put16(p, header->user_timeout);
    return p + 2;
}

/* SYN: mss, sackOK and timestamps share a word pair, nop and wscale the last word. */
static uint8_t *emit_syn_options(const struct wire_tcp *header, uint8_t *p) {
    if (header->mss) {
        *p++ = OPTION_MSS;
        *p++ = 4;
        bytes_put16(p, header->mss);
        p += 2;
    }
    if (header->sack_permitted) {
        if (!header->has_timestamps) {
            *p++ = OPTION_NOP;
            *p++ = OPTION_NOP;
        }
        *p++ = OPTION_SACK_PERMITTED;
        *p++ = 2;
    }
    if (header->has_timestamps)
        p = emit_timestamps(header, p, !header->sack_permitted);
    if (header->has_window_scale) {
        *p++ = OPTION_NOP;
        *p++ = OPTION_WINDOW_SCALE;
        *p++ = 3;
        *p++ = header->window_scale;
    }
    if (header->has_fast_open)
        p = emit_fast_open(header, p);
    return p;
}

static uint8_t *emit_sacks(const struct wire_tcp *header, uint8_t *p, unsigned room) {
    unsigned count = RILL_MIN(header->sack_count, (room - 4) / 8);
    *p++ = OPTION_NOP;
    *p++ = OPTION_NOP;
    *p++ = OPTION_SACK;
    *p++ = (uint8_t)(2 + 8 * count);
    for (unsigned i = 0; i < count; i++, p += 8) {
        bytes_put32(p, header->sacks[i].left);
        bytes_put32(p + 4, header->sacks[i].right);
    }
    return p;
}

size_t rill__wire_tcp_emit(struct wire_tcp *header, uint8_t *out) {
    bytes_put16(out, header->source_port);
    bytes_put16(out + 2, header->destination_port);
    bytes_put32(out + 4, header->sequence);
    bytes_put32(out + 8, header->acknowledgement);
    out[13] = header->flags;
    bytes_put16(out + 14, header->window);
    bytes_put16(out + 16, 0);
    bytes_put16(out + 18, header->urgent);
    uint8_t *p = out + WIRE_TCP_HEADER;
    if (header->flags & WIRE_SYN) {
        p = emit_syn_options(header, p);
        if (header->user_timeout && p + 4 <= out + WIRE_TCP_HEADER_MAX)
            p = emit_user_timeout(header, p);
    } else {
        if (header->has_timestamps)
            p = emit_timestamps(header, p, true);
        if (header->user_timeout)
            p = emit_user_timeout(header, p);
        unsigned room = (header->has_timestamps ? 28u : 40u) - (header->user_timeout ? 4u : 0u);
        if (header->sack_count)
            p = emit_sacks(header, p, room);
    }
    size_t length = (size_t)(p - out);
    header->header_length = (uint8_t)length;
    out[12] = (uint8_t)(length / 4 << 4);
    return length;
}

size_t rill__tcp_header_length(const struct wire_tcp *header) {
    size_t length = WIRE_TCP_HEADER + (header->has_timestamps ? 12u : 0u);
    length += header->user_timeout ? 4u : 0u;
    if (header->sack_count)
        length += 4 + 8 * RILL_MIN(header->sack_count, (WIRE_TCP_HEADER_MAX - length - 4) / 8);
    return length;
}
