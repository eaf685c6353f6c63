/* tests/streams/report_test.c: the page's size stays bounded, what it is given stays text, and
 * thinned points keep the outline. */
#include "streams/report_fill.h"
#include "streams/report_thin.h"
#include "streams/report_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ASSETS 90000u /* about what the real ones have */

struct text {
    char *data;
    size_t length, room;
    size_t refuse_after; /* 0: never */
};

static bool take(void *context, const uint8_t *data, size_t length) {
    struct text *text = context;
    if (text->refuse_after && text->length + length > text->refuse_after)
        return false;
    if (text->length + length + 1 > text->room) {
        text->room = 2 * text->room + length + 1;
        text->data = realloc(text->data, text->room);
        assert_non_null(text->data);
    }
    memcpy(text->data + text->length, data, length);
    text->length += length;
    text->data[text->length] = '\0';
    return true;
}

static struct report_assets dressed(void) {
    static uint8_t blank[ASSETS];
    struct report_assets assets = {
        {blank, 20000}, {blank, 20000}, {blank, 2000}, {blank, 51000}, {blank, 1100}};
    memset(blank, ' ', sizeof blank);
    return assets;
}

static struct text page_of(const struct report_fill *fill) {
    struct text text = {0};
    struct report report;
    struct report_assets assets = dressed();
    report_fill(fill, &report);
    assert_true(report_write(&report, &assets, take, &text));
    return text;
}

static size_t times(const char *text, const char *what) {
    size_t n = 0;
    for (; (text = strstr(text, what)); text += strlen(what))
        n++;
    return n;
}

static void page_of_many_connections_stays_small(void **state) {
    (void)state;
    struct report_fill fill = {150000, 20000, 7, 400,
                               "A verdict that says who is to blame and for how long"};
    struct text text = page_of(&fill);
    print_message("# %zu bytes\n", text.length);
    assert_true(text.length > 1000000); /* the room there is, is used */
    assert_true(text.length <= REPORT_BYTES_MAX);
    assert_int_equal(times(text.data, "<details class=\"one\""), REPORT_DETAILS);
    assert_non_null(strstr(text.data, "All 150,000 connections"));
    free(text.data);
}

/* All texts at their longest, all counts at their most. */
static void page_of_the_worst_stays_small(void **state) {
    (void)state;
    static char verdict[513];
    memset(verdict, '&', sizeof verdict - 1);
    struct report_fill fill = {2000, 200000, 1, 400, verdict};
    struct text text = page_of(&fill);
    print_message("# %zu bytes\n", text.length);
    assert_true(text.length <= REPORT_BYTES_MAX);
    free(text.data);
}

static void page_of_no_connection_is_one(void **state) {
    (void)state;
    struct report_fill fill = {0, 10, 1, 1, "No connection in it."};
    struct text text = page_of(&fill);
    assert_non_null(strstr(text.data, "</html>"));
    assert_non_null(strstr(text.data, "No connection in it."));
    free(text.data);
}

static void what_is_told_stays_text(void **state) {
    (void)state;
    struct report_fill fill = {3, 10, 1, 3, FILL_HOSTILE};
    struct text text = page_of(&fill);
    assert_null(strstr(text.data, "<script>hostile"));
    assert_null(strstr(text.data, "</script><script>h"));
    assert_int_equal(times(text.data, "</script>"),
                     3 + 1 + 2); /* the numbers of three, notes, two scripts */
    free(text.data);
}

static void sink_that_refuses_is_told(void **state) {
    (void)state;
    struct report_fill fill = {30, 100, 1, 3, "text"};
    struct report report;
    struct report_assets assets = dressed();
    struct text text = {.refuse_after = 100000};
    report_fill(&fill, &report);
    assert_false(report_write(&report, &assets, take, &text));
    assert_true(text.length <= text.refuse_after);
    free(text.data);
}

static void lives_of_a_four_tuple_share_a_lane(void **state) {
    (void)state;
    struct report_fill fill = {6, 50, 6, 1, "text"};
    struct text text = page_of(&fill);
    assert_int_equal(times(text.data, "class=\"lane lives\""), 1);
    assert_int_equal(times(text.data, "class=\"lane\""), 0);
    assert_int_equal(times(text.data, "class=\"life\""), 6);
    assert_non_null(strstr(text.data, "6 connections</em>"));
    free(text.data);
    fill.lives = 1;
    text = page_of(&fill);
    assert_int_equal(times(text.data, "class=\"lane\""), 6);
    free(text.data);
}

/* ---- quantities ---- */

static void assert_put(const char *format, uint64_t value, const char *expected) {
    struct text text = {0};
    struct report_writer writer = {.sink = take, .context = &text};
    report_put(&writer, format, value);
    report_flush(&writer);
    assert_string_equal(text.data, expected);
    free(text.data);
}

static void quantities_read_as_the_command_prints_them(void **state) {
    (void)state;
    assert_put("%t", 0, "0");
    assert_put("%t", 999949, "999.9 us");
    assert_put("%t", 40048000, "40.0 ms");
    assert_put("%t", 2504999999, "2.50 s");
    assert_put("%t", UINT64_MAX, "18,446,744,073.71 s");
    assert_put("%b", 1023, "1023 B");
    assert_put("%b", 1536, "1.5 KiB");
    assert_put("%b", UINT64_C(8) << 20, "8.0 MiB");
    assert_put("%b", UINT64_MAX, "16,777,216.0 TiB");
    assert_put("%r", 5740000, "5.74 Mbit/s");
    assert_put("%r", 15200, "15.2 kbit/s");
    assert_put("%r", 278000000, "278 Mbit/s");
    assert_put("%r", 999, "999 bit/s");
    assert_put("%g", 1204, "1,204");
    assert_put("%m", 12345, "12.345");
}

static void share_of_what_is_large_does_not_overflow(void **state) {
    (void)state;
    assert_in_range(report_share(UINT64_MAX / 2, UINT64_MAX, 1000), 499, 500);
    assert_int_equal(report_share(1, 3, 100000), 33333);
    assert_int_equal(report_share(5, 0, 1000), 0);
    assert_int_equal(report_share(UINT64_MAX, UINT64_MAX, 1 << 20), 1 << 20);
}

/* ---- thinning ---- */

#define COUNT 10000u

static void thinned_line_keeps_the_outline(void **state) {
    (void)state;
    static struct report_point points[COUNT], before[COUNT];
    uint64_t value = 1 << 20;
    for (size_t i = 0; i < COUNT; i++) {
        value += i * 2654435761u % 2001;
        value -= 1000;
        points[i] = before[i] = (struct report_point){i * 1000, value, value, i, 0};
    }
    points[777].low = points[777].high = before[777].low = before[777].high = 1;
    size_t left = report_thin(points, COUNT, 200, false);
    assert_in_range(left, 150, 200);
    uint64_t lowest = UINT64_MAX, highest = 0, most = 0;
    for (size_t i = 0; i < left; i++) {
        assert_true(i == 0 || points[i].at >= points[i - 1].at);
        assert_memory_equal(&points[i], &before[points[i].frame],
                            sizeof *points); /* none is made up */
        lowest = points[i].low < lowest ? points[i].low : lowest;
        highest = points[i].high > highest ? points[i].high : highest;
    }
    for (size_t i = 0; i < COUNT; i++)
        most = before[i].high > most ? before[i].high : most;
    assert_int_equal(lowest, 1);
    assert_int_equal(highest, most);
}

static void thinned_bars_cover_what_they_covered(void **state) {
    (void)state;
    static struct report_point points[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        points[i] = (struct report_point){i * 1000, i * 100, i * 100 + 100, i, 0};
    size_t left = report_thin(points, COUNT, 100, true);
    assert_in_range(left, 90, 100);
    for (size_t i = 1; i < left; i++)
        assert_int_equal(points[i].low, points[i - 1].high);
    assert_int_equal(points[0].low, 0);
    assert_int_equal(points[left - 1].high, COUNT * 100);
}

static void points_of_one_moment_are_thinned_too(void **state) {
    (void)state;
    static struct report_point points[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        points[i] = (struct report_point){5, i, i, 0, 0};
    assert_int_equal(report_thin(points, COUNT, 100, false), 2);
}

static void *allocate(void *context, size_t size) {
    size_t *left = context;
    return *left ? ((*left)--, malloc(size)) : 0;
}

static void release(void *context, void *memory, size_t size) {
    (void)context;
    (void)size;
    free(memory);
}

static void recorder_keeps_a_bound_and_says_when_memory_ran_out(void **state) {
    (void)state;
    struct report_recorder recorder;
    for (size_t allowed = 0; allowed < 4; allowed++) {
        size_t left = allowed;
        struct rill_allocator allocator = {&left, allocate, release};
        report_recorder_init(&recorder, &allocator, 100, false);
        for (uint64_t i = 0; i < COUNT; i++)
            report_recorder_push(&recorder, (struct report_point){i, i, i, 0, 0});
        assert_int_equal(recorder.failed, allowed < 3); /* 64, 128, 256 points */
        assert_true(recorder.count <= 200);
        if (!recorder.failed)
            assert_int_equal(recorder.points[recorder.count - 1].low, COUNT - 1);
        report_recorder_fini(&recorder);
    }
}

static void strip_keeps_what_is_long(void **state) {
    (void)state;
    struct report_strip strip;
    size_t left = 100;
    struct rill_allocator allocator = {&left, allocate, release};
    report_strip_init(&strip, &allocator, 50);
    rill_time at = 0, lost = 0;
    for (unsigned i = 0; i < 5000; i++) { /* short ones, and now and then a long one */
        rill_time length = i % 500 == 0 ? 1000000 : 10 + i % 7;
        report_strip_push(&strip, (struct report_span){at, at + length, i % 500 == 0 ? 5 : i % 2});
        at += length;
    }
    assert_true(strip.count <= 100);
    assert_int_equal(strip.spans[0].from, 0);
    assert_int_equal(strip.spans[strip.count - 1].to, at);
    for (size_t i = 0; i < strip.count; i++) {
        assert_true(i == 0 || strip.spans[i].from == strip.spans[i - 1].to);
        if (strip.spans[i].state == 5)
            lost += strip.spans[i].to - strip.spans[i].from;
    }
    assert_in_range(lost, 10000000, 10100000);
    report_strip_fini(&strip);
}

static void strip_is_told_better_later(void **state) {
    (void)state;
    struct report_strip strip;
    size_t left = 100;
    struct rill_allocator allocator = {&left, allocate, release};
    static const struct report_span expected[] = {{0, 10, 1},  {10, 20, 2}, {20, 25, 1},
                                                  {25, 30, 7}, {30, 40, 3}, {40, 50, 7}};
    report_strip_init(&strip, &allocator, 50);
    for (rill_time at = 0; at < 50; at += 10)
        report_strip_push(&strip, (struct report_span){at, at + 10,
                                                       at == 10   ? 2
                                                       : at == 30 ? 3
                                                                  : 1});
    report_strip_relabel(&strip, 1, 7, 15);
    assert_int_equal(strip.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < strip.count; i++) {
        assert_int_equal(strip.spans[i].from, expected[i].from);
        assert_int_equal(strip.spans[i].to, expected[i].to);
        assert_int_equal(strip.spans[i].state, expected[i].state);
    }
    report_strip_relabel(&strip, 1, 2, 1000); /* more than there is */
    assert_int_equal(strip.spans[0].state, 2);
    report_strip_fini(&strip);
}

static void round_trip_is_of_what_was_sent_once(void **state) {
    (void)state;
    static struct report_timer timer;
    memset(&timer, 0, sizeof timer);
    report_timer_sent(&timer, 0, 100, 10);
    report_timer_sent(&timer, 100, 200, 20);
    assert_int_equal(report_timer_acked(&timer, 50, 30), 0); /* none of them is whole */
    assert_int_equal(report_timer_acked(&timer, 200, 50), 30);
    report_timer_sent(&timer, 200, 300, 60);
    report_timer_sent(&timer, 300, 400, 61);
    report_timer_again(&timer, 200, 300);
    assert_int_equal(report_timer_acked(&timer, 400, 99), 0);
    for (uint64_t i = 0; i < 2 * REPORT_TIMED; i++) /* more than it holds */
        report_timer_sent(&timer, 1000 + i, 1001 + i, 100 + i);
    assert_int_equal(report_timer_acked(&timer, 1010, 1000), 1000 - 109);
    assert_int_equal(report_timer_acked(&timer, 1000 + REPORT_TIMED, 1000),
                     1000 - 99 - REPORT_TIMED);
    assert_int_equal(report_timer_acked(&timer, 9999, 1000), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_of_many_connections_stays_small),
        cmocka_unit_test(page_of_the_worst_stays_small),
        cmocka_unit_test(page_of_no_connection_is_one),
        cmocka_unit_test(what_is_told_stays_text),
        cmocka_unit_test(sink_that_refuses_is_told),
        cmocka_unit_test(lives_of_a_four_tuple_share_a_lane),
        cmocka_unit_test(quantities_read_as_the_command_prints_them),
        cmocka_unit_test(share_of_what_is_large_does_not_overflow),
        cmocka_unit_test(thinned_line_keeps_the_outline),
        cmocka_unit_test(thinned_bars_cover_what_they_covered),
        cmocka_unit_test(points_of_one_moment_are_thinned_too),
        cmocka_unit_test(recorder_keeps_a_bound_and_says_when_memory_ran_out),
        cmocka_unit_test(strip_keeps_what_is_long),
        cmocka_unit_test(strip_is_told_better_later),
        cmocka_unit_test(round_trip_is_of_what_was_sent_once),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
