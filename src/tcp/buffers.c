/* tcp/buffers.c: buffers that follow the path.
 *
 * Theory of operation. The receiver measures what the application reads in a round trip. A sender
 * that doubles its window each round trip has twice as much under way in the next, and of what is
 * lost the rest waits for a round trip more: so the buffer is twice what was read, and as much
 * again for each byte by which that has grown since the round before. Four times what a round of
 * slow start has brought is what it takes never to be in the sender's way.
 *
 * What is read late, when a hole is filled, is no news of the path: of what was read and what has
 * arrived in a round the smaller counts. So an application that does not read has a small buffer,
 * and one that falls behind keeps the one it has.
 *
 * The receiver's round trip is told by the handshake, then by timestamps (the echo in a segment
 * with data), or without them by the window: what lies beyond the right edge promised at one moment
 * can only come a round trip later. Both may hold a pause of the peer's, so the smallest counts,
 * and what timestamps have told is forgotten slowly.
 *
 * The sender needs a congestion window for what is under way and one for what is to follow.
 *
 * Buffers only grow, and only while memory is not short; window.c then promises less, whatever
 * their size. Who sets a size has that size. */
#include "tcp/host.h"

#define ROUND_TRIP_MAX 600000u /* ms: an echo that says more is no measurement */

static uint32_t most(const struct tcp_host *host, uint32_t min, uint32_t max) {
    uint64_t share = host->core->memory_limit / 4; /* one connection must not be all there is */
    return RILL_MAX(min, (uint32_t)RILL_MIN(max, share));
}

uint32_t rill__receive_buffer_initial(const struct tcp_host *host) {
    const struct rill_stack_config *config = &host->config;
    return config->receive_buffer ? config->receive_buffer : config->receive_buffer_min;
}

uint32_t rill__receive_buffer_most(const struct tcp_host *host) {
    const struct rill_stack_config *config = &host->config;
    if (config->receive_buffer)
        return config->receive_buffer;
    return most(host, config->receive_buffer_min, config->receive_buffer_max);
}

void rill__buffers_open(const struct tcp_host *host, struct connection *connection) {
    const struct rill_stack_config *config = &host->config;
    connection->receive_buffer = rill__receive_buffer_initial(host);
    connection->send_buffer = config->send_buffer ? config->send_buffer : config->send_buffer_min;
    if (config->receive_buffer)
        connection->choices |= CHOICE_RECEIVE_BUFFER;
    if (config->send_buffer)
        connection->choices |= CHOICE_SEND_BUFFER;
}

/* The larger of two may hold a pause; a path's own delay does not more than double in a round. What
 * the window tells never makes it longer: a larger window takes longer to fill, and would be made
 * larger for it. */
static void sample(struct active *active, rill_time rtt, bool may_raise) {
    uint32_t us = (uint32_t)RILL_MIN(rtt / RILL_MICROSECOND, UINT32_MAX / 2);
    us = RILL_MAX(us, 1);
    if (!active->receive_rtt || us < active->receive_rtt)
        active->receive_rtt = us;
    else if (may_raise)
        active->receive_rtt += RILL_MIN(us - active->receive_rtt, active->receive_rtt) / 8;
}

void rill__buffers_handshake(struct connection *connection, rill_time rtt) {
    sample(connection->active, rtt, false);
}

void rill__buffers_arrived(const struct tcp_host *host, struct connection *connection,
                           const struct tcp_segment *segment) {
    struct active *active = connection->active;
    if (connection->choices & CHOICE_RECEIVE_BUFFER)
        return;
    rill_time now = host->core->now;
    if (connection->flags & CONNECTION_TIMESTAMPS) {
        uint32_t echo = segment->header.timestamp_echo;
        uint32_t ms = rill__timestamp_now(host, connection->ts_offset) - echo;
        if (echo == active->measured || !echo || ms > ROUND_TRIP_MAX)
            return; /* only the first that a segment of ours has brought */
        active->measured = echo;
        if (ms <= 1 && active->receive_rtt && active->receive_rtt <= 2000)
            return; /* a tick says no more than we know */
        sample(active, RILL_MAX(ms, 1) * RILL_MILLISECOND, true);
    } else if (!active->measured_at || seq_gt(connection->rcv_nxt, active->measured)) {
        if (active->measured_at)
            sample(active, now - active->measured_at, false);
        active->measured = connection->rcv_adv;
        active->measured_at = now;
    }
}

/* 0: not known. */
static rill_time round_trip(const struct connection *connection) {
    uint32_t us = connection->active->receive_rtt;
    return (us ? us : connection->srtt / 8) * RILL_MICROSECOND;
}

uint32_t rill__round_trip(const struct connection *connection) {
    return connection->srtt ? connection->srtt / 8 : connection->active->receive_rtt;
}

/* Bytes that have arrived since the peer's SYN, modulo 2^32. */
static rill_seq arrived(const struct connection *connection) {
    return connection->rcv_nxt + connection->active->receive.out_of_order;
}

void rill__buffers_round(const struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    rill_time round = round_trip(connection), now = host->core->now;
    if (!round || now - active->round_at < round || connection->choices & CHOICE_RECEIVE_BUFFER)
        return;
    active->round_before =
        RILL_MIN(active->round_read, arrived(connection) - active->round_arrived);
    active->round_arrived = arrived(connection);
    active->round_read = 0;
    active->round_at = now;
}

void rill__buffers_read(const struct tcp_host *host, struct connection *connection, size_t bytes) {
    struct active *active = connection->active;
    if (connection->choices & CHOICE_RECEIVE_BUFFER || !(connection->flags & CONNECTION_IN_DEMUX) ||
        !round_trip(connection))
        return;
    active->round_read += (uint32_t)RILL_MIN(bytes, UINT32_MAX - active->round_read);
    uint64_t read = RILL_MIN(active->round_read, arrived(connection) - active->round_arrived);
    uint64_t growth = read > active->round_before ? read - active->round_before : 0;
    uint64_t wanted = 2 * (read + 2 * growth);
    if (wanted > connection->receive_buffer && !rill__core_pressed(host->core)) {
        uint32_t limit = rill__receive_buffer_most(host);
        connection->receive_buffer =
            (uint32_t)RILL_MAX(connection->receive_buffer, RILL_MIN(wanted, limit));
    }
}

void rill__buffers_acked(const struct tcp_host *host, struct connection *connection) {
    uint64_t wanted = 2 * (uint64_t)connection->congestion.cwnd;
    if (connection->choices & CHOICE_SEND_BUFFER || wanted <= connection->send_buffer ||
        rill__core_pressed(host->core))
        return;
    const struct rill_stack_config *config = &host->config;
    uint32_t limit = most(host, config->send_buffer_min, config->send_buffer_max);
    connection->send_buffer = (uint32_t)RILL_MAX(connection->send_buffer, RILL_MIN(wanted, limit));
}
