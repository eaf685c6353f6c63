/* link/loop.c: see loop.h. */
#include "link/loop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"

rill_time loop_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (rill_time)t.tv_sec * RILL_SECOND + (rill_time)t.tv_nsec;
}

static void on_signal(struct loop_watch *watch, uint32_t events) {
    struct loop *loop = RILL_CONTAINER(watch, struct loop, signals);
    struct signalfd_siginfo info;
    (void)events;
    if (read(watch->fd, &info, sizeof info) == (ssize_t)sizeof info)
        loop->stopped = (int)info.ssi_signo;
}

int loop_open(struct loop *loop) {
    sigset_t stop;
    memset(loop, 0, sizeof *loop);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGHUP);
    sigprocmask(SIG_BLOCK, &stop, 0);
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->signals.fd = signalfd(-1, &stop, SFD_NONBLOCK | SFD_CLOEXEC);
    loop->signals.on_ready = on_signal;
    if (loop->epoll < 0 || loop->signals.fd < 0)
        return errno;
    return loop_add(loop, &loop->signals, EPOLLIN);
}

void loop_close(struct loop *loop) {
    if (loop->signals.fd >= 0)
        close(loop->signals.fd);
    if (loop->epoll >= 0)
        close(loop->epoll);
}

static int control(struct loop *loop, int operation, struct loop_watch *watch, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = watch};
    return epoll_ctl(loop->epoll, operation, watch->fd, &event) ? errno : 0;
}

int loop_add(struct loop *loop, struct loop_watch *watch, uint32_t events) {
    return control(loop, EPOLL_CTL_ADD, watch, events);
}

int loop_set(struct loop *loop, struct loop_watch *watch, uint32_t events) {
    return control(loop, EPOLL_CTL_MOD, watch, events);
}

void loop_remove(struct loop *loop, struct loop_watch *watch) {
    control(loop, EPOLL_CTL_DEL, watch, 0);
    for (int i = loop->at; i < loop->count; i++)
        if (loop->ready[i].data.ptr == watch)
            loop->ready[i].data.ptr = 0;
}

/* epoll_pwait2, or epoll_wait rounded up to milliseconds where the kernel lacks it (before 5.11).
 */
static int sleep_until(struct loop *loop, rill_time until) {
    rill_time now = until && until != RILL_TIME_NEVER ? loop_now() : 0;
    rill_time left = until > now ? until - now : 0;
    struct timespec timeout = {(time_t)(left / RILL_SECOND), (long)(left % RILL_SECOND)};
#ifdef SYS_epoll_pwait2
    struct {
        int64_t seconds, nanoseconds;
    } exact = {timeout.tv_sec, timeout.tv_nsec};
    long n = syscall(SYS_epoll_pwait2, loop->epoll, loop->ready, LOOP_BATCH,
                     until == RILL_TIME_NEVER ? 0 : &exact, 0, 0);
    if (n >= 0 || errno != ENOSYS)
        return (int)n;
#endif
    int milliseconds = -1;
    if (until != RILL_TIME_NEVER)
        milliseconds = left > 1000000 * RILL_MILLISECOND
                           ? 1000000
                           : (int)((left + RILL_MILLISECOND - 1) / RILL_MILLISECOND);
    return epoll_wait(loop->epoll, loop->ready, LOOP_BATCH, milliseconds);
}

void loop_wait(struct loop *loop, rill_time until) {
    loop->count = sleep_until(loop, until);
    for (loop->at = 0; loop->at < loop->count;) {
        struct epoll_event *event = &loop->ready[loop->at++];
        struct loop_watch *watch = event->data.ptr;
        if (watch)
            watch->on_ready(watch, event->events);
    }
    loop->count = loop->at = 0;
}
