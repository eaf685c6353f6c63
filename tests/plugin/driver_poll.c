/* tests/plugin/driver_poll.c: the interpreter's poll and epoll (script/call_poll.c) by those of the
 * interface. */
#include "plugin/driver.h"
#include "script/call.h"

#include <errno.h>
#include <string.h>

struct run_epoll {
    int fd;
};

void poll_news(struct run *run, int fd) {
    (void)run;
    (void)fd;
}

void poll_forget(struct run *run, int fd) {
    (void)run;
    (void)fd;
}

static void call_epoll_create(struct call *call) {
    struct run_epoll *epoll = arena_new(&call->run->arena, sizeof *epoll);
    int64_t number = call->event->call->result;
    if (epoll)
        epoll->fd = driver_so.epoll_create(driver_so.userdata, 1);
    if (!epoll || epoll->fd < 0 || number < 0 || !run_descriptor_add(call->run, number, -1, epoll))
        call->result = -EMFILE;
    else
        call->result = number;
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
    const struct script_value *data = user_data(call->arguments[3]);
    struct epoll_event event = {.events = events ? (uint32_t)events->number : 0};
    event.data.u64 = data ? (uint64_t)data->number : 0;
    int fd = call->descriptor && call->descriptor->epoll ? call->descriptor->epoll->fd : -1;
    call->result = driver_result(driver_so.epoll_ctl(
        driver_so.userdata, fd, (int)call_number(call, 1, 0), target ? target->fd : -1, &event));
}

static bool time_is_over(struct call *call, int64_t milliseconds) {
    rill_time now = call->run->world.now;
    if (!call->begun && milliseconds >= 0)
        call->until = now + (rill_time)milliseconds * RILL_MILLISECOND;
    return now >= call->until;
}

/* Asked without waiting: the interpreter asks again. */
static void call_epoll_wait(struct call *call) {
    struct epoll_event found[64];
    const struct script_value *value = call->arguments[1];
    if (value && value->kind == SCRIPT_VALUE_LIST)
        value = value->first;
    int most = (int)call_number(call, 2, 1);
    int fd = call->descriptor && call->descriptor->epoll ? call->descriptor->epoll->fd : -1;
    call->result = driver_result(
        driver_so.epoll_wait(driver_so.userdata, fd, found, most < 64 ? most : 64, 0));
    call->waits = !call->result && !time_is_over(call, call_number(call, 3, 0));
    if (call->result <= 0)
        return;
    const struct script_value *events = value_field(value, "events"), *data = user_data(value);
    if (events)
        call_differs(call, "events", events->number, found[0].events);
    if (data)
        call_differs(call, "the user's data", data->number, (int64_t)found[0].data.u64);
}

static void call_poll(struct call *call) {
    struct pollfd fds[64] = {{0}};
    nfds_t count = 0;
    for (const struct script_value *v = call->arguments[0]->first; v && count < 64; v = v->next) {
        const struct script_value *fd = value_field(v, "fd"), *events = value_field(v, "events");
        struct run_descriptor *descriptor = fd ? run_descriptor(call->run, fd->number) : 0;
        fds[count++] = (struct pollfd){descriptor ? descriptor->fd : -1,
                                       (short)(events ? events->number : 0), 0};
    }
    call->result = driver_result(driver_so.poll(driver_so.userdata, fds, count, 0));
    call->waits = !call->result && !time_is_over(call, call_number(call, 2, 0));
    count = 0;
    for (const struct script_value *v = call->arguments[0]->first; v && count < 64; v = v->next) {
        const struct script_value *revents = value_field(v, "revents");
        if (revents)
            call_differs(call, "revents", revents->number, fds[count].revents);
        count++;
    }
}

const struct call_function call_poll_functions[] = {
    {"epoll_create", 1, 1, false, call_epoll_create},
    {"epoll_create1", 1, 1, false, call_epoll_create},
    {"epoll_ctl", 4, 4, true, call_epoll_ctl},
    {"epoll_wait", 4, 4, true, call_epoll_wait},
    {"poll", 3, 3, true, call_poll},
    {0, 0, 0, false, 0},
};
