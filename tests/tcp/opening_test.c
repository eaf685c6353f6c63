/* tests/tcp/opening_test.c: the suite `opening`. */
#include "tcp/opening.h"

int main(void) {
    return cookie_tests() + fast_open_tests() + fast_open_active_tests() + fast_open_socket_tests();
}
