/* plugin/polling.c: poll, and epoll with both kinds of trigger. What is watched edge-triggered is
 * told again only after news of it. */
#include "plugin/plugin.h"

#include <errno.h>
#include <stdlib.h>

#define ALWAYS (EPOLLERR | EPOLLHUP)

struct watch {
    struct watch *next;
    struct live *target; /* null: it has been closed */
    struct epoll_event event;
    bool news, off;
};

void plugin_news(struct plugin *plugin, int fd) {
    for (struct live *live = plugin->lives; live; live = live->next)
        for (struct watch *w = live->watches; w; w = w->next)
            w->news |= w->target && w->target->fd == fd;
}

void plugin_watches_free(struct plugin *plugin, struct live *live) {
    for (struct live *other = plugin->lives; other; other = other->next)
        for (struct watch *w = other->watches; w; w = w->next)
            if (w->target == live)
                w->target = 0;
    while (live->watches) {
        struct watch *watch = live->watches;
        live->watches = watch->next;
        free(watch);
    }
}

static rill_time deadline(const struct plugin *plugin, int milliseconds) {
    return milliseconds < 0 ? RILL_TIME_NEVER
                            : plugin->world.now + (rill_time)milliseconds * RILL_MILLISECOND;
}

static int64_t try_poll(struct plugin *plugin, struct attempt *attempt) {
    struct pollfd *fds = attempt->list;
    int64_t found = 0;
    for (int i = 0; i < attempt->count; i++) {
        struct live *live = plugin_live(plugin, fds[i].fd);
        struct rill_pollfd one = {live && live->kind == LIVE_SOCKET ? live->fd : -1, fds[i].events,
                                  0};
        if (fds[i].fd >= 0 && one.fd < 0)
            one.revents = POLLNVAL;
        else if (fds[i].fd >= 0)
            (void)rill_poll(plugin->world.sockets, &one, 1);
        fds[i].revents = one.revents;
        found += one.revents != 0;
    }
    return found || plugin->world.now >= attempt->until ? found : -EAGAIN;
}

int plugin_poll(void *userdata, struct pollfd *fds, nfds_t count, int milliseconds) {
    struct plugin *plugin = userdata;
    struct attempt attempt = {.run = try_poll, .list = fds, .count = (int)count};
    pthread_mutex_lock(&plugin->lock);
    attempt.until = deadline(plugin, milliseconds);
    int64_t result =
        plugin_ready(plugin) ? plugin_wait(plugin, &attempt, milliseconds != 0) : -ENOMEM;
    pthread_mutex_unlock(&plugin->lock);
    return (int)plugin_result(result == -EAGAIN ? 0 : result);
}

int plugin_epoll_create(void *userdata, int size) {
    struct plugin *plugin = userdata;
    if (size <= 0) {
        errno = EINVAL;
        return -1;
    }
    pthread_mutex_lock(&plugin->lock);
    struct live *live = plugin_live_add(plugin, LIVE_EPOLL, -1);
    pthread_mutex_unlock(&plugin->lock);
    return live ? live->real : (int)plugin_result(-EMFILE);
}

static int control(struct plugin *plugin, int epoll, int operation, int fd,
                   const struct epoll_event *event) {
    struct live *live = plugin_live(plugin, epoll), *target = plugin_live(plugin, fd);
    if (!live || !target)
        return -EBADF;
    if (live->kind != LIVE_EPOLL || target->kind != LIVE_SOCKET ||
        (operation != EPOLL_CTL_ADD && operation != EPOLL_CTL_MOD && operation != EPOLL_CTL_DEL))
        return -EINVAL;
    struct watch **at = &live->watches;
    while (*at && (*at)->target != target)
        at = &(*at)->next;
    if (operation == EPOLL_CTL_ADD ? *at != 0 : !*at)
        return *at ? -EEXIST : -ENOENT;
    if (operation == EPOLL_CTL_DEL) {
        struct watch *gone = *at;
        *at = gone->next;
        free(gone);
        return 0;
    }
    if (!event)
        return -EFAULT;
    if (!*at && !(*at = calloc(1, sizeof **at)))
        return -ENOMEM;
    (*at)->target = target;
    (*at)->event = *event;
    (*at)->news = true;
    (*at)->off = false;
    return 0;
}

int plugin_epoll_ctl(void *userdata, int epoll, int operation, int fd, struct epoll_event *event) {
    struct plugin *plugin = userdata;
    pthread_mutex_lock(&plugin->lock);
    int result = control(plugin, epoll, operation, fd, event);
    plugin_settle(plugin);
    pthread_mutex_unlock(&plugin->lock);
    return (int)plugin_result(result);
}

static int64_t try_epoll(struct plugin *plugin, struct attempt *attempt) {
    struct epoll_event *events = attempt->list;
    int found = 0;
    for (struct watch *w = attempt->live->watches; w && found < attempt->count; w = w->next) {
        if (!w->target || w->off || (w->event.events & EPOLLET && !w->news))
            continue;
        uint32_t ready = (uint32_t)rill_poll_one(plugin->world.sockets, w->target->fd) &
                         (w->event.events | ALWAYS);
        if (!ready)
            continue;
        w->news = false;
        w->off = w->event.events & EPOLLONESHOT;
        events[found] = w->event;
        events[found++].events = ready;
    }
    return found || plugin->world.now >= attempt->until ? found : -EAGAIN;
}

int plugin_epoll_wait(void *userdata, int epoll, struct epoll_event *events, int most,
                      int milliseconds) {
    struct plugin *plugin = userdata;
    pthread_mutex_lock(&plugin->lock);
    struct live *live = plugin_live(plugin, epoll);
    struct attempt attempt = {.run = try_epoll, .live = live, .list = events, .count = most};
    attempt.until = deadline(plugin, milliseconds);
    int64_t result = !live || live->kind != LIVE_EPOLL ? -EBADF
                     : most <= 0                       ? -EINVAL
                     : plugin_ready(plugin) ? plugin_wait(plugin, &attempt, milliseconds != 0)
                                            : -ENOMEM;
    pthread_mutex_unlock(&plugin->lock);
    return (int)plugin_result(result == -EAGAIN ? 0 : result);
}
