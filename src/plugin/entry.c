/* plugin/entry.c: librill-packetdrill.so: what packetdrill looks for in it, and the functions that
 * make, connect and close sockets, carry packets and tell the time. */
#include "plugin/plugin.h"

#include "cli/allocator.h"
#include "link/sockaddr.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))
#define EPOCH 1700000000 /* seconds: when a script begins */

/* The one that getsockopt asks: packetdrill runs one script at a time. */
static struct plugin *running;

static struct plugin *enter(void *userdata) {
    struct plugin *plugin = userdata;
    pthread_mutex_lock(&plugin->lock);
    plugin_obey(plugin);
    return plugin;
}

static int leave(struct plugin *plugin, int64_t result) {
    plugin_settle(plugin);
    plugin_tell_sockets(plugin);
    pthread_mutex_unlock(&plugin->lock);
    return (int)plugin_result(result);
}

static struct live *socket_of(struct plugin *plugin, int fd) {
    struct live *live = plugin_live(plugin, fd);
    return live && live->kind == LIVE_SOCKET ? live : 0;
}

static int make_socket(void *userdata, int domain, int type, int protocol) {
    struct plugin *plugin = enter(userdata);
    if (!plugin_ready(plugin))
        return leave(plugin, -ENOMEM);
    int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    int fd = rill_socket(plugin->world.sockets, domain, kind, protocol);
    struct live *live = fd < 0 ? 0 : plugin_live_add(plugin, LIVE_SOCKET, fd);
    if (live)
        live->nonblocking = type & SOCK_NONBLOCK;
    return leave(plugin, fd < 0 ? fd : live ? live->real : -EMFILE);
}

/* A script's --local_ip is first seen here, or in a packet. One that is ours already stays so. */
static void own(struct plugin *plugin, const struct rill_address *address) {
    static const struct rill_address any;
    int prefix = rill_address_is_ipv4(address) ? 16 : 48;
    if (memcmp(address, &any, sizeof any) != 0 &&
        rill_address_add(plugin->world.stack, 0, address, (unsigned)prefix) == RILL_ERROR_MEMORY)
        fprintf(stderr, "librill-packetdrill: out of memory\n");
}

static int bind_socket(void *userdata, int fd, const struct sockaddr *address, socklen_t length) {
    struct plugin *plugin = enter(userdata);
    struct live *live = socket_of(plugin, fd);
    struct rill_endpoint local;
    if (!live)
        return leave(plugin, -EBADF);
    if (sockaddr_to_endpoint(address, length, &local))
        return leave(plugin, -EINVAL);
    int result = rill_bind(plugin->world.sockets, live->fd, &local);
    if (result == -EADDRNOTAVAIL) {
        own(plugin, &local.address);
        result = rill_bind(plugin->world.sockets, live->fd, &local);
    }
    return leave(plugin, result);
}

static int listen_on(void *userdata, int fd, int backlog) {
    struct plugin *plugin = enter(userdata);
    struct live *live = socket_of(plugin, fd);
    return leave(plugin, live ? rill_listen(plugin->world.sockets, live->fd, backlog) : -EBADF);
}

static int64_t try_accept(struct plugin *plugin, struct attempt *attempt) {
    return rill_accept(plugin->world.sockets, attempt->live->fd, attempt->name);
}

static int accept_one(void *userdata, int fd, struct sockaddr *address, socklen_t *length) {
    struct plugin *plugin = enter(userdata);
    struct live *live = socket_of(plugin, fd), *new_one;
    struct rill_endpoint peer = {0};
    struct sockaddr_storage full = {0};
    struct attempt attempt = {
        .run = try_accept, .live = live, .name = &peer, .until = RILL_TIME_NEVER};
    if (!live)
        return leave(plugin, -EBADF);
    int domain = AF_INET;
    size_t room = sizeof domain;
    (void)rill_getsockopt(plugin->world.sockets, live->fd, SOL_SOCKET, SO_DOMAIN, &domain, &room);
    int64_t result = plugin_wait(plugin, &attempt, !live->nonblocking);
    if (result < 0)
        return leave(plugin, result);
    new_one = plugin_live_add(plugin, LIVE_SOCKET, (int)result);
    if (!new_one)
        return leave(plugin, -EMFILE);
    socklen_t used = sockaddr_from_endpoint(&peer, domain, &full);
    if (address && length) {
        memcpy(address, &full, *length < used ? *length : used);
        *length = used;
    }
    return leave(plugin, new_one->real);
}

static int64_t try_connect(struct plugin *plugin, struct attempt *attempt) {
    int result = rill_connect(plugin->world.sockets, attempt->live->fd, attempt->name);
    if (attempt->begun && result == -EALREADY)
        return -EINPROGRESS;
    return attempt->begun && result == -EISCONN ? 0 : result;
}

static int connect_to(void *userdata, int fd, const struct sockaddr *address, socklen_t length) {
    struct plugin *plugin = enter(userdata);
    struct rill_endpoint remote;
    struct attempt attempt = {.run = try_connect, .until = RILL_TIME_NEVER};
    attempt.live = socket_of(plugin, fd);
    if (!attempt.live)
        return leave(plugin, -EBADF);
    if (address->sa_family != AF_UNSPEC) { /* else it is dissolved */
        if (sockaddr_to_endpoint(address, length, &remote))
            return leave(plugin, -EINVAL);
        attempt.name = &remote;
    }
    return leave(plugin, plugin_wait(plugin, &attempt, !attempt.live->nonblocking));
}

static int control(void *userdata, int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    int value = va_arg(arguments, int);
    va_end(arguments);
    struct plugin *plugin = enter(userdata);
    struct live *live = plugin_live(plugin, fd);
    int64_t result = -EBADF;
    if (!live)
        result = fcntl(fd, command, value); /* a pipe */
    else if (command == F_GETFL)
        result = O_RDWR | (live->nonblocking ? O_NONBLOCK : 0);
    else if (command == F_SETFL)
        live->nonblocking = value & O_NONBLOCK, result = 0;
    else
        result = -EINVAL;
    return leave(plugin, result);
}

static int request(void *userdata, int fd, unsigned long what, ...) {
    va_list arguments;
    va_start(arguments, what);
    int *value = va_arg(arguments, int *);
    va_end(arguments);
    struct plugin *plugin = enter(userdata);
    struct live *live = socket_of(plugin, fd);
    return leave(plugin, live ? rill_ioctl(plugin->world.sockets, live->fd, what, value) : -EBADF);
}

static int close_one(void *userdata, int fd) {
    struct plugin *plugin = enter(userdata);
    struct live *live = plugin_live(plugin, fd);
    int64_t result = 0;
    if (live && live->kind == LIVE_SOCKET)
        result = rill_socket_close(plugin->world.sockets, live->fd);
    if (live)
        plugin_live_remove(plugin, live);
    if (close(fd) && !result)
        result = -errno;
    return leave(plugin, result);
}

static int shut_down(void *userdata, int fd, int how) {
    struct plugin *plugin = enter(userdata);
    struct live *live = socket_of(plugin, fd);
    return leave(plugin, live ? rill_shutdown(plugin->world.sockets, live->fd, how) : -EBADF);
}

static int get_option(void *userdata, int fd, int level, int option, void *value,
                      socklen_t *length) {
    struct plugin *plugin = enter(userdata);
    struct live *live = socket_of(plugin, fd);
    size_t room = length ? *length : 0;
    int64_t result =
        live ? rill_getsockopt(plugin->world.sockets, live->fd, level, option, value, &room)
             : -EBADF;
    if (!result && length)
        *length = (socklen_t)room;
    return leave(plugin, result);
}

static int set_option(void *userdata, int fd, int level, int option, const void *value,
                      socklen_t length) {
    struct plugin *plugin = enter(userdata);
    struct live *live = socket_of(plugin, fd);
    return leave(plugin, live ? rill_setsockopt(plugin->world.sockets, live->fd, level, option,
                                                value, length)
                              : -EBADF);
}

/* The address a packet is for becomes one of ours. */
static void own_destination(struct plugin *plugin, const uint8_t *packet, size_t length) {
    struct rill_address to = {{0}};
    if (length >= 20 && packet[0] >> 4 == 4) {
        memset(to.bytes + 10, 0xff, 2);
        memcpy(to.bytes + 12, packet + 16, 4);
    } else if (length >= 40 && packet[0] >> 4 == 6) {
        memcpy(to.bytes, packet + 24, 16);
    }
    own(plugin, &to);
}

static int send_packet(void *userdata, const void *packet, size_t length) {
    struct plugin *plugin = enter(userdata);
    if (!plugin_ready(plugin))
        return leave(plugin, -ENOMEM);
    own_destination(plugin, packet, length);
    return leave(plugin, world_input(&plugin->world, packet, length) ? -ENOMEM : 0);
}

static int receive_packet(void *userdata, void *packet, size_t *length, long long *microseconds) {
    struct plugin *plugin = enter(userdata);
    size_t room = *length;
    *length = 0;
    if (plugin->world.sent || plugin_await_packet(plugin)) {
        const struct sent *sent = plugin->world.sent;
        *length = sent->length < room ? sent->length : room;
        memcpy(packet, sent->bytes, *length);
        *microseconds = EPOCH * 1000000ll + (long long)(sent->at / RILL_MICROSECOND);
        world_drop_sent(&plugin->world);
    }
    return leave(plugin, 0); /* none will come: 0 bytes, which ends the script */
}

static int sleep_for(void *userdata, unsigned microseconds) {
    struct plugin *plugin = enter(userdata);
    plugin_advance(plugin, plugin->world.now + microseconds * (rill_time)RILL_MICROSECOND);
    return leave(plugin, 0);
}

/* Each question takes a microsecond, so that who waits by asking comes to an end. */
static int tell_time(void *userdata, struct timeval *time, struct timezone *zone) {
    struct plugin *plugin = enter(userdata);
    (void)zone;
    if (!pthread_equal(pthread_self(), plugin->main)) {
        plugin->returned = false;
        pthread_cond_broadcast(&plugin->settled);
    } else {
        plugin_advance(plugin, plugin->world.now + RILL_MICROSECOND);
    }
    rill_time us = plugin->world.now / RILL_MICROSECOND;
    *time = (struct timeval){EPOCH + (time_t)(us / 1000000), (suseconds_t)(us % 1000000)};
    pthread_mutex_unlock(&plugin->lock);
    return 0;
}

/* The descriptors themselves are packetdrill's to close. */
static void end(void *userdata) {
    struct plugin *plugin = userdata;
    running = running == plugin ? 0 : running;
    while (plugin->lives)
        plugin_live_remove(plugin, plugin->lives);
    world_close(&plugin->world);
    pthread_cond_destroy(&plugin->changed);
    pthread_cond_destroy(&plugin->settled);
    pthread_mutex_destroy(&plugin->lock);
    free(plugin);
}

EXPORTED void packetdrill_interface_init(const char *flags,
                                         struct packetdrill_interface *interface) {
    struct plugin *plugin = calloc(1, sizeof *plugin);
    struct rill_allocator allocator = cli_allocator();
    const char *why = "out of memory";
    if (plugin) {
        pthread_mutex_init(&plugin->lock, 0);
        pthread_cond_init(&plugin->changed, 0);
        pthread_cond_init(&plugin->settled, 0);
        plugin->main = pthread_self();
        plugin->wake_at = RILL_TIME_NEVER;
        plugin_flags(plugin, flags);
    }
    if (!plugin || !world_init(&plugin->world, &allocator, &plugin->program, 1, &why)) {
        fprintf(stderr, "librill-packetdrill: %s\n", why);
        exit(1);
    }
    running = plugin;
    *interface = (struct packetdrill_interface){
        .userdata = plugin,
        .free = end,
        .socket = make_socket,
        .bind = bind_socket,
        .listen = listen_on,
        .accept = accept_one,
        .connect = connect_to,
        .fcntl = control,
        .ioctl = request,
        .close = close_one,
        .shutdown = shut_down,
        .getsockopt = get_option,
        .setsockopt = set_option,
        .poll = plugin_poll,
        .netdev_send = send_packet,
        .netdev_receive = receive_packet,
        .usleep = sleep_for,
        .gettimeofday = tell_time,
        .epoll_create = plugin_epoll_create,
        .epoll_ctl = plugin_epoll_ctl,
        .epoll_wait = plugin_epoll_wait,
    };
    plugin_data_functions(interface);
}

/* packetdrill's assertions ask the kernel about the descriptor; preloaded, this is asked first. */
EXPORTED int getsockopt(int fd, int level, int option, void *value, socklen_t *length) {
    static int (*kernels)(int, int, int, void *, socklen_t *);
    struct plugin *plugin = running;
    if (plugin) {
        pthread_mutex_lock(&plugin->lock);
        bool ours = socket_of(plugin, fd);
        pthread_mutex_unlock(&plugin->lock);
        if (ours)
            return get_option(plugin, fd, level, option, value, length);
    }
    if (!kernels)
        *(void **)&kernels = dlsym(RTLD_NEXT, "getsockopt");
    return kernels(fd, level, option, value, length);
}
