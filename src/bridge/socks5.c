/* bridge/socks5.c: see socks5.h.
 *
 * A session greets, asks, waits and is answered; then its descriptor goes to a bridge_stream and
 * the session is gone. What the client sends is peeked at and only then taken, message by message,
 * so that bytes behind the request are left for the stream. */
#include "bridge/socks5.h"

#include "base/util.h"
#include "bridge/socks5_message.h"
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum state { GREETING, REQUEST, DIALING };

struct socks5_session {
    struct loop_watch watch;
    struct socks5 *socks;
    struct socks5_session *next, **where;
    enum state state;
    int client; /* its end, if it is in this process */
    struct dial *dial;
};

/* A socket of this process, known by the name it is bound to. */
struct socks5_client {
    struct socks5_client *next;
    int fd;
    socklen_t length;
    struct sockaddr_un name;
};

/* Takes the session away and gives its descriptor back. */
static int release(struct socks5_session *session) {
    int fd = session->watch.fd;
    if (session->dial)
        dial_cancel(session->dial);
    loop_remove(&session->socks->host->loop, &session->watch);
    *session->where = session->next;
    if (session->next)
        session->next->where = session->where;
    free(session);
    return fd;
}

static void drop(struct socks5_session *session) {
    close(release(session));
}

static bool say(const struct socks5_session *session, const uint8_t *data, size_t length) {
    return send(session->watch.fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length;
}

/* The answer to a request; `local` is rill's socket, or null. */
static bool answer(const struct socks5_session *session, enum socks5_reply reply,
                   const struct rill_endpoint *local) {
    uint8_t out[SOCKS5_ANSWER_MAX];
    return say(session, out, socks5_answer(reply, local, out));
}

static enum socks5_reply reply_of(int error) {
    switch (error) {
    case RILL_ERROR_REFUSED:
    case RILL_ERROR_RESET:
        return SOCKS5_REFUSED;
    case RILL_ERROR_TIMED_OUT:
        return SOCKS5_TIMED_OUT;
    case RILL_ERROR_NO_ROUTE:
        return SOCKS5_NETWORK_UNREACHABLE;
    case RILL_ERROR_UNREACHABLE:
    case DIAL_NO_SUCH_NAME:
        return SOCKS5_HOST_UNREACHABLE;
    default:
        return SOCKS5_FAILURE;
    }
}

static void on_dialed(void *context, rill_handle connection, int error, const char *why) {
    struct socks5_session *session = context;
    struct socks5 *socks = session->socks;
    struct rill_tcp_info info = {0};
    session->dial = 0;
    if (error) {
        if (socks->on_failure)
            socks->on_failure(socks->context, session->client, why);
        answer(session, reply_of(error), 0);
        drop(session);
        return;
    }
    if (rill_tcp_get_info(socks->host->stack, connection, &info) ||
        !answer(session, SOCKS5_SUCCEEDED, &info.local)) {
        rill_tcp_abort(socks->host->stack, connection);
        drop(session);
        return;
    }
    struct bridge_stream_config config = {
        .bridge = socks->bridge, .connection = connection, .application_fd = session->client};
    config.fd = release(session);
    bridge_stream_open(&config); /* if it fails, both sides have been told by closing */
}

/* The answers to what was read; false: the session is gone. */
static bool greeted(struct socks5_session *session, bool acceptable) {
    const uint8_t out[2] = {SOCKS5_VERSION,
                            acceptable ? SOCKS5_NO_AUTHENTICATION : SOCKS5_NO_METHOD};
    if (!say(session, out, 2) || !acceptable) {
        drop(session);
        return false;
    }
    session->state = REQUEST;
    return true;
}

static void asked(struct socks5_session *session, const char *name, uint16_t port,
                  enum socks5_reply reply) {
    struct socks5 *socks = session->socks;
    if (reply == SOCKS5_SUCCEEDED) {
        session->dial = dial_start(socks->dialer, name, port, on_dialed, session);
        reply = session->dial ? SOCKS5_SUCCEEDED : SOCKS5_FAILURE;
    }
    if (reply != SOCKS5_SUCCEEDED) {
        answer(session, reply, 0);
        drop(session);
        return;
    }
    session->state = DIALING;
    /* What comes now is for the stream; only a client that goes away is news. */
    loop_set(&socks->host->loop, &session->watch, EPOLLRDHUP);
}

static void on_ready(struct loop_watch *watch, uint32_t events) {
    struct socks5_session *session = RILL_CONTAINER(watch, struct socks5_session, watch);
    uint8_t data[SOCKS5_REQUEST_MAX];
    if (session->state == DIALING || events & (EPOLLHUP | EPOLLERR)) {
        drop(session);
        return;
    }
    for (;;) {
        char name[SOCKS5_NAME_MAX];
        uint16_t port = 0;
        enum socks5_reply reply = SOCKS5_FAILURE;
        bool acceptable = false, greeting = session->state == GREETING;
        ssize_t n = recv(watch->fd, data, sizeof data, MSG_PEEK | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return;
        int used = n <= 0     ? -1
                   : greeting ? socks5_parse_greeting(data, (size_t)n, &acceptable)
                              : socks5_parse_request(data, (size_t)n, name, &port, &reply);
        if (used == 0 && !(events & EPOLLRDHUP))
            return;
        if (used <= 0 || recv(watch->fd, data, (size_t)used, 0) != used) {
            drop(session);
            return;
        }
        if (!greeting) {
            asked(session, name, port, reply);
            return;
        }
        if (!greeted(session, acceptable))
            return;
    }
}

/* The client's own descriptor, if it got its socket from us. */
static int known_client(struct socks5 *socks, const struct sockaddr_un *name, socklen_t length) {
    struct socks5_client **at = &socks->clients;
    while (*at && ((*at)->length != length || memcmp(&(*at)->name, name, length) != 0))
        at = &(*at)->next;
    if (!*at)
        return -1;
    struct socks5_client *client = *at;
    int fd = client->fd;
    *at = client->next;
    free(client);
    return fd;
}

static void on_connection(struct loop_watch *watch, uint32_t events) {
    struct socks5 *socks = RILL_CONTAINER(watch, struct socks5, watch);
    struct sockaddr_un name;
    socklen_t length = sizeof name;
    (void)events;
    int fd = accept4(watch->fd, (struct sockaddr *)&name, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct socks5_session *session = fd < 0 ? 0 : calloc(1, sizeof *session);
    if (!session) {
        if (fd >= 0)
            close(fd);
        return;
    }
    bridge_buffers(fd);
    session->watch = (struct loop_watch){fd, on_ready};
    session->socks = socks;
    session->client = known_client(socks, &name, length);
    session->next = socks->first;
    session->where = &socks->first;
    if (socks->first)
        socks->first->where = &session->next;
    socks->first = session;
    if (loop_add(&socks->host->loop, &session->watch, EPOLLIN | EPOLLRDHUP))
        drop(session);
}

int socks5_client_socket(struct socks5 *socks) {
    struct socks5_client *client = calloc(1, sizeof *client);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!client || fd < 0) {
        free(client);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    client->fd = fd;
    client->name.sun_family = AF_UNIX;
    client->length = sizeof client->name;
    /* Bound to no name, it gets one of its own (unix(7), autobind). */
    if (bind(fd, (struct sockaddr *)&client->name, sizeof(sa_family_t)) ||
        getsockname(fd, (struct sockaddr *)&client->name, &client->length)) {
        free(client);
        return fd; /* it works all the same, but cannot be shown a reset */
    }
    bridge_buffers(fd);
    client->next = socks->clients;
    socks->clients = client;
    return fd;
}

int socks5_open(struct socks5 *socks, struct bridge *bridge, struct dialer *dialer) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memset(socks, 0, sizeof *socks);
    socks->host = bridge->host;
    socks->bridge = bridge;
    socks->dialer = dialer;
    socks->watch.fd = -1;
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(socks->directory, sizeof socks->directory, "%s/rill-XXXXXX", base);
    if (!mkdtemp(socks->directory)) { /* made with mode 0700 */
        socks->directory[0] = '\0';
        return errno;
    }
    snprintf(socks->path, sizeof socks->path, "%s/socks5", socks->directory);
    strcpy(address.sun_path, socks->path);
    socks->watch = (struct loop_watch){
        socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on_connection};
    if (socks->watch.fd < 0 || bind(socks->watch.fd, (struct sockaddr *)&address, sizeof address) ||
        listen(socks->watch.fd, 128))
        return errno;
    return loop_add(&socks->host->loop, &socks->watch, EPOLLIN);
}

void socks5_close(struct socks5 *socks) {
    while (socks->first)
        drop(socks->first);
    while (socks->clients) {
        struct socks5_client *client = socks->clients;
        socks->clients = client->next;
        free(client);
    }
    if (socks->watch.fd >= 0) {
        loop_remove(&socks->host->loop, &socks->watch);
        close(socks->watch.fd);
        unlink(socks->path);
    }
    if (socks->directory[0])
        rmdir(socks->directory);
}
