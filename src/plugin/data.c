/* plugin/data.c: reading and writing, all of it by rill_recvmsg and rill_sendmsg. */
#include "plugin/plugin.h"

#include "link/sockaddr.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#define PIECES 64
#define TCP_CM_INQ 36 /* linux/tcp.h */

/* What is left of the list behind `gone` bytes. */
static size_t left_of(const struct attempt *attempt, struct rill_iovec *out) {
    uint64_t gone = attempt->progress;
    size_t count = 0;
    for (int i = 0; i < attempt->count; i++) {
        const struct iovec *iov = &attempt->iov[i];
        if (gone >= iov->iov_len) {
            gone -= iov->iov_len;
            continue;
        }
        out[count++] = (struct rill_iovec){(uint8_t *)iov->iov_base + gone, iov->iov_len - gone};
        gone = 0;
    }
    return count;
}

static int64_t try_receive(struct plugin *plugin, struct attempt *attempt) {
    struct rill_iovec iov[PIECES];
    struct rill_message message = {attempt->name, iov, left_of(attempt, iov), attempt->ancillary,
                                   0};
    int64_t result = rill_recvmsg(plugin->world.sockets, attempt->live->fd, &message,
                                  attempt->flags & ~MSG_DONTWAIT);
    attempt->message_flags = message.flags;
    return result;
}

/* A write that blocks takes all of it. */
static int64_t try_send(struct plugin *plugin, struct attempt *attempt) {
    struct rill_iovec iov[PIECES];
    uint64_t all = 0;
    for (int i = 0; i < attempt->count; i++)
        all += attempt->iov[i].iov_len;
    struct rill_message message = {attempt->name, iov, left_of(attempt, iov), attempt->ancillary,
                                   0};
    int64_t result = rill_sendmsg(plugin->world.sockets, attempt->live->fd, &message,
                                  attempt->flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL));
    struct rill_tcp_info info = {.size = sizeof info};
    plugin->opening =
        rill_tcp_get_info(plugin->world.stack,
                          rill_socket_handle(plugin->world.sockets, attempt->live->fd),
                          &info) == 0 &&
        info.state == RILL_TCP_SYN_SENT;
    if (result < 0)
        return result == -EAGAIN || result == -EINPROGRESS || !attempt->progress
                   ? result
                   : (int64_t)attempt->progress;
    attempt->progress += (uint64_t)result;
    return attempt->progress < all ? -EAGAIN : (int64_t)attempt->progress;
}

static int64_t transfer(struct plugin *plugin, int fd, struct attempt *attempt) {
    pthread_mutex_lock(&plugin->lock);
    plugin_obey(plugin);
    struct live *live = attempt->live = plugin_live(plugin, fd);
    int64_t result = -EBADF;
    attempt->until = RILL_TIME_NEVER;
    if (attempt->count < 0 || attempt->count > PIECES)
        result = -EINVAL;
    else if (live && live->kind == LIVE_SOCKET) {
        result =
            plugin_wait(plugin, attempt, !live->nonblocking && !(attempt->flags & MSG_DONTWAIT));
        if (result == -EAGAIN && attempt->progress)
            result = (int64_t)attempt->progress;
        plugin_settle(plugin);
        plugin_tell_sockets(plugin);
    }
    pthread_mutex_unlock(&plugin->lock);
    return result;
}

static ssize_t receive_message(void *userdata, int fd, struct msghdr *message, int flags) {
    struct plugin *plugin = userdata;
    struct rill_endpoint from = {0};
    struct rill_ancillary ancillary = {0};
    struct attempt attempt = {.run = try_receive,
                              .iov = message->msg_iov,
                              .count = (int)message->msg_iovlen,
                              .flags = flags,
                              .name = &from,
                              .ancillary = &ancillary};
    int64_t result = transfer(plugin, fd, &attempt);
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    message->msg_flags = attempt.message_flags;
    if (ancillary.present & RILL_ANCILLARY_INQ && control &&
        message->msg_controllen >= CMSG_SPACE(sizeof(int))) {
        *control = (struct cmsghdr){CMSG_LEN(sizeof(int)), IPPROTO_TCP, TCP_CM_INQ};
        memcpy(CMSG_DATA(control), &ancillary.inq, sizeof(int));
        message->msg_controllen = CMSG_SPACE(sizeof(int));
    } else {
        message->msg_controllen = 0;
    }
    message->msg_namelen = 0; /* a stream has told it already */
    return plugin_result(result);
}

static ssize_t send_message(void *userdata, int fd, const struct msghdr *message, int flags) {
    struct rill_endpoint to;
    struct attempt attempt = {.run = try_send,
                              .iov = message->msg_iov,
                              .count = (int)message->msg_iovlen,
                              .flags = flags};
    if (message->msg_name) {
        if (sockaddr_to_endpoint(message->msg_name, message->msg_namelen, &to))
            return plugin_result(-EINVAL);
        attempt.name = &to;
    }
    return plugin_result(transfer(userdata, fd, &attempt));
}

static ssize_t receive_vector(void *userdata, int fd, const struct iovec *iov, int count) {
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov,
                             .msg_iovlen = (size_t)count};
    return receive_message(userdata, fd, &message, 0);
}

static ssize_t receive_from(void *userdata, int fd, void *data, size_t length, int flags,
                            struct sockaddr *from, socklen_t *from_length) {
    struct iovec iov = {data, length};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    (void)from;
    if (from_length)
        *from_length = 0;
    return receive_message(userdata, fd, &message, flags);
}

static ssize_t receive(void *userdata, int fd, void *data, size_t length, int flags) {
    return receive_from(userdata, fd, data, length, flags, 0, 0);
}

static ssize_t read_bytes(void *userdata, int fd, void *data, size_t length) {
    struct plugin *plugin = userdata;
    pthread_mutex_lock(&plugin->lock);
    bool ours = plugin_live(plugin, fd);
    pthread_mutex_unlock(&plugin->lock);
    return ours ? receive(userdata, fd, data, length, 0) : read(fd, data, length);
}

static ssize_t send_vector(void *userdata, int fd, const struct iovec *iov, int count) {
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov,
                             .msg_iovlen = (size_t)count};
    return send_message(userdata, fd, &message, 0);
}

static ssize_t send_to(void *userdata, int fd, const void *data, size_t length, int flags,
                       const struct sockaddr *to, socklen_t to_length) {
    struct iovec iov = {(void *)(uintptr_t)data, length};
    struct msghdr message = {.msg_name = (void *)(uintptr_t)to,
                             .msg_namelen = to_length,
                             .msg_iov = &iov,
                             .msg_iovlen = 1};
    return send_message(userdata, fd, &message, flags);
}

static ssize_t send_bytes(void *userdata, int fd, const void *data, size_t length, int flags) {
    return send_to(userdata, fd, data, length, flags, 0, 0);
}

static ssize_t write_bytes(void *userdata, int fd, const void *data, size_t length) {
    struct plugin *plugin = userdata;
    pthread_mutex_lock(&plugin->lock);
    bool ours = plugin_live(plugin, fd);
    pthread_mutex_unlock(&plugin->lock);
    return ours ? send_bytes(userdata, fd, data, length, 0) : write(fd, data, length);
}

static int make_pipe(void *userdata, int fds[2]) {
    (void)userdata;
    return pipe(fds);
}

/* One end is a pipe of the kernel's. */
static int move(void *userdata, int in, int64_t *in_at, int out, int64_t *out_at, size_t length,
                unsigned flags) {
    uint8_t bytes[65536];
    if (in_at || out_at)
        return (int)plugin_result(-ESPIPE);
    int more = flags & 4 ? MSG_MORE : 0; /* SPLICE_F_MORE */
    ssize_t n = read_bytes(userdata, in, bytes, length < sizeof bytes ? length : sizeof bytes);
    if (n <= 0)
        return (int)n;
    struct plugin *plugin = userdata;
    pthread_mutex_lock(&plugin->lock);
    bool ours = plugin_live(plugin, out);
    pthread_mutex_unlock(&plugin->lock);
    return (int)(ours ? send_bytes(userdata, out, bytes, (size_t)n, more)
                      : write(out, bytes, (size_t)n));
}

void plugin_data_functions(struct packetdrill_interface *interface) {
    interface->read = read_bytes;
    interface->readv = receive_vector;
    interface->recv = receive;
    interface->recvfrom = receive_from;
    interface->recvmsg = receive_message;
    interface->write = write_bytes;
    interface->writev = send_vector;
    interface->send = send_bytes;
    interface->sendto = send_to;
    interface->sendmsg = send_message;
    interface->pipe = make_pipe;
    interface->splice = move;
}
