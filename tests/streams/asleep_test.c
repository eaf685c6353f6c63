/* tests/streams/asleep_test.c: connections that sleep are packed without loss and cost little, and
 * the shelf they lie on. craft_run checks for every test of the suite that nothing is lost. */
#include "streams/streams_test.h"

#include "base/base_test.h"
#include "streams/shelf.h"
#include "world.h"

enum { PIECES = 3000, STEPS = 60000 };

struct piece {
    uint32_t handle;
    uint16_t size; /* 0: none */
    uint8_t fill;
};

static void check_piece(const struct shelf *shelf, const struct piece *piece) {
    const uint8_t *bytes = rill__shelf_at(shelf, piece->handle);
    for (unsigned i = 0; i < piece->size; i++)
        assert_int_equal(bytes[i], piece->fill);
}

static void put(struct shelf *shelf, struct piece *piece, uint64_t *seed) {
    piece->size = (uint16_t)(1 + test_next(seed) % (test_next(seed) % 8 ? 200 : SHELF_MOST));
    piece->fill = (uint8_t)(1 + test_next(seed) % 255);
    uint8_t *bytes = rill__shelf_put(shelf, piece->size, &piece->handle);
    assert_non_null(bytes);
    memset(bytes, piece->fill, piece->size);
}

/* All pieces of a page go elsewhere, as far as there is room. */
static void empty_a_page(struct shelf *shelf, struct piece *pieces) {
    uint32_t first = rill__shelf_sparse(shelf), other;
    for (unsigned i = 0; first != SHELF_NONE && i < PIECES; i++) {
        if (!pieces[i].size || pieces[i].handle / SHELF_SLOTS != first / SHELF_SLOTS)
            continue;
        if (!rill__shelf_move(shelf, pieces[i].handle, &other))
            return;
        pieces[i].handle = other;
    }
}

static void pieces_of_any_size_stay_as_they_were_put(void **state) {
    static struct piece pieces[PIECES];
    struct test_memory memory = {0};
    struct rill_allocator allocator = test_allocator(&memory);
    struct shelf shelf;
    uint64_t seed = 7, in_use = 0;
    (void)state;
    rill__shelf_init(&shelf, &allocator);
    for (unsigned step = 0; step < STEPS; step++) {
        struct piece *piece = &pieces[test_next(&seed) % PIECES];
        if (piece->size) {
            check_piece(&shelf, piece);
            rill__shelf_take(&shelf, piece->handle);
            piece->size = 0;
            in_use--;
        } else {
            put(&shelf, piece, &seed);
            in_use++;
        }
        if (step % 16 == 0)
            empty_a_page(&shelf, pieces);
        assert_int_equal(shelf.pieces, in_use);
    }
    uint64_t found = 0;
    for (uint32_t at = rill__shelf_next(&shelf, 0); at != SHELF_NONE;
         at = rill__shelf_next(&shelf, at + 1))
        found++;
    assert_int_equal(found, in_use);
    for (unsigned i = 0; i < PIECES; i++) {
        if (!pieces[i].size)
            continue;
        check_piece(&shelf, &pieces[i]);
        rill__shelf_take(&shelf, pieces[i].handle);
    }
    assert_int_equal(shelf.page_held, 0);
    rill__shelf_fini(&shelf);
    assert_int_equal(memory.live_blocks, 0);
}

/* All grow by a step, one here and one there: what they leave must not add up. */
static void holes_do_not_add_up(void **state) {
    static struct piece pieces[PIECES];
    struct rill_allocator allocator = craft_allocator();
    struct shelf shelf;
    (void)state;
    rill__shelf_init(&shelf, &allocator);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < PIECES; i++) {
            struct piece *piece = &pieces[i * 7919 % PIECES];
            if (i % 3 == round % 3 && round)
                continue;
            if (round)
                rill__shelf_take(&shelf, piece->handle);
            piece->size = (uint16_t)(180 + SHELF_STEP * round);
            memset(rill__shelf_put(&shelf, piece->size, &piece->handle), 1, piece->size);
            empty_a_page(&shelf, pieces);
        }
        assert_true(shelf.bytes > (uint64_t)shelf.page_held * SHELF_PAGE / 5 * 4);
    }
    rill__shelf_fini(&shelf);
}

/* Many connections with an exchange each, fed as they come. */
struct crowd {
    struct craft *craft;
    struct streams *streams;
    uint32_t begun;
    bool closes; /* each is over when its exchanges are */
};

static struct crowd crowd_begin(void **state, const struct rill_allocator *allocator,
                                uint64_t memory_max, uint32_t awake_max) {
    struct crowd crowd = {craft_new(), 0, 0, false};
    *state = crowd.craft;
    crowd.craft->config.allocator = *allocator;
    crowd.craft->config.memory_max = memory_max;
    crowd.craft->config.awake_max = awake_max;
    crowd.craft->config.context = crowd.craft;
    crowd.craft->config.connection = craft_count;
    crowd.streams = rill__streams_open(&crowd.craft->config);
    return crowd;
}

static void crowd_add(struct crowd *crowd, uint32_t count, unsigned exchanges) {
    struct craft *craft = crowd->craft;
    for (uint32_t i = 0; i < count; i++, crowd->begun++) {
        struct craft_flow flow = craft_flow();
        flow.ports[0] = (uint16_t)(1024 + crowd->begun % 60000);
        flow.hosts[0] = (uint8_t)(3 + crowd->begun / 60000);
        flow.isn[0] += crowd->begun * 7919;
        craft->count = 0;
        craft_handshake(craft, &flow);
        for (unsigned j = 0; j < exchanges; j++) {
            craft_add(craft, &flow, RILL_MILLISECOND,
                      (struct craft_segment){
                          .flags = ACK | PSH, .seq = 1 + 90 * j, .ack = 1 + 400 * j, .length = 90});
            craft_add(craft, &flow, RILL_MILLISECOND,
                      (struct craft_segment){.side = SERVER,
                                             .flags = ACK | PSH,
                                             .seq = 1 + 400 * j,
                                             .ack = 91 + 90 * j,
                                             .length = 400});
        }
        if (crowd->closes)
            craft_close(craft, &flow, 90 * exchanges, 400 * exchanges);
        for (size_t j = 0; j < craft->count; j++)
            rill__streams_frame(crowd->streams, &craft->frames[j]);
    }
}

static uint64_t crowd_memory(const struct crowd *crowd) {
    struct streams_totals totals;
    rill__streams_totals(crowd->streams, &totals);
    return totals.memory;
}

static void an_open_connection_costs_less_than_300_bytes(void **state) {
    struct rill_allocator allocator = craft_allocator();
    for (unsigned exchanges = 0; exchanges <= 40; exchanges += 20) {
        struct crowd crowd = crowd_begin(state, &allocator, 0, 64);
        crowd_add(&crowd, 10000, exchanges);
        uint64_t some = crowd_memory(&crowd);
        crowd_add(&crowd, 10000, exchanges);
        assert_in_range((crowd_memory(&crowd) - some) / 10000, 64, 300);
        rill__streams_finish(crowd.streams);
        assert_int_equal(crowd.craft->result_count, 20000);
        rill__streams_close(crowd.streams);
        if (exchanges < 40)
            free(crowd.craft);
    }
}

static void count_one(void *context, const struct streams_connection *connection) {
    ++*(uint64_t *)context;
    assert_true(connection->sides[0].payload_bytes == 90);
}

static void a_glance_shows_those_that_sleep_too(void **state) {
    struct rill_allocator allocator = craft_allocator();
    struct crowd crowd = crowd_begin(state, &allocator, 0, 16);
    uint64_t seen = 0;
    crowd_add(&crowd, 500, 1);
    rill__streams_glance(crowd.streams, &seen, count_one);
    assert_int_equal(seen, 500);
    rill__streams_glance(crowd.streams, &seen, count_one);
    assert_int_equal(seen, 1000);
    rill__streams_finish(crowd.streams);
    assert_int_equal(crowd.craft->result_count, 500);
    rill__streams_close(crowd.streams);
}

struct given_up {
    const struct crowd *crowd;
    uint64_t count;
};

/* Not one of the latest, which are awake. */
static void count_given_up(void *context, const struct streams_connection *connection) {
    struct given_up *given_up = context;
    given_up->count += connection->given_up;
    if (connection->given_up)
        assert_true(connection->number + 256 < given_up->crowd->begun);
}

static void when_memory_is_short_those_that_sleep_are_given_up(void **state) {
    enum { LIMIT = 2 << 20, MANY = 30000 };
    struct rill_allocator allocator = craft_allocator();
    struct crowd crowd = crowd_begin(state, &allocator, LIMIT, 0);
    struct given_up given_up = {&crowd, 0};
    struct streams_totals totals;
    rill__streams_close(crowd.streams);
    crowd.craft->config.context = &given_up;
    crowd.craft->config.connection = count_given_up;
    crowd.streams = rill__streams_open(&crowd.craft->config);
    for (unsigned i = 0; i < MANY / 100; i++) {
        crowd_add(&crowd, 100, 1);
        assert_true(crowd_memory(&crowd) < LIMIT + LIMIT / 16);
    }
    rill__streams_finish(crowd.streams);
    rill__streams_totals(crowd.streams, &totals);
    assert_int_equal(totals.connections, MANY);
    assert_in_range(totals.connections_given_up, MANY / 2, MANY - 1000);
    assert_int_equal(given_up.count, totals.connections_given_up);
    rill__streams_close(crowd.streams);
}

/* A burst of open connections takes the memory of those that wait to be forgotten, whose chunks are
 * given back; what was fetched ahead for those after them lay in such a chunk. */
static void those_that_are_over_may_be_gone_before_their_turn(void **state) {
    enum { LIMIT = 4 << 20, MANY = 6000 };
    struct rill_allocator allocator = craft_allocator();
    struct crowd crowd = crowd_begin(state, &allocator, LIMIT, 0);
    for (unsigned round = 0; round < 4; round++) {
        crowd.closes = round % 2 == 0;
        crowd_add(&crowd, MANY, 1);
    }
    rill__streams_advance(crowd.streams, crowd.craft->now + 3600 * RILL_SECOND);
    rill__streams_finish(crowd.streams);
    assert_true(crowd.craft->result_count >= 4 * MANY);
    rill__streams_close(crowd.streams);
}

static void each_allocation_failing_once_leaks_nothing(void **state) {
    uint64_t calls = 1;
    for (uint64_t fail = 1; fail <= calls; fail += 1 + fail / 16) {
        struct test_memory memory = {0};
        memory.fail_at = fail;
        struct rill_allocator allocator = test_allocator(&memory);
        struct crowd crowd = crowd_begin(state, &allocator, 0, STREAMS_AWAKE_NONE);
        if (crowd.streams) {
            crowd_add(&crowd, 60, 20);
            rill__streams_finish(crowd.streams);
            assert_in_range(crowd.craft->result_count, 1, 200);
            rill__streams_close(crowd.streams);
            calls = memory.calls < 400 ? memory.calls : 400;
        } else {
            calls = fail + 1;
        }
        assert_int_equal(memory.live_blocks, 0);
        free(crowd.craft);
        *state = 0;
    }
}

const struct CMUnitTest asleep_tests[] = {
    STREAMS_TEST(pieces_of_any_size_stay_as_they_were_put),
    STREAMS_TEST(holes_do_not_add_up),
    STREAMS_TEST(an_open_connection_costs_less_than_300_bytes),
    STREAMS_TEST(a_glance_shows_those_that_sleep_too),
    STREAMS_TEST(when_memory_is_short_those_that_sleep_are_given_up),
    STREAMS_TEST(those_that_are_over_may_be_gone_before_their_turn),
    STREAMS_TEST(each_allocation_failing_once_leaks_nothing),
};
const size_t asleep_test_count = sizeof asleep_tests / sizeof *asleep_tests;
