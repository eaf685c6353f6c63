/* bridge/names.c: see names.h. A lookup belongs to its thread until its pointer has come through
 * the pipe, then to the loop's; `answer` is touched by the loop's thread alone. */
#include "bridge/names.h"

#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct names_lookup {
    int write_end;
    names_answer answer; /* null: cancelled */
    void *context;
    struct rill_address addresses[NAMES_ADDRESSES];
    size_t count;
    char error[96];
    char name[256];
};

static void take(struct names_lookup *lookup, const struct addrinfo *found) {
    struct rill_address address;
    if (found->ai_family == AF_INET6) {
        memcpy(address.bytes, &((struct sockaddr_in6 *)found->ai_addr)->sin6_addr, 16);
    } else {
        const uint8_t *b = (uint8_t *)&((struct sockaddr_in *)found->ai_addr)->sin_addr;
        address = rill_address_ipv4(b[0], b[1], b[2], b[3]);
    }
    for (size_t i = 0; i < lookup->count; i++)
        if (rill_address_equal(&lookup->addresses[i], &address))
            return;
    if (lookup->count < NAMES_ADDRESSES)
        lookup->addresses[lookup->count++] = address;
}

static void *run(void *context) {
    struct names_lookup *lookup = context;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = 0;
    int failed = getaddrinfo(lookup->name, 0, &hints, &found);
    /* The kernel's routes decide the resolver's order, and rill does not go by them: IPv6 first. */
    for (struct addrinfo *at = failed ? 0 : found; at; at = at->ai_next)
        if (at->ai_family == AF_INET6)
            take(lookup, at);
    for (struct addrinfo *at = failed ? 0 : found; at; at = at->ai_next)
        if (at->ai_family == AF_INET)
            take(lookup, at);
    if (!failed)
        freeaddrinfo(found);
    if (!lookup->count)
        snprintf(lookup->error, sizeof lookup->error, "%s",
                 failed ? gai_strerror(failed) : "no address");
    ssize_t n = write(lookup->write_end, &lookup, sizeof lookup);
    (void)n; /* a pointer is written whole, or the process is ending */
    return 0;
}

static void on_answer(struct loop_watch *watch, uint32_t events) {
    struct names *names = RILL_CONTAINER(watch, struct names, watch);
    struct names_lookup *lookup;
    (void)events;
    while (read(watch->fd, &lookup, sizeof lookup) == (ssize_t)sizeof lookup) {
        names->outstanding--;
        if (lookup->answer)
            lookup->answer(lookup->context, lookup->addresses, lookup->count, lookup->error);
        free(lookup);
    }
}

int names_open(struct names *names, struct loop *loop) {
    int ends[2];
    memset(names, 0, sizeof *names);
    names->loop = loop;
    names->watch.fd = names->write_end = -1;
    if (pipe2(ends, O_CLOEXEC))
        return errno;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    names->watch = (struct loop_watch){ends[0], on_answer};
    names->write_end = ends[1];
    return loop_add(loop, &names->watch, EPOLLIN);
}

void names_close(struct names *names) {
    if (names->watch.fd < 0)
        return;
    loop_remove(names->loop, &names->watch);
    if (names->outstanding) /* a thread may still write: its descriptor must stay what it is */
        return;
    close(names->watch.fd);
    close(names->write_end);
}

struct names_lookup *names_ask(struct names *names, const char *name, names_answer answer,
                               void *context) {
    struct names_lookup *lookup = calloc(1, sizeof *lookup);
    pthread_attr_t attributes;
    pthread_t thread;
    if (!lookup)
        return 0;
    lookup->write_end = names->write_end;
    lookup->answer = answer;
    lookup->context = context;
    snprintf(lookup->name, sizeof lookup->name, "%s", name);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int failed = pthread_create(&thread, &attributes, run, lookup);
    pthread_attr_destroy(&attributes);
    if (failed) {
        free(lookup);
        return 0;
    }
    names->outstanding++;
    return lookup;
}

void names_cancel(struct names_lookup *lookup) {
    lookup->answer = 0;
}
