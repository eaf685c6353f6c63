/* rill/socket.h: BSD sockets over a stack: descriptors, the classic calls, options, readiness.
 *
 * No call blocks, ever: what cannot be done now says -RILL_EAGAIN or -RILL_EINPROGRESS, and waiting
 * is the loop's, which is the same as without this layer:
 *
 *     for (;;) {
 *         rill_input(stack, 0, packets, n, now);            what arrived
 *         rill_advance(stack, now, 0);
 *         while ((n = rill_events(stack, events, 64)) > 0)
 *             for (i = 0; i < n; i++) {
 *                 int fd = rill_socket_of(sockets, &events[i]);
 *                 if (fd >= 0)
 *                     serve(fd, rill_poll_one(sockets, fd));  accept, recv, send … until EAGAIN
 *             }
 *         n = rill_output(stack, 0, packets, 64, SIZE_MAX, now);
 *         wait for packets, or until rill_deadline(stack);
 *     }
 *
 * Events are news, rill_poll is the level: an event wakes, poll says what can be done. Who has
 * handles of his own in the same stack gets their events too: rill_socket_of says -RILL_EBADF for
 * them. A handle that a descriptor stands on belongs to this layer, `user` included
 * (rill_socket_user_set keeps a pointer for the application); looking at it with rill_ready and
 * rill_tcp_get_info is fine.
 *
 * Results are 0 or more, or an error negated, numbered as Linux numbers errno; so are all constants
 * here. In each state each call answers as Linux does (tests/socket/differential_test.c has the
 * list of what differs, with reasons). */
#ifndef RILL_SOCKET_H
#define RILL_SOCKET_H

#include <rill/base.h>
#include <rill/stack.h>

#ifdef __cplusplus
extern "C" {
#endif

/* name, number, text */
#define RILL_ERRNOS(X)                                                                             \
    X(RILL_ENOENT, 2, "no such thing")                                                             \
    X(RILL_EBADF, 9, "bad descriptor")                                                             \
    X(RILL_EAGAIN, 11, "nothing to do now, try again later")                                       \
    X(RILL_ENOMEM, 12, "out of memory")                                                            \
    X(RILL_EACCES, 13, "permission denied")                                                        \
    X(RILL_EFAULT, 14, "bad pointer")                                                              \
    X(RILL_ENODEV, 19, "no such interface")                                                        \
    X(RILL_EINVAL, 22, "invalid argument")                                                         \
    X(RILL_EMFILE, 24, "too many descriptors")                                                     \
    X(RILL_ENOTTY, 25, "no such request")                                                          \
    X(RILL_EPIPE, 32, "the connection is closed for sending")                                      \
    X(RILL_EDOM, 33, "argument out of its domain")                                                 \
    X(RILL_EPROTO, 71, "protocol error")                                                           \
    X(RILL_EDESTADDRREQ, 89, "no destination")                                                     \
    X(RILL_EMSGSIZE, 90, "message too long")                                                       \
    X(RILL_ENOPROTOOPT, 92, "no such option")                                                      \
    X(RILL_EPROTONOSUPPORT, 93, "no such protocol")                                                \
    X(RILL_ESOCKTNOSUPPORT, 94, "no such socket type")                                             \
    X(RILL_EOPNOTSUPP, 95, "not possible with this socket")                                        \
    X(RILL_EAFNOSUPPORT, 97, "no such address family")                                             \
    X(RILL_EADDRINUSE, 98, "address already in use")                                               \
    X(RILL_EADDRNOTAVAIL, 99, "address not available")                                             \
    X(RILL_ENETUNREACH, 101, "no route to that network")                                           \
    X(RILL_ECONNABORTED, 103, "connection aborted")                                                \
    X(RILL_ECONNRESET, 104, "connection reset by peer")                                            \
    X(RILL_ENOBUFS, 105, "no buffer space")                                                        \
    X(RILL_EISCONN, 106, "already connected")                                                      \
    X(RILL_ENOTCONN, 107, "not connected")                                                         \
    X(RILL_ETIMEDOUT, 110, "connection timed out")                                                 \
    X(RILL_ECONNREFUSED, 111, "connection refused")                                                \
    X(RILL_EHOSTUNREACH, 113, "host unreachable")                                                  \
    X(RILL_EALREADY, 114, "already under way")                                                     \
    X(RILL_EINPROGRESS, 115, "under way")

enum rill_errno {
#define RILL_ERRNO_ENUM(name, number, text) name = number,
    RILL_ERRNOS(RILL_ERRNO_ENUM)
#undef RILL_ERRNO_ENUM
};

/* "ECONNRESET" and a constant English text; of the number or of it negated. Never null. */
RILL_API const char *rill_errno_name(int error);
RILL_API const char *rill_errno_text(int error);

enum rill_socket_constant {
    RILL_AF_UNSPEC = 0,
    RILL_AF_INET = 2,
    RILL_AF_INET6 = 10,

    RILL_SOCK_STREAM = 1,
    RILL_SOCK_DGRAM = 2,
    RILL_SOCK_NONBLOCK = 04000, /* or-ed to the type: taken, and nothing else */
    RILL_SOCK_CLOEXEC = 02000000,

    RILL_SHUT_RD = 0,
    RILL_SHUT_WR = 1,
    RILL_SHUT_RDWR = 2,

    RILL_SOMAXCONN = 4096, /* backlogs beyond are cut to it */

    /* levels and protocols */
    RILL_IPPROTO_IP = 0,
    RILL_SOL_SOCKET = 1,
    RILL_IPPROTO_TCP = 6,
    RILL_IPPROTO_UDP = 17,
    RILL_IPPROTO_IPV6 = 41,
};

enum rill_message_flag {
    /* Sending on a stream: the last byte is urgent. Receiving: refused, since urgent bytes stand in
     * line (RFC 6093 §6); reading stops before one, and RILL_SIOCATMARK says so. */
    RILL_MSG_OOB = 0x1,
    RILL_MSG_PEEK = 0x2,
    RILL_MSG_TRUNC = 0x20, /* datagram: the whole length is told; stream: bytes are thrown away */
    RILL_MSG_DONTWAIT = 0x40,       /* always so */
    RILL_MSG_WAITALL = 0x100,       /* as far as it goes without waiting */
    RILL_MSG_NOSIGNAL = 0x4000,     /* always so */
    RILL_MSG_MORE = 0x8000,         /* stream: as rill_tcp_send_more; datagram: refused */
    RILL_MSG_FASTOPEN = 0x20000000, /* stream: connect, with bytes in the SYN (RFC 7413) */
};

/* Options. An int unless said otherwise; "get": cannot be set; "kept": it is remembered and told,
 * and changes nothing here. */
enum rill_socket_option {
    RILL_SO_DEBUG = 1, /* kept */
    RILL_SO_REUSEADDR = 2,
    RILL_SO_TYPE = 3,      /* get */
    RILL_SO_ERROR = 4,     /* get; taken once */
    RILL_SO_DONTROUTE = 5, /* kept */
    RILL_SO_BROADCAST = 6,
    RILL_SO_SNDBUF = 7, /* bytes; told back twice as large, as Linux does for its bookkeeping */
    RILL_SO_RCVBUF = 8, /* bytes; the same */
    RILL_SO_KEEPALIVE = 9,
    RILL_SO_OOBINLINE = 10, /* kept: urgent bytes always stand in line (RFC 6093 §6) */
    RILL_SO_PRIORITY = 12,  /* kept: there is no queue that would look at it */
    /* struct rill_linger. 0 s: close resets. Others are kept: no call here waits for a close. */
    RILL_SO_LINGER = 13,
    RILL_SO_REUSEPORT = 15,   /* only 0 can be set */
    RILL_SO_RCVLOWAT = 18,    /* stream: so many bytes make it readable */
    RILL_SO_SNDLOWAT = 19,    /* get; 1 */
    RILL_SO_RCVTIMEO = 20,    /* struct rill_timeval; kept: nothing here waits */
    RILL_SO_SNDTIMEO = 21,    /* the same */
    RILL_SO_ACCEPTCONN = 30,  /* get */
    RILL_SO_SNDBUFFORCE = 32, /* set; as RILL_SO_SNDBUF */
    RILL_SO_RCVBUFFORCE = 33, /* set; as RILL_SO_RCVBUF */
    RILL_SO_MARK = 36,        /* kept: routes have no marks */
    RILL_SO_PROTOCOL = 38,    /* get */
    RILL_SO_DOMAIN = 39,      /* get */
    RILL_SO_MEMINFO = 55,     /* get; uint32_t by enum rill_meminfo */
};
/* Bytes, as Linux's SK_MEMINFO_*; what rill has no counterpart of is 0. */
enum rill_meminfo {
    RILL_MEMINFO_RMEM_ALLOC, /* received and unread */
    RILL_MEMINFO_RCVBUF,
    RILL_MEMINFO_WMEM_ALLOC, /* sent and not acknowledged */
    RILL_MEMINFO_SNDBUF,
    RILL_MEMINFO_FWD_ALLOC,
    RILL_MEMINFO_WMEM_QUEUED, /* all that is queued to be sent */
    RILL_MEMINFO_OPTMEM,
    RILL_MEMINFO_BACKLOG,
    RILL_MEMINFO_DROPS,
    RILL_MEMINFO_VARS
};
enum rill_tcp_socket_option {
    RILL_TCP_NODELAY = 1,
    RILL_TCP_CORK = 3,      /* RILL_TCP_OPTION_CORK */
    RILL_TCP_MAXSEG = 2,    /* 88 … 32767; counts for connections opened later */
    RILL_TCP_KEEPIDLE = 4,  /* seconds */
    RILL_TCP_KEEPINTVL = 5, /* seconds */
    RILL_TCP_KEEPCNT = 6,
    RILL_TCP_SYNCNT = 7,        /* 1 … 127 SYNs sent again */
    RILL_TCP_LINGER2 = 8,       /* seconds in FIN-WAIT-2 after closing; negative: none */
    RILL_TCP_WINDOW_CLAMP = 10, /* bytes; 0 only without a connection */
    RILL_TCP_INFO = 11,       /* get; struct rill_tcpi (rill/tcpi.h): the field's struct tcp_info */
    RILL_TCP_QUICKACK = 12,   /* 1: acknowledge at once for a while; 0: delay from now on */
    RILL_TCP_CONGESTION = 13, /* a name: one of those the stack's config names */
    RILL_TCP_USER_TIMEOUT = 18,     /* ms */
    RILL_TCP_NOTSENT_LOWAT = 25,    /* bytes not yet sent that stop the writer; 0: none */
    RILL_TCP_FASTOPEN = 23,         /* of a listener: how many may be pending; 0: none (RFC 7413) */
    RILL_TCP_FASTOPEN_CONNECT = 30, /* connect returns 0, and the first bytes go with the SYN */
    RILL_TCP_FASTOPEN_KEY = 33,     /* one or two keys of 16 bytes for cookies; get: those in use */
    RILL_TCP_FASTOPEN_NO_COOKIE = 34, /* bytes in the SYN without one */
    RILL_TCP_INQ = 36,                /* RILL_ANCILLARY_INQ with what is received */
    RILL_TCP_CC_INFO = 26,            /* get; what the congestion control has to tell: 0 bytes */
    /* Numbers of our own, which no system uses. */
    RILL_TCP_ACCOUNT = 0x7261, /* get; struct rill_tcp_info, the limiter account included */
    RILL_TCP_USER_TIMEOUT_OFFER = 0x7262, /* s; RILL_TCP_OPTION_USER_TIMEOUT_OFFER (RFC 5482) */
};
enum rill_ip_socket_option {
    RILL_IP_TOS = 1,
    RILL_IP_TTL = 2,
    RILL_IP_PKTINFO = 8,       /* RILL_ANCILLARY_LOCAL with each datagram */
    RILL_IP_MTU_DISCOVER = 10, /* 0 … 5; kept: a stream always finds its path's MTU out */
    RILL_IP_RECVTTL = 12,
    RILL_IP_RECVTOS = 13,
    RILL_IP_MTU = 14,          /* get; of the path, once connected */
    RILL_IP_FREEBIND = 15,     /* bind to an address that is not ours (yet) */
    RILL_IP_MULTICAST_IF = 32, /* the interface's number plus 1; 0: the route's */
    RILL_IP_MULTICAST_TTL = 33,
    RILL_IP_ADD_MEMBERSHIP = 35,  /* set; struct rill_membership */
    RILL_IP_DROP_MEMBERSHIP = 36, /* the same */
};
enum rill_ipv6_socket_option {
    RILL_IPV6_UNICAST_HOPS = 16,
    RILL_IPV6_MULTICAST_IF = 17, /* the interface's number plus 1; 0: the route's */
    RILL_IPV6_MULTICAST_HOPS = 18,
    RILL_IPV6_ADD_MEMBERSHIP = 20,  /* set; struct rill_membership */
    RILL_IPV6_DROP_MEMBERSHIP = 21, /* the same */
    RILL_IPV6_MTU_DISCOVER = 23,    /* as RILL_IP_MTU_DISCOVER */
    RILL_IPV6_MTU = 24,             /* get; of the path, once connected */
    RILL_IPV6_V6ONLY = 26,          /* before bind and connect */
    RILL_IPV6_RECVPKTINFO = 49,     /* RILL_ANCILLARY_LOCAL with each datagram */
    RILL_IPV6_RECVHOPLIMIT = 51,
    RILL_IPV6_RECVTCLASS = 66,
    RILL_IPV6_TCLASS = 67,
};

/* A group of the option's family that a datagram socket joins, or leaves: at the latest when it is
 * closed. Up to 20 a socket. -RILL_EINVAL (not such a group), -RILL_ENODEV (no such interface, or
 * no route), -RILL_EADDRINUSE (joined already), -RILL_EADDRNOTAVAIL (not joined), -RILL_ENOBUFS,
 * -RILL_ENOMEM or -RILL_EPROTO (a stream). */
struct rill_membership {
    struct rill_address group;
    uint32_t interface; /* its number plus 1; 0: the route's */
};

/* What Linux's 64-bit timeval is. */
struct rill_timeval {
    int64_t seconds, microseconds;
};

struct rill_linger {
    int on;
    int seconds; /* 0: closing aborts. Else closing goes on by itself: nothing here waits */
};

/* The descriptors of one program. One thread, the stack's. */
struct rill_sockets;

struct rill_sockets_config {
    size_t size;
    struct rill_allocator allocator;
    int first;    /* the lowest descriptor */
    uint32_t max; /* how many there may be; default 65536 */
};
/* Fills in every default; `allocator` must be set. */
RILL_API void rill_sockets_config_default(struct rill_sockets_config *config);

/* Returns 0, -RILL_EINVAL or -RILL_ENOMEM. The stack outlives the sockets. */
RILL_API RILL_MUST_CHECK int rill_sockets_open(struct rill_stack *stack,
                                               const struct rill_sockets_config *config,
                                               struct rill_sockets **out);
/* Closes each descriptor as rill_socket_close does, then gives everything back. */
RILL_API void rill_sockets_close(struct rill_sockets *sockets);

/* A new descriptor, the smallest free number; `protocol` 0 is the type's own. Returns it, or
 * -RILL_EAFNOSUPPORT, -RILL_EINVAL, -RILL_ESOCKTNOSUPPORT, -RILL_EPROTONOSUPPORT, -RILL_EMFILE,
 * -RILL_ENOMEM. Every call below may say -RILL_EBADF. */
RILL_API RILL_MUST_CHECK int rill_socket(struct rill_sockets *sockets, int family, int type,
                                         int protocol);

/* Gives the descriptor up: a stream is closed as rill_tcp_close does, or aborted with linger 0. */
RILL_API int rill_socket_close(struct rill_sockets *sockets, int fd);

/* Returns 0, -RILL_EINVAL (bound or connected), -RILL_EADDRINUSE, -RILL_EADDRNOTAVAIL,
 * -RILL_EAFNOSUPPORT (address of the other family) or -RILL_ENOMEM. An IPv6 socket at the address
 * any takes IPv4 peers too, unless RILL_IPV6_V6ONLY is set. */
RILL_API RILL_MUST_CHECK int rill_bind(struct rill_sockets *sockets, int fd,
                                       const struct rill_endpoint *local);

/* Up to `backlog` + 1 connections wait to be accepted; again: changes that. Returns 0,
 * -RILL_EINVAL, -RILL_EADDRINUSE, -RILL_EOPNOTSUPP or -RILL_ENOMEM. */
RILL_API RILL_MUST_CHECK int rill_listen(struct rill_sockets *sockets, int fd, int backlog);

/* A new descriptor for the oldest connection that waits; `peer` may be null. It has the listener's
 * options. Returns it, or -RILL_EAGAIN, -RILL_EINVAL (not listening), -RILL_EOPNOTSUPP,
 * -RILL_EMFILE or -RILL_ENOMEM (the connection waits on). */
RILL_API RILL_MUST_CHECK int rill_accept(struct rill_sockets *sockets, int fd,
                                         struct rill_endpoint *peer);

/* A stream: -RILL_EINPROGRESS, then RILL_POLLOUT and RILL_SO_ERROR say what became of it, or the
 * call once more: -RILL_EALREADY, 0, or why not; then -RILL_EISCONN. A datagram socket: 0.
 * `remote` null dissolves the connection (a stream is reset). Also -RILL_EINVAL,
 * -RILL_EAFNOSUPPORT, -RILL_ENETUNREACH, -RILL_EADDRNOTAVAIL, -RILL_EADDRINUSE, -RILL_EACCES
 * (broadcast), -RILL_EOPNOTSUPP or -RILL_ENOMEM. */
RILL_API RILL_MUST_CHECK int rill_connect(struct rill_sockets *sockets, int fd,
                                          const struct rill_endpoint *remote);

RILL_API int rill_shutdown(struct rill_sockets *sockets, int fd, int how);

struct rill_iovec {
    void *base;
    size_t length;
};

enum rill_ancillary_bit {
    RILL_ANCILLARY_LOCAL = 1, /* our side's address: of a datagram that came, or to send from */
    RILL_ANCILLARY_HOP_LIMIT = 2,
    RILL_ANCILLARY_TRAFFIC_CLASS = 4,
    RILL_ANCILLARY_INQ = 8, /* of a stream: bytes that are left to read */
};

/* What goes with a datagram. Sending: what `present` names counts for this one. Receiving: what the
 * options ask for (RILL_IP_PKTINFO …) is filled in, and `present` says what. */
struct rill_ancillary {
    uint32_t present; /* enum rill_ancillary_bit */
    struct rill_address local;
    uint16_t zone; /* of a link-local address */
    uint8_t hop_limit, traffic_class;
    int inq; /* bytes; one at least after the peer's FIN, as Linux has it */
};

struct rill_message {
    struct rill_endpoint *name; /* to, or from; may be null */
    const struct rill_iovec *iov;
    size_t iov_count;
    struct rill_ancillary *ancillary; /* may be null */
    int flags;                        /* out: RILL_MSG_TRUNC, a part of the datagram is lost */
};

/* Return bytes taken, or -RILL_EAGAIN, -RILL_EPIPE, -RILL_ENOTCONN, -RILL_EDESTADDRREQ,
 * -RILL_EMSGSIZE, -RILL_EINVAL, -RILL_EOPNOTSUPP, -RILL_ENOBUFS, an error of connect's, or the one
 * the socket has met, once. */
RILL_API int64_t rill_send(struct rill_sockets *sockets, int fd, const void *data, size_t length,
                           int flags);
RILL_API int64_t rill_sendto(struct rill_sockets *sockets, int fd, const void *data, size_t length,
                             int flags, const struct rill_endpoint *to);
RILL_API int64_t rill_sendmsg(struct rill_sockets *sockets, int fd,
                              const struct rill_message *message, int flags);

/* Return bytes, 0 at the end of a stream, or -RILL_EAGAIN, -RILL_ENOTCONN, -RILL_EINVAL, or the
 * error the socket has met, once. `from` may be null. */
RILL_API int64_t rill_recv(struct rill_sockets *sockets, int fd, void *data, size_t length,
                           int flags);
RILL_API int64_t rill_recvfrom(struct rill_sockets *sockets, int fd, void *data, size_t length,
                               int flags, struct rill_endpoint *from);
RILL_API int64_t rill_recvmsg(struct rill_sockets *sockets, int fd, struct rill_message *message,
                              int flags);

RILL_API RILL_MUST_CHECK int rill_getsockname(struct rill_sockets *sockets, int fd,
                                              struct rill_endpoint *out);
/* Also -RILL_ENOTCONN. */
RILL_API RILL_MUST_CHECK int rill_getpeername(struct rill_sockets *sockets, int fd,
                                              struct rill_endpoint *out);

/* Return 0, -RILL_ENOPROTOOPT, -RILL_EINVAL, -RILL_EDOM, -RILL_EFAULT (null) or an error of the
 * option's. Reading, `length` is the room, and then the bytes filled. */
RILL_API int rill_setsockopt(struct rill_sockets *sockets, int fd, int level, int option,
                             const void *value, size_t length);
RILL_API int rill_getsockopt(struct rill_sockets *sockets, int fd, int level, int option,
                             void *value, size_t *length);

enum rill_ioctl_request {
    RILL_SIOCATMARK = 0x8905,  /* 1: the next byte to read is the one the urgent pointer means */
    RILL_SIOCINQ = 0x541b,     /* bytes to read; a datagram's length */
    RILL_SIOCOUTQ = 0x5411,    /* bytes of a stream that the peer has not acknowledged */
    RILL_SIOCOUTQNSD = 0x894b, /* those of them that have not been sent */
};
/* Fills in what is asked for. Returns 0, -RILL_EINVAL (a listener), -RILL_ENOTTY or -RILL_EFAULT.
 */
RILL_API int rill_ioctl(struct rill_sockets *sockets, int fd, unsigned long request, int *value);

enum rill_poll_bit {
    RILL_POLLIN = 0x1,
    RILL_POLLPRI = 0x2, /* an urgent byte is there to read */
    RILL_POLLOUT = 0x4,
    RILL_POLLERR = 0x8,
    RILL_POLLHUP = 0x10,
    RILL_POLLNVAL = 0x20,
    RILL_POLLRDNORM = 0x40,
    RILL_POLLRDBAND = 0x80, /* never */
    RILL_POLLWRNORM = 0x100,
    RILL_POLLWRBAND = 0x200,
    RILL_POLLRDHUP = 0x2000,
};

struct rill_pollfd {
    int fd;
    short events, revents;
};

/* Fills `revents`: what is true now. Never waits. Returns how many have one. */
RILL_API int rill_poll(struct rill_sockets *sockets, struct rill_pollfd *fds, size_t count);
/* Every bit that is true of one descriptor now. */
RILL_API int rill_poll_one(struct rill_sockets *sockets, int fd);

/* The handle the descriptor stands on now: a connection, a listener, a datagram socket; 0: none
 * yet. It changes with bind, listen and connect. */
RILL_API rill_handle rill_socket_handle(struct rill_sockets *sockets, int fd);
/* The descriptor an event is of, or -RILL_EBADF: it is of a handle of the application's own. */
RILL_API int rill_socket_of(struct rill_sockets *sockets, const struct rill_event *event);
/* A pointer of the application's, kept with the descriptor. */
RILL_API int rill_socket_user_set(struct rill_sockets *sockets, int fd, void *user);
RILL_API void *rill_socket_user(struct rill_sockets *sockets, int fd);

#ifdef __cplusplus
}
#endif
#endif
