/* tests/interop/subject_kernel.c: the kernel under test, behind the tunnel. Its listener stays from
 * sequence to sequence; each has a port of the peer's own. */
#include "sequence.h"
#include "tunnel.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener = -1, connection = -1;

static struct sockaddr_in address(uint8_t last, uint16_t port) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    in.sin_addr.s_addr = htonl(0x0a4d0000u | last);
    return in;
}

static bool listen_once(void) {
    struct sockaddr_in at = address(1, OWN_PORT);
    int one = 1, buffer = 64240; /* half of twice that becomes the window */
    static unsigned uses;
    if (listener >= 0 && ++uses % 200)
        return true;
    if (listener >= 0)
        close(listener); /* and with it what its half-open records have filled of the backlog */
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return !bind(listener, (struct sockaddr *)&at, sizeof at) && !listen(listener, 1000);
}

static bool begin(const struct sequence *sequence, uint8_t peer, uint16_t peer_port) {
    struct sockaddr_in to = address(peer, peer_port), from = address(1, 0);
    connection = -1;
    if (!listen_once())
        return false;
    if (sequence->begin != BEGIN_SYN_SENT)
        return true;
    connection = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1, buffer = 64240;
    setsockopt(connection, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return connection >= 0 && !bind(connection, (struct sockaddr *)&from, sizeof from) &&
           connect(connection, (struct sockaddr *)&to, sizeof to) && errno == EINPROGRESS;
}

static void put(const void *packet, size_t length) {
    tunnel_put(packet, length);
    if (connection < 0)
        connection = accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static bool closed;

static void call(const struct step *step) {
    static uint8_t bytes[4096];
    ssize_t n = 0;
    if (connection < 0 || closed)
        return;
    if (step->kind == STEP_WRITE)
        n = send(connection, bytes, step->length, MSG_NOSIGNAL);
    else if (step->kind == STEP_READ)
        n = recv(connection, bytes, step->length, 0);
    else if (step->kind == STEP_SHUTDOWN)
        n = shutdown(connection, SHUT_WR);
    (void)n;
    if (step->kind != STEP_CLOSE)
        return;
    close(connection);
    closed = true;
}

static void info(struct rill_tcpi *out) {
    socklen_t length = sizeof *out;
    memset(out, 0, sizeof *out);
    if (connection < 0 || closed || getsockopt(connection, IPPROTO_TCP, TCP_INFO, out, &length))
        out->tcpi_state = RILL_TCPI_CLOSE;
}

static void end(void) {
    struct linger linger = {1, 0};
    if (connection >= 0 && !closed) {
        setsockopt(connection, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
        close(connection);
    }
    closed = false;
    while ((connection = accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        close(connection);
}

const struct subject kernel_subject = {"kernel", begin, put, tunnel_get, call, info, end};
