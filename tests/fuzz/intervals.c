/* tests/fuzz/intervals.c: TCP's receive queue, in order and out of order (tcp/receive_queue.c,
 * tcp/reassembly.c), against a map with one entry a byte.
 *
 * Each byte that is offered has a value that says in which segment it came, so that it shows which
 * of two overlapping segments counted. What memory was there for is not modelled: after a refusal
 * the map is set to what the queue says it has, which must be a part of what it could have. */
#include "base/seq.h"
#include "fuzz/harness.h"
#include "tcp/reassembly.h"
#include "wire/tcp.h"

#include <string.h>

const char fuzz_target[] = "intervals";

#define SPACE 16384u /* bytes of sequence space in play */
#define STEPS 1500

struct run {
    struct fuzz_input input;
    struct test_memory memory;
    struct rill_pool *pool;
    struct core core;
    struct receive_slabs slabs;
    struct receive_queue queue;
    rill_seq first, rcv_nxt;
    bool order_known; /* of the ranges, by their last change */
    /* the model; positions count from `first` */
    uint32_t read_at, next; /* [read_at, next) is in order and unread */
    uint32_t step, end;     /* nothing is known at `end` and beyond */
    uint8_t value[SPACE];
    uint8_t there[SPACE]; /* out of order: the byte has come */
    uint16_t changed[SPACE];
};

static uint32_t model_ranges(const struct run *run) {
    uint32_t count = 0;
    for (uint32_t i = run->next; i < run->end; i++)
        count += run->there[i] && (i == run->next || !run->there[i - 1]);
    return count;
}

/* What is in order moves to the other half. */
static void model_drain(struct run *run) {
    while (run->next < run->end && run->there[run->next])
        run->there[run->next++] = 0;
}

/* The range around [from, to) is the one changed last. */
static void model_touch(struct run *run, uint32_t from, uint32_t to) {
    while (from > run->next && run->there[from - 1])
        from--;
    while (to < run->end && run->there[to])
        to++;
    for (uint32_t i = from; i < to; i++)
        run->changed[i] = (uint16_t)run->step;
}

static void model_add(struct run *run, uint32_t from, uint32_t length, uint8_t value) {
    run->end = from + length > run->end ? from + length : run->end;
    if (from == run->next) {
        memset(run->value + from, value, length);
        memset(run->there + from, 0, length);
        run->next += length;
        model_drain(run);
        return;
    }
    for (uint32_t i = from; i < from + length; i++) {
        if (!run->there[i])
            run->value[i] = value;
        run->there[i] = 1;
    }
    model_touch(run, from, from + length);
}

/* Takes over what the queue has, of which no byte may be one that was not offered. */
static void follow(struct run *run, uint32_t from, uint32_t length, uint8_t value) {
    uint32_t next = run->rcv_nxt - run->first;
    static uint8_t had[SPACE];
    memcpy(had, run->there, sizeof had);
    bool in_order = from == run->next;
    run->end = from + length > run->end ? from + length : run->end;
    FUZZ_REQUIRE(next >= run->next && next <= run->end);
    for (uint32_t i = run->next; i < next; i++) {
        bool offered = in_order && i < from + length;
        FUZZ_REQUIRE(offered || had[i]);
        if (offered)
            run->value[i] = value;
    }
    memset(run->there, 0, sizeof run->there);
    for (const struct receive_range *range = run->queue.ranges; range; range = range->next) {
        uint32_t left = range->left - run->first, right = range->right - run->first;
        FUZZ_REQUIRE(left > next && left < right && right <= run->end);
        for (uint32_t i = left; i < right; i++) {
            bool offered = i >= from && i < from + length;
            FUZZ_REQUIRE(had[i] || (offered && !in_order));
            if (!had[i])
                run->value[i] = value;
            run->there[i] = 1;
        }
    }
    run->next = next;
    run->order_known = false;
}

/* The ranges, their bytes and the sums; in the model and in the queue. */
static void compare(struct run *run) {
    uint32_t out_of_order = 0, ranges = 0;
    uint64_t held = 0;
    FUZZ_REQUIRE(run->rcv_nxt == run->first + run->next);
    FUZZ_REQUIRE(run->queue.bytes == run->next - run->read_at);
    rill_seq at = run->rcv_nxt;
    const struct receive_range *previous = 0;
    for (const struct receive_range *range = run->queue.ranges; range; range = range->next) {
        uint32_t left = range->left - run->first, right = range->right - run->first;
        FUZZ_REQUIRE(seq_gt(range->left, at) && seq_gt(range->right, range->left));
        FUZZ_REQUIRE(range->previous == previous && right <= run->end);
        FUZZ_REQUIRE(!run->there[left - 1] && (right == run->end || !run->there[right]));
        const struct receive_piece *piece = range->first;
        for (uint32_t i = left; i < right; piece = piece->next) {
            FUZZ_REQUIRE(piece && piece->slice.length);
            for (size_t k = 0; k < piece->slice.length; k++, i++)
                FUZZ_REQUIRE(run->there[i] && piece->slice.data[k] == run->value[i]);
            held += piece->charge;
        }
        FUZZ_REQUIRE(!piece);
        out_of_order += right - left;
        at = range->right;
        previous = range;
        ranges++;
    }
    FUZZ_REQUIRE(run->queue.ranges_last == previous);
    FUZZ_REQUIRE(ranges == run->queue.range_count && ranges == model_ranges(run));
    FUZZ_REQUIRE(out_of_order == run->queue.out_of_order && ranges <= RECEIVE_RANGES_MAX);
    for (uint32_t i = 0; i < run->queue.count; i++)
        held += run->queue.ring[(run->queue.head + i) & run->queue.mask].charge;
    FUZZ_REQUIRE(held == run->queue.held && held == run->core.memory_held);
}

/* Ranges are told in the order of their last change, each as far as it goes. */
static void compare_sacks(const struct run *run, unsigned max) {
    struct wire_sack sacks[WIRE_SACK_MAX];
    unsigned count = rill__reassembly_sacks(&run->queue, sacks, max);
    uint32_t ranges = model_ranges(run), last = UINT32_MAX;
    FUZZ_REQUIRE(count == (ranges < max ? ranges : max));
    for (unsigned i = 0; i < count; i++) {
        uint32_t left = sacks[i].left - run->first, right = sacks[i].right - run->first;
        FUZZ_REQUIRE(left > run->next && left < right && right <= run->end);
        FUZZ_REQUIRE(!run->there[left - 1] && (right == run->end || !run->there[right]));
        for (uint32_t k = left; k < right; k++)
            FUZZ_REQUIRE(run->there[k]);
        FUZZ_REQUIRE(!run->order_known || run->changed[left] < last);
        last = run->changed[left];
    }
    if (!count || !run->order_known)
        return;
    for (uint32_t i = run->next; i < run->end; i++) /* those left out are older */
        if (run->there[i])
            FUZZ_REQUIRE(run->changed[i] <= run->changed[sacks[0].left - run->first]);
}

/* A packet of `length` bytes of `value` behind `from` others. */
static struct rill_packet *packet_of(struct run *run, uint32_t from, uint32_t length, uint8_t value,
                                     uint8_t shape) {
    static uint8_t bytes[SPACE + 64];
    memset(bytes, 0xee, from);
    memset(bytes + from, value, length);
    return fuzz_packet_of(run->pool, bytes, from + length, shape);
}

static void add(struct run *run, uint32_t from, uint32_t length, uint8_t shape) {
    uint8_t value = (uint8_t)run->step;
    uint32_t header = shape >> 3 & 31;
    if (from < run->next || !length || from >= SPACE || from + length >= SPACE)
        return;
    struct rill_packet *packet = packet_of(run, header, length, value, shape & 7);
    if (!packet)
        return;
    bool all = from > run->next;
    uint32_t around = 0;
    for (uint32_t i = from; i < from + length && all; i++)
        all = run->there[i] && i < run->end;
    for (uint32_t i = from - (from > run->next); i <= from + length; i++)
        around += run->there[i];
    enum rill_drop drop = rill__receive_queue_add(&run->core, &run->slabs, &run->queue, packet,
                                                  header, length, run->first + from, &run->rcv_nxt);
    rill_packet_drop(packet);
    bool full = from > run->next && !around && model_ranges(run) >= RECEIVE_RANGES_MAX;
    bool tight = run->memory.failed || run->core.memory_limit < 1u << 20 || run->queue.held > 65536;
    FUZZ_REQUIRE((drop == RILL_DROP_TCP_DUPLICATE) == all);
    FUZZ_REQUIRE((drop == RILL_DROP_TCP_RANGES) == full);
    if (drop == RILL_DROP_TCP_PRESSURE || drop == RILL_DROP_TCP_EVICTED ||
        drop == RILL_DROP_NO_MEMORY) {
        FUZZ_REQUIRE(tight);
        follow(run, from, length, value);
    } else if (tight && !all && !full) { /* the in-order half may have lost what was beyond */
        if (run->memory.failed)
            follow(run, from, length, value);
        else
            model_add(run, from, length, value);
    } else if (all) {
        model_touch(run, from, from + length);
    } else if (!full) {
        model_add(run, from, length, value);
    }
}

static void read_some(struct run *run, uint32_t length, unsigned how) {
    static uint8_t out[SPACE];
    size_t there = run->next - run->read_at, n;
    struct rill_slice slice = {out, 0, 0};
    length = length < SPACE ? length : SPACE;
    switch (how) {
    case 0:
        n = rill__receive_queue_peek(&run->queue, out, length);
        FUZZ_REQUIRE(n == (length < there ? length : there));
        break;
    case 1:
        FUZZ_REQUIRE(rill__receive_queue_take(&run->core, &run->queue, &slice) == (there > 0));
        n = slice.length;
        FUZZ_REQUIRE((n > 0) == (there > 0));
        break;
    default:
        n = rill__receive_queue_read(&run->core, &run->queue, out, length);
        FUZZ_REQUIRE(n == (length < there ? length : there));
        break;
    }
    for (size_t i = 0; i < n; i++)
        FUZZ_REQUIRE(slice.data[i] == run->value[run->read_at + i]);
    if (slice.block)
        rill_block_drop(slice.block);
    if (how > 0)
        run->read_at += (uint32_t)n;
}

static void drop_last(struct run *run) {
    if (!run->queue.ranges)
        return;
    rill__reassembly_drop_last(&run->core, &run->slabs, &run->queue);
    uint32_t at = run->end;
    while (!run->there[at - 1])
        at--;
    while (run->there[at - 1])
        run->there[--at] = 0;
}

/* Many ranges at once. */
static void comb(struct run *run, uint32_t from, uint32_t count, uint32_t step) {
    for (uint32_t i = 0; i < count; i++, run->step++)
        add(run, from + i * step, 1, 0);
}

static void one_step(struct run *run) {
    uint8_t what = input_8(&run->input);
    uint32_t near = run->next + input_8(&run->input), length = input_8(&run->input);
    switch (what % 16) {
    case 0:
    case 1:
        read_some(run, length * (what & 16 ? 64u : 1u), what >> 5 & 3);
        break;
    case 2:
        drop_last(run);
        break;
    case 3:
        run->memory.fail_at = what & 16 ? run->memory.calls + 1 + length % 8 : 0;
        break;
    case 4:
        run->core.memory_limit = what & 16 ? length * 256u : 1u << 28;
        break;
    case 5:
        comb(run, near + 1, length, 2 + (what >> 4 & 3));
        break;
    case 6:
    case 7: /* long, or far away */
        add(run, run->next + (near - run->next) * 50, length * (what & 16 ? 100u : 1u),
            input_8(&run->input));
        break;
    case 8:
        add(run, run->next, length * (what & 16 ? 50u : 1u), input_8(&run->input));
        break;
    case 9: /* at the edge of a range */
        if (run->queue.ranges_last)
            add(run, run->queue.ranges_last->right - run->first - (what >> 4 & 3), length,
                input_8(&run->input));
        break;
    default:
        add(run, near, length, input_8(&run->input));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct run run;
    struct rill_stack_config config;
    memset(&run, 0, sizeof run);
    run.input = (struct fuzz_input){data, data + size};
    run.first = run.rcv_nxt = 0u - input_16(&run.input) * (input_8(&run.input) & 1u);
    run.order_known = true;
    rill_stack_config_default(&config);
    config.allocator = test_allocator(&run.memory);
    config.pool = run.pool = rill_pool_open(&config.allocator, 0);
    config.memory_limit = 1u << 28;
    rill__core_init(&run.core, &config);
    rill__slab_init(&run.slabs.pieces, &run.core.allocator, sizeof(struct receive_piece), 1u << 24);
    rill__slab_init(&run.slabs.ranges, &run.core.allocator, sizeof(struct receive_range), 1u << 24);
    for (run.step = 1; run.step < STEPS && !input_done(&run.input); run.step++) {
        uint64_t held = run.core.memory_held; /* the limit may have been lowered since */
        run.memory.failed = false;
        one_step(&run);
        FUZZ_REQUIRE(run.core.memory_held <= held || run.core.memory_held <= run.core.memory_limit);
        compare(&run);
        compare_sacks(&run, 1 + run.step % WIRE_SACK_MAX);
    }
    rill__receive_queue_fini(&run.core, &run.slabs, &run.queue);
    FUZZ_REQUIRE(run.core.memory_held == 0);
    rill__slab_fini(&run.slabs.pieces);
    rill__slab_fini(&run.slabs.ranges);
    rill_pool_close(run.pool);
    FUZZ_REQUIRE(run.memory.live_bytes == 0 && run.memory.live_blocks == 0);
    return 0;
}
