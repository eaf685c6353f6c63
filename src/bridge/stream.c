/* bridge/stream.c: see stream.h.
 *
 * Theory of operation. Our end is watched once, edge-triggered, for everything: EPOLLHUP cannot be
 * masked and would otherwise spin. `readable` and `writable` remember the edges until a call says
 * EAGAIN. Two pumps move bytes as far as both sides go, after each edge and each event:
 *
 *   pump_in    our end -> send queue. Bytes are read into blocks that the send queue then holds:
 *              no second copy. What the queue does not take waits in `kept`, and nothing more is
 *              read until RILL_EVENT_WRITABLE. So the application feels the peer's window.
 *   pump_out   receive queue -> our end, by reference. At most SLICES slices are taken ahead; the
 *              rest stays in the receive queue and closes the window.
 *
 * The end. `finish` is the only place a stream ends; it runs last in whatever called it. */
#include "bridge/stream.h"

#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SLICES 8
#define BLOCK 65536u
#define WORTH_HOLDING 16384u /* fewer bytes are copied: their block would be mostly empty */

struct bridge_stream {
    struct host_target target;
    struct loop_watch watch;
    struct bridge *bridge;
    struct bridge_stream *next, **where; /* in the bridge's list */
    struct host *host;
    rill_handle connection;
    int application_fd;
    ino_t application_inode; /* so that a number used again is not taken for it */
    bridge_on_end on_end;
    void *context;
    struct rill_slice kept;           /* read, but not taken by the send queue; length 0: none */
    struct rill_block *block;         /* where the next bytes are read to */
    struct rill_slice slices[SLICES]; /* received, not yet written */
    int slice_first, slice_count;
    bool readable, writable;
    bool hung_up;     /* the application has closed its end altogether */
    bool read_ended;  /* … or has said SHUT_WR: we have read its last byte */
    bool shut_down;   /* our FIN is ordered */
    bool write_ended; /* the peer's FIN has been passed on */
};

void bridge_buffers(int fd) {
    int size = 1 << 20;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size)) /* needs CAP_NET_ADMIN */
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

int bridge_pair(int ends[2]) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends))
        return errno;
    bridge_buffers(ends[0]);
    bridge_buffers(ends[1]);
    return 0;
}

void bridge_blocking(int fd) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

static void drop_held(struct bridge_stream *stream) {
    if (stream->kept.length)
        rill_block_drop(stream->kept.block);
    if (stream->block)
        rill_block_drop(stream->block);
    for (int i = 0; i < stream->slice_count; i++)
        rill_block_drop(stream->slices[stream->slice_first + i].block);
}

/* Leaves a byte unread in our end, so that closing it is a reset for the application. */
static void make_reset(const struct bridge_stream *stream) {
    struct stat now;
    if (stream->application_fd >= 0 && fstat(stream->application_fd, &now) == 0 &&
        now.st_ino == stream->application_inode) {
        ssize_t n = send(stream->application_fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)n; /* if its buffer is full there are unread bytes anyway */
    }
}

/* The stream is over; `error` as in bridge_on_end. The connection's handle has been given up. */
static void finish(struct bridge_stream *stream, int error) {
    bridge_on_end on_end = stream->on_end;
    void *context = stream->context;
    loop_remove(&stream->host->loop, &stream->watch);
    close(stream->watch.fd);
    drop_held(stream);
    *stream->where = stream->next;
    if (stream->next)
        stream->next->where = stream->where;
    stream->bridge->count--;
    free(stream);
    if (on_end)
        on_end(context, error);
}

/* The connection broke. */
static void broken(struct bridge_stream *stream, int error) {
    rill_tcp_abort(stream->host->stack, stream->connection);
    make_reset(stream);
    finish(stream, error);
}

/* The application has gone and left something undone: the peer gets RST. */
static void given_up(struct bridge_stream *stream) {
    rill_tcp_abort(stream->host->stack, stream->connection);
    finish(stream, RILL_ERROR_ABORTED);
}

void bridge_stream_abort(struct bridge_stream *stream) {
    stream->on_end = 0;
    broken(stream, RILL_ERROR_ABORTED);
}

void bridge_open(struct bridge *bridge, struct host *host) {
    bridge->host = host;
    bridge->first = 0;
    bridge->count = 0;
}

void bridge_close(struct bridge *bridge) {
    while (bridge->first)
        bridge_stream_abort(bridge->first);
}

/* What a pump came to. */
enum outcome { GOES_ON, ENDED };

static enum outcome connection_error(struct bridge_stream *stream, int error) {
    broken(stream, error);
    return ENDED;
}

/* Moves `kept` into the send queue. GOES_ON with kept.length > 0: the queue is full. */
static enum outcome send_kept(struct bridge_stream *stream) {
    if (!stream->kept.length)
        return GOES_ON;
    int64_t n = rill_tcp_send_slices(stream->host->stack, stream->connection, &stream->kept, 1);
    if (n == 1)
        stream->kept = (struct rill_slice){0};
    else if (n != RILL_ERROR_AGAIN && n != RILL_ERROR_MEMORY)
        return connection_error(stream, (int)n);
    return GOES_ON;
}

/* Bytes in `stream->block`: to the send queue, by reference if they are many. */
static enum outcome send_block(struct bridge_stream *stream, size_t length) {
    size_t sent = 0;
    if (length < WORTH_HOLDING) {
        int64_t n = rill_tcp_send(stream->host->stack, stream->connection,
                                  rill_block_data(stream->block), length);
        if (n < 0 && n != RILL_ERROR_AGAIN && n != RILL_ERROR_MEMORY)
            return connection_error(stream, (int)n);
        sent = n > 0 ? (size_t)n : 0;
        if (sent == length)
            return GOES_ON;
    }
    stream->kept =
        (struct rill_slice){rill_block_data(stream->block) + sent, length - sent, stream->block};
    stream->block = 0;
    return send_kept(stream);
}

static enum outcome pump_in(struct bridge_stream *stream) {
    if (stream->shut_down)
        return GOES_ON;
    if (send_kept(stream) == ENDED)
        return ENDED;
    while (stream->readable && !stream->read_ended && !stream->kept.length) {
        if (!stream->block)
            stream->block = rill_block_open(stream->host->pool, BLOCK);
        if (!stream->block)
            return connection_error(stream, RILL_ERROR_MEMORY);
        ssize_t n = recv(stream->watch.fd, rill_block_data(stream->block), BLOCK, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            stream->readable = false;
        } else if (n < 0) { /* ECONNRESET: it closed with bytes unread */
            given_up(stream);
            return ENDED;
        } else if (n == 0) {
            stream->read_ended = true;
        } else if (send_block(stream, (size_t)n) == ENDED) {
            return ENDED;
        }
    }
    if (stream->read_ended && !stream->kept.length) {
        rill_tcp_shutdown(stream->host->stack, stream->connection);
        stream->shut_down = true;
    }
    if (stream->block && !stream->readable) { /* an idle stream holds no block */
        rill_block_drop(stream->block);
        stream->block = 0;
    }
    return GOES_ON;
}

/* Gives back what has been written. */
static void written(struct bridge_stream *stream, size_t length) {
    while (stream->slice_count) {
        struct rill_slice *slice = &stream->slices[stream->slice_first];
        size_t part = RILL_MIN(length, slice->length);
        slice->data += part;
        slice->length -= part;
        length -= part;
        if (slice->length)
            return;
        rill_block_drop(slice->block);
        stream->slice_first++;
        stream->slice_count--;
    }
}

/* Writes the slices taken; `writable` is false after it if some are left. */
static enum outcome write_slices(struct bridge_stream *stream) {
    struct iovec parts[SLICES];
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)stream->slice_count};
    size_t length = 0;
    for (int i = 0; i < stream->slice_count; i++) {
        const struct rill_slice *slice = &stream->slices[stream->slice_first + i];
        parts[i] = (struct iovec){(void *)(uintptr_t)slice->data, slice->length};
        length += slice->length;
    }
    ssize_t n = sendmsg(stream->watch.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
        written(stream, (size_t)n);
        stream->writable = (size_t)n == length;
        return GOES_ON;
    }
    if (errno == EAGAIN) {
        stream->writable = false;
        return GOES_ON;
    }
    given_up(stream); /* EPIPE: nobody will read these bytes */
    return ENDED;
}

static enum outcome pump_out(struct bridge_stream *stream) {
    while (stream->writable && !stream->write_ended) {
        if (!stream->slice_count) {
            stream->slice_first = 0;
            int64_t n = rill_tcp_receive_slices(stream->host->stack, stream->connection,
                                                stream->slices, SLICES);
            if (n == RILL_ERROR_AGAIN)
                return GOES_ON;
            if (n < 0)
                return connection_error(stream, (int)n);
            if (n == 0) { /* the peer's FIN, after the last byte */
                shutdown(stream->watch.fd, SHUT_WR);
                stream->write_ended = true;
                return GOES_ON;
            }
            stream->slice_count = (int)n;
        }
        if (write_slices(stream) == ENDED)
            return ENDED;
    }
    return GOES_ON;
}

/* After each edge and event: all that can be moved, and then whether it is over. */
static void pump(struct bridge_stream *stream) {
    struct rill_stack *stack = stream->host->stack;
    if (pump_out(stream) == ENDED || pump_in(stream) == ENDED)
        return;
    /* After our own SHUT_WR a hang-up says no more than that the application has shut down too. */
    if (stream->hung_up && stream->shut_down && !stream->write_ended) {
        if (stream->slice_count) {
            given_up(stream);
            return;
        }
        rill_tcp_close(stack, stream->connection);
        finish(stream, 0);
        return;
    }
    if (!stream->shut_down || !stream->write_ended)
        return;
    /* Both FINs are under way; the handle stays until ours is acknowledged. */
    if (rill_ready(stack, stream->connection) & RILL_EVENT_CLOSED) {
        rill_tcp_close(stack, stream->connection);
        finish(stream, 0);
    }
}

static void on_event(struct host_target *target, const struct rill_event *event) {
    struct bridge_stream *stream = RILL_CONTAINER(target, struct bridge_stream, target);
    if (event->bits & RILL_EVENT_ERROR) {
        struct rill_tcp_info info = {0};
        if (pump_out(stream) == ENDED) /* what came before it is still read */
            return;
        int failed = rill_tcp_get_info(stream->host->stack, stream->connection, &info);
        broken(stream, failed ? failed : info.error);
        return;
    }
    pump(stream);
}

static void on_ready(struct loop_watch *watch, uint32_t events) {
    struct bridge_stream *stream = RILL_CONTAINER(watch, struct bridge_stream, watch);
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        stream->readable = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        stream->writable = true;
    if (events & EPOLLHUP)
        stream->hung_up = true;
    if (events & EPOLLERR) /* it has closed with bytes unread */
        given_up(stream);
    else
        pump(stream);
}

static void enlist(struct bridge *bridge, struct bridge_stream *stream) {
    stream->bridge = bridge;
    stream->host = bridge->host;
    stream->next = bridge->first;
    stream->where = &bridge->first;
    if (bridge->first)
        bridge->first->where = &stream->next;
    bridge->first = stream;
    bridge->count++;
}

struct bridge_stream *bridge_stream_open(const struct bridge_stream_config *config) {
    struct host *host = config->bridge->host;
    struct bridge_stream *stream = calloc(1, sizeof *stream);
    struct stat status;
    if (stream) {
        stream->target.on_event = on_event;
        stream->watch = (struct loop_watch){config->fd, on_ready};
        stream->connection = config->connection;
        stream->application_fd = -1;
        stream->on_end = config->on_end;
        stream->context = config->context;
        stream->readable = stream->writable = true;
        if (config->application_fd >= 0 && fstat(config->application_fd, &status) == 0) {
            stream->application_fd = config->application_fd;
            stream->application_inode = status.st_ino;
        }
    }
    if (!stream ||
        loop_add(&host->loop, &stream->watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)) {
        rill_tcp_abort(host->stack, config->connection);
        close(config->fd);
        free(stream);
        return 0;
    }
    enlist(config->bridge, stream);
    rill_user_set(host->stack, config->connection, &stream->target);
    /* The application's writes are segments of their own already: Nagle's algorithm would only
     * wait for an acknowledgement between the head of an answer and its body. */
    rill_tcp_set_option(host->stack, config->connection, RILL_TCP_OPTION_NODELAY, 1);
    return stream;
}
