/* tcp/listen.c: passive open: listeners, who gets a SYN, and the queue of connections to accept.
 *
 * A listener for one address goes before one for any address, and that before one for any port. Its
 * backlog counts half-open and not yet accepted connections together; beyond it a SYN is dropped,
 * and the peer tries again. A deferred listener parks each SYN until the application has decided.
 */
#include "tcp/host.h"
#include "tcp/tcp_api.h"
#include <string.h>

static uint32_t port_tag(uint16_t port) {
    return port * 0x9e3779b1u;
}

struct lookup {
    const struct rill_address *address;
    uint16_t port;
};

static bool equal(const void *context, uint32_t value, const void *key) {
    const struct tcp_host *host = (const struct tcp_host *)context;
    const struct lookup *lookup = (const struct lookup *)key;
    const struct listener *listener = (const struct listener *)slab_at(&host->listeners, value);
    return listener->local.port == lookup->port &&
           rill_address_equal(&listener->local.address, lookup->address);
}

static struct listener *find(struct tcp_host *host, const struct rill_address *address,
                             uint16_t port) {
    struct lookup lookup = {address, port};
    uint32_t index;
    if (!rill__hash_find(&host->ports, port_tag(port), equal, host, &lookup, &index))
        return 0;
    return (struct listener *)slab_at(&host->listeners, index);
}

struct listener *rill__listener_find(struct tcp_host *host, const struct tcp_key *key) {
    static const struct rill_address any = {{0}};
    struct listener *listener = find(host, &key->local, key->local_port);
    if (!listener)
        listener = find(host, &any, key->local_port);
    if (!listener && host->any_port != SLAB_NONE)
        listener = (struct listener *)slab_at(&host->listeners, host->any_port);
    return listener;
}

struct listener *rill__listener_at(struct tcp_host *host, uint32_t index, uint32_t generation) {
    return (struct listener *)rill__slab_find(&host->listeners, index, generation);
}

static struct listener *by_handle(struct tcp_host *host, rill_handle handle) {
    if (handle_get_kind(handle) != HANDLE_LISTENER)
        return 0;
    return (struct listener *)rill__slab_find(&host->listeners, handle_index(handle),
                                              handle_generation(handle));
}

static int check(struct tcp_host *host, const struct rill_tcp_listen_config *config,
                 struct rill_endpoint *local) {
    if (config->size != sizeof *config || config->backlog == 0)
        return RILL_ERROR_ARGUMENT;
    if (config->any_port)
        return host->any_port == SLAB_NONE ? 0 : RILL_ERROR_ADDRESS_IN_USE;
    if (rill_address_is_any(&local->address))
        memset(&local->address, 0, sizeof local->address);
    else if (!rill__ip_address_owned(host->ip, 0, &local->address))
        return RILL_ERROR_ADDRESS_NOT_AVAILABLE;
    if (local->port == 0) { /* a random free one */
        uint32_t count = (uint32_t)(host->config.port_last - host->config.port_first) + 1;
        uint32_t first = (uint32_t)rill__random_below(&host->core->random, count);
        for (uint32_t i = 0; i < count; i++) {
            local->port = (uint16_t)(host->config.port_first + (first + i) % count);
            if (!find(host, &local->address, local->port))
                return 0;
        }
        return RILL_ERROR_ADDRESS_NOT_AVAILABLE;
    }
    return find(host, &local->address, local->port) ? RILL_ERROR_ADDRESS_IN_USE : 0;
}

int rill__tcp_listen(struct tcp_host *host, const struct rill_tcp_listen_config *config,
                     rill_handle *out) {
    struct rill_endpoint local = config->local;
    int error = check(host, config, &local);
    if (error)
        return error;
    uint32_t index;
    struct listener *listener = (struct listener *)rill__slab_open(&host->listeners, &index);
    if (!listener)
        return RILL_ERROR_MEMORY;
    listener->index = index;
    listener->local = local;
    listener->backlog = config->backlog;
    listener->deferred = config->deferred;
    listener->any_port = config->any_port;
    listener->user = config->user;
    listener->event.kind = HANDLE_LISTENER;
    if (config->any_port) {
        host->any_port = index;
    } else if (!rill__hash_insert(&host->ports, port_tag(local.port), index)) {
        rill__slab_close(&host->listeners, index);
        return RILL_ERROR_MEMORY;
    }
    *out = handle_make(HANDLE_LISTENER, index, slab_generation(&host->listeners, index));
    return 0;
}

/* RFC 9293 §3.10.7.2 */
struct half_open *rill__listener_input(struct tcp_host *host, struct listener *listener,
                                       struct tcp_segment *segment) {
    if (segment->flags & WIRE_RST) { /* first: an RST is ignored */
        rill__tcp_drop(host, 0, segment, RILL_DROP_TCP_RST_NO_SOCKET);
        return 0;
    }
    if (segment->flags & WIRE_ACK || !(segment->flags & WIRE_SYN)) { /* second and fourth */
        rill__tcp_no_socket(host, segment);
        return 0;
    }
    if (listener->half_open + listener->accept_count >= listener->backlog) {
        rill__tcp_drop(host, 0, segment, RILL_DROP_TCP_BACKLOG_FULL);
        return 0;
    }
    struct half_open *half = rill__half_open_start(host, listener, segment); /* third */
    if (!half) {
        rill__tcp_drop(host, 0, segment, RILL_DROP_NO_MEMORY);
        return 0;
    }
    if (listener->deferred)
        rill__event_raise(host->core, &listener->event, RILL_EVENT_SYN);
    else
        rill__half_open_answer(host, half);
    return half;
}

void rill__listener_queue(struct tcp_host *host, struct listener *listener,
                          struct connection *connection) {
    connection->listener = listener->index;
    connection->flags |= CONNECTION_QUEUED;
    connection->active->next = 0;
    connection->active->previous = listener->accept_tail;
    if (listener->accept_tail)
        listener->accept_tail->active->next = connection;
    else
        listener->accept_head = connection;
    listener->accept_tail = connection;
    listener->accept_count++;
    rill__event_raise(host->core, &listener->event, RILL_EVENT_ACCEPTABLE);
}

/* A connection that ends before it was accepted leaves the queue, and nobody has its handle. */
void rill__listener_unqueue(struct tcp_host *host, struct connection *connection) {
    struct listener *listener = (struct listener *)slab_at(&host->listeners, connection->listener);
    struct connection *next = connection->active->next;
    struct connection *previous = connection->active->previous;
    if (previous)
        previous->active->next = next;
    else
        listener->accept_head = next;
    if (next)
        next->active->previous = previous;
    else
        listener->accept_tail = previous;
    listener->accept_count--;
    connection->flags &= (uint16_t)~CONNECTION_QUEUED;
    connection->flags |= CONNECTION_ORPHAN;
}

int rill__tcp_accept(struct tcp_host *host, rill_handle handle, rill_handle *out) {
    struct listener *listener = by_handle(host, handle);
    if (!listener)
        return RILL_ERROR_HANDLE;
    struct connection *connection = listener->accept_head;
    if (!connection)
        return RILL_ERROR_AGAIN;
    rill__listener_unqueue(host, connection);
    connection->flags &= (uint16_t)~CONNECTION_ORPHAN;
    *out = rill__connection_handle(host, connection);
    uint32_t bits = rill__tcp_ready_bits(host, *out); /* what came before it had a handle */
    if (bits)
        rill__connection_raise(host, connection, bits);
    rill__timers_file(host, connection); /* from now on it may fall idle */
    return 0;
}

int rill__tcp_pending(struct tcp_host *host, rill_handle handle, rill_handle *out,
                      struct rill_endpoint *local, struct rill_endpoint *remote) {
    struct listener *listener = by_handle(host, handle);
    if (!listener)
        return RILL_ERROR_HANDLE;
    struct half_open *half = listener->parked_head;
    if (!half)
        return RILL_ERROR_AGAIN;
    rill__half_open_unpark(host, half);
    local->address = half->key.local;
    local->port = half->key.local_port;
    local->zone = remote->zone = half->key.zone;
    remote->address = half->key.remote;
    remote->port = half->key.remote_port;
    *out = rill__half_open_handle(host, half);
    return 0;
}

int rill__tcp_pending_accept(struct tcp_host *host, rill_handle pending) {
    struct half_open *half = rill__half_open_find(host, pending);
    if (!half)
        return RILL_ERROR_HANDLE;
    rill__half_open_answer(host, half);
    return 0;
}

int rill__tcp_pending_refuse(struct tcp_host *host, rill_handle pending) {
    struct half_open *half = rill__half_open_find(host, pending);
    if (!half)
        return RILL_ERROR_HANDLE;
    struct tcp_control control = {.key = &half->key,
                                  .acknowledgement = half->irs + 1,
                                  .flags = WIRE_RST | WIRE_ACK,
                                  .cause = RILL_CAUSE_RST_REFUSED};
    rill__tcp_control(host, host->ip->interfaces[half->source.interface], &control);
    rill__half_open_free(host, half);
    return 0;
}

int rill__tcp_pending_drop(struct tcp_host *host, rill_handle pending) {
    struct half_open *half = rill__half_open_find(host, pending);
    if (!half)
        return RILL_ERROR_HANDLE;
    rill__half_open_free(host, half);
    return 0;
}

/* Half-open records of a closed listener find that it is gone when they are touched next. */
int rill__tcp_listener_close(struct tcp_host *host, rill_handle handle) {
    struct listener *listener = by_handle(host, handle);
    if (!listener)
        return RILL_ERROR_HANDLE;
    while (listener->parked_head)
        rill__half_open_free(host, listener->parked_head);
    while (listener->accept_head)
        rill__connection_reset(host, listener->accept_head, RILL_CAUSE_RST_ABORT,
                               RILL_ERROR_ABORTED);
    rill__event_cancel(host->core, &listener->event);
    if (listener->any_port)
        host->any_port = SLAB_NONE;
    else
        rill__hash_remove(&host->ports, port_tag(listener->local.port), listener->index);
    rill__slab_close(&host->listeners, listener->index);
    return 0;
}
