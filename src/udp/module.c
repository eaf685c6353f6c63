/* udp/module.c: UDP as a transport of a host: the table the stack reaches it by. */
#include "udp/udp.h"

#include "base/util.h"

#include <string.h>

static void *open(struct core *core, struct ip_host *ip, const struct rill_stack_config *config,
                  uint8_t index) {
    struct udp_host *host = (struct udp_host *)rill__core_allocate(core, sizeof *host);
    if (!host)
        return 0;
    memset(host, 0, sizeof *host);
    host->core = core;
    host->ip = ip;
    host->config = *config;
    host->transport = index;
    rill__slab_init(&host->sockets, &core->allocator, sizeof(struct udp_socket), 1u << 20);
    rill__slab_init(&host->waiting, &core->allocator, sizeof(struct udp_waiting), 1u << 24);
    rill__hash_init(&host->table, &core->allocator);
    return host;
}

static void close(void *transport) {
    struct udp_host *host = (struct udp_host *)transport;
    for (uint32_t i = 0; i < slab_end(&host->sockets); i++)
        if (slab_in_use(&host->sockets, i))
            rill__udp_free(host, (struct udp_socket *)slab_at(&host->sockets, i));
    rill__slab_fini(&host->sockets);
    rill__slab_fini(&host->waiting);
    rill__hash_fini(&host->table);
    rill__core_release(host->core, host, sizeof *host);
}

static rill_handle event(void *transport, struct event_node *node, void **user) {
    struct udp_host *host = (struct udp_host *)transport;
    struct udp_socket *socket = RILL_CONTAINER(node, struct udp_socket, event);
    *user = socket->user;
    return handle_make(HANDLE_UDP, socket->index, slab_generation(&host->sockets, socket->index));
}

static uint32_t ready(void *transport, rill_handle handle) {
    struct udp_socket *socket = rill__udp_find((struct udp_host *)transport, handle);
    if (!socket)
        return 0;
    return (socket->waiting_head || socket->error ? RILL_EVENT_READABLE : 0) |
           (socket->error ? RILL_EVENT_ERROR : 0) |
           (socket->send_queued < socket->send_buffer ? RILL_EVENT_WRITABLE : 0);
}

static int user_set(void *transport, rill_handle handle, void *user) {
    struct udp_socket *socket = rill__udp_find((struct udp_host *)transport, handle);
    if (!socket)
        return RILL_ERROR_HANDLE;
    socket->user = user;
    return 0;
}

const struct rill_transport_ops rill_udp = {
    .protocol = 17,
    .handle_kinds = 1 << HANDLE_UDP,
    .open = open,
    .close = close,
    .input = rill__udp_input,
    .error = rill__udp_error,
    .output = rill__udp_output,
    .event = event,
    .ready = ready,
    .user_set = user_set,
};
