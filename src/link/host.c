/* link/host.c: see host.h. */
#include "link/host.h"

#include "base/address.h"
#include "base/util.h"
#include "link/trace_json.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define LINK_LOOK RILL_SECOND      /* how often a link that is down is looked after */
#define FULL_WAIT RILL_MILLISECOND /* how long timers may wait while a link is full */

static void *allocate(void *context, size_t size) {
    (void)context;
    return malloc(size);
}

static void release(void *context, void *memory, size_t size) {
    (void)context;
    (void)size;
    free(memory);
}

/* The first address of a prefix that is not rill's own; false if it has no other. */
static bool default_peer(const struct link_prefix *own, struct link_prefix *peer) {
    unsigned bits = rill_address_is_ipv4(&own->address) ? 96u + own->length : own->length;
    if (bits >= 128)
        return false;
    *peer = *own;
    for (unsigned bit = bits; bit < 128; bit++)
        peer->address.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
    bool pair = bits == 127; /* RFC 3021, RFC 6164: both are hosts */
    if (!pair)
        peer->address.bytes[15] |= 1;
    if (rill_address_equal(&peer->address, &own->address))
        peer->address.bytes[15] ^= pair ? 1 : 3;
    return bits <= 126 || pair;
}

static void prefix(struct link_prefix *out, const char *address, uint8_t length) {
    int error = rill_address_parse(address, &out->address);
    (void)error; /* ours, and right */
    out->length = length;
}

/* Fills in what the user has not said. */
static void complete(struct host_config *config) {
    if (config->address_count == 0 && !config->autoconfigure) {
        prefix(&config->addresses[config->address_count++], "10.77.0.2", 24);
        if (config->mtu == 0 || config->mtu >= 1280) /* RFC 8200 §5 */
            prefix(&config->addresses[config->address_count++], "fd77::2", 64);
    }
    if (config->peer_count)
        return;
    for (size_t i = 0; i < config->address_count; i++)
        if (default_peer(&config->addresses[i], &config->peers[config->peer_count]))
            config->peer_count++;
}

static bool write_all(void *context, const uint8_t *data, size_t length) {
    return fwrite(data, 1, length, context) == length;
}

static FILE *open_file(const char *name, const char *option, struct link_error *error) {
    FILE *file = fopen(name, "wbe");
    if (!file)
        link_error_set(error, LINK_FAILED,
                       "cannot write %s: %s; give %s a path that can be written", name,
                       strerror(errno), option);
    return file;
}

static bool open_files(struct host *host, const struct host_config *config,
                       struct link_error *error) {
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    host->wall_offset = (uint64_t)wall.tv_sec * RILL_SECOND + (uint64_t)wall.tv_nsec - loop_now();
    host->capture_name = config->capture;
    host->trace_name = config->trace;
    if (config->capture) {
        uint8_t head[RILL_CAPTURE_OVERHEAD];
        host->capture = open_file(config->capture, "--capture", error);
        if (!host->capture)
            return false;
        setvbuf(host->capture, 0, _IOFBF, 1 << 18);
        host->capture_failed = !write_all(host->capture, head, rill_capture_begin(head));
    }
    if (config->journal && !journal_file_open(&host->journal, config->journal)) {
        link_error_set(error, LINK_FAILED,
                       "cannot write %s: %s; give --journal a path that can be written",
                       config->journal, strerror(errno));
        return false;
    }
    if (config->trace)
        host->trace = open_file(config->trace, "--trace", error);
    return !config->trace || host->trace;
}

static void on_link_ready(struct loop_watch *watch, uint32_t events) {
    struct host *host = RILL_CONTAINER(watch, struct host, link_watch);
    host->readable |= (events & ~(uint32_t)EPOLLOUT) != 0;
}

static bool open_link(struct host *host, const struct host_config *config,
                      struct link_error *error) {
    struct link_config link = {.link = config->link,
                               .mtu = (uint32_t)config->mtu,
                               .seed = config->seeded ? &config->seed : 0,
                               .peers = config->peers,
                               .peer_count = config->peer_count};
    memcpy(link.mac, config->mac, sizeof link.mac);
    host->link = link_open(&link, error);
    if (host->link && config->autoconfigure && !host->link->framing) {
        link_error_set(error, LINK_ASKED,
                       "--address auto needs a link with neighbours: tap:NAME or packet:NAME");
        return false;
    }
    return host->link;
}

/* Addresses, and the gateway as the way to everywhere. */
static int add_addresses(struct host *host, const struct host_config *config) {
    int failed = 0;
    for (size_t i = 0; i < config->address_count && !failed; i++) {
        const struct link_prefix *own = &config->addresses[i];
        failed = rill_address_add(host->stack, 0, &own->address, own->length);
        host->addresses[host->address_count++] = *own;
    }
    static const struct rill_address any;
    if (!failed && !rill_address_is_any(&config->gateway))
        failed = rill_route_add(host->stack, 0, &any, 0, &config->gateway);
    return failed;
}

/* Notes the addresses that are in use, and tells of each that is new (or gone). */
static void note_addresses(struct host *host) {
    struct link_prefix now[HOST_ADDRESSES];
    struct rill_address_info info;
    size_t count = 0;
    for (uint32_t i = 0; rill_address_get(host->stack, 0, i, &info) == 0; i++) {
        char text[RILL_ADDRESS_TEXT], line[RILL_ADDRESS_TEXT + 80];
        bool known = false;
        for (size_t k = 0; k < host->address_count; k++)
            known |= rill_address_equal(&host->addresses[k].address, &info.address);
        rill_address_format(&info.address, text);
        bool used = info.state != RILL_ADDRESS_TENTATIVE && info.state != RILL_ADDRESS_DUPLICATE;
        if (used && count < HOST_ADDRESSES)
            now[count++] = (struct link_prefix){info.address, info.prefix_length};
        snprintf(line, sizeof line, "address %s/%u", text, info.prefix_length);
        if (used && !known && host->notice)
            host->notice(line);
        snprintf(line, sizeof line, "address %s is a duplicate: another station has it", text);
        if (info.state == RILL_ADDRESS_DUPLICATE && host->notice)
            host->notice(line);
    }
    for (size_t k = 0; k < host->address_count; k++) {
        char text[RILL_ADDRESS_TEXT], line[RILL_ADDRESS_TEXT + 80];
        bool still = false;
        for (size_t i = 0; i < count; i++)
            still |= rill_address_equal(&host->addresses[k].address, &now[i].address);
        snprintf(line, sizeof line, "address %s is gone",
                 rill_address_format(&host->addresses[k].address, text));
        if (!still && host->notice)
            host->notice(line);
    }
    memcpy(host->addresses, now, sizeof now);
    host->address_count = count;
}

static void on_interface(struct host_target *target, const struct rill_event *event) {
    static const struct {
        uint32_t bit;
        const char *line;
    } lines[] = {
        {RILL_EVENT_LINK_UP, "the link is up"},
        {RILL_EVENT_LINK_DOWN, "the link is down"},
        {RILL_EVENT_ROUTER_FOUND, "a router is there"},
        {RILL_EVENT_ROUTER_LOST, "no router is left"},
        {RILL_EVENT_ADDRESS_DUPLICATE, "another station uses an address of ours"},
    };
    struct host *host = RILL_CONTAINER(target, struct host, interface);
    if (event->bits & (RILL_EVENT_ADDRESS_GAINED | RILL_EVENT_ADDRESS_LOST))
        note_addresses(host);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (event->bits & lines[i].bit && host->notice)
            host->notice(lines[i].line);
}

bool host_await_address(struct host *host, rill_time patience) {
    rill_time until = loop_now() + patience;
    while (!host->loop.stopped && loop_now() < until) {
        for (size_t i = 0; i < host->address_count; i++)
            if (!rill__address_is_link_local(&host->addresses[i].address))
                return true;
        host_round(host, until);
    }
    return false;
}

static bool open_stack(struct host *host, const struct host_config *config,
                       struct link_error *error) {
    struct rill_stack_config stack;
    struct rill_interface_config interface;
    uint32_t number;
    rill_stack_config_default(&stack);
    stack.allocator = (struct rill_allocator){0, allocate, release};
    host->pool = rill_pool_open(&stack.allocator, 0);
    stack.pool = host->pool;
    stack.seed[0] = config->seed;
    if (!config->seeded && getrandom(stack.seed, sizeof stack.seed, 0) != sizeof stack.seed) {
        link_error_set(error, LINK_MACHINE, "no random numbers from the system: %s",
                       strerror(errno));
        return false;
    }
    stack.trace = host->trace ? trace_json : 0;
    stack.trace_context = host->trace;
    journal_file_attach(&host->journal, &stack, 0);
    rill_interface_config_default(&interface);
    interface.mtu = host->link->mtu;
    interface.flags = host->link->flags;
    interface.framing = host->link->framing;
    interface.autoconfigure = config->autoconfigure;
    memcpy(interface.mac, host->link->mac, sizeof interface.mac);
    int failed = host->pool ? rill_stack_open(&stack, &host->stack) : RILL_ERROR_MEMORY;
    if (!failed)
        failed = rill_interface_add(host->stack, &interface, &number);
    host->interface.on_event = on_interface;
    if (!failed)
        failed =
            rill_user_set(host->stack, rill_interface_handle(host->stack, 0), &host->interface);
    if (!failed)
        failed = add_addresses(host, config);
    if (failed)
        link_error_set(error, LINK_FAILED, "cannot set up the host: %s (%zu addresses, MTU %u)",
                       rill_error_text(failed), config->address_count, host->link->mtu);
    return !failed;
}

/* Addresses that make no sense together are told before anything is opened. */
static bool check(const struct host_config *config, struct link_error *error) {
    bool in_reach = rill_address_is_any(&config->gateway);
    for (size_t i = 0; i < config->address_count && !in_reach; i++) {
        const struct link_prefix *own = &config->addresses[i];
        bool ipv4 = rill_address_is_ipv4(&own->address);
        in_reach = ipv4 == rill_address_is_ipv4(&config->gateway) &&
                   rill__address_in_prefix(&config->gateway, &own->address,
                                           own->length + (ipv4 ? 96u : 0u));
    }
    if (!in_reach)
        link_error_set(error, LINK_ASKED,
                       "--gateway lies in no prefix of rill's addresses; add an "
                       "--address of its prefix");
    if (config->mtu && (config->mtu < 68 || config->mtu > 65535)) {
        link_error_set(error, LINK_ASKED, "--mtu is from 68 to 65535");
        return false;
    }
    for (size_t i = 0; i < config->address_count; i++) {
        if (!rill_address_is_ipv4(&config->addresses[i].address) && config->mtu &&
            config->mtu < 1280) {
            link_error_set(error, LINK_ASKED, "IPv6 needs an --mtu of 1280 or more (RFC 8200)");
            return false;
        }
    }
    return in_reach;
}

static void close_parts(struct host *host) {
    if (host->stack)
        rill_stack_close(host->stack);
    for (; host->unsent_at < host->unsent_count; host->unsent_at++)
        rill_packet_drop(host->unsent[host->unsent_at]);
    if (host->link)
        host->link->ops->close(host->link);
    if (host->pool)
        rill_pool_close(host->pool);
    loop_close(&host->loop);
    host->stack = 0;
    host->link = 0;
    host->pool = 0;
}

bool host_open(struct host *host, const struct host_config *given, struct link_error *error) {
    struct host_config config = *given;
    memset(host, 0, sizeof *host);
    host->loop.epoll = host->loop.signals.fd = -1;
    complete(&config);
    if (!check(&config, error))
        return false;
    int cause = loop_open(&host->loop);
    if (cause)
        link_error_set(error, LINK_MACHINE, "no event loop: %s", strerror(cause));
    bool ok = !cause && open_link(host, &config, error) && open_files(host, &config, error) &&
              open_stack(host, &config, error);
    if (ok) {
        host->link_watch = (struct loop_watch){host->link->fd, on_link_ready};
        cause = loop_add(&host->loop, &host->link_watch, EPOLLIN);
        if (cause)
            link_error_set(error, LINK_MACHINE, "cannot watch %s: %s", host->link->name,
                           strerror(cause));
    }
    if (ok && !cause) {
        host->now = loop_now();
        rill_advance(host->stack, host->now, 0);
        return true;
    }
    struct link_error ignored;
    host_close(host, &ignored);
    return false;
}

/* The last line of a trace: what the link has counted. */
static void trace_link(struct host *host) {
    struct link *link = host->link;
    rill_time now = loop_now();
    if (link->ops->count)
        link->ops->count(link);
    fprintf(host->trace,
            "{\"time\":%llu.%09llu,\"kind\":\"link\",\"frames_in\":%llu,\"frames_out\":%llu,"
            "\"bytes_in\":%llu,\"bytes_out\":%llu,\"malformed\":%llu,\"refused\":%llu,"
            "\"lost\":%llu}\n",
            (unsigned long long)(now / RILL_SECOND), (unsigned long long)(now % RILL_SECOND),
            (unsigned long long)link->frames_in, (unsigned long long)link->frames_out,
            (unsigned long long)link->bytes_in, (unsigned long long)link->bytes_out,
            (unsigned long long)link->malformed, (unsigned long long)link->refused,
            (unsigned long long)link->lost);
}

bool host_close(struct host *host, struct link_error *error) {
    bool ok = !host->link || !host->link->gone;
    if (!ok)
        *error = host->link->error;
    if (host->link && host->trace)
        trace_link(host);
    close_parts(host);
    if (host->capture && (fclose(host->capture) || host->capture_failed)) {
        link_error_set(error, LINK_FAILED,
                       "the capture %s is not whole: writing it failed; is the disk "
                       "full?",
                       host->capture_name);
        ok = false;
    }
    if (host->trace) {
        bool failed = ferror(host->trace) != 0;
        if (fclose(host->trace) || failed) {
            link_error_set(error, LINK_FAILED,
                           "the trace %s is not whole: writing it failed; is the "
                           "disk full?",
                           host->trace_name);
            ok = false;
        }
    }
    if (!journal_file_close(&host->journal)) {
        link_error_set(error, LINK_FAILED,
                       "the journal %s is not whole: writing it failed; is the "
                       "disk full?",
                       host->journal.name);
        ok = false;
    }
    host->capture = host->trace = 0;
    return ok;
}

static void capture(struct host *host, const struct rill_packet *packet, int outbound) {
    if (host->capture && !rill_capture_packet(packet, host->now + host->wall_offset, outbound,
                                              write_all, host->capture))
        host->capture_failed = true;
}

static void take_input(struct host *host) {
    struct rill_packet *packets[HOST_BATCH];
    size_t n = host->link->ops->receive(host->link, host->pool, packets, HOST_BATCH);
    host->readable = host->link->waiting;
    for (size_t i = 0; i < n; i++)
        capture(host, packets[i], 0);
    if (n)
        rill_input(host->stack, 0, packets, n, host->now);
    if (host->link->gone)
        host->loop.stopped = SIGHUP;
}

/* Gives the link what was taken from the stack. False: it is full. */
static bool send_unsent(struct host *host) {
    size_t left = host->unsent_count - host->unsent_at;
    size_t done = host->link->ops->send(host->link, host->unsent + host->unsent_at, left);
    for (size_t i = 0; i < done; i++)
        rill_packet_drop(host->unsent[host->unsent_at++]);
    bool full = done < left;
    if (full != host->full)
        loop_set(&host->loop, &host->link_watch, full ? EPOLLIN | EPOLLOUT : EPOLLIN);
    host->full = full;
    return !full;
}

void host_flush(struct host *host) {
    for (;;) {
        if (host->unsent_at == host->unsent_count) {
            host->unsent_count =
                rill_output(host->stack, 0, host->unsent, HOST_BATCH, SIZE_MAX, host->now);
            host->unsent_at = 0;
            for (size_t i = 0; i < host->unsent_count; i++)
                capture(host, host->unsent[i], 1);
        }
        if (host->unsent_count == 0 || !send_unsent(host))
            return;
    }
}

static void tell_events(struct host *host) {
    struct rill_event events[HOST_BATCH];
    size_t n;
    while ((n = rill_events(host->stack, events, HOST_BATCH)) > 0) {
        for (size_t i = 0; i < n; i++) {
            struct host_target *target = events[i].user;
            if (target)
                target->on_event(target, &events[i]);
        }
    }
}

/* When a round must end at the latest, for the stack's and the link's sake. */
static rill_time round_deadline(const struct host *host) {
    rill_time deadline = rill_deadline(host->stack);
    if (host->readable)
        return 0;
    if (host->full) /* what waits to go out must not keep us awake */
        deadline = RILL_MAX(deadline, loop_now() + FULL_WAIT);
    if (host->link->down)
        deadline = RILL_MIN(deadline, loop_now() + LINK_LOOK);
    return deadline;
}

void host_round(struct host *host, rill_time until) {
    rill_time deadline = round_deadline(host);
    loop_wait(&host->loop, RILL_MIN(until, deadline));
    host->now = loop_now();
    host->readable |= host->link->down;
    if (host->link->down != host->down) {
        host->down = host->link->down;
        rill_link_set(host->stack, 0, !host->down);
    }
    host->rounds++;
    if (host->readable)
        take_input(host);
    rill_advance(host->stack, host->now, 0);
    tell_events(host);
    host_flush(host);
}

bool host_drain(struct host *host, rill_time patience) {
    rill_time until = loop_now() + patience;
    struct rill_stack_info info;
    for (;;) {
        host_flush(host);
        rill_stack_get_info(host->stack, &info);
        if (info.connections == 0)
            return true;
        if (host->loop.stopped || loop_now() >= until)
            return false;
        host_round(host, until);
    }
}

const struct rill_address *host_address(const struct host *host, bool ipv4) {
    for (size_t i = 0; i < host->address_count; i++)
        if (rill_address_is_ipv4(&host->addresses[i].address) == ipv4)
            return &host->addresses[i].address;
    return 0;
}
