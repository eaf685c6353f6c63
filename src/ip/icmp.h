/* ip/icmp.h: ICMP for both families. */
#ifndef RILL_IP_ICMP_H
#define RILL_IP_ICMP_H

#include "ip/ip.h"

/* Answers echo requests (RFC 1122 §3.2.2.6, RFC 4443 §4.2); gives errors about our packets to the
 * transport they are about; counts the rest. */
void rill__icmp_input(struct ip_host *host, struct ip_datagram *datagram);
void rill__icmpv6_input(struct ip_host *host, struct ip_datagram *datagram);

/* Tells a datagram's sender that its port or protocol is not there, within the limits. */
void rill__icmp_unreachable(struct ip_host *host, const struct ip_datagram *datagram,
                            enum ip_error_kind kind);

#endif
