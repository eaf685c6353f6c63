/* tests/tcp/scoreboard_test.c: the scoreboard against a model that knows nothing of records: an
 * array of segments, each with its state and its history. Long random sequences of what a
 * connection does to it; after each step everything is compared, the tree included. */
#include "tcp/loss.h"

#include "base/seq.h"
#include "base/util.h"
#include "tcp/scoreboard.h"

enum { CELLS = 4096, SEGMENT = 100 };

enum cell_state { IN_FLIGHT, SACKED, LOST };

struct cell {
    rill_seq sequence, end;
    rill_time sent_at;
    uint32_t timestamp;
    uint8_t state; /* enum cell_state */
    uint8_t times;
    bool resent, fin;
};

struct model {
    struct test_memory memory;
    struct rill_allocator allocator;
    struct slab slab;
    struct scoreboard board;
    struct cell cells[CELLS]; /* those outstanding: first … last */
    uint32_t first, last;
    rill_seq snd_una, snd_nxt, fack;
    rill_time now;
    uint64_t seed;
    bool fin_sent, reneged;
};

static uint32_t dice(struct model *model, uint32_t sides) {
    model->seed = model->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(model->seed >> 33) % sides;
}

static void model_open(struct model *model, uint64_t seed) {
    memset(model, 0, sizeof *model);
    model->memory.fill = 0xa5;
    model->allocator = test_allocator(&model->memory);
    rill__slab_init(&model->slab, &model->allocator, sizeof(struct transmission), UINT32_MAX);
    model->seed = seed;
    model->now = RILL_SECOND;
    model->snd_una = model->snd_nxt = model->fack = (rill_seq)(0u - 5000u); /* wraps early */
}

static void model_close(struct model *model) {
    rill__scoreboard_fini(&model->board, &model->slab);
    assert_null(model->board.head);
    assert_null(model->board.oldest);
    assert_int_equal(model->board.in_flight + model->board.sacked + model->board.lost, 0);
    assert_int_equal(model->slab.used, 0);
    rill__slab_fini(&model->slab);
    assert_int_equal(model->memory.live_blocks, 0);
}

static struct ack_summary summary_of(const struct model *model) {
    return (struct ack_summary){.now = model->now,
                                .rtt = RILL_TIME_NEVER,
                                .rack_rtt = RILL_TIME_NEVER,
                                .fack = model->fack,
                                .recover = model->snd_nxt};
}

static void compare_record(const struct model *model, const struct transmission *record,
                           uint32_t *cell) {
    bool joined = (record->flags & TRANSMISSION_SACKED) != 0;
    rill_seq at = record->sequence;
    for (; at != record->end; (*cell)++) {
        assert_true(*cell < model->last);
        const struct cell *is = &model->cells[*cell];
        assert_int_equal(is->sequence, at);
        at = is->end;
        assert_true(seq_leq(at, record->end));
        assert_int_equal(is->state, record->flags & TRANSMISSION_SACKED ? SACKED
                                    : record->flags & TRANSMISSION_LOST ? LOST
                                                                        : IN_FLIGHT);
        assert_true(!is->fin || (record->flags & TRANSMISSION_FIN && at == record->end));
        if (joined || model->reneged)
            continue; /* of SACKed neighbours only the sum of their histories is kept */
        assert_int_equal(is->sent_at, record->sent_at);
        assert_int_equal(is->timestamp, record->timestamp);
        assert_int_equal(is->times, record->times);
        assert_int_equal(is->resent, (record->flags & TRANSMISSION_RESENT) != 0);
    }
    if (joined)
        assert_false(record->next && record->next->flags & TRANSMISSION_SACKED);
}

static void compare(const struct model *model) {
    const struct scoreboard *board = &model->board;
    uint32_t sums[3] = {0, 0, 0}, cell = model->first, count = 0, flying = 0;
    const struct transmission *first_lost = 0;
    rill_seq at = model->snd_una;
    for (const struct transmission *record = board->head; record; record = record->next) {
        assert_int_equal(record->sequence, at);
        compare_record(model, record, &cell);
        at = record->end;
        count++;
        if (record->flags & TRANSMISSION_LOST && !first_lost)
            first_lost = record;
        if (board->root) {
            rill_seq inside = record->sequence + transmission_span(record) / 2;
            assert_ptr_equal(rill__tree_find(board, inside), record);
        }
    }
    assert_int_equal(cell, model->last);
    assert_int_equal(count, board->count);
    for (cell = model->first; cell < model->last; cell++)
        sums[model->cells[cell].state] += model->cells[cell].end - model->cells[cell].sequence;
    assert_int_equal(sums[IN_FLIGHT], board->in_flight);
    assert_int_equal(sums[SACKED], board->sacked);
    assert_int_equal(sums[LOST], board->lost);
    assert_ptr_equal(rill__scoreboard_first_lost(board), first_lost);
    rill_time sent_at = 0;
    for (const struct transmission *record = board->oldest; record; record = record->later) {
        assert_true(transmission_in_flight(record));
        assert_true(record->sent_at >= sent_at);
        sent_at = record->sent_at;
        flying += transmission_span(record);
    }
    assert_int_equal(flying, board->in_flight);
    if (board->root) {
        assert_null(rill__tree_find(board, model->snd_nxt));
        assert_null(rill__tree_find(board, model->snd_una - 1));
    }
}

/* A super-segment of one to twelve segments, the last of which may be short. */
static void send_new(struct model *model) {
    uint32_t count = 1 + dice(model, 12), left = model->last;
    if (model->fin_sent || left + count > CELLS)
        return;
    uint32_t length = count * SEGMENT - (dice(model, 4) ? 0 : dice(model, SEGMENT));
    bool fin = dice(model, 3000) == 0;
    struct sending sending = {.now = model->now,
                              .sequence = model->snd_nxt,
                              .end = model->snd_nxt + length + fin,
                              .timestamp = dice(model, 1000),
                              .segment = SEGMENT,
                              .flags = fin ? TRANSMISSION_FIN : 0};
    assert_non_null(rill__scoreboard_add(&model->board, &model->slab, &sending));
    model->fin_sent = fin;
    for (rill_seq at = sending.sequence; at != sending.end;) {
        struct cell *cell = &model->cells[model->last++];
        memset(cell, 0, sizeof *cell);
        cell->sequence = at;
        cell->end = seq_min(at + SEGMENT, sending.end);
        if (fin && sending.end - cell->end == 1)
            cell->end = sending.end; /* the FIN belongs to the last segment */
        cell->fin = fin && cell->end == sending.end;
        cell->sent_at = model->now;
        cell->timestamp = sending.timestamp;
        cell->times = 1;
        at = cell->end;
    }
    model->snd_nxt = sending.end;
}

/* The peer has cells [from, to); what each says of it. */
static void deliver(struct model *model, uint32_t from, uint32_t to, struct ack_summary *want) {
    for (uint32_t i = from; i < to; i++) {
        struct cell *cell = &model->cells[i];
        if (cell->state == SACKED)
            continue;
        want->delivered += cell->end - cell->sequence;
        if (seq_gt(cell->end, want->fack))
            want->fack = cell->end;
        else if (seq_lt(cell->end, want->fack) && !cell->resent)
            want->reordered = true;
        want->original |= !cell->resent;
    }
}

static void expect_summary(struct model *model, const struct ack_summary *is,
                           const struct ack_summary *want) {
    model->fack = want->fack;
    if (model->reneged)
        return;
    assert_int_equal(is->delivered, want->delivered);
    assert_int_equal(is->fack, want->fack);
    assert_int_equal(is->reordered, want->reordered);
    assert_int_equal(is->original, want->original);
    assert_int_equal(is->rack_rtt != RILL_TIME_NEVER, want->delivered != 0);
}

static void acknowledge(struct model *model) {
    uint32_t cells = model->last - model->first;
    if (!cells)
        return;
    uint32_t to = model->first + 1 + dice(model, dice(model, 30) ? RILL_MIN(cells, 10) : cells);
    if (model->reneged)
        to = model->last;
    struct ack_summary is = summary_of(model), want = is;
    deliver(model, model->first, to, &want);
    for (uint32_t i = model->first; i < to; i++)
        want.resent_acked |= model->cells[i].resent;
    rill_seq number = model->cells[to - 1].end;
    rill__scoreboard_acked(&model->board, &model->slab, number, &is);
    model->snd_una = number;
    model->first = to;
    expect_summary(model, &is, &want);
    if (!model->reneged)
        assert_true(is.resent_acked || !want.resent_acked);
    if (model->first == model->last) {
        model->first = model->last = 0;
        model->reneged = false;
    }
}

static void sack_some(struct model *model) {
    uint32_t cells = model->last - model->first;
    if (cells < 2)
        return;
    uint32_t from = model->first + 1 + dice(model, cells - 1);
    uint32_t to = from + 1 + dice(model, RILL_MIN(model->last - from, 20));
    if (to > model->last)
        to = model->last;
    rill_seq left = model->cells[from].sequence, right = model->cells[to - 1].end;
    struct ack_summary is = summary_of(model), want = is;
    deliver(model, from, to, &want);
    if (model->cells[to - 1].fin && dice(model, 2))
        right--; /* of a peer that counts bytes only */
    rill__scoreboard_sacked(&model->board, &model->slab, left, right, &is);
    for (uint32_t i = from; i < to; i++)
        model->cells[i].state = SACKED;
    expect_summary(model, &is, &want);
    assert_int_equal(is.sacked, want.delivered != 0);
}

static void lose_oldest(struct model *model) {
    for (uint32_t n = 1 + dice(model, 5); n && model->board.oldest; n--) {
        struct transmission *record = model->board.oldest;
        for (uint32_t i = model->first; i < model->last; i++)
            if (seq_geq(model->cells[i].sequence, record->sequence) &&
                seq_lt(model->cells[i].sequence, record->end))
                model->cells[i].state = LOST;
        rill__scoreboard_mark_lost(&model->board, record);
    }
}

static void resend(struct model *model) {
    struct transmission *record = rill__scoreboard_first_lost(&model->board);
    if (!record)
        return;
    uint32_t cell = model->first, count = 0, limit = 1 + dice(model, 6);
    while (model->cells[cell].sequence != record->sequence)
        cell++;
    rill_seq end = record->sequence;
    struct sending sending = {
        .now = model->now, .timestamp = dice(model, 1000), .segment = SEGMENT};
    for (; end != record->end && count < limit; cell++, count++) {
        struct cell *is = &model->cells[cell];
        end = is->end;
        is->state = IN_FLIGHT;
        is->resent = true;
        is->sent_at = model->now;
        is->timestamp = sending.timestamp;
        is->times++;
    }
    if (end != record->end)
        assert_true(rill__scoreboard_split(&model->board, &model->slab, record, end));
    rill__scoreboard_resent(&model->board, record, &sending);
}

static void change_all(struct model *model, uint8_t from, uint8_t to) {
    for (uint32_t i = model->first; i < model->last; i++)
        if (model->cells[i].state == from)
            model->cells[i].state = to;
}

static void step(struct model *model) {
    model->now += dice(model, 3) ? 0 : dice(model, 1000);
    switch (dice(model, 40)) {
    case 0:
        rill__scoreboard_mark_all_lost(&model->board);
        change_all(model, IN_FLIGHT, LOST);
        break;
    case 1:
        rill__scoreboard_unmark_lost(&model->board);
        change_all(model, LOST, IN_FLIGHT);
        break;
    case 2:
        if (dice(model, 20) || !model->board.sacked)
            break;
        rill__scoreboard_renege(&model->board);
        change_all(model, SACKED, LOST);
        model->reneged = true; /* what SACKed neighbours had of their own is forgotten … */
        compare(model);
        while (model->reneged) /* … and where their segments ended */
            acknowledge(model);
        break;
    default: {
        uint32_t what = dice(model, 10);
        if (what < 4)
            send_new(model);
        else if (what < 5)
            acknowledge(model);
        else if (what < 7)
            sack_some(model);
        else if (what < 8)
            lose_oldest(model);
        else
            resend(model);
    }
    }
}

static void scoreboard_is_as_the_model_says(void **state) {
    (void)state;
    static struct model model;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        model_open(&model, seed);
        for (int i = 0; i < 4000; i++) {
            step(&model);
            if (i % 7 == 0 || model.board.count < 40)
                compare(&model);
        }
        model_close(&model);
    }
}

/* ACKs and SACKs of any byte: less may be marked than they say, never more, and all invariants
 * hold. */
static void scoreboard_survives_any_numbers(void **state) {
    (void)state;
    static struct model model;
    static uint8_t has[1 << 16];
    for (uint64_t seed = 1; seed <= 40; seed++) {
        model_open(&model, seed);
        memset(has, 0, sizeof has);
        rill_seq begin = model.snd_una;
        for (int i = 0; i < 60; i++) {
            model.now += 10;
            if (model.last < CELLS - 20 && model.snd_nxt - begin < 50000)
                send_new(&model);
            uint32_t span = model.snd_nxt - model.snd_una;
            struct ack_summary summary = summary_of(&model);
            if (span && dice(&model, 3) == 0) {
                model.snd_una += dice(&model, span / 4 + 1);
                rill__scoreboard_acked(&model.board, &model.slab, model.snd_una, &summary);
            } else if (span > 2) {
                rill_seq left = model.snd_una + dice(&model, span - 1);
                rill_seq right = left + 1 + dice(&model, model.snd_nxt - left);
                right = seq_min(right, model.snd_nxt);
                for (rill_seq at = left; at != right; at++)
                    has[at - begin] = 1;
                rill__scoreboard_sacked(&model.board, &model.slab, left, right, &summary);
            }
            lose_oldest(&model);
            rill_seq at = model.snd_una;
            uint32_t sacked = 0;
            for (struct transmission *record = model.board.head; record; record = record->next) {
                assert_int_equal(record->sequence, at);
                at = record->end;
                bool fin = (record->flags & TRANSMISSION_FIN) != 0;
                for (rill_seq j = record->sequence; j != at - fin; j++)
                    assert_true(!(record->flags & TRANSMISSION_SACKED) || has[j - begin]);
                sacked += record->flags & TRANSMISSION_SACKED ? transmission_span(record) : 0;
            }
            assert_int_equal(at, model.snd_nxt);
            assert_int_equal(sacked, model.board.sacked);
            assert_int_equal(sacked + model.board.lost + model.board.in_flight,
                             model.snd_nxt - model.snd_una);
        }
        model_close(&model);
    }
}

/* Pitfall 1: what is split keeps when it was sent, with what timestamp, how often, and its state.
 */
static void scoreboard_split_keeps_the_history(void **state) {
    (void)state;
    static struct model model;
    model_open(&model, 1);
    struct sending sending = {.now = 77,
                              .sequence = model.snd_nxt,
                              .end = model.snd_nxt + 5 * SEGMENT,
                              .timestamp = 5,
                              .segment = SEGMENT};
    struct transmission *record = rill__scoreboard_add(&model.board, &model.slab, &sending);
    rill__scoreboard_mark_lost(&model.board, record);
    sending.now = 99;
    sending.timestamp = 6;
    rill__scoreboard_resent(&model.board, record, &sending);
    struct ack_summary summary = summary_of(&model);
    rill_seq first = record->sequence;
    rill__scoreboard_sacked(&model.board, &model.slab, first + 2 * SEGMENT, first + 3 * SEGMENT,
                            &summary);
    assert_int_equal(model.board.count, 3);
    for (record = model.board.head; record; record = record->next) {
        assert_int_equal(record->sent_at, 99);
        assert_int_equal(record->timestamp, 6);
        assert_int_equal(record->times, 2);
        assert_int_equal(record->segment, SEGMENT);
        assert_true(record->flags & TRANSMISSION_RESENT);
    }
    assert_int_equal(model.board.in_flight, 4 * SEGMENT);
    model_close(&model);
}

/* When memory ends in a split nothing is lost: the record is as it was. */
static void scoreboard_without_memory_stays_whole(void **state) {
    (void)state;
    static struct model model;
    for (uint64_t fail = 1; fail < 12; fail++) {
        model_open(&model, fail);
        for (int i = 0; i < 31; i++)
            send_new(&model);
        model.memory.fail_at = model.memory.calls + fail;
        for (int i = 0; i < 200; i++) {
            uint32_t span = model.snd_nxt - model.snd_una, cells = model.last - 1;
            struct ack_summary summary = summary_of(&model);
            const struct cell *cell = &model.cells[1 + dice(&model, cells)];
            rill__scoreboard_sacked(&model.board, &model.slab, cell->sequence, cell->end, &summary);
            assert_int_equal(model.board.sacked + model.board.in_flight + model.board.lost, span);
        }
        model_close(&model);
    }
}

/* A window of a hundred thousand segments, every other SACKed: the tree stays shallow. */
static void scoreboard_tree_of_many_records_is_shallow(void **state) {
    (void)state;
    static struct model model;
    model_open(&model, 1);
    rill_seq begin = model.snd_nxt;
    enum { MANY = 20000 };
    struct sending sending = {
        .now = 1, .sequence = begin, .end = begin + MANY * SEGMENT, .segment = SEGMENT};
    struct transmission *record = rill__scoreboard_add(&model.board, &model.slab, &sending);
    assert_non_null(record);
    struct ack_summary summary = summary_of(&model);
    for (uint32_t i = 1; i < MANY; i += 2)
        rill__scoreboard_sacked(&model.board, &model.slab, begin + i * SEGMENT,
                                begin + (i + 1) * SEGMENT, &summary);
    assert_int_equal(model.board.count, MANY);
    unsigned deepest = 0;
    for (record = model.board.head; record; record = record->next) {
        unsigned depth = 0;
        for (const struct transmission *up = record; up->parent; up = up->parent)
            depth++;
        deepest = depth > deepest ? depth : deepest;
    }
    assert_true(deepest < 60); /* log2 is 14; a treap's expectation is about twice ln */
    model_close(&model);
}

int scoreboard_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scoreboard_is_as_the_model_says),
        cmocka_unit_test(scoreboard_survives_any_numbers),
        cmocka_unit_test(scoreboard_split_keeps_the_history),
        cmocka_unit_test(scoreboard_without_memory_stays_whole),
        cmocka_unit_test(scoreboard_tree_of_many_records_is_shallow),
    };
    return cmocka_run_group_tests_name("scoreboard", tests, 0, 0);
}
