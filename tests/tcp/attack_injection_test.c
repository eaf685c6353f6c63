/* tests/tcp/attack_injection_test.c: somebody who is not on the path guesses numbers (RFC 5961):
 * the whole sequence space at strides of half a window, and every edge to the byte. */
#include "tcp/attacks.h"

#define CHALLENGES 10u /* in five seconds */

/* What is sent, with an acknowledgement that is far off. */
struct guess {
    const char *name;
    uint8_t flags;
    uint32_t length;
};

static uint64_t replies(struct peer *peer) {
    struct seen seen;
    uint64_t count = 0;
    while (peer_take(peer, &seen)) {
        assert_int_equal(seen.header.flags & ~WIRE_PSH, WIRE_ACK);
        count++;
    }
    return count;
}

static void inject(struct peer *peer, const struct guess *guess, uint32_t sequence) {
    struct inject segment = {.flags = guess->flags,
                             .sequence = sequence,
                             .acknowledgement = 0x40000000,
                             .length = guess->length};
    peer_inject(peer, &segment);
}

/* All guesses at one instant; `rcv_nxt` itself is left out of RSTs. Returns how many were answered.
 */
static uint64_t sweep(struct peer *peer, const struct guess *guess, uint32_t rcv_nxt,
                      uint32_t window, uint64_t *count) {
    uint64_t answered = 0;
    uint32_t stride = window / 2;
    for (uint64_t at = stride / 2; at < UINT64_C(1) << 32; at += stride, ++*count) {
        inject(peer, guess, rcv_nxt + (uint32_t)at);
        answered += replies(peer);
    }
    const uint32_t edges[] = {0, window, 1u << 31};
    for (unsigned i = 0; i < sizeof edges / sizeof *edges; i++)
        for (int by = -1; by <= 1; by++) {
            uint32_t at = rcv_nxt + edges[i] + (uint32_t)by;
            if (guess->flags & WIRE_RST && at == rcv_nxt)
                continue;
            inject(peer, guess, at);
            answered += replies(peer);
            ++*count;
        }
    return answered;
}

static const struct guess guesses[] = {
    {"RST", WIRE_RST, 0},    {"RST, ACK", WIRE_RST | WIRE_ACK, 0},
    {"SYN", WIRE_SYN, 0},    {"SYN, ACK", WIRE_SYN | WIRE_ACK, 0},
    {"data", WIRE_ACK, 100}, {"FIN", WIRE_FIN | WIRE_ACK, 0},
    {"ACK", WIRE_ACK, 0},
};
#define GUESSES (sizeof guesses / sizeof *guesses)

static void established_survives_every_guess_but_the_exact_rst(void **state) {
    (void)state;
    for (unsigned i = 0; i < GUESSES; i++) {
        struct peer peer;
        uint64_t count = 0, begin = attack_clock_ns();
        peer_init(&peer);
        peer.config.trace = 0;
        peer.options = PEER_MSS;
        peer_established(&peer);
        uint32_t window = peer_info(&peer).receive_window;
        uint64_t answered = sweep(&peer, &guesses[i], 0, window, &count);
        print_message("# %s: %llu guesses, %llu answers, %llu ns each\n", guesses[i].name,
                      (unsigned long long)count, (unsigned long long)answered,
                      (unsigned long long)((attack_clock_ns() - begin) / count));
        assert_int_equal(peer_state(&peer), RILL_TCP_ESTABLISHED);
        assert_in_range(answered, 1, CHALLENGES);
        assert_int_equal(peer_info(&peer).receive_queued, 0);
        /* The true peer has lost nothing. */
        peer_wait(&peer, 6 * RILL_SECOND);
        peer_send(&peer, WIRE_ACK, 0, 0, 10);
        assert_int_equal(peer_read(&peer, 100), 10);
        peer_drain(&peer);
        peer_send(&peer, WIRE_RST, 10, 0, 0);
        assert_int_equal(peer_state(&peer), RILL_TCP_CLOSED);
        peer_close(&peer);
    }
}

static void half_open_and_time_wait_answer_no_more_either(void **state) {
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct peer peer;
        struct rill_stack_info info;
        uint64_t count = 0;
        peer_init(&peer);
        peer.config.trace = 0;
        peer.options = PEER_MSS;
        if (i)
            peer_time_wait(&peer);
        else
            peer_half_open(&peer);
        uint32_t rcv_nxt = i ? 1 : 0;
        uint64_t answered = sweep(&peer, &guesses[0], rcv_nxt, 65535, &count);
        if (i)
            answered += sweep(&peer, &guesses[4], rcv_nxt, 65535, &count);
        assert_in_range(answered, 0, CHALLENGES);
        rill_stack_get_info(peer.stack, &info);
        assert_int_equal(i ? info.time_wait : info.half_open, 1);
        peer_close(&peer);
    }
}

static void second_connection(struct peer *peer) {
    peer->remote_port++;
    struct rill_tcp_connect_config config;
    rill_tcp_connect_config_default(&config);
    config.local.port = peer->local_port;
    config.remote.address = peer->remote;
    config.remote.port = peer->remote_port;
    assert_int_equal(rill_tcp_connect(peer->stack, &config, &peer->handle), 0);
    EXPECT(peer, WIRE_SYN, (uint32_t)-1, 0, 0);
    peer_send(peer, WIRE_SYN | WIRE_ACK, (uint32_t)-1, 0, 0);
    EXPECT(peer, WIRE_ACK, 0, 0, 0);
}

/* CVE-2016-5696: who uses up the challenge ACKs of one connection sees no difference at his own. */
static void limit_of_one_connection_is_not_seen_at_another(void **state) {
    (void)state;
    struct peer peer;
    uint64_t own[2];
    peer_init(&peer);
    peer_established(&peer);
    rill_seq victim = peer.own_iss;
    rill_handle handle = peer.handle;
    second_connection(&peer);
    rill_seq attacker = peer.own_iss;
    for (int attacked = 0; attacked < 2; attacked++) {
        own[attacked] = 0;
        for (int i = 0; i < 100; i++) {
            if (attacked) {
                peer.remote_port--;
                peer.own_iss = victim;
                inject(&peer, &guesses[2], 5);
                peer.remote_port++;
                peer.own_iss = attacker;
                peer_drain(&peer);
            }
            inject(&peer, &guesses[2], 5);
            own[attacked] += replies(&peer);
        }
        peer_wait(&peer, 10 * RILL_SECOND);
    }
    print_message("# challenge ACKs at the attacker's own: %llu alone, %llu beside a victim\n",
                  (unsigned long long)own[0], (unsigned long long)own[1]);
    assert_int_equal(own[0], CHALLENGES);
    assert_int_equal(own[1], CHALLENGES);
    rill_tcp_abort(peer.stack, handle);
    peer_close(&peer);
}

int injection_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_survives_every_guess_but_the_exact_rst),
        cmocka_unit_test(half_open_and_time_wait_answer_no_more_either),
        cmocka_unit_test(limit_of_one_connection_is_not_seen_at_another),
    };
    return cmocka_run_group_tests_name("injection", tests, 0, 0);
}
