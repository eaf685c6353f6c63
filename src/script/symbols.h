/* script/symbols.h: the names a script may use for numbers, with Linux's values. */
#ifndef RILL_SCRIPT_SYMBOLS_H
#define RILL_SCRIPT_SYMBOLS_H

#include <rill/base.h>

bool symbol_find(const char *name, int64_t *value);
/* errno's number, or 0: no such name. */
int symbol_errno(const char *name);

#endif
