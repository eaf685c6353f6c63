/* ip/icmp_error.h: ICMP errors on their way in. */
#ifndef RILL_IP_ICMP_ERROR_H
#define RILL_IP_ICMP_ERROR_H

#include "ip/ip.h"

/* An ICMP message whose checksum is right; its first bytes (up to `length`) lie in `data`. Returns
 * whether it is an error about a packet of ours that has been given on, or why not. */
enum rill_drop rill__icmp_error_input(struct ip_host *host, const struct ip_datagram *datagram);

#endif
