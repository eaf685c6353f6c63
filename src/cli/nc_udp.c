/* cli/nc_udp.c: `rill nc -u`: standard input and output as datagrams.
 *
 * What one read of the input brings is one datagram; input without a byte is one empty datagram, so
 * that a port can be knocked at. What arrives is written as it comes. A listener takes datagrams
 * from everybody and answers whoever sent the last one.
 *
 * Two threads stand between us and standard input and output, which may block; a socket pair that
 * keeps the datagrams apart leads to each. What the output does not take waits in rill's socket,
 * and beyond that socket's buffer it is lost, as UDP is. UDP has no end: after that of the input it
 * is over when nothing has come or gone for a while. */
#include "cli/nc.h"

#include "base/util.h"
#include "bridge/names.h"
#include <errno.h>
#include <pthread.h>
#include <rill/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A first datagram may itself wait a second: Linux does not answer whoever asks for a link address
 * from an IPv6 address that is still being checked (RFC 4429 §3.3). */
#define WAIT_DEFAULT (3 * RILL_SECOND)
#define DATAGRAM 65536 /* bytes of a buffer that any of them fits into */

struct datagram {
    size_t length;
    bool waits; /* it is not yet on its way */
    char data[DATAGRAM];
};

struct nc_udp {
    struct host host;
    struct names names;
    struct names_lookup *lookup; /* under way */
    const struct nc_udp_config *config;
    struct host_target target;
    rill_handle socket;           /* 0: none yet */
    struct rill_udp_message peer; /* of a listener: whom it answers, once there is one */
    bool connected;               /* there is somebody to send to */
    struct loop_watch input, output;
    int input_end, output_end;   /* the threads' */
    struct datagram read, taken; /* from the input; for the output */
    bool input_ended, input_seen;
    rill_time active; /* when something last came or went */
    pthread_t writer;
    int write_error; /* errno of standard output; written by its thread, read after it */
    bool done, failed;
};

static void fail(struct nc_udp *nc) {
    nc->failed = nc->done = true;
}

/* Standard input into datagrams. Nobody waits for this thread: it may sit in read(). */
static void *copy_in(void *context) {
    struct nc_udp *nc = context;
    static char buffer[RILL_UDP_PAYLOAD_MAX];
    for (;;) {
        ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || send(nc->input_end, buffer, (size_t)n, 0) < 0)
            break;
    }
    shutdown(nc->input_end, SHUT_WR);
    return 0;
}

static void *copy_out(void *context) {
    struct nc_udp *nc = context;
    static char buffer[DATAGRAM];
    ssize_t n;
    while ((n = recv(nc->output_end, buffer, sizeof buffer, 0)) > 0) {
        if (!nc_write_all(STDOUT_FILENO, buffer, (size_t)n)) {
            nc->write_error = errno;
            break;
        }
    }
    shutdown(nc->output_end, SHUT_RDWR);
    return 0;
}

/* what goes wrong on the way */

static void tell(struct nc_udp *nc, int error) {
    struct rill_udp_info info = {0};
    char text[RILL_ENDPOINT_TEXT] = "there";
    if (!nc->config->name)
        rill_endpoint_format(&nc->peer.remote, text);
    else if (!rill_udp_get_info(nc->host.stack, nc->socket, &info))
        rill_endpoint_format(&info.remote, text);
    if (error == RILL_ERROR_REFUSED)
        cli_error("connection refused by %s; is a server listening there?", text);
    else
        cli_error("%s: %s", text, rill_error_text(error));
    fail(nc);
}

/* outwards */

static void send_read(struct nc_udp *nc) {
    int64_t n = rill_udp_send(nc->host.stack, nc->socket, nc->read.data, nc->read.length,
                              nc->config->name ? 0 : &nc->peer);
    if (n == RILL_ERROR_AGAIN) /* RILL_EVENT_WRITABLE follows */
        return;
    nc->read.waits = false;
    nc->active = nc->host.now;
    if (n < 0)
        tell(nc, (int)n);
}

/* Takes from the input as long as what it brings can go at once. */
static void take_input(struct nc_udp *nc) {
    while (nc->connected && !nc->done && !nc->input_ended) {
        if (nc->read.waits)
            send_read(nc);
        if (nc->read.waits)
            break;
        ssize_t n = recv(nc->input.fd, nc->read.data, sizeof nc->read.data, MSG_DONTWAIT);
        if (n < 0)
            break;
        nc->input_ended = n == 0;
        if (nc->input_ended)
            loop_remove(&nc->host.loop, &nc->input);
        nc->read.length = (size_t)n;
        nc->read.waits = n > 0 || (nc->config->name && !nc->input_seen);
        nc->input_seen = true;
        nc->active = nc->host.now;
    }
    if (nc->input_ended && nc->read.waits && !nc->done)
        send_read(nc);
    if (!nc->input_ended) /* a readable input must not keep us awake while nothing can go */
        loop_set(&nc->host.loop, &nc->input, nc->connected && !nc->read.waits ? EPOLLIN : 0u);
}

static void on_input(struct loop_watch *watch, uint32_t events) {
    (void)events;
    take_input(RILL_CONTAINER(watch, struct nc_udp, input));
}

/* inwards */

static bool give_taken(struct nc_udp *nc) {
    ssize_t n = send(nc->output.fd, nc->taken.data, nc->taken.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    nc->taken.waits = n < 0 && errno == EAGAIN;
    if (n < 0 && errno != EAGAIN)
        fail(nc); /* the thread knows why */
    return n >= 0;
}

static void take_datagrams(struct nc_udp *nc) {
    struct rill_udp_message message;
    while (!nc->done) {
        if (nc->taken.waits && !give_taken(nc))
            break;
        int64_t n = rill_udp_receive(nc->host.stack, nc->socket, nc->taken.data,
                                     sizeof nc->taken.data, &message);
        if (n == RILL_ERROR_AGAIN)
            break;
        if (n < 0) {
            tell(nc, (int)n);
            break;
        }
        nc->active = nc->host.now;
        nc->peer = (struct rill_udp_message){.remote = message.remote, .local = message.local};
        nc->connected = true;
        nc->taken.length = (size_t)n;
        nc->taken.waits = n > 0;
    }
    loop_set(&nc->host.loop, &nc->output, nc->taken.waits ? EPOLLOUT : 0u);
}

static void on_output(struct loop_watch *watch, uint32_t events) {
    struct nc_udp *nc = RILL_CONTAINER(watch, struct nc_udp, output);
    if (events & EPOLLHUP && !nc->done)
        fail(nc);
    take_datagrams(nc);
}

static void on_event(struct host_target *target, const struct rill_event *event) {
    struct nc_udp *nc = RILL_CONTAINER(target, struct nc_udp, target);
    (void)event;
    take_datagrams(nc);
    take_input(nc);
}

/* beginning and end */

static int open_socket(struct nc_udp *nc, const struct rill_address *remote) {
    struct rill_udp_config config;
    rill_udp_config_default(&config);
    config.user = &nc->target;
    config.receive_buffer = config.send_buffer = 1 << 20;
    if (remote)
        config.remote = (struct rill_endpoint){*remote, nc->config->port, 0};
    else
        config.local.port = nc->config->port;
    return rill_udp_open(nc->host.stack, &config, &nc->socket);
}

/* The first address that rill has a way to: more cannot be known of UDP. */
static void on_name(void *context, const struct rill_address *addresses, size_t count,
                    const char *why) {
    struct nc_udp *nc = context;
    int error = RILL_ERROR_NO_ROUTE;
    nc->lookup = 0;
    for (size_t i = 0; i < count && error; i++)
        error = open_socket(nc, &addresses[i]);
    if (!count)
        cli_error("no such name: %s: %s", nc->config->name, why);
    else if (error)
        cli_error("%s: %s", nc->config->name, rill_error_text(error));
    if (error) {
        fail(nc);
        return;
    }
    nc->connected = true;
    take_input(nc);
}

static bool start(struct nc_udp *nc) {
    int in[2], out[2];
    pthread_t reader;
    nc->target.on_event = on_event;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, in) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, out)) {
        cli_error("no socket pair: %s", strerror(errno));
        return false;
    }
    nc->input = (struct loop_watch){in[0], on_input};
    nc->output = (struct loop_watch){out[0], on_output};
    nc->input_end = in[1];
    nc->output_end = out[1];
    int cause = loop_add(&nc->host.loop, &nc->input, 0);
    if (!cause)
        cause = loop_add(&nc->host.loop, &nc->output, 0);
    if (!cause)
        cause = pthread_create(&nc->writer, 0, copy_out, nc);
    if (!cause)
        cause = pthread_create(&reader, 0, copy_in, nc);
    if (cause) {
        cli_error("cannot start: %s", strerror(cause));
        return false;
    }
    pthread_detach(reader);
    if (nc->config->name) {
        nc->lookup = names_ask(&nc->names, nc->config->name, on_name, nc);
        if (!nc->lookup)
            cli_error("cannot start: out of memory");
        return nc->lookup;
    }
    int error = open_socket(nc, 0);
    if (error)
        cli_error("cannot listen on port %u: %s", nc->config->port, rill_error_text(error));
    return !error;
}

/* When it is over if nothing happens; a listener's first datagram is waited for however long. */
static rill_time end_of_wait(const struct nc_udp *nc) {
    rill_time wait = nc->config->wait;
    struct rill_udp_info info = {.size = sizeof info};
    if (wait == RILL_TIME_NEVER && nc->config->name)
        wait = WAIT_DEFAULT;
    if (wait == RILL_TIME_NEVER || !nc->input_ended || nc->read.waits ||
        rill_udp_get_info(nc->host.stack, nc->socket, &info) || info.send_queued)
        return RILL_TIME_NEVER;
    return nc->active + wait;
}

static void talk(struct nc_udp *nc) {
    while (!nc->done && !nc->host.loop.stopped) {
        host_round(&nc->host, end_of_wait(nc));
        nc->done |= loop_now() >= end_of_wait(nc);
    }
    if (nc->done || nc->host.link->gone)
        return;
    if (nc->config->name) { /* a listener ends no other way */
        cli_error("interrupted");
        nc->failed = true;
    }
}

/* What has come is written, however long that takes; a signal waits a second for it. */
static void finish(struct nc_udp *nc) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    shutdown(nc->output.fd, SHUT_WR);
    if (nc->done)
        pthread_join(nc->writer, 0);
    else if (pthread_timedjoin_np(nc->writer, 0, &until))
        return;
    if (!nc->write_error)
        return;
    if (nc->write_error == EPIPE)
        cli_error("nobody reads the output any more");
    else
        cli_error("cannot write to standard output: %s", strerror(nc->write_error));
    nc->failed = true;
}

int nc_udp(const struct nc_udp_config *config) {
    static struct nc_udp nc; /* the input's thread may outlive everything else */
    nc.config = config;
    int code = cli_host_open(&nc.host, config->host);
    if (code)
        return code;
    int cause = names_open(&nc.names, &nc.host.loop);
    if (cause)
        cli_error("cannot start: %s", strerror(cause));
    if (!cause && start(&nc)) {
        talk(&nc);
        finish(&nc);
    } else {
        nc.failed = true;
    }
    if (!cause) {
        if (nc.lookup)
            names_cancel(nc.lookup);
        names_close(&nc.names);
    }
    return cli_host_close(&nc.host, nc.failed ? CLI_FAILED : CLI_DONE);
}
