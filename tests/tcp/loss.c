/* tests/tcp/loss.c: see loss.h. */
#include "tcp/loss.h"

#include "stack/stack.h"
#include "tcp/host.h"

void loss_init(struct peer *peer) {
    peer_init(peer);
    peer->config.congestion = &rill_reno;
    peer->mss = MSS;
    peer->options |= PEER_SCALE;
    peer->scale = 7;
}

void loss_established(struct peer *peer) {
    if (peer->options & PEER_TIMESTAMPS)
        peer->mss += 12; /* of the payload that leaves MSS */
    peer_syn_sent(peer);
    peer_wait(peer, RTT);
    peer_send(peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer->timestamps = (peer->options & PEER_TIMESTAMPS) != 0;
    EXPECT(peer, WIRE_ACK, 0, 0, 0);
    EXPECT_NONE(peer);
    assert_int_equal(peer_info(peer).rtt, RTT);
    assert_int_equal(peer_info(peer).mss, MSS);
    peer_send(peer, WIRE_ACK, 0, 0, 0); /* the window, scaled */
}

void loss_open(struct peer *peer, uint16_t window) {
    loss_init(peer);
    peer->config.initial_window = window;
    loss_established(peer);
}

void loss_flight(struct peer *peer, uint32_t written, uint32_t sent) {
    peer_write(peer, (size_t)written * MSS);
    assert_int_equal(peer_drain(peer), sent);
    peer_wait(peer, RTT);
}

struct block segments(uint32_t left, uint32_t right) {
    struct block block = {left * MSS, right * MSS};
    return block;
}

void ack(struct peer *peer, uint32_t next) {
    peer_send(peer, WIRE_ACK, 0, next * MSS, 0);
}

void sack(struct peer *peer, uint32_t next, uint32_t left, uint32_t right) {
    peer_sack(peer, next * MSS, segments(left, right), segments(0, 0), segments(0, 0));
}

void dsack(struct peer *peer, uint32_t next, uint32_t again, uint32_t left, uint32_t right) {
    peer_sack(peer, next * MSS, segments(again, again + 1), segments(left, right), segments(0, 0));
}

struct seen expect_segment_at(struct peer *peer, uint32_t number, enum rill_cause cause,
                              const char *file, int line) {
    struct seen seen;
    if (!peer_take(peer, &seen)) {
        print_error("sent nothing, want segment %u (%s)\n", number, rill_cause_text(cause));
        _fail(file, line);
    }
    if (seen.sequence != number * MSS || seen.length != MSS || seen.cause != cause) {
        print_error("sent: sequence %d length %u (%s), want segment %u (%s)\n", (int)seen.sequence,
                    seen.length, rill_cause_text(seen.cause), number, rill_cause_text(cause));
        _fail(file, line);
    }
    return seen;
}

struct seen expect_after_at(struct peer *peer, rill_time wait, uint32_t number,
                            enum rill_cause cause, const char *file, int line) {
    struct seen seen;
    rill_time due = peer->now + wait;
    bool sent = peer_take_within(peer, wait + 100 * RILL_SECOND, &seen);
    if (!sent || seen.at != due || seen.sequence != number * MSS || seen.cause != cause) {
        print_error("sent: %d, %g ms after it was due, sequence %d (%s), want segment %u (%s)\n",
                    sent, ((double)seen.at - (double)due) / 1e6, (int)seen.sequence,
                    rill_cause_text(seen.cause), number, rill_cause_text(cause));
        _fail(file, line);
    }
    return seen;
}

struct tcp_host *loss_host(struct peer *peer) {
    return (struct tcp_host *)peer->stack->tcp;
}

struct connection *loss_connection(struct peer *peer) {
    return rill__connection_find(loss_host(peer), peer->handle);
}
