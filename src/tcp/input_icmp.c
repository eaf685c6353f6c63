/* tcp/input_icmp.c: what an ICMP error means for a connection (RFC 5461, RFC 5927, RFC 1191 §6).
 *
 * The quoted sequence number must be of something in flight (RFC 5927 §4.1), so that nobody who has
 * not seen our segments can meddle. Unreachable ends an attempt to connect at once; in a
 * synchronized state it is soft: the retransmission timer decides (RFC 5461 §2.2). Too big lowers
 * this connection's segment size, at once or when more speaks for it (pmtud.c). */
#include "tcp/host.h"

#include "base/bytes.h"

/* Who cannot be reached will not end the handshake, and no application waits for it. The number
 * quoted must be the SYN-ACK's (RFC 5927 §4.1). */
static void half_open_error(struct tcp_host *host, struct half_open *half,
                            const struct ip_error *error) {
    bool unreachable = error->kind == IP_ERROR_HOST || error->kind == IP_ERROR_PROTOCOL ||
                       error->kind == IP_ERROR_PORT;
    if (unreachable && !half->parked && bytes_get32(error->quoted + 4) == half->iss)
        rill__half_open_free(host, half);
}

void rill__tcp_error(void *transport, const struct ip_error *error) {
    struct tcp_host *host = (struct tcp_host *)transport;
    struct tcp_key key = {error->local, error->remote, bytes_get16(error->quoted),
                          bytes_get16(error->quoted + 2), 0};
    key.zone = rill__tcp_zone(error->interface, &key);
    uint32_t value = rill__demux_find(host, &key);
    if (value == TCP_NOT_FOUND)
        return;
    if (value >> TCP_KIND_SHIFT == TCP_KIND_HALF_OPEN)
        half_open_error(
            host, (struct half_open *)slab_at(&host->half_opens, value & TCP_INDEX_MASK), error);
    if (value >> TCP_KIND_SHIFT != TCP_KIND_CONNECTION)
        return;
    struct connection *connection =
        (struct connection *)slab_at(&host->connections, value & TCP_INDEX_MASK);
    rill_seq number = bytes_get32(error->quoted + 4);
    if (!connection->active || seq_lt(number, connection->snd_una) ||
        seq_geq(number, connection->snd_nxt))
        return;
    if (error->kind == IP_ERROR_TOO_BIG) {
        rill__pmtud_too_big(host, connection, error->mtu, number);
    } else if (error->kind == IP_ERROR_REDIRECT) {
        rill__ip_redirected(error);
    } else if (connection->state == RILL_TCP_SYN_SENT) {
        bool host_down = error->kind == IP_ERROR_HOST;
        rill__connection_end(host, connection,
                             host_down ? RILL_ERROR_UNREACHABLE : RILL_ERROR_REFUSED);
    }
}
