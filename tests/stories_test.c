/* tests/stories_test.c: the suite `stories`: what other stacks have stalled on or answered wrongly,
 * as their users told it. docs/testing.md has the list; a story told elsewhere is named there. */
#include "tcp/segment.h"

/* --- two hosts --- */

struct scene {
    struct test_world test;
    rill_handle a, b; /* host 0's and host 1's */
    uint8_t data[65536];
};

static void scene_init(struct scene *scene, rill_time rtt) {
    memset(scene, 0, sizeof *scene);
    test_world_init(&scene->test, 3);
    test_world_delay(&scene->test, rtt / 2);
}

static void scene_open(struct scene *scene) {
    assert_int_equal(test_world_open(&scene->test), 0);
    rill_handle listener = test_listen(&scene->test, 1, 80);
    assert_int_equal(test_open_pair(&scene->test, listener, 80, &scene->a, &scene->b), 0);
}

static void scene_close(struct scene *scene) {
    test_world_close(&scene->test);
    assert_int_equal(scene->test.memory.live_blocks, 0);
}

static struct rill_tcp_info scene_info(struct scene *scene, int host) {
    struct rill_tcp_info info;
    rill_handle handle = host ? scene->b : scene->a;
    assert_int_equal(rill_tcp_get_info(scene->test.world.stacks[host], handle, &info), 0);
    return info;
}

/* Host 0 sends so many bytes, which host 1 reads; how long it takes. */
static rill_time carry(struct scene *scene, uint64_t bytes) {
    uint64_t sent = 0, got = 0;
    rill_time from = scene->test.world.now;
    while (got < bytes) {
        size_t most = bytes - sent < sizeof scene->data ? (size_t)(bytes - sent) : 65536;
        int64_t n = rill_tcp_send(scene->test.world.stacks[0], scene->a, scene->data, most);
        sent += n > 0 ? (uint64_t)n : 0;
        n = rill_tcp_receive(scene->test.world.stacks[1], scene->b, scene->data,
                             sizeof scene->data);
        assert_true(n > 0 || n == RILL_ERROR_AGAIN);
        got += n > 0 ? (uint64_t)n : 0;
        if (n <= 0 && got < bytes)
            assert_true(rill_virtual_step(&scene->test.world, from + 3600 * RILL_SECOND));
    }
    return scene->test.world.now - from;
}

/* genode#4056: a mebibyte sent to an echo server and back stalls, the window at zero. */
static void mebibyte_echoed_through_small_windows_comes_back(void **state) {
    (void)state;
    static struct scene scene;
    enum { BYTES = 1 << 20 };
    static uint8_t held[4096];
    uint64_t sent = 0, back = 0;
    size_t at = 0, have = 0; /* what the echo server has read and not written yet */
    scene_init(&scene, 10 * RILL_MILLISECOND);
    test_world_buffers(&scene.test, 8192);
    scene_open(&scene);
    struct rill_stack **stacks = scene.test.world.stacks;
    while (back < BYTES && scene.test.world.now < 60 * RILL_SECOND) {
        for (size_t i = 0; i < sizeof scene.data; i++)
            scene.data[i] = test_byte(1, sent + i);
        size_t most = BYTES - sent < 65536 ? (size_t)(BYTES - sent) : 65536;
        int64_t n = most ? rill_tcp_send(stacks[0], scene.a, scene.data, most) : 0;
        sent += n > 0 ? (uint64_t)n : 0;
        if (at == have) {
            n = rill_tcp_receive(stacks[1], scene.b, held, sizeof held);
            at = 0;
            have = n > 0 ? (size_t)n : 0;
        }
        n = at < have ? rill_tcp_send(stacks[1], scene.b, held + at, have - at) : 0;
        at += n > 0 ? (size_t)n : 0;
        n = rill_tcp_receive(stacks[0], scene.a, scene.data, sizeof scene.data);
        for (int64_t i = 0; i < n; i++)
            assert_int_equal(scene.data[i], test_byte(1, back + (uint64_t)i));
        back += n > 0 ? (uint64_t)n : 0;
        rill_virtual_step(&scene.test.world, scene.test.world.now + RILL_MILLISECOND);
    }
    assert_int_equal(back, BYTES);
    assert_true(scene.test.world.now < 10 * RILL_SECOND); /* 8 KiB a round trip: 1.3 s */
    scene_close(&scene);
}

/* slirp4netns#171, nanovms#2161: one window of 64 KB a round trip, whatever the path. */
static void long_path_holds_more_than_64_kib(void **state) {
    (void)state;
    static struct scene scene;
    scene_init(&scene, 100 * RILL_MILLISECOND);
    scene.test.path[0].rate = 100000000;
    scene_open(&scene);
    carry(&scene, 4 << 20); /* the window opens */
    rill_time time = carry(&scene, 8 << 20);
    assert_true(time < 1200 * RILL_MILLISECOND); /* 0.7 s at the path's rate, 13 s by windows */
    assert_true(scene_info(&scene, 0).cwnd > 65535);
    scene_close(&scene);
}

/* gvisor#6113: a round trip that the clock rounds to nothing stalls what is measured in it. */
static void round_trip_of_nothing_does_not_stall(void **state) {
    (void)state;
    for (int loss = 0; loss < 2; loss++) {
        for (int delay = 0; delay < 2; delay++) {
            static struct scene scene;
            scene_init(&scene, delay ? 2 * RILL_MICROSECOND : 0);
            scene.test.path[0].loss = loss ? RILL_CERTAIN / 200 : 0;
            scene_open(&scene);
            rill_time time = carry(&scene, 4 << 20);
            assert_true(time < (loss ? 5 * RILL_SECOND : RILL_SECOND / 10));
            struct rill_tcp_info info = scene_info(&scene, 0);
            assert_true(info.rtt > 0 || !delay);
            assert_true(info.rto >= 200 * RILL_MILLISECOND);
            scene_close(&scene);
        }
    }
}

/* gvisor#13393: a FIN that meets a shut window is forgotten, and the reader waits for an end. */
static void fin_behind_a_shut_window_arrives_once_there_is_room(void **state) {
    (void)state;
    static struct scene scene;
    enum { BYTES = 30000 };
    scene_init(&scene, 10 * RILL_MILLISECOND);
    scene.test.config[1].receive_buffer = 10000;
    scene_open(&scene);
    struct rill_stack **stacks = scene.test.world.stacks;
    assert_int_equal(rill_tcp_send(stacks[0], scene.a, scene.data, BYTES), BYTES);
    assert_int_equal(rill_tcp_shutdown(stacks[0], scene.a), 0);
    test_run(&scene.test, 300 * RILL_SECOND);
    assert_int_equal(scene_info(&scene, 1).state, RILL_TCP_ESTABLISHED);
    uint64_t got = 0;
    bool ended = false;
    rill_time woke = scene.test.world.now;
    while (!ended && scene.test.world.now < woke + 60 * RILL_SECOND) {
        int64_t n = rill_tcp_receive(stacks[1], scene.b, scene.data, 1000);
        got += n > 0 ? (uint64_t)n : 0;
        ended = n == 0;
        if (n == RILL_ERROR_AGAIN)
            rill_virtual_step(&scene.test.world, woke + 60 * RILL_SECOND);
    }
    assert_true(ended);
    assert_int_equal(got, BYTES);
    test_run(&scene.test, RILL_SECOND);
    assert_int_equal(scene_info(&scene, 1).state, RILL_TCP_CLOSE_WAIT);
    assert_int_equal(scene_info(&scene, 0).state, RILL_TCP_FIN_WAIT_2);
    scene_close(&scene);
}

/* coder#7262 and #7388: after some seconds of silence the same upload takes ten times as long. */
static void upload_after_ten_seconds_of_silence_is_as_fast(void **state) {
    (void)state;
    static struct scene scene;
    scene_init(&scene, 20 * RILL_MILLISECOND);
    scene.test.path[0].rate = 100000000;
    scene_open(&scene);
    rill_time first = carry(&scene, 10 << 20);
    for (int i = 0; i < 3; i++) {
        test_run(&scene.test, (i ? 10 : 1) * RILL_SECOND);
        assert_true(carry(&scene, 10 << 20) < first + first / 4);
    }
    scene_close(&scene);
}

/* smoltcp#949: with a larger buffer the same path is slower, for bursts that no queue holds. */
static void larger_buffer_is_not_slower(void **state) {
    (void)state;
    static struct scene scene;
    rill_time times[3];
    for (int i = 0; i < 3; i++) {
        scene_init(&scene, 20 * RILL_MILLISECOND);
        scene.test.path[0].rate = 20000000; /* holds 50,000 bytes */
        scene.test.path[0].queue = 30000;
        test_world_buffers(&scene.test, 64u << 10 << (3 * i));
        scene_open(&scene);
        times[i] = carry(&scene, 10 << 20);
        scene_close(&scene);
    }
    assert_true(times[1] < times[0] + times[0] / 10);
    assert_true(times[2] < times[0] + times[0] / 10);
}

/* gvisor#7406: a policer drops what comes too fast, without any delay to warn of it. */
static void policer_still_lets_half_its_rate_through(void **state) {
    (void)state;
    static struct scene scene;
    scene_init(&scene, 20 * RILL_MILLISECOND);
    scene.test.path[0].policer = 10000000;
    scene_open(&scene);
    rill_time time = carry(&scene, 10 << 20);
    assert_true(time < 2 * (10ull << 20) * 8 * RILL_SECOND / 10000000);
    assert_int_equal(scene_info(&scene, 0).timeouts, 0);
    scene_close(&scene);
}

/* wireguard-go#72: an order of magnitude is lost with each loss repaired in a round trip of its
 * own.
 */
static void losses_of_a_window_are_repaired_together(void **state) {
    (void)state;
    static struct scene scene;
    rill_time times[2];
    for (int sack = 0; sack < 2; sack++) {
        scene_init(&scene, 50 * RILL_MILLISECOND);
        scene.test.path[0].burst = RILL_CERTAIN / 2000;
        scene.test.path[0].burst_length = 20;
        scene.test.config[0].sack = sack;
        scene_open(&scene);
        times[sack] = carry(&scene, 8 << 20);
        scene_close(&scene);
    }
    assert_true(3 * times[1] < 2 * times[0]);
}

/* smoltcp#1190: with a floor of a second a loss on a local network costs a hundred times its worth.
 */
static void floor_of_the_rto_follows_the_config(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    for (rill_time floor = 5 * RILL_MILLISECOND; floor < 2 * RILL_SECOND; floor *= 8) {
        peer_init(&peer);
        peer.options &= ~(unsigned)PEER_SACK; /* no probe before it */
        peer.config.rto_min = floor;
        peer_established(&peer);
        peer_write(&peer, 100);
        EXPECT(&peer, WIRE_ACK, 0, 0, 100);
        peer_wait(&peer, RILL_MILLISECOND);
        peer_send(&peer, WIRE_ACK, 0, 100, 0);
        peer_write(&peer, 100);
        EXPECT(&peer, WIRE_ACK, 100, 0, 100);
        rill_time from = peer.now;
        assert_true(peer_take_within(&peer, 10 * RILL_SECOND, &seen));
        assert_int_equal(seen.cause, RILL_CAUSE_RTO);
        assert_in_range(seen.at - from, floor, floor + 5 * RILL_MILLISECOND);
        peer_close(&peer);
    }
}

/* FreeRTOS-Plus-TCP PR#387: a floor below the peer's delayed ACK sends everything twice. */
static void lone_segments_and_delayed_acks_resend_nothing(void **state) {
    (void)state;
    static struct scene scene;
    scene_init(&scene, 2 * RILL_MILLISECOND);
    scene_open(&scene);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(rill_tcp_send(scene.test.world.stacks[0], scene.a, scene.data, 100), 100);
        test_run(&scene.test, 100 * RILL_MILLISECOND);
        assert_int_equal(
            rill_tcp_receive(scene.test.world.stacks[1], scene.b, scene.data, sizeof scene.data),
            100);
    }
    assert_int_equal(scene_info(&scene, 0).segments_resent, 0);
    scene_close(&scene);
}

/* --- a proxy on host 1, between a client and a server on host 0 --- */

struct proxy {
    struct scene scene;
    rill_handle client, inside, outside, server;
    uint8_t held[2][4096];
    size_t have[2]; /* read from one side and not written to the other: [0] towards the server */
    bool ended[2];
};

static void proxy_open(struct proxy *proxy) {
    memset(proxy, 0, sizeof *proxy);
    scene_init(&proxy->scene, 10 * RILL_MILLISECOND);
    assert_int_equal(test_world_open(&proxy->scene.test), 0);
    struct test_world *test = &proxy->scene.test;
    rill_handle front = test_listen(test, 1, 80), origin = test_listen(test, 0, 81);
    assert_int_equal(test_open_pair(test, front, 80, &proxy->client, &proxy->inside), 0);
    struct rill_tcp_connect_config config;
    rill_tcp_connect_config_default(&config);
    config.remote.address = test->address[0];
    config.remote.port = 81;
    assert_int_equal(rill_tcp_connect(test->world.stacks[1], &config, &proxy->outside), 0);
    while (rill_tcp_accept(test->world.stacks[0], origin, &proxy->server) == RILL_ERROR_AGAIN)
        assert_true(rill_virtual_step(&test->world, 10 * RILL_SECOND));
    assert_true(proxy->server != 0);
}

/* Carries bytes one way, and the end of them as a half-close. */
static void relay(struct proxy *proxy, int way) {
    struct rill_stack *stack = proxy->scene.test.world.stacks[1];
    rill_handle from = way ? proxy->outside : proxy->inside;
    rill_handle to = way ? proxy->inside : proxy->outside;
    if (!proxy->have[way] && !proxy->ended[way]) {
        int64_t n = rill_tcp_receive(stack, from, proxy->held[way], sizeof proxy->held[way]);
        assert_true(n >= 0 || n == RILL_ERROR_AGAIN);
        proxy->have[way] = n > 0 ? (size_t)n : 0;
        proxy->ended[way] = n == 0;
        if (n == 0)
            assert_int_equal(rill_tcp_shutdown(stack, to), 0);
    }
    if (proxy->have[way]) {
        int64_t n = rill_tcp_send(stack, to, proxy->held[way], proxy->have[way]);
        assert_true(n > 0 || n == RILL_ERROR_AGAIN);
        if (n > 0)
            memmove(proxy->held[way], proxy->held[way] + n, proxy->have[way] -= (size_t)n);
    }
}

/* badvpn#122, tun2socks PR#219, microsandbox PR#1181, hysteria PR#1672: the client says that it has
 * said all, the proxy closes both ways, and the answer never comes. */
static void half_close_goes_through_a_proxy_and_the_answer_comes(void **state) {
    (void)state;
    enum { ANSWER = 300000 };
    static struct proxy proxy;
    proxy_open(&proxy);
    struct rill_stack *stack = proxy.scene.test.world.stacks[0];
    uint8_t *data = proxy.scene.data;
    assert_int_equal(rill_tcp_send(stack, proxy.client, "what?", 5), 5);
    assert_int_equal(rill_tcp_shutdown(stack, proxy.client), 0);
    uint64_t asked = 0, sent = 0, got = 0;
    bool heard = false, ended = false;
    while (!ended && proxy.scene.test.world.now < 60 * RILL_SECOND) {
        relay(&proxy, 0);
        relay(&proxy, 1);
        int64_t n = heard ? RILL_ERROR_AGAIN : rill_tcp_receive(stack, proxy.server, data, 65536);
        asked += n > 0 ? (uint64_t)n : 0;
        heard |= n == 0;
        if (heard && sent < ANSWER) {
            for (size_t i = 0; i < 5000; i++)
                data[i] = test_byte(9, sent + i);
            n = rill_tcp_send(stack, proxy.server, data, 5000);
            sent += n > 0 ? (uint64_t)n : 0;
            if (sent >= ANSWER)
                assert_int_equal(rill_tcp_shutdown(stack, proxy.server), 0);
        }
        n = rill_tcp_receive(stack, proxy.client, data, 65536);
        for (int64_t i = 0; i < n; i++)
            assert_int_equal(data[i], test_byte(9, got + (uint64_t)i));
        got += n > 0 ? (uint64_t)n : 0;
        ended = n == 0;
        rill_virtual_step(&proxy.scene.test.world, proxy.scene.test.world.now + RILL_MILLISECOND);
    }
    assert_int_equal(asked, 5);
    assert_true(ended && got == sent && sent >= ANSWER);
    scene_close(&proxy.scene);
}

/* --- one host and hand-written segments --- */

/* gvisor#10243: the send buffer follows the path, the peer's window shuts, and nothing moves again.
 */
static void send_buffer_that_follows_survives_windows_of_zero(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer.config.send_buffer = 0;
    peer_established(&peer);
    uint32_t acked = 0;
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 6; i++) { /* a while in which the window grows */
            peer_write(&peer, 1 << 20);
            while (peer_take(&peer, &seen))
                acked = seen.sequence + seen.length;
            peer_wait(&peer, 10 * RILL_MILLISECOND);
            peer_send(&peer, WIRE_ACK, 0, acked, 0);
        }
        peer_write(&peer, 1 << 20);
        while (peer_take(&peer, &seen))
            acked = seen.sequence + seen.length;
        peer.window = 0;
        peer_send(&peer, WIRE_ACK, 0, acked, 0);
        peer_write(&peer, 1 << 20); /* until it is full */
        peer_events(&peer, peer.handle);
        unsigned probes = 0;
        for (rill_time end = peer.now + 20 * RILL_SECOND; peer.now < end;) {
            if (!peer_take_within(&peer, end - peer.now, &seen))
                break;
            assert_int_equal(seen.sequence, acked);
            assert_int_equal(seen.length,
                             1); /* it carries a byte: an empty one may go unanswered */
            probes++;
            peer_send(&peer, WIRE_ACK, 0, acked, 0);
        }
        assert_true(probes >= 3);
        peer.window = 65535;
        peer_send(&peer, WIRE_ACK, 0, acked, 0);
        assert_true(peer_take(&peer, &seen)); /* at once, not when a timer comes round */
        uint32_t sent = seen.sequence + seen.length;
        while (peer_take(&peer, &seen))
            sent = seen.sequence + seen.length;
        acked = sent;
        peer_send(&peer, WIRE_ACK, 0, acked, 0);
    }
    uint32_t all = (uint32_t)peer.written;
    for (int i = 0; i < 2000 && acked < all; i++) {
        while (peer_take(&peer, &seen))
            acked = seen.sequence + seen.length;
        peer_send(&peer, WIRE_ACK, 0, acked, 0);
    }
    assert_int_equal(acked, all);
    assert_true(peer_events(&peer, peer.handle) & RILL_EVENT_WRITABLE);
    peer_close(&peer);
}

/* gvisor#9153: what came out of order was refused beyond a quarter of the buffer, and came again
 * for ever. */
static void early_bytes_of_the_whole_window_are_kept(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer.config.receive_buffer = 60000;
    peer_established(&peer);
    uint32_t at = 1000;
    for (; at + 1000 <= 60000; at += 1000) {
        peer_send(&peer, WIRE_ACK, at, 0, 1000);
        assert_true(peer_take(&peer, &seen));
        assert_int_equal(seen.sacks[0].left, 1000);
        assert_int_equal(seen.sacks[0].right, at + 1000);
    }
    peer_send(&peer, WIRE_ACK, 0, 0, 1000);
    assert_true(peer_take(&peer, &seen));
    assert_int_equal(seen.acknowledgement, 60000);
    assert_int_equal(peer_read(&peer, SIZE_MAX), 60000);
    peer_close(&peer);
}

/* gvisor#10312: the peer takes a part of its window back, and the sender waits for ever. */
static void window_that_shrinks_at_each_ack_still_moves_the_stream(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    enum { BYTES = 300000 };
    uint32_t seed = 7, acked = 0, edge = 65535;
    peer_init(&peer);
    peer_established(&peer);
    uint32_t written = 0;
    for (int i = 0; i < 3000 && acked < BYTES; i++) {
        if (written < BYTES)
            written += (uint32_t)peer_write(&peer, BYTES - written);
        uint32_t next = acked;
        while (peer_take_within(&peer, 2 * RILL_SECOND, &seen) && next < acked + 20000) {
            uint32_t end = seen.sequence + seen.length; /* of what lies in the window */
            if (seen.sequence <= next && end > next && end <= edge)
                next = end;
        }
        acked = next;
        seed = seed * 1664525 + 1013904223;
        uint16_t before = peer.window;
        peer.window = (uint16_t)(seed >> 16 & 1 ? before / 3 : 500 + (seed >> 17) % 30000);
        edge = acked + peer.window;
        peer_send(&peer, WIRE_ACK, 0, acked, 0);
    }
    assert_int_equal(acked, BYTES);
    peer_close(&peer);
}

/* picotcp#104, #147 and #152: with timestamps nothing was sent again, and the writer waited for
 * ever.
 */
static void timestamps_change_nothing_about_sending_again(void **state) {
    (void)state;
    for (int stamped = 0; stamped < 2; stamped++) {
        struct peer peer;
        struct seen seen;
        peer_init(&peer);
        peer.options |= stamped ? PEER_TIMESTAMPS : 0;
        peer.options &= ~(unsigned)PEER_SACK;
        peer.config.data_retries = 6;
        peer_established(&peer);
        peer_write(&peer, 100);
        assert_true(peer_take(&peer, &seen));
        uint32_t stamp = seen.header.timestamp_value;
        rill_time wait = peer_info(&peer).rto, last = seen.at;
        for (int i = 0; i < 6; i++, wait *= 2) { /* RFC 6298 §5.5 */
            assert_true(peer_take_within(&peer, 100 * RILL_SECOND, &seen));
            assert_int_equal(seen.sequence, 0);
            assert_int_equal(seen.length, 100);
            assert_int_equal(seen.at - last, wait);
            assert_true(!stamped || (int32_t)(seen.header.timestamp_value - stamp) > 0);
            stamp = seen.header.timestamp_value;
            last = seen.at;
        }
        peer_wait(&peer, wait);
        uint32_t bits = peer_events(&peer, peer.handle);
        assert_true(bits & RILL_EVENT_ERROR); /* who waits to write is told */
        assert_int_equal(rill_tcp_send(peer.stack, peer.handle, &stamp, 1), RILL_ERROR_TIMED_OUT);
        peer_close(&peer);
    }
}

/* gvisor#7075: a SYN with the bits of ECN was reset. */
static void syn_with_ecn_bits_is_answered_by_a_syn_ack(void **state) {
    (void)state;
    static const unsigned bits[] = {WIRE_ECE | WIRE_CWR, WIRE_ECE, WIRE_CWR};
    for (unsigned i = 0; i < 9; i++) {
        struct peer peer;
        struct seen seen;
        peer_init(&peer);
        peer.config.ecn = (uint8_t)(i / 3);
        peer_listen(&peer);
        peer_send(&peer, WIRE_SYN | bits[i % 3], (uint32_t)-1, 0, 0);
        assert_true(peer_take(&peer, &seen));
        assert_int_equal(seen.header.flags & (WIRE_SYN | WIRE_ACK | WIRE_RST), WIRE_SYN | WIRE_ACK);
        peer_close(&peer);
    }
}

/* picotcp#148: the same SYN again, its answer having been lost, was reset. */
static void syn_repeated_is_answered_again(void **state) {
    (void)state;
    struct peer peer;
    peer_init(&peer);
    peer_half_open(&peer);
    for (int i = 0; i < 3; i++) {
        struct seen seen;
        peer_send(&peer, WIRE_SYN, (uint32_t)-1, 0, 0);
        assert_true(peer_take(&peer, &seen));
        assert_int_equal(seen.header.flags, WIRE_SYN | WIRE_ACK);
    }
    peer_close(&peer);
}

/* smoltcp#199: ACKs that input had sent did not count as windows told, so the one of a buffer read
 * empty was never told. */
static void buffer_read_empty_is_told_without_being_asked(void **state) {
    (void)state;
    struct peer peer;
    struct seen seen;
    peer_init(&peer);
    peer.config.receive_buffer = 4000;
    peer_established(&peer);
    for (int round = 0; round < 5; round++) {
        uint32_t at = (uint32_t)round * 4000;
        for (uint32_t i = 0; i < 4; i++)
            peer_send(&peer, WIRE_ACK, at + i * 1000, 0, 1000);
        peer_wait(&peer, RILL_SECOND);
        while (peer_take(&peer, &seen))
            assert_int_equal(seen.header.window, at + 4000 - seen.acknowledgement);
        assert_int_equal(peer_read(&peer, SIZE_MAX), 4000);
        assert_true(peer_take(&peer, &seen));
        assert_int_equal(seen.header.window, 4000);
    }
    peer_close(&peer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mebibyte_echoed_through_small_windows_comes_back),
        cmocka_unit_test(long_path_holds_more_than_64_kib),
        cmocka_unit_test(round_trip_of_nothing_does_not_stall),
        cmocka_unit_test(fin_behind_a_shut_window_arrives_once_there_is_room),
        cmocka_unit_test(upload_after_ten_seconds_of_silence_is_as_fast),
        cmocka_unit_test(larger_buffer_is_not_slower),
        cmocka_unit_test(policer_still_lets_half_its_rate_through),
        cmocka_unit_test(losses_of_a_window_are_repaired_together),
        cmocka_unit_test(floor_of_the_rto_follows_the_config),
        cmocka_unit_test(lone_segments_and_delayed_acks_resend_nothing),
        cmocka_unit_test(half_close_goes_through_a_proxy_and_the_answer_comes),
        cmocka_unit_test(send_buffer_that_follows_survives_windows_of_zero),
        cmocka_unit_test(early_bytes_of_the_whole_window_are_kept),
        cmocka_unit_test(window_that_shrinks_at_each_ack_still_moves_the_stream),
        cmocka_unit_test(timestamps_change_nothing_about_sending_again),
        cmocka_unit_test(syn_with_ecn_bits_is_answered_by_a_syn_ack),
        cmocka_unit_test(syn_repeated_is_answered_again),
        cmocka_unit_test(buffer_read_empty_is_told_without_being_asked),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
