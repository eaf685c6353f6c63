/* socket/option_records.c: the options whose value is more than a number. */
#include "socket/socket.h"

#include "base/util.h"
#include "tcp/congestion.h"
#include <rill/tcpi.h>
#include <string.h>

int rill__option_give(void *value, size_t *length, const void *from, size_t size) {
    *length = RILL_MIN(*length, size);
    if (*length)
        memcpy(value, from, *length);
    return 0;
}

/* Of a connection, of a listener, of a port, or of none of them. */
static int get_tcpi(struct rill_sockets *sockets, struct sock *sock, void *value, size_t *length) {
    struct rill_tcpi info = {.tcpi_state = RILL_TCPI_CLOSE};
    (void)rill__stream_sync(sockets, sock); /* an error of the connection's is noted by it */
    rill_handle handle = sock->handle ? sock->handle : sock->bound;
    if (rill_tcp_get_tcpi(sockets->stack, handle, &info) && handle)
        return -RILL_EBADF;
    return rill__option_give(value, length, &info, sizeof info);
}

static int get_account(struct rill_sockets *sockets, struct sock *sock, void *value,
                       size_t *length) {
    struct rill_tcp_info info = {.size = sizeof info};
    info.state = rill__stream_sync(sockets, sock);
    if (sock->handle && rill_tcp_get_info(sockets->stack, sock->handle, &info))
        return -RILL_EBADF;
    return rill__option_give(value, length, &info, sizeof info);
}

static int get_meminfo(struct rill_sockets *sockets, struct sock *sock, void *value,
                       size_t *length) {
    uint32_t info[RILL_MEMINFO_VARS] = {0};
    struct rill_tcp_info tcp;
    info[RILL_MEMINFO_RCVBUF] = (uint32_t)rill__option_buffer(sockets, sock, SLOT_RECEIVE_BUFFER);
    info[RILL_MEMINFO_SNDBUF] = (uint32_t)rill__option_buffer(sockets, sock, SLOT_SEND_BUFFER);
    if (sock->stream && sock->handle && !rill_tcp_get_info(sockets->stack, sock->handle, &tcp)) {
        info[RILL_MEMINFO_RMEM_ALLOC] = tcp.receive_queued;
        info[RILL_MEMINFO_WMEM_ALLOC] = tcp.in_flight;
        info[RILL_MEMINFO_WMEM_QUEUED] = tcp.send_queued;
    }
    return rill__option_give(value, length, info, sizeof info);
}

/* The name of number `n`: 0 is the stack's own, the others follow; null: there is none. */
static const char *congestion_name(const struct rill_sockets *sockets, int n) {
    const struct rill_stack_config *config = rill__option_defaults(sockets);
    const struct rill_congestion_ops *ops = !config ? 0
                                            : n     ? config->congestion_more[n - 1]
                                                    : config->congestion;
    return ops ? ops->name : 0;
}

#define CONGESTION_NAME 16 /* bytes, as Linux's TCP_CA_NAME_MAX */

static int get_congestion(const struct rill_sockets *sockets, const struct sock *sock, void *value,
                          size_t *length) {
    char name[CONGESTION_NAME] = {0};
    const char *found = congestion_name(sockets, sock->options[SLOT_CONGESTION]);
    for (size_t i = 0; found && found[i] && i + 1 < sizeof name; i++)
        name[i] = found[i];
    return rill__option_give(value, length, name, sizeof name);
}

static int set_congestion(struct rill_sockets *sockets, struct sock *sock, const void *value,
                          size_t length) {
    char name[CONGESTION_NAME] = {0};
    if (!length)
        return -RILL_EINVAL;
    if (!value)
        return -RILL_EFAULT;
    memcpy(name, value, RILL_MIN(length, sizeof name - 1));
    for (int i = 0; i <= RILL_CONGESTIONS; i++) {
        const char *known = congestion_name(sockets, i);
        if (!known || strcmp(known, name))
            continue;
        sock->options[SLOT_CONGESTION] = i;
        rill__options_tell(sockets, sock, SLOT_CONGESTION);
        return 0;
    }
    return -RILL_ENOENT;
}

/* Nothing here waits, so they are kept and told back, no more. */
static int set_timeout(struct sock *sock, int option, const void *value, size_t length) {
    struct rill_timeval time;
    if (length < sizeof time)
        return -RILL_EINVAL;
    if (!value)
        return -RILL_EFAULT;
    memcpy(&time, value, sizeof time);
    if (time.microseconds < 0 || time.microseconds >= 1000000)
        return -RILL_EDOM;
    if (time.seconds < 0)
        time.seconds = time.microseconds = 0;
    sock->timeouts[option == RILL_SO_SNDTIMEO] = time;
    return 0;
}

static int set_linger(struct sock *sock, const void *value, size_t length) {
    if (length < sizeof sock->linger)
        return -RILL_EINVAL;
    if (!value)
        return -RILL_EFAULT;
    memcpy(&sock->linger, value, sizeof sock->linger);
    return 0;
}

bool rill__option_is_record(const struct sock *sock, int level, int option) {
    if (level == RILL_SOL_SOCKET)
        return option == RILL_SO_LINGER || option == RILL_SO_MEMINFO ||
               option == RILL_SO_RCVTIMEO || option == RILL_SO_SNDTIMEO;
    return level == RILL_IPPROTO_TCP && sock->stream &&
           (option == RILL_TCP_INFO || option == RILL_TCP_CC_INFO || option == RILL_TCP_ACCOUNT ||
            option == RILL_TCP_CONGESTION);
}

static int get_of_socket(struct rill_sockets *sockets, struct sock *sock, int option, void *value,
                         size_t *length) {
    switch (option) {
    case RILL_SO_LINGER:
        return rill__option_give(value, length, &sock->linger, sizeof sock->linger);
    case RILL_SO_MEMINFO:
        return get_meminfo(sockets, sock, value, length);
    default: /* RILL_SO_RCVTIMEO, RILL_SO_SNDTIMEO */
        return rill__option_give(value, length, &sock->timeouts[option == RILL_SO_SNDTIMEO],
                                 sizeof *sock->timeouts);
    }
}

int rill__option_record_get(struct rill_sockets *sockets, struct sock *sock, int level, int option,
                            void *value, size_t *length) {
    if (level == RILL_SOL_SOCKET)
        return get_of_socket(sockets, sock, option, value, length);
    switch (option) {
    case RILL_TCP_INFO:
        return get_tcpi(sockets, sock, value, length);
    case RILL_TCP_ACCOUNT:
        return get_account(sockets, sock, value, length);
    case RILL_TCP_CONGESTION:
        return get_congestion(sockets, sock, value, length);
    default: /* RILL_TCP_CC_INFO */
        return rill__option_give(value, length, 0, 0);
    }
}

int rill__option_record_set(struct rill_sockets *sockets, struct sock *sock, int level, int option,
                            const void *value, size_t length) {
    if (level == RILL_IPPROTO_TCP)
        return option == RILL_TCP_CONGESTION ? set_congestion(sockets, sock, value, length)
                                             : -RILL_ENOPROTOOPT;
    if (option == RILL_SO_LINGER)
        return set_linger(sock, value, length);
    return option == RILL_SO_MEMINFO ? -RILL_ENOPROTOOPT : set_timeout(sock, option, value, length);
}
