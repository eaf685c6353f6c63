/* tcp/fast_open_active.c: Fast Open, the active side (RFC 7413 §4.1.3, §4.2.1): what the SYN
 * carries, and what its fate teaches for the next one.
 *
 * A first connection asks for a cookie and is opened as ever. With a cookie known, the application
 * may queue bytes before the SYN goes, and they go with it, as many as one segment to this server
 * holds. A held SYN waits for them. The SYN goes again without data and option (§4.1.3); the bytes
 * stay in the queue and, if the SYN-ACK does not take them, follow the handshake's ACK.
 *
 * A path may swallow a SYN with data, or all that follows one (§7.1). After two failures in a row
 * the server is asked in the old way for a minute, then two, four …, up to about an hour. */
#include "tcp/host.h"

#include <string.h>

#define OPTIONS_MOST 40u /* what they may take of a SYN's segment */
#define FAILURES_TAKEN 2u
#define DISTRUST (60 * RILL_SECOND)
#define DISTRUST_DOUBLED 6u

static bool is_distrusted(const struct tcp_host *host, const struct shared *shared) {
    if (shared->failures < FAILURES_TAKEN || host->config.fast_open & RILL_FAST_OPEN_TRUSTING)
        return false;
    unsigned doubled = RILL_MIN(shared->failures - FAILURES_TAKEN, DISTRUST_DOUBLED);
    return host->core->now - shared->failed_at < DISTRUST << doubled;
}

void rill__fast_open_begin(struct tcp_host *host, struct connection *connection, uint8_t wanted) {
    struct active *active = connection->active;
    uint16_t config = host->config.fast_open;
    if (wanted == RILL_FAST_OPEN_NEVER || !(config & RILL_FAST_OPEN_CONNECT))
        return;
    const struct shared *shared = rill__shared(host, &connection->key, false);
    if (shared && is_distrusted(host, shared))
        return;
    bool unasked = wanted & RILL_FAST_OPEN_UNASKED || config & RILL_FAST_OPEN_CONNECT_UNASKED;
    bool known = shared && shared->cookie_length;
    active->fast_open = FAST_OPEN_TRIED;
    if (!unasked)
        active->fast_open |= FAST_OPEN_OFFERED;
    if (known || unasked)
        active->fast_open |= FAST_OPEN_MAY_CARRY;
    if (active->fast_open & FAST_OPEN_MAY_CARRY && wanted & RILL_FAST_OPEN_HOLD)
        active->fast_open |= FAST_OPEN_HELD;
}

bool rill__fast_open_may_queue(const struct connection *connection) {
    const struct active *active = connection->active;
    return connection->state == RILL_TCP_SYN_SENT && active &&
           active->fast_open & FAST_OPEN_MAY_CARRY && !active->scoreboard.head;
}

uint32_t rill__fast_open_room(struct tcp_host *host, const struct connection *connection) {
    const struct shared *shared = rill__shared(host, &connection->key, false);
    uint32_t mss = connection->mss;
    if (shared && shared->mss) /* RFC 7413 §4.1.3: what it said the last time */
        mss = RILL_MIN(mss, shared->mss);
    uint32_t room = mss > OPTIONS_MOST ? mss - OPTIONS_MOST : 0,
             queued = connection->active->send.bytes;
    return room > queued ? room - queued : 0;
}

void rill__fast_open_release(struct tcp_host *host, struct connection *connection) {
    connection->active->fast_open &= (uint8_t)~FAST_OPEN_HELD;
    rill__tcp_ready(host, connection);
}

void rill__fast_open_option(struct tcp_host *host, const struct connection *connection,
                            struct wire_tcp *header) {
    if (!(connection->active->fast_open & FAST_OPEN_OFFERED))
        return;
    const struct shared *shared = rill__shared(host, &connection->key, false);
    header->has_fast_open = true;
    if (!shared)
        return;
    header->cookie_length = shared->cookie_length;
    header->fast_open_experimental = shared->experimental;
    memcpy(header->cookie, shared->cookie, sizeof header->cookie);
}

static void failed(const struct tcp_host *host, struct shared *shared, uint8_t times) {
    shared->failures = (uint8_t)RILL_MIN(shared->failures + times, 255);
    shared->failed_at = host->core->now;
}

void rill__fast_open_learn(struct tcp_host *host, struct connection *connection,
                           const struct tcp_segment *segment) {
    struct active *active = connection->active;
    const struct wire_tcp *header = &segment->header;
    if (!(active->fast_open & FAST_OPEN_TRIED))
        return;
    struct shared *shared = rill__shared(host, &connection->key, true);
    if (!shared) /* no memory: the next one asks again */
        return;
    bool cookie = active->fast_open & FAST_OPEN_OFFERED && header->has_fast_open &&
                  header->cookie_length; /* one not asked for is not kept */
    bool carried = (active->fast_open & FAST_OPEN_CARRIED) != 0;
    shared->mss = header->mss ? header->mss : rill__mss_default(&connection->key.remote);
    if (cookie) {
        memcpy(shared->cookie, header->cookie, sizeof shared->cookie);
        shared->cookie_length = header->cookie_length;
        shared->experimental = header->fast_open_experimental;
    }
    /* Only the SYN without data has been answered, by somebody who says nothing of a cookie. */
    if (active->retries && carried && !cookie)
        failed(host, shared, 1);
    else if (carried || cookie)
        shared->failures = 0;
}

void rill__fast_open_timeout(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    if (!(active->fast_open & FAST_OPEN_CARRIED))
        return;
    bool silent = connection->state != RILL_TCP_SYN_SENT && active->retries == 2 &&
                  connection->rcv_nxt == active->irs + 1;
    if (!silent)
        return;
    struct shared *shared = rill__shared(host, &connection->key, true);
    if (shared) /* RFC 7413 §7.1: the SYN was let through, and then nothing */
        failed(host, shared, FAILURES_TAKEN);
}
