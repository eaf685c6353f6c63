/* tests/tcp/states.c: one constructor a state, by the public interface and segments alone. */
#include "tcp/segment.h"

static void connect(struct peer *peer) {
    struct rill_tcp_connect_config config;
    struct seen syn;
    rill_tcp_connect_config_default(&config);
    config.local.port = peer->local_port;
    config.remote.address = peer->remote;
    config.remote.port = peer->remote_port;
    assert_int_equal(rill_tcp_connect(peer->stack, &config, &peer->handle), 0);
    assert_true(peer_take(peer, &syn));
    assert_int_equal(syn.header.flags & ~(WIRE_ECE | WIRE_CWR), WIRE_SYN);
    assert_int_equal(peer_state(peer), RILL_TCP_SYN_SENT);
    EXPECT_NONE(peer);
}

void peer_syn_sent(struct peer *peer) {
    peer_open(peer);
    connect(peer);
}

void peer_syn_received(struct peer *peer) {
    peer_syn_sent(peer);
    peer_send(peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    EXPECT(peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    assert_int_equal(peer_state(peer), RILL_TCP_SYN_RECEIVED);
    EXPECT_NONE(peer);
}

void peer_established(struct peer *peer) {
    peer_syn_sent(peer);
    peer_send(peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    peer->timestamps = (peer->options & PEER_TIMESTAMPS) != 0;
    EXPECT(peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(peer_state(peer), RILL_TCP_ESTABLISHED);
    EXPECT_NONE(peer);
}

void peer_listen(struct peer *peer) {
    struct rill_tcp_listen_config config;
    peer_open(peer);
    rill_tcp_listen_config_default(&config);
    config.local.port = peer->local_port;
    assert_int_equal(rill_tcp_listen(peer->stack, &config, &peer->listener), 0);
}

void peer_half_open(struct peer *peer) {
    peer_listen(peer);
    peer_send(peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    peer->timestamps = (peer->options & PEER_TIMESTAMPS) != 0;
    EXPECT(peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    EXPECT_NONE(peer);
}

void peer_accepted(struct peer *peer) {
    peer_half_open(peer);
    peer_send(peer, WIRE_ACK, 0, 0, 0);
    assert_int_equal(rill_tcp_accept(peer->stack, peer->listener, &peer->handle), 0);
    assert_int_equal(peer_state(peer), RILL_TCP_ESTABLISHED);
    EXPECT_NONE(peer);
}

void peer_fin_wait_1(struct peer *peer) {
    peer_established(peer);
    assert_int_equal(rill_tcp_shutdown(peer->stack, peer->handle), 0);
    EXPECT(peer, WIRE_FIN | WIRE_ACK, 0, 0, 0);
    assert_int_equal(peer_state(peer), RILL_TCP_FIN_WAIT_1);
}

void peer_fin_wait_2(struct peer *peer) {
    peer_fin_wait_1(peer);
    peer_send(peer, WIRE_ACK, 0, 1, 0);
    assert_int_equal(peer_state(peer), RILL_TCP_FIN_WAIT_2);
    EXPECT_NONE(peer);
}

void peer_close_wait(struct peer *peer) {
    peer_established(peer);
    peer_send(peer, WIRE_FIN | WIRE_ACK, 0, 0, 0);
    EXPECT(peer, WIRE_ACK, 0, 1, 0);
    assert_int_equal(peer_state(peer), RILL_TCP_CLOSE_WAIT);
}

void peer_closing(struct peer *peer) {
    peer_fin_wait_1(peer);
    peer_send(peer, WIRE_FIN | WIRE_ACK, 0, 0, 0);
    EXPECT(peer, WIRE_ACK, 1, 1, 0);
    assert_int_equal(peer_state(peer), RILL_TCP_CLOSING);
}

void peer_last_ack(struct peer *peer) {
    peer_close_wait(peer);
    assert_int_equal(rill_tcp_shutdown(peer->stack, peer->handle), 0);
    EXPECT(peer, WIRE_FIN | WIRE_ACK, 0, 1, 0);
    assert_int_equal(peer_state(peer), RILL_TCP_LAST_ACK);
}

void peer_time_wait(struct peer *peer) {
    peer_fin_wait_2(peer);
    peer_send(peer, WIRE_FIN | WIRE_ACK, 0, 1, 0);
    EXPECT(peer, WIRE_ACK, 1, 1, 0);
    assert_int_equal(peer_state(peer), RILL_TCP_TIME_WAIT);
    assert_int_equal(rill_tcp_close(peer->stack, peer->handle), 0);
    peer->handle = 0;
    EXPECT_NONE(peer);
}
