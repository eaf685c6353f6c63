/* tests/composition_host.c: a host of IPv4, TCP and Reno alone: what the linker takes in is looked
 * at by tests/package.sh. */
#include <rill/rill.h>
#include <stdlib.h>

static void *allocate(void *context, size_t size) {
    (void)context;
    return malloc(size);
}

static void release(void *context, void *memory, size_t size) {
    (void)context, (void)size;
    free(memory);
}

int main(void) {
    struct rill_allocator memory = {0, allocate, release};
    struct rill_stack_config config;
    struct rill_stack *stack;
    struct rill_interface_config link;
    struct rill_tcp_connect_config connect;
    rill_handle handle;
    uint32_t interface;
    struct rill_address address = rill_address_ipv4(10, 0, 0, 1);
    rill_stack_config_bare(&config);
    config.allocator = memory;
    config.pool = rill_pool_open(&memory, 0);
    config.ipv4 = &rill_ipv4;
    config.transports[0] = &rill_tcp;
    config.congestion = &rill_reno;
    rill_interface_config_default(&link);
    rill_tcp_connect_config_default(&connect);
    connect.remote.address = rill_address_ipv4(10, 0, 0, 2);
    connect.remote.port = 80;
    if (rill_stack_open(&config, &stack) || rill_interface_add(stack, &link, &interface) ||
        rill_address_add(stack, interface, &address, 24) ||
        rill_tcp_connect(stack, &connect, &handle))
        return 1;
    struct rill_packet *packet;
    size_t n = rill_output(stack, interface, &packet, 1, 1, 0); /* the SYN */
    if (n)
        rill_packet_drop(packet);
    rill_stack_close(stack);
    rill_pool_close(config.pool);
    return n == 1 ? 0 : 1;
}
