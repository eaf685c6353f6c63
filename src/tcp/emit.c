/* tcp/emit.c: one segment: header, options, payload by reference, IP header. */
#include "tcp/host.h"

#include "packet/pool.h"

#include "tcp/reassembly.h"
#include <string.h>

static void trace_sent(struct tcp_host *host, const struct connection *connection,
                       const struct wire_tcp *header, const struct tcp_key *key, uint32_t length,
                       enum rill_cause cause) {
    if (!host->core->trace)
        return;
    struct rill_trace_record record = {
        .kind = RILL_TRACE_SENT,
        .cause = cause,
        .local = {key->local, key->local_port},
        .remote = {key->remote, key->remote_port},
        .sequence = header->sequence,
        .acknowledgement = header->acknowledgement,
        .length = length,
        .window = header->window,
        .flags = header->flags,
    };
    if (connection) {
        record.handle = rill__connection_handle(host, connection);
        record.state = connection->state;
        record.cwnd = connection->congestion.cwnd;
        record.ssthresh = connection->congestion.ssthresh;
        record.in_flight = connection->active->scoreboard.in_flight;
    }
    rill__core_trace(host->core, &record);
}

struct rill_packet *rill__tcp_write(struct tcp_host *host, struct rill_packet *packet,
                                    struct wire_tcp *header, const struct tcp_key *key,
                                    struct ip_interface *interface, enum rill_cause cause,
                                    const struct connection *connection, uint8_t traffic_class) {
    uint8_t bytes[WIRE_TCP_HEADER_MAX];
    uint32_t payload = packet->length;
    header->source_port = key->local_port;
    header->destination_port = key->remote_port;
    size_t length = rill__wire_tcp_emit(header, bytes);
    packet->header_offset = (uint16_t)(packet->header_offset - length);
    packet->header_length = (uint16_t)length;
    packet->length += (uint32_t)length;
    packet->cause = (uint8_t)cause;
    memcpy(packet->headroom + packet->header_offset, bytes, length);
    uint32_t ports = (uint32_t)key->local_port << 16 | key->remote_port;
    bool ipv4 = rill_address_is_ipv4(&key->remote);
    struct ip_send send = {
        .source = &key->local,
        .destination = &key->remote,
        .interface = interface,
        .checksum_offset = 16,
        .protocol = 6,
        .traffic_class = traffic_class,
        .hop_limit = connection ? connection->hop_limit : (uint8_t)0,
        .flow_label = ipv4 ? 0 : rill__ip_flow_label(host->ip, &key->local, &key->remote, ports),
        .pseudo_header = true};
    rill__ip_finish(host->ip, packet, &send);
    trace_sent(host, connection, header, key, payload, cause);
    return packet;
}

void rill__tcp_reply(struct tcp_host *host, struct ip_interface *interface, struct wire_tcp *header,
                     const struct tcp_key *key, enum rill_cause cause) {
    struct rill_packet *packet = rill__packet_open_control(host->core->pool);
    if (!packet) {
        rill__core_drop(host->core, RILL_DROP_NO_MEMORY);
        return;
    }
    packet = rill__tcp_write(host, packet, header, key, interface, cause, 0, 0);
    rill__ip_reply(host->ip, interface, packet, false);
}

void rill__tcp_control(struct tcp_host *host, struct ip_interface *interface,
                       const struct tcp_control *control) {
    struct wire_tcp header = {
        .sequence = control->sequence,
        .acknowledgement = control->acknowledgement,
        .window = control->window,
        .flags = control->flags,
        .has_timestamps = control->timestamps,
        .timestamp_value = control->timestamp_value,
        .timestamp_echo = control->timestamp_echo,
    };
    rill__tcp_reply(host, interface, &header, control->key, control->cause);
}

static void syn_options(struct tcp_host *host, const struct connection *connection,
                        const struct plan *plan, struct wire_tcp *header) {
    bool answer = (plan->flags & WIRE_ACK) != 0; /* offers only what theirs has offered */
    uint16_t flags = connection->flags;
    header->mss = answer ? rill__mss_of_interface(host, connection_interface(host, connection),
                                                  &connection->key.remote)
                         : connection->mss; /* RILL_TCP_OPTION_MSS may have lowered it */
    header->sack_permitted = answer ? (flags & CONNECTION_SACK) != 0 : host->config.sack;
    header->has_timestamps =
        answer ? (flags & CONNECTION_TIMESTAMPS) != 0 : host->config.timestamps;
    header->has_window_scale =
        answer ? (flags & CONNECTION_SCALED) != 0 : host->config.window_scaling;
    header->window_scale = connection->rcv_scale;
    header->window = rill__window_of_syn(host, connection);
    rill__user_timeout_syn(host, connection, header);
    if (answer) /* a SYN's own bytes have taken some of it */
        header->window = (uint16_t)RILL_MIN(rill__receive_window(connection), header->window);
}

static void ack_options(const struct tcp_host *host, struct connection *connection,
                        rill_seq acknowledgement, const struct plan *plan,
                        struct wire_tcp *header) {
    const struct receive_queue *receive = &connection->active->receive;
    uint32_t window = rill__window_advertise(host, connection);
    /* A debt may carry an older number: the same right edge, seen from there. */
    window += (connection->rcv_nxt - acknowledgement) >> connection->rcv_scale;
    header->window = (uint16_t)RILL_MIN(window, 65535);
    bool dsack = plan->dsack_left != plan->dsack_right;
    if (connection->flags & CONNECTION_SACK && (receive->ranges || dsack)) {
        unsigned max = connection->flags & CONNECTION_TIMESTAMPS ? 3 : 4;
        header->sacks[0].left = plan->dsack_left;
        header->sacks[0].right = plan->dsack_right;
        header->sack_count =
            (uint8_t)(dsack + rill__reassembly_sacks(receive, header->sacks + dsack, max - dsack));
    }
    if (connection->flags & CONNECTION_FIN_SEEN)
        for (unsigned i = dsack; i < header->sack_count; i++) /* its number is in no range */
            header->sacks[i].right += header->sacks[i].right == connection->active->fin_at;
    connection->last_ack_sent = acknowledgement;
}

/* SACK blocks take room: from the data of a segment that has some (RFC 6691 §2), else from the
 * link. As many as fit are said; an ACK of its own says the rest soon enough. */
static void fit_options(struct tcp_host *host, struct connection *connection,
                        const struct plan *plan, struct wire_tcp *header) {
    const struct ip_interface *interface = connection_interface(host, connection);
    uint32_t most = rill__mss_of_interface(host, interface, &connection->key.remote);
    uint32_t room = plan->length ? connection->mss : most;
    room = room > plan->length ? room - plan->length : 0;
    while (header->sack_count && rill__tcp_header_length(header) - WIRE_TCP_HEADER > room)
        header->sack_count--;
}

/* Takes `excess` bytes off the packet's end. */
static void cut_packet(struct rill_packet *packet, uint32_t excess) {
    packet->length -= excess;
    while (excess) {
        struct rill_slice *last = &packet->slices[packet->slice_count - 1];
        uint32_t part = RILL_MIN(excess, (uint32_t)last->length);
        last->length -= part;
        excess -= part;
        if (!last->length) {
            rill_block_drop(last->block);
            packet->slice_count--;
        }
    }
}

/* The planned bytes, or as many whole segments (or less than one) as the packet's slices hold. */
static void add_payload(struct connection *connection, struct plan *plan, uint32_t payload,
                        struct rill_packet *packet) {
    uint32_t got = rill__send_queue_read(&connection->active->send,
                                         plan->sequence + (plan->flags & WIRE_SYN ? 1 : 0),
                                         plan->length, packet);
    if (got == plan->length)
        return;
    uint32_t excess = got > payload ? got % payload : 0;
    cut_packet(packet, excess);
    plan_shorten(plan, got - excess);
}

struct rill_packet *rill__tcp_emit(struct tcp_host *host, struct connection *connection,
                                   struct plan *plan, rill_seq acknowledgement) {
    struct rill_packet *packet = plan->length ? rill_packet_open(host->core->pool)
                                              : rill__packet_open_control(host->core->pool);
    if (!packet)
        return 0;
    struct wire_tcp header = {.sequence = plan->sequence,
                              .flags = plan->flags,
                              .timestamp_value = rill__timestamp_now(host, connection->ts_offset),
                              .timestamp_echo = connection->ts_recent};
    uint8_t ecn = 0, urgent = 0;
    if (plan->flags & WIRE_ACK)
        header.acknowledgement = acknowledgement;
    if (plan->flags & WIRE_SYN) {
        syn_options(host, connection, plan, &header);
        if (!(plan->flags & WIRE_ACK)) {
            header.timestamp_echo = 0;
            ecn = rill__ecn_ask(host, connection);
            if (!plan->record) /* RFC 7413 §4.1.3: a SYN that goes again is a plain one */
                rill__fast_open_option(host, connection, &header);
        } else if (connection->source.owner & ECN_AGREED) {
            ecn = WIRE_ECE;
        }
        if (plan->flags & WIRE_ACK && !plan->record)
            (void)rill__fast_open_cookie_again(host, connection, &header);
    } else {
        header.has_timestamps = (connection->flags & CONNECTION_TIMESTAMPS) != 0;
        ack_options(host, connection, acknowledgement, plan, &header);
        ecn = rill__ecn_flags(connection, plan);
        if (ecn & WIRE_CWR) /* RFC 3168 §6.1.2: with one segment */
            plan_shorten(plan, rill__payload_max(connection));
        rill__urgent_emit(connection, plan, &header);
        rill__user_timeout_emit(host, connection, plan, &header);
        urgent = header.flags & WIRE_URG;
        fit_options(host, connection, plan, &header);
    }
    uint32_t payload = rill__payload_max(connection);
    if (plan->length) {
        add_payload(connection, plan, payload, packet);
        header.flags = plan->flags | urgent;
    }
    header.flags |= ecn;
    plan->cwr = (ecn & WIRE_CWR) != 0;
    if (plan->length > payload && !plan->mtu_probe)
        packet->gso_size = (uint16_t)payload;
    return rill__tcp_write(host, packet, &header, &connection->key,
                           connection_interface(host, connection), (enum rill_cause)plan->cause,
                           connection, rill__ecn_class(connection, plan));
}
