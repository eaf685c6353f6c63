/* ip/neighbour.h: who has which address on an Ethernet: ARP (RFC 826) and neighbour discovery (RFC
 * 4861). */
#ifndef RILL_IP_NEIGHBOUR_H
#define RILL_IP_NEIGHBOUR_H

#include "base/hash.h"
#include "base/slab.h"
#include "ip/ip.h"

#define NEIGHBOURS_MAX 1024
/* Packets that wait for one address. The largest datagram is 46 fragments of 1,500 bytes, or 54 of
 * 1,280; were there less room than that, a first datagram so large would always be lost. */
#define NEIGHBOUR_PENDING_MAX 64

/* Of all neighbours of an interface: what a stranger asks from many addresses waits for each. */
#define NEIGHBOUR_PENDING_BYTES (4u << 20)
#define NEIGHBOUR_PENDING_CHARGE 768 /* of a packet beside its bytes */

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
    uint32_t pending_bytes; /* of all that waits, packets counted */
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
/* RFC 5227 §1.1: a probe (nobody asks for the address), or an announcement (its owner does). */
void rill__arp_tell(struct ip_interface *interface, const struct rill_address *address, bool probe);
enum rill_drop rill__arp_input(struct ip_interface *interface, const uint8_t *data, size_t length);
void rill__ndp_ask(struct ip_interface *interface, const struct rill_address *address,
                   const uint8_t *mac);
/* RFC 4862 §5.4.2: nobody asks for an address that is to be ours. */
void rill__ndp_detect(const struct ip_address *own);
/* Tells all where the address is. */
void rill__ndp_announce(const struct ip_address *own);
void rill__ndp_input(struct ip_interface *interface, struct ip_datagram *datagram);

/* For those who write messages of neighbour discovery: hop limit 255, to this link address
 * (null: to whichever its destination turns out to have). */
void rill__ndp_send(struct ip_interface *interface, const struct rill_address *source,
                    const struct rill_address *destination, const uint8_t *mac,
                    const uint8_t *message, size_t length);
/* The first option of this kind, or null; options that are well formed as a whole. */
const uint8_t *rill__ndp_option(const uint8_t *options, size_t length, uint8_t kind);
enum ndp_option { NDP_SOURCE_LINK = 1, NDP_TARGET_LINK = 2 };
/* RFC 2464 §7: the frame's destination for a group. */
void rill__ndp_group_mac(const struct rill_address *group, uint8_t mac[6]);

/* detection.c: duplicate address detection (RFC 4862 §5.4, RFC 4429, RFC 5227). */
void rill__detection_step(struct ip_address *own);
/* Somebody else uses, or is about to use, this address. `own` may be gone after. */
void rill__detection_conflict(struct ip_address *own);

/* autoconf.c: routers and what they advertise (RFC 4861 §6.3, RFC 4862 §5.5). */
void rill__autoconf_link_changed(struct ip_interface *interface);
enum rill_drop rill__autoconf_input(struct ip_interface *interface,
                                    const struct ip_datagram *datagram);
/* An address made here turned out to be somebody's: another one, by RFC 7217 §6. */
void rill__autoconf_collision(struct ip_address *own);
/* A neighbour is no router any more (RFC 4861 §7.2.5). */
void rill__autoconf_not_router(struct ip_interface *interface, const struct rill_address *address);
void rill__autoconf_fini(struct ip_interface *interface);

/* membership.c: what routers are told of groups (MLDv2, IGMPv3). */
void rill__membership_changed(struct ip_interface *interface, struct ip_group *group);
/* The group in which an own address is asked for is joined with it. */
void rill__membership_of_address(struct ip_address *own);
void rill__membership_address_gone(struct ip_interface *interface,
                                   const struct rill_address *address);
void rill__membership_link_changed(struct ip_interface *interface);
enum rill_drop rill__membership_input(struct ip_interface *interface,
                                      const struct ip_datagram *datagram);
void rill__membership_fini(struct ip_interface *interface);

#endif
