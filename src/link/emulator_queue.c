/* link/emulator_queue.c: see emulator_queue.h.
 *
 * CoDel looks at how long a frame has waited when it leaves. Once that has been the target or more
 * for a whole interval, frames are dropped, the first at once and the others ever faster, until one
 * leaves in time. A dropping state that begins soon after another goes on where that had come to.
 */
#include "link/emulator_queue.h"

#include "base/util.h"
#include "link/emulator_frame.h"

void rill__path_queue_put(struct path_queue *queue, struct rill_packet *packet, rill_time now) {
    packet->arrival = now;
    packet->next = 0;
    if (queue->last)
        queue->last->next = packet;
    else
        queue->first = packet;
    queue->last = packet;
    queue->bytes += packet->length;
    queue->largest = RILL_MAX(queue->largest, packet->length);
}

struct rill_packet *rill__path_queue_take(struct path_queue *queue) {
    struct rill_packet *packet = queue->first;
    if (!packet)
        return 0;
    queue->first = packet->next;
    if (!queue->first)
        queue->last = 0;
    queue->bytes -= packet->length;
    packet->next = 0;
    return packet;
}

static uint64_t square_root(uint64_t value) {
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit; bit >>= 1)
        if ((root + bit) * (root + bit) <= value)
            root += bit;
    return root;
}

rill_time rill__codel_next(const struct codel *codel, rill_time at, uint32_t count) {
    rill_time interval = RILL_MIN(codel->interval, UINT32_MAX); /* its square fits */
    return at + square_root(interval * interval / count);
}

/* The next frame, and whether its delay has been too long for long enough (RFC 8289 §5.6). */
static struct rill_packet *take(struct codel *codel, struct path_queue *queue, rill_time now,
                                bool *late) {
    struct rill_packet *packet = rill__path_queue_take(queue);
    *late = false;
    if (!packet || now - packet->arrival < codel->target || queue->bytes <= queue->largest)
        codel->first_above = 0;
    else if (!codel->first_above)
        codel->first_above = now + codel->interval;
    else
        *late = now >= codel->first_above;
    return packet;
}

/* Says "slow down" by this frame. True: it is gone; else it is marked and stays. */
static bool signal_by(struct codel *codel, struct rill_packet *packet) {
    if (rill__frame_mark(packet)) {
        codel->marked++;
        return false;
    }
    codel->dropped++;
    rill_packet_drop(packet);
    return true;
}

/* In the dropping state, as often as the control law says. */
static struct rill_packet *drop_on(struct codel *codel, struct path_queue *queue,
                                   struct rill_packet *packet, rill_time now) {
    while (codel->dropping && now >= codel->drop_next) {
        bool late = true;
        codel->count++;
        bool gone = signal_by(codel, packet);
        if (gone)
            packet = take(codel, queue, now, &late);
        if (late)
            codel->drop_next = rill__codel_next(codel, codel->drop_next, codel->count);
        else
            codel->dropping = false;
        if (!gone)
            break;
    }
    return packet;
}

static void begin_dropping(struct codel *codel, rill_time now) {
    uint32_t last = codel->count - codel->last_count;
    bool soon = now < codel->drop_next || now - codel->drop_next < 16 * codel->interval;
    codel->dropping = true;
    codel->count = last > 1 && soon ? last : 1;
    codel->last_count = codel->count;
    codel->drop_next = rill__codel_next(codel, now, codel->count);
}

/* RFC 8289 §5.5, and a mark where there can be one. */
struct rill_packet *rill__codel_take(struct codel *codel, struct path_queue *queue, rill_time now) {
    bool late;
    struct rill_packet *packet = take(codel, queue, now, &late);
    if (!late) {
        codel->dropping = false;
        return packet;
    }
    if (codel->dropping)
        return drop_on(codel, queue, packet, now);
    if (signal_by(codel, packet))
        packet = take(codel, queue, now, &late);
    begin_dropping(codel, now);
    return packet;
}
