/* link/replay.h: a replay under way: the journal, the stacks it has opened, and the call it is at.
 */
#ifndef RILL_LINK_REPLAY_H
#define RILL_LINK_REPLAY_H

#include "stack/journal.h"
#include <rill/journal.h>

#define REPLAY_ARRAY_MAX (1u << 20) /* packets, events or slices of one call */
#define REPLAY_HANDLES_MAX 1024

/* A block the journal speaks of by number; the table has one hold on it. */
struct replay_block {
    uint64_t serial; /* 0: empty */
    struct rill_block *block;
};

struct replay_stack {
    struct rill_stack *stack; /* null: closed, or never opened */
    struct digest chain;
    struct replay_block *blocks; /* open addressing */
    size_t block_slots, blocks_used;
    rill_handle handles[REPLAY_HANDLES_MAX];
    size_t handle_count;
};

struct player {
    const struct rill_replay_config *config;
    struct rill_replay_result *result;
    struct rill_allocator memory; /* the config's, counted */
    uint64_t memory_used;
    bool exhausted; /* a request went beyond memory_max, or to an allocator without more */
    struct rill_pool *pool;
    struct replay_stack *stacks[256];
    uint8_t *scratch;
    size_t scratch_size;

    const uint8_t *begin, *end;  /* the journal */
    struct journal_record call;  /* the one that is played */
    const uint8_t *group_end;    /* behind its result, or what there is of it */
    bool whole;                  /* its result is there */
    const uint8_t *arguments_at; /* the next record that belongs to its arguments */
    const uint8_t *failed_at;    /* the next record that may be a failed request */
    const uint8_t *data_at;      /* the next one that may be data */
    struct replay_stack *at;     /* whose call it is */
    bool ended;                  /* the replay is over */

    /* What the stack has written of the record under way, against what is written. */
    bool comparing;
    const uint8_t *expected_at;
    struct journal_record expected;
    bool differs;
    size_t made; /* bytes so far; the first of them: */
    uint8_t made_head[512];
};

/* Ends the replay; the first reason counts. */
void rill__replay_end(struct player *player, enum rill_replay_end end, const char *what);

/* The arguments of the call make no sense, or are not all there. */
void rill__replay_broken(struct player *player);

/* Opens the stack of the call, with what a replay adds to the config. */
int rill__replay_open_stack(struct player *player, struct rill_stack_config *config);

/* Memory that lasts until the next call; null: the replay has ended. */
void *rill__replay_scratch(struct player *player, uint64_t size);

/* The next record of this kind among the call's arguments, or of the bytes it took. */
bool rill__replay_argument(struct player *player, uint8_t kind, struct journal_record *record);
bool rill__replay_data(struct player *player, struct journal_record *record);

/* replay_calls.c: makes the call; the name of a call's kind, or null. */
void rill__replay_call(struct player *player);
const char *rill__replay_call_name(uint8_t kind);

/* replay_packets.c */
struct rill_packet *rill__replay_packet(struct player *player, const struct journal_record *record);
/* A block of `capacity` bytes, of which the journal says that it is wrapped or not. */
struct rill_block *rill__replay_block(struct player *player, uint64_t capacity, bool wrapped);
void rill__replay_blocks_close(struct player *player, struct replay_stack *stack);

/* replay_compare.c: the stack's journal, as it is written. */
void rill__replay_written(void *context, const void *bytes, size_t length);
void rill__replay_written_record(void *context);

#endif
