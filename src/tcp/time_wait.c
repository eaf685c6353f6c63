/* tcp/time_wait.c: what remains of a connection so that its four-tuple is not misunderstood.
 *
 * A record answers the peer's repeated FIN, ignores RST (RFC 1337 §3), and gives way to a new SYN
 * that cannot be an old one: a higher sequence number (RFC 9293 §3.10.7.4, MAY-2) or a later
 * timestamp (RFC 6191 §2). Records are linked by age; past the configured number the oldest goes.
 */
#include "tcp/host.h"

static void expired(void *context, struct core_timer *timer) {
    struct time_wait *record = RILL_CONTAINER(timer, struct time_wait, timer);
    rill__time_wait_free((struct tcp_host *)context, record);
}

static void link_newest(struct tcp_host *host, struct time_wait *record) {
    record->newer = SLAB_NONE;
    record->older = host->time_wait_newest;
    if (record->older != SLAB_NONE)
        ((struct time_wait *)slab_at(&host->time_waits, record->older))->newer = record->index;
    else
        host->time_wait_oldest = record->index;
    host->time_wait_newest = record->index;
}

static void unlink_record(struct tcp_host *host, struct time_wait *record) {
    if (record->older != SLAB_NONE)
        ((struct time_wait *)slab_at(&host->time_waits, record->older))->newer = record->newer;
    else
        host->time_wait_oldest = record->newer;
    if (record->newer != SLAB_NONE)
        ((struct time_wait *)slab_at(&host->time_waits, record->newer))->older = record->older;
    else
        host->time_wait_newest = record->older;
}

void rill__time_wait_free(struct tcp_host *host, struct time_wait *record) {
    rill__wheel_disarm(&host->core->wheel, &record->timer.entry);
    rill__demux_remove(host, record->tag, TCP_KIND_TIME_WAIT, record->index);
    unlink_record(host, record);
    rill__slab_close(&host->time_waits, record->index);
}

bool rill__time_wait_start(struct tcp_host *host, const struct connection *connection) {
    if (host->time_waits.used >= host->config.time_wait_max && host->time_wait_oldest != SLAB_NONE)
        rill__time_wait_free(
            host, (struct time_wait *)slab_at(&host->time_waits, host->time_wait_oldest));
    uint32_t index;
    struct time_wait *record = (struct time_wait *)rill__slab_open(&host->time_waits, &index);
    if (!record)
        return false;
    if (!rill__demux_insert(host, connection->tag, TCP_KIND_TIME_WAIT, index)) {
        rill__slab_close(&host->time_waits, index);
        return false;
    }
    record->index = index;
    record->tag = connection->tag;
    record->key = connection->key;
    record->snd_nxt = connection->snd_nxt;
    record->rcv_nxt = connection->rcv_nxt;
    record->ts_recent = connection->ts_recent;
    record->ts_offset = connection->ts_offset;
    record->timestamps = (connection->flags & CONNECTION_TIMESTAMPS) != 0;
    record->window = (uint16_t)(rill__receive_window(connection) >> connection->rcv_scale);
    record->interface = connection->source.interface;
    record->timer.expire = expired;
    link_newest(host, record);
    rill__wheel_arm(&host->core->wheel, &record->timer.entry,
                    host->core->now + host->config.time_wait);
    return true;
}

static void acknowledge(struct tcp_host *host, struct time_wait *record) {
    if (!rill__challenge_allowed(host, &record->challenges))
        return;
    struct tcp_control control = {
        .key = &record->key,
        .sequence = record->snd_nxt,
        .acknowledgement = record->rcv_nxt,
        .window = record->window,
        .flags = WIRE_ACK,
        .timestamps = record->timestamps,
        .timestamp_value = rill__timestamp_now(host, record->ts_offset),
        .timestamp_echo = record->ts_recent,
        .cause = RILL_CAUSE_TIME_WAIT_ACK,
    };
    rill__tcp_control(host, host->ip->interfaces[record->interface], &control);
}

/* A SYN that starts another connection (RFC 6191 §2 and RFC 9293 §3.10.7.4). */
static bool is_new_connection(const struct time_wait *record, const struct tcp_segment *segment) {
    if ((segment->flags & (WIRE_SYN | WIRE_ACK | WIRE_RST | WIRE_FIN)) != WIRE_SYN)
        return false;
    if (record->timestamps && segment->header.has_timestamps) {
        int32_t later = (int32_t)(segment->header.timestamp_value - record->ts_recent);
        if (later != 0)
            return later > 0;
    }
    return seq_gt(segment->sequence, record->rcv_nxt);
}

/* With a full backlog the SYN is dropped and we still remember: a cookie's number could not be
 * chosen to lie beyond all the old connection has used, which is MAY-2's condition. */
static void reopen(struct tcp_host *host, struct time_wait *record, struct listener *listener,
                   struct tcp_segment *segment) {
    if (rill__listener_is_full(host, listener)) {
        rill__tcp_drop(host, 0, segment, RILL_DROP_TCP_BACKLOG_FULL);
        return;
    }
    struct half_open *half = rill__listener_syn(host, listener, segment);
    if (!half)
        return;
    half->iss = seq_max(half->iss, record->snd_nxt + TIME_WAIT_GAP);
    rill__time_wait_free(host, record);
}

void rill__time_wait_input(struct tcp_host *host, struct time_wait *record,
                           struct tcp_segment *segment) {
    if (is_new_connection(record, segment)) {
        struct listener *listener = rill__listener_find(host, &segment->key);
        if (listener) {
            reopen(host, record, listener, segment);
            return;
        }
    }
    if (segment->flags & WIRE_RST) {
        rill__tcp_drop(host, 0, segment, RILL_DROP_TCP_TIME_WAIT_RST);
        return;
    }
    /* The last ACK was lost: acknowledge again, and begin the time anew (§3.10.7.4, eighth). */
    bool old_fin =
        segment->flags & WIRE_FIN && segment->sequence + segment->payload + 1 == record->rcv_nxt;
    rill__tcp_drop(host, 0, segment, RILL_DROP_TCP_TIME_WAIT);
    if (old_fin) {
        rill__wheel_disarm(&host->core->wheel, &record->timer.entry);
        rill__wheel_arm(&host->core->wheel, &record->timer.entry,
                        host->core->now + host->config.time_wait);
    }
    if (segment_span(segment) || segment->sequence != record->rcv_nxt)
        acknowledge(host, record);
}
