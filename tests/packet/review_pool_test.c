/* tests/packet/review_pool_test.c: the pool's part of the review suite (see tests/tcp/review.h). */
#include "tcp/review.h"

#include "packet/pool.h"

struct fixture {
    struct test_memory memory;
    struct rill_allocator allocator;
    struct rill_pool *pool;
};

static void open_pool(struct fixture *f, uint64_t bytes_max) {
    struct rill_pool_config config;
    memset(f, 0, sizeof *f);
    f->memory.fill = 0xa5;
    f->allocator = test_allocator(&f->memory);
    rill_pool_config_default(&config);
    config.bytes_max = bytes_max;
    f->pool = rill_pool_open(&f->allocator, &config);
    assert_non_null(f->pool);
}

static void close_pool(struct fixture *f) {
    rill_pool_close(f->pool);
    assert_int_equal(f->memory.live_bytes, 0);
}

/* Opens blocks or packets until there are no more, and gives all back. */
static int exhaust(struct fixture *f, size_t capacity) {
    static void *held[5000];
    int count = 0;
    while ((held[count] = capacity ? (void *)rill_block_open(f->pool, capacity)
                                   : (void *)rill_packet_open(f->pool)))
        count++;
    for (int i = 0; i < count; i++)
        capacity ? rill_block_drop(held[i]) : rill_packet_drop(held[i]);
    return count;
}

/* Blocks of one class, all at home, kept every other class and every packet from being made. */
static void pool_trims_what_is_at_home_before_it_refuses(void **state) {
    (void)state;
    struct fixture f;
    struct rill_pool_info info;
    const size_t sizes[] = {100, 2000, 0, 16000, 60000, 100000, 0, 100, 60000, 2000};
    open_pool(&f, 1u << 20);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t each = sizes[i] ? sizes[i] : sizeof(struct rill_packet);
        /* at least 80 % of the limit, beside the reserve, comes round in every size */
        assert_true((uint64_t)exhaust(&f, sizes[i]) * (each + 600) > (1u << 20) * 8 / 10);
        rill_pool_get_info(f.pool, &info);
        assert_int_equal(info.blocks_out + info.packets_out, 0);
        assert_true(info.bytes_allocated <= 1u << 20);
        assert_true(f.memory.peak_bytes <= (1u << 20) + sizeof *f.pool);
    }
    close_pool(&f);
}

/* What is out stays out: only what is at home can be given back. */
static void pool_trims_no_block_that_is_held(void **state) {
    (void)state;
    struct fixture f;
    struct rill_block *held[8];
    open_pool(&f, 1u << 20);
    for (int i = 0; i < 8; i++) {
        held[i] = rill_block_open(f.pool, 100);
        memset(rill_block_data(held[i]), i, 100);
    }
    exhaust(&f, 100);
    exhaust(&f, 60000);
    assert_null(rill_block_open(f.pool, 1u << 20));
    for (int i = 0; i < 8; i++) {
        for (int k = 0; k < 100; k++)
            assert_int_equal(rill_block_data(held[i])[k], i);
        rill_block_drop(held[i]);
    }
    close_pool(&f);
}

/* The header was added to the size, and the sum ran over: a block of 53 bytes. */
static void block_of_nearly_all_there_is_is_null(void **state) {
    (void)state;
    struct fixture f;
    open_pool(&f, 1u << 20);
    for (size_t less = 0; less < 200; less++)
        assert_null(rill_block_open(f.pool, SIZE_MAX - less));
    close_pool(&f);
    open_pool(&f, UINT64_MAX);
    for (size_t less = 0; less < 64; less++)
        assert_null(rill_block_open(f.pool, SIZE_MAX - less));
    close_pool(&f);
}

int review_pool_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_trims_what_is_at_home_before_it_refuses),
        cmocka_unit_test(pool_trims_no_block_that_is_held),
        cmocka_unit_test(block_of_nearly_all_there_is_is_null),
    };
    return cmocka_run_group_tests_name("review_pool", tests, 0, 0);
}
