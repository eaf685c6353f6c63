/* tests/socket/script.h: socket calls as text, one a line, executed on a driver; each gives one
 * line of result. See scenarios.txt for the language. */
#ifndef TESTS_SOCKET_SCRIPT_H
#define TESTS_SOCKET_SCRIPT_H

#include "driver.h"

#define SCRIPT_TEXT 160

struct script {
    const struct driver *driver;
    unsigned settle; /* milliseconds after each call */
    int fds[26];     /* by letter */
    int families[26];
    uint8_t next_byte; /* of what is sent */
};

void script_init(struct script *script, const struct driver *driver, unsigned settle);

/* Executes one line; the result as text. False: the line makes no sense. */
bool script_step(struct script *script, const char *line, char result[SCRIPT_TEXT]);

#endif
