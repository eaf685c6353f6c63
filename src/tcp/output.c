/* tcp/output.c: what may be sent now, and why?
 *
 * Theory of operation. `next_plan` answers the question for one packet, in this order: the SYN;
 * ACKs owed one by one; a tail loss probe; what is lost, again; a window probe; new bytes as far as
 * the peer's window, the congestion window, the pacer, Nagle's algorithm and the avoidance of silly
 * windows let them go; the FIN; an ACK that nothing else has carried. It changes nothing. `commit`
 * notes what was sent. Every answer has a cause, and the cause goes with the segment to the trace
 * and the capture. */
#include "tcp/host.h"

#include "base/assert.h"
#include <string.h>

#define SUPER_MAX 65000u /* payload of a super-segment, headers well within 64 KiB */

void rill__tcp_ready(struct tcp_host *host, struct connection *connection) {
    if (connection->flags & CONNECTION_IN_DEMUX)
        rill__ip_source_ready(host->ip, &connection->source);
}

/* SYN-SENT and SYN-RECEIVED of a simultaneous open: our SYN, with an ACK if theirs has come. */
static bool plan_syn(const struct connection *connection, struct plan *plan) {
    struct transmission *head = connection->active->scoreboard.head;
    bool answer = connection->state == RILL_TCP_SYN_RECEIVED;
    if ((head && !(head->flags & TRANSMISSION_LOST)) ||
        connection->active->fast_open & FAST_OPEN_HELD)
        return false;
    plan->sequence = connection->active->iss;
    plan->flags = answer ? WIRE_SYN | WIRE_ACK : WIRE_SYN;
    plan->record = head;
    if (!head && connection->active->fast_open & FAST_OPEN_MAY_CARRY)
        plan->length = connection->active->send.bytes; /* RFC 7413 §4.2.2: the first time only */
    plan->cause = answer ? RILL_CAUSE_SYN_ACK : RILL_CAUSE_SYN;
    if (head && !answer)
        plan->cause = RILL_CAUSE_SYN_RESENT;
    return true;
}

/* The peer's window seen from `sequence`; one byte at least, when a timer has asked for it. */
uint32_t rill__window_from(const struct connection *connection, rill_seq sequence) {
    rill_seq edge = connection->snd_una + connection->snd_wnd;
    return seq_gt(edge, sequence) ? edge - sequence : 0;
}

rill_seq rill__empty_sequence(const struct connection *connection) {
    return seq_min(connection->snd_nxt, connection->snd_una + connection->snd_wnd);
}

uint32_t rill__congestion_room(const struct connection *connection) {
    uint32_t cwnd = connection->congestion.cwnd, in_flight = rill__in_flight(connection);
    return cwnd > in_flight ? cwnd - in_flight : 0;
}

/* The largest piece that one packet may carry now. */
static uint32_t packet_max(const struct tcp_host *host, struct connection *connection,
                           size_t frames_max) {
    uint32_t payload = rill__payload_max(connection);
    const struct ip_interface *interface = host->ip->interfaces[connection->source.interface];
    if (!(interface->flags & RILL_INTERFACE_GSO))
        return payload;
    size_t most = RILL_MIN(SUPER_MAX, rill__pacer_piece(host, connection));
    size_t segments = RILL_MIN(most / payload, frames_max);
    return segments > 1 ? (uint32_t)segments * payload : payload;
}

static enum rill_cause resend_cause(const struct connection *connection) {
    if (connection->active->recovery.phase <= RECOVERY_REDUCING)
        return RILL_CAUSE_TOO_BIG; /* no loss was found: the path did not take it */
    if (connection->active->recovery.phase == RECOVERY_TIMEOUT)
        return RILL_CAUSE_RTO;
    if (connection->flags & CONNECTION_SACK)
        return RILL_CAUSE_RACK;
    return connection->active->recovery.prr_out ? RILL_CAUSE_PARTIAL_ACK
                                                : RILL_CAUSE_FAST_RETRANSMIT;
}

uint32_t rill__unsent(const struct connection *connection) {
    const struct send_queue *send = &connection->active->send;
    if (connection->flags & CONNECTION_FIN_SENT)
        return 0;
    return send->bytes - (connection->snd_nxt - send->first);
}

/* The application does not want a short segment at the end of what it has queued. */
static bool is_corked(const struct connection *connection) {
    const struct active *active = connection->active;
    bool wanted = connection->choices & CHOICE_CORK || active->more_holds;
    return wanted && !(connection->flags & CONNECTION_SHUTDOWN) &&
           seq_gt(active->send.first + active->send.bytes, active->flushed);
}

void rill__output_flush(struct connection *connection) {
    struct active *active = connection->active;
    active->flushed = active->send.first + active->send.bytes;
}

bool rill__held_by_cork(const struct connection *connection) {
    uint32_t waiting = rill__unsent(connection);
    return waiting && waiting < rill__payload_max(connection) && is_corked(connection) &&
           waiting <= rill__window_from(connection, connection->snd_nxt);
}

/* RFC 9293 §3.8.6.2.1 and §3.7.4: is a piece of this length worth a segment of its own? */
static bool worth_sending(const struct connection *connection, uint32_t length, uint32_t waiting) {
    if (length >= rill__payload_max(connection))
        return true;
    bool last = length == waiting;
    const struct transmission *head = connection->active->scoreboard.head;
    bool only_syn = head && head->flags & TRANSMISSION_SYN && !head->next; /* no data to wait for */
    bool nothing_in_flight = !head || only_syn;
    if (last && is_corked(connection))
        return false;
    /* DEVIATION: RFC 9293 §3.7.4 lets a small segment wait for all that is in flight; here it waits
     * for another small one alone, as in Linux: so there is never more than one of them a round
     * trip, and the end of a large write does not wait for its beginning. */
    bool none_small = !head || !seq_gt(connection->active->small_until, connection->snd_una);
    if (last && (nothing_in_flight || none_small ||
                 connection->flags & (CONNECTION_NODELAY | CONNECTION_SHUTDOWN)))
        return true;
    return nothing_in_flight && length >= RILL_MAX(connection->snd_wnd_max / 2, 1);
}

bool rill__may_send_new(const struct connection *connection) {
    uint32_t waiting = rill__unsent(connection);
    uint32_t length = RILL_MIN(waiting, rill__window_from(connection, connection->snd_nxt));
    return length && worth_sending(connection, length, waiting);
}

/* RFC 5682 §3.1: new data first, and then an answer to them. */
static bool waits_for_news(const struct connection *connection) {
    const struct recovery *recovery = &connection->active->recovery;
    return recovery->forward == FORWARD_NEW &&
           (seq_gt(connection->snd_nxt, recovery->recover) || rill__may_send_new(connection));
}

static bool plan_lost(const struct tcp_host *host, struct connection *connection, size_t frames_max,
                      struct plan *plan) {
    const struct active *active = connection->active;
    struct transmission *record = rill__scoreboard_first_lost(&active->scoreboard);
    if (!record || waits_for_news(connection))
        return false;
    uint32_t payload = rill__payload_max(connection), span = transmission_span(record);
    bool head = record == active->scoreboard.head;
    bool alone = active->scoreboard.in_flight == 0; /* nothing else would bring an ACK */
    uint32_t room = rill__congestion_room(connection);
    if (!alone && (room < RILL_MIN(payload, span) || rill__pacer_holds(host, connection)))
        return false;
    room = RILL_MAX(room, payload);
    uint32_t window = rill__window_from(connection, record->sequence);
    if (window == 0) {
        if (!head)
            return false;
        window = 1; /* RFC 9293 §3.8.6.1: the timer came round */
    }
    bool fin = (record->flags & TRANSMISSION_FIN) != 0;
    uint32_t data = record->end - record->sequence - fin;
    uint32_t most = packet_max(host, connection, frames_max);
    most = RILL_MIN(most, RILL_MAX(room / payload * payload, payload));
    plan->length = RILL_MIN(RILL_MIN(data, most), window);
    plan->sequence = record->sequence;
    plan->record = record;
    plan->flags = WIRE_ACK;
    if (fin && plan->length == data)
        plan->flags |= WIRE_FIN;
    if (plan->length == data)
        plan->flags |= data ? WIRE_PSH : 0;
    plan->cause = connection->snd_wnd == 0 ? RILL_CAUSE_WINDOW_PROBE : resend_cause(connection);
    return true;
}

/* New bytes. Full segments as many as go; a short one only if it is worth it. */
static bool plan_data(const struct tcp_host *host, struct connection *connection, size_t frames_max,
                      struct plan *plan) {
    uint32_t waiting = rill__unsent(connection);
    const struct active *active = connection->active;
    bool forward = active->recovery.forward == FORWARD_NEW; /* RFC 5682 §3.1, step 2 (b) */
    bool probe = connection->owes & OWES_PROBE && !active->scoreboard.head;
    if (!waiting || (active->scoreboard.lost && !forward) ||
        (rill__pacer_holds(host, connection) && !probe))
        return false;
    uint32_t payload = rill__payload_max(connection);
    uint32_t window = rill__window_from(connection, connection->snd_nxt);
    uint32_t length = RILL_MIN(waiting, packet_max(host, connection, frames_max));
    length = RILL_MIN(length, window);
    uint32_t room = rill__congestion_room(connection);
    if (length > room) { /* whole segments only: a window cut by cwnd must not make small ones */
        if (room < payload && active->scoreboard.in_flight > 0)
            return false;
        length = RILL_MAX(room / payload * payload, RILL_MIN(payload, length));
    }
    if (length > payload && length < waiting)
        length -= length % payload;
    if (length == 0 || !worth_sending(connection, length, waiting)) {
        if (!probe)
            return false;
        length = RILL_MAX(length, 1); /* into a shut window: one octet (RFC 9293 §3.8.6.1) */
        plan->cause = RILL_CAUSE_WINDOW_PROBE;
    } else {
        plan->cause = RILL_CAUSE_DATA;
    }
    plan->sequence = connection->snd_nxt;
    plan->length = length;
    plan->flags = WIRE_ACK;
    if (length == waiting) { /* RFC 9293 §3.9.1.2: PSH where the application has paused */
        bool flushed = seq_leq(connection->snd_nxt + length, active->flushed);
        plan->flags |= active->more && !flushed ? 0 : WIRE_PSH;
        if (connection->flags & CONNECTION_SHUTDOWN && length < window &&
            !connection_is_early(connection))
            plan->flags |= WIRE_FIN;
    }
    return true;
}

static bool plan_fin(const struct connection *connection, struct plan *plan) {
    if (!(connection->flags & CONNECTION_SHUTDOWN) || connection->flags & CONNECTION_FIN_SENT ||
        rill__unsent(connection) || connection->active->scoreboard.lost ||
        connection_is_early(connection))
        return false;
    plan->sequence = connection->snd_nxt;
    plan->flags = WIRE_FIN | WIRE_ACK;
    plan->cause = RILL_CAUSE_FIN;
    return true;
}

static bool plan_ack(const struct connection *connection, struct plan *plan) {
    if (connection->owes &
        OWES_KEEPALIVE) { /* RFC 9293 §3.8.4: a sequence number already acknowledged */
        plan->sequence = connection->snd_nxt - 1;
        plan->cause = RILL_CAUSE_KEEPALIVE;
    } else if (connection->owes & (OWES_ACK | OWES_WINDOW_UPDATE)) {
        plan->sequence = rill__empty_sequence(connection);
        plan->cause = RILL_CAUSE_ACK;
        if (connection->owes & OWES_DELAYED)
            plan->cause = RILL_CAUSE_DELAYED_ACK;
        if (!(connection->owes & OWES_ACK))
            plan->cause = RILL_CAUSE_WINDOW_UPDATE;
    } else {
        return false;
    }
    plan->flags = WIRE_ACK;
    return true;
}

static bool may_send_data(const struct connection *connection) {
    return connection->state == RILL_TCP_ESTABLISHED || connection->state == RILL_TCP_CLOSE_WAIT ||
           connection->state == RILL_TCP_FIN_WAIT_1 || connection->state == RILL_TCP_CLOSING ||
           connection->state == RILL_TCP_LAST_ACK || connection_is_early(connection);
}

/* RFC 8985 §7.3: one new segment, whatever the congestion window says; else the last one again, or
 * the last of those with data where a FIN alone came after it. */
static bool plan_probe(const struct connection *connection, struct plan *plan) {
    const struct active *active = connection->active;
    if (active->recovery.probe != PROBE_DUE)
        return false;
    plan->probe = true;
    plan->cause = RILL_CAUSE_TAIL_PROBE;
    plan->flags = WIRE_ACK | WIRE_PSH;
    uint32_t length = RILL_MIN(rill__unsent(connection), rill__payload_max(connection));
    length = RILL_MIN(length, rill__window_from(connection, connection->snd_nxt));
    if (length) {
        plan->sequence = connection->snd_nxt;
        plan->length = length;
        return true;
    }
    struct transmission *last = active->scoreboard.tail;
    if (last && last->flags & TRANSMISSION_FIN && transmission_span(last) == 1)
        last = last->previous;
    if (!last || !transmission_in_flight(last) || !last->segment)
        return false;
    bool fin = (last->flags & TRANSMISSION_FIN) != 0;
    uint32_t data = transmission_span(last) - fin;
    uint32_t payload = RILL_MIN(last->segment, rill__payload_max(connection));
    plan->length = data % payload ? data % payload : payload;
    plan->sequence = last->end - fin - plan->length;
    plan->flags |= fin ? WIRE_FIN : 0;
    plan->record = last;
    return true;
}

static bool next_plan(struct tcp_host *host, struct connection *connection, size_t frames_max,
                      struct plan *plan) {
    if (connection->state == RILL_TCP_SYN_SENT || connection->state == RILL_TCP_SYN_RECEIVED) {
        if (plan_syn(connection, plan))
            return true;
        if (connection->state == RILL_TCP_SYN_SENT)
            return false;
    }
    const struct active *active = connection->active;
    if (active->debt_count) {
        plan->sequence = rill__empty_sequence(connection);
        plan->flags = WIRE_ACK;
        plan->cause = active->debts[0].cause;
        plan->dsack_left = active->debts[0].dsack_left;
        plan->dsack_right = active->debts[0].dsack_right;
        return true;
    }
    if (may_send_data(connection) &&
        (plan_probe(connection, plan) || plan_lost(host, connection, frames_max, plan) ||
         rill__pmtud_plan(host, connection, plan) ||
         plan_data(host, connection, frames_max, plan) || plan_fin(connection, plan)))
        return true;
    return plan_ack(connection, plan);
}

static void pay_debt(struct connection *connection) {
    struct active *active = connection->active;
    struct connection_stats *stats = connection_stats(connection);
    if (stats)
        stats->duplicate_acks_sent++;
    if (--active->debts[0].count)
        return;
    active->debt_count--;
    for (int i = 0; i < active->debt_count; i++)
        active->debts[i] = active->debts[i + 1];
}

/* Our FIN takes its sequence number: RFC 9293 §3.10.4. */
static void fin_sent(struct connection *connection) {
    connection->flags |= CONNECTION_FIN_SENT;
    if (connection->state == RILL_TCP_ESTABLISHED || connection->state == RILL_TCP_SYN_RECEIVED)
        connection->state = RILL_TCP_FIN_WAIT_1;
    else if (connection->state == RILL_TCP_CLOSE_WAIT)
        connection->state = RILL_TCP_LAST_ACK;
}

static struct sending sending_of(const struct tcp_host *host, struct connection *connection,
                                 const struct plan *plan) {
    struct sending sending = {
        .now = host->core->now,
        .sequence = plan->sequence,
        .timestamp = rill__timestamp_now(host, connection->ts_offset),
        .rate = rill__rate_sent(connection, host->core->now),
        .segment = (uint16_t)(plan->mtu_probe ? plan->length : rill__payload_max(connection))};
    if (connection->active->rate.limited_until)
        sending.flags = TRANSMISSION_LIMITED;
    return sending;
}

/* Makes the record of what is about to be sent; false: no memory, and nothing has changed. */
static bool prepare_record(struct tcp_host *host, struct connection *connection,
                           struct plan *plan) {
    struct scoreboard *board = &connection->active->scoreboard;
    uint32_t span =
        plan->length + (plan->flags & WIRE_SYN ? 1 : 0) + (plan->flags & WIRE_FIN ? 1 : 0);
    if (span == 0)
        return true;
    if (plan->record) {
        struct transmission *record = plan->record;
        if (record->sequence != plan->sequence) { /* a probe: the end of it */
            if (!rill__scoreboard_split(board, &host->transmissions, record, plan->sequence))
                return false;
            plan->record = record = record->next;
        }
        return record->end == plan->sequence + span ||
               rill__scoreboard_split(board, &host->transmissions, record, plan->sequence + span);
    }
    struct sending sending = sending_of(host, connection, plan);
    sending.end = plan->sequence + span;
    sending.flags |= plan->flags & WIRE_SYN ? TRANSMISSION_SYN : 0;
    sending.flags |= plan->flags & WIRE_FIN ? TRANSMISSION_FIN : 0;
    return rill__scoreboard_add(board, &host->transmissions, &sending) != 0;
}

/* Notes the sequence numbers the packet has taken with it. */
static void commit_flight(struct tcp_host *host, struct connection *connection,
                          const struct plan *plan) {
    struct active *active = connection->active;
    struct transmission *record = plan->record, *tail = active->scoreboard.tail;
    uint32_t span;
    if (record) {
        struct sending sending = sending_of(host, connection, plan);
        span = transmission_span(record);
        rill__scoreboard_resent(&active->scoreboard, record, &sending);
        if (!plan->probe)
            rill__undo_resent(connection, span, sending.timestamp);
        rill__timers_resent(host, connection, record == active->scoreboard.head);
    } else if (tail && seq_gt(tail->end, connection->snd_nxt)) {
        span = tail->end - connection->snd_nxt;
        connection->snd_nxt = tail->end;
        rill__timers_sent(host, connection);
    } else {
        return;
    }
    if (plan->probe)
        rill__probe_sent(connection, record != 0);
    active->sent_at = host->core->now;
    rill__recovery_sent(connection, span);
    rill__pacer_sent(host, connection, span);
    rill__probe_schedule(host, connection);
}

/* How much of the window is used: the most of a window's flight counts until all that was sent by
 * then is acknowledged. */
static void note_flight(struct connection *connection, uint32_t length) {
    struct active *active = connection->active;
    bool carried = active->fast_open & FAST_OPEN_CARRIED && /* the SYN's bytes once more */
                   connection->snd_nxt == active->iss + 1 + length;
    if (length % rill__payload_max(connection) && !carried)
        active->small_until = connection->snd_nxt;
    uint32_t flight = connection->snd_nxt - connection->snd_una;
    if (seq_geq(connection->snd_una, active->flight_until) || flight > active->flight_most) {
        active->flight_until = connection->snd_nxt;
        active->flight_most = flight;
    }
}

/* Bytes that go soon after others came answer them: of such a connection an ACK may wait for the
 * answer to take it along, also in its beginning. */
static void note_answer(const struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    bool soon =
        active->received_at && host->core->now - active->received_at < host->config.delayed_ack;
    if (soon || connection->owes & OWES_ACK)
        active->quick_acks = 0;
}

/* Notes what the packet has taken with it. */
static void commit(struct tcp_host *host, struct connection *connection, struct plan *plan) {
    struct active *active = connection->active;
    bool debt = active->debt_count && !plan->length && !plan->record &&
                !(plan->flags & (WIRE_SYN | WIRE_FIN)) && plan->cause == active->debts[0].cause;
    bool current = !debt || active->debts[0].acknowledgement == connection->rcv_nxt;
    commit_flight(host, connection, plan);
    if (rill__congestion_room(connection) < rill__payload_max(connection))
        active->full_until = connection->snd_nxt;
    if ((plan->flags & (WIRE_SYN | WIRE_ACK)) == WIRE_SYN)
        active->mss_announced = connection->mss;
    if (plan->flags & WIRE_SYN && plan->length)
        active->fast_open |= FAST_OPEN_CARRIED;
    if (plan->length && !plan->record) {
        active->moved_at = host->core->now;
        note_flight(connection, plan->length);
        note_answer(host, connection);
        if (connection->choices & CHOICE_UNSENT)
            rill__tell_writer(host, connection);
    }
    rill__pmtud_sent(host, connection, plan);
    if (plan->flags & WIRE_FIN && !(connection->flags & CONNECTION_FIN_SENT))
        fin_sent(connection);
    if (plan->cwr)
        connection->source.owner &= (uint8_t)~ECN_REDUCED;
    if (plan->cause == RILL_CAUSE_KEEPALIVE)
        connection->owes &= (uint8_t)~OWES_KEEPALIVE;
    if (plan->length || plan->flags & WIRE_FIN)
        connection->owes &= (uint8_t)~OWES_PROBE;
    if (debt)
        pay_debt(connection);
    if (plan->flags & WIRE_ACK && !debt)
        connection->owes &= (uint8_t) ~(OWES_ACK | OWES_WINDOW_UPDATE);
    if (plan->flags & WIRE_ACK && current) { /* it says all that a delayed ACK would say */
        connection->owes &= (uint8_t)~OWES_DELAYED;
        rill__timers_ack_sent(connection);
    }
}

/* Nothing goes out: if it is the window that holds data back, the persist timer watches it. */
static void blocked(struct tcp_host *host, struct connection *connection) {
    struct active *active = connection->active;
    connection->owes &= (uint8_t)~OWES_PROBE; /* what it was for has gone meanwhile */
    if (active->recovery.probe == PROBE_DUE)
        active->recovery.probe = PROBE_NONE; /* the same */
    bool waits = may_send_data(connection) && (rill__unsent(connection) || active->scoreboard.lost);
    if (!waits && rill__congestion_room(connection) >= rill__payload_max(connection))
        rill__rate_application_limited(connection);
    if (waits && rill__pacer_holds(host, connection))
        active->release_at = active->recovery.pace_at;
    else if (waits && !active->scoreboard.head)
        rill__timers_blocked(host, connection);
    rill__limiter_update(host, connection);
    rill__timers_file(host, connection);
}

/* RFC 5681 §4.1: the first data after a pause of an RTO. What was planned stays within the window
 * of a new connection. */
static void rest(const struct tcp_host *host, struct connection *connection, struct plan *plan) {
    struct active *active = connection->active;
    if (!plan->length || active->scoreboard.head)
        return;
    if (active->sent_at && host->core->now - active->sent_at > rill__rto(host, connection)) {
        rill__recovery_rested(host, connection);
        plan_shorten(plan, connection->congestion.cwnd);
    }
}

struct rill_packet *rill__tcp_output(void *transport, struct ip_source *source, size_t frames_max) {
    struct tcp_host *host = (struct tcp_host *)transport;
    if (source->kind == TCP_KIND_HALF_OPEN)
        return rill__half_open_output(host, RILL_CONTAINER(source, struct half_open, source));
    struct connection *connection = RILL_CONTAINER(source, struct connection, source);
    struct plan plan = {0};
    if (!connection->active) /* nothing can be owed without it */
        return 0;
    if (!next_plan(host, connection, frames_max, &plan)) {
        blocked(host, connection);
        return 0;
    }
    rest(host, connection, &plan);
    if (plan.length) /* an answer will come and be looked up */
        hash_prefetch(&host->demux, connection->tag);
    rill_seq number = connection->rcv_nxt;
    if (connection->active->debt_count && !plan.length && !plan.record &&
        !(plan.flags & (WIRE_SYN | WIRE_FIN)))
        number = connection->active->debts[0].acknowledgement;
    struct rill_packet *packet = rill__tcp_emit(host, connection, &plan, number);
    if (!packet && plan.length) { /* the ACK that data would have carried goes from the reserve */
        memset(&plan, 0, sizeof plan);
        if (plan_ack(connection, &plan))
            packet = rill__tcp_emit(host, connection, &plan, number);
    }
    if (!packet || !prepare_record(host, connection, &plan)) {
        rill_packet_drop(packet);
        connection->active->retry_at =
            host->core->now + 10 * RILL_MILLISECOND; /* no memory: later */
        rill__timers_file(host, connection);
        return 0;
    }
    rill__count_sent(host, connection, &plan, packet);
    commit(host, connection, &plan);
    rill__timers_file(host, connection);
    rill__connection_verify(host, connection);
    return packet;
}
