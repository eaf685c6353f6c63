/* tests/tcp/review_test.c: the protocol's side of the review: windows, recovery, timestamps,
 * acknowledgements and the closing states, against hand-written segments. */
#include "tcp/review.h"

void accept_second(struct peer *second, const struct peer *first) {
    *second = *first;
    second->remote_port = first->remote_port + 1;
    second->handle = 0;
    second->read = second->written = 0;
    peer_send(second, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT(second, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer_send(second, WIRE_ACK, 0, 0, 0);
    assert_int_equal(rill_tcp_accept(second->stack, second->listener, &second->handle), 0);
    EXPECT_NONE(second);
}

struct rill_stack_info stack_info(const struct peer *peer) {
    struct rill_stack_info info;
    rill_stack_get_info(peer->stack, &info);
    return info;
}

bool writes_within(struct peer *peer, size_t length, rill_time limit) {
    for (rill_time until = peer->now + limit; peer->now < until;) {
        if (peer_events(peer, peer->handle) & RILL_EVENT_WRITABLE)
            length -= peer_write(peer, length);
        if (!length)
            return true;
        peer_wait(peer, 10 * RILL_MILLISECOND);
    }
    return false;
}

/* --- the window we offer --- */

/* Each ACK rounded what was left of the promise up to the field's step: segments of 31 bytes
 * against a step of 32 moved the edge a byte a segment, without end, and nobody had to read. */
static void small_segments_do_not_make_the_window_creep(uint32_t buffer, uint32_t piece) {
    struct peer peer;
    struct seen ack;
    peer_init(&peer);
    peer.options |= PEER_SCALE;
    peer.config.receive_buffer = buffer;
    peer_established(&peer);
    unsigned scale = 0;
    while (buffer >> scale > 65535)
        scale++;
    uint32_t at = 0, window = 65535;
    while (window) {
        uint32_t length = piece < window ? piece : window;
        peer_send(&peer, WIRE_ACK, at, 0, length);
        at += length;
        assert_true(peer_take_within(&peer, RILL_SECOND, &ack));
        assert_int_equal(ack.acknowledgement, at);
        window = (uint32_t)ack.header.window << scale;
        assert_true(at + window <= buffer);
    }
    assert_in_range(at, buffer - (1u << scale), buffer);
    for (int i = 0; i < 50; i++) { /* and a peer that does not mind what it is told */
        peer_send(&peer, WIRE_ACK, at, 0, piece);
        at = peer_info(&peer).receive_queued;
        peer_drain(&peer);
    }
    assert_in_range(at, buffer - (1u << scale), buffer);
    assert_int_equal(peer_read(&peer, SIZE_MAX), at);
    assert_true(peer_take(&peer, &ack)); /* the window is open again */
    assert_in_range((uint32_t)ack.header.window << scale, buffer / 2, buffer);
    peer_close(&peer);
}

static void window_does_not_creep_beyond_the_buffer_by_rounding(void **state) {
    (void)state;
    small_segments_do_not_make_the_window_creep(1u << 20, 31);
    small_segments_do_not_make_the_window_creep(300001, 7);
    small_segments_do_not_make_the_window_creep(70001, 1);
}

static void window_shut_then_the_buffer_is_raised_sends_an_update(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.receive_buffer = 2000;
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 2000);
    struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 2000, 0);
    assert_int_equal(ack.header.window, 0);
    assert_int_equal(
        rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_RECEIVE_BUFFER, 60000), 0);
    ack = EXPECT(&peer, WIRE_ACK, 0, 2000, 0);
    assert_int_equal(ack.cause, RILL_CAUSE_WINDOW_UPDATE);
    assert_int_equal(ack.header.window, 58000);
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

/* The same of a connection that has given back its active part: an update is owed, and is sent. */
static void window_small_and_idle_then_the_buffer_is_raised_sends_an_update(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.receive_buffer = 2000;
    peer_established(&peer);
    peer_wait(&peer, 3 * RILL_SECOND);
    assert_int_equal(
        rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_RECEIVE_BUFFER, 60000), 0);
    struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(ack.header.window, 60000);
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

/* The writer waited for an acknowledgement that a shut window keeps away. */
static void send_buffer_raised_wakes_a_blocked_writer(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.window = 0;
    peer.config.send_buffer = 1000;
    peer_accepted(&peer);
    assert_int_equal(peer_write(&peer, 5000), 1000);
    assert_int_equal(peer_write(&peer, 5000), 0);
    peer_events(&peer, peer.handle);
    assert_int_equal(
        rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_SEND_BUFFER, 50000), 0);
    assert_true(peer_events(&peer, peer.handle) & RILL_EVENT_WRITABLE);
    assert_int_equal(peer_write(&peer, 50000), 49000);
    peer_close(&peer);
}

/* --- recovery --- */

/* Takes all that goes out, unread; returns the payload, and of how many packets sent again. */
static uint32_t take_all(struct peer *peer, unsigned *resent) {
    struct rill_packet *packets[64];
    uint32_t bytes = 0;
    size_t count;
    while ((count = rill_output(peer->stack, 0, packets, 64, SIZE_MAX, peer->now)))
        for (size_t i = 0; i < count; i++) {
            bytes += packets[i]->length - packets[i]->header_length;
            *resent += packets[i]->cause == RILL_CAUSE_FAST_RETRANSMIT;
            rill_packet_drop(packets[i]);
        }
    return bytes;
}

/* Queues MiB of a block. */
static void queue(struct peer *peer, struct rill_block *block, int count) {
    for (int i = 0; i < count; i++) {
        struct rill_slice slice = {rill_block_data(block), 1u << 20, block};
        rill_block_hold(block);
        assert_int_equal(rill_tcp_send_slices(peer->stack, peer->handle, &slice, 1), 1);
    }
}

/* `recover` and `full_until` stood where the last loss and the last full window had been: 2^31
 * bytes later what lies behind looks as if it lay ahead. Then no third duplicate began a recovery,
 * and every ACK passed for one of a full window. */
static void recovery_and_cwnd_are_right_after_2100_mb_without_loss(void **state) {
    (void)state;
    static uint8_t bulk[1u << 20];
    struct peer peer;
    peer_init(&peer);
    peer.interface.flags = RILL_INTERFACE_GSO | RILL_INTERFACE_CHECKSUM;
    peer.options |= PEER_SCALE;
    peer.scale = 14;
    peer.options &= ~(unsigned)PEER_SACK;
    peer.config.congestion = &rill_reno;
    peer.config.send_buffer = 64u << 20;
    peer_established(&peer);
    struct rill_block *block = rill_block_wrap(peer.pool, bulk, sizeof bulk, 0, 0);
    uint64_t acked = 0;
    unsigned resent = 0;
    while (peer_info(&peer).cwnd < 8u << 20) {
        queue(&peer, block, 8);
        for (uint32_t got; (got = take_all(&peer, &resent)); peer.now += RILL_MILLISECOND)
            peer_send(&peer, WIRE_ACK, 0, (uint32_t)(acked += got), 0);
    }
    uint32_t cwnd = peer_info(&peer).cwnd;
    for (int i = 0; i < 1050; i++) {
        queue(&peer, block, 2); /* a quarter of the window at most */
        acked += take_all(&peer, &resent);
        peer.now += RILL_MILLISECOND;
        peer_send(&peer, WIRE_ACK, 0, (uint32_t)acked, 0);
        assert_int_equal(peer_info(&peer).cwnd, cwnd);
    }
    assert_true(acked > UINT64_C(2100) << 20);
    assert_int_equal(resent, 0);
    queue(&peer, block, 2);
    uint32_t flight = take_all(&peer, &resent);
    for (int i = 0; i < 3; i++)
        peer_send(&peer, WIRE_ACK, 0, (uint32_t)acked, 0);
    take_all(&peer, &resent);
    assert_int_equal(resent, 1);
    assert_int_equal(peer_info(&peer).ssthresh, flight / 2);
    rill_block_drop(block);
    peer_close(&peer);
}

/* 30 segments in flight, the oldest not acknowledged is at 14,600. */
static void in_flight(struct peer *peer) {
    peer_init(peer);
    peer_established(peer);
    assert_int_equal(peer_write(peer, 60000), 60000);
    peer_drain(peer);
    peer_send(peer, WIRE_ACK, 0, 7300, 0);
    peer_send(peer, WIRE_ACK, 0, 14600, 0);
    assert_int_equal(peer_drain(peer), 20);
    assert_int_equal(peer_info(peer).in_flight, 29200);
}

/* Two ACKs without progress, of window 0 and then W, had all of the flight sent again. */
static void window_0_then_open_without_a_probe_resends_nothing(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    in_flight(&peer);
    for (int i = 0; i < 10; i++) {
        peer.window = 0;
        peer_send(&peer, WIRE_ACK, 0, 14600, 0);
        EXPECT_NONE(&peer);
        peer.window = 65535;
        peer_send(&peer, WIRE_ACK, 0, 14600, 0);
        EXPECT_NONE(&peer);
    }
    peer.window = 0;
    peer_send(&peer, WIRE_ACK, 0, 14600, 0);
    peer.window = 65535;
    peer_send(&peer, WIRE_ACK, 0, 14600 + 1460, 0);
    for (uint32_t at = 43800; peer_take(&peer, &seen); at += seen.length)
        assert_int_equal(seen.sequence, at); /* new bytes alone */
    assert_int_equal(peer_info(&peer).segments_resent, 0);
    peer_close(&peer);
}

static void window_0_then_open_after_a_probe_resends_at_once(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    in_flight(&peer);
    peer.window = 0;
    peer_send(&peer, WIRE_ACK, 0, 14600, 0);
    EXPECT_NONE(&peer);
    assert_true(peer_take_within(&peer, 2 * RILL_SECOND, &seen));
    assert_int_equal(seen.cause, RILL_CAUSE_WINDOW_PROBE);
    assert_int_equal(seen.sequence, 14600);
    assert_int_equal(seen.length, 1);
    peer_send(&peer, WIRE_ACK, 0, 14600, 0); /* not kept */
    peer.window = 65535;
    peer_send(&peer, WIRE_ACK, 0, 14600, 0);
    uint32_t at = 14600;
    for (; peer_take(&peer, &seen); at += seen.length)
        assert_int_equal(seen.sequence, at);
    assert_true(at >= 43800);
    peer_close(&peer);
}

/* --- timestamps --- */

/* What one segment with a late timestamp leaves behind: nothing, if the true peer's next is taken.
 */
static void poison(uint32_t sequence, uint32_t acknowledgement, enum rill_drop drop) {
    struct peer peer;
    peer_init(&peer);
    peer.options |= PEER_TIMESTAMPS;
    peer_established(&peer);
    uint32_t honest = peer.tsval;
    peer.tsval += 0x7ffffff0;
    peer_send(&peer, WIRE_ACK, sequence, acknowledgement, 1);
    assert_int_equal(peer_drops(&peer, drop), 1);
    struct seen answer = EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(answer.header.timestamp_echo, honest);
    peer_drain(&peer);
    peer.tsval = honest + 10;
    peer_send(&peer, WIRE_ACK, 0, 0, 100);
    answer = EXPECT(&peer, WIRE_ACK, 0, 100, 0);
    assert_int_equal(answer.header.timestamp_echo, honest + 10);
    assert_int_equal(peer_read(&peer, SIZE_MAX), 100);
    assert_int_equal(peer_drops(&peer, RILL_DROP_TCP_PAWS), 0);
    peer_close(&peer);
}

/* The timestamp was remembered before the ACK number was looked at: whoever guessed a sequence
 * number within the last buffer's worth shut the true peer out by PAWS. */
static void old_segment_with_a_bad_ack_does_not_poison_ts_recent(void **state) {
    (void)state;
    poison((uint32_t)-500000, 0x40000000, RILL_DROP_TCP_ACK_FUTURE);
    poison((uint32_t)-500000, (uint32_t)-5000000, RILL_DROP_TCP_ACK_OLD);
    poison(0, 0x40000000, RILL_DROP_TCP_ACK_FUTURE);
}

static void blind_segment_does_not_set_ts_recent(void **state) {
    (void)state;
    poison((uint32_t)-1000000000, 12345, RILL_DROP_TCP_SEQUENCE);
    poison((uint32_t)-1000000000, 0, RILL_DROP_TCP_SEQUENCE);
    poison(1000000000, 0, RILL_DROP_TCP_SEQUENCE);
}

/* --- acknowledgements and options --- */

/* Blocks for which the link had no room went out all the same, in frames of 76 bytes. */
static void small_mtu(unsigned options, unsigned blocks) {
    struct peer peer;
    peer_init(&peer);
    peer.interface.mtu = 68;
    peer.options |= options;
    peer_accepted(&peer);
    for (uint32_t i = 0; i < 4; i++) {
        peer.tsval++;
        peer_send(&peer, WIRE_ACK, 100 + i * 50, 0, 10);
        struct seen ack = EXPECT(&peer, WIRE_ACK, 0, 0, 0);
        assert_true(ack.frame <= 68);
        assert_int_equal(ack.header.sack_count, i + 1 < blocks ? i + 1 : blocks);
        assert_int_equal(ack.header.sacks[0].left, peer.iss + 1 + 100 + i * 50);
    }
    assert_int_equal(peer_write(&peer, 500), 500); /* with data there is none of that room */
    struct seen seen;
    uint32_t at = 0;
    for (; peer_take(&peer, &seen); at += seen.length)
        assert_true(seen.frame <= 68);
    assert_true(at > 0);
    peer_close(&peer);
}

static void sack_blocks_fit_an_mtu_of_68(void **state) {
    (void)state;
    small_mtu(0, 3);
    small_mtu(PEER_TIMESTAMPS, 1);
}

/* A full segment was one of 536 bytes at least: on such a link only every fifth was answered. */
static void second_full_segment_is_acknowledged_at_an_mtu_of_296(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.interface.mtu = 296;
    peer.options |= PEER_TIMESTAMPS;
    peer_accepted(&peer);
    uint32_t at = peer_end_quick_acks(&peer);
    for (int round = 0; round < 2; round++) {   /* the second after the active part was away */
        for (int i = 0; round && i < 32; i++) { /* quick ACKs once more */
            peer_send(&peer, WIRE_ACK, at, 0, 244);
            at += 244;
            EXPECT(&peer, WIRE_ACK, 0, at, 0);
            assert_int_equal(peer_read(&peer, SIZE_MAX), 244);
        }
        for (int i = 0; i < 200; i++) {
            peer_send(&peer, WIRE_ACK, at, 0, 244);
            at += 244;
            assert_int_equal(peer_read(&peer, SIZE_MAX), 244);
            if (i & 1)
                EXPECT(&peer, WIRE_ACK, 0, at, 0);
            EXPECT_NONE(&peer);
        }
        peer_wait(&peer, 3 * RILL_SECOND);
    }
    peer_close(&peer);
}

/* --- handshakes --- */

/* What a repeated SYN carries had not been held against the window. */
static void syn_ack_with_data(struct peer *peer) {
    struct wire_tcp header = {.source_port = peer->remote_port,
                              .destination_port = peer->local_port,
                              .sequence = peer->iss,
                              .acknowledgement = peer->own_iss + 1,
                              .flags = WIRE_SYN | WIRE_ACK,
                              .window = 65535,
                              .mss = 1460};
    peer_send_raw(peer, &header, 40000);
    assert_int_equal(peer_state(peer), RILL_TCP_ESTABLISHED);
    uint32_t queued = peer_info(peer).receive_queued;
    assert_true(queued <= 1000);
    assert_int_equal(peer_read(peer, SIZE_MAX), queued);
    peer_drain(peer);
    peer_send(peer, WIRE_ACK, queued, 0, 100);
    assert_int_equal(peer_read(peer, SIZE_MAX), 100);
    peer_close(peer);
}

static void data_in_a_repeated_syn_ack_stays_within_the_buffer(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer.config.receive_buffer = 1000;
    peer_syn_received(&peer);
    syn_ack_with_data(&peer);
    peer_init(&peer);
    peer.config.receive_buffer = 1000;
    peer_syn_sent(&peer);
    syn_ack_with_data(&peer);
}

/* RFC 5961 §3.2: no answer, and the true peer never heard that somebody was trying. */
static void half_open_inexact_rst_is_challenged_and_does_not_kill(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_half_open(&peer);
    peer_send(&peer, WIRE_RST, 5, 0, 0);
    EXPECT(&peer, WIRE_ACK, 0, 0, 0);
    EXPECT_NONE(&peer);
    assert_int_equal(stack_info(&peer).half_open, 1);
    peer_send(&peer, WIRE_RST, 100000, 0, 0); /* beyond the window: not worth a word */
    EXPECT_NONE(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 100);
    assert_int_equal(rill_tcp_accept(peer.stack, peer.listener, &peer.handle), 0);
    assert_int_equal(peer_read(&peer, SIZE_MAX), 100);
    peer_close(&peer);
}

/* --- the end --- */

/* The record of TIME-WAIT took over, and what the connection owed was forgotten. */
static void closing_fin_and_ack_in_one_batch_owe_an_ack(void **state) {
    (void)state;
    struct peer peer;
    for (int together = 0; together < 2; together++) {
        peer_init(&peer);
        peer_fin_wait_1(&peer);
        peer_send(&peer, WIRE_FIN | WIRE_ACK, 0, 0, 0);
        if (!together)
            EXPECT(&peer, WIRE_ACK, 1, 1, 0);
        peer_send(&peer, WIRE_ACK, 1, 1, 0);
        assert_int_equal(peer_state(&peer), RILL_TCP_TIME_WAIT);
        if (together)
            EXPECT(&peer, WIRE_ACK, 1, 1, 0);
        EXPECT_NONE(&peer);
        peer_close(&peer);
    }
}

/* Bytes beyond the FIN lay in the queue of early bytes when it was taken, and rcv_nxt ran past. */
/* A peer that contradicts itself: bytes come where its FIN was. Its next FIN is taken at its own
 * place. */
static void fin_that_bytes_have_crossed_is_forgotten(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_established(&peer);
    peer_send(&peer, WIRE_ACK, 1000, 0, 500); /* covers the place of ... */
    peer_send(&peer, WIRE_FIN | WIRE_ACK, 1200, 0, 0);
    peer_drain(&peer);
    peer_send(&peer, WIRE_ACK, 0, 0, 1000);
    peer_drain(&peer);
    assert_int_equal(peer_read(&peer, SIZE_MAX), 1500);
    assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
    peer_send(&peer, WIRE_FIN | WIRE_ACK, 1500, 0, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSE_WAIT);
    peer_drain(&peer);
    peer_close(&peer);
}

static void fin_with_early_bytes_beyond_it_frees_them(void **state) {
    (void)state;
    struct peer peer;
    for (int waiting = 0; waiting < 2; waiting++) {
        peer_init(&peer);
        waiting ? peer_fin_wait_2(&peer) : peer_established(&peer);
        uint32_t own = waiting ? 1 : 0;
        peer_send(&peer, WIRE_ACK, 1000, own, 500); /* touches the FIN's place */
        peer_send(&peer, WIRE_ACK, 2000, own, 1000);
        peer_send(&peer, WIRE_ACK, 5000, own, 1000);
        peer_send(&peer, WIRE_FIN | WIRE_ACK, 1000, own, 0);
        peer_drain(&peer);
        peer_send(&peer, WIRE_ACK, 0, own, 1000); /* whatever it is now: nothing is broken */
        peer_drain(&peer);
        assert_true(peer_read(&peer, SIZE_MAX) >= 1000);
        peer_drain(&peer);
        peer_close(&peer);
        peer_init(&peer); /* the same without the bytes that cover the FIN */
        waiting ? peer_fin_wait_2(&peer) : peer_established(&peer);
        peer_send(&peer, WIRE_ACK, 1001, own, 500);
        peer_send(&peer, WIRE_ACK, 5000, own, 1000);
        peer_send(&peer, WIRE_FIN | WIRE_ACK, 1000, own, 0);
        peer_drain(&peer);
        peer_send(&peer, WIRE_ACK, 0, own, 1000);
        EXPECT(&peer, WIRE_ACK, own, 1001, 0);
        EXPECT_NONE(&peer);
        assert_int_equal(peer_state(&peer), waiting ? RILL_TCP_TIME_WAIT : RILL_TCP_CLOSE_WAIT);
        assert_int_equal(peer_info(&peer).receive_queued, 1000);
        assert_int_equal(peer_read(&peer, SIZE_MAX), 1000);
        assert_int_equal(stack_info(&peer).memory_held, 0);
        peer_close(&peer);
    }
}

/* The idle timer came between the call and the output, and gave back the part that knew of it. */
static void fin_is_sent_even_if_the_idle_timer_fires_first(void **state) {
    (void)state;
    struct peer peer;
    for (int orphan = 0; orphan < 2; orphan++) {
        peer_init(&peer);
        peer_accepted(&peer);
        peer_wait(&peer, 999 * RILL_MILLISECOND);
        assert_int_equal(orphan ? rill_tcp_close(peer.stack, peer.handle)
                                : rill_tcp_shutdown(peer.stack, peer.handle),
                         0);
        if (orphan)
            peer.handle = 0;
        peer.now += 5 * RILL_MILLISECOND;
        rill_advance(peer.stack, peer.now, 0);
        EXPECT(&peer, WIRE_FIN | WIRE_ACK, 0, 0, 0);
        peer_send(&peer, WIRE_FIN | WIRE_ACK, 0, 1, 0);
        EXPECT(&peer, WIRE_ACK, 1, 1, 0);
        assert_int_equal(stack_info(&peer).time_wait, 1);
        assert_int_equal(stack_info(&peer).connections, orphan ? 0 : 1);
        peer_close(&peer);
    }
}

/* The keepalive's deadline has another meaning in an orphan, and an option still set it. */
static void keepalive_does_not_end_an_orphan_with_data_unacknowledged(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer.config.keepalive_idle = 10 * RILL_SECOND;
    peer.window = 2000;
    peer_accepted(&peer);
    assert_int_equal(rill_tcp_set_option(peer.stack, peer.handle, RILL_TCP_OPTION_KEEPALIVE, 1), 0);
    peer_send(&peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(peer_write(&peer, 200000), 200000);
    assert_int_equal(rill_tcp_close(peer.stack, peer.handle), 0);
    peer.handle = 0;
    uint32_t got = 0;
    bool fin = false;
    int silences = 0;
    while (!fin) { /* half a second a window: it takes the orphan a minute */
        while (peer_take(&peer, &seen)) {
            assert_int_equal(seen.header.flags & WIRE_RST, 0);
            fin |= (seen.header.flags & WIRE_FIN) != 0;
            if (seen.sequence == got)
                got += seen.length;
        }
        assert_int_equal(stack_info(&peer).connections, 1);
        bool silent = !silences && got > 100000; /* for longer than the keepalive would wait */
        silences += silent;
        peer_wait(&peer, silent ? 15 * RILL_SECOND : 500 * RILL_MILLISECOND);
        assert_int_equal(stack_info(&peer).connections, 1);
        peer_send(&peer, WIRE_ACK, 0, got + fin, 0);
        assert_true(peer.now < 200 * RILL_SECOND);
    }
    assert_int_equal(got, 200000);
    assert_true(peer.now > 40 * RILL_SECOND);
    peer_close(&peer);
}

int review_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_does_not_creep_beyond_the_buffer_by_rounding),
        cmocka_unit_test(window_shut_then_the_buffer_is_raised_sends_an_update),
        cmocka_unit_test(window_small_and_idle_then_the_buffer_is_raised_sends_an_update),
        cmocka_unit_test(send_buffer_raised_wakes_a_blocked_writer),
        cmocka_unit_test(recovery_and_cwnd_are_right_after_2100_mb_without_loss),
        cmocka_unit_test(window_0_then_open_without_a_probe_resends_nothing),
        cmocka_unit_test(window_0_then_open_after_a_probe_resends_at_once),
        cmocka_unit_test(old_segment_with_a_bad_ack_does_not_poison_ts_recent),
        cmocka_unit_test(blind_segment_does_not_set_ts_recent),
        cmocka_unit_test(sack_blocks_fit_an_mtu_of_68),
        cmocka_unit_test(second_full_segment_is_acknowledged_at_an_mtu_of_296),
        cmocka_unit_test(data_in_a_repeated_syn_ack_stays_within_the_buffer),
        cmocka_unit_test(half_open_inexact_rst_is_challenged_and_does_not_kill),
        cmocka_unit_test(closing_fin_and_ack_in_one_batch_owe_an_ack),
        cmocka_unit_test(fin_with_early_bytes_beyond_it_frees_them),
        cmocka_unit_test(fin_that_bytes_have_crossed_is_forgotten),
        cmocka_unit_test(fin_is_sent_even_if_the_idle_timer_fires_first),
        cmocka_unit_test(keepalive_does_not_end_an_orphan_with_data_unacknowledged),
    };
    return cmocka_run_group_tests_name("review", tests, 0, 0);
}

int main(void) {
    return review_tests() + review2_tests() + review_pool_tests();
}
