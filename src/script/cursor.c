/* script/cursor.c: reading a script from left to right. */
#include "script/cursor.h"

#include <string.h>

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_word(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static char char_at(const struct cursor *cursor, size_t offset) {
    return (size_t)(cursor->end - cursor->at) > offset ? cursor->at[offset] : 0;
}

static bool stands(const struct cursor *cursor, const char *string) {
    size_t length = strlen(string);
    return (size_t)(cursor->end - cursor->at) >= length && memcmp(cursor->at, string, length) == 0;
}

static void pass(struct cursor *cursor, size_t count) {
    for (; count && cursor->at < cursor->end; count--)
        cursor->line += *cursor->at++ == '\n';
}

bool cursor_fail(struct cursor *cursor, const char *what, const char *detail) {
    struct text text;
    if (cursor->failed)
        return false;
    cursor->failed = true;
    cursor->error_line = cursor->line;
    text_init(&text, cursor->error, sizeof cursor->error);
    text_add(&text, what);
    text_add(&text, detail);
    return false;
}

bool cursor_unexpected(struct cursor *cursor, const char *expected) {
    char detail[100];
    struct text text;
    text_init(&text, detail, sizeof detail);
    text_add(&text, expected);
    cursor_blanks(cursor);
    size_t n = 0;
    while (n < 20 && char_at(cursor, n) >= ' ')
        n++;
    text_add(&text, n ? ", came '" : ", but the line or the script ends");
    text_add_bytes(&text, cursor->at, n);
    text_add(&text, n ? "'" : "");
    return cursor_fail(cursor, "cannot read it: expected ", detail);
}

const char *cursor_defined(const struct cursor *cursor, const char *word, bool *defined) {
    for (size_t i = 0; i < cursor->define_count; i++)
        if (strcmp(cursor->defines[i].name, word) == 0) {
            *defined = true;
            return cursor->defines[i].value;
        }
    *defined = false;
    return 0;
}

static void pass_line(struct cursor *cursor) {
    while (cursor->at < cursor->end && *cursor->at != '\n')
        cursor->at++;
}

/* Whether the line at the cursor is `TIME > …`. */
static bool line_expects_packet(const struct cursor *cursor) {
    const char *at = cursor->at;
    while (at < cursor->end && (is_digit(*at) || is_blank(*at) || strchr("+.~*", *at)) &&
           *at != '\n')
        at++;
    return at < cursor->end && *at == '>';
}

/* The rest of a block whose name is not defined, #endif included. */
static void pass_block(struct cursor *cursor) {
    while (cursor->at < cursor->end) {
        pass_line(cursor);
        pass(cursor, 1);
        if (stands(cursor, "#endif")) {
            pass_line(cursor);
            return;
        }
        cursor->passed_over |= line_expects_packet(cursor);
    }
    cursor_fail(cursor, "#ifdef without #endif", "");
}

/* A line that begins with '#'. */
static void directive(struct cursor *cursor) {
    char name[64];
    struct text text;
    bool defined;
    if (stands(cursor, "#endif") && cursor->in_ifdef) {
        cursor->in_ifdef = false;
        pass_line(cursor);
        return;
    }
    if (!stands(cursor, "#ifdef ") || cursor->in_ifdef) {
        cursor_fail(cursor, "only #ifdef NAME and #endif are known, and no #ifdef in another", "");
        return;
    }
    pass(cursor, 7);
    text_init(&text, name, sizeof name);
    for (; is_word(char_at(cursor, 0)); cursor->at++)
        text_add_bytes(&text, cursor->at, 1);
    (void)cursor_defined(cursor, name, &defined);
    cursor->in_ifdef = defined;
    if (!defined)
        pass_block(cursor);
}

static bool at_line_begin(const struct cursor *cursor) {
    return cursor->at == cursor->begin || cursor->at[-1] == '\n';
}

void cursor_blanks(struct cursor *cursor) {
    while (cursor->at < cursor->end && !cursor->failed) {
        if (is_blank(*cursor->at)) {
            pass(cursor, 1);
        } else if (stands(cursor, "//")) {
            pass_line(cursor);
        } else if (stands(cursor, "/*")) {
            if (!cursor_until(cursor, "*/"))
                return;
        } else if (*cursor->at == '#' && at_line_begin(cursor)) {
            directive(cursor);
        } else {
            return;
        }
    }
}

char cursor_peek(struct cursor *cursor) {
    cursor_blanks(cursor);
    return cursor->failed ? 0 : char_at(cursor, 0);
}

bool cursor_take(struct cursor *cursor, const char *string) {
    cursor_blanks(cursor);
    if (cursor->failed || !stands(cursor, string))
        return false;
    pass(cursor, strlen(string));
    return true;
}

bool cursor_expect(struct cursor *cursor, const char *string) {
    char quoted[24];
    struct text text;
    if (cursor_take(cursor, string))
        return true;
    text_init(&text, quoted, sizeof quoted);
    text_add(&text, "'");
    text_add(&text, string);
    text_add(&text, "'");
    return cursor_unexpected(cursor, quoted);
}

bool cursor_take_word(struct cursor *cursor, const char *word) {
    cursor_blanks(cursor);
    if (cursor->failed || !stands(cursor, word) || is_word(char_at(cursor, strlen(word))))
        return false;
    pass(cursor, strlen(word));
    return true;
}

const char *cursor_word(struct cursor *cursor) {
    bool defined;
    size_t length = 0;
    cursor_blanks(cursor);
    while (!cursor->failed && is_word(char_at(cursor, length)))
        length++;
    if (!length)
        return 0;
    const char *word = arena_string(cursor->arena, cursor->at, length);
    if (!word) {
        cursor_fail(cursor, "out of memory", "");
        return 0;
    }
    pass(cursor, length);
    const char *value = cursor_defined(cursor, word, &defined);
    return value ? value : word;
}

static int digit_value(char c) {
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

bool cursor_number(struct cursor *cursor, int64_t *out) {
    bool negative = cursor_take(cursor, "-");
    int base = 10;
    uint64_t number = 0;
    size_t count = 0;
    cursor_blanks(cursor);
    if (stands(cursor, "0x") || stands(cursor, "0X")) {
        base = 16;
        pass(cursor, 2);
    }
    for (; digit_value(char_at(cursor, 0)) < base && count < 18; count++, cursor->at++)
        number = number * (uint64_t)base + (uint64_t)digit_value(*cursor->at);
    if (!count || cursor->failed)
        return cursor_unexpected(cursor, "a number");
    if (number > INT64_MAX || digit_value(char_at(cursor, 0)) < base)
        return cursor_fail(cursor, "number too large", "");
    *out = negative ? -(int64_t)number : (int64_t)number;
    return true;
}

bool cursor_number_below(struct cursor *cursor, int64_t limit, int64_t *out) {
    if (!cursor_number(cursor, out))
        return false;
    if (*out < 0 || *out >= limit)
        return cursor_fail(cursor, "number out of its range", "");
    return true;
}

bool cursor_seconds(struct cursor *cursor, rill_time *out) {
    uint64_t whole = 0, unit = RILL_SECOND, part = 0;
    bool any = false;
    cursor_blanks(cursor);
    for (; is_digit(char_at(cursor, 0)) && whole < 100000000; cursor->at++, any = true)
        whole = whole * 10 + (uint64_t)(*cursor->at - '0');
    /* "0...1" is the time 0 and three dots */
    if (char_at(cursor, 0) == '.' && is_digit(char_at(cursor, 1)))
        for (cursor->at++; is_digit(char_at(cursor, 0)); cursor->at++, any = true) {
            unit /= 10;
            part += unit * (uint64_t)(*cursor->at - '0');
        }
    if (!any || cursor->failed)
        return cursor_unexpected(cursor, "a time in seconds");
    *out = whole * RILL_SECOND + part;
    return true;
}

const char *cursor_until(struct cursor *cursor, const char *mark) {
    const char *begin = cursor->at;
    unsigned line = cursor->line;
    while (cursor->at < cursor->end && !stands(cursor, mark))
        pass(cursor, 1);
    if (cursor->at == cursor->end) {
        cursor->line = line;
        cursor_fail(cursor, "this has no end: missing ", mark);
        return 0;
    }
    const char *text = arena_string(cursor->arena, begin, (size_t)(cursor->at - begin));
    pass(cursor, strlen(mark));
    if (!text)
        cursor_fail(cursor, "out of memory", "");
    return text;
}
