/* tests/streams/labels_test.c: what a segment is called, and why. The server sends; each of its
 * segments has 100 bytes unless said otherwise. */
#include "streams/streams_test.h"

#define MS RILL_MILLISECOND
#define DATA(number)                                                                               \
    .side = SERVER, .flags = ACK, .ack = 101, .seq = 1 + 100 * (number), .length = 100
#define ACKS(number) .flags = ACK, .seq = 101, .ack = 1 + 100 * (number)

struct part {
    struct craft *craft;
    struct craft_flow flow;
    const struct streams_side *server, *client;
};

/* Handshake and request; then the tap stands 10 ms from the server and 1 ms from the client. */
static struct part begin(void **state) {
    struct part part = {.craft = craft_new(), .flow = craft_flow()};
    *state = part.craft;
    craft_handshake(part.craft, &part.flow);
    craft_add(part.craft, &part.flow, MS,
              (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 100});
    return part;
}

static uint64_t add(struct part *part, rill_time after, struct craft_segment segment) {
    return craft_add(part->craft, &part->flow, after, segment);
}

static void run(struct part *part) {
    craft_run(part->craft);
    assert_int_equal(part->craft->result_count, 1);
    part->client = &part->craft->results[0].sides[CLIENT];
    part->server = &part->craft->results[0].sides[SERVER];
}

static const struct streams_event *event(const struct part *part, enum streams_event_kind kind) {
    for (size_t i = 0; i < part->craft->event_count; i++)
        if (part->craft->events[i].kind == kind)
            return &part->craft->events[i];
    fail_msg("no such event");
    return 0;
}

static void bytes_seen_before_are_sent_again(void **state) {
    struct part part = begin(state);
    add(&part, 10 * MS, (struct craft_segment){DATA(0)});
    add(&part, MS, (struct craft_segment){DATA(1)});
    uint64_t frame = add(&part, 300 * MS, (struct craft_segment){DATA(0)});
    add(&part, MS, (struct craft_segment){ACKS(2)});
    run(&part);
    assert_int_equal(part.server->resent_segments, 1);
    assert_int_equal(part.server->resent_bytes, 100);
    assert_int_equal(part.server->lost_segments, 1);
    assert_int_equal(part.server->spurious_segments, 0);
    assert_int_equal(part.server->bytes, 200);
    assert_int_equal(event(&part, STREAMS_EVENT_RESENT)->frame, frame);
    assert_true(event(&part, STREAMS_EVENT_RESENT)->sure);
}

static void bytes_acknowledged_and_sent_again_were_not_lost(void **state) {
    struct part part = begin(state);
    add(&part, 10 * MS, (struct craft_segment){DATA(0)});
    add(&part, MS, (struct craft_segment){ACKS(1)});
    add(&part, 200 * MS, (struct craft_segment){DATA(0)});
    run(&part);
    assert_int_equal(part.server->resent_segments, 1);
    assert_int_equal(part.server->spurious_segments, 1);
    assert_int_equal(part.server->lost_segments, 0);
    assert_int_equal(event(&part, STREAMS_EVENT_SPURIOUS)->evidence, STREAMS_EVIDENCE_ACKED_BEFORE);
}

static void a_dsack_tells_that_bytes_arrived_twice(void **state) {
    struct part part = begin(state);
    add(&part, 10 * MS, (struct craft_segment){DATA(0)});
    add(&part, 30 * MS, (struct craft_segment){DATA(0)});
    add(&part, MS, (struct craft_segment){ACKS(1), .sacks = {{1, 101}}, .sack_count = 1});
    run(&part);
    assert_int_equal(part.server->resent_segments, 1);
    assert_int_equal(part.server->spurious_segments, 1);
    assert_int_equal(event(&part, STREAMS_EVENT_SPURIOUS)->evidence, STREAMS_EVIDENCE_DSACK);
}

static void a_late_segment_with_an_older_timestamp_was_reordered(void **state) {
    struct part part = begin(state);
    add(&part, 10 * MS, (struct craft_segment){DATA(0), .timestamp = 500, .echo = 1});
    add(&part, MS, (struct craft_segment){DATA(2), .timestamp = 502, .echo = 1});
    add(&part, 50 * MS, (struct craft_segment){DATA(1), .timestamp = 501, .echo = 1});
    run(&part);
    assert_int_equal(part.server->reordered_segments, 1);
    assert_int_equal(part.server->repaired_segments, 0);
    assert_int_equal(part.server->resent_segments, 0);
    assert_int_equal(event(&part, STREAMS_EVENT_REORDERED)->evidence,
                     STREAMS_EVIDENCE_TIMESTAMP_OLDER);
    assert_int_equal(part.server->missing_bytes, 0);
}

static void a_late_segment_with_a_newer_timestamp_repairs_a_loss(void **state) {
    struct part part = begin(state);
    add(&part, 10 * MS, (struct craft_segment){DATA(0), .timestamp = 500, .echo = 1});
    add(&part, MS, (struct craft_segment){DATA(2), .timestamp = 502, .echo = 1});
    add(&part, MS, (struct craft_segment){DATA(1), .timestamp = 530, .echo = 1});
    run(&part);
    assert_int_equal(part.server->reordered_segments, 0);
    assert_int_equal(part.server->repaired_segments, 1);
    assert_int_equal(event(&part, STREAMS_EVENT_REPAIRED)->evidence,
                     STREAMS_EVIDENCE_TIMESTAMP_NEWER);
    assert_true(event(&part, STREAMS_EVENT_REPAIRED)->sure);
}

/* `id` of the segment that fills the hole; ids of the others count up. */
static struct part with_ids(void **state, unsigned id) {
    struct part part = begin(state);
    for (unsigned i = 0; i < 8; i++)
        add(&part, MS, (struct craft_segment){DATA(i), .id = 60 + i});
    add(&part, MS, (struct craft_segment){DATA(9), .id = 69});
    add(&part, 50 * MS, (struct craft_segment){DATA(8), .id = id});
    run(&part);
    return part;
}

static void an_id_before_that_of_the_successor_tells_of_reordering(void **state) {
    struct part part = with_ids(state, 68);
    assert_int_equal(part.server->reordered_segments, 1);
    assert_int_equal(event(&part, STREAMS_EVENT_REORDERED)->evidence, STREAMS_EVIDENCE_ID_OLDER);
}

static void an_id_after_that_of_the_successor_tells_of_a_repair(void **state) {
    struct part part = with_ids(state, 70);
    assert_int_equal(part.server->repaired_segments, 1);
    assert_int_equal(event(&part, STREAMS_EVENT_REPAIRED)->evidence, STREAMS_EVIDENCE_ID_NEWER);
}

/* Ids that are all alike say nothing; then time does. */
static struct part without_evidence(void **state, rill_time late, unsigned dup_acks) {
    struct part part = begin(state);
    for (unsigned i = 0; i < 8; i++)
        add(&part, i ? MS : 10 * MS, (struct craft_segment){DATA(i), .id = 7});
    add(&part, MS, (struct craft_segment){DATA(9), .id = 7});
    for (unsigned i = 0; i < dup_acks; i++)
        add(&part, MS / 10, (struct craft_segment){ACKS(8), .id = 500 + i});
    add(&part, late, (struct craft_segment){DATA(8), .id = 7});
    run(&part);
    return part;
}

static void what_comes_too_soon_for_a_repair_was_reordered(void **state) {
    struct part part = without_evidence(state, 2 * MS, 4);
    assert_int_equal(part.server->reordered_segments, 1);
    assert_int_equal(event(&part, STREAMS_EVENT_REORDERED)->evidence, STREAMS_EVIDENCE_TOO_SOON);
    assert_false(event(&part, STREAMS_EVENT_REORDERED)->sure);
}

static void what_nobody_complained_of_was_reordered(void **state) {
    struct part part = without_evidence(state, 40 * MS, 0);
    assert_int_equal(part.server->reordered_segments, 1);
    assert_int_equal(event(&part, STREAMS_EVENT_REORDERED)->evidence,
                     STREAMS_EVIDENCE_NO_COMPLAINT);
}

static void what_the_receiver_complained_of_was_repaired(void **state) {
    struct part part = without_evidence(state, 40 * MS, 4);
    assert_int_equal(part.server->repaired_segments, 1);
    assert_int_equal(event(&part, STREAMS_EVENT_REPAIRED)->evidence, STREAMS_EVIDENCE_COMPLAINT);
}

static void a_hole_that_is_acknowledged_is_missing_in_the_capture(void **state) {
    struct part part = begin(state);
    add(&part, 10 * MS, (struct craft_segment){DATA(0)});
    add(&part, MS, (struct craft_segment){DATA(2)});
    add(&part, MS, (struct craft_segment){ACKS(3)});
    craft_close(part.craft, &part.flow, 100, 300);
    run(&part);
    assert_int_equal(part.server->missing_bytes, 100);
    assert_int_equal(part.server->lost_bytes, 0);
    assert_int_equal(part.server->bytes, 200);
    assert_int_equal(event(&part, STREAMS_EVENT_MISSING)->position, 100);
}

static void a_hole_that_is_never_acknowledged_is_lost(void **state) {
    struct part part = begin(state);
    add(&part, 10 * MS, (struct craft_segment){DATA(0)});
    add(&part, MS, (struct craft_segment){DATA(2)});
    add(&part, MS, (struct craft_segment){ACKS(1)});
    run(&part);
    assert_int_equal(part.server->missing_bytes, 0);
    assert_int_equal(part.server->lost_bytes, 100);
}

static void bytes_acknowledged_and_never_seen_at_the_end_are_missing(void **state) {
    struct part part = begin(state);
    add(&part, 10 * MS, (struct craft_segment){DATA(0)});
    add(&part, MS, (struct craft_segment){ACKS(4)});
    run(&part);
    assert_int_equal(part.server->missing_bytes, 300);
}

static void a_fin_that_is_not_in_the_capture_is_no_missing_byte(void **state) {
    struct part part = begin(state);
    add(&part, 10 * MS, (struct craft_segment){DATA(0)});
    add(&part, MS, (struct craft_segment){.flags = FIN | ACK, .seq = 101, .ack = 102});
    add(&part, MS, (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 102, .ack = 102});
    run(&part);
    assert_int_equal(part.server->missing_bytes, 0);
    assert_int_equal(part.server->bytes, 100);
}

static void what_is_sent_again_with_other_contents_is_told(void **state) {
    struct part part = begin(state);
    add(&part, 10 * MS, (struct craft_segment){DATA(0), .fill = 'x'});
    uint64_t frame = add(&part, 30 * MS, (struct craft_segment){DATA(0), .fill = 'y'});
    run(&part);
    assert_int_equal(part.server->conflicting_bytes, 100);
    assert_int_equal(part.server->uncompared_bytes, 0);
    assert_int_equal(event(&part, STREAMS_EVENT_CONFLICT)->frame, frame);
}

static void an_overlap_of_two_segments_is_compared_with_both(void **state) {
    struct part part = begin(state);
    struct craft_segment again = {DATA(0), .fill = 'x'};
    add(&part, 10 * MS, (struct craft_segment){DATA(0), .fill = 'x'});
    add(&part, MS, (struct craft_segment){DATA(1), .fill = 'y'});
    again.seq += 50; /* 50 bytes of each: the second half differs */
    add(&part, 30 * MS, again);
    run(&part);
    assert_int_equal(part.server->resent_bytes, 100);
    assert_int_equal(part.server->conflicting_bytes, 50);
}

static void keepalives_are_no_retransmissions(void **state) {
    struct part part = begin(state);
    add(&part, 10 * MS, (struct craft_segment){DATA(0)});
    add(&part, MS, (struct craft_segment){ACKS(1)});
    add(&part, 10 * RILL_SECOND, (struct craft_segment){.flags = ACK, .seq = 100, .ack = 101});
    add(&part, 10 * MS,
        (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 101, .ack = 101});
    add(&part, 10 * RILL_SECOND,
        (struct craft_segment){.flags = ACK, .seq = 100, .ack = 101, .length = 1});
    add(&part, 10 * MS,
        (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 101, .ack = 101});
    run(&part);
    assert_int_equal(part.client->keepalives, 2);
    assert_int_equal(part.client->resent_segments, 0);
    assert_int_equal(part.client->window_probes, 0);
    assert_int_equal(part.client->bytes, 100);
}

static void probes_of_a_closed_window_are_no_keepalives(void **state) {
    struct part part = begin(state);
    add(&part, 10 * MS, (struct craft_segment){DATA(0)});
    add(&part, MS, (struct craft_segment){ACKS(1), .window = CRAFT_ZERO});
    add(&part, 300 * MS,
        (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 100, .ack = 101});
    add(&part, MS, (struct craft_segment){ACKS(1), .window = CRAFT_ZERO});
    add(&part, 600 * MS,
        (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 101, .ack = 101, .length = 1});
    add(&part, MS, (struct craft_segment){ACKS(1), .window = CRAFT_ZERO});
    run(&part);
    assert_int_equal(part.client->zero_windows, 1);
    assert_int_equal(part.server->window_probes, 2);
    assert_int_equal(part.server->keepalives, 0);
}

/* The other side is not in the capture. */
static void a_keepalive_is_known_without_its_answers(void **state) {
    struct part part = {.craft = craft_new(), .flow = craft_flow()};
    *state = part.craft;
    add(&part, MS, (struct craft_segment){.flags = SYN, .scale = 7});
    add(&part, MS, (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1});
    add(&part, MS, (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 100});
    for (unsigned i = 0; i < 3; i++)
        add(&part, 10 * RILL_SECOND,
            (struct craft_segment){.flags = ACK, .seq = 100, .ack = 1, .length = 1});
    add(&part, MS, (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 100});
    run(&part);
    assert_int_equal(part.client->keepalives, 3);
    assert_int_equal(part.client->resent_segments, 1);
    assert_int_equal(part.client->bytes, 100);
}

static void the_same_packet_at_another_interface_is_a_second_sighting(void **state) {
    struct part part = begin(state);
    for (unsigned i = 0; i < 4; i++) {
        add(&part, MS, (struct craft_segment){DATA(i), .id = 900 + i});
        part.flow.interface = 1;
        add(&part, 7 * MS, (struct craft_segment){DATA(i), .id = 900 + i});
        part.flow.interface = 0;
    }
    run(&part);
    assert_int_equal(part.server->duplicate_sightings, 4);
    assert_int_equal(part.server->resent_segments, 0);
    assert_int_equal(part.server->bytes, 400);
}

static void the_same_packet_within_a_millisecond_is_a_second_sighting(void **state) {
    struct part part = begin(state);
    add(&part, 10 * MS, (struct craft_segment){DATA(0), .id = 900});
    add(&part, MS / 100, (struct craft_segment){DATA(0), .id = 900});
    add(&part, 40 * MS, (struct craft_segment){DATA(0), .id = 900});
    run(&part);
    assert_int_equal(part.server->duplicate_sightings, 1);
    assert_int_equal(part.server->resent_segments, 1);
}

enum { NO_ID = 0x10000 };

/* IPv6 has no ids, and some leave IPv4's zero: then only that all comes twice tells. */
static void all_of_a_mirrored_connection_is_seen_twice(void **state) {
    const struct craft_segment list[] = {
        {.flags = SYN, .scale = 7, .id = NO_ID},
        {.side = SERVER, .flags = SYN | ACK, .ack = 1, .scale = 7, .id = NO_ID},
        {.flags = ACK, .seq = 1, .ack = 1, .id = NO_ID},
        {.flags = ACK, .seq = 1, .ack = 1, .length = 100, .id = NO_ID},
        {.side = SERVER, .flags = ACK, .seq = 1, .ack = 101, .id = NO_ID},
        {.side = SERVER, .flags = FIN | ACK, .seq = 1, .ack = 101, .id = NO_ID},
        {.flags = FIN | ACK, .seq = 101, .ack = 2, .id = NO_ID},
        {.side = SERVER, .flags = ACK, .seq = 2, .ack = 102, .id = NO_ID},
    };
    struct part part = {.craft = craft_new(), .flow = craft_flow()};
    *state = part.craft;
    for (unsigned i = 0; i < 8; i++) {
        add(&part, MS, list[i]);
        add(&part, 2 * RILL_MICROSECOND, list[i]);
    }
    run(&part);
    assert_int_equal(part.client->duplicate_sightings, 4);
    assert_int_equal(part.server->duplicate_sightings, 4);
    assert_int_equal(part.client->resent_segments, 0);
    assert_int_equal(part.craft->results[0].state, STREAMS_STATE_CLOSED);
    assert_int_equal(craft_events(part.craft, STREAMS_EVENT_SYN_RESENT), 0);
    assert_int_equal(craft_events(part.craft, STREAMS_EVENT_FIN_RESENT), 0);
}

/* Where not all comes twice, two ACKs alike are two ACKs. */
static void a_duplicate_ack_without_an_id_is_no_second_sighting(void **state) {
    struct part part = begin(state);
    add(&part, 10 * MS, (struct craft_segment){DATA(0), .id = NO_ID});
    for (unsigned i = 0; i < 3; i++)
        add(&part, 2 * RILL_MICROSECOND, (struct craft_segment){ACKS(1), .id = NO_ID});
    run(&part);
    assert_int_equal(part.client->duplicate_sightings, 0);
}

static void numbers_may_wrap_in_the_middle(void **state) {
    struct part part = {.craft = craft_new(), .flow = craft_flow()};
    *state = part.craft;
    part.flow.isn[SERVER] = UINT32_MAX - 250;
    craft_handshake(part.craft, &part.flow);
    add(&part, MS, (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 100});
    for (unsigned i = 0; i < 6; i++)
        if (i != 3)
            add(&part, MS, (struct craft_segment){DATA(i)});
    add(&part, MS, (struct craft_segment){ACKS(3)});
    add(&part, MS, (struct craft_segment){DATA(3), .timestamp = 9, .echo = 9});
    add(&part, MS, (struct craft_segment){ACKS(6)});
    run(&part);
    assert_int_equal(part.server->bytes, 600);
    assert_int_equal(part.server->missing_bytes, 0);
    assert_int_equal(part.server->resent_segments, 0);
}

/* More than 2^32 bytes: one segment in a thousand is in the capture, of 1 MiB jumps. */
static void a_stream_may_be_longer_than_the_sequence_space(void **state) {
    struct part part = begin(state);
    uint64_t position = 1, step = 3 << 20;
    for (unsigned i = 0; i < 1500; i++) {
        add(&part, MS,
            (struct craft_segment){.side = SERVER,
                                   .flags = ACK,
                                   .ack = 101,
                                   .seq = (uint32_t)position,
                                   .length = 100});
        position += step;
        add(&part, MS, (struct craft_segment){.flags = ACK, .seq = 101, .ack = (uint32_t)position});
    }
    run(&part);
    assert_int_equal(part.server->bytes + part.server->missing_bytes, 1500 * step);
    assert_int_equal(part.server->bytes, 150000);
}

static void holes_without_number_are_given_up_and_told(void **state) {
    struct part part = begin(state);
    for (unsigned i = 0; i < 600; i++)
        add(&part, MS, (struct craft_segment){DATA(2 * i + 1)});
    run(&part);
    assert_true(part.server->given_up_holes > 0);
    assert_int_equal(part.craft->totals.holes_given_up, part.server->given_up_holes);
    assert_int_equal(part.server->bytes, 60000);
    assert_int_equal(part.server->bytes + part.server->lost_bytes + part.server->missing_bytes,
                     120000);
}

static void options_of_the_handshake_are_told(void **state) {
    struct part part = {.craft = craft_new(), .flow = craft_flow()};
    *state = part.craft;
    add(&part, MS,
        (struct craft_segment){
            .flags = SYN, .mss = 1400, .scale = 9, .timestamp = 1, .sack_permitted = true});
    add(&part, MS,
        (struct craft_segment){.side = SERVER,
                               .flags = SYN | ACK,
                               .ack = 1,
                               .mss = 1300,
                               .scale = 3,
                               .sack_permitted = true});
    add(&part, MS,
        (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .window = 100, .length = 1});
    run(&part);
    assert_int_equal(part.client->mss, 1400);
    assert_int_equal(part.server->mss, 1300);
    assert_int_equal(part.client->window_scale, 9);
    assert_int_equal(part.server->window_scale, 3);
    assert_int_equal(part.craft->results[0].sack, 1);
    assert_int_equal(part.craft->results[0].timestamps, 0); /* the answer does not have them */
    assert_int_equal(part.client->window_max, 100 << 9);
}

static void a_scale_that_is_not_answered_is_not_used(void **state) {
    struct part part = {.craft = craft_new(), .flow = craft_flow()};
    *state = part.craft;
    add(&part, MS, (struct craft_segment){.flags = SYN, .scale = 9});
    add(&part, MS,
        (struct craft_segment){.side = SERVER, .flags = SYN | ACK, .ack = 1, .scale = -1});
    add(&part, MS,
        (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .window = 100, .length = 1});
    run(&part);
    assert_int_equal(part.client->window_max, 100);
}

static void data_in_a_syn_is_counted(void **state) {
    struct part part = {.craft = craft_new(), .flow = craft_flow()};
    *state = part.craft;
    add(&part, MS, (struct craft_segment){.flags = SYN, .scale = 7, .length = 60});
    add(&part, MS,
        (struct craft_segment){.side = SERVER, .flags = SYN | ACK, .ack = 61, .scale = 7});
    add(&part, MS, (struct craft_segment){.flags = ACK, .seq = 61, .ack = 1, .length = 40});
    run(&part);
    assert_int_equal(part.client->syn_bytes, 60);
    assert_int_equal(part.client->bytes, 100);
    assert_int_equal(part.client->resent_segments, 0);
}

static void a_round_trip_is_measured_on_both_sides_of_the_tap(void **state) {
    struct part part = begin(state);
    run(&part);
    assert_int_equal(part.client->rtt_min, 10 * MS);
    assert_int_equal(part.server->rtt_min, MS);
    assert_int_equal(part.craft->results[0].rtt_min, 11 * MS);
    assert_int_equal(part.craft->results[0].tap, STREAMS_TAP_CLIENT);
}

const struct CMUnitTest labels_tests[] = {
    STREAMS_TEST(bytes_seen_before_are_sent_again),
    STREAMS_TEST(bytes_acknowledged_and_sent_again_were_not_lost),
    STREAMS_TEST(a_dsack_tells_that_bytes_arrived_twice),
    STREAMS_TEST(a_late_segment_with_an_older_timestamp_was_reordered),
    STREAMS_TEST(a_late_segment_with_a_newer_timestamp_repairs_a_loss),
    STREAMS_TEST(an_id_before_that_of_the_successor_tells_of_reordering),
    STREAMS_TEST(an_id_after_that_of_the_successor_tells_of_a_repair),
    STREAMS_TEST(what_comes_too_soon_for_a_repair_was_reordered),
    STREAMS_TEST(what_nobody_complained_of_was_reordered),
    STREAMS_TEST(what_the_receiver_complained_of_was_repaired),
    STREAMS_TEST(a_hole_that_is_acknowledged_is_missing_in_the_capture),
    STREAMS_TEST(a_hole_that_is_never_acknowledged_is_lost),
    STREAMS_TEST(bytes_acknowledged_and_never_seen_at_the_end_are_missing),
    STREAMS_TEST(a_fin_that_is_not_in_the_capture_is_no_missing_byte),
    STREAMS_TEST(what_is_sent_again_with_other_contents_is_told),
    STREAMS_TEST(an_overlap_of_two_segments_is_compared_with_both),
    STREAMS_TEST(keepalives_are_no_retransmissions),
    STREAMS_TEST(probes_of_a_closed_window_are_no_keepalives),
    STREAMS_TEST(a_keepalive_is_known_without_its_answers),
    STREAMS_TEST(the_same_packet_at_another_interface_is_a_second_sighting),
    STREAMS_TEST(the_same_packet_within_a_millisecond_is_a_second_sighting),
    STREAMS_TEST(all_of_a_mirrored_connection_is_seen_twice),
    STREAMS_TEST(a_duplicate_ack_without_an_id_is_no_second_sighting),
    STREAMS_TEST(numbers_may_wrap_in_the_middle),
    STREAMS_TEST(a_stream_may_be_longer_than_the_sequence_space),
    STREAMS_TEST(holes_without_number_are_given_up_and_told),
    STREAMS_TEST(options_of_the_handshake_are_told),
    STREAMS_TEST(a_scale_that_is_not_answered_is_not_used),
    STREAMS_TEST(data_in_a_syn_is_counted),
    STREAMS_TEST(a_round_trip_is_measured_on_both_sides_of_the_tap),
};
const size_t labels_test_count = sizeof labels_tests / sizeof *labels_tests;
