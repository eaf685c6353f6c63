/* streams/blame.c: what held a connection: each nanosecond is charged to one state.
 *
 * Theory of operation. The time between two packets is charged when the second one is there, since
 * what ends a silence tells most about it: a segment sent again says that it was spent on a loss,
 * data of a side with nothing in flight says that this side's application took so long. In this
 * order:
 *
 *   the handshake is not over                              handshake
 *   a FIN was sent, and nobody sends data any more         closing
 *   a loss is being repaired, or this packet repairs one   network: loss
 *   what is in flight fills the receiver's window          receiver's window
 *   bytes are in flight                                    network: queue, if the round trip is
 * more than twice the shortest, else distance; or the sender's application, if it sends whenever it
 * has something nothing is in flight, and a side sends data            one round trip from the tap
 * to that side is the network's, the rest is its application's nothing is in flight, and nobody
 * sends data            kept until it is known who does; idle if nobody ever does
 *
 * The round trip from the tap to a side matters beside a receiver: there each ACK follows its data
 * at once, and nothing is ever in flight as the tap sees it, though the path is full. */
#include "streams/connection.h"

enum {
    CLOCKED_MAX = 8,
    OPTIONS_MAX = 40, /* of a TCP header, which the MSS does not count (RFC 6691) */
    PACED_APART = 4,  /* part of a round trip */
    ECHO_FRESH = 4,   /* round trips that a flight told by an echo is believed */
};

static void add(struct connection *connection, enum streams_blame blame, uint64_t ns) {
    struct active *active = connection->active;
    if (!ns)
        return;
    bool longest = ns > active->longest[blame];
    active->blame[blame] += ns;
    active->longest[blame] = longest ? ns : active->longest[blame];
    active->evidence[blame] = longest ? connection->last_frame : active->evidence[blame];
}

static uint64_t tentative(const struct sender *sender) {
    return (uint64_t)sender->tentative_ns_hi << 32 | sender->tentative_ns_lo;
}

static void set_tentative(struct sender *sender, uint64_t ns) {
    sender->tentative_ns_hi = (uint32_t)(ns >> 32);
    sender->tentative_ns_lo = (uint32_t)ns;
}

/* The silence that nobody was blamed for. */
static void resolve_wait(struct connection *connection, enum streams_blame blame) {
    struct active *active = connection->active;
    active->blame[blame] += active->wait_ns;
    if (active->wait_ns > active->longest[blame]) {
        active->longest[blame] = active->wait_ns;
        active->evidence[blame] = active->wait_frame;
    }
    active->wait_ns = 0;
}

static void wait_on(struct connection *connection, uint64_t ns) {
    struct active *active = connection->active;
    if (!active->wait_ns)
        active->wait_frame = connection->last_frame;
    active->wait_ns += ns;
}

static enum streams_blame application(uint8_t side) {
    return side ? STREAMS_BLAME_SERVER : STREAMS_BLAME_CLIENT;
}

/* From the tap to that side and back, as it is now. */
static uint64_t way_to(const struct connection *connection, uint8_t side) {
    const struct stream *other = &connection->streams[!side];
    uint32_t now = connection->active->senders[!side].rtt;
    return now > other->rtt_min ? now : other->rtt_min;
}

/* The round trip of the whole path, as it is now. */
static uint64_t path_now(const struct connection *connection) {
    const struct stream *streams = connection->streams;
    const struct sender *senders = connection->active->senders;
    return (uint64_t)(senders[0].rtt ? senders[0].rtt : streams[0].rtt_min) +
           (senders[1].rtt ? senders[1].rtt : streams[1].rtt_min);
}

static bool queue_grows(const struct connection *connection, uint8_t side) {
    const struct stream *streams = connection->streams;
    const struct sender *senders = connection->active->senders;
    uint64_t least = (uint64_t)streams[0].rtt_min + streams[1].rtt_min;
    uint64_t now = path_now(connection);
    /* While the sender doubles its rate each round trip, the distance sets the pace. */
    bool starting = senders[side].round_before &&
                    senders[side].round_flight > senders[side].round_before / 2 * 3;
    return now > 2 * least && now > RILL_MILLISECOND && !starting;
}

/* What is in flight as the sender sees it: beside a receiver, by the last echo, while it sends. */
static uint64_t echoed_flight(const struct connection *connection, uint8_t side) {
    const struct sender *sender = &connection->active->senders[side];
    uint64_t rtt = (uint64_t)connection->streams[0].rtt_min + connection->streams[1].rtt_min;
    uint32_t fresh = sender->data_at + ECHO_FRESH * rtt >= connection->last;
    uint32_t near_receiver = connection->streams[!side].rtt_min > connection->streams[side].rtt_min;
    return sender->flight_echo & (0 - (fresh & near_receiver)); /* without a branch */
}

static uint64_t flight_of(const struct connection *connection, uint8_t side) {
    uint64_t flight = stream_outstanding(&connection->streams[side]);
    uint64_t echo = echoed_flight(connection, side);
    return flight > echo ? flight : echo;
}

/* Whether the receiver's window leaves no room for another full segment behind `flight`. */
static bool window_is_full(const struct connection *connection, uint8_t side, uint64_t flight) {
    const struct stream *receiver = &connection->streams[!side],
                        *sender = &connection->streams[side];
    if (!(receiver->bits & STREAM_KNOWN))
        return false;
    if (receiver->window == 0)
        return connection->active->in_zero_window[!side];
    if (!receiver->has_scale || !(sender->bits & STREAM_ACK_KNOWN))
        return false;
    uint64_t mss = receiver->mss ? receiver->mss : 536;
    if (flight && flight + mss > receiver->window)
        return true;
    uint64_t echo = echoed_flight(connection, side);
    return echo && echo + mss > receiver->window;
}

static bool window_is_shut(const struct connection *connection, uint8_t side) {
    return !connection->streams[!side].window && connection->active->in_zero_window[!side];
}

/* Nothing is in flight, though there is more to send: the window is open, but not by a segment
 * (RFC 9293 §3.8.6.2.1). */
static bool window_is_narrow(const struct connection *connection, uint8_t side, uint64_t flight) {
    const struct stream *receiver = &connection->streams[!side],
                        *sender = &connection->streams[side];
    const struct sender *sending = &connection->active->senders[side];
    return (!flight & (receiver->window < sending->last_length)) && sending->data_at &&
           !sending->pushed && receiver->has_scale && receiver->mss &&
           sender->bits & STREAM_ACK_KNOWN;
}

static void charge_network(struct connection *connection, uint8_t side, uint64_t ns) {
    struct sender *sender = &connection->active->senders[side];
    add(connection, queue_grows(connection, side) ? STREAMS_BLAME_QUEUE : STREAMS_BLAME_DISTANCE,
        ns);
    set_tentative(sender, tentative(sender) + ns);
    sender->paused_ns += ns;
}

/* What looked like the network was something else. */
static void move_network(struct connection *connection, uint64_t ns, enum streams_blame to) {
    struct active *active = connection->active;
    static const enum streams_blame from[] = {STREAMS_BLAME_DISTANCE, STREAMS_BLAME_QUEUE};
    for (unsigned i = 0; i < 2 && ns; i++) {
        uint64_t part = ns < active->blame[from[i]] ? ns : active->blame[from[i]];
        active->blame[from[i]] -= part;
        active->blame[to] += part;
        ns -= part;
    }
    if (active->blame[to] && !active->evidence[to])
        active->evidence[to] = connection->last_frame;
}

static void charge_loss(struct connection *connection, uint8_t side, uint64_t ns) {
    struct active *active = connection->active;
    struct sender *sender = &active->senders[side];
    /* The silence before a timeout looked like distance. */
    move_network(connection, tentative(sender), STREAMS_BLAME_LOSS);
    sender->paused_ns = 0;
    set_tentative(sender, 0);
    add(connection, STREAMS_BLAME_LOSS, ns);
}

static bool closes(const struct connection *connection, uint8_t side, bool data,
                   const uint64_t flights[2]) {
    const struct stream *streams = connection->streams;
    if (!((streams[0].bits | streams[1].bits) & STREAM_FIN))
        return false;
    for (uint8_t one = 0; one < 2; one++)
        if (streams[one].bits & STREAM_FIN && !flights[!one] && !(data && side == !one))
            return true;
    return false;
}

static void charge_flight(struct connection *connection, uint8_t flying, uint8_t side, bool data,
                          uint64_t ns) {
    const struct sender *sender = &connection->active->senders[flying];
    uint64_t way = way_to(connection, (uint8_t)!flying);
    if (side != flying && data && ns > 2 * way) {
        /* The answer brings the acknowledgement: beyond the way, its application took so long. */
        charge_network(connection, flying, way);
        add(connection, application(side), ns - way);
    } else if (sender->clocked < 0 && sender->clocked > -CLOCKED_MAX - 1) {
        add(connection, application(flying), ns);
    } else {
        charge_network(connection, flying, ns);
    }
}

static void charge_silence(struct connection *connection, uint8_t side, bool data, uint64_t ns) {
    if (!data) {
        wait_on(connection, ns);
        return;
    }
    uint64_t way = way_to(connection, side), all = ns + connection->active->wait_ns;
    if (connection->active->last_data_side == 2) /* the first request waits for nobody */
        way = 0;
    way += way / 4; /* packets do not come equally spaced */
    if (all <= way) {
        charge_network(connection, side, ns);
        connection->active->senders[side].paused_ns += connection->active->wait_ns;
        resolve_wait(connection,
                     queue_grows(connection, side) ? STREAMS_BLAME_QUEUE : STREAMS_BLAME_DISTANCE);
        return;
    }
    uint64_t network = way < ns ? way : ns;
    charge_network(connection, side, network);
    add(connection, application(side), ns - network);
    resolve_wait(connection, application(side));
}

static uint64_t network_ns(const struct active *active) {
    return active->blame[STREAMS_BLAME_DISTANCE] + active->blame[STREAMS_BLAME_QUEUE];
}

/* A loss is being repaired, or this packet repairs one, which has cost the time since it showed.
 * Returns what is left of the time for others to be charged with. */
static uint64_t charge_repair(struct connection *connection, uint8_t side, bool resent,
                              uint64_t ns) {
    struct active *active = connection->active;
    if (resent && !window_is_shut(connection, side)) {
        charge_loss(connection, side, ns);
        return 0;
    }
    for (uint8_t one = 0; one < 2; one++) {
        const struct sender *sender = &active->senders[one];
        uint64_t part = sender->recover ? ns : 0;
        if (!part && sender->repaired_at > connection->last)
            part = sender->repaired_at - connection->last;
        part = part < ns ? part : ns;
        add(connection, STREAMS_BLAME_LOSS, part);
        ns -= part;
    }
    return ns;
}

void rill__blame_repaired(struct connection *connection, uint64_t network_before) {
    struct active *active = connection->active;
    uint64_t now = network_ns(active), moved = now > network_before ? now - network_before : 0;
    move_network(connection, moved, STREAMS_BLAME_LOSS);
    if (!active->evidence[STREAMS_BLAME_LOSS])
        active->evidence[STREAMS_BLAME_LOSS] = connection->last_frame;
}

/* The tap is so near to this side that what an ACK lets it send follows at once. */
static bool is_beside(const struct connection *connection, uint8_t side) {
    const struct stream *streams = connection->streams;
    return streams[!side].rtt_min < ((uint64_t)streams[0].rtt_min + streams[1].rtt_min) / 4;
}

/* Does what this side sends come because an ACK has? `soon`: as long after it as that takes. */
static bool follows_ack(const struct connection *connection, uint8_t side, rill_time now) {
    const struct sender *sender = &connection->active->senders[side];
    uint64_t rtt = (uint64_t)connection->streams[0].rtt_min + connection->streams[1].rtt_min;
    uint64_t soon = is_beside(connection, side)
                        ? connection->streams[!side].rtt_min + rtt / 64 + RILL_MILLISECOND / 10
                        : way_to(connection, side) + rtt / 16 + RILL_MILLISECOND / 10;
    return sender->heard_at >= sender->data_at && now - sender->heard_at <= soon;
}

static bool is_short(const struct connection *connection, uint8_t side, uint32_t length) {
    return length + OPTIONS_MAX < connection->streams[!side].mss;
}

/* All that its application had, kept until the ACK by Nagle's algorithm (RFC 9293 §3.7.4): of all
 * that was sent, or as most have it of the last segment that was not full either. */
static bool was_kept(const struct connection *connection, uint8_t side,
                     const struct streams_packet *packet) {
    const struct sender *sender = &connection->active->senders[side];
    const struct stream *stream = &connection->streams[side];
    if (!is_short(connection, side, packet->length))
        return false;
    return !stream_outstanding(stream) ||
           (sender->short_end > sender->acked_then && sender->short_end <= stream->acked);
}

/* A side goes on sending, and nobody else has sent bytes since it paused: what did it wait for? It
 * had no more where its last bytes had PSH (RFC 9293 §3.9.1.2), and then its application has
 * brought these; unless they follow an ACK, again and again: then it waited for room in the send
 * buffer. If there was more to send and these do not follow an ACK, it was the sender's own clock.
 */
static void resolve_pause(struct connection *connection, uint8_t side,
                          const struct streams_packet *packet) {
    struct active *active = connection->active;
    struct sender *sender = &active->senders[side];
    uint64_t rtt = (uint64_t)connection->streams[0].rtt_min + connection->streams[1].rtt_min;
    bool beside = is_beside(connection, side);
    const struct stream *stream = &connection->streams[side];
    if (active->last_data_side != side || packet->when <= sender->data_at ||
        (int32_t)(packet->sequence - (uint32_t)stream->next) < 0)
        return;
    bool follows = follows_ack(connection, side, packet->when);
    if (follows && !sender->pushed && packet->flags & WIRE_PSH &&
        was_kept(connection, side, packet)) {
        move_network(connection, sender->paused_ns, application(side));
        return;
    }
    if (follows) {
        int step = sender->pushed ? 1 : -1, now = sender->push_pauses + step;
        sender->push_pauses = (int8_t)(now > CLOCKED_MAX    ? CLOCKED_MAX
                                       : now < -CLOCKED_MAX ? -CLOCKED_MAX
                                                            : now);
        uint32_t most = sender->round_flight > sender->round_before ? sender->round_flight
                                                                    : sender->round_before;
        /* No send buffer is smaller than two segments, nor does a window of one hold back less. */
        bool little = most < 2u * connection->streams[!side].mss;
        if (sender->pushed && beside && (little || sender->push_pauses > 1))
            move_network(connection, sender->paused_ns,
                         little ? application(side) : STREAMS_BLAME_SENDER_WINDOW);
        return;
    }
    if (sender->pushed) {
        if (packet->when - sender->data_at > rtt / 16)
            move_network(connection, sender->paused_ns, application(side));
    } else if (beside) {
        rill_time since = sender->heard_at > sender->data_at ? sender->heard_at : sender->data_at;
        uint64_t own = packet->when - since, now = path_now(connection);
        /* Two segments that a window is spread over are not so far apart: what was kept back then
         * is the rest of a write, by Nagle's algorithm or a cork. Nor did the window hold it, or
         * the ACK had let it go. */
        bool cork = own > now / PACED_APART;
        move_network(connection, own < sender->paused_ns && !cork ? own : sender->paused_ns,
                     cork ? application(side) : STREAMS_BLAME_SENDER_WINDOW);
    }
}

static void charge_time(struct connection *connection, uint8_t side,
                        const struct streams_packet *packet, bool resent, uint64_t ns) {
    bool data = packet->length > 0;
    struct active *active = connection->active;
    const uint64_t flights[2] = {stream_outstanding(&connection->streams[0]),
                                 stream_outstanding(&connection->streams[1])};
    bool over = connection_is_over(connection);
    if (!over || flights[0] | flights[1])
        ns = charge_repair(connection, side, resent, ns);
    if (!ns)
        return;
    if (over || closes(connection, side, data, flights)) {
        add(connection, STREAMS_BLAME_CLOSING, ns);
        return;
    }
    /* The side whose bytes are in flight; 2: none are. */
    uint8_t flying = (uint8_t)((flights[0] < flights[1]) + 2 * !(flights[0] | flights[1]));
    for (uint8_t one = 0; one < 2; one++) {
        if (window_is_narrow(connection, one, flights[one]) ||
            (window_is_full(connection, one, flights[one]) &&
             (flying == one || active->in_zero_window[!one] || (side == one && data)))) {
            add(connection, STREAMS_BLAME_RECEIVER_WINDOW, ns);
            return;
        }
    }
    if (flying < 2)
        charge_flight(connection, flying, side, data, ns);
    else
        charge_silence(connection, side, data, ns);
}

void rill__blame_charge(struct connection *connection, uint8_t side,
                        const struct streams_packet *packet, bool resent) {
    uint64_t ns = packet->when > connection->last ? packet->when - connection->last : 0;
    bool established = connection->bits & CONNECTION_ESTABLISHED;
    if (!connection->active) {
        *(established ? &connection->silent_ns : &connection->handshake_ns) += ns;
        return;
    }
    if (!established) {
        add(connection, STREAMS_BLAME_HANDSHAKE, ns);
        return;
    }
    if (ns)
        charge_time(connection, side, packet, resent, ns);
    if ((packet->length || packet->flags & WIRE_FIN) && !resent)
        resolve_pause(connection, side, packet);
}

/* Does this side send because ACKs come, or because its application has something? */
static void judge_clock(struct connection *connection, uint8_t side,
                        const struct streams_packet *packet, uint64_t flight_before) {
    struct sender *sender = &connection->active->senders[side];
    if (!flight_before)
        return; /* the first of a burst says nothing */
    uint64_t since_ack = packet->when - sender->acked_at,
             since_data = packet->when - sender->data_at;
    uint64_t rtt = (uint64_t)connection->streams[0].rtt_min + connection->streams[1].rtt_min;
    uint64_t soon = way_to(connection, side) + rtt / 16 + RILL_MILLISECOND / 10;
    if (since_data < rtt / 16 + 1) /* within a burst */
        return;
    if (since_ack <= soon && sender->acked_at >= sender->data_at)
        sender->clocked =
            (int8_t)(sender->clocked < CLOCKED_MAX ? sender->clocked + 1 : CLOCKED_MAX);
    else if (since_ack > soon && packet->length < connection->streams[!side].mss / 2)
        sender->clocked =
            (int8_t)(sender->clocked > -CLOCKED_MAX ? sender->clocked - 1 : -CLOCKED_MAX);
}

static void on_data(struct connection *connection, uint8_t side,
                    const struct streams_packet *packet, uint64_t next_before, bool resent) {
    struct active *active = connection->active;
    struct sender *sender = &active->senders[side];
    const struct stream *stream = &connection->streams[side];
    uint64_t acked = stream->bits & STREAM_ACK_KNOWN ? stream->acked : stream->first;
    bool probe = resent && rill__blame_is_probe(connection, side, packet);
    if (resent) {
        sender->probed = true;
        sender->probed_end = packet->sequence + packet->length;
    }
    if (!resent) {
        judge_clock(connection, side, packet, next_before > acked ? next_before - acked : 0);
        set_tentative(sender, 0);
        sender->paused_ns = 0;
        sender->pushed = packet->flags & WIRE_PSH;
        sender->acked_then = acked;
        if (is_short(connection, side, packet->length))
            sender->short_end = stream->next;
    } else if (!sender->recover && !probe && stream->acked < stream->next &&
               !window_is_shut(connection, side)) {
        sender->recover = stream->next;
        sender->needed = 0;
    }
    sender->needed += resent;
    uint64_t flight = flight_of(connection, side);
    if (flight > sender->round_flight)
        sender->round_flight = flight > UINT32_MAX ? UINT32_MAX : (uint32_t)flight;
    if (flight > active->counts[side].flight_max)
        active->counts[side].flight_max = flight;
    sender->data_at = packet->when;
    if (packet->length > 1 || stream->next > next_before) /* no probe, no keepalive */
        sender->last_length = packet->length;
    active->last_data_side = side;
}

void rill__blame_spurious(struct connection *connection, uint8_t side) {
    struct sender *sender = &connection->active->senders[side];
    sender->needed -= sender->needed > 0;
    if (!sender->needed)
        sender->recover = 0;
}

bool rill__blame_is_probe(const struct connection *connection, uint8_t side,
                          const struct streams_packet *packet) {
    const struct sender *sender = &connection->active->senders[side];
    bool last = packet->sequence + packet->length == (rill_seq)connection->streams[side].next;
    return last && !sender->dup_acks && !sender->probed && !sender->recover;
}

/* `side` acknowledges; `other` is whose bytes. */
static void on_ack(struct connection *connection, uint8_t side, const struct streams_packet *packet,
                   uint64_t acked_before) {
    uint8_t other = (uint8_t)!side;
    struct sender *sender = &connection->active->senders[other];
    struct stream *stream = &connection->streams[other];
    if (!packet->length)
        sender->heard_at = packet->when;
    if (stream->acked > acked_before || !(stream->bits & STREAM_ACK_KNOWN)) {
        sender->acked_at = packet->when;
        sender->dup_acks = 0;
        set_tentative(sender, 0);
        if (sender->recover && stream->acked >= sender->recover) {
            /* The sender hears of it when the ACK has gone on from the tap, and what it sends then
             * comes back to the tap. */
            sender->repaired_at = packet->when + way_to(connection, other);
            sender->recover = 0;
        }
        if ((int32_t)((uint32_t)stream->acked - sender->probed_end) >= 0)
            sender->probed = false;
        if (stream->acked >= sender->round_end) {
            sender->round_end = stream->next;
            sender->round_before = sender->round_flight;
            sender->round_flight = 0;
        }
    } else if (!packet->length && stream_outstanding(stream) &&
               !(packet->flags & (WIRE_SYN | WIRE_FIN | WIRE_RST))) {
        sender->dup_acks++;
    }
}

void rill__blame_packet(struct connection *connection, uint8_t side,
                        const struct streams_packet *packet, uint64_t acked_before,
                        uint64_t next_before, bool resent) {
    if (!connection->active)
        return;
    if (packet->flags & WIRE_ACK)
        on_ack(connection, side, packet, acked_before);
    if (packet->length)
        on_data(connection, side, packet, next_before, resent);
}

void rill__blame_finish(struct connection *connection) {
    struct active *active = connection->active;
    if (!active)
        return;
    /* A request that nobody ever answered was waited for; else nobody wanted anything. */
    bool asked =
        active->last_data_side == 0 && connection->streams[1].packets &&
        (connection->streams[0].bits | connection->streams[1].bits) & (STREAM_FIN | STREAM_RST);
    resolve_wait(connection, asked ? STREAMS_BLAME_SERVER : STREAMS_BLAME_IDLE);
}
