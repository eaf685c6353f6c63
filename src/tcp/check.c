/* tcp/check.c: the invariants of a whole connection: asked for by tests, and asserted at the end of
 * every call that touches a connection where the config says `check`. */
#include "base/assert.h"
#include "tcp/host.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return #condition;                                                                     \
    } while (0)

static const char *check_scoreboard(const struct connection *connection) {
    const struct scoreboard *board = &connection->active->scoreboard;
    rill_seq at = connection->snd_una;
    uint32_t in_flight = 0, sacked = 0, lost = 0, count = 0;
    const struct transmission *first_lost = 0;
    for (const struct transmission *record = board->head; record; record = record->next, count++) {
        CHECK(record->sequence == at);
        CHECK(seq_gt(record->end, record->sequence));
        CHECK(!record->next || record->next->previous == record);
        at = record->end;
        CHECK((record->flags & (TRANSMISSION_LOST | TRANSMISSION_SACKED)) !=
              (TRANSMISSION_LOST | TRANSMISSION_SACKED));
        if (record->flags & TRANSMISSION_SACKED)
            sacked += transmission_span(record);
        else if (record->flags & TRANSMISSION_LOST)
            lost += transmission_span(record);
        else
            in_flight += transmission_span(record);
        if (record->flags & TRANSMISSION_LOST && !first_lost)
            first_lost = record;
        CHECK(!board->root || rill__tree_find(board, record->sequence) == record);
    }
    CHECK(at == connection->snd_nxt);
    CHECK(count == board->count);
    CHECK(in_flight == board->in_flight);
    CHECK(sacked == board->sacked);
    CHECK(lost == board->lost);
    CHECK(first_lost == rill__scoreboard_first_lost(board));
    CHECK(!(sacked || lost) || board->root);
    return 0;
}

/* The list by time: what is in flight, in the order of sending. */
static const char *check_times(const struct connection *connection) {
    const struct scoreboard *board = &connection->active->scoreboard;
    uint32_t in_flight = 0;
    rill_time at = 0;
    for (const struct transmission *record = board->oldest; record; record = record->later) {
        CHECK(transmission_in_flight(record));
        CHECK(record->sent_at >= at);
        CHECK(!record->later || record->later->earlier == record);
        at = record->sent_at;
        in_flight += transmission_span(record);
    }
    CHECK(in_flight == board->in_flight);
    return 0;
}

static const char *check_receive(const struct connection *connection) {
    const struct receive_queue *queue = &connection->active->receive;
    uint32_t bytes = 0, out_of_order = 0, ranges = 0;
    uint64_t held = 0;
    for (uint32_t i = 0; i < queue->count; i++) {
        const struct receive_slot *slot = &queue->ring[(queue->head + i) & queue->mask];
        bytes += (uint32_t)slot->slice.length;
        held += slot->charge;
    }
    rill_seq at = connection->rcv_nxt;
    for (const struct receive_range *range = queue->ranges; range; range = range->next, ranges++) {
        CHECK(seq_gt(range->left, at));
        rill_seq piece_at = range->left;
        for (const struct receive_piece *piece = range->first; piece; piece = piece->next) {
            piece_at += (uint32_t)piece->slice.length;
            out_of_order += (uint32_t)piece->slice.length;
            held += piece->charge;
        }
        CHECK(piece_at == range->right);
        at = range->right;
    }
    CHECK(seq_leq(at, connection->rcv_adv) || !queue->ranges);
    CHECK(bytes == queue->bytes);
    CHECK(out_of_order == queue->out_of_order);
    CHECK(ranges == queue->range_count);
    CHECK(held == queue->held);
    return 0;
}

static const char *check_send(const struct connection *connection) {
    const struct send_queue *queue = &connection->active->send;
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < queue->count; i++) {
        const struct send_chunk *chunk = &queue->ring[(queue->head + i) & queue->mask];
        CHECK(chunk->sequence == queue->first + bytes);
        bytes += chunk->length;
    }
    CHECK(bytes == queue->bytes);
    rill_seq end = queue->first + queue->bytes;
    bool fin = (connection->flags & CONNECTION_FIN_SENT) != 0;
    CHECK(seq_leq(connection->snd_nxt, end + fin));
    CHECK(!fin || connection->snd_nxt == end + 1);
    return 0;
}

static const char *check_timers(const struct connection *connection) {
    const struct active *active = connection->active;
    rill_time next = RILL_MIN(RILL_MIN(active->rto_at, active->persist_at),
                              RILL_MIN(active->ack_at, connection->keepalive_at));
    next = RILL_MIN(next, RILL_MIN(active->recovery.reorder_at, active->recovery.probe_at));
    next = RILL_MIN(next, active->release_at);
    if (next != RILL_TIME_NEVER && connection->flags & CONNECTION_IN_DEMUX) {
        CHECK(wheel_is_armed(&connection->timer.entry));
        CHECK(connection->timer.entry.deadline <= next);
    }
    /* What is in flight is always watched: a connection cannot be stuck. */
    CHECK(!active->scoreboard.head || active->rto_at != RILL_TIME_NEVER ||
          !(connection->flags & CONNECTION_IN_DEMUX));
    return 0;
}

const char *rill__connection_check(const struct tcp_host *host,
                                   const struct connection *connection) {
    (void)host;
    CHECK(seq_leq(connection->snd_una, connection->snd_nxt));
    if (!connection->active || !(connection->flags & CONNECTION_IN_DEMUX))
        return 0;
    const char *broken = check_scoreboard(connection);
    if (!broken)
        broken = check_times(connection);
    if (!broken && state_is_synchronized(connection->state))
        broken = check_receive(connection);
    if (!broken && state_is_synchronized(connection->state))
        broken = check_send(connection);
    return broken ? broken : check_timers(connection);
}

void rill__connection_verify(const struct tcp_host *host, const struct connection *connection) {
    if (host->config.check)
        RILL_ASSERT(rill__connection_check(host, connection) == 0);
}
