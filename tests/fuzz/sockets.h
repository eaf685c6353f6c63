/* tests/fuzz/sockets.h: a run of the sockets target: hosts with descriptors, and what they must
 * have.
 *
 * The model knows no TCP. Each end of a connection writes a stream whose bytes follow from its
 * number; who reads finds out from the bytes whose stream it is, among the ends that have the two
 * addresses the other way round, and from then on every byte must be the next one of it. A datagram
 * begins with its number, and must be all of the one that was sent. */
#ifndef TESTS_FUZZ_SOCKETS_H
#define TESTS_FUZZ_SOCKETS_H

#include "fuzz/harness.h"
#include <rill/socket.h>
#include <rill/udp.h>

#define SOCKETS_FDS 12       /* of a host; the limit is one that is reached */
#define SOCKETS_STREAMS 64   /* ends that may write, in a run */
#define SOCKETS_DATAGRAMS 64 /* remembered */
#define SOCKETS_BYTES 4000   /* of one call */

struct stream { /* what one end of a connection writes */
    struct rill_endpoint local, remote;
    uint32_t sent;
    bool closed; /* nothing more will be written */
};

struct descriptor {
    bool open, stream_type;
    int family;
    int writes;          /* index of its stream, or -1 */
    uint64_t candidates; /* streams that may be what it reads, one bit each */
    uint32_t read;       /* bytes */
    bool read_closed;    /* by itself */
};

struct datagram {
    uint32_t length;
};

struct run {
    struct fuzz_input input;
    struct test_world test;
    bool loopback; /* one host */
    bool lossless, failing;
    struct rill_sockets *sockets[2];
    struct descriptor fds[2][SOCKETS_FDS];
    struct stream streams[SOCKETS_STREAMS];
    unsigned stream_count;
    uint32_t datagrams; /* sent so far; the last of them: */
    uint32_t datagram_length[SOCKETS_DATAGRAMS];
    struct rill_address addresses[2][2]; /* of each host: IPv4, IPv6 */
};

/* sockets.c */
void sockets_step_world(struct run *run, uint8_t how);
/* Whether a call may say this; without memory any may say so. */
bool sockets_allows(const struct run *run, int64_t result, const int *errors, size_t count);

/* sockets_transfer.c: what goes over connections and between datagram sockets. */
void sockets_new_stream(struct run *run, int host, int fd);
void sockets_send(struct run *run, int host, int fd, uint8_t how);
void sockets_receive(struct run *run, int host, int fd, uint8_t how);
/* Everything that was written arrives, where both ends are still there. */
void sockets_settle(struct run *run);

#endif
