/* script/cursor.h: reading a script from left to right: words, numbers, times; comments and #ifdef
 * are passed over. After an error nothing more is read, and the first error stays. */
#ifndef RILL_SCRIPT_CURSOR_H
#define RILL_SCRIPT_CURSOR_H

#include "script/arena.h"
#include "script/program.h"
#include "script/text.h"

struct cursor {
    const char *at, *end, *begin;
    unsigned line;
    const struct script_define *defines;
    size_t define_count;
    struct arena *arena;
    bool failed;
    bool in_ifdef;
    bool passed_over; /* an #ifdef that was not read held packets that are expected */
    char error[200];
    unsigned error_line;
};

/* Notes the first error. Returns false. */
bool cursor_fail(struct cursor *cursor, const char *what, const char *detail);
/* The same, with what stands at the cursor. */
bool cursor_unexpected(struct cursor *cursor, const char *expected);

/* Passes over blanks and comments. */
void cursor_blanks(struct cursor *cursor);
/* The next character, after blanks; 0 at the end. */
char cursor_peek(struct cursor *cursor);
/* Passes over `string` if it stands there. */
bool cursor_take(struct cursor *cursor, const char *string);
/* The same; an error if it does not. */
bool cursor_expect(struct cursor *cursor, const char *string);
/* The same for a whole word. */
bool cursor_take_word(struct cursor *cursor, const char *word);
/* A word (letters, digits, '_'), or its value if it is defined; null if there is none. */
const char *cursor_word(struct cursor *cursor);
/* Decimal or hexadecimal, maybe with a sign. */
bool cursor_number(struct cursor *cursor, int64_t *out);
bool cursor_number_below(struct cursor *cursor, int64_t limit, int64_t *out);
/* Seconds: "1", ".25", "0.001". */
bool cursor_seconds(struct cursor *cursor, rill_time *out);
/* All up to `mark`, which is passed over too. Null and an error if it does not come. */
const char *cursor_until(struct cursor *cursor, const char *mark);

const char *cursor_defined(const struct cursor *cursor, const char *word, bool *defined);

#endif
