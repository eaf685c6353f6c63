/* tests/streams/blame_test.c: what a connection's time is charged to. craft_run checks for every
 * test that the parts sum up to the whole. */
#include "streams/streams_test.h"

#define MS RILL_MILLISECOND

struct part {
    struct craft *craft;
    struct craft_flow flow;
};

static struct part begin(void **state) {
    struct part part = {craft_new(), craft_flow()};
    *state = part.craft;
    craft_handshake(part.craft, &part.flow); /* 10 ms, then 1 ms */
    return part;
}

static void add(struct part *part, rill_time after, struct craft_segment segment) {
    craft_add(part->craft, &part->flow, after, segment);
}

static void run(struct part *part) {
    craft_run(part->craft);
    assert_int_equal(part->craft->result_count, 1);
}

static void is(const struct part *part, enum streams_blame blame, uint64_t least, uint64_t most) {
    assert_in_range(part->craft->results[0].blame[blame], least, most);
}

static void a_server_that_thinks_is_blamed(void **state) {
    struct part part = begin(state);
    add(&part, MS, (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 100});
    add(&part, 10 * MS, (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 1, .ack = 101});
    add(&part, 700 * MS,
        (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 1, .ack = 101, .length = 200});
    add(&part, MS, (struct craft_segment){.flags = ACK, .seq = 101, .ack = 201});
    run(&part);
    is(&part, STREAMS_BLAME_HANDSHAKE, 11 * MS, 11 * MS);
    is(&part, STREAMS_BLAME_SERVER, 685 * MS, 700 * MS);
    is(&part, STREAMS_BLAME_CLIENT, MS, MS);
    assert_int_equal(part.craft->results[0].evidence[STREAMS_BLAME_SERVER], 5);
}

/* The answer carries the acknowledgement: no bare ACK tells that the request has arrived. */
static void a_server_that_thinks_is_blamed_though_its_answer_brings_the_ack(void **state) {
    struct part part = begin(state);
    add(&part, MS, (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 100});
    add(&part, 35 * MS,
        (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 1, .ack = 101, .length = 200});
    run(&part);
    is(&part, STREAMS_BLAME_SERVER, 24 * MS, 26 * MS);
    is(&part, STREAMS_BLAME_DISTANCE, 9 * MS, 11 * MS);
}

static void a_client_that_thinks_is_blamed(void **state) {
    struct part part = begin(state);
    for (unsigned i = 0; i < 3; i++) {
        add(&part, 400 * MS,
            (struct craft_segment){
                .flags = ACK, .seq = 1 + 100 * i, .ack = 1 + 200 * i, .length = 100});
        add(&part, 10 * MS,
            (struct craft_segment){.side = SERVER,
                                   .flags = ACK,
                                   .seq = 1 + 200 * i,
                                   .ack = 101 + 100 * i,
                                   .length = 200});
        add(&part, MS,
            (struct craft_segment){.flags = ACK, .seq = 101 + 100 * i, .ack = 201 + 200 * i});
    }
    run(&part);
    is(&part, STREAMS_BLAME_CLIENT, 1190 * MS, 1200 * MS);
    is(&part, STREAMS_BLAME_DISTANCE, 20 * MS, 40 * MS);
}

static void silence_that_ends_with_the_connection_is_idle(void **state) {
    struct part part = begin(state);
    add(&part, MS, (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 100});
    add(&part, 10 * MS,
        (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 1, .ack = 101, .length = 200});
    add(&part, MS, (struct craft_segment){.flags = ACK, .seq = 101, .ack = 201});
    part.craft->now += 60 * RILL_SECOND;
    craft_close(part.craft, &part.flow, 100, 200);
    run(&part);
    is(&part, STREAMS_BLAME_IDLE, 60 * RILL_SECOND, 60 * RILL_SECOND + 5 * MS);
    is(&part, STREAMS_BLAME_CLOSING, 11 * MS, 11 * MS);
}

static void a_request_nobody_answered_was_waited_for(void **state) {
    struct part part = begin(state);
    add(&part, MS, (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 100});
    add(&part, 10 * MS, (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 1, .ack = 101});
    part.craft->now += 30 * RILL_SECOND;
    craft_close(part.craft, &part.flow, 100, 0);
    run(&part);
    is(&part, STREAMS_BLAME_SERVER, 30 * RILL_SECOND, 30 * RILL_SECOND + 5 * MS);
}

static void a_closed_window_is_the_receivers(void **state) {
    struct part part = begin(state);
    add(&part, MS, (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 1000});
    add(&part, 10 * MS,
        (struct craft_segment){
            .side = SERVER, .flags = ACK, .seq = 1, .ack = 1001, .window = CRAFT_ZERO});
    for (unsigned i = 0; i < 3; i++) {
        add(&part, 500 * MS, (struct craft_segment){.flags = ACK, .seq = 1000, .ack = 1});
        add(&part, 10 * MS,
            (struct craft_segment){
                .side = SERVER, .flags = ACK, .seq = 1, .ack = 1001, .window = CRAFT_ZERO});
    }
    add(&part, 500 * MS,
        (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 1, .ack = 1001});
    add(&part, MS, (struct craft_segment){.flags = ACK, .seq = 1001, .ack = 1, .length = 1000});
    run(&part);
    is(&part, STREAMS_BLAME_RECEIVER_WINDOW, 2030 * MS, 2030 * MS);
}

static void a_window_that_stays_full_is_the_receivers(void **state) {
    struct part part = begin(state);
    uint32_t seq = 1;
    /* 16 units of 128 bytes are 2,048, and so much is sent a round trip. */
    add(&part, MS,
        (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 1, .ack = 1, .window = 16});
    for (unsigned i = 0; i < 50; i++) {
        add(&part, MS, (struct craft_segment){.flags = ACK, .seq = seq, .ack = 1, .length = 1024});
        add(&part, 0,
            (struct craft_segment){.flags = ACK, .seq = seq + 1024, .ack = 1, .length = 1024});
        seq += 2048;
        add(&part, 10 * MS,
            (struct craft_segment){
                .side = SERVER, .flags = ACK, .seq = 1, .ack = seq, .window = 16});
    }
    run(&part);
    is(&part, STREAMS_BLAME_RECEIVER_WINDOW, 500 * MS, 550 * MS);
}

static void the_silence_before_a_timeout_is_a_loss(void **state) {
    struct part part = begin(state);
    add(&part, MS, (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 1000});
    add(&part, 300 * MS, (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 1000});
    add(&part, 600 * MS, (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 1000});
    add(&part, 10 * MS,
        (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 1, .ack = 1001});
    run(&part);
    is(&part, STREAMS_BLAME_LOSS, 900 * MS, 910 * MS);
    assert_int_equal(part.craft->results[0].sides[CLIENT].lost_segments, 2);
}

/* Windows that grow by two segments a round trip of 11 ms, which becomes 50 ms later. */
static void bulk(struct part *part, rill_time way, uint32_t *seq, unsigned rounds,
                 unsigned segments) {
    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned j = 0; j < segments; j++)
            add(part, j ? 1000 : MS,
                (struct craft_segment){
                    .flags = ACK, .seq = *seq + 1000 * j, .ack = 1, .length = 1000});
        *seq += 1000 * segments;
        add(part, way, (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 1, .ack = *seq});
    }
}

static void a_path_that_is_long_is_distance(void **state) {
    struct part part = begin(state);
    uint32_t seq = 1;
    bulk(&part, 10 * MS, &seq, 50, 4);
    run(&part);
    is(&part, STREAMS_BLAME_DISTANCE, 480 * MS, 550 * MS);
    is(&part, STREAMS_BLAME_QUEUE, 0, 0);
}

static void a_round_trip_that_doubles_is_a_queue(void **state) {
    struct part part = begin(state);
    uint32_t seq = 1;
    bulk(&part, 10 * MS, &seq, 10, 4);
    bulk(&part, 60 * MS, &seq, 20, 4);
    run(&part);
    is(&part, STREAMS_BLAME_QUEUE, 1000 * MS, 1230 * MS);
}

/* Seen beside the receiver, nothing is ever in flight, and yet it is the network. */
static void a_full_path_is_the_networks_beside_the_receiver_too(void **state) {
    struct part part = begin(state);
    add(&part, MS, (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 10});
    add(&part, 10 * MS, (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 1, .ack = 11});
    for (unsigned i = 0; i < 200; i++) {
        add(&part, 2 * MS,
            (struct craft_segment){
                .side = SERVER, .flags = ACK, .seq = 1 + 1000 * i, .ack = 11, .length = 1000});
        add(&part, 1000, (struct craft_segment){.flags = ACK, .seq = 11, .ack = 1001 + 1000 * i});
    }
    run(&part);
    is(&part, STREAMS_BLAME_DISTANCE, 390 * MS, 420 * MS);
    is(&part, STREAMS_BLAME_SERVER, 0, 10 * MS);
}

/* Any packets in any order: the parts must sum up. */
static void random_packets_leave_whole_accounts(void **state) {
    uint64_t seed = 12345;
    *state = 0;
    for (unsigned i = 0; i < 200; i++) {
        struct craft *craft = craft_new();
        struct craft_flow flow = craft_flow();
        *state = craft;
        for (unsigned j = 0; j < 100; j++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            unsigned dice = (unsigned)(seed >> 33);
            struct craft_segment segment = {
                .side = dice & 1, .flags = dice >> 1 & 31, .scale = (int)(dice >> 6 & 3) - 1};
            segment.seq = (dice >> 8 & 15) * 100;
            segment.ack = (dice >> 12 & 15) * 100;
            segment.length = dice >> 16 & 1 ? 100 * (1 + (dice >> 17 & 3)) : dice >> 18 & 1;
            segment.window = dice >> 19 & 3 ? 500 : CRAFT_ZERO;
            segment.timestamp = dice >> 21 & 1 ? 1000 + j : 0;
            segment.sack_count = dice >> 22 & 1;
            segment.sacks[0] = (struct wire_sack){segment.ack + 100, segment.ack + 300};
            craft_add(craft, &flow, (seed >> 20 & 0xffff) * 1000, segment);
        }
        craft_run(craft);
        uint64_t packets = 0;
        for (size_t j = 0; j < craft->result_count; j++)
            packets += craft->results[j].sides[0].packets + craft->results[j].sides[1].packets;
        assert_int_equal(packets, 100);
        craft_close_test(state);
    }
}

const struct CMUnitTest blame_tests[] = {
    STREAMS_TEST(a_server_that_thinks_is_blamed),
    STREAMS_TEST(a_server_that_thinks_is_blamed_though_its_answer_brings_the_ack),
    STREAMS_TEST(a_client_that_thinks_is_blamed),
    STREAMS_TEST(silence_that_ends_with_the_connection_is_idle),
    STREAMS_TEST(a_request_nobody_answered_was_waited_for),
    STREAMS_TEST(a_closed_window_is_the_receivers),
    STREAMS_TEST(a_window_that_stays_full_is_the_receivers),
    STREAMS_TEST(the_silence_before_a_timeout_is_a_loss),
    STREAMS_TEST(a_path_that_is_long_is_distance),
    STREAMS_TEST(a_round_trip_that_doubles_is_a_queue),
    STREAMS_TEST(a_full_path_is_the_networks_beside_the_receiver_too),
    STREAMS_TEST(random_packets_leave_whole_accounts),
};
const size_t blame_test_count = sizeof blame_tests / sizeof *blame_tests;
