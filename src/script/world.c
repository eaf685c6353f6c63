/* script/world.c: the host under test. */
#include "script/world.h"

#include "base/util.h"
#include <string.h>

#define BATCH 32
#define EPOCH RILL_SECOND /* the stack's time when the script begins */
/* What a kernel's timers add to what they are set to: two ticks of 4 ms, and the one under way. */
#define CLOCK_RESOLUTION (12 * RILL_MILLISECOND)
/* What the suites' hosts have: the window scale is 8, and what a SYN promises is worth no update.
 */
#define RECEIVE_BUFFER_MIN 131000
#define RECEIVE_BUFFER_MAX 15728640

static const char *const addresses[2][2] = {
    {"192.168.0.1", "192.0.2.1"}, /* ours, the peer's */
    {"fd3d:0a0b:17d6::1", "fd3d:fa7b:d17d::1"},
};

static bool parse_address(const char *text, bool ipv4, struct rill_address *out) {
    return rill_address_parse(text, out) == 0 && rill_address_is_ipv4(out) == ipv4;
}

bool world_init(struct world *world, const struct rill_allocator *allocator,
                const struct script_program *program, uint64_t seed, const char **why) {
    memset(world, 0, sizeof *world);
    world->allocator = *allocator;
    world->sent_last = &world->sent;
    world->ipv4 = program->family != SCRIPT_IPV6;
    const char *const *defaults = addresses[!world->ipv4];
    const char *local = program->local_ip ? program->local_ip : defaults[0];
    const char *remote = program->remote_ip ? program->remote_ip : defaults[1];
    *why = "--local_ip or --remote_ip is no address of the script's family";
    if (!parse_address(local, world->ipv4, &world->local) ||
        !parse_address(remote, world->ipv4, &world->remote))
        return false;
    rill_stack_config_default(&world->config);
    rill_interface_config_default(&world->interface);
    world->interface.mtu = program->mtu ? program->mtu : 1500;
    *why = "--mtu is below what the family needs";
    if (world->interface.mtu < (world->ipv4 ? 68 : 1280))
        return false;
    world->config.allocator = *allocator;
    world->config.seed[0] = seed;
    world->config.seed[1] = ~seed;
    world->config.check = true;
    world->config.pacing = false; /* a script expects a whole window at once */
    world->config.bursts = true;
    world->config.peer_delayed_ack = 200 * RILL_MILLISECOND;
    world->config.clock_resolution = CLOCK_RESOLUTION;
    world->config.receive_buffer_min = RECEIVE_BUFFER_MIN;
    world->config.receive_buffer_max = RECEIVE_BUFFER_MAX;
    return true;
}

void world_close(struct world *world) {
    while (world->sent)
        world_drop_sent(world);
    if (world->sockets)
        rill_sockets_close(world->sockets);
    if (world->stack)
        rill_stack_close(world->stack);
    if (world->pool)
        rill_pool_close(world->pool);
}

static int open_interface(struct world *world) {
    static const struct rill_address on_link;
    uint32_t interface;
    int error = rill_interface_add(world->stack, &world->interface, &interface);
    error = error ? error : rill_address_add(world->stack, 0, &world->local, world->ipv4 ? 16 : 48);
    if (!error)
        error = rill_route_add(world->stack, 0, &world->remote, 0, &on_link);
    return error;
}

int world_configure(struct world *world) {
    if (!world->stack)
        return 0;
    int error = rill_stack_configure(world->stack, &world->config);
    if (!error && world->fast_open_key_count)
        error = rill_tcp_fast_open_keys(world->stack, 0, world->fast_open_keys,
                                        world->fast_open_key_count);
    return error;
}

int world_open(struct world *world) {
    struct rill_sockets_config sockets;
    if (world->sockets)
        return 0;
    world->pool = rill_pool_open(&world->allocator, 0);
    if (!world->pool)
        return RILL_ERROR_MEMORY;
    world->config.pool = world->pool;
    int error = rill_stack_open(&world->config, &world->stack);
    if (!error)
        rill_advance(world->stack, EPOCH + world->now, 0);
    error = error ? error : open_interface(world);
    error = error ? error : world_configure(world);
    if (error)
        return error;
    rill_sockets_config_default(&sockets);
    sockets.allocator = world->allocator;
    sockets.first = 3;
    return rill_sockets_open(world->stack, &sockets, &world->sockets) ? RILL_ERROR_MEMORY : 0;
}

static bool keep(struct world *world, const struct rill_packet *packet) {
    struct sent *sent =
        world->allocator.allocate(world->allocator.context, sizeof *sent + packet->length);
    if (!sent)
        return false;
    *sent = (struct sent){.stimulus = world->stimulus,
                          .at = world->now,
                          .cause = packet->cause,
                          .length = packet->length};
    rill_packet_flatten(packet, sent->bytes);
    *world->sent_last = sent;
    world->sent_last = &sent->next;
    return true;
}

size_t world_flush(struct world *world) {
    struct rill_packet *packets[BATCH];
    size_t n, total = 0;
    while (world->stack &&
           (n = rill_output(world->stack, 0, packets, BATCH, SIZE_MAX, EPOCH + world->now)) > 0)
        for (size_t i = 0; i < n; i++) {
            total += keep(world, packets[i]);
            rill_packet_drop(packets[i]);
        }
    return total;
}

int world_input(struct world *world, const uint8_t *bytes, size_t length) {
    struct rill_packet *packet = rill_packet_open(world->pool);
    struct rill_block *block = rill_block_open(world->pool, length);
    struct rill_slice slice = {0};
    if (block) {
        memcpy(rill_block_data(block), bytes, length);
        slice = (struct rill_slice){rill_block_data(block), length, block};
    }
    if (!packet || !block || rill_packet_append(packet, slice)) {
        if (block)
            rill_block_drop(block);
        rill_packet_drop(packet);
        return RILL_ERROR_MEMORY;
    }
    rill_input(world->stack, 0, &packet, 1, EPOCH + world->now);
    return 0;
}

bool world_advance(struct world *world, rill_time until) {
    rill_time next = world->stack ? rill_deadline(world->stack) : RILL_TIME_NEVER;
    bool due = next != RILL_TIME_NEVER && next <= EPOCH + until;
    world->now =
        due ? RILL_MAX(world->now, RILL_MAX(next, EPOCH) - EPOCH) : RILL_MAX(world->now, until);
    if (world->stack)
        rill_advance(world->stack, EPOCH + world->now, 0);
    return due;
}

void world_drop_sent(struct world *world) {
    struct sent *sent = world->sent;
    world->sent = sent->next;
    if (!world->sent)
        world->sent_last = &world->sent;
    world->allocator.release(world->allocator.context, sent, sizeof *sent + sent->length);
}
