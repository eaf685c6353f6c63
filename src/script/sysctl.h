/* script/sysctl.h: settings of the system's TCP, as those of the host under test. */
#ifndef RILL_SCRIPT_SYSCTL_H
#define RILL_SCRIPT_SYSCTL_H

#include "script/world.h"

/* `key` is "net.ipv4.tcp_sack", "/proc/sys/net/ipv4/tcp_sack" or a name of FreeBSD's. Returns
 * whether the host has a counterpart; what has none changes nothing. */
bool sysctl_set(struct world *world, const char *key, const char *value);

#endif
