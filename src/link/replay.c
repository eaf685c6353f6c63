/* link/replay.c: a journal played again: see rill/journal.h, and stack/journal.h for what is in
 * one.
 *
 * Call by call: the records of a call are found and their checks verified, the call is made, and
 * what the stack writes of it is compared with them. Requests for memory fail where they failed,
 * and nowhere else. Nothing in the file is trusted. */
#include "link/replay.h"

#include "base/util.h"
#include <stdio.h>
#include <string.h>

void rill_replay_config_default(struct rill_replay_config *config) {
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
    config->memory_max = UINT64_C(1) << 30;
    config->until = RILL_TIME_NEVER;
}

const char *rill_replay_end_text(enum rill_replay_end end) {
    static const char *const texts[] = {
#define RILL_REPLAY_TEXT(name, text) text,
        RILL_REPLAY_ENDS(RILL_REPLAY_TEXT)
#undef RILL_REPLAY_TEXT
    };
    return (unsigned)end < RILL_REPLAY_END_COUNT ? texts[end] : "";
}

void rill__replay_end(struct player *player, enum rill_replay_end end, const char *what) {
    if (player->ended)
        return;
    player->ended = true;
    player->result->end = player->exhausted ? RILL_REPLAY_MEMORY : end;
    snprintf(player->result->what, sizeof player->result->what, "%s",
             player->exhausted ? "" : what);
}

static void *allocate(void *context, size_t size) {
    struct player *player = (struct player *)context;
    void *memory = 0;
    if (size <= player->config->memory_max - player->memory_used)
        memory = player->config->allocator.allocate(player->config->allocator.context, size);
    if (memory)
        player->memory_used += size;
    else
        player->exhausted = true;
    return memory;
}

static void release(void *context, void *memory, size_t size) {
    struct player *player = (struct player *)context;
    player->memory_used -= size;
    player->config->allocator.release(player->config->allocator.context, memory, size);
}

void *rill__replay_scratch(struct player *player, uint64_t size) {
    if (size <= player->scratch_size && player->scratch)
        return player->scratch;
    if (player->scratch)
        release(player, player->scratch, player->scratch_size);
    size = RILL_MAX(size, 65536);
    player->scratch = size > SIZE_MAX ? 0 : (uint8_t *)allocate(player, (size_t)size);
    player->scratch_size = player->scratch ? (size_t)size : 0;
    if (player->scratch)
        memset(player->scratch, 0, player->scratch_size);
    else
        rill__replay_end(player, RILL_REPLAY_MEMORY, "");
    return player->scratch;
}

static bool next_of_kind(const uint8_t **at, const uint8_t *end, uint8_t kind,
                         struct journal_record *record) {
    const uint8_t *from = *at;
    while (from < end && rill__journal_read(from, end, record) == JOURNAL_READ) {
        from = record->next;
        if (record->kind == kind) {
            *at = from;
            return true;
        }
    }
    return false;
}

bool rill__replay_argument(struct player *player, uint8_t kind, struct journal_record *record) {
    return rill__journal_read(player->arguments_at, player->group_end, record) == JOURNAL_READ &&
           next_of_kind(&player->arguments_at, record->next, kind, record);
}

bool rill__replay_data(struct player *player, struct journal_record *record) {
    return next_of_kind(&player->data_at, player->group_end, JOURNAL_DATA, record);
}

/* The hook of the stacks' journals: did this request fail? */
static bool refuse(void *context, uint64_t request) {
    struct player *player = (struct player *)context;
    const uint8_t *at = player->failed_at;
    struct journal_record record;
    uint64_t number;
    if (!player->comparing || !next_of_kind(&at, player->group_end, JOURNAL_FAILED, &record))
        return false;
    rill__journal_values(&record, &number, 1);
    if (number != request)
        return false;
    player->failed_at = at;
    player->result->requests_failed++;
    return true;
}

/* Whether the record may stand here: it is of this stack, and of the call unless it is the first.
 */
static bool belongs(struct player *player, const struct journal_record *record) {
    bool first = record->start == player->call.start;
    bool is_call = rill__replay_call_name(record->kind) != 0;
    if (record->stack != player->call.stack || first != is_call ||
        (!is_call && (record->kind < JOURNAL_RESULT || record->kind > JOURNAL_DATA)))
        return false;
    return player->config->ignore_checks || rill__journal_check(&player->at->chain, record);
}

/* The records of the call at `at`. False: the replay has ended. */
static bool load_group(struct player *player, const uint8_t *at) {
    struct journal_record *record = &player->call;
    struct journal_record more;
    enum journal_read state = rill__journal_read(at, player->end, record);
    player->whole = false;
    if (state == JOURNAL_ENDED || state == JOURNAL_TRUNCATED)
        rill__replay_end(player, state == JOURNAL_ENDED ? RILL_REPLAY_DONE : RILL_REPLAY_TRUNCATED,
                         "");
    if (state == JOURNAL_READ && record->kind == JOURNAL_stack_open)
        memset(&player->at->chain, 0, sizeof player->at->chain);
    while (state == JOURNAL_READ && !player->whole) {
        if (!belongs(player, record)) {
            state = JOURNAL_DAMAGED;
            break;
        }
        at = record->next;
        player->whole = record->kind == JOURNAL_RESULT;
        record = &more;
        if (!player->whole)
            state = rill__journal_read(at, player->end, record);
    }
    player->group_end = at;
    if (state == JOURNAL_DAMAGED)
        rill__replay_end(player, RILL_REPLAY_DAMAGED, "a record is not as it was written");
    return !player->ended;
}

void rill__replay_broken(struct player *player) {
    if (player->whole)
        rill__replay_end(player, RILL_REPLAY_DAMAGED, "arguments that are none");
    else
        rill__replay_end(player, RILL_REPLAY_TRUNCATED, "");
}

/* The time of a call, if it has one. */
static bool call_time(const struct journal_record *call, rill_time *time) {
    uint64_t values[4];
    rill__journal_values(call, values, 4);
    *time = call->kind == JOURNAL_advance ? values[0]
            : call->kind == JOURNAL_input ? values[2]
                                          : values[3];
    return call->kind == JOURNAL_advance || call->kind == JOURNAL_input ||
           call->kind == JOURNAL_output;
}

/* Whether the call may be made: it is not too late, and there is a stack to make it on. */
static bool admit(struct player *player) {
    struct rill_replay_result *result = player->result;
    rill_time time;
    bool timed = call_time(&player->call, &time);
    if (timed && time > player->config->until) {
        rill__replay_end(player, RILL_REPLAY_UNTIL, "");
        return false;
    }
    bool open = player->at->stack;
    if (open == (player->call.kind == JOURNAL_stack_open)) {
        rill__replay_end(player, RILL_REPLAY_DAMAGED,
                         open ? "a stack is opened twice" : "a call of a stack that is not open");
        return false;
    }
    if (timed) {
        if (!result->first && !result->last)
            result->first = time;
        result->last = RILL_MAX(result->last, time);
    }
    result->calls++;
    result->number = player->call.stack;
    result->call = rill__replay_call_name(player->call.kind);
    return true;
}

static struct replay_stack *stack_of(struct player *player, uint8_t number) {
    if (!player->stacks[number]) {
        player->stacks[number] =
            (struct replay_stack *)allocate(player, sizeof *player->stacks[number]);
        if (player->stacks[number])
            memset(player->stacks[number], 0, sizeof *player->stacks[number]);
    }
    return player->stacks[number];
}

/* Plays the call at `at`; gives where the next one begins, or null: the replay has ended. */
static const uint8_t *step(struct player *player, const uint8_t *at) {
    if (player->end - at >= 2 && !(player->at = stack_of(player, at[1])))
        rill__replay_end(player, RILL_REPLAY_MEMORY, "");
    player->result->offset = (uint64_t)(at - player->begin);
    if (player->ended || !load_group(player, at) || !admit(player))
        return 0;
    player->arguments_at = player->failed_at = player->data_at = player->call.next;
    player->expected_at = at;
    player->made = 0;
    player->differs = false;
    player->comparing = true;
    rill__replay_call(player);
    player->comparing = false;
    if (!player->ended && player->whole && player->expected_at != player->group_end)
        rill__replay_end(player, RILL_REPLAY_MISMATCH, "the journal has more of this call");
    if (!player->ended && !player->whole)
        rill__replay_end(player, RILL_REPLAY_TRUNCATED, "");
    return player->ended ? 0 : player->group_end;
}

int rill__replay_open_stack(struct player *player, struct rill_stack_config *config) {
    const struct journal_hooks hooks = {refuse, rill__replay_written_record, player};
    config->allocator = player->memory;
    config->pool = player->pool;
    config->trace = player->config->trace;
    config->trace_context = player->config->trace_context;
    config->journal = rill__replay_written;
    config->journal_context = player;
    config->journal_number = player->call.stack;
    return rill__stack_open(config, &hooks, &player->at->stack);
}

static void close_all(struct player *player) {
    for (unsigned i = 0; i < 256; i++) {
        struct replay_stack *stack = player->stacks[i];
        if (!stack)
            continue;
        struct rill_replay_stack told = {stack->stack, (uint8_t)i, stack->handles,
                                         stack->handle_count};
        if (stack->stack && player->config->at_end)
            player->config->at_end(player->config->context, &told);
        if (stack->stack)
            rill_stack_close(stack->stack);
        rill__replay_blocks_close(player, stack);
        release(player, stack, sizeof *stack);
    }
    if (player->scratch)
        release(player, player->scratch, player->scratch_size);
    rill_pool_close(player->pool);
}

int rill_journal_replay(const void *bytes, size_t length, const struct rill_replay_config *config,
                        struct rill_replay_result *result) {
    uint8_t head[RILL_JOURNAL_HEADER];
    struct player player = {.config = config, .result = result, .begin = (const uint8_t *)bytes};
    memset(result, 0, sizeof *result);
    result->size = sizeof *result;
    if (config->size != sizeof *config || !config->allocator.allocate ||
        length < rill_journal_begin(head) || memcmp(bytes, head, sizeof head) != 0)
        return RILL_ERROR_ARGUMENT;
    player.end = player.begin + length;
    player.memory.context = &player;
    player.memory.allocate = allocate;
    player.memory.release = release;
    struct rill_pool_config pool;
    rill_pool_config_default(&pool);
    pool.bytes_max = config->memory_max;
    pool.reserve_packets = 0;
    player.pool = rill_pool_open(&player.memory, &pool);
    if (!player.pool)
        return RILL_ERROR_MEMORY;
    const uint8_t *at = player.begin + sizeof head;
    while (at)
        at = step(&player, at);
    close_all(&player);
    return 0;
}
