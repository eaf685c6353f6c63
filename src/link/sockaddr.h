/* link/sockaddr.h: the kernel's socket addresses and rill's endpoints, one from the other. The zone
 * of a link-local address is the scope id, as it stands: who joins the two numbers interfaces
 * alike. */
#ifndef RILL_LINK_SOCKADDR_H
#define RILL_LINK_SOCKADDR_H

#include <rill/base.h>
#include <sys/socket.h>

/* Writes the endpoint for a socket of this family: AF_INET needs an IPv4 address (or any), AF_INET6
 * takes IPv4 addresses as mapped ones. Returns the length used, or 0: it cannot be said so. */
socklen_t sockaddr_from_endpoint(const struct rill_endpoint *endpoint, int family,
                                 struct sockaddr_storage *out);

/* Returns 0, or RILL_ERROR_ARGUMENT: too short, or neither AF_INET nor AF_INET6. */
RILL_MUST_CHECK int sockaddr_to_endpoint(const struct sockaddr *address, socklen_t length,
                                         struct rill_endpoint *out);

#endif
