/* tcp/idle.c: the active parts that nothing needs at the moment, and when they go.
 *
 * A connection with nothing queued, in flight or out of order is quiet. Its active part stays for a
 * second, since the next request may be near, but no more than QUIET_MAX of them stay: beyond that
 * the one that has been quiet longest goes at once, while its bytes are still in the caches. So
 * requests on random ones of a million connections keep using the same few warm pages.
 *
 * The quiet stand in one list, about in the order in which they fell quiet, and one timer is filed
 * for its first. Lazily: traffic takes nobody out of the list; who is found busy when his turn
 * comes leaves it, and who has been busy meanwhile goes to its end. */
#include "tcp/host.h"

#define IDLE_TIME RILL_SECOND
#define QUIET_MAX 64u

static void append(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    active->next = 0;
    active->previous = host->quiet_last;
    if (host->quiet_last)
        host->quiet_last->active->next = connection;
    else
        host->quiet_first = connection;
    host->quiet_last = connection;
    active->quiet_listed = true;
    host->quiet_count++;
}

void rill__idle_leave(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    if (!active || !active->quiet_listed)
        return;
    if (active->previous)
        active->previous->active->next = active->next;
    else
        host->quiet_first = active->next;
    if (active->next)
        active->next->active->previous = active->previous;
    else
        host->quiet_last = active->previous;
    active->next = active->previous = 0;
    active->quiet_listed = false;
    if (--host->quiet_count == 0)
        rill__wheel_disarm(&host->core->wheel, &host->quiet_timer.entry);
}

bool rill__connection_is_quiet(const struct connection *connection) {
    const struct active *active = connection->active;
    bool fin_waits = (connection->flags & (CONNECTION_FIN_SEEN | CONNECTION_FIN_RECEIVED)) ==
                     CONNECTION_FIN_SEEN;
    bool queued = (connection->flags & CONNECTION_QUEUED) != 0; /* the listener's links are in it */
    bool writer = (connection->flags & CONNECTION_WANTS_WRITE) != 0; /* waits for memory */
    return !writer && !fin_waits && !fin_is_owed(connection) && !queued && !active->send.bytes &&
           !active->receive.bytes && !active->receive.ranges && !active->scoreboard.head &&
           !active->debt_count && !active->unacked && !connection->owes &&
           connection->state >= RILL_TCP_ESTABLISHED;
}

/* The first of the list has had his time. */
static void dismiss_first(struct tcp_host *host) {
    struct connection *connection = host->quiet_first;
    struct active *active = connection->active;
    rill__idle_leave(host, connection);
    if (!rill__connection_is_quiet(connection))
        return;
    if (active->quiet_until <= host->core->now || host->quiet_count >= QUIET_MAX) {
        if (!active->keepalives && !active->challenges.sent)
            rill__connection_shrink(host, connection);
        if (!connection->active)
            return;
        active->challenges.sent = 0; /* counted until a quiet second has passed */
        active->quiet_until = host->core->now + IDLE_TIME;
    }
    append(host, connection);
}

static void file(struct tcp_host *host) {
    if (host->quiet_first)
        rill__wheel_arm(&host->core->wheel, &host->quiet_timer.entry,
                        host->quiet_first->active->quiet_until);
}

/* One at a time: rill_advance counts what it runs. */
static void expired(void *context, struct core_timer *timer) {
    struct tcp_host *host = (struct tcp_host *)context;
    (void)timer;
    if (host->quiet_first && host->quiet_first->active->quiet_until <= host->core->now)
        dismiss_first(host);
    file(host);
}

void rill__idle_init(struct tcp_host *host) {
    host->quiet_timer.expire = expired;
}

void rill__idle_quiet(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    active->quiet_until = host->core->now + IDLE_TIME;
    if (active->quiet_listed)
        return;
    append(host, connection);
    if (host->quiet_count > QUIET_MAX)
        dismiss_first(host);
    file(host);
}
