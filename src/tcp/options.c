/* tcp/options.c: what both SYNs make of segment size and window scale (RFC 6691, RFC 7323 §2.2). */
#include "tcp/host.h"

uint16_t rill__mss_of_mtu(const struct tcp_host *host, uint32_t mtu,
                          const struct rill_address *remote) {
    uint32_t headers = WIRE_TCP_HEADER + rill__ip_network(host->ip, remote)->header_length;
    uint32_t mss = mtu - headers;
    if (host->config.mss_max && mss > host->config.mss_max)
        mss = host->config.mss_max;
    return (uint16_t)mss;
}

uint16_t rill__mss_of_interface(const struct tcp_host *host, const struct ip_interface *interface,
                                const struct rill_address *remote) {
    return rill__mss_of_mtu(host, rill__ip_interface_mtu(interface, rill_address_is_ipv4(remote)),
                            remote);
}

uint16_t rill__mss_of_path(const struct tcp_host *host, const struct ip_interface *interface,
                           const struct rill_address *remote) {
    return rill__mss_of_mtu(host, rill__ip_path_mtu(host->ip, interface, remote, IP_VERIFIED),
                            remote);
}

uint16_t rill__mss_default(const struct rill_address *remote) {
    return rill_address_is_ipv4(remote) ? 536 : 1220; /* RFC 9293 §3.7.1, MUST-15 */
}

uint8_t rill__receive_scale(const struct tcp_host *host, uint32_t receive_buffer_max) {
    uint8_t scale = 0;
    if (!host->config.window_scaling)
        return 0;
    while (scale < 14 && receive_buffer_max >> scale > 65535) /* RFC 7323 §2.3 */
        scale++;
    return scale;
}

uint32_t rill__payload_max(const struct connection *connection) {
    uint32_t options = connection->flags & CONNECTION_TIMESTAMPS ? 12 : 0;
    return connection->mss > options + 8u ? connection->mss - options : 8u;
}
