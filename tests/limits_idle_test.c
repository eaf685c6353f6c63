/* tests/limits_idle_test.c: a million idle connections in one process, and a memory budget that one
 * busy connection has spent: the idle ones are small, still acknowledge, still answer keepalives,
 * the segment that fills a hole is still taken, and when the budget is free again everything that
 * waited arrives. */
#include "base/base_test.h"

enum {
    CONNECTIONS = 1000000,
    PER_PORT = 50000, /* ephemeral ports to one socket of the server's are fewer than 65,536 */
    SAMPLE = 100,     /* idle connections used while the budget is spent */
    BUDGET = 256 * 1024,
    MESSAGE = 100,
};

static rill_handle *client, *server; /* of each connection */

static rill_handle busy(void) { /* its reader does not read */
    return server[0];
}

static rill_handle holed(void) { /* lacks its first segment */
    return server[1];
}

static struct rill_tcp_info info_of(struct test_world *test, int host, rill_handle handle) {
    struct rill_tcp_info info;
    assert_int_equal(rill_tcp_get_info(test->world.stacks[host], handle, &info), 0);
    return info;
}

static struct rill_stack_info server_info(struct test_world *test) {
    struct rill_stack_info info;
    rill_stack_get_info(test->world.stacks[1], &info);
    return info;
}

static void open_all(struct test_world *test) {
    client = calloc(CONNECTIONS, sizeof *client);
    server = calloc(CONNECTIONS, sizeof *server);
    assert_true(client && server);
    rill_handle listener = 0;
    for (int i = 0; i < CONNECTIONS; i++) {
        uint16_t port = (uint16_t)(80 + i / PER_PORT);
        if (i % PER_PORT == 0)
            listener = test_listen(test, 1, port);
        assert_int_equal(test_open_pair(test, listener, port, &client[i], &server[i]), 0);
    }
    test_run(test, 5 * RILL_SECOND);
}

/* Packets of one host go to the other, but for the first `lost` and, of the server's, duplicate
 * ACKs. */
static void carry(struct test_world *test, int from, size_t lost) {
    struct rill_packet *packets[64];
    size_t n;
    while ((n = rill_output(test->world.stacks[from], 0, packets, 64, SIZE_MAX, test->world.now))) {
        for (size_t i = 0; i < n; i++) {
            bool duplicate = from == 1 && packets[i]->cause == RILL_CAUSE_DUPLICATE_ACK;
            if (lost || duplicate)
                rill_packet_drop(packets[i]);
            else
                rill_input(test->world.stacks[!from], 0, &packets[i], 1, test->world.now);
            lost -= lost > 0;
        }
    }
}

static size_t send_bytes(struct test_world *test, rill_handle handle, size_t length) {
    static const uint8_t bytes[16384];
    size_t sent = 0;
    while (sent < length) {
        size_t part = length - sent < sizeof bytes ? length - sent : sizeof bytes;
        int64_t n = rill_tcp_send(test->world.stacks[0], handle, bytes, part);
        if (n <= 0)
            return sent;
        sent += (size_t)n;
    }
    return sent;
}

static size_t read_all(struct test_world *test, rill_handle handle) {
    static uint8_t bytes[16384];
    size_t got = 0;
    int64_t n;
    while ((n = rill_tcp_receive(test->world.stacks[1], handle, bytes, sizeof bytes)) > 0)
        got += (size_t)n;
    return got;
}

/* One connection gets a hole and bytes behind it, another fills what is left of the budget. */
static void spend_budget(struct test_world *test, size_t *holed_bytes, size_t *busy_bytes) {
    *holed_bytes = send_bytes(test, client[1], 8 * 1448);
    carry(test, 0, 1);
    assert_int_equal(info_of(test, 1, holed()).receive_queued, 0);
    assert_true(server_info(test).memory_held >= 7 * 1448);
    *busy_bytes = send_bytes(test, client[0], 1u << 20);
    for (int i = 0; i < 1000 && !server_info(test).drops[RILL_DROP_TCP_PRESSURE]; i++) {
        carry(test, 0, 0);
        carry(test, 1, 0);
    }
    assert_true(server_info(test).drops[RILL_DROP_TCP_PRESSURE] > 0);
    assert_true(server_info(test).memory_held > BUDGET - 20000);
}

static void keepalives_on(struct test_world *test) {
    for (int i = 0; i < CONNECTIONS; i++) {
        assert_int_equal(
            rill_tcp_set_option(test->world.stacks[0], client[i], RILL_TCP_OPTION_KEEPALIVE, 1), 0);
        if (i % 1000 == 0)
            test_run(test, RILL_MILLISECOND);
    }
}

static void a_million_idle_connections_live_on_with_the_budget_spent(void **state) {
    (void)state;
    struct test_world test;
    size_t holed_bytes, busy_bytes;
    test_world_init(&test, 1);
    for (int i = 0; i < 2; i++)
        test.config[i].check = false; /* of each call: too much of a million */
    test.config[0].keepalive_idle = 100 * RILL_SECOND;
    test.config[0].keepalive_interval = 10 * RILL_SECOND;
    test.config[0].keepalive_count = 3;
    test_world_buffers(&test, 1u << 20);
    test.config[1].memory_limit = BUDGET;
    assert_int_equal(test_world_open(&test), 0);
    open_all(&test);
    assert_int_equal(server_info(&test).connections, CONNECTIONS);
    assert_true(test.memory.live_bytes / (2 * CONNECTIONS) <= 512);
    assert_int_equal(rill_deadline(test.world.stacks[0]), RILL_TIME_NEVER);
    assert_int_equal(rill_deadline(test.world.stacks[1]), RILL_TIME_NEVER);

    spend_budget(&test, &holed_bytes, &busy_bytes);
    keepalives_on(&test);
    /* The hole is filled, though what lay behind it may have had to go. */
    test_run(&test, 5 * RILL_SECOND);
    assert_true(info_of(&test, 1, holed()).receive_queued >= 1448);
    assert_true(server_info(&test).memory_held <= BUDGET);
    assert_true(server_info(&test).memory_held > BUDGET - 20000);

    /* Idle ones are spoken to: there is no room for the bytes, but for an answer. */
    uint64_t before = server_info(&test).packets_out;
    for (int i = 2; i < 2 + SAMPLE; i++)
        assert_int_equal(send_bytes(&test, client[i], MESSAGE), MESSAGE);
    test_run(&test, 10 * RILL_MILLISECOND);
    assert_true(server_info(&test).packets_out >= before + SAMPLE);

    /* Each is asked whether it is there, more often than silence would be borne. */
    before = server_info(&test).packets_out;
    test_run(&test, 150 * RILL_SECOND);
    assert_true(server_info(&test).packets_out >= before + CONNECTIONS - SAMPLE - 2);
    assert_true(server_info(&test).memory_held <= BUDGET);
    for (int i = 0; i < CONNECTIONS; i++) {
        assert_int_equal(info_of(&test, 0, client[i]).state, RILL_TCP_ESTABLISHED);
        assert_int_equal(info_of(&test, 1, server[i]).state, RILL_TCP_ESTABLISHED);
    }

    /* The readers come back, and all that waited arrives: at the latest with a retransmission that
     * has backed off to two minutes. */
    size_t from_busy = 0, from_holed = 0, from_sample = 0;
    for (int i = 0; i < 2000 && from_sample < SAMPLE * MESSAGE; i++) {
        from_busy += read_all(&test, busy());
        from_holed += read_all(&test, holed());
        for (int k = 2; k < 2 + SAMPLE; k++)
            from_sample += read_all(&test, server[k]);
        test_run(&test, 200 * RILL_MILLISECOND);
    }
    assert_int_equal(from_busy, busy_bytes);
    assert_int_equal(from_holed, holed_bytes);
    assert_int_equal(from_sample, SAMPLE * MESSAGE);
    assert_int_equal(server_info(&test).memory_held, 0);
    test_world_close(&test);
    assert_int_equal(test.memory.live_bytes, 0);
    free(client);
    free(server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_idle_connections_live_on_with_the_budget_spent),
    };
    return cmocka_run_group_tests(tests, 0, 0);
}
