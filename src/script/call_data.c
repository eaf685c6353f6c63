/* script/call_data.c: reading and writing. What a script writes is zeros, as many as it says. */
#include "script/call.h"

#include "base/util.h"

#define DATA_MAX (64u << 20)
#define FAST_OPEN 0x20000000 /* MSG_FASTOPEN: the socket's first bytes also connect it */

static uint8_t *buffer(struct call *call, int64_t length) {
    if (length < 0 || length > DATA_MAX)
        return 0;
    return arena_new(&call->run->arena, (size_t)length + 1);
}

/* The connection that bytes are written to; the next one is opened by the first bytes. */
static struct script_connection *writes_to(struct call *call, int flags) {
    struct script_connection *connection = run_connection_of(call->run, call->fd);
    if (!connection && flags & FAST_OPEN)
        connection = run_connection_open(call->run, call->fd, false);
    return connection;
}

static int64_t send_once(struct call *call, const void *data, uint64_t length, int flags) {
    struct run *run = call->run;
    struct rill_endpoint remote = {.address = run->world.remote, .port = 8080};
    if (flags & FAST_OPEN)
        return rill_sendto(run->world.sockets, call->fd, data, (size_t)length, flags, &remote);
    return rill_send(run->world.sockets, call->fd, data, (size_t)length, flags);
}

/* Whether the bytes' connection is still being opened. */
static bool is_opening(struct call *call) {
    struct rill_tcp_info info = {.size = sizeof info};
    rill_handle handle = rill_socket_handle(call->run->world.sockets, call->fd);
    return rill_tcp_get_info(call->run->world.stack, handle, &info) == 0 &&
           info.state == RILL_TCP_SYN_SENT;
}

/* What the socket says of a connection that could not be opened. */
static int64_t opening_error(struct call *call) {
    int error = 0;
    size_t length = sizeof error;
    int failed = rill_getsockopt(call->run->world.sockets, call->fd, RILL_SOL_SOCKET, RILL_SO_ERROR,
                                 &error, &length);
    return failed ? failed : -error;
}

/* Gives the socket what it takes. Returns what it says. */
static int64_t push(struct call *call, int64_t length, int flags, bool last) {
    struct script_connection *connection = writes_to(call, flags);
    uint64_t rest = (uint64_t)length - call->progress;
    uint8_t *data = buffer(call, (int64_t)rest);
    if (!data)
        return -RILL_ENOMEM;
    if (call->begun) /* it is being connected, or is */
        flags &= ~FAST_OPEN;
    int64_t sent = call->begun && !rest ? 0 : send_once(call, data, rest, flags);
    if (sent > 0) {
        call->progress += (uint64_t)sent;
        bool ends = (uint64_t)sent == rest || last;
        if (connection)
            (void)connection_note_write(connection, &call->run->arena, (uint64_t)sent,
                                        ends && !(flags & RILL_MSG_MORE));
    }
    return sent;
}

/* Writes. One that may block does so until all is taken, and until a connection that it opens is
 * there or has failed. */
static void transmit(struct call *call, int64_t length, int flags) {
    bool dont_wait =
        flags & RILL_MSG_DONTWAIT || !call->descriptor || call->descriptor->nonblocking;
    bool was_opening = call->opening;
    int64_t error = was_opening && !is_opening(call) ? opening_error(call) : 0;
    int64_t sent = error ? error : push(call, length, flags, dont_wait);
    call->opening = !dont_wait && sent != -RILL_EAGAIN && is_opening(call);
    call->result = (int64_t)call->progress;
    if (sent < 0 && sent != -RILL_EAGAIN && sent != -RILL_EINPROGRESS &&
        (was_opening || !call->progress))
        call->result = sent;
    else if (sent < 0 && (dont_wait || !call->descriptor))
        call->result = sent;
    else
        call->waits = !dont_wait && (call->opening || (int64_t)call->progress < length);
    call->opening |= was_opening && call->waits;
}

static void call_write(struct call *call) {
    transmit(call, call_number(call, 2, 0), 0);
}

static void call_send(struct call *call) {
    transmit(call, call_number(call, 2, 0), (int)call_number(call, 3, 0));
}

static int64_t iov_length(const struct script_value *list) {
    int64_t length = 0;
    for (const struct script_value *v = list ? list->first : 0; v; v = v->next)
        for (const struct script_value *w = v->first; w; w = w->next)
            length += w->kind == SCRIPT_VALUE_NUMBER ? w->number : 0;
    return length;
}

static void call_writev(struct call *call) {
    transmit(call, iov_length(call->arguments[1]), 0);
}

static void call_sendmsg(struct call *call) {
    transmit(call, iov_length(value_field(call->arguments[1], "msg_iov")),
             (int)call_number(call, 2, 0));
}

static void receive(struct call *call, int64_t length, int flags) {
    uint8_t *data = buffer(call, length);
    if (!data) {
        call->result = -RILL_ENOMEM;
        return;
    }
    int64_t received = rill_recv(call->run->world.sockets, call->fd, data, (size_t)length, flags);
    call_result_or_wait(call, received, flags & RILL_MSG_DONTWAIT);
    for (int64_t i = 0; i < received && !call->wrong; i++)
        if (data[i])
            call->wrong = "it read a byte that did not arrive";
}

static void call_read(struct call *call) {
    receive(call, call_number(call, 2, 0), 0);
}

static void call_recv(struct call *call) {
    receive(call, call_number(call, 2, 0), (int)call_number(call, 3, 0));
}

static void call_readv(struct call *call) {
    receive(call, iov_length(call->arguments[1]), 0);
}

/* TCP_INQ's number of bytes that are still to be read, the only control message answered. */
static void check_control(struct call *call, const struct script_value *list) {
    struct rill_tcp_info info;
    const struct script_value *data = value_field(list ? list->first : 0, "cmsg_data");
    rill_handle handle = rill_socket_handle(call->run->world.sockets, call->fd);
    info.size = sizeof info;
    if (!data || rill_tcp_get_info(call->run->world.stack, handle, &info))
        return;
    call_differs(call, "cmsg_data", data->number, info.receive_queued);
}

static void call_recvmsg(struct call *call) {
    const struct script_value *message = call->arguments[1];
    receive(call, iov_length(value_field(message, "msg_iov")), (int)call_number(call, 2, 0));
    if (call->result >= 0 && !call->waits)
        check_control(call, value_field(message, "msg_control"));
}

static void call_ioctl(struct call *call) {
    struct rill_tcp_info info;
    const struct script_value *value = call->arguments[2];
    rill_handle handle = rill_socket_handle(call->run->world.sockets, call->fd);
    info.size = sizeof info;
    if (rill_tcp_get_info(call->run->world.stack, handle, &info)) {
        call->result = -RILL_EINVAL;
        return;
    }
    int64_t number;
    switch (call_number(call, 1, 0)) {
    case 0x541b: /* SIOCINQ */
        number = info.receive_queued;
        break;
    case 0x5411: /* SIOCOUTQ */
        number = info.send_queued;
        break;
    case 0x894b: /* SIOCOUTQNSD */
        number = (int64_t)info.send_queued - info.in_flight;
        break;
    default:
        call->result = -RILL_EINVAL;
        return;
    }
    call->result = 0;
    if (value && value->kind != SCRIPT_VALUE_ANY)
        call_differs(call, "its value", call_number(call, 2, 0), number);
}

const struct call_function call_data_functions[] = {
    {"write", 3, 3, true, call_write},     {"send", 4, 4, true, call_send},
    {"sendto", 6, 6, true, call_send},     {"writev", 3, 3, true, call_writev},
    {"sendmsg", 3, 3, true, call_sendmsg}, {"read", 3, 3, true, call_read},
    {"recv", 4, 4, true, call_recv},       {"recvfrom", 6, 6, true, call_recv},
    {"readv", 3, 3, true, call_readv},     {"recvmsg", 3, 3, true, call_recvmsg},
    {"ioctl", 3, 3, true, call_ioctl},     {0, 0, 0, false, 0},
};
