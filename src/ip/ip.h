/* ip/ip.h: the IP host: its parts (networks, transports), interfaces, addresses, and what waits to
 * go out.
 *
 * The tables of operations keep the layers apart: ip reaches tcp, and the stack reaches both,
 * without naming either; what the config does not point to is not linked. */
#ifndef RILL_IP_IP_H
#define RILL_IP_IP_H

#include "base/core.h"

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
    bool dont_fragment; /* IPv4: says so to routers */
    uint8_t protocol;
    uint8_t traffic_class;
    uint8_t hop_limit;
};

/* What an ICMP error says of a packet of ours. */
enum ip_error_kind { IP_ERROR_HOST, IP_ERROR_PROTOCOL, IP_ERROR_PORT, IP_ERROR_TOO_BIG };
struct ip_error {
    enum ip_error_kind kind;
    struct rill_address local, remote; /* of the packet: from us, to him */
    uint32_t mtu;                      /* TOO_BIG: of the next hop, 0 if it did not say */
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
    struct rill_packet *(*cut)(struct ip_host *host, struct rill_packet *packet,
                               struct ip_interface *interface);
    void (*fini)(struct ip_host *host);
};

struct ip_address {
    struct rill_address address;
    uint8_t prefix_bits; /* of 128 */
};

/* What stands before the IP header on an interface. */
struct rill_framing_ops {
    uint8_t header_length;
    /* Takes the link header off; `is_ip`: the packet goes on to IP. Else it was for the link
     * itself. */
    enum rill_drop (*input)(struct ip_interface *interface, struct rill_packet *packet,
                            bool *is_ip);
    /* Gives an IP packet its link header, or null: it waits, or has been dropped. Consumes it. */
    struct rill_packet *(*output)(struct ip_interface *interface, struct rill_packet *packet);
    /* ICMPv6 messages 133 to 137, checksum verified. */
    void (*neighbour_message)(struct ip_interface *interface, struct ip_datagram *datagram);
    void (*fini)(struct ip_interface *interface);
};

#define IP_ROUTES_MAX 64
struct ip_route {
    struct rill_address prefix, gateway;
    uint8_t bits; /* of 128 */
    uint8_t interface;
};

struct ip_interface {
    struct ip_host *host;
    const struct rill_framing_ops *framing; /* null: raw IP */
    struct ip_neighbours *neighbours;       /* the framing's; null until the first */
    uint8_t mac[6];
    uint32_t index;
    uint32_t mtu, flags;
    struct ip_source *ready_head, **ready_end;
    struct rill_packet *replies_head, *replies_tail;
    uint32_t replies, echo_replies;
    struct ip_address *addresses;
    uint32_t address_count, address_capacity;
    uint64_t packets_in, packets_out;
};

/* Buckets by the destination's keyed hash: who gets few errors learns nothing of who gets many. */
#define IP_BUCKETS 64
struct ip_limiter {
    struct siphash_key key;
    struct {
        rill_time filled_at;
        uint32_t tokens;
    } buckets[IP_BUCKETS];
};

struct ip_host {
    struct core *core;
    struct ip_limiter limiter;
    const struct rill_fragment_ops *fragments;  /* null: none are taken or sent */
    struct ip_reassembly *reassembly;           /* null until the first fragment */
    uint32_t identification;                    /* of the next datagram that may be fragmented */
    const struct rill_network_ops *networks[2]; /* IPv4, IPv6 */
    struct {
        const struct rill_transport_ops *ops;
        void *state;
    } transports[RILL_TRANSPORTS];
    struct ip_interface *interfaces[IP_INTERFACES_MAX];
    uint32_t interface_count;
    struct ip_route routes[IP_ROUTES_MAX];
    uint32_t route_count;
};

/* interface.c */
int rill__ip_interface_add(struct ip_host *host, const struct rill_interface_config *config,
                           uint32_t *index);
int rill__ip_address_add(struct ip_host *host, uint32_t interface,
                         const struct rill_address *address, uint8_t prefix_length);
void rill__ip_fini(struct ip_host *host);
/* The interface that has this address, or null. */
struct ip_interface *rill__ip_address_owner(struct ip_host *host,
                                            const struct rill_address *address);
/* Where a packet to `remote` goes out, and the source address it would get. False: no route. */
bool rill__ip_route(struct ip_host *host, const struct rill_address *remote,
                    struct ip_interface **interface, struct rill_address *source);
int rill__ip_route_add(struct ip_host *host, uint32_t interface, const struct rill_address *prefix,
                       uint8_t prefix_length, const struct rill_address *gateway);
/* Who on the link is to get a packet to `remote`: himself or a gateway. False: nobody. */
bool rill__ip_next_hop(const struct ip_interface *interface, const struct rill_address *remote,
                       struct rill_address *hop);
const struct rill_network_ops *rill__ip_network(const struct ip_host *host,
                                                const struct rill_address *address);

/* input.c: consumes the packet. */
void rill__ip_input(struct ip_host *host, struct ip_interface *interface,
                    struct rill_packet *packet);

/* Looks the protocol up and passes the datagram on; also for what was reassembled. */
void rill__ip_deliver(struct ip_host *host, struct ip_datagram *datagram);

/* fragment.c, reassembly.c: behind the table rill_fragments */
struct rill_packet *rill__ip_fragment(struct ip_host *host, struct rill_packet *packet,
                                      struct ip_interface *interface);

/* output.c */
/* Cuts a packet longer than the MTU, if the host can; a list, or null. Consumes the packet. */
struct rill_packet *rill__ip_fit(struct ip_host *host, struct rill_packet *packet,
                                 struct ip_interface *interface);
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
    uint16_t checksum_offset; /* in the transport header; UINT16_MAX: none */
    uint8_t protocol;
    uint8_t traffic_class;
    uint8_t hop_limit;  /* 0: 64 */
    bool pseudo_header; /* the checksum covers it */
    bool may_fragment;  /* IPv4: routers may cut it; it gets an identification */
};

/* Writes the IP header before what the packet holds (a transport header in its headroom, payload in
 * slices) and finishes the checksum, or leaves it to the interface. */
void rill__ip_finish(struct ip_host *host, struct rill_packet *packet, const struct ip_send *send);

#endif
