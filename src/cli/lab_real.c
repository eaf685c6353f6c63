/* cli/lab_real.c: a path with a link at one end or both, in real time.
 *
 * A round: sleep until a frame is due, a timer of a host's has come or a link is readable; hand
 * over what is due; take in what has come. A frame is due at an exact moment, whenever it is looked
 * at: how late it then is handed over is what the lateness says. The time a frame waits in the
 * kernel before it is read is not in it. */
#include "cli/lab.h"

#include "base/util.h"
#include "link/loop.h"
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define BATCH 64
#define LINK_LOOK RILL_SECOND      /* how often a link that is down is looked after */
#define PATIENCE (5 * RILL_SECOND) /* for the last ACKs, when all flows are over */

/* A link as an end. */
struct port {
    struct loop_watch watch;
    struct link *link; /* null: the end is a host */
    bool readable, full;
    struct rill_packet *unsent[BATCH]; /* came out of the path, and the link was full … */
    size_t unsent_count, unsent_at;    /* … after so many of them */
};

struct real {
    struct lab *lab;
    struct loop loop;
    struct port ports[2]; /* by end */
};

static void on_ready(struct loop_watch *watch, uint32_t events) {
    struct port *port = RILL_CONTAINER(watch, struct port, watch);
    port->readable |= (events & ~(uint32_t)EPOLLOUT) != 0;
    if (events & EPOLLOUT)
        port->full = false;
}

static void note_late(struct lab *lab, int way, rill_time due, rill_time now) {
    uint64_t late = now > due ? now - due : 0;
    rill__histogram_add(&lab->late[way], late);
    lab->latest[way] = RILL_MAX(lab->latest[way], late);
}

/* Gives the link what has come out of the path. False: it is full. */
static bool send_unsent(struct real *real, int end) {
    struct port *port = &real->ports[end];
    size_t left = port->unsent_count - port->unsent_at;
    if (!left)
        return true;
    size_t done = port->link->ops->send(port->link, port->unsent + port->unsent_at, left);
    rill_time now = loop_now();
    for (size_t i = 0; i < done; i++) {
        struct rill_packet *packet = port->unsent[port->unsent_at++];
        note_late(real->lab, !end, packet->arrival, now);
        rill_packet_drop(packet);
    }
    bool full = done < left;
    if (full != port->full)
        loop_set(&real->loop, &port->watch, full ? EPOLLIN | EPOLLOUT : EPOLLIN);
    port->full = full;
    return !full;
}

/* Hands over what is due at the far end of a path. */
static void release(struct real *real, int way) {
    struct lab *lab = real->lab;
    struct rill_path *path = lab->world.paths[way];
    struct port *port = &real->ports[!way];
    for (;;) {
        struct rill_packet *packets[BATCH];
        if (port->link && !send_unsent(real, !way))
            return;
        lab->world.now = loop_now();
        if (rill_path_next(path) > lab->world.now)
            return;
        size_t n =
            rill_path_receive(path, port->link ? port->unsent : packets, BATCH, lab->world.now);
        if (port->link) {
            port->unsent_count = n;
            port->unsent_at = 0;
        } else if (n) {
            for (size_t i = 0; i < n; i++)
                note_late(lab, way, packets[i]->arrival, lab->world.now);
            rill_input(lab->world.stacks[!way], 0, packets, n, lab->world.now);
        }
    }
}

/* What has come by a link goes into the path. */
static void take_in(struct real *real, int end) {
    struct port *port = &real->ports[end];
    struct rill_packet *packets[BATCH];
    if (!port->link || !(port->readable || port->link->down))
        return;
    size_t n = port->link->ops->receive(port->link, real->lab->pool, packets, BATCH);
    port->readable = n == BATCH || port->link->waiting;
    rill_time now = real->lab->world.now = loop_now();
    for (size_t i = 0; i < n; i++) {
        lab_world_tap(real->lab, end, packets[i], now);
        rill_path_send(real->lab->world.paths[end], packets[i], now);
    }
}

/* Lets a host do what is due, and what it has to send go. */
static void run_host(struct lab *lab, int end) {
    struct rill_stack *stack = lab->world.stacks[end];
    struct rill_packet *packets[BATCH];
    size_t n;
    if (!stack)
        return;
    rill_advance(stack, lab->world.now, 0);
    lab_flows_run(lab);
    while ((n = rill_output(stack, 0, packets, BATCH, SIZE_MAX, lab->world.now)) > 0) {
        for (size_t i = 0; i < n; i++) {
            lab_world_tap(lab, end, packets[i], lab->world.now);
            rill_path_send(lab->world.paths[end], packets[i], lab->world.now);
        }
    }
}

static rill_time next_time(const struct real *real) {
    const struct lab *lab = real->lab;
    rill_time next = lab->stopped ? RILL_TIME_NEVER : lab->stop_at;
    for (int end = 0; end < 2; end++) {
        const struct port *port = &real->ports[end];
        if (lab->world.stacks[end])
            next = RILL_MIN(next, rill_deadline(lab->world.stacks[end]));
        if (port->readable)
            return 0;
        if (port->link && port->link->down)
            next = RILL_MIN(next, lab->world.now + LINK_LOOK);
        if (!port->full)
            next = RILL_MIN(next, rill_path_next(lab->world.paths[!end]));
    }
    return next;
}

static void round_once(struct real *real, rill_time until) {
    rill_time next = next_time(real);
    loop_wait(&real->loop, RILL_MIN(next, until));
    real->lab->world.now = loop_now();
    for (int way = 0; way < 2; way++)
        release(real, way);
    for (int end = 0; end < 2; end++) {
        take_in(real, end);
        run_host(real->lab, end);
    }
}

static bool gone(const struct real *real) {
    for (int end = 0; end < 2; end++) {
        if (!real->ports[end].link || !real->ports[end].link->gone)
            continue;
        cli_error("%s", real->ports[end].link->error.text);
        return true;
    }
    return false;
}

static bool idle(const struct lab *lab) {
    for (int end = 0; end < 2; end++) {
        struct rill_stack_info info;
        if (!lab->world.stacks[end])
            continue;
        rill_stack_get_info(lab->world.stacks[end], &info);
        if (info.connections || rill_path_next(lab->world.paths[end]) != RILL_TIME_NEVER)
            return false;
    }
    return true;
}

/* Others who compute must not make frames late: we run before them where we may, as root may. */
static void ask_for_priority(void) {
    struct sched_param first = {.sched_priority = 1};
    if (sched_setscheduler(0, SCHED_RR, &first))
        setpriority(PRIO_PROCESS, 0, -10); /* or nothing */
}

static int drive(struct real *real) {
    struct lab *lab = real->lab;
    bool forwards = lab->sender < 0;
    while (!real->loop.stopped && (forwards || !lab_flows_over(lab))) {
        round_once(real, RILL_TIME_NEVER);
        if (gone(real))
            return CLI_FAILED;
        if (lab->world.now < lab->stop_at || lab->stopped)
            continue;
        if (forwards)
            return CLI_DONE;
        lab_flows_stop(lab);
    }
    lab->interrupted = !forwards && !lab_flows_over(lab);
    lab_flows_close(lab);
    rill_time until = loop_now() + PATIENCE;
    while (!real->loop.stopped && !idle(lab) && lab->world.now < until && !gone(real))
        round_once(real, until);
    return CLI_DONE;
}

static int link_failed(const struct link_error *error) {
    static const int codes[] = {CLI_USAGE, CLI_MISSING, CLI_FAILED};
    cli_error("%s", error->text);
    return codes[error->fault];
}

/* A host's link address follows from its first address: what neighbours remember of one lab is
 * right in the next. */
static void choose_mac(const struct lab_end *host, uint8_t mac[6]) {
    mac[0] = 2; /* anybody's */
    mac[1] = 0x88;
    memcpy(mac + 2, host->addresses[0].address.bytes + 12, 4);
}

static int open_port(struct real *real, int end) {
    struct lab *lab = real->lab;
    struct lab_end *from = &lab->ends[end];
    struct link_error error;
    struct link_config config = {.link = from->spec,
                                 .mtu = lab_mtu(lab),
                                 .peers = from->addresses,
                                 .peer_count = from->address_count,
                                 .whole = !lab->ends[!end].host};
    if (from->host)
        return CLI_DONE;
    if (lab->ends[!end].host && strncmp(from->spec, "tun:", 4) != 0)
        choose_mac(&lab->ends[!end], config.mac);
    if (!lab->ends[!end].host) /* its kernel's side is to be moved to where programs are */
        config.peer_count = 0;
    real->ports[end].link = link_open(&config, &error);
    if (!real->ports[end].link)
        return link_failed(&error);
    real->ports[end].watch = (struct loop_watch){real->ports[end].link->fd, on_ready};
    int cause = loop_add(&real->loop, &real->ports[end].watch, EPOLLIN);
    if (cause)
        cli_error("cannot watch %s: %s", from->spec, strerror(cause));
    return cause ? CLI_MISSING : CLI_DONE;
}

static int open_ports(struct real *real) {
    const struct lab_end *ends = real->lab->ends;
    for (int end = 0; end < 2; end++) {
        int code = open_port(real, end);
        if (code)
            return code;
    }
    const struct link *a = real->ports[0].link, *b = real->ports[1].link;
    if (!a || !b || a->framing == b->framing)
        return CLI_DONE;
    cli_error("%s and %s do not go together: one has Ethernet frames, the other IP packets",
              ends[0].spec, ends[1].spec);
    return CLI_USAGE;
}

/* What whoever runs this has to know. Standard output is for what came of it. */
static void tell_ready(const struct real *real) {
    const struct lab_end *ends = real->lab->ends;
    bool two = !ends[0].host && !ends[1].host;
    for (int end = 0; end < 2 && two; end++) {
        const struct link *link = real->ports[end].link;
        char address[RILL_ADDRESS_TEXT];
        const struct link_prefix *own = &ends[end].addresses[0];
        if (strncmp(ends[end].spec, "packet:", 7) == 0)
            continue;
        rill_address_format(&own->address, address);
        fprintf(stderr,
                "rill: put %s where the programs of %c are: ip link set %s netns NS; "
                "ip -n NS addr add %s/%u dev %s; ip -n NS link set %s up\n",
                link->name, 'a' + end, link->name, address, own->length, link->name, link->name);
    }
    fprintf(stderr, "rill: the path is open: a is %s, b is %s\n", ends[0].spec, ends[1].spec);
}

static uint64_t cpu_us(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void close_ports(struct real *real) {
    for (int end = 0; end < 2; end++) {
        struct port *port = &real->ports[end];
        if (port->link && port->link->ops->count)
            port->link->ops->count(port->link);
        if (port->link) {
            real->lab->unread[end] = port->link->lost;
            real->lab->refused[!end] = port->link->refused;
        }
        for (; port->unsent_at < port->unsent_count; port->unsent_at++)
            rill_packet_drop(port->unsent[port->unsent_at]);
        if (port->link)
            port->link->ops->close(port->link);
    }
    loop_close(&real->loop);
}

int lab_real_run(struct lab *lab) {
    struct real real = {.lab = lab};
    struct timespec wall;
    int cause = loop_open(&real.loop);
    if (cause) {
        cli_error("no event loop: %s", strerror(cause));
        return CLI_MISSING;
    }
    int code = open_ports(&real);
    clock_gettime(CLOCK_REALTIME, &wall);
    lab->world.now = loop_now();
    lab->wall_offset =
        (uint64_t)wall.tv_sec * RILL_SECOND + (uint64_t)wall.tv_nsec - lab->world.now;
    struct link *links[2] = {real.ports[0].link, real.ports[1].link};
    if (!code)
        code = lab_world_open(lab, links);
    if (!code) {
        uint64_t before = cpu_us();
        ask_for_priority();
        tell_ready(&real);
        code = drive(&real);
        lab->cpu_us = cpu_us() - before;
    }
    close_ports(&real);
    return code;
}
