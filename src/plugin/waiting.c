/* plugin/waiting.c: the clock, and calls that wait. See plugin.h for how the threads share. */
#include "plugin/plugin.h"

#include <errno.h>
#include <time.h>

#define STEPS_MAX 1000000              /* between two packets: the stack does not come to rest */
#define PATIENCE_NS 200000000          /* of real time, for the other thread */
#define NO_PACKET (3600 * RILL_SECOND) /* of virtual time: none will come */

/* Waits until the other thread has done what `*busy` says, but not for ever. */
static void wait_while(struct plugin *plugin, const unsigned *busy, const bool *also) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PATIENCE_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while ((busy && *busy) || (also && *also))
        if (pthread_cond_timedwait(&plugin->settled, &plugin->lock, &until))
            return;
}

static bool take_events(struct plugin *plugin) {
    struct rill_event events[16];
    size_t n, total = 0;
    while (plugin->world.stack && (n = rill_events(plugin->world.stack, events, 16)) > 0) {
        total += n;
        for (size_t i = 0; i < n; i++) {
            int fd = rill_socket_of(plugin->world.sockets, &events[i]);
            if (fd >= 0)
                plugin_news(plugin, fd);
        }
    }
    return total > 0;
}

static void take_all(struct plugin *plugin) {
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        bool busy = world_flush(&plugin->world) > 0;
        if (!take_events(plugin) && !busy)
            return;
    }
}

static void ask_sleeper(struct plugin *plugin) {
    if (!plugin->sleeping)
        return;
    plugin->stirred = plugin->sleeping;
    plugin->round++;
    pthread_cond_broadcast(&plugin->changed);
    wait_while(plugin, &plugin->stirred, 0);
}

void plugin_settle(struct plugin *plugin) {
    if (plugin->opening) /* its bytes go with the handshake's ACK */
        ask_sleeper(plugin);
    take_all(plugin);
    ask_sleeper(plugin);
    take_all(plugin); /* what it has done */
}

static rill_time next_step(const struct plugin *plugin) {
    rill_time next = plugin->world.stack ? rill_deadline(plugin->world.stack) : RILL_TIME_NEVER;
    if (next != RILL_TIME_NEVER) { /* the stack's clock begins a second before the script's */
        next = next > RILL_SECOND ? next - RILL_SECOND : 0;
        next = next > plugin->world.now ? next : plugin->world.now;
    }
    if (plugin->sleeping && plugin->wake_at < next)
        next = plugin->wake_at;
    return next;
}

void plugin_advance(struct plugin *plugin, rill_time until) {
    if (plugin->returned && pthread_equal(pthread_self(), plugin->main)) {
        wait_while(plugin, 0, &plugin->returned);
        plugin->returned = false;
    }
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        rill_time next = next_step(plugin);
        rill_time stop = next < until ? next : until;
        bool more = world_advance(&plugin->world, stop);
        plugin_settle(plugin);
        if (!more && stop == until)
            return;
    }
}

bool plugin_await_packet(struct plugin *plugin) {
    rill_time give_up = plugin->world.now + NO_PACKET;
    plugin_settle(plugin);
    for (unsigned i = 0; i < STEPS_MAX && !plugin->world.sent; i++) {
        rill_time next = next_step(plugin);
        if (next > give_up)
            return false;
        plugin_advance(plugin, next);
    }
    return plugin->world.sent;
}

int64_t plugin_wait(struct plugin *plugin, struct attempt *attempt, bool may_block) {
    bool woken = false;
    for (;;) {
        int64_t result = attempt->run(plugin, attempt);
        attempt->begun = true;
        bool later = result == -EAGAIN || result == -EINPROGRESS;
        /* The main thread must come back: nobody else moves the clock. */
        if (!later || !may_block || pthread_equal(pthread_self(), plugin->main)) {
            if (woken) {
                plugin->returned = true;
                plugin->stirred--;
                pthread_cond_broadcast(&plugin->settled);
            } else {
                take_all(plugin);
            }
            return result;
        }
        take_all(plugin);
        plugin->wake_at = attempt->until;
        plugin->sleeping++;
        if (woken) {
            plugin->stirred--;
            pthread_cond_broadcast(&plugin->settled);
        }
        for (unsigned round = plugin->round; plugin->round == round;)
            pthread_cond_wait(&plugin->changed, &plugin->lock);
        plugin->sleeping--;
        woken = true;
    }
}
