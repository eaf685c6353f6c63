/* tcp/listen.c: passive open: listeners, who gets a SYN, and the queue of connections to accept.
 *
 * A listener for one address goes before one for any address, and that before one for any port. Its
 * backlog counts half-open and not yet accepted connections together, and the host's half-open ones
 * have a limit too; beyond, a SYN is answered by a cookie (syn_cookie.c) as long as the accept
 * queue has room, else dropped, and the peer tries again. A deferred listener parks each SYN until
 * the application has decided.
 */
#include "tcp/host.h"
#include "tcp/tcp_api.h"
#include <string.h>

struct listener *rill__listener_find(struct tcp_host *host, const struct tcp_key *key) {
    static const struct rill_address any = {{0}};
    uint8_t family = rill_address_is_ipv4(&key->local) ? RILL_FAMILY_IPV4 : RILL_FAMILY_IPV6;
    struct listener *listener = rill__listener_lookup(host, &key->local, key->local_port, family);
    if (!listener)
        listener = rill__listener_lookup(host, &any, key->local_port, family);
    if (!listener && host->any_port != SLAB_NONE)
        listener = (struct listener *)slab_at(&host->listeners, host->any_port);
    return listener;
}

struct listener *rill__listener_at(struct tcp_host *host, uint32_t index, uint32_t generation) {
    return (struct listener *)rill__slab_find(&host->listeners, index, generation);
}

int rill__tcp_listen(struct tcp_host *host, const struct rill_tcp_listen_config *config,
                     rill_handle *out) {
    if (config->size != sizeof *config || config->backlog == 0)
        return RILL_ERROR_ARGUMENT;
    struct port_claim claim = {.local = config->local, .family = config->family, .self = SLAB_NONE};
    int error = config->any_port ? (host->any_port == SLAB_NONE ? 0 : RILL_ERROR_ADDRESS_IN_USE)
                                 : rill__port_claim(host, &claim);
    if (error)
        return error;
    struct listener *listener = rill__listener_open(host, config->any_port ? 0 : &claim);
    if (!listener)
        return host->listeners.used >= TCP_LISTENERS_MAX ? RILL_ERROR_LIMIT : RILL_ERROR_MEMORY;
    listener->backlog = config->backlog;
    listener->deferred = config->deferred;
    listener->fast_open.max = config->fast_open;
    listener->listening = true;
    listener->user = config->user;
    *out = rill__listener_handle(host, listener);
    return 0;
}

struct half_open *rill__listener_syn(struct tcp_host *host, struct listener *listener,
                                     struct tcp_segment *segment) {
    struct half_open *half = rill__half_open_start(host, listener, segment);
    if (!half) {
        rill__tcp_drop(host, 0, segment, RILL_DROP_NO_MEMORY);
        return 0;
    }
    half->fast_open = rill__fast_open_answer(host, listener, segment);
    if (listener->deferred)
        rill__event_raise(host->core, &listener->event, RILL_EVENT_SYN);
    else
        rill__half_open_answer(host, half);
    return half;
}

bool rill__listener_is_full(const struct tcp_host *host, const struct listener *listener) {
    return listener->half_open + listener->accept_count >= listener->backlog ||
           host->half_opens.used >= host->config.half_open_max;
}

/* RFC 4987 §3.6. A deferred listener's application has not spoken yet: no SYN of its is answered by
 * the stack alone. Who finds even the accept queue full would not be let in by its ACK. */
static bool answers_by_cookie(const struct tcp_host *host, const struct listener *listener) {
    if (host->config.syn_cookies == RILL_SYN_COOKIES_OFF || listener->deferred ||
        listener->accept_count >= listener->backlog)
        return false;
    return host->config.syn_cookies == RILL_SYN_COOKIES_ALWAYS ||
           rill__listener_is_full(host, listener);
}

/* An ACK that answers no record: that of a cookie, or a stray one. */
static void take_ack(struct tcp_host *host, struct listener *listener,
                     struct tcp_segment *segment) {
    struct half_open half;
    if (segment->flags & WIRE_SYN || listener->deferred ||
        !rill__syn_cookie_recall(host, segment, &half)) {
        rill__tcp_no_socket(host, segment);
        return;
    }
    if (listener->accept_count >= listener->backlog) { /* it comes again with the peer's data */
        rill__tcp_drop(host, 0, segment, RILL_DROP_TCP_BACKLOG_FULL);
        return;
    }
    rill__half_open_establish(host, listener, &half, segment);
}

/* RFC 9293 §3.10.7.2. DEVIATION: a SYN with FIN opens nothing, as in Linux and (if told so)
 * FreeBSD: nobody sends it but who looks for what answers. */
void rill__listener_input(struct tcp_host *host, struct listener *listener,
                          struct tcp_segment *segment) {
    if (segment->flags & WIRE_RST) /* first: an RST is ignored */
        rill__tcp_drop(host, 0, segment, RILL_DROP_TCP_RST_NO_SOCKET);
    else if (segment->flags & WIRE_ACK) /* second */
        take_ack(host, listener, segment);
    else if ((segment->flags & (WIRE_SYN | WIRE_FIN)) != WIRE_SYN) /* fourth */
        rill__tcp_drop(host, 0, segment, RILL_DROP_TCP_NOTHING_IN_LISTEN);
    else if (answers_by_cookie(host, listener)) /* third */
        rill__syn_cookie_send(host, segment);
    else if (rill__listener_is_full(host, listener))
        rill__tcp_drop(host, 0, segment, RILL_DROP_TCP_BACKLOG_FULL);
    else if (!rill__fast_open_syn(host, listener, segment))
        (void)rill__listener_syn(host, listener, segment);
}

void rill__listener_queue(struct tcp_host *host, struct listener *listener,
                          struct connection *connection) {
    connection->active->listener = listener->index;
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

/* Out of the queue: accepted, or nobody will ever have its handle. One that has ended stays in the
 * queue until then: what it has received can still be read, and the application learns how it
 * ended.
 */
void rill__listener_unqueue(struct tcp_host *host, struct connection *connection) {
    struct listener *listener =
        (struct listener *)slab_at(&host->listeners, connection->active->listener);
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
    struct listener *listener = rill__listener_by_handle(host, handle);
    if (!listener)
        return RILL_ERROR_HANDLE;
    struct connection *connection = listener->accept_head;
    if (!connection)
        return RILL_ERROR_AGAIN;
    rill__listener_unqueue(host, connection);
    connection->flags &= (uint16_t)~CONNECTION_ORPHAN;
    if (!(connection->flags & CONNECTION_IN_DEMUX))
        rill__connection_reduce(host, connection);
    *out = rill__connection_handle(host, connection);
    uint32_t bits = rill__tcp_ready_bits(host, *out); /* what came before it had a handle */
    if (bits)
        rill__connection_raise(host, connection, bits);
    rill__timers_file(host, connection); /* from now on it may fall idle */
    return 0;
}

int rill__tcp_pending(struct tcp_host *host, rill_handle handle, rill_handle *out,
                      struct rill_endpoint *local, struct rill_endpoint *remote) {
    struct listener *listener = rill__listener_by_handle(host, handle);
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

static void dismiss(struct tcp_host *host, struct connection *connection) {
    rill__listener_unqueue(host, connection);
    if (connection->flags & CONNECTION_IN_DEMUX)
        rill__connection_reset(host, connection, RILL_CAUSE_RST_ABORT, RILL_ERROR_ABORTED);
    else
        rill__connection_free(host, connection);
}

/* Half-open records of a closed listener find that it is gone when they are touched next. */
int rill__tcp_listener_close(struct tcp_host *host, rill_handle handle) {
    struct listener *listener = rill__listener_by_handle(host, handle);
    if (!listener)
        return RILL_ERROR_HANDLE;
    while (listener->parked_head)
        rill__half_open_free(host, listener->parked_head);
    while (listener->accept_head)
        dismiss(host, listener->accept_head);
    rill__listener_free(host, listener);
    return 0;
}
