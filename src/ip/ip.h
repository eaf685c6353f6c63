/* ip/ip.h: the IP host: its parts (networks, transports), interfaces, addresses, and what waits to
 * go out.
 *
 * The tables of operations keep the layers apart: ip reaches tcp, and the stack reaches both,
 * without naming either; what the config does not point to is not linked. */
#ifndef RILL_IP_IP_H
#define RILL_IP_IP_H

#include "base/address.h"
#include "base/core.h"
#include "base/hash.h"
#include "base/siphash.h"
#include "base/slab.h"

#define IP_INTERFACES_MAX 32
#define IP_REPLIES_MAX 256     /* packets owed that belong to no connection, an interface */
#define IP_ECHO_REPLIES_MAX 64 /* of them */
#define IP_QUANTUM 65536       /* bytes a source may send before the next one's turn */

struct ip_host;
struct ip_interface;

/* Something that may have segments to send: it stands at most once in its interface's ready list.
 */
struct ip_source {
    struct ip_source *next;
    struct ip_source **where; /* what points to this one; null: not in the list */
    uint32_t sent;            /* bytes in this turn */
    uint8_t interface;
    uint8_t transport; /* index into ip_host.transports */
    uint8_t kind;      /* the transport's own */
    uint8_t owner;     /* the same, for what it has no room for elsewhere */
};

/* A datagram on its way in. */
struct ip_datagram {
    struct rill_packet *packet; /* owned by the caller: take holds on its blocks to keep bytes */
    struct ip_interface *interface;
    const struct rill_network_ops *network;
    struct rill_address source, destination;
    const uint8_t *data;    /* contiguous bytes from the transport header on */
    size_t contiguous;      /* how many */
    uint32_t header_length; /* of IP: where the transport begins in the packet */
    uint32_t length;        /* of the transport: header and payload, in all slices */
    uint32_t fragment_id;
    uint16_t fragment_offset; /* bytes */
    bool is_fragment;         /* a part of a datagram, not all of it */
    bool more_fragments;
    bool dont_fragment;   /* IPv4: says so to routers */
    bool router_alert;    /* IPv6: the option is there (RFC 2711) */
    bool to_group;        /* multicast or broadcast: no error answers it, no TCP takes it */
    uint8_t problem;      /* the code of the ICMPv6 parameter problem it earns, plus 1; 0: none */
    uint32_t problem_at;  /* what it points to: a byte of the packet */
    uint32_t protocol_at; /* IPv6: where the header says which protocol follows */
    uint32_t flow_label;
    uint8_t protocol;
    uint8_t traffic_class;
    uint8_t hop_limit;
};

/* What an ICMP error says of a packet of ours. */
enum ip_error_kind {
    IP_ERROR_HOST,
    IP_ERROR_PROTOCOL,
    IP_ERROR_PORT,
    IP_ERROR_TOO_BIG,
    IP_ERROR_FRAGMENTS, /* of ours: some did not come in time */
    IP_ERROR_PARAMETER, /* of ours: a header we do not take */
    IP_ERROR_REDIRECT,  /* not an error: there is a better first hop */
};
struct ip_error {
    enum ip_error_kind kind;
    struct ip_interface *interface;        /* it came by */
    struct rill_address local, remote;     /* of the packet: from us, to him */
    uint32_t mtu;                          /* TOO_BIG: of the next hop, 0 if it did not say */
    const struct rill_address *from, *hop; /* REDIRECT: who says so, and where to */
    uint8_t protocol;
    const uint8_t *quoted; /* the beginning of the transport header, at least 8 bytes */
    size_t quoted_length;
};

struct rill_network_ops {
    uint8_t version;
    uint8_t header_length; /* of what `emit` writes */
    /* Reads the header; fills everything of the datagram but packet, interface, data. */
    enum rill_drop (*parse)(const uint8_t *data, size_t contiguous, size_t length,
                            struct ip_datagram *out);
    void (*emit)(const struct ip_datagram *datagram, uint8_t *out);
    uint64_t (*pseudo_sum)(const struct ip_datagram *datagram);
    uint8_t fragment_header; /* bytes a fragment has beyond the header */
    uint8_t icmp_protocol;
    void (*icmp_input)(struct ip_host *host, struct ip_datagram *datagram);
};

struct rill_transport_ops {
    uint8_t protocol;
    uint16_t handle_kinds; /* bits 1 << enum handle_kind: whose handles and events are its own */
    void *(*open)(struct core *core, struct ip_host *ip, const struct rill_stack_config *config,
                  uint8_t index);
    void (*close)(void *transport);
    /* Does as the config says from now on. May be null. */
    void (*configure)(void *transport, const struct rill_stack_config *config);
    /* Borrows the datagram. */
    void (*input)(void *transport, struct ip_datagram *datagram);
    /* An ICMP error about a packet of this protocol. May be null. */
    void (*error)(void *transport, const struct ip_error *error);
    /* The next packet of a ready source, of at most `frames_max` frames; null: it is not ready. */
    struct rill_packet *(*output)(void *transport, struct ip_source *source, size_t frames_max);
    void (*info)(void *transport, struct rill_stack_info *info);
    /* For events and handles. */
    rill_handle (*event)(void *transport, struct event_node *node, void **user);
    uint32_t (*ready)(void *transport, rill_handle handle);
    int (*user_set)(void *transport, rill_handle handle, void *user);
};

/* Fragments, both ways; a host may be without. */
struct rill_fragment_ops {
    /* Borrows the fragment's packet. */
    void (*reassemble)(struct ip_host *host, struct ip_datagram *fragment);
    /* Cuts a finished packet that is longer than the interface's MTU; gives a list linked by
     * `next`, or the packet itself if it fits, or null (no memory, the packet is dropped). Consumes
     * the packet. */
    struct rill_packet *(*cut)(struct ip_host *host, struct rill_packet *packet, uint32_t mtu);
    void (*fini)(struct ip_host *host);
};

/* An address of ours; stands in the host's table, found by address, and in its interface's list. */
struct ip_address {
    struct core_timer timer; /* filed at the earliest of the three times below */
    struct ip_interface *interface;
    struct rill_address address;
    rill_time check_at;                     /* the next step of detection */
    rill_time preferred_until, valid_until; /* RILL_TIME_NEVER: for ever */
    rill_time defended_at;                  /* RFC 5227 §2.4 (b); 0: never */
    uint64_t nonce;                         /* of our own detection's messages, RFC 7527 §4.1 */
    uint32_t index;                         /* in its slab */
    uint8_t prefix_bits;                    /* of 128 */
    uint8_t state;                          /* enum rill_address_state */
    uint8_t step;                           /* of detection: messages sent */
    uint8_t collisions;                     /* RFC 7217 §6: addresses of this prefix given up */
    uint8_t reports; /* how often its solicited-node group is still to be told */
    bool automatic;  /* by SLAAC */
};

/* A multicast group that somebody has joined. */
struct ip_group {
    struct ip_group *next;
    struct rill_address address;
    uint32_t users;  /* 0: left, but the routers are still being told */
    uint8_t reports; /* how often its change is still to be told */
    bool asked;      /* a router has asked for it */
};

/* What stands before the IP header on an interface. */
struct rill_framing_ops {
    uint8_t header_length;
    /* The interface has just been added, or its link has gone up or down. */
    void (*link_changed)(struct ip_interface *interface);
    /* Takes the link header off; `is_ip`: the packet goes on to IP. Else it was for the link
     * itself. `to_group`: its frame was for more stations than us. */
    enum rill_drop (*input)(struct ip_interface *interface, struct rill_packet *packet, bool *is_ip,
                            bool *to_group);
    /* Gives an IP packet its link header, or null: it waits, or has been dropped. Consumes it. */
    struct rill_packet *(*output)(struct ip_interface *interface, struct rill_packet *packet);
    /* ICMPv6 messages 130 to 137, checksum verified, and IGMP. */
    void (*neighbour_message)(struct ip_interface *interface, struct ip_datagram *datagram);
    /* The next step of making sure that nobody else has an address: sets its state and `check_at`.
     * With `step` 0 it begins. */
    void (*address_check)(struct ip_address *own);
    /* It is ours no longer. */
    void (*address_gone)(struct ip_interface *interface, const struct rill_address *address);
    /* A group is joined, or left. */
    void (*group_changed)(struct ip_interface *interface, struct ip_group *group);
    void (*fini)(struct ip_interface *interface);
};

#define IP_ROUTES_MAX 1024
enum ip_route_origin {
    IP_ROUTE_CONNECTED, /* the prefix of an own address */
    IP_ROUTE_STATIC,    /* the application's */
    IP_ROUTE_LEARNT,    /* a router's advertisement */
};
struct ip_route {
    struct rill_address prefix;
    struct rill_address gateway; /* all zero: the prefix is on the link */
    rill_time until;             /* RILL_TIME_NEVER: for ever */
    uint32_t users;              /* CONNECTED: addresses that share it */
    uint8_t bits;                /* of 128 */
    uint8_t interface;
    uint8_t origin;    /* enum ip_route_origin */
    int8_t preference; /* RFC 4191 §2.1: 1 high, 0 medium, -1 low */
    bool silent;       /* its gateway does not answer: others go before it */
};

/* What is known of one destination (RFC 4861 §5.1): a narrower path, a better first hop. */
struct ip_destination {
    struct ip_destination *older, *newer;
    struct rill_address remote;
    struct rill_address hop; /* of a redirect; all zero: none */
    rill_time until;         /* RFC 8201 §4: the path may widen again */
    uint32_t mtu;            /* 0: not known */
    uint32_t mtu_claimed;    /* what nobody could verify: datagrams alone go by it; 0: nothing */
    uint32_t index;
    uint8_t interface; /* of the redirect */
};

struct ip_interface {
    struct ip_host *host;
    const struct rill_framing_ops *framing; /* null: raw IP */
    struct ip_neighbours *neighbours;       /* the framing's; null until the first */
    struct ip_autoconf *autoconf;           /* the framing's; null: addresses are given by hand */
    struct ip_membership *membership;       /* the framing's; null until the first report */
    struct event_node event;
    void *user;
    uint8_t mac[6];
    uint8_t detection; /* enum rill_detection */
    bool up;
    bool autoconfigure;
    uint32_t index;
    uint32_t mtu, flags;
    /* What a router has said for all on this link (RFC 4861 §6.3.4); 0: nothing. */
    uint32_t mtu_said;
    uint8_t hop_limit_said;
    rill_time reachable_said, retransmit_said;
    struct ip_source *ready_head, **ready_end;
    struct rill_packet *replies_head, *replies_tail;
    uint32_t replies, echo_replies;
    struct ip_address **addresses;
    uint32_t address_count, address_capacity;
    struct ip_group *groups;
    uint32_t group_count;
    uint64_t packets_in, packets_out;
};

/* Buckets by the destination's keyed hash: who gets few errors learns nothing of who gets many. */
#define IP_BUCKETS 64
struct ip_bucket {
    rill_time filled_at; /* 0: never */
    uint32_t tokens;
};
struct ip_limiter {
    struct siphash_key key;
    rill_time shuffle_at; /* the key changes */
    struct ip_bucket buckets[IP_BUCKETS];
};

#define IP_IDENTIFICATIONS 64

struct ip_host {
    struct core *core;
    struct ip_limiter limiter;
    const struct rill_fragment_ops *fragments;    /* null: none are taken or sent */
    struct ip_reassembly *reassembly;             /* null until the first fragment */
    uint32_t identifications[IP_IDENTIFICATIONS]; /* counters, by a keyed hash of the pair */
    const struct rill_network_ops *networks[2];   /* IPv4, IPv6 */
    struct {
        const struct rill_transport_ops *ops;
        void *state;
    } transports[RILL_TRANSPORTS];
    struct ip_interface *interfaces[IP_INTERFACES_MAX];
    uint32_t interface_count;
    struct slab addresses;
    struct hash owned;       /* of `addresses`, by address */
    struct ip_route *routes; /* the longest prefix first */
    uint32_t route_count, route_capacity;
    bool route_silent; /* some route's gateway is */
    struct slab destination_slab;
    struct hash destination_hash;
    struct ip_destination *oldest, *newest; /* destinations, by use */
    struct siphash_key key;                 /* of tables, identifications and flow labels */
    struct siphash_key secret;              /* of the addresses we make, RFC 7217 §5 */
    uint32_t addresses_lost;                /* how many have been taken away */
};

/* interface.c */
int rill__ip_interface_add(struct ip_host *host, const struct rill_interface_config *config,
                           uint32_t *index);
int rill__ip_link_set(struct ip_host *host, uint32_t interface, bool up);
void rill__ip_init(struct ip_host *host, const struct rill_stack_config *config);
void rill__ip_fini(struct ip_host *host);
/* The zone of an address that was met on this interface. */
static inline uint16_t ip_zone(const struct rill_address *address, uint32_t interface) {
    return rill__address_is_link_local(address) ? (uint16_t)(interface + 1) : 0;
}
const struct rill_network_ops *rill__ip_network(const struct ip_host *host,
                                                const struct rill_address *address);
/* The largest packet of the family that the interface takes. */
uint32_t rill__ip_interface_mtu(const struct ip_interface *interface, bool ipv4);
/* News of an interface for the application. */
void rill__ip_raise(struct ip_interface *interface, uint32_t bits);

/* address.c */
/* `valid` and `preferred` are moments. `automatic`: the prefix is not taken to be on the link (RFC
 * 5942 §4). 0 or an error. */
struct ip_address_config {
    struct rill_address address;
    uint8_t prefix_length; /* of the family */
    bool automatic;
    uint8_t collisions;
    rill_time preferred_until, valid_until;
};
int rill__ip_address_add(struct ip_host *host, uint32_t interface,
                         const struct ip_address_config *config);
int rill__ip_address_remove(struct ip_host *host, uint32_t interface,
                            const struct rill_address *address);
void rill__ip_address_free(struct ip_host *host, struct ip_address *own);
/* The entry of this address, whatever its state; a link-local one is looked for on `interface`
 * alone (null: on any). Null: it is not ours. */
struct ip_address *rill__ip_address_find(struct ip_host *host, const struct ip_interface *interface,
                                         const struct rill_address *address);
/* The same, of those in use: neither tentative nor duplicate. */
struct ip_address *rill__ip_address_owned(struct ip_host *host,
                                          const struct ip_interface *interface,
                                          const struct rill_address *address);
static inline bool address_usable(const struct ip_address *own) {
    return own->state != RILL_ADDRESS_TENTATIVE && own->state != RILL_ADDRESS_DUPLICATE;
}
/* After a change of one of its times. */
void rill__ip_address_file(struct ip_host *host, struct ip_address *own);
/* Whether it is the broadcast address of a prefix of the interface's (RFC 1122 §3.2.1.3). */
bool rill__ip_is_broadcast(const struct ip_interface *interface,
                           const struct rill_address *address);

/* select.c: RFC 6724 §5. An address of ours to send to `remote` from; null: none. */
const struct ip_address *rill__ip_select(const struct ip_host *host,
                                         const struct ip_interface *interface,
                                         const struct rill_address *remote,
                                         const struct rill_address *hop);

/* route.c */
int rill__ip_route_add(struct ip_host *host, const struct ip_route *route);
/* Whether there is one with the same prefix, gateway, interface and origin. */
bool rill__ip_route_known(struct ip_host *host, const struct ip_route *route);
/* Takes the first route with the same prefix, gateway, interface and origin away. */
int rill__ip_route_remove(struct ip_host *host, const struct ip_route *route);
/* Where packets to `remote` go out, and from which address. */
struct ip_path {
    struct ip_interface *interface;
    struct rill_address source;
};
/* `local`: any lets the stack choose. Returns 0, RILL_ERROR_NO_ROUTE, or
 * RILL_ERROR_ADDRESS_NOT_AVAILABLE: `local` is not ours, or of another family or zone. */
int rill__ip_path(struct ip_host *host, const struct rill_endpoint *remote,
                  const struct rill_endpoint *local, struct ip_path *out);
/* Who on the link is to get a packet to `remote`: himself or a gateway. False: nobody. */
bool rill__ip_next_hop(struct ip_interface *interface, const struct rill_address *remote,
                       struct rill_address *hop);
/* A gateway on this interface answers, or no longer does. */
void rill__ip_route_silent(struct ip_interface *interface, const struct rill_address *gateway,
                           bool silent);

/* destination.c */
struct ip_destination *rill__ip_destination(struct ip_host *host, const struct rill_address *remote,
                                            bool make);
/* Whose word is taken on the width of a path. */
enum ip_trust {
    IP_VERIFIED, /* a router's about a packet that is in flight: RFC 5927 §7.2 */
    IP_CLAIMED,  /* anybody's: enough to cut datagrams smaller */
};
/* The largest packet to `remote` by this interface, as far as is known. */
uint32_t rill__ip_path_mtu(struct ip_host *host, const struct ip_interface *interface,
                           const struct rill_address *remote, enum ip_trust trust);
/* A router says so. */
void rill__ip_path_mtu_set(struct ip_host *host, const struct rill_address *remote, uint32_t mtu,
                           enum ip_trust trust);
/* A redirect (RFC 4861 §8.3, RFC 1122 §3.2.2.2) from whoever is now the first hop. */
enum rill_drop rill__ip_redirect(struct ip_interface *interface, const struct rill_address *from,
                                 const struct rill_address *remote, const struct rill_address *hop);
/* The same of an IP_ERROR_REDIRECT, which its transport has found to be about a packet of ours. */
void rill__ip_redirected(const struct ip_error *error);
/* Nobody answers at `hop`: who was redirected there goes by the routes again (RFC 4861 §7.3.3). */
void rill__ip_hop_silent(struct ip_interface *interface, const struct rill_address *hop);
void rill__ip_destinations_fini(struct ip_host *host);

/* icmp_error.c: a packet of ours came no further than this link: who sent it learns of that. */
void rill__icmp_undelivered(struct ip_interface *interface, const struct rill_packet *packet);

/* group.c */
int rill__ip_group_join(struct ip_host *host, uint32_t interface, const struct rill_address *group);
int rill__ip_group_leave(struct ip_host *host, uint32_t interface,
                         const struct rill_address *group);
void rill__ip_group_forget(struct ip_interface *interface, struct ip_group *group);
/* Whether frames to this group are for us. */
bool rill__ip_group_ours(const struct ip_interface *interface, const struct rill_address *group);

/* 20 bits that are the same for all packets of one flow (RFC 6437 §3). */
uint32_t rill__ip_flow_label(const struct ip_host *host, const struct rill_address *source,
                             const struct rill_address *destination, uint32_t ports);

/* input.c: consumes the packet. */
void rill__ip_input(struct ip_host *host, struct ip_interface *interface,
                    struct rill_packet *packet);

/* Looks the protocol up and passes the datagram on; also for what was reassembled. */
void rill__ip_deliver(struct ip_host *host, struct ip_datagram *datagram);

/* fragment.c, reassembly.c: behind the table rill_fragments */
struct rill_packet *rill__ip_fragment(struct ip_host *host, struct rill_packet *packet,
                                      uint32_t mtu);

/* output.c */
/* Cuts a packet longer than the MTU, if the host can; a list, or null. Consumes the packet. */
struct rill_packet *rill__ip_fit(struct ip_host *host, struct rill_packet *packet, uint32_t mtu);
size_t rill__ip_output(struct ip_host *host, struct ip_interface *interface,
                       struct rill_packet **packets, size_t max, size_t frames_max);
void rill__ip_source_ready(struct ip_host *host, struct ip_source *source);
void rill__ip_source_remove(struct ip_host *host, struct ip_source *source);
/* Owes a packet that belongs to no connection; consumes it. */
void rill__ip_reply(struct ip_host *host, struct ip_interface *interface,
                    struct rill_packet *packet, bool echo);

/* What ip_finish needs beside the packet. */
struct ip_send {
    const struct rill_address *source, *destination;
    struct ip_interface *interface;
    uint32_t mtu;             /* what is longer will be cut; 0: the interface's */
    uint16_t checksum_offset; /* in the transport header; UINT16_MAX: none */
    uint8_t protocol;
    uint8_t traffic_class;
    uint8_t hop_limit;   /* 0: 64, or what a router has said */
    uint32_t flow_label; /* IPv6 */
    bool pseudo_header;  /* the checksum covers it */
    bool may_fragment;   /* IPv4: routers may cut it; it gets an identification */
};

/* The next identification of what goes from one to the other in fragments (RFC 7739 §5.3): neither
 * guessed from, nor telling of, what others are sent. */
uint32_t rill__ip_identification(struct ip_host *host, const struct rill_address *source,
                                 const struct rill_address *destination);

/* Writes the IP header before what the packet holds (a transport header in its headroom, payload in
 * slices) and finishes the checksum, or leaves it to the interface. */
void rill__ip_finish(struct ip_host *host, struct rill_packet *packet, const struct ip_send *send);

#endif
