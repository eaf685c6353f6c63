/* stack/tcp_calls.c: the public calls of rill/tcp.h: each finds the host's TCP and passes on. */
#include "base/assert.h"
#include "base/bytes.h"
#include "stack/stack.h"
#include "tcp/tcp_api.h"

#include <string.h>

void rill_tcp_listen_config_default(struct rill_tcp_listen_config *config) {
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
    config->backlog = 4096;
}

void rill_tcp_connect_config_default(struct rill_tcp_connect_config *config) {
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
}

/* Null: this host has no TCP. */
static struct tcp_host *host_of(struct rill_stack *stack) {
    RILL_ASSERT(!stack->core.in_leaf);
    return (struct tcp_host *)stack->tcp;
}

static void record_listen(struct journal *journal, const struct rill_tcp_listen_config *config) {
    struct journal_values values = {.count = 0};
    journal_add(&values, config->size == sizeof *config);
    journal_add(&values, config->user != 0);
#define N(field) journal_add(&values, config->field);
#define E(field) rill__journal_add_endpoint(&values, &config->field);
    JOURNAL_LISTEN_CONFIG(N, E)
    rill__journal_call(journal, JOURNAL_tcp_listen, values.list, values.count);
}

static void record_connect(struct journal *journal, const struct rill_tcp_connect_config *config) {
    struct journal_values values = {.count = 0};
    journal_add(&values, config->size == sizeof *config);
    journal_add(&values, config->user != 0);
    JOURNAL_CONNECT_CONFIG(N, E)
    rill__journal_call(journal, JOURNAL_tcp_connect, values.list, values.count);
}

static void record_bind(struct journal *journal, const struct rill_tcp_bind_config *config) {
    struct journal_values values = {.count = 0};
    journal_add(&values, config->size == sizeof *config);
    journal_add(&values, config->user != 0);
    JOURNAL_BIND_CONFIG(N, E)
#undef N
#undef E
    rill__journal_call(journal, JOURNAL_tcp_bind, values.list, values.count);
}

static void record_pending(struct journal *journal, int error, rill_handle handle,
                           const struct rill_endpoint *local, const struct rill_endpoint *remote) {
    struct journal_values values = {.count = 0};
    if (!error) {
        journal_add(&values, handle);
        rill__journal_add_endpoint(&values, local);
        rill__journal_add_endpoint(&values, remote);
    }
    rill__journal_return(journal, error, values.list, values.count);
}

int rill_tcp_listen(struct rill_stack *stack, const struct rill_tcp_listen_config *config,
                    rill_handle *out) {
    if (stack->journal)
        record_listen(stack->journal, config);
    int error = host_of(stack) ? rill__tcp_listen(host_of(stack), config, out) : RILL_ERROR_STATE;
    return journal_returned_handle(stack, error, out);
}

int rill_tcp_accept(struct rill_stack *stack, rill_handle listener, rill_handle *out) {
    journal_called(stack, JOURNAL_tcp_accept, listener, 0, 0);
    int error =
        host_of(stack) ? rill__tcp_accept(host_of(stack), listener, out) : RILL_ERROR_HANDLE;
    return journal_returned_handle(stack, error, out);
}

int rill_tcp_pending(struct rill_stack *stack, rill_handle listener, rill_handle *out,
                     struct rill_endpoint *local, struct rill_endpoint *remote) {
    journal_called(stack, JOURNAL_tcp_pending, listener, 0, 0);
    int error = host_of(stack) ? rill__tcp_pending(host_of(stack), listener, out, local, remote)
                               : RILL_ERROR_HANDLE;
    if (stack->journal)
        record_pending(stack->journal, error, error ? 0 : *out, local, remote);
    return error;
}

int rill_tcp_pending_accept(struct rill_stack *stack, rill_handle pending) {
    journal_called(stack, JOURNAL_tcp_pending_accept, pending, 0, 0);
    return (int)journal_returned(stack, host_of(stack)
                                            ? rill__tcp_pending_accept(host_of(stack), pending)
                                            : RILL_ERROR_HANDLE);
}

int rill_tcp_pending_refuse(struct rill_stack *stack, rill_handle pending) {
    journal_called(stack, JOURNAL_tcp_pending_refuse, pending, 0, 0);
    return (int)journal_returned(stack, host_of(stack)
                                            ? rill__tcp_pending_refuse(host_of(stack), pending)
                                            : RILL_ERROR_HANDLE);
}

int rill_tcp_pending_drop(struct rill_stack *stack, rill_handle pending) {
    journal_called(stack, JOURNAL_tcp_pending_drop, pending, 0, 0);
    return (int)journal_returned(stack, host_of(stack)
                                            ? rill__tcp_pending_drop(host_of(stack), pending)
                                            : RILL_ERROR_HANDLE);
}

int rill_tcp_connect(struct rill_stack *stack, const struct rill_tcp_connect_config *config,
                     rill_handle *out) {
    if (stack->journal)
        record_connect(stack->journal, config);
    int error = host_of(stack) ? rill__tcp_connect(host_of(stack), config, out) : RILL_ERROR_STATE;
    return journal_returned_handle(stack, error, out);
}

static int64_t send_bytes(struct rill_stack *stack, rill_handle connection, const void *data,
                          size_t length, bool more) {
    int64_t taken = host_of(stack) ? rill__tcp_send(host_of(stack), connection, data, length, more)
                                   : (int64_t)RILL_ERROR_HANDLE;
    struct rill_slice slice = {(const uint8_t *)data, taken > 0 ? (size_t)taken : 0, 0};
    if (stack->journal && taken > 0)
        rill__journal_taken(stack->journal, &slice, 1);
    return taken;
}

int64_t rill_tcp_send(struct rill_stack *stack, rill_handle connection, const void *data,
                      size_t length) {
    journal_called(stack, JOURNAL_tcp_send, connection, journal_size(length), 0);
    return journal_returned(stack, send_bytes(stack, connection, data, length, false));
}

int64_t rill_tcp_send_more(struct rill_stack *stack, rill_handle connection, const void *data,
                           size_t length) {
    journal_called(stack, JOURNAL_tcp_send_more, connection, journal_size(length), 0);
    return journal_returned(stack, send_bytes(stack, connection, data, length, true));
}

int64_t rill_tcp_send_slices(struct rill_stack *stack, rill_handle connection,
                             const struct rill_slice *slices, size_t count) {
    journal_called(stack, JOURNAL_tcp_send_slices, connection, count, 0);
    if (stack->journal)
        rill__journal_slices(stack->journal, slices, count);
    int64_t taken = host_of(stack)
                        ? rill__tcp_send_slices(host_of(stack), connection, slices, count)
                        : (int64_t)RILL_ERROR_HANDLE;
    if (stack->journal && taken > 0)
        rill__journal_taken(stack->journal, slices, (size_t)taken);
    return journal_returned(stack, taken);
}

int64_t rill_tcp_receive(struct rill_stack *stack, rill_handle connection, void *data,
                         size_t length) {
    journal_called(stack, JOURNAL_tcp_receive, connection, journal_size(length), 0);
    int64_t got = host_of(stack) ? rill__tcp_receive(host_of(stack), connection, data, length)
                                 : (int64_t)RILL_ERROR_HANDLE;
    struct rill_slice slice = {(const uint8_t *)data, got > 0 ? (size_t)got : 0, 0};
    if (stack->journal)
        rill__journal_given(stack->journal, got, &slice, 1);
    return got;
}

int64_t rill_tcp_receive_slices(struct rill_stack *stack, rill_handle connection,
                                struct rill_slice *slices, size_t max) {
    journal_called(stack, JOURNAL_tcp_receive_slices, connection, journal_size(max), 0);
    int64_t got = host_of(stack) ? rill__tcp_receive_slices(host_of(stack), connection, slices, max)
                                 : (int64_t)RILL_ERROR_HANDLE;
    if (stack->journal)
        rill__journal_given(stack->journal, got, slices, got > 0 ? (size_t)got : 0);
    return got;
}

int rill_tcp_shutdown(struct rill_stack *stack, rill_handle connection) {
    journal_called(stack, JOURNAL_tcp_shutdown, connection, 0, 0);
    return (int)journal_returned(
        stack, host_of(stack) ? rill__tcp_shutdown(host_of(stack), connection) : RILL_ERROR_HANDLE);
}

static int close_handle(struct rill_stack *stack, rill_handle handle) {
    switch (handle_get_kind(handle)) {
    case HANDLE_LISTENER:
        return host_of(stack) ? rill__tcp_listener_close(host_of(stack), handle)
                              : RILL_ERROR_HANDLE;
    case HANDLE_HALF_OPEN:
        return host_of(stack) ? rill__tcp_pending_drop(host_of(stack), handle) : RILL_ERROR_HANDLE;
    default:
        return host_of(stack) ? rill__tcp_close(host_of(stack), handle) : RILL_ERROR_HANDLE;
    }
}

int rill_tcp_close(struct rill_stack *stack, rill_handle handle) {
    journal_called(stack, JOURNAL_tcp_close, handle, 0, 0);
    return (int)journal_returned(stack, close_handle(stack, handle));
}

int rill_tcp_abort(struct rill_stack *stack, rill_handle connection) {
    journal_called(stack, JOURNAL_tcp_abort, connection, 0, 0);
    return (int)journal_returned(stack, host_of(stack) ? rill__tcp_abort(host_of(stack), connection)
                                                       : RILL_ERROR_HANDLE);
}

int rill_tcp_set_option(struct rill_stack *stack, rill_handle connection,
                        enum rill_tcp_option option, uint32_t value) {
    journal_called(stack, JOURNAL_tcp_set_option, connection, (uint64_t)option, value);
    return (int)journal_returned(
        stack, host_of(stack) ? rill__tcp_set_option(host_of(stack), connection, option, value)
                              : RILL_ERROR_HANDLE);
}

int rill_tcp_get_info(struct rill_stack *stack, rill_handle connection,
                      struct rill_tcp_info *info) {
    return host_of(stack) ? rill__tcp_get_info(host_of(stack), connection, info)
                          : RILL_ERROR_HANDLE;
}

int rill_tcp_get_tcpi(struct rill_stack *stack, rill_handle handle, struct rill_tcpi *out) {
    return host_of(stack) ? rill__tcp_get_tcpi(host_of(stack), handle, out) : RILL_ERROR_HANDLE;
}

const char *rill_tcp_check(struct rill_stack *stack, rill_handle handle) {
    struct tcp_host *host = host_of(stack);
    struct connection *connection = host ? rill__connection_find(host, handle) : 0;
    return connection ? rill__connection_check(host, connection) : 0;
}

void rill_tcp_bind_config_default(struct rill_tcp_bind_config *config) {
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
}

int rill_tcp_bind(struct rill_stack *stack, const struct rill_tcp_bind_config *config,
                  rill_handle *out) {
    if (stack->journal)
        record_bind(stack->journal, config);
    int error = host_of(stack) ? rill__tcp_bind(host_of(stack), config, out) : RILL_ERROR_STATE;
    return journal_returned_handle(stack, error, out);
}

int rill_tcp_bound_listen(struct rill_stack *stack, rill_handle bound, uint32_t backlog) {
    journal_called(stack, JOURNAL_tcp_bound_listen, bound, backlog, 0);
    return (int)journal_returned(stack, host_of(stack)
                                            ? rill__tcp_bound_listen(host_of(stack), bound, backlog)
                                            : RILL_ERROR_HANDLE);
}

int rill_tcp_bound_local(struct rill_stack *stack, rill_handle bound, struct rill_endpoint *out) {
    return host_of(stack) ? rill__tcp_bound_local(host_of(stack), bound, out) : RILL_ERROR_HANDLE;
}

int64_t rill_tcp_peek(struct rill_stack *stack, rill_handle connection, void *data, size_t length) {
    return host_of(stack) ? rill__tcp_peek(host_of(stack), connection, data, length)
                          : (int64_t)RILL_ERROR_HANDLE;
}

int rill_tcp_shutdown_read(struct rill_stack *stack, rill_handle connection) {
    journal_called(stack, JOURNAL_tcp_shutdown_read, connection, 0, 0);
    return (int)journal_returned(stack, host_of(stack)
                                            ? rill__tcp_shutdown_read(host_of(stack), connection)
                                            : RILL_ERROR_HANDLE);
}

int rill_tcp_fast_open_set(struct rill_stack *stack, rill_handle listener, uint32_t pending_max) {
    journal_called(stack, JOURNAL_tcp_fast_open_set, listener, pending_max, 0);
    return (int)journal_returned(
        stack, host_of(stack) ? rill__tcp_fast_open_set(host_of(stack), listener, pending_max)
                              : RILL_ERROR_HANDLE);
}

int rill_tcp_fast_open_keys(struct rill_stack *stack, rill_handle listener, const uint8_t *keys,
                            uint32_t count) {
    uint64_t values[6] = {listener, count}, *halves = values + 2;
    for (uint32_t i = 0; count <= FAST_OPEN_KEYS && i < 2 * count; i++)
        halves[i] = bytes_get64_little(keys + 8 * i);
    if (stack->journal)
        rill__journal_call(stack->journal, JOURNAL_tcp_fast_open_keys, values, 6);
    return (int)journal_returned(
        stack, host_of(stack) ? rill__tcp_fast_open_keys(host_of(stack), listener, halves, count)
                              : RILL_ERROR_HANDLE);
}

int rill_tcp_fast_open_get(struct rill_stack *stack, rill_handle listener, uint32_t *pending_max,
                           uint8_t keys[32]) {
    return host_of(stack) ? rill__tcp_fast_open_get(host_of(stack), listener, pending_max, keys)
                          : RILL_ERROR_HANDLE;
}
