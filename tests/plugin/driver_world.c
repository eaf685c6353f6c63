/* tests/plugin/driver_world.c: the interpreter's world (script/world.h, script/sysctl.h) as what is
 * seen of a host through packetdrill's interface: a clock to ask and to sleep on, packets one way
 * and the other. The .so keeps what has been sent until it is asked for. */
#include "plugin/driver.h"
#include "script/sysctl.h"

#include "base/util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct packetdrill_interface driver_so;
char driver_settings[4096];
static long long began; /* us */
static char flags[128];

static const char *const addresses[2][2] = {{"192.168.0.1", "192.0.2.1"},
                                            {"fd3d:0a0b:17d6::1", "fd3d:fa7b:d17d::1"}};

static long long microseconds(void) {
    struct timeval time;
    driver_so.gettimeofday(driver_so.userdata, &time, 0);
    return time.tv_sec * 1000000ll + time.tv_usec;
}

int64_t driver_result(int64_t result) {
    return result == -1 ? -errno : result;
}

bool world_init(struct world *world, const struct rill_allocator *allocator,
                const struct script_program *program, uint64_t seed, const char **why) {
    (void)seed;
    memset(world, 0, sizeof *world);
    world->allocator = *allocator;
    world->sent_last = &world->sent;
    world->ipv4 = program->family != SCRIPT_IPV6;
    *why = "an address is none";
    if (rill_address_parse(program->local_ip ? program->local_ip : addresses[!world->ipv4][0],
                           &world->local) ||
        rill_address_parse(program->remote_ip ? program->remote_ip : addresses[!world->ipv4][1],
                           &world->remote))
        return false;
    char local[RILL_ADDRESS_TEXT];
    rill_address_format(&world->local, local);
    if (world->ipv4)
        snprintf(flags, sizeof flags, "mtu=%u,local=%s", program->mtu ? program->mtu : 1500u,
                 local);
    else
        snprintf(flags, sizeof flags, "mtu=%u", program->mtu ? program->mtu : 1500u);
    return true;
}

int world_open(struct world *world) {
    if (world->sockets)
        return 0;
    char all[sizeof flags + sizeof driver_settings + 16];
    snprintf(all, sizeof all, "%s,settings=%s", flags, driver_settings);
    memset(&driver_so, 0, sizeof driver_so);
    driver_init(all, &driver_so);
    began = microseconds() - (long long)(world->now / RILL_MICROSECOND);
    world->sockets = (struct rill_sockets *)&driver_so; /* no more than a sign that it is open */
    world->stack = (struct rill_stack *)&driver_so;
    return 0;
}

void world_close(struct world *world) {
    while (world->sent)
        world_drop_sent(world);
    if (world->sockets)
        driver_so.free(driver_so.userdata);
}

int world_configure(struct world *world) {
    (void)world;
    return 0;
}

size_t world_flush(struct world *world) {
    (void)world;
    return 0;
}

int world_input(struct world *world, const uint8_t *bytes, size_t length) {
    if (world_open(world))
        return RILL_ERROR_MEMORY;
    return driver_so.netdev_send(driver_so.userdata, bytes, length) ? RILL_ERROR_MEMORY : 0;
}

/* As packetdrill waits for a packet: as long as it takes. */
static bool receive(struct world *world) {
    static uint8_t packet[65536];
    size_t length = sizeof packet;
    long long when = 0;
    if (driver_so.netdev_receive(driver_so.userdata, packet, &length, &when) || !length)
        return false;
    struct sent *sent = world->allocator.allocate(world->allocator.context, sizeof *sent + length);
    if (!sent)
        return false;
    rill_time at = (rill_time)(when - began) * RILL_MICROSECOND;
    *sent = (struct sent){.stimulus = world->stimulus, .at = at, .length = (uint32_t)length};
    memcpy(sent->bytes, packet, length);
    *world->sent_last = sent;
    world->sent_last = &sent->next;
    return true;
}

/* A call that blocks is tried again after each step. */
bool world_advance(struct world *world, rill_time until) {
    if (!world->sockets) {
        world->now = RILL_MAX(world->now, until);
        return false;
    }
    if (world->wants_packet && receive(world)) {
        world->now = RILL_MAX(world->now, (rill_time)(microseconds() - began) * RILL_MICROSECOND);
        return true;
    }
    rill_time rest = until > world->now ? until - world->now : 0;
    rill_time step = RILL_MIN(rest, RILL_MAX(RILL_MILLISECOND, rest / 10000));
    driver_so.usleep(driver_so.userdata, (unsigned)(step / RILL_MICROSECOND));
    world->now += step;
    return world->now < until;
}

void world_drop_sent(struct world *world) {
    struct sent *sent = world->sent;
    world->sent = sent->next;
    if (!world->sent)
        world->sent_last = &world->sent;
    world->allocator.release(world->allocator.context, sent, sizeof *sent + sent->length);
}

/* As the small programs do that stand for sysctl. */
bool sysctl_set(struct world *world, const char *key, const char *value) {
    FILE *file = fopen(driver_settings, "a");
    (void)world;
    if (!file)
        return false;
    fprintf(file, "%s=%s\n", key, value);
    return fclose(file) == 0;
}
