/* streams/segment.c: the TCP header as it stands in a capture (RFC 9293 §3.1): it may be cut off,
 * its checksum may be unfinished, and its options may be wrong; as much is read as is there. */
#include "streams/decap.h"

#include "base/bytes.h"

enum {
    OPTION_END = 0,
    OPTION_NOTHING = 1,
    OPTION_MSS = 2,
    OPTION_WINDOW_SCALE = 3,
    OPTION_SACK_PERMITTED = 4,
    OPTION_SACK = 5,
    OPTION_TIMESTAMPS = 8,
};

static void read_sack(const uint8_t *option, unsigned length, struct streams_packet *packet) {
    for (unsigned at = 2; at + 8 <= length && packet->sack_count < WIRE_SACK_MAX; at += 8) {
        struct wire_sack *sack = &packet->sacks[packet->sack_count++];
        sack->left = bytes_get32(option + at);
        sack->right = bytes_get32(option + at + 4);
    }
}

static void read_option(const uint8_t *option, unsigned length, struct streams_packet *packet) {
    switch (option[0]) {
    case OPTION_MSS:
        if (length == 4)
            packet->mss = bytes_get16(option + 2);
        break;
    case OPTION_WINDOW_SCALE:
        if (length == 3) {
            packet->has_window_scale = true;
            packet->window_scale = option[2] > 14 ? 14 : option[2]; /* RFC 7323 §2.3 */
        }
        break;
    case OPTION_SACK_PERMITTED:
        packet->sack_permitted |= length == 2;
        break;
    case OPTION_SACK:
        read_sack(option, length, packet);
        break;
    case OPTION_TIMESTAMPS:
        if (length == 10) {
            packet->has_timestamps = true;
            packet->timestamp_value = bytes_get32(option + 2);
            packet->timestamp_echo = bytes_get32(option + 6);
        }
        break;
    default:
        break;
    }
}

static void read_options(const uint8_t *at, const uint8_t *end, struct streams_packet *packet) {
    /* The layout of almost every segment: two of padding, then timestamps. */
    if (end - at == 12 && bytes_get32(at) == 0x0101080a) {
        packet->has_timestamps = true;
        packet->timestamp_value = bytes_get32(at + 4);
        packet->timestamp_echo = bytes_get32(at + 8);
        return;
    }
    while (at < end && *at != OPTION_END) {
        if (*at == OPTION_NOTHING) {
            at++;
            continue;
        }
        if (end - at < 2 || at[1] < 2 || at[1] > end - at)
            return;
        read_option(at, at[1], packet);
        at += at[1];
    }
}

enum decap_result rill__decap_tcp(struct decap *decap, struct decap_view view, bool quoted,
                                  struct streams_packet *packet) {
    (void)decap;
    const uint8_t *header = view.data;
    packet->has_timestamps = packet->has_window_scale = packet->sack_permitted = false;
    packet->sack_count = 0;
    packet->mss = 0;
    packet->window_scale = 0;
    packet->payload = header;
    packet->length = packet->captured = 0;
    if (view.captured < 8)
        return DECAP_CUT;
    packet->source_port = bytes_get16(header);
    packet->destination_port = bytes_get16(header + 2);
    packet->sequence = bytes_get32(header + 4);
    if (quoted) /* RFC 792 promises no more than these */
        return DECAP_TCP;
    if (view.captured < WIRE_TCP_HEADER)
        return DECAP_CUT;
    packet->acknowledgement = bytes_get32(header + 8);
    uint32_t header_length = (header[12] >> 4) * 4u;
    packet->flags = header[13];
    packet->window = bytes_get16(header + 14);
    packet->checksum = bytes_get16(header + 16);
    if (header_length < WIRE_TCP_HEADER || header_length > view.length)
        return DECAP_BAD;
    uint32_t there = header_length < view.captured ? header_length : view.captured;
    if (there > WIRE_TCP_HEADER)
        read_options(header + WIRE_TCP_HEADER, header + there, packet);
    packet->payload = header + there;
    packet->length = view.length - header_length;
    packet->captured = view.captured - there;
    return DECAP_TCP;
}
