/* tcp/urgent.c: urgent data: the sixth step of RFC 9293 §3.10.7.4, and SEND's urgent flag.
 *
 * The pointer means what it means everywhere: the byte after the urgent one (RFC 6093 §3.1). The
 * urgent byte stands in the stream like any other (RFC 6093 §6: in line); what is told is where it
 * stands, so that a reader can stop there. A mark lasts until it is read past, or a later one comes
 * (RCV.UP only moves forward). It lies in the active part, so a peer that announces an urgent byte
 * and never sends it cannot keep a quiet connection large: then the mark goes, and with it only the
 * news that there was one. */
#include "tcp/host.h"

/* Where the application reads next. */
static rill_seq read_at(const struct connection *connection) {
    bool fin = (connection->flags & CONNECTION_FIN_RECEIVED) != 0;
    return connection->rcv_nxt - fin - connection->active->receive.bytes;
}

/* The byte the pointer means; of a pointer 0, which no sender of sense writes, the segment's first.
 */
void rill__urgent_received(struct tcp_host *host, struct connection *connection,
                           const struct tcp_segment *segment) {
    struct active *active = connection->active;
    if (!(segment->header.flags & WIRE_URG) || state_is_past_text(connection->state))
        return;
    uint32_t ahead = segment->header.urgent ? segment->header.urgent - 1u : 0;
    rill_seq byte = segment->header.sequence + ahead;
    if (seq_lt(byte, connection->rcv_nxt))
        return; /* it has been there, or has been told of */
    if (rill__urgent_after(connection) != UINT32_MAX && seq_leq(byte, active->urgent_byte))
        return;
    active->urgent_byte = byte;
    active->urgent |= URGENT_RECEIVED;
    rill__connection_raise(host, connection, RILL_EVENT_URGENT);
}

uint32_t rill__urgent_after(const struct connection *connection) {
    const struct active *active = connection->active;
    if (!active || !(active->urgent & URGENT_RECEIVED) ||
        seq_lt(active->urgent_byte, read_at(connection)))
        return UINT32_MAX;
    return active->urgent_byte - read_at(connection);
}

/* SND.UP: the last byte queued. Where the window is shut the peer is told of it all the same. */
void rill__urgent_mark(struct connection *connection) {
    struct active *active = connection->active;
    active->snd_up = active->send.first + active->send.bytes;
    active->urgent |= URGENT_SENDING;
    if (connection->snd_wnd == 0)
        connection->owes |= OWES_ACK;
}

void rill__urgent_emit(struct connection *connection, struct plan *plan, struct wire_tcp *header) {
    struct active *active = connection->active;
    if (!(active->urgent & URGENT_SENDING))
        return;
    if (seq_geq(connection->snd_una, active->snd_up)) {
        active->urgent &= (uint8_t)~URGENT_SENDING;
        return;
    }
    if (seq_geq(header->sequence, active->snd_up))
        return;
    header->flags |= WIRE_URG;
    header->urgent = (uint16_t)RILL_MIN(active->snd_up - header->sequence, 65535);
    /* The pointer is of one segment: whoever cuts a super-segment up does not count it down. */
    plan_shorten(plan, rill__payload_max(connection));
}
