/* stack/udp_calls.c: the public calls of rill/udp.h: each finds the host's UDP and passes on. */
#include "base/assert.h"
#include "base/util.h"
#include "stack/stack.h"
#include "udp/udp.h"

#include <string.h>

void rill_udp_config_default(struct rill_udp_config *config) {
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
    config->receive_buffer = config->send_buffer = 256 * 1024;
}

/* Null: this host has no UDP. */
static struct udp_host *host_of(struct rill_stack *stack) {
    RILL_ASSERT(!stack->core.in_leaf);
    return (struct udp_host *)stack->udp;
}

static void record_open(struct journal *journal, const struct rill_udp_config *config) {
    struct journal_values values = {.count = 0};
    journal_add(&values, config->size == sizeof *config);
    journal_add(&values, config->user != 0);
#define N(field) journal_add(&values, config->field);
#define E(field) rill__journal_add_endpoint(&values, &config->field);
    JOURNAL_UDP_CONFIG(N, E)
#undef N
#undef E
    rill__journal_call(journal, JOURNAL_udp_open, values.list, values.count);
}

/* One or none. */
static void add_message(struct journal_values *values, const struct rill_udp_message *message) {
    journal_add(values, message != 0);
    if (!message)
        return;
#define N(field) journal_add(values, message->field);
#define E(field) rill__journal_add_endpoint(values, &message->field);
    JOURNAL_UDP_MESSAGE(N, E)
#undef N
#undef E
}

static void record_send(struct journal *journal, rill_handle socket, size_t length,
                        const struct rill_udp_message *message) {
    struct journal_values values = {.count = 0};
    journal_add(&values, socket);
    journal_add(&values, journal_size(length));
    add_message(&values, message);
    rill__journal_call(journal, JOURNAL_udp_send, values.list, values.count);
}

static void record_receive(struct journal *journal, int64_t got, const uint8_t *data, size_t length,
                           const struct rill_udp_message *message) {
    struct journal_values values = {.count = 0};
    struct digest digest = {0};
    if (got > 0)
        rill__digest_add(&digest, data, RILL_MIN((size_t)got, length));
    journal_add(&values, rill__digest_sum(&digest));
    add_message(&values, got >= 0 ? message : 0);
    rill__journal_return(journal, got, values.list, values.count);
}

int rill_udp_open(struct rill_stack *stack, const struct rill_udp_config *config,
                  rill_handle *out) {
    if (stack->journal)
        record_open(stack->journal, config);
    int error = host_of(stack) ? rill__udp_open(host_of(stack), config, out) : RILL_ERROR_STATE;
    return journal_returned_handle(stack, error, out);
}

int64_t rill_udp_send(struct rill_stack *stack, rill_handle socket, const void *data, size_t length,
                      const struct rill_udp_message *message) {
    if (stack->journal)
        record_send(stack->journal, socket, length, message);
    int64_t taken = host_of(stack) ? rill__udp_send(host_of(stack), socket, data, length, message)
                                   : (int64_t)RILL_ERROR_HANDLE;
    struct rill_slice slice = {(const uint8_t *)data, taken > 0 ? (size_t)taken : 0, 0};
    if (stack->journal && taken > 0)
        rill__journal_taken(stack->journal, &slice, 1);
    return journal_returned(stack, taken);
}

int64_t rill_udp_receive(struct rill_stack *stack, rill_handle socket, void *data, size_t length,
                         struct rill_udp_message *message) {
    journal_called(stack, JOURNAL_udp_receive, socket, journal_size(length), message != 0);
    int64_t got = host_of(stack) ? rill__udp_receive(host_of(stack), socket, data, length, message)
                                 : (int64_t)RILL_ERROR_HANDLE;
    if (stack->journal)
        record_receive(stack->journal, got, (const uint8_t *)data, length, message);
    return got;
}

int rill_udp_close(struct rill_stack *stack, rill_handle socket) {
    journal_called(stack, JOURNAL_udp_close, socket, 0, 0);
    return (int)journal_returned(stack, host_of(stack) ? rill__udp_close(host_of(stack), socket)
                                                       : RILL_ERROR_HANDLE);
}

int rill_udp_get_info(struct rill_stack *stack, rill_handle socket, struct rill_udp_info *info) {
    return host_of(stack) ? rill__udp_get_info(host_of(stack), socket, info) : RILL_ERROR_HANDLE;
}

int64_t rill_udp_peek(struct rill_stack *stack, rill_handle socket, void *data, size_t length,
                      struct rill_udp_message *message) {
    return host_of(stack) ? rill__udp_peek(host_of(stack), socket, data, length, message)
                          : (int64_t)RILL_ERROR_HANDLE;
}

int rill_udp_connect(struct rill_stack *stack, rill_handle socket,
                     const struct rill_endpoint *remote) {
    struct journal_values values = {.count = 0};
    journal_add(&values, socket);
    journal_add(&values, remote != 0);
    if (remote) /* null: to nobody any more */
        rill__journal_add_endpoint(&values, remote);
    if (stack->journal)
        rill__journal_call(stack->journal, JOURNAL_udp_connect, values.list, values.count);
    return (int)journal_returned(stack, host_of(stack)
                                            ? rill__udp_connect(host_of(stack), socket, remote)
                                            : RILL_ERROR_HANDLE);
}

int rill_udp_take_error(struct rill_stack *stack, rill_handle socket) {
    journal_called(stack, JOURNAL_udp_take_error, socket, 0, 0);
    return (int)journal_returned(
        stack, host_of(stack) ? rill__udp_take_error(host_of(stack), socket) : RILL_ERROR_HANDLE);
}

int rill_udp_set_option(struct rill_stack *stack, rill_handle socket, enum rill_udp_option option,
                        uint32_t value) {
    journal_called(stack, JOURNAL_udp_set_option, socket, (uint64_t)option, value);
    return (int)journal_returned(
        stack, host_of(stack) ? rill__udp_set_option(host_of(stack), socket, option, value)
                              : RILL_ERROR_HANDLE);
}
