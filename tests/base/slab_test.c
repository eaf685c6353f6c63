/* tests/base/slab_test.c: objects of one size by index and generation. */
#include "base/base_test.h"

#include "base/slab.h"

static void slab_objects_are_zeroed_aligned_and_apart(void **state) {
    (void)state;
    struct test_memory memory = {.fill = 0xa5};
    struct rill_allocator allocator = test_allocator(&memory);
    struct slab slab;
    rill__slab_init(&slab, &allocator, 40, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t index;
        uint8_t *object = rill__slab_open(&slab, &index);
        assert_non_null(object);
        assert_int_equal((uintptr_t)object % 16, 0);
        assert_ptr_equal(object, slab_at(&slab, index));
        for (int k = 0; k < 40; k++)
            assert_int_equal(object[k], 0);
        memset(object, 0xff, 40); /* would be seen by the next one, were it not apart */
    }
    uint32_t index;
    assert_null(rill__slab_open(&slab, &index)); /* used_max */
    assert_int_equal(slab.used, 1000);
    rill__slab_fini(&slab);
    assert_int_equal(memory.live_bytes, 0);
}

/* The story of the 32-bit hosts: an object's size was no multiple of the step between two, and
 * tails were looked for where other objects lie. */
static void slab_tails_are_zeroed_and_apart_whatever_the_sizes(void **state) {
    (void)state;
    for (uint32_t size = 8; size < 100; size += 12) {
        struct test_memory memory = {.fill = 0xa5};
        struct rill_allocator allocator = test_allocator(&memory);
        struct slab slab;
        rill__slab_init(&slab, &allocator, size, 100);
        rill__slab_tails(&slab, size + 5);
        for (uint32_t i = 0; i < 100; i++) {
            uint32_t index;
            uint8_t *object = rill__slab_open(&slab, &index);
            uint8_t *tail = slab_tail(object, index, size, size + 5);
            assert_int_equal((uintptr_t)tail % 8, 0);
            for (uint32_t k = 0; k < size; k++)
                assert_int_equal(object[k] | tail[k], 0);
            memset(object, 0xff, size); /* would be seen by others, were they not apart */
            memset(tail, 0xff, size + 5);
        }
        for (uint32_t i = 0; i < 100; i++) /* numbers and generations lie behind them */
            assert_true(slab_in_use(&slab, i));
        rill__slab_fini(&slab);
        assert_int_equal(memory.live_bytes, 0);
    }
}

static void slab_generation_tells_a_reused_slot_from_the_old_one(void **state) {
    (void)state;
    struct test_memory memory = {0};
    struct rill_allocator allocator = test_allocator(&memory);
    struct slab slab;
    uint32_t first, second;
    rill__slab_init(&slab, &allocator, 8, 1000);
    void *object = rill__slab_open(&slab, &first);
    uint32_t generation = slab_generation(&slab, first);
    assert_ptr_equal(rill__slab_find(&slab, first, generation), object);
    assert_null(rill__slab_find(&slab, first, generation + 1));
    assert_null(rill__slab_find(&slab, first + 1, slab_generation(&slab, first + 1))); /* free */
    assert_null(rill__slab_find(&slab, 1u << 27, generation));
    rill__slab_close(&slab, first);
    assert_null(rill__slab_find(&slab, first, generation));
    assert_null(rill__slab_find(&slab, first, generation + 1));
    assert_non_null(rill__slab_open(&slab, &second));
    assert_int_equal(second, first); /* last in, first out */
    assert_null(rill__slab_find(&slab, first, generation));
    assert_non_null(rill__slab_find(&slab, first, slab_generation(&slab, first)));
    /* 2^31 uses later: 0 is never the generation of an object in use */
    slab_chunk_at(&slab, first / SLAB_CHUNK)->generation[first % SLAB_CHUNK] = UINT32_MAX;
    rill__slab_close(&slab, first);
    assert_non_null(rill__slab_open(&slab, &second));
    assert_int_equal(second, first);
    assert_int_equal(slab_generation(&slab, first), 1);
    rill__slab_fini(&slab);
}

/* A burst of a hundred thousand: when it has passed, one chunk is left, and the arrays. */
static void slab_gives_back_what_a_burst_has_needed(void **state) {
    (void)state;
    struct test_memory memory = {0};
    struct rill_allocator allocator = test_allocator(&memory);
    struct slab slab;
    enum { BURST = 100000 };
    static uint32_t index[BURST], generation[BURST];
    uint64_t seed = 7;
    rill__slab_init(&slab, &allocator, 200, UINT32_MAX);
    for (int burst = 0; burst < 2; burst++) {
        for (int i = 0; i < BURST; i++) {
            assert_non_null(rill__slab_open(&slab, &index[i]));
            if (burst) /* the same places; whoever has the old name finds nothing */
                assert_null(rill__slab_find(&slab, index[i], generation[index[i]]));
        }
        assert_true(slab_end(&slab) < BURST + SLAB_CHUNK);
        for (int i = 0; i < BURST; i++)
            generation[index[i]] = slab_generation(&slab, index[i]);
        for (int i = BURST; i-- > 1;) { /* in any order */
            int k = (int)(test_next(&seed) % (unsigned)(i + 1));
            uint32_t kept = index[i];
            index[i] = index[k];
            index[k] = kept;
        }
        for (int i = 0; i < BURST; i++) {
            rill__slab_close(&slab, index[i]);
            assert_null(rill__slab_find(&slab, index[i], generation[index[i]]));
        }
        assert_int_equal(slab.used, 0);
        assert_true(memory.live_bytes < 200 * SLAB_CHUNK + 1000 + 32 * BURST / SLAB_CHUNK);
    }
    rill__slab_fini(&slab);
    assert_int_equal(memory.live_bytes, 0);
}

/* One object more or less at the edge of a chunk does not go to the allocator each time. */
static void slab_keeps_one_empty_chunk(void **state) {
    (void)state;
    struct test_memory memory = {0};
    struct rill_allocator allocator = test_allocator(&memory);
    struct slab slab;
    uint32_t index;
    rill__slab_init(&slab, &allocator, 64, UINT32_MAX);
    for (int i = 0; i < 4 * SLAB_CHUNK + 1; i++)
        assert_non_null(rill__slab_open(&slab, &index));
    uint64_t calls = memory.calls, blocks = memory.live_blocks;
    for (int i = 0; i < 1000; i++) {
        rill__slab_close(&slab, index);
        assert_non_null(rill__slab_open(&slab, &index));
    }
    assert_int_equal(memory.calls, calls);
    assert_int_equal(memory.live_blocks, blocks);
    rill__slab_fini(&slab);
}

static void slab_random_use_matches_a_model(void **state) {
    (void)state;
    struct test_memory memory = {0};
    struct rill_allocator allocator = test_allocator(&memory);
    struct slab slab;
    static uint32_t live[3000], value[100000];
    uint32_t count = 0;
    uint64_t seed = 42;
    rill__slab_init(&slab, &allocator, sizeof(uint32_t), 3000);
    for (uint32_t i = 0; i < 60000; i++) {
        bool open = count == 0 || (count < 3000 && test_next(&seed) % 100 < (i < 30000 ? 60 : 40));
        if (open) {
            uint32_t index, *object = rill__slab_open(&slab, &index);
            assert_non_null(object);
            live[count++] = index;
            *object = value[index] = i + 1;
        } else {
            uint32_t at = (uint32_t)(test_next(&seed) % count), index = live[at];
            assert_int_equal(*(uint32_t *)slab_at(&slab, index), value[index]);
            rill__slab_close(&slab, index);
            live[at] = live[--count];
        }
        assert_int_equal(slab.used, count);
    }
    rill__slab_fini(&slab);
    assert_int_equal(memory.live_blocks, 0);
}

static void slab_each_allocation_failing_is_null_and_no_leak(void **state) {
    (void)state;
    for (uint64_t fail = 1; fail < 30; fail++) {
        struct test_memory memory = {.fail_at = fail};
        struct rill_allocator allocator = test_allocator(&memory);
        struct slab slab;
        uint32_t index, opened = 0, refused = 0;
        rill__slab_init(&slab, &allocator, 24, 10000);
        for (int i = 0; i < 14 * SLAB_CHUNK; i++) {
            if (rill__slab_open(&slab, &index))
                opened++;
            else
                refused++; /* once; the next try succeeds */
        }
        assert_int_equal(refused, memory.failed);
        assert_int_equal(slab.used, opened);
        rill__slab_fini(&slab);
        assert_int_equal(memory.live_blocks, 0);
        if (!memory.failed) {
            assert_true(fail > 8);
            return;
        }
    }
    fail_msg("every allocation has failed once, and there was always one more");
}

int slab_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slab_objects_are_zeroed_aligned_and_apart),
        cmocka_unit_test(slab_tails_are_zeroed_and_apart_whatever_the_sizes),
        cmocka_unit_test(slab_generation_tells_a_reused_slot_from_the_old_one),
        cmocka_unit_test(slab_gives_back_what_a_burst_has_needed),
        cmocka_unit_test(slab_keeps_one_empty_chunk),
        cmocka_unit_test(slab_random_use_matches_a_model),
        cmocka_unit_test(slab_each_allocation_failing_is_null_and_no_leak),
    };
    return cmocka_run_group_tests_name("slab", tests, 0, 0);
}
