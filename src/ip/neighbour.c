/* ip/neighbour.c: the cache of neighbours and its states (RFC 4861 §7.3), for both families: ARP
 * gives no advertisements unasked that prove reachability, so its entries live the same life.
 *
 *   INCOMPLETE  asked, no answer yet; packets wait (the oldest goes when there are too many)
 *   REACHABLE   an answer to us, less than about 30 s ago
 *   STALE       older, or told unasked; used as it is, but the first use starts
 *   DELAY       5 s in which traffic may still show nothing, then
 *   PROBE       asked directly; three times in vain, and the entry goes
 *
 * Bounds: NEIGHBOURS_MAX entries an interface, the least recently used goes first;
 * NEIGHBOUR_PENDING_MAX packets each, NEIGHBOUR_PENDING_BYTES in all. Who floods us with addresses
 * pushes out entries, and nothing else. */
#include "ip/neighbour.h"

#include "base/util.h"
#include "wire/ethernet.h"
#include <string.h>

#define RETRANSMIT RILL_SECOND
#define DELAY_FIRST_PROBE (5 * RILL_SECOND)
#define REACHABLE_BASE (30 * RILL_SECOND)
#define PROBES_MAX 3

static struct core *core_of(const struct ip_interface *interface) {
    return interface->host->core;
}

static uint32_t tag(const struct ip_neighbours *table, const struct rill_address *address) {
    return (uint32_t)rill__siphash(&table->key, address->bytes, sizeof address->bytes);
}

static bool equal(const void *context, uint32_t value, const void *key) {
    const struct ip_neighbours *table = (const struct ip_neighbours *)context;
    const struct neighbour *neighbour = (const struct neighbour *)slab_at(&table->slab, value);
    return (const struct rill_address *)rill_address_equal(&neighbour->address,
                                                           (const struct rill_address *)key);
}

static void unlink_use(struct ip_neighbours *table, struct neighbour *neighbour) {
    if (neighbour->older)
        neighbour->older->newer = neighbour->newer;
    else
        table->oldest = neighbour->newer;
    if (neighbour->newer)
        neighbour->newer->older = neighbour->older;
    else
        table->newest = neighbour->older;
}

static void link_use(struct ip_neighbours *table, struct neighbour *neighbour) {
    neighbour->newer = 0;
    neighbour->older = table->newest;
    if (table->newest)
        table->newest->newer = neighbour;
    else
        table->oldest = neighbour;
    table->newest = neighbour;
}

/* The oldest packet that waits. */
static struct rill_packet *take_pending(struct neighbour *neighbour) {
    struct rill_packet *packet = neighbour->pending_head;
    neighbour->pending_head = packet->next;
    if (!packet->next)
        neighbour->pending_tail = 0;
    neighbour->pending--;
    neighbour->interface->neighbours->pending_bytes -= packet->length + NEIGHBOUR_PENDING_CHARGE;
    packet->next = 0;
    return packet;
}

static void forget(struct neighbour *neighbour) {
    struct ip_interface *interface = neighbour->interface;
    struct ip_neighbours *table = interface->neighbours;
    while (neighbour->pending_head) {
        struct rill_packet *packet = take_pending(neighbour);
        rill__core_drop(core_of(interface), RILL_DROP_NEIGHBOUR_SILENT);
        rill_packet_drop(packet);
    }
    rill__wheel_disarm(&core_of(interface)->wheel, &neighbour->timer.entry);
    unlink_use(table, neighbour);
    rill__hash_remove(&table->hash, tag(table, &neighbour->address), neighbour->index);
    rill__slab_close(&table->slab, neighbour->index);
}

/* RFC 4861 §7.2.2, §7.3.3: the routes to others are looked for anew, and who sent what has waited
 * is told. */
static void give_up(struct neighbour *neighbour) {
    struct ip_interface *interface = neighbour->interface;
    struct rill_packet *waited = 0, **end = &waited;
    rill__ip_route_silent(interface, &neighbour->address, true);
    rill__ip_hop_silent(interface, &neighbour->address);
    while (neighbour->pending_head) {
        *end = take_pending(neighbour);
        end = &(*end)->next;
    }
    forget(neighbour);
    while (waited) {
        struct rill_packet *packet = waited;
        waited = packet->next;
        rill__core_drop(core_of(interface), RILL_DROP_NEIGHBOUR_SILENT);
        rill__icmp_undelivered(interface, packet);
        rill_packet_drop(packet);
    }
}

static void arm(struct neighbour *neighbour, rill_time delay) {
    struct core *core = core_of(neighbour->interface);
    rill__wheel_disarm(&core->wheel, &neighbour->timer.entry);
    rill__wheel_arm(&core->wheel, &neighbour->timer.entry, core->now + delay);
}

static void ask(struct neighbour *neighbour, const uint8_t *mac) {
    neighbour->probes++;
    if (rill_address_is_ipv4(&neighbour->address))
        rill__arp_ask(neighbour->interface, &neighbour->address, mac);
    else
        rill__ndp_ask(neighbour->interface, &neighbour->address, mac);
    rill_time said = neighbour->interface->retransmit_said; /* RFC 4861 §6.3.4 */
    arm(neighbour, said && !rill_address_is_ipv4(&neighbour->address) ? said : RETRANSMIT);
}

static void expired(void *context, struct core_timer *timer) {
    struct neighbour *neighbour = RILL_CONTAINER(timer, struct neighbour, timer);
    (void)context;
    switch (neighbour->state) {
    case NEIGHBOUR_REACHABLE:
        neighbour->state = NEIGHBOUR_STALE;
        break;
    case NEIGHBOUR_DELAY:
        neighbour->state = NEIGHBOUR_PROBE;
        neighbour->probes = 0;
        ask(neighbour, neighbour->mac);
        break;
    case NEIGHBOUR_INCOMPLETE:
    case NEIGHBOUR_PROBE:
        if (neighbour->probes >= PROBES_MAX) {
            give_up(neighbour);
        } else {
            ask(neighbour, neighbour->state == NEIGHBOUR_PROBE ? neighbour->mac : 0);
        }
        break;
    default:
        break;
    }
}

static struct ip_neighbours *table_of(struct ip_interface *interface) {
    if (interface->neighbours)
        return interface->neighbours;
    struct core *core = core_of(interface);
    struct ip_neighbours *table = (struct ip_neighbours *)rill__core_allocate(core, sizeof *table);
    if (!table)
        return 0;
    memset(table, 0, sizeof *table);
    table->key.k0 = rill__random_next(&core->random);
    table->key.k1 = rill__random_next(&core->random);
    rill__slab_init(&table->slab, &core->allocator, sizeof(struct neighbour), NEIGHBOURS_MAX + 1);
    rill__hash_init(&table->hash, &core->allocator);
    interface->neighbours = table;
    return table;
}

void rill__neighbours_fini(struct ip_interface *interface) {
    struct ip_neighbours *table = interface->neighbours;
    if (!table)
        return;
    while (table->oldest)
        forget(table->oldest);
    rill__slab_fini(&table->slab);
    rill__hash_fini(&table->hash);
    rill__core_release(core_of(interface), table, sizeof *table);
    interface->neighbours = 0;
}

struct neighbour *rill__neighbour_find(struct ip_interface *interface,
                                       const struct rill_address *address, bool make) {
    struct ip_neighbours *table = table_of(interface);
    uint32_t index;
    if (!table)
        return 0;
    if (rill__hash_find(&table->hash, tag(table, address), equal, table, address, &index))
        return (struct neighbour *)slab_at(&table->slab, index);
    if (!make)
        return 0;
    if (table->slab.used >= NEIGHBOURS_MAX)
        forget(table->oldest);
    struct neighbour *neighbour = (struct neighbour *)rill__slab_open(&table->slab, &index);
    if (!neighbour)
        return 0;
    if (!rill__hash_insert(&table->hash, tag(table, address), index)) {
        rill__slab_close(&table->slab, index);
        return 0;
    }
    neighbour->interface = interface;
    neighbour->address = *address;
    neighbour->index = index;
    neighbour->timer.expire = expired;
    link_use(table, neighbour);
    return neighbour;
}

void rill__ethernet_frame(struct ip_interface *interface, struct rill_packet *packet,
                          const uint8_t destination[6], uint16_t type) {
    packet->header_offset = (uint16_t)(packet->header_offset - WIRE_ETHERNET_HEADER);
    packet->header_length = (uint16_t)(packet->header_length + WIRE_ETHERNET_HEADER);
    packet->length += WIRE_ETHERNET_HEADER;
    packet->link_length = WIRE_ETHERNET_HEADER;
    rill__ethernet_emit(packet->headroom + packet->header_offset, destination, interface->mac,
                        type);
}

static uint16_t type_of(const struct neighbour *neighbour) {
    return rill_address_is_ipv4(&neighbour->address) ? WIRE_TYPE_IPV4 : WIRE_TYPE_IPV6;
}

/* What has waited for the address goes to the interface's ready packets. */
static void release_pending(struct neighbour *neighbour) {
    while (neighbour->pending_head) {
        struct rill_packet *packet = take_pending(neighbour);
        rill__ethernet_frame(neighbour->interface, packet, neighbour->mac, type_of(neighbour));
        rill__ip_reply(neighbour->interface->host, neighbour->interface, packet, false);
    }
}

static void reachable(struct neighbour *neighbour) {
    struct core *core = core_of(neighbour->interface);
    rill_time said = neighbour->interface->reachable_said;
    rill_time base = said && !rill_address_is_ipv4(&neighbour->address) ? said : REACHABLE_BASE;
    neighbour->state = NEIGHBOUR_REACHABLE;
    neighbour->probes = 0;
    rill__ip_route_silent(neighbour->interface, &neighbour->address, false);
    /* RFC 4861 §6.3.2: uniform in half to one and a half times the base, so that hosts do not ask
     * in step */
    arm(neighbour, base / 2 + rill__random_below(&core->random, base));
}

void rill__neighbour_learn(struct neighbour *neighbour, const uint8_t mac[6], bool solicited,
                           bool override) {
    bool new_entry = neighbour->state == NEIGHBOUR_INCOMPLETE;
    bool same = memcmp(neighbour->mac, mac, 6) == 0;
    if (!new_entry && !same && !override) { /* RFC 4861 §7.2.5: doubt, but no change */
        if (neighbour->state == NEIGHBOUR_REACHABLE)
            neighbour->state = NEIGHBOUR_STALE;
        return;
    }
    memcpy(neighbour->mac, mac, 6);
    if (new_entry) /* RFC 4861 §6.3.6: of any state but INCOMPLETE it may well answer */
        rill__ip_route_silent(neighbour->interface, &neighbour->address, false);
    if (solicited) {
        reachable(neighbour);
    } else if (new_entry || !same) {
        neighbour->state = NEIGHBOUR_STALE;
        rill__wheel_disarm(&core_of(neighbour->interface)->wheel, &neighbour->timer.entry);
    }
    release_pending(neighbour);
}

static void queue(struct neighbour *neighbour, struct rill_packet *packet) {
    if (neighbour->pending == NEIGHBOUR_PENDING_MAX) { /* RFC 4861 §7.2.2: the oldest makes room */
        rill__core_drop(core_of(neighbour->interface), RILL_DROP_NEIGHBOUR_QUEUE_FULL);
        rill_packet_drop(take_pending(neighbour));
    }
    packet->next = 0;
    if (neighbour->pending_tail)
        neighbour->pending_tail->next = packet;
    else
        neighbour->pending_head = packet;
    neighbour->pending_tail = packet;
    neighbour->pending++;
    struct ip_neighbours *table = neighbour->interface->neighbours;
    table->pending_bytes += packet->length + NEIGHBOUR_PENDING_CHARGE;
    while (table->pending_bytes > NEIGHBOUR_PENDING_BYTES && table->oldest != neighbour)
        forget(table->oldest);
}

struct rill_packet *rill__neighbour_send(struct ip_interface *interface,
                                         const struct rill_address *address,
                                         struct rill_packet *packet) {
    struct neighbour *neighbour = rill__neighbour_find(interface, address, true);
    if (!neighbour) {
        rill__core_drop(core_of(interface), RILL_DROP_NO_MEMORY);
        rill_packet_drop(packet);
        return 0;
    }
    struct ip_neighbours *table = interface->neighbours;
    if (table->newest != neighbour) {
        unlink_use(table, neighbour);
        link_use(table, neighbour);
    }
    if (neighbour->state == NEIGHBOUR_INCOMPLETE) {
        queue(neighbour, packet);
        if (!neighbour->probes)
            ask(neighbour, 0);
        return 0;
    }
    if (neighbour->state == NEIGHBOUR_STALE) {
        neighbour->state = NEIGHBOUR_DELAY;
        arm(neighbour, DELAY_FIRST_PROBE);
    }
    rill__ethernet_frame(interface, packet, neighbour->mac, type_of(neighbour));
    return packet;
}
