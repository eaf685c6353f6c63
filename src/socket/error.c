/* socket/error.c: errno, by number and by what the stack says. */
#include "socket/socket.h"

static const struct {
    int number;
    const char *name, *text;
} errnos[] = {
#define ERRNO_ROW(name, number, text) {number, #name, text},
    RILL_ERRNOS(ERRNO_ROW)
#undef ERRNO_ROW
};

static int row_of(int error) {
    int number = error < 0 && error > -4096 ? -error : error;
    for (size_t i = 0; i < sizeof errnos / sizeof *errnos; i++)
        if (errnos[i].number == number)
            return (int)i;
    return -1;
}

const char *rill_errno_name(int error) {
    int row = row_of(error);
    return row < 0 ? "?" : errnos[row].name + sizeof "RILL_" - 1;
}

const char *rill_errno_text(int error) {
    int row = row_of(error);
    return row < 0 ? "unknown error" : errnos[row].text;
}

int rill__errno(int error) {
    switch (error) {
    case RILL_ERROR_MEMORY:
        return -RILL_ENOMEM;
    case RILL_ERROR_HANDLE:
        return -RILL_EBADF;
    case RILL_ERROR_AGAIN:
        return -RILL_EAGAIN;
    case RILL_ERROR_STATE: /* of opening: the host has no such transport */
        return -RILL_EPROTONOSUPPORT;
    case RILL_ERROR_ADDRESS_IN_USE:
        return -RILL_EADDRINUSE;
    case RILL_ERROR_ADDRESS_NOT_AVAILABLE:
        return -RILL_EADDRNOTAVAIL;
    case RILL_ERROR_NO_ROUTE:
        return -RILL_ENETUNREACH;
    case RILL_ERROR_REFUSED:
        return -RILL_ECONNREFUSED;
    case RILL_ERROR_RESET:
        return -RILL_ECONNRESET;
    case RILL_ERROR_TIMED_OUT:
        return -RILL_ETIMEDOUT;
    case RILL_ERROR_CLOSED:
        return -RILL_EPIPE;
    case RILL_ERROR_ABORTED:
        return -RILL_ECONNABORTED;
    case RILL_ERROR_LIMIT:
        return -RILL_ENOBUFS;
    case RILL_ERROR_UNREACHABLE:
        return -RILL_EHOSTUNREACH;
    default:
        return -RILL_EINVAL;
    }
}

int rill__sock_take_error(struct sock *sock) {
    int error = sock->error;
    sock->error = 0;
    return -error;
}
