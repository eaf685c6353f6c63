/* script/call_socket.c: making, connecting and closing sockets. */
#include "script/call.h"

#include "base/util.h"
#include "wire/tcp.h"

static bool is_ipv6(const struct run *run) {
    return run->program.family != SCRIPT_IPV4;
}

static void call_socket(struct call *call) {
    int64_t type = call_number(call, 1, 0);
    int family = (int)call_number(call, 0, is_ipv6(call->run) ? RILL_AF_INET6 : RILL_AF_INET);
    call->result =
        rill_socket(call->run->world.sockets, family, (int)type, (int)call_number(call, 2, 0));
}

static void call_bind(struct call *call) {
    struct run *run = call->run;
    struct rill_endpoint local = {.address = run->world.local, .port = 8080};
    call->result = rill_bind(run->world.sockets, call->fd, &local);
    if (!call->result && !run->tested && !run_connection_open(run, -1, true))
        call->result = -RILL_ENOMEM;
}

static void call_listen(struct call *call) {
    struct run *run = call->run;
    call->result = rill_listen(run->world.sockets, call->fd, (int)call_number(call, 1, 0));
    /* the next SYN opens a connection of its own */
    if (!call->result && !run_connection_open(run, -1, true))
        call->result = -RILL_ENOMEM;
}

static void call_accept(struct call *call) {
    struct run *run = call->run;
    struct rill_endpoint peer;
    int fd = rill_accept(run->world.sockets, call->fd, &peer);
    call_result_or_wait(call, fd, false);
    if (fd < 0)
        return;
    struct script_connection *connection = run->connections;
    while (connection && !(connection->passive && connection->remote_port == peer.port))
        connection = connection->next;
    if (connection)
        connection->fd = fd;
    else
        call->wrong = "it accepted a connection that the script did not open";
}

/* The connection that a call on the descriptor is about to open. */
static struct script_connection *opening(struct call *call) {
    struct script_connection *connection = run_connection_of(call->run, call->fd);
    if (!connection)
        connection = run_connection_open(call->run, call->fd, false);
    else
        call->run->tested = connection;
    return connection;
}

static void call_connect(struct call *call) {
    struct run *run = call->run;
    struct rill_endpoint remote = {.address = run->world.remote, .port = 8080};
    const struct script_value *family = value_field(call->arguments[1], "sa_family");
    bool dissolve = family && family->number == RILL_AF_UNSPEC;
    if (!call->begun && !opening(call)) {
        call->result = -RILL_ENOMEM;
        return;
    }
    int result = rill_connect(run->world.sockets, call->fd, dissolve ? 0 : &remote);
    if (call->begun && result == -RILL_EALREADY)
        result = -RILL_EINPROGRESS;
    if (call->begun && result == -RILL_EISCONN)
        result = 0;
    call_result_or_wait(call, result, false);
}

static void call_shutdown(struct call *call) {
    call->result = rill_shutdown(call->run->world.sockets, call->fd, (int)call_number(call, 1, 0));
}

static void call_close(struct call *call) {
    struct run *run = call->run;
    if (!call->descriptor) {
        call->result = -RILL_EBADF;
        return;
    }
    if (!call->descriptor->epoll) {
        struct script_connection *connection = run_connection_of(run, call->fd);
        poll_forget(run, call->fd);
        call->result = rill_socket_close(run->world.sockets, call->fd);
        if (connection)
            connection->fd = -1;
    }
    run_descriptor_remove(run, call->descriptor);
}

static void call_fcntl(struct call *call) {
    const int nonblock = RILL_SOCK_NONBLOCK, read_write = 2;
    if (!call->descriptor) {
        call->result = -RILL_EBADF;
    } else if (call_number(call, 1, 0) == 3) { /* F_GETFL */
        call->result = read_write | (call->descriptor->nonblocking ? nonblock : 0);
    } else if (call_number(call, 1, 0) == 4) { /* F_SETFL */
        call->descriptor->nonblocking = call_number(call, 2, 0) & nonblock;
        call->result = 0;
    } else {
        call->result = -RILL_EINVAL;
    }
}

const struct call_function call_socket_functions[] = {
    {"socket", 3, 3, false, call_socket},    {"bind", 3, 3, true, call_bind},
    {"listen", 2, 2, true, call_listen},     {"accept", 3, 3, true, call_accept},
    {"accept4", 4, 4, true, call_accept},    {"connect", 3, 3, true, call_connect},
    {"shutdown", 2, 2, true, call_shutdown}, {"close", 1, 1, true, call_close},
    {"fcntl", 2, 3, true, call_fcntl},       {0, 0, 0, false, 0},
};
