/* ip/icmp.h: ICMP for both families. */
#ifndef RILL_IP_ICMP_H
#define RILL_IP_ICMP_H

#include "ip/ip.h"

/* Over the whole message, in whatever slices it lies. */
bool rill__icmp_checksum_ok(const struct ip_datagram *datagram);

/* Answers echo requests (RFC 1122 §3.2.2.6, RFC 4443 §4.2), whose types the family gives; gives
 * errors about our packets to the transport they are about; counts the rest. */
void rill__icmp_message(struct ip_host *host, struct ip_datagram *datagram, uint8_t request,
                        uint8_t reply);

/* Tells a datagram's sender that its port or protocol is not there, within the limits. */
void rill__icmp_unreachable(struct ip_host *host, const struct ip_datagram *datagram,
                            enum ip_error_kind kind);

#endif
