/* tests/tcp/tcpi_test.c: the state of a connection in the words of the field's struct tcp_info:
 * each value against what it means in Linux, worked out by hand. */
#include "tcp/loss.h"

#include <rill/tcpi.h>

#define MS RILL_MILLISECOND

static struct rill_tcpi tcpi(struct peer *peer) {
    struct rill_tcpi info;
    assert_int_equal(rill_tcp_get_tcpi(peer->stack, peer->handle, &info), 0);
    return info;
}

static void layout_is_that_of_linux(void **state) {
    (void)state;
    assert_int_equal(sizeof(struct rill_tcpi), 280);
    assert_int_equal(offsetof(struct rill_tcpi, tcpi_rto), 8);
    assert_int_equal(offsetof(struct rill_tcpi, tcpi_pmtu), 60);
    assert_int_equal(offsetof(struct rill_tcpi, tcpi_total_retrans), 100);
    assert_int_equal(offsetof(struct rill_tcpi, tcpi_pacing_rate), 104);
    assert_int_equal(offsetof(struct rill_tcpi, tcpi_delivery_rate), 160);
    assert_int_equal(offsetof(struct rill_tcpi, tcpi_delivered), 192);
    assert_int_equal(offsetof(struct rill_tcpi, tcpi_total_rto), 240);
    assert_int_equal(offsetof(struct rill_tcpi, tcpi_accecn_opt_seen), 278);
}

static void listening_counts_who_waits(void **state) {
    (void)state;
    struct peer peer;
    struct rill_tcpi info;
    loss_init(&peer);
    peer_half_open(&peer);
    assert_int_equal(rill_tcp_get_tcpi(peer.stack, peer.listener, &info), 0);
    assert_int_equal(info.tcpi_state, RILL_TCPI_LISTEN);
    assert_int_equal(info.tcpi_unacked, 0);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(rill_tcp_get_tcpi(peer.stack, peer.listener, &info), 0);
    assert_int_equal(info.tcpi_unacked, 1);
    assert_int_equal(info.tcpi_sacked, 4095); /* Linux would take one more: 4096 in all */
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), 0);
    info = tcpi(&peer);
    assert_int_equal(info.tcpi_state, RILL_TCPI_ESTABLISHED);
    assert_int_equal(info.tcpi_bytes_acked, 0); /* the SYN-ACK was the half-open record's */
    assert_int_equal(info.tcpi_delivered, 1);
    peer_close(&peer);
}

static void established_tells_what_the_handshake_agreed_on(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer_syn_sent(&peer);
    struct rill_tcpi info = tcpi(&peer);
    assert_int_equal(info.tcpi_state, RILL_TCPI_SYN_SENT);
    assert_int_equal(info.tcpi_options, 0);
    assert_int_equal(info.tcpi_unacked, 1);
    assert_int_equal(info.tcpi_rto, 1000000);
    assert_int_equal(info.tcpi_min_rtt, UINT32_MAX);
    peer_close(&peer);
    loss_init(&peer);
    peer.config.initial_window = 10;
    peer.options |= PEER_TIMESTAMPS;
    loss_established(&peer);
    info = tcpi(&peer);
    assert_int_equal(info.tcpi_state, RILL_TCPI_ESTABLISHED);
    assert_int_equal(info.tcpi_options,
                     RILL_TCPI_OPT_TIMESTAMPS | RILL_TCPI_OPT_SACK | RILL_TCPI_OPT_WSCALE);
    assert_int_equal(info.tcpi_snd_wscale, 7);
    assert_int_equal(info.tcpi_rcv_wscale, 5); /* 1 MiB >> 5 is 32768, >> 4 does not fit */
    assert_int_equal(info.tcpi_snd_mss, MSS);
    assert_int_equal(info.tcpi_advmss, 1460);
    assert_int_equal(info.tcpi_pmtu, 1500);
    assert_int_equal(info.tcpi_snd_cwnd, 10);
    assert_int_equal(info.tcpi_snd_ssthresh, RILL_TCPI_SSTHRESH_INFINITE);
    assert_int_equal(info.tcpi_rtt, 100000);
    assert_int_equal(info.tcpi_rttvar, 50000);
    assert_int_equal(info.tcpi_reordering, 3);
    assert_int_equal(info.tcpi_bytes_acked, 1); /* the SYN */
    assert_int_equal(info.tcpi_ca_state, RILL_TCPI_CA_OPEN);
    peer_close(&peer);
}

static void established_flight_is_told_in_segments(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 20, 10);
    struct rill_tcpi info = tcpi(&peer);
    assert_int_equal(info.tcpi_unacked, 10);
    assert_int_equal(info.tcpi_notsent_bytes, 10 * MSS);
    assert_int_equal(info.tcpi_data_segs_out, 10);
    assert_int_equal(info.tcpi_last_data_sent, 100);
    assert_int_equal(info.tcpi_bytes_sent, 10 * MSS);
    sack(&peer, 0, 1, 3); /* two beyond a hole: disorder, and nothing is reduced */
    info = tcpi(&peer);
    assert_int_equal(info.tcpi_sacked, 2);
    assert_int_equal(info.tcpi_lost, 0);
    assert_int_equal(info.tcpi_ca_state, RILL_TCPI_CA_DISORDER);
    assert_int_equal(info.tcpi_delivered, 3); /* the SYN too */
    assert_int_equal(info.tcpi_last_ack_recv, 0);
    sack(&peer, 0, 1, 5);
    info = tcpi(&peer);
    assert_int_equal(info.tcpi_sacked, 4);
    assert_int_equal(info.tcpi_lost, 1);
    assert_int_equal(info.tcpi_retrans, 0);
    assert_int_equal(info.tcpi_ca_state, RILL_TCPI_CA_RECOVERY);
    assert_int_equal(info.tcpi_snd_ssthresh, 5);
    EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
    info = tcpi(&peer);
    assert_int_equal(info.tcpi_lost, 1); /* until it is acknowledged, as in Linux */
    assert_int_equal(info.tcpi_retrans, 1);
    assert_int_equal(info.tcpi_total_retrans, 1);
    assert_int_equal(info.tcpi_bytes_retrans, MSS);
    peer_drain(&peer);
    peer_wait(&peer, RTT);
    ack(&peer, 10);
    info = tcpi(&peer);
    assert_int_equal(info.tcpi_retrans, 0);
    assert_int_equal(info.tcpi_lost, 0);
    assert_int_equal(info.tcpi_sacked, 0);
    assert_int_equal(info.tcpi_delivered, 11);
    assert_int_equal(info.tcpi_bytes_acked, 10 * MSS + 1);
    assert_int_equal(info.tcpi_ca_state, RILL_TCPI_CA_OPEN);
    peer_close(&peer);
}

static void established_timeout_is_loss_and_its_time_is_told(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_open(&peer, 10);
    peer_write(&peer, 4 * MSS);
    peer_drain(&peer);
    assert_true(peer_take_within(&peer, RILL_SECOND, &seen)); /* a tail loss probe */
    assert_int_equal(seen.cause, RILL_CAUSE_TAIL_PROBE);
    struct rill_tcpi info = tcpi(&peer);
    assert_int_equal(info.tcpi_lost, 0);
    assert_int_equal(info.tcpi_retrans, 1);
    assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen));
    assert_int_equal(seen.cause, RILL_CAUSE_RTO);
    info = tcpi(&peer);
    assert_int_equal(info.tcpi_ca_state, RILL_TCPI_CA_LOSS);
    assert_int_equal(info.tcpi_retransmits, 1);
    assert_int_equal(info.tcpi_backoff, 1);
    assert_int_equal(info.tcpi_snd_cwnd, 1);
    assert_int_equal(info.tcpi_total_rto, 1);
    assert_int_equal(info.tcpi_total_rto_recoveries, 0);
    peer_wait(&peer, 50 * MS);
    ack(&peer, 4);
    info = tcpi(&peer);
    assert_int_equal(info.tcpi_retransmits, 0);
    assert_int_equal(info.tcpi_total_rto_recoveries, 1);
    assert_int_equal(info.tcpi_total_rto_time, 50);
    peer_close(&peer);
}

static void established_reordering_and_doubles_are_counted(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 10, 10);
    sack(&peer, 0, 5, 7);
    sack(&peer, 0, 1, 2); /* never resent, and behind what came before: from 1 up to 7 */
    struct rill_tcpi info = tcpi(&peer);
    assert_int_equal(info.tcpi_reord_seen, 1);
    assert_int_equal(info.tcpi_reordering, 6);
    ack(&peer, 10);
    peer_drain(&peer);
    dsack(&peer, 10, 2, 0, 0);
    assert_int_equal(tcpi(&peer).tcpi_dsack_dups, 1);
    peer_close(&peer);
}

static void established_receiving_side_is_counted(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    uint32_t before = tcpi(&peer).tcpi_segs_in;
    peer_send(&peer, WIRE_ACK, 0, 0, 500);
    peer_send(&peer, WIRE_ACK, 1000, 0, 500); /* beyond a hole */
    peer_wait(&peer, 30 * MS);
    struct rill_tcpi info = tcpi(&peer);
    assert_int_equal(info.tcpi_segs_in, before + 2);
    assert_int_equal(info.tcpi_data_segs_in, 2);
    assert_int_equal(info.tcpi_rcv_ooopack, 1);
    assert_int_equal(info.tcpi_bytes_received, 500);
    assert_int_equal(info.tcpi_last_data_recv, 30);
    peer_send(&peer, WIRE_ACK, 500, 0, 500);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 1500, 0, 0);
    info = tcpi(&peer);
    assert_int_equal(info.tcpi_bytes_received, 1501); /* the FIN too, as in Linux */
    assert_int_equal(info.tcpi_state, RILL_TCPI_CLOSE_WAIT);
    peer_close(&peer);
}

/* What the time went to: the peer's window, our send buffer, or just being busy. */
static void established_time_is_told_by_what_held_it(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer.config.send_buffer = 8 * MSS;
    peer.config.initial_window = 20;
    loss_established(&peer);
    peer_wait(&peer, 40 * MS); /* idle: counts for nothing */
    peer.window = 2 * MSS >> 7;
    ack(&peer, 0);
    peer_write(&peer, 5 * MSS);
    peer_drain(&peer);
    peer_wait(&peer, 70 * MS);
    struct rill_tcpi info = tcpi(&peer);
    assert_int_equal(info.tcpi_busy_time, 70000);
    assert_int_equal(info.tcpi_rwnd_limited, 70000);
    peer.window = 60000;
    peer_send(&peer, WIRE_ACK, 0, 1 * MSS, 0);
    peer_drain(&peer);
    peer_wait(&peer, 20 * MS); /* all is sent, and the application wants no more */
    info = tcpi(&peer);
    assert_int_equal(info.tcpi_busy_time, 90000);
    assert_int_equal(info.tcpi_rwnd_limited, 70000);
    assert_int_equal(info.tcpi_sndbuf_limited, 0);
    peer_write(&peer, 20 * MSS); /* more than the buffer takes */
    peer_drain(&peer);
    peer_wait(&peer, 30 * MS);
    info = tcpi(&peer);
    assert_int_equal(info.tcpi_sndbuf_limited, 30000);
    assert_int_equal(info.tcpi_busy_time, 120000);
    peer_close(&peer);
}

/* A window each 100 ms. What was in flight when all was sent measures the application, and counts
 * only where it is faster. */
static void established_delivery_rate_is_that_of_the_path(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 50, 10); /* there had been nothing to send when it began */
    ack(&peer, 5);
    ack(&peer, 10);
    struct rill_tcpi info = tcpi(&peer);
    assert_int_equal(info.tcpi_delivery_rate, 10 * MSS * 10);
    assert_int_equal(info.tcpi_delivery_rate_app_limited, 1);
    assert_int_equal(info.tcpi_min_rtt, 100000);
    loss_flight(&peer, 0, 20);
    ack(&peer, 30);
    info = tcpi(&peer);
    assert_int_equal(info.tcpi_delivery_rate, 20 * MSS * 10);
    assert_int_equal(info.tcpi_delivery_rate_app_limited, 0);
    loss_flight(&peer, 0, 20); /* the last of it */
    ack(&peer, 50);
    loss_flight(&peer, 2, 2);
    ack(&peer, 52);
    info = tcpi(&peer);
    assert_int_equal(info.tcpi_delivery_rate, 20 * MSS * 10);
    peer_wait(&peer, 3 * RILL_SECOND); /* the active part is gone, and the smallest RTT with it */
    info = tcpi(&peer);
    assert_int_equal(info.tcpi_min_rtt, UINT32_MAX);
    assert_int_equal(info.tcpi_delivery_rate, 20 * MSS * 10);
    peer_close(&peer);
}

static void established_marks_are_counted(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_init(&peer);
    peer.config.ecn = RILL_ECN_ASK;
    peer_syn_sent(&peer);
    peer_wait(&peer, RTT);
    peer_send(&peer, WIRE_SYN | WIRE_ACK | WIRE_ECE, (uint32_t)-1, 0, 0);
    peer_drain(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(tcpi(&peer).tcpi_options & (RILL_TCPI_OPT_ECN | RILL_TCPI_OPT_ECN_SEEN),
                     RILL_TCPI_OPT_ECN);
    struct inject marked = {.flags = WIRE_ACK, .length = 100, .traffic_class = 3};
    peer_inject(&peer, &marked);
    struct rill_tcpi info = tcpi(&peer);
    assert_int_equal(info.tcpi_received_ce, 1);
    assert_true(info.tcpi_options & RILL_TCPI_OPT_ECN_SEEN);
    peer_drain(&peer);
    loss_flight(&peer, 10, 10);
    peer_send(&peer, WIRE_ACK | WIRE_ECE, 100, 4 * MSS, 0);
    info = tcpi(&peer);
    assert_int_equal(info.tcpi_delivered_ce, 4);
    assert_int_equal(info.tcpi_delivered, 5);
    assert_int_equal(info.tcpi_ca_state, RILL_TCPI_CA_CWR);
    while (peer_take(&peer, &seen))
        ;
    peer_close(&peer);
}

/* A handle outlives its connection, and its state says so. */
static void closed_keeps_what_was_counted(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 3, 3);
    ack(&peer, 3);
    peer_send(&peer, WIRE_RST, 0, 0, 0);
    struct rill_tcpi info = tcpi(&peer);
    assert_int_equal(info.tcpi_state, RILL_TCPI_CLOSE);
    assert_int_equal(info.tcpi_delivered, 4);
    assert_int_equal(info.tcpi_bytes_acked, 3 * MSS + 1);
    peer_close(&peer);
}

static void unknown_handle_says_what_a_fresh_socket_has(void **state) {
    (void)state;
    struct peer peer;
    struct rill_tcpi info;
    loss_init(&peer);
    peer_open(&peer);
    assert_int_equal(rill_tcp_get_tcpi(peer.stack, 0, &info), RILL_ERROR_HANDLE);
    assert_int_equal(info.tcpi_state, RILL_TCPI_CLOSE);
    assert_int_equal(info.tcpi_snd_cwnd, 10);
    assert_int_equal(info.tcpi_snd_mss, 536);
    peer_close(&peer);
}

int tcpi_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_is_that_of_linux),
        cmocka_unit_test(listening_counts_who_waits),
        cmocka_unit_test(established_tells_what_the_handshake_agreed_on),
        cmocka_unit_test(established_flight_is_told_in_segments),
        cmocka_unit_test(established_timeout_is_loss_and_its_time_is_told),
        cmocka_unit_test(established_reordering_and_doubles_are_counted),
        cmocka_unit_test(established_receiving_side_is_counted),
        cmocka_unit_test(established_time_is_told_by_what_held_it),
        cmocka_unit_test(established_delivery_rate_is_that_of_the_path),
        cmocka_unit_test(established_marks_are_counted),
        cmocka_unit_test(closed_keeps_what_was_counted),
        cmocka_unit_test(unknown_handle_says_what_a_fresh_socket_has),
    };
    return cmocka_run_group_tests_name("tcpi", tests, 0, 0);
}
