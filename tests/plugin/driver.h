/* tests/plugin/driver.h: packetdrill's part: the interpreter of src/script with the host behind
 * librill-packetdrill.so in the place of its own. The .so is loaded as packetdrill loads it, and
 * all that the interpreter wants of a host goes through the 33 members. */
#ifndef TESTS_PLUGIN_DRIVER_H
#define TESTS_PLUGIN_DRIVER_H

#include "plugin/packetdrill.h"

#include <stdint.h>

extern struct packetdrill_interface driver_so;
extern void (*driver_init)(const char *flags, struct packetdrill_interface *interface);
extern int (*driver_getsockopt)(int fd, int level, int option, void *value, socklen_t *length);
extern char driver_settings[4096]; /* the file of lines key=value */

/* 0 or more, or an errno negated. */
int64_t driver_result(int64_t result);

#endif
