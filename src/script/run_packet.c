/* script/run_packet.c: packets that arrive, and packets that are expected.
 *
 * A segment that a script writes may be larger than rill sends at once (a sender with segmentation
 * offload was measured): then rill's segments are joined until they are as long. All but the last
 * must be of one size, and have the same header. */
#include "script/run.h"

#include "wire/tcp.h"
#include <string.h>

#define PATIENCE (3600 * RILL_SECOND) /* with a packet that may come at any time */

static struct packet_path path_of(const struct run *run, const struct script_connection *connection,
                                  bool inbound) {
    const struct world *world = &run->world;
    struct packet_path path = {.ipv4 = world->ipv4};
    path.from = inbound ? world->remote : world->local;
    path.to = inbound ? world->local : world->remote;
    path.from_port = inbound ? connection->remote_port : connection->local_port;
    path.to_port = inbound ? connection->local_port : connection->remote_port;
    return path;
}

static void tell_packet(struct run *run, const char *direction, const struct script_packet *packet,
                        const char *note) {
    char line[600];
    struct text text;
    if (!run->config->tell)
        return;
    text_init(&text, line, sizeof line);
    text_add(&text, direction);
    packet_text(packet, false, &text);
    text_add(&text, note);
    run_tell(run, line);
}

bool run_inbound(struct run *run, const struct script_event *event) {
    struct script_packet packet = *event->packet;
    struct script_connection *connection = run->tested;
    const char *why;
    if (world_open(&run->world))
        return run_fail_text(run, event->line, "the stack cannot be opened with these settings");
    if (!connection && !(connection = run_connection_open(run, -1, true)))
        return run_fail_text(run, event->line, "out of memory");
    tell_packet(run, "< ", &packet, "");
    connection_to_wire(connection, &packet);
    struct packet_path path = path_of(run, connection, true);
    if (packet.source_port)
        path.from_port = packet.source_port;
    if (packet.destination_port)
        path.to_port = packet.destination_port;
    size_t length = packet_encode(&packet, &path, run->scratch, &why);
    if (!length)
        return run_fail_text(run, event->line, why);
    if (world_input(&run->world, run->scratch, length))
        return run_fail_text(run, event->line, "out of memory");
    run_settle(run);
    return !run->failed;
}

/* Whether the segment is of the connection; rill chooses the port of one that it opens. */
static bool belongs(const struct run *run, struct script_connection *connection,
                    const struct packet_path *path, const struct script_packet *packet) {
    if (!connection || !rill_address_equal(&path->to, &run->world.remote) ||
        path->to_port != connection->remote_port)
        return false;
    if (connection->settled)
        return path->from_port == connection->local_port;
    if (!(packet->flags & WIRE_SYN))
        return false;
    for (const struct script_connection *c = run->connections; c; c = c->next)
        if (c->settled && c->local_port == path->from_port && c->remote_port == path->to_port)
            return false;
    connection->settled = true;
    connection->local_port = path->from_port;
    return true;
}

/* The next segment of the tested connection among those sent, its numbers those of the wire. Others
 * are given up: they are of connections that the script has left behind. */
static const struct sent *next_sent(struct run *run, struct script_packet *packet,
                                    const char **why) {
    struct packet_path path;
    while (run->world.sent) {
        const struct sent *sent = run->world.sent;
        bool right = packet_decode(sent->bytes, sent->length, packet, &path, why);
        if (!right || belongs(run, run->tested, &path, packet))
            return right ? sent : 0;
        world_drop_sent(&run->world);
    }
    *why = 0;
    return 0;
}

/* What the script says of PSH counts where a write of the application's ended, and on segments
 * without data. Elsewhere a sender may set it or not (RFC 9293 §3.9.1.2), and it depends on how
 * much it hands to its network card at once. */
static bool push_counts(const struct run *run, const struct script_packet *packet) {
    return !run_relaxed(run, SCRIPT_RELAX_PUSH) &&
           (!packet->length ||
            connection_write_ended(run->tested, packet->sequence + packet->length));
}

static bool fail_packet(struct run *run, const struct script_event *event, const char *what,
                        const struct script_packet *came, rill_time at) {
    char expected_text[420], came_text[420], time_text[32];
    struct text text;
    text_init(&text, expected_text, sizeof expected_text);
    packet_text(event->packet, true, &text);
    text_init(&text, came_text, sizeof came_text);
    if (came)
        packet_text(came, false, &text);
    text_init(&text, time_text, sizeof time_text);
    text_seconds(&text, at);
    if (!came)
        return run_fail(run, event->line, "expected ", expected_text, ", came ", what, " until ",
                        time_text, (const char *)0);
    return run_fail(run, event->line, "expected ", expected_text, ", came ", came_text, " at ",
                    time_text, ": ", what, (const char *)0);
}

/* Joins the segments that follow to `came`, which is shorter than expected. */
static void join(struct run *run, const struct script_event *event, struct script_packet *came,
                 rill_time until, rill_time *at) {
    const uint16_t last_only = WIRE_PSH | WIRE_FIN;
    const struct script_packet *expected = event->packet;
    struct packet_leniency equal = {.push = true, .window = false};
    struct script_packet more;
    uint32_t size = came->length;
    const char *why;
    while (came->length < expected->length) {
        run_advance(run, until, true);
        const struct sent *sent = next_sent(run, &more, &why);
        if (!sent)
            return; /* the lengths differ, and that is said */
        rill_time sent_at = sent->at;
        connection_from_wire(run->tested, &more, expected);
        uint16_t flags = more.flags;
        more.flags &= (uint16_t)~last_only;
        bool follows = more.sequence == came->sequence + came->length && more.length <= size &&
                       more.length && came->length + more.length <= expected->length;
        bool whole = came->length % size == 0;
        struct script_packet before = *came;
        before.sequence = more.sequence;
        before.length = more.length;
        before.flags &= (uint16_t)~last_only;
        if (!follows || !whole || packet_differs(&before, &more, &equal))
            return;
        came->flags = (uint16_t)((came->flags & ~last_only) | flags);
        came->length += more.length;
        *at = sent_at;
        world_drop_sent(&run->world);
    }
}

static bool check_time(struct run *run, const struct script_event *event, rill_time earliest,
                       rill_time latest, rill_time at, const struct script_packet *came) {
    char line[120];
    struct text text;
    if (event->time.any || run_relaxed(run, SCRIPT_RELAX_TIMES) || (at >= earliest && at <= latest))
        return true;
    text_init(&text, line, sizeof line);
    text_add(&text, "expected between ");
    text_seconds(&text, earliest);
    text_add(&text, " and ");
    text_seconds(&text, latest);
    return fail_packet(run, event, line, came, at);
}

static bool judge(struct run *run, const struct script_event *event, struct script_packet *came,
                  rill_time at) {
    const struct script_packet *expected = event->packet;
    struct script_connection *connection = run->tested;
    struct packet_leniency leniency = {
        .order = run_relaxed(run, SCRIPT_RELAX_ORDER),
        .window = run_relaxed(run, SCRIPT_RELAX_WINDOW),
        .options = run_relaxed(run, SCRIPT_RELAX_OPTIONS),
        .push = !push_counts(run, expected),
        .timestamp = connection_stamp_fits,
        .context = connection,
    };
    const char *differs = packet_differs(expected, came, &leniency);
    if (differs)
        return fail_packet(run, event, differs, came, at);
    if (!connection_note_stamp(connection, &run->arena, expected, came))
        return run_fail_text(run, event->line, "out of memory");
    return true;
}

bool run_outbound(struct run *run, const struct script_event *event) {
    struct script_packet came;
    rill_time earliest, latest;
    const char *why = 0;
    const struct sent *sent;
    if (!run->tested)
        return run_fail_text(run, event->line, "a packet is expected, but there is no connection");
    run_window(run, event, &earliest, &latest);
    rill_time until = event->time.any || run_relaxed(run, SCRIPT_RELAX_TIMES)
                          ? run->world.now + PATIENCE
                          : latest;
    do {
        run_advance(run, until, true);
        sent = next_sent(run, &came, &why);
    } while (!sent && !why && !run->failed && run->world.now < until);
    if (run->failed)
        return false;
    if (!sent)
        return fail_packet(run, event, why ? why : "nothing", 0, run->world.now);
    rill_time at = sent->at;
    world_drop_sent(&run->world);
    connection_from_wire(run->tested, &came, event->packet);
    bool joins =
        came.length && came.length < event->packet->length && !run->program.strict_segments;
    if (joins)
        join(run, event, &came, until, &at);
    tell_packet(run, "> ", &came, "");
    run->before = at > run->before ? at : run->before;
    return judge(run, event, &came, at) && check_time(run, event, earliest, latest, at, &came);
}

void run_forget_sent(struct run *run) {
    while (run->world.sent)
        world_drop_sent(&run->world);
}

/* Whether the script ends with this event, as far as packets go: the last packet of all is one that
 * arrives, or the application closes at the end. What it calls forth comes after the script. */
static bool is_farewell(const struct script_event *event) {
    bool closes = event && event->kind == SCRIPT_CALL && text_equal(event->call->name, "close");
    if (!event || (event->kind != SCRIPT_INBOUND && !closes))
        return false;
    while ((event = event->next))
        if (event->kind == SCRIPT_INBOUND || event->kind == SCRIPT_OUTBOUND)
            return false;
    return true;
}

bool run_nothing_left(struct run *run, unsigned line) {
    struct script_packet packet;
    char came[420];
    struct text text;
    const char *why;
    const struct sent *sent;
    if (run_relaxed(run, SCRIPT_RELAX_REST))
        return true;
    while ((sent = next_sent(run, &packet, &why))) {
        bool counts = packet.length || packet.flags & (WIRE_SYN | WIRE_FIN | WIRE_RST);
        if (counts && !is_farewell(sent->stimulus)) {
            connection_from_wire(run->tested, &packet, &packet);
            text_init(&text, came, sizeof came);
            packet_text(&packet, false, &text);
            return run_fail(run, line, "expected nothing more, came ", came, (const char *)0);
        }
        world_drop_sent(&run->world);
    }
    return true;
}

struct script_connection *run_connection_of(struct run *run, int fd) {
    for (struct script_connection *c = run->connections; c; c = c->next)
        if (c->fd == fd)
            return c;
    return 0;
}

struct script_connection *run_connection_open(struct run *run, int fd, bool passive) {
    struct script_connection *connection = arena_new(&run->arena, sizeof *connection);
    if (!connection)
        return 0;
    *connection = (struct script_connection){
        .next = run->connections,
        .fd = fd,
        .passive = passive,
        .settled = passive,
        .local_port = 8080,
        .remote_port = passive ? run->next_port++ : 8080,
        .timestamp_tick = run->program.timestamp_tick,
        .timestamp_tolerance = run->program.tolerance ? run->program.tolerance : RUN_TOLERANCE,
    };
    run->connections = run->tested = connection;
    return connection;
}
