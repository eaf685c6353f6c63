/* base/core.h: what every part of one host shares: time, memory, randomness, timers, counters,
 * events.
 *
 * The stack owns it; each layer holds a pointer. Parts never reach each other through it. */
#ifndef RILL_BASE_CORE_H
#define RILL_BASE_CORE_H

#include "base/random.h"
#include "base/wheel.h"
#include <rill/stack.h>

/* One entry of the event list; lies inside whatever has a handle. */
struct event_node {
    struct event_node *next;   /* in the list */
    struct event_node **where; /* what points to this one; null: not in the list */
    uint16_t bits;             /* news not yet given to the application */
    uint8_t kind;              /* enum handle_kind: how to find what it lies in */
    uint16_t owner[2];         /* the owner's own numbers, where padding would be */
};

/* Upper four bits of a handle's low word; the rest of it is the slab index, the high word the
 * generation. */
enum handle_kind {
    HANDLE_NONE,
    HANDLE_CONNECTION,
    HANDLE_LISTENER,
    HANDLE_HALF_OPEN,
    HANDLE_UDP,
    HANDLE_INTERFACE,
};

/* Timers of all kinds lie in one wheel; the owner's kind is found by the entry's. */
struct core_timer {
    struct wheel_entry entry;
    void (*expire)(void *context, struct core_timer *timer);
};

struct core {
    struct rill_allocator allocator;
    struct rill_pool *pool;
    rill_time now;
    rill_time woke_at; /* the end of the last time in which timers were not run; 0: never */
    struct wheel wheel;
    struct random random;
    struct event_node *events_head, **events_tail;
    rill_trace_function trace;
    void *trace_context;
    uint64_t memory_limit, memory_held;
    uint64_t bytes_copied;
    uint64_t clock_backwards;
    bool pressed; /* rill__core_pressed */
    bool in_leaf; /* a leaf callback runs: the stack may not be entered */
    uint64_t drops[RILL_DROP_COUNT];
};

void rill__core_init(struct core *core, const struct rill_stack_config *config);

/* Clamps a `now` that runs back (design: the caller's mistake, not ours to die of). */
void rill__core_set_now(struct core *core, rill_time now);

void *rill__core_allocate(struct core *core, size_t size);
void rill__core_release(struct core *core, void *memory, size_t size);

void rill__core_trace(struct core *core, struct rill_trace_record *record);

/* Memory is short: from three quarters of the budget on until less than half of it is held. What
 * may be done without is refused meanwhile. */
bool rill__core_pressed(struct core *core);

/* Counts a drop that concerns no connection. */
void rill__core_drop(struct core *core, enum rill_drop drop);

/* Adds news for the application. */
void rill__event_raise(struct core *core, struct event_node *node, uint32_t bits);
/* Forgets them, when the handle goes. */
void rill__event_cancel(struct core *core, struct event_node *node);

static inline rill_handle handle_make(enum handle_kind kind, uint32_t index, uint32_t generation) {
    return (uint64_t)generation << 32 | (uint32_t)kind << 28 | index;
}

static inline enum handle_kind handle_get_kind(rill_handle handle) {
    return (enum handle_kind)(handle >> 28 & 15);
}

static inline uint32_t handle_index(rill_handle handle) {
    return (uint32_t)handle & 0x0fffffff;
}

static inline uint32_t handle_generation(rill_handle handle) {
    return (uint32_t)(handle >> 32);
}

#endif
