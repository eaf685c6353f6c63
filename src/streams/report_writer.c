/* streams/report_writer.c: see report_writer.h. Quantities read as the command prints them. */
#include "streams/report_writer.h"

#include <stdarg.h>
#include <string.h>

void report_flush(struct report_writer *writer) {
    if (writer->used && !writer->failed)
        writer->failed = !writer->sink(writer->context, writer->buffer, writer->used);
    writer->used = 0;
}

void report_put_bytes(struct report_writer *writer, const uint8_t *data, size_t length) {
    writer->written += length;
    while (length) {
        size_t room = sizeof writer->buffer - writer->used;
        size_t part = length < room ? length : room;
        memcpy(writer->buffer + writer->used, data, part);
        writer->used += part;
        data += part;
        length -= part;
        if (writer->used == sizeof writer->buffer)
            report_flush(writer);
    }
}

static void put_raw(struct report_writer *writer, const char *text) {
    report_put_bytes(writer, (const uint8_t *)text, strlen(text));
}

static void put_character(struct report_writer *writer, char character) {
    report_put_bytes(writer, (const uint8_t *)&character, 1);
}

static bool continues(char byte) { /* a character of UTF-8 */
    return ((unsigned char)byte & 0xc0) == 0x80;
}

static void put_escaped(struct report_writer *writer, const char *text) {
    uint64_t end = writer->written + REPORT_TEXT;
    for (; *text; text++) {
        if (writer->written > end && !continues(*text)) {
            put_raw(writer, "…");
            break;
        }
        switch (*text) {
        case '<':
            put_raw(writer, "&lt;");
            break;
        case '>':
            put_raw(writer, "&gt;");
            break;
        case '&':
            put_raw(writer, "&amp;");
            break;
        case '"':
            put_raw(writer, "&quot;");
            break;
        case '\'':
            put_raw(writer, "&#39;");
            break;
        default:
            put_character(writer, (unsigned char)*text < ' ' ? ' ' : *text);
        }
    }
}

/* With a comma before each third digit from the end, if `apart`. */
static void put_number(struct report_writer *writer, uint64_t value, bool apart) {
    char text[32], *at = text + sizeof text;
    unsigned digits = 0;
    *--at = '\0';
    do {
        if (apart && digits && digits % 3 == 0)
            *--at = ',';
        *--at = (char)('0' + value % 10);
        value /= 10;
        digits++;
    } while (value);
    put_raw(writer, at);
}

void report_put_signed(struct report_writer *writer, int64_t value) {
    if (value < 0)
        put_character(writer, '-');
    put_number(writer, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, false);
}

/* value / 10^decimals */
static void put_decimals(struct report_writer *writer, uint64_t value, unsigned decimals) {
    uint64_t unit = 1;
    for (unsigned i = 0; i < decimals; i++)
        unit *= 10;
    put_number(writer, value / unit, true);
    if (decimals)
        put_character(writer, '.');
    for (value %= unit; decimals; decimals--) {
        unit /= 10;
        put_character(writer, (char)('0' + value / unit % 10));
    }
}

static void put_time(struct report_writer *writer, rill_time time) {
    if (time == 0) {
        put_character(writer, '0');
    } else if (time < RILL_MILLISECOND) {
        put_decimals(writer, (time + 50) / 100, 1);
        put_raw(writer, " us");
    } else if (time < RILL_SECOND) {
        put_decimals(writer, (time + 50000) / 100000, 1);
        put_raw(writer, " ms");
    } else {
        put_decimals(writer, time / 10000000 + (time % 10000000 >= 5000000), 2);
        put_raw(writer, " s");
    }
}

static void put_size(struct report_writer *writer, uint64_t bytes) {
    static const char *const units[] = {" KiB", " MiB", " GiB", " TiB"};
    unsigned unit = 0;
    if (bytes < 1024) {
        put_number(writer, bytes, false);
        put_raw(writer, " B");
        return;
    }
    for (; bytes >= 1024 * 1024 && unit < 3; unit++)
        bytes /= 1024;
    put_decimals(writer, bytes / 1024 * 10 + (bytes % 1024 * 10 + 512) / 1024, 1);
    put_raw(writer, units[unit]);
}

static void put_rate(struct report_writer *writer, uint64_t rate) {
    static const char *const units[] = {" bit/s", " kbit/s", " Mbit/s", " Gbit/s", " Tbit/s"};
    unsigned unit = 0;
    uint64_t before = rate * 1000;
    for (; rate >= 1000 && unit < 4; unit++) {
        before = rate;
        rate /= 1000;
    }
    if (unit == 0)
        put_number(writer, rate, false);
    else if (before < 10000)
        put_decimals(writer, before / 10, 2);
    else if (before < 100000)
        put_decimals(writer, before / 100, 1);
    else
        put_number(writer, before / 1000, false);
    put_raw(writer, units[unit]);
}

static void put_one(struct report_writer *writer, char kind, va_list *arguments) {
    uint64_t value;
    if (kind == 's') {
        put_escaped(writer, va_arg(*arguments, const char *));
        return;
    }
    if (kind == '%') {
        put_character(writer, '%');
        return;
    }
    value = va_arg(*arguments, uint64_t);
    switch (kind) {
    case 't':
        put_time(writer, value);
        break;
    case 'b':
        put_size(writer, value);
        break;
    case 'r':
        put_rate(writer, value);
        break;
    case 'g':
        put_number(writer, value, true);
        break;
    case 'm':
        put_decimals(writer, value, 3);
        break;
    default:
        put_number(writer, value, false);
    }
}

void report_put(struct report_writer *writer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    for (const char *next; *format; format = next + 2) {
        next = strchr(format, '%');
        if (!next) {
            put_raw(writer, format);
            break;
        }
        report_put_bytes(writer, (const uint8_t *)format, (size_t)(next - format));
        put_one(writer, next[1], &arguments);
    }
    va_end(arguments);
}

void report_put_value(struct report_writer *writer, uint64_t value, enum report_unit unit) {
    if (value == REPORT_NO_VALUE)
        put_raw(writer, "–");
    else
        report_put(writer,
                   unit == REPORT_BYTES  ? "%b"
                   : unit == REPORT_TIME ? "%t"
                   : unit == REPORT_RATE ? "%r"
                                         : "%g",
                   value);
}

uint64_t report_share(uint64_t part, uint64_t whole, uint64_t scale) {
    for (; whole > UINT64_MAX >> 20; whole >>= 1)
        part >>= 1;
    return whole ? part * scale / whole : 0;
}

void report_put_percent(struct report_writer *writer, uint64_t part, uint64_t whole) {
    uint64_t thousandths = report_share(part, whole, 100000);
    if (thousandths >= 10000)
        put_decimals(writer, (thousandths + 50) / 100, 1);
    else
        put_decimals(writer, (thousandths + 5) / 10, 2);
    put_raw(writer, " %");
}
