/* script/text.h: text put together in a buffer of fixed size; what does not fit is left out. */
#ifndef RILL_SCRIPT_TEXT_H
#define RILL_SCRIPT_TEXT_H

#include <rill/base.h>

struct text {
    char *bytes; /* always ends with a zero */
    size_t size, length;
};

/* `size` is at least 1. */
void text_init(struct text *text, char *bytes, size_t size);
void text_add(struct text *text, const char *string);
void text_add_bytes(struct text *text, const char *bytes, size_t length);
void text_number(struct text *text, int64_t number);
void text_hex(struct text *text, uint64_t number);
/* Seconds with six digits: "0.100000". */
void text_seconds(struct text *text, rill_time time);

bool text_equal(const char *a, const char *b);
/* Whether the `length` bytes at `bytes` are the string. */
bool text_is(const char *bytes, size_t length, const char *string);
size_t text_length(const char *string);
bool text_begins(const char *string, const char *prefix);

#endif
