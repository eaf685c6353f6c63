/* tcp/tcp_api.h: what the stack's public TCP calls become: the same, with the host instead of the
 * stack. */
#ifndef RILL_TCP_TCP_API_H
#define RILL_TCP_TCP_API_H

#include "tcp/host.h"
#include <rill/tcpi.h>

int rill__tcp_listen(struct tcp_host *host, const struct rill_tcp_listen_config *config,
                     rill_handle *out);
int rill__tcp_accept(struct tcp_host *host, rill_handle listener, rill_handle *out);
int rill__tcp_pending(struct tcp_host *host, rill_handle listener, rill_handle *out,
                      struct rill_endpoint *local, struct rill_endpoint *remote);
int rill__tcp_pending_accept(struct tcp_host *host, rill_handle pending);
int rill__tcp_pending_refuse(struct tcp_host *host, rill_handle pending);
int rill__tcp_pending_drop(struct tcp_host *host, rill_handle pending);
int rill__tcp_listener_close(struct tcp_host *host, rill_handle listener);
int rill__tcp_connect(struct tcp_host *host, const struct rill_tcp_connect_config *config,
                      rill_handle *out);
int64_t rill__tcp_send(struct tcp_host *host, rill_handle connection, const void *data,
                       size_t length, bool more);
int64_t rill__tcp_send_slices(struct tcp_host *host, rill_handle connection,
                              const struct rill_slice *slices, size_t count);
int64_t rill__tcp_receive(struct tcp_host *host, rill_handle connection, void *data, size_t length);
int64_t rill__tcp_receive_slices(struct tcp_host *host, rill_handle connection,
                                 struct rill_slice *slices, size_t max);
int rill__tcp_shutdown(struct tcp_host *host, rill_handle connection);
int rill__tcp_close(struct tcp_host *host, rill_handle connection);
int rill__tcp_abort(struct tcp_host *host, rill_handle connection);
int rill__tcp_set_option(struct tcp_host *host, rill_handle connection, enum rill_tcp_option option,
                         uint32_t value);
int rill__tcp_get_info(struct tcp_host *host, rill_handle connection, struct rill_tcp_info *info);
int rill__tcp_get_tcpi(struct tcp_host *host, rill_handle handle, struct rill_tcpi *out);
int rill__tcp_bind(struct tcp_host *host, const struct rill_tcp_bind_config *config,
                   rill_handle *out);
int rill__tcp_bound_listen(struct tcp_host *host, rill_handle bound, uint32_t backlog);
int rill__tcp_bound_local(struct tcp_host *host, rill_handle bound, struct rill_endpoint *out);
int rill__tcp_shutdown_read(struct tcp_host *host, rill_handle connection);
int rill__tcp_fast_open_set(struct tcp_host *host, rill_handle listener, uint32_t most);
/* Each key as two numbers, their low bytes first. */
int rill__tcp_fast_open_keys(struct tcp_host *host, rill_handle listener, const uint64_t *halves,
                             uint32_t count);
int rill__tcp_fast_open_get(struct tcp_host *host, rill_handle listener, uint32_t *most,
                            uint8_t keys[32]);
int64_t rill__tcp_peek(struct tcp_host *host, rill_handle connection, void *data, size_t length);

#endif
