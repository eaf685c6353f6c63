/* bridge/stream.h: a TCP connection of rill's as one end of a socketpair.
 *
 * The application has the other end and needs to know nothing of rill:
 *
 *   the application                       the connection
 *   shutdown(SHUT_WR)                     FIN, after the last byte
 *   close                                 FIN; RST if bytes were left unread, or more arrive
 *   reads 0                               the peer's FIN, after the last byte
 *   reads ECONNRESET, writes EPIPE        RST, or it timed out
 *   does not read                         the window closes
 *   writes faster than the peer reads     would block
 *
 * A reset can be shown only while the application's end is in this process and may still write;
 * after its shutdown(SHUT_WR) it sees the end of the stream instead, and `on_end` tells the
 * difference. A linger of 0 cannot be seen through a socketpair: bridge_stream_abort is there. */
#ifndef RILL_BRIDGE_STREAM_H
#define RILL_BRIDGE_STREAM_H

#include "link/host.h"

#include <sys/types.h>

struct bridge_stream;

/* All streams of one host. */
struct bridge {
    struct host *host;
    struct bridge_stream *first;
    size_t count;
};

void bridge_open(struct bridge *bridge, struct host *host);
/* Aborts every stream that is left. */
void bridge_close(struct bridge *bridge);

/* Told once, as the last thing; 0: both directions ended in order, else an enum rill_error:
 * RILL_ERROR_RESET, RILL_ERROR_TIMED_OUT, …, or RILL_ERROR_ABORTED: the application gave up,
 * and the peer got RST. */
typedef void (*bridge_on_end)(void *context, int error);

struct bridge_stream_config {
    struct bridge *bridge;
    rill_handle connection; /* ours from now on */
    int fd;                 /* ours from now on: a stream socket of AF_UNIX */
    int application_fd;     /* its other end, if it is in this process and used in this thread, or
                               never closed before on_end; else -1 */
    bridge_on_end on_end;   /* may be null */
    void *context;
};

/* Two joined ends with large buffers; [0] is for the bridge. Returns 0 or an errno. */
int bridge_pair(int ends[2]);
/* Makes one end block, for a thread of its own. */
void bridge_blocking(int fd);
/* Large buffers for one end of one's own. */
void bridge_buffers(int fd);

/* Null when there is no memory or descriptor: connection and fd are gone then. */
struct bridge_stream *bridge_stream_open(const struct bridge_stream_config *config);

/* RST to the peer; the application reads ECONNRESET. `on_end` is not called. */
void bridge_stream_abort(struct bridge_stream *stream);

#endif
