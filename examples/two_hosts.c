/* Two hosts in one process, joined by nothing but this loop: one says hello, the other prints it.
 */
#include <rill/rill.h>
#include <stdio.h>
#include <stdlib.h>

static void *allocate(void *context, size_t size) {
    (void)context;
    return malloc(size);
}

static void release(void *context, void *memory, size_t size) {
    (void)context, (void)size;
    free(memory);
}

static struct rill_stack *host(struct rill_pool *pool, struct rill_allocator memory,
                               uint8_t number) {
    struct rill_stack_config config;
    struct rill_interface_config link;
    struct rill_address address = rill_address_ipv4(10, 0, 0, number);
    struct rill_stack *stack;
    uint32_t interface;
    rill_stack_config_default(&config);
    rill_interface_config_default(&link);
    config.allocator = memory;
    config.pool = pool;
    config.seed[0] = number; /* in real use: 16 unpredictable bytes */
    if (rill_stack_open(&config, &stack) || rill_interface_add(stack, &link, &interface) ||
        rill_address_add(stack, interface, &address, 24))
        exit(1);
    return stack;
}

int main(void) {
    struct rill_allocator memory = {0, allocate, release};
    struct rill_pool *pool = rill_pool_open(&memory, 0);
    struct rill_stack *hosts[2] = {host(pool, memory, 1), host(pool, memory, 2)};
    struct rill_tcp_listen_config listen;
    struct rill_tcp_connect_config connect;
    rill_handle listener, client, server = 0;
    rill_tcp_listen_config_default(&listen);
    listen.local.port = 7;
    rill_tcp_connect_config_default(&connect);
    connect.remote.address = rill_address_ipv4(10, 0, 0, 2);
    connect.remote.port = 7;
    if (rill_tcp_listen(hosts[1], &listen, &listener) ||
        rill_tcp_connect(hosts[0], &connect, &client))
        return 1;
    char text[64] = "";
    for (rill_time now = 0; !text[0]; now += RILL_MILLISECOND) {
        for (int from = 0; from < 2; from++) { /* the link: what one sends, the other gets */
            struct rill_packet *packets[16];
            size_t n = rill_output(hosts[from], 0, packets, 16, 16, now);
            rill_input(hosts[!from], 0, packets, n, now);
            rill_advance(hosts[from], now, 0);
        }
        struct rill_event event;
        while (rill_events(hosts[0], &event, 1))
            if (event.bits & RILL_EVENT_CONNECTED &&
                rill_tcp_send(hosts[0], client, "hello", 5) != 5)
                return 1;
        if (!server && rill_tcp_accept(hosts[1], listener, &server))
            continue;
        if (rill_tcp_receive(hosts[1], server, text, sizeof text - 1) > 0)
            printf("10.0.0.2 received: %s\n", text);
    }
    rill_stack_close(hosts[0]);
    rill_stack_close(hosts[1]);
    rill_pool_close(pool);
    return 0;
}
