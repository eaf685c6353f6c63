/* script/parse_packet.c: a packet as a script writes it:
 *
 *     [ect0,ttl 64] 8080 > 1234 SE. 0:0(0) ack 1 win 65535 urg 2 <mss 1460,nop,wscale 8>
 *     [1:1001(1000)] icmp unreachable frag_needed mtu 1200
 */
#include "script/parse.h"

#include "wire/tcp.h"
#include <string.h>

static bool parse_range(struct cursor *cursor, uint32_t *sequence, uint32_t *length) {
    int64_t first, end, count;
    if (!cursor_number_below(cursor, (int64_t)1 << 32, &first) || !cursor_expect(cursor, ":") ||
        !cursor_number_below(cursor, (int64_t)1 << 32, &end) || !cursor_expect(cursor, "(") ||
        !cursor_number_below(cursor, 65536, &count) || !cursor_expect(cursor, ")"))
        return false;
    if ((uint32_t)(first + count) != (uint32_t)end)
        return cursor_fail(cursor, "the sequence numbers and the length do not fit together", "");
    *sequence = (uint32_t)first;
    *length = (uint32_t)count;
    return true;
}

static bool parse_ecn(struct cursor *cursor, struct script_packet *packet) {
    static const struct {
        const char *word;
        int8_t ecn;
    } words[] = {{"ect01", SCRIPT_ECN_ECT}, {"ect0", SCRIPT_ECN_ECT0}, {"ect1", SCRIPT_ECN_ECT1},
                 {"ce", SCRIPT_ECN_CE},     {"noecn", SCRIPT_ECN_NOT}, {"none", SCRIPT_ECN_NOT}};
    (void)cursor_take_word(cursor, "ecn");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (cursor_take_word(cursor, words[i].word)) {
            packet->ecn = words[i].ecn;
            return true;
        }
    return cursor_unexpected(cursor, "ect0, ect1, ect01, ce, noecn, tos, ttl, flowlabel or a "
                                     "segment such as 1:1001(1000)");
}

/* What stands in [ ]. */
static bool parse_bracket(struct cursor *cursor, struct script_packet *packet) {
    int64_t number;
    do {
        char next = cursor_peek(cursor);
        if (next >= '0' && next <= '9') {
            packet->has_quote = true;
            if (!parse_range(cursor, &packet->quote_sequence, &packet->quote_length))
                return false;
        } else if (cursor_take_word(cursor, "tos")) {
            if (!cursor_number_below(cursor, 256, &number))
                return false;
            packet->tos = (int16_t)number;
        } else if (cursor_take_word(cursor, "ttl")) {
            if (!cursor_number_below(cursor, 256, &number))
                return false;
            packet->ttl = (int16_t)number;
        } else if (cursor_take_word(cursor, "flowlabel")) {
            if (!cursor_number_below(cursor, 1 << 20, &number))
                return false;
            packet->flow_label = (int32_t)number;
        } else if (!parse_ecn(cursor, packet)) {
            return false;
        }
    } while (cursor_take(cursor, ","));
    return cursor_expect(cursor, "]");
}

static bool parse_ports(struct cursor *cursor, struct script_packet *packet) {
    struct cursor before = *cursor;
    int64_t from, to;
    char next = cursor_peek(cursor);
    if (next < '0' || next > '9')
        return true;
    /* a digit alone is AccECN's counter, among the flags */
    if (!cursor_number(cursor, &from) || !cursor_take(cursor, ">")) {
        *cursor = before;
        return true;
    }
    if (!cursor_number_below(cursor, 65536, &to))
        return false;
    packet->source_port = (uint16_t)from;
    packet->destination_port = (uint16_t)to;
    return true;
}

/* AE, CWR and ECE as one number (RFC 9768 §3.2.2). */
static uint16_t counter_flags(char digit) {
    unsigned counter = (unsigned)(digit - '0');
    return (uint16_t)((counter & 1 ? WIRE_ECE : 0) | (counter & 2 ? WIRE_CWR : 0) |
                      (counter & 4 ? SCRIPT_FLAG_AE : 0));
}

static bool parse_flags(struct cursor *cursor, struct script_packet *packet) {
    static const char letters[] = "FSRP.UEWA";
    size_t count = 0;
    if (cursor_take(cursor, "-"))
        return true;
    cursor_blanks(cursor);
    for (; cursor->at<cursor->end && * cursor->at> ' '; cursor->at++, count++) {
        const char *letter = strchr(letters, *cursor->at);
        if (letter)
            packet->flags |= (uint16_t)(1 << (letter - letters));
        else if (*cursor->at >= '0' && *cursor->at <= '7')
            packet->flags |= counter_flags(*cursor->at);
        else
            break;
    }
    return count || cursor_unexpected(cursor, "flags of a segment (F S R P . U E W A) or icmp");
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Bytes in hexadecimal, or none. */
static bool parse_hex(struct cursor *cursor, struct script_option *option, unsigned at) {
    const char *word = cursor_word(cursor);
    size_t digits = word ? text_length(word) : 0;
    option->length = (uint8_t)at;
    if (!digits)
        return !cursor->failed;
    if (digits % 2 || digits / 2 + at > SCRIPT_OPTION_DATA)
        return cursor_fail(cursor, "not bytes in hexadecimal, or too many: ", word);
    for (size_t i = 0; i < digits; i += 2) {
        int high = hex_digit(word[i]), low = hex_digit(word[i + 1]);
        if (high < 0 || low < 0)
            return cursor_fail(cursor, "not bytes in hexadecimal: ", word);
        option->data[at + i / 2] = (uint8_t)(high << 4 | low);
    }
    option->length = (uint8_t)(at + digits / 2);
    option->has_data = true;
    return true;
}

static bool parse_sack(struct cursor *cursor, struct script_option *option) {
    int64_t left, right;
    char next;
    option->kind = SCRIPT_OPTION_SACK;
    while ((next = cursor_peek(cursor)) >= '0' && next <= '9') {
        if (option->range_count == 4)
            return cursor_fail(cursor, "more than four SACK blocks", "");
        if (!cursor_number_below(cursor, (int64_t)1 << 32, &left) || !cursor_expect(cursor, ":") ||
            !cursor_number_below(cursor, (int64_t)1 << 32, &right))
            return false;
        option->ranges[option->range_count][0] = (uint32_t)left;
        option->ranges[option->range_count++][1] = (uint32_t)right;
    }
    return !cursor->failed;
}

/* AccECN's counters, 24 bits each, in the order they are written (RFC 9768 §3.2.3). */
static bool parse_accecn(struct cursor *cursor, struct script_option *option) {
    static const char *const first[] = {"e1b", "e0b"};
    int64_t number;
    option->kind = SCRIPT_OPTION_ACCECN_0;
    while (cursor_peek(cursor) == 'e' || cursor_peek(cursor) == 'c') {
        if (cursor_take_word(cursor, first[0]))
            option->kind = option->length ? option->kind : SCRIPT_OPTION_ACCECN_1;
        else if (!cursor_take_word(cursor, first[1]) && !cursor_take_word(cursor, "ceb"))
            return cursor_unexpected(cursor, "e0b, ceb or e1b");
        if (option->length == 9 || !cursor_number_below(cursor, 1 << 24, &number))
            return cursor_fail(cursor, "three counters at most", "");
        option->data[option->length++] = (uint8_t)(number >> 16);
        option->data[option->length++] = (uint8_t)(number >> 8);
        option->data[option->length++] = (uint8_t)number;
    }
    return !cursor->failed;
}

static bool parse_number_option(struct cursor *cursor, struct script_option *option, uint8_t kind,
                                int64_t limit) {
    int64_t number;
    option->kind = kind;
    if (!cursor_number_below(cursor, limit, &number))
        return false;
    option->value = (uint32_t)number;
    return true;
}

static bool parse_timestamps(struct cursor *cursor, struct script_option *option) {
    int64_t echo;
    if (!cursor_take_word(cursor, "val"))
        return cursor_unexpected(cursor, "val");
    if (!parse_number_option(cursor, option, SCRIPT_OPTION_TS, (int64_t)1 << 32))
        return false;
    if (!cursor_take_word(cursor, "ecr"))
        return cursor_unexpected(cursor, "ecr");
    if (!cursor_number_below(cursor, (int64_t)1 << 32, &echo))
        return false;
    option->echo = (uint32_t)echo;
    return true;
}

/* A kind with bytes of the script's own behind it. */
static bool parse_bytes_option(struct cursor *cursor, struct script_option *option) {
    if (cursor_take_word(cursor, "FO")) {
        option->kind = SCRIPT_OPTION_FAST_OPEN;
        return parse_hex(cursor, option, 0);
    }
    if (cursor_take_word(cursor, "FOEXP")) { /* RFC 6994's number of Fast Open's trial */
        option->kind = SCRIPT_OPTION_EXPERIMENT;
        option->data[0] = 0xf9;
        option->data[1] = 0x89;
        return parse_hex(cursor, option, 2);
    }
    if (cursor_take_word(cursor, "md5")) {
        option->kind = SCRIPT_OPTION_MD5;
        if (!parse_hex(cursor, option, 0))
            return false;
        option->length = 16;
        return true;
    }
    return cursor_unexpected(cursor, "a TCP option (mss, nop, eol, wscale, sackOK, sack, TS, FO, "
                                     "FOEXP, md5, ECN) or ...");
}

static bool parse_tcp_option(struct cursor *cursor, struct script_option *option) {
    if (cursor_take_word(cursor, "nop"))
        option->kind = SCRIPT_OPTION_NOP;
    else if (cursor_take_word(cursor, "eol"))
        option->kind = SCRIPT_OPTION_EOL;
    else if (cursor_take_word(cursor, "sackOK"))
        option->kind = SCRIPT_OPTION_SACK_OK;
    else if (cursor_take_word(cursor, "mss"))
        return parse_number_option(cursor, option, SCRIPT_OPTION_MSS, 65536);
    else if (cursor_take_word(cursor, "wscale"))
        return parse_number_option(cursor, option, SCRIPT_OPTION_WSCALE, 256);
    else if (cursor_take_word(cursor, "sack"))
        return parse_sack(cursor, option);
    else if (cursor_take_word(cursor, "TS"))
        return parse_timestamps(cursor, option);
    else if (cursor_take_word(cursor, "ECN"))
        return parse_accecn(cursor, option);
    else
        return parse_bytes_option(cursor, option);
    return true;
}

static bool parse_options(struct cursor *cursor, struct script_packet *packet) {
    if (cursor_take(cursor, "...")) {
        packet->any_options = true;
        return cursor_expect(cursor, ">");
    }
    while (!cursor_take(cursor, ">")) {
        if (packet->option_count == SCRIPT_OPTIONS)
            return cursor_fail(cursor, "too many TCP options", "");
        if (!parse_tcp_option(cursor, &packet->options[packet->option_count++]))
            return false;
        if (!cursor_take(cursor, ",") && cursor_peek(cursor) != '>')
            return cursor_unexpected(cursor, "',' or '>' after a TCP option");
    }
    return true;
}

static bool parse_mtu(struct cursor *cursor, struct script_packet *packet) {
    int64_t number;
    if (!cursor_take_word(cursor, "mtu"))
        return true;
    if (!cursor_number_below(cursor, (int64_t)1 << 32, &number))
        return false;
    packet->icmp_mtu = (uint32_t)number;
    return true;
}

static bool parse_icmp(struct cursor *cursor, struct script_packet *packet) {
    unsigned line = cursor->line;
    packet->icmp = true;
    if (!(packet->icmp_words[0] = cursor_word(cursor)))
        return cursor_unexpected(cursor, "an ICMP type");
    if (!parse_mtu(cursor, packet))
        return false;
    cursor_blanks(cursor); /* what begins the next line is a time, not a code */
    if (cursor->line == line)
        packet->icmp_words[1] = cursor_word(cursor);
    return parse_mtu(cursor, packet) &&
           (!cursor_take(cursor, "[") || parse_bracket(cursor, packet));
}

static bool parse_tcp(struct cursor *cursor, struct script_packet *packet) {
    int64_t number;
    if (!parse_ports(cursor, packet) || !parse_flags(cursor, packet))
        return false;
    if (cursor_take(cursor, "...")) {
        packet->any_sequence = true;
        if (!cursor_expect(cursor, "(") || !cursor_number_below(cursor, 65536, &number) ||
            !cursor_expect(cursor, ")"))
            return false;
        packet->length = (uint32_t)number;
    } else if (!parse_range(cursor, &packet->sequence, &packet->length)) {
        return false;
    }
    if ((packet->has_ack = cursor_take_word(cursor, "ack"))) {
        if (!cursor_number_below(cursor, (int64_t)1 << 32, &number))
            return false;
        packet->acknowledgement = (uint32_t)number;
    }
    if ((packet->has_window = cursor_take_word(cursor, "win"))) {
        if (!cursor_number_below(cursor, 65536, &number))
            return false;
        packet->window = (uint16_t)number;
    }
    if ((packet->has_urgent = cursor_take_word(cursor, "urg"))) {
        if (!cursor_number_below(cursor, 65536, &number))
            return false;
        packet->urgent = (uint16_t)number;
    }
    return !cursor_take(cursor, "<") || parse_options(cursor, packet);
}

struct script_packet *parse_packet(struct cursor *cursor, bool inbound) {
    struct script_packet *packet = arena_new(cursor->arena, sizeof *packet);
    if (!packet) {
        cursor_fail(cursor, "out of memory", "");
        return 0;
    }
    packet->ecn = SCRIPT_ECN_UNSAID;
    packet->tos = packet->ttl = -1;
    packet->flow_label = -1;
    while (cursor_take(cursor, "["))
        if (!parse_bracket(cursor, packet))
            return 0;
    if (cursor_take_word(cursor, "icmp") || cursor_take_word(cursor, "icmpv6") ||
        cursor_take_word(cursor, "icmp6")) {
        if (!inbound)
            cursor_fail(cursor, "ICMP messages can arrive ('<'); those rill sends are not judged",
                        "");
        return parse_icmp(cursor, packet) && !cursor->failed ? packet : 0;
    }
    if (!parse_tcp(cursor, packet))
        return 0;
    if (inbound && (packet->any_options || packet->any_sequence))
        cursor_fail(cursor, "'...' says nothing about a packet that arrives", "");
    return cursor->failed ? 0 : packet;
}
