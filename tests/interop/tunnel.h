/* tests/interop/tunnel.h: the kernel's TCP at the other end of a TUN device, in a network namespace
 * that this process makes for itself and that goes with it. The kernel is 10.77.0.1. */
#ifndef TESTS_INTEROP_TUNNEL_H
#define TESTS_INTEROP_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Null, or why not. */
const char *tunnel_open(void);
/* A value of /proc/sys/net/ipv4; false: the kernel has no such. */
bool tunnel_sysctl(const char *name, int value);
bool tunnel_mtu(unsigned mtu);
/* A packet for the kernel, and one from it (0: none is there). */
void tunnel_put(const void *packet, size_t length);
size_t tunnel_get(void *packet, size_t room);
/* Waits until one is there; false: none for so long. */
bool tunnel_wait(unsigned milliseconds);
uint64_t tunnel_now(void); /* ns, monotonic */

#endif
