/* streams/asleep.c: connections that nothing has been heard of for a while sleep: what is
 * remembered of them is packed into a fifth of its size, without loss, and unpacked when their next
 * packet comes. So the memory of a capture goes with what is open, at less than 300 bytes each, and
 * that of the rest with what is busy.
 *
 * Theory of operation. All but `awake_max` connections sleep. Who is to sleep is chosen by a clock:
 * a hand goes over the records, passes by those that had a packet since it came last, and takes the
 * others. Asleep is only what the index alone leads to: not what is over and waits to be put away,
 * nor one of several lives of a key. In the index its value is the handle of a piece on the shelf,
 * with the uppermost bit set.
 *
 * A piece is: a byte of bits; the endpoints; one bit for each field that is not zero; and those
 * fields, as numbers of variable length, most of them as the distance from a field that is likely
 * to be near; the buckets of round trips. */
#include "streams/connection.h"

#include "base/bytes.h"
#include <stddef.h>
#include <string.h>

enum {
    LOOKS = 3, /* at records, a packet: two for each that comes, one for those who cannot */
    LOOKS_FOR_NONE =
        2 * SLAB_CHUNK, /* when none is to stay awake: twice at each, if they are few */
    AWAKE = 32768,      /* if the config does not say */
    AWAKE_LEAST = 16,
    AWAKE_SHARE = 4096, /* of the memory there may be, one for so many bytes */
};

enum piece_bits {
    PIECE_USED = 1,
    PIECE_LONG = 2,  /* addresses are not IPv4's */
    PIECE_SCOPE = 4, /* there is a scope */
    PIECE_ACTIVE = 8,
    PIECE_HISTOGRAM = 16, /* and 32: of the other side */
};

enum part { CONNECTION, ACTIVE, STREAMS };

struct field {
    uint16_t offset, base; /* base: the field that it is likely to be near */
    uint8_t part, size;
    uint8_t base_part, base_size; /* 0: near zero */
};

#define SIZE_OF(type, member) sizeof(((type *)0)->member)
#define C(member)                                                                                  \
    { offsetof(struct connection, member), 0, CONNECTION, SIZE_OF(struct connection, member), 0, 0 }
#define C_NEAR(member, other)                                                                      \
    {                                                                                              \
        offsetof(struct connection, member), offsetof(struct connection, other), CONNECTION,       \
            SIZE_OF(struct connection, member), CONNECTION, SIZE_OF(struct connection, other)      \
    }
#define A(member)                                                                                  \
    { offsetof(struct active, member), 0, ACTIVE, SIZE_OF(struct active, member), 0, 0 }
#define A_NEAR(member, other)                                                                      \
    {                                                                                              \
        offsetof(struct active, member), offsetof(struct active, other), ACTIVE,                   \
            SIZE_OF(struct active, member), ACTIVE, SIZE_OF(struct active, other)                  \
    }
#define A_NEAR_C(member, other)                                                                    \
    {                                                                                              \
        offsetof(struct active, member), offsetof(struct connection, other), ACTIVE,               \
            SIZE_OF(struct active, member), CONNECTION, SIZE_OF(struct connection, other)          \
    }

#define STREAM(N)                                                                                  \
    C(streams[N].first), C_NEAR(streams[N].next, streams[N].first),                                \
        C_NEAR(streams[N].acked, streams[N].next), C_NEAR(streams[N].sample_at, last),             \
        C_NEAR(streams[N].sample_end, streams[N].next), C(streams[N].timestamp),                   \
        C_NEAR(streams[N].sample_timestamp, streams[N].timestamp), C(streams[N].window),           \
        C(streams[N].packets), C(streams[N].rtt_min), C(streams[N].mss),                           \
        C(streams[N].identification), C(streams[N].bits), C(streams[N].scale),                     \
        C(streams[N].id_order), C(streams[N].has_scale)

#define COUNTS(N)                                                                                  \
    A(counts[N].resent_bytes), A(counts[N].missing_bytes), A(counts[N].lost_bytes),                \
        A(counts[N].conflicting_bytes), A(counts[N].uncompared_bytes), A(counts[N].payload_bytes), \
        A(counts[N].cut_bytes), A(counts[N].holes_given_up), A(counts[N].data_segments),           \
        A(counts[N].resent_segments), A(counts[N].spurious_segments),                              \
        A(counts[N].repaired_segments), A(counts[N].reordered_segments),                           \
        A(counts[N].duplicate_sightings), A(counts[N].zero_windows), A(counts[N].window_probes),   \
        A(counts[N].keepalives), A(counts[N].syn_bytes),                                           \
        A_NEAR_C(counts[N].window_max, streams[N].window), A(counts[N].flight_max)

#define SENDER(N)                                                                                  \
    A_NEAR_C(senders[N].recover, streams[N].next),                                                 \
        A_NEAR_C(senders[N].round_end, streams[N].next), A(senders[N].round_flight),               \
        A(senders[N].round_before), A_NEAR_C(senders[N].echo_acked, streams[N].acked),             \
        A(senders[N].flight_echo), A_NEAR_C(senders[N].rtt, streams[N].rtt_min),                   \
        A(senders[N].dup_acks), A(senders[N].last_length), A_NEAR_C(senders[N].data_at, last),     \
        A_NEAR_C(senders[N].acked_at, last), A_NEAR(senders[N].heard_at, senders[N].acked_at),     \
        A_NEAR_C(senders[N].repaired_at, last), A(senders[N].needed), A(senders[N].echo_known),    \
        A(senders[N].probed), A_NEAR_C(senders[N].probed_end, streams[N].next),                    \
        A(senders[N].clocked), A(senders[N].tentative_ns_hi), A(senders[N].tentative_ns_lo),       \
        A_NEAR_C(senders[N].short_end, streams[N].next),                                           \
        A_NEAR_C(senders[N].acked_then, streams[N].acked),                                         \
        A_NEAR(senders[N].paused_ns, senders[N].tentative_ns_lo), A(senders[N].pushed),            \
        A(senders[N].push_pauses)

#define SIDE(N)                                                                                    \
    A(resent[N]), A(holes[N]), A(hole_count[N]), A(hole_room[N]), A(resent_at[N]),                 \
        A(in_zero_window[N]), A(history[N])

#define BLAME(N) A(blame[N]), A_NEAR_C(evidence[N], last_frame), A_NEAR(longest[N], blame[N])

_Static_assert(STREAMS_BLAME_COUNT == 11, "each has its row below");

static const struct field fields[] = {
    C(number),
    {offsetof(struct connection, start), offsetof(struct streams, epoch), CONNECTION,
     SIZE_OF(struct connection, start), STREAMS, SIZE_OF(struct streams, epoch)},
    C_NEAR(last, start),
    C(handshake_rtt),
    C(first_frame),
    C_NEAR(last_frame, first_frame),
    C(first_record),
    C_NEAR(handshake_ns, handshake_rtt),
    C(silent_ns),
    C(incarnation),
    C(bits),
    C(closed_by),
    C(rejected_syns),
    C(icmp_errors),
    C(completeness),
    C(scale_offered),
    STREAM(0),
    STREAM(1),
#define CONNECTION_FIELDS 48 /* those above */
    COUNTS(0),
    COUNTS(1),
    SENDER(0),
    SENDER(1),
    SIDE(0),
    SIDE(1),
    A(last_data_side),
    BLAME(0),
    BLAME(1),
    BLAME(2),
    BLAME(3),
    BLAME(4),
    BLAME(5),
    BLAME(6),
    BLAME(7),
    BLAME(8),
    BLAME(9),
    BLAME(10),
    A(wait_ns),
    A_NEAR_C(wait_frame, last_frame),
};
enum { FIELDS = sizeof fields / sizeof *fields };
_Static_assert(sizeof(void *) != 8 || sizeof(struct connection) == 272,
               "another field needs a row above");
_Static_assert(sizeof(void *) != 8 || sizeof(struct active) == 904,
               "another field needs a row above");

enum {
    NUMBER_MOST = 9, /* bytes */
    PIECE_MOST = 1 + 36 + 4 + (FIELDS + 7) / 8 + FIELDS * NUMBER_MOST +
                 2 * (1 + RTT_FIRST + 1 + RTT_BUCKETS * (1 + NUMBER_MOST)) + 8,
};

static uint64_t load(const uint8_t *at, unsigned size) {
    uint8_t one;
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    switch (size) {
    case 1:
        memcpy(&one, at, 1);
        return one;
    case 2:
        memcpy(&two, at, 2);
        return two;
    case 4:
        memcpy(&four, at, 4);
        return four;
    default:
        memcpy(&eight, at, 8);
        return eight;
    }
}

static void store(uint8_t *at, unsigned size, uint64_t value) {
    uint8_t one = (uint8_t)value;
    uint16_t two = (uint16_t)value;
    uint32_t four = (uint32_t)value;
    switch (size) {
    case 1:
        memcpy(at, &one, 1);
        return;
    case 2:
        memcpy(at, &two, 2);
        return;
    case 4:
        memcpy(at, &four, 4);
        return;
    default:
        memcpy(at, &value, 8);
    }
}

/* Seven bits a byte: the zeros below the lowest one of the first byte tell how many bytes follow;
 * eight of them, that eight do. */
static uint8_t *put_number(uint8_t *at, uint64_t value) {
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1), bytes = (bits + 6) / 7;
    if (bytes > 8) {
        *at++ = 0;
        bytes = 8;
    } else {
        value = (value << 1 | 1) << (bytes - 1);
    }
    bytes_put64_little(at, value); /* there is room for eight */
    return at + bytes;
}

static const uint8_t *get_number(const uint8_t *at, uint64_t *value) {
    if (!*at) {
        *value = bytes_get64_little(at + 1);
        return at + 9;
    }
    unsigned bytes = (unsigned)__builtin_ctz(*at) + 1;
    uint64_t raw = bytes_get64_little(at);
    *value = (bytes < 8 ? raw & ((UINT64_C(1) << 8 * bytes) - 1) : raw) >> bytes;
    return at + bytes;
}

/* Distances of either sign, the small ones as small numbers. */
static uint64_t fold(uint64_t distance, unsigned size) {
    int64_t signed_ = size == 4 ? (int32_t)(uint32_t)distance : (int64_t)distance;
    return (uint64_t)signed_ << 1 ^ (uint64_t)(signed_ >> 63);
}

static uint64_t unfold(uint64_t folded) {
    return folded >> 1 ^ (0 - (folded & 1));
}

/* What IPv4 addresses begin with (RFC 4291 §2.5.5.2) is left out. */
static const uint8_t ipv4_prefix[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_short(const struct connection_key *key) {
    return memcmp(key->addresses[0].bytes, ipv4_prefix, sizeof ipv4_prefix) == 0 &&
           memcmp(key->addresses[1].bytes, ipv4_prefix, sizeof ipv4_prefix) == 0;
}

static uint8_t *put_key(uint8_t *at, const struct connection_key *key) {
    size_t left_out = is_short(key) ? sizeof ipv4_prefix : 0;
    size_t kept = sizeof key->addresses[0].bytes - left_out;
    for (unsigned i = 0; i < 2; i++) {
        memcpy(at, key->addresses[i].bytes + left_out, kept);
        at += kept;
    }
    memcpy(at, key->ports, sizeof key->ports);
    at += sizeof key->ports;
    if (key->scope) {
        memcpy(at, &key->scope, sizeof key->scope);
        at += sizeof key->scope;
    }
    return at;
}

static const uint8_t *get_key(const uint8_t *piece, struct connection_key *key) {
    const uint8_t *at = piece + 1;
    size_t left_out = *piece & PIECE_LONG ? 0 : sizeof ipv4_prefix;
    size_t kept = sizeof key->addresses[0].bytes - left_out;
    for (unsigned i = 0; i < 2; i++) {
        memcpy(key->addresses[i].bytes, ipv4_prefix, left_out);
        memcpy(key->addresses[i].bytes + left_out, at, kept);
        at += kept;
    }
    memcpy(key->ports, at, sizeof key->ports);
    at += sizeof key->ports;
    key->scope = 0;
    if (*piece & PIECE_SCOPE) {
        memcpy(&key->scope, at, sizeof key->scope);
        at += sizeof key->scope;
    }
    return at;
}

static uint8_t *put_fields(const struct streams *streams, uint8_t *at,
                           const struct connection *connection) {
    const uint8_t *parts[] = {(const uint8_t *)connection, (const uint8_t *)connection->active,
                              (const uint8_t *)streams};
    unsigned count = connection->active ? FIELDS : CONNECTION_FIELDS;
    uint8_t *bits = at;
    at += (count + 7) / 8;
    memset(bits, 0, (count + 7) / 8);
    for (unsigned i = 0; i < count; i++) {
        const struct field *field = &fields[i];
        uint64_t value = load(parts[field->part] + field->offset, field->size);
        if (!value)
            continue;
        bits[i / 8] |= (uint8_t)(1u << i % 8);
        if (field->base_size)
            value = fold(value - load(parts[field->base_part] + field->base, field->base_size),
                         field->size);
        at = put_number(at, value);
    }
    return at;
}

static const uint8_t *get_fields(const struct streams *streams, const uint8_t *at,
                                 struct connection *connection) {
    uint8_t *parts[] = {(uint8_t *)connection, (uint8_t *)connection->active};
    const uint8_t *bases[] = {parts[CONNECTION], parts[ACTIVE], (const uint8_t *)streams};
    unsigned count = connection->active ? FIELDS : CONNECTION_FIELDS;
    const uint8_t *bits = at;
    at += (count + 7) / 8;
    for (unsigned byte = 0; byte < (count + 7) / 8; byte++) {
        for (unsigned left = bits[byte]; left; left &= left - 1) {
            const struct field *field = &fields[8 * byte + (unsigned)__builtin_ctz(left)];
            uint64_t value;
            at = get_number(at, &value);
            if (field->base_size)
                value =
                    unfold(value) + load(bases[field->base_part] + field->base, field->base_size);
            store(parts[field->part] + field->offset, field->size, value);
        }
    }
    return at;
}

static uint8_t *put_round_trips(uint8_t *at, const struct rtt_samples *samples) {
    *at++ = samples->count;
    memcpy(at, samples->first, samples->count);
    at += samples->count;
    if (!samples->histogram)
        return at;
    uint8_t *count = at++;
    *count = 0;
    for (unsigned i = 0; i < RTT_BUCKETS; i++) {
        if (!samples->histogram->buckets[i])
            continue;
        ++*count;
        *at++ = (uint8_t)i;
        at = put_number(at, samples->histogram->buckets[i]);
    }
    return at;
}

static const uint8_t *get_round_trips(const uint8_t *at, struct rtt_samples *samples) {
    samples->count = *at++;
    memcpy(samples->first, at, samples->count);
    at += samples->count;
    if (!samples->histogram)
        return at;
    for (unsigned count = *at++; count; count--) {
        uint64_t value;
        unsigned bucket = *at++;
        at = get_number(at, &value);
        samples->histogram->buckets[bucket] = (uint16_t)value;
    }
    return at;
}

static size_t pack(const struct streams *streams, const struct connection *connection,
                   uint8_t *piece) {
    const struct active *active = connection->active;
    uint8_t *at = put_key(piece + 1, &connection->key);
    *piece = (uint8_t)(PIECE_USED | (is_short(&connection->key) ? 0 : PIECE_LONG) |
                       (connection->key.scope ? PIECE_SCOPE : 0) | (active ? PIECE_ACTIVE : 0));
    at = put_fields(streams, at, connection);
    for (unsigned side = 0; active && side < 2; side++) {
        if (active->rtts[side].histogram)
            *piece |= (uint8_t)(PIECE_HISTOGRAM << side);
        at = put_round_trips(at, &active->rtts[side]);
    }
    return (size_t)(at - piece);
}

/* Into memory that is zero, with what hangs on it. */
static void unpack(const struct streams *streams, const uint8_t *piece,
                   struct connection *connection) {
    const uint8_t *at = get_fields(streams, get_key(piece, &connection->key), connection);
    for (unsigned side = 0; connection->active && side < 2; side++)
        at = get_round_trips(at, &connection->active->rtts[side]);
    connection->hash = rill__streams_hash(streams, &connection->key);
    connection->older = SLAB_NONE;
}

static uint8_t *piece_at(const struct streams *streams, uint32_t value) {
    return rill__shelf_at(&streams->shelf, value & ~ASLEEP);
}

bool rill__asleep_is(const struct streams *streams, uint32_t value,
                     const struct connection_key *key) {
    struct connection_key own;
    get_key(piece_at(streams, value), &own);
    return memcmp(&own, key, sizeof own) == 0;
}

void rill__asleep_prefetch(const struct streams *streams, uint32_t value) {
    enum { USUAL = 256 };
    prefetch_lines(piece_at(streams, value), USUAL);
}

/* What is not to be had is left out, and then there is nothing to unpack into. */
static bool obtain(struct streams *streams, unsigned bits, struct connection *connection) {
    if (!(bits & PIECE_ACTIVE))
        return true;
    struct active *active = rill__streams_allocate(streams, sizeof *active);
    if (!active)
        return false;
    memset(active, 0, sizeof *active);
    connection->active = active;
    for (unsigned side = 0; side < 2; side++) {
        if (!(bits & (unsigned)PIECE_HISTOGRAM << side))
            continue;
        active->rtts[side].histogram =
            rill__streams_allocate(streams, sizeof(struct rtt_histogram));
        if (!active->rtts[side].histogram)
            return false;
        memset(active->rtts[side].histogram, 0, sizeof(struct rtt_histogram));
    }
    return true;
}

struct connection *rill__asleep_wake(struct streams *streams, uint32_t value) {
    uint8_t *piece = piece_at(streams, value);
    uint32_t index;
    struct connection *connection = rill__slab_open(&streams->connections, &index);
    if (!connection || !obtain(streams, *piece, connection)) {
        streams->totals.out_of_memory++;
        if (!connection)
            return 0;
        rill__streams_release_active(streams, connection);
        rill__slab_close(&streams->connections, index);
        return 0;
    }
    unpack(streams, piece, connection);
    connection->index = index;
    rill__hash_replace(&streams->index, connection->hash, value, index);
    rill__shelf_take(&streams->shelf, value & ~ASLEEP);
    return connection;
}

/* What has gone leaves holes of many sizes: a page with many of them is emptied now and then. */
static void tidy_up(struct streams *streams) {
    uint32_t first = rill__shelf_sparse(&streams->shelf), other;
    if (first == SHELF_NONE)
        return;
    for (uint32_t handle = first;; handle++) {
        handle = rill__shelf_next(&streams->shelf, handle);
        if (handle / SHELF_SLOTS != first / SHELF_SLOTS)
            return;
        struct connection_key key;
        get_key(rill__shelf_at(&streams->shelf, handle), &key);
        if (!rill__shelf_move(&streams->shelf, handle, &other))
            return;
        rill__hash_replace(&streams->index, rill__streams_hash(streams, &key), handle | ASLEEP,
                           other | ASLEEP);
    }
}

/* Whether the index leads to it; to one of an older life another one does. */
static bool is_newest(const struct streams *streams, const struct connection *connection) {
    struct hash_cursor cursor = hash_look(&streams->index, connection->hash);
    uint32_t value;
    while (hash_next(&cursor, &value))
        if (value == connection->index)
            return true;
    return false;
}

static void put_to_sleep(struct streams *streams, struct connection *connection) {
    uint8_t packed[PIECE_MOST];
    uint32_t handle;
    struct active *active = connection->active;
    for (unsigned side = 0; active && side < 2; side++)
        if (!rill__history_knows(streams, active->history[side]))
            active->history[side] = 0;
    size_t size = pack(streams, connection, packed);
    uint8_t *piece = size <= SHELF_MOST ? rill__shelf_put(&streams->shelf, size, &handle) : 0;
    if (!piece)
        return;
    memcpy(piece, packed, size);
    rill__hash_replace(&streams->index, connection->hash, connection->index, handle | ASLEEP);
    /* Histograms lie in the piece; holes and what was sent again stay where they are. */
    rill__streams_release_account(streams, connection);
    rill__slab_close(&streams->connections, connection->index);
    tidy_up(streams);
}

void rill__asleep_init(struct streams *streams) {
    uint64_t most = streams->config.awake_max ? streams->config.awake_max : AWAKE;
    uint64_t share = streams->config.memory_max / AWAKE_SHARE;
    if (streams->config.memory_max && most > share)
        most = share > AWAKE_LEAST ? share : AWAKE_LEAST;
    streams->awake_max = streams->config.awake_max == STREAMS_AWAKE_NONE ? 0 : (uint32_t)most;
    rill__shelf_init(&streams->shelf, &streams->counted);
}

static uint32_t after(const struct streams *streams, uint32_t hand, uint32_t steps) {
    uint32_t end = slab_end(&streams->connections);
    return hand + steps < end ? hand + steps : hand + steps - end;
}

/* What the hand will come by soon has not been looked at for long: first its record, then what
 * hangs on it. */
static void prefetch_next(const struct streams *streams) {
    enum { ACTIVE_AFTER = 4, RECORD_AFTER = 8 };
    if (slab_end(&streams->connections) <= RECORD_AFTER)
        return;
    uint32_t record = after(streams, streams->sleep_hand, RECORD_AFTER),
             soon = after(streams, streams->sleep_hand, ACTIVE_AFTER);
    if (slab_in_use(&streams->connections, record))
        prefetch_lines(slab_at(&streams->connections, record), sizeof(struct connection));
    if (!slab_in_use(&streams->connections, soon))
        return;
    const struct connection *connection = slab_at(&streams->connections, soon);
    hash_prefetch(&streams->index, connection->hash);
    if (connection->active)
        prefetch_lines(connection->active, sizeof *connection->active);
}

void rill__asleep_some(struct streams *streams) {
    uint64_t waiting = streams->closed_end - streams->closed_first;
    unsigned most = streams->awake_max ? LOOKS : LOOKS_FOR_NONE;
    for (unsigned looks = 0;
         looks < most && streams->connections.used > streams->awake_max + waiting; looks++) {
        streams->sleep_hand = after(streams, streams->sleep_hand, 1);
        prefetch_next(streams);
        if (!slab_in_use(&streams->connections, streams->sleep_hand))
            continue;
        struct connection *one = slab_at(&streams->connections, streams->sleep_hand);
        if (one->heard) {
            one->heard = false;
            continue;
        }
        if (one->older == SLAB_NONE && !connection_is_over(one) &&
            !(one->bits & (CONNECTION_ALIAS | CONNECTION_TENTATIVE)) && is_newest(streams, one))
            put_to_sleep(streams, one);
    }
}

/* Unpacked beside the others, to be looked at. */
struct copy {
    struct connection connection;
    struct active active;
    struct rtt_histogram histograms[2];
};

static struct connection *copy_of(const struct streams *streams, uint32_t handle,
                                  struct copy *copy) {
    const uint8_t *piece = rill__shelf_at(&streams->shelf, handle);
    memset(copy, 0, sizeof *copy);
    if (*piece & PIECE_ACTIVE)
        copy->connection.active = &copy->active;
    for (unsigned side = 0; side < 2; side++)
        if (*piece & PIECE_HISTOGRAM << side)
            copy->active.rtts[side].histogram = &copy->histograms[side];
    unpack(streams, piece, &copy->connection);
    return &copy->connection;
}

void rill__asleep_each(const struct streams *streams, void *context,
                       void (*each)(void *context, const struct connection *connection)) {
    struct copy copy;
    uint32_t handle = rill__shelf_next(&streams->shelf, 0);
    for (; handle != SHELF_NONE; handle = rill__shelf_next(&streams->shelf, handle + 1))
        each(context, copy_of(streams, handle, &copy));
}

bool rill__asleep_put_away(struct streams *streams, bool given_up) {
    struct copy copy;
    uint32_t handle = rill__shelf_next(&streams->shelf, streams->shelf_hand);
    if (handle == SHELF_NONE)
        handle = rill__shelf_next(&streams->shelf, 0);
    if (handle == SHELF_NONE)
        return false;
    streams->shelf_hand = handle;
    struct connection *connection = copy_of(streams, handle, &copy);
    if (given_up) {
        connection->bits |= CONNECTION_GIVEN_UP;
        streams->totals.connections_given_up++;
    }
    rill__streams_hand_out(streams, connection);
    rill__hash_remove(&streams->index, connection->hash, handle | ASLEEP);
    rill__lives_note(streams, &connection->key, connection->hash, connection->incarnation);
    if (connection->active)
        rill__streams_release_parts(streams, connection->active);
    rill__shelf_take(&streams->shelf, handle);
    return true;
}
