/* tcp/bind.c: who has a local port: listeners, and what is bound and does not listen (yet).
 *
 * Both are struct listener and stand in one table by port. A connection takes no port: it is told
 * from others by its four-tuple. Two may share a port if their addresses or families keep them
 * apart, or if both say so and neither listens; rill_tcp_listen lets "any" stand beside one
 * address, because the more particular listener is asked first. */
#include "tcp/host.h"
#include "tcp/tcp_api.h"

#include "base/address.h"
#include <string.h>

static uint32_t port_tag(uint16_t port) {
    return port * 0x9e3779b1u;
}

struct lookup {
    const struct rill_address *address;
    uint16_t port;
    uint8_t family;
};

static bool listens_there(const void *context, uint32_t value, const void *key) {
    const struct tcp_host *host = (const struct tcp_host *)context;
    const struct lookup *lookup = (const struct lookup *)key;
    const struct listener *listener = (const struct listener *)slab_at(&host->listeners, value);
    return listener->listening && listener->local.port == lookup->port &&
           rill_address_equal(&listener->local.address, lookup->address) &&
           (listener->family == RILL_FAMILY_BOTH || listener->family == lookup->family);
}

struct listener *rill__listener_lookup(struct tcp_host *host, const struct rill_address *address,
                                       uint16_t port, uint8_t family) {
    struct lookup lookup = {address, port, family};
    uint32_t index;
    if (!rill__hash_find(&host->ports, port_tag(port), listens_there, host, &lookup, &index))
        return 0;
    return (struct listener *)slab_at(&host->listeners, index);
}

struct listener *rill__listener_by_handle(struct tcp_host *host, rill_handle handle) {
    if (handle_get_kind(handle) != HANDLE_LISTENER)
        return 0;
    return (struct listener *)rill__slab_find(&host->listeners, handle_index(handle),
                                              handle_generation(handle));
}

rill_handle rill__listener_handle(const struct tcp_host *host, const struct listener *listener) {
    return handle_make(HANDLE_LISTENER, listener->index,
                       slab_generation(&host->listeners, listener->index));
}

static bool excludes(const void *context, uint32_t value, const void *key) {
    const struct tcp_host *host = (const struct tcp_host *)context;
    const struct port_claim *claim = (const struct port_claim *)key;
    const struct listener *other = (const struct listener *)slab_at(&host->listeners, value);
    if (value == claim->self || other->local.port != claim->local.port ||
        (claim->reuse && other->reuse && !other->listening))
        return false;
    return rill__address_overlaps(&other->local.address, other->family, &claim->local.address,
                                  claim->family) &&
           (claim->overlap || rill_address_equal(&other->local.address, &claim->local.address));
}

static bool is_free(struct tcp_host *host, const struct port_claim *claim) {
    uint32_t index;
    return !rill__hash_find(&host->ports, port_tag(claim->local.port), excludes, host, claim,
                            &index);
}

int rill__port_claim(struct tcp_host *host, struct port_claim *claim) {
    struct rill_endpoint *local = &claim->local;
    if (rill_address_is_any(&local->address))
        memset(&local->address, 0, sizeof local->address);
    else if (!claim->foreign && !rill__ip_address_owned(host->ip, 0, &local->address))
        return RILL_ERROR_ADDRESS_NOT_AVAILABLE;
    claim->family = rill__address_family(&local->address, claim->family);
    if (local->port)
        return is_free(host, claim) ? 0 : RILL_ERROR_ADDRESS_IN_USE;
    uint32_t count = (uint32_t)(host->config.port_last - host->config.port_first) + 1;
    uint32_t first = (uint32_t)rill__random_below(&host->core->random, count);
    for (uint32_t i = 0; i < count; i++) {
        local->port = (uint16_t)(host->config.port_first + (first + i) % count);
        if (is_free(host, claim))
            return 0;
    }
    return RILL_ERROR_ADDRESS_NOT_AVAILABLE;
}

struct listener *rill__listener_open(struct tcp_host *host, const struct port_claim *claim) {
    uint32_t index;
    struct listener *listener = (struct listener *)rill__slab_open(&host->listeners, &index);
    if (!listener)
        return 0;
    if (claim && !rill__hash_insert(&host->ports, port_tag(claim->local.port), index)) {
        rill__slab_close(&host->listeners, index);
        return 0;
    }
    listener->index = index;
    listener->event.kind = HANDLE_LISTENER;
    if (claim) {
        listener->local = claim->local;
        listener->family = claim->family;
        listener->reuse = claim->reuse;
    } else {
        listener->any_port = true;
        host->any_port = index;
    }
    return listener;
}

void rill__listener_free(struct tcp_host *host, struct listener *listener) {
    rill__event_cancel(host->core, &listener->event);
    if (listener->any_port)
        host->any_port = SLAB_NONE;
    else
        rill__hash_remove(&host->ports, port_tag(listener->local.port), listener->index);
    rill__slab_close(&host->listeners, listener->index);
}

int rill__tcp_bind(struct tcp_host *host, const struct rill_tcp_bind_config *config,
                   rill_handle *out) {
    if (config->size != sizeof *config)
        return RILL_ERROR_ARGUMENT;
    struct port_claim claim = {.local = config->local,
                               .family = config->family,
                               .reuse = config->reuse,
                               .foreign = config->foreign,
                               .overlap = true,
                               .self = SLAB_NONE};
    int error = rill__port_claim(host, &claim);
    if (error)
        return error;
    struct listener *listener = rill__listener_open(host, &claim);
    if (!listener)
        return host->listeners.used >= TCP_LISTENERS_MAX ? RILL_ERROR_LIMIT : RILL_ERROR_MEMORY;
    listener->user = config->user;
    *out = rill__listener_handle(host, listener);
    return 0;
}

int rill__tcp_bound_listen(struct tcp_host *host, rill_handle bound, uint32_t backlog) {
    struct listener *listener = rill__listener_by_handle(host, bound);
    if (!listener)
        return RILL_ERROR_HANDLE;
    if (!backlog)
        return RILL_ERROR_ARGUMENT;
    struct port_claim claim = {.local = listener->local,
                               .family = listener->family,
                               .reuse = listener->reuse,
                               .overlap = true,
                               .self = listener->index};
    if (!listener->listening && !is_free(host, &claim))
        return RILL_ERROR_ADDRESS_IN_USE;
    listener->listening = true;
    listener->backlog = backlog;
    return 0;
}

int rill__tcp_bound_local(struct tcp_host *host, rill_handle bound, struct rill_endpoint *out) {
    struct listener *listener = rill__listener_by_handle(host, bound);
    if (!listener)
        return RILL_ERROR_HANDLE;
    *out = listener->local;
    return 0;
}
