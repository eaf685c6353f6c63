/* script/packet_text.c: packets in words, and the comparison of what came with what was expected.
 */
#include "script/packet.h"

#include "wire/tcp.h"
#include <string.h>

static void flags_text(uint16_t flags, struct text *text) {
    static const char letters[] = "FSRP.UEWA";
    if (!flags)
        text_add(text, "-");
    for (unsigned i = 0; i < sizeof letters - 1; i++)
        if (flags & 1u << i)
            text_add_bytes(text, &letters[i], 1);
}

static void hex_text(const struct script_option *option, unsigned from, struct text *text) {
    for (unsigned i = from; i < option->length; i++) {
        char digits[2] = {"0123456789abcdef"[option->data[i] >> 4],
                          "0123456789abcdef"[option->data[i] & 15]};
        text_add(text, i == from ? " " : "");
        text_add_bytes(text, digits, 2);
    }
}

static void named(struct text *text, const char *name, uint32_t value) {
    text_add(text, name);
    text_number(text, value);
}

static void sack_text(const struct script_option *option, struct text *text) {
    text_add(text, "sack");
    for (unsigned i = 0; i < option->range_count; i++) {
        named(text, " ", option->ranges[i][0]);
        named(text, ":", option->ranges[i][1]);
    }
}

static void accecn_text(const struct script_option *option, struct text *text) {
    static const char *const names[2][3] = {{" e0b ", " ceb ", " e1b "},
                                            {" e1b ", " ceb ", " e0b "}};
    text_add(text, "ECN");
    for (unsigned i = 0; i + 3 <= option->length && i < 9; i += 3)
        named(text, names[option->kind == SCRIPT_OPTION_ACCECN_1][i / 3],
              (uint32_t)option->data[i] << 16 | (uint32_t)option->data[i + 1] << 8 |
                  option->data[i + 2]);
}

static void option_text(const struct script_option *option, struct text *text) {
    switch (option->kind) {
    case SCRIPT_OPTION_EOL:
        text_add(text, "eol");
        break;
    case SCRIPT_OPTION_NOP:
        text_add(text, "nop");
        break;
    case SCRIPT_OPTION_SACK_OK:
        text_add(text, "sackOK");
        break;
    case SCRIPT_OPTION_MSS:
        named(text, "mss ", option->value);
        break;
    case SCRIPT_OPTION_WSCALE:
        named(text, "wscale ", option->value);
        break;
    case SCRIPT_OPTION_TS:
        named(text, "TS val ", option->value);
        named(text, " ecr ", option->echo);
        break;
    case SCRIPT_OPTION_SACK:
        sack_text(option, text);
        break;
    case SCRIPT_OPTION_ACCECN_0:
    case SCRIPT_OPTION_ACCECN_1:
        accecn_text(option, text);
        break;
    case SCRIPT_OPTION_FAST_OPEN:
        text_add(text, "FO");
        hex_text(option, 0, text);
        break;
    case SCRIPT_OPTION_EXPERIMENT:
        text_add(text, "FOEXP");
        hex_text(option, 2, text);
        break;
    case SCRIPT_OPTION_MD5:
        text_add(text, "md5");
        hex_text(option, 0, text);
        break;
    default:
        named(text, "option ", option->kind);
        break;
    }
}

static void options_text(const struct script_packet *packet, struct text *text) {
    if (packet->any_options)
        text_add(text, " <...>");
    for (unsigned i = 0; i < packet->option_count; i++) {
        text_add(text, i ? "," : " <");
        option_text(&packet->options[i], text);
    }
    if (packet->option_count)
        text_add(text, ">");
}

static void ip_text(const struct script_packet *packet, bool pattern, struct text *text) {
    static const char *const ecn[] = {"noecn", "ect1", "ect0", "ce", "ect01"};
    bool told = packet->ecn != SCRIPT_ECN_UNSAID && (pattern || packet->ecn != SCRIPT_ECN_NOT);
    if (told) {
        text_add(text, "[");
        text_add(text, ecn[packet->ecn]);
        text_add(text, "] ");
    }
    if (pattern && packet->tos >= 0)
        named(text, "[tos ", (uint32_t)packet->tos), text_add(text, "] ");
    if (pattern && packet->ttl >= 0)
        named(text, "[ttl ", (uint32_t)packet->ttl), text_add(text, "] ");
}

void packet_text(const struct script_packet *packet, bool pattern, struct text *text) {
    if (packet->icmp) {
        text_add(text, "icmp ");
        text_add(text, packet->icmp_words[0]);
        text_add(text, packet->icmp_words[1] ? " " : "");
        text_add(text, packet->icmp_words[1] ? packet->icmp_words[1] : "");
        return;
    }
    ip_text(packet, pattern, text);
    flags_text(packet->flags, text);
    if (packet->any_sequence) {
        text_add(text, " ...");
    } else {
        named(text, " ", packet->sequence);
        named(text, ":", packet->sequence + packet->length);
    }
    named(text, "(", packet->length);
    text_add(text, ")");
    if (packet->has_ack)
        named(text, " ack ", packet->acknowledgement);
    if (packet->has_window)
        named(text, " win ", packet->window);
    if (packet->has_urgent)
        named(text, " urg ", packet->urgent);
    options_text(packet, text);
}

const struct script_option *packet_option(const struct script_packet *packet, uint8_t kind) {
    for (unsigned i = 0; i < packet->option_count; i++)
        if (packet->options[i].kind == kind)
            return &packet->options[i];
    return 0;
}

static bool option_equal(const struct script_option *a, const struct script_option *b,
                         const struct packet_leniency *leniency) {
    if (a->kind != b->kind)
        return false;
    if (a->kind == SCRIPT_OPTION_TS)
        return a->echo == b->echo &&
               (!leniency->timestamp || leniency->timestamp(leniency->context, a->value, b->value));
    if (a->kind == SCRIPT_OPTION_MD5 && !a->has_data)
        return b->length == 16;
    return a->value == b->value && a->range_count == b->range_count && a->length == b->length &&
           memcmp(a->ranges, b->ranges, a->range_count * sizeof a->ranges[0]) == 0 &&
           memcmp(a->data, b->data, a->length) == 0;
}

static bool is_padding(const struct script_option *option) {
    return option->kind <= SCRIPT_OPTION_NOP;
}

/* Each option of `a` that is no padding is in `b` too. */
static bool options_within(const struct script_packet *a, const struct script_packet *b,
                           const struct packet_leniency *leniency, bool reverse) {
    for (unsigned i = 0; i < a->option_count; i++) {
        const struct script_option *one = &a->options[i], *other = packet_option(b, one->kind);
        if (!is_padding(one) &&
            (!other || !option_equal(reverse ? other : one, reverse ? one : other, leniency)))
            return false;
    }
    return true;
}

static bool options_equal(const struct script_packet *expected, const struct script_packet *came,
                          const struct packet_leniency *leniency) {
    if (expected->any_options || (leniency->options && !(expected->flags & WIRE_SYN)))
        return true;
    if (leniency->order)
        return options_within(expected, came, leniency, false) &&
               options_within(came, expected, leniency, true);
    if (expected->option_count != came->option_count)
        return false;
    for (unsigned i = 0; i < expected->option_count; i++)
        if (!option_equal(&expected->options[i], &came->options[i], leniency))
            return false;
    return true;
}

static const char *ip_differs(const struct script_packet *expected,
                              const struct script_packet *came) {
    bool ecn = expected->ecn == SCRIPT_ECN_UNSAID || expected->ecn == came->ecn ||
               (expected->ecn == SCRIPT_ECN_ECT &&
                (came->ecn == SCRIPT_ECN_ECT0 || came->ecn == SCRIPT_ECN_ECT1));
    if (!ecn)
        return "ECN bits of the IP header";
    if (expected->tos >= 0 && expected->tos != came->tos)
        return "type of service";
    if (expected->ttl >= 0 && expected->ttl != came->ttl)
        return "time to live";
    if (expected->flow_label >= 0 && expected->flow_label != came->flow_label)
        return "flow label";
    return 0;
}

const char *packet_differs(const struct script_packet *expected, const struct script_packet *came,
                           const struct packet_leniency *leniency) {
    uint16_t judged = leniency->push ? (uint16_t)~WIRE_PSH : 0xffff;
    if ((expected->flags ^ came->flags) & judged)
        return "flags";
    if (!expected->any_sequence && expected->sequence != came->sequence)
        return "sequence number";
    if (expected->length != came->length)
        return "length";
    if (expected->has_ack && expected->acknowledgement != came->acknowledgement)
        return "acknowledgement";
    if (expected->has_window && !leniency->window && expected->window != came->window)
        return "window";
    if (expected->has_urgent && expected->urgent != came->urgent)
        return "urgent pointer";
    if (!options_equal(expected, came, leniency))
        return "TCP options";
    if (!came->zeros)
        return "payload (it is not what was written)";
    return ip_differs(expected, came);
}
