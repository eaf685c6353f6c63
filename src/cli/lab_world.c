/* cli/lab_world.c: what both kinds of run have in common: the pool, the hosts among the two ends,
 * the paths, the files that are written. */
#include "cli/lab.h"

#include "base/util.h"
#include "cli/allocator.h"
#include "link/trace_json.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define POOL_BYTES (UINT64_C(8) << 30)

static bool write_all(void *context, const uint8_t *data, size_t length) {
    return fwrite(data, 1, length, context) == length;
}

void lab_world_tap(void *context, int from, const struct rill_packet *packet, rill_time now) {
    struct lab *lab = context;
    if (lab->capture &&
        !rill_capture_packet(packet, now + lab->wall_offset, from == 0, write_all, lab->capture))
        lab->capture_failed = true;
}

static bool cannot_write(const char *name, const char *option) {
    cli_error("cannot write %s: %s; give %s a path that can be written", name, strerror(errno),
              option);
    return false;
}

static bool open_files(struct lab *lab) {
    uint8_t head[RILL_CAPTURE_OVERHEAD];
    if (lab->capture_name) {
        lab->capture = fopen(lab->capture_name, "wbe");
        if (!lab->capture)
            return cannot_write(lab->capture_name, "--capture");
        lab->capture_failed = !write_all(lab->capture, head, rill_capture_begin(head));
    }
    if (lab->trace_name && !(lab->trace = fopen(lab->trace_name, "we")))
        return cannot_write(lab->trace_name, "--trace");
    if (lab->journal_name && !journal_file_open(&lab->journal, lab->journal_name))
        return cannot_write(lab->journal_name, "--journal");
    return true;
}

static bool whole(bool ok, const char *what, const char *name) {
    if (!ok)
        cli_error("the %s %s is not whole: writing it failed; is the disk full?", what, name);
    return ok;
}

static bool close_files(struct lab *lab) {
    bool ok = true, traced = !lab->trace || !ferror(lab->trace);
    if (lab->capture)
        ok &=
            whole(fclose(lab->capture) == 0 && !lab->capture_failed, "capture", lab->capture_name);
    if (lab->trace)
        ok &= whole(fclose(lab->trace) == 0 && traced, "trace", lab->trace_name);
    if (lab->journal_name)
        ok &= whole(journal_file_close(&lab->journal), "journal", lab->journal_name);
    lab->capture = lab->trace = 0;
    return ok;
}

/* What of the kernel a lab on a real link must not repeat: ports and numbers of the last run. */
static int choose_seed(const struct lab *lab, int end, uint64_t seed[2]) {
    seed[0] = lab->seed;
    seed[1] = (uint64_t)end;
    return lab->real && getrandom(seed, 16, 0) != 16 ? RILL_ERROR_MEMORY : 0;
}

uint32_t lab_mtu(const struct lab *lab) {
    uint32_t forth = lab->paths[0].config.mtu, back = lab->paths[1].config.mtu;
    if (forth && back)
        return RILL_MIN(forth, back);
    return forth || back ? RILL_MIN(forth + back, 1500u) : 0;
}

/* Where the time ends the sending, what is queued by then must not take long to go: as much as
 * fills path and queue several times over is enough. */
static uint32_t send_buffer(const struct lab *lab) {
    const struct rill_path_config *path = &lab->paths[lab->sender == 1].config;
    rill_time rtt = lab->paths[0].config.delay + lab->paths[1].config.delay;
    if (!lab->time || !path->rate)
        return (uint32_t)lab->buffer;
    double holds = (double)path->rate / 8 * (double)rtt / 1e9 + (double)path->queue;
    double most = RILL_MIN(4 * holds + 65536, (double)lab->buffer);
    return (uint32_t)most;
}

/* A leaf callback. */
static void trace(void *context, const struct rill_trace_record *record) {
    const struct lab_tracer *tracer = context;
    if (tracer->lab->trace)
        trace_json(tracer->lab->trace, record);
    if (tracer->lab->report)
        lab_report_record(tracer->lab, tracer->end, record);
}

static int open_stack(struct lab *lab, int end, const struct link *link) {
    struct rill_stack_config config;
    struct rill_interface_config interface;
    uint32_t number;
    rill_stack_config_default(&config);
    config.allocator = cli_allocator();
    config.pool = lab->pool;
    config.congestion = lab->congestion;
    config.ecn = lab->ecn ? RILL_ECN_ASK : RILL_ECN_ANSWER;
    config.receive_buffer = (uint32_t)lab->buffer;
    config.send_buffer = send_buffer(lab);
    config.memory_limit = RILL_MAX(config.memory_limit, 8 * lab->flows * lab->buffer);
    lab->tracers[end] = (struct lab_tracer){lab, end};
    if (lab->trace || lab->report) {
        config.trace = trace;
        config.trace_context = &lab->tracers[end];
    }
    journal_file_attach(&lab->journal, &config, (uint8_t)end);
    rill_interface_config_default(&interface);
    if (link || lab_mtu(lab))
        interface.mtu = link ? link->mtu : lab_mtu(lab);
    interface.flags = RILL_INTERFACE_CHECKSUM | RILL_INTERFACE_GSO; /* the path does both */
    interface.detection = RILL_DETECTION_OFF;
    if (link && link->framing) {
        interface.framing = link->framing;
        memcpy(interface.mac, link->mac, sizeof interface.mac);
    }
    struct rill_stack **stack = &lab->world.stacks[end];
    int error = choose_seed(lab, end, config.seed);
    if (!error)
        error = rill_stack_open(&config, stack);
    if (!error)
        error = rill_interface_add(*stack, &interface, &number);
    for (size_t i = 0; !error && i < lab->ends[end].address_count; i++) {
        const struct link_prefix *own = &lab->ends[end].addresses[i];
        if (rill_address_is_ipv4(&own->address) || interface.mtu >= 1280) /* RFC 8200 §5 */
            error = rill_address_add(*stack, 0, &own->address, own->length);
    }
    return error;
}

static int open_path(struct lab *lab, int way) {
    struct rill_allocator allocator = cli_allocator();
    struct lab_path *path = &lab->paths[way];
    for (size_t i = 0; i < path->config.schedule_count; i++)
        path->changes[i].at += lab->world.now;
    lab->world.paths[way] = rill_path_open(&allocator, lab->pool, &path->config);
    return lab->world.paths[way] ? 0 : RILL_ERROR_MEMORY;
}

int lab_world_open(struct lab *lab, struct link *const links[2]) {
    struct rill_allocator allocator = cli_allocator();
    struct rill_pool_config pool;
    if (!open_files(lab))
        return CLI_FAILED;
    rill_pool_config_default(&pool);
    pool.bytes_max = POOL_BYTES;
    lab->pool = rill_pool_open(&allocator, &pool);
    int error = lab->pool ? 0 : RILL_ERROR_MEMORY;
    lab->world.tap = lab_world_tap;
    lab->world.tap_context = lab;
    lab->started = lab->world.now;
    lab->stop_at = lab->time ? lab->started + lab->time : RILL_TIME_NEVER;
    for (int i = 0; i < 2 && !error; i++) {
        if (lab->ends[i].host)
            error = open_stack(lab, i, links ? links[!i] : 0);
        if (!error)
            error = open_path(lab, i);
    }
    if (!error && lab->sender >= 0)
        error = lab_flows_open(lab);
    if (error)
        cli_error("cannot set up the lab: %s", rill_error_text(error));
    return error ? CLI_FAILED : CLI_DONE;
}

bool lab_world_close(struct lab *lab) {
    for (int i = 0; i < 2; i++) {
        if (lab->world.stacks[i])
            rill_stack_close(lab->world.stacks[i]);
        if (lab->world.paths[i])
            rill_path_close(lab->world.paths[i]);
    }
    if (lab->pattern)
        rill_block_drop(lab->pattern);
    if (lab->pool)
        rill_pool_close(lab->pool);
    return close_files(lab);
}
