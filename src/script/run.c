/* script/run.c: events in their order, and time between them.
 *
 * Time moves only here. Before an event that does something, the stack runs until that event's
 * time; for a packet that is expected, until it comes or its time is over. What the stack sends on
 * the way waits in order. A call that blocks is tried again whenever something happened. */
#include "script/run.h"

#include "base/util.h"
#include "script/call.h"
#include "script/parse.h"
#include <stdarg.h>
#include <string.h>

#define STEPS_MAX 1000000 /* of the stack between two events: it does not come to rest */

bool run_fail(struct run *run, unsigned line, ...) {
    struct text text;
    va_list pieces;
    const char *piece;
    if (run->failed)
        return false;
    run->failed = true;
    run->result->line = line;
    text_init(&text, run->result->what, sizeof run->result->what);
    va_start(pieces, line);
    while ((piece = va_arg(pieces, const char *)))
        text_add(&text, piece);
    va_end(pieces);
    return false;
}

bool run_fail_text(struct run *run, unsigned line, const char *what) {
    return run_fail(run, line, what, (const char *)0);
}

void run_tell(struct run *run, const char *line) {
    char stamped[1200];
    struct text text;
    if (!run->config->tell)
        return;
    text_init(&text, stamped, sizeof stamped);
    text_seconds(&text, run->world.now);
    text_add(&text, " ");
    text_add(&text, line);
    run->config->tell(run->config->context, stamped);
}

bool run_relaxed(const struct run *run, unsigned relax) {
    return run->config->relax >> relax & 1;
}

static bool take_events(struct run *run) {
    struct rill_event events[16];
    size_t n, total = 0;
    while (run->world.stack && (n = rill_events(run->world.stack, events, 16)) > 0) {
        total += n;
        for (size_t i = 0; i < n; i++) {
            int fd = rill_socket_of(run->world.sockets, &events[i]);
            if (fd >= 0)
                poll_news(run, fd);
        }
    }
    return total > 0;
}

void run_settle(struct run *run) {
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        /* bytes that wait for their connection go with the handshake's ACK */
        bool busy = run->waiting && run->waiting->opening && call_try(run->waiting);
        busy |= world_flush(&run->world) > 0;
        busy |= take_events(run);
        busy |= run->waiting && call_try(run->waiting);
        if (!busy)
            return;
    }
    run_fail_text(run, 0, "the stack does not come to rest");
}

void run_advance(struct run *run, rill_time until, bool for_packet) {
    run_settle(run);
    for (unsigned i = 0; i < STEPS_MAX && !run->failed; i++) {
        if (for_packet && run->world.sent)
            return;
        /* poll and epoll_wait wake by themselves */
        bool wakes = run->waiting && run->waiting->until > run->world.now;
        rill_time stop = wakes ? RILL_MIN(until, run->waiting->until) : until;
        run->world.wants_packet = for_packet;
        bool more = world_advance(&run->world, stop);
        run_settle(run);
        if (!more && stop == until)
            return;
    }
    run_fail_text(run, 0, "the stack does not come to rest");
}

rill_time run_tolerance(const struct run *run, rill_time at) {
    rill_time gap = at > run->before ? at - run->before : 0;
    rill_time tolerance = run->program.tolerance ? run->program.tolerance : RUN_TOLERANCE;
    return RILL_MAX(tolerance, gap / 8);
}

static rill_time absolute(const struct run *run, const struct script_time *time, rill_time at) {
    return time->relative ? run->before + at : at;
}

void run_window(const struct run *run, const struct script_event *event, rill_time *earliest,
                rill_time *latest) {
    rill_time from = absolute(run, &event->time, event->time.at);
    rill_time to = absolute(run, &event->time, event->time.until);
    rill_time tolerance = run_tolerance(run, from);
    *earliest = from > tolerance ? from - tolerance : 0;
    *latest = to + tolerance;
}

/* A call while another still blocks: packets and time go on until that has returned. */
static bool wait_for_call(struct run *run, rill_time until) {
    while (run->waiting && !run->failed) {
        rill_time before = run->world.now;
        run_advance(run, until, true);
        if (run->waiting && run->world.now == before && (run->world.sent || before >= until))
            break;
    }
    return !run->failed;
}

static bool run_event(struct run *run, const struct script_event *event) {
    rill_time at = absolute(run, &event->time, event->time.at);
    if (event->kind == SCRIPT_OPEN) {
        run_forget_sent(run);
        return true;
    }
    if (event->kind == SCRIPT_OUTBOUND)
        return run_outbound(run, event);
    if (event->time.any)
        at = run->world.now;
    if (at > run->world.now)
        run_advance(run, at, false);
    if (run->failed)
        return false;
    run->before = RILL_MAX(at, run->before);
    run->world.stimulus = event;
    switch (event->kind) {
    case SCRIPT_INBOUND:
        return run_inbound(run, event);
    case SCRIPT_CALL:
        if (run->waiting && !wait_for_call(run, run->world.now + RILL_SECOND))
            return false;
        return run_call(run, event);
    case SCRIPT_SHELL:
        return run_shell(run, event);
    default:
        return run_code(run, event);
    }
}

bool run_code(struct run *run, const struct script_event *event) {
    char why[500];
    struct text text;
    unsigned line;
    text_init(&text, why, sizeof why);
    if (expression_run(&run->scope, event->text, &text, &line))
        return true;
    return run_fail_text(run, event->line + line, why);
}

static void print(void *context, const char *line) {
    run_tell(context, line);
}

/* After the last event a blocking call may still have to return. */
static void finish(struct run *run, unsigned line) {
    if (run->waiting)
        wait_for_call(run, call_deadline(run->waiting));
    if (run->waiting && !run->failed)
        call_overdue(run->waiting);
    if (!run->failed)
        run_nothing_left(run, line);
}

static void run_events(struct run *run) {
    unsigned line = 0;
    for (const struct script_event *e = run->program.events; e && !run->failed; e = e->next) {
        line = e->line;
        if (!run_event(run, e))
            return;
        run_settle(run);
        run->world.stimulus = 0;
        run->result->events++;
    }
    if (!run->failed)
        finish(run, line);
}

static bool read_program(struct run *run) {
    static const struct script_define usual[] = {
        {"TFO_COOKIE", "3021b9d889017eeb"},
        {"CODE", "host_unreachable"},
    };
    const struct script_config *config = run->config;
    size_t count = config->define_count + sizeof usual / sizeof *usual;
    struct script_define *defines = arena_new(&run->arena, count * sizeof *defines);
    struct script_program *program = &run->program;
    if (!defines)
        return run_fail_text(run, 0, "out of memory");
    if (config->define_count) /* what the caller says comes first */
        memcpy(defines, config->defines, config->define_count * sizeof *defines);
    memcpy(defines + config->define_count, usual, sizeof usual);
    struct cursor cursor = {.at = config->source,
                            .begin = config->source,
                            .end = config->source + config->length,
                            .line = 1,
                            .defines = defines,
                            .define_count = count,
                            .arena = &run->arena};
    if (config->family && text_equal(config->family, "ipv6"))
        program->family = SCRIPT_IPV6;
    else if (config->family && text_equal(config->family, "ipv4-mapped-ipv6"))
        program->family = SCRIPT_MAPPED;
    if (!parse_script(&cursor, program))
        return run_fail_text(run, cursor.error_line, cursor.error);
    return true;
}

void script_run(const struct script_config *config, struct script_result *result) {
    struct run *run = config->allocator.allocate(config->allocator.context, sizeof *run);
    const char *why;
    memset(result, 0, sizeof *result);
    if (!run) {
        strcpy(result->what, "out of memory");
        return;
    }
    memset(run, 0, sizeof *run);
    run->config = config;
    run->result = result;
    run->arena.allocator = config->allocator;
    run->next_port = 40000;
    run->scope = (struct expression_scope){
        .arena = &run->arena, .lookup = info_lookup, .print = print, .context = run};
    run->scratch = arena_new(&run->arena, PACKET_MAX);
    if (!run->scratch)
        run_fail_text(run, 0, "out of memory");
    if (!run->failed && read_program(run)) {
        if (world_init(&run->world, &config->allocator, &run->program, config->seed, &why))
            run_events(run);
        else
            run_fail_text(run, 1, why);
    }
    result->passed = !run->failed;
    result->time = run->world.now;
    world_close(&run->world);
    arena_release(&run->arena);
    config->allocator.release(config->allocator.context, run, sizeof *run);
}
