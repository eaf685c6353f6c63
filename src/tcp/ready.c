/* tcp/ready.c: events and their level: what the application can do with a handle now. */
#include "tcp/host.h"

#include "tcp/tcp_api.h"

void rill__connection_raise(struct tcp_host *host, struct connection *connection, uint32_t bits) {
    if (!(connection->flags & (CONNECTION_ORPHAN | CONNECTION_QUEUED)))
        rill__event_raise(host->core, &connection->event, bits);
}

/* Whether `times` what is not sent yet is more than the writer has asked for. */
static bool too_much_unsent(const struct tcp_host *host, const struct connection *connection,
                            uint64_t times) {
    if (!(connection->choices & CHOICE_UNSENT) || !connection->active)
        return false;
    return times * rill__unsent(connection) >= rill__extra(host, connection)->unsent_low;
}

uint32_t rill__send_room(const struct tcp_host *host, const struct connection *connection) {
    uint32_t queued = connection->active ? connection->active->send.bytes : 0;
    if (too_much_unsent(host, connection, 1))
        return 0;
    return connection->send_buffer > queued ? connection->send_buffer - queued : 0;
}

/* Room in the send buffer is worth an event when it is a good part of it, and of what may be unsent
 * half is free. */
void rill__tell_writer(struct tcp_host *host, struct connection *connection) {
    if (!(connection->flags & CONNECTION_WANTS_WRITE) ||
        rill__send_room(host, connection) < connection->send_buffer / 3 + 1 ||
        too_much_unsent(host, connection, 2))
        return;
    connection->flags &= (uint16_t)~CONNECTION_WANTS_WRITE;
    rill__connection_raise(host, connection, RILL_EVENT_WRITABLE);
}

static uint32_t connection_bits(const struct tcp_host *host, const struct connection *connection) {
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
    if (open && !(connection->flags & CONNECTION_SHUTDOWN) && rill__send_room(host, connection) &&
        !too_much_unsent(host, connection, 2))
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
    return connection ? connection_bits(host, connection) : 0;
}
