/* tests/tcp/opening.h: the groups of the suite `opening`: how connections come to be. */
#ifndef TESTS_TCP_OPENING_H
#define TESTS_TCP_OPENING_H

#include "tcp/segment.h"

int cookie_tests(void);
int fast_open_tests(void);
int fast_open_active_tests(void);
int fast_open_socket_tests(void);

#endif
