/* stack/udp_calls.c: the public calls of rill/udp.h: each finds the host's UDP and passes on. */
#include "base/assert.h"
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

int rill_udp_open(struct rill_stack *stack, const struct rill_udp_config *config,
                  rill_handle *out) {
    return host_of(stack) ? rill__udp_open(host_of(stack), config, out) : RILL_ERROR_STATE;
}

int64_t rill_udp_send(struct rill_stack *stack, rill_handle socket, const void *data, size_t length,
                      const struct rill_udp_message *message) {
    return host_of(stack) ? rill__udp_send(host_of(stack), socket, data, length, message)
                          : (int64_t)RILL_ERROR_HANDLE;
}

int64_t rill_udp_receive(struct rill_stack *stack, rill_handle socket, void *data, size_t length,
                         struct rill_udp_message *message) {
    return host_of(stack) ? rill__udp_receive(host_of(stack), socket, data, length, message)
                          : (int64_t)RILL_ERROR_HANDLE;
}

int rill_udp_close(struct rill_stack *stack, rill_handle socket) {
    return host_of(stack) ? rill__udp_close(host_of(stack), socket) : RILL_ERROR_HANDLE;
}

int rill_udp_get_info(struct rill_stack *stack, rill_handle socket, struct rill_udp_info *info) {
    return host_of(stack) ? rill__udp_get_info(host_of(stack), socket, info) : RILL_ERROR_HANDLE;
}
