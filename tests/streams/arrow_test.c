/* tests/streams/arrow_test.c: tables as Arrow where something runs out: memory, room to write. What
 * is written when nothing does is read by Arrow's own reader in tests/arrow.sh. */
#include "streams/streams_test.h"

#include "streams/arrow.h"

#include <stdlib.h>
#include <string.h>

static const struct arrow_column columns[] = {
    {"number", ARROW_INT64, true},
    {"small", ARROW_INT16, false},
    {"yes", ARROW_BOOL, true},
    {"text", ARROW_TEXT, true},
};

/* Memory of which the last is counted, and that may end; and a sink that may be full. */
struct bounds {
    size_t allocations, allocations_max;
    size_t held;
    size_t written, written_max, writes;
};

static void *take(void *context, size_t size) {
    struct bounds *bounds = context;
    if (bounds->allocations++ == bounds->allocations_max)
        return 0;
    bounds->held += size;
    return malloc(size);
}

static void give(void *context, void *memory, size_t size) {
    struct bounds *bounds = context;
    bounds->held -= size;
    free(memory);
}

static bool sink(void *context, const uint8_t *bytes, size_t length) {
    struct bounds *bounds = context;
    assert_non_null(bytes);
    assert_true(bounds->written <= bounds->written_max); /* after a failure nothing more is asked */
    bounds->writes++;
    bounds->written += length;
    return bounds->written <= bounds->written_max;
}

/* A table of so many rows with texts of that length; true: it is whole. */
static bool write_table(struct bounds *bounds, size_t rows, const char *text) {
    struct arrow_config config = {{bounds, take, give},
                                  columns,
                                  sizeof columns / sizeof *columns,
                                  "test 1",
                                  false,
                                  bounds,
                                  sink};
    struct arrow_writer *writer = rill__arrow_open(&config);
    if (!writer)
        return false;
    bool ok = true;
    for (size_t i = 0; i < rows && ok; i++) {
        struct arrow_cell cells[] = {{i, 0, i % 3 == 0},
                                     {i % 1000, 0, false},
                                     {i & 1, 0, i % 5 == 0},
                                     {0, text, i % 7 == 0}};
        ok = rill__arrow_row(writer, cells);
    }
    bool whole = rill__arrow_finish(writer);
    assert_true(ok || !whole);
    rill__arrow_close(writer);
    return whole;
}

static struct bounds unbounded(void) {
    return (struct bounds){0, SIZE_MAX, 0, 0, SIZE_MAX, 0};
}

static void each_allocation_failing_once_is_survived_and_told(void **state) {
    (void)state;
    struct bounds all = unbounded();
    assert_true(write_table(&all, 3000, "some text"));
    assert_int_equal(all.held, 0);
    assert_true(all.allocations > 20);
    for (size_t i = 0; i < all.allocations; i++) {
        struct bounds bounds = unbounded();
        bounds.allocations_max = i;
        assert_false(write_table(&bounds, 3000, "some text"));
        assert_int_equal(bounds.held, 0);
    }
}

static void sink_that_fills_up_is_told(void **state) {
    (void)state;
    struct bounds all = unbounded();
    assert_true(write_table(&all, 300, "x"));
    for (size_t room = 0; room < all.written; room += 11) {
        struct bounds bounds = unbounded();
        bounds.written_max = room;
        assert_false(write_table(&bounds, 300, "x"));
        assert_int_equal(bounds.held, 0);
    }
}

static void long_texts_leave_early_as_batches_of_16_mib(void **state) {
    (void)state;
    static char text[100001];
    memset(text, 'x', sizeof text - 1);
    struct bounds bounds = unbounded();
    size_t most = 0;
    struct arrow_config config = {{&bounds, take, give},
                                  columns,
                                  sizeof columns / sizeof *columns,
                                  "test 1",
                                  false,
                                  &bounds,
                                  sink};
    struct arrow_writer *writer = rill__arrow_open(&config);
    for (size_t i = 0; i < 1000; i++) {
        struct arrow_cell cells[] = {{i, 0, false}, {1, 0, false}, {1, 0, false}, {0, text, false}};
        assert_true(rill__arrow_row(writer, cells));
        most = bounds.held > most ? bounds.held : most;
    }
    assert_true(rill__arrow_finish(writer));
    rill__arrow_close(writer);
    assert_true(most < 3 * ARROW_BATCH_BYTES);
    assert_in_range(bounds.written, 100000000, 100100000);
}

const struct CMUnitTest arrow_tests[] = {
    STREAMS_TEST(each_allocation_failing_once_is_survived_and_told),
    STREAMS_TEST(sink_that_fills_up_is_told),
    STREAMS_TEST(long_texts_leave_early_as_batches_of_16_mib),
};
const size_t arrow_test_count = sizeof arrow_tests / sizeof *arrow_tests;
