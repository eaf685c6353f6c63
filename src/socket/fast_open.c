/* socket/fast_open.c: Fast Open (RFC 7413) as Linux's sockets have it: bytes given to sendto before
 * there is a connection, a connect that waits for the first bytes, and the listener's side. */
#include "socket/socket.h"

#include "stack/stack.h"
#include "tcp/host.h"
#include <string.h>

#define KEY 16 /* bytes */

/* What the host permits: enum rill_fast_open_bit. */
static uint16_t permitted(const struct rill_sockets *sockets) {
    const struct tcp_host *tcp = (const struct tcp_host *)sockets->stack->tcp;
    return tcp ? tcp->config.fast_open : 0;
}

int rill__fast_open_connect(struct rill_sockets *sockets, struct sock *sock,
                            const struct rill_endpoint *remote) {
    if (!(permitted(sockets) & RILL_FAST_OPEN_CONNECT) || !remote)
        return -RILL_EOPNOTSUPP;
    return rill__stream_open(sockets, sock, remote, true);
}

bool rill__fast_open_is_held(const struct rill_sockets *sockets, const struct sock *sock) {
    struct rill_tcp_info info;
    return sock->handle && !rill_tcp_get_info(sockets->stack, sock->handle, &info) && info.syn_held;
}

uint8_t rill__fast_open_wanted(const struct sock *sock, bool send) {
    uint8_t wanted = send                                   ? RILL_FAST_OPEN_TRY
                     : sock->options[SLOT_FASTOPEN_CONNECT] ? RILL_FAST_OPEN_HOLD
                                                            : RILL_FAST_OPEN_NEVER;
    if (wanted != RILL_FAST_OPEN_NEVER && sock->options[SLOT_FASTOPEN_NO_COOKIE])
        wanted |= RILL_FAST_OPEN_UNASKED;
    return wanted;
}

void rill__fast_open_listen(struct rill_sockets *sockets, const struct sock *sock) {
    if (!sock->bound)
        return;
    (void)rill_tcp_fast_open_set(sockets->stack, sock->bound,
                                 (uint32_t)sock->options[SLOT_FASTOPEN]);
    if (sock->fast_open_keys)
        (void)!rill_tcp_fast_open_keys(sockets->stack, sock->bound, sock->fast_open_key,
                                       sock->fast_open_keys);
}

bool rill__fast_open_option_is(int level, int option) {
    return level == RILL_IPPROTO_TCP &&
           (option == RILL_TCP_FASTOPEN || option == RILL_TCP_FASTOPEN_CONNECT ||
            option == RILL_TCP_FASTOPEN_KEY || option == RILL_TCP_FASTOPEN_NO_COOKIE);
}

static int set_keys(struct rill_sockets *sockets, struct sock *sock, const void *value,
                    size_t length) {
    if (length != KEY && length != sizeof sock->fast_open_key)
        return -RILL_EINVAL;
    memcpy(sock->fast_open_key, value, length);
    sock->fast_open_keys = (uint8_t)(length / KEY);
    rill__fast_open_listen(sockets, sock);
    return 0;
}

int rill__fast_open_option_set(struct rill_sockets *sockets, struct sock *sock, int option,
                               const void *value, size_t length) {
    enum rill_tcp_state state = rill__stream_sync(sockets, sock);
    bool before = (state == RILL_TCP_CLOSED && !sock->handle) || state == RILL_TCP_LISTEN;
    int number;
    if (!value)
        return -RILL_EFAULT;
    if (option == RILL_TCP_FASTOPEN_KEY)
        return set_keys(sockets, sock, value, length);
    if (length < sizeof number)
        return -RILL_EINVAL;
    memcpy(&number, value, sizeof number);
    bool flag = option != RILL_TCP_FASTOPEN;
    if (number < 0 || (flag && number > 1))
        return -RILL_EINVAL;
    if (option == RILL_TCP_FASTOPEN_CONNECT && !(permitted(sockets) & RILL_FAST_OPEN_CONNECT))
        return -RILL_EOPNOTSUPP;
    if (!before)
        return -RILL_EINVAL;
    sock->options[option == RILL_TCP_FASTOPEN           ? SLOT_FASTOPEN
                  : option == RILL_TCP_FASTOPEN_CONNECT ? SLOT_FASTOPEN_CONNECT
                                                        : SLOT_FASTOPEN_NO_COOKIE] = number;
    if (!flag)
        rill__fast_open_listen(sockets, sock);
    return 0;
}

/* The socket's own keys, or the host's. */
static int get_keys(struct rill_sockets *sockets, const struct sock *sock, void *value,
                    size_t *length) {
    uint8_t keys[2 * KEY];
    uint32_t most;
    int count = rill_tcp_fast_open_get(sockets->stack, sock->bound, &most, keys);
    if (count < 0)
        return rill__errno(count);
    if (!sock->bound && sock->fast_open_keys) {
        count = sock->fast_open_keys;
        memcpy(keys, sock->fast_open_key, sizeof keys);
    }
    *length = RILL_MIN(*length, (size_t)count * KEY);
    if (*length)
        memcpy(value, keys, *length);
    return 0;
}

int rill__fast_open_option_get(struct rill_sockets *sockets, const struct sock *sock, int option,
                               void *value, size_t *length) {
    if (option == RILL_TCP_FASTOPEN_KEY)
        return get_keys(sockets, sock, value, length);
    int number = sock->options[option == RILL_TCP_FASTOPEN           ? SLOT_FASTOPEN
                               : option == RILL_TCP_FASTOPEN_CONNECT ? SLOT_FASTOPEN_CONNECT
                                                                     : SLOT_FASTOPEN_NO_COOKIE];
    *length = RILL_MIN(*length, sizeof number);
    if (*length)
        memcpy(value, &number, *length);
    return 0;
}
