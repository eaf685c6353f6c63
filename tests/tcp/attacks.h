/* tests/tcp/attacks.h: the groups of the suite `attacks`. Each prints what it has cost. */
#ifndef TESTS_TCP_ATTACKS_H
#define TESTS_TCP_ATTACKS_H

#include "tcp/segment.h"

int flood_tests(void);
int injection_tests(void);
int exhaustion_tests(void);

/* Of real time; only printed, never judged. */
uint64_t attack_clock_ns(void);

#endif
