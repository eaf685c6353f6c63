/* rill/stack.h: a host, and the four verbs that drive it.
 *
 *     rill_input   these packets arrived
 *     rill_advance time has come this far: run what was due
 *     rill_output  take what should go out on this interface
 *     rill_events  what became of things
 *
 * and rill_deadline says when to call again. The stack never calls the application, sleeps or reads
 * a clock. One thread at a time; any number of stacks in a process. */
#ifndef RILL_STACK_H
#define RILL_STACK_H

#include <rill/base.h>
#include <rill/packet.h>
#include <rill/trace.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rill_stack;
struct rill_network_ops;    /* rill_ipv4, rill_ipv6 */
struct rill_transport_ops;  /* rill_tcp */
struct rill_fragment_ops;   /* rill_fragments */
struct rill_framing_ops;    /* rill_ethernet */
struct rill_congestion_ops; /* rill_reno */

extern RILL_API const struct rill_network_ops rill_ipv4;
extern RILL_API const struct rill_network_ops rill_ipv6;
extern RILL_API const struct rill_transport_ops rill_tcp;
extern RILL_API const struct rill_fragment_ops rill_fragments;
extern RILL_API const struct rill_framing_ops rill_ethernet;
/* RFC 9438; RFC 5681 (both begin with RFC 9406's slow start); the peer's window alone. */
extern RILL_API const struct rill_congestion_ops rill_cubic;
extern RILL_API const struct rill_congestion_ops rill_reno;
extern RILL_API const struct rill_congestion_ops rill_no_congestion;

#define RILL_TRANSPORTS 4
#define RILL_CONGESTIONS 4

/* Explicit congestion notification (RFC 3168). */
enum rill_ecn {
    RILL_ECN_OFF,
    RILL_ECN_ANSWER, /* if the peer asks */
    RILL_ECN_ASK,
};

/* Fast Open: bytes in the SYN (RFC 7413), for applications that ask for it (rill/tcp.h). Bits, with
 * the numbers they have in Linux. */
enum rill_fast_open_bit {
    RILL_FAST_OPEN_CONNECT = 1, /* active opens may */
    RILL_FAST_OPEN_LISTEN = 2,  /* listeners may */
    /* Without cookies, to and from whomever: only where nobody forges addresses (§6.3.1 … 3). */
    RILL_FAST_OPEN_CONNECT_UNASKED = 4,
    RILL_FAST_OPEN_LISTEN_UNASKED = 0x200,
    RILL_FAST_OPEN_EVERY_LISTENER = 0x400, /* as if each had asked for its whole backlog */
    /* Not Linux's: no heed is paid to paths that swallow what Fast Open sends (§7.1). */
    RILL_FAST_OPEN_TRUSTING = 0x8000,
};

/* SYN cookies: a SYN is answered and nothing is remembered of it (RFC 4987 §3.6). */
enum rill_syn_cookies {
    RILL_SYN_COOKIES_OFF, /* a SYN beyond the backlog is dropped */
    RILL_SYN_COOKIES_FULL,
    RILL_SYN_COOKIES_ALWAYS,
};

/* Whether TCP finds out by itself what a path takes, where no router tells (RFC 4821, RFC 8899).
 * Off by default, as in Linux: a long silence looks like a black hole, and segments stay small for
 * a while when it ends. */
enum rill_mtu_probing {
    RILL_MTU_PROBING_OFF,
    RILL_MTU_PROBING_BLACK_HOLE, /* once full segments seem to vanish */
    RILL_MTU_PROBING_ALWAYS,     /* from the beginning, upwards from mtu_base */
};

/* What a host is made of and how it behaves. Fill it with rill_stack_config_default, then change.
 */
struct rill_stack_config {
    size_t size; /* sizeof of this struct */
    struct rill_allocator allocator;
    struct rill_pool *pool;    /* outlives the stack */
    uint64_t seed[2];          /* all randomness comes from here: unpredictable in real use */
    rill_trace_function trace; /* may be null */
    void *trace_context;
    /* Gets the record of every call, in parts, in order (rill/journal.h). A leaf callback; may be
     * null. */
    void (*journal)(void *context, const void *bytes, size_t length);
    void *journal_context;
    uint8_t journal_number; /* which stack of the journal this is */
    uint64_t memory_limit;  /* bytes of blocks the stack may hold */

    /* The parts. What is not named here is not linked. */
    const struct rill_network_ops *ipv4, *ipv6; /* may be null */
    const struct rill_transport_ops *transports[RILL_TRANSPORTS];
    const struct rill_fragment_ops *fragments; /* null: fragments are neither taken nor sent */
    const struct rill_congestion_ops *congestion;
    /* Others that a connection may choose (RILL_TCP_OPTION_CONGESTION); null where there is none */
    const struct rill_congestion_ops *congestion_more[RILL_CONGESTIONS];

    /* TCP */
    /* Buffers of each connection, bytes up to 2^30. 0: they follow the path, from `min` to `max`;
     * the window scale is chosen for the most there may be. */
    uint32_t receive_buffer, receive_buffer_min, receive_buffer_max;
    uint32_t send_buffer, send_buffer_min, send_buffer_max;
    uint16_t initial_window; /* segments, RFC 6928 */
    bool window_scaling;     /* RFC 7323 §2 */
    bool timestamps;         /* RFC 7323 §3 */
    bool sack;               /* RFC 2018 */
    uint8_t ecn;             /* enum rill_ecn, RFC 3168 */
    bool pacing;             /* the window is spread over its round trip */
    bool bursts;             /* without pacing: slow start is not held to RFC 9406's 8 segments */
    bool nagle;              /* RFC 9293 §3.7.4, default of new connections */
    bool check;              /* verify every invariant of what a call touches; for tests */
    bool statistics;         /* keep a record of counters beside each connection */
    uint8_t mtu_probing;     /* enum rill_mtu_probing */
    uint16_t mtu_base;       /* bytes of payload that every path is taken to carry */
    uint16_t mtu_floor;      /* bytes of payload: not even timeouts go below it */
    rill_time mtu_interval;  /* how long a narrow path is believed to be narrow (RFC 1191 §6.3) */
    uint16_t mss_max;        /* 0: from the interface's MTU */
    rill_time rto_initial, rto_min, rto_max; /* RFC 6298 */
    rill_time clock_resolution; /* how far `now` may lag behind; 0: not at all. RFC 6298's G */
    rill_time delayed_ack;      /* RFC 9293 §3.8.6.3 */
    rill_time peer_delayed_ack; /* how long a peer may delay its: RFC 8985 §7.2, max_ack_delay */
    uint8_t quick_acks;         /* the first segments of a connection, acknowledged at once */
    bool ack_every_second;      /* every second segment at once, also of those that are not full */
    rill_time time_wait;
    rill_time fin_wait_2; /* for connections the application has closed */
    rill_time keepalive_idle, keepalive_interval;
    uint8_t keepalive_count;
    uint8_t syn_retries, syn_ack_retries, data_retries; /* 255: for ever */
    /* RFC 5482, seconds: what every connection offers, as RILL_TCP_OPTION_USER_TIMEOUT_OFFER (0:
     * nothing), and the bounds of what is made of both ends' offers. */
    uint32_t user_timeout_offer, user_timeout_min, user_timeout_max;
    uint16_t port_first, port_last; /* ephemeral ports, RFC 6056 */
    uint32_t time_wait_max;         /* records; the oldest goes first */
    uint32_t connections_max;
    uint32_t orphans_max;   /* closed connections that still send; beyond, closing one resets it */
    uint32_t half_open_max; /* records of SYNs, of all listeners together */
    uint8_t syn_cookies;    /* enum rill_syn_cookies: beyond that, or beyond a listener's backlog */
    uint16_t fast_open;     /* enum rill_fast_open_bit; default: both sides may */
    bool share_paths;       /* RFC 9040 §5: a connection begins with the last one's round trip */
    /* IPv6 addresses that the stack makes itself are the same for the same secret, link and prefix
     * (RFC 7217 §5): keep it over restarts. 0 and 0: taken from the seed. */
    uint64_t address_secret[2];
};

/* Fills in every default. `pool` and `seed` stay 0 and must be set; `allocator` too. */
RILL_API void rill_stack_config_default(struct rill_stack_config *config);

/* The same without any part: no network, transport, fragments or congestion control is named, so
 * none is linked but those the caller then names. */
RILL_API void rill_stack_config_bare(struct rill_stack_config *config);

/* Opens a host. Returns 0, RILL_ERROR_ARGUMENT (a field out of its range) or RILL_ERROR_MEMORY. */
RILL_API RILL_MUST_CHECK int rill_stack_open(const struct rill_stack_config *config,
                                             struct rill_stack **out);

/* From now on the host behaves as `config` says, an existing connection where it looks at the
 * setting again. Fields under "TCP" count; but `statistics`, and all that the host is made of
 * (parts, memory, seed, callbacks), stay as they were. Returns 0 or RILL_ERROR_ARGUMENT. */
RILL_API int rill_stack_configure(struct rill_stack *stack, const struct rill_stack_config *config);

/* Closes a host at once, sending nothing. Slices given to the application stay valid. */
RILL_API void rill_stack_close(struct rill_stack *stack);

enum rill_interface_flag {
    RILL_INTERFACE_CHECKSUM = 1,   /* the link finishes transport checksums */
    RILL_INTERFACE_GSO = 2,        /* the link takes super-segments of up to 64 KiB */
    RILL_INTERFACE_ACCEPT_ANY = 4, /* every destination address is taken as ours */
    /* The host's own: 127.0.0.0/8 and ::1 may be its addresses, packets to any address of ours
     * leave by it, and the caller gives what rill_output takes from it back to rill_input. */
    RILL_INTERFACE_LOOPBACK = 8,
};

/* How an address is made sure to be nobody else's, on an Ethernet (RFC 4862 §5.4, RFC 5227 §2.1).
 */
enum rill_detection {
    RILL_DETECTION_OPTIMISTIC, /* it is used meanwhile (RFC 4429) */
    RILL_DETECTION_STRICT,     /* it is used after: one to two seconds, IPv4 four to seven */
    RILL_DETECTION_OFF,        /* it is used, and nobody is asked */
};

struct rill_interface_config {
    size_t size;
    uint32_t mtu;                           /* 68 … 65535; IPv6 needs 1280 */
    uint32_t flags;                         /* enum rill_interface_flag */
    const struct rill_framing_ops *framing; /* null: packets begin with the IP header */
    uint8_t mac[6];                         /* ours, where the framing has addresses */
    uint8_t detection;                      /* enum rill_detection */
    /* IPv6 on a link with framing: a link-local address is made, routers are asked, and what they
     * advertise is taken: routes, addresses (RFC 4862), MTU. */
    bool autoconfigure;
};
RILL_API void rill_interface_config_default(struct rill_interface_config *config);

/* Adds an interface and gives its number, counted from 0. Returns 0, RILL_ERROR_ARGUMENT,
 * RILL_ERROR_LIMIT or RILL_ERROR_MEMORY. */
RILL_API RILL_MUST_CHECK int rill_interface_add(struct rill_stack *stack,
                                                const struct rill_interface_config *config,
                                                uint32_t *interface);

/* The interface's own handle: what happens to it comes as events of this handle (the bits from
 * RILL_EVENT_LINK_UP on). It cannot be closed. 0: no such interface. */
RILL_API rill_handle rill_interface_handle(const struct rill_stack *stack, uint32_t interface);

/* The link went up or down; it begins up. While it is down nothing is taken or given; when it comes
 * back, addresses are checked and routers asked anew. Returns 0 or RILL_ERROR_ARGUMENT. */
RILL_API int rill_link_set(struct rill_stack *stack, uint32_t interface, bool up);

/* Gives the interface an address with its prefix length (of the family: 24, or 64). The prefix is
 * then reached by this interface. Returns 0, RILL_ERROR_ARGUMENT, RILL_ERROR_ADDRESS_IN_USE,
 * RILL_ERROR_LIMIT or RILL_ERROR_MEMORY. */
RILL_API RILL_MUST_CHECK int rill_address_add(struct rill_stack *stack, uint32_t interface,
                                              const struct rill_address *address,
                                              uint8_t prefix_length);

/* Takes an address away. Connections that use it stay: they can neither send nor receive until it
 * comes back or their timers end them. Returns 0 or RILL_ERROR_ADDRESS_NOT_AVAILABLE. */
RILL_API int rill_address_remove(struct rill_stack *stack, uint32_t interface,
                                 const struct rill_address *address);

enum rill_address_state {
    RILL_ADDRESS_TENTATIVE,  /* being checked, not in use yet */
    RILL_ADDRESS_OPTIMISTIC, /* being checked, in use */
    RILL_ADDRESS_PREFERRED,
    RILL_ADDRESS_DEPRECATED, /* in use; new connections take others if they can (RFC 4862 §5.5.4) */
    RILL_ADDRESS_DUPLICATE,  /* somebody else has it: not in use */
};

struct rill_address_info {
    size_t size;
    struct rill_address address;
    uint8_t prefix_length; /* of the family */
    enum rill_address_state state;
    bool automatic;                         /* from a router's advertisement, or link-local */
    rill_time preferred_until, valid_until; /* RILL_TIME_NEVER: for ever */
};
/* The interface's address number `index`, counted from 0. Returns 0 or RILL_ERROR_ARGUMENT: there
 * are not so many. */
RILL_API RILL_MUST_CHECK int rill_address_get(const struct rill_stack *stack, uint32_t interface,
                                              uint32_t index, struct rill_address_info *info);

/* Packets to a prefix go to `gateway` on the interface (all zero: to whom they are addressed, who
 * is on the link); the longest prefix wins, and among equals the first; the prefixes of the
 * interface's own addresses need no route. `prefix_length` 0: the default route, of the gateway's
 * family or that of `prefix`. Returns 0, RILL_ERROR_ARGUMENT, RILL_ERROR_LIMIT or
 * RILL_ERROR_MEMORY. */
RILL_API RILL_MUST_CHECK int rill_route_add(struct rill_stack *stack, uint32_t interface,
                                            const struct rill_address *prefix,
                                            uint8_t prefix_length,
                                            const struct rill_address *gateway);

/* Takes the route that rill_route_add made with the same arguments away. Returns 0 or
 * RILL_ERROR_ARGUMENT: there is none. */
RILL_API int rill_route_remove(struct rill_stack *stack, uint32_t interface,
                               const struct rill_address *prefix, uint8_t prefix_length,
                               const struct rill_address *gateway);

/* What a packet to `remote` would be sent with: by which interface, from which address (`local`
 * any lets the stack choose), to whom on the link, and how long it may be. Returns 0,
 * RILL_ERROR_NO_ROUTE or RILL_ERROR_ADDRESS_NOT_AVAILABLE. */
struct rill_route_info {
    size_t size;
    uint32_t interface;
    struct rill_address source, hop;
    uint32_t mtu;
};
RILL_API RILL_MUST_CHECK int rill_route_get(struct rill_stack *stack,
                                            const struct rill_endpoint *remote,
                                            const struct rill_endpoint *local,
                                            struct rill_route_info *info);

/* Takes datagrams to a multicast group on this interface, and tells its routers (MLDv2, RFC 3810;
 * IGMPv3, RFC 3376). Who joins twice leaves twice. Return 0, RILL_ERROR_ARGUMENT (not a group, no
 * such interface, or not joined), RILL_ERROR_LIMIT or RILL_ERROR_MEMORY. */
RILL_API RILL_MUST_CHECK int rill_group_join(struct rill_stack *stack, uint32_t interface,
                                             const struct rill_address *group);
RILL_API int rill_group_leave(struct rill_stack *stack, uint32_t interface,
                              const struct rill_address *group);

/* Packets that arrived on an interface, the framing's header (or the network header) first. All are
 * consumed. Returns 0 or RILL_ERROR_ARGUMENT (no such interface; the packets are dropped all the
 * same). */
RILL_API int rill_input(struct rill_stack *stack, uint32_t interface, struct rill_packet **packets,
                        size_t count, rill_time now);

/* Runs timers due at `now`, at most `budget` of them (0: all). Returns how many ran. */
RILL_API size_t rill_advance(struct rill_stack *stack, rill_time now, size_t budget);

/* Takes packets to send on an interface: at most `max`, and at most `frames_max` frames as they
 * will be on the wire. They are the caller's. Returns how many. */
RILL_API size_t rill_output(struct rill_stack *stack, uint32_t interface,
                            struct rill_packet **packets, size_t max, size_t frames_max,
                            rill_time now);

enum rill_event_bit {
    RILL_EVENT_READABLE = 1,     /* bytes to read, or the peer's FIN */
    RILL_EVENT_WRITABLE = 2,     /* room in the send buffer */
    RILL_EVENT_CONNECTED = 4,    /* the connection is established */
    RILL_EVENT_ACCEPTABLE = 8,   /* a listener has a connection to accept */
    RILL_EVENT_SYN = 16,         /* a deferred listener has a SYN to decide on */
    RILL_EVENT_PEER_CLOSED = 32, /* the peer's FIN came: the last byte is there */
    RILL_EVENT_CLOSED = 64,      /* nothing more will happen here */
    RILL_EVENT_ERROR = 128,      /* it ended badly: rill_tcp_get_info says how */
    /* Of an interface; rill_address_get has the present state. */
    RILL_EVENT_LINK_UP = 256,
    RILL_EVENT_LINK_DOWN = 512,
    RILL_EVENT_ADDRESS_GAINED = 1024,    /* one may be used from now on */
    RILL_EVENT_ADDRESS_LOST = 2048,      /* one is gone: taken away, run out, or a duplicate */
    RILL_EVENT_ADDRESS_DUPLICATE = 4096, /* somebody else uses one of ours */
    RILL_EVENT_ROUTER_FOUND = 8192,      /* the first default router, or the first again */
    RILL_EVENT_URGENT = 32768,      /* of a connection: rill_tcp_info's urgent_after says where */
    RILL_EVENT_ROUTER_LOST = 16384, /* no default router is left of those advertised */
};

struct rill_event {
    rill_handle handle;
    void *user;    /* what rill_user_set was given */
    uint32_t bits; /* enum rill_event_bit: what is new since the last event of this handle */
};

/* Takes up to `max` events. Returns how many. */
RILL_API size_t rill_events(struct rill_stack *stack, struct rill_event *events, size_t max);

/* A pointer of the application's, given back in the handle's events. Returns 0 or
 * RILL_ERROR_HANDLE. */
RILL_API int rill_user_set(struct rill_stack *stack, rill_handle handle, void *user);

/* What is true of the handle now (enum rill_event_bit); 0 for an unknown handle. */
RILL_API uint32_t rill_ready(struct rill_stack *stack, rill_handle handle);

/* When to call rill_advance next; the present moment while anything waits to go out. */
RILL_API rill_time rill_deadline(const struct rill_stack *stack);

/* True while rill_output on this interface would give something. */
RILL_API bool rill_output_waits(const struct rill_stack *stack, uint32_t interface);

struct rill_stack_info {
    size_t size;
    uint64_t memory_held; /* bytes of blocks charged to the budget */
    uint64_t packets_in, packets_out;
    uint64_t clock_backwards; /* calls whose `now` ran back */
    uint32_t connections, listeners, half_open, time_wait;
    uint64_t bytes_copied; /* payload bytes the stack copied, both directions */
    uint64_t syn_cookies_sent, syn_cookies_accepted;
    uint64_t drops[RILL_DROP_COUNT];
};
RILL_API void rill_stack_get_info(const struct rill_stack *stack, struct rill_stack_info *info);

#ifdef __cplusplus
}
#endif
#endif
