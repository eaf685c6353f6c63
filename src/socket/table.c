/* socket/table.c: descriptors: opened with the smallest free number, found, closed, and found from
 * an event.
 *
 * Numbers below the highest one ever used and free now lie in a heap, so the smallest comes at the
 * cost of its depth. The way back from a handle is the handle's `user`, which says a descriptor;
 * that the descriptor says the same handle is what is believed. */
#include "socket/socket.h"

#include "base/util.h"
#include <string.h>

void rill_sockets_config_default(struct rill_sockets_config *config) {
    memset(config, 0, sizeof *config);
    config->size = sizeof *config;
    config->max = 65536;
}

int rill_sockets_open(struct rill_stack *stack, const struct rill_sockets_config *config,
                      struct rill_sockets **out) {
    if (config->size != sizeof *config || !config->allocator.allocate ||
        !config->allocator.release || config->first < 0 || !config->max ||
        config->max > (uint32_t)INT32_MAX - (uint32_t)config->first)
        return -RILL_EINVAL;
    struct rill_sockets *sockets = (struct rill_sockets *)config->allocator.allocate(
        config->allocator.context, sizeof *sockets);
    if (!sockets)
        return -RILL_ENOMEM;
    memset(sockets, 0, sizeof *sockets);
    sockets->stack = stack;
    sockets->allocator = config->allocator;
    sockets->first = config->first;
    sockets->max = config->max;
    rill__slab_init(&sockets->socks, &sockets->allocator, sizeof(struct sock), config->max);
    *out = sockets;
    return 0;
}

static void give_back(struct rill_sockets *sockets, void *memory, size_t size) {
    if (memory)
        sockets->allocator.release(sockets->allocator.context, memory, size);
}

void rill_sockets_close(struct rill_sockets *sockets) {
    for (uint32_t i = 0; i < sockets->high; i++)
        (void)rill_socket_close(sockets, sockets->first + (int)i);
    rill__slab_fini(&sockets->socks);
    give_back(sockets, sockets->slots, sockets->capacity * sizeof *sockets->slots);
    give_back(sockets, sockets->free_heap, sockets->capacity * sizeof *sockets->free_heap);
    give_back(sockets, sockets, sizeof *sockets);
}

static bool grow(struct rill_sockets *sockets) {
    uint32_t larger = RILL_MIN(sockets->capacity ? sockets->capacity * 2 : 16, sockets->max);
    const struct rill_allocator *allocator = &sockets->allocator;
    uint32_t *slots = (uint32_t *)allocator->allocate(allocator->context, larger * sizeof *slots);
    uint32_t *heap = (uint32_t *)allocator->allocate(allocator->context, larger * sizeof *heap);
    if (!slots || !heap) {
        give_back(sockets, slots, larger * sizeof *slots);
        give_back(sockets, heap, larger * sizeof *heap);
        return false;
    }
    if (sockets->capacity) { /* it is full: the heap of free numbers is empty */
        memcpy(slots, sockets->slots, sockets->capacity * sizeof *slots);
        give_back(sockets, sockets->slots, sockets->capacity * sizeof *slots);
        give_back(sockets, sockets->free_heap, sockets->capacity * sizeof *heap);
    }
    sockets->slots = slots;
    sockets->free_heap = heap;
    sockets->capacity = larger;
    return true;
}

static void heap_push(struct rill_sockets *sockets, uint32_t number) {
    uint32_t *heap = sockets->free_heap, at = sockets->free_count++;
    for (; at && heap[(at - 1) / 2] > number; at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = number;
}

static uint32_t heap_pop(struct rill_sockets *sockets) {
    uint32_t *heap = sockets->free_heap, top = heap[0], last = heap[--sockets->free_count], at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= sockets->free_count)
            break;
        child += child + 1 < sockets->free_count && heap[child + 1] < heap[child];
        if (heap[child] >= last)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return top;
}

struct sock *rill__sock_open(struct rill_sockets *sockets, int *error) {
    *error = -RILL_EMFILE;
    if (!sockets->free_count && sockets->high == sockets->max)
        return 0;
    *error = -RILL_ENOMEM;
    if (!sockets->free_count && sockets->high == sockets->capacity && !grow(sockets))
        return 0;
    uint32_t index;
    struct sock *sock = (struct sock *)rill__slab_open(&sockets->socks, &index);
    if (!sock)
        return 0;
    uint32_t number = sockets->free_count ? heap_pop(sockets) : sockets->high++;
    sockets->slots[number] = index;
    sock->fd = sockets->first + (int)number;
    sock->index = index;
    *error = 0;
    return sock;
}

void rill__sock_free(struct rill_sockets *sockets, struct sock *sock) {
    uint32_t number = (uint32_t)(sock->fd - sockets->first);
    sockets->slots[number] = SLAB_NONE;
    heap_push(sockets, number);
    rill__slab_close(&sockets->socks, sock->index);
}

struct sock *rill__sock_at(struct rill_sockets *sockets, int fd) {
    if (fd < sockets->first || (uint32_t)(fd - sockets->first) >= sockets->high)
        return 0;
    uint32_t index = sockets->slots[fd - sockets->first];
    return index == SLAB_NONE ? 0 : (struct sock *)slab_at(&sockets->socks, index);
}

rill_handle rill_socket_handle(struct rill_sockets *sockets, int fd) {
    const struct sock *sock = rill__sock_at(sockets, fd);
    return !sock ? 0 : sock->handle ? sock->handle : sock->bound;
}

int rill_socket_of(struct rill_sockets *sockets, const struct rill_event *event) {
    uintptr_t number = (uintptr_t)event->user;
    if (!number || number - 1 > INT32_MAX)
        return -RILL_EBADF;
    const struct sock *sock = rill__sock_at(sockets, (int)(number - 1));
    bool its = sock && (sock->handle == event->handle || sock->bound == event->handle);
    return its ? sock->fd : -RILL_EBADF;
}

int rill_socket_user_set(struct rill_sockets *sockets, int fd, void *user) {
    struct sock *sock = rill__sock_at(sockets, fd);
    if (!sock)
        return -RILL_EBADF;
    sock->user = user;
    return 0;
}

void *rill_socket_user(struct rill_sockets *sockets, int fd) {
    const struct sock *sock = rill__sock_at(sockets, fd);
    return sock ? sock->user : 0;
}
