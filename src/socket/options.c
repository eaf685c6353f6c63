/* socket/options.c: setsockopt and getsockopt.
 *
 * An option that is a number is one row of a table: where it is kept, what it may be, where it
 * counts. The rest (errors, what a socket is) has a case of its own; what is more than a number is
 * option_records.c's. What concerns a
 * connection is told to the stack when there is one, and again when the next one is opened. */
#include "socket/socket.h"

#include "base/util.h"
#include "stack/stack.h"
#include "tcp/host.h"
#include <string.h>

enum rule_kind {
    RULE_NUMBER,
    RULE_FLAG,     /* any number; kept as 0 or 1 */
    RULE_OCTET,    /* its lower eight bits count */
    RULE_UNBOUND,  /* a flag, but only before the socket has a port */
    RULE_DATAGRAM, /* a number, of datagram sockets only */
};

struct rule {
    int level, option;
    uint8_t slot, kind;
    int least, most, initial;
};

#define S RILL_SOL_SOCKET
#define T RILL_IPPROTO_TCP
#define I RILL_IPPROTO_IP
#define V RILL_IPPROTO_IPV6
#define ANY INT32_MIN, INT32_MAX
static const struct rule rules[] = {
    {S, RILL_SO_REUSEADDR, SLOT_REUSEADDR, RULE_FLAG, ANY, 0},
    {S, RILL_SO_BROADCAST, SLOT_BROADCAST, RULE_FLAG, ANY, 0},
    {S, RILL_SO_KEEPALIVE, SLOT_KEEPALIVE, RULE_FLAG, ANY, 0},
    {S, RILL_SO_DEBUG, SLOT_DEBUG, RULE_FLAG, ANY, 0},
    {S, RILL_SO_DONTROUTE, SLOT_DONTROUTE, RULE_FLAG, ANY, 0},
    {S, RILL_SO_OOBINLINE, SLOT_OOBINLINE, RULE_FLAG, ANY, 0},
    {S, RILL_SO_PRIORITY, SLOT_PRIORITY, RULE_NUMBER, ANY, 0},
    {S, RILL_SO_MARK, SLOT_MARK, RULE_NUMBER, ANY, 0},
    {T, RILL_TCP_NODELAY, SLOT_NODELAY, RULE_FLAG, ANY, 0},
    {T, RILL_TCP_CORK, SLOT_CORK, RULE_FLAG, ANY, 0},
    {T, RILL_TCP_KEEPIDLE, SLOT_KEEPIDLE, RULE_NUMBER, 1, 32767, 0},
    {T, RILL_TCP_KEEPINTVL, SLOT_KEEPINTVL, RULE_NUMBER, 1, 32767, 0},
    {T, RILL_TCP_KEEPCNT, SLOT_KEEPCNT, RULE_NUMBER, 1, 127, 0},
    {T, RILL_TCP_SYNCNT, SLOT_SYNCNT, RULE_NUMBER, 1, 127, 0},
    {T, RILL_TCP_USER_TIMEOUT, SLOT_USER_TIMEOUT, RULE_NUMBER, 0, INT32_MAX, 0},
    {T, RILL_TCP_USER_TIMEOUT_OFFER, SLOT_USER_TIMEOUT_OFFER, RULE_NUMBER, 0, 32767 * 60, 0},
    {T, RILL_TCP_INQ, SLOT_INQ, RULE_NUMBER, 0, 1, 0},
    {T, RILL_TCP_NOTSENT_LOWAT, SLOT_NOTSENT_LOWAT, RULE_NUMBER, ANY, 0},
    {T, RILL_TCP_QUICKACK, SLOT_QUICKACK, RULE_FLAG, ANY, 1},
    {I, RILL_IP_MTU_DISCOVER, SLOT_MTU_DISCOVER, RULE_NUMBER, 0, 5, 1},
    {I, RILL_IP_FREEBIND, SLOT_FREEBIND, RULE_FLAG, ANY, 0},
    {I, RILL_IP_TOS, SLOT_TOS, RULE_OCTET, ANY, 0},
    {I, RILL_IP_TTL, SLOT_TTL, RULE_NUMBER, -1, 255, -1},
    {I, RILL_IP_PKTINFO, SLOT_PKTINFO, RULE_FLAG, ANY, 0},
    {I, RILL_IP_RECVTTL, SLOT_RECVTTL, RULE_FLAG, ANY, 0},
    {I, RILL_IP_RECVTOS, SLOT_RECVTOS, RULE_FLAG, ANY, 0},
    {I, RILL_IP_MULTICAST_TTL, SLOT_MULTICAST_TTL, RULE_DATAGRAM, -1, 255, 1},
    {I, RILL_IP_MULTICAST_IF, SLOT_MULTICAST_IF, RULE_DATAGRAM, 0, 32, 0},
    {V, RILL_IPV6_UNICAST_HOPS, SLOT_HOPS, RULE_NUMBER, -1, 255, -1},
    {V, RILL_IPV6_MULTICAST_HOPS, SLOT_MULTICAST_HOPS, RULE_DATAGRAM, -1, 255, 1},
    {V, RILL_IPV6_MULTICAST_IF, SLOT_MULTICAST_IF6, RULE_DATAGRAM, 0, 32, 0},
    {V, RILL_IPV6_MTU_DISCOVER, SLOT_MTU_DISCOVER6, RULE_NUMBER, 0, 5, 1},
    {V, RILL_IPV6_V6ONLY, SLOT_V6ONLY, RULE_UNBOUND, ANY, 0},
    {V, RILL_IPV6_RECVPKTINFO, SLOT_RECVPKTINFO, RULE_FLAG, ANY, 0},
    {V, RILL_IPV6_RECVHOPLIMIT, SLOT_RECVHOPLIMIT, RULE_FLAG, ANY, 0},
    {V, RILL_IPV6_RECVTCLASS, SLOT_RECVTCLASS, RULE_FLAG, ANY, 0},
    {V, RILL_IPV6_TCLASS, SLOT_TCLASS, RULE_NUMBER, -1, 255, 0},
};
#undef S
#undef T
#undef I
#undef V
#undef ANY

void rill__options_init(struct sock *sock) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        sock->options[rules[i].slot] = rules[i].initial;
}

/* Of the stack, where the socket says nothing. */
const struct rill_stack_config *rill__option_defaults(const struct rill_sockets *sockets) {
    const struct tcp_host *tcp = (const struct tcp_host *)sockets->stack->tcp;
    return tcp ? &tcp->config : 0;
}

static void apply_buffers(struct rill_sockets *sockets, const struct sock *sock) {
    uint32_t receive = (uint32_t)sock->options[SLOT_RECEIVE_BUFFER];
    uint32_t send = (uint32_t)sock->options[SLOT_SEND_BUFFER];
    struct rill_stack *stack = sockets->stack;
    if (receive && sock->stream)
        (void)rill_tcp_set_option(stack, sock->handle, RILL_TCP_OPTION_RECEIVE_BUFFER, receive);
    else if (receive)
        (void)rill_udp_set_option(stack, sock->handle, RILL_UDP_OPTION_RECEIVE_BUFFER, receive);
    if (send && sock->stream)
        (void)rill_tcp_set_option(stack, sock->handle, RILL_TCP_OPTION_SEND_BUFFER, send);
    else if (send)
        (void)rill_udp_set_option(stack, sock->handle, RILL_UDP_OPTION_SEND_BUFFER, send);
}

void rill__options_apply(struct rill_sockets *sockets, const struct sock *sock) {
    static const struct {
        uint8_t slot, option;
    } told[] = {
        {SLOT_KEEPIDLE, RILL_TCP_OPTION_KEEPALIVE_IDLE},
        {SLOT_KEEPINTVL, RILL_TCP_OPTION_KEEPALIVE_INTERVAL},
        {SLOT_KEEPCNT, RILL_TCP_OPTION_KEEPALIVE_COUNT},
        {SLOT_KEEPALIVE, RILL_TCP_OPTION_KEEPALIVE},
        {SLOT_NODELAY, RILL_TCP_OPTION_NODELAY},
        {SLOT_CORK, RILL_TCP_OPTION_CORK},
        {SLOT_MAXSEG, RILL_TCP_OPTION_MSS},
        {SLOT_SYNCNT, RILL_TCP_OPTION_SYN_RETRIES},
        {SLOT_USER_TIMEOUT, RILL_TCP_OPTION_USER_TIMEOUT},
        {SLOT_USER_TIMEOUT_OFFER, RILL_TCP_OPTION_USER_TIMEOUT_OFFER},
        {SLOT_LINGER2, RILL_TCP_OPTION_FIN_WAIT_2}, /* -1 as it is: not at all */
        {SLOT_WINDOW_CLAMP, RILL_TCP_OPTION_WINDOW_CLAMP},
        {SLOT_CONGESTION, RILL_TCP_OPTION_CONGESTION},
        {SLOT_NOTSENT_LOWAT, RILL_TCP_OPTION_UNSENT_LOW},
    };
    if (!sock->handle)
        return;
    apply_buffers(sockets, sock);
    struct rill_tcp_info info;
    if (!sock->stream || rill_tcp_get_info(sockets->stack, sock->handle, &info))
        return;
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (sock->options[told[i].slot])
            (void)rill_tcp_set_option(sockets->stack, sock->handle,
                                      (enum rill_tcp_option)told[i].option,
                                      (uint32_t)sock->options[told[i].slot]);
    bool ipv4 = rill_address_is_ipv4(&info.remote.address);
    int hops = sock->options[ipv4 ? SLOT_TTL : SLOT_HOPS];
    int tclass = sock->options[ipv4 ? SLOT_TOS : SLOT_TCLASS];
    if (hops > 0)
        (void)rill_tcp_set_option(sockets->stack, sock->handle, RILL_TCP_OPTION_HOP_LIMIT,
                                  (uint32_t)hops);
    if (tclass)
        (void)rill_tcp_set_option(sockets->stack, sock->handle, RILL_TCP_OPTION_TRAFFIC_CLASS,
                                  (uint32_t)tclass);
}

/* What goes back to 0 must be told too. */
void rill__options_tell(struct rill_sockets *sockets, const struct sock *sock, uint8_t slot) {
    static const struct {
        uint8_t slot, option;
    } told[] = {
        {SLOT_NODELAY, RILL_TCP_OPTION_NODELAY},
        {SLOT_CORK, RILL_TCP_OPTION_CORK},
        {SLOT_KEEPALIVE, RILL_TCP_OPTION_KEEPALIVE},
        {SLOT_USER_TIMEOUT, RILL_TCP_OPTION_USER_TIMEOUT},
        {SLOT_USER_TIMEOUT_OFFER, RILL_TCP_OPTION_USER_TIMEOUT_OFFER},
        {SLOT_QUICKACK, RILL_TCP_OPTION_QUICK_ACKS},
        {SLOT_CONGESTION, RILL_TCP_OPTION_CONGESTION},
        {SLOT_NOTSENT_LOWAT, RILL_TCP_OPTION_UNSENT_LOW},
    };
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (sock->stream && sock->handle && slot == told[i].slot) {
            (void)rill_tcp_set_option(sockets->stack, sock->handle,
                                      (enum rill_tcp_option)told[i].option,
                                      (uint32_t)sock->options[slot]);
            return;
        }
    rill__options_apply(sockets, sock);
}

static const struct rule *find(const struct sock *sock, int level, int option) {
    if ((level == RILL_IPPROTO_TCP && !sock->stream) ||
        (level == RILL_IPPROTO_IPV6 && sock->family != RILL_AF_INET6))
        return 0;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].level == level && rules[i].option == option)
            return &rules[i];
    return 0;
}

static int set_rule(struct rill_sockets *sockets, struct sock *sock, const struct rule *rule,
                    int value) {
    bool zero_ttl = rule->slot == SLOT_TTL && value == 0;
    if (value < rule->least || value > rule->most || zero_ttl ||
        (rule->kind == RULE_DATAGRAM && sock->stream && rule->level == RILL_IPPROTO_IP) ||
        (rule->kind == RULE_UNBOUND && (sock->bound || sock->handle)))
        return -RILL_EINVAL;
    if (rule->kind == RULE_DATAGRAM && sock->stream)
        return -RILL_ENOPROTOOPT;
    if (rule->kind == RULE_FLAG || rule->kind == RULE_UNBOUND)
        value = value != 0;
    if (rule->kind == RULE_OCTET) /* of a stream the ECN bits are TCP's own (RFC 3168 §6.1) */
        value &= sock->stream ? 0xfc : 0xff;
    if (value == -1) /* the default again */
        value = rule->initial;
    sock->options[rule->slot] = value;
    rill__options_tell(sockets, sock, rule->slot);
    return 0;
}

/* The least, when told back, is what Linux's is. */
static int set_buffer(struct rill_sockets *sockets, struct sock *sock, int slot, int value) {
    int least = slot == SLOT_SEND_BUFFER ? 4608 / 2 : 2304 / 2;
    sock->options[slot] = RILL_MAX(least, RILL_MIN(value, 1 << 29));
    rill__options_apply(sockets, sock);
    return 0;
}

static int set_linger2(struct rill_sockets *sockets, struct sock *sock, int value) {
    sock->options[SLOT_LINGER2] = value < 0 ? -1 : RILL_MIN(value, 120); /* as in Linux */
    rill__options_apply(sockets, sock);
    return 0;
}

static int set_window_clamp(struct rill_sockets *sockets, struct sock *sock, int value) {
    if (!value && rill__stream_sync(sockets, sock) != RILL_TCP_CLOSED)
        return -RILL_EINVAL;
    sock->options[SLOT_WINDOW_CLAMP] = value ? RILL_MAX(value, 1152) : 0; /* Linux's least */
    rill__options_apply(sockets, sock);
    return 0;
}

static int set_segment(struct sock *sock, int value) {
    if (value && (value < 88 || value > 32767))
        return -RILL_EINVAL;
    sock->options[SLOT_MAXSEG] = value;
    return 0;
}

static int set_of_socket(struct rill_sockets *sockets, struct sock *sock, int option, int value) {
    switch (option) {
    case RILL_SO_SNDBUF:
    case RILL_SO_SNDBUFFORCE:
        return set_buffer(sockets, sock, SLOT_SEND_BUFFER, value);
    case RILL_SO_RCVBUF:
    case RILL_SO_RCVBUFFORCE:
        return set_buffer(sockets, sock, SLOT_RECEIVE_BUFFER, value);
    case RILL_SO_RCVLOWAT:
        value = value < 0 ? INT32_MAX : value;
        sock->options[SLOT_RCVLOWAT] = /* more than there can be would never come */
            RILL_MIN(value, rill__option_buffer(sockets, sock, SLOT_RECEIVE_BUFFER));
        return 0;
    case RILL_SO_REUSEPORT:
        return value ? -RILL_ENOPROTOOPT : 0;
    default:
        return -RILL_ENOPROTOOPT;
    }
}

static int set_other(struct rill_sockets *sockets, struct sock *sock, int level, int option,
                     int value) {
    if (level == RILL_SOL_SOCKET)
        return set_of_socket(sockets, sock, option, value);
    if (level != RILL_IPPROTO_TCP || !sock->stream)
        return -RILL_ENOPROTOOPT;
    switch (option) {
    case RILL_TCP_MAXSEG:
        return set_segment(sock, value);
    case RILL_TCP_LINGER2:
        return set_linger2(sockets, sock, value);
    case RILL_TCP_WINDOW_CLAMP:
        return set_window_clamp(sockets, sock, value);
    default:
        return -RILL_ENOPROTOOPT;
    }
}

int rill_setsockopt(struct rill_sockets *sockets, int fd, int level, int option, const void *value,
                    size_t length) {
    struct sock *sock = rill__sock_at(sockets, fd);
    if (!sock)
        return -RILL_EBADF;
    if (rill__membership_option(level, option))
        return rill__membership_set(sockets, sock, option, value, length);
    if (rill__option_is_record(sock, level, option))
        return rill__option_record_set(sockets, sock, level, option, value, length);
    if (sock->stream && rill__fast_open_option_is(level, option))
        return rill__fast_open_option_set(sockets, sock, option, value, length);
    const struct rule *rule = find(sock, level, option);
    bool octet = rule && level == RILL_IPPROTO_IP && length == 1;
    int number = 0;
    if (!rule && ((level == RILL_IPPROTO_TCP && !sock->stream) ||
                  (level != RILL_IPPROTO_TCP && level != RILL_SOL_SOCKET)))
        return -RILL_ENOPROTOOPT;
    if (length < sizeof number && !octet)
        return -RILL_EINVAL;
    if (!value)
        return -RILL_EFAULT;
    if (octet)
        number = *(const uint8_t *)value;
    else
        memcpy(&number, value, sizeof number);
    return rule ? set_rule(sockets, sock, rule, number)
                : set_other(sockets, sock, level, option, number);
}

static int or_default(int value, uint64_t stack, uint64_t otherwise) {
    return value ? value : (int)(stack ? stack : otherwise);
}

/* A stream's as it is now: it follows the path. */
static int stream_buffer(struct rill_sockets *sockets, const struct sock *sock, bool send) {
    const struct rill_stack_config *config = rill__option_defaults(sockets);
    struct rill_tcp_info info;
    if (sock->handle && !rill_tcp_get_info(sockets->stack, sock->handle, &info))
        return (int)(send ? info.send_buffer : info.receive_buffer);
    if (!config)
        return 0;
    return send ? or_default(0, config->send_buffer, config->send_buffer_min)
                : or_default(0, config->receive_buffer, config->receive_buffer_min);
}

int rill__option_buffer(struct rill_sockets *sockets, const struct sock *sock, int slot) {
    bool send = slot == SLOT_SEND_BUFFER;
    int asked = sock->options[slot];
    struct rill_udp_config udp;
    if (asked)
        return 2 * asked;
    if (sock->stream)
        return stream_buffer(sockets, sock, send);
    rill_udp_config_default(&udp);
    return (int)(send ? udp.send_buffer : udp.receive_buffer);
}

static int get_rule(const struct rill_sockets *sockets, const struct sock *sock,
                    const struct rule *rule) {
    int value = sock->options[rule->slot];
    const struct rill_stack_config *stack = rill__option_defaults(sockets);
    switch (rule->slot) {
    case SLOT_KEEPIDLE:
        return or_default(value, stack ? stack->keepalive_idle / RILL_SECOND : 0, 7200);
    case SLOT_KEEPINTVL:
        return or_default(value, stack ? stack->keepalive_interval / RILL_SECOND : 0, 75);
    case SLOT_KEEPCNT:
        return or_default(value, stack ? stack->keepalive_count : 0, 9);
    case SLOT_SYNCNT:
        return or_default(value, stack ? stack->syn_retries : 0, 6);
    case SLOT_TTL:
    case SLOT_HOPS:
        return value < 0 ? 64 : value;
    default:
        return value;
    }
}

static int max_segment(struct rill_sockets *sockets, struct sock *sock) {
    struct rill_tcp_info info;
    enum rill_tcp_state state = rill__stream_sync(sockets, sock);
    if (state == RILL_TCP_CLOSED || state == RILL_TCP_LISTEN ||
        rill_tcp_get_info(sockets->stack, sock->handle, &info))
        return or_default(sock->options[SLOT_MAXSEG], 536, 0);
    return info.mss;
}

static int pending_error(struct rill_sockets *sockets, struct sock *sock) {
    if (sock->stream)
        (void)rill__stream_sync(sockets, sock);
    else
        rill__datagram_sync(sockets, sock);
    return -rill__sock_take_error(sock);
}

/* False: no such option. */
static bool get_of_socket(struct rill_sockets *sockets, struct sock *sock, int option, int *out) {
    switch (option) {
    case RILL_SO_TYPE:
        *out = sock->stream ? RILL_SOCK_STREAM : RILL_SOCK_DGRAM;
        return true;
    case RILL_SO_ERROR:
        *out = pending_error(sockets, sock);
        return true;
    case RILL_SO_SNDBUF:
        *out = rill__option_buffer(sockets, sock, SLOT_SEND_BUFFER);
        return true;
    case RILL_SO_RCVBUF:
        *out = rill__option_buffer(sockets, sock, SLOT_RECEIVE_BUFFER);
        return true;
    case RILL_SO_REUSEPORT:
        *out = 0;
        return true;
    case RILL_SO_RCVLOWAT:
        *out = or_default(sock->options[SLOT_RCVLOWAT], 1, 1);
        return true;
    case RILL_SO_SNDLOWAT:
        *out = 1;
        return true;
    case RILL_SO_ACCEPTCONN:
        *out = sock->listening;
        return true;
    case RILL_SO_PROTOCOL:
        *out = sock->stream ? RILL_IPPROTO_TCP : RILL_IPPROTO_UDP;
        return true;
    case RILL_SO_DOMAIN:
        *out = sock->family;
        return true;
    default:
        return false;
    }
}

static bool get_of_tcp(struct rill_sockets *sockets, struct sock *sock, int option, int *out) {
    const struct rill_stack_config *stack = rill__option_defaults(sockets);
    int linger2 = sock->options[SLOT_LINGER2];
    switch (option) {
    case RILL_TCP_MAXSEG:
        *out = max_segment(sockets, sock);
        return true;
    case RILL_TCP_LINGER2:
        *out = or_default(linger2, stack ? stack->fin_wait_2 / RILL_SECOND : 0, 60);
        return true;
    case RILL_TCP_WINDOW_CLAMP:
        *out = sock->options[SLOT_WINDOW_CLAMP];
        return true;
    default:
        return false;
    }
}

/* RILL_IP_MTU and RILL_IPV6_MTU: of a connected socket's path. */
static int path_mtu(struct rill_sockets *sockets, struct sock *sock) {
    struct rill_endpoint local, remote;
    struct rill_route_info route = {.size = sizeof route};
    if (rill_getpeername(sockets, sock->fd, &remote) || rill_getsockname(sockets, sock->fd, &local))
        return -RILL_ENOTCONN;
    int error = rill_route_get(sockets->stack, &remote, &local, &route);
    return error ? -RILL_ENOTCONN : (int)route.mtu;
}

/* 0, -RILL_ENOPROTOOPT, or an error of the option's. */
static int get_number(struct rill_sockets *sockets, struct sock *sock, int level, int option,
                      int *out) {
    const struct rule *rule = find(sock, level, option);
    bool known = rule != 0;
    bool mtu =
        (level == RILL_IPPROTO_IP && option == RILL_IP_MTU) ||
        (level == RILL_IPPROTO_IPV6 && option == RILL_IPV6_MTU && sock->family == RILL_AF_INET6);
    if (mtu) {
        *out = path_mtu(sockets, sock);
        return *out < 0 ? *out : 0;
    }
    if (rule)
        *out = get_rule(sockets, sock, rule);
    else if (level == RILL_SOL_SOCKET)
        known = get_of_socket(sockets, sock, option, out);
    else if (level == RILL_IPPROTO_TCP && sock->stream)
        known = get_of_tcp(sockets, sock, option, out);
    return known ? 0 : -RILL_ENOPROTOOPT;
}

int rill_getsockopt(struct rill_sockets *sockets, int fd, int level, int option, void *value,
                    size_t *length) {
    struct sock *sock = rill__sock_at(sockets, fd);
    if (!sock)
        return -RILL_EBADF;
    if (!length || (!value && *length))
        return -RILL_EFAULT;
    if (rill__option_is_record(sock, level, option))
        return rill__option_record_get(sockets, sock, level, option, value, length);
    if (sock->stream && rill__fast_open_option_is(level, option))
        return rill__fast_open_option_get(sockets, sock, option, value, length);
    int number;
    bool foreign = (level == RILL_IPPROTO_TCP && !sock->stream && sock->family == RILL_AF_INET) ||
                   (level == RILL_IPPROTO_IPV6 && sock->family == RILL_AF_INET);
    int error = get_number(sockets, sock, level, option, &number);
    if (error)
        return foreign && error == -RILL_ENOPROTOOPT ? -RILL_EOPNOTSUPP : error;
    uint8_t octet = (uint8_t)number;
    if (level == RILL_IPPROTO_IP && *length && *length < sizeof number && number >= 0 &&
        number <= 255)
        return rill__option_give(value, length, &octet, 1);
    return rill__option_give(value, length, &number, sizeof number);
}
