/* streams/fragment.c: see fragment.h. A datagram's bytes lie in one buffer of 64 KiB, with one bit
 * for every eight of them: fragments begin at multiples of eight. */
#include "streams/fragment.h"

#include <string.h>

enum { DATAGRAM_MAX = 65536, UNITS = DATAGRAM_MAX / 8 };

struct fragment_datagram {
    struct fragment_key key;
    uint64_t order; /* of arrival; 0: the place is free */
    rill_time since;
    uint32_t total; /* bytes; 0: the last fragment has not come */
    uint32_t units; /* of eight bytes that have come */
    uint32_t frame_count;
    uint64_t frames[FRAGMENT_FRAMES_MAX];
    uint8_t *bytes;
    uint8_t seen[UNITS / 8];
};

void rill__fragments_init(struct fragments *fragments, const struct rill_allocator *allocator) {
    memset(fragments, 0, sizeof *fragments);
    fragments->allocator = allocator;
}

void rill__fragments_fini(struct fragments *fragments) {
    if (!fragments->list)
        return;
    for (unsigned i = 0; i < FRAGMENT_DATAGRAMS_MAX; i++)
        if (fragments->list[i].bytes)
            fragments->allocator->release(fragments->allocator->context, fragments->list[i].bytes,
                                          DATAGRAM_MAX);
    fragments->allocator->release(fragments->allocator->context, fragments->list,
                                  FRAGMENT_DATAGRAMS_MAX * sizeof *fragments->list);
    fragments->list = 0;
}

uint32_t rill__fragments_waiting(const struct fragments *fragments) {
    uint32_t count = 0;
    for (unsigned i = 0; fragments->list && i < FRAGMENT_DATAGRAMS_MAX; i++)
        count += fragments->list[i].order != 0;
    return count;
}

static bool prepare(struct fragments *fragments) {
    size_t size = FRAGMENT_DATAGRAMS_MAX * sizeof *fragments->list;
    if (!fragments->list) {
        fragments->list = fragments->allocator->allocate(fragments->allocator->context, size);
        if (fragments->list)
            memset(fragments->list, 0, size);
    }
    return fragments->list;
}

/* The datagram a fragment belongs to, or a place for a new one: free, or the oldest's. */
static struct fragment_datagram *find(struct fragments *fragments,
                                      const struct fragment *fragment) {
    struct fragment_datagram *place = fragments->list;
    for (unsigned i = 0; i < FRAGMENT_DATAGRAMS_MAX; i++) {
        struct fragment_datagram *datagram = &fragments->list[i];
        if (datagram->order && fragment->when > datagram->since + FRAGMENT_AGE_MAX) {
            datagram->order = 0;
            fragments->given_up++;
        }
        if (datagram->order && memcmp(&datagram->key, &fragment->key, sizeof fragment->key) == 0)
            return datagram;
        if (datagram->order < place->order)
            place = datagram;
    }
    if (!place->bytes)
        place->bytes = fragments->allocator->allocate(fragments->allocator->context, DATAGRAM_MAX);
    if (!place->bytes)
        return 0;
    fragments->given_up += place->order != 0;
    place->order = ++fragments->counter;
    place->key = fragment->key;
    place->since = fragment->when;
    place->total = place->units = place->frame_count = 0;
    memset(place->seen, 0, sizeof place->seen);
    return place;
}

static void take_bytes(struct fragments *fragments, struct fragment_datagram *datagram,
                       const struct fragment *fragment) {
    bool overlap = false;
    for (uint32_t at = 0; at < fragment->length; at += 8) {
        uint32_t unit = (fragment->offset + at) / 8;
        uint8_t bit = (uint8_t)(1u << unit % 8);
        if (datagram->seen[unit / 8] & bit) {
            overlap = true;
            continue;
        }
        datagram->seen[unit / 8] |= bit;
        datagram->units++;
        uint32_t piece = fragment->length - at < 8 ? fragment->length - at : 8;
        memcpy(datagram->bytes + fragment->offset + at, fragment->data + at, piece);
    }
    fragments->overlaps += overlap;
}

bool rill__fragments_add(struct fragments *fragments, const struct fragment *fragment,
                         const uint8_t **data, uint32_t *length) {
    fragments->fragments++;
    /* A fragment cut off by the snap length leaves a hole that nothing fills. */
    if (fragment->captured < fragment->length || !fragment->length ||
        (fragment->more && fragment->length % 8) || fragment->offset % 8 ||
        fragment->offset + fragment->length > DATAGRAM_MAX || !prepare(fragments))
        return false;
    struct fragment_datagram *datagram = find(fragments, fragment);
    if (!datagram)
        return false;
    take_bytes(fragments, datagram, fragment);
    if (!fragment->more)
        datagram->total = fragment->offset + fragment->length;
    if (datagram->frame_count < FRAGMENT_FRAMES_MAX)
        datagram->frames[datagram->frame_count++] = fragment->frame;
    if (!datagram->total || datagram->units < (datagram->total + 7) / 8)
        return false;
    datagram->order = 0;
    fragments->completed++;
    fragments->frame_count = datagram->frame_count;
    memcpy(fragments->frames, datagram->frames, sizeof fragments->frames);
    *data = datagram->bytes;
    *length = datagram->total;
    return true;
}
