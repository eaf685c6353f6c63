/* streams/lookup.c: which connection a packet belongs to.
 *
 * Theory of operation. A four-tuple (with the VLANs and tunnels around it) may be used again and
 * again. Each use is an incarnation, a connection of its own; they hang behind one another, the
 * newest first, a few of them. A segment belongs to the newest one whose sequence and
 * acknowledgement numbers fit, so that a late one finds the old life. A SYN with another ISN opens
 * an incarnation; if the old one is still open, a tentative one, because a peer that still knows
 * the old one answers with an ACK of it (RFC 5961 §4.2) and nothing begins: then the SYN is an
 * event of the old connection. Time alone never ends a connection, unless the config says so. */
#include "streams/connection.h"

#include "base/bytes.h"
#include <string.h>

enum {
    INCARNATIONS_MAX = 8, /* of one key, told apart at once */
    FIT_BEHIND = 1 << 22, /* bytes behind the highest that a late segment may lie */
    FIT_AHEAD = 1 << 22,  /* bytes ahead of it, at least: a gap in the capture */
    JUMP = 1 << 30,       /* nobody's window is as large (RFC 7323 §2.3) */
};

/* Whether the source is the lower end. Of IPv4 without a branch: which it is nobody can foretell.
 */
static bool source_is_lower(const struct streams_packet *packet) {
    if (packet->ipv6) {
        int order = memcmp(&packet->source, &packet->destination, sizeof packet->source);
        return order < 0 || (order == 0 && packet->source_port <= packet->destination_port);
    }
    uint64_t source = (uint64_t)bytes_get32(packet->source.bytes + 12) << 16 | packet->source_port;
    uint64_t destination =
        (uint64_t)bytes_get32(packet->destination.bytes + 12) << 16 | packet->destination_port;
    return source <= destination;
}

bool rill__streams_key(const struct streams_packet *packet, struct connection_key *key) {
    bool lower = source_is_lower(packet);
    key->addresses[!lower] = packet->source;
    key->addresses[lower] = packet->destination;
    key->ports[!lower] = packet->source_port;
    key->ports[lower] = packet->destination_port;
    key->scope = packet->scope;
    return lower;
}

/* Multilinear hashing: as nobody knows the multipliers, nobody can choose keys that meet more often
 * than chance has it. */
uint32_t rill__streams_hash(const struct streams *streams, const struct connection_key *key) {
    uint32_t words[KEY_WORDS];
    uint64_t sum = streams->multipliers[KEY_WORDS];
    memcpy(words, key, sizeof words);
    for (unsigned i = 0; i < KEY_WORDS; i++)
        sum += streams->multipliers[i] * words[i];
    return (uint32_t)(sum >> 32);
}

static struct connection *at(const struct streams *streams, uint32_t index) {
    return index == SLAB_NONE ? 0 : slab_at(&streams->connections, index);
}

_Static_assert(KEY_WORDS == 10, "compared in pairs of words");

static inline uint64_t differ(const uint8_t *a, const uint8_t *b, size_t at) {
    uint64_t one, other;
    memcpy(&one, a + at, sizeof one);
    memcpy(&other, b + at, sizeof other);
    return one ^ other;
}

static bool is_key(const struct streams *streams, uint32_t value,
                   const struct connection_key *key) {
    if (value & ASLEEP)
        return rill__asleep_is(streams, value, key);
    const uint8_t *a = (const uint8_t *)&at(streams, value)->key, *b = (const uint8_t *)key;
    return !(differ(a, b, 0) | differ(a, b, 8) | differ(a, b, 16) | differ(a, b, 24) |
             differ(a, b, 32));
}

struct connection *rill__streams_newest(struct streams *streams, const struct connection_key *key,
                                        uint32_t hash) {
    struct hash_cursor cursor = hash_look(&streams->index, hash);
    uint32_t index;
    while (hash_next(&cursor, &index))
        if (is_key(streams, index, key))
            return index & ASLEEP ? rill__asleep_wake(streams, index) : at(streams, index);
    return 0;
}

static struct connection *open_record(struct streams *streams, const struct connection_key *key,
                                      uint32_t hash, struct connection *older) {
    uint32_t index;
    struct connection *connection = rill__slab_open(&streams->connections, &index);
    if (!connection)
        return 0;
    if (older)
        rill__hash_remove(&streams->index, hash, older->index);
    if (!rill__hash_insert(&streams->index, hash, index)) {
        rill__slab_close(&streams->connections, index);
        return 0;
    }
    connection->key = *key;
    connection->index = index;
    connection->hash = hash;
    connection->older = older ? older->index : SLAB_NONE;
    return connection;
}

void rill__streams_alias(struct streams *streams, const struct connection_key *key, uint32_t hash,
                         struct connection *connection) {
    if (rill__streams_newest(streams, key, hash))
        return;
    struct connection *alias = open_record(streams, key, hash, 0);
    if (!alias)
        return;
    alias->bits = CONNECTION_ALIAS;
    alias->older = connection->key.scope; /* the key differs in the scope alone */
    alias->last = streams->newest;
}

/* Which side opened it: whoever sent the SYN; else, by habit, whoever has the higher port. */
static bool source_is_client(const struct streams_packet *packet, bool *guessed) {
    *guessed = false;
    if (packet->flags & WIRE_SYN)
        return !(packet->flags & WIRE_ACK);
    *guessed = true;
    if (packet->source_port == packet->destination_port)
        return true;
    return packet->source_port > packet->destination_port;
}

static void limit_incarnations(struct streams *streams, struct connection *newest) {
    unsigned count = 1;
    struct connection *one = newest;
    while (one->older != SLAB_NONE) {
        one = at(streams, one->older);
        count++;
    }
    if (count > INCARNATIONS_MAX)
        rill__streams_put_away(streams, one);
}

static struct connection *open_connection(struct streams *streams,
                                          const struct streams_packet *packet,
                                          const struct connection_key *key, uint32_t hash,
                                          struct connection *older, bool lower) {
    bool guessed, client = source_is_client(packet, &guessed);
    struct connection *connection = open_record(streams, key, hash, older);
    if (!connection) {
        streams->totals.out_of_memory++;
        return 0;
    }
    connection->number = streams->next_number++;
    uint32_t before = rill__lives_before(streams, key, hash);
    connection->incarnation =
        1 + (older && older->incarnation > before ? older->incarnation : before);
    connection->bits =
        (uint16_t)((guessed ? CONNECTION_GUESSED : 0) | (client != lower ? CONNECTION_FLIPPED : 0) |
                   (packet->ipv6 ? CONNECTION_IPV6 : 0));
    connection->start = connection->last = packet->when;
    connection->first_frame = connection->last_frame = packet->frame;
    connection->first_record = packet->record;
    bool syn = packet->flags & WIRE_SYN && !(packet->flags & WIRE_ACK);
    if (older && syn && !connection_is_over(older))
        connection->bits |= CONNECTION_TENTATIVE;
    limit_incarnations(streams, connection);
    return connection;
}

static uint8_t side_of(const struct connection *connection, bool lower) {
    return (uint8_t)(lower == !!(connection->bits & CONNECTION_FLIPPED));
}

static bool near_range(rill_seq seq, const struct stream *stream, uint32_t ahead) {
    if (!(stream->bits & STREAM_KNOWN))
        return true;
    if (stream->bits & STREAM_FIN) /* nothing comes behind it (RFC 9293 §3.6) */
        ahead = 1;
    uint64_t position = seq_unwrap(seq, stream->next);
    uint64_t lowest = stream->first - 1; /* keepalives, SYN */
    if (!(stream->bits & STREAM_ISN) || stream->next - stream->first > FIT_BEHIND)
        lowest = stream->next - FIT_BEHIND;
    return position >= lowest && position <= stream->next + ahead;
}

/* What no stack does within one life: a FIN somewhere else than its first one, or, of a segment
 * sent later than the newest (RFC 7323 §5.2), an acknowledgement of less than before. The latter
 * only where the other side has said its last: until then nothing speaks for another life. */
static bool contradicts(const struct connection *connection, const struct streams_packet *packet,
                        uint8_t side) {
    const struct stream *mine = &connection->streams[side], *other = &connection->streams[!side];
    bool data = !(packet->flags & (WIRE_SYN | WIRE_RST));
    if (!data)
        return false;
    if (packet->flags & WIRE_FIN && mine->bits & STREAM_FIN &&
        packet->sequence + packet->length != (rill_seq)mine->next)
        return true;
    bool later = packet->has_timestamps && mine->bits & STREAM_TIMESTAMPS &&
                 (int32_t)(packet->timestamp_value - mine->timestamp) > 0;
    return later && packet->flags & WIRE_ACK && other->bits & STREAM_FIN &&
           other->bits & STREAM_ACK_KNOWN &&
           (int32_t)(packet->acknowledgement - (rill_seq)other->acked) < 0;
}

/* Whether sequence and acknowledgement both lie where this incarnation is, or ahead of that by what
 * a gap in the capture may hide. */
static bool fits(const struct connection *connection, const struct streams_packet *packet,
                 uint8_t side) {
    const struct stream *mine = &connection->streams[side], *other = &connection->streams[!side];
    bool acks = packet->flags & WIRE_ACK;
    if (!((mine->bits | other->bits) & STREAM_KNOWN) || contradicts(connection, packet, side))
        return false;
    if (!near_range(packet->sequence, mine, FIT_AHEAD + other->window))
        return false;
    return !acks || near_range(packet->acknowledgement, other, FIT_AHEAD + mine->window);
}

/* Plainly so, as it is of almost every segment: open, both sides known, neither has said its last,
 * and both numbers near the highest seen. What is not plain may fit all the same. */
static bool fits_plainly(const struct connection *connection, const struct streams_packet *packet,
                         uint8_t side) {
    const struct stream *mine = &connection->streams[side], *other = &connection->streams[!side];
    uint8_t both = mine->bits & other->bits, any = mine->bits | other->bits;
    if ((packet->flags & (WIRE_SYN | WIRE_FIN | WIRE_RST | WIRE_ACK)) != WIRE_ACK ||
        connection->bits & CONNECTION_TENTATIVE || any & STREAM_FIN || !(both & STREAM_KNOWN))
        return false;
    int64_t step = (int32_t)(packet->sequence - (uint32_t)mine->next),
            back = (int32_t)(packet->acknowledgement - (uint32_t)other->next);
    return step <= FIT_AHEAD && back <= FIT_AHEAD && -step <= FIT_BEHIND && -back <= FIT_BEHIND &&
           -step <= (int64_t)(mine->next - mine->first) &&
           -back <= (int64_t)(other->next - other->first);
}

/* The same of one that others have come after: it says nothing new any more. */
static bool fits_past(const struct connection *connection, const struct streams_packet *packet,
                      uint8_t side) {
    const struct stream *mine = &connection->streams[side], *other = &connection->streams[!side];
    if (!fits(connection, packet, side))
        return false;
    if (mine->bits & STREAM_KNOWN && !near_range(packet->sequence, mine, 1))
        return false;
    return !(packet->flags & WIRE_ACK) || !(other->bits & STREAM_KNOWN) ||
           near_range(packet->acknowledgement, other, 1);
}

static uint64_t jump(rill_seq seq, const struct stream *stream) {
    if (!(stream->bits & STREAM_KNOWN))
        return 0;
    int64_t distance = (int64_t)(seq_unwrap(seq, stream->next) - stream->next);
    return (uint64_t)(distance < 0 ? -distance : distance);
}

/* Numbers that this side cannot have any more: nothing comes behind a FIN (RFC 9293 §3.6). */
static bool is_behind_fin(rill_seq seq, const struct stream *stream) {
    return stream->bits & STREAM_FIN && seq_unwrap(seq, stream->next) > stream->next + 1;
}

/* Whether it may be this one's after a long gap in the capture. */
static bool may_fit(const struct connection *connection, const struct streams_packet *packet,
                    uint8_t side) {
    if (packet->flags & WIRE_RST)
        return true;
    if (connection_is_over(connection) || connection->bits & CONNECTION_TENTATIVE)
        return false;
    if (contradicts(connection, packet, side) ||
        is_behind_fin(packet->sequence, &connection->streams[side]) ||
        (packet->flags & WIRE_ACK &&
         is_behind_fin(packet->acknowledgement, &connection->streams[!side])))
        return false;
    bool far = jump(packet->sequence, &connection->streams[side]) > JUMP;
    if (packet->flags & WIRE_ACK)
        far = far && jump(packet->acknowledgement, &connection->streams[!side]) > JUMP;
    return !far;
}

static bool isn_is(const struct stream *stream, rill_seq isn) {
    return stream->bits & STREAM_ISN && (rill_seq)stream->first - 1 == isn;
}

/* The SYN of an incarnation that the capture shows the answer of first, or the other half of a
 * simultaneous open (RFC 9293 §3.5), or one seen in its middle. */
static bool syn_completes(const struct connection *connection, const struct streams_packet *packet,
                          uint8_t side) {
    const struct stream *mine = &connection->streams[side], *other = &connection->streams[!side];
    if (mine->bits & STREAM_SYN)
        return false;
    if (isn_is(mine, packet->sequence))
        return true;
    bool opening = other->bits & STREAM_SYN && !(connection->bits & CONNECTION_ESTABLISHED);
    return opening && !(connection->bits & CONNECTION_SYN_ACK) && !connection_is_over(connection);
}

static struct connection *find_for_syn(struct streams *streams, struct connection *newest,
                                       const struct streams_packet *packet, bool lower) {
    for (struct connection *one = newest; one; one = at(streams, one->older)) {
        uint8_t side = side_of(one, lower);
        if (syn_completes(one, packet, side))
            return one;
        /* The same ISN again after its end is a new life that happens to begin alike. */
        if (isn_is(&one->streams[side], packet->sequence))
            return connection_is_over(one) && one == newest && !(one->bits & CONNECTION_REFUSED)
                       ? 0
                       : one;
    }
    return 0;
}

static struct connection *find_for_syn_ack(struct streams *streams, struct connection *newest,
                                           const struct streams_packet *packet, bool lower) {
    for (struct connection *one = newest; one; one = at(streams, one->older)) {
        uint8_t side = side_of(one, lower);
        const struct stream *mine = &one->streams[side], *other = &one->streams[!side];
        if (isn_is(other, packet->acknowledgement - 1) &&
            (!connection_is_over(one) || isn_is(mine, packet->sequence)))
            return one;
        if (isn_is(mine, packet->sequence) && !(other->bits & STREAM_ISN))
            return one;
        /* Acknowledges data that a SYN carried (RFC 7413): before anything else of its side. */
        bool first = !(mine->bits & STREAM_KNOWN) ||
                     (int32_t)((rill_seq)mine->first - (packet->sequence + 1)) >= 0;
        if (first && !(mine->bits & STREAM_SYN) && other->bits & STREAM_SYN &&
            seq_unwrap(packet->acknowledgement, other->next) - other->first <=
                other->next - other->first)
            return one;
    }
    return 0;
}

/* A peer that goes on with its old life has not taken the SYN. */
static struct connection *reject(struct streams *streams, struct connection *tentative) {
    struct connection *older = at(streams, tentative->older);
    struct streams_event event = {0};
    event.kind = STREAMS_EVENT_REJECTED_SYN;
    event.evidence = STREAMS_EVIDENCE_HEADERS;
    event.sure = true;
    event.frame = tentative->first_frame;
    event.when = tentative->start;
    rill__event_tell(streams, older, &event);
    older->rejected_syns += older->rejected_syns < 255;
    for (unsigned side = 0; side < 2; side++)
        older->streams[side ^ ((older->bits ^ tentative->bits) & CONNECTION_FLIPPED ? 1 : 0)]
            .packets += tentative->streams[side].packets;
    /* Its number goes to the next if that has not been given away. */
    if (tentative->number + 1 == streams->next_number)
        streams->next_number--;
    rill__streams_release_active(streams, tentative);
    rill__hash_remove(&streams->index, tentative->hash, tentative->index);
    rill__slab_close(&streams->connections, tentative->index);
    if (!rill__hash_insert(&streams->index, older->hash, older->index))
        streams->totals.out_of_memory++;
    return older;
}

/* Only the SYN of a tentative one has been seen; does this answer it? */
static bool answers(const struct connection *connection, const struct streams_packet *packet,
                    uint8_t side) {
    const struct stream *other = &connection->streams[!side];
    return packet->flags & WIRE_ACK && isn_is(other, packet->acknowledgement - 1);
}

static struct connection *find_for_rest(struct streams *streams, struct connection *newest,
                                        const struct streams_packet *packet, bool lower) {
    struct connection *first = newest;
    if (newest->bits & CONNECTION_TENTATIVE) {
        uint8_t side = side_of(newest, lower);
        if (answers(newest, packet, side) || isn_is(&newest->streams[side], packet->sequence - 1))
            return newest;
        struct connection *older = at(streams, newest->older);
        bool goes_on = older && fits(older, packet, side_of(older, lower));
        /* Data of the old life may have been on its way when the SYN came; the answer to a SYN that
         * is not taken is a bare ACK (RFC 5961 §4.2). */
        bool on_its_way = side == 1 && packet->length;
        if (goes_on && on_its_way)
            return older;
        if (goes_on && !(packet->flags & WIRE_RST))
            return reject(streams, newest);
        if (!goes_on && fits(newest, packet, side)) /* its answer is not in the capture */
            return newest;
        first = older;
    }
    if (first && fits(first, packet, side_of(first, lower)))
        return first;
    for (struct connection *one = first ? at(streams, first->older) : 0; one;
         one = at(streams, one->older))
        if (fits_past(one, packet, side_of(one, lower)))
            return one;
    return first && may_fit(first, packet, side_of(first, lower)) ? first : 0;
}

static struct connection *find(struct streams *streams, struct connection *newest,
                               const struct streams_packet *packet, bool lower) {
    bool syn = packet->flags & WIRE_SYN, ack = packet->flags & WIRE_ACK;
    if (syn && !ack)
        return find_for_syn(streams, newest, packet, lower);
    if (syn)
        return find_for_syn_ack(streams, newest, packet, lower);
    if (streams->config.idle_split && packet->when > newest->last + streams->config.idle_split)
        return 0;
    if (fits_plainly(newest, packet, side_of(newest, lower)))
        return newest;
    return find_for_rest(streams, newest, packet, lower);
}

struct connection *rill__streams_lookup(struct streams *streams, const struct prepared *prepared,
                                        uint8_t *side) {
    const struct streams_packet *packet = &prepared->packet;
    const struct connection_key *key = &prepared->key;
    struct connection_key other;
    bool lower = prepared->lower;
    uint32_t hash = prepared->hash;
    struct connection *newest = rill__streams_newest(streams, key, hash);
    if (newest && newest->bits & CONNECTION_ALIAS) {
        other = *key;
        other.scope = newest->older;
        key = &other;
        hash = rill__streams_hash(streams, key);
        newest = rill__streams_newest(streams, key, hash);
    }
    struct connection *connection = newest ? find(streams, newest, packet, lower) : 0;
    if (!connection) {
        newest = rill__streams_newest(streams, key, hash); /* a tentative one may be gone */
        connection = open_connection(streams, packet, key, hash, newest, lower);
    }
    if (connection)
        *side = side_of(connection, lower);
    return connection;
}

struct connection *rill__streams_find(struct streams *streams, const struct streams_packet *packet,
                                      uint8_t *side) {
    struct connection_key key;
    bool lower = rill__streams_key(packet, &key);
    struct connection *newest =
        rill__streams_newest(streams, &key, rill__streams_hash(streams, &key));
    if (newest && newest->bits & CONNECTION_ALIAS) {
        key.scope = newest->older;
        newest = rill__streams_newest(streams, &key, rill__streams_hash(streams, &key));
    }
    struct connection *found = newest;
    for (struct connection *one = newest; one; one = at(streams, one->older)) {
        const struct stream *mine = &one->streams[side_of(one, lower)];
        if (mine->bits & STREAM_KNOWN && near_range(packet->sequence, mine, FIT_AHEAD)) {
            found = one;
            break;
        }
    }
    if (found)
        *side = side_of(found, lower);
    return found;
}
