/* base/address.c: IP addresses: make, compare, read (RFC 4291 §2.2) and write (RFC 5952 §4). */
#include "base/address.h"

#include "base/bytes.h"
#include <string.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct rill_address rill_address_ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
    struct rill_address address = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}};
    return address;
}

struct rill_address rill__address_from_ipv4(const uint8_t *bytes) {
    return rill_address_ipv4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

bool rill_address_is_ipv4(const struct rill_address *address) {
    return memcmp(address->bytes, mapped, sizeof mapped) == 0;
}

/* "::" and "0.0.0.0" both mean any. */
bool rill_address_is_any(const struct rill_address *address) {
    static const uint8_t zero[16] = {0};
    return memcmp(address->bytes, zero, 16) == 0 ||
           (rill_address_is_ipv4(address) && bytes_get32(address->bytes + 12) == 0);
}

bool rill_address_equal(const struct rill_address *a, const struct rill_address *b) {
    return memcmp(a->bytes, b->bytes, 16) == 0;
}

bool rill__address_is_group(const struct rill_address *address) {
    if (rill_address_is_ipv4(address))
        return (address->bytes[12] & 0xf0) == 0xe0 ||
               bytes_get32(address->bytes + 12) == 0xffffffff;
    return address->bytes[0] == 0xff;
}

bool rill__address_is_loopback(const struct rill_address *address) {
    static const uint8_t one[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    if (rill_address_is_ipv4(address))
        return address->bytes[12] == 127;
    return memcmp(address->bytes, one, 16) == 0;
}

bool rill__address_is_link_local(const struct rill_address *address) {
    return address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

unsigned rill__address_common_bits(const struct rill_address *a, const struct rill_address *b) {
    unsigned bits = 0;
    while (bits < 128 && !((a->bytes[bits / 8] ^ b->bytes[bits / 8]) >> (7 - bits % 8) & 1))
        bits++;
    return bits;
}

bool rill__address_in_prefix(const struct rill_address *address, const struct rill_address *prefix,
                             unsigned bits) {
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(address->bytes, prefix->bytes, whole) != 0)
        return false;
    return rest == 0 || ((address->bytes[whole] ^ prefix->bytes[whole]) >> (8 - rest)) == 0;
}

/* Reads a dotted quad that ends the text. Returns whether it is one. */
static bool parse_quad(const char *text, uint8_t out[4]) {
    for (int i = 0; i < 4; i++) {
        unsigned value = 0;
        int digits = 0;
        for (; *text >= '0' && *text <= '9' && digits < 3; text++, digits++)
            value = value * 10 + (unsigned)(*text - '0');
        if (digits == 0 || value > 255 || *text != (i < 3 ? '.' : '\0'))
            return false;
        out[i] = (uint8_t)value;
        text++;
    }
    return true;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Reads one group of up to four hexadecimal digits; returns how many digits. */
static int parse_group(const char *text, unsigned *value) {
    int digits = 0;
    *value = 0;
    while (digits < 5 && hex_digit(text[digits]) >= 0) {
        *value = *value << 4 | (unsigned)hex_digit(text[digits]);
        digits++;
    }
    return digits <= 4 ? digits : 0;
}

/* `gap` is where "::" stands in `bytes`, or -1. */
static bool close_gap(uint8_t bytes[16], int filled, int gap) {
    if (gap < 0)
        return filled == 16;
    if (filled > 14)
        return false;
    memmove(bytes + 16 - (filled - gap), bytes + gap, (size_t)(filled - gap));
    memset(bytes + gap, 0, (size_t)(16 - filled));
    return true;
}

static bool parse_ipv6(const char *text, uint8_t bytes[16]) {
    int filled = 0, gap = -1;
    if (text[0] == ':' && text[1] == ':') {
        gap = 0;
        text += 2;
    }
    while (*text) {
        unsigned value;
        int digits = parse_group(text, &value);
        if (digits && text[digits] == '.' && filled <= 12) {
            if (!parse_quad(text, bytes + filled))
                return false;
            return close_gap(bytes, filled + 4, gap);
        }
        if (!digits || filled > 14)
            return false;
        bytes_put16(bytes + filled, value);
        filled += 2;
        text += digits;
        if (!*text)
            break;
        if (*text++ != ':')
            return false;
        if (*text == ':') {
            if (gap >= 0)
                return false;
            gap = filled;
            text++;
        } else if (!*text) {
            return false;
        }
    }
    return close_gap(bytes, filled, gap);
}

int rill_address_parse(const char *text, struct rill_address *out) {
    uint8_t quad[4];
    struct rill_address address = {{0}};
    if (parse_quad(text, quad)) {
        *out = rill__address_from_ipv4(quad);
        return 0;
    }
    if (!parse_ipv6(text, address.bytes))
        return RILL_ERROR_ARGUMENT;
    *out = address;
    return 0;
}

static char *put_decimal(char *out, unsigned value) {
    char digits[5];
    int n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (n)
        *out++ = digits[--n];
    return out;
}

static char *put_hex(char *out, unsigned value) {
    static const char digits[] = "0123456789abcdef";
    int shift = 12;
    while (shift && !(value >> shift))
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *out++ = digits[value >> shift & 15];
    return out;
}

/* The longest run of two or more zero groups, the first of equals (RFC 5952 §4.2.3). */
static int longest_zeros(const uint8_t *bytes, int *length) {
    int best = -1;
    *length = 1;
    for (int i = 0; i < 8; i++) {
        int run = 0;
        while (i + run < 8 && bytes_get16(bytes + 2 * (i + run)) == 0)
            run++;
        if (run > *length) {
            best = i;
            *length = run;
        }
        i += run;
    }
    return best;
}

char *rill_address_format(const struct rill_address *address, char *text) {
    char *out = text;
    if (rill_address_is_ipv4(address)) {
        for (int i = 12; i < 16; i++) {
            out = put_decimal(out, address->bytes[i]);
            *out++ = i < 15 ? '.' : '\0';
        }
        return text;
    }
    int length, zeros = longest_zeros(address->bytes, &length);
    for (int i = 0; i < 8; i++) {
        if (i == zeros) {
            *out++ = ':';
            if (i + length == 8)
                *out++ = ':';
            i += length - 1;
            continue;
        }
        if (i)
            *out++ = ':';
        out = put_hex(out, bytes_get16(address->bytes + 2 * i));
    }
    *out = '\0';
    return text;
}

char *rill_endpoint_format(const struct rill_endpoint *endpoint, char *text) {
    bool ipv4 = rill_address_is_ipv4(&endpoint->address);
    char *out = text;
    if (!ipv4)
        *out++ = '[';
    rill_address_format(&endpoint->address, out);
    out += strlen(out);
    if (!ipv4)
        *out++ = ']';
    *out++ = ':';
    out = put_decimal(out, endpoint->port);
    *out = '\0';
    return text;
}

uint8_t rill__address_family(const struct rill_address *address, uint8_t family) {
    if (rill_address_is_any(address))
        return family;
    return rill_address_is_ipv4(address) ? RILL_FAMILY_IPV4 : RILL_FAMILY_IPV6;
}

bool rill__address_overlaps(const struct rill_address *a, uint8_t family_a,
                            const struct rill_address *b, uint8_t family_b) {
    family_a = rill__address_family(a, family_a);
    family_b = rill__address_family(b, family_b);
    if (family_a && family_b && family_a != family_b)
        return false;
    return rill_address_is_any(a) || rill_address_is_any(b) || rill_address_equal(a, b);
}
