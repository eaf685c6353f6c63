/* stack/tcp_calls.c: the public calls of rill/tcp.h: each finds the host's TCP and passes on. */
#include "base/assert.h"
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

int rill_tcp_listen(struct rill_stack *stack, const struct rill_tcp_listen_config *config,
                    rill_handle *out) {
    return host_of(stack) ? rill__tcp_listen(host_of(stack), config, out) : RILL_ERROR_STATE;
}

int rill_tcp_accept(struct rill_stack *stack, rill_handle listener, rill_handle *out) {
    return host_of(stack) ? rill__tcp_accept(host_of(stack), listener, out) : RILL_ERROR_HANDLE;
}

int rill_tcp_pending(struct rill_stack *stack, rill_handle listener, rill_handle *out,
                     struct rill_endpoint *local, struct rill_endpoint *remote) {
    return host_of(stack) ? rill__tcp_pending(host_of(stack), listener, out, local, remote)
                          : (int64_t)RILL_ERROR_HANDLE;
}

int rill_tcp_pending_accept(struct rill_stack *stack, rill_handle pending) {
    return host_of(stack) ? rill__tcp_pending_accept(host_of(stack), pending) : RILL_ERROR_HANDLE;
}

int rill_tcp_pending_refuse(struct rill_stack *stack, rill_handle pending) {
    return host_of(stack) ? rill__tcp_pending_refuse(host_of(stack), pending) : RILL_ERROR_HANDLE;
}

int rill_tcp_pending_drop(struct rill_stack *stack, rill_handle pending) {
    return host_of(stack) ? rill__tcp_pending_drop(host_of(stack), pending) : RILL_ERROR_HANDLE;
}

int rill_tcp_connect(struct rill_stack *stack, const struct rill_tcp_connect_config *config,
                     rill_handle *out) {
    return host_of(stack) ? rill__tcp_connect(host_of(stack), config, out) : RILL_ERROR_STATE;
}

int64_t rill_tcp_send(struct rill_stack *stack, rill_handle connection, const void *data,
                      size_t length) {
    return host_of(stack) ? rill__tcp_send(host_of(stack), connection, data, length)
                          : (int64_t)RILL_ERROR_HANDLE;
}

int64_t rill_tcp_send_slices(struct rill_stack *stack, rill_handle connection,
                             const struct rill_slice *slices, size_t count) {
    return host_of(stack) ? rill__tcp_send_slices(host_of(stack), connection, slices, count)
                          : (int64_t)RILL_ERROR_HANDLE;
}

int64_t rill_tcp_receive(struct rill_stack *stack, rill_handle connection, void *data,
                         size_t length) {
    return host_of(stack) ? rill__tcp_receive(host_of(stack), connection, data, length)
                          : (int64_t)RILL_ERROR_HANDLE;
}

int64_t rill_tcp_receive_slices(struct rill_stack *stack, rill_handle connection,
                                struct rill_slice *slices, size_t max) {
    return host_of(stack) ? rill__tcp_receive_slices(host_of(stack), connection, slices, max)
                          : (int64_t)RILL_ERROR_HANDLE;
}

int rill_tcp_shutdown(struct rill_stack *stack, rill_handle connection) {
    return host_of(stack) ? rill__tcp_shutdown(host_of(stack), connection) : RILL_ERROR_HANDLE;
}

int rill_tcp_close(struct rill_stack *stack, rill_handle handle) {
    switch (handle_get_kind(handle)) {
    case HANDLE_LISTENER:
        return host_of(stack) ? rill__tcp_listener_close(host_of(stack), handle)
                              : (int64_t)RILL_ERROR_HANDLE;
    case HANDLE_HALF_OPEN:
        return host_of(stack) ? rill__tcp_pending_drop(host_of(stack), handle) : RILL_ERROR_HANDLE;
    default:
        return host_of(stack) ? rill__tcp_close(host_of(stack), handle) : RILL_ERROR_HANDLE;
    }
}

int rill_tcp_abort(struct rill_stack *stack, rill_handle connection) {
    return host_of(stack) ? rill__tcp_abort(host_of(stack), connection) : RILL_ERROR_HANDLE;
}

int rill_tcp_set_option(struct rill_stack *stack, rill_handle connection,
                        enum rill_tcp_option option, uint32_t value) {
    return host_of(stack) ? rill__tcp_set_option(host_of(stack), connection, option, value)
                          : (int64_t)RILL_ERROR_HANDLE;
}

int rill_tcp_get_info(struct rill_stack *stack, rill_handle connection,
                      struct rill_tcp_info *info) {
    return host_of(stack) ? rill__tcp_get_info(host_of(stack), connection, info)
                          : (int64_t)RILL_ERROR_HANDLE;
}

const char *rill_tcp_check(struct rill_stack *stack, rill_handle handle) {
    struct tcp_host *host = host_of(stack);
    struct connection *connection = host ? rill__connection_find(host, handle) : 0;
    return connection ? rill__connection_check(host, connection) : 0;
}
