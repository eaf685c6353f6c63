/* tcp/window.c: what to advertise.
 *
 * The window is what the receive buffer still takes. A promise is kept: the right edge never moves
 * back (RFC 9293 §3.8.6, SHLD-14), also when the field's granularity would round it down. It moves
 * forward only by a worthwhile step (§3.8.6.2.2), so no silly windows are offered. */
#include "tcp/host.h"

#define PRESSED_SEGMENTS 4 /* what a connection may expect while memory is short */

uint32_t rill__receive_space(const struct connection *connection) {
    uint32_t queued = connection->active ? connection->active->receive.bytes : 0;
    return connection->receive_buffer > queued ? connection->receive_buffer - queued : 0;
}

/* The most that is ever offered: the buffer, or what the application has clamped the window to, but
 * no less than the field can say. */
static uint32_t offer_max(const struct tcp_host *host, const struct connection *connection) {
    const struct extra *extra = rill__extra(host, connection);
    if (!extra || !extra->window_clamp)
        return connection->receive_buffer;
    uint32_t clamp = RILL_MAX(extra->window_clamp, 1u << connection->rcv_scale);
    return RILL_MIN(connection->receive_buffer, clamp);
}

/* How much of that may be promised. While memory is short no more is promised than keeps a
 * connection moving; what is promised already stays so. */
static uint32_t free_space(const struct tcp_host *host, const struct connection *connection) {
    uint32_t queued = connection->active ? connection->active->receive.bytes : 0;
    uint32_t pressed = PRESSED_SEGMENTS * (uint32_t)connection->mss;
    if (rill__core_pressed(host->core) && pressed < connection->receive_buffer)
        return pressed > queued ? pressed - queued : 0;
    return RILL_MIN(rill__receive_space(connection), offer_max(host, connection));
}

/* What has been promised and not used yet. */
uint32_t rill__receive_window(const struct connection *connection) {
    return seq_gt(connection->rcv_adv, connection->rcv_nxt)
               ? connection->rcv_adv - connection->rcv_nxt
               : 0;
}

static uint32_t worthwhile(const struct tcp_host *host, const struct connection *connection) {
    uint32_t half = offer_max(host, connection) / 2;
    return RILL_MAX(RILL_MIN(half, connection->mss), 1);
}

static uint32_t window_max(const struct connection *connection) {
    return 65535u << connection->rcv_scale;
}

/* How far the right edge could go now. */
static uint32_t offer(const struct tcp_host *host, const struct connection *connection) {
    uint32_t promised = rill__receive_window(connection);
    uint32_t space = RILL_MIN(free_space(host, connection), window_max(connection));
    if (space < promised + worthwhile(host, connection))
        return promised;
    return space;
}

uint16_t rill__window_of_syn(const struct tcp_host *host, const struct connection *connection) {
    return (uint16_t)RILL_MIN(free_space(host, connection), 65535); /* RFC 7323 §2.2: not scaled */
}

uint16_t rill__window_advertise(const struct tcp_host *host, struct connection *connection) {
    uint32_t promised = rill__receive_window(connection);
    uint32_t window = RILL_MAX(offer(host, connection), promised);
    uint32_t field = window >> connection->rcv_scale;
    /* RFC 7323 §2.4: do not retract by rounding, as long as the buffer takes what it adds; else the
     * field says less than rcv_adv, which still counts. */
    if (field << connection->rcv_scale < promised &&
        (field + 1) << connection->rcv_scale <= free_space(host, connection))
        field++;
    field = RILL_MIN(field, 65535);
    rill_seq edge = connection->rcv_nxt + (field << connection->rcv_scale);
    connection->rcv_adv = seq_max(connection->rcv_adv, edge);
    return (uint16_t)field;
}

bool rill__window_update_due(const struct tcp_host *host, const struct connection *connection) {
    if (connection->state != RILL_TCP_ESTABLISHED && connection->state != RILL_TCP_FIN_WAIT_1 &&
        connection->state != RILL_TCP_FIN_WAIT_2)
        return false;
    uint32_t promised = rill__receive_window(connection);
    uint32_t next = offer(host, connection);
    uint32_t half = offer_max(host, connection) / 2;
    uint32_t step = RILL_MIN(half, 2u * connection->mss);
    /* The peer must hear of it when it may be waiting: the window was small, and has grown. */
    return next >= promised + RILL_MAX(step, 1) && promised < half + 1 &&
           (next >> connection->rcv_scale) > (promised >> connection->rcv_scale);
}
