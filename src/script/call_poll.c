/* script/call_poll.c: poll, and epoll with both kinds of trigger.
 *
 * A descriptor watched edge-triggered is told again only after news of it: data or room that came
 * since, or a change of what is watched. */
#include "script/call.h"

#include "base/util.h"

#define ONE_SHOT (1 << 30)
#define EDGE 0x80000000
#define ALWAYS (RILL_POLLERR | RILL_POLLHUP)

struct watch {
    struct watch *next;
    int fd; /* rill's; -1: forgotten */
    int64_t events;
    const struct script_value *data; /* fd, ptr, u32 or u64 of the script's */
    bool news, off;
};

struct run_epoll {
    struct run_epoll *next;
    struct watch *watches;
};

void poll_news(struct run *run, int fd) {
    for (unsigned i = 0; i < run->descriptor_count; i++)
        if (run->descriptors[i].epoll)
            for (struct watch *w = run->descriptors[i].epoll->watches; w; w = w->next)
                w->news |= w->fd == fd;
}

void poll_forget(struct run *run, int fd) {
    for (unsigned i = 0; i < run->descriptor_count; i++)
        if (run->descriptors[i].epoll)
            for (struct watch *w = run->descriptors[i].epoll->watches; w; w = w->next)
                if (w->fd == fd)
                    w->fd = -1;
}

static void call_epoll_create(struct call *call) {
    struct run_epoll *epoll = arena_new(&call->run->arena, sizeof *epoll);
    int64_t number = call->event->call->result;
    if (!epoll || number < 0 || !run_descriptor_add(call->run, number, -1, epoll))
        call->result = -RILL_EMFILE;
    else
        call->result = number;
}

static struct watch *watch_of(struct run_epoll *epoll, int fd) {
    struct watch *watch = epoll->watches;
    while (watch && watch->fd != fd)
        watch = watch->next;
    return watch;
}

/* The user's data: the field that is not `events`. */
static const struct script_value *user_data(const struct script_value *event) {
    const struct script_value *field = event ? event->first : 0;
    while (field && field->name && text_equal(field->name, "events"))
        field = field->next;
    return field;
}

static void call_epoll_ctl(struct call *call) {
    struct run_descriptor *target = run_descriptor(call->run, call_number(call, 2, -1));
    const struct script_value *events = value_field(call->arguments[3], "events");
    int64_t operation = call_number(call, 1, 0);
    if (!call->descriptor || !call->descriptor->epoll || !target) {
        call->result = -RILL_EBADF;
        return;
    }
    struct run_epoll *epoll = call->descriptor->epoll;
    struct watch *watch = watch_of(epoll, target->fd);
    call->result = 0;
    if (operation == 1 && !watch) {
        watch = arena_new(&call->run->arena, sizeof *watch);
        if (!watch) {
            call->result = -RILL_ENOMEM;
            return;
        }
        *watch = (struct watch){.next = epoll->watches, .fd = target->fd};
        epoll->watches = watch;
    } else if (!watch || operation == 1) {
        call->result = operation == 1 ? -17 : -2; /* EEXIST, ENOENT */
        return;
    }
    if (operation == 2)
        watch->fd = -1;
    watch->events = events ? events->number : 0;
    watch->data = user_data(call->arguments[3]);
    watch->news = true;
    watch->off = false;
}

static int64_t ready_of(struct run *run, const struct watch *watch) {
    if (watch->fd < 0 || watch->off || (watch->events & EDGE && !watch->news))
        return 0;
    return rill_poll_one(run->world.sockets, watch->fd) & (watch->events | ALWAYS);
}

/* Whether it may not wait any longer. */
static bool time_is_over(struct call *call, int64_t milliseconds) {
    rill_time now = call->run->world.now;
    if (!call->begun && milliseconds >= 0)
        call->until = now + (rill_time)milliseconds * RILL_MILLISECOND;
    return now >= call->until;
}

/* The event itself, or the first of a list. */
static const struct script_value *pointed(const struct script_value *value) {
    return value && value->kind == SCRIPT_VALUE_LIST ? value->first : value;
}

static void compare_event(struct call *call, const struct watch *watch, int64_t ready) {
    const struct script_value *event = pointed(call->arguments[1]);
    const struct script_value *events = value_field(event, "events"), *data = user_data(event);
    if (events)
        call_differs(call, "events", events->number, ready);
    if (data && watch->data)
        call_differs(call, "the user's data", data->number, watch->data->number);
}

static void call_epoll_wait(struct call *call) {
    if (!call->descriptor || !call->descriptor->epoll) {
        call->result = -RILL_EBADF;
        return;
    }
    int64_t count = 0, most = call_number(call, 2, 1);
    for (struct watch *w = call->descriptor->epoll->watches; w && count < most; w = w->next) {
        int64_t ready = ready_of(call->run, w);
        w->news &= ready == 0;
        if (!ready)
            continue;
        if (!count++)
            compare_event(call, w, ready);
        w->off = w->events & ONE_SHOT;
    }
    call->result = count;
    call->waits = !count && !time_is_over(call, call_number(call, 3, 0));
}

static void call_poll(struct call *call) {
    int64_t count = 0;
    call->result = 0;
    for (const struct script_value *v = call->arguments[0]->first; v; v = v->next) {
        const struct script_value *fd = value_field(v, "fd"), *events = value_field(v, "events");
        const struct script_value *revents = value_field(v, "revents");
        struct run_descriptor *descriptor = fd ? run_descriptor(call->run, fd->number) : 0;
        struct rill_pollfd one = {descriptor ? descriptor->fd : -1,
                                  (short)(events ? events->number : 0), 0};
        if (one.fd >= 0)
            count += rill_poll(call->run->world.sockets, &one, 1);
        if (revents)
            call_differs(call, "revents", revents->number, one.revents);
    }
    call->result = count;
    call->waits = !count && !time_is_over(call, call_number(call, 2, 0));
}

const struct call_function call_poll_functions[] = {
    {"epoll_create", 1, 1, false, call_epoll_create},
    {"epoll_create1", 1, 1, false, call_epoll_create},
    {"epoll_ctl", 4, 4, true, call_epoll_ctl},
    {"epoll_wait", 4, 4, true, call_epoll_wait},
    {"poll", 3, 3, false, call_poll},
    {0, 0, 0, false, 0},
};
