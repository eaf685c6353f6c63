/* script/parse_call.c: a call of the application's and what must come of it:
 *
 *     setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
 *     write(3, ..., 1000) = -1 EPIPE (Broken pipe)
 */
#include "script/parse.h"
#include "script/symbols.h"

#define DEPTH_MAX 8

static bool parse_value(struct cursor *cursor, struct script_value **out, unsigned depth);

static struct script_value *new_value(struct cursor *cursor, enum script_value_kind kind) {
    struct script_value *value = arena_new(cursor->arena, sizeof *value);
    if (!value)
        cursor_fail(cursor, "out of memory", "");
    else
        value->kind = kind;
    return value;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* A number or the name of one. */
static bool parse_atom(struct cursor *cursor, int64_t *out) {
    char next = cursor_peek(cursor);
    if (is_digit(next) || next == '-')
        return cursor_number(cursor, out);
    const char *word = cursor_word(cursor);
    if (!word)
        return cursor_unexpected(cursor, "a value");
    if (is_digit(word[0])) { /* a defined name */
        *out = 0;
        for (; is_digit(*word); word++)
            *out = *out * 10 + (*word - '0');
        return true;
    }
    return symbol_find(word, out) || cursor_fail(cursor, "unknown name: ", word);
}

/* Numbers joined by |. */
static bool parse_sum(struct cursor *cursor, int64_t *out) {
    int64_t more;
    if (!parse_atom(cursor, out))
        return false;
    while (cursor_take(cursor, "|")) {
        if (!parse_atom(cursor, &more))
            return false;
        *out |= more;
    }
    return true;
}

/* `name=` or `name(…)=` before a field. */
static const char *field_name(struct cursor *cursor) {
    struct cursor before = *cursor;
    const char *name = cursor_word(cursor);
    if (name && cursor_take(cursor, "("))
        (void)cursor_until(cursor, ")");
    if (name && cursor_take(cursor, "="))
        return name;
    *cursor = before;
    return 0;
}

static bool parse_members(struct cursor *cursor, struct script_value *parent, const char *close,
                          unsigned depth) {
    struct script_value **last = &parent->first;
    if (cursor_take(cursor, close))
        return true;
    do {
        const char *name = parent->kind == SCRIPT_VALUE_STRUCT ? field_name(cursor) : 0;
        if (!parse_value(cursor, last, depth))
            return false;
        (*last)->name = name;
        last = &(*last)->next;
    } while (cursor_take(cursor, ","));
    return cursor_expect(cursor, close);
}

static bool parse_value(struct cursor *cursor, struct script_value **out, unsigned depth) {
    bool list;
    if (depth == DEPTH_MAX)
        return cursor_fail(cursor, "too many brackets in brackets", "");
    if (cursor_take(cursor, "..."))
        return (*out = new_value(cursor, SCRIPT_VALUE_ANY));
    if (cursor_take(cursor, "\""))
        return (*out = new_value(cursor, SCRIPT_VALUE_TEXT)) &&
               ((*out)->text = cursor_until(cursor, "\""));
    if ((list = cursor_take(cursor, "[")) || cursor_take(cursor, "{"))
        return (*out = new_value(cursor, list ? SCRIPT_VALUE_LIST : SCRIPT_VALUE_STRUCT)) &&
               parse_members(cursor, *out, list ? "]" : "}", depth + 1);
    return (*out = new_value(cursor, SCRIPT_VALUE_NUMBER)) && parse_sum(cursor, &(*out)->number);
}

static bool parse_result(struct cursor *cursor, struct script_call *call) {
    if (cursor_take(cursor, "?") || cursor_take(cursor, "*")) {
        call->any_result = true;
    } else {
        if (!parse_atom(cursor, &call->result))
            return false;
        if (cursor_peek(cursor) == 'E') {
            const char *name = cursor_word(cursor);
            if (name && !(call->error = symbol_errno(name)))
                return cursor_fail(cursor, "unknown errno: ", name);
        }
    }
    if (cursor_take(cursor, "(")) /* a note for people */
        (void)cursor_until(cursor, ")");
    return !cursor->failed;
}

struct script_call *parse_call(struct cursor *cursor) {
    struct script_call *call = arena_new(cursor->arena, sizeof *call);
    if (!call) {
        cursor_fail(cursor, "out of memory", "");
        return 0;
    }
    call->name = cursor_word(cursor);
    if (!call->name) {
        cursor_unexpected(cursor, "'<', '>', '`', '%{' or the name of a call");
        return 0;
    }
    struct script_value **last = &call->arguments;
    if (!cursor_expect(cursor, "("))
        return 0;
    while (!cursor_take(cursor, ")")) {
        if (call->argument_count && !cursor_expect(cursor, ","))
            return 0;
        if (!parse_value(cursor, last, 0))
            return 0;
        last = &(*last)->next;
        call->argument_count++;
    }
    if (!cursor_expect(cursor, "=") || !parse_result(cursor, call))
        return 0;
    return call;
}
