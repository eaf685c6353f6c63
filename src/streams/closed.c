/* streams/closed.c: connections that are over are kept a while: late segments still belong to them.
 * They wait in a ring, in the order in which they ended; when it is full the first one goes. */
#include "streams/connection.h"

enum { CLOSED_MAX = 16384 };
#define CLOSED_TIME (60 * RILL_SECOND)

struct closed {
    uint32_t index, generation;
};

void rill__closed_fini(struct streams *streams) {
    if (streams->closed)
        rill__streams_release(streams, streams->closed, CLOSED_MAX * sizeof *streams->closed);
    streams->closed = 0;
}

static struct connection *first(struct streams *streams) {
    const struct closed *closed = &streams->closed[streams->closed_first % CLOSED_MAX];
    return rill__slab_find(&streams->connections, closed->index, closed->generation);
}

/* What will go soon has not been looked at for long: first its record, then what hangs on it. */
static void prefetch_next(const struct streams *streams) {
    enum { RECORD_AFTER = 8, ACTIVE_AFTER = 4 };
    uint64_t waiting = streams->closed_end - streams->closed_first;
    if (waiting <= RECORD_AFTER)
        return;
    uint32_t record = streams->closed[(streams->closed_first + RECORD_AFTER) % CLOSED_MAX].index;
    uint32_t soon = streams->closed[(streams->closed_first + ACTIVE_AFTER) % CLOSED_MAX].index;
    /* When memory was short, either may have gone before, and its chunk with it. What lies in a
     * free place can be read, and fetching what it names does no harm. */
    if (slab_has_memory(&streams->connections, record))
        prefetch_lines(slab_at(&streams->connections, record), sizeof(struct connection));
    if (!slab_has_memory(&streams->connections, soon))
        return;
    const struct connection *connection = slab_at(&streams->connections, soon);
    rill__lives_prefetch(streams, connection->hash);
    if (connection->active)
        prefetch_lines(connection->active, sizeof *connection->active);
}

static void drop_first(struct streams *streams) {
    struct connection *connection = first(streams);
    prefetch_next(streams);
    streams->closed_first++;
    streams->closed_stays = 0;
    if (connection)
        rill__streams_put_away(streams, connection);
}

void rill__closed_add(struct streams *streams, struct connection *connection) {
    if (!streams->closed)
        streams->closed = rill__streams_allocate(streams, CLOSED_MAX * sizeof *streams->closed);
    if (!streams->closed)
        return;
    if (streams->closed_end - streams->closed_first == CLOSED_MAX)
        drop_first(streams);
    struct closed *closed = &streams->closed[streams->closed_end++ % CLOSED_MAX];
    closed->index = connection->index;
    closed->generation = slab_generation(&streams->connections, connection->index);
}

bool rill__closed_expire(struct streams *streams, rill_time now) {
    rill_time kept = streams->config.kept_closed ? streams->config.kept_closed : CLOSED_TIME;
    if (streams->closed_end == streams->closed_first || now <= streams->closed_stays)
        return false;
    const struct connection *connection = first(streams);
    if (connection && connection->last + kept >= now) {
        streams->closed_stays = connection->last + kept;
        return false;
    }
    drop_first(streams);
    return true;
}
