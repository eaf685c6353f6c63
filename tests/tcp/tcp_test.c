/* tests/tcp/tcp_test.c: the suite of connection-level tests: one stack, hand-written segments. */
#include "tcp/segment.h"

int main(void) {
    return handshake_tests() + listener_tests() + deferred_tests() + receive_tests() +
           send_tests() + window_tests() + hold_tests() + requirement_tests() + icmp_tests() +
           acceptance_tests() + closing_tests() + timer_tests() + recovery_tests() +
           time_wait_tests() + idle_tests() + story_tests();
}
