/* socket/datagram.c: a UDP socket: bound, connected, shut down; datagrams in and out.
 *
 * The stack's socket is opened when a port is first needed. A datagram is one piece there; of
 * several it is put together in memory that is given back at once. */
#include "socket/socket.h"

#include "base/address.h"
#include "base/util.h"

#define DATAGRAM_MAX 65535

void rill__datagram_sync(struct rill_sockets *sockets, struct sock *sock) {
    int error = sock->handle ? rill_udp_take_error(sockets->stack, sock->handle) : 0;
    if (error)
        sock->error = -rill__errno(error);
}

static bool get_info(struct rill_sockets *sockets, const struct sock *sock,
                     struct rill_udp_info *info) {
    return sock->handle && !rill_udp_get_info(sockets->stack, sock->handle, info);
}

bool rill__datagram_is_connected(struct rill_sockets *sockets, const struct sock *sock) {
    struct rill_udp_info info;
    return get_info(sockets, sock, &info) && info.remote.port;
}

int rill__datagram_bind(struct rill_sockets *sockets, struct sock *sock,
                        const struct rill_endpoint *local, uint8_t family) {
    if (sock->handle)
        return local ? -RILL_EINVAL : 0;
    struct rill_udp_config config;
    rill_udp_config_default(&config);
    if (local)
        config.local = *local;
    config.family = family;
    config.exclusive = true;
    config.reuse = sock->options[SLOT_REUSEADDR];
    config.user = sock_tag(sock);
    int error = rill_udp_open(sockets->stack, &config, &sock->handle);
    if (error) {
        sock->handle = 0;
        return rill__errno(error);
    }
    sock->port_locked = local && local->port;
    rill__options_apply(sockets, sock);
    return 0;
}

static bool is_broadcast(const struct rill_address *address) {
    const struct rill_address all = rill_address_ipv4(255, 255, 255, 255);
    return rill_address_equal(address, &all);
}

static int check(const struct sock *sock, const struct rill_endpoint *remote) {
    int error = rill__sock_check_remote(sock, remote);
    if (error)
        return error;
    return is_broadcast(&remote->address) && !sock->options[SLOT_BROADCAST] ? -RILL_EACCES : 0;
}

static int disconnect(struct rill_sockets *sockets, struct sock *sock) {
    if (!sock->handle)
        return 0;
    if (sock->port_locked)
        return rill_udp_connect(sockets->stack, sock->handle, 0) ? -RILL_EBADF : 0;
    (void)rill_udp_close(sockets->stack, sock->handle); /* the port was the connection's */
    sock->handle = 0;
    return 0;
}

/* The interface that datagrams to a group leave by, if the application has named it. */
static void choose_interface(const struct sock *sock, struct rill_endpoint *remote) {
    bool ipv4 = rill_address_is_ipv4(&remote->address);
    if (rill__address_is_group(&remote->address) && !is_broadcast(&remote->address) &&
        !remote->zone)
        remote->zone = (uint16_t)sock->options[ipv4 ? SLOT_MULTICAST_IF : SLOT_MULTICAST_IF6];
}

int rill__datagram_connect(struct rill_sockets *sockets, struct sock *sock,
                           const struct rill_endpoint *given) {
    if (!given)
        return disconnect(sockets, sock);
    int error = rill__datagram_bind(sockets, sock, 0, rill__sock_family(sock));
    if (!error)
        error = check(sock, given);
    if (error)
        return error;
    struct rill_endpoint remote = rill__sock_remote(sock, given);
    choose_interface(sock, &remote);
    error = rill_udp_connect(sockets->stack, sock->handle, &remote);
    return error ? rill__errno(error) : 0;
}

int rill__datagram_shutdown(struct rill_sockets *sockets, struct sock *sock, int how) {
    sock->shutdown |= how == RILL_SHUT_RD   ? SHUTDOWN_READ
                      : how == RILL_SHUT_WR ? SHUTDOWN_WRITE
                                            : SHUTDOWN_BOTH;
    return rill__datagram_is_connected(sockets, sock) ? 0 : -RILL_ENOTCONN;
}

/* What goes with a datagram: the socket's options, then the message's own. */
static void fill(const struct sock *sock, const struct rill_ancillary *own,
                 struct rill_udp_message *out) {
    bool ipv4 = rill_address_is_ipv4(&out->remote.address);
    bool group = rill__address_is_group(&out->remote.address);
    int hops = sock->options[group ? (ipv4 ? SLOT_MULTICAST_TTL : SLOT_MULTICAST_HOPS)
                                   : (ipv4 ? SLOT_TTL : SLOT_HOPS)];
    out->hop_limit = (uint8_t)(hops < 0 ? 0 : hops);
    out->traffic_class = (uint8_t)sock->options[ipv4 ? SLOT_TOS : SLOT_TCLASS];
    if (!own)
        return;
    if (own->present & RILL_ANCILLARY_LOCAL)
        out->local.address = own->local;
    if (own->present & RILL_ANCILLARY_LOCAL && !out->remote.zone)
        out->remote.zone = own->zone;
    if (own->present & RILL_ANCILLARY_HOP_LIMIT)
        out->hop_limit = own->hop_limit;
    if (own->present & RILL_ANCILLARY_TRAFFIC_CLASS)
        out->traffic_class = own->traffic_class;
}

/* Where to: the message's address, or the one the socket is connected to. */
static int choose_remote(struct rill_sockets *sockets, const struct sock *sock,
                         const struct rill_endpoint *name, struct rill_endpoint *out) {
    struct rill_udp_info info;
    if (!name) {
        if (!get_info(sockets, sock, &info) || !info.remote.port)
            return -RILL_EDESTADDRREQ;
        *out = info.remote;
        return 0;
    }
    if (!name->port)
        return -RILL_EINVAL;
    int error = check(sock, name);
    *out = rill__sock_remote(sock, name);
    choose_interface(sock, out);
    return error;
}

static int64_t send_pieces(struct rill_sockets *sockets, struct sock *sock,
                           const struct rill_message *message, size_t length,
                           const struct rill_udp_message *to) {
    const struct rill_allocator *allocator = &sockets->allocator;
    if (message->iov_count == 1)
        return rill_udp_send(sockets->stack, sock->handle, message->iov[0].base, length, to);
    uint8_t *flat = (uint8_t *)allocator->allocate(allocator->context, length + 1);
    if (!flat)
        return RILL_ERROR_MEMORY;
    rill__iovec_gather(message, flat);
    int64_t n = rill_udp_send(sockets->stack, sock->handle, flat, length, to);
    allocator->release(allocator->context, flat, length + 1);
    return n;
}

int64_t rill__datagram_send(struct rill_sockets *sockets, struct sock *sock,
                            const struct rill_message *message, int flags) {
    struct rill_udp_message to = {.hop_limit = 0};
    int error = rill__datagram_bind(sockets, sock, 0, rill__sock_family(sock));
    if (error)
        return error;
    size_t length = rill__iovec_length(message);
    if (length > DATAGRAM_MAX)
        return -RILL_EMSGSIZE;
    if (flags & (RILL_MSG_OOB | RILL_MSG_MORE))
        return -RILL_EOPNOTSUPP;
    error = choose_remote(sockets, sock, message->name, &to.remote);
    if (error)
        return error;
    if (length > RILL_UDP_PAYLOAD_MAX)
        return -RILL_EMSGSIZE;
    rill__datagram_sync(sockets, sock);
    error = rill__sock_take_error(sock);
    if (!error && sock->shutdown & SHUTDOWN_WRITE)
        error = -RILL_EPIPE;
    if (error)
        return error;
    fill(sock, message->ancillary, &to);
    if (!to.hop_limit && rill__address_is_group(&to.remote.address) &&
        !is_broadcast(&to.remote.address))
        return (int64_t)length; /* no further than this host */
    int64_t n = send_pieces(sockets, sock, message, length, &to);
    return n >= 0 ? n : n == RILL_ERROR_MEMORY ? -RILL_ENOBUFS : rill__errno((int)n);
}

static void tell(const struct sock *sock, const struct rill_udp_message *came,
                 struct rill_ancillary *out) {
    const int *options = sock->options;
    bool ipv4 = rill_address_is_ipv4(&came->remote.address);
    bool local = options[SLOT_RECVPKTINFO] || (ipv4 && options[SLOT_PKTINFO]);
    bool hops = options[ipv4 ? SLOT_RECVTTL : SLOT_RECVHOPLIMIT];
    bool tclass = options[ipv4 ? SLOT_RECVTOS : SLOT_RECVTCLASS];
    out->present = (local ? (unsigned)RILL_ANCILLARY_LOCAL : 0u) |
                   (hops ? (unsigned)RILL_ANCILLARY_HOP_LIMIT : 0u) |
                   (tclass ? (unsigned)RILL_ANCILLARY_TRAFFIC_CLASS : 0u);
    out->local = came->local.address;
    out->zone = came->local.zone;
    out->hop_limit = came->hop_limit;
    out->traffic_class = came->traffic_class;
}

static int64_t take(struct rill_sockets *sockets, struct sock *sock, bool peek, uint8_t *data,
                    size_t length, struct rill_udp_message *came) {
    return peek ? rill_udp_peek(sockets->stack, sock->handle, data, length, came)
                : rill_udp_receive(sockets->stack, sock->handle, data, length, came);
}

/* Into one piece, or through memory of our own into several; the datagram stays when there is none.
 */
static int64_t receive_pieces(struct rill_sockets *sockets, struct sock *sock,
                              const struct rill_message *message, bool peek, size_t length,
                              struct rill_udp_message *came) {
    const struct rill_allocator *allocator = &sockets->allocator;
    if (message->iov_count == 1)
        return take(sockets, sock, peek, (uint8_t *)message->iov[0].base, length, came);
    uint8_t *flat = (uint8_t *)allocator->allocate(allocator->context, length + 1);
    if (!flat)
        return RILL_ERROR_MEMORY;
    int64_t n = take(sockets, sock, peek, flat, length, came);
    if (n > 0)
        rill__iovec_scatter(message, flat, RILL_MIN((size_t)n, length));
    allocator->release(allocator->context, flat, length + 1);
    return n;
}

int64_t rill__datagram_receive(struct rill_sockets *sockets, struct sock *sock,
                               struct rill_message *message, int flags) {
    struct rill_udp_message came;
    rill__datagram_sync(sockets, sock);
    int error = rill__sock_take_error(sock);
    if (error)
        return error;
    if (!sock->handle)
        return -RILL_EAGAIN;
    size_t length = RILL_MIN(rill__iovec_length(message), DATAGRAM_MAX);
    int64_t n = receive_pieces(sockets, sock, message, (flags & RILL_MSG_PEEK) != 0, length, &came);
    if (n < 0)
        return n == RILL_ERROR_MEMORY ? -RILL_ENOBUFS : rill__errno((int)n);
    if (message->name)
        *message->name = came.remote;
    if (message->ancillary)
        tell(sock, &came, message->ancillary);
    if ((size_t)n <= length)
        return n;
    message->flags |= RILL_MSG_TRUNC;
    return flags & RILL_MSG_TRUNC ? n : (int64_t)length;
}
