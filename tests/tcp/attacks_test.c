/* tests/tcp/attacks_test.c: the suite `attacks`: who floods, who guesses, who lies, who never
 * reads. What is judged is memory, replies and state; times are printed. */
#include "tcp/attacks.h"

#include <time.h>

uint64_t attack_clock_ns(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int main(void) {
    return flood_tests() + injection_tests() + exhaustion_tests();
}
