/* bench/lwip.c: lwIP, as Debian builds it, under the loads of `rill bench`; only for `make bench`.
 *
 * It is driven through its own callback interface, from one thread, both ends in one instance and
 * joined by two interfaces, as rill's are by two stacks. A frame crosses by reference, its headers
 * copied: payload is copied when the application sends and when it receives, and nowhere else.
 * Checksums are computed and verified. Output is that of `rill bench --json`: one object a line,
 * one round a run. What Debian's build fixes: segments of 1460 bytes, a window and a send buffer of
 * 64 KiB, no timestamps and no SACK, memory from malloc. */
#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BLOCK 65536
#define CABLE 4096

/* One direction: frames on their way. */
struct cable {
    struct pbuf *frames[CABLE];
    unsigned put, got;
    struct netif *to;
};

/* A frame's payload at the receiver: bytes of the sender's buffer, which it holds. */
struct loan {
    struct pbuf_custom pbuf;
    struct pbuf *owner;
    struct loan *next;
};

static struct netif netifs[2];
static struct cable cables[2];
static struct loan *loans;
static ip_addr_t addresses[2];
static uint8_t source[BLOCK], sink[BLOCK];

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fail(const char *what) {
    fprintf(stderr, "lwip: %s\n", what);
    exit(1);
}

static void loan_end(struct pbuf *pbuf) {
    struct loan *loan = (struct loan *)pbuf;
    pbuf_free(loan->owner);
    loan->next = loans;
    loans = loan;
}

static struct pbuf *lend(struct pbuf *owner, unsigned from) {
    struct loan *loan = loans;
    if (loan)
        loans = loan->next;
    else if (!(loan = malloc(sizeof *loan)))
        return NULL;
    loan->pbuf.custom_free_function = loan_end;
    loan->owner = owner;
    pbuf_ref(owner);
    return pbuf_alloced_custom(PBUF_RAW, (u16_t)(owner->len - from), PBUF_REF, &loan->pbuf,
                               (uint8_t *)owner->payload + from, (u16_t)(owner->len - from));
}

static unsigned headers_length(const struct pbuf *frame) {
    const uint8_t *bytes = frame->payload;
    unsigned ip = (bytes[0] & 15u) * 4;
    return ip + (bytes[ip + 12] >> 4) * 4u;
}

/* The build promises frames in one piece (LWIP_NETIF_TX_SINGLE_PBUF). */
static err_t output(struct netif *netif, struct pbuf *frame, const ip4_addr_t *to) {
    struct cable *cable = netif->state;
    (void)to;
    if (frame->next || cable->put - cable->got == CABLE)
        return ERR_MEM;
    unsigned length = headers_length(frame);
    struct pbuf *copy = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM);
    if (!copy)
        return ERR_MEM;
    memcpy(copy->payload, frame->payload, length);
    if (frame->len > length) {
        struct pbuf *payload = lend(frame, length);
        if (!payload) {
            pbuf_free(copy);
            return ERR_MEM;
        }
        pbuf_cat(copy, payload);
    }
    cable->frames[cable->put++ % CABLE] = copy;
    return ERR_OK;
}

static err_t netif_start(struct netif *netif) {
    netif->mtu = 1500;
    netif->name[0] = 'm';
    netif->name[1] = 'm';
    netif->output = output;
    return ERR_OK;
}

static void start(void) {
    ip4_addr_t mask, none;
    lwip_init();
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&none, 0, 0, 0, 0);
    for (int i = 0; i < 2; i++) {
        ip4_addr_t address;
        IP4_ADDR(&address, 10, 0, 0, 1 + i);
        ip_addr_copy_from_ip4(addresses[i], address);
        cables[i].to = &netifs[!i];
        netif_add(&netifs[i], &address, &mask, &none, &cables[i], netif_start, ip_input);
        netif_set_up(&netifs[i]);
        netif_set_link_up(&netifs[i]);
    }
}

/* Everything that waits crosses, until nothing does. Now and then lwIP looks at the clock. */
static void exchange(void) {
    static unsigned times;
    bool moved;
    do {
        moved = false;
        for (int i = 0; i < 2; i++) {
            struct cable *cable = &cables[i];
            for (; cable->got != cable->put; moved = true) {
                struct pbuf *frame = cable->frames[cable->got++ % CABLE];
                if (cable->to->input(frame, cable->to) != ERR_OK)
                    pbuf_free(frame);
            }
        }
    } while (moved);
    if (++times % 64 == 0)
        sys_check_timeouts();
}

/* One end: counts what it receives. */
struct end {
    struct tcp_pcb *pcb;
    uint64_t received;
    bool connected, peer_closed;
};

static err_t on_receive(void *context, struct tcp_pcb *pcb, struct pbuf *data, err_t error) {
    struct end *end = context;
    (void)error;
    if (!data) {
        end->peer_closed = true;
        return ERR_OK;
    }
    pbuf_copy_partial(data, sink, data->tot_len, 0);
    end->received += data->tot_len;
    tcp_recved(pcb, data->tot_len);
    pbuf_free(data);
    return ERR_OK;
}

static err_t on_connected(void *context, struct tcp_pcb *pcb, err_t error) {
    (void)pcb;
    ((struct end *)context)->connected = error == ERR_OK;
    return ERR_OK;
}

static struct end *accepting; /* who gets the next connection */

static void take(struct end *end, struct tcp_pcb *pcb) {
    end->pcb = pcb;
    tcp_arg(pcb, end);
    tcp_recv(pcb, on_receive);
    tcp_nagle_disable(pcb);
}

static err_t on_accept(void *context, struct tcp_pcb *pcb, err_t error) {
    (void)context;
    if (error != ERR_OK || !accepting)
        return ERR_VAL;
    take(accepting, pcb);
    accepting->connected = true;
    return ERR_OK;
}

static void listen_at(u16_t port) {
    struct tcp_pcb *pcb = tcp_new();
    if (!pcb)
        fail("out of memory");
    tcp_bind_netif(pcb, &netifs[1]);
    if (tcp_bind(pcb, &addresses[1], port) != ERR_OK || !(pcb = tcp_listen(pcb)))
        fail("cannot listen");
    tcp_accept(pcb, on_accept);
}

static void connect_one(struct end *client, struct end *server, u16_t local_port, u16_t port) {
    memset(client, 0, sizeof *client);
    memset(server, 0, sizeof *server);
    struct tcp_pcb *pcb = tcp_new();
    if (!pcb)
        fail("out of memory");
    take(client, pcb);
    accepting = server;
    tcp_bind_netif(pcb, &netifs[0]);
    if (tcp_bind(pcb, &addresses[0], local_port) != ERR_OK ||
        tcp_connect(pcb, &addresses[1], port, on_connected) != ERR_OK)
        fail("cannot connect");
    for (int i = 0; i < 100 && !(client->connected && server->connected); i++)
        exchange();
    if (!client->connected || !server->connected)
        fail("a connection did not open");
}

static void move(struct end *from, struct end *to, uint64_t bytes) {
    uint64_t sent = 0, until = to->received + bytes, idle = 0;
    while (to->received < until) {
        uint64_t before = to->received;
        while (sent < bytes && tcp_sndbuf(from->pcb) > 0) {
            uint64_t left = bytes - sent, room = tcp_sndbuf(from->pcb);
            u16_t n = (u16_t)(left < room ? left : room);
            if (tcp_write(from->pcb, source, n, TCP_WRITE_FLAG_COPY) != ERR_OK)
                break;
            sent += n;
        }
        tcp_output(from->pcb);
        exchange();
        idle = to->received == before ? idle + 1 : 0;
        if (idle > 100000000)
            fail("a transfer stalled");
    }
}

static void round_trip(struct end *client, struct end *server) {
    for (int i = 0; i < 2; i++) {
        struct end *from = i ? server : client, *to = i ? client : server;
        uint64_t until = to->received + 64;
        if (tcp_write(from->pcb, source, 64, TCP_WRITE_FLAG_COPY) != ERR_OK)
            fail("a message was not taken");
        tcp_output(from->pcb);
        exchange();
        if (to->received != until)
            fail("a message did not arrive");
    }
}

static void print(const char *name, const char *variant, const char *unit, double value) {
    printf("{\"name\":\"%s\",\"variant\":\"%s\",\"unit\":\"%s\",\"median\":%.6g}\n", name, variant,
           unit, value);
}

static void bulk(uint64_t bytes) {
    struct end client, server;
    listen_at(80);
    connect_one(&client, &server, 20000, 80);
    double begin = seconds();
    move(&client, &server, bytes);
    print("bulk", "mtu 1500, copy", "Gbit/s of CPU time",
          (double)bytes * 8e-9 / (seconds() - begin));
}

static void rpc(uint64_t count) {
    struct end client, server;
    listen_at(80);
    connect_one(&client, &server, 20000, 80);
    double begin = seconds();
    for (uint64_t i = 0; i < count; i++)
        round_trip(&client, &server);
    print("rpc", "64 bytes", "round trips/s of CPU time", (double)count / (seconds() - begin));
}

/* lwIP does not open a four-tuple anew while TIME-WAIT has it, and walks every record it keeps:
 * what is in TIME-WAIT is thrown away at once, which rill's side may not do. */
static void connect_all(uint64_t count) {
    struct end client, server;
    listen_at(80);
    double begin = seconds();
    for (uint64_t i = 0; i < count; i++) {
        connect_one(&client, &server, (u16_t)(20000 + i % 1000), 80);
        if (tcp_close(client.pcb) != ERR_OK)
            fail("cannot close");
        exchange();
        if (!server.peer_closed || tcp_close(server.pcb) != ERR_OK)
            fail("a FIN did not arrive");
        exchange();
        if (!tcp_tw_pcbs)
            fail("no TIME-WAIT");
        while (tcp_tw_pcbs)
            tcp_abort(tcp_tw_pcbs);
    }
    print("connect", "handshake to TIME-WAIT", "connections/s of CPU time",
          (double)count / (seconds() - begin));
}

/* Pairs of ends, held. */
static struct end *connect_many(uint64_t connections) {
    struct end *ends = calloc(2 * connections, sizeof *ends);
    if (!ends)
        fail("out of memory");
    listen_at(80);
    for (uint64_t i = 0; i < connections; i++)
        connect_one(&ends[2 * i], &ends[2 * i + 1], (u16_t)(1024 + i), 80);
    return ends;
}

static double allocated(void) {
    struct mallinfo2 info = mallinfo2();
    return (double)(info.uordblks + info.hblkhd);
}

static void idle(uint64_t connections, uint64_t bytes) {
    char variant[64];
    double before = allocated();
    struct end *ends = connect_many(connections);
    for (uint64_t i = 0; i < connections; i++) {
        move(&ends[2 * i], &ends[2 * i + 1], bytes);
        move(&ends[2 * i + 1], &ends[2 * i], bytes);
    }
    double own = (double)(2 * connections * sizeof *ends);
    for (int i = 0; i < 20; i++) { /* delayed ACKs go */
        struct timespec pause = {0, 100000000};
        nanosleep(&pause, NULL);
        sys_check_timeouts();
        exchange();
    }
    snprintf(variant, sizeof variant, "%llu connections", (unsigned long long)connections);
    print("idle", variant, "bytes an end",
          (allocated() - before - own) / (2.0 * (double)connections));
}

static void scale(uint64_t connections, uint64_t count) {
    struct end *ends = connect_many(connections);
    char variant[64];
    snprintf(variant, sizeof variant, "%llu connections", (unsigned long long)connections);
    for (int random = 0; random < 2; random++) {
        uint64_t x = 1;
        double begin = seconds();
        for (uint64_t i = 0; i < count; i++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            uint64_t at = random ? (x >> 33) % connections : connections / 2;
            round_trip(&ends[2 * at], &ends[2 * at + 1]);
        }
        print(random ? "random" : "hot", variant, "ns a round trip",
              (seconds() - begin) * 1e9 / (double)count);
    }
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
    uint64_t second = argc > 3 ? strtoull(argv[3], NULL, 0) : 0;
    start();
    if (strcmp(what, "bulk") == 0 && first)
        bulk(first);
    else if (strcmp(what, "rpc") == 0 && first)
        rpc(first);
    else if (strcmp(what, "connect") == 0 && first)
        connect_all(first);
    else if (strcmp(what, "idle") == 0 && first && first <= 60000)
        idle(first, second);
    else if (strcmp(what, "scale") == 0 && first && first <= 60000 && second)
        scale(first, second);
    else {
        fprintf(stderr, "usage: lwip bulk BYTES|rpc COUNT|connect COUNT|idle CONNECTIONS BYTES|"
                        "scale CONNECTIONS COUNT\n");
        return 2;
    }
    return 0;
}
