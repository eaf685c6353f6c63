/* tests/fuzz/sockets_transfer.c: see sockets.h. */
#include "fuzz/sockets.h"

#include "base/bytes.h"
#include <string.h>

#define FIRST_FD 3
#define SETTLE_STEPS 3000

static const int send_errors[] = {
    RILL_EBADF,      RILL_EAGAIN,        RILL_EPIPE,        RILL_ENOTCONN,    RILL_EDESTADDRREQ,
    RILL_EMSGSIZE,   RILL_EINVAL,        RILL_EOPNOTSUPP,   RILL_ENOBUFS,     RILL_ECONNRESET,
    RILL_ETIMEDOUT,  RILL_ECONNREFUSED,  RILL_EHOSTUNREACH, RILL_ENETUNREACH, RILL_EACCES,
    RILL_EADDRINUSE, RILL_EADDRNOTAVAIL, RILL_EAFNOSUPPORT, RILL_ECONNABORTED};
static const int receive_errors[] = {RILL_EBADF,        RILL_EAGAIN,       RILL_ENOTCONN,
                                     RILL_EINVAL,       RILL_ECONNRESET,   RILL_ETIMEDOUT,
                                     RILL_ECONNREFUSED, RILL_EHOSTUNREACH, RILL_EPIPE,
                                     RILL_ECONNABORTED, RILL_ENETUNREACH};
#define COUNT(list) (sizeof(list) / sizeof *(list))

static bool same(const struct rill_endpoint *a, const struct rill_endpoint *b) {
    return a->port == b->port && rill_address_equal(&a->address, &b->address);
}

void sockets_new_stream(struct run *run, int host, int at) {
    struct rill_tcp_info info;
    rill_handle handle = rill_socket_handle(run->sockets[host], at + FIRST_FD);
    FUZZ_REQUIRE(rill_tcp_get_info(run->test.world.stacks[host], handle, &info) == 0);
    run->streams[run->stream_count].local = info.local;
    run->streams[run->stream_count].remote = info.remote;
    run->fds[host][at].writes = (int)run->stream_count++;
}

/* Streams that may be what the descriptor reads: those with its addresses the other way round. */
static void find_candidates(struct run *run, int host, int at) {
    struct descriptor *descriptor = &run->fds[host][at];
    if (descriptor->writes < 0 || descriptor->read)
        return;
    const struct stream *own = &run->streams[descriptor->writes];
    descriptor->candidates = 0;
    for (unsigned i = 0; i < run->stream_count; i++)
        if (same(&run->streams[i].local, &own->remote) &&
            same(&run->streams[i].remote, &own->local))
            descriptor->candidates |= UINT64_C(1) << i;
}

/* Bytes of what is read, from its position `from` on; those of no candidate are nobody's. */
static void check_bytes(struct run *run, struct descriptor *descriptor, uint32_t from,
                        const uint8_t *data, size_t length) {
    for (unsigned i = 0; i < run->stream_count; i++) {
        bool fits = from + length <= run->streams[i].sent;
        for (size_t k = 0; k < length && fits; k++)
            fits = data[k] == test_byte(i + 1, from + k);
        if (!fits)
            descriptor->candidates &= ~(UINT64_C(1) << i);
    }
    FUZZ_REQUIRE(descriptor->candidates);
}

/* The peer's FIN came after all that it has written. */
static void check_end(struct run *run, const struct descriptor *descriptor) {
    bool ends = false;
    for (unsigned i = 0; i < run->stream_count; i++)
        if (descriptor->candidates >> i & 1)
            ends |= run->streams[i].sent == descriptor->read && run->streams[i].closed;
    FUZZ_REQUIRE(ends);
}

static void send_stream(struct run *run, int host, int at, uint8_t how, size_t length) {
    static uint8_t data[SOCKETS_BYTES];
    struct descriptor *descriptor = &run->fds[host][at];
    struct stream *stream = descriptor->writes < 0 ? 0 : &run->streams[descriptor->writes];
    for (size_t i = 0; i < length; i++)
        data[i] = stream ? test_byte((uint64_t)descriptor->writes + 1, stream->sent + i) : 0;
    struct rill_iovec parts[3] = {
        {data, length / 3}, {data + length / 3, 0}, {data + length / 3, length - length / 3}};
    struct rill_message message = {.iov = parts, .iov_count = 3};
    int flags = how & 4 ? RILL_MSG_NOSIGNAL : how == 0x38 ? RILL_MSG_OOB : 0;
    int64_t n = how & 1 ? rill_sendmsg(run->sockets[host], at + FIRST_FD, &message, flags)
                        : rill_send(run->sockets[host], at + FIRST_FD, data, length, flags);
    fuzz_say("host %d: send(%d, %zu) = %lld", host, at, length, (long long)n);
    FUZZ_REQUIRE(sockets_allows(run, n, send_errors, COUNT(send_errors)));
    FUZZ_REQUIRE((n == -RILL_EBADF) == !descriptor->open);
    FUZZ_REQUIRE(n <= (int64_t)length);
    if (n > 0) {
        FUZZ_REQUIRE(stream && !stream->closed);
        stream->sent += (uint32_t)n;
    }
}

static void send_datagram(struct run *run, int host, int at, uint8_t how, size_t length) {
    static uint8_t data[SOCKETS_BYTES];
    static const uint16_t ports[] = {80, 81, 2000, 2001};
    struct rill_endpoint to = {run->addresses[run->loopback ? 0 : !host][how & 1],
                               ports[how >> 1 & 3], 0};
    struct rill_ancillary with = {.present = how & 7,
                                  .local = run->addresses[host][how & 1],
                                  .hop_limit = how,
                                  .traffic_class = how};
    struct rill_iovec parts[2] = {{data, length / 2}, {data + length / 2, length - length / 2}};
    struct rill_message message = {
        .name = &to, .iov = parts, .iov_count = 2, .ancillary = how & 16 ? &with : 0};
    for (size_t i = 0; i < length; i++)
        data[i] = test_byte(run->datagrams, i);
    if (length >= 4)
        bytes_put32(data, run->datagrams);
    int64_t n = how & 8    ? rill_sendmsg(run->sockets[host], at + FIRST_FD, &message, 0)
                : how & 32 ? rill_send(run->sockets[host], at + FIRST_FD, data, length, 0)
                           : rill_sendto(run->sockets[host], at + FIRST_FD, data, length, 0, &to);
    FUZZ_REQUIRE(sockets_allows(run, n, send_errors, COUNT(send_errors)));
    FUZZ_REQUIRE(n < 0 || n == (int64_t)length);
    if (n >= 0)
        run->datagram_length[run->datagrams++ % SOCKETS_DATAGRAMS] = (uint32_t)length;
}

void sockets_send(struct run *run, int host, int at, uint8_t how) {
    size_t length = input_8(&run->input);
    length = how & 64 ? length * (SOCKETS_BYTES / 255) : length;
    if (run->fds[host][at].open && !run->fds[host][at].stream_type)
        send_datagram(run, host, at, how, length);
    else
        send_stream(run, host, at, how, length);
}

static void receive_datagram(struct run *run, int host, int at, uint8_t how, size_t length) {
    static uint8_t data[SOCKETS_BYTES];
    struct rill_endpoint from;
    struct rill_ancillary with;
    struct rill_iovec parts[2] = {{data, length / 2}, {data + length / 2, length - length / 2}};
    struct rill_message message = {
        .name = &from, .iov = parts, .iov_count = 2, .ancillary = how & 4 ? &with : 0};
    int flags = (how & 1 ? RILL_MSG_PEEK : 0) | (how & 2 ? RILL_MSG_TRUNC : 0);
    int64_t n = how & 8
                    ? rill_recvmsg(run->sockets[host], at + FIRST_FD, &message, flags)
                    : rill_recvfrom(run->sockets[host], at + FIRST_FD, data, length, flags, &from);
    FUZZ_REQUIRE(sockets_allows(run, n, receive_errors, COUNT(receive_errors)));
    if (n < 0)
        return;
    size_t got = (size_t)n < length ? (size_t)n : length;
    FUZZ_REQUIRE((size_t)n <= length || how & 2);
    FUZZ_REQUIRE(from.port);
    if (got < 4)
        return;
    uint32_t number = bytes_get32(data);
    FUZZ_REQUIRE(number < run->datagrams);
    if (run->datagrams - number > SOCKETS_DATAGRAMS)
        return;
    uint32_t whole = run->datagram_length[number % SOCKETS_DATAGRAMS];
    FUZZ_REQUIRE(n == (int64_t)whole || (got == length && n <= (int64_t)whole));
    for (size_t i = 4; i < got; i++)
        FUZZ_REQUIRE(data[i] == test_byte(number, i));
}

static void receive_stream(struct run *run, int host, int at, uint8_t how, size_t length) {
    static uint8_t data[SOCKETS_BYTES];
    struct descriptor *descriptor = &run->fds[host][at];
    struct rill_iovec parts[3] = {
        {data, length / 3}, {data + length / 3, 0}, {data + length / 3, length - length / 3}};
    struct rill_message message = {.iov = parts, .iov_count = 3};
    bool peek = how & 1, discard = (how & 6) == 6;
    int flags = (peek ? RILL_MSG_PEEK : 0) | (discard ? RILL_MSG_TRUNC : 0) |
                (how & 16 ? RILL_MSG_WAITALL : 0);
    rill_handle handle = rill_socket_handle(run->sockets[host], at + FIRST_FD);
    bool ended =
        handle && rill_ready(run->test.world.stacks[host], handle) & RILL_EVENT_PEER_CLOSED;
    int64_t n = how & 8 ? rill_recvmsg(run->sockets[host], at + FIRST_FD, &message, flags)
                        : rill_recv(run->sockets[host], at + FIRST_FD, data, length, flags);
    fuzz_say("host %d: recv(%d, %zu, flags %d) = %lld", host, at, length, flags, (long long)n);
    FUZZ_REQUIRE(sockets_allows(run, n, receive_errors, COUNT(receive_errors)));
    FUZZ_REQUIRE((n == -RILL_EBADF) == !descriptor->open);
    FUZZ_REQUIRE(n <= (int64_t)length);
    if (n < 0)
        return;
    find_candidates(run, host, at);
    if (n > 0 && !discard)
        check_bytes(run, descriptor, descriptor->read, data, (size_t)n);
    if (n > 0 && !peek)
        descriptor->read += (uint32_t)n;
    if (n == 0 && length && ended && !descriptor->read_closed)
        check_end(run, descriptor);
}

void sockets_receive(struct run *run, int host, int at, uint8_t how) {
    size_t length = input_8(&run->input);
    length = how & 64 ? length * (SOCKETS_BYTES / 255) : length;
    if (run->fds[host][at].open && !run->fds[host][at].stream_type)
        receive_datagram(run, host, at, how, length);
    else
        receive_stream(run, host, at, how, length);
}

/* The descriptor that writes what this one reads, if that is certain and both may still. */
static const struct descriptor *writer_of(struct run *run, int host, int at, uint32_t *sent) {
    struct descriptor *reader = &run->fds[host][at];
    const struct descriptor *writer = 0;
    int bad = RILL_POLLERR | RILL_POLLHUP | RILL_POLLNVAL;
    find_candidates(run, host, at);
    if (!reader->open || !reader->stream_type || reader->writes < 0 || reader->read_closed ||
        !reader->candidates || reader->candidates & (reader->candidates - 1) ||
        rill_poll_one(run->sockets[host], at + FIRST_FD) & bad)
        return 0;
    for (int other = 0; other < 2; other++)
        for (int i = 0; i < SOCKETS_FDS; i++) {
            const struct descriptor *one = &run->fds[other][i];
            if (!one->open || one->writes < 0 || !(reader->candidates >> one->writes & 1) ||
                rill_poll_one(run->sockets[other], i + FIRST_FD) & bad)
                continue;
            writer = one;
            *sent = run->streams[one->writes].sent;
        }
    return writer;
}

void sockets_settle(struct run *run) {
    /* Without loss, without failing memory: what has been written must arrive. */
    run->test.memory.fail_at = 0;
    for (int round = 0; round < SETTLE_STEPS; round++) {
        bool missing = false;
        for (int host = 0; host < 2; host++)
            for (int at = 0; at < SOCKETS_FDS; at++) {
                struct descriptor *reader = &run->fds[host][at];
                uint32_t sent = 0;
                if (!reader->open || !reader->stream_type || reader->writes < 0)
                    continue;
                receive_stream(run, host, at, 0, SOCKETS_BYTES);
                if (writer_of(run, host, at, &sent) && reader->read < sent)
                    missing = true;
            }
        if (!missing || !run->lossless)
            return;
        sockets_step_world(run, 0xff);
    }
    fuzz_fail("what was written has not arrived", __FILE__, __LINE__);
}
