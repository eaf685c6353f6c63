/* stack/stack.c: a host: opened from its config, driven by four verbs.
 *
 *   rill_input    packets -> ip_input -> transports; sends nothing, leaves marks and debts
 *   rill_advance  the wheel's due entries
 *   rill_output   debts, then ready sources
 *   rill_events   the event list
 *
 * Every entry sets the time once: one call is one instant. */
#include "stack/stack.h"

#include "base/assert.h"
#include "base/util.h"
#include <string.h>

/* Far beyond any use, and sums with the present time do not overflow. */
#define TIME_MAX (UINT64_C(1) << 62)

static bool times_ok(const struct rill_stack_config *c) {
    return c->rto_min >= RILL_MILLISECOND && c->rto_min <= c->rto_max && c->rto_max <= TIME_MAX &&
           c->clock_resolution <= RILL_SECOND && c->rto_initial >= RILL_MILLISECOND &&
           c->rto_initial <= c->rto_max &&
           c->delayed_ack <= 500 * RILL_MILLISECOND && /* RFC 9293 §3.8.6.3, MUST-58 */
           c->peer_delayed_ack <= RILL_SECOND && c->time_wait <= TIME_MAX &&
           c->fin_wait_2 <= TIME_MAX && c->keepalive_idle <= TIME_MAX &&
           c->keepalive_interval <= TIME_MAX && c->user_timeout_offer <= 32767 * 60 &&
           c->user_timeout_min <= c->user_timeout_max;
}

static bool buffer_ok(uint32_t fixed, uint32_t min, uint32_t max) {
    return fixed <= 1u << 30 && (fixed || (min >= 1 && min <= max && max <= 1u << 30));
}

static bool config_ok(const struct rill_stack_config *c) {
    return c->size == sizeof *c && c->allocator.allocate && c->allocator.release && c->pool &&
           (c->ipv4 || c->ipv6) && c->congestion &&
           buffer_ok(c->receive_buffer, c->receive_buffer_min, c->receive_buffer_max) &&
           buffer_ok(c->send_buffer, c->send_buffer_min, c->send_buffer_max) &&
           c->initial_window >= 1 && times_ok(c) && c->port_first >= 1 &&
           c->port_first <= c->port_last && c->time_wait_max >= 1 && c->half_open_max >= 1 &&
           c->syn_cookies <= RILL_SYN_COOKIES_ALWAYS && (c->mss_max == 0 || c->mss_max >= 88) &&
           c->mtu_probing <= RILL_MTU_PROBING_ALWAYS && c->mtu_floor >= 8 &&
           c->mtu_base >= c->mtu_floor && c->mtu_interval <= TIME_MAX;
}

static int open_transports(struct rill_stack *stack, const struct rill_stack_config *config) {
    for (uint8_t i = 0; i < RILL_TRANSPORTS && config->transports[i]; i++) {
        const struct rill_transport_ops *ops = config->transports[i];
        void *state = ops->open(&stack->core, &stack->ip, config, i);
        if (!state)
            return RILL_ERROR_MEMORY;
        stack->ip.transports[i].ops = ops;
        stack->ip.transports[i].state = state;
        if (ops->protocol == 6)
            stack->tcp = state;
        if (ops->protocol == 17)
            stack->udp = state;
    }
    return 0;
}

static void close_parts(struct rill_stack *stack) {
    while (stack->core.events_head) /* one list runs through the objects of all transports */
        rill__event_cancel(&stack->core, stack->core.events_head);
    rill__ip_fini(&stack->ip); /* takes its timers out of the wheel: the transports' go with it */
    for (int i = 0; i < RILL_TRANSPORTS && stack->ip.transports[i].ops; i++)
        stack->ip.transports[i].ops->close(stack->ip.transports[i].state);
    RILL_ASSERT(stack->core.memory_held == 0);
    rill__core_release(&stack->core, stack, sizeof *stack);
}

static int open_stack(const struct rill_stack_config *config, struct journal *journal,
                      struct rill_stack **out) {
    struct rill_stack *stack =
        (struct rill_stack *)config->allocator.allocate(config->allocator.context, sizeof *stack);
    if (!stack)
        return RILL_ERROR_MEMORY;
    memset(stack, 0, sizeof *stack);
    rill__core_init(&stack->core, config);
    stack->journal = journal;
    stack->ip.core = &stack->core;
    rill__ip_init(&stack->ip, config);
    int error = open_transports(stack, config);
    if (error)
        close_parts(stack);
    else
        *out = stack;
    return error;
}

/* With a journal: the same, with memory that is counted. */
int rill__stack_open(const struct rill_stack_config *config, const struct journal_hooks *hooks,
                     struct rill_stack **out) {
    if (!config_ok(config))
        return RILL_ERROR_ARGUMENT;
    if (!config->journal)
        return open_stack(config, 0, out);
    struct journal *journal = rill__journal_open(config, hooks);
    if (!journal)
        return RILL_ERROR_MEMORY;
    struct rill_stack_config counted = *config;
    counted.allocator = rill__journal_allocator(journal);
    rill__journal_stack_open(journal, config);
    int error = open_stack(&counted, journal, out);
    rill__journal_return(journal, error, 0, 0);
    if (error)
        rill__journal_close(journal);
    else
        journal->in_leaf = &(*out)->core.in_leaf;
    return error;
}

int rill_stack_open(const struct rill_stack_config *config, struct rill_stack **out) {
    return rill__stack_open(config, 0, out);
}

int rill_stack_configure(struct rill_stack *stack, const struct rill_stack_config *config) {
    if (!config_ok(config))
        return RILL_ERROR_ARGUMENT;
    if (stack->journal)
        rill__journal_stack_configure(stack->journal, config);
    for (int i = 0; i < RILL_TRANSPORTS && stack->ip.transports[i].ops; i++)
        if (stack->ip.transports[i].ops->configure)
            stack->ip.transports[i].ops->configure(stack->ip.transports[i].state, config);
    return (int)journal_returned(stack, 0);
}

void rill_stack_close(struct rill_stack *stack) {
    struct journal *journal = stack->journal;
    RILL_ASSERT(!stack->core.in_leaf);
    journal_called(stack, JOURNAL_stack_close, 0, 0, 0);
    if (journal)
        journal->in_leaf = 0;
    close_parts(stack);
    if (journal) {
        rill__journal_return(journal, 0, 0, 0);
        rill__journal_close(journal);
    }
}

int rill_input(struct rill_stack *stack, uint32_t interface, struct rill_packet **packets,
               size_t count, rill_time now) {
    if (stack->journal)
        rill__journal_input(stack->journal, interface, packets, count, now);
    rill__core_set_now(&stack->core, now);
    bool known = interface < stack->ip.interface_count;
    for (size_t i = 0; i < count; i++) {
        if (known) {
            rill__ip_input(&stack->ip, stack->ip.interfaces[interface], packets[i]);
        } else {
            rill__core_drop(&stack->core, RILL_DROP_NO_INTERFACE);
            rill_packet_drop(packets[i]);
        }
    }
    return (int)journal_returned(stack, known ? 0 : RILL_ERROR_ARGUMENT);
}

size_t rill_advance(struct rill_stack *stack, rill_time now, size_t budget) {
    journal_called(stack, JOURNAL_advance, now, journal_size(budget), 0);
    rill__core_set_now(&stack->core, now);
    size_t ran = 0;
    struct wheel_entry *entry;
    while ((!budget || ran < budget) &&
           (entry = rill__wheel_pop(&stack->core.wheel, stack->core.now))) {
        struct core_timer *timer = RILL_CONTAINER(entry, struct core_timer, entry);
        timer->expire(stack->tcp, timer);
        ran++;
    }
    return (size_t)journal_returned(stack, (int64_t)ran);
}

size_t rill_output(struct rill_stack *stack, uint32_t interface, struct rill_packet **packets,
                   size_t max, size_t frames_max, rill_time now) {
    const uint64_t values[] = {interface, journal_size(max), journal_size(frames_max), now};
    if (stack->journal)
        rill__journal_call(stack->journal, JOURNAL_output, values, 4);
    rill__core_set_now(&stack->core, now);
    size_t count = 0;
    if (interface < stack->ip.interface_count)
        count =
            rill__ip_output(&stack->ip, stack->ip.interfaces[interface], packets, max, frames_max);
    if (stack->journal)
        rill__journal_output(stack->journal, packets, count);
    return count;
}

/* The transport a kind of handle belongs to, or null. */
static const struct rill_transport_ops *owner(const struct rill_stack *stack, unsigned kind,
                                              void **state) {
    for (int i = 0; i < RILL_TRANSPORTS && stack->ip.transports[i].ops; i++) {
        if (stack->ip.transports[i].ops->handle_kinds >> kind & 1) {
            *state = stack->ip.transports[i].state;
            return stack->ip.transports[i].ops;
        }
    }
    return 0;
}

size_t rill_events(struct rill_stack *stack, struct rill_event *events, size_t max) {
    size_t count = 0;
    journal_called(stack, JOURNAL_events, journal_size(max), 0, 0);
    while (count < max && stack->core.events_head) {
        struct event_node *node = stack->core.events_head;
        uint32_t bits = node->bits;
        void *state = 0;
        const struct rill_transport_ops *ops = owner(stack, node->kind, &state);
        rill__event_cancel(&stack->core, node);
        if (node->kind == HANDLE_INTERFACE)
            events[count].handle = rill__interface_event(node, &events[count].user);
        else
            events[count].handle = ops->event(state, node, &events[count].user);
        events[count].bits = bits;
        count++;
    }
    if (stack->journal)
        rill__journal_events(stack->journal, events, count);
    return count;
}

uint32_t rill_ready(struct rill_stack *stack, rill_handle handle) {
    void *state;
    const struct rill_transport_ops *ops = owner(stack, handle_get_kind(handle), &state);
    return ops ? ops->ready(state, handle) : 0;
}

int rill_user_set(struct rill_stack *stack, rill_handle handle, void *user) {
    void *state;
    const struct rill_transport_ops *ops = owner(stack, handle_get_kind(handle), &state);
    journal_called(stack, JOURNAL_user_set, handle, user != 0, 0);
    int error = RILL_ERROR_HANDLE;
    if (handle_get_kind(handle) == HANDLE_INTERFACE)
        error = rill__interface_user_set(stack, handle, user);
    else if (ops)
        error = ops->user_set(state, handle, user);
    return (int)journal_returned(stack, error);
}

bool rill_output_waits(const struct rill_stack *stack, uint32_t interface) {
    if (interface >= stack->ip.interface_count)
        return false;
    const struct ip_interface *at = stack->ip.interfaces[interface];
    return at->up && (at->replies_head || at->ready_head);
}

rill_time rill_deadline(const struct rill_stack *stack) {
    for (uint32_t i = 0; i < stack->ip.interface_count; i++)
        if (rill_output_waits(stack, i))
            return stack->core.now;
    rill_time next = rill__wheel_next(&stack->core.wheel);
    return next == RILL_TIME_NEVER ? next : RILL_MAX(next, stack->core.now);
}

void rill_stack_get_info(const struct rill_stack *stack, struct rill_stack_info *info) {
    memset(info, 0, sizeof *info);
    info->size = sizeof *info;
    info->memory_held = stack->core.memory_held;
    info->clock_backwards = stack->core.clock_backwards;
    info->bytes_copied = stack->core.bytes_copied;
    memcpy(info->drops, stack->core.drops, sizeof info->drops);
    for (uint32_t i = 0; i < stack->ip.interface_count; i++) {
        info->packets_in += stack->ip.interfaces[i]->packets_in;
        info->packets_out += stack->ip.interfaces[i]->packets_out;
    }
    for (int i = 0; i < RILL_TRANSPORTS && stack->ip.transports[i].ops; i++)
        if (stack->ip.transports[i].ops->info)
            stack->ip.transports[i].ops->info(stack->ip.transports[i].state, info);
}
