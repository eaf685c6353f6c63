/* link/sockaddr.c: see sockaddr.h. */
#include "link/sockaddr.h"

#include <netinet/in.h>
#include <string.h>

socklen_t sockaddr_from_endpoint(const struct rill_endpoint *endpoint, int family,
                                 struct sockaddr_storage *out) {
    bool ipv4 = rill_address_is_ipv4(&endpoint->address);
    memset(out, 0, sizeof *out);
    if (family == AF_INET && (ipv4 || rill_address_is_any(&endpoint->address))) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(endpoint->port);
        memcpy(&in->sin_addr, endpoint->address.bytes + 12, 4);
        return sizeof *in;
    }
    if (family != AF_INET6)
        return 0;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(endpoint->port);
    in6->sin6_scope_id = endpoint->zone;
    memcpy(&in6->sin6_addr, endpoint->address.bytes, 16);
    return sizeof *in6;
}

int sockaddr_to_endpoint(const struct sockaddr *address, socklen_t length,
                         struct rill_endpoint *out) {
    if (length < sizeof address->sa_family)
        return RILL_ERROR_ARGUMENT;
    memset(out, 0, sizeof *out);
    if (address->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in in;
        uint8_t quad[4];
        memcpy(&in, address, sizeof in);
        memcpy(quad, &in.sin_addr, sizeof quad);
        out->address = rill_address_ipv4(quad[0], quad[1], quad[2], quad[3]);
        out->port = ntohs(in.sin_port);
        return 0;
    }
    if (address->sa_family == AF_INET6 && length >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        if (in6.sin6_scope_id > UINT16_MAX)
            return RILL_ERROR_ARGUMENT;
        memcpy(out->address.bytes, &in6.sin6_addr, 16);
        out->port = ntohs(in6.sin6_port);
        out->zone = (uint16_t)in6.sin6_scope_id;
        return 0;
    }
    return RILL_ERROR_ARGUMENT;
}
