/* A UDP relay: datagrams to 127.0.0.1:PORT go through a rill host on a TUN device to a server, and
 * its answers come back. In front of a name server:
 *
 *     ip tuntap add relay0 mode tun && ip addr add 10.88.0.1/24 dev relay0 && ip link set relay0 up
 *     udp_relay 5300 relay0 10.88.0.2 10.88.0.1 53 &
 *     dig @127.0.0.1 -p 5300 example.test
 *
 * Each client has a rill socket of its own, with a random port, so that answers find their way;
 * when there are too many, the one that was silent longest goes. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <rill/rill.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS 512
#define LONGEST 65536

struct client {
    struct sockaddr_in address; /* port 0: a free place */
    rill_handle socket;
    rill_time used;
};

static struct client clients[CLIENTS];
static struct rill_pool *pool;
static struct rill_stack *stack;
static struct rill_endpoint server;
static int tun, local;

static void fail(const char *what) {
    fprintf(stderr, "udp_relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *allocate(void *context, size_t size) {
    (void)context;
    return malloc(size);
}

static void release(void *context, void *memory, size_t size) {
    (void)context, (void)size;
    free(memory);
}

static rill_time now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (rill_time)t.tv_sec * RILL_SECOND + (rill_time)t.tv_nsec;
}

static void open_tun(const char *name) {
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    if (tun < 0 || ioctl(tun, TUNSETIFF, &request))
        fail(name);
}

static void open_local(const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(port)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    local = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (local < 0 || bind(local, (struct sockaddr *)&address, sizeof address))
        fail(port);
}

static void open_host(const char *own) {
    struct rill_allocator memory = {0, allocate, release};
    struct rill_stack_config config;
    struct rill_interface_config link;
    struct rill_address address;
    uint32_t interface;
    rill_stack_config_default(&config);
    rill_interface_config_default(&link);
    pool = rill_pool_open(&memory, 0);
    config.allocator = memory;
    config.pool = pool;
    errno = EINVAL;
    if (getrandom(config.seed, sizeof config.seed, 0) != sizeof config.seed ||
        rill_address_parse(own, &address) || rill_stack_open(&config, &stack) ||
        rill_interface_add(stack, &link, &interface) ||
        rill_address_add(stack, interface, &address, rill_address_is_ipv4(&address) ? 24 : 64))
        fail(own);
}

/* The client's place: its own, or that of the one who was silent longest. */
static struct client *find(const struct sockaddr_in *address) {
    struct client *oldest = clients;
    for (struct client *at = clients; at < clients + CLIENTS; at++) {
        if (at->address.sin_port == address->sin_port)
            return at;
        if (at->used < oldest->used)
            oldest = at;
    }
    if (oldest->address.sin_port)
        rill_udp_close(stack, oldest->socket);
    struct rill_udp_config config;
    rill_udp_config_default(&config);
    config.remote = server;
    config.user = oldest;
    oldest->used = 0;
    oldest->address.sin_port = 0;
    if (rill_udp_open(stack, &config, &oldest->socket))
        return 0;
    oldest->address = *address;
    return oldest;
}

/* From the clients to rill. What it does not take is lost, as datagrams are. */
static void take_local(void) {
    static char data[LONGEST];
    struct sockaddr_in from;
    socklen_t length = sizeof from; /* an IPv4 socket fills it whole every time */
    ssize_t n;
    while ((n = recvfrom(local, data, sizeof data, 0, (struct sockaddr *)&from, &length)) >= 0) {
        struct client *client = find(&from);
        if (!client)
            continue;
        client->used = now();
        if (rill_udp_send(stack, client->socket, data, (size_t)n, 0) < 0)
            fprintf(stderr, "udp_relay: a datagram of %zd bytes was not taken\n", n);
    }
}

/* From rill to the clients. */
static void take_events(void) {
    static char data[LONGEST];
    struct rill_event event;
    while (rill_events(stack, &event, 1)) {
        struct client *client = event.user;
        int64_t n;
        while ((n = rill_udp_receive(stack, event.handle, data, sizeof data, 0)) >= 0)
            if (sendto(local, data, (size_t)n, 0, (struct sockaddr *)&client->address,
                       sizeof client->address) < 0)
                perror("udp_relay: to the client");
        if (n == RILL_ERROR_REFUSED)
            fprintf(stderr, "udp_relay: nobody listens at the server's port\n");
    }
}

/* From the device to rill. */
static void take_tun(void) {
    static uint8_t frame[LONGEST];
    ssize_t n;
    while ((n = read(tun, frame, sizeof frame)) > 0) {
        struct rill_packet *packet = rill_packet_open(pool);
        struct rill_block *block = rill_block_open(pool, (size_t)n);
        if (packet && block) {
            memcpy(rill_block_data(block), frame, (size_t)n);
            if (rill_packet_append(
                    packet, (struct rill_slice){rill_block_data(block), (size_t)n, block}) == 0) {
                rill_input(stack, 0, &packet, 1, now());
                continue;
            }
        }
        rill_packet_drop(packet);
        if (block)
            rill_block_drop(block);
    }
}

/* From rill to the device. */
static void give_tun(void) {
    static uint8_t frame[LONGEST];
    struct rill_packet *packet;
    while (rill_output(stack, 0, &packet, 1, 1, now())) {
        size_t n = rill_packet_frame(packet, 0, frame, sizeof frame);
        if (write(tun, frame, n) < 0)
            perror("udp_relay: to the device");
        rill_packet_drop(packet);
    }
}

int main(int count, char **words) {
    if (count != 6 || rill_address_parse(words[4], &server.address)) {
        fprintf(stderr, "usage: udp_relay PORT TUN-DEVICE OWN-ADDRESS SERVER SERVER-PORT\n");
        return 2;
    }
    server.port = (uint16_t)atoi(words[5]);
    open_tun(words[2]);
    open_host(words[3]);
    open_local(words[1]);
    for (;;) {
        rill_time deadline = rill_deadline(stack), at = now();
        struct pollfd ready[] = {{local, POLLIN, 0}, {tun, POLLIN, 0}};
        int milliseconds = -1;
        if (deadline != RILL_TIME_NEVER)
            milliseconds = deadline > at ? (int)((deadline - at) / RILL_MILLISECOND) + 1 : 0;
        if (poll(ready, 2, milliseconds) < 0 && errno != EINTR)
            fail("poll");
        take_local();
        take_tun();
        rill_advance(stack, now(), 0);
        take_events();
        give_tun();
    }
}
