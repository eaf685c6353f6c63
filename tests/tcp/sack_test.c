/* tests/tcp/sack_test.c: selective acknowledgements on the wire: DSACK sent and received (RFC
 * 2883), blocks that lie (RFC 2018 §5), and peers that forget what they had (RFC 2018 §8). */
#include "tcp/loss.h"

#include "tcp/host.h"

/* The next segment is a bare ACK with just these blocks. */
static void expect_blocks(struct peer *peer, uint32_t acknowledgement, const struct block *blocks,
                          unsigned count) {
    struct seen seen;
    assert_true(peer_take(peer, &seen));
    assert_int_equal(seen.length, 0);
    assert_int_equal(seen.acknowledgement, acknowledgement);
    assert_int_equal(seen.header.sack_count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(seen.sacks[i].left, blocks[i].left);
        assert_int_equal(seen.sacks[i].right, blocks[i].right);
    }
}

static void send_bytes(struct peer *peer, uint32_t left, uint32_t right) {
    peer_send(peer, WIRE_ACK, left, 0, right - left);
}

/* RFC 2883 §4.1.1, figure 1: a segment below the cumulative ACK. */
static void established_duplicate_below_ack_is_reported(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    send_bytes(&peer, 0, 1000);
    peer_drain(&peer);
    send_bytes(&peer, 0, 1000);
    expect_blocks(&peer, 1000, (struct block[]){{0, 1000}}, 1);
    EXPECT_NONE(&peer);
    send_bytes(&peer, 1000, 2000); /* said once: the next ACK has nothing of it */
    expect_blocks(&peer, 2000, 0, 0);
    peer_close(&peer);
}

/* §4.1.2, figure 2: the same, while later segments are missing: the block of these follows. */
static void established_duplicate_below_ack_comes_before_the_other_blocks(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    send_bytes(&peer, 0, 1000);
    peer_drain(&peer);
    send_bytes(&peer, 2000, 3000);
    expect_blocks(&peer, 1000, (struct block[]){{2000, 3000}}, 1);
    send_bytes(&peer, 0, 1000);
    expect_blocks(&peer, 1000, (struct block[]){{0, 1000}, {2000, 3000}}, 2);
    peer_close(&peer);
}

/* §4.1.3, figure 3: a duplicate of what lies above the ACK: its block, then the one it lies in,
 * even if another has changed later. */
static void established_duplicate_above_ack_names_the_block_it_lies_in(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    send_bytes(&peer, 1000, 2000);
    send_bytes(&peer, 2000, 3000);
    send_bytes(&peer, 5000, 6000);
    peer_drain(&peer);
    send_bytes(&peer, 1000, 2000);
    expect_blocks(&peer, 0, (struct block[]){{1000, 2000}, {1000, 3000}, {5000, 6000}}, 3);
    peer_close(&peer);
}

/* Duplicate ACKs wait to be sent when the duplicate comes (a batch): it is reported all the same.
 */
static void established_duplicate_among_holes_of_one_batch_is_reported(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    send_bytes(&peer, 1000, 2000);
    send_bytes(&peer, 2000, 3000);
    send_bytes(&peer, 2000, 3000);
    send_bytes(&peer, 3000, 4000);
    struct seen seen;
    unsigned count = 0, reports = 0;
    for (; peer_take(&peer, &seen); count++)
        reports += seen.header.sack_count == 2 && seen.sacks[0].left == 2000 &&
                   seen.sacks[0].right == 3000 && seen.sacks[1].left == 1000;
    assert_int_equal(count, 4); /* RFC 5681 §4.2: one each */
    assert_int_equal(reports, 1);
    peer_close(&peer);
}

/* §4.2.1, figures 4 to 6: only a part has come before. */
static void established_part_of_a_segment_twice_is_reported_as_that_part(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    send_bytes(&peer, 0, 1000);
    peer_drain(&peer);
    send_bytes(&peer, 500, 1500);
    expect_blocks(&peer, 1500, (struct block[]){{500, 1000}}, 1);
    EXPECT_NONE(&peer);
    peer_close(&peer);
}

/* With timestamps three blocks are the most, and the report is one of them. */
static void established_report_counts_among_three_blocks_beside_timestamps(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer.options |= PEER_TIMESTAMPS;
    loss_established(&peer);
    for (uint32_t i = 0; i < 5; i++)
        send_bytes(&peer, 1000 + 2000 * i, 2000 + 2000 * i);
    peer_drain(&peer);
    send_bytes(&peer, 5000, 6000);
    expect_blocks(&peer, 0, (struct block[]){{5000, 6000}, {5000, 6000}, {9000, 10000}}, 3);
    peer_close(&peer);
}

/* A peer without SACK is told nothing. */
static void established_duplicate_of_a_peer_without_sack_is_only_acked(void **state) {
    (void)state;
    struct peer peer;
    loss_init(&peer);
    peer.options &= ~(unsigned)PEER_SACK;
    loss_established(&peer);
    send_bytes(&peer, 0, 1000);
    peer_drain(&peer);
    send_bytes(&peer, 0, 1000);
    expect_blocks(&peer, 1000, 0, 0);
    peer_close(&peer);
}

/* The FIN's number belongs to the bytes before it: a sender marks whole segments only. */
static void established_fin_beyond_a_hole_is_in_the_block(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    peer_send(&peer, WIRE_ACK | WIRE_FIN, 1000, 0, 500);
    expect_blocks(&peer, 0, (struct block[]){{1000, 1501}}, 1);
    send_bytes(&peer, 0, 1000);
    expect_blocks(&peer, 1501, 0, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_CLOSE_WAIT);
    peer_close(&peer);
}

/* A flight of three whose last segment has the FIN; the peer's block ends before the FIN, as of
 * peers that keep bytes only. The two behind the lost one say that it is lost. */
static void fin_wait_1_sack_without_the_fin_covers_its_segment(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    peer_write(&peer, 2 * MSS + 500);
    assert_int_equal(rill_tcp_shutdown(peer.stack, peer.handle), 0);
    assert_int_equal(peer_drain(&peer), 3);
    peer_wait(&peer, RTT);
    peer_sack(&peer, 0, (struct block){1000, 2500}, segments(0, 0), segments(0, 0));
    assert_int_equal(peer_info(&peer).in_flight, MSS);
    peer_wait(&peer, RTT / 4); /* the reordering window */
    EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
    peer_send(&peer, WIRE_ACK, 0, 2501, 0);
    assert_int_equal(peer_state(&peer), RILL_TCP_FIN_WAIT_2);
    peer_close(&peer);
}

/* §4: a report is judged by SEG.ACK; it says nothing of what is in flight. */
/* An ACK that a later one has overtaken says nothing new of what lies before, but its blocks do. */
static void established_overtaken_ack_has_blocks_that_count(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 10, 10);
    ack(&peer, 4);
    sack(&peer, 3, 5, 7);
    assert_int_equal(loss_connection(&peer)->active->scoreboard.sacked_segments, 2);
    assert_int_equal(loss_connection(&peer)->snd_una,
                     loss_connection(&peer)->active->iss + 1 + 4 * MSS);
    peer_close(&peer);
}

static void established_report_below_ack_is_no_sack(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 10, 10);
    ack(&peer, 2);
    dsack(&peer, 2, 1, 0, 0);
    struct connection *connection = loss_connection(&peer);
    assert_int_equal(connection->active->scoreboard.sacked, 0);
    assert_int_equal(connection->active->recovery.window_factor, 2); /* it was one, though */
    /* Within the second block. */
    dsack(&peer, 2, 5, 4, 7);
    assert_int_equal(connection->active->scoreboard.sacked, 3 * MSS);
    peer_close(&peer);
}

/* A first block that lies in no second one is no report but news. */
static void established_first_block_alone_above_ack_is_a_sack(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 10, 10);
    peer_sack(&peer, 0, segments(5, 6), segments(7, 9), segments(2, 3));
    struct connection *connection = loss_connection(&peer);
    assert_int_equal(connection->active->scoreboard.sacked, 4 * MSS);
    assert_int_equal(connection->active->recovery.window_factor, 1);
    peer_close(&peer);
}

/* Blocks that cannot be true change nothing (pitfall 23). */
static void established_block_that_lies_is_ignored(void **state) {
    (void)state;
    static const struct block lies[] = {
        {5 * MSS, 11 * MSS},                        /* beyond snd_nxt */
        {10 * MSS, 12 * MSS},                       /* wholly beyond it */
        {3 * MSS, 2 * MSS},                         /* reversed */
        {MSS, 4 * MSS},                             /* from below the ACK into what is in flight */
        {(uint32_t)-5 * MSS, 5 * MSS},              /* from long ago */
        {0x80000000u, 5 * MSS},                     /* from half a space away */
        {5 * MSS + 1, 6 * MSS - 1},                 /* a part of a segment */
        {5 * MSS + 1, 6 * MSS + 1},                 /* parts of two */
        {(uint32_t)-90000000, (uint32_t)-89999000}, /* a report from before any window */
    };
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 10, 10);
    ack(&peer, 2);
    struct connection *connection = loss_connection(&peer);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        peer_sack(&peer, 2 * MSS, lies[i], segments(0, 0), segments(0, 0));
        assert_int_equal(connection->active->scoreboard.sacked, 0);
        assert_int_equal(connection->active->scoreboard.lost, 0);
        assert_int_equal(connection->active->recovery.window_factor, 1);
    }
    /* Whole segments of a block that cuts others count. */
    peer_sack(&peer, 2 * MSS, (struct block){4 * MSS + 1, 8 * MSS - 1}, segments(0, 0),
              segments(0, 0));
    assert_int_equal(connection->active->scoreboard.sacked, 2 * MSS);
    peer_close(&peer);
}

/* RFC 2018 §8: the head has been SACKed and is never acknowledged: after the timeout everything
 * goes again, also what was SACKed (pitfall 24). */
static void established_peer_that_reneges_gets_all_again(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    loss_open(&peer, 10);
    loss_flight(&peer, 10, 10);
    sack(&peer, 0, 1, 10);
    EXPECT_SEGMENT(&peer, 0, RILL_CAUSE_RACK);
    EXPECT_NONE(&peer);
    ack(&peer, 1); /* and it has forgotten the rest */
    EXPECT_NONE(&peer);
    bool again[10] = {false};
    uint32_t next = 1;
    for (int i = 0; i < 40 && next < 10; i++) {
        assert_true(peer_take_within(&peer, 5 * RILL_SECOND, &seen));
        assert_true(seen.sequence / MSS < 10);
        again[seen.sequence / MSS] = true;
        if (seen.sequence == next * MSS)
            ack(&peer, ++next);
    }
    assert_int_equal(next, 10);
    for (uint32_t i = 1; i < 10; i++)
        assert_true(again[i]);
    assert_int_equal(peer_info(&peer).in_flight, 0);
    peer_close(&peer);
}

/* A SACK is no acknowledgement: what it covers stays in the send queue and goes again as it was
 * (the bytes of each segment are verified as it is taken). */
static void established_sacked_bytes_are_kept_until_acknowledged(void **state) {
    (void)state;
    struct peer peer;
    loss_open(&peer, 10);
    loss_flight(&peer, 10, 10);
    uint32_t queued = peer_info(&peer).send_queued;
    sack(&peer, 0, 1, 10);
    assert_int_equal(peer_info(&peer).send_queued, queued);
    peer_close(&peer);
}

int sack_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_duplicate_below_ack_is_reported),
        cmocka_unit_test(established_duplicate_below_ack_comes_before_the_other_blocks),
        cmocka_unit_test(established_duplicate_above_ack_names_the_block_it_lies_in),
        cmocka_unit_test(established_duplicate_among_holes_of_one_batch_is_reported),
        cmocka_unit_test(established_part_of_a_segment_twice_is_reported_as_that_part),
        cmocka_unit_test(established_report_counts_among_three_blocks_beside_timestamps),
        cmocka_unit_test(established_duplicate_of_a_peer_without_sack_is_only_acked),
        cmocka_unit_test(established_fin_beyond_a_hole_is_in_the_block),
        cmocka_unit_test(fin_wait_1_sack_without_the_fin_covers_its_segment),
        cmocka_unit_test(established_overtaken_ack_has_blocks_that_count),
        cmocka_unit_test(established_report_below_ack_is_no_sack),
        cmocka_unit_test(established_first_block_alone_above_ack_is_a_sack),
        cmocka_unit_test(established_block_that_lies_is_ignored),
        cmocka_unit_test(established_peer_that_reneges_gets_all_again),
        cmocka_unit_test(established_sacked_bytes_are_kept_until_acknowledged),
    };
    return cmocka_run_group_tests_name("sack", tests, 0, 0);
}
