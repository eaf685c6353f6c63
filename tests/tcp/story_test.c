/* tests/tcp/story_test.c: bugs that were found, each as the story that showed it. */
#include "tcp/segment.h"

/* The timestamp was remembered before the sequence number was looked at: one blind segment from the
 * past with a late timestamp, and PAWS refused the true peer for ever (RFC 7323 §5.3: R2 goes
 * before R3). */
static void blind_segment_with_a_late_timestamp_does_not_poison_paws(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.options |= PEER_TIMESTAMPS;
    peer_established(&peer);
    uint32_t honest = peer.tsval;
    peer.tsval += 0x40000000;
    peer_send(&peer, WIRE_ACK, (uint32_t)-3000000, 0, 10);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_SEQUENCE), 1);
    peer_drain(&peer);
    peer.tsval = honest + 1;
    peer_send(&peer, WIRE_ACK, 0, 0, 100);
    EXPECT(&peer, WIRE_ACK, 0, 100, 0);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_PAWS), 0);
    peer_close(&peer);
}

/* Each ACK of unsent data was answered, without limit: two ends that have come out of step would
 * have talked for ever (RFC 5961 §5.2 and §7). */
static void acks_of_unsent_data_do_not_start_a_storm(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    for (int i = 0; i < 100; i++)
        peer_send(&peer, WIRE_ACK, 0, 1000, 0);
    assert_int_equal(peer_drain(&peer), 10);
    peer_close(&peer);
}

/* The same for bare ACKs that PAWS refuses. */
static void bare_acks_with_an_old_timestamp_do_not_start_a_storm(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.options |= PEER_TIMESTAMPS;
    peer_established(&peer);
    peer.tsval -= 10;
    for (int i = 0; i < 100; i++)
        peer_send(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(peer_drain(&peer), 10);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_PAWS), 100);
    peer_close(&peer);
}

/* The answers to window probes were counted as duplicate ACKs: the third one began fast recovery,
 * and a shut window cost the congestion window. */
static void answers_to_window_probes_are_no_duplicate_acks(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_established(&peer);
    uint32_t cwnd = peer_info(&peer).cwnd;
    peer.window = 0;
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    peer_write(&peer, 1000);
    for (int i = 0; i < 6; i++) {
        assert_true(peer_take_within(&peer, 100 * RILL_SECOND, &seen));
        peer_send(&peer, WIRE_ACK, 0, 0, 0);
        EXPECT_NONE(&peer);
    }
    assert_int_equal(peer_info(&peer).cwnd, cwnd);
    peer_close(&peer);
}

/* Our window is shut, and the peer probes it while our data is on the way to it: a probe carries
 * data, so it is no duplicate ACK, although nothing of it is kept (RFC 5681 §2). */
static void window_probes_of_the_peer_are_no_duplicate_acks(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.receive_buffer = 1000;
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 1000);
    EXPECT(&peer, WIRE_ACK, 0, 1000, 0);
    peer_write(&peer, 500);
    EXPECT(&peer, WIRE_ACK, 0, 1000, 500);
    for (int i = 0; i < 5; i++) {
        peer_send(&peer, WIRE_ACK, 1000, 0, 1);
        EXPECT(&peer, WIRE_ACK, 500, 1000, 0); /* and not the 500 bytes again */
    }
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

/* Both readers stand still, both windows are shut, both senders probe. A probe's byte had moved
 * snd_nxt, so every bare ACK lay one beyond the other's window and was refused. */
static void both_windows_shut_and_probed_still_exchange_acks(void **state) {
    (void)state;
    struct test_world test;
    rill_handle a, b;
    uint8_t data[3000], got[3000];
    memset(data, 7, sizeof data);
    test_world_init(&test, 5);
    test.config[0].receive_buffer = test.config[1].receive_buffer = 1000;
    test_world_delay(&test, 10 * RILL_MILLISECOND);
    assert_int_equal(test_world_open(&test), 0);
    rill_handle listener = test_listen(&test, 1, 80);
    assert_int_equal(test_open_pair(&test, listener, 80, &a, &b), 0);
    assert_int_equal(rill_tcp_send(test.world.stacks[0], a, data, 1500), 1500);
    assert_int_equal(rill_tcp_send(test.world.stacks[1], b, data, 1500), 1500);
    test_run(&test, 5 * RILL_SECOND);
    /* one reader wakes; the other still sleeps */
    size_t total = 0;
    for (int i = 0; i < 100 && total < 1500; i++) {
        int64_t n = rill_tcp_receive(test.world.stacks[0], a, got, sizeof got);
        total += n > 0 ? (size_t)n : 0;
        test_run(&test, 20 * RILL_MILLISECOND);
    }
    assert_int_equal(total, 1500);
    struct rill_tcp_info info;
    assert_int_equal(rill_tcp_get_info(test.world.stacks[1], b, &info), 0);
    assert_int_equal(info.send_queued, 0); /* and what was read is acknowledged by now */
    test_world_close(&test);
    assert_int_equal(test.memory.live_bytes, 0);
}

/* A path whose round trip has become longer than the RTO, and no timestamps: each ACK, though it
 * gave no sample (Karn), reset the back-off, so every segment was sent twice for ever (RFC 6298 §5,
 * RFC 1122 §4.2.3.1). */
static void back_off_stays_until_a_segment_sent_once_is_acknowledged(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer.options &= ~(unsigned)PEER_SACK; /* no probes */
    peer_established(&peer);
    peer_write(&peer, 100);
    EXPECT(&peer, WIRE_ACK, 0, 0, 100);
    peer_wait(&peer, 10 * RILL_MILLISECOND);
    peer_send(&peer, WIRE_ACK, 0, 100, 0); /* RTO 200 ms, the floor */
    peer_write(&peer, 100);
    EXPECT(&peer, WIRE_ACK, 100, 0, 100);
    for (int i = 0; i < 2; i++) {
        assert_true(peer_take_within(&peer, RILL_SECOND, &seen));
        assert_int_equal(seen.cause, RILL_CAUSE_RTO);
    }
    peer_send(&peer, WIRE_ACK, 0, 200, 0); /* ambiguous: of which of the three? */
    assert_int_equal(peer_info(&peer).rto, 800 * RILL_MILLISECOND);
    peer_write(&peer, 100);
    EXPECT(&peer, WIRE_ACK, 200, 0, 100);
    peer_wait(&peer, 700 * RILL_MILLISECOND);
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_ACK, 0, 300, 0); /* a sample at last */
    assert_true(peer_info(&peer).rtt > 80 * RILL_MILLISECOND);
    struct rill_tcp_info info = peer_info(&peer);
    assert_true(info.rto < info.rtt + 4 * info.rtt_variance + RILL_MILLISECOND); /* and no more */
    peer_close(&peer);
}

/* RFC 6298 §5.7: after a SYN had to be sent again, data begins with an RTO of 3 s. */
static void resent_syn_begins_data_with_three_seconds(void **state) {
    (void)state;
    for (int passive = 0; passive < 2; passive++) {
        struct peer peer;
        struct seen seen;
        peer_init(&peer);
        if (passive)
            peer_half_open(&peer);
        else
            peer_syn_sent(&peer);
        assert_true(peer_take_within(&peer, 2 * RILL_SECOND, &seen));
        assert_true(seen.header.flags & WIRE_SYN);
        peer_send(&peer, passive ? WIRE_ACK : WIRE_SYN | WIRE_ACK, passive ? 0 : (uint32_t)-1, 0,
                  0);
        if (passive)
            assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), 0);
        peer_drain(&peer);
        assert_int_equal(peer_info(&peer).rto, 3 * RILL_SECOND);
        peer_write(&peer, 10);
        peer_drain(&peer);
        peer_wait(&peer, 50 * RILL_MILLISECOND);
        peer_send(&peer, WIRE_ACK, 0, 10, 0);
        assert_int_equal(peer_info(&peer).rto, 200 * RILL_MILLISECOND);
        peer_close(&peer);
    }
}

/* Keepalive was on when the application closed; its time came while the rest of the data still
 * waited for the peer's window, and the orphan vanished without a word. */
static void keepalive_does_not_end_an_orphan_that_still_sends(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer.config.keepalive_idle = 2 * RILL_SECOND;
    peer_established(&peer);
    assert_int_equal(rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_KEEPALIVE, 1), 0);
    peer.window = 0;
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    peer_write(&peer, 500);
    assert_int_equal(rill_tcp_close(peer.stack, peer.handle), 0);
    peer.handle = 0;
    for (rill_time from = peer.now; peer.now < from + 10 * RILL_SECOND;)
        if (peer_take_within(&peer, 10 * RILL_SECOND, &seen))
            peer_send(&peer, WIRE_ACK, 0, 0, 0);
    peer.window = 30000;
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    uint32_t at = 0;
    while (at < 501 && peer_take_within(&peer, RILL_SECOND, &seen)) {
        assert_false(seen.header.flags & WIRE_RST);
        at = seen.sequence + seen.length + (seen.header.flags & WIRE_FIN ? 1 : 0);
        peer_send(&peer, WIRE_ACK, 0, at, 0);
    }
    assert_int_equal(at, 501);
    peer_close(&peer);
}

/* A SYN re-opened a four-tuple that stood in TIME-WAIT after a fast connection: our new initial
 * number came from the clock alone and lay within the numbers of the old one (RFC 9293 §3.10.7.4,
 * MAY-2: "larger than the largest"). */
static void time_wait_reopened_by_the_peer_begins_beyond_the_old_numbers(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer_accepted(&peer);
    rill_seq old_iss = peer.own_iss;
    uint32_t at = 0;
    while (at < 4000000) { /* 4 MB in no time at all: the clock of the ISN stands still */
        peer_write(&peer, 60000);
        while (peer_take(&peer, &seen))
            at = seen.sequence + seen.length;
        peer_send(&peer, WIRE_ACK, 0, at, 0);
    }
    peer.read = 0;
    rill_tcp_shutdown(peer.stack, peer.handle);
    while (peer_take(&peer, &seen))
        at = seen.sequence + seen.length;
    peer_send(&peer, WIRE_ACK, 0, (uint32_t)peer.written + 1, 0);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 0, (uint32_t)peer.written + 1, 0);
    peer_drain(&peer);
    assert_int_equal(peer_state(&peer), RILL_TCP_TIME_WAIT);
    rill_seq last = old_iss + 1 + (uint32_t)peer.written + 1;
    peer_send(&peer, WIRE_SYN, 100000, 0, 0);
    assert_true(peer_take(&peer, &seen));
    assert_int_equal(seen.header.flags, WIRE_SYN | WIRE_ACK);
    assert_true((int32_t)(seen.header.sequence - last) > 0);
    peer.handle = 0;
    peer_close(&peer);
}

/* Whether the congestion window was in full use was asked when an ACK arrived: of a batch of ACKs
 * the first had emptied it a little, and only that one made it grow. */
static void acks_in_one_batch_grow_the_window_like_single_ones(void **state) {
    (void)state;
    struct peer peer;
    uint32_t cwnd[2];
    for (int batch = 0; batch < 2; batch++) {
        peer_init(&peer);
        peer_established(&peer);
        peer_write(&peer, 200000);
        assert_int_equal(peer_drain(&peer), 10);
        for (uint32_t i = 1; i <= 10; i++) {
            peer_send(&peer, WIRE_ACK, 0, i * 1460, 0);
            if (!batch)
                peer_drain(&peer);
        }
        cwnd[batch] = peer_info(&peer).cwnd;
        peer_close(&peer);
    }
    assert_int_equal(cwnd[0], 20 * 1460);
    assert_int_equal(cwnd[1], 20 * 1460);
}

int story_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blind_segment_with_a_late_timestamp_does_not_poison_paws),
        cmocka_unit_test(acks_of_unsent_data_do_not_start_a_storm),
        cmocka_unit_test(bare_acks_with_an_old_timestamp_do_not_start_a_storm),
        cmocka_unit_test(answers_to_window_probes_are_no_duplicate_acks),
        cmocka_unit_test(window_probes_of_the_peer_are_no_duplicate_acks),
        cmocka_unit_test(both_windows_shut_and_probed_still_exchange_acks),
        cmocka_unit_test(back_off_stays_until_a_segment_sent_once_is_acknowledged),
        cmocka_unit_test(resent_syn_begins_data_with_three_seconds),
        cmocka_unit_test(keepalive_does_not_end_an_orphan_that_still_sends),
        cmocka_unit_test(time_wait_reopened_by_the_peer_begins_beyond_the_old_numbers),
        cmocka_unit_test(acks_in_one_batch_grow_the_window_like_single_ones),
    };
    return cmocka_run_group_tests_name("story", tests, 0, 0);
}
