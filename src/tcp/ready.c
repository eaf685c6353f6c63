/* tcp/ready.c: events and their level: what the application can do with a handle now. */
#include "tcp/host.h"

#include "tcp/tcp_api.h"

void rill__connection_raise(struct tcp_host *host, struct connection *connection, uint32_t bits) {
    if (!(connection->flags & (CONNECTION_ORPHAN | CONNECTION_QUEUED)))
        rill__event_raise(host->core, &connection->event, bits);
}

uint32_t rill__send_room(const struct connection *connection) {
    uint32_t queued = connection->active ? connection->active->send.bytes : 0;
    return connection->send_buffer > queued ? connection->send_buffer - queued : 0;
}

static uint32_t connection_bits(const struct connection *connection) {
    uint32_t bits = 0;
    bool ended = !(connection->flags & CONNECTION_IN_DEMUX);
    if (connection->active && connection->active->receive.bytes)
        bits |= RILL_EVENT_READABLE;
    if (connection->flags & CONNECTION_FIN_RECEIVED)
        bits |= RILL_EVENT_READABLE | RILL_EVENT_PEER_CLOSED;
    if (connection->flags & CONNECTION_DEAF)
        bits |= RILL_EVENT_READABLE;
    if (ended)
        bits |= RILL_EVENT_CLOSED | RILL_EVENT_READABLE;
    if (connection->error)
        bits |= RILL_EVENT_ERROR;
    bool open = connection->state == RILL_TCP_ESTABLISHED ||
                connection->state == RILL_TCP_CLOSE_WAIT || connection_is_early(connection);
    if (open)
        bits |= RILL_EVENT_CONNECTED;
    if (open && !(connection->flags & CONNECTION_SHUTDOWN) && rill__send_room(connection))
        bits |= RILL_EVENT_WRITABLE;
    if (connection->active && connection->active->fast_open & FAST_OPEN_HELD)
        bits |= RILL_EVENT_WRITABLE; /* bytes would let the SYN go */
    return bits;
}

uint32_t rill__tcp_ready_bits(void *transport, rill_handle handle) {
    struct tcp_host *host = (struct tcp_host *)transport;
    if (handle_get_kind(handle) == HANDLE_LISTENER) {
        struct listener *listener =
            rill__listener_at(host, handle_index(handle), handle_generation(handle));
        return !listener ? 0
                         : (listener->accept_head ? RILL_EVENT_ACCEPTABLE : 0) |
                               (listener->parked_head ? RILL_EVENT_SYN : 0);
    }
    struct connection *connection = rill__connection_find(host, handle);
    return connection ? connection_bits(connection) : 0;
}
