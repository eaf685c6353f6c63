/* script/expression.c: statements about a connection, read and run at once. Each level of binding
 * is a function; loosest first: or, and, not, comparisons, | ^ & shifts + - * / %, signs. */
#include "script/expression.h"

#include <string.h>

#define UNIT 1000000 /* a number with decimals is kept in millionths */
#define DEPTH_MAX 40
#define TUPLE_MAX 8

enum kind { NUMBER, TEXT, TUPLE };

struct value {
    enum kind kind;
    bool decimal; /* NUMBER: `number` counts millionths */
    int64_t number;
    const char *text;
    const struct value *items;
    unsigned count;
};

struct expression_variable {
    struct expression_variable *next;
    const char *name;
    struct value value;
};

struct parser {
    struct expression_scope *scope;
    const char *at;
    unsigned line, depth, brackets;
    struct text *why;
    bool failed;
};

static struct value parse_expression(struct parser *p);

static struct value whole(int64_t number) {
    return (struct value){.kind = NUMBER, .number = number};
}

static struct value fail(struct parser *p, const char *what, const char *detail) {
    if (!p->failed) {
        text_add(p->why, what);
        text_add(p->why, detail);
    }
    p->failed = true;
    return whole(0);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_word(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Lines end statements, but not in brackets. */
static void blanks(struct parser *p) {
    for (;; p->at++) {
        if (*p->at == '#')
            while (p->at[1] && p->at[1] != '\n')
                p->at++;
        else if (*p->at == '\n' && p->brackets)
            p->line++;
        else if (*p->at == '\\' && p->at[1] == '\n')
            p->at++, p->line++;
        else if (*p->at != ' ' && *p->at != '\t' && *p->at != '\r')
            return;
    }
}

static bool take(struct parser *p, const char *token) {
    size_t length = strlen(token);
    blanks(p);
    if (p->failed || strncmp(p->at, token, length) != 0 ||
        (is_word(token[0]) && is_word(p->at[length])))
        return false;
    p->at += length;
    return true;
}

static bool truth(const struct value *value) {
    return value->kind == NUMBER ? value->number != 0
           : value->kind == TEXT ? value->text[0] != 0
                                 : value->count != 0;
}

/* Brings both to the same unit. */
static void level(struct value *a, struct value *b) {
    if (a->decimal == b->decimal)
        return;
    struct value *of_whole = a->decimal ? b : a;
    of_whole->number = (int64_t)((uint64_t)of_whole->number * UNIT);
    of_whole->decimal = true;
}

static int compare(struct parser *p, struct value a, struct value b) {
    if (a.kind == TEXT && b.kind == TEXT)
        return strcmp(a.text, b.text);
    if (a.kind != NUMBER || b.kind != NUMBER) {
        fail(p, "only numbers are compared with numbers, and text with text", "");
        return 0;
    }
    level(&a, &b);
    return (a.number > b.number) - (a.number < b.number);
}

static bool is_in(struct parser *p, const struct value *one, const struct value *tuple) {
    bool found = false;
    for (unsigned i = 0; i < tuple->count; i++)
        found |= compare(p, *one, tuple->items[i]) == 0;
    return found;
}

/* The `%` of text: each %d, %s, %f … gets the next value. */
static struct value format(struct parser *p, const char *pattern, const struct value *values,
                           unsigned count) {
    char line[200];
    struct text text;
    text_init(&text, line, sizeof line);
    for (; *pattern; pattern++) {
        if (*pattern != '%' || !count) {
            text_add_bytes(&text, pattern, 1);
            continue;
        }
        while (pattern[1] && !strchr("dsfixrug%", pattern[1]))
            pattern++;
        pattern += pattern[1] != 0;
        if (values->kind == TEXT)
            text_add(&text, values->text);
        else
            text_number(&text, values->decimal ? values->number / UNIT : values->number);
        values++;
        count--;
    }
    const char *copy = arena_string(p->scope->arena, line, text.length);
    return copy ? (struct value){.kind = TEXT, .text = copy} : fail(p, "out of memory", "");
}

static struct value divide(struct parser *p, struct value a, struct value b, bool floor) {
    level(&a, &b);
    if (!b.number)
        return fail(p, "division by zero", "");
    if (!floor) {
        if (a.number > INT64_MAX / UNIT || a.number < INT64_MIN / UNIT)
            return fail(p, "number too large to divide", "");
        return (struct value){.decimal = true, .number = a.number * UNIT / b.number};
    }
    int64_t quotient = b.number == -1 ? (int64_t)(0 - (uint64_t)a.number) : a.number / b.number;
    return whole(quotient -
                 (b.number != -1 && a.number % b.number && (a.number < 0) != (b.number < 0)));
}

static struct value arithmetic(struct parser *p, char operation, struct value a, struct value b) {
    if (operation == '%' && a.kind == TEXT)
        return format(p, a.text, b.kind == TUPLE ? b.items : &b, b.kind == TUPLE ? b.count : 1);
    if (a.kind != NUMBER || b.kind != NUMBER)
        return fail(p, "this operation is for numbers only", "");
    if (operation == '/' || operation == 'f')
        return divide(p, a, b, operation == 'f');
    if (operation == '*') {
        bool both = a.decimal && b.decimal;
        uint64_t product = (uint64_t)a.number * (uint64_t)b.number;
        int64_t number = both ? (int64_t)product / UNIT : (int64_t)product;
        return (struct value){.decimal = a.decimal || b.decimal, .number = number};
    }
    if (operation == '+' || operation == '-') {
        level(&a, &b);
        uint64_t other = (uint64_t)b.number;
        a.number =
            (int64_t)(operation == '+' ? (uint64_t)a.number + other : (uint64_t)a.number - other);
        return a;
    }
    if (operation == '%') {
        struct value quotient = divide(p, a, b, true);
        return p->failed ? a : arithmetic(p, '-', a, arithmetic(p, '*', quotient, b));
    }
    if (a.decimal || b.decimal || ((operation == 'l' || operation == 'r') && (b.number & ~63)))
        return fail(p, "this operation is for whole numbers only", "");
    uint64_t bits = (uint64_t)a.number, other = (uint64_t)b.number;
    return whole((int64_t)(operation == '|'   ? bits | other
                           : operation == '&' ? bits & other
                           : operation == '^' ? bits ^ other
                           : operation == 'l' ? bits << other
                                              : bits >> other));
}

static struct value parse_number(struct parser *p) {
    uint64_t number = 0;
    if (p->at[0] == '0' && (p->at[1] == 'x' || p->at[1] == 'X')) {
        const char *digits = "0123456789abcdefABCDEF", *found;
        for (p->at += 2; *p->at && (found = strchr(digits, *p->at)); p->at++)
            number = number << 4 | (uint64_t)(found - digits - (found - digits > 15 ? 6 : 0));
        return whole((int64_t)number);
    }
    for (; is_digit(*p->at); p->at++)
        number = number * 10 + (uint64_t)(*p->at - '0');
    if (*p->at != '.')
        return whole((int64_t)number);
    number *= UNIT;
    for (uint64_t unit = UNIT / 10; is_digit(*++p->at); unit /= 10)
        number += unit * (uint64_t)(*p->at - '0');
    return (struct value){.decimal = true, .number = (int64_t)number};
}

static struct value parse_text(struct parser *p) {
    const char *begin = p->at + 1, *end = strchr(begin, *p->at);
    if (!end)
        return fail(p, "text without its end", "");
    const char *copy = arena_string(p->scope->arena, begin, (size_t)(end - begin));
    p->at = end + 1;
    return copy ? (struct value){.kind = TEXT, .text = copy} : fail(p, "out of memory", "");
}

/* Values up to the closing bracket. */
static struct value parse_tuple(struct parser *p, const char *close, bool *was_tuple) {
    struct value list[TUPLE_MAX];
    unsigned count = 0;
    *was_tuple = false;
    p->brackets++;
    while (!p->failed && !take(p, close)) {
        if (count == TUPLE_MAX)
            return fail(p, "too many values in brackets", "");
        list[count++] = parse_expression(p);
        bool comma = take(p, ",");
        *was_tuple |= comma;
        if (!comma && !take(p, close))
            return fail(p, "expected ", close);
        if (!comma)
            break;
    }
    p->brackets--;
    struct value *items = arena_new(p->scope->arena, sizeof list);
    if (!items)
        return fail(p, "out of memory", "");
    memcpy(items, list, count * sizeof *list);
    return (struct value){.kind = TUPLE, .items = items, .count = count};
}

static struct value call(struct parser *p, const char *name, const struct value *arguments) {
    bool known = strcmp(name, "min") == 0 || strcmp(name, "max") == 0;
    const struct value *items = arguments->items;
    if (!arguments->count)
        return fail(p, "a function without a value: ", name);
    struct value best = items[0];
    for (unsigned i = 1; known && i < arguments->count; i++) {
        int order = compare(p, items[i], best);
        if (name[1] == 'i' ? order < 0 : order > 0)
            best = items[i];
    }
    if (strcmp(name, "abs") == 0) {
        best.number = best.number < 0 ? (int64_t)(0 - (uint64_t)best.number) : best.number;
        return best;
    }
    if (strcmp(name, "int") == 0)
        return whole(best.decimal ? best.number / UNIT : best.number);
    if (strcmp(name, "float") == 0 || strcmp(name, "str") == 0 || known)
        return best;
    return fail(p, "unknown function ", name);
}

static struct value lookup(struct parser *p, const char *name) {
    int64_t number;
    for (struct expression_variable *v = p->scope->variables; v; v = v->next)
        if (strcmp(v->name, name) == 0)
            return v->value;
    if (strcmp(name, "True") == 0)
        return whole(1);
    if (strcmp(name, "False") == 0 || strcmp(name, "None") == 0)
        return whole(0);
    if (p->scope->lookup && p->scope->lookup(p->scope->context, name, &number))
        return whole(number);
    return fail(p, "unknown name ", name);
}

static const char *parse_name(struct parser *p) {
    const char *begin = p->at;
    while (is_word(*p->at))
        p->at++;
    const char *name = arena_string(p->scope->arena, begin, (size_t)(p->at - begin));
    if (!name)
        fail(p, "out of memory", "");
    return name ? name : "";
}

static struct value parse_primary(struct parser *p) {
    bool tuple;
    blanks(p);
    if (is_digit(*p->at) || (*p->at == '.' && is_digit(p->at[1])))
        return parse_number(p);
    if (*p->at == '\'' || *p->at == '"')
        return parse_text(p);
    bool square = take(p, "[");
    if (square || take(p, "(")) {
        struct value value = parse_tuple(p, square ? "]" : ")", &tuple);
        return tuple || square || value.count != 1 ? value : value.items[0];
    }
    if (!is_word(*p->at))
        return fail(p, "expected a value at: ", *p->at ? p->at : "the end");
    const char *name = parse_name(p);
    if (!take(p, "("))
        return lookup(p, name);
    struct value arguments = parse_tuple(p, ")", &tuple);
    return p->failed ? arguments : call(p, name, &arguments);
}

static struct value parse_sign(struct parser *p) {
    struct value value;
    if (++p->depth > DEPTH_MAX)
        return fail(p, "too many brackets in brackets", "");
    if (take(p, "-"))
        value = arithmetic(p, '-', whole(0), parse_sign(p));
    else if (take(p, "~"))
        value = arithmetic(p, '^', whole(-1), parse_sign(p));
    else
        value = parse_primary(p);
    p->depth--;
    return value;
}

/* The binary operators of numbers, tightest first. */
static struct value parse_binary(struct parser *p, unsigned tightness) {
    static const struct {
        const char *token;
        char operation;
        unsigned tightness;
    } operators[] = {{"//", 'f', 0}, {"*", '*', 0}, {"/", '/', 0},  {"%", '%', 0},
                     {"+", '+', 1},  {"-", '-', 1}, {"<<", 'l', 2}, {">>", 'r', 2},
                     {"&", '&', 3},  {"^", '^', 4}, {"|", '|', 5}};
    struct value value = tightness ? parse_binary(p, tightness - 1) : parse_sign(p);
    for (size_t i = 0; i < sizeof operators / sizeof *operators && !p->failed;) {
        if (operators[i].tightness == tightness && take(p, operators[i].token)) {
            struct value right = tightness ? parse_binary(p, tightness - 1) : parse_sign(p);
            value = arithmetic(p, operators[i].operation, value, right);
            i = 0;
        } else {
            i++;
        }
    }
    return value;
}

static struct value parse_comparison(struct parser *p) {
    struct value left = parse_binary(p, 5);
    bool holds = true, any = false;
    while (!p->failed) {
        bool equal = take(p, "=="), unequal = !equal && take(p, "!=");
        bool less_equal = !equal && !unequal && take(p, "<=");
        bool more_equal = !equal && !unequal && !less_equal && take(p, ">=");
        bool some = equal || unequal || less_equal || more_equal;
        bool less = !some && take(p, "<"), more = !some && !less && take(p, ">");
        bool in = !some && !less && !more && take(p, "in");
        if (!some && !less && !more && !in)
            break;
        struct value right = parse_binary(p, 5);
        int order = in ? 0 : compare(p, left, right);
        holds = holds && (in           ? is_in(p, &left, &right)
                          : equal      ? order == 0
                          : unequal    ? order != 0
                          : less_equal ? order <= 0
                          : more_equal ? order >= 0
                          : less       ? order < 0
                                       : order > 0);
        left = right;
        any = true;
    }
    return any ? whole(holds) : left;
}

static struct value parse_not(struct parser *p) {
    if (!take(p, "not"))
        return parse_comparison(p);
    struct value value = ++p->depth > DEPTH_MAX ? fail(p, "too many nots", "") : parse_not(p);
    p->depth--;
    return whole(!truth(&value));
}

static struct value parse_and(struct parser *p) {
    struct value value = parse_not(p);
    while (take(p, "and")) {
        struct value right = parse_not(p);
        value = truth(&value) ? right : value;
    }
    return value;
}

static struct value parse_expression(struct parser *p) {
    struct value value = parse_and(p);
    while (take(p, "or")) {
        struct value right = parse_and(p);
        value = truth(&value) ? value : right;
    }
    return value;
}

static void value_text(const struct value *value, struct text *text) {
    if (value->kind == TEXT) {
        text_add(text, value->text);
    } else if (value->kind == NUMBER && value->decimal) {
        text_number(text, value->number / UNIT);
        text_add(text, ".");
        text_number(text, (value->number < 0 ? -value->number : value->number) % UNIT);
    } else if (value->kind == NUMBER) {
        text_number(text, value->number);
    }
    for (unsigned i = 0; value->kind == TUPLE && i < value->count; i++) {
        text_add(text, i ? " " : "");
        if (value->items[i].kind != TUPLE)
            value_text(&value->items[i], text);
    }
}

static void run_assert(struct parser *p) {
    blanks(p);
    const char *begin = p->at;
    struct value value = parse_expression(p);
    const char *end = p->at;
    struct value message = {0};
    bool told = take(p, ",");
    if (told)
        message = parse_expression(p);
    if (p->failed || truth(&value))
        return;
    fail(p, "expected ", "");
    text_add_bytes(p->why, begin, (size_t)(end - begin));
    text_add(p->why, ", came ");
    text_add(p->why, told ? "" : "something else");
    value_text(&message, p->why);
}

static void run_assignment(struct parser *p, const char *name) {
    struct value value = parse_expression(p);
    struct expression_variable *variable = p->scope->variables;
    while (variable && strcmp(variable->name, name) != 0)
        variable = variable->next;
    if (!variable) {
        variable = arena_new(p->scope->arena, sizeof *variable);
        if (!variable) {
            fail(p, "out of memory", "");
            return;
        }
        variable->name = name;
        variable->next = p->scope->variables;
        p->scope->variables = variable;
    }
    variable->value = value;
}

static void run_print(struct parser *p) {
    char line[300];
    struct text text;
    bool tuple = false;
    text_init(&text, line, sizeof line);
    struct value value = take(p, "(") ? parse_tuple(p, ")", &tuple) : parse_expression(p);
    value_text(&value, &text);
    if (!p->failed && p->scope->print)
        p->scope->print(p->scope->context, line);
}

static void run_statement(struct parser *p) {
    if (take(p, "pass"))
        return;
    if (take(p, "assert")) {
        run_assert(p);
        return;
    }
    if (take(p, "print")) {
        run_print(p);
        return;
    }
    if (!is_word(*p->at) || is_digit(*p->at)) {
        fail(p, "expected assert, print or NAME = …, came ", p->at);
        return;
    }
    const char *name = parse_name(p);
    if (take(p, "="))
        run_assignment(p, name);
    else
        fail(p, "only assert, print and NAME = … are statements here, not ", name);
}

bool expression_run(struct expression_scope *scope, const char *source, struct text *why,
                    unsigned *line) {
    struct parser parser = {.scope = scope, .at = source, .why = why};
    while (!parser.failed) {
        blanks(&parser);
        if (!*parser.at)
            break;
        if (*parser.at == '\n' || *parser.at == ';') {
            parser.line += *parser.at++ == '\n';
            continue;
        }
        run_statement(&parser);
        blanks(&parser);
        if (!parser.failed && *parser.at && *parser.at != '\n' && *parser.at != ';')
            fail(&parser, "cannot read the rest of the statement: ", parser.at);
    }
    *line = parser.line;
    return !parser.failed;
}
