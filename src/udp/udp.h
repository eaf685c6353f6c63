/* udp/udp.h: the UDP of one host (RFC 768, RFC 1122 §4.1): sockets, and what its files offer each
 * other. */
#ifndef RILL_UDP_UDP_H
#define RILL_UDP_UDP_H

#include "base/hash.h"
#include "base/slab.h"
#include "ip/ip.h"
#include <rill/udp.h>

#define UDP_HEADER 8

/* A datagram that waits for its reader. */
struct udp_waiting {
    struct udp_waiting *next;
    struct rill_packet *packet; /* its payload, whole */
    struct rill_udp_message message;
    uint32_t length, charge, index;
};

struct udp_socket {
    struct ip_source source;
    struct event_node event;
    struct rill_endpoint local, remote; /* remote.port 0: not connected */
    uint32_t index;
    uint32_t receive_buffer, send_buffer;
    uint32_t receive_queued, send_queued; /* bytes, blocks counted */
    struct udp_waiting *waiting_head, *waiting_tail;
    struct rill_packet *sending_head, *sending_tail;
    uint64_t sent, received, dropped;
    void *user;
    int error; /* met by an earlier datagram, told once */
    bool wants_write;
    bool closed;               /* by the application, with datagrams that have yet to go out */
    uint8_t family;            /* enum rill_family, where `bound` is any */
    bool exclusive, reuse;     /* as the config says */
    struct rill_address bound; /* the local address asked for: `local` may follow from `remote` */
};

struct udp_host {
    struct core *core;
    struct ip_host *ip;
    struct rill_stack_config config;
    uint8_t transport;
    struct slab sockets, waiting;
    struct hash table; /* by local port */
};

/* socket.c */
struct udp_socket *rill__udp_find(struct udp_host *host, rill_handle handle);
/* The socket that a datagram from `remote` to `local` belongs to: the most particular one. */
struct udp_socket *rill__udp_lookup(struct udp_host *host, const struct rill_endpoint *local,
                                    const struct rill_endpoint *remote);
/* Of a datagram to a group each socket gets one that would get it if it were alone. */
typedef void (*udp_visit)(void *context, struct udp_socket *socket);
void rill__udp_each(struct udp_host *host, const struct rill_endpoint *local,
                    const struct rill_endpoint *remote, udp_visit visit, void *context);
int rill__udp_open(struct udp_host *host, const struct rill_udp_config *config, rill_handle *out);
int rill__udp_close(struct udp_host *host, rill_handle handle);
int rill__udp_get_info(struct udp_host *host, rill_handle handle, struct rill_udp_info *info);
int rill__udp_connect(struct udp_host *host, rill_handle handle,
                      const struct rill_endpoint *remote);
int rill__udp_set_option(struct udp_host *host, rill_handle handle, enum rill_udp_option option,
                         uint32_t value);
/* At once, with all it holds. */
void rill__udp_free(struct udp_host *host, struct udp_socket *socket);

/* transfer.c */
int64_t rill__udp_send(struct udp_host *host, rill_handle handle, const void *data, size_t length,
                       const struct rill_udp_message *message);
int64_t rill__udp_receive(struct udp_host *host, rill_handle handle, void *data, size_t length,
                          struct rill_udp_message *message);
int64_t rill__udp_peek(struct udp_host *host, rill_handle handle, void *data, size_t length,
                       struct rill_udp_message *message);
int rill__udp_take_error(struct udp_host *host, rill_handle handle);
void rill__udp_input(void *transport, struct ip_datagram *datagram);
struct rill_packet *rill__udp_output(void *transport, struct ip_source *source, size_t frames_max);
void rill__udp_error(void *transport, const struct ip_error *error);

#endif
