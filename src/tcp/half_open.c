/* tcp/half_open.c: SYN-RECEIVED of a passive open: a small record until the handshake ends.
 *
 * Its life: parked (a deferred listener's; no answer yet) -> answered (SYN-ACK sent, sent again
 * with back-off) -> a connection, when the handshake's ACK arrives; or nothing, after the last
 * retry, an RST, or the end of its listener. RFC 9293 §3.10.7.4 for SYN-RECEIVED is followed here
 * for these records. */
#include "tcp/host.h"

static struct listener *listener_of(struct tcp_host *host, const struct half_open *half) {
    return rill__listener_at(host, half->listener, half->listener_generation);
}

static rill_time retry_time(const struct tcp_host *host, const struct half_open *half) {
    rill_time rto = host->config.rto_initial;
    for (unsigned i = 0; i < half->retries && rto < host->config.rto_max; i++)
        rto *= 2;
    return host->core->now + RILL_MIN(rto, host->config.rto_max);
}

static void expired(void *context, struct core_timer *timer) {
    struct tcp_host *host = (struct tcp_host *)context;
    struct half_open *half = RILL_CONTAINER(timer, struct half_open, timer);
    bool limited = host->config.syn_ack_retries != 255;
    if (!listener_of(host, half) || (limited && half->retries >= host->config.syn_ack_retries)) {
        rill__half_open_free(host, half);
        return;
    }
    half->retries += half->retries < 254;
    if (!half->parked) {
        half->owes_syn_ack = true;
        half->resent = true;
        rill__ip_source_ready(host->ip, &half->source);
    }
    rill__wheel_arm(&host->core->wheel, &half->timer.entry, retry_time(host, half));
}

rill_handle rill__half_open_handle(const struct tcp_host *host, const struct half_open *half) {
    return handle_make(HANDLE_HALF_OPEN, half->index,
                       slab_generation(&host->half_opens, half->index));
}

struct half_open *rill__half_open_find(struct tcp_host *host, rill_handle handle) {
    if (handle_get_kind(handle) != HANDLE_HALF_OPEN)
        return 0;
    struct half_open *half = (struct half_open *)rill__slab_find(
        &host->half_opens, handle_index(handle), handle_generation(handle));
    return half && half->parked ? half : 0;
}

static void park(struct listener *listener, struct half_open *half) {
    half->parked = true;
    half->previous = listener->parked_tail;
    if (listener->parked_tail)
        listener->parked_tail->next = half;
    else
        listener->parked_head = half;
    listener->parked_tail = half;
}

/* Out of the listener's list: given to the application, or gone. It stays parked. */
void rill__half_open_unpark(struct tcp_host *host, struct half_open *half) {
    struct listener *listener = listener_of(host, half);
    if (!listener || (!half->previous && listener->parked_head != half))
        return; /* taken out before */
    if (half->previous)
        half->previous->next = half->next;
    else
        listener->parked_head = half->next;
    if (half->next)
        half->next->previous = half->previous;
    else
        listener->parked_tail = half->previous;
    half->next = half->previous = 0;
}

void rill__half_open_free(struct tcp_host *host, struct half_open *half) {
    struct listener *listener = listener_of(host, half);
    if (half->parked)
        rill__half_open_unpark(host, half);
    if (listener)
        listener->half_open--;
    rill__wheel_disarm(&host->core->wheel, &half->timer.entry);
    rill__ip_source_remove(host->ip, &half->source);
    rill__demux_remove(host, half->tag, TCP_KIND_HALF_OPEN, half->index);
    rill__slab_close(&host->half_opens, half->index);
}

void rill__half_open_fill(const struct tcp_host *host, struct half_open *half,
                          const struct tcp_segment *segment) {
    const struct wire_tcp *header = &segment->header;
    half->key = segment->key;
    half->source.interface = (uint8_t)segment->datagram->interface->index;
    half->irs = segment->sequence;
    half->mss = header->mss;
    if (header->has_window_scale && host->config.window_scaling) {
        half->flags |= CONNECTION_SCALED;
        half->snd_scale = header->window_scale;
        half->rcv_scale = rill__receive_scale(host, rill__receive_buffer_most(host));
    }
    if (header->has_timestamps && host->config.timestamps) {
        half->flags |= CONNECTION_TIMESTAMPS;
        half->ts_recent = header->timestamp_value;
    }
    if (header->sack_permitted && host->config.sack)
        half->flags |= CONNECTION_SACK;
    half->ts_offset = rill__timestamp_offset(host, &half->key);
    half->window = header->window;
    half->user_timeout = header->user_timeout;
    if (host->config.ecn && rill__ecn_asked(segment))
        half->source.owner = ECN_AGREED;
}

struct half_open *rill__half_open_start(struct tcp_host *host, struct listener *listener,
                                        const struct tcp_segment *segment) {
    uint32_t index;
    struct half_open *half = (struct half_open *)rill__slab_open(&host->half_opens, &index);
    if (!half)
        return 0;
    uint32_t tag = rill__demux_tag(host, &segment->key);
    if (!rill__demux_insert(host, tag, TCP_KIND_HALF_OPEN, index)) {
        rill__slab_close(&host->half_opens, index);
        return 0;
    }
    half->index = index;
    half->kept = true;
    half->tag = tag;
    rill__half_open_fill(host, half, segment);
    half->source.transport = host->transport;
    half->source.kind = TCP_KIND_HALF_OPEN;
    half->listener = listener->index;
    half->mss_most = listener->mss_most;
    half->listener_generation = slab_generation(&host->listeners, listener->index);
    half->iss = rill__isn(host, &half->key);
    half->timer.expire = expired;
    listener->half_open++;
    if (listener->deferred)
        park(listener, half);
    rill__wheel_arm(&host->core->wheel, &half->timer.entry, retry_time(host, half));
    return half;
}

void rill__half_open_answer(struct tcp_host *host, struct half_open *half) {
    if (half->parked) {
        rill__half_open_unpark(host, half);
        half->parked = false;
        half->retries = 0; /* the timer has backed off while nobody had decided: anew */
        rill__wheel_disarm(&host->core->wheel, &half->timer.entry);
        rill__wheel_arm(&host->core->wheel, &half->timer.entry, retry_time(host, half));
    }
    half->owes_syn_ack = true;
    rill__ip_source_ready(host->ip, &half->source);
}

static uint16_t syn_window(const struct tcp_host *host) {
    return (uint16_t)RILL_MIN(rill__receive_buffer_initial(host), 65535); /* RFC 7323 §2.2 */
}

static uint16_t announced(const struct tcp_host *host, const struct half_open *half,
                          const struct ip_interface *interface) {
    uint16_t mss = rill__mss_of_interface(host, interface, &half->key.remote);
    return half->mss_most ? RILL_MIN(mss, half->mss_most) : mss;
}

struct wire_tcp rill__half_open_syn_ack(const struct tcp_host *host, const struct half_open *half,
                                        const struct ip_interface *interface) {
    struct wire_tcp header = {
        .sequence = half->iss,
        .acknowledgement = half->irs + 1,
        .window = syn_window(host),
        .flags = WIRE_SYN | WIRE_ACK,
        .window_scale = half->rcv_scale,
        .mss = announced(host, half, interface),
        .user_timeout = rill__user_timeout_of_listener(host),
        .has_window_scale = (half->flags & CONNECTION_SCALED) != 0,
        .has_timestamps = (half->flags & CONNECTION_TIMESTAMPS) != 0,
        .sack_permitted = (half->flags & CONNECTION_SACK) != 0,
        .timestamp_value = rill__timestamp_now(host, half->ts_offset),
        .timestamp_echo = half->ts_recent,
    };
    if (half->source.owner & ECN_AGREED) /* RFC 3168 §6.1.1 */
        header.flags |= WIRE_ECE;
    return header;
}

struct rill_packet *rill__half_open_output(struct tcp_host *host, struct half_open *half) {
    if (!half->owes_syn_ack)
        return 0;
    struct rill_packet *packet = rill_packet_open(host->core->pool);
    if (!packet)
        return 0; /* the timer tries again */
    half->owes_syn_ack = false;
    half->sent_at = half->resent ? 0 : host->core->now;
    struct ip_interface *interface = host->ip->interfaces[half->source.interface];
    struct wire_tcp header = rill__half_open_syn_ack(host, half, interface);
    if (!half->resent) /* RFC 7413 §4.2.2: a SYN-ACK that goes again is a plain one */
        (void)rill__fast_open_cookie(host, half, &header);
    enum rill_cause cause = half->resent ? RILL_CAUSE_SYN_ACK_RESENT : RILL_CAUSE_SYN_ACK;
    return rill__tcp_write(host, packet, &header, &half->key, interface, cause, 0, 0);
}

/* What the record knows becomes the connection's. */
void rill__half_open_inherit(struct tcp_host *host, struct connection *connection,
                             const struct half_open *half) {
    connection->flags |= half->flags | CONNECTION_PASSIVE;
    connection->source.owner = half->source.owner;
    connection->snd_una = connection->snd_nxt = half->iss + 1;
    connection->rcv_nxt = connection->last_ack_sent = half->irs + 1;
    connection->rcv_adv = connection->rcv_nxt + syn_window(host);
    connection->snd_scale = half->snd_scale;
    connection->rcv_scale = half->rcv_scale;
    connection->snd_wnd = connection->snd_wnd_max = half->window;
    connection->snd_wl1 = half->irs;
    connection->ts_recent = half->ts_recent;
    connection->ts_offset = half->ts_offset;
    const struct rill_address *remote = &half->key.remote;
    uint16_t ours = rill__mss_of_path(host, connection_interface(host, connection), remote);
    connection->mss = RILL_MIN(ours, half->mss ? half->mss : rill__mss_default(remote));
    connection->active->mss_announced =
        announced(host, half, connection_interface(host, connection));
    connection->active->iss = half->iss;
    connection->active->irs = half->irs;
    connection->active->retries = half->retries;
    connection->active->send.first = connection->snd_nxt;
    rill__user_timeout_opened(host, connection, half->user_timeout);
}

void rill__half_open_establish(struct tcp_host *host, struct listener *listener,
                               struct half_open *half, struct tcp_segment *segment) {
    struct ip_interface *interface = host->ip->interfaces[half->source.interface];
    if (host->connections.used >= host->config.connections_max) {
        rill__tcp_drop(host, 0, segment, RILL_DROP_TCP_BACKLOG_FULL);
        return;
    }
    /* Both stand in the table for a moment, under one key and two kinds; nothing looks meanwhile.
     */
    struct connection *connection = rill__connection_open(host, &half->key, interface);
    if (!connection) { /* stays half-open: the peer's next segment tries again */
        rill__tcp_drop(host, 0, segment, RILL_DROP_NO_MEMORY);
        return;
    }
    rill__half_open_inherit(host, connection, half);
    rill_time sent_at = half->sent_at;
    if (half->kept)
        rill__half_open_free(host, half);
    rill__connection_established(host, connection);
    if (sent_at)
        rill__buffers_handshake(connection, host->core->now - sent_at);
    rill__listener_queue(host, listener, connection);
    rill__tcp_segment_arrives(host, connection, segment);
}

/* RFC 9293 §3.10.7.4, first, and RFC 5961 §3.2: where we are, and no more often than allowed. */
static void challenge(struct tcp_host *host, struct half_open *half, enum rill_cause cause) {
    struct tcp_control control = {
        .key = &half->key,
        .sequence = half->iss + 1,
        .acknowledgement = half->irs + 1,
        .window = (uint16_t)(syn_window(host) >> half->rcv_scale),
        .flags = WIRE_ACK,
        .timestamps = (half->flags & CONNECTION_TIMESTAMPS) != 0,
        .timestamp_value = rill__timestamp_now(host, half->ts_offset),
        .timestamp_echo = half->ts_recent,
        .cause = cause,
    };
    if (!half->parked && rill__challenge_allowed(host, &half->challenges))
        rill__tcp_control(host, host->ip->interfaces[half->source.interface], &control);
}

/* RFC 9293 §3.10.7.4, table 6: its begin or its end lies in the window; of an RST the begin
 * (RFC 5961 §3.2). */
static bool acceptable(const struct tcp_host *host, const struct half_open *half,
                       const struct tcp_segment *segment) {
    uint32_t window = syn_window(host), first = segment->sequence - (half->irs + 1);
    uint32_t span = segment_span(segment);
    bool end_counts = span && !(segment->flags & WIRE_RST);
    return first < window || (end_counts && first + span - 1 < window);
}

/* A segment for a record: the steps of §3.10.7.4 for SYN-RECEIVED after a passive open. */
void rill__half_open_input(struct tcp_host *host, struct half_open *half,
                           struct tcp_segment *segment) {
    rill_seq expected = half->irs + 1;
    struct listener *listener = listener_of(host, half);
    if (!listener) {
        rill__half_open_free(host, half);
        rill__tcp_no_socket(host, segment);
        return;
    }
    bool only_syn = (segment->flags & (WIRE_SYN | WIRE_ACK | WIRE_RST)) == WIRE_SYN;
    if (only_syn && segment->sequence == half->irs) { /* the same SYN once more */
        rill__tcp_drop(host, 0, segment,
                       half->parked ? RILL_DROP_TCP_PARKED : RILL_DROP_TCP_DUPLICATE);
        if (!half->parked)
            rill__half_open_answer(host, half);
        return;
    }
    if (half->flags & CONNECTION_TIMESTAMPS && !segment->header.has_timestamps &&
        !(segment->flags & WIRE_RST)) { /* RFC 7323 §3.2 */
        rill__tcp_drop(host, 0, segment, RILL_DROP_TCP_TIMESTAMP_MISSING);
        return;
    }
    if (half->flags & CONNECTION_TIMESTAMPS && segment->header.has_timestamps &&
        !(segment->flags & WIRE_RST) &&
        (int32_t)(segment->header.timestamp_value - half->ts_recent) < 0) {
        rill__tcp_drop(host, 0, segment, RILL_DROP_TCP_PAWS);
        return;
    }
    if (!acceptable(host, half, segment)) { /* first */
        rill__tcp_drop(host, 0, segment, RILL_DROP_TCP_SEQUENCE);
        if (!(segment->flags & WIRE_RST))
            challenge(host, half, RILL_CAUSE_DUPLICATE_ACK);
        return;
    }
    if (segment->flags & WIRE_RST) { /* second; RFC 5961 §3.2: only the exact number */
        bool exact = segment->sequence == expected;
        rill__tcp_drop(host, 0, segment,
                       exact ? RILL_DROP_TCP_HALF_OPEN_RST : RILL_DROP_TCP_RST_CHALLENGED);
        if (exact)
            rill__half_open_free(host, half);
        else
            challenge(host, half, RILL_CAUSE_CHALLENGE_ACK);
        return;
    }
    if (segment->flags & WIRE_SYN) { /* fourth: back to LISTEN */
        rill__tcp_drop(host, 0, segment, RILL_DROP_TCP_SYN_CHALLENGED);
        rill__half_open_free(host, half);
        return;
    }
    if (!(segment->flags & WIRE_ACK) || half->parked) { /* fifth */
        rill__tcp_drop(host, 0, segment, RILL_DROP_TCP_ACK_MISSING);
        return;
    }
    if (segment->header.acknowledgement != half->iss + 1) {
        rill__tcp_no_socket(host, segment); /* answers with RST at the segment's ACK */
        return;
    }
    rill__half_open_establish(host, listener, half, segment);
}
