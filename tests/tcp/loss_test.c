/* tests/tcp/loss_test.c: the suite `recovery`: loss detection, repair and congestion control. */
#include "tcp/loss.h"

int main(void) {
    return scoreboard_tests() + sack_tests() + rack_tests() + probe_tests() + prr_tests() +
           undo_tests() + cubic_tests() + slow_start_tests() + rtt_tests() + ecn_tests() +
           limiter_tests() + tcpi_tests() + tune_tests() + user_timeout_tests() + sharing_tests() +
           pmtud_tests();
}
