/* link/tun_setup.c: the kernel's side of a TUN device: MTU, addresses, up. See tun.h.
 *
 * Addresses go by rtnetlink, for an ioctl knows only one of each family. A kernel without IPv6
 * refuses IPv6 addresses: that is an error only if there is no other address. */
#include "link/tun.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void put_attribute(struct nlmsghdr *message, unsigned short type, const void *data,
                          size_t length) {
    struct rtattr *attribute = (struct rtattr *)((char *)message + NLMSG_ALIGN(message->nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(length);
    memcpy(RTA_DATA(attribute), data, length);
    message->nlmsg_len = NLMSG_ALIGN(message->nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

/* Sends the message and waits for the kernel's word. Returns 0 or an errno. */
static int netlink_call(int fd, struct nlmsghdr *message) {
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    union {
        struct nlmsghdr header;
        char room[4096];
    } answer;
    if (sendto(fd, message, message->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
        return errno;
    ssize_t n = recv(fd, &answer, sizeof answer, 0);
    if (n < 0)
        return errno;
    if ((size_t)n < sizeof(struct nlmsghdr) + sizeof(struct nlmsgerr) ||
        answer.header.nlmsg_type != NLMSG_ERROR)
        return EPROTO;
    return -((struct nlmsgerr *)NLMSG_DATA(&answer.header))->error;
}

static int add_address(int fd, unsigned index, const struct link_prefix *peer) {
    bool ipv4 = rill_address_is_ipv4(&peer->address);
    const uint8_t *bytes = peer->address.bytes + (ipv4 ? 12 : 0);
    size_t length = ipv4 ? 4 : 16;
    struct {
        struct nlmsghdr header;
        struct ifaddrmsg address;
        char room[128];
    } request = {
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)),
                   .nlmsg_type = RTM_NEWADDR,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL},
        .address = {.ifa_family = ipv4 ? AF_INET : AF_INET6,
                    .ifa_prefixlen = peer->length,
                    .ifa_flags = ipv4 ? 0 : IFA_F_NODAD,
                    .ifa_index = index},
    };
    put_attribute(&request.header, IFA_LOCAL, bytes, length);
    put_attribute(&request.header, IFA_ADDRESS, bytes, length);
    return netlink_call(fd, &request.header);
}

static bool lacks_family(int cause) {
    return cause == EOPNOTSUPP || cause == EAFNOSUPPORT || cause == EACCES;
}

static bool add_addresses(const struct tun *tun, const struct link_config *config,
                          struct link_error *error) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    size_t added = 0;
    int cause = fd < 0 ? errno : 0;
    for (size_t i = 0; i < config->peer_count && !cause; i++) {
        const struct link_prefix *peer = &config->peers[i];
        char text[RILL_ADDRESS_TEXT];
        cause = add_address(fd, if_nametoindex(tun->link.name), peer);
        added += !cause;
        if (cause)
            link_error_set(error, cause == EPERM ? LINK_MACHINE : LINK_FAILED,
                           "cannot give %s the address %s/%u: %s", tun->link.name,
                           rill_address_format(&peer->address, text), peer->length,
                           strerror(cause));
        if (lacks_family(cause) && !rill_address_is_ipv4(&peer->address) &&
            (added || i + 1 < config->peer_count))
            cause = 0;
    }
    if (fd < 0)
        link_error_set(error, LINK_MACHINE, "cannot set addresses of %s: %s", tun->link.name,
                       strerror(cause));
    else
        close(fd);
    return !cause;
}

static bool bring_up(struct tun *tun, const struct link_config *config, struct link_error *error) {
    struct ifreq request = {.ifr_mtu = (int)tun->link.mtu};
    memcpy(request.ifr_name, tun->link.name, sizeof tun->link.name);
    int cause = link_device_call(SIOCSIFMTU, &request);
    if (cause) {
        link_error_set(error, cause == EPERM ? LINK_MACHINE : LINK_FAILED,
                       "cannot set the MTU of %s to %u: %s", tun->link.name, tun->link.mtu,
                       strerror(cause));
        return false;
    }
    if (!add_addresses(tun, config, error))
        return false;
    cause = link_device_call(SIOCGIFFLAGS, &request);
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    if (!cause)
        cause = link_device_call(SIOCSIFFLAGS, &request);
    if (cause)
        link_error_set(error, LINK_MACHINE, "cannot bring %s up: %s", tun->link.name,
                       strerror(cause));
    return !cause;
}

bool tun_setup(struct tun *tun, const struct link_config *config, struct link_error *error) {
    if (tun->made) {
        tun->link.mtu = config->mtu ? config->mtu : 1500;
        return bring_up(tun, config, error);
    }
    struct ifreq request = {0};
    memcpy(request.ifr_name, tun->link.name, sizeof tun->link.name);
    int cause = link_device_call(SIOCGIFMTU, &request);
    if (cause) {
        link_error_set(error, LINK_MACHINE, "cannot read the MTU of %s: %s", tun->link.name,
                       strerror(cause));
        return false;
    }
    tun->link.mtu = config->mtu ? config->mtu : (uint32_t)request.ifr_mtu;
    cause = link_device_call(SIOCGIFFLAGS, &request);
    if (!cause && request.ifr_flags & IFF_UP)
        return true;
    link_error_set(error, LINK_MACHINE, "device %s is down; ip link set %s up", tun->link.name,
                   tun->link.name);
    return false;
}
