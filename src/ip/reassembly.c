/* ip/reassembly.c: fragments back into datagrams (RFC 791 §3.2, RFC 8200 §4.5).
 *
 * Parts of a datagram are found by addresses, protocol and identification. Overlapping parts give
 * the whole datagram up (RFC 5722 §4, applied to IPv4 too); an exact repetition is ignored. Bounds:
 * BYTES_MAX of blocks held (less where the stack's budget is small) and SETS_MAX datagrams, the
 * oldest goes first; PARTS_MAX parts each; 30 s, after which one is given up and its sender told.
 * An attacker can fill this table, and nothing else. */
#include "base/hash.h"
#include "base/slab.h"
#include "base/util.h"
#include "ip/icmp.h"
#include "packet/pool.h"
#include "packet/segment.h"
#include <string.h>

#define BYTES_MAX (4u << 20)
#define SETS_MAX 256
#define PARTS_MAX 256
#define LIFETIME (30 * RILL_SECOND)
#define PACKET_CHARGE 768 /* of the packet itself: the same whatever a pointer is */
_Static_assert(sizeof(struct rill_packet) <= PACKET_CHARGE, "a part is charged what it takes");

struct key {
    struct rill_address source, destination;
    uint32_t id;
    uint8_t protocol; /* 0 for IPv6, whose first part alone says it */
};

struct part {
    struct part *next;
    struct rill_packet *packet; /* its bytes */
    uint32_t from, offset, length, charge, index;
};

struct set {
    struct core_timer timer;
    struct key key;
    struct set *older, *newer;
    struct part *parts;                  /* by offset */
    struct ip_datagram header;           /* of the part at offset 0 */
    uint32_t index, count, bytes, total; /* total: 0 until the last part has come */
    bool has_first;
};

struct ip_reassembly {
    struct ip_host *host;
    struct slab sets, parts;
    struct hash hash;
    struct siphash_key hash_key;
    struct set *oldest, *newest;
    uint32_t held;
};

static uint32_t tag(const struct ip_reassembly *table, const struct key *key) {
    uint8_t bytes[37];
    memcpy(bytes, key->source.bytes, 16);
    memcpy(bytes + 16, key->destination.bytes, 16);
    for (int i = 0; i < 4; i++)
        bytes[32 + i] = (uint8_t)(key->id >> (8 * i));
    bytes[36] = key->protocol;
    return (uint32_t)rill__siphash(&table->hash_key, bytes, sizeof bytes);
}

static bool equal(const void *context, uint32_t value, const void *key) {
    const struct ip_reassembly *table = (const struct ip_reassembly *)context;
    const struct set *set = (const struct set *)slab_at(&table->sets, value);
    const struct key *a = (const struct key *)&set->key, *b = (const struct key *)key;
    return a->id == b->id && a->protocol == b->protocol &&
           rill_address_equal(&a->source, &b->source) &&
           rill_address_equal(&a->destination, &b->destination);
}

static void drop_part(struct ip_reassembly *table, struct part *part) {
    table->held -= part->charge;
    table->host->core->memory_held -= part->charge;
    rill_packet_drop(part->packet);
    rill__slab_close(&table->parts, part->index);
}

static void drop_set(struct ip_reassembly *table, struct set *set) {
    while (set->parts) {
        struct part *part = set->parts;
        set->parts = part->next;
        drop_part(table, part);
    }
    if (set->older)
        set->older->newer = set->newer;
    else
        table->oldest = set->newer;
    if (set->newer)
        set->newer->older = set->older;
    else
        table->newest = set->older;
    rill__wheel_disarm(&table->host->core->wheel, &set->timer.entry);
    rill__hash_remove(&table->hash, tag(table, &set->key), set->index);
    rill__slab_close(&table->sets, set->index);
}

/* RFC 1122 §3.3.2, RFC 8200 §4.5: the sender is told, if the part that says who he is has come. */
static void tell_sender(struct ip_reassembly *table, const struct set *set) {
    if (!set->has_first)
        return;
    struct ip_datagram first = set->header;
    struct rill_packet *packet = set->parts->packet; /* ours: its header goes before its bytes */
    uint32_t header = first.network->header_length + first.network->fragment_header;
    first.is_fragment = first.more_fragments = true;
    first.length = set->parts->length;
    packet->header_offset = (uint16_t)(packet->header_offset - header);
    packet->header_length = (uint16_t)header;
    packet->length += header;
    first.network->emit(&first, packet->headroom + packet->header_offset);
    first.packet = packet;
    first.header_length = header;
    first.data = packet->slices[0].data;
    first.contiguous = set->parts->length;
    rill__icmp_unreachable(table->host, &first, IP_ERROR_FRAGMENTS);
}

static void expired(void *context, struct core_timer *timer) {
    (void)context;
    struct set *set = RILL_CONTAINER(timer, struct set, timer);
    struct ip_reassembly *table = set->header.interface->host->reassembly;
    rill__core_drop(table->host->core, RILL_DROP_IP_REASSEMBLY_TIMEOUT);
    tell_sender(table, set);
    drop_set(table, set);
}

static struct ip_reassembly *table_of(struct ip_host *host) {
    if (host->reassembly)
        return host->reassembly;
    struct ip_reassembly *table =
        (struct ip_reassembly *)rill__core_allocate(host->core, sizeof *table);
    if (!table)
        return 0;
    memset(table, 0, sizeof *table);
    table->host = host;
    table->hash_key.k0 = rill__random_next(&host->core->random);
    table->hash_key.k1 = rill__random_next(&host->core->random);
    rill__slab_init(&table->sets, &host->core->allocator, sizeof(struct set), SETS_MAX + 1);
    rill__slab_init(&table->parts, &host->core->allocator, sizeof(struct part),
                    SETS_MAX * PARTS_MAX);
    rill__hash_init(&table->hash, &host->core->allocator);
    host->reassembly = table;
    return table;
}

static void fini(struct ip_host *host) {
    struct ip_reassembly *table = host->reassembly;
    if (!table)
        return;
    while (table->oldest)
        drop_set(table, table->oldest);
    rill__slab_fini(&table->sets);
    rill__slab_fini(&table->parts);
    rill__hash_fini(&table->hash);
    rill__core_release(host->core, table, sizeof *table);
    host->reassembly = 0;
}

static struct set *set_of(struct ip_reassembly *table, const struct ip_datagram *fragment) {
    struct key key = {fragment->source, fragment->destination, fragment->fragment_id,
                      fragment->network->version == 4 ? fragment->protocol : (uint8_t)0};
    uint32_t index;
    if (rill__hash_find(&table->hash, tag(table, &key), equal, table, &key, &index))
        return (struct set *)slab_at(&table->sets, index);
    if (table->sets.used >= SETS_MAX)
        drop_set(table, table->oldest);
    struct set *set = (struct set *)rill__slab_open(&table->sets, &index);
    if (!set)
        return 0;
    if (!rill__hash_insert(&table->hash, tag(table, &key), index)) {
        rill__slab_close(&table->sets, index);
        return 0;
    }
    set->key = key;
    set->index = index;
    set->header = *fragment;
    set->older = table->newest;
    if (table->newest)
        table->newest->newer = set;
    else
        table->oldest = set;
    table->newest = set;
    set->timer.expire = expired;
    rill__wheel_arm(&table->host->core->wheel, &set->timer.entry,
                    table->host->core->now + LIFETIME);
    return set;
}

/* Where the part belongs; false if it overlaps what is there. `*repeats`: it is there already. */
static bool find_place(struct set *set, uint32_t offset, uint32_t length, struct part ***place,
                       bool *repeats) {
    struct part **at = &set->parts;
    *repeats = false;
    while (*at && (*at)->offset + (*at)->length <= offset)
        at = &(*at)->next;
    *place = at;
    if (!*at || offset + length <= (*at)->offset)
        return true;
    *repeats = (*at)->offset == offset && (*at)->length == length;
    return *repeats;
}

/* The fragment's own bytes in a packet of ours: a copy if its block is much larger than they are.
 */
static struct rill_packet *keep(struct ip_host *host, const struct ip_datagram *fragment,
                                uint32_t *charge) {
    uint8_t *data;
    struct rill_packet *packet =
        rill__packet_open_filled(host->core->pool, fragment->length, &data);
    if (!packet)
        return 0;
    rill__packet_copy(fragment->packet, fragment->header_length, data, fragment->length);
    *charge = (uint32_t)(rill_block_capacity(packet->slices[0].block) + PACKET_CHARGE);
    return packet;
}

static enum rill_drop add_part(struct ip_reassembly *table, struct set *set,
                               const struct ip_datagram *fragment, struct part **place) {
    uint32_t index;
    if (set->count >= PARTS_MAX)
        return RILL_DROP_IP_FRAGMENT;
    struct part *part = (struct part *)rill__slab_open(&table->parts, &index);
    if (!part)
        return RILL_DROP_NO_MEMORY;
    part->index = index;
    part->packet = keep(table->host, fragment, &part->charge);
    if (!part->packet) {
        rill__slab_close(&table->parts, index);
        return RILL_DROP_NO_MEMORY;
    }
    part->offset = fragment->fragment_offset;
    part->length = fragment->length;
    part->next = *place;
    *place = part;
    table->held += part->charge;
    table->host->core->memory_held += part->charge;
    set->count++;
    set->bytes += part->length;
    if (part->offset == 0) {
        set->header = *fragment;
        set->has_first = true;
    }
    return RILL_DROP_NONE;
}

/* All parts are there: one packet with an IP header as if it had never been cut. */
static struct rill_packet *join(struct ip_reassembly *table, struct set *set) {
    const struct rill_network_ops *network = set->header.network;
    uint32_t header = network->header_length;
    uint8_t *data;
    struct rill_packet *packet =
        rill__packet_open_filled(table->host->core->pool, header + set->total, &data);
    if (!packet)
        return 0;
    struct ip_datagram whole = set->header;
    whole.is_fragment = whole.more_fragments = false;
    whole.length = set->total;
    network->emit(&whole, data);
    for (const struct part *part = set->parts; part; part = part->next)
        memcpy(data + header + part->offset, part->packet->slices[0].data, part->length);
    return packet;
}

static void deliver(struct ip_reassembly *table, struct set *set) {
    struct ip_host *host = table->host;
    struct rill_packet *packet = join(table, set);
    struct ip_datagram whole = {.packet = packet,
                                .interface = set->header.interface,
                                .network = set->header.network,
                                .to_group = set->header.to_group};
    drop_set(table, set);
    if (!packet) {
        rill__core_drop(host->core, RILL_DROP_NO_MEMORY);
        return;
    }
    /* RFC 8200 §4.5: behind the fragment header more headers may come, in parts too. */
    const uint8_t *data = packet->slices[0].data;
    enum rill_drop drop = whole.network->parse(data, packet->length, packet->length, &whole);
    whole.data = data + whole.header_length;
    whole.contiguous = whole.length;
    if (!drop && whole.is_fragment)
        drop = RILL_DROP_IP_EXTENSION; /* of a fragment: RFC 8200 §4.5 knows no such thing */
    if (!drop)
        rill__ip_deliver(host, &whole);
    else
        rill__core_drop(host->core, drop);
    if (drop && whole.problem)
        rill__icmp_unreachable(host, &whole, IP_ERROR_PARAMETER);
    rill_packet_drop(packet);
}

/* What the fragment says of itself must be possible: else an IPv6 sender is told where it is not
 * (RFC 8200 §4.5). */
static bool possible(struct ip_host *host, struct ip_datagram *fragment) {
    bool ipv4 = fragment->network->version == 4;
    uint32_t end = fragment->fragment_offset + fragment->length;
    bool uneven = fragment->more_fragments && fragment->length % 8;
    bool too_long = end > 65535u - (ipv4 ? 20 : 0);
    fragment->problem = !ipv4 && (uneven || too_long); /* code 0, plus 1 */
    fragment->problem_at = uneven ? 4 : fragment->header_length - 6;
    if (fragment->problem)
        rill__icmp_unreachable(host, fragment, IP_ERROR_PARAMETER);
    return fragment->length && !uneven && !too_long;
}

/* And agree with what others have said. */
static bool plausible(const struct set *set, const struct ip_datagram *fragment) {
    uint32_t end = fragment->fragment_offset + fragment->length;
    if (fragment->more_fragments)
        return !set->total || end < set->total;
    if (set->total)
        return set->total == end;
    for (const struct part *part = set->parts; part; part = part->next)
        if (part->offset + part->length > end)
            return false;
    return true;
}

/* An eighth of the stack's budget at most, and nothing of what others have left of it: fragments
 * that nobody completes may not keep connections from receiving. */
static bool too_much(const struct ip_reassembly *table) {
    const struct core *core = table->host->core;
    return table->held > RILL_MIN((uint64_t)BYTES_MAX, core->memory_limit / 8) ||
           core->memory_held > core->memory_limit;
}

static void reassemble(struct ip_host *host, struct ip_datagram *fragment) {
    if (!possible(host, fragment)) {
        rill__core_drop(host->core, RILL_DROP_IP_FRAGMENT_OVERLAP);
        return;
    }
    struct ip_reassembly *table = table_of(host);
    struct set *set = table ? set_of(table, fragment) : 0;
    if (!set) {
        rill__core_drop(host->core, RILL_DROP_NO_MEMORY);
        return;
    }
    struct part **place;
    bool repeats = false;
    if (!plausible(set, fragment) ||
        !find_place(set, fragment->fragment_offset, fragment->length, &place, &repeats)) {
        rill__core_drop(host->core, RILL_DROP_IP_FRAGMENT_OVERLAP);
        drop_set(table, set);
        return;
    }
    if (repeats)
        return;
    enum rill_drop drop = add_part(table, set, fragment, place);
    if (drop) {
        rill__core_drop(host->core, drop);
        drop_set(table, set);
        return;
    }
    if (!fragment->more_fragments)
        set->total = fragment->fragment_offset + fragment->length;
    if (set->total && set->bytes == set->total && set->has_first)
        deliver(table, set);
    while (table->oldest && too_much(table))
        drop_set(table, table->oldest);
}

const struct rill_fragment_ops rill_fragments = {
    .reassemble = reassemble,
    .cut = rill__ip_fragment,
    .fini = fini,
};
