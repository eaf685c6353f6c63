/* base/core.c: see core.h. */
#include "base/core.h"

#include "base/assert.h"
#include <string.h>

void rill__core_init(struct core *core, const struct rill_stack_config *config) {
    memset(core, 0, sizeof *core);
    core->allocator = config->allocator;
    core->pool = config->pool;
    core->trace = config->trace;
    core->trace_context = config->trace_context;
    core->memory_limit = config->memory_limit;
    core->events_tail = &core->events_head;
    rill__wheel_init(&core->wheel, 0);
    rill__random_init(&core->random, config->seed);
}

void rill__core_set_now(struct core *core, rill_time now) {
    RILL_ASSERT(!core->in_leaf);
    if (now < core->now) {
        core->clock_backwards++;
        return;
    }
    /* A timer is a second late and more: nobody has called, the machine has slept. */
    if (now - core->now > RILL_SECOND && rill__wheel_next(&core->wheel) < now - RILL_SECOND)
        core->woke_at = now;
    core->now = now;
}

void *rill__core_allocate(struct core *core, size_t size) {
    return core->allocator.allocate(core->allocator.context, size);
}

void rill__core_release(struct core *core, void *memory, size_t size) {
    if (memory)
        core->allocator.release(core->allocator.context, memory, size);
}

bool rill__core_pressed(struct core *core) {
    uint64_t limit = core->memory_limit;
    core->pressed = core->memory_held > (core->pressed ? limit / 2 : limit - limit / 4);
    return core->pressed;
}

void rill__core_trace(struct core *core, struct rill_trace_record *record) {
    if (!core->trace)
        return;
    record->now = core->now;
    core->in_leaf = true;
    core->trace(core->trace_context, record);
    core->in_leaf = false;
}

void rill__core_drop(struct core *core, enum rill_drop drop) {
    core->drops[drop]++;
    if (core->trace) {
        struct rill_trace_record record = {.kind = RILL_TRACE_DROPPED, .drop = drop};
        rill__core_trace(core, &record);
    }
}

void rill__event_raise(struct core *core, struct event_node *node, uint32_t bits) {
    node->bits |= (uint16_t)bits;
    if (node->where)
        return;
    node->next = 0;
    node->where = core->events_tail;
    *core->events_tail = node;
    core->events_tail = &node->next;
}

void rill__event_cancel(struct core *core, struct event_node *node) {
    node->bits = 0;
    if (!node->where)
        return;
    *node->where = node->next;
    if (node->next)
        node->next->where = node->where;
    else
        core->events_tail = node->where;
    node->where = 0;
}
