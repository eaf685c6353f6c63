/* socket/socket.h: the table of descriptors, and what its files offer each other.
 *
 * A descriptor's socket (struct sock) stands on handles of the stack's: a stream on a bound handle
 * (which a listener is too) and, once it connects, on a connection; a datagram socket on one,
 * opened when it first needs a port. The stack is asked by its public calls alone, and it is asked
 * when the application asks: nothing here runs by itself. */
#ifndef RILL_SOCKET_SOCKET_H
#define RILL_SOCKET_SOCKET_H

#include "base/slab.h"
#include <rill/socket.h>
#include <rill/tcp.h>
#include <rill/udp.h>

/* What connect has been told, apart from what the connection has become since. */
enum sock_phase { PHASE_UNCONNECTED, PHASE_CONNECTING, PHASE_CONNECTED, PHASE_DISCONNECTING };

enum sock_shutdown { SHUTDOWN_READ = 1, SHUTDOWN_WRITE = 2, SHUTDOWN_BOTH = 3 };

/* Options that are kept as numbers. */
enum sock_slot {
    SLOT_REUSEADDR,
    SLOT_BROADCAST,
    SLOT_KEEPALIVE,
    SLOT_SEND_BUFFER,    /* 0: the stack's */
    SLOT_RECEIVE_BUFFER, /* 0: the stack's */
    SLOT_NODELAY,
    SLOT_CORK,
    SLOT_MAXSEG,   /* 0: not set */
    SLOT_KEEPIDLE, /* 0: the stack's; the next two too */
    SLOT_KEEPINTVL,
    SLOT_KEEPCNT,
    SLOT_TOS,
    SLOT_TTL, /* -1: 64 */
    SLOT_PKTINFO,
    SLOT_RECVTTL,
    SLOT_RECVTOS,
    SLOT_MULTICAST_IF, /* interface + 1; 0: the route's */
    SLOT_MULTICAST_TTL,
    SLOT_HOPS, /* -1: 64 */
    SLOT_MULTICAST_HOPS,
    SLOT_MULTICAST_IF6,
    SLOT_V6ONLY,
    SLOT_RECVPKTINFO,
    SLOT_RECVHOPLIMIT,
    SLOT_RECVTCLASS,
    SLOT_TCLASS,
    SLOT_FASTOPEN, /* how many may be pending; 0: off */
    SLOT_FASTOPEN_CONNECT,
    SLOT_FASTOPEN_NO_COOKIE,
    SLOT_DEBUG,
    SLOT_DONTROUTE,
    SLOT_OOBINLINE,
    SLOT_PRIORITY,
    SLOT_MARK,
    SLOT_RCVLOWAT, /* 0: one byte */
    SLOT_SYNCNT,   /* 0: the stack's */
    SLOT_LINGER2,  /* 0: the stack's; -1: none */
    SLOT_WINDOW_CLAMP,
    SLOT_QUICKACK,
    SLOT_CONGESTION, /* 0: the stack's; else its congestion_more, from 1 */
    SLOT_USER_TIMEOUT,
    SLOT_USER_TIMEOUT_OFFER,
    SLOT_INQ,
    SLOT_NOTSENT_LOWAT,
    SLOT_MTU_DISCOVER,
    SLOT_MTU_DISCOVER6,
    SLOT_FREEBIND,
    SLOT_COUNT,
    SLOT_NONE = SLOT_COUNT
};

struct sock {
    rill_handle handle; /* a connection, or a datagram socket; 0: none */
    rill_handle bound;  /* stream: what has its port, or listens; 0: none */
    void *user;
    int fd;
    uint32_t index;   /* in its slab */
    int error;        /* enum rill_errno: met and not told yet */
    uint8_t family;   /* RILL_AF_INET or RILL_AF_INET6 */
    uint8_t phase;    /* enum sock_phase */
    uint8_t shutdown; /* enum sock_shutdown */
    bool stream;
    bool listening;
    bool ended;                 /* the connection has ended, and what it ended with is in `error` */
    bool port_locked;           /* the application has named the port: it outlives the connection */
    struct rill_endpoint asked; /* what bind was given, once settled */
    struct rill_linger linger;
    struct rill_timeval timeouts[2]; /* of receiving, of sending: kept, and not used */
    int options[SLOT_COUNT];
    uint8_t fast_open_keys; /* how many of the next are set */
    uint8_t fast_open_key[32];
    struct sock_membership *memberships; /* of groups */
};

struct rill_sockets {
    struct rill_stack *stack;
    struct rill_allocator allocator;
    int first;
    uint32_t max;
    struct slab socks;
    uint32_t *slots;     /* of each descriptor: its slab index, or SLAB_NONE */
    uint32_t *free_heap; /* numbers below `high` that are free, the smallest on top */
    uint32_t capacity, high, free_count;
};

/* table.c */
/* A descriptor with a fresh socket; null: *error says why. */
struct sock *rill__sock_open(struct rill_sockets *sockets, int *error);
/* Gives the number back; the handles are gone already. */
void rill__sock_free(struct rill_sockets *sockets, struct sock *sock);
struct sock *rill__sock_at(struct rill_sockets *sockets, int fd);
/* What the stack keeps with the socket's handles, so that an event leads back here. */
static inline void *sock_tag(const struct sock *sock) {
    return (void *)((uintptr_t)sock->fd + 1);
}

/* error.c: the negated errno of an enum rill_error. */
int rill__errno(int error);
/* The pending error, negated, taken once; 0: none. */
int rill__sock_take_error(struct sock *sock);

/* name.c */
/* enum rill_family of a socket at the address any. */
uint8_t rill__sock_family(const struct sock *sock);
/* 0 if the address can be one of this socket's peers. */
int rill__sock_check_remote(const struct sock *sock, const struct rill_endpoint *remote);
/* What "any" means as a destination: this host itself. */
struct rill_endpoint rill__sock_remote(const struct sock *sock, const struct rill_endpoint *given);

/* stream.c */
/* Notes what has become of the connection since the last call, and gives its state; closed when
 * there is none. */
enum rill_tcp_state rill__stream_sync(struct rill_sockets *sockets, struct sock *sock);
int rill__stream_bind(struct rill_sockets *sockets, struct sock *sock,
                      const struct rill_endpoint *local, uint8_t family);
int rill__stream_connect(struct rill_sockets *sockets, struct sock *sock,
                         const struct rill_endpoint *remote);
/* The same by a sendto: bytes for the SYN may follow (RFC 7413). */
int rill__stream_open(struct rill_sockets *sockets, struct sock *sock,
                      const struct rill_endpoint *remote, bool send);
int rill__stream_shutdown(struct rill_sockets *sockets, struct sock *sock, int how);
void rill__stream_close(struct rill_sockets *sockets, struct sock *sock);
int64_t rill__stream_send(struct rill_sockets *sockets, struct sock *sock,
                          const struct rill_message *message, int flags);
int64_t rill__stream_receive(struct rill_sockets *sockets, struct sock *sock,
                             struct rill_message *message, int flags);

/* stream_transfer.c has the last two. */

/* fast_open.c */
/* sendto with RILL_MSG_FASTOPEN: connects as connect does. */
int rill__fast_open_connect(struct rill_sockets *sockets, struct sock *sock,
                            const struct rill_endpoint *remote);
/* The SYN waits for bytes: for the application that is as good as connected. */
bool rill__fast_open_is_held(const struct rill_sockets *sockets, const struct sock *sock);
/* What connect, or a sendto that connects, asks the stack for: enum rill_fast_open. */
uint8_t rill__fast_open_wanted(const struct sock *sock, bool send);
/* Tells the listener's handle what the socket's options say. */
void rill__fast_open_listen(struct rill_sockets *sockets, const struct sock *sock);
bool rill__fast_open_option_is(int level, int option);
int rill__fast_open_option_set(struct rill_sockets *sockets, struct sock *sock, int option,
                               const void *value, size_t length);
int rill__fast_open_option_get(struct rill_sockets *sockets, const struct sock *sock, int option,
                               void *value, size_t *length);

/* datagram.c */
/* Moves an error the socket has met here. */
void rill__datagram_sync(struct rill_sockets *sockets, struct sock *sock);
/* Opens the stack's socket; `local` null: any, at a port of the stack's choice. */
int rill__datagram_bind(struct rill_sockets *sockets, struct sock *sock,
                        const struct rill_endpoint *local, uint8_t family);
int rill__datagram_connect(struct rill_sockets *sockets, struct sock *sock,
                           const struct rill_endpoint *remote);
int rill__datagram_shutdown(struct rill_sockets *sockets, struct sock *sock, int how);
bool rill__datagram_is_connected(struct rill_sockets *sockets, const struct sock *sock);
int64_t rill__datagram_send(struct rill_sockets *sockets, struct sock *sock,
                            const struct rill_message *message, int flags);
int64_t rill__datagram_receive(struct rill_sockets *sockets, struct sock *sock,
                               struct rill_message *message, int flags);

/* iovec.c */
/* Bytes in all; SIZE_MAX: too many to count, or one is null with a length. */
size_t rill__iovec_length(const struct rill_message *message);
void rill__iovec_gather(const struct rill_message *message, uint8_t *out);
void rill__iovec_scatter(const struct rill_message *message, const uint8_t *data, size_t length);

/* membership.c */
bool rill__membership_option(int level, int option);
int rill__membership_set(struct rill_sockets *sockets, struct sock *sock, int option,
                         const void *value, size_t length);
/* Leaves every group. */
void rill__memberships_drop(struct rill_sockets *sockets, struct sock *sock);

/* options.c */
void rill__options_init(struct sock *sock);
/* What the slot's option says: what was set, or what holds without that. */
int rill__option_buffer(struct rill_sockets *sockets, const struct sock *sock, int slot);
/* Of the stack, where the socket says nothing; null: it has no TCP. */
const struct rill_stack_config *rill__option_defaults(const struct rill_sockets *sockets);
/* Tells the handle what one slot says now. */
void rill__options_tell(struct rill_sockets *sockets, const struct sock *sock, uint8_t slot);
/* Tells the handle what the socket's options say. */
void rill__options_apply(struct rill_sockets *sockets, const struct sock *sock);

/* option_records.c: options that are more than a number. */
bool rill__option_is_record(const struct sock *sock, int level, int option);
int rill__option_record_get(struct rill_sockets *sockets, struct sock *sock, int level, int option,
                            void *value, size_t *length);
int rill__option_record_set(struct rill_sockets *sockets, struct sock *sock, int level, int option,
                            const void *value, size_t length);
/* As much as there is room for; `length` becomes what was filled. */
int rill__option_give(void *value, size_t *length, const void *from, size_t size);

#endif
