/* tests/streams/lives_test.c: which connection a packet belongs to: the lives of a four-tuple. */
#include "streams/streams_test.h"

#define MS RILL_MILLISECOND

static struct craft *start(void **state) {
    struct craft *craft = craft_new();
    *state = craft;
    return craft;
}

static void exchange(struct craft *craft, struct craft_flow *flow) {
    craft_handshake(craft, flow);
    craft_add(craft, flow, MS,
              (struct craft_segment){.flags = ACK | PSH, .seq = 1, .ack = 1, .length = 100});
    craft_add(
        craft, flow, 10 * MS,
        (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 1, .ack = 101, .length = 500});
    craft_add(craft, flow, MS, (struct craft_segment){.flags = ACK, .seq = 101, .ack = 501});
}

static void a_new_isn_after_the_end_is_a_new_life(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    for (unsigned i = 0; i < 3; i++) {
        exchange(craft, &flow);
        craft_close(craft, &flow, 100, 500);
        flow.isn[0] += 77777;
        flow.isn[1] += 99999;
    }
    craft_run(craft);
    assert_int_equal(craft->result_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(craft->results[i].number, i);
        assert_int_equal(craft->results[i].incarnation, i + 1);
        assert_int_equal(craft->results[i].state, STREAMS_STATE_CLOSED);
        assert_int_equal(craft->results[i].closed_by, STREAMS_CLOSED_BY_CLIENT);
        assert_int_equal(craft->results[i].sides[CLIENT].bytes, 100);
        assert_int_equal(craft->results[i].sides[SERVER].bytes, 500);
        assert_int_equal(craft->results[i].sides[CLIENT].isn, 1000 + 77777 * i);
    }
}

/* Story: a four-tuple used again every two minutes was in its first life each time. */
static void a_life_is_counted_though_the_one_before_is_put_away(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow(), other = craft_flow();
    other.ports[0] = 44444;
    for (unsigned i = 0; i < 5; i++) {
        exchange(craft, &flow);
        craft_close(craft, &flow, 100, 500);
        craft_add(craft, &other, 120 * RILL_SECOND, (struct craft_segment){.flags = SYN});
        craft_add(craft, &other, MS, (struct craft_segment){.flags = SYN});
        flow.isn[0] += 77777;
        flow.isn[1] += 99999;
    }
    craft_run(craft);
    unsigned lives = 0;
    for (unsigned i = 0; i < craft->result_count; i++)
        if (craft->results[i].sides[CLIENT].bytes)
            assert_int_equal(craft->results[i].incarnation, ++lives);
    assert_int_equal(lives, 5);
}

static void a_new_isn_that_is_answered_is_a_new_life_though_the_old_one_never_ended(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    exchange(craft, &flow);
    flow.isn[0] += 1 << 20;
    flow.isn[1] += 1 << 20;
    exchange(craft, &flow);
    craft_run(craft);
    assert_int_equal(craft->result_count, 2);
    assert_int_equal(craft->results[0].state, STREAMS_STATE_OPEN);
    assert_int_equal(craft->results[1].incarnation, 2);
    assert_int_equal(craft->results[1].sides[SERVER].bytes, 500);
}

static void a_stray_syn_that_gets_an_ack_of_the_old_life_changes_nothing(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow(), stray = craft_flow();
    exchange(craft, &flow);
    stray.isn[0] += 500000000;
    craft_add(craft, &stray, 50 * MS, (struct craft_segment){.flags = SYN, .scale = -1});
    craft_add(craft, &flow, 10 * MS,
              (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 501, .ack = 101});
    craft_add(craft, &flow, MS,
              (struct craft_segment){.flags = ACK, .seq = 101, .ack = 501, .length = 50});
    craft_add(craft, &flow, 10 * MS,
              (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 501, .ack = 151});
    craft_run(craft);
    assert_int_equal(craft->result_count, 1);
    assert_int_equal(craft->results[0].rejected_syns, 1);
    assert_int_equal(craft->results[0].sides[CLIENT].bytes, 150);
    assert_int_equal(craft->results[0].sides[CLIENT].packets, 6);
    assert_int_equal(craft_events(craft, STREAMS_EVENT_REJECTED_SYN), 1);
}

/* A host that has crashed and begins anew: the old life is reset, and the same SYN opens the new
 * one. */
static void a_rejected_syn_that_comes_again_after_a_reset_opens_a_connection(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow(), new = craft_flow();
    exchange(craft, &flow);
    new.isn[0] += 400000000;
    new.isn[1] += 300000000;
    craft_add(craft, &new, 50 * MS, (struct craft_segment){.flags = SYN, .mss = 1460, .scale = 7});
    craft_add(craft, &flow, 10 * MS,
              (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 501, .ack = 101});
    craft_add(craft, &flow, MS, (struct craft_segment){.flags = RST, .seq = 101});
    exchange(craft, &new);
    craft_run(craft);
    assert_int_equal(craft->result_count, 2);
    assert_int_equal(craft->results[0].state, STREAMS_STATE_RESET);
    assert_int_equal(craft->results[0].closed_by, STREAMS_RESET_BY_CLIENT);
    assert_int_equal(craft->results[1].state, STREAMS_STATE_OPEN);
    assert_int_equal(craft->results[1].handshake, STREAMS_HANDSHAKE_WHOLE);
}

static void a_syn_sent_again_is_the_same_connection(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    for (unsigned i = 0; i < 4; i++)
        craft_add(craft, &flow, RILL_SECOND << i, (struct craft_segment){.flags = SYN, .scale = 7});
    craft_run(craft);
    assert_int_equal(craft->result_count, 1);
    assert_int_equal(craft->results[0].state, STREAMS_STATE_ATTEMPTED);
    assert_int_equal(craft->results[0].sides[CLIENT].packets, 4);
    assert_int_equal(craft_events(craft, STREAMS_EVENT_SYN_RESENT), 3);
    assert_int_equal(craft->results[0].blame[STREAMS_BLAME_HANDSHAKE], craft->results[0].duration);
}

static void the_same_isn_after_the_end_is_a_new_life(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    exchange(craft, &flow);
    craft_close(craft, &flow, 100, 500);
    flow.isn[1] += 4000000;
    craft->now += 120 * RILL_SECOND;
    exchange(craft, &flow);
    craft_run(craft);
    assert_int_equal(craft->result_count, 2);
    assert_int_equal(craft->results[1].sides[SERVER].bytes, 500);
}

static void two_syns_that_cross_are_one_connection(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    craft_add(craft, &flow, MS, (struct craft_segment){.side = CLIENT, .flags = SYN, .scale = 7});
    craft_add(craft, &flow, MS, (struct craft_segment){.side = SERVER, .flags = SYN, .scale = 7});
    craft_add(craft, &flow, MS,
              (struct craft_segment){.side = CLIENT, .flags = SYN | ACK, .ack = 1, .scale = 7});
    craft_add(craft, &flow, MS,
              (struct craft_segment){.side = SERVER, .flags = SYN | ACK, .ack = 1, .scale = 7});
    craft_add(craft, &flow, MS,
              (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 10});
    craft_run(craft);
    assert_int_equal(craft->result_count, 1);
    assert_int_equal(craft->results[0].sides[CLIENT].port, 40000);
    assert_int_equal(craft->results[0].handshake, STREAMS_HANDSHAKE_WHOLE);
    assert_int_equal(craft->results[0].sides[CLIENT].bytes, 10);
}

static void an_answer_that_stands_before_its_syn_waits_for_it(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    flow.ports[0] = 80; /* the ports say nothing */
    craft_add(craft, &flow, MS,
              (struct craft_segment){.side = SERVER, .flags = SYN | ACK, .ack = 1, .scale = 7});
    craft_add(craft, &flow, MS, (struct craft_segment){.flags = SYN, .scale = 7});
    craft_add(craft, &flow, MS,
              (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 10});
    craft_run(craft);
    assert_int_equal(craft->result_count, 1);
    assert_int_equal(craft->results[0].sides[CLIENT].bytes, 10);
    assert_int_equal(craft->results[0].sides[CLIENT].isn, 1000);
    assert_int_equal(craft->results[0].handshake, STREAMS_HANDSHAKE_WHOLE);
}

static void numbers_far_away_after_the_end_are_a_life_whose_handshake_is_missing(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    exchange(craft, &flow);
    craft_close(craft, &flow, 100, 500);
    flow.isn[0] += 3000000000u;
    flow.isn[1] += 2000000000u;
    craft_add(craft, &flow, 5 * RILL_SECOND,
              (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 70});
    craft_add(
        craft, &flow, MS,
        (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 1, .ack = 71, .length = 30});
    craft_run(craft);
    assert_int_equal(craft->result_count, 2);
    assert_int_equal(craft->results[1].handshake, STREAMS_HANDSHAKE_NONE);
    assert_int_equal(craft->results[1].state, STREAMS_STATE_MIDSTREAM);
    assert_int_equal(craft->results[1].sides[CLIENT].bytes, 70);
    assert_int_equal(craft->results[1].sides[CLIENT].missing_bytes, 0);
}

static void silence_alone_never_ends_a_connection(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    exchange(craft, &flow);
    craft_add(craft, &flow, 86400 * RILL_SECOND,
              (struct craft_segment){.flags = ACK, .seq = 101, .ack = 501, .length = 7});
    craft_run(craft);
    assert_int_equal(craft->result_count, 1);
    assert_int_equal(craft->results[0].sides[CLIENT].bytes, 107);
}

static void silence_ends_a_connection_when_asked_to(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    craft->config.idle_split = 3600 * RILL_SECOND;
    exchange(craft, &flow);
    craft_add(craft, &flow, 86400 * RILL_SECOND,
              (struct craft_segment){.flags = ACK, .seq = 101, .ack = 501, .length = 7});
    craft_run(craft);
    assert_int_equal(craft->result_count, 2);
}

static void a_late_segment_goes_to_the_old_life(void **state) {
    struct craft *craft = start(state);
    struct craft_flow old = craft_flow(), new = craft_flow();
    exchange(craft, &old);
    craft_close(craft, &old, 100, 500);
    new.isn[0] += 1 << 28;
    new.isn[1] += 1 << 28;
    exchange(craft, &new);
    craft_add(
        craft, &old, MS,
        (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 1, .ack = 101, .length = 500});
    craft_run(craft);
    assert_int_equal(craft->result_count, 2);
    assert_int_equal(craft->results[0].sides[SERVER].resent_segments, 1);
    assert_int_equal(craft->results[1].sides[SERVER].resent_segments, 0);
    assert_int_equal(craft->results[1].sides[SERVER].bytes, 500);
}

/* It was on its way when the SYN came, and is no answer to it (RFC 5961 §4.2). */
static void data_of_the_old_life_does_not_reject_a_syn(void **state) {
    struct craft *craft = start(state);
    struct craft_flow old = craft_flow(), new = craft_flow();
    new.isn[0] += 1 << 26;
    new.isn[1] += 1 << 26;
    exchange(craft, &old);
    uint64_t syn =
        craft_add(craft, &new, RILL_SECOND, (struct craft_segment){.flags = SYN, .scale = 7});
    craft_add(craft, &old, MS,
              (struct craft_segment){
                  .side = SERVER, .flags = ACK, .seq = 501, .ack = 101, .length = 300});
    craft_add(craft, &new, MS,
              (struct craft_segment){.side = SERVER, .flags = SYN | ACK, .ack = 1, .scale = 7});
    craft_add(craft, &new, MS, (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1});
    craft_run(craft);
    assert_int_equal(craft->result_count, 2);
    assert_int_equal(craft->results[0].rejected_syns, 0);
    assert_int_equal(craft->results[0].sides[SERVER].bytes, 800);
    assert_int_equal(craft->results[1].first_frame, syn);
    assert_int_equal(craft->results[1].handshake, STREAMS_HANDSHAKE_WHOLE);
}

/* In a capture of an interface this is how what never ends is told, and forgotten. */
static void a_life_without_end_is_over_when_another_is_established(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    craft->config.context = craft;
    craft->config.connection = craft_count;
    struct streams *streams = rill__streams_open(&craft->config);
    for (unsigned life = 0; life < 20; life++) {
        exchange(craft, &flow);
        flow.isn[0] += 1 << 26;
        flow.isn[1] += 1 << 26;
        craft->now += RILL_SECOND;
    }
    for (size_t i = 0; i < craft->count; i++)
        rill__streams_frame(streams, &craft->frames[i]);
    rill__streams_advance(streams, craft->now + 100 * RILL_SECOND);
    assert_int_equal(craft->result_count, 19);
    rill__streams_finish(streams);
    assert_int_equal(craft->result_count, 20);
    rill__streams_close(streams);
}

static void equal_addresses_in_two_vlans_are_two_connections(void **state) {
    struct craft *craft = start(state);
    struct craft_flow one = craft_flow(), other = craft_flow();
    one.vlan = 10;
    other.vlan = 20;
    other.isn[0] += 5;
    other.id[0] += 999;
    other.id[1] += 999;
    craft_handshake(craft, &one);
    craft_handshake(craft, &other);
    craft_add(craft, &one, MS,
              (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 11});
    craft_add(craft, &other, MS,
              (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1, .length = 22});
    craft_run(craft);
    assert_int_equal(craft->result_count, 2);
    assert_int_equal(craft->results[0].sides[CLIENT].bytes, 11);
    assert_int_equal(craft->results[1].sides[CLIENT].bytes, 22);
}

/* A router between two VLANs that are both mirrored. */
static void the_same_packets_in_another_vlan_are_second_sightings(void **state) {
    struct craft *craft = start(state);
    struct craft_flow before = craft_flow(), after = craft_flow();
    before.vlan = 10;
    after.vlan = 20;
    struct craft_segment list[] = {
        {.flags = SYN, .scale = 7, .id = 1},
        {.side = SERVER, .flags = SYN | ACK, .ack = 1, .scale = 7, .id = 2},
        {.flags = ACK, .seq = 1, .ack = 1, .id = 3},
        {.flags = ACK, .seq = 1, .ack = 1, .length = 100, .id = 4},
        {.side = SERVER, .flags = ACK, .seq = 1, .ack = 101, .id = 5},
    };
    for (unsigned i = 0; i < 5; i++) {
        craft_add(craft, list[i].side ? &after : &before, MS, list[i]);
        list[i].ttl = 63;
        craft_add(craft, list[i].side ? &before : &after, MS / 100, list[i]);
    }
    craft_run(craft);
    assert_int_equal(craft->result_count, 1);
    assert_int_equal(craft->results[0].sides[CLIENT].duplicate_sightings, 3);
    assert_int_equal(craft->results[0].sides[SERVER].duplicate_sightings, 2);
    assert_int_equal(craft->results[0].sides[CLIENT].resent_segments, 0);
    assert_int_equal(craft->results[0].sides[CLIENT].bytes, 100);
}

static void answers_to_a_syn_are_told_apart(void **state) {
    struct craft *craft = start(state);
    struct craft_flow refused = craft_flow(), rejected = craft_flow();
    rejected.ports[0]++;
    craft_add(craft, &refused, MS, (struct craft_segment){.flags = SYN, .scale = -1});
    craft_add(craft, &refused, MS,
              (struct craft_segment){.side = SERVER, .flags = RST | ACK, .ack = 1});
    craft_add(craft, &rejected, MS, (struct craft_segment){.flags = SYN, .scale = -1});
    craft_add(craft, &rejected, MS,
              (struct craft_segment){.side = SERVER, .flags = ACK, .seq = 9, .ack = 4000});
    craft_run(craft);
    assert_int_equal(craft->result_count, 2);
    assert_int_equal(craft->results[0].state, STREAMS_STATE_REFUSED);
    assert_int_equal(craft->results[1].state, STREAMS_STATE_REJECTED);
}

static void many_lives_of_one_four_tuple_are_all_counted(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    for (unsigned i = 0; i < 300; i++) {
        craft_add(craft, &flow, MS, (struct craft_segment){.flags = SYN, .scale = 7});
        craft_add(craft, &flow, MS,
                  (struct craft_segment){.side = SERVER, .flags = SYN | ACK, .ack = 1, .scale = 7});
        craft_add(craft, &flow, MS, (struct craft_segment){.flags = RST | ACK, .seq = 1, .ack = 1});
        flow.isn[0] += 100000;
        flow.isn[1] += 100000;
    }
    craft_run(craft);
    assert_int_equal(craft->result_count, 300);
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(craft->results[i].incarnation, i + 1);
}

/* What is given up is told, and nothing is forgotten in the count. */
static void unanswered_syns_without_end_stay_within_the_memory_given(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    craft_add(craft, &flow, MS, (struct craft_segment){.flags = SYN, .scale = -1});
    craft->config.memory_max = 8 << 20;
    craft->config.context = craft;
    craft->config.connection = craft_count;
    struct streams *streams = rill__streams_open(&craft->config);
    assert_non_null(streams);
    uint64_t most = 0;
    for (uint32_t i = 0; i < 200000; i++) {
        memcpy(craft->bytes[0] + 26, &i, 4); /* another source address */
        craft->frames[0].when += 1000;
        craft->frames[0].number++;
        rill__streams_frame(streams, &craft->frames[0]);
        rill__streams_totals(streams, &craft->totals);
        most = craft->totals.memory > most ? craft->totals.memory : most;
    }
    rill__streams_finish(streams);
    rill__streams_totals(streams, &craft->totals);
    rill__streams_close(streams);
    assert_true(most < 10 << 20);
    assert_true(craft->totals.connections_given_up > 100000);
    assert_int_equal(craft->result_count, 200000);
}

static void an_icmp_error_is_an_event_of_what_it_quotes(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    exchange(craft, &flow);
    uint8_t bytes[14 + 20 + 8 + 28] = {0};
    memcpy(bytes, craft->bytes[3], 14);
    uint8_t *ip = bytes + 14;
    ip[0] = 0x45;
    ip[3] = 56;
    ip[8] = 64;
    ip[9] = 1;
    memcpy(ip + 12, "\12\0\0\376\12\0\0\1", 8);
    ip[20] = 3;
    ip[21] = 1;
    memcpy(ip + 28, craft->bytes[3] + 14, 28); /* the request's header, and eight bytes */
    craft_frame(craft, MS, CAPTURE_LINK_ETHERNET, bytes, sizeof bytes);
    craft_run(craft);
    assert_int_equal(craft->result_count, 1);
    assert_int_equal(craft->results[0].icmp_errors, 1);
    assert_int_equal(craft->results[0].sides[CLIENT].packets, 4);
    assert_int_equal(craft_events(craft, STREAMS_EVENT_ICMP_ERROR), 1);
}

/* A life without SYNs: the answer to a SYN that is not there, or nothing of its handshake. */
static void midway(struct craft *craft, struct craft_flow *flow, uint32_t ts) {
    craft_add(
        craft, flow, 50 * MS,
        (struct craft_segment){
            .flags = ACK | PSH, .seq = 1, .ack = 1, .length = 100, .timestamp = ts, .echo = 1});
    craft_add(craft, flow, MS,
              (struct craft_segment){
                  .side = SERVER, .flags = ACK, .seq = 1, .ack = 101, .timestamp = ts, .echo = 1});
}

static void expect_two_lives(struct craft *craft) {
    craft_run(craft);
    assert_int_equal(craft->result_count, 2);
    assert_int_equal(craft->results[0].incarnation, 1);
    assert_int_equal(craft->results[1].incarnation, 2);
}

/* Story: the server's FIN and the next life's handshake were not in the capture, and its numbers
 * not far ahead: one life too few. */
static void numbers_behind_a_fin_are_another_life(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    exchange(craft, &flow);
    craft_add(craft, &flow, MS,
              (struct craft_segment){.side = SERVER, .flags = FIN | ACK, .seq = 501, .ack = 101});
    flow.isn[0] += 18000;
    flow.isn[1] += 31000;
    midway(craft, &flow, 0);
    expect_two_lives(craft);
}

/* Story: an ISN below the last number of the life before, whose SYN-ACK was missing, seemed to
 * acknowledge what the old SYN had carried. */
static void a_syn_ack_of_other_numbers_does_not_answer_an_old_syn(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    craft_add(craft, &flow, 0, (struct craft_segment){.flags = SYN});
    craft_add(craft, &flow, MS, (struct craft_segment){.flags = ACK, .seq = 1, .ack = 1});
    for (uint32_t i = 0; i < 40; i++)
        craft_add(
            craft, &flow, MS,
            (struct craft_segment){.flags = ACK, .seq = 1 + 1000 * i, .ack = 1, .length = 1000});
    craft_add(craft, &flow, MS,
              (struct craft_segment){.side = SERVER, .flags = FIN | ACK, .seq = 1, .ack = 40001});
    flow.isn[0] += 20000;
    flow.isn[1] += 37000;
    craft_add(craft, &flow, 50 * MS,
              (struct craft_segment){.side = SERVER, .flags = SYN | ACK, .ack = 0});
    midway(craft, &flow, 0);
    expect_two_lives(craft);
}

/* Story: a SYN whose answer was not in the capture, nor the FIN of the life before. */
static void a_syn_without_answer_is_followed_by_what_fits_it(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    exchange(craft, &flow);
    craft_add(craft, &flow, MS, (struct craft_segment){.flags = FIN | ACK, .seq = 101, .ack = 501});
    flow.isn[0] += 100000;
    flow.isn[1] += 150000;
    craft_add(craft, &flow, 50 * MS, (struct craft_segment){.flags = SYN});
    midway(craft, &flow, 0);
    expect_two_lives(craft);
    assert_int_equal(craft->results[1].sides[CLIENT].bytes, 100);
}

/* Story: the second life of three never ended in the capture, and the fourth, whose handshake was
 * missing, lay just ahead of it. */
static void a_past_life_says_nothing_new(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    for (unsigned life = 0; life < 3; life++) {
        exchange(craft, &flow);
        if (life != 1)
            craft_close(craft, &flow, 100, 500);
        flow.isn[0] += 40000;
        flow.isn[1] += 40000;
    }
    midway(craft, &flow, 0);
    craft_run(craft);
    assert_int_equal(craft->result_count, 4);
}

/* Story: numbers within what the life before had sent, its FIN missing: but no stack acknowledges
 * less later on. */
static void an_acknowledgement_of_less_in_a_later_segment_is_another_life(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    craft_handshake(craft, &flow);
    uint32_t ts = 1000;
    for (uint32_t i = 0; i < 60; i++, ts++) {
        craft_add(craft, &flow, MS,
                  (struct craft_segment){.side = SERVER,
                                         .flags = i == 59 ? FIN | ACK : ACK,
                                         .seq = 1 + 1000 * i,
                                         .ack = 1,
                                         .length = 1000,
                                         .timestamp = ts,
                                         .echo = 1});
        craft_add(craft, &flow, MS,
                  (struct craft_segment){
                      .flags = ACK, .seq = 1, .ack = 1001 + 1000 * i, .timestamp = ts, .echo = 1});
    }
    flow.isn[0] += 46000;
    flow.isn[1] += 17000;
    midway(craft, &flow, ts + 50);
    expect_two_lives(craft);
}

static void a_fin_somewhere_else_is_another_life(void **state) {
    struct craft *craft = start(state);
    struct craft_flow flow = craft_flow();
    craft_handshake(craft, &flow);
    for (uint32_t i = 0; i < 60; i++)
        craft_add(
            craft, &flow, MS,
            (struct craft_segment){
                .flags = i == 59 ? FIN | ACK : ACK, .seq = 1 + 1000 * i, .ack = 1, .length = 1000});
    flow.isn[0] += 17000;
    flow.isn[1] += 46000;
    craft_add(craft, &flow, 50 * MS,
              (struct craft_segment){.flags = FIN | PSH | ACK, .seq = 1, .ack = 1, .length = 700});
    expect_two_lives(craft);
}

static void shards_part_the_connections_among_them(void **state) {
    struct craft *craft = start(state);
    size_t total = 0;
    for (uint16_t port = 1000; port < 1100; port++) {
        struct craft_flow flow = craft_flow();
        flow.ports[0] = port;
        craft_handshake(craft, &flow);
    }
    for (unsigned shard = 0; shard < 3; shard++) {
        craft->config.shard = shard;
        craft->config.shards = 3;
        craft->result_count = 0;
        craft_run(craft);
        assert_in_range(craft->result_count, 15, 60);
        for (size_t i = 0; i < craft->result_count; i++)
            assert_int_equal(craft->results[i].sides[SERVER].packets, 1);
        total += craft->result_count;
    }
    assert_int_equal(total, 100);
}

const struct CMUnitTest lives_tests[] = {
    STREAMS_TEST(a_new_isn_after_the_end_is_a_new_life),
    STREAMS_TEST(a_life_is_counted_though_the_one_before_is_put_away),
    STREAMS_TEST(a_new_isn_that_is_answered_is_a_new_life_though_the_old_one_never_ended),
    STREAMS_TEST(a_stray_syn_that_gets_an_ack_of_the_old_life_changes_nothing),
    STREAMS_TEST(a_rejected_syn_that_comes_again_after_a_reset_opens_a_connection),
    STREAMS_TEST(a_syn_sent_again_is_the_same_connection),
    STREAMS_TEST(the_same_isn_after_the_end_is_a_new_life),
    STREAMS_TEST(two_syns_that_cross_are_one_connection),
    STREAMS_TEST(an_answer_that_stands_before_its_syn_waits_for_it),
    STREAMS_TEST(numbers_far_away_after_the_end_are_a_life_whose_handshake_is_missing),
    STREAMS_TEST(silence_alone_never_ends_a_connection),
    STREAMS_TEST(silence_ends_a_connection_when_asked_to),
    STREAMS_TEST(a_late_segment_goes_to_the_old_life),
    STREAMS_TEST(equal_addresses_in_two_vlans_are_two_connections),
    STREAMS_TEST(data_of_the_old_life_does_not_reject_a_syn),
    STREAMS_TEST(a_life_without_end_is_over_when_another_is_established),
    STREAMS_TEST(the_same_packets_in_another_vlan_are_second_sightings),
    STREAMS_TEST(answers_to_a_syn_are_told_apart),
    STREAMS_TEST(many_lives_of_one_four_tuple_are_all_counted),
    STREAMS_TEST(unanswered_syns_without_end_stay_within_the_memory_given),
    STREAMS_TEST(an_icmp_error_is_an_event_of_what_it_quotes),
    STREAMS_TEST(numbers_behind_a_fin_are_another_life),
    STREAMS_TEST(a_syn_ack_of_other_numbers_does_not_answer_an_old_syn),
    STREAMS_TEST(a_syn_without_answer_is_followed_by_what_fits_it),
    STREAMS_TEST(a_past_life_says_nothing_new),
    STREAMS_TEST(an_acknowledgement_of_less_in_a_later_segment_is_another_life),
    STREAMS_TEST(a_fin_somewhere_else_is_another_life),
    STREAMS_TEST(shards_part_the_connections_among_them),
};
const size_t lives_test_count = sizeof lives_tests / sizeof *lives_tests;
