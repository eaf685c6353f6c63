/* streams/streams.c: the analysis as a whole: a frame's way from its link layer to its connection.
 */
#include "streams/connection.h"

#include <string.h>

const char *rill__streams_blame_text(enum streams_blame blame) {
    static const char *const texts[] = {
#define TEXT(name, text) text,
        STREAMS_BLAMES(TEXT)
#undef TEXT
    };
    return texts[blame];
}

const char *rill__streams_state_text(enum streams_state state) {
    static const char *const texts[] = {
#define TEXT(name, text) text,
        STREAMS_STATES(TEXT)
#undef TEXT
    };
    return texts[state];
}

const char *rill__streams_event_text(enum streams_event_kind kind) {
    static const char *const texts[] = {
#define TEXT(name, text) text,
        STREAMS_EVENTS(TEXT)
#undef TEXT
    };
    return texts[kind];
}

const char *rill__streams_evidence_text(enum streams_evidence evidence) {
    static const char *const texts[] = {
#define TEXT(name, text) text,
        STREAMS_EVIDENCES(TEXT)
#undef TEXT
    };
    return texts[evidence];
}

static void *counted_allocate(void *context, size_t size) {
    return rill__streams_allocate(context, size);
}

static void counted_release(void *context, void *memory, size_t size) {
    rill__streams_release(context, memory, size);
}

void *rill__streams_allocate(struct streams *streams, size_t size) {
    void *memory = streams->config.allocator.allocate(streams->config.allocator.context, size);
    if (memory)
        streams->memory += size;
    return memory;
}

void rill__streams_release(struct streams *streams, void *memory, size_t size) {
    streams->memory -= size;
    streams->config.allocator.release(streams->config.allocator.context, memory, size);
}

struct streams *rill__streams_open(const struct streams_config *config) {
    struct streams *streams =
        config->allocator.allocate(config->allocator.context, sizeof *streams);
    if (!streams)
        return 0;
    memset(streams, 0, sizeof *streams);
    streams->config = *config;
    streams->counted = (struct rill_allocator){streams, counted_allocate, counted_release};
    streams->next_number = config->only ? config->only->number : 0;
    streams->key = (struct siphash_key){config->seed[0], config->seed[1]};
    for (uint8_t i = 0; i <= KEY_WORDS; i++)
        streams->multipliers[i] = rill__siphash(&streams->key, &i, 1);
    rill__decap_init(&streams->decap, &streams->counted);
    rill__hash_init(&streams->index, &streams->counted);
    rill__slab_init(&streams->connections, &streams->counted, sizeof(struct connection),
                    ASLEEP - 1);
    rill__asleep_init(streams);
    if (rill__sighting_init(streams))
        return streams;
    rill__streams_close(streams);
    return 0;
}

void rill__streams_close(struct streams *streams) {
    struct rill_allocator allocator = streams->config.allocator;
    streams->config.connection = 0;
    streams->config.event = 0;
    rill__streams_put_all_away(streams);
    rill__decap_fini(&streams->decap);
    rill__hash_fini(&streams->index);
    rill__slab_fini(&streams->connections);
    rill__shelf_fini(&streams->shelf);
    rill__closed_fini(streams);
    rill__lives_fini(streams);
    rill__sighting_fini(streams);
    rill__history_fini(streams);
    allocator.release(allocator.context, streams, sizeof *streams);
}

void rill__event_tell(struct streams *streams, const struct connection *connection,
                      struct streams_event *event) {
    if (!streams->config.event)
        return;
    event->connection = connection->number;
    streams->config.event(streams->config.context, event);
}

/* False: what it was first seen as is not known any more. */
static bool count_sighting(struct streams *streams, const struct streams_packet *packet,
                           enum streams_evidence evidence, uint32_t scope) {
    struct streams_packet first = *packet;
    struct connection_key key, other;
    uint8_t side;
    if (scope != packet->scope) { /* this scope is another name of that one */
        first.scope = scope;
        rill__streams_key(packet, &other);
        rill__streams_key(&first, &key);
        struct connection *known =
            rill__streams_newest(streams, &key, rill__streams_hash(streams, &key));
        if (known && !(known->bits & CONNECTION_ALIAS))
            rill__streams_alias(streams, &other, rill__streams_hash(streams, &other), known);
    }
    struct connection *connection = rill__streams_find(streams, &first, &side);
    if (!connection)
        return false;
    connection->streams[side].packets++;
    if (packet->frame < connection->first_frame)
        connection->first_frame = packet->frame;
    if (packet->frame > connection->last_frame)
        connection->last_frame = packet->frame;
    struct active *active = rill__streams_active(streams, connection);
    if (active)
        active->counts[side].duplicate_sightings++;
    struct streams_event event = {0};
    event.kind = STREAMS_EVENT_SECOND_SIGHTING;
    event.evidence = evidence;
    event.sure = true;
    event.side = side;
    event.length = packet->length;
    event.frame = packet->frame;
    event.when = packet->when;
    rill__event_tell(streams, connection, &event);
    if (!streams->config.segment)
        return true;
    struct streams_segment segment = {0};
    segment.connection = connection->number;
    segment.side = side;
    segment.packet = packet;
    segment.second_sighting = true;
    rill__segment_numbers(&segment, connection);
    segment.labels = UINT32_C(1) << STREAMS_EVENT_SECOND_SIGHTING;
    streams->config.segment(streams->config.context, &segment);
    return true;
}

/* An ICMP error is about a connection, not of it. */
static void take_icmp(struct streams *streams, const struct streams_packet *packet) {
    uint8_t side;
    streams->totals.icmp_errors++;
    struct connection *connection = rill__streams_find(streams, packet, &side);
    if (!connection)
        return;
    connection->icmp_errors += connection->icmp_errors < 255;
    struct streams_event event = {0};
    event.kind = STREAMS_EVENT_ICMP_ERROR;
    event.evidence = STREAMS_EVIDENCE_HEADERS;
    event.sure = true;
    event.side = side;
    event.length = (uint64_t)packet->icmp_type << 8 | packet->icmp_code;
    event.frame = packet->frame;
    event.when = packet->when;
    rill__event_tell(streams, connection, &event);
}

/* Whether the config wants one pair of endpoints, and this is another. */
static bool is_unwanted(const struct streams *streams, const struct streams_packet *packet) {
    const struct streams_connection *only = streams->config.only;
    if (!only)
        return false;
    for (unsigned i = 0; i < 2; i++)
        if (packet->source_port == only->sides[i].port &&
            packet->destination_port == only->sides[!i].port &&
            memcmp(&packet->source, only->addresses[i], 16) == 0 &&
            memcmp(&packet->destination, only->addresses[!i], 16) == 0)
            return false;
    return true;
}

static bool in_other_shard(struct streams *streams, const struct streams_packet *packet) {
    struct connection_key key;
    if (streams->config.shards < 2)
        return false;
    /* Another key than the table's, and always the same, so that all shards agree. */
    struct siphash_key fixed = {1, 2};
    rill__streams_key(packet, &key);
    key.scope = 0;
    uint64_t hash = rill__siphash(&fixed, (const uint8_t *)&key, sizeof key);
    return hash % streams->config.shards != streams->config.shard;
}

static struct connection *older_without_end(const struct streams *streams,
                                            const struct connection *connection) {
    for (uint32_t index = connection->older; index != SLAB_NONE;) {
        struct connection *older = slab_at(&streams->connections, index);
        if (!connection_is_over(older))
            return older;
        index = older->older;
    }
    return 0;
}

/* Lives without an end are over when a later one of their key is established: no host has both.
 * Whatever waits longest to be forgotten may go meanwhile, one of these among it. */
static void replace_older(struct streams *streams, const struct connection *connection) {
    struct connection *older;
    while ((older = older_without_end(streams, connection))) {
        older->bits |= CONNECTION_REPLACED;
        rill__closed_add(streams, older);
    }
}

/* A segment whose turn has come. */
static void take_prepared(struct streams *streams, struct prepared *prepared) {
    const struct streams_packet *packet = &prepared->packet;
    enum streams_evidence evidence;
    uint32_t scope;
    uint8_t side;
    if (!streams->totals.tcp_packets++)
        streams->epoch = packet->when;
    if (packet->when < streams->newest)
        streams->totals.clock_steps++;
    else
        streams->newest = packet->when;
    if (streams->config.memory_max && streams->memory > streams->config.memory_max)
        rill__streams_make_room(streams);
    rill__closed_expire(streams, streams->newest);
    if (rill__sighting_check(streams, packet, prepared->sum, &evidence, &scope) &&
        count_sighting(streams, packet, evidence, scope))
        return;
    struct connection *connection = rill__streams_lookup(streams, prepared, &side);
    if (!connection)
        return;
    /* An established one ends by FIN or RST alone. */
    bool opening = !(connection->bits & CONNECTION_ESTABLISHED);
    bool may_end = opening || packet->flags & (WIRE_FIN | WIRE_RST);
    bool was_over = may_end && connection_is_over(connection);
    connection->heard = true;
    rill__streams_take(streams, connection, side, packet);
    if (may_end && !was_over && connection_is_over(connection))
        rill__closed_add(streams, connection);
    if (opening && connection->bits & CONNECTION_ESTABLISHED)
        replace_older(streams, connection);
    rill__asleep_some(streams);
}

static void take_until(struct streams *streams, uint64_t waiting) {
    while (streams->ahead_end - streams->ahead_first > waiting)
        take_prepared(streams, &streams->ahead[streams->ahead_first++ % AHEAD]);
}

static void prepare(struct streams *streams, struct prepared *prepared) {
    prepared->lower = rill__streams_key(&prepared->packet, &prepared->key);
    prepared->hash = rill__streams_hash(streams, &prepared->key);
    prepared->sum = rill__sighting_sum(&prepared->packet);
    rill__sighting_prefetch(streams, prepared->sum);
    hash_prefetch(&streams->index, prepared->hash);
    if (prepared->packet.flags & WIRE_SYN)
        rill__lives_prefetch(streams, prepared->hash);
}

enum { RECORD_AFTER = 3, ACTIVE_AFTER = 5 }; /* segments */
enum { FEW = 512 };                          /* open connections that stay in the caches anyway */

static bool are_many(const struct streams *streams) {
    uint64_t over = streams->closed_end - streams->closed_first;
    return streams->connections.used > over + FEW;
}

/* What comes in a few segments: first its record, then what hangs on it, each when what leads there
 * has come. */
static void prefetch_ahead(const struct streams *streams) {
    uint32_t index;
    uint64_t waiting = streams->ahead_end - streams->ahead_first;
    if (waiting > RECORD_AFTER) {
        uint32_t hash = streams->ahead[(streams->ahead_end - RECORD_AFTER) % AHEAD].hash;
        bool there = hash_peek(&streams->index, hash, &index);
        if (there && index & ASLEEP)
            rill__asleep_prefetch(streams, index);
        else if (there)
            prefetch_lines(slab_at(&streams->connections, index), sizeof(struct connection));
    }
    if (waiting > ACTIVE_AFTER) {
        uint32_t hash = streams->ahead[(streams->ahead_end - ACTIVE_AFTER) % AHEAD].hash;
        if (!hash_peek(&streams->index, hash, &index) || index & ASLEEP)
            return;
        const struct connection *connection = slab_at(&streams->connections, index);
        if (connection->active)
            prefetch_lines(connection->active, sizeof *connection->active);
    }
}

void rill__streams_frame(struct streams *streams, const struct streams_frame *frame) {
    struct prepared *prepared = &streams->ahead[streams->ahead_end % AHEAD];
    streams->totals.frames++;
    enum decap_result result = rill__decap(&streams->decap, frame, &prepared->packet);
    if (result != DECAP_TCP && result != DECAP_ICMP)
        return;
    if (is_unwanted(streams, &prepared->packet))
        return;
    if (in_other_shard(streams, &prepared->packet)) {
        streams->totals.other_shards++;
        return;
    }
    if (result == DECAP_ICMP) {
        struct streams_packet error = prepared->packet;
        take_until(streams, 0);
        take_icmp(streams, &error);
        return;
    }
    prepare(streams, prepared);
    streams->ahead_end++;
    /* Whoever watches segments wants each while its frame is at hand; a datagram put together from
     * fragments lies where the next one will. */
    bool waits = streams->config.frames_stay && !streams->config.segment &&
                 !streams->config.event && !streams->decap.reassembled;
    if (waits && are_many(streams))
        prefetch_ahead(streams);
    take_until(streams, waits ? AHEAD - 1 : 0);
}

void rill__streams_advance(struct streams *streams, rill_time now) {
    take_until(streams, 0);
    while (rill__closed_expire(streams, now)) {
    }
}

void rill__streams_settle(struct streams *streams) {
    take_until(streams, 0);
}

void rill__streams_finish(struct streams *streams) {
    take_until(streams, 0);
    rill__streams_put_all_away(streams);
}

void rill__streams_totals(const struct streams *streams, struct streams_totals *totals) {
    const struct decap *decap = &streams->decap;
    *totals = streams->totals;
    totals->not_tcp = decap->results[DECAP_OTHER];
    totals->unknown_link = decap->results[DECAP_LINK];
    totals->bad_headers = decap->results[DECAP_BAD];
    totals->cut_headers = decap->results[DECAP_CUT];
    totals->fragments = decap->fragments.fragments;
    totals->fragments_given_up = decap->fragments.given_up;
    totals->fragments_waiting = rill__fragments_waiting(&decap->fragments);
    totals->cut_payloads = decap->short_frames;
    totals->offload_frames = decap->jumbo_frames;
    totals->memory = streams->memory;
}

void rill__streams_scope_put(struct streams *streams, const struct scope *scope) {
    if (scope->count <= SCOPE_DEPTH)
        rill__scopes_find(&streams->decap.scopes, scope);
}

const struct scope *rill__streams_scope(const struct streams *streams, uint32_t number) {
    return rill__scopes_at(&streams->decap.scopes, number);
}

const uint64_t *rill__streams_fragment_frames(const struct streams *streams, uint32_t *count) {
    *count = streams->decap.reassembled ? streams->decap.fragments.frame_count : 0;
    return streams->decap.fragments.frames;
}
