/* tests/socket/driver.h: a host that socket calls are made on: the kernel's loopback in a network
 * namespace of its own, or rill's. Both speak rill's words: endpoints, constants, negated errno. */
#ifndef TESTS_SOCKET_DRIVER_H
#define TESTS_SOCKET_DRIVER_H

#include <rill/rill.h>

struct driver {
    const char *name;
    /* Begins a scenario on a fresh host (rill), or with fresh descriptors (the kernel). */
    void (*begin)(void);
    void (*end)(void);
    /* Lets what is under way arrive: so many milliseconds pass. */
    void (*wait)(unsigned milliseconds);
    int (*socket)(int family, int type, int protocol);
    int (*close)(int fd);
    int (*bind)(int fd, int family, const struct rill_endpoint *local);
    int (*listen)(int fd, int backlog);
    int (*accept)(int fd, struct rill_endpoint *peer);
    int (*connect)(int fd, int family, const struct rill_endpoint *remote); /* null: dissolve */
    int (*shutdown)(int fd, int how);
    int64_t (*sendto)(int fd, const void *data, size_t length, int flags, int family,
                      const struct rill_endpoint *to);
    int64_t (*recvfrom)(int fd, void *data, size_t length, int flags, struct rill_endpoint *from);
    int (*getsockname)(int fd, struct rill_endpoint *out);
    int (*getpeername)(int fd, struct rill_endpoint *out);
    int (*setsockopt)(int fd, int level, int option, const void *value, size_t length);
    int (*getsockopt)(int fd, int level, int option, void *value, size_t *length);
    int (*ioctl)(int fd, unsigned long request, int *value);
    int (*poll)(int fd, int events);
};

extern const struct driver rill_driver;

/* Null: not possible here, and *why says why. Moves the process into a namespace of its own. */
const struct driver *kernel_driver(const char **why);

#endif
