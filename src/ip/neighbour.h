/* ip/neighbour.h: who has which address on an Ethernet: ARP (RFC 826) and neighbour discovery (RFC
 * 4861). */
#ifndef RILL_IP_NEIGHBOUR_H
#define RILL_IP_NEIGHBOUR_H

#include "base/hash.h"
#include "base/slab.h"
#include "ip/ip.h"

#define NEIGHBOURS_MAX 1024
#define NEIGHBOUR_PENDING_MAX 16 /* packets that wait for one address */

/* RFC 4861 §7.3.2 */
enum neighbour_state {
    NEIGHBOUR_INCOMPLETE,
    NEIGHBOUR_REACHABLE,
    NEIGHBOUR_STALE,
    NEIGHBOUR_DELAY,
    NEIGHBOUR_PROBE,
};

struct neighbour {
    struct core_timer timer;
    struct ip_interface *interface;
    struct rill_address address;
    struct neighbour *older, *newer; /* by use */
    struct rill_packet *pending_head, *pending_tail;
    uint32_t pending, index;
    uint8_t mac[6];
    uint8_t state, probes;
};

/* Of one interface. */
struct ip_neighbours {
    struct slab slab;
    struct hash hash;
    struct siphash_key key;
    struct neighbour *oldest, *newest;
};

/* The entry of an address; null if there is none (and it is not to be made, or memory is out). */
struct neighbour *rill__neighbour_find(struct ip_interface *interface,
                                       const struct rill_address *address, bool make);

/* The address is at `mac`, somebody says. `solicited`: in answer to us, so it is reachable;
 * `override`: also if we knew another. What waits for it goes out. */
void rill__neighbour_learn(struct neighbour *neighbour, const uint8_t mac[6], bool solicited,
                           bool override);

/* A packet for the address: given back with its link header, or null while it waits (or is
 * dropped). */
struct rill_packet *rill__neighbour_send(struct ip_interface *interface,
                                         const struct rill_address *address,
                                         struct rill_packet *packet);

void rill__neighbours_fini(struct ip_interface *interface);

/* Prepends the link header. */
void rill__ethernet_frame(struct ip_interface *interface, struct rill_packet *packet,
                          const uint8_t destination[6], uint16_t type);

/* Asks for the address: everybody on the link, or (with `mac`) the one who had it. arp.c, ndp.c */
void rill__arp_ask(struct ip_interface *interface, const struct rill_address *address,
                   const uint8_t *mac);
enum rill_drop rill__arp_input(struct ip_interface *interface, const uint8_t *data, size_t length);
void rill__ndp_ask(struct ip_interface *interface, const struct rill_address *address,
                   const uint8_t *mac);
void rill__ndp_input(struct ip_interface *interface, struct ip_datagram *datagram);

/* An own address to ask from, of the family, on this interface; null: none. */
const struct rill_address *rill__interface_address(const struct ip_interface *interface, bool ipv4,
                                                   const struct rill_address *towards);

#endif
