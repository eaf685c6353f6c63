/* udp/socket.c: UDP sockets: opened, found, closed. A socket that names its address goes before one
 * that does not, and a connected one before one that is not. */
#include "udp/udp.h"

#include "base/address.h"
#include <string.h>

static uint32_t tag(uint16_t port) {
    return port * 0x9e3779b1u;
}

/* What a lookup asks for: the local socket, and a remote one (port 0: not connected). */
struct pair {
    struct rill_endpoint local, remote;
    uint8_t family; /* enum rill_family of the datagram, or of a claim to the address any */
};

/* RFC 4007 §6: a link-local address on another link is another's. A zone of 0 is any. */
static bool same(const struct rill_endpoint *a, const struct rill_endpoint *b) {
    return a->port == b->port && rill_address_equal(&a->address, &b->address) &&
           (!a->zone || !b->zone || a->zone == b->zone ||
            !rill__address_is_link_local(&a->address));
}

static bool equal(const void *context, uint32_t value, const void *key) {
    const struct udp_host *host = (const struct udp_host *)context;
    const struct pair *pair = (const struct pair *)key;
    const struct udp_socket *socket = (const struct udp_socket *)slab_at(&host->sockets, value);
    if (!same(&socket->local, &pair->local) || socket->remote.port != pair->remote.port ||
        (socket->family && pair->family && socket->family != pair->family))
        return false;
    return pair->remote.port == 0 || same(&socket->remote, &pair->remote);
}

static struct udp_socket *find_pair(struct udp_host *host, const struct pair *pair) {
    uint32_t index;
    if (!rill__hash_find(&host->table, tag(pair->local.port), equal, host, pair, &index))
        return 0;
    return (struct udp_socket *)slab_at(&host->sockets, index);
}

struct udp_socket *rill__udp_lookup(struct udp_host *host, const struct rill_endpoint *local,
                                    const struct rill_endpoint *remote) {
    static const struct rill_endpoint nobody = {{{0}}, 0, 0};
    const struct rill_endpoint any = {.port = local->port};
    uint8_t family = rill__address_family(&local->address, RILL_FAMILY_BOTH);
    const struct pair pairs[] = {{*local, *remote, family},
                                 {any, *remote, family},
                                 {*local, nobody, family},
                                 {any, nobody, family}};
    struct udp_socket *socket = 0;
    for (int i = 0; !socket && i < 4; i++)
        socket = find_pair(host, &pairs[i]);
    return socket;
}

struct round {
    struct udp_host *host;
    udp_visit visit;
    void *context;
};

/* Says no to each, and so sees them all. */
static bool visited(const void *context, uint32_t value, const void *key) {
    const struct round *round = (const struct round *)context;
    const struct pair *pair = (const struct pair *)key;
    struct udp_socket *socket = (struct udp_socket *)slab_at(&round->host->sockets, value);
    bool any = rill_address_is_any(&socket->local.address);
    if (socket->local.port == pair->local.port &&
        (any ? !socket->family || socket->family == pair->family
             : rill_address_equal(&socket->local.address, &pair->local.address)) &&
        (!socket->remote.port || same(&socket->remote, &pair->remote)))
        round->visit(round->context, socket);
    return false;
}

void rill__udp_each(struct udp_host *host, const struct rill_endpoint *local,
                    const struct rill_endpoint *remote, udp_visit visit, void *context) {
    const struct round round = {host, visit, context};
    const struct pair pair = {*local, *remote,
                              rill__address_family(&local->address, RILL_FAMILY_BOTH)};
    uint32_t none;
    bool found = rill__hash_find(&host->table, tag(local->port), visited, &round, &pair, &none);
    (void)found;
}

struct udp_socket *rill__udp_find(struct udp_host *host, rill_handle handle) {
    if (handle_get_kind(handle) != HANDLE_UDP)
        return 0;
    struct udp_socket *socket = (struct udp_socket *)rill__slab_find(
        &host->sockets, handle_index(handle), handle_generation(handle));
    return socket && !socket->closed ? socket : 0;
}

/* What a new socket asks for. */
struct claim {
    struct pair pair;
    bool exclusive, reuse;
};

static bool excludes(const void *context, uint32_t value, const void *key) {
    const struct udp_host *host = (const struct udp_host *)context;
    const struct claim *claim = (const struct claim *)key;
    const struct udp_socket *other = (const struct udp_socket *)slab_at(&host->sockets, value);
    if (other->local.port != claim->pair.local.port || (claim->reuse && other->reuse))
        return false;
    if (!claim->exclusive && !other->exclusive)
        return equal(context, value, &claim->pair);
    return rill__address_overlaps(&other->local.address, other->family, &claim->pair.local.address,
                                  claim->pair.family);
}

static bool is_free(struct udp_host *host, const struct claim *claim) {
    uint32_t index;
    return !rill__hash_find(&host->table, tag(claim->pair.local.port), excludes, host, claim,
                            &index);
}

/* Settles the local side: an address of ours or any, and a port that is free. */
static int choose_local(struct udp_host *host, struct claim *claim) {
    struct pair *pair = &claim->pair;
    if (rill_address_is_any(&pair->local.address))
        memset(&pair->local.address, 0, sizeof pair->local.address);
    else if (!rill__address_is_group(&pair->local.address) &&
             !rill__ip_address_owned(host->ip, 0, &pair->local.address))
        return RILL_ERROR_ADDRESS_NOT_AVAILABLE;
    pair->family = rill__address_family(&pair->local.address, pair->family);
    if (pair->local.port)
        return is_free(host, claim) ? 0 : RILL_ERROR_ADDRESS_IN_USE;
    uint32_t first = host->config.port_first;
    uint32_t count = host->config.port_last - first + 1u;
    uint32_t start = (uint32_t)rill__random_below(&host->core->random, count); /* RFC 6056 §3.3.1 */
    for (uint32_t i = 0; i < count; i++) {
        pair->local.port = (uint16_t)(first + (start + i) % count);
        if (is_free(host, claim))
            return 0;
    }
    return RILL_ERROR_ADDRESS_NOT_AVAILABLE;
}

/* A connected socket without an address of its own gets the one its datagrams leave from. */
static int choose_source(struct udp_host *host, struct pair *pair) {
    struct ip_path path;
    if (!pair->remote.port)
        return 0;
    if (rill_address_is_any(&pair->remote.address))
        return RILL_ERROR_ARGUMENT;
    int error = rill__ip_path(host->ip, &pair->remote, &pair->local, &path);
    if (error)
        return error;
    pair->local.address = path.source;
    return 0;
}

int rill__udp_open(struct udp_host *host, const struct rill_udp_config *config, rill_handle *out) {
    if (config->size != sizeof *config || !config->receive_buffer || !config->send_buffer)
        return RILL_ERROR_ARGUMENT;
    struct claim claim = {
        {config->local, config->remote, config->family}, config->exclusive, config->reuse};
    struct pair *pair = &claim.pair;
    int error = choose_source(host, pair);
    if (!error)
        error = choose_local(host, &claim);
    if (error)
        return error;
    uint32_t index;
    struct udp_socket *socket = (struct udp_socket *)rill__slab_open(&host->sockets, &index);
    if (!socket)
        return RILL_ERROR_MEMORY;
    if (!rill__hash_insert(&host->table, tag(pair->local.port), index)) {
        rill__slab_close(&host->sockets, index);
        return RILL_ERROR_MEMORY;
    }
    socket->index = index;
    socket->local = pair->local;
    socket->remote = pair->remote;
    socket->bound = config->local.address;
    socket->family = rill__address_family(&socket->bound, config->family);
    socket->exclusive = config->exclusive;
    socket->reuse = config->reuse;
    socket->receive_buffer = config->receive_buffer;
    socket->send_buffer = config->send_buffer;
    socket->user = config->user;
    socket->event.kind = HANDLE_UDP;
    socket->source.transport = host->transport;
    *out = handle_make(HANDLE_UDP, index, slab_generation(&host->sockets, index));
    return 0;
}

int rill__udp_connect(struct udp_host *host, rill_handle handle,
                      const struct rill_endpoint *remote) {
    struct udp_socket *socket = rill__udp_find(host, handle);
    if (!socket)
        return RILL_ERROR_HANDLE;
    struct pair pair = {{socket->bound, socket->local.port, 0}, {{{0}}, 0, 0}, socket->family};
    if (remote) {
        pair.remote = *remote;
        if (!remote->port)
            return RILL_ERROR_ARGUMENT;
        int error = choose_source(host, &pair);
        if (error)
            return error;
        struct udp_socket *other = socket->exclusive ? 0 : find_pair(host, &pair);
        if (other && other != socket)
            return RILL_ERROR_ADDRESS_IN_USE;
    }
    if (rill_address_is_any(&pair.local.address))
        memset(&pair.local.address, 0, sizeof pair.local.address);
    socket->local.address = pair.local.address;
    socket->remote = pair.remote;
    return 0;
}

int rill__udp_set_option(struct udp_host *host, rill_handle handle, enum rill_udp_option option,
                         uint32_t value) {
    struct udp_socket *socket = rill__udp_find(host, handle);
    if (!socket)
        return RILL_ERROR_HANDLE;
    if (value == 0 || value > 1u << 30)
        return RILL_ERROR_ARGUMENT;
    if (option == RILL_UDP_OPTION_RECEIVE_BUFFER)
        socket->receive_buffer = value;
    else if (option == RILL_UDP_OPTION_SEND_BUFFER)
        socket->send_buffer = value;
    else
        return RILL_ERROR_ARGUMENT;
    return 0;
}

/* Nobody finds it any more; what has come for it is dropped. */
static void withdraw(struct udp_host *host, struct udp_socket *socket) {
    if (socket->closed)
        return;
    while (socket->waiting_head) {
        struct udp_waiting *waiting = socket->waiting_head;
        socket->waiting_head = waiting->next;
        host->core->memory_held -= waiting->charge;
        rill_packet_drop(waiting->packet);
        rill__slab_close(&host->waiting, waiting->index);
    }
    rill__event_cancel(host->core, &socket->event);
    rill__hash_remove(&host->table, tag(socket->local.port), socket->index);
    socket->closed = true;
}

void rill__udp_free(struct udp_host *host, struct udp_socket *socket) {
    withdraw(host, socket);
    while (socket->sending_head) {
        struct rill_packet *packet = socket->sending_head;
        socket->sending_head = packet->next;
        rill_packet_drop(packet);
    }
    rill__ip_source_remove(host->ip, &socket->source);
    rill__slab_close(&host->sockets, socket->index);
}

int rill__udp_close(struct udp_host *host, rill_handle handle) {
    struct udp_socket *socket = rill__udp_find(host, handle);
    if (!socket)
        return RILL_ERROR_HANDLE;
    withdraw(host, socket);
    if (!socket->sending_head || !host->ip->interfaces[socket->source.interface]->up)
        rill__udp_free(host, socket);
    return 0;
}

int rill__udp_get_info(struct udp_host *host, rill_handle handle, struct rill_udp_info *info) {
    const struct udp_socket *socket = rill__udp_find(host, handle);
    if (!socket)
        return RILL_ERROR_HANDLE;
    memset(info, 0, sizeof *info);
    info->size = sizeof *info;
    info->local = socket->local;
    info->remote = socket->remote;
    info->receive_queued = socket->receive_queued;
    info->send_queued = socket->send_queued;
    info->datagrams_sent = socket->sent;
    info->datagrams_received = socket->received;
    info->datagrams_dropped = socket->dropped;
    return 0;
}
