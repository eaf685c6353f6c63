/* script/text.c: text in a buffer of fixed size. */
#include "script/text.h"

#include <string.h>

void text_init(struct text *text, char *bytes, size_t size) {
    text->bytes = bytes;
    text->size = size;
    text->length = 0;
    bytes[0] = 0;
}

void text_add_bytes(struct text *text, const char *bytes, size_t length) {
    size_t room = text->size - 1 - text->length;
    if (length > room)
        length = room;
    if (length)
        memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = 0;
}

void text_add(struct text *text, const char *string) {
    text_add_bytes(text, string, strlen(string));
}

static void add_digits(struct text *text, uint64_t number, unsigned base, int least) {
    char digits[20];
    int n = 0;
    while (number || n < least) {
        digits[sizeof digits - (size_t)++n] = "0123456789abcdef"[number % base];
        number /= base;
    }
    text_add_bytes(text, digits + sizeof digits - n, (size_t)n);
}

void text_number(struct text *text, int64_t number) {
    if (number < 0)
        text_add(text, "-");
    add_digits(text, number < 0 ? 0 - (uint64_t)number : (uint64_t)number, 10, 1);
}

void text_hex(struct text *text, uint64_t number) {
    text_add(text, "0x");
    add_digits(text, number, 16, 1);
}

void text_seconds(struct text *text, rill_time time) {
    uint64_t micro = time / RILL_MICROSECOND;
    add_digits(text, micro / 1000000, 10, 1);
    text_add(text, ".");
    add_digits(text, micro % 1000000, 10, 6);
}

bool text_equal(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

bool text_is(const char *bytes, size_t length, const char *string) {
    return strlen(string) == length && memcmp(bytes, string, length) == 0;
}

size_t text_length(const char *string) {
    return strlen(string);
}

bool text_begins(const char *string, const char *prefix) {
    return strncmp(string, prefix, strlen(prefix)) == 0;
}
