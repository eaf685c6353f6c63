/* bridge/dial.c: see dial.h. A timer of its own (timerfd) both begins the next attempt and ends one
 * that takes too long. */
#include "bridge/dial.h"

#include "base/address.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define PATIENCE (2 * RILL_SECOND)

struct dial {
    struct host_target target;
    struct loop_watch timer;
    struct dialer *dialer;
    struct names_lookup *lookup; /* under way */
    struct rill_address addresses[NAMES_ADDRESSES];
    size_t count, at; /* `at`: the one to try next */
    uint16_t port;
    rill_handle connection; /* being opened, or 0 */
    dial_done done;
    void *context;
    int error;
    char why[200];
};

int dialer_open(struct dialer *dialer, struct host *host) {
    dialer->host = host;
    return names_open(&dialer->names, &host->loop);
}

void dialer_close(struct dialer *dialer) {
    names_close(&dialer->names);
}

static void set_timer(struct dial *dial, rill_time after) {
    struct itimerspec when = {
        .it_value = {(time_t)(after / RILL_SECOND), (long)(after % RILL_SECOND)}};
    timerfd_settime(dial->timer.fd, 0, &when, 0);
}

static void dial_free(struct dial *dial) {
    if (dial->lookup)
        names_cancel(dial->lookup);
    loop_remove(&dial->dialer->host->loop, &dial->timer);
    close(dial->timer.fd);
    free(dial);
}

void dial_cancel(struct dial *dial) {
    if (dial->connection)
        rill_tcp_abort(dial->dialer->host->stack, dial->connection);
    dial_free(dial);
}

static void end(struct dial *dial, rill_handle connection, int error) {
    dial_done done = dial->done;
    void *context = dial->context;
    char why[sizeof dial->why];
    memcpy(why, dial->why, sizeof why);
    dial->connection = 0;
    dial_free(dial);
    done(context, connection, error, why);
}

/* Notes why the attempt at the latest address failed. */
static void failed(struct dial *dial, int error) {
    struct rill_endpoint remote = {dial->addresses[dial->at - 1], dial->port, 0};
    char text[RILL_ENDPOINT_TEXT];
    bool ipv4 = rill_address_is_ipv4(&remote.address);
    rill_endpoint_format(&remote, text);
    dial->error = error;
    if (error == RILL_ERROR_REFUSED)
        snprintf(dial->why, sizeof dial->why,
                 "connection refused by %s; is a server listening there?", text);
    else if (error == RILL_ERROR_TIMED_OUT)
        snprintf(dial->why, sizeof dial->why,
                 "no answer from %s; is the host up, and does the route to it lead over this link?",
                 text);
    else if (rill__address_is_loopback(&remote.address))
        snprintf(dial->why, sizeof dial->why,
                 "%s is this machine's loopback, and rill is another host; use the address the "
                 "machine has on the link",
                 text);
    else if (error == RILL_ERROR_NO_ROUTE)
        snprintf(dial->why, sizeof dial->why,
                 "no way to %s: rill has no %s address; give it one with --address", text,
                 ipv4 ? "IPv4" : "IPv6");
    else
        snprintf(dial->why, sizeof dial->why, "%s: %s", text, rill_error_text(error));
}

static void try_next(struct dial *dial) {
    struct rill_stack *stack = dial->dialer->host->stack;
    while (dial->at < dial->count) {
        struct rill_tcp_connect_config config;
        rill_tcp_connect_config_default(&config);
        config.remote.address = dial->addresses[dial->at++];
        config.remote.port = dial->port;
        config.user = &dial->target;
        int error = RILL_ERROR_NO_ROUTE; /* loopback is a host's own, and rill is a host */
        if (!rill__address_is_loopback(&config.remote.address))
            error = rill_tcp_connect(stack, &config, &dial->connection);
        if (!error) {
            set_timer(dial, dial->at < dial->count ? PATIENCE : 0);
            return;
        }
        dial->connection = 0;
        failed(dial, error);
    }
    end(dial, 0, dial->error);
}

static void on_event(struct host_target *target, const struct rill_event *event) {
    struct dial *dial = RILL_CONTAINER(target, struct dial, target);
    struct rill_stack *stack = dial->dialer->host->stack;
    if (event->bits & (RILL_EVENT_ERROR | RILL_EVENT_CLOSED)) {
        struct rill_tcp_info info = {0};
        int unknown = rill_tcp_get_info(stack, dial->connection, &info);
        rill_tcp_abort(stack, dial->connection);
        dial->connection = 0;
        failed(dial, unknown || !info.error ? RILL_ERROR_RESET : info.error);
        try_next(dial);
    } else if (event->bits & RILL_EVENT_CONNECTED) {
        end(dial, dial->connection, 0);
    }
}

static void on_timer(struct loop_watch *watch, uint32_t events) {
    struct dial *dial = RILL_CONTAINER(watch, struct dial, timer);
    uint64_t times;
    (void)events;
    if (read(watch->fd, &times, sizeof times) != (ssize_t)sizeof times)
        return;
    if (dial->connection) {
        rill_tcp_abort(dial->dialer->host->stack, dial->connection);
        dial->connection = 0;
        failed(dial, RILL_ERROR_TIMED_OUT);
    }
    try_next(dial);
}

static void on_answer(void *context, const struct rill_address *addresses, size_t count,
                      const char *error) {
    struct dial *dial = context;
    dial->lookup = 0;
    memcpy(dial->addresses, addresses, count * sizeof *addresses);
    dial->count = count;
    dial->error = DIAL_NO_SUCH_NAME;
    snprintf(dial->why, sizeof dial->why, "the name has no address: %s", error);
    try_next(dial);
}

struct dial *dial_start(struct dialer *dialer, const char *name, uint16_t port, dial_done done,
                        void *context) {
    struct dial *dial = calloc(1, sizeof *dial);
    if (!dial)
        return 0;
    dial->target.on_event = on_event;
    dial->dialer = dialer;
    dial->port = port;
    dial->done = done;
    dial->context = context;
    dial->timer =
        (struct loop_watch){timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), on_timer};
    if (dial->timer.fd < 0 || loop_add(&dialer->host->loop, &dial->timer, EPOLLIN)) {
        if (dial->timer.fd >= 0)
            close(dial->timer.fd);
        free(dial);
        return 0;
    }
    if (rill_address_parse(name, &dial->addresses[0]) == 0) {
        dial->count = 1;
        set_timer(dial, 1); /* at once, but not from here */
    } else if (!(dial->lookup = names_ask(&dialer->names, name, on_answer, dial))) {
        dial_free(dial);
        return 0;
    }
    return dial;
}
