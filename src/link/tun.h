/* link/tun.h: a TUN or TAP device as a link: packets or Ethernet frames from and to the kernel,
 * super-segments and unfinished checksums included (IFF_VNET_HDR).
 *
 * A device that exists is used as it is and left behind; one made here gets addresses and MTU on
 * the kernel's side, and goes with the descriptor. */
#ifndef RILL_LINK_TUN_H
#define RILL_LINK_TUN_H

#include <rill/packet.h>
#include <rill/stack.h>

/* An address with the length of its prefix, of its own family. */
struct link_prefix {
    struct rill_address address;
    uint8_t length;
};

struct tun {
    int fd;
    char name[16];
    bool made;                        /* by us: it goes with the descriptor */
    bool tap;                         /* Ethernet frames, not packets */
    uint32_t mtu;                     /* of the device */
    uint32_t flags;                   /* enum rill_interface_flag: what it takes off our hands */
    int send_error;                   /* errno of the last refused frame */
    struct rill_block *small, *large; /* where the next frame goes */
    uint64_t frames_in, frames_out, bytes_in, bytes_out;
    uint64_t malformed; /* frames in whose offload header made no sense */
    uint64_t refused;   /* frames out the device did not take */
};

struct tun_config {
    const char *name;
    bool tap;                        /* Ethernet frames, not packets */
    uint32_t mtu;                    /* 0: 1500, or the device's own */
    const struct link_prefix *peers; /* the kernel's addresses on a device made here */
    size_t peer_count;
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

/* Returns false with `error` filled. */
bool tun_open(struct tun *tun, const struct tun_config *config, struct link_error *error);
void tun_close(struct tun *tun);

/* Reads up to `max` packets; fewer means that no more wait. */
size_t tun_receive(struct tun *tun, struct rill_pool *pool, struct rill_packet **packets,
                   size_t max);

/* Writes a packet; it is the caller's still. A frame the device does not take is dropped and
 * counted, as a full link would: TCP repairs it, and a queue here would only hide it. */
void tun_send(struct tun *tun, const struct rill_packet *packet);

/* The kernel's side, link/tun_setup.c: addresses, MTU, up. Returns false with `error` filled. */
bool tun_setup(struct tun *tun, const struct tun_config *config, struct link_error *error);

#endif
