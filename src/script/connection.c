/* script/connection.c: sequence numbers and timestamps between script and wire. */
#include "script/connection.h"

#include "wire/tcp.h"

struct connection_stamp {
    struct connection_stamp *next;
    uint32_t script, wire;
};

struct connection_mark {
    struct connection_mark *next;
    uint32_t sequence;
};

static struct script_option *timestamps(struct script_packet *packet) {
    return (struct script_option *)packet_option(packet, SCRIPT_OPTION_TS);
}

/* Of rill's sequence numbers: what is added to those of the script. */
static uint32_t local_offset(const struct script_connection *connection, uint16_t flags) {
    return connection->local_isn - (flags & WIRE_SYN ? connection->local_script_isn : 0);
}

static uint32_t remote_offset(const struct script_connection *connection, uint16_t flags) {
    return flags & WIRE_SYN ? 0 : connection->remote_isn;
}

static uint32_t stamp_on_wire(const struct script_connection *connection, uint32_t script) {
    for (const struct connection_stamp *s = connection->stamps; s; s = s->next)
        if (s->script == script)
            return s->wire;
    /* one that was never sent: as far from the latest as it is written */
    return connection->stamps ? connection->stamps->wire + (script - connection->stamps->script)
                              : script;
}

static void ranges_add(struct script_packet *packet, uint32_t offset) {
    for (unsigned i = 0; i < packet->option_count; i++)
        for (unsigned j = 0; j < packet->options[i].range_count; j++) {
            packet->options[i].ranges[j][0] += offset;
            packet->options[i].ranges[j][1] += offset;
        }
}

void connection_to_wire(struct script_connection *connection, struct script_packet *packet) {
    uint32_t local = local_offset(connection, packet->flags);
    struct script_option *ts = timestamps(packet);
    if (packet->icmp) {
        if (!packet->has_quote) /* about the first byte, or the SYN */
            packet->quote_sequence = 0;
        packet->quote_sequence += connection->local_isn;
        return;
    }
    if (packet->flags & WIRE_SYN && !connection->remote_known) {
        connection->remote_known = true;
        connection->remote_isn = packet->sequence;
    }
    packet->sequence += remote_offset(connection, packet->flags);
    if (packet->flags & WIRE_ACK || packet->has_ack)
        packet->acknowledgement += local;
    ranges_add(packet, local);
    if (ts && packet->flags & WIRE_ACK)
        ts->echo = stamp_on_wire(connection, ts->echo);
}

void connection_from_wire(struct script_connection *connection, struct script_packet *packet,
                          const struct script_packet *expected) {
    bool fresh = expected->flags & WIRE_SYN && expected->any_sequence; /* another connection */
    if (packet->flags & WIRE_SYN && (!connection->local_known || fresh)) {
        connection->local_known = true;
        connection->local_isn = packet->sequence;
        connection->local_script_isn = expected->any_sequence ? 0 : expected->sequence;
    }
    packet->sequence -= local_offset(connection, packet->flags);
    if (packet->flags & WIRE_ACK)
        packet->acknowledgement -= remote_offset(connection, packet->flags);
    ranges_add(packet, 0 - remote_offset(connection, packet->flags));
}

bool connection_note_stamp(struct script_connection *connection, struct arena *arena,
                           const struct script_packet *expected, const struct script_packet *came) {
    const struct script_option *script = packet_option(expected, SCRIPT_OPTION_TS);
    const struct script_option *wire = packet_option(came, SCRIPT_OPTION_TS);
    if (!script || !wire)
        return true;
    struct connection_stamp *stamp = arena_new(arena, sizeof *stamp);
    if (!stamp)
        return false;
    *stamp = (struct connection_stamp){connection->stamps, script->value, wire->value};
    connection->stamps = stamp;
    return true;
}

bool connection_stamp_fits(void *context, uint32_t expected, uint32_t came) {
    const struct script_connection *connection = context;
    if (!connection->timestamp_tick || !connection->stamps)
        return true;
    int64_t written = (int32_t)(expected - connection->stamps->script);
    int64_t real = (int32_t)(came - connection->stamps->wire);
    int64_t apart = (written - real) * (int64_t)connection->timestamp_tick;
    return (apart < 0 ? -apart : apart) <= (int64_t)connection->timestamp_tolerance;
}

bool connection_note_write(struct script_connection *connection, struct arena *arena,
                           uint64_t bytes, bool ends) {
    connection->written += bytes;
    if (!ends || !bytes)
        return true;
    struct connection_mark *mark = arena_new(arena, sizeof *mark);
    if (!mark)
        return false;
    mark->sequence = (uint32_t)connection->written + 1; /* behind the SYN */
    mark->next = connection->marks;
    connection->marks = mark;
    return true;
}

bool connection_write_ended(const struct script_connection *connection, uint32_t sequence) {
    for (const struct connection_mark *m = connection->marks; m; m = m->next)
        if (m->sequence == sequence)
            return true;
    return false;
}
