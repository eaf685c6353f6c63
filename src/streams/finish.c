/* streams/finish.c: a connection's account, when it can change no more; and the memory that it
 * held.
 */
#include "streams/connection.h"

#include <string.h>

enum { VICTIMS = 16, RATIO_NEAR = 8 };

struct active *rill__streams_active(struct streams *streams, struct connection *connection) {
    if (connection->active)
        return connection->active;
    struct active *active = rill__streams_allocate(streams, sizeof *active);
    if (!active) {
        streams->totals.out_of_memory++;
        return 0;
    }
    memset(active, 0, sizeof *active);
    active->last_data_side = 2;
    active->blame[STREAMS_BLAME_HANDSHAKE] = connection->handshake_ns;
    active->evidence[STREAMS_BLAME_HANDSHAKE] = connection->first_frame;
    active->wait_ns = connection->silent_ns;
    active->wait_frame = connection->last_frame;
    connection->handshake_ns = connection->silent_ns = 0;
    connection->active = active;
    return active;
}

void rill__streams_release_parts(struct streams *streams, struct active *active) {
    for (unsigned side = 0; side < 2; side++) {
        if (active->holes[side])
            rill__streams_release(streams, active->holes[side],
                                  active->hole_room[side] * sizeof(struct hole));
        if (active->resent[side])
            rill__streams_release(streams, active->resent[side],
                                  RESENT_RECENT * sizeof(struct resent));
    }
}

void rill__streams_release_account(struct streams *streams, struct connection *connection) {
    struct active *active = connection->active;
    if (!active)
        return;
    for (unsigned side = 0; side < 2; side++)
        if (active->rtts[side].histogram)
            rill__streams_release(streams, active->rtts[side].histogram,
                                  sizeof(struct rtt_histogram));
    rill__streams_release(streams, active, sizeof *active);
    connection->active = 0;
}

void rill__streams_release_active(struct streams *streams, struct connection *connection) {
    if (connection->active)
        rill__streams_release_parts(streams, connection->active);
    rill__streams_release_account(streams, connection);
}

static enum streams_state state_of(const struct connection *connection) {
    uint8_t any = connection->streams[0].bits | connection->streams[1].bits;
    if (connection->bits & CONNECTION_REFUSED)
        return STREAMS_STATE_REFUSED;
    if (connection->bits & CONNECTION_REJECTED)
        return STREAMS_STATE_REJECTED;
    if (connection->closed_by >= STREAMS_RESET_BY_CLIENT)
        return STREAMS_STATE_RESET;
    if (connection->streams[0].bits & connection->streams[1].bits & STREAM_FIN)
        return STREAMS_STATE_CLOSED;
    if (any & STREAM_FIN)
        return STREAMS_STATE_CLOSING;
    if (!(connection->bits & (CONNECTION_ESTABLISHED | CONNECTION_SYN_ACK)))
        return STREAMS_STATE_ATTEMPTED;
    return any & STREAM_SYN ? STREAMS_STATE_OPEN : STREAMS_STATE_MIDSTREAM;
}

static enum streams_handshake handshake_of(const struct connection *connection) {
    uint8_t client = connection->streams[0].bits, server = connection->streams[1].bits;
    if (!((client | server) & STREAM_SYN))
        return STREAMS_HANDSHAKE_NONE;
    bool whole = client & server & STREAM_SYN && connection->bits & CONNECTION_ESTABLISHED &&
                 connection->bits & CONNECTION_SYN_ACK;
    return whole ? STREAMS_HANDSHAKE_WHOLE : STREAMS_HANDSHAKE_PARTLY;
}

static enum streams_tap tap_of(const struct connection *connection) {
    /* rtt_min of the server's packets: from the tap to the client and back. */
    uint64_t client = connection->streams[1].rtt_min, server = connection->streams[0].rtt_min;
    if (!client || !server)
        return STREAMS_TAP_UNKNOWN;
    if (client * RATIO_NEAR < server)
        return STREAMS_TAP_CLIENT;
    return server * RATIO_NEAR < client ? STREAMS_TAP_SERVER : STREAMS_TAP_MIDDLE;
}

/* Holes that are left: acknowledged ones are the capture's, the others were lost. */
static void close_holes(struct streams *streams, struct connection *connection, uint8_t side) {
    struct active *active = connection->active;
    struct stream *stream = &connection->streams[side];
    struct stream_counts *counts = &active->counts[side];
    for (unsigned i = 0; i < active->hole_count[side]; i++) {
        struct hole *hole = &active->holes[side][i];
        /* One byte acknowledged behind the last one is a FIN that is not in the capture. */
        if (hole->to == stream->next && hole->to - hole->from == 1 &&
            !(stream->bits & STREAM_FIN)) {
            stream->next--;
            continue;
        }
        bool acked = stream->bits & STREAM_ACK_KNOWN && stream->acked >= hole->to;
        uint64_t bytes = hole->to - hole->from;
        *(acked ? &counts->missing_bytes : &counts->lost_bytes) += bytes;
        struct streams_event event = {0};
        event.kind = acked ? STREAMS_EVENT_MISSING : STREAMS_EVENT_LOST;
        event.evidence = acked ? STREAMS_EVIDENCE_ACKED : STREAMS_EVIDENCE_NEVER_ACKED;
        event.sure = acked;
        event.side = side;
        event.position = hole->from - stream->first;
        event.length = bytes;
        event.frame = hole->frame;
        event.when = hole->when;
        rill__event_tell(streams, connection, &event);
    }
}

static void fill_side(struct streams_side *out, const struct connection *connection, uint8_t side) {
    const struct stream *stream = &connection->streams[side];
    unsigned endpoint = side ^ (connection->bits & CONNECTION_FLIPPED ? 1u : 0u);
    out->port = connection->key.ports[endpoint];
    out->packets = stream->packets;
    out->mss = stream->bits & STREAM_SYN ? stream->mss : STREAMS_UNKNOWN;
    out->window_scale = stream->bits & STREAM_SYN ? stream->scale : STREAMS_UNKNOWN;
    out->isn = stream->bits & STREAM_SYN ? (rill_seq)stream->first - 1 : STREAMS_UNKNOWN;
    out->rtt_min = stream->rtt_min ? stream->rtt_min : STREAMS_UNKNOWN;
    if (!connection->active)
        return;
    const struct stream_counts *counts = &connection->active->counts[side];
    out->bytes = stream->next - stream->first - counts->missing_bytes - counts->lost_bytes;
    out->payload_bytes = counts->payload_bytes;
    out->data_segments = counts->data_segments;
    out->resent_segments = counts->resent_segments;
    out->resent_bytes = counts->resent_bytes;
    out->spurious_segments = counts->spurious_segments;
    out->repaired_segments = counts->repaired_segments;
    out->lost_segments = counts->resent_segments - counts->spurious_segments;
    out->lost_bytes = counts->lost_bytes;
    out->reordered_segments = counts->reordered_segments;
    out->duplicate_sightings = counts->duplicate_sightings;
    out->missing_bytes = counts->missing_bytes;
    out->conflicting_bytes = counts->conflicting_bytes;
    out->uncompared_bytes = counts->uncompared_bytes;
    out->zero_windows = counts->zero_windows;
    out->window_probes = counts->window_probes;
    out->keepalives = counts->keepalives;
    out->cut_bytes = counts->cut_bytes;
    out->syn_bytes = counts->syn_bytes;
    out->window_max = counts->window_max;
    out->flight_max = counts->flight_max;
    out->given_up_holes = counts->holes_given_up;
}

static void fill_blame(struct streams_connection *out, const struct connection *connection) {
    const struct active *active = connection->active;
    if (!active) {
        out->blame[STREAMS_BLAME_HANDSHAKE] = connection->handshake_ns;
        out->evidence[STREAMS_BLAME_HANDSHAKE] = connection->first_frame;
        out->blame[STREAMS_BLAME_IDLE] = connection->silent_ns;
        return;
    }
    for (unsigned i = 0; i < STREAMS_BLAME_COUNT; i++) {
        out->blame[i] = active->blame[i];
        out->evidence[i] = active->evidence[i];
    }
}

/* Both halves of the way; the half that was not measured is left out. */
static uint64_t add_rtt(uint64_t a, uint64_t b) {
    if (a == STREAMS_UNKNOWN)
        return b;
    return b == STREAMS_UNKNOWN ? a : a + b;
}

static void fill_rtt(struct streams_connection *out, const struct connection *connection) {
    const struct active *active = connection->active;
    out->rtt_min = add_rtt(out->sides[0].rtt_min, out->sides[1].rtt_min);
    out->rtt_median = out->rtt_p99 = out->rtt_min;
    if (!active)
        return;
    struct rtt_quantiles way = rill__rtt_quantiles(&active->rtts[0]),
                         back = rill__rtt_quantiles(&active->rtts[1]);
    uint64_t median = add_rtt(way.median, back.median), p99 = add_rtt(way.p99, back.p99);
    if (median != STREAMS_UNKNOWN && median > out->rtt_min)
        out->rtt_median = median;
    out->rtt_p99 = p99 != STREAMS_UNKNOWN && p99 > out->rtt_median ? p99 : out->rtt_median;
}

static struct streams_connection account_of(const struct connection *connection) {
    struct streams_connection out;
    memset(&out, 0, sizeof out);
    out.number = connection->number;
    out.incarnation = connection->incarnation;
    out.scope = connection->key.scope;
    for (unsigned side = 0; side < 2; side++) {
        unsigned endpoint = side ^ (connection->bits & CONNECTION_FLIPPED ? 1u : 0u);
        memcpy(out.addresses[side], &connection->key.addresses[endpoint], 16);
        fill_side(&out.sides[side], connection, (uint8_t)side);
    }
    out.start = connection->start;
    out.duration = connection->last - connection->start;
    out.first_frame = connection->first_frame;
    out.last_frame = connection->last_frame;
    out.first_record = connection->first_record;
    out.state = state_of(connection);
    out.handshake = handshake_of(connection);
    out.closed_by = connection->closed_by;
    out.tap = tap_of(connection);
    out.sack = (connection->bits & CONNECTION_SACK) != 0;
    out.timestamps = (connection->bits & CONNECTION_TIMESTAMPS) != 0;
    out.ipv6 = (connection->bits & CONNECTION_IPV6) != 0;
    out.rejected_syns = connection->rejected_syns;
    out.icmp_errors = connection->icmp_errors;
    out.given_up = (connection->bits & CONNECTION_GIVEN_UP) != 0;
    out.completeness = connection->completeness;
    fill_blame(&out, connection);
    fill_rtt(&out, connection);
    return out;
}

void rill__streams_hand_out(struct streams *streams, struct connection *connection) {
    if (connection->active) {
        rill__blame_finish(connection);
        close_holes(streams, connection, 0);
        close_holes(streams, connection, 1);
    }
    streams->totals.connections++;
    if (!streams->config.connection)
        return;
    struct streams_connection out = account_of(connection);
    streams->config.connection(streams->config.context, &out);
}

struct glance {
    void *context;
    void (*each)(void *context, const struct streams_connection *connection);
};

static void glance_at(void *context, const struct connection *connection) {
    const struct glance *glance = context;
    struct streams_connection out = account_of(connection);
    glance->each(glance->context, &out);
}

void rill__streams_glance(const struct streams *streams, void *context,
                          void (*each)(void *context,
                                       const struct streams_connection *connection)) {
    struct glance glance = {context, each};
    uint32_t end = slab_end(&streams->connections);
    for (uint32_t i = 0; i < end; i++) {
        if (!slab_in_use(&streams->connections, i))
            continue;
        const struct connection *connection = slab_at(&streams->connections, i);
        if (!(connection->bits & CONNECTION_ALIAS))
            glance_at(&glance, connection);
    }
    rill__asleep_each(streams, &glance, glance_at);
}

/* Takes it out of the row of its key's incarnations. */
static void unlink_key(struct streams *streams, struct connection *connection) {
    struct connection *newest = rill__streams_newest(streams, &connection->key, connection->hash);
    if (!newest)
        return;
    if (newest == connection) {
        rill__hash_remove(&streams->index, connection->hash, connection->index);
        if (!(connection->bits & CONNECTION_ALIAS))
            rill__lives_note(streams, &connection->key, connection->hash, connection->incarnation);
        if (connection->older != SLAB_NONE && !(connection->bits & CONNECTION_ALIAS) &&
            !rill__hash_insert(&streams->index, connection->hash, connection->older))
            streams->totals.out_of_memory++;
        return;
    }
    while (newest->older != SLAB_NONE && newest->older != connection->index)
        newest = slab_at(&streams->connections, newest->older);
    if (newest->older == connection->index)
        newest->older = connection->older;
}

void rill__streams_put_away(struct streams *streams, struct connection *connection) {
    if (!(connection->bits & CONNECTION_ALIAS))
        rill__streams_hand_out(streams, connection);
    unlink_key(streams, connection);
    rill__streams_release_active(streams, connection);
    rill__slab_close(&streams->connections, connection->index);
}

/* When memory is short, what has been silent longest of a handful goes, closed ones first. */
static struct connection *find_victim(struct streams *streams) {
    struct connection *victim = 0;
    uint32_t end = slab_end(&streams->connections), found = 0;
    for (uint32_t i = 0; i < end && found < VICTIMS; i++) {
        streams->hand = streams->hand + 1 < end ? streams->hand + 1 : 0;
        if (!slab_in_use(&streams->connections, streams->hand))
            continue;
        struct connection *one = slab_at(&streams->connections, streams->hand);
        found++;
        bool over = connection_is_over(one), best = victim && connection_is_over(victim);
        if (!victim || (over && !best) || (over == best && one->last < victim->last))
            victim = one;
    }
    return victim;
}

void rill__streams_make_room(struct streams *streams) {
    while (streams->config.memory_max && streams->memory > streams->config.memory_max) {
        struct connection *victim = find_victim(streams);
        bool over = victim && connection_is_over(victim);
        if (!over && rill__asleep_put_away(streams, true))
            continue;
        if (!victim)
            return;
        if (!over && !(victim->bits & CONNECTION_ALIAS)) {
            victim->bits |= CONNECTION_GIVEN_UP;
            streams->totals.connections_given_up++;
        }
        rill__streams_put_away(streams, victim);
    }
}

void rill__streams_put_all_away(struct streams *streams) {
    uint32_t end = slab_end(&streams->connections);
    for (uint32_t i = 0; i < end; i++)
        if (slab_in_use(&streams->connections, i))
            rill__streams_put_away(streams, slab_at(&streams->connections, i));
    while (rill__asleep_put_away(streams, false)) {
    }
}
