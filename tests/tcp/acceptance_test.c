/* tests/tcp/acceptance_test.c: what is refused and how it is answered: RST, SYN and ACK out of
 * place (RFC 5961), timestamps (RFC 7323 §5), and the bounds on answers. */
#include "tcp/segment.h"

static void established_rst_exact_resets(void **state) {
    (void)state;
    struct peer peer;
    uint8_t data[10];
    peer_init(&peer);
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 100);
    peer_drain(&peer);
    peer_events(&peer, peer.handle);
    peer_send(&peer, WIRE_RST, 100, 0, 0);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
    assert_int_equal(peer_events(&peer, peer.handle),
                     RILL_EVENT_CLOSED | RILL_EVENT_ERROR | RILL_EVENT_READABLE);
    assert_int_equal(peer_read(&peer, 1000), 100); /* first what came before */
    assert_int_equal(rill_tcp_receive(peer.stack, peer.handle, data, 10), RILL_ERROR_RESET);
    assert_int_equal(rill_tcp_send(peer.stack, peer.handle, data, 10), RILL_ERROR_RESET);
    assert_int_equal(rill_deadline(peer.stack), RILL_TIME_NEVER);
    peer_close(&peer);
}

static void established_rst_in_window_is_challenged(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_send(&peer, WIRE_RST, 1, 0, 0);
    struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(ack.cause, RILL_CAUSE_CHALLENGE_ACK);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_RST_CHALLENGED), 1);
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    peer_close(&peer);
}

static void established_rst_outside_the_window_is_ignored(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_send(&peer, WIRE_RST, 2000000, 0, 0);
    peer_send(&peer, WIRE_RST, (uint32_t)-1, 0, 0);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_SEQUENCE), 2);
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    peer_close(&peer);
}

/* Without window scale the field cannot promise all that the buffer takes: the rest is within
 * RCV.WND all the same, and no RST there resets. */
static void established_rst_beyond_the_field_and_within_the_buffer_is_challenged(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.receive_buffer = 131072;
    peer_established(&peer);
    peer_send(&peer, WIRE_RST, 65700, 0, 0);
    EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    peer_send(&peer, WIRE_RST, 131072, 0, 0);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_RST_CHALLENGED), 1);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_SEQUENCE), 1);
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    peer_close(&peer);
}

static void established_syn_is_challenged_wherever_it_lies(void **state) {
    (void)state;
    struct peer peer;
    const uint32_t places[] = {(uint32_t)-1, 0, 5, 2000000};
    peer_init(&peer);
    peer_established(&peer);
    for (size_t i = 0; i < 4; i++) {
        for (unsigned ack = 0; ack < 2; ack++) {
            peer_send(&peer, WIRE_SYN | (ack ? WIRE_ACK : 0), places[i], 0, 0);
            EXPECT(&peer, WIRE_ACK, 0, 0, 0);
            EXPECT_NONE(&peer);
        }
    }
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_SYN_CHALLENGED), 4);
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    peer_close(&peer);
}

static void established_challenges_are_ten_in_five_seconds(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    for (int i = 0; i < 25; i++)
        peer_send(&peer, WIRE_RST, 1, 0, 0);
    assert_int_equal(peer_drain(&peer), 10); /* RFC 5961 §7 */
    peer_wait(&peer, 5 * RILL_SECOND);
    for (int i = 0; i < 25; i++)
        peer_send(&peer, WIRE_RST, 1, 0, 0);
    assert_int_equal(peer_drain(&peer), 10);
    peer_close(&peer);
}

static void established_ack_of_unsent_data_is_challenged_and_dropped(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 0, 1, 100);
    struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 0, 0); /* the data is not taken */
    assert_int_equal(ack.cause, RILL_CAUSE_CHALLENGE_ACK);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_ACK_FUTURE), 1);
    peer_close(&peer);
}

static void established_ack_far_back_is_challenged_and_dropped(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    for (uint32_t at = 0; at < 146000; at += 1460) {
        peer_write(&peer, 1460);
        peer_drain(&peer);
        peer_send(&peer, WIRE_ACK, 0, at + 1460, 0);
    }
    peer_send(&peer, WIRE_ACK, 0, 146000 - 65535, 10); /* as far back as the largest window */
    EXPECT(&peer, WIRE_ACK, 146000, 10, 0);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_ACK_OLD), 0);
    peer_send(&peer, WIRE_ACK, 10, 146000 - 65536, 10); /* RFC 5961 §5.2 */
    EXPECT(&peer, WIRE_ACK, 146000, 10, 0);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_ACK_OLD), 1);
    peer_close(&peer);
}

static void established_old_ack_neither_moves_nor_shrinks_anything(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_write(&peer, 2920);
    assert_int_equal(peer_drain(&peer), 2);
    peer_send(&peer, WIRE_ACK, 0, 2920, 0);
    peer.window = 5;
    peer_send(&peer, WIRE_ACK, 0, 1460, 0); /* overtaken on the way, with an old window */
    struct rill_tcp_info info = peer_info(&peer);
    assert_int_equal(info.send_window, 65535);
    assert_int_equal(info.in_flight, 0);
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

static void established_keepalive_probe_of_the_peer_is_answered(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, (uint32_t)-1, 0, 0); /* RFC 9293 §3.8.4 */
    EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    peer_send(&peer, WIRE_ACK, (uint32_t)-1, 0, 1); /* the kind with a byte of garbage */
    EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    peer_close(&peer);
}

/* --- timestamps --- */

static void with_timestamps(struct peer *peer) {
    peer_init(peer);
    peer->options |= PEER_TIMESTAMPS;
    peer_established(peer);
}

static void established_older_timestamp_is_refused_and_acknowledged(void **state) {
    (void)state;
    struct peer peer;
    with_timestamps(&peer);
    peer.tsval += 1000; /* passes 2^31 on the way */
    peer_send(&peer, WIRE_ACK, 0, 0, 100);
    struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 100, 0);
    assert_int_equal(ack.header.timestamp_echo, peer.tsval);
    peer.tsval -= 1;
    peer_send(&peer, WIRE_ACK, 100, 0, 100);
    ack = EXPECT(&peer, WIRE_ACK, 0, 100, 0);
    assert_int_equal(ack.header.timestamp_echo, peer.tsval + 1);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_PAWS), 1);
    peer.tsval += 1;
    peer_send(&peer, WIRE_ACK, 100, 0, 100);
    EXPECT(&peer, WIRE_ACK, 0, 200, 0);
    peer_close(&peer);
}

static void established_missing_timestamp_is_dropped(void **state) {
    (void)state;
    struct peer peer;
    with_timestamps(&peer);
    peer.timestamps = false;
    peer_send(&peer, WIRE_ACK, 0, 0, 100);
    EXPECT_NONE(&peer);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_TIMESTAMP_MISSING), 1);
    peer_send(&peer, WIRE_RST, 0, 0, 0); /* RFC 7323 §3.2: not asked of an RST */
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
    peer_close(&peer);
}

static void established_rst_with_an_old_timestamp_still_resets(void **state) {
    (void)state;
    struct peer peer;
    with_timestamps(&peer);
    peer.tsval -= 1000;
    peer_send(&peer, WIRE_RST, 0, 0, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
    peer_close(&peer);
}

static void established_timestamp_of_an_early_segment_is_not_echoed(void **state) {
    (void)state;
    struct peer peer;
    with_timestamps(&peer);
    uint32_t first = peer.tsval;
    peer.tsval += 10;
    peer_send(&peer, WIRE_ACK, 100, 0, 100); /* RFC 7323 §4.3: it lies beyond the last ACK */
    struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(ack.header.timestamp_echo, first);
    peer.tsval += 10;
    peer_send(&peer, WIRE_ACK, 0, 0, 100);
    ack = EXPECT(&peer, WIRE_ACK, 0, 200, 0);
    assert_int_equal(ack.header.timestamp_echo, first + 20);
    peer_close(&peer);
}

static void established_delayed_ack_echoes_the_earliest_timestamp(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.options |= PEER_TIMESTAMPS;
    peer_established(&peer);
    uint32_t at = peer_end_quick_acks(&peer);
    peer.tsval = 0x90000000;
    peer_send(&peer, WIRE_ACK, at, 0, 1448);
    peer.tsval++;
    peer_send(&peer, WIRE_ACK, at + 1448, 0, 1448);
    struct seen ack = EXPECT(&peer, WIRE_ACK, 0, at + 2896, 0);
    assert_int_equal(ack.header.timestamp_echo, 0x90000000);
    peer_close(&peer);
}

static void established_24_days_of_silence_end_the_check_of_timestamps(void **state) {
    (void)state;
    struct peer peer;
    with_timestamps(&peer);
    peer.now += 25 * UINT64_C(24) * 3600 * RILL_SECOND;
    rill_advance(peer.stack, peer.now, 0);
    peer.tsval -= 5000; /* the peer's clock has gone round */
    peer_send(&peer, WIRE_ACK, 0, 0, 100);
    peer_wait(&peer, 40 * RILL_MILLISECOND);
    struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 100, 0);
    assert_int_equal(ack.header.timestamp_echo, peer.tsval);
    peer_close(&peer);
}

int acceptance_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_rst_exact_resets),
        cmocka_unit_test(established_rst_in_window_is_challenged),
        cmocka_unit_test(established_rst_outside_the_window_is_ignored),
        cmocka_unit_test(established_rst_beyond_the_field_and_within_the_buffer_is_challenged),
        cmocka_unit_test(established_syn_is_challenged_wherever_it_lies),
        cmocka_unit_test(established_challenges_are_ten_in_five_seconds),
        cmocka_unit_test(established_ack_of_unsent_data_is_challenged_and_dropped),
        cmocka_unit_test(established_ack_far_back_is_challenged_and_dropped),
        cmocka_unit_test(established_old_ack_neither_moves_nor_shrinks_anything),
        cmocka_unit_test(established_keepalive_probe_of_the_peer_is_answered),
        cmocka_unit_test(established_older_timestamp_is_refused_and_acknowledged),
        cmocka_unit_test(established_missing_timestamp_is_dropped),
        cmocka_unit_test(established_rst_with_an_old_timestamp_still_resets),
        cmocka_unit_test(established_timestamp_of_an_early_segment_is_not_echoed),
        cmocka_unit_test(established_delayed_ack_echoes_the_earliest_timestamp),
        cmocka_unit_test(established_24_days_of_silence_end_the_check_of_timestamps),
    };
    return cmocka_run_group_tests_name("acceptance", tests, 0, 0);
}
