/* socket/stream.c: a TCP socket's life: bound, listening, connecting, connected, shut down, closed.
 *
 * Three things say where a socket is, as in the systems whose calls these are: what connect has
 * been told (phase), the state of the connection, and which directions are shut down. An error is
 * pending until one call has told it. */
#include "socket/socket.h"

/* RFC 9293 §3.3.2: there is somebody to tell of an abort. */
static bool has_peer(enum rill_tcp_state state) {
    return state == RILL_TCP_ESTABLISHED || state == RILL_TCP_CLOSE_WAIT ||
           state == RILL_TCP_FIN_WAIT_1 || state == RILL_TCP_FIN_WAIT_2 ||
           state == RILL_TCP_SYN_RECEIVED;
}

/* A reset after the peer's FIN says to who still sends that nobody reads it: a broken pipe. */
static int error_of(int error, bool only_sends) {
    return error == RILL_ERROR_RESET && only_sends ? RILL_EPIPE : -rill__errno(error);
}

enum rill_tcp_state rill__stream_sync(struct rill_sockets *sockets, struct sock *sock) {
    if (sock->listening)
        return RILL_TCP_LISTEN;
    struct rill_tcp_info info;
    if (!sock->handle || sock->ended || rill_tcp_get_info(sockets->stack, sock->handle, &info))
        return RILL_TCP_CLOSED;
    bool peer_closed = rill_ready(sockets->stack, sock->handle) & RILL_EVENT_PEER_CLOSED;
    if (peer_closed)
        sock->shutdown |= SHUTDOWN_READ;
    if (info.state != RILL_TCP_CLOSED && info.state != RILL_TCP_TIME_WAIT)
        return info.state;
    if (info.error)
        sock->error = error_of(info.error, peer_closed && !(sock->shutdown & SHUTDOWN_WRITE));
    sock->ended = true;
    sock->shutdown = SHUTDOWN_BOTH;
    return RILL_TCP_CLOSED;
}

static int bind_at(struct rill_sockets *sockets, struct sock *sock,
                   const struct rill_endpoint *local, uint8_t family) {
    struct rill_tcp_bind_config config;
    rill_tcp_bind_config_default(&config);
    config.local = *local;
    config.family = family;
    config.reuse = sock->options[SLOT_REUSEADDR];
    config.foreign = sock->options[SLOT_FREEBIND];
    config.user = sock_tag(sock);
    int error = rill_tcp_bind(sockets->stack, &config, &sock->bound);
    if (error)
        return rill__errno(error);
    return rill_tcp_bound_local(sockets->stack, sock->bound, &sock->asked) ? -RILL_EBADF : 0;
}

int rill__stream_bind(struct rill_sockets *sockets, struct sock *sock,
                      const struct rill_endpoint *local, uint8_t family) {
    if (rill__stream_sync(sockets, sock) != RILL_TCP_CLOSED || sock->bound || sock->handle)
        return -RILL_EINVAL;
    int error = bind_at(sockets, sock, local, family);
    if (!error)
        sock->port_locked = local->port != 0;
    return error;
}

static void unbind(struct rill_sockets *sockets, struct sock *sock) {
    static const struct rill_endpoint nowhere = {{{0}}, 0, 0};
    if (sock->bound)
        (void)rill_tcp_close(sockets->stack, sock->bound);
    sock->bound = 0;
    sock->asked = nowhere;
}

int rill_listen(struct rill_sockets *sockets, int fd, int backlog) {
    static const struct rill_endpoint anywhere = {{{0}}, 0, 0};
    struct sock *sock = rill__sock_at(sockets, fd);
    if (!sock)
        return -RILL_EBADF;
    if (!sock->stream)
        return -RILL_EOPNOTSUPP;
    enum rill_tcp_state state = rill__stream_sync(sockets, sock);
    if (sock->phase != PHASE_UNCONNECTED || (state != RILL_TCP_CLOSED && state != RILL_TCP_LISTEN))
        return -RILL_EINVAL;
    if (!sock->bound) {
        int error = bind_at(sockets, sock, &anywhere, rill__sock_family(sock));
        if (error)
            return error;
    }
    uint32_t most =
        backlog < 0 || backlog > RILL_SOMAXCONN ? (uint32_t)RILL_SOMAXCONN : (uint32_t)backlog;
    int error = rill_tcp_bound_listen(sockets->stack, sock->bound, most + 1);
    if (error)
        return rill__errno(error);
    sock->listening = true;
    if (sock->options[SLOT_MAXSEG])
        (void)rill_tcp_set_option(sockets->stack, sock->bound, RILL_TCP_OPTION_MSS,
                                  (uint32_t)sock->options[SLOT_MAXSEG]);
    rill__fast_open_listen(sockets, sock);
    return 0;
}

/* The socket stands where it stood before it connected or listened. A port of the application's own
 * choice stays its own. */
static void forget_connection(struct rill_sockets *sockets, struct sock *sock, bool abort) {
    if (sock->handle)
        (void)(abort ? rill_tcp_abort(sockets->stack, sock->handle)
                     : rill_tcp_close(sockets->stack, sock->handle));
    sock->handle = 0;
    sock->ended = false;
    sock->shutdown = 0;
    if (!sock->port_locked)
        unbind(sockets, sock);
}

/* A listener that stops: who waits to be accepted is reset, the port stays if it was asked for. */
static int stop_listening(struct rill_sockets *sockets, struct sock *sock) {
    struct rill_endpoint local = sock->asked;
    bool again = sock->port_locked;
    sock->listening = false;
    sock->shutdown = 0;
    unbind(sockets, sock);
    return again ? bind_at(sockets, sock, &local, rill__sock_family(sock)) : 0;
}

/* connect to nobody, and shutdown before there is a connection: what there is, is given up. */
static int disconnect(struct rill_sockets *sockets, struct sock *sock) {
    enum rill_tcp_state state = rill__stream_sync(sockets, sock);
    sock->phase = PHASE_UNCONNECTED;
    if (state == RILL_TCP_LISTEN)
        return stop_listening(sockets, sock);
    if (has_peer(state) || state == RILL_TCP_SYN_SENT)
        sock->error = RILL_ECONNRESET;
    forget_connection(sockets, sock, true);
    return 0;
}

static int start(struct rill_sockets *sockets, struct sock *sock, const struct rill_endpoint *given,
                 bool send) {
    int error = rill__sock_check_remote(sock, given);
    if (error)
        return error;
    if (!given->port)
        return -RILL_EADDRNOTAVAIL;
    struct rill_tcp_connect_config config;
    rill_tcp_connect_config_default(&config);
    config.local = sock->asked;
    config.remote = rill__sock_remote(sock, given);
    config.receive_buffer = (uint32_t)sock->options[SLOT_RECEIVE_BUFFER];
    config.fast_open = rill__fast_open_wanted(sock, send);
    config.user = sock_tag(sock);
    error = rill_tcp_connect(sockets->stack, &config, &sock->handle);
    if (error) {
        sock->handle = 0;
        return error == RILL_ERROR_ADDRESS_IN_USE ? -RILL_EADDRNOTAVAIL : rill__errno(error);
    }
    rill__options_apply(sockets, sock);
    sock->ended = false;
    sock->phase = PHASE_CONNECTING;
    return rill__fast_open_is_held(sockets, sock) ? 0 : -RILL_EINPROGRESS;
}

int rill__stream_connect(struct rill_sockets *sockets, struct sock *sock,
                         const struct rill_endpoint *remote) {
    return rill__stream_open(sockets, sock, remote, false);
}

int rill__stream_open(struct rill_sockets *sockets, struct sock *sock,
                      const struct rill_endpoint *remote, bool send) {
    if (!remote)
        return disconnect(sockets, sock);
    enum rill_tcp_state state = rill__stream_sync(sockets, sock);
    if (sock->phase == PHASE_CONNECTED)
        return -RILL_EISCONN;
    if (sock->phase == PHASE_DISCONNECTING)
        return -RILL_EINVAL;
    if (sock->phase == PHASE_UNCONNECTED)
        return state == RILL_TCP_CLOSED ? start(sockets, sock, remote, send) : -RILL_EISCONN;
    if (rill__fast_open_is_held(sockets, sock))
        return send ? -RILL_EINPROGRESS : -RILL_EISCONN;
    if (state == RILL_TCP_SYN_SENT || state == RILL_TCP_SYN_RECEIVED)
        return -RILL_EALREADY;
    if (state != RILL_TCP_CLOSED) {
        sock->phase = PHASE_CONNECTED;
        return 0;
    }
    int error = rill__sock_take_error(sock);
    sock->phase = PHASE_UNCONNECTED;
    forget_connection(sockets, sock, false);
    return error ? error : -RILL_ECONNABORTED;
}

int rill__stream_shutdown(struct rill_sockets *sockets, struct sock *sock, int how) {
    uint8_t bits = how == RILL_SHUT_RD   ? SHUTDOWN_READ
                   : how == RILL_SHUT_WR ? SHUTDOWN_WRITE
                                         : SHUTDOWN_BOTH;
    enum rill_tcp_state state = rill__stream_sync(sockets, sock);
    if (sock->phase == PHASE_CONNECTING) {
        bool none = state == RILL_TCP_CLOSED || state == RILL_TCP_SYN_SENT ||
                    state == RILL_TCP_SYN_RECEIVED;
        sock->phase = none ? PHASE_DISCONNECTING : PHASE_CONNECTED;
    }
    if (state == RILL_TCP_SYN_SENT || (state == RILL_TCP_LISTEN && bits & SHUTDOWN_READ))
        return disconnect(sockets, sock);
    if (state == RILL_TCP_LISTEN)
        return 0;
    sock->shutdown |= bits;
    if (state == RILL_TCP_CLOSED)
        return -RILL_ENOTCONN;
    if (bits & SHUTDOWN_READ)
        (void)rill_tcp_shutdown_read(sockets->stack, sock->handle);
    if (bits & SHUTDOWN_WRITE &&
        rill_tcp_shutdown(sockets->stack, sock->handle) == RILL_ERROR_MEMORY)
        return -RILL_ENOBUFS;
    return 0;
}

void rill__stream_close(struct rill_sockets *sockets, struct sock *sock) {
    bool abort = sock->linger.on && !sock->linger.seconds;
    sock->port_locked = false;
    forget_connection(sockets, sock, abort);
}

int rill_accept(struct rill_sockets *sockets, int fd, struct rill_endpoint *peer) {
    struct sock *listener = rill__sock_at(sockets, fd);
    if (!listener)
        return -RILL_EBADF;
    int error;
    struct sock *sock = rill__sock_open(sockets, &error);
    if (!sock)
        return error;
    error = !listener->stream ? -RILL_EOPNOTSUPP
            : !listener->listening
                ? -RILL_EINVAL
                : rill_tcp_accept(sockets->stack, listener->bound, &sock->handle);
    if (error) {
        rill__sock_free(sockets, sock);
        return error == RILL_ERROR_AGAIN ? -RILL_EAGAIN : error;
    }
    sock->family = listener->family;
    sock->stream = true;
    sock->phase = PHASE_CONNECTED;
    sock->linger = listener->linger;
    for (int i = 0; i < SLOT_COUNT; i++)
        sock->options[i] = listener->options[i];
    sock->options[SLOT_PRIORITY] = 0;
    for (int i = 0; i < 2; i++)
        sock->timeouts[i] = listener->timeouts[i];
    (void)rill_user_set(sockets->stack, sock->handle, sock_tag(sock));
    rill__options_apply(sockets, sock);
    struct rill_tcp_info info;
    if (peer && !rill_tcp_get_info(sockets->stack, sock->handle, &info))
        *peer = info.remote;
    return sock->fd;
}
