/* script/call.c: trying a call, comparing what came of it, and descriptors. */
#include "script/call.h"

#include "base/util.h"
#include <string.h>

static const struct call_function *find(const char *name) {
    static const struct call_function *const tables[] = {
        call_socket_functions, call_data_functions, call_option_functions, call_poll_functions};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct call_function *f = tables[i]; f->name; f++)
            if (text_equal(f->name, name))
                return f;
    return 0;
}

struct run_descriptor *run_descriptor(struct run *run, int64_t script) {
    for (unsigned i = 0; i < run->descriptor_count; i++)
        if (run->descriptors[i].script == script)
            return &run->descriptors[i];
    return 0;
}

bool run_descriptor_add(struct run *run, int64_t script, int fd, struct run_epoll *epoll) {
    if (run->descriptor_count == RUN_DESCRIPTORS || run_descriptor(run, script))
        return false;
    run->descriptors[run->descriptor_count++] =
        (struct run_descriptor){.script = (int)script, .fd = fd, .epoll = epoll};
    return true;
}

void run_descriptor_remove(struct run *run, struct run_descriptor *descriptor) {
    *descriptor = run->descriptors[--run->descriptor_count];
}

int64_t call_number(const struct call *call, unsigned argument, int64_t otherwise) {
    const struct script_value *value = call->arguments[argument];
    if (value && value->kind == SCRIPT_VALUE_LIST)
        value = value->first;
    return value && value->kind == SCRIPT_VALUE_NUMBER ? value->number : otherwise;
}

const struct script_value *value_field(const struct script_value *value, const char *name) {
    const struct script_value *field = value ? value->first : 0;
    while (field && (!field->name || !text_equal(field->name, name)))
        field = field->next;
    return field;
}

void call_differs(struct call *call, const char *what, int64_t expected, int64_t came) {
    struct text text;
    if (call->wrong || expected == came)
        return;
    text_init(&text, call->detail, sizeof call->detail);
    text_add(&text, "expected ");
    text_add(&text, what);
    text_add(&text, " ");
    text_number(&text, expected);
    text_add(&text, ", came ");
    text_number(&text, came);
    call->wrong = call->detail;
}

void call_result_or_wait(struct call *call, int64_t result, bool dont_wait) {
    bool later = result == -RILL_EAGAIN || result == -RILL_EINPROGRESS;
    call->waits = later && !dont_wait && call->descriptor && !call->descriptor->nonblocking;
    call->result = result;
}

static void result_text(int64_t result, struct text *text) {
    text_number(text, result < 0 ? -1 : result);
    if (result < 0) {
        text_add(text, " ");
        text_add(text, rill_errno_name((int)result));
    }
}

static void expected_text(const struct script_call *expected, struct text *text) {
    text_number(text, expected->result);
    if (expected->error) {
        text_add(text, " ");
        text_add(text, rill_errno_name(expected->error));
    }
}

static bool result_fits(const struct script_call *expected, int64_t result) {
    if (expected->any_result)
        return true;
    if (expected->result == -1 && result < 0)
        return !expected->error || expected->error == -result;
    return expected->result == result;
}

static void fail_call(struct call *call, const char *what) {
    const struct script_call *expected = call->event->call;
    char wanted[60], came[60];
    struct text text;
    text_init(&text, wanted, sizeof wanted);
    expected_text(expected, &text);
    text_init(&text, came, sizeof came);
    result_text(call->result, &text);
    run_fail(call->run, call->event->line, "expected ", expected->name, "(…) = ", wanted, ", came ",
             what ? what : came, (const char *)0);
}

static void tell_call(struct call *call) {
    char line[120];
    struct text text;
    text_init(&text, line, sizeof line);
    text_add(&text, call->event->call->name);
    text_add(&text, "(…) = ");
    result_text(call->result, &text);
    run_tell(call->run, line);
}

/* A new descriptor of rill's gets the number that the script gives it. */
static void name_descriptor(struct call *call) {
    const struct script_call *expected = call->event->call;
    bool makes = text_equal(expected->name, "socket") || text_equal(expected->name, "accept") ||
                 text_equal(expected->name, "accept4");
    if (!makes || call->result < 0 || expected->result < 0)
        return;
    int fd = (int)call->result;
    call->result = expected->result;
    if (!run_descriptor_add(call->run, expected->result, fd, 0))
        run_fail_text(call->run, call->event->line,
                      "this descriptor is open already, or there are too many");
    else
        call->run->descriptors[call->run->descriptor_count - 1].nonblocking =
            text_equal(expected->name, "socket") && call_number(call, 1, 0) & RILL_SOCK_NONBLOCK;
}

static void judge(struct call *call) {
    name_descriptor(call);
    tell_call(call);
    if (!result_fits(call->event->call, call->result))
        fail_call(call, 0);
    else if (call->wrong)
        run_fail(call->run, call->event->line, call->event->call->name, "(…): ", call->wrong,
                 (const char *)0);
}

static void judge_time(struct call *call) {
    struct run *run = call->run;
    char line[100];
    struct text text;
    rill_time now = run->world.now, tolerance = run_tolerance(run, call->due);
    if (run_relaxed(run, SCRIPT_RELAX_TIMES) ||
        (now + tolerance >= call->due && now <= call->due + tolerance))
        return;
    text_init(&text, line, sizeof line);
    text_add(&text, "(…) to return at ");
    text_seconds(&text, call->due);
    text_add(&text, ", came back at ");
    text_seconds(&text, now);
    run_fail(run, call->event->line, "expected ", call->event->call->name, line, (const char *)0);
}

/* Runs the function once. The descriptor may have moved in the table since. */
static void attempt(struct call *call) {
    const struct call_function *function = find(call->event->call->name);
    call->waits = false;
    call->wrong = 0;
    if (function->descriptor) {
        call->descriptor = run_descriptor(call->run, call_number(call, 0, -1));
        call->fd = call->descriptor ? call->descriptor->fd : -1;
    }
    function->run(call);
    call->begun = true;
}

bool call_try(struct call *call) {
    struct run *run = call->run;
    if (run->failed)
        return false;
    attempt(call);
    if (call->waits)
        return false;
    run->waiting = 0;
    judge(call);
    judge_time(call);
    return true;
}

rill_time call_deadline(const struct call *call) {
    return call->due + run_tolerance(call->run, call->due);
}

void call_overdue(struct call *call) {
    fail_call(call, "nothing: it still blocks");
}

static bool prepare(struct call *call) {
    const struct script_call *script = call->event->call;
    const struct call_function *function = find(script->name);
    const struct script_value *value = script->arguments;
    if (!function)
        return run_fail(call->run, call->event->line, "rill script has no call ", script->name,
                        (const char *)0);
    if (script->argument_count < function->arguments_min ||
        script->argument_count > function->arguments_max)
        return run_fail(call->run, call->event->line, "wrong number of arguments for ",
                        script->name, (const char *)0);
    for (unsigned i = 0; value; value = value->next)
        call->arguments[i++] = value;
    return true;
}

bool run_call(struct run *run, const struct script_event *event) {
    struct call *call = arena_new(&run->arena, sizeof *call);
    if (!call)
        return run_fail_text(run, event->line, "out of memory");
    if (world_open(&run->world))
        return run_fail_text(run, event->line, "the stack cannot be opened with these settings");
    call->run = run;
    call->event = event;
    call->until = RILL_TIME_NEVER;
    if (!prepare(call))
        return false;
    attempt(call);
    if (!call->waits) {
        judge(call);
    } else if (!event->time.blocking) {
        fail_call(call, "nothing: it would block (write the time as a...b)");
    } else {
        rill_time start = run->before - (event->time.relative ? event->time.at : run->before);
        call->due = start + event->time.until;
        run->waiting = call;
    }
    run_settle(run);
    return !run->failed;
}
