/* tests/fuzz/sockets.c: the calls of rill/socket.h in any order, on one host or two, with time that
 * passes, paths that lose, and memory that ends. Each answer is one the header names; numbers are
 * given out and come back as they should; streams and datagrams arrive as they were sent
 * (sockets_transfer.c); and when all is closed nothing is left. */
#include "fuzz/sockets.h"

#include <string.h>

const char fuzz_target[] = "sockets";

#define FIRST_FD 3

bool sockets_allows(const struct run *run, int64_t result, const int *errors, size_t count) {
    if (result >= 0)
        return true;
    if (run->failing && (result == -RILL_ENOMEM || result == -RILL_ENOBUFS))
        return true;
    for (size_t i = 0; i < count; i++)
        if (result == -errors[i])
            return true;
    return false;
}
#define ALLOWS(run, result, ...)                                                                   \
    FUZZ_REQUIRE(sockets_allows(run, result, (const int[]){__VA_ARGS__},                           \
                                sizeof((const int[]){__VA_ARGS__}) / sizeof(int)))

static void add_addresses(struct run *run, int host) {
    struct rill_stack *stack = run->test.world.stacks[host];
    struct rill_address *own = run->addresses[host];
    own[0] = rill_address_ipv4(10, 0, 0, (uint8_t)(host + 1));
    FUZZ_REQUIRE(rill_address_parse(host ? "fd00::2" : "fd00::1", &own[1]) == 0);
    int error = rill_address_add(stack, 0, &own[0], 24);
    FUZZ_REQUIRE(error == 0 || error == RILL_ERROR_ADDRESS_IN_USE);
    error = rill_address_add(stack, 0, &own[1], 64);
    FUZZ_REQUIRE(error == 0 || error == RILL_ERROR_ADDRESS_IN_USE);
    if (!run->loopback)
        return;
    own[0] = rill_address_ipv4(127, 0, 0, 1);
    memset(&own[1], 0, sizeof own[1]);
    own[1].bytes[15] = 1;
    FUZZ_REQUIRE(rill_address_add(stack, 0, &own[0], 8) == 0);
    FUZZ_REQUIRE(rill_address_add(stack, 0, &own[1], 128) == 0);
}

static void open_run(struct run *run) {
    static const uint32_t buffers[] = {1000, 8000, 60000, 1000000};
    struct test_world *test = &run->test;
    uint8_t how = input_8(&run->input), more = input_8(&run->input);
    test_world_init(test, how);
    run->loopback = how & 1;
    run->lossless = !(how & 2);
    if (!run->loopback && how & 4) {
        test_world_delay(test, 5 * RILL_MILLISECOND);
        for (int i = 0; i < 2 && !run->lossless; i++) {
            test->path[i].loss = RILL_CERTAIN / 20;
            test->path[i].reorder = RILL_CERTAIN / 20;
            test->path[i].duplicate = RILL_CERTAIN / 20;
        }
    }
    test->journal = fuzz_journal_begin();
    for (int i = 0; i < 2; i++) {
        test->config[i].receive_buffer = buffers[how >> 3 & 3];
        test->config[i].send_buffer = buffers[how >> 5 & 3];
        test->config[i].memory_limit = how & 128 ? 100000 : 4u << 20;
        test->config[i].syn_retries = 1;
        test->config[i].data_retries = 3;
        test->config[i].statistics = more & 1;
        test->config[i].port_first = more & 2 ? 1024 : 2000;
        test->config[i].port_last = more & 2 ? 65535 : 2003;
        test->config[i].time_wait = more & 4 ? RILL_SECOND : 60 * RILL_SECOND;
        if (run->loopback) {
            test->interface[i].flags = RILL_INTERFACE_LOOPBACK;
            test->interface[i].mtu = more & 8 ? 1280 : 65535;
        }
    }
    FUZZ_REQUIRE(test_world_open(test) == 0);
    for (int i = 0; i < 2; i++) {
        struct rill_sockets_config config;
        rill_sockets_config_default(&config);
        config.allocator = test->allocator;
        config.first = FIRST_FD;
        config.max = SOCKETS_FDS;
        for (int at = 0; at < SOCKETS_FDS; at++)
            run->fds[i][at].writes = -1;
        add_addresses(run, i);
        FUZZ_REQUIRE(rill_sockets_open(test->world.stacks[i], &config, &run->sockets[i]) == 0);
    }
}

/* The loopback gets its own packets back. */
static void step_loopback(struct run *run, rill_time until) {
    struct rill_stack *stack = run->test.world.stacks[0];
    struct rill_packet *packets[64];
    size_t n = rill_output(stack, 0, packets, 64, SIZE_MAX, run->test.world.now);
    if (n) {
        rill_input(stack, 0, packets, n, run->test.world.now);
        return;
    }
    rill_time next = rill_deadline(stack);
    run->test.world.now = next < until ? next : until;
    rill_advance(stack, run->test.world.now, 0);
}

void sockets_step_world(struct run *run, uint8_t how) {
    static const uint64_t times[] = {1000000, 50000000, 1000000000, 100000000000};
    rill_time until = run->test.world.now + times[how >> 6];
    struct rill_event events[8];
    fuzz_say("steps, how %d", how);
    for (unsigned i = 0; i < (how & 31) + 1u && run->test.world.now < until; i++) {
        if (run->loopback)
            step_loopback(run, until);
        else if (!rill_virtual_step(&run->test.world, until))
            break;
    }
    for (int host = 0; how & 32 && host < 2; host++) {
        size_t n = rill_events(run->test.world.stacks[host], events, 8);
        for (size_t i = 0; i < n; i++) {
            int fd = rill_socket_of(run->sockets[host], &events[i]);
            FUZZ_REQUIRE(fd == -RILL_EBADF || run->fds[host][fd - FIRST_FD].open);
        }
    }
}

static struct rill_endpoint some_endpoint(struct run *run, int host, uint8_t how) {
    static const uint16_t ports[] = {80, 81, 2000, 2001};
    struct rill_endpoint endpoint = {run->addresses[host][how & 1], ports[how >> 1 & 3], 0};
    if (how & 8)
        memset(&endpoint.address, 0, 16);
    if ((how & 0x70) == 0x70)
        endpoint.port = 0;
    if ((how & 0x70) == 0x60)
        endpoint.address = how & 1 ? rill_address_ipv4(0, 0, 0, 0) : rill_address_ipv4(10, 9, 9, 9);
    if ((how & 0xf0) == 0xd0)
        endpoint.address =
            how & 1 ? rill_address_ipv4(255, 255, 255, 255) : rill_address_ipv4(224, 0, 0, 9);
    return endpoint;
}

/* The number a new descriptor must have; -1: there is none. */
static int smallest_free(const struct run *run, int host) {
    for (int i = 0; i < SOCKETS_FDS; i++)
        if (!run->fds[host][i].open)
            return i;
    return -1;
}

static void opened(struct run *run, int host, int result, int expected, bool stream, int family) {
    if (result < 0) {
        FUZZ_REQUIRE(expected >= 0 || result == -RILL_EMFILE || run->failing);
        return;
    }
    FUZZ_REQUIRE(result - FIRST_FD == expected);
    run->fds[host][expected] =
        (struct descriptor){.open = true, .stream_type = stream, .family = family, .writes = -1};
}

static void open_socket(struct run *run, int host, uint8_t how) {
    int family = how & 1 ? RILL_AF_INET : RILL_AF_INET6;
    int type = how & 6 ? RILL_SOCK_STREAM : RILL_SOCK_DGRAM;
    int expected = smallest_free(run, host);
    int fd = rill_socket(run->sockets[host], how == 0xff ? 99 : family,
                         (how == 0xfe ? 5 : type) | (how & 64 ? RILL_SOCK_NONBLOCK : 0),
                         how & 128 ? RILL_IPPROTO_TCP : 0);
    ALLOWS(run, fd, RILL_EAFNOSUPPORT, RILL_EINVAL, RILL_ESOCKTNOSUPPORT, RILL_EPROTONOSUPPORT,
           RILL_EMFILE);
    fuzz_say("host %d: socket(how %d) = %d", host, how, fd);
    if (fd >= 0 || fd == -RILL_EMFILE)
        opened(run, host, fd, expected, type == RILL_SOCK_STREAM, family);
}

static void forget(struct run *run, int host, int at) {
    struct descriptor *descriptor = &run->fds[host][at];
    if (descriptor->writes >= 0)
        run->streams[descriptor->writes].closed = true;
    descriptor->writes = -1;
    descriptor->candidates = 0;
    descriptor->read = 0;
    descriptor->read_closed = false;
}

static void close_socket(struct run *run, int host, int at) {
    int result = rill_socket_close(run->sockets[host], at + FIRST_FD);
    fuzz_say("host %d: close(%d) = %d", host, at, result);
    FUZZ_REQUIRE(result == (run->fds[host][at].open ? 0 : -RILL_EBADF));
    forget(run, host, at);
    run->fds[host][at].open = false;
}

static void accept_one(struct run *run, int host, int at) {
    struct rill_endpoint peer;
    int expected = smallest_free(run, host);
    if (run->stream_count == SOCKETS_STREAMS)
        return;
    int fd = rill_accept(run->sockets[host], at + FIRST_FD, &peer);
    ALLOWS(run, fd, RILL_EBADF, RILL_EAGAIN, RILL_EINVAL, RILL_EOPNOTSUPP, RILL_EMFILE);
    fuzz_say("host %d: accept(%d) = %d", host, at, fd);
    FUZZ_REQUIRE((fd == -RILL_EBADF) == !run->fds[host][at].open);
    if (fd < 0)
        return;
    opened(run, host, fd, expected, true, run->fds[host][at].family);
    sockets_new_stream(run, host, expected);
    FUZZ_REQUIRE(peer.port && rill_socket_handle(run->sockets[host], fd));
}

static void connect_one(struct run *run, int host, int at, uint8_t how) {
    struct descriptor *descriptor = &run->fds[host][at];
    struct rill_endpoint to = some_endpoint(run, run->loopback ? 0 : how & 128 ? host : !host, how);
    bool nobody = how == 0x7f;
    if (run->stream_count == SOCKETS_STREAMS)
        return;
    int result = rill_connect(run->sockets[host], at + FIRST_FD, nobody ? 0 : &to);
    ALLOWS(run, result, RILL_EBADF, RILL_EINPROGRESS, RILL_EALREADY, RILL_EISCONN, RILL_EINVAL,
           RILL_EAFNOSUPPORT, RILL_ENETUNREACH, RILL_EADDRNOTAVAIL, RILL_EADDRINUSE, RILL_EACCES,
           RILL_EOPNOTSUPP, RILL_ECONNREFUSED, RILL_ECONNRESET, RILL_ETIMEDOUT, RILL_EHOSTUNREACH,
           RILL_ECONNABORTED, RILL_EPIPE, RILL_ENOBUFS);
    fuzz_say("host %d: connect(%d, how %d) = %d", host, at, how, result);
    FUZZ_REQUIRE((result == -RILL_EBADF) == !descriptor->open);
    if (nobody && result == 0)
        forget(run, host, at);
    if (result == -RILL_EINPROGRESS) {
        forget(run, host, at);
        sockets_new_stream(run, host, at);
    }
}

static void shut_down(struct run *run, int host, int at, uint8_t how) {
    struct descriptor *descriptor = &run->fds[host][at];
    bool was_connecting = false;
    if (descriptor->open && descriptor->writes >= 0) {
        struct rill_endpoint peer;
        was_connecting = rill_getpeername(run->sockets[host], at + FIRST_FD, &peer) != 0;
    }
    int result = rill_shutdown(run->sockets[host], at + FIRST_FD, how % 4);
    ALLOWS(run, result, RILL_EBADF, RILL_EINVAL, RILL_ENOTCONN, RILL_EADDRINUSE, RILL_EADDRNOTAVAIL,
           RILL_ENOBUFS, RILL_ENOMEM);
    fuzz_say("host %d: shutdown(%d, %d) = %d", host, at, how % 4, result);
    FUZZ_REQUIRE((result == -RILL_EBADF) == !descriptor->open);
    if (result || how % 4 == 3)
        return;
    descriptor->read_closed |= how % 4 != RILL_SHUT_WR;
    if (descriptor->writes >= 0 && how % 4 != RILL_SHUT_RD)
        run->streams[descriptor->writes].closed = true;
    if (was_connecting) /* given up */
        forget(run, host, at);
}

static void options(struct run *run, int host, int at, uint8_t how) {
    static const struct {
        uint8_t level, option;
    } known[] = {{1, 2},   {1, 3},   {1, 4},   {1, 6},   {1, 7},   {1, 8},   {1, 9},   {1, 13},
                 {1, 15},  {1, 30},  {1, 38},  {1, 39},  {6, 1},   {6, 2},   {6, 4},   {6, 5},
                 {6, 6},   {6, 11},  {0, 1},   {0, 2},   {0, 8},   {0, 12},  {0, 13},  {0, 32},
                 {0, 33},  {41, 16}, {41, 17}, {41, 18}, {41, 26}, {41, 49}, {41, 51}, {41, 66},
                 {41, 67}, {1, 10},  {1, 12},  {1, 55},  {6, 3},   {6, 10},  {6, 12},  {6, 13},
                 {6, 26},  {6, 36},  {0, 14},  {41, 24}};
    uint8_t which = input_8(&run->input), value[16] = {0}, got[512];
    int level = known[which % (sizeof known / 2)].level;
    int option = known[which % (sizeof known / 2)].option;
    size_t length = input_8(&run->input) % 3 ? 8 : how % 9, room = how;
    if (which >= 240)
        option = input_8(&run->input);
    for (int i = 0; i < 4; i++)
        value[i] = i < (how >> 6) + 1 ? input_8(&run->input) : 0;
    int result = rill_setsockopt(run->sockets[host], at + FIRST_FD, level, option, value, length);
    ALLOWS(run, result, RILL_EBADF, RILL_ENOPROTOOPT, RILL_EINVAL, RILL_EDOM, RILL_EFAULT,
           RILL_ENOENT, RILL_EPROTO, RILL_ENODEV, RILL_EADDRNOTAVAIL, RILL_EADDRINUSE,
           RILL_ENOBUFS);
    memset(got, 0xee, sizeof got);
    result = rill_getsockopt(run->sockets[host], at + FIRST_FD, level, option, got, &room);
    ALLOWS(run, result, RILL_EBADF, RILL_ENOPROTOOPT, RILL_EINVAL, RILL_EFAULT, RILL_EOPNOTSUPP,
           RILL_ENOTCONN);
    FUZZ_REQUIRE(room <= how && got[how] == 0xee);
}

static void poll_all(struct run *run, int host) {
    struct rill_pollfd fds[SOCKETS_FDS + 1];
    int found = 0;
    for (int i = 0; i <= SOCKETS_FDS; i++)
        fds[i] = (struct rill_pollfd){i + FIRST_FD, RILL_POLLIN | RILL_POLLOUT | RILL_POLLRDHUP, 0};
    int result = rill_poll(run->sockets[host], fds, SOCKETS_FDS + 1);
    for (int i = 0; i <= SOCKETS_FDS; i++) {
        bool open = i < SOCKETS_FDS && run->fds[host][i].open;
        FUZZ_REQUIRE((fds[i].revents == RILL_POLLNVAL) == !open);
        FUZZ_REQUIRE(!(fds[i].revents & (RILL_POLLPRI | RILL_POLLRDBAND)));
        found += fds[i].revents != 0;
    }
    FUZZ_REQUIRE(found == result);
}

static void names(struct run *run, int host, int at) {
    struct rill_endpoint name = {{{0}}, 0, 0};
    bool open = run->fds[host][at].open;
    int result = rill_getsockname(run->sockets[host], at + FIRST_FD, &name);
    FUZZ_REQUIRE(result == (open ? 0 : -RILL_EBADF));
    result = rill_getpeername(run->sockets[host], at + FIRST_FD, &name);
    ALLOWS(run, result, RILL_EBADF, RILL_ENOTCONN);
    FUZZ_REQUIRE(result || name.port);
}

static void bind_or_listen(struct run *run, int host, int at, uint8_t how) {
    struct rill_endpoint local = some_endpoint(run, how & 128 ? !host : host, how);
    int result = 0;
    if (run->loopback)
        local = some_endpoint(run, 0, how);
    if (how % 5) {
        result = rill_bind(run->sockets[host], at + FIRST_FD, &local);
        ALLOWS(run, result, RILL_EBADF, RILL_EINVAL, RILL_EADDRINUSE, RILL_EADDRNOTAVAIL,
               RILL_EAFNOSUPPORT);
    }
    if (how % 5 < 3) {
        result = rill_listen(run->sockets[host], at + FIRST_FD, how >> 4);
        ALLOWS(run, result, RILL_EBADF, RILL_EINVAL, RILL_EADDRINUSE, RILL_EOPNOTSUPP,
               RILL_EADDRNOTAVAIL);
    }
    fuzz_say("host %d: bind, listen(%d, how %d) = %d", host, at, how, result);
    FUZZ_REQUIRE((result == -RILL_EBADF) == !run->fds[host][at].open);
}

/* What the application does not see: memory that ends, links and groups that come and go. */
static void trouble(struct run *run, int host, uint8_t how) {
    struct rill_stack *stack = run->test.world.stacks[host];
    const struct rill_address group = rill_address_ipv4(224, 0, 0, 9);
    fuzz_say("host %d: trouble %d", host, how);
    if (how & 1) {
        run->test.memory.fail_at = run->test.memory.calls + 1 + how / 16;
        run->failing = true;
        return;
    }
    switch (how >> 1 & 7) {
    case 0:
        rill_link_set(stack, 0, false);
        run->lossless = false;
        break;
    case 1:
    case 2:
        rill_link_set(stack, 0, true);
        break;
    case 3:
        (void)!rill_group_join(stack, 0, &group);
        break;
    case 4:
        rill_group_leave(stack, 0, &group);
        break;
    case 5:
        rill_address_remove(stack, 0, &run->addresses[host][how >> 4 & 1]);
        run->lossless = false;
        break;
    default:
        (void)!rill_address_add(stack, 0, &run->addresses[host][how >> 4 & 1], how & 16 ? 64 : 24);
        break;
    }
}

static void one_step(struct run *run) {
    uint8_t what = input_8(&run->input), how = input_8(&run->input);
    int host = run->loopback ? 0 : what >> 7, at = (what >> 4 & 7) + (how >> 7) * 4;
    switch (what % 16) {
    case 0:
        open_socket(run, host, how);
        break;
    case 1:
        close_socket(run, host, at);
        break;
    case 2:
        bind_or_listen(run, host, at, how);
        break;
    case 3:
        connect_one(run, host, at, how);
        break;
    case 4:
        accept_one(run, host, at);
        break;
    case 5:
        shut_down(run, host, at, how);
        break;
    case 6:
        options(run, host, at, how);
        break;
    case 7:
        poll_all(run, host);
        names(run, host, at);
        break;
    case 8:
    case 9:
        sockets_receive(run, host, at, how);
        break;
    case 10:
    case 11:
        sockets_send(run, host, at, how);
        break;
    case 12:
        trouble(run, host, how);
        break;
    default:
        sockets_step_world(run, how);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct run run;
    memset(&run, 0, sizeof run);
    run.input = (struct fuzz_input){data, data + size};
    open_run(&run);
    while (!input_done(&run.input))
        one_step(&run);
    sockets_settle(&run);
    for (int host = 0; host < 2; host++) {
        for (int at = 0; at < SOCKETS_FDS && size % 2; at++)
            close_socket(&run, host, at);
        rill_sockets_close(run.sockets[host]);
    }
    test_world_close(&run.test);
    FUZZ_REQUIRE(run.test.memory.live_bytes == 0 && run.test.memory.live_blocks == 0);
    if (size % 8 == 1)
        fuzz_journal_replay();
    return 0;
}
