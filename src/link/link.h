/* link/link.h: what every link to the world offers the host: frames in, frames out, and facts.
 *
 * A kind of link (TUN, TAP, AF_PACKET) is a file that fills a struct link, which lies first in a
 * struct of its own, and a row in link.c. The host knows nothing else of it. */
#ifndef RILL_LINK_LINK_H
#define RILL_LINK_LINK_H

#include <rill/packet.h>
#include <rill/stack.h>

/* An address with the length of its prefix, of its own family. */
struct link_prefix {
    struct rill_address address;
    uint8_t length;
};

/* What went wrong, for people: one line with cause and fix. */
enum link_fault {
    LINK_ASKED,   /* what was asked for makes no sense */
    LINK_MACHINE, /* the machine lacks something: device, permission */
    LINK_FAILED,  /* it was sensible and possible, and did not succeed */
};
struct link_error {
    enum link_fault fault;
    char text[320];
};
void link_error_set(struct link_error *error, enum link_fault fault, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct link;

struct link_ops {
    /* Takes up to `max` packets; fewer means that no more wait. */
    size_t (*receive)(struct link *link, struct rill_pool *pool, struct rill_packet **packets,
                      size_t max);
    /* Sends packets, which stay the caller's, and returns with how many it is done. Fewer than
     * `count`: the link is full, and `fd` will be writable. A frame the device does not take at all
     * is dropped and counted, as a wire would: TCP repairs it, and a queue would only hide it. */
    size_t (*send)(struct link *link, struct rill_packet *const *packets, size_t count);
    /* Brings the counters up to date. May be null. */
    void (*count)(struct link *link);
    /* Ends and frees it. */
    void (*close)(struct link *link);
};

struct link {
    const struct link_ops *ops;
    int fd;                                 /* readable when frames wait */
    char name[16];                          /* of the device */
    const struct rill_framing_ops *framing; /* null: packets without a link header */
    uint8_t mac[6];                         /* ours, where the framing has addresses */
    uint32_t mtu;
    uint32_t flags;          /* enum rill_interface_flag: what it takes off our hands */
    bool waiting;            /* frames wait which `fd` does not show */
    bool down;               /* the device is down for now: `receive` looks after it */
    bool gone;               /* there is no such device any more … */
    struct link_error error; /* … in a line */
    int send_error;          /* errno of the last refused frame */
    uint64_t frames_in, frames_out, bytes_in, bytes_out;
    uint64_t malformed; /* frames in that made no sense */
    uint64_t refused;   /* frames out the device did not take */
    uint64_t lost;      /* frames in the kernel had no room for, where it says so */
};

struct link_config {
    const char *link;                /* "tun:NAME"; a kind's own open is given NAME alone */
    uint32_t mtu;                    /* 0: 1500, or the device's own */
    uint8_t mac[6];                  /* all zero: a random one */
    const uint64_t *seed;            /* for that; null: the system's randomness */
    const struct link_prefix *peers; /* the kernel's addresses on a device made here */
    size_t peer_count;
    bool whole; /* packet: frames for all stations, not just for `mac` and for groups */
};

/* Null with `error` filled. */
struct link *link_open(const struct link_config *config, struct link_error *error);

/* The kinds. */
struct link *tun_open(const struct link_config *config, struct link_error *error);
struct link *tap_open(const struct link_config *config, struct link_error *error);
struct link *packet_open(const struct link_config *config, struct link_error *error);

/* One ioctl on a device, by `request->ifr_name` or `ifr_ifindex`. Returns 0 or an errno. */
struct ifreq;
int link_device_call(unsigned long call, struct ifreq *request);

/* A name a device can have; else false with `error` filled. */
bool link_take_name(struct link *link, const char *name, struct link_error *error);

#endif
