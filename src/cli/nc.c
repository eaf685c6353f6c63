/* cli/nc.c: `rill nc`: standard input and output as the two directions of one connection.
 *
 * The bridge makes the connection a socket; two threads copy between it and standard input and
 * output, blocking as they please, whatever those are (terminal, pipe, file, socket). The end of
 * the input is a half-close, the peer's half-close is the end of the output, and each direction
 * goes on without the other. */
#include "cli/nc.h"

#include "base/util.h"
#include "bridge/dial.h"
#include "bridge/stream.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct nc {
    struct host host;
    struct bridge bridge;
    struct dialer dialer;
    struct bridge_stream *stream;
    struct loop_watch unread; /* an eventfd: nobody reads the output any more */
    struct host_target listener;
    rill_handle listening;
    struct dial *dial; /* under way */
    int application;   /* the threads' end of the pair, or -1 */
    pthread_t output;
    bool joined; /* the output thread runs */
    bool done, failed;
    int error;       /* why the connection ended */
    int write_error; /* errno of standard output; written by its thread, read after it */
};

bool nc_write_all(int fd, const char *data, size_t length) {
    while (length) {
        ssize_t n = write(fd, data, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        data += n;
        length -= (size_t)n;
    }
    return true;
}

/* Standard input to the connection, then a half-close. Nobody waits for this thread: it may sit in
 * read() when all else is over. */
static void *copy_in(void *context) {
    int fd = *(const int *)context;
    char buffer[65536];
    for (;;) {
        ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        if (!nc_write_all(fd, buffer, (size_t)n)) /* the connection is gone: the other side tells */
            return 0;
    }
    shutdown(fd, SHUT_WR);
    return 0;
}

/* The connection to standard output. If nobody reads that, what comes is left unread: RST. */
static void *copy_out(void *context) {
    struct nc *nc = context;
    static char buffer[262144];
    for (;;) {
        ssize_t n = read(nc->application, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {                 /* the end, or a reset: the bridge knows which */
            if (close(STDOUT_FILENO)) /* whoever reads our output sees the end now, too */
                nc->write_error = errno;
            return 0;
        }
        if (!nc_write_all(STDOUT_FILENO, buffer, (size_t)n)) {
            nc->write_error = errno;
            return eventfd_write(nc->unread.fd, 1) ? nc : 0;
        }
    }
}

static void on_end(void *context, int error) {
    struct nc *nc = context;
    nc->error = error;
    nc->done = true;
}

static void on_unread(struct loop_watch *watch, uint32_t events) {
    struct nc *nc = RILL_CONTAINER(watch, struct nc, unread);
    (void)events;
    loop_remove(&nc->host.loop, watch);
    if (!nc->done)
        bridge_stream_abort(nc->stream);
    nc->done = true;
}

static void fail(struct nc *nc) {
    nc->failed = nc->done = true;
}

/* There is a connection. */
static void join(struct nc *nc, rill_handle connection) {
    int ends[2];
    pthread_t input;
    if (bridge_pair(ends)) {
        cli_error("no socket pair: %s", strerror(errno));
        rill_tcp_abort(nc->host.stack, connection);
        fail(nc);
        return;
    }
    /* The threads block, the bridge does not: each end has a file description of its own. */
    nc->application = ends[1];
    bridge_blocking(nc->application);
    struct bridge_stream_config config = {.bridge = &nc->bridge,
                                          .connection = connection,
                                          .fd = ends[0],
                                          .application_fd = nc->application,
                                          .on_end = on_end,
                                          .context = nc};
    nc->stream = bridge_stream_open(&config);
    if (!nc->stream || pthread_create(&nc->output, 0, copy_out, nc)) {
        cli_error("cannot start: %s", strerror(errno));
        fail(nc);
        return;
    }
    nc->joined = true;
    if (pthread_create(&input, 0, copy_in, &nc->application) == 0)
        pthread_detach(input);
    else
        fail(nc);
}

static void on_dialed(void *context, rill_handle connection, int error, const char *why) {
    struct nc *nc = context;
    nc->dial = 0;
    if (!error) {
        join(nc, connection);
        return;
    }
    cli_error("%s", why);
    fail(nc);
}

/* The first connection is taken; after it nobody listens. */
static void on_accept(struct host_target *target, const struct rill_event *event) {
    struct nc *nc = RILL_CONTAINER(target, struct nc, listener);
    rill_handle connection;
    (void)event;
    if (rill_tcp_accept(nc->host.stack, nc->listening, &connection))
        return;
    rill_tcp_close(nc->host.stack, nc->listening);
    join(nc, connection);
}

static bool listen_at(struct nc *nc, uint16_t port) {
    struct rill_tcp_listen_config config;
    rill_tcp_listen_config_default(&config);
    config.local.port = port;
    nc->listener.on_event = on_accept;
    config.user = &nc->listener;
    int error = rill_tcp_listen(nc->host.stack, &config, &nc->listening);
    if (error)
        cli_error("cannot listen on port %u: %s", port, rill_error_text(error));
    return !error;
}

/* What is to be said at the end, and whether it went well. */
static bool verdict(const struct nc *nc) {
    if (nc->write_error && nc->write_error != EPIPE)
        cli_error("cannot write to standard output: %s", strerror(nc->write_error));
    else if (nc->write_error || nc->error == RILL_ERROR_ABORTED)
        cli_error("nobody reads the output any more: the connection was reset");
    else if (nc->error == RILL_ERROR_RESET)
        cli_error("connection reset by peer");
    else if (nc->error)
        cli_error("the connection ended: %s", rill_error_text(nc->error));
    else
        return true;
    return false;
}

static void talk(struct nc *nc) {
    while (!nc->done && !nc->host.loop.stopped)
        host_round(&nc->host, RILL_TIME_NEVER);
    bool interrupted = !nc->done;
    bridge_close(&nc->bridge); /* interrupted: RST */
    host_flush(&nc->host);
    if (interrupted) {
        if (!nc->host.link->gone) /* of that host_close tells */
            cli_error("interrupted%s", nc->joined ? ": the connection was reset" : "");
        nc->failed = true;
    }
    if (nc->failed)
        return;
    if (nc->joined) /* what has come is written, however long that takes */
        pthread_join(nc->output, 0);
    nc->failed = !verdict(nc);
    host_drain(&nc->host, RILL_SECOND);
}

static bool start(struct nc *nc, const char *name, uint16_t port) {
    int cause = dialer_open(&nc->dialer, &nc->host);
    nc->unread = (struct loop_watch){eventfd(0, EFD_CLOEXEC), on_unread};
    if (!cause)
        cause = nc->unread.fd < 0 ? errno : loop_add(&nc->host.loop, &nc->unread, EPOLLIN);
    if (!cause && !name)
        return listen_at(nc, port);
    nc->dial = cause ? 0 : dial_start(&nc->dialer, name, port, on_dialed, nc);
    if (!nc->dial)
        cli_error("cannot start: %s", strerror(cause ? cause : ENOMEM));
    return nc->dial != 0;
}

static int run(struct nc *nc, const struct host_options *options, const char *name, uint16_t port) {
    int code = cli_host_open(&nc->host, options);
    if (code)
        return code;
    bridge_open(&nc->bridge, &nc->host);
    nc->application = nc->dialer.names.watch.fd = -1;
    if (start(nc, name, port))
        talk(nc);
    else
        nc->failed = true;
    if (nc->dial) /* interrupted before it was done */
        dial_cancel(nc->dial);
    dialer_close(&nc->dialer);
    return cli_host_close(&nc->host, nc->failed ? CLI_FAILED : CLI_DONE);
}

/* "5", seconds as other netcats count, or "500ms". */
static bool take_wait(void *context, const char *text) {
    rill_time *wait = context;
    uint64_t seconds;
    if (!cli_parse_number(text, &seconds))
        return cli_parse_time(text, wait);
    *wait = seconds * RILL_SECOND;
    return seconds < 1000000000;
}

int command_nc(int argc, char **argv) {
    static const char usage[] =
        "rill nc [-u] HOST PORT | rill nc [-u] --listen PORT, with --link KIND:NAME";
    static struct nc nc; /* the input thread may outlive everything else */
    struct host_options host = {0};
    uint64_t port = 0, listen_port = 0;
    rill_time wait = RILL_TIME_NEVER;
    bool udp = false;
    const char *words[2];
    const struct cli_option options[] = {
        {"--listen", CLI_NUMBER, &listen_port, "PORT", "wait for one connection there", 0},
        {"-l", CLI_NUMBER, &listen_port, "PORT", "the same", 0},
        {"-u", CLI_FLAG, &udp, 0,
         "UDP: each read of the input is a datagram, no input an empty one;", 0},
        {"", CLI_FLAG, &udp, 0, "a listener hears everybody and answers the last who spoke", 0},
        {"-w", CLI_CALL, &wait, "SECONDS",
         "with -u: end when the input has ended and nothing came for so long (3; listening: never)",
         take_wait},
        CLI_HOST_OPTIONS(&host),
    };
    int count = cli_parse(argc, argv, usage, options, sizeof options / sizeof *options, words, 2);
    if (count < 0)
        return -1 - count;
    if (wait != RILL_TIME_NEVER && !udp) {
        cli_error("-w is for UDP (-u): a TCP connection has an end of its own");
        return CLI_USAGE;
    }
    if (listen_port ? count != 0 : count != 2) {
        cli_error("a host and a port, or --listen PORT; usage: %s", usage);
        return CLI_USAGE;
    }
    if (!listen_port && !cli_parse_number(words[1], &port))
        port = 0;
    if (listen_port > 65535 || (!listen_port && (port == 0 || port > 65535))) {
        cli_error("a port is a number from 1 to 65535");
        return CLI_USAGE;
    }
    const char *name = listen_port ? 0 : words[0];
    uint16_t number = (uint16_t)(listen_port ? listen_port : port);
    if (udp)
        return nc_udp(&(struct nc_udp_config){&host, name, number, wait});
    return run(&nc, &host, name, number);
}
