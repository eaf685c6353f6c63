/* tests/base/hash_test.c: the hash table against an array, with tags that collide, while it grows
 * and shrinks. */
#include "base/base_test.h"

#include "base/hash.h"

enum { VALUES = 6000 };
static uint32_t tags[VALUES];

static bool same(const void *context, uint32_t value, const void *key) {
    (void)context;
    return value == *(const uint32_t *)key;
}

static bool find(const struct hash *hash, uint32_t value) {
    uint32_t found = 0;
    if (!rill__hash_find(hash, tags[value], same, 0, &value, &found))
        return false;
    assert_int_equal(found, value);
    return true;
}

/* `spread` many different tags. */
static void run_model(uint32_t spread, int steps) {
    struct test_memory memory = {.fill = 0xa5};
    struct rill_allocator allocator = test_allocator(&memory);
    struct hash hash;
    static bool in[VALUES];
    uint32_t count = 0;
    uint64_t seed = spread * 7919 + 1;
    rill__hash_init(&hash, &allocator);
    memset(in, 0, sizeof in);
    for (uint32_t i = 0; i < VALUES; i++) /* neighbours at the table's end: runs wrap round */
        tags[i] = (uint32_t)(0u - 3 + test_next(&seed) % spread);
    for (int i = 0; i < steps; i++) {
        uint32_t value = (uint32_t)(test_next(&seed) % VALUES);
        bool filling = i % (steps / 2) < steps / 4;
        assert_int_equal(find(&hash, value), in[value]);
        if (in[value] && test_next(&seed) % 4 >= (filling ? 3 : 0)) {
            rill__hash_remove(&hash, tags[value], value);
            in[value] = false;
            count--;
        } else if (!in[value] && (filling || test_next(&seed) % 4 == 0)) {
            assert_true(rill__hash_insert(&hash, tags[value], value));
            in[value] = true;
            count++;
        }
        if (in[value] && i % 8 == 0) {
            assert_true(rill__hash_replace(&hash, tags[value], value, value + VALUES));
            assert_false(find(&hash, value));
            assert_false(rill__hash_replace(&hash, tags[value], value, value + VALUES));
            assert_true(rill__hash_replace(&hash, tags[value], value + VALUES, value));
        }
        assert_int_equal(hash_count(&hash), count);
        if (i % 997 == 0)
            for (uint32_t v = 0; v < VALUES; v += 7)
                assert_int_equal(find(&hash, v), in[v]);
    }
    for (uint32_t v = 0; v < VALUES; v++)
        if (in[v])
            rill__hash_remove(&hash, tags[v], v);
    assert_int_equal(hash_count(&hash), 0);
    for (uint32_t v = 0; v < VALUES; v++)
        assert_false(find(&hash, v));
    rill__hash_fini(&hash);
    assert_int_equal(memory.live_blocks, 0);
}

static void hash_random_use_matches_a_model(void **state) {
    (void)state;
    run_model(UINT32_MAX, 60000);
}

static void hash_colliding_tags_match_a_model(void **state) {
    (void)state;
    run_model(500, 40000);
    run_model(16, 6000);
    run_model(1, 2500);
}

static void hash_two_values_under_one_tag_are_told_apart(void **state) {
    (void)state;
    struct test_memory memory = {0};
    struct rill_allocator allocator = test_allocator(&memory);
    struct hash hash;
    rill__hash_init(&hash, &allocator);
    tags[1] = tags[2] = tags[0] = 5;
    assert_false(find(&hash, 0));
    assert_true(rill__hash_insert(&hash, 5, 0));
    assert_true(rill__hash_insert(&hash, 5, 2));
    assert_true(find(&hash, 0) && find(&hash, 2) && !find(&hash, 1));
    rill__hash_remove(&hash, 5, 0);
    assert_true(!find(&hash, 0) && find(&hash, 2));
    rill__hash_fini(&hash);
}

static void hash_growth_moves_a_few_entries_at_a_time(void **state) {
    (void)state;
    struct test_memory memory = {0};
    struct rill_allocator allocator = test_allocator(&memory);
    struct hash hash;
    uint64_t seed = 3;
    rill__hash_init(&hash, &allocator);
    for (uint32_t i = 0; i < VALUES; i++) {
        uint32_t old = hash.old.used;
        tags[i] = (uint32_t)test_next(&seed);
        bool grows = !hash.old.slots;
        uint32_t mask = hash.now.mask, cleared = hash.next.slots ? hash.cleared : 0;
        assert_true(rill__hash_insert(&hash, tags[i], i));
        if (mask && hash.now.mask != mask) /* the new table was all but clear */
            assert_true(hash.now.mask + 1 - cleared <= 64);
        else if (hash.next.slots)
            assert_true(hash.cleared - cleared <= 64);
        if (!grows)
            assert_true(old - hash.old.used <= 8);
        assert_true(find(&hash, i) && find(&hash, i / 2) && find(&hash, 0));
    }
    rill__hash_fini(&hash);
}

static void hash_no_memory_to_grow_still_works_until_full(void **state) {
    (void)state;
    struct test_memory memory = {0};
    struct rill_allocator allocator = test_allocator(&memory);
    struct hash hash;
    uint64_t seed = 9;
    rill__hash_init(&hash, &allocator);
    memory.fail_at = 1;
    assert_false(rill__hash_insert(&hash, 1, 1));
    uint32_t inserted = 0;
    for (; inserted < 1000; inserted++) {
        tags[inserted] = (uint32_t)test_next(&seed);
        memory.fail_at = inserted ? memory.calls + 1 : 0;
        if (!rill__hash_insert(&hash, tags[inserted], inserted))
            break;
    }
    assert_int_equal(inserted, 63); /* one empty slot of 64 is kept: a search must end */
    for (uint32_t i = 0; i < inserted; i++)
        assert_true(find(&hash, i));
    assert_false(find(&hash, inserted));
    memory.fail_at = 0;
    assert_true(rill__hash_insert(&hash, tags[inserted], inserted));
    assert_true(find(&hash, inserted));
    rill__hash_fini(&hash);
    assert_int_equal(memory.live_blocks, 0);
}

int hash_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_random_use_matches_a_model),
        cmocka_unit_test(hash_colliding_tags_match_a_model),
        cmocka_unit_test(hash_two_values_under_one_tag_are_told_apart),
        cmocka_unit_test(hash_growth_moves_a_few_entries_at_a_time),
        cmocka_unit_test(hash_no_memory_to_grow_still_works_until_full),
    };
    return cmocka_run_group_tests_name("hash", tests, 0, 0);
}
