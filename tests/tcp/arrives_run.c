/* tests/tcp/arrives_run.c: see arrives.h. Each case has a host of its own. */
#include "tcp/arrives.h"

#define BYTES 100u /* in flight, where the state lets any be */

static void listen_here(struct peer *peer) {
    struct rill_tcp_listen_config config;
    rill_tcp_listen_config_default(&config);
    config.local.port = peer->local_port;
    assert_int_equal(rill_tcp_listen(peer->stack, &config, &peer->listener), 0);
}

static void write_some(struct peer *peer, bool shut) {
    assert_int_equal(peer_write(peer, BYTES), BYTES);
    if (shut)
        assert_int_equal(rill_tcp_shutdown(peer->stack, peer->handle), 0);
    peer_drain(peer);
}

/* Numbers afterwards: rcv_nxt 0, or 1 behind the peer's FIN; snd_una 0, snd_nxt BYTES + our FIN. */
static void enter(struct peer *peer, enum situation_state state) {
    peer_init(peer);
    peer->config.receive_buffer = 10000;
    peer->options = PEER_MSS;
    bool shuts = state >= IN_FIN_WAIT_1 && state != IN_CLOSE_WAIT && state != IN_LAST_ACK;
    switch (state) {
    case IN_CLOSED:
        peer_open(peer);
        break;
    case IN_LISTEN:
        peer_listen(peer);
        break;
    case IN_SYN_SENT:
        peer_syn_sent(peer);
        break;
    case IN_SYN_RECEIVED:
        peer_half_open(peer);
        break;
    case IN_SYN_RECEIVED_ACTIVE:
        peer_syn_received(peer);
        break;
    default:
        peer_established(peer);
        break;
    }
    if (state < IN_ESTABLISHED)
        return;
    if (state == IN_CLOSE_WAIT || state == IN_LAST_ACK)
        peer_send(peer, WIRE_FIN | WIRE_ACK, 0, 0, 0);
    write_some(peer, shuts || state == IN_LAST_ACK);
    if (state == IN_FIN_WAIT_2 || state == IN_TIME_WAIT)
        peer_send(peer, WIRE_ACK, 0, BYTES + 1, 0);
    if (state == IN_CLOSING)
        peer_send(peer, WIRE_FIN | WIRE_ACK, 0, 0, 0);
    if (state == IN_TIME_WAIT) {
        peer_send(peer, WIRE_FIN | WIRE_ACK, 0, BYTES + 1, 0);
        listen_here(peer);
    }
    peer_drain(peer);
}

static struct rill_stack_info stack_info(struct peer *peer) {
    struct rill_stack_info info;
    rill_stack_get_info(peer->stack, &info);
    return info;
}

/* What has become of it. */
static enum rill_tcp_state state_now(struct peer *peer, enum situation_state was) {
    struct rill_stack_info info = stack_info(peer);
    bool reopened = was == IN_LISTEN || was == IN_SYN_RECEIVED || was == IN_TIME_WAIT;
    if (was == IN_CLOSED)
        return RILL_TCP_CLOSED;
    if (reopened && info.half_open)
        return RILL_TCP_SYN_RECEIVED;
    if (was == IN_LISTEN || was == IN_SYN_RECEIVED) {
        if (!info.connections)
            return RILL_TCP_LISTEN;
        assert_int_equal(rill_tcp_accept(peer->stack, peer->listener, &peer->handle), 0);
    }
    return peer_state(peer);
}

static uint32_t queued(struct peer *peer, enum situation_state state) {
    bool has = state >= IN_ESTABLISHED && state != IN_TIME_WAIT;
    return has ? peer_info(peer).send_queued : 0;
}

struct situation arrives_situation(enum situation_state state) {
    struct peer peer;
    struct situation at = {.state = state, .snd_wnd_max = 65535, .rcv_wnd = 10000};
    enter(&peer, state);
    bool peer_fin = state >= IN_CLOSE_WAIT;
    at.fin_sent = state >= IN_FIN_WAIT_1 && state != IN_CLOSE_WAIT;
    at.rcv_nxt = peer_fin ? 1 : 0;
    if (state < IN_ESTABLISHED) {
        at.snd_una = (uint32_t)-1;
    } else {
        at.snd_nxt = BYTES + at.fin_sent;
        at.snd_una = state == IN_FIN_WAIT_2 || state == IN_TIME_WAIT ? at.snd_nxt : 0;
        if (state != IN_TIME_WAIT)
            at.rcv_wnd = peer_info(&peer).receive_window;
    }
    assert_int_equal(queued(&peer, state), at.snd_una == 0 ? BYTES : 0);
    peer_close(&peer);
    return at;
}

struct outcome arrives_run(enum situation_state state, const struct arriving *segment) {
    struct peer peer;
    struct seen seen;
    struct outcome out = {0};
    enter(&peer, state);
    uint32_t before = queued(&peer, state);
    peer_send(&peer, segment->flags, segment->sequence, segment->acknowledgement, segment->length);
    while (peer_take(&peer, &seen)) {
        out.replies++;
        out.flags = seen.header.flags & (uint8_t)~WIRE_PSH;
        out.sequence = seen.sequence;
        out.acknowledgement = seen.header.flags & WIRE_ACK ? seen.acknowledgement : 0;
        if (out.flags == (WIRE_RST | WIRE_ACK) && seen.header.sequence == 0)
            out.sequence = (uint32_t)-1; /* zero itself, which is no relative number */
    }
    out.next = state_now(&peer, state);
    bool gone = out.next == RILL_TCP_CLOSED || out.next == RILL_TCP_TIME_WAIT;
    if (state >= IN_ESTABLISHED && state != IN_TIME_WAIT && !gone)
        out.acked = before - peer_info(&peer).send_queued;
    peer_close(&peer);
    return out;
}
