/* plugin/packetdrill.h: what packetdrill asks of a stack that it loads with --so_filename: a struct
 * of functions, each with the library's own pointer first and then the arguments that POSIX has.
 * Results are POSIX's too: -1 and errno. A member may be null. */
#ifndef RILL_PLUGIN_PACKETDRILL_H
#define RILL_PLUGIN_PACKETDRILL_H

#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

struct packetdrill_interface {
    void *userdata;
    void (*free)(void *userdata);
    int (*socket)(void *userdata, int domain, int type, int protocol);
    int (*bind)(void *userdata, int fd, const struct sockaddr *address, socklen_t length);
    int (*listen)(void *userdata, int fd, int backlog);
    int (*accept)(void *userdata, int fd, struct sockaddr *address, socklen_t *length);
    int (*connect)(void *userdata, int fd, const struct sockaddr *address, socklen_t length);
    ssize_t (*read)(void *userdata, int fd, void *data, size_t length);
    ssize_t (*readv)(void *userdata, int fd, const struct iovec *iov, int count);
    ssize_t (*recv)(void *userdata, int fd, void *data, size_t length, int flags);
    ssize_t (*recvfrom)(void *userdata, int fd, void *data, size_t length, int flags,
                        struct sockaddr *from, socklen_t *from_length);
    ssize_t (*recvmsg)(void *userdata, int fd, struct msghdr *message, int flags);
    ssize_t (*write)(void *userdata, int fd, const void *data, size_t length);
    ssize_t (*writev)(void *userdata, int fd, const struct iovec *iov, int count);
    ssize_t (*send)(void *userdata, int fd, const void *data, size_t length, int flags);
    ssize_t (*sendto)(void *userdata, int fd, const void *data, size_t length, int flags,
                      const struct sockaddr *to, socklen_t to_length);
    ssize_t (*sendmsg)(void *userdata, int fd, const struct msghdr *message, int flags);
    int (*fcntl)(void *userdata, int fd, int command, ...);
    int (*ioctl)(void *userdata, int fd, unsigned long request, ...);
    int (*close)(void *userdata, int fd);
    int (*shutdown)(void *userdata, int fd, int how);
    int (*getsockopt)(void *userdata, int fd, int level, int option, void *value,
                      socklen_t *length);
    int (*setsockopt)(void *userdata, int fd, int level, int option, const void *value,
                      socklen_t length);
    int (*poll)(void *userdata, struct pollfd *fds, nfds_t count, int milliseconds);
    int (*netdev_send)(void *userdata, const void *packet, size_t length);
    int (*netdev_receive)(void *userdata, void *packet, size_t *length, long long *microseconds);
    int (*usleep)(void *userdata, unsigned microseconds);
    int (*gettimeofday)(void *userdata, struct timeval *time, struct timezone *zone);
    int (*epoll_create)(void *userdata, int size);
    int (*epoll_ctl)(void *userdata, int epoll, int operation, int fd, struct epoll_event *event);
    int (*epoll_wait)(void *userdata, int epoll, struct epoll_event *events, int most,
                      int milliseconds);
    int (*pipe)(void *userdata, int fds[2]);
    int (*splice)(void *userdata, int in, int64_t *in_at, int out, int64_t *out_at, size_t length,
                  unsigned flags);
};
_Static_assert(sizeof(struct packetdrill_interface) == 33 * sizeof(void *),
               "the interface has 33 members");

/* Fills in the functions. `flags` is what --so_flags says, or null. Called once a script; `free`
 * ends it. */
void packetdrill_interface_init(const char *flags, struct packetdrill_interface *interface);

#endif
