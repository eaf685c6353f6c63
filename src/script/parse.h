/* script/parse.h: from the text of a script to its events. */
#ifndef RILL_SCRIPT_PARSE_H
#define RILL_SCRIPT_PARSE_H

#include "script/cursor.h"

/* Reads all of it. False: `cursor->error` says why not, and `error_line` where. */
bool parse_script(struct cursor *cursor, struct script_program *program);

/* What stands behind '<' or '>' (parse_packet.c), and `name(…) = …` (parse_call.c). Null: failed.
 */
struct script_packet *parse_packet(struct cursor *cursor, bool inbound);
struct script_call *parse_call(struct cursor *cursor);

#endif
