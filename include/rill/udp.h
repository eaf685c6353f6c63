/* rill/udp.h: UDP sockets of a stack (RFC 768). No call blocks; none calls back. */
#ifndef RILL_UDP_H
#define RILL_UDP_H

#include <rill/base.h>
#include <rill/stack.h>

#ifdef __cplusplus
extern "C" {
#endif

extern RILL_API const struct rill_transport_ops rill_udp;

#define RILL_UDP_PAYLOAD_MAX 65507 /* IPv4's; IPv6 takes 20 more, which nobody misses */

struct rill_udp_config {
    size_t size;
    struct rill_endpoint local;  /* address any: all of ours; port 0: a random one */
    struct rill_endpoint remote; /* port 0: not connected; else only its datagrams are taken */
    uint32_t receive_buffer;     /* bytes of datagrams that may wait; default 256 KiB */
    uint32_t send_buffer;        /* bytes of datagrams not yet output; default 256 KiB */
    uint8_t family;              /* enum rill_family, where the local address is any */
    bool exclusive; /* no other socket may have the port at an address that overlaps … */
    bool reuse;     /* … but those that say this, if this one does too */
    void *user;
};
RILL_API void rill_udp_config_default(struct rill_udp_config *config);

/* Opens a socket. Returns 0, RILL_ERROR_ARGUMENT, RILL_ERROR_ADDRESS_IN_USE,
 * RILL_ERROR_ADDRESS_NOT_AVAILABLE (not an address of ours, or no port is left),
 * RILL_ERROR_NO_ROUTE (to `remote`) or RILL_ERROR_MEMORY. */
RILL_API RILL_MUST_CHECK int rill_udp_open(struct rill_stack *stack,
                                           const struct rill_udp_config *config, rill_handle *out);

/* What goes with a datagram. */
struct rill_udp_message {
    struct rill_endpoint remote; /* the other side: sent to, or received from */
    struct rill_endpoint local;  /* our side: address any when sending lets the stack choose */
    uint8_t hop_limit;           /* 0 when sending: 64 */
    uint8_t traffic_class;       /* DSCP and ECN */
};

/* Sends one datagram, copying it; fragments if it does not fit the interface. `message` may be null
 * on a connected socket. Returns `length`, or RILL_ERROR_AGAIN (send buffer full;
 * RILL_EVENT_WRITABLE follows), RILL_ERROR_ARGUMENT (no destination, or longer than
 * RILL_UDP_PAYLOAD_MAX), RILL_ERROR_NO_ROUTE, RILL_ERROR_ADDRESS_NOT_AVAILABLE, RILL_ERROR_MEMORY,
 * RILL_ERROR_HANDLE, or an error an earlier datagram met (RILL_ERROR_REFUSED,
 * RILL_ERROR_UNREACHABLE), once. */
RILL_API RILL_MUST_CHECK int64_t rill_udp_send(struct rill_stack *stack, rill_handle socket,
                                               const void *data, size_t length,
                                               const struct rill_udp_message *message);

/* Takes the oldest datagram; what does not fit into `length` bytes is lost. `message` may be null.
 * Returns the datagram's own length, RILL_ERROR_AGAIN, RILL_ERROR_HANDLE, or an error as above,
 * once. */
RILL_API RILL_MUST_CHECK int64_t rill_udp_receive(struct rill_stack *stack, rill_handle socket,
                                                  void *data, size_t length,
                                                  struct rill_udp_message *message);

/* Gives up the socket and what waits in it to be read; what it has sent still goes out. Returns 0
 * or RILL_ERROR_HANDLE. */
RILL_API int rill_udp_close(struct rill_stack *stack, rill_handle socket);

struct rill_udp_info {
    size_t size;
    struct rill_endpoint local, remote;
    uint32_t receive_queued, send_queued; /* bytes */
    uint64_t datagrams_sent, datagrams_received, datagrams_dropped;
};
RILL_API RILL_MUST_CHECK int rill_udp_get_info(struct rill_stack *stack, rill_handle socket,
                                               struct rill_udp_info *info);

/* Copies the oldest datagram as rill_udp_receive does, but it stays. Errors stay too. */
RILL_API RILL_MUST_CHECK int64_t rill_udp_peek(struct rill_stack *stack, rill_handle socket,
                                               void *data, size_t length,
                                               struct rill_udp_message *message);

/* Connects the socket to `remote`, or to another one than before; null dissolves the connection. A
 * socket without an address of its own takes the one its datagrams leave from, for as long. What
 * waits to be read stays. Returns 0, RILL_ERROR_ARGUMENT (port 0 or address any),
 * RILL_ERROR_NO_ROUTE, RILL_ERROR_ADDRESS_IN_USE (another socket is connected so),
 * RILL_ERROR_ADDRESS_NOT_AVAILABLE (of the other family) or RILL_ERROR_HANDLE. */
RILL_API RILL_MUST_CHECK int rill_udp_connect(struct rill_stack *stack, rill_handle socket,
                                              const struct rill_endpoint *remote);

/* The error an earlier datagram met, which is forgotten by this; 0: none; or RILL_ERROR_HANDLE. */
RILL_API RILL_MUST_CHECK int rill_udp_take_error(struct rill_stack *stack, rill_handle socket);

enum rill_udp_option { RILL_UDP_OPTION_RECEIVE_BUFFER, RILL_UDP_OPTION_SEND_BUFFER };
/* Bytes, 1 … 2^30. Returns 0, RILL_ERROR_ARGUMENT or RILL_ERROR_HANDLE. */
RILL_API int rill_udp_set_option(struct rill_stack *stack, rill_handle socket,
                                 enum rill_udp_option option, uint32_t value);

#ifdef __cplusplus
}
#endif
#endif
