/* plugin/plugin.h: rill under packetdrill: one host of script/world.h, its descriptors as the
 * kernel numbers them, and the two threads that use it.
 *
 * packetdrill's main thread moves the clock and carries packets; a call that blocks is run by its
 * second thread. One lock guards all. A call that blocks sleeps on `changed`; whoever changes
 * something wakes it and waits until it sleeps again or is gone (`stirred`). A call that has
 * returned is stamped by its thread with gettimeofday, for which the clock waits (`returned`). */
#ifndef RILL_PLUGIN_PLUGIN_H
#define RILL_PLUGIN_PLUGIN_H

#include "plugin/packetdrill.h"
#include "script/world.h"

#include <pthread.h>

struct watch;

enum live_kind { LIVE_SOCKET = 1, LIVE_EPOLL };

/* A descriptor: a real one of the kernel's, so that packetdrill can close it, of no other use. */
struct live {
    struct live *next;
    int real;
    enum live_kind kind;
    int fd; /* rill's */
    bool nonblocking;
    struct watch *watches; /* of an epoll descriptor */
};

struct plugin {
    pthread_mutex_t lock;
    pthread_cond_t changed, settled;
    pthread_t main;
    struct script_program program;
    struct world world;
    struct live *lives;
    struct rill_address local_ipv6;
    unsigned sleeping, stirred, round;
    rill_time wake_at; /* the call that sleeps wants to be asked then */
    bool returned;
    char settings[4096];     /* the file with key=value lines; empty: none */
    long long settings_seen; /* bytes of it that have been obeyed */
    bool opening;            /* the call that sleeps writes as soon as its connection is open */
    char told[16384];        /* what sockstat would print */
};

/* A call that may block: tried again whenever something has happened. Returns what the call
 * returns, or an errno negated; -EAGAIN: not now. */
struct attempt {
    int64_t (*run)(struct plugin *plugin, struct attempt *attempt);
    struct live *live;
    struct iovec *iov;
    int count, flags;
    struct rill_endpoint *name;
    struct rill_ancillary *ancillary;
    int message_flags;
    uint64_t progress; /* bytes of a write that are gone */
    bool begun;
    rill_time until; /* poll, epoll_wait: give up then */
    void *list;      /* of struct pollfd, struct epoll_event */
};

/* waiting.c: lock first, unlock last. */
int64_t plugin_wait(struct plugin *plugin, struct attempt *attempt, bool may_block);
/* Takes what the stack sends and tells, and asks the call that sleeps. */
void plugin_settle(struct plugin *plugin);
/* The clock goes on to that time, and everything that is due on the way happens. */
void plugin_advance(struct plugin *plugin, rill_time until);
/* The clock goes on until there is a packet; false: none will come. */
bool plugin_await_packet(struct plugin *plugin);

/* settings.c: obeys what the settings say since it was last asked. */
void plugin_obey(struct plugin *plugin);
/* Opens the host. False: errno. */
bool plugin_ready(struct plugin *plugin);
void plugin_flags(struct plugin *plugin, const char *flags);

/* sockets.c */
void plugin_tell_sockets(struct plugin *plugin);
void plugin_drop(struct plugin *plugin, const char *state);

/* live.c */
struct live *plugin_live(struct plugin *plugin, int real);
struct live *plugin_live_add(struct plugin *plugin, enum live_kind kind, int fd);
void plugin_live_remove(struct plugin *plugin, struct live *live);
/* -1 and errno for a negative number, else the number. */
int64_t plugin_result(int64_t result);

/* polling.c */
void plugin_news(struct plugin *plugin, int fd);
int plugin_poll(void *userdata, struct pollfd *fds, nfds_t count, int milliseconds);
int plugin_epoll_create(void *userdata, int size);
int plugin_epoll_ctl(void *userdata, int epoll, int operation, int fd, struct epoll_event *event);
int plugin_epoll_wait(void *userdata, int epoll, struct epoll_event *events, int most,
                      int milliseconds);
void plugin_watches_free(struct plugin *plugin, struct live *live);

/* data.c */
void plugin_data_functions(struct packetdrill_interface *interface);

#endif
