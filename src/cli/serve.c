/* cli/serve.c: `rill serve DIR`: a web server whose TCP is rill's: libmicrohttpd over the bridge.
 *
 * libmicrohttpd keeps its own epoll descriptor; it is one watch of our loop, and everything runs in
 * one thread: each accepted connection is a socketpair, one end the bridge's, the other
 * libmicrohttpd's. */
#include "cli/serve.h"

#include "base/util.h"
#include "bridge/stream.h"
#include "cli/host_options.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

struct server {
    struct host host;
    struct bridge bridge;
    struct host_target listener; /* events of the listening socket */
    struct loop_watch web_watch;
    rill_handle listening;
    struct MHD_Daemon *web;
    bool web_due; /* it has something to do */
    int root;
    uint64_t accepted;
};

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state) {
    struct server *server = context;
    (void)version;
    (void)upload;
    if (!*state ||
        *upload_size) { /* an answer before the request's end would close the connection */
        *state = server;
        *upload_size = 0;
        return MHD_YES;
    }
    return serve_answer(server->root, connection, url, method);
}

static socklen_t socket_address(const struct rill_endpoint *endpoint,
                                struct sockaddr_storage *out) {
    memset(out, 0, sizeof *out);
    if (rill_address_is_ipv4(&endpoint->address)) {
        struct sockaddr_in *ipv4 = (struct sockaddr_in *)out;
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(endpoint->port);
        memcpy(&ipv4->sin_addr, endpoint->address.bytes + 12, 4);
        return sizeof *ipv4;
    }
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)out;
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(endpoint->port);
    memcpy(&ipv6->sin6_addr, endpoint->address.bytes, 16);
    return sizeof *ipv6;
}

/* Joins an accepted connection and libmicrohttpd; without descriptors or memory the peer gets RST.
 */
static void join(struct server *server, rill_handle connection) {
    struct rill_tcp_info info = {0};
    struct sockaddr_storage remote;
    int ends[2];
    if (rill_tcp_get_info(server->host.stack, connection, &info) || bridge_pair(ends)) {
        rill_tcp_abort(server->host.stack, connection);
        return;
    }
    struct bridge_stream_config config = {.bridge = &server->bridge,
                                          .connection = connection,
                                          .fd = ends[0],
                                          .application_fd = ends[1]};
    struct bridge_stream *stream = bridge_stream_open(&config);
    if (!stream) {
        close(ends[1]);
        return;
    }
    socklen_t length = socket_address(&info.remote, &remote);
    server->accepted++;
    server->web_due = true;
    if (MHD_add_connection(server->web, ends[1], (struct sockaddr *)&remote, length) != MHD_YES)
        bridge_stream_abort(stream); /* ends[1] is closed by libmicrohttpd in any case */
}

static void on_accept(struct host_target *target, const struct rill_event *event) {
    struct server *server = RILL_CONTAINER(target, struct server, listener);
    rill_handle connection;
    (void)event;
    while (rill_tcp_accept(server->host.stack, server->listening, &connection) == 0)
        join(server, connection);
}

static void on_web_ready(struct loop_watch *watch, uint32_t events) {
    (void)events;
    RILL_CONTAINER(watch, struct server, web_watch)->web_due = true;
}

static bool start_web(struct server *server) {
    server->web = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, 0, 0, on_request,
                                   server, MHD_OPTION_CONNECTION_TIMEOUT, 60u,
                                   MHD_OPTION_CONNECTION_LIMIT, 9000u, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        server->web ? MHD_get_daemon_info(server->web, MHD_DAEMON_INFO_EPOLL_FD) : 0;
    if (!info) {
        cli_error("libmicrohttpd does not start (it needs epoll): %s", strerror(errno));
        return false;
    }
    server->web_watch = (struct loop_watch){info->epoll_fd, on_web_ready};
    return loop_add(&server->host.loop, &server->web_watch, EPOLLIN) == 0;
}

static bool start_listening(struct server *server, uint16_t *port) {
    struct rill_tcp_listen_config config;
    rill_tcp_listen_config_default(&config);
    config.local.port = *port;
    server->listener.on_event = on_accept;
    config.user = &server->listener;
    int error = rill_tcp_listen(server->host.stack, &config, &server->listening);
    if (error) {
        cli_error("cannot listen on port %u: %s", *port, rill_error_text(error));
        return false;
    }
    return true;
}

static void print_urls(const struct server *server, const char *directory, uint16_t port) {
    for (size_t i = 0; i < server->host.address_count; i++) {
        struct rill_endpoint endpoint = {server->host.addresses[i].address, port, 0};
        char text[RILL_ENDPOINT_TEXT];
        rill_endpoint_format(&endpoint, text);
        if (port == 80)
            *strrchr(text, ':') = '\0';
        printf("serving %s at http://%s/\n", directory, text);
    }
    fflush(stdout);
}

/* Lets libmicrohttpd work, and says when it wants to be called again at the latest. */
static rill_time run_web(struct server *server) {
    MHD_UNSIGNED_LONG_LONG milliseconds;
    if (server->web_due) {
        server->web_due = false;
        MHD_run(server->web);
    }
    if (MHD_get_timeout(server->web, &milliseconds) != MHD_YES)
        return RILL_TIME_NEVER;
    server->web_due = true; /* when the time has come, or sooner */
    return loop_now() + (rill_time)milliseconds * RILL_MILLISECOND;
}

static void serve(struct server *server) {
    while (!server->host.loop.stopped) {
        rill_time until = run_web(server);
        host_round(&server->host, until);
    }
    /* No new connection; those under way are closed by libmicrohttpd, and get a moment to be seen
     * closed. What is left after it is reset. */
    rill_tcp_close(server->host.stack, server->listening);
    MHD_stop_daemon(server->web);
    server->web = 0;
    server->host.loop.stopped = 0;
    host_drain(&server->host, RILL_SECOND / 2);
    bridge_close(&server->bridge);
    host_flush(&server->host);
}

static int run(struct server *server, const char *directory, const struct host_options *options,
               uint16_t port) {
    int code = cli_host_open(&server->host, options);
    if (code)
        return code;
    bridge_open(&server->bridge, &server->host);
    code = CLI_FAILED;
    if (start_web(server) && start_listening(server, &port)) {
        print_urls(server, directory, port);
        serve(server);
        code = CLI_DONE;
    }
    if (server->web)
        MHD_stop_daemon(server->web);
    bridge_close(&server->bridge);
    return cli_host_close(&server->host, code);
}

int command_serve(int argc, char **argv) {
    static const char usage[] = "rill serve DIR --link tun:NAME [options]";
    struct host_options host = {.notices = true};
    uint64_t port = 80;
    const char *directory = 0;
    struct server server = {.root = -1};
    const struct cli_option options[] = {
        {"--port", CLI_NUMBER, &port, "N", "where to listen (80)", 0},
        CLI_HOST_OPTIONS(&host),
    };
    int words =
        cli_parse(argc, argv, usage, options, sizeof options / sizeof *options, &directory, 1);
    if (words < 0)
        return -1 - words;
    if (words == 0) {
        cli_error("which directory? usage: %s", usage);
        return CLI_USAGE;
    }
    if (port == 0 || port > 65535) {
        cli_error("--port is from 1 to 65535");
        return CLI_USAGE;
    }
    server.root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (server.root < 0) {
        cli_error("cannot serve %s: %s; give it a directory that can be read", directory,
                  strerror(errno));
        return CLI_FAILED;
    }
    int code = run(&server, directory, &host, (uint16_t)port);
    close(server.root);
    return code;
}
