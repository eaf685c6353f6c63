/* socket/option_records.c: the options whose value is more than a number. */
#include "socket/socket.h"

#include "base/util.h"
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

bool rill__option_is_record(const struct sock *sock, int level, int option) {
    if (level == RILL_SOL_SOCKET)
        return option == RILL_SO_LINGER || option == RILL_SO_MEMINFO;
    return level == RILL_IPPROTO_TCP && sock->stream &&
           (option == RILL_TCP_INFO || option == RILL_TCP_CC_INFO || option == RILL_TCP_ACCOUNT);
}

int rill__option_record_get(struct rill_sockets *sockets, struct sock *sock, int level, int option,
                            void *value, size_t *length) {
    if (level == RILL_SOL_SOCKET)
        return option == RILL_SO_LINGER
                   ? rill__option_give(value, length, &sock->linger, sizeof sock->linger)
                   : get_meminfo(sockets, sock, value, length);
    switch (option) {
    case RILL_TCP_INFO:
        return get_tcpi(sockets, sock, value, length);
    case RILL_TCP_ACCOUNT:
        return get_account(sockets, sock, value, length);
    default: /* RILL_TCP_CC_INFO */
        return rill__option_give(value, length, 0, 0);
    }
}

int rill__option_record_set(struct sock *sock, int level, int option, const void *value,
                            size_t length) {
    if (level != RILL_SOL_SOCKET || option != RILL_SO_LINGER)
        return -RILL_ENOPROTOOPT;
    if (length < sizeof sock->linger)
        return -RILL_EINVAL;
    if (!value)
        return -RILL_EFAULT;
    memcpy(&sock->linger, value, sizeof sock->linger);
    return 0;
}
