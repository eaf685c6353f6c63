/* tests/tcp/opening_test.c: the suite `opening`. */
#include "tcp/opening.h"

int main(void) {
    return cookie_tests();
}
