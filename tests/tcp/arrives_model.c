/* tests/tcp/arrives_model.c: see arrives.h. One function a step of RFC 9293 §3.10.7.4, in the words
 * of the text. The house's departures are marked; docs/segment-arrives.md names them. */
#include "tcp/arrives.h"

#define HAS(flag) ((segment->flags & (flag)) != 0)

static bool before(uint32_t a, uint32_t b) {
    return (int32_t)(a - b) < 0;
}

static uint32_t span(const struct arriving *segment) {
    return segment->length + HAS(WIRE_SYN) + HAS(WIRE_FIN);
}

static enum rill_tcp_state state_of(enum situation_state state) {
    static const enum rill_tcp_state states[] = {
        RILL_TCP_CLOSED,       RILL_TCP_LISTEN,      RILL_TCP_SYN_SENT,   RILL_TCP_SYN_RECEIVED,
        RILL_TCP_SYN_RECEIVED, RILL_TCP_ESTABLISHED, RILL_TCP_FIN_WAIT_1, RILL_TCP_FIN_WAIT_2,
        RILL_TCP_CLOSE_WAIT,   RILL_TCP_CLOSING,     RILL_TCP_LAST_ACK,   RILL_TCP_TIME_WAIT};
    return states[state];
}

static void reply(struct outcome *out, uint8_t flags, uint32_t sequence, uint32_t acknowledgement) {
    out->replies = 1;
    out->flags = flags;
    out->sequence = sequence;
    out->acknowledgement = acknowledgement;
}

/* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> */
static void acknowledge(const struct situation *at, uint32_t number, struct outcome *out) {
    reply(out, WIRE_ACK, at->snd_nxt, number);
}

/* §3.10.7.1 */
static void in_closed(const struct arriving *segment, struct outcome *out) {
    if (HAS(WIRE_RST))
        return;
    if (HAS(WIRE_ACK))
        reply(out, WIRE_RST, segment->acknowledgement, 0);
    else
        reply(out, WIRE_RST | WIRE_ACK, (uint32_t)-1, segment->sequence + span(segment));
}

/* §3.10.7.2. Departure: a SYN with FIN is dropped. */
static void in_listen(const struct arriving *segment, struct outcome *out) {
    if (HAS(WIRE_RST))
        return;
    if (HAS(WIRE_ACK)) {
        reply(out, WIRE_RST, segment->acknowledgement, 0);
    } else if (HAS(WIRE_SYN) && !HAS(WIRE_FIN)) {
        reply(out, WIRE_SYN | WIRE_ACK, (uint32_t)-1, segment->sequence + 1);
        out->next = RILL_TCP_SYN_RECEIVED;
    }
}

/* §3.10.7.3, with erratum 8167: an RST is judged by its ACK alone. */
static void in_syn_sent(const struct situation *at, const struct arriving *segment,
                        struct outcome *out) {
    uint32_t number = segment->acknowledgement;
    if (HAS(WIRE_ACK) && (!before(at->snd_una, number) || before(at->snd_nxt, number))) {
        if (!HAS(WIRE_RST))
            reply(out, WIRE_RST, number, 0);
        return;
    }
    if (HAS(WIRE_RST)) {
        if (HAS(WIRE_ACK))
            out->next = RILL_TCP_CLOSED;
        return;
    }
    if (!HAS(WIRE_SYN))
        return;
    if (HAS(WIRE_ACK)) {
        out->next = RILL_TCP_ESTABLISHED;
        out->acked = number - at->snd_una;
        reply(out, WIRE_ACK, number, segment->sequence + 1 + segment->length);
    } else {
        out->next = RILL_TCP_SYN_RECEIVED;
        reply(out, WIRE_SYN | WIRE_ACK, (uint32_t)-1, segment->sequence + 1);
    }
}

static bool in_window(const struct situation *at, uint32_t number) {
    return number - at->rcv_nxt < at->rcv_wnd;
}

/* First: table 6. */
static bool acceptable(const struct situation *at, const struct arriving *segment) {
    uint32_t length = span(segment);
    if (length == 0)
        return in_window(at, segment->sequence);
    return in_window(at, segment->sequence) || in_window(at, segment->sequence + length - 1);
}

/* Departure: what is wholly old is answered (as by table 6), but its ACK counts. */
static bool is_old(const struct situation *at, const struct arriving *segment) {
    return span(segment) && HAS(WIRE_ACK) && !HAS(WIRE_SYN | WIRE_RST) &&
           !before(at->rcv_nxt, segment->sequence + span(segment)) &&
           at->rcv_nxt - segment->sequence <= 65535;
}

/* TIME-WAIT: RFC 1337 §3, RFC 9293 §3.10.7.4 (MAY-2) without timestamps. "Acknowledge it": whatever
 * is not the last ACK itself. */
static void in_time_wait(const struct situation *at, const struct arriving *segment,
                         struct outcome *out) {
    if (HAS(WIRE_RST))
        return;
    if (HAS(WIRE_SYN) && !HAS(WIRE_ACK | WIRE_FIN) && before(at->rcv_nxt, segment->sequence)) {
        out->next = RILL_TCP_SYN_RECEIVED;
        reply(out, WIRE_SYN | WIRE_ACK, (uint32_t)-1, segment->sequence + 1);
        return;
    }
    if (segment->sequence == at->rcv_nxt && span(segment) == 0)
        return;
    acknowledge(at, at->rcv_nxt, out);
}

static bool is_synchronized(const struct situation *at) {
    return at->state >= IN_ESTABLISHED;
}

/* Second: RFC 5961 §3.2. What counts is its sequence number, not what it carries behind. */
static void take_rst(const struct situation *at, const struct arriving *segment,
                     struct outcome *out) {
    if (before(segment->sequence, at->rcv_nxt))
        return;
    if (segment->sequence != at->rcv_nxt)
        acknowledge(at, at->rcv_nxt, out);
    else
        out->next = at->state == IN_SYN_RECEIVED ? RILL_TCP_LISTEN : RILL_TCP_CLOSED;
}

/* Fifth. False: the segment goes no further. */
static bool take_ack(const struct situation *at, const struct arriving *segment,
                     struct outcome *out) {
    uint32_t number = segment->acknowledgement;
    if (!is_synchronized(at)) {
        if (!before(at->snd_una, number) || before(at->snd_nxt, number)) {
            reply(out, WIRE_RST, number, 0);
            return false;
        }
        out->next = RILL_TCP_ESTABLISHED;
        out->acked = number - at->snd_una;
        return true;
    }
    bool future = before(at->snd_nxt, number);
    if (future || before(number, at->snd_una - at->snd_wnd_max)) { /* RFC 5961 §5.2 */
        acknowledge(at, at->rcv_nxt, out);
        return false;
    }
    if (!before(at->snd_una, number))
        return true;
    bool fin = at->fin_sent && number == at->snd_nxt;
    out->acked = number - at->snd_una - fin;
    if (!fin)
        return true;
    if (at->state == IN_FIN_WAIT_1)
        out->next = RILL_TCP_FIN_WAIT_2;
    if (at->state == IN_CLOSING)
        out->next = RILL_TCP_TIME_WAIT;
    if (at->state == IN_LAST_ACK)
        out->next = RILL_TCP_CLOSED;
    return at->state != IN_CLOSING && at->state != IN_LAST_ACK;
}

/* Seventh and eighth. */
static void take_text(const struct situation *at, const struct arriving *segment,
                      struct outcome *out) {
    bool takes = out->next == RILL_TCP_ESTABLISHED || out->next == RILL_TCP_FIN_WAIT_1 ||
                 out->next == RILL_TCP_FIN_WAIT_2;
    if (!takes || !span(segment))
        return;
    uint32_t end = segment->sequence + segment->length, edge = at->rcv_nxt + at->rcv_wnd;
    bool fin = HAS(WIRE_FIN);
    if (before(edge, end + fin)) { /* what lies beyond the window is cut off */
        end = before(edge, end) ? edge : end;
        fin = false;
    }
    if (before(at->rcv_nxt, segment->sequence)) { /* out of order */
        acknowledge(at, at->rcv_nxt, out);
        return;
    }
    acknowledge(at, end + fin, out);
    if (!fin)
        return;
    out->next = out->next == RILL_TCP_ESTABLISHED  ? RILL_TCP_CLOSE_WAIT
                : out->next == RILL_TCP_FIN_WAIT_1 ? RILL_TCP_CLOSING
                                                   : RILL_TCP_TIME_WAIT;
}

/* The SYN of the open itself, once more: of a passive one the SYN-ACK goes again, of an active one
 * the numbers are known, and an ACK of our SYN counts (RFC 9293 §3.5, figure 7). */
static bool repeats_syn(const struct situation *at, const struct arriving *segment,
                        struct outcome *out) {
    bool active = at->state == IN_SYN_RECEIVED_ACTIVE;
    if (is_synchronized(at) || !HAS(WIRE_SYN) || HAS(WIRE_RST) || HAS(WIRE_ACK) != active ||
        segment->sequence + 1 != at->rcv_nxt)
        return false;
    if (active && segment->acknowledgement != at->snd_nxt)
        return false; /* no more than a segment that lies before the window */
    if (!active)
        reply(out, WIRE_SYN | WIRE_ACK, (uint32_t)-1, at->rcv_nxt);
    else if (take_ack(at, segment, out))
        acknowledge(at, at->rcv_nxt, out);
    return true;
}

static void in_others(const struct situation *at, const struct arriving *segment,
                      struct outcome *out) {
    bool old = is_old(at, segment) && !acceptable(at, segment) && is_synchronized(at);
    if (repeats_syn(at, segment, out))
        return;
    if (!acceptable(at, segment) && !old) { /* first */
        if (!HAS(WIRE_RST))
            acknowledge(at, at->rcv_nxt, out);
        return;
    }
    if (HAS(WIRE_RST)) { /* second */
        take_rst(at, segment, out);
        return;
    }
    if (HAS(WIRE_SYN)) { /* fourth; RFC 5961 §4.2 */
        if (at->state == IN_SYN_RECEIVED)
            out->next = RILL_TCP_LISTEN;
        else
            acknowledge(at, at->rcv_nxt, out);
        return;
    }
    if (!HAS(WIRE_ACK) || !take_ack(at, segment, out)) /* fifth */
        return;
    if (old) {
        acknowledge(at, at->rcv_nxt, out);
        return;
    }
    take_text(at, segment, out);
}

struct outcome arrives_expected(const struct situation *at, const struct arriving *segment) {
    struct outcome out = {.next = state_of(at->state)};
    switch (at->state) {
    case IN_CLOSED:
        in_closed(segment, &out);
        break;
    case IN_LISTEN:
        in_listen(segment, &out);
        break;
    case IN_SYN_SENT:
        in_syn_sent(at, segment, &out);
        break;
    case IN_TIME_WAIT:
        in_time_wait(at, segment, &out);
        break;
    default:
        in_others(at, segment, &out);
        break;
    }
    return out;
}
