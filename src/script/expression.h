/* script/expression.h: the statements in %{ }%: the part of Python that asserts about numbers need.
 *
 *     assert EXPRESSION, MESSAGE      NAME = EXPRESSION      print(…)
 *
 * with or, and, not, in, comparisons in chains, | ^ & << >> + - * / // %, min, max, abs, int, and
 * text for messages. Numbers are whole, or have six decimals. Names that were set keep their values
 * over the whole script; other names are asked of the caller. */
#ifndef RILL_SCRIPT_EXPRESSION_H
#define RILL_SCRIPT_EXPRESSION_H

#include "script/arena.h"
#include "script/text.h"

struct expression_variable;
struct expression_scope {
    struct arena *arena;
    struct expression_variable *variables;
    /* The value of a name that no statement has set; false: there is none. */
    bool (*lookup)(void *context, const char *name, int64_t *value);
    void (*print)(void *context, const char *line); /* may be null */
    void *context;
};

/* Runs the statements. False: one failed or cannot be read; `why` says so, and `line` is how many
 * lines below the first it stands. */
bool expression_run(struct expression_scope *scope, const char *source, struct text *why,
                    unsigned *line);

#endif
