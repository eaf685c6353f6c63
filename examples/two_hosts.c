/* Two hosts in one process, joined by nothing but this loop: one says hello, the other prints it */
#include <rill/rill.h>
#include <stdio.h>
#include <stdlib.h>

static void *allocate(void *context, size_t size) {
    return (void)context, malloc(size);
}
static void release(void *context, void *memory, size_t size) {
    (void)context, (void)size, free(memory);
}
static const struct rill_allocator memory = {0, allocate, release};

static struct rill_stack *open_host(struct rill_pool *pool, uint8_t number) {
    struct rill_address address = rill_address_ipv4(10, 0, 0, number);
    struct rill_interface_config link;
    struct rill_stack_config config;
    struct rill_stack *stack;
    uint32_t interface;
    rill_interface_config_default(&link);
    rill_stack_config_default(&config);
    config.allocator = memory;
    config.pool = pool;
    config.seed[0] = number; /* in real use: 16 unpredictable bytes */
    if (rill_stack_open(&config, &stack) || rill_interface_add(stack, &link, &interface) ||
        rill_address_add(stack, interface, &address, 24))
        exit(1);
    return stack;
}

int main(void) {
    struct rill_pool *pool = rill_pool_open(&memory, 0);
    struct rill_stack *hosts[2] = {open_host(pool, 1), open_host(pool, 2)};
    struct rill_tcp_listen_config at;
    struct rill_tcp_connect_config to;
    rill_handle listener, server, client;
    rill_tcp_listen_config_default(&at);
    at.local.port = 7;
    rill_tcp_connect_config_default(&to);
    to.remote = (struct rill_endpoint){rill_address_ipv4(10, 0, 0, 1), 7, 0};
    if (rill_tcp_listen(hosts[0], &at, &listener) || rill_tcp_connect(hosts[1], &to, &client))
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
        if (rill_events(hosts[0], &event, 1) && !rill_tcp_accept(hosts[0], listener, &server) &&
            rill_tcp_send(hosts[0], server, "hello", 5) != 5)
            return 1;
        if (rill_tcp_receive(hosts[1], client, text, sizeof text - 1) > 0)
            printf("10.0.0.2 received: %s\n", text);
    }
    rill_stack_close(hosts[0]), rill_stack_close(hosts[1]);
    rill_pool_close(pool);
}
