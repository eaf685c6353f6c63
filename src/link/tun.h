/* link/tun.h: a TUN or TAP device as a link: packets or Ethernet frames from and to the kernel,
 * super-segments and unfinished checksums included (IFF_VNET_HDR).
 *
 * A device that exists is used as it is and left behind; one made here gets addresses and MTU on
 * the kernel's side, and goes with the descriptor. */
#ifndef RILL_LINK_TUN_H
#define RILL_LINK_TUN_H

#include "link/frame.h"
#include "link/link.h"

struct tun {
    struct link link;
    struct frame_room room;
    bool tap;  /* Ethernet frames, not packets */
    bool made; /* by us: it goes with the descriptor */
};

extern const struct link_ops tun_ops;

/* The kernel's side, link/tun_setup.c: addresses, MTU, up. Returns false with `error` filled. */
bool tun_setup(struct tun *tun, const struct link_config *config, struct link_error *error);

#endif
