/* tests/base/wheel_test.c: the timing wheel against an array: never early, never late, in order,
 * however far the deadlines and however large the steps. */
#include "base/base_test.h"

#include "base/wheel.h"

enum { ENTRIES = 300 };

struct model {
    struct wheel wheel;
    struct wheel_entry entries[ENTRIES];
    rill_time want[ENTRIES]; /* deadline; 0: not filed */
    rill_time now;
};
static struct model model;

static void begin(rill_time now) {
    memset(&model, 0, sizeof model);
    rill__wheel_init(&model.wheel, now);
    model.now = now;
}

static rill_time earliest(void) {
    rill_time best = RILL_TIME_NEVER;
    for (int i = 0; i < ENTRIES; i++)
        if (model.want[i] && model.want[i] < best)
            best = model.want[i];
    return best;
}

/* Runs the wheel to `now`: exactly what is due comes, ticks in order. */
static void run_to(rill_time now) {
    struct wheel_entry *entry;
    uint64_t tick = 0;
    model.now = now;
    while ((entry = rill__wheel_pop(&model.wheel, now))) {
        size_t i = (size_t)(entry - model.entries);
        assert_true(model.want[i] != 0);
        assert_true(entry->deadline == model.want[i]);
        assert_true(model.want[i] <= now); /* never early */
        uint64_t mine = model.want[i] >> WHEEL_TICK_BITS;
        assert_true(mine >= tick);
        tick = mine;
        assert_false(wheel_is_armed(entry));
        model.want[i] = 0;
    }
    assert_true(earliest() > now); /* never late */
    assert_true(rill__wheel_next(&model.wheel) <= earliest());
    assert_true((rill__wheel_next(&model.wheel) == RILL_TIME_NEVER) ==
                (earliest() == RILL_TIME_NEVER));
}

static void arm(int i, rill_time deadline) {
    bool filed = model.want[i] != 0;
    rill__wheel_arm(&model.wheel, &model.entries[i], deadline);
    if (!filed || deadline < model.want[i]) /* lazily: it only moves to an earlier place */
        model.want[i] = deadline;
}

static void play(uint64_t seed, unsigned reach_bits, unsigned step_bits, int rounds) {
    begin(1 + test_next(&seed) % RILL_SECOND);
    for (int i = 0; i < rounds; i++) {
        for (int k = 0; k < 8; k++) {
            int entry = (int)(test_next(&seed) % ENTRIES);
            unsigned bits = (unsigned)(test_next(&seed) % (reach_bits + 1));
            uint64_t ahead = test_next(&seed) >> (63 - bits);
            rill_time deadline = model.now + ahead;
            if (deadline < model.now || deadline == RILL_TIME_NEVER)
                continue;
            if (test_next(&seed) % 5 == 0) {
                rill__wheel_disarm(&model.wheel, &model.entries[entry]);
                model.want[entry] = 0;
            } else {
                arm(entry, deadline);
            }
        }
        assert_true(rill__wheel_next(&model.wheel) <= earliest());
        unsigned bits = (unsigned)(test_next(&seed) % (step_bits + 1));
        run_to(model.now + (test_next(&seed) >> (63 - bits)) / 2);
    }
}

static void wheel_random_use_matches_a_model(void **state) {
    (void)state;
    play(1, 12, 12, 3000); /* within a tick or a few */
    play(2, 30, 28, 3000);
    play(3, 40, 40, 2000); /* jumps over levels */
    play(4, 45, 20, 3000);
    play(5, 50, 50, 500);
}

static void wheel_far_deadlines_fire_exactly(void **state) {
    (void)state;
    for (unsigned bit = 10; bit < 64; bit++) {
        rill_time deadline = (UINT64_C(1) << bit) + 12345;
        begin(5);
        arm(0, deadline);
        assert_true(rill__wheel_next(&model.wheel) == deadline);
        run_to(deadline - 1);
        assert_true(model.want[0] != 0);
        run_to(deadline);
        assert_true(model.want[0] == 0);
    }
}

static void wheel_next_followed_again_and_again_reaches_every_deadline(void **state) {
    (void)state;
    uint64_t seed = 77;
    begin(1);
    for (int i = 0; i < ENTRIES; i++)
        arm(i, 2 + (test_next(&seed) >> (20 + test_next(&seed) % 40)));
    int steps = 0;
    while (earliest() != RILL_TIME_NEVER) {
        rill_time next = rill__wheel_next(&model.wheel);
        assert_true(next > model.now); /* else a virtual clock would stand still */
        run_to(next);
        assert_true(++steps < 20 * ENTRIES); /* it comes nearer each time */
    }
}

/* Nine timers in one tick: the tick's beginning was given as a bound, again and again, and a world
 * in virtual time stood still before it. */
static void wheel_next_with_many_entries_in_one_tick_moves_on(void **state) {
    (void)state;
    begin(1);
    for (int i = 0; i < 100; i++)
        arm(i, 300040000000 + (rill_time)(i % 3));
    int steps = 0;
    for (; earliest() != RILL_TIME_NEVER; steps++) {
        rill_time next = rill__wheel_next(&model.wheel);
        assert_true(next > model.now);
        run_to(next);
    }
    assert_true(steps < 15);
}

static void wheel_equal_deadlines_fire_in_the_order_they_were_filed(void **state) {
    (void)state;
    begin(1);
    for (int i = 0; i < 100; i++)
        arm(i, 5 * RILL_SECOND);
    rill__wheel_pop(&model.wheel, 4 * RILL_SECOND); /* filed anew on lower levels meanwhile */
    for (int i = 0; i < 100; i++)
        assert_ptr_equal(rill__wheel_pop(&model.wheel, 5 * RILL_SECOND), &model.entries[i]);
    assert_null(rill__wheel_pop(&model.wheel, 5 * RILL_SECOND));
}

static void wheel_later_deadline_leaves_the_entry_where_it_is(void **state) {
    (void)state;
    begin(1);
    arm(0, RILL_SECOND);
    arm(0, 2 * RILL_SECOND);
    assert_int_equal(model.entries[0].deadline, RILL_SECOND);
    arm(0, RILL_MILLISECOND);
    assert_int_equal(model.entries[0].deadline, RILL_MILLISECOND);
    run_to(RILL_MILLISECOND);
    assert_null(rill__wheel_pop(&model.wheel, 3 * RILL_SECOND)); /* it was filed once only */
}

static void wheel_entry_armed_while_it_runs_is_seen(void **state) {
    (void)state;
    begin(1);
    arm(0, 100);
    assert_ptr_equal(rill__wheel_pop(&model.wheel, RILL_SECOND), &model.entries[0]);
    rill__wheel_arm(&model.wheel, &model.entries[1], 50); /* already past */
    assert_ptr_equal(rill__wheel_pop(&model.wheel, RILL_SECOND), &model.entries[1]);
    rill__wheel_arm(&model.wheel, &model.entries[2], RILL_SECOND + 1);
    assert_null(rill__wheel_pop(&model.wheel, RILL_SECOND));
    assert_ptr_equal(rill__wheel_pop(&model.wheel, RILL_SECOND + 1), &model.entries[2]);
}

int wheel_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wheel_random_use_matches_a_model),
        cmocka_unit_test(wheel_far_deadlines_fire_exactly),
        cmocka_unit_test(wheel_next_followed_again_and_again_reaches_every_deadline),
        cmocka_unit_test(wheel_next_with_many_entries_in_one_tick_moves_on),
        cmocka_unit_test(wheel_equal_deadlines_fire_in_the_order_they_were_filed),
        cmocka_unit_test(wheel_later_deadline_leaves_the_entry_where_it_is),
        cmocka_unit_test(wheel_entry_armed_while_it_runs_is_seen),
    };
    return cmocka_run_group_tests_name("wheel", tests, 0, 0);
}
